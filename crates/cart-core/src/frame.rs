//! What the holders of a cart say to each other: a frame with what the other lacks, and a receipt for it.
//! Only a receipt moves what its receiver takes for acknowledged. Both are versioned by their first byte
//! and bounded in bytes; who may send them at all is decided by the transport, which authenticates.
//! Anti-entropy with acknowledged deltas and full states where those are gone: algorithm 2 of Almeida,
//! Shoker and Baquero, Delta State Replicated Data Types (arXiv 1603.01529, section 6.1).

use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::cart::Cart;
use crate::id::Region;
use crate::packed::{Format, pack_as, unpack};
use crate::reject::Reject;
use crate::ties::Ties;
use crate::time::Millis;
use crate::wire::Version;

/// The largest frame, in bytes: some states at their bound, joined.
pub const FRAME_BYTES_MAX: usize = 1_792 * 1_024;

/// Who holds a cart: a replica in a region, or the durable store of a region.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Holder {
    /// The replica in a region.
    Replica(Region),
    /// The store of a region.
    Store(Region),
}

impl Holder {
    /// Its region.
    pub fn region(self) -> Region {
        match self {
            Self::Replica(region) | Self::Store(region) => region,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replica(region) => write!(f, "replica {region}"),
            Self::Store(region) => write!(f, "store {region}"),
        }
    }
}

impl From<Holder> for String {
    fn from(holder: Holder) -> Self {
        holder.to_string()
    }
}

impl TryFrom<String> for Holder {
    type Error = Reject;
    fn try_from(text: String) -> Result<Self, Reject> {
        let (kind, region) = text.split_once(' ').ok_or(Reject::Malformed("no holder of a cart"))?;
        match (kind, Region::parse(region)) {
            ("replica", Some(region)) => Ok(Self::Replica(region)),
            ("store", Some(region)) => Ok(Self::Store(region)),
            _ => Err(Reject::Malformed("no holder of a cart")),
        }
    }
}

/// What a holder tells another of the cart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Frame {
    /// The sender.
    pub from: Holder,
    /// The sender's incarnation: new whenever it starts without its storage.
    pub incarnation: u64,
    /// The receiver's incarnation that has acknowledged `base`.
    pub to: u64,
    /// The sender's sequence number after which the changes in `state` begin; 0 says that it is whole.
    pub base: u64,
    /// The sender's sequence number after them.
    pub sequence: u64,
    /// The digest of all that the sender holds: see [`digest`].
    pub digest: [u8; 16],
    /// Whether the sender itself has heard of what was there before it.
    pub joined: bool,
    /// The sender wants what it lacks in the answer.
    pub pull: bool,
    /// [`Ties::edited`], which changes with every edit: alone it brings no ties along. None in format 3: 0.
    #[serde(default)]
    pub edited: Millis,
    /// The ties, where they changed after `base`.
    pub ties: Option<Ties>,
    /// The canonical bytes of the changes joined, or of the whole state.
    #[serde(with = "serde_bytes")]
    pub state: Vec<u8>,
}

/// The answer to a frame that was taken in and is durable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// Who took it in.
    pub from: Holder,
    /// Its incarnation.
    pub incarnation: u64,
    /// The incarnation of the frame's sender.
    pub echo: u64,
    /// The frame's sequence number, if all up to there is known; else 0.
    pub acknowledged: u64,
    /// The digest of all that the receiver holds now.
    pub digest: [u8; 16],
}

/// A digest of all that a holder has of a cart, for "are we equal?".
pub fn digest(cart: &Cart, ties: &Ties) -> [u8; 16] {
    digest_of_bytes(&cart.to_bytes(), ties)
}

/// The same by the cart's canonical bytes.
pub(crate) fn digest_of_bytes(cart: &[u8], ties: &Ties) -> [u8; 16] {
    Version::of_bytes(&[cart, &pack_as(Format::OF_TIES, ties)].concat()).0
}

impl Frame {
    /// `format | fields`, as any build beside this one reads it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_bytes_as(Format::EARLIEST)
    }

    /// The same in a format.
    pub fn to_bytes_as(&self, format: Format) -> Vec<u8> {
        pack_as(format, self)
    }

    /// Reads [`Frame::to_bytes`].
    ///
    /// # Errors
    /// [`Reject::Malformed`] for anything else, [`Reject::FrameTooLarge`], or [`Reject::FrameTooNew`] and
    /// [`Reject::FrameTooOld`] for one of a format that is not read.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Reject> {
        unpack_bounded(bytes)
    }
}

impl Receipt {
    /// `format | fields`, as any build beside this one reads it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_bytes_as(Format::EARLIEST)
    }

    /// The same in a format.
    pub fn to_bytes_as(&self, format: Format) -> Vec<u8> {
        pack_as(format, self)
    }

    /// Reads [`Receipt::to_bytes`].
    ///
    /// # Errors
    /// As [`Frame::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Reject> {
        unpack_bounded(bytes)
    }
}

fn unpack_bounded<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Reject> {
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(Reject::FrameTooLarge { max: FRAME_BYTES_MAX });
    }
    unpack(bytes)
}
