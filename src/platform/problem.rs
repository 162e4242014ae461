//! Refusals as `application/problem+json` (RFC 9457): the only place where one becomes HTTP.

use cart_core::id::Region;
use cart_core::reject::Reject;
use serde::{Deserialize, Serialize};
use worker::{Response, Result};

use crate::platform::log;

/// After what time the operator may have mended something, in seconds.
const OPERATOR_S: u32 = 30;

/// A refusal on its way out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Problem {
    pub status: u16,
    /// The stable word for programs.
    pub code: String,
    /// What is wrong and what to do.
    pub detail: String,
    /// When to try again, in seconds.
    pub retry_after_s: Option<u32>,
    /// The sequence number of the state that refused.
    pub sequence: Option<u64>,
    /// The key with which to send the same request again, where the edge made it.
    pub idempotency_key: Option<Box<str>>,
    /// The methods of the path, for 405.
    pub allow: Option<Box<str>>,
}

impl Problem {
    /// The code of a storage without room.
    pub const FULL: &str = "storage_full";
    /// The code of what only another build reads.
    pub const OTHER_BUILD: &str = "builds_differ";

    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            detail: detail.into(),
            retry_after_s: None,
            sequence: None,
            idempotency_key: None,
            allow: None,
        }
    }

    pub fn retry(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Self { retry_after_s: Some(1), ..Self::new(status, code, detail) }
    }

    /// A write that a region may have done whose answer has not come.
    pub fn outcome_unknown() -> Self {
        Reject::OutcomeUnknown.into()
    }

    pub fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Reject::invalid(field, problem).into()
    }

    /// Whether the same call may succeed in another region.
    pub fn elsewhere(&self) -> bool {
        ["replica_unavailable", "region_unreachable", "replica_damaged", Self::OTHER_BUILD, Self::FULL]
            .contains(&self.code.as_str())
    }

    pub fn misconfigured(detail: &str) -> Self {
        let detail = format!("this deployment is not configured: {detail}");
        Self { retry_after_s: Some(OPERATOR_S), ..Self::new(503, "misconfigured", detail) }
    }

    /// The object or its storage gave no answer: whether it did it is not known. Only where its storage itself said that
    /// it has no room, in the turn, was nothing done.
    pub fn object(error: &worker::Error) -> Self {
        log::failed("call an object", &error, "it may have done it; the same again, or elsewhere, is safe");
        let text = error.to_string();
        if text.contains("SQLITE_FULL") || text.contains("database or disk is full") {
            return Self::full();
        }
        if is_of_other_build(&text) {
            return Self::other_build();
        }
        Self::retry(
            503,
            "replica_unavailable",
            "the cart did not answer; send the same request with the same Idempotency-Key again",
        )
    }

    /// An answer that cannot be read.
    pub fn unread(reject: &Reject) -> Self {
        match reject {
            Reject::FrameTooNew { .. } | Reject::FrameTooOld { .. } => Self::other_build(),
            _ => Self::object(&worker::Error::RustError(reject.to_string())),
        }
    }

    /// What was asked, or what it answered, is of a build that this one cannot read.
    pub fn other_build() -> Self {
        let detail = "the cart, or what was said of it, is of a later format than one of the builds that serve it reads, \
                      as for a while when one follows another; send the same request with the same Idempotency-Key \
                      again";
        Self::retry(503, Self::OTHER_BUILD, detail)
    }

    /// Nothing more can be written, and nothing was.
    pub fn full() -> Self {
        let detail = "nothing more can be stored here until the operator makes room, and reading goes on; \
                      send the same request with the same Idempotency-Key again later";
        Self { retry_after_s: Some(OPERATOR_S), ..Self::new(507, Self::FULL, detail) }
    }

    /// A region that has failed lately, and was not called.
    pub fn unreachable(region: Region) -> Self {
        Self::retry(
            503,
            "region_unreachable",
            format!("region {region} cannot be reached at present; send the same request again"),
        )
    }

    /// A region that did not answer in time; whether it did it is not known.
    pub fn hung(region: Region) -> Self {
        log::failed(
            &format!("call {region}"),
            &"no answer in time",
            "it may have done it; after some of these nobody waits for it",
        );
        Self::retry(
            503,
            "replica_unavailable",
            "the cart did not answer; send the same request with the same Idempotency-Key again",
        )
    }

    pub fn catalog() -> Self {
        Self::retry(
            503,
            "catalog_unavailable",
            "the catalog did not answer; send the same request with the same Idempotency-Key again",
        )
    }

    pub fn store(error: &worker::Error) -> Self {
        log::failed("ask a store", &error, "again later, or the other store");
        if is_of_other_build(&error.to_string()) {
            return Self::other_build();
        }
        Self::retry(503, "store_unavailable", "the region's store did not answer; try again")
    }

    /// The JSON.
    pub fn body(&self) -> Result<Vec<u8>> {
        let title = match self.status {
            400 => "Bad request",
            401 => "Session required",
            403 => "Refused",
            404 => "Not found",
            405 => "Method not allowed",
            409 => "Conflict",
            410 => "Expired",
            412 => "Precondition failed",
            413 => "Too large",
            415 => "Unsupported media type",
            422 => "Invalid request",
            426 => "Upgrade required",
            429 => "Too much",
            507 => "Storage full",
            _ => "Unavailable",
        };
        let body = serde_json::json!({
            "type": format!("https://evercart.dev/problems/{}", self.code),
            "title": title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        });
        Ok(serde_json::to_vec(&body)?)
    }

    pub fn response(&self) -> Result<Response> {
        let response = Response::from_bytes(self.body()?)?.with_status(self.status);
        let headers = response.headers();
        headers.set("Content-Type", "application/problem+json")?;
        headers.set("Cache-Control", "no-store")?;
        if let Some(seconds) = self.retry_after_s {
            headers.set("Retry-After", &seconds.to_string())?;
        }
        if let Some(sequence) = self.sequence {
            headers.set("Evercart-Sequence", &sequence.to_string())?;
        }
        if let Some(key) = &self.idempotency_key {
            headers.set("Idempotency-Key", key)?;
        }
        if let Some(allow) = &self.allow {
            headers.set("Allow", allow)?;
        }
        if self.status == 401 {
            headers.set("WWW-Authenticate", "Bearer")?;
        }
        Ok(response)
    }
}

