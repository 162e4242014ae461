//! A line of the cart: its identity, and the contributions whose sum it shows.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::id::{Actor, Dot, Scope};
use crate::ordered::{Ordered, sorted_by};
use crate::reject::Reject;
use crate::time::HybridTime;

/// What makes two lines one: product, variant and customisation. The price is never part of it.
/// Cheap to clone, ordered by `(sku, variant, customisation)`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LineKey {
    /// The first eight bytes of the sku: they decide nearly every comparison without a look elsewhere.
    first: u64,
    identity: Arc<Identity>,
}

/// The parts of a [`LineKey`].
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Identity {
    /// The product.
    pub sku: Box<str>,
    /// Its variant, where it has one.
    pub variant: Option<Box<str>>,
    /// The first 16 bytes of the SHA-256 of the customisation's canonical JSON (RFC 8785).
    pub customization: Option<[u8; 16]>,
}

impl LineKey {
    /// The longest key: bytes of sku and variant and 16 for a customisation.
    pub const BYTES_MAX: usize = 64;

    /// A key from its parts.
    ///
    /// # Errors
    /// [`Reject::Invalid`] when sku or variant is empty, has control characters, or the whole is too long.
    pub fn new(sku: &str, variant: Option<&str>, customization: Option<[u8; 16]>) -> Result<Self, Reject> {
        for (field, text) in [("sku", Some(sku)), ("variant", variant)] {
            if text.is_some_and(|text| text.is_empty() || text.chars().any(char::is_control)) {
                return Err(Reject::invalid(field, "must not be empty or hold control characters"));
            }
        }
        let bytes = sku.len() + variant.map_or(0, str::len) + customization.map_or(0, |hash| hash.len());
        if bytes > Self::BYTES_MAX {
            let problem = format!(
                "sku, variant and 16 for a customization are {bytes} bytes; at most {} are allowed",
                Self::BYTES_MAX
            );
            return Err(Reject::invalid("sku", problem));
        }
        // No sku holds a 0 byte, so that a shorter one comes first here too.
        let mut first = [0; 8];
        first.iter_mut().zip(sku.bytes()).for_each(|(at, byte)| *at = byte);
        let identity = Identity { sku: sku.into(), variant: variant.map(Into::into), customization };
        Ok(Self { first: u64::from_be_bytes(first), identity: Arc::new(identity) })
    }
}

impl std::ops::Deref for LineKey {
    type Target = Identity;
    fn deref(&self) -> &Identity {
        &self.identity
    }
}

impl PartialOrd for LineKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LineKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.first.cmp(&other.first).then_with(|| {
            let same = Arc::ptr_eq(&self.identity, &other.identity);
            if same { Ordering::Equal } else { self.identity.cmp(&other.identity) }
        })
    }
}

impl fmt::Debug for LineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.sku)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "|{variant}"))?;
        self.customization.map_or(Ok(()), |hash| write!(f, "|{}", base16ct::lower::encode_string(&hash)))
    }
}

/// Where a contribution is shown. `Saved` is "saved for later".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Location {
    /// In the cart proper: counted in totals, sold by checkout.
    #[default]
    Cart,
    /// Saved for later.
    Saved,
}

impl Location {
    /// The word for it in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cart => "cart",
            Self::Saved => "saved",
        }
    }
}

/// What a contribution adds to its line. Immutable, fixed by its dot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payload {
    /// Add, set, or a kind of a later version.
    pub kind: Kind,
    /// How many, from 1. For an unknown kind 0.
    pub quantity: u32,
    /// Where the line stands among the lines: one more than every line its maker saw, or the line's own
    /// place if it was there. Decides only the order in which lines are shown.
    pub place: u32,
}

impl Payload {
    /// The bytes by which two payloads of one dot are compared: everywhere the same.
    fn rank(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.kind {
            Kind::Add => out.push(1),
            Kind::Set { time, scope } => {
                out.push(2);
                out.extend(time.0.to_be_bytes());
                out.extend(scope.0.to_be_bytes());
            }
            Kind::Unknown(bytes) => {
                out.push(3);
                out.extend(bytes.iter());
            }
        }
        out.extend(self.quantity.to_be_bytes());
        out.extend(self.place.to_be_bytes());
        out
    }
}

/// The kinds of contribution.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Counts always.
    Add,
    /// Counts if it is the latest set of its scope.
    Set {
        /// When it was made.
        time: HybridTime,
        /// The cart in which it was made.
        scope: Scope,
    },
    /// A later version's: kept as it came, joined as a register, counted as nothing.
    Unknown(Box<[u8]>),
}

/// Where a contribution was moved to, and when. The greatest wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Move {
    /// When it was moved.
    pub time: HybridTime,
    /// By whom: decides between equal times.
    pub actor: Actor,
    /// Where to.
    pub to: Location,
}

/// What was done to a contribution: joins by maximum.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Updates {
    decrements: Vec<(Actor, u32)>,
    moved: Option<Move>,
}

