//! All traffic to replicas and stores, with its deadlines and breakers. Two forms, and nothing else knows
//! which: a Durable Object stub, where this process serves the region, or HTTP to the process that does.
//! Every call may be repeated: edits by their dots, frames by what a join is, the rest by what they are.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::time::Duration;

use base64ct::{Base64Unpadded, Encoding as _};
use cart_core::breaker::{Breaker, Circuit, Load, RetryBudget};
use cart_core::frame::Holder;
use cart_core::id::Region;
use cart_core::packed::{Format, pack, pack_as, unpack};
use cart_core::reject::Reject;
use cart_core::replica::{Input, Reply, ReplyKind};
use cart_core::time::Millis;
use futures_util::future::{Either, select};
use wasm_bindgen::prelude::*;
use worker::wasm_bindgen_futures::JsFuture;
use worker::{Delay, Env, Fetch, Request, Response, Result, WebSocket, web_sys};

use crate::cart::call::{Call, Head, Opening};
use crate::net::faults;
use crate::platform::clock;
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::call::Errand;

#[wasm_bindgen]
extern "C" {
    /// The stores of this process: see `src/main.js`.
    #[wasm_bindgen(catch, js_name = evercartStores)]
    fn stores_here(request: &web_sys::Request) -> Result<js_sys::Promise, JsValue>;
}

/// Where a process takes the calls of others.
pub const PATH: &str = "/peer";
/// Where it takes what is for its stores.
pub const STORE_PATH: &str = "/peer/store";
/// Where it opens sockets for others.
pub const LIVE_PATH: &str = "/peer/live";
/// The header that says what socket is asked for: an upgrade has no body.
pub const OPENING: &str = "Evercart-Opening";
/// The header that authenticates them.
const TAG: &str = "Evercart-Peer";
/// The largest call, in bytes: a frame and what goes with it.
pub const CALL_BYTES_MAX: usize = 2 * 1_024 * 1_024;
/// How long a replica may take to answer, in milliseconds.
pub const CALL_MS: u64 = 3_000;
/// How long another region is waited for before a shopper is served without it, in milliseconds.
pub const PULL_MS: u64 = 1_000;
/// How often a call is tried while the platform says that trying again may help.
const TRIES_MAX: u32 = 3;

/// How an object is called, and how where nothing can be written.
const CALL: &str = "https://cart/call";
pub const READ_ONLY: &str = "https://cart/read-only";
/// How it is asked for a socket.
pub const LIVE: &str = "https://cart/live";

/// In which header the operator's requests carry what the edge knows of each region's circuit.
pub const CIRCUITS: &str = "Evercart-Circuits";

thread_local! {
    /// One a region for its replicas, in the order of [`Region::ALL`], then one for its store.
    static BREAKERS: RefCell<[Breaker; 2 * Region::ALL.len()]> = RefCell::default();
}

thread_local! {
    /// Of the calls to the replicas of a region, in the order of [`Region::ALL`].
    static LOADS: RefCell<[Load; Region::ALL.len()]> = RefCell::default();
}

thread_local! {
    /// Of the calls to objects of this process.
    static BUDGET: RefCell<RetryBudget> = RefCell::default();
}

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// How many calls of replicas and of other stores this isolate has made, retries aside.
pub fn calls() -> u64 {
    CALLS.get()
}

/// How the calls of this isolate to the replicas of a region fare.
fn circuit(region: Region) -> Circuit {
    breaker(Holder::Replica(region), |breaker| breaker.circuit(now()))
}

/// Whether a region may get sessions that another could serve as well: its replicas answer, and soon.
pub fn is_healthy(region: Region) -> bool {
    circuit(region) == Circuit::Closed && !load(Holder::Replica(region), |load| load.is_high(now()))
}

/// Takes what is known of the load of a region's replicas. That of stores is in their queues.
fn load<T: Default>(to: Holder, take: impl FnOnce(&mut Load) -> T) -> T {
    let Holder::Replica(region) = to else { return T::default() };
    LOADS.with_borrow_mut(|all| all.get_mut(region as usize).map(take).unwrap_or_default())
}

fn breaker<T>(to: Holder, take: impl FnOnce(&mut Breaker) -> T) -> T
where
    T: Default,
{
    let at = match to {
        Holder::Replica(region) => region as usize,
        Holder::Store(region) => Region::ALL.len() + region as usize,
    };
    BREAKERS.with_borrow_mut(|all| all.get_mut(at).map(take).unwrap_or_default())
}

