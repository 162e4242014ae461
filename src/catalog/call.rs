//! What others ask of the catalog: names and prices of what is in carts. They are kept in the isolate, what is not there
//! too: for a minute they serve, and longer where the catalog does not answer, since a cart is shown without it.

use std::cell::RefCell;
use std::num::NonZeroUsize;

use cart_core::money::Money;
use cart_core::ordered::Ordered;
use cart_core::time::Millis;
use cart_core::view::{Offer, Offers};
use lru::LruCache;
use worker::Env;

use crate::catalog::d1;

/// How long an entry serves, in milliseconds.
const FRESH_MS: u64 = 60 * Millis::SECOND;
/// The most products kept in an isolate: about 2 MB.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

thread_local! {
    static KEPT: RefCell<LruCache<String, (Option<Offer>, Millis)>> = RefCell::new(LruCache::new(KEPT_MAX));
}

/// What the catalog has of these products, beside what is `known` already, of which it is not asked again. Where it
/// cannot be asked, what it had when it was asked last. And until when it would be the same if nothing was known: that is
/// over where something was, or is not known now.
pub async fn offers(
    env: &Env,
    known: Offers,
    skus: impl IntoIterator<Item = &str>,
    now: Millis,
) -> (Offers, Millis) {
    let mut until = now.plus(if known == Offers::default() { FRESH_MS } else { 0 });
    let mut offers = known;
    // Those to be looked up, with what they were before.
    let mut missing = Ordered::<String, Option<Offer>>::default();
    KEPT.with_borrow_mut(|kept| {
        for sku in skus {
            if offers.known.contains_key(sku) || offers.is_unknown(sku) {
                continue;
            }
            match kept.get(sku) {
                Some((offer, at)) if now.0 < at.0 + FRESH_MS && at.0 <= now.0 => {
                    until = until.min(at.plus(FRESH_MS));
                    offers.known.extend(offer.clone().map(|offer| (sku.to_owned(), offer)));
                }
                old => {
                    missing.insert(sku.to_owned(), old.and_then(|(offer, _)| offer.clone()));
                }
            }
        }
    });
    if missing.is_empty() {
        return (offers, until);
    }
    match d1::fetch(env, missing.keys()).await {
        Ok(products) => {
            for product in products {
                let currency = product.currency;
                let price = product.price_minor.map(|minor| Money { amount_minor: minor.into(), currency });
                offers.known.insert(product.sku, Offer { title: product.title, price });
            }
            KEPT.with_borrow_mut(|kept| {
                for (sku, _) in missing {
                    let offer = offers.known.get(&sku).cloned();
                    kept.put(sku, (offer, now));
                }
            });
        }
        Err(fault) => {
            fault.log();
            until = now;
            for (sku, before) in missing {
                match before {
                    Some(offer) => {
                        offers.known.insert(sku, offer);
                        offers.stale = true;
                    }
                    None => {
                        let at = offers.unknown.partition_point(|there| *there < sku);
                        offers.unknown.insert(at, sku);
                    }
                }
            }
        }
    }
    (offers, until)
}

/// Whether the catalog answers.
pub async fn is_ready(env: &Env) -> bool {
    d1::is_ready(env).await
}
