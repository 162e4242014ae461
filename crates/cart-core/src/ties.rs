//! What the replicas of a cart share beside its state: whose it is, who may edit it, where it went. A join
//! semilattice like the state, so that it travels with it in frames and lies beside it in a store.

use std::cmp::Ordering;

use serde::{Deserialize, Deserializer, Serialize};

use crate::id::{Actor, CartId, Dot, SessionId};
use crate::ordered::Ordered;
use crate::packed::{More, unpack};
use crate::reject::Reject;
use crate::time::{Day, Millis};

/// Joined field by field; equal ties are equal bytes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ties {
    /// The session that owns the cart. It is one by the capability that made the cart; of two the lesser.
    pub owner: Option<SessionId>,
    /// The root cart of that session, which knows when it was last used; `None` where that is not known yet, as in
    /// format 3. Of two of one session the lesser.
    #[serde(default)]
    pub root: Option<CartId>,
    /// When the cart was made: the earliest known.
    pub created: Millis,
    /// When a shopper last changed the cart, by the clock of the replica that took it in: the latest known. None in
    /// format 3: 0, as of one that no shopper has changed.
    #[serde(default)]
    pub edited: Millis,
    /// When the session was signed out, if it was: it opens nothing any more. The latest known.
    pub signed_out: Option<Millis>,
    /// What ended until then is forgotten: the latest end of anything forgotten. It travels, so that all forget the
    /// same, whatever their clocks say, and a store, which has none, as well.
    pub ended: Millis,
    /// The actors leased to devices, and when each lease ends. Each region grants up to
    /// [`crate::replica::LEASES_MAX`] as far as it knows of those of others.
    pub leases: Ordered<Actor, Millis>,
    /// Further carts of the session, oldest first, those erased lately too; only in its root cart. Each region
    /// takes up to [`crate::replica::SESSION_CARTS_MAX`] as far as it knows of those of others.
    pub carts: Vec<Further>,
    /// Under which keys carts of the session were erased lately, and when; only in its root cart.
    pub erasures: Ordered<Actor, Millis>,
    /// The cart into which this guest's cart was merged, once it was.
    pub seal: Option<Seal>,
    /// The guests' carts that were merged into this one, sorted: when it is erased they are. None in format 3.
    #[serde(default, deserialize_with = "each_once")]
    pub merged: Vec<CartId>,
    /// When the session was last used, by whichever device, noted at most once a day; only in its root cart, and zero
    /// until a day after that was made: none in format 3. The latest known.
    #[serde(default)]
    pub used: Millis,
    /// What later builds have added; none in format 3. From format 4 on, ties grow by it alone, so that builds which
    /// run side by side agree on whether two holders are equal.
    #[serde(default)]
    pub more: More,
}

/// A further cart of a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Further {
    /// The cart.
    pub cart: CartId,
    /// When it was made, and so became the newest.
    pub made: Millis,
    /// When it was erased. It stays in the list so long that no replica brings it back.
    pub struck: Option<Millis>,
}

impl Further {
    /// Whether it is to leave the list.
    pub fn is_forgotten(&self, now: Millis) -> bool {
        self.forgotten_at().is_some_and(|end| end <= now)
    }

    /// When it leaves the list.
    fn forgotten_at(&self) -> Option<Millis> {
        self.struck.map(|at| at.plus(Ties::STRUCK_MS))
    }
}

/// The seal of a guest's cart. Its home makes it, once; of two, which only a lost home can leave, the earlier.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Seal {
    /// The day of the seal: what goes there is named by it, see [`crate::transplant`].
    pub day: Day,
    /// The moment, the earliest known. 0 in format 3, for that day's midnight.
    #[serde(default)]
    pub at: Millis,
    /// The user's cart.
    pub into: CartId,
    /// What was there then of actors before the horizon, sorted. No context names these dots any more, so whoever
    /// hands over later that they are gone has to look for them here.
    pub retired: Vec<Dot>,
}

impl Seal {
    /// The earlier of two; of the same, all that was there.
    fn join(self, other: Self) -> Self {
        match (self.day, &self.into).cmp(&(other.day, &other.into)) {
            Ordering::Less => self,
            Ordering::Greater => other,
            Ordering::Equal => {
                let mut retired = self.retired;
                retired.extend(other.retired);
                retired.sort_unstable();
                retired.dedup();
                Self { at: self.at.min(other.at), retired, ..other }
            }
        }
    }
}

