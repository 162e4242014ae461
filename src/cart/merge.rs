//! A guest's cart joins a user's.

use cart_core::id::CartId;
use cart_core::reject::Reject;
use cart_core::replica::{Caller, Input, ReplyKind};
use cart_core::session::Session;
use cart_core::view::Offers;

use crate::cart::asked::Guest;
use crate::cart::call::{caller, odd_reply};
use crate::door::exchange::Exchange;
use crate::platform::answer::Answer;
use crate::platform::body;
use crate::platform::problem::{Kind, Problem};
use crate::session::call::must_live;

/// How far a chain of merged carts is followed.
const CHAIN_MAX: usize = 16;

impl Exchange<'_> {
    /// A guest's cart joins this one: sealed first, so that it can be merged once only.
    pub(super) async fn merge(&mut self, cart: &str) -> Result<Answer, Problem> {
        let Guest { cart_id: guest, token } = body::json(self.request).await?;
        let (address, session, _) = self.address(cart)?;
        let (mut cart_id, before) =
            if cart == "current" { self.newest(&session).await? } else { (address, Vec::new()) };
        let guest_id = CartId::try_from(guest)?;
        if guest_id == cart_id {
            return Err(Reject::MergeCycle.into());
        }
        let not_its_own =
            || Problem::invalid("token", "is not the token of the session that owns the guest's cart");
        let guest_session =
            self.config.signer.renewable(&token, self.visitor.now).map_err(|_| not_its_own())?;
        must_live(self, &guest_session)
            .await
            .map_err(|problem| if problem.kind() == Kind::SessionLapsed { not_its_own() } else { problem })?;
        let (guest, _) = self.call_as(&guest_session, &guest_id, Input::Read).await?;
        // There has to be room for it, unless it is on its way already.
        let mut bytes = guest.cart.len() as u64;
        if let ReplyKind::State { merged_into: Some(into), .. } = guest.kind {
            bytes = 0;
            // A repeat, after a newer cart was made.
            if before.contains(&into) {
                cart_id = into;
            } else if into != cart_id {
                return Err(Reject::AlreadyMerged.into());
            }
        }
        // The user's own cart first, and those it was merged into: nothing is sealed unless there is a cart
        // to merge into, with room for this, and it waits for what the guest's devices still send.
        let mut links = vec![cart_id.clone()];
        let sealed = match self.expect_all(&session, &guest_id, bytes, &mut links).await {
            Ok(()) => {
                let seal = Input::Seal { into: cart_id.clone() };
                self.call_as(&guest_session, &guest_id, seal).await
            }
            Err(problem) => Err(problem),
        };
        if sealed.is_err() {
            // Else carts merged into one another would wait for each other, try after try. Where this is not
            // heard, the waiting ends by itself.
            for link in &links {
                let unexpect = Input::Unexpect { guest: guest_id.clone() };
                drop(self.send(link, Caller::Service, unexpect).await);
            }
        }
        let ReplyKind::Sealed(state) = sealed?.0.kind else { return Err(odd_reply()) };
        let (reply, head) = self
            .call_as(&session, &cart_id, Input::Join { state: state.clone(), path: vec![guest_id.clone()] })
            .await?;
        // Only so that it is not sent again: what is not heard of here, the guest's home sends, and it is known there.
        drop(self.send(&guest_id, Caller::Service, Input::Forwarded { delta: state }).await);
        self.view(&cart_id, &reply, &head, 200, Offers::default()).await
    }

    /// Tells the first of `links`, and each cart that it was merged into, of the guest; adds those to it.
    async fn expect_all(
        &self,
        session: &Session,
        guest: &CartId,
        bytes: u64,
        links: &mut Vec<CartId>,
    ) -> Result<(), Problem> {
        let mut caller = caller(session, false);
        while let Some(link) = links.last() {
            let expect = Input::Expect { guest: guest.clone(), bytes };
            let (reply, _) = self.send(link, caller, expect).await?;
            let ReplyKind::State { merged_into: Some(next), .. } = reply.kind else { break };
            // Of a chain that is too long to follow nobody knows that it is no circle.
            if next == *guest || links.len() > CHAIN_MAX {
                return Err(Reject::MergeCycle.into());
            }
            links.push(next);
            caller = Caller::Service;
        }
        Ok(())
    }
}
