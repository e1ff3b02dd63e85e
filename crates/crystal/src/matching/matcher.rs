//! The search for the best match.

use nalgebra::{Matrix3, Vector3};

use super::assignment::assignment;
use super::primitive::Cell;
use crate::structure::nearest;
use crate::symmetry::SymmetryError;
use crate::{CellParameters, Element, Lattice, Structure};

/// Tolerances of a match.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StructureMatcher {
    /// Relative tolerance of lengths.
    pub length: f64,
    /// Tolerance of sites, in units of the cube root of the volume per atom.
    pub site: f64,
    /// Tolerance of angles in degrees.
    pub angle_deg: f64,
}

/// How far the atoms of two matched structures are apart, in units of the cube root of the volume per
/// atom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    /// Root of the mean square.
    pub rms: f64,
    /// Largest.
    pub max: f64,
}

/// A structure that is ready to be matched.
#[derive(Debug, Clone)]
pub struct Reduced(Cell);

impl Reduced {
    /// The primitive Niggli cell of a structure.
    ///
    /// # Errors
    ///
    /// Partial occupancies, no atoms.
    pub fn primitive(structure: &Structure) -> Result<Self, SymmetryError> {
        Ok(Self(cell_of(structure)?.niggli().primitive()))
    }

    /// The Niggli cell of a structure as it is, without a search for smaller cells.
    ///
    /// # Errors
    ///
    /// Partial occupancies, no atoms.
    pub fn as_given(structure: &Structure) -> Result<Self, SymmetryError> {
        Ok(Self(cell_of(structure)?.niggli()))
    }

    /// Number of atoms in the reduced cell.
    #[must_use]
    pub fn atoms(&self) -> usize {
        self.0.atoms.len()
    }
}

fn cell_of(structure: &Structure) -> Result<Cell, SymmetryError> {
    let mut atoms = Vec::with_capacity(structure.sites.len());
    for (k, site) in structure.sites.iter().enumerate() {
        if (site.occupancy - 1.0).abs() > 1e-6 {
            let (element, occupancy) = (site.element, site.occupancy);
            return Err(SymmetryError::PartialOccupancy { site: k + 1, element, occupancy });
        }
        atoms.push((site.element, site.position));
    }
    if atoms.is_empty() {
        return Err(SymmetryError::Empty);
    }
    Ok(Cell { lattice: structure.lattice, atoms })
}

/// What a search minimises.
#[derive(Clone, Copy, PartialEq)]
enum Goal {
    /// The largest distance; any below the tolerance will do.
    Any,
    /// The root mean square.
    LeastRms,
}

/// Squared distance of pairs that may not be.
const FORBIDDEN: f64 = 1e20;

/// A match this good ends the search.
const EXACT: f64 = 1e-5;

impl StructureMatcher {
    /// Tolerances of the benchmarks of crystal structure prediction (CDVAE, `DiffCSP`).
    pub const LOOSE: Self = Self { length: 0.3, site: 0.5, angle_deg: 10.0 };

    /// pymatgen's own tolerances.
    pub const STRICT: Self = Self { length: 0.2, site: 0.3, angle_deg: 5.0 };

    /// Whether two structures match: the largest distance is within the tolerance of sites.
    #[must_use]
    pub fn fits(&self, a: &Reduced, b: &Reduced) -> bool {
        self.search(a, b, Goal::Any).is_some()
    }

    /// The least root mean square distance, if it is within the tolerance of sites.
    #[must_use]
    pub fn distance(&self, a: &Reduced, b: &Reduced) -> Option<Distance> {
        self.search(a, b, Goal::LeastRms)
    }

    fn search(&self, a: &Reduced, b: &Reduced, goal: Goal) -> Option<Distance> {
        let (first, second) = same_volume(&a.0, &b.0)?;
        if !same_elements(&first, &second) {
            return None;
        }
        // an atom of the rarest element of the second goes onto each of its kind in the first
        let count = |e: Element| second.atoms.iter().filter(|(f, _)| *f == e).count();
        let anchor = second.atoms.iter().min_by_key(|(e, _)| count(*e))?;
        let mut best: Option<Distance> = None;
        let value = |d: &Distance| if goal == Goal::Any { d.max } else { d.rms };
        for axes in self.axes(&first.lattice, &second.lattice) {
            let Some(trial) = Trial::new(&first, &second, &axes, self.site) else { continue };
            for (element, place) in &trial.first {
                if *element != anchor.0 {
                    continue;
                }
                let Some(found) = trial.distance(&(place - anchor.1)) else { continue };
                if best.as_ref().is_none_or(|known| value(&found) < value(known)) {
                    let done =
                        value(&found) < self.site && (goal == Goal::Any || value(&found) < EXACT);
                    best = Some(found);
                    if done {
                        return best;
                    }
                }
            }
        }
        best.filter(|d| value(d) < self.site)
    }

