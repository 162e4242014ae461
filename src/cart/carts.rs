//! A session's carts: made, listed, shown, exported.

use base64ct::{Base64Unpadded, Encoding as _};
use cart_core::command::{Command, Fields};
use cart_core::id::CartId;
use cart_core::replica::{Edit, Input, Reply, ReplyKind, actors_of_key};
use cart_core::view::Offers;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cart::asked::NewCart;
use crate::cart::call::{Head, odd_reply};
use crate::cart::shown::{is_replayed, show};
use crate::door::exchange::Exchange;
use crate::door::visitor::idempotency_key;
use crate::platform::answer::{self, Answer, rfc3339};
use crate::platform::body;
use crate::platform::problem::{Kind, Problem};

/// How many carts a page of the list has.
const CARTS_PAGE: usize = 50;

impl Exchange<'_> {
    /// A further cart of the session; without a session, a new one with its first cart.
    pub(super) async fn create_cart(&mut self) -> Result<Answer, Problem> {
        let NewCart { currency } = body::json(self.request).await?;
        let (key, minted) = idempotency_key(&self.request.head)?;
        self.minted = minted;
        let fresh = self.visitor.session.is_none();
        let session = self.visitor.session_or_new(self.config)?.clone();
        // The root first: it knows whether the session was signed out, whether there is room for one more, and whether
        // this is a retry, which may come with a token that names another region.
        let derived = CartId::derive(session.region, &session.id, key.as_str());
        let ask = if fresh { Input::Carts } else { Input::Room { cart: derived.clone() } };
        let (root, _) = self.call_as(&session, &session.root, ask).await?;
        let cart_id = if fresh {
            session.root.clone()
        } else {
            let ReplyKind::Carts(carts) = root.kind else { return Err(odd_reply()) };
            carts.into_iter().find(|cart| cart.same_but_for_home(&derived)).unwrap_or(derived)
        };
        let fields = |currency| Fields { currency: Some(currency), ..Fields::default() };
        let commands = currency.map(|currency| Command::Update(fields(currency)));
        let edit = Edit::of(session.day(), &session.id, key.as_str(), Vec::from_iter(commands));
        let (reply, head) = self.call_as(&session, &cart_id, Input::Open(edit)).await?;
        if !fresh {
            let enroll = Input::Enroll { cart: cart_id.clone() };
            let enrolled = self.call_as(&session, &session.root, enroll).await;
            // Another has taken the room meanwhile: what was made just now, and is listed nowhere, is not to stay.
            let made = matches!(reply.kind, ReplyKind::State { replayed: false, .. }) && !reply.partial;
            if made && enrolled.as_ref().is_err_and(|problem| problem.kind() == Kind::TooManyCarts) {
                self.call_as(&session, &cart_id, Input::Erase).await?;
            }
            enrolled?;
        }
        let mut answer = self.view(&cart_id, &reply, &head, 201, Offers::default()).await?;
        answer.put("Location", format!("/v1/carts/{cart_id}"));
        if is_replayed(&reply) {
            answer.put("Idempotency-Replayed", "true");
        }
        if minted {
            answer.put("Idempotency-Key", key.as_str().to_owned());
        }
        Ok(answer)
    }

    pub(super) async fn list_carts(&mut self) -> Result<Answer, Problem> {
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
        answer::json_of(&json!({"carts": page, "next_cursor": next}), 200)
    }

    pub(super) async fn show_cart(&mut self, cart: &str) -> Result<Answer, Problem> {
        let (cart_id, reply, head) = self.read(cart).await?;
        self.view(&cart_id, &reply, &head, 200, Offers::default()).await
    }

    /// Reads never make a session or a cart.
    pub(super) async fn read(&mut self, cart: &str) -> Result<(CartId, Reply, Head), Problem> {
        self.owned(cart)?;
        self.call_cart(cart, Input::Read).await
    }

    /// All that is held of a cart (privacy).
    pub(super) async fn export(&mut self, cart: &str) -> Result<Answer, Problem> {
        #[derive(Serialize)]
        struct Export {
            session_id: String,
            exported_at: String,
            created_at: String,
            sequence: u64,
            view: Value,
            state: String,
        }
        let (cart_id, reply, head) = self.read(cart).await?;
        let shown =
            show(self.env, self.config, &cart_id, &reply, head.region, self.visitor.now, Offers::default())
                .await?;
        let session = self.visitor.session()?;
        let export = Export {
            session_id: session.id.as_str().to_owned(),
            exported_at: rfc3339(self.visitor.now),
            created_at: rfc3339(reply.created),
            sequence: reply.sequence,
            view: serde_json::from_slice(shown.body.as_bytes())
                .map_err(|error| Problem::object(&error.into()))?,
            state: Base64Unpadded::encode_string(&reply.cart),
        };
        answer::json_of(&export, 200)
    }

    /// Erases a cart for ever (privacy), once for each key: a repeat for `current` erases no other.
    pub(super) async fn erase_cart(&mut self, cart: &str) -> Result<Answer, Problem> {
        let (address, session, _) = self.owned(cart)?;
        let (key, minted) = idempotency_key(&self.request.head)?;
        let actors = actors_of_key(session.day(), &session.id, &format!("erase {}", key.as_str()));
        if !minted {
            let erased = Input::Erased { actors: actors.clone() };
            let (reply, _) = self.call_as(&session, &session.root, erased).await?;
            if matches!(reply.kind, ReplyKind::Answer(true)) {
                let mut answer = answer::empty(204);
                answer.put("Idempotency-Replayed", "true");
                return Ok(answer);
            }
        }
        let cart_id = if cart == "current" { self.newest(&session).await?.0 } else { address };
        let erased = self.call_as(&session, &cart_id, Input::Erase).await;
        let done = match &erased {
            Err(problem) if problem.kind() != Kind::CartNotFound => false,
            // Also if it was gone already: whoever erased it may not have lived to strike it off.
            _ => {
                let actor = actors.first().copied().ok_or_else(odd_reply)?;
                let strike = Input::Strike { cart: cart_id, actor, erased: erased.is_ok() };
                let (reply, _) = self.call_as(&session, &session.root, strike).await?;
                matches!(reply.kind, ReplyKind::Answer(true))
            }
        };
        if !done {
            erased?;
        }
        Ok(answer::empty(204))
    }
}
