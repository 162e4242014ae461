//! What happens in a world: so many events drawn from the dice, between them time, and at last peace, in which
//! nothing fails any more and all that is due comes.

use cart_core::cart::{Cart, Home};
use cart_core::frame::{Frame, Holder};
use cart_core::id::{Actor, CartId, Dot, Region};
use cart_core::packed::{pack, unpack};
use cart_core::reject::Reject;
use cart_core::replica::asking::Asked;
use cart_core::replica::{ASK_MS, Book, COALESCE_MS, Caller, Edit, Input, LEASE_MS, ReplyKind};
use cart_core::ties::Ties;
use cart_core::time::Millis;

use super::facts::Facts;
use super::fault::Kind;
use super::network::{Post, Weather};
use super::shopper::{self, Made};
use super::world::{Habits, Loss, Size, World};
use crate::violation::{Fault, Invariant};

/// How much may still happen in peace before it counts as unrest, a region.
const PEACE_MAX: usize = 600;
/// How much of a day is gone through in full, in milliseconds.
const LEAP_MS: u64 = 200_000;

impl World {
    /// Lets time pass, and what is due in it come.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now.plus(ms);
        while self.come(until) {}
        self.now = until;
    }

    /// Lets long time pass: what is due in its first minutes comes then, the rest as late as its end.
    fn leap(&mut self, ms: u64) {
        let until = self.now.plus(ms);
        self.pass(ms.min(LEAP_MS));
        self.now = until;
        self.pass(1_000);
    }

    /// What is due next comes, if it is due by then.
    fn come(&mut self, until: Millis) -> bool {
        let waits = |at: &usize| self.sites[*at].handler.is_none();
        let alarms = (0..self.sites.len()).filter(waits);
        let alarm = alarms.filter_map(|at| Some((self.sites[at].disk.alarm?, at))).min();
        let post = self.network.due();
        let first = alarm.map(|(due, _)| due).into_iter().chain(post).min();
        let Some(due) = first.filter(|due| *due <= until) else { return false };
        self.now = self.now.max(due);
        self.came += 1;
        match alarm {
            Some((due, at)) if post.is_none_or(|post| due <= post) => self.ring(at),
            _ => {
                if let Some(post) = self.network.take(&mut self.faults) {
                    self.deliver(post);
                }
            }
        }
        true
    }

    /// All events.
    pub fn play(&mut self) -> Result<(), Fault> {
        let (least, more) = self.size.events();
        let events = least + self.dice.below(more);
        if self.habits.full {
            self.fill(self.at(0, self.carts[0].first_home()));
        }
        for event in (0..events).filter(|event| !self.without.contains(event)).collect::<Vec<_>>() {
            self.event = event;
            self.dice = Self::dice_of(self.seed, event as u64 + 1);
            self.happen();
            let ms = *self.dice.pick(&[0, 50, 300, 300, 1_000, 1_000, 5_000, 20_000, 70_000]);
            self.pass(ms);
            self.facts.iter().try_for_each(Facts::check)?;
        }
        self.event = events;
        self.dice = Self::dice_of(self.seed, events as u64 + 1);
        self.erase_at_last();
        self.lose_home_at_last();
        self.rest()
    }

    /// Where nobody looks in afterwards, a home is now and then lost at the latest now, with letters of it on their way,
    /// and another region takes over.
    fn lose_home_at_last(&mut self) {
        let Habits { deserted, moves, wipes, .. } = self.habits;
        if deserted && moves && wipes && self.dice.chance(50) {
            let at = self.dice.below(self.sites.len());
            let home = self.load(at).home().region;
            let lost = self.at(self.sites[at].cart, home);
            self.add(lost);
            let ms = self.dice.below(1_500) as u64;
            self.pass(ms);
            self.lose_region(lost % self.places());
            self.take_over(at);
            // A queue may have what it had for days.
            let ms = *self.dice.pick(&[0, 500_000, 5 * Millis::DAY]);
            self.network.hold_queues(ms);
        }
    }

    /// Where carts are erased, and a guest's may have been merged into the user's, that goes at the latest now: while
    /// regions are still apart, and messages on their way.
    fn erase_at_last(&mut self) {
        if self.habits.erases && self.carts.len() > 1 {
            self.merge();
            let ms = self.dice.below(2_000) as u64;
            self.pass(ms);
            let at = self.dice.below(self.places());
            self.erase(at);
            // Others are told while messages may still be lost.
            let ms = self.dice.below(8_000) as u64;
            self.pass(ms);
        }
    }

    fn happen(&mut self) {
        let at = self.dice.below(self.sites.len());
        let habits = self.habits;
        if habits.signs_out && self.event >= self.size.events().0 / 2 && self.dice.chance(30) {
            return self.sign_out(at);
        }
        match self.dice.below(124) {
            0..46 => self.shop(at),
            46..54 => self.shop_again(at),
            54..59 => self.read(at),
            59..62 => self.restart(at),
            62..68 if habits.cuts => self.divide(),
            68..71 if habits.cuts => self.network.heal(),
            71..74 if habits.wipes => self.lose(at),
            74..76 if habits.moves => self.hand_over(at),
            76..78 if habits.moves => self.take_over(at),
            78..81 if habits.days => self.next_day(),
            81..85 if habits.days => self.retire(),
            85..87 if habits.decay => self.skew(at),
            87..89 if habits.decay => self.lose_alarm(at),
            89..91 if habits.decay && self.dice.chance(50) => self.turn_store(at),
            89..91 if habits.decay => self.fill(at),
            91..94 => self.damage(at),
            94..98 => self.list(at),
            98..100 if habits.erases && self.event > self.size.events().0 / 2 => self.erase(at),
            98..100 if habits.pairs && self.dice.chance(50) => self.change_pair(at),
            98..100 if habits.pairs => self.backfill(),
            100..103 if habits.poison => self.poison(at),
            103..105 if habits.poison => self.replay_dead(),
            105..109 if habits.orders => self.order(at),
            109..112 => self.merge(),
            112..120 if habits.tabs => self.use_tab(at),
            120..124 if habits.orders => self.order(at),
            _ => self.shop(at),
        }
    }

    fn shop(&mut self, at: usize) {
        let key = format!("key {}", self.made.len());
        let cart = self.sites[at].cart;
        let made = shopper::edit(cart, key, &self.sessions[cart], self.now, &mut self.dice);
        self.make(at, made);
    }

    /// An edit that no state of the cart makes impossible.
    fn add(&mut self, at: usize) {
        let key = format!("key {}", self.made.len());
        let cart = self.sites[at].cart;
        let made = shopper::add(cart, key, &self.sessions[cart], self.now);
        self.make(at, made);
    }

    /// An edit is made for the first time.
    fn make(&mut self, at: usize, mut made: Made) {
        made.named = at % self.places();
        self.made.push(made.clone());
        self.edit(at, made);
    }

    /// An edit whose answer did not come is made again, in whatever region, under the same key.
    fn shop_again(&mut self, at: usize) {
        let from = self.made.len().saturating_sub(5);
        if self.made.len() == from {
            return self.shop(at);
        }
        let which = from + self.dice.below(self.made.len() - from);
        let mut made = self.made[which].clone();
        let at = self.sites_of(made.cart).start + at % self.places();
        if made.at.plus(Millis::DAY / 2) < self.now {
            return self.shop(at);
        }
        if self.dice.chance(10) {
            return self.reuse_key(at, made);
        }
        self.faults.fire(Kind::RetriedElsewhere);
        let known = |actor: &Actor| {
            let held = self.sites[at].held.as_ref();
            held.is_some_and(|held| held.cart.context().contains(Dot::new(*actor, 1)))
        };
        if made.edit.actors.first().is_some_and(known) {
            // Under a token that was renewed at midnight the key has other actors, this one among them.
            self.faults.fire(Kind::RetriedNextDay);
            let day = cart_core::time::Day(made.at.day().0 + 1);
            made.edit = Edit::of(day, &self.sessions[made.cart], &made.key, made.edit.commands);
        }
        self.doubt(at, &mut made);
        self.edit(at, made);
    }

    /// The key of an edit comes again with another body: two edits, where no region can tell.
    fn reuse_key(&mut self, at: usize, made: Made) {
        let session = self.sessions[made.cart].clone();
        let other = shopper::edit(made.cart, made.key.clone(), &session, made.at, &mut self.dice);
        let again = |there: &Made| there.key == other.key && there.edit.commands == other.edit.commands;
        if !self.made.iter().any(again) {
            self.faults.fire(Kind::KeyReused);
            self.make(at, other);
        }
    }

    /// Who comes with a key to another region than the token names was shown the cart in that one, which is asked first.
    /// Of others where the key was tried, and from which no answer came, nobody knows.
    fn doubt(&mut self, at: usize, made: &mut Made) {
        self.prepare(at, &Input::Read, false);
        let named = self.sites_of(made.cart).start + made.named;
        let region = self.sites[named].region;
        made.edit.comes_to(self.sites[at].region, region);
        if named != at && !self.pull(at, Holder::Replica(region)) {
            made.edit.doubt(false);
        }
    }

    fn edit(&mut self, at: usize, made: Made) {
        self.tell(|world| format!("{} {:?} at {}", made.key, made.edit.commands, world.sites[at].region));
        let crash = self.crash();
        // Only the request that mints a cart's id knows it to be new: not once a guest's cart was merged there.
        let fresh = self.made.len() == 1 && self.rows == 0 && at == 0 && self.dice.chance(50);
        self.prepare(at, &Input::Edit(made.edit.clone()), fresh);
        let caller = self.caller(self.sites[at].cart);
        let before = self.load(at).cart().clone();
        let turn = self.step(at, &caller, Input::Edit(made.edit.clone()), crash);
        let told = matches!(&turn.reply, Some(Ok(_)));
        if matches!(turn.reply, Some(Err(Reject::OutcomeUnknown))) {
            self.faults.fire(Kind::OutcomeUnknown);
        }
        if turn.before.is_some() && made.quantity == 0 {
            self.follow_key(at, &made, &before);
        }
        let Some(held) = self.sites[at].held.as_ref() else {
            if told {
                self.facts_at(at)
                    .breaks(Invariant::I1NoLostAdd, format!("{} is acknowledged, not on disk", made.key));
            }
            return;
        };
        let horizon = held.cart.context().horizon();
        let cart = made.cart;
        let dots = made.edit.actors.iter().filter(|actor| actor.day() >= horizon);
        let mut dots = dots.map(|actor| Dot::new(*actor, 1)).filter(|dot| held.knows(*dot));
        match dots.next() {
            Some(dot) => {
                self.facts[cart].note(dot, &made.key, made.quantity, held, told);
                self.follow_guest();
            }
            None if told && !held.cart.is_erased() => {
                self.facts_at(at)
                    .breaks(Invariant::I1NoLostAdd, format!("{} is acknowledged, not on disk", made.key));
            }
            None => {}
        }
    }

    /// What an edit has taken off where it was made again, it had taken off where it was made first.
    fn follow_key(&mut self, at: usize, made: &Made, before: &Cart) {
        let Some(after) = self.sites[at].held.as_ref().map(|held| &held.cart) else { return };
        let has =
            |cart: &Cart| made.edit.actors.iter().any(|actor| cart.context().contains(Dot::new(*actor, 1)));
        if after.is_erased() || has(before) || !has(after) {
            return;
        }
        let edit = format!("{} {:?}", made.key, made.edit.commands);
        if let Some(more) = self.once.follow(made.cart, edit, before, after) {
            let text = format!("{} takes off {more:?} once more at {}", made.key, self.sites[at].region);
            self.facts_at(at).breaks(Invariant::Doubled, text);
        }
    }

    /// A look at the cart; now and then by who has seen it in another region.
    pub fn read(&mut self, at: usize) {
        self.prepare(at, &Input::Read, false);
        if self.faulty && self.dice.chance(30) {
            let other = self.sites_of(self.sites[at].cart).start + self.dice.below(self.places());
            if other != at {
                self.read_after(at, other);
                // If its storage went meanwhile, as it had left, it asks as one without storage does.
                self.prepare(at, &Input::Read, false);
            }
        }
        let caller = self.caller(self.sites[at].cart);
        let turn = self.step(at, &caller, Input::Read, None);
        if !matches!(turn.reply, Some(Ok(_))) {
            // Of an erased root cart a session still sees which others it has.
            self.step(at, &caller, Input::Carts, None);
        }
    }

    /// A look at the cart by who was shown it at another region: if that can be asked, no less is shown here.
    fn read_after(&mut self, at: usize, other: usize) {
        let from = Holder::Replica(self.sites[other].region);
        let shown = self.sites[other].held.as_ref().map(|held| held.cart.clone());
        // A turn that is cut off answers nobody.
        let (life, there) = (self.sites[at].life, self.sites[other].life);
        let stored = self.sites[at].disk.row.is_some();
        let answered = self.pull(at, from);
        let went = stored && self.sites[at].disk.row.is_none();
        // What a full disk could not take in is not shown either: that answer is partial.
        let cut = self.sites[at].life != life || self.sites[other].life != there || self.sites[at].full;
        if !answered || went || cut {
            return;
        }
        let here = self.load(at).cart().clone();
        let less = |shown: &Cart| !here.is_erased() && !here.context().covers(shown.context());
        if shown.as_ref().is_some_and(less) {
            let text = format!("{} shows less than {from} did", self.sites[at].region);
            self.facts_at(at).breaks(Invariant::NoLessShown, text);
        }
    }

    fn restart(&mut self, at: usize) {
        self.faults.fire(Kind::Restart);
        if self.sites[at].crash(self.now) {
            self.faults.fire(Kind::AlarmAgain);
        }
        if self.dice.chance(40) {
            self.serve_later_build(at);
        }
    }

    /// For a moment a later build serves the object, and adds to the ties and the book what this one does not know.
    fn serve_later_build(&mut self, at: usize) {
        let site = &mut self.sites[at];
        let Some(row) = site.disk.row.as_mut().filter(|_| !site.full) else { return };
        let mut book: Book = unpack(&row.book).expect("a book that was written");
        let (key, value) = (vec![200, self.dice.below(3) as u8], vec![self.dice.below(256) as u8]);
        book.ties.more.put(key.clone(), value.clone());
        book.more.put(key.clone(), value.clone());
        book.sequence += 1;
        book.tied = book.sequence;
        row.book = pack(&book);
        // As that build does after a change.
        let due = self.now.plus(COALESCE_MS);
        site.disk.alarm = Some(site.disk.alarm.map_or(due, |alarm| alarm.min(due)));
        for added in [&mut site.more, &mut self.more[site.cart]] {
            let there = added.entry(key.clone()).or_default();
            *there = value.clone().max(there.clone());
        }
        self.faults.fire(Kind::LaterBuild);
    }

    fn divide(&mut self) {
        let count = self.places();
        let one = self.dice.below(count);
        if self.dice.chance(25) {
            return self.swizzle();
        }
        let (sides, both, kind) = match self.dice.below(3) {
            0 => (1 + self.dice.below((1 << count) - 2), true, Kind::Divided),
            1 => (1 + self.dice.below((1 << count) - 2), false, Kind::DividedOneWay),
            _ => (1 << one, true, Kind::Isolated),
        };
        self.faults.fire(kind);
        self.tell(|_| format!("regions are divided: {kind:?}, {sides:b}"));
        for from in 0..count {
            for to in 0..count {
                if sides >> from & 1 != sides >> to & 1 && (both || sides >> from & 1 == 1) {
                    self.network.cut(from, to);
                }
            }
        }
    }

    /// Some regions part from all others, and come back one after another in another order.
    fn swizzle(&mut self) {
        self.faults.fire(Kind::Swizzled);
        self.tell(|_| "regions part, to come back one by one".into());
        for place in 0..self.places() {
            if self.dice.chance(60) {
                for other in (0..self.places()).filter(|other| *other != place) {
                    self.network.cut(place, other);
                    self.network.cut(other, place);
                }
                let back = self.now.plus(self.dice.below(60_000) as u64);
                self.network.put(back, Post::Mended(place));
            }
        }
    }

    fn lose(&mut self, at: usize) {
        if self.dice.chance(40) {
            return self.lose_region(at % self.places());
        }
        let store = &self.stores[at];
        let (loss, kind, there) = match self.dice.below(100) {
            0..20 => (Loss::Row, Kind::StoreLost, store.row.is_some()),
            20..35 => (Loss::LastWrite, Kind::StoreBack, store.has_older()),
            _ => (Loss::Disk, Kind::Wipe, self.sites[at].disk.row.is_some()),
        };
        if there {
            self.tell(|world| format!("{} loses its {loss:?}", world.sites[at].region));
            self.faults.fire(kind);
            self.wipe(at, loss);
        }
    }

    /// A region is gone with all that it had, and comes up again empty.
    pub fn lose_region(&mut self, place: usize) {
        self.tell(|world| format!("{} loses everything", world.sites[place].region));
        self.faults.fire(Kind::RegionLost);
        for cart in 0..self.carts.len() {
            let at = self.sites_of(cart).start + place;
            for loss in [Loss::Disk, Loss::Row] {
                if self.sites[at].disk.row.is_some() || loss == Loss::Row {
                    self.wipe(at, loss);
                }
            }
        }
    }

    /// The disk of an object is full, or has room again.
    fn fill(&mut self, at: usize) {
        let site = &mut self.sites[at];
        site.full = !site.full;
        self.tell(|world| {
            format!("the disk of {} is full: {}", world.sites[at].region, world.sites[at].full)
        });
    }

    /// A store is down, or up again, for all carts.
    fn turn_store(&mut self, at: usize) {
        let down = !self.stores[at].down;
        for cart in 0..self.carts.len() {
            let at = self.sites_of(cart).start + at % self.places();
            self.stores[at].down = down;
        }
    }

    /// What no store can read comes to the queue of one.
    fn poison(&mut self, store: usize) {
        let mut bytes = vec![1, 2, 3];
        let frame = self.network.some_frame().and_then(|bytes| Frame::from_bytes(&bytes).ok());
        if let Some(mut frame) = frame {
            frame.state.push(7);
            bytes = frame.to_bytes();
        }
        self.network.put(self.now.plus(50), Post::Queue(store, bytes, 0));
    }

    /// The operator gives the dead letters to their stores again, however old they are.
    fn replay_dead(&mut self) {
        for (store, bytes) in std::mem::take(&mut self.dead) {
            self.faults.fire(Kind::Replayed);
            self.network.put(self.now.plus(50), Post::Queue(store, bytes, 0));
        }
    }

    /// The operator calls the home, as far as it is known at some region.
    fn hand_over(&mut self, to: usize) {
        let cart = self.sites[to].cart;
        let from = self.sites_of(cart).start + self.dice.below(self.places());
        let home = self.load(from).home().region;
        let at = self.at(cart, home);
        let to: Region = self.sites[to].region;
        self.prepare(at, &Input::Read, false);
        let term = self.load(at).home().term;
        let turn = self.step(at, &Caller::Service, Input::HandOver { to }, None);
        if to != home
            && matches!(turn.reply, Some(Ok(reply)) if matches!(reply.kind, ReplyKind::State { .. }))
        {
            self.faults.fire(Kind::HandOver);
            self.tell(|_| format!("{home} hands the cart over to {to}"));
            self.check_moved(at, Home { term: term + 1, region: to });
        }
    }

    fn take_over(&mut self, at: usize) {
        self.prepare(at, &Input::Read, false);
        let replica = self.load(at);
        let (term, at_home) = (replica.home().term, replica.is_home());
        let turn = self.step(at, &Caller::Service, Input::TakeOver { term }, None);
        if !at_home && matches!(turn.reply, Some(Ok(_))) {
            self.faults.fire(Kind::TakeOver);
            self.tell(|world| format!("{} takes the cart over", world.sites[at].region));
            self.check_moved(at, Home { term: term + 1, region: self.sites[at].region });
        }
    }

    /// A home that moves is where it moved to, under the next term.
    fn check_moved(&mut self, at: usize, home: Home) {
        let there = self.load(at).home();
        if there != home {
            let text =
                format!("{} takes {there:?} for the home that moved to {home:?}", self.sites[at].region);
            self.facts_at(at).breaks(Invariant::HomeMoves, text);
        }
    }

    fn next_day(&mut self) {
        self.faults.fire(Kind::Day);
        let days = 1 + self.dice.below(3) as u64;
        self.leap(days * Millis::DAY);
        let home = self.at(0, self.carts[0].first_home());
        if self.habits.full && self.sites[home].full && self.dice.chance(50) {
            self.fill(home);
        }
    }

    /// After a day or two without a shopper the sweep finds what is idle.
    fn retire(&mut self) {
        let days = 1 + self.dice.below(2) as u64;
        self.leap(days * Millis::DAY + 700_000);
        self.sweep();
    }

    fn skew(&mut self, at: usize) {
        self.faults.fire(Kind::Skew);
        let (place, skew_ms) =
            (at % self.places(), *self.dice.pick(&[0, 60_000, -60_000, 300_000, -300_000]));
        if skew_ms < self.sites[place].skew_ms {
            self.faults.fire(Kind::ClockBack);
        }
        for cart in 0..self.carts.len() {
            let at = self.sites_of(cart).start + place;
            self.sites[at].skew_ms = skew_ms;
        }
    }

    fn lose_alarm(&mut self, at: usize) {
        if self.sites[at].disk.alarm.take().is_some() {
            self.faults.fire(Kind::AlarmLost);
        }
    }

    /// Somebody sends what is no frame of ours.
    fn damage(&mut self, at: usize) {
        let Some(mut bytes) = self.network.some_frame() else { return };
        match self.dice.below(3) {
            0 => bytes.truncate(self.dice.below(bytes.len())),
            1 => bytes.push(0),
            _ => bytes[0] += 1,
        }
        self.faults.fire(Kind::Damaged);
        let input = Input::Frame { bytes };
        self.prepare(at, &input, false);
        let turn = self.step(at, &Caller::Service, input, None);
        if !matches!(turn.reply, Some(Err(_))) {
            self.facts_at(at).breaks(Invariant::Ingress, "a damaged frame was taken in".into());
        }
    }

    /// The session ends; that of a thief goes on until all have heard of it.
    fn sign_out(&mut self, at: usize) {
        self.prepare(at, &Input::Read, false);
        let (crash, caller) = (self.crash(), self.caller(self.sites[at].cart));
        let turn = self.step(at, &caller, Input::SignOut, crash);
        if matches!(turn.reply, Some(Ok(_))) {
            self.faults.fire(Kind::SignedOut);
            self.tell(|world| format!("the session is signed out at {}", world.sites[at].region));
        }
    }

    /// A further cart of the session is made, or one is struck; now and then the session is said to be in use.
    fn list(&mut self, at: usize) {
        let at = at % self.places();
        self.prepare(at, &Input::Read, false);
        let cart = CartId::mint(Region::Weur, [self.dice.below(4) as u8 + 100; 15]);
        let actor = Actor::mint(self.now.day(), self.dice.bits());
        let strike = self.dice.chance(40);
        let input = if strike {
            Input::Strike { cart, actor, erased: self.dice.chance(50) }
        } else if self.dice.chance(90) {
            Input::Enroll { cart }
        } else {
            Input::Use
        };
        let (crash, caller) = (self.crash(), self.caller(self.sites[at].cart));
        let turn = self.step(at, &caller, input, crash);
        if strike && matches!(turn.reply, Some(Ok(_))) {
            self.faults.fire(Kind::Struck);
        }
    }

    fn erase(&mut self, at: usize) {
        self.prepare(at, &Input::Read, false);
        let caller = self.caller(self.sites[at].cart);
        let turn = self.step(at, &caller, Input::Erase, None);
        if matches!(turn.reply, Some(Ok(_))) {
            self.faults.fire(Kind::Erased);
            self.tell(|world| format!("the cart is erased at {}", world.sites[at].region));
        }
    }

    /// From now on nothing fails: shoppers and tabs look in at every region, twice, and all that is due comes.
    fn rest(&mut self) -> Result<(), Fault> {
        self.faulty = false;
        self.idle_frames = 0;
        self.network.heal();
        self.network.weather = Weather::FAIR;
        self.stores.iter_mut().for_each(|store| store.down = false);
        if self.habits.pairs {
            self.backfill();
        }
        for site in &mut self.sites {
            (site.skew_ms, site.asked, site.full) = (0, Asked::default(), false);
        }
        self.tell(|_| "peace".into());
        self.pass(400_000);
        if self.habits.deserted && self.is_deserted()? {
            return self.come_back();
        }
        // So much later a replica does not rely on what its home once acknowledged. Who was told at the first
        // visit that it has left, or that the home is elsewhere, hears of the rest at the second.
        for _ in 0..2 {
            self.leap(ASK_MS * 2);
            self.visit_all();
            self.drain()?;
        }
        self.sync_all()?;
        let lost = [Kind::Wipe, Kind::RegionLost].into_iter().any(|kind| self.faults.count(kind) > 0);
        if lost && self.faults.count(Kind::TakeOver) + self.faults.count(Kind::HandOver) > 0 {
            // What a home that was lost had put into a queue may have come when all had looked.
            self.tell_moved();
            self.drain()?;
            self.sync_all()?;
        }
        let of_store = [Kind::StoreLost, Kind::StoreBack, Kind::RegionLost];
        if of_store.into_iter().any(|kind| self.faults.count(kind) > 0) {
            // Of a store that lost its row, or what was last written to it, a home that has nothing to say to it
            // hears with its next change.
            for cart in 0..self.carts.len() {
                let start = self.sites_of(cart).start;
                let home = self.load(start).home().region;
                let at = self.at(cart, home);
                if self.facts[cart].ever_erased {
                    let (cart, caller) = (CartId::mint(Region::Weur, [99; 15]), self.caller(cart));
                    self.step(at, &caller, Input::Enroll { cart }, None);
                } else {
                    self.add(at);
                }
            }
            self.drain()?;
            self.sync_all()?;
        }
        if self.habits.days && self.size != Size::Small {
            self.end_of_month()?;
        }
        self.facts.iter().try_for_each(Facts::check)
    }

    /// Nobody looks in until the sweeps have been everywhere; whether they have found all that there is.
    fn is_deserted(&mut self) -> Result<bool, Fault> {
        // A cart of which no store knows is found by no sweep: what a store did not take the operator gives to it again.
        self.replay_dead();
        // What is held in a queue comes after some have left.
        while self.network.due().is_some() {
            self.pass_and_sweep();
        }
        self.all_leave()?;
        self.drain()?;
        let deserted = self.sites.iter().all(|site| site.disk.row.is_none());
        if deserted {
            (0..self.carts.len()).try_for_each(|cart| self.check_stores(cart))?;
        }
        Ok(deserted)
    }

    /// After that a shopper looks in and adds something, in one region only: who comes back finds all there.
    fn come_back(&mut self) -> Result<(), Fault> {
        self.faults.fire(Kind::CameBack);
        for cart in 0..self.carts.len() {
            let at = self.sites_of(cart).start + self.dice.below(self.places());
            self.tell(|world| format!("after days a shopper comes back to {}", world.sites[at].region));
            self.read(at);
            self.drain()?;
            if self.facts[cart].ever_erased {
                self.list(at);
            } else {
                self.add(at);
            }
            self.drain()?;
        }
        self.facts.iter().try_for_each(Facts::check)
    }

    /// About so late that what was leased or struck last ends, by clocks that differ, each cart is edited
    /// somewhere: who thinks that it has ended forgets it, and all do in the end.
    fn end_of_month(&mut self) -> Result<(), Fault> {
        let ended = |ties: &Ties| {
            let struck = ties.carts.iter().filter_map(|further| further.struck);
            ties.leases.values().copied().chain(struck.map(|at| at.plus(Ties::STRUCK_MS))).max()
        };
        let known = self.facts.iter().filter_map(|facts| facts.ties.as_ref().and_then(ended)).max();
        let (end, early) =
            (known.unwrap_or(self.now.plus(LEASE_MS)), 300_000 - self.dice.below(600_000) as i64);
        let end = Millis(end.0.saturating_add_signed(early)).max(self.now);
        self.faults.fire(Kind::Month);
        self.tell(|_| "a month later".into());
        self.leap(end.0 - self.now.0);
        (0..self.places()).for_each(|place| self.skew(place));
        // What goes to a sealed cart so late falls behind the horizon of the user's.
        let open = if self.seals.is_empty() { self.carts.len() } else { 1 };
        for cart in 0..open {
            let at = self.sites_of(cart).start + self.dice.below(self.places());
            if self.facts[cart].ever_erased {
                self.list(at);
            } else {
                self.add(at);
            }
        }
        self.drain()?;
        self.sync_all()
    }

    /// A shopper looks in at every region.
    fn visit_all(&mut self) {
        for at in 0..self.sites.len() {
            self.sites[at].asked = Asked::default();
            self.read(at);
        }
    }

    /// Tabs send what they have; one whose actor has expired meanwhile is closed. In the first round a tab may
    /// hear that its lease was lost, in the second it sends, and in the third all hear what was sent.
    fn sync_all(&mut self) -> Result<(), Fault> {
        for _ in 0..3 {
            for tab in (0..self.tabs.len()).rev() {
                let cart = self.tabs[tab].cart;
                let at = self.sites_of(cart).start + self.dice.below(self.places());
                self.sync(tab, at);
            }
            self.drain()?;
        }
        Ok(())
    }

    /// All that is due comes, until nothing is.
    fn drain(&mut self) -> Result<(), Fault> {
        let most = PEACE_MAX * self.sites.len();
        let quiet = (0..most).any(|_| !self.come(Millis(u64::MAX)));
        Fault::unless(quiet, Invariant::Quiet, || format!("no rest after {most} more messages and alarms"))
    }
}
