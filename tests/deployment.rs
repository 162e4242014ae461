//! What a plain `wrangler deploy` ships is production: nothing of a developer's is there.

use std::process::Command;
use std::time::{Duration, Instant};

use harness::{Answer, Options, Runtime};
use reqwest::Method;

/// What wrangler says that it would deploy: the bindings by name, each with its value.
#[test]
fn a_plain_deployment_is_production() {
    let script = "source tools/env && wrangler deploy --dry-run";
    let run = Command::new("bash").args(["-c", script]).current_dir(harness::root()).output().expect("bash");
    let (said, complaints) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}{complaints}");
    let bindings: Vec<&str> = said.lines().filter(|line| line.starts_with("env.")).collect();
    let of = |name: &str| bindings.iter().find(|line| line.starts_with(&format!("env.{name} ")));
    assert!(of("ENVIRONMENT").is_some_and(|line| line.contains(r#""production""#)), "{said}");
    assert!(of("REGION").is_none(), "each request comes from where the platform says: {said}");
    assert!(of("TOKEN_SECRET").is_none() && of("ADMIN_TOKEN").is_none(), "secrets are no settings: {said}");
    for name in ["CARTS", "CATALOG", "STORE_WEUR_1", "STORE_QUEUE_APAC", "ASSETS"] {
        assert!(bindings.iter().any(|line| line.starts_with(&format!("env.{name} "))), "{name}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn production_takes_nothing_that_is_for_developers() {
    let vars = [("ENVIRONMENT", "production"), ("ALLOWED_ORIGINS", "https://told.example")];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let runtime = Runtime::start(Options { vars, ..Options::default() }).await;
    let shop = runtime.shop();
    for origin in ["https://shop.example", "http://localhost:3000", "null"] {
        let call = shop.request(Method::POST, "/v1/sessions").header("Origin", origin);
        Answer::of(call.json(&serde_json::json!({}))).await.refused(403, "origin_refused");
    }
    let told = shop.request(Method::POST, "/v1/sessions").header("Origin", "https://told.example");
    let told = Answer::of(told.json(&serde_json::json!({}))).await.expect(201);
    assert_eq!(told.header("access-control-allow-origin"), "https://told.example");
    let session = shop.open().await;
    // A year later the token would have ended, and another region would have served it.
    let call = shop.call(&session, Method::GET, "/v1/carts/current");
    let call = call.header("Evercart-Clock-Skew-Ms", "31536000000").header("Evercart-Region", "enam");
    let answer = Answer::of(call.header("Evercart-Show-State", "1")).await.expect(200);
    assert_eq!(answer.header("evercart-region"), "weur");
    for name in ["evercart-rows", "evercart-rows-since-wake", "evercart-state"] {
        assert_eq!(answer.header(name), "", "{name}");
    }
    let own = shop.call(&session, Method::GET, "/v1/carts/current").header("Origin", runtime.url());
    Answer::of(own).await.expect(200);
}

/// What is set and cannot be meant is not taken for the usual.
#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_is_none_is_said() {
    let mut runtime = Runtime::start(Options::default()).await;
    let shop = runtime.shop();
    for (name, value, said) in [
        ("CART_DAYS", "29", "CART_DAYS is at least 30"),
        ("LINE_QUANTITY_MAX", "many", "LINE_QUANTITY_MAX is a whole number"),
        ("REGIONS", "[", "REGIONS: "),
    ] {
        runtime.set(name, value);
        runtime.launch();
        let began = Instant::now();
        let answer = loop {
            match Answer::try_of(shop.request(Method::GET, "/v1/carts/current")).await {
                Ok(answer) => break answer,
                Err(error) => assert!(began.elapsed() < harness::EVENTUALLY, "{name}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let answer = answer.refused(503, "misconfigured");
        assert!(answer.text().contains(said), "{name}: {}", answer.text());
        runtime.set(name, "");
    }
}
