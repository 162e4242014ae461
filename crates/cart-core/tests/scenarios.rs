//! The 38 golden scenarios, one test each, natively and in Wasm. A and B act without seeing each other;
//! then every order of the deltas, with repeats and with full states mixed in, must end in the same bytes
//! and show exactly what the scenario says. What needs a replica goes through `Replica::step`.

mod scenario;
mod shop;

use std::collections::BTreeMap;

use cart_core::cart::{Cart, Delta};
use cart_core::change::{Change, Stamp};
use cart_core::command::{Command, Fields, Place};
use cart_core::customization::Customization;
use cart_core::id::{Actor, Dot, OrderId, Region, Scope};
use cart_core::limits::Limits;
use cart_core::line::{LineKey, Location};
use cart_core::meta::{Code, Field};
use cart_core::money::Money;
use cart_core::reject::Reject;
use cart_core::replica::{Caller, Input, Reply, ReplyKind};
use cart_core::sync::Learned;
use cart_core::time::{HybridClock, Millis};
use cart_core::transplant::Transplant;
use cart_core::view::{self, Occasion, Offer, Offers};
use scenario::{Action, COUNT, Item, Scenario, Shown, Stage, Step, Who};
use shop::{BEGIN, Shop, cart_id};

/// Each id once: a test of its name, and the list that must be that of the file.
macro_rules! scenarios {
    ($($id:ident)*) => {
        const RUN: &[&str] = &[$(stringify!($id)),*];
        $(
            #[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
            #[cfg_attr(not(target_arch = "wasm32"), test)]
            #[allow(non_snake_case)]
            fn $id() {
                check(stringify!($id));
            }
        )*
    };
}

scenarios! {
    S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 S23 S24 S25 S26 S27 S28
    S29 S30 S31 S32 S33 S34 S35 S36 S37 S38
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn all_scenarios_are_run() {
    let ids: Vec<String> = scenario::all().into_iter().map(|scenario| scenario.id).collect();
    let numbered: Vec<String> = (1..=COUNT).map(|n| format!("S{n}")).collect();
    assert_eq!(ids, numbered);
    assert_eq!(RUN, numbered);
}

/// What devices do goes over sync as well: each to one replica, in both orders.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn the_devices_scenarios_hold_over_sync() {
    let only_home_or_wire = |step: &Step| matches!(step.action, Action::Checkout(_) | Action::Redeliver(_));
    let mut count = 0;
    for scenario in scenario::all() {
        let steps = || scenario.rounds.iter().flatten();
        if scenario.stage == Stage::Devices && !steps().any(only_home_or_wire) {
            over_sync(&scenario, [Who::A, Who::B]);
            over_sync(&scenario, [Who::B, Who::A]);
            count += 1;
        }
    }
    assert_eq!(count, 25, "the scenarios of devices without a checkout or a repeated delta");
}

fn check(id: &str) {
    let scenario = scenario::all().into_iter().find(|scenario| scenario.id == id).expect("an id of the file");
    match scenario.stage {
        Stage::Devices => on_devices(&scenario),
        Stage::Regions => on_regions(&scenario),
        Stage::Tabs => on_tabs(&scenario),
        Stage::Carts => on_carts(&scenario),
    }
}

/// When devices reach their replica.
const LATER: Millis = BEGIN.plus(10 * Millis::SECOND);
const SCOPE: Scope = Scope(7);

// Devices: changes of carts, and the deltas of them.

struct Side {
    actor: Actor,
    counter: u64,
    clock: HybridClock,
    cart: Cart,
    deltas: Vec<Delta>,
    states: Vec<Cart>,
    orders: Vec<(u64, Vec<(Item, u64)>)>,
}

impl Side {
    fn new(name: u64, cart: Cart) -> Self {
        let actor = Actor::mint(BEGIN.day(), name);
        let (deltas, states) = (vec![], vec![cart.clone()]);
        Self { actor, counter: 0, clock: HybridClock::default(), cart, deltas, states, orders: vec![] }
    }

