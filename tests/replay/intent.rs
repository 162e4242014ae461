//! What shoppers mean to do: a basket's rows split over its devices, and between them edits of what is
//! shown. Seeded: the same seed gives the same devices, rows and dice; what they meet depends on timing.

use cart_core::command::{Command, Fields, Place};
use cart_core::line::LineKey;
use fastrand::Rng;

use crate::basket::{Basket, Row};
use crate::shown::{Line, Shown};

/// The most devices that edit a cart at once.
const DEVICES_MAX: usize = 3;
/// Of so many devices one syncs; the others speak plain HTTP.
const DEVICES_PER_SYNC: usize = 3;
/// Of so many syncing devices one has a wrong clock.
const DEVICES_PER_WRONG_CLOCK: usize = 4;
/// How wrong: up to ten minutes behind, and ahead by less than is refused.
const CLOCK_BEHIND_MS_MAX: i64 = 600_000;
const CLOCK_AHEAD_MS_MAX: i64 = 45_000;
/// A line goes saved in one of so many edits of lines, if there are saved ones.
const LINES_PER_SAVED: usize = 5;
/// In two of three edits shoppers go for the first lines of the cart: so they get in each other's way.
const LINES_HOT: usize = 3;
/// Coupons that shoppers know of.
const COUPONS: [&str; 4] = ["SAVE10", "FREESHIP", "LOYAL-5", "WINTER17"];

/// What a device is to do.
pub struct Part {
    pub kind: Kind,
    pub visits: Vec<Visit>,
    pub seed: u64,
}

/// What it does in one region.
pub struct Visit {
    pub region: usize,
    pub steps: Vec<Step>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Plain HTTP: a browser's page.
    Browser,
    /// A replica of its own, which edits offline and syncs. Its clock is off by so much.
    Replica { clock_off_ms: i64 },
}

/// A row of the basket to add, or an edit of what is shown.
#[derive(Clone)]
pub enum Step {
    Row(Row),
    Extra,
}

/// Gives the basket's rows to its devices, each with its share of further edits. Of several trips each is one
/// device's: its shopper does them one after the other, and others of the household theirs at the same time.
pub fn parts(basket: &Basket, seed: u64) -> Vec<Part> {
    let mut dice = Rng::with_seed(seed);
    let devices = 1 + dice.usize(..DEVICES_MAX);
    let mut parts: Vec<Part> = (0..devices)
        .map(|_| Part { kind: kind(&mut dice), visits: Vec::new(), seed: dice.u64(..) })
        .collect();
    for trip in &basket.trips {
        let only = (basket.trips.len() > 1).then(|| dice.usize(..devices));
        let mut steps: Vec<Vec<Step>> = vec![Vec::new(); devices];
        for row in &trip.rows {
            let part = only.unwrap_or_else(|| dice.usize(..devices));
            steps[part].push(Step::Row(row.clone()));
            steps[part].push(Step::Extra);
        }
        for (at, (part, mut steps)) in parts.iter_mut().zip(steps).enumerate() {
            if only.is_some_and(|only| only != at) {
                continue;
            }
            steps.extend(vec![Step::Extra; dice.usize(1..=2)]);
            let from = steps.len().min(1);
            dice.shuffle(&mut steps[from..]);
            part.visits.push(Visit { region: trip.region, steps });
        }
    }
    parts.retain(|part| !part.visits.is_empty());
    parts
}

fn kind(dice: &mut Rng) -> Kind {
    if dice.usize(..DEVICES_PER_SYNC) > 0 {
        return Kind::Browser;
    }
    let wrong = dice.usize(..DEVICES_PER_WRONG_CLOCK) == 0;
    Kind::Replica {
        clock_off_ms: if wrong { dice.i64(-CLOCK_BEHIND_MS_MAX..=CLOCK_AHEAD_MS_MAX) } else { 0 },
    }
}

/// What an edit of the cart may be, and how often.
#[derive(Clone, Copy)]
enum Wish {
    More,
    Set,
    Decrement,
    Remove,
    Clear,
    Save,
    Unsave,
    Coupon,
    Uncoupon,
    Note,
}

const WISHES: [(Wish, u32); 10] = [
    (Wish::More, 13),
    (Wish::Set, 18),
    (Wish::Decrement, 19),
    (Wish::Remove, 15),
    (Wish::Clear, 2),
    (Wish::Save, 11),
    (Wish::Unsave, 9),
    (Wish::Coupon, 5),
    (Wish::Uncoupon, 3),
    (Wish::Note, 5),
];

