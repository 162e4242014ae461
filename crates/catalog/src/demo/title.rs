//! Titles: the source has none, so they are made of a product's type and its package. The till's abbreviations become
//! words where they are common enough, and capitals become small letters.

use super::Source;

/// The till's abbreviations, where they are common enough to be worth a word.
const WORDS: [(&str, &str); 49] = [
    ("beeralemalt", "beer, ale and malt"),
    ("bev", "beverages"),
    ("blubblkrasp", "blueberries"),
    ("bn", "bean"),
    ("btl", "bottle"),
    ("catfd", "cat food"),
    ("chix", "chicken"),
    ("cnd", "canned"),
    ("coff", "coffee"),
    ("dinr", "dinner"),
    ("dl", "deli"),
    ("dogfd", "dog food"),
    ("drnk", "drink"),
    ("drnks", "drinks"),
    ("fd", "food"),
    ("fem", "feminine"),
    ("flvrd", "flavored"),
    ("frd", "fried"),
    ("fre", "fresh"),
    ("frz", "frozen"),
    ("frzn", "frozen"),
    ("gds", "goods"),
    ("hygn", "hygiene"),
    ("imprtd", "imported"),
    ("jce", "juice"),
    ("liq", "liquid"),
    ("misc", "miscellaneous"),
    ("mlt", "multi"),
    ("mxs", "mixes"),
    ("pk", "pack"),
    ("pkg", "package"),
    ("pkgd", "packaged"),
    ("pnt", "peanut"),
    ("prep", "prepared"),
    ("refrgratd", "refrigerated"),
    ("refrig", "refrigerated"),
    ("sal", "salads"),
    ("seafd", "seafood"),
    ("sft", "soft"),
    ("sngl", "single"),
    ("srv", "serve"),
    ("svry", "savory"),
    ("sw", "sweet"),
    ("swt", "sweet"),
    ("vac", "vacuum"),
    ("veg", "vegetable"),
    ("w", "with"),
    ("wo", "without"),
    ("xmas", "Christmas"),
];
const CAPITALS: [&str; 11] = ["bbq", "cd", "dvd", "dvds", "dxm", "iqf", "pse", "rtd", "tv", "usa", "vhs"];
const SMALL: [&str; 10] = ["and", "for", "in", "of", "on", "or", "the", "to", "with", "without"];

/// `ICE - CRUSHED/CUBED` of `22 LB` is Ice - Crushed/Cubed, 22 lb.
pub fn of(row: &Source) -> String {
    let named = [&row.product_type, &row.product_category, &row.department];
    let named = named.into_iter().find(|text| !text.trim().is_empty());
    let name = named.map_or_else(|| format!("Product {}", row.product_id), |text| words(text));
    let size = package(&row.package_size);
    if size.is_empty() { name } else { format!("{name}, {size}") }
}

/// A till's name as words: `FRZN MEAT` is Frozen Meat.
pub fn words(text: &str) -> String {
    let text = without_marks(whole(text));
    let text = colons(&text).replace('&', " & ");
    let text = possessives(&withs(&text));
    let mut cased_text = String::new();
    for run in runs(&text, |byte| byte.is_ascii_uppercase() || byte == b'\'') {
        match run {
            Run::In(word) => cased_text += &cased(word),
            Run::Out(other) => cased_text += other,
        }
    }
    let spaced = cased_text.split_whitespace().collect::<Vec<_>>().join(" ");
    capitalized(spaced.trim_matches([' ', '-']))
}

/// The source cuts types off at 30 characters: an open bracket has lost its end, and goes.
fn whole(text: &str) -> &str {
    let closed = text.rfind(')').map_or(0, |at| at + 1);
    let open = text[closed..].find('(').map(|at| text[..closed + at].trim_end());
    open.filter(|before| !before.is_empty()).unwrap_or(text)
}

/// Without what says how a product is weighed.
fn without_marks(text: &str) -> String {
    let mut text = text.to_owned();
    for mark in ["(BULK&)", "(BULK&BAG)", "(BULK&PKG)"] {
        while let Some((before, after)) = text.split_once(mark) {
            text = format!("{}{after}", before.trim_end());
        }
    }
    text
}

/// A colon stands at a word, and a space behind it.
fn colons(text: &str) -> String {
    let parts: Vec<&str> = text.split(':').collect();
    let last = parts.len() - 1;
    let trimmed = parts.iter().enumerate().map(|(at, part)| {
        let part = if at > 0 { part.trim_start() } else { part };
        if at < last { part.trim_end() } else { part }
    });
    trimmed.collect::<Vec<_>>().join(": ")
}

/// `W/` is with, `W/O` is without: as words that [`WORDS`] knows.
fn withs(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("W/") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        result += before;
        let begins = !result.ends_with(in_word);
        let without = after.trim_start().strip_prefix('O').filter(|after| !after.starts_with(in_word));
        match without {
            Some(after) if begins => {
                result += "WO";
                rest = after;
            }
            _ => {
                result += if begins { "W " } else { "W/" };
                rest = after;
            }
        }
    }
    result + rest
}

