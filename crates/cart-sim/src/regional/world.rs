//! The world: its regions, the letters between them, its clock. What happens is drawn from the dice; a letter
//! is answered in the turn in which it arrives, as a call is, and a call that is not answered in time counts
//! as missed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cart_core::frame::{Frame, Holder};
use cart_core::id::{CartId, Dot, Region, SessionId};
use cart_core::regions::{Place, Regions};
use cart_core::replica::{Caller, Effect, Input, ReplyKind, actors_of_key};
use cart_core::time::Millis;

use super::fault::{FaultKind, Faults};
use super::shopper::{self, Made};
use super::site::{Crash, Site, Turn};
use super::store::Store;
use crate::dice::Dice;

/// The most letters in flight; one more pushes out another.
const FLIGHT_MAX: usize = 60;
/// How long a call may take, in milliseconds.
const CALL_MS: u64 = 3_000;
/// How much of a long time is played letter by letter, in milliseconds.
const SETTLE_MS: u64 = 300_000;
/// The regions there are, nearest to farthest from the first.
const PLACES: [(Region, f64, f64); 5] = [
    (Region::Weur, 50.1, 8.7),
    (Region::Enam, 39.0, -77.5),
    (Region::Apac, 35.7, 139.7),
    (Region::Sam, -23.5, -46.6),
    (Region::Oc, -33.9, 151.2),
];

/// What is on its way.
#[derive(Clone, Debug)]
pub enum Letter {
    /// A frame, which is a call of its receiver.
    Frame { from: usize, to: Holder, bytes: Vec<u8> },
    /// The answer to it.
    Answer { to: usize, from: Holder, receipt: Vec<u8>, frame: Option<Vec<u8>> },
    /// The receipt for the frame in an answer.
    Receipt { to: usize, receipt: Vec<u8> },
    /// A frame in the queue of a store.
    Queue { store: usize, bytes: Vec<u8> },
    /// Nobody answered.
    Deadline { at: usize, life: u32, to: Holder, answered: bool },
}

/// The world of a seed.
pub struct World {
    /// Its chance.
    pub dice: Dice,
    /// Which event it is.
    pub event: usize,
    /// Which faults fired.
    pub faults: Faults,
    /// What has happened, if it is wanted.
    pub history: Option<Vec<String>>,
    /// Frames sent.
    pub frames: u64,
    /// The adds that were acknowledged: their dot, of what, how many.
    pub acknowledged: BTreeMap<Dot, (&'static str, u64)>,
    /// Of those, such as no disk has any more.
    pub lost: BTreeSet<Dot>,
    /// Of those, such as were acknowledged by a replica that the home did not know of.
    pub unheard: BTreeSet<Dot>,
    /// What was removed somewhere that still knows it.
    pub dead: BTreeSet<Dot>,
    pub(super) now: Millis,
    pub(super) cart: CartId,
    pub(super) regions: Arc<Regions>,
    pub(super) sites: Vec<Site>,
    pub(super) stores: Vec<Store>,
    pub(super) flight: Vec<(Millis, Letter)>,
    session: SessionId,
    cut: BTreeSet<(usize, usize)>,
    loss: u32,
    repeat: u32,
    faulty: bool,
    homes_move: bool,
    made: Vec<Made>,
    keys: u64,
}

impl World {
    /// The world of a seed; `tells` if its history is wanted, `homes_move` if homes are handed and taken over.
    pub fn new(seed: u64, tells: bool, homes_move: bool) -> Self {
        let mut dice = Dice::new(seed);
        let count = *dice.pick(&[2, 3, 3, 3, 4, 5]);
        let place = |(region, latitude, longitude)| Place {
            region,
            latitude,
            longitude,
            share: None,
            stores: vec!["STORE".into()],
        };
        let regions = Regions { places: PLACES.into_iter().take(count).map(place).collect() };
        let sites = regions.places.iter().map(|place| Site::new(place.region)).collect();
        let store = |place: &Place| Store { region: place.region, down: false, row: None };
        Self {
            event: 0,
            faults: Faults::default(),
            history: tells.then(Vec::new),
            frames: 0,
            acknowledged: BTreeMap::new(),
            lost: BTreeSet::new(),
            unheard: BTreeSet::new(),
            dead: BTreeSet::new(),
            now: Millis(20_600 * Millis::DAY + 9 * 3_600_000),
            cart: CartId::mint(Region::Weur, [3; 15]),
            sites,
            stores: regions.places.iter().map(store).collect(),
            regions: Arc::new(regions),
            flight: Vec::new(),
            session: SessionId::mint([4; 15]),
            cut: BTreeSet::new(),
            loss: *dice.pick(&[0, 5, 20, 50]),
            repeat: *dice.pick(&[0, 10, 30]),
            faulty: true,
            homes_move,
            made: Vec::new(),
            keys: 0,
            dice,
        }
    }

