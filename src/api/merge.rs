//! A guest's cart joins a user's.

use cart_core::id::CartId;
use cart_core::reject::Reject;
use cart_core::replica::{Caller, Input, ReplyKind};
use worker::Response;

use super::asked::Guest;
use super::{Exchange, odd_reply};
use crate::body;
use crate::error::Problem;

/// How far a chain of merged carts is followed.
const CHAIN_MAX: usize = 16;

impl Exchange<'_> {
    /// A guest's cart joins this one: sealed first, so that it can be merged once only.
    pub(super) async fn merge(&mut self, cart: &str) -> Result<Response, Problem> {
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
}
