//! What the whole-system tests stand on: the real runtime as a process with its own state, and a client
//! that speaks the HTTP contract.

#![allow(missing_docs)]

mod client;
mod runtime;

pub use client::{Answer, Session, Shop};
pub use runtime::{Options, Runtime, root};
