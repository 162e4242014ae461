//! A cart's object: one replica in one region. Load, step, commit, reply; the decisions are the core's.
//! What is in memory is thrown away whenever a commit fails, so it never runs ahead of the storage.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use cart_core::frame::{Frame, Holder};
use cart_core::id::Region;
use cart_core::packed::{Format, pack_as, unpack};
use cart_core::reject::Reject;
use cart_core::replica::{Caller, Effect, Input, Replica, Reply, ReplyKind};
use cart_core::time::Millis;
use futures_util::future::join_all;
use futures_util::lock::Mutex;
use worker::{
    DurableObject, Env, Request, Response, Result, State, WebSocket, WebSocketIncomingMessage, durable_object,
};

use super::sockets::{Speakers, Standing};
use crate::cart::call::{Call, Head, Rows};
use crate::cart::rows::{self, alarm::Failure};
use crate::net::peers::{self as transport, CALL_MS, LIVE, PULL_MS, READ_ONLY};
use crate::platform::clock;
use crate::platform::commit::commit;
use crate::platform::config::Config;
use crate::platform::log::{self, Work};
use crate::platform::problem::Problem;
use crate::store::call::{Errand, Letter};

/// When an alarm that failed goes off again, in milliseconds; twice as long after each further time in a row.
const ALARM_RETRY_MS: u64 = 5_000;
/// How often that is doubled: to three quarters of an hour.
const ALARM_DOUBLINGS_MAX: u8 = 9;
/// How long those who hold the cart, and could not be reached, are not asked again, in milliseconds.
const ASK_AGAIN_MS: u64 = 2_000;

#[durable_object]
pub struct CartObject {
    pub(super) state: State,
    env: Env,
    /// What was read or written last; `None` until the first call.
    replica: RefCell<Option<Replica>>,
    /// Whether the object has a row.
    stored: Cell<bool>,
    rows_since_wake: Cell<Rows>,
    /// One asks the other holders for all; and when that was in vain last.
    asking: Mutex<()>,
    asked: Cell<Millis>,
    /// One of those that were asked last is of a build that this one cannot read.
    unread: Cell<bool>,
    /// What the alarm was answered could not be written.
    unwritten: Cell<bool>,
    /// The sockets that have sent something since the object woke.
    pub(super) speakers: Speakers,
}

impl DurableObject for CartObject {
    fn new(state: State, env: Env) -> Self {
        Self {
            state,
            env,
            replica: RefCell::new(None),
            stored: Cell::new(false),
            rows_since_wake: Cell::new(Rows::default()),
            asking: Mutex::new(()),
            asked: Cell::new(Millis(0)),
            unread: Cell::new(false),
            unwritten: Cell::new(false),
            speakers: Speakers::default(),
        }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        log::within(Work::of(request.headers()), self.answer(request)).await
    }

    async fn websocket_message(&self, socket: WebSocket, message: WebSocketIncomingMessage) -> Result<()> {
        log::within(Work::default(), self.hear(&socket, message)).await;
        Ok(())
    }

    async fn websocket_close(&self, socket: WebSocket, _: usize, _: String, _: bool) -> Result<()> {
        self.lose(&socket);
        Ok(())
    }

    async fn websocket_error(&self, socket: WebSocket, _: worker::Error) -> Result<()> {
        self.lose(&socket);
        Ok(())
    }

    async fn alarm(&self) -> Result<Response> {
        log::within(Work::default(), self.ring()).await
    }
}

