//! The bug bank: `bugs/` holds faults of the core as patches, some invented, some once real. So many traces must
//! find each of them, or they would not find the next one either; and they must find nothing in the core as it
//! is. Those of `bugs/regions` are for the worlds of regions to find. How many is a number, and no time: what is
//! found is found on every machine, however busy.
//! Of a history that breaks a promise only what it takes is shown: it must still break it.
//! Runs with `-- --ignored`; `EVERCART_BUGS=05,17` picks some of both, `bugs/regions` all of those, and
//! `EVERCART_PART=1/3` the second third of what is picked: every third, from the second on.
//!
//! Works on two copies of the two crates under `target/tmp`, a bug in each at a time, each with a target folder
//! of its own.

#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

const TRACES_MAX: u64 = 50_000;
/// In which order worlds are searched: in their usual sizes, of which few are large, and large ones only. Most bugs
/// show in the first of these, some hardly in any but large ones; the long rounds are for what is rare. The rarest so
/// far takes a hundred and forty thousand.
const ROUNDS: [Round; 4] = [
    Round { seeds: 0..20_000, large: false },
    Round { seeds: 0..10_000, large: true },
    Round { seeds: 20_000..300_000, large: false },
    Round { seeds: 10_000..50_000, large: true },
];
/// How many of the rounds the core as it is must stand. It stands more in `tests/regions.rs`.
const ROUNDS_OF_THE_CORE: usize = 2;
/// From so many bugs on that worlds find, an event must have been left out of each history, in the mean.
const WORLDS_SHRUNK: usize = 5;
/// The status with which the command says that it has found a violation.
const VIOLATION: i32 = 3;
/// That in which some kind of fault fired too rarely, as a bug may bring about.
const RARE: i32 = 1;

/// Worlds of these seeds, as large as their seeds say or all of them large.
struct Round {
    seeds: Range<u64>,
    large: bool,
}

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
    let picked =
        finders.into_iter().flat_map(|finder| patches(finder).into_iter().map(move |bug| (bug, finder)));
    let (nth, parts) = part();
    let bugs: Vec<_> = picked.skip(nth).step_by(parts).collect();
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
    for finder in finders {
        let (status, text) = bank.run(finder, ROUNDS_OF_THE_CORE);
        assert_eq!(status, Some(0), "the core as it is does not pass:\n{text}");
        println!("the core as it is: {}", text.lines().last().unwrap_or_default());
    }
    println!("{} bugs in {:.0?}", bugs.len(), began.elapsed());
    assert!(missed.is_empty(), "not caught: {}", missed.join(", "));
    let of_worlds = bugs.iter().filter(|(_, finder)| matches!(finder, Finder::Worlds)).count();
    if of_worlds >= WORLDS_SHRUNK {
        assert!(left_out.into_inner() > of_worlds, "histories are not shrunk");
    }
}

/// Also those whose turn it is not: the source goes on under them.
#[test]
fn every_seeded_bug_applies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let all = [Finder::Traces, Finder::Worlds].into_iter().flat_map(patches);
    let stale = all.filter_map(|patch| {
        let mut git = Command::new("git");
        git.args(["apply", "-C1", "--check"]).arg(&patch).current_dir(&root);
        done(git).err()
    });
    let stale: Vec<String> = stale.collect();
    assert!(stale.is_empty(), "{}", stale.join("\n"));
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

/// Which part of the bugs is picked, and of how many.
fn part() -> (usize, usize) {
    let Ok(text) = std::env::var("EVERCART_PART") else { return (0, 1) };
    let numbers =
        text.split_once('/').and_then(|(nth, parts)| Some((nth.parse().ok()?, parts.parse().ok()?)));
    match numbers {
        Some((nth, parts)) if nth < parts => (nth, parts),
        _ => panic!("EVERCART_PART is {text:?}, not 0/3, 1/3 or the like"),
    }
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
        let result = result.map(|()| self.run(finder, ROUNDS.len()));
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
            Some(0 | RARE) => Err(format!("NOT CAUGHT: {last}")),
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

    /// Runs traces, or so many rounds of worlds, until one breaks a promise: the status of the command that ran last and
    /// what it said.
    fn run(&self, finder: Finder, rounds: usize) -> (Option<i32>, String) {
        if matches!(finder, Finder::Traces) {
            return self.command(&["run", "--traces", &TRACES_MAX.to_string()]);
        }
        let mut last = (None, String::new());
        for Round { seeds, large } in ROUNDS.iter().take(rounds) {
            let (first, worlds) = (seeds.start.to_string(), (seeds.end - seeds.start).to_string());
            let mut words = vec!["regions", "--seed", &first, "--worlds", &worlds];
            words.extend(if *large { &["--size", "large"][..] } else { &[] });
            last = self.command(&words);
            if !matches!(last.0, Some(0 | RARE)) {
                break;
            }
        }
        last
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
