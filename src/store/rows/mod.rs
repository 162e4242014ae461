//! The tables of a store in D1: statements and rows, one type a file.

pub mod carts;
pub mod fields;
pub mod letters;
pub mod passes;
pub mod walks;
