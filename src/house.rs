//! The rules of this house, read from its sources: who imports whom, no circles, what stands where. A rule that is
//! broken names the file, and a house with each fault shows that it would.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Rooms of the shop, which know of one another only what `call.rs` says.
const CONTEXTS: [&str; 8] = ["cart", "session", "catalog", "store", "price", "stock", "order", "customer"];
/// Those below them, in their order: each uses those before it.
const BELOW: [&str; 3] = ["platform", "net", "door"];
/// Where statements of SQL may stand.
const STATEMENTS: [&str; 3] = ["store/", "catalog/d1.rs", "models.rs"];
/// The only file that reads the words of refusals.
const WORDS: &str = "platform/problem.rs";

/// Sources by their path in `src`, without their tests.
type House = BTreeMap<String, String>;

fn house(files: impl IntoIterator<Item = (String, String)>) -> House {
    let without_tests = |text: String| match text.split_once("#[cfg(test)]\nmod tests {") {
        Some((code, _)) => code.to_owned(),
        None => text,
    };
    files.into_iter().map(|(path, text)| (path, without_tests(text))).collect()
}

/// That of these sources, but for this file.
fn ours() -> House {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).expect("is below it").to_string_lossy().into_owned();
                files.push((name, std::fs::read_to_string(&path).expect("a text")));
            }
        }
    }
    files.retain(|(name, _)| name != "house.rs");
    house(files)
}

/// The lines that are no comments.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The paths of a tree as it stands after `use`, or in the code: `a::{b, c::d}` is two.
fn paths(before: &[String], tree: &str) -> Vec<Vec<String>> {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '*';
    let name: String = tree.chars().take_while(|c| word(*c)).collect();
    let rest = &tree[name.len()..];
    let mut path = before.to_vec();
    if !name.is_empty() && name != "self" {
        path.push(name);
    }
    if let Some(rest) = rest.strip_prefix("::") {
        return paths(&path, rest);
    }
    let Some(list) = rest.strip_prefix('{') else { return vec![path] };
    let (mut all, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                let part = list[from..at].trim();
                if !part.is_empty() {
                    all.extend(paths(&path, part));
                }
                from = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    all
}

/// What a file takes of this crate.
fn imports(text: &str) -> Vec<Vec<String>> {
    code(text).split("crate::").skip(1).flat_map(|tree| paths(&[], tree)).collect()
}

fn room_of(path: &str) -> &str {
    path.split_once('/').map_or("", |(room, _)| room)
}

/// Whether a file of a room may take what a path names.
fn may_use(room: &str, path: &[String]) -> bool {
    let there = path.first().map_or("", String::as_str);
    let below = BELOW.iter().position(|one| *one == there);
    match BELOW.iter().position(|one| *one == room) {
        Some(at) => below.is_some_and(|below| below <= at),
        None if CONTEXTS.contains(&room) => {
            below.is_some()
                || there == room
                || (CONTEXTS.contains(&there) && path.get(1).is_some_and(|file| file == "call"))
        }
        // The operator's room, and what joins all.
        None => room == "ops" || room.is_empty(),
    }
}

fn import_faults(house: &House) -> Vec<String> {
    let mut faults = Vec::new();
    for (file, text) in house {
        for path in imports(text).iter().filter(|path| !may_use(room_of(file), path)) {
            faults.push(format!("{file} may not use {}", path.join("::")));
        }
        if code(text).contains("super::") {
            faults.push(format!("{file} names a neighbour by super::, and not by its room"));
        }
    }
    faults
}

/// The file that a path leads to.
fn file_of<'a>(house: &'a House, path: &[String]) -> Option<&'a String> {
    (1..=path.len()).rev().find_map(|length| {
        let name = path[..length].join("/");
        let file = house.get_key_value(&format!("{name}.rs"));
        file.or_else(|| house.get_key_value(&format!("{name}/mod.rs"))).map(|(file, _)| file)
    })
}

/// Files that come back to themselves by what they import.
fn circles(house: &House) -> Vec<String> {
    let mut uses: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for (file, text) in house {
        let there = imports(text).iter().filter_map(|path| file_of(house, path)).collect();
        uses.insert(file, there);
        uses.entry(file).or_default().remove(file);
    }
    // Who uses nothing that is left is in no circle, nor who is used by nobody: what stays is.
    loop {
        let here: BTreeSet<&String> = uses.keys().copied().collect();
        let used: BTreeSet<&String> = uses.values().flatten().copied().collect();
        uses.retain(|file, there| used.contains(file) && !there.is_empty());
        uses.values_mut().for_each(|there| there.retain(|file| here.contains(file)));
        let left: BTreeSet<&String> = uses.keys().copied().collect();
        uses.values_mut().for_each(|there| there.retain(|file| left.contains(file)));
        if left.len() == here.len() {
            return left.into_iter().map(|file| format!("{file} is in a circle")).collect();
        }
    }
}

fn opening_faults(house: &House) -> Vec<String> {
    let silent = house.iter().filter(|(_, text)| !text.starts_with("//! "));
    silent.map(|(file, _)| format!("{file} does not say what it is")).collect()
}

