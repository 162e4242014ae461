//! Which idempotency keys were used with which body. That a change was applied is in the context (its dot
//! is seen); the ledger only tells whether a key comes again with another body, and whether its 24 hours
//! are over. In pages, so that an edit writes a bounded number of bytes and no row of its own. An entry
//! outlives its key, until no retry looks for its actor: so "expired" is told from "applied elsewhere".

use crate::id::Actor;
use crate::reject::Reject;
use crate::time::{Day, Millis};

/// What a key was used with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The key's actor, whatever the body.
    pub key: Actor,
    /// The first 8 bytes of the digest of the body.
    pub body: [u8; 8],
    /// When it was applied.
    pub at: Millis,
}

/// A page of the ledger.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
}

impl Ledger {
    /// How long a key may be used again unless configured, in milliseconds.
    pub const KEY_MS: u64 = 24 * 3_600 * Millis::SECOND;
    /// How many entries a page has before it is put aside.
    pub const PAGE_ENTRIES_MAX: usize = 64;
    const ENTRY_BYTES: usize = 24;
    /// The form of its bytes. Pages of this one do not say it: see [`Ledger::from_bytes`].
    const FORM: u8 = 1;

    /// What a key was used with, by its actors of today and the days before.
    pub fn find(&self, keys: &[Actor]) -> Option<&Entry> {
        self.entries.iter().find(|entry| keys.contains(&entry.key))
    }

    /// Notes a key. Returns the full page if it has to be put aside first.
    pub fn note(&mut self, entry: Entry) -> Option<Ledger> {
        let full = (self.entries.len() >= Self::PAGE_ENTRIES_MAX).then(|| std::mem::take(self));
        self.entries.push(entry);
        full
    }

    /// Forgets the entries of actors minted before `day`: no retry looks for them any more.
    pub fn forget(&mut self, day: Day) {
        self.entries.retain(|entry| entry.key.day() >= day);
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes at rest: 24 an entry.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.entries.len() * Self::ENTRY_BYTES);
        for entry in &self.entries {
            out.extend(entry.key.0.to_be_bytes());
            out.extend(entry.body);
            out.extend(entry.at.0.to_be_bytes());
        }
        out
    }

    /// Reads [`Ledger::to_bytes`]. A page of another form has one byte more than a number of entries has: its first
    /// is the form.
    ///
    /// # Errors
    /// [`Reject::FrameTooNew`] for a page that a later build has written, [`Reject::Malformed`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Reject> {
        let (entries, rest) = bytes.as_chunks::<{ Self::ENTRY_BYTES }>();
        match rest {
            [] => {}
            [_] if bytes.first().is_some_and(|form| *form > Self::FORM) => {
                return Err(Reject::FrameTooNew { reads: Self::FORM });
            }
            _ => return Err(Reject::Malformed("the ledger is damaged")),
        }
        let entry = |chunk: &[u8; Self::ENTRY_BYTES]| {
            let (words, _) = chunk.as_chunks::<8>();
            let [key, body, at] = words else { return Err(Reject::Malformed("the ledger is damaged")) };
            Ok(Entry {
                key: Actor(u64::from_be_bytes(*key)),
                body: *body,
                at: Millis(u64::from_be_bytes(*at)),
            })
        };
        Ok(Self { entries: entries.iter().map(entry).collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_put_aside_whole_and_read_back() {
        let actor = |n: u64| Actor::mint(Day(n as u16), n);
        let entry = |n: u64| Entry { key: actor(n), body: n.to_be_bytes(), at: Millis(n) };
        let mut ledger = Ledger::default();
        for n in 0..64 {
            assert_eq!(ledger.note(entry(n)), None);
        }
        let page = ledger.note(entry(64)).expect("the 65th finds the page full");
        assert_eq!(Ledger::from_bytes(&page.to_bytes()).as_ref(), Ok(&page));
        assert_eq!(page.find(&[actor(63)]), Some(&entry(63)));
        assert_eq!(ledger.find(&[actor(0), actor(64)]), Some(&entry(64)));
        // Those of a build to come say that they are.
        assert!(matches!(Ledger::from_bytes(&[2; 25]), Err(Reject::FrameTooNew { .. })));
        for damaged in [&[0; 25][..], &[2; 26], &[2; 23]] {
            assert!(matches!(Ledger::from_bytes(damaged), Err(Reject::Malformed(_))));
        }
        ledger.forget(Day(64));
        assert!(!ledger.is_empty());
        ledger.forget(Day(65));
        assert!(ledger.is_empty());
    }
}