impl Ties {
    /// Of how many erasures the key is known, so that a repeat erases nothing else.
    pub const ERASURES_MAX: usize = 64;
    /// How long an erased cart stays in the list of its session, in milliseconds.
    pub const STRUCK_MS: u64 = 30 * Millis::DAY;

    /// Of a cart that nobody has written yet.
    pub fn new(created: Millis) -> Self {
        Self {
            owner: None,
            root: None,
            created,
            edited: Millis(0),
            signed_out: None,
            ended: Millis(0),
            leases: Ordered::default(),
            carts: Vec::new(),
            erasures: Ordered::default(),
            seal: None,
            merged: Vec::new(),
            used: Millis(0),
            more: More::default(),
        }
    }

    /// Reads the ties of a row that was last written at `updated`.
    ///
    /// # Errors
    /// Those of [`unpack`].
    pub fn from_bytes(bytes: &[u8], updated: Millis) -> Result<Self, Reject> {
        let mut ties: Self = unpack(bytes)?;
        ties.assume_edited(bytes, updated);
        Ok(ties)
    }

    /// A row of format 3 does not say when a shopper changed the cart: when it was last written is as near as can be
    /// told. `packed` is what they were in.
    pub fn assume_edited(&mut self, packed: &[u8], updated: Millis) {
        if packed.first() == Some(&3) {
            self.edited = updated;
        }
    }

    /// Notes a use of the session, once a day: what is in between is not worth a row.
    pub fn note_use(&mut self, now: Millis) {
        if self.owner.is_some() && self.last_use().is_none_or(|last| last < now) {
            self.used = now;
        }
    }

    /// When the session can last have been used, as far as this root cart knows: the end of the last day on which it
    /// was seen. `None` if it never was.
    pub fn last_use(&self) -> Option<Millis> {
        self.owner.as_ref()?;
        let made = self.carts.iter().map(|further| further.made);
        let last = made.fold(self.used.max(self.created), Millis::max);
        Some(last.day().end())
    }

    /// When a shopper last did something to the cart: made it, or changed it.
    pub fn updated(&self) -> Millis {
        self.edited.max(self.created)
    }

    /// The session's further carts that are there, oldest first.
    pub fn listed(&self) -> impl DoubleEndedIterator<Item = &Further> + Clone {
        self.carts.iter().filter(|further| further.struck.is_none())
    }

    /// Adds a further cart as the newest.
    pub fn enroll(&mut self, cart: CartId, now: Millis) {
        let after = self.carts.last().map_or(Millis(0), |last| last.made.plus(1));
        self.carts.push(Further { cart, made: now.max(after), struck: None });
    }

    /// Strikes a cart from the list. Returns whether it was in it.
    pub fn strike(&mut self, cart: &CartId, now: Millis) -> bool {
        let listed = self.carts.iter_mut().find(|further| further.cart == *cart && further.struck.is_none());
        listed.map(|further| further.struck = Some(now)).is_some()
    }

    /// Notes under which actor a cart was erased.
    pub fn note_erasure(&mut self, actor: Actor, now: Millis) {
        self.erasures.or_insert(actor, now);
        self.bound_erasures();
    }

    /// Drops the leases that have ended and what was struck long ago.
    pub fn forget_ended(&mut self, now: Millis) {
        let ends = self.leases.values().copied().chain(self.carts.iter().filter_map(Further::forgotten_at));
        self.ended = ends.filter(|end| *end <= now).fold(self.ended, Millis::max);
        self.drop_ended();
    }

    /// Ends the lease that would end first before its time, if it is one that never made an edit: such a one ends
    /// soon, and so for all. Returns whether it was.
    pub fn evict_lease(&mut self, is_unused: impl Fn(Actor, Millis) -> bool) -> bool {
        let first = self.leases.iter().map(|(actor, until)| (*until, *actor)).min();
        let Some((until, _)) = first.filter(|(until, actor)| is_unused(*actor, *until)) else { return false };
        self.ended = self.ended.max(until);
        self.drop_ended();
        true
    }

    fn drop_ended(&mut self) {
        let ended = self.ended;
        self.leases.retain(|_, until| *until > ended);
        self.carts.retain(|further| further.forgotten_at().is_none_or(|end| end > ended));
    }

