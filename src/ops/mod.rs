//! What the operator asks, sees and sets; what the service says of itself.

pub mod admin;
pub mod api;
pub mod carts;
pub mod edge;
pub mod faults;
pub mod letters;
pub mod regions;
pub mod stores;
