//! Whether atoms are as far apart as their elements ask for.
//!
//! Bonds of an atom are those to its nearest neighbours and to all that are at most a tenth further.
//! A bond is as long as it should be if it is within 32 % of the sum of the radii: those of a cation and
//! an anion where the electronegativities differ by 1.7 or more, atomic radii otherwise. Of a bond with hydrogen
//! only those longer than two and a half times the sum are wrong. The tolerances are those of deCIFer,
//! which takes its bonds from another rule. Every site is taken for a full atom.

use nalgebra::Vector3;

use super::element_table::{ELEMENTS, Row};
use crate::{Element, Structure};

/// Neighbours within this factor of the nearest are bonds.
const SHELL: f64 = 1.1;

/// Relative tolerance of a bond's length.
const TOLERANCE: f64 = 0.32;

/// Bonds with hydrogen are shorter than this multiple of the radii.
const HYDROGEN: f64 = 2.5;

/// Difference of electronegativities from which radii are ionic.
const IONIC: f64 = 1.7;

/// Place in Pettifor's scale of chemical likeness, by atomic number; 0 where there is none.
pub(super) fn mendeleev_number(element: Element) -> u8 {
    row(element).map_or(0, |row| row.1)
}

/// Pauling's electronegativity; none where the table has no value.
#[must_use]
pub fn electronegativity(element: Element) -> Option<f64> {
    row(element).map(|row| row.2).filter(|v| *v > 0.0)
}

fn row(element: Element) -> Option<&'static Row> {
    ELEMENTS.get(usize::from(element.atomic_number()) - 1)
}

/// Sum of the radii of two elements; none where the table has no value.
fn expected(a: Element, b: Element) -> Option<f64> {
    let (mut a, mut b) = (row(a)?, row(b)?);
    if a.2 > b.2 {
        std::mem::swap(&mut a, &mut b);
    }
    let (first, second) = if b.2 - a.2 >= IONIC { (a.4, b.5) } else { (a.3, b.3) };
    (first > 0.0 && second > 0.0).then_some(first + second)
}

/// Atoms nearer than this share of the sum of their radii are too near.
const TOO_NEAR: f64 = 0.62;

/// Least distance in angstrom of atoms whose radii are not known.
const LEAST: f64 = 1.0;

/// Distance in angstrom below which atoms are too near.
pub(crate) fn least_distance(a: Element, b: Element) -> f64 {
    expected(a, b).map_or(LEAST, |sum| TOO_NEAR * sum)
}

/// Whether every bond is as long as it should be. Bonds of elements without radii count as right.
pub(super) fn reasonable(structure: &Structure) -> bool {
    let hydrogen = |e: Element| e.atomic_number() == 1;
    bonds(structure).into_iter().all(|(a, b, length)| {
        let Some(sum) = expected(a, b) else { return true };
        if hydrogen(a) || hydrogen(b) {
            return length < HYDROGEN * sum;
        }
        (length / sum - 1.0).abs() <= TOLERANCE
    })
}

/// Elements and length in angstrom of every bond, seen from each of its ends.
fn bonds(structure: &Structure) -> Vec<(Element, Element, f64)> {
    let basis = structure.lattice.basis();
    let reach = images(structure);
    let mut found = Vec::new();
    for site in &structure.sites {
        let mut neighbours: Vec<(f64, Element)> = Vec::new();
        for other in &structure.sites {
            let away = crate::structure::nearest(other.position - site.position);
            for shift in &reach {
                let length = (basis * (away + shift)).norm();
                // the atom itself; of another atom on its place the length is no bond's
                if length > 1e-6 || !std::ptr::eq(site, other) {
                    neighbours.push((length, other.element));
                }
            }
        }
        let nearest = neighbours.iter().map(|n| n.0).fold(f64::INFINITY, f64::min);
        let near = neighbours.into_iter().filter(|n| n.0 <= SHELL * nearest);
        found.extend(near.map(|(length, element)| (site.element, element, length)));
    }
    found
}

/// Lattice vectors by which the nearest images of an atom are away, at most three cells each way.
fn images(structure: &Structure) -> Vec<Vector3<f64>> {
    const MOST: i32 = 3;
    let reciprocal = structure.lattice.reciprocal();
    let shortest = structure.lattice.parameters().lengths.into_iter().fold(f64::INFINITY, f64::min);
    // no atom is further from its nearest neighbour than from an image of its own
    let count = |k: usize| {
        let cells = SHELL * shortest * reciprocal.column(k).norm() + 0.5;
        (cells.ceil() as i32).clamp(1, MOST)
    };
    let [na, nb, nc] = [count(0), count(1), count(2)];
    let mut all = Vec::new();
    for i in -na..=na {
        for j in -nb..=nb {
            for k in -nc..=nc {
                all.push(Vector3::new(f64::from(i), f64::from(j), f64::from(k)));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cif;

    #[test]
    fn minerals_have_bonds_of_their_length_and_squeezed_ones_have_not() {
        let all = cif::read(include_str!("../../tests/data/minerals.cif")).unwrap();
        let named = ["halite", "rutile", "wurtzite", "quartz", "baddeleyite", "perovskite"];
        for mineral in all.iter().filter(|m| named.contains(&m.name.as_str())) {
            assert!(reasonable(&mineral.structure), "{}", mineral.name);
            assert!(!reasonable(&mineral.structure.scaled(0.6)), "{}", mineral.name);
            assert!(!reasonable(&mineral.structure.scaled(1.6)), "{}", mineral.name);
        }
    }

    #[test]
    fn a_cation_has_the_bonds_of_its_octahedron() {
        let all = cif::read(include_str!("../../tests/data/minerals.cif")).unwrap();
        let halite = &all.iter().find(|m| m.name == "halite").unwrap().structure;
        let found = bonds(halite);
        assert_eq!(found.len(), 6 * halite.sites.len());
        assert!(found.iter().all(|(a, b, length)| a != b && (length - 2.82).abs() < 0.01));
    }
}
