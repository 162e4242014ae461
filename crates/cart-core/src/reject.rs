//! Why an input was refused: the closed set of reasons, each with a stable code and a message that
//! says what to do. A reject leaves the state as it was, to the byte. The edge maps it to HTTP.

use thiserror::Error;

/// A refusal of hostile or impossible input. Never a fault of ours: broken internal state asserts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reject {
    /// The cart is absent, foreign or erased: the three are told apart by nobody.
    #[error("there is no such cart for this session; create one with POST /v1/carts")]
    CartNotFound,
    /// A change names a line that shows nothing at the location named.
    #[error("the cart has no such line in {location}; fetch the cart and use a line_id it lists")]
    LineNotFound {
        /// Where it was looked for: `cart` or `saved`.
        location: &'static str,
    },
    /// A coupon to take off is not on the cart.
    #[error("the cart has no coupon with this code; fetch the cart to see its coupons")]
    CouponNotFound,
    /// A field is not of its form. `field` is its path in the request.
    #[error("{field}: {problem}")]
    Invalid {
        /// Path of the field.
        field: &'static str,
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// An add, set or increment would take a line past the limit as this replica sees it.
    #[error("the line would hold {would_be} but at most {max} are allowed; choose a smaller quantity")]
    QuantityLimit {
        /// What the line would show.
        would_be: u64,
        /// The largest quantity of a line.
        max: u32,
    },
    /// One more line than a cart may have.
    #[error("a cart holds at most {max} lines; remove one first")]
    TooManyLines {
        /// The largest number of lines.
        max: usize,
    },
    /// One more contribution than a line may have.
    #[error(
        "this line was edited {max} times without being folded; set its quantity, which folds them, then go on"
    )]
    TooManyContributions {
        /// The largest number of contributions and decrements of a line.
        max: usize,
    },
    /// The encoded state would be too large.
    #[error("the cart is at its size limit; remove, clear or set lines first")]
    CartBusy,
    /// One more cart than a session may have.
    #[error(
        "a session has at most {max} further carts, those erased within 30 days too; clear one of them and use it, \
         or open a new session"
    )]
    TooManyCarts {
        /// The most further carts of a session.
        max: usize,
    },
    /// One more lease than a cart may have, and the one that ends first may have made edits.
    #[error(
        "{max} devices may sync with this cart, and so many do; \
         edit it with plain HTTP requests, or go on in another cart"
    )]
    TooManyDevices {
        /// The most leases.
        max: usize,
        /// In how many seconds the first of them ends, where that is within a day.
        ends_s: Option<u32>,
    },
    /// The key came with another body before.
    #[error("this Idempotency-Key was used with another request; use a fresh key for a new request")]
    KeyReused,
    /// The change was applied so long ago that its body is no longer known.
    #[error("this Idempotency-Key was used more than 24 hours ago; fetch the cart, then use a fresh key")]
    KeyExpired,
    /// `If-Match` names another version than the present one.
    #[error("the cart has changed since the version in If-Match; fetch it again")]
    VersionMismatch,
    /// A `context` that this service did not make for this cart.
    #[error("the context is not one of this cart's; send the context of a view of this cart unchanged")]
    ContextInvalid,
    /// Bytes that are not a canonical delta.
    #[error("the delta is malformed: {0}")]
    Malformed(&'static str),
    /// A delta carries what only a replica of the service may say.
    #[error("the delta carries {0}, which only the service writes; send changes of your own actor only")]
    NotYours(&'static str),
    /// A delta with a dot of another actor than its sender's.
    #[error("the delta has a new dot or an update of another actor; send changes of your own actor only")]
    ForeignDot,
    /// The sender's actor is not leased to this session.
    #[error("the actor is not leased to this session; lease one with POST /v1/carts/{{cart}}/actors")]
    ActorUnknown,
    /// The sender's actor is older than the horizon or its lease has ended.
    #[error("the actor has expired; lease a new one and send again what the answer does not show")]
    ActorExpired,
    /// A counter further ahead than the window.
    #[error("a counter skips more than {window}; send your earlier changes first")]
    CounterWindow {
        /// How far ahead of what is known a counter may be.
        window: u64,
    },
    /// More of the actor's counters are known than its sender has ever sent.
    #[error(
        "another replica instance uses this actor; abandon it, lease a new one and send the changes again under that"
    )]
    ActorShared,
    /// The same dot came with another immutable payload: two replicas share an actor.
    #[error(
        "a dot was used for two different changes; abandon this actor, lease a new one and send the change again"
    )]
    DotConflict,
    /// A hybrid time too far ahead of the server's.
    #[error(
        "the clock of this device is more than {ahead_ms_max} ms ahead; correct it, stamp the unsent changes again and resend"
    )]
    ClockAhead {
        /// How far ahead a time may be, in milliseconds.
        ahead_ms_max: u64,
    },
    /// An actor minted on a day that is still to come.
    #[error(
        "an actor in the delta was minted after tomorrow; actors are leased with POST /v1/carts/{{cart}}/actors, and \
         the clock of whoever minted this one is to be corrected"
    )]
    ActorAhead,
    /// The session was ended.
    #[error("this session was signed out; open a new one with POST /v1/sessions")]
    SignedOut,
    /// Carts are being merged into this one, which therefore cannot be merged elsewhere now or take more.
    #[error("other carts are being merged into one of these two; try again in some seconds")]
    MergeBusy,
    /// The home has moved here, or was made anew, and does not hold the same as both its stores yet.
    #[error(
        "the cart's home has just moved or come back, and is being compared with its stores; try again in some seconds"
    )]
    HomeSettles,
    /// The guest's cart was already merged into another cart.
    #[error("this guest cart was already merged into another cart; its items are there")]
    AlreadyMerged,
    /// The merge would make a circle of carts.
    #[error("these carts are already merged the other way round; merge nothing")]
    MergeCycle,
    /// The home that was to be taken over from is another one now.
    #[error("the cart's home is {region}, of term {term}; name that term")]
    HomeMoved {
        /// The present term.
        term: u32,
        /// The present home.
        region: &'static str,
    },
    /// A frame or receipt beyond the bound.
    #[error("the frame is larger than {max} bytes")]
    FrameTooLarge {
        /// The most bytes of a frame.
        max: usize,
    },
    /// Something packed by a later build, which this one cannot read: it is to wait for that build.
    #[error("this is of a later format; the build here reads formats up to {reads}: deploy the later one")]
    FrameTooNew {
        /// The latest format read here.
        reads: u8,
    },
    /// An edit that acts on what its replica holds, and that another region may have made already.
    #[error(
        "whether this was done is not known; send the same request with the same Idempotency-Key again, or, if it takes something off, with the context of a view"
    )]
    OutcomeUnknown,
    /// Something packed by a build so early that nothing reads it any more.
    #[error(
        "this is of an earlier format than {reads}, the first that the build here reads: deploy its sender"
    )]
    FrameTooOld {
        /// The earliest format read here.
        reads: u8,
    },
    /// Two carts together would be larger than a merge may make one.
    #[error(
        "the two carts together would have more than {max} bytes; nothing was merged: the guest's cart stays as it is, under its own token. Remove lines or notes from one of them to merge them"
    )]
    MergeTooLarge {
        /// The most bytes of a merged cart.
        max: usize,
    },
}

