//! Faults made by hand: regions cut off from the others, so that those of one `wrangler dev` can be parted, and a
//! catalog that is away or slow. Only in development, where each who reaches the process may. A cut region
//! exchanges nothing with others, replicas, stores and edges alike; the shoppers of its own edge go on reaching it.
//! A socket that is open across regions stays open.

use std::time::Duration;

use cart_core::id::Region;
use serde::{Deserialize, Serialize};

use crate::net::failure::Failure;
use crate::platform::config::Config;

/// Where it is kept: both modules of the isolate know it, and with the isolate it goes.
const KEPT: &str = "evercartCut";

/// The same of the catalog's fault.
const KEPT_CATALOG: &str = "evercartCatalog";

/// How much later a slow catalog answers, in milliseconds: later than anyone waits.
const SLOW_MS: u64 = 4_000;

/// What is wrong with the catalog.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Catalog {
    /// It answers with an error.
    Away,
    /// It answers after all have stopped waiting.
    Slow,
}

impl Catalog {
    fn name(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Slow => "slow",
        }
    }
}

/// The names of the regions that are cut off.
pub fn cut() -> Vec<String> {
    kept(KEPT).split_whitespace().map(str::to_owned).collect()
}

/// What is wrong with the catalog, if something is.
pub fn catalog() -> Option<Catalog> {
    let name = kept(KEPT_CATALOG);
    [Catalog::Away, Catalog::Slow].into_iter().find(|fault| fault.name() == name)
}

/// Sets both.
pub fn set(cut: &[Region], catalog: Option<Catalog>) -> worker::Result<()> {
    let names: Vec<&str> = cut.iter().map(|region| region.name()).collect();
    keep(KEPT, &names.join(" "))?;
    keep(KEPT_CATALOG, catalog.map_or("", Catalog::name))
}

/// What comes before each query of the catalog. Nothing in production, where no fault can be set.
pub async fn in_catalog() -> worker::Result<()> {
    match catalog() {
        None => Ok(()),
        Some(Catalog::Away) => Err("the catalog is away, by a fault that was set".into()),
        Some(Catalog::Slow) => {
            worker::Delay::from(Duration::from_millis(SLOW_MS)).await;
            Ok(())
        }
    }
}

/// Refuses what would pass a cut between two regions.
pub fn pass(config: &Config, from: Region, to: Region) -> Result<(), Failure> {
    let is_cut = |name: &str| name == from.name() || name == to.name();
    if !config.development || from == to || !kept(KEPT).split_whitespace().any(is_cut) {
        return Ok(());
    }
    Err(Failure::Cut { from, to })
}

fn keep(name: &str, value: &str) -> worker::Result<()> {
    Ok(js_sys::Reflect::set(&js_sys::global(), &name.into(), &value.into()).map(drop)?)
}

fn kept(name: &str) -> String {
    let kept = js_sys::Reflect::get(&js_sys::global(), &name.into());
    kept.ok().and_then(|value| value.as_string()).unwrap_or_default()
}
