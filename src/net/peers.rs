//! Requests to the processes that serve other regions, and their form: tagged, so that a region knows its own service.

use worker::wasm_bindgen_futures::JsFuture;
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
    bytes_of(Fetch::Request(tagged(config, url, path, body)?).send().await?.into()).await
}

/// A request that is of this service.
pub fn tagged(config: &Config, url: &str, path: &str, body: &[u8]) -> Result<Request> {
    let request = post_of(&format!("{url}{path}"), body)?;
    request.headers().set(TAG, &config.signer.peer_tag(body, present()))?;
    Ok(request)
}

/// A request with a body.
pub fn post_of(url: &str, body: &[u8]) -> Result<Request> {
    Ok(web_sys::Request::new_with_str_and_init(url, &posted(body)?)?.into())
}

/// What makes a request one with a body. Not the `RequestInit` of the crate `worker`, which brings all that a request may
/// say of images.
pub fn posted(body: &[u8]) -> Result<web_sys::RequestInit> {
    let init = web_sys::RequestInit::new();
    init.set_method("POST");
    init.set_body(&js_sys::Uint8Array::from(body));
    if let Some((name, parent)) = log::parent() {
        let headers = web_sys::Headers::new()?;
        headers.set(name, &parent)?;
        init.set_headers(&headers);
    }
    Ok(init)
}

/// The bytes of an answer, in one piece. Of the platform's own response: that of the crate `worker` reads a stream, with
/// a promise a piece and one for its end.
pub async fn bytes_of(response: web_sys::Response) -> Result<Vec<u8>> {
    let status = response.status();
    if status == 507 {
        return Err(worker::Error::RustError("the other's database or disk is full".into()));
    }
    let bytes = js_sys::Uint8Array::new(&JsFuture::from(response.array_buffer()?).await?).to_vec();
    if status != 200 {
        return Err(worker::Error::RustError(said(status, &bytes)));
    }
    Ok(bytes)
}

/// What an answer that is none says, as the text of an error.
pub fn said(status: u16, body: &[u8]) -> String {
    format!("the replica answered {status}: {}", String::from_utf8_lossy(body))
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
    if let Some((name, parent)) = log::parent() {
        request.headers().set(name, &parent)?;
    }
    Ok(request)
}

/// A socket, or the bytes of an answer without one.
pub async fn socket_or_bytes(answer: Result<Response>) -> Result<std::result::Result<WebSocket, Vec<u8>>> {
    let answer = answer?;
    if answer.status_code() != 101 {
        return bytes_of(answer.into()).await.map(Err);
    }
    answer.websocket().map(Ok).ok_or_else(|| worker::Error::RustError("an upgrade without a socket".into()))
}
