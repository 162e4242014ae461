//! A device with a replica of its own, the core's [`Device`]. It edits offline in bursts and syncs now and
//! then; answers get lost or come late, requests are repeated, and old ones turn up again much later.
//!
//! What an edit saw is exact: all of the device's own earlier edits, and all commits up to the highest
//! sequence among the responses it had taken in. When an edit became durable is exact too: a response tells
//! the highest counter known before its request (`prior`), so the edits above it, up to the highest in the
//! request, are those of this call, and its sequence is that of their commit. The object does one call at a
//! time, so nothing comes between.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cart_core::command::Command;
use cart_core::id::Actor;
use cart_core::limits::Limits;
use cart_core::sync::{Device, Learned, SyncResponse};
use cart_core::time::Millis;
use fastrand::Rng;
use reqwest::Method;
use serde_json::json;

use crate::call::{Call, Cost};
use crate::intent::{Step, Visit, add, extra};
use crate::measure::Measure;
use crate::play::World;
use crate::record::{Event, FaultKind, Record};
use crate::seen::Seen;
use crate::shown::Shown;
use crate::way::Way;

/// The longest time offline, in edits and between two of them.
const BURST_MAX: usize = 7;
const PAUSE_MS_MAX: u64 = 16;
/// Of so many responses one is written down for the account, if it left nothing pending.
const RESPONSES_PER_VIEW: usize = 2;
/// How often a device tries to get its last edits through.
const FLUSHES_MAX: usize = 5;

pub struct Replica {
    number: usize,
    world: Arc<World>,
    way: Way,
    dice: Rng,
    clock_off_ms: i64,
    device: Device,
    /// The highest sequence of the responses taken in.
    upto: u64,
    /// Requests sent, to send them again.
    requests: Vec<Request>,
    /// A response that is still on its way, and what had been sent before its request.
    late: Option<(SyncResponse, u64)>,
    record: Record,
    measure: Measure,
}

#[derive(Clone)]
struct Request {
    call: Call,
    /// The highest counter sent before.
    sent_before: u64,
    /// The highest counter that it holds.
    highest: u64,
}

impl Replica {
    /// Leases an actor.
    pub async fn open(
        number: usize,
        world: Arc<World>,
        way: Way,
        seed: u64,
        clock_off_ms: i64,
    ) -> Result<Self, String> {
        let mut measure = Measure::default();
        let call = Call::new("lease", Method::POST, "/actors").json(&json!({}));
        let heard = call.make(&way, &world.session.cart_id).await?;
        measure.call("lease", &heard.cost);
        let actor = heard.answer.json()["actor"].as_str().and_then(Actor::from_hex);
        let actor = actor.ok_or_else(|| format!("no lease: {}", heard.answer.text()))?;
        let device = Device::new(actor, world.scope);
        Ok(Self {
            number,
            world,
            way,
            dice: Rng::with_seed(seed),
            clock_off_ms,
            device,
            upto: 0,
            requests: Vec::new(),
            late: None,
            record: Record::default(),
            measure,
        })
    }

    pub async fn play(mut self, visits: Vec<Visit>) -> Self {
        if self.dice.bool() {
            self.sync().await;
        }
        for Visit { region, steps } in visits {
            if self.way.go(region)
                && self.dice.u8(..4) == 0
                && let Err(error) = self.way.renew().await
            {
                self.record.fault(FaultKind::Unsettled, error);
            }
            self.visit(steps).await;
        }
        self.measure.travels.join(self.way.travels());
        self
    }

    async fn visit(&mut self, steps: Vec<Step>) {
        let mut burst = self.dice.usize(1..=BURST_MAX);
        for step in steps {
            self.pause().await;
            self.edit(step);
            burst -= 1;
            if burst == 0 {
                self.sync().await;
                burst = self.dice.usize(1..=BURST_MAX);
                if self.dice.u8(..6) == 0 {
                    self.send_old_again().await;
                }
            }
        }
    }

