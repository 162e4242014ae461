//! Method and path to an endpoint: one table, from which `/openapi.json` may not differ. Pure.

use crate::platform::problem::Problem;

/// All that can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoint {
    OpenSession,
    RenewSession,
    EndSession,
    CreateCart,
    ListCarts,
    ShowCart,
    UpdateCart,
    EraseCart,
    AddLine,
    ClearLines,
    ChangeLine,
    RemoveLine,
    ApplyCoupon,
    RemoveCoupon,
    Commands,
    LeaseActor,
    Sync,
    Ticket,
    Live,
    Events,
    Merge,
    Export,
    ListProducts,
    ShowProduct,
    ShowFaults,
    SetFaults,
    Regions,
    StoredCarts,
    StoredCart,
    MoveHome,
    MoveSlot,
    DeadLetters,
    ReplayLetter,
    DropLetter,
    Healthz,
    Readyz,
    OpenApi,
}

/// Every route: method, path, endpoint.
pub const ROUTES: [(&str, &str, Endpoint); 37] = [
    ("POST", "/v1/sessions", Endpoint::OpenSession),
    ("POST", "/v1/sessions/renew", Endpoint::RenewSession),
    ("DELETE", "/v1/sessions/current", Endpoint::EndSession),
    ("POST", "/v1/carts", Endpoint::CreateCart),
    ("GET", "/v1/carts", Endpoint::ListCarts),
    ("GET", "/v1/carts/{cart}", Endpoint::ShowCart),
    ("PATCH", "/v1/carts/{cart}", Endpoint::UpdateCart),
    ("DELETE", "/v1/carts/{cart}", Endpoint::EraseCart),
    ("POST", "/v1/carts/{cart}/lines", Endpoint::AddLine),
    ("DELETE", "/v1/carts/{cart}/lines", Endpoint::ClearLines),
    ("PATCH", "/v1/carts/{cart}/lines/{line_id}", Endpoint::ChangeLine),
    ("DELETE", "/v1/carts/{cart}/lines/{line_id}", Endpoint::RemoveLine),
    ("POST", "/v1/carts/{cart}/coupons", Endpoint::ApplyCoupon),
    ("DELETE", "/v1/carts/{cart}/coupons/{code}", Endpoint::RemoveCoupon),
    ("POST", "/v1/carts/{cart}/commands", Endpoint::Commands),
    ("POST", "/v1/carts/{cart}/actors", Endpoint::LeaseActor),
    ("POST", "/v1/carts/{cart}/sync", Endpoint::Sync),
    ("GET", "/v1/carts/{cart}/live", Endpoint::Live),
    ("POST", "/v1/carts/{cart}/live", Endpoint::Ticket),
    ("GET", "/v1/carts/{cart}/events", Endpoint::Events),
    ("POST", "/v1/carts/{cart}/merge", Endpoint::Merge),
    ("GET", "/v1/carts/{cart}/export", Endpoint::Export),
    ("GET", "/v1/products", Endpoint::ListProducts),
    ("GET", "/v1/products/{sku}", Endpoint::ShowProduct),
    ("GET", "/v1/admin/faults", Endpoint::ShowFaults),
    ("PUT", "/v1/admin/faults", Endpoint::SetFaults),
    ("GET", "/v1/admin/regions", Endpoint::Regions),
    ("GET", "/v1/admin/carts", Endpoint::StoredCarts),
    ("GET", "/v1/admin/carts/{cart}", Endpoint::StoredCart),
    ("POST", "/v1/admin/carts/{cart}/home", Endpoint::MoveHome),
    ("POST", "/v1/admin/slots/{slot}/move", Endpoint::MoveSlot),
    ("GET", "/v1/admin/dead-letters", Endpoint::DeadLetters),
    ("POST", "/v1/admin/dead-letters/{letter}/replay", Endpoint::ReplayLetter),
    ("DELETE", "/v1/admin/dead-letters/{letter}", Endpoint::DropLetter),
    ("GET", "/healthz", Endpoint::Healthz),
    ("GET", "/readyz", Endpoint::Readyz),
    ("GET", "/openapi.json", Endpoint::OpenApi),
];

