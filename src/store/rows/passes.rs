//! The pages of rows that walks go through, and the rows that they delete.

use cart_core::id::{CartId, SessionId};
use cart_core::time::Millis;

use crate::platform::problem::Problem;
use crate::store::call::minute;
use crate::store::databases::D1Store;
use crate::store::region::{Place, RegionStore as _, Row};
use crate::store::rows::fields::{Fields, bytes, flag, number, text};
use crate::store::slots::slot_of;

/// Deletes a row only as it was read: a replica that has come back from it has marked it, and a write has changed it.
macro_rules! delete {
    ($and:literal) => {
        concat!(
            "DELETE FROM carts WHERE slot = ? AND cart_id = ? AND incarnation = ? AND rev = ? ",
            "AND EXISTS (SELECT 1 FROM slots WHERE slots.slot = carts.slot AND owned)",
            $and
        )
    };
}

impl D1Store {
    /// The rows of a database that were not written since, longest first, after a place among them: those whose
    /// replicas may be there, or those of which none is. And the place after which there may be more.
    pub async fn at_rest(
        &self,
        database: &str,
        resident: bool,
        since: Millis,
        after: &Place,
        count_max: usize,
    ) -> Result<(Vec<(CartId, Row)>, Option<Place>), Problem> {
        let ask = "SELECT minute, cart_id FROM carts WHERE resident = ? AND minute < ? \
            AND (minute, cart_id) > (?, ?) ORDER BY minute, cart_id LIMIT ?";
        let values = [
            flag(resident),
            number(minute(since)),
            number(after.0),
            text(Some(&after.1)),
            number(count_max as u64),
        ];
        let (rows, next) = self.page(database, ask, &values, count_max).await?;
        Ok((rows.into_iter().filter(|(_, row)| row.resident == resident).collect(), next))
    }

    /// The rows of a database, in the order of its primary key.
    pub async fn all_rows(
        &self,
        database: &str,
        after: &Place,
        count_max: usize,
    ) -> Result<(Vec<(CartId, Row)>, Option<Place>), Problem> {
        let ask =
            "SELECT slot, cart_id FROM carts WHERE (slot, cart_id) > (?, ?) ORDER BY slot, cart_id LIMIT ?";
        let values = [number(after.0), text(Some(&after.1)), number(count_max as u64)];
        self.page(database, ask, &values, count_max).await
    }

    async fn page(
        &self,
        database: &str,
        ask: &str,
        values: &[wasm_bindgen::JsValue],
        count_max: usize,
    ) -> Result<(Vec<(CartId, Row)>, Option<Place>), Problem> {
        let place = |row: &wasm_bindgen::JsValue| {
            let mut row = Fields::of(row);
            (row.number(), row.text().unwrap_or_default())
        };
        let places: Vec<Place> = self.rows(database, ask, values).await?.iter().map(place).collect();
        // By the places, since of a row that cannot be read there is no more than that.
        let next = places.last().filter(|_| places.len() == count_max).cloned();
        let ids: Vec<CartId> = places.into_iter().filter_map(|(_, id)| CartId::try_from(id).ok()).collect();
        let rows = if ids.is_empty() { Vec::new() } else { self.read(&ids).await? };
        Ok((rows.into_iter().filter_map(|(cart_id, row)| Some((cart_id, row.ok()?))).collect(), next))
    }

    /// Which of some sessions have carts here that are none of some.
    pub async fn others_of(&self, owners: &[SessionId], but: &[CartId]) -> Result<Vec<String>, Problem> {
        if owners.is_empty() {
            return Ok(Vec::new());
        }
        let json =
            |texts: Vec<&str>| serde_json::to_string(&texts).map_err(|error| Problem::store(&error.into()));
        let owners = json(owners.iter().map(SessionId::as_str).collect())?;
        let but = json(but.iter().map(CartId::as_str).collect())?;
        let ask = "SELECT DISTINCT owner FROM carts WHERE owner IN (SELECT value FROM json_each(?)) \
            AND cart_id NOT IN (SELECT value FROM json_each(?))";
        let mut found = Vec::new();
        for database in self.names() {
            let rows = self.rows(database, ask, &[text(Some(&owners)), text(Some(&but))]).await?;
            found.extend(rows.iter().filter_map(|row| Fields::of(row).text()));
        }
        Ok(found)
    }

    /// Deletes rows whose end has come, each unless a replica may be there again: how many.
    pub async fn end(&self, database: &str, rows: &[(CartId, Row)]) -> Result<usize, Problem> {
        let (erased, carts): (Vec<_>, Vec<_>) = rows.iter().partition(|(_, row)| row.stored.cart.is_erased());
        let statement = delete!(" AND resident = 0");
        let gone = self.delete(database, "erased_ended", statement, &erased).await?;
        Ok(gone + self.delete(database, "carts_ended", statement, &carts).await?)
    }

    /// Deletes rows that other stores hold now.
    pub async fn leave(&self, database: &str, rows: &[(CartId, Row)]) -> Result<usize, Problem> {
        self.delete(database, "carts_given_away", delete!(""), &rows.iter().collect::<Vec<_>>()).await
    }

    async fn delete(
        &self,
        database: &str,
        tally: &str,
        statement: &str,
        rows: &[&(CartId, Row)],
    ) -> Result<usize, Problem> {
        let values = |(cart_id, row): &&(CartId, Row)| {
            let stored = &row.stored;
            vec![
                number(slot_of(cart_id).into()),
                text(Some(cart_id.as_str())),
                bytes(&stored.incarnation.to_be_bytes()),
                number(stored.rev),
            ]
        };
        // One that is being moved away is left to where it goes.
        let here = rows.iter().filter(|(_, row)| !row.elsewhere);
        let statements: Vec<_> = here.map(|row| (statement, values(row))).collect();
        if statements.is_empty() {
            return Ok(0);
        }
        let gone = self.batch(database, statements).await?.into_iter().sum();
        self.tally(database, tally, gone).await?;
        Ok(gone as usize)
    }
}
