//! What went wrong, what to do next, and with which code the command ends.

use std::process::ExitCode;

use serde_json::json;

/// Whose fault it is, as the codes say it. They are promised: scripts go by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something failed on this machine.
    Here,
    /// The command line is wrong.
    Usage,
    /// The service does not answer, or fails. Trying again may help.
    Away,
    /// The service refuses, or what was named is not there. Trying again does not help.
    Refused,
    /// The operator's token is missing, or is not the service's.
    Token,
}

impl Kind {
    /// With which it ends.
    pub fn code(self) -> u8 {
        match self {
            Self::Here => 1,
            Self::Usage => 2,
            Self::Away => 3,
            Self::Refused => 4,
            Self::Token => 5,
        }
    }
}

impl From<Kind> for ExitCode {
    fn from(kind: Kind) -> Self {
        Self::from(kind.code())
    }
}

/// What went wrong.
#[derive(Debug)]
pub struct Failure {
    pub kind: Kind,
    pub message: String,
    /// What to do now.
    pub next: Option<String>,
    /// The service's code for it, if it was the service that refused.
    pub code: Option<String>,
}

impl Failure {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), next: None, code: None }
    }

    pub fn here(message: impl Into<String>) -> Self {
        Self::new(Kind::Here, message)
    }

    /// A file or a program of this machine that failed.
    pub fn io(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::here(format!("{what}: {error}"))
    }

    pub fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }

    /// Says it, on standard error.
    pub fn say(&self, json: bool) {
        if json {
            let line = json!({
                "error": self.message, "next": self.next, "code": self.code, "exit": self.kind.code(),
            });
            eprintln!("{line}");
            return;
        }
        eprintln!("evercart: {}", self.message);
        if let Some(next) = &self.next {
            eprintln!("  {next}");
        }
    }
}
