//! Plays real households' baskets against the running Worker and gives account of every edit: none lost,
//! none doubled, nothing removed comes back. `make replay` runs it; docs/replay.md is what it writes.
//!
//! Each basket has a session and a cart of its own, edited by one to three devices at once over a bad
//! network. The trace of it all goes to `.replay/`, and `account.py` judges it, which knows the rules of the
//! design and nothing of the product. Exit code 1: a violation; 2: the run could not be judged.

mod basket;
mod browser;
mod call;
mod chart;
mod copies;
mod intent;
mod measure;
mod options;
mod play;
mod record;
mod replica;
mod report;
mod rows;
mod seen;
mod shown;
mod travel;
mod way;

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use harness::{Regions, RegionsOptions, Runtime, Shop, root};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::basket::Basket;
use crate::options::Options;
use crate::play::Played;
use crate::report::Run;
use crate::way::{REGIONS, Shops};

/// How often it says where it is, where nobody watches.
const SAY_EVERY: Duration = Duration::from_secs(20);
/// How often a cart is played again whose regions could not hear of each other.
const AGAIN_MAX: usize = 3;

#[tokio::main]
async fn main() -> ExitCode {
    match replay().await {
        Ok(run) if run.is_violated() => ExitCode::FAILURE,
        Ok(run) if run.is_unjudged() => ExitCode::from(2),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::from(2)
        }
    }
}

async fn replay() -> Result<Run, String> {
    let options = Options::read()?;
    let data = root().join("data");
    let baskets = match options.regions {
        true => basket::read_travelling(&data, options.baskets, options.seed)?,
        false => basket::read(&data, options.baskets)?,
    };
    let served = Served::start(&options).await;
    let shops = served.shops();
    if !shops.at(0).is_ready().await {
        return Err(format!("{} does not answer", shops.at(0).url));
    }
    let name = options.baskets.map_or("all".to_owned(), |count| count.to_string());
    fs::create_dir_all(root().join(".replay")).map_err(|error| format!(".replay: {error}"))?;
    fs::create_dir_all(&options.report).map_err(|error| format!("{}: {error}", options.report.display()))?;
    let traces = if options.tree.is_some() { options.report.clone() } else { root().join(".replay") };
    let played = if options.regions { "regions" } else { "baskets" };
    let trace = traces.join(format!("{played}-{name}-seed-{}.jsonl", options.seed));

    let mut run =
        play_all(&shops, baskets, &options, &trace).await.map_err(|error| format!("the trace: {error}"))?;
    run.account = account(&trace)?;
    let log = trace.with_extension("log");
    fs::write(&log, served.log()).map_err(|error| format!("{}: {error}", log.display()))?;
    report::write(&run, &options)?;
    println!("{}", report::summary(&run));
    println!("replay: {}", shown(&options.report.join(report::name(&options)).with_extension("md")));
    Ok(run)
}

/// What is played against.
enum Served {
    Url(String),
    Here(Runtime),
    Regions(Regions),
}

impl Served {
    async fn start(options: &Options) -> Self {
        if let Some(url) = &options.url {
            return Self::Url(url.clone());
        }
        if !options.regions {
            let served = harness::Options { tree: options.tree.clone(), ..harness::Options::default() };
            return Self::Here(Runtime::start(served).await);
        }
        // A shopper who comes to another region is one whose last request was long ago.
        let vars = vec![("SESSION_SLIDE_MS".to_owned(), "0".to_owned())];
        let served = RegionsOptions {
            vars,
            seed: options.seed,
            tree: options.tree.clone(),
            ..RegionsOptions::default()
        };
        Self::Regions(Regions::start(&REGIONS, served).await)
    }

    /// What the runtimes have printed: their complaints.
    fn log(&self) -> String {
        match self {
            Self::Url(_) => String::new(),
            Self::Here(runtime) => runtime.log(),
            Self::Regions(regions) => {
                REGIONS.map(|name| format!("{name}:\n{}", regions.runtime(name).log())).concat()
            }
        }
    }

