//! Regions of one process, cut off from each other by the developer's switch: each goes on for its own shoppers,
//! none hears of another, and once healed all are equal. Where this is no development there is no switch.

use std::time::Duration;

use harness::{Answer, Options, Runtime, Shop, equal, quantity};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/v1/admin/faults";
const SKUS: [&str; 2] = ["1095275", "1082185"];
/// How long regions may take to become equal once they can.
const EQUAL_MAX: Duration = harness::EVENTUALLY;
/// How long regions are given to break a cut.
const CUT: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn regions_that_are_cut_differ_and_once_healed_are_equal() {
    let shop = Runtime::shared().await.shop();
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
    assert_eq!(weur.view(&other).await["partial"], true);
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

async fn set(shop: &Shop, body: Value) -> Answer {
    Answer::of(shop.request(Method::PUT, PATH).json(&body)).await
}
