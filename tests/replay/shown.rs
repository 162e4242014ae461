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

    /// As the account reads it.
    pub fn to_final(&self) -> Value {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for lines in [&self.lines, &self.saved] {
            for line in lines {
                let here = lines.iter().filter(|other| other.sku == line.sku).count();
                let most = counts.entry(&line.sku).or_default();
                *most = here.max(*most);
            }
        }
        json!({"lines": Self::sums(&self.lines), "saved": Self::sums(&self.saved), "coupons": self.coupons,
               "note": self.note, "line_count_by_key": counts})
    }

    /// Quantities by product. One listed twice, which is a fault told elsewhere, counts with its sum.
    pub fn sums(lines: &[Line]) -> BTreeMap<&str, u64> {
        let mut sums = BTreeMap::new();
        for line in lines {
            *sums.entry(&*line.sku).or_default() += line.quantity;
        }
        sums
    }
}
