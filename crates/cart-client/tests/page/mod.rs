//! A page without a browser: it steps a session, keeps what it stores, and carries what it sends to a replica.
#![allow(dead_code)]

use cart_client::live::{self, Told};
use cart_client::session::{Effect, Input, Session};
use cart_client::verdict::Problem;
use cart_core::change::Change;
use cart_core::line::Location;
use cart_core::reject::Reject;
use cart_core::replica::{Input as Asked, ReplyKind};
use cart_core::time::Millis;
use unsigned_varint::{decode, encode};

use crate::shop::{BEGIN, Shop, actor, cart_id, key};

/// A page and what it has done.
pub struct Page {
    /// Its session.
    pub session: Session,
    /// What it stored last.
    pub stored: Vec<u8>,
    /// What it has to send.
    pub sends: Vec<Vec<u8>>,
    /// What it told the other tabs.
    pub told: Vec<Vec<u8>>,
    /// What was refused, by the service or at once.
    pub refused: Vec<String>,
    /// What the service said that is not about changes.
    pub outside: Vec<String>,
    /// It wants an actor.
    pub wants_actor: bool,
    /// How often it asked the service.
    pub asked: usize,
    /// On a socket.
    pub live: bool,
    /// Its clock.
    pub now: Millis,
}

impl Page {
    /// A page that knows nothing yet.
    pub fn new(live: bool) -> Self {
        Self::numbered(0, live)
    }

    /// The same as one of several.
    pub fn numbered(number: u64, live: bool) -> Self {
        Self::of(Session::new("USD", number, BEGIN), live)
    }

    /// The page that reads what this one stored.
    pub fn restored(&self) -> Self {
        self.stored_as(self.stored.clone())
    }

    /// The page that reads this.
    pub fn stored_as(&self, stored: Vec<u8>) -> Self {
        let session = Session::from_bytes(&stored).expect("a session");
        Self { now: self.now, stored, ..Self::of(session, self.live) }
    }

    fn of(session: Session, live: bool) -> Self {
        let (sends, told, refused, outside) = Default::default();
        let (wants_actor, asked, now) = (false, 0, BEGIN);
        Self { session, stored: vec![], sends, told, refused, outside, wants_actor, asked, live, now }
    }

    /// A page with an actor of the shop's cart 1.
    pub fn leased(shop: &mut Shop, name: u64, live: bool) -> Self {
        let mut page = Self::new(live);
        shop.lease(name);
        page.step(Input::Leased(cart_id(1), actor(name)));
        page
    }

    /// A step, whose effects are noted.
    pub fn step(&mut self, input: Input) {
        for effect in self.session.step(input, self.now) {
            match effect {
                Effect::Store(bytes) => self.stored = bytes,
                Effect::Send(bytes) => {
                    assert!(!self.stored.is_empty(), "stored before it is sent");
                    let stored = Session::from_bytes(&self.stored).expect("its own bytes");
                    assert!(stored.device().sent() >= self.session.device().sent(), "what is sent is stored");
                    self.sends.push(bytes);
                }
                Effect::Tell(bytes) => self.told.push(bytes),
                Effect::Lease => self.wants_actor = true,
                Effect::Rejected(problem) | Effect::Refused(problem, _) => self.refused.push(problem.code),
                Effect::Outside(problem) => self.outside.push(problem.code),
                Effect::Show | Effect::Later => {}
            }
        }
    }

    /// An edit.
    pub fn edit(&mut self, change: Change) {
        self.step(Input::Edit(vec![change]));
    }

    /// It can ask the service.
    pub fn open(&mut self) {
        self.step(Input::Opened { live: self.live });
    }

    /// It cannot.
    pub fn close(&mut self) {
        self.sends.clear();
        self.step(Input::Closed);
    }

    /// Carries what is sent to the service, and the answers back, until nothing more is sent.
    pub fn pump(&mut self, shop: &mut Shop) {
        for _ in 0..2_000 {
            if std::mem::take(&mut self.wants_actor) {
                let name = 1_000 + u64::from(shop.replica.book().ties.leases.len() as u32);
                shop.lease(name);
                self.step(Input::Leased(cart_id(1), actor(name)));
            }
            let Some(message) = (!self.sends.is_empty()).then(|| self.sends.remove(0)) else {
                if self.wants_actor {
                    continue;
                } else {
                    return;
                };
            };
            self.asked += 1;
            match self.ask(shop, &message) {
                (_, Ok(answer)) if self.live => self.step(Input::Message(answer)),
                (_, Ok(answer)) => self.step(Input::Answer(answer)),
                (seq, Err(reject)) => self.step(Input::Refusal(seq, refusal(&reject))),
            }
        }
        panic!("it sends for ever");
    }

    /// The service takes a message: the answer as this page reads it.
    pub fn ask(&self, shop: &mut Shop, message: &[u8]) -> (Option<u64>, Result<Vec<u8>, Reject>) {
        let (seq, request) = if self.live {
            assert_eq!(message[0], 1);
            let (seq, request) = decode::u64(&message[1..]).expect("a number");
            (Some(seq), request)
        } else {
            (None, message)
        };
        let asked = Asked::Sync { request: request.to_vec() };
        let reply = shop.ask(&shop.shopper(), asked, BEGIN);
        let answer = reply.map(|reply| {
            let ReplyKind::Synced(bytes) = reply.kind else { panic!("a sync answers with bytes") };
            match seq {
                Some(seq) => live::sync(seq, &bytes),
                None => bytes,
            }
        });
        (seq, answer)
    }

    /// What a line shows.
    pub fn shown(&self, sku: &str) -> u64 {
        self.session.device().cart().shown(&key(sku), Location::Cart)
    }
}

/// A message of kind 3.
pub fn news(base: u64, sequence: u64, delta: &[u8]) -> Vec<u8> {
    let mut out = vec![3];
    for number in [base, sequence] {
        out.extend_from_slice(encode::u64(number, &mut encode::u64_buffer()));
    }
    out.extend_from_slice(delta);
    assert!(Told::from_bytes(&out).is_ok());
    out
}

/// A refusal as HTTP says it.
pub fn refusal(reject: &Reject) -> Problem {
    Problem { status: reject.status(), code: reject.code().to_owned(), detail: reject.to_string() }
}