/// What a call gives, if nothing parts the regions, its breaker lets it through and it answers in time.
async fn through<T>(
    config: &Config,
    from: Region,
    to: Holder,
    deadline_ms: u64,
    call: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    // Not the breaker's concern: when the cut is healed, nothing stays closed.
    faults::pass(config, from, to.region())?;
    if !breaker(to, |breaker| breaker.admits(now())) {
        return Err(Problem::unreachable(to.region()));
    }
    CALLS.set(CALLS.get() + 1);
    let span = load(to, |load| load.called(now()));
    let outcome = within(deadline_ms, call).await;
    load(to, |load| load.answered(span, now()));
    match &outcome {
        Some(Ok(_)) => breaker(to, Breaker::succeeded),
        // It answers, and its readers are to be served, or others that are of its build.
        Some(Err(problem)) if [Problem::FULL, Problem::OTHER_BUILD].contains(&problem.code.as_str()) => {
            breaker(to, Breaker::succeeded);
        }
        Some(Err(_)) => breaker(to, |breaker| breaker.failed(false, now())),
        None => breaker(to, |breaker| breaker.failed(true, now())),
    }
    outcome.unwrap_or_else(|| Err(Problem::hung(to.region())))
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
    let to = Holder::Replica(call.region);
    let body = pack_as(config.format, call);
    head_of(&through(config, from, to, deadline_ms, deliver(env, config, call, &body)).await?)
}

fn head_of(bytes: &[u8]) -> Result<(Reply, Head), Problem> {
    let head: Head = unpack(bytes).map_err(|reject| Problem::unread(&reject))?;
    match head.reply.clone() {
        Ok(reply) => Ok((reply, head)),
        // A foreign cart's number is nobody's business.
        Err(problem) if problem.code == "cart_not_found" => Err(problem),
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
            Some(url) => {
                let request = upgrade(&format!("{url}{LIVE_PATH}"), &text);
                let tag = config.signer.peer_tag(text.as_bytes(), clock::now(0));
                async {
                    let request = request?;
                    request.headers().set(TAG, &tag)?;
                    Fetch::Request(request).send().await
                }
                .await
            }
            None => opened_here(env, opening, &text).await,
        };
        socket_or_bytes(answer).await.map_err(|error| Problem::object(&error))
    };
    match through(config, from, Holder::Replica(region), CALL_MS, way).await? {
        Ok(socket) => Ok(Opened::Socket(socket)),
        Err(bytes) => head_of(&bytes).map(|(reply, _)| Opened::Said(reply)),
    }
}

/// A socket, or the bytes of an answer without one.
async fn socket_or_bytes(answer: Result<Response>) -> Result<std::result::Result<WebSocket, Vec<u8>>> {
    let answer = answer?;
    if answer.status_code() != 101 {
        return bytes_of(answer).await.map(Err);
    }
    answer.websocket().map(Ok).ok_or_else(|| worker::Error::RustError("an upgrade without a socket".into()))
}

/// What the object says, in this process or wherever the platform has it.
async fn opened_here(env: &Env, opening: &Opening, text: &str) -> Result<Response> {
    let (name, region) = (opening.call.cart_id.object_name(opening.call.region), opening.call.region);
    let mut tries = 0;
    BUDGET.with_borrow_mut(RetryBudget::called);
    loop {
        tries += 1;
        let stub = env.durable_object("CARTS")?.get_by_name_with_location_hint(&name, region.name())?;
        match stub.fetch_with_request(upgrade(LIVE, text)?).await {
            Err(error)
                if tries < TRIES_MAX && may_retry(&error) && BUDGET.with_borrow_mut(RetryBudget::spend) => {}
            answer => return answer,
        }
    }
}

fn upgrade(url: &str, opening: &str) -> Result<Request> {
    let request: Request = web_sys::Request::new_with_str(url)?.into();
    request.headers().set("Upgrade", "websocket")?;
    request.headers().set(OPENING, opening)?;
    log::pass_on(request.headers())?;
    Ok(request)
}

/// What is said of a socket that is asked for, and the format in which it is.
pub fn opening_of(text: &str) -> std::result::Result<(Opening, Format), Reject> {
    let unread = |_| Reject::Malformed("this says of no socket what it is");
    let bytes = Base64Unpadded::decode_vec(text).map_err(unread)?;
    Ok((unpack(&bytes)?, Format::answering(&bytes)))
}

/// Sends to the store of a region, from a region; what it answers.
pub async fn run(
    config: &Config,
    from: Region,
    errand: &Errand,
    deadline_ms: u64,
) -> Result<Vec<u8>, Problem> {
    let store = errand.store();
    let to = Holder::Store(store);
    // An operator asks how it is now, not how it was when others asked.
    if matches!(errand, Errand::Report { .. }) {
        breaker(to, Breaker::probe);
    }
    let body = pack_as(config.format, errand);
    let way = async {
        let answer = match config.peer(store) {
            Some(url) => post(config, url, STORE_PATH, &body).await,
            None => here(config, &body).await,
        };
        answer.map_err(|error| Problem::store(&error))
    };
    through(config, from, to, deadline_ms, way).await
}

