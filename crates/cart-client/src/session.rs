//! One replica instance of one cart in a page: what is edited is shown at once, stored, told to the other tabs,
//! and sent until it is acknowledged or refused. Decides only; whoever steps it does what the effects say, in
//! their order: what goes out was stored before.
//!
//! One sync is under way at a time. What is edited meanwhile goes with the next.

use cart_core::change::Change;
use cart_core::id::{Actor, CartId, Scope};
use cart_core::limits::Limits;
use cart_core::line::{LineKey, Location};
use cart_core::meta::Field;
use cart_core::ordered::Ordered;
use cart_core::reject::Reject;
use cart_core::sync::{Device, Learned, SyncResponse};
use cart_core::time::Millis;
use cart_core::view::{Offer, shown_lines};

use crate::live::{self, Gossip, Told};
use crate::verdict::{Problem, Verdict};
use crate::view::{self, Shown};

mod at_rest;

/// The most changes in one sync: far fewer than the counters that may be skipped, and a body that is taken.
pub const BATCH_MAX: usize = 256;
/// How many new actors and new stamps are tried without anything being acknowledged.
const REPAIRS_MAX: u32 = 4;

/// All that can happen to a session.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// The shopper edits: all or none.
    Edit(Vec<Change>),
    /// What the last removal took is added again.
    Undo,
    /// An actor was leased for a cart.
    Leased(CartId, Actor),
    /// The service may be asked: on a socket, or by single requests. What was asked before has no answer any more:
    /// close a way before another one is opened.
    Opened {
        /// On a socket.
        live: bool,
    },
    /// It can no longer be asked; what was under way has no answer.
    Closed,
    /// A message on the socket.
    Message(Vec<u8>),
    /// The answer to a single request.
    Answer(Vec<u8>),
    /// A refusal: of that message of the socket, or of a single request.
    Refusal(Option<u64>, Problem),
    /// Ask for what is new.
    Pull,
    /// Another tab tells something.
    Heard(Vec<u8>),
    /// What another instance had stored, which is not open now.
    Found(Vec<u8>),
    /// A product's name and price.
    Product(String, Offer),
}

/// All that is to be done, in this order.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Show the cart again.
    Show,
    /// Store the session.
    Store(Vec<u8>),
    /// Send it to the service: a message of the socket, or the body of a single request.
    Send(Vec<u8>),
    /// Tell the other tabs.
    Tell(Vec<u8>),
    /// Lease a new actor.
    Lease,
    /// Open the way to the service again, a while later.
    Later,
    /// The edit was not made.
    Rejected(Problem),
    /// So many changes were refused by the service and are undone.
    Refused(Problem, usize),
    /// The service says what is not about the changes: who asks, or that the cart is gone, or that this program
    /// is too old. The changes wait.
    Outside(Problem),
}

/// A replica instance.
#[derive(Clone, PartialEq, Debug)]
pub struct Session {
    cart_id: Option<CartId>,
    device: Device,
    offers: Ordered<String, Offer>,
    currency: String,
    /// By how much this clock is known to be ahead of the service's, in milliseconds.
    ahead_ms: u64,
    /// What the last removal took.
    removed: Vec<Change>,
    link: Link,
    under_way: Option<Sent>,
    /// Messages sent on this socket.
    seq: u64,
    /// How many changes go at once: fewer while it is looked for the one that is refused.
    batch: usize,
    repairs: u32,
    leasing: bool,
    /// The service knows more of its actor than it has sent: it is asked for all that it has.
    doubt: bool,
    /// There are other tabs: they are told, and what they are told the service may hear of from them.
    neighbours: bool,
    /// Something is to be asked for.
    pull: bool,
    /// The service has answered once.
    answered: bool,
    limits: Limits,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Link {
    Down,
    Single,
    Live,
}

/// A sync that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sent {
    seq: u64,
    sent_before: u64,
    count: usize,
    /// Whether it asks for all that the service has.
    doubt: bool,
}

