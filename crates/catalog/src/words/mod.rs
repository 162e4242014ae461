//! The words of a text, the same for what is sold and for what is asked: Unicode words (UAX 29) in lower case, accents
//! folded, and amounts with their units as [`Measure`]s. Each knows where it stood, for bold type.

pub mod fold;
pub mod measure;

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

pub use fold::{fold, stem};
pub use measure::Measure;

/// Words that say nothing of a product: they are not looked for, nor kept.
const SAY_NOTHING: [&str; 13] =
    ["a", "all", "an", "and", "by", "for", "in", "n", "of", "on", "or", "the", "with"];

/// A word or an amount, and where it stood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its bytes in the text.
    pub range: Range<usize>,
}

/// What a token is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A folded word.
    Word(String),
    /// An amount: 12 oz, 2 %, 1 gallon.
    Measure(Measure),
}

/// A stretch of letters, or a number, before amounts are put together.
struct Piece<'a> {
    text: &'a str,
    at: usize,
    /// In thousandths, if it is a number.
    number: Option<u64>,
}

impl Piece<'_> {
    fn range(&self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }
}

/// All words and amounts of a text, in order, but for those that say nothing.
pub fn tokens(text: &str) -> Vec<Token> {
    let pieces = pieces(text);
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(piece) = pieces.get(at) {
        if let Some((measure, used, end)) = measure_at(text, &pieces[at..]) {
            tokens.push(Token { kind: Kind::Measure(measure), range: piece.at..end });
            at += used;
            continue;
        }
        let word = fold(piece.text);
        if !word.is_empty() && !SAY_NOTHING.contains(&word.as_str()) {
            tokens.push(Token { kind: Kind::Word(word), range: piece.range() });
        }
        at += 1;
    }
    tokens
}

/// The amounts of a field that says a size: there, `GAL` is one gallon.
pub fn sizes(text: &str) -> Vec<Measure> {
    let tokens = tokens(text);
    let whole = || Measure::of(1_000, &fold(text.trim()));
    let mut found: Vec<Measure> = tokens.iter().filter_map(Token::measure).collect();
    if found.is_empty() {
        found.extend(whole());
    }
    found
}

impl Token {
    /// The word, if it is one.
    pub fn word(&self) -> Option<&str> {
        if let Kind::Word(word) = &self.kind { Some(word) } else { None }
    }

    /// The amount, if it is one.
    pub fn measure(&self) -> Option<Measure> {
        if let Kind::Measure(measure) = &self.kind { Some(*measure) } else { None }
    }
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    for (at, word) in text.unicode_word_indices() {
        let runs = runs(word);
        // `12oz` and `6pk8oz` are amounts; `b12` and `7up` are names.
        let amounts = runs.len() > 1
            && runs.iter().all(|(_, run)| {
                run.starts_with(|first: char| first.is_ascii_digit()) || measure::is_unit(&fold(run))
            });
        let parts = if amounts { runs } else { vec![(0, word)] };
        for (offset, part) in parts {
            let mut number = thousandths(part);
            let start = at + offset;
            // `.5` is a half: the point is no part of the word.
            let before = text[..start].strip_suffix('.');
            if let (Some(value), Some(before)) = (number, before)
                && !before.ends_with(|letter: char| letter.is_alphanumeric())
                && !part.contains('.')
            {
                number = fraction(value, part.len());
            }
            found.push(Piece { text: part, at: start, number });
        }
    }
    found
}

/// Stretches of digits with points, and of what is none, with where they begin.
fn runs(word: &str) -> Vec<(usize, &str)> {
    let mut runs: Vec<(usize, &str)> = Vec::new();
    let mut begin = 0;
    let digit = |letter: char| letter.is_ascii_digit() || letter == '.' || letter == ',';
    let mut before = None;
    for (at, letter) in word.char_indices() {
        if before.is_some_and(|before| before != digit(letter)) {
            runs.push((begin, &word[begin..at]));
            begin = at;
        }
        before = Some(digit(letter));
    }
    runs.push((begin, &word[begin..]));
    runs
}

