//! Erasure and export.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_cart_is_gone_for_ever() {
    let (client, guest) = (client().await, client().await);
    guest.add(BAGELS.0, 1).await;
    client.add(BAGELS.0, 3).await;
    let second = client.keyed("second", Method::POST, "/v1/carts", json!({})).await.expect(201).json();
    let device = client.shop.device(&client.session, &client.session.cart_id).await;
    let mut ids = vec![text(&second, "cart_id").to_owned(), client.session.cart_id.clone()];
    // First a further cart, then the session's first.
    for id in ids.clone() {
        let path = format!("/v1/carts/{id}");
        let answer = client.delete(&path).await.expect(204);
        assert_eq!(answer.bytes.len(), 0);
        for (name, call) in cart_calls(&client.shop, &id, &guest.session) {
            let answer = Answer::of(call.bearer_auth(&client.session.token)).await.expect(404);
            assert!(name == "head" || answer.code() == "cart_not_found", "{name}");
        }
        let sync = client.shop.sync(&client.session, &id, device.clone().request().to_bytes()).await;
        sync.refused(404, "cart_not_found");
        client.keyed("second", Method::POST, "/v1/carts", json!({})).await.refused(404, "cart_not_found");
        ids.remove(0);
        let carts = client.get("/v1/carts").await.expect(200).json();
        let listed: Vec<&str> =
            carts["carts"].as_array().expect("carts").iter().map(|cart| text(cart, "cart_id")).collect();
        assert_eq!(listed, ids);
    }
    client.get("/v1/carts/current").await.refused(404, "cart_not_found");
    // The session goes on with a new cart.
    let third = client.post("/v1/carts", json!({})).await.expect(201).json();
    assert_eq!(client.get("/v1/carts/current").await.expect(200).json(), third);
    client.later(DAY).renew().await.get("/v1/carts/current").await.expect(200);
    client.get("").await.refused(404, "cart_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_held_can_be_exported() {
    let client = client().await;
    client.add(BAGELS.0, 3).await;
    let view = client.patch("", json!({"note": "hello"})).await.expect(200).json();
    let answer = client.get("/export").await.expect(200);
    let export = answer.json();
    assert_eq!(names(&export), ["created_at", "exported_at", "sequence", "session_id", "state", "view"]);
    assert_eq!((&export["view"], text(&export, "session_id")), (&view, &*client.session.session_id));
    assert_eq!(answer.header("cache-control"), "no-store");
    let state = Cart::from_bytes(&base64(text(&export, "state"))).expect("a state");
    assert_eq!(state.version().to_hex(), text(&view, "version"));
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} in base64"),
    };
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.bytes() {
        bits = bits << 6 | u32::from(digit(byte));
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

/// A repeat is not for the cart that is the newest then.
#[tokio::test(flavor = "multi_thread")]
async fn erasing_current_again_erases_no_other() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    for _ in 0..2 {
        client.post("/v1/carts", json!({})).await.expect(201);
    }
    let erase =
        async |key: &str| client.keyed(key, Method::DELETE, "/v1/carts/current", json!({})).await.expect(204);
    let carts = async || client.get("/v1/carts").await.expect(200).json()["carts"].as_array().map(Vec::len);
    for (key, replayed, left) in
        [("a", "", 2), ("a", "true", 2), ("b", "", 1), ("a", "true", 1), ("b", "true", 1)]
    {
        assert_eq!(erase(key).await.header("idempotency-replayed"), replayed, "{key}");
        assert_eq!(carts().await, Some(left), "{key}");
    }
    assert_eq!(lines(&client.view().await), [format!("{}:1", BAGELS.0)]);
    // Nobody's cart is erased by nobody, and that is no erasure to be repeated.
    for _ in 0..2 {
        client
            .keyed("c", Method::DELETE, &format!("/v1/carts/{}", NO_CARTS[0]), json!({}))
            .await
            .refused(404, "cart_not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_users_cart_go_the_guests_that_were_merged_into_it() {
    let (user, guest, first) = (client().await, client().await, client().await);
    let body = |guest: &Client| json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
    let engraved = json!({"sku": BAGELS.0, "customization": {"engraving": "marker of the guest"}});
    guest.post("/lines", engraved).await.expect(200);
    guest.patch("", json!({"note": "marker of the guest"})).await.expect(200);
    first.add(BANANAS.0, 1).await;
    guest.post("/merge", body(&first)).await.expect(200);
    user.post("/merge", body(&guest)).await.expect(200);
    let elsewhere = |client: &Client| Client { shop: client.shop.in_region("enam"), ..client.clone() };
    for client in [&guest, &elsewhere(&guest)] {
        assert!(client.get("/export").await.expect(200).text().contains("marker of the guest"));
    }
    user.delete("").await.expect(204);
    for client in [&guest, &elsewhere(&guest), &first, &elsewhere(&first)] {
        let began = Instant::now();
        while client.get("/export").await.status != 404 {
            assert!(began.elapsed() < Duration::from_secs(60), "{}", client.session.cart_id);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        client.get("").await.refused(404, "cart_not_found");
    }
}