    /// Integer matrices whose columns give axes of the first lattice that are near those of the second.
    fn axes(&self, first: &Lattice, second: &Lattice) -> Vec<Matrix3<i32>> {
        let wanted = second.parameters();
        let radius = wanted.lengths.iter().copied().fold(0.0, f64::max) * (1.0 + self.length);
        let points = lattice_points(first, radius);
        let near = |axis: usize| -> Vec<&(Vector3<i32>, Vector3<f64>, f64)> {
            let length = wanted.lengths[axis];
            let fits = |p: &&(Vector3<i32>, Vector3<f64>, f64)| {
                let ratio = p.2 / length;
                ratio < 1.0 + self.length && ratio > 1.0 / (1.0 + self.length)
            };
            points.iter().filter(fits).collect()
        };
        let (a, b, c) = (near(0), near(1), near(2));
        let angle = |p: &(Vector3<i32>, Vector3<f64>, f64),
                     q: &(Vector3<i32>, Vector3<f64>, f64),
                     wanted: f64| {
            let cos = (p.1.dot(&q.1) / (p.2 * q.2)).clamp(-1.0, 1.0);
            (cos.acos().to_degrees() - wanted).abs() <= self.angle_deg
        };
        let [alpha, beta, gamma] = wanted.angles_deg;
        let mut found = Vec::new();
        for p in &a {
            let thirds: Vec<_> = c.iter().filter(|r| angle(p, r, beta)).collect();
            for q in b.iter().filter(|q| angle(p, q, gamma)) {
                for r in thirds.iter().filter(|r| angle(q, r, alpha)) {
                    let matrix = Matrix3::from_columns(&[p.0, q.0, r.0]);
                    if matrix.map(f64::from).determinant().abs().round() == 1.0 {
                        found.push(matrix);
                    }
                }
            }
        }
        found
    }
}

/// Both cells scaled to the geometric mean of their volumes; none if they differ in atoms.
fn same_volume(a: &Cell, b: &Cell) -> Option<(Cell, Cell)> {
    if a.atoms.len() != b.atoms.len() {
        return None;
    }
    let ratio = (b.lattice.volume() / a.lattice.volume()).powf(1.0 / 6.0);
    let scaled = |cell: &Cell, factor: f64| Cell {
        lattice: cell.lattice.scaled(factor),
        atoms: cell.atoms.clone(),
    };
    Some((scaled(a, ratio), scaled(b, 1.0 / ratio)))
}

fn same_elements(a: &Cell, b: &Cell) -> bool {
    let sorted = |cell: &Cell| {
        let mut elements: Vec<Element> = cell.atoms.iter().map(|(e, _)| *e).collect();
        elements.sort_unstable();
        elements
    };
    sorted(a) == sorted(b)
}

/// Lattice points within a radius, but for the origin, with their places and distances.
fn lattice_points(lattice: &Lattice, radius: f64) -> Vec<(Vector3<i32>, Vector3<f64>, f64)> {
    let reciprocal = lattice.reciprocal();
    let bound = |axis: usize| (radius * reciprocal.column(axis).norm() + 1e-9).floor() as i32;
    let (na, nb, nc) = (bound(0), bound(1), bound(2));
    let mut points = Vec::new();
    for h in -na..=na {
        for k in -nb..=nb {
            for l in -nc..=nc {
                let index = Vector3::new(h, k, l);
                let place = lattice.basis() * index.map(f64::from);
                let distance = place.norm();
                if distance <= radius && distance > 1e-9 {
                    points.push((index, place, distance));
                }
            }
        }
    }
    points
}

/// Both structures on the mean of their lattices, for one choice of axes.
struct Trial {
    first: Vec<(Element, Vector3<f64>)>,
    second: Vec<(Element, Vector3<f64>)>,
    /// Fractional tolerance along the axes of the mean lattice.
    tolerance: Vector3<f64>,
    /// Reduced basis of the mean lattice, and fractional coordinates to its own.
    basis: Matrix3<f64>,
    to_reduced: Matrix3<f64>,
    reduced_tolerance: Vector3<f64>,
    /// One over the cube root of the volume per atom.
    normalisation: f64,
}

