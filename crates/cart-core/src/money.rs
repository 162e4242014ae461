//! Money: integer minor units of an ISO 4217 currency, never a float.

use serde::{Deserialize, Serialize};

/// An amount.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Money {
    /// In the currency's minor unit: cents of USD, yen of JPY.
    pub amount_minor: i64,
    /// The ISO 4217 code.
    pub currency: String,
}

impl Money {
    /// The amount so many times; `None` if it does not fit.
    pub fn times(&self, quantity: u64) -> Option<Self> {
        let amount_minor = self.amount_minor.checked_mul(i64::try_from(quantity).ok()?)?;
        Some(Self { amount_minor, currency: self.currency.clone() })
    }
}
