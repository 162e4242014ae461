//! The replica's row: the cart's canonical bytes, the book, the ledger's open page. One an object, and the
//! first of its table; the ledger's full pages follow it.

use cart_core::replica::Row;
use worker::{SqlStorage, SqlStorageValue};

use crate::platform::sql::{Rows, Statement, is_unmade};

/// The row, if there is one.
pub fn read(sql: &SqlStorage) -> worker::Result<(Option<Row>, Rows)> {
    let cursor = match sql.exec("SELECT cart, book, ledger FROM replica WHERE id = 1", None) {
        Ok(cursor) => cursor,
        Err(error) if is_unmade(&error) => return Ok((None, Rows::default())),
        Err(error) => return Err(error),
    };
    let mut row = None;
    for values in cursor.raw() {
        row = match <[SqlStorageValue; 3]>::try_from(values?) {
            Ok([SqlStorageValue::Blob(cart), SqlStorageValue::Blob(book), SqlStorageValue::Blob(ledger)]) => {
                Some(Row { cart, book, ledger })
            }
            _ => return Err(worker::Error::RustError("the replica's row is damaged".into())),
        };
    }
    Ok((row, Rows { read: cursor.rows_read(), written: 0 }))
}

/// Writes the row; `first` makes the table.
pub fn write(row: &Row, first: bool) -> Vec<Statement> {
    let values = vec![row.cart.clone().into(), row.book.clone().into(), row.ledger.clone().into()];
    if !first {
        let sql = "UPDATE replica SET cart = ?, book = ?, ledger = ? WHERE id = 1";
        return vec![Statement { sql, values }];
    }
    let make = "CREATE TABLE replica (id INTEGER PRIMARY KEY, cart BLOB, book BLOB, ledger BLOB NOT NULL, until INTEGER)";
    let insert = "INSERT INTO replica (id, cart, book, ledger) VALUES (1, ?, ?, ?)";
    vec![Statement { sql: make, values: Vec::new() }, Statement { sql: insert, values }]
}
