//! What a program asks for over plain HTTP, in its own words: one command becomes one or more changes.

use std::fmt;
use std::sync::Arc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::change::Change;
use crate::customization::Customization;
use crate::line::{LineKey, Location};
use crate::meta::{Code, Field};
use crate::reject::Reject;

/// The most commands in one request.
pub const COMMANDS_MAX: usize = 100;

/// Where a line is, as programs say it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the cart.
    #[default]
    Cart,
    /// Saved for later.
    Saved,
}

impl From<Place> for Location {
    fn from(place: Place) -> Self {
        match place {
            Place::Cart => Self::Cart,
            Place::Saved => Self::Saved,
        }
    }
}

/// One command. Quantities come as any integer, so that a bad one is told what is allowed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", try_from = "Said")]
pub enum Command {
    /// So many more of a product.
    Add {
        /// The product.
        sku: String,
        /// How many, 1 if not said.
        quantity: i64,
        /// Its variant.
        variant: Option<String>,
        /// Its customisation.
        customization: Option<Map<String, Value>>,
    },
    /// Exactly so many of a line; 0 removes it.
    Set {
        /// Which line.
        line_id: String,
        /// How many.
        quantity: i64,
        /// Where it is.
        #[serde(default, rename = "in")]
        at: Place,
    },
    /// So many more of a line.
    Increment {
        /// Which line.
        line_id: String,
        /// How many.
        quantity: i64,
        /// Where it is.
        #[serde(default, rename = "in")]
        at: Place,
    },
    /// So many fewer of a line.
    Decrement {
        /// Which line.
        line_id: String,
        /// How many.
        quantity: i64,
        /// Where it is.
        #[serde(default, rename = "in")]
        at: Place,
    },
    /// A line goes.
    Remove {
        /// Which line.
        line_id: String,
        /// Where it is.
        #[serde(default, rename = "in")]
        at: Place,
    },
    /// Everything in the cart goes; saved lines stay.
    Clear {},
    /// Saved for later, or back.
    Move {
        /// Which line.
        line_id: String,
        /// Where to.
        location: Place,
    },
    /// Apply a coupon.
    ApplyCoupon {
        /// Its code.
        code: String,
    },
    /// Take a coupon off.
    RemoveCoupon {
        /// Its code.
        code: String,
    },
    /// Write fields; null takes a value away.
    Update(Fields),
}

/// The fields of a cart that can be written.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// The shopper's note.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub note: Option<Option<String>>,
    /// The currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The locale.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub locale: Option<Option<String>>,
    /// Where it is delivered to.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub delivery_region: Option<Option<String>>,
}

/// A command as it comes: its word, and whatever fields there are. Which belong together is looked at when all are there:
/// serde's way to tell variants apart by a field keeps a copy of the whole, and is a tenth of the edge's Wasm.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    op: Op,
    #[serde(default, deserialize_with = "present")]
    sku: Option<String>,
    #[serde(default, deserialize_with = "present")]
    quantity: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    variant: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    customization: Option<Option<Map<String, Value>>>,
    #[serde(default, deserialize_with = "present")]
    line_id: Option<String>,
    #[serde(default, deserialize_with = "present", rename = "in")]
    at: Option<Place>,
    #[serde(default, deserialize_with = "present")]
    location: Option<Place>,
    #[serde(default, deserialize_with = "present")]
    code: Option<String>,
    #[serde(default, deserialize_with = "present")]
    note: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    currency: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    locale: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    delivery_region: Option<Option<String>>,
}

/// The words of commands.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Op {
    Add,
    Set,
    Increment,
    Decrement,
    Remove,
    Clear,
    Move,
    ApplyCoupon,
    RemoveCoupon,
    Update,
}

impl TryFrom<Said> for Command {
    type Error = String;

    fn try_from(mut said: Said) -> Result<Self, String> {
        let command = said.command()?;
        match said.left() {
            None => Ok(command),
            Some(field) => Err(format!("unknown field `{field}` of this op")),
        }
    }
}

