//! That the alarm has failed: how often in a row, and for when it was then set again. A further row of the
//! replica's table, written only when an alarm fails.

use cart_core::time::Millis;
use worker::{SqlStorage, SqlStorageValue};

use crate::platform::sql::{Rows, Statement};

/// A failure of the alarm.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// How many there were before it in a row.
    pub before: u8,
    /// For when the alarm was set again.
    pub again: Millis,
}

/// The last one, if there was one.
pub fn read(sql: &SqlStorage) -> worker::Result<Option<Failure>> {
    let cursor = sql.exec("SELECT ledger, until FROM replica WHERE id = 0", None)?;
    let mut failure = None;
    for values in cursor.raw() {
        if let Ok([SqlStorageValue::Blob(before), SqlStorageValue::Integer(until)]) =
            <[SqlStorageValue; 2]>::try_from(values?)
        {
            let before = before.first().copied().unwrap_or_default();
            failure = Some(Failure { before, again: Millis(until as u64) });
        }
    }
    Ok(failure)
}

/// Notes one.
pub fn write(sql: &SqlStorage, failure: Failure) -> worker::Result<Rows> {
    let values = vec![vec![failure.before].into(), SqlStorageValue::try_from_i64(failure.again.0 as i64)?];
    let insert = "INSERT OR REPLACE INTO replica (id, ledger, until) VALUES (0, ?, ?)";
    Statement { sql: insert, values }.run(sql)
}
