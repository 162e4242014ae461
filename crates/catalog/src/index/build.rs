//! From products to the bytes of an index. The same products in any order give the same bytes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use fst::MapBuilder;

use super::bytes::{Ids, SECTIONS, Section, Strings, Values, framed};
use super::unreadable::Unbuildable;
use super::{Edition, Field, Posting, Postings, SKU_NUMBER_MAX, Sku};
use crate::product::Product;
use crate::synonyms::Synonyms;
use crate::words::{Kind, Token, sizes, stem, tokens};

/// What makes products one text, and the order of texts: those of one title and size stand together.
type Key<'a> =
    (&'a str, Option<&'a str>, &'a [String], Option<&'a str>, Option<&'a str>, Option<&'a str>, Vec<&'a str>);

/// The bytes of an index of these products, in any order; no two may share a SKU.
pub fn build(products: &[Product], synonyms: &Synonyms, edition: &Edition) -> Result<Vec<u8>, Unbuildable> {
    let mut rows: Vec<(Key<'_>, &Product)> = products.iter().map(|product| (key(product), product)).collect();
    rows.sort_by(|(one_key, one), (other_key, other)| {
        let rest = |product: &Product| Reverse(product.popularity());
        let order = one_key.cmp(other_key).then_with(|| rest(one).cmp(&rest(other)));
        order.then_with(|| Sku::of(one.sku()).cmp(&Sku::of(other.sku())))
    });
    let mut skus = BTreeSet::new();
    if let Some(twice) = products.iter().find(|product| !skus.insert(product.sku())) {
        return Err(Unbuildable::DuplicateSku(twice.sku().to_owned()));
    }
    let mut building = Building::default();
    for texts in rows.chunk_by(|(one, _), (other, _)| one == other) {
        building.text(texts);
    }
    building.firsts.push(rows.len() as u32);
    building
        .bytes(&rows, synonyms, edition)
        .filter(|bytes| bytes.len() <= crate::limits::INDEX_BYTES_MAX)
        .ok_or(Unbuildable::TooLarge)
}

fn key(product: &Product) -> Key<'_> {
    let options = product.as_draft().options.iter().map(|choice| choice.value.as_str()).collect();
    let maker = product.manufacturer().filter(|maker| is_name(maker));
    (
        product.title(),
        product.size(),
        product.category(),
        product.brand(),
        maker,
        product.description(),
        options,
    )
}

/// A manufacturer's number is a code, and not looked for.
fn is_name(maker: &str) -> bool {
    maker.chars().any(char::is_alphabetic)
}

#[derive(Default)]
struct Building<'a> {
    /// Each with its stem, and how much is bought of what has it.
    surfaces: BTreeMap<String, (String, u32)>,
    stems: BTreeMap<String, Term>,
    measures: BTreeMap<u64, Term>,
    titles: Names<'a>,
    sizes: Names<'a>,
    departments: Names<'a>,
    categories: Names<'a>,
    brands: Names<'a>,
    sold: Vec<u32>,
    words: Vec<u32>,
    firsts: Vec<u32>,
    products: u32,
}

#[derive(Default)]
struct Term {
    postings: Vec<Posting>,
    weight: u32,
}

impl Term {
    fn add(&mut self, text: u32, field: Field, sold: u64) {
        if let Some(last) = self.postings.last_mut().filter(|last| last.text == text) {
            last.fields |= field as u8;
            return;
        }
        self.postings.push(Posting { text, fields: field as u8 });
        self.weight = self.weight.saturating_add(weight_of(sold));
    }
}

/// A column of names: which are there, and which one each row has.
#[derive(Default)]
struct Names<'a>(Vec<Option<&'a str>>);

impl Names<'_> {
    /// The table of names in order, and the column.
    fn write(&self) -> (Vec<u8>, Vec<u8>) {
        let names: BTreeSet<&str> = self.0.iter().copied().flatten().collect();
        let names: Vec<&str> = names.into_iter().collect();
        let id = |name: &str| names.partition_point(|other| *other < name) as u32 + 1;
        let ids: Vec<u32> = self.0.iter().map(|name| name.map_or(0, id)).collect();
        (Strings::write(&names), Ids::write(&ids))
    }
}

impl<'a> Building<'a> {
    fn text(&mut self, rows: &[(Key<'a>, &'a Product)]) {
        let Some((key, _)) = rows.first() else { return };
        let (title, size, category, brand, maker, description, options) = key;
        let text = self.sold.len() as u32;
        let sold: u64 =
            rows.iter().fold(0, |sum: u64, (_, product)| sum.saturating_add(product.popularity()));
        let mut said = BTreeSet::new();
        for token in tokens(title) {
            if let Kind::Word(word) = &token.kind {
                said.insert(stem(word));
            }
            self.token(text, &token, Field::Title, sold);
        }
        for measure in size.iter().flat_map(|size| sizes(size)) {
            self.measures.entry(measure.key()).or_default().add(text, Field::Title, sold);
        }
        let categories = category.iter().map(|name| (name.as_str(), Field::Category));
        let rest = options.iter().map(|value| (*value, Field::Title)).chain(categories);
        let makers = [brand, maker].into_iter().flatten().map(|name| (*name, Field::Maker));
        let description = description.iter().map(|words| (*words, Field::Description));
        for (words, field) in rest.chain(makers).chain(description) {
            tokens(words).iter().for_each(|token| self.token(text, token, field, sold));
        }
        self.titles.0.push(Some(title));
        self.sizes.0.push(*size);
        self.departments.0.push(category.first().map(String::as_str));
        self.categories.0.push(category.get(1..).and_then(|deeper| deeper.last()).map(String::as_str));
        self.brands.0.push(*brand);
        self.sold.push(u64::BITS - sold.leading_zeros());
        self.words.push(said.len().min(255) as u32);
        self.firsts.push(self.products);
        self.products += rows.len() as u32;
    }

