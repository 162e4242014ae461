//! A cart in a region's durable store: a row that changes only by join. What is read and written how is the
//! shell's; this decides what a row becomes by a frame, and what the frame's sender is told.

use crate::cart::Cart;
use crate::frame::{self, Frame, Holder, Receipt};
use crate::id::Region;
use crate::packed::{Format, pack_as};
use crate::reject::Reject;
use crate::ties::Ties;
use crate::time::Millis;

/// A cart's row in a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// Drawn when the row was made: a row that was lost and made again is another.
    pub incarnation: u64,
    /// One more for each change; what compare-and-set compares.
    pub rev: u64,
    /// The state.
    pub cart: Cart,
    /// The ties.
    pub ties: Ties,
}

/// What follows from frames.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    /// The row as it is to be written, `rev` one more; `None` if it stays as it is.
    pub write: Option<Stored>,
    /// For each frame the receipt, once that is durable.
    pub receipts: Vec<Receipt>,
    /// What the store has and a frame's sender asked for.
    pub answer: Option<Frame>,
}

impl Stored {
    /// Reads a row, last written at `updated`.
    ///
    /// # Errors
    /// [`Reject::Malformed`] if it is damaged, [`Reject::FrameTooNew`] if a later build has written it.
    pub fn from_parts(
        incarnation: u64,
        rev: u64,
        updated: Millis,
        cart: &[u8],
        ties: &[u8],
    ) -> Result<Self, Reject> {
        Ok(Self {
            incarnation,
            rev,
            cart: Cart::from_any_build(cart)?,
            ties: Ties::from_bytes(ties, updated)?,
        })
    }

    /// The bytes of the ties, as [`Stored::from_parts`] reads them.
    pub fn ties_bytes(&self) -> Vec<u8> {
        pack_as(Format::OF_TIES, &self.ties)
    }

    /// All that the store of `region` holds, as a frame that is whole.
    pub fn frame(&self, region: Region) -> Frame {
        let state = self.cart.to_bytes();
        Frame {
            from: Holder::Store(region),
            incarnation: self.incarnation,
            to: 0,
            base: 0,
            sequence: self.rev,
            digest: frame::digest_of_bytes(&state, &self.ties),
            joined: true,
            pull: false,
            edited: self.ties.edited,
            ties: Some(self.ties.clone()),
            state,
        }
    }
}

/// Joins frames of one cart into its row in the store of `region`. `incarnation` is random, for a row that
/// is not there yet. A delta whose base the row does not have is joined as well, but not acknowledged.
///
/// # Errors
/// The frame that cannot be read, by its place in `frames`, and why. Then nothing is to be written.
pub fn take(
    row: Option<&Stored>,
    frames: &[Frame],
    region: Region,
    incarnation: u64,
) -> Result<Taken, (usize, Reject)> {
    let mut after = row.cloned();
    let mut known = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        let state = Cart::from_any_build(&frame.state).map_err(|reject| (at, reject))?;
        let knows = frame.base == 0 || row.is_some_and(|row| row.incarnation == frame.to);
        known.push(knows);
        let after = match (&mut after, &frame.ties) {
            (Some(after), _) => after,
            // Of a lost row only the whole is taken.
            (None, None) => continue,
            (None, Some(ties)) => {
                after.insert(Stored { incarnation, rev: 0, cart: Cart::default(), ties: ties.clone() })
            }
        };
        after.cart.join(&state);
        frame.ties.iter().for_each(|ties| after.ties.join(ties));
        after.ties.edited = after.ties.edited.max(frame.edited);
        if after.cart.is_erased() {
            after.ties.leases.clear();
        }
    }
    let digest = after.as_ref().map_or([0; 16], |after| frame::digest(&after.cart, &after.ties));
    let mut write = after.clone().filter(|after| row != Some(after));
    write.iter_mut().for_each(|row| row.rev += 1);
    let receipt = |(frame, knows): (&Frame, bool)| Receipt {
        from: Holder::Store(region),
        incarnation: after.as_ref().map_or(incarnation, |after| after.incarnation),
        echo: frame.incarnation,
        acknowledged: if knows { frame.sequence } else { 0 },
        digest,
    };
    let receipts = frames.iter().zip(known).map(receipt).collect();
    let pulls = frames.iter().any(|frame| frame.pull);
    let answer = write.as_ref().or(after.as_ref()).filter(|_| pulls).map(|row| row.frame(region));
    Ok(Taken { write, receipts, answer })
}
