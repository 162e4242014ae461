//! How each region does, in a row.

use serde_json::Value;

use crate::failure::{Failure, Kind};
use crate::output::Output;
use crate::service::{Method, Service};

const TITLES: [&str; 7] = ["region", "health", "breaker", "lag", "waiting", "letters", "databases"];

/// Lists them, as the service names them.
pub fn list(service: &Service, output: &Output) -> Result<(), Failure> {
    let answer = service.ask(Method::Get, "/regions", &[])?;
    let regions = answer["regions"].as_array().ok_or_else(|| {
        Failure::new(Kind::Away, format!("{} answers no list of regions", service.url()))
            .next("is it the address of an Evercart? Name it with --url, or URL=")
    })?;
    output.remark(|| row(&TITLES.map(str::to_owned)))?;
    regions.iter().try_for_each(|region| output.thing(region, || row(&cells(region))))
}

fn cells(region: &Value) -> [String; 7] {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let number = |value: &Value, unit: &str| match value.as_u64() {
        Some(number) => format!("{number}{unit}"),
        None => "-".to_owned(),
    };
    let databases: Vec<&str> =
        region["databases"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    [
        text(&region["region"]),
        text(&region["health"]),
        text(&region["breaker"]),
        number(&region["lag_ms"], " ms"),
        number(&region["backlog"]["messages"], ""),
        number(&region["dead_letters"], ""),
        if databases.is_empty() { "-".to_owned() } else { databases.join(" ") },
    ]
}

fn row([region, health, breaker, lag, waiting, letters, databases]: &[String; 7]) -> String {
    format!("{region:8} {health:10} {breaker:9} {lag:>10} {waiting:>8} {letters:>8}  {databases}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_knows_of_a_region_is_a_dash() {
        let down = json!({"region": "apac", "health": "down", "breaker": "open", "lag_ms": null, "backlog": null,
            "dead_letters": null, "databases": ["STORE_APAC_0"]});
        assert_eq!(cells(&down), ["apac", "down", "open", "-", "-", "-", "STORE_APAC_0"].map(str::to_owned));
        let well = json!({"region": "weur", "health": "ok", "breaker": null, "lag_ms": 12, "backlog": {"messages": 3},
            "dead_letters": 0, "databases": []});
        assert_eq!(cells(&well), ["weur", "ok", "-", "12 ms", "3", "0", "-"].map(str::to_owned));
    }
}
