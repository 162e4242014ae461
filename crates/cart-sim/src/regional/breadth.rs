//! All interleavings in a tiny scope, breadth first, by the checker of `stateright`: two replicas and a store, a few
//! edits, messages that may be lost or come twice, in any order, a restart. A step is a function of an object's state
//! and of what it is given, so each is taken once; what is walked through are combinations of object states and of
//! what is on its way.
//!
//! Wherever nothing is on its way the rest is run without faults, and all three must end with the same.
//!
//! The checker tells states apart by fingerprints of 64 bits. Two that had the same would be one to it, and the second
//! and what comes after it would not be looked at: among a million states, a chance of one in forty million. It runs on
//! one thread, so that the way to what is broken is the shortest, and the same each time.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use cart_core::command::Command;
use cart_core::frame::{Frame, Holder};
use cart_core::id::{CartId, Dot, Region, SessionId};
use cart_core::line::LineKey;
use cart_core::regions::{Place, Regions};
use cart_core::replica::telling::{Answer, Step, Telling, Why, acknowledgement};
use cart_core::replica::{Caller, Edit, Effect, Input, Replica, ReplyKind, Row};
use cart_core::store::{self, Stored};
use cart_core::time::Millis;
use sha2::{Digest as _, Sha256};
use stateright::{Checker as _, HasDiscoveries, Model, Property};

const HOME: Region = Region::Weur;
const AWAY: Region = Region::Enam;
/// The objects, by their places.
const NAMES: [&str; 3] = ["home", "away", "store"];
const STORE: usize = 2;
const NOW: Millis = Millis(20_600 * Millis::DAY + 3_600_000);
/// How many different edits there are, the first of which is made before the walk.
const EDITS: u8 = 5;
/// How many steps the rest may take.
const REST_MAX: usize = 400;
/// What must always hold.
const PROMISE: &str = "the rest ends with the same everywhere";

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
}

impl Scope {
    /// Those that are walked through whole.
    pub const WHOLE: [Self; 3] = [Self::of(2, 0, 0, 1), Self::of(2, 1, 0, 0), Self::of(2, 0, 1, 0)];
    /// A larger one, as far as it goes.
    pub const LARGER: Self = Self::of(4, 2, 1, 1);
    /// How many states those that are walked through whole must have.
    pub const STATES_MIN: usize = 1_500_000;
    /// After how many steps to stop, those counted that lead to where the walk has been.
    const STEPS_MAX: usize = 12_000_000;

    const fn of(edits: u8, lost: u8, twice: u8, restarts: u8) -> Self {
        Self { edits, lost, twice, restarts }
    }
}

/// What a walk has found.
#[derive(Clone, Debug)]
pub struct Found {
    /// How many states were looked at.
    pub states: usize,
    /// How many of them were run to their end.
    pub ends: usize,
    /// How many states of an object there are.
    pub objects: usize,
    /// Whether these are all states that there are.
    pub all: bool,
    /// What did not hold, and the way there.
    pub broken: Option<String>,
}

/// Walks until something is broken, so many steps were made, or all states were seen.
pub fn walk(scope: Scope) -> Found {
    let checker = Tiny::new(scope)
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .target_state_count(Scope::STEPS_MAX)
        .spawn_bfs()
        .join();
    let tiny = checker.model();
    let broken = checker.discovery(PROMISE).map(|path| {
        let broken = tiny.end(path.last_state()).unwrap_or_default();
        let way = path.into_actions().into_iter().map(|action| tiny.format_action(&action) + "\n");
        format!("{scope:?}\n{}{broken}", way.collect::<String>())
    });
    let met = tiny.met();
    let all = met.states == checker.unique_state_count();
    Found { states: met.states, ends: met.ends.len(), objects: met.objects.things.len(), all, broken }
}

/// Where the walk is: all parts by their numbers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Place3 {
    /// The home, the other replica, the store.
    objects: [u32; 3],
    /// Which edits were made, a bit each.
    edits: u8,
    /// What may still be lost, come twice, and be restarted.
    left: [u8; 3],
    letters: Vec<u32>,
}

