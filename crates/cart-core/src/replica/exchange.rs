//! Anti-entropy: what each other holder of the cart lacks, when it is told, and what a frame or a receipt
//! from it means. There is no row an event: what is not acknowledged is the outbox. Deltas that are still in
//! memory are sent joined, else the whole state, which is small.

use super::{Book, Effect, Link, Replica, ReplyKind};
use crate::cart::{Cart, Presence};
use crate::frame::{Frame, Holder, Receipt, digest_of_bytes};
use crate::id::Region;
use crate::packed::Format;
use crate::reject::Reject;
use crate::ties::Ties;
use crate::time::Millis;

/// How long a change waits for others before other regions are told, in milliseconds.
pub const COALESCE_MS: u64 = 200;
/// The same for the stores.
pub const STORE_MS: u64 = 500;
/// The same for what came from another region, which itself tells the others.
pub const RELAY_MS: u64 = 3_000;
/// How long a receipt may take before a next step sends the frame again, in milliseconds. A store has queues
/// before it.
pub const RECEIPT_MS: u64 = 60_000;
/// How long a replica away from home lives on what it knows before it asks its home whether that is all, in
/// milliseconds: what it told there may have been lost since.
pub const ASK_MS: u64 = 3_600_000;
/// How much the clocks of two regions may differ before a horizon that follows them could pass what one of
/// them still accepts, in milliseconds.
pub const SKEW_MS: u64 = 3_600_000;
/// When a frame that was missed is sent again, in milliseconds; twice as long after each further try.
const RETRY_MS: u64 = 1_000;
/// How often a retry is doubled: to a good minute.
const RETRY_DOUBLINGS_MAX: u32 = 6;
/// Who has been behind for long is tried again only after such a part of that time, ..
const RETRY_PART: u64 = 16;
/// .. or after so long, in milliseconds, whichever is sooner.
const RETRY_MS_MAX: u64 = 3_600_000;
/// The most changes kept for holders that have not acknowledged them. Beyond, they get the whole state.
const RECENT_MAX: usize = 64;

/// When a holder is told next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    due: Millis,
    /// How often it was told in vain.
    tries: u32,
    /// Up to which sequence number it was told, and when; its receipt is awaited until `due`.
    told: Option<(u64, Millis)>,
    /// It is to be asked for what is lacking here: a store, which tells nothing by itself, has another digest.
    asks: Option<[u8; 16]>,
}

impl Replica {
    /// The other holders of the cart, as far as this replica tells them: its home and the replicas in the
    /// state; the home tells the stores as well.
    pub fn holders(&self) -> Vec<Holder> {
        let (own, home) = (self.book.region, self.home().region);
        let active = self.cart.replicas.iter().filter(|(_, presence)| !presence.left);
        let regions = active.map(|(region, _)| *region).chain([home]).filter(|region| *region != own);
        let mut holders = Vec::new();
        for holder in regions.map(Holder::Replica) {
            if let Err(at) = holders.binary_search(&holder) {
                holders.insert(at, holder);
            }
        }
        if own == home {
            holders.extend(self.stores().into_iter().map(Holder::Store));
        } else if own == self.book.cart_id.first_home() {
            // Before the region named by the cart's id leaves, its store has to know where the home is.
            holders.extend(self.first_store().map(Holder::Store));
        }
        holders
    }

    /// The stores that hold the cart: two of its home, and those that did until its pair of stores was another. Once
    /// its home has moved, all there are: those of a home
    /// that was lost may have what no replica has, and from that of the region named by the cart's id who knows
    /// nothing of it finds the home.
    pub fn stores(&self) -> Vec<Region> {
        let mut stores = self.stores_of(self.home().region).to_vec();
        if self.cart.home.is_some() {
            let others: Vec<Region> =
                self.regions.with_stores().filter(|region| !stores.contains(region)).collect();
            stores.extend(others);
        }
        stores
    }

    fn first_store(&self) -> Option<Region> {
        self.stores_of(self.book.cart_id.first_home()).first().copied()
    }

    fn stores_of(&self, home: Region) -> &[Region] {
        let of_home = self.stores_of.iter().find(|(region, _)| *region == home);
        // A home that is no longer in use may have had its stores anywhere.
        of_home.map_or(&self.all_stores, |(_, stores)| stores)
    }

