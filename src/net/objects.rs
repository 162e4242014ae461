//! Calls of the objects of this process, or wherever the platform has them. Every call may be repeated: edits by their
//! dots, frames by what a join is, the rest by what they are.

use cart_core::id::Region;
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use worker::wasm_bindgen_futures::JsFuture;
use worker::{Env, Response, Result, Stub, web_sys};

use crate::net::breakers;
use crate::net::peers::{bytes_of, posted, upgrade};

#[wasm_bindgen]
extern "C" {
    /// An object's stub as the platform has it: no request and no response are made for it that nobody looks at.
    type RawStub;
    #[wasm_bindgen(method, catch)]
    fn fetch(this: &RawStub, url: &str, init: &web_sys::RequestInit)
    -> std::result::Result<Promise, JsValue>;
}

/// How often a call is tried while the platform says that trying again may help.
pub const TRIES_MAX: u32 = 3;

/// How an object is called, and how where nothing can be written.
pub const CALL: &str = "https://cart/call";
pub const READ_ONLY: &str = "https://cart/read-only";
/// How it is asked for a socket.
pub const LIVE: &str = "https://cart/live";

/// An object, by its name and where it is to be.
pub struct Object<'a> {
    pub env: &'a Env,
    pub name: String,
    pub region: Region,
}

impl Object<'_> {
    /// What it answers. `repeats` says that it need not know how often it was asked.
    pub async fn call(&self, body: &[u8], repeats: bool) -> Result<Vec<u8>> {
        let mut tries = 0;
        breakers::called();
        loop {
            tries += 1;
            match self.once(CALL, body).await {
                Err(error) if repeats && may_try_again(tries, &error) => {}
                answer => return answer,
            }
        }
    }

    /// The same, tried once.
    pub async fn once(&self, url: &str, body: &[u8]) -> Result<Vec<u8>> {
        let stub: RawStub = self.stub()?.into_rpc();
        bytes_of(JsFuture::from(stub.fetch(url, &posted(body)?)?).await?.unchecked_into()).await
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
fn may_try_again(tries: u32, error: &worker::Error) -> bool {
    let worker::Error::UnknownJsError { original, .. } = error else { return false };
    let is = |name: &str| js_sys::Reflect::get(original, &name.into()).is_ok_and(|value| value.is_truthy());
    tries < TRIES_MAX && is("retryable") && !is("overloaded") && breakers::may_spend()
}
