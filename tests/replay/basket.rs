//! The households' baskets of `data/baskets.csv.gz`, in the order of time, and the catalog's products.
//! The rows are dirty as they came; what is wrong with one is said here, and what must be answered to it.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use cart_core::limits::Limits;
use fastrand::Rng;
use flate2::read::GzDecoder;

use crate::way::REGIONS;

/// The most baskets in one cart that travels.
const TRIPS_MAX: usize = 10;

/// What is played with one cart: a household's basket, or, where carts travel, some of its baskets on end.
#[derive(Clone)]
pub struct Basket {
    pub name: String,
    pub trips: Vec<Trip>,
}

/// What a household bought at once, in one store.
#[derive(Clone)]
pub struct Trip {
    /// The region of the store, by its number.
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
/// on end are one cart, which comes to the regions of their stores. Which households is by the seed: the first
/// ones in the data are those that come every day, mostly to one store.
pub fn read_travelling(data: &Path, count: Option<usize>, seed: u64) -> Result<Vec<Basket>, String> {
    let mut order: HashMap<String, usize> = HashMap::new();
    let mut households: Vec<Household> = Vec::new();
    for bought in read_bought(data, None)? {
        let next = order.len();
        let place = *order.entry(bought.household.clone()).or_insert(next);
        if place == next {
            households.push(Household::default());
        }
        households[place].take(bought, place);
    }
    Rng::with_seed(seed).shuffle(&mut households);
    let (mut carts, mut baskets) = (Vec::new(), 0);
    for household in households {
        let mut bought = household.bought.into_iter().peekable();
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
    store: String,
    trip: Trip,
}

/// A household's baskets, and its stores in the order in which it came to them.
#[derive(Default)]
struct Household {
    bought: Vec<Bought>,
    stores: Vec<String>,
}

impl Household {
    /// Its first store is in a region that changes from household to household, the next store in the next.
    fn take(&mut self, mut bought: Bought, number: usize) {
        let known = self.stores.iter().position(|store| *store == bought.store);
        let store = known.unwrap_or(self.stores.len());
        if known.is_none() {
            self.stores.push(bought.store.clone());
        }
        bought.trip.region = (number + store) % REGIONS.len();
        self.bought.push(bought);
    }
}

fn read_bought(data: &Path, count: Option<usize>) -> Result<Vec<Bought>, String> {
    let known: HashSet<String> =
        lines(&data.join("products.csv.gz"))?.iter().map(|line| field(line, 0).to_owned()).collect();
    let mut all: Vec<Bought> = Vec::new();
    for line in lines(&data.join("baskets.csv.gz"))? {
        let (name, sku) = (field(&line, 3), field(&line, 4));
        let quantity = field(&line, 5).parse().map_err(|_| format!("no quantity in {line:?}"))?;
        if all.last().is_none_or(|last| last.name != name) {
            if count.is_some_and(|count| all.len() == count) {
                break;
            }
            let [household, store] = [1, 2].map(|at| field(&line, at).to_owned());
            let trip = Trip { region: 0, rows: Vec::new() };
            all.push(Bought { name: name.to_owned(), household, store, trip });
        }
        let row = Row { sku: sku.to_owned(), quantity, known: known.contains(sku) };
        all.last_mut().expect("just pushed").trip.rows.push(row);
    }
    Ok(all)
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
