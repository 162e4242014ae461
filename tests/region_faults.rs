//! Regions that stand still, are slow, come and go, are killed, lose an alarm or have no room, under load.
//! Every edit has a line of its own, so that in the end each is found once, and nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cart_core::change::Change;
use cart_core::id::{Actor, CartId, Region};

use cart_core::line::{LineKey, Location};
use cart_core::sync::{Device, Learned, SyncResponse};
use cart_core::time::Millis;
use harness::{
    Answer, Faults, Regions, RegionsOptions, STORED_MAX, Session, Shop, by_engraving, stored, without_stores,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

const NAMES: [&str; 3] = ["apac", "enam", "weur"];
const SKU: &str = "1095275";
/// How long regions may take to become equal once they can: a retry is a minute at most, for who was long away.
const EQUAL_MAX: Duration = harness::EVENTUALLY;
/// How long a call of a region may take, and a shopper is held up by one that stands still: its replica is
/// called, and what it has shown is asked for.
const DEADLINES: Duration = Duration::from_millis(3_000 + 1_000);
/// What a busy machine may add to that.
const SLACK: Duration = Duration::from_secs(60);
/// How many shoppers there are.
const SHOPPERS: usize = 4;
/// How long an alarm goes off without reaching anybody.
const MISSED: Duration = Duration::from_secs(8);
/// When an alarm that has not gone off counts as lost.
const LATE: Duration = Duration::from_secs(10);
const DELTA_TYPE: &str = "application/vnd.evercart.delta";

#[tokio::test(flavor = "multi_thread")]
async fn editing_goes_on_whatever_a_region_does_and_nothing_is_lost() {
    let options = RegionsOptions { bounded_disks: true, ..RegionsOptions::default() };
    let mut regions = Regions::start(&NAMES, options).await;
    a_stopped_region_holds_nobody_up_for_long(&regions).await;
    a_slow_region_serves_until_it_is_too_slow(&regions).await;
    a_sync_tried_in_two_regions_is_one_to_its_device(&regions).await;
    a_flapping_region_costs_no_edit(&regions).await;
    a_killed_region_brings_its_edits_back(&mut regions).await;
    a_full_disk_is_said_and_read_from(&regions).await;
    who_signs_out_is_out_where_that_could_not_be_said(&regions).await;
    a_session_is_not_said_to_have_ended_where_a_region_cannot_be_asked(&regions).await;
    a_cart_that_is_not_known_here_is_not_said_to_be_gone(&regions).await;
    a_lost_alarm_is_set_again_by_the_next_request(&mut regions).await;
}

async fn a_stopped_region_holds_nobody_up_for_long(regions: &Regions) {
    let load = Load::start(regions, "enam").await;
    load.until(10).await;
    regions.stop("enam");
    load.until(40).await;
    regions.resume("enam");
    let shoppers = load.end().await;
    let slowest = shoppers.iter().flat_map(|shopper| &shopper.took).max().expect("edits");
    println!("stopped: the slowest of {} edits took {slowest:?}", edits(&shoppers));
    assert!(*slowest < DEADLINES + SLACK, "an edit took {slowest:?}");
    assert!(shoppers.iter().all(|shopper| shopper.by.contains_key("weur")), "another region has served");
    all_there(regions, &shoppers).await;
}

async fn a_slow_region_serves_until_it_is_too_slow(regions: &Regions) {
    recovered(regions, "weur", "enam").await;
    let weur = regions.shop("weur");
    let session = opened(regions, "enam").await;
    // The next region knows nothing of the line: that says nothing of what the first has done meanwhile.
    for (from, to) in [("weur", "enam"), ("enam", "weur")] {
        regions.link(from, to).set(Faults { delay_ms: 10_000..=10_000, ..Faults::default() });
    }
    let view = add(&regions.shop("enam"), &session, "set").await.expect(200).json();
    let line = view["lines"][0]["line_id"].as_str().expect("an id").to_owned();
    let call = weur.call(&session, Method::PATCH, &format!("/v1/carts/current/lines/{line}"));
    Answer::of(call.json(&json!({"quantity": 2}))).await.refused(503, "outcome_unknown");
    regions.heal();
    recovered(regions, "weur", "enam").await;
    regions.link("weur", "enam").set(Faults { delay_ms: 300..=300, ..Faults::default() });
    for nth in 0..3 {
        let answer = add(&weur, &session, &format!("slow {nth}")).await.expect(200);
        assert_eq!((answer.header("evercart-region"), &answer.json()["partial"]), ("enam", &json!(false)));
    }
    // What is taken off without saying what was seen is not taken off elsewhere while it may have been here.
    regions.link("weur", "enam").set(Faults { delay_ms: 2_500..=2_500, ..Faults::default() });
    let call = regions.shop("enam").call(&session, Method::POST, "/v1/carts/current/lines");
    let view = Answer::of(call.json(&json!({"sku": SKU, "quantity": 5}))).await.expect(200).json();
    let plain = view["lines"].as_array().expect("lines").iter().find(|line| line["quantity"] == 5);
    let line = plain.expect("the line")["line_id"].as_str().expect("an id").to_owned();
    let take_off = || {
        let body = json!({"commands": [{"op": "decrement", "line_id": line, "quantity": 1}]});
        let call = weur.call(&session, Method::POST, "/v1/carts/current/commands");
        Answer::of(call.header("Idempotency-Key", "off").json(&body))
    };
    take_off().await.refused(503, "outcome_unknown");
    // Nor when it is sent again, while nobody waits for that region: it arrives there late.
    take_off().await.refused(503, "outcome_unknown");
    // An add goes to the next region, at once now that the breaker is open; late it also arrives where it was
    // sent first.
    for nth in 3..6 {
        let answer = add(&weur, &session, &format!("slow {nth}")).await.expect(200);
        assert_eq!(answer.header("evercart-region"), "weur");
    }
    regions.heal();
    let mut tries = 0;
    while take_off().await.status != 200 {
        tries += 1;
        assert!(tries < 60, "it is never known");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let view = equal(regions, &session).await;
    let lines = by_engraving(&view);
    assert_eq!(lines[""], 4, "taken off once");
    assert!((0..6).all(|nth| lines[&format!("slow {nth}")] == 1), "{lines:?}");
}

/// The first region takes it in, says so too late, and has told the second of it before that is asked: there the
/// device's own changes are not another instance's, for which it would make them once more.
async fn a_sync_tried_in_two_regions_is_one_to_its_device(regions: &Regions) {
    recovered(regions, "weur", "enam").await;
    let session = opened(regions, "enam").await;
    let weur = regions.shop("weur");
    let lease = weur.call(&session, Method::POST, "/v1/carts/current/actors").json(&json!({}));
    let lease = Answer::of(lease).await.expect(201).json();
    let actor = lease["actor"].as_str().and_then(Actor::from_hex).expect("an actor");
    let cart_id = CartId::try_from(session.cart_id.clone()).expect("an id");
    let mut device = Device::new(actor, cart_id.scope());
    let key = LineKey::new(SKU, None, None).expect("a key");
    // The first shows the region, so that the second goes there from the other's edge.
    for delay_ms in [0, 2_500] {
        regions.link("weur", "enam").set(Faults { delay_ms: delay_ms..=delay_ms, ..Faults::default() });
        device.edit(
            Change::Add { key: key.clone(), details: None, quantity: 2, at: Location::Cart },
            Millis(0),
        );
        let before = device.sent();
        let call = weur.call(&session, Method::POST, "/v1/carts/current/sync");
        let call = call.header("Content-Type", DELTA_TYPE).body(device.request().to_bytes());
        let answer = Answer::of(call).await.expect(200);
        assert_eq!(answer.header("evercart-region") == "enam", delay_ms == 0);
        let response = SyncResponse::from_bytes(&answer.bytes).expect("a response");
        assert_eq!(device.receive(&response, before), Learned::Acknowledged, "{} were known", response.prior);
        assert_eq!(device.pending(), 0);
    }
    regions.heal();
    assert_eq!(by_engraving(&equal(regions, &session).await)[""], 4);
}

async fn a_flapping_region_costs_no_edit(regions: &Regions) {
    recovered(regions, "weur", "enam").await;
    let load = Load::start(regions, "enam").await;
    for _ in 0..20 {
        regions.isolate("enam");
        tokio::time::sleep(Duration::from_millis(500)).await;
        regions.heal();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let shoppers = load.end().await;
    let mut by = BTreeMap::new();
    for (region, count) in shoppers.iter().flat_map(|shopper| &shopper.by) {
        *by.entry(region.as_str()).or_insert(0) += count;
    }
    println!("flapping: {by:?}");
    assert!(by.contains_key("weur"), "another region has served: {by:?}");
    all_there(regions, &shoppers).await;
}

async fn a_killed_region_brings_its_edits_back(regions: &mut Regions) {
    recovered(regions, "weur", "enam").await;
    // What only enam knows: it cannot tell.
    for to in ["weur", "apac"] {
        regions.link("enam", to).change(|faults| faults.cut = true);
    }
    let load = Load::start(regions, "enam").await;
    load.until(15).await;
    regions.kill("enam");
    load.until(30).await;
    regions.heal();
    let shoppers = load.end().await;
    for shopper in &shoppers {
        assert!(shopper.by["enam"] > 0 && shopper.by["weur"] > 0, "{:?}", shopper.by);
        let view = regions.shop("weur").view(&shopper.session).await;
        let there = by_engraving(&view).len();
        assert!(view["partial"] == true && there < shopper.took.len(), "it lacks what was made in enam");
    }
    regions.restart("enam").await;
    all_there(regions, &shoppers).await;
}

async fn a_full_disk_is_said_and_read_from(regions: &Regions) {
    recovered(regions, "weur", "enam").await;
    let (weur, enam) = (regions.shop("weur"), regions.shop("enam"));
    let mut sessions = Vec::new();
    for _ in 0..SHOPPERS {
        let session = opened(regions, "enam").await;
        add(&enam, &session, "before").await.expect(200);
        sessions.push(session);
    }
    // One region alone, without anybody else to go to.
    regions.isolate("enam");
    regions.runtime("enam").fill_disk();
    let read = async |session: &Session| {
        let answer = Answer::of(enam.call(session, Method::GET, "/v1/carts/current")).await;
        let answer = answer.expect(200);
        assert_eq!(answer.header("evercart-region"), "enam");
        by_engraving(&answer.json())
    };
    // The platform does not say why a commit has failed, so the edit counts as one that may have been done. It was not
    // where the storage says so in the edit's turn: then a commit before it has failed, that of an alarm for one.
    let refusals = [(503, "replica_unavailable".to_owned()), (507, "storage_full".to_owned())];
    for round in 0..4 {
        for session in &sessions {
            let answer = add(&enam, session, &format!("full {round}")).await;
            assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
            assert!(answer.json()["detail"].as_str().is_some_and(|text| text.contains("Idempotency-Key")));
            assert!(refusals.contains(&answer.problem()), "{}", answer.text());
            assert_eq!(read(session).await, BTreeMap::from([("before".to_owned(), 1)]), "reading goes on");
        }
    }
    // What acts on what is held is not made elsewhere then, in reach or not.
    let clear = async |session: &Session| {
        let call = enam.call(session, Method::DELETE, "/v1/carts/current/lines");
        Answer::of(call.header("Idempotency-Key", "clear")).await
    };
    clear(&sessions[0]).await.refused(503, "outcome_unknown");
    // With others in reach, an add is made there, within the request; a retry of what takes off would not be looked for.
    regions.heal();
    reaches(regions, "enam", "weur").await;
    clear(&sessions[0]).await.refused(503, "outcome_unknown");
    for session in &sessions {
        let answer = add(&enam, session, "full 0").await.expect(200);
        assert_ne!(answer.header("evercart-region"), "enam");
        // The token names that region: the next request is not shown less by the one without room.
        let token = answer.header("evercart-token").to_owned();
        let shown = enam.view(&Session { token, ..session.clone() }).await;
        assert_eq!((by_engraving(&shown)["full 0"], &shown["partial"]), (1, &json!(false)));
        let answer = add(&weur, session, "elsewhere").await.expect(200);
        assert_ne!(answer.header("evercart-region"), "enam");
    }
    // There is room again. Where its failures have opened the breaker, it is tried again within seconds.
    regions.runtime("enam").free_disk();
    let began = Instant::now();
    let served = async || {
        let answer = Answer::of(enam.call(&sessions[0], Method::GET, "/v1/carts/current")).await.expect(200);
        answer.header("evercart-region").to_owned()
    };
    while served().await != "enam" {
        assert!(began.elapsed() < EQUAL_MAX, "enam is not asked any more");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    for session in &sessions {
        let answer = add(&enam, session, "after").await.expect(200);
        assert_eq!(answer.header("evercart-region"), "enam");
        let there = by_engraving(&equal(regions, session).await);
        let expected = ["after", "before", "elsewhere", "full 0"];
        assert_eq!(there, expected.map(|edit| (edit.to_owned(), 1)).into());
    }
}

/// No request comes any more, nor the receipt of a store, which would arm the alarm again.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_alarm_had_no_room_to_note_is_told_all_the_same() {
    let vars = vec![without_stores()];
    let regions =
        &Regions::start(&NAMES, RegionsOptions { bounded_disks: true, vars, ..RegionsOptions::default() })
            .await;
    let (enam, weur) = (regions.shop("enam").in_region("enam"), regions.shop("weur"));
    let session = opened(regions, "weur").await;
    add(&weur, &session, "known").await.expect(200);
    enam.view(&session).await;
    equal(regions, &session).await;
    // The disk fills up while the edit is told to a region that does not answer.
    let link = regions.link("enam", "weur");
    let told = || link.counts_of(&session.cart_id).frames;
    let before = told();
    link.set(Faults { black_hole: true, ..Faults::default() });
    add(&enam, &session, "not told").await.expect(200);
    let began = Instant::now();
    while told() == before {
        assert!(began.elapsed() < EQUAL_MAX, "nothing is told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    regions.runtime("enam").fill_disk();
    tokio::time::sleep(MISSED).await;
    regions.heal();
    regions.runtime("enam").free_disk();
    let began = Instant::now();
    while by_engraving(&weur.view(&session).await).len() < 2 {
        assert!(began.elapsed() < EQUAL_MAX, "the alarm is lost");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// A thief renews the token where nobody can tell, and is out once the regions hear of one another.
async fn who_signs_out_is_out_where_that_could_not_be_said(regions: &Regions) {
    recovered(regions, "weur", "enam").await;
    let (enam, weur) = (regions.shop("enam").in_region("enam"), regions.shop("weur"));
    let session = opened(regions, "weur").await;
    add(&weur, &session, "mine").await.expect(200);
    enam.view(&session).await;
    equal(regions, &session).await;
    regions.isolate("enam");
    Answer::of(weur.call(&session, Method::DELETE, "/v1/sessions/current")).await.expect(204);
    let renewed =
        Answer::of(enam.call(&session, Method::POST, "/v1/sessions/renew")).await.expect(201).json();
    let token = renewed["token"].as_str().expect("a token").to_owned();
    let stolen = Session { token, ..session };
    let read = async |shop: &Shop| Answer::of(shop.call(&stolen, Method::GET, "/v1/carts/current")).await;
    read(&enam).await.expect(200);
    regions.heal();
    for shop in [&enam, &weur] {
        let began = Instant::now();
        loop {
            let answer = read(shop).await;
            if answer.status != 200 {
                answer.refused(401, "session_ended");
                break;
            }
            assert!(began.elapsed() < EQUAL_MAX, "the thief goes on: {}", answer.text());
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        let answer = Answer::of(shop.call(&stolen, Method::POST, "/v1/sessions/renew")).await;
        answer.refused(401, "session_ended");
    }
}

/// A month without use, as far as the others know: that one may know of a device in use.
async fn a_session_is_not_said_to_have_ended_where_a_region_cannot_be_asked(regions: &Regions) {
    recovered(regions, "weur", "enam").await;
    let weur = regions.shop("weur");
    let session = opened(regions, "weur").await;
    add(&weur, &session, "mine").await.expect(200);
    let renew = async || {
        let call = weur.call(&session, Method::POST, "/v1/sessions/renew");
        Answer::of(call.header("Evercart-Clock-Skew-Ms", (31 * Millis::DAY).to_string())).await
    };
    regions.isolate("enam");
    let unknown = renew().await.refused(503, "region_unreachable");
    assert_eq!(unknown.header("retry-after"), "1");
    regions.heal();
    let began = Instant::now();
    loop {
        let answer = renew().await;
        if answer.status != 503 {
            answer.refused(401, "session_lapsed");
            break;
        }
        assert!(began.elapsed() < EQUAL_MAX, "enam is never asked: {}", answer.text());
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn a_cart_that_is_not_known_here_is_not_said_to_be_gone(regions: &Regions) {
    recovered(regions, "weur", "apac").await;
    let (weur, apac) = (regions.shop("weur"), regions.shop("apac"));
    let session = opened(regions, "weur").await;
    let call = weur.call(&session, Method::POST, "/v1/carts").json(&json!({}));
    let further = Answer::of(call).await.expect(201).header("location").to_owned();
    let read = || Answer::of(apac.call(&session, Method::GET, &further));
    regions.isolate("apac");
    let (status, code) = read().await.problem();
    assert!(status == 503, "{status} {code}");
    regions.heal();
    reaches(regions, "apac", "weur").await;
    read().await.expect(200);
    let foreign = format!("/v1/carts/{}", CartId::mint(Region::Weur, [7; 15]));
    Answer::of(apac.call(&session, Method::GET, &foreign)).await.refused(404, "cart_not_found");
}

/// The alarm is deleted where the runtime keeps it, while the region is down.
async fn a_lost_alarm_is_set_again_by_the_next_request(regions: &mut Regions) {
    recovered(regions, "weur", "enam").await;
    let (enam, weur) = (regions.shop("enam").in_region("enam"), regions.shop("weur"));
    let session = weur.open().await;
    add(&weur, &session, "known").await.expect(200);
    enam.view(&session).await;
    equal(regions, &session).await;
    regions.isolate("weur");
    add(&weur, &session, "not told").await.expect(200);
    let armed = Instant::now();
    regions.kill("weur");
    let deleted = delete_alarms(regions);
    assert!(deleted > 0, "there was an alarm");
    // enam is told and cannot ask.
    regions.heal();
    regions.link("enam", "weur").change(|faults| faults.cut = true);
    regions.restart("weur").await;
    tokio::time::sleep(LATE.saturating_sub(armed.elapsed())).await;
    assert_eq!(by_engraving(&enam.view(&session).await).len(), 1, "nobody has told it");
    let began = Instant::now();
    while by_engraving(&enam.view(&session).await).len() < 2 {
        assert!(began.elapsed() < EQUAL_MAX, "the alarm stays lost");
        Answer::of(weur.call(&session, Method::GET, "/v1/carts/current")).await.expect(200);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    regions.heal();
    equal(regions, &session).await;
}

/// Deletes all alarms of weur, in the list of them and in each object; how many there were.
fn delete_alarms(regions: &Regions) -> usize {
    let script = r#"
import pathlib, sqlite3, sys
count = 0
for path in pathlib.Path(sys.argv[1]).glob("*/*.sqlite"):
    with sqlite3.connect(path) as db:
        if path.stem == "metadata":
            count += db.execute("DELETE FROM _cf_ALARM").rowcount
        # An object that was only asked for has no table.
        elif db.execute("SELECT 1 FROM sqlite_master WHERE name = '_cf_METADATA'").fetchone():
            db.execute("UPDATE _cf_METADATA SET value = NULL WHERE key = 1")
    db.close()
print(count)
"#;
    let folder: PathBuf = regions.runtime("weur").objects();
    let output = Command::new("python3").args(["-c", script]).arg(folder).output().expect("python3");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().unwrap_or_else(|_| panic!("{text} {}", String::from_utf8_lossy(&output.stderr)))
}

// Load: shoppers of one region, who come in at another, so that this one has to find who serves them.

struct Load {
    ends: Arc<AtomicBool>,
    made: Vec<Arc<std::sync::atomic::AtomicUsize>>,
    shoppers: Vec<JoinHandle<Shopper>>,
}

/// What became of a shopper.
struct Shopper {
    session: Session,
    /// How long each edit took, its retry included. All were acknowledged.
    took: Vec<Duration>,
    /// How many each region has served.
    by: BTreeMap<String, usize>,
}

impl Load {
    async fn start(regions: &Regions, region: &str) -> Self {
        let mut load = Self { ends: Arc::default(), made: Vec::new(), shoppers: Vec::new() };
        for _ in 0..SHOPPERS {
            let session = opened(regions, region).await;
            let (edge, ends, made) = (regions.shop("weur"), load.ends.clone(), Arc::default());
            load.made.push(Arc::clone(&made));
            load.shoppers.push(tokio::spawn(async move {
                let mut shopper = Shopper { session, took: Vec::new(), by: BTreeMap::new() };
                while !ends.load(Ordering::Relaxed) {
                    shopper.edit(&edge).await;
                    made.store(shopper.took.len(), Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                shopper
            }));
        }
        load
    }

    /// Waits until each shopper has made so many edits.
    async fn until(&self, count: usize) {
        while self.made.iter().any(|made| made.load(Ordering::Relaxed) < count) {
            assert!(!self.shoppers.iter().any(JoinHandle::is_finished), "a shopper gave up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn end(self) -> Vec<Shopper> {
        self.ends.store(true, Ordering::Relaxed);
        let mut shoppers = Vec::new();
        for shopper in self.shoppers {
            shoppers.push(shopper.await.expect("a shopper gave up"));
        }
        shoppers
    }
}

impl Shopper {
    /// The next edit, and once more if it was not acknowledged.
    async fn edit(&mut self, edge: &Shop) {
        let (nth, began) = (self.took.len(), Instant::now());
        let mut answer = add(edge, &self.session, &nth.to_string()).await;
        if answer.status != 200 {
            answer = add(edge, &self.session, &nth.to_string()).await;
        }
        let answer = answer.expect(200);
        self.took.push(began.elapsed());
        *self.by.entry(answer.header("evercart-region").to_owned()).or_default() += 1;
    }
}

/// A session that the region serves. It does not while its own calls fail.
async fn opened(regions: &Regions, region: &str) -> Session {
    let began = Instant::now();
    loop {
        let session = regions.shop(region).open().await;
        if session.cart_id.contains(region) {
            return session;
        }
        assert!(began.elapsed() < EQUAL_MAX, "{region} serves nobody");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn edits(shoppers: &[Shopper]) -> usize {
    shoppers.iter().map(|shopper| shopper.took.len()).sum()
}

/// Each edit of each shopper of enam is in all regions and stores, once.
async fn all_there(regions: &Regions, shoppers: &[Shopper]) {
    for shopper in shoppers {
        let view = equal(regions, &shopper.session).await;
        let made = (0..shopper.took.len()).map(|nth| (nth.to_string(), 1));
        assert_eq!(by_engraving(&view), made.collect::<BTreeMap<_, _>>());
        stored(regions, "enam", &view, STORED_MAX).await;
    }
}

/// Adds a line named by its edit, under a key of that name.
async fn add(shop: &Shop, session: &Session, edit: &str) -> Answer {
    let body = json!({"sku": SKU, "customization": {"engraving": edit}});
    let call = shop.call(session, Method::POST, "/v1/carts/current/lines");
    Answer::of(call.header("Idempotency-Key", edit.replace(' ', "-")).json(&body)).await
}

/// What all regions show, once it is the same and complete.
async fn equal(regions: &Regions, session: &Session) -> Value {
    let shops = NAMES.map(|name| regions.shop(name).in_region(name));
    harness::equal(&shops.each_ref(), session, EQUAL_MAX).await.remove(0)
}

/// Waits until each of two edges calls the other's region again.
async fn recovered(regions: &Regions, one: &str, other: &str) {
    reaches(regions, one, other).await;
    reaches(regions, other, one).await;
}

/// Waits until an edge calls a region.
async fn reaches(regions: &Regions, edge: &str, region: &str) {
    let began = Instant::now();
    loop {
        let session = opened(regions, region).await;
        let answer = add(&regions.shop(edge), &session, "probe").await;
        if answer.header("evercart-region") == region {
            return;
        }
        assert!(began.elapsed() < EQUAL_MAX, "{edge} does not find {region} again: {}", answer.text());
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
