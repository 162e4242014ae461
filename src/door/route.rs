//! Method and path to an endpoint, by a table. Each context has its own; `serve.rs` joins them. Pure.

use crate::platform::problem::Problem;

/// A line of a table: method, path, endpoint.
pub type Entry<E> = (&'static str, &'static str, E);

/// What a request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route<E> {
    pub endpoint: E,
    /// The `{cart}` of the path, as it came.
    pub cart: Option<String>,
    /// What else the path names, decoded: `{line_id}`, `{code}`, `{sku}`, `{slot}` or `{letter}`.
    pub item: Option<String>,
}

impl<E: Copy> Route<E> {
    /// Finds the route of a method and an encoded path. HEAD is GET without its body.
    pub fn find(table: &[Entry<E>], method: &str, path: &str) -> Result<Self, Problem> {
        let method = if method == "HEAD" { "GET" } else { method };
        let (pattern, params) = pattern_of(table, path).ok_or_else(nothing_here)?;
        let mut here = table.iter().filter(|(_, path, _)| *path == pattern);
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
    pub fn methods(table: &[Entry<E>], path: &str) -> Option<String> {
        let (pattern, _) = pattern_of(table, path)?;
        let here = table.iter().filter(|(_, path, _)| *path == pattern);
        Some(here.map(|(method, _, _)| *method).collect::<Vec<_>>().join(", "))
    }
}

/// The names in a pattern, each with the segment that stands for it, still encoded.
type Params<'a> = Vec<(&'static str, &'a str)>;

/// The pattern that a path is of. No path is of two.
fn pattern_of<'a, E>(table: &[Entry<E>], path: &'a str) -> Option<(&'static str, Params<'a>)> {
    table.iter().find_map(|(_, pattern, _)| Some((*pattern, params(pattern, path)?)))
}

fn params<'a>(pattern: &'static str, path: &'a str) -> Option<Params<'a>> {
    let (mut there, mut here) = (pattern.split('/'), path.split('/'));
    let mut params = Vec::new();
    loop {
        let (there, here) = match (there.next(), here.next()) {
            (Some(there), Some(here)) => (there, here),
            (None, None) => return Some(params),
            _ => return None,
        };
        match there.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !here.is_empty() => params.push((name, here)),
            None if there == here => {}
            _ => return None,
        }
    }
}

/// The refusal where there is nothing.
pub fn nothing_here() -> Problem {
    Problem::new(404, "not_found", "there is nothing at this path; /openapi.json lists all there is")
}

/// The path and the query of an absolute URL, both still encoded.
pub fn path_and_query(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/");
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    (path, query.split('#').next().unwrap_or_default())
}