    /// Some time passes, and what is due in it comes.
    pub fn pass_time(&mut self) {
        let passes = *self.dice.pick(&[0, 1, 100, 300, 700, 4_000, 70_000]);
        self.pass(passes);
    }

    fn pass(&mut self, ms: u64) {
        let until = self.now.plus(ms);
        while let Some((at, due)) = self.next_due().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.come(due);
        }
        self.now = until;
    }

    /// A long time passes: what is under way comes, and of endless retries only the first ones.
    fn pass_long(&mut self, ms: u64) {
        self.pass(SETTLE_MS);
        self.now = self.now.plus(ms.saturating_sub(SETTLE_MS));
    }

    /// What comes next, and when.
    pub(super) fn next_due(&self) -> Option<(Millis, Due)> {
        let alarms = self.sites.iter().enumerate();
        let alarms = alarms.filter_map(|(at, site)| site.alarm.map(|alarm| (alarm, Due::Alarm(at))));
        let letters = self.flight.iter().enumerate().map(|(at, (due, _))| (*due, Due::Letter(at)));
        alarms.chain(letters).min()
    }

    pub(super) fn come(&mut self, due: Due) {
        match due {
            Due::Alarm(at) => self.ring(at),
            Due::Letter(at) => {
                let (due, letter) = self.flight.swap_remove(at);
                let overtook = self.flight.iter().any(|(other, _)| *other < due);
                if overtook {
                    self.faults.fire(FaultKind::Reordered);
                }
                self.deliver(letter);
            }
        }
    }

    /// Something happens.
    pub fn happen(&mut self) {
        let at = self.dice.below(self.sites.len());
        match self.dice.below(100) {
            0..34 => self.shop(at, true),
            34..52 => self.shop(at, false),
            52..60 => self.shop_again(at),
            60..68 => self.look(at),
            68..74 => self.restart(at),
            74..76 => self.wipe(at),
            76..81 => self.partition(),
            81..84 => self.cut.clear(),
            84..86 => self.skew(at),
            86..88 => self.lose_alarm(at),
            // Nothing in the service moves a home yet.
            88..92 if !self.homes_move => self.look(at),
            88..90 => self.order(at, Input::HandOver { to: self.sites[at].region }, FaultKind::HandOver),
            90..92 => self.take_over(at),
            92..95 => self.retire(),
            95..97 => {
                self.faults.fire(FaultKind::Day);
                self.pass_long(Millis::DAY);
            }
            97..99 => self.damage(at),
            _ => self.stores[at].down = !self.stores[at].down,
        }
    }

    fn caller(&self) -> Caller {
        Caller::Session {
            id: self.session.clone(),
            root: self.cart.clone(),
            issued: self.now,
            current: false,
        }
    }

    fn shop(&mut self, at: usize, adds: bool) {
        self.keys += 1;
        let actors = actors_of_key(self.now.day(), &self.session, &format!("key {}", self.keys));
        let made =
            if adds { shopper::add(actors, &mut self.dice) } else { shopper::change(actors, &mut self.dice) };
        if made.may_move {
            self.made.push(made.clone());
        }
        self.edit(at, made);
    }

    /// The same edit, as after an answer that did not come, in whatever region.
    fn shop_again(&mut self, at: usize) {
        // A token's day is today's or yesterday's, and with it that of the actors.
        let first = self.now.day().before(1);
        self.made.retain(|made| made.edit.actors.iter().any(|actor| actor.day() > first));
        if self.made.is_empty() {
            return;
        }
        let from = self.made.len().saturating_sub(4);
        let made = self.made[from + self.dice.below(self.made.len() - from)].clone();
        self.faults.fire(FaultKind::RetriedElsewhere);
        self.edit(at, made);
    }

