//! PR6: in which order promotions act, and what became of each. First those of lines, then of the order, then of
//! shipping; by priority; of one priority the larger benefit, as things stood when that priority's turn came; then by id.

use std::collections::BTreeMap;

use super::index::{Candidate, Promotions, plain_code};
use super::off::{Off, off};
use super::outcome::{Coupon, Outcome, Promoted, Reason};
use super::select::{Traits, names_any};
use super::table::{Occasion, Table};
use super::{Gift, Kind};
use crate::order::{sort_by, sort_by_key};
use crate::refusal::Refusal;

/// What came of all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// Those that could concern the cart, by id.
    pub promotions: Vec<Promoted>,
    /// The coupons, in the order in which they were given.
    pub coupons: Vec<Coupon>,
    /// What is sent along, and by which promotion's number.
    pub gifts: Vec<(usize, Gift)>,
    /// Visits of the index by a product, and of a product by a promotion: what the work is measured by.
    pub steps: u64,
}

/// Lets all promotions act that can.
///
/// # Errors
/// [`Refusal::PriceOverflow`].
pub fn take(
    promotions: &Promotions,
    coupons: &[String],
    table: &mut Table<'_>,
    occasion: &Occasion<'_>,
) -> Result<Taken, Refusal> {
    let products: Vec<Traits<'_>> = table.goods.iter().map(|goods| goods.traits).collect();
    let (mut candidates, mut steps) = promotions.running(&products, occasion.now_s);
    candidates.retain(|&at, _| eligible(at, promotions, occasion).is_none());
    let mut outcomes: BTreeMap<usize, Outcome> = BTreeMap::new();
    let codes = codes(promotions, coupons, occasion);
    for (&at, standing) in &codes.by_promotion {
        match standing {
            Some(reason) => {
                outcomes.insert(at, Outcome::NotApplied(reason.clone()));
            }
            None => {
                steps += products.len() as u64;
                candidates.insert(at, promotions.candidate(at, &products));
            }
        }
    }

    let mut turns: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for &at in candidates.keys() {
        let promotion = &promotions.entry(at).promotion;
        turns.entry((promotion.target, promotion.priority)).or_default().push(at);
    }
    let mut gifts = Vec::new();
    for of_turn in turns.into_values() {
        let mut by_benefit = Vec::new();
        for at in of_turn {
            steps += looked_at(&candidates[&at]);
            match off(at, promotions, &candidates[&at], table, occasion)? {
                Ok(off) => by_benefit.push((off.amount()?, at)),
                Err(reason) => {
                    outcomes.insert(at, Outcome::NotApplied(reason));
                }
            }
        }
        // Numbers are in the order of ids.
        sort_by_key(&mut by_benefit, |(benefit, at)| (std::cmp::Reverse(*benefit), *at));
        for (_, at) in by_benefit {
            steps += looked_at(&candidates[&at]);
            // Anew: others of this turn have acted since.
            let outcome = match off(at, promotions, &candidates[&at], table, occasion)? {
                Ok(off) => act(at, promotions, off, table, occasion, &mut gifts)?,
                Err(reason) => Outcome::NotApplied(reason),
            };
            outcomes.insert(at, outcome);
        }
    }
    let coupons = coupons.iter().map(|code| codes.outcome(code, promotions, &outcomes)).collect();
    let named =
        |(at, outcome): (usize, Outcome)| Promoted { id: promotions.entry(at).promotion.id.clone(), outcome };
    Ok(Taken { promotions: outcomes.into_iter().map(named).collect(), coupons, gifts, steps })
}

fn looked_at(candidate: &Candidate) -> u64 {
    1 + (candidate.lines.len() + candidate.given.len()) as u64
}

fn act(
    at: usize,
    promotions: &Promotions,
    off: Off,
    table: &mut Table<'_>,
    occasion: &Occasion<'_>,
    gifts: &mut Vec<(usize, Gift)>,
) -> Result<Outcome, Refusal> {
    let promotion = &promotions.entry(at).promotion;
    let amount_minor = off.amount()?;
    if occasion.limits.budgets_minor.get(&promotion.id).is_some_and(|left| *left < amount_minor) {
        return Ok(Outcome::NotApplied(Reason::UsedUp));
    }
    match off {
        Off::Lines { amounts, bought } => {
            let only_bought = bought.iter().filter(|line| !amounts.iter().any(|(there, _)| there == *line));
            for (line, amount) in amounts.iter().copied().chain(only_bought.map(|&line| (line, 0))) {
                let goods = &mut table.goods[line];
                goods.left -= amount;
                assert!(goods.left >= 0, "PR5: a line is below zero");
                goods.holding.push((at, amount));
            }
        }
        Off::Shipping(amount) => {
            let shipping = table.shipping.as_mut().expect("something was taken off of it");
            shipping.left -= amount;
            assert!(shipping.left >= 0, "PR5: shipping is below zero");
            shipping.holding.push((at, amount));
        }
        Off::Gift => {
            if let Kind::Gift(gift) = &promotion.kind {
                gifts.push((at, gift.clone()));
            }
        }
    }
    Ok(Outcome::Applied { amount_minor })
}

