//! Moves of slots between the databases of a region, while both serve: docs/adr/0013-slots-move-by-reference.md.

use crate::platform::problem::Problem;
use crate::store::databases::D1Store;
use crate::store::rows::carts::{COLUMNS, INSERT};
use crate::store::rows::fields::{Fields, copied, number, text};

/// How many rows a move copies at once.
const MOVE_ROWS: u64 = 50;
/// How many times it does so before it asks to be called again.
const MOVE_PAGES_MAX: u64 = 20;

/// How far a move has come.
pub struct Moved {
    pub copied: u64,
    pub done: bool,
}

/// What a database says of a slot.
#[derive(Default)]
struct Title {
    database: String,
    owned: bool,
    term: u64,
    moved_to: Option<String>,
    moved_from: Option<String>,
}

impl D1Store {
    /// Moves a slot to another database while both serve. Called again until it is done, and after a crash
    /// at any point, it goes on where it was.
    pub async fn move_slot(&self, slot: u16, to: &str) -> Result<Moved, Problem> {
        if !self.names().any(|name| name == to) {
            return Err(Problem::invalid("to", format!("is no database of the store of {}", self.region)));
        }
        self.spread_if_new().await?;
        let titles = self.titles(slot).await?;
        let owner = titles.iter().find(|title| title.owned);
        let (from, term) = match owner {
            Some(owner) if owner.database == to => match &owner.moved_from {
                Some(from) => (from.clone(), owner.term),
                None => return Ok(Moved { copied: 0, done: true }),
            },
            Some(owner) => {
                self.give_away(slot, owner, to).await?;
                self.give(slot, owner, to).await?;
                (owner.database.clone(), owner.term + 1)
            }
            // A move was cut off between the two.
            None => {
                let between = titles.iter().max_by_key(|title| title.term);
                let between = between.filter(|title| title.moved_to.as_deref() == Some(to));
                let between = between.ok_or_else(moving)?;
                self.give(slot, between, to).await?;
                (between.database.clone(), between.term + 1)
            }
        };
        self.found_at(slot, to);
        self.copy(slot, &from, to, term).await
    }

    async fn titles(&self, slot: u16) -> Result<Vec<Title>, Problem> {
        let mut titles = Vec::new();
        for name in self.names() {
            let ask = "SELECT owned, term, moved_to, moved_from FROM slots WHERE slot = ?";
            let rows = self.rows(name, ask, &[number(slot.into())]).await?;
            titles.extend(rows.iter().map(Fields::of).map(|mut row| Title {
                database: name.to_owned(),
                owned: row.flag(),
                term: row.number(),
                moved_to: row.text(),
                moved_from: row.text(),
            }));
        }
        Ok(titles)
    }

    /// From here on the rows there stay as they are.
    async fn give_away(&self, slot: u16, owner: &Title, to: &str) -> Result<(), Problem> {
        let statement = "UPDATE slots SET owned = 0, moved_to = ? \
            WHERE slot = ? AND owned AND term = ? AND moved_from IS NULL";
        let values = [text(Some(to)), number(slot.into()), number(owner.term)];
        let changed = self.run(&owner.database, statement, &values).await?;
        if changed == 1 { Ok(()) } else { Err(moving()) }
    }

    /// The term keeps a move that was held up from giving a slot that has since gone on.
    async fn give(&self, slot: u16, from: &Title, to: &str) -> Result<(), Problem> {
        let statement = "INSERT INTO slots (slot, owned, term, moved_from) VALUES (?, 1, ?, ?) \
            ON CONFLICT (slot) DO UPDATE SET owned = 1, term = excluded.term, moved_to = NULL, \
            moved_from = excluded.moved_from WHERE excluded.term > slots.term";
        let values = [number(slot.into()), number(from.term + 1), text(Some(&from.database))];
        self.run(to, statement, &values).await?;
        Ok(())
    }

    /// Copies what is still at the source and drops it there. A row that is at the target already was
    /// joined with the source's when it was made. Each statement asks whether the target still has the slot in
    /// the term of this move, and the source still has what it had before: a move that was held up, while the
    /// same one was done and the slot went on, would take the rows of whoever owns it now.
    async fn copy(&self, slot: u16, from: &str, to: &str, term: u64) -> Result<Moved, Problem> {
        const GIVEN_AWAY: &str = "EXISTS (SELECT 1 FROM slots \
            WHERE slots.slot = carts.slot AND NOT owned AND term = ?)";
        let (at, before) = (|| number(slot.into()), || number(term.saturating_sub(1)));
        let mut moved = Moved { copied: 0, done: false };
        for _ in 0..MOVE_PAGES_MAX {
            let page = format!(
                "SELECT {COLUMNS} FROM carts WHERE slot = ? AND {GIVEN_AWAY} ORDER BY cart_id LIMIT ?"
            );
            let rows = self.rows(from, &page, &[at(), before(), number(MOVE_ROWS)]).await?;
            if rows.is_empty() {
                let end = "UPDATE slots SET moved_to = NULL WHERE slot = ? AND NOT owned AND term = ?";
                self.run(from, end, &[at(), before()]).await?;
                let end = "UPDATE slots SET moved_from = NULL WHERE slot = ? AND owned AND term = ?";
                if self.run(to, end, &[at(), number(term)]).await? == 0 {
                    return Err(moved_on());
                }
                moved.done = true;
                break;
            }
            let (mut ids, mut inserts) = (Vec::new(), Vec::new());
            for row in &rows {
                ids.extend(Fields::of(row).text());
                let row = js_sys::Array::from(row);
                let values: Vec<_> = row.iter().map(copied).chain([number(term)]).collect();
                inserts.push((INSERT, values));
            }
            self.batch(to, inserts).await?;
            let ids = serde_json::to_string(&ids).map_err(|error| Problem::store(&error.into()))?;
            let drop = format!(
                "DELETE FROM carts WHERE slot = ? AND {GIVEN_AWAY} \
                 AND cart_id IN (SELECT value FROM json_each(?))"
            );
            self.run(from, &drop, &[at(), before(), text(Some(&ids))]).await?;
            moved.copied += rows.len() as u64;
        }
        Ok(moved)
    }
}

fn moved_on() -> Problem {
    Problem::new(
        409,
        "slot_moving",
        "the slot has gone on since this move began; ask again if it still is to",
    )
}

fn moving() -> Problem {
    Problem::new(409, "slot_moving", "the slot is on another move; finish that one first")
}
