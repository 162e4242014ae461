//! The shell around a replica in the simulated world. Whom to ask, and what follows, it is told by production's
//! [`asking`] and [`telling`]; here are only the ways: what passes between two places, what is lost, and how long it
//! takes. What comes is answered once it is on disk.

use std::collections::VecDeque;

use cart_core::frame::{Frame, Holder};
use cart_core::replica::asking::{self, Heard, Need};
use cart_core::replica::telling::{self, Answer, CALL_MS, Telling, Why};
use cart_core::replica::{Caller, Input};

use super::fault::Kind;
use super::network::{Call, Post};
use super::site::{Handler, Turn};
use super::store::Store;
use super::world::World;
use crate::violation::Invariant;

/// When a store that was down is given a frame again, in milliseconds.
const QUEUE_RETRY_MS: u64 = 10_000;
/// When an alarm whose handler could not write goes off again, in milliseconds.
const FULL_RETRY_MS: u64 = 30_000;
/// How often, the time doubled each time, before it is put aside.
const QUEUE_TRIES_MAX: u32 = 5;

impl World {
    /// A call of the service: its turn, cut off now and then.
    pub fn serve(&mut self, at: usize, input: Input) -> Turn {
        let crash = self.crash();
        self.step(at, &Caller::Service, input, crash)
    }

    /// Makes sure that an object knows what it must before it answers a call. `fresh` says that nobody can know of the
    /// cart yet.
    pub fn prepare(&mut self, at: usize, input: &Input, fresh: bool) {
        if Need::is_swept(input) {
            return;
        }
        let need = Need::of(self.load(at), input, fresh);
        let Some(mut asking) = self.sites[at].begin(need, self.now) else { return };
        let mut open = VecDeque::new();
        loop {
            match asking.next_step(&mut self.sites[at].asked, self.now) {
                asking::Step::Ask(holders) => open.extend(holders),
                asking::Step::Wait => {
                    let holder = open.pop_front().expect("who is waited for was asked");
                    let heard = self.hear(at, holder);
                    asking.hear(holder, heard, &mut self.sites[at].asked);
                }
                asking::Step::Take(input) => {
                    if input == Input::Unstored {
                        self.check_new(at);
                    }
                    self.step(at, &Caller::Service, input, None);
                }
                asking::Step::Done => return,
            }
        }
    }

    /// What a holder says that is asked for all, in a moment.
    fn hear(&mut self, at: usize, holder: Holder) -> Heard {
        let Holder::Store(store) = holder else {
            return if self.pull(at, holder) { Heard::Told } else { Heard::Silent };
        };
        let there = self.at(self.sites[at].cart, store);
        if !self.passes(at, there) || self.stores[there].down {
            return Heard::Silent;
        }
        let Some(row) = &self.stores[there].row else { return Heard::Nothing };
        let bytes = row.frame(store).to_bytes();
        self.stores[there].resident = true;
        Heard::Has(bytes)
    }

    /// A home takes a cart for new only if no store has it.
    fn check_new(&mut self, at: usize) {
        let cart = self.sites[at].cart;
        if cart == 0 {
            self.seals_forgotten.extend(&self.seals);
        }
        // By what the operator has said, not by where was asked.
        let has = |store: &Store| {
            let row = store.row.as_ref();
            row.is_some_and(|row| row.cart.home().is_none()) && self.is_asked(store)
        };
        let found = self.stores[self.sites_of(cart)].iter().find(|store| has(store));
        if let Some(found) = found.map(|store| store.region) {
            let text = format!("{} takes for new what the store of {found} has", self.sites[at].region);
            self.facts_at(at).breaks(Invariant::I1NoLostAdd, text);
        }
        self.sites[at].unstored = Some(self.now);
    }

    /// Asks a holder for what is lacking here and takes it in, all in a moment. Whether it answered.
    pub fn pull(&mut self, at: usize, from: Holder) -> bool {
        let turn = self.step(at, &Caller::Service, Input::Pull { from }, None);
        let Some((to, bytes)) = turn.sends.into_iter().next() else { return false };
        self.frames += 1;
        let there = self.at(self.sites[at].cart, to.region());
        let passes = self.passes(at, there);
        let answer = passes.then(|| self.answer(there, bytes)).flatten();
        let answer = answer.filter(|_| self.passes(there, at));
        let mut telling = Telling::to([to], Why::Pull);
        telling.hear(to, answer.unwrap_or(Answer::Missed));
        let step = telling.next_step();
        self.follow(at, &mut telling, step);
        telling.is_answered()
    }

