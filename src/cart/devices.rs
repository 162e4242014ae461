//! What devices with a replica of their own ask for: a lease of an actor, and sync.

use cart_core::id::Actor;
use cart_core::replica::{Input, ReplyKind};
use cart_core::sync::{SyncRequest, SyncResponse};
use serde_json::json;
use worker::Response;

use super::asked::Empty;
use crate::door::headers::{self as respond, Setter};
use crate::door::visitor as guard;
use crate::platform::body;
use crate::platform::problem::Problem;
use crate::serve::{Exchange, odd_reply, ours};

impl Exchange<'_> {
    pub(crate) async fn lease_actor(&mut self, cart: &str) -> Result<Response, Problem> {
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

    pub(crate) async fn sync(&mut self, cart: &str) -> Result<Response, Problem> {
        let request = body::delta(self.request).await?;
        let (_, reply, head) = self.call_cart(cart, Input::Sync { request: request.clone() }).await?;
        let ReplyKind::Synced(bytes) = &reply.kind else { return Err(odd_reply()) };
        let mut bytes = bytes.clone();
        if head.again {
            let request = SyncRequest::from_bytes(&request)?;
            bytes = SyncResponse::from_bytes(&bytes)?.as_first(&request).to_bytes();
        }
        let response = Response::from_bytes(bytes).map_err(ours)?;
        let mut set = Setter(response.headers());
        set.put("Content-Type", body::DELTA_TYPE);
        set.put("Cache-Control", "no-store");
        respond::replica_headers(&response, &reply, &head, self.config);
        Ok(response)
    }
}
