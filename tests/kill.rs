//! `SIGKILL` of the real runtime, the whole process group, under load: an acknowledged edit is never lost,
//! and none counts twice. Clients add one at a time, each edit with its own `Idempotency-Key`, and devices
//! sync; the runtime is killed at random moments and started again on the state it left on disk. An edit
//! whose answer was lost is sent again, with the same key, until it is answered.
//!
//! After each restart, before anything is sent, the whole state of every cart is compared with what was
//! sent: an edit is one dot, so that a lost one and a doubled one cannot make up for each other, and so
//! that it is known which of the unanswered edits had been applied. The answer to the retry must say the
//! same: `Idempotency-Replayed` for those, and for no other.
//!
//! `EVERCART_KILLS` and `EVERCART_KILL_EDITS` say how often and how many edits in all, `EVERCART_KILL_SEED`
//! at which moments.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use cart_core::change::Change;
use cart_core::command::Command;
use cart_core::id::{Actor, CartId, Dot, SessionId};
use cart_core::line::{LineKey, Location};
use cart_core::replica;
use cart_core::sync::{Device, Learned, SyncResponse};
use cart_core::time::{Day, Millis};
use harness::{Answer, Options, Runtime, Session, Shop};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// Carts in use at a time.
const CARTS: usize = 20;
/// Clients of each cart over plain HTTP.
const CLIENTS: usize = 8;
/// Devices, each with one of the carts beside its clients.
const DEVICES: usize = 2;
/// A cart with more edits is checked for the last time and makes room for a new one: large states are slow.
const CART_EDITS_MAX: usize = 400;
/// Products that have a price: the lines of each cart.
const SKUS: [&str; 8] = ["1095275", "1082185", "1029743", "995242", "1106523", "981760", "840361", "916122"];
/// How long after the edit that was waited for the kill comes at most, in milliseconds.
const KILL_AFTER_MS_MAX: u64 = 40;
/// How long until an edit is sent again that was not answered.
const RETRY_AFTER: Duration = Duration::from_millis(20);
/// How long one life may last.
const LIFE_MAX: Duration = Duration::from_secs(300);
/// From so many kills on there must have been unanswered edits of both kinds: else it was no test.
const KILLS_THAT_SHOW_BOTH: u64 = 10;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_counts_twice() {
    let (kills, edits) = (setting("EVERCART_KILLS", 3), setting("EVERCART_KILL_EDITS", 3_000));
    let seed = setting("EVERCART_KILL_SEED", 0x00c0_ffee);
    let mut random = Random(seed);
    let mut runtime = Runtime::start(Options::default()).await;
    let shop = runtime.shop();
    let began = Instant::now();
    let mut tally = Tally::default();
    let mut carts = Vec::new();
    for nth in 0..CARTS {
        carts.push(Cart::new(&shop, nth < DEVICES).await);
    }
    let mut carts_used = carts.len();
    let mut edited = Duration::ZERO;
    for until in moments(&mut random, kills, edits) {
        let load = Load::new(tally.acknowledged, true);
        let running: Vec<_> = carts.into_iter().map(|cart| cart.run(&shop, &load)).collect();
        let since = Instant::now();
        while load.acknowledged() < until {
            assert!(
                since.elapsed() < LIFE_MAX,
                "{} of {until} edits\n{}",
                load.acknowledged(),
                runtime.log()
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(random.below(KILL_AFTER_MS_MAX))).await;
        load.dying.store(true, Ordering::Relaxed);
        runtime.kill();
        edited += since.elapsed();
        tally.kills += 1;
        assert!(!shop.is_ready().await, "something outlived the kill");
        carts = all(running).await;
        runtime.restart().await;
        for cart in &mut carts {
            cart.audit(&shop, &mut tally).await;
        }
        // The full ones go, once their unanswered edits are settled.
        for (nth, cart) in carts.iter_mut().enumerate() {
            if cart.edits() >= CART_EDITS_MAX {
                let new = Cart::new(&shop, nth < DEVICES).await;
                settle(std::mem::replace(cart, new), &shop, &mut tally).await;
                carts_used += 1;
            }
        }
        tally.acknowledged = tally.settled_carts + carts.iter().map(Cart::acknowledged).sum::<u64>();
    }
    for cart in carts {
        settle(cart, &shop, &mut tally).await;
    }
    tally.acknowledged = tally.settled_carts;

    let rate = tally.acknowledged as f64 / edited.as_secs_f64();
    println!("{tally}");
    println!(
        "{carts_used} carts, {:.0} s, of them {:.0} s under load: {rate:.0} edits a second; seed {seed}",
        began.elapsed().as_secs_f64(),
        edited.as_secs_f64(),
    );
    let some: Vec<&Dot> = tally.lost.iter().take(5).collect();
    assert_eq!((tally.lost.len(), tally.doubled.len()), (0, 0), "lost and doubled; lost are {some:?} ..");
    assert_eq!(tally.unanswered, tally.settled_as_new + tally.settled_as_replayed, "each settles to once");
    assert_eq!(tally.contradicted, 0, "an answer to a retry says what the state says");
    assert!(tally.kills == kills && tally.acknowledged >= edits, "{tally}");
    assert!(tally.unanswered >= kills, "the kills met no load: {tally}");
    if kills >= KILLS_THAT_SHOW_BOTH {
        assert!(tally.settled_as_new > 0 && tally.settled_as_replayed > 0, "no test of retries: {tally}");
    }
}

/// What happened.
#[derive(Default)]
struct Tally {
    kills: u64,
    acknowledged: u64,
    /// Of carts that have been checked for the last time.
    settled_carts: u64,
    /// Edits that a kill left without an answer at least once.
    unanswered: u64,
    settled_as_new: u64,
    settled_as_replayed: u64,
    /// Acknowledged before a kill, and missing after it.
    lost: BTreeSet<Dot>,
    /// What carts hold more than once, or without anyone having sent it.
    doubled: BTreeSet<Dot>,
    /// Retries whose answer contradicted the state before them.
    contradicted: u64,
}

impl Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "kills                                {:>8}", self.kills)?;
        writeln!(f, "acknowledged                         {:>8}", self.acknowledged)?;
        writeln!(f, "unanswered, then settled as new      {:>8}", self.settled_as_new)?;
        writeln!(f, "unanswered, then Idempotency-Replayed{:>8}", self.settled_as_replayed)?;
        writeln!(f, "lost                                 {:>8}", self.lost.len())?;
        write!(f, "doubled                              {:>8}", self.doubled.len())
    }
}