    /// A frame has come to a replica: its answer, once that is on disk.
    fn answer(&mut self, at: usize, bytes: Vec<u8>) -> Option<Answer> {
        let input = Input::Frame { bytes };
        self.prepare(at, &input, false);
        match Answer::of(self.serve(at, input).reply?.ok()?.kind) {
            Answer::Missed | Answer::Sent => None,
            taken @ Answer::Taken { .. } => Some(taken),
        }
    }

    /// Takes in what holders have answered, and acknowledges the frames among it.
    fn follow(&mut self, at: usize, telling: &mut Telling, first: telling::Step) {
        let mut step = first;
        loop {
            match step {
                telling::Step::Wait | telling::Step::Done => return,
                telling::Step::Take(input) => {
                    self.serve(at, input);
                }
                telling::Step::TakeFrom(from, input) => {
                    if let Some(Ok(reply)) = self.serve(at, input).reply
                        && let Some(input) = telling::acknowledgement(reply.kind)
                    {
                        let there = self.at(self.sites[at].cart, from.region());
                        self.post((at, there), Post::Call(there, input));
                    }
                }
            }
            step = telling.next_step();
        }
    }

    /// The alarm goes off: sends, then waits for the answers.
    pub fn ring(&mut self, at: usize) {
        self.sites[at].disk.alarm = None;
        if self.sites[at].disk.row.is_none() {
            return;
        }
        let none = Telling::to([], Why::Alarm);
        self.sites[at].handler = Some(Handler { telling: none, calls: Vec::new(), failed: false });
        let turn = self.serve(at, Input::Tick);
        let life = self.sites[at].life;
        if let Some(handler) = &mut self.sites[at].handler {
            handler.telling = Telling::to(turn.sends.iter().map(|(to, _)| *to), Why::Alarm);
        }
        for (to, bytes) in turn.sends {
            self.send(at, life, to, bytes);
        }
        for told in turn.told {
            let first = self.carts.iter().position(|cart| *cart == told.cart);
            let there = first.map_or(at, |cart| self.at(cart, told.cart.first_home()));
            self.post((at, there), Post::Told(at, told));
        }
        self.finish(at);
    }

    fn send(&mut self, at: usize, life: u32, to: Holder, bytes: Vec<u8>) {
        (self.frames, self.idle_frames) = (self.frames + 1, self.idle_frames + 1);
        self.tell(|world| {
            let frame = Frame::from_bytes(&bytes).expect("its own frame");
            format!("{} tells {to} {}..{}", world.sites[at].region, frame.base, frame.sequence)
        });
        let there = self.at(self.sites[at].cart, to.region());
        if let Holder::Store(_) = to {
            let put = self.passes(at, there);
            if put {
                self.network.enqueue(there, self.now, &bytes, &mut self.dice, &mut self.faults);
            }
            if let Some(handler) = &mut self.sites[at].handler {
                handler.telling.hear(to, if put { Answer::Sent } else { Answer::Missed });
            }
            return;
        }
        self.calls += 1;
        let call = Call { id: self.calls, at, life, to };
        if let Some(handler) = &mut self.sites[at].handler {
            handler.calls.push(call.id);
            self.network.put(self.now.plus(CALL_MS), Post::Deadline(call));
        }
        self.post((at, there), Post::Frame(call, bytes));
    }

    /// Sends a message from the place of one object or row to that of another.
    pub fn post(&mut self, (from, to): (usize, usize), post: Post) {
        let way = (from % self.places(), to % self.places());
        self.network.send(way, self.now, post, &mut self.dice, &mut self.faults);
    }

    /// Once all calls are answered or missed, the handler goes on.
    fn finish(&mut self, at: usize) {
        let life = self.sites[at].life;
        let Some(handler) = &mut self.sites[at].handler else { return };
        let mut step = handler.telling.next_step();
        if step == telling::Step::Wait {
            return;
        }
        let mut telling = std::mem::replace(&mut handler.telling, Telling::to([], Why::Alarm));
        while let telling::Step::Take(input @ Input::Missed { .. }) = step {
            self.serve(at, input);
            step = telling.next_step();
        }
        // A handler that was cut off has nothing more to do; its alarm is tried again.
        if self.sites[at].life == life {
            self.follow(at, &mut telling, step);
        }
        let site = &mut self.sites[at];
        // What it could not write it does again, as a handler that fails is tried again.
        if site.life == life && site.handler.take().is_some_and(|handler| handler.failed) {
            let again = self.now.plus(FULL_RETRY_MS);
            site.disk.alarm = Some(site.disk.alarm.map_or(again, |alarm| alarm.min(again)));
        }
    }

