//! Words that mean the same, as data: what people say, and what the catalog says. A line is `bath tissue, toilet paper`,
//! which find each other, or `coke => cola`, where the left one finds the right ones and not the other way round.
//! Compared by stems, so one form of a word is enough.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::words::{stem, tokens};

/// How many words a phrase has.
pub const PHRASE_WORDS_MAX: usize = 4;
/// How many phrases a line names.
pub const LINE_PHRASES_MAX: usize = 20;
/// How many lines there are.
pub const LINES_MAX: usize = 20_000;

/// A phrase as the stems of its words, in order.
pub type Phrase = Vec<String>;

/// What may be said instead, by phrase. Ordered, so that it is always the same bytes.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Synonyms(BTreeMap<Phrase, BTreeSet<Phrase>>);

/// A line that says nothing that can be used.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("line {line}: {problem}")]
pub struct Wrong {
    /// Which line, from 1 on.
    pub line: usize,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl Synonyms {
    /// Reads lines; empty ones, and what follows `#`, are skipped.
    pub fn read(text: &str) -> Result<Self, Wrong> {
        let mut synonyms = Self::default();
        for (at, line) in text.lines().enumerate() {
            let wrong = |problem: String| Wrong { line: at + 1, problem };
            if at >= LINES_MAX {
                return Err(wrong(format!(
                    "there are more than {LINES_MAX} lines; keep those that are asked for"
                )));
            }
            let line = line.split('#').next().unwrap_or("").trim();
            if line.is_empty() {
                continue;
            }
            let phrases = |text: &str| -> Result<Vec<Phrase>, Wrong> {
                let phrases: Result<Vec<Phrase>, Wrong> =
                    text.split(',').map(|part| phrase(part).map_err(wrong)).collect();
                let phrases = phrases?;
                if phrases.len() > LINE_PHRASES_MAX {
                    return Err(wrong(format!(
                        "there are more than {LINE_PHRASES_MAX} phrases; use two lines"
                    )));
                }
                Ok(phrases)
            };
            if let Some((from, to)) = line.split_once("=>") {
                let to = phrases(to)?;
                for from in phrases(from)? {
                    to.iter().for_each(|to| synonyms.add(&from, to));
                }
            } else {
                let all = phrases(line)?;
                if all.len() < 2 {
                    return Err(wrong(
                        "one phrase alone has no synonym; add one behind a comma, or =>".to_owned(),
                    ));
                }
                for from in &all {
                    all.iter().for_each(|to| synonyms.add(from, to));
                }
            }
        }
        Ok(synonyms)
    }

    /// What else a phrase may be, if anything.
    pub fn of(&self, phrase: &[String]) -> impl Iterator<Item = &Phrase> {
        self.0.get(phrase).into_iter().flatten()
    }

    /// How many phrases have others.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A line for each phrase: stems with spaces, a tab, and the others, with commas.
    pub(crate) fn lines(&self) -> Vec<String> {
        let joined = |others: &BTreeSet<Phrase>| {
            others.iter().map(|phrase| phrase.join(" ")).collect::<Vec<_>>().join(",")
        };
        self.0.iter().map(|(phrase, others)| format!("{}\t{}", phrase.join(" "), joined(others))).collect()
    }

    /// Of such lines; none, if they are not such.
    pub(crate) fn of_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Self> {
        let split = |phrase: &str| phrase.split(' ').map(str::to_owned).collect::<Phrase>();
        let mut synonyms = Self::default();
        for line in lines {
            let (phrase, others) = line.split_once('\t')?;
            synonyms.0.insert(split(phrase), others.split(',').map(split).collect());
        }
        Some(synonyms)
    }

    fn add(&mut self, from: &Phrase, to: &Phrase) {
        if from != to {
            self.0.entry(from.clone()).or_default().insert(to.clone());
        }
    }
}

fn phrase(text: &str) -> Result<Phrase, String> {
    let tokens = tokens(text);
    let words: Option<Phrase> = tokens.iter().map(|token| token.word().map(stem)).collect();
    let words = words.ok_or_else(|| format!("{:?} has an amount; amounts have no synonyms", text.trim()))?;
    match words.len() {
        0 => Err(format!("{:?} has no word that is looked for; name one", text.trim())),
        1..=PHRASE_WORDS_MAX => Ok(words),
        _ => Err(format!("{:?} has more than {PHRASE_WORDS_MAX} words; shorten it", text.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(synonyms: &Synonyms, words: &str) -> Vec<String> {
        synonyms.of(&phrase(words).expect("words")).map(|other| other.join(" ")).collect()
    }

    #[test]
    fn a_line_is_read_in_both_directions_or_in_one() {
        let read = Synonyms::read("# said\nbath tissue, toilet paper\n\ncoke => cola, soft drinks # sold\n");
        let synonyms = read.expect("read");
        assert_eq!(of(&synonyms, "toilet papers"), ["bath tissu"]);
        assert_eq!(of(&synonyms, "bath tissue"), ["toilet paper"]);
        assert_eq!(of(&synonyms, "coke"), ["cola", "soft drink"]);
        assert!(of(&synonyms, "cola").is_empty());
        let lines = synonyms.lines();
        assert_eq!(Synonyms::of_lines(lines.iter().map(String::as_str)), Some(synonyms));
    }

    #[test]
    fn a_line_that_says_nothing_is_named() {
        for (text, line) in [
            ("a cup, mug", 0),
            ("mug", 1),
            ("\nmug, 12 oz", 2),
            ("mug =>", 1),
            ("one two three four five, mug", 1),
        ] {
            assert_eq!(Synonyms::read(text).err().map_or(0, |wrong| wrong.line), line, "{text}");
        }
        assert_eq!(Synonyms::of_lines(["no tab"].into_iter()), None);
    }

    #[test]
    fn the_demo_shop_has_at_least_sixty() {
        assert!(Synonyms::read(crate::demo::SYNONYMS).expect("the demo's").len() >= 60);
    }
}
