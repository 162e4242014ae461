//! What each holder of a cart has of it, once all is quiet, replicas and stores: the bytes must be the same
//! everywhere. Nobody is made to ask another by looking: each region is asked with a token that names it.

use std::time::{Duration, Instant};

use cart_core::cart::Cart;
use cart_core::id::{CartId, Region};
use cart_core::wire::Version;
use data_encoding::BASE64_NOPAD;
use harness::{Counts, Operator, stores_of};

use crate::call::Call;
use crate::play::World;
use crate::rows::Rows;
use crate::shown::Shown;
use crate::way::{REGIONS, Way};

/// Nothing may change for so long: longer than a replica waits with anything but an hourly question.
const QUIET: Duration = Duration::from_secs(6);
/// How often it is looked at: an object that is not asked for ten seconds sleeps, and forgets what it counted.
const LOOK_EVERY: Duration = Duration::from_millis(1_500);
/// The same until all have been found equal.
const LOOK_FIRST: Duration = Duration::from_millis(100);
/// How long it may take: a region that was missed is told again after a minute at most.
const QUIET_MAX: Duration = Duration::from_secs(180);

/// What a holder has.
#[derive(Clone, PartialEq, Eq)]
pub struct Copy {
    pub holder: String,
    /// The state's canonical bytes.
    pub state: Vec<u8>,
}

impl Copy {
    /// Whether it is a replica's.
    pub fn is_replica(&self) -> bool {
        self.holder.starts_with("replica")
    }

    /// The number of its region.
    pub fn region(&self) -> usize {
        REGIONS.iter().position(|name| self.holder.ends_with(name)).unwrap_or_default()
    }

    /// What it shows, for a report of a difference.
    pub fn told(&self) -> String {
        match Cart::from_bytes(&self.state) {
            Ok(cart) => format!(
                "{} has {} {}",
                self.holder,
                Version::of_bytes(&self.state).to_hex(),
                Shown::of_cart(&cart).to_final()
            ),
            Err(reject) => format!("{} has no state: {reject}", self.holder),
        }
    }
}

/// What it took to keep a cart's replicas equal.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    pub replicas: usize,
    pub edits: u64,
    pub frames: Counts,
    /// Read and written, by all objects of the cart.
    pub rows: Rows,
    /// From the last edit until all had the same, at most.
    pub equal_ms: u64,
}

/// Waits until a cart is quiet, and returns what each of its holders has and what it took.
pub async fn when_quiet(world: &World) -> Result<(Vec<Copy>, Carried), String> {
    let began = Instant::now();
    let (mut last, mut since, mut equal_ms) = (None, Instant::now(), None);
    loop {
        let Some(copies) = copies(world).await? else {
            if began.elapsed() > QUIET_MAX {
                return Err("a region does not serve its replica".to_owned());
            }
            tokio::time::sleep(LOOK_EVERY).await;
            continue;
        };
        if equal_ms.is_none() && are_equal(&copies) {
            equal_ms = Some(began.elapsed().as_millis() as u64);
        }
        let frames = world.shops.frames_of(&world.session.cart_id);
        let now = Some((copies.clone(), world.rows.total(), frames));
        if now != last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() > QUIET && are_equal(&copies) || began.elapsed() > QUIET_MAX {
            let equal_ms = equal_ms.unwrap_or_default();
            let replicas = world.rows.regions().len();
            let carried = Carried { replicas, edits: 0, frames, rows: world.rows.total(), equal_ms };
            return Ok((copies, carried));
        }
        tokio::time::sleep(if equal_ms.is_some() { LOOK_EVERY } else { LOOK_FIRST }).await;
    }
}

pub fn are_equal(copies: &[Copy]) -> bool {
    copies.windows(2).all(|pair| pair[0].state == pair[1].state)
}

/// What the replicas have, where a device has been served, and then the stores of the home; `None` if one cannot
/// be asked at present.
async fn copies(world: &World) -> Result<Option<Vec<Copy>>, String> {
    let mut copies = Vec::new();
    for name in world.rows.regions() {
        let way = world.way_in(&name);
        let heard = Call::new("view", reqwest::Method::GET, "").make(&way, &world.session.cart_id).await?;
        let state = BASE64_NOPAD.decode(heard.answer.header("evercart-state").as_bytes());
        let state = state.ok().filter(|state| !state.is_empty());
        let state =
            state.ok_or_else(|| format!("{name} does not show its state: {}", heard.answer.text()))?;
        if heard.answer.header("evercart-region") != name {
            return Ok(None);
        }
        copies.push(Copy { holder: format!("replica {name}"), state });
    }
    let cart_id = CartId::try_from(world.session.cart_id.clone()).map_err(|reject| reject.to_string())?;
    for name in stores_of(cart_id.first_home().name()) {
        let at = REGIONS.iter().position(|there| *there == name).unwrap_or_default();
        let store = Region::parse(name).ok_or("no region")?;
        let state = Operator::at(world.shops.at(at).clone()).state(store, &cart_id).await;
        copies.push(Copy { holder: format!("store {name}"), state });
    }
    Ok(Some(copies))
}

impl World {
    /// The way of who has been in a region last.
    pub fn way_in(&self, region: &str) -> Way {
        let at = REGIONS.iter().position(|name| *name == region).unwrap_or_default();
        Way::new(self.shops.clone(), self.session.moved_to(region), self.rows.clone(), at)
    }
}
