//! Reading what a client sent: how large, of which type, in which encoding, with which fields.

use js_sys::{Promise, Uint8Array};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys;

use crate::platform::json;
use crate::platform::problem::Problem;
use crate::platform::request::Request;

#[wasm_bindgen]
extern "C" {
    /// A promise of a body's bytes, or of nothing if they are more: see `src/bridge.js`.
    #[wasm_bindgen(catch, js_namespace = evercart, js_name = bodyOf)]
    fn body_of(request: &web_sys::Request, bytes_max: usize) -> Result<Promise, JsValue>;
}

/// The largest JSON body, in bytes: a hundred commands with their customisations and a context.
pub const JSON_BYTES_MAX: usize = 512 * 1_024;
/// The largest delta, in bytes: a state at its limit twice over.
pub const DELTA_BYTES_MAX: usize = 128 * 1_024;
/// The media type of deltas.
pub const DELTA_TYPE: &str = "application/vnd.evercart.delta";

/// The body as bytes. A declared length that is too large is refused without copying any of it into Wasm: `takeIn` of
/// main.js takes it off the line. A body of unknown length is read in pieces to its end, keeping no more than is allowed,
/// since stopping in mid-stream would leave the client without an answer.
pub async fn read(request: &Request, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let declared = request.head.header("Content-Length").and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large(bytes_max));
    }
    let body = whole(request, bytes_max).await.map_err(|error| {
        let detail = format!("the body could not be read to its end ({error}); send it again");
        Problem::new(400, "body_incomplete", detail)
    })?;
    body.ok_or_else(|| too_large(bytes_max))
}

/// A body to its end; `None` if it has more bytes.
pub async fn whole(request: &Request, bytes_max: usize) -> worker::Result<Option<Vec<u8>>> {
    let bytes = JsFuture::from(body_of(&request.raw, bytes_max)?).await?;
    Ok((!bytes.is_undefined()).then(|| Uint8Array::unchecked_from_js(bytes).to_vec()))
}

/// The refusal of more than so many bytes.
pub fn too_large(bytes_max: usize) -> Problem {
    Problem::new(413, "body_too_large", format!("the body may have at most {bytes_max} bytes; send less"))
}

/// A body that says nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// A JSON body as `T`. An empty body is `{}`.
pub async fn json<T: DeserializeOwned>(request: &Request) -> Result<T, Problem> {
    json::parse(&json_text(request).await?)
}

/// The text of a JSON body.
pub async fn json_text(request: &Request) -> Result<Vec<u8>, Problem> {
    let body = read(request, JSON_BYTES_MAX).await?;
    if body.is_empty() {
        return Ok(b"{}".to_vec());
    }
    let media_type = media_type(request);
    if media_type != "application/json" {
        let detail = format!("the body is {media_type:?}; send JSON with Content-Type: application/json");
        return Err(Problem::new(415, "unsupported_media_type", detail));
    }
    Ok(body)
}

/// The body of a sync.
pub async fn delta(request: &Request) -> Result<Vec<u8>, Problem> {
    let body = read(request, DELTA_BYTES_MAX).await?;
    let media_type = media_type(request);
    if media_type != DELTA_TYPE {
        let detail = format!("the body is {media_type:?}; send a delta with Content-Type: {DELTA_TYPE}");
        return Err(Problem::new(415, "unsupported_media_type", detail));
    }
    Ok(body)
}

fn media_type(request: &Request) -> String {
    let header = request.head.header("Content-Type").unwrap_or_default();
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
