//! Regions with their stores, as three processes: what the databases have is what the objects have, carts come
//! back from them, a store that is down holds nobody up, and the operator sees and moves what has to be moved.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cart_core::id::{CartId, Region};
use harness::{
    Answer, Faults, Operator, Regions, RegionsOptions, STORED_MAX, Session, Shop, equal, quantity, stored,
    stores_of,
};
use reqwest::Method;
use serde_json::{Value, json};

const NAMES: [&str; 3] = ["apac", "enam", "weur"];
const SKUS: [&str; 3] = ["1095275", "1082185", "1029743"];

#[tokio::test(flavor = "multi_thread")]
async fn stores_hold_what_objects_hold_and_bring_it_back() {
    let mut world = World::start().await;
    let mut carts = Vec::new();
    for home in NAMES {
        for _ in 0..3 {
            carts.push(Cart::open(&world, home).await);
        }
    }
    for round in 0..4 {
        for cart in &mut carts {
            let at = NAMES[(cart.quantity as usize + round) % 3];
            cart.add(&world, at).await;
        }
    }
    for cart in &carts {
        world.equal(cart, &NAMES).await;
    }

    // The operator of any region finds all of a session's carts, also those at home elsewhere.
    for name in NAMES {
        let owner = &carts[0].session.session_id;
        let found = world.operator(name).get(&format!("/carts?owner={owner}&tolerance_ms=600000")).await;
        let found = found.expect(200).json();
        assert_eq!(found["carts"].as_array().map(Vec::len), Some(1), "{found}");
        assert_eq!(found["carts"][0]["cart_id"], carts[0].id());
        assert_eq!(found["sources"].as_array().map(Vec::len), Some(3));
    }
    world
        .operator("enam")
        .get(&format!("/carts/{}?region=weur", carts[0].id()))
        .await
        .refused(421, "misdirected");

    // A region loses all objects, and reaches no other: its stores have what it had.
    let cart = carts.iter().find(|cart| cart.home == "weur").expect("one of each region").clone();
    world.regions.wipe("weur").await;
    world.regions.isolate("weur");
    // Not so new that nobody else would be asked for it.
    let call = world.shop("weur").call(&cart.session, Method::GET, "/v1/carts/current");
    let view = Answer::of(call.header("Evercart-Clock-Skew-Ms", "120000")).await.expect(200).json();
    assert_eq!(quantity(&view), cart.quantity, "from its own store");

    // Elsewhere nobody knows what is new there, however fresh all is that comes from others.
    for (home, known) in [("weur", false), ("enam", true)] {
        let path = format!("/carts?home={home}&tolerance_ms=600000");
        let source = world.operator("enam").get(&path).await.expect(200).json()["sources"][0].clone();
        assert_eq!(source["store"], "enam");
        assert_eq!(
            (source["within_tolerance"] == true, source["lag_ms"].is_u64()),
            (known, known),
            "{source}"
        );
    }
    world.regions.heal();
    for cart in &carts {
        world.equal(cart, &NAMES).await;
    }
}