/// What may happen next; letters by their numbers, objects by their places.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Action {
    Edit(u8),
    Tick(usize),
    Restart(usize),
    Come(u32),
    /// It comes, and will come again.
    ComeTwice(u32),
    /// It is lost. Whoever waits for an answer notices.
    Lose(u32),
}

/// A replica in memory, its row, whether its alarm is armed; or the row of the store.
#[derive(Clone, Debug)]
enum Object {
    Replica { replica: Box<Replica>, row: Option<Row>, alarm: bool },
    Store(Option<Box<Stored>>),
}

/// A message.
#[derive(Clone)]
struct Letter {
    from: usize,
    to: usize,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Frame(Vec<u8>),
    /// The answer to a frame of a replica.
    Answer(Answer),
    /// The call that brings a receipt.
    Receipt(Input),
    /// What the store was asked for.
    Tell(Vec<u8>),
}

/// Things that were met, each once, by number.
struct Numbers<T> {
    things: Vec<T>,
    of: BTreeMap<[u8; 32], u32>,
}

/// All that was met on the walk.
#[derive(Default)]
struct Met {
    objects: Numbers<Object>,
    letters: Numbers<Letter>,
    /// Steps that were taken: the object after them and what it sent.
    taken: BTreeMap<(u32, Action), (u32, Vec<u32>)>,
    ends: BTreeMap<([u32; 3], u8), Option<String>>,
    states: usize,
}

/// A scope with what was met in it.
struct Tiny {
    scope: Scope,
    regions: Arc<Regions>,
    session: SessionId,
    cart: CartId,
    met: Mutex<Met>,
}

impl Model for Tiny {
    type State = Place3;
    type Action = Action;

    /// A home that has the cart, and a replica that has just asked it.
    fn init_states(&self) -> Vec<Place3> {
        let new = |region, incarnation| {
            let replica = Replica::new(self.cart.clone(), region, incarnation, NOW);
            let replica = Box::new(replica.among(Arc::clone(&self.regions)));
            Object::Replica { replica, row: None, alarm: false }
        };
        let mut objects = [new(HOME, 11), new(AWAY, 22), Object::Store(None)];
        objects[0].run(Input::Fresh, NOW);
        self.edit(&mut objects[0], 0);
        let (_, asked) = objects[1].run(Input::Pull { from: Holder::Replica(HOME) }, NOW);
        for (_, bytes) in asked {
            let (reply, _) = objects[0].run(Input::Frame { bytes }, NOW);
            if let Some(ReplyKind::Taken { frame: Some(bytes), .. }) = reply {
                objects[1].run(Input::Frame { bytes }, NOW);
            }
        }
        let Scope { lost, twice, restarts, .. } = self.scope;
        let objects = objects.map(|object| self.met().objects.number(object));
        vec![Place3 { objects, edits: 1, left: [lost, twice, restarts], letters: Vec::new() }]
    }

    fn actions(&self, place: &Place3, actions: &mut Vec<Action>) {
        let [lost, twice, restarts] = place.left;
        if place.edits.count_ones() <= u32::from(self.scope.edits) {
            actions.extend((1..EDITS).filter(|edit| place.edits >> edit & 1 == 0).map(Action::Edit));
        }
        let met = self.met();
        for (at, number) in place.objects.iter().enumerate() {
            if let Object::Replica { row, alarm, .. } = met.objects.get(*number) {
                actions.extend(alarm.then_some(Action::Tick(at)));
                actions.extend((restarts > 0 && row.is_some()).then_some(Action::Restart(at)));
            }
        }
        for same in place.letters.chunk_by(|one, other| one == other) {
            actions.push(Action::Come(same[0]));
            actions.extend((twice > 0).then_some(Action::ComeTwice(same[0])));
            actions.extend((lost > 0).then_some(Action::Lose(same[0])));
        }
    }