async fn here(config: &Config, body: &[u8]) -> Result<Vec<u8>> {
    bytes_of(answered_here(&tagged(config, "https://stores", STORE_PATH, body)?).await?).await
}

async fn answered_here(request: &Request) -> Result<Response> {
    let response = JsFuture::from(stores_here(request.inner())?).await?;
    Ok(Response::from(response.unchecked_into::<web_sys::Response>()))
}

/// Hands an operator's request on to the stores of this process, with what this isolate knows of the regions.
pub async fn operate(request: &Request, config: &Config) -> Result<Response> {
    let circuits = config.regions.places.iter().map(|place| {
        let region = place.region;
        format!("{region}={}", circuit(region).name())
    });
    let request = request.clone_mut()?;
    request.headers().set(CIRCUITS, &circuits.collect::<Vec<_>>().join(" "))?;
    let response = answered_here(&request).await?;
    // Its headers cannot be changed.
    let headers = response.headers().clone();
    Ok(Response::from_body(response.body().clone())?
        .with_status(response.status_code())
        .with_headers(headers))
}

/// The bytes of the answer.
async fn deliver(env: &Env, config: &Config, call: &Call, body: &[u8]) -> Result<Vec<u8>, Problem> {
    match config.peer(call.region) {
        Some(url) => post(config, url, PATH, body).await.map_err(|error| Problem::object(&error)),
        None => stub(env, call, body).await,
    }
}

/// To the object, in this process or wherever the platform has it.
async fn stub(env: &Env, call: &Call, body: &[u8]) -> Result<Vec<u8>, Problem> {
    let name = call.cart_id.object_name(call.region);
    // A device is to know that a sync was tried twice, which only the edge can say: see `Head::again`.
    let is_sync = matches!(call.input, Input::Sync { .. });
    let mut tries = 0;
    BUDGET.with_borrow_mut(RetryBudget::called);
    loop {
        tries += 1;
        match attempt(env, &name, call, body, CALL).await {
            Ok(bytes) => return Ok(bytes),
            Err(error)
                if tries < TRIES_MAX
                    && may_retry(&error)
                    && !is_sync
                    && BUDGET.with_borrow_mut(RetryBudget::spend) => {}
            Err(error) => {
                let problem = Problem::object(&error);
                // So the platform says that a commit has failed, among other things.
                let hidden = error.to_string().contains("internal error");
                let reads = if hidden || problem.code == Problem::FULL {
                    without_writing(env, &name, call).await
                } else {
                    None
                };
                return reads.ok_or(problem);
            }
        }
    }
}

/// What can be answered by a cart that cannot be written, its disk being full or not: what it shows, or that an edit is
/// done. That one is not there yet says nothing: its call may still be on its way.
async fn without_writing(env: &Env, name: &str, call: &Call) -> Option<Vec<u8>> {
    let input = match &call.input {
        Input::Edit(edit) => Input::Replay(edit.clone()),
        Input::Read => Input::Read,
        _ => return None,
    };
    let reads = Call { input, ..call.clone() };
    let body = pack(&reads);
    let mut tries = 1;
    let bytes = loop {
        match attempt(env, name, &reads, &body, READ_ONLY).await {
            Ok(bytes) => break bytes,
            // An alarm that fails at the same time resets it too.
            Err(_) if tries < TRIES_MAX => tries += 1,
            Err(_) => return None,
        }
    };
    let head: Head = unpack(&bytes).ok()?;
    let shows = matches!(head.reply, Ok(Reply { kind: ReplyKind::State { .. }, .. }));
    (shows || matches!(call.input, Input::Read)).then_some(bytes)
}

async fn attempt(env: &Env, name: &str, call: &Call, body: &[u8], url: &str) -> Result<Vec<u8>> {
    // A fresh stub each time: one that has failed stays broken.
    let stub = env.durable_object("CARTS")?.get_by_name_with_location_hint(name, call.region.name())?;
    let request = post_of(url, body)?;
    bytes_of(stub.fetch_with_request(request).await?).await
}

/// To the process that serves the region.
async fn post(config: &Config, url: &str, path: &str, body: &[u8]) -> Result<Vec<u8>> {
    bytes_of(Fetch::Request(tagged(config, url, path, body)?).send().await?).await
}

fn tagged(config: &Config, url: &str, path: &str, body: &[u8]) -> Result<Request> {
    let request = post_of(&format!("{url}{path}"), body)?;
    request.headers().set(TAG, &config.signer.peer_tag(body, clock::now(0)))?;
    Ok(request)
}

