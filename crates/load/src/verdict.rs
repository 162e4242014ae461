//! The rows of the report: what is compared with what, in each round; the median; and whether bound and aim are met.

use crate::case::{Case, Contender, Figure, Results};
use crate::measure::LARGEST_LINES;
use crate::sample::median;

/// What a value must be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    /// Whether a value keeps it. What is not a number keeps nothing.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    /// As the report says it.
    pub fn text(self, unit: &str) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {least}{unit}"),
            Self::AtMost(most) => format!("≤ {most}{unit}"),
        }
    }
}

/// A row.
pub struct Verdict {
    pub what: String,
    /// One value a round.
    pub rounds: Vec<f64>,
    pub unit: &'static str,
    pub bound: Bound,
    pub aim: Option<Bound>,
}

impl Verdict {
    pub fn value(&self) -> f64 {
        median(self.rounds.iter().copied())
    }

    /// In a word.
    pub fn met(&self) -> &'static str {
        let value = self.value();
        match self.aim {
            Some(aim) if aim.holds(value) => "aim met",
            _ if self.bound.holds(value) => "bound met",
            _ => "**not met**",
        }
    }
}

/// What a figure says.
type Of = fn(&Figure) -> f64;
const RATE: Of = |figure| figure.rate;
const CPU: Of = |figure| figure.cpu_ms;
const P50: Of = |figure| figure.p50_ms;

/// What was measured, of what there is to be compared.
pub fn verdicts(results: &Results) -> Vec<Verdict> {
    use Bound::{AtLeast, AtMost};
    use Contender::{BareJs, Shop, TrivialRust};
    // What it says, of which case and whom, to which case and whom.
    let mut all = Vec::new();
    let mut row = |what: &str, of: Of, one: (Case, Contender), other: (Case, Contender), bound, aim| {
        let rounds = ratios(results, of, one, other);
        if !rounds.is_empty() {
            all.push(Verdict { what: what.to_owned(), rounds, unit: "", bound, aim: Some(aim) });
        }
    };
    let (shop, bare) = ((Case::Add, Shop), (Case::Add, BareJs));
    row(
        "an add over HTTP to the bare JavaScript object: requests a second",
        RATE,
        shop,
        bare,
        AtLeast(0.65),
        AtLeast(0.75),
    );
    row("the same: CPU time, the other way round", CPU, bare, shop, AtLeast(0.65), AtLeast(0.75));
    let (shop, bare) = ((Case::Read, Shop), (Case::Read, BareJs));
    row(
        "`GET` with a matching ETag to the bare JavaScript object: requests a second",
        RATE,
        shop,
        bare,
        AtLeast(0.65),
        AtLeast(0.8),
    );
    row("the same: CPU time, the other way round", CPU, bare, shop, AtLeast(0.65), AtLeast(0.8));
    let (shop, trivial) = ((Case::Healthz, Shop), (Case::Healthz, TrivialRust));
    row(
        "`/healthz` to the trivial Rust Worker: requests a second",
        RATE,
        shop,
        trivial,
        AtLeast(0.7),
        AtLeast(0.9),
    );
    row("the same: CPU time, the other way round", CPU, trivial, shop, AtLeast(0.7), AtLeast(0.9));
    let (shop, bare) = ((Case::OneAFrame, Shop), (Case::OneAFrame, BareJs));
    row(
        "edits over sockets, 64 in flight, one a frame, to the bare JavaScript object's",
        RATE,
        shop,
        bare,
        AtLeast(0.65),
        AtLeast(0.8),
    );
    row(
        "edits over sockets, coalesced as the client ships, to one a frame",
        RATE,
        (Case::Coalesced, Shop),
        shop,
        AtLeast(4.0),
        AtLeast(10.0),
    );
    for (what, many, few) in [
        ("time of an add at 500 lines to 10", Case::ManyLines, Case::FewLines),
        ("time of an add after 1,000 past actors to 1", Case::PastActors, Case::OneActor),
        ("time of an add after 300 HTTP edits to 10", Case::ManyEdits, Case::FewEdits),
    ] {
        row(what, P50, (many, Shop), (few, Shop), AtMost(2.0), AtMost(1.2));
        row("the same: CPU time", CPU, (many, Shop), (few, Shop), AtMost(2.0), AtMost(1.2));
    }
    let first = Case::FirstAnswer;
    row(
        "first answer of a fresh process to that of the trivial Rust Worker",
        P50,
        (first, Shop),
        (first, TrivialRust),
        AtMost(2.0),
        AtMost(1.5),
    );
    row(
        "CPU time a request with two processes to one",
        CPU,
        (Case::TwoProcesses, Shop),
        (Case::OneProcess, Shop),
        AtMost(1.1),
        AtMost(1.02),
    );
    let open = Case::OpenSessions;
    row(
        "open sessions on one process: the highest rate with p99 under 150 ms to the bare JavaScript object's",
        RATE,
        (open, Shop),
        (open, BareJs),
        AtLeast(0.6),
        AtLeast(0.75),
    );
    all.extend(sizes(results));
    all
}

