//! The ledger of a long run: what was run, what fired, the one number that the same run gives again. Written by
//! the command that ran it (`cart-sim soak`), never by hand.

use std::fmt::Write as _;

use super::breadth::{Found, Scope};
use super::chart::{self, thousands};
use super::runner::{Report, Sums};
use super::world::Size;

/// A run, and where it was made.
pub struct Ledger<'a> {
    /// The random worlds.
    pub report: &'a Report,
    /// The scopes that were walked through, and what was found.
    pub walks: &'a [(Scope, Found)],
    /// How long the walks took, in seconds.
    pub walk_seconds: u64,
    /// The commit.
    pub commit: &'a str,
    /// The day.
    pub day: &'a str,
    /// On how many threads.
    pub threads: usize,
}

impl Ledger<'_> {
    /// How many states the scopes have that were walked through whole.
    pub fn states(&self) -> usize {
        self.walks.iter().filter(|(_, found)| found.all).map(|(_, found)| found.states).sum()
    }

    /// The document; `plot` is the name of its plot.
    pub fn text(&self, plot: &str) -> String {
        let Self { report, commit, day, threads, .. } = self;
        let mut out = String::from("# Soak\n\n");
        let worlds = thousands(report.worlds);
        let seconds = report.took.as_secs();
        out += &format!(
            "Written by `make soak SCHEDULES={}` on {day}, from commit {commit}. No promise was broken.\n\n\
             {worlds} random schedules of simulated regions, seeds 0 to {}, each a world of its own from its \
             seed alone, in {} s on {threads} threads ({} a second). The sum of the hashes of all disks at \
             their ends is `{:016x}`; the same run gives it again, on every machine. `cargo run --release \
             -p cart-sim -- regions replay SEED` tells the history of one.\n\n",
            report.worlds,
            thousands(report.worlds.saturating_sub(1)),
            thousands(seconds),
            thousands(report.worlds / seconds.max(1)),
            report.hash,
        );
        out += "## Schedules\n\n\
                Most are short, so that there are very many of them; what needs a longer history is left to the \
                others. Each is judged by the same auditors.\n\n\
                A step is an event (an edit, a fault, time that passes), a message that comes or an alarm that \
                goes off.\n\n\
                | size | regions | events each | steps each, mean | schedules | events | messages and alarms \
                | edits acknowledged | frames |\n|---|---|---|---:|---:|---:|---:|---:|---:|\n";
        for (size, sums) in Size::ALL.iter().zip(report.sizes) {
            let ((least, more), places) = (size.events(), size.places());
            let most = |of: &[usize]| of.iter().max().copied().unwrap_or(0);
            let fewest = places.iter().min().copied().unwrap_or(0);
            let name = format!("{size:?}").to_lowercase();
            let events = format!("{least} to {}", least + more - 1);
            out += &row(&format!("{name} | {fewest} to {} | {events}", most(places)), sums);
        }
        out += &row("**all** | | ", report.sums());
        out += &format!(
            "\n![Events and faults by kind]({plot})\n\n## Faults\n\n\
             How often each kind fired. Fewer than {} of one, and the run would have failed.\n\n\
             | fault | fired | |\n|---|---:|---|\n",
            thousands(report.least()),
        );
        for (kind, count) in report.faults.iter() {
            out += &format!("| {kind:?} | {} | {} |\n", thousands(count), kind.text());
        }
        out += &format!(
            "\n## All interleavings of tiny scopes\n\n\
             Two replicas and a store, breadth first, in {} s: {} states in those that were walked through \
             whole.\n\n\
             | edits | lost | twice | restarts | states | ends | whole |\n\
             |---:|---:|---:|---:|---:|---:|---|\n",
            self.walk_seconds,
            thousands(self.states() as u64),
        );
        for (Scope { edits, lost, twice, restarts, .. }, found) in self.walks {
            let (states, ends) = (thousands(found.states as u64), thousands(found.ends as u64));
            let whole = if found.all { "yes" } else { "no" };
            let _ =
                writeln!(out, "| {edits} | {lost} | {twice} | {restarts} | {states} | {ends} | {whole} |");
        }
        out
    }

    /// The plot.
    pub fn svg(&self) -> String {
        let Sums { worlds, events, came, edits, frames } = self.report.sums();
        let counts = [
            ("schedules", worlds),
            ("events", events),
            ("messages and alarms", came),
            ("edits acknowledged", edits),
            ("frames", frames),
            ("states, exhaustively", self.states() as u64),
        ];
        let mut faults: Vec<(String, u64)> =
            self.report.faults.iter().map(|(kind, count)| (format!("{kind:?}"), count)).collect();
        faults.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let counts: Vec<_> = counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        chart::bars(&[
            ("What was run", &counts, None),
            ("Faults by kind", &faults, Some(self.report.least())),
        ])
    }
}

fn row(name: &str, sums: Sums) -> String {
    let Sums { worlds, events, came, edits, frames } = sums;
    let steps = (events + came) / worlds.max(1);
    let [steps, worlds, events, came, edits, frames] =
        [steps, worlds, events, came, edits, frames].map(thousands);
    format!("| {name} | {steps} | {worlds} | {events} | {came} | {edits} | {frames} |\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (10_000_000, "10,000,000")] {
            assert_eq!(thousands(number), text);
        }
    }
}
