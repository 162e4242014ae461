//! Leases of actors, and sync.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_is_leased_for_thirty_days() {
    let client = client().await;
    let first = client.keyed("tab-1", Method::POST, "/actors", json!({})).await.expect(201).json();
    assert_eq!(names(&first), ["actor", "expires_at"]);
    assert_eq!(text(&first, "actor").len(), 16);
    let again = client.keyed("tab-1", Method::POST, "/actors", json!({})).await.expect(201).json();
    assert_eq!(first, again, "a retry leases the same");
    let other = client.post("/actors", json!({})).await.expect(201).json();
    assert_ne!(first["actor"], other["actor"]);
    // A lease is its cart's.
    let device = client.shop.device(&client.session, &client.session.cart_id).await;
    let second = client.post("/v1/carts", json!({})).await.expect(201).json();
    let request = device.clone().request().to_bytes();
    client
        .shop
        .sync(&client.session, text(&second, "cart_id"), request.clone())
        .await
        .refused(403, "actor_unknown");
    // It ends.
    let late = client.later(30 * DAY - MINUTE).renew().await;
    let sync = async |client: &Client| {
        Answer::of(client.call(Method::POST, "/sync").header("Content-Type", DELTA).body(request.clone()))
            .await
    };
    sync(&late).await.expect(200);
    sync(&client.later(30 * DAY - 2 * SECOND).renew().await.later(30 * DAY + MINUTE))
        .await
        .refused(410, "actor_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_left_without_an_edit_make_room() {
    let client = client().await;
    let mut device = client.shop.device(&client.session, &client.session.cart_id).await;
    // Pages that keep nothing lease anew with each load: those that made no edit make room.
    for _ in 0..300 {
        client.post("/actors", json!({})).await.expect(201);
    }
    let key = LineKey::new(BANANAS.0, None, None).expect("a key");
    device.edit(
        Change::Add { key, details: None, quantity: 2, at: Location::Cart },
        cart_core::time::Millis(0),
    );
    client.shop.exchange(&client.session, &client.session.cart_id, &mut device).await;
    assert_eq!(lines(&client.view().await), [format!("{}:2", BANANAS.0)], "a device of before keeps its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_answers_with_what_the_device_lacks() {
    let client = client().await;
    client.add(BAGELS.0, 2).await;
    let mut device = client.shop.device(&client.session, &client.session.cart_id).await;
    let request = device.request().to_bytes();
    let answer = client.shop.sync(&client.session, &client.session.cart_id, request).await.expect(200);
    assert_eq!((answer.header("content-type"), answer.header("cache-control")), (DELTA, "no-store"));
    client.shop.exchange(&client.session, &client.session.cart_id, &mut device).await;
    let before = client.view().await;
    assert_eq!(device.cart().version().to_hex(), text(&before, "version"));
    assert_eq!(device.sequence(), answer.sequence());
    let key = LineKey::new(BANANAS.0, None, None).expect("a key");
    device.edit(
        Change::Add { key, details: None, quantity: 4, at: Location::Cart },
        cart_core::time::Millis(0),
    );
    client.shop.exchange(&client.session, &client.session.cart_id, &mut device).await;
    let view = client.view().await;
    assert_eq!(lines(&view), [format!("{}:2", BAGELS.0), format!("{}:4", BANANAS.0)]);
    assert_eq!(device.cart().version().to_hex(), text(&view, "version"));
    // The same over `current`, by the session's cookie.
    let request = device.request().to_bytes();
    let call = client.shop.request(Method::POST, "/v1/carts/current/sync").header("Content-Type", DELTA);
    let cookie = format!("__Host-evercart={}", client.session.token);
    Answer::of(call.header("Cookie", cookie).body(request)).await.expect(200);
}
