//! The frame of an index's bytes, and the columns in it. All is read where it stands: little-endian, of fixed width, so
//! that opening an index copies nothing of it.
//!
//! ```text
//! "EVCI"  format u16  sections u16  (offset u32, length u32) of each section  sections
//! ```

use super::unreadable::{FORMAT, Unreadable};

/// What every index begins with.
pub const MAGIC: &[u8; 4] = b"EVCI";
const HEADER_BYTES: usize = 8;
const ENTRY_BYTES: usize = 8;

/// The sections, in the order in which they stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    /// Version, the one before, numbers of products and texts, currency.
    Meta,
    /// Folded words, each with its term, an `fst`.
    Words,
    /// Stems, each with its term, an `fst`.
    Stems,
    /// Where each term's postings begin, and where the last ones end.
    Offsets,
    /// How much is bought of what has a term.
    Weights,
    /// In which texts and fields a term is.
    Postings,
    /// The amounts: terms beyond those of words.
    Measures,
    /// Texts' titles.
    Titles,
    /// Texts' sizes.
    Sizes,
    /// Departments.
    Departments,
    /// Narrowest categories.
    Categories,
    /// Brands.
    Brands,
    /// Manufacturers.
    Manufacturers,
    /// A text's title.
    TextTitle,
    /// A text's size.
    TextSize,
    /// A text's department.
    TextDepartment,
    /// A text's category.
    TextCategory,
    /// A text's brand.
    TextBrand,
    /// How often what has a text was bought, as a power of two.
    TextSold,
    /// How many words a text's title has.
    TextWords,
    /// A text's first product; one more, where the last one's end.
    TextProducts,
    /// SKUs: a number, or an entry of the next section.
    Skus,
    /// SKUs that are no numbers.
    SkuNames,
    /// Prices in minor units.
    Price,
    /// How often a product was bought.
    Popularity,
    /// Since when there is a product, in milliseconds since 1970.
    Created,
    /// A product's manufacturer.
    Maker,
    /// A bit for each product that can be sold.
    Sold,
    /// What may be said instead of what.
    Synonyms,
}

/// How many sections there are.
pub const SECTIONS: usize = Section::Synonyms as usize + 1;

/// Puts sections together.
pub fn framed(sections: &[Vec<u8>; SECTIONS]) -> Option<Vec<u8>> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(FORMAT.to_le_bytes());
    bytes.extend(u16::try_from(SECTIONS).ok()?.to_le_bytes());
    let mut offset = HEADER_BYTES + SECTIONS * ENTRY_BYTES;
    for section in sections {
        bytes.extend(u32::try_from(offset).ok()?.to_le_bytes());
        bytes.extend(u32::try_from(section.len()).ok()?.to_le_bytes());
        offset += section.len();
    }
    sections.iter().for_each(|section| bytes.extend(section));
    Some(bytes)
}

/// Where each section begins and ends.
pub fn sections(bytes: &[u8]) -> Result<[(usize, usize); SECTIONS], Unreadable> {
    if bytes.get(..4) != Some(MAGIC) {
        return Err(Unreadable::Foreign);
    }
    let half = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let damaged = Unreadable::Damaged("its header");
    match half(4).ok_or_else(|| damaged.clone())? {
        FORMAT => {}
        newer if newer > FORMAT => return Err(Unreadable::Newer(newer)),
        older => return Err(Unreadable::Older(older)),
    }
    if half(6).map(usize::from) != Some(SECTIONS) {
        return Err(damaged);
    }
    let mut spans = [(0, 0); SECTIONS];
    let mut expected = HEADER_BYTES + SECTIONS * ENTRY_BYTES;
    for (at, span) in spans.iter_mut().enumerate() {
        let entry = HEADER_BYTES + at * ENTRY_BYTES;
        let begin = word(bytes, entry).ok_or_else(|| damaged.clone())? as usize;
        let length = word(bytes, entry + 4).ok_or_else(|| damaged.clone())? as usize;
        let end = begin.checked_add(length).filter(|end| *end <= bytes.len() && begin == expected);
        *span = (begin, end.ok_or_else(|| damaged.clone())?);
        expected = span.1;
    }
    if expected == bytes.len() { Ok(spans) } else { Err(damaged) }
}

