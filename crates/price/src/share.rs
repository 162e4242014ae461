//! PR4: an amount spread over shares, to the last unit. By largest remainder (Hamilton's method of apportionment),
//! capped by what is left of a share; what remains is spread again.

use crate::money::{minor, times};
use crate::order::order;
use crate::refusal::Refusal;

/// One to spread over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// By which it takes its part. Not below 0.
    pub weight: i64,
    /// The most it can take. Not below 0.
    pub cap: i64,
}

/// What of `amount` each takes: the whole amount, or all that the caps let through if that is less. Ties go to those who
/// come first: whoever calls has them in the order of their identity. Where no weight is left, all weigh the same.
///
/// # Errors
/// [`Refusal::PriceOverflow`].
pub fn spread(amount: i64, shares: &[Share]) -> Result<Vec<i64>, Refusal> {
    assert!(amount >= 0 && shares.iter().all(|share| share.weight >= 0 && share.cap >= 0), "PR5: below zero");
    let room = shares.iter().map(|share| i128::from(share.cap)).sum::<i128>();
    let whole = i128::from(amount).min(room);
    let mut rest = whole;
    let mut taken = vec![0_i128; shares.len()];
    // Each round fills a share, or is the last.
    while rest > 0 {
        let mut open: Vec<(usize, i128)> = (0..shares.len())
            .filter(|&at| taken[at] < i128::from(shares[at].cap))
            .map(|at| (at, i128::from(shares[at].weight)))
            .collect();
        if open.iter().all(|(_, weight)| *weight == 0) {
            open.iter_mut().for_each(|(_, weight)| *weight = 1);
        }
        open.retain(|(_, weight)| *weight > 0);
        let weights: i128 = open.iter().map(|(_, weight)| weight).sum();
        let mut parts = Vec::with_capacity(open.len());
        for (at, weight) in open {
            let product = times(rest, weight)?;
            parts.push((at, product / weights, product % weights));
        }
        let units = rest - parts.iter().map(|(_, part, _)| part).sum::<i128>();
        // Stable: ties stay in the order of identity.
        let by_remainder = order(parts.len(), &mut |a, b| parts[b].2.cmp(&parts[a].2));
        for &at in by_remainder.iter().take(usize::try_from(units).expect("fewer than there are shares")) {
            parts[at].1 += 1;
        }
        for (at, part, _) in parts {
            let part = part.min(i128::from(shares[at].cap) - taken[at]);
            taken[at] += part;
            rest -= part;
        }
    }
    assert_eq!(taken.iter().sum::<i128>(), whole, "PR4: the parts are the whole");
    taken.into_iter().map(minor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(amount: i64, shares: &[(i64, i64)], parts: &[i64]) {
        let shares: Vec<Share> = shares.iter().map(|&(weight, cap)| Share { weight, cap }).collect();
        assert_eq!(spread(amount, &shares).unwrap(), parts, "{amount} over {shares:?}");
    }

    #[test]
    fn pr4_the_parts_are_the_whole_by_largest_remainder_and_identity() {
        const OPEN: i64 = i64::MAX;
        check(100, &[(1, OPEN), (1, OPEN), (1, OPEN)], &[34, 33, 33]);
        check(101, &[(1, OPEN), (1, OPEN), (1, OPEN)], &[34, 34, 33]);
        // 10 × 1/6, 2/6, 3/6 are 1.67, 3.33, 5.
        check(10, &[(1, OPEN), (2, OPEN), (3, OPEN)], &[2, 3, 5]);
        check(0, &[(1, OPEN)], &[0]);
        check(7, &[], &[]);
    }

    #[test]
    fn pr4_a_full_share_takes_no_more_and_the_rest_is_spread_again() {
        check(10, &[(1, 1), (1, 100)], &[1, 9]);
        check(10, &[(1, 3), (1, 3), (1, 3)], &[3, 3, 3]);
        check(10, &[(5, 2), (0, 100), (5, 1)], &[2, 7, 1]);
        // First 4, 3, 3 are wanted and 1, 3, 3 taken; then the 3 that remain are 2 and 1.
        check(10, &[(1, 1), (1, 9), (1, 9)], &[1, 5, 4]);
    }

    #[test]
    fn pr4_holds_for_all_of_a_small_world() {
        let weights = [0, 1, 2, 5];
        let caps = [0, 1, 3, 50];
        let all: Vec<Share> = weights
            .into_iter()
            .flat_map(|weight| caps.into_iter().map(move |cap| Share { weight, cap }))
            .collect();
        for (a, b, c) in all.iter().flat_map(|a| {
            let all = &all;
            all.iter().flat_map(move |b| all.iter().map(move |c| (*a, *b, *c)))
        }) {
            for amount in 0..12 {
                let parts = spread(amount, &[a, b, c]).unwrap();
                assert_eq!(parts.iter().sum::<i64>(), amount.min(a.cap + b.cap + c.cap));
                assert!(parts.iter().zip([a, b, c]).all(|(part, share)| (0..=share.cap).contains(part)));
            }
        }
    }

    #[test]
    fn the_largest_amounts_are_spread() {
        let shares = [Share { weight: i64::MAX, cap: i64::MAX }; 2];
        assert_eq!(spread(i64::MAX, &shares).unwrap(), [i64::MAX / 2 + 1, i64::MAX / 2]);
    }
}
