//! What is on its way: messages with the moment at which each comes, and between which regions nothing
//! passes. Loss, repeats and delay are decided when a message is sent, order by the moments.

use std::collections::BTreeMap;

use cart_core::frame::Holder;
use cart_core::id::CartId;
use cart_core::replica::Input;
use cart_core::replica::telling::Answer;
use cart_core::time::Millis;

use super::fault::{Faults, Kind};
use crate::dice::Dice;

/// A call for which somebody waits.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Which.
    pub id: u64,
    /// Who waits.
    pub at: usize,
    /// In which of its lives.
    pub life: u32,
    /// Who is called.
    pub to: Holder,
}

/// What one cart tells another.
#[derive(Clone, Debug)]
pub struct Told {
    /// The other cart.
    pub cart: CartId,
    /// What it is called with.
    pub input: Input,
    /// What its teller steps with once that was answered.
    pub then: Input,
}

/// A message.
#[derive(Clone, Debug)]
pub enum Post {
    /// A frame, as a call of its receiver.
    Frame(Call, Vec<u8>),
    /// What was answered to it.
    Answer(Call, Answer),
    /// The call has waited long enough.
    Deadline(Call),
    /// What an object is called with by who does not wait: a receipt, or the frame that a store was asked for.
    Call(usize, Input),
    /// A frame in the queue of a store, and how often its consumers have given it back.
    Queue(usize, Vec<u8>, u32),
    /// What another cart is told by the object of one, and what follows there.
    Told(usize, Told),
    /// It was answered.
    Then(usize, Input),
    /// A place is reached again.
    Mended(usize),
}

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// How many of a hundred messages are lost.
    pub loss: u32,
    /// How many come twice.
    pub repeat: u32,
    /// How many take long.
    pub delay: u32,
    /// How often a message of a queue comes at most.
    pub queue_times: usize,
}

impl Weather {
    /// Nothing fails.
    pub const FAIR: Self = Self { loss: 0, repeat: 0, delay: 0, queue_times: 1 };
}

/// The network.
pub struct Network {
    /// How bad it is.
    pub weather: Weather,
    /// What is on its way: when it comes, and the how manieth it was.
    posts: BTreeMap<(Millis, u64), Post>,
    count: u64,
    cut: Vec<(usize, usize)>,
    /// How long a message takes from each place to each, at least.
    ways: Vec<Vec<u64>>,
}

impl Network {
    /// The most messages on their way; what is sent beyond is lost.
    const POSTS_MAX: usize = 200;

    /// With nothing on its way.
    pub fn new(weather: Weather, ways: Vec<Vec<u64>>) -> Self {
        Self { weather, posts: BTreeMap::new(), count: 0, cut: Vec::new(), ways }
    }

