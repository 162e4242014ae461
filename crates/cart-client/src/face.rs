//! The session's face for JavaScript. Each step gives its effects as bytes, one after another: a byte that says
//! which, the length as a varint, and what it says. `package/src/effects.ts` reads them.

use cart_core::change::Change;
use cart_core::customization::Customization;
use cart_core::id::{Actor, CartId};
use cart_core::limits::Limits;
use cart_core::line::{LineKey, Location};
use cart_core::meta::{Code, Field};
use cart_core::money::Money;
use cart_core::reject::Reject;
use cart_core::time::Millis;
use cart_core::view::Offer;
use unsigned_varint::encode;
use wasm_bindgen::prelude::*;

use crate::live::Gossip;
use crate::session::{Effect, Input, Session};
use crate::verdict::Problem;

/// A session in a page.
#[wasm_bindgen]
pub struct Replica {
    session: Session,
    noted: Vec<Change>,
}

#[wasm_bindgen]
impl Replica {
    /// A session that knows nothing yet, in a slot that is named by 16 random digits.
    #[wasm_bindgen(constructor)]
    pub fn new(currency: &str, slot: &str, now: f64) -> Self {
        let random = Actor::from_hex(slot).map_or(0, |random| random.0);
        Self { session: Session::new(currency, random, Millis(now as u64)), noted: Vec::new() }
    }

    /// A stored session; nothing if its bytes are damaged.
    pub fn read(stored: &[u8]) -> Option<Self> {
        Session::from_bytes(stored).ok().map(|session| Self { session, noted: Vec::new() })
    }

    /// Notes a change of the edit that [`Replica::commit`] makes: `op` as of `POST ../commands`. `name` is the sku,
    /// the line's id, the code or the field; `details` the customisation in canonical form, or the field's value.
    /// Gives the code and the reason where it is none.
    pub fn note(
        &mut self,
        op: &str,
        name: &str,
        quantity: f64,
        saved: bool,
        variant: Option<String>,
        details: Option<String>,
    ) -> Option<String> {
        let at = if saved { Location::Saved } else { Location::Cart };
        let changes = change(op, name, quantity, at, variant.as_deref(), details.as_deref());
        match changes {
            Ok(change) => {
                self.noted.push(change);
                None
            }
            Err(reject) => {
                self.noted.clear();
                Some(format!("{}\n{}\n{reject}", reject.status(), reject.code()))
            }
        }
    }

    /// Makes the changes that were noted: all or none.
    pub fn commit(&mut self, now: f64) -> Vec<u8> {
        let changes = std::mem::take(&mut self.noted);
        self.step(Input::Edit(changes), now)
    }

    /// What the last removal took is added again.
    pub fn undo(&mut self, now: f64) -> Vec<u8> {
        self.step(Input::Undo, now)
    }

    /// An actor was leased for a cart. Nothing happens if one of them is none.
    pub fn leased(&mut self, cart: &str, actor: &str, now: f64) -> Vec<u8> {
        match (CartId::try_from(cart.to_owned()), Actor::from_hex(actor)) {
            (Ok(cart), Some(actor)) => self.step(Input::Leased(cart, actor), now),
            _ => Vec::new(),
        }
    }

    /// The service may be asked.
    pub fn opened(&mut self, live: bool, now: f64) -> Vec<u8> {
        self.step(Input::Opened { live }, now)
    }

    /// It can no longer be asked.
    pub fn closed(&mut self, now: f64) -> Vec<u8> {
        self.step(Input::Closed, now)
    }

    /// A message on the socket.
    pub fn message(&mut self, bytes: Vec<u8>, now: f64) -> Vec<u8> {
        self.step(Input::Message(bytes), now)
    }

    /// The answer to a single request.
    pub fn answer(&mut self, bytes: Vec<u8>, now: f64) -> Vec<u8> {
        self.step(Input::Answer(bytes), now)
    }

    /// A refusal of that message of the socket, or, where `seq` is 0, of a single request.
    pub fn refusal(&mut self, seq: f64, status: u16, code: String, detail: String, now: f64) -> Vec<u8> {
        let seq = Some(seq as u64).filter(|seq| *seq > 0);
        self.step(Input::Refusal(seq, Problem { status, code, detail }), now)
    }

    /// Ask for what is new.
    pub fn pull(&mut self, now: f64) -> Vec<u8> {
        self.step(Input::Pull, now)
    }

    /// Another tab tells something.
    pub fn heard(&mut self, bytes: Vec<u8>, now: f64) -> Vec<u8> {
        self.step(Input::Heard(bytes), now)
    }

    /// What another instance had stored.
    pub fn found(&mut self, stored: Vec<u8>, now: f64) -> Vec<u8> {
        self.step(Input::Found(stored), now)
    }

    /// All that another cart's instance shows is added here, but the fields, by their numbers, that this one `has`.
    pub fn carry(&mut self, from: &Replica, has: &[u8], now: f64) -> Vec<u8> {
        let has: Vec<Field> = has.iter().copied().map(Field).collect();
        self.step(Input::Edit(from.session.all_shown(&has)), now)
    }