    fn edit(&mut self, at: usize, made: Made) {
        self.tell(|world| format!("edit at {}: {:?}", world.sites[at].region, made.edit.commands));
        let crash = self.crash();
        self.prepare(at);
        let caller = self.caller();
        let turn = self.step(at, &caller, Input::Edit(made.edit.clone()), crash);
        if let (Some(Ok(_)), Some((sku, quantity))) = (turn.reply, made.adds)
            && let Some(dot) = self.dot_of(at, &made)
        {
            self.acknowledged.insert(dot, (sku, quantity));
            if !self.is_heard(at) {
                self.unheard.insert(dot);
            }
        }
    }

    /// Whether this is the home, or the home knows that there is a replica here.
    fn is_heard(&mut self, at: usize) -> bool {
        let (home, region) = (self.home_seen_by(at), self.sites[at].region);
        let (cart, regions, now) = (self.cart.clone(), Arc::clone(&self.regions), self.now);
        self.load(home);
        home == at || self.sites[home].replica(&cart, &regions, 0, now).is_active(region)
    }

    /// The dot under which an edit stands in a replica.
    fn dot_of(&mut self, at: usize, made: &Made) -> Option<Dot> {
        let cart = self.sites[at].stored()?;
        let dots = made.edit.actors.iter().map(|actor| Dot::new(*actor, 1));
        dots.into_iter()
            .find(|dot| cart.context().contains(*dot) && dot.actor.day() >= cart.context().horizon())
    }

    fn look(&mut self, at: usize) {
        self.prepare(at);
        let caller = self.caller();
        self.step(at, &caller, Input::Read, None);
    }

    fn order(&mut self, at: usize, input: Input, kind: FaultKind) {
        let home = self.home_seen_by(at);
        self.prepare(home);
        let turn = self.step(home, &Caller::Service, input, None);
        if matches!(turn.reply, Some(Ok(reply)) if matches!(reply.kind, ReplyKind::State { .. })) {
            self.faults.fire(kind);
        }
    }

    fn take_over(&mut self, at: usize) {
        self.prepare(at);
        let fresh = self.dice.bits();
        let site = &mut self.sites[at];
        let term = site.replica(&self.cart, &self.regions, fresh, self.now).home().term;
        let turn = self.step(at, &Caller::Service, Input::TakeOver { term }, None);
        if matches!(turn.reply, Some(Ok(_))) {
            self.faults.fire(FaultKind::TakeOver);
        }
    }

    fn home_seen_by(&mut self, at: usize) -> usize {
        let fresh = self.dice.bits();
        let home = self.sites[at].replica(&self.cart, &self.regions, fresh, self.now).home().region;
        self.sites.iter().position(|site| site.region == home).unwrap_or(at)
    }

    /// The sweep finds what has been idle for long.
    fn retire(&mut self) {
        self.pass_long(2 * Millis::DAY);
        for at in 0..self.sites.len() {
            if self.sites[at].row.is_some() {
                self.load(at);
                self.step(at, &Caller::Service, Input::Retire, None);
            }
        }
    }

    fn restart(&mut self, at: usize) {
        self.faults.fire(FaultKind::Restart);
        self.sites[at].crash();
    }

    /// A disk is lost. What no other disk has is lost with it, and what only it knew to be removed may be
    /// there again.
    fn wipe(&mut self, at: usize) {
        if self.sites[at].row.is_none() {
            return;
        }
        self.tell(|world| format!("{} loses its disk", world.sites[at].region));
        self.faults.fire(FaultKind::Wipe);
        self.sites[at].wipe();
        self.forget_what_is_nowhere();
    }

    fn forget_what_is_nowhere(&mut self) {
        let mut left: Vec<_> = self.sites.iter().filter_map(Site::stored).collect();
        left.extend(self.stores.iter().filter_map(|store| store.row.as_ref().map(|row| row.cart.clone())));
        let knows = |dot: &Dot| left.iter().any(|cart| cart.context().contains(*dot));
        let live = |cart: &cart_core::cart::Cart, dot: &Dot| {
            cart.lines().any(|(_, line)| line.iter().any(|(there, _)| there == *dot))
        };
        self.lost.extend(self.acknowledged.keys().filter(|dot| !knows(dot)));
        self.dead.retain(|dot| left.iter().any(|cart| cart.context().contains(*dot) && !live(cart, dot)));
    }

