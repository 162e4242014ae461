//! The golden scenarios as values, read from `golden/scenarios.txt`; that file says what its lines mean.
//! Nothing here knows how a cart works, so that other crates can include this file by its path and run the
//! same scenarios over HTTP or over sync. A line that cannot be read panics with its number.

/// A golden scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// Such as `S1`.
    pub id: String,
    /// The rule it shows, such as `R1`.
    pub rule: String,
    /// What A and B are.
    pub stage: Stage,
    /// What both hold before.
    pub given: Vec<Step>,
    /// What is then done: in each round without seeing each other, and between rounds both hold the same.
    pub rounds: Vec<Vec<Step>>,
    /// All that both show at the end.
    pub then: Shown,
}

/// What A and B are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Two devices that hold the cart.
    Devices,
    /// Two regions that hold it; every step is a plain HTTP edit.
    Regions,
    /// A is a device's replica instance, B a copy of it.
    Tabs,
    /// The carts of two users, and a guest's cart.
    Carts,
}

/// A step and all that is said of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Who takes it.
    pub who: Who,
    /// What is done.
    pub action: Action,
    /// When by the actor's own clock, in seconds after the scenario's beginning.
    pub clock_s: Option<u64>,
    /// The idempotency key; the same again is a retry.
    pub key: Option<String>,
    /// The name of the view whose context goes with it.
    pub seen: Option<String>,
    /// The code with which it is refused.
    pub refused: Option<String>,
}

/// Who takes a step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Who {
    /// Whoever made what both hold.
    Given,
    /// One side.
    A,
    /// The other.
    B,
    /// A guest, on a cart of its own.
    Guest,
}

/// What is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// So many more.
    Add(Item, u32),
    /// Exactly so many.
    Set(Item, u32),
    /// So many fewer.
    Decrement(Item, u32),
    /// The line goes, from the cart or from those saved for later.
    Remove { item: Item, saved: bool },
    /// All lines in the cart go.
    Clear,
    /// Saved for later.
    Save(Item),
    /// Back to the cart.
    Unsave(Item),
    /// Apply a coupon.
    Coupon(String),
    /// Take a coupon off.
    Uncoupon(String),
    /// Write the note.
    Note(String),
    /// Check out as the order of this number.
    Checkout(u64),
    /// The given change of this number, from 1, arrives again.
    Redeliver(usize),
    /// Keep the context of what is shown under a name.
    View(String),
    /// B becomes a copy of A's replica instance.
    Duplicate,
    /// The guest's cart is merged into this one.
    Join,
}

/// What a line is of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Item {
    /// The product.
    pub sku: String,
    /// The name engraved on it.
    pub engraving: Option<String>,
}

/// All that a cart shows, sorted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shown {
    /// In the cart.
    pub lines: Vec<(Item, u64)>,
    /// Saved for later.
    pub saved: Vec<(Item, u64)>,
    /// The lines with a problem, and its code.
    pub problems: Vec<(Item, String)>,
    /// The coupons' codes.
    pub coupons: Vec<String>,
    /// The note.
    pub note: Option<String>,
    /// The orders, and what each took.
    pub orders: Vec<(u64, Vec<(Item, u64)>)>,
}

/// How many scenarios there are: S1 to this.
pub const COUNT: usize = 38;

/// All of them.
pub fn all() -> Vec<Scenario> {
    read(include_str!("../golden/scenarios.txt"))
}

/// Reads a file of scenarios.
pub fn read(text: &str) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let fault = || panic!("scenarios.txt:{}: cannot read {line:?}", at + 1);
        let read = match words.as_slice() {
            [] => Some(()),
            [comment, ..] if comment.starts_with('#') => Some(()),
            ["scenario", id, rule, "on", stage] => opening(id, rule, stage).map(|new| scenarios.push(new)),
            [first, rest @ ..] => scenarios.last_mut().and_then(|last| further(last, first, rest)),
        };
        read.unwrap_or_else(fault);
    }
    scenarios
}

fn opening(id: &str, rule: &str, stage: &str) -> Option<Scenario> {
    let stage = match stage {
        "devices" => Stage::Devices,
        "regions" => Stage::Regions,
        "tabs" => Stage::Tabs,
        "carts" => Stage::Carts,
        _ => return None,
    };
    let (id, rule) = (id.to_owned(), rule.to_owned());
    Some(Scenario { id, rule, stage, given: vec![], rounds: vec![vec![]], then: Shown::default() })
}

