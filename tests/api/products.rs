//! The catalog over HTTP: browsed page by page, searched, one product shown.

use super::*;

async fn ask(path: &str) -> Answer {
    Answer::of(shop().await.request(Method::GET, path)).await
}

/// The skus of all pages from a path that has a `?`.
async fn all(path: &str) -> Vec<String> {
    let mut skus = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = ask(&format!("{path}{cursor}")).await.expect(200).json();
        skus.extend(products(&page).map(|product| text(product, "sku").to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return skus,
        }
    }
}

fn products(page: &Value) -> impl Iterator<Item = &Value> {
    page["products"].as_array().expect("products").iter()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_shown_to_anyone() {
    let answer = ask("/v1/products/1095275").await.expect(200);
    let shown = json!({
        "sku": "1095275", "title": "Rolls: Bagels, 4 oz", "brand": "National", "category": "PASTRY",
        "package_size": "4 OZ", "unit_price": {"amount_minor": BAGELS.1, "currency": "USD"},
    });
    assert_eq!(answer.json(), shown);
    assert_eq!(answer.header("cache-control"), "public, max-age=60");
    assert_eq!((answer.header("set-cookie"), answer.header("evercart-token")), ("", ""), "no session");
    let unsold = ask(&format!("/v1/products/{NOT_FOR_SALE}")).await.expect(200).json();
    assert_eq!(unsold["unit_price"], Value::Null);
    for sku in ["nope", "%00", "%FF", "1095275%20", "'%20OR%201=1"] {
        ask(&format!("/v1/products/{sku}")).await.refused(404, "product_not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_each_product_once_in_order() {
    let whole = ask("/v1/products").await.expect(200);
    assert_eq!(products(&whole.json()).count(), 24);
    assert_eq!(whole.header("cache-control"), "public, max-age=60");
    let categories = whole.json()["categories"].clone();
    let categories = categories.as_array().expect("categories");
    let count = |name: &str| {
        let found = categories.iter().find(|category| category["name"] == name).expect("a department");
        found["products"].as_u64().expect("a number") as usize
    };
    assert_eq!(
        categories.iter().map(|category| category["products"].as_u64().expect("one")).sum::<u64>(),
        92_331
    );

    let skus = all("/v1/products?category=SALAD%20BAR&size=10").await;
    assert_eq!(skus.len(), count("SALAD BAR"));
    assert!(skus.is_sorted_by(|a, b| a < b), "each once, in order");
    assert_eq!(all("/v1/products?category=SALAD%20BAR&size=48").await, skus, "a full last page is the last");
    let page = ask("/v1/products?category=SALAD%20BAR").await.expect(200).json();
    assert!(products(&page).all(|product| product["category"] == "SALAD BAR"));
    assert_eq!(page.get("categories"), None);
    assert_eq!(all("/v1/products?category=nothing").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_what_has_all_its_words() {
    let page = ask("/v1/products?q=%20BaGeL%20%20private").await.expect(200).json();
    assert!(products(&page).count() > 0);
    for product in products(&page) {
        let title = text(product, "title").to_lowercase();
        assert!(title.contains("bagel") && product["brand"] == "Private", "{product}");
    }
    let within = ask("/v1/products?q=bagel&category=PRODUCE").await.expect(200).json();
    assert!(products(&within).all(|product| product["category"] == "PRODUCE"));
    // These mean nothing but themselves.
    for word in ["b_gel", "b%25gel", "%25", "'", "\\", "%00zzz"] {
        let found = ask(&format!("/v1/products?size=1&q={word}qqq")).await.expect(200).json();
        assert_eq!(products(&found).count(), 0, "{word}");
    }
    assert_eq!(products(&ask("/v1/products?q=b_gel").await.expect(200).json()).count(), 0);
    assert_eq!(
        products(&ask("/v1/products?q=").await.expect(200).json()).count(),
        24,
        "no words, all products"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_parameters_are_refused() {
    let long = "x".repeat(101);
    for query in [
        "size=0",
        "size=101",
        "size=",
        "size=-1",
        "size=1.5",
        "size=99999999999999999999",
        "cursor=",
        "cursor=%00",
        "cursor=*",
        "cursor=gA",
        &format!("cursor={long}{long}"),
        &format!("q={long}"),
        "q=a+b+c+d+e+f+g+h+i",
        "page=1",
        "Q=x",
        "in=cart",
    ] {
        ask(&format!("/v1/products?{query}")).await.refused(422, "invalid_field");
    }
}
