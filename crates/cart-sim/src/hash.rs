//! One number for many traces: equal on every machine, so that a difference between the native build and
//! Wasm, or between two versions, shows.

use sha2::{Digest as _, Sha256};

use crate::trace;
use crate::violation::Violation;

/// A hash of the final bytes of traces, in order.
#[derive(Clone, Debug, Default)]
pub struct TraceHash(Sha256);

impl TraceHash {
    /// The hash of the traces of seeds 0 to `seeds - 1`.
    ///
    /// # Errors
    /// The first violation.
    pub fn of_seeds(seeds: u64) -> Result<u64, Violation> {
        let mut hash = Self::default();
        for seed in 0..seeds {
            hash.add(&trace::run(seed)?.finals);
        }
        Ok(hash.finish())
    }

    /// Adds the final bytes of all replicas of a trace.
    pub fn add(&mut self, finals: &[Vec<u8>]) {
        for bytes in finals {
            self.0.update((bytes.len() as u64).to_be_bytes());
            self.0.update(bytes);
        }
    }

    /// The first 64 bits.
    pub fn finish(self) -> u64 {
        let digest: [u8; 32] = self.0.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}
