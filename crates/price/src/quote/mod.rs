//! The whole pipeline: list price, lines, promotions on lines, on the order, on shipping, tax, gift cards, total. What a
//! view shows, what a quote charges and what a page estimates come from this one function.

pub mod answer;
pub mod goods;
pub mod request;
pub mod sent;
pub mod shown;

use crate::gift_card;
use crate::money::sum;
use crate::promotion::table::{Occasion, Sent, Table};
use crate::promotion::take::take;
use crate::refusal::Refusal;
use crate::tax::{Component, Taxable};

use answer::{Assumed, Obstacle, Priced, Totals, Versions};
use request::Request;
use sent::Sending;

/// The price of a cart.
///
/// # Errors
/// [`Refusal::PriceOverflow`], [`Refusal::UnknownCountry`].
pub fn price(request: &Request<'_>) -> Result<Priced, Refusal> {
    let address = request.address.unwrap_or(&request.merchant.place);
    let unknown = || Refusal::UnknownCountry { country: address.country.clone() };
    let area = request.taxes.area(address).ok_or_else(unknown)?;
    let places: Vec<&str> =
        address.subdivision.iter().chain([&address.country]).map(String::as_str).collect();
    let rounding = request.merchant.rounding;

    let grouped = goods::group(request, &places)?;
    let sending = Sending::of(request, address, &grouped.groups)?;
    let mut table = Table {
        goods: grouped.groups.iter().map(goods::Group::goods).collect(),
        shipping: sending.chosen().map(|option| Sent { left: option.price_minor, holding: Vec::new() }),
    };
    let occasion = Occasion {
        currency: request.currency,
        groups: &request.customer.groups,
        known: request.customer.known,
        first_order: request.customer.first_order,
        places: &places,
        now_s: request.now_s,
        rounding,
        limits: request.limits,
    };
    let taken = take(request.promotions, request.coupons, &mut table, &occasion)?;

    let rates = |class: &str| -> &[Component] {
        if request.customer.exemption.is_some() { &[] } else { area.rates(class) }
    };
    let of_goods: Vec<&[Component]> =
        grouped.groups.iter().map(|group| rates(&group.product.tax_class)).collect();
    let of_shipping: &[Component] = match request.customer.exemption {
        Some(_) => &[],
        None => area.shipping_rates(of_goods.iter().copied()),
    };
    let mut items: Vec<Taxable<'_>> = of_goods
        .iter()
        .zip(&table.goods)
        .map(|(rates, goods)| Taxable { rates, amount_minor: goods.left })
        .collect();
    items.extend(table.shipping.iter().map(|sent| Taxable { rates: of_shipping, amount_minor: sent.left }));
    let taxes = area.taxes(&items, rounding)?;

    let freshness = grouped.freshness.max(sending.freshness);
    let list_minor = sum(grouped.groups.iter().map(|group| group.list_minor))?;
    let left_minor = sum(table.goods.iter().map(|goods| goods.left))?;
    let shipping_minor = table.shipping.as_ref().map_or(0, |sent| sent.left);
    let tax_minor = sum(taxes.iter().flatten().copied())?;
    let added_minor = if area.included { 0 } else { tax_minor };
    let total_minor = sum([left_minor, shipping_minor, added_minor])?;
    let cards = gift_card::pay(total_minor, request.currency, request.cards, request.now_s);
    let cards_minor = sum(cards.iter().filter_map(|card| card.paid_minor))?;
    let totals = Totals {
        list_minor,
        discount_minor: list_minor - left_minor,
        shipping_minor,
        tax_minor,
        total_minor,
        cards_minor,
        to_pay_minor: total_minor - cards_minor,
    };
    assert!(totals.to_pay_minor >= 0 && totals.discount_minor >= 0, "PR5: below zero");

    let no_address = request.address.is_none() || area.approximate;
    let estimated = [(no_address, Assumed::Address), (sending.is_assumed, Assumed::Shipping)];
    let obstacles = [
        (grouped.problems.iter().any(Option::is_some), Obstacle::Lines),
        (grouped.groups.is_empty(), Obstacle::Empty),
        (request.address.is_none(), Obstacle::Address),
        (sending.is_missing(), Obstacle::NoShipping),
        (freshness == crate::rates::Freshness::Refused, Obstacle::Rates),
    ];
    let mut priced = Priced {
        currency: request.currency,
        place: area.place.clone(),
        estimated: estimated.into_iter().filter(|(is, _)| *is).map(|(_, what)| what).collect(),
        lines: shown::lines(request, area, &grouped, &table, &of_goods, &taxes)?,
        gifts: shown::gifts(request, &places, &taken.gifts)?,
        shipping: shown::shipping(request, area, &sending, &table, of_shipping, &taxes)?,
        shipping_options: sending.options,
        promotions: taken.promotions,
        coupons: taken.coupons,
        tax_included: area.included,
        taxes: shown::tax_sums(&items, &taxes)?,
        exemption: request.customer.exemption.clone(),
        totals,
        cards,
        rates: freshness,
        obstacles: obstacles.into_iter().filter(|(is, _)| *is).map(|(_, what)| what).collect(),
        versions: Versions {
            catalog: request.catalog.version,
            lists: request.lists.version,
            rates: request.rates.version,
            promotions: request.promotions.version(),
            taxes: request.taxes.version(),
            shipping: request.shipping.version(),
        },
        digest: String::new(),
        // Each line is grouped, taxed and shown.
        steps: 3 * request.lines.len() as u64 + taken.steps,
    };
    priced.digest = shown::digest(&priced);
    Ok(priced)
}
