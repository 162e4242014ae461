//! Retries: what an idempotency key promises.

use super::*;

/// Every kind of write, sent three times with its key.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_sent_again_with_its_key_is_done_once() {
    let client = client().await;
    client.add(BAGELS.0, 5).await;
    client.add(BANANAS.0, 5).await;
    client.post("/coupons", json!({"code": "A"})).await.expect(200);
    let (bagels, bananas) = (line(BAGELS.0), line(BANANAS.0));
    let writes = [
        (Method::POST, "/lines", json!({"sku": BAGELS.0, "quantity": 2})),
        (Method::PATCH, &bagels, json!({"quantity": 3})),
        (Method::PATCH, &bagels, json!({"increment": 4})),
        (Method::PATCH, &bagels, json!({"decrement": 1})),
        (Method::PATCH, &bagels, json!({"location": "saved"})),
        (Method::PATCH, &bagels, json!({"location": "cart"})),
        (Method::DELETE, &bananas, json!({})),
        (Method::POST, "/coupons", json!({"code": "B"})),
        (Method::DELETE, "/coupons/A", json!({})),
        (Method::PATCH, "", json!({"note": "hello"})),
        (Method::POST, "/commands", json!({"commands": [{"op": "add", "sku": BANANAS.0}]})),
        (Method::POST, "/v1/carts/current/lines", json!({"sku": BAGELS.0})),
        (Method::DELETE, "/lines", json!({})),
    ];
    for (at, (method, path, body)) in writes.iter().enumerate() {
        let key = format!("write-{at}");
        let first = client.keyed(&key, method.clone(), path, body.clone()).await.expect(200);
        assert_eq!(first.header("idempotency-replayed"), "", "{method} {path}");
        for _ in 0..2 {
            let again = client.keyed(&key, method.clone(), path, body.clone()).await.expect(200);
            assert_eq!(again.header("idempotency-replayed"), "true", "{method} {path}");
            assert_eq!(again.json(), first.json(), "{method} {path}");
        }
    }
    // After all of them, the first still answers with the present view, not with that of then.
    let present = client.view().await;
    let (method, path, body) = &writes[0];
    let again = client.keyed("write-0", method.clone(), path, body.clone()).await.expect(200);
    assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", present));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_another_request_is_refused() {
    let client = client().await;
    client.add(BANANAS.0, 1).await;
    client.keyed("k", Method::POST, "/lines", json!({"sku": BAGELS.0})).await.expect(200);
    let before = client.view().await;
    for (method, path, body) in [
        (Method::POST, "/lines", json!({"sku": BAGELS.0, "quantity": 2})),
        (Method::POST, "/lines", json!({"sku": BANANAS.0})),
        (Method::PATCH, &line(BANANAS.0), json!({"quantity": 3})),
        (Method::DELETE, "/lines", json!({})),
        (Method::POST, "/coupons", json!({"code": "A"})),
    ] {
        client.keyed("k", method, path, body).await.refused(422, "key_reused");
    }
    assert_eq!(client.view().await, before);
    // The same body in other words is the same request.
    let again = client
        .keyed("k", Method::POST, "/lines", json!({"sku": BAGELS.0, "quantity": 1, "variant": null}))
        .await;
    assert_eq!(again.expect(200).header("idempotency-replayed"), "true");
    // A key is its session's.
    let other = Client::at(0).await;
    let answer =
        other.keyed("k", Method::POST, "/lines", json!({"sku": BAGELS.0, "quantity": 2})).await.expect(200);
    assert_eq!(answer.header("idempotency-replayed"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_edge_made_is_returned_and_good() {
    let client = client().await;
    client.add(BANANAS.0, 1).await;
    for (method, path, body) in [
        (Method::POST, "/lines", json!({"sku": BAGELS.0})),
        (Method::PATCH, &*line(BANANAS.0), json!({"increment": 1})),
        (Method::POST, "/coupons", json!({"code": "A"})),
        (Method::PATCH, "", json!({"note": "x"})),
        (Method::POST, "/commands", json!({"commands": [{"op": "add", "sku": BAGELS.0}]})),
        (Method::DELETE, &*line(BANANAS.0), json!({})),
    ] {
        let answer = Answer::of(client.call(method.clone(), path).json(&body)).await.expect(200);
        let key = answer.header("idempotency-key");
        assert!(!key.is_empty(), "{method} {path}");
        let again = client.keyed(key, method, path, body).await.expect(200);
        assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", answer.json()));
        assert_eq!(again.header("idempotency-key"), "", "the client knows its own");
    }
}

/// More edits than a page of the ledger holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_known_after_many_others() {
    let client = client().await;
    let body = |at: i64| json!({"sku": BAGELS.0, "variant": format!("{}", at % 50)});
    for at in 0..150 {
        client.keyed(&format!("k{at}"), Method::POST, "/lines", body(at)).await.expect(200);
    }
    let before = client.view().await;
    for at in [0, 1, 63, 64, 65, 127, 128, 149] {
        let again = client.keyed(&format!("k{at}"), Method::POST, "/lines", body(at)).await.expect(200);
        assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", before.clone()), "{at}");
        client
            .keyed(&format!("k{at}"), Method::POST, "/lines", body(at + 1))
            .await
            .refused(422, "key_reused");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_write_at_once_is_done_once() {
    let client = client().await;
    for round in 0..10 {
        let key = format!("round-{round}");
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (client, key) = (client.clone(), key.clone());
            calls.spawn(
                async move { client.keyed(&key, Method::POST, "/lines", json!({"sku": BAGELS.0})).await },
            );
        }
        let answers = calls.join_all().await;
        let first = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_empty());
        assert_eq!(first.count(), 1);
        assert!(answers.iter().all(|answer| answer.status == 200));
        assert_eq!(lines(&client.view().await), [format!("{}:{}", BAGELS.0, round + 1)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_after_a_day() {
    let client = client().await;
    let add = json!({"sku": BAGELS.0});
    client.keyed("k", Method::POST, "/lines", add.clone()).await.expect(200);
    let before_end = client.later(DAY - MINUTE).renew().await;
    let again = before_end.keyed("k", Method::POST, "/lines", add.clone()).await.expect(200);
    assert_eq!(
        (again.header("idempotency-replayed"), lines(&again.json())),
        ("true", vec![format!("{}:1", BAGELS.0)])
    );
    let after = client.later(DAY + MINUTE).renew().await;
    after.keyed("k", Method::POST, "/lines", add.clone()).await.refused(410, "key_expired");
    // Also when later edits have swept the ledger.
    after.add(BANANAS.0, 1).await;
    after.keyed("k", Method::POST, "/lines", add).await.refused(410, "key_expired");
    after.keyed("k", Method::POST, "/lines", json!({"sku": BANANAS.0})).await.refused(410, "key_expired");
}

/// The dots of a retry are those of the day on which its token was issued: it is looked for further back.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_known_after_midnight_with_a_renewed_token() {
    for (issued, used, retried) in [
        (until(1, DAY - 10 * MINUTE), until(1, DAY - 10 * MINUTE), until(2, 5 * MINUTE)),
        (until(1, DAY - 10 * MINUTE), until(2, 5 * MINUTE), until(2, 15 * MINUTE)),
        (until(1, DAY - 10 * MINUTE), until(2, 10 * MINUTE), until(3, 5 * MINUTE)),
        (until(1, 12 * HOUR), until(1, 12 * HOUR + MINUTE), until(2, 12 * HOUR)),
    ] {
        let client = Client::at(issued).await.later(used);
        let add = json!({"sku": BAGELS.0});
        client.keyed("k", Method::POST, "/lines", add.clone()).await.expect(200);
        let renewed = client.later(retried).renew().await;
        for client in [&renewed, &renewed.renew().await] {
            let again = client.keyed("k", Method::POST, "/lines", add.clone()).await.expect(200);
            assert_eq!(
                again.header("idempotency-replayed"),
                "true",
                "issued {issued} used {used} retried {retried}"
            );
            assert_eq!(lines(&again.json()), [format!("{}:1", BAGELS.0)]);
        }
        renewed
            .keyed("k", Method::POST, "/lines", json!({"sku": BANANAS.0}))
            .await
            .refused(422, "key_reused");
        assert_eq!(lines(&renewed.add(BAGELS.0, 1).await), [format!("{}:2", BAGELS.0)]);
    }
}

/// Edits of many days: nothing is lost when actors retire, and each day's retries are known.
#[tokio::test(flavor = "multi_thread")]
async fn edits_stay_while_the_horizon_passes() {
    let mut client = client().await;
    for day in 0..8 {
        client = client.later(day * DAY).renew().await;
        let body = json!({"sku": BAGELS.0});
        let view = client
            .keyed(&format!("day-{day}"), Method::POST, "/lines", body.clone())
            .await
            .expect(200)
            .json();
        assert_eq!(lines(&view), [format!("{}:{}", BAGELS.0, day + 1)]);
        let again = client.keyed(&format!("day-{day}"), Method::POST, "/lines", body).await.expect(200);
        assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", view));
    }
    client.delete(&line(BAGELS.0)).await.expect(200);
    assert_eq!(lines(&client.view().await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_with_if_match_is_a_retry() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let etag = client.get("").await.expect(200).header("etag").to_owned();
    let send = async || {
        let call =
            client.call(Method::POST, "/lines").header("If-Match", &etag).header("Idempotency-Key", "k");
        Answer::of(call.json(&json!({"sku": BAGELS.0}))).await
    };
    let first = send().await.expect(200);
    let again = send().await.expect(200);
    assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", first.json()));
}

/// Also if it carries what fits one cart only, or any: a condition or a context.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_to_current_reaches_the_cart_of_the_first() {
    let client = client().await;
    let send = async |key: &str, headers: &[(&'static str, String)]| {
        let mut call = client.call(Method::POST, "/v1/carts/current/lines").header("Idempotency-Key", key);
        for (name, value) in headers {
            call = call.header(*name, value);
        }
        Answer::of(call.json(&json!({"sku": BAGELS.0}))).await.expect(200)
    };
    let at = |answer: &Answer| text(&answer.json(), "cart_id").to_owned();
    let mut firsts = Vec::new();
    for key in ["first", "second", "third"] {
        let seen = client.get("/v1/carts/current").await.expect(200);
        let context = text(&seen.json(), "context").to_owned();
        let plain = send(key, &[]).await;
        firsts.push((key.to_owned(), vec![], at(&plain)));
        for (kind, headers) in [
            ("etag", vec![("If-Match", plain.header("etag").to_owned())]),
            ("any", vec![("If-Match", "*".to_owned())]),
            ("context", vec![("Evercart-Context", context.clone())]),
            ("both", vec![("Evercart-Context", context), ("If-Match", "*".to_owned())]),
        ] {
            let key = format!("{key}-{kind}");
            let cart = at(&send(&key, &headers).await);
            firsts.push((key, headers, cart));
        }
        client.post("/v1/carts", json!({})).await.expect(201);
    }
    assert_eq!(firsts.iter().map(|(.., cart)| cart).collect::<BTreeSet<_>>().len(), 3, "a cart each");
    for (key, headers, first) in &firsts {
        let again = send(key, headers).await;
        assert_eq!((again.header("idempotency-replayed"), &at(&again)), ("true", first), "{key}");
    }
    assert_eq!(lines(&client.get("/v1/carts/current").await.expect(200).json()), [""; 0]);
}