/// An edit of what is shown; where there is nothing to edit, another of the basket's products.
/// Lines in `busy` are left alone: commands sent together would be refused together.
pub fn extra(dice: &mut Rng, shown: &Shown, busy: &[String], basket: &Basket) -> Command {
    let free = |lines: &[Line]| -> Vec<Line> {
        lines.iter().filter(|line| !busy.contains(&line.line_id)).cloned().collect()
    };
    let (lines, saved) = (free(&shown.lines), free(&shown.saved));
    let in_saved = !saved.is_empty() && dice.usize(..LINES_PER_SAVED) == 0;
    let (at, here) = if in_saved { (Place::Saved, &saved) } else { (Place::Cart, &lines) };
    let wish = wish(dice);
    let of = match wish {
        Wish::More | Wish::Save => &lines,
        Wish::Unsave => &saved,
        _ => here,
    };
    let hot = if dice.u8(..3) > 0 { LINES_HOT.min(of.len()) } else { of.len() };
    let picked = dice.choice(&of[..hot]);
    let line_id = picked.map(|line| line.line_id.clone());
    let shows = picked.map_or(1, |line| i64::try_from(line.quantity).unwrap_or(i64::MAX));
    match (wish, line_id) {
        (Wish::More, Some(line_id)) => {
            Command::Increment { line_id, quantity: dice.i64(1..=3), at: Place::Cart }
        }
        // Sometimes 0, which removes; sometimes as it is.
        (Wish::Set, Some(line_id)) => Command::Set { line_id, quantity: dice.i64(0..=12), at },
        (Wish::Decrement, Some(line_id)) => {
            // Mostly some, sometimes all or more than there are; never more than may be asked for.
            let quantity = if dice.u8(..5) == 0 { shows + dice.i64(0..=1) } else { dice.i64(1..=3) };
            Command::Decrement { line_id, quantity: quantity.clamp(1, 9_999), at }
        }
        (Wish::Remove, Some(line_id)) => Command::Remove { line_id, at },
        (Wish::Save, Some(line_id)) => Command::Move { line_id, location: Place::Saved },
        (Wish::Unsave, Some(line_id)) => Command::Move { line_id, location: Place::Cart },
        (Wish::Clear, _) => Command::Clear {},
        (Wish::Note, _) => note(dice),
        (Wish::Uncoupon, _) if !shown.coupons.is_empty() => {
            Command::RemoveCoupon { code: dice.choice(&shown.coupons).expect("there are some").clone() }
        }
        (Wish::Coupon | Wish::Uncoupon, _) => coupon(dice),
        (_, None) => another(dice, basket),
    }
}

fn wish(dice: &mut Rng) -> Wish {
    let sum: u32 = WISHES.iter().map(|(_, weight)| weight).sum();
    let mut rest = dice.u32(..sum);
    for (wish, weight) in WISHES {
        if rest < weight {
            return wish;
        }
        rest -= weight;
    }
    unreachable!("less than the sum of the weights")
}

fn another(dice: &mut Rng, basket: &Basket) -> Command {
    let fit: Vec<&Row> = basket.rows().filter(|row| row.refusal().is_none()).collect();
    match dice.choice(&fit) {
        Some(row) => Command::Add {
            sku: row.sku.clone(),
            quantity: dice.i64(1..=2),
            variant: None,
            customization: None,
        },
        None => coupon(dice),
    }
}

fn coupon(dice: &mut Rng) -> Command {
    Command::ApplyCoupon { code: (*dice.choice(&COUPONS).expect("there are some")).to_owned() }
}

fn note(dice: &mut Rng) -> Command {
    let text = (dice.u8(..6) > 0).then(|| format!("ring twice, flat {}", dice.u16(1..=999)));
    Command::Update(Fields { note: Some(text), ..Fields::default() })
}

/// An add of a row, as it stands in the data.
pub fn add(row: &Row) -> Command {
    Command::Add { sku: row.sku.clone(), quantity: row.quantity, variant: None, customization: None }
}

/// The product of a line's id.
pub fn sku_of(line_id: &str) -> String {
    LineKey::from_line_id(line_id).map_or_else(|| line_id.to_owned(), |key| key.sku.to_string())
}
