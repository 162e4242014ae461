//! The door of the edge: which route, who comes, what every answer carries.

pub mod headers;
pub mod route;
pub mod visitor;
