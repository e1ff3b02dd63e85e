//! Structures from tables and CIF files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use surrogate_crystal::Structure;
use surrogate_crystal::cif;
use surrogate_crystal::symmetry::{SymmetricStructure, SymmetryError};
use surrogate_crystal::table::read_structures;

use super::{structures, symmetry};
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Data sets of an HDF5 file: texts of CIF files, and their names.
const CIF_TEXTS: &str = "cif_string";
const CIF_NAMES: &str = "cif_name";

/// Named structures, and how many were not taken for what reason.
#[derive(Default)]
pub struct Sources {
    pub structures: Vec<(String, Structure)>,
    pub left_out: BTreeMap<&'static str, usize>,
}

impl Sources {
    /// Reads tables, CIF files, HDF5 files and folders of CIF files. In a folder, files with mistakes are left out with
    /// a warning; files that are named must be right.
    pub fn read(paths: &[PathBuf], terminal: &Terminal) -> Result<Self, Failure> {
        let mut sources = Self::default();
        for path in paths {
            sources.gather(path, terminal)?;
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

    fn gather(&mut self, path: &Path, terminal: &Terminal) -> Result<(), Failure> {
        let unreadable = |e: &std::io::Error| {
            Failure::user(format!("cannot read {}: {}", path.display(), surrogate_run::words(e)))
        };
        let ends = |end: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(end));
        if path.is_dir() {
            return self.folder(path, terminal);
        }
        if ends("zst") {
            let file = File::open(path).map_err(|e| unreadable(&e))?;
            let entries = read_structures(BufReader::new(file))
                .map_err(|e| Failure::user(e.to_string()).in_file(path))?;
            self.structures.extend(entries.into_iter().map(|e| (e.id, e.structure)));
            return Ok(());
        }
        if ends("cif") {
            self.structures.extend(structures(path)?.into_iter().map(|s| (s.name, s.structure)));
            return Ok(());
        }
        if ["h5", "hdf5"].iter().any(|end| ends(end)) {
            return self.hdf5(path);
        }
        std::fs::metadata(path).map_err(|e| unreadable(&e))?;
        Err(Failure::helped(
            format!(
                "{}: neither a table (.csv.zst), a CIF file (.cif), an HDF5 file (.h5) nor a folder",
                path.display()
            ),
            "docs/crystals.md says what columns a table has",
        ))
    }

    /// Reads the texts of CIF files in an HDF5 file, as deCIFer's data sets have them.
    fn hdf5(&mut self, path: &Path) -> Result<(), Failure> {
        let texts = surrogate_run::hdf5_texts(path, CIF_TEXTS)?;
        let names = surrogate_run::hdf5_texts(path, CIF_NAMES).unwrap_or_default();
        for (k, text) in texts.iter().enumerate() {
            match cif::read_shortened(text) {
                Ok(all) => self.structures.extend(all.into_iter().map(|s| {
                    let name = names.get(k).cloned().unwrap_or(s.name);
                    (name, s.structure)
                })),
                Err(_) => self.leave_out("texts that are no CIF", 1),
            }
        }
        Ok(())
    }

    /// Reads the CIF files of a folder in the order of their names.
    fn folder(&mut self, path: &Path, terminal: &Terminal) -> Result<(), Failure> {
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
            match structures(&file) {
                Ok(all) => self.structures.extend(all.into_iter().map(|s| (s.name, s.structure))),
                Err(why) => {
                    terminal.warn(why.to_string());
                    self.leave_out("files that cannot be read", 1);
                }
            }
        }
        Ok(())
    }
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
