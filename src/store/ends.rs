//! The end of rows: those of a session's carts go CART_DAYS after its last use, those of erased carts when nothing
//! can be on its way to them any more. A cart at rest is nowhere else than in its rows, so all stores are asked first
//! what they have of the session's root cart, which knows its last use; where one does not answer, the row stays.
//! A row is deleted only as it was read, and only while no replica has come back from it; the root's goes last.

use cart_core::id::{CartId, SessionId};
use cart_core::packed::unpack;
use cart_core::replica::{Input, ReplyKind};
use cart_core::sweep::{ERASED_MS, End, Rooted, has_ended};
use cart_core::time::Millis;
use futures_util::future::join_all;
use worker::Env;

use crate::cart::call::{Call, send};
use crate::platform::clock;
use crate::platform::config::Config;
use crate::platform::deadline::CALL_MS;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::call::Errand;
use crate::store::databases::D1Store;
use crate::store::errands::ask;
use crate::store::orders::Stepped;
use crate::store::region::{Place, Row};

/// How many rows a step looks at. Each store may be asked of each one's session.
const ROWS_MAX: usize = 20;

/// Deletes the next of a database's rows whose end has come.
pub async fn step(
    env: &Env,
    config: &Config,
    store: &D1Store,
    database: &str,
    after: &Place,
) -> Result<Stepped, Problem> {
    let (now, cart_ms) = (clock::now(config.skew_ms), u64::from(config.cart_days) * Millis::DAY);
    let before = now.less(cart_ms.min(ERASED_MS));
    let (old, next) = store.at_rest(database, false, before, after, ROWS_MAX).await?;
    let passed = old.len();
    let (mut goes, mut asks) = (Vec::new(), Vec::new());
    for (cart_id, row) in old {
        match row.stored.end(&cart_id, row.updated, now, cart_ms) {
            End::Stays => {}
            End::Goes => goes.push((cart_id, row)),
            End::WithSession(root) => asks.push((root, cart_id, row)),
        }
    }
    let mut roots: Vec<CartId> = asks.iter().map(|(root, ..)| root.clone()).collect();
    roots.sort_unstable();
    roots.dedup();
    let ended = ended(env, config, store, &roots, now).await;
    let others = store.others_of(&owners(&asks), &roots).await?;
    for (root, cart_id, row) in asks {
        let is_of = |owner: &SessionId| others.iter().any(|other| other == owner.as_str());
        let has_others = || row.stored.ties.owner.as_ref().is_some_and(is_of);
        if ended.contains(&root) && (root != cart_id || !has_others()) {
            goes.push((cart_id, row));
        }
    }
    let done = store.end(database, &goes).await?;
    Ok(Stepped { passed, done, next })
}

fn owners(asks: &[(CartId, CartId, Row)]) -> Vec<SessionId> {
    let roots = asks.iter().filter(|(root, cart_id, _)| root == cart_id);
    roots.filter_map(|(.., row)| row.stored.ties.owner.clone()).collect()
}

/// Of which of some root carts the session has ended so long ago that its carts go.
async fn ended(env: &Env, config: &Config, store: &D1Store, roots: &[CartId], now: Millis) -> Vec<CartId> {
    if roots.is_empty() {
        return Vec::new();
    }
    let cart_ms = u64::from(config.cart_days) * Millis::DAY;
    let answers = join_all(config.regions.with_stores().map(async |store| {
        let errand = Errand::Peek { store, carts: roots.to_vec() };
        let bytes = ask(env, config, errand, CALL_MS).await?;
        Ok::<_, Problem>(unpack::<Vec<(CartId, Rooted)>>(&bytes)?)
    }));
    let mut known: Vec<(CartId, Rooted)> = Vec::new();
    for answer in answers.await {
        match answer {
            Ok(rows) => known.extend(rows),
            Err(problem) => {
                log::failed("ask a store when sessions were last used", &problem.detail, "no row goes today");
                return Vec::new();
            }
        }
    }
    let mut ended = Vec::new();
    for root in roots {
        let rows = known.iter().filter(|(there, _)| there == root);
        let rows: Vec<Rooted> = rows.map(|(_, rooted)| *rooted).collect();
        let over = match has_ended(&rows, now, cart_ms) {
            Some(over) => over,
            None => is_unknown(env, config, store, root).await,
        };
        if over {
            ended.push(root.clone());
        }
    }
    ended
}

/// Whether the replica of a root cart that no store has knows of no session either.
async fn is_unknown(env: &Env, config: &Config, store: &D1Store, root: &CartId) -> bool {
    let home = root.first_home();
    if config.regions.place(home).is_none() {
        return true;
    }
    let call = Call::of_service(root.clone(), home, Input::LastUse, config.skew_ms);
    let reply = send(env, config, store.region, &call).await;
    reply.is_ok_and(|(reply, _)| reply.kind == ReplyKind::LastUse(None) && !reply.partial)
}
