//! Which faults and turns of fate there are in a world of regions, and how often each fired. A long run in
//! which one of them hardly fired has not tested it, and fails.

/// Declares the kinds and the list of all of them.
macro_rules! kinds {
    ($(#[doc = $doc:literal] $name:ident,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Kind { $(#[doc = $doc] $name,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What it is, in a sentence.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $doc.trim_ascii(),)* }
            }
        }
    };
}

kinds! {
    /// A message lost.
    Lost,
    /// A message that comes twice.
    Repeated,
    /// A message that overtook an earlier one.
    Reordered,
    /// A message that took long.
    Delayed,
    /// A message lost to a partition.
    Cut,
    /// Regions divided in two.
    Divided,
    /// Regions divided in one direction only.
    DividedOneWay,
    /// A region that reaches nobody.
    Isolated,
    /// Regions that part one after another and come back in another order.
    Swizzled,
    /// An object lost before its commit.
    CrashBeforeCommit,
    /// An object lost after its commit, before anything is sent.
    CrashBeforeSends,
    /// An object lost when a part was sent.
    CrashBetweenSends,
    /// An object lost before its reply.
    CrashBeforeReply,
    /// An alarm whose handler was cut off, and which is tried again.
    AlarmAgain,
    /// An object put out of memory.
    Restart,
    /// A turn that could not write, its disk being full.
    DiskFull,
    /// A region's disk lost.
    Wipe,
    /// All disks of a region lost, its store too.
    RegionLost,
    /// An alarm lost.
    AlarmLost,
    /// A region's clock wrong by minutes.
    Skew,
    /// A region's clock that went backwards.
    ClockBack,
    /// A store's message that comes several times.
    QueueRepeated,
    /// A store's message that overtook an earlier one.
    QueueReordered,
    /// A store's message that waits for long.
    QueueDelayed,
    /// A store's receipt lost.
    ReceiptLost,
    /// A store's row that another consumer wrote meanwhile.
    StoreRace,
    /// A frame that no store can read, put aside.
    Poison,
    /// A frame given up by a store that was down for long, put aside.
    DeadLetter,
    /// A frame that was put aside and is given to its store again.
    Replayed,
    /// A store that takes nothing and tells nothing.
    StoreDown,
    /// A store's row lost.
    StoreLost,
    /// A store's row put back to what it was before.
    StoreBack,
    /// A frame cut off, or of another version.
    Damaged,
    /// A delta with an actor of a day that is not to come for long.
    Forged,
    /// An edit made again under its key in another region.
    RetriedElsewhere,
    /// An edit made again with the key's actors of the next day.
    RetriedNextDay,
    /// A key that came again with another body.
    KeyReused,
    /// An edit not made, since it is not known whether it was.
    OutcomeUnknown,
    /// A tab's request that came again long after.
    SyncedAgain,
    /// A tab's request made again in another region, since the first gave no answer.
    SyncedElsewhere,
    /// The home handed over.
    HandOver,
    /// The home taken over.
    TakeOver,
    /// An idle replica that deleted its storage.
    Retired,
    /// A moved home told of by the sweep of a store.
    Swept,
    /// A region given another second store.
    PairChanged,
    /// All rows given to the stores that hold them now.
    Backfilled,
    /// A replica that came back after it had deleted its storage.
    Returned,
    /// A shopper who came back when no replica had its storage any more.
    CameBack,
    /// A day passed.
    Day,
    /// More time than a lease lasts passed.
    Month,
    /// Actors retired.
    Horizon,
    /// The cart erased.
    Erased,
    /// A further cart of the session struck.
    Struck,
    /// The session signed out.
    SignedOut,
    /// A call of a session that was signed out, refused.
    Refused,
    /// A tab that has synced.
    Synced,
    /// A tab whose lease was not known where it went.
    LeasedAgain,
    /// A guest's cart sealed and joined.
    Merged,
    /// What came late to a sealed cart, forwarded.
    Forwarded,
    /// A guest's cart told that the user's was erased.
    ErasedAlong,
    /// A further cart of a session told that this was signed out.
    SignedOutAlong,
    /// An order made.
    Ordered,
    /// A later build that served an object for a moment, and added to its row.
    LaterBuild,
    /// An order found under the fence that was to be taken.
    OrderAdopted,
}

impl Kind {
    /// Whether it makes the regions say more than they would.
    pub fn makes_more(self) -> bool {
        !matches!(
            self,
            Self::Reordered
                | Self::QueueReordered
                | Self::Restart
                | Self::Horizon
                | Self::AlarmAgain
                | Self::Merged
                | Self::Forwarded
                | Self::ErasedAlong
                | Self::SignedOutAlong
                | Self::Damaged
                | Self::Forged
                | Self::RetriedElsewhere
                | Self::RetriedNextDay
                | Self::KeyReused
                | Self::OutcomeUnknown
                | Self::SyncedAgain
                | Self::SyncedElsewhere
                | Self::Struck
                | Self::SignedOut
                | Self::Refused
                | Self::Synced
                | Self::LeasedAgain
                | Self::StoreRace
        )
    }
}

/// How often each kind fired.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Faults([u64; Kind::ALL.len()]);

impl Default for Faults {
    fn default() -> Self {
        Self([0; Kind::ALL.len()])
    }
}

impl Faults {
    /// One fired.
    pub fn fire(&mut self, kind: Kind) {
        self.0[kind as usize] += 1;
    }

    /// How often a kind fired.
    pub fn count(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    /// Adds those of another world.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Each kind with how often it fired.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> + '_ {
        Kind::ALL.iter().map(|kind| (*kind, self.0[*kind as usize]))
    }
}
