//! The Workers in Rust that the service is measured beside: one that answers `/healthz` and does nothing else; with the
//! feature `object` also a bare Durable Object, which does for an add what `../js/object.mjs` does: one row written.

// The runtime's bindings expand to unsafe code; none is written here.
#![allow(unsafe_code, missing_docs)]

use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    let url = request.inner().url();
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    if path == "healthz" {
        return Response::from_json(&Health { status: "ok" });
    }
    serve(path, request, &env).await
}

#[derive(serde::Serialize)]
struct Health {
    status: &'static str,
}

#[cfg(not(feature = "object"))]
async fn serve(_: &str, _: Request, _: &Env) -> Result<Response> {
    Response::error("there is nothing here", 404)
}

#[cfg(feature = "object")]
use object::serve;

#[cfg(feature = "object")]
mod object {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use worker::{DurableObject, Env, Method, Request, Response, Result, State, durable_object};

    /// `carts/NAME/..`
    pub async fn serve(path: &str, request: Request, env: &Env) -> Result<Response> {
        let name = path.split('/').nth(1).unwrap_or_default();
        let stub = env.durable_object("BARE")?.get_by_name(name)?;
        stub.fetch_with_request(request).await
    }

    #[durable_object]
    pub struct Bare {
        state: State,
        cart: RefCell<Option<Cart>>,
    }

    /// Its quantities, and how often it was written.
    #[derive(Default, Clone, Deserialize, serde::Serialize)]
    struct Cart {
        version: u64,
        lines: BTreeMap<String, u64>,
    }

    #[derive(Deserialize)]
    struct NewLine {
        sku: String,
        quantity: u64,
    }

    #[derive(Deserialize)]
    struct Row {
        state: String,
    }

    impl DurableObject for Bare {
        fn new(state: State, _: Env) -> Self {
            Self { state, cart: RefCell::default() }
        }

        async fn fetch(&self, mut request: Request) -> Result<Response> {
            if request.method() == Method::Get {
                return self.show(&request);
            }
            let added: NewLine = serde_json::from_slice(&request.bytes().await?)?;
            let mut cart = self.load()?;
            let sku = added.sku;
            let quantity = cart.lines.entry(sku).or_default();
            *quantity += added.quantity;
            let answer = format!("{{\"quantity\":{quantity}}}");
            cart.version += 1;
            self.write(&cart)?;
            let response = json(answer)?;
            response.headers().set("ETag", &format!("\"{}\"", cart.version))?;
            self.cart.replace(Some(cart));
            Ok(response)
        }
    }

    impl Bare {
        fn show(&self, request: &Request) -> Result<Response> {
            let cart = self.load()?;
            let tag = format!("\"{}\"", cart.version);
            let response = if request.headers().get("If-None-Match")?.as_ref() == Some(&tag) {
                Response::empty()?.with_status(304)
            } else {
                json(serde_json::to_string(&cart)?)?
            };
            response.headers().set("ETag", &tag)?;
            Ok(response)
        }

        fn load(&self) -> Result<Cart> {
            if let Some(cart) = &*self.cart.borrow() {
                return Ok(cart.clone());
            }
            let sql = self.state.storage().sql();
            sql.exec("CREATE TABLE IF NOT EXISTS cart (id INTEGER PRIMARY KEY, state TEXT)", None)?;
            let rows: Vec<Row> = sql.exec("SELECT state FROM cart WHERE id = 1", None)?.to_array()?;
            let cart: Cart = match rows.first() {
                Some(row) => serde_json::from_str(&row.state)?,
                None => Cart::default(),
            };
            self.cart.replace(Some(cart.clone()));
            Ok(cart)
        }

        fn write(&self, cart: &Cart) -> Result<()> {
            let state = serde_json::to_string(cart)?;
            let write = "INSERT OR REPLACE INTO cart VALUES (1, ?)";
            self.state.storage().sql().exec(write, Some(vec![state.into()])).map(drop)
        }
    }

    fn json(text: String) -> Result<Response> {
        let response = Response::from_bytes(text.into_bytes())?;
        response.headers().set("Content-Type", "application/json")?;
        Ok(response)
    }
}
