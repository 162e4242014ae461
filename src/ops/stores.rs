//! What the operator asks of the stores' module: how the regions do, carts as the stores have them, where a cart is at
//! home, moves of slots, dead letters. The operator's bearer is the secret `ADMIN_TOKEN`; where there is none, none of
//! this is there.

use cart_core::id::CartId;
use sha2::{Digest as _, Sha256};
use worker::{Env, web_sys};

use crate::door::route::{Route, nothing_here, path_and_query};
use crate::door::visitor::Visitor;
use crate::net::peers::STORE_PATH;
use crate::net::stores::CIRCUITS;
use crate::ops::admin::{Admin, parameters};
use crate::ops::api::{Endpoint, ROUTES};
use crate::ops::carts::NewHome;
use crate::platform::answer::{self, Answer, refused};
use crate::platform::body;
use crate::platform::config::Config;
use crate::platform::problem::Problem;
use crate::platform::request::Request;
use crate::store::dead;
use crate::store::errands::receive;

/// Serves what comes to the stores' module over HTTP. Refusals become problem+json.
pub async fn serve(request: &Request, env: &Env) -> worker::Result<web_sys::Response> {
    let outcome = match Config::of(env) {
        Ok(config) => handle(request, env, &config).await,
        Err(problem) => Err(problem),
    };
    outcome.unwrap_or_else(|problem| refused(&problem)).response(false)
}

async fn handle(request: &Request, env: &Env, config: &Config) -> Result<Answer, Problem> {
    let (path, query) = path_and_query(request.head.url());
    if path == STORE_PATH {
        return receive(request, env, config).await;
    }
    check_operator(request, config)?;
    let Route { endpoint, cart, item } = Route::find(&ROUTES, request.head.method(), path)?;
    let known: &[&str] = match endpoint {
        Endpoint::StoredCarts => {
            &["home", "owner", "updated_since", "updated_before", "tolerance_ms", "cursor"]
        }
        Endpoint::StoredCart => &["region"],
        Endpoint::DeadLetters => &["region", "cursor"],
        Endpoint::MoveSlot => &["region", "to"],
        Endpoint::Regions
        | Endpoint::MoveHome
        | Endpoint::ReplayLetter
        | Endpoint::DropLetter
        | Endpoint::ShowFaults
        | Endpoint::SetFaults
        | Endpoint::Healthz
        | Endpoint::Readyz
        | Endpoint::OpenApi => &[],
    };
    let here = Visitor::of(request, config)?.region(config);
    let admin = Admin { env, config, here, asked: parameters(query, known)? };
    let item = item.unwrap_or_default();
    let cart = || CartId::try_from(cart.unwrap_or_default());
    match endpoint {
        Endpoint::Regions => admin.regions(request.head.header(CIRCUITS).unwrap_or_default()).await,
        Endpoint::StoredCarts => admin.carts().await,
        Endpoint::StoredCart => admin.cart(&cart()?).await,
        Endpoint::MoveHome => {
            let to: NewHome = body::json(request).await?;
            admin.move_home(&cart()?, &to).await
        }
        Endpoint::MoveSlot => admin.move_slot(&item).await,
        Endpoint::DeadLetters => admin.dead_letters().await,
        Endpoint::ReplayLetter => dead::replay(env, config, &item).await.map(|()| answer::empty(202)),
        Endpoint::DropLetter => dead::drop_letter(env, config, &item).await.map(|()| answer::empty(204)),
        // The edge answers them.
        Endpoint::ShowFaults
        | Endpoint::SetFaults
        | Endpoint::Healthz
        | Endpoint::Readyz
        | Endpoint::OpenApi => Err(nothing_here()),
    }
}

/// Digests are compared, and whole, so that the time it takes says nothing of the token.
fn check_operator(request: &Request, config: &Config) -> Result<(), Problem> {
    if config.admin_token.is_empty() {
        return Err(nothing_here());
    }
    let header = request.head.header("Authorization").unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    let digest = |text: &str| <[u8; 32]>::from(Sha256::digest(text.as_bytes()));
    let (given, wanted) = (digest(token.trim()), digest(&config.admin_token));
    let differing = given.iter().zip(wanted).fold(0, |differing, (one, other)| differing | (one ^ other));
    if !scheme.eq_ignore_ascii_case("bearer") || differing != 0 {
        let detail = "send the operator's token as Authorization: Bearer";
        return Err(Problem::new(401, "operator_required", detail));
    }
    Ok(())
}
