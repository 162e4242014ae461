//! Why a query was refused: closed, with a stable code, the HTTP status that fits, and a message that says
//! what to do.

use thiserror::Error;

/// A query that cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reject {
    /// Bytes that are no text.
    #[error("the query is not UTF-8; send text as UTF-8, percent-encoded")]
    NotText,
    /// A page of nothing, or of too much.
    #[error("limit is {0}, and is from 1 to {max}; choose such a one", max = crate::limits::LIMIT_MAX)]
    Limit(usize),
    /// More values than a filter may have.
    #[error("a filter names {0} values, and may name {max}; name fewer", max = crate::limits::FILTER_VALUES_MAX)]
    FilterValues(usize),
    /// A cursor that this service did not make for this query.
    #[error(
        "the cursor is not one of this query; send next of an answer unchanged, with the same query, filters and sort"
    )]
    CursorInvalid,
    /// A cursor of a version that is no longer served.
    #[error("the catalog has changed since this cursor was made; begin again with the first page")]
    CursorExpired,
}

impl Reject {
    /// The stable word for programs. It never changes once published.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotText => "query_not_text",
            Self::Limit(_) => "limit_invalid",
            Self::FilterValues(_) => "filter_values",
            Self::CursorInvalid => "cursor_invalid",
            Self::CursorExpired => "cursor_expired",
        }
    }

    /// The HTTP status that fits.
    pub fn status(&self) -> u16 {
        match self {
            Self::NotText | Self::Limit(_) | Self::FilterValues(_) | Self::CursorInvalid => 400,
            Self::CursorExpired => 410,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Unreadable;

    /// Words that programs go by never change.
    #[test]
    fn every_refusal_keeps_its_word_and_its_status() {
        for (reject, code, status) in [
            (Reject::NotText, "query_not_text", 400),
            (Reject::Limit(0), "limit_invalid", 400),
            (Reject::FilterValues(99), "filter_values", 400),
            (Reject::CursorInvalid, "cursor_invalid", 400),
            (Reject::CursorExpired, "cursor_expired", 410),
        ] {
            assert_eq!((reject.code(), reject.status()), (code, status));
        }
        let damaged =
            [Unreadable::Foreign, Unreadable::Newer(9), Unreadable::Older(0), Unreadable::Damaged("x")];
        let codes = ["index_foreign", "index_newer", "index_older", "index_damaged"];
        assert_eq!(damaged.map(|reason| reason.code()), codes);
    }
}