impl Session {
    /// A session that knows nothing, not even its cart: it edits all the same. `currency` is that of a cart that
    /// names none. Until an actor is leased its dots have one of `random` and of this day, which differs from those
    /// of its neighbours and which no horizon has passed.
    pub fn new(currency: &str, random: u64, now: Millis) -> Self {
        Self::of(None, Device::new(Actor::mint(now.day(), random), Scope(0)), currency)
    }

    fn of(cart_id: Option<CartId>, device: Device, currency: &str) -> Self {
        Self {
            cart_id,
            device,
            offers: Ordered::default(),
            currency: currency.to_owned(),
            ahead_ms: 0,
            removed: Vec::new(),
            link: Link::Down,
            under_way: None,
            seq: 0,
            batch: BATCH_MAX,
            repairs: 0,
            leasing: false,
            doubt: false,
            neighbours: false,
            pull: false,
            answered: false,
            limits: Limits::default(),
        }
    }

    /// Its replica.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Its cart, once known.
    pub fn cart_id(&self) -> Option<&CartId> {
        self.cart_id.as_ref()
    }

    /// Whether a sync is under way or due.
    pub fn is_syncing(&self) -> bool {
        self.under_way.is_some() || (self.link != Link::Down && self.is_due())
    }

    fn is_due(&self) -> bool {
        self.pull || self.doubt || self.device.pending() > 0 || self.device.is_shared()
    }

    /// The view as JSON.
    pub fn view(&self) -> String {
        self.shown().to_json()
    }

    /// The currency of a cart that names none, as the service has it.
    pub fn priced_in(&mut self, currency: String) {
        self.currency = currency;
    }

    /// The skus of lines whose product is not known.
    pub fn unknown(&self) -> Vec<&str> {
        let mut unknown: Vec<&str> = self.device.cart().lines().map(|(key, _)| &*key.sku).collect();
        unknown.retain(|sku| !self.offers.contains_key(&(*sku).to_owned()));
        unknown.dedup();
        unknown
    }

    /// What it is made of, as JSON.
    pub fn inspect(&self) -> String {
        view::inspect(&self.device)
    }

    /// What happened becomes what is to be done.
    pub fn step(&mut self, input: Input, now: Millis) -> Vec<Effect> {
        let now = now.less(self.ahead_ms);
        match input {
            Input::Edit(changes) => self.edit(changes, now),
            // Each that is added again leaves the list: what is refused stays.
            Input::Undo => self.edit(self.removed.clone(), now),
            Input::Leased(cart, actor) => self.leased(cart, actor),
            Input::Opened { live } => {
                self.link = if live { Link::Live } else { Link::Single };
                (self.under_way, self.seq, self.pull, self.leasing) = (None, 0, true, false);
                // The clock may have been put right since: if not, it is found out again.
                (self.ahead_ms, self.repairs) = (0, 0);
                self.send()
            }
            Input::Closed => {
                (self.link, self.under_way) = (Link::Down, None);
                Vec::new()
            }
            Input::Message(bytes) => match Told::from_bytes(&bytes) {
                Ok(Told::Answer { seq, response }) => self.answered(Some(seq), &response),
                Ok(Told::News { base, sequence, delta }) => {
                    let before = self.device.settled().clone();
                    self.pull |= !self.device.follow(base, sequence, &delta);
                    self.took_in(self.device.settled() != &before)
                }
                Ok(Told::Unknown) => Vec::new(),
                Err(reject) => vec![unreadable(&reject)],
            },
            Input::Answer(bytes) => match SyncResponse::from_bytes(&bytes) {
                Ok(response) => self.answered(None, &response),
                Err(reject) => {
                    (self.link, self.under_way) = (Link::Down, None);
                    vec![unreadable(&reject)]
                }
            },
            Input::Refusal(seq, problem) => self.refused(seq, problem, now),
            Input::Pull => {
                self.pull = true;
                self.send()
            }
            Input::Heard(bytes) => match Gossip::from_bytes(&bytes) {
                Ok(Gossip::Hello) => {
                    self.neighbours = true;
                    self.keep(true)
                }
                Ok(Gossip::State { from, pending, settled }) => {
                    self.device.hear(from, &settled, *pending);
                    let first = !std::mem::replace(&mut self.neighbours, true);
                    let mut effects = vec![Effect::Show];
                    effects.extend(if first { self.keep(false) } else { Vec::new() });
                    effects.extend(self.send());
                    effects
                }
                Ok(Gossip::Unknown) | Err(_) => Vec::new(),
            },
            Input::Found(bytes) => {
                let Ok(found) = Self::from_bytes(&bytes) else { return Vec::new() };
                if self.cart_id.is_some() && found.cart_id != self.cart_id {
                    return Vec::new();
                }
                self.device.hear(found.device.actor(), found.device.settled(), found.device.pending_delta());
                for (sku, offer) in found.offers {
                    if !self.offers.contains_key(&sku) {
                        self.offers.insert(sku, offer);
                    }
                }
                vec![Effect::Show]
            }
            Input::Product(sku, offer) => {
                let known = self.offers.insert(sku, offer.clone());
                if known.as_ref() == Some(&offer) { Vec::new() } else { vec![Effect::Show] }
            }
        }
    }

