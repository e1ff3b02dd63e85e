//! Niggli reduction, and smaller cells that repeat a structure to within a tolerance.

use std::collections::BTreeMap;

use nalgebra::{Matrix3, Vector3};

use crate::structure::{nearest, wrapped};
use crate::{Element, Lattice};

/// Distance in angstrom within which atoms count as repeated.
const TOLERANCE: f64 = 0.25;

/// Atoms of a cell without occupancies.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) lattice: Lattice,
    pub(super) atoms: Vec<(Element, Vector3<f64>)>,
}

impl Cell {
    /// The same crystal in its Niggli cell.
    pub(super) fn niggli(&self) -> Self {
        let basis = moyo::base::Lattice { basis: *self.lattice.basis() };
        let (_, change) = basis.unchecked_niggli_reduce();
        let change = change.map(f64::from);
        let reduced = Lattice::from_basis(self.lattice.basis() * change);
        let (Ok(lattice), Some(back)) = (reduced, change.try_inverse()) else {
            return self.clone();
        };
        let atoms = self.atoms.iter().map(|(e, x)| (*e, wrapped(back * x))).collect();
        Self { lattice, atoms }
    }

    /// The smallest cell that repeats the crystal to within the tolerance, Niggli reduced.
    pub(super) fn primitive(&self) -> Self {
        let mut cell = self.clone();
        while let Some(smaller) = cell.smaller() {
            cell = smaller.niggli();
        }
        cell
    }

    /// A smaller cell, if there is one.
    fn smaller(&self) -> Option<Self> {
        let mut groups: BTreeMap<Element, Vec<Vector3<f64>>> = BTreeMap::new();
        for (element, x) in &self.atoms {
            groups.entry(*element).or_default().push(*x);
        }
        let units = groups.values().map(Vec::len).fold(0, greatest_common_divisor);
        let lengths = self.lattice.parameters().lengths;
        let tolerance = Vector3::from(lengths.map(|l| TOLERANCE / l));
        let periods = self.periods(&groups, &(tolerance * 2.0));
        if units < 2 || periods.len() < 2 {
            return None;
        }
        let within = |v: Vector3<f64>, t: &Vector3<f64>| {
            let v = nearest(v);
            (0..3).all(|i| v[i].abs() < t[i])
        };
        for size in (2..=units).filter(|size| units.is_multiple_of(*size)) {
            for multiple in supercells(size) {
                let Some(inverse) = multiple.try_inverse() else { continue };
                let known = |row: usize| {
                    let v = inverse.row(row).transpose();
                    periods.iter().any(|p| within(v - p, &tolerance))
                };
                if (0..3).all(known)
                    && let Some(cell) = self.folded(&groups, &multiple, &inverse, size)
                {
                    return Some(cell);
                }
            }
        }
        None
    }

    /// Vectors between atoms of the rarest element that carry every atom near one of its kind.
    fn periods(
        &self,
        groups: &BTreeMap<Element, Vec<Vector3<f64>>>,
        tolerance: &Vector3<f64>,
    ) -> Vec<Vector3<f64>> {
        let Some(rarest) = groups.values().min_by_key(|g| g.len()) else {
            return Vec::new();
        };
        let mut periods: Vec<Vector3<f64>> = rarest.iter().map(|x| x - rarest[0]).collect();
        for group in groups.values() {
            periods.retain(|p| {
                group.iter().all(|from| {
                    group.iter().any(|to| {
                        let v = nearest(to - from - p);
                        (0..3).all(|i| v[i].abs() <= tolerance[i])
                    })
                })
            });
        }
        periods
    }

    /// The structure in the cell whose rows are `inverse` times the old vectors, atoms that coincide
    /// averaged. None if atoms do not fall together in groups of the right size.
    fn folded(
        &self,
        groups: &BTreeMap<Element, Vec<Vector3<f64>>>,
        multiple: &Matrix3<f64>,
        inverse: &Matrix3<f64>,
        size: usize,
    ) -> Option<Self> {
        let lattice = Lattice::from_basis(self.lattice.basis() * inverse.transpose()).ok()?;
        let old = self.lattice.parameters().lengths.map(|l| 2.0 * TOLERANCE / l);
        let new = lattice.parameters().lengths.map(|l| TOLERANCE / l);
        let mut atoms = Vec::new();
        for (element, group) in groups {
            let folded: Vec<Vector3<f64>> =
                group.iter().map(|x| wrapped(multiple.transpose() * x)).collect();
            let together = |i: usize, j: usize| {
                let apart = nearest(group[i] - group[j]);
                let near = nearest(folded[i] - folded[j]);
                let neighbours = (0..3).all(|k| apart[k].abs() <= old[k]);
                (0..3).all(|k| near[k].abs() < new[k]) && (i == j || !neighbours)
            };
            let mut added = vec![false; group.len()];
            for i in 0..group.len() {
                let same: Vec<usize> = (0..group.len()).filter(|&j| together(i, j)).collect();
                let clique = same.iter().all(|&j| same.iter().all(|&k| together(j, k)));
                if same.len() != size || !clique {
                    return None;
                }
                if added[i] {
                    continue;
                }
                let offsets = same.iter().map(|&j| nearest(folded[j] - folded[i]));
                let mean = offsets.fold(Vector3::zeros(), |sum, d| sum + d) / size as f64;
                same.iter().for_each(|&j| added[j] = true);
                atoms.push((*element, wrapped(folded[i] + mean)));
            }
        }
        Some(Self { lattice, atoms })
    }
}

/// Matrices in Hermite normal form of a determinant: one of each distinct supercell.
fn supercells(determinant: usize) -> Vec<Matrix3<f64>> {
    let mut found = Vec::new();
    let divisors = |n: usize| (1..=n).filter(move |d| n.is_multiple_of(*d));
    for a in divisors(determinant) {
        for e in divisors(determinant / a) {
            let g = determinant / a / e;
            for k in 0..a * a * e {
                let (b, c, f) = (k / (a * e), k / e % a, k % e);
                let entry = |x: usize| x as f64;
                found.push(Matrix3::new(
                    entry(a),
                    entry(b),
                    entry(c),
                    0.0,
                    entry(e),
                    entry(f),
                    0.0,
                    0.0,
                    entry(g),
                ));
            }
        }
    }
    found
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
