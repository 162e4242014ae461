//! The simulated world of the cart: from one seed a random trace of replicas, devices, clocks and a bad
//! network, judged after every step by laws, post-conditions and an independent oracle. The same seed
//! gives the same trace on every machine, natively and in Wasm. A failure is a value that says how to
//! replay it. It tests the core alone; the Worker around it is tested elsewhere.
//!
//! Read [`trace`] for what happens, [`postcondition`], [`laws`], [`witness`] and [`oracle`] for what is
//! checked, and [`coverage`] for what must have been met.

pub mod catalog;
pub mod coverage;
pub mod dice;
pub mod edit;
pub mod hash;
pub mod laws;
pub mod network;
pub mod oracle;
pub mod postcondition;
pub mod regional;
#[cfg(not(target_arch = "wasm32"))]
pub mod runner;
pub mod site;
pub mod situation;
pub mod trace;
pub mod violation;
pub mod witness;
pub mod world;
