//! Builds that follow one another on one state, and serve beside one another: the last build of the format before,
//! this one, and one to come, which is this one with `formats/next.patch`. `docs/formats.md` tells the rules.
//! The two others are built by `tools/formats`, which takes minutes once, and the history of git.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cart_core::change::Change;
use cart_core::frame::Frame;
use cart_core::id::{CartId, Region};
use cart_core::line::{LineKey, Location};
use cart_core::packed::{FORMAT, Format, OLDEST, unpack};
use cart_core::reject::Reject;
use cart_core::sync::Device;
use evercart::store::call::{Errand, Report};
use harness::{Answer, Operator, Options, Regions, RegionsOptions, Runtime, Session, Shop, quantity, root};
use reqwest::Method;
use serde_json::{Value, json};

const SKU: &str = "1095275";
const OTHER_SKU: &str = "1082185";
/// How long regions may take to become equal once they can; they are equal within seconds.
const EQUAL_MAX: Duration = Duration::from_secs(120);
/// The last commit whose objects are called by requests, and not by RPC.
const LAST_OF_REQUESTS: &str = "ed8469e32268b0cc324df3584ad2d249d71d4c9e";
/// By which key the build to come keeps what it has added to ties.
const ADDED: [u8; 1] = [240];

/// Rows of objects and stores, keys, contexts, tokens, devices: all that was left by the build before.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_build_before_has_served_is_served_on() {
    let before = tree(&last_commit(OLDEST));
    let mut runtime = Runtime::start(Options { tree: Some(before), ..Options::default() }).await;
    let shop = runtime.shop();
    let operator = Operator::of(&runtime);
    let (session, idle, left) = (shop.open().await, shop.open().await, shop.open().await);
    for session in [&session, &idle, &left] {
        add(&shop, session, "k1", SKU, 5).await.expect(200);
    }
    let further = Answer::of(shop.call(&session, Method::POST, "/v1/carts").json(&json!({}))).await;
    let further = further.expect(201).json()["cart_id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/carts/{}", session.cart_id);
    let view = view(&shop, &session, &path).await;
    let context = view["context"].as_str().expect("a context").to_owned();
    // A device that was offline when the builds changed: one change it has sent, one it has not.
    let mut device = shop.device(&session, &session.cart_id).await;
    edit(&mut device, 1);
    shop.exchange(&session, &session.cart_id, &mut device).await;
    edit(&mut device, 2);
    let device = device.to_bytes();
    Answer::of(shop.call(&left, Method::DELETE, "/v1/sessions/current")).await.expect(204);
    let cart = |session: &Session| CartId::try_from(session.cart_id.clone()).expect("an id");
    for session in [&session, &idle] {
        operator.arrived_any(Region::Weur, &cart(session)).await;
    }

    runtime.redeploy(None).await;
    assert_eq!(quantity(&self::view(&shop, &session, &path).await), 6, "what was there");
    add(&shop, &session, "k1", SKU, 5).await.expect(200);
    assert_eq!(quantity(&self::view(&shop, &session, &path).await), 6, "a retry");
    let line = &view["lines"][0]["line_id"];
    let line = format!("{path}/lines/{}", line.as_str().expect("a line's id"));
    let off = shop.call(&session, Method::PATCH, &line).json(&json!({"decrement": 2, "context": context}));
    Answer::of(off).await.expect(200);
    let mut device = Device::from_bytes(&device).expect("a device");
    shop.exchange(&session, &session.cart_id, &mut device).await;
    assert_eq!(
        quantity(&self::view(&shop, &session, &path).await),
        6,
        "2 off, and 2 that the device had not sent"
    );
    let carts = Answer::of(shop.call(&session, Method::GET, "/v1/carts")).await.expect(200).text();
    assert!(carts.contains(&further) && carts.contains(&session.cart_id), "{carts}");
    let refused = Answer::of(shop.call(&left, Method::GET, &format!("/v1/carts/{}", left.cart_id))).await;
    refused.refused(401, "session_ended");

    // The object is lost, and only the store's row is there, which the build before has written.
    runtime.wipe().await;
    let call = shop.call(&idle, Method::GET, &format!("/v1/carts/{}", idle.cart_id));
    let back = Answer::of(call.header("Evercart-Clock-Skew-Ms", "120000")).await.expect(200).json();
    assert_eq!(quantity(&back), 5, "from its store: {back}");
    clean(&runtime);
}

