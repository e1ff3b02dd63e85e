//! The dependencies between crates are those that ARCHITECTURE.md lists, and no others.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Crate, what it depends on, whether only its tests do.
type Edge = (String, String, bool);

/// Edges of the block after ```` ```edges ```` in ARCHITECTURE.md: `a -> b, c; tests: d`.
fn listed() -> BTreeSet<Edge> {
    let text = surrogate_tests::text("ARCHITECTURE.md");
    let block = text.split("```edges\n").nth(1).expect("no ```edges block in ARCHITECTURE.md");
    let block = block.split("```").next().unwrap();
    let mut edges = BTreeSet::new();
    for line in block.lines().filter(|l| !l.trim().is_empty()) {
        let (from, to) = line.split_once("->").unwrap_or_else(|| panic!("no arrow in `{line}`"));
        let (normal, tests) = to.split_once("; tests:").unwrap_or((to, ""));
        for (list, only_tests) in [(normal, false), (tests, true)] {
            for name in list.split(',').map(str::trim).filter(|n| !n.is_empty()) {
                edges.insert((from.trim().to_string(), name.to_string(), only_tests));
            }
        }
    }
    edges
}

/// Short name: `surrogate-problem` is `problem`, the binary is `cli`.
fn short(name: &str) -> String {
    match name.strip_prefix("surrogate") {
        Some("") => "cli".to_string(),
        Some(rest) => rest.trim_start_matches('-').to_string(),
        None => name.to_string(),
    }
}

/// Edges that cargo sees.
fn found() -> BTreeSet<Edge> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(surrogate_tests::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut edges = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let from = short(package["name"].as_str().unwrap());
        for dependency in package["dependencies"].as_array().unwrap() {
            if dependency["path"].is_string() {
                let to = short(dependency["name"].as_str().unwrap());
                let only_tests = dependency["kind"] == "dev";
                edges.insert((from.clone(), to, only_tests));
            }
        }
    }
    edges
}

#[test]
fn crates_depend_on_each_other_only_as_listed() {
    let (listed, found) = (listed(), found());
    let show = |edges: Vec<&Edge>| {
        let line = |(a, b, t): &Edge| format!("  {a} -> {b}{}", if *t { " (tests)" } else { "" });
        edges.into_iter().map(line).collect::<Vec<_>>().join("\n")
    };
    let extra = show(found.difference(&listed).collect());
    let gone = show(listed.difference(&found).collect());
    assert!(extra.is_empty(), "not listed in ARCHITECTURE.md:\n{extra}");
    assert!(gone.is_empty(), "listed in ARCHITECTURE.md and not there:\n{gone}");
}

#[test]
fn every_crate_is_named_among_the_rooms() {
    let text = surrogate_tests::text("ARCHITECTURE.md");
    for path in surrogate_tests::files("crates", "Cargo.toml") {
        let folder = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        assert!(text.contains(&format!("| `{folder}`")), "no room `{folder}`");
    }
}
