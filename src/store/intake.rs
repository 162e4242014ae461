//! Frames into rows: read, join, write where the row is still as it was read, again where it is not. What
//! the senders are told follows only once it is durable.

use cart_core::cart::Cart;
use cart_core::frame::{Frame, Holder, Receipt};
use cart_core::id::{CartId, Region};
use cart_core::packed::pack_as;
use cart_core::replica::Input;
use cart_core::store::{Stored, Taken, take};
use cart_core::time::Millis;
use futures_util::future::join_all;
use worker::Env;

use crate::cart::call::{Call, send};
use crate::platform::clock;
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::call::{Freshness, Letter};
use crate::store::databases::open;
use crate::store::region::{RegionStore, Row, Write, home_of, push};
use crate::store::rows::letters::DeadLetters;
use crate::store::{dead, messages};

/// The largest message, in bytes; the platform takes 128 KB. A larger frame goes to the store directly.
const MESSAGE_BYTES_MAX: usize = 100 * 1_024;
/// How often a row is read again because somebody else has written it meanwhile.
const TRIES_MAX: u32 = 8;

/// A frame that has come.
#[derive(Clone)]
pub struct Arrival {
    pub frame: Frame,
    /// When it was sent.
    pub sent: Millis,
}

/// A frame with a state that can be read.
pub fn arrival(frame: &[u8], sent: Millis) -> Result<Arrival, Problem> {
    let frame = Frame::from_bytes(frame)?;
    Cart::from_any_build(&frame.state)?;
    Ok(Arrival { frame, sent })
}

/// What is to be said to the senders of a cart's frames.
pub struct Told {
    /// Of which region the store is.
    by: Region,
    cart_id: CartId,
    /// To whom, by its region.
    receipts: Vec<(Region, Vec<Receipt>)>,
    answer: Option<(Vec<Region>, Frame)>,
    /// The cart is erased.
    erased: bool,
    /// The row was written.
    pub wrote: bool,
}

/// Puts a letter into the queue of its store. The receipt comes to the frame's sender later.
pub async fn enqueue(env: &Env, config: &Config, letter: Letter) -> Result<(), Problem> {
    let bytes = pack_as(config.format, &letter);
    if bytes.len() <= MESSAGE_BYTES_MAX {
        return messages::send_bytes(env, letter.store, &bytes).await;
    }
    let store = open(env, config, letter.store)?;
    let arrivals = vec![(letter.cart_id.clone(), vec![arrival(&letter.frame, letter.sent)?])];
    let outcomes = take_in(env, config, &store, arrivals).await;
    let told = outcomes.into_iter().map(|(_, told)| told).collect::<Result<Vec<_>, _>>()?;
    tell(env, config, told).await;
    Ok(())
}

/// Takes in frames of several carts. For each cart what is to be told, or why it must be tried again. Of one that
/// is erased no dead letter is left before anybody is told.
pub async fn take_in(
    env: &Env,
    config: &Config,
    store: &(impl RegionStore + DeadLetters),
    arrivals: Vec<(CartId, Vec<Arrival>)>,
) -> Vec<(CartId, Result<Told, Problem>)> {
    let mut outcomes = join_in(store, arrivals).await;
    let is_erased = |outcome: &Result<Told, Problem>| outcome.as_ref().is_ok_and(|told| told.erased);
    let erased = outcomes.iter().filter(|(_, outcome)| is_erased(outcome));
    let erased: Vec<CartId> = erased.map(|(cart_id, _)| cart_id.clone()).collect();
    if let Err(problem) = dead::scrub(env, config, store, &erased).await {
        let outcomes = outcomes.iter_mut().filter(|(_, outcome)| is_erased(outcome));
        outcomes.for_each(|(_, outcome)| *outcome = Err(problem.clone()));
    }
    outcomes
}

async fn join_in(
    store: &impl RegionStore,
    mut arrivals: Vec<(CartId, Vec<Arrival>)>,
) -> Vec<(CartId, Result<Told, Problem>)> {
    let mut outcomes = Vec::new();
    for _ in 0..TRIES_MAX {
        if arrivals.is_empty() {
            break;
        }
        match attempt(store, &arrivals).await {
            Ok(told) => {
                arrivals.retain(|(cart_id, _)| told.iter().all(|(done, _)| done != cart_id));
                outcomes.extend(told);
            }
            Err(problem) => {
                let failed = arrivals.into_iter().map(|(cart_id, _)| (cart_id, Err(problem.clone())));
                outcomes.extend(failed);
                return outcomes;
            }
        }
    }
    let contended = Problem::store_unavailable("the row could not be written; try again");
    outcomes.extend(arrivals.into_iter().map(|(cart_id, _)| (cart_id, Err(contended.clone()))));
    outcomes
}