/// A guest's cart goes with the user's into which it was merged, from all regions and stores.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_merged_into_an_erased_cart_is_in_no_store() {
    const MARKER: &str = "marker of the guest";
    let world = World::start().await;
    let (user, guest) = (Cart::open(&world, "enam").await, Cart::open(&world, "weur").await);
    let path = |cart: &Cart, rest: &str| format!("/v1/carts/{}{rest}", cart.id());
    let engraved = json!({"sku": SKUS[0], "customization": {"engraving": MARKER}});
    let call = world.shop("weur").call(&guest.session, Method::POST, &path(&guest, "/lines"));
    Answer::of(call.json(&engraved)).await.expect(200);
    let call = world.shop("apac").call(&guest.session, Method::PATCH, &path(&guest, ""));
    let view = Answer::of(call.json(&json!({"note": MARKER}))).await.expect(200).json();
    world.shop("enam").add(&user.session, SKUS[1], 1).await.expect(200);
    stored(&world.regions, "weur", &view, STORED_MAX).await;
    let body = json!({"cart_id": guest.id(), "token": guest.session.token});
    let call = world.shop("enam").call(&user.session, Method::POST, &path(&user, "/merge"));
    let merged = Answer::of(call.json(&body)).await.expect(200).json();
    assert_eq!(merged["note"], MARKER);
    let call = world.shop("enam").call(&user.session, Method::DELETE, &path(&user, ""));
    Answer::of(call).await.expect(204);
    for (cart, home) in [(&user, "enam"), (&guest, "weur")] {
        let began = Instant::now();
        for name in NAMES {
            let export = || world.shop(name).call(&cart.session, Method::GET, &path(cart, "/export"));
            while Answer::of(export()).await.status != 404 {
                assert!(began.elapsed() < STORED_MAX, "{} is there in {name}", cart.id());
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }
        let id = CartId::try_from(cart.id().to_owned()).expect("an id");
        for name in stores_of(home) {
            let (operator, store) = (world.operator(name), Region::parse(name).expect("a region"));
            let holds = async || {
                let state = operator.state(store, &id).await;
                let row = operator.row(store, &id).await.expect("a row");
                let text = format!("{row} {}", String::from_utf8_lossy(&state));
                row["erased"] != true || row["owner"] != Value::Null || text.contains(MARKER)
            };
            while holds().await {
                assert!(began.elapsed() < STORED_MAX, "the store of {name} holds {}", cart.id());
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }
    }
    for name in NAMES {
        let dead = world.operator(name).get("/dead-letters").await.expect(200).text();
        assert!(!dead.contains(guest.id()), "{dead}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_holds_nobody_up() {
    let world = World::start().await;
    let mut cart = Cart::open(&world, "weur").await;
    cart.add(&world, "weur").await;
    world.equal(&cart, &["weur"]).await;

    // Each statement fails.
    let outage = Outage::of(world.regions.runtime("weur").state());
    let began = Instant::now();
    while began.elapsed() < down_for() {
        cart.add(&world, NAMES[cart.quantity as usize % 3]).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let seen = world.operator("enam").regions().await;
    let weur = seen.iter().find(|region| region["region"] == "weur").expect("it is named");
    assert!(!answers(weur) && weur["lag_ms"].is_null(), "{weur}");
    println!("while its databases are down: {weur}");
    let listed = world.operator("weur").get("/carts?home=weur&tolerance_ms=600000").await.expect(200).json();
    assert_eq!(listed["sources"][0]["store"], "enam", "lists come from the other store: {listed}");
    drop(outage);
    // What has waited for long is tried again after as long, or five minutes.
    let waited = down_for().min(Duration::from_secs(300));
    let began = Instant::now();
    world.equal_within(&cart, &NAMES, waited + STORED_MAX).await;
    println!("{} edits later the stores have all, {:?} after they are back", cart.quantity, began.elapsed());
    let seen = world.operator("enam").regions().await;
    assert!(seen.iter().all(answers), "{seen:?}");
    assert!(seen.iter().all(|region| region["dead_letters"] == 0), "{seen:?}");
}

/// Who tolerates less than a store is late by reads from the next one.
#[tokio::test(flavor = "multi_thread")]
async fn lists_come_from_the_nearest_store_that_is_fresh_enough() {
    const LATE_MS: u64 = 2_700;
    const TOLERATED_MS: u64 = 2_500;
    let world = World::start().await;
    let mut cart = Cart::open(&world, "weur").await;
    let id = cart.id().to_owned();
    cart.add(&world, "weur").await;
    world.equal(&cart, &["weur"]).await;
    let operator = world.operator("enam");
    let source = async |tolerance_ms: u64| {
        let path = format!("/carts?home=weur&tolerance_ms={tolerance_ms}");
        let listed = operator.get(&path).await.expect(200).json();
        assert_eq!(listed["carts"][0]["cart_id"], id, "{listed}");
        listed["sources"][0].clone()
    };
    assert_eq!(source(600_000).await["store"], "enam", "the nearest");

    // What weur tells enam arrives late.
    let link = world.regions.link("weur", "enam");
    link.set(Faults { delay_ms: LATE_MS..=LATE_MS, ..Faults::default() });
    let began = Instant::now();
    let strict = loop {
        cart.add(&world, "weur").await;
        tokio::time::sleep(Duration::from_millis(2 * LATE_MS)).await;
        let strict = source(TOLERATED_MS).await;
        if strict["store"] == "weur" && strict["within_tolerance"] == true {
            break strict;
        }
        assert!(began.elapsed() < STORED_MAX, "{strict}");
    };
    assert!(strict["lag_ms"].as_u64().is_some_and(|lag_ms| lag_ms <= TOLERATED_MS), "{strict}");
    let seen = operator.regions().await;
    let enam = seen.iter().find(|region| region["region"] == "enam").expect("it is named");
    assert!(enam["lag_ms"].as_u64().is_some_and(|lag_ms| lag_ms >= LATE_MS), "{enam}");
    assert!(enam["lag_versions"].as_u64().is_some_and(|versions| versions >= 1), "{enam}");
    assert_eq!(source(600_000).await["store"], "enam", "who tolerates more reads near by");
    world.regions.heal();
    world.equal(&cart, &NAMES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_is_handed_over_and_taken_over() {
    let mut world = World::start().await;
    let mut cart = Cart::open(&world, "weur").await;
    for name in NAMES {
        cart.add(&world, name).await;
    }
    world.equal(&cart, &NAMES).await;
    let id = CartId::try_from(cart.id().to_owned()).expect("an id");
    let absent = CartId::mint(Region::Weur, [7; 15]);
    let operator = world.operator("apac");
    operator.move_home(&absent, "enam", None).await.refused(404, "cart_not_found");
    operator.move_home(&id, "mars", None).await.refused(422, "invalid_field");
    let home = |region: &str, term: u32| json!({"region": region, "term": term});
    for _ in 0..2 {
        // Asked of any region, as often as one likes.
        let moved = operator.move_home(&id, "enam", None).await.expect(200).json();
        assert_eq!(moved["home"], home("enam", 1));
    }
    cart.home = "enam";
    cart.add(&world, "weur").await;
    world.equal(&cart, &NAMES).await;
    let row = world.operator("enam").row(Region::Enam, &id).await.expect("the store of the new home has it");
    assert_eq!(row["home"], home("enam", 1));

    // The home is lost. Whoever asks it is told, its shoppers go on, and another region takes over. Nothing has been told
    // to it in vain until it is asked, so that it is called: after some failures nobody would be waited for.
    let waiting = world.shop("apac").open().await;
    world.equal(&cart, &NAMES).await;
    world.regions.kill("enam");
    let later =
        |answer: &Answer| answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0);
    let refused = operator.move_home(&id, "apac", None).await.refused(503, "replica_unavailable");
    assert!(later(&refused), "what only the home can do says when to ask again");
    let merge = world.shop("apac").call(&waiting, Method::POST, "/v1/carts/current/merge");
    let body = json!({"cart_id": cart.session.cart_id, "token": cart.session.token});
    let refused = Answer::of(merge.json(&body)).await.refused(503, "replica_unavailable");
    assert!(later(&refused), "the same for a merge of the cart");
    cart.add(&world, "apac").await;
    operator.move_home(&id, "apac", Some(0)).await.refused(409, "home_moved");
    for _ in 0..2 {
        let moved = operator.move_home(&id, "apac", Some(1)).await.expect(200).json();
        assert_eq!(moved["home"], home("apac", 2));
    }
    cart.home = "apac";
    let enam = async || {
        let seen = operator.regions().await;
        seen.into_iter().find(|region| region["region"] == "enam").expect("it is named")
    };
    cart.add(&world, "weur").await;
    let gone = enam().await;
    assert_eq!((&gone["health"], &gone["lag_ms"]), (&json!("down"), &Value::Null), "{gone}");
    let mut opened = false;
    for _ in 0..20 {
        cart.add(&world, "apac").await;
        opened |= enam().await["breaker"] != "closed";
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(opened, "the breaker of a region that is down opens");
    let looking = async {
        loop {
            enam().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = world.regions.restart("enam") => {}
        () = looking => {}
    }
    let back = enam().await;
    assert!(answers(&back), "however often it was looked at while it was down: {back}");
    cart.add(&world, "enam").await;
    world.equal(&cart, &NAMES).await;

    // The region that the cart's id names is lost. What only the home does is done: any other names it.
    let guest = world.shop("enam").open().await;
    world.shop("enam").add(&guest, SKUS[0], 2).await.expect(200);
    world.regions.kill("weur");
    let body = json!({"cart_id": guest.cart_id, "token": guest.token});
    let merge = world.shop("enam").call(&cart.session, Method::POST, "/v1/carts/current/merge");
    Answer::of(merge.json(&body)).await.expect(200);
    world.shop("enam").add(&guest, SKUS[1], 3).await.expect(200);
    let moved = operator.move_home(&id, "enam", None).await.expect(200).json();
    assert_eq!(moved["home"], home("enam", 3));
    let began = Instant::now();
    for name in ["enam", "apac"] {
        while quantity(&world.shop(name).view(&cart.session).await) != cart.quantity + 5 {
            assert!(began.elapsed() < STORED_MAX, "{name} lacks what the guest added");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

/// Three regions.
struct World {
    regions: Regions,
}

impl World {
    async fn start() -> Self {
        Self { regions: Regions::start(&NAMES, RegionsOptions::default()).await }
    }

    fn shop(&self, name: &str) -> Shop {
        self.regions.shop(name).in_region(name)
    }

    fn operator(&self, name: &str) -> Operator {
        Operator::of(self.regions.runtime(name))
    }

    /// Waits until a cart is the same in those regions, with all that was acknowledged, and in both stores of
    /// its home.
    async fn equal(&self, cart: &Cart, names: &[&str]) {
        self.equal_within(cart, names, STORED_MAX).await;
    }

    async fn equal_within(&self, cart: &Cart, names: &[&str], within: Duration) {
        let places: Vec<_> = names.iter().map(|name| self.shop(name)).collect();
        let places: Vec<_> = places.iter().collect();
        let began = Instant::now();
        loop {
            let view = equal(&places, &cart.session, within).await.remove(0);
            if quantity(&view) == cart.quantity {
                return stored(&self.regions, cart.home, &view, within).await;
            }
            assert!(began.elapsed() < within, "{} of {}: {view:#?}", cart.id(), cart.quantity);
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

/// A cart and what must be in it.
#[derive(Clone)]
struct Cart {
    home: &'static str,
    session: Session,
    quantity: u64,
}

impl Cart {
    async fn open(world: &World, home: &'static str) -> Self {
        let session = world.shop(home).open().await;
        Self { home, session, quantity: 0 }
    }

    fn id(&self) -> &str {
        &self.session.cart_id
    }

    async fn add(&mut self, world: &World, name: &str) {
        let sku = SKUS[self.quantity as usize % SKUS.len()];
        world.shop(name).add(&self.session, sku, 1).await.expect(200);
        self.quantity += 1;
    }
}

/// Whether a region and its store answer, as the operator is told.
fn answers(region: &Value) -> bool {
    region["health"] == "ok" || region["health"] == "slow"
}

/// How long the databases are down: `EVERCART_OUTAGE_S` seconds.
fn down_for() -> Duration {
    let asked = std::env::var("EVERCART_OUTAGE_S").ok().and_then(|seconds| seconds.parse().ok());
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    Duration::from_secs(asked.unwrap_or(if ci { 40 } else { 12 }))
}

/// While it lasts the databases of a runtime's stores have none of their tables.
struct Outage(PathBuf);

impl Outage {
    fn of(state: &Path) -> Self {
        rename(state, "", "_away");
        Self(state.to_owned())
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        rename(&self.0, "_away", "");
    }
}

fn rename(state: &Path, from: &str, to: &str) {
    let script = "import glob, sqlite3, sys
renamed = 0
for file in glob.glob(sys.argv[1] + '/v3/d1/*/*.sqlite'):
    db = sqlite3.connect(file, timeout=30)
    if db.execute('SELECT 1 FROM sqlite_master WHERE name = ?', ('slots' + sys.argv[2],)).fetchone():
        for table in ('slots', 'carts', 'freshness', 'dead_letters'):
            db.execute(f'ALTER TABLE {table}{sys.argv[2]} RENAME TO {table}{sys.argv[3]}')
        db.commit()
        renamed += 1
    db.close()
assert renamed == 4, renamed";
    let mut command = Command::new("python3");
    let done = command.args(["-c", script]).arg(state).args([from, to]).status();
    assert!(done.is_ok_and(|status| status.success()), "the databases could not be changed");
}
