//! A guest's cart joins a user's, as the edge does it: the user's expects it, the guest's is sealed at its
//! home, what it holds joins the user's cart, and what still reaches it is forwarded by itself.
//! What an edit of the guest's is called in the user's cart is told by [`Transplant`] alone.

use cart_core::cart::Cart;
use cart_core::change::{Change, Stamp};
use cart_core::id::{CartId, Dot, Scope};
use cart_core::packed::unpack;
use cart_core::replica::{Book, Caller, Input, Reply, ReplyKind};
use cart_core::time::{Day, HybridTime};
use cart_core::transplant::Transplant;

use super::fault::Kind;
use super::network::{Post, Told};
use super::world::World;

/// How often a call is sent on to where the home is said to be.
const HOPS_MAX: usize = 4;

impl World {
    /// Merges the guest's cart, or does it again.
    pub fn merge(&mut self) {
        if self.carts.len() < 2 {
            return;
        }
        let (user, guest) = (self.carts[0].clone(), self.carts[1].clone());
        let (user_caller, guest_caller) = (self.caller(0), self.caller(1));
        if self.at_home(0, &user_caller, &Input::Expect { guest: guest.clone(), bytes: 1_000 }).is_none() {
            return;
        }
        let sealed = self.at_home(1, &guest_caller, &Input::Seal { into: user });
        self.note_seals();
        let Some(Reply { kind: ReplyKind::Sealed(state), .. }) = sealed else { return };
        self.faults.fire(Kind::Merged);
        self.tell(|_| "the guest's cart is merged".into());
        let at = self.dice.below(self.places());
        self.prepare(at, &Input::Read, false);
        let (crash, input) = (self.crash(), Input::Join { state: state.clone(), path: vec![guest] });
        let joined = self.step(at, &user_caller, input, crash);
        if matches!(joined.reply, Some(Ok(_))) {
            let there = self.places() + self.dice.below(self.places());
            self.prepare(there, &Input::Read, false);
            self.serve(there, Input::Forwarded { delta: state });
        }
    }

    /// A call of what only the home may do, from some edge.
    fn at_home(&mut self, cart: usize, caller: &Caller, input: &Input) -> Option<Reply> {
        let edge = self.dice.below(self.places());
        let mut at = self.at(cart, self.carts[cart].first_home());
        for _ in 0..HOPS_MAX {
            if !self.passes(edge, at) {
                return None;
            }
            self.prepare(at, &Input::Read, false);
            let crash = self.crash();
            let reply = self.step(at, caller, input.clone(), crash).reply?.ok()?;
            match reply.kind {
                ReplyKind::AtHome(region) => at = self.at(cart, region),
                _ => return Some(reply),
            }
        }
        None
    }

    /// A cart takes in what another tells it, if the call gets there: what a sealed cart hands over, that it is to go
    /// with the cart into which it was merged, or that its session was signed out. The shopper's further carts are no
    /// part of this world, and answer.
    pub fn take_notice(&mut self, from: usize, told: Told) {
        let kind = match &told.input {
            Input::Join { .. } => Kind::Forwarded,
            Input::Erase => Kind::ErasedAlong,
            _ => Kind::SignedOutAlong,
        };
        let Some(cart) = self.carts.iter().position(|cart| *cart == told.cart) else {
            self.faults.fire(kind);
            return self.post((from, from), Post::Then(from, told.then));
        };
        // The region in its id, or another one where that cannot.
        let there = self.at(cart, told.cart.first_home());
        let elsewhere = self.sites_of(cart).start + self.dice.below(self.places());
        let at = if self.dice.chance(20) { elsewhere } else { there };
        self.prepare(at, &Input::Read, false);
        let turn = self.serve(at, told.input);
        if matches!(turn.reply, Some(Ok(_))) {
            self.faults.fire(kind);
            self.post((at, from), Post::Then(from, told.then));
        }
    }

    /// Under which days the guest's cart is sealed on some disk.
    fn note_seals(&mut self) {
        for at in self.sites_of(1) {
            let Some(row) = &self.sites[at].disk.row else { continue };
            let book: Book = unpack(&row.book).expect("a book that was written");
            self.seals.extend(book.ties.seal.map(|seal| seal.day));
        }
        self.follow_guest();
    }

    /// What is known of the guest's cart is known of the user's, under the names it has there.
    pub fn follow_guest(&mut self) {
        for day in self.seals.clone() {
            let name = |dot: &Dot| renamed(&self.carts[1], day, *dot);
            let [user, guest] = &mut self.facts[..] else { return };
            for (dot, known) in &guest.known {
                user.aliases.insert(name(dot), known.clone());
            }
            user.removed.extend(guest.removed.iter().map(name));
            user.excused.extend(guest.excused.iter().map(name));
            if self.seals_lost.contains(&day) {
                user.excused.extend(guest.known.keys().map(name));
            }
        }
    }
}

/// What a dot of the guest's cart, sealed on a day, is called in the user's.
pub fn renamed(guest: &CartId, sealed: Day, dot: Dot) -> Dot {
    let stamp = Stamp { dot, time: HybridTime(0), scope: Scope::default() };
    let only = Cart::default().change(&Change::Clear, stamp);
    let moved = Transplant { from: guest, sealed, at: sealed.start() }.of(&only);
    let mut dots = moved.context().few().into_iter().flatten();
    dots.find(|there| there.counter == dot.counter).expect("a context of one dot")
}
