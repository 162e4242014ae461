//! A cart's object: one replica in one region. Load, step, commit, reply; the decisions are the core's.
//! What is in memory is thrown away whenever a commit fails, so it never runs ahead of the storage.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use cart_core::replica::{Caller, Effect, Input, Replica, Reply};
use cart_core::time::Millis;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use crate::call::{Call, Head, Rows};
use crate::commit::commit;
use crate::config::Config;
use crate::error::Problem;
use crate::rows;
use crate::sys;

#[durable_object]
pub struct CartObject {
    state: State,
    env: Env,
    /// What was read or written last; `None` until the first call.
    replica: RefCell<Option<Replica>>,
    /// Whether the object has a row.
    stored: Cell<bool>,
    rows_since_wake: Cell<Rows>,
}

impl DurableObject for CartObject {
    fn new(state: State, env: Env) -> Self {
        Self {
            state,
            env,
            replica: RefCell::new(None),
            stored: Cell::new(false),
            rows_since_wake: Cell::new(Rows::default()),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let body = request.text().await?;
        let call: Call = serde_json::from_str(&body)?;
        let head = self.turn(&call);
        Response::from_bytes(head.to_bytes()?)
    }

    /// Never fails: what could not be done is armed again by the next request or the retry of the alarm.
    async fn alarm(&self) -> Result<Response> {
        if let Err(error) = self.tick().await {
            worker::console_error!("alarm: {error}");
            self.state.storage().set_alarm(ALARM_RETRY).await?;
        }
        Response::empty()
    }
}

impl CartObject {
    /// One call, one turn.
    fn turn(&self, call: &Call) -> Head {
        let mut rows = Rows::default();
        let reply = self.step(call, &mut rows).and_then(|effects| {
            let reply = effects.into_iter().find_map(|effect| match effect {
                Effect::Reply(reply) => Some(reply),
                _ => None,
            });
            match reply {
                Some(reply) => reply.map_err(Problem::from),
                None => Err(Problem::retry(503, "replica_unavailable", "the replica gave no answer")),
            }
        });
        self.rows_since_wake.set(self.rows_since_wake.get().plus(rows));
        let sequence = self.replica.borrow().as_ref().map_or(0, |replica| replica.book().sequence);
        Head { reply, sequence, rows, rows_since_wake: self.rows_since_wake.get() }
    }

    fn step(&self, call: &Call, rows: &mut Rows) -> Result<Vec<Effect>, Problem> {
        let now = sys::now(call.skew_ms);
        let failed = |error: worker::Error| Problem::object(&error);
        let mut slot = self.replica.borrow_mut();
        let mut replica = match slot.take() {
            Some(replica) => replica,
            None => self.load(call, now, rows)?,
        };
        let mut input = call.input.clone();
        if let Input::Edit(edit) | Input::Replay(edit) | Input::Open(edit) = &mut input
            && replica.wants_pages(edit)
        {
            let (pages, read) = rows::ledger_page::read_all(&self.state.storage().sql()).map_err(failed)?;
            edit.pages = pages;
            *rows = rows.plus(read);
        }
        let effects = replica.step(&call.caller, input, now);
        // On failure `slot` stays empty: the next call reads what is stored.
        *rows = rows.plus(commit(&self.state, &effects, !self.stored.get()).map_err(failed)?);
        if effects.iter().any(|effect| matches!(effect, Effect::Put(_))) {
            self.stored.set(true);
        }
        *slot = Some(replica);
        Ok(effects)
    }

    fn load(&self, call: &Call, now: Millis, rows: &mut Rows) -> Result<Replica, Problem> {
        let failed = |error: worker::Error| Problem::object(&error);
        let config = Config::from_env(&self.env)?;
        let (row, read) = rows::replica::read(&self.state.storage().sql()).map_err(failed)?;
        *rows = rows.plus(read);
        self.stored.set(row.is_some());
        let replica = match row {
            Some(row) => Replica::from_row(&row).map_err(|reject| {
                worker::console_error!("the replica's row cannot be read: {reject}");
                Problem::retry(503, "replica_damaged", "the cart cannot be read; the operator has been told")
            })?,
            None => {
                let incarnation = sys::random_u64().map_err(failed)?;
                Replica::new(call.cart_id.clone(), call.region, incarnation, now)
            }
        };
        Ok(replica.configured(config.limits, config.key_ms))
    }

