//! 500 mistakes in the 300 words that are sold most, one a word: left out, put in, replaced or swapped; the first letter
//! is wrong in one of fifty, as with people (Pollock and Zamora find about as few). Words of three letters and less are
//! not corrected, and what a mistake makes a word of is that word: both are left out.

use std::collections::{BTreeMap, BTreeSet};

use catalog::query::{Query, Search as _};
use catalog::words::{fold, stem, tokens};

use crate::demo::{Numbers, demo};

const WORDS: usize = 300;
const MISTAKES: usize = 500;
const RECALL_MIN: f64 = 0.95;
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// The words of titles and all that are known, of which mistakes are none.
fn words() -> (Vec<String>, BTreeSet<String>) {
    let (mut sold, mut known) = (BTreeMap::<String, u64>::new(), BTreeSet::new());
    for product in &demo().products {
        let fields =
            product.category().iter().map(String::as_str).chain(product.description()).chain(product.brand());
        for text in [product.title()].into_iter().chain(fields) {
            known.extend(tokens(text).iter().filter_map(|token| token.word().map(stem)));
        }
        for token in tokens(product.title()) {
            let typed = token
                .word()
                .filter(|word| word.len() >= 4 && word.bytes().all(|byte| byte.is_ascii_lowercase()));
            if let Some(word) = typed {
                *sold.entry(word.to_owned()).or_default() += 1 + product.popularity();
            }
        }
    }
    let mut sold: Vec<(String, u64)> = sold.into_iter().collect();
    sold.sort_by(|(one, by_one), (other, by_other)| by_other.cmp(by_one).then(one.cmp(other)));
    (sold.into_iter().take(WORDS).map(|(word, _)| word).collect(), known)
}

fn mistyped(word: &str, numbers: &mut Numbers) -> String {
    let mut letters: Vec<u8> = word.bytes().collect();
    let first = numbers.below(50) == 0;
    let at = if first { 0 } else { 1 + numbers.below(letters.len() - 1) };
    match numbers.below(4) {
        0 => drop(letters.remove(at)),
        1 => letters.insert(at, LETTERS[numbers.below(26)]),
        2 => letters[at] = LETTERS[numbers.below(26)],
        _ if at + 1 < letters.len() => letters.swap(at, at + 1),
        _ => letters.swap(at, at - 1),
    }
    String::from_utf8(letters).expect("letters")
}

#[test]
fn mistakes_find_what_was_meant() {
    let (words, known) = words();
    let (index, mut numbers) = (&demo().index, Numbers(7));
    let first = |text: &str| {
        let query = Query { text: text.to_owned(), limit: 10, ..Query::default() };
        let hits = index.search(&query).expect("an answer").hits;
        hits.into_iter().map(|hit| hit.sku).collect::<BTreeSet<String>>()
    };
    // With a space behind it, so that a mistake is not the beginning of another word.
    let meant: BTreeMap<&String, BTreeSet<String>> =
        words.iter().map(|word| (word, first(&format!("{word} ")))).collect();
    let (mut recall, mut missed, mut made) = (0.0, Vec::new(), 0);
    while made < MISTAKES {
        let word = &words[numbers.below(words.len())];
        let typed = mistyped(word, &mut numbers);
        if known.contains(&stem(&fold(&typed))) || typed.starts_with(word.as_str()) {
            continue;
        }
        made += 1;
        let found = first(&format!("{typed} "));
        let share = found.intersection(&meant[word]).count() as f64 / meant[word].len() as f64;
        recall += share / MISTAKES as f64;
        if share < 0.5 {
            missed.push(format!("{typed} ({word})"));
        }
    }
    println!("recall@10 of {MISTAKES} mistakes: {recall:.3}; less than half found: {}", missed.join(", "));
    assert!(recall >= RECALL_MIN, "recall@10 is {recall:.3}");
}
