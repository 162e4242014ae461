//! The committed trace of 1,000 edits, read from `golden/trace-1000.txt`, which says what its lines mean.
//! Pure text: what an edit does to a cart is for those who run it.

/// One edit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceEdit {
    /// When, in seconds after the beginning.
    pub seconds: u64,
    /// By which device, from 1.
    pub device: u64,
    /// What.
    pub op: Op,
    /// Of which product.
    pub sku: &'static str,
    /// How many; 0 for a removal.
    pub quantity: u32,
}

/// The kinds of edit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// So many more.
    Add,
    /// Exactly so many.
    Set,
    /// So many fewer.
    Decrement,
    /// None any more.
    Remove,
}

const TEXT: &str = include_str!("../golden/trace-1000.txt");

/// All edits, in order.
pub fn edits() -> Vec<TraceEdit> {
    let lines = TEXT.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| read(line).unwrap_or_else(|| panic!("trace-1000.txt: cannot read {line:?}"))).collect()
}

/// What the cart shows after them all, by product.
pub fn then() -> Vec<(&'static str, u64)> {
    let line = TEXT.lines().find_map(|line| line.strip_prefix("# then ")).expect("the last line");
    let pair = |word: &'static str| {
        let (sku, quantity) = word.split_once(':')?;
        Some((sku, quantity.parse().ok()?))
    };
    line.split(' ').map(|word| pair(word).expect("sku:quantity")).collect()
}

fn read(line: &'static str) -> Option<TraceEdit> {
    let words: Vec<&'static str> = line.split(' ').collect();
    let [seconds, device, op, sku, rest @ ..] = words.as_slice() else { return None };
    let op = match *op {
        "add" => Op::Add,
        "set" => Op::Set,
        "decrement" => Op::Decrement,
        "remove" => Op::Remove,
        _ => return None,
    };
    let quantity = rest.first().map_or(Some(0), |word| word.parse().ok())?;
    Some(TraceEdit { seconds: seconds.parse().ok()?, device: device.parse().ok()?, op, sku, quantity })
}