impl Said {
    /// Takes the fields of its word.
    fn command(&mut self) -> Result<Command, String> {
        Ok(match self.op {
            Op::Add => Command::Add {
                sku: needed("sku", self.sku.take())?,
                quantity: self.quantity.take().unwrap_or(1),
                variant: self.variant.take().flatten(),
                customization: self.customization.take().flatten(),
            },
            Op::Set => {
                let (line_id, quantity, at) = self.some_of_a_line()?;
                Command::Set { line_id, quantity, at }
            }
            Op::Increment => {
                let (line_id, quantity, at) = self.some_of_a_line()?;
                Command::Increment { line_id, quantity, at }
            }
            Op::Decrement => {
                let (line_id, quantity, at) = self.some_of_a_line()?;
                Command::Decrement { line_id, quantity, at }
            }
            Op::Remove => Command::Remove { line_id: self.line()?, at: self.at.take().unwrap_or_default() },
            Op::Clear => Command::Clear {},
            Op::Move => {
                Command::Move { line_id: self.line()?, location: needed("location", self.location.take())? }
            }
            Op::ApplyCoupon => Command::ApplyCoupon { code: needed("code", self.code.take())? },
            Op::RemoveCoupon => Command::RemoveCoupon { code: needed("code", self.code.take())? },
            Op::Update => Command::Update(Fields {
                note: self.note.take(),
                currency: self.currency.take().flatten(),
                locale: self.locale.take(),
                delivery_region: self.delivery_region.take(),
            }),
        })
    }

    fn line(&mut self) -> Result<String, String> {
        needed("line_id", self.line_id.take())
    }

    fn some_of_a_line(&mut self) -> Result<(String, i64, Place), String> {
        let quantity = needed("quantity", self.quantity.take());
        Ok((self.line()?, quantity?, self.at.take().unwrap_or_default()))
    }

    /// A field that its word does not have.
    fn left(&self) -> Option<&'static str> {
        let there = [
            ("sku", self.sku.is_some()),
            ("quantity", self.quantity.is_some()),
            ("variant", self.variant.is_some()),
            ("customization", self.customization.is_some()),
            ("line_id", self.line_id.is_some()),
            ("in", self.at.is_some()),
            ("location", self.location.is_some()),
            ("code", self.code.is_some()),
            ("note", self.note.is_some()),
            ("currency", self.currency.is_some()),
            ("locale", self.locale.is_some()),
            ("delivery_region", self.delivery_region.is_some()),
        ];
        there.into_iter().find(|(_, there)| *there).map(|(name, _)| name)
    }
}

fn needed<T>(name: &str, field: Option<T>) -> Result<T, String> {
    field.ok_or_else(|| format!("missing field `{name}`"))
}

/// Commands as JSON objects: serde's derived form takes an array of the fields in their order, too.
///
/// # Errors
/// Of the deserializer, where one is not an object.
pub fn objects<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Command>, D::Error> {
    struct Object(Command);

    impl<'de> Deserialize<'de> for Object {
        fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
            input.deserialize_map(Fields)
        }
    }

    struct Fields;

    impl<'de> Visitor<'de> for Fields {
        type Value = Object;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a command as a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object, A::Error> {
            Command::deserialize(MapAccessDeserializer::new(map)).map(Object)
        }
    }

    Ok(Vec::<Object>::deserialize(input)?.into_iter().map(|object| object.0).collect())
}

/// Tells a field that is null from one that is absent.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(input: D) -> Result<Option<T>, D::Error> {
    T::deserialize(input).map(Some)
}

/// The digest by which a repeated body is recognised: of the commands as they were understood, customizations in their
/// canonical form, so that neither the order of fields nor what is left to its default matters. What their caller saw
/// is no part of it.
pub fn digest(commands: &[Command]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for command in commands {
        let mut command = command.clone();
        let custom = match &mut command {
            Command::Add { customization, .. } => customization.take(),
            _ => None,
        };
        hash.update(serde_json::to_vec(&command).expect("a command is a JSON value"));
        // What has no canonical form is refused later.
        if let Some(Ok(Some(custom))) = custom.map(|custom| Customization::of(&custom)) {
            hash.update(custom.hash);
        }
    }
    hash.finalize().into()
}