    /// Gets everything through that is not acknowledged, and takes in all there is.
    pub async fn flush(&mut self) {
        for _ in 0..FLUSHES_MAX {
            self.sync_once().await;
            if self.device.pending() == 0 {
                return;
            }
        }
    }

    pub fn finish(self) -> (Record, Measure) {
        (self.record, self.measure)
    }

    /// The digest of its state.
    pub fn version(&self) -> String {
        self.device.cart().version().to_hex()
    }

    pub fn shown(&self) -> Shown {
        Shown::of_cart(self.device.cart())
    }

    /// An edit on what the device has. What its core refuses is never sent.
    fn edit(&mut self, step: Step) {
        let shown = self.shown();
        let command = match step {
            Step::Row(row) => add(&row),
            Step::Extra => extra(&mut self.dice, &shown, &[], &self.world.basket),
        };
        let changes = match command.to_changes(Limits::default().line_quantity_max) {
            Ok(changes) => changes,
            Err(reject) => {
                let example = format!("{} → {reject}", told(&command));
                return self.record.refused_at_home.push((reject.code().to_owned(), example));
            }
        };
        for change in changes {
            let seen = self.seen();
            let stamp = self.device.edit(change, self.now());
            let event = Event::new(self.number, &command, stamp.dot, stamp.time, seen);
            self.measure.kinds.entry(event.act.op).or_default().1 += 1;
            self.record.events.push(Event { own: true, ..event });
        }
    }

    /// A sync over a bad network.
    async fn sync(&mut self) {
        match self.dice.u8(..100) {
            // The answer is lost; the edits go out again with the next sync.
            0..=11 => {
                let (request, _) = self.request();
                self.exchange(&request, true).await;
            }
            // The request arrives two or three times, one after the other, and one of the answers arrives.
            12..=19 => {
                let (request, before) = self.request();
                let (taken, times) = (self.dice.u8(..=1), self.dice.u8(2..=3));
                for time in 0..times {
                    let response = self.exchange(&request, time == 0).await;
                    if time == taken {
                        self.take_in(response, if time == 0 { before } else { request.highest });
                    }
                }
            }
            // It arrives twice at once.
            20..=26 => {
                let (request, _) = self.request();
                let world = Arc::clone(&self.world);
                let make = || request.call.make(&self.way, &world.session.cart_id);
                let (first, second) = tokio::join!(make(), make());
                let first = self.heard(first, &request, true);
                let second = self.heard(second, &request, false);
                let response = if self.dice.bool() { first } else { second };
                self.take_in(response, request.highest);
            }
            // The answer comes late, after that of a later sync.
            27..=33 if self.late.is_none() => {
                let (request, before) = self.request();
                self.late = self.exchange(&request, true).await.map(|response| (response, before));
            }
            _ => self.sync_once().await,
        }
    }

    async fn sync_once(&mut self) {
        let (request, before) = self.request();
        let response = self.exchange(&request, true).await;
        self.take_in(response, before);
        if let Some((response, before)) = self.late.take() {
            self.take_in(Some(response), before);
        }
    }

    /// The bytes to send, and the highest counter sent before.
    fn request(&mut self) -> (Request, u64) {
        let before = self.device.sent();
        let bytes = self.device.request().to_bytes();
        let request = Request { call: Call::sync(bytes), sent_before: before, highest: self.device.sent() };
        self.requests.push(request.clone());
        (request, before)
    }

    /// A request that was sent long ago arrives again. Nobody waits for the answer.
    async fn send_old_again(&mut self) {
        let Some(request) = self.dice.choice(&self.requests).cloned() else { return };
        self.exchange(&request, false).await;
    }

    async fn exchange(&mut self, request: &Request, first: bool) -> Option<SyncResponse> {
        let world = Arc::clone(&self.world);
        let heard = request.call.make(&self.way, world.cart(&mut self.dice)).await;
        self.heard(heard, request, first)
    }

