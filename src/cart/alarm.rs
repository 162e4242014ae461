//! The alarm of a cart's object: tells other holders and other carts what is new, and goes off again where that fails.

use std::time::Duration;

use cart_core::frame::Holder;
use cart_core::id::Region;
use cart_core::reject::Reject;
use cart_core::replica::telling::{Answer, CALL_MS, Telling, Why};
use cart_core::replica::{Caller, Effect, Input, Replica};
use futures_util::future::join_all;
use worker::{Response, Result};

use crate::cart::call::{Call, send};
use crate::cart::object::CartObject;
use crate::cart::rows::{self, alarm::Failure};
use crate::platform::clock::{self, present};
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::call::{Errand, Letter, run};

/// When an alarm that failed goes off again, in milliseconds; twice as long after each further time in a row.
const ALARM_RETRY_MS: u64 = 5_000;
/// How often that is doubled: to three quarters of an hour.
const ALARM_DOUBLINGS_MAX: u8 = 9;

impl CartObject {
    /// Never fails: what could not be done is armed again by the next request or the retry of the alarm.
    pub(super) async fn ring(&self) -> Result<Response> {
        if let Err(error) = self.tick().await {
            let wait = self.note_failure();
            log::failed("tell others what is new", &error, &format!("again in {} s", wait.as_secs()));
            self.state.storage().set_alarm(wait).await?;
        }
        Response::empty()
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

    async fn tick(&self) -> Result<()> {
        let config = Config::of(&self.env).map_err(to_error)?;
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
                Effect::Put(_)
                | Effect::PutPage { .. }
                | Effect::DropPages { .. }
                | Effect::Wake(_)
                | Effect::Forget
                | Effect::Reply(_) => {}
            }
        }
        let here = call(Input::Tick);
        self.unwritten.set(false);
        let mut telling = Telling::to(frames.iter().map(|(to, _)| *to), Why::Alarm);
        let sent = join_all(frames.into_iter().map(async |(to, frame)| match to {
            Holder::Replica(_) => (to, self.hand(&here, &config, to, frame, CALL_MS).await),
            Holder::Store(store) => {
                let letter = Letter { store, cart_id: here.cart_id.clone(), sent: present(), frame };
                let taken = run(&config, here.region, &Errand::Take(letter), CALL_MS).await;
                (to, taken.map(|_| Answer::Sent))
            }
        }));
        for (to, answer) in sent.await {
            let answer = answer.unwrap_or_else(|problem| {
                log::failed(&format!("tell {to} what is new"), &problem.detail, "again by the alarm");
                Answer::Missed
            });
            telling.hear(to, answer);
        }
        self.follow(&here, &config, telling).await;
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
            match send(&self.env, config, from, &Call { region, ..call.clone() }).await {
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

fn damaged(reject: &Reject) -> worker::Error {
    worker::Error::RustError(reject.to_string())
}

fn to_error(problem: Problem) -> worker::Error {
    worker::Error::RustError(problem.to_string())
}
