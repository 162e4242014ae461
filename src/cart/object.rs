//! A cart's object: one replica in one region. Load, step, commit, reply; the decisions are the core's.
//! What is in memory is thrown away whenever a commit fails, so it never runs ahead of the storage.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use cart_core::reject::Reject;
use cart_core::replica::asking::{Asked, may_be_known_elsewhere};
use cart_core::replica::{Caller, Effect, Input, Replica, Reply, ReplyKind};
use cart_core::time::Millis;
use futures_util::lock::Mutex;
use worker::{Env, State, durable_object};

use crate::cart::call::{Call, Head};
use crate::cart::rows;
use crate::cart::sockets::{Speakers, Standing, announce};
use crate::platform::clock;
use crate::platform::commit::commit;
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::platform::sql::Rows;

#[durable_object]
pub struct CartObject {
    pub(super) state: State,
    pub(super) env: Env,
    /// What was read or written last; `None` until the first call.
    pub(super) replica: RefCell<Option<Replica>>,
    /// Whether the object has a row.
    pub(super) stored: Cell<bool>,
    pub(super) rows_since_wake: Cell<Rows>,
    /// One call asks the other holders for all, and what is kept of that.
    pub(super) one_asks: Mutex<()>,
    pub(super) asked: RefCell<Asked>,
    /// What the alarm was answered could not be written.
    pub(super) unwritten: Cell<bool>,
    /// The sockets that have sent something since the object woke.
    pub(super) speakers: Speakers,
}

impl CartObject {
    /// One that has read nothing yet.
    pub(super) fn asleep(state: State, env: Env) -> Self {
        Self {
            state,
            env,
            replica: RefCell::new(None),
            stored: Cell::new(false),
            rows_since_wake: Cell::new(Rows::default()),
            one_asks: Mutex::new(()),
            asked: RefCell::new(Asked::default()),
            unwritten: Cell::new(false),
            speakers: Speakers::default(),
        }
    }

    /// One call, one turn. `current` says whether the replica knows what it must to answer.
    pub(super) fn turn(&self, call: &Call, mut rows: Rows, current: bool) -> Head {
        let hidden = self
            .replica
            .borrow()
            .as_ref()
            .is_some_and(|replica| self.asked.borrow().hides(replica, &call.caller, &call.input));
        let effects = if hidden { Err(Problem::other_build()) } else { self.step(call, &mut rows, current) };
        let reply = effects.and_then(|effects| {
            let reply = effects.into_iter().find_map(|effect| {
                let Effect::Reply(reply) = effect else { return None };
                Some(reply)
            });
            match reply {
                Some(Ok(reply)) => Ok(Reply { partial: reply.partial || !current, ..reply }),
                Some(Err(reject)) if !current && may_be_known_elsewhere(&reject, self.stored.get()) => {
                    Err(Problem::unreachable(call.region))
                }
                Some(Err(reject)) => Err(reject.into()),
                None => Err(Problem::retry(503, "replica_unavailable", "the replica gave no answer")),
            }
        });
        self.rows_since_wake.set(self.rows_since_wake.get().plus(rows));
        let sequence = self.replica.borrow().as_ref().map_or(0, |replica| replica.book().sequence);
        self.head(call, reply, sequence, rows)
    }

    fn head(&self, call: &Call, reply: Result<Reply, Problem>, sequence: u64, rows: Rows) -> Head {
        let (region, rows_since_wake) = (call.region, self.rows_since_wake.get());
        Head { reply, region, sequence, rows, rows_since_wake, again: false }
    }

    /// A step and its commit. `current` as in [`Self::turn`].
    pub(super) fn step(&self, call: &Call, rows: &mut Rows, current: bool) -> Result<Vec<Effect>, Problem> {
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
        let writes = rows::writes_of(&effects, !self.stored.get(), call.skew_ms).map_err(failed)?;
        *rows = rows.plus(commit(&self.state, writes).map_err(failed)?);
        if effects.iter().any(|effect| matches!(effect, Effect::Put(_))) {
            self.stored.set(true);
        }
        let forgotten = effects.contains(&Effect::Forget);
        announce(&self.state, &self.speakers, &before, &replica, forgotten);
        if forgotten {
            self.stored.set(false);
        } else {
            *slot = Some(replica);
        }
        Ok(effects)
    }

    /// Answers from what is stored and writes nothing, not even an alarm.
    pub(super) fn read_only(&self, call: &Call) -> Head {
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
        self.head(call, reply, sequence, rows)
    }

    pub(super) fn load(&self, call: &Call, now: Millis, rows: &mut Rows) -> Result<Replica, Problem> {
        let failed = |error: worker::Error| Problem::object(&error);
        let config = Config::of(&self.env)?;
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
                if matches!(reject, Reject::FrameTooNew { .. }) {
                    return Problem::other_build();
                }
                let detail = "the cart cannot be read; the operator has been told";
                Problem::retry(503, "replica_damaged", detail)
            })?,
            None => {
                let incarnation = clock::random_u64().map_err(failed)?;
                Replica::new(call.cart_id.clone(), call.region, incarnation, now)
            }
        };
        let replica = replica.configured(config.limits, config.key_ms).writing(config.format);
        Ok(replica.among(Arc::clone(&config.regions)))
    }

    /// A step of the service's own, whose reply nobody waits for.
    pub(super) fn tell(&self, call: &Call, input: Input) -> Option<(ReplyKind, Vec<Effect>)> {
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
                self.asked.borrow_mut().refused(&reject);
                None
            }
            _ => None,
        }
    }
}