/// One contribution to a line. A join semilattice: the payload is fixed, the rest joins by maximum.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contribution {
    /// What it adds. `None` where only an update of it has been met yet: such a hole counts as nothing
    /// and is filled when the contribution itself arrives.
    pub payload: Option<Payload>,
    /// `None` for most, which are never updated: they are copied the faster.
    updates: Option<Arc<Updates>>,
}

impl Contribution {
    /// A new contribution with nothing taken off, in the cart.
    pub fn new(kind: Kind, quantity: u32, place: u32) -> Self {
        Self { payload: Some(Payload { kind, quantity, place }), ..Self::default() }
    }

    /// From its parts: what each actor took off sorted by actor, without zeros.
    pub fn from_parts(payload: Option<Payload>, decrements: Vec<(Actor, u32)>, moved: Option<Move>) -> Self {
        let updates = Updates { decrements, moved };
        Self { payload, updates: (updates != Updates::default()).then(|| Arc::new(updates)) }
    }

    /// How much each actor has decremented it, sorted by actor, no zeros.
    pub fn decrements(&self) -> &[(Actor, u32)] {
        self.updates.as_ref().map_or(&[], |updates| &updates.decrements)
    }

    /// Where it was moved to; `None` is where it was born, in the cart.
    pub fn moved(&self) -> Option<Move> {
        self.updates.as_ref()?.moved
    }

    /// Where it is.
    pub fn location(&self) -> Location {
        self.moved().map_or(Location::Cart, |moved| moved.to)
    }

    /// All that was taken off it.
    pub fn decremented(&self) -> u64 {
        self.decrements().iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// What it adds, 0 for a hole.
    pub fn quantity(&self) -> u32 {
        self.payload.as_ref().map_or(0, |payload| payload.quantity)
    }

    /// What is left of it, not below 0.
    pub fn left(&self) -> u32 {
        let left = u64::from(self.quantity()).saturating_sub(self.decremented());
        u32::try_from(left).expect("not above the quantity, which is a u32")
    }

    /// Joins another state of the same contribution. If the payloads differ, which only a reused dot or
    /// a retry in two regions can bring about, the one with the greater bytes wins, everywhere.
    pub fn join(&mut self, other: &Self) {
        match (&self.payload, &other.payload) {
            (_, None) => {}
            (Some(mine), Some(theirs)) if mine == theirs => {}
            (Some(mine), Some(theirs)) if mine.rank() > theirs.rank() => {}
            (_, Some(theirs)) => self.payload = Some(theirs.clone()),
        }
        for (actor, count) in other.decrements() {
            self.decrement(*actor, *count);
        }
        if let Some(moved) = other.moved() {
            self.move_to(moved);
        }
    }

    /// Raises what `actor` has taken off to `count`.
    pub fn decrement(&mut self, actor: Actor, count: u32) {
        if count == 0 {
            return;
        }
        let decrements = &mut self.updates().decrements;
        match decrements.binary_search_by_key(&actor, |(actor, _)| *actor) {
            Ok(at) => decrements[at].1 = decrements[at].1.max(count),
            Err(at) => decrements.insert(at, (actor, count)),
        }
    }

    /// Moves it, unless it was moved by a greater move.
    pub fn move_to(&mut self, moved: Move) {
        let updates = self.updates();
        updates.moved = updates.moved.max(Some(moved));
    }

    fn updates(&mut self) -> &mut Updates {
        Arc::make_mut(self.updates.get_or_insert_default())
    }
}

/// The contributions of a line by dot, sorted. Never empty in a cart. Cheap to clone: states that share a
/// line share its contributions, until one of them changes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contributions(Arc<Sorted>);

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Sorted {
    pairs: Vec<(Dot, Contribution)>,
    /// Whether there is one of which only an update has been met.
    holes: bool,
}

impl Contributions {
    /// The most contributions and decrements a line may have before an edit that adds one is refused.
    pub const COUNT_MAX: usize = 512;

    /// From pairs in the order of their dots.
    pub fn from_sorted(pairs: Vec<(Dot, Contribution)>) -> Self {
        debug_assert!(pairs.is_sorted_by(|a, b| a.0 < b.0));
        let holes = pairs.iter().any(|(_, contribution)| contribution.payload.is_none());
        Self(Arc::new(Sorted { pairs, holes }))
    }

    /// One contribution.
    pub fn one(dot: Dot, contribution: Contribution) -> Self {
        Self::from_sorted(vec![(dot, contribution)])
    }

    /// In the order of their dots.
    pub fn iter(&self) -> impl Iterator<Item = (Dot, &Contribution)> {
        self.0.pairs.iter().map(|(dot, contribution)| (*dot, contribution))
    }

    /// The contribution of a dot.
    pub fn get(&self, dot: Dot) -> Option<&Contribution> {
        self.0.pairs.binary_search_by_key(&dot, |(dot, _)| *dot).ok().map(|at| &self.0.pairs[at].1)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.pairs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.pairs.is_empty()
    }

