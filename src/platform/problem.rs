//! Refusals, and their JSON as `application/problem+json` (RFC 9457).

use std::fmt;

use crate::platform::log;
use cart_core::id::Region;
use cart_core::reject::Reject;
use serde::{Deserialize, Serialize};

/// After what time the operator may have mended something, in seconds.
const OPERATOR_S: u32 = 30;

/// What a refusal is to those who act on it; what nobody acts on is another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    CartNotFound,
    ActorUnknown,
    TooManyCarts,
    SessionExpired,
    SessionEnded,
    SessionLapsed,
    /// No answer, though it may have been done.
    Unavailable,
    /// Not asked at all.
    Unreachable,
    Damaged,
    OtherBuild,
    /// Of a format that the one who was asked does not read.
    Unread,
    Full,
    Other,
}

impl Kind {
    /// By the word for programs: the only place that reads one.
    #[inline(never)] // Once in the Wasm.
    fn of(code: &str) -> Self {
        match code {
            "cart_not_found" => Self::CartNotFound,
            "actor_unknown" => Self::ActorUnknown,
            "too_many_carts" => Self::TooManyCarts,
            "session_expired" => Self::SessionExpired,
            "session_ended" => Self::SessionEnded,
            "session_lapsed" => Self::SessionLapsed,
            "replica_unavailable" => Self::Unavailable,
            "region_unreachable" => Self::Unreachable,
            "replica_damaged" => Self::Damaged,
            "frame_too_new" | "frame_too_old" => Self::Unread,
            Problem::OTHER_BUILD => Self::OtherBuild,
            Problem::FULL => Self::Full,
            _ => Self::Other,
        }
    }
}

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

    /// What it is to those who act on it.
    pub fn kind(&self) -> Kind {
        Kind::of(&self.code)
    }

    /// Whether the same call may succeed in another region.
    pub fn elsewhere(&self) -> bool {
        match self.kind() {
            Kind::Unavailable | Kind::Unreachable | Kind::Damaged | Kind::OtherBuild | Kind::Full => true,
            Kind::CartNotFound
            | Kind::ActorUnknown
            | Kind::TooManyCarts
            | Kind::SessionExpired
            | Kind::SessionEnded
            | Kind::SessionLapsed
            | Kind::Unread
            | Kind::Other => false,
        }
    }

    pub fn misconfigured(detail: &str) -> Self {
        let detail = format!("this deployment is not configured: {detail}");
        Self { retry_after_s: Some(OPERATOR_S), ..Self::new(503, "misconfigured", detail) }
    }

    /// What the platform could not do: whether it was done is not known. Only where storage itself said that it has no
    /// room, in the turn, was nothing done.
    #[cold]
    #[inline(never)]
    pub fn object(error: &worker::Error) -> Self {
        log::failed("call an object", error, "it may have done it; the same again, or elsewhere, is safe");
        match Said::of(&error.to_string()) {
            Said::Full => Self::full(),
            Said::OtherBuild => Self::other_build(),
            Said::Else => Self::unavailable(),
        }
    }

    /// No answer; whether it was done is not known.
    pub fn unavailable() -> Self {
        Self::retry(
            503,
            "replica_unavailable",
            "the cart did not answer; send the same request with the same Idempotency-Key again",
        )
    }

    /// An answer that cannot be read.
    pub fn unread(reject: &Reject) -> Self {
        if matches!(reject, Reject::FrameTooNew { .. } | Reject::FrameTooOld { .. }) {
            return Self::other_build();
        }
        Self::object(&worker::Error::RustError(reject.to_string()))
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

    pub fn catalog() -> Self {
        Self::retry(
            503,
            "catalog_unavailable",
            "the catalog did not answer; send the same request with the same Idempotency-Key again",
        )
    }

    /// What a store could not do.
    pub fn store(error: &worker::Error) -> Self {
        log::failed("ask a store", error, "again later, or the other store");
        match Said::of(&error.to_string()) {
            Said::OtherBuild => Self::other_build(),
            Said::Full | Said::Else => {
                Self::store_unavailable("the region's store did not answer; try again")
            }
        }
    }

    /// No answer of a store.
    pub fn store_unavailable(detail: &str) -> Self {
        Self::retry(503, "store_unavailable", detail)
    }

    /// The JSON.
    pub fn body(&self) -> Vec<u8> {
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
        body.to_string().into_bytes()
    }
}

/// What the text of an error says, as far as it matters.
pub enum Said {
    /// There is no room, and nothing was done.
    Full,
    /// An object, a region or a store refuses since something is of another build: that comes as text with the JSON of
    /// [`Problem::body`] in it, in which all texts of others are escaped.
    OtherBuild,
    Else,
}

impl Said {
    pub fn of(text: &str) -> Self {
        if text.contains("SQLITE_FULL") || text.contains("database or disk is full") {
            return Self::Full;
        }
        let code = text.split_once(r#""code":""#).and_then(|(_, rest)| rest.split_once('"'));
        match code.map(|(code, _)| Kind::of(code)) {
            Some(Kind::OtherBuild | Kind::Unread) => Self::OtherBuild,
            _ => Self::Else,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
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
            let body = String::from_utf8(problem.body()).expect("text");
            matches!(Said::of(&format!("the replica answered {}: {body}", problem.status)), Said::OtherBuild)
        };
        let others = [
            Problem::other_build(),
            Reject::FrameTooNew { reads: 4 }.into(),
            Reject::FrameTooOld { reads: 3 }.into(),
            // However a later build says it.
            Problem::new(503, "frame_too_new", "deploy it"),
        ];
        others.iter().for_each(|problem| assert!(is(problem), "{problem:?}"));
        let said = Problem::other_build().body();
        for problem in [
            Problem::catalog(),
            Problem::new(422, "invalid_field", "\"of a later format\" is no parameter here"),
            Problem::new(422, "invalid_field", String::from_utf8(said).expect("text")),
        ] {
            assert!(!is(&problem), "{problem:?}");
        }
        assert!(matches!(Said::of("a field of a later format"), Said::Else));
    }
}
