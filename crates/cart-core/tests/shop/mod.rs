//! A replica as its object holds it: steps it, keeps the row it wrote last, and reads that row back after
//! every step, as after an eviction. Each test file uses a part of this.
#![allow(dead_code)]

use cart_core::cart::{Cart, Delta};
use cart_core::change::{Change, Stamp};
use cart_core::command::Command;
use cart_core::customization::Customization;
use cart_core::id::{Actor, CartId, Dot, Region, SessionId};
use cart_core::idem::Ledger;
use cart_core::limits::Limits;
use cart_core::line::{LineKey, Location};
use cart_core::packed::pack;
use cart_core::reject::Reject;
use cart_core::replica::{self, Book, Caller, Edit, Effect, Input, Replica, Reply, ReplyKind, Row};
use cart_core::sync::{Device, Learned, SyncRequest, SyncResponse};
use cart_core::time::{HybridTime, Millis};

/// 2026-11-22, three in the morning.
pub const BEGIN: Millis = Millis(1_795_316_400_000);

/// A cart of a session of its own, and the replica of it in one region.
pub struct Shop {
    /// The replica.
    pub replica: Replica,
    /// The session that owns the cart.
    pub session: SessionId,
    /// What was written last.
    pub row: Row,
    /// The pages of the ledger put aside.
    pub pages: Vec<Ledger>,
    /// All states it had.
    pub states: Vec<Cart>,
    minted: u32,
}

impl Shop {
    /// The cart and session of this number, in western Europe.
    pub fn new(name: u8) -> Self {
        let mut replica = Replica::new(cart_id(name), Region::Weur, u64::from(name), BEGIN);
        replica.step(&Caller::Service, Input::Fresh, BEGIN);
        let row = Row { cart: Cart::default().to_bytes(), book: book_of(&replica), ledger: vec![] };
        let session = SessionId::mint([name; 15]);
        Self { replica, session, row, pages: vec![], states: vec![], minted: 0 }
    }

    /// The same cart in another region, from this one's state.
    pub fn in_region(&self, region: Region) -> Self {
        let mut book = self.replica.book().clone();
        (book.region, book.incarnation) = (region, book.incarnation + 1);
        let book = pack(&book);
        let row = Row { cart: self.row.cart.clone(), book, ledger: vec![] };
        let replica = Replica::from_row(&row).expect("a row");
        Self { replica, session: self.session.clone(), row, pages: vec![], states: vec![], minted: 0 }
    }

    /// A state arrives, as from another region: joined without any check.
    pub fn arrive(&mut self, state: &Cart) {
        let mut cart = self.replica.cart().clone();
        cart.join(state);
        self.row.cart = cart.to_bytes();
        self.row.book = book_of(&self.replica);
        self.replica = Replica::from_row(&self.row).expect("a row");
    }

    /// The state.
    pub fn cart(&self) -> &Cart {
        self.replica.cart()
    }

    /// What a line shows in the cart.
    pub fn shown(&self, sku: &str) -> u64 {
        self.cart().shown(&key(sku), Location::Cart)
    }

    /// The owner, with a token issued at the beginning.
    pub fn shopper(&self) -> Caller {
        let root = self.replica.book().cart_id.clone();
        Caller::Session { id: self.session.clone(), root, issued: BEGIN, current: false }
    }

    /// A step: the effects, after what is to be written is written.
    pub fn step(&mut self, caller: &Caller, input: Input, now: Millis) -> Vec<Effect> {
        let effects = self.replica.step(caller, input, now);
        for effect in &effects {
            match effect {
                Effect::Put(row) => {
                    self.row = row.clone();
                    self.states.push(self.cart().clone());
                }
                Effect::PutPage { entries, .. } => {
                    self.pages.push(Ledger::from_bytes(entries).expect("a page"));
                }
                _ => {}
            }
        }
        let read = Replica::from_row(&self.row).expect("its own row");
        assert!(read.cart() == self.cart(), "the row is the state");
        assert!(read.book() == self.replica.book(), "the row holds the book");
        effects
    }

    /// A step: only the reply.
    pub fn ask(&mut self, caller: &Caller, input: Input, now: Millis) -> Result<Reply, Reject> {
        match self.step(caller, input, now).pop() {
            Some(Effect::Reply(reply)) => reply,
            other => panic!("a step ends with its reply, not {other:?}"),
        }
    }

    /// A plain HTTP edit as the edge makes it, under a token issued on the day of `now`.
    pub fn edit_of(&self, key: &str, commands: Vec<Command>, now: Millis) -> Edit {
        let actors = replica::actors_of_key(now.day(), &self.session, key);
        let mut edit = Edit::of(actors, commands);
        if self.replica.wants_pages(&edit) {
            edit.pages.clone_from(&self.pages);
        }
        edit
    }

    /// A plain HTTP edit with a key.
    pub fn edit(&mut self, key: &str, command: Command, now: Millis) -> Result<Reply, Reject> {
        let edit = self.edit_of(key, vec![command], now);
        self.ask(&self.shopper(), Input::Edit(edit), now)
    }

