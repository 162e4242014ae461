//! The browser's half: one replica instance of one cart, from the same core as the edge. Pure but for its
//! [`face`]: what happened goes in, what is to be done comes out, and time is an argument.
//!
//! Read [`session::Input`] and [`session::Effect`] to see all that can happen.

pub mod face;
pub mod live;
pub mod session;
pub mod verdict;
pub mod view;
