//! One basket, played: a session with its cart, the devices at once, and what the cart shows at last, once
//! as a view and once as a fresh replica has it, beside the replicas that edited it.

use std::sync::Arc;

use cart_core::id::{CartId, Dot, Scope, SessionId};
use fastrand::Rng;
use harness::Session;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::basket::Basket;
use crate::browser::Browser;
use crate::call::Call;
use crate::copies::{self, Carried, Copy};
use crate::intent::{Kind, Part, parts};
use crate::measure::Measure;
use crate::record::{Event, Fault, FaultKind, Record, Refusal};
use crate::replica::Replica;
use crate::rows::RowsOf;
use crate::seen::Seen;
use crate::shown::Shown;
use crate::way::{Shops, Way};

/// Of so many calls one names its cart `current`.
const CALLS_PER_CURRENT: usize = 8;

/// What the devices of a basket share.
pub struct World {
    pub shops: Shops,
    pub session: Session,
    pub session_id: SessionId,
    pub scope: Scope,
    pub basket: Basket,
    /// Of the cart's objects.
    pub rows: Arc<RowsOf>,
}

/// A basket that was played.
#[derive(Default)]
pub struct Played {
    /// The line for the account; `None` where the basket cannot be judged.
    pub line: Option<Value>,
    pub measure: Measure,
    pub devices: (usize, usize),
    pub refused: Vec<Refusal>,
    pub refused_at_home: Vec<(String, String)>,
    pub faults: Vec<Fault>,
    /// Edits that did not see an edit of another device which had become durable before them.
    pub concurrent: usize,
    /// What its travels took.
    pub carried: Option<Carried>,
}

impl Played {
    /// Whether nothing was wrong with it but that its regions could not hear of each other.
    pub fn is_parted(&self) -> bool {
        !self.faults.is_empty() && self.faults.iter().all(|fault| fault.kind == FaultKind::Parted)
    }
}

/// Plays a basket. The seed is that of the run.
pub async fn play(shops: Shops, basket: Basket, seed: u64) -> Played {
    let name = basket.name.clone();
    let outcome = match World::open(shops, basket).await {
        Ok(world) => Arc::new(world).play(seed).await,
        Err(error) => Err(error),
    };
    outcome.unwrap_or_else(|detail| {
        let fault = Fault { kind: FaultKind::Unsettled, detail: format!("basket {name}: {detail}") };
        Played { faults: vec![fault], ..Played::default() }
    })
}

impl World {
    async fn open(shops: Shops, basket: Basket) -> Result<Self, String> {
        let shop = shops.at(basket.trips.first().map_or(0, |trip| trip.region));
        let answer =
            harness::Answer::try_of(shop.request(Method::POST, "/v1/sessions").json(&json!({}))).await;
        let answer = answer.map_err(|error| format!("no session: {error}"))?;
        let body: Value = serde_json::from_slice(&answer.bytes).unwrap_or_default();
        let text = |name: &str| {
            body[name].as_str().map(str::to_owned).ok_or_else(|| format!("no session: {}", answer.text()))
        };
        let session =
            Session { session_id: text("session_id")?, token: text("token")?, cart_id: text("cart_id")? };
        let cart_id = CartId::try_from(session.cart_id.clone()).map_err(|error| error.to_string())?;
        let session_id = session.said().id;
        let rows = Arc::default();
        Ok(Self { shops, session_id, scope: cart_id.scope(), session, basket, rows })
    }

    /// The way of a device that begins in a region.
    fn way(&self, region: usize) -> Way {
        Way::new(self.shops.clone(), self.session.clone(), self.rows.clone(), region)
    }

    /// The cart as a path names it.
    pub fn cart(&self, dice: &mut Rng) -> &str {
        if dice.usize(..CALLS_PER_CURRENT) == 0 { "current" } else { &self.session.cart_id }
    }

