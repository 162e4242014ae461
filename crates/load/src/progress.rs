//! How far it is: a bar on a terminal, else a line for each step.

use indicatif::{ProgressBar, ProgressStyle};

/// The bar.
pub struct Progress(ProgressBar);

impl Progress {
    pub fn new() -> Self {
        let style = ProgressStyle::with_template("load [{bar:32}] {pos}/{len} {msg}, {eta} left");
        Self(ProgressBar::new(0).with_style(style.expect("a template").progress_chars("## ")))
    }

    /// So many steps are to come.
    pub fn begin(&self, steps: usize) {
        self.0.set_length(steps as u64);
    }

    /// What is done now.
    pub fn say(&self, what: String) {
        if self.0.is_hidden() {
            println!("load: {what}");
        }
        self.0.set_message(what);
    }

    /// A step is done.
    pub fn step(&self) {
        self.0.inc(1);
    }

    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}
