//! What is printed: lines for people or lines of JSON, and progress, which is a bar on a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::failure::Failure;

/// Where what was asked for goes.
pub struct Output {
    json: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// One thing: for programs all that is known of it, for people what is to be read.
    pub fn thing(&self, value: &Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json { line(&value.to_string()) } else { line(&text()) }
    }

    /// What only people want to read.
    pub fn remark(&self, text: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json { Ok(()) } else { line(&text()) }
    }
}

/// A line, unless nobody reads any more: then it ends as a program does whose reader has gone.
fn line(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes()).and_then(|()| bytes(b"\n"))
}

/// Bytes, as they are.
pub fn bytes(text: &[u8]) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        done => done.map_err(|error| Failure::io("standard output", &error)),
    }
}

/// How far something has come: a bar on a terminal, else a line for each step that is named. It is on standard error, and
/// gone when it has ended.
pub struct Progress {
    bar: ProgressBar,
    named: &'static str,
}

impl Progress {
    /// Of so many steps; none, if nobody knows how many.
    pub fn new(named: &'static str, steps: Option<usize>) -> Self {
        let (bar, shape) = match steps {
            Some(steps) => {
                (ProgressBar::new(steps as u64), "{prefix}: [{bar:24}] {pos}/{len} {msg} {elapsed}")
            }
            None => (ProgressBar::new_spinner(), "{prefix}: {spinner} {pos} {msg} {elapsed}"),
        };
        let style = ProgressStyle::with_template(shape).expect("a template that is right");
        let bar = bar.with_style(style.progress_chars("##.")).with_prefix(named);
        // So that what takes long is seen to go on.
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, named }
    }

    /// What is being done now.
    pub fn doing(&self, what: impl Into<String>) {
        let what = what.into();
        if !io::stderr().is_terminal() {
            eprintln!("{}: {what}", self.named);
        }
        self.bar.set_message(what);
    }

    /// So many more are done.
    pub fn done(&self, count: usize) {
        self.bar.inc(count as u64);
    }

    /// Prints in place of the bar, which then goes on below.
    pub fn above<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