    fn edit(&mut self, changes: Vec<Change>, now: Millis) -> Vec<Effect> {
        let before = self.clone();
        match changes.into_iter().try_for_each(|change| self.change(change, now)) {
            Ok(()) if self.device.pending() == before.device.pending() => Vec::new(),
            Ok(()) => {
                let mut effects = vec![Effect::Show];
                effects.extend(self.keep(false));
                effects.extend(self.send());
                effects
            }
            Err(reject) => {
                *self = before;
                vec![Effect::Rejected(problem(&reject))]
            }
        }
    }

    fn change(&mut self, change: Change, now: Millis) -> Result<(), Reject> {
        let cart = self.device.cart();
        change.check(cart, cart, &self.limits)?;
        let taken = self.taken_by(&change);
        let before = cart.clone();
        self.device.edit(change.clone(), now);
        let reduces = matches!(
            change,
            Change::Set { .. } | Change::Remove { .. } | Change::Clear | Change::Uncoupon(_)
        );
        self.limits.check_growth(&before, self.device.cart(), !reduces)?;
        if !taken.is_empty() {
            self.removed = taken;
        } else if let Change::Add { key: added, .. } = &change {
            self.removed.retain(|change| !matches!(change, Change::Add { key, .. } if key == added));
        }
        Ok(())
    }

    /// The adds that would bring back the lines that a change takes away.
    fn taken_by(&self, change: &Change) -> Vec<Change> {
        match change {
            Change::Remove { key, at } | Change::Set { key, quantity: 0, at } => {
                self.again(key, *at).into_iter().collect()
            }
            Change::Decrement { key, quantity, at }
                if u64::from(*quantity) >= self.device.cart().shown(key, *at) =>
            {
                self.again(key, *at).into_iter().collect()
            }
            Change::Clear => self.all_at(Location::Cart),
            _ => Vec::new(),
        }
    }

    /// The add that makes what a line shows, if it shows anything.
    fn again(&self, key: &LineKey, at: Location) -> Option<Change> {
        let cart = self.device.cart();
        let quantity = cart.shown(key, at).min(u64::from(self.limits.line_quantity_max));
        let quantity = u32::try_from(quantity).unwrap_or(0);
        let details = cart.details(key).cloned();
        (quantity > 0).then(|| Change::Add { key: key.clone(), details, quantity, at })
    }

    fn all_at(&self, at: Location) -> Vec<Change> {
        let lines = shown_lines(self.device.cart(), at);
        lines.into_iter().filter_map(|(key, _)| self.again(key, at)).collect()
    }

