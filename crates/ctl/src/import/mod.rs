//! Makes the local D1 databases, by way of wrangler: the demo catalog and the stores of the regions, which begin empty.
//! What was made is kept in the cache under a hash of all that went into it, so that a fresh folder is a matter of
//! copying files. A folder that has databases already keeps them: migrations that are missing are applied, and the
//! catalog is filled anew. Nothing else may be running on the folder meanwhile.

mod catalog;
mod fingerprint;
mod sql;
mod wrangler;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use crate::failure::{Failure, Kind};
use crate::output::{self, Output, Progress};
use crate::tree::Tree;

/// Where wrangler has the databases, below its state folder.
const D1_FILES: &str = "v3/d1/miniflare-D1DatabaseObject";
/// The binding of the catalog in wrangler.toml.
const DATABASE: &str = "CATALOG";
/// The file of a state folder that says what was imported.
const STAMP: &str = ".catalog-stamp";

/// Prints the SQL that fills the catalog.
pub fn print(tree: &Tree) -> Result<(), Failure> {
    let sql = sql::of(&catalog::products(&tree.file(catalog::FILE))?);
    output::bytes(sql.as_bytes()).and_then(|()| output::bytes(b"\n"))
}

/// Imports into a state folder, unless it has all of it.
pub fn run(tree: &Tree, persist_to: Option<&Path>, output: &Output) -> Result<(), Failure> {
    let began = Instant::now();
    let state = persist_to.map_or_else(|| tree.file(".wrangler/state"), Path::to_owned);
    // wrangler is run elsewhere.
    let state = std::path::absolute(&state).map_err(|error| Failure::io(state.display(), &error))?;
    let want = fingerprint::of(tree)?;
    let stamp = state.join(STAMP);
    let there = !databases_of(&state).is_empty();
    let current = there && fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == want);
    if !current {
        if there {
            fill(tree, &state)?;
        } else {
            copy(&cached(tree, &want)?.join(D1_FILES), &state.join(D1_FILES))?;
        }
        fs::write(&stamp, &want).map_err(|error| Failure::io(stamp.display(), &error))?;
    }
    let took = began.elapsed().as_secs_f64();
    let outcome = if current { "up_to_date" } else { "imported" };
    let done = json!({"state": state.display().to_string(), "outcome": outcome, "seconds": took});
    output.thing(&done, || match current {
        true => format!("catalog: up to date in {}", shown(&state).display()),
        false => format!("catalog: imported into {} in {took:.1} s", shown(&state).display()),
    })
}

/// The state folder in the cache that has just this; made when it is not there yet.
fn cached(tree: &Tree, want: &str) -> Result<PathBuf, Failure> {
    let cache = cache()?;
    let kept = cache.join(format!("catalog-{}", &want[..16]));
    if kept.is_dir() {
        return Ok(kept);
    }
    let failed = |error| Failure::io(cache.display(), &error);
    fs::create_dir_all(&cache).map_err(failed)?;
    let partial = tempfile::Builder::new().prefix("catalog-partial-").tempdir_in(&cache).map_err(failed)?;
    let state = partial.path().join("state");
    fill(tree, &state)?;
    match fs::rename(&state, &kept) {
        // Another run was faster: its result is the same.
        Err(_) if kept.is_dir() => Ok(kept),
        done => done.map(|()| kept).map_err(failed),
    }
}

/// As tools/env has it.
fn cache() -> Result<PathBuf, Failure> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    home.map(|home| home.join("evercart")).ok_or_else(|| {
        Failure::here("nobody knows where the cache is").next("set HOME, or XDG_CACHE_HOME to a folder")
    })
}

/// Applies the migrations and fills the catalog, by wrangler, and reads it back.
fn fill(tree: &Tree, state: &Path) -> Result<(), Failure> {
    let databases = wrangler::databases(&tree.text("wrangler.toml")?)?;
    let progress = Progress::new("catalog", Some(databases.len() + 3));
    progress.doing("reading the catalog");
    let products = catalog::products(&tree.file(catalog::FILE))?;
    let failed = |error| Failure::io("a temporary file", &error);
    let mut file = tempfile::Builder::new().suffix(".sql").tempfile().map_err(failed)?;
    file.write_all(sql::of(&products).as_bytes()).map_err(failed)?;
    progress.done(1);
    // One after another: two runtimes that start in one folder lock each other out.
    for name in &databases {
        progress.doing(format!("making {name}"));
        wrangler::run(tree, &["migrations", "apply", name, "--persist-to"], state, &[])?;
        progress.done(1);
    }
    progress.doing(format!("importing {} products", thousands(products.len())));
    wrangler::run(
        tree,
        &["execute", DATABASE, "--persist-to"],
        state,
        &["--file".as_ref(), file.path().as_os_str()],
    )?;
    progress.done(1);
    progress.doing("reading it back");
    let count = "SELECT count(*) AS products FROM products";
    let rest = ["--json", "--command", count].map(AsRef::as_ref);
    let answer = wrangler::run(tree, &["execute", DATABASE, "--persist-to"], state, &rest)?;
    let found: Value = serde_json::from_str(&answer).unwrap_or_default();
    let found = &found[0]["results"][0]["products"];
    if found.as_u64() != Some(products.len() as u64) {
        let message = format!("wrangler reads {found} products of {}", thousands(products.len()));
        return Err(Failure::new(Kind::Here, message)
            .next("remove the state folder, if nothing in it is to be kept, and run this again"));
    }
    wrangler::settle(tree, &databases_of(state));
    progress.done(1);
    Ok(())
}

/// The files of the databases of a state folder; none, if it has none yet.
fn databases_of(state: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(state.join(D1_FILES)).into_iter().flatten().flatten();
    files.map(|file| file.path()).filter(|file| file.extension().is_some_and(|end| end == "sqlite")).collect()
}

/// Copies the files of a folder: databases, and logs where there are any.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let copied = || {
        fs::create_dir_all(to)?;
        for file in fs::read_dir(from)? {
            let file = file?;
            fs::copy(file.path(), to.join(file.file_name()))?;
        }
        Ok(())
    };
    copied().map_err(|error| Failure::io(format_args!("copy {} to {}", from.display(), to.display()), &error))
}

/// A path as seen from here, if it is below.
fn shown(path: &Path) -> &Path {
    let here = std::env::current_dir().ok();
    here.and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path)
}

/// 92,331.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_threes() {
        let read = [0, 12, 999, 1_000, 92_331, 1_234_567].map(thousands);
        assert_eq!(read, ["0", "12", "999", "1,000", "92,331", "1,234,567"]);
    }

    #[test]
    fn all_files_of_a_folder_are_copied_logs_too() {
        let scratch = tempfile::tempdir().expect("a folder");
        let (from, to) = (scratch.path().join("from"), scratch.path().join("a/b/to"));
        fs::create_dir(&from).expect("a folder");
        fs::write(from.join("x.sqlite"), "rows").expect("a file");
        fs::write(from.join("x.sqlite-wal"), "later rows").expect("a file");
        copy(&from, &to).expect("copied");
        assert_eq!(fs::read_to_string(to.join("x.sqlite-wal")).expect("a file"), "later rows");
        assert_eq!(fs::read_dir(&to).expect("a folder").count(), 2);
    }
}
