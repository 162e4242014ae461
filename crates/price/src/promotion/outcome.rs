//! PR15: what became of a promotion or a coupon, by a closed list of reasons.

use serde::Serialize;

/// What became of a promotion.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// It took something off, or gives something.
    Applied {
        /// In all, in minor units.
        amount_minor: i64,
    },
    /// It did not.
    NotApplied(Reason),
}

/// Why a promotion took nothing off.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Reason {
    /// No promotion has this code.
    Unknown,
    /// It has ended.
    Expired,
    /// It has not begun.
    NotYet,
    /// Its products must be worth more.
    Threshold {
        /// So much more, in minor units.
        missing_minor: i64,
    },
    /// Its uses, the customer's, or its budget do not suffice.
    UsedUp,
    /// It is not for this customer, place or these products; or there is nothing to take off.
    NotEligible,
    /// One that came before it has its lines, and the two are not allowed together.
    BeatenBy {
        /// That one.
        id: String,
    },
    /// One of an earlier class has its lines, and the two are not allowed together.
    Conflicts {
        /// That one.
        id: String,
    },
    /// It has no amount in this currency, or is not for it.
    WrongCurrency,
}

/// A promotion and what became of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Promoted {
    /// Its id.
    pub id: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A coupon's code and what became of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Coupon {
    /// As it was given.
    pub code: String,
    /// The promotion it stands for, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotion: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}
