//! The dead letters of a store as rows of its first database: which there are, and when they go. What becomes of a
//! message at all is decided in `dead.rs`.

use cart_core::id::{CartId, Region};
use cart_core::time::Millis;

use crate::platform::problem::Problem;
use crate::store::databases::D1Store;
use crate::store::region::Place;
use crate::store::rows::fields::{Fields, bytes, number, text};

/// A message that could not be taken in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeadLetter {
    pub id: String,
    pub died: Millis,
    pub reason: String,
    pub body: Vec<u8>,
    /// Of which cart it is, if that could be read.
    pub cart_id: Option<CartId>,
}

/// The place of a dead letter among all: by age, then by its id.
pub type Age = Place;

/// Where a store keeps what it could not take in.
#[allow(async_fn_in_trait)] // All is on one thread.
pub trait DeadLetters {
    /// Of which region.
    fn keeper(&self) -> Region;
    /// Puts a message aside. Put aside twice, it is there once.
    async fn bury(&self, letter: &DeadLetter) -> Result<(), Problem>;
    /// The messages put aside, oldest first, after a place among them.
    async fn dead_letters(&self, after: &Age, count_max: usize) -> Result<Vec<DeadLetter>, Problem>;
    /// One of them.
    async fn dead_letter(&self, id: &str) -> Result<Option<DeadLetter>, Problem>;
    /// How many there are.
    async fn count_dead_letters(&self) -> Result<u64, Problem>;
    /// Forgets one. Says whether it was there.
    async fn forget(&self, id: &str) -> Result<bool, Problem>;
    /// Forgets all of those carts: how many.
    async fn scrub(&self, carts: &[CartId]) -> Result<u64, Problem>;
    /// Forgets those that died before: how many.
    async fn expire(&self, before: Millis) -> Result<u64, Problem>;
}

impl DeadLetters for D1Store {
    fn keeper(&self) -> Region {
        self.region
    }

    async fn bury(&self, letter: &DeadLetter) -> Result<(), Problem> {
        let statement = "INSERT INTO dead_letters (id, died, reason, body, cart_id) VALUES (?, ?, ?, ?, ?) \
            ON CONFLICT DO NOTHING";
        let values = [
            text(Some(&letter.id)),
            number(letter.died.0),
            text(Some(&letter.reason)),
            bytes(&letter.body),
            text(letter.cart_id.as_ref().map(CartId::as_str)),
        ];
        self.run(self.first()?, statement, &values).await?;
        Ok(())
    }

    async fn dead_letters(&self, after: &Age, count_max: usize) -> Result<Vec<DeadLetter>, Problem> {
        let ask = "SELECT id, died, reason, body, cart_id FROM dead_letters WHERE (died, id) > (?, ?) \
            ORDER BY died, id LIMIT ?";
        let values = [number(after.0), text(Some(&after.1)), number(count_max as u64)];
        Ok(self.rows(self.first()?, ask, &values).await?.iter().map(letter_of).collect())
    }

    async fn dead_letter(&self, id: &str) -> Result<Option<DeadLetter>, Problem> {
        let ask = "SELECT id, died, reason, body, cart_id FROM dead_letters WHERE id = ?";
        let rows = self.rows(self.first()?, ask, &[text(Some(id))]).await?;
        Ok(rows.first().map(letter_of))
    }

    async fn count_dead_letters(&self) -> Result<u64, Problem> {
        let rows = self.rows(self.first()?, "SELECT count(*) FROM dead_letters", &[]).await?;
        Ok(rows.first().map_or(0, |row| Fields::of(row).number()))
    }

    async fn forget(&self, id: &str) -> Result<bool, Problem> {
        let statement = "DELETE FROM dead_letters WHERE id = ?";
        Ok(self.run(self.first()?, statement, &[text(Some(id))]).await? > 0)
    }

    async fn scrub(&self, carts: &[CartId]) -> Result<u64, Problem> {
        let ids: Vec<&str> = carts.iter().map(CartId::as_str).collect();
        let ids = serde_json::to_string(&ids).map_err(|error| Problem::store(&error.into()))?;
        // Where nobody could read of which cart it is, its id stands in it all the same, in whatever form.
        let statement = "DELETE FROM dead_letters WHERE cart_id IN (SELECT value FROM json_each(?1)) \
            OR (cart_id IS NULL AND EXISTS (SELECT 1 FROM json_each(?1) \
            WHERE instr(body, CAST(value AS BLOB)) > 0))";
        self.tallied(self.first()?, "letters_scrubbed", statement, &[text(Some(&ids))]).await
    }

    async fn expire(&self, before: Millis) -> Result<u64, Problem> {
        let statement = "DELETE FROM dead_letters WHERE died < ?";
        self.tallied(self.first()?, "letters_expired", statement, &[number(before.0)]).await
    }
}

fn letter_of(row: &wasm_bindgen::JsValue) -> DeadLetter {
    let mut row = Fields::of(row);
    DeadLetter {
        id: row.text().unwrap_or_default(),
        died: Millis(row.number()),
        reason: row.text().unwrap_or_default(),
        body: row.bytes().unwrap_or_default(),
        cart_id: row.text().and_then(|id| CartId::try_from(id).ok()),
    }
}
