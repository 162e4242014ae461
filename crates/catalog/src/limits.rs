//! The bounds of a product's fields and of a query.

/// The most bytes of a SKU: those of a cart line's.
pub const SKU_LENGTH_MAX: usize = 64;
/// The most bytes of a title.
pub const TITLE_LENGTH_MAX: usize = 300;
/// The most bytes of a description.
pub const DESCRIPTION_LENGTH_MAX: usize = 20_000;
/// The most bytes of any other name: a category, a brand, a value of a variant.
pub const NAME_LENGTH_MAX: usize = 120;
/// The most bytes of a picture's address.
pub const PICTURE_LENGTH_MAX: usize = 2_000;
/// How deep categories go, department first.
pub const CATEGORY_DEPTH_MAX: usize = 8;
/// How many properties tell variants apart.
pub const OPTIONS_MAX: usize = 8;
/// How many regions may be named.
pub const REGIONS_MAX: usize = 300;
/// How many different components a kit has.
pub const COMPONENTS_MAX: usize = 100;
/// The highest price, in minor units: above all that is sold, and a thousand lines of it still fit into 64 bits.
pub const PRICE_MINOR_MAX: i64 = 1_000_000_000_000;
/// The heaviest parcel, in grams.
pub const WEIGHT_G_MAX: u64 = 100_000_000;
/// The highest age that a law asks for, in years.
pub const AGE_MAX: u32 = 120;
/// The most hits of a page.
pub const LIMIT_MAX: usize = 100;
/// The most values of one filter.
pub const FILTER_VALUES_MAX: usize = 50;
/// The most bytes of an index.
pub const INDEX_BYTES_MAX: usize = 16 << 20;