/// `MEN S` is `MEN'S`.
fn possessives(text: &str) -> String {
    let mut result = String::new();
    let (mut rest, mut taken) = (text, 0);
    while let Some(at) = rest.find(" S") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        result += before;
        let word = result.trim_end_matches(|letter: char| letter.is_ascii_uppercase());
        let owner = (taken..result.len()).contains(&word.len()) && !word.ends_with(in_word);
        if owner && !after.starts_with(in_word) {
            result += "'S";
            // An `S` of one owner is not the next one.
            taken = result.len();
        } else {
            result += " S";
        }
        rest = after;
    }
    result + rest
}

fn in_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// A stretch of a text, in a set of characters or not.
enum Run<'a> {
    In(&'a str),
    Out(&'a str),
}

fn runs(text: &str, within: impl Fn(u8) -> bool) -> Vec<Run<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        let inside = within(first);
        let end = rest.bytes().position(|byte| within(byte) != inside).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        found.push(if inside { Run::In(run) } else { Run::Out(run) });
        rest = after;
    }
    found
}

fn cased(word: &str) -> String {
    let word = word.to_ascii_lowercase();
    if CAPITALS.contains(&word.as_str()) {
        return word.to_ascii_uppercase();
    }
    let meant = WORDS.iter().find(|(short, _)| *short == word).map_or(word.as_str(), |(_, meant)| meant);
    let part = |part: &str| if SMALL.contains(&part) { part.to_owned() } else { capitalized(part) };
    meant.split_whitespace().map(part).collect::<Vec<_>>().join(" ")
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `A B D  8 OZ` is 8 oz: the letters before the size are the shops' that carry it. Without a number, or with one that
/// is some code, there is no size.
pub fn package(text: &str) -> String {
    let spaced = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let size = zeros(without_shops(&spaced));
    let digits = runs(&size, |byte| byte.is_ascii_digit());
    let longest = digits.iter().map(|run| if let Run::In(digits) = run { digits.len() } else { 0 }).max();
    if matches!(longest, Some(1..5)) { size.to_lowercase() } else { String::new() }
}

/// `(A)`, or up to four capitals and then single ones, before a number.
fn without_shops(text: &str) -> &str {
    let capital = |word: &str| word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let Some((first, mut rest)) = text.split_once(' ') else { return text };
    let bracketed = first.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).is_some_and(capital);
    let shops = (1..=4).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_uppercase());
    while let Some((_, after)) = rest.split_once(' ').filter(|(word, _)| shops && capital(word)) {
        rest = after;
    }
    let sized = rest.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    if sized && (bracketed || shops) { rest } else { text }
}

/// `.5` is `0.5`.
fn zeros(text: &str) -> String {
    let mut result = String::new();
    for (at, letter) in text.char_indices() {
        let begins =
            letter == '.' && !result.ends_with(|before: char| before.is_ascii_digit() || before == '.');
        if begins && text[at + 1..].starts_with(|after: char| after.is_ascii_digit()) {
            result.push('0');
        }
        result.push(letter);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_till_s_words_become_words() {
        for (source, title) in [
            ("ICE - CRUSHED/CUBED", "Ice - Crushed/Cubed"),
            ("FRZN MEAT (BULK&PKG) W/ SWT CORN", "Frozen Meat with Sweet Corn"),
            ("COFF W/O SUGAR", "Coffee without Sugar"),
            ("BEANS W/ O RINGS", "Beans without Rings"),
            ("MEN S & WOMEN S S", "Men's & Women's S"),
            ("BEERS:DOMESTIC :  LITE", "Beers: Domestic: Lite"),
            ("CHIX (FRSH,NATURAL", "Chicken"),
            ("(CUT OFF", "(Cut Off"),
            ("DVD S OF THE USA", "Dvd's of the USA"),
            ("BEERALEMALT LIQUORS -", "Beer, Ale and Malt Liquors"),
        ] {
            assert_eq!(words(source), title, "{source}");
        }
    }

    #[test]
    fn a_package_is_a_size_without_the_shops_that_carry_it() {
        for (source, size) in [
            ("22 LB", "22 lb"),
            ("A B D  8 OZ", "8 oz"),
            ("(A) .5 GAL", "0.5 gal"),
            ("ALL 12 CT", "12 ct"),
            ("ABCDE 8 OZ", "abcde 8 oz"),
            ("A BC 8 OZ", "a bc 8 oz"),
            ("1..5 OZ", "1..5 oz"),
            ("CASE", ""),
            ("", ""),
            ("A 12345", ""),
        ] {
            assert_eq!(package(source), size, "{source}");
        }
    }
}
