//! What a cart costs that is in several regions, on the real runtime, three processes: rows read and written
//! by each object, as it counts them since it woke, alarms included (one that is set is a row); frames and
//! the bytes of their bodies, as the proxies between the regions count them. The numbers are exact, so that a
//! change which costs more does not pass unseen.

use std::cell::Cell;
use std::time::{Duration, Instant};

use cart_core::replica::COALESCE_MS;
use futures_util::future::join_all;
use harness::{Answer, Counts, Regions, RegionsOptions, Session, without_stores};
use reqwest::Method;

const NAMES: [&str; 3] = ["weur", "enam", "apac"];
const SKU: &str = "1095275";
/// Longer than a replica waits with anything that it has to tell.
const QUIET: Duration = Duration::from_millis(5_500);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// An object that nobody calls sleeps sooner.
const SLEEP: Duration = Duration::from_secs(13);
/// The most that an edit may take between regions: bodies of frames and answers.
const BYTES_MAX: u64 = 700;
/// The edits of a burst.
const BURST: u64 = 8;
/// How often a burst is tried.
const BURSTS_MAX: usize = 50;

/// Rows read, rows written.
type Rows = (u64, u64);
/// An edit, or what another region tells: the row is found and written.
const EDIT: Rows = (1, 1);
/// The same, and an alarm: it is set, reads the row when it goes off, and writes that others have all.
const TELLS: Rows = (3, 3);
/// The object wakes: its one row is read.
const WAKES: Rows = (1, 0);
/// It is asked for what the home has, and acknowledged; then the home is told that there is a replica.
const ARRIVAL_FRAMES: u64 = 4;

/// The home of the cart comes first.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_costs_what_it_costs_in_one_two_and_three_regions() {
    let options = RegionsOptions { vars: vec![without_stores()], ..RegionsOptions::default() };
    let regions = Regions::start(&NAMES, options).await;
    let session = regions.shop(NAMES[0]).open().await;
    let mut cart = Cart { regions: &regions, session, last: None };

    // As if there were no other region: a row.
    cart.add(0).await;
    cart.quiet(1).await;
    let edit = cart.costs(1, async |cart| drop(cart.add(0).await)).await;
    assert_eq!(edit.rows, [EDIT]);
    assert_eq!(cart.counts(), Counts::default(), "nobody was told or asked");

    // A second region asks the home once, says that it is there, and is told.
    cart.come_to(1).await;
    let arrival = cart.quiet(2).await;
    println!("arrival in a second region: {} frames, {} bytes", arrival.1.frames, bytes(arrival.1));
    assert_eq!(arrival.1.frames, ARRIVAL_FRAMES);
    let at_home = cart.costs(2, async |cart| drop(cart.add(0).await)).await;
    assert_eq!((at_home.rows, at_home.frames), (vec![TELLS, EDIT], 1), "an edit at home");
    let away = cart.costs(2, async |cart| drop(cart.add(1).await)).await;
    assert_eq!((away.rows, away.frames), (vec![EDIT, TELLS], 1), "an edit away");
    let burst = cart.burst().await;
    assert_eq!(burst.frames, 1, "what is made at once is told at once");
    assert_eq!(burst.rows, [(BURST + 2, BURST + 2), EDIT], "a burst");

    // Of the two that are told, one looks whether the other was.
    cart.come_to(2).await;
    cart.quiet(3).await;
    let three = cart.costs(3, async |cart| drop(cart.add(0).await)).await;
    assert_eq!((three.rows, three.frames), (vec![TELLS; 3], 3), "an edit in three regions");
    for (edits, costs) in [(1, at_home.bytes), (1, away.bytes), (BURST, burst.bytes), (1, three.bytes)] {
        assert!((1..=BYTES_MAX * edits).contains(&costs), "{costs} bytes for {edits} edits");
    }

    // Idle: nothing passes, and who is asked in the end has only to wake.
    let before = cart.counts();
    tokio::time::sleep(SLEEP).await;
    for name in NAMES {
        assert_eq!(cart.rows(name).await, WAKES, "{name} has slept, and nothing has woken it");
    }
    assert_eq!(cart.counts(), before, "an idle cart sends nothing");
}

