//! The world of a seed: one cart of one session, its regions with their disks and stores, the network, the
//! clock. Time goes from one moment at which something is due to the next.

use std::collections::BTreeSet;
use std::sync::Arc;

use cart_core::frame::Holder;
use cart_core::id::{CartId, Dot, Region, SessionId};
use cart_core::packed::unpack;
use cart_core::regions::{Place, Regions};
use cart_core::replica::{Book, Caller, Input};
use cart_core::ties::Ties;
use cart_core::time::Millis;

use super::facts::Facts;
use super::fault::{Faults, Kind};
use super::network::{Network, Weather};
use super::shopper::Made;
use super::site::{Crash, Held, Site, Turn};
use super::store::Store;
use crate::dice::Dice;

/// The regions there are.
const PLACES: [(Region, f64, f64); 5] = [
    (Region::Weur, 50.1, 8.7),
    (Region::Enam, 39.0, -77.5),
    (Region::Apac, 35.7, 139.7),
    (Region::Sam, -23.5, -46.6),
    (Region::Oc, -33.9, 151.2),
];

/// What may go wrong in a world: not everything in each, so that each is seen without the others too.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// How many turns of a hundred are cut off.
    pub crash: u32,
    /// Disks and rows of stores are lost.
    pub wipes: bool,
    /// Regions are divided.
    pub cuts: bool,
    /// Days pass, and replicas retire.
    pub days: bool,
    /// The home moves.
    pub moves: bool,
    /// Clocks are wrong, alarms and stores fail.
    pub decay: bool,
    /// The cart is erased at last.
    pub erases: bool,
}

/// The world.
pub struct World {
    /// What it is made of.
    pub seed: u64,
    /// Its events that do not happen, in a history that is being shrunk.
    pub without: BTreeSet<usize>,
    /// The chance of the event that is happening: each has its own, whatever happened before.
    pub dice: Dice,
    /// Which event it is.
    pub event: usize,
    /// What has fired.
    pub faults: Faults,
    /// What has happened, if it is wanted.
    pub history: Option<Vec<String>>,
    /// Frames sent.
    pub frames: u64,
    /// Frames sent since something was last changed anywhere, or since nothing fails any more.
    pub idle_frames: u64,
    /// What has been written.
    pub facts: Facts,
    /// What may go wrong.
    pub habits: Habits,
    /// Whether something still may.
    pub faulty: bool,
    /// The objects.
    pub sites: Vec<Site>,
    /// The stores, in the same order.
    pub stores: Vec<Store>,
    /// What is on its way.
    pub network: Network,
    /// The moment.
    pub now: Millis,
    /// The cart.
    pub cart: CartId,
    /// The session.
    pub session: SessionId,
    /// The regions.
    pub regions: Arc<Regions>,
    /// The edits made, for those who make them again.
    pub made: Vec<Made>,
    /// How many calls there were.
    pub calls: u64,
}

impl World {
    /// The world of a seed; `tells` if its history is wanted.
    pub fn new(seed: u64, tells: bool) -> Self {
        let mut dice = Self::dice_of(seed, 0);
        let count = *dice.pick(&[3, 3, 3, 3, 4, 5]);
        let place = |(region, latitude, longitude)| {
            let stores = vec!["STORE".into()];
            Place { region, latitude, longitude, share: None, stores }
        };
        let places: Vec<Place> = PLACES.into_iter().take(count).map(place).collect();
        let weather = Weather {
            loss: *dice.pick(&[0, 0, 5, 20, 50]),
            repeat: *dice.pick(&[0, 10, 30]),
            delay: *dice.pick(&[0, 10, 40]),
            queue_times: *dice.pick(&[1, 2, 5]),
        };
        let habits = Habits {
            crash: *dice.pick(&[0, 0, 4, 10]),
            wipes: dice.chance(40),
            cuts: dice.chance(50),
            days: dice.chance(40),
            moves: dice.chance(40),
            decay: dice.chance(50),
            erases: dice.chance(6),
        };
        Self {
            seed,
            without: BTreeSet::new(),
            event: 0,
            faults: Faults::default(),
            history: tells.then(Vec::new),
            frames: 0,
            idle_frames: 0,
            facts: Facts::default(),
            habits,
            faulty: true,
            sites: places.iter().map(|place| Site::new(place.region)).collect(),
            stores: places.iter().map(|place| Store::new(place.region)).collect(),
            network: Network::new(weather),
            now: Millis(20_600 * Millis::DAY + 22 * 3_600_000),
            cart: CartId::mint(Region::Weur, [3; 15]),
            session: SessionId::mint([4; 15]),
            regions: Arc::new(Regions { places }),
            made: Vec::new(),
            calls: 0,
            dice,
        }
    }

