//! The door of the edge: which endpoint, who comes and from where, what every answer carries. Whatever comes in
//! passes here first, whichever context answers it.

pub mod exchange;
pub mod headers;
pub mod place;
pub mod route;
pub mod visitor;
