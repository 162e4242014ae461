//! The simulated world of the cart: from one seed a random trace of replicas, devices, clocks and a bad
//! network, judged after every step by laws, post-conditions and an independent oracle. The same seed
//! gives the same trace on every machine, natively and in Wasm. A failure is a value that says how to
//! replay it. It tests the core alone; the Worker around it is tested elsewhere.
//!
//! There are two rooms: [`trace`] has the traces of one cart's state and devices, [`regional`] the worlds of objects,
//! stores and queues in many regions. What both use stands beside them.

pub mod catalog;
pub mod dice;
pub mod hash;
pub mod regional;
pub mod trace;
pub mod violation;
