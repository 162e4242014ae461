//! Calls between objects, processes and regions, with deadlines, breakers, a retry budget and tags. What is said is the
//! business of whom it concerns: here it is bytes.

pub mod breakers;
pub mod failure;
pub mod faults;
pub mod incoming;
pub mod objects;
pub mod peers;
pub mod stores;
