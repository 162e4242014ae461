//! Texts of JSON: read into a type, with what is wrong told apart and where.

use serde::de::DeserializeOwned;
use serde_json::Deserializer;
use serde_json::de::SliceRead;

use crate::platform::problem::Problem;

/// A text as `T`. Only what depends on the type is here: the rest would be in the Wasm once for each.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
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