    fn take(&mut self, step: &Step, given: &[Delta]) {
        if let Action::Redeliver(nth) = step.action {
            self.join(&given[nth - 1]);
            return;
        }
        self.counter += 1;
        let time = self.clock.tick(moment(step));
        let stamp = Stamp { dot: Dot::new(self.actor, self.counter), time, scope: SCOPE };
        let delta = carried(&self.cart.change(&change(&step.action), stamp));
        if let Action::Checkout(order) = step.action {
            self.orders.push((order, taken(&self.cart, &delta)));
        }
        self.join(&delta);
        self.deltas.push(delta);
    }

    fn join(&mut self, other: &Cart) {
        self.cart.join(other);
        self.states.push(self.cart.clone());
    }
}

fn on_devices(scenario: &Scenario) {
    let mut maker = Side::new(1, Cart::default());
    scenario.given.iter().for_each(|step| maker.take(step, &[]));
    let mut a = Side::new(2, maker.cart.clone());
    let mut b = Side::new(3, maker.cart.clone());
    for (at, round) in scenario.rounds.iter().enumerate() {
        if at > 0 {
            let (from_a, from_b) = (a.cart.clone(), b.cart.clone());
            a.join(&from_b);
            b.join(&from_a);
            assert_eq!(a.cart.to_bytes(), b.cart.to_bytes(), "{}: merged", scenario.id);
        }
        for step in round {
            let side = if step.who == Who::A { &mut a } else { &mut b };
            side.take(step, &maker.deltas);
        }
    }
    let deltas = [maker.deltas, a.deltas, b.deltas].concat();
    let states = [maker.states, a.states, b.states].concat();
    let end = converged(&scenario.id, &[Cart::default(), a.cart, b.cart], &deltas, &states);
    for (order, _) in &a.orders {
        assert_eq!(end.fences().get(order), Some(&OrderId(u128::from(*order))), "{}", scenario.id);
    }
    expect(scenario, &end, a.orders);
}

/// Joins into each start every order of the deltas, alone, repeated, and with each of the states at every
/// point among them: all must end in the same bytes.
fn converged(id: &str, starts: &[Cart], deltas: &[Delta], states: &[Cart]) -> Cart {
    let mut end = Cart::default();
    starts.iter().chain(deltas).chain(states).for_each(|part| end.join(part));
    let bytes = end.to_bytes();
    assert_eq!(Cart::from_bytes(&bytes).as_ref(), Ok(&end), "{id}: read back");
    let mut orders = 0;
    permute(&mut (0..deltas.len()).collect(), 0, &mut |order| {
        orders += 1;
        let check = |messages: &[&Cart], how: &str| {
            for start in starts {
                let mut cart = start.clone();
                messages.iter().for_each(|message| cart.join(message));
                assert_eq!(cart.to_bytes(), bytes, "{id}: {how}, in the order {order:?}");
            }
        };
        let plain: Vec<&Cart> = order.iter().map(|at| &deltas[*at]).collect();
        let twice: Vec<&Cart> =
            plain.iter().flat_map(|delta| [*delta, *delta]).chain(plain.clone()).collect();
        check(&plain, "each once");
        check(&twice, "each thrice");
        for state in states {
            for at in 0..=plain.len() {
                let mut mixed = plain.clone();
                mixed.insert(at, state);
                check(&mixed, "a full state among them");
            }
        }
    });
    assert_eq!(orders, (1..=deltas.len()).product::<usize>(), "{id}: every order");
    end
}

fn permute(order: &mut Vec<usize>, from: usize, each: &mut impl FnMut(&[usize])) {
    if from == order.len() {
        return each(order);
    }
    for at in from..order.len() {
        order.swap(from, at);
        permute(order, from + 1, each);
        order.swap(from, at);
    }
}

/// As the other side reads it.
fn carried(delta: &Delta) -> Delta {
    let read = Cart::from_bytes(&delta.to_bytes()).expect("our own bytes can be read");
    assert_eq!(read, *delta);
    read
}

/// What a checkout's delta takes of a cart.
fn taken(cart: &Cart, delta: &Delta) -> Vec<(Item, u64)> {
    let mut left = cart.clone();
    left.join(delta);
    let shown = |cart: &Cart| shown(cart).lines;
    assert_eq!(shown(&left), [], "a checkout leaves nothing of what its maker saw");
    shown(cart)
}

