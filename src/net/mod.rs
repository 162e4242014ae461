//! Calls between objects, processes and regions: with deadlines, breakers and a retry budget.

pub mod faults;
pub mod peers;