/// Whether an error is the refusal of an object, a region or a store since something is of another build: that comes
/// as text with the JSON of [`Problem::body`] in it, in which all texts of others are escaped.
fn is_of_other_build(text: &str) -> bool {
    let code = text.split_once(r#""code":""#).and_then(|(_, rest)| rest.split_once('"'));
    matches!(code, Some(("frame_too_new" | "frame_too_old" | Problem::OTHER_BUILD, _)))
}

impl From<Reject> for Problem {
    fn from(reject: Reject) -> Self {
        let problem = Self::new(reject.status(), reject.code(), reject.to_string());
        Self { retry_after_s: reject.retry_after_s(), ..problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_build_is_told_by_the_code_of_a_refusal() {
        let is = |problem: &Problem| {
            let body = String::from_utf8(problem.body().expect("JSON")).expect("text");
            is_of_other_build(&format!("the replica answered {}: {body}", problem.status))
        };
        let others = [
            Problem::other_build(),
            Reject::FrameTooNew { reads: 4 }.into(),
            Reject::FrameTooOld { reads: 3 }.into(),
            // However a later build says it.
            Problem::new(503, "frame_too_new", "deploy it"),
        ];
        others.iter().for_each(|problem| assert!(is(problem), "{problem:?}"));
        let said = Problem::other_build().body().expect("JSON");
        for problem in [
            Problem::catalog(),
            Problem::new(422, "invalid_field", "\"of a later format\" is no parameter here"),
            Problem::new(422, "invalid_field", String::from_utf8(said).expect("text")),
        ] {
            assert!(!is(&problem), "{problem:?}");
        }
        assert!(!is_of_other_build("a field of a later format"));
    }
}
