//! A product: what is known of what is sold. What is not known is absent, never a made-up value. A [`Draft`] is what
//! a source says; only [`Product::check`] makes a [`Product`] of it, so that whoever has one need not look again.

use std::collections::BTreeSet;

use crate::limits::{
    AGE_MAX, CATEGORY_DEPTH_MAX, COMPONENTS_MAX, DESCRIPTION_LENGTH_MAX, NAME_LENGTH_MAX, OPTIONS_MAX,
    PICTURE_LENGTH_MAX, PRICE_MINOR_MAX, REGIONS_MAX, SKU_LENGTH_MAX, TITLE_LENGTH_MAX, WEIGHT_G_MAX,
};
use crate::refusal::Refusal;

/// Whether a product with a price can be bought now.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Availability {
    /// It can, or nobody counts it.
    #[default]
    InStock,
    /// There is none at the moment.
    OutOfStock,
    /// The operator has stopped its sale.
    Stopped,
}

/// A property that tells a variant from its siblings: colour, red.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// What differs.
    pub name: String,
    /// How it is with this one.
    pub value: String,
}

/// How many may be bought at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quantities {
    /// The smallest quantity.
    pub min: u32,
    /// The largest.
    pub max: u32,
    /// From the smallest on, in steps of so many.
    pub step: u32,
}

/// What a kit has in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Component {
    /// Of which product.
    pub sku: String,
    /// How many.
    pub quantity: u32,
}

/// What a source says of a product, unchecked.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Draft {
    /// The key: no two products share one.
    pub sku: String,
    /// What is shown and found first.
    pub title: String,
    /// More words, found last.
    pub description: Option<String>,
    /// From the department to the narrowest category.
    pub category: Vec<String>,
    /// Under which name it is sold.
    pub brand: Option<String>,
    /// Who makes it; a number, where no name is known.
    pub manufacturer: Option<String>,
    /// What the variants of one product share.
    pub parent: Option<String>,
    /// What tells this variant from the others of its parent.
    pub options: Vec<Choice>,
    /// Size and unit as written: `12 oz`.
    pub size: Option<String>,
    /// How many may be bought at once.
    pub quantities: Option<Quantities>,
    /// The address of a picture.
    pub picture: Option<String>,
    /// Its weight for shipping, in grams.
    pub weight_g: Option<u64>,
    /// By which it is taxed, in the words of the tax tables.
    pub tax_class: Option<String>,
    /// The number under its bar code: GTIN-8, -12, -13 or -14.
    pub gtin: Option<String>,
    /// From which age on it may be sold, in years.
    pub age_min: Option<u32>,
    /// Where it may be sold, as ISO 3166 codes; empty: everywhere.
    pub regions: Vec<String>,
    /// Since when it is in the catalog, in milliseconds since 1970.
    pub created_ms: Option<u64>,
    /// How often it was bought, by whatever measure, the same for all.
    pub popularity: u64,
    /// What it is made up of, if it is a kit.
    pub components: Vec<Component>,
    /// In the minor unit of the catalog's currency; none: not known, so it cannot be sold.
    pub price_minor: Option<i64>,
    /// Whether it can be bought now.
    pub availability: Availability,
}

/// A product that has been checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Product(Draft);