    fn partition(&mut self) {
        let count = self.sites.len();
        let side = self.dice.below(1 << count);
        let both = self.dice.chance(60);
        for from in 0..count {
            for to in 0..count {
                if side >> from & 1 != side >> to & 1 && (both || side >> from & 1 == 1) {
                    self.cut.insert((from, to));
                }
            }
        }
    }

    fn skew(&mut self, at: usize) {
        self.faults.fire(FaultKind::Skew);
        self.sites[at].skew_ms = *self.dice.pick(&[0, 50_000, -50_000, 300_000, -300_000]);
    }

    fn lose_alarm(&mut self, at: usize) {
        if self.sites[at].alarm.take().is_some() {
            self.faults.fire(FaultKind::AlarmLost);
        }
    }

    /// Somebody sends what is no frame of ours.
    fn damage(&mut self, at: usize) {
        let frames = self.flight.iter().filter_map(|(_, letter)| match letter {
            Letter::Frame { bytes, .. } => Some(bytes.clone()),
            _ => None,
        });
        let Some(mut bytes) = frames.into_iter().next() else { return };
        match self.dice.below(3) {
            0 => bytes.truncate(self.dice.below(bytes.len())),
            1 => bytes.push(0),
            _ => bytes[0] += 1,
        }
        self.faults.fire(FaultKind::Damaged);
        self.prepare(at);
        let turn = self.step(at, &Caller::Service, Input::Frame { bytes }, None);
        assert!(matches!(turn.reply, Some(Err(_))), "a damaged frame is refused");
    }

    fn crash(&mut self) -> Option<Crash> {
        if !self.faulty || !self.dice.chance(6) {
            return None;
        }
        let crash = *self.dice.pick(&[Crash::Uncommitted, Crash::Unsent, Crash::Unanswered]);
        self.faults.fire(match crash {
            Crash::Uncommitted => FaultKind::CrashBeforeCommit,
            Crash::Unsent => FaultKind::CrashBeforeSend,
            Crash::Unanswered => FaultKind::CrashBeforeReply,
        });
        Some(crash)
    }

    fn load(&mut self, at: usize) {
        let fresh = self.dice.bits();
        self.sites[at].replica(&self.cart, &self.regions, fresh, self.now);
    }

    /// An object without storage asks those who may hold the cart, as the shell does: the home that its id
    /// names, then that one's stores, then the home that those name.
    fn prepare(&mut self, at: usize) {
        self.load(at);
        if !self.sites[at].is_unknown() || self.sites[at].asked {
            return;
        }
        let first = self.home_seen_by(at);
        if first != at && self.pull(at, first) {
            return;
        }
        if self.ask_stores(at) {
            let home = self.home_seen_by(at);
            if home != at && home != first {
                self.pull(at, home);
            }
        }
    }

    /// Reads the cart from its own region's store and all of the home that its id names: one may have what the
    /// others still lack.
    fn ask_stores(&mut self, at: usize) -> bool {
        self.sites[at].asked = true;
        let first = self.cart.first_home();
        let (mut absent, mut found) = (false, false);
        let mut regions = self.regions.stores_of(first);
        regions.extend(Some(self.sites[at].region).filter(|own| !regions.contains(own)));
        for region in regions {
            let Some(store) = self.stores.iter().find(|store| store.region == region && !store.down) else {
                continue;
            };
            match &store.row {
                Some(row) => {
                    let bytes = row.frame(region).to_bytes();
                    self.step(at, &Caller::Service, Input::Frame { bytes }, None);
                    found = true;
                }
                None => absent = true,
            }
        }
        if absent && !found && first == self.sites[at].region {
            self.step(at, &Caller::Service, Input::Fresh, None);
        }
        found
    }

    /// A call and its answer at once, if the way is free.
    fn pull(&mut self, at: usize, from: usize) -> bool {
        let lost = self.faulty && self.dice.chance(self.loss);
        if lost || self.cut.contains(&(at, from)) || self.cut.contains(&(from, at)) {
            return false;
        }
        let holder = Holder::Replica(self.sites[from].region);
        let turn = self.step(at, &Caller::Service, Input::Pull { from: holder }, None);
        let Some(Effect::Send { frame, .. }) = turn.sends.into_iter().next() else { return false };
        self.prepare(from);
        let turn = self.step(from, &Caller::Service, Input::Frame { bytes: frame }, None);
        let Some(Ok(reply)) = turn.reply else { return false };
        let ReplyKind::Taken { receipt, frame } = reply.kind else { return false };
        self.step(at, &Caller::Service, Input::Receipts { receipts: vec![receipt] }, None);
        if let Some(bytes) = frame {
            self.step(at, &Caller::Service, Input::Frame { bytes }, None);
        }
        true
    }

