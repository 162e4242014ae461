//! The other holders of a cart: asked where the replica has no storage, or lacks what the session was shown. Whom, and
//! what follows from what they answer, the core says; here are the ways to them. Nobody is waited for longer than a
//! moment, and who cannot be reached is asked again.

use cart_core::frame::Holder;
use cart_core::id::Region;
use cart_core::replica::asking::{Asking, Heard, Need, PULL_MS, Step};
use cart_core::replica::telling::{self, Answer, Telling, Why};
use cart_core::replica::{Caller, Effect, Input};
use futures_util::future::join_all;

use crate::cart::call::{Call, send_within};
use crate::cart::object::CartObject;
use crate::platform::clock::{self, present};
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::{Kind, Problem};
use crate::platform::sql::Rows;
use crate::store::call::{Errand, run};

impl CartObject {
    /// Makes sure that the replica knows what it must before it answers: one without storage what other
    /// holders have, any what another region has shown to this session. Returns whether it does. Nobody is
    /// waited for longer than a moment.
    pub(super) async fn prepare(&self, call: &Call, rows: &mut Rows) -> bool {
        log::here(call.region, Some(&call.cart_id));
        let Ok(config) = Config::of(&self.env) else { return true };
        match self.need(call, rows) {
            None => return true,
            Some(Need::Nothing) => {}
            Some(Need::Fresh) => self.ask(call, &config, Need::Fresh).await,
            Some(Need::Holders) => {
                let _one = self.one_asks.lock().await;
                self.ask(call, &config, Need::Holders).await;
            }
        }
        let pull = |region: &Region| self.pull(call, &config, Holder::Replica(*region));
        let heard = join_all(call.shown_by.iter().map(pull)).await;
        heard.iter().for_each(|heard| self.asked.borrow_mut().hear(heard));
        heard.iter().all(|heard| *heard == Heard::Told)
    }

    /// Whether there is nobody to be asked before it answers: then it knows what it must.
    pub(super) fn is_prepared(&self, call: &Call, rows: &mut Rows) -> bool {
        call.shown_by.is_empty() && matches!(self.need(call, rows), None | Some(Need::Nothing))
    }

    /// What the replica needs before it answers, unless it cannot be read.
    fn need(&self, call: &Call, rows: &mut Rows) -> Option<Need> {
        let mut slot = self.replica.borrow_mut();
        if slot.is_none() {
            *slot = self.load(call, clock::now(call.skew_ms), rows).ok();
        }
        Some(Need::of(slot.as_ref()?, &call.input, call.fresh))
    }

    /// Does as the core says, until there is nobody more to ask.
    async fn ask(&self, call: &Call, config: &Config, need: Need) {
        let begun = self
            .replica
            .borrow()
            .as_ref()
            .and_then(|replica| Asking::begin(need, replica, &mut self.asked.borrow_mut(), present()));
        let Some(mut asking) = begun else { return };
        loop {
            let step = asking.next_step(&mut self.asked.borrow_mut(), present());
            match step {
                Step::Ask(holders) => {
                    let ask = async |holder| (holder, self.ask_one(call, config, holder).await);
                    for (holder, heard) in join_all(holders.into_iter().map(ask)).await {
                        asking.hear(holder, heard, &mut self.asked.borrow_mut());
                    }
                }
                Step::Take(input) => drop(self.tell(call, input)),
                // Each was heard where it was asked.
                Step::Wait | Step::Done => return,
            }
        }
    }

    /// What a holder says that is asked for all.
    async fn ask_one(&self, call: &Call, config: &Config, holder: Holder) -> Heard {
        let Holder::Store(store) = holder else { return self.pull(call, config, holder).await };
        let errand = Errand::Read { store, cart_id: call.cart_id.clone() };
        match run(config, call.region, &errand, PULL_MS).await {
            Ok(bytes) if bytes.is_empty() => Heard::Nothing,
            Ok(bytes) => Heard::Has(bytes),
            Err(problem) => {
                log::failed("ask a store what it has", &problem.detail, "what is shown may lack something");
                no_answer(&problem)
            }
        }
    }

    /// Asks a holder for what is lacking here, and takes it in.
    async fn pull(&self, call: &Call, config: &Config, from: Holder) -> Heard {
        let Some((_, effects)) = self.tell(call, Input::Pull { from }) else { return Heard::Silent };
        let frames = effects.into_iter().filter_map(|effect| {
            let Effect::Send { to, frame } = effect else { return None };
            Some((to, frame))
        });
        for (to, frame) in frames {
            let mut telling = Telling::to([to], Why::Pull);
            match self.hand(call, config, to, frame, PULL_MS).await {
                Ok(answer) => telling.hear(to, answer),
                Err(problem) => return no_answer(&problem),
            }
            self.follow(call, config, telling).await;
        }
        Heard::Told
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
        match Answer::of(reply.kind) {
            Answer::Missed => Err(Problem::unreachable(to.region())),
            answer @ (Answer::Taken { .. } | Answer::Sent) => Ok(answer),
        }
    }

    /// Does what follows from the answers of holders, and acknowledges the frames among them.
    pub(super) async fn follow(&self, call: &Call, config: &Config, mut telling: Telling) {
        loop {
            match telling.next_step() {
                telling::Step::Take(input) => drop(self.tell(call, input)),
                telling::Step::TakeFrom(from, input) => {
                    let taken = self.tell(call, input);
                    let Some(input) = taken.and_then(|(kind, _)| telling::acknowledgement(kind)) else {
                        continue;
                    };
                    let there = Call {
                        caller: Caller::Service,
                        region: from.region(),
                        input,
                        shown_by: Vec::new(),
                        ..call.clone()
                    };
                    // If it is not heard, the other asks again.
                    drop(send_within(&self.env, config, call.region, &there, PULL_MS).await);
                }
                // Each was heard where it was told.
                telling::Step::Wait | telling::Step::Done => return,
            }
        }
    }
}

fn no_answer(problem: &Problem) -> Heard {
    if problem.kind() == Kind::OtherBuild { Heard::Unread } else { Heard::Silent }
}
