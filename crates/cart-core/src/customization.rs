//! A line's customisation: any JSON object, such as an engraving. Two customisations are the same if
//! their canonical JSON (RFC 8785) is.

use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::reject::Reject;

/// The longest canonical JSON of a customisation, in bytes.
pub const BYTES_MAX: usize = 1_024;

/// How deep a customisation may be nested.
pub const DEPTH_MAX: usize = 16;

/// A customisation in canonical form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Customization {
    /// Its canonical JSON.
    pub json: Arc<str>,
    /// The first 16 bytes of the SHA-256 of that: what enters a line's identity.
    pub hash: [u8; 16],
}

impl Customization {
    /// The canonical form of an object that somebody has written; an empty one is no customisation.
    ///
    /// # Errors
    /// [`Reject::Invalid`] if it is too long, nested too deep, or holds a number that doubles do not tell from others.
    pub fn of(object: &Map<String, Value>) -> Result<Option<Self>, Reject> {
        if object.values().any(is_inexact) {
            return Err(Reject::invalid("customization", "holds a number beyond 2^53; send it as a text"));
        }
        Self::canonical(object)
    }

    fn canonical(object: &Map<String, Value>) -> Result<Option<Self>, Reject> {
        if object.is_empty() {
            return Ok(None);
        }
        if object.values().any(|value| depth(value) >= DEPTH_MAX) {
            return Err(Reject::invalid("customization", format!("is nested deeper than {DEPTH_MAX}")));
        }
        let json = serde_json_canonicalizer::to_string(object)
            .map_err(|error| Reject::invalid("customization", format!("has no canonical form: {error}")))?;
        Self::of_canonical(&json).map(Some)
    }

    /// From text that is said to be canonical JSON already, as in a delta.
    ///
    /// # Errors
    /// [`Reject::Invalid`] if it is too long, no object, or not canonical.
    pub fn parse(json: &str) -> Result<Self, Reject> {
        let object: Map<String, Value> = serde_json::from_slice(json.as_bytes())
            .map_err(|_| Reject::invalid("customization", "must be a JSON object"))?;
        match Self::canonical(&object)? {
            Some(canonical) if *canonical.json == *json => Ok(canonical),
            _ => Err(Reject::invalid("customization", "must be in the canonical form of RFC 8785")),
        }
    }

    /// From text that its caller has made canonical: whoever is sent it looks whether it is.
    ///
    /// # Errors
    /// [`Reject::Invalid`] if it is too long.
    pub fn of_canonical(json: &str) -> Result<Self, Reject> {
        if json.len() > BYTES_MAX {
            let problem = format!("is {} bytes; at most {BYTES_MAX} are allowed", json.len());
            return Err(Reject::invalid("customization", problem));
        }
        let digest: [u8; 32] = Sha256::digest(json.as_bytes()).into();
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        Ok(Self { json: json.into(), hash })
    }
}

/// Beyond it doubles do not tell neighbours apart: two numbers would be one line.
const EXACT_MAX: f64 = 9_007_199_254_740_991.0;

fn is_inexact(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|number| number.abs() > EXACT_MAX),
        Value::Array(items) => items.iter().any(is_inexact),
        Value::Object(fields) => fields.values().any(is_inexact),
        _ => false,
    }
}

/// How deep a value is nested; a plain one is 0. What came in is parsed, and so not deep enough to overflow.
fn depth(value: &Value) -> usize {
    let within = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    1 + within.unwrap_or(0)
}
