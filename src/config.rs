//! The settings of this deployment, from `wrangler.toml` and secrets.

use cart_core::id::Region;
use cart_core::idem::Ledger;
use cart_core::limits::Limits;
use cart_core::session::Signer;
use worker::Env;

use crate::error::Problem;

/// The currency of carts that name none.
pub const CURRENCY: &str = "USD";

#[derive(Clone)]
pub struct Config {
    /// Development answers any origin and takes the headers that move clock and region.
    pub development: bool,
    /// The region served here.
    pub region: Region,
    /// What signs tokens and contexts.
    pub signer: Signer,
    /// Origins allowed in production.
    pub origins: Vec<String>,
    pub limits: Limits,
    /// How long an idempotency key is kept.
    pub key_ms: u64,
}

impl Config {
    pub fn from_env(env: &Env) -> Result<Self, Problem> {
        let text = |name: &str| env.var(name).map(|value| value.to_string()).ok();
        let number = |name: &str| text(name).and_then(|value| value.parse().ok());
        let region = text("REGION").and_then(|name| Region::parse(&name));
        let secret = env.secret("TOKEN_SECRET").map(|secret| secret.to_string()).unwrap_or_default();
        let defaults = Limits::default();
        Ok(Self {
            development: text("ENVIRONMENT").as_deref() == Some("development"),
            region: region.ok_or_else(|| Problem::misconfigured("set REGION to a region's name"))?,
            signer: Signer::new(secret.as_bytes())
                .ok_or_else(|| Problem::misconfigured("set the secret TOKEN_SECRET to 32 bytes or more"))?,
            origins: text("ALLOWED_ORIGINS")
                .map(|list| list.split(',').map(|origin| origin.trim().to_owned()).collect())
                .unwrap_or_default(),
            limits: Limits {
                line_quantity_max: number("LINE_QUANTITY_MAX").unwrap_or(defaults.line_quantity_max),
                ..defaults
            },
            key_ms: match number("IDEMPOTENCY_KEY_MS").map(u64::from) {
                Some(ms) if ms > Ledger::KEY_MS => {
                    return Err(Problem::misconfigured("IDEMPOTENCY_KEY_MS is at most 24 hours"));
                }
                given => given.unwrap_or(Ledger::KEY_MS),
            },
        })
    }
}
