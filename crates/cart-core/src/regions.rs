//! The regions in use: where they are, which have stores, and which of them serves a caller.

use serde::{Deserialize, Serialize};

use crate::id::Region;

/// A region in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its name.
    pub region: Region,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// The share of new sessions that it is to serve, in percent; `None` for those to which it is nearest.
    #[serde(default)]
    pub share: Option<u32>,
    /// The databases of its store, by the names of their bindings; empty if it has none.
    #[serde(default)]
    pub stores: Vec<String>,
}

/// All regions in use, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Regions {
    /// The regions.
    pub places: Vec<Place>,
}

impl Regions {
    /// The entry of a region.
    pub fn place(&self, region: Region) -> Option<&Place> {
        self.places.iter().find(|place| place.region == region)
    }

    /// The stores that hold a cart at home in `home`: its own, and the nearest other region's.
    pub fn stores_of(&self, home: Region) -> Vec<Region> {
        let Some(place) = self.place(home) else { return Vec::new() };
        let near = self.nearest(place.latitude, place.longitude).into_iter();
        let with_store = |region: &Region| self.place(*region).is_some_and(|place| !place.stores.is_empty());
        near.filter(with_store).take(2).collect()
    }

    /// The regions by their distance from a point on earth, nearest first.
    pub fn nearest(&self, latitude: f64, longitude: f64) -> Vec<Region> {
        // A few: put in their places one by one, they take a tenth of the code that sorting does.
        let mut near: Vec<(f64, Region)> = Vec::new();
        for place in &self.places {
            let far = haversine((latitude, longitude), (place.latitude, place.longitude));
            near.insert(near.partition_point(|(nearer, _)| *nearer <= far), (far, place.region));
        }
        near.into_iter().map(|(_, region)| region).collect()
    }

    /// The region of a new session. With shares configured, a region gets its share of all sessions, by `luck`,
    /// a random number; without, the nearest does. What an unhealthy region would get goes to the nearest that
    /// is healthy. `near` is in the order of distance. If none is healthy, the nearest.
    pub fn assign(&self, near: &[Region], healthy: impl Fn(Region) -> bool, luck: u64) -> Option<Region> {
        let share = |place: &&Place| u64::from(place.share.unwrap_or(0));
        let total: u64 = self.places.iter().map(|place| share(&place)).sum();
        let mut rest = luck.checked_rem(total).unwrap_or_default();
        for place in self.places.iter().filter(|place| share(place) > 0) {
            match rest.checked_sub(share(&place)) {
                None if healthy(place.region) => return Some(place.region),
                None => break,
                Some(less) => rest = less,
            }
        }
        near.iter().find(|region| healthy(**region)).or(near.first()).copied()
    }

    /// The regions by their distance from one of them, which comes first; from one that is no longer in use, as
    /// configured.
    pub fn nearest_to(&self, region: Region) -> Vec<Region> {
        match self.place(region) {
            Some(place) => self.nearest(place.latitude, place.longitude),
            None => self.places.iter().map(|place| place.region).collect(),
        }
    }
}

/// The half of the chord's square between two points of a sphere: orders as their distance does.
fn haversine(from: (f64, f64), to: (f64, f64)) -> f64 {
    let half_sine = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    half_sine(to.0 - from.0) + from.0.to_radians().cos() * to.0.to_radians().cos() * half_sine(to.1 - from.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Regions {
        let place = |region, latitude, longitude| Place {
            region,
            latitude,
            longitude,
            share: None,
            stores: vec!["STORE".into()],
        };
        Regions {
            places: vec![
                place(Region::Enam, 39.0, -77.5),
                place(Region::Weur, 50.1, 8.7),
                place(Region::Apac, 35.7, 139.7),
            ],
        }
    }

    #[test]
    fn the_nearest_comes_first() {
        for (name, latitude, longitude, expected) in [
            ("Paris", 48.9, 2.4, Region::Weur),
            ("Boston", 42.4, -71.1, Region::Enam),
            ("Honolulu", 21.3, -157.9, Region::Apac),
            ("Sydney", -33.9, 151.2, Region::Apac),
        ] {
            assert_eq!(three().nearest(latitude, longitude).first(), Some(&expected), "{name}");
        }
        assert_eq!(three().nearest_to(Region::Weur), [Region::Weur, Region::Enam, Region::Apac]);
    }

    #[test]
    fn shares_are_kept_and_the_sick_spared() {
        let mut regions = three();
        let near = regions.nearest(48.9, 2.4);
        let served = |regions: &Regions, healthy: &dyn Fn(Region) -> bool| {
            let luck = (0..1_000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut counts = std::collections::BTreeMap::new();
            luck.for_each(|luck| *counts.entry(regions.assign(&near, healthy, luck)).or_insert(0) += 1);
            counts.into_iter().map(|(region, count)| (region.expect("a region"), count)).collect::<Vec<_>>()
        };
        assert_eq!(served(&regions, &|_| true), [(Region::Weur, 1_000)]);
        assert_eq!(served(&regions, &|region| region != Region::Weur), [(Region::Enam, 1_000)]);
        assert_eq!(served(&regions, &|_| false), [(Region::Weur, 1_000)]);
        for (place, share) in regions.places.iter_mut().zip([50, 30, 20]) {
            place.share = Some(share);
        }
        let counts = served(&regions, &|_| true);
        for ((_, count), share) in counts.iter().zip([500i32, 300, 200]) {
            assert!((count - share).abs() <= 20, "{counts:?}");
        }
        // The nearest of those that are left takes the place of one that is sick, and no other.
        let counts = served(&regions, &|region| region != Region::Enam);
        assert!((counts[0].1 - 800i32).abs() <= 20 && counts.len() == 2, "{counts:?}");
        assert_eq!(served(&regions, &|_| false), [(Region::Weur, 1_000)]);
    }

    #[test]
    fn a_cart_is_in_two_stores() {
        let mut regions = three();
        assert_eq!(regions.stores_of(Region::Apac), [Region::Apac, Region::Weur]);
        regions.places[2].stores.clear();
        assert_eq!(regions.stores_of(Region::Apac), [Region::Weur, Region::Enam]);
        assert_eq!(Regions::default().stores_of(Region::Weur), []);
    }
}
