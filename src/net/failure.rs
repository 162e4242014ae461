//! Why a call brought no answer.

use cart_core::id::Region;

use crate::platform::log;
use crate::platform::problem::{Problem, Said};

/// What stands between a question and its answer.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The regions are parted by a fault that was set: nobody was called.
    Cut { from: Region, to: Region },
    /// The region has failed lately, and was not called.
    Unasked(Region),
    /// It did not answer in time; whether it did it is not known.
    Hung(Region),
    /// It has no room, and did nothing.
    Full,
    /// One of the two builds does not read what the other says.
    OtherBuild,
    /// It failed; whether it did it is not known.
    Failed,
    /// A store failed.
    StoreFailed,
}

impl Failure {
    /// What an object, or the process that has it, could not do.
    #[cold]
    #[inline(never)]
    pub fn of_object(error: &worker::Error) -> Self {
        log::failed("call an object", error, "it may have done it; the same again, or elsewhere, is safe");
        match Said::of(&error.to_string()) {
            Said::Full => Self::Full,
            Said::OtherBuild => Self::OtherBuild,
            Said::Else => Self::Failed,
        }
    }

    /// What a store, or the process that has it, could not do.
    #[cold]
    #[inline(never)]
    pub fn of_store(error: &worker::Error) -> Self {
        log::failed("ask a store", error, "again later, or the other store");
        match Said::of(&error.to_string()) {
            Said::OtherBuild => Self::OtherBuild,
            Said::Full | Said::Else => Self::StoreFailed,
        }
    }

    /// Whether it was an answer all the same: its readers are to be served, or others that are of its build.
    pub fn answers(&self) -> bool {
        match self {
            Self::Full | Self::OtherBuild => true,
            Self::Cut { .. } | Self::Unasked(_) | Self::Hung(_) | Self::Failed | Self::StoreFailed => false,
        }
    }
}

impl From<Failure> for Problem {
    #[cold]
    #[inline(never)]
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Cut { from, to } => {
                let detail = format!(
                    "{from} and {to} are parted by a cut that was asked for; take it back by PUT \
                     /v1/admin/faults or in the lab"
                );
                Self::retry(503, "region_unreachable", detail)
            }
            Failure::Unasked(region) => Self::unreachable(region),
            Failure::Hung(_) | Failure::Failed => Self::unavailable(),
            Failure::Full => Self::full(),
            Failure::OtherBuild => Self::other_build(),
            Failure::StoreFailed => Self::store_unavailable("the region's store did not answer; try again"),
        }
    }
}
