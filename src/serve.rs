//! From a request to an answer: route, guard, the call of the cart's object, the response. What a request
//! means is one function an endpoint; each reads its body, makes the core's input and shows the outcome.

use cart_core::command::{Command, Fields};
use cart_core::id::{CartId, Region};
use cart_core::reject::Reject;
use cart_core::replica::{Caller, Edit, Input, Reply, ReplyKind};
use cart_core::session::Session;
use serde_json::json;
use worker::{Context, Env, Method, Request, Response};

use crate::cart::asked::{Batch, CouponCode, LineChange, NewLine, Query};
use crate::cart::call::{Call, Head};
use crate::catalog::{api as browse, d1 as catalog};
use crate::door::headers::{self as respond, Setter};
use crate::door::route::{Endpoint, Route};
use crate::door::visitor::{self as guard, Visitor};
use crate::net::faults;
use crate::net::peers as transport;
use crate::platform::body;
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::session;

/// How long a session's first cart counts as new, in milliseconds: nobody else is asked for it.
const FRESH_MS: u64 = 60_000;

/// Serves a request. Refusals become problem+json here and nowhere else.
pub async fn serve(mut request: Request, env: &Env, context: &Context) -> worker::Result<Response> {
    let config = Config::from_env(env);
    let mut visitor = None;
    let outcome = match &config {
        Ok(config) => handle(&mut request, env, config, &mut visitor).await,
        Err(problem) => Err(problem.clone()),
    };
    let response = match outcome {
        Ok(response) => {
            if let (Ok(config), Some(visitor)) = (&config, &visitor) {
                session::api::note_use(context, env, config, visitor);
            }
            response
        }
        Err(problem) => problem.response()?,
    };
    respond::common_headers(&response, &request, config.as_ref().ok(), visitor.as_ref());
    if request.method() == Method::Head {
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
    log::here(visitor.near, None);
    // As it came: the crate takes methods that it does not know for GET.
    let method = request.inner().method();
    if method == "OPTIONS"
        && let Some(methods) = Route::methods(path)
    {
        return respond::preflight(&methods).map_err(ours);
    }
    if path == transport::LIVE_PATH && method == "GET" {
        return transport::receive_opening(request, env, config).await;
    }
    if path == transport::PATH && method == "POST" {
        return transport::receive(request, env, config).await;
    }
    if path == faults::PATH {
        return faults::serve(request, config).await;
    }
    // What is for the stores, and what the operator asks of them.
    if path == transport::STORE_PATH || path.starts_with("/v1/admin/") {
        return transport::operate(request, config).await.map_err(ours);
    }
    let route = Route::find(&method, path)?;
    match route.endpoint {
        Endpoint::ListProducts => return browse::list(env, query).await,
        Endpoint::ShowProduct => return browse::show(env, &route.item.unwrap_or_default()).await,
        _ => {}
    }
    let mut exchange = Exchange { request, env, config, visitor, query: Query::of(query)?, minted: false };
    match route.endpoint {
        Endpoint::Healthz => respond::json_of(&json!({"status": "ok"}), 200).map_err(ours),
        Endpoint::Readyz => exchange.ready().await,
        Endpoint::OpenApi => openapi(env).await,
        Endpoint::OpenSession => exchange.open_session().await,
        Endpoint::RenewSession => exchange.renew_session().await,
        Endpoint::EndSession => exchange.end_session().await,
        _ => {
            let socket = route.cart.as_deref().filter(|_| matches!(route.endpoint, Endpoint::Live));
            exchange.visitor.enter(exchange.request.headers(), config, socket)?;
            exchange.cart_endpoint(route).await
        }
    }
}

/// The path and the query of an absolute URL, both still encoded.
pub fn path_and_query(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/");
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    (path, query.split('#').next().unwrap_or_default())
}

/// A request on its way, with all that is needed to answer it.
pub(crate) struct Exchange<'a> {
    pub(crate) request: &'a mut Request,
    pub(crate) env: &'a Env,
    pub(crate) config: &'a Config,
    pub(crate) visitor: &'a mut Visitor,
    pub(crate) query: Query,
    /// The edge has just made the request's idempotency key: it is no retry.
    pub(crate) minted: bool,
}

