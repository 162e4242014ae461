//! A region's store in D1: rows read where their slot is, and written only there.

use cart_core::id::{CartId, Region};
use cart_core::time::Millis;

use crate::platform::problem::Problem;
use crate::store::call::{Ask, Freshness, Listed, Position, minute};
use crate::store::databases::D1Store;
use crate::store::region::{RegionStore, Row, Write, push};
use crate::store::rows::carts::{Answer, FRESHNESS, READ, answer, list_statement, listed_of, statement};
use crate::store::rows::fields::{Fields, number, text};
use crate::store::slots::slot_of;

/// How many rows are read at once, and how many statements go in one batch.
const BATCH_MAX: usize = 40;
/// A batch that has so many bytes of states and ties gets no further row.
const BATCH_BYTES_MAX: usize = 256 * 1_024;

impl D1Store {
    /// What a database says of carts. A row that is damaged holds no other up.
    async fn ask(&self, name: &str, carts: &[CartId]) -> Result<Vec<Answer>, Problem> {
        let pairs: Vec<_> = carts.iter().map(|cart_id| (cart_id.as_str(), slot_of(cart_id))).collect();
        let pairs = serde_json::to_string(&pairs).map_err(|error| Problem::store(&error.into()))?;
        let rows = self.rows(name, READ, &[text(Some(&pairs))]).await?;
        let answers: Vec<Answer> = rows.iter().map(answer).collect();
        let titled = answers.iter().filter(|answer| answer.term > 0);
        let term = |answer: &Answer| (name.to_owned(), answer.cart_id.clone(), answer.term);
        self.terms.borrow_mut().extend(titled.map(term));
        Ok(answers)
    }

    /// In which term a database had the slot of a cart when the last read first asked it for that cart.
    fn term(&self, name: &str, cart_id: &CartId) -> u64 {
        let terms = self.terms.borrow();
        let found = terms.iter().find(|(there, cart, _)| there == name && cart == cart_id.as_str());
        found.map_or(0, |(.., term)| *term)
    }

    /// The row of a cart whose slot is owned here, also where it is still where the slot came from.
    async fn follow(&self, name: &str, cart_id: &CartId, answer: Answer) -> Result<Option<Row>, Problem> {
        let (None, Some(from)) = (&answer.row, &answer.moved_from) else { return answer.row.transpose() };
        let only = std::slice::from_ref(cart_id);
        let there = self.ask(from, only).await?.into_iter().find_map(|answer| answer.row).transpose()?;
        if let Some(row) = there {
            return Ok(Some(Row { elsewhere: true, ..row }));
        }
        // It may have come here meanwhile.
        self.ask(name, only).await?.into_iter().find_map(|answer| answer.row).transpose()
    }

    /// A cart whose slot is not where it was thought to be. If nobody owns it, between two steps of a move,
    /// what is there is shown; it cannot be written.
    async fn find(&self, cart_id: &CartId) -> Result<Option<Row>, Problem> {
        for last in [false, true] {
            let mut left = None;
            for name in self.names() {
                let answers = self.ask(name, std::slice::from_ref(cart_id)).await?;
                let Some(answer) = answers.into_iter().next() else { continue };
                if answer.owned {
                    self.found_at(slot_of(cart_id), name);
                    return self.follow(name, cart_id, answer).await;
                }
                left = left.or(answer.row);
            }
            if last || !self.spread_if_new().await? {
                return Ok(left.transpose()?.map(|row| Row { elsewhere: true, ..row }));
            }
        }
        Ok(None)
    }
}

impl RegionStore for D1Store {
    fn region(&self) -> Region {
        self.region
    }

