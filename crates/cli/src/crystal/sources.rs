//! Structures from tables and CIF files.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use surrogate_crystal::Structure;
use surrogate_crystal::cif::{self, CifWarning};
use surrogate_crystal::symmetry::{SymmetricStructure, SymmetryError};
use surrogate_crystal::table::{Entry, TableError, read_plain_structures, read_structures};

use super::{structures, symmetry};
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Data sets of an HDF5 file: texts of CIF files, and their names.
const CIF_TEXTS: &str = "cif_string";
const CIF_NAMES: &str = "cif_name";

/// Doubts about structures that are said one by one; of further ones the number is.
const SHOWN_DOUBTS: usize = 20;

/// Reads a table of structures, as its name says plain (`.csv`) or compressed (`.csv.gz`, or else `.csv.zst`).
pub fn table(name: &Path, bytes: impl Read) -> Result<Vec<Entry>, TableError> {
    match extension(name).as_str() {
        "csv" => read_plain_structures(bytes),
        "gz" => read_plain_structures(MultiGzDecoder::new(bytes)),
        _ => read_structures(bytes),
    }
}

/// What a name ends with, in small letters.
fn extension(name: &Path) -> String {
    name.extension().map_or_else(String::new, |e| e.to_string_lossy().to_lowercase())
}

/// Named structures, and how many were not taken for what reason.
#[derive(Default)]
pub struct Sources {
    pub structures: Vec<(String, Structure)>,
    pub left_out: BTreeMap<&'static str, usize>,
    doubts: usize,
}

impl Sources {
    /// Reads tables, CIF files, HDF5 files and folders of CIF files. In a folder, files with mistakes are left out with
    /// a warning; files that are named must be right.
    pub fn read(paths: &[PathBuf], terminal: &Terminal) -> Result<Self, Failure> {
        let mut sources = Self::default();
        for path in paths {
            sources.gather(path, terminal)?;
        }
        if let Some(more) = sources.doubts.checked_sub(SHOWN_DOUBTS).filter(|n| *n > 0) {
            terminal.warn(format!("{more} more structures or places in them are doubtful"));
        }
        Ok(sources)
    }

    /// Leaves out the structures that have one of these names.
    pub fn without(&mut self, names: &std::collections::HashSet<String>) {
        let before = self.structures.len();
        self.structures.retain(|(name, _)| !names.contains(name));
        let count = before - self.structures.len();
        if count > 0 {
            self.leave_out("named by --leave-out", count);
        }
    }

    /// Canonical descriptions of the structures that have one.
    pub fn crystals(&mut self, most_elements: usize) -> Vec<(String, SymmetricStructure)> {
        let mut crystals = Vec::new();
        for (name, structure) in std::mem::take(&mut self.structures) {
            if structure.composition().len() > most_elements {
                self.leave_out("more than five elements", 1);
                continue;
            }
            match symmetry(&structure) {
                Ok(symmetric) => crystals.push((name, symmetric)),
                Err(why) => self.leave_out(reason(&why), 1),
            }
        }
        crystals
    }

    /// Says what was left out.
    pub fn warn(&self, terminal: &Terminal) {
        for (reason, count) in &self.left_out {
            terminal.warn(format!("{count} left out: {reason}"));
        }
    }

    fn leave_out(&mut self, reason: &'static str, count: usize) {
        *self.left_out.entry(reason).or_insert(0) += count;
    }

    /// Takes a structure, and says what is doubtful in it.
    fn take(
        &mut self,
        file: &Path,
        (name, structure): (String, Structure),
        warnings: &[CifWarning],
        terminal: &Terminal,
    ) {
        for warning in warnings {
            if self.doubts < SHOWN_DOUBTS {
                terminal.warn(format!("{}: {name}: {warning}", file.display()));
            }
            self.doubts += 1;
        }
        self.structures.push((name, structure));
    }