impl Exchange<'_> {
    pub(crate) async fn cart_endpoint(&mut self, route: Route) -> Result<Response, Problem> {
        let cart = route.cart.as_deref().unwrap_or_default();
        let item = route.item.unwrap_or_default();
        match route.endpoint {
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
            Endpoint::Ticket => self.ticket(cart).await,
            Endpoint::Live => self.live(cart).await,
            Endpoint::Events => self.events(cart).await,
            Endpoint::Merge => self.merge(cart).await,
            Endpoint::Export => self.export(cart).await,
            Endpoint::EraseCart => self.erase_cart(cart).await,
            Endpoint::OpenSession
            | Endpoint::RenewSession
            | Endpoint::EndSession
            | Endpoint::Healthz
            | Endpoint::Readyz
            | Endpoint::OpenApi
            | Endpoint::ListProducts
            | Endpoint::ShowProduct
            | Endpoint::Regions
            | Endpoint::ShowFaults
            | Endpoint::SetFaults
            | Endpoint::StoredCarts
            | Endpoint::StoredCart
            | Endpoint::MoveHome
            | Endpoint::MoveSlot
            | Endpoint::DeadLetters
            | Endpoint::ReplayLetter
            | Endpoint::DropLetter => Err(Problem::new(404, "not_found", "there is nothing at this path")),
        }
    }

    pub(crate) async fn ready(&self) -> Result<Response, Problem> {
        let catalog = catalog::is_ready(self.env).await;
        let status = if catalog { 200 } else { 503 };
        let word = |ok| if ok { "ok" } else { "unavailable" };
        let body = json!({"status": word(catalog), "checks": {"catalog": word(catalog)}});
        let response = respond::json_of(&body, status).map_err(ours)?;
        if !catalog {
            Setter(response.headers()).put("Retry-After", "1");
        }
        Ok(response)
    }

    /// As [`Self::address`], of a session that is there already.
    pub(crate) fn owned(&mut self, cart: &str) -> Result<(CartId, Session, bool), Problem> {
        if cart == "current" {
            self.visitor.session()?;
        }
        self.address(cart)
    }

    /// The cart that a path names, its session, and whether it may be another of the session's carts.
    /// A first write without a session makes session and cart.
    pub(crate) fn address(&mut self, cart: &str) -> Result<(CartId, Session, bool), Problem> {
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
    pub(crate) async fn call_cart(
        &mut self,
        cart: &str,
        input: Input,
    ) -> Result<(CartId, Reply, Head), Problem> {
        let (cart_id, session, current) = self.address(cart)?;
        let again = current.then(|| input.clone());
        let (reply, head) = self.send(&cart_id, guard::caller(&session, current), input).await?;
        let (Some(input), ReplyKind::Elsewhere { newest, before }) = (again, &reply.kind) else {
            return Ok((cart_id, reply, head));
        };
        if let Input::Edit(edit) = &input
            && let Some(replayed) = self.replayed(&session, before, edit, None).await?
        {
            return Ok(replayed);
        }
        let (reply, head) = self.call_as(&session, newest, input).await?;
        Ok((newest.clone(), reply, head))
    }

    /// The answer for a retry to `current`, from that of the carts where its first try was: a newer one may
    /// have been made since. A context fits the cart it is of, and no other.
    pub(crate) async fn replayed(
        &self,
        session: &Session,
        carts: &[CartId],
        edit: &Edit,
        context: Option<&str>,
    ) -> Result<Option<(CartId, Reply, Head)>, Problem> {
        for cart_id in carts.iter().filter(|_| !self.minted) {
            let seen = context.map(|context| self.config.signer.seen(cart_id, context)).transpose();
            let Ok(seen) = seen else { continue };
            let edit = Edit { seen, ..edit.clone() };
            match self.call_as(session, cart_id, Input::Replay(edit)).await {
                Ok((reply, head)) if matches!(reply.kind, ReplyKind::State { .. }) => {
                    return Ok(Some((cart_id.clone(), reply, head)));
                }
                Err(problem) if problem.code != "cart_not_found" => return Err(problem),
                // Not that of the first try, or one that could not ask it: there it may be done.
                Ok((reply, head)) if reply.partial || head.region != self.visitor.region(self.config) => {
                    return Err(Problem::outcome_unknown());
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ok(None)
    }

    /// The newest cart of a session, and those for which a retry to `current` may be meant.
    pub(crate) async fn newest(&self, session: &Session) -> Result<(CartId, Vec<CartId>), Problem> {
        let (reply, _) = self.send(&session.root, guard::caller(session, true), Input::Carts).await?;
        match reply.kind {
            ReplyKind::Elsewhere { newest, mut before } => {
                before.push(session.root.clone());
                Ok((newest, before))
            }
            ReplyKind::Carts(carts) => {
                let only = carts.into_iter().next_back().ok_or(Reject::CartNotFound)?;
                Ok((only, Vec::new()))
            }
            _ => Err(odd_reply()),
        }
    }

    pub(crate) async fn call_as(
        &self,
        session: &Session,
        cart_id: &CartId,
        input: Input,
    ) -> Result<(Reply, Head), Problem> {
        self.send(cart_id, guard::caller(session, false), input).await
    }

    /// Calls a cart's replica: that in the session's region, or, where it fails, in the next nearest. What only
    /// the cart's home may do goes there.
    pub(crate) async fn send(
        &self,
        cart_id: &CartId,
        caller: Caller,
        input: Input,
    ) -> Result<(Reply, Head), Problem> {
        let (config, visitor) = (self.config, &self.visitor);
        let at_home = matches!(
            input,
            Input::Expect { .. } | Input::Unexpect { .. } | Input::Seal { .. } | Input::Forwarded { .. }
        );
        let first = match &input {
            _ if at_home => cart_id.first_home(),
            Input::Edit(edit) if edit.acts_on_what_is_held() => visitor.serving(config),
            _ => visitor.region(config),
        };
        let shown_by = if at_home { Vec::new() } else { self.shown_by() };
        let fresh = self.is_fresh(cart_id) || (self.minted && matches!(input, Input::Open(_)));
        let mut call = Call {
            cart_id: cart_id.clone(),
            region: first,
            caller,
            fresh: false,
            shown_by: Vec::new(),
            skew_ms: visitor.skew_ms,
            input,
        };
        let mut near = config.regions.nearest_to(first).into_iter();
        let mut next = near.next();
        let mut refusal = Problem::unreachable(first);
        // How often it may be sent on to the home: each that is no longer the home names the next, in a circle only
        // while they have not told each other.
        let mut sends = config.regions.places.len();
        let mut again = false;
        while let Some(region) = next {
            next = near.next();
            call.region = region;
            if let (Input::Edit(edit), Some(named)) = (&mut call.input, visitor.named()) {
                edit.comes_to(region, named);
            }
            call.fresh = fresh && region == cart_id.first_home();
            call.shown_by = shown_by.iter().copied().filter(|shown| *shown != region).collect();
            match transport::send(self.env, config, visitor.near, &call).await {
                Ok((Reply { kind: ReplyKind::AtHome(home), .. }, _)) if at_home => {
                    if sends > 0 {
                        sends -= 1;
                        next = Some(home);
                    }
                }
                Ok((reply, mut head)) => {
                    head.again |= again;
                    if !at_home {
                        visitor.served.set(head.region);
                        visitor.shown.set(true);
                        visitor.partial.set(visitor.partial.get() || reply.partial);
                    }
                    return Ok((reply, head));
                }
                Err(problem) if problem.elsewhere() => {
                    // No answer in time; or, since then, none is waited for.
                    let hung = ["replica_unavailable", Problem::OTHER_BUILD].contains(&problem.code.as_str());
                    again |= hung;
                    if let Input::Edit(edit) = &mut call.input {
                        edit.doubt(hung);
                    }
                    // That one may have done it says more than that one has no room, and that more than that others
                    // cannot be reached.
                    if hung || (!again && refusal.code != Problem::FULL) {
                        refusal = problem;
                    }
                }
                // A refusal says that nothing was changed. Where it was tried before, it may have been.
                Err(problem) if again && problem.status < 500 && matches!(call.input, Input::Edit(_)) => {
                    return Err(Problem::outcome_unknown());
                }
                Err(problem) => return Err(problem),
            }
        }
        match &call.input {
            Input::Edit(edit) if edit.hangs_on_its_outcome() => Err(Problem::outcome_unknown()),
            _ => Err(refusal),
        }
    }

    /// The regions that have shown the cart to the session.
    pub(crate) fn shown_by(&self) -> Vec<Region> {
        let session = self.visitor.session.as_ref();
        session.map(|session| [&[session.region], &session.also[..]].concat()).unwrap_or_default()
    }

    /// Whether a cart is the first of a new session.
    pub(crate) fn is_fresh(&self, cart_id: &CartId) -> bool {
        self.visitor.session.as_ref().is_some_and(|session| {
            session.root == *cart_id && self.visitor.now < session.opened.plus(FRESH_MS)
        })
    }

    /// The view after a call.
    pub(crate) async fn view(
        &self,
        cart_id: &CartId,
        reply: &Reply,
        head: &Head,
        status: u16,
    ) -> Result<Response, Problem> {
        let shown =
            respond::show(self.env, self.config, cart_id, reply, head.region, self.visitor.now).await?;
        let response = shown.response(self.request, status)?;
        respond::replica_headers(&response, reply, head, self.config);
        if self.config.development && self.request.headers().has("Evercart-Show-State").unwrap_or(false) {
            respond::state_header(&response, reply);
        }
        Ok(response)
    }
}

async fn openapi(env: &Env) -> Result<Response, Problem> {
    let assets = env.assets("ASSETS").map_err(ours)?;
    let path = Request::new("https://assets/openapi.json", Method::Get).map_err(ours)?;
    let file = assets.fetch_request(path).await.map_err(ours)?;
    let response = Response::from_body(file.body().clone()).map_err(ours)?;
    Setter(response.headers()).put("Content-Type", "application/json");
    Ok(response)
}

pub(crate) fn odd_reply() -> Problem {
    ours(worker::Error::RustError("the object gave an answer of another kind".into()))
}

pub(crate) fn ours(error: worker::Error) -> Problem {
    Problem::object(&error)
}