    async fn read(&self, carts: &[CartId]) -> Result<Vec<(CartId, Result<Row, Problem>)>, Problem> {
        self.terms.borrow_mut().clear();
        let mut places: Vec<(&str, Vec<CartId>)> = Vec::new();
        for cart_id in carts {
            push(&mut places, self.place_of(slot_of(cart_id))?, cart_id.clone());
        }
        let mut rows = Vec::new();
        for (name, carts) in places {
            for some in carts.chunks(BATCH_MAX) {
                for answer in self.ask(name, some).await? {
                    let Ok(cart_id) = CartId::try_from(answer.cart_id.clone()) else { continue };
                    let row = match answer.owned {
                        true => self.follow(name, &cart_id, answer).await,
                        false => self.find(&cart_id).await,
                    };
                    rows.extend(row.transpose().map(|row| (cart_id, row)));
                }
            }
        }
        Ok(rows)
    }

    async fn write(&self, writes: &[Write], freshness: Option<Freshness>) -> Result<Vec<bool>, Problem> {
        let mut places: Vec<(&str, Vec<(usize, &Write)>)> = Vec::new();
        for (at, write) in writes.iter().enumerate() {
            push(&mut places, self.place_of(slot_of(&write.cart_id))?, (at, write));
        }
        let mut done = vec![false; writes.len()];
        for (name, writes) in places {
            let mut rest = writes.into_iter().peekable();
            while rest.peek().is_some() {
                let (mut statements, mut ats, mut size) = (Vec::new(), Vec::new(), 0);
                while let Some((at, write)) =
                    rest.next_if(|_| ats.len() < BATCH_MAX && size < BATCH_BYTES_MAX)
                {
                    let (sql, values, more) = statement(write, self.term(name, &write.cart_id));
                    size += more;
                    ats.push(at);
                    statements.push((sql, values));
                }
                let fresh = freshness.map(|fresh| {
                    vec![number(fresh.taken.0), number(fresh.late_ms), number(fresh.late_versions)]
                });
                let mut all: Vec<(&str, _)> =
                    statements.iter().map(|(sql, values)| (sql.as_str(), values.clone())).collect();
                all.extend(fresh.map(|values| (FRESHNESS, values)));
                let changed = self.batch(name, all).await?;
                for (at, changed) in ats.into_iter().zip(changed) {
                    if let Some(done) = done.get_mut(at) {
                        *done = changed == 1;
                    }
                }
            }
        }
        Ok(done)
    }

    async fn list(&self, ask: &Ask) -> Result<Vec<Listed>, Problem> {
        let since = ask.after.clone().unwrap_or_default();
        let since_minute = since.minute.max(minute(ask.since));
        let values = [
            text(Some(ask.home.name())),
            number(ask.since.0),
            number(since_minute),
            number(since.minute),
            text(Some(&since.cart_id)),
            number(ask.count_max as u64),
            number(ask.before.0),
            text(ask.owner.as_deref()),
        ];
        let sql = list_statement(ask.owner.is_some());
        let values = if ask.owner.is_some() {
            &values[..]
        } else {
            values.split_last().map_or(&[][..], |(_, some)| some)
        };
        let mut listed: Vec<Listed> = Vec::new();
        for name in self.names() {
            for row in self.rows(name, &sql, values).await? {
                let row = listed_of(&row);
                // During a move a row may be at both, at the target as a later one.
                if let Some(at) = listed.iter().position(|there| there.cart_id == row.cart_id) {
                    if listed.get(at).is_some_and(|there| there.rev >= row.rev) {
                        continue;
                    }
                    listed.remove(at);
                }
                let at = listed.partition_point(|there| Position::of(there) < Position::of(&row));
                listed.insert(at, row);
            }
        }
        listed.truncate(ask.count_max);
        Ok(listed)
    }

    async fn freshness(&self) -> Result<Option<Freshness>, Problem> {
        let mut latest: Option<Freshness> = None;
        for name in self.names() {
            let rows = self.rows(name, "SELECT taken, late_ms, late_versions FROM freshness", &[]).await?;
            for mut row in rows.iter().map(Fields::of) {
                let (taken, late_ms, late_versions) = (Millis(row.number()), row.number(), row.number());
                if latest.is_none_or(|there| there.taken <= taken) {
                    latest = Some(Freshness { taken, late_ms, late_versions });
                }
            }
        }
        Ok(latest)
    }
}