/// What a request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    pub endpoint: Endpoint,
    /// The `{cart}` of the path, as it came.
    pub cart: Option<String>,
    /// What else the path names, decoded: `{line_id}`, `{code}`, `{sku}`, `{slot}` or `{letter}`.
    pub item: Option<String>,
}

impl Route {
    /// Finds the route of a method and an encoded path. HEAD is GET without its body.
    pub fn find(method: &str, path: &str) -> Result<Self, Problem> {
        let method = if method == "HEAD" { "GET" } else { method };
        let (pattern, params) = pattern_of(path).ok_or_else(|| {
            Problem::new(404, "not_found", "there is nothing at this path; /openapi.json lists all there is")
        })?;
        let mut here = ROUTES.iter().filter(|(_, path, _)| *path == pattern);
        let Some((_, _, endpoint)) = here.clone().find(|(there, _, _)| *there == method) else {
            let allow: Vec<&str> = here.by_ref().map(|(method, _, _)| *method).collect();
            let allow = allow.join(", ");
            let detail = format!("{method} is not possible at this path; use {allow}");
            return Err(Problem {
                allow: Some(allow.into()),
                ..Problem::new(405, "method_not_allowed", detail)
            });
        };
        let decoded = |name| {
            let (_, text) = params.iter().find(|(there, _)| *there == name)?;
            Some(percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned())
        };
        Ok(Self {
            endpoint: *endpoint,
            cart: decoded("cart"),
            item: ["line_id", "code", "sku", "slot", "letter"].into_iter().find_map(decoded),
        })
    }

    /// The methods of a path, for a preflight.
    pub fn methods(path: &str) -> Option<String> {
        let (pattern, _) = pattern_of(path)?;
        let here = ROUTES.iter().filter(|(_, path, _)| *path == pattern);
        Some(here.map(|(method, _, _)| *method).collect::<Vec<_>>().join(", "))
    }
}

/// The names in a pattern, each with the segment that stands for it, still encoded.
type Params<'a> = Vec<(&'static str, &'a str)>;

/// The pattern that a path is of. No path is of two.
fn pattern_of(path: &str) -> Option<(&'static str, Params<'_>)> {
    ROUTES.iter().find_map(|(_, pattern, _)| Some((*pattern, params(pattern, path)?)))
}

fn params<'a>(pattern: &'static str, path: &'a str) -> Option<Params<'a>> {
    if pattern.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut params = Vec::new();
    for (there, here) in pattern.split('/').zip(path.split('/')) {
        match there.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !here.is_empty() => params.push((name, here)),
            None if there == here => {}
            _ => return None,
        }
    }
    Some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, path: &str, expected: Result<Endpoint, &str>) {
        let found = Route::find(method, path).map(|route| route.endpoint).map_err(|problem| problem.code);
        assert_eq!(found, expected.map_err(str::to_owned), "{method} {path}");
    }

    #[test]
    fn every_route_is_found() {
        for (method, path, endpoint) in ROUTES {
            check(method, path, Ok(endpoint));
        }
        check("HEAD", "/v1/carts/current", Ok(Endpoint::ShowCart));
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
        let route = Route::find("DELETE", "/v1/carts/current/coupons/A%2FB%20C").expect("is a route");
        assert_eq!(route.cart.as_deref(), Some("current"));
        assert_eq!(route.item.as_deref(), Some("A/B C"));
    }

    /// `/openapi.json` and the routes are the same.
    #[test]
    fn openapi_names_exactly_the_routes() {
        let spec: serde_json::Value =
            serde_json::from_str(include_str!("../../web/openapi.json")).expect("openapi.json is JSON");
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