fn sql_faults(house: &House) -> Vec<String> {
    const VERBS: [&str; 5] = ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE ", "\"CREATE "];
    let may = |file: &String| {
        file.contains("/rows/")
            || STATEMENTS.iter().any(|place| file.starts_with(place) || file.ends_with(place))
    };
    let others = house.iter().filter(|(file, _)| !may(file));
    let faults = others.filter(|(_, text)| VERBS.iter().any(|verb| code(text).contains(verb)));
    faults.map(|(file, _)| format!("{file} has SQL")).collect()
}

/// The words by which programs know refusals.
fn words(house: &House) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for text in house.values() {
        for made in ["Problem::new(", "Problem::retry(", "Self::new(", "Self::retry("] {
            for call in text.split(made).skip(1) {
                let word = call.split_once('"').and_then(|(_, rest)| rest.split_once('"'));
                words.extend(word.map(|(word, _)| word.to_owned()).filter(|word| word.contains('_')));
            }
        }
    }
    words
}

/// Comparisons with those words: what follows from a refusal follows from its `Kind`.
fn word_faults(house: &House) -> Vec<String> {
    let mut faults = Vec::new();
    let words = words(house);
    for (file, text) in house.iter().filter(|(file, _)| *file != WORDS) {
        let text = code(text);
        if text.contains(".code") {
            faults.push(format!("{file} reads the code of a refusal"));
        }
        for word in &words {
            let compared = [
                format!("== \"{word}\""),
                format!("!= \"{word}\""),
                format!("\"{word}\" =>"),
                format!("\"{word}\" |"),
                format!("| \"{word}\""),
            ];
            if compared.iter().any(|compared| text.contains(compared)) {
                faults.push(format!("{file} compares with {word:?}"));
            }
        }
    }
    faults
}

/// A rule, and what tells the faults against it.
type Rule = (&'static str, fn(&House) -> Vec<String>);

const RULES: [Rule; 5] = [
    ("imports", import_faults),
    ("circles", circles),
    ("openings", opening_faults),
    ("SQL", sql_faults),
    ("words", word_faults),
];

#[test]
fn the_house_is_as_it_is_drawn() {
    let house = ours();
    assert!(house.len() > 50 && house.contains_key("cart/call.rs"), "these are the sources");
    assert!(words(&house).contains("unknown_sku"), "these are the words");
    for (rule, faults) in RULES {
        assert_eq!(faults(&house), Vec::<String>::new(), "{rule}");
    }
}

/// Every rule finds its fault in an ordinary house with one.
#[test]
fn a_house_with_a_fault_is_told() {
    let sound = [
        ("lib.rs", "//! All.\nmod cart;\n"),
        ("platform/problem.rs", "//! Refusals.\nmatch code { \"cart_full\" => Self::Full }\n"),
        ("net/peers.rs", "//! Calls.\nuse crate::platform::problem::Problem;\n"),
        ("door/route.rs", "//! Routes.\nuse crate::platform::{problem::Problem, clock};\n"),
        (
            "cart/api.rs",
            "//! Routes.\nuse crate::cart::call::{self, Call};\nuse crate::catalog::call::offers;\n",
        ),
        ("cart/call.rs", "//! Calls.\nuse crate::net::peers;\nProblem::new(409, \"cart_full\", \"no\")\n"),
        ("cart/rows/line.rs", "//! A row.\nconst READ: &str = \"SELECT 1\";\n"),
        ("catalog/call.rs", "//! Offers.\nuse crate::catalog::d1;\n"),
        ("catalog/d1.rs", "//! Rows.\nconst READ: &str = \"SELECT 1\";\n// SELECT\n"),
        ("ops/api.rs", "//! All.\nuse crate::cart::object::Cart;\nuse crate::catalog::d1;\n"),
    ];
    let with = |file: &str, more: &str| {
        let all = sound.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        let mut house = house(all);
        house.entry(file.to_owned()).or_default().push_str(more);
        house
    };
    for (rule, faults) in RULES {
        assert_eq!(faults(&with("lib.rs", "")), Vec::<String>::new(), "{rule}");
    }
    let check = |rule: &str, file: &str, more: &str| {
        for (other, faults) in RULES {
            let told = faults(&with(file, more));
            assert_eq!(told.is_empty(), other != rule, "{other} of {file} with {more:?}: {told:?}");
        }
    };
    check("imports", "platform/clock.rs", "//! Now.\nuse crate::net::peers;\n");
    check("imports", "net/peers.rs", "use crate::catalog::call::offers;\n");
    check("imports", "door/route.rs", "use crate::{platform::log, cart::call};\n");
    check("imports", "cart/api.rs", "use crate::catalog::{d1, call};\n");
    check("imports", "cart/api.rs", "fn f() { crate::serve::ours() }\n");
    check("imports", "cart/api.rs", "use super::call::Call;\n");
    check("circles", "catalog/d1.rs", "use crate::catalog::call::offers;\n");
    check("circles", "cart/call.rs", "use crate::catalog::call;\nuse crate::cart::api::Endpoint;\n");
    check("openings", "cart/view.rs", "use crate::cart::call;\n");
    check("SQL", "cart/api.rs", "const READ: &str = \"DELETE FROM replica\";\n");
    check("words", "cart/api.rs", "if problem.code == other {}\n");
    check("words", "cart/api.rs", "match word { \"cart_full\" => 1 }\n");
    check("words", "cart/api.rs", "if word == \"cart_full\" {}\n");
}
