//! What can be asked of a replica, what follows from it, and what it answers: three closed enums.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::book::{Lease, Notice, Row};
use crate::command::{self, Command};
use crate::frame::Holder;
use crate::id::{Actor, CartId, Region, SessionId};
use crate::idem::Ledger;
use crate::reject::Reject;
use crate::time::{Day, HybridTime, Millis};

/// How many days back a retry is looked for: a token may have been renewed at two midnights since.
pub const RETRY_DAYS: u16 = 2;

/// Who calls.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Caller {
    /// A shopper's session, verified.
    Session {
        /// The session.
        id: SessionId,
        /// The cart every session is born with; it keeps the list of the others.
        root: CartId,
        /// When its token was issued.
        issued: Millis,
        /// It asks for its newest cart, whichever that is.
        current: bool,
    },
    /// Another object of the service.
    Service,
}

/// All that can be asked of a replica.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Input {
    /// The state.
    Read,
    /// Commands over plain HTTP.
    Edit(Edit),
    /// Answers for an edit that was made here before; makes none.
    Replay(Edit),
    /// A device's delta and context.
    Sync {
        /// The bytes of a [`SyncRequest`].
        #[serde(with = "serde_bytes")]
        request: Vec<u8>,
    },
    /// An actor for a replica instance of a device.
    Lease {
        /// The actor, minted or derived by the edge.
        actor: Actor,
    },
    /// Makes the cart for its session, with the commands that give it its first fields, if there are any.
    Open(Edit),
    /// Notes a further cart of the session in its root cart.
    Enroll {
        /// The cart.
        cart: CartId,
    },
    /// Strikes an erased cart from that list. Answers whether it was one of the session's.
    Strike {
        /// The cart.
        cart: CartId,
        /// The actor derived from the key of the erasure.
        actor: Actor,
        /// Whether it was erased just now. Else it may have been before, by who did not live to strike it.
        erased: bool,
    },
    /// Whether a cart of the session was erased under a key.
    Erased {
        /// The actors under which the key may have been used.
        actors: Vec<Actor>,
    },
    /// The session's carts, from its root cart.
    Carts,
    /// Ends the session at this cart: tokens issued until now open nothing.
    SignOut,
    /// A guest's cart is about to be merged here, or into a cart that was: its devices' late changes
    /// must not fall behind the horizon while their leases last, and until it has come this cart is not
    /// merged elsewhere itself.
    Expect {
        /// The guest's cart.
        guest: CartId,
        /// How many bytes it brings. None in format 3.
        #[serde(default)]
        bytes: u64,
    },
    /// That guest's cart does not come.
    Unexpect {
        /// The guest's cart.
        guest: CartId,
    },
    /// Seals a guest's cart: it was merged into `into`.
    Seal {
        /// The user's cart.
        into: CartId,
    },
    /// Joins what a guest's cart sends.
    Join {
        /// Its canonical bytes.
        #[serde(with = "serde_bytes")]
        state: Vec<u8>,
        /// The carts it has come through: where it comes a second time, it goes no further.
        path: Vec<CartId>,
    },
    /// What was forwarded has arrived.
    Forwarded {
        /// The canonical bytes that were sent.
        #[serde(with = "serde_bytes")]
        delta: Vec<u8>,
    },
    /// The cart goes for ever (privacy).
    Erase,
    /// No other holder can know of this cart: it is new.
    Fresh,
    /// What another holder tells, pushed or as the answer to a pull.
    Frame {
        /// The bytes of a [`crate::frame::Frame`].
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// Holders have taken in what was sent.
    Receipts {
        /// The bytes of a [`crate::frame::Receipt`] each.
        receipts: Vec<Vec<u8>>,
    },
    /// What was sent got no answer.
    Missed {
        /// To whom.
        to: Holder,
    },
    /// Asks a holder for what is lacking here.
    Pull {
        /// The holder.
        from: Holder,
    },
    /// The replica has long been idle: it deletes its storage once others hold all of it. One without storage is not
    /// to be brought back for this: it answers as it is.
    Retire,
    /// The home grants itself away.
    HandOver {
        /// The next home.
        to: Region,
    },
    /// The home was lost: this replica takes over, by the operator's word.
    TakeOver {
        /// The term of the home that was lost.
        term: u32,
    },
    /// The alarm.
    Tick,
    /// The session was used today, told to its root cart: that is no row if it is known.
    Use,
    /// When the session of this root cart was last used.
    LastUse,
    /// The session's carts, from its root cart, as long as a further one that is about to be made is among them or
    /// has room there.
    Room {
        /// The cart, as it would be named.
        cart: CartId,
    },
    /// Another cart has taken in what it had to be told.
    Told {
        /// Which.
        cart: CartId,
        /// Of what.
        notice: Notice,
    },
    /// No store has this cart: it is new, or only replicas know of it, which its home could not hear.
    Unstored,
}

