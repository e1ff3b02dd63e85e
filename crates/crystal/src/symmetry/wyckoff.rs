//! Wyckoff positions: where the atoms of an orbit may sit.

use nalgebra::{DMatrix, Matrix3, Vector3};

use crate::structure::nearest;

/// A Wyckoff position: its first atom sits at `origin + linear * (x, y, z)`.
#[derive(Debug, Clone, PartialEq)]
pub struct WyckoffPosition {
    /// Its letter.
    pub letter: char,
    /// Atoms in the conventional cell.
    pub multiplicity: usize,
    /// Symbol of its site symmetry.
    pub site_symmetry: &'static str,
    /// Coordinates as the International Tables write them, for example `x,2x,1/4`.
    pub coordinates: &'static str,
    linear: Matrix3<f64>,
    origin: Vector3<f64>,
    /// Which of x, y, z are free.
    free: Vec<usize>,
    /// For each free variable a coordinate that is it alone, with its sign.
    pivots: Vec<(usize, f64)>,
    /// Least-squares solution of the free variables.
    solve: DMatrix<f64>,
}

impl WyckoffPosition {
    /// A position from its row of the table. None if the coordinates cannot be read.
    pub(super) fn new(row: &moyo::data::WyckoffPosition) -> Option<Self> {
        let (linear, origin) = parse(row.coordinates)?;
        let free: Vec<usize> = (0..3).filter(|&c| linear.column(c).norm() > 0.0).collect();
        let pivot = |&column: &usize| {
            (0..3).find_map(|row| {
                let alone = (0..3).all(|c| c == column || linear[(row, c)] == 0.0);
                let value = linear[(row, column)];
                (alone && value.abs() == 1.0).then_some((row, value))
            })
        };
        let pivots = free.iter().map(pivot).collect::<Option<Vec<_>>>()?;
        let columns = DMatrix::from_fn(3, free.len(), |r, c| linear[(r, free[c])]);
        let solve = if free.is_empty() {
            DMatrix::zeros(0, 3)
        } else {
            columns.pseudo_inverse(1e-9).ok()?
        };
        Some(Self {
            letter: row.letter,
            multiplicity: row.multiplicity,
            site_symmetry: row.site_symmetry,
            coordinates: row.coordinates,
            linear,
            origin,
            free,
            pivots,
            solve,
        })
    }

    /// Number of free coordinates.
    #[must_use]
    pub fn degrees_of_freedom(&self) -> usize {
        self.free.len()
    }

    /// Which of x, y, z (0, 1, 2) are free.
    #[must_use]
    pub fn free(&self) -> &[usize] {
        &self.free
    }

    /// Place of the first atom for values of the free coordinates.
    #[must_use]
    pub fn position(&self, parameters: &[f64]) -> Vector3<f64> {
        let mut x = self.origin;
        for (&column, &value) in self.free.iter().zip(parameters) {
            x += self.linear.column(column) * value;
        }
        x
    }

    /// Change of the first atom's place with a free coordinate.
    #[must_use]
    pub fn direction(&self, parameter: usize) -> Vector3<f64> {
        self.linear.column(self.free[parameter]).into_owned()
    }

    /// Free coordinates in [0, 1) that put the first atom at `x` but for lattice vectors, if it can
    /// sit there within `tolerance` (fractional).
    pub(super) fn parameters_at(&self, x: &Vector3<f64>, tolerance: f64) -> Option<Vec<f64>> {
        let from_origin = x - self.origin;
        let rough: Vec<f64> = self.pivots.iter().map(|&(r, sign)| sign * from_origin[r]).collect();
        let away = nearest(from_origin - (self.position(&rough) - self.origin));
        // least squares may share the remainder out, so twice the tolerance first
        if away.amax() > 2.0 * tolerance {
            return None;
        }
        let mut parameters = rough;
        if !self.free.is_empty() {
            for (value, correction) in parameters.iter_mut().zip((&self.solve * away).iter()) {
                *value += correction;
            }
            let left = nearest(from_origin - (self.position(&parameters) - self.origin));
            if left.amax() > tolerance {
                return None;
            }
        } else if away.amax() > tolerance {
            return None;
        }
        for value in &mut parameters {
            *value -= value.floor();
            if *value >= 1.0 {
                *value = 0.0;
            }
        }
        Some(parameters)
    }
}

/// Linear part and origin of coordinates such as `x,2x,-z+1/4`.
fn parse(coordinates: &str) -> Option<(Matrix3<f64>, Vector3<f64>)> {
    let mut linear = Matrix3::zeros();
    let mut origin = Vector3::zeros();
    for (row, term) in coordinates.split(',').enumerate() {
        let spaced = term.replace(' ', "").replace('-', "+-");
        for part in spaced.split('+').filter(|p| !p.is_empty()) {
            let (sign, body) = part.strip_prefix('-').map_or((1.0, part), |b| (-1.0, b));
            let variable = ["x", "y", "z"].iter().position(|v| body.ends_with(v));
            if let Some(column) = variable {
                let factor = &body[..body.len() - 1];
                let factor = if factor.is_empty() { 1.0 } else { factor.parse().ok()? };
                *linear.get_mut((row, column))? += sign * factor;
            } else {
                let value = match body.split_once('/') {
                    Some((over, under)) => over.parse::<f64>().ok()? / under.parse::<f64>().ok()?,
                    None => body.parse().ok()?,
                };
                *origin.get_mut(row)? += sign * value;
            }
        }
    }
    Some((linear, origin))
}