/// Of a Worker that is deployed edges and objects are of two builds for a while: they understand each other.
#[tokio::test(flavor = "multi_thread")]
async fn edges_and_objects_of_two_builds_serve_together() {
    let before = || Some(tree(LAST_OF_REQUESTS));
    let of_two = [
        Options { objects: before(), ..Options::default() },
        Options { tree: before(), objects: Some(root()), ..Options::default() },
    ];
    for options in of_two {
        let runtime = Runtime::start(options).await;
        let shop = runtime.shop();
        let session = shop.open().await;
        add(&shop, &session, "k1", SKU, 2).await.expect(200);
        add(&shop, &session, "k1", SKU, 2).await.expect(200);
        let path = format!("/v1/carts/{}", session.cart_id);
        assert_eq!(quantity(&view(&shop, &session, &path).await), 2, "once for each key");
        let mut device = shop.device(&session, &session.cart_id).await;
        edit(&mut device, 1);
        shop.exchange(&session, &session.cart_id, &mut device).await;
        assert_eq!(quantity(&view(&shop, &session, &path).await), 3);
        let refused = Answer::of(shop.call(&shop.open().await, Method::GET, &path)).await;
        assert_eq!(refused.expect(404).json()["code"], "cart_not_found");
    }
}

/// Two processes, of which one has the new build first: who cannot read the other says so, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn beside_the_build_before_nothing_is_lost_nor_shown_empty() {
    let before = tree(&last_commit(OLDEST));
    let tree_of = [("enam".to_owned(), before)].into();
    let mut regions =
        Regions::start(&["weur", "enam"], RegionsOptions { tree_of, ..Default::default() }).await;
    let (weur, enam) = (regions.shop("weur").in_region("weur"), regions.shop("enam").in_region("enam"));
    let (ours, theirs) = (weur.open().await, enam.open().await);
    add(&weur, &ours, "a", SKU, 1).await.expect(200);
    add(&enam, &theirs, "a", SKU, 2).await.expect(200);
    // There is a cart, of which this build cannot be told.
    let path = format!("/v1/carts/{}", theirs.cart_id);
    let read = Answer::of(weur.call(&theirs, Method::GET, &path)).await;
    assert_eq!(read.header("retry-after"), "1", "{}", read.text());
    read.refused(503, "builds_differ");
    // What the earlier one tells of it is taken in: it is read, if not answered.
    add(&weur, &theirs, "b", OTHER_SKU, 4).await.expect(200);
    regions.runtime_mut("enam").redeploy(None).await;
    let enam = regions.shop("enam").in_region("enam");
    add(&enam, &ours, "c", OTHER_SKU, 8).await.expect(200);
    for (session, count) in [(&ours, 9), (&theirs, 6)] {
        equal(&[&weur, &enam], session, count).await;
    }
    clean(regions.runtime("weur"));
}