    /// Writes down what became of a request's edits.
    fn heard(
        &mut self,
        heard: Result<crate::call::Heard, String>,
        request: &Request,
        first: bool,
    ) -> Option<SyncResponse> {
        let heard = match heard {
            Ok(heard) => heard,
            Err(error) => {
                self.record.fault(FaultKind::Unsettled, error);
                return None;
            }
        };
        if first {
            self.measure.call("sync", &heard.cost)
        } else {
            self.measure.again()
        }
        if !first && heard.code() == "actor_shared" && self.way.are_regions() {
            // It comes to a region that has heard of later changes of the device, but not yet of these, as if another
            // instance made them. Nothing of it is taken in, and the device has long had its answer.
            return None;
        }
        if !heard.is_ok() {
            let detail =
                format!("a sync → {} `{}`: {}", heard.answer.status.as_u16(), heard.code(), heard.detail());
            self.record.fault(FaultKind::WrongRefusal, detail);
            return None;
        }
        let response = match SyncResponse::from_bytes(&heard.answer.bytes) {
            Ok(response) => response,
            Err(reject) => {
                self.record.fault(FaultKind::Unsettled, format!("not a sync response: {reject}"));
                return None;
            }
        };
        // A try before had no answer, and may have done it: that is this device's doing.
        let taken = match heard.unsure {
            true => SyncResponse { prior: response.prior.min(request.sent_before), ..response.clone() },
            false => response.clone(),
        };
        // Where one replica numbers all commits, that of the first try is not known.
        let told = if self.way.are_regions() { &taken } else { &response };
        self.settle(told, request, &heard.cost, heard.unsure);
        Some(taken)
    }

    /// What the device had seen.
    fn seen(&self) -> Seen {
        match self.way.are_regions() {
            true => Seen::Dots(Arc::new(self.device.cart().context().clone())),
            false => Seen::Upto(self.upto),
        }
    }

    fn settle(&mut self, response: &SyncResponse, request: &Request, cost: &Cost, unsure: bool) {
        let mut settled = 0;
        for event in &mut self.record.events {
            if event.id.0 > response.prior && event.id.0 <= request.highest {
                // Another region may not have heard of it yet, and to a try that the edge made again `prior` is that
                // of the first. Whether it counts twice is seen in the end.
                if event.seq.is_some() && self.way.are_regions() {
                    continue;
                }
                if event.seq.is_some() {
                    let detail = format!("{} {:?} became durable twice", event.act.op, event.id);
                    self.record.faults.push(crate::record::Fault { kind: FaultKind::NotReplayed, detail });
                    continue;
                }
                event.seq = Some(response.sequence);
                settled += 1;
            }
        }
        if unsure
            && self.record.events.iter().any(|event| event.seq.is_none() && event.id.0 <= response.prior)
        {
            self.record.fault(FaultKind::Unsettled, "a sync's first answer was lost".to_owned());
        }
        if settled > 0 {
            self.measure.sync.add(settled, cost);
        }
    }

    fn take_in(&mut self, response: Option<SyncResponse>, sent_before: u64) {
        let Some(response) = response else { return };
        if self.device.receive(&response, sent_before) == Learned::ActorShared {
            let detail = format!("prior is {} where {sent_before} were sent", response.prior);
            return self
                .record
                .fault(FaultKind::WrongRefusal, format!("the actor is said to be shared: {detail}"));
        }
        self.upto = self.upto.max(response.sequence);
        let acknowledged = self.record.events.len() - self.device.pending();
        self.record.events[..acknowledged].iter_mut().for_each(|event| event.acknowledged = true);
        // With nothing pending it shows what the service showed.
        if self.device.pending() == 0 && self.dice.usize(..RESPONSES_PER_VIEW) == 0 {
            self.record.view(self.seen(), &self.shown());
        }
    }

    fn now(&self) -> Millis {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
        Millis((now + self.clock_off_ms).max(0) as u64)
    }

    async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.dice.u64(..=PAUSE_MS_MAX))).await;
    }
}

fn told(command: &Command) -> String {
    let act = crate::record::Act::of(command);
    format!("{} {} {}", act.op, act.key.unwrap_or_default(), act.n.unwrap_or_default())
}
