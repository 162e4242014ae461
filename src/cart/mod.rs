//! Carts: what is asked of them, how they are called, the objects that hold them, and how they are shown. What a cart
//! means is the core's.

#[cfg(not(feature = "stores"))]
mod alarm;
pub mod api;
mod asked;
pub mod call;
mod carts;
mod devices;
mod edits;
mod events;
#[cfg(not(feature = "stores"))]
mod holders;
pub mod incoming;
#[cfg(not(feature = "stores"))]
mod live;
mod merge;
mod named;
#[cfg(not(feature = "stores"))]
pub mod object;
#[cfg(not(feature = "stores"))]
mod rows;
mod shown;
#[cfg(not(feature = "stores"))]
mod sockets;
#[cfg(not(feature = "stores"))]
mod woken;