/// The build to come beside this one, in this one's format; then in its own, which this one cannot read; and back.
#[tokio::test(flavor = "multi_thread")]
async fn the_build_to_come_goes_forth_and_back() {
    let next = tree("next");
    let tree_of = [("enam".to_owned(), next.clone())].into();
    let mut regions =
        Regions::start(&["weur", "enam"], RegionsOptions { tree_of, ..Default::default() }).await;
    let (weur, enam) = (regions.shop("weur").in_region("weur"), regions.shop("enam").in_region("enam"));
    let (ours, theirs) = (weur.open().await, enam.open().await);
    for (session, key) in [(&ours, "a"), (&theirs, "b")] {
        add(&weur, session, key, SKU, 1).await.expect(200);
        add(&enam, session, &format!("{key}-too"), OTHER_SKU, 2).await.expect(200);
        equal(&[&weur, &enam], session, 3).await;
    }
    // What it adds is kept by this one, in objects and stores.
    let added = added(&regions, "weur", &ours, None).await;
    regions.runtime_mut("enam").redeploy(None).await;
    let enam = regions.shop("enam").in_region("enam");
    for session in [&ours, &theirs] {
        add(&enam, session, "back", SKU, 4).await.expect(200);
        add(&weur, session, "back-too", SKU, 8).await.expect(200);
        equal(&[&weur, &enam], session, 15).await;
    }
    assert_eq!(self::added(&regions, "weur", &ours, Some(15)).await, added);

    // Told too early to write its own format, it is still read where it is asked: an answer is in the format of its
    // question. What it sends by itself is not, until the other is of its build too.
    let told = |regions: &mut Regions, name: &str, format: u8| {
        regions.runtime_mut(name).set("PACKED_FORMAT", &format.to_string());
    };
    told(&mut regions, "enam", FORMAT + 1);
    regions.runtime_mut("enam").redeploy(Some(&next)).await;
    let enam = regions.shop("enam").in_region("enam");
    let (only_there, asked) = (enam.open().await, enam.open().await);
    for session in [&only_there, &asked] {
        add(&enam, session, "c", SKU, 16).await.expect(200);
    }
    let path = |session: &Session| format!("/v1/carts/{}", session.cart_id);
    assert_eq!(quantity(&view(&weur, &asked, &path(&asked)).await), 16, "asked by a build that is earlier");
    // Its store as well.
    let enams = Operator::of(regions.runtime("enam"));
    self::added(&regions, "enam", &only_there, Some(16)).await;
    let report = enams.run(&Errand::Report { store: Region::Enam }).await.expect(200);
    assert!(unpack::<Report>(&report.bytes).is_ok_and(|report| report.available), "{:?}", report.bytes);
    for session in [&ours, &theirs] {
        add(&enam, session, "apart", SKU, 16).await.expect(200);
        add(&weur, session, "apart-too", SKU, 32).await.expect(200);
    }
    // Rolled back all the same, its rows wait for it. They are neither shown as none nor written over: what the other region
    // has heard of the cart, or finds in a store, it shows, and says that there may be more.
    told(&mut regions, "enam", FORMAT);
    regions.runtime_mut("enam").redeploy(None).await;
    let enam = regions.shop("enam").in_region("enam");
    for session in [&only_there, &asked] {
        let heard = Answer::of(enam.call(session, Method::GET, &path(session))).await.expect(200);
        assert_eq!(heard.header("evercart-region"), "weur");
        let heard = heard.json();
        assert_eq!((quantity(&heard), &heard["partial"]), (16, &json!(true)));
    }
    // Told the earlier one again, it reads both, and writes what this one reads.
    regions.runtime_mut("enam").redeploy(Some(&next)).await;
    let enam = regions.shop("enam").in_region("enam");
    for session in [&ours, &theirs] {
        equal(&[&weur, &enam], session, 63).await;
    }
    for session in [&only_there, &asked] {
        equal(&[&weur, &enam], session, 16).await;
    }
    add(&enam, &only_there, "d", SKU, 1).await.expect(200);
    for session in [&ours, &theirs] {
        add(&enam, session, "e", SKU, 1).await.expect(200);
    }
    regions.runtime_mut("enam").redeploy(None).await;
    let enam = regions.shop("enam").in_region("enam");
    for (session, count) in [(&ours, 64), (&theirs, 64), (&only_there, 17)] {
        equal(&[&weur, &enam], session, count).await;
    }
    clean(regions.runtime("weur"));
    clean(regions.runtime("enam"));
}

