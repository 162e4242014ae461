//! The session's face for JavaScript. Each step gives its effects as bytes, one after another: a byte that says
//! which, the length as a varint, and what it says. `package/src/wasm.ts` reads them.

use cart_core::command;
use cart_core::id::{Actor, CartId};
use cart_core::money::Money;
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
}

#[wasm_bindgen]
impl Replica {
    /// A session that knows nothing yet.
    #[wasm_bindgen(constructor)]
    pub fn new(currency: &str) -> Self {
        Self { session: Session::new(currency) }
    }

    /// A stored session; nothing if its bytes are damaged.
    pub fn read(stored: &[u8]) -> Option<Self> {
        Session::from_bytes(stored).ok().map(|session| Self { session })
    }

    /// Commands as of `POST ../commands`, as a JSON array.
    pub fn edit(&mut self, commands: &str, now: f64) -> Vec<u8> {
        let mut json = serde_json::Deserializer::from_str(commands);
        match command::objects(&mut json) {
            Ok(commands) => self.step(Input::Edit(commands), now),
            Err(error) => {
                let problem =
                    Problem { status: 422, code: "invalid_field".to_owned(), detail: error.to_string() };
                written(vec![Effect::Rejected(problem)])
            }
        }
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

    /// The `problem+json` of one.
    pub fn refusal(&mut self, body: Vec<u8>, now: f64) -> Vec<u8> {
        self.step(Input::Refusal(body), now)
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
