//! A connection to a Worker, with one request at a time.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long an answer is waited for. The service gives up sooner by itself.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A request, and with which of two statuses it must be answered.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    pub expects: [u16; 2],
}

impl Ask {
    /// A request without a body.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), headers: Vec::new(), body: Bytes::new(), expects: [200; 2] }
    }

    /// A request with a body of JSON.
    pub fn post(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        let headers = vec![("Content-Type", "application/json".to_owned())];
        Self { method: "POST", path: path.into(), headers, body: body.into(), expects: [200; 2] }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn expecting(mut self, status: u16) -> Self {
        self.expects = [status; 2];
        self
    }

    /// Another status is as good.
    pub fn or(mut self, status: u16) -> Self {
        self.expects[1] = status;
        self
    }
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub headers: hyper::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// A header's text, empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn json(&self) -> Result<serde_json::Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("no JSON: {error}"))
    }

    /// A text of an answer of JSON.
    pub fn text(&self, name: &str) -> Result<String, String> {
        let text = self.json()?[name].as_str().map(str::to_owned);
        text.ok_or_else(|| format!("no {name} in {}", String::from_utf8_lossy(&self.body)))
    }
}

/// A connection that is kept open.
pub struct Connection {
    port: u16,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Opens it.
    pub async fn open(port: u16) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("no connection to port {port}: {error}");
        let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| failed(&error))?;
        // Else the kernel holds small requests back.
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        Ok(Self { port, sender })
    }

    /// Sends a request and reads the answer; another status than the one expected is an error.
    pub async fn ask(&mut self, ask: &Ask) -> Result<Answer, String> {
        let answered = tokio::time::timeout(ANSWER_MAX, self.send(ask)).await;
        answered
            .unwrap_or_else(|_| Err("no answer in time".to_owned()))
            .map_err(|error| format!("{} {}: {error}", ask.method, ask.path))
    }

    async fn send(&mut self, ask: &Ask) -> Result<Answer, String> {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(&ask.path)
            .header("Host", format!("127.0.0.1:{}", self.port));
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(ask.body.clone())).map_err(|error| error.to_string())?;
        self.sender.ready().await.map_err(|error| error.to_string())?;
        let response = self.sender.send_request(request).await.map_err(|error| error.to_string())?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        if !ask.expects.contains(&head.status.as_u16()) {
            return Err(format!("{} {:.500}", head.status, String::from_utf8_lossy(&body)));
        }
        Ok(Answer { headers: head.headers, body })
    }
}