    async fn tick(&self) -> Result<()> {
        let (row, mut rows) = rows::replica::read(&self.state.storage().sql())?;
        let Some(row) = row else { return Ok(()) };
        let book = Replica::from_row(&row).map_err(|reject| worker::Error::RustError(reject.to_string()))?;
        let book = book.book().clone();
        let call = |input| Call {
            cart_id: book.cart_id.clone(),
            region: book.region,
            caller: Caller::Service,
            input,
            skew_ms: 0,
        };
        let effects = self.step(&call(Input::Tick), &mut rows).map_err(to_error)?;
        for effect in effects {
            if let Effect::Forward { into, delta, path } = effect {
                let join = Input::Join { state: delta.clone(), path };
                match send(&self.env, &Call { cart_id: into, ..call(join) }).await {
                    Ok(_) => drop(self.step(&call(Input::Forwarded { delta }), &mut rows).map_err(to_error)?),
                    // The step has armed the next try.
                    Err(problem) => worker::console_error!("forwarding: {}", problem.detail),
                }
            }
        }
        self.rows_since_wake.set(self.rows_since_wake.get().plus(rows));
        Ok(())
    }
}

fn to_error(problem: Problem) -> worker::Error {
    worker::Error::RustError(format!("{}: {}", problem.code, problem.detail))
}

/// When an alarm that failed goes off again.
const ALARM_RETRY: Duration = Duration::from_secs(5);

/// How often a call is tried while the platform says that trying again may help.
const TRIES_MAX: u32 = 3;

/// Calls a cart's object. Every call may be repeated: edits by their dots, the rest by what they are.
pub async fn send(env: &Env, call: &Call) -> Result<(Reply, Head), Problem> {
    let body = serde_json::to_vec(call).map_err(|error| Problem::object(&error.into()))?;
    let name = call.cart_id.object_name(call.region);
    let mut tries = 0;
    let bytes = loop {
        tries += 1;
        match attempt(env, &name, call, &body).await {
            Ok(bytes) => break bytes,
            Err(error) if tries < TRIES_MAX && may_retry(&error) => {}
            Err(error) => return Err(Problem::object(&error)),
        }
    };
    let head = Head::from_bytes(&bytes)
        .ok_or_else(|| Problem::object(&worker::Error::RustError("the object's answer is damaged".into())))?;
    match head.reply.clone() {
        Ok(reply) => Ok((reply, head)),
        // A foreign cart's number is nobody's business.
        Err(problem) if problem.code == "cart_not_found" => Err(problem),
        Err(problem) => Err(Problem { sequence: Some(head.sequence), ..problem }),
    }
}

async fn attempt(env: &Env, name: &str, call: &Call, body: &[u8]) -> Result<Vec<u8>> {
    // A fresh stub each time: one that has failed stays broken.
    let stub = env.durable_object("CARTS")?.get_by_name_with_location_hint(name, call.region.name())?;
    let mut init = worker::RequestInit::new();
    init.with_method(worker::Method::Post).with_body(Some(js_sys::Uint8Array::from(body).into()));
    let request = Request::new_with_init("https://cart/call", &init)?;
    let mut response = stub.fetch_with_request(request).await?;
    if response.status_code() != 200 {
        return Err(worker::Error::RustError(format!("the object answered {}", response.status_code())));
    }
    response.bytes().await
}

/// The platform marks its errors: `retryable`, and `overloaded` where another try would make it worse.
fn may_retry(error: &worker::Error) -> bool {
    let worker::Error::UnknownJsError { original, .. } = error else { return false };
    let is = |name: &str| js_sys::Reflect::get(original, &name.into()).is_ok_and(|value| value.is_truthy());
    is("retryable") && !is("overloaded")
}
