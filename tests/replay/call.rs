//! One call over HTTP: what goes out, what comes back, how long it took and how many bytes it was.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cart_core::cart::Cart;
use cart_core::command::{Command, Place};
use data_encoding::BASE64_NOPAD;
use harness::{Answer, Shop};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::seen::Seen;
use crate::way::Way;

/// How often a call is made while the service says that it cannot be served now.
const TRIES_MAX: u32 = 20;
const PAUSE_MS: u64 = 150;
/// Contexts that are longer go in a header: addresses are cut off at some thousand characters.
const CONTEXT_IN_URL_BYTES_MAX: usize = 4_000;

/// A call of a cart, complete but for the session: it can be made again as it is.
#[derive(Clone, Debug)]
pub struct Call {
    pub kind: &'static str,
    pub method: Method,
    /// Below `/v1/carts/{cart}`.
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Vec<u8>>,
}

/// An answer and what it cost.
#[derive(Clone, Debug)]
pub struct Heard {
    pub answer: Answer,
    pub cost: Cost,
    /// Whether an earlier try of this call may have been served, its answer lost.
    pub unsure: bool,
}

/// What a call cost: HTTP/1.1 heads as they would be written, bodies, time, rows of the object.
#[derive(Clone, Copy, Default, Debug)]
pub struct Cost {
    pub ms: f32,
    pub sent_head: usize,
    pub sent_body: usize,
    pub got_head: usize,
    pub got_body: usize,
    pub rows_read: u64,
    pub rows_written: u64,
}

const DELTA_TYPE: &str = "application/vnd.evercart.delta";

impl Call {
    pub fn new(kind: &'static str, method: Method, path: &str) -> Self {
        Self { kind, method, path: path.to_owned(), headers: Vec::new(), body: None }
    }

    pub fn json(mut self, body: &Value) -> Self {
        self.headers.push(("content-type", "application/json".to_owned()));
        self.body = Some(body.to_string().into_bytes());
        self
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn sync(bytes: Vec<u8>) -> Self {
        let call = Self::new("sync", Method::POST, "/sync").header("content-type", DELTA_TYPE);
        Self { body: Some(bytes), ..call }
    }

    /// One command by the endpoint that is made for it.
    pub fn one(command: &Command, context: Option<&str>) -> Self {
        let op = crate::record::Act::of(command).op;
        let line = |method, line_id: &str| Self::new(op, method, &format!("/lines/{line_id}"));
        let patch = |line_id: &str, mut body: Value, at: &Place| {
            if *at == Place::Saved {
                body["in"] = json!("saved");
            }
            if let Some(context) = context {
                body["context"] = json!(context);
            }
            line(Method::PATCH, line_id).json(&body)
        };
        let query = |call: Self, at: &Place| {
            let at = if *at == Place::Saved { "?in=saved" } else { "" };
            match context {
                Some(context) if context.len() <= CONTEXT_IN_URL_BYTES_MAX => {
                    let and = if at.is_empty() { "?" } else { "&" };
                    Self { path: format!("{}{at}{and}context={context}", call.path), ..call }
                }
                _ => {
                    let call = Self { path: format!("{}{at}", call.path), ..call };
                    call.context_header(context)
                }
            }
        };
        match command {
            Command::Add { sku, quantity, .. } => Self::new(op, Method::POST, "/lines")
                .json(&json!({"sku": sku, "quantity": quantity}))
                .context_header(context),
            Command::Set { line_id, quantity, at } => patch(line_id, json!({"quantity": quantity}), at),
            Command::Increment { line_id, quantity, at } => {
                patch(line_id, json!({"increment": quantity}), at)
            }
            Command::Decrement { line_id, quantity, at } => {
                patch(line_id, json!({"decrement": quantity}), at)
            }
            Command::Move { line_id, location } => {
                patch(line_id, json!({"location": location}), &Place::Cart)
            }
            Command::Remove { line_id, at } => query(line(Method::DELETE, line_id), at),
            Command::Clear {} => query(Self::new(op, Method::DELETE, "/lines"), &Place::Cart),
            Command::ApplyCoupon { code } => {
                Self::new(op, Method::POST, "/coupons").json(&json!({"code": code})).context_header(context)
            }
            Command::RemoveCoupon { code } => {
                Self::new(op, Method::DELETE, &format!("/coupons/{code}")).context_header(context)
            }
            Command::Update(fields) => {
                let note = fields.note.clone().flatten();
                Self::new(op, Method::PATCH, "").json(&json!({"note": note})).context_header(context)
            }
        }
    }

    /// Commands together, all or none.
    pub fn batch(commands: &[Command], context: Option<&str>) -> Self {
        let mut body = json!({"commands": commands});
        if let Some(context) = context {
            body["context"] = json!(context);
        }
        Self::new("batch", Method::POST, "/commands").json(&body)
    }

    fn context_header(self, context: Option<&str>) -> Self {
        match context {
            Some(context) => self.header("evercart-context", context),
            None => self,
        }
    }

    /// Makes the call of a cart. Where the service says "later" it is made again, as it says.
    pub async fn make(&self, way: &Way, cart: &str) -> Result<Heard, String> {
        let (shop, mut unsure) = (way.shop(), false);
        for attempt in 1.. {
            let mut request =
                shop.call(&way.session(), self.method.clone(), &format!("/v1/carts/{cart}{}", self.path));
            if way.are_regions() {
                request = request.header("evercart-show-state", "yes");
            }
            for (name, value) in &self.headers {
                request = request.header(*name, value);
            }
            if let Some(body) = &self.body {
                request = request.body(body.clone());
            }
            let request = request.build().map_err(|error| format!("no request: {error}"))?;
            let (sent_head, sent_body) = (sent_head(&request), self.body.as_ref().map_or(0, Vec::len));
            let began = Instant::now();
            let answer = execute(shop, request).await;
            let ms = began.elapsed().as_secs_f32() * 1_000.0;
            match answer {
                Ok(answer) if answer.status.as_u16() < 500 => {
                    way.learn(&answer);
                    let (rows_read, rows_written) = rows(&answer);
                    let (got_head, got_body) = (got_head(&answer), answer.bytes.len());
                    let cost = Cost { ms, sent_head, sent_body, got_head, got_body, rows_read, rows_written };
                    return Ok(Heard { answer, cost, unsure });
                }
                Ok(answer) if attempt >= TRIES_MAX => {
                    return Err(format!("{} {}: {}", self.method, answer.status, answer.text()));
                }
                Err(error) if attempt >= TRIES_MAX => {
                    return Err(format!("{} {}: {error:?}", self.method, self.path));
                }
                _ => unsure = true,
            }
            tokio::time::sleep(Duration::from_millis(PAUSE_MS * u64::from(attempt))).await;
        }
        unreachable!("the last try returns")
    }
}

async fn execute(shop: &Shop, request: reqwest::Request) -> reqwest::Result<Answer> {
    let response = shop.http.execute(request).await?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(Answer { status, headers, bytes: response.bytes().await?.to_vec() })
}

impl Heard {
    pub fn is_ok(&self) -> bool {
        self.answer.status.is_success()
    }

