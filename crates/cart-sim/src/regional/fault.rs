//! Which faults there are, and how often each fired. A run in which one did not has not tested it.

/// Declares the kinds and the list of all of them.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum FaultKind { $($(#[$doc])* $name,)* }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

kinds! {
    /// A letter lost.
    Lost,
    /// A letter delivered twice.
    Repeated,
    /// A letter that was overtaken.
    Reordered,
    /// A letter lost to a partition.
    Cut,
    /// A crash before the commit.
    CrashBeforeCommit,
    /// A crash after the commit, before anything is sent.
    CrashBeforeSend,
    /// A crash before the reply.
    CrashBeforeReply,
    /// A region restarted.
    Restart,
    /// A region's disk lost.
    Wipe,
    /// An alarm lost.
    AlarmLost,
    /// A clock that jumps.
    Skew,
    /// A store that is down.
    StoreDown,
    /// A store's message delivered several times.
    QueueRepeated,
    /// A store's write that another one came before.
    StoreRace,
    /// The same edit made in another region.
    RetriedElsewhere,
    /// The home handed over.
    HandOver,
    /// The home taken over.
    TakeOver,
    /// An idle replica that deleted its storage.
    Forgotten,
    /// A day passed.
    Day,
    /// A frame cut off, or of another version.
    Damaged,
}

/// How often each kind fired.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Faults([u64; FaultKind::ALL.len()]);

impl Default for Faults {
    fn default() -> Self {
        Self([0; FaultKind::ALL.len()])
    }
}

impl Faults {
    /// One fired.
    pub fn fire(&mut self, kind: FaultKind) {
        self.0[kind as usize] += 1;
    }

    /// Adds those of another world.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Each kind with how often it fired.
    pub fn iter(&self) -> impl Iterator<Item = (FaultKind, u64)> + '_ {
        FaultKind::ALL.iter().map(|kind| (*kind, self.0[*kind as usize]))
    }
}