impl Product {
    /// Takes a draft for a product, its texts trimmed, or says what is wrong with it.
    pub fn check(mut draft: Draft) -> Result<Self, Refusal> {
        trim(&mut draft);
        sku(&draft.sku)?;
        if draft.title.is_empty() {
            return Err(Refusal::TitleMissing);
        }
        text("title", &draft.title, TITLE_LENGTH_MAX)?;
        if let Some(description) = &draft.description {
            length("description", description, DESCRIPTION_LENGTH_MAX)?;
        }
        for (field, value) in [
            ("brand", &draft.brand),
            ("manufacturer", &draft.manufacturer),
            ("parent", &draft.parent),
            ("size", &draft.size),
            ("tax_class", &draft.tax_class),
        ] {
            value.as_ref().map_or(Ok(()), |value| text(field, value, NAME_LENGTH_MAX))?;
        }
        names("category", draft.category.iter(), CATEGORY_DEPTH_MAX)?;
        names("options", draft.options.iter().map(|choice| &choice.name), OPTIONS_MAX)?;
        once("options", draft.options.iter().map(|choice| &choice.name))?;
        for choice in &draft.options {
            text("options", &choice.value, NAME_LENGTH_MAX)?;
        }
        price(draft.price_minor)?;
        draft.quantities.map_or(Ok(()), quantities)?;
        picture(draft.picture.as_deref())?;
        if let Some(weight) = draft.weight_g.filter(|weight| !(1..=WEIGHT_G_MAX).contains(weight)) {
            return Err(Refusal::Weight(weight));
        }
        if let Some(age) = draft.age_min.filter(|age| !(1..=AGE_MAX).contains(age)) {
            return Err(Refusal::Age(age));
        }
        if let Some(gtin) = draft.gtin.as_ref().filter(|gtin| !is_gtin(gtin)) {
            return Err(Refusal::Gtin(gtin.clone()));
        }
        regions(&draft.regions)?;
        components(&draft)?;
        Ok(Self(draft))
    }

    /// What it was made of, as it is now.
    pub fn as_draft(&self) -> &Draft {
        &self.0
    }

    /// A draft to change.
    pub fn into_draft(self) -> Draft {
        self.0
    }

    /// The key.
    pub fn sku(&self) -> &str {
        &self.0.sku
    }

    /// What is shown and found first.
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// More words.
    pub fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// From the department to the narrowest category.
    pub fn category(&self) -> &[String] {
        &self.0.category
    }

    /// Under which name it is sold.
    pub fn brand(&self) -> Option<&str> {
        self.0.brand.as_deref()
    }

    /// Who makes it.
    pub fn manufacturer(&self) -> Option<&str> {
        self.0.manufacturer.as_deref()
    }

    /// Size and unit as written.
    pub fn size(&self) -> Option<&str> {
        self.0.size.as_deref()
    }

    /// In the minor unit of the catalog's currency.
    pub fn price_minor(&self) -> Option<i64> {
        self.0.price_minor
    }

    /// Since when it is in the catalog, in milliseconds since 1970.
    pub fn created_ms(&self) -> Option<u64> {
        self.0.created_ms
    }

    /// How often it was bought.
    pub fn popularity(&self) -> u64 {
        self.0.popularity
    }

    /// Whether it can be bought now: it has a price, and is there.
    pub fn can_be_sold(&self) -> bool {
        self.0.price_minor.is_some() && self.0.availability == Availability::InStock
    }
}

/// Spaces around a text mean nothing, and a text without anything is one that is not known.
fn trim(draft: &mut Draft) {
    let trimmed = |text: &mut String| *text = text.trim().to_owned();
    trimmed(&mut draft.sku);
    trimmed(&mut draft.title);
    draft.category.iter_mut().for_each(trimmed);
    draft.options.iter_mut().for_each(|choice| {
        trimmed(&mut choice.name);
        trimmed(&mut choice.value);
    });
    draft.regions.iter_mut().for_each(trimmed);
    for optional in [
        &mut draft.description,
        &mut draft.brand,
        &mut draft.manufacturer,
        &mut draft.parent,
        &mut draft.size,
        &mut draft.picture,
        &mut draft.tax_class,
        &mut draft.gtin,
    ] {
        optional.iter_mut().for_each(trimmed);
        optional.take_if(|text| text.is_empty());
    }
}

fn sku(sku: &str) -> Result<(), Refusal> {
    match sku {
        "" => Err(Refusal::SkuMissing),
        _ if sku.len() > SKU_LENGTH_MAX || !sku.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(Refusal::SkuForm(sku.chars().take(SKU_LENGTH_MAX).collect()))
        }
        _ => Ok(()),
    }
}

