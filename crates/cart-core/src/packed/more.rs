//! What later builds have added to what this one knows: kept, joined and told as it is.

use serde::{Deserialize, Serialize};

/// Entries of builds to come, by keys whose first byte says what an entry is. Who does not know it joins two values
/// of a key to the greater bytes; so whoever adds one writes it such that this is its join: a set as a key for each
/// element, the latest time in bytes that grow with it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Entry>")]
pub struct More(Vec<Entry>);

/// A key and its value.
type Entry = (Vec<u8>, Vec<u8>);

impl From<Vec<Entry>> for More {
    fn from(entries: Vec<Entry>) -> Self {
        let mut more = Self::default();
        entries.into_iter().for_each(|(key, value)| more.put(key, value));
        more
    }
}

impl More {
    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let at = self.0.binary_search_by(|(there, _)| there[..].cmp(key)).ok()?;
        self.0.get(at).map(|(_, value)| &value[..])
    }

    /// Joins a value.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        match self.0.binary_search_by(|(there, _)| there.cmp(&key)) {
            Ok(at) => {
                if let Some((_, mine)) = self.0.get_mut(at).filter(|(_, mine)| *mine < value) {
                    *mine = value;
                }
            }
            Err(at) => self.0.insert(at, (key, value)),
        }
    }

    /// Joins what another has.
    pub fn join(&mut self, other: &Self) {
        other.0.iter().for_each(|(key, value)| self.put(key.clone(), value.clone()));
    }
}
