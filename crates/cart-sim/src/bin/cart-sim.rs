//! The command of the simulated world: runs many traces, replays one, or hashes them all.
//!
//! ```text
//! cart-sim run --traces N [--seed S]                 from seed S on; ends with status 3 at a violation
//! cart-sim replay SEED                               one trace, with its history
//! cart-sim regions --worlds N [--seed S] [--threads K] [--size small|middle|large|long] [--go-on]
//!                                                    the same of worlds of regions, all of one size or not
//! cart-sim regions hash --seeds N                    one number for the worlds of seeds 0 to N - 1
//! cart-sim regions replay SEED                       one world, with its history; a violation is shrunk
//! cart-sim soak --worlds N --commit C --day D [--to docs/soak.md]   tiny scopes whole, then worlds, and a ledger
//! cart-sim hash --seeds N                            one number for the traces of seeds 0 to N - 1
//! ```

#[cfg(target_arch = "wasm32")]
fn main() {}

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    native::main()
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::PathBuf;
    use std::process::ExitCode;
    use std::time::Instant;

    use cart_sim::hash::TraceHash;
    use cart_sim::regional;
    use cart_sim::regional::breadth::{self, Scope};
    use cart_sim::regional::ledger::Ledger;
    use cart_sim::regional::runner::BATCH;
    use cart_sim::regional::world::Size;
    use cart_sim::trace;
    use cart_sim::trace::runner::Run;
    use cart_sim::violation::Violation;
    use indicatif::{ProgressBar, ProgressStyle};

    /// A world is made of very many small things.
    #[global_allocator]
    static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

    const USAGE: &str = "usage: cart-sim run --traces N [--seed S] | replay SEED | hash --seeds N \
                         | regions replay SEED | regions hash --seeds N | regions --worlds N [--seed S] \
                         [--threads K] [--size small|middle|large|long] [--go-on] \
                         | soak --worlds N --commit C --day D [--to FILE.md]";
    /// The status of a run that found a violation; others mean other failures.
    const VIOLATION: u8 = 3;

    enum Command {
        Run(Run),
        Replay { seed: u64 },
        Hash { seeds: u64 },
        Worlds(regional::runner::Run),
        World { seed: u64, size: Option<Size> },
        HashWorlds { seeds: u64 },
        Soak(Soak),
    }

    /// A long run with a ledger.
    struct Soak {
        worlds: regional::runner::Run,
        commit: String,
        day: String,
        /// Where the ledger goes; its plot beside it.
        to: Option<PathBuf>,
    }

    pub fn main() -> ExitCode {
        trace::announce_panics();
        match command() {
            Ok(Command::Run(traces)) => run(&traces),
            Ok(Command::Replay { seed }) => replay(seed),
            Ok(Command::Hash { seeds }) => hash(TraceHash::of_seeds(seeds)),
            Ok(Command::HashWorlds { seeds }) => hash(regional::hash_of(seeds)),
            Ok(Command::Worlds(worlds)) => run_worlds(&worlds),
            Ok(Command::World { seed, size }) => world(seed, size),
            Ok(Command::Soak(soak)) => self::soak(&soak),
            Err(error) => {
                eprintln!("cart-sim: {error}\n{USAGE}");
                ExitCode::from(2)
            }
        }
    }

    fn command() -> Result<Command, lexopt::Error> {
        use lexopt::prelude::*;
        let mut words = lexopt::Parser::from_env();
        let (mut name, mut seed, mut count) = (None, None, None);
        let mut threads = regional::runner::Run::default().threads;
        let (mut size, mut goes_on) = (None, false);
        let (mut commit, mut day, mut to) = (None, None, None);
        while let Some(word) = words.next()? {
            match word {
                Value(word) if name.is_none() => name = Some(word.string()?),
                Value(word) if name.as_deref() == Some("regions") && (word == "replay" || word == "hash") => {
                    name = Some(format!("regions {}", word.string()?));
                }
                Value(word) if seed.is_none() => seed = Some(word.parse()?),
                Long("seed") => seed = Some(words.value()?.parse()?),
                Long("traces" | "seeds" | "worlds") => count = Some(words.value()?.parse()?),
                Long("size") => size = Some(words.value()?.parse_with(size_of)?),
                Long("go-on") => goes_on = true,
                Long("commit") => commit = Some(words.value()?.string()?),
                Long("day") => day = Some(words.value()?.string()?),
                Long("to") => to = Some(words.value()?.into()),
                Long("threads") => threads = words.value()?.parse()?,
                _ => return Err(word.unexpected()),
            }
        }
        match (name.as_deref(), count, seed) {
            (Some("run"), Some(traces), first) => Ok(Command::Run(Run { first: first.unwrap_or(0), traces })),
            (Some("replay"), None, Some(seed)) => Ok(Command::Replay { seed }),
            (Some("regions"), Some(worlds), first) => Ok(Command::Worlds(regional::runner::Run {
                first: first.unwrap_or(0),
                worlds,
                size,
                goes_on,
                threads,
            })),
            (Some("regions replay"), None, Some(seed)) => Ok(Command::World { seed, size }),
            (Some("regions hash"), Some(seeds), None) => Ok(Command::HashWorlds { seeds }),
            (Some("soak"), Some(count), None) => {
                let worlds = regional::runner::Run { worlds: count, threads, ..Default::default() };
                let (commit, day) = (commit.ok_or("--commit is missing")?, day.ok_or("--day is missing")?);
                Ok(Command::Soak(Soak { worlds, commit, day, to }))
            }
            (Some("hash"), Some(seeds), None) => Ok(Command::Hash { seeds }),
            _ => Err("this is no command".into()),
        }
    }

    fn size_of(name: &str) -> Result<Size, &'static str> {
        let size = Size::ALL.iter().find(|size| format!("{size:?}").eq_ignore_ascii_case(name));
        size.copied().ok_or("a world is small, middle, large or long")
    }

    fn hash(hash: Result<u64, Violation>) -> ExitCode {
        match hash {
            Ok(hash) => {
                println!("{hash:016x}");
                ExitCode::SUCCESS
            }
            Err(violation) => show(&violation),
        }
    }

    fn bar(count: u64, what: &str) -> ProgressBar {
        let bar = ProgressBar::new(count).with_message(what.to_owned());
        let style = "{bar:40} {human_pos} of {human_len} {msg}, {per_sec}, {eta} to go";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is valid"));
        bar
    }

    fn run(run: &Run) -> ExitCode {
        let bar = bar(run.traces, "traces");
        let report = run.run(|done| bar.set_position(done));
        bar.finish_and_clear();
        let (traces, seconds) = (report.traces, report.took.as_secs_f64());
        if let Some(violation) = report.violation {
            replay(violation.seed);
            println!("caught after {traces} traces in {seconds:.2} s by: {}", violation.invariant);
            return ExitCode::from(VIOLATION);
        }
        report.coverage.iter().for_each(|(mark, count)| println!("{count:>12}  {mark:?}"));
        println!("{traces} traces in {seconds:.2} s, {:.0} a second: no violation", report.rate());
        ExitCode::SUCCESS
    }

    fn run_worlds(run: &regional::runner::Run) -> ExitCode {
        report_worlds(run).map_or_else(|status| status, |_| ExitCode::SUCCESS)
    }

    /// Runs worlds, and says what was seen; fails where a promise was broken or a fault was hardly met.
    fn report_worlds(run: &regional::runner::Run) -> Result<regional::runner::Report, ExitCode> {
        let bar = bar(run.worlds, "worlds of regions");
        let tenths = |done: u64| done * 10 / run.worlds.max(1);
        let report = run.run(|done| {
            bar.set_position(done);
            // Where nobody sees a bar, a line now and then.
            if bar.is_hidden() && tenths(done) > tenths(done.saturating_sub(BATCH)) {
                println!("{done} of {} worlds", run.worlds);
            }
        });
        bar.finish_and_clear();
        if let Some(violation) = report.violations.first() {
            report.violations.iter().skip(1).for_each(|other| println!("{other}"));
            world(violation.seed, run.size);
            println!("caught after {} by: {}", report.summary(), violation.invariant);
            return Err(ExitCode::from(VIOLATION));
        }
        report.faults.iter().for_each(|(kind, count)| println!("{count:>12}  {kind:?}"));
        println!("{}: no violation", report.summary());
        let rare = report.rare();
        if !rare.is_empty() {
            println!("fired too rarely: {rare:?}");
            return Err(ExitCode::FAILURE);
        }
        Ok(report)
    }

    fn soak(soak: &Soak) -> ExitCode {
        let began = Instant::now();
        let mut walks = Vec::new();
        for scope in Scope::WHOLE.into_iter().chain([Scope::LARGER]) {
            let found = breadth::walk(scope);
            println!("{scope:?}: {} states, whole: {}", found.states, found.all);
            if let Some(broken) = found.broken {
                println!("{broken}");
                return ExitCode::from(VIOLATION);
            }
            walks.push((scope, found));
        }
        let walk_seconds = began.elapsed().as_secs();
        let report = match report_worlds(&soak.worlds) {
            Ok(report) => report,
            Err(status) => return status,
        };
        let (commit, day, threads) = (&soak.commit, &soak.day, soak.worlds.threads);
        let ledger = Ledger { report: &report, walks: &walks, walk_seconds, commit, day, threads };
        if ledger.states() < Scope::STATES_MIN {
            println!("only {} states", ledger.states());
            return ExitCode::FAILURE;
        }
        let Some(to) = &soak.to else { return ExitCode::SUCCESS };
        let plot = to.with_extension("svg");
        let name = plot.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Err(error) = fs::write(to, ledger.text(&name)).and_then(|()| fs::write(&plot, ledger.svg())) {
            eprintln!("cart-sim: {}: {error}", to.display());
            return ExitCode::FAILURE;
        }
        println!("the ledger is in {}", to.display());
        ExitCode::SUCCESS
    }

    /// A world with its history; one that breaks a promise with that of its events that are needed for it.
    fn world(seed: u64, size: Option<Size>) -> ExitCode {
        let whole = regional::replay(seed, size, &BTreeSet::new());
        let Err(violation) = &whole.1 else { return told(seed, whole) };
        let without = regional::shrink(violation, size);
        println!("of {} events before it {} are left out", violation.event, without.len());
        told(seed, regional::replay(seed, size, &without))
    }

    fn replay(seed: u64) -> ExitCode {
        told(seed, trace::replay(seed))
    }

    fn told<T>(seed: u64, (history, result): (Vec<String>, Result<T, Violation>)) -> ExitCode {
        history.iter().for_each(|line| println!("{line}"));
        match result {
            Ok(_) => {
                println!("seed {seed}: no violation");
                ExitCode::SUCCESS
            }
            Err(violation) => show(&violation),
        }
    }

    fn show(violation: &Violation) -> ExitCode {
        println!("{violation}");
        ExitCode::from(VIOLATION)
    }
}
