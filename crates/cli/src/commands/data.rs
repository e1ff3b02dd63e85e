//! `surrogate data`: libraries of prototypes from tables of structures and CIF files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use surrogate_crystal::Structure;
use surrogate_crystal::retrieve::{Library, Source, write_library};
use surrogate_crystal::symmetry::{SymmetricStructure, SymmetryError};
use surrogate_crystal::table::read_structures;

use crate::crystal;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// `surrogate data`
#[derive(Args, Debug)]
pub struct Data {
    /// What to do.
    #[command(subcommand)]
    pub command: DataCommand,
}

/// Commands of `surrogate data`.
#[derive(Subcommand, Debug)]
pub enum DataCommand {
    /// Distil structures to a library of prototypes for `surrogate generate`.
    Import(Import),
}

/// `surrogate data import`
#[derive(Args, Debug)]
pub struct Import {
    /// Tables of structures (.csv.zst), CIF files (.cif), and folders of CIF files.
    #[arg(required = true, value_name = "TABLE")]
    pub sources: Vec<PathBuf>,
    /// Where to write the library.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Where the structures come from, such as "Materials Project 2023-11"; kept in the library.
    #[arg(long, value_name = "TEXT")]
    pub origin: String,
    /// Terms under which they are given, such as "CC BY 4.0"; kept in the library.
    #[arg(long, value_name = "TEXT")]
    pub licence: String,
}

/// Runs the command.
pub fn run(arguments: &Data, terminal: &Terminal) -> Result<u8, Failure> {
    match &arguments.command {
        DataCommand::Import(a) => import(a, terminal),
    }
}

/// What was read.
#[derive(Default)]
struct Gathered {
    crystals: Vec<(String, SymmetricStructure)>,
    /// Structures that were not taken, by reason.
    left_out: BTreeMap<&'static str, usize>,
}

impl Gathered {
    fn add(&mut self, name: String, structure: &Structure) {
        if structure.composition().len() > Library::MOST_ELEMENTS {
            *self.left_out.entry("more than four elements").or_insert(0) += 1;
            return;
        }
        match crystal::symmetry(structure) {
            Ok(symmetric) => self.crystals.push((name, symmetric)),
            Err(why) => *self.left_out.entry(reason(&why)).or_insert(0) += 1,
        }
    }
}

fn reason(error: &SymmetryError) -> &'static str {
    match error {
        SymmetryError::PartialOccupancy { .. } => "partial occupancies",
        SymmetryError::Empty => "no atoms",
        SymmetryError::Tolerance { .. } => "cells too short for the search for symmetry",
        SymmetryError::NotFound { .. } | SymmetryError::OffPosition { .. } => {
            "no space group found"
        }
    }
}

fn import(arguments: &Import, terminal: &Terminal) -> Result<u8, Failure> {
    for (option, text) in [("--origin", &arguments.origin), ("--licence", &arguments.licence)] {
        if text.trim().is_empty() {
            return Err(Failure::user(format!("{option} is empty: say it, or `unknown`")));
        }
    }
    let mut gathered = Gathered::default();
    for path in &arguments.sources {
        gather(path, &mut gathered, terminal)?;
    }
    let Gathered { crystals, left_out } = gathered;
    let source = Source {
        origin: arguments.origin.clone(),
        licence: arguments.licence.clone(),
        crystals: crystals.len(),
    };
    let library = Library::distil(crystals);
    for (reason, count) in &left_out {
        terminal.warn(format!("{count} left out: {reason}"));
    }
    if library.prototypes().is_empty() {
        return Err(Failure::user("there is no structure that a library can be made of"));
    }
    let text = write_library(&library, &source);
    surrogate_run::write_atomic(&arguments.out, text.as_bytes())?;
    let (crystals, prototypes) = (source.crystals, library.prototypes().len());
    terminal.say(format!(
        "wrote {}: {prototypes} prototypes of {crystals} crystals",
        arguments.out.display()
    ));
    terminal.json(&json!({
        "file": arguments.out,
        "crystals": crystals,
        "prototypes": prototypes,
        "left_out": left_out,
        "origin": source.origin,
        "licence": source.licence,
    }));
    Ok(0)
}

/// Reads a table, a CIF file or a folder of these. In a folder, files with mistakes are left out with a
/// warning; files that are named must be right.
fn gather(path: &Path, gathered: &mut Gathered, terminal: &Terminal) -> Result<(), Failure> {
    let unreadable = |e: &std::io::Error| {
        Failure::user(format!("cannot read {}: {}", path.display(), surrogate_run::words(e)))
    };
    let ends = |end: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(end));
    if path.is_dir() {
        return folder(path, gathered, terminal);
    }
    if ends("zst") {
        let file = File::open(path).map_err(|e| unreadable(&e))?;
        let entries = read_structures(BufReader::new(file))
            .map_err(|e| Failure::user(e.to_string()).in_file(path))?;
        entries.into_iter().for_each(|e| gathered.add(e.id, &e.structure));
        return Ok(());
    }
    if ends("cif") {
        crystal::structures(path)?.into_iter().for_each(|s| gathered.add(s.name, &s.structure));
        return Ok(());
    }
    std::fs::metadata(path).map_err(|e| unreadable(&e))?;
    Err(Failure::helped(
        format!("{}: neither a table (.csv.zst), a CIF file (.cif) nor a folder", path.display()),
        "docs/crystals.md says what columns a table has",
    ))
}

/// Reads the CIF files of a folder in the order of their names.
fn folder(path: &Path, gathered: &mut Gathered, terminal: &Terminal) -> Result<(), Failure> {
    let unreadable = |e: &std::io::Error| {
        Failure::user(format!("cannot read {}: {}", path.display(), surrogate_run::words(e)))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|e| unreadable(&e))? {
        let file = entry.map_err(|e| unreadable(&e))?.path();
        if file.extension().is_some_and(|e| e.eq_ignore_ascii_case("cif")) {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(Failure::user(format!("{}: no .cif files in this folder", path.display())));
    }
    files.sort();
    for file in files {
        match crystal::structures(&file) {
            Ok(all) => all.into_iter().for_each(|s| gathered.add(s.name, &s.structure)),
            Err(why) => {
                terminal.warn(why.to_string());
                *gathered.left_out.entry("files that cannot be read").or_insert(0) += 1;
            }
        }
    }
    Ok(())
}
