//! The Durable Objects: load, step, commit, reply.

pub mod cart;
mod live;
