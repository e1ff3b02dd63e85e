//! Printing: data to stdout, everything else to stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{IsTerminal, Write};
use std::path::Path;

use serde_json::Value;

use crate::args::Arguments;

/// A path as a word of a command line, quoted where a shell would take it apart.
pub fn shell_word(path: &Path) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=".contains(c);
    let text = path.display().to_string();
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_one_word() {
        let word = |text: &str| shell_word(Path::new(text));
        assert_eq!(word("runs/p2d-1"), "runs/p2d-1");
        assert_eq!(word("runs/spm ü"), "'runs/spm ü'");
        assert_eq!(word("it's"), r"'it'\''s'");
        assert_eq!(word(""), "''");
    }
}
