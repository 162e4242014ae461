//! What goes wrong on a link between two regions, as tests set it, and how often it did, as they read it.
//!
//! A loss shows as a closed connection, so that a sender learns of it at once. `black_hole` is the silence
//! that only a deadline ends.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What goes wrong on a link. None by default. `lose_request` to `reorder` are percentages of requests.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Nothing passes: the connection is closed without an answer.
    pub cut: bool,
    /// Nothing passes, and the sender is told nothing. What is held is passed on once this ends, unless its
    /// sender has given up.
    pub black_hole: bool,
    /// Held for so many milliseconds, each way anew. It arrives even if its sender has given up.
    pub delay_ms: RangeInclusive<u64>,
    /// The request does not arrive.
    pub lose_request: u8,
    /// The request arrives, its answer does not.
    pub lose_answer: u8,
    /// The request arrives twice, one after the other; the second answer is the one that is passed back.
    pub repeat: u8,
    /// The request is held for `reorder_ms`, so that later ones overtake it.
    pub reorder: u8,
    pub reorder_ms: RangeInclusive<u64>,
    /// Bytes of bodies a second, each way.
    pub slow: Option<u64>,
    /// What arrives in place of a call.
    pub rewrite: Option<Rewrite>,
}

/// Changes the body of a call between regions, and gives the tag that is to go with it.
#[derive(Clone)]
pub struct Rewrite(pub Arc<RewriteBody>);

type RewriteBody = dyn Fn(&mut Vec<u8>) -> String + Send + Sync;

impl fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rewrite")
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            cut: false,
            black_hole: false,
            delay_ms: 0..=0,
            lose_request: 0,
            lose_answer: 0,
            repeat: 0,
            reorder: 0,
            reorder_ms: 20..=400,
            slow: None,
            rewrite: None,
        }
    }
}

/// How often what happened to frames, and the bytes of their bodies. What happens each way counts each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that came in.
    pub frames: u64,
    pub frame_bytes: u64,
    /// Requests handed over, each repetition too.
    pub delivered: u64,
    /// Answers that the receiver gave.
    pub answers: u64,
    pub answer_bytes: u64,
    /// Answers that were passed back.
    pub answered: u64,
    pub cut: u64,
    pub black_holed: u64,
    /// Of those, the ones whose sender did not wait for the end.
    pub given_up: u64,
    pub delayed: u64,
    pub requests_lost: u64,
    pub answers_lost: u64,
    pub repeated: u64,
    pub reordered: u64,
    pub slowed: u64,
    /// No fault of the link: the receiver could not be reached or broke off.
    pub unreached: u64,
}

impl Counts {
    pub fn plus(self, more: Self) -> Self {
        Self {
            frames: self.frames + more.frames,
            frame_bytes: self.frame_bytes + more.frame_bytes,
            delivered: self.delivered + more.delivered,
            answers: self.answers + more.answers,
            answer_bytes: self.answer_bytes + more.answer_bytes,
            answered: self.answered + more.answered,
            cut: self.cut + more.cut,
            black_holed: self.black_holed + more.black_holed,
            given_up: self.given_up + more.given_up,
            delayed: self.delayed + more.delayed,
            requests_lost: self.requests_lost + more.requests_lost,
            answers_lost: self.answers_lost + more.answers_lost,
            repeated: self.repeated + more.repeated,
            reordered: self.reordered + more.reordered,
            slowed: self.slowed + more.slowed,
            unreached: self.unreached + more.unreached,
        }
    }
}
