//! What is measured, of whom, and where it is kept: rows of the report, the cases that a row compares, contenders, and
//! their figures of each round.

use std::collections::BTreeMap;

/// A row, or some rows, of the report: what can be asked for by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Row {
    Add,
    Read,
    Healthz,
    Sockets,
    Lines,
    Actors,
    Edits,
    First,
    Processes,
    Sessions,
    Sizes,
}

impl Row {
    /// All, in the order in which they are measured: what is small first.
    pub const ALL: [Self; 11] = [
        Self::Sizes,
        Self::First,
        Self::Healthz,
        Self::Read,
        Self::Add,
        Self::Sockets,
        Self::Lines,
        Self::Actors,
        Self::Edits,
        Self::Processes,
        Self::Sessions,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Read => "read",
            Self::Healthz => "healthz",
            Self::Sockets => "sockets",
            Self::Lines => "lines",
            Self::Actors => "actors",
            Self::Edits => "edits",
            Self::First => "first",
            Self::Processes => "processes",
            Self::Sessions => "sessions",
            Self::Sizes => "sizes",
        }
    }
}

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Contender {
    /// The service.
    Shop,
    /// A Durable Object in JavaScript that checks nothing.
    BareJs,
    /// The same in Rust.
    BareRust,
    /// A Worker in JavaScript that does nothing.
    TrivialJs,
    /// The same in Rust.
    TrivialRust,
}

impl Contender {
    /// The folder of what is served.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::BareJs => "bare-js",
            Self::BareRust => "bare-rust",
            Self::TrivialJs => "trivial-js",
            Self::TrivialRust => "trivial-rust",
        }
    }

    /// As the report calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Shop => "Evercart",
            Self::BareJs => "bare object, JavaScript",
            Self::BareRust => "bare object, Rust",
            Self::TrivialJs => "trivial Worker, JavaScript",
            Self::TrivialRust => "trivial Worker, Rust",
        }
    }
}

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Case {
    Healthz,
    Read,
    Add,
    OneAFrame,
    Coalesced,
    FewLines,
    ManyLines,
    OneActor,
    PastActors,
    FewEdits,
    ManyEdits,
    FirstAnswer,
    OneProcess,
    TwoProcesses,
    OpenSessions,
}

impl Case {
    /// As the report calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Healthz => "GET /healthz",
            Self::Read => "GET with a matching ETag",
            Self::Add => "an add over HTTP",
            Self::OneAFrame => "socket: one edit a frame, 64 in flight",
            Self::Coalesced => "socket: 64 edits in flight, coalesced",
            Self::FewLines => "an add at 10 lines",
            Self::ManyLines => "an add at 500 lines",
            Self::OneActor => "an add after 1 past actor",
            Self::PastActors => "an add after 1,000 past actors",
            Self::FewEdits => "an add after 10 HTTP edits",
            Self::ManyEdits => "an add after 300 HTTP edits",
            Self::FirstAnswer => "first answer of a fresh process",
            Self::OneProcess => "adds, one process",
            Self::TwoProcesses => "adds, two processes",
            Self::OpenSessions => "open sessions: highest rate",
        }
    }
}

/// What was measured of one contender in one round. What a case does not have is not a number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Figure {
    /// Requests or edits a second.
    pub rate: f64,
    /// Times of an answer, in milliseconds.
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// CPU time of the processes for each request, in milliseconds.
    pub cpu_ms: f64,
}

impl Default for Figure {
    fn default() -> Self {
        Self { rate: f64::NAN, p50_ms: f64::NAN, p99_ms: f64::NAN, cpu_ms: f64::NAN }
    }
}

/// What was counted once: bytes.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sizes {
    pub wasm_gzipped: usize,
    /// Lines of the largest real basket, and of the cart that was measured: it was filled up.
    pub real_lines: usize,
    pub basket_lines: usize,
    pub token: usize,
    pub cookie: usize,
    pub state: usize,
}

/// All that was measured.
#[derive(Default)]
pub struct Results {
    figures: BTreeMap<(Case, Contender), Vec<Figure>>,
    pub sizes: Option<Sizes>,
}

impl Results {
    /// Keeps a figure of the present round.
    pub fn note(&mut self, case: Case, contender: Contender, figure: Figure) {
        self.figures.entry((case, contender)).or_default().push(figure);
    }

    /// The figures of a case, a round each; none if it was not measured.
    pub fn rounds(&self, case: Case, contender: Contender) -> &[Figure] {
        self.figures.get(&(case, contender)).map_or(&[], Vec::as_slice)
    }

    /// All, by case.
    pub fn all(&self) -> impl Iterator<Item = (Case, Contender, &[Figure])> {
        self.figures.iter().map(|((case, contender), rounds)| (*case, *contender, rounds.as_slice()))
    }
}
