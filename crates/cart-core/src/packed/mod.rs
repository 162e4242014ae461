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
