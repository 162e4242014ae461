//! What devices with a replica of their own ask for: a lease of an actor, and sync.

use cart_core::id::Actor;
use cart_core::replica::{Input, ReplyKind};
use cart_core::sync::{SyncRequest, SyncResponse};
use serde_json::json;

use crate::cart::call::odd_reply;
use crate::cart::shown::replica_headers;
use crate::door::exchange::Exchange;
use crate::door::visitor::idempotency_key;
use crate::platform::answer::{self, Answer, rfc3339};
use crate::platform::body::{self, Empty};
use crate::platform::problem::Problem;

impl Exchange<'_> {
    pub(super) async fn lease_actor(&mut self, cart: &str) -> Result<Answer, Problem> {
        let Empty {} = body::json(self.request).await?;
        let (key, _) = idempotency_key(&self.request.head)?;
        let (_, session, _) = self.address(cart)?;
        let actor = Actor::derive(self.visitor.now.day(), &session.id, &format!("lease {}", key.as_str()));
        let (_, reply, head) = self.call_cart(cart, Input::Lease { actor }).await?;
        let ReplyKind::Leased(lease) = &reply.kind else { return Err(odd_reply()) };
        let body = json!({"actor": lease.actor.to_hex(), "expires_at": rfc3339(lease.until)});
        let mut answer = answer::json_of(&body, 201)?;
        replica_headers(&mut answer, &reply, &head, self.config);
        Ok(answer)
    }

    pub(super) async fn sync(&mut self, cart: &str) -> Result<Answer, Problem> {
        let request = body::delta(self.request).await?;
        let (_, reply, head) = self.call_cart(cart, Input::Sync { request: request.clone() }).await?;
        let ReplyKind::Synced(bytes) = &reply.kind else { return Err(odd_reply()) };
        let mut bytes = bytes.clone();
        if head.again {
            let request = SyncRequest::from_bytes(&request)?;
            bytes = SyncResponse::from_bytes(&bytes)?.as_first(&request).to_bytes();
        }
        let mut answer = Answer::of_bytes(bytes);
        answer.put("Content-Type", body::DELTA_TYPE);
        answer.put("Cache-Control", "no-store");
        replica_headers(&mut answer, &reply, &head, self.config);
        Ok(answer)
    }
}
