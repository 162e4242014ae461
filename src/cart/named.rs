//! The cart that a path names: its address, and for `current` the newest of the session, where a retry finds what its
//! first try did.

use cart_core::id::CartId;
use cart_core::reject::Reject;
use cart_core::replica::{Edit, Input, Reply, ReplyKind};
use cart_core::session::Session;

use crate::cart::call::{Head, caller};
use crate::door::exchange::Exchange;
use crate::platform::problem::{Kind, Problem};

impl Exchange<'_> {
    /// As [`Self::address`], of a session that is there already.
    pub(super) fn owned(&mut self, cart: &str) -> Result<(CartId, Session, bool), Problem> {
        if cart == "current" {
            self.visitor.session()?;
        }
        self.address(cart)
    }

    /// The cart that a path names, its session, and whether it may be another of the session's carts.
    /// A first write without a session makes session and cart.
    pub(super) fn address(&mut self, cart: &str) -> Result<(CartId, Session, bool), Problem> {
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
    pub(super) async fn call_cart(
        &mut self,
        cart: &str,
        input: Input,
    ) -> Result<(CartId, Reply, Head), Problem> {
        let (cart_id, session, current) = self.address(cart)?;
        let again = current.then(|| input.clone());
        let (reply, head) = self.send(&cart_id, caller(&session, current), input).await?;
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
    pub(super) async fn replayed(
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
                Err(problem) if problem.kind() != Kind::CartNotFound => return Err(problem),
                // Not that of the first try, or one that could not ask it: there it may be done.
                Ok((reply, head)) if reply.partial || head.region != self.visitor.region(self.config) => {
                    return Err(Problem::outcome_unknown());
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ok(None)
    }
}
