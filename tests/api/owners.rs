//! Who may do what: owner, stranger, nobody.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_an_absent_and_a_malformed_cart_are_the_same_404() {
    let (owner, stranger, guest) = (client().await, client().await, client().await);
    owner.add(BAGELS.0, 3).await;
    owner.post("/coupons", json!({"code": "SAVE10"})).await.expect(200);
    guest.add(BAGELS.0, 1).await;
    let second = owner.post("/v1/carts", json!({})).await.expect(201).json();
    let (first, second) = (owner.session.cart_id.clone(), text(&second, "cart_id").to_owned());
    let before = owner.view().await;
    let ids: Vec<&str> = [&*first, &*second].into_iter().chain(NO_CARTS).collect();
    let mut bodies = BTreeSet::new();
    let mut count = 0;
    for id in ids {
        for (name, call) in cart_calls(&owner.shop, id, &guest.session) {
            for token in [None, Some(&stranger.session.token)] {
                let call = call.try_clone().expect("a body in memory");
                let call = token.iter().fold(call, |call, token| call.bearer_auth(token));
                let answer = Answer::of(call).await.expect(404);
                assert_eq!((answer.header("set-cookie"), answer.header("etag")), ("", ""), "{name} of {id}");
                assert_eq!(answer.header("content-type"), "application/problem+json", "{name} of {id}");
                if name != "head" {
                    bodies.insert(answer.text());
                }
                count += 1;
            }
        }
    }
    assert_eq!(count, 14 * 17 * 2);
    assert_eq!(bodies.len(), 1, "{bodies:#?}");
    assert!(bodies.pop_first().expect("one").contains("\"cart_not_found\""));
    assert_eq!(owner.view().await, before);
    // The owner itself has no cart of those ids either; its own it has.
    for id in NO_CARTS {
        owner.get(&format!("/v1/carts/{id}")).await.refused(404, "cart_not_found");
    }
    for id in [&first, &second] {
        owner.get(&format!("/v1/carts/{id}")).await.expect(200);
    }
    for (name, call) in cart_calls(&owner.shop, &first, &guest.session) {
        let answer = Answer::of(call.bearer_auth(&owner.session.token)).await;
        let status = match name {
            "remove" | "uncoupon" => 404,
            "if-match" => 412,
            "actors" => 201,
            "sync" => 422,
            "erase" => 204,
            _ => 200,
        };
        // Those that find nothing have cleared it themselves before.
        let expected = if ["remove", "set", "move"].contains(&name) { 404 } else { status };
        let expected = if name == "uncoupon" { 200 } else { expected };
        assert_eq!(answer.status, expected, "{name}: {}", answer.text());
    }
}

/// A foreign cart's sequence number is not told either.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_cart_does_not_tell_its_sequence() {
    let (owner, stranger) = (client().await, client().await);
    owner.add(BAGELS.0, 3).await;
    for id in [&*owner.session.cart_id, NO_CARTS[0], NO_CARTS[1]] {
        let answer = stranger.get(&format!("/v1/carts/{id}")).await.refused(404, "cart_not_found");
        assert_eq!(answer.header("evercart-sequence"), "", "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_only_while_it_is_whole() {
    let client = client().await;
    for (header, code) in [
        ("Bearer", "token_invalid"),
        ("Bearer ", "token_invalid"),
        ("Bearer forged", "token_invalid"),
        (&format!("Bearer {}x", client.session.token), "token_invalid"),
        // For somebody else.
        ("Basic abc", "session_required"),
        ("Token x", "session_required"),
    ] {
        let call = client.shop.request(Method::GET, "/v1/carts/current").header("Authorization", header);
        Answer::of(call).await.refused(401, code);
    }
    let call =
        client.shop.request(Method::GET, "/v1/carts/current").header("Cookie", "__Host-evercart=forged");
    Answer::of(call).await.refused(401, "token_invalid");
    let call = client.shop.request(Method::GET, "/v1/carts/current");
    Answer::of(call.header("Authorization", format!("bearer {}", client.session.token))).await.expect(200);
}
