//! Runs the built binary and looks at what it says and leaves behind.
#![allow(dead_code, unreachable_pub)] // each test file uses its own part

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// What a command did.
pub struct Said {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// The last line of stdout, which `--json` promises to be one JSON object.
    pub fn json(&self) -> Value {
        let last = self.stdout.lines().last().unwrap_or_default();
        let value: Value = serde_json::from_str(last)
            .unwrap_or_else(|e| panic!("last line of stdout is no JSON ({e}): {last}"));
        assert!(value.is_object(), "no object: {last}");
        value
    }

    /// Asserts the exit code and the presence of words on stderr.
    #[track_caller]
    pub fn expect(&self, code: i32, words: &[&str]) -> &Self {
        let shown = || format!("stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert_eq!(self.code, Some(code), "{}", shown());
        // error lines are wrapped to the width of the terminal
        let flat = self.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(flat.contains(word), "`{word}` is not on stderr\n{}", shown());
        }
        assert!(!self.stderr.contains("panicked"), "{}", shown());
        self
    }
}

/// The workspace folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A problem file of the repository.
pub fn problem(name: &str) -> String {
    root().join("problems").join(name).display().to_string()
}

/// The command, ready to start in a folder.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_surrogate"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("SURROGATE_RUNS")
        .env("NO_COLOR", "1")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Waits for a started command.
pub fn finish(child: Child) -> Said {
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the command in a folder.
pub fn surrogate(folder: &Path, arguments: &[&str]) -> Said {
    finish(command(folder, arguments).spawn().unwrap())
}

/// Sends a signal by name, as a terminal or a scheduler would.
pub fn signal(child: &Child, name: &str) {
    let line = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
}

/// Reads a JSON file of a run.
pub fn json_file(run: &Path, name: &str) -> Value {
    let path = run.join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every file below a folder, by relative path, with its bytes.
pub fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// A small problem with a parameter that trains in a second.
pub const ROD: &str = r#"
title = "Heat in a rod"

[coordinates]
t = "0 s .. 10 s"
x = "0 m .. 1 m"

[parameters]
alpha = { range = "0.01 .. 0.1 m^2/s", scale = "log" }

[constants]
T0 = "10 K"
L = "1 m"

[fields.u]
unit = "K"
of = ["t", "x"]
width = 8
depth = 2

[[equations]]
name = "heat"
equation = "d(u, t) = alpha * d(u, x, 2)"

[[conditions]]
at = "t = 0"
equation = "u = T0 * sin(pi * x / L)"

[[conditions]]
at = "x = 0"
equation = "u = 0"

[[conditions]]
at = "x = L"
equation = "u = 0"

[outputs]
middle = { expression = "u | x = 0.5*L", unit = "K" }

[train]
stages = [{ optimizer = "ssbroyden", iterations = 400 }]

[sampling]
interior = 200
boundary = 40

[goal]
middle = { rms = "2 K" }
"#;

/// Writes [`ROD`] with `from` replaced by `to`, and returns the file name.
pub fn rod_with(folder: &Path, from: &str, to: &str) -> String {
    assert!(ROD.contains(from), "`{from}` is not in the file");
    std::fs::write(folder.join("rod.toml"), ROD.replacen(from, to, 1)).unwrap();
    "rod.toml".to_string()
}

/// Writes [`ROD`] and returns the file name.
pub fn rod(folder: &Path) -> String {
    rod_with(folder, "Heat in a rod", "Heat in a rod")
}

/// Writes [`ROD`] with so many points that its training is ended by limits, not by itself.
pub fn endless_rod(folder: &Path) {
    let many = ROD.replacen("interior = 200", "interior = 5000", 1);
    let long = many.replacen("iterations = 400", "iterations = 100000000", 1);
    assert!(many != ROD && long != many);
    std::fs::write(folder.join("rod.toml"), long).unwrap();
}