    fn gather(&mut self, path: &Path, terminal: &Terminal) -> Result<(), Failure> {
        if path.is_dir() {
            return self.folder(path, terminal);
        }
        match extension(path).as_str() {
            "csv" | "zst" | "gz" => {
                let file = std::fs::File::open(path).map_err(|e| unreadable(path, &e))?;
                let entries =
                    table(path, file).map_err(|e| Failure::user(e.to_string()).in_file(path))?;
                for entry in entries {
                    self.take(path, (entry.id, entry.structure), &entry.warnings, terminal);
                }
                Ok(())
            }
            "cif" => {
                for s in structures(path, terminal)? {
                    self.take(path, (s.name, s.structure), &s.warnings, terminal);
                }
                Ok(())
            }
            "h5" | "hdf5" => self.hdf5(path, terminal),
            _ => {
                std::fs::metadata(path).map_err(|e| unreadable(path, &e))?;
                let message = format!(
                    "{}: neither a table (.csv, .csv.gz, .csv.zst), a CIF file (.cif), an HDF5 file (.h5) \
                     nor a folder",
                    path.display()
                );
                Err(Failure::helped(message, "docs/crystals.md says what columns a table has"))
            }
        }
    }

    /// Reads the texts of CIF files in an HDF5 file, as deCIFer's data sets have them.
    fn hdf5(&mut self, path: &Path, terminal: &Terminal) -> Result<(), Failure> {
        let texts = surrogate_run::hdf5_texts(path, CIF_TEXTS).map_err(|why| {
            let help = "an HDF5 file holds texts of CIF files in the data set `cif_string`; the newest formats of \
                        HDF5 (libver='latest') are not read";
            Failure::helped(why.to_string(), help)
        })?;
        let names = surrogate_run::hdf5_texts(path, CIF_NAMES).unwrap_or_default();
        for (k, text) in texts.iter().enumerate() {
            match cif::read_shortened(text) {
                Ok(all) => {
                    for s in all {
                        let name = names.get(k).cloned().unwrap_or(s.name);
                        self.take(path, (name, s.structure), &s.warnings, terminal);
                    }
                }
                Err(_) => self.leave_out("texts that are no CIF", 1),
            }
        }
        Ok(())
    }

    /// Reads the CIF files of a folder and of the folders in it, in the order of their names.
    fn folder(&mut self, path: &Path, terminal: &Terminal) -> Result<(), Failure> {
        let mut files = Vec::new();
        cif_files(path, &mut files)?;
        if files.is_empty() {
            return Err(Failure::user(format!("{}: no .cif files in this folder", path.display())));
        }
        files.sort();
        for file in files {
            match structures(&file, terminal) {
                Ok(all) => {
                    for s in all {
                        self.take(&file, (s.name, s.structure), &s.warnings, terminal);
                    }
                }
                Err(why) => {
                    terminal.warn(why.to_string());
                    self.leave_out("files that cannot be read", 1);
                }
            }
        }
        Ok(())
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::user(format!("cannot read {}: {}", path.display(), surrogate_run::words(error)))
}

/// Adds the CIF files in a folder and in those within, links to folders left out.
fn cif_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(folder).map_err(|e| unreadable(folder, &e))? {
        let entry = entry.map_err(|e| unreadable(folder, &e))?;
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            cif_files(&path, files)?;
        } else if extension(&path) == "cif" {
            files.push(path);
        }
    }
    Ok(())
}

fn reason(error: &SymmetryError) -> &'static str {
    match error {
        SymmetryError::PartialOccupancy { .. } => "partial occupancies",
        SymmetryError::Empty => "no atoms",
        SymmetryError::TooManyAtoms { .. } => "more atoms than symmetry is searched in",
        SymmetryError::Tolerance { .. } => "cells too short for the search for symmetry",
        SymmetryError::NotFound { .. } | SymmetryError::OffPosition { .. } => {
            "no space group found"
        }
    }
}
