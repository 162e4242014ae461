//! What the whole-system tests stand on: the real runtime as a process with its own state, and a client
//! that speaks the HTTP contract. And a proxy that
//! injects faults between two regions.

#![allow(missing_docs)]

mod client;
mod faults;
mod proxy;
mod runtime;

pub use client::{Answer, Session, Shop};
pub use faults::{Counts, Faults};
pub use proxy::Link;
pub use runtime::{Options, Runtime, root};
