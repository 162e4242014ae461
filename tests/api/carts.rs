//! Carts: made, listed, the newest of them.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_several_carts_and_the_newest_is_current() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let mut ids = vec![client.session.cart_id.clone()];
    for currency in ["EUR", "GBP"] {
        let answer = client.post("/v1/carts", json!({"currency": currency})).await.expect(201);
        let view = answer.json();
        let id = text(&view, "cart_id").to_owned();
        assert_eq!(answer.header("location"), format!("/v1/carts/{id}"));
        assert!(!answer.header("idempotency-key").is_empty());
        assert_eq!((text(&view, "currency"), &view["lines"]), (currency, &json!([])));
        assert_eq!(client.get(answer.header("location")).await.expect(200).json(), view);
        assert_eq!(client.get("/v1/carts/current").await.expect(200).json(), view);
        ids.push(id);
    }
    // Edits of `current` go to the newest, those by id where they say.
    let view = client.post("/v1/carts/current/lines", json!({"sku": BANANAS.0})).await.expect(200).json();
    assert_eq!(view["cart_id"], json!(ids[2]));
    assert_eq!(lines(&client.view().await), [format!("{}:1", BAGELS.0)]);
    let carts = client.get("/v1/carts").await.expect(200).json();
    let expected: Vec<Value> =
        ids.iter().rev().enumerate().map(|(at, id)| json!({"cart_id": id, "current": at == 0})).collect();
    assert_eq!(carts, json!({"carts": expected, "next_cursor": null}));
    // When the newest goes, the one before is current.
    client.delete("/v1/carts/current").await.expect(204);
    assert_eq!(client.get("/v1/carts/current").await.expect(200).json()["cart_id"], json!(ids[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_of_carts_comes_in_pages() {
    let client = client().await;
    let mut ids = vec![client.session.cart_id.clone()];
    for _ in 0..54 {
        ids.push(text(&client.post("/v1/carts", json!({})).await.expect(201).json(), "cart_id").to_owned());
    }
    ids.reverse();
    let page = client.get("/v1/carts").await.expect(200).json();
    let cursor = text(&page, "next_cursor");
    let rest = client.get(&format!("/v1/carts?cursor={cursor}")).await.expect(200).json();
    assert_eq!(page["carts"].as_array().map(Vec::len), Some(50));
    assert_eq!(rest["next_cursor"], Value::Null);
    let pages = [&page, &rest].into_iter().flat_map(|page| page["carts"].as_array().expect("carts"));
    let listed: Vec<&str> = pages.map(|cart| text(cart, "cart_id")).collect();
    assert_eq!(listed, ids);
    client.get("/v1/carts?cursor=c_weur_00000000000000000000000g").await.refused(422, "invalid_field");
}

#[tokio::test(flavor = "multi_thread")]
async fn making_a_cart_again_with_its_key_makes_the_same() {
    let client = client().await;
    let make = async |key: &str, body: Value| client.keyed(key, Method::POST, "/v1/carts", body).await;
    let first = make("one", json!({"currency": "EUR"})).await.expect(201);
    let again = make("one", json!({"currency": "EUR"})).await.expect(201);
    assert_eq!((again.json(), again.header("location")), (first.json(), first.header("location")));
    make("one", json!({"currency": "GBP"})).await.refused(422, "key_reused");
    let other = make("two", json!({"currency": "EUR"})).await.expect(201);
    assert_ne!(other.header("location"), first.header("location"));
    let carts = client.get("/v1/carts").await.expect(200).json();
    assert_eq!(carts["carts"].as_array().map(Vec::len), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn making_a_cart_again_is_told() {
    let client = client().await;
    let make = async |body: Value| client.keyed("one", Method::POST, "/v1/carts", body).await;
    make(json!({})).await.expect(201);
    assert_eq!(make(json!({})).await.expect(201).header("idempotency-replayed"), "true");
    make(json!({"currency": "EUR"})).await.refused(422, "key_reused");
    let late = client.later(DAY + MINUTE).renew().await;
    late.keyed("one", Method::POST, "/v1/carts", json!({})).await.refused(410, "key_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_view_shows_what_the_contract_says() {
    let client = client().await;
    client.add(BAGELS.0, 3).await;
    client.post("/coupons", json!({"code": "SAVE10"})).await.expect(200);
    let answer = client.patch("", json!({"locale": "en-US"})).await.expect(200);
    let view = answer.json();
    let usd = |minor: i64| json!({"amount_minor": minor, "currency": "USD"});
    let expected = json!({
        "cart_id": client.session.cart_id, "version": view["version"], "context": view["context"],
        "region": "weur",
        "lines": [{
            "line_id": line_id(BAGELS.0), "sku": BAGELS.0, "variant": null, "customization": null,
            "title": "Rolls: Bagels, 4 oz", "quantity": 3, "unit_price": usd(50), "total": usd(150),
        }],
        "saved": [], "partial": false, "prices": "current", "coupons": ["SAVE10"], "note": null, "currency": "USD",
        "locale": "en-US", "delivery_region": null,
        "totals": {"quantity": 3, "subtotal": usd(150), "discount": usd(0), "total": usd(150)},
        "updated_at": view["updated_at"],
    });
    assert_eq!(view, expected);
    assert_eq!(text(&view, "version").len(), 32);
    assert!(text(&view, "updated_at").ends_with('Z'), "RFC 3339 in UTC: {}", view["updated_at"]);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(client.view().await, view);
}
