//! A region's queue: in batches into the rows. A message is acknowledged once it is durable, tried again where the store
//! did not take it, and put aside where it cannot be read, or when it was tried for too long.

use cart_core::id::{CartId, Region};
use cart_core::packed::unpack;
use wasm_bindgen::JsValue;
use worker::{Env, MessageBatch, MessageExt as _, QueueRetryOptionsBuilder, RawMessage};

use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::call::Letter;
use crate::store::databases::open;
use crate::store::intake::{Arrival, Told, arrival, take_in, tell};
use crate::store::messages::{RETRY_S_MAX, bytes_of, later, settle, waited};
use crate::store::orders::{self, Order, order_of};
use crate::store::region::push;
use crate::store::{dead, walk};

/// How many orders one batch follows: each may ask a thousand times, and databases a hundred.
const ORDERS_MAX: usize = 2;

/// Takes in a batch of a queue. Never fails: that would reset the isolate.
pub async fn consume(batch: &MessageBatch<JsValue>, env: &Env) {
    let config = match Config::of(env) {
        Ok(config) => config,
        Err(problem) => {
            log::failed("take in a batch", &problem.detail, "all of it again in five minutes");
            // Until the configuration is mended: tried at once, a message would be given up within minutes.
            let later = QueueRetryOptionsBuilder::new().with_delay_seconds(RETRY_S_MAX as u32).build();
            return batch.retry_all_with_options(&later);
        }
    };
    let messages = batch.raw_iter();
    if batch.queue().ends_with("-dead") {
        return dead::keep(env, &config, messages).await;
    }
    let (mut mail, mut orders) = (Vec::new(), Vec::new());
    for message in messages {
        if let Some(order) = order_of(&message) {
            orders.push((message, order));
            continue;
        }
        let letter = bytes_of(&message)
            .ok_or_else(|| Problem::new(422, "malformed", "it is no message of this service"))
            .and_then(|bytes| Ok(unpack::<Letter>(&bytes)?));
        let store = letter.as_ref().ok().map(|letter| letter.store);
        match letter.and_then(|letter| Ok((arrival(&letter.frame, letter.sent)?, letter))) {
            Ok((arrival, letter)) => push(&mut mail, letter.store, (letter.cart_id, message, arrival)),
            // Of a build that is only coming: that takes it.
            Err(problem) if problem.status == 503 && waited(&message) <= config.store_patience_s => {
                log::failed("take in a letter", &problem.detail, "again later, for STORE_PATIENCE_S");
                message.retry_with_options(&later(&message));
            }
            Err(problem) => {
                settle(&message, dead::bury(env, &config, store, &message, &problem.detail).await);
            }
        }
    }
    let mut told = Vec::new();
    for (store, mail) in mail {
        told.extend(take_mail(env, &config, store, mail).await);
    }
    tell(env, &config, told).await;
    follow_orders(env, &config, orders).await;
}

/// Follows as many orders as one invocation may; the others come again.
async fn follow_orders(env: &Env, config: &Config, orders: Vec<(RawMessage, Option<Order>)>) {
    let mut followed: Vec<Order> = Vec::new();
    for (message, order) in orders {
        let outcome = match order {
            // Of a later build: its cron will say it again.
            None => Ok(()),
            Some(order) if followed.contains(&order) => Ok(()),
            Some(order) if followed.len() >= ORDERS_MAX => orders::send(env, &order).await,
            Some(order) => {
                let outcome = walk::follow(env, config, &order).await;
                followed.push(order);
                outcome
            }
        };
        match outcome {
            Ok(()) => message.ack(),
            Err(problem) => {
                log::failed("walk through a database", &problem.detail, "the same step again later");
                message.retry_with_options(&later(&message));
            }
        }
    }
}

async fn take_mail(
    env: &Env,
    config: &Config,
    store: Region,
    mail: Vec<(CartId, RawMessage, Arrival)>,
) -> Vec<Told> {
    let mut arrivals = Vec::new();
    mail.iter().for_each(|(cart_id, _, arrival)| push(&mut arrivals, cart_id.clone(), arrival.clone()));
    let outcomes = match open(env, config, store) {
        Ok(store) => take_in(env, config, &store, arrivals).await,
        Err(problem) => arrivals.into_iter().map(|(cart_id, _)| (cart_id, Err(problem.clone()))).collect(),
    };
    for (cart_id, message, _) in &mail {
        match outcomes.iter().find(|(there, _)| there == cart_id).map(|(_, outcome)| outcome) {
            Some(Ok(_)) => message.ack(),
            Some(Err(problem)) if waited(message) > config.store_patience_s => {
                let reason =
                    format!("the store has not taken it for {} s: {}", waited(message), problem.detail);
                settle(message, dead::bury(env, config, Some(store), message, &reason).await);
            }
            Some(Err(_)) | None => message.retry_with_options(&later(message)),
        }
    }
    outcomes.into_iter().filter_map(|(_, outcome)| outcome.ok()).collect()
}