impl CartObject {
    async fn answer(&self, mut request: Request) -> Result<Response> {
        if request.inner().url() == LIVE {
            return self.open(&request).await;
        }
        let bytes = request.bytes().await?;
        let call: Call = match unpack(&bytes) {
            Ok(call) => call,
            Err(reject) => return Problem::from(reject).response(),
        };
        // Whoever calls reads what it writes.
        let format = Format::answering(&bytes);
        if request.inner().url() == READ_ONLY {
            return Response::from_bytes(pack_as(format, &self.read_only(&call)));
        }
        let mut rows = Rows::default();
        let current = self.prepare(&call, &mut rows).await;
        let mut head = self.turn(&call, rows, current);
        // A read may set an alarm that was lost; where that has no room, it reads all the same.
        if matches!(call.input, Input::Read)
            && head.reply.as_ref().is_err_and(|problem| problem.code == Problem::FULL)
        {
            head = self.read_only(&call);
            if let Ok(reply) = &mut head.reply {
                reply.partial |= !current;
            }
        }
        Response::from_bytes(pack_as(format, &head))
    }

    /// Never fails: what could not be done is armed again by the next request or the retry of the alarm.
    async fn ring(&self) -> Result<Response> {
        if let Err(error) = self.tick().await {
            let wait = self.note_failure();
            log::failed("tell others what is new", &error, &format!("again in {} s", wait.as_secs()));
            self.state.storage().set_alarm(wait).await?;
        }
        Response::empty()
    }

    /// One call, one turn. `current` says whether the replica knows what it must to answer.
    pub(super) fn turn(&self, call: &Call, mut rows: Rows, current: bool) -> Head {
        let effects = match self.is_unread(call) {
            true => Err(Problem::other_build()),
            false => self.step(call, &mut rows, current),
        };
        let mut reply = effects.and_then(|effects| {
            let reply = effects.into_iter().find_map(|effect| match effect {
                Effect::Reply(reply) => Some(reply),
                _ => None,
            });
            match reply {
                Some(reply) => reply.map_err(Problem::from),
                None => Err(Problem::retry(503, "replica_unavailable", "the replica gave no answer")),
            }
        });
        match &mut reply {
            Ok(reply) => reply.partial |= !current,
            // A lease of which this replica has not heard, or whose cart this is; another may have.
            Err(problem) if !current && self.may_be_known_elsewhere(problem) => {
                *problem = Problem::unreachable(call.region);
            }
            Err(_) => {}
        }
        self.rows_since_wake.set(self.rows_since_wake.get().plus(rows));
        let sequence = self.replica.borrow().as_ref().map_or(0, |replica| replica.book().sequence);
        Head {
            reply,
            region: call.region,
            sequence,
            rows,
            rows_since_wake: self.rows_since_wake.get(),
            again: false,
        }
    }

    /// Whether a shopper would be shown an empty cart only because what another build has told cannot be read here.
    /// Such a read is not a step: it would make a row of nothing, and the others would not be asked again.
    fn is_unread(&self, call: &Call) -> bool {
        let joined = self.replica.borrow().as_ref().is_none_or(|replica| replica.book().joined);
        let shows = matches!(call.input, Input::Read | Input::Carts);
        let by_shopper = matches!(call.caller, Caller::Session { .. });
        shows && by_shopper && self.unread.get() && !self.stored.get() && !joined
    }

    /// Whether a refusal may be for want of what other replicas know.
    fn may_be_known_elsewhere(&self, problem: &Problem) -> bool {
        problem.code == "actor_unknown" || (problem.code == "cart_not_found" && !self.stored.get())
    }

