//! Crystals that are known.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::diffraction::{Broadening, BroadeningError, DiffractionError, QGrid, reflections};
use crate::matching::Reduced;
use crate::retrieve::{Kind, Query};
use crate::symmetry::{SYMPREC, SymmetryError, analyse};
use crate::{LatticeError, Structure};

/// Range of Q over which patterns are complete, 1/angstrom.
const Q_RANGE: [f64; 2] = [0.5, 8.1];

/// Why a structure is no case.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CaseError {
    /// No symmetry.
    #[error(transparent)]
    Symmetry(#[from] SymmetryError),
    /// No cell.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
    /// No pattern.
    #[error(transparent)]
    Diffraction(#[from] DiffractionError),
    /// No grid.
    #[error(transparent)]
    Broadening(#[from] BroadeningError),
}

/// A known crystal, and what is told of it: its clean pattern, and the atoms of its primitive cell.
#[derive(Debug, Clone)]
pub struct Case {
    /// Name of the structure.
    pub id: String,
    /// Atoms in the primitive cell.
    pub atoms: usize,
    /// Number of its space group.
    pub group: u16,
    /// Its kind; none if it has too many elements to be given one.
    pub kind: Option<Kind>,
    /// What is told of it.
    pub query: Query,
    /// Its cells with and without a search for smaller ones.
    pub(super) reduced: [Reduced; 2],
    /// Its pattern on the scoring grid.
    pub(super) pattern: Vec<f64>,
}

impl Case {
    /// A case of a structure and a wavelength in angstrom: noise-free peaks over Q 0.5 to 8.1.
    ///
    /// # Errors
    ///
    /// A structure without symmetry, cell or pattern.
    pub fn new(id: String, structure: &Structure, wavelength: f64) -> Result<Self, CaseError> {
        let symmetric = analyse(structure, SYMPREC)?;
        let primitive = symmetric.primitive()?;
        let mut composition = BTreeMap::new();
        for site in &primitive.sites {
            *composition.entry(site.element).or_insert(0) += 1;
        }
        let peaks = peaks(structure, wavelength)?;
        let mut pattern = Vec::new();
        Broadening::new(QGrid::SCORING)?.pattern(peaks.iter().copied(), &mut pattern);
        Ok(Self {
            id,
            atoms: primitive.sites.len(),
            group: symmetric.group.number,
            kind: Kind::of(&symmetric.canonical()),
            query: Query { peaks, q_range: Q_RANGE, wavelength, composition, symmetry: None },
            reduced: [Reduced::primitive(structure)?, Reduced::as_given(&primitive)?],
            pattern,
        })
    }
}

/// Reflections of a structure as `(q, intensity)`.
pub(super) fn peaks(
    structure: &Structure,
    wavelength: f64,
) -> Result<Vec<(f64, f64)>, DiffractionError> {
    // a little further than the range, so that it is complete
    let all = reflections(structure, wavelength, [0.0, Q_RANGE[1] + 0.005])?;
    Ok(all.iter().map(|r| (r.q, r.intensity)).collect())
}