impl Command {
    /// Whether what it does depends on what its replica holds, where its caller does not say what it saw. Made again in
    /// another region, it would be done to what has come there since. What only brings something is the same
    /// everywhere, and of fields the last writer wins.
    pub fn acts_on_what_is_held(&self) -> bool {
        match self {
            Self::Set { .. }
            | Self::Decrement { .. }
            | Self::Remove { .. }
            | Self::Clear {}
            | Self::Move { .. }
            | Self::RemoveCoupon { .. } => true,
            Self::Add { .. } | Self::Increment { .. } | Self::ApplyCoupon { .. } | Self::Update(_) => false,
        }
    }

    /// The changes it means, in order. `quantity_max` is the largest quantity of a line.
    ///
    /// # Errors
    /// [`Reject::Invalid`] naming the field, or [`Reject::LineNotFound`] for an id that is none.
    pub fn to_changes(&self, quantity_max: u32) -> Result<Vec<Change>, Reject> {
        let many = |given: i64, min: u32| {
            u32::try_from(given).ok().filter(|count| (min..=quantity_max).contains(count)).ok_or_else(|| {
                Reject::invalid(
                    "quantity",
                    format!("is {given}; use a whole number from {min} to {quantity_max}"),
                )
            })
        };
        let line = |id: &str, at: Place| {
            let location = Location::from(at).name();
            LineKey::from_line_id(id).ok_or(Reject::LineNotFound { location })
        };
        Ok(vec![match self {
            Self::Add { sku, quantity, variant, customization } => {
                let custom = customization.as_ref().map(Customization::of).transpose()?.flatten();
                let hash = custom.as_ref().map(|custom| custom.hash);
                Change::Add {
                    key: LineKey::new(sku, variant.as_deref(), hash)?,
                    details: custom.map(|custom| custom.json),
                    quantity: many(*quantity, 1)?,
                    at: Location::Cart,
                }
            }
            Self::Set { line_id, quantity, at } => {
                Change::Set { key: line(line_id, *at)?, quantity: many(*quantity, 0)?, at: (*at).into() }
            }
            Self::Increment { line_id, quantity, at } => Change::Add {
                key: line(line_id, *at)?,
                details: None,
                quantity: many(*quantity, 1)?,
                at: (*at).into(),
            },
            Self::Decrement { line_id, quantity, at } => Change::Decrement {
                key: line(line_id, *at)?,
                quantity: many(*quantity, 1)?,
                at: (*at).into(),
            },
            Self::Remove { line_id, at } => Change::Remove { key: line(line_id, *at)?, at: (*at).into() },
            Self::Clear {} => Change::Clear,
            Self::Move { line_id, location } => {
                let from = if *location == Place::Cart { Place::Saved } else { Place::Cart };
                Change::Move { key: line(line_id, from)?, to: (*location).into() }
            }
            Self::ApplyCoupon { code } => Change::Coupon(Code::try_from(code.as_str())?),
            Self::RemoveCoupon { code } => Change::Uncoupon(Code::try_from(code.as_str())?),
            Self::Update(fields) => return fields.to_changes(),
        }])
    }
}

impl Fields {
    /// A write for each field that is there.
    fn to_changes(&self) -> Result<Vec<Change>, Reject> {
        let given = [
            (Field::NOTE, self.note.clone()),
            (Field::CURRENCY, self.currency.clone().map(Some)),
            (Field::LOCALE, self.locale.clone()),
            (Field::DELIVERY_REGION, self.delivery_region.clone()),
        ];
        let mut writes = Vec::new();
        for (field, value) in given {
            let Some(value) = value else { continue };
            value.as_deref().map_or(Ok(()), |value| field.check(value))?;
            writes.push(Change::Write(field, value.map(Arc::from)));
        }
        if writes.is_empty() {
            return Err(Reject::invalid(
                "body",
                "name at least one of note, currency, locale, delivery_region",
            ));
        }
        Ok(writes)
    }
}