    /// The changes that make in another cart what is shown in this one: its lines, saved ones too, coupons, and the
    /// fields but those that the other `has` of its own.
    pub fn all_shown(&self, has: &[Field]) -> Vec<Change> {
        let mut changes = self.all_at(Location::Cart);
        changes.extend(self.all_at(Location::Saved));
        changes.extend(self.device.cart().coupons().cloned().map(Change::Coupon));
        let lacks = [Field::NOTE, Field::CURRENCY, Field::LOCALE, Field::DELIVERY_REGION].into_iter();
        changes.extend(lacks.filter(|field| !has.contains(field)).filter_map(|field| {
            let value = self.device.cart().meta(field)?.value.clone()?;
            Some(Change::Write(field, Some(value)))
        }));
        changes
    }

    fn leased(&mut self, cart: CartId, actor: Actor) -> Vec<Effect> {
        // Of two that were asked for, one before and one after a connection was lost, the second would make again
        // what has gone out under the first.
        let wanted = self.leasing || self.cart_id.is_none();
        if !wanted || self.cart_id.as_ref().is_some_and(|known| *known != cart) {
            return Vec::new();
        }
        // What was told under the actor of before is told again under this one.
        let withdrawn =
            Gossip::State { from: self.device.actor(), pending: Box::default(), settled: Box::default() };
        self.device.adopt(actor, cart.scope());
        if self.cart_id.is_none() {
            // By what tabs without a cart have told they are known no more: with this cart they tell it again.
            self.device.forget_heard();
        }
        (self.cart_id, self.leasing, self.under_way, self.doubt) = (Some(cart), false, None, false);
        let mut effects = vec![Effect::Show, Effect::Tell(withdrawn.to_bytes())];
        effects.extend(self.keep(false));
        effects.extend(self.send());
        effects
    }

    /// The next sync, if one is due and none is under way.
    fn send(&mut self) -> Vec<Effect> {
        if !self.is_due() || self.link == Link::Down || self.under_way.is_some() || self.leasing {
            return Vec::new();
        }
        if self.cart_id.is_none() {
            self.leasing = true;
            return vec![Effect::Lease];
        }
        let sent_before = self.device.sent();
        let mut count = self.batch.min(self.device.pending());
        if self.doubt {
            count = 0;
        } else if self.device.is_shared() {
            // What the service may have of them goes out as it was, and all else under an actor of its own.
            count = count.min(self.device.maybe_sent());
            if count == 0 {
                return self.new_actor();
            }
        }
        let request = match self.doubt {
            true => self.device.request_all(),
            false => self.device.request_first(count),
        };
        let request = request.to_bytes();
        self.seq += 1;
        self.pull = false;
        self.under_way = Some(Sent { seq: self.seq, sent_before, count, doubt: self.doubt });
        let message = if self.link == Link::Live { live::sync(self.seq, &request) } else { request };
        if self.device.sent() == sent_before {
            return vec![Effect::Send(message)];
        }
        vec![self.store(), Effect::Send(message)]
    }

    fn answered(&mut self, seq: Option<u64>, response: &SyncResponse) -> Vec<Effect> {
        let Some(sent) = self.under_way.filter(|sent| seq.is_none_or(|seq| seq == sent.seq)) else {
            // Of a request given up since: what it says of the cart holds all the same.
            let before = self.device.settled().clone();
            self.device.follow(response.sequence, response.sequence, &response.lacking);
            return self.took_in(self.device.settled() != &before);
        };
        self.under_way = None;
        let before = (self.device.settled().clone(), self.device.pending());
        if sent.doubt {
            self.device.look(response);
            self.doubt = false;
        } else if self.device.receive(response, sent.sent_before) == Learned::ActorShared {
            return self.in_doubt(sent);
        }
        self.answered = true;
        if sent.count > 0 {
            self.repairs = 0;
            self.batch = self.batch.saturating_mul(2).min(BATCH_MAX);
        }
        self.took_in((self.device.settled(), self.device.pending()) != (&before.0, before.1))
    }

    /// After something was taken in.
    fn took_in(&mut self, changed: bool) -> Vec<Effect> {
        let mut effects = vec![Effect::Show];
        if changed {
            effects.extend(self.keep(true));
        }
        effects.extend(self.send());
        effects
    }

