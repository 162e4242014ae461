//! The bytes of what goes between objects and regions, and of what lies in their rows, where it is not a
//! cart: a format byte, then the fields in their order (postcard). Not self-describing, therefore small;
//! every change of a type that is written so raises the format.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::reject::Reject;

/// The first byte.
pub const FORMAT: u8 = 3;

/// Room for most frames and books, in bytes.
const USUAL_BYTES: usize = 512;

/// The bytes of a value.
pub fn pack<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    bytes.push(FORMAT);
    postcard::to_extend(value, bytes).expect("numbers, texts, bytes and lists of them can be written")
}

/// Reads [`pack`]ed bytes.
///
/// # Errors
/// [`Reject::FrameTooNew`] for those of a later format, [`Reject::FrameTooOld`] for those of an earlier one,
/// [`Reject::Malformed`] for anything else.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Reject> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => match postcard::take_from_bytes(rest) {
            Ok((value, [])) => Ok(value),
            Ok(_) => Err(Reject::Malformed("bytes follow its end")),
            Err(_) => Err(Reject::Malformed("it is cut off or not of its form")),
        },
        Some((format, _)) if *format > FORMAT => Err(Reject::FrameTooNew { reads: FORMAT }),
        Some(_) => Err(Reject::FrameTooOld { reads: FORMAT }),
        None => Err(Reject::Malformed("it has no format")),
    }
}
