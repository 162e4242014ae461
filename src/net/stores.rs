//! Calls of the regions' stores: those of this process are another Wasm module's, those of others are asked by HTTP.

use wasm_bindgen::prelude::*;
use worker::wasm_bindgen_futures::JsFuture;
use worker::{Result, web_sys};

use cart_core::frame::Holder;
use cart_core::id::Region;

use crate::net::breakers::{circuit, in_time, through};
use crate::net::failure::Failure;
use crate::net::peers::{STORE_PATH, bytes_of, post, tagged};
use crate::platform::answer::Answer;
use crate::platform::config::Config;
use crate::platform::request::Request;

#[wasm_bindgen]
extern "C" {
    /// The stores of this process: see `src/bridge.js`.
    #[wasm_bindgen(catch, js_namespace = evercart, js_name = stores)]
    fn stores_here(request: &web_sys::Request) -> Result<js_sys::Promise, JsValue>;
}

/// In which header the operator's requests carry what the edge knows of each region's circuit.
pub const CIRCUITS: &str = "Evercart-Circuits";

/// Asks the store of a region, from a region.
pub async fn ask(
    config: &Config,
    from: Region,
    store: Region,
    body: &[u8],
    deadline_ms: u64,
) -> std::result::Result<Vec<u8>, Failure> {
    let way = async {
        let answer = match config.peer(store) {
            Some(url) => post(config, url, STORE_PATH, body).await,
            None => here(config, body).await,
        };
        answer.map_err(|error| Failure::of_store(&error))
    };
    through(config, from, Holder::Store(store), in_time(store, deadline_ms, way)).await
}

async fn here(config: &Config, body: &[u8]) -> Result<Vec<u8>> {
    bytes_of(answered_here(tagged(config, "https://stores", STORE_PATH, body)?.inner()).await?).await
}

async fn answered_here(request: &web_sys::Request) -> Result<web_sys::Response> {
    Ok(JsFuture::from(stores_here(request)?).await?.unchecked_into())
}

/// Hands an operator's request on to the stores of this process, with what this isolate knows of the regions.
pub async fn operate(request: &Request, config: &Config) -> Result<Answer> {
    let circuits = config.regions.places.iter().map(|place| {
        let region = place.region;
        format!("{region}={}", circuit(region).name())
    });
    let request = web_sys::Request::new_with_request(&request.raw)?;
    request.headers().set(CIRCUITS, &circuits.collect::<Vec<_>>().join(" "))?;
    answered_here(&request).await.map(Answer::made)
}
