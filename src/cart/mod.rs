//! Carts: what is asked of them, how they are called, the objects that hold them.

pub mod asked;
pub mod call;
mod carts;
mod devices;
mod edits;
mod events;
mod merge;
#[cfg(not(feature = "stores"))]
pub mod object;
pub mod rows;
#[cfg(not(feature = "stores"))]
mod sockets;
