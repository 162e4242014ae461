//! Load against the real runtime: `make load` runs it, docs/performance.md is what it writes. Whatever it measures of the
//! service it measures of bare Workers in the same run, so that what is said is a ratio, and no machine's speed.
//!
//! Rates are how much there can be, with 64 requests on the way; times are those of an open loop at half of that. CPU
//! times are the processes' own, by the kernel. A request that is not answered as it must be ends the run: nothing that
//! fails counts as fast.

#![allow(missing_docs)]

mod basket;
mod case;
mod chart;
mod cpu;
mod drive;
mod http;
mod measure;
mod options;
mod profile;
mod progress;
mod report;
mod sample;
mod schedule;
mod server;
mod socket;
mod verdict;
mod visit;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::measure::Bench;
use crate::options::Options;
use crate::progress::Progress;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match load().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn load() -> Result<(), String> {
    let options = Options::read()?;
    fs::create_dir_all(&options.work).map_err(|error| format!("{}: {error}", options.work.display()))?;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let baskets = basket::read(&data)?;
    if let Some(row) = options.profile {
        let text = profile::profile(&options, baskets, row).await?;
        println!("load: {}", text.display());
        return Ok(());
    }
    let mut bench = Bench::new(options, baskets);
    let progress = Progress::new();
    let outcome = bench.run(&progress).await;
    progress.end();
    outcome?;
    let (results, options) = (&bench.results, &bench.options);
    let raw = options.work.join("results.json");
    fs::write(&raw, format!("{:#}\n", report::raw(results)))
        .map_err(|error| format!("{}: {error}", raw.display()))?;
    print!("{}", report::summary(results));
    if let Some(document) = &options.report {
        report::write(document, results, options)?;
        println!("load: {}", document.display());
    }
    Ok(())
}
