//! The bug bank: `bugs/` holds faults of the core as patches, some invented, some once real. The traces must
//! find each of them within a minute, or they would not find the next one either; and they must find
//! nothing in the core as it is. Those of `bugs/regions` are for the worlds of regions to find.
//! Of a history that breaks a promise only what it takes is shown: it must still break it.
//! Runs with `-- --ignored`; `EVERCART_BUGS=05,17` picks some of both, `bugs/regions` all of those.
//!
//! Works on two copies of the two crates under `target/tmp`, a bug in each at a time, each with a target folder
//! of its own.

#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

const SECONDS_MAX: u64 = 60;
/// How many of them worlds have that are as in a long run; the rest is for large ones.
const SECONDS_USUAL: u64 = 45;
const TRACES_MAX: u64 = 50_000;
const WORLDS_MAX: u64 = 1_000_000;
/// How many worlds the core as it is must stand.
const WORLDS: u64 = 20_000;
/// Of more bugs than these, so many events at least must have been left out.
const WORLDS_SHRUNK: usize = 20;
/// The status with which the command says that it has found a violation.
const VIOLATION: i32 = 3;
/// That in which some kind of fault fired too rarely, as may be where time was short.
const RARE: i32 = 1;

/// What finds a bug.
#[derive(Clone, Copy)]
enum Finder {
    Traces,
    Worlds,
}

impl Finder {
    fn folder(self) -> &'static str {
        match self {
            Self::Traces => "bugs",
            Self::Worlds => "bugs/regions",
        }
    }
}

#[test]
#[ignore = "builds the core once a bug, in minutes: make test runs it"]
fn every_seeded_bug_is_caught() {
    let began = Instant::now();
    let finders = [Finder::Traces, Finder::Worlds];
    let bugs: Vec<_> = finders
        .into_iter()
        .flat_map(|finder| patches(finder).into_iter().map(move |bug| (bug, finder)))
        .collect();
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let left_out = AtomicUsize::new(0);
    // A build is for a good part of one thread.
    let banks = [0, 1].map(Bank::lay);
    thread::scope(|scope| {
        for bank in &banks {
            scope.spawn(|| {
                bank.build().unwrap_or_else(|error| panic!("the core as it is does not build:\n{error}"));
                while let Some((patch, finder)) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                    match bank.try_bug(patch, *finder) {
                        Ok(caught) => {
                            println!("{name:<46} {}", caught.text);
                            left_out.fetch_add(caught.left_out, Ordering::Relaxed);
                        }
                        Err(problem) => {
                            println!("{name:<46} {problem}");
                            missed.lock().expect("no lane has panicked").push(name);
                        }
                    }
                }
            });
        }
    });
    let ([bank, _], missed) = (&banks, missed.into_inner().expect("no lane has panicked"));
    bank.build().unwrap_or_else(|error| panic!("the core does not build again:\n{error}"));
    for (finder, most) in [(Finder::Traces, TRACES_MAX), (Finder::Worlds, WORLDS)] {
        let (status, text) = bank.run(finder, most);
        assert_eq!(status, Some(0), "the core as it is does not pass:\n{text}");
        println!("the core as it is: {}", text.lines().last().unwrap_or_default());
    }
    println!("{} bugs in {:.0?}", bugs.len(), began.elapsed());
    assert!(missed.is_empty(), "not caught: {}", missed.join(", "));
    if bugs.len() > WORLDS_SHRUNK {
        assert!(left_out.into_inner() > WORLDS_SHRUNK, "histories are not shrunk");
    }
}

/// A bug that was found.
struct Caught {
    /// By what, in a line.
    text: String,
    /// How many events of the history it does not take.
    left_out: usize,
}

/// What a world's history was shortened by, in words and as a number: what is left of it must break a promise too.
fn shrunk(text: &str, finder: Finder) -> Result<(String, usize), String> {
    if matches!(finder, Finder::Traces) {
        return Ok((String::new(), 0));
    }
    let counts = text.lines().find_map(|line| {
        let (all, left_out) = line.strip_prefix("of ")?.split_once(" events before it ")?;
        Some((all.parse::<usize>().ok()?, left_out.strip_suffix(" are left out")?.parse::<usize>().ok()?))
    });
    match counts {
        Some((all, left_out)) if !text.contains(": no violation") => {
            Ok((format!(", takes {} of {all} events", all - left_out), left_out))
        }
        _ => Err(format!("WHAT IS LEFT OF ITS HISTORY BREAKS NOTHING: {text}")),
    }
}

/// The patches, in the order of their numbers.
fn patches(finder: Finder) -> Vec<PathBuf> {
    let wanted = std::env::var("EVERCART_BUGS").unwrap_or_default();
    let picked = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is = |bug: &str| name.starts_with(bug) || format!("{}/{name}", finder.folder()).starts_with(bug);
        name.ends_with(".patch") && (wanted.is_empty() || wanted.split(',').any(is))
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(finder.folder());
    let entries = fs::read_dir(folder).expect("the folder of bugs is there");
    let mut patches: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(picked).collect();
    patches.sort();
    patches
}

