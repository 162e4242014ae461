//! The settings of this deployment, from `wrangler.toml` and secrets: read once an isolate.

use std::cell::RefCell;
use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;

use cart_core::id::Region;
use cart_core::idem::Ledger;
use cart_core::limits::Limits;
use cart_core::packed::Format;
use cart_core::regions::Regions;
use cart_core::session::{RENEW_MS, SLIDE_MS, Signer};
use cart_core::time::Millis;
use wasm_bindgen::JsValue;
use worker::Env;

use crate::platform::problem::Problem;

/// The currency of carts that name none.
pub const CURRENCY: &str = "USD";

/// For how long a store that does not take a message is tried, in seconds, unless STORE_PATIENCE_S says otherwise.
const STORE_PATIENCE_S: u64 = 6 * 3_600;

/// How long the carts of a session are kept after its last use, in days, unless CART_DAYS says otherwise: no less,
/// since so long a session may be renewed.
const CART_DAYS: u32 = (RENEW_MS / Millis::DAY) as u32;

/// How long a dead letter is kept, in days, unless DEAD_LETTER_DAYS says otherwise.
const DEAD_LETTER_DAYS: u32 = 30;

thread_local! {
    /// What was read last, and of which bindings.
    static READ: RefCell<Option<(JsValue, Rc<Config>)>> = const { RefCell::new(None) };
}

pub struct Config {
    /// Development answers pages of this machine and takes the headers that move clock and region.
    pub development: bool,
    /// Where this process stands; `None` where each request says where it comes from.
    pub here: Option<Region>,
    /// The regions in use.
    pub regions: Arc<Regions>,
    /// The addresses of regions that other processes serve.
    pub peers: Vec<(Region, String)>,
    /// Moves the clock of this process, in development.
    pub skew_ms: i64,
    /// The operator's bearer; empty if there is none.
    pub admin_token: String,
    /// For how long a store that does not take a message is tried before it is put aside, in seconds.
    pub store_patience_s: u64,
    /// How long the carts of a session are kept after its last use, in days.
    pub cart_days: u32,
    /// How long dead letters are kept, in days.
    pub dead_letter_days: u32,
    /// How old a token may be before it is renewed on the way, in milliseconds.
    pub slide_ms: u64,
    /// What signs tokens and contexts.
    pub signer: Signer,
    /// Origins allowed beside the service's own; in development those of this machine are, and `*` is any.
    pub origins: Vec<String>,
    pub limits: Limits,
    /// In which format what is packed is written.
    pub format: Format,
    /// How long an idempotency key is kept.
    pub key_ms: u64,
}

impl Config {
    /// Those of these bindings. An isolate has the same ones for as long as it lives; others are read anew.
    pub fn of(env: &Env) -> Result<Rc<Self>, Problem> {
        let env_value: &JsValue = env.as_ref();
        let known = READ.with_borrow(|read| {
            let (_, config) = read.as_ref().filter(|(of, _)| of == env_value)?;
            Some(Rc::clone(config))
        });
        if let Some(config) = known {
            return Ok(config);
        }
        let config = Rc::new(Self::read(env)?);
        READ.set(Some((env_value.clone(), Rc::clone(&config))));
        Ok(config)
    }

    fn read(env: &Env) -> Result<Self, Problem> {
        let text = |name: &str| env.var(name).map(|value| value.to_string()).ok();
        let number = |name: &str| match parsed(name, text(name))? {
            Some(number) => u32::try_from(number).map(Some).map_err(|_| not_a_number(name, &number)),
            None => Ok(None),
        };
        let development = text("ENVIRONMENT").as_deref() == Some("development");
        let regions = text("REGIONS").unwrap_or_default();
        let regions: Regions = serde_json::from_slice(regions.as_bytes())
            .map_err(|error| Problem::misconfigured(&format!("REGIONS: {error}")))?;
        regions.check().map_err(|error| Problem::misconfigured(&format!("REGIONS: {error}")))?;
        let here = match text("REGION").as_deref() {
            None | Some("" | "auto") => None,
            Some(name) => match Region::parse(name).filter(|region| regions.place(*region).is_some()) {
                None => return Err(Problem::misconfigured("set REGION to a region of REGIONS, or to auto")),
                here => here,
            },
        };
        let secret = env.secret("TOKEN_SECRET").map(|secret| secret.to_string()).unwrap_or_default();
        let defaults = Limits::default();
        Ok(Self {
            development,
            here,
            regions: Arc::new(regions),
            peers: peers(&text("PEERS").unwrap_or_default())?,
            skew_ms: parsed("CLOCK_SKEW_MS", text("CLOCK_SKEW_MS"))?
                .filter(|_| development)
                .unwrap_or_default(),
            store_patience_s: number("STORE_PATIENCE_S")?.map_or(STORE_PATIENCE_S, u64::from),
            cart_days: match number("CART_DAYS")?.unwrap_or(CART_DAYS) {
                days if days < CART_DAYS => {
                    return Err(Problem::misconfigured("CART_DAYS is at least 30: so long a session lives"));
                }
                days => days,
            },
            dead_letter_days: number("DEAD_LETTER_DAYS")?.unwrap_or(DEAD_LETTER_DAYS),
            admin_token: env.secret("ADMIN_TOKEN").map(|secret| secret.to_string()).unwrap_or_default(),
            slide_ms: number("SESSION_SLIDE_MS")?.filter(|_| development).map_or(SLIDE_MS, u64::from),
            signer: Signer::new(secret.as_bytes())
                .ok_or_else(|| Problem::misconfigured("set the secret TOKEN_SECRET to 32 bytes or more"))?,
            origins: text("ALLOWED_ORIGINS")
                .map(|list| list.split(',').map(|origin| origin.trim().to_owned()).collect())
                .unwrap_or_default(),
            limits: Limits {
                line_quantity_max: number("LINE_QUANTITY_MAX")?.unwrap_or(defaults.line_quantity_max),
                ..defaults
            },
            format: format(text("PACKED_FORMAT").as_deref())?,
            key_ms: match number("IDEMPOTENCY_KEY_MS")?.map(u64::from) {
                Some(ms) if ms > Ledger::KEY_MS => {
                    return Err(Problem::misconfigured("IDEMPOTENCY_KEY_MS is at most 24 hours"));
                }
                given => given.unwrap_or(Ledger::KEY_MS),
            },
        })
    }
}