    /// A step and its commit. `current` as in [`Self::turn`].
    fn step(&self, call: &Call, rows: &mut Rows, current: bool) -> Result<Vec<Effect>, Problem> {
        log::here(call.region, Some(&call.cart_id));
        let now = clock::now(call.skew_ms);
        let failed = |error: worker::Error| Problem::object(&error);
        let mut slot = self.replica.borrow_mut();
        let mut replica = match slot.take() {
            Some(replica) => replica,
            None => self.load(call, now, rows)?,
        };
        let mut input = call.input.clone();
        if let Input::Edit(edit) = &mut input
            && !current
        {
            edit.doubt(false);
        }
        if let Input::Edit(edit) | Input::Replay(edit) | Input::Open(edit) = &mut input
            && replica.wants_pages(edit)
        {
            let (pages, read) = rows::ledger_page::read_all(&self.state.storage().sql()).map_err(failed)?;
            edit.pages = pages;
            *rows = rows.plus(read);
        }
        let before = Standing::of(&replica);
        let effects = replica.step(&call.caller, input, now);
        // On failure `slot` stays empty: the next call reads what is stored.
        *rows = rows.plus(commit(&self.state, &effects, !self.stored.get(), call.skew_ms).map_err(failed)?);
        if effects.iter().any(|effect| matches!(effect, Effect::Put(_))) {
            self.stored.set(true);
        }
        let forgotten = effects.contains(&Effect::Forget);
        self.announce(&before, &replica, forgotten);
        if forgotten {
            self.stored.set(false);
        } else {
            *slot = Some(replica);
        }
        Ok(effects)
    }

    /// Answers from what is stored and writes nothing, not even an alarm.
    fn read_only(&self, call: &Call) -> Head {
        log::here(call.region, Some(&call.cart_id));
        let mut rows = Rows::default();
        let reply = self.load(call, clock::now(call.skew_ms), &mut rows).and_then(|mut replica| {
            let sequence = replica.book().sequence;
            let mut input = call.input.clone();
            if let Input::Replay(edit) = &mut input
                && replica.wants_pages(edit)
            {
                let pages = rows::ledger_page::read_all(&self.state.storage().sql());
                edit.pages = pages.map_err(|error| Problem::object(&error))?.0;
            }
            match replica.step(&call.caller, input, clock::now(call.skew_ms)).pop() {
                Some(Effect::Reply(Ok(reply))) => {
                    // What others hold was not asked for.
                    let partial = reply.partial || !call.shown_by.is_empty();
                    Ok((Reply { sequence, partial, ..reply }, sequence))
                }
                Some(Effect::Reply(Err(reject))) => Err(reject.into()),
                _ => Err(Problem::retry(503, "replica_unavailable", "the replica gave no answer")),
            }
        });
        let sequence = reply.as_ref().map_or(0, |(_, sequence)| *sequence);
        let reply = reply.map(|(reply, _)| reply);
        Head {
            reply,
            region: call.region,
            sequence,
            rows,
            rows_since_wake: self.rows_since_wake.get(),
            again: false,
        }
    }

    /// Notes that the alarm has failed; how long until it is to go off again. What is damaged stays so for long,
    /// and the object sleeps meanwhile, so this is no matter of its memory.
    fn note_failure(&self) -> Duration {
        let (sql, now) = (self.state.storage().sql(), clock::now(0));
        let wait_ms = |before: u8| ALARM_RETRY_MS << before.min(ALARM_DOUBLINGS_MAX);
        let last = rows::alarm::read(&sql).ok().flatten();
        // One that went off, and did not fail, came between, if this is later than it can be late.
        let last = last.filter(|last| now < last.again.plus(wait_ms(last.before)));
        let before = last.map_or(0, |last| last.before.saturating_add(1));
        let again = now.plus(wait_ms(before));
        match rows::alarm::write(&sql, Failure { before, again }) {
            Ok(rows) => self.rows_since_wake.set(self.rows_since_wake.get().plus(rows)),
            Err(error) => log::failed("note that an alarm has failed", &error, "it may come again sooner"),
        }
        Duration::from_millis(wait_ms(before))
    }

    fn load(&self, call: &Call, now: Millis, rows: &mut Rows) -> Result<Replica, Problem> {
        let failed = |error: worker::Error| Problem::object(&error);
        let config = Config::from_env(&self.env)?;
        let (row, read) = rows::replica::read(&self.state.storage().sql()).map_err(failed)?;
        *rows = rows.plus(read);
        self.stored.set(row.is_some());
        let replica = match row {
            Some(row) => Replica::from_row(&row).map_err(|reject| {
                log::failed(
                    "read the row of a replica",
                    &reject,
                    "503 until its build is back, or the operator has moved the home",
                );
                match reject {
                    Reject::FrameTooNew { .. } => Problem::other_build(),
                    _ => Problem::retry(
                        503,
                        "replica_damaged",
                        "the cart cannot be read; the operator has been told",
                    ),
                }
            })?,
            None => {
                let incarnation = clock::random_u64().map_err(failed)?;
                Replica::new(call.cart_id.clone(), call.region, incarnation, now)
            }
        };
        let replica = replica.configured(config.limits, config.key_ms).writing(config.format);
        Ok(replica.among(config.regions))
    }

