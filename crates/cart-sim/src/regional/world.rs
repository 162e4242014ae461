//! The world of a seed: a user's cart and, in some, a guest's, each with its session; the regions with their
//! disks and stores, the network, the clock. Time goes from one moment at which something is due to the next.
//!
//! Each cart has an object and a row of a store in each region: both lists go by cart, then by place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use cart_core::frame::Holder;
use cart_core::id::{CartId, Dot, Region, SessionId};
use cart_core::packed::unpack;
use cart_core::regions::{Place, Regions};
use cart_core::replica::{Book, Caller, Input, LEASE_MS};
use cart_core::ties::Ties;
use cart_core::time::{Day, Millis};
use cart_core::wire::Version;

use super::facts::Facts;
use super::fault::{Faults, Kind};
use super::network::{Network, Weather};
use super::once::Once;
use super::order::Order;
use super::shopper::Made;
use super::site::{Additions, Crash, Held, Site, Turn};
use super::store::Store;
use super::tab::Tab;
use crate::dice::Dice;
use crate::violation::Invariant;

/// The regions there are.
const PLACES: [(Region, f64, f64); 5] = [
    (Region::Weur, 50.1, 8.7),
    (Region::Enam, 39.0, -77.5),
    (Region::Apac, 35.7, 139.7),
    (Region::Sam, -23.5, -46.6),
    (Region::Oc, -33.9, 151.2),
];

/// How far the clock of a home may be off, in milliseconds.
const SKEW_MS: u64 = 3_600_000;

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
    /// The session is signed out at last, and a thief goes on with it.
    pub signs_out: bool,
    /// Tabs edit offline and sync.
    pub tabs: bool,
    /// The home takes orders.
    pub orders: bool,
    /// Frames that no store can read come to its queue.
    pub poison: bool,
    /// Regions get other second stores.
    pub pairs: bool,
    /// Once nothing fails any more nobody looks in until the sweeps have been everywhere, and then in one region only.
    pub deserted: bool,
    /// The home of the first cart has no room from the first, until days have passed.
    pub full: bool,
}

/// How large a world is. Most are small, so that there are very many of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// One cart in two or three regions, a handful of edits and faults.
    Small,
    /// Up to four regions; now and then a guest's cart and tabs.
    Middle,
    /// Up to five regions, all that there is.
    Large,
    /// The same for long: 40 to 200 edits and faults.
    Long,
}

impl Size {
    /// Every size.
    pub const ALL: &[Self] = &[Self::Small, Self::Middle, Self::Large, Self::Long];
    /// How many of a thousand worlds have each.
    const SHARES: [(Self, u32); 4] =
        [(Self::Small, 900), (Self::Middle, 80), (Self::Large, 19), (Self::Long, 1)];

    /// That of a seed.
    fn of(seed: u64) -> Self {
        World::dice_of(seed, u64::MAX).weighted(&Self::SHARES)
    }

    /// How many regions there may be.
    pub fn places(self) -> &'static [usize] {
        match self {
            Self::Small => &[2, 3, 3],
            Self::Middle => &[2, 3, 3, 4],
            Self::Large | Self::Long => &[3, 3, 3, 3, 4, 5],
        }
    }

    /// How many events there are at least, and how many more at most.
    pub fn events(self) -> (usize, usize) {
        match self {
            Self::Small => (3, 6),
            Self::Middle => (8, 13),
            Self::Large => (20, 21),
            Self::Long => (40, 161),
        }
    }
}

impl Habits {
    /// Nothing fails.
    const NONE: Self = Self {
        crash: 0,
        wipes: false,
        cuts: false,
        days: false,
        moves: false,
        decay: false,
        erases: false,
        signs_out: false,
        tabs: false,
        orders: false,
        poison: false,
        pairs: false,
        deserted: false,
        full: false,
    };
}

/// What is lost of a cart in a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// The disk of its object.
    Disk,
    /// Its row in the store.
    Row,
    /// What was last written to that: it is put back to what it was.
    LastWrite,
}

