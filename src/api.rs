//! From a request to an answer: route, guard, the call of the cart's object, the response. What a request
//! means is one function an endpoint; each reads its body, makes the core's input and shows the outcome.

use cart_core::change::Change;
use cart_core::command::{COMMANDS_MAX, Command, Fields, Place};
use cart_core::id::{Actor, CartId};
use cart_core::reject::Reject;
use cart_core::replica::{Caller, Edit, Input, Reply, ReplyKind, actors_of_key};
use cart_core::session::Session;
use data_encoding::BASE64_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use worker::{Env, Request, Response};

use crate::body;
use crate::call::{Call, Head};
use crate::catalog;
use crate::config::Config;
use crate::error::Problem;
use crate::guard::{self, Visitor};
use crate::objects::cart::send;
use crate::respond::{self, Setter};
use crate::route::{Endpoint, Route};

/// How many carts a page of the list has.
const CARTS_PAGE: usize = 50;
/// How far a chain of merged carts is followed.
const CHAIN_MAX: usize = 16;

/// Serves a request. Refusals become problem+json here and nowhere else.
pub async fn serve(mut request: Request, env: &Env) -> worker::Result<Response> {
    let config = Config::from_env(env);
    let mut visitor = None;
    let outcome = match &config {
        Ok(config) => handle(&mut request, env, config, &mut visitor).await,
        Err(problem) => Err(problem.clone()),
    };
    let response = match outcome {
        Ok(response) => response,
        Err(problem) => problem.response()?,
    };
    respond::common_headers(&response, &request, config.as_ref().ok(), visitor.as_ref());
    if request.method() == worker::Method::Head {
        return Ok(Response::empty()?
            .with_status(response.status_code())
            .with_headers(response.headers().clone()));
    }
    Ok(response)
}

async fn handle(
    request: &mut Request,
    env: &Env,
    config: &Config,
    visitor: &mut Option<Visitor>,
) -> Result<Response, Problem> {
    // Not `request.url()`: the Url type brings 100 KB of tables for host names, and the host is not needed.
    let url = request.inner().url();
    let (path, query) = path_and_query(&url);
    let visitor = visitor.insert(Visitor::of(request, config)?);
    // As it came: the crate takes methods that it does not know for GET.
    let method = request.inner().method();
    if method == "OPTIONS"
        && let Some(methods) = Route::methods(path)
    {
        return respond::preflight(&methods).map_err(ours);
    }
    let route = Route::find(&method, path)?;
    let mut exchange = Exchange { request, env, config, visitor, query: Query::of(query)? };
    match route.endpoint {
        Endpoint::Healthz => respond::json_of(&json!({"status": "ok"}), 200).map_err(ours),
        Endpoint::Readyz => exchange.ready().await,
        Endpoint::OpenApi => openapi(),
        Endpoint::OpenSession => exchange.open_session().await,
        Endpoint::RenewSession => exchange.renew_session().await,
        _ => {
            exchange.visitor.enter(exchange.request.headers(), config)?;
            exchange.cart_endpoint(route).await
        }
    }
}

/// The path and the query of an absolute URL, both still encoded.
fn path_and_query(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/");
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    (path, query.split('#').next().unwrap_or_default())
}

/// A request on its way, with all that is needed to answer it.
struct Exchange<'a> {
    request: &'a mut Request,
    env: &'a Env,
    config: &'a Config,
    visitor: &'a mut Visitor,
    query: Query,
}

