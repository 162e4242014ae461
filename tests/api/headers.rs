//! What every answer carries: region, trace, CORS, types, methods.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_where_it_was_served() {
    let client = client().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (method, path) in [
        (Method::GET, "/healthz"),
        (Method::GET, "/readyz"),
        (Method::GET, "/openapi.json"),
        (Method::GET, "/nothing"),
        (Method::PUT, "/v1/carts"),
        (Method::GET, "/v1/carts"),
        (Method::GET, "/v1/carts/current"),
        (Method::HEAD, "/v1/carts/current"),
        (Method::GET, "/v1/carts/nonsense"),
        (Method::POST, "/v1/sessions"),
        (Method::POST, "/v1/carts/current/lines"),
        (Method::POST, "/v1/carts/current/actors"),
        (Method::OPTIONS, "/v1/carts"),
    ] {
        let call = client.shop.call(&client.session, method.clone(), path).header("traceparent", trace);
        let answer = Answer::of(call).await;
        assert_eq!(answer.header("evercart-region"), "weur", "{method} {path}");
        assert_eq!(answer.header("traceparent"), trace, "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{method} {path}");
    }
    let here = client.call(Method::GET, "").header("Evercart-Region", "weur");
    Answer::of(here).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_get_without_its_body() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    for path in
        ["/healthz", "/readyz", "/openapi.json", "/v1/carts", "/v1/carts/current", "/v1/carts/current/export"]
    {
        let call = |method| client.shop.call(&client.session, method, path);
        let (get, head) = (Answer::of(call(Method::GET)).await, Answer::of(call(Method::HEAD)).await);
        assert_eq!((head.status, head.bytes.len()), (get.status, 0), "{path}");
        for name in ["content-type", "etag", "cache-control", "evercart-region", "evercart-sequence"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
    Answer::of(client.shop.request(Method::HEAD, "/v1/carts/current")).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_this_machine_is_answered_in_development() {
    let client = client().await;
    let origin = "http://shop.localhost:3000";
    let paths: BTreeSet<&str> = ROUTES.iter().map(|(_, path)| *path).collect();
    for path in paths {
        let concrete = path
            .replace("{cart}", "current")
            .replace("{line_id}", "l_AevsQg")
            .replace("{code}", "A")
            .replace("{sku}", "1095275");
        let call = client.shop.request(Method::OPTIONS, &concrete).header("Origin", origin);
        let answer = Answer::of(call.header("Access-Control-Request-Method", "POST")).await.expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), origin, "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "true", "{path}");
        assert_eq!(sorted(answer.header("access-control-allow-methods")), methods_of(path), "{path}");
        let allowed = answer.header("access-control-allow-headers").to_ascii_lowercase();
        for name in [
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "prefer",
            "evercart-context",
            "traceparent",
        ] {
            assert!(sorted(&allowed).contains(&name), "{name} in {allowed}");
        }
    }
    for (method, path, token, status) in [
        (Method::GET, "/v1/carts/current", &*client.session.token, 200),
        (Method::POST, "/v1/sessions", "", 201),
        (Method::GET, "/v1/carts/nonsense", &client.session.token, 404),
        (Method::GET, "/v1/carts/current", "forged", 401),
        (Method::GET, "/nothing", "", 404),
    ] {
        let mut call = client.shop.request(method, path).header("Origin", origin);
        if !token.is_empty() {
            call = call.bearer_auth(token);
        }
        let answer = Answer::of(call).await.expect(status);
        assert_eq!(answer.header("access-control-allow-origin"), origin, "{path}");
        assert_eq!(answer.header("vary"), "Origin", "{path}");
        let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
        for name in
            ["etag", "location", "evercart-token", "evercart-context", "idempotency-replayed", "retry-after"]
        {
            assert!(sorted(&exposed).contains(&name), "{name} in {exposed}");
        }
    }
    let plain = client.get("").await.expect(200);
    assert_eq!((plain.header("access-control-allow-origin"), plain.header("vary")), ("", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_can_read_every_refusal() {
    let origin = "http://localhost:3000";
    let call = shop().await.request(Method::GET, "/v1/carts/current").header("Origin", origin);
    let answer = Answer::of(call.header("Authorization", "Bearer")).await.refused(401, "token_invalid");
    assert_eq!(answer.header("access-control-allow-origin"), origin);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_machine_is_refused_in_development_too() {
    let client = client().await;
    for origin in ["https://shop.example", "http://localhost.shop.example", "http://192.0.2.7:8787", "null"] {
        for (method, path) in [
            (Method::POST, "/v1/sessions"),
            (Method::GET, "/v1/carts/current"),
            (Method::OPTIONS, "/v1/carts/current/lines"),
            (Method::PUT, "/v1/admin/faults"),
        ] {
            let call = client.shop.call(&client.session, method, path).header("Origin", origin);
            let answer = Answer::of(call).await.refused(403, "origin_refused");
            assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_paths_and_methods_are_refused() {
    let shop = shop().await;
    for path in [
        "/v1",
        "/v1/",
        "/v2/carts",
        "/v1/carts/",
        "/v1/carts/current/",
        "/v1/carts/current/nothing",
        "/V1/carts",
    ] {
        Answer::of(shop.request(Method::GET, path)).await.refused(404, "not_found");
        Answer::of(shop.request(Method::POST, path)).await.refused(404, "not_found");
    }
    let paths: BTreeSet<&str> = ROUTES.iter().map(|(_, path)| *path).collect();
    for path in paths {
        let concrete = path
            .replace("{cart}", "current")
            .replace("{line_id}", "l_AevsQg")
            .replace("{code}", "A")
            .replace("{sku}", "1095275");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if !methods_of(path).contains(&method) {
                let call = shop.request(Method::from_bytes(method.as_bytes()).expect("a method"), &concrete);
                let answer = Answer::of(call).await.refused(405, "method_not_allowed");
                assert_eq!(sorted(answer.header("allow")), methods_of(path), "{method} {path}");
            }
        }
    }
}

/// Pages are served without the Worker, by `web/_headers` and `web/_redirects`; those of products by `src/catalog/pages.js`.
#[tokio::test(flavor = "multi_thread")]
async fn pages_are_beside_the_api() {
    let shop = shop().await;
    for path in ["/", "/product/1095275", "/cart", "/carts", "/sign-in", "/lab"] {
        let page = Answer::of(shop.request(Method::GET, path)).await.expect(200);
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert!(page.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert_eq!(page.header("set-cookie"), "", "{path}");
        // What a page loads may be kept for ever, since its name has the hash of its content; the page may not.
        assert!(!page.header("cache-control").contains("immutable"), "{path}");
        let text = page.text();
        let assets = text.split('"').filter(|part| part.starts_with("/assets/"));
        let kinds = assets.clone().filter_map(|asset| asset.rsplit('.').next()).collect::<BTreeSet<_>>();
        assert_eq!(kinds, BTreeSet::from(["css", "js", "wasm"]), "{path}");
        for asset in assets {
            let hash = asset.split(['-', '.']).rev().nth(1).unwrap_or_default();
            assert!(hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{asset}");
            let kept = Answer::of(shop.request(Method::GET, asset)).await.expect(200);
            assert_eq!(kept.header("cache-control"), "public, max-age=31536000, immutable", "{asset}");
        }
    }
    let worker = Answer::of(shop.request(Method::GET, "/sw.js")).await.expect(200);
    assert_eq!(worker.header("cache-control"), "no-cache");
}

fn methods_of(path: &str) -> Vec<&'static str> {
    let mut methods: Vec<&str> =
        ROUTES.iter().filter(|(_, there)| *there == path).map(|(method, _)| *method).collect();
    methods.sort_unstable();
    methods
}

fn sorted(list: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = list.split(',').map(str::trim).collect();
    parts.sort_unstable();
    parts
}
