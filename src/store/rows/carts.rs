//! The rows of carts: their columns, and the statements that read, write and list them.

use cart_core::frame;
use cart_core::id::{CartId, Region};
use cart_core::line::Location;
use cart_core::reject::Reject;
use cart_core::store::Stored;
use cart_core::time::Millis;
use cart_core::view::shown_lines;
use wasm_bindgen::JsValue;

use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::call::{Listed, minute};
use crate::store::region::{Row, Write, home_of};
use crate::store::rows::fields::{Fields, bytes, flag, number, text};
use crate::store::slots::slot_of;

macro_rules! columns {
    () => {
        "cart_id, slot, incarnation, rev, state, ties, digest, sequence, owner, home, quantity, lines, created, \
         updated, minute, erased, resident"
    };
}

/// All columns of a cart.
pub const COLUMNS: &str = columns!();
/// A row that is not there yet. In the term in which it was looked for, or began to be copied: in a later one
/// it may have been here and gone elsewhere, and is not made again of what it was.
pub const INSERT: &str = concat!(
    "INSERT INTO carts (",
    columns!(),
    ") SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17 \
     WHERE EXISTS (SELECT 1 FROM slots WHERE slot = ?2 AND owned AND term = ?18) ON CONFLICT DO NOTHING"
);
/// Of `[id, slot]` each: whether the slot is owned here, in which term, and the row.
pub const READ: &str = "SELECT ask.value ->> 0, coalesce(owned, 0), term, moved_from, \
    incarnation, rev, state, ties, sequence, updated, resident \
    FROM json_each(?) AS ask \
    LEFT JOIN slots ON slots.slot = ask.value ->> 1 \
    LEFT JOIN carts ON carts.slot = ask.value ->> 1 AND carts.cart_id = ask.value ->> 0";
/// How late what was taken last was.
pub const FRESHNESS: &str = "INSERT INTO freshness (id, taken, late_ms, late_versions) VALUES (1, ?, ?, ?) \
    ON CONFLICT (id) DO UPDATE SET taken = excluded.taken, late_ms = excluded.late_ms, \
    late_versions = excluded.late_versions";

/// What a database says of a cart.
pub struct Answer {
    pub cart_id: String,
    pub owned: bool,
    pub term: u64,
    pub moved_from: Option<String>,
    /// `None` if it has none; an error if that cannot be read.
    pub row: Option<Result<Row, Problem>>,
}

/// The statement that writes a row, its values, and how many bytes they have. An index is named only if its
/// entry changes: naming it would write it.
pub fn statement(write: &Write, term: u64) -> (String, Vec<JsValue>, usize) {
    let Write { cart_id, before, after } = write;
    let Stored { incarnation, rev, cart, ties } = &after.stored;
    let (state, ties_bytes) = (cart.to_bytes(), after.stored.ties_bytes());
    let size = state.len() + ties_bytes.len();
    let shown = shown_lines(cart, Location::Cart);
    let quantity = shown.iter().map(|(_, quantity)| *quantity).fold(0, u64::saturating_add);
    let owner_of = |stored: &Stored| match stored.cart.is_erased() {
        true => None,
        false => stored.ties.owner.as_ref().map(|owner| owner.as_str().to_owned()),
    };
    let owner = owner_of(&after.stored);
    let resident = after.resident;
    let incarnation = bytes(&incarnation.to_be_bytes());
    // In the order of the columns.
    let mut values = vec![
        text(Some(cart_id.as_str())),
        number(slot_of(cart_id).into()),
        incarnation.clone(),
        number(*rev),
        bytes(&state),
        bytes(&ties_bytes),
        bytes(&frame::digest(cart, ties)),
        number(after.sequence),
        text(owner.as_deref()),
        text(Some(home_of(cart_id, &after.stored.cart).name())),
        number(quantity),
        number(shown.len() as u64),
        number(ties.created.0),
        number(after.updated.0),
        number(minute(after.updated)),
        flag(cart.is_erased()),
        flag(resident),
    ];
    let Some(before) = before.as_ref().filter(|before| !before.elsewhere) else {
        values.push(number(term));
        return (INSERT.to_owned(), values, size);
    };
    let moves = minute(before.updated) != minute(after.updated) || before.resident != resident;
    let changes = |column: &str| match column {
        "cart_id" | "slot" | "incarnation" => false,
        "owner" => owner_of(&before.stored) != owner,
        "minute" | "resident" => moves,
        _ => true,
    };
    let columns = COLUMNS.split(',').map(str::trim).zip(values.iter());
    let (mut sql, mut changed) = (String::from("UPDATE carts SET"), Vec::new());
    for (column, value) in columns.filter(|(column, _)| changes(column)) {
        let comma = if changed.is_empty() { ' ' } else { ',' };
        sql.extend([comma]);
        sql.push_str(column);
        sql.push_str(" = ?");
        changed.push(value.clone());
    }
    sql.push_str(
        " WHERE cart_id = ? AND slot = ? AND incarnation = ? AND rev = ? \
         AND EXISTS (SELECT 1 FROM slots WHERE slots.slot = carts.slot AND owned)",
    );
    changed.extend(values.into_iter().take(3));
    changed.push(number(before.stored.rev));
    (sql, changed, size)
}