impl Config {
    /// Whether pages of another origin than the service's own may call it.
    pub fn allows(&self, origin: &str) -> bool {
        let named = |name: &str| self.origins.iter().any(|there| there == name);
        named(origin) || (self.development && (named("*") || is_of_this_machine(origin)))
    }

    /// The address of a region that another process serves.
    pub fn peer(&self, region: Region) -> Option<&str> {
        self.peers.iter().find(|(there, _)| *there == region).map(|(_, url)| url.as_str())
    }
}

/// A number of the settings, if it is there; one that is none is not taken for the usual.
fn parsed(name: &str, text: Option<String>) -> Result<Option<i64>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| not_a_number(name, &text))
}

fn not_a_number(name: &str, value: &dyn Display) -> Problem {
    Problem::misconfigured(&format!("{name} is a whole number, and not {value}"))
}

/// Until the operator says that every region reads a later one, what the build before reads.
fn format(text: Option<&str>) -> Result<Format, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Format::default()) };
    text.parse().ok().and_then(Format::of).ok_or_else(|| {
        let (earliest, latest) = (Format::EARLIEST, Format::LATEST);
        Problem::misconfigured(&format!("PACKED_FORMAT is {earliest} to {latest}: see docs/formats.md"))
    })
}

/// Whether a page's origin is a server of the machine it is shown on: no other site can have it.
fn is_of_this_machine(origin: &str) -> bool {
    let Some((_, authority)) = origin.split_once("://") else { return false };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let (host, rest) = authority.split_at(match authority.strip_prefix("[::1]") {
        Some(rest) => authority.len() - rest.len(),
        None => authority.find(':').unwrap_or(authority.len()),
    });
    let local = ["localhost", "127.0.0.1", "[::1]"].contains(&host) || host.ends_with(".localhost");
    local && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
}

/// `name=url name=url ..`
fn peers(text: &str) -> Result<Vec<(Region, String)>, Problem> {
    let peer = |entry: &str| {
        let (name, url) = entry.split_once('=')?;
        Some((Region::parse(name)?, url.trim_end_matches('/').to_owned()))
    };
    let peers = text.split_whitespace().map(peer).collect::<Option<_>>();
    peers.ok_or_else(|| Problem::misconfigured("PEERS is a list of name=url of regions"))
}

#[cfg(test)]
mod tests {
    use super::is_of_this_machine;

    #[test]
    fn only_a_server_of_this_machine_is_one() {
        for origin in [
            "http://localhost",
            "http://localhost:3000",
            "https://localhost:8443",
            "http://127.0.0.1:8787",
            "http://[::1]:8787",
            "http://[::1]",
            "http://shop.localhost:3000",
        ] {
            assert!(is_of_this_machine(origin), "{origin}");
        }
        for origin in [
            "null",
            "",
            "localhost:3000",
            "https://shop.example",
            "http://localhost.shop.example",
            "http://127.0.0.1.shop.example",
            "http://notlocalhost",
            "http://localhost:3000.shop.example",
            "http://localhost:@shop.example",
            "http://[::1].shop.example",
            "http://[::1",
            "http://192.168.0.7:8787",
        ] {
            assert!(!is_of_this_machine(origin), "{origin}");
        }
    }
}
