//! All interleavings in a tiny scope, breadth first: two replicas and a store, a few edits, messages that may
//! be lost or come twice, in any order, a restart. A step is a function of the object's state and its input, so each is
//! taken once; what is walked through are combinations of object states and of what is on its way.
//!
//! Wherever nothing is on its way the rest is run without faults, and all three must end with the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use cart_core::command::Command;
use cart_core::frame::{Frame, Holder};
use cart_core::id::{CartId, Dot, Region, SessionId};
use cart_core::line::LineKey;
use cart_core::regions::{Place, Regions};
use cart_core::replica::{Caller, Edit, Effect, Input, Replica, ReplyKind, Row, actors_of_key};
use cart_core::store::{self, Stored};
use cart_core::time::Millis;
use sha2::{Digest as _, Sha256};

const HOME: Region = Region::Weur;
const AWAY: Region = Region::Enam;
const NOW: Millis = Millis(20_600 * Millis::DAY + 3_600_000);
/// How many different edits there are, the first of which is made before the walk.
const EDITS: u8 = 5;
/// How many steps the rest may take.
const REST_MAX: usize = 400;

/// How large the scope is that is walked through.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// How many edits are made, in any order: up to four.
    pub edits: u8,
    /// How many messages may be lost.
    pub lost: u8,
    /// How many messages may come twice.
    pub twice: u8,
    /// How many objects may be put out of memory.
    pub restarts: u8,
    /// After how many states to stop.
    pub states_max: usize,
}

impl Scope {
    /// Those that are walked through whole.
    pub const WHOLE: [Self; 3] = [Self::of(2, 0, 0, 1), Self::of(2, 1, 0, 0), Self::of(2, 0, 1, 0)];
    /// A larger one, as far as it goes.
    pub const LARGER: Self = Self::of(4, 2, 1, 1);
    /// How many states those that are walked through whole must have.
    pub const STATES_MIN: usize = 1_500_000;

    const fn of(edits: u8, lost: u8, twice: u8, restarts: u8) -> Self {
        Self { edits, lost, twice, restarts, states_max: 3_000_000 }
    }
}

/// An object: its replica in memory, its row, whether its alarm is armed.
#[derive(Clone)]
struct Object {
    replica: Replica,
    row: Option<Row>,
    alarm: bool,
}

/// A message: to which object or the store, by number, and of what kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Letter {
    Frame { to: usize, bytes: Vec<u8> },
    Answer { to: usize, receipt: Vec<u8>, frame: Option<Vec<u8>> },
    Receipt { to: usize, receipt: Vec<u8> },
    Tell { to: usize, bytes: Vec<u8> },
    Queue { bytes: Vec<u8> },
}

/// Where the walk is: all parts by their numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place3 {
    objects: [u32; 2],
    store: u32,
    /// Which edits were made, a bit each.
    edits: u8,
    /// What may still be lost, come twice, and be restarted.
    left: [u8; 3],
    letters: Vec<u32>,
}

/// What a walk has found.
#[derive(Clone, Debug)]
pub struct Found {
    /// How many states it has seen.
    pub states: usize,
    /// How many of them were run to their end.
    pub ends: usize,
    /// How many states of an object there are.
    pub objects: usize,
    /// Whether these are all states that there are.
    pub all: bool,
    /// What did not hold.
    pub broken: Option<String>,
}

/// The walk, with all it has met, numbered.
struct Walk {
    scope: Scope,
    regions: Arc<Regions>,
    session: SessionId,
    cart: CartId,
    objects: Vec<Object>,
    object_numbers: BTreeMap<[u8; 32], u32>,
    stores: Vec<Option<Stored>>,
    letters: Vec<Letter>,
    letter_numbers: BTreeMap<Letter, u32>,
    /// Steps that were taken: the object after them and what it sent.
    taken: BTreeMap<(u32, u32), (u32, Vec<u32>)>,
    ends: BTreeMap<([u32; 2], u32, u8), Option<String>>,
}