    /// The replicas of the cart, by the state: each with its epoch and whether it has left.
    pub fn replicas(&self) -> impl Iterator<Item = (Region, Presence)> {
        self.cart.replicas.iter().map(|(region, presence)| (*region, *presence))
    }

    /// Whether a replica of the cart is in the region, by the state.
    pub fn is_active(&self, region: Region) -> bool {
        self.cart.replicas.get(&region).is_some_and(|presence| !presence.left)
    }

    /// A digest of all that this replica holds.
    pub fn digest(&self) -> [u8; 16] {
        digest_of_bytes(self.bytes(), &self.book.ties)
    }

    /// Enters this replica in the state, so that others tell it.
    pub(super) fn enter(&mut self, now: Millis) {
        let region = self.book.region;
        if self.is_home() || self.is_active(region) {
            return;
        }
        let epoch = self.cart.replicas.get(&region).map_or(0, |presence| presence.epoch) + 1;
        self.be(Presence { epoch, left: false }, now);
    }

    /// Says in the state whether this replica is there.
    pub(super) fn be(&mut self, presence: Presence, now: Millis) {
        let mut delta = Cart::default();
        delta.replicas.insert(self.book.region, presence);
        let mut after = self.cart.clone();
        after.join(&delta);
        self.change(after, &delta, now);
    }

    /// Ties that changed count as a change, which others are told.
    pub(super) fn note_ties(&mut self, before: &Ties, sequence: u64) {
        if self.book.ties == *before {
            return;
        }
        if self.book.sequence == sequence {
            self.book.sequence += 1;
            self.note_recent(Some(&Cart::default()));
        }
        // When the last edit was made every frame says.
        let edited = std::mem::replace(&mut self.book.ties.edited, before.edited);
        if self.book.ties != *before {
            self.book.tied = self.book.sequence;
        }
        self.book.ties.edited = edited;
    }

    /// Keeps a change for those that have acknowledged what was before it; without one they get the whole.
    pub(super) fn note_recent(&mut self, delta: Option<&Cart>) {
        match delta {
            Some(delta) if !self.holders().is_empty() => {
                self.recent.push((self.book.sequence, delta.clone()));
                let too_many = self.recent.len().saturating_sub(RECENT_MAX);
                self.recent.drain(..too_many);
            }
            _ => self.recent.clear(),
        }
    }

    /// What a holder is to be told: the changes that it has not acknowledged, or all.
    pub(super) fn frame(&self, to: Holder, pull: bool) -> Frame {
        let link = self.book.links.get(&to).copied().unwrap_or_default();
        let sequence = self.book.sequence;
        let changes = || self.recent.iter().filter(|(led_to, _)| *led_to > link.acknowledged);
        let known = link.acknowledged > 0
            && link.acknowledged <= sequence
            && changes().count() as u64 == sequence - link.acknowledged;
        let base = if known { link.acknowledged } else { 0 };
        let state = if known {
            let mut joined = Cart::default();
            changes().for_each(|(_, delta)| joined.join(delta));
            joined.to_bytes()
        } else {
            self.bytes().to_vec()
        };
        Frame {
            from: Holder::Replica(self.book.region),
            incarnation: self.book.incarnation,
            to: link.incarnation,
            base,
            sequence,
            digest: self.digest(),
            joined: self.book.joined,
            pull: pull || !self.book.joined,
            edited: self.book.ties.edited,
            ties: (self.book.tied > base || base == 0).then(|| self.book.ties.clone()),
            state,
        }
    }

