//! The households' baskets of `data/baskets.csv.gz`, in the order of time, and the catalog's products.
//! The rows are dirty as they came; what is wrong with one is said here, and what must be answered to it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use cart_core::limits::Limits;
use flate2::read::GzDecoder;

use crate::way::REGIONS;

/// The most baskets in one cart that travels.
const TRIPS_MAX: usize = 10;

/// What is played with one cart: a household's basket, or, where carts travel, some of its baskets on end.
pub struct Basket {
    pub name: String,
    pub trips: Vec<Trip>,
}

/// What a household bought at once, in one store.
pub struct Trip {
    /// The region of the store.
    pub region: usize,
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

/// Reads the first baskets, all if `count` is `None`, each for a cart of its own.
pub fn read(data: &Path, count: Option<usize>) -> Result<Vec<Basket>, String> {
    let bought = read_bought(data, count)?;
    Ok(bought.into_iter().map(|Bought { name, trip, .. }| Basket { name, trips: vec![trip] }).collect())
}

/// Reads about so many baskets, all if `count` is `None`, household by household: some baskets of a household
/// on end are one cart, which comes to the regions of their stores.
pub fn read_travelling(data: &Path, count: Option<usize>) -> Result<Vec<Basket>, String> {
    let mut households: BTreeMap<usize, Vec<Bought>> = BTreeMap::new();
    let mut order: HashMap<String, usize> = HashMap::new();
    for bought in read_bought(data, None)? {
        let next = order.len();
        let place = *order.entry(bought.household.clone()).or_insert(next);
        households.entry(place).or_default().push(bought);
    }
    let (mut carts, mut baskets) = (Vec::new(), 0);
    for bought in households.into_values() {
        let mut bought = bought.into_iter().peekable();
        while let Some(first) = bought.peek() {
            if count.is_some_and(|count| baskets >= count) {
                return Ok(carts);
            }
            let name = first.name.clone();
            let trips: Vec<Trip> = bought.by_ref().take(TRIPS_MAX).map(|bought| bought.trip).collect();
            baskets += trips.len();
            carts.push(Basket { name, trips });
        }
    }
    Ok(carts)
}

/// A basket as it stands in the data.
struct Bought {
    name: String,
    household: String,
    trip: Trip,
}

fn read_bought(data: &Path, count: Option<usize>) -> Result<Vec<Bought>, String> {
    let known: HashSet<String> =
        lines(&data.join("products.csv.gz"))?.iter().map(|line| field(line, 0).to_owned()).collect();
    let mut all: Vec<Bought> = Vec::new();
    for line in lines(&data.join("baskets.csv.gz"))? {
        let (name, sku) = (field(&line, 3), field(&line, 4));
        let number = |at| field(&line, at).parse::<i64>().map_err(|_| format!("no number in {line:?}"));
        if all.last().is_none_or(|last| last.name != name) {
            if count.is_some_and(|count| all.len() == count) {
                break;
            }
            let trip = Trip { region: region_of(number(2)?.unsigned_abs()), rows: Vec::new() };
            all.push(Bought { name: name.to_owned(), household: field(&line, 1).to_owned(), trip });
        }
        let row = Row { sku: sku.to_owned(), quantity: number(5)?, known: known.contains(sku) };
        all.last_mut().expect("just pushed").trip.rows.push(row);
    }
    Ok(all)
}

/// The region of a store: always the same, and of all stores about as many in each.
fn region_of(store: u64) -> usize {
    let mixed = store.wrapping_mul(2_654_435_761) % (1 << 32) >> 16;
    (mixed % REGIONS.len() as u64) as usize
}

impl Basket {
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.trips.iter().flat_map(|trip| &trip.rows)
    }
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
