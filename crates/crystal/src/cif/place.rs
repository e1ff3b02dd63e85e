//! Atoms of the cell from those of the asymmetric unit, each once.

use std::collections::HashMap;

use nalgebra::{Matrix3, Vector3};

use super::atoms::Row;
use super::{CifError, CifWarning, Operation};
use crate::structure::{nearest, wrapped};
use crate::{Lattice, Site};

/// Images of an atom nearer than this are one, in angstrom: coordinates such as 0.333 on a special position.
const SAME_IMAGE: f64 = 0.05;

/// Atoms of two rows nearer than this are in one place, in angstrom.
const SAME_PLACE: f64 = 0.005;

/// Atoms nearer than this cannot both be there, in angstrom: no bond is as short.
const TOO_NEAR: f64 = 0.5;

/// Largest sum of the occupancies in one place; values are rounded.
const FULLEST: f64 = 1.02;

/// A site of the cell and the row that it comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) site: Site,
    pub(super) row: usize,
}

/// Adds the images of a row's site under the operations, those on one place averaged.
pub(super) fn expand(
    lattice: &Lattice,
    operations: &[Operation],
    (row, site): (usize, Site),
    placed: &mut Vec<Placed>,
) {
    let basis = lattice.basis();
    let mut images: Vec<(Vector3<f64>, Vector3<f64>, f64)> = Vec::new();
    for operation in operations {
        let image = wrapped(operation.apply(&site.position));
        let same = images.iter_mut().find_map(|(first, sum, count)| {
            let away = nearest(image - *first);
            ((basis * away).norm() < SAME_IMAGE).then_some((away, sum, count))
        });
        match same {
            Some((away, sum, count)) => {
                *sum += away;
                *count += 1.0;
            }
            None => images.push((image, Vector3::zeros(), 1.0)),
        }
    }
    placed.extend(images.into_iter().map(|(first, sum, count)| Placed {
        site: Site { position: wrapped(first + sum / count), ..site },
        row,
    }));
}

/// The cell cut into boxes at least [`TOO_NEAR`] wide, with the sites in each.
pub(super) struct Boxes {
    basis: Matrix3<f64>,
    counts: [i64; 3],
    sites: HashMap<[i64; 3], Vec<(usize, Vector3<f64>)>>,
}

impl Boxes {
    pub(super) fn new(lattice: &Lattice) -> Self {
        const MOST: f64 = 1000.0;
        let reciprocal = lattice.reciprocal();
        let count = |i: usize| (1.0 / (TOO_NEAR * reciprocal.column(i).norm())).floor();
        let counts = std::array::from_fn(|i| count(i).clamp(1.0, MOST) as i64);
        Self { basis: *lattice.basis(), counts, sites: HashMap::new() }
    }

    pub(super) fn add(&mut self, k: usize, position: Vector3<f64>) {
        self.sites.entry(self.of(&position)).or_default().push((k, position));
    }

    fn of(&self, position: &Vector3<f64>) -> [i64; 3] {
        let place = |i: usize| {
            let n = self.counts[i];
            ((position[i] * n as f64).floor() as i64).rem_euclid(n)
        };
        std::array::from_fn(place)
    }

    /// Sites within [`TOO_NEAR`] with their distances in angstrom, in the order in which they were added.
    pub(super) fn near(&self, position: &Vector3<f64>) -> Vec<(usize, f64)> {
        let own = self.of(position);
        let steps = |i: usize| {
            let n = self.counts[i];
            let mut all: Vec<i64> = [-1, 0, 1].iter().map(|d| (own[i] + d).rem_euclid(n)).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        let [x, y, z] = [steps(0), steps(1), steps(2)];
        let mut found = Vec::new();
        for &i in &x {
            for &j in &y {
                for k in &z {
                    for (site, other) in self.sites.get(&[i, j, *k]).into_iter().flatten() {
                        let distance = (self.basis * nearest(position - other)).norm();
                        if distance < TOO_NEAR {
                            found.push((*site, distance));
                        }
                    }
                }
            }
        }
        found.sort_by_key(|(site, _)| *site);
        found
    }
}

/// Sites of a cell, each once, and what was found on the way.
pub(super) struct Cell {
    pub(super) placed: Vec<Placed>,
    pub(super) warnings: Vec<CifWarning>,
    /// Pairs of atoms that cannot both be there.
    pub(super) clashes: usize,
    /// Atoms that were listed more than once.
    pub(super) duplicates: usize,
}

/// Leaves out atoms that are listed more than once, and refuses places with more than one atom.
pub(super) fn settle(
    lattice: &Lattice,
    rows: &[Row],
    placed: Vec<Placed>,
) -> Result<Cell, CifError> {
    let label = |p: &Placed| rows[p.row].label.clone();
    let mut boxes = Boxes::new(lattice);
    let mut kept: Vec<Placed> = Vec::new();
    // by the first site of each place, the sites there
    let mut places: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut duplicate: Option<(String, String, usize)> = None;
    let mut near: Option<(String, String, f64)> = None;
    let mut clashes = 0;
    for p in placed {
        let around = boxes.near(&p.site.position);
        let Some((place, _)) = around.iter().find(|(_, d)| *d < SAME_PLACE) else {
            let here = p.site.occupancy;
            for (k, distance) in around.into_iter().filter(|(k, _)| {
                places[k].iter().map(|s| kept[*s].site.occupancy).sum::<f64>() + here > FULLEST
            }) {
                clashes += 1;
                if near.as_ref().is_none_or(|(_, _, least)| distance < *least) {
                    near = Some((label(&kept[k]), label(&p), distance));
                }
            }
            boxes.add(kept.len(), p.site.position);
            places.insert(kept.len(), vec![kept.len()]);
            kept.push(p);
            continue;
        };
        let there = places.entry(*place).or_default();
        let occupied: f64 = there.iter().map(|k| kept[*k].site.occupancy).sum();
        if occupied + p.site.occupancy <= FULLEST {
            there.push(kept.len());
            kept.push(p);
            continue;
        }
        let same = |k: &&usize| {
            let other = &kept[**k].site;
            let share = (other.occupancy - p.site.occupancy).abs();
            other.element == p.site.element && share < FULLEST - 1.0
        };
        let Some(first) = there.iter().find(same) else {
            let (first, second) = (label(&kept[*place]), label(&p));
            let sum = occupied + p.site.occupancy;
            return Err(CifError::Overfull { line: rows[p.row].line, first, second, sum });
        };
        let names = (label(&kept[*first]), label(&p));
        duplicate.get_or_insert((names.0, names.1, 0)).2 += 1;
    }
    let duplicates = duplicate.as_ref().map_or(0, |(.., count)| *count);
    let mut warnings = Vec::new();
    warnings.extend(duplicate.map(|(first, second, count)| CifWarning::Duplicate {
        first,
        second,
        count,
    }));
    warnings.extend(near.map(|(first, second, distance)| CifWarning::TooNear {
        first,
        second,
        distance,
    }));
    Ok(Cell { placed: kept, warnings, clashes, duplicates })
}