    fn next_state(&self, place: &Place3, action: Action) -> Option<Place3> {
        let mut next = place.clone();
        match action {
            Action::Edit(edit) => next.edits |= 1 << edit,
            Action::Tick(_) => {}
            Action::Restart(_) => next.left[2] -= 1,
            Action::ComeTwice(_) => next.left[1] -= 1,
            Action::Come(letter) | Action::Lose(letter) => {
                let at = next.letters.iter().position(|there| *there == letter)?;
                next.letters.remove(at);
                next.left[0] -= u8::from(matches!(action, Action::Lose(_)));
            }
        }
        let mut met = self.met();
        if let Some(at) = met.actor(action) {
            let (after, sent) = self.act(&mut met, next.objects[at], action);
            next.objects[at] = after;
            next.letters.extend(sent);
            next.letters.sort_unstable();
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(PROMISE, |tiny: &Self, place: &Place3| {
            tiny.met().states += 1;
            !place.letters.is_empty() || tiny.end(place).is_none()
        })]
    }

    fn format_action(&self, action: &Action) -> String {
        let letter = |number| self.met().letters.get(number).clone();
        match *action {
            Action::Edit(edit) => format!("{}: {:?}", NAMES[edit_of(edit).0], edit_of(edit).2),
            Action::Tick(at) => format!("{}: its alarm goes off", NAMES[at]),
            Action::Restart(at) => format!("{}: starts again from its row", NAMES[at]),
            Action::Come(number) => format!("comes {:?}", letter(number)),
            Action::ComeTwice(number) => format!("comes, and will come again {:?}", letter(number)),
            Action::Lose(number) => format!("is lost {:?}", letter(number)),
        }
    }
}

impl Tiny {
    fn new(scope: Scope) -> Self {
        let place = |region, latitude, stores: &[&str]| Place {
            stores: stores.iter().map(|name| (*name).to_owned()).collect(),
            ..Place::at(region, latitude, 0.0)
        };
        let places = vec![place(HOME, 50.0, &["STORE"]), place(AWAY, 10.0, &[])];
        Self {
            scope,
            regions: Arc::new(Regions { places }),
            session: SessionId::mint([4; 15]),
            cart: CartId::mint(HOME, [3; 15]),
            met: Mutex::default(),
        }
    }

