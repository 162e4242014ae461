//! How each amount is shown: a group's shared among its lines by PR4, taxes by name, the digest of what is agreed to.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::answer::{
    Discount, GiftLine, PriceChanged, Priced, PricedLine, PricedShipping, Tax, TaxSum, Totals,
};
use super::goods::{Group, Grouped};
use super::request::Request;
use super::sent::Sending;
use crate::currency::Currency;
use crate::gift_card::CardPaid;
use crate::money::sum;
use crate::order::sort_by;
use crate::promotion::Gift;
use crate::promotion::table::{Holding, Table};
use crate::refusal::Refusal;
use crate::share::{Share, spread};
use crate::tax::{Component, TaxArea, Taxable, Taxes};

/// The lines, as they were given.
///
/// # Errors
/// [`Refusal::PriceOverflow`].
pub fn lines(
    request: &Request<'_>,
    area: &TaxArea,
    grouped: &Grouped<'_>,
    table: &Table<'_>,
    rates: &[&[Component]],
    taxes: &[Taxes],
) -> Result<Vec<PricedLine>, Refusal> {
    let mut out: Vec<PricedLine> = request
        .lines
        .iter()
        .zip(&grouped.problems)
        .map(|(line, problem)| PricedLine {
            id: line.id.clone(),
            sku: line.sku.clone(),
            variant: line.variant.clone(),
            quantity: line.quantity,
            list: None,
            list_minor: 0,
            discounts: Vec::new(),
            amount_minor: 0,
            taxes: Vec::new(),
            total_minor: 0,
            unit_price: None,
            price_changed: None,
            problem: *problem,
        })
        .collect();
    for (at, group) in grouped.groups.iter().enumerate() {
        share(request, area, group, &table.goods[at].holding, &mut out)?;
        share_taxes(area, group, rates[at], &taxes[at], &mut out)?;
    }
    Ok(out)
}

fn share(
    request: &Request<'_>,
    area: &TaxArea,
    group: &Group<'_>,
    holding: &Holding,
    out: &mut [PricedLine],
) -> Result<(), Refusal> {
    let unit_minor = group.price.unit_minor;
    let rounding = request.merchant.rounding;
    let content = group.product.content.filter(|_| area.unit_prices);
    let unit_price = content.map(|content| content.unit_price(unit_minor, rounding)).transpose()?.flatten();
    let mut left = group.by_quantity(group.list_minor, request.lines, &vec![i64::MAX; group.lines.len()])?;
    for (&at, list_minor) in group.lines.iter().zip(&left) {
        let line = &mut out[at];
        line.list = Some(group.price.clone());
        line.list_minor = *list_minor;
        line.unit_price = unit_price;
        let added = request.lines[at].added.filter(|added| added.currency == request.currency);
        line.price_changed = added
            .filter(|added| added.amount_minor != unit_minor)
            .map(|added| PriceChanged { from_minor: added.amount_minor, to_minor: unit_minor });
    }
    for &(promotion, amount) in holding.iter().filter(|(_, amount)| *amount > 0) {
        let parts = group.by_quantity(amount, request.lines, &left)?;
        for ((&at, left), amount_minor) in group.lines.iter().zip(&mut left).zip(parts) {
            *left -= amount_minor;
            let promotion = request.promotions.entry(promotion).promotion.id.clone();
            out[at].discounts.push(Discount { promotion, amount_minor });
        }
    }
    for (&at, left) in group.lines.iter().zip(left) {
        out[at].amount_minor = left;
        out[at].total_minor = left;
    }
    Ok(())
}

fn share_taxes(
    area: &TaxArea,
    group: &Group<'_>,
    rates: &[Component],
    taxes: &[i64],
    out: &mut [PricedLine],
) -> Result<(), Refusal> {
    let mut room: Vec<i64> = group.lines.iter().map(|&at| out[at].amount_minor).collect();
    for (component, &tax) in rates.iter().zip(taxes) {
        let cap = |room: i64| if area.included { room } else { i64::MAX };
        let weights = group.lines.iter().map(|&at| out[at].amount_minor);
        let shares: Vec<Share> =
            weights.zip(&room).map(|(weight, room)| Share { weight, cap: cap(*room) }).collect();
        for ((&at, room), amount_minor) in group.lines.iter().zip(&mut room).zip(spread(tax, &shares)?) {
            if area.included {
                *room -= amount_minor;
            } else {
                out[at].total_minor = sum([out[at].total_minor, amount_minor])?;
            }
            out[at].taxes.push(named(component, amount_minor));
        }
    }
    Ok(())
}