// Over sync: the same, each device with one replica.

fn over_sync(scenario: &Scenario, order: [Who; 2]) {
    let mut shop = Shop::new(1);
    let mut maker = shop.device(1);
    for step in &scenario.given {
        maker.edit(change(&step.action), moment(step));
    }
    assert_eq!(shop.exchange(&mut maker, LATER), Ok(Learned::Acknowledged));
    let mut devices = BTreeMap::from([(Who::A, shop.device(2)), (Who::B, shop.device(3))]);
    for round in &scenario.rounds {
        devices.values_mut().for_each(|device| drop(shop.exchange(device, LATER)));
        for step in round {
            let device = devices.get_mut(&step.who).expect("A or B");
            device.edit(change(&step.action), moment(step));
        }
        for who in [order, order].concat() {
            let device = devices.get_mut(&who).expect("A or B");
            assert_eq!(shop.exchange(device, LATER), Ok(Learned::Acknowledged), "{}", scenario.id);
        }
    }
    for device in devices.values() {
        assert_eq!(device.cart().to_bytes(), shop.cart().to_bytes(), "{}: {order:?}", scenario.id);
        assert_eq!(device.pending(), 0);
        expect(scenario, device.cart(), vec![]);
    }
}

// Tabs: a device's instance and a copy of it.

fn on_tabs(scenario: &Scenario) {
    for order in [[Who::A, Who::B], [Who::B, Who::A]] {
        let mut shop = Shop::new(1);
        let mut first = shop.device(1);
        for step in &scenario.given {
            first.edit(change(&step.action), moment(step));
        }
        assert_eq!(shop.exchange(&mut first, LATER), Ok(Learned::Acknowledged));
        let mut tabs = BTreeMap::from([(Who::A, first)]);
        for step in scenario.rounds.iter().flatten() {
            if step.action == Action::Duplicate {
                tabs.insert(step.who, tabs[&Who::A].clone());
            } else {
                let tab = tabs.get_mut(&step.who).expect("the tab is open");
                tab.edit(change(&step.action), moment(step));
            }
        }
        let mut learned = Vec::new();
        for who in order {
            let tab = tabs.get_mut(&who).expect("the tab is open");
            learned.push(shop.exchange(tab, LATER));
            if learned.last() == Some(&Ok(Learned::ActorShared)) {
                tab.abandon(shop.lease(9));
                assert_eq!(shop.exchange(tab, LATER), Ok(Learned::Acknowledged));
            }
        }
        assert_eq!(learned, [Ok(Learned::Acknowledged), Ok(Learned::ActorShared)], "the second finds out");
        for tab in tabs.values_mut() {
            assert_eq!(shop.exchange(tab, LATER), Ok(Learned::Acknowledged));
            assert_eq!(tab.cart().to_bytes(), shop.cart().to_bytes(), "{}", scenario.id);
            expect(scenario, tab.cart(), vec![]);
        }
    }
}

// Regions: plain HTTP edits at two replicas of one cart.

fn on_regions(scenario: &Scenario) {
    let mut a = Shop::new(1);
    scenario.given.iter().for_each(|step| drop(take(&mut a, step, &mut BTreeMap::new())));
    let mut b = a.in_region(Region::Enam);
    let mut views = BTreeMap::new();
    for step in scenario.rounds.iter().flatten() {
        let shop = if step.who == Who::A { &mut a } else { &mut b };
        let outcome = take(shop, step, &mut views);
        let code = outcome.err().map(|reject| reject.code().to_owned());
        assert_eq!(code, step.refused, "{}: {step:?}", scenario.id);
    }
    let (at_a, at_b) = (a.cart().clone(), b.cart().clone());
    let states = [a.states.clone(), b.states.clone()].concat();
    let end = converged(&scenario.id, &[at_a.clone(), at_b.clone()], &[at_a.clone(), at_b.clone()], &states);
    a.arrive(&at_b);
    b.arrive(&at_a);
    for shop in [&mut a, &mut b] {
        assert_eq!(shop.cart().to_bytes(), end.to_bytes(), "{}", scenario.id);
        expect(scenario, shop.cart(), vec![]);
    }
    // Every keyed edit comes once more where it was served: it changes nothing.
    for step in scenario.rounds.iter().flatten().filter(|step| step.key.is_some()) {
        let shop = if step.who == Who::A { &mut a } else { &mut b };
        let kind = take(shop, step, &mut views).map(|reply| reply.kind);
        assert_eq!(kind, Ok(ReplyKind::State { replayed: true, merged_into: None }), "{}", scenario.id);
        assert_eq!(shop.cart().to_bytes(), end.to_bytes(), "{}", scenario.id);
    }
}

