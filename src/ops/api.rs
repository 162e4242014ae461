//! What the operator asks, and what is asked of the service as a whole.

use crate::door::route::Entry;

/// What can be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoint {
    ShowFaults,
    SetFaults,
    Regions,
    StoredCarts,
    StoredCart,
    MoveHome,
    MoveSlot,
    DeadLetters,
    ReplayLetter,
    DropLetter,
    Healthz,
    Readyz,
    OpenApi,
}

/// Where.
pub const ROUTES: [Entry<Endpoint>; 13] = [
    ("GET", "/v1/admin/faults", Endpoint::ShowFaults),
    ("PUT", "/v1/admin/faults", Endpoint::SetFaults),
    ("GET", "/v1/admin/regions", Endpoint::Regions),
    ("GET", "/v1/admin/carts", Endpoint::StoredCarts),
    ("GET", "/v1/admin/carts/{cart}", Endpoint::StoredCart),
    ("POST", "/v1/admin/carts/{cart}/home", Endpoint::MoveHome),
    ("POST", "/v1/admin/slots/{slot}/move", Endpoint::MoveSlot),
    ("GET", "/v1/admin/dead-letters", Endpoint::DeadLetters),
    ("POST", "/v1/admin/dead-letters/{letter}/replay", Endpoint::ReplayLetter),
    ("DELETE", "/v1/admin/dead-letters/{letter}", Endpoint::DropLetter),
    ("GET", "/healthz", Endpoint::Healthz),
    ("GET", "/readyz", Endpoint::Readyz),
    ("GET", "/openapi.json", Endpoint::OpenApi),
];
