//! A request on its way, with all that is needed to answer it.

use std::rc::Rc;

use cart_core::command::Place;
use worker::Env;

use crate::door::visitor::Visitor;
use crate::platform::config::Config;
use crate::platform::problem::Problem;
use crate::platform::request::Request;

/// What the functions of endpoints are given.
pub struct Exchange<'a> {
    pub request: &'a Request,
    pub env: &'a Env,
    pub config: &'a Rc<Config>,
    pub visitor: &'a mut Visitor,
    pub query: Query,
    /// The edge has just made the request's idempotency key: it is no retry.
    pub minted: bool,
}

impl<'a> Exchange<'a> {
    /// That of a request, if its parameters are known ones.
    pub fn of(
        request: &'a Request,
        env: &'a Env,
        config: &'a Rc<Config>,
        visitor: &'a mut Visitor,
        query: &str,
    ) -> Result<Self, Problem> {
        Ok(Self { request, env, config, visitor, query: Query::of(query)?, minted: false })
    }

    /// A header of the request.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.request.head.header(name)
    }
}

/// The parameters after the path's question mark.
#[derive(Default)]
pub struct Query {
    pub context: Option<String>,
    pub at: Option<Place>,
    pub cursor: Option<String>,
}

impl Query {
    /// The parameters, decoded. Unknown ones are refused, as unknown fields are.
    pub fn of(text: &str) -> Result<Self, Problem> {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match name.as_ref() {
                "context" => query.context = Some(value.into_owned()),
                // The guard has read it, where it may be named.
                "region" => {}
                "cursor" => query.cursor = Some(value.into_owned()),
                "in" => {
                    query.at = Some(match value.as_ref() {
                        "cart" => Place::Cart,
                        "saved" => Place::Saved,
                        other => {
                            return Err(Problem::invalid("in", format!("is {other:?}; use cart or saved")));
                        }
                    });
                }
                other => {
                    return Err(Problem::new(
                        422,
                        "invalid_field",
                        format!("{other:?} is no parameter here; use context, in or cursor"),
                    ));
                }
            }
        }
        Ok(query)
    }
}