    async fn play(self: Arc<Self>, seed: u64) -> Result<Played, String> {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.basket.name.parse().unwrap_or(0u64);
        let mut played = Played::default();
        let (mut browsers, mut replicas) = (Vec::new(), Vec::new());
        for (number, Part { kind, visits, seed }) in parts(&self.basket, seed).into_iter().enumerate() {
            let world = Arc::clone(&self);
            let way = self.way(visits.first().map_or(0, |visit| visit.region));
            match kind {
                Kind::Browser => browsers.push((Browser::new(number, world, way, seed), visits)),
                Kind::Replica { clock_off_ms } => {
                    replicas.push((Replica::open(number, world, way, seed, clock_off_ms).await?, visits));
                }
            }
        }
        played.devices = (browsers.len(), replicas.len());

        // All at once; each waits for its own answers only.
        let browsers: Vec<JoinHandle<_>> =
            browsers.into_iter().map(|(browser, visits)| tokio::spawn(browser.play(visits))).collect();
        let replicas: Vec<JoinHandle<_>> =
            replicas.into_iter().map(|(replica, visits)| tokio::spawn(replica.play(visits))).collect();
        let (mut records, mut replicas) = (join(browsers).await?, join(replicas).await?);

        for replica in &mut replicas {
            replica.flush().await;
        }
        let mut look = 0;
        if self.shops.are_regions() {
            let (copies, carried) = copies::when_quiet(&self).await?;
            if !copies::are_equal(&copies) {
                let words: Vec<String> = copies.iter().map(Copy::told).collect();
                played.faults.push(Fault { kind: FaultKind::Diverged, detail: words.join("; ") });
            }
            // A fresh replica looks in any of the regions.
            let replicas: Vec<&Copy> = copies.iter().filter(|copy| copy.is_replica()).collect();
            look = replicas[seed as usize % replicas.len()].region();
            played.carried = Some(carried);
        }
        let end = self.final_state(look, &mut replicas, &mut played).await?;
        let (mut events, mut views) = (Vec::new(), Vec::new());
        records.extend(replicas.into_iter().map(Replica::finish));
        for (record, measure) in records {
            let Record { events: more, refused, views: shown, refused_at_home, faults } = record;
            events.extend(more);
            views.extend(shown);
            played.refused.extend(refused);
            played.refused_at_home.extend(refused_at_home);
            played.faults.extend(faults);
            played.measure.join(measure);
        }
        if let Some(carried) = &mut played.carried {
            carried.edits = played.measure.http.edits + played.measure.sync.edits;
        }
        let dots: Vec<Dot> = events.iter().map(|event: &Event| event.dot).collect();
        for (at, event) in events.iter_mut().enumerate() {
            event.saw = event.seen.positions(&dots);
            // The state of its answer has what was made with it.
            let call = dots[at].actor;
            if let (Some(saw), false) = (&mut event.saw, event.own) {
                saw.retain(|other| dots[*other].actor != call);
            }
        }
        for refusal in &mut played.refused {
            refusal.saw = refusal.seen.positions(&dots);
        }
        let views = views.into_iter().map(|(seen, mut view): (Seen, Value)| {
            if let Some(saw) = seen.positions(&dots) {
                view["saw"] = json!(saw);
            }
            view
        });
        let views: Vec<Value> = views.collect();
        played.concurrent = concurrent(&events);
        // A region that hangs is not asked for a while, and another serves. All edits are to count once all the same;
        // but one made twice, in two regions that did not hear of each other, saw two things.
        for fault in played.faults.iter_mut().filter(|_| self.rows.is_shaken()) {
            if matches!(fault.kind, FaultKind::NotReplayed | FaultKind::WrongRefusal) {
                fault.kind = FaultKind::Parted;
            }
        }
        for fault in &mut played.faults {
            fault.detail = format!("basket {}: {}", self.basket.name, fault.detail);
        }
        let left_out = [FaultKind::Unsettled, FaultKind::Parted];
        if played.faults.iter().all(|fault| !left_out.contains(&fault.kind)) {
            played.line = Some(json!({
                "basket": self.basket.name, "cart": self.session.cart_id, "scope": self.session.cart_id,
                "events": events, "refused": played.refused, "views": views, "final": end,
            }));
        }
        Ok(played)
    }

    /// What the cart shows when all is done: the view, a fresh replica and every replica must agree.
    async fn final_state(
        self: &Arc<Self>,
        region: usize,
        replicas: &mut [Replica],
        played: &mut Played,
    ) -> Result<Value, String> {
        let mut fresh = Replica::open(usize::MAX, Arc::clone(self), self.way(region), 0, 0).await?;
        fresh.flush().await;
        let call = Call::new("view", Method::GET, "");
        let heard = call.make(&self.way(region), &self.session.cart_id).await?;
        played.measure.call("view", &heard.cost);
        let view = Shown::of_view(&heard.answer.bytes)?;
        let version = heard.answer.json()["version"].as_str().unwrap_or_default().to_owned();
        for (replica, who) in std::iter::once((&mut fresh, "a fresh replica"))
            .chain(replicas.iter_mut().map(|replica| (replica, "a replica")))
        {
            replica.flush().await;
            if replica.shown() != view || replica.version() != version {
                let detail = format!(
                    "{who} has {} {}, the view {version} {}",
                    replica.version(),
                    replica.shown().to_final(),
                    view.to_final()
                );
                played.faults.push(Fault { kind: FaultKind::Diverged, detail });
            }
        }
        let (record, measure) = fresh.finish();
        played.faults.extend(record.faults);
        played.measure.join(measure);
        Ok(view.to_final())
    }
}

async fn join<T>(tasks: Vec<JoinHandle<T>>) -> Result<Vec<T>, String> {
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.map_err(|error| format!("a device broke off: {error}"))?);
    }
    Ok(done)
}

fn concurrent(events: &[Event]) -> usize {
    let unseen = |(at, e): (usize, &Event), (other, f): (usize, &Event)| match (&e.saw, &f.saw) {
        (Some(saw), Some(other_saw)) => {
            f.device != e.device && !saw.contains(&other) && !other_saw.contains(&at)
        }
        _ => f.device != e.device && f.seq.is_some_and(|seq| seq > e.upto && Some(seq) < e.seq),
    };
    let all = || events.iter().enumerate();
    all().filter(|e| all().any(|f| unseen(*e, f))).count()
}