    fn met(&self) -> MutexGuard<'_, Met> {
        self.met.lock().expect("no step panicked")
    }

    /// What an object is after an action, and what it sends.
    fn act(&self, met: &mut Met, number: u32, action: Action) -> (u32, Vec<u32>) {
        let action = match action {
            Action::ComeTwice(letter) => Action::Come(letter),
            other => other,
        };
        if let Some(done) = met.taken.get(&(number, action)) {
            return done.clone();
        }
        let mut object = met.objects.get(number).clone();
        let sent = match action {
            Action::Edit(edit) => self.edit(&mut object, edit),
            Action::Tick(at) => object.tick(at, NOW),
            Action::Restart(_) => self.restart(&mut object),
            Action::Come(letter) | Action::ComeTwice(letter) => {
                object.take(met.letters.get(letter).clone(), NOW)
            }
            Action::Lose(letter) => object.miss(met.letters.get(letter)),
        };
        let sent = sent.into_iter().map(|letter| met.letters.number(letter)).collect();
        let done = (met.objects.number(object), sent);
        met.taken.insert((number, action), done.clone());
        done
    }

    fn caller(&self) -> Caller {
        let (id, root) = (self.session.clone(), self.cart.clone());
        Caller::Session { id, root, issued: NOW, current: false }
    }

    fn edit(&self, object: &mut Object, edit: u8) -> Vec<Letter> {
        let (_, key, command) = edit_of(edit);
        let edit = Edit::of(NOW.day(), &self.session, key, vec![command]);
        object.step(&self.caller(), Input::Edit(edit), NOW);
        Vec::new()
    }

    fn restart(&self, object: &mut Object) -> Vec<Letter> {
        if let Object::Replica { replica, row: Some(row), .. } = object {
            **replica = Replica::from_row(row).expect("its own row").among(Arc::clone(&self.regions));
        }
        Vec::new()
    }

    /// Runs the rest without faults, some hours later, and says what does not hold then.
    fn end(&self, place: &Place3) -> Option<String> {
        let mut met = self.met();
        let key = (place.objects, place.edits);
        if let Some(known) = met.ends.get(&key) {
            return known.clone();
        }
        let result = self.rest(place.objects.map(|number| met.objects.get(number).clone()), place.edits);
        met.ends.insert(key, result.clone());
        result
    }

    fn rest(&self, mut objects: [Object; 3], edits: u8) -> Option<String> {
        let mut now = NOW.plus(2 * 3_600_000);
        for replica in &mut objects[..STORE] {
            replica.step(&self.caller(), Input::Read, now);
        }
        let mut letters = VecDeque::new();
        for _ in 0..REST_MAX {
            if let Some(letter) = letters.pop_front() {
                let Letter { to, .. } = letter;
                letters.extend(objects[to].take(letter, now));
            } else if let Some(at) = objects.iter().position(Object::is_armed) {
                now = now.plus(70_000);
                letters.extend(objects[at].tick(at, now));
            } else {
                return self.judge(&objects, edits);
            }
        }
        Some("no rest".into())
    }

    fn judge(&self, objects: &[Object; 3], edits: u8) -> Option<String> {
        let [
            Object::Replica { replica: home, .. },
            Object::Replica { replica: away, row, .. },
            Object::Store(stored),
        ] = objects
        else {
            unreachable!("two replicas and a store")
        };
        let carts = [home.cart(), away.cart()];
        if home.digest() != away.digest() && row.is_some() {
            return Some(format!("the replicas hold {carts:?}"));
        }
        let stored = stored.as_ref().map(|row| &row.cart);
        if stored != Some(carts[0]) {
            return Some(format!("the store holds {stored:?}, the home {:?}", carts[0]));
        }
        let made = (0..EDITS).filter(|edit| edits >> edit & 1 == 1);
        let lost = made.map(edit_of).find(|(_, key, command)| {
            let edit = Edit::of(NOW.day(), &self.session, key, vec![command.clone()]);
            *key != "gone" && !carts[0].context().contains(Dot::new(edit.actors[0], 1))
        });
        lost.map(|(_, key, _)| format!("{key} is lost: {:?}", carts[0]))
    }
}