/// The number of 32 bits that begins at a byte.
pub fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// The number of 64 bits that begins at a byte.
pub fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// A column of small numbers, as wide as its largest needs: `width u8`, then the numbers.
#[derive(Clone, Copy)]
pub struct Ids<'a> {
    width: usize,
    data: &'a [u8],
}

impl<'a> Ids<'a> {
    /// Of no rows.
    pub const NONE: Self = Self { width: 0, data: &[] };

    /// The bytes of numbers.
    pub fn write(ids: &[u32]) -> Vec<u8> {
        let width = match ids.iter().max().copied().unwrap_or(0) {
            0 => 0,
            1..=0xff => 1,
            0x100..=0xffff => 2,
            _ => 4,
        };
        let mut bytes = vec![width];
        for id in ids {
            bytes.extend(&id.to_le_bytes()[..usize::from(width)]);
        }
        bytes
    }

    /// A section as so many numbers, each below a bound.
    pub fn checked(section: &'a [u8], count: usize, below: usize) -> Option<Self> {
        let ids = Self::read(section)?;
        let whole = matches!(ids.width, 0 | 1 | 2 | 4) && ids.data.len() == ids.width.checked_mul(count)?;
        let inside = || (0..count).all(|at| (ids.get(at) as usize) < below);
        (whole && inside()).then_some(ids)
    }

    /// A section that was checked.
    pub fn read(section: &'a [u8]) -> Option<Self> {
        let (width, data) = section.split_first()?;
        Some(Self { width: usize::from(*width), data })
    }

    /// One of the numbers; 0 where there is none.
    pub fn get(&self, at: usize) -> u32 {
        let begin = at * self.width;
        match (self.width, self.data.get(begin..begin + self.width)) {
            (1, Some([a])) => u32::from(*a),
            (2, Some([a, b])) => u32::from(u16::from_le_bytes([*a, *b])),
            (4, Some([a, b, c, d])) => u32::from_le_bytes([*a, *b, *c, *d]),
            _ => 0,
        }
    }
}

/// A column of amounts: the different ones in order, and for each row which: `count u32`, amounts, then [`Ids`], of which
/// 0 is none.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    amounts: &'a [u8],
    ids: Ids<'a>,
}

impl<'a> Values<'a> {
    /// Of no rows.
    pub const NONE: Self = Self { amounts: &[], ids: Ids::NONE };

    /// The bytes of amounts.
    pub fn write(values: &[Option<i64>]) -> Vec<u8> {
        let mut amounts: Vec<i64> = values.iter().copied().flatten().collect();
        amounts.sort_unstable();
        amounts.dedup();
        let mut bytes = (amounts.len() as u32).to_le_bytes().to_vec();
        amounts.iter().for_each(|amount| bytes.extend(amount.to_le_bytes()));
        let id = |value: &i64| amounts.partition_point(|amount| amount < value) as u32 + 1;
        let ids: Vec<u32> = values.iter().map(|value| value.as_ref().map_or(0, id)).collect();
        bytes.extend(Ids::write(&ids));
        bytes
    }

    /// A section as so many rows, whose amounts are in order.
    pub fn checked(section: &'a [u8], count: usize) -> Option<Self> {
        let values = Self::read(section)?;
        let amounts = values.amounts.len() / 8;
        let ordered = (1..amounts).all(|at| values.amount(at - 1) < values.amount(at));
        Ids::checked(section.get(4 + values.amounts.len()..)?, count, amounts + 1)?;
        ordered.then_some(values)
    }

    /// A section that was checked.
    pub fn read(section: &'a [u8]) -> Option<Self> {
        let end = (word(section, 0)? as usize).checked_mul(8)?.checked_add(4)?;
        Some(Self { amounts: section.get(4..end)?, ids: Ids::read(section.get(end..)?)? })
    }

