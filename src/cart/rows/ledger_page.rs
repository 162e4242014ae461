//! Full pages of the ledger of idempotency keys: 64 entries a row, dropped when no retry looks for them any more.
//! They are further rows of the replica's table: the first of them needs no table, and so costs one row.

use cart_core::idem::Ledger;
use cart_core::time::Millis;
use worker::{SqlStorage, SqlStorageValue};

use crate::platform::sql::{Rows, Statement, is_unmade};

/// All pages, oldest first.
pub fn read_all(sql: &SqlStorage) -> worker::Result<(Vec<Ledger>, Rows)> {
    let cursor = match sql.exec("SELECT ledger FROM replica WHERE id > 1 ORDER BY id", None) {
        Ok(cursor) => cursor,
        Err(error) if is_unmade(&error) => return Ok((Vec::new(), Rows::default())),
        Err(error) => return Err(error),
    };
    let mut pages = Vec::new();
    for values in cursor.raw() {
        let page = match values?.into_iter().next() {
            Some(SqlStorageValue::Blob(entries)) => Ledger::from_bytes(&entries).ok(),
            _ => None,
        };
        pages.push(page.ok_or_else(|| worker::Error::RustError("a ledger page cannot be read".into()))?);
    }
    Ok((pages, Rows { read: cursor.rows_read(), written: 0 }))
}

/// Puts a page aside.
pub fn write(entries: &[u8], until: Millis) -> worker::Result<Statement> {
    let values = vec![entries.to_vec().into(), SqlStorageValue::try_from_i64(until.0 as i64)?];
    Ok(Statement { sql: "INSERT INTO replica (ledger, until) VALUES (?, ?)", values })
}

/// Drops the pages that nothing needs any more.
pub fn drop_until(until: Millis) -> worker::Result<Statement> {
    let values = vec![SqlStorageValue::try_from_i64(until.0 as i64)?];
    Ok(Statement { sql: "DELETE FROM replica WHERE id > 1 AND until <= ?", values })
}
