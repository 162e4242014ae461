//! How often a request crosses the border between JavaScript and Wasm. Each crossing costs more than most of what is done
//! behind it, and one more is not felt: so all that Wasm calls is counted, function by function.

use std::collections::BTreeMap;

use harness::{Answer, Options, Runtime, Session, Shop, without_stores};
use reqwest::Method;
use serde_json::json;

const SKU: &str = "1095275";
/// Of so many requests the mean is taken.
const REQUESTS: u64 = 20;
/// The most calls that each may need, of the edge and the object together.
const HEALTHZ: f64 = 7.0;
const READ: f64 = 25.5;
const ADD: f64 = 62.0;

/// Counts what the modules import.
const COUNTING: &str = r#"
const crossings = {};
function counting(imports) {
  for (const module of Object.values(imports)) {
    for (const [name, imported] of Object.entries(module)) {
      if (typeof imported !== "function") continue;
      module[name] = (...given) => {
        crossings[name] = (crossings[name] ?? 0) + 1;
        return imported(...given);
      };
    }
  }
  return imports;
}
const Instance = WebAssembly.Instance;
WebAssembly.Instance = function (module, imports) {
  return new Instance(module, counting(imports));
};
"#;

/// The script with a path beside the others, which says what was called since it was asked last.
fn counted(script: String) -> String {
    let entry = "async fetch(request, env, ctx) {";
    let told = r#"
    if (request.url.endsWith("/crossings")) {
      const said = JSON.stringify(crossings);
      for (const name in crossings) delete crossings[name];
      return new Response(said);
    }"#;
    assert_eq!(script.matches(entry).count(), 1, "the script is made otherwise now");
    COUNTING.to_owned() + &script.replace(entry, &format!("{entry}{told}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_crosses_the_border_as_often_as_it_must() {
    // Without stores no alarm comes in between.
    let vars = vec![without_stores()];
    let runtime = Runtime::start(Options { script: Some(counted), vars, ..Options::default() }).await;
    let shop = runtime.shop();
    let session = shop.open().await;
    let tag = add(&shop, &session, "first").await.headers["ETag"].clone();
    for (what, most) in [("healthz", HEALTHZ), ("a read", READ), ("an add", ADD)] {
        crossings(&shop).await;
        for request in 0..REQUESTS {
            match what {
                "healthz" => drop(Answer::of(shop.request(Method::GET, "/healthz")).await.expect(200)),
                "a read" => {
                    let read = shop.call(&session, Method::GET, "/v1/carts/current");
                    Answer::of(read.header("If-None-Match", &tag)).await.expect(304);
                }
                _ => drop(add(&shop, &session, &request.to_string()).await),
            }
        }
        let crossings = crossings(&shop).await;
        let each = crossings.values().sum::<u64>() as f64 / REQUESTS as f64;
        println!("{what}: {each} crossings");
        for (function, count) in &crossings {
            println!("  {:6.2}  {function}", *count as f64 / REQUESTS as f64);
        }
        assert!(each > 1.0, "nothing was counted");
        assert!(each <= most, "{what}: {each} crossings, where {most} are enough");
    }
}

async fn add(shop: &Shop, session: &Session, key: &str) -> Answer {
    let call = shop.call(session, Method::POST, "/v1/carts/current/lines").header("Idempotency-Key", key);
    Answer::of(call.json(&json!({"sku": SKU, "quantity": 1}))).await.expect(200)
}

/// What was called since this was asked last.
async fn crossings(shop: &Shop) -> BTreeMap<String, u64> {
    let said = Answer::of(shop.request(Method::GET, "/v1/crossings")).await.expect(200);
    serde_json::from_slice(&said.bytes).expect("counts")
}