    /// Joins what another holder tells. Checked for form only: a rule on its content, relative to the state
    /// here, would block two honest regions for ever.
    pub(super) fn take_frame(
        &mut self,
        bytes: &[u8],
        now: Millis,
        effects: &mut Vec<Effect>,
    ) -> Result<ReplyKind, Reject> {
        // Whoever asks reads what it writes, whatever is to be written here.
        let (frame, format) = (Frame::from_bytes(bytes)?, Format::answering(bytes));
        let state = Cart::from_any_build(&frame.state)?;
        let active = self.is_active(self.book.region);
        let mut after = self.cart.clone();
        after.join(&state);
        let (ties, before) = (self.book.ties.clone(), self.book.sequence);
        self.book.ties.edited = self.book.ties.edited.max(frame.edited);
        if let Some(theirs) = &frame.ties {
            self.book.ties.join(theirs);
            // A store has no clock. What it holds is forgotten with the next change: a cart that comes back from it
            // is to be the same as there.
            if matches!(frame.from, Holder::Replica(_)) {
                self.book.ties.forget_ended(now);
            }
        }
        if after.is_erased() {
            self.book.ties.leases.clear();
            self.forget_keys(effects);
        }
        if after != self.cart {
            self.book.clock.observe(state.latest_time());
            let delta = (frame.base > 0).then_some(&state);
            self.take_in(after, &state, delta, now);
        }
        if active && self.stored {
            // That it had left was in an earlier life: who says so still would not tell it anything.
            self.enter(now);
        }
        if self.book.ties.seal != ties.seal && !self.cart.is_erased() {
            // A home that has only now heard of the seal hands all over, also what it took in before.
            self.book.forwarding = None;
            self.keep_late(&state);
        }
        self.note_ties(&ties, before);
        let whole = frame.base == 0;
        let equal = frame.digest == self.digest();
        if !self.book.joined && (whole || equal) && frame.joined {
            self.note_joined(now);
        }
        let knows = whole || frame.to == self.book.incarnation;
        let (own, sequence) = (self.digest(), self.book.sequence);
        let listed = self.holders().contains(&frame.from);
        if listed {
            let link = self.link_of(frame.from, frame.incarnation);
            link.hear(now);
            if frame.digest == own {
                link.acknowledged = sequence;
                link.agreed = sequence;
                link.behind = None;
            }
            if link.acknowledged >= sequence {
                self.pace.remove(&frame.from);
            } else if let Some(pace) = self.pace.get_mut(&frame.from)
                && pace.told.is_none()
            {
                // Who is heard of is there again.
                pace.tries = 0;
                pace.due = pace.due.min(now.plus(COALESCE_MS));
            }
        }
        if listed && knows && frame.digest != own {
            self.doubt(frame.from, frame.digest, before);
        }
        // Who is not told here by itself, since it is taken to have left, is told so.
        let asks = frame.pull || !listed;
        // One that has itself heard of nothing may have been edited meanwhile, and shown that.
        let has = self.book.joined || self.stored;
        // One that has not yet heard what was there before it does not learn it from a receipt.
        let lacks = frame.digest != own || (self.book.joined && !frame.joined);
        let answers = asks && has && lacks && matches!(frame.from, Holder::Replica(_));
        let answer = answers.then(|| self.frame(frame.from, false).to_bytes_as(format));
        self.heard = Some(frame.from);
        let receipt = Receipt {
            from: Holder::Replica(self.book.region),
            incarnation: self.book.incarnation,
            echo: frame.incarnation,
            acknowledged: if knows { frame.sequence } else { 0 },
            digest: own,
        };
        Ok(ReplyKind::Taken { receipt: receipt.to_bytes_as(format), frame: answer })
    }

    /// A holder of which all is here differs, though it has acknowledged all that `had` been here: then what is
    /// said to be acknowledged is not so, by a lie or a fault, or since a store was put back to an older row, and
    /// it is told all. Once for each digest that it has: two that cannot agree would tell each other all for ever.
    fn doubt(&mut self, holder: Holder, theirs: [u8; 16], had: u64) {
        let Some(link) = self.book.links.get_mut(&holder) else { return };
        let all = link.acknowledged > 0 && link.acknowledged >= had;
        if !all || self.doubted.get(&holder) == Some(&theirs) {
            return;
        }
        match holder {
            Holder::Replica(_) => (link.acknowledged, link.agreed) = (0, 0),
            // It was told late.
            Holder::Store(_) if link.agreed >= had => return,
            // Receipts of what it was sent before are still to come: they must not acknowledge this.
            Holder::Store(_) => {
                self.book.sequence += 1;
                self.note_recent(None);
            }
        }
        self.doubted.insert(holder, theirs);
    }

    /// A state that others have made: as [`Replica::change`], but the horizon is not moved on by it.
    fn take_in(&mut self, after: Cart, told: &Cart, delta: Option<&Cart>, now: Millis) {
        self.note_retired(&after);
        self.set(after);
        if self.cart.is_erased() {
            self.book.forwarding = None;
        } else {
            self.keep_late(told);
        }
        self.changed(delta, now);
    }