/// Shipping, if something is sent.
///
/// # Errors
/// [`Refusal::PriceOverflow`].
pub fn shipping(
    request: &Request<'_>,
    area: &TaxArea,
    sending: &Sending,
    table: &Table<'_>,
    rates: &[Component],
    taxes: &[Taxes],
) -> Result<Option<PricedShipping>, Refusal> {
    let Some((option, sent)) = sending.chosen().zip(table.shipping.as_ref()) else { return Ok(None) };
    // Shipping is taxed last.
    let of_shipping = taxes.last().map_or(&[][..], Vec::as_slice);
    let added = if area.included { 0 } else { sum(of_shipping.iter().copied())? };
    let discount = |&(promotion, amount_minor): &(usize, i64)| Discount {
        promotion: request.promotions.entry(promotion).promotion.id.clone(),
        amount_minor,
    };
    Ok(Some(PricedShipping {
        option: option.id.clone(),
        list_minor: option.price_minor,
        discounts: sent.holding.iter().map(discount).collect(),
        amount_minor: sent.left,
        taxes: rates.iter().zip(of_shipping).map(|(component, tax)| named(component, *tax)).collect(),
        total_minor: sum([sent.left, added])?,
    }))
}

/// What is sent along.
///
/// # Errors
/// [`Refusal::PriceOverflow`].
pub fn gifts(
    request: &Request<'_>,
    places: &[&str],
    gifts: &[(usize, Gift)],
) -> Result<Vec<GiftLine>, Refusal> {
    let rounding = request.merchant.rounding;
    let shown = |(promotion, gift): &(usize, Gift)| {
        let product = request.catalog.product(&gift.sku, None);
        let base = product.and_then(|product| product.base);
        let (groups, rates) = (&request.customer.groups, request.rates);
        let price = request.lists.price(
            (&gift.sku, None, base),
            request.currency,
            groups,
            places,
            rates,
            rounding,
        )?;
        let worth = price
            .zip(product)
            .map(|((unit_minor, _), product)| product.measure.price(unit_minor, gift.quantity, rounding));
        Ok(GiftLine {
            promotion: request.promotions.entry(*promotion).promotion.id.clone(),
            sku: gift.sku.clone(),
            quantity: gift.quantity,
            worth_minor: worth.transpose()?,
        })
    };
    gifts.iter().map(shown).collect()
}

/// Taxes by name and rate.
///
/// # Errors
/// [`Refusal::PriceOverflow`].
pub fn tax_sums(items: &[Taxable<'_>], taxes: &[Taxes]) -> Result<Vec<TaxSum>, Refusal> {
    let mut sums: BTreeMap<&Component, (Vec<i64>, Vec<i64>)> = BTreeMap::new();
    for (item, taxes) in items.iter().zip(taxes) {
        for (component, tax) in item.rates.iter().zip(taxes) {
            let (of, amounts) = sums.entry(component).or_default();
            of.push(item.amount_minor);
            amounts.push(*tax);
        }
    }
    let summed = |(component, (of, amounts)): (&Component, (Vec<i64>, Vec<i64>))| {
        let Tax { name, rate, amount_minor } = named(component, sum(amounts)?);
        Ok(TaxSum { name, rate, of_minor: sum(of)?, amount_minor })
    };
    sums.into_iter().map(summed).collect()
}

fn named(component: &Component, amount_minor: i64) -> Tax {
    Tax { name: component.name.clone(), rate: component.rate, amount_minor }
}

/// What a shopper agrees to.
#[derive(Serialize)]
struct Agreed<'a> {
    currency: Currency,
    place: &'a str,
    lines: Vec<&'a PricedLine>,
    gifts: &'a [GiftLine],
    shipping: &'a Option<PricedShipping>,
    taxes: &'a [TaxSum],
    totals: &'a Totals,
    cards: &'a [CardPaid],
}

/// The digest of what is agreed to.
pub fn digest(priced: &Priced) -> String {
    let mut lines: Vec<&PricedLine> = priced.lines.iter().collect();
    sort_by(&mut lines, |a, b| a.id.cmp(&b.id));
    let agreed = Agreed {
        currency: priced.currency,
        place: &priced.place,
        lines,
        gifts: &priced.gifts,
        shipping: &priced.shipping,
        taxes: &priced.taxes,
        totals: &priced.totals,
        cards: &priced.cards,
    };
    let json = serde_json::to_vec(&agreed).expect("its keys are texts");
    Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
}
