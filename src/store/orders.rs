//! What the messages of a queue ask for beside letters: to begin walks, and to go a step on.

use cart_core::id::Region;
use serde::{Deserialize, Serialize};
use worker::{Env, RawMessage};

use crate::platform::problem::Problem;
use crate::store::messages;
use crate::store::region::Place;

/// Which walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Walk {
    /// Idle carts give up the storage of their replicas.
    Sweep,
    /// Carts whose session ended long ago go.
    Ends,
    /// Dead letters go at their end.
    Letters,
    /// Rows are given to the stores that are to hold them.
    Backfill,
}

/// What a message of the queue asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// To begin the walks that are due in a region's databases, from one of them on.
    Begin { store: Region, from: usize },
    /// To go a step on.
    Step { store: Region, database: String, walk: Walk },
}

/// What a step has done.
pub struct Stepped {
    pub passed: usize,
    pub done: usize,
    /// After which place there may be more.
    pub next: Option<Place>,
}

/// Puts an order into the queue of its store.
pub async fn send(env: &Env, order: &Order) -> Result<(), Problem> {
    let (Order::Begin { store, .. } | Order::Step { store, .. }) = order;
    let text = serde_json::to_string(order).map_err(|error| Problem::store(&error.into()))?;
    messages::send_text(env, *store, &text).await
}

/// What a text asks for; `None` where the message is no text.
pub fn order_of(message: &RawMessage) -> Option<Option<Order>> {
    message.body().as_string().map(|text| serde_json::from_str(&text).ok())
}
