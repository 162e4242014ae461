//! Sessions: opened, renewed, ended, as a token and as a cookie.

use super::*;

/// What takes the cookie away.
const GONE: &str = "__Host-evercart=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_opened() {
    let shop = shop().await;
    for call in [
        shop.request(Method::POST, "/v1/sessions"),
        shop.request(Method::POST, "/v1/sessions").json(&json!({})),
        shop.request(Method::POST, "/v1/sessions").header("Content-Type", "application/json").body(""),
    ] {
        let answer = Answer::of(call).await.expect(201);
        let body = answer.json();
        assert_eq!(names(&body), ["cart_id", "expires_at", "session_id", "token"]);
        assert!(text(&body, "session_id").starts_with("s_") && text(&body, "cart_id").starts_with("c_weur_"));
        let (token, cookie) = (text(&body, "token"), answer.header("set-cookie"));
        let mut parts: Vec<&str> = cookie.split("; ").collect();
        assert_eq!(parts.remove(0), format!("__Host-evercart={token}"));
        parts.sort_unstable();
        assert_eq!(parts, ["HttpOnly", "Max-Age=31536000", "Path=/", "SameSite=Lax", "Secure"]);
        assert_eq!(answer.header("cache-control"), "no-store");
        let session = session_of(&answer);
        let view = Answer::of(shop.call(&session, Method::GET, "/v1/carts/current")).await.expect(200).json();
        assert_eq!(view["cart_id"], body["cart_id"]);
        assert_eq!(view["lines"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_alone_is_enough() {
    let client = client().await;
    client.add(BAGELS.0, 2).await;
    let cookie = format!("theme=dark; __Host-evercart={}; x=y", client.session.token);
    let call = client.shop.request(Method::GET, "/v1/carts/current").header("Cookie", &cookie);
    assert_eq!(Answer::of(call).await.expect(200).json(), client.view().await);
    let call = client.shop.request(Method::POST, "/v1/carts/current/lines").header("Cookie", &cookie);
    let view = Answer::of(call.json(&json!({"sku": BAGELS.0}))).await.expect(200).json();
    assert_eq!(
        (lines(&view), &view["cart_id"]),
        (vec![format!("{}:3", BAGELS.0)], &json!(client.session.cart_id))
    );
}

/// Each write that can be the first opens a session, and says so in header and cookie.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_write_without_a_session_opens_one() {
    let shop = shop().await;
    for (method, path, body, status) in [
        (Method::POST, "/v1/carts/current/lines", json!({"sku": BAGELS.0}), 200),
        (Method::POST, "/v1/carts/current/coupons", json!({"code": "SAVE10"}), 200),
        (Method::PATCH, "/v1/carts/current", json!({"note": "hello"}), 200),
        (
            Method::POST,
            "/v1/carts/current/commands",
            json!({"commands": [{"op": "add", "sku": BAGELS.0}]}),
            200,
        ),
        (Method::POST, "/v1/carts/current/actors", json!({}), 201),
        (Method::POST, "/v1/carts", json!({"currency": "EUR"}), 201),
    ] {
        let answer = Answer::of(shop.request(method, path).json(&body)).await.expect(status);
        let token = answer.header("evercart-token");
        assert!(answer.header("set-cookie").starts_with(&format!("__Host-evercart={token}; ")), "{path}");
        let call = shop.request(Method::GET, "/v1/carts/current").bearer_auth(token);
        let view = Answer::of(call).await.expect(200).json();
        let shown = answer.json();
        if status == 200 {
            assert_eq!(view, shown, "{path}");
        }
        let call = shop.request(Method::GET, "/v1/carts").bearer_auth(token);
        let carts = Answer::of(call).await.expect(200).json();
        assert_eq!(carts["carts"], json!([{"cart_id": view["cart_id"], "current": true}]), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_first_write_opens_nothing() {
    let shop = shop().await;
    for (method, path, body, status, code) in [
        (Method::POST, "/v1/carts/current/lines", json!({"sku": "nothing"}), 422, "unknown_sku"),
        (Method::POST, "/v1/carts/current/lines", json!({}), 422, "invalid_field"),
        (Method::PATCH, "/v1/carts/current/lines/l_AevsQg", json!({"quantity": 1}), 404, "line_not_found"),
        (Method::DELETE, "/v1/carts/current/coupons/A", json!({}), 404, "coupon_not_found"),
        (Method::POST, "/v1/carts", json!({"currency": "money"}), 422, "invalid_field"),
    ] {
        let answer = Answer::of(shop.request(method, path).json(&body)).await.refused(status, code);
        assert_eq!((answer.header("evercart-token"), answer.header("set-cookie")), ("", ""), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_session_says_so() {
    let shop = shop().await;
    for (method, path) in [
        (Method::GET, "/v1/carts"),
        (Method::GET, "/v1/carts/current"),
        (Method::GET, "/v1/carts/current/export"),
        (Method::POST, "/v1/sessions/renew"),
        (Method::DELETE, "/v1/sessions/current"),
    ] {
        let answer = Answer::of(shop.request(method, path)).await.refused(401, "session_required");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_nothing_to_erase_without_a_session() {
    let call = shop().await.request(Method::DELETE, "/v1/carts/current");
    Answer::of(call).await.refused(401, "session_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_after_half_an_hour_and_can_be_renewed() {
    let client = client().await;
    let before = client.add(BAGELS.0, 1).await;
    client.later(30 * MINUTE - 10 * SECOND).get("").await.expect(200);
    let idle = client.later(30 * MINUTE + 10 * SECOND);
    idle.get("").await.refused(401, "session_expired");
    idle.post("/lines", json!({"sku": BAGELS.0})).await.refused(401, "session_expired");
    let answer = Answer::of(idle.call(Method::POST, "/v1/sessions/renew")).await.expect(201);
    let renewed = session_of(&answer);
    assert_eq!(
        (&renewed.session_id, &renewed.cart_id),
        (&client.session.session_id, &client.session.cart_id)
    );
    assert_ne!(renewed.token, client.session.token);
    assert!(answer.header("set-cookie").starts_with(&format!("__Host-evercart={}; ", renewed.token)));
    let renewed = idle.with_token(&renewed.token);
    assert_eq!(renewed.view().await, before);
    // The old token stays ended; it can be renewed for thirty days.
    idle.get("").await.refused(401, "session_expired");
    client.later(30 * DAY - MINUTE).renew().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_used_for_thirty_days_has_ended() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let late = client.later(31 * DAY + MINUTE);
    Answer::of(late.call(Method::POST, "/v1/sessions/renew")).await.refused(401, "session_lapsed");
    // It never wrote anything: nobody knows of it.
    let unknown = Client::at(0).await.later(31 * DAY);
    Answer::of(unknown.call(Method::POST, "/v1/sessions/renew")).await.refused(401, "session_lapsed");
    // It can be ended all the same.
    late.delete("/v1/sessions/current").await.expect(204);
}

/// Two devices share a session: as long as one is in use, the other can come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_lives_as_long_as_one_of_its_devices_is_used() {
    let one = client().await;
    one.add(BAGELS.0, 2).await;
    let mut other = one.clone();
    for day in [10, 20, 30, 40] {
        other = other.later(day * DAY);
        let token = other.renew().await.session.token;
        other = other.with_token(&token);
        other.get("").await.expect(200);
    }
    // The use is told behind the answer.
    let back = one.later(55 * DAY);
    let mut answer = Answer::of(back.call(Method::POST, "/v1/sessions/renew")).await;
    for _ in 0..100 {
        if answer.status == 201 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        answer = Answer::of(back.call(Method::POST, "/v1/sessions/renew")).await;
    }
    let token = session_of(&answer.expect(201)).token;
    assert_eq!(lines(&back.with_token(&token).view().await), [format!("{}:2", BAGELS.0)]);
    // A year after its issue a token is nothing any more, whatever the session did.
    let year = one.later(365 * DAY + MINUTE);
    Answer::of(year.call(Method::POST, "/v1/sessions/renew")).await.refused(401, "session_lapsed");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_for_long_can_sign_out() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let second = client.post("/v1/carts", json!({})).await.expect(201).json();
    let idle = client.later(61 * MINUTE);
    let cookie = format!("__Host-evercart={}", client.session.token);
    let call = moved(client.shop.request(Method::DELETE, "/v1/sessions/current"), idle.clock_ms);
    let out = Answer::of(call.header("Cookie", &cookie)).await.expect(204);
    assert_eq!(out.header("set-cookie"), GONE);
    Answer::of(idle.call(Method::POST, "/v1/sessions/renew")).await.refused(401, "session_ended");
    client.get("").await.refused(401, "session_ended");
    client.get(&format!("/v1/carts/{}", text(&second, "cart_id"))).await.refused(401, "session_ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_opens_nothing_is_taken_away() {
    let call = shop().await.request(Method::DELETE, "/v1/sessions/current");
    let refused = Answer::of(call.header("Cookie", "__Host-evercart=forged")).await;
    let refused = refused.refused(401, "token_invalid");
    assert_eq!(refused.header("set-cookie"), GONE);
}

/// A staging site's guard asks for a password of its own.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_bearer_stands_before_the_cookie() {
    let client = client().await;
    client.add(BAGELS.0, 2).await;
    let cookie = format!("__Host-evercart={}", client.session.token);
    for other in ["Basic c3RhZ2luZzpzZWNyZXQ=", "Digest username=x", "basic", ""] {
        let call = client.shop.request(Method::GET, "/v1/carts/current").header("Cookie", &cookie);
        let view = Answer::of(call.header("Authorization", other)).await.expect(200).json();
        assert_eq!(lines(&view), [format!("{}:2", BAGELS.0)], "{other}");
        let call = client.shop.request(Method::GET, "/v1/carts/current").header("Authorization", other);
        Answer::of(call).await.refused(401, "session_required");
    }
    for bearer in ["Bearer", "Bearer ", "bearer forged"] {
        let call = client.shop.request(Method::GET, "/v1/carts/current").header("Cookie", &cookie);
        Answer::of(call.header("Authorization", bearer)).await.refused(401, "token_invalid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_use_is_renewed_on_the_way() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let soon = client.later(4 * MINUTE).get("").await.expect(200);
    assert_eq!((soon.header("evercart-token"), soon.header("set-cookie")), ("", ""));
    let mut token = client.session.token.clone();
    // Used every twenty minutes, it never ends.
    for turn in 1..=5 {
        let answer = client.with_token(&token).later(turn * 20 * MINUTE).get("").await.expect(200);
        token = answer.header("evercart-token").to_owned();
        assert!(answer.header("set-cookie").contains(&token) && !token.is_empty());
    }
    client.later(100 * MINUTE).get("").await.refused(401, "session_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_signed_out_opens_nothing() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let second = client.post("/v1/carts", json!({})).await.expect(201).json();
    let slid = client.later(6 * MINUTE).get("").await.expect(200).header("evercart-token").to_owned();
    let other = Client::at(0).await;
    let out = client.later(7 * MINUTE).delete("/v1/sessions/current").await.expect(204);
    assert_eq!(out.header("set-cookie"), GONE);
    assert_eq!(out.header("evercart-token"), "");
    for token in [&client.session.token, &slid] {
        let client = client.with_token(token).later(8 * MINUTE);
        for path in ["", "/v1/carts", "/v1/carts/current", &format!("/v1/carts/{}", text(&second, "cart_id"))]
        {
            client.get(path).await.refused(401, "session_ended");
        }
        client.post("/lines", json!({"sku": BAGELS.0})).await.refused(401, "session_ended");
        client.post("/v1/carts", json!({})).await.refused(401, "session_ended");
        Answer::of(client.call(Method::POST, "/v1/sessions/renew")).await.refused(401, "session_ended");
        // It can be said again: who got no answer does not know that it was done.
        client.delete("/v1/sessions/current").await.expect(204);
    }
    other.get("").await.expect(200);
}

/// A refused `POST /v1/carts` must not leave a cart that gives a fresh token.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_signed_out_cannot_come_back() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    client.delete("/v1/sessions/current").await.expect(204);
    client.keyed("k", Method::POST, "/v1/carts", json!({})).await.refused(401, "session_ended");
    let session: cart_core::id::SessionId =
        serde_json::from_value(json!(client.session.session_id)).expect("an id");
    let made = cart_core::id::CartId::derive(cart_core::id::Region::Weur, &session, "k");
    let later = client.later(6 * MINUTE);
    let answer = later.get(&format!("/v1/carts/{made}")).await;
    assert!(
        answer.status.is_client_error() && answer.header("evercart-token").is_empty(),
        "{}",
        answer.text()
    );
}
