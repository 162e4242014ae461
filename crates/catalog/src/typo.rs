//! How far a typed word is from a word: Damerau-Levenshtein with swaps of neighbours (optimal string alignment), where a
//! wrong first letter counts twice. As a function, and as an automaton that walks a dictionary (`fst`) and leaves
//! whole branches out.

use fst::Automaton;

/// The longest word that is corrected, in letters: what is longer was not typed.
pub const LETTERS_MAX: usize = 24;
/// A distance beyond all budgets.
const FAR: u8 = u8::MAX / 2;

type Row = [u8; LETTERS_MAX + 1];

/// How many mistakes may be made in a word: of 1 to 3 letters none, of 4 to 8 one, of more two; with a digit, none.
pub fn budget(word: &str) -> u8 {
    if word.chars().any(|letter| letter.is_numeric()) {
        return 0;
    }
    match word.chars().count() {
        0..=3 => 0,
        4..=8 => 1,
        9..=LETTERS_MAX => 2,
        _ => 0,
    }
}

/// The most mistakes that there may be in what was typed, whatever was meant: that may have been longer.
pub fn budget_of_typed(typed: &str) -> u8 {
    if typed.chars().any(|letter| letter.is_numeric()) {
        return 0;
    }
    match typed.chars().count() {
        0..=2 => 0,
        3..=6 => 1,
        7..=LETTERS_MAX => 2,
        _ => 0,
    }
}

/// The mistakes between two words, if they are within the budget.
pub fn distance(typed: &str, word: &str, budget: u8) -> Option<u8> {
    let automaton = Typed::new(typed, budget)?;
    let mut state = automaton.start();
    for byte in word.bytes() {
        state = automaton.accept(&state, byte);
    }
    automaton.distance(&state)
}

/// A typed word, for finding all words near it in a dictionary.
pub struct Typed {
    letters: Vec<char>,
    budget: u8,
}

/// What of a word has been read: the last two rows of the table of distances, and the bytes of a letter's beginning.
#[derive(Clone)]
pub struct State {
    row: Row,
    before: Row,
    last: Option<char>,
    wrong_first: bool,
    read: u8,
    bytes: [u8; 4],
    bytes_read: u8,
}

impl Typed {
    /// None for a word that is too long to be corrected.
    pub fn new(word: &str, budget: u8) -> Option<Self> {
        let letters: Vec<char> = word.chars().collect();
        (!letters.is_empty() && letters.len() <= LETTERS_MAX).then_some(Self { letters, budget })
    }

    fn distance(&self, state: &State) -> Option<u8> {
        let penalty = u8::from(state.wrong_first);
        let distance = state.row.get(self.letters.len())?.saturating_add(penalty);
        (state.bytes_read == 0 && distance <= self.budget).then_some(distance)
    }

    fn letter(&self, state: &State, letter: char) -> State {
        let mut row = [FAR; LETTERS_MAX + 1];
        row[0] = state.read.saturating_add(1).min(FAR);
        for (at, typed) in self.letters.iter().enumerate() {
            let other = u8::from(*typed != letter);
            let replaced = state.row[at].saturating_add(other);
            let left_out = row[at].saturating_add(1);
            let put_in = state.row[at + 1].saturating_add(1);
            let mut least = replaced.min(left_out).min(put_in);
            let swapped = at > 0 && Some(*typed) == state.last && self.letters[at - 1] == letter;
            if swapped && state.read > 0 {
                least = least.min(state.before[at - 1].saturating_add(1));
            }
            row[at + 1] = least.min(FAR);
        }
        let wrong_first = if state.read == 0 { self.letters[0] != letter } else { state.wrong_first };
        let (read, bytes) = (state.read.saturating_add(1), [0; 4]);
        State { row, before: state.row, last: Some(letter), wrong_first, read, bytes, bytes_read: 0 }
    }
}

impl Automaton for Typed {
    type State = State;

    fn start(&self) -> State {
        let mut row = [FAR; LETTERS_MAX + 1];
        for (cell, at) in row.iter_mut().zip(0..).take(self.letters.len() + 1) {
            *cell = at;
        }
        let (before, last, bytes) = ([FAR; LETTERS_MAX + 1], None, [0; 4]);
        State { row, before, last, wrong_first: false, read: 0, bytes, bytes_read: 0 }
    }

