//! Calls of carts by other processes, for regions that are served here.

use base64ct::{Base64Unpadded, Encoding as _};
use cart_core::packed::{Format, pack_as, unpack};
use worker::{Env, Response};

use crate::cart::call::{Call, deliver, object, opening_of};
use crate::net::incoming::{self, served_here, verified};
use crate::net::peers::socket_or_bytes;
use crate::platform::answer::Answer;
use crate::platform::config::Config;
use crate::platform::deadline::CALL_MS;
use crate::platform::problem::Problem;
use crate::platform::request::{Head, Request};

/// A call of another process, for a region that is served here.
pub async fn receive(request: &Request, env: &Env, config: &Config) -> Result<Answer, Problem> {
    let body = verified(request, config).await?;
    let call: Call = unpack(&body)?;
    served_here(config, call.region)?;
    if call.is_to_itself() {
        return Err(Problem::new(
            422,
            "not_yours",
            "only a replica itself says this; call what replicas tell each other",
        ));
    }
    let call = Call { skew_ms: config.skew_ms, ..call };
    let bytes = deliver(env, &call, &pack_as(Format::answering(&body), &call), CALL_MS).await?;
    Ok(Answer::of_bytes(bytes))
}

/// The wish of another process for a socket, in a region that is served here.
pub async fn receive_opening(head: &Head, env: &Env, config: &Config) -> Result<Answer, Problem> {
    let text = incoming::opening(head, config)?;
    let (mut opening, format) = opening_of(text)?;
    served_here(config, opening.call.region)?;
    opening.call.skew_ms = config.skew_ms;
    let text = Base64Unpadded::encode_string(&pack_as(format, &opening));
    let answer = socket_or_bytes(object(env, &opening.call).open(&text).await).await;
    let answer = answer.and_then(|answer| {
        Ok(match answer {
            Ok(socket) => Answer::made(Response::from_websocket(socket)?.into()),
            Err(bytes) => Answer::of_bytes(bytes),
        })
    });
    answer.map_err(|error| Problem::object(&error))
}
