//! What a cart costs: list prices, rates of exchange, promotions, shipping, tax, gift cards, to the last unit of the
//! currency. One pure function, [`quote::price`], for the view, the quote and a page's estimate: time is an argument, there
//! is no I/O, no randomness and no float, and the same input gives the same bytes on every machine and in Wasm.
//!
//! The rules are numbered PR1 to PR16, as `docs/prices.md` says them; tests are named after them.

pub mod campaign;
pub mod currency;
pub mod decimal;
pub mod gift_card;
pub mod list;
pub mod money;
pub mod order;
pub mod promotion;
pub mod quantity;
pub mod quote;
pub mod rates;
pub mod refusal;
pub mod share;
pub mod shipping;
pub mod tax;
pub mod time;
pub mod zone;
