//! Headers, paths and parameters.

use super::*;

#[tokio::test(flavor = "multi_thread")]
#[rustfmt::skip]
async fn every_header_is_checked() {
    let mut bad = Vec::new();
    let add = json!({"sku": BAGELS}).to_string();
    let lines = |codes| Bad::json(Method::POST, "~/lines", add.clone(), codes);
    let line = format!("~/lines/{}", line_id(BAGELS));
    let mut header = |name: &'static str, values: &[&[u8]], codes: &'static [&'static str]| {
        for value in values {
            for bad_call in [
                lines(codes),
                Bad::json(Method::PATCH, &line, "{\"quantity\":1}", codes),
                Bad::new(Method::DELETE, &line, codes),
                Bad::json(Method::PATCH, "~", "{\"note\":\"x\"}", codes),
            ] {
                bad.push(
                    bad_call
                        .header(name, *value)
                        .named(format!("{name}: {}", String::from_utf8_lossy(value))),
                );
            }
        }
    };
    let long = |length: usize| vec![b'k'; length];
    header(
        "Idempotency-Key",
        &[
            b"", b"a b", b"a\tb", b"\xe9\xff", b"\x80", b"key\xc2\xa0", &long(256), &long(10_000),
            &long(60_000),
        ],
        &["invalid_field"],
    );
    // An empty one does not arrive.
    header(
        "If-Match",
        &[b"x", b"\"x\"", b"\"x\", \"y\"", b",,,", b"\xff", &long(60_000)],
        &["version_mismatch"],
    );
    header(
        "Evercart-Context",
        &[b"", b"x", b"AAAA", b"====", b"\xff", b"../../etc/passwd", &long(60_000)],
        &["context_invalid"],
    );
    header("Evercart-Region", &[b"", b"moon", b"WEUR", b"oc", b"\xff", &long(10_000)], &["invalid_field"]);
    header(
        "Evercart-Clock-Skew-Ms",
        &[
            b"", b"x", b"1.5", b"1e3", b"0x10", b"9223372036854775808", b"-9223372036854775809", b"NaN",
            b"--1", &long(10_000),
        ],
        &["invalid_field"],
    );
    for form in forms() {
        for value in [
            "", "text/plain", "application/xml", "text/json", "application/jsonx",
            "multipart/form-data; boundary=x", "json", "application/x-www-form-urlencoded",
            "application/vnd.evercart.delta", "application/ld+json", ";", "application/json, text/plain",
        ] {
            let body = form.body(&form.good());
            let call = Bad::new(form.method.clone(), form.path, &["unsupported_media_type"]).body(body);
            let call = if value.is_empty() { call } else { call.header("Content-Type", value) };
            bad.push(call.named(format!("{} {} as {value}", form.method, form.path)));
        }
    }
    for value in ["", "text/plain", JSON, "application/octet-stream", "application/vnd.evercart"] {
        let call = Bad::new(Method::POST, "~/sync", &["unsupported_media_type"]).body(vec![0; 9]);
        bad.push(if value.is_empty() { call } else { call.header("Content-Type", value) });
    }
    // Encodings are not undone: what comes is read as it is.
    for encoding in ["gzip", "br", "deflate", "chunked", "moon"] {
        let zipped = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xabVJ\xceMQ\xb2R".to_vec();
        let call = Bad::json(Method::POST, "~/lines", zipped, &["invalid_utf8", "invalid_json"]);
        bad.push(call.header("Content-Encoding", encoding).named(encoding));
    }
    all_refused("headers", bad).await;
}

