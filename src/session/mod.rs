//! Sessions: opened, renewed and ended.

pub mod api;
