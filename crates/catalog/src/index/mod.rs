//! The search index: what of the products is needed to find, filter, sort and show them, as bytes that are written once
//! and read where they stand. Products that share title, size, category, brand and words are one *text*: words lead to
//! texts, and a text to its products, which stand together. Whoever opens an index has checked its digest; bytes that
//! are damaged or of a later build are an error all the same, never a panic.
//!
//! Postings hold the fields of a word beside the text, and sets of texts are dense, so that bitmaps (`roaring`) would
//! save nothing here; words are automata of `fst`.

mod build;
mod bytes;
mod postings;
mod unreadable;

use fst::Map;

pub use crate::limits::INDEX_BYTES_MAX;
pub use build::build;
pub use postings::{Field, Posting, Postings};
pub use unreadable::{FORMAT, Unbuildable, Unreadable};

use crate::synonyms::Synonyms;
use bytes::{Ids, SECTIONS, Section, Strings, Values, long, sections, word};

/// What an index is of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edition {
    /// The catalog's version.
    pub version: u64,
    /// The version of the index before, whose cursors are still good.
    pub before: Option<u64>,
    /// The ISO 4217 code of all prices.
    pub currency: String,
    /// How many digits of a price are behind its point.
    pub digits: u8,
}

/// An index that can be asked: see [`crate::query::Search`].
pub struct Index {
    bytes: Vec<u8>,
    spans: [(usize, usize); SECTIONS],
    edition: Edition,
    products: usize,
    texts: usize,
    word_terms: usize,
    synonyms: Synonyms,
}

/// What a product of the index is shown with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown<'a> {
    /// The key.
    pub sku: Sku<'a>,
    /// What it is called.
    pub title: &'a str,
    /// Size and unit as written.
    pub size: Option<&'a str>,
    /// The first of its categories.
    pub department: Option<&'a str>,
    /// The last of its categories.
    pub category: Option<&'a str>,
    /// Its brand.
    pub brand: Option<&'a str>,
    /// Who makes it.
    pub manufacturer: Option<&'a str>,
}

/// A SKU as it is kept: numbers take four bytes. Ordered by length, then bytes, as numbers are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sku<'a> {
    /// A number without leading zeros.
    Number(u32),
    /// Anything else.
    Name(&'a str),
}

/// The highest SKU that is kept as a number; the bit above marks names.
const SKU_NUMBER_MAX: u32 = (1 << 31) - 1;

impl Index {
    /// Takes bytes for an index, without a copy. All that is read later was checked, so this takes some milliseconds.
    pub fn open(bytes: Vec<u8>) -> Result<Self, Unreadable> {
        let spans = sections(&bytes)?;
        let of = |section: Section| {
            let (begin, end) = spans[section as usize];
            &bytes[begin..end]
        };
        let damaged = Unreadable::Damaged("its head");
        let (edition, products, texts) = meta(of(Section::Meta)).ok_or(damaged)?;
        let words = |section| {
            let map = Map::new(of(section)).ok()?;
            map.as_fst().verify().ok()?;
            Some(map.len())
        };
        let word_terms = words(Section::Stems).ok_or(Unreadable::Damaged("its stems"))?;
        words(Section::Words).ok_or(Unreadable::Damaged("its words"))?;
        let lines = Strings::checked(of(Section::Synonyms));
        let synonyms = lines.and_then(|lines| Synonyms::of_lines(lines.iter()));
        let synonyms = synonyms.ok_or(Unreadable::Damaged("its synonyms"))?;
        let index = Self { spans, edition, products, texts, word_terms, synonyms, bytes };
        index.check_columns().ok_or(Unreadable::Damaged("its columns"))?;
        index.check_terms().ok_or(Unreadable::Damaged("its postings"))?;
        Ok(index)
    }

    /// What it is of.
    pub fn edition(&self) -> &Edition {
        &self.edition
    }

    /// How many products it has.
    pub fn len(&self) -> usize {
        self.products
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.products == 0
    }

    /// How many different texts there are.
    pub fn texts(&self) -> usize {
        self.texts
    }

    /// How many bytes it takes.
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn synonyms(&self) -> &Synonyms {
        &self.synonyms
    }