    /// Moves what holders have acknowledged. Nothing else does.
    pub(super) fn take_receipts(
        &mut self,
        receipts: &[Vec<u8>],
        now: Millis,
        effects: &mut Vec<Effect>,
    ) -> Result<ReplyKind, Reject> {
        let receipts = receipts.iter().map(|bytes| Receipt::from_bytes(bytes));
        let receipts = receipts.collect::<Result<Vec<_>, _>>()?;
        let (holders, own, sequence) = (self.holders(), self.digest(), self.book.sequence);
        let mut awaited = false;
        for receipt in receipts {
            if !holders.contains(&receipt.from) {
                continue;
            }
            let store = matches!(receipt.from, Holder::Store(_));
            let asks = Some(receipt.digest).filter(|digest| store && *digest != own);
            let ask = Pace { due: now.plus(COALESCE_MS), tries: 0, told: None, asks };
            if receipt.echo != self.book.incarnation {
                // Of what an earlier incarnation sent; only now the store has it, and this one may lack it.
                if asks.is_some() {
                    self.pace.or_insert(receipt.from, ask);
                }
                continue;
            }
            let pace = self.pace.remove(&receipt.from);
            let told = pace.and_then(|pace| pace.told);
            if let Some(due) = pace.filter(|pace| pace.told.is_none() && pace.asks.is_some())
                && receipt.digest != own
            {
                // About to be asked, which this does not answer; and it is there.
                let soon = due.due.min(now.plus(COALESCE_MS));
                self.pace.insert(receipt.from, Pace { due: soon, tries: 0, ..due });
            }
            awaited |= told.is_some();
            let link = self.link_of(receipt.from, receipt.incarnation);
            link.hear(now);
            link.acknowledged = link.acknowledged.max(receipt.acknowledged.min(sequence));
            if receipt.digest == own {
                link.acknowledged = sequence;
                link.agreed = sequence;
                link.equal = link.equal.max(told.map_or(Millis(0), |(_, at)| at));
            }
            if link.acknowledged < sequence {
                continue;
            }
            link.behind = None;
            // Asked, and not only about to be: a second receipt of what it was told before is no answer.
            let asked = pace.is_some_and(|pace| pace.told.is_some() && pace.asks == Some(receipt.digest));
            if matches!(receipt.from, Holder::Store(_)) && receipt.digest != own && !asked {
                let asks = Some(receipt.digest);
                self.pace
                    .insert(receipt.from, Pace { due: now.plus(COALESCE_MS), tries: 0, told: None, asks });
            }
        }
        self.note_agreed(now);
        // Other receipts are of what was asked for a shopper, who must not find the storage gone.
        if awaited {
            self.forget_if_left(effects);
        }
        Ok(ReplyKind::Done)
    }

    /// The link of a holder; one that has started without its storage starts over.
    fn link_of(&mut self, holder: Holder, incarnation: u64) -> &mut Link {
        let link = self.book.links.or_default(holder);
        if link.incarnation != incarnation {
            *link = Link { incarnation, behind: link.behind, ..Link::default() };
        }
        link
    }

    /// A shopper has come: who has not been heard of for long is asked. Away from home that is the home; a
    /// home that others had before, or that was made anew, asks the stores, where an earlier one may have
    /// written since; not for a cart that nobody has made.
    pub(super) fn ask(&mut self, now: Millis) {
        let home = Holder::Replica(self.home().region);
        let asks = |holder: &Holder| match holder {
            Holder::Replica(_) => *holder == home,
            Holder::Store(_) => {
                self.cart.home.is_some() || self.book.hold.is_some() && self.book.sequence > 0
            }
        };
        for holder in self.holders().into_iter().filter(asks).collect::<Vec<_>>() {
            let heard = self.book.links.get(&holder).map_or(Millis(0), |link| link.heard);
            if heard.plus(ASK_MS) <= now {
                self.ask_holder(holder, now);
            }
        }
    }

    /// A holder is told and asked, also where it has acknowledged all.
    pub(super) fn ask_holder(&mut self, holder: Holder, now: Millis) {
        let due = now.plus(COALESCE_MS);
        let pace = self.pace.or_insert(holder, Pace { due, tries: 0, told: None, asks: None });
        if pace.asks.is_none() {
            pace.asks = Some([0; 16]);
            // It was told, and not asked.
            if pace.told.take().is_some() {
                pace.due = due;
            }
        }
    }