    /// A key as the edge mints one, new in all regions.
    pub fn mint(&mut self) -> String {
        self.minted += 1;
        format!("minted {} in {}", self.minted, self.replica.book().region)
    }

    /// A new device.
    pub fn device(&mut self, name: u64) -> Device {
        Device::new(self.lease(name), self.replica.book().cart_id.scope())
    }

    /// A new lease.
    pub fn lease(&mut self, name: u64) -> Actor {
        let leased = self.ask(&self.shopper(), Input::Lease { actor: actor(name) }, BEGIN);
        assert!(matches!(leased.map(|reply| reply.kind), Ok(ReplyKind::Leased(_))));
        actor(name)
    }

    /// A device sends what it has, and takes in the answer.
    pub fn exchange(&mut self, device: &mut Device, now: Millis) -> Result<Learned, Reject> {
        let sent_before = device.sent();
        let request = device.request();
        let response = self.sync(&request, now)?;
        Ok(device.receive(&response, sent_before))
    }

    /// A device's request, and the response.
    pub fn sync(&mut self, request: &SyncRequest, now: Millis) -> Result<SyncResponse, Reject> {
        let reply = self.ask(&self.shopper(), Input::Sync { request: request.to_bytes() }, now)?;
        let ReplyKind::Synced(bytes) = reply.kind else { panic!("a sync answers with what is lacking") };
        SyncResponse::from_bytes(&bytes)
    }

    /// Merges this guest's cart into a user's.
    pub fn merge_into(&mut self, user: &mut Self, now: Millis) -> Result<Reply, Reject> {
        let into = user.replica.book().cart_id.clone();
        let sealed = self.ask(&Caller::Service, Input::Seal { into }, now)?;
        let ReplyKind::Sealed(state) = sealed.kind else { panic!("a seal gives what to join") };
        user.ask(&Caller::Service, Input::Join { state, path: vec![] }, now)
    }

    /// Alarms until nothing is left to forward to `user`.
    pub fn forward(&mut self, user: &mut Self) {
        let to_send =
            |book: &Book| book.forwarding.as_ref().is_some_and(|there| there.outbox != Cart::default());
        while to_send(self.replica.book()) {
            let due = self.replica.book().wake.expect("what is to be sent has its alarm");
            for effect in self.step(&Caller::Service, Input::Tick, due) {
                if let Effect::Tell { cart, input, then } = effect {
                    assert_eq!(cart, user.replica.book().cart_id);
                    user.ask(&Caller::Service, *input, due).expect("it joins");
                    self.step(&Caller::Service, *then, due);
                }
            }
        }
    }

    /// With other bounds and another life of keys.
    pub fn configured(self, limits: Limits, key_ms: u64) -> Self {
        Self { replica: self.replica.configured(limits, key_ms), ..self }
    }
}

/// The replica's book as it is at rest.
pub fn book_of(replica: &Replica) -> Vec<u8> {
    pack(replica.book())
}

/// The cart of this number.
pub fn cart_id(name: u8) -> CartId {
    CartId::mint(Region::Weur, [name; 15])
}

/// An actor minted at the beginning.
pub fn actor(name: u64) -> Actor {
    Actor::mint(BEGIN.day(), name)
}

/// A stamp `seconds` after the beginning.
pub fn stamp(name: u64, counter: u64, seconds: u64) -> Stamp {
    let time = HybridTime::at(BEGIN.plus(seconds * Millis::SECOND));
    Stamp { dot: Dot::new(actor(name), counter), time, scope: cart_id(1).scope() }
}

/// The line of a product.
pub fn key(sku: &str) -> LineKey {
    LineKey::new(sku, None, None).expect("a key")
}

/// The line of an engraved product, and the engraving's canonical JSON.
pub fn engraved(sku: &str, name: &str) -> (LineKey, std::sync::Arc<str>) {
    let object = serde_json::Map::from_iter([("engraving".to_owned(), name.into())]);
    let custom = Customization::of(&object).expect("it is short").expect("it is not empty");
    (LineKey::new(sku, None, Some(custom.hash)).expect("a key"), custom.json)
}

/// So many more of a product, as a change.
pub fn add(sku: &str, quantity: u32) -> Change {
    Change::Add { key: key(sku), details: None, quantity, at: Location::Cart }
}

/// The line goes, as a change.
pub fn remove(sku: &str) -> Change {
    Change::Remove { key: key(sku), at: Location::Cart }
}

/// So many more of a product, as a command.
pub fn order(sku: &str, quantity: i64) -> Command {
    Command::Add { sku: sku.to_owned(), quantity, variant: None, customization: None }
}

/// A delta that has only seen these dots.
pub fn seen(dots: impl IntoIterator<Item = Dot>) -> Delta {
    let mut seen = Cart::default();
    for dot in dots {
        let nothing_removed = Change::Clear;
        seen.join(&Cart::default().change(&nothing_removed, Stamp { dot, ..stamp(0, 1, 0) }));
    }
    seen
}
