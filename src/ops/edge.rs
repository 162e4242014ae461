//! What the edge itself is asked of the service: whether it lives and is ready, its contract, and in development its
//! faults.

use serde_json::json;
use worker::{Env, Method, Request, Response};

use crate::catalog;
use crate::door::exchange::Query;
use crate::net::stores::operate;
use crate::ops::api::Endpoint;
use crate::ops::faults;
use crate::platform::answer::{self, Setter};
use crate::platform::config::Config;
use crate::platform::problem::Problem;

/// Answers.
pub async fn serve(
    request: &mut Request,
    env: &Env,
    config: &Config,
    endpoint: Endpoint,
    query: &str,
) -> Result<Response, Problem> {
    match endpoint {
        Endpoint::Healthz => {
            Query::of(query)?;
            answer::json_of(&json!({"status": "ok"}), 200)
        }
        Endpoint::Readyz => {
            Query::of(query)?;
            ready(env).await
        }
        Endpoint::OpenApi => {
            Query::of(query)?;
            openapi(env).await.map_err(|error| Problem::object(&error))
        }
        Endpoint::ShowFaults => faults::show(),
        Endpoint::SetFaults => faults::set(request, config).await,
        Endpoint::Regions
        | Endpoint::StoredCarts
        | Endpoint::StoredCart
        | Endpoint::MoveHome
        | Endpoint::MoveSlot
        | Endpoint::DeadLetters
        | Endpoint::ReplayLetter
        | Endpoint::DropLetter => operate(request, config).await.map_err(|error| Problem::object(&error)),
    }
}

async fn ready(env: &Env) -> Result<Response, Problem> {
    let catalog = catalog::call::is_ready(env).await;
    let status = if catalog { 200 } else { 503 };
    let word = |ok| if ok { "ok" } else { "unavailable" };
    let body = json!({"status": word(catalog), "checks": {"catalog": word(catalog)}});
    let response = answer::json_of(&body, status)?;
    if !catalog {
        Setter(response.headers()).put("Retry-After", "1");
    }
    Ok(response)
}

async fn openapi(env: &Env) -> worker::Result<Response> {
    let assets = env.assets("ASSETS")?;
    let path = Request::new("https://assets/openapi.json", Method::Get)?;
    let file = assets.fetch_request(path).await?;
    let response = Response::from_body(file.body().clone())?;
    Setter(response.headers()).put("Content-Type", "application/json");
    Ok(response)
}
