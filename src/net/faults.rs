//! Faults made by hand: regions cut off from the others, so that those of one `wrangler dev` can be parted, and a
//! catalog that is away or slow. Only in development, where each who reaches the process may. A cut region
//! exchanges nothing with others, replicas, stores and edges alike; the shoppers of its own edge go on reaching it.
//! A socket that is open across regions stays open.

use std::time::Duration;

use cart_core::id::Region;
use serde::{Deserialize, Serialize};
use worker::{Request, Response};

use crate::door::headers as respond;
use crate::door::route::{Endpoint, Route};
use crate::platform::body;
use crate::platform::config::Config;
use crate::platform::problem::Problem;

pub const PATH: &str = "/v1/admin/faults";

/// Where it is kept: both modules of the isolate know it, and with the isolate it goes.
const KEPT: &str = "evercartCut";

/// The same of the catalog's fault.
const KEPT_CATALOG: &str = "evercartCatalog";

/// How much later a slow catalog answers, in milliseconds: later than anyone waits.
const SLOW_MS: u64 = 4_000;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Faults {
    /// The regions that are cut off.
    cut: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    catalog: Option<Catalog>,
}

/// What is wrong with the catalog.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Catalog {
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

/// Shows what is cut, or sets it.
pub async fn serve(request: &mut Request, config: &Config) -> Result<Response, Problem> {
    if !config.development {
        return Err(Problem::new(
            404,
            "not_found",
            "there is nothing at this path; /openapi.json lists all there is",
        ));
    }
    if let Endpoint::SetFaults = Route::find(&request.inner().method(), PATH)?.endpoint {
        let Faults { cut, catalog } = body::json(request).await?;
        let mut regions = Vec::new();
        for name in &cut {
            let region = Region::parse(name).filter(|region| config.regions.place(*region).is_some());
            regions.push(
                region.ok_or_else(|| Problem::invalid("cut", format!("{name:?} is no region in use")))?,
            );
        }
        regions.sort_unstable();
        regions.dedup();
        let names: Vec<&str> = regions.into_iter().map(Region::name).collect();
        keep(KEPT, &names.join(" "))?;
        keep(KEPT_CATALOG, catalog.map_or("", Catalog::name))?;
    }
    let cut = kept(KEPT).split_whitespace().map(str::to_owned).collect();
    respond::json_of(&Faults { cut, catalog: catalog() }, 200).map_err(|error| Problem::object(&error))
}

fn catalog() -> Option<Catalog> {
    let name = kept(KEPT_CATALOG);
    [Catalog::Away, Catalog::Slow].into_iter().find(|fault| fault.name() == name)
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
pub fn pass(config: &Config, from: Region, to: Region) -> Result<(), Problem> {
    let is_cut = |name: &str| name == from.name() || name == to.name();
    if !config.development || from == to || !kept(KEPT).split_whitespace().any(is_cut) {
        return Ok(());
    }
    let detail = format!(
        "{from} and {to} are parted by a cut that was asked for; take it back by PUT {PATH} or in the lab"
    );
    Err(Problem::retry(503, "region_unreachable", detail))
}

fn keep(name: &str, value: &str) -> Result<(), Problem> {
    let kept = js_sys::Reflect::set(&js_sys::global(), &name.into(), &value.into());
    kept.map(drop).map_err(|error| Problem::object(&error.into()))
}

fn kept(name: &str) -> String {
    let kept = js_sys::Reflect::get(&js_sys::global(), &name.into());
    kept.ok().and_then(|value| value.as_string()).unwrap_or_default()
}
