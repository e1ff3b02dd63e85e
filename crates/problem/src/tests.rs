//! What files mean, and what is said about files that mean nothing.

#![allow(clippy::unwrap_used)]

mod cells;
mod columns;
mod errors;
mod expression_errors;
mod file_errors;
mod files;
mod language;
mod physics;
mod place_errors;
mod quantity_errors;

use std::collections::HashMap;
use std::io;
use std::path::Path;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use surrogate_symbolic::{Environment, Jet, Node, SymbolId};

use crate::{Diagnostics, Problem, load_text};

/// Reads from `problems/`.
fn shipped_file(name: &str) -> io::Result<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../problems").join(name))
}

/// A file of `problems/`.
fn shipped(name: &str) -> Problem {
    let text = shipped_file(name).unwrap();
    load_text(name, &text, &[], &shipped_file).unwrap_or_else(|e| panic!("{e}"))
}

fn no_files(name: &str) -> io::Result<String> {
    Err(io::Error::new(io::ErrorKind::NotFound, name.to_string()))
}

/// A file made of text.
fn loaded(text: &str) -> Problem {
    load_text("test.toml", text, &[], &no_files).unwrap_or_else(|e| panic!("{e}"))
}

/// What people see.
fn rendered(result: Result<Problem, Diagnostics>) -> String {
    let Err(diagnostics) = result else {
        return "no mistake".to_string();
    };
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .with_links(false);
    let mut out = String::new();
    for error in &diagnostics.errors {
        handler.render_report(&mut out, error as &dyn Diagnostic).unwrap();
    }
    out.lines().map(|l| format!("{}\n", l.trim_end())).collect()
}

/// Value of a node: symbols by name (SI), fields by a function of their jet.
fn value(
    problem: &Problem,
    node: Node,
    symbols: &[(&str, f64)],
    jets: &dyn Fn(&Jet, &[f64]) -> f64,
) -> f64 {
    let map: HashMap<&str, f64> = symbols.iter().copied().collect();
    let symbols = |s: SymbolId| {
        let name = problem.graph.symbol_name(s);
        *map.get(name).unwrap_or_else(|| panic!("no value for {name}"))
    };
    problem.graph.evaluate(node, &Environment { symbols: &symbols, jets })
}

fn constant(problem: &Problem, name: &str) -> f64 {
    problem.constants.iter().find(|c| c.name == name).unwrap().value
}
