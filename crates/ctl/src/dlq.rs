//! Dead letters: what no store could take. Listed, shown, sent again, dropped.

use serde_json::{Value, json};

use crate::failure::{Failure, Kind};
use crate::output::{Output, Progress};
use crate::service::{Method, Service};

/// In place of ids: all there are.
const ALL: &str = "all";
/// The service's word for a letter that is not there.
const NOT_FOUND: &str = "dead_letter_not_found";

/// What is done to a letter.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Retry,
    Drop,
}

impl Act {
    fn done(self) -> &'static str {
        match self {
            Self::Retry => "retried",
            Self::Drop => "dropped",
        }
    }

    fn ask(self, service: &Service, id: &str) -> Result<Value, Failure> {
        match self {
            Self::Retry => service.ask(Method::Post, &format!("/dead-letters/{id}/replay"), &[]),
            Self::Drop => service.ask(Method::Delete, &format!("/dead-letters/{id}"), &[]),
        }
    }
}

/// Lists them, the oldest first.
pub fn list(service: &Service, region: Option<&str>, output: &Output) -> Result<(), Failure> {
    let letters = letters(service, region)?;
    output.remark(|| match letters.len() {
        1 => format!("1 dead letter at {}", service.url()),
        count => format!("{count} dead letters at {}", service.url()),
    })?;
    letters.iter().try_for_each(|letter| output.thing(letter, || row(letter)))
}

/// Shows one.
pub fn show(service: &Service, id: &str, output: &Output) -> Result<(), Failure> {
    let letters = letters(service, None)?;
    let letter = letters.iter().find(|letter| letter["id"] == id).ok_or_else(|| not_there(id))?;
    output.thing(letter, || page(letter))
}

/// That all are to be dropped has to be said twice: nothing brings them back.
pub fn may_drop(ids: &[String], yes: bool) -> Result<(), Failure> {
    if yes || !ids.iter().any(|id| id == ALL) {
        return Ok(());
    }
    Err(Failure::new(Kind::Usage, "what is dropped is lost")
        .next("if all are to go: evercart dlq drop all --yes"))
}

/// Does it to those that are named, one after another. Of those that are named, one that is not there holds no other up:
/// it is said in the end. Of all, it is one that somebody else has taken care of.
pub fn act(service: &Service, act: Act, ids: &[String], output: &Output) -> Result<(), Failure> {
    let all = ids.iter().any(|id| id == ALL);
    let ids = if all { every_id(service)? } else { checked(ids)? };
    if ids.is_empty() {
        return output.remark(|| format!("no dead letters at {}", service.url()));
    }
    let progress = Progress::new("dead letters", Some(ids.len()));
    let mut missing = None;
    for id in &ids {
        let word = match act.ask(service, id) {
            Ok(_) => act.done(),
            Err(failure) if failure.code.as_deref() == Some(NOT_FOUND) => {
                missing = missing.or(Some(failure));
                "not_there"
            }
            Err(failure) => return Err(failure),
        };
        progress.done(1);
        progress.above(|| {
            output.thing(&json!({"id": id, "outcome": word}), || format!("{id}: {}", word.replace('_', " ")))
        })?;
    }
    missing.filter(|_| !all).map_or(Ok(()), Err)
}

/// All there are, or those that the store of a region keeps. They come in pages.
fn letters(service: &Service, region: Option<&str>) -> Result<Vec<Value>, Failure> {
    let progress = Progress::new("dead letters", None);
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = Vec::new();
        query.extend(region.map(|region| ("region", region)));
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let mut page = service.ask(Method::Get, "/dead-letters", &query)?;
        let Value::Array(letters) = page["dead_letters"].take() else {
            return Err(Failure::new(Kind::Away, format!("{} answers no list of letters", service.url()))
                .next("is it the address of an Evercart? Name it with --url, or URL="));
        };
        progress.done(letters.len());
        found.extend(letters);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(found),
        }
    }
}

fn every_id(service: &Service) -> Result<Vec<String>, Failure> {
    let ids = letters(service, None)?;
    Ok(ids.iter().filter_map(|letter| letter["id"].as_str()).map(str::to_owned).collect())
}

/// They become a part of a path, and it is the path that is meant.
fn checked(ids: &[String]) -> Result<Vec<String>, Failure> {
    let plain =
        |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match ids.iter().find(|id| !plain(id)) {
        Some(wrong) => Err(not_there(wrong)),
        None => Ok(ids.to_owned()),
    }
}

fn not_there(id: &str) -> Failure {
    let failure = Failure::new(Kind::Refused, format!("no dead letter has the id {id:?}"));
    failure.next("`evercart dlq list` shows those there are")
}

fn text<'a>(letter: &'a Value, field: &str, otherwise: &'a str) -> &'a str {
    letter[field].as_str().unwrap_or(otherwise)
}

fn row(letter: &Value) -> String {
    format!(
        "{}  {}  {} to {}, {} bytes\n    {}",
        text(letter, "id", "?"),
        text(letter, "died_at", "?"),
        text(letter, "cart_id", "unreadable"),
        text(letter, "store", "no store"),
        letter["bytes"],
        text(letter, "reason", "?"),
    )
}

fn page(letter: &Value) -> String {
    let id = text(letter, "id", "?");
    format!(
        "letter   {id}\ncart     {}\nstore    {}\nkept in  {}\nsent     {}\ndied     {}\nbytes    {}\nreason   {}\n\n\
         Once the cause is gone: evercart dlq retry {id}\nIf it is not worth that: evercart dlq drop {id}",
        text(letter, "cart_id", "unreadable"),
        text(letter, "store", "no store"),
        text(letter, "kept_in", "?"),
        text(letter, "sent_at", "nobody knows"),
        text(letter, "died_at", "?"),
        letter["bytes"],
        text(letter, "reason", "?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_that_cannot_be_read_is_shown_too() {
        let letter = json!({"id": "a1", "kept_in": "weur", "died_at": "2026-01-02T03:04:05Z", "reason": "it is cut off",
            "bytes": 7, "store": null, "cart_id": null, "sent_at": null});
        let expected = "a1  2026-01-02T03:04:05Z  unreadable to no store, 7 bytes\n    it is cut off";
        assert_eq!(row(&letter), expected);
        assert!(page(&letter).contains("kept in  weur\nsent     nobody knows\n"), "{}", page(&letter));
    }

    #[test]
    fn an_id_is_no_path() {
        assert!(checked(&["0b5c-2f9e".to_owned()]).is_ok());
        for wrong in ["", "..", "a/b", "a?b", "a%2f", "a b"] {
            let failure = checked(&["a".to_owned(), wrong.to_owned()]).expect_err(wrong);
            assert_eq!(failure.kind, Kind::Refused);
        }
    }

    #[test]
    fn all_are_dropped_only_if_that_is_meant() {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert!(may_drop(&ids(&["a", "b"]), false).is_ok());
        assert!(may_drop(&ids(&["all"]), true).is_ok());
        assert_eq!(may_drop(&ids(&["a", "all"]), false).map_err(|failure| failure.kind), Err(Kind::Usage));
    }
}
