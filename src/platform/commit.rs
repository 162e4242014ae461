//! What is written before what: the rows of a turn in one transaction, the alarm in the same turn, then
//! the reply. A throw inside `transactionSync` rolls back; an `Err` after a write outside of it would not.

use cart_core::replica::Effect;
use wasm_bindgen::prelude::*;
use worker::{SqlStorage, State};

use crate::cart::call::Rows;
use crate::cart::rows::{ledger_page, replica};

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

/// Writes what the effects say, all or nothing. `first` says that the object has no storage yet; the alarm
/// is meant on a clock that is moved by `skew_ms`.
/// Nothing is awaited; the output gate holds the reply until it is on disk.
pub fn commit(state: &State, effects: &[Effect], first: bool, skew_ms: i64) -> worker::Result<Rows> {
    if effects
        .iter()
        .all(|effect| matches!(effect, Effect::Reply(_) | Effect::Tell { .. } | Effect::Send { .. }))
    {
        return Ok(Rows::default());
    }
    let storage = AsRef::<JsValue>::as_ref(state.as_raw()).unchecked_ref::<RawState>().storage();
    let sql = state.storage().sql();
    let mut rows = Rows::default();
    let mut turn = || {
        rows = write_all(&sql, effects, first).map_err(JsValue::from)?;
        Ok(JsValue::UNDEFINED)
    };
    storage.transaction_sync(&mut turn)?;
    for effect in effects {
        if let Effect::Wake(at) = effect {
            // In the same turn as the rows, so it is in their implicit transaction and behind their gate.
            let _ = storage.set_alarm(at.0.saturating_add_signed(-skew_ms) as f64)?;
            rows.written += 1;
        }
        if let Effect::Forget = effect {
            let _ = storage.delete_all()?;
        }
    }
    Ok(rows)
}

fn write_all(sql: &SqlStorage, effects: &[Effect], first: bool) -> worker::Result<Rows> {
    let mut rows = Rows::default();
    for effect in effects {
        rows = rows.plus(match effect {
            Effect::Put(row) => replica::write(sql, row, first)?,
            Effect::PutPage { entries, until } => ledger_page::write(sql, entries, *until)?,
            Effect::DropPages { until } => ledger_page::drop_until(sql, *until)?,
            Effect::Wake(_)
            | Effect::Tell { .. }
            | Effect::Send { .. }
            | Effect::Forget
            | Effect::Reply(_) => Rows::default(),
        });
    }
    Ok(rows)
}
