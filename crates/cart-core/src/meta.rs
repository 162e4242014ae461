//! What a cart holds beside its lines: coupon codes, and the last-writer-wins fields.

use std::sync::Arc;

use crate::id::Actor;
use crate::reject::Reject;
use crate::time::HybridTime;

/// A coupon's code: 1 to 64 visible ASCII characters, as given. Whether it is valid or combinable is
/// decided when pricing, never in the merge (R14).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Code(Arc<str>);

impl Code {
    /// The longest code, in bytes.
    pub const BYTES_MAX: usize = 64;
    /// The most coupons on a cart before applying one more is refused.
    pub const COUNT_MAX: usize = 32;

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Code {
    type Error = Reject;
    fn try_from(text: &str) -> Result<Self, Reject> {
        let visible = text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if text.is_empty() || text.len() > Self::BYTES_MAX || !visible {
            return Err(Reject::invalid("code", "a coupon's code is 1 to 64 visible ASCII characters"));
        }
        Ok(Self(text.into()))
    }
}

/// A last-writer-wins field, by its wire number. Numbers not named here are a later version's: kept and
/// joined, not shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Field(pub u8);

impl Field {
    /// The shopper's note.
    pub const NOTE: Self = Self(1);
    /// The currency, ISO 4217.
    pub const CURRENCY: Self = Self(2);
    /// The locale, a BCP 47 tag.
    pub const LOCALE: Self = Self(3);
    /// Where it is delivered to: ISO 3166-1 or 3166-2.
    pub const DELIVERY_REGION: Self = Self(4);

    /// The longest value of any field, in bytes.
    pub const VALUE_BYTES_MAX: usize = 2_000;

    /// Refuses a value that is not of the field's form. Unknown fields take any text.
    ///
    /// # Errors
    /// [`Reject::Invalid`] naming the field.
    pub fn check(self, value: &str) -> Result<(), Reject> {
        if self == Self::CURRENCY && iso_currency::Currency::from_code(value).is_none() {
            return Err(Reject::invalid("currency", CURRENCY));
        }
        self.check_form(value)
    }

    /// The same without a look at which currencies there are: a page need not load the list.
    ///
    /// # Errors
    /// [`Reject::Invalid`] naming the field.
    pub fn check_form(self, value: &str) -> Result<(), Reject> {
        let tag = |ranges: std::ops::RangeInclusive<usize>| {
            ranges.contains(&value.len())
                && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        match self {
            Self::CURRENCY
                if value.len() != 3 || !value.bytes().all(|letter| letter.is_ascii_uppercase()) =>
            {
                Err(Reject::invalid("currency", CURRENCY))
            }
            Self::LOCALE if !tag(2..=35) => {
                Err(Reject::invalid("locale", "use a BCP 47 language tag such as en-US"))
            }
            Self::DELIVERY_REGION if !tag(2..=6) => {
                Err(Reject::invalid("delivery_region", "use an ISO 3166 code such as DE or US-CA"))
            }
            _ if value.len() > Self::VALUE_BYTES_MAX => {
                Err(Reject::invalid("note", format!("use at most {} bytes", Self::VALUE_BYTES_MAX)))
            }
            _ => Ok(()),
        }
    }
}

const CURRENCY: &str = "use an ISO 4217 code such as EUR";

/// The value of a field and who wrote it when. The greatest wins (R15).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Register {
    /// When it was written.
    pub time: HybridTime,
    /// By whom: decides between equal times.
    pub actor: Actor,
    /// The value; `None` was taken away.
    pub value: Option<Arc<str>>,
}