    /// The amount of a row, if it has one.
    pub fn get(&self, at: usize) -> Option<i64> {
        let id = self.ids.get(at);
        if id == 0 { None } else { self.amount(id as usize - 1) }
    }

    /// How many different amounts there are.
    pub fn len(&self) -> usize {
        self.amounts.len() / 8
    }

    /// Which of the different amounts a row has, the lowest as 0.
    pub fn rank(&self, at: usize) -> Option<usize> {
        (self.ids.get(at) as usize).checked_sub(1)
    }

    /// The different amounts, from the lowest on.
    pub fn amount(&self, at: usize) -> Option<i64> {
        long(self.amounts, at * 8).map(|bits| bits as i64)
    }
}

/// A table of texts: `count u32`, where each ends, then all of them.
#[derive(Clone, Copy)]
pub struct Strings<'a> {
    count: usize,
    ends: &'a [u8],
    text: &'a [u8],
}

impl<'a> Strings<'a> {
    /// No texts.
    pub const NONE: Self = Self { count: 0, ends: &[], text: &[] };

    /// The bytes of texts.
    pub fn write<S: AsRef<str>>(strings: &[S]) -> Vec<u8> {
        let mut bytes = (strings.len() as u32).to_le_bytes().to_vec();
        let mut end = 0_u32;
        for string in strings {
            end += string.as_ref().len() as u32;
            bytes.extend(end.to_le_bytes());
        }
        strings.iter().for_each(|string| bytes.extend(string.as_ref().as_bytes()));
        bytes
    }

    /// A section as texts.
    pub fn checked(section: &'a [u8]) -> Option<Self> {
        let strings = Self::read(section)?;
        let mut begin = 0;
        for at in 0..strings.count {
            let end = word(strings.ends, at * 4)? as usize;
            std::str::from_utf8(strings.text.get(begin..end)?).ok()?;
            begin = end;
        }
        (begin == strings.text.len()).then_some(strings)
    }

    /// A section that was checked.
    pub fn read(section: &'a [u8]) -> Option<Self> {
        let count = word(section, 0)? as usize;
        let begin = count.checked_mul(4)?.checked_add(4)?;
        Some(Self { count, ends: section.get(4..begin)?, text: section.get(begin..)? })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// A text; empty where there is none.
    pub fn get(&self, at: usize) -> &'a str {
        let begin = if at == 0 { Some(0) } else { word(self.ends, (at - 1) * 4) };
        let span = begin.zip(word(self.ends, at * 4));
        let text = span.and_then(|(begin, end)| self.text.get(begin as usize..end as usize));
        text.and_then(|text| std::str::from_utf8(text).ok()).unwrap_or("")
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        (0..self.count).map(move |at| self.get(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_read_as_written() {
        for ids in [vec![], vec![0, 0], vec![1, 0, 255], vec![256, 7], vec![70_000, 1]] {
            let bytes = Ids::write(&ids);
            let read = Ids::checked(&bytes, ids.len(), 70_001).expect("ids");
            assert_eq!((0..ids.len()).map(|at| read.get(at)).collect::<Vec<_>>(), ids);
            assert!(ids.is_empty() || Ids::checked(&bytes, ids.len(), ids[0] as usize).is_none());
        }
        let values = [Some(5), None, Some(i64::MAX), Some(-1), Some(5)];
        let bytes = Values::write(&values);
        let read = Values::checked(&bytes, 5).expect("values");
        assert_eq!((0..5).map(|at| read.get(at)).collect::<Vec<_>>(), values);
        assert!(Values::checked(&bytes, 6).is_none());
        let bytes = Strings::write(&["a", "", "é"]);
        let read = Strings::checked(&bytes).expect("texts");
        assert_eq!(read.iter().collect::<Vec<_>>(), ["a", "", "é"]);
        assert_eq!((read.len(), read.get(3)), (3, ""));
        assert!(Strings::checked(&bytes[..bytes.len() - 1]).is_none());
    }
}
