//! What wrangler does to the local databases, and which there are.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::DATABASE;
use crate::failure::Failure;
use crate::tree::Tree;

/// Moves what is in write-ahead logs into the databases: Node has SQLite in it.
const SETTLE: &str = r#"
const { DatabaseSync } = require("node:sqlite");
for (const file of process.argv.slice(1)) {
    const db = new DatabaseSync(file);
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    db.close();
}"#;

/// Runs `wrangler d1 .. STATE .. --local` in a tree. What it prints.
pub fn run(tree: &Tree, begin: &[&str], state: &Path, rest: &[&OsStr]) -> Result<String, Failure> {
    let mut command = pinned(tree, "exec wrangler d1 \"$@\" --local");
    let done = command.args(begin).arg(state).args(rest).env("CI", "true").env("NO_COLOR", "1").output();
    let done = done.map_err(|error| Failure::io("bash", &error))?;
    let said = String::from_utf8_lossy(&done.stdout);
    if !done.status.success() {
        let errors = String::from_utf8_lossy(&done.stderr);
        let message = format!("wrangler d1 {} failed:\n{said}{errors}", begin.join(" "));
        return Err(Failure::here(message.trim_end()).next(
            "does something else run on the folder, such as `make run`? Is tools/setup done? Then run this again",
        ));
    }
    Ok(said.into_owned())
}

/// Makes each database one file. The runtime, which is ended and does not end, leaves a log with all that it wrote. A Node
/// that is too old for it leaves that: it is copied along, and read at every start.
pub fn settle(tree: &Tree, files: &[PathBuf]) {
    let mut command = pinned(tree, "exec node -e \"$@\"");
    let _ = command.arg(SETTLE).args(files).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// A line of bash, with the tools that the tree has pinned.
fn pinned(tree: &Tree, line: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("source tools/env && {line}"), "evercart"]);
    command.current_dir(tree.path()).stdin(Stdio::null());
    command
}

/// The bindings of all databases in wrangler.toml.
pub fn databases(settings: &str) -> Result<Vec<String>, Failure> {
    let lines: Vec<&str> = settings.lines().collect();
    let pairs = lines.windows(2).filter(|pair| pair[0] == "[[d1_databases]]");
    let names = pairs.filter_map(|pair| pair[1].strip_prefix("binding = \"")?.strip_suffix('"'));
    let names: Vec<String> = names.map(str::to_owned).collect();
    if !names.iter().any(|name| name == DATABASE) {
        return Err(Failure::here(format!(
            "wrangler.toml has no [[d1_databases]] with the binding {DATABASE}"
        )));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_of_the_settings_is_found() {
        let settings = "[vars]\n[[d1_databases]]\nbinding = \"CATALOG\"\ndatabase_id = \"1\"\n\n\
            [[queues.producers]]\nbinding = \"QUEUE\"\n\n[[d1_databases]]\nbinding = \"STORE_WEUR_0\"\n";
        assert_eq!(databases(settings).expect("there are"), ["CATALOG", "STORE_WEUR_0"]);
        assert!(databases("[[d1_databases]]\nbinding = \"STORE_WEUR_0\"\n").is_err());
    }
}