    fn refused(&mut self, seq: Option<u64>, problem: Problem, now: Millis) -> Vec<Effect> {
        let Some(sent) = self.under_way.filter(|sent| seq.is_none_or(|seq| seq == sent.seq)) else {
            return Vec::new();
        };
        self.under_way = None;
        match problem.verdict() {
            Verdict::Look if self.repairs < REPAIRS_MAX => {
                self.repairs += 1;
                self.in_doubt(sent)
            }
            Verdict::NewActor if self.repairs < REPAIRS_MAX => {
                self.repairs += 1;
                self.new_actor()
            }
            Verdict::Restamp if self.repairs < REPAIRS_MAX => {
                self.repairs += 1;
                self.restamp(now)
            }
            Verdict::Later => {
                self.pull = true;
                self.link = Link::Down;
                vec![Effect::Outside(problem), Effect::Later]
            }
            Verdict::Outside => {
                self.pull = true;
                self.link = Link::Down;
                vec![Effect::Outside(problem)]
            }
            _ if sent.count == 0 => {
                self.link = Link::Down;
                vec![Effect::Outside(problem), Effect::Later]
            }
            // Which of them is refused? Half of them may be taken.
            _ if sent.count > 1 => {
                self.batch = sent.count / 2;
                self.send()
            }
            _ => {
                self.device.refuse(sent.count);
                // What follows may be refused for the same reason: more go at once as soon as one is taken.
                (self.repairs, self.batch, self.pull) = (0, 1, true);
                let mut effects = vec![Effect::Show];
                effects.extend(self.keep(false));
                effects.push(Effect::Refused(problem, sent.count));
                effects.extend(self.send());
                effects
            }
        }
    }

    /// Another instance may use its actor, or tabs that were told of its changes were faster than they.
    fn in_doubt(&mut self, sent: Sent) -> Vec<Effect> {
        self.doubt = true;
        self.device.not_taken(sent.sent_before);
        self.send()
    }

    fn new_actor(&mut self) -> Vec<Effect> {
        self.leasing = true;
        vec![Effect::Lease]
    }

    /// What the service has seen, and the day on which it leased the actor, are not after its time: this clock
    /// is taken to be ahead by at least as much.
    fn restamp(&mut self, now: Millis) -> Vec<Effect> {
        let seen = self.device.settled().latest_time().millis().max(self.device.actor().day().start());
        self.ahead_ms += now.0.saturating_sub(seen.0);
        self.device.restamp(now.min(seen));
        let mut effects = vec![Effect::Show];
        effects.extend(self.keep(false));
        effects.extend(self.send());
        effects
    }

    fn store(&self) -> Effect {
        Effect::Store(self.to_bytes())
    }

    /// Stores what is new and tells the other tabs, if there are any: what is pending, and, if `settled`, what the
    /// service is known to have.
    fn keep(&mut self, settled: bool) -> Vec<Effect> {
        if !self.neighbours {
            return vec![self.store()];
        }
        self.device.disclose();
        let settled = if settled { Box::new(self.device.settled().clone()) } else { Box::default() };
        let pending = Box::new(self.device.pending_delta());
        let told = Gossip::State { from: self.device.actor(), pending, settled };
        vec![self.store(), Effect::Tell(told.to_bytes())]
    }

    fn shown(&self) -> Shown<'_> {
        Shown {
            cart_id: self.cart_id.as_ref().map(CartId::as_str),
            device: &self.device,
            offers: &self.offers,
            currency: &self.currency,
            partial: !self.answered,
            undo: self.removed.len(),
        }
    }
}

fn problem(reject: &Reject) -> Problem {
    Problem { status: reject.status(), code: reject.code().to_owned(), detail: reject.to_string() }
}

/// A message that this version cannot read: a later one may.
fn unreadable(reject: &Reject) -> Effect {
    Effect::Outside(Problem { status: 415, code: "client_too_old".to_owned(), detail: reject.to_string() })
}