    /// Makes sure that the replica knows what it must before it answers: one without storage what other
    /// holders have, any what another region has shown to this session. Returns whether it does. Nobody is
    /// waited for longer than a moment.
    pub(super) async fn prepare(&self, call: &Call, rows: &mut Rows) -> bool {
        log::here(call.region, Some(&call.cart_id));
        let tells = matches!(call.input, Input::Frame { .. } | Input::Receipts { .. });
        let Ok(config) = Config::from_env(&self.env) else { return true };
        let Some((home, unknown)) = self.known(call, rows) else { return true };
        // A frame brings what an absent replica would ask for; only the home has to look in its store first, and not
        // for what the sweep of a store tells: each store that is looked in would call it by its own sweep again.
        if matches!(call.input, Input::Retire) || is_of_store(&call.input) {
            return true;
        }
        if unknown && call.fresh {
            self.tell(call, Input::Fresh);
        } else if unknown && !(tells && call.region != home) {
            self.ask_all(call, &config, home).await;
        }
        let pull = |region: &Region| self.pull(call, &config, Holder::Replica(*region));
        join_all(call.shown_by.iter().map(pull)).await.iter().all(Result::is_ok)
    }

    /// The cart's home, and whether this replica has no storage and has heard nothing of the cart.
    fn known(&self, call: &Call, rows: &mut Rows) -> Option<(Region, bool)> {
        let mut slot = self.replica.borrow_mut();
        if slot.is_none() {
            *slot = self.load(call, clock::now(call.skew_ms), rows).ok();
        }
        let replica = slot.as_ref()?;
        Some((replica.home().region, !replica.book().joined && !self.stored.get()))
    }

    /// Asks those who may hold the cart: away from home the home, then the stores. Where the home has answered,
    /// of these only that of the region itself, which may have been the home in the meantime.
    async fn ask_all(&self, call: &Call, config: &Config, home: Region) {
        let _one = self.asking.lock().await;
        let (joined, stores) = match self.replica.borrow().as_ref() {
            Some(replica) => (replica.book().joined, replica.stores()),
            None => return,
        };
        if joined || transport::now() < self.asked.get().plus(ASK_AGAIN_MS) {
            return;
        }
        self.unread.set(false);
        let answered = call.region != home && self.pull(call, config, Holder::Replica(home)).await.is_ok();
        let mut asked = if answered { Vec::new() } else { stores };
        let has_one = config.regions.place(call.region).is_some_and(|place| !place.stores.is_empty());
        if has_one && !asked.contains(&call.region) {
            asked.push(call.region);
        }
        let known = self.ask_stores(call, config, asked).await;
        if !answered {
            self.asked.set(transport::now());
        }
        // The home of a cart of which no store knows is the first to hold it.
        if call.region == home && known == Some(false) {
            self.tell(call, Input::Unstored);
        }
    }

    /// Reads what stores have: whether one has the cart, if that can be said.
    async fn ask_stores(&self, call: &Call, config: &Config, stores: Vec<Region>) -> Option<bool> {
        let read = |store| {
            let errand = Errand::Read { store, cart_id: call.cart_id.clone() };
            async move { transport::run(config, call.region, &errand, PULL_MS).await }
        };
        let (mut answered, mut found) = (true, false);
        for answer in join_all(stores.into_iter().map(read)).await {
            match answer {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => {
                    self.tell(call, Input::Frame { bytes });
                    found = true;
                }
                Err(problem) => {
                    self.note_unread(&problem);
                    log::failed(
                        "ask a store what it has",
                        &problem.detail,
                        "what is shown may lack something",
                    );
                    answered = false;
                }
            }
        }
        (found || answered).then_some(found)
    }

