//! What may be said on the command line, and the help. Each command's help has an example.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};

use crate::slots::Slots as SlotRange;

/// How a run may end, as the help of `evercart` and docs/operations.md say it.
const CODES: &str = "\
Examples:
  evercart regions
  evercart dlq list
  evercart dlq retry all --url https://shop.example.com
  evercart import

The operator's token is ADMIN_TOKEN in the environment, else in .dev.vars.

It ends with
  0  done
  1  something failed on this machine
  2  the command line is wrong
  3  the service does not answer, or fails: try again
  4  the service refuses, or what was named is not there: trying again does not help
  5  the operator's token is missing, or is not the service's";

/// The operator's command line: the catalog, dead letters, slots, regions.
#[derive(Debug, Parser)]
#[command(name = "evercart", version, after_help = CODES, subcommand_required = true, arg_required_else_help = true)]
pub struct Arguments {
    /// The shop's address [default: URL of the environment, else http://localhost:8787]
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// A line of JSON for each thing, also for an error
    #[arg(long, global = true)]
    pub json: bool,
    /// The project's folder [default: EVERCART_ROOT, else the one around this folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub tree: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// A noun.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the local databases: the demo catalog, and the stores, which begin empty
    ///
    /// What was made is kept in the cache under a hash of all that went into it, and copied. Databases that are there
    /// keep their rows: migrations that are missing are applied, and the catalog is filled anew. Nothing else may
    /// be running on the folder meanwhile.
    #[command(after_help = "\
Examples:
  evercart import
  evercart import --persist-to /tmp/state
  evercart import --sql >catalog.sql && wrangler d1 execute CATALOG --remote --file catalog.sql")]
    Import(Import),
    /// Dead letters: what no store could take
    #[command(
        subcommand,
        after_help = "\
Examples:
  evercart dlq list
  evercart dlq retry all"
    )]
    Dlq(Dlq),
    /// Slots: which database of a region's store has which carts
    #[command(
        subcommand,
        after_help = "\
Examples:
  evercart slots move --region weur --to STORE_WEUR_1 0-63"
    )]
    Slots(Slots),
    /// How each region does: health, lag, what waits, dead letters
    #[command(after_help = "\
Examples:
  evercart regions
  evercart regions --json | jq 'select(.health != \"ok\")'")]
    Regions,
}

/// What to import, and where to.
#[derive(Args, Debug)]
pub struct Import {
    /// wrangler's state folder [default: .wrangler/state of the project]
    #[arg(long, value_name = "DIR")]
    pub persist_to: Option<PathBuf>,
    /// Only print the SQL, for `wrangler d1 execute CATALOG --remote --file`
    #[arg(long, conflicts_with_all = ["persist_to", "json"])]
    pub sql: bool,
}

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum Dlq {
    /// List them, the oldest first
    #[command(after_help = "\
Examples:
  evercart dlq list
  evercart dlq list --region apac
  evercart dlq list --json | jq -r .reason | sort | uniq -c")]
    List {
        /// Only those that the store of this region keeps
        #[arg(long)]
        region: Option<String>,
    },
    /// Show one: what it is for, why it died, since when
    #[command(after_help = "\
Examples:
  evercart dlq show 0b5c2f9e")]
    Show {
        /// As `dlq list` shows it
        id: String,
    },
    /// Send them through the queue again
    ///
    /// One whose cause is still there comes back under another id.
    #[command(
        visible_alias = "replay",
        after_help = "\
Examples:
  evercart dlq retry 0b5c2f9e
  evercart dlq retry all"
    )]
    Retry {
        /// As `dlq list` shows them, or `all`
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Drop them: what they say is lost, unless another region still has it
    #[command(after_help = "\
Examples:
  evercart dlq drop 0b5c2f9e
  evercart dlq drop all --yes")]
    Drop {
        /// As `dlq list` shows them, or `all`
        #[arg(required = true)]
        ids: Vec<String>,
        /// That `all` is meant
        #[arg(long)]
        yes: bool,
    },
}