    /// The products of a text.
    pub(crate) fn products_of(&self, text: usize) -> std::ops::Range<usize> {
        let first = |at: usize| word(self.section(Section::TextProducts), at * 4).unwrap_or(0) as usize;
        first(text)..first(text + 1)
    }

    pub(crate) fn words(&self) -> Option<Map<&[u8]>> {
        Map::new(self.section(Section::Words)).ok()
    }

    pub(crate) fn stems(&self) -> Option<Map<&[u8]>> {
        Map::new(self.section(Section::Stems)).ok()
    }

    /// The terms of amounts between two keys.
    pub(crate) fn measures(&self, keys: std::ops::RangeInclusive<u64>) -> std::ops::Range<usize> {
        let section = self.section(Section::Measures);
        let count = section.len() / 8;
        let first = |beyond: &dyn Fn(u64) -> bool| {
            let (mut low, mut high) = (0, count);
            while low < high {
                let middle = usize::midpoint(low, high);
                if long(section, middle * 8).is_some_and(beyond) { high = middle } else { low = middle + 1 }
            }
            self.word_terms + low
        };
        first(&|key| key >= *keys.start())..first(&|key| key > *keys.end())
    }

    pub(crate) fn postings(&self, term: usize) -> Postings<'_> {
        let offset = |at: usize| word(self.section(Section::Offsets), at * 4).unwrap_or(0) as usize;
        let bytes = self.section(Section::Postings).get(offset(term)..offset(term + 1));
        Postings::new(bytes.unwrap_or(&[]))
    }

    /// How much is bought of what has a term.
    pub(crate) fn weight(&self, term: usize) -> u32 {
        word(self.section(Section::Weights), term * 4).unwrap_or(0)
    }

    pub(crate) fn ids(&self, section: Section) -> Ids<'_> {
        Ids::read(self.section(section)).unwrap_or(NO_IDS)
    }

    pub(crate) fn strings(&self, section: Section) -> Strings<'_> {
        Strings::read(self.section(section)).unwrap_or(NO_STRINGS)
    }

    pub(crate) fn values(&self, section: Section) -> Values<'_> {
        Values::read(self.section(section)).unwrap_or(NO_VALUES)
    }

    pub(crate) fn can_be_sold(&self, product: usize) -> bool {
        self.section(Section::Sold).get(product / 8).is_some_and(|byte| byte & 1 << (product % 8) != 0)
    }

    pub(crate) fn sku(&self, product: usize) -> Sku<'_> {
        let kept = word(self.section(Section::Skus), product * 4).unwrap_or(0);
        match kept & SKU_NUMBER_MAX {
            number if number == kept => Sku::Number(number),
            name => Sku::Name(self.strings(Section::SkuNames).get(name as usize)),
        }
    }

    /// A product of a text, to be shown.
    pub(crate) fn shown(&self, text: usize, product: usize) -> Shown<'_> {
        let named = |ids: Section, names: Section, at: usize| match self.ids(ids).get(at) {
            0 => None,
            id => Some(self.strings(names).get(id as usize - 1)),
        };
        Shown {
            sku: self.sku(product),
            title: named(Section::TextTitle, Section::Titles, text).unwrap_or(""),
            size: named(Section::TextSize, Section::Sizes, text),
            department: named(Section::TextDepartment, Section::Departments, text),
            category: named(Section::TextCategory, Section::Categories, text),
            brand: named(Section::TextBrand, Section::Brands, text),
            manufacturer: named(Section::Maker, Section::Manufacturers, product),
        }
    }

    fn section(&self, section: Section) -> &[u8] {
        let (begin, end) = self.spans[section as usize];
        &self.bytes[begin..end]
    }

    fn check_columns(&self) -> Option<()> {
        let ids = |section, count, below| Ids::checked(self.section(section), count, below).map(drop);
        let named = |column, count, names| {
            let names = Strings::checked(self.section(names))?;
            ids(column, count, names.len() + 1)
        };
        let (texts, products) = (self.texts, self.products);
        named(Section::TextTitle, texts, Section::Titles)?;
        named(Section::TextSize, texts, Section::Sizes)?;
        named(Section::TextDepartment, texts, Section::Departments)?;
        named(Section::TextCategory, texts, Section::Categories)?;
        named(Section::TextBrand, texts, Section::Brands)?;
        named(Section::Maker, products, Section::Manufacturers)?;
        ids(Section::TextSold, texts, 256)?;
        ids(Section::TextWords, texts, 256)?;
        for section in [Section::Price, Section::Popularity, Section::Created] {
            Values::checked(self.section(section), products)?;
        }
        let names = Strings::checked(self.section(Section::SkuNames))?.len();
        let skus = self.section(Section::Skus);
        let known = |at: usize| {
            let kept = word(skus, at * 4)?;
            (kept <= SKU_NUMBER_MAX || ((kept & SKU_NUMBER_MAX) as usize) < names).then_some(())
        };
        (skus.len() == products * 4).then_some(())?;
        (0..products).try_for_each(known)?;
        (self.section(Section::Sold).len() == products.div_ceil(8)).then_some(())?;
        let firsts = self.section(Section::TextProducts);
        let ordered = (0..texts).all(|text| !self.products_of(text).is_empty());
        let first = word(firsts, 0)? == 0 && word(firsts, texts * 4)? as usize == products;
        (ordered && first && firsts.len() == (texts + 1) * 4).then_some(())
    }

    fn check_terms(&self) -> Option<()> {
        let measures = self.section(Section::Measures);
        let keys = measures.len() / 8;
        let ordered = (1..keys).all(|at| long(measures, at * 8 - 8) < long(measures, at * 8));
        (ordered && measures.len() == keys * 8).then_some(())?;
        let terms = self.word_terms + keys;
        (self.section(Section::Weights).len() == terms * 4).then_some(())?;
        (self.section(Section::Offsets).len() == (terms + 1) * 4).then_some(())?;
        let offsets = self.section(Section::Offsets);
        let postings = self.section(Section::Postings);
        (word(offsets, terms * 4)? as usize == postings.len() && word(offsets, 0)? == 0).then_some(())?;
        for term in 0..terms {
            let (begin, end) = (word(offsets, term * 4)? as usize, word(offsets, term * 4 + 4)? as usize);
            Postings::new(postings.get(begin..end)?).check(self.texts)?;
        }
        // Each word leads to a term.
        for map in [self.words()?, self.stems()?] {
            let mut stream = map.stream();
            while let Some((_, term)) = fst::Streamer::next(&mut stream) {
                (term_of(term) < self.word_terms).then_some(())?;
            }
        }
        Some(())
    }
}

