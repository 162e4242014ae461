//! Answers: made here, and brought over the border to JavaScript in one piece. Their parts that are the same for
//! everybody.

use std::borrow::Cow;

use cart_core::time::Millis;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use worker::web_sys;

use crate::platform::problem::Problem;

#[wasm_bindgen]
extern "C" {
    /// A response with these headers, name and value by turns, a line each: see `src/bridge.js`.
    #[wasm_bindgen(catch, js_namespace = evercart)]
    fn respond(status: u16, headers: &str, body: Option<&[u8]>) -> Result<web_sys::Response, JsValue>;
    /// The same with these headers beside its own, and without its body if so asked.
    #[wasm_bindgen(catch, js_namespace = evercart)]
    fn dress(
        response: &web_sys::Response,
        headers: &str,
        bodiless: bool,
    ) -> Result<web_sys::Response, JsValue>;
}

/// An answer on its way out.
pub struct Answer {
    pub status: u16,
    headers: Vec<(&'static str, Cow<'static, str>)>,
    body: Body,
}

enum Body {
    Empty,
    Bytes(Vec<u8>),
    /// What the platform has made: a socket, a stream, a file.
    Made(web_sys::Response),
}

impl Answer {
    /// One of these bytes.
    pub fn of_bytes(body: Vec<u8>) -> Self {
        Self { status: 200, headers: Vec::new(), body: Body::Bytes(body) }
    }

    /// What the platform has made.
    pub fn made(response: web_sys::Response) -> Self {
        Self { status: response.status(), headers: Vec::new(), body: Body::Made(response) }
    }

    /// Sets a header, in place of one of that name.
    pub fn put(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.headers.retain(|(there, _)| *there != name);
        self.headers.push((name, value.into()));
    }

    /// As the platform takes it; `bodiless` says that only its head was asked for.
    pub fn response(self, bodiless: bool) -> worker::Result<web_sys::Response> {
        let mut lines = String::with_capacity(512);
        for (name, value) in &self.headers {
            for part in [name, "\n", value, "\n"] {
                lines.push_str(part);
            }
        }
        Ok(match self.body {
            Body::Made(response) => dress(&response, &lines, bodiless)?,
            Body::Bytes(body) if !bodiless => respond(self.status, &lines, Some(&body))?,
            Body::Bytes(_) | Body::Empty => respond(self.status, &lines, None)?,
        })
    }
}

/// A JSON answer that is not kept anywhere.
pub fn json_of<T: Serialize>(body: &T, status: u16) -> Result<Answer, Problem> {
    let body = serde_json::to_vec(body).map_err(|error| Problem::object(&error.into()))?;
    Ok(json(body, status, "no-store"))
}

/// An answer of a JSON text.
#[inline(never)]
pub fn json(body: Vec<u8>, status: u16, kept: &'static str) -> Answer {
    let mut answer = Answer { status, ..Answer::of_bytes(body) };
    answer.put("Content-Type", "application/json");
    answer.put("Cache-Control", kept);
    answer
}

/// An answer without a body.
#[inline(never)]
pub fn empty(status: u16) -> Answer {
    Answer { status, headers: Vec::new(), body: Body::Empty }
}

/// The answer of a refusal: the only place where one becomes HTTP.
#[cold]
#[inline(never)]
pub fn refused(problem: &Problem) -> Answer {
    let mut answer = Answer { status: problem.status, ..Answer::of_bytes(problem.body()) };
    answer.put("Content-Type", "application/problem+json");
    answer.put("Cache-Control", "no-store");
    if let Some(seconds) = problem.retry_after_s {
        answer.put("Retry-After", seconds.to_string());
    }
    if let Some(sequence) = problem.sequence {
        answer.put("Evercart-Sequence", sequence.to_string());
    }
    if let Some(key) = &problem.idempotency_key {
        answer.put("Idempotency-Key", key.to_string());
    }
    if let Some(allow) = &problem.allow {
        answer.put("Allow", allow.to_string());
    }
    if problem.status == 401 {
        answer.put("WWW-Authenticate", "Bearer");
    }
    answer
}

/// A moment as RFC 3339 in UTC, of the year 9999 at the latest.
pub fn rfc3339(at: Millis) -> String {
    const LAST: Millis = Millis(253_402_300_799_999);
    js_sys::Date::new(&JsValue::from_f64(at.min(LAST).0 as f64)).to_iso_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_set_once() {
        let mut answer = empty(204);
        answer.put("Vary", "Accept");
        answer.put("ETag", "\"1\"".to_owned());
        answer.put("Vary", "Origin");
        assert_eq!(answer.headers, [("ETag", Cow::from("\"1\"")), ("Vary", "Origin".into())]);
    }
}
