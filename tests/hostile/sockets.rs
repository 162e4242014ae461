//! The wire itself: what is sent byte by byte.

use super::*;

/// What is sent byte by byte, and what comes of it.
struct Raw {
    stream: TcpStream,
    /// What came behind the last answer.
    rest: Vec<u8>,
}

/// An answer as it came: status, whether the Worker gave it, the body's first words, and the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RawAnswer {
    status: u16,
    by_worker: bool,
    body: String,
    open: bool,
}

impl Raw {
    fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_read_timeout(Some(LONG)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, rest: Vec::new() }
    }

    fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next answer; `None` if the connection ends or `wait` passes without one.
    fn answer(&mut self, wait: Duration) -> Option<RawAnswer> {
        self.stream.set_read_timeout(Some(wait)).expect("a timeout");
        let mut bytes = std::mem::take(&mut self.rest);
        let mut open = true;
        loop {
            if let Some((head, body)) = split(&bytes) {
                let head = String::from_utf8_lossy(head).into_owned();
                let length = header(&head, "content-length").and_then(|text| text.parse::<usize>().ok());
                if head.starts_with("HTTP/1.1 100") {
                    bytes = body.to_vec();
                    continue;
                }
                if !open || length.is_some_and(|length| body.len() >= length) {
                    let status =
                        head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
                    let open = open && header(&head, "connection").as_deref() != Some("close");
                    let by_worker = header(&head, "evercart-region").is_some();
                    let (body, rest) = body.split_at(length.unwrap_or(body.len()).min(body.len()));
                    self.rest = rest.to_vec();
                    return Some(RawAnswer {
                        status,
                        by_worker,
                        body: String::from_utf8_lossy(body).into_owned(),
                        open,
                    });
                }
            } else if !open {
                return None;
            }
            let mut buffer = [0; 16_384];
            match self.stream.read(&mut buffer) {
                Ok(0) => open = false,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(_) if bytes.is_empty() => return None,
                Err(_) => open = false,
            }
        }
    }

    fn half_close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

const ALIVE: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n";

const QUICK: Duration = Duration::from_millis(700);

const LONG: Duration = harness::EVENTUALLY;

