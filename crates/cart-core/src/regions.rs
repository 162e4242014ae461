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
    /// The region whose store is the second to hold its carts. Where it has no store itself, its carts are where
    /// those of that region are. Only where two regions have stores, that is plain without a word.
    #[serde(default)]
    pub second: Option<Region>,
    /// Those that were that before, as long as its carts may still have to be looked for there.
    #[serde(default)]
    pub second_before: Vec<Region>,
    /// It is about to be taken out of use: it gets no new sessions, its carts are given other homes, and no
    /// other region's second store is chosen there.
    #[serde(default)]
    pub closing: bool,
}

impl Place {
    /// A region without stores.
    pub fn at(region: Region, latitude: f64, longitude: f64) -> Self {
        let (share, stores, second, second_before) = (None, Vec::new(), None, Vec::new());
        Self { region, latitude, longitude, share, stores, second, second_before, closing: false }
    }

    fn has_store(&self) -> bool {
        !self.stores.is_empty()
    }
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

    /// The regions with stores, in the order of the configuration.
    pub fn with_stores(&self) -> impl Iterator<Item = Region> {
        self.places.iter().filter(|place| place.has_store()).map(|place| place.region)
    }

    /// Whether it is plain which stores hold the carts of each region: a pair is never to change because another
    /// region has been added.
    ///
    /// # Errors
    /// What is to be mended.
    pub fn check(&self) -> Result<(), String> {
        let stores = self.with_stores().count();
        for place in &self.places {
            let Place { region, second, .. } = place;
            if self.places.iter().filter(|other| other.region == *region).count() > 1 {
                return Err(format!("{region} is there twice"));
            }
            match second {
                None if stores > 2 => {
                    return Err(format!(
                        "{region} needs \"second\": the region whose store is the second to hold its carts, \
                         as it is now, if there was none before the nearest other one with a store"
                    ));
                }
                Some(second) if self.place(*second).is_some_and(|there| there.closing && !place.closing) => {
                    return Err(format!("\"second\" of {region} is {second}, which closes"));
                }
                Some(second) if second == region || !self.with_stores().any(|there| there == *second) => {
                    return Err(format!("\"second\" of {region} is no other region that has a store"));
                }
                _ => {}
            }
            let before = place.second_before.iter().find(|before| self.place(**before).is_none());
            if let Some(before) = before {
                return Err(format!("\"second_before\" of {region} names {before}, which is not in use"));
            }
        }
        Ok(())
    }

    /// The stores that hold a cart at home in `home`: its own and its second. Those of a home that is no longer in
    /// use may be anywhere.
    pub fn stores_of(&self, home: Region) -> Vec<Region> {
        let Some(place) = self.place(home) else { return self.with_stores().collect() };
        if let (false, Some(second)) = (place.has_store(), place.second) {
            let next = self.place(second).and_then(|place| place.second);
            return [second].into_iter().chain(next.or_else(|| self.other_than(second))).collect();
        }
        let first = [place].into_iter().filter(|place| place.has_store()).map(|place| place.region);
        let near = self.nearest(place.latitude, place.longitude).into_iter();
        let open =
            |region: &Region| self.place(*region).is_some_and(|place| place.has_store() && !place.closing);
        let mut stores: Vec<Region> = Vec::new();
        for store in first.chain(place.second).chain(near.filter(open)) {
            if stores.len() < 2 && !stores.contains(&store) {
                stores.push(store);
            }
        }
        stores
    }

    /// All stores in which a cart at home in `home` may be: those that hold it, and those that did until their carts
    /// have been given to these.
    pub fn holding(&self, home: Region) -> Vec<Region> {
        let mut stores = self.stores_of(home);
        for before in self.place(home).into_iter().flat_map(|place| &place.second_before) {
            if !stores.contains(before) && self.place(*before).is_some_and(Place::has_store) {
                stores.push(*before);
            }
        }
        stores
    }

    /// Those of these that have all of its carts: while a pair changes, the new second lacks some.
    pub fn listing(&self, home: Region) -> Vec<Region> {
        let mut stores = self.holding(home);
        if let Some(place) = self.place(home).filter(|place| !place.second_before.is_empty()) {
            stores.retain(|store| place.second != Some(*store) || place.second_before.contains(store));
        }
        stores
    }

    /// Which stores held the carts of a home by an earlier text of [`Regions::pairs`], and are now neither among those
    /// that do nor named as one before: until all rows have been given on, a loss may leave them the only ones.
    pub fn left_out(&self, before: &str, home: Region) -> Vec<Region> {
        let of_home = before.split(' ').find_map(|pair| pair.strip_prefix(home.name())?.strip_prefix(':'));
        let stores = of_home.unwrap_or_default().split('+').filter_map(Region::parse);
        let holding = self.holding(home);
        stores.filter(|store| self.place(*store).is_some() && !holding.contains(store)).collect()
    }

