//! PR10: gift cards. A card is paid with: it takes nothing off, and taxes do not know it. Its code has 80 bits, which are
//! not guessed, and a check digit, so that a slip of the finger is told from a card that is none.
//!
//! The letters are those of D. Crockford's Base 32, without I, L, O and U. The check digit makes a weighted sum over
//! GF(32) zero, with a weight of its own for each place: it finds each wrong letter, and any two that changed places.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::currency::Currency;
use crate::money::Money;
use crate::order::sort_by_key;
use crate::refusal::Refusal;

const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The code of a card.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CardCode([u8; 10]);

impl CardCode {
    /// The letters of a code, with its check digit.
    pub const LETTERS: usize = 17;

    /// Of 80 random bits.
    pub const fn of_bits(bits: [u8; 10]) -> Self {
        Self(bits)
    }

    /// The bits, by which a card is kept.
    pub const fn bits(self) -> [u8; 10] {
        self.0
    }

    /// From what somebody has typed: in any case, with spaces and dashes, with I and L for 1 and O for 0.
    ///
    /// # Errors
    /// [`Refusal::Invalid`]: there can be no such card.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let refusal =
            || Refusal::invalid("card", "is no code of a gift card; look for a letter that was mistaken");
        let mut symbols = Vec::with_capacity(Self::LETTERS);
        for letter in text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-') {
            let plain = match letter.to_ascii_uppercase() {
                'I' | 'L' => '1',
                'O' => '0',
                other => other,
            };
            let symbol = LETTERS.iter().position(|there| char::from(*there) == plain).ok_or_else(refusal)?;
            if symbols.len() == Self::LETTERS {
                return Err(refusal());
            }
            symbols.push(symbol as u8);
        }
        let (check, body) = symbols.split_last().ok_or_else(refusal)?;
        if body.len() + 1 != Self::LETTERS || *check != check_digit(body) {
            return Err(refusal());
        }
        let mut bits = [0; 10];
        let number = body.iter().fold(0_u128, |number, symbol| (number << 5) | u128::from(*symbol));
        bits.copy_from_slice(&number.to_be_bytes()[6..]);
        Ok(Self(bits))
    }

    /// The last four letters, to tell a card by without giving it away.
    pub fn ending(self) -> String {
        let letters = self.letters();
        letters[letters.len() - 4..].to_owned()
    }

    fn letters(self) -> String {
        let number = self.0.iter().fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
        let mut symbols: Vec<u8> = (0..16).rev().map(|at| (number >> (5 * at)) as u8 & 31).collect();
        symbols.push(check_digit(&symbols));
        symbols.into_iter().map(|symbol| char::from(LETTERS[usize::from(symbol)])).collect()
    }
}

impl fmt::Display for CardCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = self.letters();
        write!(f, "{}-{}-{}-{}", &letters[..4], &letters[4..8], &letters[8..12], &letters[12..])
    }
}

/// Not all of it: a code is as good as money.
impl fmt::Debug for CardCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "..{}", self.ending())
    }
}

/// What makes the sum zero: each place has its power of a generator of GF(32), which all differ.
fn check_digit(body: &[u8]) -> u8 {
    body.iter().fold(0, |sum, symbol| double(sum ^ symbol))
}

/// Times the generator: x, modulo x^5 + x^2 + 1.
const fn double(symbol: u8) -> u8 {
    let doubled = symbol << 1;
    if doubled & 32 == 0 { doubled } else { doubled ^ 0b10_0101 }
}

/// A card that somebody pays with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// As it was typed.
    pub code: String,
    /// What is on it; none: there is no such card.
    #[serde(default)]
    pub balance: Option<Balance>,
}

/// What is on a card.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// How much.
    pub amount: Money,
    /// The second after its last, since 1970-01-01 UTC.
    #[serde(default)]
    pub until_s: Option<i64>,
}

/// What a card pays.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CardPaid {
    /// The last four letters of its code; none if it is no code.
    pub ending: Option<String>,
    /// How much, minor units; none: it cannot be used. Whether it is unknown, empty, expired or of another currency
    /// nobody is told.
    pub paid_minor: Option<i64>,
}

/// Pays with cards, the one that ends first before others; a card that is named twice pays once. What each pays, in the
/// order in which they were given.
pub fn pay(total_minor: i64, currency: Currency, cards: &[Card], now_s: i64) -> Vec<CardPaid> {
    let usable = |card: &Card| {
        let code = CardCode::parse(&card.code).ok()?;
        let balance = card.balance.filter(|balance| {
            let lives = balance.until_s.is_none_or(|until_s| now_s < until_s);
            lives && balance.amount.currency == currency && balance.amount.amount_minor > 0
        })?;
        Some((balance.until_s.unwrap_or(i64::MAX), code, balance.amount.amount_minor))
    };
    let mut order: Vec<(i64, CardCode, i64, usize)> = cards
        .iter()
        .enumerate()
        .filter_map(|(at, card)| usable(card).map(|(until_s, code, amount)| (until_s, code, amount, at)))
        .collect();
    sort_by_key(&mut order, |&(until_s, code, _, at)| (until_s, code, at));
    let mut paid: Vec<Option<i64>> = vec![None; cards.len()];
    let (mut left, mut seen) = (total_minor, Vec::new());
    for (_, code, amount, at) in order {
        if !seen.contains(&code) {
            seen.push(code);
            let part = amount.min(left);
            left -= part;
            paid[at] = Some(part);
        }
    }
    let ending = |card: &Card| CardCode::parse(&card.code).ok().map(CardCode::ending);
    let shown = |(card, paid_minor): (&Card, Option<i64>)| CardPaid { ending: ending(card), paid_minor };
    cards.iter().zip(paid).map(shown).collect()
}
