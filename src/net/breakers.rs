//! What this isolate knows of how regions answer, and the only way through to them: nobody is called that has failed
//! lately, none is waited for beyond a deadline, and what is tried again is bounded.

use std::cell::{Cell, RefCell};

use cart_core::breaker::{Breaker, Circuit, Load, RetryBudget};
use cart_core::frame::Holder;
use cart_core::id::Region;

use crate::net::failure::Failure;
use crate::net::faults;
use crate::platform::clock::present;
use crate::platform::config::Config;
use crate::platform::deadline::within;
use crate::platform::log;

thread_local! {
    /// One a region for its replicas, in the order of [`Region::ALL`], then one for its store.
    static BREAKERS: RefCell<[Breaker; 2 * Region::ALL.len()]> = RefCell::default();
}

thread_local! {
    /// Of the calls to the replicas of a region, in the order of [`Region::ALL`].
    static LOADS: RefCell<[Load; Region::ALL.len()]> = RefCell::default();
}

thread_local! {
    /// Of the calls to objects of this process.
    static BUDGET: RefCell<RetryBudget> = RefCell::default();
}

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// How many calls of replicas and of other stores this isolate has made, retries aside.
pub fn calls() -> u64 {
    CALLS.get()
}

/// How the calls of this isolate to the replicas of a region fare.
pub fn circuit(region: Region) -> Circuit {
    breaker(Holder::Replica(region), |breaker| breaker.circuit(present()))
}

/// Whether a region may get sessions that another could serve as well: its replicas answer, and soon.
pub fn is_healthy(region: Region) -> bool {
    circuit(region) == Circuit::Closed && !load(Holder::Replica(region), |load| load.is_high(present()))
}

/// Takes what is known of the load of a region's replicas. That of stores is in their queues.
fn load<T: Default>(to: Holder, take: impl FnOnce(&mut Load) -> T) -> T {
    let Holder::Replica(region) = to else { return T::default() };
    LOADS.with_borrow_mut(|all| all.get_mut(region as usize).map(take).unwrap_or_default())
}

fn breaker<T: Default>(to: Holder, take: impl FnOnce(&mut Breaker) -> T) -> T {
    let at = match to {
        Holder::Replica(region) => region as usize,
        Holder::Store(region) => Region::ALL.len() + region as usize,
    };
    BREAKERS.with_borrow_mut(|all| all.get_mut(at).map(take).unwrap_or_default())
}

/// What a call of a region gives, if it does in time.
pub async fn in_time<T>(
    to: Region,
    deadline_ms: u64,
    call: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    within(deadline_ms, call).await.unwrap_or(Err(Failure::Hung(to)))
}

/// What a call gives, if nothing parts the regions and its breaker lets it through. It ends by itself.
pub async fn through<T>(
    config: &Config,
    from: Region,
    to: Holder,
    call: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    // Not the breaker's concern: when the cut is healed, nothing stays closed.
    faults::pass(config, from, to.region())?;
    if !breaker(to, |breaker| breaker.admits(present())) {
        return Err(Failure::Unasked(to.region()));
    }
    CALLS.set(CALLS.get() + 1);
    let span = load(to, |load| load.called(present()));
    let outcome = call.await;
    load(to, |load| load.answered(span, present()));
    match &outcome {
        Ok(_) => breaker(to, Breaker::succeeded),
        Err(failure) if failure.answers() => breaker(to, Breaker::succeeded),
        Err(Failure::Hung(region)) => {
            log::failed(
                &format!("call {region}"),
                &"no answer in time",
                "it may have done it; after some of these nobody waits for it",
            );
            breaker(to, |breaker| breaker.failed(true, present()));
        }
        Err(_) => breaker(to, |breaker| breaker.failed(false, present())),
    }
    outcome
}

/// Counts a call to an object of this process.
pub fn called() {
    BUDGET.with_borrow_mut(RetryBudget::called);
}

/// Whether one of them may be tried again.
pub fn may_spend() -> bool {
    BUDGET.with_borrow_mut(RetryBudget::spend)
}

/// Lets the next call of a holder through: an operator asks how it is now, not how it was when others asked.
pub fn probe(to: Holder) {
    breaker(to, Breaker::probe);
}
