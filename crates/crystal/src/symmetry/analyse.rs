//! From a list of atoms to its space group and orbits.

use moyo::MoyoDataset;
use moyo::base::{AngleTolerance, Cell, Lattice as MoyoLattice};
use moyo::data::Setting;
use nalgebra::Vector3;
use thiserror::Error;

use super::{Orbit, SpaceGroup, SymmetricStructure};
use crate::structure::{nearest, wrapped};
use crate::{Element, Lattice, Structure};

/// Why no symmetry can be given.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SymmetryError {
    /// A site that is not a full atom.
    #[error(
        "site {site} ({element}) is occupied by {occupancy}: symmetry is only analysed for full atoms"
    )]
    PartialOccupancy {
        /// Its number from 1.
        site: usize,
        /// Its element.
        element: Element,
        /// Its occupancy.
        occupancy: f64,
    },
    /// A structure without atoms.
    #[error("the structure has no atoms")]
    Empty,
    /// More atoms than a search can be made of in bounded time and memory, which grow with their square.
    #[error(
        "{atoms} atoms are more than the {MOST_ATOMS} that symmetry is searched in: give a smaller cell"
    )]
    TooManyAtoms {
        /// Atoms of the cell.
        atoms: usize,
    },
    /// A tolerance that is not small against the cell.
    #[error(
        "a tolerance of {symprec} angstrom is too large for a crystal that repeats after {shortest:.3} \
         angstrom: take at most a twentieth of that, or check the unit of the cell"
    )]
    Tolerance {
        /// Tolerance in angstrom.
        symprec: f64,
        /// Length of the shortest lattice vector in angstrom.
        shortest: f64,
    },
    /// The search found no group.
    #[error("no space group was found at a tolerance of {symprec} angstrom: {reason}")]
    NotFound {
        /// Tolerance in angstrom.
        symprec: f64,
        /// What the search said.
        reason: String,
    },
    /// An atom of the standard cell that lies on no Wyckoff position.
    #[error(
        "an atom of {element} lies on no Wyckoff position of group {group}: try a smaller tolerance"
    )]
    OffPosition {
        /// Its element.
        element: Element,
        /// Number of the group.
        group: u16,
    },
}

/// Most atoms of a cell: the search takes seconds then, and some hundred MB.
const MOST_ATOMS: usize = 1000;

/// Fractional distance within which an atom of the standard cell lies on a Wyckoff position.
const ON_POSITION: f64 = 2e-3;

/// Fractional distance within which atoms of the standard cell are images of each other.
const SAME_ORBIT: f64 = 5e-3;

/// Space group and orbits of a crystal, in the setting that the search happens on; `symprec` in
/// angstrom. [`SymmetricStructure::canonical`] makes it a choice that depends on the crystal alone.
///
/// # Errors
///
/// Partial occupancies, no or too many atoms, or a search without success.
pub fn analyse(structure: &Structure, symprec: f64) -> Result<SymmetricStructure, SymmetryError> {
    for (k, site) in structure.sites.iter().enumerate() {
        if (site.occupancy - 1.0).abs() > 1e-6 {
            let (element, occupancy) = (site.element, site.occupancy);
            return Err(SymmetryError::PartialOccupancy { site: k + 1, element, occupancy });
        }
    }
    if structure.sites.is_empty() {
        return Err(SymmetryError::Empty);
    }
    if structure.sites.len() > MOST_ATOMS {
        return Err(SymmetryError::TooManyAtoms { atoms: structure.sites.len() });
    }
    let lattice = MoyoLattice { basis: *structure.lattice.basis() };
    let reduced = lattice.unchecked_niggli_reduce().0;
    let shortest = reduced.basis.column_iter().map(|v| v.norm()).fold(f64::INFINITY, f64::min);
    // beyond this the search for symmetry may not end
    if !(symprec > 0.0 && symprec <= shortest / 20.0) {
        return Err(SymmetryError::Tolerance { symprec, shortest });
    }
    let cell = Cell::new(
        lattice,
        structure.sites.iter().map(|s| s.position).collect(),
        structure.sites.iter().map(|s| i32::from(s.element.atomic_number())).collect(),
    );
    let not_found = |reason: String| SymmetryError::NotFound { symprec, reason };
    let found = MoyoDataset::new(&cell, symprec, AngleTolerance::default(), Setting::Spglib, true)
        .map_err(|e| not_found(e.to_string()))?;
    let number = u16::try_from(found.number).ok();
    let group = number.and_then(SpaceGroup::get);
    let group = group.ok_or_else(|| not_found(format!("group {}", found.number)))?;
    let lattice = Lattice::from_basis(found.std_cell.lattice.basis);
    let lattice = lattice.map_err(|e| not_found(e.to_string()))?;
    let elements = found
        .std_cell
        .numbers
        .iter()
        .map(|&z| u8::try_from(z).ok().and_then(Element::from_atomic_number));
    let elements = elements.collect::<Option<Vec<_>>>();
    let elements = elements.ok_or_else(|| not_found("an unknown species".to_string()))?;
    Ok(SymmetricStructure {
        group,
        cell: SymmetricStructure::free_cell(group.system(), &lattice.parameters()),
        orbits: orbits(group, &elements, &found.std_cell.positions)?,
    })
}

/// Groups the atoms of the standard cell into orbits.
fn orbits(
    group: &'static SpaceGroup,
    elements: &[Element],
    positions: &[Vector3<f64>],
) -> Result<Vec<Orbit>, SymmetryError> {
    let mut left = vec![true; positions.len()];
    let mut orbits = Vec::new();
    for k in 0..positions.len() {
        if !left[k] {
            continue;
        }
        let (element, x) = (elements[k], wrapped(positions[k]));
        let off = SymmetryError::OffPosition { element, group: group.number };
        let (position, mut parameters) = group.locate(&x, ON_POSITION).ok_or(off)?;
        let images = group.images(&x);
        for (j, remains) in left.iter_mut().enumerate().skip(k) {
            let same = |y: &Vector3<f64>| nearest(positions[j] - y).amax() < SAME_ORBIT;
            if *remains && elements[j] == element && images.iter().any(same) {
                *remains = false;
            }
        }
        orbits.push(Orbit { element, position, parameters: parameters.swap_remove(0) });
    }
    Ok(orbits)
}
