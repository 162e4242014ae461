//! The demo catalog and its index, made once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::OnceLock;

use catalog::demo::{SYNONYMS, Source};
use catalog::index::{Edition, Index, build};
use catalog::product::Product;
use catalog::query::{Answer, Query, Search as _};
use catalog::synonyms::Synonyms;
use flate2::read::GzDecoder;

/// The rows, the products that they are, and the index of these.
pub struct Demo {
    pub sources: BTreeMap<String, Source>,
    pub products: Vec<Product>,
    pub index: Index,
}

pub fn demo() -> &'static Demo {
    static DEMO: OnceLock<Demo> = OnceLock::new();
    DEMO.get_or_init(|| {
        let sold = sold();
        let sources: Vec<Source> = rows("products.csv.gz");
        let popularity = |source: &Source| sold.get(&source.product_id).copied().unwrap_or(0);
        let product = |source: &Source| source.product(popularity(source)).expect("a product");
        let products: Vec<Product> = sources.iter().map(product).collect();
        let index = Index::open(bytes(&products)).expect("an index");
        let sources = sources.into_iter().map(|source| (source.product_id.clone(), source)).collect();
        Demo { sources, products, index }
    })
}

pub fn edition() -> Edition {
    Edition { version: 2, before: Some(1), currency: "USD".to_owned(), digits: 2 }
}

pub fn bytes(products: &[Product]) -> Vec<u8> {
    build(products, &Synonyms::read(SYNONYMS).expect("synonyms"), &edition()).expect("bytes")
}

pub fn ask(text: &str) -> Answer {
    demo().index.search(&Query { text: text.to_owned(), limit: 10, ..Query::default() }).expect("an answer")
}

/// The product types of the first hits.
pub fn types(answer: &Answer) -> Vec<&'static str> {
    answer.hits.iter().map(|hit| demo().sources[&hit.sku].product_type.as_str()).collect()
}

/// How many baskets have a product.
fn sold() -> BTreeMap<String, u64> {
    #[derive(serde::Deserialize)]
    struct Line {
        product_id: String,
    }
    let mut sold = BTreeMap::new();
    for line in rows::<Line>("baskets.csv.gz") {
        *sold.entry(line.product_id).or_default() += 1;
    }
    sold
}

fn rows<T: serde::de::DeserializeOwned>(file: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data").join(file);
    let file = BufReader::new(File::open(path).expect("the data"));
    csv::Reader::from_reader(GzDecoder::new(file)).into_deserialize().map(|row| row.expect("a row")).collect()
}

/// Numbers that are the same in each run (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}