/// Reads in the order of the index, from each of its two halves a page.
pub fn list_statement(by_owner: bool) -> String {
    let columns = "cart_id, owner, home, quantity, lines, created, updated, erased, digest, rev, minute";
    let page = |index: &str| {
        format!(
            "SELECT {columns} FROM carts WHERE {index} AND home = ?1 AND updated >= ?2 AND updated < ?7 \
             AND (minute, cart_id) > (?4, ?5) AND EXISTS (SELECT 1 FROM slots \
             WHERE slots.slot = carts.slot AND (owned OR moved_to IS NOT NULL)) \
             ORDER BY minute, cart_id LIMIT ?6"
        )
    };
    if by_owner {
        return page("owner = ?8 AND +minute >= ?3");
    }
    let halves = ["resident = 0 AND minute >= ?3", "resident = 1 AND minute >= ?3"];
    let halves = halves.map(|index| format!("SELECT * FROM ({})", page(index)));
    format!("{} ORDER BY minute, cart_id LIMIT ?6", halves.join(" UNION ALL "))
}

pub fn answer(row: &JsValue) -> Answer {
    let mut row = Fields::of(row);
    let (cart_id, owned) = (row.text().unwrap_or_default(), row.flag());
    let (term, moved_from) = (row.number(), row.text());
    let incarnation = row.bytes().and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    let (rev, state, ties) = (row.number(), row.bytes(), row.bytes());
    let (sequence, updated, resident) = (row.number(), Millis(row.number()), row.flag());
    let mut found = None;
    if let (Some(incarnation), Some(state), Some(ties)) = (incarnation, state, ties) {
        match Stored::from_parts(u64::from_be_bytes(incarnation), rev, updated, &state, &ties) {
            Ok(stored) => found = Some(Ok(Row { stored, sequence, updated, resident, elsewhere: false })),
            Err(reject) => {
                if let Ok(cart) = CartId::try_from(cart_id.clone()) {
                    let next = "it is not written over; the cart is asked for elsewhere";
                    log::failed_for(&cart, "read the row of a cart", &reject, next);
                }
                let is_later = matches!(reject, Reject::FrameTooNew { .. });
                let damaged = || Problem::retry(503, "store_damaged", "the row of the store cannot be read");
                found = Some(Err(if is_later { Problem::other_build() } else { damaged() }));
            }
        }
    }
    Answer { cart_id, owned, term, moved_from, row: found }
}

pub fn listed_of(row: &JsValue) -> Listed {
    let mut row = Fields::of(row);
    Listed {
        cart_id: row.text().unwrap_or_default(),
        owner: row.text(),
        home: row.text().and_then(|name| Region::parse(&name)).unwrap_or(Region::Weur),
        quantity: row.number(),
        lines: row.number(),
        created: Millis(row.number()),
        updated: Millis(row.number()),
        erased: row.flag(),
        digest: row.bytes().unwrap_or_default(),
        rev: row.number(),
    }
}
