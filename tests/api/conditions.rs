//! Conditions and preferences: ETag, If-Match, Prefer.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_has_not_changed_is_not_sent_again() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let answer = client.get("").await.expect(200);
    let etag = answer.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "a strong ETag: {etag}");
    let conditional =
        async |tags: &str| Answer::of(client.call(Method::GET, "").header("If-None-Match", tags)).await;
    for tags in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let same = conditional(&tags).await.expect(304);
        assert_eq!((same.bytes.len(), same.header("etag")), (0, &*etag), "{tags}");
        assert_eq!(same.header("evercart-context"), text(&answer.json(), "context"));
    }
    conditional("\"x\"").await.expect(200);
    conditional("").await.expect(200);
    client.add(BAGELS.0, 1).await;
    let changed = conditional(&etag).await.expect(200);
    assert_ne!(changed.header("etag"), etag);
    // What an edit answers with has the ETag of the view it shows.
    let edited = client.post("/lines", json!({"sku": BAGELS.0})).await.expect(200);
    conditional(edited.header("etag")).await.expect(304);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_answers_304_as_get_does() {
    let client = client().await;
    let etag = client.get("").await.expect(200).header("etag").to_owned();
    Answer::of(client.call(Method::HEAD, "").header("If-None-Match", &etag)).await.expect(304);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_can_be_made_to_depend_on_what_was_seen() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let edit = async |tags: &str, method: Method, path: &str, body: Value| {
        Answer::of(client.call(method, path).header("If-Match", tags).json(&body)).await
    };
    let old = client.get("").await.expect(200).header("etag").to_owned();
    let add = json!({"sku": BAGELS.0});
    let new = edit(&old, Method::POST, "/lines", add.clone()).await.expect(200).header("etag").to_owned();
    let before = client.view().await;
    for (method, path, body) in [
        (Method::POST, "/lines", add.clone()),
        (Method::POST, "/v1/carts/current/lines", add.clone()),
        (Method::PATCH, &line(BAGELS.0), json!({"quantity": 3})),
        (Method::DELETE, &line(BAGELS.0), json!({})),
        (Method::DELETE, "/lines", json!({})),
        (Method::POST, "/coupons", json!({"code": "A"})),
        (Method::PATCH, "", json!({"note": "x"})),
        (Method::POST, "/commands", json!({"commands": [{"op": "clear"}]})),
    ] {
        edit(&old, method, path, body).await.refused(412, "version_mismatch");
    }
    assert_eq!(client.view().await, before);
    let listed = format!("\"x\", {new}");
    let third = edit(&listed, Method::PATCH, &line(BAGELS.0), json!({"quantity": 3})).await.expect(200);
    edit(third.header("etag"), Method::POST, "/v1/carts/current/lines", add.clone()).await.expect(200);
    edit("*", Method::POST, "/lines", add).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weak_tag_matches_no_edit() {
    let client = client().await;
    let etag = client.get("").await.expect(200).header("etag").to_owned();
    let call = client.call(Method::POST, "/lines").header("If-Match", format!("W/{etag}"));
    Answer::of(call.json(&json!({"sku": BAGELS.0}))).await.refused(412, "version_mismatch");
}

/// Clients take 8 to 16 KiB of headers: a context that is longer comes in the view only.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_context_fits_no_header_is_not_left_out() {
    let client = client().await;
    let engraved = |at: usize| json!({"op": "add", "sku": BAGELS.0, "customization": {"text": format!("{at}-{}", "x".repeat(900))}});
    let commands = json!({"commands": (0..20).map(engraved).collect::<Vec<_>>()});
    let call = client.call(Method::POST, "/commands").header("Prefer", "return=minimal").json(&commands);
    let answer = Answer::of(call).await.expect(200);
    assert_eq!((answer.header("preference-applied"), answer.header("evercart-context")), ("", ""));
    let view = answer.json();
    assert_eq!(view["lines"].as_array().map(Vec::len), Some(20));
    let call = client.call(Method::GET, "").header("If-None-Match", answer.header("etag"));
    assert_eq!(Answer::of(call).await.expect(304).header("evercart-context"), "");
    client.add(BANANAS.0, 1).await;
    let body = json!({"commands": [{"op": "clear"}], "context": view["context"]});
    let left = client.post("/commands", body).await.expect(200).json();
    assert_eq!(lines(&left), [format!("{}:1", BANANAS.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_can_be_left_out() {
    let client = client().await;
    let minimal = async |method: Method, path: &str, body: Value| {
        Answer::of(client.call(method, path).header("Prefer", "respond-async, return=minimal").json(&body))
            .await
    };
    client.add(BANANAS.0, 3).await;
    for (method, path, body) in [
        (Method::POST, "/lines", json!({"sku": BAGELS.0})),
        (Method::PATCH, &line(BAGELS.0), json!({"quantity": 3})),
        (Method::DELETE, &line(BAGELS.0), json!({})),
        (Method::POST, "/coupons", json!({"code": "A"})),
        (Method::DELETE, "/coupons/A", json!({})),
        (Method::PATCH, "", json!({"note": "x"})),
        (Method::POST, "/commands", json!({"commands": [{"op": "add", "sku": BAGELS.0}]})),
    ] {
        let answer = minimal(method.clone(), path, body).await.expect(204);
        assert_eq!((answer.bytes.len(), answer.header("preference-applied")), (0, "return=minimal"));
        let view = client.get("").await.expect(200);
        assert_eq!(answer.header("etag"), view.header("etag"), "{method} {path}");
        assert_eq!(answer.header("evercart-context"), text(&view.json(), "context"), "{method} {path}");
        assert_eq!(answer.header("evercart-version"), text(&view.json(), "version"), "{method} {path}");
    }
    let made = minimal(Method::POST, "/v1/carts", json!({})).await.expect(204);
    client.get(made.header("location")).await.expect(200);
    // A refusal is told whole; a view that was asked for is sent.
    minimal(Method::POST, "/lines", json!({"sku": "nothing"})).await.refused(422, "unknown_sku");
    Answer::of(client.call(Method::GET, "").header("Prefer", "return=minimal")).await.expect(200).json();
}

/// A replica in another region changes nothing for shoppers by coming: neither the version nor when the cart was changed
/// last, nor what `If-Match` compares.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_read_from_another_region_changes_no_version() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let before = client.get("").await.expect(200);
    let (home, seen) = (before.header("evercart-region").to_owned(), before.json());
    let other = if home == "apac" { "enam" } else { "apac" };
    let there = Answer::of(client.call(Method::GET, "").header("Evercart-Region", other)).await.expect(200);
    assert_eq!(there.header("evercart-region"), other);
    // Until the home has heard of it.
    let mut here = client.get("").await.expect(200);
    for _ in 0..600 {
        if here.header("evercart-sequence") != before.header("evercart-sequence") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        here = client.get("").await.expect(200);
    }
    assert_ne!(here.header("evercart-sequence"), before.header("evercart-sequence"), "it tells of itself");
    for view in [here.json(), there.json()] {
        assert_eq!((&view["version"], &view["updated_at"]), (&seen["version"], &seen["updated_at"]));
    }
    assert_eq!(here.header("etag"), before.header("etag"), "nothing that is shown has changed");
    // Each region's ETag is of the same version.
    let edit = async |etag: &str, sku: &str| {
        Answer::of(client.call(Method::POST, "/lines").header("If-Match", etag).json(&json!({"sku": sku})))
            .await
    };
    let edited = edit(there.header("etag"), BANANAS.0).await.expect(200);
    edit(before.header("etag"), BANANAS.0).await.refused(412, "version_mismatch");
    edit(edited.header("etag"), BANANAS.0).await.expect(200);
}
