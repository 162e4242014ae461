//! What one promotion takes off of what is left (PR5): never more than that.

use super::buy_get::{Units, give};
use super::index::{Candidate, Promotions};
use super::outcome::Reason;
use super::table::{Holding, Occasion, Table};
use super::{Amounts, BuyGet, Kind, Promotion, Spread, Step, StepOff, Target};
use crate::money::{Ppm, minor, sum, times};
use crate::order::sort_by_key;
use crate::refusal::Refusal;
use crate::share::{Share, spread};

/// What a promotion takes off, or gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Off {
    /// Of lines, each with its amount; and the lines that only had a part in it.
    Lines {
        /// More than nothing of each.
        amounts: Vec<(usize, i64)>,
        /// What was bought for what is given.
        bought: Vec<usize>,
    },
    /// Of shipping.
    Shipping(i64),
    /// Nothing: something is sent along.
    Gift,
}

impl Off {
    /// All that is taken off.
    pub fn amount(&self) -> Result<i64, Refusal> {
        match self {
            Self::Lines { amounts, .. } => sum(amounts.iter().map(|(_, amount)| *amount)),
            Self::Shipping(amount) => Ok(*amount),
            Self::Gift => Ok(0),
        }
    }
}

/// What a promotion would take off as things stand, or why nothing.
///
/// # Errors
/// [`Refusal::PriceOverflow`].
pub fn off(
    at: usize,
    promotions: &Promotions,
    candidate: &Candidate,
    table: &Table<'_>,
    occasion: &Occasion<'_>,
) -> Result<Result<Off, Reason>, Refusal> {
    let promotion = &promotions.entry(at).promotion;
    let worth = sum(candidate.lines.iter().map(|&line| table.goods[line].left))?;
    if let Some(minimum) = &promotion.conditions.minimum {
        match minimum.get(&occasion.currency) {
            None => return Ok(Err(Reason::WrongCurrency)),
            Some(minimum) if worth < *minimum => {
                return Ok(Err(Reason::Threshold { missing_minor: minimum - worth }));
            }
            Some(_) => {}
        }
    }
    if candidate.lines.is_empty() {
        return Ok(Err(Reason::NotEligible));
    }
    if matches!(promotion.kind, Kind::Gift(_)) {
        return Ok(Ok(Off::Gift));
    }
    let case = Case { promotions, promotion, worth, table, occasion };
    match (promotion.target, &promotion.kind) {
        (Target::Shipping, _) => case.of_shipping(),
        (_, Kind::BuyGet(rule)) => case.of_given(rule, candidate),
        _ => case.of_lines(&candidate.lines),
    }
}

/// One promotion as things stand.
struct Case<'a> {
    promotions: &'a Promotions,
    promotion: &'a Promotion,
    /// What is left of all its products.
    worth: i64,
    table: &'a Table<'a>,
    occasion: &'a Occasion<'a>,
}