impl Reject {
    /// The stable word for programs. It never changes once published.
    pub fn code(&self) -> &'static str {
        match self {
            Self::CartNotFound => "cart_not_found",
            Self::LineNotFound { .. } => "line_not_found",
            Self::CouponNotFound => "coupon_not_found",
            Self::Invalid { .. } => "invalid_field",
            Self::QuantityLimit { .. } => "quantity_limit",
            Self::TooManyLines { .. } => "too_many_lines",
            Self::TooManyContributions { .. } => "too_many_contributions",
            Self::CartBusy => "cart_busy",
            Self::TooManyCarts { .. } => "too_many_carts",
            Self::TooManyDevices { .. } => "too_many_devices",
            Self::KeyReused => "key_reused",
            Self::KeyExpired => "key_expired",
            Self::VersionMismatch => "version_mismatch",
            Self::ContextInvalid => "context_invalid",
            Self::Malformed(_) => "malformed_delta",
            Self::NotYours(_) => "not_yours",
            Self::ForeignDot => "foreign_dot",
            Self::ActorUnknown => "actor_unknown",
            Self::ActorExpired => "actor_expired",
            Self::CounterWindow { .. } => "counter_window",
            Self::ActorShared => "actor_shared",
            Self::DotConflict => "dot_conflict",
            Self::ClockAhead { .. } => "clock_ahead",
            Self::ActorAhead => "actor_ahead",
            Self::SignedOut => "session_ended",
            Self::MergeBusy | Self::HomeSettles => "cart_settling",
            Self::AlreadyMerged => "already_merged",
            Self::MergeCycle => "merge_cycle",
            Self::HomeMoved { .. } => "home_moved",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::FrameTooLarge { .. } => "frame_too_large",
            Self::FrameTooNew { .. } => "frame_too_new",
            Self::FrameTooOld { .. } => "frame_too_old",
            Self::MergeTooLarge { .. } => "merge_too_large",
        }
    }

    /// The HTTP status that fits, as a number: the core names it once so that all transports agree.
    pub fn status(&self) -> u16 {
        match self {
            Self::CartNotFound | Self::LineNotFound { .. } | Self::CouponNotFound => 404,
            Self::AlreadyMerged
            | Self::MergeTooLarge { .. }
            | Self::MergeCycle
            | Self::HomeMoved { .. }
            | Self::ActorShared
            | Self::DotConflict => 409,
            Self::KeyExpired | Self::ActorExpired => 410,
            Self::VersionMismatch => 412,
            Self::CartBusy | Self::TooManyDevices { .. } | Self::MergeBusy | Self::HomeSettles => 429,
            Self::ActorUnknown => 403,
            Self::SignedOut => 401,
            Self::OutcomeUnknown => 503,
            Self::FrameTooLarge { .. } => 413,
            // While builds follow one another: the next try may find another.
            Self::FrameTooNew { .. } | Self::FrameTooOld { .. } => 503,
            _ => 422,
        }
    }

    /// After how many seconds the same may be accepted: only where waiting is what helps.
    pub fn retry_after_s(&self) -> Option<u32> {
        if let Self::TooManyDevices { ends_s, .. } = self {
            return *ends_s;
        }
        let passes = matches!(
            self,
            Self::MergeBusy
                | Self::HomeSettles
                | Self::OutcomeUnknown
                | Self::FrameTooNew { .. }
                | Self::FrameTooOld { .. }
        );
        passes.then_some(1)
    }

    /// Shorthand for a field that is not of its form.
    pub fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { field, problem: problem.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that programs go by never change; waiting is advised where it helps, and nowhere else.
    #[test]
    fn every_refusal_keeps_its_word_and_says_when_waiting_helps() {
        for (reject, code, status, retry_after_s) in [
            (Reject::CartNotFound, "cart_not_found", 404, None),
            (Reject::LineNotFound { location: "cart" }, "line_not_found", 404, None),
            (Reject::CouponNotFound, "coupon_not_found", 404, None),
            (Reject::invalid("sku", "use another"), "invalid_field", 422, None),
            (Reject::QuantityLimit { would_be: 2, max: 1 }, "quantity_limit", 422, None),
            (Reject::TooManyLines { max: 1 }, "too_many_lines", 422, None),
            (Reject::TooManyContributions { max: 1 }, "too_many_contributions", 422, None),
            (Reject::CartBusy, "cart_busy", 429, None),
            (Reject::TooManyCarts { max: 1 }, "too_many_carts", 422, None),
            (Reject::TooManyDevices { max: 1, ends_s: None }, "too_many_devices", 429, None),
            (Reject::TooManyDevices { max: 1, ends_s: Some(90) }, "too_many_devices", 429, Some(90)),
            (Reject::KeyReused, "key_reused", 422, None),
            (Reject::KeyExpired, "key_expired", 410, None),
            (Reject::VersionMismatch, "version_mismatch", 412, None),
            (Reject::ContextInvalid, "context_invalid", 422, None),
            (Reject::Malformed("cut off"), "malformed_delta", 422, None),
            (Reject::NotYours("a fence"), "not_yours", 422, None),
            (Reject::ForeignDot, "foreign_dot", 422, None),
            (Reject::ActorUnknown, "actor_unknown", 403, None),
            (Reject::ActorExpired, "actor_expired", 410, None),
            (Reject::CounterWindow { window: 1 }, "counter_window", 422, None),
            (Reject::ActorShared, "actor_shared", 409, None),
            (Reject::DotConflict, "dot_conflict", 409, None),
            (Reject::ClockAhead { ahead_ms_max: 1 }, "clock_ahead", 422, None),
            (Reject::ActorAhead, "actor_ahead", 422, None),
            (Reject::SignedOut, "session_ended", 401, None),
            (Reject::MergeBusy, "cart_settling", 429, Some(1)),
            (Reject::HomeSettles, "cart_settling", 429, Some(1)),
            (Reject::AlreadyMerged, "already_merged", 409, None),
            (Reject::MergeCycle, "merge_cycle", 409, None),
            (Reject::HomeMoved { term: 1, region: "weur" }, "home_moved", 409, None),
            (Reject::OutcomeUnknown, "outcome_unknown", 503, Some(1)),
            (Reject::FrameTooLarge { max: 1 }, "frame_too_large", 413, None),
            (Reject::FrameTooNew { reads: 1 }, "frame_too_new", 503, Some(1)),
            (Reject::FrameTooOld { reads: 1 }, "frame_too_old", 503, Some(1)),
            (Reject::MergeTooLarge { max: 1 }, "merge_too_large", 409, None),
        ] {
            assert_eq!(
                (reject.code(), reject.status(), reject.retry_after_s()),
                (code, status, retry_after_s)
            );
        }
    }
}
