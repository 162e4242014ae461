//! Probe.
use harness::{Answer, Options, Runtime};
use reqwest::Method;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn probe() {
    let runtime = Runtime::start(Options::default()).await;
    let shop = runtime.shop();
    let session = shop.open().await;
    let skus = ["1095275", "1082185", "1029743", "995242", "1106523", "981760", "840361", "916122"];
    for n in 0..34 {
        let began = std::time::Instant::now();
        let calls: Vec<_> = (0..100).map(|i| tokio::spawn(Answer::of(shop.call(&session, Method::POST, "/v1/carts/current/lines").header("Prefer", "return=minimal").json(&json!({"sku": skus[i % 8]}))))).collect();
        let mut worst = 0;
        for c in calls { let a = c.await.unwrap(); if a.status != 204 { println!("{n}: {} {}", a.status, a.text()); } worst = a.header("evercart-context").len().max(worst); }
        let rate = 100.0 / began.elapsed().as_secs_f64();
        let get = Answer::of(shop.call(&session, Method::GET, "/v1/carts/current")).await;
        println!("{} edits: {rate:.0}/s, context header {worst}, view {} bytes", (n+1)*100, get.bytes.len());
    }
}
