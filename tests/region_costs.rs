//! What a cart costs that is in several regions, on the real runtime, three processes: rows read and written
//! by each object, as it counts them since it woke, alarms included (one that is set is a row); frames and
//! the bytes of their bodies, as the proxies between the regions count them. The numbers are exact, so that a
//! change which costs more does not pass unseen.

use std::time::Duration;

use harness::{Answer, Counts, Regions, RegionsOptions, Session};
use reqwest::Method;

const NAMES: [&str; 3] = ["weur", "enam", "apac"];
const SKU: &str = "1095275";
/// Longer than a replica waits with anything that it has to tell.
const QUIET: Duration = Duration::from_secs(6);
/// An object that nobody calls sleeps sooner.
const SLEEP: Duration = Duration::from_secs(13);
/// The most that an edit may take between two regions: frames and answers, heads left out.
const BYTES_MAX: u64 = 600;

/// Rows read, rows written.
type Rows = (u64, u64);

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_costs_what_it_costs_in_one_two_and_three_regions() {
    let regions = Regions::start(&NAMES, RegionsOptions::default()).await;
    let session = regions.shop("weur").open().await;
    let cart = Cart { regions: &regions, session };

    // One region: as if there were no other.
    cart.add("weur").await;
    let one = cart.costs(&["weur"], async || drop(cart.add("weur").await)).await;
    println!("one region: {one:?}");
    assert_eq!(one, Costs { rows: vec![(1, 1)], frames: 0, bytes: 0 });
    assert_eq!(cart.counts(), Counts::default(), "nobody was told or asked");

    // The shopper comes to a second region: it asks the home.
    let arrival = Answer::of(regions.shop("enam").in_region("enam").call(
        &cart.session,
        Method::GET,
        &format!("/v1/carts/{}", cart.session.cart_id),
    ));
    assert_eq!(arrival.await.expect(200).json()["partial"], false);
    cart.quiet(&["weur", "enam"]).await;
    println!("arrival in a second region: {:?}", cart.counts());
    let two = cart.costs(&["weur", "enam"], async || drop(cart.add("weur").await)).await;
    println!("two regions, an edit at home: {two:?}");
    let away = cart.costs(&["weur", "enam"], async || drop(cart.add("enam").await)).await;
    println!("two regions, an edit away: {away:?}");
    let burst = cart
        .costs(&["weur", "enam"], async || {
            for _ in 0..8 {
                cart.add("weur").await;
            }
        })
        .await;
    println!("two regions, eight edits in a burst: {burst:?}");

    let arrival = Answer::of(regions.shop("apac").in_region("apac").call(
        &cart.session,
        Method::GET,
        &format!("/v1/carts/{}", cart.session.cart_id),
    ));
    assert_eq!(arrival.await.expect(200).json()["partial"], false);
    cart.quiet(&NAMES).await;
    let three = cart.costs(&NAMES, async || drop(cart.add("weur").await)).await;
    println!("three regions, an edit at home: {three:?}");
    let three_away = cart.costs(&NAMES, async || drop(cart.add("apac").await)).await;
    println!("three regions, an edit away: {three_away:?}");

    // Idle: nothing passes, and who is asked at last has only to wake.
    let before = cart.counts();
    tokio::time::sleep(SLEEP).await;
    for name in NAMES {
        assert_eq!(cart.rows(name).await, (1, 0), "{name} has slept, and has been called for nothing");
    }
    assert_eq!(cart.counts(), before, "an idle cart sends nothing");
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
}

impl Cart<'_> {
    /// An edit where the session has been last: nobody else is asked.
    async fn add(&self, region: &str) -> Answer {
        let session = self.session.moved_to(region);
        let answer = self.regions.shop(region).add(&session, SKU, 1).await.expect(200);
        assert_eq!(answer.header("evercart-region"), region);
        answer
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
    async fn quiet(&self, names: &[&str]) -> (Vec<Rows>, Counts) {
        let mut last = None;
        loop {
            let mut rows = Vec::new();
            for name in names {
                rows.push(self.rows(name).await);
            }
            let now = (rows, self.counts());
            if last.as_ref() == Some(&now) {
                return now;
            }
            last = Some(now);
            tokio::time::sleep(QUIET).await;
        }
    }

    /// What some edits cost, until all is quiet again.
    async fn costs(&self, names: &[&str], edits: impl AsyncFn()) -> Costs {
        let (rows, counts) = self.quiet(names).await;
        edits().await;
        let (rows_after, counts_after) = self.quiet(names).await;
        let less = |(after, before): (&Rows, &Rows)| (after.0 - before.0, after.1 - before.1);
        let bytes = |counts: Counts| counts.frame_bytes + counts.answer_bytes;
        Costs {
            rows: rows_after.iter().zip(&rows).map(less).collect(),
            frames: counts_after.frames - counts.frames,
            bytes: bytes(counts_after) - bytes(counts),
        }
    }
}
