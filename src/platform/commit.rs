//! What is written before what: the rows of a turn in one transaction, the alarm in the same turn, then
//! the reply. What is written is decided elsewhere. A throw inside `transactionSync` rolls back; an `Err` after a write outside of it would not.

use cart_core::time::Millis;
use wasm_bindgen::prelude::*;
use worker::State;

use crate::platform::sql::{Rows, Statement};

#[wasm_bindgen]
extern "C" {
    type RawState;
    #[wasm_bindgen(method, getter)]
    fn storage(this: &RawState) -> RawStorage;

    type RawStorage;
    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &RawStorage,
        turn: &mut dyn FnMut() -> Result<JsValue, JsValue>,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = setAlarm)]
    fn set_alarm(this: &RawStorage, at_ms: f64) -> Result<js_sys::Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = deleteAll)]
    fn delete_all(this: &RawStorage) -> Result<js_sys::Promise, JsValue>;
}

/// What a turn writes, in its order.
#[derive(Default)]
pub struct Writes(pub Vec<Write>);

/// One thing that is written.
pub enum Write {
    /// Rows.
    Run(Statement),
    /// The alarm, on the platform's clock.
    Wake(Millis),
    /// All that the object has stored goes, its tables too.
    Forget,
}

/// Writes all or nothing. Nothing is awaited; the output gate holds the reply until it is on disk.
pub fn commit(state: &State, Writes(writes): Writes) -> worker::Result<Rows> {
    if writes.is_empty() {
        return Ok(Rows::default());
    }
    let storage = AsRef::<JsValue>::as_ref(state.as_raw()).unchecked_ref::<RawState>().storage();
    let sql = state.storage().sql();
    let (mut statements, mut after) = (Vec::new(), Vec::new());
    for write in writes {
        match write {
            Write::Run(statement) => statements.push(statement),
            Write::Wake(at) => after.push(Some(at)),
            Write::Forget => after.push(None),
        }
    }
    let mut rows = Rows::default();
    // One is all or nothing by itself.
    if statements.len() > 1 {
        let mut turn = || {
            for statement in statements.drain(..) {
                rows = rows.plus(statement.run(&sql).map_err(JsValue::from)?);
            }
            Ok(JsValue::UNDEFINED)
        };
        storage.transaction_sync(&mut turn)?;
    } else if let Some(statement) = statements.pop() {
        rows = statement.run(&sql)?;
    }
    // In the same turn as the rows, so it is in their implicit transaction and behind their gate.
    for at in after {
        match at {
            Some(at) => {
                let _ = storage.set_alarm(at.0 as f64)?;
                rows.written += 1;
            }
            None => {
                let _ = storage.delete_all()?;
            }
        }
    }
    Ok(rows)
}