/// Walks until so many states were seen, or all.
pub fn walk(scope: Scope) -> Found {
    let mut walk = Walk::new(scope);
    let first = walk.first();
    let (mut seen, mut next) = (BTreeSet::from([first.clone()]), VecDeque::from([first]));
    let (mut broken, mut all) = (None, true);
    while let Some(place) = next.pop_front() {
        if place.letters.is_empty()
            && let Some(text) = walk.end(&place)
        {
            broken = Some(text);
            break;
        }
        for further in walk.further(&place) {
            if seen.len() >= scope.states_max {
                all &= seen.contains(&further);
            } else if seen.insert(further.clone()) {
                next.push_back(further);
            }
        }
    }
    Found { states: seen.len(), ends: walk.ends.len(), objects: walk.objects.len(), all, broken }
}

impl Walk {
    fn new(scope: Scope) -> Self {
        let place = |region, latitude, stores: &[&str]| Place {
            region,
            latitude,
            longitude: 0.0,
            share: None,
            stores: stores.iter().map(|name| (*name).to_owned()).collect(),
        };
        let places = vec![place(HOME, 50.0, &["STORE"]), place(AWAY, 10.0, &[])];
        Self {
            scope,
            regions: Arc::new(Regions { places }),
            session: SessionId::mint([4; 15]),
            cart: CartId::mint(HOME, [3; 15]),
            objects: Vec::new(),
            object_numbers: BTreeMap::new(),
            stores: vec![None],
            letters: Vec::new(),
            letter_numbers: BTreeMap::new(),
            taken: BTreeMap::new(),
            ends: BTreeMap::new(),
        }
    }

    /// A home that has the cart, and a replica that has just asked it.
    fn first(&mut self) -> Place3 {
        let new = |region, incarnation| Object {
            replica: Replica::new(self.cart.clone(), region, incarnation, NOW)
                .among(Arc::clone(&self.regions)),
            row: None,
            alarm: false,
        };
        let (mut home, mut away) = (new(HOME, 11), new(AWAY, 22));
        self.run(&mut home, Input::Fresh, NOW);
        self.make(&mut home, 0, NOW);
        let (_, sent) = self.run(&mut away, Input::Pull { from: Holder::Replica(HOME) }, NOW);
        for (_, bytes) in sent {
            let (reply, _) = self.run(&mut home, Input::Frame { bytes }, NOW);
            if let Some(ReplyKind::Taken { frame: Some(bytes), .. }) = reply {
                self.run(&mut away, Input::Frame { bytes }, NOW);
            }
        }
        let objects = [self.object(home), self.object(away)];
        let Scope { lost, twice, restarts, .. } = self.scope;
        Place3 { objects, store: 0, edits: 1, left: [lost, twice, restarts], letters: Vec::new() }
    }

    fn commands(&self, edit: u8) -> (usize, &'static str, Command) {
        let line_id = LineKey::new("X", None, None).expect("a key").line_id();
        let add = |quantity| Command::Add { sku: "X".into(), quantity, variant: None, customization: None };
        match edit {
            0 => (0, "first", add(1)),
            1 => (0, "one", add(2)),
            2 => (1, "one", add(2)),
            3 => (1, "other", add(3)),
            _ => (0, "gone", Command::Remove { line_id, at: Default::default() }),
        }
    }

    fn make(&self, object: &mut Object, edit: u8, now: Millis) -> Vec<(Holder, Vec<u8>)> {
        let (_, key, command) = self.commands(edit);
        let actors = actors_of_key(NOW.day(), &self.session, key);
        let (id, root) = (self.session.clone(), self.cart.clone());
        let caller = Caller::Session { id, root, issued: NOW, current: false };
        self.step(object, &caller, Input::Edit(Edit::of(actors, vec![command])), now).1
    }

    fn run(
        &self,
        object: &mut Object,
        input: Input,
        now: Millis,
    ) -> (Option<ReplyKind>, Vec<(Holder, Vec<u8>)>) {
        self.step(object, &Caller::Service, input, now)
    }

