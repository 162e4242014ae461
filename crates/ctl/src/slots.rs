//! Slots of a region's store, moved from one of its databases to another while they are served.

use std::str::FromStr;

use serde_json::json;

use crate::failure::{Failure, Kind};
use crate::output::{Output, Progress};
use crate::service::{Method, Service};

/// How many slots a store has; the service refuses others.
const SLOTS: u16 = 1_024;

/// A slot, or a range of them with both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    first: u16,
    last: u16,
}

impl FromStr for Slots {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|slot| digits && *slot < SLOTS)
        };
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            (Some(first), Some(last)) => Err(format!("it ends before it begins: use {last}-{first}")),
            _ => Err("use a number below 1,024, or a range such as 0-127".to_owned()),
        }
    }
}

/// Moves them one after another. What is there already is done at once, so that it can be run again.
pub fn move_all(
    service: &Service,
    region: &str,
    to: &str,
    ranges: &[Slots],
    output: &Output,
) -> Result<(), Failure> {
    let slots: Vec<u16> = ranges.iter().flat_map(|range| range.first..=range.last).collect();
    let progress = Progress::new("slots", Some(slots.len()));
    for slot in slots {
        let copied = move_one(service, region, to, slot)
            .map_err(|failure| Failure { message: format!("slot {slot}: {}", failure.message), ..failure })?;
        progress.done(1);
        let moved = json!({"slot": slot, "region": region, "database": to, "copied": copied});
        progress.above(|| output.thing(&moved, || format!("slot {slot} is in {to}")))?;
    }
    Ok(())
}

/// A page of rows at a time, until the service says that it is done. How many it has copied.
fn move_one(service: &Service, region: &str, to: &str, slot: u16) -> Result<u64, Failure> {
    let mut copied = 0;
    loop {
        let path = format!("/slots/{slot}/move");
        let moved = service.ask(Method::Post, &path, &[("region", region), ("to", to)])?;
        copied += moved["copied"].as_u64().unwrap_or(0);
        match moved["done"].as_bool() {
            Some(true) => return Ok(copied),
            Some(false) => {}
            None => {
                let failure =
                    Failure::new(Kind::Away, format!("{} does not say how far it is", service.url()));
                return Err(failure.next("is it the address of an Evercart? Name it with --url, or URL="));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_both_its_ends() {
        assert_eq!("0-63".parse(), Ok(Slots { first: 0, last: 63 }));
        assert_eq!("1023".parse(), Ok(Slots { first: 1_023, last: 1_023 }));
        for wrong in ["", "-", "-1", "1-", "1024", "0-1024", "63-0", "a", "+1", "1-2-3", "1 2"] {
            assert!(wrong.parse::<Slots>().is_err(), "{wrong:?}");
        }
    }
}
