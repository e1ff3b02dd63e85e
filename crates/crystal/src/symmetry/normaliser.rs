//! Changes of axes and origin under which a space group stays as it is.
//!
//! One representative of each coset of the group in its affine normaliser, found by trying: point
//! parts of the lattice's holohedry (in monoclinic groups also other axes in the plane of a and c),
//! origins on a grid of twelfths. Free shifts along polar axes are left out.

use nalgebra::{Matrix3, Vector3};

use super::group::SAME_PLACE;
use super::{CrystalSystem, SpaceGroup};
use crate::structure::wrapped;

/// x' = linear x + shift.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) linear: Matrix3<f64>,
    /// Linear part on axes: new basis = old basis times this.
    pub(super) axes: Matrix3<f64>,
    pub(super) shift: Vector3<f64>,
    /// New place in the list of Wyckoff positions for each old one.
    pub(super) positions: Vec<usize>,
}

/// Representatives of the cosets.
#[derive(Debug)]
pub(super) struct Normaliser {
    pub(super) changes: Vec<Change>,
}

/// Steps of the grid of origins along each axis.
const GRID: i32 = 12;

/// Values of the free coordinates on which no two positions meet.
const GENERAL: [f64; 3] = [0.1389, 0.2871, 0.4119];

impl Normaliser {
    pub(super) fn of(group: &SpaceGroup) -> Self {
        let polar = group.polar_axes();
        let shifts = origin_shifts(group, &polar);
        let mut changes = Vec::new();
        for linear in point_parts(group) {
            let Some(first) = first_shift(group, &linear) else {
                continue;
            };
            let Some(axes) = linear.try_inverse() else {
                continue;
            };
            for extra in &shifts {
                let shift = wrapped(first + extra);
                if let Some(positions) = permutation(group, &linear, &shift) {
                    changes.push(Change { linear, axes, shift, positions });
                }
            }
        }
        Self { changes }
    }
}

/// Linear parts that may keep the group, one of each coset of its point group.
fn point_parts(group: &SpaceGroup) -> Vec<Matrix3<f64>> {
    let rotations: Vec<Matrix3<i32>> = group.operations.iter().map(|o| o.rotation).collect();
    let mut seen: Vec<Matrix3<i32>> = Vec::new();
    let mut parts = Vec::new();
    for candidate in candidates(group.system()) {
        if !seen.contains(&candidate) {
            seen.extend(rotations.iter().map(|r| candidate * r));
            parts.push(candidate.map(f64::from));
        }
    }
    parts
}

/// Linear parts to try: the holohedry, and for monoclinic groups changes of a and c.
fn candidates(system: CrystalSystem) -> Vec<Matrix3<i32>> {
    let signed = |permutation: [usize; 3], signs: [i32; 3]| {
        let mut m = Matrix3::zeros();
        for row in 0..3 {
            m[(row, permutation[row])] = signs[row];
        }
        m
    };
    let signs: Vec<[i32; 3]> =
        (0..8).map(|k| [0, 1, 2].map(|bit| if k >> bit & 1 == 0 { 1 } else { -1 })).collect();
    let all = |permutations: &[[usize; 3]]| -> Vec<Matrix3<i32>> {
        permutations.iter().flat_map(|p| signs.iter().map(|s| signed(*p, *s))).collect()
    };
    match system {
        CrystalSystem::Triclinic => vec![Matrix3::identity(), -Matrix3::identity()],
        CrystalSystem::Monoclinic => monoclinic_candidates(),
        CrystalSystem::Tetragonal => all(&[[0, 1, 2], [1, 0, 2]]),
        CrystalSystem::Orthorhombic | CrystalSystem::Cubic => {
            all(&[[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
        }
        CrystalSystem::Hexagonal => {
            let sixfold = Matrix3::new(1, -1, 0, 1, 0, 0, 0, 0, 1);
            let swap = Matrix3::new(0, 1, 0, 1, 0, 0, 0, 0, 1);
            let flip = Matrix3::new(1, 0, 0, 0, 1, 0, 0, 0, -1);
            let mut found = Vec::new();
            let mut turn = Matrix3::identity();
            for _ in 0..6 {
                found.extend([turn, turn * swap, turn * flip, turn * swap * flip]);
                turn *= sixfold;
            }
            found
        }
    }
}

/// Unimodular changes of a and c with coefficients up to 2, b kept or turned over.
fn monoclinic_candidates() -> Vec<Matrix3<i32>> {
    let mut found = vec![Matrix3::identity()];
    let range = || -2..=2_i32;
    for p in range() {
        for q in range() {
            for r in range() {
                for s in range() {
                    if (p * s - q * r).abs() == 1 {
                        for b in [1, -1] {
                            found.push(Matrix3::new(p, 0, q, 0, b, 0, r, 0, s));
                        }
                    }
                }
            }
        }
    }
    found
}

/// Points of the grid of origins.
fn grid() -> impl Iterator<Item = Vector3<f64>> {
    let step = f64::from(GRID);
    (0..GRID.pow(3)).map(move |k| {
        Vector3::new(
            f64::from(k / (GRID * GRID)) / step,
            f64::from(k / GRID % GRID) / step,
            f64::from(k % GRID) / step,
        )
    })
}

/// Shifts of the origin that keep the group, but for lattice translations and polar axes.
fn origin_shifts(group: &SpaceGroup, polar: &[usize]) -> Vec<Vector3<f64>> {
    let mut found: Vec<Vector3<f64>> = Vec::new();
    for t in grid().filter(|t| polar.iter().all(|&axis| t[axis] == 0.0)) {
        let keeps = |rotation: &Matrix3<i32>| {
            group.is_translation(&(rotation.map(f64::from) * t - t), SAME_PLACE)
        };
        let new = |f: &Vector3<f64>| !group.is_translation(&(t - f), SAME_PLACE);
        if group.operations.iter().all(|o| keeps(&o.rotation)) && found.iter().all(new) {
            found.push(t);
        }
    }
    found
}

/// A shift that, with this linear part, carries the group into itself.
fn first_shift(group: &SpaceGroup, linear: &Matrix3<f64>) -> Option<Vector3<f64>> {
    let inverse = linear.try_inverse()?;
    if !group.centring.iter().all(|c| group.is_translation(&(linear * c), SAME_PLACE)) {
        return None;
    }
    // the image of (R, t) under (W, u) is (W R W^-1, W t + u - W R W^-1 u)
    let mut conditions = Vec::new();
    for operation in group.operations.iter().take(group.operations.len() / group.centring.len()) {
        let turned = linear * operation.rotation.map(f64::from) * inverse;
        let target =
            group.operations.iter().find(|o| (o.rotation.map(f64::from) - turned).amax() < 1e-6)?;
        let difference = Matrix3::identity() - turned;
        conditions.push((difference, linear * operation.translation - target.translation));
    }
    grid().find(|u| conditions.iter().all(|(m, t)| group.is_translation(&(m * u + t), SAME_PLACE)))
}

/// How a change permutes the Wyckoff positions.
fn permutation(
    group: &SpaceGroup,
    linear: &Matrix3<f64>,
    shift: &Vector3<f64>,
) -> Option<Vec<usize>> {
    let moved = |position: &super::WyckoffPosition| {
        let x = position.position(&GENERAL[..position.degrees_of_freedom()]);
        group.locate(&(linear * x + shift), SAME_PLACE).map(|(k, _)| k)
    };
    group.positions.iter().map(moved).collect()
}
