//! Sessions: opened, renewed and ended.

pub mod api;
pub mod call;