fn bytes(counts: Counts) -> u64 {
    counts.frame_bytes + counts.answer_bytes
}

/// What something costs: rows of each object, frames on all links, bytes of their bodies and answers.
#[derive(PartialEq, Eq, Debug)]
struct Costs {
    rows: Vec<Rows>,
    frames: u64,
    bytes: u64,
}

struct Cart<'a> {
    regions: &'a Regions,
    session: Session,
    /// When it was quiet last.
    last: Option<(Vec<Rows>, Counts)>,
}

impl Cart<'_> {
    /// An edit where the session has been last: nobody else is asked.
    async fn add(&self, region: usize) -> Answer {
        let session = self.session.moved_to(NAMES[region]);
        let answer = self.regions.shop(NAMES[region]).add(&session, SKU, 1).await.expect(200);
        assert_eq!(answer.header("evercart-region"), NAMES[region]);
        answer
    }

    /// What edits cost that come within the time that a replica waits with what it has to tell, in two regions. A
    /// machine that is busy may take longer over them: then they were not made at once, and are made again.
    async fn burst(&mut self) -> Costs {
        for _ in 0..BURSTS_MAX {
            let took = Cell::new(Duration::MAX);
            let costs = self
                .costs(2, async |cart| {
                    let began = Instant::now();
                    join_all((0..BURST).map(|_| cart.add(0))).await;
                    took.set(began.elapsed());
                })
                .await;
            if took.get() < Duration::from_millis(COALESCE_MS) {
                return costs;
            }
            println!("{BURST} edits took {:?}: once more", took.get());
        }
        panic!("{BURST} edits never came within {COALESCE_MS} ms")
    }

    /// The shopper comes to another region from home.
    async fn come_to(&self, region: usize) {
        let shop = self.regions.shop(NAMES[region]).in_region(NAMES[region]);
        let path = format!("/v1/carts/{}", self.session.cart_id);
        let answer = Answer::of(shop.call(&self.session, Method::GET, &path)).await.expect(200);
        assert_eq!(answer.json()["partial"], false);
    }

    /// What an object has read and written since it woke. Reading that costs nothing.
    async fn rows(&self, region: &str) -> Rows {
        let session = self.session.moved_to(region);
        let path = format!("/v1/carts/{}", session.cart_id);
        let answer = Answer::of(self.regions.shop(region).call(&session, Method::GET, &path)).await;
        answer.expect(200).rows_since_wake()
    }

    fn counts(&self) -> Counts {
        let links = self.regions.links();
        links.map(|(_, _, link)| link.counts_of(&self.session.cart_id)).fold(Counts::default(), Counts::plus)
    }

    /// Waits until nothing passes and nothing is written any more. Objects that are asked do not sleep.
    async fn quiet(&mut self, regions: usize) -> (Vec<Rows>, Counts) {
        let mut since = Instant::now();
        loop {
            let mut rows = Vec::new();
            for name in &NAMES[..regions] {
                rows.push(self.rows(name).await);
            }
            let now = (rows, self.counts());
            if self.last.as_ref() != Some(&now) {
                (since, self.last) = (Instant::now(), Some(now));
            } else if since.elapsed() > QUIET {
                return now;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What some edits cost, until all is quiet again. It must be quiet before.
    async fn costs(&mut self, regions: usize, edits: impl AsyncFn(&Self)) -> Costs {
        let (rows, counts) = self.last.clone().expect("it is quiet");
        edits(self).await;
        let (rows_after, counts_after) = self.quiet(regions).await;
        let less = |(after, before): (&Rows, &Rows)| (after.0 - before.0, after.1 - before.1);
        let costs = Costs {
            rows: rows_after.iter().zip(&rows).map(less).collect(),
            frames: counts_after.frames - counts.frames,
            bytes: bytes(counts_after) - bytes(counts),
        };
        println!("{costs:?}");
        costs
    }
}
