//! The rows of a cart's object, one type a file, and what a turn writes of them. Nothing else has SQL there.

pub mod alarm;
pub mod ledger_page;
pub mod replica;

use cart_core::replica::Effect;
use cart_core::time::Millis;

use crate::platform::commit::{Write, Writes};

/// What the effects of a turn write. `first` says that the object has no storage yet; the alarm is meant on a clock that
/// is moved by `skew_ms`.
pub fn writes_of(effects: &[Effect], first: bool, skew_ms: i64) -> worker::Result<Writes> {
    let mut writes = Vec::new();
    for effect in effects {
        match effect {
            Effect::Put(row) => writes.extend(replica::write(row, first).into_iter().map(Write::Run)),
            Effect::PutPage { entries, until } => {
                writes.push(Write::Run(ledger_page::write(entries, *until)?));
            }
            Effect::DropPages { until } => writes.push(Write::Run(ledger_page::drop_until(*until)?)),
            Effect::Wake(at) => writes.push(Write::Wake(Millis(at.0.saturating_add_signed(-skew_ms)))),
            Effect::Forget => writes.push(Write::Forget),
            Effect::Tell { .. } | Effect::Send { .. } | Effect::Reply(_) => {}
        }
    }
    Ok(Writes(writes))
}