// Carts: those of two users, and a guest's.

fn on_carts(scenario: &Scenario) {
    let (mut user, mut other, mut guest) = (Shop::new(1), Shop::new(2), Shop::new(3));
    let mut views = BTreeMap::new();
    for step in scenario.given.iter().chain(scenario.rounds.iter().flatten()) {
        let outcome = match (step.who, &step.action) {
            (Who::Given | Who::A, Action::Join) => guest.merge_into(&mut user, BEGIN),
            (Who::B, Action::Join) => guest.merge_into(&mut other, BEGIN),
            (Who::Given | Who::A, _) => take(&mut user, step, &mut views),
            (Who::B, _) => take(&mut other, step, &mut views),
            (Who::Guest, _) => take(&mut guest, step, &mut views),
        };
        let code = outcome.err().map(|reject| reject.code().to_owned());
        assert_eq!(code, step.refused, "{}: {step:?}", scenario.id);
    }
    guest.forward(&mut user);
    let seal = guest.replica.book().ties.seal.clone().expect("it is sealed");
    assert_eq!(seal.into, cart_id(1));
    let end = user.cart().clone();
    expect(scenario, &end, vec![]);
    let sent = Transplant { from: &guest.replica.book().cart_id, sealed: seal.day, at: seal.at };
    let guests: Vec<Cart> = guest.states.iter().map(|state| sent.of(state)).collect();
    let states = [user.states.clone(), guests.clone()].concat();
    let latest = [end.clone(), sent.of(guest.cart())];
    let same = converged(&scenario.id, &latest, &latest, &states);
    assert_eq!(same.to_bytes(), end.to_bytes(), "{}", scenario.id);
    for state in guests {
        let join = Input::Join { state: state.to_bytes(), path: vec![] };
        user.ask(&Caller::Service, join, BEGIN).expect("it joins");
        assert_eq!(user.cart().to_bytes(), end.to_bytes(), "{}: joined again", scenario.id);
    }
}

/// A step as a plain HTTP edit.
fn take(shop: &mut Shop, step: &Step, views: &mut BTreeMap<String, Vec<u8>>) -> Result<Reply, Reject> {
    if let Action::View(name) = &step.action {
        views.insert(name.clone(), shop.cart().seen());
        return shop.ask(&shop.shopper(), Input::Read, BEGIN);
    }
    let key = step.key.clone().unwrap_or_else(|| shop.mint());
    let mut edit = shop.edit_of(&key, vec![command(&step.action)], moment(step));
    edit.seen = step.seen.as_ref().map(|name| views[name].clone());
    shop.ask(&shop.shopper(), Input::Edit(edit), moment(step))
}

fn moment(step: &Step) -> Millis {
    let default = if step.who == Who::Given { 0 } else { 1 };
    BEGIN.plus(step.clock_s.unwrap_or(default) * Millis::SECOND)
}

// What a step is to the core.

fn change(action: &Action) -> Change {
    let at = Location::Cart;
    match action {
        Action::Add(item, quantity) => {
            let details = customization(item).map(|custom| custom.json);
            Change::Add { key: key(item), details, quantity: *quantity, at }
        }
        Action::Set(item, quantity) => Change::Set { key: key(item), quantity: *quantity, at },
        Action::Decrement(item, quantity) => Change::Decrement { key: key(item), quantity: *quantity, at },
        Action::Remove { item, saved } => {
            Change::Remove { key: key(item), at: if *saved { Location::Saved } else { at } }
        }
        Action::Clear => Change::Clear,
        Action::Save(item) => Change::Move { key: key(item), to: Location::Saved },
        Action::Unsave(item) => Change::Move { key: key(item), to: Location::Cart },
        Action::Coupon(code) => Change::Coupon(Code::try_from(code.as_str()).expect("a code")),
        Action::Uncoupon(code) => Change::Uncoupon(Code::try_from(code.as_str()).expect("a code")),
        Action::Note(text) => Change::Write(Field::NOTE, Some(text.as_str().into())),
        Action::Checkout(order) => Change::Checkout { fence: *order, order: OrderId(u128::from(*order)) },
        Action::Redeliver(_) | Action::View(_) | Action::Duplicate | Action::Join => {
            panic!("{action:?} is no change of a cart")
        }
    }
}

