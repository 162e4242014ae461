//! The durable stores of the regions: the way there, the rows, which database has which, what goes with time.

mod backfill;
pub mod call;
mod d1;
pub mod databases;
pub mod dead;
mod ends;
pub mod errands;
mod intake;
mod messages;
pub mod moves;
pub mod orders;
pub mod queue;
pub mod region;
pub mod rows;
pub mod slots;
mod sweep;
pub mod walk;