/// The world.
pub struct World {
    /// What it is made of.
    pub seed: u64,
    /// How large it is.
    pub size: Size,
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
    /// Messages that came and alarms that went off.
    pub came: u64,
    /// Frames sent.
    pub frames: u64,
    /// Frames sent since something was last changed anywhere, or since nothing fails any more.
    pub idle_frames: u64,
    /// Changes that shoppers asked for, and the service for them.
    pub changes: u64,
    /// Rows written by objects.
    pub rows: u64,
    /// What has been written, of each cart.
    pub facts: Vec<Facts>,
    /// Dots that the call to come removes, wherever they are.
    pub removing: Vec<Dot>,
    /// What edits have taken off.
    pub once: Once,
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
    /// The carts: the user's, then the guest's.
    pub carts: Vec<CartId>,
    /// The session of each.
    pub sessions: Vec<SessionId>,
    /// The days under which the guest's cart was sealed.
    pub seals: BTreeSet<Day>,
    /// Those of seals that at some moment no disk had any more. A letter may still tell of one: what has come to
    /// the user's cart under its names stays, and what comes to the guest's then goes there or not.
    pub seals_lost: BTreeSet<Day>,
    /// Those of which the home of the user's cart has lost all knowledge, its stores too: it took the cart for new.
    pub seals_forgotten: BTreeSet<Day>,
    /// What later builds have added to the ties of each cart, and some disk still has.
    pub more: Vec<Additions>,
    /// The open tabs.
    pub tabs: Vec<Tab>,
    /// The orders that were made, by cart and fence: each is made only if there is none.
    pub orders: BTreeMap<(usize, u64), Order>,
    /// Frames that the consumers of a store gave up, by store.
    pub dead: Vec<(usize, Vec<u8>)>,
    /// The regions.
    pub regions: Arc<Regions>,
    /// The edits made, for those who make them again.
    pub made: Vec<Made>,
    /// How many calls there were.
    pub calls: u64,
}

impl World {
    /// The world of a seed, of the size that the seed has unless another is wanted; `tells` if its history is.
    pub fn new(seed: u64, size: Option<Size>, tells: bool) -> Self {
        let size = size.unwrap_or_else(|| Size::of(seed));
        let mut dice = Self::dice_of(seed, 0);
        let count = *dice.pick(size.places());
        let place = |(region, latitude, longitude)| Place {
            stores: vec!["STORE".into()],
            ..Place::at(region, latitude, longitude)
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
            // Not of the same dice: worlds without it are what they were.
            signs_out: Self::dice_of(seed, u64::MAX - 1).chance(8),
            tabs: dice.chance(40) && size != Size::Small,
            orders: dice.chance(30),
            poison: dice.chance(20),
            pairs: count > 2 && Self::dice_of(seed, u64::MAX - 1).chance(15),
            deserted: Self::dice_of(seed, u64::MAX - 2).chance(30),
            full: Self::dice_of(seed, u64::MAX - 3).chance(15),
        };
        // A few worlds in which nothing fails, to see what an edit costs.
        let calm = dice.chance(4);
        let weather = if calm { Weather::FAIR } else { weather };
        let habits = if calm { Habits { tabs: habits.tabs, ..Habits::NONE } } else { habits };
        let guest = places[dice.below(count)].region;
        let mut carts = vec![CartId::mint(Region::Weur, [3; 15])];
        if size != Size::Small && dice.chance(if habits.erases { 70 } else { 25 }) {
            carts.push(CartId::mint(guest, [5; 15]));
        }
        let signs_out = habits.signs_out && carts.len() == 1;
        // Tabs are others that look in, and who is signed out cannot.
        let deserted = habits.deserted && habits.days && !habits.tabs && !signs_out;
        let full = habits.full && habits.days && habits.decay;
        let habits = Habits { signs_out, deserted, full, ..habits };
        let both = || (0..carts.len()).flat_map(|cart| places.iter().map(move |place| (cart, place.region)));
        Self {
            seed,
            size,
            without: BTreeSet::new(),
            event: 0,
            faults: Faults::default(),
            history: tells.then(Vec::new),
            came: 0,
            frames: 0,
            idle_frames: 0,
            changes: 0,
            rows: 0,
            facts: carts.iter().map(|_| Facts::default()).collect(),
            removing: Vec::new(),
            once: Once::default(),
            habits,
            faulty: true,
            sites: both().map(|(cart, region)| Site::new(cart, region)).collect(),
            stores: both().map(|(cart, region)| Store::new(cart, region)).collect(),
            network: Network::new(weather, ways(&places)),
            now: Millis(20_600 * Millis::DAY + 22 * 3_600_000),
            sessions: vec![SessionId::mint([4; 15]), SessionId::mint([6; 15])],
            seals: BTreeSet::new(),
            seals_lost: BTreeSet::new(),
            more: vec![Additions::new(); 2],
            seals_forgotten: BTreeSet::new(),
            tabs: Vec::new(),
            orders: BTreeMap::new(),
            dead: Vec::new(),
            regions: Arc::new(Regions { places }),
            made: Vec::new(),
            calls: 0,
            carts,
            dice,
        }
    }