/// `1,000.5` in thousandths. What is finer is cut off; what is longer than a size is no number here.
fn thousandths(text: &str) -> Option<u64> {
    let text = text.replace(',', "");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    if whole.is_empty() || whole.len() > 6 || part.len() > 6 {
        return None;
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return None;
    }
    let part: String = part.chars().chain("000".chars()).take(3).collect();
    Some(whole.parse::<u64>().ok()? * 1_000 + part.parse::<u64>().ok()?)
}

/// A number of so many digits, behind a point.
fn fraction(thousandths: u64, digits: usize) -> Option<u64> {
    (digits <= 4).then(|| thousandths / 10_u64.pow(u32::try_from(digits).unwrap_or(4)))
}

/// The amount at the beginning of these pieces, how many of them it takes, and where it ends in the text.
fn measure_at(text: &str, pieces: &[Piece<'_>]) -> Option<(Measure, usize, usize)> {
    let first = pieces.first()?;
    let end = |piece: &Piece<'_>| piece.at + piece.text.len();
    let between = |a: &Piece<'_>, b: &Piece<'_>| text.get(end(a)..b.at).unwrap_or("");
    let Some(mut value) = first.number else {
        let half = fold(first.text) == "half";
        let unit = if half { pieces.get(1)? } else { first };
        let measure = Measure::spelled_out(if half { 500 } else { 1_000 }, &fold(unit.text))?;
        return Some((measure, if half { 2 } else { 1 }, end(unit)));
    };
    let mut used = 1;
    // `1/2 gal`
    if let Some(below) = pieces.get(1)
        && between(first, below) == "/"
        && let Some(number) = below.number.filter(|number| *number > 0)
    {
        value = value * 1_000 / number;
        used = 2;
    }
    let last = pieces.get(used - 1)?;
    let after = &text[end(last)..];
    if after.starts_with('%') {
        return Some((Measure::percent(value), used, end(last) + 1));
    }
    let unit = pieces.get(used)?;
    if !matches!(between(last, unit).trim(), "" | "-" | ".") {
        return None;
    }
    let name = fold(unit.text);
    // `12 fl oz`, `8 sq ft`
    if let Some(more) = pieces.get(used + 1)
        && let Some(measure) = Measure::of(value, &format!("{name} {}", fold(more.text)))
    {
        return Some((measure, used + 2, end(more)));
    }
    Some((Measure::of(value, &name)?, used + 1, end(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let shown = |token: &Token| match &token.kind {
            Kind::Word(word) => word.clone(),
            Kind::Measure(measure) => format!("<{measure}>"),
        };
        tokens(text).iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_text_becomes_words_and_amounts() {
        for (text, words) in [
            ("Crème Brûlée & ÆBLE", "creme brulee aeble"),
            ("Men's Socks", "men's socks"),
            ("milk 1 gal", "milk <volume 3785412>"),
            ("milk 1gallon", "milk <volume 3785412>"),
            ("half gallon of milk", "<volume 1892706> milk"),
            ("1/2 gal", "<volume 1892706>"),
            ("0.5 gal", "<volume 1892706>"),
            (".5 gal", "<volume 1892706>"),
            ("2% milk", "<percent 2000> milk"),
            ("12-oz can", "<ounce 12000> can"),
            ("12 fl. oz", "<volume 354888>"),
            ("6pk8oz", "<count 6000> <ounce 8000>"),
            ("7up and b12", "7up b12"),
            ("two liter, 2 Liter", "two <volume 1000000> <volume 2000000>"),
            ("409 cleaner", "409 cleaner"),
            ("1,000 ct", "<count 1000000>"),
            ("молоко 牛乳", "молоко 牛 乳"),
            ("", ""),
        ] {
            assert_eq!(shown(text), words, "{text}");
        }
        assert_eq!(sizes("GAL"), [Measure::of(1_000, "gal").expect("a unit")]);
        assert_eq!(sizes("ctn"), []);
    }

    #[test]
    fn a_token_says_where_it_stood() {
        let text = "Fresh crème, 12 oz";
        let stood: Vec<&str> = tokens(text).into_iter().map(|token| &text[token.range]).collect();
        assert_eq!(stood, ["Fresh", "crème", "12 oz"]);
    }
}
