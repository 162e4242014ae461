//! What the edge and other regions say to a cart's object, and hear back.

use cart_core::id::{CartId, Region};
use cart_core::replica::{Caller, Input, Reply};
use cart_core::time::Millis;
use serde::{Deserialize, Serialize};

use crate::platform::problem::Problem;

/// A call of a replica.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    pub cart_id: CartId,
    pub region: Region,
    pub caller: Caller,
    pub input: Input,
    /// The cart is known to be new: no other holder needs to be asked for it.
    pub fresh: bool,
    /// The other regions that have shown the cart to this session: what they have shown is to be here.
    pub shown_by: Vec<Region>,
    /// Moves the object's clock, in development.
    pub skew_ms: i64,
}

impl Call {
    /// A call of the service itself.
    pub fn of_service(cart_id: CartId, region: Region, input: Input, skew_ms: i64) -> Self {
        let (caller, shown_by) = (Caller::Service, Vec::new());
        Self { cart_id, region, caller, input, fresh: false, shown_by, skew_ms }
    }

    /// Whether only the object itself may say so: what it has heard, and what it is to send.
    pub fn is_to_itself(&self) -> bool {
        matches!(
            self.input,
            Input::Fresh
                | Input::Unstored
                | Input::Missed { .. }
                | Input::Pull { .. }
                | Input::Tick
                | Input::Told { .. }
        )
    }
}

/// A socket that is to be opened at a replica; once it is open, what is known of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Opening {
    /// A read, by the session whose socket it is.
    pub call: Call,
    /// When its token ends.
    pub until: Millis,
    /// It is the edge's: told that there is news, not which.
    pub nudged: bool,
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
    /// Where it was answered.
    pub region: Region,
    /// The sequence number of the state, known also where the call was refused.
    pub sequence: u64,
    pub rows: Rows,
    pub rows_since_wake: Rows,
    /// Whether an earlier try of the same call had no answer, and may have done it.
    #[serde(skip)]
    pub again: bool,
}
