//! The dice of a trace: PCG-XSH-RR 64/32 seeded by the trace's number. Its output is fixed by its
//! authors and equal on every machine; only integers are drawn, so nothing depends on rounding.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng as _, SeedableRng as _};

/// A source of chance.
#[derive(Clone, Debug)]
pub struct Dice(Pcg32);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Pcg32::seed_from_u64(seed))
    }

    /// A number from 0 to `count - 1`. (The bias of the multiplication is below one in a million.)
    pub fn below(&mut self, count: usize) -> usize {
        ((u64::from(self.0.next_u32()) * count as u64) >> 32) as usize
    }

    /// True in `percent` of a hundred throws.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent as usize
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// One of several, each as often as its weight says.
    pub fn weighted<T: Copy>(&mut self, of: &[(T, u32)]) -> T {
        let total: u32 = of.iter().map(|(_, weight)| weight).sum();
        let mut at = self.below(total as usize) as u32;
        for (choice, weight) in of {
            if at < *weight {
                return *choice;
            }
            at -= weight;
        }
        of[of.len() - 1].0
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }
}
