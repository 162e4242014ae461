//! The operator's routes, and the description held equal to what is served.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_service_says_how_it_is() {
    let shop = shop().await;
    let get = async |path: &str| Answer::of(shop.request(Method::GET, path)).await.expect(200);
    assert_eq!(get("/healthz").await.json(), json!({"status": "ok"}));
    assert_eq!(get("/readyz").await.json(), json!({"status": "ok", "checks": {"catalog": "ok"}}));
    assert_eq!(get("/openapi.json").await.header("content-type"), "application/json");
    assert!(get("/openapi.json").await.json()["paths"].is_object());
}

/// Every body of the main routes has only fields that the schema of its status names, and all it requires.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_as_described() {
    let client = client().await;
    let spec = Answer::of(client.shop.request(Method::GET, "/openapi.json")).await.expect(200).json();
    let paths = spec["paths"].as_object().expect("paths");
    let described: BTreeSet<(String, &str)> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().expect("an item").keys().map(move |method| (method, path)))
        .filter(|(method, _)| ["get", "post", "patch", "put", "delete"].contains(&method.as_str()))
        .map(|(method, path)| (method.to_uppercase(), path.as_str()))
        .collect();
    let served: BTreeSet<(String, &str)> =
        ROUTES.iter().map(|(method, path)| ((*method).to_owned(), *path)).collect();
    assert!(served.is_subset(&described), "not described: {:?}", served.difference(&described));

    let cart = "/v1/carts/{cart}";
    let check = |path: &str, method: &str, answer: &Answer| check_described(&spec, path, method, answer);
    check("/v1/sessions", "post", &client.post("/v1/sessions", json!({})).await.expect(201));
    check("/v1/sessions/renew", "post", &client.post("/v1/sessions/renew", json!({})).await.expect(201));
    let add = json!({"sku": BAGELS.0, "variant": "v", "customization": {"engraving": {"name": "Ann"}}});
    check(&format!("{cart}/lines"), "post", &client.post("/lines", add).await.expect(200));
    client.add(NOT_FOR_SALE, 1).await;
    client.add(BANANAS.0, 1).await;
    let saved = client.patch(&line(BANANAS.0), json!({"location": "saved"})).await.expect(200);
    check(&format!("{cart}/lines/{{line_id}}"), "patch", &saved);
    check(
        &format!("{cart}/coupons"),
        "post",
        &client.post("/coupons", json!({"code": "A"})).await.expect(200),
    );
    check(cart, "patch", &client.patch("", json!({"note": "x", "locale": "de"})).await.expect(200));
    check(cart, "get", &client.get("").await.expect(200));
    check(&format!("{cart}/export"), "get", &client.get("/export").await.expect(200));
    let commands = json!({"commands": [{"op": "add", "sku": BAGELS.0}]});
    check(&format!("{cart}/commands"), "post", &client.post("/commands", commands).await.expect(200));
    check(&format!("{cart}/actors"), "post", &client.post("/actors", json!({})).await.expect(201));
    check(&format!("{cart}/live"), "post", &client.post("/live", json!({})).await.expect(201));
    check(&format!("{cart}/coupons/{{code}}"), "delete", &client.delete("/coupons/A").await.expect(200));
    let removed = client.delete(&format!("{}?in=saved", line(BANANAS.0))).await.expect(200);
    check(&format!("{cart}/lines/{{line_id}}"), "delete", &removed);
    check(&format!("{cart}/lines"), "delete", &client.delete("/lines").await.expect(200));
    let guest = Client::at(0).await;
    let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
    check(&format!("{cart}/merge"), "post", &client.post("/merge", body).await.expect(200));
    check(&format!("{cart}/live"), "post", &guest.post("/live", json!({})).await.expect(200));
    check("/v1/carts", "post", &client.post("/v1/carts", json!({"currency": "EUR"})).await.expect(201));
    check("/v1/carts", "get", &client.get("/v1/carts").await.expect(200));
    for path in ["/healthz", "/readyz", "/v1/products"] {
        check(path, "get", &Answer::of(client.shop.request(Method::GET, path)).await.expect(200));
    }
    check("/v1/products/{sku}", "get", &client.get(&format!("/v1/products/{}", BAGELS.0)).await.expect(200));
    // Refusals too.
    check(&format!("{cart}/lines"), "post", &client.post("/lines", json!({})).await.expect(422));
    check("/v1/products", "get", &client.get("/v1/products?size=0").await.expect(422));
    check("/v1/products/{sku}", "get", &client.get("/v1/products/none").await.expect(404));
    check(cart, "get", &client.get("/v1/carts/nonsense").await.expect(404));
    check(cart, "get", &client.with_token("forged").get("").await.expect(401));
}

fn check_described(spec: &Value, path: &str, method: &str, answer: &Answer) {
    let status = answer.status.as_str();
    let responses = &spec["paths"][path][method]["responses"];
    let class = format!("{}XX", &status[..1]);
    let response = [status, &class, "default"].into_iter().find_map(|name| responses.get(name));
    let response =
        resolved(spec, response.unwrap_or_else(|| panic!("{method} {path}: {status} is not described")));
    let media = answer.header("content-type");
    let schema = &response["content"][media]["schema"];
    assert!(!schema.is_null(), "{method} {path}: {status} with {media} is not described");
    check_schema(spec, schema, &answer.json(), &format!("{method} {path} {status}"));
}

fn resolved<'a>(spec: &'a Value, mut schema: &'a Value) -> &'a Value {
    while let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').expect("a reference into the same document");
        schema = spec.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"));
    }
    schema
}

/// Fields that are named, fields that are required, types; of alternatives one has to fit.
fn check_schema(spec: &Value, schema: &Value, value: &Value, at: &str) {
    if let Err(fault) = fits(spec, schema, value, at) {
        panic!("{fault}");
    }
}

fn fits(spec: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let schema = resolved(spec, schema);
    for word in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[word].as_array() {
            let faults: Vec<String> =
                choices.iter().filter_map(|choice| fits(spec, choice, value, at).err()).collect();
            if faults.len() == choices.len() {
                return Err(faults.join("; "));
            }
            return Ok(());
        }
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_kind = kinds.is_empty() || kinds.contains(&kind) || kind == "integer" && kinds.contains(&"number");
    if !is_kind {
        return Err(format!("{at}: is {kind}, described as {kinds:?}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{at}: {value} is none of {allowed:?}"));
    }
    match value {
        Value::Object(fields) => {
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !fields.contains_key(name) {
                    return Err(format!("{at}: {name} is required and missing"));
                }
            }
            let named = &schema["properties"];
            let open = named.is_null() || schema["additionalProperties"].is_object();
            for (name, value) in fields {
                match named.get(name) {
                    Some(schema) => fits(spec, schema, value, &format!("{at}.{name}"))?,
                    None if open || schema["additionalProperties"] == true => {}
                    None => return Err(format!("{at}: {name} is not described")),
                }
            }
            Ok(())
        }
        Value::Array(items) => {
            items.iter().try_for_each(|item| fits(spec, &schema["items"], item, &format!("{at}[]")))
        }
        _ => Ok(()),
    }
}