    fn shops(&self) -> Shops {
        match self {
            Self::Url(url) => Shops::one(Shop::at(url.clone())),
            Self::Here(runtime) => Shops::one(runtime.shop()),
            Self::Regions(regions) => Shops::of(regions),
        }
    }
}

/// Plays the baskets, so many at once, and writes the trace.
async fn play_all(
    shops: &Shops,
    baskets: Vec<Basket>,
    options: &Options,
    trace: &Path,
) -> std::io::Result<Run> {
    let mut run = Run::of(baskets.len(), baskets.iter().map(|basket| basket.trips.len()).sum());
    let mut file = BufWriter::new(File::create(trace)?);
    let (bar, began) = (bar(baskets.len()), Instant::now());
    let mut said = Instant::now();
    let mut playing: JoinSet<(Played, Basket)> = JoinSet::new();
    let (mut waiting, mut parted, seed) = (baskets.into_iter(), Vec::new(), options.seed);
    loop {
        while playing.len() < options.at_once
            && let Some(basket) = waiting.next()
        {
            let shops = shops.clone();
            playing.spawn(async move { (play::play(shops, basket.clone(), seed).await, basket) });
        }
        let Some(played) = playing.join_next().await else { break };
        let (played, basket) = played.map_err(std::io::Error::other)?;
        if played.is_parted() {
            parted.push(basket);
            continue;
        }
        note(&mut file, &mut run, played)?;
        run.seconds = began.elapsed().as_secs_f64();
        let rate = run.edits() as f64 / run.seconds;
        bar.inc(1);
        bar.set_message(format!("{} edits, {rate:.0} a second", run.edits()));
        if bar.is_hidden() && said.elapsed() > SAY_EVERY {
            said = Instant::now();
            println!(
                "replay: {} of {} carts, {} edits, {rate:.0} a second",
                bar.position(),
                run.carts,
                run.edits()
            );
        }
    }
    bar.finish_and_clear();
    // By itself a cart has the machine, and its regions have the time to answer each other.
    for basket in parted {
        println!("replay: basket {}: regions could not hear of each other; it is played again", basket.name);
        let mut played = play::play(shops.clone(), basket.clone(), seed).await;
        for _ in 1..AGAIN_MAX {
            if !played.is_parted() {
                break;
            }
            played = play::play(shops.clone(), basket.clone(), seed).await;
        }
        note(&mut file, &mut run, played)?;
    }
    run.seconds = began.elapsed().as_secs_f64();
    file.flush()?;
    Ok(run)
}

fn note(file: &mut impl std::io::Write, run: &mut Run, played: Played) -> std::io::Result<()> {
    if let Some(line) = &played.line {
        serde_json::to_writer(&mut *file, line)?;
        file.write_all(b"\n")?;
    }
    run.add(played);
    Ok(())
}

fn bar(count: usize) -> ProgressBar {
    let style = "replay [{bar:32}] {pos}/{len} carts, {msg}, {eta} left";
    let style = ProgressStyle::with_template(style).expect("a template").progress_chars("## ");
    ProgressBar::new(count as u64).with_style(style)
}

/// What the oracle says of a trace.
fn account(trace: &Path) -> Result<Value, String> {
    let out = trace.with_extension("account.json");
    let _ = fs::remove_file(&out);
    let status = Command::new("python3")
        .arg(root().join("tests/replay/account.py"))
        .arg(trace)
        .arg("--out")
        .arg(&out)
        .status()
        .map_err(|error| format!("python3: {error}"))?;
    if !matches!(status.code(), Some(0 | 1)) {
        return Err(format!("the account cannot read {}", shown(trace)));
    }
    let text = fs::read(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", out.display()))
}

/// A path as one says it in the project's folder.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).map_or_else(|_| path.to_owned(), PathBuf::from).display().to_string()
}