impl Case<'_> {
    fn of_shipping(&self) -> Result<Result<Off, Reason>, Refusal> {
        let Some(shipping) = &self.table.shipping else { return Ok(Err(Reason::NotEligible)) };
        if let Some(holder) = self.barred(&shipping.holding) {
            return Ok(Err(self.behind(holder)));
        }
        let amount = match self.amount(shipping.left)? {
            Ok(amount) => amount,
            Err(reason) => return Ok(Err(reason)),
        };
        Ok(if amount > 0 {
            Ok(Off::Shipping(amount))
        } else {
            Err(self.nothing(shipping.left, &[&shipping.holding]))
        })
    }

    fn of_lines(&self, lines: &[usize]) -> Result<Result<Off, Reason>, Refusal> {
        let goods = &self.table.goods;
        let open: Vec<usize> =
            lines.iter().copied().filter(|&line| self.barred(&goods[line].holding).is_none()).collect();
        if open.is_empty() {
            return Ok(Err(self.all_held(lines)));
        }
        let left = sum(open.iter().map(|&line| goods[line].left))?;
        let parts = if self.promotion.spread == Spread::Each {
            let mut parts = Vec::with_capacity(open.len());
            for &line in &open {
                match self.each(line)? {
                    Ok(part) => parts.push(part),
                    Err(reason) => return Ok(Err(reason)),
                }
            }
            parts
        } else {
            let amount = match self.amount(left)? {
                Ok(amount) => amount,
                Err(reason) => return Ok(Err(reason)),
            };
            let evenly = self.promotion.spread == Spread::Evenly;
            let share = |&line: &usize| Share {
                weight: if evenly { 1 } else { goods[line].left },
                cap: goods[line].left,
            };
            spread(amount, &open.iter().map(share).collect::<Vec<_>>())?
        };
        let amounts: Vec<(usize, i64)> =
            open.iter().copied().zip(parts).filter(|(_, part)| *part > 0).collect();
        if amounts.is_empty() {
            let holdings: Vec<&Holding> = open.iter().map(|&line| &goods[line].holding).collect();
            return Ok(Err(self.nothing(left, &holdings)));
        }
        Ok(Ok(Off::Lines { amounts, bought: Vec::new() }))
    }

    fn of_given(&self, rule: &BuyGet, candidate: &Candidate) -> Result<Result<Off, Reason>, Refusal> {
        let goods = &self.table.goods;
        let mut both: Vec<usize> = candidate.lines.iter().chain(&candidate.given).copied().collect();
        sort_by_key(&mut both, |line| *line);
        both.dedup();
        let is_open =
            |&line: &usize| goods[line].measure.scale == 0 && self.barred(&goods[line].holding).is_none();
        let has = |lines: &[usize], line: usize| lines.binary_search(&line).is_ok();
        let units = |line: usize| Units {
            line,
            unit_minor: goods[line].unit_minor,
            pieces: goods[line].quantity,
            bought: has(&candidate.lines, line),
            given: has(&candidate.given, line),
        };
        let units: Vec<Units> = both.iter().copied().filter(is_open).map(units).collect();
        let out = give(rule, &units);
        let mut amounts = Vec::with_capacity(out.given.len());
        for (line, pieces) in out.given {
            let product = times(i128::from(goods[line].left), i128::from(pieces))?;
            let exact = times(product, i128::from(rule.off.0))?;
            let of = times(i128::from(goods[line].quantity), i128::from(Ppm::ONE.0))?;
            let amount = minor(self.occasion.rounding.divide(exact, of)?)?;
            if amount > 0 {
                amounts.push((line, amount));
            }
        }
        if amounts.is_empty() {
            let held = both.iter().any(|&line| self.barred(&goods[line].holding).is_some());
            return Ok(Err(if held { self.all_held(&both) } else { Reason::NotEligible }));
        }
        sort_by_key(&mut amounts, |(line, _)| *line);
        Ok(Ok(Off::Lines { amounts, bought: out.bought }))
    }

    /// What is taken off of one amount, at most that.
    fn amount(&self, left: i64) -> Result<Result<i64, Reason>, Refusal> {
        let of =
            |amounts: &Amounts| amounts.get(&self.occasion.currency).copied().ok_or(Reason::WrongCurrency);
        let share = |rate: Ppm| rate.of(left, self.occasion.rounding);
        Ok(match &self.promotion.kind {
            Kind::Percentage(rate) => Ok(share(*rate)?),
            Kind::Amount(amounts) => of(amounts).map(|amount| amount.min(left)),
            Kind::FixedPrice(amounts) => of(amounts).map(|price| (left - price).max(0)),
            Kind::FreeShipping => Ok(left),
            Kind::Threshold(steps) => match self.step(steps) {
                Err(reason) => Err(reason),
                Ok(StepOff::Percentage(rate)) => Ok(share(*rate)?),
                Ok(StepOff::Amount(amounts)) => of(amounts).map(|amount| amount.min(left)),
            },
            Kind::BuyGet(_) | Kind::Gift(_) => Ok(0),
        })
    }

    /// What is taken off of a line by itself.
    fn each(&self, line: usize) -> Result<Result<i64, Reason>, Refusal> {
        let goods = &self.table.goods[line];
        let of_units = |amounts: &Amounts| {
            amounts
                .get(&self.occasion.currency)
                .ok_or(Reason::WrongCurrency)
                .map(|unit_minor| goods.measure.price(*unit_minor, goods.quantity, self.occasion.rounding))
        };
        Ok(match &self.promotion.kind {
            Kind::Amount(amounts) => match of_units(amounts) {
                Ok(amount) => Ok(amount?.min(goods.left)),
                Err(reason) => Err(reason),
            },
            Kind::FixedPrice(amounts) => match of_units(amounts) {
                Ok(price) => Ok((goods.left - price?).max(0)),
                Err(reason) => Err(reason),
            },
            Kind::Percentage(_)
            | Kind::Threshold(_)
            | Kind::FreeShipping
            | Kind::BuyGet(_)
            | Kind::Gift(_) => self.amount(goods.left)?,
        })
    }

    /// The highest step that is reached.
    fn step<'s>(&self, steps: &'s [Step]) -> Result<&'s StepOff, Reason> {
        let of_currency =
            || steps.iter().filter_map(|step| Some((*step.from.get(&self.occasion.currency)?, &step.off)));
        let reached = of_currency().filter(|(from, _)| *from <= self.worth).max_by_key(|(from, _)| *from);
        match (reached, of_currency().map(|(from, _)| from).min()) {
            (Some((_, off)), _) => Ok(off),
            (None, Some(lowest)) => Err(Reason::Threshold { missing_minor: lowest - self.worth }),
            (None, None) => Err(Reason::WrongCurrency),
        }
    }

    /// The first that holds and is not allowed together with it.
    fn barred(&self, holding: &Holding) -> Option<usize> {
        holding.iter().map(|(holder, _)| *holder).find(|&holder| {
            let other = &self.promotions.entry(holder).promotion;
            !(other.allows.has(&self.promotion.id) && self.promotion.allows.has(&other.id))
        })
    }

    fn all_held(&self, lines: &[usize]) -> Reason {
        let holder = lines.iter().find_map(|&line| self.barred(&self.table.goods[line].holding));
        holder.map_or(Reason::NotEligible, |holder| self.behind(holder))
    }

    /// Why nothing came of it: those before have taken all, or there was nothing.
    fn nothing(&self, left: i64, holdings: &[&Holding]) -> Reason {
        let holder = holdings.iter().find_map(|holding| holding.iter().find(|(_, amount)| *amount > 0));
        match holder {
            Some((holder, _)) if left == 0 => self.behind(*holder),
            _ => Reason::NotEligible,
        }
    }

    fn behind(&self, holder: usize) -> Reason {
        let other = &self.promotions.entry(holder).promotion;
        let id = other.id.clone();
        let same_class = other.target == self.promotion.target;
        if same_class { Reason::BeatenBy { id } } else { Reason::Conflicts { id } }
    }
}