fn length(field: &'static str, text: &str, max: usize) -> Result<(), Refusal> {
    let bytes = text.len();
    if bytes <= max { Ok(()) } else { Err(Refusal::TooLong { field, bytes, max }) }
}

fn text(field: &'static str, text: &str, max: usize) -> Result<(), Refusal> {
    length(field, text, max)?;
    if text.chars().any(char::is_control) { Err(Refusal::Control(field)) } else { Ok(()) }
}

fn names<'a>(
    field: &'static str,
    names: impl ExactSizeIterator<Item = &'a String>,
    max: usize,
) -> Result<(), Refusal> {
    let entries = names.len();
    if entries > max {
        return Err(Refusal::TooMany { field, entries, max });
    }
    for name in names {
        if name.is_empty() {
            return Err(Refusal::Empty(field));
        }
        text(field, name, NAME_LENGTH_MAX)?;
    }
    Ok(())
}

fn once<'a>(field: &'static str, names: impl Iterator<Item = &'a String>) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Refusal::Twice { field, name: name.clone() });
        }
    }
    Ok(())
}

fn price(minor: Option<i64>) -> Result<(), Refusal> {
    match minor {
        Some(minor) if minor < 0 => Err(Refusal::PriceNegative(minor)),
        Some(minor) if minor > PRICE_MINOR_MAX => Err(Refusal::PriceAbsurd(minor)),
        Some(_) | None => Ok(()),
    }
}

fn quantities(Quantities { min, max, step }: Quantities) -> Result<(), Refusal> {
    let possible = 1 <= min && min <= max && step >= 1;
    if possible { Ok(()) } else { Err(Refusal::QuantityBounds { min, max, step }) }
}

fn picture(address: Option<&str>) -> Result<(), Refusal> {
    let Some(address) = address else { return Ok(()) };
    length("picture", address, PICTURE_LENGTH_MAX)?;
    // What begins with two strokes is another host's, without TLS where the page has none.
    let ours = address.starts_with('/') && !address.starts_with("//");
    let plain = address.bytes().all(|byte| byte.is_ascii_graphic());
    if plain && (ours || address.len() > 8 && address.starts_with("https://")) {
        return Ok(());
    }
    Err(Refusal::Picture(address.to_owned()))
}

/// GS1 General Specifications, 7.9: weights of 3 and 1 in turn, from the right, and a digit that makes it tens.
fn is_gtin(gtin: &str) -> bool {
    if ![8, 12, 13, 14].contains(&gtin.len()) || !gtin.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let digits = gtin.bytes().rev().map(|digit| u32::from(digit - b'0'));
    let sum: u32 = digits.enumerate().map(|(at, digit)| if at % 2 == 0 { digit } else { 3 * digit }).sum();
    sum.is_multiple_of(10)
}

fn regions(regions: &[String]) -> Result<(), Refusal> {
    if regions.len() > REGIONS_MAX {
        return Err(Refusal::TooMany { field: "regions", entries: regions.len(), max: REGIONS_MAX });
    }
    for region in regions {
        let (country, part) = region.split_once('-').unwrap_or((region, "x"));
        let is_country = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
        let is_part = (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_country || !is_part {
            return Err(Refusal::Region(region.clone()));
        }
    }
    once("regions", regions.iter())
}

fn components(draft: &Draft) -> Result<(), Refusal> {
    let components = &draft.components;
    if components.len() > COMPONENTS_MAX {
        let (field, entries, max) = ("components", components.len(), COMPONENTS_MAX);
        return Err(Refusal::TooMany { field, entries, max });
    }
    for Component { sku: of, quantity } in components {
        sku(of)?;
        if *of == draft.sku || *quantity == 0 {
            return Err(Refusal::Component(of.clone()));
        }
    }
    once("components", components.iter().map(|component| &component.sku))
}
