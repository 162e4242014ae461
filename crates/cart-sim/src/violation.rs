//! What a trace that fails says: which promise was broken, where, and the command that shows it again.

use std::fmt;

/// What must hold. I1 to I6 are those of the design; the others are how they are looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Invariant {
    /// No acknowledged add is lost: a contribution leaves only with a removal whose maker saw it.
    I1NoLostAdd,
    /// A dot that left never returns.
    I2NoReturn,
    /// Quantities are never negative.
    I3NotNegative,
    /// Fences never change.
    I4Fences,
    /// Equal states are equal bytes, and the bytes are read back as the state.
    I5EqualBytes,
    /// Any loss, repetition or reordering of deltas, mixed with full states, ends in the same state.
    I6SameEnd,
    /// Join is commutative, associative and idempotent.
    JoinLaws,
    /// A change did what it says, and nothing else.
    PostCondition,
    /// The replica shows what the oracle shows.
    Oracle,
    /// What a device lacks, joined there, gives what joining the whole state would.
    Lacking,
    /// What an honest device sends is admitted, and admitting it changes nothing of what it does.
    Ingress,
    /// All holders of a cart, its replicas and the stores of its home, end with the same bytes.
    RegionsEqual,
    /// They end with the same ties, and these lack nothing.
    TiesEqual,
    /// What later builds have added stays.
    Additions,
    /// No edit counts twice, in whatever regions it was made again.
    Doubled,
    /// A session is shown no less than it was shown elsewhere.
    NoLessShown,
    /// The horizon waits for leases.
    LeasesHold,
    /// A home that moves is where it moved to.
    HomeMoves,
    /// What no shopper changes moves neither the version nor the time of the last change.
    Unmoved,
    /// A tab that alone uses its actor is never told that another does.
    Honest,
    /// Who has signed out is out, from the moment that a replica knows, and in the end everywhere.
    SignedOut,
    /// Tabs show what the replicas show.
    TabsEqual,
    /// Without changes there is soon nothing to say.
    Quiet,
    /// An edit costs few frames and rows.
    Costs,
    /// A replica that starts without its storage is another one: what was told to the one before was not told to it.
    OtherLife,
    /// A replica that nobody uses gives up its storage, whichever store knows of it.
    AllLeave,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I1NoLostAdd => "I1 no acknowledged add is lost",
            Self::I2NoReturn => "I2 a dot that left never returns",
            Self::I3NotNegative => "I3 quantities are never negative",
            Self::I4Fences => "I4 fences never change",
            Self::I5EqualBytes => "I5 equal states are equal bytes",
            Self::I6SameEnd => "I6 deltas and full states end in the same state",
            Self::JoinLaws => "join is commutative, associative, idempotent",
            Self::PostCondition => "a change does what it says",
            Self::Oracle => "the replica shows what the oracle shows",
            Self::Lacking => "what a device lacks does what the whole state does",
            Self::Ingress => "an honest device is admitted",
            Self::RegionsEqual => "all holders end with the same cart",
            Self::TiesEqual => "all holders end with the same ties",
            Self::Additions => "what a later build has added stays",
            Self::Doubled => "no edit counts twice",
            Self::NoLessShown => "a session is shown no less than before",
            Self::LeasesHold => "the horizon waits for leases",
            Self::HomeMoves => "a home that moves is where it moved to",
            Self::Unmoved => "only what shoppers change moves the version",
            Self::Honest => "who alone uses an actor is not told that it is shared",
            Self::SignedOut => "who has signed out is out",
            Self::TabsEqual => "tabs end with what the replicas have",
            Self::Quiet => "regions without changes are quiet",
            Self::Costs => "an edit costs few frames and rows",
            Self::OtherLife => "a replica without its storage is another",
            Self::AllLeave => "idle replicas give up their storage",
        })
    }
}

/// A broken promise, before it is known in which trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Which.
    pub invariant: Invariant,
    /// What was found.
    pub text: String,
}

/// What every check returns.
pub type Check = Result<(), Fault>;

impl Fault {
    /// `Ok` if it holds, else the fault with the text.
    pub fn unless(holds: bool, invariant: Invariant, text: impl FnOnce() -> String) -> Check {
        if holds { Ok(()) } else { Err(Self { invariant, text: text() }) }
    }
}

/// A broken promise and the trace that shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// The command that shows it again.
    pub command: &'static str,
    /// The trace.
    pub seed: u64,
    /// The event after which it was found.
    pub event: usize,
    /// What was found.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "violation: {}", self.invariant)?;
        writeln!(f, "  at event {} of seed {}: {}", self.event, self.seed, self.text)?;
        write!(f, "  replay: cargo run --release -p cart-sim -- {} {}", self.command, self.seed)
    }
}

impl std::error::Error for Violation {}