    fn step(
        &self,
        object: &mut Object,
        caller: &Caller,
        input: Input,
        now: Millis,
    ) -> (Option<ReplyKind>, Vec<(Holder, Vec<u8>)>) {
        let (mut reply, mut sent) = (None, Vec::new());
        for effect in object.replica.step(caller, input, now) {
            match effect {
                Effect::Put(row) => object.row = Some(row),
                Effect::Wake(_) => object.alarm = true,
                Effect::Send { to, frame } => sent.push((to, frame)),
                Effect::Reply(answer) => reply = answer.ok().map(|answer| answer.kind),
                _ => {}
            }
        }
        (reply, sent)
    }

    fn object(&mut self, object: Object) -> u32 {
        let text = format!("{:?} {:?} {}", object.replica, object.row, object.alarm);
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let next = self.objects.len() as u32;
        let number = *self.object_numbers.entry(digest).or_insert(next);
        if number == next {
            self.objects.push(object);
        }
        number
    }

    fn letter(&mut self, letter: Letter) -> u32 {
        let next = self.letters.len() as u32;
        let number = *self.letter_numbers.entry(letter.clone()).or_insert(next);
        if number == next {
            self.letters.push(letter);
        }
        number
    }

    fn stored(&mut self, store: Option<Stored>) -> u32 {
        if let Some(at) = self.stores.iter().position(|there| *there == store) {
            return at as u32;
        }
        self.stores.push(store);
        self.stores.len() as u32 - 1
    }

    fn posts(&mut self, sent: Vec<(Holder, Vec<u8>)>) -> Vec<u32> {
        let posts = sent.into_iter().map(|(to, bytes)| match to {
            Holder::Store(_) => Letter::Queue { bytes },
            Holder::Replica(region) => Letter::Frame { to: usize::from(region == AWAY), bytes },
        });
        posts.collect::<Vec<_>>().into_iter().map(|letter| self.letter(letter)).collect()
    }

    /// What an object does with what: an edit, its alarm, a restart, a letter, or that one was lost.
    fn act(
        &mut self,
        object: u32,
        what: u32,
        act: impl FnOnce(&Self, &mut Object) -> Vec<Letter>,
    ) -> (u32, Vec<u32>) {
        if let Some(done) = self.taken.get(&(object, what)) {
            return done.clone();
        }
        let mut after = self.objects[object as usize].clone();
        let letters = act(self, &mut after);
        let letters = letters.into_iter().map(|letter| self.letter(letter)).collect();
        let done = (self.object(after), letters);
        self.taken.insert((object, what), done.clone());
        done
    }

    /// All places that may come next.
    fn further(&mut self, place: &Place3) -> Vec<Place3> {
        let mut all = Vec::new();
        for at in 0..2 {
            let object = place.objects[at];
            for edit in 1..EDITS {
                if place.edits.count_ones() > u32::from(self.scope.edits) {
                    break;
                }
                if place.edits >> edit & 1 == 1 || self.commands(edit).0 != at {
                    continue;
                }
                let (after, _) = self.act(object, edit.into(), |walk, object| {
                    walk.make(object, edit, NOW);
                    Vec::new()
                });
                let mut next = Place3 { edits: place.edits | 1 << edit, ..place.clone() };
                next.objects[at] = after;
                all.push(next);
            }
            if self.objects[object as usize].alarm {
                let (after, letters) = self.act(object, 100, |walk, object| walk.tick(object));
                all.push(moved(place, at, after, &letters, None));
            }
            if place.left[2] > 0 && self.objects[object as usize].row.is_some() {
                let (after, _) = self.act(object, 101, |walk, object| {
                    walk.restart(object);
                    Vec::new()
                });
                let mut next = moved(place, at, after, &[], None);
                next.left[2] -= 1;
                all.push(next);
            }
        }
        for (index, number) in place.letters.iter().enumerate() {
            if index > 0 && place.letters[index - 1] == *number {
                continue;
            }
            let come = self.come(place, *number);
            if place.left[1] > 0 {
                // It comes, and will come again.
                let mut next = come.clone();
                next.letters.push(*number);
                next.letters.sort_unstable();
                next.left[1] -= 1;
                all.push(next);
            }
            all.push(come);
            if place.left[0] > 0 {
                all.push(self.lose(place, *number));
            }
        }
        all
    }

