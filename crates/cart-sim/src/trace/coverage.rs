//! What has been met: every kind of change, of event, of network fault, and the rare situations in which
//! carts go wrong. A run in which one of them never happened has not tested it, and fails.

/// Declares the marks and the list of all of them.
macro_rules! marks {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Something worth meeting.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Mark { $($(#[$doc])* $name,)* }

        impl Mark {
            /// Every mark.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

marks! {
    /// A change: so many more.
    Add,
    /// More of a line that shows 0 but has contributions: they go too.
    AddOnDebt,
    /// A change of a saved line.
    AtSaved,
    /// A change: exactly so many.
    Set,
    /// Set to 0.
    SetZero,
    /// A change: fewer, and some are left.
    Decrement,
    /// Fewer, and that is all there were.
    DecrementAll,
    /// A decrement that spans contributions.
    DecrementSeveral,
    /// A change: the line goes.
    Remove,
    /// A change: the cart is cleared.
    Clear,
    /// Moved to "saved for later".
    Save,
    /// Moved back to the cart.
    Unsave,
    /// A coupon is applied.
    Coupon,
    /// A coupon is taken off.
    Uncoupon,
    /// A field is written.
    Write,
    /// An order is made.
    Checkout,
    /// An order of at least one line.
    CheckoutOfSome,
    /// A change by a device's actor.
    DeviceEdit,
    /// A change by an actor of its own, over plain HTTP.
    HttpEdit,
    /// Several changes at once.
    EditOfSeveral,
    /// A change made on an old view.
    OldView,
    /// A change that removes what its replica has not met: dead on arrival.
    DeadOnArrival,
    /// An edit retried at another replica.
    Retry,
    /// A retry that made the same dot with another payload.
    Conflict,
    /// A change in a guest's cart.
    GuestEdit,
    /// A guest's cart joined.
    GuestJoined,
    /// A device takes a new actor.
    Renew,
    /// A replica read back from its bytes.
    Restart,
    /// Actors retire.
    Horizon,
    /// A message of an actor that had retired.
    BeyondHorizon,
    /// A message lost.
    Lost,
    /// A message lost to a partition.
    Cut,
    /// A message that will come again.
    Repeated,
    /// A message that overtook an earlier one.
    Reordered,
    /// A delta delivered.
    Delta,
    /// Deltas joined on the way.
    Coalesced,
    /// A full state delivered.
    State,
    /// A full state that was older than what its receiver had.
    StaleState,
    /// What a device lacked delivered.
    Lacking,
    /// An update of a contribution not met yet.
    Hole,
    /// Such a contribution arrived.
    HoleFilled,
    /// A line that shows 0 but has contributions.
    Debt,
    /// Two sets of one scope on one line.
    ParallelSets,
    /// Sets of two carts on one line.
    TwoScopes,
    /// Dots beyond a gap.
    Gap,
}

/// How often each mark was met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coverage([u64; Mark::ALL.len()]);

impl Default for Coverage {
    fn default() -> Self {
        Self([0; Mark::ALL.len()])
    }
}

impl Coverage {
    /// Meets a mark.
    pub fn mark(&mut self, mark: Mark) {
        self.0[mark as usize] += 1;
    }

    /// Meets a mark if so.
    pub fn mark_if(&mut self, met: bool, mark: Mark) {
        self.0[mark as usize] += u64::from(met);
    }

    /// How often it was met.
    pub fn count(&self, mark: Mark) -> u64 {
        self.0[mark as usize]
    }

    /// Adds what another trace met.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Each mark with how often it was met.
    pub fn iter(&self) -> impl Iterator<Item = (Mark, u64)> + '_ {
        Mark::ALL.iter().map(|mark| (*mark, self.count(*mark)))
    }
}
