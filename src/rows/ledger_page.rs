//! Full pages of the ledger of idempotency keys: 64 entries a row, dropped when the last is 24 hours old.

use cart_core::idem::Ledger;
use cart_core::time::Millis;
use worker::{SqlStorage, SqlStorageValue};

use super::{is_unmade, run};
use crate::call::Rows;

/// All pages.
pub fn read_all(sql: &SqlStorage) -> worker::Result<(Vec<Ledger>, Rows)> {
    let cursor = match sql.exec("SELECT entries FROM ledger_page ORDER BY page DESC", None) {
        Ok(cursor) => cursor,
        Err(error) if is_unmade(&error) => return Ok((Vec::new(), Rows::default())),
        Err(error) => return Err(error),
    };
    let mut pages = Vec::new();
    for values in cursor.raw() {
        let page = match values?.into_iter().next() {
            Some(SqlStorageValue::Blob(entries)) => Ledger::from_bytes(&entries),
            _ => None,
        };
        pages.push(page.ok_or_else(|| worker::Error::RustError("a ledger page is damaged".into()))?);
    }
    Ok((pages, Rows { read: cursor.rows_read(), written: 0 }))
}

/// Puts a page aside.
pub fn write(sql: &SqlStorage, entries: &[u8], until: Millis) -> worker::Result<Rows> {
    let made = run(
        sql,
        "CREATE TABLE IF NOT EXISTS ledger_page (page INTEGER PRIMARY KEY, until INTEGER NOT NULL, entries BLOB NOT NULL)",
        Vec::new(),
    )?;
    let values = vec![SqlStorageValue::try_from_i64(until.0 as i64)?, entries.to_vec().into()];
    Ok(made.plus(run(sql, "INSERT INTO ledger_page (until, entries) VALUES (?, ?)", values)?))
}

/// Drops the pages that nothing needs any more.
pub fn drop_until(sql: &SqlStorage, until: Millis) -> worker::Result<Rows> {
    run(sql, "DELETE FROM ledger_page WHERE until <= ?", vec![SqlStorageValue::try_from_i64(until.0 as i64)?])
}
