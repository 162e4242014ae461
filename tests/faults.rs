//! Regions of one process, cut off from each other by the developer's switch: each goes on for its own shoppers,
//! none hears of another, and once healed all are equal. Where this is no development there is no switch.

use std::time::{Duration, Instant};

use cart_core::id::CartId;
use harness::{Answer, Options, Runtime, Shop, equal, quantity};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/v1/admin/faults";
const TRACED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const SKUS: [&str; 2] = ["1095275", "1082185"];
/// How long regions may take to become equal once they can.
const EQUAL_MAX: Duration = harness::EVENTUALLY;
/// How long regions are given to break a cut.
const CUT: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn regions_that_are_cut_differ_and_once_healed_are_equal() {
    let runtime = Runtime::shared().await;
    let shop = runtime.shop();
    let [weur, enam, apac] = ["weur", "enam", "apac"].map(|region| shop.in_region(region));
    let session = weur.open().await;
    weur.add(&session, SKUS[0], 1).await.expect(200);
    assert_eq!(quantity(&equal(&[&weur, &enam, &apac], &session, EQUAL_MAX).await[0]), 1);

    assert_eq!(
        set(&shop, json!({"cut": ["enam", "enam"]})).await.expect(200).json(),
        json!({"cut": ["enam"]})
    );
    let shown = Answer::of(shop.request(Method::GET, PATH)).await.expect(200);
    assert_eq!(shown.json(), json!({"cut": ["enam"]}));
    for (place, region, count) in [(&weur, "weur", 2), (&enam, "enam", 4)] {
        let added = place.add(&session, SKUS[1], count).await.expect(200);
        assert_eq!(added.header("evercart-region"), region, "its own shoppers reach it");
    }
    // A cart of the region that is cut is served elsewhere by what is known there, and the other way round.
    let other = enam.open().await;
    enam.add(&other, SKUS[0], 7).await.expect(200);
    let call = weur.call(&other, Method::GET, "/v1/carts/current").header("traceparent", TRACED);
    assert_eq!(Answer::of(call).await.expect(200).json()["partial"], true);
    is_said_in_the_log(runtime, &other.cart_id).await;
    tokio::time::sleep(CUT).await;
    assert_eq!([quantity(&weur.view(&session).await), quantity(&enam.view(&session).await)], [3, 5]);
    assert_eq!(quantity(&weur.view(&other).await), 0, "neither replica nor store has told it");
    assert_eq!(
        quantity(&equal(&[&weur, &apac], &session, EQUAL_MAX).await[0]),
        3,
        "the others go on with each other"
    );

    assert_eq!(set(&shop, json!({"cut": []})).await.expect(200).json(), json!({"cut": []}));
    assert_eq!(quantity(&equal(&[&weur, &enam, &apac], &session, EQUAL_MAX).await[0]), 7);
    assert_eq!(quantity(&equal(&[&weur, &enam], &other, EQUAL_MAX).await[0]), 7);

    for body in
        [json!({"cut": ["sam"]}), json!({"cut": ["nowhere"]}), json!({"cut": "weur"}), json!({"cuts": []})]
    {
        let refused = set(&shop, body.clone()).await.problem();
        assert!([400, 422].contains(&refused.0), "{body}: {refused:?}");
    }
    Answer::of(shop.request(Method::POST, PATH).json(&json!({}))).await.refused(405, "method_not_allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn production_has_no_such_switch() {
    let vars = vec![("ENVIRONMENT".to_owned(), "production".to_owned())];
    let runtime = Runtime::start(Options { vars, ..Options::default() }).await;
    let shop = runtime.shop();
    let operator = harness::Operator::of(&runtime);
    let body = json!({"cut": ["weur"]});
    for call in [
        shop.request(Method::GET, PATH),
        shop.request(Method::PUT, PATH).json(&body),
        operator.call(Method::PUT, "/faults").json(&body),
    ] {
        Answer::of(call).await.refused(404, "not_found");
    }
}

/// A line names the trace, the region and the cart, this not so that anybody could open it, and that somebody has asked
/// for the cut.
async fn is_said_in_the_log(runtime: &Runtime, cart_id: &str) {
    let cart = CartId::try_from(cart_id.to_owned()).expect("an id").scope().0;
    let began = Instant::now();
    loop {
        let log = runtime.log();
        assert!(!log.contains(cart_id), "{log}");
        let mut lines =
            log.lines().filter_map(|line| serde_json::from_str::<Value>(line.get(line.find('{')?..)?).ok());
        if let Some(line) = lines.find(|line| line["trace"] == TRACED[3..35]) {
            assert_eq!(
                (&line["region"], &line["cart"]),
                (&"weur".into(), &format!("{cart:08x}").into()),
                "{line}"
            );
            assert!(
                line["why"].as_str().is_some_and(|why| why.contains("a cut that was asked for")),
                "{line}"
            );
            assert!(line["tried"].is_string() && line["next"].is_string(), "{line}");
            return;
        }
        assert!(began.elapsed() < EQUAL_MAX, "{log}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn set(shop: &Shop, body: Value) -> Answer {
    Answer::of(shop.request(Method::PUT, PATH).json(&body)).await
}
