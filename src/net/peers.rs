//! Requests to the processes that serve other regions, and their form: tagged, so that a region knows its own service.

use worker::{Fetch, Request, Response, Result, WebSocket, web_sys};

use crate::platform::clock::present;
use crate::platform::config::Config;
use crate::platform::log;

/// Where a process takes the calls of others.
pub const PATH: &str = "/peer";
/// Where it takes what is for its stores.
pub const STORE_PATH: &str = "/peer/store";
/// Where it opens sockets for others.
pub const LIVE_PATH: &str = "/peer/live";
/// The header that says what socket is asked for: an upgrade has no body.
pub const OPENING: &str = "Evercart-Opening";
/// The header that authenticates them.
pub const TAG: &str = "Evercart-Peer";
/// The largest call, in bytes: a frame and what goes with it.
pub const CALL_BYTES_MAX: usize = 2 * 1_024 * 1_024;

/// To the process that serves the region.
pub async fn post(config: &Config, url: &str, path: &str, body: &[u8]) -> Result<Vec<u8>> {
    bytes_of(Fetch::Request(tagged(config, url, path, body)?).send().await?).await
}

/// A request that is of this service.
pub fn tagged(config: &Config, url: &str, path: &str, body: &[u8]) -> Result<Request> {
    let request = post_of(&format!("{url}{path}"), body)?;
    request.headers().set(TAG, &config.signer.peer_tag(body, present()))?;
    Ok(request)
}

/// A request with a body. Not by the `RequestInit` of the crate `worker`, which brings all that a request may say of images.
pub fn post_of(url: &str, body: &[u8]) -> Result<Request> {
    let init = web_sys::RequestInit::new();
    init.set_method("POST");
    init.set_body(&js_sys::Uint8Array::from(body));
    let request: Request = web_sys::Request::new_with_str_and_init(url, &init)?.into();
    log::pass_on(request.headers())?;
    Ok(request)
}

/// The bytes of an answer.
pub async fn bytes_of(mut response: Response) -> Result<Vec<u8>> {
    if response.status_code() == 507 {
        return Err(worker::Error::RustError("the other's database or disk is full".into()));
    }
    if response.status_code() != 200 {
        let (status, said) = (response.status_code(), response.text().await.unwrap_or_default());
        return Err(worker::Error::RustError(format!("the replica answered {status}: {said}")));
    }
    response.bytes().await
}

/// Asks the process that serves a region for a socket.
pub async fn open(config: &Config, url: &str, opening: &str) -> Result<Response> {
    let request = upgrade(&format!("{url}{LIVE_PATH}"), opening)?;
    request.headers().set(TAG, &config.signer.peer_tag(opening.as_bytes(), present()))?;
    Fetch::Request(request).send().await
}

/// A request for a socket.
pub fn upgrade(url: &str, opening: &str) -> Result<Request> {
    let request: Request = web_sys::Request::new_with_str(url)?.into();
    request.headers().set("Upgrade", "websocket")?;
    request.headers().set(OPENING, opening)?;
    log::pass_on(request.headers())?;
    Ok(request)
}

/// A socket, or the bytes of an answer without one.
pub async fn socket_or_bytes(answer: Result<Response>) -> Result<std::result::Result<WebSocket, Vec<u8>>> {
    let answer = answer?;
    if answer.status_code() != 101 {
        return bytes_of(answer).await.map(Err);
    }
    answer.websocket().map(Ok).ok_or_else(|| worker::Error::RustError("an upgrade without a socket".into()))
}