    /// A step of the service's own, whose reply nobody waits for.
    fn tell(&self, call: &Call, input: Input) -> Option<(ReplyKind, Vec<Effect>)> {
        let mut rows = Rows::default();
        let call = Call { caller: Caller::Service, input, shown_by: Vec::new(), ..call.clone() };
        let effects = self.step(&call, &mut rows, true);
        self.rows_since_wake.set(self.rows_since_wake.get().plus(rows));
        if let Err(problem) = &effects {
            log::failed("write what others have told", &problem.detail, "they tell it again");
            self.unwritten.set(true);
        }
        let mut effects = effects.ok()?;
        match effects.pop() {
            Some(Effect::Reply(Ok(reply))) => Some((reply.kind, effects)),
            Some(Effect::Reply(Err(reject))) => {
                log::failed("take in what others have told", &reject, "they tell it again");
                self.unread.set(self.unread.get() || matches!(reject, Reject::FrameTooNew { .. }));
                None
            }
            _ => None,
        }
    }

    fn note_unread(&self, problem: &Problem) {
        self.unread.set(self.unread.get() || problem.code == Problem::OTHER_BUILD);
    }

    /// Asks a holder for what is lacking here, and takes it in.
    async fn pull(&self, call: &Call, config: &Config, from: Holder) -> Result<(), Problem> {
        let unreachable = || Problem::unreachable(from.region());
        let (_, effects) = self.tell(call, Input::Pull { from }).ok_or_else(unreachable)?;
        let frames = effects.into_iter().filter_map(|effect| match effect {
            Effect::Send { to, frame } => Some((to, frame)),
            _ => None,
        });
        for (to, frame) in frames {
            let answer = self.hand(call, config, to, frame, PULL_MS).await;
            let answer = answer.inspect_err(|problem| self.note_unread(problem))?;
            self.take(call, config, vec![answer]).await;
        }
        Ok(())
    }

    /// Hands a frame to a holder. A replica answers with its receipt, and with a frame if it was asked to.
    async fn hand(
        &self,
        call: &Call,
        config: &Config,
        to: Holder,
        frame: Vec<u8>,
        deadline_ms: u64,
    ) -> Result<Answer, Problem> {
        let input = Input::Frame { bytes: frame };
        let there = Call {
            caller: Caller::Service,
            region: to.region(),
            input,
            shown_by: Vec::new(),
            fresh: false,
            ..call.clone()
        };
        let (reply, _) = transport::send_within(&self.env, config, call.region, &there, deadline_ms).await?;
        match reply.kind {
            ReplyKind::Taken { receipt, frame } => Ok(Answer { from: to, receipt, frame }),
            _ => Err(Problem::unreachable(to.region())),
        }
    }

    /// Takes in what holders have answered, and acknowledges the frames among it.
    async fn take(&self, call: &Call, config: &Config, answers: Vec<Answer>) {
        let receipts: Vec<_> = answers.iter().map(|answer| answer.receipt.clone()).collect();
        if !receipts.is_empty() {
            self.tell(call, Input::Receipts { receipts });
        }
        for Answer { from, frame, .. } in answers {
            let Some(bytes) = frame else { continue };
            let Some((ReplyKind::Taken { receipt, .. }, _)) = self.tell(call, Input::Frame { bytes }) else {
                continue;
            };
            let there = Call {
                caller: Caller::Service,
                region: from.region(),
                input: Input::Receipts { receipts: vec![receipt] },
                shown_by: Vec::new(),
                ..call.clone()
            };
            // If it is not heard, the other asks again.
            drop(transport::send_within(&self.env, config, call.region, &there, PULL_MS).await);
        }
    }

