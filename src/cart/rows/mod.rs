//! The rows of a cart's object, one type a file. Nothing else writes SQL there.

pub mod alarm;
pub mod ledger_page;
pub mod replica;

use worker::{SqlStorage, SqlStorageValue};

use crate::cart::call::Rows;

/// Runs a statement that returns no rows and counts what it writes.
fn run(sql: &SqlStorage, statement: &str, values: Vec<SqlStorageValue>) -> worker::Result<Rows> {
    let cursor = sql.exec(statement, values)?;
    Ok(Rows { read: cursor.rows_read(), written: cursor.rows_written() })
}

/// Whether a statement failed because nothing was ever written.
fn is_unmade(error: &worker::Error) -> bool {
    error.to_string().contains("no such table")
}