    /// When the next message comes.
    pub fn due(&self) -> Option<Millis> {
        self.posts.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next message.
    pub fn take(&mut self, faults: &mut Faults) -> Option<Post> {
        let ((_, number), post) = self.posts.pop_first()?;
        let queue = matches!(post, Post::Queue(..));
        if !matches!(post, Post::Deadline(_) | Post::Mended(_)) {
            let earlier = |((_, other), there): (&(Millis, u64), &Post)| {
                *other < number
                    && !matches!(there, Post::Deadline(_) | Post::Mended(_))
                    && matches!(there, Post::Queue(..)) == queue
            };
            if self.posts.iter().any(earlier) {
                faults.fire(if queue { Kind::QueueReordered } else { Kind::Reordered });
            }
        }
        Some(post)
    }

    /// All that is in the queue of a store by now and can be taken with what has just come.
    pub fn take_queued(&mut self, store: usize, until: Millis, most: usize) -> Vec<Vec<u8>> {
        let queued = self.posts.iter().filter(|((at, _), post)| {
            *at <= until && matches!(post, Post::Queue(there, ..) if *there == store)
        });
        let keys: Vec<_> = queued.map(|(key, _)| *key).take(most).collect();
        let posts = keys.iter().filter_map(|key| self.posts.remove(key));
        posts
            .filter_map(|post| if let Post::Queue(_, bytes, _) = post { Some(bytes) } else { None })
            .collect()
    }

    /// The bytes of some frame on its way.
    pub fn some_frame(&self) -> Option<Vec<u8>> {
        self.posts.values().find_map(|post| match post {
            Post::Frame(_, bytes) | Post::Queue(_, bytes, _) => Some(bytes.clone()),
            _ => None,
        })
    }

    /// Comes for sure, at a moment.
    pub fn put(&mut self, at: Millis, post: Post) {
        self.count += 1;
        self.posts.insert((at, self.count), post);
    }

    /// Whether a message gets through, over whatever way.
    pub fn passes(&self, (from, to): (usize, usize), dice: &mut Dice, faults: &mut Faults) -> bool {
        if self.cut.contains(&(from, to)) {
            faults.fire(Kind::Cut);
            return false;
        }
        let lost = from != to && self.weather.loss > 0 && dice.chance(self.weather.loss);
        if lost {
            faults.fire(Kind::Lost);
        }
        !lost
    }

    /// Sends a message from region to region.
    pub fn send(
        &mut self,
        way: (usize, usize),
        now: Millis,
        post: Post,
        dice: &mut Dice,
        faults: &mut Faults,
    ) {
        if !self.passes(way, dice, faults) {
            return;
        }
        self.put_later(way, now, post.clone(), dice, faults);
        if self.weather.repeat > 0 && dice.chance(self.weather.repeat) {
            faults.fire(Kind::Repeated);
            self.put_later(way, now, post, dice, faults);
        }
    }

    fn put_later(
        &mut self,
        (from, to): (usize, usize),
        now: Millis,
        post: Post,
        dice: &mut Dice,
        faults: &mut Faults,
    ) {
        let mut delay = self.ways[from][to] + dice.below(60) as u64;
        if self.weather.delay > 0 && dice.chance(self.weather.delay) {
            faults.fire(Kind::Delayed);
            let most = *dice.pick(&[1_000, 4_000, 120_000]);
            delay += dice.below(most) as u64;
        }
        if self.posts.len() < Self::POSTS_MAX {
            self.put(now.plus(delay), post);
        }
    }

    /// Puts a frame in the queue of a store, which delivers it at least once.
    pub fn enqueue(&mut self, store: usize, now: Millis, bytes: &[u8], dice: &mut Dice, faults: &mut Faults) {
        let times = 1 + dice.below(self.weather.queue_times);
        if times > 1 {
            faults.fire(Kind::QueueRepeated);
        }
        for _ in 0..times {
            let mut delay = 50 + dice.below(2_000) as u64;
            if self.weather.queue_times > 1 && dice.chance(20) {
                faults.fire(Kind::QueueDelayed);
                delay += dice.below(90_000) as u64;
            }
            self.put(now.plus(delay), Post::Queue(store, bytes.to_vec(), 0));
        }
    }

    /// What is in the queues comes so much later, in milliseconds.
    pub fn hold_queues(&mut self, ms: u64) {
        let held = |((at, count), post): ((Millis, u64), Post)| match post {
            Post::Queue(..) => ((at.plus(ms), count), post),
            _ => ((at, count), post),
        };
        self.posts = std::mem::take(&mut self.posts).into_iter().map(held).collect();
    }

    /// Nothing passes from one region to another any more.
    pub fn cut(&mut self, from: usize, to: usize) {
        if from != to && !self.cut.contains(&(from, to)) {
            self.cut.push((from, to));
        }
    }

    /// One place reaches the others, and they it.
    pub fn mend(&mut self, place: usize) {
        self.cut.retain(|(from, to)| *from != place && *to != place);
    }

    /// Everything passes again.
    pub fn heal(&mut self) {
        self.cut.clear();
    }
}