impl Trial {
    fn new(first: &Cell, second: &Cell, axes: &Matrix3<i32>, site: f64) -> Option<Self> {
        let axes = axes.map(f64::from);
        let aligned = Lattice::from_basis(first.lattice.basis() * axes).ok()?;
        let back = axes.try_inverse()?;
        let (a, b) = (aligned.parameters(), second.lattice.parameters());
        let mean = Lattice::from_parameters(CellParameters {
            lengths: std::array::from_fn(|i| f64::midpoint(a.lengths[i], b.lengths[i])),
            angles_deg: std::array::from_fn(|i| f64::midpoint(a.angles_deg[i], b.angles_deg[i])),
        });
        let mean = mean.ok()?;
        let reduction = moyo::base::Lattice { basis: *mean.basis() }.unchecked_niggli_reduce().1;
        let reduction = reduction.map(f64::from);
        let reduced = Lattice::from_basis(mean.basis() * reduction).ok()?;
        let normalisation = (first.atoms.len() as f64 / mean.volume()).cbrt();
        let tolerance = |lattice: &Lattice| {
            let reciprocal = lattice.reciprocal();
            Vector3::from_fn(|i, _| 2.0 * site * reciprocal.column(i).norm() / normalisation)
        };
        Some(Self {
            first: first.atoms.iter().map(|(e, x)| (*e, back * x)).collect(),
            second: second.atoms.clone(),
            tolerance: tolerance(&mean),
            basis: *reduced.basis(),
            to_reduced: reduction.try_inverse()?,
            reduced_tolerance: tolerance(&reduced),
            normalisation,
        })
    }

    /// Distances after the second structure is shifted; none if an atom has no partner near it.
    fn distance(&self, shift: &Vector3<f64>) -> Option<Distance> {
        let near = |v: &Vector3<f64>, t: &Vector3<f64>| (0..3).all(|i| v[i].abs() <= t[i]);
        let has_partner = |(element, x): &(Element, Vector3<f64>)| {
            let close = |(other, y): &(Element, Vector3<f64>)| {
                other == element && near(&nearest(y - x - shift), &self.tolerance)
            };
            self.first.iter().any(close)
        };
        if !self.second.iter().all(has_partner) {
            return None;
        }
        let n = self.second.len();
        let mut vectors = vec![vec![Vector3::zeros(); n]; n];
        let mut costs = vec![vec![FORBIDDEN; n]; n];
        for (i, (element, x)) in self.second.iter().enumerate() {
            for (j, (other, y)) in self.first.iter().enumerate() {
                let apart = nearest(self.to_reduced * (y - x - shift));
                if other == element && near(&apart, &self.reduced_tolerance) {
                    vectors[i][j] = shortest(&self.basis, &apart);
                    costs[i][j] = vectors[i][j].norm_squared();
                }
            }
        }
        let pairs = assignment(&costs);
        if pairs.iter().enumerate().any(|(i, &j)| costs[i][j] >= FORBIDDEN) {
            return None;
        }
        let apart: Vec<Vector3<f64>> =
            pairs.iter().enumerate().map(|(i, &j)| vectors[i][j]).collect();
        let mean = apart.iter().fold(Vector3::zeros(), |sum, v| sum + v) / n as f64;
        let squares: Vec<f64> = apart.iter().map(|v| (v - mean).norm_squared()).collect();
        let largest = squares.iter().copied().fold(0.0, f64::max);
        Some(Distance {
            rms: (squares.iter().sum::<f64>() / n as f64).sqrt() * self.normalisation,
            max: largest.sqrt() * self.normalisation,
        })
    }
}

/// The shortest of all vectors that differ by lattice vectors from `fractional`, which lies in
/// [-1/2, 1/2], for a reduced basis.
fn shortest(basis: &Matrix3<f64>, fractional: &Vector3<f64>) -> Vector3<f64> {
    let middle = basis * fractional;
    let mut best = middle;
    for h in -1..=1 {
        for k in -1..=1 {
            for l in -1..=1 {
                let image = middle + basis * Vector3::new(h, k, l).map(f64::from);
                if image.norm_squared() < best.norm_squared() {
                    best = image;
                }
            }
        }
    }
    best
}
