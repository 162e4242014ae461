//! The values of a D1 row and of a statement. They cross as they are: an integer as a number, which is exact
//! below 2^53, and bytes as an array, so that a row is read with a handful of calls whatever its size.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsValue;

/// The values of a row, taken in their order.
pub struct Fields {
    values: Array,
    next: u32,
}

impl Fields {
    pub fn of(row: &JsValue) -> Self {
        Self { values: Array::from(row), next: 0 }
    }

    pub fn value(&mut self) -> JsValue {
        self.next += 1;
        self.values.get(self.next - 1)
    }

    pub fn text(&mut self) -> Option<String> {
        self.value().as_string()
    }

    pub fn number(&mut self) -> u64 {
        self.value().as_f64().map_or(0, |number| number as u64)
    }

    pub fn flag(&mut self) -> bool {
        self.number() != 0
    }

    /// `None` where the column is null.
    pub fn bytes(&mut self) -> Option<Vec<u8>> {
        let value = self.value();
        value.is_object().then(|| Uint8Array::new(&value).to_vec())
    }
}

pub fn number(number: u64) -> JsValue {
    JsValue::from_f64(number as f64)
}

pub fn flag(is: bool) -> JsValue {
    JsValue::from_f64(f64::from(u8::from(is)))
}

pub fn bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

pub fn text(text: Option<&str>) -> JsValue {
    text.map_or(JsValue::NULL, JsValue::from_str)
}

/// A value that was read, to be written elsewhere.
pub fn copied(value: JsValue) -> JsValue {
    if Array::is_array(&value) { Uint8Array::new(&value).into() } else { value }
}