    pub(super) fn missed(&mut self, to: Holder, now: Millis) {
        // Kept in the row: how often it was tried is forgotten with each sleep.
        let behind = self.book.links.get(&to).and_then(|link| link.behind).unwrap_or(now);
        let lost_ms = now.0.saturating_sub(behind.0);
        if let Some(pace) = self.pace.get_mut(&to) {
            let wait_ms = RETRY_MS << pace.tries.min(RETRY_DOUBLINGS_MAX);
            let wait_ms = wait_ms.max((lost_ms / RETRY_PART).min(RETRY_MS_MAX));
            // From three quarters to five quarters of it, by what is random in each replica: not all who missed
            // a region come back to it at once.
            let luck = self.book.incarnation.rotate_left(8 * pace.tries) % 256;
            pace.told = None;
            pace.due = now.plus(wait_ms - wait_ms / 4 + wait_ms / 2 * luck / 255);
            pace.tries += 1;
        }
    }

    /// Who lacks something is told after a while: sooner what was made here than what `heard` told, which
    /// tells the others itself.
    pub(super) fn follow_links(&mut self, heard: Option<Holder>, before: &Book, now: Millis) {
        let (holders, sequence) = (self.holders(), self.book.sequence);
        let changed = sequence != before.sequence;
        self.book.links.retain(|holder, _| holders.contains(holder));
        self.pace.retain(|holder, _| holders.contains(holder));
        for holder in holders {
            let link = self.book.links.get(&holder).copied().unwrap_or_default();
            if link.acknowledged >= sequence {
                if self.pace.get(&holder).is_some_and(|pace| pace.asks.is_none()) {
                    self.pace.remove(&holder);
                }
                continue;
            }
            if link.behind.is_none() {
                self.book.links.or_default(holder).behind = Some(now);
            }
            let wait_ms = match holder {
                Holder::Store(_) => STORE_MS,
                Holder::Replica(_) if heard.is_none_or(|heard| heard == holder) => COALESCE_MS,
                // Not all at once: who is told first finds out that the other knows as well.
                Holder::Replica(_) => RELAY_MS + 250 * u64::from(self.book.region as u8),
            };
            let due = now.plus(wait_ms);
            let pace = self.pace.or_insert(holder, Pace { due, tries: 0, told: None, asks: None });
            match pace.told {
                Some((told, _)) if told < sequence || pace.due <= now => {
                    *pace = Pace { due, told: None, ..*pace };
                }
                None if changed && pace.tries == 0 => pace.due = pace.due.min(due),
                // While there are changes, the next try is a minute away at most.
                None if changed => pace.due = pace.due.min(now.plus(RETRY_MS << RETRY_DOUBLINGS_MAX)),
                _ => {}
            }
        }
    }

    /// Whether somebody was told who has not acknowledged it yet.
    pub(super) fn awaits_receipts(&self) -> bool {
        self.pace.values().any(|pace| pace.told.is_some())
    }

    /// What the state took in since a sequence number, as canonical bytes: the changes joined if all of them are
    /// still in memory, else the whole.
    pub fn since(&self, sequence: u64) -> Vec<u8> {
        let changes = || self.recent.iter().filter(|(led_to, _)| *led_to > sequence);
        if self.book.sequence.checked_sub(sequence) != Some(changes().count() as u64) {
            return self.bytes().to_vec();
        }
        let mut joined = Cart::default();
        changes().for_each(|(_, delta)| joined.join(delta));
        joined.to_bytes()
    }

    /// When the next holder is due.
    pub(super) fn link_due(&self) -> Option<Millis> {
        self.pace.values().filter(|pace| pace.told.is_none()).map(|pace| pace.due).min()
    }

    /// Tells the holders that are due; after a fresh start all that lack something.
    pub(super) fn send_links(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        let sequence = self.book.sequence;
        for holder in self.holders() {
            let acknowledged = self.book.links.get(&holder).map_or(0, |link| link.acknowledged);
            let (tries, asks) = match self.pace.get(&holder) {
                Some(pace) if pace.told.is_some() || pace.due > now => continue,
                pace => pace.map_or((0, None), |pace| (pace.tries, pace.asks)),
            };
            if acknowledged < sequence || asks.is_some() {
                let frame = self.frame(holder, asks.is_some());
                effects.push(Effect::Send { to: holder, frame: frame.to_bytes_as(self.format) });
                let told = Some((sequence, now));
                self.pace.insert(holder, Pace { due: now.plus(RECEIPT_MS), tries, told, asks });
            }
        }
    }
}

impl Link {
    fn hear(&mut self, now: Millis) {
        if self.heard.plus(ASK_MS / 2) <= now {
            self.heard = now;
        }
    }
}
