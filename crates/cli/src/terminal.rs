//! Printing: data to stdout, everything else to stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{IsTerminal, Write};

use serde_json::Value;

use crate::args::Arguments;

/// What is printed, and where.
pub struct Terminal {
    /// `--json`.
    pub json: bool,
    /// Progress bars are drawn.
    pub bars: bool,
}

impl Terminal {
    /// From the arguments and what stderr is.
    pub fn new(arguments: &Arguments) -> Self {
        let bars = !arguments.no_progress && std::io::stderr().is_terminal();
        Self { json: arguments.json, bars }
    }

    /// A line for people, on stderr.
    pub fn say(&self, line: impl AsRef<str>) {
        eprintln!("{}", line.as_ref());
    }

    /// A warning, on stderr.
    pub fn warn(&self, line: impl AsRef<str>) {
        eprintln!("warning: {}", line.as_ref());
    }

    /// Data, on stdout. A closed pipe is not an error.
    pub fn data(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
    }

    /// The JSON object that ends stdout.
    pub fn json(&self, value: &Value) {
        if self.json {
            self.data(&format!("{value}\n"));
        }
    }
}