fn further(scenario: &mut Scenario, first: &str, rest: &[&str]) -> Option<()> {
    match first {
        "merge" if rest.is_empty() => scenario.rounds.push(vec![]),
        "then" => scenario.then = shown(rest)?,
        "given" => scenario.given.push(step(Who::Given, rest)?),
        "A" => scenario.rounds.last_mut()?.push(step(Who::A, rest)?),
        "B" => scenario.rounds.last_mut()?.push(step(Who::B, rest)?),
        "guest" => scenario.rounds.last_mut()?.push(step(Who::Guest, rest)?),
        _ => return None,
    }
    Some(())
}

fn step(who: Who, words: &[&str]) -> Option<Step> {
    let (action, mut rest) = action(words)?;
    let mut step = Step { who, action, clock_s: None, key: None, seen: None, refused: None };
    while let [word, after @ ..] = rest {
        rest = match (*word, after) {
            ("key", [key, after @ ..]) => {
                step.key = Some((*key).to_owned());
                after
            }
            ("seen", [name, after @ ..]) => {
                step.seen = Some((*name).to_owned());
                after
            }
            ("!", [code, after @ ..]) => {
                step.refused = Some((*code).to_owned());
                after
            }
            (word, after) => {
                step.clock_s = Some(word.strip_prefix('@')?.parse().ok()?);
                after
            }
        };
    }
    Some(step)
}

fn action<'a>(words: &'a [&'a str]) -> Option<(Action, &'a [&'a str])> {
    Some(match words {
        ["add", of, count, rest @ ..] => (Action::Add(item(of)?, count.parse().ok()?), rest),
        ["set", of, count, rest @ ..] => (Action::Set(item(of)?, count.parse().ok()?), rest),
        ["decrement", of, count, rest @ ..] => (Action::Decrement(item(of)?, count.parse().ok()?), rest),
        ["remove", of, "saved", rest @ ..] => (Action::Remove { item: item(of)?, saved: true }, rest),
        ["remove", of, rest @ ..] => (Action::Remove { item: item(of)?, saved: false }, rest),
        ["clear", rest @ ..] => (Action::Clear, rest),
        ["save", of, rest @ ..] => (Action::Save(item(of)?), rest),
        ["unsave", of, rest @ ..] => (Action::Unsave(item(of)?), rest),
        ["coupon", code, rest @ ..] => (Action::Coupon((*code).to_owned()), rest),
        ["uncoupon", code, rest @ ..] => (Action::Uncoupon((*code).to_owned()), rest),
        ["note", text, rest @ ..] => (Action::Note((*text).to_owned()), rest),
        ["checkout", order, rest @ ..] => (Action::Checkout(order.parse().ok()?), rest),
        ["redeliver", nth, rest @ ..] => (Action::Redeliver(nth.parse().ok()?), rest),
        ["view", name, rest @ ..] => (Action::View((*name).to_owned()), rest),
        ["duplicate", rest @ ..] => (Action::Duplicate, rest),
        ["join", rest @ ..] => (Action::Join, rest),
        _ => return None,
    })
}

fn item(text: &str) -> Option<Item> {
    let (sku, engraving) = match text.split_once('[') {
        Some((sku, rest)) => (sku, Some(rest.strip_suffix(']')?.to_owned())),
        None => (text, None),
    };
    Some(Item { sku: sku.to_owned(), engraving })
}

fn shown(words: &[&str]) -> Option<Shown> {
    let mut shown = Shown::default();
    for word in words {
        if let Some(code) = word.strip_prefix("coupon=") {
            shown.coupons.push(code.to_owned());
        } else if let Some(text) = word.strip_prefix("note=") {
            shown.note = Some(text.to_owned());
        } else if let Some((order, lines)) = word.split_once('=') {
            let lines = lines.split(',').map(|line| counted(line, ':'));
            shown.orders.push((order.parse().ok()?, lines.collect::<Option<_>>()?));
        } else if word.contains('~') {
            shown.saved.push(counted(word, '~')?);
        } else if let Some((line, problem)) = word.split_once('!') {
            let line = counted(line, ':')?;
            shown.problems.push((line.0.clone(), problem.to_owned()));
            shown.lines.push(line);
        } else {
            shown.lines.push(counted(word, ':')?);
        }
    }
    Some(shown)
}

fn counted(text: &str, mark: char) -> Option<(Item, u64)> {
    let (of, count) = text.split_once(mark)?;
    Some((item(of)?, count.parse().ok()?))
}
