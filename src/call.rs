//! What the edge says to a cart's object and hears back: a call as JSON, an answer as a head in JSON and
//! the cart's bytes behind it.

use cart_core::id::{CartId, Region};
use cart_core::replica::{Caller, Input, Reply};
use serde::{Deserialize, Serialize};

use crate::error::Problem;

/// A call of a replica.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    pub cart_id: CartId,
    pub region: Region,
    pub caller: Caller,
    pub input: Input,
    /// Moves the object's clock, in development.
    #[serde(default)]
    pub skew_ms: i64,
}

/// Rows read and written by an object: of this call, and since it woke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    pub read: usize,
    /// An alarm that is set counts as a row.
    pub written: usize,
}

impl Rows {
    pub fn plus(self, more: Self) -> Self {
        Self { read: self.read + more.read, written: self.written + more.written }
    }
}

/// The head of an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    pub reply: Result<Reply, Problem>,
    /// The sequence number of the state, known also where the call was refused.
    pub sequence: u64,
    pub rows: Rows,
    pub rows_since_wake: Rows,
}

impl Head {
    /// `length of the head (4) | head | the cart's bytes`.
    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let head = serde_json::to_vec(self)?;
        let cart = self.reply.as_ref().map_or(&[][..], |reply| &reply.cart);
        let mut out = Vec::with_capacity(4 + head.len() + cart.len());
        out.extend((head.len() as u32).to_be_bytes());
        out.extend(head);
        out.extend_from_slice(cart);
        Ok(out)
    }

    /// Reads [`Head::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk()?;
        let (head, cart) = rest.split_at_checked(u32::from_be_bytes(*count) as usize)?;
        let mut head: Self = serde_json::from_str(str::from_utf8(head).ok()?).ok()?;
        if let Ok(reply) = &mut head.reply {
            reply.cart = cart.to_vec();
        }
        Some(head)
    }
}
