//! A tab of a shopper's browser: production's device, and what it has made and sent. It is never lost.

use cart_core::id::Dot;
use cart_core::sync::Device;

/// A tab.
pub struct Tab {
    /// Of which cart.
    pub cart: usize,
    /// Its replica.
    pub device: Device,
    /// What it has not heard of as being on a disk.
    pub changes: Vec<Changed>,
    /// Requests that it has sent, and what each removes: they may come again.
    pub sent: Vec<(Vec<u8>, Vec<Dot>)>,
}

/// A change made in a tab.
#[derive(Clone)]
pub struct Changed {
    /// Under which dot.
    pub dot: Dot,
    /// What it is called.
    pub key: String,
    /// How many it adds.
    pub quantity: u64,
    /// What it removes.
    pub removes: Vec<Dot>,
}
