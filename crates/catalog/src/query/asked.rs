//! What is read of a query: so many bytes, so many words.

use crate::reject::Reject;
use crate::words::{Kind, Token, tokens};

/// The most bytes of a query that are read.
pub const QUERY_BYTES_MAX: usize = 200;
/// The most words of a query that are read.
pub const QUERY_WORDS_MAX: usize = 10;

/// The text of a query's bytes.
pub fn text_of(bytes: &[u8]) -> Result<&str, Reject> {
    std::str::from_utf8(bytes).map_err(|_| Reject::NotText)
}

/// A query's words.
pub struct Asked<'a> {
    /// What is read of it.
    pub text: &'a str,
    /// Its words and amounts.
    pub tokens: Vec<Token>,
    /// Whether the last word may still be typed: nothing follows it.
    pub open: bool,
    /// Whether there is more.
    pub ignored: bool,
}

impl<'a> Asked<'a> {
    pub fn of(text: &'a str) -> Self {
        let whole = text.len() <= QUERY_BYTES_MAX;
        let text = &text[..text.floor_char_boundary(QUERY_BYTES_MAX)];
        let mut tokens = tokens(text);
        let ignored = tokens.len() > QUERY_WORDS_MAX;
        tokens.truncate(QUERY_WORDS_MAX);
        let open = tokens
            .last()
            .is_some_and(|last| matches!(last.kind, Kind::Word(_)) && last.range.end == text.len());
        Self { text, tokens, open, ignored: ignored || !whole }
    }

    /// A token as it was typed.
    pub fn typed(&self, token: &Token) -> &'a str {
        self.text.get(token.range.clone()).unwrap_or("")
    }
}
