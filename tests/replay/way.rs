//! Where a device's calls go, and the token they go with: to the one shop there is, or to that of the region
//! where its shopper is. Who comes to another region brings the token of the one before; that is renewed there,
//! and names the new one from then on.

use std::sync::{Arc, Mutex};

use cart_core::session::Session as Token;
use harness::{Answer, Counts, Link, Regions, Session, Shop};
use reqwest::Method;
use serde_json::{Value, json};

use crate::rows::RowsOf;

/// The regions in use, in the order of `REGIONS`.
pub const REGIONS: [&str; 3] = ["enam", "weur", "apac"];

/// The shops: one, or one a region in the order of [`REGIONS`], with the links between them.
#[derive(Clone)]
pub struct Shops {
    shops: Arc<[Shop]>,
    links: Arc<[Arc<Link>]>,
}

impl Shops {
    pub fn one(shop: Shop) -> Self {
        Self { shops: [shop].into(), links: [].into() }
    }

    pub fn of(regions: &Regions) -> Self {
        let shops = REGIONS.iter().map(|name| regions.shop(name)).collect();
        Self { shops, links: regions.links().map(|(_, _, link)| link.clone()).collect() }
    }

    pub fn are_regions(&self) -> bool {
        self.shops.len() > 1
    }

    pub fn at(&self, region: usize) -> &Shop {
        &self.shops[region.min(self.shops.len() - 1)]
    }

    /// What went over all links about a cart.
    pub fn frames_of(&self, cart_id: &str) -> Counts {
        self.links.iter().map(|link| link.counts_of(cart_id)).fold(Counts::default(), Counts::plus)
    }
}

/// A device's way to the service.
pub struct Way {
    shops: Shops,
    at: usize,
    session: Mutex<Session>,
    /// Rows of the cart's objects, which all devices of a basket count together.
    rows: Arc<RowsOf>,
    travels: Mutex<Travels>,
}

/// What became of a device's journeys.
#[derive(Clone, Copy, Default, Debug)]
pub struct Travels {
    /// Times that it came to another region.
    pub arrivals: u64,
    /// Of them, those with a token renewed by POST.
    pub renewals: u64,
    /// Edits that were sent again in the region it came to.
    pub retries: u64,
    /// Answers that came from another region than that where the device was.
    pub elsewhere: u64,
    /// Answers that said that they might be behind what the session had been shown.
    pub partial: u64,
    /// Answers of the device's region that left its token with another, and were not partial.
    pub unmoved: u64,
}

impl Travels {
    pub fn join(&mut self, more: Self) {
        self.arrivals += more.arrivals;
        self.renewals += more.renewals;
        self.retries += more.retries;
        self.elsewhere += more.elsewhere;
        self.partial += more.partial;
        self.unmoved += more.unmoved;
    }
}

impl Way {
    pub fn new(shops: Shops, session: Session, rows: Arc<RowsOf>, at: usize) -> Self {
        Self { shops, at, session: Mutex::new(session), rows, travels: Mutex::default() }
    }

    pub fn shop(&self) -> &Shop {
        self.shops.at(self.at)
    }

    pub fn are_regions(&self) -> bool {
        self.shops.are_regions()
    }

    /// The session with the token that the device has now.
    pub fn session(&self) -> Session {
        self.session.lock().expect("the session").clone()
    }

    /// What that token says.
    pub fn token(&self) -> Token {
        self.session().said()
    }

    /// Goes to a region. Whether it is another.
    pub fn go(&mut self, region: usize) -> bool {
        let other = self.are_regions() && self.at != region;
        self.at = region;
        self.note(|travels| travels.arrivals += u64::from(other));
        other
    }

    /// What has become of the device's journeys.
    pub fn travels(&self) -> Travels {
        *self.travels.lock().expect("the travels")
    }

    pub fn note(&self, note: impl FnOnce(&mut Travels)) {
        note(&mut self.travels.lock().expect("the travels"));
    }

    /// Renews the token, as who has been idle for long must.
    pub async fn renew(&mut self) -> Result<(), String> {
        let call = self.shop().call(&self.session(), Method::POST, "/v1/sessions/renew").json(&json!({}));
        let answer = Answer::try_of(call).await.map_err(|error| format!("no renewal: {error}"))?;
        let body: Value = serde_json::from_slice(&answer.bytes).unwrap_or_default();
        let token = body["token"].as_str().ok_or_else(|| format!("no renewal: {}", answer.text()))?;
        self.session.lock().expect("the session").token = token.to_owned();
        self.note(|travels| travels.renewals += 1);
        Ok(())
    }

    /// Takes in a token that came with an answer, and what the object says that it has cost.
    pub fn learn(&self, answer: &Answer) {
        let token = answer.header("evercart-token");
        let mut session = self.session.lock().expect("the session");
        // Of answers that overtake each other the token that was issued last stays.
        if !token.is_empty() {
            let renewed = Session { token: token.to_owned(), ..session.clone() };
            if renewed.said().issued >= session.said().issued {
                *session = renewed;
            }
        }
        self.rows.hear(answer);
        if self.are_regions() {
            let here = REGIONS[self.at];
            let elsewhere = answer.header("evercart-region") != here;
            let partial = !elsewhere && is_partial(answer);
            let unmoved = answer.status.is_success() && !elsewhere && !partial;
            let unmoved = unmoved && session.said().region.name() != here;
            if elsewhere || partial || unmoved {
                self.rows.shake();
            }
            self.note(|travels| {
                travels.elsewhere += u64::from(elsewhere);
                travels.partial += u64::from(partial);
                travels.unmoved += u64::from(unmoved);
            });
        }
    }
}

fn is_partial(answer: &Answer) -> bool {
    let body: Value = serde_json::from_slice(&answer.bytes).unwrap_or_default();
    body["partial"] == true
}