    fn is_match(&self, state: &State) -> bool {
        self.distance(state).is_some()
    }

    fn can_match(&self, state: &State) -> bool {
        let penalty = u8::from(state.wrong_first);
        let least = |row: &Row| row.iter().take(self.letters.len() + 1).min().copied().unwrap_or(FAR);
        // A swap is measured from the row before.
        let least = least(&state.row).min(least(&state.before).saturating_add(1));
        least.saturating_add(penalty) <= self.budget
    }

    fn accept(&self, state: &State, byte: u8) -> State {
        let mut next = state.clone();
        let at = usize::from(next.bytes_read);
        if let Some(place) = next.bytes.get_mut(at) {
            *place = byte;
        }
        let read = (at + 1).min(4);
        match std::str::from_utf8(&next.bytes[..read]) {
            Ok(letter) => match letter.chars().next() {
                Some(letter) => self.letter(state, letter),
                None => next,
            },
            Err(_) => {
                next.bytes_read = u8::try_from(read).unwrap_or(4);
                next
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_counted_as_people_make_them() {
        for (typed, word, expected) in [
            ("banana", "banana", Some(0)),
            ("bannana", "banana", Some(1)),
            ("bnaana", "banana", Some(1)),
            ("banan", "banana", Some(1)),
            ("bananaa", "banana", Some(1)),
            ("bamana", "banana", Some(1)),
            // A wrong first letter, left out, put in front or swapped, counts twice.
            ("panana", "banana", Some(2)),
            ("anana", "banana", Some(2)),
            ("abnana", "banana", Some(2)),
            ("eggs", "leggs", Some(2)),
            ("ba", "ab", Some(2)),
            ("créme", "crème", Some(1)),
            ("молокл", "молоко", Some(1)),
            ("banana", "bandana", Some(1)),
            ("banana", "cabana", None),
            ("banana", "b", None),
        ] {
            assert_eq!(distance(typed, word, 2), expected, "{typed} {word}");
        }
        assert_eq!(distance(&"a".repeat(25), &"a".repeat(25), 2), None);
    }

    #[test]
    fn short_words_and_numbers_are_as_they_are() {
        for (word, mistakes) in [
            ("ham", 0),
            ("milk", 1),
            ("crackers", 1),
            ("margarine", 2),
            ("b12xyz", 0),
            ("12345678", 0),
            ("", 0),
        ] {
            assert_eq!(budget(word), mistakes, "{word}");
        }
        assert_eq!(budget(&"a".repeat(25)), 0);
    }

    /// The plain table, written the other way round, for all words of few letters.
    fn plain(a: &[u8], b: &[u8]) -> usize {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                table[i][j] = if i == 0 || j == 0 {
                    i + j
                } else {
                    let mut least = (table[i - 1][j] + 1)
                        .min(table[i][j - 1] + 1)
                        .min(table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]));
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        least = least.min(table[i - 2][j - 2] + 1);
                    }
                    least
                };
            }
        }
        table[a.len()][b.len()] + usize::from(a.first() != b.first())
    }

    #[test]
    fn the_automaton_counts_as_the_plain_table_does_and_gives_up_no_match() {
        let words: Vec<Vec<u8>> = (1..=4_u32)
            .flat_map(|length| (0..3_u32.pow(length)).map(move |number| (length, number)))
            .map(|(length, number)| (0..length).map(|at| b'a' + (number / 3_u32.pow(at) % 3) as u8).collect())
            .collect();
        let text = |word: &[u8]| String::from_utf8(word.to_vec()).expect("letters");
        for a in &words {
            for b in &words {
                let expected = plain(a, b);
                let expected = (expected <= 2).then_some(expected as u8);
                assert_eq!(distance(&text(a), &text(b), 2), expected, "{a:?} {b:?}");
                if expected.is_some() {
                    let automaton = Typed::new(&text(a), 2).expect("short");
                    let mut state = automaton.start();
                    for byte in b {
                        assert!(automaton.can_match(&state), "{a:?} {b:?}");
                        state = automaton.accept(&state, *byte);
                    }
                }
            }
        }
    }
}
