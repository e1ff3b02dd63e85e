//! Whether a proposed crystal is what it says it is.

use std::collections::BTreeMap;

use super::bonds::reasonable;
use crate::structure::nearest;
use crate::symmetry::{SYMPREC, SymmetricStructure, analyse};
use crate::{Element, Lattice, Structure};

/// Four checks of a proposed crystal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Validity {
    /// It has the numbers of atoms that were asked for.
    pub formula: bool,
    /// Its orbits have the multiplicities of their letters: no two atoms share a place.
    pub multiplicities: bool,
    /// Its bonds are within 32 % of what radii say.
    pub bonds: bool,
    /// The space group found in its atoms, within 0.1 angstrom, is the one it declares.
    pub group: bool,
}

/// Distance in angstrom below which two atoms are in one place.
const ONE_PLACE: f64 = 0.1;

impl Validity {
    /// Checks a crystal against the atoms that its primitive cell should have. What has no cell fails every check.
    #[must_use]
    pub fn of(crystal: &SymmetricStructure, composition: &BTreeMap<Element, usize>) -> Self {
        let Ok(structure) = crystal.primitive() else { return Self::default() };
        let mut amounts = BTreeMap::new();
        for site in &structure.sites {
            *amounts.entry(site.element).or_insert(0) += 1;
        }
        let found = analyse(&structure, SYMPREC).ok();
        Self {
            formula: amounts == *composition,
            multiplicities: apart(&structure),
            bonds: reasonable(&structure),
            group: found.is_some_and(|f| f.group.number == crystal.group.number),
        }
    }

    /// Whether all four hold.
    #[must_use]
    pub const fn all(&self) -> bool {
        self.formula && self.multiplicities && self.bonds && self.group
    }
}

/// Whether no two atoms share a place.
pub(crate) fn apart(structure: &Structure) -> bool {
    let lattice: &Lattice = &structure.lattice;
    let far = |i: usize, j: usize| {
        let away = nearest(structure.sites[i].position - structure.sites[j].position);
        (lattice.basis() * away).norm() > ONE_PLACE
    };
    let n = structure.sites.len();
    (0..n).all(|i| (i + 1..n).all(|j| far(i, j)))
}
