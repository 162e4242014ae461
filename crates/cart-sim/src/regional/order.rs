//! An order of a world: what was sold, and the fence under which.

use cart_core::id::{Dot, OrderId};

/// An order.
#[derive(Clone)]
pub struct Order {
    /// Which.
    pub id: OrderId,
    /// What it has sold.
    pub sold: Vec<Dot>,
    /// The canonical bytes of the fence and of what goes with it.
    pub delta: Vec<u8>,
}
