//! What is asked for on the command line.

use std::path::PathBuf;

use crate::case::Row;

const USAGE: &str = "usage: load --served DIR --workerd FILE [--work DIR] [--rounds N] [--requests N] [--sessions N] [--probe SECONDS]
            [--disk] [--only ROW ..] [--port N] [--report FILE.md] [--profile ROW]
rows: add read healthz sockets lines actors edits first processes sessions sizes";

/// How a run is made.
pub struct Options {
    /// What is served: a folder for each contender, and the catalog.
    pub served: PathBuf,
    /// The runtime's program itself: npm's `workerd` is a script that runs it.
    pub workerd: PathBuf,
    /// Where results that nobody commits go.
    pub work: PathBuf,
    /// How often all is measured; the report says the median.
    pub rounds: usize,
    /// How many requests a figure is made of.
    pub requests: usize,
    /// How many sessions are open in the row of that name.
    pub sessions: usize,
    /// How long a rate is held in that row, in seconds.
    pub probe_s: f64,
    /// Whether the state is on disk, and not on tmpfs.
    pub disk: bool,
    /// The rows that are measured; all if empty.
    pub only: Vec<Row>,
    /// The first of the ports in use.
    pub port: u16,
    /// The document that the results are written into, if any.
    pub report: Option<PathBuf>,
    /// The row that is profiled, and nothing else is done.
    pub profile: Option<Row>,
}

impl Options {
    /// Reads the command line.
    pub fn read() -> Result<Self, String> {
        Self::of(lexopt::Parser::from_env()).map_err(|error| format!("{error}\n{USAGE}"))
    }

    fn of(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        use lexopt::prelude::*;
        let mut options = Self {
            served: PathBuf::new(),
            workerd: PathBuf::new(),
            work: PathBuf::from("target/load"),
            rounds: 5,
            requests: 3_000,
            sessions: 10_000,
            probe_s: 4.0,
            disk: false,
            only: Vec::new(),
            port: 9_400,
            report: None,
            profile: None,
        };
        while let Some(argument) = parser.next()? {
            match argument {
                Long("served") => options.served = parser.value()?.into(),
                Long("workerd") => options.workerd = parser.value()?.into(),
                Long("work") => options.work = parser.value()?.into(),
                Long("rounds") => options.rounds = parser.value()?.parse()?,
                Long("requests") => options.requests = parser.value()?.parse()?,
                Long("sessions") => options.sessions = parser.value()?.parse()?,
                Long("probe") => options.probe_s = parser.value()?.parse()?,
                Long("disk") => options.disk = true,
                Long("only") => {
                    for name in parser.values()? {
                        options.only.push(row(&name.string()?)?);
                    }
                }
                Long("port") => options.port = parser.value()?.parse()?,
                Long("report") => options.report = Some(parser.value()?.into()),
                Long("profile") => options.profile = Some(row(&parser.value()?.string()?)?),
                _ => return Err(argument.unexpected()),
            }
        }
        if [&options.served, &options.workerd].into_iter().any(|path| path.as_os_str().is_empty()) {
            return Err("--served and --workerd must be given".into());
        }
        if options.rounds == 0 || options.requests < 64 || options.sessions < 64 {
            return Err("at least one round, 64 requests and 64 sessions".into());
        }
        Ok(options)
    }

    /// Whether a row is measured.
    pub fn wants(&self, row: Row) -> bool {
        self.only.is_empty() || self.only.contains(&row)
    }
}

fn row(name: &str) -> Result<Row, String> {
    Row::ALL.into_iter().find(|row| row.name() == name).ok_or_else(|| format!("{name:?} is no row"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_named_and_others_refused() {
        let must = ["load", "--served", "x", "--workerd", "y"];
        let read = |words: &[&str]| Options::of(lexopt::Parser::from_iter([&must, words].concat()));
        let options = read(&["--only", "add", "first", "--rounds", "1"]).expect("options");
        assert_eq!((options.only.as_slice(), options.rounds), ([Row::Add, Row::First].as_slice(), 1));
        assert!(options.wants(Row::Add) && !options.wants(Row::Read));
        for wrong in [&["--only", "adds"][..], &["--rounds", "0"], &["--requests", "few"], &["--quick"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
        assert!(Options::of(lexopt::Parser::from_iter(["load"])).is_err(), "nothing to serve");
    }
}