/// Where an edit is made, under which key, and what it is.
fn edit_of(edit: u8) -> (usize, &'static str, Command) {
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

impl Object {
    fn is_armed(&self) -> bool {
        matches!(self, Self::Replica { alarm: true, .. })
    }

    fn run(&mut self, input: Input, now: Millis) -> (Option<ReplyKind>, Vec<(Holder, Vec<u8>)>) {
        self.step(&Caller::Service, input, now)
    }

    fn step(
        &mut self,
        caller: &Caller,
        input: Input,
        now: Millis,
    ) -> (Option<ReplyKind>, Vec<(Holder, Vec<u8>)>) {
        let Self::Replica { replica, row, alarm } = self else { unreachable!("a store takes frames only") };
        let (mut reply, mut sent) = (None, Vec::new());
        for effect in replica.step(caller, input, now) {
            match effect {
                Effect::Put(after) => *row = Some(after),
                Effect::Wake(_) => *alarm = true,
                Effect::Send { to, frame } => sent.push((to, frame)),
                Effect::Reply(answer) => reply = answer.ok().map(|answer| answer.kind),
                _ => {}
            }
        }
        (reply, sent)
    }

    /// The alarm goes off.
    fn tick(&mut self, from: usize, now: Millis) -> Vec<Letter> {
        if let Self::Replica { alarm, .. } = self {
            *alarm = false;
        }
        let (_, sent) = self.run(Input::Tick, now);
        let letters =
            sent.into_iter().map(|(to, bytes)| Letter { from, to: place_of(to), what: What::Frame(bytes) });
        letters.collect()
    }

    /// A letter comes: what is sent for it.
    fn take(&mut self, letter: Letter, now: Millis) -> Vec<Letter> {
        let Letter { from, to, what } = letter;
        let post = |what| Letter { from: to, to: from, what };
        match what {
            What::Frame(bytes) if to == STORE => self.store(&bytes).into_iter().map(post).collect(),
            What::Frame(bytes) => match self.run(Input::Frame { bytes }, now).0.map(Answer::of) {
                Some(answer @ Answer::Taken { .. }) => vec![post(What::Answer(answer))],
                Some(Answer::Sent | Answer::Missed) | None => Vec::new(),
            },
            What::Answer(answer) => self.follow(from, answer, now).into_iter().map(post).collect(),
            What::Receipt(input) => {
                self.run(input, now);
                Vec::new()
            }
            What::Tell(bytes) => {
                self.run(Input::Frame { bytes }, now);
                Vec::new()
            }
        }
    }

    /// What a holder has answered is taken in: the receipts that go back to it.
    fn follow(&mut self, from: usize, answer: Answer, now: Millis) -> Vec<What> {
        let from = Holder::Replica([HOME, AWAY][from]);
        let mut telling = Telling::to([from], Why::Alarm);
        telling.hear(from, answer);
        let mut receipts = Vec::new();
        loop {
            match telling.next_step() {
                Step::Take(input) => drop(self.run(input, now)),
                Step::TakeFrom(_, input) => {
                    receipts.extend(self.run(input, now).0.and_then(acknowledgement).map(What::Receipt));
                }
                Step::Wait | Step::Done => return receipts,
            }
        }
    }

    /// The store joins a frame into its row: the receipt, and what was asked for.
    fn store(&mut self, bytes: &[u8]) -> Vec<What> {
        let Self::Store(row) = self else { unreachable!("only the store stores") };
        let frame = Frame::from_bytes(bytes).expect("its own frame");
        let pulls = frame.pull;
        let taken = store::take(row.as_deref(), &[frame], HOME, 33).expect("a frame that can be read");
        *row = taken.write.map(Box::new).or(row.take());
        let told = taken.receipts.iter().map(|receipt| {
            let receipts = vec![receipt.to_bytes()];
            What::Receipt(Input::Receipts { receipts })
        });
        told.chain(taken.answer.filter(|_| pulls).map(|frame| What::Tell(frame.to_bytes()))).collect()
    }

    /// What it waited for was lost.
    fn miss(&mut self, letter: &Letter) -> Vec<Letter> {
        let other = if let What::Frame(_) = letter.what { letter.to } else { letter.from };
        self.run(Input::Missed { to: Holder::Replica([HOME, AWAY][other]) }, NOW);
        Vec::new()
    }
}

fn place_of(holder: Holder) -> usize {
    match holder {
        Holder::Store(_) => STORE,
        Holder::Replica(region) => usize::from(region == AWAY),
    }
}

impl Met {
    /// Which object an action changes, if any.
    fn actor(&self, action: Action) -> Option<usize> {
        match action {
            Action::Edit(edit) => Some(edit_of(edit).0),
            Action::Tick(at) | Action::Restart(at) => Some(at),
            Action::Come(letter) | Action::ComeTwice(letter) => Some(self.letters.get(letter).to),
            Action::Lose(letter) => match self.letters.get(letter) {
                Letter { from, to, what: What::Frame(_) } if *to != STORE => Some(*from),
                Letter { to, what: What::Answer(_), .. } => Some(*to),
                _ => None,
            },
        }
    }
}

impl<T: fmt::Debug> Numbers<T> {
    fn number(&mut self, thing: T) -> u32 {
        let digest = Sha256::digest(format!("{thing:?}").as_bytes()).into();
        let next = self.things.len() as u32;
        let number = *self.of.entry(digest).or_insert(next);
        if number == next {
            self.things.push(thing);
        }
        number
    }

    fn get(&self, number: u32) -> &T {
        &self.things[number as usize]
    }
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self { things: Vec::new(), of: BTreeMap::new() }
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "from {} to {}: {:?}", NAMES[self.from], NAMES[self.to], self.what)
    }
}
