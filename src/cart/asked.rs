//! What requests say: parameters and bodies. Unknown fields are refused.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use cart_core::command::{Command, Place};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::platform::problem::Problem;

/// The parameters after the path's question mark.
#[derive(Default)]
pub struct Query {
    pub context: Option<String>,
    pub at: Option<Place>,
    pub cursor: Option<String>,
}

/// What of the catalog is asked for.
pub struct Browse {
    /// In lower case, each without a space.
    pub words: Vec<String>,
    pub category: Option<String>,
    /// The sku before the first one.
    pub after: Option<String>,
    pub size: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

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

impl Query {
    /// The parameters, decoded. Unknown ones are refused, as unknown fields are.
    pub fn of(text: &str) -> Result<Self, Problem> {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match name.as_ref() {
                "context" => query.context = Some(value.into_owned()),
                // The guard has read it, where it may be named.
                "region" => {}
                "cursor" => query.cursor = Some(value.into_owned()),
                "in" => {
                    query.at = Some(match value.as_ref() {
                        "cart" => Place::Cart,
                        "saved" => Place::Saved,
                        other => {
                            return Err(Problem::invalid("in", format!("is {other:?}; use cart or saved")));
                        }
                    });
                }
                other => {
                    return Err(Problem::new(
                        422,
                        "invalid_field",
                        format!("{other:?} is no parameter here; use context, in or cursor"),
                    ));
                }
            }
        }
        Ok(query)
    }
}

impl Browse {
    const SIZE: usize = 24;
    const SIZE_MAX: usize = 100;
    /// In bytes, of a search and of a cursor.
    const TEXT_MAX: usize = 100;
    const WORDS_MAX: usize = 8;

    /// The parameters, decoded. Unknown ones are refused.
    pub fn of(text: &str) -> Result<Self, Problem> {
        let mut browse = Self { words: Vec::new(), category: None, after: None, size: Self::SIZE };
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match name.as_ref() {
                "q" => {
                    let words = value.split(|c: char| c.is_whitespace() || c.is_control());
                    browse.words =
                        words.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect();
                    if value.len() > Self::TEXT_MAX || browse.words.len() > Self::WORDS_MAX {
                        return Err(Problem::invalid(
                            "q",
                            "is too long; search for at most 8 words and 100 bytes",
                        ));
                    }
                }
                "category" => browse.category = Some(value.into_owned()),
                "cursor" => {
                    let mut bytes = [0; Self::TEXT_MAX];
                    let sku = Base64UrlUnpadded::decode(value.as_bytes(), &mut bytes).ok();
                    let sku = sku.and_then(|sku| std::str::from_utf8(sku).ok()).filter(|sku| !sku.is_empty());
                    let sku = sku.ok_or_else(|| {
                        Problem::invalid(
                            "cursor",
                            "is not one of this list; use the next_cursor of the page before",
                        )
                    })?;
                    browse.after = Some(sku.to_owned());
                }
                "size" => {
                    let size = value.parse().ok().filter(|size| (1..=Self::SIZE_MAX).contains(size));
                    browse.size =
                        size.ok_or_else(|| Problem::invalid("size", "use a number from 1 to 100"))?;
                }
                // The guard has read it, where it may be named.
                "region" => {}
                other => {
                    return Err(Problem::new(
                        422,
                        "invalid_field",
                        format!("{other:?} is no parameter here; use q, category, cursor or size"),
                    ));
                }
            }
        }
        Ok(browse)
    }
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