/// Plain HTTP commands, all or none.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Edit {
    /// The actors of the key, by which the ledger knows it: today's first, then those of the days before. None in
    /// format 3, where [`Edit::actors`] are those.
    #[serde(default)]
    pub keys: Vec<Actor>,
    /// Those of the key with this body, under one of which it is made or was: today's first.
    pub actors: Vec<Actor>,
    /// What to do.
    #[serde(with = "json")]
    pub commands: Vec<Command>,
    /// What the caller saw: the verified bytes of a view's context. Absent: what the replica holds.
    #[serde(with = "serde_bytes")]
    pub seen: Option<Vec<u8>>,
    /// Refuse unless the state has one of these versions, with commas between (`If-Match`).
    pub if_version: Option<String>,
    /// Whether it may have been made before. Perhaps, in format 3.
    #[serde(default)]
    pub tried: Tried,
    /// Entries of pages put aside, where [`Replica::wants_pages`] asked for them.
    #[serde(skip)]
    pub pages: Vec<Ledger>,
}

/// Whether an edit may have been made before this call, by the same request or an earlier one under its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Tried {
    /// Its key was made for this call: it is no retry.
    Never,
    /// The key is the caller's own. Those who may have made it have told what they have.
    #[default]
    Perhaps,
    /// A region that may have made it has not said whether it did.
    Unknown,
}

impl Edit {
    /// Commands on what the replica holds, under a session's key and a token of `day`.
    pub fn of(day: Day, session: &SessionId, key: &str, commands: Vec<Command>) -> Self {
        let keys = actors_of_key(day, session, key);
        let body = command::digest(&commands);
        let actors = keys.iter().map(|actor| actor.of_body(key, &body)).collect();
        Self {
            keys,
            actors,
            commands,
            seen: None,
            if_version: None,
            tried: Tried::default(),
            pages: Vec::new(),
        }
    }

    /// The actors by which the ledger knows the key.
    pub fn keys(&self) -> &[Actor] {
        if self.keys.is_empty() { &self.actors } else { &self.keys }
    }

    /// A region that was asked, or may have been before, does not answer: what that has done is not known.
    pub fn doubt(&mut self, asked: bool) {
        if asked || self.tried == Tried::Perhaps {
            self.tried = Tried::Unknown;
        }
    }

    /// It comes to a region, under a token that names `named`. Only there a retry is looked for by itself: anywhere else
    /// a later one may not be, since the answer that would name this region may be lost.
    pub fn comes_to(&mut self, region: Region, named: Region) {
        if region != named {
            self.doubt(false);
        }
    }

    /// Whether what it does depends on what the replica holds that makes it.
    pub fn acts_on_what_is_held(&self) -> bool {
        self.seen.is_none() && self.commands.iter().any(Command::acts_on_what_is_held)
    }

    /// Whether it would be done to what nobody meant, if a region that does not answer has made it already.
    pub fn hangs_on_its_outcome(&self) -> bool {
        self.tried == Tried::Unknown && self.acts_on_what_is_held()
    }

    /// The first 8 bytes of the digest of the body.
    pub fn body_digest(&self) -> [u8; 8] {
        first_8(command::digest(&self.commands))
    }

    /// The same as the build before noted it, in which what the caller saw was part of the body.
    pub(super) fn body_digest_with_seen(&self) -> [u8; 8] {
        let body = serde_json::to_vec(&(&self.commands, self.seen.as_ref().map(|seen| &seen[..])))
            .expect("commands are JSON values");
        first_8(Sha256::digest(&body).into())
    }
}

