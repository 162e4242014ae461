//! Why there is no price: a closed set, each with a stable code and what to do. A line that cannot be sold is not among
//! them, but a [`crate::quote::Problem`] of that line: the others still have their prices.

use thiserror::Error;

/// Why nothing was calculated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// An amount does not fit into 64 bits.
    #[error("an amount is larger than can be calculated with; lower the quantities")]
    PriceOverflow,
    /// No ISO 4217 code of a currency that has a minor unit.
    #[error("{code:?} is no currency; use an ISO 4217 code such as EUR")]
    UnknownCurrency {
        /// As it was given.
        code: String,
    },
    /// There is no tax table for the country.
    #[error("nothing is sold to {country:?}; choose a country that is served")]
    UnknownCountry {
        /// As it was given.
        country: String,
    },
    /// A table, a promotion or a code is not of its form.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which of its fields.
        field: &'static str,
        /// What is wrong, and what is allowed.
        problem: String,
    },
}

impl Refusal {
    /// The stable word for it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PriceOverflow => "price_overflow",
            Self::UnknownCurrency { .. } => "unknown_currency",
            Self::UnknownCountry { .. } => "unknown_country",
            Self::Invalid { .. } => "invalid",
        }
    }

    pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { field, problem: problem.into() }
    }
}
