//! What a run comes to: the numbers, and `replay.md` with its plot.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use harness::root;
use serde_json::Value;

use crate::chart;
use crate::copies::Carried;
use crate::measure::{Measure, Sums, percentile};
use crate::options::Options;
use crate::play::Played;
use crate::record::{Fault, FaultKind};
use crate::travel;

/// Of so many carts one may stay unjudged: answers get lost for good when a machine is overloaded.
const CARTS_PER_UNSETTLED: usize = 200;
const EXAMPLES_MAX: usize = 2;
const FAULTS_SHOWN: usize = 20;

/// A run of many baskets.
#[derive(Default)]
pub struct Run {
    pub carts: usize,
    pub baskets: usize,
    /// How long the playing took.
    pub seconds: f64,
    pub measure: Measure,
    /// What the account says.
    pub account: Value,
    /// What it took to carry each cart, where carts travel.
    pub carried: Vec<Carried>,
    browsers: usize,
    replicas: usize,
    /// Baskets with so many devices, from one.
    by_devices: [usize; 3],
    concurrent: usize,
    refused: BTreeMap<String, Refusals>,
    refused_at_home: BTreeMap<String, Refusals>,
    faults: BTreeMap<FaultKind, usize>,
    first_faults: Vec<Fault>,
    /// Carts that are not judged.
    unsettled: usize,
}

#[derive(Default)]
struct Refusals {
    count: usize,
    examples: Vec<String>,
}

impl Refusals {
    fn add(&mut self, example: &str) {
        self.count += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(example.to_owned());
        }
    }
}

impl Run {
    pub fn of(carts: usize, baskets: usize) -> Self {
        Self { carts, baskets, ..Self::default() }
    }

    pub fn add(&mut self, played: Played) {
        let (browsers, replicas) = played.devices;
        self.browsers += browsers;
        self.replicas += replicas;
        if let Some(baskets) = (browsers + replicas).checked_sub(1).and_then(|at| self.by_devices.get_mut(at))
        {
            *baskets += 1;
        }
        self.unsettled += usize::from(played.line.is_none());
        self.measure.join(played.measure);
        self.carried.extend(played.carried);
        self.concurrent += played.concurrent;
        for refusal in &played.refused {
            self.refused.entry(refusal.code.clone()).or_default().add(&refusal.example);
        }
        for (code, example) in &played.refused_at_home {
            self.refused_at_home.entry(code.clone()).or_default().add(example);
        }
        for fault in played.faults {
            *self.faults.entry(fault.kind).or_default() += 1;
            if self.first_faults.len() < FAULTS_SHOWN {
                self.first_faults.push(fault);
            }
        }
    }

    /// Edits that became durable.
    pub fn edits(&self) -> u64 {
        self.measure.http.edits + self.measure.sync.edits
    }

    /// Something is not as it must be.
    pub fn is_violated(&self) -> bool {
        self.verdict().iter().any(|(_, count)| *count > 0)
    }

    /// Too much of the run could not be judged for its verdict to mean anything.
    pub fn is_unjudged(&self) -> bool {
        self.unsettled > self.carts / CARTS_PER_UNSETTLED
    }