/// A copy of the workspace with the two crates only.
struct Bank {
    root: PathBuf,
    copy: PathBuf,
}

impl Bank {
    fn lay(number: usize) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bug-bank-{number}"));
        let bank = Self { root, copy };
        let _ = fs::remove_dir_all(bank.copy.join("crates"));
        for name in ["cart-core", "cart-sim"] {
            let from = bank.root.join("crates").join(name);
            copy_all(&from, &bank.copy.join("crates").join(name), &["tests", "bugs", "target"]);
        }
        fs::copy(bank.root.join("Cargo.lock"), bank.copy.join("Cargo.lock")).expect("a lock file");
        let manifest = fs::read_to_string(bank.root.join("Cargo.toml")).expect("a manifest");
        fs::write(bank.copy.join("Cargo.toml"), workspace_only(&manifest)).expect("a manifest is written");
        bank
    }

    fn try_bug(&self, patch: &Path, finder: Finder) -> Result<Caught, String> {
        let text = fs::read_to_string(patch).map_err(|error| error.to_string())?;
        let began = Instant::now();
        let result = self.apply(patch).and_then(|()| self.build());
        let built = began.elapsed();
        let most = match finder {
            Finder::Traces => TRACES_MAX,
            Finder::Worlds => WORLDS_MAX,
        };
        let result = result.map(|()| self.run(finder, most));
        for file in text.lines().filter_map(|line| line.strip_prefix("+++ b/")) {
            let text = fs::read(self.root.join(file)).map_err(|error| format!("{file}: {error}"))?;
            fs::write(self.copy.join(file), text).map_err(|error| format!("{file}: {error}"))?;
        }
        let (status, text) = result?;
        let last = text.lines().last().unwrap_or_default();
        match status {
            Some(VIOLATION) => {
                let (needed, left_out) = shrunk(&text, finder)?;
                let text = format!("{last} (built in {:.0} s{needed})", built.as_secs_f64());
                Ok(Caught { text, left_out })
            }
            Some(0) => Err(format!("NOT CAUGHT: {last}")),
            _ => Err(format!("ended with {status:?}: {text}")),
        }
    }

    fn apply(&self, patch: &Path) -> Result<(), String> {
        // Not as part of the repository around it.
        let ceiling = self.copy.parent().unwrap_or(&self.copy);
        let mut git = Command::new("git");
        git.args(["apply", "-C1"]).arg(patch).current_dir(&self.copy);
        git.env("GIT_CEILING_DIRECTORIES", ceiling);
        done(git).map_err(|error| format!("DOES NOT APPLY: {error}"))
    }

    fn build(&self) -> Result<(), String> {
        let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
        cargo.args(["build", "--release", "--quiet", "-p", "cart-sim"]).current_dir(&self.copy);
        cargo.env("CARGO_TARGET_DIR", self.copy.join("target"));
        // A bug is a line or two: what is beside them need not be built again. The worlds run as fast.
        cargo.env("CARGO_INCREMENTAL", "1");
        done(cargo)
    }

    /// Runs traces or worlds until one breaks a promise: the status of the command and what it said. Worlds are first
    /// those of a long run, of which few are large, then large ones only.
    fn run(&self, finder: Finder, most: u64) -> (Option<i32>, String) {
        let most = most.to_string();
        match finder {
            Finder::Traces => {
                self.command(&["run", "--traces", &most, "--seconds", &SECONDS_MAX.to_string()])
            }
            Finder::Worlds => {
                let worlds = ["regions", "--worlds", &most, "--seconds"];
                let (status, text) = self.command(&[&worlds[..], &[&SECONDS_USUAL.to_string()]].concat());
                if !matches!(status, Some(0 | RARE)) {
                    return (status, text);
                }
                let rest = (SECONDS_MAX - SECONDS_USUAL).to_string();
                self.command(&[&worlds[..], &[&rest, "--size", "large"]].concat())
            }
        }
    }

    fn command(&self, words: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(self.copy.join("target/release/cart-sim"));
        let output = command.args(words).output().expect("the command was built");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The manifest of a workspace without its root package, for builds that are made once and run once.
fn workspace_only(manifest: &str) -> String {
    let mut kept = String::new();
    let mut keeps = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            keeps = line.starts_with("[workspace");
        }
        if line.starts_with("members") {
            kept += "members = [\"crates/*\"]\n";
        } else if keeps {
            kept += line;
            kept.push('\n');
        }
    }
    // Built in a quarter of the time for a quarter less of speed: parts do not look into one another.
    kept + "\n[profile.release]\nopt-level = 1\nincremental = true\ncodegen-units = 64\nlto = \"off\"\n"
}

fn copy_all(from: &Path, to: &Path, except: &[&str]) {
    fs::create_dir_all(to).expect("a folder is made");
    for entry in fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("the entry is there");
        let (path, name) = (entry.path(), entry.file_name());
        if except.iter().any(|left_out| name == *left_out) {
            continue;
        }
        if path.is_dir() {
            copy_all(&path, &to.join(name), except);
        } else {
            fs::copy(&path, to.join(name)).expect("a file is copied");
        }
    }
}

fn done(mut command: Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(text) }
}