    /// Whether there is one of which only an update has been met.
    pub fn has_holes(&self) -> bool {
        self.0.holes
    }

    /// How many contributions and decrements, as [`Contributions::COUNT_MAX`] counts.
    pub fn count(&self) -> usize {
        self.iter().map(|(_, contribution)| 1 + contribution.decrements().len()).sum()
    }

    /// The contributions at a location, holes too.
    pub fn at(&self, at: Location) -> impl Iterator<Item = (Dot, &Contribution)> {
        self.iter().filter(move |(_, contribution)| contribution.location() == at)
    }

    /// Those that count at a location: the adds, and of each scope the latest set.
    pub fn counting(&self, at: Location) -> impl Iterator<Item = (Dot, &Contribution)> {
        let mut latest: Ordered<Scope, Option<(HybridTime, Dot)>> = Ordered::default();
        for (dot, contribution) in self.at(at) {
            if let Some(Kind::Set { time, scope }) = contribution.payload.as_ref().map(|p| &p.kind) {
                let of_scope = latest.or_default(*scope);
                *of_scope = (*of_scope).max(Some((*time, dot)));
            }
        }
        self.at(at).filter(move |(dot, contribution)| match contribution.payload.as_ref().map(|p| &p.kind) {
            Some(Kind::Add) => true,
            Some(Kind::Set { time, scope }) => latest.get(scope) == Some(&Some((*time, *dot))),
            Some(Kind::Unknown(_)) | None => false,
        })
    }

    /// The quantity shown at a location: the sum of what counts there less its decrements, clamped at 0
    /// once for the line. (Clamping each is wrong: 3 and 2, then in parallel 3 and 2 off, must show 0.)
    pub fn shown(&self, at: Location) -> u64 {
        let (plus, minus) = self.counting(at).fold((0u64, 0u64), |(plus, minus), (_, contribution)| {
            (plus + u64::from(contribution.quantity()), minus.saturating_add(contribution.decremented()))
        });
        plus.saturating_sub(minus)
    }

    /// The line's place among the lines, by its earliest contribution.
    pub fn place(&self) -> Option<u32> {
        self.iter().filter_map(|(_, contribution)| Some(contribution.payload.as_ref()?.place)).min()
    }

    /// Keeps those that `keep` says. Touches nothing if that is all.
    pub fn retain(&mut self, mut keep: impl FnMut(Dot, &Contribution) -> bool) {
        if self.iter().any(|(dot, contribution)| !keep(dot, contribution)) {
            let kept = self.iter().filter(|(dot, contribution)| keep(*dot, contribution));
            *self = Self::from_sorted(kept.map(|(dot, contribution)| (dot, contribution.clone())).collect());
        }
    }

    /// Joins the contributions of the same line of another state: in both, join; in one only, keep unless
    /// the other's context has seen it. `seen_here` and `seen_there` answer that.
    pub fn join(&mut self, other: &Self, seen_here: impl Fn(Dot) -> bool, seen_there: impl Fn(Dot) -> bool) {
        // In both and the same: nothing can go, nothing can come.
        if Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0 {
            return;
        }
        let mut joined = Vec::with_capacity(self.len() + other.len());
        let (mut here, mut there) = (self.0.pairs.as_slice(), other.0.pairs.as_slice());
        while let ([mine, ..], [theirs, ..]) = (here, there) {
            match mine.0.cmp(&theirs.0) {
                Ordering::Less => take_run(&mut joined, &mut here, Some(theirs.0), &seen_there),
                Ordering::Greater => take_run(&mut joined, &mut there, Some(mine.0), &seen_here),
                Ordering::Equal => {
                    let mut both = mine.clone();
                    both.1.join(&theirs.1);
                    joined.push(both);
                    (here, there) = (&here[1..], &there[1..]);
                }
            }
        }
        take_run(&mut joined, &mut here, None, &seen_there);
        take_run(&mut joined, &mut there, None, &seen_here);
        *self = Self::from_sorted(joined);
    }
}

/// Takes the contributions before `end` from the front of `from`, and joins in what the other has not seen.
fn take_run(
    joined: &mut Vec<(Dot, Contribution)>,
    from: &mut &[(Dot, Contribution)],
    end: Option<Dot>,
    seen: &impl Fn(Dot) -> bool,
) {
    let count = end.map_or(from.len(), |end| from.partition_point(|(dot, _)| *dot < end));
    let (run, rest) = from.split_at(count);
    if run.iter().any(|(dot, _)| seen(*dot)) {
        joined.extend(run.iter().filter(|(dot, _)| !seen(*dot)).cloned());
    } else {
        joined.extend_from_slice(run);
    }
    *from = rest;
}

impl FromIterator<(Dot, Contribution)> for Contributions {
    fn from_iter<I: IntoIterator<Item = (Dot, Contribution)>>(pairs: I) -> Self {
        Self::from_sorted(sorted_by(pairs, |(dot, _)| *dot))
    }
}
