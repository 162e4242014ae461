//! One cart in several regions on the real runtime: in one process as `wrangler dev` serves them, and in
//! three with faults between. Edits have names, so that what must be there in the end is known by who sent it,
//! edit by edit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use harness::{
    Answer, Counts, Faults, Regions, RegionsOptions, Runtime, STORED_MAX, Session, Shop, by_engraving, equal,
    quantity, stored,
};
use reqwest::Method;
use serde_json::json;

const NAMES: [&str; 3] = ["apac", "enam", "weur"];
const SKUS: [&str; 3] = ["1095275", "1082185", "1029743"];
/// How long regions may take to become equal once they can.
const EQUAL_MAX: Duration = harness::EVENTUALLY;
/// How many names the edits of a region have: a cart has lines for all of them.
const NAMES_MAX: u8 = 40;

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
    // One at home in weur, one in apac.
    let mut carts = [Account::open("weur", weur).await, Account::open("apac", apac).await];
    for nth in 0..6 {
        for cart in &mut carts {
            cart.adds(enam, &format!("old {nth}")).await;
        }
    }
    edit_everywhere(&places, &mut carts, 3).await;
    all_there(&places, &carts, "at first").await;

    // Partition: both sides go on, and take off what both have seen. They are equal once it is healed.
    regions.isolate("apac");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(partition_s()) {
        edit_everywhere(&places, &mut carts, 1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for cart in &mut carts {
        cart.takes_off(apac, "old 0").await;
        cart.takes_off(weur, "old 1").await;
        for place in [apac, enam] {
            cart.takes_off(place, "old 2").await;
        }
    }
    let here = apac.view(&carts[0].session).await;
    assert_eq!(here["partial"], true, "it says that it may be behind what it has shown elsewhere");
    regions.heal();
    all_there(&places, &carts, "after the partition").await;

    // A region that cannot ask is told all the same.
    for to in ["weur", "enam"] {
        regions.link("apac", to).change(|faults| faults.cut = true);
    }
    edit_everywhere(&[enam.clone(), weur.clone()], &mut carts, 3).await;
    for cart in &carts {
        eventually(async || by_engraving(&apac.view(&cart.session).await) == cart.lines).await;
    }
    assert_eq!(apac.view(&carts[0].session).await["partial"], true);
    regions.heal();

    // A bad network.
    regions.set(&Faults { lose_request: 25, lose_answer: 25, repeat: 25, reorder: 25, ..Faults::default() });
    for nth in 3..6 {
        edit_everywhere(&places, &mut carts, 7).await;
        for cart in &mut carts {
            cart.takes_off(&places[nth % 3], &format!("old {nth}")).await;
        }
    }
    regions.heal();
    all_there(&places, &carts, "after the losses").await;

    // A region stands still, then is killed: shoppers of others, and its own by the others, go on.
    regions.stop("enam");
    let by_affinity = regions.shop("apac");
    let own = enam_session(&regions, &by_affinity).await;
    edit_everywhere(std::slice::from_ref(weur), &mut carts, 3).await;
    regions.kill("enam");
    edit_everywhere(std::slice::from_ref(apac), &mut carts, 3).await;
    regions.restart("enam").await;
    // What its shopper was shown elsewhere meanwhile, it does not hide: it has it, or says that it may not.
    regions.isolate("enam");
    let back = regions.shop("enam");
    assert_eq!(back.view(&own).await["partial"], true);
    regions.heal();
    eventually(async || back.view(&own).await["partial"] == false).await;
    assert_eq!(quantity(&back.view(&own).await), 2);
    all_there(&places, &carts, "after the kill").await;

    // A region loses its disk, and has all again from the others. Of either cart it is the home of, too.
    for name in ["apac", "weur"] {
        regions.wipe(name).await;
        edit_everywhere(&places, &mut carts, 2).await;
        all_there(&places, &carts, &format!("after the wipe of {name}")).await;
    }
    for cart in &carts {
        stored(&regions, cart.home, &weur.view(&cart.session).await, STORED_MAX).await;
    }
    let mut counts = Counts::default();
    for (from, to, link) in regions.links() {
        println!("{from} to {to}: {:?}", link.counts());
        counts = counts.plus(link.counts());
    }
    let fired = [counts.cut, counts.requests_lost, counts.answers_lost, counts.repeated, counts.reordered];
    assert!(fired.iter().all(|times| *times > 0), "{counts:?}");
}

/// What has been acknowledged of a cart, edit by edit: how many pieces each name must have.
struct Account {
    home: &'static str,
    session: Session,
    lines: BTreeMap<String, u64>,
}

impl Account {
    async fn open(home: &'static str, place: &Shop) -> Self {
        Self { home, session: place.open().await, lines: BTreeMap::new() }
    }

    async fn adds(&mut self, place: &Shop, name: &str) {
        add(place, &self.session, name).await;
        *self.lines.entry(name.to_owned()).or_default() += 1;
    }

    /// Takes off a line that is there, or that the other side has taken off already.
    async fn takes_off(&mut self, place: &Shop, name: &str) {
        let view = place.view(&self.session).await;
        let lines = view["lines"].as_array().expect("lines");
        let line = lines.iter().find(|line| line["customization"]["engraving"] == name);
        let id = line.and_then(|line| line["line_id"].as_str()).unwrap_or_else(|| panic!("{name} in {view}"));
        let path = format!("/v1/carts/current/lines/{id}");
        Answer::of(place.call(&self.session, Method::DELETE, &path).json(&json!({}))).await.expect(200);
        self.lines.remove(name);
    }
}

/// Adds so many times to each cart in all those places at once.
async fn edit_everywhere(places: &[Shop], carts: &mut [Account], times: usize) {
    let of_place = async |place: &Shop, cart: &Account| {
        let mut names = Vec::new();
        for _ in 0..times {
            let name = format!("{} of {}", fastrand::u8(..NAMES_MAX), place.url);
            add(place, &cart.session, &name).await;
            names.push(name);
        }
        names
    };
    for cart in carts {
        let made = join_all(places.iter().map(|place| of_place(place, cart))).await;
        for name in made.into_iter().flatten() {
            *cart.lines.entry(name).or_default() += 1;
        }
    }
}

/// Each edit of each cart is in all regions, once, soon.
async fn all_there(places: &[Shop], carts: &[Account], when: &str) {
    let began = Instant::now();
    let places: Vec<_> = places.iter().collect();
    for cart in carts {
        let within = EQUAL_MAX.saturating_sub(began.elapsed());
        for view in equal(&places, &cart.session, within).await {
            assert_eq!(by_engraving(&view), cart.lines, "{when}");
        }
    }
    println!("equal {when} within {} ms", began.elapsed().as_millis());
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

/// Adds a piece of that name, and once more under the same key if that is not acknowledged.
async fn add(place: &Shop, session: &Session, name: &str) {
    let key = format!("key-{:016x}", fastrand::u64(..));
    let body = json!({"sku": SKUS[0], "customization": {"engraving": name}});
    let call = || {
        let call = place.call(session, Method::POST, "/v1/carts/current/lines");
        Answer::try_of(call.header("Idempotency-Key", &key).json(&body))
    };
    if call().await.is_ok_and(|answer| answer.status == 200) {
        return;
    }
    call().await.expect("an answer").expect(200);
}

async fn eventually(is: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is().await {
        assert!(began.elapsed() < EQUAL_MAX, "it did not come about");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
