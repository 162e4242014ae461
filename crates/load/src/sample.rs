//! Medians and percentiles of what was measured.

/// The value that so many percent of the values do not exceed, by nearest rank; not a number if there are none.
pub fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

/// The middle value, or the mean of the two; those that are none do not count.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let sorted = sorted(values.into_iter().filter(|value| !value.is_nan()));
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}

/// The values in order.
pub fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        for (percent, value) in [(50.0, 50.0), (99.0, 99.0), (99.5, 100.0), (100.0, 100.0), (0.0, 1.0)] {
            assert_eq!(percentile(&hundred, percent), value, "{percent}");
        }
        assert_eq!(percentile(&[7.0], 99.0), 7.0);
        assert_eq!(percentile(&[1.0, 2.0, 3.0], 50.0), 2.0);
        assert!(percentile(&[], 50.0).is_nan());
    }

    #[test]
    fn one_bad_round_does_not_move_the_median() {
        assert_eq!(median([3.0, 1.0, 900.0, 2.0, 2.5]), 2.5);
        assert_eq!(median([4.0, 2.0]), 3.0);
        assert_eq!(median([f64::NAN, 5.0]), 5.0);
        assert!(median([]).is_nan());
    }
}
