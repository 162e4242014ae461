//! The households' baskets of `data/baskets.csv.gz`, in the order of time, and the catalog's products.
//! The rows are dirty as they came; what is wrong with one is said here, and what must be answered to it.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use cart_core::limits::Limits;
use flate2::read::GzDecoder;

/// What a household bought at once.
pub struct Basket {
    pub name: String,
    pub rows: Vec<Row>,
}

/// So many of a product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub sku: String,
    pub quantity: i64,
    /// Whether the catalog has the product.
    pub known: bool,
}

/// Reads the first baskets, all if `count` is `None`.
pub fn read(data: &Path, count: Option<usize>) -> Result<Vec<Basket>, String> {
    let known: HashSet<String> =
        lines(&data.join("products.csv.gz"))?.iter().map(|line| field(line, 0).to_owned()).collect();
    let mut baskets: Vec<Basket> = Vec::new();
    for line in lines(&data.join("baskets.csv.gz"))? {
        let (name, sku) = (field(&line, 3), field(&line, 4));
        let quantity = field(&line, 5).parse().map_err(|_| format!("no quantity in {line:?}"))?;
        if baskets.last().is_none_or(|last| last.name != name) {
            if count.is_some_and(|count| baskets.len() == count) {
                break;
            }
            baskets.push(Basket { name: name.to_owned(), rows: Vec::new() });
        }
        let row = Row { sku: sku.to_owned(), quantity, known: known.contains(sku) };
        baskets.last_mut().expect("just pushed").rows.push(row);
    }
    Ok(baskets)
}

impl Row {
    /// Whether its quantity is none that a line can have: 0, or fuel by the millilitre.
    pub fn is_dirty(&self) -> bool {
        !(1..=i64::from(Limits::default().line_quantity_max)).contains(&self.quantity)
    }

    /// The code with which an add of it over plain HTTP must be refused, if it must.
    pub fn refusal(&self) -> Option<&'static str> {
        if self.is_dirty() { Some("invalid_field") } else { (!self.known).then_some("unknown_sku") }
    }
}

/// The lines below the head. No field of what is read here is quoted.
fn lines(path: &Path) -> Result<Vec<String>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(failed)?;
    BufReader::new(GzDecoder::new(file)).lines().skip(1).collect::<Result<_, _>>().map_err(failed)
}

fn field(line: &str, at: usize) -> &str {
    line.split(',').nth(at).unwrap_or_default()
}
