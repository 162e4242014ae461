//! What the edge, other regions and other contexts say to a cart's object, and hear back; and which replica answers a
//! visitor, and what a failure on the way means for an edit.

use base64ct::{Base64Unpadded, Encoding as _};
use cart_core::frame::Holder;
use cart_core::id::{CartId, Region};
use cart_core::packed::{Format, pack, pack_as, unpack};
use cart_core::reject::Reject;
use cart_core::replica::{Caller, Input, Reply, ReplyKind};
use cart_core::session::Session;
use cart_core::time::Millis;
use serde::{Deserialize, Serialize};
use worker::{Env, WebSocket};

use crate::door::exchange::Exchange;
use crate::net::breakers::{in_time, through};
use crate::net::failure::Failure;
use crate::net::objects::{Object, TRIES_MAX};
use crate::net::peers::{self, socket_or_bytes};
use crate::platform::clock::present;
use crate::platform::config::Config;
use crate::platform::deadline::CALL_MS;
use crate::platform::problem::{Kind, Problem};
use crate::platform::sql::Rows;

/// How long a session's first cart counts as new, in milliseconds: nobody else is asked for it.
const FRESH_MS: u64 = 60_000;

/// A call of a replica.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    pub cart_id: CartId,
    pub region: Region,
    pub caller: Caller,
    pub input: Input,
    /// The cart is known to be new: no other holder needs to be asked for it.
    pub fresh: bool,
    /// The other regions that have shown the cart to this session: what they have shown is to be here.
    pub shown_by: Vec<Region>,
    /// Moves the object's clock, in development.
    pub skew_ms: i64,
}

impl Call {
    /// A call of the service itself.
    pub fn of_service(cart_id: CartId, region: Region, input: Input, skew_ms: i64) -> Self {
        let (caller, shown_by) = (Caller::Service, Vec::new());
        Self { cart_id, region, caller, input, fresh: false, shown_by, skew_ms }
    }

    /// Whether only the object itself may say so: what it has heard, and what it is to send.
    pub fn is_to_itself(&self) -> bool {
        matches!(
            self.input,
            Input::Fresh
                | Input::Unstored
                | Input::Missed { .. }
                | Input::Pull { .. }
                | Input::Tick
                | Input::Told { .. }
        )
    }
}

/// A socket that is to be opened at a replica; once it is open, what is known of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Opening {
    /// A read, by the session whose socket it is.
    pub call: Call,
    /// When its token ends.
    pub until: Millis,
    /// It is the edge's: told that there is news, not which.
    pub nudged: bool,
}

/// The head of an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    pub reply: Result<Reply, Problem>,
    /// Where it was answered.
    pub region: Region,
    /// The sequence number of the state, known also where the call was refused.
    pub sequence: u64,
    pub rows: Rows,
    pub rows_since_wake: Rows,
    /// Whether an earlier try of the same call had no answer, and may have done it.
    #[serde(skip)]
    pub again: bool,
}

/// A session as a replica's caller.
pub fn caller(session: &Session, current: bool) -> Caller {
    Caller::Session { id: session.id.clone(), root: session.root.clone(), issued: session.issued, current }
}

/// Calls a cart's replica, from a region.
pub async fn send(env: &Env, config: &Config, from: Region, call: &Call) -> Result<(Reply, Head), Problem> {
    send_within(env, config, from, call, CALL_MS).await
}

/// As [`send`], with another deadline in milliseconds.
pub async fn send_within(
    env: &Env,
    config: &Config,
    from: Region,
    call: &Call,
    deadline_ms: u64,
) -> Result<(Reply, Head), Problem> {
    let body = pack_as(config.format, call);
    let way = async {
        match config.peer(call.region) {
            Some(url) => {
                let answer = async {
                    let answer = peers::post(config, url, peers::PATH, &body).await;
                    answer.map_err(|error| Failure::of_object(&error))
                };
                in_time(call.region, deadline_ms, answer).await
            }
            None => deliver(env, call, &body, deadline_ms).await,
        }
    };
    head_of(&through(config, from, Holder::Replica(call.region), way).await?)
}

fn head_of(bytes: &[u8]) -> Result<(Reply, Head), Problem> {
    let head: Head = unpack(bytes).map_err(|reject| Problem::unread(&reject))?;
    match head.reply.clone() {
        Ok(reply) => Ok((reply, head)),
        // A foreign cart's number is nobody's business.
        Err(problem) if problem.kind() == Kind::CartNotFound => Err(problem),
        Err(problem) => Err(Problem { sequence: Some(head.sequence), ..problem }),
    }
}