    /// A product's name and price: `currency` is empty where it has none.
    pub fn product(
        &mut self,
        sku: String,
        title: String,
        amount_minor: f64,
        currency: String,
        now: f64,
    ) -> Vec<u8> {
        let price = (!currency.is_empty()).then_some(Money { amount_minor: amount_minor as i64, currency });
        self.step(Input::Product(sku, Offer { title, price }), now)
    }

    /// The currency in which the service shows a cart that names none.
    pub fn priced_in(&mut self, currency: String) {
        self.session.priced_in(currency);
    }

    /// What a tab says that has just been opened.
    pub fn hello() -> Vec<u8> {
        Gossip::Hello.to_bytes()
    }

    /// Its bytes, to be stored.
    pub fn bytes(&self) -> Vec<u8> {
        self.session.to_bytes()
    }

    /// The view as JSON.
    pub fn view(&self) -> String {
        self.session.view()
    }

    /// Dots and digests as JSON.
    pub fn inspect(&self) -> String {
        self.session.inspect()
    }

    /// Its actor, of 16 digits.
    pub fn actor(&self) -> String {
        self.session.device().actor().to_hex()
    }

    /// How many changes are not acknowledged.
    pub fn pending(&self) -> usize {
        self.session.device().pending()
    }

    /// Whether a sync is under way or due.
    pub fn syncing(&self) -> bool {
        self.session.is_syncing()
    }

    /// Whether there are lines whose product is not known.
    pub fn wants_products(&self) -> bool {
        !self.session.unknown().is_empty()
    }

    fn step(&mut self, input: Input, now: f64) -> Vec<u8> {
        written(self.session.step(input, Millis(now as u64)))
    }
}

fn written(effects: Vec<Effect>) -> Vec<u8> {
    let mut out = Vec::new();
    for effect in effects {
        let (kind, payload) = match effect {
            Effect::Show => (0, Vec::new()),
            Effect::Store(bytes) => (1, bytes),
            Effect::Send(bytes) => (2, bytes),
            Effect::Tell(bytes) => (3, bytes),
            Effect::Lease => (4, Vec::new()),
            Effect::Later => (5, Vec::new()),
            Effect::Rejected(problem) => (6, said(problem)),
            Effect::Refused(problem, _) => (7, said(problem)),
            Effect::Outside(problem) => (8, said(problem)),
        };
        out.push(kind);
        out.extend_from_slice(encode::usize(payload.len(), &mut encode::usize_buffer()));
        out.extend(payload);
    }
    out
}

fn said(problem: Problem) -> Vec<u8> {
    format!("{}\n{}\n{}", problem.status, problem.code, problem.detail).into_bytes()
}

/// A change in a program's words, checked as `POST ../commands` checks it.
fn change(
    op: &str,
    name: &str,
    quantity: f64,
    at: Location,
    variant: Option<&str>,
    details: Option<&str>,
) -> Result<Change, Reject> {
    let max = Limits::default().line_quantity_max;
    let many = |min: u32| {
        let whole = quantity as u32;
        if f64::from(whole) == quantity && (min..=max).contains(&whole) {
            return Ok(whole);
        }
        Err(Reject::invalid("quantity", format!("use a whole number from {min} to {max}")))
    };
    let line = |at: Location| LineKey::from_line_id(name).ok_or(Reject::LineNotFound { location: at.name() });
    let other = if at == Location::Cart { Location::Saved } else { Location::Cart };
    let field = |field: Field| {
        details.map_or(Ok(()), |value| field.check_form(value))?;
        Ok(Change::Write(field, details.map(Into::into)))
    };
    Ok(match op {
        "add" => {
            let custom = details.map(Customization::of_canonical).transpose()?;
            let key = LineKey::new(name, variant, custom.as_ref().map(|custom| custom.hash))?;
            Change::Add {
                key,
                details: custom.map(|custom| custom.json),
                quantity: many(1)?,
                at: Location::Cart,
            }
        }
        "increment" => Change::Add { key: line(at)?, details: None, quantity: many(1)?, at },
        "set" => Change::Set { key: line(at)?, quantity: many(0)?, at },
        "decrement" => Change::Decrement { key: line(at)?, quantity: many(1)?, at },
        "remove" => Change::Remove { key: line(at)?, at },
        "clear" => Change::Clear,
        "move" => Change::Move { key: line(other)?, to: at },
        "apply_coupon" => Change::Coupon(Code::try_from(name)?),
        "remove_coupon" => Change::Uncoupon(Code::try_from(name)?),
        "update" => match name {
            "note" => field(Field::NOTE)?,
            "currency" if details.is_some() => field(Field::CURRENCY)?,
            "locale" => field(Field::LOCALE)?,
            "delivery_region" => field(Field::DELIVERY_REGION)?,
            _ => return Err(Reject::invalid("update", "use note, currency, locale or delivery_region")),
        },
        _ => return Err(Reject::invalid("op", "is none of the commands")),
    })
}