    /// Joins what another replica knows: commutative, associative, idempotent.
    pub fn join(&mut self, other: &Self) {
        self.join_owner(other);
        self.created = self.created.min(other.created);
        self.edited = self.edited.max(other.edited);
        self.signed_out = self.signed_out.max(other.signed_out);
        self.ended = self.ended.max(other.ended);
        for (actor, until) in &other.leases {
            let mine = self.leases.or_insert(*actor, *until);
            *mine = (*mine).max(*until);
        }
        if self.carts != other.carts {
            self.carts = joined_carts(std::mem::take(&mut self.carts), &other.carts);
        }
        self.drop_ended();
        for (actor, at) in &other.erasures {
            let mine = self.erasures.or_insert(*actor, *at);
            *mine = (*mine).min(*at);
        }
        self.bound_erasures();
        self.used = self.used.max(other.used);
        self.seal = match (self.seal.take(), other.seal.clone()) {
            (Some(mine), Some(theirs)) => Some(mine.join(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        other.merged.iter().for_each(|cart| self.note_merged(cart));
        self.more.join(&other.more);
    }

    /// Notes that a guest's cart was merged into this one.
    pub fn note_merged(&mut self, cart: &CartId) {
        note(&mut self.merged, cart);
    }

    /// The root is that of the session.
    fn join_owner(&mut self, other: &Self) {
        let lesser_owner = lesser(self.owner.clone(), other.owner.clone());
        let root = |ties: &Self| ties.root.clone().filter(|_| ties.owner == lesser_owner);
        self.root = lesser(root(self), root(other));
        self.owner = lesser_owner;
    }

    /// Of too many erasures the oldest are forgotten: those before the moment from which on there are no more than that.
    fn bound_erasures(&mut self) {
        if self.erasures.len() <= Self::ERASURES_MAX {
            return;
        }
        let age = |actor: &Actor, at: &Millis| u128::from(at.0) << 64 | u128::from(actor.0);
        let (mut from, mut enough) = (0, u128::MAX);
        while from < enough {
            let middle = from + (enough - from) / 2;
            if self.erasures.iter().filter(|(actor, at)| age(actor, at) >= middle).count()
                > Self::ERASURES_MAX
            {
                from = middle + 1;
            } else {
                enough = middle;
            }
        }
        self.erasures.retain(|actor, at| age(actor, at) >= from);
    }
}

fn note(sorted: &mut Vec<CartId>, cart: &CartId) {
    if let Err(at) = sorted.binary_search(cart) {
        sorted.insert(at, cart.clone());
    }
}

/// Sorted, whatever order they came in: who has told it may be wrong.
fn each_once<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<CartId>, D::Error> {
    let mut carts = Vec::new();
    Vec::<CartId>::deserialize(from)?.iter().for_each(|cart| note(&mut carts, cart));
    Ok(carts)
}

/// The carts of both, each once: sorted by cart, so that those of one meet, then by when each became the newest.
fn joined_carts(mine: Vec<Further>, theirs: &[Further]) -> Vec<Further> {
    let mut all = mine;
    all.extend_from_slice(theirs);
    // As functions, so that sorting is in the Wasm once.
    let by_cart: fn(&Further, &Further) -> Ordering = |one, other| one.cart.cmp(&other.cart);
    let by_age: fn(&Further, &Further) -> Ordering =
        |one, other| (one.made, &one.cart).cmp(&(other.made, &other.cart));
    all.sort_unstable_by(by_cart);
    all.dedup_by(|next, kept| {
        let same = next.cart == kept.cart;
        if same {
            kept.made = kept.made.min(next.made);
            kept.struck = lesser(kept.struck, next.struck);
        }
        same
    });
    all.sort_unstable_by(by_age);
    all
}

/// The lesser of two, where one is there at all.
fn lesser<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Region;

    fn cart(name: u8) -> CartId {
        CartId::mint(Region::Weur, [name; 15])
    }

    fn some() -> Vec<Ties> {
        let mut one = Ties::new(Millis(5));
        one.owner = Some(SessionId::mint([1; 15]));
        one.root = Some(cart(4));
        one.leases.insert(Actor(1), Millis(10));
        one.enroll(cart(1), Millis(3));
        one.enroll(cart(2), Millis(3));
        let mut other = one.clone();
        other.strike(&cart(1), Millis(9));
        other.signed_out = Some(Millis(4));
        other.used = Millis(7);
        other.seal = Some(Seal {
            day: Day(2),
            at: Day(2).start(),
            into: cart(6),
            retired: vec![Dot::new(Actor(2), 1)],
        });
        let mut third = Ties::new(Millis(2));
        third.leases.insert(Actor(1), Millis(12));
        third.leases.insert(Actor(2), Millis(1));
        third.edited = Millis(8);
        third.seal = Some(Seal {
            day: Day(2),
            at: Day(2).start(),
            into: cart(6),
            retired: vec![Dot::new(Actor(1), 1)],
        });
        third.enroll(cart(3), Millis(1));
        third.note_merged(&cart(7));
        (third.owner, third.root) = (Some(SessionId::mint([2; 15])), Some(cart(1)));
        third.note_erasure(Actor(9), Millis(9));
        let mut fourth = third.clone();
        fourth.seal = Some(Seal {
            day: Day(3),
            at: Day(3).start(),
            into: cart(5),
            retired: vec![Dot::new(Actor(3), 1)],
        });
        fourth.more.put(vec![200, 1], vec![2]);
        third.more.put(vec![200, 1], vec![1, 9]);
        third.more.put(vec![200], vec![]);
        let mut fifth = third.clone();
        fifth.forget_ended(Millis(11));
        vec![one, other, third, fourth, fifth]
    }

    #[test]
    fn joining_is_a_join() {
        let joined = |one: &Ties, other: &Ties| {
            let mut both = one.clone();
            both.join(other);
            both
        };
        for a in &some() {
            assert_eq!(joined(a, a), *a, "idempotent");
            for b in &some() {
                assert_eq!(joined(a, b), joined(b, a), "commutative");
                for c in &some() {
                    assert_eq!(joined(&joined(a, b), c), joined(a, &joined(b, c)), "associative");
                }
            }
        }
    }

    #[test]
    fn what_was_struck_does_not_come_back_from_a_replica_that_has_not_heard_of_it() {
        let [before, mut struck, ..] = <[Ties; 5]>::try_from(some()).expect("five");
        struck.join(&before);
        assert_eq!(struck.listed().map(|further| &further.cart).collect::<Vec<_>>(), [&cart(2)]);
    }

    #[test]
    fn what_one_has_forgotten_comes_back_from_nobody() {
        let mut before = Ties::new(Millis(0));
        before.leases.extend([(Actor(1), Millis(10)), (Actor(2), Millis(20)), (Actor(3), Millis(30))]);
        before.enroll(cart(1), Millis(1));
        before.strike(&cart(1), Millis(2));
        let mut forgot = before.clone();
        forgot.forget_ended(Millis(29));
        assert_eq!((forgot.ended, forgot.leases.len(), forgot.carts.len()), (Millis(20), 1, 1));
        let mut told = before.clone();
        told.join(&forgot);
        assert_eq!(told, forgot);
        forgot.join(&before);
        assert_eq!(told, forgot);
        told.forget_ended(Millis(Ties::STRUCK_MS + 2));
        assert_eq!((told.leases.len(), told.carts.len()), (0, 0));
    }

    #[test]
    fn a_use_is_noted_once_a_day() {
        let day = |n: u64| Millis(n * Millis::DAY);
        let mut ties = Ties::new(day(3).plus(5));
        ties.note_use(day(9));
        assert_eq!((ties.used, ties.last_use()), (Millis(0), None), "of no session");
        ties.owner = Some(SessionId::mint([1; 15]));
        ties.note_use(day(3).plus(50));
        assert_eq!(
            (ties.used, ties.last_use()),
            (Millis(0), Some(Millis(day(4).0 - 1))),
            "it was made that day"
        );
        ties.note_use(day(4));
        ties.note_use(day(5).less(1));
        assert_eq!((ties.used, ties.last_use()), (day(4), Some(Millis(day(5).0 - 1))));
        ties.note_use(day(2));
        ties.note_use(day(5));
        assert_eq!(ties.used, day(5));
    }

    #[test]
    fn erasures_are_bounded_and_the_newest_stay() {
        let mut ties = Ties::new(Millis(0));
        (0..100).for_each(|n| ties.note_erasure(Actor(n), Millis(n)));
        assert_eq!(ties.erasures.len(), Ties::ERASURES_MAX);
        assert!(ties.erasures.contains_key(&Actor(99)) && !ties.erasures.contains_key(&Actor(35)));
    }
}
