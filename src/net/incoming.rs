//! What other processes of this service send: taken only with a tag of the service's secret, whole and bounded.

use cart_core::id::Region;

use crate::net::peers::{CALL_BYTES_MAX, OPENING, TAG};
use crate::platform::body::whole;
use crate::platform::clock::present;
use crate::platform::config::Config;
use crate::platform::problem::Problem;
use crate::platform::request::{Head, Request};

/// The body of a request of another process of this service.
pub async fn verified(request: &Request, config: &Config) -> Result<Vec<u8>, Problem> {
    let refused = |detail| Problem::new(401, "peer_refused", detail);
    let tag = request.head.header(TAG).ok_or_else(|| refused("this path is for regions"))?;
    let too_large = || Problem::new(413, "frame_too_large", "a call between regions is at most 2 MiB");
    // No body is one of no length, and says none.
    let is_bounded = match request.head.header("Content-Length") {
        Some(length) => length.parse().is_ok_and(|length: usize| length <= CALL_BYTES_MAX),
        None => request.raw.body().is_none(),
    };
    if !is_bounded {
        return Err(too_large());
    }
    let body = whole(request, CALL_BYTES_MAX).await.map_err(|error| Problem::object(&error))?;
    let body = body.ok_or_else(too_large)?;
    if !config.signer.is_peer(tag, &body, present()) {
        return Err(refused("the call is not one of this service, or its time is over: see both clocks"));
    }
    Ok(body)
}

/// What a request of another process says of the socket that it asks for.
pub fn opening<'a>(head: &'a Head, config: &Config) -> Result<&'a str, Problem> {
    let header = |name: &str| head.header(name).unwrap_or_default();
    let text = header(OPENING);
    if !config.signer.is_peer(header(TAG), text.as_bytes(), present()) {
        return Err(Problem::new(401, "peer_refused", "this path is for regions"));
    }
    Ok(text)
}

/// Refuses what is for a region that another process serves.
pub fn served_here(config: &Config, region: Region) -> Result<(), Problem> {
    if config.peer(region).is_some() || config.regions.place(region).is_none() {
        return Err(Problem::new(421, "misdirected", "the region is not served here: see PEERS"));
    }
    Ok(())
}
