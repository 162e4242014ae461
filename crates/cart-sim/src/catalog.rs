//! The lines that traces deal in: a numbered product, a product with a variant, and two engravings of one
//! ring, so that every form of a line's identity occurs.

use std::sync::Arc;

use cart_core::customization::Customization;
use cart_core::line::LineKey;
use cart_core::meta::{Code, Field};

/// What can be bought, applied and written.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The lines, with the canonical JSON of their customisation.
    pub lines: Vec<(LineKey, Option<Arc<str>>)>,
    /// The coupons.
    pub codes: Vec<Code>,
    /// The fields with values they may take.
    pub fields: Vec<(Field, [Arc<str>; 2])>,
}

impl Catalog {
    /// The same everywhere.
    pub fn new() -> Self {
        let ring = |name: &str| {
            let json = format!("{{\"engraving\":\"{name}\"}}");
            let custom = Customization::parse(&json).expect("it is canonical");
            (key("ring", None, Some(custom.hash)), Some(custom.json))
        };
        let code = |text| Code::try_from(text).expect("it is visible ASCII");
        Self {
            lines: vec![
                (key("4711", None, None), None),
                ring("Ann"),
                (key("tea", Some("green"), None), None),
                ring("Bob"),
            ],
            codes: vec![code("SPRING"), code("VIP")],
            fields: vec![
                (Field::NOTE, ["ring twice".into(), "".into()]),
                (Field::CURRENCY, ["EUR".into(), "JPY".into()]),
                (Field(77), ["of a later version".into(), "x".into()]),
            ],
        }
    }
}

impl Default for Catalog {
    fn default() -> Self {
        Self::new()
    }
}

fn key(sku: &str, variant: Option<&str>, customization: Option<[u8; 16]>) -> LineKey {
    LineKey::new(sku, variant, customization).expect("it is short and has no control characters")
}
