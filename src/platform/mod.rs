//! What the runtime gives, made fit for use: settings, the clock, the log, bodies, answers, refusals, statements, and
//! what is written before what. Nothing here knows a route, a neighbour or what a shop is; nothing of ours is used.

pub mod answer;
pub mod body;
pub mod clock;
#[cfg(not(feature = "stores"))]
pub mod commit;
pub mod config;
pub mod deadline;
pub mod json;
pub mod log;
pub mod problem;
pub mod request;
pub mod sql;