    fn token(&mut self, text: u32, token: &Token, field: Field, sold: u64) {
        match &token.kind {
            Kind::Word(word) => {
                let stem = stem(word);
                self.stems.entry(stem.clone()).or_default().add(text, field, sold);
                let surface = self.surfaces.entry(word.clone()).or_insert((stem, 0));
                surface.1 = surface.1.saturating_add(weight_of(sold));
            }
            Kind::Measure(measure) => self.measures.entry(measure.key()).or_default().add(text, field, sold),
        }
    }

    fn bytes(&self, rows: &[(Key<'_>, &Product)], synonyms: &Synonyms, edition: &Edition) -> Option<Vec<u8>> {
        let mut sections: [Vec<u8>; SECTIONS] = std::array::from_fn(|_| Vec::new());
        let mut put = |section: Section, bytes: Vec<u8>| sections[section as usize] = bytes;
        put(Section::Meta, meta(edition, rows.len(), self.sold.len())?);
        let terms: BTreeMap<&str, u64> = self.stems.keys().map(String::as_str).zip(0..).collect();
        put(Section::Stems, automaton(terms.iter().map(|(stem, term)| (*stem, *term)))?);
        let entry = |(stem, weight): &(String, u32)| {
            u64::from(*weight) << 32 | terms.get(stem.as_str()).copied().unwrap_or_default()
        };
        put(
            Section::Words,
            automaton(self.surfaces.iter().map(|(word, surface)| (word.as_str(), entry(surface))))?,
        );
        let (mut offsets, mut weights, mut postings) = (Vec::new(), Vec::new(), Vec::new());
        for term in self.stems.values().chain(self.measures.values()) {
            offsets.extend(u32::try_from(postings.len()).ok()?.to_le_bytes());
            weights.extend(term.weight.to_le_bytes());
            Postings::write(&term.postings, &mut postings);
        }
        offsets.extend(u32::try_from(postings.len()).ok()?.to_le_bytes());
        put(Section::Offsets, offsets);
        put(Section::Weights, weights);
        put(Section::Postings, postings);
        put(Section::Measures, self.measures.keys().flat_map(|key| key.to_le_bytes()).collect());
        let makers = Names(rows.iter().map(|(_, product)| product.manufacturer()).collect());
        for (column, table, names) in [
            (Section::TextTitle, Section::Titles, &self.titles),
            (Section::TextSize, Section::Sizes, &self.sizes),
            (Section::TextDepartment, Section::Departments, &self.departments),
            (Section::TextCategory, Section::Categories, &self.categories),
            (Section::TextBrand, Section::Brands, &self.brands),
            (Section::Maker, Section::Manufacturers, &makers),
        ] {
            let (texts, ids) = names.write();
            put(table, texts);
            put(column, ids);
        }
        put(Section::TextSold, Ids::write(&self.sold));
        put(Section::TextWords, Ids::write(&self.words));
        put(Section::TextProducts, self.firsts.iter().flat_map(|first| first.to_le_bytes()).collect());
        let products = || rows.iter().map(|(_, product)| *product);
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let column =
            |of: &dyn Fn(&Product) -> Option<i64>| Values::write(&products().map(of).collect::<Vec<_>>());
        put(Section::Price, column(&|product| product.price_minor()));
        put(
            Section::Popularity,
            column(&|product| Some(signed(product.popularity())).filter(|sold| *sold > 0)),
        );
        put(Section::Created, column(&|product| product.created_ms().map(signed)));
        let (mut skus, mut names) = (Vec::new(), Vec::new());
        for product in products() {
            let kept = match Sku::of(product.sku()) {
                Sku::Number(number) => number,
                Sku::Name(name) => {
                    names.push(name);
                    (names.len() as u32 - 1) | !SKU_NUMBER_MAX
                }
            };
            skus.extend(kept.to_le_bytes());
        }
        put(Section::Skus, skus);
        put(Section::SkuNames, Strings::write(&names));
        let mut sold = vec![0_u8; rows.len().div_ceil(8)];
        for (at, product) in products().enumerate() {
            sold[at / 8] |= u8::from(product.can_be_sold()) << (at % 8);
        }
        put(Section::Sold, sold);
        put(Section::Synonyms, Strings::write(&synonyms.lines()));
        framed(&sections)
    }
}

/// A text that was never bought is one all the same.
fn weight_of(sold: u64) -> u32 {
    u32::try_from(sold).unwrap_or(u32::MAX).saturating_add(1)
}

fn automaton<'a>(words: impl Iterator<Item = (&'a str, u64)>) -> Option<Vec<u8>> {
    let mut builder = MapBuilder::memory();
    for (word, term) in words {
        builder.insert(word, term).ok()?;
    }
    builder.into_inner().ok()
}

fn meta(edition: &Edition, products: usize, texts: usize) -> Option<Vec<u8>> {
    let mut bytes = edition.version.to_le_bytes().to_vec();
    bytes.extend(edition.before.unwrap_or(edition.version).to_le_bytes());
    bytes.extend(u32::try_from(products).ok()?.to_le_bytes());
    bytes.extend(u32::try_from(texts).ok()?.to_le_bytes());
    bytes.push(edition.digits.min(4));
    bytes.extend(edition.currency.as_bytes());
    Some(bytes)
}