/// What the clients of all carts share during one life of the runtime.
struct Load {
    acknowledged: AtomicU64,
    /// Whether new edits are made, or only those settled that were not answered.
    goes_on: bool,
    dying: AtomicBool,
}

impl Load {
    fn new(acknowledged: u64, goes_on: bool) -> Arc<Self> {
        Arc::new(Self { acknowledged: acknowledged.into(), goes_on, dying: false.into() })
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }
}

/// A cart with those that edit it.
struct Cart {
    session: Session,
    /// Pulls the whole state.
    auditor: Actor,
    writers: Vec<Writer>,
}

impl Cart {
    async fn new(shop: &Shop, with_device: bool) -> Self {
        let (session, day) = open(shop).await;
        let auditor = shop.lease(&session, &session.cart_id).await;
        let id: SessionId = serde_json::from_value(json!(session.session_id)).expect("an id");
        let mut writers = Vec::new();
        for nth in 0..CLIENTS {
            let maker = Maker::Client { id: id.clone(), day, name: format!("{}-{nth}", session.session_id) };
            writers.push(Writer::new(session.clone(), maker));
        }
        if with_device {
            let device = shop.device(&session, &session.cart_id).await;
            writers.push(Writer::new(session.clone(), Maker::Device(Box::new(device))));
        }
        Self { session, auditor, writers }
    }

    /// Edits until the runtime is killed or all edits are made.
    fn run(self, shop: &Shop, load: &Arc<Load>) -> tokio::task::JoinHandle<Self> {
        let (shop, load) = (shop.clone(), Arc::clone(load));
        tokio::spawn(async move {
            let Self { session, auditor, writers } = self;
            let run = |writer: Writer| tokio::spawn(writer.run(shop.clone(), Arc::clone(&load)));
            let running: Vec<_> = writers.into_iter().map(run).collect();
            Self { session, auditor, writers: all(running).await }
        })
    }

    fn acknowledged(&self) -> u64 {
        self.writers.iter().map(|writer| writer.acknowledged.len() as u64).sum()
    }

    fn edits(&self) -> usize {
        self.writers.iter().map(|writer| writer.acknowledged.len() + writer.pending.len()).sum()
    }

