//! What the bodies of requests say. Unknown fields are refused.

use cart_core::command::{Command, Place};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::platform::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCart {
    pub currency: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    pub sku: String,
    #[serde(default = "one")]
    pub quantity: i64,
    #[serde(default)]
    pub variant: Option<String>,
    #[serde(default)]
    pub customization: Option<Map<String, Value>>,
}

fn one() -> i64 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineChange {
    #[serde(default)]
    pub quantity: Option<i64>,
    #[serde(default)]
    pub increment: Option<i64>,
    #[serde(default)]
    pub decrement: Option<i64>,
    #[serde(default)]
    pub location: Option<Place>,
    #[serde(default, rename = "in")]
    pub at: Option<Place>,
    #[serde(default)]
    pub context: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CouponCode {
    pub code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    #[serde(deserialize_with = "cart_core::command::objects")]
    pub commands: Vec<Command>,
    #[serde(default)]
    pub context: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guest {
    pub cart_id: String,
    pub token: String,
}

impl LineChange {
    /// The one thing it asks for.
    pub fn command(self, line_id: String) -> Result<Command, Problem> {
        let at = self.at.unwrap_or_default();
        match (self.quantity, self.increment, self.decrement, self.location) {
            (Some(quantity), None, None, None) => Ok(Command::Set { line_id, quantity, at }),
            (None, Some(quantity), None, None) => Ok(Command::Increment { line_id, quantity, at }),
            (None, None, Some(quantity), None) => Ok(Command::Decrement { line_id, quantity, at }),
            (None, None, None, Some(location)) if self.at == Some(location) => {
                Err(Problem::invalid("in", "is where the line is to go; name where it is, or leave it out"))
            }
            (None, None, None, Some(location)) => Ok(Command::Move { line_id, location }),
            _ => {
                Err(Problem::invalid("body", "name exactly one of quantity, increment, decrement, location"))
            }
        }
    }
}