    fn tick(&self, object: &mut Object) -> Vec<Letter> {
        object.alarm = false;
        let (_, sent) = self.run(object, Input::Tick, NOW);
        let letters = sent.into_iter().map(|(to, bytes)| match to {
            Holder::Store(_) => Letter::Queue { bytes },
            Holder::Replica(region) => Letter::Frame { to: usize::from(region == AWAY), bytes },
        });
        letters.collect()
    }

    fn restart(&self, object: &mut Object) {
        if let Some(row) = &object.row {
            let replica = Replica::from_row(row).expect("its own row");
            object.replica = replica.among(Arc::clone(&self.regions));
        }
    }

    /// A letter comes.
    fn come(&mut self, place: &Place3, number: u32) -> Place3 {
        let letter = self.letters[number as usize].clone();
        if let Letter::Queue { bytes } = &letter {
            let (store, letters) = self.take(place.store, bytes);
            let mut next = moved(place, 0, place.objects[0], &letters, Some(number));
            next.store = store;
            return next;
        }
        let (Letter::Frame { to, .. }
        | Letter::Answer { to, .. }
        | Letter::Receipt { to, .. }
        | Letter::Tell { to, .. }) = letter
        else {
            return place.clone();
        };
        let (after, letters) =
            self.act(place.objects[to], 1_000 + number, |walk, object| walk.read(object, to, letter, NOW));
        moved(place, to, after, &letters, Some(number))
    }

    fn read(&self, object: &mut Object, to: usize, letter: Letter, now: Millis) -> Vec<Letter> {
        match letter {
            Letter::Frame { bytes, .. } => match self.run(object, Input::Frame { bytes }, now).0 {
                Some(ReplyKind::Taken { receipt, frame }) => {
                    vec![Letter::Answer { to: 1 - to, receipt, frame }]
                }
                _ => Vec::new(),
            },
            Letter::Answer { receipt, frame, .. } => {
                self.run(object, Input::Receipts { receipts: vec![receipt] }, now);
                let taken = frame.map(|bytes| self.run(object, Input::Frame { bytes }, now).0);
                match taken.flatten() {
                    Some(ReplyKind::Taken { receipt, .. }) => vec![Letter::Receipt { to: 1 - to, receipt }],
                    _ => Vec::new(),
                }
            }
            Letter::Receipt { receipt, .. } => {
                self.run(object, Input::Receipts { receipts: vec![receipt] }, now);
                Vec::new()
            }
            Letter::Tell { bytes, .. } => {
                self.run(object, Input::Frame { bytes }, now);
                Vec::new()
            }
            Letter::Queue { .. } => Vec::new(),
        }
    }

    fn take(&mut self, store: u32, bytes: &[u8]) -> (u32, Vec<u32>) {
        let frame = Frame::from_bytes(bytes).expect("its own frame");
        let to = usize::from(frame.from.region() == AWAY);
        let row = self.stores[store as usize].clone();
        let pulls = frame.pull;
        let taken = store::take(row.as_ref(), &[frame], HOME, 33).expect("a frame that can be read");
        let told = taken.receipts.iter().map(|receipt| Letter::Receipt { to, receipt: receipt.to_bytes() });
        let answer = taken.answer.filter(|_| pulls).map(|frame| Letter::Tell { to, bytes: frame.to_bytes() });
        let letters: Vec<Letter> = told.chain(answer).collect();
        let letters = letters.into_iter().map(|letter| self.letter(letter)).collect();
        (self.stored(taken.write.or(row)), letters)
    }

