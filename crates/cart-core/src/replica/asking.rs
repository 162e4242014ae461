//! Whom a replica asks that has no storage, and what follows from the answers: pure, and the same wherever replicas
//! run. A shell asks those whom [`Asking::next_step`] names, each in its own way, and says by [`Asking::hear`] what came
//! of it. Who did not answer has said nothing: a cart is new only if every store that may have it has said that it
//! has none.

use std::collections::VecDeque;

use super::{Caller, Input, Replica};
use crate::frame::{Frame, Holder};
use crate::id::Region;
use crate::reject::Reject;
use crate::time::Millis;

/// How long another region is waited for before a shopper is served without it, in milliseconds.
pub const PULL_MS: u64 = 1_000;
/// How long those who hold the cart, and could not be reached, are not asked again, in milliseconds.
pub const ASK_AGAIN_MS: u64 = 2_000;

/// What a replica must be told before it answers a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// That the cart is new.
    Fresh,
    /// What the other holders have.
    Holders,
}

/// What is to be done next.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Ask these holders, at once or one by one: a replica by [`Input::Pull`], a store for its row.
    Ask(Vec<Holder>),
    /// Hear those who were asked and have not answered yet.
    Wait,
    /// Step the replica with this, by the service.
    Take(Input),
    /// Answer the call.
    Done,
}

/// What came of it that a holder was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// A replica has told what it has.
    Told,
    /// A store has this: the bytes of a [`Frame`].
    Has(Vec<u8>),
    /// A store has no such cart.
    Nothing,
    /// There is no answer.
    Silent,
    /// There is one, of another build, that this one cannot read.
    Unread,
}

/// What a replica's memory keeps of whom it has asked.
#[derive(Clone, Copy, Default, Debug)]
pub struct Asked {
    /// When it last asked in vain.
    in_vain: Option<Millis>,
    /// Somebody who was asked last is of a build that this one cannot read.
    unread: bool,
}

/// A replica without storage on its way to what others have: away from home it asks the home, then the stores. Where
/// the home has answered, of these only that of its own region, which may have been the home in the meantime.
#[derive(Clone, Debug)]
pub struct Asking {
    own: Region,
    home: Region,
    stage: Stage,
    /// Those that may hold the cart.
    stores: Vec<Region>,
    /// Whether its own region has one.
    has_store: bool,
    /// Who was asked, and was not heard yet.
    open: Vec<Holder>,
    /// What stores have, to be taken in.
    told: VecDeque<Input>,
    home_answered: bool,
    /// Whether each store that was asked has answered.
    stores_answered: bool,
    /// Whether one has the cart.
    found: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Fresh,
    Home,
    Stores,
    Judge,
    End,
}

impl Need {
    /// Of a replica to which a call comes. `fresh` says that nobody can know of the cart yet.
    pub fn of(replica: &Replica, input: &Input, fresh: bool) -> Self {
        if replica.book.joined || replica.stored {
            return Self::Nothing;
        }
        let tells = matches!(input, Input::Frame { .. } | Input::Receipts { .. });
        if Self::is_swept(input) {
            Self::Nothing
        } else if fresh {
            Self::Fresh
        } else if tells && !replica.is_home() {
            // A frame brings what an absent replica would ask for; only the home has to look in its stores first.
            Self::Nothing
        } else {
            Self::Holders
        }
    }

    /// Whether the sweep of a store says so: whatever a replica knows, it needs nothing for that. Each store that is
    /// looked in would call it by its own sweep again.
    pub fn is_swept(input: &Input) -> bool {
        let Input::Frame { bytes } = input else { return *input == Input::Retire };
        Frame::from_bytes(bytes).is_ok_and(|frame| matches!(frame.from, Holder::Store(_)))
    }
}

impl Asked {
    /// Notes what a holder has answered, or that this build cannot read it.
    pub fn hear(&mut self, heard: &Heard) {
        self.unread |= *heard == Heard::Unread;
    }

    /// Notes that the replica has refused what somebody told.
    pub fn refused(&mut self, reject: &Reject) {
        self.unread |= matches!(reject, Reject::FrameTooNew { .. });
    }

