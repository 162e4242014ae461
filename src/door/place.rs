//! From where and for when a request comes: the regions by their distance; in development as the caller says.

use cart_core::id::Region;

use crate::platform::config::Config;
use crate::platform::problem::Problem;
use crate::platform::request::{Head, Request};

/// By how much the request's clock is moved, in milliseconds.
pub fn skew(head: &Head, config: &Config) -> Result<i64, Problem> {
    if !config.development {
        return Ok(config.skew_ms);
    }
    let Some(text) = head.header("Evercart-Clock-Skew-Ms") else { return Ok(config.skew_ms) };
    text.parse().map_err(|_| Problem::invalid("Evercart-Clock-Skew-Ms", "use a whole number of milliseconds"))
}

/// In development the caller may name the region; a browser's socket in its address, for want of headers.
pub fn named_region(head: &Head, config: &Config) -> Result<Option<Region>, Problem> {
    if !config.development {
        return Ok(None);
    }
    let parameter = || {
        let mut pairs = form_urlencoded::parse(head.url().split_once('?')?.1.as_bytes());
        pairs.find(|(name, _)| name == "region").map(|(_, region)| region.into_owned())
    };
    let header = head.header("Evercart-Region").map(str::to_owned);
    let Some(name) = header.or_else(parameter) else { return Ok(None) };
    let named = Region::parse(&name).filter(|region| config.regions.place(*region).is_some());
    let names: Vec<_> = config.regions.places.iter().map(|place| place.region.name()).collect();
    named.map(Some).ok_or_else(|| {
        Problem::invalid(
            "Evercart-Region",
            format!("is {name:?}; the regions in use are {}", names.join(" ")),
        )
    })
}

/// About where the people of a continent live, in degrees north and east, by the platform's names.
const CONTINENTS: [(&str, f64, f64); 7] = [
    ("AF", 6.0, 15.0),
    ("AN", -80.0, 0.0),
    ("AS", 28.0, 95.0),
    ("EU", 50.0, 12.0),
    ("NA", 38.0, -95.0),
    ("OC", -30.0, 148.0),
    ("SA", -15.0, -55.0),
];

/// The regions by their distance from where the platform says that the request comes from, in development the caller.
/// Of some addresses it knows the continent only.
pub fn nearest(request: &Request, config: &Config) -> Vec<Region> {
    let cf = js_sys::Reflect::get(&request.raw, &"cf".into()).unwrap_or_default();
    let number = |text: &str| Some(js_sys::parse_float(text)).filter(|it| it.is_finite());
    let degrees = |name: &str| {
        let value = js_sys::Reflect::get(&cf, &name.into()).ok()?;
        value.as_f64().or_else(|| number(&value.as_string()?))
    };
    let place = request.head.header("Evercart-Place").filter(|_| config.development);
    let coordinates = match place.and_then(|place| place.split_once(',')) {
        Some((latitude, longitude)) => number(latitude).zip(number(longitude)),
        None => degrees("latitude").zip(degrees("longitude")),
    };
    let continent = || {
        let name = js_sys::Reflect::get(&cf, &"continent".into()).ok()?.as_string()?;
        let (_, latitude, longitude) = CONTINENTS.into_iter().find(|(known, ..)| *known == name)?;
        Some((latitude, longitude))
    };
    match coordinates.or_else(continent) {
        Some((latitude, longitude)) => config.regions.nearest(latitude, longitude),
        None => config.regions.places.iter().map(|place| place.region).collect(),
    }
}
