//! The world of a trace: its sites, the network between them and what is remembered. Each event is a
//! method that does it and checks all that it touched.

mod edits;
mod messages;

use std::rc::Rc;

use cart_core::cart::Cart;
use cart_core::id::{Actor, CartId, Region, Scope};
use cart_core::time::{Day, Millis};
use cart_core::transplant::Transplant;

use crate::catalog::Catalog;
use crate::dice::Dice;
use crate::trace::coverage::{Coverage, Mark};
use crate::trace::edit::{Edit, Habits, View};
use crate::trace::laws;
use crate::trace::network::Network;
use crate::trace::site::Site;
use crate::trace::situation;
use crate::trace::witness::Witness;
use crate::violation::{Check, Fault, Invariant};

/// The site at which orders are made.
const HOME: usize = 0;
/// The cart of the user, and with all bits flipped the guest's.
const SCOPE: Scope = Scope(0x5eed_0002);
const FIRST_DAY: Day = Day(20_600);
/// How many earlier views, edits and states a trace keeps.
const KEPT_MAX: usize = 4;

/// The world of a trace.
pub struct World {
    dice: Dice,
    event: usize,
    now: Millis,
    day: Day,
    catalog: Catalog,
    habits: Habits,
    /// The user's replicas, then the guest's cart if there is one.
    sites: Vec<Site>,
    users: usize,
    guest_cart: CartId,
    network: Network,
    views: Vec<View>,
    retries: Vec<Edit>,
    /// Whether an edit was made again at another replica: only then may payloads of a dot differ.
    retried: bool,
    /// Some states and deltas met, for the laws.
    samples: Vec<Rc<Cart>>,
    fences: u64,
    witness: Witness,
    coverage: Coverage,
    history: Option<Vec<String>>,
}

impl World {
    /// The world of a seed; `tells` if a history is wanted.
    pub fn new(seed: u64, tells: bool) -> Self {
        let mut dice = Dice::new(seed);
        let catalog = Catalog::new();
        let users = 3 + dice.below(3);
        let sites = users + usize::from(dice.chance(25));
        let skews: &[i64] = if dice.chance(50) { &[0] } else { &[0, 1, -1, 600_000, -600_000] };
        let site = |dice: &mut Dice| {
            let actor = Actor::mint(FIRST_DAY, dice.bits());
            Site::new(actor, *dice.pick(skews))
        };
        Self {
            event: 0,
            now: Millis(FIRST_DAY.start().0 + 9 * 3_600_000),
            day: FIRST_DAY,
            habits: Habits::of(&mut dice, &catalog),
            sites: (0..sites).map(|_| site(&mut dice)).collect(),
            users,
            guest_cart: CartId::mint(Region::Weur, [7; 15]),
            network: Network::of(&mut dice),
            views: Vec::new(),
            retries: Vec::new(),
            retried: false,
            samples: Vec::new(),
            fences: 0,
            witness: Witness::default(),
            coverage: Coverage::default(),
            history: tells.then(Vec::new),
            catalog,
            dice,
        }
    }

