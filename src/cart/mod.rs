//! Carts: what is asked of them, how they are called, the objects that hold them.

#[cfg(not(feature = "stores"))]
mod alarm;
pub mod asked;
pub mod call;
mod carts;
mod devices;
mod edits;
mod events;
#[cfg(not(feature = "stores"))]
mod holders;
mod merge;
#[cfg(not(feature = "stores"))]
pub mod object;
pub mod rows;
#[cfg(not(feature = "stores"))]
mod sockets;
#[cfg(not(feature = "stores"))]
mod woken;
