//! What a device did and heard, in the form that `account.py` reads: events that became durable, refusals,
//! and what should not have been answered at all.

use cart_core::command::{Command, Place};
use cart_core::id::Dot;
use cart_core::time::HybridTime;
use serde::Serialize;
use serde_json::{Value, json};

use crate::intent::sku_of;
use crate::seen::Seen;
use crate::shown::Shown;

/// An edit. How its fields are meant: the top of `account.py`.
#[derive(Clone, Serialize, Debug)]
pub struct Event {
    pub id: (u64, String),
    pub device: usize,
    #[serde(flatten)]
    pub act: Act,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<(u64, u16)>,
    pub seq: Option<u64>,
    pub upto: u64,
    /// The positions of what it saw, where `upto` does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saw: Option<Vec<usize>>,
    pub own: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<u64>,
    pub acknowledged: bool,
    #[serde(skip)]
    pub dot: Dot,
    #[serde(skip)]
    pub seen: Seen,
}

/// What an edit does.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct Act {
    pub op: &'static str,
    #[serde(rename = "in")]
    pub at: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Option<String>>,
}

/// An edit that was refused: `upto` is what the replica had committed when it said so, or what the edit's
/// context had seen. A dirty one saw more than that.
#[derive(Clone, Serialize, Debug)]
pub struct Refusal {
    pub device: usize,
    pub op: &'static str,
    #[serde(rename = "in")]
    pub at: &'static str,
    pub code: String,
    pub upto: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saw: Option<Vec<usize>>,
    pub dirty: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
    /// What was sent and the answer's words, for the report.
    #[serde(skip)]
    pub example: String,
    #[serde(skip)]
    pub seen: Seen,
}

/// An answer that is wrong whatever the cart shows. Each ends the run with a failure.
#[derive(Clone, Serialize, Debug)]
pub struct Fault {
    pub kind: FaultKind,
    pub detail: String,
}

#[derive(Clone, Copy, Serialize, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Refused, though nothing is wrong with it; or with another code than it must be.
    WrongRefusal,
    /// Accepted, though it must be refused.
    WrongAcceptance,
    /// A repeated edit or sync was not recognised as such.
    NotReplayed,
    /// Replicas that have met all differ.
    Diverged,
    /// No answer, or one that cannot be read, or whose commit is not known: the basket cannot be judged, which fails the
    /// run.
    Unsettled,
    /// Regions could not hear of each other, as their answers say, and a key that was repeated was not recognised by one
    /// that had not heard of it, or it refused what it did not know. That is as it must be; but what each then saw is
    /// not known, and the basket is left out.
    Parted,
}

/// All that one device did.
#[derive(Default, Debug)]
pub struct Record {
    pub events: Vec<Event>,
    pub refused: Vec<Refusal>,
    /// Some of what was shown on the way.
    pub views: Vec<(Seen, Value)>,
    /// Refused by the device's own core, never sent: code and example.
    pub refused_at_home: Vec<(String, String)>,
    pub faults: Vec<Fault>,
}

impl Record {
    /// What was shown to who had seen this.
    pub fn view(&mut self, seen: Seen, shown: &Shown) {
        let Shown { coupons, note, .. } = shown;
        let (lines, saved) = (Shown::sums(&shown.lines), Shown::sums(&shown.saved));
        let view =
            json!({"seq": seen.upto(), "lines": lines, "saved": saved, "coupons": coupons, "note": note});
        self.views.push((seen, view));
    }

    pub fn fault(&mut self, kind: FaultKind, detail: String) {
        self.faults.push(Fault { kind, detail });
    }
}

impl Act {
    pub fn of(command: &Command) -> Self {
        let (op, at, key, n) = match command {
            Command::Add { sku, quantity, .. } => ("add", Place::Cart, Some(sku.clone()), Some(*quantity)),
            Command::Increment { line_id, quantity, at } => {
                ("add", *at, Some(sku_of(line_id)), Some(*quantity))
            }
            Command::Set { line_id, quantity, at } => ("set", *at, Some(sku_of(line_id)), Some(*quantity)),
            Command::Decrement { line_id, quantity, at } => {
                ("decrement", *at, Some(sku_of(line_id)), Some(*quantity))
            }
            Command::Remove { line_id, at } => ("remove", *at, Some(sku_of(line_id)), None),
            Command::Clear {} => ("clear", Place::Cart, None, None),
            Command::Move { line_id, location: Place::Saved } => {
                ("save", Place::Cart, Some(sku_of(line_id)), None)
            }
            Command::Move { line_id, location: Place::Cart } => {
                ("unsave", Place::Saved, Some(sku_of(line_id)), None)
            }
            Command::ApplyCoupon { .. } => ("coupon", Place::Cart, None, None),
            Command::RemoveCoupon { .. } => ("uncoupon", Place::Cart, None, None),
            Command::Update(_) => ("note", Place::Cart, None, None),
        };
        let code = match command {
            Command::ApplyCoupon { code } | Command::RemoveCoupon { code } => Some(code.clone()),
            _ => None,
        };
        let text = match command {
            Command::Update(fields) => fields.note.clone(),
            _ => None,
        };
        let at = if at == Place::Saved { "saved" } else { "cart" };
        Self { op, at, key, n, code, text }
    }

    /// Whether the time of the edit can decide.
    pub fn is_timed(&self) -> bool {
        matches!(self.op, "set" | "save" | "unsave" | "note")
    }
}

impl Event {
    /// An edit with its dot, the time at which it was made and what it saw.
    pub fn new(device: usize, command: &Command, dot: Dot, time: HybridTime, seen: Seen) -> Self {
        let act = Act::of(command);
        Self {
            id: (dot.counter, dot.actor.to_hex()),
            device,
            time: act.is_timed().then(|| (time.millis().0, time.count())),
            act,
            seq: None,
            upto: seen.upto(),
            saw: None,
            own: false,
            batch: None,
            acknowledged: false,
            dot,
            seen,
        }
    }
}
