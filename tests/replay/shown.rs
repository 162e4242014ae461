//! What a cart shows, whether it comes as a view over HTTP or stands in a device's own replica.

use std::collections::BTreeMap;

use cart_core::cart::Cart;
use cart_core::line::Location;
use cart_core::meta::Field;
use cart_core::view::shown_lines;
use serde::Deserialize;
use serde_json::{Value, json};

/// Lines in the order shown, coupons and note.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub struct Shown {
    pub lines: Vec<Line>,
    pub saved: Vec<Line>,
    pub coupons: Vec<String>,
    pub note: Option<String>,
}

/// A line. Its product is its key: nothing played here has variants or customisations.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Line {
    pub line_id: String,
    pub sku: String,
    pub quantity: u64,
}

impl Shown {
    /// What a view shows.
    pub fn of_view(view: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(view).map_err(|error| format!("not a view: {error}"))
    }

    /// What a replica shows.
    pub fn of_cart(cart: &Cart) -> Self {
        let lines = |at| {
            let line = |(key, quantity): (&cart_core::line::LineKey, u64)| Line {
                line_id: key.line_id(),
                sku: key.sku.to_string(),
                quantity,
            };
            shown_lines(cart, at).into_iter().map(line).collect()
        };
        Self {
            lines: lines(Location::Cart),
            saved: lines(Location::Saved),
            coupons: cart.coupons().map(|code| code.as_str().to_owned()).collect(),
            note: cart.meta(Field::NOTE).and_then(|note| note.value.as_deref()).map(str::to_owned),
        }
    }

    /// As the account reads it. A line listed twice counts with its sum, and is told.
    pub fn to_final(&self) -> Value {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        let sums = |lines: &[Line]| {
            let (mut sums, mut here) = (BTreeMap::<String, u64>::new(), BTreeMap::<String, u32>::new());
            for line in lines {
                *sums.entry(line.sku.clone()).or_default() += line.quantity;
                *here.entry(line.sku.clone()).or_default() += 1;
            }
            (sums, here)
        };
        let (lines, in_cart) = sums(&self.lines);
        let (saved, in_saved) = sums(&self.saved);
        for (sku, count) in in_cart.iter().chain(&in_saved) {
            let most = counts.entry(sku).or_default();
            *most = (*most).max(*count);
        }
        json!({"lines": lines, "saved": saved, "coupons": self.coupons, "note": self.note,
               "line_count_by_key": counts})
    }
}