/// What is counted in bytes.
fn sizes(results: &Results) -> Vec<Verdict> {
    let Some(sizes) = results.sizes else { return Vec::new() };
    let count = |what: String, bytes: usize, unit, most: f64, aim: Option<f64>| {
        let scale = if unit == " KB" { 1_000.0 } else { 1.0 };
        let (bound, aim) = (Bound::AtMost(most), aim.map(Bound::AtMost));
        Verdict { what, rounds: vec![bytes as f64 / scale], unit, bound, aim }
    };
    let cart = format!("a cart of {LARGEST_LINES} lines, ");
    vec![
        count(
            "Wasm that an isolate of the edge loads, gzipped".to_owned(),
            sizes.wasm_gzipped,
            " KB",
            400.0,
            Some(300.0),
        ),
        count(
            format!("{cart}token and cookie together"),
            sizes.token + sizes.cookie,
            " bytes",
            1_024.0,
            None,
        ),
        count(format!("{cart}state"), sizes.state, " bytes", 4_096.0, None),
    ]
}

/// One value to the other, round by round; none where either was not measured.
fn ratios(results: &Results, of: Of, one: (Case, Contender), other: (Case, Contender)) -> Vec<f64> {
    let (one, other) = (results.rounds(one.0, one.1), results.rounds(other.0, other.1));
    one.iter().zip(other).map(|(one, other)| of(one) / of(other)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Sizes;

    fn figure(rate: f64, cpu_ms: f64) -> Figure {
        Figure { rate, cpu_ms, ..Figure::default() }
    }

    #[test]
    fn the_median_of_the_rounds_ratios_decides() {
        let mut results = Results::default();
        for (shop, bare) in [(700.0, 1_000.0), (650.0, 1_000.0), (100.0, 1_000.0)] {
            results.note(Case::Add, Contender::Shop, figure(shop, 2.0));
            results.note(Case::Add, Contender::BareJs, figure(bare, 1.0));
        }
        let verdicts = verdicts(&results);
        assert_eq!(verdicts.len(), 2, "what was not measured has no row");
        assert_eq!((verdicts[0].value(), verdicts[0].met()), (0.65, "bound met"));
        assert_eq!((verdicts[1].value(), verdicts[1].met()), (0.5, "**not met**"), "CPU the other way round");
    }

    #[test]
    fn bounds_hold_at_their_edge_and_nothing_holds_without_a_number() {
        assert!(Bound::AtLeast(0.65).holds(0.65) && !Bound::AtLeast(0.65).holds(0.649));
        assert!(Bound::AtMost(2.0).holds(2.0) && !Bound::AtMost(2.0).holds(2.01));
        assert!(!Bound::AtLeast(0.0).holds(f64::NAN) && !Bound::AtMost(9.0).holds(f64::NAN));
    }

    #[test]
    fn bytes_are_judged_once() {
        let sizes = Sizes { wasm_gzipped: 350_000, state: 5_000, ..Sizes::default() };
        let mut results = Results::default();
        results.sizes = Some(sizes);
        let met: Vec<_> = verdicts(&results).iter().map(Verdict::met).collect();
        assert_eq!(met, ["bound met", "bound met", "**not met**"]);
    }
}
