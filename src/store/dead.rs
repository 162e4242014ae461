//! Messages that no store could take: kept in a table of a store, with the reason, until the operator replays
//! or drops them, until their cart is erased, or until DEAD_LETTER_DAYS after they died. Replayed, a message goes
//! through the queue again.

use cart_core::id::{CartId, Region};
use cart_core::packed::unpack;
use cart_core::time::Millis;
use worker::{Env, MessageExt as _, RawMessage};

use crate::platform::clock;
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::call::Letter;
use crate::store::databases::{D1Store, open};
use crate::store::messages::{bytes_of, send_bytes, settle};
use crate::store::orders::{Stepped, order_of};
use crate::store::region::{RegionStore as _, Row};
use crate::store::rows::letters::{Age, DeadLetter, DeadLetters};

/// Keeps the messages of the queue of dead letters.
pub async fn keep(env: &Env, config: &Config, messages: impl Iterator<Item = RawMessage>) {
    for message in messages {
        // An order: the cron will say it again.
        if order_of(&message).is_some() {
            message.ack();
            continue;
        }
        let store =
            bytes_of(&message).and_then(|bytes| unpack(&bytes).ok()).map(|letter: Letter| letter.store);
        let reason = "the store did not take it, however often it was tried";
        settle(&message, bury(env, config, store, &message, reason).await);
    }
}

/// Puts a message aside in the store it was meant for; in another one, if that is not known or does not answer.
pub async fn bury(
    env: &Env,
    config: &Config,
    store: Option<Region>,
    message: &RawMessage,
    reason: &str,
) -> Result<(), Problem> {
    let body = bytes_of(message).or_else(|| {
        let text = js_sys::JSON::stringify(&message.body()).ok()?;
        Some(String::from(text).into_bytes())
    });
    let mut letter = DeadLetter {
        id: message.id(),
        died: clock::now(config.skew_ms),
        reason: reason.to_owned(),
        body: body.unwrap_or_default(),
        cart_id: None,
    };
    letter.cart_id = meant(&letter).map(|meant| meant.cart_id);
    let mut refusal = Problem::misconfigured("REGIONS names no stores that are served here");
    for region in store.into_iter().chain(config.here).chain(here(config)) {
        match open(env, config, region) {
            Ok(store) => match keep_in(&store, &letter).await {
                Ok(()) => return Ok(()),
                Err(problem) => refusal = problem,
            },
            Err(problem) => refusal = problem,
        }
    }
    Err(refusal)
}

/// Keeps a letter, unless its cart is erased: what that said is to be nowhere.
async fn keep_in(store: &D1Store, letter: &DeadLetter) -> Result<(), Problem> {
    match erased(store, letter.cart_id.as_slice()).await?.is_empty() {
        true => store.bury(letter).await,
        false => Ok(()),
    }
}

/// Which of some carts a store has as erased.
async fn erased(store: &D1Store, carts: &[CartId]) -> Result<Vec<CartId>, Problem> {
    let rows = if carts.is_empty() { Vec::new() } else { store.read(carts).await? };
    let is_erased =
        |(_, row): &(CartId, Result<Row, Problem>)| row.as_ref().is_ok_and(|row| row.stored.cart.is_erased());
    Ok(rows.into_iter().filter(is_erased).map(|(cart_id, _)| cart_id).collect())
}

/// Forgets what is kept of erased carts in the store that has heard of it, and in the others as far as they answer:
/// a letter for one that did not answer lies in another. What is left there the sweep finds.
pub async fn scrub(
    env: &Env,
    config: &Config,
    store: &impl DeadLetters,
    carts: &[CartId],
) -> Result<(), Problem> {
    if carts.is_empty() {
        return Ok(());
    }
    store.scrub(carts).await?;
    for region in here(config).filter(|region| *region != store.keeper()) {
        if let Err(problem) = scrub_in(env, config, region, carts).await {
            log::failed("scrub the dead letters of an erased cart", &problem.detail, "the next walk does");
        }
    }
    Ok(())
}

async fn scrub_in(env: &Env, config: &Config, region: Region, carts: &[CartId]) -> Result<(), Problem> {
    open(env, config, region)?.scrub(carts).await.map(|_| ())
}

/// A step through the dead letters of a store: those whose end has come go, and those of carts that some store here
/// has as erased. Where it has come to, if there are more.
pub async fn tidy(
    env: &Env,
    config: &Config,
    store: &D1Store,
    after: &Age,
    count_max: usize,
) -> Result<Stepped, Problem> {
    let life_ms = u64::from(config.dead_letter_days) * Millis::DAY;
    store.expire(clock::now(config.skew_ms).less(life_ms)).await?;
    let letters = store.dead_letters(after, count_max).await?;
    let last = letters.last().filter(|_| letters.len() == count_max);
    let last = last.map(|letter| (letter.died.0, letter.id.clone()));
    let mut carts: Vec<CartId> = letters.iter().filter_map(|letter| letter.cart_id.clone()).collect();
    carts.sort_unstable();
    carts.dedup();
    let mut gone = Vec::new();
    for region in here(config) {
        match erased(&open(env, config, region)?, &carts).await {
            Ok(erased) => gone.extend(erased),
            Err(problem) => log::failed(
                "ask whose dead letters are of erased carts",
                &problem.detail,
                "the next walk does",
            ),
        }
    }
    let done = if gone.is_empty() { 0 } else { store.scrub(&gone).await? };
    Ok(Stepped { passed: letters.len(), done: done as usize, next: last })
}

/// What a message was, if it can be read.
pub fn meant(letter: &DeadLetter) -> Option<Letter> {
    unpack(&letter.body).ok()
}

/// The regions whose stores are served here.
pub fn here(config: &Config) -> impl Iterator<Item = Region> {
    config.regions.with_stores().filter(|region| config.peer(*region).is_none())
}

/// Sends a message again, and forgets it. Sent twice, it is joined once.
pub async fn replay(env: &Env, config: &Config, id: &str) -> Result<(), Problem> {
    let (store, letter) = find(env, config, id).await?;
    let meant = meant(&letter).map_or(store.keeper(), |meant| meant.store);
    send_bytes(env, meant, &letter.body).await?;
    store.forget(id).await?;
    Ok(())
}

/// Forgets a message for good.
pub async fn drop_letter(env: &Env, config: &Config, id: &str) -> Result<(), Problem> {
    let (store, _) = find(env, config, id).await?;
    store.forget(id).await?;
    Ok(())
}

async fn find(env: &Env, config: &Config, id: &str) -> Result<(D1Store, DeadLetter), Problem> {
    let detail = "no dead letter has this id; GET /v1/admin/dead-letters lists them";
    let mut refusal = Problem::new(404, "dead_letter_not_found", detail);
    for region in here(config) {
        let store = open(env, config, region)?;
        match store.dead_letter(id).await {
            Ok(Some(letter)) => return Ok((store, letter)),
            Ok(None) => {}
            // It may lie there, or in another one.
            Err(problem) => refusal = problem,
        }
    }
    Err(refusal)
}
