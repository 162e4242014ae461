//! The service, as the operator asks it: `/v1/admin` over HTTP. Each refusal becomes a [`Failure`] that says what to do.

use std::time::Duration;

use serde_json::Value;
use ureq::http::{Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};

use crate::failure::{Failure, Kind};

/// Where `make run` serves.
const LOCAL: &str = "http://localhost:8787";
/// How long an answer is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// The largest answer that is read: a page of dead letters or of regions is far smaller.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// How something is asked.
#[derive(Clone, Copy, Debug)]
pub enum Method {
    Get,
    Post,
    Delete,
}

/// The service at an address.
pub struct Service {
    agent: Agent,
    url: String,
    token: String,
}

impl Service {
    /// At the address that is named, else that of `URL`, else this machine's, with the token of `ADMIN_TOKEN`, else the one
    /// that is kept. Asks nothing yet.
    pub fn open(
        named: Option<&str>,
        kept: impl FnOnce() -> Result<Option<String>, Failure>,
    ) -> Result<Self, Failure> {
        let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let url = address(named.map(str::to_owned).or_else(|| set("URL")).as_deref().unwrap_or(LOCAL))?;
        let token = match set("ADMIN_TOKEN") {
            Some(token) => token,
            // Where there is no project around there is nothing kept, either.
            None => kept().ok().flatten().ok_or_else(|| {
                Failure::new(Kind::Token, "there is no operator's token")
                    .next("set ADMIN_TOKEN to the service's secret; on this machine tools/setup makes one")
            })?,
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::NativeTls)
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let config = Agent::config_builder()
            .timeout_global(Some(ANSWER_MAX))
            .tls_config(tls)
            .http_status_as_error(false)
            // The token is for this address and no other.
            .max_redirects(0)
            .build();
        Ok(Self { agent: config.into(), url, token })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks, and gives the answer's JSON; none, where it has no body.
    pub fn ask(&self, method: Method, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        let url = format!("{}/v1/admin{path}", self.url);
        let bearer = format!("Bearer {}", self.token);
        let query = query.iter().copied();
        let answer = match method {
            Method::Get => self.agent.get(url).header("Authorization", bearer).query_pairs(query).call(),
            Method::Post => {
                self.agent.post(url).header("Authorization", bearer).query_pairs(query).send_empty()
            }
            Method::Delete => {
                self.agent.delete(url).header("Authorization", bearer).query_pairs(query).call()
            }
        };
        self.read(answer.map_err(|error| self.away(&error))?)
    }

    fn read(&self, mut answer: Response<Body>) -> Result<Value, Failure> {
        let status = answer.status();
        let bytes = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let bytes = bytes.map_err(|error| self.away(&error))?;
        let read = serde_json::from_slice(&bytes);
        if !status.is_success() {
            return Err(refused(&self.url, status, &read.unwrap_or_default()));
        }
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        read.map_err(|_| {
            Failure::new(Kind::Away, format!("{} answers what is no JSON", self.url))
                .next("is it the address of an Evercart? Name it with --url, or URL=")
        })
    }

    fn away(&self, error: &ureq::Error) -> Failure {
        let next = if self.url == LOCAL {
            "start it with `make run`, or name another with --url, or URL="
        } else {
            "is it the right address (--url, or URL=), and is the service up? Then try again"
        };
        let why = match error {
            ureq::Error::Io(error) => error.to_string(),
            ureq::Error::Timeout(_) => format!("nothing came in {} s", ANSWER_MAX.as_secs()),
            other => other.to_string(),
        };
        Failure::new(Kind::Away, format!("{} does not answer: {why}", self.url)).next(next)
    }
}

/// An address without its last slash.
fn address(text: &str) -> Result<String, Failure> {
    let text = text.trim_end_matches('/');
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['?', '#', ' ']) => Ok(text.to_owned()),
        _ => Err(Failure::new(Kind::Usage, format!("{text:?} is no address"))
            .next("use one such as https://shop.example.com")),
    }
}

/// What the service says where it refuses, and what follows.
fn refused(url: &str, status: StatusCode, problem: &Value) -> Failure {
    let code = problem["code"].as_str();
    let detail = problem["detail"].as_str().unwrap_or("it does not say why");
    let (kind, next) = match (status.as_u16(), code) {
        (401 | 403, _) => (Kind::Token, Some("ADMIN_TOKEN is not the one of this service: set it to that")),
        (404, Some("dead_letter_not_found")) => {
            (Kind::Refused, Some("`evercart dlq list` shows those there are"))
        }
        (404, _) => (
            Kind::Refused,
            Some("is this an Evercart, and has it a secret ADMIN_TOKEN? Without one it has no /v1/admin"),
        ),
        (409, Some("slot_moving")) => {
            (Kind::Refused, Some("move it where it is on its way to first, then run this again"))
        }
        (421, _) => (Kind::Refused, Some("name the process that serves that region: --url")),
        (422, _) => (Kind::Refused, Some("`evercart regions` shows the regions and their databases")),
        (300..=399, _) => (Kind::Refused, Some("it is served elsewhere: name that address with --url")),
        (429 | 500.., _) => (Kind::Away, Some("try again; what is done stays done")),
        _ => (Kind::Refused, None),
    };
    let failure = Failure::new(kind, format!("{url} answers {}: {detail}", status.as_u16()));
    Failure { next: next.map(str::to_owned), code: code.map(str::to_owned), ..failure }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host_and_no_last_slash() {
        assert_eq!(address("http://localhost:8787/").ok().as_deref(), Some("http://localhost:8787"));
        assert_eq!(address("https://shop.example.com").ok().as_deref(), Some("https://shop.example.com"));
        for wrong in ["", "localhost:8787", "ftp://x", "http://", "https:///", "http://x?y", "http://a b"] {
            assert_eq!(address(wrong).err().map(|failure| failure.kind), Some(Kind::Usage), "{wrong:?}");
        }
    }

    #[test]
    fn a_refusal_says_whose_fault_it_is_and_what_to_do() {
        let of = |status: u16, code: &str| {
            let problem = json!({"code": code, "detail": "because"});
            refused("http://x", StatusCode::from_u16(status).expect("a status"), &problem)
        };
        for (status, code, kind) in [
            (401, "operator_required", Kind::Token),
            (404, "not_found", Kind::Refused),
            (404, "dead_letter_not_found", Kind::Refused),
            (409, "slot_moving", Kind::Refused),
            (421, "misdirected", Kind::Refused),
            (422, "invalid_field", Kind::Refused),
            (308, "", Kind::Refused),
            (429, "", Kind::Away),
            (500, "", Kind::Away),
            (503, "store_unavailable", Kind::Away),
        ] {
            let failure = of(status, code);
            assert_eq!(failure.kind, kind, "{status} {code}");
            assert!(failure.next.is_some(), "{status} {code}");
            assert_eq!(failure.message, format!("http://x answers {status}: because"));
            assert_eq!(failure.code.as_deref(), Some(code));
        }
        let plain = refused("http://x", StatusCode::BAD_GATEWAY, &Value::Null);
        assert_eq!(
            (plain.kind, plain.code),
            (Kind::Away, None),
            "of something in between, which has no problem"
        );
    }
}