/// What is sent, and whether the sender then closes its half.
fn raw_cases(token: &str) -> Vec<(&'static str, Vec<u8>, bool)> {
    // Good but for the product, so that none of them changes anything.
    let body = r#"{"sku":"nothing"}"#;
    let post = |headers: &str, body: &str| {
        let head =
            "POST /v1/carts/current/lines HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n";
        format!("{head}Authorization: Bearer {token}\r\n{headers}\r\n{body}").into_bytes()
    };
    let get = |line: &str, headers: &str| format!("{line}\r\nHost: shop\r\n{headers}\r\n").into_bytes();
    let length = format!("Content-Length: {}\r\n", body.len());
    let chunked = "Transfer-Encoding: chunked\r\n";
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let health = "GET /healthz HTTP/1.1";
    let mut cases = vec![
        ("a chunk whose size is no number", post(chunked, &format!("zz\r\n{body}\r\n0\r\n\r\n")), false),
        ("a chunk longer than its size", post(chunked, &format!("5\r\n{body}\r\n0\r\n\r\n")), false),
        ("a chunk of negative size", post(chunked, &format!("-1\r\n{body}\r\n0\r\n\r\n")), false),
        (
            "a chunk whose size passes 64 bits",
            post(chunked, &format!("fffffffffffffffff\r\n{body}\r\n0\r\n\r\n")),
            false,
        ),
        (
            "chunks that end in the middle, then the end of the connection",
            post(chunked, &format!("20\r\n{body}")),
            true,
        ),
        (
            "chunks without the last, then the end of the connection",
            post(chunked, &chunks[..chunks.len() - 5]),
            true,
        ),
        ("a Content-Length that is no number", post("Content-Length: abc\r\n", body), false),
        ("a negative Content-Length", post("Content-Length: -1\r\n", body), false),
        ("a Content-Length with a sign", post("Content-Length: +17\r\n", body), false),
        ("a Content-Length past 64 bits", post("Content-Length: 18446744073709551616\r\n", body), false),
        ("the largest Content-Length", post("Content-Length: 18446744073709551615\r\n", body), false),
        ("two Content-Lengths that differ", post(&format!("{length}Content-Length: 5\r\n"), body), false),
        (
            "a Content-Length longer than the body, then the end of the connection",
            post("Content-Length: 50\r\n", body),
            true,
        ),
        ("a Content-Length shorter than the body", post("Content-Length: 5\r\n", body), false),
        ("Content-Length and chunks", post(&format!("Content-Length: 5\r\n{chunked}"), &chunks), false),
        ("an unknown transfer encoding", post("Transfer-Encoding: xchunked\r\n", &chunks), false),
        ("the transfer encoding identity", post("Transfer-Encoding: identity\r\n", body), false),
        ("an unknown method", get("FOO /v1/carts HTTP/1.1", ""), false),
        ("a method in small letters", get("get /healthz HTTP/1.1", ""), false),
        ("the method CONNECT", get("CONNECT shop:80 HTTP/1.1", ""), false),
        ("the method TRACE", get("TRACE /v1/carts HTTP/1.1", ""), false),
        ("a NUL in the path", get("GET /health\0z HTTP/1.1", ""), false),
        ("a space in the path", get("GET /healthz x HTTP/1.1", ""), false),
        ("a byte over 127 in the path", b"GET /\xff HTTP/1.1\r\nHost: shop\r\n\r\n".to_vec(), false),
        ("a path without its slash", get("GET healthz HTTP/1.1", ""), false),
        ("the path *", get("OPTIONS * HTTP/1.1", ""), false),
        ("an absolute address of another host", get("GET http://evil.example/healthz HTTP/1.1", ""), false),
        ("dots in the path", get("GET /v1/carts/../../healthz HTTP/1.1", ""), false),
        ("a path of 60,000 bytes", get(&format!("GET /{} HTTP/1.1", "a".repeat(60_000)), ""), false),
        ("a path of 100,000 bytes", get(&format!("GET /{} HTTP/1.1", "a".repeat(100_000)), ""), false),
        ("no Host", b"GET /healthz HTTP/1.1\r\n\r\n".to_vec(), false),
        ("two Hosts", get(health, "Host: other\r\n"), false),
        ("HTTP/1.0 without Host", b"GET /healthz HTTP/1.0\r\n\r\n".to_vec(), false),
        ("HTTP/2.0", get("GET /healthz HTTP/2.0", ""), false),
        ("HTTP/9.9", get("GET /healthz HTTP/9.9", ""), false),
        ("no version", b"GET /healthz\r\n\r\n".to_vec(), false),
        ("a TLS hello", [&b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"[..], &[0; 60]].concat(), false),
        ("NULs", b"\0\0\0\0\r\n\r\n".to_vec(), false),
        ("a NUL in a header", get(health, "traceparent: a\0b\r\n"), false),
        ("a CR in a header", get(health, "traceparent: a\rb: c\r\n"), false),
        ("a folded header", get(health, "traceparent: a\r\n b\r\n"), false),
        ("a header without a colon", get(health, "nothing\r\n"), false),
        ("a space before a header's colon", get(health, "traceparent : a\r\n"), false),
        ("a header without a name", get(health, ": a\r\n"), false),
        (
            "bytes over 127 in a header",
            b"GET /healthz HTTP/1.1\r\nHost: shop\r\ntraceparent: \xe9\xff\r\n\r\n".to_vec(),
            false,
        ),
        ("a header of 250,000 bytes", get(health, &format!("X-Long: {}\r\n", "a".repeat(250_000))), false),
        (
            "5,000 headers",
            get(health, &(0..5_000).map(|at| format!("X-{at}: a\r\n")).collect::<String>()),
            false,
        ),
        ("an expectation", post(&format!("{length}Expect: 100-continue\r\n"), body), false),
        ("an unknown expectation", post(&format!("{length}Expect: the-worst\r\n"), body), false),
        (
            "an upgrade to HTTP/2",
            get(health, "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
            false,
        ),
        (
            "a body with a GET",
            get(health, "Content-Length: 5\r\n").into_iter().chain(*b"hello").collect(),
            false,
        ),
        ("two requests at once", [ALIVE, ALIVE].concat(), false),
    ];
    cases.push(("a declared body that does not come", post("Content-Length: 100000000\r\n", ""), false));
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runtime_refuses_what_is_no_http() {
    let runtime = Runtime::shared().await;
    let shop = runtime.shop();
    let victim = Victim::new(&shop).await;
    let bystander = Bystander::start(&shop);
    let began = Instant::now();
    let mut rows = Vec::new();
    let cases = raw_cases(&victim.session.token);
    let count = cases.len();
    for (what, bytes, ends) in cases {
        let mut raw = Raw::connect(runtime.port());
        raw.send(&bytes);
        if ends {
            raw.half_close();
        }
        let waits = what.contains("does not come");
        let answer = tokio::task::block_in_place(|| raw.answer(if waits { QUICK } else { LONG }));
        let connection = match &answer {
            None if waits => "waits for the body",
            None => "closed",
            Some(answer) if answer.open && !ends && raw.send(ALIVE) => {
                // A lying length makes the rest of the body a request of its own.
                let lies = what.contains("shorter than the body");
                let next = tokio::task::block_in_place(|| raw.answer(LONG));
                match next.map(|next| next.status) {
                    Some(200) => "stays open",
                    Some(_) if lies => "the rest is refused as a request",
                    _ => "closed",
                }
            }
            Some(_) => "closed",
        };
        match answer {
            Some(answer) if answer.by_worker => {
                let fine = answer.status < 300 || (400..500).contains(&answer.status);
                assert!(fine, "{what}: {answer:?}");
                if answer.status >= 400 {
                    let problem: Value = serde_json::from_str(&answer.body).expect("a problem");
                    assert!(CODES.contains(&problem["code"].as_str().expect("a code")), "{what}: {problem}");
                }
                assert_ne!(connection, "waits for the body");
            }
            other => {
                let (status, body) = other.map_or(("none".to_owned(), String::new()), |answer| {
                    // One in chunks begins with the size of the first.
                    let said = |line: &&str| u32::from_str_radix(line, 16).is_err();
                    let body = answer.body.lines().find(said).unwrap_or_default().to_owned();
                    (answer.status.to_string(), body)
                });
                rows.push(format!(
                    "| {what} | {status} | {} | {connection} |",
                    if body.is_empty() { "-" } else { &body }
                ));
            }
        }
        let mut fresh = Raw::connect(runtime.port());
        fresh.send(ALIVE);
        let alive =
            tokio::task::block_in_place(|| fresh.answer(LONG)).expect("an answer on a fresh connection");
        assert_eq!((alive.status, alive.by_worker), (200, true), "after {what}");
        assert!(victim.is_unchanged().await, "{what}: the cart has changed");
    }
    report("raw bytes", count, began, bystander).await;
    let file = root().join("docs/runtime-refusals.md");
    let text = format!("{INTRODUCTION}{}\n", rows.join("\n"));
    if std::env::var_os("EVERCART_UPDATE").is_some() {
        std::fs::create_dir_all(root().join("docs")).expect("a folder");
        std::fs::write(&file, &text).expect("the file is written");
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        committed, text,
        "docs/runtime-refusals.md is not true any more; see the head of tests/hostile/main.rs"
    );
}

const INTRODUCTION: &str = "\
# What the runtime refuses by itself

These requests never reach the Worker, or reach it without a body that could be read, so their answers are the
runtime's: plain text or none, without `code`, sometimes a 5xx. None changes a cart, none disturbs another
connection, and a later request on a fresh connection is served. Everything else that is wrong is answered by the
Worker with `application/problem+json`.

Measured against the runtime of `wrangler dev`, without the proxy that wrangler puts before it, by `tests/hostile`,
which fails when a row stops being true and writes this file with
`EVERCART_UPDATE=1 cargo test -p evercart-tests --test hostile the_runtime`. Cloudflare's edge has a front of its own
with other words for the same refusals.

| what is sent | status | first line of the answer | the connection |
|---|---|---|---|
";

/// 100 MB, declared and in chunks: refused, and nobody else waits. The connection goes on where the body was read to its
/// end; where it was not, as what is declared with more than 16 MB, the runtime may close it behind the answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_100_mb_is_refused() {
    let runtime = Runtime::shared().await;
    let shop = runtime.shop();
    let victim = Victim::new(&shop).await;
    let bystander = Bystander::start(&shop);
    let began = Instant::now();
    let block = vec![b' '; 64 * 1_024];
    let mut count = 0;
    for (path, media, sizes_kb) in [("lines", JSON, [513, 100 * 1_024]), ("sync", DELTA, [129, 1_024])] {
        for chunked in [false, true] {
            for kb in sizes_kb {
                let length = if chunked {
                    "Transfer-Encoding: chunked".to_owned()
                } else {
                    format!("Content-Length: {}", kb * 1_024)
                };
                let head = format!(
                    "POST {}/{path} HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {}\r\nContent-Type: {media}\r\n{length}\r\n\r\n",
                    victim.cart(),
                    victim.session.token,
                );
                let mut raw = Raw::connect(runtime.port());
                let answer = tokio::task::block_in_place(|| {
                    raw.send(head.as_bytes());
                    let mut left = kb * 1_024;
                    while left > 0 {
                        let part = left.min(block.len());
                        if chunked {
                            raw.send(format!("{part:x}\r\n").as_bytes());
                        }
                        raw.send(&block[..part]);
                        if chunked {
                            raw.send(b"\r\n");
                        }
                        left -= part;
                    }
                    if chunked {
                        raw.send(b"0\r\n\r\n");
                    }
                    raw.answer(LONG)
                });
                let answer =
                    answer.unwrap_or_else(|| panic!("{path}, {kb} KB, chunked {chunked}: no answer"));
                assert_eq!(
                    (answer.status, answer.by_worker),
                    (413, true),
                    "{path}, {kb} KB, chunked {chunked}: {answer:?}"
                );
                assert!(answer.body.contains("\"body_too_large\""), "{answer:?}");
                // On the same connection, then on a fresh one.
                raw.send(ALIVE);
                let asked = Instant::now();
                let next = tokio::task::block_in_place(|| raw.answer(LONG)).map(|next| next.status);
                let closed = next.is_none() && !chunked && kb > 16 * 1_024 && asked.elapsed() < LONG;
                assert!(next == Some(200) || closed, "{path}, {kb} KB, chunked {chunked}: {next:?}");
                Answer::of(shop.request(Method::GET, "/healthz")).await.expect(200);
                assert!(victim.is_unchanged().await);
                count += 1;
            }
        }
    }
    report("100 MB", count, began, bystander).await;
}

/// Who sends all before they listen hears why they are refused, whatever is wrong: a connection that is closed in the
/// middle of a body takes the answer with it.
#[tokio::test(flavor = "multi_thread")]
async fn who_sends_the_whole_body_first_hears_the_refusal() {
    let runtime = Runtime::shared().await;
    let shop = runtime.shop();
    let victim = Victim::new(&shop).await;
    let bearer = format!("Authorization: Bearer {}\r\n", victim.session.token);
    let lines = format!("{}/lines", victim.cart());
    for (method, path, bearer, code) in [
        ("POST", &*lines, &*bearer, "body_too_large"),
        ("POST", &lines, "Authorization: Bearer 1\r\n", "token_invalid"),
        ("POST", "/v1/nothing", &bearer, "not_found"),
        ("PUT", &lines, &bearer, "method_not_allowed"),
        ("POST", "/peer", "", "peer_refused"),
    ] {
        let body = vec![b' '; 10 << 20];
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: shop\r\nContent-Type: {JSON}\r\n{bearer}Content-Length: {}\r\n\r\n",
            body.len(),
        );
        let mut raw = Raw::connect(runtime.port());
        let (is_sent, answer, next) = tokio::task::block_in_place(|| {
            let is_sent = raw.send(head.as_bytes()) && raw.send(&body);
            let answer = raw.answer(LONG);
            raw.send(ALIVE);
            (is_sent, answer, raw.answer(LONG))
        });
        assert!(is_sent, "{method} {path}: the connection was closed in the middle of the body: {answer:?}");
        let answer = answer.expect("an answer");
        assert!(answer.body.contains(&format!("\"{code}\"")), "{method} {path}: {answer:?}");
        assert_eq!(next.map(|next| next.status), Some(200), "{method} {path}: the connection goes on");
    }
    // Who asks first need not send.
    let head = format!(
        "POST {lines} HTTP/1.1\r\nHost: shop\r\n{bearer}Expect: 100-continue\r\nContent-Length: 10000000\r\n\r\n"
    );
    let mut raw = Raw::connect(runtime.port());
    let answer =
        tokio::task::block_in_place(|| raw.send(head.as_bytes()).then(|| raw.answer(LONG))).flatten();
    assert_eq!(answer.map(|answer| answer.status), Some(413));
    assert!(victim.is_unchanged().await);
}

/// A client that goes away in the middle of its body leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_is_forgotten() {
    let runtime = Runtime::shared().await;
    let shop = runtime.shop();
    let victim = Victim::new(&shop).await;
    let bystander = Bystander::start(&shop);
    let began = Instant::now();
    let body = json!({"sku": BAGELS, "quantity": 2}).to_string();
    let count = 100;
    for at in 0..count {
        let head = format!(
            "POST {}/lines HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {}\r\nContent-Type: {JSON}\r\nContent-Length: {}\r\n\r\n",
            victim.cart(),
            victim.session.token,
            body.len()
        );
        let mut raw = Raw::connect(runtime.port());
        let all = [head.as_bytes(), body.as_bytes()].concat();
        raw.send(&all[..all.len() - 1 - at % body.len()]);
        drop(raw);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(victim.is_unchanged().await);
    report("gone", count, began, bystander).await;
}

#[test]
fn the_codes_are_sorted() {
    let sorted: BTreeSet<&str> = CODES.iter().copied().collect();
    assert!(CODES.iter().copied().eq(sorted));
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((&bytes[..at], &bytes[at + 4..]))
}

fn header(head: &str, name: &str) -> Option<String> {
    let find = |line: &str| {
        let (there, value) = line.split_once(':')?;
        there.eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
    };
    head.lines().find_map(find)
}