/// What came of the wish for a socket.
pub enum Opened {
    Socket(WebSocket),
    /// Another answer than one that shows the cart.
    Said(Reply),
}

/// Opens a socket at a cart's replica, from a region.
pub async fn open(env: &Env, config: &Config, from: Region, opening: &Opening) -> Result<Opened, Problem> {
    let region = opening.call.region;
    let text = Base64Unpadded::encode_string(&pack_as(config.format, opening));
    let way = async {
        let answer = match config.peer(region) {
            Some(url) => peers::open(config, url, &text).await,
            None => object(env, &opening.call).open(&text).await,
        };
        socket_or_bytes(answer).await.map_err(|error| Failure::of_object(&error))
    };
    match through(config, from, Holder::Replica(region), in_time(region, CALL_MS, way)).await? {
        Ok(socket) => Ok(Opened::Socket(socket)),
        Err(bytes) => head_of(&bytes).map(|(reply, _)| Opened::Said(reply)),
    }
}

/// What is said of a socket that is asked for, and the format in which it is.
pub fn opening_of(text: &str) -> Result<(Opening, Format), Reject> {
    let unread = |_| Reject::Malformed("this says of no socket what it is");
    let bytes = Base64Unpadded::decode_vec(text).map_err(unread)?;
    Ok((unpack(&bytes)?, Format::answering(&bytes)))
}

/// The object that has the replica which is called.
pub fn object<'a>(env: &'a Env, call: &Call) -> Object<'a> {
    Object { env, name: call.cart_id.object_name(call.region), region: call.region }
}

/// To the object, in this process or wherever the platform has it.
pub async fn deliver(env: &Env, call: &Call, body: &[u8], deadline_ms: u64) -> Result<Vec<u8>, Failure> {
    let (object, until) = (object(env, call), present().plus(deadline_ms));
    // A device is to know that a sync was tried twice, which only the edge can say: see `Head::again`.
    let repeats = !matches!(call.input, Input::Sync { .. });
    match object.call(body, repeats, until).await {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(Failure::Hung(call.region)),
        Err(error) => {
            let failure = Failure::of_object(&error);
            // So the platform says that a commit has failed, among other things.
            let hidden = error.to_string().contains("internal error");
            if !hidden && !matches!(failure, Failure::Full) {
                return Err(failure);
            }
            without_writing(&object, call, until).await.ok_or(failure)
        }
    }
}

/// What can be answered by a cart that cannot be written, its disk being full or not: what it shows, or that an edit is
/// done. That one is not there yet says nothing: its call may still be on its way.
async fn without_writing(object: &Object<'_>, call: &Call, until: Millis) -> Option<Vec<u8>> {
    let reads = matches!(call.input, Input::Read);
    let input = if let Input::Edit(edit) = &call.input {
        Input::Replay(edit.clone())
    } else if reads {
        Input::Read
    } else {
        return None;
    };
    let body = pack(&Call { input, ..call.clone() });
    let mut tries = 1;
    let bytes = loop {
        match object.once(&body, true, until).await {
            Ok(bytes) => break bytes?,
            // An alarm that fails at the same time resets it too.
            Err(_) if tries < TRIES_MAX => tries += 1,
            Err(_) => return None,
        }
    };
    let head: Head = unpack(&bytes).ok()?;
    let shows = matches!(head.reply, Ok(Reply { kind: ReplyKind::State { .. }, .. }));
    (shows || reads).then_some(bytes)
}

