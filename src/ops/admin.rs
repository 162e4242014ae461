//! An operator's request, and the form of its answers.

use cart_core::cart::Cart;
use cart_core::id::{CartId, Region};
use cart_core::packed::unpack;
use serde_json::Value;
use worker::Env;

use crate::platform::answer::{self, Answer};
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::call::{Errand, Report};
use crate::store::errands::ask;
use crate::store::region::home_of;
use crate::store::rows::letters::Age;

/// How many carts or dead letters a page has.
pub const PAGE: usize = 50;
/// How long a store is waited for, in milliseconds.
pub const ASK_MS: u64 = 1_500;

/// The parameters after the question mark. Unknown ones are refused.
pub fn parameters(query: &str, known: &[&str]) -> Result<Vec<(String, String)>, Problem> {
    let mut asked = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !known.contains(&name.as_ref()) {
            let detail = format!("{name:?} is no parameter here; use {}", known.join(", "));
            return Err(Problem::new(422, "invalid_field", detail));
        }
        asked.push((name.into_owned(), value.into_owned()));
    }
    Ok(asked)
}

/// What its functions are given.
pub struct Admin<'a> {
    pub env: &'a Env,
    pub config: &'a Config,
    /// The region that this request is for.
    pub here: Region,
    pub asked: Vec<(String, String)>,
}

impl Admin<'_> {
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.asked.iter().rev().find(|(there, _)| there == name).map(|(_, value)| value.as_str())
    }

    pub fn place(&self, field: &'static str, name: &str) -> Result<Region, Problem> {
        let region = Region::parse(name).filter(|region| self.config.regions.place(*region).is_some());
        region.ok_or_else(|| Problem::invalid(field, "use a region of GET /v1/admin/regions"))
    }

    /// The region asked for, else the one served here.
    pub fn region(&self) -> Result<Region, Problem> {
        self.asked("region").map_or(Ok(self.here), |name| self.place("region", name))
    }

    /// As [`Self::region`], if its store is served by this process.
    pub fn region_here(&self) -> Result<Region, Problem> {
        let region = self.region()?;
        if self.config.peer(region).is_some() {
            let detail = format!("the store of {region} is another process's; ask that one");
            return Err(Problem::new(421, "misdirected", detail));
        }
        Ok(region)
    }

    pub async fn report(&self, store: Region) -> Option<Report> {
        let answer = ask(self.env, self.config, Errand::Report { store }, ASK_MS).await;
        let report = answer.and_then(|bytes| Ok(unpack::<Report>(&bytes)?));
        let failed = |problem: &Problem| {
            log::failed(&format!("ask how {store} is"), &problem.detail, "it is shown as down")
        };
        report.inspect_err(failed).ok()
    }
}

/// An object of JSON, with far less code than the macro makes.
pub fn object(fields: Vec<(&str, Value)>) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The answer that is such an object.
pub fn answer(fields: Vec<(&str, Value)>) -> Result<Answer, Problem> {
    answer::json_of(&object(fields), 200)
}

/// Where a cart is at home.
pub fn home(cart_id: &CartId, cart: &Cart) -> Value {
    let term = cart.home().map_or(0, |home| home.term);
    object(vec![("region", home_of(cart_id, cart).name().into()), ("term", term.into())])
}

/// Bytes as people read them.
pub fn hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

/// A place in a list: a number and an id.
pub fn age(text: &str) -> Result<Age, Problem> {
    let parts = text.split_once('.').and_then(|(number, id)| Some((number.parse().ok()?, id.to_owned())));
    parts.ok_or_else(|| Problem::invalid("cursor", "use the next_cursor of the page before"))
}
