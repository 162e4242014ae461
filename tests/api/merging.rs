//! A guest's cart merged into a user's.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_guests_cart_joins_the_users() {
    let (user, guest, other) = (client().await, client().await, client().await);
    user.add(BAGELS.0, 1).await;
    user.patch("", json!({"note": "mine", "locale": "de"})).await.expect(200);
    guest.add(BAGELS.0, 2).await;
    guest.add(BANANAS.0, 1).await;
    guest.post("/coupons", json!({"code": "GUEST"})).await.expect(200);
    guest.patch("", json!({"note": "theirs", "delivery_region": "DE"})).await.expect(200);
    let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
    let merge = async |client: &Client, cart: &str| client.post(&format!("{cart}/merge"), body.clone()).await;
    let view = merge(&user, "/v1/carts/current").await.expect(200).json();
    assert_eq!(lines(&view), [format!("{}:3", BAGELS.0), format!("{}:1", BANANAS.0)]);
    assert_eq!(
        (&view["coupons"], text(&view, "note"), text(&view, "locale")),
        (&json!(["GUEST"]), "mine", "de")
    );
    // What the user's cart has none of its own comes from the guest's.
    assert_eq!(view["delivery_region"], "DE");
    assert_eq!(merge(&user, "").await.expect(200).json(), view, "once more changes nothing");
    merge(&other, "").await.refused(409, "already_merged");
    assert_eq!(lines(&other.view().await), [""; 0]);
    // Not even into another cart of the same user.
    let second = user.post("/v1/carts", json!({})).await.expect(201).json();
    merge(&user, &format!("/v1/carts/{}", text(&second, "cart_id"))).await.refused(409, "already_merged");
    // What the guest still does arrives.
    guest.add(BANANAS.0, 4).await;
    guest.delete(&line(BAGELS.0)).await.expect(200);
    let began = Instant::now();
    while lines(&user.view().await) != [format!("{}:1", BAGELS.0), format!("{}:5", BANANAS.0)] {
        assert!(began.elapsed() < harness::EVENTUALLY, "{}", user.view().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The guest's device goes on with the user's cart.
    guest.post("/actors", json!({})).await.refused(409, "already_merged");
    let none = guest.post("/live", json!({})).await.expect(200).json();
    assert_eq!(none, json!({"ticket": null, "merged": true}));
}

#[tokio::test(flavor = "multi_thread")]
async fn carts_are_not_merged_in_a_circle() {
    let (a, b, c) = (client().await, client().await, client().await);
    for client in [&a, &b, &c] {
        client.add(BAGELS.0, 1).await;
    }
    let merge = async |into: &Client, guest: &Client| {
        let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
        into.post("/merge", body).await
    };
    merge(&a, &a).await.refused(409, "merge_cycle");
    merge(&a, &b).await.expect(200);
    merge(&b, &a).await.refused(409, "merge_cycle");
    merge(&b, &b).await.refused(409, "merge_cycle");
    merge(&c, &a).await.expect(200);
    merge(&b, &c).await.refused(409, "merge_cycle");
    merge(&a, &c).await.refused(409, "merge_cycle");
    assert_eq!(lines(&c.view().await), [format!("{}:3", BAGELS.0)]);
}

/// In a ring each cart sends the others' items on under new names, for ever.
async fn stays_at_rest(clients: &[Client], quantity: i64) {
    for _ in 0..30 {
        for client in clients {
            let view = client.view().await;
            let shown = view["lines"][0]["quantity"].as_i64().expect("a line");
            assert!(shown <= quantity, "{shown} of the {quantity} that were added");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn carts_merged_into_each_other_at_once_make_no_ring() {
    let pair = [client().await, client().await];
    for client in &pair {
        client.add(BAGELS.0, 1).await;
    }
    let merge = async |into: &Client, guest: &Client| {
        let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
        into.post("/merge", body).await
    };
    let answers = tokio::join!(merge(&pair[0], &pair[1]), merge(&pair[1], &pair[0]));
    assert!([answers.0, answers.1].iter().all(|answer| [200, 409, 429].contains(&answer.status.as_u16())));
    stays_at_rest(&pair, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_carts_merged_into_each_other_at_once_one_stays_open() {
    for _ in 0..20 {
        let pair = [client().await, client().await];
        let merge = async |into: &Client, guest: &Client| {
            let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
            into.post("/merge", body).await
        };
        tokio::join!(merge(&pair[0], &pair[1]), merge(&pair[1], &pair[0]));
        let leases = [pair[0].post("/actors", json!({})).await, pair[1].post("/actors", json!({})).await];
        assert!(leases.iter().any(|lease| lease.status == 201), "both carts are sealed");
    }
}

/// Who is told to try again gets there, though all of them try again at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn carts_merged_in_a_ring_at_once_do_not_wait_for_each_other_for_ever() {
    let merge = async |into: &Client, guest: &Client| {
        let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
        for _ in 0..100 {
            let answer = into.post("/merge", body.clone()).await;
            if answer.status != 429 {
                return answer.status;
            }
            assert_eq!((answer.code().as_str(), answer.header("retry-after")), ("cart_settling", "1"));
        }
        panic!("still busy");
    };
    for _ in 0..20 {
        let [a, b, c] = [client().await, client().await, client().await];
        let answers = tokio::join!(merge(&a, &b), merge(&b, &c), merge(&c, &a));
        let mut answers = [answers.0, answers.1, answers.2];
        answers.sort_unstable();
        assert_eq!(answers, [200, 200, 409], "two go through, and the third would close the circle");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_repeated_after_a_newer_cart_was_made_changes_nothing() {
    let (user, guest) = (client().await, client().await);
    guest.add(BAGELS.0, 2).await;
    let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
    for _ in 0..2 {
        let view = user.post("/v1/carts/current/merge", body.clone()).await.expect(200).json();
        assert_eq!(
            (text(&view, "cart_id"), lines(&view)),
            (&*user.session.cart_id, vec![format!("{}:2", BAGELS.0)])
        );
        user.post("/v1/carts", json!({})).await.expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_chain_of_carts_is_not_closed() {
    let mut chain = Vec::new();
    for _ in 0..20 {
        chain.push(client().await);
        chain.last().expect("just pushed").add(BAGELS.0, 1).await;
    }
    let merge = async |into: &Client, guest: &Client| {
        let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
        into.post("/merge", body).await
    };
    for pair in chain.windows(2) {
        merge(&pair[1], &pair[0]).await.expect(200);
    }
    merge(&chain[0], &chain[19]).await.expect(409);
    stays_at_rest(&chain[18..], 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guests_cart_is_merged_with_its_own_token_only() {
    let (user, guest, other) = (client().await, client().await, client().await);
    user.add(BAGELS.0, 1).await;
    guest.add(BAGELS.0, 1).await;
    let before = user.view().await;
    let cart = &guest.session.cart_id;
    for (cart, token, status, code) in [
        (cart.as_str(), "forged", 422, "invalid_field"),
        (cart, "", 422, "invalid_field"),
        (cart, &*user.session.token, 404, "cart_not_found"),
        (cart, &*other.session.token, 404, "cart_not_found"),
        (NO_CARTS[0], &*guest.session.token, 404, "cart_not_found"),
        ("nonsense", &*guest.session.token, 404, "cart_not_found"),
    ] {
        user.post("/merge", json!({"cart_id": cart, "token": token})).await.refused(status, code);
    }
    assert_eq!(user.view().await, before);
    // Nothing was sealed meanwhile; also an idle guest's token will do.
    let body = json!({"cart_id": cart, "token": guest.session.token});
    user.later(2 * HOUR).renew().await.post("/merge", body).await.expect(200);
}

/// Fills a cart with so many engravings of nearly a kilobyte.
async fn engrave(client: &Client, count: usize) {
    for chunk in (0..count).collect::<Vec<_>>().chunks(11) {
        let engraving = |at: &usize| format!("{} {at} {}", client.session.cart_id, "x".repeat(950));
        let add = |at| json!({"op": "add", "sku": BAGELS.0, "customization": {"engraving": engraving(at)}});
        let commands: Vec<Value> = chunk.iter().map(add).collect();
        client.post("/commands", json!({"commands": commands})).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_would_be_too_large_is_refused_before_anything_is_sealed() {
    let user = client().await;
    user.add(BAGELS.0, 1).await;
    let body = |guest: &Client| json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
    let mut guests = Vec::new();
    for _ in 0..5 {
        let guest = client().await;
        engrave(&guest, 55).await;
        guests.push(guest);
    }
    let last = guests.pop().expect("five");
    for guest in &guests {
        user.post("/merge", body(guest)).await.expect(200);
    }
    user.post("/merge", body(&last)).await.refused(409, "merge_too_large");
    // Nothing happened: it is open, and can be merged once there is room.
    last.post("/actors", json!({})).await.expect(201);
    assert_eq!(lines(&user.view().await).len(), 4 * 55 + 1);
    user.post("/merge", body(&guests[0])).await.expect(200);
    user.delete("/lines").await.expect(200);
    let view = user.post("/merge", body(&last)).await.expect(200).json();
    assert_eq!(lines(&view).len(), 55);
}