    /// The dice of this world.
    pub fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }

    /// Which event it is.
    pub fn event(&self) -> usize {
        self.event
    }

    /// What was met so far.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// What has happened, if it was wanted.
    pub fn into_history(self) -> Vec<String> {
        self.history.unwrap_or_default()
    }

    /// The bytes of the last site, as it is.
    pub fn last_state(&self) -> Vec<u8> {
        self.sites[self.sites.len() - 1].cart.to_bytes()
    }

    /// The next event. Clocks that stand still make equal times, which actors decide.
    pub fn pass_time(&mut self) {
        self.event += 1;
        self.now = self.now.plus(*self.dice.pick(&[0, 0, 1, 900]));
    }

    /// A device takes a new actor.
    pub fn renew_one(&mut self) -> Check {
        let site = self.dice.below(self.sites.len());
        self.renew(site);
        Ok(())
    }

    fn renew(&mut self, site: usize) {
        let actor = Actor::mint(self.day, self.dice.bits());
        self.sites[site].renew(actor);
        self.coverage.mark(Mark::Renew);
    }

    /// A replica is read back from its row.
    pub fn restart(&mut self) -> Check {
        let site = self.any_user();
        self.coverage.mark(Mark::Restart);
        let cart = &mut self.sites[site].cart;
        laws::check_bytes(cart)?;
        if let Ok(read) = Cart::from_bytes(&cart.to_bytes()) {
            *cart = read;
        }
        self.check_site(site)
    }

    /// A caller is shown a site, and may make a change on that later.
    pub fn look(&mut self) -> Check {
        let site = self.any_user();
        let view = self.sites[site].view()?;
        keep(&mut self.views, view, &mut self.dice);
        Ok(())
    }

    /// Actors retire. All leases have ended and all replicas have acknowledged what those actors did; what
    /// is still in flight of it comes late, and must do nothing.
    pub fn raise_horizon(&mut self) -> Check {
        self.heal()?;
        self.day = Day(self.day.0 + 1);
        self.now = self.now.plus(Millis::DAY);
        self.retries.clear();
        (0..self.sites.len()).for_each(|site| self.renew(site));
        self.coverage.mark(Mark::Horizon);
        tell(&mut self.history, || format!("#{} the home raises the horizon to {:?}", self.event, self.day));
        self.sites[HOME].cart.raise_horizon(self.day);
        self.check_site(HOME)
    }

    /// The sites tell each other their full states, round and round, until all must be equal.
    pub fn heal(&mut self) -> Check {
        (self.users..self.sites.len()).try_for_each(|guest| self.tell_state(guest, HOME))?;
        (0..2 * self.users - 2)
            .try_for_each(|step| self.tell_state(step % self.users, (step + 1) % self.users))
    }

    fn check_site(&mut self, at: usize) -> Check {
        let site = &mut self.sites[at];
        situation::mark_state(&mut self.coverage, &site.cart);
        tell(&mut self.history, || format!("     site {at} shows {}", situation::shown(&site.cart)));
        site.check(&self.witness, &self.catalog)
    }

    /// The laws, on what was met in this trace.
    pub fn check_laws(&mut self) -> Check {
        let (one, two) = (self.any_user(), self.any_user());
        laws::check_equality(&self.sites[one].cart, &self.sites[two].cart)?;
        laws::check_lacking(&self.sites[one].cart, &self.sites[two].cart)?;
        let mut any = || match self.samples.as_slice() {
            samples if samples.is_empty() || self.dice.chance(30) => {
                self.sites[self.dice.below(self.users)].cart.clone()
            }
            samples => Cart::clone(self.dice.pick::<Rc<Cart>>(samples)),
        };
        let (a, b, c) = (any(), any(), any());
        laws::check_join(&a, &b, &c)
    }

    /// Healed sites are equal, have all they must, and stay so whatever still comes. Returns their bytes.
    pub fn check_end(&mut self) -> Result<Vec<u8>, Fault> {
        let (home, others) = (&self.sites[HOME].cart, &self.sites[1..self.users]);
        for other in others {
            Fault::unless(other.cart == *home, Invariant::I6SameEnd, || {
                format!("healed, but not equal:\n    {home:?}\n    {:?}", other.cart)
            })?;
        }
        laws::check_equality(home, &others[others.len() - 1].cart)?;
        self.witness.look_at_end(home)?;
        for message in self.network.flight() {
            let mut after = home.clone();
            after.join(&message.cart);
            Fault::unless(after == *home, Invariant::I6SameEnd, || {
                format!("what came late of #{} changed the end: {:?}", message.sent, message.cart)
            })?;
        }
        Ok(home.to_bytes())
    }

    /// How the guest's cart is taken to the user's: it was sealed before the trace begins.
    fn transplant(&self) -> Transplant<'_> {
        Transplant { from: &self.guest_cart, sealed: FIRST_DAY, at: FIRST_DAY.start() }
    }

    fn any_user(&mut self) -> usize {
        self.dice.below(self.users)
    }
}

/// Keeps something, in place of something else if there is much already.
fn keep<T>(kept: &mut Vec<T>, new: T, dice: &mut Dice) {
    if kept.len() < KEPT_MAX {
        kept.push(new);
    } else {
        kept[dice.below(KEPT_MAX)] = new;
    }
}

fn tell(history: &mut Option<Vec<String>>, line: impl FnOnce() -> String) {
    if let Some(history) = history {
        history.push(line());
    }
}
