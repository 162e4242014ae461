//! Where a page ended: version, how many hits were before, the sort key and the SKU of the last one, and a digest of the
//! query. The key says itself where the next page begins, so that it holds in the next version too. As text, base64
//! for addresses; nothing in it is secret, and what is forged gets a page of some other place.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use unsigned_varint::{decode, encode};

use super::Query;
use crate::index::Edition;
use crate::reject::Reject;

/// The most characters of a cursor.
const CURSOR_LENGTH_MAX: usize = 200;

/// Where in the order of hits one is: what cannot be sold last, then by two numbers, the lower first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key {
    pub cannot: bool,
    pub first: i64,
    pub second: i64,
}

/// The end of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct After {
    pub seen: usize,
    pub key: Key,
    pub sku: String,
}

/// A cursor's text.
pub fn write(after: &After, query: &Query, version: u64) -> String {
    let mut bytes = Vec::new();
    let mut put = |number: u64| bytes.extend_from_slice(encode::u64(number, &mut encode::u64_buffer()));
    put(version);
    put(digest(query));
    put(after.seen as u64);
    put(u64::from(after.key.cannot));
    put(zigzag(after.key.first));
    put(zigzag(after.key.second));
    bytes.extend(after.sku.as_bytes());
    Base64UrlUnpadded::encode_string(&bytes)
}

/// Where the page after a cursor begins.
pub fn read(text: &str, query: &Query, edition: &Edition) -> Result<After, Reject> {
    let bytes = Some(text).filter(|text| text.len() <= CURSOR_LENGTH_MAX);
    let bytes =
        bytes.and_then(|text| Base64UrlUnpadded::decode_vec(text).ok()).ok_or(Reject::CursorInvalid)?;
    let mut rest = &bytes[..];
    let mut take = || {
        let (number, after) = decode::u64(rest).map_err(|_| Reject::CursorInvalid)?;
        rest = after;
        Ok(number)
    };
    let (version, of, seen) = (take()?, take()?, take()?);
    let (cannot, first, second) = (take()?, take()?, take()?);
    let sku = String::from_utf8(rest.to_vec()).map_err(|_| Reject::CursorInvalid)?;
    if of != digest(query) || cannot > 1 {
        return Err(Reject::CursorInvalid);
    }
    if version != edition.version && Some(version) != edition.before {
        return Err(Reject::CursorExpired);
    }
    let key = Key { cannot: cannot == 1, first: unzigzag(first), second: unzigzag(second) };
    let seen = usize::try_from(seen).map_err(|_| Reject::CursorInvalid)?;
    Ok(After { seen, key, sku })
}

/// Of all that decides the order and the hits (FNV-1a): the same in every build.
fn digest(query: &Query) -> u64 {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut mix = |bytes: &[u8]| {
        for byte in (bytes.len() as u64).to_le_bytes().iter().chain(bytes) {
            digest = (digest ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    };
    mix(query.text.as_bytes());
    let filters = &query.filters;
    for list in [&filters.departments, &filters.categories, &filters.brands, &filters.manufacturers] {
        mix(&(list.len() as u64).to_le_bytes());
        list.iter().for_each(|value| mix(value.as_bytes()));
    }
    for band in &filters.prices {
        mix(&band.start.to_le_bytes());
        mix(&band.end.to_le_bytes());
    }
    mix(&[u8::from(filters.in_stock), query.sort as u8, u8::from(query.collapse)]);
    // A varint of a whole digest is a byte longer than it is worth.
    digest >> 1
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::super::Sort;
    use super::*;

    fn edition(version: u64, before: Option<u64>) -> Edition {
        Edition { version, before, currency: "USD".to_owned(), digits: 2 }
    }

    #[test]
    fn a_cursor_is_good_for_its_query_in_its_version_and_the_next() {
        let query = Query { text: "milk".to_owned(), ..Query::default() };
        for key in [(false, 0, 0), (true, i64::MIN, i64::MAX), (false, -1, 1)] {
            let key = Key { cannot: key.0, first: key.1, second: key.2 };
            let after = After { seen: 24, key, sku: "A-1".to_owned() };
            let text = write(&after, &query, 7);
            assert_eq!(read(&text, &query, &edition(7, None)), Ok(after.clone()));
            assert_eq!(read(&text, &query, &edition(9, Some(7))), Ok(after));
            assert_eq!(read(&text, &query, &edition(9, Some(8))), Err(Reject::CursorExpired));
            let other = Query { sort: Sort::PriceUp, ..query.clone() };
            assert_eq!(read(&text, &other, &edition(7, None)), Err(Reject::CursorInvalid));
            let other = Query { text: "mil".to_owned(), ..query.clone() };
            assert_eq!(read(&text, &other, &edition(7, None)), Err(Reject::CursorInvalid));
        }
    }

    #[test]
    fn anything_else_is_no_cursor() {
        for text in ["", "!", "AAAA", "AAAAAAAAAAAAAAAAAAAA", &"A".repeat(500)] {
            assert!(read(text, &Query::default(), &edition(7, None)).is_err(), "{text}");
        }
    }
}
