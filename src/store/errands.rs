//! What a store is asked, by whichever process: carried out where it is served, sent on where it is not.

use cart_core::id::{CartId, Region};
use cart_core::packed::{Format, pack_as, unpack};
use cart_core::sweep::Rooted;
use worker::Env;

use crate::net::incoming::verified;
use crate::platform::answer::Answer;
use crate::platform::clock;
use crate::platform::config::Config;
use crate::platform::deadline::within;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::platform::request::Request;
use crate::store::call::{Errand, Report, run};
use crate::store::databases::{self, open};
use crate::store::intake::{arrival, enqueue, take_in};
use crate::store::messages;
use crate::store::region::{RegionStore, Row, Write};
use crate::store::rows::letters::DeadLetters as _;
use crate::store::rows::walks;

/// How often a row is read again, since it was written when it was to be marked.
const READS_MAX: u32 = 8;

/// Asks the store of a region, wherever it is served: the bytes that [`Errand`] says.
pub async fn ask(env: &Env, config: &Config, errand: Errand, deadline_ms: u64) -> Result<Vec<u8>, Problem> {
    let store = errand.store();
    if config.peer(store).is_some() {
        return run(config, store, &errand, deadline_ms).await;
    }
    let done = within(deadline_ms, carry_out(env, config, errand, config.format)).await;
    done.unwrap_or_else(|| Err(Problem::store_unavailable("the region's store did not answer in time")))
}

/// An errand of another process, or of the edge of this one, for a store that is served here.
pub async fn receive(request: &Request, env: &Env, config: &Config) -> Result<Answer, Problem> {
    let body = verified(request, config).await?;
    let errand: Errand = unpack(&body)?;
    if config.peer(errand.store()).is_some() {
        return Err(Problem::new(421, "misdirected", "the region is not served here: see PEERS"));
    }
    carry_out(env, config, errand, Format::answering(&body)).await.map(Answer::of_bytes)
}

/// What is answered is packed in a format: that of the question.
async fn carry_out(env: &Env, config: &Config, errand: Errand, format: Format) -> Result<Vec<u8>, Problem> {
    match errand {
        Errand::Take(letter) => enqueue(env, config, letter).await.map(|()| Vec::new()),
        Errand::Read { store, cart_id } => read(&open(env, config, store)?, &cart_id, format).await,
        Errand::Report { store } => Ok(pack_as(format, &report(env, config, store).await?)),
        Errand::List { store, ask } => Ok(pack_as(format, &open(env, config, store)?.list(&ask).await?)),
        Errand::Peek { store, carts } => {
            Ok(pack_as(format, &peek(&open(env, config, store)?, &carts).await?))
        }
        Errand::Keep { store, frames } => {
            let arrivals = frames.into_iter().map(|(cart_id, bytes)| {
                let arrival = arrival(&bytes, clock::now(0))?;
                Ok((cart_id, vec![arrival]))
            });
            let arrivals = arrivals.collect::<Result<_, Problem>>()?;
            let outcomes = take_in(env, config, &open(env, config, store)?, arrivals).await;
            let told = outcomes.into_iter().map(|(_, told)| told).collect::<Result<Vec<_>, _>>()?;
            Ok(pack_as(format, &(told.iter().filter(|told| told.wrote).count() as u64)))
        }
    }
}

/// All that a store has of a cart; nothing, if it has none. A replica that comes back from it may have its storage
/// from now on, also if it never has anything to tell: it gets the row only with that written, so that the row is
/// not deleted meanwhile, and the sweep finds it.
async fn read(store: &impl RegionStore, cart_id: &CartId, format: Format) -> Result<Vec<u8>, Problem> {
    for _ in 0..READS_MAX {
        let rows = store.read(std::slice::from_ref(cart_id)).await?;
        let Some(row) = rows.into_iter().next().map(|(_, row)| row).transpose()? else {
            return Ok(Vec::new());
        };
        let bytes = row.stored.frame(store.region()).to_bytes_as(format);
        if row.resident {
            return Ok(bytes);
        }
        let mut after = Row { resident: true, ..row.clone() };
        after.stored.rev += 1;
        let write = Write { cart_id: cart_id.clone(), before: Some(row), after };
        match store.write(&[write], None).await {
            // Somebody has written it meanwhile, or deleted it.
            Ok(written) if !written.contains(&true) => {}
            Ok(_) => return Ok(bytes),
            // What cannot write does not delete either, and the cart is to be read all the same.
            Err(problem) => {
                log::failed_for(
                    cart_id,
                    "mark a row that a replica has come back from",
                    &problem.detail,
                    "it is read all the same",
                );
                return Ok(bytes);
            }
        }
    }
    Err(Problem::store_unavailable("the row could not be marked; try again"))
}

/// What a store has of root carts, without waking anybody.
async fn peek(store: &impl RegionStore, carts: &[CartId]) -> Result<Vec<(CartId, Rooted)>, Problem> {
    let mut known = Vec::new();
    for (cart_id, row) in store.read(carts).await? {
        let row = row?;
        // A use of the session is a change of its root cart.
        let used = row.stored.ties.last_use().map_or(row.updated, |used| used.max(row.updated));
        known.push((cart_id, Rooted { resident: row.resident, used }));
    }
    Ok(known)
}

/// How the store of a region does. One that does not answer is not available, which is no refusal.
async fn report(env: &Env, config: &Config, region: Region) -> Result<Report, Problem> {
    if config.regions.place(region).is_none_or(|place| place.stores.is_empty()) {
        return Ok(Report::default());
    }
    let waiting = messages::waiting(env, region).await;
    let store = open(env, config, region)?;
    let (Ok(freshness), Ok(dead_letters), Ok(gone), Ok(walks)) = (
        store.freshness().await,
        store.count_dead_letters().await,
        store.tallies().await,
        walks::walked(config, &store).await,
    ) else {
        return Ok(Report { waiting, ..Report::default() });
    };
    let rows_written = databases::rows_written();
    Ok(Report { available: true, freshness, waiting, dead_letters, rows_written, gone, walks })
}
