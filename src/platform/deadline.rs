//! How long is waited, and the one way to wait no longer.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use worker::Delay;

pub use cart_core::replica::telling::CALL_MS;

/// What a future gives, if it does in time.
pub async fn within<T>(deadline_ms: u64, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), pin!(Delay::from(Duration::from_millis(deadline_ms)))).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}
