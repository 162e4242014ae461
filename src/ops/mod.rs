//! What the operator asks, sees and sets.

pub mod api;