/// What to do with slots.
#[derive(Debug, Subcommand)]
pub enum Slots {
    /// Move slots to another database of their region, while it serves
    ///
    /// Broken off, run it again: it goes on where it was. What is there already stays.
    #[command(after_help = "\
Examples:
  evercart slots move --region weur --to STORE_WEUR_1 0-63
  evercart slots move --region weur --to STORE_WEUR_0 12 99 200-215")]
    Move {
        /// Whose store it is
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        region: String,
        /// The database that is to have them, one of the region's in REGIONS
        #[arg(long, value_name = "DATABASE", value_parser = NonEmptyStringValueParser::new())]
        to: String,
        /// A number below 1,024, or a range such as 0-127
        #[arg(required = true, value_name = "SLOT")]
        slots: Vec<SlotRange>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap::error::ErrorKind;

    use super::*;

    fn parsed(line: &str) -> Result<Arguments, ErrorKind> {
        Arguments::try_parse_from(line.split(' ')).map_err(|error| error.kind())
    }

    /// All commands with the way to them, `evercart` first.
    fn commands() -> Vec<(String, clap::Command)> {
        let mut found = vec![("evercart".to_owned(), Arguments::command())];
        let mut at = 0;
        while let Some((way, command)) = found.get(at) {
            let below =
                command.get_subcommands().map(|below| (format!("{way} {}", below.get_name()), below.clone()));
            let below: Vec<_> = below.collect();
            found.extend(below);
            at += 1;
        }
        found
    }

    #[test]
    fn the_commands_are_consistent() {
        Arguments::command().debug_assert();
        assert_eq!(commands().len(), 10, "one for each noun and verb");
    }

    /// An example that does not parse is worse than none.
    #[test]
    fn each_command_has_examples_and_they_are_accepted() {
        for (way, command) in commands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples = help.lines().skip_while(|line| *line != "Examples:").skip(1);
            let examples = examples.take_while(|line| line.starts_with("  "));
            let examples: Vec<&str> =
                examples.filter_map(|line| line.trim().split(['|', '>', '&']).next()).collect();
            assert!(!examples.is_empty(), "{way} has no example");
            for example in examples {
                assert!(example.starts_with(&way), "{example:?} is no example of {way}");
                assert!(parsed(example.trim()).is_ok(), "{example:?} is refused");
            }
        }
    }

    #[test]
    fn what_is_to_be_named_is_not_guessed() {
        for (line, kind) in [
            ("evercart dlq retry", ErrorKind::MissingRequiredArgument),
            ("evercart dlq show", ErrorKind::MissingRequiredArgument),
            ("evercart slots move --region weur 1", ErrorKind::MissingRequiredArgument),
            ("evercart slots move --to STORE_WEUR_1 1", ErrorKind::MissingRequiredArgument),
            ("evercart slots move --region weur --to STORE_WEUR_1", ErrorKind::MissingRequiredArgument),
            ("evercart slots move --region= --to STORE_WEUR_1 1", ErrorKind::InvalidValue),
            ("evercart slots move --region weur --to STORE_WEUR_1 1024", ErrorKind::ValueValidation),
            ("evercart import --sql --json", ErrorKind::ArgumentConflict),
            ("evercart dlq eat", ErrorKind::InvalidSubcommand),
        ] {
            assert_eq!(parsed(line).err(), Some(kind), "{line}");
        }
    }

    #[test]
    fn options_of_all_commands_stand_anywhere() {
        for line in ["evercart --json --url http://x dlq list", "evercart dlq list --url http://x --json"] {
            let arguments = parsed(line).expect("accepted");
            assert_eq!((arguments.json, arguments.url.as_deref()), (true, Some("http://x")));
        }
        assert!(parsed("evercart dlq replay all").is_ok(), "the word of the API");
    }
}