/// The term of an entry of [`Section::Words`] or [`Section::Stems`]; above it is how much is bought of what has the word.
pub(crate) fn term_of(entry: u64) -> usize {
    (entry & u64::from(u32::MAX)) as usize
}

const NO_IDS: Ids<'static> = Ids::NONE;
const NO_VALUES: Values<'static> = Values::NONE;
const NO_STRINGS: Strings<'static> = Strings::NONE;

pub(crate) use bytes::{Ids as Column, Section as Part, Strings as Names, Values as Amounts};

fn meta(section: &[u8]) -> Option<(Edition, usize, usize)> {
    let (version, before) = (long(section, 0)?, long(section, 8)?);
    let (products, texts) = (word(section, 16)? as usize, word(section, 20)? as usize);
    let digits = *section.get(24)?;
    let currency = std::str::from_utf8(section.get(25..)?).ok()?.to_owned();
    // A text has a product.
    (digits <= 4 && texts <= products).then_some(())?;
    let before = Some(before).filter(|before| *before != version);
    Some((Edition { version, before, currency, digits }, products, texts))
}

impl std::fmt::Display for Sku<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl Ord for Sku<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        if let (Self::Number(one), Self::Number(other)) = (self, other) {
            return one.cmp(other);
        }
        let (one, other) = (self.to_string(), other.to_string());
        (one.len(), one).cmp(&(other.len(), other))
    }
}

impl PartialOrd for Sku<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a> Sku<'a> {
    /// As it is kept: a number only if it reads back as the same text.
    pub(crate) fn of(sku: &'a str) -> Self {
        let number = sku.parse::<u32>().ok().filter(|number| *number <= SKU_NUMBER_MAX);
        match number.filter(|number| number.to_string() == sku) {
            Some(number) => Self::Number(number),
            None => Self::Name(sku),
        }
    }
}
