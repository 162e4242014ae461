//! The section of docs/performance.md that a run writes, between its marks: what was run, what must be reached, all
//! figures. Every number in it is of the run.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::case::{Figure, Results};
use crate::chart;
use crate::options::Options;
use crate::sample::median;
use crate::verdict::{Verdict, verdicts};

const BEGIN: &str = "<!-- measured: begin load -->";
const END: &str = "<!-- measured: end load -->";
/// The plots, beside the document.
const RATIOS: &str = "performance-ratios.svg";
const CPU: &str = "performance-cpu.svg";

/// Writes the section, and the plots beside the document.
pub fn write(document: &Path, results: &Results, options: &Options) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", document.display());
    let text = fs::read_to_string(document).map_err(failed)?;
    let text = replaced(&text, &section(results, options))
        .ok_or_else(|| format!("{} has no marks {BEGIN} and {END}", document.display()))?;
    let verdicts = verdicts(results);
    let folder = document.parent().unwrap_or(Path::new("."));
    let plots = [(RATIOS, chart::ratios(&verdicts)), (CPU, chart::cpu(results))];
    for (name, svg) in plots {
        let svg = svg.map_err(|error| format!("{name}: {error}"))?;
        fs::write(folder.join(name), svg).map_err(failed)?;
    }
    fs::write(document, text).map_err(failed)
}

/// The text with another section between the marks.
fn replaced(text: &str, section: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{section}{END}{after}"))
}

fn section(results: &Results, options: &Options) -> String {
    let state = if options.disk { "disk" } else { "tmpfs" };
    let (rounds, requests, sessions) = (options.rounds, options.requests, options.sessions);
    let times = if rounds == 1 { "one round".to_owned() } else { format!("the median of {rounds} rounds") };
    let mut text = format!(
        "`make load`, {}, commit {}, on {} processors: {times}, {requests} requests a figure, {sessions} open sessions \
         in the row of that name, state on {state}.\n\n",
        said(&["date", "-u", "+%F"]),
        commit(),
        std::thread::available_parallelism().map_or(0, usize::from),
    );
    text.push_str("| | measured | bound | aim | |\n|---|---:|---:|---:|---|\n");
    for verdict in verdicts(results) {
        text.push_str(&line(&verdict));
    }
    text.push_str(&format!(
        "\n![ratios]({RATIOS})\n\n\
         | | | a second | p50 | p99 | CPU a request |\n|---|---|---:|---:|---:|---:|\n"
    ));
    for (case, contender, figures) in results.all() {
        text.push_str(&format!("| {} | {} | {} |\n", case.title(), contender.title(), cells(figures)));
    }
    if let Some(sizes) = results.sizes {
        text.push_str(&format!(
            "\nThe largest real basket has {} lines; filled up to {} with products of the next ones and added over plain \
             HTTP, its cart has a state of {} bytes, the token {} and the cookie with its attributes {}.\n",
            sizes.real_lines, sizes.basket_lines, sizes.state, sizes.token, sizes.cookie
        ));
    }
    text.push_str(&format!("\n![CPU time a request]({CPU})\n\n"));
    text
}

fn line(verdict: &Verdict) -> String {
    let Verdict { what, unit, bound, aim, .. } = verdict;
    let aim = aim.map_or_else(String::new, |aim| aim.text(unit));
    let (bound, met) = (bound.text(unit), verdict.met());
    format!("| {what} | {}{unit} | {bound} | {aim} | {met} |\n", number(verdict.value()))
}

fn cells(figures: &[Figure]) -> String {
    let of = |of: fn(&Figure) -> f64| median(figures.iter().map(of));
    let ms = |value: f64| if value.is_nan() { String::new() } else { format!("{} ms", number(value)) };
    let rate = of(|figure| figure.rate);
    let rate = if rate.is_nan() { String::new() } else { format!("{rate:.0}") };
    [rate, ms(of(|figure| figure.p50_ms)), ms(of(|figure| figure.p99_ms)), ms(of(|figure| figure.cpu_ms))]
        .join(" | ")
}

/// Three digits or so.
fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// What was measured: a tree that has changed since its commit says so.
fn commit() -> String {
    let changed = !said(&["git", "status", "--porcelain", "-uno"]).is_empty();
    format!("{}{}", said(&["git", "rev-parse", "--short", "HEAD"]), if changed { ", changed" } else { "" })
}

fn said(command: &[&str]) -> String {
    let run = Command::new(command[0]).args(&command[1..]).output();
    run.map_or_else(|_| String::new(), |run| String::from_utf8_lossy(&run.stdout).trim().to_owned())
}

/// All figures of all rounds, for whoever wants to look closer.
pub fn raw(results: &Results) -> serde_json::Value {
    let rows = results.all().map(|(case, contender, figures)| {
        let rounds: Vec<_> = figures
            .iter()
            .map(|figure| {
                serde_json::json!({
                    "rate": figure.rate, "p50_ms": figure.p50_ms, "p99_ms": figure.p99_ms, "cpu_ms": figure.cpu_ms,
                })
            })
            .collect();
        serde_json::json!({ "case": case.title(), "contender": contender.title(), "rounds": rounds })
    });
    rows.collect()
}

/// What a run says at its end.
pub fn summary(results: &Results) -> String {
    let verdicts = verdicts(results);
    let rows = verdicts.iter().map(|verdict| {
        let Verdict { what, unit, bound, .. } = verdict;
        format!("{:>8}{unit}  {what} ({}): {}\n", number(verdict.value()), bound.text(unit), verdict.met())
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Case, Contender};

    #[test]
    fn only_what_is_between_the_marks_is_written() {
        let text = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        assert_eq!(replaced(&text, "new\n"), Some(format!("before\n{BEGIN}\nnew\n{END}\nafter\n")));
        assert_eq!(replaced("no marks", "new\n"), None);
    }

    #[test]
    fn what_a_case_does_not_have_is_left_empty() {
        let mut results = Results::default();
        let first = Figure { p50_ms: 58.04, p99_ms: 60.0, ..Figure::default() };
        results.note(Case::FirstAnswer, Contender::Shop, first);
        let (_, _, figures) = results.all().next().expect("a row");
        assert_eq!(cells(figures), " | 58.0 ms | 60.0 ms | ");
    }
}