    /// What may not be.
    fn verdict(&self) -> [(&'static str, u64); 10] {
        [
            ("edits lost", self.accounted("lost")),
            ("edits doubled", self.accounted("doubled")),
            ("removed items that came back", self.accounted("resurrected")),
            ("other differences (coupons, note)", self.accounted("other")),
            ("wrong views on the way", self.accounted("views_wrong")),
            ("wrong refusals", self.accounted("refusals_wrong") + self.fault(FaultKind::WrongRefusal)),
            ("dirty rows accepted", self.fault(FaultKind::WrongAcceptance)),
            ("repeated calls not recognised", self.fault(FaultKind::NotReplayed)),
            ("replicas that differ at the end", self.fault(FaultKind::Diverged)),
            ("answers without which a cart cannot be judged", self.fault(FaultKind::Unsettled)),
        ]
    }

    fn accounted(&self, name: &str) -> u64 {
        self.account[name].as_u64().unwrap_or_default()
    }

    fn fault(&self, kind: FaultKind) -> u64 {
        self.faults.get(&kind).copied().unwrap_or_default() as u64
    }
}

/// A few lines for the terminal.
pub fn summary(run: &Run) -> String {
    let mut out = format!(
        "replay: {} carts, {} edits, {} acknowledged, {:.0} edits a second, in {:.0} s\n",
        grouped(run.accounted("baskets")),
        grouped(run.accounted("edits")),
        grouped(run.accounted("acknowledged")),
        run.edits() as f64 / run.seconds,
        run.seconds
    );
    let words: Vec<String> = run.verdict().iter().map(|(what, count)| format!("{count} {what}")).collect();
    let _ = write!(out, "replay: {}", words.join(", "));
    for fault in &run.first_faults {
        let _ = write!(out, "\n  {:?}: {}", fault.kind, fault.detail);
    }
    for mismatch in run.account["mismatches"].as_array().into_iter().flatten().take(FAULTS_SHOWN) {
        let _ = write!(out, "\n  {mismatch}");
    }
    let end = match (run.is_violated(), run.is_unjudged()) {
        (true, _) => "FAILED",
        (false, true) => "NOT JUDGED: in too many carts regions could not hear of each other",
        (false, false) => "passed",
    };
    let _ = write!(out, "\nreplay: {end}");
    out
}

/// What the report and its plot are called.
pub fn name(options: &Options) -> &'static str {
    if options.regions { "replay-regions" } else { "replay" }
}

/// Writes the report and its plot.
pub fn write(run: &Run, options: &Options) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", options.report.display());
    let file = options.report.join(name(options));
    let svg = match options.regions {
        true => chart::svg_of_travels(&run.carried),
        false => chart::svg(&run.measure),
    };
    fs::write(file.with_extension("svg"), svg.map_err(|error| format!("the plot: {error}"))?)
        .map_err(failed)?;
    fs::write(file.with_extension("md"), text(run, options)).map_err(failed)
}

fn text(run: &Run, options: &Options) -> String {
    if options.regions {
        return [
            travel::head(run, options),
            verdict(run),
            travel::carrying(run),
            refusals(run),
            travel::JUDGING.to_owned(),
        ]
        .join("\n");
    }
    [
        head(run, options),
        verdict(run),
        edits(run),
        latency(&run.measure),
        costs(&run.measure),
        refusals(run),
        JUDGING.to_owned(),
    ]
    .join("\n")
}

fn head(run: &Run, options: &Options) -> String {
    format!(
        "# Replay of real baskets\n\n\
         {written}\n\n\
         {count} real households' baskets (`data/README.md`) against the running Worker, {at_once} at a time, \
         on a machine with {cores} cores that runs client and server. Each basket is a cart of its own, {edited}\n",
        written = written("replay", options),
        edited = edited(run),
        count = grouped(run.baskets as u64),
        at_once = options.at_once,
        cores = std::thread::available_parallelism().map_or(0, usize::from),
    )
}

/// By what command, when and of which commit.
pub fn written(command: &str, options: &Options) -> String {
    let baskets = options.baskets.map_or("all".to_owned(), |count| count.to_string());
    let url = options.url.as_ref().map_or(String::new(), |url| format!(" URL={url}"));
    let date = said_by("date", &["-u", "+%Y-%m-%d %H:%M UTC"]);
    let (seed, commit) = (options.seed, commit());
    format!("Written by `make {command} BASKETS={baskets} SEED={seed}{url}` on {date}, from commit {commit}.")
}

/// By whom a cart is edited, and over what network.
pub fn edited(run: &Run) -> String {
    let [one, two, three] = run.by_devices;
    let (browsers, replicas) = (grouped(run.browsers as u64), grouped(run.replicas as u64));
    format!(
        "edited at once by one ({one}), two ({two}) or three ({three}) devices: {browsers} over plain HTTP and \
         {replicas} with a replica of their own, which edit offline and sync. Answers are thrown away and asked \
         for again, calls are repeated up to three times and at once, old ones turn up much later, and of the \
         replicas one in four has a wrong clock."
    )
}

