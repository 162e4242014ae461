//! Faults as the developer shows and sets them, in development only: what they do is in `net/faults.rs`.

use cart_core::id::Region;
use serde::{Deserialize, Serialize};

use crate::door::route::nothing_here;
use crate::net::faults::{self, Catalog};
use crate::platform::answer::{self, Answer};
use crate::platform::body;
use crate::platform::config::Config;
use crate::platform::problem::Problem;
use crate::platform::request::Request;

/// Where they are shown and set.
pub const PATH: &str = "/v1/admin/faults";

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Faults {
    /// The regions that are cut off.
    cut: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    catalog: Option<Catalog>,
}

/// Refuses where there are none.
pub fn check(config: &Config) -> Result<(), Problem> {
    if config.development { Ok(()) } else { Err(nothing_here()) }
}

/// Sets what is cut and what is wrong with the catalog.
pub async fn set(request: &Request, config: &Config) -> Result<Answer, Problem> {
    let Faults { cut, catalog } = body::json(request).await?;
    let mut regions = Vec::new();
    for name in &cut {
        let region = Region::parse(name).filter(|region| config.regions.place(*region).is_some());
        regions.push(region.ok_or_else(|| Problem::invalid("cut", format!("{name:?} is no region in use")))?);
    }
    regions.sort_unstable();
    regions.dedup();
    faults::set(&regions, catalog).map_err(|error| Problem::object(&error))?;
    show()
}

/// Shows it.
pub fn show() -> Result<Answer, Problem> {
    answer::json_of(&Faults { cut: faults::cut(), catalog: faults::catalog() }, 200)
}
