//! One cart in several regions on the real runtime: in one process as `wrangler dev` serves them, and in
//! three with faults between. Every edit adds one under a key of its own, so that what must be there in the
//! end is counted by who sent it, edit by edit.

use std::time::{Duration, Instant};

use harness::{Answer, Faults, Regions, RegionsOptions, Runtime, Session, Shop, equal, quantity};
use reqwest::Method;
use serde_json::json;

const NAMES: [&str; 3] = ["apac", "enam", "weur"];
const SKUS: [&str; 3] = ["1095275", "1082185", "1029743"];
/// How long regions may take to become equal once they can.
const EQUAL_MAX: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_made_in_one_region_is_shown_in_all() {
    let shop = Runtime::shared().await.shop();
    let [weur, enam, apac] = ["weur", "enam", "apac"].map(|region| shop.in_region(region));
    let session = weur.open().await;
    let first = weur.add(&session, SKUS[0], 2).await.expect(200);
    assert_eq!((first.header("evercart-region"), &first.json()["region"]), ("weur", &json!("weur")));

    // What the session was shown in one region is there in the next, at once.
    let there = enam.view(&session).await;
    assert_eq!((quantity(&there), &there["region"], &there["partial"]), (2, &json!("enam"), &json!(false)));
    enam.add(&session, SKUS[1], 3).await.expect(200);
    apac.add(&session, SKUS[2], 4).await.expect(200);
    let views = equal(&[&weur, &enam, &apac], &session, EQUAL_MAX).await;
    assert_eq!(quantity(&views[0]), 9);

    // Found in the list of either, by a line made in the other.
    let line = views[0]["lines"][1]["line_id"].as_str().expect("a line").to_owned();
    let path = format!("/v1/carts/current/lines/{line}");
    Answer::of(weur.call(&session, Method::DELETE, &path).json(&json!({}))).await.expect(200);
    let views = equal(&[&weur, &enam, &apac], &session, EQUAL_MAX).await;
    assert_eq!(views[2]["lines"].as_array().map(Vec::len), Some(2));

    // A stranger is told the same everywhere, and makes no replica.
    let stranger = enam.open().await;
    for place in [&weur, &enam, &apac] {
        let path = format!("/v1/carts/{}", session.cart_id);
        Answer::of(place.call(&stranger, Method::GET, &path)).await.refused(404, "cart_not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_counts_once_in_whatever_regions_it_arrives() {
    let shop = Runtime::shared().await.shop();
    let [weur, enam, apac] = ["weur", "enam", "apac"].map(|region| shop.in_region(region));
    let session = weur.open().await;
    let add = |place: &Shop| {
        let call = place.call(&session, Method::POST, "/v1/carts/current/lines");
        Answer::of(call.header("Idempotency-Key", "once").json(&json!({"sku": SKUS[0], "quantity": 5})))
    };
    let (one, other, third) = tokio::join!(add(&weur), add(&enam), add(&apac));
    for answer in [one, other, third] {
        answer.expect(200);
    }
    let views = equal(&[&weur, &enam, &apac], &session, EQUAL_MAX).await;
    assert_eq!(quantity(&views[0]), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_cart_is_gone_in_all_regions_and_its_session_goes_on() {
    let shop = Runtime::shared().await.shop();
    let [weur, enam] = ["weur", "enam"].map(|region| shop.in_region(region));
    let session = weur.open().await;
    weur.add(&session, SKUS[0], 1).await.expect(200);
    enam.add(&session, SKUS[0], 1).await.expect(200);
    let path = format!("/v1/carts/{}", session.cart_id);
    Answer::of(enam.call(&session, Method::DELETE, &path)).await.expect(204);
    let gone = async |place: &Shop| {
        Answer::of(place.call(&session, Method::GET, &path)).await.status.as_u16() == 404
    };
    eventually(async || gone(&weur).await && gone(&enam).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_of_one_region_is_merged_into_a_user_of_another() {
    let shop = Runtime::shared().await.shop();
    let [weur, enam, apac] = ["weur", "enam", "apac"].map(|region| shop.in_region(region));
    let (user, guest) = (weur.open().await, enam.open().await);
    weur.add(&user, SKUS[0], 1).await.expect(200);
    enam.add(&guest, SKUS[0], 2).await.expect(200);
    apac.add(&guest, SKUS[1], 3).await.expect(200);
    let body = json!({"cart_id": guest.cart_id, "token": guest.token});
    let path = "/v1/carts/current/merge";
    Answer::of(apac.call(&user, Method::POST, path).json(&body)).await.expect(200);
    // Late edits of the guest's devices arrive, from whatever region.
    apac.add(&guest, SKUS[2], 4).await.expect(200);
    enam.add(&guest, SKUS[2], 5).await.expect(200);
    eventually(async || quantity(&weur.view(&user).await) == 15).await;
    let views = equal(&[&weur, &apac], &user, EQUAL_MAX).await;
    assert_eq!(quantity(&views[1]), 15);
    // S37: the first wins, wherever the second asks.
    let second = apac.open().await;
    for place in [&weur, &enam, &apac] {
        let call = place.call(&second, Method::POST, path).json(&body);
        Answer::of(call).await.refused(409, "already_merged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_go_on_through_partition_loss_and_the_loss_of_a_region() {
    let skewed = |ms: &str| vec![("CLOCK_SKEW_MS".to_owned(), ms.to_owned())];
    let options = RegionsOptions {
        vars_of: [("enam".to_owned(), skewed("90000")), ("apac".to_owned(), skewed("-90000"))].into(),
        ..RegionsOptions::default()
    };
    let mut regions = Regions::start(&NAMES, options).await;
    let places = NAMES.map(|name| regions.shop(name).in_region(name));
    let [apac, enam, weur] = &places;
    let all = [apac, enam, weur];
    let session = weur.open().await;
    let mut acknowledged = 0;
    for place in all {
        acknowledged += add_some(place, &session, 3).await;
    }
    assert_eq!(quantity(&equal(&all, &session, EQUAL_MAX).await[0]), acknowledged);

    // Partition: both sides go on, and are equal once it is healed.
    regions.isolate("apac");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(partition_s()) {
        for place in all {
            acknowledged += add_some(place, &session, 1).await;
        }
    }
    let here = apac.view(&session).await;
    assert_eq!(here["partial"], true, "it says that it may be behind what it has shown elsewhere");
    regions.heal();
    assert_eq!(quantity(&equal(&all, &session, EQUAL_MAX).await[0]), acknowledged, "after the partition");

    // A region that cannot ask is told all the same.
    for to in ["weur", "enam"] {
        regions.link("apac", to).change(|faults| faults.cut = true);
    }
    acknowledged += add_some(weur, &session, 3).await + add_some(enam, &session, 3).await;
    eventually(async || quantity(&apac.view(&session).await) == acknowledged).await;
    assert_eq!(apac.view(&session).await["partial"], true);
    regions.heal();

    // A bad network.
    regions.set(&Faults { lose_request: 25, lose_answer: 25, repeat: 25, reorder: 25, ..Faults::default() });
    for _ in 0..20 {
        for place in all {
            acknowledged += add_some(place, &session, 1).await;
        }
    }
    regions.heal();
    assert_eq!(quantity(&equal(&all, &session, EQUAL_MAX).await[0]), acknowledged, "after the losses");

    // A region stands still, then is killed: shoppers of others, and its own by the others, go on.
    regions.stop("enam");
    let by_affinity = regions.shop("apac");
    let own = enam_session(&regions, &by_affinity).await;
    acknowledged += add_some(weur, &session, 3).await;
    regions.kill("enam");
    acknowledged += add_some(apac, &session, 3).await;
    regions.restart("enam").await;
    // What its shopper was shown elsewhere meanwhile, it does not hide: it has it, or says that it may not.
    regions.isolate("enam");
    let back = regions.shop("enam");
    assert_eq!(back.view(&own).await["partial"], true);
    regions.heal();
    eventually(async || back.view(&own).await["partial"] == false).await;
    assert_eq!(quantity(&back.view(&own).await), 2);
    assert_eq!(quantity(&equal(&all, &session, EQUAL_MAX).await[0]), acknowledged, "after the kill");

    // A region loses its disk, and has all again from the others.
    regions.wipe("apac").await;
    acknowledged += add_some(apac, &session, 2).await;
    assert_eq!(quantity(&equal(&all, &session, EQUAL_MAX).await[0]), acknowledged, "after the wipe");
    // The home as well.
    regions.wipe("weur").await;
    acknowledged += add_some(enam, &session, 2).await;
    assert_eq!(quantity(&equal(&all, &session, EQUAL_MAX).await[0]), acknowledged, "after the home's wipe");
    for (from, to, link) in regions.links() {
        println!("{from} to {to}: {:?}", link.counts());
    }
}

/// A session that a stopped region serves: its edits are made in another, within the same request. With the
/// token that came with that.
async fn enam_session(regions: &Regions, elsewhere: &Shop) -> Session {
    regions.resume("enam");
    let session = regions.shop("enam").open().await;
    regions.shop("enam").add(&session, SKUS[0], 1).await.expect(200);
    regions.stop("enam");
    let answer = elsewhere.add(&session, SKUS[0], 1).await.expect(200);
    assert_ne!(answer.header("evercart-region"), "enam");
    assert_eq!(answer.json()["partial"], true);
    let token = answer.header("evercart-token");
    assert_ne!(token, "", "the token is to name the region that has shown it more");
    Session { token: token.to_owned(), ..session }
}

/// How long the partition lasts: 30 seconds in CI.
fn partition_s() -> u64 {
    if std::env::var("CI").is_ok_and(|ci| ci == "true") { 30 } else { 5 }
}

/// Adds one at a time, each again under its key until it is acknowledged. Returns how many.
async fn add_some(shop: &Shop, session: &Session, count: u64) -> u64 {
    for _ in 0..count {
        let key = format!("key-{:016x}", fastrand::u64(..));
        let body = json!({"sku": SKUS[fastrand::usize(..SKUS.len())]});
        let add = async || {
            let call = shop.call(session, Method::POST, "/v1/carts/current/lines");
            Answer::try_of(call.header("Idempotency-Key", &key).json(&body)).await
        };
        let mut tries = 0;
        loop {
            tries += 1;
            match add().await {
                Ok(answer) if answer.status == 200 => break,
                outcome => assert!(tries < 10, "not acknowledged: {outcome:?}"),
            }
        }
    }
    count
}

async fn eventually(is: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is().await {
        assert!(began.elapsed() < EQUAL_MAX, "it did not come about");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
