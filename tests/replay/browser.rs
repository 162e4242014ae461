//! A device that speaks plain HTTP. It sends edits one by one, in batches and in bursts after a time
//! offline; with no context, or with that of a view it had long before; and some of them again: after the
//! answer, at the same time, without having got the answer, or much later.
//!
//! What an edit saw is exact. Without a context it is the replica's state when it committed, so all commits
//! before its own. With a context it is the state of that view, so all commits up to the view's sequence.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use cart_core::command::Command;
use cart_core::id::{Actor, Dot};
use cart_core::replica::Edit;
use cart_core::time::HybridTime;
use fastrand::Rng;
use reqwest::Method;

use crate::basket::Row;
use crate::call::{Call, Heard};
use crate::intent::{Step, Visit, add, extra};
use crate::measure::Measure;
use crate::play::World;
use crate::record::{Act, Event, FaultKind, Record, Refusal};
use crate::seen::Seen;
use crate::shown::Shown;
use crate::way::Way;

/// How many earlier views it still has.
const VIEWS_MAX: usize = 6;
const TOGETHER_MAX: usize = 6;
/// Of so many answers one is written down for the account.
const ANSWERS_PER_VIEW: usize = 3;
const PAUSE_MS_MAX: u64 = 12;
const OFFLINE_MS_MAX: u64 = 80;

pub struct Browser {
    number: usize,
    world: Arc<World>,
    way: Way,
    dice: Rng,
    view: View,
    older: VecDeque<View>,
    /// Edits that were applied, to send them again.
    applied: Vec<Call>,
    keys: u64,
    record: Record,
    measure: Measure,
}

/// What it has seen: nothing at first.
#[derive(Clone, Default)]
struct View {
    shown: Shown,
    context: Option<String>,
    seen: Seen,
}

/// An edit on its way.
struct Sent {
    call: Call,
    key: u64,
    actor: Actor,
    commands: Vec<Command>,
    /// What was seen of the view whose context goes along.
    seen: Option<Seen>,
    /// The code with which it must be refused.
    refusal: Option<&'static str>,
}

impl Browser {
    pub fn new(number: usize, world: Arc<World>, way: Way, seed: u64) -> Self {
        Self {
            number,
            world,
            way,
            dice: Rng::with_seed(seed),
            view: View::default(),
            older: VecDeque::new(),
            applied: Vec::new(),
            keys: 0,
            record: Record::default(),
            measure: Measure::default(),
        }
    }

    pub async fn play(mut self, visits: Vec<Visit>) -> (Record, Measure) {
        self.pause(5 * PAUSE_MS_MAX).await;
        if self.dice.bool() {
            self.reload().await;
        }
        for Visit { region, steps } in visits {
            if self.way.go(region) {
                self.arrive().await;
            }
            self.visit(VecDeque::from(steps)).await;
        }
        self.measure.travels.join(self.way.travels());
        (self.record, self.measure)
    }

    /// In another region, with the token of the one before.
    async fn arrive(&mut self) {
        match self.dice.u8(..4) {
            // The session was idle for so long that its token must be renewed before anything else.
            0 => {
                if let Err(error) = self.way.renew().await {
                    self.record.fault(FaultKind::Unsettled, error);
                }
            }
            // The answer to the last edit did not arrive there; it is sent again here.
            1 if !self.applied.is_empty() => {
                self.way.note(|travels| travels.retries += 1);
                let last = self.applied.last().cloned();
                self.send_again(last).await;
            }
            2 => self.reload().await,
            _ => {}
        }
    }

    async fn visit(&mut self, mut steps: VecDeque<Step>) {
        while !steps.is_empty() {
            self.pause(PAUSE_MS_MAX).await;
            let together = self.dice.usize(2..=TOGETHER_MAX).min(steps.len());
            match self.dice.u8(..100) {
                0..=69 => self.alone(steps.pop_front()).await,
                70..=84 => self.batch(steps.drain(..together).collect()).await,
                _ => self.burst(steps.drain(..together).collect()).await,
            }
            if self.dice.u8(..20) == 0 {
                let old = self.dice.choice(&self.applied).cloned();
                self.send_again(old).await;
            }
            if self.dice.u8(..30) == 0 {
                self.reload().await;
            }
        }
    }