/// The parameters after the path's question mark.
#[derive(Default)]
struct Query {
    context: Option<String>,
    at: Option<Place>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCart {
    currency: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLine {
    sku: String,
    #[serde(default = "one")]
    quantity: i64,
    #[serde(default)]
    variant: Option<String>,
    #[serde(default)]
    customization: Option<Map<String, Value>>,
}

fn one() -> i64 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineChange {
    #[serde(default)]
    quantity: Option<i64>,
    #[serde(default)]
    increment: Option<i64>,
    #[serde(default)]
    decrement: Option<i64>,
    #[serde(default)]
    location: Option<Place>,
    #[serde(default, rename = "in")]
    at: Option<Place>,
    #[serde(default)]
    context: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CouponCode {
    code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    #[serde(deserialize_with = "cart_core::command::objects")]
    commands: Vec<Command>,
    #[serde(default)]
    context: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guest {
    cart_id: String,
    token: String,
}

impl Exchange<'_> {
    async fn cart_endpoint(&mut self, route: Route) -> Result<Response, Problem> {
        let cart = route.cart.as_deref().unwrap_or_default();
        let item = route.item.unwrap_or_default();
        match route.endpoint {
            Endpoint::EndSession => self.end_session().await,
            Endpoint::CreateCart => self.create_cart().await,
            Endpoint::ListCarts => self.list_carts().await,
            Endpoint::ShowCart => self.show_cart(cart).await,
            Endpoint::UpdateCart => {
                let fields: Fields = body::json(self.request).await?;
                self.edit(cart, vec![Command::Update(fields)], None).await
            }
            Endpoint::AddLine => {
                let NewLine { sku, quantity, variant, customization } = body::json(self.request).await?;
                self.edit(cart, vec![Command::Add { sku, quantity, variant, customization }], None).await
            }
            Endpoint::ClearLines => self.edit(cart, vec![Command::Clear {}], None).await,
            Endpoint::ChangeLine => {
                let change: LineChange = body::json(self.request).await?;
                let context = change.context.clone();
                self.edit(cart, vec![change.command(item)?], context).await
            }
            Endpoint::RemoveLine => {
                let at = self.query.at.unwrap_or_default();
                self.edit(cart, vec![Command::Remove { line_id: item, at }], None).await
            }
            Endpoint::ApplyCoupon => {
                let CouponCode { code } = body::json(self.request).await?;
                self.edit(cart, vec![Command::ApplyCoupon { code }], None).await
            }
            Endpoint::RemoveCoupon => self.edit(cart, vec![Command::RemoveCoupon { code: item }], None).await,
            Endpoint::Commands => {
                let Batch { commands, context } = body::json(self.request).await?;
                self.edit(cart, commands, context).await
            }
            Endpoint::LeaseActor => self.lease_actor(cart).await,
            Endpoint::Sync => self.sync(cart).await,
            Endpoint::Merge => self.merge(cart).await,
            Endpoint::Export => self.export(cart).await,
            Endpoint::EraseCart => {
                let (_, session, _) = self.owned(cart)?;
                let (cart_id, _, _) = self.call_cart(cart, Input::Erase).await?;
                self.call_as(&session, &session.root, Input::Strike { cart: cart_id }).await?;
                Response::empty().map(|response| response.with_status(204)).map_err(ours)
            }
            Endpoint::OpenSession
            | Endpoint::RenewSession
            | Endpoint::Healthz
            | Endpoint::Readyz
            | Endpoint::OpenApi => Err(Problem::new(404, "not_found", "there is nothing at this path")),
        }
    }

    async fn ready(&self) -> Result<Response, Problem> {
        let catalog = catalog::is_ready(self.env).await;
        let status = if catalog { 200 } else { 503 };
        let word = |ok| if ok { "ok" } else { "unavailable" };
        let body = json!({"status": word(catalog), "checks": {"catalog": word(catalog)}});
        respond::json_of(&body, status).map_err(ours)
    }

    async fn open_session(&mut self) -> Result<Response, Problem> {
        let Empty {} = body::json(self.request).await?;
        let session = self.visitor.open(self.config)?.clone();
        respond::session(self.config, &session, &session.root).map_err(ours)
    }

    async fn renew_session(&mut self) -> Result<Response, Problem> {
        let Empty {} = body::json(self.request).await?;
        let session = self.visitor.renewable(self.request.headers(), self.config)?;
        let newest = match self.newest(&session).await {
            // Every cart was erased: the session goes on, and makes a new one.
            Err(problem) if problem.status == 404 => session.root.clone(),
            newest => newest?,
        };
        let renewed = session.renewed(self.visitor.now);
        self.visitor.session = Some(renewed.clone());
        self.visitor.issue = true;
        respond::session(self.config, &renewed, &newest).map_err(ours)
    }

    async fn end_session(&mut self) -> Result<Response, Problem> {
        let session = self.visitor.session()?.clone();
        let (reply, _) = self.call_as(&session, &session.root, Input::Carts).await?;
        let ReplyKind::Carts(carts) = reply.kind else { return Err(odd_reply()) };
        for cart in carts.iter().filter(|cart| **cart != session.root) {
            self.call_as(&session, cart, Input::SignOut).await?;
        }
        // The root last: it is what renewal asks.
        self.call_as(&session, &session.root, Input::SignOut).await?;
        self.visitor.issue = false;
        let response = Response::empty().map_err(ours)?.with_status(204);
        Setter(response.headers()).put("Set-Cookie", &respond::cookie("", 0));
        Ok(response)
    }

    /// A further cart of the session; without a session, a new one with its first cart.
    async fn create_cart(&mut self) -> Result<Response, Problem> {
        let NewCart { currency } = body::json(self.request).await?;
        let (key, minted) = guard::idempotency_key(self.request.headers())?;
        let fresh = self.visitor.session.is_none();
        let session = self.visitor.session_or_new(self.config)?.clone();
        let cart_id = if fresh {
            session.root.clone()
        } else {
            CartId::derive(self.config.region, &session.id, key.as_str())
        };
        let fields = |currency| Fields { currency: Some(currency), ..Fields::default() };
        let commands = currency.map(|currency| Command::Update(fields(currency)));
        let edit =
            Edit::of(actors_of_key(session.day(), &session.id, key.as_str()), Vec::from_iter(commands));
        // The root first: it knows whether the session was signed out.
        self.call_as(&session, &session.root, Input::Carts).await?;
        let (reply, head) = self.call_as(&session, &cart_id, Input::Open(edit)).await?;
        if !fresh {
            self.call_as(&session, &session.root, Input::Enroll { cart: cart_id.clone() }).await?;
        }
        let response = self.view(&cart_id, &reply, &head, 201).await?;
        let mut set = Setter(response.headers());
        set.put("Location", &format!("/v1/carts/{cart_id}"));
        if matches!(reply.kind, ReplyKind::State { replayed: true, .. }) {
            set.put("Idempotency-Replayed", "true");
        }
        if minted {
            set.put("Idempotency-Key", key.as_str());
        }
        Ok(response)
    }

    async fn list_carts(&mut self) -> Result<Response, Problem> {
        let session = self.visitor.session()?.clone();
        let (reply, _) = self.call_as(&session, &session.root, Input::Carts).await?;
        let ReplyKind::Carts(carts) = reply.kind else { return Err(odd_reply()) };
        let all: Vec<&CartId> = carts.iter().rev().collect();
        let from = match self.query.cursor.as_deref() {
            None => 0,
            Some(cursor) => all.iter().position(|cart| cart.as_str() == cursor).ok_or_else(|| {
                Problem::invalid("cursor", "is not one of this list; use the next_cursor of the page before")
            })?,
        };
        let page: Vec<Value> = all
            .iter()
            .enumerate()
            .skip(from)
            .take(CARTS_PAGE)
            .map(|(at, cart)| json!({"cart_id": cart, "current": at == 0}))
            .collect();
        let next = all.get(from + CARTS_PAGE);
        respond::json_of(&json!({"carts": page, "next_cursor": next}), 200).map_err(ours)
    }

    async fn show_cart(&mut self, cart: &str) -> Result<Response, Problem> {
        let (cart_id, reply, head) = self.read(cart).await?;
        self.view(&cart_id, &reply, &head, 200).await
    }

    /// Reads never make a session or a cart.
    async fn read(&mut self, cart: &str) -> Result<(CartId, Reply, Head), Problem> {
        self.owned(cart)?;
        self.call_cart(cart, Input::Read).await
    }

    /// As [`Self::address`], of a session that is there already.
    fn owned(&mut self, cart: &str) -> Result<(CartId, Session, bool), Problem> {
        if cart == "current" {
            self.visitor.session()?;
        }
        self.address(cart)
    }

    /// Plain HTTP commands: all or none, once for each key.
    async fn edit(
        &mut self,
        cart: &str,
        commands: Vec<Command>,
        context: Option<String>,
    ) -> Result<Response, Problem> {
        if commands.len() > COMMANDS_MAX {
            let problem = format!("has {} commands; at most {COMMANDS_MAX} are allowed", commands.len());
            return Err(Problem::invalid("commands", problem));
        }
        let (key, minted) = guard::idempotency_key(self.request.headers())?;
        let mut outcome = self.edit_once(cart, commands, context, key.as_str()).await;
        // A key that the edge made is told where it is of use: with the answer, and where a retry may help.
        match &mut outcome {
            Ok(response) if minted => Setter(response.headers()).put("Idempotency-Key", key.as_str()),
            Err(problem) if minted && problem.status >= 500 => {
                problem.idempotency_key = Some(key.as_str().into())
            }
            _ => {}
        }
        outcome
    }

    async fn edit_once(
        &mut self,
        cart: &str,
        commands: Vec<Command>,
        context: Option<String>,
        key: &str,
    ) -> Result<Response, Problem> {
        let (address, session, _) = self.address(cart)?;
        self.check_commands(&commands).await?;
        let header = |name: &str| self.request.headers().get(name).ok().flatten();
        let context = context.or(self.query.context.take()).or(header("Evercart-Context"));
        let if_match = header("If-Match");
        let mut edit = Edit::of(actors_of_key(session.day(), &session.id, key), commands);
        let (cart_id, reply, head) = if context.is_some() || if_match.is_some() {
            // Both belong to one cart: `current` must be known before.
            let cart_id = if cart == "current" { self.newest(&session).await? } else { address };
            edit.seen = context.map(|context| self.config.signer.seen(&cart_id, &context)).transpose()?;
            if let Some(wanted) = if_match {
                // Where it does not match, the replica still has to say whether this is a retry.
                edit.if_version =
                    Some(self.matched_version(&session, &cart_id, &wanted).await?.unwrap_or_default());
            }
            let (reply, head) = self.call_as(&session, &cart_id, Input::Edit(edit)).await?;
            (cart_id, reply, head)
        } else {
            self.call_cart(cart, Input::Edit(edit)).await?
        };
        let response = self.view(&cart_id, &reply, &head, 200).await?;
        if matches!(reply.kind, ReplyKind::State { replayed: true, .. }) {
            Setter(response.headers()).put("Idempotency-Replayed", "true");
        }
        Ok(response)
    }

    /// What can be told of the commands without the cart: their form, and that the catalog has the products
    /// that they bring more of. Nothing that is not of its form goes further or is kept in memory.
    async fn check_commands(&self, commands: &[Command]) -> Result<(), Problem> {
        let mut added = Vec::new();
        for command in commands {
            for change in command.to_changes(self.config.limits.line_quantity_max)? {
                if let Change::Add { key, .. } = change {
                    added.push(key.sku.to_string());
                }
            }
        }
        let known = catalog::offers(self.env, added.iter().map(String::as_str), self.visitor.now).await?;
        match added.iter().find(|sku| !known.contains_key(*sku)) {
            Some(sku) => {
                let detail = format!("the catalog has no product {sku:?}; use a sku it lists");
                Err(Problem::new(422, "unknown_sku", detail))
            }
            None => Ok(()),
        }
    }

    /// The version that `If-Match` stands for, if the cart still shows what it names.
    async fn matched_version(
        &self,
        session: &Session,
        cart_id: &CartId,
        wanted: &str,
    ) -> Result<Option<String>, Problem> {
        let (reply, _) = self.call_as(session, cart_id, Input::Read).await?;
        let shown = respond::show(self.env, self.config, cart_id, &reply, self.visitor.now).await?;
        Ok(respond::etag_is(wanted, &shown.etag).then_some(shown.version))
    }

    async fn lease_actor(&mut self, cart: &str) -> Result<Response, Problem> {
        let Empty {} = body::json(self.request).await?;
        let (key, _) = guard::idempotency_key(self.request.headers())?;
        let (_, session, _) = self.address(cart)?;
        let actor = Actor::derive(self.visitor.now.day(), &session.id, &format!("lease {}", key.as_str()));
        let (_, reply, head) = self.call_cart(cart, Input::Lease { actor }).await?;
        let ReplyKind::Leased(lease) = &reply.kind else { return Err(odd_reply()) };
        let body = json!({"actor": lease.actor.to_hex(), "expires_at": respond::rfc3339(lease.until)});
        let response = respond::json_of(&body, 201).map_err(ours)?;
        respond::replica_headers(&response, &reply, &head, self.config);
        Ok(response)
    }

    async fn sync(&mut self, cart: &str) -> Result<Response, Problem> {
        let request = body::delta(self.request).await?;
        let (_, reply, head) = self.call_cart(cart, Input::Sync { request }).await?;
        let ReplyKind::Synced(bytes) = &reply.kind else { return Err(odd_reply()) };
        let response = Response::from_bytes(bytes.clone()).map_err(ours)?;
        let mut set = Setter(response.headers());
        set.put("Content-Type", body::DELTA_TYPE);
        set.put("Cache-Control", "no-store");
        respond::replica_headers(&response, &reply, &head, self.config);
        Ok(response)
    }

    /// A guest's cart joins this one: sealed first, so that it can be merged once only.
    async fn merge(&mut self, cart: &str) -> Result<Response, Problem> {
        let Guest { cart_id: guest, token } = body::json(self.request).await?;
        let (address, session, _) = self.address(cart)?;
        let cart_id = if cart == "current" { self.newest(&session).await? } else { address };
        let guest_id = CartId::try_from(guest)?;
        if guest_id == cart_id {
            return Err(Reject::MergeCycle.into());
        }
        let guest_session = self.config.signer.renewable(&token, self.visitor.now).map_err(|_| {
            Problem::invalid("token", "is not the token of the session that owns the guest's cart")
        })?;
        let (guest, _) = self.call_as(&guest_session, &guest_id, Input::Read).await?;
        if matches!(&guest.kind, ReplyKind::State { merged_into: Some(into), .. } if *into != cart_id) {
            return Err(Reject::AlreadyMerged.into());
        }
        // The user's own cart first, and those it was merged into: nothing is sealed unless there is a cart
        // to merge into, and it waits for what the guest's devices still send.
        let expect = || Input::Expect { guest: guest_id.clone() };
        let mut link = self.call_as(&session, &cart_id, expect()).await?.0;
        let mut links = 1;
        while let ReplyKind::State { merged_into: Some(next), .. } = &link.kind {
            // Of a chain that is too long to follow nobody knows that it is no circle.
            if *next == guest_id || links > CHAIN_MAX {
                return Err(Reject::MergeCycle.into());
            }
            link = self.send(next, Caller::Service, expect()).await?.0;
            links += 1;
        }
        let seal = Input::Seal { into: cart_id.clone() };
        let (sealed, _) = self.call_as(&guest_session, &guest_id, seal).await?;
        let ReplyKind::Sealed(state) = sealed.kind else { return Err(odd_reply()) };
        let (reply, head) = self
            .call_as(&session, &cart_id, Input::Join { state: state.clone(), path: vec![guest_id.clone()] })
            .await?;
        self.send(&guest_id, Caller::Service, Input::Forwarded { delta: state }).await?;
        self.view(&cart_id, &reply, &head, 200).await
    }

    /// All that is held of a cart (privacy).
    async fn export(&mut self, cart: &str) -> Result<Response, Problem> {
        #[derive(Serialize)]
        struct Export {
            session_id: String,
            exported_at: String,
            created_at: String,
            sequence: u64,
            view: Value,
            state: String,
        }
        let (cart_id, reply, _) = self.read(cart).await?;
        let shown = respond::show(self.env, self.config, &cart_id, &reply, self.visitor.now).await?;
        let session = self.visitor.session()?;
        let export = Export {
            session_id: session.id.as_str().to_owned(),
            exported_at: respond::rfc3339(self.visitor.now),
            created_at: respond::rfc3339(reply.created),
            sequence: reply.sequence,
            view: serde_json::from_str(&shown.body).map_err(|error| ours(error.into()))?,
            state: BASE64_NOPAD.encode(&reply.cart),
        };
        respond::json_of(&export, 200).map_err(ours)
    }

    /// The cart that a path names, its session, and whether it may be another of the session's carts.
    /// A first write without a session makes session and cart.
    fn address(&mut self, cart: &str) -> Result<(CartId, Session, bool), Problem> {
        if cart == "current" {
            let session = self.visitor.session_or_new(self.config)?.clone();
            return Ok((session.root.clone(), session, true));
        }
        let cart_id = CartId::try_from(cart.to_owned())?;
        let session = self.visitor.session.clone().ok_or(Reject::CartNotFound)?;
        Ok((cart_id, session, false))
    }

    /// Calls the cart that a path names. For `current` that is the session's first cart, which knows of
    /// a newer one: sessions with one cart, nearly all, pay nothing for it.
    async fn call_cart(&mut self, cart: &str, input: Input) -> Result<(CartId, Reply, Head), Problem> {
        let (cart_id, session, current) = self.address(cart)?;
        let again = current.then(|| input.clone());
        let (reply, head) = self.send(&cart_id, guard::caller(&session, current), input).await?;
        let (Some(input), ReplyKind::Elsewhere { newest, before }) = (again, &reply.kind) else {
            return Ok((cart_id, reply, head));
        };
        // A retry is answered where the first try was.
        if let Input::Edit(edit) = &input {
            for cart_id in before {
                let (reply, head) = self.call_as(&session, cart_id, Input::Replay(edit.clone())).await?;
                if matches!(reply.kind, ReplyKind::State { .. }) {
                    return Ok((cart_id.clone(), reply, head));
                }
            }
        }
        let (reply, head) = self.call_as(&session, newest, input).await?;
        Ok((newest.clone(), reply, head))
    }

    /// The newest cart of a session.
    async fn newest(&self, session: &Session) -> Result<CartId, Problem> {
        let (reply, _) = self.call_as(session, &session.root, Input::Carts).await?;
        let ReplyKind::Carts(carts) = reply.kind else { return Err(odd_reply()) };
        carts.last().cloned().ok_or_else(|| Reject::CartNotFound.into())
    }

    async fn call_as(
        &self,
        session: &Session,
        cart_id: &CartId,
        input: Input,
    ) -> Result<(Reply, Head), Problem> {
        self.send(cart_id, guard::caller(session, false), input).await
    }

    async fn send(&self, cart_id: &CartId, caller: Caller, input: Input) -> Result<(Reply, Head), Problem> {
        let (cart_id, region, skew_ms) = (cart_id.clone(), self.config.region, self.visitor.skew_ms);
        send(self.env, &Call { cart_id, region, caller, input, skew_ms }).await
    }

    /// The view after a call.
    async fn view(
        &self,
        cart_id: &CartId,
        reply: &Reply,
        head: &Head,
        status: u16,
    ) -> Result<Response, Problem> {
        let shown = respond::show(self.env, self.config, cart_id, reply, self.visitor.now).await?;
        let response = shown.response(self.request, status)?;
        respond::replica_headers(&response, reply, head, self.config);
        Ok(response)
    }
}

impl Query {
    /// The parameters, decoded. Unknown ones are refused, as unknown fields are.
    fn of(text: &str) -> Result<Self, Problem> {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match name.as_ref() {
                "context" => query.context = Some(value.into_owned()),
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

impl LineChange {
    /// The one thing it asks for.
    fn command(self, line_id: String) -> Result<Command, Problem> {
        let at = self.at.unwrap_or_default();
        match (self.quantity, self.increment, self.decrement, self.location) {
            (Some(quantity), None, None, None) => Ok(Command::Set { line_id, quantity, at }),
            (None, Some(quantity), None, None) => Ok(Command::Increment { line_id, quantity, at }),
            (None, None, Some(quantity), None) => Ok(Command::Decrement { line_id, quantity, at }),
            (None, None, None, Some(location)) if self.at == Some(location) => {
                Err(Problem::invalid("in", "is where the line is to go; name where it is, or leave it out"))
            }
            (None, None, None, Some(location)) => Ok(Command::Move { line_id, location }),
            _ => {
                Err(Problem::invalid("body", "name exactly one of quantity, increment, decrement, location"))
            }
        }
    }
}

fn openapi() -> Result<Response, Problem> {
    let response = Response::from_bytes(include_bytes!("openapi.json").to_vec()).map_err(ours)?;
    Setter(response.headers()).put("Content-Type", "application/json");
    Ok(response)
}

fn odd_reply() -> Problem {
    ours(worker::Error::RustError("the object gave an answer of another kind".into()))
}

fn ours(error: worker::Error) -> Problem {
    Problem::object(&error)
}
