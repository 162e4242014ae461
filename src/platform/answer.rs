//! Answers, and their parts that are the same for everybody.

use cart_core::time::Millis;
use serde::Serialize;
use wasm_bindgen::JsValue;
use worker::{Headers, Response};

use crate::platform::log;
use crate::platform::problem::Problem;

/// A JSON answer that is not kept anywhere.
pub fn json_of<T: Serialize>(body: &T, status: u16) -> Result<Response, Problem> {
    let body = serde_json::to_vec(body).map_err(|error| Problem::object(&error.into()))?;
    json(body, status, "no-store")
}

/// An answer of a JSON text.
#[inline(never)]
pub fn json(body: Vec<u8>, status: u16, kept: &str) -> Result<Response, Problem> {
    let response = Response::from_bytes(body).map_err(|error| Problem::object(&error))?.with_status(status);
    let mut set = Setter(response.headers());
    set.put("Content-Type", "application/json");
    set.put("Cache-Control", kept);
    Ok(response)
}

/// An answer without a body.
#[inline(never)]
pub fn empty(status: u16) -> Result<Response, Problem> {
    let response = Response::empty().map_err(|error| Problem::object(&error))?;
    Ok(response.with_status(status))
}

/// A moment as RFC 3339 in UTC, of the year 9999 at the latest.
pub fn rfc3339(at: Millis) -> String {
    const LAST: Millis = Millis(253_402_300_799_999);
    js_sys::Date::new(&JsValue::from_f64(at.min(LAST).0 as f64)).to_iso_string().into()
}

/// Sets headers of a fresh response; their names and values are ours and valid.
pub struct Setter<'a>(pub &'a Headers);

impl Setter<'_> {
    pub fn put(&mut self, name: &str, value: &str) {
        if let Err(error) = self.0.set(name, value) {
            log::failed(&format!("set the header {name}"), &error, "the answer goes out without it");
        }
    }
}
