//! In which texts a term is, and in which of their fields: `(distance from the text before) varint, fields u8`, in order
//! of texts.

/// Where of a text a word stands, as a bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Field {
    /// The title, the size, or what tells a variant.
    Title = 1,
    /// A category or department.
    Category = 2,
    /// The brand, or the manufacturer's name.
    Maker = 4,
    /// The description.
    Description = 8,
}

/// A text that has a term.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Posting {
    /// Which text.
    pub text: u32,
    /// In which fields: bits of [`Field`].
    pub fields: u8,
}

impl Posting {
    /// Whether the term is in a field.
    pub fn is_in(self, field: Field) -> bool {
        self.fields & field as u8 != 0
    }
}

/// The postings of a term, in order of texts.
#[derive(Clone, Copy)]
pub struct Postings<'a> {
    rest: &'a [u8],
    before: u32,
}

impl<'a> Postings<'a> {
    /// Of bytes that were written as such.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, before: 0 }
    }

    /// The bytes of postings, which are in order.
    pub fn write(postings: &[Posting], into: &mut Vec<u8>) {
        let mut before = 0;
        for posting in postings {
            let mut buffer = unsigned_varint::encode::u32_buffer();
            into.extend(unsigned_varint::encode::u32(posting.text - before, &mut buffer));
            into.push(posting.fields);
            before = posting.text;
        }
    }

    /// Whether all of the bytes are postings, of so many texts, in order.
    pub fn check(mut self, texts: usize) -> Option<()> {
        let mut before = None;
        while !self.rest.is_empty() {
            let posting = self.next()?;
            let in_order =
                before.is_none_or(|before| before < posting.text) && (posting.text as usize) < texts;
            (in_order && (1..16).contains(&posting.fields)).then_some(())?;
            before = Some(posting.text);
        }
        Some(())
    }
}

impl Iterator for Postings<'_> {
    type Item = Posting;

    fn next(&mut self) -> Option<Posting> {
        let (distance, rest) = unsigned_varint::decode::u32(self.rest).ok()?;
        let (fields, rest) = rest.split_first()?;
        self.rest = rest;
        self.before = self.before.checked_add(distance)?;
        Some(Posting { text: self.before, fields: *fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postings_read_as_written_and_only_in_order() {
        let all: Vec<Posting> = [(0, 1), (1, 15), (300, 2), (u32::MAX - 1, 8)]
            .map(|(text, fields)| Posting { text, fields })
            .into();
        let mut bytes = Vec::new();
        Postings::write(&all, &mut bytes);
        assert_eq!(Postings::new(&bytes).collect::<Vec<_>>(), all);
        assert!(Postings::new(&bytes).check(u32::MAX as usize).is_some());
        assert!(Postings::new(&bytes).check(300).is_none(), "a text that is not there");
        assert!(Postings::new(&bytes[..bytes.len() - 1]).check(u32::MAX as usize).is_none(), "cut off");
        assert!(Postings::new(&[1, 1, 0, 1]).check(9).is_none(), "the same text twice");
        assert!(Postings::new(&[1, 16]).check(9).is_none(), "a field that is none");
    }
}