    async fn tick(&self) -> Result<()> {
        let config = Config::from_env(&self.env).map_err(to_error)?;
        let (row, mut rows) = rows::replica::read(&self.state.storage().sql())?;
        let Some(row) = row else { return Ok(()) };
        let book = Replica::from_row(&row).map_err(|reject| damaged(&reject))?;
        let book = book.book().clone();
        let call = |input| Call {
            cart_id: book.cart_id.clone(),
            region: book.region,
            caller: Caller::Service,
            input,
            fresh: false,
            shown_by: Vec::new(),
            skew_ms: config.skew_ms,
        };
        let effects = self.step(&call(Input::Tick), &mut rows, true).map_err(to_error)?;
        self.rows_since_wake.set(self.rows_since_wake.get().plus(rows));
        let (mut frames, mut told) = (Vec::new(), Vec::new());
        for effect in effects {
            match effect {
                Effect::Send { to, frame } => frames.push((to, frame)),
                Effect::Tell { cart, input, then } => told.push((cart, *input, *then)),
                _ => {}
            }
        }
        let here = call(Input::Tick);
        self.unwritten.set(false);
        let sent = join_all(frames.into_iter().map(async |(to, frame)| match to {
            Holder::Replica(_) => (to, self.hand(&here, &config, to, frame, CALL_MS).await.map(Some)),
            // A store answers later.
            Holder::Store(store) => {
                let letter = Letter { store, cart_id: here.cart_id.clone(), sent: transport::now(), frame };
                let taken = transport::run(&config, here.region, &Errand::Take(letter), CALL_MS).await;
                (to, taken.map(|_| None))
            }
        }));
        let mut answers = Vec::new();
        for (to, answer) in sent.await {
            match answer {
                Ok(answer) => answers.extend(answer),
                Err(problem) => {
                    log::failed(&format!("tell {to} what is new"), &problem.detail, "again by the alarm");
                    self.tell(&here, Input::Missed { to });
                }
            }
        }
        self.take(&here, &config, answers).await;
        let told = join_all(told.into_iter().map(async |(cart, input, then)| {
            let there = Call { cart_id: cart, ..call(input) };
            self.reaches(&config, here.region, there).await.then_some(then)
        }));
        for then in told.await.into_iter().flatten() {
            drop(self.tell(&here, then));
        }
        // Who has answered, or did not, is known to nobody then, nor when to tell them again.
        if self.unwritten.replace(false) {
            return Err(worker::Error::RustError("what was answered could not be written".into()));
        }
        Ok(())
    }

    /// Calls another cart, whose replicas all take it, and a second one that does knows the same in the end. Whether
    /// one has; if not, the step has armed the next try.
    async fn reaches(&self, config: &Config, from: Region, call: Call) -> bool {
        for region in config.regions.nearest_to(call.cart_id.first_home()) {
            match transport::send(&self.env, config, from, &Call { region, ..call.clone() }).await {
                Ok(_) => return true,
                Err(problem) => {
                    log::failed_for(
                        &call.cart_id,
                        "tell another cart",
                        &problem.detail,
                        "the next region, then again by the alarm",
                    );
                    if !problem.elsewhere() {
                        return false;
                    }
                }
            }
        }
        false
    }
}

/// What a holder answered to a frame.
struct Answer {
    from: Holder,
    receipt: Vec<u8>,
    frame: Option<Vec<u8>>,
}

/// Whether it is what a store tells.
fn is_of_store(input: &Input) -> bool {
    let Input::Frame { bytes } = input else { return false };
    Frame::from_bytes(bytes).is_ok_and(|frame| matches!(frame.from, Holder::Store(_)))
}

fn damaged(reject: &Reject) -> worker::Error {
    worker::Error::RustError(reject.to_string())
}

fn to_error(problem: Problem) -> worker::Error {
    worker::Error::RustError(format!("{}: {}", problem.code, problem.detail))
}