/// Why a promotion is not for this occasion.
fn eligible(at: usize, promotions: &Promotions, occasion: &Occasion<'_>) -> Option<Reason> {
    let entry = promotions.entry(at);
    let conditions = &entry.promotion.conditions;
    if occasion.now_s >= entry.until_s {
        Some(Reason::Expired)
    } else if occasion.now_s < entry.from_s {
        Some(Reason::NotYet)
    } else if !(conditions.currencies.is_empty() || conditions.currencies.contains(&occasion.currency)) {
        Some(Reason::WrongCurrency)
    } else if !names_any(&conditions.groups, occasion.groups.iter().map(String::as_str))
        || !names_any(&conditions.places, occasion.places.iter().copied())
        || (conditions.first_order && !occasion.first_order)
        || (entry.promotion.per_customer && !occasion.known)
    {
        Some(Reason::NotEligible)
    } else {
        None
    }
}

/// What the coupons of a cart stand for.
struct Codes {
    /// By promotion, why it does not act; none: it may.
    by_promotion: BTreeMap<usize, Option<Reason>>,
    /// By promotion, the plain code that it acts by.
    used: BTreeMap<usize, String>,
    /// By plain code, those that are used up.
    used_up: Vec<String>,
}

fn codes(promotions: &Promotions, coupons: &[String], occasion: &Occasion<'_>) -> Codes {
    let mut out = Codes { by_promotion: BTreeMap::new(), used: BTreeMap::new(), used_up: Vec::new() };
    let mut plain: Vec<String> = coupons.iter().map(|code| plain_code(code)).collect();
    sort_by(&mut plain, String::cmp);
    plain.dedup();
    for code in plain {
        let none_left = |uses: &BTreeMap<String, u64>| uses.get(&code) == Some(&0);
        let used_up = none_left(&occasion.limits.uses) || none_left(&occasion.limits.customer_uses);
        for &at in promotions.with_code(&code) {
            let reason = eligible(at, promotions, occasion).or_else(|| used_up.then_some(Reason::UsedUp));
            let may = reason.is_none();
            let standing = out.by_promotion.entry(at).or_insert_with(|| reason.clone());
            if may && !out.used.contains_key(&at) {
                *standing = None;
                out.used.insert(at, code.clone());
            }
        }
        if used_up {
            out.used_up.push(code);
        }
    }
    out
}

impl Codes {
    /// What became of a coupon: the best of what became of its promotions. A second code of a promotion adds nothing.
    fn outcome(&self, code: &str, promotions: &Promotions, outcomes: &BTreeMap<usize, Outcome>) -> Coupon {
        let plain = plain_code(code);
        let of_promotion = |&at: &usize| {
            let id = promotions.entry(at).promotion.id.clone();
            let outcome = match (self.used.get(&at), &outcomes[&at]) {
                (Some(used), _) if *used != plain && self.used_up.contains(&plain) => {
                    Outcome::NotApplied(Reason::UsedUp)
                }
                (Some(used), Outcome::Applied { .. }) if *used != plain => {
                    Outcome::NotApplied(Reason::BeatenBy { id: id.clone() })
                }
                (_, outcome) => outcome.clone(),
            };
            (id, outcome)
        };
        let rank = |(_, outcome): &(String, Outcome)| match outcome {
            Outcome::Applied { .. } => 0,
            Outcome::NotApplied(Reason::Expired | Reason::NotYet) => 2,
            Outcome::NotApplied(_) => 1,
        };
        let best = promotions.with_code(&plain).iter().map(of_promotion).min_by_key(rank);
        match best {
            Some((id, outcome)) => Coupon { code: code.to_owned(), promotion: Some(id), outcome },
            None => Coupon {
                code: code.to_owned(),
                promotion: None,
                outcome: Outcome::NotApplied(Reason::Unknown),
            },
        }
    }
}