    pub fn replayed(&self) -> bool {
        self.answer.header("idempotency-replayed") == "true"
    }

    /// The sequence number, where the cart was reached at all.
    pub fn sequence(&self) -> Option<u64> {
        self.answer.header("evercart-sequence").parse().ok()
    }

    /// What the replica had seen when it answered, the call's own edits too.
    pub fn seen(&self, way: &Way) -> Seen {
        if !way.are_regions() {
            return self.sequence().map_or(Seen::Unknown, Seen::Upto);
        }
        let state = BASE64_NOPAD.decode(self.answer.header("evercart-state").as_bytes()).unwrap_or_default();
        match Cart::from_bytes(&state) {
            Ok(cart) if !state.is_empty() => Seen::Dots(Arc::new(cart.context().clone())),
            _ => Seen::Unknown,
        }
    }

    /// The code of a refusal.
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.answer.bytes).unwrap_or_default();
        match body["code"].as_str() {
            Some(code) => code.to_owned(),
            None => format!("{} without a code", self.answer.status.as_u16()),
        }
    }

    /// Its words.
    pub fn detail(&self) -> String {
        let body: Value = serde_json::from_slice(&self.answer.bytes).unwrap_or_default();
        body["detail"].as_str().unwrap_or_default().to_owned()
    }
}

/// Rows read and written by the object: said in development only.
fn rows(answer: &Answer) -> (u64, u64) {
    let text = answer.header("evercart-rows");
    let number = |name: &str| {
        let (_, rest) = text.split_once(name)?;
        rest.split(' ').next()?.parse().ok()
    };
    (number("read=").unwrap_or(0), number("written=").unwrap_or(0))
}

/// `POST /path HTTP/1.1`, the headers, and those that the client adds: host, accept, content-length.
fn sent_head(request: &reqwest::Request) -> usize {
    let url = request.url();
    let path = url.path().len() + url.query().map_or(0, |query| 1 + query.len());
    let host = "host: \r\n".len() + url.authority().len();
    let length = if request.body().is_some() { "content-length: 100\r\n".len() } else { 0 };
    request.method().as_str().len()
        + path
        + " \x20HTTP/1.1\r\n".len()
        + host
        + length
        + "accept: */*\r\n\r\n".len()
        + headers(request.headers())
}

fn got_head(answer: &Answer) -> usize {
    let reason = answer.status.canonical_reason().unwrap_or_default();
    "HTTP/1.1 200 \r\n\r\n".len() + reason.len() + headers(&answer.headers)
}

fn headers(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}
