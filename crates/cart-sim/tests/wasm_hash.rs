//! The same seeds give the same bytes natively and in Wasm. Where the core's behaviour or the traces are
//! meant to change: `cargo run --release -p cart-sim -- hash --seeds 10000 > crates/cart-sim/tests/golden/trace-hash.txt`.
//! For the worlds of regions: `cargo run --release -p cart-sim -- regions hash --seeds 1000 > crates/cart-sim/tests/golden/regions-hash.txt`.
//! In Wasm: `cargo test -p cart-sim --test wasm_hash --release --target wasm32-unknown-unknown`, see tools/env.

use cart_sim::hash::TraceHash;

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn ten_thousand_seeds_have_the_golden_hash() {
    let golden = include_str!("golden/trace-hash.txt").trim();
    let hash = TraceHash::of_seeds(10_000).expect("no promise is broken");
    assert_eq!(format!("{hash:016x}"), golden);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn a_thousand_worlds_of_regions_have_the_golden_hash() {
    let golden = include_str!("golden/regions-hash.txt").trim();
    let hash = cart_sim::regional::hash_of(1_000).expect("no promise is broken");
    assert_eq!(format!("{hash:016x}"), golden);
}
