//! Libraries for what is known of a crystal besides its composition: its space group, its cell.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::library::{Library, Prototype};
use crate::Element;

impl Library {
    /// The prototypes of one space group.
    #[must_use]
    pub fn in_group(&self, number: u16) -> Self {
        let own = self.prototypes().iter().filter(|p| p.structure.group.number == number);
        Self::of_parts(own.cloned().collect(), self.volumes.clone())
    }

    /// Its prototypes with the numbers of atoms of a composition, all in one cell, given by its free
    /// parameters (angstrom, degrees); a search for that composition expects them at just that size.
    /// Prototypes whose group has another number of free parameters are left out, as are all if the
    /// parameters span no cell.
    #[must_use]
    pub fn at_cell(&self, cell: &[f64], composition: &BTreeMap<Element, usize>) -> Self {
        let mut slots: Vec<(usize, Element)> = composition.iter().map(|(e, n)| (*n, *e)).collect();
        slots.sort_unstable();
        let (counts, elements): (Vec<usize>, Vec<Element>) = slots.into_iter().unzip();
        let expected = self.volume(&elements, &counts);
        let mut volumes = self.volumes.clone();
        let moved = |prototype: &Prototype| {
            let mut structure = prototype.structure.clone();
            (structure.cell.len() == cell.len()).then_some(())?;
            structure.cell = cell.to_vec();
            let volume = structure.primitive_lattice().ok()?.volume();
            let (elements, geometry) = (elements.clone(), OnceLock::new());
            Some(Prototype { structure, elements, volume, geometry, ..prototype.clone() })
        };
        let prototypes: Vec<Prototype> =
            self.of_counts(&counts).filter_map(|(_, p)| moved(p)).collect();
        // all in one cell of one centring have one volume; what elements take is scaled to it
        if let Some(volume) = prototypes.first().map(|p| p.volume) {
            for element in &elements {
                volumes[usize::from(element.atomic_number())] *= volume / expected;
            }
        }
        Self::of_parts(prototypes, volumes)
    }
}
