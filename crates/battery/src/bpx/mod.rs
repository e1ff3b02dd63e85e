//! Import of cells in the Battery Parameter eXchange format, versions 0.x and 1.x.
//!
//! Fields, units and conventions are those of the BPX standard (Faraday Institution): effective
//! conductivities of the solid, transport efficiencies in place of Bruggeman exponents, normalised
//! reaction rates. Files of version 0 keep temperatures in `Cell` and the concentration at rest in
//! `Electrolyte`; from version 1 both stand in `State`, and fields that the standard does not have are
//! refused. Blended electrodes and hysteresis are refused by name.

mod doubt;
mod electrodes;
mod error;
mod json;
mod read;
mod section;

pub use error::{BpxError, BpxErrors, BpxWarning};

use std::collections::BTreeMap;

use crate::{Cell, Function};

/// Model that a file is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BpxModel {
    /// Single-particle model.
    Spm,
    /// Single-particle model with electrolyte.
    Spme,
    /// Doyle-Fuller-Newman (pseudo-two-dimensional) model.
    Dfn,
    /// Whatever its parameters suffice for.
    Partial,
}

/// A measured curve of the section `Validation`, in the order of its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// Name of the experiment.
    pub name: String,
    /// Times in s.
    pub time_s: Vec<f64>,
    /// Current in A, positive on discharge (the file has the opposite sign).
    pub current_a: Vec<f64>,
    /// Voltage in V.
    pub voltage_v: Vec<f64>,
    /// Temperature in K, where it was measured.
    pub temperature_k: Option<Vec<f64>>,
}

/// A value of the section `User-defined`.
#[derive(Debug, Clone, PartialEq)]
pub enum UserDefined {
    /// A number, formula or table.
    Function(Function),
    /// Values below a name.
    Group(BTreeMap<String, UserDefined>),
    /// The description of the section.
    Description(String),
}

/// A BPX file, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Bpx {
    /// Version of the format, as written in the file.
    pub version: String,
    /// Title of the file.
    pub title: Option<String>,
    /// Description of the cell.
    pub description: Option<String>,
    /// References of its values.
    pub references: Option<String>,
    /// Model that the file is meant for.
    pub model: BpxModel,
    /// The cell, at its initial state of charge (1 where the file gives none).
    pub cell: Cell,
    /// Values of the section `User-defined`.
    pub user_defined: BTreeMap<String, UserDefined>,
    /// Measured curves.
    pub validation: Vec<Validation>,
    /// What was assumed, left unused or looks doubtful.
    pub warnings: Vec<BpxWarning>,
}

/// Reads the text of a BPX file.
///
/// # Errors
/// [`BpxErrors`]: all mistakes that were found, each with the path of its field.
pub fn import(text: &str) -> Result<Bpx, BpxErrors> {
    let value = json::parse(text).map_err(|error| BpxErrors(vec![error]))?;
    read::file(value)
}
