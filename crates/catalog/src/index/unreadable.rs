//! Which format of an index is read; why one was not, or could not be made.

use thiserror::Error;

/// The format that this build writes and reads.
pub const FORMAT: u16 = 1;

/// An index that cannot be read. The one before goes on serving.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// Bytes of something else.
    #[error("this is no search index; fetch it again, by its digest")]
    Foreign,
    /// Written by a later build.
    #[error("the index is of format {0}, and the build here reads {reads}; deploy the later one", reads = FORMAT)]
    Newer(u16),
    /// Written by an earlier build.
    #[error("the index is of format {0}, and the build here reads {reads}; import the catalog again", reads = FORMAT)]
    Older(u16),
    /// Cut off or changed.
    #[error("the index is damaged in {0}; fetch it again, by its digest")]
    Damaged(&'static str),
}

impl Unreadable {
    /// The stable word for programs and logs. It never changes once published.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Foreign => "index_foreign",
            Self::Newer(_) => "index_newer",
            Self::Older(_) => "index_older",
            Self::Damaged(_) => "index_damaged",
        }
    }
}

/// Products of which no index can be made. The one before goes on serving.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unbuildable {
    /// Two products with one key.
    #[error("two products have the SKU {0:?}; remove one of them")]
    DuplicateSku(String),
    /// More than an isolate may load.
    #[error("the index would have more than {max} bytes; split the catalog, or shorten its descriptions", max = crate::limits::INDEX_BYTES_MAX)]
    TooLarge,
}

impl Unbuildable {
    /// The stable word for programs. It never changes once published.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DuplicateSku(_) => "sku_twice",
            Self::TooLarge => "index_too_large",
        }
    }
}
