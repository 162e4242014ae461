//! The brain of Evercart: what a cart means when many devices edit it at once. Pure: time, ids and
//! randomness are arguments, there is no I/O, and the same input gives the same bytes on every machine.
//!
//! Read [`change::Change`], [`command::Command`], [`replica::Input`], [`replica::Effect`] and
//! [`reject::Reject`] to see all that can happen.

pub mod breaker;
pub mod cart;
pub mod change;
pub mod command;
pub mod context;
pub mod customization;
pub mod frame;
pub mod id;
pub mod idem;
pub mod ingress;
pub mod limits;
pub mod line;
pub mod meta;
pub mod money;
pub mod ordered;
pub mod packed;
pub mod regions;
pub mod reject;
pub mod replica;
pub mod session;
pub mod store;
pub mod sweep;
pub mod sync;
pub mod ties;
pub mod time;
pub mod transplant;
pub mod view;
pub mod wire;
