//! What becomes of a cart concerns others: the carts merged into it go with it, and a session that is signed out
//! at its root is so at all its carts. The home tells them, again and again until each has answered. That they must
//! be told is read from the state and the ties, so that it is lost with no disk; only the answers are kept here.

use super::{Effect, Input, Notice, Notices, Replica};
use crate::id::CartId;
use crate::time::Millis;

/// How long a notice waits for others, in milliseconds.
const NOTICE_MS: u64 = 200;
/// When those that did not answer are told again, in milliseconds; twice as long after each further try.
const RETRY_MS: u64 = 2_000;
/// How often a retry is doubled: to half an hour.
const RETRY_DOUBLINGS_MAX: u32 = 10;
/// The most carts told at a time: each is a call of its own.
const NOTICES_MAX: usize = 32;

impl Notice {
    /// What a cart that must be told is called with, by the service.
    pub fn input(self) -> Input {
        match self {
            Self::Erased => Input::Erase,
            Self::SignedOut => Input::SignOut,
        }
    }
}

impl Replica {
    /// What other carts must be told of this one, whether they were already or not.
    pub fn notices(&self) -> impl Iterator<Item = (&CartId, Notice)> {
        let ties = &self.book.ties;
        let erased = ties.merged.iter().filter(|_| self.cart.is_erased());
        let signed_out = ties.listed().filter(|_| ties.signed_out.is_some());
        erased
            .map(|cart| (cart, Notice::Erased))
            .chain(signed_out.map(|further| (&further.cart, Notice::SignedOut)))
    }

    fn must_tell(&self, cart: &CartId, notice: Notice) -> bool {
        let ties = &self.book.ties;
        match notice {
            Notice::Erased => self.cart.is_erased() && ties.merged.binary_search(cart).is_ok(),
            Notice::SignedOut => {
                ties.signed_out.is_some() && ties.listed().any(|further| further.cart == *cart)
            }
        }
    }

    /// Those that have not answered. Only the home tells them.
    fn untold(&self) -> impl Iterator<Item = (&CartId, Notice)> {
        let told = &self.book.notices.told;
        let mine = self.notices().filter(|_| self.is_home());
        mine.filter(|(cart, notice)| told.binary_search(&(CartId::clone(cart), *notice)).is_err())
    }

    /// Whether other carts are still to be told.
    pub fn owes_notice(&self) -> bool {
        self.untold().next().is_some()
    }

    pub(super) fn give_notice(&mut self, effects: &mut Vec<Effect>) {
        // Those that do not answer must not keep the others from being told.
        let all: Vec<_> = self.untold().map(|(cart, notice)| (cart.clone(), notice)).collect();
        if all.is_empty() {
            return;
        }
        let tries = self.book.notices.tries;
        self.book.notices.tries = tries.saturating_add(1);
        let (count, first) = (all.len().min(NOTICES_MAX), tries as usize * NOTICES_MAX % all.len());
        for (cart, notice) in all.into_iter().cycle().skip(first).take(count) {
            let then = Box::new(Input::Told { cart: cart.clone(), notice });
            effects.push(Effect::Tell { cart, input: Box::new(notice.input()), then });
        }
    }

    pub(super) fn note_told(&mut self, cart: CartId, notice: Notice) {
        let mut told = std::mem::take(&mut self.book.notices.told);
        if let Err(at) = told.binary_search(&(cart.clone(), notice)) {
            told.insert(at, (cart, notice));
        }
        // What they need not be told any more goes: seldom, and so not looked for each time.
        if told.len() > self.notices().count() {
            told.retain(|(cart, notice)| self.must_tell(cart, *notice));
        }
        self.book.notices = Notices { told, tries: 0 };
        // An alarm that is still to come finds nothing to do, or what is armed anew for the rest.
        self.book.wake = None;
    }

    /// When the next are told.
    pub(super) fn notices_due(&self, now: Millis) -> Option<Millis> {
        self.owes_notice().then(|| {
            now.plus(match self.book.notices.tries {
                0 => NOTICE_MS,
                tries => RETRY_MS << (tries - 1).min(RETRY_DOUBLINGS_MAX),
            })
        })
    }
}