    /// Compares the state with what was sent. Nothing else runs meanwhile.
    async fn audit(&mut self, shop: &Shop, tally: &mut Tally) {
        let held = self.held(shop).await;
        let mut sent = BTreeMap::new();
        for writer in &mut self.writers {
            sent.extend(writer.acknowledged.iter().chain(&writer.pending).map(|edit| (edit.dot, edit.line)));
            tally.lost.extend(
                writer.acknowledged.iter().map(|edit| edit.dot).filter(|dot| !held.contains_key(dot)),
            );
            writer.applied = Some(writer.pending.iter().map(|edit| held.contains_key(&edit.dot)).collect());
        }
        let as_sent = |dot: &Dot, line: &usize| sent.get(dot) == Some(line);
        let wrong = held.iter().filter(|(dot, (line, quantity))| *quantity != 1 || !as_sent(dot, line));
        tally.doubled.extend(wrong.map(|(dot, _)| *dot));
    }

    /// What the cart holds by dot: the line, and how many.
    async fn held(&self, shop: &Shop) -> BTreeMap<Dot, (usize, u64)> {
        let scope = CartId::try_from(self.session.cart_id.clone()).expect("an id").scope();
        let mut auditor = Device::new(self.auditor, scope);
        shop.exchange(&self.session, &self.session.cart_id, &mut auditor).await;
        let mut held = BTreeMap::new();
        for (key, line) in auditor.cart().lines() {
            let nth = SKUS.iter().position(|sku| *sku == &*key.sku).expect("one of ours");
            for (dot, contribution) in line.counting(Location::Cart) {
                held.insert(dot, (nth, u64::from(contribution.left())));
            }
        }
        held
    }
}

/// Settles a cart's unanswered edits and checks it for the last time, also by what it shows.
async fn settle(cart: Cart, shop: &Shop, tally: &mut Tally) {
    let mut cart = cart.run(shop, &Load::new(0, false)).await.expect("no writer fails");
    cart.audit(shop, tally).await;
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for edit in cart.writers.iter().flat_map(|writer| &writer.acknowledged) {
        *expected.entry(SKUS[edit.line].to_owned()).or_default() += 1;
    }
    let view = shop.view(&cart.session).await;
    let lines = view["lines"].as_array().expect("lines");
    let shown: BTreeMap<String, u64> = lines
        .iter()
        .map(|line| {
            (line["sku"].as_str().expect("a sku").to_owned(), line["quantity"].as_u64().expect("a number"))
        })
        .collect();
    assert_eq!(lines.len(), shown.len(), "one line each");
    if tally.lost.is_empty() && tally.doubled.is_empty() {
        assert_eq!(shown, expected, "{}", cart.session.cart_id);
    }
    for writer in &cart.writers {
        assert!(writer.pending.is_empty(), "settled");
        tally.unanswered += writer.unanswered;
        tally.settled_as_new += writer.settled_as_new;
        tally.settled_as_replayed += writer.settled_as_replayed;
        tally.contradicted += writer.contradicted;
    }
    tally.settled_carts += cart.acknowledged();
}

/// One more of a product, known by its dot.
struct Edit {
    dot: Dot,
    line: usize,
    /// It was sent, and no answer came.
    in_doubt: bool,
}

/// Makes edits, one after another.
struct Writer {
    session: Session,
    maker: Maker,
    made: usize,
    acknowledged: Vec<Edit>,
    /// Not answered yet: one edit of a client, several of a device.
    pending: Vec<Edit>,
    /// Whether the pending edits had been applied when the runtime came back, until one is sent again.
    applied: Option<Vec<bool>>,
    unanswered: u64,
    settled_as_new: u64,
    settled_as_replayed: u64,
    contradicted: u64,
}

/// What a writer is.
enum Maker {
    Client { id: SessionId, day: Day, name: String },
    Device(Box<Device>),
}

impl Writer {
    fn new(session: Session, maker: Maker) -> Self {
        Self {
            session,
            maker,
            made: 0,
            acknowledged: Vec::new(),
            pending: Vec::new(),
            applied: None,
            unanswered: 0,
            settled_as_new: 0,
            settled_as_replayed: 0,
            contradicted: 0,
        }
    }

