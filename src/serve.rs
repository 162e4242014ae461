//! From a request to an answer: what is between processes, what is the stores' module's, and all others by one table,
//! which joins those of the contexts and from which `/openapi.json` may not differ.

use worker::{Context, Env, web_sys};

use crate::door::exchange::Exchange;
use crate::door::headers::{common_headers, preflight};
use crate::door::route::{Entry, Route, path_and_query};
use crate::door::visitor::Visitor;
use crate::net::{peers, stores};
use crate::platform::answer::{Answer, refused};
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::platform::request::Request;
use crate::{cart, catalog, ops, session};
use std::rc::Rc;

/// All that can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Endpoint {
    Session(session::api::Endpoint),
    Cart(cart::api::Endpoint),
    Catalog(catalog::api::Endpoint),
    Ops(ops::api::Endpoint),
}

/// How many routes there are.
const COUNT: usize = session::api::ROUTES.len()
    + cart::api::ROUTES.len()
    + catalog::api::ROUTES.len()
    + ops::api::ROUTES.len();

/// Every route.
static ROUTES: [Entry<Endpoint>; COUNT] = joined();

macro_rules! join {
    ($all:ident, $at:ident, $routes:expr, $context:ident) => {
        let (routes, mut next) = ($routes, 0);
        while next < routes.len() {
            let (method, path, endpoint) = routes[next];
            $all[$at] = (method, path, Endpoint::$context(endpoint));
            (next, $at) = (next + 1, $at + 1);
        }
    };
}

#[expect(clippy::indexing_slicing, reason = "it runs in the compiler")]
const fn joined() -> [Entry<Endpoint>; COUNT] {
    let mut all = [("", "", Endpoint::Ops(ops::api::Endpoint::Healthz)); COUNT];
    let mut at = 0;
    join!(all, at, session::api::ROUTES, Session);
    join!(all, at, cart::api::ROUTES, Cart);
    join!(all, at, catalog::api::ROUTES, Catalog);
    join!(all, at, ops::api::ROUTES, Ops);
    assert!(at == COUNT);
    all
}

/// Serves a request. Refusals become problem+json here and nowhere else.
pub async fn serve(request: &Request, env: &Env, context: &Context) -> worker::Result<web_sys::Response> {
    let config = Config::of(env);
    let mut visitor = None;
    let outcome = match &config {
        Ok(config) => handle(request, env, config, &mut visitor).await,
        Err(problem) => Err(problem.clone()),
    };
    let mut answer = match outcome {
        Ok(answer) => {
            if let (Ok(config), Some(visitor)) = (&config, &visitor) {
                session::call::note_use(context, env, config, visitor);
            }
            answer
        }
        Err(problem) => refused(&problem),
    };
    common_headers(&mut answer, &request.head, config.as_deref().ok(), visitor.as_ref());
    answer.response(request.head.method() == "HEAD")
}

async fn handle(
    request: &Request,
    env: &Env,
    config: &Rc<Config>,
    visitor: &mut Option<Visitor>,
) -> Result<Answer, Problem> {
    let (path, query) = path_and_query(request.head.url());
    let visitor = visitor.insert(Visitor::of(request, config)?);
    log::here(visitor.near, None);
    let method = request.head.method();
    if method == "OPTIONS"
        && let Some(methods) = Route::methods(&ROUTES, path)
    {
        return Ok(preflight(methods));
    }
    if path == peers::LIVE_PATH && method == "GET" {
        return cart::incoming::receive_opening(&request.head, env, config).await;
    }
    if path == peers::PATH && method == "POST" {
        return cart::incoming::receive(request, env, config).await;
    }
    // What is for the stores, and what the operator asks of them: also what is not there, which only the operator is told.
    if path == peers::STORE_PATH || (path.starts_with("/v1/admin/") && path != ops::faults::PATH) {
        return stores::operate(request, config).await.map_err(|error| Problem::object(&error));
    }
    if path == ops::faults::PATH {
        ops::faults::check(config)?;
    }
    let Route { endpoint, cart, item } = Route::find(&ROUTES, method, path)?;
    match endpoint {
        Endpoint::Session(endpoint) => {
            let mut exchange = Exchange::of(request, env, config, visitor, query)?;
            session::api::serve(&mut exchange, endpoint).await
        }
        Endpoint::Cart(endpoint) => {
            let mut exchange = Exchange::of(request, env, config, visitor, query)?;
            cart::api::serve(&mut exchange, endpoint, cart, item).await
        }
        Endpoint::Catalog(endpoint) => catalog::api::serve(env, endpoint, query, item).await,
        Endpoint::Ops(endpoint) => ops::edge::serve(request, env, config, endpoint, query).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, path: &str, expected: Result<Endpoint, &str>) {
        let found =
            Route::find(&ROUTES, method, path).map(|route| route.endpoint).map_err(|problem| problem.code);
        assert_eq!(found, expected.map_err(str::to_owned), "{method} {path}");
    }

    #[test]
    fn every_route_is_found() {
        for (method, path, endpoint) in ROUTES {
            check(method, path, Ok(endpoint));
        }
        check("HEAD", "/v1/carts/current", Ok(Endpoint::Cart(cart::api::Endpoint::ShowCart)));
        check("GET", "/", Err("not_found"));
        check("GET", "/v1/carts/", Err("not_found"));
        check("GET", "/v1/carts/a/", Err("not_found"));
        check("DELETE", "/v1/carts/a/lines/", Err("not_found"));
        check("DELETE", "/v1/carts/a/lines/b/c", Err("not_found"));
        check("GET", "v1/carts", Err("not_found"));
        check("PUT", "/v1/carts/current", Err("method_not_allowed"));
        check("GET", "/v1/sessions/current", Err("method_not_allowed"));
    }

    #[test]
    fn parts_of_the_path_are_decoded() {
        let route =
            Route::find(&ROUTES, "DELETE", "/v1/carts/current/coupons/A%2FB%20C").expect("is a route");
        assert_eq!(route.cart.as_deref(), Some("current"));
        assert_eq!(route.item.as_deref(), Some("A/B C"));
    }

    /// `/openapi.json` and the routes are the same.
    #[test]
    fn openapi_names_exactly_the_routes() {
        let spec: serde_json::Value =
            serde_json::from_str(include_str!("../web/openapi.json")).expect("openapi.json is JSON");
        let mut described: Vec<(String, String)> = spec["paths"]
            .as_object()
            .expect("paths")
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().expect("a path item").keys();
                methods
                    .filter(|key| ["get", "post", "patch", "delete", "put", "head"].contains(&key.as_str()))
                    .map(|method| (method.to_uppercase(), path.clone()))
                    .collect::<Vec<_>>()
            })
            .collect();
        let mut routed: Vec<(String, String)> =
            ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
        described.sort();
        routed.sort();
        assert_eq!(described, routed);
    }
}