#[tokio::test(flavor = "multi_thread")]
#[rustfmt::skip]
async fn every_path_and_parameter_is_checked() {
    let mut bad = Vec::new();
    let long = "x".repeat(20_000);
    for path in [
        "/v1", "/v1/", "/v1//carts", "//v1/carts", "/v1/carts/", "/v1/carts/current/",
        "/v1/carts/current//lines", "/v1/carts/current/lines/", "/v1/carts/current/lines/x/y",
        "/v1/carts/current/nothing", "/v1/orders", "/v2/carts", "/V1/CARTS", "/v1/carts%2Fcurrent",
        "/v1%2Fcarts", "/%76%31/carts", "/.env", "/.git/config", "/index.php", "/wp-login.php",
        "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/cdn-cgi/x", "/v1/sessions/../../admin",
        "/v1/carts;x=y", "/%00", "/%", "/%zz", "/%ff%fe", "/v1/carts/current/lines;",
        &format!("/{long}"),
        &format!("/v1/carts/{long}/nothing"),
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            bad.push(Bad::new(method, path, &["not_found", "method_not_allowed"]).named(path));
        }
    }
    for id in [
        "", "%20", "%00", "%FF", "..%2F..", "c_", "c_weur_", "c_weur_0",
        "c_weur_00000000000000000000000g%00", "CURRENT", "current%20", "%63urrent%00",
        "c_weur_00000000000000000000000g%2Flines", "c_weur_00000000000000000000000h", "null", "undefined",
        "0", "-1", &long,
    ] {
        for suffix in ["/export", "/lines/l_AevsQg", "/coupons/A"] {
            let method = if suffix == "/export" { Method::GET } else { Method::DELETE };
            let codes = &["cart_not_found", "not_found"];
            bad.push(Bad::new(method, &format!("/v1/carts/{id}{suffix}"), codes).named(id));
        }
    }
    for id in [
        "%20", "%00", "%FF", "l_", "l_%00", "l_A", "l_AA", "l_AevsQ", "l_AevsQgAA", "l_AevsQh", "L_AevsQg",
        "l_AevsQg%3D", "l_..", "1095275", "l_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "l_________",
        &format!("l_{}", "A".repeat(20_000)),
        "__proto__",
        "l_BevsQg",
        "l_AgA",
        "l_AAA",
        "l_AAE",
    ] {
        let path = format!("~/lines/{id}");
        let codes = &["line_not_found"];
        bad.push(Bad::new(Method::DELETE, &path, codes).named(id));
        bad.push(Bad::new(Method::DELETE, &format!("{path}?in=saved"), codes).named(id));
        bad.push(Bad::json(Method::PATCH, &path, "{\"quantity\":1}", codes).named(id));
        bad.push(Bad::json(Method::PATCH, &path, "{\"location\":\"saved\"}", codes).named(id));
    }
    for code in ["%20", "%00", "%FF", "a%20b", "NONE", "%C3%A9", "save10", &"x".repeat(65), &long, "A%0D%0AB"]
    {
        let codes = &["coupon_not_found", "invalid_field"];
        bad.push(Bad::new(Method::DELETE, &format!("~/coupons/{code}"), codes).named(code));
    }
    for query in [
        "x=1", "in=moon", "in=", "in", "in=Cart", "in=cart%00", "in=moon&in=cart", "context=", "context=x",
        "context=%00", "context=%FF", "Context=x", "context[]=x", "%00=1", "=", "&x", "a=b=c",
        "in=cart;context=x",
        &format!("context={long}"),
        &format!("{long}=1"),
        "__proto__=1",
    ] {
        for (method, path) in
            [(Method::DELETE, format!("~/lines/{}", line_id(BAGELS))), (Method::DELETE, "~/lines".to_owned())]
        {
            let codes = &["invalid_field", "context_invalid"];
            bad.push(Bad::new(method, &format!("{path}?{query}"), codes).named(query));
        }
    }
    for query in [
        "cursor=x",
        "cursor=",
        "cursor=c_weur_00000000000000000000000g",
        "cursor=%00",
        "page=1",
        &format!("cursor={long}"),
    ] {
        bad.push(Bad::new(Method::GET, &format!("/v1/carts?{query}"), &["invalid_field"]).named(query));
    }
    for method in ["PUT", "TRACE", "REPORT"] {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        for path in ["/v1/carts", "~", "~/lines", "~/sync", "/v1/sessions", "/healthz"] {
            bad.push(Bad::new(method.clone(), path, &["method_not_allowed"]));
        }
    }
    all_refused("paths", bad).await;
}

#[tokio::test(flavor = "multi_thread")]
#[rustfmt::skip]
async fn an_odd_method_is_no_get() {
    let odd = [
        "ACL", "CHECKOUT", "COPY", "LOCK", "MERGE", "MKACTIVITY", "MKCOL", "MOVE", "NOTIFY", "PROPFIND",
        "PROPPATCH", "PURGE", "QUERY", "SEARCH", "SUBSCRIBE", "UNLOCK", "UNSUBSCRIBE",
    ];
    let call = |name: &&str| {
        Bad::new(Method::from_bytes(name.as_bytes()).expect("one"), "~", &["method_not_allowed"])
    };
    all_refused("methods", odd.iter().map(call).collect()).await;
}