    /// Whether a shopper would be shown an empty cart only because what another build has told cannot be read here.
    /// Such a read is to be no step: it would make a row of nothing, and the others would not be asked again.
    pub fn hides(&self, replica: &Replica, caller: &Caller, input: &Input) -> bool {
        let shows = matches!(input, Input::Read | Input::Carts);
        let by_shopper = matches!(caller, Caller::Session { .. });
        shows && by_shopper && self.unread && !replica.stored && !replica.book.joined
    }
}

/// Whether a refusal may be for want of what other holders know: a lease of which a replica has not heard, or whose
/// cart it is that has no storage here.
pub fn may_be_known_elsewhere(reject: &Reject, stored: bool) -> bool {
    matches!(reject, Reject::ActorUnknown) || (matches!(reject, Reject::CartNotFound) && !stored)
}

impl Asking {
    /// Begins, unless there is nothing to ask, it was in vain a moment ago, or all was heard while another call asked.
    pub fn begin(need: Need, replica: &Replica, asked: &mut Asked, now: Millis) -> Option<Self> {
        let stage = match need {
            Need::Nothing => return None,
            Need::Fresh => Stage::Fresh,
            Need::Holders if replica.book.joined => return None,
            Need::Holders if asked.in_vain.is_some_and(|at| now < at.plus(ASK_AGAIN_MS)) => return None,
            Need::Holders => {
                asked.unread = false;
                Stage::Home
            }
        };
        let own = replica.book.region;
        Some(Self {
            own,
            home: replica.home().region,
            stage,
            stores: replica.stores(),
            has_store: replica.all_stores.contains(&own),
            open: Vec::new(),
            told: VecDeque::new(),
            home_answered: false,
            stores_answered: true,
            found: false,
        })
    }

    /// What to do next, until it is [`Step::Done`].
    pub fn next_step(&mut self, asked: &mut Asked, now: Millis) -> Step {
        if let Some(input) = self.told.pop_front() {
            return Step::Take(input);
        }
        if !self.open.is_empty() {
            return Step::Wait;
        }
        match self.stage {
            Stage::Fresh => {
                self.stage = Stage::End;
                Step::Take(Input::Fresh)
            }
            Stage::Home if self.own != self.home => {
                self.stage = Stage::Stores;
                self.ask(vec![Holder::Replica(self.home)])
            }
            Stage::Home | Stage::Stores => {
                self.stage = Stage::Judge;
                let stores = self.stores_to_ask();
                if stores.is_empty() { self.judge(asked, now) } else { self.ask(stores) }
            }
            Stage::Judge => self.judge(asked, now),
            Stage::End => Step::Done,
        }
    }

    /// A holder that was asked has answered, or will not any more. Who was not asked, or has answered before, is not
    /// heard.
    pub fn hear(&mut self, from: Holder, heard: Heard, asked: &mut Asked) {
        let Some(at) = self.open.iter().position(|open| *open == from) else { return };
        self.open.remove(at);
        asked.hear(&heard);
        match (from, heard) {
            (Holder::Replica(_), Heard::Told) => self.home_answered = true,
            (Holder::Replica(_), Heard::Has(_) | Heard::Nothing | Heard::Silent | Heard::Unread) => {}
            (Holder::Store(_), Heard::Has(bytes)) => {
                self.found = true;
                self.told.push_back(Input::Frame { bytes });
            }
            (Holder::Store(_), Heard::Nothing) => {}
            (Holder::Store(_), Heard::Told | Heard::Silent | Heard::Unread) => self.stores_answered = false,
        }
    }

    fn ask(&mut self, holders: Vec<Holder>) -> Step {
        self.open.clone_from(&holders);
        Step::Ask(holders)
    }

    fn stores_to_ask(&mut self) -> Vec<Holder> {
        let mut stores = std::mem::take(&mut self.stores);
        if self.home_answered {
            stores.clear();
        }
        if self.has_store && !stores.contains(&self.own) {
            stores.push(self.own);
        }
        stores.into_iter().map(Holder::Store).collect()
    }