    /// A turn of an object. What it removed is remembered; what it sends by itself goes out.
    pub(super) fn step(&mut self, at: usize, caller: &Caller, input: Input, crash: Option<Crash>) -> Turn {
        self.load(at);
        let before = self.sites[at].stored();
        let turn = self.sites[at].turn(caller, input, self.now, crash);
        if turn.forgot {
            self.tell(|world| format!("{} deletes its storage", world.sites[at].region));
            self.faults.fire(FaultKind::Forgotten);
        }
        if let (Some(before), Some(after)) = (before, self.sites[at].stored())
            && before != after
        {
            let live = |dot: Dot| after.lines().any(|(_, line)| line.get(dot).is_some());
            let gone = before.lines().flat_map(|(_, line)| line.iter()).map(|(dot, _)| dot);
            self.dead.extend(gone.filter(|dot| !live(*dot)));
        }
        turn
    }

    fn ring(&mut self, at: usize) {
        self.sites[at].alarm = None;
        if self.sites[at].row.is_none() {
            return;
        }
        // A handler that dies is called again.
        self.sites[at].awaited += 1;
        let crash = self.crash();
        let life = self.sites[at].life;
        let turn = self.step(at, &Caller::Service, Input::Tick, crash);
        for effect in turn.sends {
            if let Effect::Send { to, frame } = effect {
                self.send(at, to, frame);
            }
        }
        if self.sites[at].life == life {
            self.sites[at].awaited -= 1;
        }
    }

    fn send(&mut self, from: usize, to: Holder, bytes: Vec<u8>) {
        self.frames += 1;
        self.tell(|world| {
            let frame = Frame::from_bytes(&bytes).expect("its own frame");
            let (region, base, sequence) = (world.sites[from].region, frame.base, frame.sequence);
            format!("{region} tells {to} {base}..{sequence}")
        });
        if let Holder::Store(region) = to {
            let store = self.stores.iter().position(|store| store.region == region).unwrap_or(from);
            let times = if self.faulty { 1 + self.dice.below(3) } else { 1 };
            if times > 1 {
                self.faults.fire(FaultKind::QueueRepeated);
            }
            for _ in 0..times {
                let due = self.now.plus(50 + self.dice.below(9_000) as u64);
                self.post(due, Letter::Queue { store, bytes: bytes.clone() });
            }
            return;
        }
        self.sites[from].awaited += 1;
        let life = self.sites[from].life;
        self.post(self.now.plus(CALL_MS), Letter::Deadline { at: from, life, to, answered: false });
        let there = self.site_of(to);
        self.carry(from, there, Letter::Frame { from, to, bytes });
    }

    fn site_of(&self, holder: Holder) -> usize {
        self.sites.iter().position(|site| site.region == holder.region()).unwrap_or_default()
    }

    /// Sends a letter over the network, which may lose, repeat and delay it.
    fn carry(&mut self, from: usize, to: usize, letter: Letter) {
        if self.cut.contains(&(from, to)) {
            self.faults.fire(FaultKind::Cut);
            return;
        }
        if self.faulty && self.dice.chance(self.loss) {
            self.faults.fire(FaultKind::Lost);
            return;
        }
        let delay = 40 + self.dice.below(if self.faulty { 2_000 } else { 100 }) as u64;
        self.post(self.now.plus(delay), letter.clone());
        if self.faulty && self.dice.chance(self.repeat) {
            self.faults.fire(FaultKind::Repeated);
            let again = 40 + self.dice.below(90_000) as u64;
            self.post(self.now.plus(again), letter);
        }
    }

    fn post(&mut self, due: Millis, letter: Letter) {
        self.flight.push((due, letter));
        if self.faulty && self.flight.len() > FLIGHT_MAX {
            let at = self.dice.below(FLIGHT_MAX);
            if !matches!(self.flight[at].1, Letter::Deadline { .. }) {
                self.flight.swap_remove(at);
            }
        }
    }