fn verdict(run: &Run) -> String {
    let mut out = String::from("## Account\n\n| | |\n|---|---:|\n");
    for (what, count) in [
        ("carts judged", run.accounted("baskets")),
        ("edits", run.accounted("edits")),
        ("of them acknowledged", run.accounted("acknowledged")),
        ("of them made without seeing an earlier one of another device", run.concurrent as u64),
        ("views on the way that were checked", run.accounted("views")),
    ] {
        let _ = writeln!(out, "| {what} | {} |", grouped(count));
    }
    for (what, count) in run.verdict() {
        let _ = writeln!(out, "| **{what}** | **{}** |", grouped(count));
    }
    let unsettled = run.unsettled;
    if unsettled > 0 {
        let _ = writeln!(out, "| left out: regions could not hear of each other | {unsettled} |");
    }
    let _ = writeln!(
        out,
        "| edits a second | {:.0} |\n| calls, of them repeated on purpose | {}, {} |\n| seconds | {:.0} |",
        run.edits() as f64 / run.seconds,
        grouped(run.measure.calls),
        grouped(run.measure.repeated),
        run.seconds
    );
    if run.is_violated() || run.is_unjudged() {
        let _ = writeln!(out, "\n**This run failed.** What it found first:\n");
        for fault in &run.first_faults {
            let _ = writeln!(out, "- {:?}: {}", fault.kind, fault.detail);
        }
        for mismatch in run.account["mismatches"].as_array().into_iter().flatten().take(FAULTS_SHOWN) {
            let _ = writeln!(out, "- `{mismatch}`");
        }
    }
    out
}

fn edits(run: &Run) -> String {
    let mut out = String::from(
        "## Edits\n\n![Edits by kind, and the latency of calls](replay.svg)\n\n\
         | edit | HTTP | sync | share |\n|---|---:|---:|---:|\n",
    );
    let all: u64 = run.measure.kinds.values().map(|(http, sync)| http + sync).sum();
    for (kind, (http, sync)) in by_count(&run.measure) {
        let share = 100.0 * (http + sync) as f64 / all.max(1) as f64;
        let _ = writeln!(out, "| {kind} | {} | {} | {share:.1} % |", grouped(http), grouped(sync));
    }
    out
}

/// Kinds of edits, the most frequent first.
pub fn by_count(measure: &Measure) -> Vec<(&'static str, (u64, u64))> {
    let mut kinds: Vec<_> = measure.kinds.iter().map(|(kind, counts)| (*kind, *counts)).collect();
    kinds.sort_by_key(|(_, (http, sync))| std::cmp::Reverse(http + sync));
    kinds
}

/// Calls by kind: how many, and the times below which half of them and 99 of a hundred lie.
pub fn times(measure: &Measure) -> Vec<(&'static str, usize, f32, f32)> {
    let edits = by_count(measure).into_iter().map(|(kind, _)| kind);
    let kinds = edits.chain(["batch", "sync", "view"]);
    kinds
        .filter_map(|kind| {
            let mut sorted = measure.times.get(kind)?.clone();
            sorted.sort_by(f32::total_cmp);
            Some((kind, sorted.len(), percentile(&sorted, 0.5), percentile(&sorted, 0.99)))
        })
        .collect()
}

