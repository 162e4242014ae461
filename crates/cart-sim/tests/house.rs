//! The rules of the house that no compiler keeps, for all crates: a file says at its top what it is, and no files use
//! one another in a circle. What the compiler keeps is in each crate's Cargo.toml.

#![cfg(not(target_arch = "wasm32"))]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A file of a crate by the path of its module, without `crate`: that of `lib.rs` is empty.
type Module = Vec<String>;

/// Which files of a crate use which.
type Uses = BTreeMap<Module, BTreeSet<Module>>;

#[test]
fn no_files_use_one_another_in_a_circle() {
    let mut circles = Vec::new();
    let mut uses = 0;
    for krate in crates() {
        let files = files_of(&krate.join("src"));
        let of_crate = uses_of(&files);
        uses += of_crate.values().map(BTreeSet::len).sum::<usize>();
        let name = krate.file_name().unwrap_or_default().to_string_lossy().into_owned();
        circles.extend(circle_in(&of_crate).map(|circle| format!("{name}: {circle}")));
    }
    assert!(uses > 200, "only {uses} uses were read");
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn a_file_opens_with_what_it_is() {
    let silent: Vec<String> = crates()
        .iter()
        .flat_map(|krate| ["src", "tests", "benches", "examples"].map(|folder| krate.join(folder)))
        .flat_map(|folder| files_of(&folder).into_values())
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn circles_are_seen() {
    let file = |text: &str| (PathBuf::new(), text.to_owned());
    let path = |name: &str| name.split("::").map(str::to_owned).collect::<Module>();
    let mut files = BTreeMap::from([
        (path("a"), file("//! See [`crate::c`].\nuse crate::{b::{self, x::{Thing as It}, Other,}, d};\n")),
        (path("b"), file("use super::c::Other;\n")),
        (path("c"), file("#[cfg(test)]\nmod tests {\n    use crate::a::Most;\n}\n")),
        (path("d"), file("fn of(x: super::c::Other) {}\n")),
    ]);
    let uses = uses_of(&files);
    assert_eq!(uses[&path("a")], BTreeSet::from([path("b"), path("d")]));
    assert_eq!(uses[&path("d")], BTreeSet::from([path("c")]));
    assert_eq!(circle_in(&uses), None, "tests may use what uses the tested");
    files.insert(path("c::inner"), file("use super::super::a::Most;\n"));
    files.insert(path("c"), file("pub use crate::c::inner::Most;\n"));
    assert_eq!(circle_in(&uses_of(&files)).as_deref(), Some("a -> b -> c -> c::inner -> a"));
}

fn crates() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let entries = fs::read_dir(folder).expect("the folder of crates is there");
    let mut crates: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    crates.retain(|path| path.join("Cargo.toml").is_file());
    crates.sort();
    crates
}

/// The Rust files under a folder, each with its text.
fn files_of(folder: &Path) -> BTreeMap<Module, (PathBuf, String)> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(folder).expect("it is in it").with_extension("");
                let parts = inside.iter().map(|part| part.to_string_lossy().into_owned());
                let module = parts.filter(|part| part != "mod" && part != "lib").collect();
                let text = fs::read_to_string(&path).expect("a file is read");
                files.insert(module, (path, text));
            }
        }
    }
    files
}

fn uses_of(files: &BTreeMap<Module, (PathBuf, String)>) -> Uses {
    let file_of = |path: &[String]| {
        (0..=path.len()).rev().map(|parts| path[..parts].to_vec()).find(|module| files.contains_key(module))
    };
    let of = |(module, (_, text)): (&Module, &(PathBuf, String))| {
        let paths = paths_in(module, text);
        let used = paths.iter().filter_map(|path| file_of(path)).filter(|used| used != module);
        (module.clone(), used.collect())
    };
    files.iter().map(of).collect()
}

/// The paths in a file that begin with `crate` or `super`, comments and tests aside.
fn paths_in(module: &Module, text: &str) -> Vec<Module> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.flat_map(|line| [line, "\n"]).collect::<String>();
    let mut paths = Vec::new();
    for (at, word) in code.match_indices("crate::").chain(code.match_indices("super::")) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|before| before.is_alphanumeric() || matches!(before, '_' | ':' | '$')) {
            continue;
        }
        let mut base = if word == "crate::" { Vec::new() } else { module.clone() };
        if word == "super::" {
            base.pop();
        }
        follow(base, &code[at + word.len()..], &mut paths);
    }
    paths
}

/// Reads on in a path, of which `base` is known, and in each of a group: what follows the path.
fn follow<'a>(mut base: Module, text: &'a str, paths: &mut Vec<Module>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = follow(base.clone(), rest, paths).trim_start();
            match rest.strip_prefix(',').map(str::trim_start) {
                Some(more) if !more.starts_with('}') => rest = more,
                more => {
                    let rest = more.unwrap_or(rest);
                    return rest.strip_prefix('}').unwrap_or(rest);
                }
            }
        }
    }
    let end = text.find(|sign: char| !sign.is_alphanumeric() && sign != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    match name {
        "super" => drop(base.pop()),
        "self" | "" => {}
        name => base.push(name.to_owned()),
    }
    match rest.strip_prefix("::") {
        Some(rest) => follow(base, rest, paths),
        None => {
            paths.push(base);
            // As another name.
            rest.find([',', '}', ';']).filter(|_| rest.starts_with(" as ")).map_or(rest, |end| &rest[end..])
        }
    }
}

/// Some circle, as the way around it.
fn circle_in(uses: &Uses) -> Option<String> {
    let name = |module: &Module| if module.is_empty() { "lib".into() } else { module.join("::") };
    let mut done = BTreeSet::new();
    uses.keys().find_map(|from| {
        let way = walk(uses, from, &mut Vec::new(), &mut done)?;
        Some(way.iter().map(name).collect::<Vec<String>>().join(" -> "))
    })
}

fn walk(uses: &Uses, at: &Module, way: &mut Vec<Module>, done: &mut BTreeSet<Module>) -> Option<Vec<Module>> {
    if let Some(start) = way.iter().position(|there| there == at) {
        return Some(way[start..].iter().chain([at]).cloned().collect());
    }
    if done.contains(at) {
        return None;
    }
    way.push(at.clone());
    let circle = uses[at].iter().find_map(|next| walk(uses, next, way, done));
    way.pop();
    done.insert(at.clone());
    circle
}
