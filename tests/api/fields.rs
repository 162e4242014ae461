//! Coupons, fields, and commands all or none.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn coupons_are_applied_and_taken_off() {
    let client = client().await;
    for code in ["SAVE10", "A/B%2F&?=#", "SAVE10", "save10"] {
        client.post("/coupons", json!({"code": code})).await.expect(200);
    }
    let view = client.view().await;
    assert_eq!(view["coupons"], json!(["A/B%2F&?=#", "SAVE10", "save10"]));
    let view = client.delete("/coupons/A%2FB%252F%26%3F%3D%23").await.expect(200).json();
    assert_eq!(view["coupons"], json!(["SAVE10", "save10"]));
    client.delete("/coupons/NONE").await.refused(404, "coupon_not_found");
    for at in 0..30 {
        client.post("/coupons", json!({"code": format!("C{at}")})).await.expect(200);
    }
    client.post("/coupons", json!({"code": "ONE-MORE"})).await.refused(422, "invalid_field");
    client.post("/coupons", json!({"code": "C1"})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_written_and_taken_away() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let all = json!({"note": "Ring twice.\n\u{1f6d2}", "currency": "EUR", "locale": "de-DE", "delivery_region": "DE-BE"});
    let view = client.patch("", all.clone()).await.expect(200).json();
    for (name, value) in all.as_object().expect("fields") {
        assert_eq!(view[name], *value);
    }
    // A price in another currency is none.
    assert_eq!(view["lines"][0]["problem"], "not_for_sale");
    assert_eq!(view["totals"]["total"], json!({"amount_minor": 0, "currency": "EUR"}));
    let view = client.patch("", json!({"note": null, "currency": "USD"})).await.expect(200).json();
    assert_eq!((&view["note"], text(&view, "locale")), (&Value::Null, "de-DE"));
    assert_eq!(view["totals"]["total"]["amount_minor"], json!(BAGELS.1));
    let view = client.patch("", json!({"locale": null, "delivery_region": null})).await.expect(200).json();
    assert_eq!((&view["locale"], &view["delivery_region"]), (&Value::Null, &Value::Null));
    client.patch("", json!({})).await.refused(422, "invalid_field");
    client.patch("", json!({"note": "x".repeat(2_000)})).await.expect(200);
    client.patch("", json!({"note": "x".repeat(2_001)})).await.refused(422, "invalid_field");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_done_in_order() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let (bagels, bananas) = (line_id(BAGELS.0), line_id(BANANAS.0));
    let commands = json!([
        {"op": "add", "sku": BANANAS.0, "quantity": 9},
        {"op": "set", "line_id": bagels, "quantity": 4},
        {"op": "increment", "line_id": bagels, "quantity": 3},
        {"op": "decrement", "line_id": bananas, "quantity": 2},
        {"op": "move", "line_id": bananas, "location": "saved"},
        {"op": "add", "sku": BANANAS.0},
        {"op": "set", "line_id": bananas, "quantity": 5, "in": "saved"},
        {"op": "remove", "line_id": bananas},
        {"op": "apply_coupon", "code": "A"},
        {"op": "apply_coupon", "code": "B"},
        {"op": "remove_coupon", "code": "A"},
        {"op": "update", "note": "hello", "locale": "en"},
    ]);
    let view = client.post("/commands", json!({"commands": commands})).await.expect(200).json();
    assert_eq!(lines(&view), [format!("{}:7", BAGELS.0)]);
    assert_eq!(quantities(&view, "saved"), [format!("{}:5", BANANAS.0)]);
    assert_eq!((&view["coupons"], text(&view, "note")), (&json!(["B"]), "hello"));
    let view = client.post("/commands", json!({"commands": [{"op": "clear"}]})).await.expect(200).json();
    assert_eq!((lines(&view).len(), quantities(&view, "saved").len()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_all_done_or_none() {
    let client = client().await;
    let before = client.add(BAGELS.0, 1).await;
    let (bagels, bananas) = (line_id(BAGELS.0), line_id(BANANAS.0));
    for (last, status, code) in [
        (json!({"op": "add", "sku": "nothing"}), 422, "unknown_sku"),
        (json!({"op": "add", "sku": BAGELS.0, "quantity": 9_999}), 422, "quantity_limit"),
        (json!({"op": "set", "line_id": bananas, "quantity": 1}), 404, "line_not_found"),
        (json!({"op": "remove", "line_id": bagels, "in": "saved"}), 404, "line_not_found"),
        (json!({"op": "remove_coupon", "code": "B"}), 404, "coupon_not_found"),
        (json!({"op": "update"}), 422, "invalid_field"),
        (json!({"op": "fly"}), 422, "invalid_field"),
    ] {
        let commands = json!([
            {"op": "clear"}, {"op": "add", "sku": BAGELS.0}, {"op": "apply_coupon", "code": "A"}, last,
        ]);
        client.post("/commands", json!({"commands": commands})).await.refused(status, code);
        assert_eq!(client.view().await, before, "{last}");
    }
    let adds = |count: usize| json!({"commands": vec![json!({"op": "add", "sku": BAGELS.0}); count]});
    client.post("/commands", adds(0)).await.refused(422, "invalid_field");
    client.post("/commands", adds(101)).await.refused(422, "invalid_field");
    assert_eq!(client.view().await, before);
    assert_eq!(
        lines(&client.post("/commands", adds(100)).await.expect(200).json()),
        [format!("{}:101", BAGELS.0)]
    );
}

/// A change means what its maker saw: the edits made since stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_context_says_what_a_change_has_seen() {
    let client = client().await;
    client.add(BAGELS.0, 2).await;
    let seen = client.add(BAGELS.0, 3).await;
    let context = text(&seen, "context");
    let path = line(BAGELS.0);
    for (method, query, body, shown) in [
        (Method::PATCH, String::new(), json!({"quantity": 4, "context": context}), 5),
        (Method::DELETE, format!("?context={context}"), Value::Null, 1),
        (Method::PATCH, String::new(), json!({"decrement": 9, "context": context}), 1),
    ] {
        client.patch(&path, json!({"increment": 1})).await.expect(200);
        let mut call = client.call(method, &format!("{path}{query}"));
        if !body.is_null() {
            call = call.json(&body);
        }
        let view = Answer::of(call).await.expect(200).json();
        assert_eq!(lines(&view), [format!("{}:{shown}", BAGELS.0)], "{body}");
        let reset = json!({"commands": [{"op": "clear"}, {"op": "add", "sku": BAGELS.0, "quantity": 0}]});
        client.post("/commands", reset).await.refused(422, "invalid_field");
        client.delete(&path).await.expect(200);
    }
}
