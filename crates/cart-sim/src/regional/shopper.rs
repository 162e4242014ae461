//! What shoppers do, and what of it was acknowledged. Of some products they only ever add, so that what must
//! be there is a sum; with the others they do all there is.

use cart_core::command::{Command, Place};
use cart_core::id::Actor;
use cart_core::line::LineKey;
use cart_core::replica::Edit;

use crate::dice::Dice;

/// Products of which they only add.
pub const ADDED: [&str; 3] = ["A", "B", "C"];
/// The others.
const ANY: [&str; 3] = ["X", "Y", "Z"];

/// An edit and what it is to the auditors.
#[derive(Clone, Debug)]
pub struct Made {
    /// What is sent.
    pub edit: Edit,
    /// If it only adds: of what, and how many.
    pub adds: Option<(&'static str, u64)>,
    /// Whether it may be made again in another region.
    pub may_move: bool,
}

/// An edit that only adds.
pub fn add(actors: Vec<Actor>, dice: &mut Dice) -> Made {
    let (sku, quantity) = (*dice.pick(&ADDED), 1 + dice.below(3) as i64);
    let command = Command::Add { sku: sku.into(), quantity, variant: None, customization: None };
    Made { edit: Edit::of(actors, vec![command]), adds: Some((sku, quantity as u64)), may_move: true }
}

/// Any other edit.
pub fn change(actors: Vec<Actor>, dice: &mut Dice) -> Made {
    let sku = *dice.pick(&ANY);
    let line_id = LineKey::new(sku, None, None).expect("a key").line_id();
    let at = *dice.pick(&[Place::Cart, Place::Cart, Place::Saved]);
    let command = match dice.below(7) {
        0..3 => Command::Add { sku: sku.into(), quantity: 2, variant: None, customization: None },
        3 => Command::Set { line_id, quantity: dice.below(4) as i64, at },
        4 => Command::Decrement { line_id, quantity: 1, at },
        5 => Command::Remove { line_id, at },
        _ => Command::Move { line_id, location: *dice.pick(&[Place::Cart, Place::Saved]) },
    };
    let may_move = !matches!(command, Command::Decrement { .. });
    Made { edit: Edit::of(actors, vec![command]), adds: None, may_move }
}
