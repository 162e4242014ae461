//! An object of the cart in a region: what is on its disk, what is in memory, and the turn between: load,
//! step, commit. What is in memory is gone with a crash; what is on the disk only with the disk.

use std::sync::Arc;

use cart_core::cart::Cart;
use cart_core::id::{CartId, Region};
use cart_core::idem::Ledger;
use cart_core::regions::Regions;
use cart_core::reject::Reject;
use cart_core::replica::{Caller, Effect, Input, Replica, Reply, Row};
use cart_core::time::Millis;

/// An object.
pub struct Site {
    /// Where it is.
    pub region: Region,
    /// Its clock is wrong by so many milliseconds.
    pub skew_ms: i64,
    /// On the disk: the row, the ledger's pages, the alarm.
    pub row: Option<Row>,
    pages: Vec<Ledger>,
    /// When the alarm goes off, by the world's clock.
    pub alarm: Option<Millis>,
    /// For how many answers the alarm's handler waits: if it does not come to its end, the alarm goes off again.
    pub awaited: u32,
    /// One more with each crash: what an earlier life waits for is nothing to this one.
    pub life: u32,
    memory: Option<Replica>,
    /// Whether it has asked others for the cart in vain since it is in memory.
    pub asked: bool,
}

/// Where a turn breaks off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crash {
    /// Before anything is written.
    Uncommitted,
    /// Before anything is sent.
    Unsent,
    /// Before the caller hears of it.
    Unanswered,
}

/// What a turn did.
pub struct Turn {
    /// The reply, if the caller hears it.
    pub reply: Option<Result<Reply, Reject>>,
    /// What is to be sent.
    pub sends: Vec<Effect>,
    /// Whether the storage was deleted.
    pub forgot: bool,
}

impl Site {
    /// An object that nobody has called.
    pub fn new(region: Region) -> Self {
        Self {
            region,
            skew_ms: 0,
            row: None,
            pages: Vec::new(),
            alarm: None,
            awaited: 0,
            life: 0,
            memory: None,
            asked: false,
        }
    }

    /// The replica, read from the disk if it is not in memory.
    pub fn replica(
        &mut self,
        cart: &CartId,
        regions: &Arc<Regions>,
        fresh: u64,
        now: Millis,
    ) -> &mut Replica {
        let local = Millis(now.0.saturating_add_signed(self.skew_ms));
        let (row, region) = (&self.row, self.region);
        self.memory.get_or_insert_with(|| {
            let replica = match row {
                Some(row) => Replica::from_row(row).expect("a row that this object wrote"),
                None => Replica::new(cart.clone(), region, fresh, local),
            };
            replica.among(Arc::clone(regions))
        })
    }

    /// Whether it has neither a row nor heard of the cart.
    pub fn is_unknown(&self) -> bool {
        self.row.is_none() && self.memory.as_ref().is_none_or(|replica| !replica.book().joined)
    }

    /// The state on the disk.
    pub fn stored(&self) -> Option<Cart> {
        self.row.as_ref().map(|row| Cart::from_bytes(&row.cart).expect("a row holds a cart"))
    }

    /// One turn of the replica in memory.
    pub fn turn(&mut self, caller: &Caller, mut input: Input, now: Millis, crash: Option<Crash>) -> Turn {
        let local = Millis(now.0.saturating_add_signed(self.skew_ms));
        let replica = self.memory.as_mut().expect("it was read before");
        if let Input::Edit(edit) = &mut input
            && replica.wants_pages(edit)
        {
            edit.pages.clone_from(&self.pages);
        }
        let mut effects = replica.step(caller, input, local);
        let mut turn = Turn { reply: None, sends: Vec::new(), forgot: false };
        if crash == Some(Crash::Uncommitted) {
            self.crash();
            return turn;
        }
        let Some(Effect::Reply(reply)) = effects.pop() else { panic!("a step ends with its reply") };
        for effect in effects {
            match effect {
                Effect::Put(row) => self.row = Some(row),
                Effect::PutPage { entries, .. } => {
                    self.pages.push(Ledger::from_bytes(&entries).expect("a page"));
                }
                Effect::DropPages { .. } => {}
                Effect::Wake(at) => self.alarm = Some(Millis(at.0.saturating_add_signed(-self.skew_ms))),
                Effect::Forget => turn.forgot = true,
                send => turn.sends.push(send),
            }
        }
        if turn.forgot {
            self.wipe();
        }
        match crash {
            Some(Crash::Unsent) => {
                self.crash();
                turn.sends.clear();
            }
            Some(_) => self.crash(),
            None => turn.reply = Some(reply),
        }
        turn
    }

    /// What is in memory is gone.
    pub fn crash(&mut self) {
        self.memory = None;
        self.asked = false;
        self.life += 1;
        if std::mem::take(&mut self.awaited) > 0 {
            self.alarm = Some(Millis(0));
        }
    }

    /// All is gone.
    pub fn wipe(&mut self) {
        *self = Self { skew_ms: self.skew_ms, life: self.life + 1, ..Self::new(self.region) };
    }
}