    fn other_than(&self, region: Region) -> Option<Region> {
        let place = self.place(region)?;
        let near = self.nearest(place.latitude, place.longitude).into_iter();
        near.filter(|other| *other != region).find(|other| self.with_stores().any(|there| there == *other))
    }

    /// Which stores hold whose carts, as one text: where it changes, rows are to be given to others.
    pub fn pairs(&self) -> String {
        let pair = |place: &Place| {
            let names =
                |stores: Vec<Region>| stores.iter().map(|store| store.name()).collect::<Vec<_>>().join("+");
            let closes = if place.closing { " closes" } else { "" };
            format!("{}:{}{closes}", place.region, names(self.holding(place.region)))
        };
        self.places.iter().map(pair).collect::<Vec<_>>().join(" ")
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
        let open = |region: Region| self.place(region).is_none_or(|place| !place.closing);
        let healthy = |region: Region| open(region) && healthy(region);
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
        near.iter().find(|region| healthy(**region)).copied().or_else(|| self.nearest_open(near))
    }

    /// The first of some that does not close; the first, if all do.
    pub fn nearest_open(&self, near: &[Region]) -> Option<Region> {
        let open = |region: &&Region| self.place(**region).is_none_or(|place| !place.closing);
        near.iter().find(open).or(near.first()).copied()
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
            stores: vec!["STORE".into()],
            ..Place::at(region, latitude, longitude)
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

    /// The regions with their seconds named, as they were.
    fn paired() -> Regions {
        let mut regions = three();
        for (place, second) in regions.places.iter_mut().zip([Region::Weur, Region::Enam, Region::Weur]) {
            place.second = Some(second);
        }
        regions
    }

    #[test]
    fn a_region_that_is_added_takes_nobodys_second_store() {
        assert!(three().check().is_err_and(|error| error.contains("second")), "which was nobody's word");
        let mut regions = paired();
        assert_eq!(regions.check(), Ok(()));
        let before: Vec<_> = regions.places.iter().map(|place| regions.stores_of(place.region)).collect();
        let eeur = Place { stores: vec!["STORE".into()], ..Place::at(Region::Eeur, 52.2, 21.0) };
        regions.places.push(eeur.clone());
        assert!(regions.check().is_err(), "it says nothing of its own second");
        regions.places[3].second = Some(Region::Weur);
        assert_eq!(regions.check(), Ok(()));
        let after: Vec<_> =
            regions.places.iter().take(3).map(|place| regions.stores_of(place.region)).collect();
        assert_eq!(after, before);
        // By the operator's word it does, and the one before is asked as long as that says so.
        let pairs = regions.pairs();
        regions.places[1].second = Some(Region::Eeur);
        regions.places[1].second_before = vec![Region::Enam];
        assert_eq!(regions.stores_of(Region::Weur), [Region::Weur, Region::Eeur]);
        assert_eq!(regions.holding(Region::Weur), [Region::Weur, Region::Eeur, Region::Enam]);
        assert_eq!(regions.listing(Region::Weur), [Region::Weur, Region::Enam]);
        assert_ne!(regions.pairs(), pairs);
        assert_eq!(regions.left_out(&pairs, Region::Weur), []);
        regions.places[1].second_before.clear();
        assert_eq!(regions.left_out(&pairs, Region::Weur), [Region::Enam], "nobody said so");
        assert_eq!(regions.left_out("", Region::Weur), []);
        for wrong in [Region::Weur, Region::Oc] {
            regions.places[1].second = Some(wrong);
            assert!(regions.check().is_err(), "{wrong}");
        }
    }

    #[test]
    fn where_a_region_has_no_store_its_carts_are_where_its_seconds_are() {
        let mut regions = paired();
        regions.places.push(Place { second: Some(Region::Apac), ..Place::at(Region::Oc, -33.9, 151.2) });
        assert_eq!(regions.check(), Ok(()));
        assert_eq!(regions.stores_of(Region::Oc), [Region::Apac, Region::Weur]);
        // What was at home in a region that has gone may be anywhere.
        assert_eq!(regions.stores_of(Region::Sam), [Region::Enam, Region::Weur, Region::Apac]);
    }

    #[test]
    fn a_region_that_closes_gets_no_new_sessions() {
        let mut regions = paired();
        let near = regions.nearest(48.9, 2.4);
        regions.places[1].closing = true;
        assert_eq!(regions.assign(&near, |_| true, 5), Some(Region::Enam));
        assert_eq!(regions.assign(&near, |_| false, 5), Some(Region::Enam), "nor where nobody is well");
        regions.places.iter_mut().for_each(|place| place.share = Some(50));
        assert!((0..150).all(|luck| regions.assign(&near, |_| true, luck) != Some(Region::Weur)));
    }
}