fn latency(measure: &Measure) -> String {
    let mut out = String::from(
        "## Latency\n\nAs the client sees it, with as many calls at once as the machine takes: time in the queue \
         is in it.\n\n| call | number | p50, ms | p99, ms |\n|---|---:|---:|---:|\n",
    );
    for (kind, count, half, most) in times(measure) {
        let _ = writeln!(out, "| {kind} | {} | {half:.1} | {most:.1} |", grouped(count as u64));
    }
    let mut all: Vec<f32> = measure
        .times
        .iter()
        .filter(|(kind, _)| !["view", "lease", "refused"].contains(kind))
        .flat_map(|(_, times)| times.iter().copied())
        .collect();
    all.sort_by(f32::total_cmp);
    let (half, most) = (percentile(&all, 0.5), percentile(&all, 0.99));
    let _ = writeln!(
        out,
        "| **all that edit** | **{}** | **{half:.1}** | **{most:.1}** |",
        grouped(all.len() as u64)
    );
    out
}

fn costs(measure: &Measure) -> String {
    let mut out = String::from(
        "## What an edit costs\n\nBytes as HTTP/1.1 writes them. An answer over HTTP is the whole view with its \
         context; a sync's is what the device lacks.\n\n| an edit | HTTP | sync |\n|---|---:|---:|\n",
    );
    let mut line = |what: &str, of: &dyn Fn(&Sums) -> f64, digits: usize| {
        let (http, sync) = (of(&measure.http), of(&measure.sync));
        let _ = writeln!(out, "| {what} | {http:.digits$} | {sync:.digits$} |");
    };
    line("edits a call", &|sums| sums.edits as f64 / sums.calls.max(1) as f64, 2);
    line("request, bytes of body", &|sums| sums.per_edit(sums.sent_body), 0);
    line("request, bytes with head", &|sums| sums.per_edit(sums.sent_head + sums.sent_body), 0);
    line("response, bytes of body", &|sums| sums.per_edit(sums.got_body), 0);
    line("response, bytes with head", &|sums| sums.per_edit(sums.got_head + sums.got_body), 0);
    line("rows written", &|sums| sums.per_edit(sums.rows_written), 2);
    line("rows read", &|sums| sums.per_edit(sums.rows_read), 2);
    out
}

fn refusals(run: &Run) -> String {
    let mut out = String::from(
        "## Refusals\n\nThe data is dirty, and shoppers act on what others have just removed. A refusal of \
         `line_not_found`, `coupon_not_found` or `quantity_limit` is right if the account finds no such line or \
         coupon in what the edit saw, or the line at its limit; the others must be what is wrong with the row.\n\n\
         | code | edits | for example |\n|---|---:|---|\n",
    );
    for (code, refusals) in &run.refused {
        let examples = refusals.examples.join("<br>");
        let _ = writeln!(out, "| `{code}` | {} | {examples} |", grouped(refusals.count as u64));
    }
    for (code, refusals) in &run.refused_at_home {
        let examples = refusals.examples.join("<br>");
        let count = grouped(refusals.count as u64);
        let _ = writeln!(out, "| `{code}`, by a replica's own core, never sent | {count} | {examples} |");
    }
    out
}

const JUDGING: &str = "\
## How it is judged

`tests/replay/account.py` computes what each cart must show from the rules of the design alone: it has no \
state and no merge, only the edits and what each of them saw. That is known exactly:

- An edit over HTTP saw all commits before its own (`Evercart-Sequence` less one); with a context, those up \
to the sequence of the view the context came from. Its dots are those of the actor derived from session and \
key, its time that of `Evercart-Time`.
- An edit of a replica saw its device's earlier edits, and all commits up to the highest sequence among the \
responses it had taken in. It became durable in the call whose response names a lower `prior` counter and \
whose request held it.
- What a cart shows on the way is checked too, in one of three answers over HTTP and one of two syncs: exactly \
the commits up to the answer's sequence.

`make replay-broken` shows that the account can fail: builds that are broken on purpose must be found out.
";

/// 12345 as 12,345.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn commit() -> String {
    let hash = said_by("git", &["rev-parse", "--short", "HEAD"]);
    // The report itself is written anew by each run.
    let changed = said_by("git", &["status", "--porcelain", "--", "src", "crates", "tests", "Cargo.lock"]);
    if changed.is_empty() { hash } else { format!("{hash} with changes") }
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    output.map_or(String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
