//! Three regions as three processes: that they start together, that the links lead where they say, and that
//! each can be killed, stopped and emptied while the others go on.

use harness::{Answer, Counts, Regions, RegionsOptions, Shop};
use reqwest::Method;

const NAMES: [&str; 3] = ["apac", "enam", "weur"];
const SKU: &str = "1095275";

#[tokio::test(flavor = "multi_thread")]
async fn regions_start_fail_and_return_each_by_itself() {
    let began = std::time::Instant::now();
    let mut regions = Regions::start(&NAMES, RegionsOptions::default()).await;
    println!("three regions are ready after {:.1} s", began.elapsed().as_secs_f64());
    assert_eq!(ready(&regions).await, NAMES);

    for (from, to, link) in regions.links() {
        let through = Shop::at(link.url().to_owned());
        assert!(through.is_ready().await, "{from} to {to}");
        assert!(through.open().await.cart_id.contains(to), "the link from {from} leads to {to}");
        assert_eq!(link.counts(), Counts::default(), "none of these is a frame");
    }
    regions.isolate("weur");
    for (from, to, link) in regions.links() {
        let cut = from == "weur" || to == "weur";
        assert_ne!(Shop::at(link.url().to_owned()).is_ready().await, cut, "{from} to {to}");
    }
    assert_eq!(ready(&regions).await, NAMES, "clients do not go through the links");

    // What is asked here must hold when regions exchange carts too: weur stays cut off.
    let shop = regions.shop("weur");
    let session = shop.open().await;
    shop.add(&session, SKU, 2).await.expect(200);
    regions.kill("weur");
    assert_eq!(ready(&regions).await, ["apac", "enam"]);
    regions.restart("weur").await;
    assert_eq!(shop.view(&session).await["totals"]["quantity"], 2, "what was stored is there");

    regions.stop("enam");
    let asked = regions.shop("enam").request(Method::GET, "/readyz");
    let asked = tokio::spawn(Answer::of(asked));
    assert_eq!(ready(&regions).await, ["apac", "weur"]);
    assert!(!asked.is_finished(), "a stopped region does not answer");
    regions.resume("enam");
    asked.await.expect("the request is answered after all").expect(200);

    regions.stop("weur");
    regions.wipe("weur").await;
    assert_eq!(shop.view(&session).await["totals"]["quantity"], 0, "nothing that was stored is there");
    regions.heal();
    assert_eq!(ready(&regions).await, NAMES);
    let session = shop.open().await;
    let view = shop.add(&session, SKU, 2).await.expect(200).json();
    assert_eq!(view["totals"]["total"]["amount_minor"], 100, "the catalog stays");
    for (from, to, link) in regions.links() {
        assert!(Shop::at(link.url().to_owned()).is_ready().await, "healed, {from} to {to}");
    }
}

/// The regions that answer.
async fn ready(regions: &Regions) -> Vec<&str> {
    let mut ready = Vec::new();
    for name in regions.names() {
        if regions.shop(name).is_ready().await {
            ready.push(name);
        }
    }
    ready
}
