//! The product starts and keeps an edit: what `make run` promises.

use harness::Runtime;

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_kept() {
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    let answer = shop.add(&session, "1095275", 2).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let view = shop.view(&session).await;
    assert_eq!(view["lines"][0]["quantity"], 2);
    assert_eq!(view["totals"]["total"]["amount_minor"], 100);
    assert_eq!(view["version"], answer.json()["version"]);
}
