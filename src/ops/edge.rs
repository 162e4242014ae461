//! What the edge itself is asked of the service: whether it lives and is ready, its contract, and in development its
//! faults.

use serde_json::json;
use worker::{Env, Method};

use crate::catalog;
use crate::door::exchange::Query;
use crate::net::stores::operate;
use crate::ops::api::Endpoint;
use crate::ops::faults;
use crate::platform::answer::{self, Answer};
use crate::platform::config::Config;
use crate::platform::problem::Problem;
use crate::platform::request::Request;

/// Answers.
pub async fn serve(
    request: &Request,
    env: &Env,
    config: &Config,
    endpoint: Endpoint,
    query: &str,
) -> Result<Answer, Problem> {
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

async fn ready(env: &Env) -> Result<Answer, Problem> {
    let catalog = catalog::call::is_ready(env).await;
    let status = if catalog { 200 } else { 503 };
    let word = |ok| if ok { "ok" } else { "unavailable" };
    let body = json!({"status": word(catalog), "checks": {"catalog": word(catalog)}});
    let mut answer = answer::json_of(&body, status)?;
    if !catalog {
        answer.put("Retry-After", "1");
    }
    Ok(answer)
}

async fn openapi(env: &Env) -> worker::Result<Answer> {
    let assets = env.assets("ASSETS")?;
    let path = worker::Request::new("https://assets/openapi.json", Method::Get)?;
    let file = assets.fetch_request(path).await?;
    let mut answer = Answer::made(worker::Response::from_body(file.body().clone())?.into());
    answer.put("Content-Type", "application/json");
    Ok(answer)
}
