//! One form of a word for all its ways of being written: lower case, without accents (NFKD without marks, and letters
//! that Unicode does not take apart), and its stem (Snowball's English).

use frostem::{Algorithm, Stemmer};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// Lower case, accents folded, apostrophes alike.
pub fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(word.len());
    for letter in word.to_lowercase().nfkd().filter(|letter| !is_combining_mark(*letter)) {
        match letter {
            'ß' => folded += "ss",
            'æ' => folded += "ae",
            'œ' => folded += "oe",
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ı' => folded.push('i'),
            'þ' => folded += "th",
            '’' | '‘' | 'ʼ' => folded.push('\''),
            other => folded.push(other),
        }
    }
    folded
}

/// What a folded word shares with its other forms: eggs and egg. Words with digits are names and stay.
pub fn stem(word: &str) -> String {
    if !word.is_ascii() || word.bytes().any(|byte| byte.is_ascii_digit()) {
        return word.to_owned();
    }
    Stemmer::new(Algorithm::English).stem(word).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_share_a_stem() {
        for (one, other) in [
            ("eggs", "egg"),
            ("berries", "berry"),
            ("men's", "men"),
            ("tissues", "tissue"),
            ("baked", "baking"),
        ] {
            assert_eq!(stem(one), stem(other));
        }
        assert_ne!(stem("leggs"), stem("eggs"));
        assert_eq!(stem("b12s"), "b12s");
    }

    #[test]
    fn writing_does_not_matter() {
        for (one, other) in [
            ("Jalapeño", "JALAPENO"),
            ("Straße", "strasse"),
            ("smørrebrød", "smorrebrod"),
            ("men’s", "men's"),
            ("ﬁsh", "fish"),
            ("ＭＩＬＫ", "milk"),
        ] {
            assert_eq!(fold(one), fold(other));
        }
    }
}
