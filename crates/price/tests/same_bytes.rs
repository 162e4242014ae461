//! The same answers, to the byte, natively and in Wasm: a hash over ten thousand generated carts. Where what is answered
//! is meant to change, the test says the new one. In Wasm: `tools/test_wasm`.

mod world;

use sha2::{Digest as _, Sha256};
use world::World;
use world::dice::Dice;

const GOLDEN: &str = "b7f07ba15e2e841596602642bfe84afeb3b2a1483281c886e9a9c5b508d11492";

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn pr16_ten_thousand_carts_have_the_golden_hash() {
    let mut hash = Sha256::new();
    for shop in 0..100 {
        let world = World::of(77 + shop);
        let mut dice = Dice::of(shop);
        for _ in 0..100 {
            let bytes = match world.price(&world.case(&mut dice)) {
                Ok(priced) => serde_json::to_vec(&priced).expect("its keys are texts"),
                Err(refusal) => refusal.code().into(),
            };
            hash.update(bytes);
        }
    }
    let hash: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, GOLDEN);
}
