//! The catalog: what is sold, for how much, and how it is browsed.

pub mod api;
pub mod call;
mod d1;
