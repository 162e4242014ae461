//! The bytes of what goes between objects and regions, and of what lies in their rows, where it is not a
//! cart: a format byte, then the fields in their order (those of postcard 1). Not self-describing, therefore small.
//! Builds follow one another: one reads all formats from [`OLDEST`] on, and writes an older one than its own until
//! it is told that all builds read its own. How a type is changed is in `docs/formats.md`.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::reject::Reject;

mod changes;
mod more;
mod reader;
mod writer;

pub use more::More;

/// The format of this build, the latest that it reads.
pub const FORMAT: u8 = 4;

/// The earliest that it reads.
pub const OLDEST: u8 = 3;

/// Room for most frames and books, in bytes.
const USUAL_BYTES: usize = 512;

/// A format that this build writes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Format(u8);

impl Format {
    /// The earliest that is written: what the build before reads.
    pub const EARLIEST: Self = Self(4);
    /// The latest.
    pub const LATEST: Self = Self(FORMAT);
    /// In which ties are compared and lie in stores, whatever builds come: they grow by [`More`] alone.
    pub const OF_TIES: Self = Self(4);

    /// A format by its number, if this build writes it.
    pub fn of(number: u8) -> Option<Self> {
        let format = Self(number);
        (Self::EARLIEST..=Self::LATEST).contains(&format).then_some(format)
    }

    /// In which to answer to something packed: its own, as near as this build writes.
    pub fn answering(bytes: &[u8]) -> Self {
        let format = bytes.first().map_or(Self::EARLIEST, |format| Self(*format));
        format.clamp(Self::EARLIEST, Self::LATEST)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A build that was told nothing writes what the build before it reads.
impl Default for Format {
    fn default() -> Self {
        Self::EARLIEST
    }
}

/// The bytes of a value in the earliest format that is written: any build beside this one reads them.
pub fn pack<T: Serialize>(value: &T) -> Vec<u8> {
    pack_as(Format::EARLIEST, value)
}

/// The bytes of a value in a format.
pub fn pack_as<T: Serialize>(format: Format, value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    bytes.push(format.0);
    writer::write(format.0, value, bytes)
}

/// Reads the bytes of any format that this build reads.
///
/// # Errors
/// [`Reject::FrameTooNew`] for those of a later format, [`Reject::FrameTooOld`] for those of an earlier one,
/// [`Reject::Malformed`] for anything else.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Reject> {
    match bytes.split_first() {
        Some((format @ OLDEST..=FORMAT, rest)) => match reader::read(*format, rest) {
            Some((value, [])) => Ok(value),
            Some(_) => Err(Reject::Malformed("bytes follow its end")),
            None => Err(Reject::Malformed("it is cut off or not of its form")),
        },
        Some((format, _)) if *format > FORMAT => Err(Reject::FrameTooNew { reads: FORMAT }),
        Some(_) => Err(Reject::FrameTooOld { reads: OLDEST }),
        None => Err(Reject::Malformed("it has no format")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, Holder, Receipt};
    use crate::id::{CartId, Region};
    use crate::replica::{Caller, Effect, Input, Replica, ReplyKind};
    use crate::time::Millis;
    use serde::Deserialize;

    /// In tests, `changes.rs` has lines for both.
    #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
    struct Changing {
        stays: u8,
        #[serde(default)]
        retired: u8,
        #[serde(default)]
        came: u8,
        kind: Kind,
    }

    #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
    enum Kind {
        ChangingKind {
            #[serde(default)]
            retired: u8,
            stays: u8,
        },
    }

    #[test]
    fn a_retired_field_is_neither_written_nor_looked_for_from_its_last_format_on() {
        let kind = |retired| Kind::ChangingKind { retired, stays: 5 };
        let value = Changing { stays: 1, retired: 2, came: 3, kind: kind(4) };
        let (now, before) = ([FORMAT, 1, 3, 0, 5], [FORMAT - 1, 1, 2, 0, 4, 5]);
        assert_eq!(pack_as(Format::LATEST, &value), now);
        assert_eq!(writer::write(FORMAT - 1, &value, vec![FORMAT - 1]), before);
        assert_eq!(unpack(&now), Ok(Changing { retired: 0, kind: kind(0), ..value.clone() }));
        assert_eq!(unpack(&before), Ok(Changing { came: 0, ..value }));
    }

    /// Also what is packed within it.
    #[test]
    fn a_replica_told_the_later_format_answers_in_that_of_the_question() {
        let (cart, now) = (CartId::mint(Region::Weur, [1; 15]), Millis(1_795_316_400_000));
        let mut home = Replica::new(cart.clone(), Region::Weur, 1, now).writing(Format(FORMAT + 1));
        home.step(&Caller::Service, Input::Fresh, now);
        let asks = Input::Pull { from: Holder::Replica(Region::Weur) };
        let mut asked = Replica::new(cart, Region::Enam, 2, now.plus(1)).step(&Caller::Service, asks, now);
        let Effect::Send { frame: bytes, .. } = asked.remove(0) else { panic!("{asked:?}") };
        let answer = home.step(&Caller::Service, Input::Frame { bytes }, now).pop();
        let Some(Effect::Reply(Ok(reply))) = answer else { panic!("{answer:?}") };
        let ReplyKind::Taken { receipt, frame: Some(frame) } = reply.kind else { panic!("{reply:?}") };
        assert!(Receipt::from_bytes(&receipt).is_ok() && Frame::from_bytes(&frame).is_ok());
        assert_eq!((receipt[0], frame[0]), (FORMAT, FORMAT));
    }
}
