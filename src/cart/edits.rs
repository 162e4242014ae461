//! Plain HTTP edits: all or none, once for each key.

use cart_core::change::Change;
use cart_core::command::{COMMANDS_MAX, Command};
use cart_core::id::CartId;
use cart_core::replica::{Edit, Input, Reply, Tried};
use cart_core::view::Offers;

use crate::cart::call::Head;
use crate::cart::shown::{is_replayed, versions_of};
use crate::catalog::call::offers;
use crate::door::exchange::Exchange;
use crate::door::visitor::idempotency_key;
use crate::platform::answer::Answer;
use crate::platform::problem::Problem;

impl Exchange<'_> {
    /// Plain HTTP commands: all or none, once for each key.
    pub(super) async fn edit(
        &mut self,
        cart: &str,
        commands: Vec<Command>,
        context: Option<String>,
    ) -> Result<Answer, Problem> {
        if commands.len() > COMMANDS_MAX {
            let problem = format!("has {} commands; at most {COMMANDS_MAX} are allowed", commands.len());
            return Err(Problem::invalid("commands", problem));
        }
        let (key, minted) = idempotency_key(&self.request.head)?;
        self.minted = minted;
        let mut outcome = self.edit_once(cart, commands, context, key.as_str()).await;
        // A key that the edge made is told where it is of use: with the answer, and where a retry may help.
        match &mut outcome {
            Ok(answer) if minted => answer.put("Idempotency-Key", key.as_str().to_owned()),
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
    ) -> Result<Answer, Problem> {
        let (address, session, _) = self.address(cart)?;
        let known = self.check_commands(&commands).await?;
        let context = context
            .or(self.query.context.take())
            .or_else(|| self.header("Evercart-Context").map(str::to_owned));
        let if_match = self.header("If-Match");
        let mut edit = Edit::of(session.day(), &session.id, key, commands);
        if self.minted {
            edit.tried = Tried::Never;
        }
        let (cart_id, reply, head) = if context.is_some() || if_match.is_some() {
            // Both belong to one cart: `current` must be known before.
            let (cart_id, before) =
                if cart == "current" { self.newest(&session).await? } else { (address, Vec::new()) };
            if let Some((cart_id, reply, head)) =
                self.replayed(&session, &before, &edit, context.as_deref()).await?
            {
                return self.edited(&cart_id, &reply, &head, known).await;
            }
            edit.seen = context.map(|context| self.config.signer.seen(&cart_id, &context)).transpose()?;
            // Where none matches, the replica still has to say whether this is a retry.
            edit.if_version = if_match.and_then(versions_of);
            let (reply, head) = self.call_as(&session, &cart_id, Input::Edit(edit)).await?;
            (cart_id, reply, head)
        } else {
            self.call_cart(cart, Input::Edit(edit)).await?
        };
        self.edited(&cart_id, &reply, &head, known).await
    }

    /// The view after an edit.
    async fn edited(
        &self,
        cart_id: &CartId,
        reply: &Reply,
        head: &Head,
        known: Offers,
    ) -> Result<Answer, Problem> {
        let mut answer = self.view(cart_id, reply, head, 200, known).await?;
        if is_replayed(reply) {
            answer.put("Idempotency-Replayed", "true");
        }
        Ok(answer)
    }

    /// What can be told of the commands without the cart: their form, and that the catalog has the products that they
    /// bring more of. Nothing that is not of its form goes further or is kept in memory. What the catalog has is for the
    /// view, which does not ask for it again.
    async fn check_commands(&self, commands: &[Command]) -> Result<Offers, Problem> {
        let mut added = Vec::new();
        for command in commands {
            for change in command.to_changes(self.config.limits.line_quantity_max)? {
                if let Change::Add { key, .. } = change {
                    added.push(key.sku.to_string());
                }
            }
        }
        let skus = added.iter().map(String::as_str);
        let (offers, _) = offers(self.env, Offers::default(), skus, self.visitor.now).await;
        // Of which it cannot be known now is taken, as a device's is: it is shown without a price until it is.
        match added.iter().find(|sku| !offers.known.contains_key(*sku) && !offers.is_unknown(sku)) {
            Some(sku) => {
                let detail = format!("the catalog has no product {sku:?}; use a sku it lists");
                Err(Problem::new(422, "unknown_sku", detail))
            }
            None => Ok(offers),
        }
    }
}