/// The folder of another build, built if it is not yet.
fn tree(name: &str) -> PathBuf {
    let began = Instant::now();
    let built = Command::new(root().join("tools/formats")).arg(name).output().expect("tools/formats");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    println!("the build {name}: {:.0?}", began.elapsed());
    let text = String::from_utf8(built.stdout).expect("a path");
    Path::new(text.lines().last().expect("a path")).to_owned()
}

/// The last commit of a format, by the list of them.
fn last_commit(format: u8) -> String {
    let list = std::fs::read_to_string(root().join("docs/formats.md")).expect("docs/formats.md");
    let row =
        list.lines().find(|line| line.starts_with(&format!("| {format} |"))).expect("a row of the format");
    row.split('|').nth(2).expect("a commit").trim().trim_matches('`').to_owned()
}

async fn add(shop: &Shop, session: &Session, key: &str, sku: &str, quantity: u32) -> Answer {
    let path = format!("/v1/carts/{}/lines", session.cart_id);
    let call = shop.call(session, Method::POST, &path).header("Idempotency-Key", key);
    Answer::of(call.json(&json!({"sku": sku, "quantity": quantity}))).await
}

async fn view(shop: &Shop, session: &Session, path: &str) -> Value {
    Answer::of(shop.call(session, Method::GET, path)).await.expect(200).json()
}

/// A device adds.
fn edit(device: &mut Device, quantity: u32) {
    let key = LineKey::new(OTHER_SKU, None, None).expect("a key");
    let at = Location::Cart;
    device.edit(Change::Add { key, details: None, quantity, at }, harness::now());
}

/// Waits until all show so much of a session's cart, and the same.
async fn equal(places: &[&Shop], session: &Session, count: u64) {
    let (began, path) = (Instant::now(), format!("/v1/carts/{}", session.cart_id));
    loop {
        let mut views = Vec::new();
        for place in places {
            let answer = Answer::of(place.call(session, Method::GET, &path)).await;
            views.push(if answer.status == 200 { answer.json() } else { json!(answer.text()) });
        }
        let whole = |view: &Value| view["partial"] == false && quantity(view) == count;
        if views.iter().all(|view| view.is_object() && whole(view) && view["version"] == views[0]["version"])
        {
            return;
        }
        assert!(began.elapsed() < EQUAL_MAX, "not {count} everywhere: {views:#?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What the build to come has added to the ties of a cart, as a store has it, once that shows so many.
async fn added(regions: &Regions, store: &str, session: &Session, count: Option<u64>) -> Vec<u8> {
    let (began, operator) = (Instant::now(), Operator::of(regions.runtime(store)));
    let (store, cart_id) = (Region::parse(store).expect("a region"), session.cart_id.clone());
    let cart_id = CartId::try_from(cart_id).expect("an id");
    loop {
        let answer = operator.run(&Errand::Read { store, cart_id: cart_id.clone() }).await.expect(200);
        if let Some(format) = answer.bytes.first() {
            assert!(Format::of(*format).is_some(), "it is written in format {format}");
            let frame: Frame =
                unpack(&answer.bytes).map_err(|reject: Reject| reject.to_string()).expect("a frame");
            let cart = cart_core::cart::Cart::from_bytes(&frame.state).expect("a cart");
            let shown = cart_core::view::shown_lines(&cart, Location::Cart);
            let shown: u64 = shown.iter().map(|(_, quantity)| *quantity).sum();
            let more = frame.ties.expect("the whole").more;
            if let Some(added) = more.get(&ADDED).filter(|_| count.is_none_or(|count| count == shown)) {
                return added.to_vec();
            }
        }
        assert!(began.elapsed() < EQUAL_MAX, "the store of {store} has not what was added");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Nothing has broken.
fn clean(runtime: &Runtime) {
    let log = runtime.log();
    assert!(!log.contains("panicked") && !log.contains("RuntimeError"), "{log}");
}