    /// A letter is lost. Whoever waits for an answer notices.
    fn lose(&mut self, place: &Place3, number: u32) -> Place3 {
        let waits = match &self.letters[number as usize] {
            Letter::Frame { to, .. } => Some(1 - to),
            Letter::Answer { to, .. } => Some(*to),
            _ => None,
        };
        let mut next = moved(place, 0, place.objects[0], &[], Some(number));
        if let Some(at) = waits {
            let other = if at == 0 { AWAY } else { HOME };
            let (after, _) = self.act(place.objects[at], 102, |walk, object| {
                walk.run(object, Input::Missed { to: Holder::Replica(other) }, NOW);
                Vec::new()
            });
            next.objects[at] = after;
        }
        next.left[0] -= 1;
        next
    }

    /// Runs the rest without faults, some hours later, and says what does not hold then.
    fn end(&mut self, place: &Place3) -> Option<String> {
        let key = (place.objects, place.store, place.edits);
        if let Some(known) = self.ends.get(&key) {
            return known.clone();
        }
        let result = self.rest(place);
        self.ends.insert(key, result.clone());
        result
    }

    fn rest(&mut self, place: &Place3) -> Option<String> {
        let mut objects = place.objects.map(|number| self.objects[number as usize].clone());
        let mut store = place.store;
        let mut now = NOW.plus(2 * 3_600_000);
        let (id, root) = (self.session.clone(), self.cart.clone());
        let caller = Caller::Session { id, root, issued: NOW, current: false };
        for object in &mut objects {
            self.step(object, &caller, Input::Read, now);
        }
        let mut letters: VecDeque<u32> = VecDeque::new();
        let mut steps = 0;
        while steps < REST_MAX {
            steps += 1;
            if let Some(number) = letters.pop_front() {
                let letter = self.letters[number as usize].clone();
                let more = match &letter {
                    Letter::Queue { bytes } => {
                        let (after, more) = self.take(store, bytes);
                        store = after;
                        more
                    }
                    Letter::Frame { to, .. }
                    | Letter::Answer { to, .. }
                    | Letter::Receipt { to, .. }
                    | Letter::Tell { to, .. } => {
                        let to = *to;
                        let more = self.read(&mut objects[to], to, letter, now);
                        more.into_iter().map(|letter| self.letter(letter)).collect()
                    }
                };
                letters.extend(more);
                continue;
            }
            let Some(at) = (0..2).find(|at| objects[*at].alarm) else { break };
            now = now.plus(70_000);
            objects[at].alarm = false;
            let (_, sent) = self.run(&mut objects[at], Input::Tick, now);
            letters.extend(self.posts(sent));
        }
        self.judge(&objects, store, place.edits, steps)
    }

    fn judge(&self, objects: &[Object; 2], store: u32, edits: u8, steps: usize) -> Option<String> {
        if steps >= REST_MAX {
            return Some("no rest".into());
        }
        let [home, away] = objects;
        let carts = [home.replica.cart(), away.replica.cart()];
        if home.replica.digest() != away.replica.digest() && away.row.is_some() {
            return Some(format!("the replicas hold {carts:?}"));
        }
        let stored = self.stores[store as usize].as_ref().map(|row| &row.cart);
        if stored != Some(carts[0]) {
            return Some(format!("the store holds {stored:?}, the home {:?}", carts[0]));
        }
        let made = (0..EDITS).filter(|edit| edits >> edit & 1 == 1);
        let lost = made.map(|edit| self.commands(edit).1).find(|key| {
            let actor = actors_of_key(NOW.day(), &self.session, key)[0];
            *key != "gone" && !carts[0].context().contains(Dot::new(actor, 1))
        });
        lost.map(|key| format!("{key} is lost: {:?}", carts[0]))
    }
}

fn moved(place: &Place3, at: usize, object: u32, letters: &[u32], without: Option<u32>) -> Place3 {
    let mut next = place.clone();
    next.objects[at] = object;
    if let Some(gone) = without.and_then(|number| next.letters.iter().position(|there| *there == number)) {
        next.letters.remove(gone);
    }
    next.letters.extend(letters);
    next.letters.sort_unstable();
    next
}
