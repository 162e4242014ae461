//! The other holders of a cart: whom a replica asks that has no storage, or lacks what the session was shown, and
//! what it does with what they answer. Nobody is waited for longer than a moment, and who cannot be reached is asked
//! again.

use cart_core::frame::{Frame, Holder};
use cart_core::id::Region;
use cart_core::replica::{Caller, Effect, Input, ReplyKind};
use futures_util::future::join_all;

use crate::cart::call::{Call, send_within};
use crate::cart::object::CartObject;
use crate::platform::clock::{self, present};
use crate::platform::config::Config;
use crate::platform::deadline::PULL_MS;
use crate::platform::log;
use crate::platform::problem::{Kind, Problem};
use crate::platform::sql::Rows;
use crate::store::call::{Errand, run};

/// How long those who hold the cart, and could not be reached, are not asked again, in milliseconds.
const ASK_AGAIN_MS: u64 = 2_000;

impl CartObject {
    /// Makes sure that the replica knows what it must before it answers: one without storage what other
    /// holders have, any what another region has shown to this session. Returns whether it does. Nobody is
    /// waited for longer than a moment.
    pub(super) async fn prepare(&self, call: &Call, rows: &mut Rows) -> bool {
        log::here(call.region, Some(&call.cart_id));
        let tells = matches!(call.input, Input::Frame { .. } | Input::Receipts { .. });
        let Ok(config) = Config::of(&self.env) else { return true };
        let Some((home, unknown)) = self.known(call, rows) else { return true };
        // A frame brings what an absent replica would ask for; only the home has to look in its store first, and not
        // for what the sweep of a store tells: each store that is looked in would call it by its own sweep again.
        if matches!(call.input, Input::Retire) || is_of_store(&call.input) {
            return true;
        }
        if unknown && call.fresh {
            self.tell(call, Input::Fresh);
        } else if unknown && !(tells && call.region != home) {
            self.ask_all(call, &config, home).await;
        }
        let pull = |region: &Region| self.pull(call, &config, Holder::Replica(*region));
        join_all(call.shown_by.iter().map(pull)).await.iter().all(Result::is_ok)
    }

    /// The cart's home, and whether this replica has no storage and has heard nothing of the cart.
    fn known(&self, call: &Call, rows: &mut Rows) -> Option<(Region, bool)> {
        let mut slot = self.replica.borrow_mut();
        if slot.is_none() {
            *slot = self.load(call, clock::now(call.skew_ms), rows).ok();
        }
        let replica = slot.as_ref()?;
        Some((replica.home().region, !replica.book().joined && !self.stored.get()))
    }

    /// Asks those who may hold the cart: away from home the home, then the stores. Where the home has answered,
    /// of these only that of the region itself, which may have been the home in the meantime.
    async fn ask_all(&self, call: &Call, config: &Config, home: Region) {
        let _one = self.asking.lock().await;
        let (joined, stores) = match self.replica.borrow().as_ref() {
            Some(replica) => (replica.book().joined, replica.stores()),
            None => return,
        };
        if joined || present() < self.asked.get().plus(ASK_AGAIN_MS) {
            return;
        }
        self.unread.set(false);
        let answered = call.region != home && self.pull(call, config, Holder::Replica(home)).await.is_ok();
        let mut asked = if answered { Vec::new() } else { stores };
        let has_one = config.regions.place(call.region).is_some_and(|place| !place.stores.is_empty());
        if has_one && !asked.contains(&call.region) {
            asked.push(call.region);
        }
        let known = self.ask_stores(call, config, asked).await;
        if !answered {
            self.asked.set(present());
        }
        // The home of a cart of which no store knows is the first to hold it.
        if call.region == home && known == Some(false) {
            self.tell(call, Input::Unstored);
        }
    }

    /// Reads what stores have: whether one has the cart, if that can be said.
    async fn ask_stores(&self, call: &Call, config: &Config, stores: Vec<Region>) -> Option<bool> {
        let read = |store| {
            let errand = Errand::Read { store, cart_id: call.cart_id.clone() };
            async move { run(config, call.region, &errand, PULL_MS).await }
        };
        let (mut answered, mut found) = (true, false);
        for answer in join_all(stores.into_iter().map(read)).await {
            match answer {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => {
                    self.tell(call, Input::Frame { bytes });
                    found = true;
                }
                Err(problem) => {
                    self.note_unread(&problem);
                    log::failed(
                        "ask a store what it has",
                        &problem.detail,
                        "what is shown may lack something",
                    );
                    answered = false;
                }
            }
        }
        (found || answered).then_some(found)
    }

    fn note_unread(&self, problem: &Problem) {
        self.unread.set(self.unread.get() || problem.kind() == Kind::OtherBuild);
    }

    /// Asks a holder for what is lacking here, and takes it in.
    async fn pull(&self, call: &Call, config: &Config, from: Holder) -> Result<(), Problem> {
        let unreachable = || Problem::unreachable(from.region());
        let (_, effects) = self.tell(call, Input::Pull { from }).ok_or_else(unreachable)?;
        let frames = effects.into_iter().filter_map(|effect| {
            let Effect::Send { to, frame } = effect else { return None };
            Some((to, frame))
        });
        for (to, frame) in frames {
            let answer = self.hand(call, config, to, frame, PULL_MS).await;
            let answer = answer.inspect_err(|problem| self.note_unread(problem))?;
            self.take(call, config, vec![answer]).await;
        }
        Ok(())
    }

    /// Hands a frame to a holder. A replica answers with its receipt, and with a frame if it was asked to.
    pub(super) async fn hand(
        &self,
        call: &Call,
        config: &Config,
        to: Holder,
        frame: Vec<u8>,
        deadline_ms: u64,
    ) -> Result<Answer, Problem> {
        let input = Input::Frame { bytes: frame };
        let there = Call {
            caller: Caller::Service,
            region: to.region(),
            input,
            shown_by: Vec::new(),
            fresh: false,
            ..call.clone()
        };
        let (reply, _) = send_within(&self.env, config, call.region, &there, deadline_ms).await?;
        let ReplyKind::Taken { receipt, frame } = reply.kind else {
            return Err(Problem::unreachable(to.region()));
        };
        Ok(Answer { from: to, receipt, frame })
    }

    /// Takes in what holders have answered, and acknowledges the frames among it.
    pub(super) async fn take(&self, call: &Call, config: &Config, answers: Vec<Answer>) {
        let receipts: Vec<_> = answers.iter().map(|answer| answer.receipt.clone()).collect();
        if !receipts.is_empty() {
            self.tell(call, Input::Receipts { receipts });
        }
        for Answer { from, frame, .. } in answers {
            let Some(bytes) = frame else { continue };
            let Some((ReplyKind::Taken { receipt, .. }, _)) = self.tell(call, Input::Frame { bytes }) else {
                continue;
            };
            let there = Call {
                caller: Caller::Service,
                region: from.region(),
                input: Input::Receipts { receipts: vec![receipt] },
                shown_by: Vec::new(),
                ..call.clone()
            };
            // If it is not heard, the other asks again.
            drop(send_within(&self.env, config, call.region, &there, PULL_MS).await);
        }
    }
}

/// What a holder answered to a frame.
pub(super) struct Answer {
    from: Holder,
    receipt: Vec<u8>,
    frame: Option<Vec<u8>>,
}

/// Whether it is what a store tells.
fn is_of_store(input: &Input) -> bool {
    let Input::Frame { bytes } = input else { return false };
    Frame::from_bytes(bytes).is_ok_and(|frame| matches!(frame.from, Holder::Store(_)))
}