    fn deliver(&mut self, letter: Letter) {
        match letter {
            Letter::Frame { from, to, bytes } => {
                let there = self.site_of(to);
                // A frame brings what an absent replica would ask others for, but may be wrong about the home.
                self.load(there);
                if self.sites[there].is_unknown() && !self.sites[there].asked {
                    self.ask_stores(there);
                }
                let crash = self.crash();
                let turn = self.step(there, &Caller::Service, Input::Frame { bytes }, crash);
                if let Some(Ok(reply)) = turn.reply
                    && let ReplyKind::Taken { receipt, frame } = reply.kind
                {
                    self.carry(there, from, Letter::Answer { to: from, from: to, receipt, frame });
                }
            }
            Letter::Answer { to, from, receipt, frame } => {
                self.answered(to, from);
                self.step(to, &Caller::Service, Input::Receipts { receipts: vec![receipt] }, None);
                let Some(bytes) = frame else { return };
                let turn = self.step(to, &Caller::Service, Input::Frame { bytes }, None);
                if let Some(Ok(reply)) = turn.reply
                    && let ReplyKind::Taken { receipt, .. } = reply.kind
                {
                    let there = self.site_of(from);
                    self.carry(to, there, Letter::Receipt { to: there, receipt });
                }
            }
            Letter::Receipt { to, receipt } => {
                self.step(to, &Caller::Service, Input::Receipts { receipts: vec![receipt] }, None);
            }
            Letter::Queue { store, bytes } => self.store(store, bytes),
            Letter::Deadline { at, life, to, answered } => {
                if self.sites[at].life != life {
                    return;
                }
                self.sites[at].awaited -= 1;
                if !answered {
                    self.step(at, &Caller::Service, Input::Missed { to }, None);
                }
            }
        }
    }

    fn answered(&mut self, by: usize, from: Holder) {
        for (_, letter) in &mut self.flight {
            if let Letter::Deadline { at, to, answered, .. } = letter
                && (*at, *to) == (by, from)
            {
                *answered = true;
            }
        }
    }

    /// A store takes what is in its queue, now and then several at once.
    fn store(&mut self, at: usize, bytes: Vec<u8>) {
        let mut frames = vec![Frame::from_bytes(&bytes).expect("its own frame")];
        let more = self
            .flight
            .iter()
            .position(|(_, letter)| matches!(letter, Letter::Queue { store, .. } if *store == at));
        if let Some(more) = more.filter(|_| self.dice.chance(50))
            && let (_, Letter::Queue { bytes, .. }) = self.flight.swap_remove(more)
        {
            frames.push(Frame::from_bytes(&bytes).expect("its own frame"));
        }
        let taken = self.stores[at].take(&frames, &mut self.dice, &mut self.faults);
        let Some(taken) = taken else {
            // The queue delivers it again.
            self.post(self.now.plus(30_000), Letter::Queue { store: at, bytes });
            return;
        };
        for (frame, receipt) in frames.iter().zip(&taken.receipts) {
            let there = self.site_of(frame.from);
            self.carry(at, there, Letter::Receipt { to: there, receipt: receipt.to_bytes() });
            if let Some(answer) = taken.answer.as_ref().filter(|_| frame.pull) {
                let from = Holder::Store(self.stores[at].region);
                let (receipt, frame) = (receipt.to_bytes(), Some(answer.to_bytes()));
                self.carry(at, there, Letter::Answer { to: there, from, receipt, frame });
            }
        }
    }

    pub(super) fn tell(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.history.is_some() {
            let line = format!("#{} at {}: {}", self.event, self.now.0 % Millis::DAY, line(self));
            self.history.iter_mut().for_each(|history| history.push(line.clone()));
        }
    }

    /// From now on nothing fails.
    pub(super) fn end_faults(&mut self) {
        self.faulty = false;
        self.cut.clear();
        self.loss = 0;
        self.repeat = 0;
        self.stores.iter_mut().for_each(|store| store.down = false);
        for site in &mut self.sites {
            site.skew_ms = 0;
            site.asked = false;
        }
    }

    /// A shopper comes to every region where the cart is: what was lost of alarms is armed again.
    pub(super) fn look_everywhere(&mut self) {
        for at in 0..self.sites.len() {
            if self.sites[at].row.is_some() || self.home_seen_by(at) == at {
                self.look(at);
            }
        }
    }
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Due {
    /// The alarm of an object.
    Alarm(usize),
    /// A letter in flight.
    Letter(usize),
}
