//! The demo catalog, `data/products.csv.gz`, as rows of the table `products`.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use ::catalog::demo::{Source, title};
use flate2::read::GzDecoder;

use crate::failure::Failure;
use crate::tree::Tree;

/// Where it is in the project.
pub const FILE: &str = "data/products.csv.gz";

/// What is sold: a row, and the title that it has here.
pub struct Product {
    pub title: String,
    pub source: Source,
}

/// All that is sold, in the order of the file.
pub fn products(file: &Path) -> Result<Vec<Product>, Failure> {
    let opened = File::open(file).map_err(|error| Tree::lacks(file, &error))?;
    let rows = read(GzDecoder::new(BufReader::new(opened)));
    rows.map_err(|error| {
        Failure::here(format!("{}: {error}", file.display())).next("data/README.md says what its columns are")
    })
}

fn read(text: impl Read) -> Result<Vec<Product>, csv::Error> {
    let rows = csv::Reader::from_reader(text).into_deserialize();
    rows.map(|row| row.map(|source| Product { title: title::of(&source), source })).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Rows of the source that are hard: each says something that others do not.
    pub const HARD: &str = include_str!("hard/products.csv");

    pub fn hard() -> Vec<Product> {
        read(HARD.as_bytes()).expect("rows")
    }

    #[test]
    fn a_row_says_where_it_is_wrong() {
        let header = HARD.lines().next().expect("a header");
        let wrong = format!("{header}\n1,2,GROCERY,National,,,,\n3,x,GROCERY,National,,,,\n");
        let error = read(wrong.as_bytes()).err().expect("refused").to_string();
        assert!(error.contains("line: 3"), "{error}");
        assert!(read("product_id\n1\n".as_bytes()).is_err(), "a column is missing");
    }
}
