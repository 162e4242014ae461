//! Each request with a body: its fields, what is right in them, and what refuses what is wrong.

use super::*;

/// What a field holds, so what is bad for it.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A quantity from this.
    Quantity(i64),
    Sku,
    Variant,
    Customization,
    LineId,
    Place,
    /// A place that may be null.
    PlaceOrNull,
    Code,
    Note,
    Currency,
    Locale,
    DeliveryRegion,
    Context,
    CartId,
    Token,
    Commands,
    Op,
}

pub const FIELD: &[&str] = &["invalid_field", "invalid_json", "invalid_utf8"];

pub const SKU: &[&str] = &["invalid_field", "invalid_json", "invalid_utf8", "unknown_sku"];

pub const CONTEXT: &[&str] = &["invalid_field", "invalid_json", "invalid_utf8", "context_invalid"];

pub const CART: &[&str] = &["invalid_field", "invalid_json", "invalid_utf8", "cart_not_found"];

/// A request body that would do, field by field.
pub struct Form {
    pub method: Method,
    pub path: &'static str,
    /// What stands around the fields.
    pub around: (&'static str, &'static str),
    pub fields: Vec<(&'static str, String, Kind)>,
    /// The fields that must be there.
    pub required: &'static [&'static str],
    /// The codes with which another body is refused.
    pub codes: &'static [&'static str],
}

pub fn forms() -> Vec<Form> {
    let text = |value: &str| json!(value).to_string();
    let line = format!("~/lines/{}", line_id(BAGELS));
    let line: &'static str = line.leak();
    let form =
        |method: Method, path: &'static str, fields: Vec<(&'static str, String, Kind)>, required, codes| {
            Form { method, path, around: ("{", "}"), fields, required, codes }
        };
    let custom = json!({"engraving": "Bob"}).to_string();
    let mut forms = vec![
        form(Method::POST, "/v1/sessions", vec![], &[], FIELD),
        form(Method::POST, "/v1/sessions/renew", vec![], &[], FIELD),
        form(Method::POST, "/v1/carts", vec![("currency", text("EUR"), Kind::Currency)], &[], FIELD),
        form(
            Method::POST,
            "~/lines",
            vec![
                ("sku", text(BAGELS), Kind::Sku),
                ("quantity", "2".into(), Kind::Quantity(1)),
                ("variant", text("large"), Kind::Variant),
                ("customization", custom.clone(), Kind::Customization),
            ],
            &["sku"],
            SKU,
        ),
        form(Method::POST, "~/coupons", vec![("code", text("A"), Kind::Code)], &["code"], FIELD),
        form(Method::POST, "~/actors", vec![], &[], FIELD),
        form(
            Method::POST,
            "~/merge",
            vec![
                ("cart_id", text("c_weur_00000000000000000000000g"), Kind::CartId),
                ("token", text("x"), Kind::Token),
            ],
            &["cart_id", "token"],
            CART,
        ),
        form(
            Method::POST,
            "~/commands",
            vec![("commands", "[]".into(), Kind::Commands)],
            &["commands"],
            FIELD,
        ),
    ];
    for (name, value, kind) in [
        ("note", text("x"), Kind::Note),
        ("currency", text("EUR"), Kind::Currency),
        ("locale", text("de"), Kind::Locale),
        ("delivery_region", text("DE"), Kind::DeliveryRegion),
    ] {
        forms.push(form(Method::PATCH, "~", vec![(name, value, kind)], &[], FIELD));
    }
    for (name, value, kind) in [
        ("quantity", "2", Kind::Quantity(0)),
        ("increment", "2", Kind::Quantity(1)),
        ("decrement", "2", Kind::Quantity(1)),
        ("location", "\"saved\"", Kind::Place),
    ] {
        let mut fields = vec![(name, value.to_owned(), kind)];
        if name != "location" {
            fields.push(("in", "\"cart\"".into(), Kind::PlaceOrNull));
        }
        fields.push(("context", text("x"), Kind::Context));
        forms.push(form(Method::PATCH, line, fields, &[], CONTEXT));
    }
    let id = || ("line_id", text(&line_id(BAGELS)), Kind::LineId);
    let at = || ("in", "\"cart\"".to_owned(), Kind::Place);
    for (op, mut fields, required) in [
        (
            "add",
            vec![
                ("sku", text(BAGELS), Kind::Sku),
                ("quantity", "2".into(), Kind::Quantity(1)),
                ("variant", text("large"), Kind::Variant),
                ("customization", custom.clone(), Kind::Customization),
            ],
            &["op", "sku"][..],
        ),
        (
            "set",
            vec![id(), ("quantity", "2".into(), Kind::Quantity(0)), at()],
            &["op", "line_id", "quantity"],
        ),
        (
            "increment",
            vec![id(), ("quantity", "2".into(), Kind::Quantity(1)), at()],
            &["op", "line_id", "quantity"],
        ),
        (
            "decrement",
            vec![id(), ("quantity", "2".into(), Kind::Quantity(1)), at()],
            &["op", "line_id", "quantity"],
        ),
        ("remove", vec![id(), at()], &["op", "line_id"]),
        ("clear", vec![], &["op"]),
        ("move", vec![id(), ("location", "\"saved\"".into(), Kind::Place)], &["op", "line_id", "location"]),
        ("apply_coupon", vec![("code", text("A"), Kind::Code)], &["op", "code"]),
        ("remove_coupon", vec![("code", text("SAVE10"), Kind::Code)], &["op", "code"]),
        ("update", vec![("note", text("x"), Kind::Note)], &["op"]),
    ] {
        fields.push(("op", text(op), Kind::Op));
        let around = ("{\"commands\":[{\"op\":\"apply_coupon\",\"code\":\"FIRST\"},{", "}]}");
        let codes = &["invalid_field", "invalid_json", "invalid_utf8", "unknown_sku", "line_not_found"];
        forms.push(Form { around, ..form(Method::POST, "~/commands", fields, required, codes) });
    }
    forms
}

impl Form {
    pub fn body(&self, fields: &[(&str, &[u8])]) -> Vec<u8> {
        let mut body = self.around.0.as_bytes().to_vec();
        for (at, (name, value)) in fields.iter().enumerate() {
            if at > 0 {
                body.push(b',');
            }
            body.extend(json!(name).to_string().into_bytes());
            body.push(b':');
            body.extend_from_slice(value);
        }
        body.extend(self.around.1.as_bytes());
        body
    }

    /// All fields but a context: there is none that is good for all.
    pub fn good(&self) -> Vec<(&str, &[u8])> {
        let fields = self.fields.iter().filter(|(_, _, kind)| !matches!(kind, Kind::Context));
        fields.map(|(name, value, _)| (*name, value.as_bytes())).collect()
    }

    pub fn with<'a>(&'a self, name: &'a str, value: &'a [u8]) -> Vec<(&'a str, &'a [u8])> {
        let mut fields = self.good();
        fields.retain(|(there, _)| *there != name);
        fields.push((name, value));
        fields
    }

    pub fn bad(&self, body: Vec<u8>, codes: &'static [&'static str], what: String) -> Bad {
        let path = format!("{} {}", self.method, self.path);
        Bad::json(self.method.clone(), self.path, body, codes).named(format!("{path}: {what}"))
    }
}