    /// One edit. What takes away goes mostly with the context of a view, often an old one.
    async fn alone(&mut self, step: Option<Step>) {
        let view = self.some_view();
        let old = self.dice.u8(..3) == 0;
        match step {
            Some(Step::Row(row)) => {
                let view = (self.dice.u8(..16) == 0).then_some(&view);
                self.add_row(&row, view).await;
            }
            Some(Step::Extra) => {
                let view = if old { view } else { self.view.clone() };
                let command = extra(&mut self.dice, &view.shown, &[], &self.world.basket);
                let takes = matches!(command, Command::Remove { .. } | Command::Clear {});
                let with = old || (takes && self.dice.bool());
                self.send(vec![command], with.then_some(&view), None).await;
            }
            None => {}
        }
    }

    /// Some edits in one call, all or none. Where none, the products are added one by one.
    async fn batch(&mut self, steps: Vec<Step>) {
        let view = if self.dice.bool() { self.some_view() } else { self.view.clone() };
        let (mut commands, mut busy, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Row(row) if row.refusal().is_some() => self.add_row(&row, None).await,
                Step::Row(row) => {
                    commands.push(add(&row));
                    rows.push(row);
                }
                Step::Extra => {
                    let command = extra(&mut self.dice, &view.shown, &busy, &self.world.basket);
                    busy.extend(line_of(&command));
                    if matches!(command, Command::Clear {}) {
                        busy.extend(view.shown.lines.iter().map(|line| line.line_id.clone()));
                    }
                    commands.push(command);
                }
            }
        }
        let with = self.dice.bool();
        if !commands.is_empty() && !self.send(commands, with.then_some(&view), None).await {
            for row in rows {
                self.add_row(&row, None).await;
            }
        }
    }

    /// A time offline: edits made on one view, and sent with its context one after the other.
    async fn burst(&mut self, steps: Vec<Step>) {
        let view = self.view.clone();
        self.pause(OFFLINE_MS_MAX).await;
        for step in steps {
            match step {
                Step::Row(row) => self.add_row(&row, Some(&view)).await,
                Step::Extra => {
                    let command = extra(&mut self.dice, &view.shown, &[], &self.world.basket);
                    self.send(vec![command], Some(&view), None).await;
                }
            }
        }
    }

    async fn add_row(&mut self, row: &Row, view: Option<&View>) {
        self.send(vec![add(row)], view, row.refusal()).await;
    }

    /// Sends an edit, sometimes more than once. Whether it was applied.
    async fn send(
        &mut self,
        commands: Vec<Command>,
        view: Option<&View>,
        refusal: Option<&'static str>,
    ) -> bool {
        self.keys += 1;
        let name = format!("{}-{}-{}", self.world.basket.name, self.number, self.keys);
        let context = view.and_then(|view| view.context.as_deref());
        let single = commands.len() == 1 && self.dice.u8(..8) > 0;
        let call = match commands.as_slice() {
            [command] if single => Call::one(command, context),
            _ => Call::batch(&commands, context),
        };
        let sent = Sent {
            call: call.header("idempotency-key", &name),
            key: self.keys,
            actor: Edit::of(self.way.token().day(), &self.world.session_id, &name, commands.clone()).actors
                [0],
            commands,
            seen: view.filter(|view| view.context.is_some()).map(|view| view.seen.clone()),
            refusal,
        };
        match self.exchange(&sent).await {
            Ok(heard) => self.settle(&sent, &heard).await,
            Err(error) => {
                self.record.fault(FaultKind::Unsettled, error);
                false
            }
        }
    }

    /// The answers to an edit, in order. The last is the one that arrives.
    async fn exchange(&mut self, sent: &Sent) -> Result<Vec<Heard>, String> {
        let world = Arc::clone(&self.world);
        let cart = world.cart(&mut self.dice);
        let (again, at_once) = match self.dice.u8(..100) {
            0..=71 => (0, false),
            // Most often the first answer is thrown away and the second one arrives.
            72..=85 => (1, false),
            86..=91 => (2, false),
            92..=96 => (1, true),
            _ => (2, true),
        };
        let make = || sent.call.make(&self.way, cart);
        if at_once {
            let (first, second, third) =
                tokio::join!(make(), make(), async { if again > 1 { Some(make().await) } else { None } });
            return [Some(first), Some(second), third].into_iter().flatten().collect();
        }
        let mut heard = vec![make().await?];
        for _ in 0..again {
            heard.push(make().await?);
        }
        Ok(heard)
    }

    /// Writes down what became of an edit. Exactly one of its answers is the first, which tells when.
    async fn settle(&mut self, sent: &Sent, heard: &[Heard]) -> bool {
        let mut firsts: Vec<&Heard> =
            heard.iter().filter(|heard| heard.is_ok() && !heard.replayed()).collect();
        firsts.sort_by_key(|heard| heard.sequence());
        if firsts.len() > 1 {
            let detail = format!("{} answers of one key are not marked as replayed", firsts.len());
            self.record.fault(FaultKind::NotReplayed, detail);
        }
        let first = firsts.first().copied();
        for _ in 1..heard.len() {
            self.measure.again();
        }
        match (first, heard.last()) {
            (Some(first), _) => {
                self.measure.call(sent.call.kind, &first.cost);
                self.applied(sent, first);
            }
            (None, Some(last)) if !last.is_ok() => {
                self.measure.call("refused", &last.cost);
                self.refused(sent, last);
            }
            _ => {
                let detail = "an edit is said to be replayed, but no answer told of its commit";
                self.record.fault(FaultKind::Unsettled, detail.to_owned());
            }
        }
        match heard.last() {
            Some(last) if last.is_ok() => self.learn(last),
            // As a refusal says: fetch the cart again.
            Some(_) if self.dice.bool() => self.reload().await,
            _ => {}
        }
        first.is_some()
    }

    fn applied(&mut self, sent: &Sent, first: &Heard) {
        let Some((sequence, last)) = first.sequence().zip(time(first)) else {
            return self
                .record
                .fault(FaultKind::Unsettled, "an edit's answer has no sequence or time".to_owned());
        };
        // Without a context it saw what was there: all commits before its own, or all dots but its own.
        let there = match first.seen(&self.way) {
            Seen::Upto(sequence) => Seen::Upto(sequence - 1),
            dots => dots,
        };
        let seen = sent.seen.clone().unwrap_or(there);
        if matches!(seen, Seen::Unknown) {
            return self.record.fault(FaultKind::Unsettled, "an edit's answer has no state".to_owned());
        }
        if let Some(code) = sent.refusal {
            let detail = format!("{:?} is applied; it must be refused as {code}", sent.commands);
            self.record.fault(FaultKind::WrongAcceptance, detail);
        }
        let count = sent.commands.len();
        self.measure.http.add(count, &first.cost);
        for (at, command) in sent.commands.iter().enumerate() {
            // The clock ticks once a change, so those before the last one have the times before.
            let time = HybridTime(last.0 - (count - 1 - at) as u64);
            let dot = Dot::new(sent.actor, at as u64 + 1);
            let event = Event::new(self.number, command, dot, time, seen.clone());
            self.measure.kinds.entry(event.act.op).or_default().0 += 1;
            self.record.events.push(Event {
                seq: Some(sequence),
                batch: (count > 1).then_some(self.number as u64 * 1_000_000 + sent.key),
                acknowledged: true,
                ..event
            });
        }
        self.applied.push(sent.call.clone());
    }

    fn refused(&mut self, sent: &Sent, last: &Heard) {
        let code = last.code();
        let example =
            format!("{} → {} `{code}`: {}", told(&sent.commands), last.answer.status.as_u16(), last.detail());
        // These depend on what the cart shows, and the account judges them.
        let judged = ["line_not_found", "coupon_not_found", "quantity_limit"].contains(&code.as_str());
        if !(judged && sent.refusal.is_none() || sent.refusal == Some(code.as_str())) {
            let wanted =
                sent.refusal.map_or("to be applied".to_owned(), |code| format!("to be refused as {code}"));
            self.record.fault(FaultKind::WrongRefusal, format!("{example} (it was {wanted})"));
        }
        let Some(command) = sent.commands.first() else { return };
        let act = Act::of(command);
        // Of several replicas a refusal does not tell what that one had seen.
        let now = match self.way.are_regions() {
            true => Seen::Unknown,
            false => Seen::Upto(last.sequence().unwrap_or(0)),
        };
        // What a move brings is what the edit saw, what is there is the state's.
        let moves_over_limit = code == "quantity_limit" && act.op != "add" && sent.seen.is_some();
        // The limit is that of the state, whatever the edit saw.
        let seen = sent.seen.clone().filter(|_| code != "quantity_limit").unwrap_or(now);
        self.record.refused.push(Refusal {
            device: self.number,
            op: act.op,
            at: act.at,
            upto: seen.upto(),
            saw: None,
            dirty: sent.commands.len() > 1 || moves_over_limit || matches!(seen, Seen::Unknown),
            seen,
            key: act.key,
            n: act.n,
            coupon: act.code,
            code,
            example,
        });
    }

    /// An edit made long ago comes again: it must be recognised.
    async fn send_again(&mut self, call: Option<Call>) {
        let Some(call) = call else { return };
        let world = Arc::clone(&self.world);
        let cart = world.cart(&mut self.dice);
        self.measure.again();
        match call.make(&self.way, cart).await {
            Ok(heard) if heard.is_ok() && heard.replayed() => self.learn(&heard),
            Ok(heard) => {
                let answer = format!("{} {}", heard.answer.status.as_u16(), heard.detail());
                let detail = format!("an old edit sent again is answered {answer}, not marked as replayed");
                self.record.fault(FaultKind::NotReplayed, detail);
            }
            Err(error) => self.record.fault(FaultKind::Unsettled, error),
        }
    }

    async fn reload(&mut self) {
        let call = Call::new("view", Method::GET, "");
        let world = Arc::clone(&self.world);
        let cart = world.cart(&mut self.dice);
        match call.make(&self.way, cart).await {
            Ok(heard) => {
                self.measure.call("view", &heard.cost);
                self.learn(&heard);
            }
            Err(error) => self.record.fault(FaultKind::Unsettled, error),
        }
    }

    /// Takes in an answer's view. The one before it is kept for a while, to act on it too late.
    fn learn(&mut self, heard: &Heard) {
        let view = Shown::of_view(&heard.answer.bytes).and_then(|shown| {
            let body = heard.answer.json();
            let context = body["context"].as_str().map(str::to_owned);
            match heard.seen(&self.way) {
                Seen::Unknown => Err("a view without a sequence or state".to_owned()),
                seen => Ok(View { shown, context, seen }),
            }
        });
        match view {
            Ok(view) => {
                if self.dice.usize(..ANSWERS_PER_VIEW) == 0 {
                    self.record.view(view.seen.clone(), &view.shown);
                }
                self.older.push_back(std::mem::replace(&mut self.view, view));
                if self.older.len() > VIEWS_MAX {
                    self.older.pop_front();
                }
            }
            Err(error) => self.record.fault(FaultKind::Unsettled, error),
        }
    }

    /// The present view or an older one.
    fn some_view(&mut self) -> View {
        let at = self.dice.usize(..=self.older.len());
        self.older.get(at).unwrap_or(&self.view).clone()
    }

    async fn pause(&mut self, ms_max: u64) {
        tokio::time::sleep(Duration::from_millis(self.dice.u64(..=ms_max))).await;
    }
}

/// The line that a command acts on, if it may not be there any more for the next one.
fn line_of(command: &Command) -> Option<String> {
    match command {
        Command::Set { line_id, .. }
        | Command::Decrement { line_id, .. }
        | Command::Remove { line_id, .. }
        | Command::Move { line_id, .. } => Some(line_id.clone()),
        _ => None,
    }
}

/// The hybrid time of an edit's last change.
fn time(heard: &Heard) -> Option<HybridTime> {
    let (millis, count) = heard.answer.header("evercart-time").split_once('.')?;
    let (millis, count): (u64, u16) = (millis.parse().ok()?, count.parse().ok()?);
    Some(HybridTime(millis << 16 | u64::from(count)))
}

/// An edit in a few words.
fn told(commands: &[Command]) -> String {
    let words = commands.iter().map(|command| {
        let act = Act::of(command);
        let parts = [Some(act.op.to_owned()), act.key, act.n.map(|n| n.to_string()), act.code];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    });
    words.collect::<Vec<_>>().join(", ")
}
