//! What is asked for on the command line.

use std::path::PathBuf;

use harness::root;

/// How many baskets are played unless said.
pub const BASKETS: usize = 2_000;

const USAGE: &str = "usage: replay [--baskets N|all] [--seed N] [--url URL | --regions] [--at-once N] [--tree DIR] [--report DIR]";

pub struct Options {
    /// The first so many; all if `None`.
    pub baskets: Option<usize>,
    pub seed: u64,
    /// A server that runs already; else one is started.
    pub url: Option<String>,
    /// In three regions, each a process, between which the carts travel.
    pub regions: bool,
    /// How many carts are played at once.
    pub at_once: usize,
    /// Another tree to build and serve than this one.
    pub tree: Option<PathBuf>,
    /// Where the report and the plot go.
    pub report: PathBuf,
}

impl Options {
    /// Reads the command line.
    pub fn read() -> Result<Self, String> {
        Self::of(lexopt::Parser::from_env()).map_err(|error| format!("{error}\n{USAGE}"))
    }

    fn of(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        use lexopt::prelude::*;
        let mut options = Self {
            baskets: Some(BASKETS),
            seed: 1,
            url: None,
            regions: false,
            at_once: 16,
            tree: None,
            report: PathBuf::new(),
        };
        let mut report = None;
        while let Some(argument) = parser.next()? {
            match argument {
                Long("baskets") => {
                    options.baskets = match parser.value()?.string()?.as_str() {
                        "all" => None,
                        number => Some(number.parse().map_err(|_| "--baskets takes a number or all")?),
                    }
                }
                Long("seed") => options.seed = parser.value()?.parse()?,
                Long("url") => options.url = Some(parser.value()?.string()?.trim_end_matches('/').to_owned()),
                Long("regions") => options.regions = true,
                Long("at-once") => options.at_once = parser.value()?.parse()?,
                Long("tree") => options.tree = Some(parser.value()?.into()),
                Long("report") => report = Some(parser.value()?.into()),
                _ => return Err(argument.unexpected()),
            }
        }
        // The report in docs/ is of a whole run of what stands here; others are looked at and thrown away.
        let whole = options.baskets.is_none_or(|count| count >= BASKETS);
        let documented = whole && options.url.is_none() && options.tree.is_none();
        let usual = root().join(if documented { "docs" } else { ".replay" });
        options.report = report.unwrap_or(usual);
        Ok(options)
    }
}
