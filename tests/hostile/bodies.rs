//! Bodies: each field of each request, wrong in every way.

use super::*;

const LINE: &[&str] = &["invalid_field", "invalid_json", "invalid_utf8", "line_not_found"];

/// Bad values as they stand in the body, bytes and all.
#[rustfmt::skip] // The lists are read as lists.
fn bad_values(kind: Kind) -> (Vec<Vec<u8>>, &'static [&'static str]) {
    let mut values: Vec<Vec<u8>> = Vec::new();
    let mut all = |list: &[&str]| values.extend(list.iter().map(|text| text.as_bytes().to_vec()));
    // Of no type that any field has.
    all(&[
        "tru", "NaN", "Infinity", "-Infinity", "undefined", "'x'", "0x10", "01", "+1", ".5", "1e400", "\"",
        "\"\\x\"",
    ]);
    let text_of = |length: usize| format!("\"{}\"", "x".repeat(length));
    let not_text: &[&str] =
        &["7", "-1", "1.5", "true", "false", "[]", "[\"x\"]", "{}", "{\"x\":1}", "\"\\ud800\""];
    let codes = match kind {
        Kind::Quantity(min) => {
            all(&[
                "true", "\"3\"", "\"\"", "[]", "[3]", "{}", "1.5", "2.0", "1e2", "-0", "-0.0", "1e308",
                "-1", "10000", "2147483648", "4294967296", "9007199254740992", "9007199254740993",
                "9223372036854775807", "9223372036854775808", "18446744073709551615",
                "18446744073709551616", "-9223372036854775808", "-9223372036854775809", "1e-400",
                "1e999999999", "null",
            ]);
            if min > 0 {
                all(&["0"]);
            }
            all(&[&format!("1{}", "0".repeat(10_000))]);
            FIELD
        }
        Kind::Sku | Kind::Variant => {
            all(not_text);
            all(&[
                "\"\"",
                "\"a\\u0000b\"",
                "\"a\\nb\"",
                "\"\\u007f\"",
                "\"\\u0085\"",
                &text_of(65),
                &text_of(100_000),
            ]);
            if matches!(kind, Kind::Sku) {
                all(&[
                    "null", "\" \"", "\"nothing\"", "\"%00\"", "\"1095275\\u0000\"", "\"' OR 1=1 --\"",
                    "\"\u{1f6d2}\"",
                ]);
            }
            SKU
        }
        Kind::Customization => {
            all(&[
                "7", "\"x\"", "true", "[]", "[{}]", "{\"a\":1e400}", "{\"a\":\"\\ud800\"}", "{\"a\":}",
                "{1:2}", "{\"a\":9007199254740993}", "{\"a\":[-1e16]}",
            ]);
            all(&[&format!("{{\"a\":{}}}", text_of(1_020)), &format!("{{\"a\":{}}}", text_of(100_000))]);
            all(&[&format!("{{\"a\":{}{}}}", "[".repeat(600), "]".repeat(600))]);
            FIELD
        }
        Kind::LineId => {
            all(not_text);
            all(&[
                "null", "\"\"", "\"l_\"", "\"nonsense\"", "\"l_AevsQ\"", "\"l_AevsQgA\"", "\"l_AevsQh\"",
                "\"L_AevsQg\"",
            ]);
            all(&[
                "\"l_AevsQg==\"",
                "\"l_////\"",
                "\"a\\u0000b\"",
                &text_of(100_000),
                &format!("\"l_{}\"", "A".repeat(10_000)),
            ]);
            LINE
        }
        Kind::Place | Kind::PlaceOrNull => {
            all(not_text);
            all(&["\"\"", "\"Cart\"", "\"moon\"", "\"cart \"", "\"saved\\u0000\"", &text_of(10_000)]);
            if matches!(kind, Kind::Place) {
                all(&["null"]);
            }
            FIELD
        }
        Kind::Code => {
            all(not_text);
            all(&[
                "null", "\"\"", "\" \"", "\"a b\"", "\"\u{e9}\"", "\"a\\u0000\"", "\"a\\t\"",
                &text_of(65),
                &text_of(100_000),
            ]);
            FIELD
        }
        Kind::Note => {
            all(not_text);
            all(&[&text_of(2_001), &text_of(100_000), &format!("\"{}\"", "\u{e9}".repeat(1_001))]);
            FIELD
        }
        Kind::Currency => {
            all(not_text);
            all(&[
                "\"\"", "\"EU\"", "\"EURO\"", "\"eur\"", "\"$$$\"", "\"E\\u0000R\"", "\"ZZZ\"",
                &text_of(10_000),
            ]);
            FIELD
        }
        Kind::Locale => {
            all(not_text);
            all(&[
                "\"\"", "\"e\"", "\"en_US\"", "\"en US\"", "\"\\u0000\\u0000\"", "\"\u{e9}\u{e9}\"",
                &text_of(36),
                &text_of(10_000),
            ]);
            FIELD
        }
        Kind::DeliveryRegion => {
            all(not_text);
            all(&["\"\"", "\"D\"", "\"DE-BE-1\"", "\"D E\"", "\"\\u0000\\u0000\"", &text_of(10_000)]);
            FIELD
        }
        Kind::Context => {
            all(not_text);
            all(&[
                "\"\"",
                "\"nonsense\"",
                "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
                "\"====\"",
                "\"\\u0000\"",
                &text_of(100_000),
            ]);
            CONTEXT
        }
        Kind::CartId => {
            all(not_text);
            all(&[
                "null", "\"\"", "\"current\"", "\"nonsense\"", "\"c_weur_\"",
                "\"c_moon_00000000000000000000000g\"",
                &text_of(100_000),
            ]);
            CART
        }
        Kind::Token => {
            all(not_text);
            all(&[
                "null",
                "\"\"",
                "\"forged\"",
                "\"a\\u0000\"",
                "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
                &text_of(100_000),
            ]);
            FIELD
        }
        Kind::Commands => {
            let many = |command: &str, count: usize| format!("[{}]", vec![command; count].join(","));
            all(&[
                "null", "7", "\"x\"", "{}", "[]", "[null]", "[7]", "[\"clear\"]", "[[]]", "[{}]",
                "[[{\"op\":\"clear\"}]]",
            ]);
            all(&[
                "[{\"op\":\"clear\"},]",
                "[{\"op\":\"clear\"},null]",
                "{\"op\":\"clear\"}",
                "[{\"op\":\"clear\",\"x\":1}]",
            ]);
            all(&[&many("{\"op\":\"clear\"}", 101), &many("{\"op\":\"clear\"}", 20_000), &many("{}", 100)]);
            FIELD
        }
        Kind::Op => {
            all(not_text);
            all(&[
                "null", "\"\"", "\"Add\"", "\"ADD\"", "\"add \"", "\"fly\"", "\"update\\u0000\"",
                "\"__proto__\"", "0",
            ]);
            FIELD
        }
    };
    // Not UTF-8: a byte alone, an overlong slash, half a surrogate, a text cut off.
    for bytes in
        [&b"\"\xff\""[..], b"\"\xc0\xaf\"", b"\"\xed\xa0\x80\"", b"\"\xe2\x82\"", b"\"a\0b\"", b"\"a\nb\""]
    {
        values.push(bytes.to_vec());
    }
    (values, codes)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_is_checked() {
    let mut bad = Vec::new();
    for form in forms() {
        for (name, good, kind) in &form.fields {
            let (values, codes) = bad_values(*kind);
            for value in values {
                let fields = form.with(name, &value);
                let shown: String = String::from_utf8_lossy(&value).chars().take(40).collect();
                bad.push(form.bad(form.body(&fields), codes, format!("{name} = {shown}")));
            }
            let mut twice = form.with(name, good.as_bytes());
            twice.push((name, good.as_bytes()));
            bad.push(form.bad(form.body(&twice), form.codes, format!("{name} twice")));
            if form.required.contains(name) {
                let mut without = form.good();
                without.retain(|(there, _)| there != name);
                bad.push(form.bad(form.body(&without), form.codes, format!("without {name}")));
            }
        }
        let long = "n".repeat(10_000);
        for name in [
            "x",
            "",
            "__proto__",
            "constructor",
            "toString",
            "Sku",
            "quantity ",
            "$ref",
            "\0",
            "\u{e9}",
            &long,
        ] {
            let mut more = form.good();
            more.push((name, b"1"));
            bad.push(form.bad(form.body(&more), form.codes, format!("more: {name:.20}")));
        }
    }
    all_refused("fields", bad).await;
}

#[tokio::test(flavor = "multi_thread")]
#[rustfmt::skip]
async fn every_body_is_checked() {
    let mut bad = Vec::new();
    for form in forms() {
        let good = form.body(&form.good());
        let mut bodies: Vec<Vec<u8>> = [
            "null", "true", "7", "1.5", "\"x\"", "{", "}", "]", "{]", "{\"", "{\"a", "{\"a\":", "{\"a\":1",
            "{\"a\":1,}", "{a:1}", "{'a':1}", "{} {}", "{}x", "{},", "//\n{}", "nul", "\u{feff}{}", " ",
            "\n\n", "\0", "{}\0", "<xml/>", "a=b&c=d", "--", "%7B%7D",
        ]
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .collect();
        bodies.extend(
            [&b"\xff\xfe{\0}\0"[..], b"\xff", b"\x1f\x8b\x08\0\0\0\0\0", b"{\"\xff\":1}"].map(<[u8]>::to_vec),
        );
        bodies.push("[".repeat(10_000).into_bytes());
        bodies.push("{\"a\":".repeat(10_000).into_bytes());
        bodies.push(format!("{{\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes());
        bodies.push([&good[..], b"garbage"].concat());
        // Cut off in many places.
        let step = good.len().div_ceil(30);
        bodies.extend((1..good.len()).step_by(step).map(|end| good[..end].to_vec()));
        for body in bodies {
            let shown: String = String::from_utf8_lossy(&body).chars().take(40).collect();
            bad.push(form.bad(body, form.codes, format!("the body {shown}")));
        }
    }
    all_refused("bodies", bad).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deep_customization_is_taken_or_refused() {
    let shop = Runtime::shared().await.shop();
    let mut victim = Victim::new(&shop).await;
    for depth in 100..130 {
        let body = format!(
            "{{\"sku\":\"{BAGELS}\",\"customization\":{}1{}}}",
            "{\"a\":".repeat(depth),
            "}".repeat(depth)
        );
        let answer = victim.send(&Bad::json(Method::POST, "~/lines", body, FIELD)).await;
        assert!(answer.status == 200 || answer.status.is_client_error(), "{depth}: {}", answer.text());
        victim.view = victim.get().await;
        Answer::of(shop.call(&victim.session, Method::GET, &format!("{}/export", victim.cart())))
            .await
            .expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_is_no_object() {
    let mut bad = vec![];
    for form in forms().iter().filter(|form| form.around.0 == "{") {
        let values: Vec<&str> = form.fields.iter().map(|(_, value, _)| value.as_str()).collect();
        bad.push(form.bad(format!("[{}]", values.join(",")).into_bytes(), form.codes, "an array".into()));
        bad.push(form.bad(b"[]".to_vec(), form.codes, "an empty array".into()));
    }
    for command in
        [json!(["clear"]), json!(["add", BAGELS]), json!(["apply_coupon", "A"]), json!(["update", "x"])]
    {
        let body = json!({"commands": [command]}).to_string();
        bad.push(Bad::json(Method::POST, "~/commands", body, FIELD).named("a command as an array"));
    }
    all_refused("arrays", bad).await;
}

/// What a text may hold that looks hostile and is only text: it comes back as it went in.
#[tokio::test(flavor = "multi_thread")]
#[rustfmt::skip]
async fn odd_text_is_only_text() {
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    let all: String = (1..0x3000).step_by(131).filter_map(char::from_u32).collect();
    let texts = [
        "\0", "\u{202e}abc", "<script>alert(1)</script>", "'; DROP TABLE replica; --", "\u{feff}",
        "\\\"\u{2028}\u{1f468}\u{200d}\u{1f469}", "{\"op\":\"clear\"}", "%00%0d%0a", "\r\nSet-Cookie: a=b",
        &all,
    ];
    for text in texts {
        let call = shop.call(&session, Method::PATCH, "/v1/carts/current").json(&json!({"note": text}));
        assert_eq!(Answer::of(call).await.expect(200).json()["note"], json!(text));
        let body = json!({"sku": BAGELS, "customization": {text: text, "__proto__": {"admin": true}}});
        let call = shop.call(&session, Method::POST, "/v1/carts/current/lines").json(&body);
        let view = Answer::of(call).await.expect(200).json();
        let last = view["lines"].as_array().and_then(|lines| lines.last()).expect("a line");
        assert_eq!(last["customization"], body["customization"]);
        Answer::of(shop.call(&session, Method::GET, "/v1/carts/current/export")).await.expect(200).json();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_products_do_not_fill_the_memory() {
    let runtime = Runtime::start(harness::Options::default()).await;
    let shop = runtime.shop();
    let session = shop.open().await;
    let mut memory = Vec::new();
    for part in 0..3 {
        for at in 0..300 {
            let sku = format!("{part}-{at}-{}", "x".repeat(500_000));
            let call =
                shop.call(&session, Method::POST, "/v1/carts/current/lines").json(&json!({"sku": sku}));
            Answer::of(call).await.refused(422, "invalid_field");
        }
        memory.push(memory_mb(runtime.group().expect("a process that was started")));
    }
    println!("after 300, 600 and 900 unknown products of 500 KB: {memory:?} MB");
    assert!(memory[2] < memory[0] + 150, "{memory:?} MB");
}

/// The memory of the largest workerd of a process group.
fn memory_mb(group: i32) -> usize {
    let list = std::process::Command::new("ps").args(["-eo", "pgid,rss,args"]).output().expect("ps");
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    let workers = lines.iter().filter(|line| line[0] == group.to_string() && line[2].ends_with("workerd"));
    workers.filter_map(|line| line[1].parse::<usize>().ok()).max().expect("workerd") / 1_024
}