    /// The dice of the world itself, then of its events from 1 on.
    pub fn dice_of(seed: u64, part: usize) -> Dice {
        Dice::new(seed ^ 0x7265_6769_6f6e_7300 ^ (part as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The shopper, with a token just issued.
    pub fn caller(&self) -> Caller {
        let (id, root) = (self.session.clone(), self.cart.clone());
        Caller::Session { id, root, issued: self.now.plus(Millis::DAY), current: false }
    }

    /// The place of a holder among the regions.
    pub fn place_of(&self, holder: Holder) -> usize {
        self.sites.iter().position(|site| site.region == holder.region()).expect("a region in use")
    }

    /// Loads the object of a region.
    pub fn load(&mut self, at: usize) -> &mut cart_core::replica::Replica {
        let fresh = if self.sites[at].is_loaded() { 0 } else { self.dice.bits() };
        self.sites[at].load(&self.cart, &self.regions, fresh, self.now)
    }

    /// A turn of an object, cut off by a crash or not; what it wrote is followed.
    pub fn step(&mut self, at: usize, caller: &Caller, input: Input, crash: Option<Crash>) -> Turn {
        let by_edit = matches!(input, Input::Edit(_) | Input::Erase);
        let told = matches!(input, Input::Frame { .. });
        let tied = matches!(input, Input::Enroll { .. } | Input::Strike { .. } | Input::SignOut);
        self.load(at);
        let sequence = self.load(at).book().sequence;
        // What was asked for is in memory until the first edit writes it.
        let unstored = by_edit && self.sites[at].held.is_none();
        let unstored = unstored.then(|| Held::of(self.load(at).cart()));
        let (handled, alarm) = (self.sites[at].handler.is_some(), self.sites[at].disk.alarm);
        let turn = self.sites[at].turn(caller, input, self.now, crash);
        if crash.is_some() && handled && self.sites[at].disk.alarm != alarm {
            self.faults.fire(Kind::AlarmAgain);
        }
        if turn.forgot {
            self.faults.fire(Kind::Retired);
            self.tell(|world| format!("{} deletes its storage", world.sites[at].region));
        } else if let Some(before) = &turn.before {
            if !told {
                self.note_horizon(at, before.as_ref());
            }
            if before.is_none() && std::mem::take(&mut self.sites[at].left) {
                self.faults.fire(Kind::Returned);
            }
            let (site, facts) = (&self.sites[at], &mut self.facts);
            facts.follow(
                before.as_ref().or(unstored.as_ref()),
                site.held.as_ref(),
                by_edit,
                site.region.name(),
            );
        }
        if turn.wrote && (turn.before.is_some() || self.load(at).book().sequence != sequence) {
            self.idle_frames = 0;
        }
        if turn.wrote && tied {
            let ties = self.load(at).book().ties.clone();
            match &mut self.facts.ties {
                Some(known) => known.join(&ties),
                none => *none = Some(ties),
            }
        }
        turn
    }

    /// A home that raises the horizon may not know that a replica is there at all, which nobody has told it;
    /// what only that one has of the days before is beyond it then.
    fn note_horizon(&mut self, at: usize, before: Option<&Held>) {
        let horizon = |held: &Held| held.cart.context().horizon();
        let Some(now) = self.sites[at].held.as_ref().map(horizon) else { return };
        if before.map_or(now.0 == 0, |before| horizon(before) == now) {
            return;
        }
        self.faults.fire(Kind::Horizon);
        let passed = |dot: &&Dot| dot.actor.day() < now && !before.is_some_and(|held| held.knows(**dot));
        let passed: Vec<Dot> = self.facts.known.keys().filter(passed).copied().collect();
        for dot in passed {
            let holders: Vec<usize> = (0..self.sites.len())
                .filter(|there| {
                    *there != at && self.sites[*there].held.as_ref().is_some_and(|held| held.knows(dot))
                })
                .collect();
            let stored =
                self.stores.iter().any(|store| store.held.as_ref().is_some_and(|held| held.knows(dot)));
            let regions: Vec<Region> = holders.iter().map(|there| self.sites[*there].region).collect();
            let replica = self.load(at);
            let heard = |region: &Region| replica.is_active(*region) || replica.home().region == *region;
            if !stored && !regions.iter().any(heard) {
                self.facts.excused.insert(dot);
            }
        }
    }

    /// Where a turn is to be cut off, if it is.
    pub fn crash(&mut self) -> Option<Crash> {
        if !self.faulty || self.habits.crash == 0 || !self.dice.chance(self.habits.crash) {
            return None;
        }
        let (crash, kind) = match self.dice.below(4) {
            0 => (Crash::BeforeCommit, Kind::CrashBeforeCommit),
            1 => (Crash::BeforeSends, Kind::CrashBeforeSends),
            2 => (Crash::AfterSends(1 + self.dice.below(2)), Kind::CrashBetweenSends),
            _ => (Crash::BeforeReply, Kind::CrashBeforeReply),
        };
        self.faults.fire(kind);
        Some(crash)
    }

    /// A region loses its disk, or its store the row.
    pub fn wipe(&mut self, at: usize, store: bool) {
        if store {
            self.stores[at].lose();
        } else {
            self.sites[at].wipe();
        }
        // The stores of a home of old hold what they hold, but nobody looks there any more.
        let mut newest = None;
        for there in 0..self.sites.len() {
            if self.sites[there].disk.row.is_some() {
                newest = newest.max(Some(self.load(there).home()));
            }
        }
        let mut asked = newest.map_or(Vec::new(), |home| self.regions.stores_of(home.region));
        asked.extend(self.regions.stores_of(self.cart.first_home()).first());
        let stores = self.stores.iter().filter(|store| asked.contains(&store.region));
        let sites = self.sites.iter().filter_map(|site| site.held.as_ref());
        let left: Vec<&Held> = sites.chain(stores.clone().filter_map(|store| store.held.as_ref())).collect();
        let rows = self.sites.iter().filter_map(|site| site.disk.row.as_ref());
        let books = rows.map(|row| unpack::<Book>(&row.book).expect("a book that was written").ties);
        let ties: Vec<Ties> =
            books.chain(stores.filter_map(|store| store.row.as_ref().map(|row| row.ties.clone()))).collect();
        self.facts.lose(&left, ties);
    }

    /// Adds a line to the history, if it is wanted.
    pub fn tell(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.history.is_some() {
            let line = format!("#{} at {}: {}", self.event, Clock(self.now), line(self));
            self.history.iter_mut().for_each(|history| history.push(line.clone()));
        }
    }
}

/// Day and time of day.
struct Clock(Millis);

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (day, ms) = (self.0.0 / Millis::DAY, self.0.0 % Millis::DAY);
        let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        write!(f, "{day} {hours:02}:{minutes:02}:{seconds:02}.{:03}", ms % 1_000)
    }
}