    /// The dice of the world itself, then of its events from 1 on.
    pub fn dice_of(seed: u64, part: u64) -> Dice {
        Dice::new(seed ^ 0x7265_6769_6f6e_7300 ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The shopper of a cart, with a token that was renewed just now: also who has it from a thief.
    pub fn caller(&self, cart: usize) -> Caller {
        let (id, root) = (self.sessions[cart].clone(), self.carts[cart].clone());
        Caller::Session { id, root, issued: self.now, current: false }
    }

    /// Whether some disk has it that the session was signed out.
    pub fn is_signed_out(&self) -> bool {
        let ties = self.facts.first().and_then(|facts| facts.ties.as_ref());
        self.habits.signs_out && ties.is_some_and(|ties| ties.signed_out.is_some())
    }

    /// How many regions there are.
    pub fn places(&self) -> usize {
        self.regions.places.len()
    }

    /// The objects of a cart, and the rows of it in stores.
    pub fn sites_of(&self, cart: usize) -> Range<usize> {
        cart * self.places()..(cart + 1) * self.places()
    }

    /// The object of a cart, or its row, in a region.
    pub fn at(&self, cart: usize, region: Region) -> usize {
        let place = self.regions.places.iter().position(|place| place.region == region);
        cart * self.places() + place.expect("a region in use")
    }

    /// Whether a message gets from the place of one object or row to that of another.
    pub fn passes(&mut self, from: usize, to: usize) -> bool {
        let way = (from % self.places(), to % self.places());
        self.network.passes(way, &mut self.dice, &mut self.faults)
    }

    /// What is known of the cart of an object.
    pub fn facts_at(&mut self, at: usize) -> &mut Facts {
        &mut self.facts[self.sites[at].cart]
    }

    /// Loads the object of a region.
    pub fn load(&mut self, at: usize) -> &mut cart_core::replica::Replica {
        let fresh = if self.sites[at].is_loaded() { 0 } else { self.dice.bits() };
        let site = &mut self.sites[at];
        site.load(&self.carts[site.cart], &self.regions, fresh, self.now)
    }

    /// A turn of an object, cut off by a crash or not; what it wrote is followed.
    pub fn step(&mut self, at: usize, caller: &Caller, input: Input, crash: Option<Crash>) -> Turn {
        let by_edit = matches!(input, Input::Edit(_) | Input::Erase | Input::Sync { .. });
        let removing = std::mem::take(&mut self.removing);
        let told = matches!(input, Input::Frame { .. });
        let tied = matches!(
            input,
            Input::Enroll { .. }
                | Input::Strike { .. }
                | Input::SignOut
                | Input::Lease { .. }
                | Input::Join { .. }
                | Input::Use
        );
        self.load(at);
        let sequence = self.load(at).book().sequence;
        // What was asked for is in memory until the first edit writes it.
        let unstored = by_edit && self.sites[at].held.is_none();
        let unstored = unstored.then(|| Held::of(self.load(at).cart()));
        // Reading a cart, leasing an actor, leaving and moving change nothing that a shopper put there.
        let moves_nothing = matches!(
            input,
            Input::Read
                | Input::Lease { .. }
                | Input::Retire
                | Input::HandOver { .. }
                | Input::TakeOver { .. }
        );
        let shown = moves_nothing.then(|| self.shown(at));
        let calls = matches!(caller, Caller::Session { .. }) && !matches!(input, Input::SignOut);
        let ended = calls && self.load(at).book().ties.signed_out.is_some();
        let (handled, alarm) = (self.sites[at].handler.is_some(), self.sites[at].disk.alarm);
        let stored = self.sites[at].disk.row.is_some();
        let turn = self.sites[at].turn(caller, input, self.now, crash);
        if !stored {
            self.check_life(at);
        }
        if crash.is_some() && handled && self.sites[at].disk.alarm != alarm {
            self.faults.fire(Kind::AlarmAgain);
        }
        if turn.failed {
            self.faults.fire(Kind::DiskFull);
        }
        if crash.is_none()
            && !turn.failed
            && !turn.forgot
            && shown.is_some_and(|shown| shown != self.shown(at))
        {
            let text = format!("{} shows another version, and no shopper changed it", self.sites[at].region);
            self.facts_at(at).breaks(Invariant::Unmoved, text);
        }
        match &turn.reply {
            Some(Ok(_)) if ended => {
                let text = format!(
                    "{} answers a session of which it knows that it was signed out",
                    self.sites[at].region
                );
                self.facts_at(at).breaks(Invariant::SignedOut, text);
            }
            Some(Err(_)) if ended => self.faults.fire(Kind::Refused),
            _ => {}
        }
        if turn.forgot {
            self.faults.fire(Kind::Retired);
            self.check_kept(at, turn.before.as_ref().and_then(Option::as_ref));
            self.tell(|world| format!("{} deletes its storage", world.sites[at].region));
        } else if let Some(before) = &turn.before {
            // Only a home raises it; one elsewhere may write first what frames have told it before.
            if !told && self.load(at).is_home() {
                self.note_horizon(at, before.as_ref());
            }
            if before.is_none() && std::mem::take(&mut self.sites[at].left) {
                self.faults.fire(Kind::Returned);
            }
            if told {
                self.note_late(at, before.as_ref());
            }
            let site = &self.sites[at];
            let facts = &mut self.facts[site.cart];
            facts.removed.extend(removing);
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
        self.changes += u64::from(turn.wrote && matches!(caller, Caller::Session { .. }));
        self.rows += u64::from(turn.wrote) + turn.pages;
        if turn.before.is_some() && self.sites[at].cart == 1 {
            self.follow_guest();
        }
        if turn.wrote && !turn.forgot {
            let carts = &self.load(at).book().ties.carts;
            let names: BTreeSet<_> = carts.iter().map(|further| &further.cart).collect();
            let twice = names.len() < carts.len();
            if twice {
                self.facts_at(at).breaks(Invariant::TiesEqual, "a cart is listed twice".into());
            }
        }
        if turn.wrote && (tied || self.facts_at(at).lost) {
            let ties = self.load(at).book().ties.clone();
            match &mut self.facts_at(at).ties {
                Some(known) => known.join(&ties),
                none => *none = Some(ties),
            }
        }
        turn
    }

    /// The first row of a replica here names another incarnation than the last one's did.
    fn check_life(&mut self, at: usize) {
        let Some(row) = &self.sites[at].disk.row else { return };
        let book: Book = unpack(&row.book).expect("a book that was written");
        if self.sites[at].incarnation.replace(book.incarnation) == Some(book.incarnation) {
            let text = format!("{} has lost its storage, and takes itself for what it was", book.region);
            self.facts_at(at).breaks(Invariant::OtherLife, text);
        }
    }

    /// What a home has deleted is in both its stores, but where these have lost it since they said so.
    fn check_kept(&mut self, at: usize, gone: Option<&Held>) {
        let (cart, region) = (self.sites[at].cart, self.sites[at].region);
        let home =
            gone.map(|gone| gone.cart.home().map_or(self.carts[cart].first_home(), |home| home.region));
        let Some(gone) = gone.filter(|_| home == Some(region)) else { return };
        let lacks = |store: &Store| {
            let row = store.row.as_ref().map(|row| &row.cart);
            !store.lost
                && row.is_none_or(|row| !row.is_erased() && !row.context().covers(gone.cart.context()))
        };
        let stores = self.regions.stores_of(region);
        let of_cart = &self.stores[self.sites_of(cart)];
        let lacking = of_cart.iter().find(|store| stores.contains(&store.region) && lacks(store));
        if let Some(lacking) = lacking.map(|store| store.region) {
            let text = format!("{region} deletes what the store of {lacking} lacks");
            self.facts_at(at).breaks(Invariant::I1NoLostAdd, text);
        }
    }

    /// The version that a replica shows, and when a shopper last changed it.
    fn shown(&mut self, at: usize) -> (Version, Millis) {
        let replica = self.load(at);
        (replica.cart().version(), replica.book().ties.edited)
    }

    /// Others have told a replica of contributions of the days before.
    fn note_late(&mut self, at: usize, before: Option<&Held>) {
        let (now, site) = (self.now, &mut self.sites[at]);
        let Some(held) = &site.held else { return };
        let late = held.live.iter().filter(|dot| dot.actor.day().0 + 1 < now.day().0);
        let new = late.filter(|dot| !before.is_some_and(|before| before.knows(**dot)));
        site.late.extend(new.map(|dot| (*dot, now)));
    }

    /// A home that raises the horizon may not know that a replica is there at all, which nobody has told it, or that
    /// the home was elsewhere, and in whose store; what only such a one has of the days before is beyond it then, and
    /// what that one has told others since they were last found equal with the home. One that took the cart for new
    /// knows that there may be others for as long as a lease lasts.
    fn note_horizon(&mut self, at: usize, before: Option<&Held>) {
        let horizon = |held: &Held| held.cart.context().horizon();
        let Some(now) = self.sites[at].held.as_ref().map(horizon) else { return };
        if before.map_or(now.0 == 0, |before| horizon(before) == now) {
            return;
        }
        self.faults.fire(Kind::Horizon);
        self.check_leases(at, now);
        let passed = |dot: &&Dot| dot.actor.day() < now && !before.is_some_and(|held| held.knows(**dot));
        let cart = self.sites[at].cart;
        let passed: Vec<Dot> = self.facts[cart].dots().filter(passed).copied().collect();
        let since = self.now.less(LEASE_MS - SKEW_MS);
        if self.sites[at].unstored.is_some_and(|unstored| unstored > since) {
            return;
        }
        for dot in passed {
            let holders: Vec<usize> = self
                .sites_of(cart)
                .filter(|there| {
                    *there != at && self.sites[*there].held.as_ref().is_some_and(|held| held.knows(dot))
                })
                .collect();
            let known = self.load(at).stores();
            let stored = self.stores[self.sites_of(cart)]
                .iter()
                .filter(|store| known.contains(&store.region))
                .any(|store| store.held.as_ref().is_some_and(|held| held.knows(dot)));
            let holders: Vec<(Region, Option<Millis>)> = holders
                .iter()
                .map(|there| (self.sites[*there].region, self.sites[*there].late.get(&dot).copied()))
                .collect();
            let replica = self.load(at);
            let equal = |region| replica.book().links.get(&Holder::Replica(region)).map(|link| link.equal);
            let heard = |(region, late): &(Region, Option<Millis>)| {
                let since = late.is_some_and(|late| equal(*region) <= Some(late.plus(SKEW_MS)));
                (replica.is_active(*region) || replica.home().region == *region) && !since
            };
            if !stored && !holders.iter().any(heard) {
                self.facts[cart].excused.insert(dot);
            }
        }
    }

    /// Up to which day the horizon has been raised by a home that knows neither of the replica here nor of the leases
    /// it has heard of, having lost all with both its stores: what is done here with older actors is beyond it.
    pub fn passed_unknown(&self, at: usize) -> Day {
        let (cart, region) = (self.sites[at].cart, self.sites[at].region);
        let knows_not = |site: &Site, held: &Held| {
            let home = held.cart.home().map_or(self.carts[cart].first_home(), |home| home.region);
            home == site.region && held.cart.replicas().get(&region).is_none_or(|there| there.left)
        };
        let others = self.sites[self.sites_of(cart)].iter().filter(|site| site.region != region);
        let homes = others.filter_map(|site| site.held.as_ref().filter(|held| knows_not(site, held)));
        let homes = homes.filter(|_| self.facts[cart].lost);
        // What comes to a sealed cart goes to the user's, whose home may have lost that it was merged.
        let forgot = cart == 1 && !self.seals_forgotten.is_empty();
        let users = self.sites[self.sites_of(0)].iter().filter(|_| forgot);
        let all = homes.chain(users.filter_map(|site| site.held.as_ref()));
        all.map(|held| held.cart.context().horizon()).max().unwrap_or(Day(0))
    }

    /// A home does not raise the horizon past the actors of tabs whose leases it knows, nor past what the tabs
    /// of a guest's cart may still send to where it was merged, as long as their leases may last.
    fn check_leases(&mut self, at: usize, horizon: Day) {
        let leases = &self.load(at).book().ties.leases;
        let passed = leases.keys().find(|actor| actor.day() < horizon).copied();
        let lasts = |day: &&Day| self.now < day.start().plus(LEASE_MS - SKEW_MS);
        let mut known = self.seals.difference(&self.seals_forgotten).filter(lasts);
        let guests = known.find(|day| self.sites[at].cart == 0 && **day < horizon);
        let guests = guests.copied();
        if passed.is_some() || guests.is_some() {
            let text = format!(
                "the horizon {horizon:?} of {} passes the lease of {passed:?}, or a cart sealed on {guests:?}",
                self.sites[at].region
            );
            self.facts_at(at).breaks(Invariant::LeasesHold, text);
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

    /// Something is lost.
    pub fn wipe(&mut self, at: usize, loss: Loss) {
        // What the guest's cart has handed over may be lost with the user's.
        self.follow_guest();
        let lost = match loss {
            Loss::Disk => self.sites[at].held.take(),
            Loss::Row | Loss::LastWrite => self.stores[at].held.take(),
        };
        match loss {
            Loss::Disk => self.sites[at].wipe(),
            Loss::Row => self.stores[at].lose(),
            Loss::LastWrite => self.stores[at].put_back(),
        }
        let cart = self.sites[at].cart;
        self.once.forget(cart);
        let of_cart = self.sites_of(cart);
        let stores = self.stores[of_cart.clone()].iter();
        let sites = self.sites[of_cart.clone()].iter().filter_map(|site| site.held.as_ref());
        let asked = |store: &&Store| self.is_asked(store);
        let held = stores.clone().filter(asked).filter_map(|store| store.held.as_ref());
        let left: Vec<&Held> = sites.chain(held).collect();
        let rows = self.sites[of_cart].iter().filter_map(|site| site.disk.row.as_ref());
        let books = rows.map(|row| unpack::<Book>(&row.book).expect("a book that was written").ties);
        let ties: Vec<Ties> =
            books.chain(stores.filter_map(|store| store.row.as_ref().map(|row| row.ties.clone()))).collect();
        if cart == 1 && ties.iter().all(|ties| ties.seal.is_none()) {
            self.seals_lost.extend(&self.seals);
        }
        let has =
            |ties: &Ties, key: &[u8], value: &[u8]| ties.more.get(key).is_some_and(|there| there >= value);
        self.more[cart].retain(|key, value| ties.iter().any(|ties| has(ties, key, value)));
        self.facts[cart].lose(lost.as_ref(), &left, ties);
        if cart == 1 {
            self.follow_guest();
        }
    }

    /// Adds a line to the history, if it is wanted.
    pub fn tell(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.history.is_some() {
            let line = format!("#{} at {}: {}", self.event, Clock(self.now), line(self));
            self.history.iter_mut().for_each(|history| history.push(line.clone()));
        }
    }
}

/// How long a message takes from each place to each, at least, in milliseconds: light in fibre, and its detours.
fn ways(places: &[Place]) -> Vec<Vec<u64>> {
    let point = |place: &Place| {
        let (north, east) = (place.latitude.to_radians(), place.longitude.to_radians());
        [north.cos() * east.cos(), north.cos() * east.sin(), north.sin()]
    };
    let way = |from: &Place, to: &Place| {
        let chord = point(from).iter().zip(point(to)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        let kilometres = 2.0 * 6_371.0 * (chord / 2.0).min(1.0).asin();
        1 + (kilometres / 125.0) as u64
    };
    places.iter().map(|from| places.iter().map(|to| way(from, to)).collect()).collect()
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