impl Exchange<'_> {
    /// The newest cart of a session, and those for which a retry to `current` may be meant.
    pub async fn newest(&self, session: &Session) -> Result<(CartId, Vec<CartId>), Problem> {
        let (reply, _) = self.send(&session.root, caller(session, true), Input::Carts).await?;
        if let ReplyKind::Elsewhere { newest, mut before } = reply.kind {
            before.push(session.root.clone());
            return Ok((newest, before));
        }
        let ReplyKind::Carts(carts) = reply.kind else { return Err(odd_reply()) };
        let only = carts.into_iter().next_back().ok_or(Reject::CartNotFound)?;
        Ok((only, Vec::new()))
    }

    /// Calls a cart of a session, for the session.
    pub async fn call_as(
        &self,
        session: &Session,
        cart_id: &CartId,
        input: Input,
    ) -> Result<(Reply, Head), Problem> {
        self.send(cart_id, caller(session, false), input).await
    }

    /// Calls a cart's replica: that in the session's region, or, where it fails, in the next nearest. What only
    /// the cart's home may do goes there.
    pub async fn send(
        &self,
        cart_id: &CartId,
        caller: Caller,
        input: Input,
    ) -> Result<(Reply, Head), Problem> {
        let (config, visitor) = (self.config, &self.visitor);
        let at_home = matches!(
            input,
            Input::Expect { .. } | Input::Unexpect { .. } | Input::Seal { .. } | Input::Forwarded { .. }
        );
        let acts = matches!(&input, Input::Edit(edit) if edit.acts_on_what_is_held());
        let first = if at_home {
            cart_id.first_home()
        } else if acts {
            visitor.serving(config)
        } else {
            visitor.region(config)
        };
        let shown_by = if at_home { Vec::new() } else { self.shown_by() };
        let fresh = self.is_fresh(cart_id) || (self.minted && matches!(input, Input::Open(_)));
        let mut call = Call {
            cart_id: cart_id.clone(),
            region: first,
            caller,
            fresh: false,
            shown_by: Vec::new(),
            skew_ms: visitor.skew_ms,
            input,
        };
        let mut near = config.regions.nearest_to(first).into_iter();
        let mut next = near.next();
        let mut refusal = Problem::unreachable(first);
        // How often it may be sent on to the home: each that is no longer the home names the next, in a circle only
        // while they have not told each other.
        let mut sends = config.regions.places.len();
        let mut again = false;
        while let Some(region) = next {
            next = near.next();
            call.region = region;
            if let (Input::Edit(edit), Some(named)) = (&mut call.input, visitor.named()) {
                edit.comes_to(region, named);
            }
            call.fresh = fresh && region == cart_id.first_home();
            call.shown_by = shown_by.iter().copied().filter(|shown| *shown != region).collect();
            match send(self.env, config, visitor.near, &call).await {
                Ok((Reply { kind: ReplyKind::AtHome(home), .. }, _)) if at_home => {
                    if sends > 0 {
                        sends -= 1;
                        next = Some(home);
                    }
                }
                Ok((reply, mut head)) => {
                    head.again |= again;
                    if !at_home {
                        visitor.served.set(head.region);
                        visitor.shown.set(true);
                        visitor.partial.set(visitor.partial.get() || reply.partial);
                    }
                    return Ok((reply, head));
                }
                Err(problem) if problem.elsewhere() => {
                    // No answer in time; or, since then, none is waited for.
                    let hung = matches!(problem.kind(), Kind::Unavailable | Kind::OtherBuild);
                    again |= hung;
                    if let Input::Edit(edit) = &mut call.input {
                        edit.doubt(hung);
                    }
                    // That one may have done it says more than that one has no room, and that more than that others
                    // cannot be reached.
                    if hung || (!again && refusal.kind() != Kind::Full) {
                        refusal = problem;
                    }
                }
                // A refusal says that nothing was changed. Where it was tried before, it may have been.
                Err(problem) if again && problem.status < 500 && matches!(call.input, Input::Edit(_)) => {
                    return Err(Problem::outcome_unknown());
                }
                Err(problem) => return Err(problem),
            }
        }
        let hangs = matches!(&call.input, Input::Edit(edit) if edit.hangs_on_its_outcome());
        Err(if hangs { Problem::outcome_unknown() } else { refusal })
    }

    /// The regions that have shown the cart to the session.
    pub fn shown_by(&self) -> Vec<Region> {
        let session = self.visitor.session.as_ref();
        session.map(|session| [&[session.region], &session.also[..]].concat()).unwrap_or_default()
    }

    /// Whether a cart is the first of a new session.
    pub fn is_fresh(&self, cart_id: &CartId) -> bool {
        self.visitor.session.as_ref().is_some_and(|session| {
            session.root == *cart_id && self.visitor.now < session.opened.plus(FRESH_MS)
        })
    }
}

/// The refusal of an answer that is none to what was asked.
pub fn odd_reply() -> Problem {
    Problem::object(&worker::Error::RustError("the object gave an answer of another kind".into()))
}
