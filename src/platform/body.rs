//! Reading what a client sent: how large, of which type, in which encoding, with which fields.

use serde::de::DeserializeOwned;
use serde_json::Deserializer;
use serde_json::de::SliceRead;
use worker::Request;

use crate::platform::problem::Problem;

/// The largest JSON body, in bytes: a hundred commands with their customisations and a context.
pub const JSON_BYTES_MAX: usize = 512 * 1_024;
/// The largest delta, in bytes: a state at its limit twice over.
pub const DELTA_BYTES_MAX: usize = 128 * 1_024;
/// The media type of deltas.
pub const DELTA_TYPE: &str = "application/vnd.evercart.delta";

/// The body as bytes. A declared length that is too large is refused without copying any of it into Wasm:
/// `takeIn` of main.js takes it off the line. A body of unknown length is read to its end, keeping no more
/// than is allowed, since stopping in mid-stream would leave the client without an answer.
pub async fn read(request: &mut Request, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let too_large = || too_large(bytes_max);
    let declared = request.headers().get("Content-Length").ok().flatten();
    if declared.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > bytes_max as u64)
    {
        return Err(too_large());
    }
    if request.inner().body().is_none() {
        return Ok(Vec::new());
    }
    let broken = |error: worker::Error| {
        Problem::new(
            400,
            "body_incomplete",
            format!("the body could not be read to its end ({error}); send it again"),
        )
    };
    let mut stream = request.stream().map_err(broken)?;
    let mut body = Vec::new();
    let mut length = 0;
    while let Some(chunk) = futures_util::StreamExt::next(&mut stream).await {
        let chunk = chunk.map_err(broken)?;
        length += chunk.len();
        if length <= bytes_max {
            body.extend(chunk);
        }
    }
    if length > bytes_max { Err(too_large()) } else { Ok(body) }
}

/// The refusal of more than so many bytes.
pub fn too_large(bytes_max: usize) -> Problem {
    Problem::new(413, "body_too_large", format!("the body may have at most {bytes_max} bytes; send less"))
}

/// A JSON body as `T`. An empty body is `{}`.
pub async fn json<T: DeserializeOwned>(request: &mut Request) -> Result<T, Problem> {
    parse(&json_bytes(request).await?)
}

async fn json_bytes(request: &mut Request) -> Result<Vec<u8>, Problem> {
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

/// Only what depends on the type is here: the rest would be in the Wasm once for each.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut reader = reader(body)?;
    let value = serde_path_to_error::deserialize(&mut reader).map_err(refused)?;
    ended(reader)?;
    Ok(value)
}

fn reader(body: &[u8]) -> Result<Deserializer<SliceRead<'_>>, Problem> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        Problem::new(
            400,
            "invalid_utf8",
            format!("the body is not UTF-8 from byte {at} on; encode it as UTF-8"),
        )
    })?;
    // serde would take an array for an object's fields in their order.
    if text.trim_start().starts_with('[') {
        return Err(Problem::new(422, "invalid_field", "the body is a JSON array; send an object"));
    }
    Ok(Deserializer::from_slice(text.as_bytes()))
}

fn refused(error: serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let path = error.path().to_string();
    let inner = error.into_inner();
    if inner.is_data() {
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        return Problem::new(422, "invalid_field", format!("{place}{inner}"));
    }
    Problem::new(400, "invalid_json", format!("the body is not JSON: {inner}"))
}

fn ended(mut reader: Deserializer<SliceRead<'_>>) -> Result<(), Problem> {
    reader.end().map_err(|error| {
        Problem::new(400, "invalid_json", format!("something follows the JSON value: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use cart_core::command::Command;

    use super::*;

    fn check(body: &[u8], code: &str, part: &str) {
        let problem = parse::<Command>(body).expect_err("is refused");
        assert_eq!((problem.code.as_str(), problem.detail.contains(part)), (code, true), "{problem:?}");
    }

    #[test]
    fn bad_json_is_told_apart() {
        check(b"{", "invalid_json", "EOF");
        check(b"{\"op\":\"clear\"} x", "invalid_json", "follows");
        check(b"\xff{}", "invalid_utf8", "byte 0");
        check(b"[]", "invalid_field", "");
        check(b"{\"op\":\"fly\"}", "invalid_field", "unknown variant `fly`");
        check(b"{\"op\":\"add\"}", "invalid_field", "missing field `sku`");
        check(b"{\"op\":\"add\",\"sku\":\"1\",\"quantity\":1.5}", "invalid_field", "1.5");
        check(b"{\"op\":\"add\",\"sku\":\"1\",\"quantity\":1e400}", "invalid_json", "number out of range");
        check(b"{\"op\":\"add\",\"sku\":\"1\",\"qty\":1}", "invalid_field", "unknown field `qty`");
        check(b"{\"op\":\"add\",\"sku\":7}", "invalid_field", "string");
        let deep = format!("{{\"op\":\"add\",\"sku\":\"1\",\"customization\":{{\"a\":{}", "[".repeat(5_000));
        check(deep.as_bytes(), "invalid_json", "recursion");
    }
}
