//! What programs ask of carts over HTTP, and which function answers.

use cart_core::command::{Command, Fields};
use futures_util::future::LocalBoxFuture;

use crate::cart::asked::{Batch, CouponCode, LineChange, NewLine};
use crate::door::exchange::Exchange;
use crate::door::route::Entry;
use crate::platform::answer::Answer;
use crate::platform::body;
use crate::platform::json;
use crate::platform::problem::Problem;

/// What can be asked of carts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoint {
    CreateCart,
    ListCarts,
    ShowCart,
    UpdateCart,
    EraseCart,
    AddLine,
    ClearLines,
    ChangeLine,
    RemoveLine,
    ApplyCoupon,
    RemoveCoupon,
    Commands,
    LeaseActor,
    Sync,
    Live,
    Ticket,
    Events,
    Merge,
    Export,
}

/// Where.
pub const ROUTES: [Entry<Endpoint>; 19] = [
    ("POST", "/v1/carts", Endpoint::CreateCart),
    ("GET", "/v1/carts", Endpoint::ListCarts),
    ("GET", "/v1/carts/{cart}", Endpoint::ShowCart),
    ("PATCH", "/v1/carts/{cart}", Endpoint::UpdateCart),
    ("DELETE", "/v1/carts/{cart}", Endpoint::EraseCart),
    ("POST", "/v1/carts/{cart}/lines", Endpoint::AddLine),
    ("DELETE", "/v1/carts/{cart}/lines", Endpoint::ClearLines),
    ("PATCH", "/v1/carts/{cart}/lines/{line_id}", Endpoint::ChangeLine),
    ("DELETE", "/v1/carts/{cart}/lines/{line_id}", Endpoint::RemoveLine),
    ("POST", "/v1/carts/{cart}/coupons", Endpoint::ApplyCoupon),
    ("DELETE", "/v1/carts/{cart}/coupons/{code}", Endpoint::RemoveCoupon),
    ("POST", "/v1/carts/{cart}/commands", Endpoint::Commands),
    ("POST", "/v1/carts/{cart}/actors", Endpoint::LeaseActor),
    ("POST", "/v1/carts/{cart}/sync", Endpoint::Sync),
    ("GET", "/v1/carts/{cart}/live", Endpoint::Live),
    ("POST", "/v1/carts/{cart}/live", Endpoint::Ticket),
    ("GET", "/v1/carts/{cart}/events", Endpoint::Events),
    ("POST", "/v1/carts/{cart}/merge", Endpoint::Merge),
    ("GET", "/v1/carts/{cart}/export", Endpoint::Export),
];

/// Answers; `cart` and `item` are what the path names.
pub async fn serve(
    exchange: &mut Exchange<'_>,
    endpoint: Endpoint,
    cart: Option<String>,
    item: Option<String>,
) -> Result<Answer, Problem> {
    let cart = cart.as_deref().unwrap_or_default();
    let socket = (endpoint == Endpoint::Live).then_some(cart);
    exchange.visitor.enter(&exchange.request.head, exchange.config, socket)?;
    let item = item.unwrap_or_default();
    // What edits is made a list of commands first, and all is waited for in one place: each would be in the Wasm by itself.
    let (commands, context) = match endpoint {
        Endpoint::UpdateCart
        | Endpoint::AddLine
        | Endpoint::ChangeLine
        | Endpoint::ApplyCoupon
        | Endpoint::Commands => commands_of(endpoint, item, &body::json_text(exchange.request).await?)?,
        Endpoint::ClearLines => (vec![Command::Clear {}], None),
        Endpoint::RemoveLine => {
            let at = exchange.query.at.unwrap_or_default();
            (vec![Command::Remove { line_id: item, at }], None)
        }
        Endpoint::RemoveCoupon => (vec![Command::RemoveCoupon { code: item }], None),
        Endpoint::CreateCart
        | Endpoint::ListCarts
        | Endpoint::ShowCart
        | Endpoint::LeaseActor
        | Endpoint::Sync
        | Endpoint::Ticket
        | Endpoint::Live
        | Endpoint::Events
        | Endpoint::Merge
        | Endpoint::Export
        | Endpoint::EraseCart => Default::default(),
    };
    let answer: LocalBoxFuture<'_, _> = match endpoint {
        Endpoint::CreateCart => Box::pin(exchange.create_cart()),
        Endpoint::ListCarts => Box::pin(exchange.list_carts()),
        Endpoint::ShowCart => Box::pin(exchange.show_cart(cart)),
        Endpoint::LeaseActor => Box::pin(exchange.lease_actor(cart)),
        Endpoint::Sync => Box::pin(exchange.sync(cart)),
        Endpoint::Ticket => Box::pin(exchange.ticket(cart)),
        Endpoint::Live => Box::pin(exchange.live(cart)),
        Endpoint::Events => Box::pin(exchange.events(cart)),
        Endpoint::Merge => Box::pin(exchange.merge(cart)),
        Endpoint::Export => Box::pin(exchange.export(cart)),
        Endpoint::EraseCart => Box::pin(exchange.erase_cart(cart)),
        Endpoint::UpdateCart
        | Endpoint::AddLine
        | Endpoint::ChangeLine
        | Endpoint::ApplyCoupon
        | Endpoint::Commands
        | Endpoint::ClearLines
        | Endpoint::RemoveLine
        | Endpoint::RemoveCoupon => Box::pin(exchange.edit(cart, commands, context)),
    };
    answer.await
}

/// What a body asks for, and the context that it names.
fn commands_of(
    endpoint: Endpoint,
    item: String,
    text: &[u8],
) -> Result<(Vec<Command>, Option<String>), Problem> {
    let command = match endpoint {
        Endpoint::UpdateCart => Command::Update(json::parse::<Fields>(text)?),
        Endpoint::AddLine => {
            let NewLine { sku, quantity, variant, customization } = json::parse(text)?;
            Command::Add { sku, quantity, variant, customization }
        }
        Endpoint::ChangeLine => {
            let mut change: LineChange = json::parse(text)?;
            let context = change.context.take();
            return Ok((vec![change.command(item)?], context));
        }
        Endpoint::ApplyCoupon => {
            let CouponCode { code } = json::parse(text)?;
            Command::ApplyCoupon { code }
        }
        #[rustfmt::skip]
        Endpoint::Commands
        | Endpoint::CreateCart | Endpoint::ListCarts | Endpoint::ShowCart | Endpoint::EraseCart
        | Endpoint::ClearLines | Endpoint::RemoveLine | Endpoint::RemoveCoupon | Endpoint::LeaseActor
        | Endpoint::Sync | Endpoint::Ticket | Endpoint::Live | Endpoint::Events | Endpoint::Merge
        | Endpoint::Export => {
            let Batch { commands, context } = json::parse(text)?;
            return Ok((commands, context));
        }
    };
    Ok((vec![command], None))
}
