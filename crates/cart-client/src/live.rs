//! The messages of `live` and those that tabs of one browser tell each other: `docs/protocol.md`. Their first
//! byte is the kind. A kind that is not known is a later version's, and skipped.

use cart_core::cart::{Cart, Delta};
use cart_core::id::Actor;
use cart_core::reject::Reject;
use cart_core::sync::SyncResponse;
use unsigned_varint::{decode, encode};

const SYNC: u8 = 1;
const NEWS: u8 = 3;

const HELLO: u8 = 1;
const STATE: u8 = 2;

/// What the service says on a socket.
#[derive(Clone, PartialEq, Debug)]
pub enum Told {
    /// A sync was answered.
    Answer {
        /// Which.
        seq: u64,
        /// How.
        response: SyncResponse,
    },
    /// The replica took something in, from whomever.
    News {
        /// What it had before, by its sequence number.
        base: u64,
        /// What it has now.
        sequence: u64,
        /// What it took in.
        delta: Delta,
    },
    /// A later version's; and a refusal, whose JSON the page reads.
    Unknown,
}

impl Told {
    /// Reads a message.
    ///
    /// # Errors
    /// [`Reject::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Reject> {
        let (kind, rest) = bytes.split_first().ok_or(SHORT)?;
        if !matches!(*kind, SYNC | NEWS) {
            return Ok(Self::Unknown);
        }
        let (seq, rest) = number(rest)?;
        Ok(match *kind {
            SYNC => Self::Answer { seq, response: SyncResponse::from_bytes(rest)? },
            _ => {
                let (sequence, delta) = number(rest)?;
                Self::News { base: seq, sequence, delta: Cart::from_bytes(delta)? }
            }
        })
    }
}

/// A sync as a message of a socket: `1 | seq | request`.
pub fn sync(seq: u64, request: &[u8]) -> Vec<u8> {
    let mut out = vec![SYNC];
    out.extend_from_slice(encode::u64(seq, &mut encode::u64_buffer()));
    out.extend_from_slice(request);
    out
}

/// What a tab tells the others of its browser.
#[derive(Clone, PartialEq, Debug)]
pub enum Gossip {
    /// It is new here: tell it.
    Hello,
    /// `actor (8) | length of the pending delta | pending delta | settled`.
    State {
        /// Who tells.
        from: Actor,
        /// What is not acknowledged to it.
        pending: Box<Delta>,
        /// What it knows of the service's; empty where that has been told.
        settled: Box<Cart>,
    },
    /// A later version's.
    Unknown,
}

impl Gossip {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Hello | Self::Unknown => vec![HELLO],
            Self::State { from, pending, settled } => {
                let pending = pending.to_bytes();
                let mut out = vec![STATE];
                out.extend(from.0.to_be_bytes());
                out.extend_from_slice(encode::usize(pending.len(), &mut encode::usize_buffer()));
                out.extend(pending);
                out.extend(settled.to_bytes());
                out
            }
        }
    }

    /// Reads [`Gossip::to_bytes`].
    ///
    /// # Errors
    /// [`Reject::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Reject> {
        let (kind, rest) = bytes.split_first().ok_or(SHORT)?;
        match *kind {
            HELLO => Ok(Self::Hello),
            STATE => {
                let (from, rest) = rest.split_first_chunk().ok_or(SHORT)?;
                let (count, rest) = decode::usize(rest).map_err(|_| SHORT)?;
                let (pending, settled) = rest.split_at_checked(count).ok_or(SHORT)?;
                Ok(Self::State {
                    from: Actor(u64::from_be_bytes(*from)),
                    pending: Box::new(Cart::from_bytes(pending)?),
                    settled: Box::new(Cart::from_bytes(settled)?),
                })
            }
            _ => Ok(Self::Unknown),
        }
    }
}

const SHORT: Reject = Reject::Malformed("a message ends too early");

fn number(bytes: &[u8]) -> Result<(u64, &[u8]), Reject> {
    decode::u64(bytes).map_err(|_| SHORT)
}
