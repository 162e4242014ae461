//! Lines: added, changed, moved, removed; the bounds of a cart.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn adds_sum_and_lines_stand_in_the_order_first_added() {
    let client = client().await;
    client.post("/lines", json!({"sku": BANANAS.0})).await.expect(200);
    client.add(BAGELS.0, 2).await;
    let view = client.add(BANANAS.0, 4).await;
    assert_eq!(lines(&view), [format!("{}:5", BANANAS.0), format!("{}:2", BAGELS.0)]);
    assert_eq!(view["totals"]["total"]["amount_minor"], json!(5 * BANANAS.1 + 2 * BAGELS.1));
    assert_eq!(view["totals"]["quantity"], json!(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_is_not_in_the_catalog_is_refused() {
    let client = client().await;
    for sku in ["nothing", "0", "1095275 ", "01095275", "-1"] {
        client.post("/lines", json!({"sku": sku})).await.refused(422, "unknown_sku");
    }
    let batch = json!({"commands": [{"op": "add", "sku": BAGELS.0}, {"op": "add", "sku": "nothing"}]});
    client.post("/commands", batch).await.refused(422, "unknown_sku");
    assert_eq!(lines(&client.view().await), [""; 0]);
}

/// Through sync it is accepted: a device may be offline.
#[tokio::test(flavor = "multi_thread")]
async fn a_product_without_a_price_stays_and_counts_for_nothing() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    client.add(NOT_FOR_SALE, 2).await;
    let mut device = client.shop.device(&client.session, &client.session.cart_id).await;
    let key = LineKey::new("nothing", None, None).expect("a key");
    let change = Change::Add { key, details: None, quantity: 3, at: Location::Cart };
    device.edit(change, cart_core::time::Millis(1_000_000_000_000));
    let learned = client.shop.exchange(&client.session, &client.session.cart_id, &mut device).await;
    assert_eq!(learned, Learned::Acknowledged);
    let view = client.view().await;
    assert_eq!(lines(&view).len(), 3);
    for line in view["lines"].as_array().expect("lines") {
        let sold = line["sku"] == BAGELS.0;
        assert_eq!(line["problem"] == "not_for_sale", !sold, "{line}");
        assert_eq!((line["unit_price"].is_null(), line["total"].is_null()), (!sold, !sold), "{line}");
    }
    let usd = |minor: i64| json!({"amount_minor": minor, "currency": "USD"});
    let totals = json!({"quantity": 1, "subtotal": usd(50), "discount": usd(0), "total": usd(50)});
    assert_eq!(view["totals"], totals);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_changed_in_each_way() {
    let client = client().await;
    client.add(BAGELS.0, 5).await;
    let path = line(BAGELS.0);
    let change = async |body: Value| client.patch(&path, body).await.expect(200).json();
    for (body, cart, saved) in [
        (json!({"quantity": 7}), "7", ""),
        (json!({"increment": 2}), "9", ""),
        (json!({"decrement": 4, "in": "cart"}), "5", ""),
        (json!({"location": "saved"}), "", "5"),
        (json!({"increment": 1, "in": "saved"}), "", "6"),
        (json!({"decrement": 2, "in": "saved"}), "", "4"),
        (json!({"quantity": 3, "in": "saved"}), "", "3"),
        (json!({"location": "cart", "in": "saved"}), "3", ""),
        (json!({"location": "saved", "in": "cart"}), "", "3"),
        (json!({"location": "cart"}), "3", ""),
        (json!({"decrement": 9}), "", ""),
    ] {
        let view = change(body.clone()).await;
        let expected = |count: &str| match count {
            "" => vec![],
            count => vec![format!("{}:{count}", BAGELS.0)],
        };
        assert_eq!(quantities(&view, "lines"), expected(cart), "{body}");
        assert_eq!(quantities(&view, "saved"), expected(saved), "{body}");
    }
    client.add(BAGELS.0, 5).await;
    assert_eq!(lines(&change(json!({"quantity": 0})).await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_removed_where_they_are() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    client.add(BANANAS.0, 2).await;
    client.patch(&line(BANANAS.0), json!({"location": "saved"})).await.expect(200);
    client.add(BANANAS.0, 3).await;
    let view = client.delete(&format!("{}?in=saved", line(BANANAS.0))).await.expect(200).json();
    assert_eq!((lines(&view).len(), quantities(&view, "saved").len()), (2, 0));
    let view = client.delete(&line(BAGELS.0)).await.expect(200).json();
    assert_eq!(lines(&view), [format!("{}:3", BANANAS.0)]);
    client.patch(&line(BANANAS.0), json!({"location": "saved"})).await.expect(200);
    client.add(BAGELS.0, 1).await;
    let view = client.delete("/lines").await.expect(200).json();
    assert_eq!((lines(&view).len(), quantities(&view, "saved")), (0, vec![format!("{}:3", BANANAS.0)]));
    // Clearing an empty cart is no fault.
    client.delete("/lines").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_not_there_is_not_found() {
    let client = client().await;
    let view = client.add(BAGELS.0, 1).await;
    let (there, elsewhere) = (line(BAGELS.0), line(BANANAS.0));
    for (path, body) in [
        (&elsewhere, json!({"quantity": 1})),
        (&elsewhere, json!({"decrement": 1})),
        (&elsewhere, json!({"location": "saved"})),
        (&there, json!({"quantity": 1, "in": "saved"})),
        (&there, json!({"decrement": 1, "in": "saved"})),
        (&there, json!({"location": "cart"})),
        (&"/lines/l_".to_owned(), json!({"quantity": 1})),
        (&"/lines/nonsense".to_owned(), json!({"quantity": 1})),
        (&format!("{there}A"), json!({"quantity": 1})),
    ] {
        client.patch(path, body.clone()).await.refused(404, "line_not_found");
    }
    for path in [&elsewhere, &format!("{there}?in=saved"), &"/lines/l_".to_owned()] {
        client.delete(path).await.refused(404, "line_not_found");
    }
    assert_eq!(client.view().await, view);
}

/// An increment is an add: in parallel with a removal it counts (R2), so the line need not be there. The
/// product must be in the catalog all the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_increment_is_an_add() {
    let client = client().await;
    client.patch(&line("nothing"), json!({"increment": 1})).await.refused(422, "unknown_sku");
    client.patch(&line("nothing"), json!({"increment": 1, "in": "saved"})).await.refused(422, "unknown_sku");
    let commands = json!({"commands": [{"op": "increment", "line_id": line_id("nothing"), "quantity": 1}]});
    client.post("/commands", commands).await.refused(422, "unknown_sku");
    client.add(BAGELS.0, 3).await;
    client.delete(&line(BAGELS.0)).await.expect(200);
    let view = client.patch(&line(BAGELS.0), json!({"increment": 2})).await.expect(200).json();
    assert_eq!(lines(&view), [format!("{}:2", BAGELS.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_line_names_one_thing() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    for body in [
        json!({}),
        json!({"in": "cart"}),
        json!({"quantity": 1, "increment": 1}),
        json!({"decrement": 1, "location": "saved"}),
        json!({"location": "saved", "in": "saved"}),
        json!({"quantity": null}),
    ] {
        client.patch(&line(BAGELS.0), body).await.refused(422, "invalid_field");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn variants_and_customizations_make_lines_of_their_own() {
    let client = client().await;
    let add = async |variant: Value, customization: Value| {
        let body = json!({"sku": BAGELS.0, "variant": variant, "customization": customization});
        client.post("/lines", body).await.expect(200).json()
    };
    // Each group is one line: its customisations have the same canonical JSON (RFC 8785).
    let groups = [
        (json!(null), vec![json!(null), json!({})]),
        (json!("large"), vec![json!(null), json!({})]),
        (json!("Large"), vec![json!(null)]),
        (json!(null), vec![json!({"engraving": "Ann"}), json!({"engraving": "\u{41}nn"})]),
        (json!(null), vec![json!({"engraving": "ann"})]),
        (json!(null), vec![json!({"engraving": "Ann "})]),
        (json!(null), vec![json!({"engraving": "\u{e9}"})]),
        // Not normalised: an e with an accent of its own is another text.
        (json!(null), vec![json!({"engraving": "e\u{301}"})]),
        (json!("large"), vec![json!({"engraving": "Ann"})]),
    ];
    for (variant, customizations) in &groups {
        for customization in customizations {
            add(variant.clone(), customization.clone()).await;
        }
    }
    // As text, since a JSON library would write them alike.
    let written = [
        r#"{"b":[1,2],"a":{"y":1,"x":2}}"#,
        r#"{ "a" : {"x":2.0,"y":1e0}, "b" : [1.0, 0.2e1] }"#,
        r#"{"\u0061":{"x":2,"y":1},"b":[1,2]}"#,
    ];
    let mut view = Value::Null;
    for customization in written {
        let body = format!(r#"{{"sku":"{}","customization":{customization}}}"#, BAGELS.0);
        let call = client.call(Method::POST, "/lines").header("Content-Type", "application/json").body(body);
        view = Answer::of(call).await.expect(200).json();
    }
    let found: Vec<i64> = view["lines"]
        .as_array()
        .expect("lines")
        .iter()
        .map(|line| line["quantity"].as_i64().expect("one"))
        .collect();
    let mut expected: Vec<i64> = groups.iter().map(|(_, same)| same.len() as i64).collect();
    expected.push(written.len() as i64);
    assert_eq!(found, expected);
    for line in view["lines"].as_array().expect("lines") {
        let object: Map<String, Value> = line["customization"].as_object().cloned().unwrap_or_default();
        let hash = Customization::of(&object).expect("canonical").map(|custom| custom.hash);
        let key = LineKey::new(BAGELS.0, line["variant"].as_str(), hash).expect("a key");
        assert_eq!(text(line, "line_id"), key.line_id(), "the same on every device");
        // It can be named in a path, and is found.
        client.patch(&format!("/lines/{}", key.line_id()), json!({"increment": 1})).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_a_cart_are_told() {
    let client = client().await;
    client.add(BAGELS.0, 9_998).await;
    client.add(BAGELS.0, 1).await;
    client.post("/lines", json!({"sku": BAGELS.0})).await.refused(422, "quantity_limit");
    client.patch(&line(BAGELS.0), json!({"increment": 1})).await.refused(422, "quantity_limit");
    for body in [json!({"quantity": 10_000}), json!({"quantity": -1}), json!({"increment": 0})] {
        client.patch(&line(BAGELS.0), body).await.refused(422, "invalid_field");
    }
    let custom = json!({"sku": BAGELS.0, "customization": {"text": "x".repeat(1_013)}});
    client.post("/lines", custom).await.expect(200);
    let custom = json!({"sku": BAGELS.0, "customization": {"text": "x".repeat(1_014)}});
    client.post("/lines", custom).await.refused(422, "invalid_field");
    let variant = |count: usize| json!({"sku": BAGELS.0, "variant": "v".repeat(count)});
    client.post("/lines", variant(57)).await.expect(200);
    client.post("/lines", variant(58)).await.refused(422, "invalid_field");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_has_500_lines() {
    let client = client().await;
    for batch in 0..5 {
        let add = |at: i64| json!({"op": "add", "sku": BAGELS.0, "variant": format!("{batch}-{at}")});
        client
            .post("/commands", json!({"commands": (0..100).map(add).collect::<Vec<_>>()}))
            .await
            .expect(200);
    }
    let more = json!({"sku": BAGELS.0});
    client.post("/lines", more.clone()).await.refused(422, "too_many_lines");
    let view = client.view().await;
    assert_eq!(view["lines"].as_array().map(Vec::len), Some(500));
    // What makes it no larger still works, with the context of the whole.
    let first = text(&view["lines"][0], "line_id");
    client.patch(&format!("/lines/{first}"), json!({"quantity": 2})).await.expect(200);
    client.patch(&format!("/lines/{first}"), json!({"location": "saved"})).await.expect(200);
    client.post("/lines", more.clone()).await.refused(422, "too_many_lines");
    let seen = client.delete(&format!("/lines/{first}?in=saved")).await.expect(200).json();
    client.post("/lines", more).await.expect(200);
    let clear = client.call(Method::DELETE, "/lines").header("Evercart-Context", text(&seen, "context"));
    assert_eq!(lines(&Answer::of(clear).await.expect(200).json()), [format!("{}:1", BAGELS.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_edited_too_often_is_folded_by_setting_it() {
    let client = client().await;
    let adds = |count: usize| json!({"commands": vec![json!({"op": "add", "sku": BAGELS.0}); count]});
    for count in [100, 100, 100, 100, 100, 12] {
        client.post("/commands", adds(count)).await.expect(200);
    }
    client.post("/lines", json!({"sku": BAGELS.0})).await.refused(422, "too_many_contributions");
    client.patch(&line(BAGELS.0), json!({"decrement": 1})).await.refused(422, "too_many_contributions");
    client.patch(&line(BAGELS.0), json!({"quantity": 512})).await.expect(200);
    assert_eq!(lines(&client.add(BAGELS.0, 1).await), [format!("{}:513", BAGELS.0)]);
}

/// A state of nearly 64 KiB: its context is larger still, and goes wherever a context goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_cart_at_its_size_limit_is_busy_and_can_be_made_smaller() {
    let client = client().await;
    let custom = |at: usize| json!({"text": format!("{at:04}{}", "x".repeat(950))});
    let add = |at: usize| json!({"op": "add", "sku": BAGELS.0, "customization": custom(at)});
    client.post("/commands", json!({"commands": (0..60).map(add).collect::<Vec<_>>()})).await.expect(200);
    let mut at = 60;
    let busy = loop {
        let answer = client.post("/lines", json!({"sku": BAGELS.0, "customization": custom(at)})).await;
        if answer.status != 200 {
            break answer.refused(429, "cart_busy");
        }
        at += 1;
    };
    assert!((60..70).contains(&at), "{at} lines");
    assert_eq!(busy.header("retry-after"), "", "waiting does not help");
    let view = client.view().await;
    let first = text(&view["lines"][0], "line_id");
    client.patch(&format!("/lines/{first}"), json!({"quantity": 3})).await.expect(200);
    let seen = client.patch(&format!("/lines/{first}"), json!({"quantity": 2})).await.expect(200).json();
    let context = text(&seen, "context");
    assert!(context.len() > 80_000, "{}", context.len());
    let second = text(&view["lines"][1], "line_id");
    // In a header: no URL is as long as that.
    let remove = client.call(Method::DELETE, &format!("/lines/{second}")).header("Evercart-Context", context);
    let removed = Answer::of(remove).await.expect(200).json();
    assert_eq!(lines(&removed).len(), at - 1);
    let third = text(&view["lines"][2], "line_id");
    client.patch(&format!("/lines/{third}"), json!({"quantity": 2, "context": context})).await.expect(200);
    client.post("/lines", json!({"sku": BAGELS.0})).await.expect(200);
    let clear = client.call(Method::DELETE, "/lines").header("Evercart-Context", context);
    assert_eq!(lines(&Answer::of(clear).await.expect(200).json()).len(), 2);
}
