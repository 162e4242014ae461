//! What the shell around a replica does, and in which order, as the production shell does it: an object
//! without storage asks who may hold the cart; an alarm sends, waits for answers, takes them in; what comes
//! is answered once it is on disk.

use cart_core::frame::{Frame, Holder};
use cart_core::id::Region;
use cart_core::replica::{Caller, Input, ReplyKind};

use super::fault::Kind;
use super::network::{Call, Post};
use super::site::{Answer, Handler, Turn};
use super::store::Store;
use super::world::World;
use crate::violation::Invariant;

/// How long an answer is waited for, in milliseconds.
const CALL_MS: u64 = 3_000;
/// How long others are not asked again in vain, in milliseconds.
const ASK_AGAIN_MS: u64 = 2_000;
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

    /// Makes sure that an object knows what it must before it answers. `tells` says that the call brings
    /// something, `fresh` that nobody can know of the cart yet.
    pub fn prepare(&mut self, at: usize, tells: bool, fresh: bool) {
        let replica = self.load(at);
        let (home, joined) = (replica.home().region, replica.book().joined);
        if joined || self.sites[at].disk.row.is_some() {
            return;
        }
        let at_home = self.sites[at].region == home;
        if fresh {
            self.step(at, &Caller::Service, Input::Fresh, None);
        } else if at_home || !tells {
            self.ask_all(at, home);
        }
    }

    /// Asks those who may hold the cart: away from home the home, then the stores. Where the home has answered,
    /// of these only that of the region itself, which may have been the home in the meantime.
    fn ask_all(&mut self, at: usize, home: Region) {
        if self.sites[at].asked.is_some_and(|asked| self.now < asked.plus(ASK_AGAIN_MS)) {
            return;
        }
        let own = self.sites[at].region;
        let answered = own != home && self.pull(at, Holder::Replica(home));
        let mut stores = if answered { Vec::new() } else { self.load(at).stores() };
        if !stores.contains(&own) {
            stores.push(own);
        }
        let known = self.ask_stores(at, stores);
        if !answered {
            self.sites[at].asked = Some(self.now);
        }
        if own == home && known == Some(false) {
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
                let text = format!("{own} takes for new what the store of {found} has");
                self.facts_at(at).breaks(Invariant::I1NoLostAdd, text);
            }
            self.sites[at].unstored = Some(self.now);
            self.step(at, &Caller::Service, Input::Unstored, None);
        }
    }

    /// Reads what stores have: whether one has the cart, if that can be said.
    fn ask_stores(&mut self, at: usize, stores: Vec<Region>) -> Option<bool> {
        let (mut answered, mut found) = (true, false);
        for store in stores {
            let there = self.at(self.sites[at].cart, store);
            if !self.passes(at, there) || self.stores[there].down {
                answered = false;
                continue;
            }
            let Some(row) = &self.stores[there].row else { continue };
            let bytes = row.frame(store).to_bytes();
            self.stores[there].resident = true;
            self.step(at, &Caller::Service, Input::Frame { bytes }, None);
            found = true;
        }
        (found || answered).then_some(found)
    }

    /// Asks a holder for what is lacking here and takes it in, all in a moment. Whether it answered.
    pub fn pull(&mut self, at: usize, from: Holder) -> bool {
        let there = self.at(self.sites[at].cart, from.region());
        let turn = self.step(at, &Caller::Service, Input::Pull { from }, None);
        let Some((_, bytes)) = turn.sends.into_iter().next() else { return false };
        self.frames += 1;
        if !self.passes(at, there) {
            return false;
        }
        let Some(answer) = self.answer(there, from, bytes) else { return false };
        if !self.passes(there, at) {
            return false;
        }
        self.take(at, vec![answer]);
        true
    }

    /// A frame has come to a replica: its answer, once that is on disk.
    fn answer(&mut self, at: usize, from: Holder, bytes: Vec<u8>) -> Option<Answer> {
        self.prepare(at, true, false);
        let turn = self.serve(at, Input::Frame { bytes });
        match turn.reply?.ok()?.kind {
            ReplyKind::Taken { receipt, frame } => Some(Answer { from, receipt, frame }),
            _ => None,
        }
    }

    /// Takes in what holders have answered, and acknowledges the frames among it.
    fn take(&mut self, at: usize, answers: Vec<Answer>) {
        let answer = |Answer { from, receipt, frame }| (receipt, (from, frame));
        let (receipts, frames): (Vec<_>, Vec<_>) = answers.into_iter().map(answer).unzip();
        if !receipts.is_empty() {
            self.serve(at, Input::Receipts { receipts });
        }
        for (from, frame) in frames {
            let Some(bytes) = frame else { continue };
            let Some(Ok(reply)) = self.serve(at, Input::Frame { bytes }).reply else { continue };
            if let ReplyKind::Taken { receipt, .. } = reply.kind {
                let there = self.at(self.sites[at].cart, from.region());
                self.post((at, there), Post::Receipt(there, receipt));
            }
        }
    }

    /// The alarm goes off: sends, then waits for the answers.
    pub fn ring(&mut self, at: usize) {
        self.sites[at].disk.alarm = None;
        if self.sites[at].disk.row.is_none() {
            return;
        }
        self.sites[at].handler = Some(Handler::default());
        let turn = self.serve(at, Input::Tick);
        let life = self.sites[at].life;
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
            } else if let Some(handler) = &mut self.sites[at].handler {
                handler.missed.push(to);
            }
            return;
        }
        self.calls += 1;
        let call = Call { id: self.calls, at, life, to };
        if let Some(handler) = &mut self.sites[at].handler {
            handler.open.push(call.id);
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
        if !self.sites[at].handler.as_ref().is_some_and(|handler| handler.open.is_empty()) {
            return;
        }
        let life = self.sites[at].life;
        let Handler { answers, missed, failed, .. } =
            self.sites[at].handler.as_mut().map(std::mem::take).unwrap_or_default();
        for to in missed {
            self.serve(at, Input::Missed { to });
        }
        // A handler that was cut off has nothing more to do; its alarm is tried again.
        if self.sites[at].life == life {
            self.take(at, answers);
        }
        let site = &mut self.sites[at];
        // What it could not write it does again, as a handler that fails is tried again.
        if site.life == life && site.handler.take().is_some_and(|handler| handler.failed || failed) {
            let again = self.now.plus(FULL_RETRY_MS);
            site.disk.alarm = Some(site.disk.alarm.map_or(again, |alarm| alarm.min(again)));
        }
    }

    fn close(&mut self, call: Call, answer: Option<Answer>) {
        let site = &mut self.sites[call.at];
        let Some(handler) = site.handler.as_mut().filter(|_| site.life == call.life) else { return };
        let Some(open) = handler.open.iter().position(|id| *id == call.id) else { return };
        handler.open.swap_remove(open);
        match answer {
            Some(answer) => handler.answers.push(answer),
            None => handler.missed.push(call.to),
        }
        self.finish(call.at);
    }

    /// A message comes.
    pub fn deliver(&mut self, post: Post) {
        match post {
            Post::Frame(call, bytes) => {
                let there = self.at(self.sites[call.at].cart, call.to.region());
                if let Some(answer) = self.answer(there, call.to, bytes) {
                    self.post((there, call.at), Post::Answer(call, answer));
                }
            }
            Post::Answer(call, answer) => self.close(call, Some(answer)),
            Post::Deadline(call) => self.close(call, None),
            Post::Receipt(at, receipt) => {
                self.prepare(at, true, false);
                self.serve(at, Input::Receipts { receipts: vec![receipt] });
            }
            Post::Tell(at, bytes) => {
                self.serve(at, Input::Frame { bytes });
            }
            Post::Queue(store, bytes, tries) => self.store(store, bytes, tries),
            Post::Told(from, told) => self.take_notice(from, told),
            Post::Then(at, input) => {
                self.prepare(at, true, false);
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
            self.post((at, there), Post::Receipt(there, receipt.to_bytes()));
            if let Some(answer) = answer.filter(|_| frame.pull) {
                self.post((at, there), Post::Tell(there, answer.to_bytes()));
            }
        }
    }
}