/// Not by the `RequestInit` of the crate `worker`, which brings all that a request may say of images.
fn post_of(url: &str, body: &[u8]) -> Result<Request> {
    let init = web_sys::RequestInit::new();
    init.set_method("POST");
    init.set_body(&js_sys::Uint8Array::from(body));
    let request: Request = web_sys::Request::new_with_str_and_init(url, &init)?.into();
    log::pass_on(request.headers())?;
    Ok(request)
}

async fn bytes_of(mut response: Response) -> Result<Vec<u8>> {
    if response.status_code() == 507 {
        return Err(worker::Error::RustError("the other's database or disk is full".into()));
    }
    if response.status_code() != 200 {
        let (status, said) = (response.status_code(), response.text().await.unwrap_or_default());
        return Err(worker::Error::RustError(format!("the replica answered {status}: {said}")));
    }
    response.bytes().await
}

/// A call of another process, for a region that is served here.
pub async fn receive(request: &mut Request, env: &Env, config: &Config) -> Result<Response, Problem> {
    let body = verified(request, config).await?;
    let call: Call = unpack(&body)?;
    served_here(config, call.region)?;
    if call.is_to_itself() {
        return Err(Problem::new(
            422,
            "not_yours",
            "only a replica itself says this; call what replicas tell each other",
        ));
    }
    let call = Call { skew_ms: config.skew_ms, ..call };
    let bytes = stub(env, &call, &pack_as(Format::answering(&body), &call)).await?;
    Response::from_bytes(bytes).map_err(|error| Problem::object(&error))
}

/// The wish of another process for a socket, in a region that is served here.
pub async fn receive_opening(request: &Request, env: &Env, config: &Config) -> Result<Response, Problem> {
    let header = |name: &str| request.headers().get(name).ok().flatten().unwrap_or_default();
    let text = header(OPENING);
    if !config.signer.is_peer(&header(TAG), text.as_bytes(), clock::now(0)) {
        return Err(Problem::new(401, "peer_refused", "this path is for regions"));
    }
    let (mut opening, format) = opening_of(&text)?;
    served_here(config, opening.call.region)?;
    opening.call.skew_ms = config.skew_ms;
    let text = Base64Unpadded::encode_string(&pack_as(format, &opening));
    let answer = socket_or_bytes(opened_here(env, &opening, &text).await).await;
    let answer = answer.and_then(|answer| match answer {
        Ok(socket) => Response::from_websocket(socket),
        Err(bytes) => Response::from_bytes(bytes),
    });
    answer.map_err(|error| Problem::object(&error))
}

fn served_here(config: &Config, region: Region) -> Result<(), Problem> {
    if config.peer(region).is_some() || config.regions.place(region).is_none() {
        return Err(Problem::new(421, "misdirected", "the region is not served here: see PEERS"));
    }
    Ok(())
}

/// The body of a request of another process of this service.
pub async fn verified(request: &mut Request, config: &Config) -> Result<Vec<u8>, Problem> {
    let refused = |detail| Problem::new(401, "peer_refused", detail);
    let tag = request.headers().get(TAG).ok().flatten().ok_or_else(|| refused("this path is for regions"))?;
    let too_large = || Problem::new(413, "frame_too_large", "a call between regions is at most 2 MiB");
    // No body is one of no length, and says none.
    let is_bounded = match request.headers().get("Content-Length").ok().flatten() {
        Some(length) => length.parse().is_ok_and(|length: usize| length <= CALL_BYTES_MAX),
        None => request.inner().body().is_none(),
    };
    if !is_bounded {
        return Err(too_large());
    }
    let body = request.bytes().await.map_err(|error| Problem::object(&error))?;
    if body.len() > CALL_BYTES_MAX {
        return Err(too_large());
    }
    if !config.signer.is_peer(&tag, &body, clock::now(0)) {
        return Err(refused("the call is not one of this service, or its time is over: see both clocks"));
    }
    Ok(body)
}

/// What a future gives, if it does in time.
pub async fn within<T>(deadline_ms: u64, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), pin!(Delay::from(Duration::from_millis(deadline_ms)))).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

/// The platform marks its errors: `retryable`, and `overloaded` where another try would make it worse.
fn may_retry(error: &worker::Error) -> bool {
    let worker::Error::UnknownJsError { original, .. } = error else { return false };
    let is = |name: &str| js_sys::Reflect::get(original, &name.into()).is_ok_and(|value| value.is_truthy());
    is("retryable") && !is("overloaded")
}

/// The moment that breakers and tags go by, which no skew moves.
pub fn now() -> Millis {
    clock::now(0)
}
