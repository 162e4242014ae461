//! The clock and the random source, which the core takes as arguments.

use cart_core::time::Millis;

/// The present moment, moved by `skew_ms` in development.
pub fn now(skew_ms: i64) -> Millis {
    Millis((js_sys::Date::now() as u64).saturating_add_signed(skew_ms))
}

/// The present moment that breakers, tags and deadlines go by, which no skew moves.
pub fn present() -> Millis {
    now(0)
}

/// Random bytes from the platform.
pub fn random<const N: usize>() -> worker::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| worker::Error::RustError(error.to_string()))?;
    Ok(bytes)
}

/// 64 random bits.
pub fn random_u64() -> worker::Result<u64> {
    random().map(u64::from_be_bytes)
}