    async fn run(mut self, shop: Shop, load: Arc<Load>) -> Self {
        let is_device = matches!(self.maker, Maker::Device(_));
        if is_device && load.goes_on && !self.pending.is_empty() {
            // It went on while the service was away.
            self.make();
        }
        while !load.dying.load(Ordering::Relaxed) {
            if self.pending.is_empty() {
                if !load.goes_on {
                    break;
                }
                self.make();
                // A device sends what it has when it can: one edit, two or three at a time.
                let more = if is_device { self.made % 3 } else { 0 };
                (0..more).for_each(|_| self.make());
            }
            match self.send(&shop).await {
                Some(applied_before) => {
                    let pending = std::mem::take(&mut self.pending);
                    load.acknowledged.fetch_add(pending.len() as u64, Ordering::Relaxed);
                    let known = self.applied.take();
                    for (nth, edit) in pending.into_iter().enumerate() {
                        let replayed = applied_before[nth];
                        match (edit.in_doubt, replayed) {
                            (true, true) => self.settled_as_replayed += 1,
                            (true, false) => self.settled_as_new += 1,
                            (false, false) => {}
                            (false, true) => self.contradicted += 1,
                        }
                        if known
                            .as_ref()
                            .is_some_and(|known| known.get(nth).is_some_and(|known| *known != replayed))
                        {
                            self.contradicted += 1;
                        }
                        self.acknowledged.push(edit);
                    }
                }
                None => {
                    self.applied = None;
                    let fresh = self.pending.iter_mut().filter(|edit| !edit.in_doubt);
                    self.unanswered += fresh.map(|edit| edit.in_doubt = true).count() as u64;
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
        self
    }

    fn make(&mut self) {
        self.made += 1;
        let line = self.made % SKUS.len();
        let dot = match &mut self.maker {
            Maker::Client { id, day, name } => {
                let command =
                    Command::Add { sku: SKUS[line].into(), quantity: 1, variant: None, customization: None };
                let key = format!("{name}-{}", self.made);
                Dot::new(replica::Edit::of(*day, id, &key, vec![command]).actors[0], 1)
            }
            Maker::Device(device) => {
                let key = LineKey::new(SKUS[line], None, None).expect("a key");
                device.edit(Change::Add { key, details: None, quantity: 1, at: Location::Cart }, now()).dot
            }
        };
        self.pending.push(Edit { dot, line, in_doubt: false });
    }

    /// Sends what is pending. Where there is an answer: which of it had been applied before.
    async fn send(&mut self, shop: &Shop) -> Option<Vec<bool>> {
        let cart_id = &self.session.cart_id;
        match &mut self.maker {
            Maker::Client { name, .. } => {
                let [edit] = self.pending.as_slice() else { panic!("a client waits for each answer") };
                let call = shop.call(&self.session, Method::POST, &format!("/v1/carts/{cart_id}/lines"));
                let call = call.header("Idempotency-Key", format!("{name}-{}", self.made));
                let answer = answered(call.json(&json!({"sku": SKUS[edit.line]}))).await?;
                Some(vec![answer.header("idempotency-replayed") == "true"])
            }
            Maker::Device(device) => {
                let sent_before = device.sent();
                let call = shop.call(&self.session, Method::POST, &format!("/v1/carts/{cart_id}/sync"));
                let call = call.header("Content-Type", "application/vnd.evercart.delta");
                let answer = answered(call.body(device.request().to_bytes())).await?;
                let response = SyncResponse::from_bytes(&answer.bytes).expect("a response");
                assert_eq!(device.receive(&response, sent_before), Learned::Acknowledged);
                assert_eq!(device.pending(), 0, "an answer acknowledges all");
                Some(self.pending.iter().map(|edit| edit.dot.counter <= response.prior).collect())
            }
        }
    }
}

/// The answer, if there is one that says what became of the edit.
async fn answered(call: reqwest::RequestBuilder) -> Option<Answer> {
    let answer = Answer::try_of(call).await.ok()?;
    if answer.status.is_server_error() {
        return None;
    }
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    Some(answer)
}

/// A session, and the day of its token.
async fn open(shop: &Shop) -> (Session, Day) {
    loop {
        let day = now().day();
        let session = shop.open().await;
        if now().day() == day {
            return (session, day);
        }
    }
}

/// After how many acknowledged edits to kill: lives of different lengths, some of them short.
fn moments(random: &mut Random, kills: u64, edits: u64) -> Vec<u64> {
    let lengths: Vec<u64> = (0..kills).map(|_| 5 + random.below(95)).collect();
    let whole: u64 = lengths.iter().sum();
    let mut until = 0;
    let sums = lengths.iter().map(|length| {
        until += length;
        until
    });
    sums.map(|until| (edits * until).div_ceil(whole)).collect()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

async fn all<T>(running: Vec<tokio::task::JoinHandle<T>>) -> Vec<T> {
    let mut ended = Vec::new();
    for task in running {
        ended.push(task.await.expect("no task fails"));
    }
    ended
}

fn setting<T: FromStr>(name: &str, otherwise: T) -> T {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => otherwise,
    }
}

fn now() -> Millis {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Millis(now.as_millis() as u64)
}
