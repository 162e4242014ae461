//! Real households' baskets, which give the sessions their shape: how many products, which, and how many of each.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use cart_core::limits::Limits;
use flate2::read::GzDecoder;

/// What one household bought at once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Basket {
    pub rows: Vec<Line>,
}

/// So many of a product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub sku: String,
    pub quantity: u32,
}

/// All baskets of `data/`, with the rows that a cart takes: products of the catalog, in quantities that a line can have.
/// What shops do with the others, `make replay` shows.
pub fn read(data: &Path) -> Result<Vec<Basket>, String> {
    let products = lines(&data.join("products.csv.gz"))?;
    let known: HashSet<&str> = products.iter().map(|line| field(line, 0)).collect();
    Ok(of_rows(&lines(&data.join("baskets.csv.gz"))?, &known))
}

fn of_rows(rows: &[String], known: &HashSet<&str>) -> Vec<Basket> {
    let most = Limits::default().line_quantity_max;
    let mut all: Vec<Basket> = Vec::new();
    let mut last = "";
    for row in rows {
        let (name, sku) = (field(row, 3), field(row, 4));
        if name != last {
            all.push(Basket::default());
            last = name;
        }
        let quantity = field(row, 5).parse().unwrap_or(0);
        if (1..=most).contains(&quantity)
            && known.contains(sku)
            && let Some(basket) = all.last_mut()
        {
            basket.rows.push(Line { sku: sku.to_owned(), quantity });
        }
    }
    all.retain(|basket| !basket.rows.is_empty());
    all
}

impl Basket {
    /// How many lines a cart of it has: a product that was scanned twice has one.
    pub fn line_count(&self) -> usize {
        self.rows.iter().map(|line| line.sku.as_str()).collect::<HashSet<_>>().len()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_no_cart_takes_are_left_out() {
        let rows = ["t,1,1,a,10,2,5", "t,1,1,a,11,0,5", "t,1,1,a,12,1,5", "t,1,1,b,99,1,5", "t,1,1,c,10,1,5"];
        let rows = rows.map(str::to_owned);
        let baskets = of_rows(&rows, &HashSet::from(["10", "11", "12"]));
        let line = |sku: &str, quantity| Line { sku: sku.to_owned(), quantity };
        assert_eq!(
            baskets,
            [Basket { rows: vec![line("10", 2), line("12", 1)] }, Basket { rows: vec![line("10", 1)] }]
        );
    }

    #[test]
    fn the_largest_basket_of_the_data_has_153_lines() {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
        let baskets = read(&data).expect("the data");
        assert_eq!(baskets.iter().map(Basket::line_count).max(), Some(153));
    }
}
