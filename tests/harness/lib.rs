//! What the whole-system tests stand on: the real runtime as a process with its own state, and a client
//! that speaks the HTTP contract. For several regions: one such process each, and between any two of them
//! a proxy that injects faults.

#![allow(missing_docs)]

mod client;
mod faults;
mod operator;
mod proxy;
mod regions;
mod runtime;

pub use client::{Answer, EVENTUALLY, Session, Shop, by_engraving, equal, quantity};
pub use faults::{Counts, Faults, Rewrite};
pub use operator::{ARRIVES_MAX, Operator, STORED_MAX, now, stored, stores_of};
pub use proxy::Link;
pub use regions::{Regions, RegionsOptions};
pub use runtime::{Options, Runtime, root, without_stores};
