//! The bytes of an index: the same for the same products, pinned, and never a panic where they are damaged.

use std::fs;
use std::path::Path;

use catalog::index::{Index, build};
use catalog::index::{Unbuildable, Unreadable};
use catalog::product::{Availability, Choice, Draft, Product};
use catalog::query::{Query, Search as _};
use catalog::synonyms::Synonyms;

use crate::demo::{Numbers, bytes, demo, edition};

/// What the demo catalog may take.
const DEMO_BYTES_MAX: usize = 2_500_000;

/// Products that have something of everything.
fn some() -> Vec<Product> {
    let draft =
        |sku: &str, title: &str| Draft { sku: sku.to_owned(), title: title.to_owned(), ..Draft::default() };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    let drafts = [
        Draft {
            price_minor: Some(349),
            size: Some("1 gal".to_owned()),
            popularity: 90,
            category: names(&["Dairy", "Milk"]),
            ..draft("1001", "Whole Milk")
        },
        Draft {
            price_minor: Some(349),
            size: Some("1 gal".to_owned()),
            popularity: 40,
            category: names(&["Dairy", "Milk"]),
            ..draft("1002", "Whole Milk")
        },
        Draft {
            price_minor: Some(i64::from(u32::MAX) * 100),
            created_ms: Some(1_700_000_000_000),
            brand: Some("Crème & Co".to_owned()),
            ..draft("L-9", "Laptop 14 in")
        },
        Draft {
            options: vec![Choice { name: "Colour".to_owned(), value: "Rot".to_owned() }],
            manufacturer: Some("Näherei".to_owned()),
            description: Some("Baumwolle".to_owned()),
            price_minor: Some(1),
            ..draft("007", "T-Shirt")
        },
        Draft {
            availability: Availability::Stopped,
            price_minor: Some(5),
            manufacturer: Some("12".to_owned()),
            ..draft("4294967295", "Old Milk")
        },
        draft("x", "Unpriced"),
    ];
    drafts.into_iter().map(|draft| Product::check(draft).expect("a product")).collect()
}

fn some_bytes(products: &[Product]) -> Vec<u8> {
    build(products, &Synonyms::read("shirt, tee\nlaptop => notebook").expect("synonyms"), &edition())
        .expect("bytes")
}

/// Another build reads what this one has written: `UPDATE_GOLDEN=1` writes them anew, with a new format.
#[test]
fn the_bytes_are_the_golden_ones() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/index-1.hex");
    let lines = |bytes: &[u8]| {
        let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
        bytes.chunks(48).map(line).collect::<String>()
    };
    let hex = lines(&some_bytes(&some()));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, &hex).expect("written");
    }
    assert_eq!(hex, fs::read_to_string(&file).expect("golden bytes"));
}

#[test]
fn products_in_any_order_give_the_same_bytes() {
    let (mut products, mut numbers) = (some(), Numbers(3));
    let expected = some_bytes(&products);
    for _ in 0..20 {
        let (one, other) = (numbers.below(products.len()), numbers.below(products.len()));
        products.swap(one, other);
        assert_eq!(some_bytes(&products), expected);
    }
    let twice = [products.clone(), vec![products[0].clone()]].concat();
    let error = build(&twice, &Synonyms::default(), &edition());
    assert_eq!(error, Err(Unbuildable::DuplicateSku(products[0].sku().to_owned())));
}

#[test]
fn the_demo_catalog_is_small_and_the_same_each_time() {
    let (demo, mut turned) = (demo(), demo().products.clone());
    turned.reverse();
    let bytes = bytes(&turned);
    println!("index: {} products, {} texts, {} bytes", demo.index.len(), demo.index.texts(), bytes.len());
    assert_eq!(bytes.len(), demo.index.bytes_len());
    assert_eq!(demo.index.len(), 92_331);
    assert!(bytes.len() <= DEMO_BYTES_MAX, "{} bytes", bytes.len());
    let one = Index::open(bytes).expect("an index");
    let query = Query { text: "milk".to_owned(), facets: true, ..Query::default() };
    assert_eq!(one.search(&query), demo.index.search(&query));
}

#[test]
fn an_index_without_products_answers() {
    let empty = Index::open(build(&[], &Synonyms::default(), &edition()).expect("bytes")).expect("an index");
    for text in ["", "milk", "2%"] {
        let query = Query { text: text.to_owned(), facets: true, ..Query::default() };
        assert_eq!(empty.search(&query).expect("an answer").found, 0);
        assert!(empty.suggest(text, 5).products.is_empty());
    }
}

/// Whatever is done to the bytes: an error, or an index that answers.
#[test]
fn damaged_bytes_are_an_error_and_never_a_panic() {
    let whole = some_bytes(&some());
    let answers = |bytes: Vec<u8>| match Index::open(bytes) {
        Err(unreadable) => Err(unreadable),
        Ok(index) => {
            for text in ["milk", "milk 1 gal", "mlik", "shirt", "lap", "zzz", ""] {
                let query = Query { text: text.to_owned(), facets: true, ..Query::default() };
                let answer = index.search(&query).expect("an answer");
                answer
                    .next
                    .map(|next| index.search(&Query { cursor: Some(next), ..query }).expect("an answer"));
                index.suggest(text, 5);
            }
            Ok(())
        }
    };
    assert_eq!(answers(whole.clone()), Ok(()));
    for end in 0..whole.len() {
        assert!(answers(whole[..end].to_vec()).is_err(), "cut off at {end}");
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            let _either = answers(damaged);
        }
    }
    let mut numbers = Numbers(5);
    for _ in 0..5_000 {
        let mut damaged = whole.clone();
        for _ in 0..=numbers.below(8) {
            let at = numbers.below(damaged.len());
            damaged[at] = [0, 1, 0x7f, 0xff][numbers.below(4)];
        }
        let _either = answers(damaged);
    }
}

#[test]
fn other_formats_are_named() {
    let whole = some_bytes(&some());
    let of = |format: u16| {
        let mut bytes = whole.clone();
        bytes[4..6].copy_from_slice(&format.to_le_bytes());
        Index::open(bytes).err()
    };
    assert_eq!((of(1), of(2), of(0)), (None, Some(Unreadable::Newer(2)), Some(Unreadable::Older(0))));
    assert_eq!(Index::open(b"PK\x03\x04 and so on".to_vec()).err(), Some(Unreadable::Foreign));
    assert_eq!(Index::open(Vec::new()).err(), Some(Unreadable::Foreign));
}
