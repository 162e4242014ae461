//! A catalog that is away or slow, on the real runtime: carts are edited and shown without it, and say so; what is
//! searched waits for itself alone.

use harness::{Answer, Options, Runtime, Session, Shop};
use reqwest::Method;
use serde_json::{Value, json};

const SKUS: [&str; 3] = ["1095275", "1082185", "1029743"];
/// How many search at once.
const SEARCHES: usize = 24;

async fn set(shop: &Shop, catalog: Option<&str>) {
    let mut faults = json!({"cut": []});
    if let Some(catalog) = catalog {
        faults["catalog"] = catalog.into();
    }
    let answer = Answer::of(shop.request(Method::PUT, "/v1/admin/faults").json(&faults)).await.expect(200);
    assert_eq!(answer.json(), faults);
}

/// A view in which this line has a price, and, if so, all of it counts.
fn priced(view: &Value, sku: &str) -> Option<u64> {
    let lines = view["lines"].as_array().expect("lines");
    let line = lines.iter().find(|line| line["sku"] == sku).expect("the line");
    let known = line["unit_price"].is_object();
    assert_eq!(line["problem"] == "price_unavailable", !known, "{line}");
    known.then(|| line["total"]["amount_minor"].as_u64().expect("an amount"))
}

/// Asks for the view until its prices are so.
async fn until(shop: &Shop, session: &Session, prices: &str) -> Value {
    for _ in 0..300 {
        let view = shop.view(session).await;
        if view["prices"] == prices {
            return view;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the prices never are {prices}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_is_edited_and_shown_without_the_catalog_and_says_so() {
    let runtime = Runtime::start(Options::default()).await;
    let shop = runtime.shop();
    for fault in ["away", "slow"] {
        let session = shop.open().await;
        let first = shop.add(&session, SKUS[0], 2).await.expect(200).json();
        assert_eq!((&first["prices"], priced(&first, SKUS[0]).is_some()), (&json!("current"), true));
        let other = shop.open().await;
        shop.add(&other, SKUS[0], 1).await.expect(200);
        set(&shop, Some(fault)).await;
        // What is known serves; of a product that is not known nobody says that there is none.
        let sku = if fault == "away" { SKUS[1] } else { SKUS[2] };
        let edited = shop.add(&session, sku, 3).await.expect(200);
        let view = edited.json();
        assert_eq!((&view["prices"], priced(&view, sku)), (&json!("unavailable"), None), "{fault}");
        assert_eq!(view["totals"]["total"]["amount_minor"].as_u64(), priced(&view, SKUS[0]));
        let shown = shop.view(&session).await;
        assert_eq!(shown["lines"].as_array().expect("lines").len(), 2, "it was kept");
        let new = format!("unheard of while {fault}");
        let unheard = shop.add(&session, &new, 1).await.expect(200).json();
        assert_eq!(priced(&unheard, &new), None);
        // Two minutes later what was known is not fresh any more, and serves all the same.
        let later = shop.call(&other, Method::GET, "/v1/carts/current");
        let later = Answer::of(later.header("Evercart-Clock-Skew-Ms", "120000")).await.expect(200).json();
        assert_eq!((&later["prices"], priced(&later, SKUS[0]).is_some()), (&json!("stale"), true), "{fault}");
        set(&shop, None).await;
        let known = until(&shop, &session, "current").await;
        assert!(priced(&known, sku).is_some());
        let lines = known["lines"].as_array().expect("lines");
        let unheard = lines.iter().find(|line| line["sku"] == *new).expect("the line");
        assert_eq!(unheard["problem"], "not_for_sale");
        shop.add(&session, "unheard of too", 1).await.refused(422, "unknown_sku");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_searches_leave_carts_alone() {
    let runtime = Runtime::start(Options::default()).await;
    let shop = runtime.shop();
    let session = shop.open().await;
    shop.add(&session, SKUS[0], 1).await.expect(200);
    let search = async |number: usize| {
        let path = format!("/v1/products?q=nothing%20has%20{number}");
        Answer::of(shop.request(Method::GET, &path)).await
    };
    let searches = futures_util::future::join_all((0..SEARCHES).map(search));
    let edits = async {
        for _ in 0..10 {
            shop.add(&session, SKUS[1], 1).await.expect(200);
        }
    };
    let (answers, ()) = tokio::join!(searches, edits);
    let of = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    println!("of {SEARCHES} searches {} found, {} refused, {} too slow", of(200), of(429), of(503));
    assert_eq!(of(200) + of(429) + of(503), SEARCHES, "{answers:?}");
    assert!(of(429) > 0 && of(503) <= 2, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status == 429) {
        assert_eq!((answer.code(), answer.header("retry-after")), ("search_busy".to_owned(), "1"));
    }
    // Who searches later is served.
    let mut found = search(0).await;
    for _ in 0..100 {
        if found.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        found = search(0).await;
    }
    found.expect(200);
}