    fn close(&mut self, call: Call, answer: Answer) {
        let site = &mut self.sites[call.at];
        let Some(handler) = site.handler.as_mut().filter(|_| site.life == call.life) else { return };
        if handler.calls.contains(&call.id) {
            handler.telling.hear(call.to, answer);
            self.finish(call.at);
        }
    }

    /// A message comes.
    pub fn deliver(&mut self, post: Post) {
        match post {
            Post::Frame(call, bytes) => {
                let there = self.at(self.sites[call.at].cart, call.to.region());
                if let Some(answer) = self.answer(there, bytes) {
                    self.post((there, call.at), Post::Answer(call, answer));
                }
            }
            Post::Answer(call, answer) => self.close(call, answer),
            Post::Deadline(call) => self.close(call, Answer::Missed),
            Post::Call(at, input) => {
                self.prepare(at, &input, false);
                self.serve(at, input);
            }
            Post::Queue(store, bytes, tries) => self.store(store, bytes, tries),
            Post::Told(from, told) => self.take_notice(from, told),
            Post::Then(at, input) => {
                self.prepare(at, &input, false);
                self.serve(at, input);
            }
            Post::Mended(place) => self.network.mend(place),
        }
    }

    /// A store's consumers take what is in the queue.
    fn store(&mut self, at: usize, bytes: Vec<u8>, tries: u32) {
        if self.stores[at].down {
            self.faults.fire(Kind::StoreDown);
            if tries < QUEUE_TRIES_MAX {
                let later = self.now.plus(QUEUE_RETRY_MS << tries);
                self.network.put(later, Post::Queue(at, bytes, tries + 1));
            } else {
                self.faults.fire(Kind::DeadLetter);
                self.dead.push((at, bytes));
            }
            return;
        }
        let more = if self.faulty { self.dice.below(4) } else { 0 };
        let until = self.now.plus(1_000);
        let queued = self.network.take_queued(at, until, more);
        let mut batches: Vec<Vec<Frame>> = vec![Vec::new()];
        for bytes in [bytes].into_iter().chain(queued) {
            let readable = |frame: &Frame| !self.habits.poison || !self.stores[at].is_poison(frame);
            let Some(frame) = Frame::from_bytes(&bytes).ok().filter(readable) else {
                self.faults.fire(Kind::Poison);
                self.dead.push((at, bytes));
                continue;
            };
            if batches.len() < 2 && !batches[0].is_empty() && self.dice.chance(60) {
                batches.push(Vec::new());
            }
            batches.last_mut().expect("there is one").push(frame);
        }
        batches.retain(|batch| !batch.is_empty());
        let before = self.stores[at].row.as_ref().map(|row| row.rev);
        let held = self.stores[at].held.clone();
        let taken = self.stores[at].take(&batches, self.now, &mut self.dice, &mut self.faults);
        if before != self.stores[at].row.as_ref().map(|row| row.rev) {
            self.idle_frames = 0;
            let name = format!("the store of {}", self.stores[at].region);
            let facts = &mut self.facts[self.stores[at].cart];
            facts.follow(held.as_ref(), self.stores[at].held.as_ref(), false, &name);
        }
        for (frame, (receipt, answer)) in batches.iter().zip(taken).flat_map(|(frames, taken)| {
            let answer = taken.answer;
            frames.iter().zip(taken.receipts.into_iter().map(move |receipt| (receipt, answer.clone())))
        }) {
            let there = self.at(self.stores[at].cart, frame.from.region());
            let told = self.passes(at, there);
            if !told {
                self.faults.fire(Kind::ReceiptLost);
                continue;
            }
            let receipts = vec![receipt.to_bytes()];
            self.post((at, there), Post::Call(there, Input::Receipts { receipts }));
            if let Some(answer) = answer.filter(|_| frame.pull) {
                self.post((at, there), Post::Call(there, Input::Frame { bytes: answer.to_bytes() }));
            }
        }
    }
}
