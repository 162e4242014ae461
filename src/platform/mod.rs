//! What the runtime gives, made fit: settings, the clock, the log, bodies, refusals, and what is written before what.
//! Nothing here knows a cart, a region's neighbours or a route.

pub mod body;
pub mod clock;
#[cfg(not(feature = "stores"))]
pub mod commit;
pub mod config;
pub mod log;
pub mod problem;
