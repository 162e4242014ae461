//! Calls of the objects of this process, or wherever the platform has them. Every call may be repeated: edits by their
//! dots, frames by what a join is, the rest by what they are.

use cart_core::id::Region;
use cart_core::time::Millis;
use wasm_bindgen::prelude::*;
use worker::wasm_bindgen_futures::JsFuture;
use worker::{Env, Error, Response, Result, Stub};

use crate::net::breakers;
use crate::net::peers::upgrade;
use crate::platform::clock::present;
use crate::platform::log;

#[wasm_bindgen]
extern "C" {
    /// Calls an object: a promise of its bytes, or of nothing where it does not answer in time. See `src/bridge.js`.
    #[wasm_bindgen(catch, js_namespace = evercart)]
    fn call(
        env: &JsValue,
        name: &str,
        region: &str,
        body: &[u8],
        parent: Option<&str>,
        reads_only: bool,
        deadline_ms: f64,
    ) -> std::result::Result<js_sys::Promise, JsValue>;
}

/// How often a call is tried while the platform says that trying again may help.
pub const TRIES_MAX: u32 = 3;

/// How an object is asked for a socket.
const LIVE: &str = "https://cart/live";

/// An object, by its name and where it is to be.
pub struct Object<'a> {
    pub env: &'a Env,
    pub name: String,
    pub region: Region,
}

impl Object<'_> {
    /// What it answers until then, `None` if nothing. `repeats` says that it need not know how often it was asked.
    pub async fn call(&self, body: &[u8], repeats: bool, until: Millis) -> Result<Option<Vec<u8>>> {
        let mut tries = 0;
        breakers::called();
        loop {
            tries += 1;
            match self.once(body, false, until).await {
                Err(error) if repeats && may_try_again(tries, &error) => {}
                answer => return answer,
            }
        }
    }

    /// The same, tried once; `reads_only` says that nothing is to be written.
    pub async fn once(&self, body: &[u8], reads_only: bool, until: Millis) -> Result<Option<Vec<u8>>> {
        let left_ms = until.0.saturating_sub(present().0);
        let (env, region) = (self.env.as_ref(), self.region.name());
        let answer = log::with_parent(|parent| {
            call(env, &self.name, region, body, parent, reads_only, left_ms as f64)
        });
        let answer = JsFuture::from(answer?).await?;
        Ok((!answer.is_undefined()).then(|| js_sys::Uint8Array::unchecked_from_js(answer).to_vec()))
    }

    /// What it answers to the wish for a socket.
    pub async fn open(&self, opening: &str) -> Result<Response> {
        let mut tries = 0;
        breakers::called();
        loop {
            tries += 1;
            match self.stub()?.fetch_with_request(upgrade(LIVE, opening)?).await {
                Err(error) if may_try_again(tries, &error) => {}
                answer => return answer,
            }
        }
    }

    /// A fresh one each time: one that has failed stays broken.
    fn stub(&self) -> Result<Stub> {
        self.env.durable_object("CARTS")?.get_by_name_with_location_hint(&self.name, self.region.name())
    }
}

/// The platform marks its errors: `retryable`, and `overloaded` where another try would make it worse.
fn may_try_again(tries: u32, error: &Error) -> bool {
    let Error::UnknownJsError { original, .. } = error else { return false };
    let is = |name: &str| js_sys::Reflect::get(original, &name.into()).is_ok_and(|value| value.is_truthy());
    tries < TRIES_MAX && is("retryable") && !is("overloaded") && breakers::may_spend()
}
