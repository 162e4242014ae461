//! Messages that no store could take: kept in a table of a store, with the reason, until the operator replays
//! or drops them. Replayed, a message goes through the queue again.

use cart_core::id::Region;
use cart_core::packed::unpack;
use worker::{Env, MessageExt as _, RawMessage};

use super::d1::D1Store;
use super::queue::{bytes_of, send_bytes, settle};
use super::{DeadLetter, RegionStore as _, open};
use crate::config::Config;
use crate::error::Problem;
use crate::letter::Letter;
use crate::sys;

/// Keeps the messages of the queue of dead letters.
pub async fn keep(env: &Env, config: &Config, messages: impl Iterator<Item = RawMessage>) {
    for message in messages {
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
    let letter = DeadLetter {
        id: message.id(),
        died: sys::now(0),
        reason: reason.to_owned(),
        body: body.unwrap_or_default(),
    };
    let mut refusal = Problem::misconfigured("REGIONS names no stores that are served here");
    for region in store.into_iter().chain(config.here).chain(here(config)) {
        match open(env, config, region) {
            Ok(store) => match store.bury(&letter).await {
                Ok(()) => return Ok(()),
                Err(problem) => refusal = problem,
            },
            Err(problem) => refusal = problem,
        }
    }
    Err(refusal)
}

/// What a message was, if it can be read.
pub fn meant(letter: &DeadLetter) -> Option<Letter> {
    unpack(&letter.body).ok()
}

/// The regions whose stores are served here.
pub fn here(config: &Config) -> impl Iterator<Item = Region> {
    let stores = config.regions.places.iter().filter(|place| !place.stores.is_empty());
    stores.map(|place| place.region).filter(|region| config.peer(*region).is_none())
}

/// Sends a message again, and forgets it. Sent twice, it is joined once.
pub async fn replay(env: &Env, config: &Config, id: &str) -> Result<(), Problem> {
    let (store, letter) = find(env, config, id).await?;
    let meant = meant(&letter).map_or(store.region(), |meant| meant.store);
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
