//! What shoppers ask for over plain HTTP. Of some products they only ever add, so that what must be there is
//! a sum; with the others they do all there is.

use cart_core::command::{Command, Place};
use cart_core::id::SessionId;
use cart_core::line::LineKey;
use cart_core::replica::Edit;
use cart_core::time::Millis;

use crate::dice::Dice;

/// Products of which they only add.
pub const ADDED: [&str; 2] = ["A", "B"];
/// The others.
pub const ANY: [&str; 2] = ["X", "Y"];

/// An edit, and what is needed to make it again.
#[derive(Clone, Debug)]
pub struct Made {
    /// In which cart.
    pub cart: usize,
    /// What is sent.
    pub edit: Edit,
    /// Its key.
    pub key: String,
    /// If it adds: how many.
    pub quantity: u64,
    /// When it was first made.
    pub at: Millis,
    /// The place that the shopper's token names, where it is tried first.
    pub named: usize,
}

fn more(sku: &str, quantity: i64) -> Command {
    Command::Add { sku: sku.into(), quantity, variant: None, customization: None }
}

/// One more of a product.
pub fn add(cart: usize, key: String, session: &SessionId, at: Millis) -> Made {
    let edit = Edit::of(at.day(), session, &key, vec![more(ADDED[0], 1)]);
    Made { cart, edit, key, quantity: 1, at, named: 0 }
}

/// The commands of an edit, and if it only adds one product, how many.
pub fn commands(dice: &mut Dice) -> (Vec<Command>, u64) {
    if dice.chance(50) {
        let (sku, quantity) = (*dice.pick(&ADDED), 1 + dice.below(3));
        return (vec![more(sku, quantity as i64)], quantity as u64);
    }
    let sku = *dice.pick(&ANY);
    let line_id = LineKey::new(sku, None, None).expect("a key").line_id();
    let at = *dice.pick(&[Place::Cart, Place::Cart, Place::Cart, Place::Saved]);
    let command = match dice.below(20) {
        0..9 => {
            let quantity = 1 + dice.below(3);
            return (vec![more(sku, quantity as i64)], quantity as u64);
        }
        9..12 => Command::Set { line_id, quantity: dice.below(4) as i64, at },
        12..14 => Command::Decrement { line_id, quantity: 1 + dice.below(2) as i64, at },
        14..17 => Command::Remove { line_id, at },
        17..19 => Command::Move { line_id, location: *dice.pick(&[Place::Cart, Place::Saved]) },
        _ => Command::Clear {},
    };
    (vec![command], 0)
}

/// An edit under a key of the session.
pub fn edit(cart: usize, key: String, session: &SessionId, at: Millis, dice: &mut Dice) -> Made {
    let (commands, quantity) = commands(dice);
    let edit = Edit::of(at.day(), session, &key, commands);
    Made { cart, edit, key, quantity, at, named: 0 }
}
