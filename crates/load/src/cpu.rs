//! The CPU time that a process has used, of all its threads: on a busy machine it is far steadier than any rate.

use std::fs;

/// The kernel's ticks a second, `USER_HZ`: the same on every machine.
const TICKS_A_SECOND: f64 = 100.0;

/// Of a process, in milliseconds.
pub fn used_ms(process: u32) -> Result<f64, String> {
    let path = format!("/proc/{process}/stat");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    ticks(&text)
        .map(|ticks| ticks as f64 * 1_000.0 / TICKS_A_SECOND)
        .ok_or_else(|| format!("{path}: {text:?}"))
}

/// In user mode and in the kernel. The name, in brackets, may hold brackets and spaces itself.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    Some(user + kernel)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let stat = "42 (work) er d (2) S 1 42 42 0 -1 4194304 100 0 0 0 123 45 6 7 20 0 9 0 100 0 0";
        assert_eq!(ticks(stat), Some(168));
        assert_eq!(ticks("42 (short) S 1 2"), None);
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn work_is_seen_and_rest_is_not() {
        let own = std::process::id();
        let before = used_ms(own).expect("this process");
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(10)
            || used_ms(own).expect("this process") < before + 50.0
        {
            black_box((0..10_000_u64).sum::<u64>());
            assert!(began.elapsed() < Duration::from_secs(60), "no CPU time is counted");
        }
        assert!(used_ms(u32::MAX).is_err(), "no such process");
    }
}
