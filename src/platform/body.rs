//! Reading what a client sent: how large, of which type, in which encoding, with which fields.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use worker::Request;

use crate::platform::json;
use crate::platform::problem::Problem;

/// The largest JSON body, in bytes: a hundred commands with their customisations and a context.
pub const JSON_BYTES_MAX: usize = 512 * 1_024;
/// The largest delta, in bytes: a state at its limit twice over.
pub const DELTA_BYTES_MAX: usize = 128 * 1_024;
/// The media type of deltas.
pub const DELTA_TYPE: &str = "application/vnd.evercart.delta";

/// The body as bytes. A declared length that is too large is refused without copying any of it into Wasm: `takeIn` of
/// main.js takes it off the line; one that is not is read at once. A body of unknown length is read in pieces to its
/// end, keeping no more than is allowed, since stopping in mid-stream would leave the client without an answer.
pub async fn read(request: &mut Request, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let declared = request.headers().get("Content-Length").ok().flatten();
    let declared = declared.and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large(bytes_max));
    }
    if request.inner().body().is_none() {
        return Ok(Vec::new());
    }
    let body = match declared {
        Some(_) => request.bytes().await.map(Some),
        None => in_pieces(request, bytes_max).await,
    };
    let body = body.map_err(|error| {
        let detail = format!("the body could not be read to its end ({error}); send it again");
        Problem::new(400, "body_incomplete", detail)
    })?;
    body.filter(|body| body.len() <= bytes_max).ok_or_else(|| too_large(bytes_max))
}

/// A body read to its end, whatever its length; `None` if it is too large.
async fn in_pieces(request: &mut Request, bytes_max: usize) -> worker::Result<Option<Vec<u8>>> {
    let mut stream = request.stream()?;
    let (mut body, mut length) = (Vec::new(), 0);
    while let Some(chunk) = futures_util::StreamExt::next(&mut stream).await {
        let chunk = chunk?;
        length += chunk.len();
        if length <= bytes_max {
            body.extend(chunk);
        }
    }
    Ok((length <= bytes_max).then_some(body))
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
pub async fn json<T: DeserializeOwned>(request: &mut Request) -> Result<T, Problem> {
    json::parse(&json_text(request).await?)
}

/// The text of a JSON body.
pub async fn json_text(request: &mut Request) -> Result<Vec<u8>, Problem> {
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
pub async fn delta(request: &mut Request) -> Result<Vec<u8>, Problem> {
    let body = read(request, DELTA_BYTES_MAX).await?;
    let media_type = media_type(request);
    if media_type != DELTA_TYPE {
        let detail = format!("the body is {media_type:?}; send a delta with Content-Type: {DELTA_TYPE}");
        return Err(Problem::new(415, "unsupported_media_type", detail));
    }
    Ok(body)
}

fn media_type(request: &Request) -> String {
    let header = request.headers().get("Content-Type").ok().flatten().unwrap_or_default();
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
