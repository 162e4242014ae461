//! Tokens and contexts that this service did not make.

use super::*;

/// The same text with one thing wrong: each character changed, and each length that is too short.
fn forgeries(text: &str) -> Vec<String> {
    let mut forged: Vec<String> = (0..text.len()).map(|end| text[..end].to_owned()).collect();
    for at in 0..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        if bytes != text.as_bytes() {
            forged.push(String::from_utf8(bytes).expect("ASCII"));
        }
        if at % 8 == 0 {
            let mut bytes = text.as_bytes().to_vec();
            bytes.swap(at, (at + 7) % text.len());
            if bytes != text.as_bytes() {
                forged.push(String::from_utf8(bytes).expect("ASCII"));
            }
        }
    }
    for end in ["A", "AA", "AAAA", "=", "==", " x", ".", "%"] {
        forged.push(format!("{text}{end}"));
    }
    forged
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_token_opens_nothing() {
    let shop = Runtime::shared().await.shop();
    let (one, two) = (shop.open().await, shop.open().await);
    let mut forged = forgeries(&one.token);
    // The tag of one session before what another's token says, and none at all.
    forged.push(format!("{}{}", &one.token[..22], &two.token[22..]));
    forged.push(one.token[22..].to_owned());
    forged.push(format!("{}{}", "A".repeat(22), &one.token[22..]));
    forged.extend(["null", "e30", "eyJhbGciOiJub25lIn0.e30.", "../..", "x"].map(str::to_owned));
    let mut bad = Vec::new();
    for (at, token) in forged.iter().enumerate().filter(|(_, token)| !token.is_empty()) {
        let call = match at % 4 {
            0 => Bad::json(
                Method::POST,
                "/v1/carts/current/lines",
                json!({"sku": BAGELS}).to_string(),
                &["token_invalid"],
            ),
            1 => Bad::new(Method::POST, "/v1/sessions/renew", &["token_invalid"]),
            _ => Bad::new(Method::GET, "/v1/carts/current", &["token_invalid"]),
        };
        let call = if at % 3 == 0 && !token.contains(' ') {
            call.header("Cookie", format!("__Host-evercart={token}"))
        } else {
            call.header("Authorization", format!("Bearer {token}"))
        };
        bad.push(call.unsigned().named(format!("token {at}")));
        if at % 25 == 0 {
            let body = json!({"cart_id": one.cart_id, "token": token}).to_string();
            bad.push(
                Bad::json(Method::POST, "~/merge", body, &["invalid_field"])
                    .named(format!("merge token {at}")),
            );
        }
    }
    for value in [
        "Basic dTpw",
        "Bearer",
        "Bearer  ",
        "bearer",
        "Token x",
        "Bearer a b",
        "Digest x=y",
        "\u{7f}",
        "Bearer \u{e9}",
    ] {
        let bytes: Vec<u8> = value.chars().map(|char| char as u8).collect();
        if reqwest::header::HeaderValue::from_bytes(&bytes).is_ok() {
            // Any other scheme is for somebody else.
            let codes: &[&str] = match value.to_ascii_lowercase().starts_with("bearer") {
                true => &["token_invalid"],
                false => &["session_required"],
            };
            let call = Bad::new(Method::GET, "/v1/carts/current", codes).header("Authorization", bytes);
            bad.push(call.unsigned().named(value));
        }
    }
    all_refused("tokens", bad).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_context_changes_nothing() {
    let shop = Runtime::shared().await.shop();
    let (victim, other) = (Victim::new(&shop).await, Victim::new(&shop).await);
    let context = |victim: &Victim| victim.view.json()["context"].as_str().expect("a context").to_owned();
    let mut forged = forgeries(&context(&victim));
    forged.extend([context(&other), victim.session.token.clone(), other.session.token.clone()]);
    let line = format!("~/lines/{}", line_id(BAGELS));
    let mut bad = Vec::new();
    for (at, context) in forged.into_iter().enumerate() {
        let codes = &["context_invalid"];
        let body = |mut body: Value| {
            body["context"] = json!(context);
            body.to_string()
        };
        let safe = !context.contains(['%', ' ', '=']);
        bad.push(match at % 4 {
            0 => Bad::json(Method::PATCH, &line, body(json!({"quantity": 9})), codes),
            1 => Bad::json(Method::POST, "~/commands", body(json!({"commands": [{"op": "clear"}]})), codes),
            2 if safe => Bad::new(Method::DELETE, &format!("~/lines?context={context}"), codes),
            _ => Bad::new(Method::DELETE, &line, codes).header("Evercart-Context", context.clone()),
        });
    }
    refused_by("contexts", vec![victim; CLIENTS], bad).await;
}
