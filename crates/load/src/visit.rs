//! Shoppers: each has a cart of its own, with the service a session too, and asks for the same in every contender.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::task::JoinSet;

use crate::basket::{Basket, Line};
use crate::case::Contender;
use crate::drive::Script;
use crate::http::{Answer, Ask, Connection};
use crate::server::Server;

/// How many sessions are opened at a time.
const AT_ONCE: usize = 32;

/// A shopper.
#[derive(Clone, Debug)]
pub enum Visit {
    /// With the service: the session's token, and its cart.
    Session { token: String, cart: String },
    /// With a bare object: its name.
    Name(String),
}

impl Visit {
    /// Opens a session; a bare object has none.
    pub async fn open(contender: Contender, connection: &mut Connection) -> Result<Self, String> {
        static NAMES: AtomicUsize = AtomicUsize::new(0);
        if contender != Contender::Shop {
            return Ok(Self::Name(format!("cart-{}", NAMES.fetch_add(1, Ordering::Relaxed))));
        }
        let answer = connection.ask(&Ask::post("/v1/sessions", "{}").expecting(201)).await?;
        Ok(Self::Session { token: answer.text("token")?, cart: answer.text("cart_id")? })
    }

    /// Opens so many.
    pub async fn open_all(server: &Server, count: usize) -> Result<Vec<Self>, String> {
        let mut opening = JoinSet::new();
        for lane in 0..AT_ONCE {
            let (port, contender) = (server.port, server.contender);
            let count = (count + AT_ONCE - 1 - lane) / AT_ONCE;
            opening.spawn(async move {
                let mut connection = Connection::open(port).await?;
                let mut visits = Vec::new();
                for _ in 0..count {
                    visits.push(Self::open(contender, &mut connection).await?);
                }
                Ok::<_, String>(visits)
            });
        }
        let mut all = Vec::new();
        while let Some(opened) = opening.join_next().await {
            all.extend(opened.map_err(|error| error.to_string())??);
        }
        Ok(all)
    }

    /// The cart's path.
    pub fn path(&self) -> String {
        match self {
            Self::Session { .. } => "/v1/carts/current".to_owned(),
            Self::Name(name) => format!("/carts/{name}"),
        }
    }

    /// With what authorizes it.
    pub fn as_own(&self, ask: Ask) -> Ask {
        match self {
            Self::Session { token, .. } => ask.with("Authorization", format!("Bearer {token}")),
            Self::Name(_) => ask,
        }
    }

    /// An add of a product, with an idempotency key as a careful client sends it.
    pub fn add(&self, line: &Line) -> Ask {
        static KEYS: AtomicUsize = AtomicUsize::new(0);
        let body = json!({ "sku": line.sku, "quantity": line.quantity }).to_string();
        let key = format!("key-{}", KEYS.fetch_add(1, Ordering::Relaxed));
        self.as_own(Ask::post(format!("{}/lines", self.path()), body)).with("Idempotency-Key", key)
    }

    /// A read of the cart.
    pub fn read(&self) -> Ask {
        self.as_own(Ask::get(self.path()))
    }

    /// Reads the cart, where nothing is new.
    pub fn read_again(&self, tag: &str) -> Ask {
        self.read().with("If-None-Match", tag).expecting(304)
    }

    /// The body of many commands at once: adds of lines.
    pub fn add_all(&self, lines: &[Line]) -> Ask {
        let add = |line: &Line| json!({ "op": "add", "sku": line.sku, "quantity": line.quantity });
        let commands: Vec<_> = lines.iter().map(add).collect();
        let body = json!({ "commands": commands }).to_string();
        self.as_own(Ask::post(format!("{}/commands", self.path()), body))
    }
}

/// Sessions that wait to be played, each with its basket.
pub type Trips = Arc<Mutex<VecDeque<(Visit, Basket)>>>;

/// Adds one household's basket after the other, product by product.
pub struct Shopping {
    trips: Trips,
    present: Option<(Visit, VecDeque<Line>)>,
}