/// One try for all of them: those that are done.
async fn attempt(
    store: &impl RegionStore,
    arrivals: &[(CartId, Vec<Arrival>)],
) -> Result<Vec<(CartId, Result<Told, Problem>)>, Problem> {
    let carts: Vec<CartId> = arrivals.iter().map(|(cart_id, _)| cart_id.clone()).collect();
    let rows = store.read(&carts).await?;
    let now = clock::now(0);
    let (mut done, mut waiting, mut writes) = (Vec::new(), Vec::new(), Vec::new());
    let mut freshness = Freshness { taken: now, late_ms: 0, late_versions: 0 };
    for (cart_id, arrived) in arrivals {
        let before = rows.iter().find(|(there, _)| there == cart_id).map(|(_, row)| row.clone());
        let before = match before.transpose() {
            Ok(before) => before,
            Err(problem) => {
                done.push((cart_id.clone(), Err(problem)));
                continue;
            }
        };
        let incarnation = clock::random_u64().map_err(|error| Problem::store(&error))?;
        let frames: Vec<Frame> = arrived.iter().map(|arrival| arrival.frame.clone()).collect();
        let taken = take(before.as_ref().map(|row| &row.stored), &frames, store.region(), incarnation);
        let Taken { write, receipts, answer } = match taken {
            Ok(taken) => taken,
            Err((_, reject)) => {
                done.push((cart_id.clone(), Err(reject.into())));
                continue;
            }
        };
        let mut told = told(store.region(), cart_id, &frames, receipts, answer);
        let after = write.as_ref().or(before.as_ref().map(|row| &row.stored));
        told.erased = after.is_some_and(|after| after.cart.is_erased());
        // Whoever sent it has its storage, or has it again by the answer, and the sweep must find it. Of a home that has
        // moved the sweep of each store makes one again, which tells the others: they would call it without end.
        let by_replica = frames.iter().any(|frame| matches!(frame.from, Holder::Replica(_)));
        let has = |row: &Row| told.answer.is_some() || by_replica && row.stored.cart.home().is_none();
        let found = before.as_ref().filter(|row| write.is_none() && !row.resident && has(row));
        let found = found.map(|row| Stored { rev: row.stored.rev + 1, ..row.stored.clone() });
        let changes = write.is_some();
        let Some(stored) = write.or(found) else {
            done.push((cart_id.clone(), Ok(told)));
            continue;
        };
        let known = before.as_ref().map_or(0, |row| row.sequence);
        let home = home_of(cart_id, &stored.cart);
        let from_home = frames.iter().filter(|frame| frame.from == Holder::Replica(home));
        let sequence = from_home.map(|frame| frame.sequence).fold(known, u64::max);
        if changes {
            let sent = arrived.iter().map(|arrival| arrival.sent).min().unwrap_or(now);
            freshness.late_ms = freshness.late_ms.max(now.0.saturating_sub(sent.0));
            freshness.late_versions = freshness.late_versions.max(sequence - known);
        }
        // Whoever's clock said so, lists go by no time to come.
        let updated = stored.ties.updated().min(now);
        let after = Row { stored, sequence, updated, resident: true, elsewhere: false };
        writes.push(Write { cart_id: cart_id.clone(), before, after });
        told.wrote = true;
        waiting.push(told);
    }
    // What another store gives says nothing of how late this one is.
    let told_here = |arrival: &Arrival| matches!(arrival.frame.from, Holder::Replica(_));
    let fresh = arrivals.iter().flat_map(|(_, arrived)| arrived).any(told_here).then_some(freshness);
    let written = if writes.is_empty() { Vec::new() } else { store.write(&writes, fresh).await? };
    for (told, written) in waiting.into_iter().zip(written) {
        if written {
            done.push((told.cart_id.clone(), Ok(told)));
        }
    }
    Ok(done)
}

fn told(
    by: Region,
    cart_id: &CartId,
    frames: &[Frame],
    receipts: Vec<Receipt>,
    answer: Option<Frame>,
) -> Told {
    let mut by_region = Vec::new();
    for (frame, receipt) in frames.iter().zip(receipts) {
        if let Holder::Replica(region) = frame.from {
            push(&mut by_region, region, receipt);
        }
    }
    let asked = frames.iter().filter(|frame| frame.pull).map(|frame| frame.from.region()).collect();
    let answer = answer.map(|frame| (asked, frame));
    Told { by, cart_id: cart_id.clone(), receipts: by_region, answer, erased: false, wrote: false }
}

/// Tells the senders, each once of all that concerns a cart: to know it costs the sender a row. One that
/// cannot be told sends again.
pub async fn tell(env: &Env, config: &Config, told: impl IntoIterator<Item = Told>) {
    let (mut receipts, mut inputs) = (Vec::new(), Vec::new());
    for told in told {
        for (region, some) in told.receipts {
            let some = some.iter().map(|receipt| receipt.to_bytes_as(config.format));
            some.for_each(|receipt| push(&mut receipts, (told.by, told.cart_id.clone(), region), receipt));
        }
        if let Some((regions, frame)) = told.answer {
            let bytes = frame.to_bytes_as(config.format);
            let frame =
                |region| (told.by, told.cart_id.clone(), region, Input::Frame { bytes: bytes.clone() });
            inputs.extend(regions.into_iter().map(frame));
        }
    }
    let receipts = receipts.into_iter();
    inputs.extend(
        receipts.map(|((by, cart_id, region), receipts)| (by, cart_id, region, Input::Receipts { receipts })),
    );
    let call = async |(by, cart_id, region, input)| {
        let call = Call::of_service(cart_id, region, input, config.skew_ms);
        send(env, config, by, &call).await
    };
    for problem in join_all(inputs.into_iter().map(call)).await.into_iter().filter_map(Result::err) {
        log::failed("acknowledge to a replica", &problem.detail, "it tells the store again");
    }
}