fn first_8([a, b, c, d, e, f, g, h, ..]: [u8; 32]) -> [u8; 8] {
    [a, b, c, d, e, f, g, h]
}

/// What follows from a step, in the order in which it is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Write the replica's row.
    Put(Row),
    /// Put a full page of the ledger aside; it may be dropped at `until`.
    PutPage {
        /// Its bytes.
        entries: Vec<u8>,
        /// When no entry of it is needed any more.
        until: Millis,
    },
    /// Drop the pages whose time has come.
    DropPages {
        /// Now.
        until: Millis,
    },
    /// Arm the alarm.
    Wake(Millis),
    /// Call another cart for the service, wherever it can be reached; only once it has answered, step with `then`.
    Tell {
        /// The other cart.
        cart: CartId,
        /// What to call it with. It may come twice.
        input: Box<Input>,
        /// What to step with afterwards.
        then: Box<Input>,
    },
    /// Send a frame, then step with its receipt, or with [`Input::Missed`]. A store answers later.
    Send {
        /// To whom.
        to: Holder,
        /// The bytes of a [`crate::frame::Frame`].
        frame: Vec<u8>,
    },
    /// Delete the storage whole: others hold what was in it.
    Forget,
    /// Answer the caller.
    Reply(Result<Reply, Reject>),
}

/// What a replica answers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reply {
    /// The kind of answer.
    pub kind: ReplyKind,
    /// The sequence number of the state it shows.
    pub sequence: u64,
    /// The hybrid time of the last change of this call, or the latest known.
    pub time: HybridTime,
    /// When a shopper last changed the cart.
    pub updated: Millis,
    /// When the cart was made.
    pub created: Millis,
    /// The replica has not yet heard of what was there before it.
    pub partial: bool,
    /// The cart's canonical bytes, where the answer shows the state.
    #[serde(with = "serde_bytes")]
    pub cart: Vec<u8>,
}

/// The kinds of answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum ReplyKind {
    /// The state.
    State {
        /// Whether the change had been applied before.
        replayed: bool,
        /// The cart into which this one was merged.
        merged_into: Option<CartId>,
    },
    /// Ask another cart of the session instead.
    Elsewhere {
        /// The newest.
        newest: CartId,
        /// Those which were that so lately that a retry may be meant for them, newest first.
        before: Vec<CartId>,
    },
    /// What the device lacks: the bytes of a [`SyncResponse`].
    Synced(#[serde(with = "serde_bytes")] Vec<u8>),
    /// The guest's cart is sealed: what the user's cart is to join.
    Sealed(#[serde(with = "serde_bytes")] Vec<u8>),
    /// A lease.
    Leased(Lease),
    /// The session's carts, oldest first.
    Carts(Vec<CartId>),
    /// Whether it is so.
    Answer(bool),
    /// A frame was taken in.
    Taken {
        /// The bytes of a [`crate::frame::Receipt`].
        #[serde(with = "serde_bytes")]
        receipt: Vec<u8>,
        /// The bytes of a [`crate::frame::Frame`], if the sender asked for what it lacks.
        #[serde(with = "serde_bytes")]
        frame: Option<Vec<u8>>,
    },
    /// Only the cart's home can do that.
    AtHome(Region),
    /// Done.
    Done,
    /// When the session was last used at the latest: the end of the last day on which it was. `None` if this replica
    /// knows of no session; where the reply is partial, others may.
    LastUse(Option<Millis>),
}

/// The actors of a session's key, under which it may have been used: today's first.
pub fn actors_of_key(day: Day, session: &SessionId, key: &str) -> Vec<Actor> {
    (0..=RETRY_DAYS).map(|back| Actor::derive(day.before(back), session, key)).collect()
}

/// Commands as the JSON they came in: they are told apart by a field.
mod json {
    use serde::{
        Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _, ser::Error as _,
    };

    use crate::command::Command;

    pub fn serialize<S: Serializer>(commands: &[Command], to: S) -> Result<S::Ok, S::Error> {
        serde_json::to_string(commands).map_err(S::Error::custom)?.serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Command>, D::Error> {
        serde_json::from_slice(String::deserialize(from)?.as_bytes()).map_err(D::Error::custom)
    }
}