    /// All have been heard. The home of a cart of which no store knows is the first to hold it.
    fn judge(&mut self, asked: &mut Asked, now: Millis) -> Step {
        self.stage = Stage::End;
        if !self.home_answered {
            asked.in_vain = Some(now);
        }
        if self.own == self.home && self.stores_answered && !self.found {
            return Step::Take(Input::Unstored);
        }
        Step::Done
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cart::Cart;
    use crate::id::{CartId, SessionId};
    use crate::regions::{Place, Regions};

    const NOW: Millis = Millis(20_600 * Millis::DAY);
    const HOME: Region = Region::Weur;
    const AWAY: Region = Region::Enam;

    /// One that has just been called for the first time; `AWAY` has a store where `stores` says so.
    fn replica(region: Region, stores: &[Region]) -> Replica {
        let place = |region, latitude| Place {
            stores: stores.contains(&region).then(|| "STORE".into()).into_iter().collect(),
            ..Place::at(region, latitude, 0.0)
        };
        let regions =
            Regions { places: vec![place(HOME, 50.0), place(AWAY, 40.0), place(Region::Apac, 35.0)] };
        Replica::new(CartId::mint(HOME, [3; 15]), region, 7, NOW).among(Arc::new(regions))
    }

    /// Asks as it is told, each holder in turn, and says what was asked and what was taken in.
    fn carry_out(
        replica: &Replica,
        asked: &mut Asked,
        now: Millis,
        mut answer: impl FnMut(Holder) -> Heard,
    ) -> (Vec<Holder>, Vec<Input>) {
        let (mut names, mut taken, mut open) = (Vec::new(), Vec::new(), VecDeque::new());
        let Some(mut asking) = Asking::begin(Need::Holders, replica, asked, now) else {
            return (names, taken);
        };
        loop {
            match asking.next_step(asked, now) {
                Step::Ask(holders) => open.extend(holders),
                Step::Wait => {
                    let holder = open.pop_front().expect("somebody was asked");
                    names.push(holder);
                    asking.hear(holder, answer(holder), asked);
                }
                Step::Take(input) => taken.push(input),
                Step::Done => return (names, taken),
            }
        }
    }

    fn stores(regions: &[Region]) -> Vec<Holder> {
        regions.iter().map(|region| Holder::Store(*region)).collect()
    }

    #[test]
    fn a_home_takes_a_cart_for_new_only_if_each_store_says_that_it_has_none() {
        let home = replica(HOME, &[HOME, AWAY]);
        let (names, taken) = carry_out(&home, &mut Asked::default(), NOW, |_| Heard::Nothing);
        assert_eq!((names, taken), (stores(&[HOME, AWAY]), vec![Input::Unstored]));
        for no_answer in [Heard::Silent, Heard::Unread] {
            let answer =
                |store| if store == Holder::Store(HOME) { Heard::Nothing } else { no_answer.clone() };
            let (_, taken) = carry_out(&home, &mut Asked::default(), NOW, answer);
            assert_eq!(taken, [], "{no_answer:?} is no word for it");
        }
        let bytes = vec![1];
        let answer = |store| if store == Holder::Store(HOME) { Heard::Has(vec![1]) } else { Heard::Silent };
        let (_, taken) = carry_out(&home, &mut Asked::default(), NOW, answer);
        assert_eq!(taken, [Input::Frame { bytes }]);
    }

    #[test]
    fn away_the_home_is_asked_then_its_own_store_or_all() {
        let away = replica(AWAY, &[HOME, AWAY]);
        let home = Holder::Replica(HOME);
        let told = |holder| if holder == home { Heard::Told } else { Heard::Nothing };
        let (names, taken) = carry_out(&away, &mut Asked::default(), NOW, told);
        assert_eq!((names, taken), (vec![home, Holder::Store(AWAY)], vec![]));
        let (names, taken) = carry_out(&away, &mut Asked::default(), NOW, |holder| match holder {
            Holder::Replica(_) => Heard::Silent,
            Holder::Store(_) => Heard::Nothing,
        });
        let all = [vec![home], stores(&[HOME, AWAY])].concat();
        assert_eq!((names, taken), (all, vec![]), "whether it is new only the home can say");
        let (names, _) = carry_out(&replica(AWAY, &[HOME]), &mut Asked::default(), NOW, told);
        assert_eq!(names, [home], "its region has no store");
    }

    #[test]
    fn who_asked_in_vain_waits_a_moment() {
        let away = replica(AWAY, &[HOME, AWAY]);
        let mut asked = Asked::default();
        let mut asks = |ms, heard: Heard| {
            let answer =
                |holder| if matches!(holder, Holder::Replica(_)) { heard.clone() } else { Heard::Nothing };
            !carry_out(&away, &mut asked, NOW.plus(ms), answer).0.is_empty()
        };
        assert!(asks(0, Heard::Told) && asks(1, Heard::Silent));
        assert!(!asks(ASK_AGAIN_MS, Heard::Told), "it was in vain");
        assert!(asks(1 + ASK_AGAIN_MS, Heard::Told) && asks(2 + ASK_AGAIN_MS, Heard::Told));
    }

    #[test]
    fn an_answer_counts_once_and_of_those_who_were_asked() {
        let (home, mut asked) = (replica(HOME, &[HOME, AWAY]), Asked::default());
        let mut asking = Asking::begin(Need::Holders, &home, &mut asked, NOW).expect("it asks");
        assert_eq!(asking.next_step(&mut asked, NOW), Step::Ask(stores(&[HOME, AWAY])));
        asking.hear(Holder::Store(HOME), Heard::Nothing, &mut asked);
        asking.hear(Holder::Store(HOME), Heard::Nothing, &mut asked);
        asking.hear(Holder::Store(Region::Apac), Heard::Nothing, &mut asked);
        assert_eq!(asking.next_step(&mut asked, NOW), Step::Wait, "one has not answered");
        asking.hear(Holder::Store(AWAY), Heard::Silent, &mut asked);
        assert_eq!(asking.next_step(&mut asked, NOW), Step::Done);
    }

    #[test]
    fn what_a_replica_needs_depends_on_what_comes() {
        let frame = |from| {
            let frame = replica(AWAY, &[HOME]).frame(Holder::Replica(HOME), false);
            Input::Frame { bytes: Frame { from, ..frame }.to_bytes() }
        };
        let told = Input::Receipts { receipts: vec![] };
        let (by_replica, by_store) = (frame(Holder::Replica(Region::Apac)), frame(Holder::Store(AWAY)));
        let (home, away) = (replica(HOME, &[HOME]), replica(AWAY, &[HOME]));
        for (replica, input, need) in [
            (&home, &Input::Read, Need::Holders),
            (&away, &Input::Read, Need::Holders),
            (&home, &told, Need::Holders),
            (&away, &told, Need::Nothing),
            (&home, &by_replica, Need::Holders),
            (&away, &by_replica, Need::Nothing),
            (&home, &by_store, Need::Nothing),
            (&away, &by_store, Need::Nothing),
            (&home, &Input::Retire, Need::Nothing),
        ] {
            assert_eq!(Need::of(replica, input, false), need, "{input:?}");
        }
        assert_eq!(Need::of(&home, &Input::Read, true), Need::Fresh);
        let mut known = home;
        known.step(&Caller::Service, Input::Fresh, NOW);
        assert_eq!(Need::of(&known, &Input::Read, true), Need::Nothing);
        assert_eq!(known.cart(), &Cart::default());
    }

    #[test]
    fn what_cannot_be_read_is_not_shown_as_nothing() {
        let (away, mut asked) = (replica(AWAY, &[HOME]), Asked::default());
        let caller = |root: &CartId| Caller::Session {
            id: SessionId::mint([4; 15]),
            root: root.clone(),
            issued: NOW,
            current: false,
        };
        let shopper = caller(&away.book.cart_id);
        assert!(!asked.hides(&away, &shopper, &Input::Read));
        carry_out(&away, &mut asked, NOW, |_| Heard::Unread);
        assert!(asked.hides(&away, &shopper, &Input::Read) && asked.hides(&away, &shopper, &Input::Carts));
        assert!(!asked.hides(&away, &Caller::Service, &Input::Read));
        assert!(!asked.hides(&away, &shopper, &Input::SignOut));
        carry_out(&away, &mut asked, NOW.plus(ASK_AGAIN_MS), |_| Heard::Silent);
        assert!(!asked.hides(&away, &shopper, &Input::Read), "nobody is of another build any more");
        asked.refused(&Reject::ActorUnknown);
        assert!(!asked.hides(&away, &shopper, &Input::Read));
        asked.refused(&Reject::FrameTooNew { reads: 1 });
        assert!(asked.hides(&away, &shopper, &Input::Read));
        assert!(may_be_known_elsewhere(&Reject::CartNotFound, false));
        assert!(!may_be_known_elsewhere(&Reject::CartNotFound, true));
        assert!(may_be_known_elsewhere(&Reject::ActorUnknown, true));
        assert!(!may_be_known_elsewhere(&Reject::SignedOut, false));
    }
}