fn command(action: &Action) -> Command {
    let id = |item: &Item| key(item).line_id();
    let at = Place::Cart;
    match action {
        Action::Add(item, quantity) => Command::Add {
            sku: item.sku.clone(),
            quantity: i64::from(*quantity),
            variant: None,
            customization: item.engraving.as_ref().map(|name| engraving(name)),
        },
        Action::Set(item, quantity) => Command::Set { line_id: id(item), quantity: i64::from(*quantity), at },
        Action::Decrement(item, quantity) => {
            Command::Decrement { line_id: id(item), quantity: i64::from(*quantity), at }
        }
        Action::Remove { item, saved } => {
            Command::Remove { line_id: id(item), at: if *saved { Place::Saved } else { at } }
        }
        Action::Clear => Command::Clear {},
        Action::Save(item) => Command::Move { line_id: id(item), location: Place::Saved },
        Action::Unsave(item) => Command::Move { line_id: id(item), location: Place::Cart },
        Action::Coupon(code) => Command::ApplyCoupon { code: code.clone() },
        Action::Uncoupon(code) => Command::RemoveCoupon { code: code.clone() },
        Action::Note(text) => Command::Update(Fields { note: Some(Some(text.clone())), ..Fields::default() }),
        Action::Checkout(_) | Action::Redeliver(_) | Action::View(_) | Action::Duplicate | Action::Join => {
            panic!("{action:?} is no command")
        }
    }
}

fn key(item: &Item) -> LineKey {
    LineKey::new(&item.sku, None, customization(item).map(|custom| custom.hash)).expect("a key")
}

fn customization(item: &Item) -> Option<Customization> {
    Customization::of(&engraving(item.engraving.as_ref()?)).expect("a customization")
}

fn engraving(name: &str) -> serde_json::Map<String, serde_json::Value> {
    serde_json::Map::from_iter([("engraving".to_owned(), name.into())])
}

// What a cart shows.

fn expect(scenario: &Scenario, cart: &Cart, orders: Vec<(u64, Vec<(Item, u64)>)>) {
    let found = Shown { orders, ..shown(cart) };
    assert_eq!(found, scenario.then, "{} ({}): left is what it shows", scenario.id, scenario.rule);
}

fn shown(cart: &Cart) -> Shown {
    let price = Some(Money { amount_minor: 100, currency: "USD".to_owned() });
    let offer = Offer { title: "A thing".to_owned(), price };
    let offers = ["X", "Y", "Z"].map(|sku| (sku.to_owned(), offer.clone())).into_iter().collect();
    let occasion = Occasion {
        cart_id: &cart_id(1),
        region: Region::Weur,
        version: cart.version(),
        context: String::new(),
        partial: false,
        updated_at: String::new(),
        currency: "USD",
    };
    let view = view::view(cart, occasion, &Offers { known: offers, ..Offers::default() }, &Limits::default());
    let mut shown = Shown { coupons: view.coupons, note: view.note, ..Shown::default() };
    for (lines, into) in [(&view.lines, &mut shown.lines), (&view.saved, &mut shown.saved)] {
        for line in lines {
            let engraving = line.customization.as_ref().map(|json| {
                let object: BTreeMap<String, String> =
                    serde_json::from_str(json.get()).expect("an engraving");
                object["engraving"].clone()
            });
            let item = Item { sku: line.sku.clone(), engraving };
            if let Some(problem) = line.problem {
                let code = serde_json::to_value(problem).expect("a word");
                shown.problems.push((item.clone(), code.as_str().expect("a word").to_owned()));
            }
            into.push((item, line.quantity));
        }
        into.sort();
    }
    shown
}
