//! Regions cut off from the others, so that those of one `wrangler dev` can be parted by hand: only in development,
//! where each who reaches the process may. A cut region exchanges nothing with others, replicas, stores and edges
//! alike; the shoppers of its own edge go on reaching it. A socket that is open across regions stays open.

use cart_core::id::Region;
use serde::{Deserialize, Serialize};
use worker::{Request, Response};

use crate::body;
use crate::config::Config;
use crate::error::Problem;
use crate::respond;
use crate::route::{Endpoint, Route};

pub const PATH: &str = "/v1/admin/faults";

/// Where it is kept: both modules of the isolate know it, and with the isolate it goes.
const KEPT: &str = "evercartCut";

/// The regions that are cut off.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Faults {
    cut: Vec<String>,
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
        let Faults { cut } = body::json(request).await?;
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
        let kept = js_sys::Reflect::set(&js_sys::global(), &KEPT.into(), &names.join(" ").into());
        kept.map_err(|error| Problem::object(&error.into()))?;
    }
    let cut = cut().split_whitespace().map(str::to_owned).collect();
    respond::json_of(&Faults { cut }, 200).map_err(|error| Problem::object(&error))
}

/// Whether a cut lies between two regions.
pub fn parted(config: &Config, from: Region, to: Region) -> bool {
    config.development
        && from != to
        && cut().split_whitespace().any(|name| name == from.name() || name == to.name())
}

/// The names of the regions that are cut off.
fn cut() -> String {
    let kept = js_sys::Reflect::get(&js_sys::global(), &KEPT.into());
    kept.ok().and_then(|names| names.as_string()).unwrap_or_default()
}
