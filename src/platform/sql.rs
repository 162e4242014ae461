//! Statements of an object's own SQLite, and what they cost.

use serde::{Deserialize, Serialize};
use worker::{SqlStorage, SqlStorageValue};

/// Rows read and written by an object: of this call, and since it woke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    pub read: usize,
    /// An alarm that is set counts as a row.
    pub written: usize,
}

impl Rows {
    pub fn plus(self, more: Self) -> Self {
        Self { read: self.read + more.read, written: self.written + more.written }
    }
}

/// A statement that returns no rows, with its values.
pub struct Statement {
    pub sql: &'static str,
    pub values: Vec<SqlStorageValue>,
}

impl Statement {
    /// Runs it and counts what it writes.
    pub fn run(self, sql: &SqlStorage) -> worker::Result<Rows> {
        let cursor = sql.exec(self.sql, self.values)?;
        Ok(Rows { read: cursor.rows_read(), written: cursor.rows_written() })
    }
}

/// Whether a statement failed because nothing was ever written.
pub fn is_unmade(error: &worker::Error) -> bool {
    error.to_string().contains("no such table")
}
