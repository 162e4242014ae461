//! The catalog: what is sold, and how it is found by what people type. Pure: there is no I/O, clock or randomness, and
//! the same products and the same query give the same bytes on every machine.
//!
//! [`product::Draft`] becomes a [`product::Product`] or a [`refusal::Refusal`]. Products become the bytes of an index
//! by [`index::build`], once, at import; [`index::Index::open`] reads them where they are. [`query::Search`] is what is
//! asked of it, in an isolate that has no other place to ask.

pub mod demo;
pub mod index;
pub mod limits;
pub mod product;
pub mod query;
pub mod refusal;
pub mod reject;
pub mod synonyms;
pub mod typo;
pub mod words;
