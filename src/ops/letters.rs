//! Dead letters, as the operator sees them.

use cart_core::id::Region;
use serde_json::Value;

use crate::ops::admin::{Admin, PAGE, age, answer, object};
use crate::platform::answer::{Answer, rfc3339};
use crate::platform::problem::Problem;
use crate::store::databases::open;
use crate::store::dead;
use crate::store::rows::letters::{DeadLetter, DeadLetters as _};

impl Admin<'_> {
    /// Dead letters, oldest first.
    pub async fn dead_letters(&self) -> Result<Answer, Problem> {
        let only = self.asked("region").map(|_| self.region_here()).transpose()?;
        let after = self.asked("cursor").map(age).transpose()?.unwrap_or_default();
        let mut letters = Vec::new();
        for region in dead::here(self.config).filter(|region| only.is_none_or(|only| only == *region)) {
            let kept = open(self.env, self.config, region)?.dead_letters(&after, PAGE + 1).await?;
            letters.extend(kept.into_iter().map(|letter| (region, letter)));
        }
        letters.sort_unstable_by(|(_, one), (_, other)| (one.died, &one.id).cmp(&(other.died, &other.id)));
        let next = letters.get(PAGE - 1).filter(|_| letters.len() > PAGE);
        let next = next.map(|(_, letter)| format!("{}.{}", letter.died.0, letter.id));
        letters.truncate(PAGE);
        let shown = |(region, letter): (Region, DeadLetter)| {
            let meant = dead::meant(&letter);
            object(vec![
                ("id", letter.id.into()),
                ("kept_in", region.name().into()),
                ("died_at", rfc3339(letter.died).into()),
                ("reason", letter.reason.into()),
                ("bytes", letter.body.len().into()),
                ("store", meant.as_ref().map(|meant| meant.store.name()).into()),
                ("cart_id", meant.as_ref().map(|meant| meant.cart_id.as_str()).into()),
                ("sent_at", meant.as_ref().map(|meant| rfc3339(meant.sent)).into()),
            ])
        };
        let letters: Vec<Value> = letters.into_iter().map(shown).collect();
        answer(vec![("dead_letters", letters.into()), ("next_cursor", next.into())])
    }
}
