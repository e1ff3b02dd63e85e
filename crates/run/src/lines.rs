//! Files that only grow: one JSON object a line.
//!
//! Each line goes to the system in one write, so a crash tears at most the last line. Reading
//! tolerates that, and opening for more cuts it off.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::RunError;
use crate::files::{json_error, read_bytes, write_atomic};

/// A `.jsonl` file open for more lines.
#[derive(Debug)]
pub struct JsonLines {
    file: File,
    path: PathBuf,
}

impl JsonLines {
    /// Opens a file for more lines, makes it if it does not exist, cuts off a torn last line.
    ///
    /// # Errors
    /// [`RunError::NotWritable`], [`RunError::DiskFull`] or [`RunError::Io`].
    pub fn append(path: &Path) -> Result<Self, RunError> {
        let failed = |reason| RunError::writing(path, reason);
        if path.exists() {
            let bytes = read_bytes(path)?;
            let whole = whole_lines(&bytes).len();
            if whole < bytes.len() {
                let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
                file.set_len(whole as u64).map_err(failed)?;
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Writes one line.
    ///
    /// # Errors
    /// As [`JsonLines::append`], and [`RunError::Json`] for a value that has no JSON form.
    pub fn write<T: Serialize>(&mut self, value: &T) -> Result<(), RunError> {
        let mut line = serde_json::to_vec(value).map_err(|error| json_error(&self.path, &error))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|reason| RunError::writing(&self.path, reason))
    }

    /// Waits until all lines are on the disk.
    ///
    /// # Errors
    /// As [`JsonLines::append`].
    pub fn sync(&mut self) -> Result<(), RunError> {
        self.file.sync_data().map_err(|reason| RunError::writing(&self.path, reason))
    }
}

/// What stands in a `.jsonl` file.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines<T> {
    /// The lines that are whole.
    pub items: Vec<T>,
    /// Whether a torn last line was left out.
    pub torn: bool,
}

/// Reads a `.jsonl` file. A last line without its newline is left out; empty lines are skipped.
///
/// # Errors
/// [`RunError::Missing`], [`RunError::Io`], and [`RunError::Json`] for a whole line that does not
/// parse.
pub fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Lines<T>, RunError> {
    let bytes = read_bytes(path)?;
    let whole = whole_lines(&bytes);
    let mut items = Vec::new();
    for (number, line) in numbered(whole) {
        items.push(serde_json::from_slice(line).map_err(|error| RunError::Json {
            path: path.to_owned(),
            line: number,
            reason: error.to_string(),
        })?);
    }
    Ok(Lines { items, torn: whole.len() < bytes.len() })
}

/// Drops the lines whose `step` is greater than `step`, and a torn last line; lines without a
/// `step` stay. Used on resume, where steps after the checkpoint are done again.
///
/// Returns the number of lines that were dropped; a missing file has none.
///
/// # Errors
/// As [`read_lines`] and [`write_atomic`].
pub fn truncate_after_step(path: &Path, step: u64) -> Result<usize, RunError> {
    if !path.exists() {
        return Ok(0);
    }
    let bytes = read_bytes(path)?;
    let whole = whole_lines(&bytes);
    let mut kept = Vec::with_capacity(bytes.len());
    let mut dropped = usize::from(whole.len() < bytes.len());
    for (number, line) in numbered(whole) {
        let value: Value = serde_json::from_slice(line).map_err(|error| RunError::Json {
            path: path.to_owned(),
            line: number,
            reason: error.to_string(),
        })?;
        if value.get("step").and_then(Value::as_u64).is_some_and(|found| found > step) {
            dropped += 1;
        } else {
            kept.extend_from_slice(line);
            kept.push(b'\n');
        }
    }
    if dropped > 0 {
        write_atomic(path, &kept)?;
    }
    Ok(dropped)
}

/// The bytes up to and with the last newline.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    &bytes[..end]
}

/// Lines that are not empty, with their numbers from 1.
fn numbered(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    (1..).zip(bytes.split(|&byte| byte == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_torn_last_line_is_left_out_and_cut_off_by_the_next_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        write_atomic(&path, b"{\"step\":1}\n{\"step\":2}\n{\"st").unwrap();
        let lines: Lines<Value> = read_lines(&path).unwrap();
        assert_eq!((lines.items.len(), lines.torn), (2, true));
        JsonLines::append(&path).unwrap().write(&json!({"step": 3})).unwrap();
        let lines: Lines<Value> = read_lines(&path).unwrap();
        assert_eq!(lines.items.last(), Some(&json!({"step": 3})));
        assert!(!lines.torn);
    }

    #[test]
    fn a_bad_whole_line_is_an_error_with_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        write_atomic(&path, b"{\"step\":1}\n\nnonsense\n{\"step\":2}\n").unwrap();
        let error = read_lines::<Value>(&path).unwrap_err();
        assert!(error.to_string().contains("metrics.jsonl: line 3"), "{error}");
    }

    #[test]
    fn steps_after_the_checkpoint_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        assert_eq!(truncate_after_step(&path, 5).unwrap(), 0);
        let mut lines = JsonLines::append(&path).unwrap();
        for step in [1, 5, 6, 7] {
            lines.write(&json!({"step": step})).unwrap();
        }
        lines.write(&json!({"note": "no step"})).unwrap();
        lines.sync().unwrap();
        assert_eq!(truncate_after_step(&path, 5).unwrap(), 2);
        assert_eq!(read_lines::<Value>(&path).unwrap().items.len(), 3);
    }
}