impl Shopping {
    /// For so many connections at once: sessions of a contender with baskets for at least so many adds, whichever
    /// connection takes them. The baskets come from `baskets`, and go on where the last ones ended.
    pub async fn prepare(
        server: &Server,
        baskets: &mut impl Iterator<Item = Basket>,
        adds: usize,
        connections: usize,
    ) -> Result<Vec<Self>, String> {
        let chosen = enough(baskets, adds, connections)?;
        let visits = Visit::open_all(server, chosen.len()).await?;
        let trips: Trips = Arc::new(Mutex::new(visits.into_iter().zip(chosen).collect()));
        Ok((0..connections).map(|_| Self { trips: Arc::clone(&trips), present: None }).collect())
    }
}

/// Baskets for so many adds, whoever takes them: each connection may be left with a basket that it has hardly begun, at
/// worst the largest ones.
fn enough(
    baskets: &mut impl Iterator<Item = Basket>,
    adds: usize,
    connections: usize,
) -> Result<Vec<Basket>, String> {
    let (mut chosen, mut rows) = (Vec::<Basket>::new(), 0);
    // From the largest down.
    let mut sizes: Vec<usize> = Vec::new();
    while rows < adds + sizes.iter().take(connections).sum::<usize>() {
        let basket = baskets.next().ok_or("there are no more baskets")?;
        let size = basket.rows.len();
        sizes.insert(sizes.partition_point(|there| *there > size), size);
        rows += size;
        chosen.push(basket);
    }
    Ok(chosen)
}

impl Script for Shopping {
    fn next(&mut self) -> Ask {
        loop {
            if let Some((visit, rows)) = &mut self.present
                && let Some(line) = rows.pop_front()
            {
                return visit.add(&line);
            }
            let next = self.trips.lock().expect("no lane panics").pop_front();
            let (visit, basket) = next.expect("trips for all adds");
            self.present = Some((visit, basket.rows.into()));
        }
    }
}

/// Reads a cart in which nothing is new, again and again.
pub struct Rereading {
    visit: Visit,
    tag: String,
}

impl Rereading {
    /// Carts with a basket in each.
    pub async fn prepare(
        server: &Server,
        baskets: &mut impl Iterator<Item = Basket>,
        connections: usize,
    ) -> Result<Vec<Self>, String> {
        let mut all = Vec::new();
        let mut connection = Connection::open(server.port).await?;
        for visit in Visit::open_all(server, connections).await? {
            let Some(basket) = baskets.next() else { return Err("there are no more baskets".to_owned()) };
            for line in &basket.rows {
                connection.ask(&visit.add(line)).await?;
            }
            let tag = connection.ask(&visit.read()).await?.header("etag").to_owned();
            all.push(Self { visit, tag });
        }
        Ok(all)
    }
}

impl Script for Rereading {
    fn next(&mut self) -> Ask {
        self.visit.read_again(&self.tag)
    }
}

/// Asks whether it lives.
pub struct Healthz;

impl Script for Healthz {
    fn next(&mut self) -> Ask {
        Ask::get("/healthz")
    }
}

/// The tag of an answer that shows the cart, if it has one.
pub fn tag(answer: &Answer) -> Option<String> {
    Some(answer.header("etag")).filter(|tag| !tag.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One connection holds on to the largest baskets while the other makes all adds.
    #[test]
    fn there_are_enough_baskets_whoever_takes_them() {
        let basket = |rows| Basket { rows: vec![Line { sku: "10".to_owned(), quantity: 1 }; rows] };
        let mut baskets = [1, 50, 2, 3].into_iter().cycle().map(basket);
        let mut sizes: Vec<usize> =
            enough(&mut baskets, 100, 2).expect("baskets").iter().map(|basket| basket.rows.len()).collect();
        sizes.sort_unstable();
        let held: usize = sizes.iter().rev().take(2).sum();
        assert!(sizes.iter().sum::<usize>() - held >= 100, "{sizes:?}");
        assert!(enough(&mut std::iter::once(basket(3)), 100, 2).is_err());
    }
}
