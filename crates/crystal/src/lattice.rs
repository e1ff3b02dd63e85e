//! Lattices: cell parameters and basis vectors.

use nalgebra::{Matrix3, Vector3};
use thiserror::Error;

/// Lengths in angstrom and angles in degrees of a unit cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellParameters {
    /// Lengths a, b, c in angstrom.
    pub lengths: [f64; 3],
    /// Angles alpha (b, c), beta (a, c), gamma (a, b) in degrees.
    pub angles_deg: [f64; 3],
}

/// Why three lengths and angles, or three vectors, span no cell.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum LatticeError {
    /// A length that is not positive and finite.
    #[error("cell length {name} is {value}: lengths are positive, in angstrom")]
    Length {
        /// `a`, `b` or `c`.
        name: char,
        /// Its value.
        value: f64,
    },
    /// An angle outside (0, 180) degrees.
    #[error("cell angle {name} is {value}: angles lie between 0 and 180 degrees")]
    Angle {
        /// `alpha`, `beta` or `gamma`.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// Angles or vectors that span no volume.
    #[error("the cell has no volume: its angles or vectors cannot be those of a cell")]
    Flat,
}

/// Three basis vectors, in angstrom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lattice {
    basis: Matrix3<f64>,
}

/// Smallest volume of a unit cell over the product of its lengths.
const FLATTEST: f64 = 1e-6;

impl Lattice {
    /// Lattice of given lengths and angles: a along x, b in the plane of x and y.
    ///
    /// # Errors
    ///
    /// Lengths, angles or their combination that span no cell.
    pub fn from_parameters(cell: CellParameters) -> Result<Self, LatticeError> {
        for (name, value) in ['a', 'b', 'c'].into_iter().zip(cell.lengths) {
            if !(value.is_finite() && value > 0.0) {
                return Err(LatticeError::Length { name, value });
            }
        }
        for (name, value) in ["alpha", "beta", "gamma"].into_iter().zip(cell.angles_deg) {
            if !(value > 0.0 && value < 180.0) {
                return Err(LatticeError::Angle { name, value });
            }
        }
        let [a, b, c] = cell.lengths;
        let [cos_alpha, cos_beta, cos_gamma] = cell.angles_deg.map(cosine_deg);
        let sin_gamma = (1.0 - cos_gamma * cos_gamma).sqrt();
        let y = (cos_alpha - cos_beta * cos_gamma) / sin_gamma;
        let z2 = 1.0 - cos_beta * cos_beta - y * y;
        if z2 <= FLATTEST * FLATTEST {
            return Err(LatticeError::Flat);
        }
        Self::from_basis(Matrix3::from_columns(&[
            Vector3::new(a, 0.0, 0.0),
            Vector3::new(b * cos_gamma, b * sin_gamma, 0.0),
            Vector3::new(c * cos_beta, c * y, c * z2.sqrt()),
        ]))
    }

    /// Lattice of basis vectors, the columns of `basis`, in angstrom.
    ///
    /// # Errors
    ///
    /// Vectors in one plane, or values that are not finite.
    pub fn from_basis(basis: Matrix3<f64>) -> Result<Self, LatticeError> {
        let product: f64 = basis.column_iter().map(|v| v.norm()).product();
        let volume = basis.determinant().abs();
        if volume.is_finite() && product.is_finite() && volume > FLATTEST * product {
            Ok(Self { basis })
        } else {
            Err(LatticeError::Flat)
        }
    }

    /// Basis vectors as columns, in angstrom: cartesian = basis * fractional.
    #[must_use]
    pub const fn basis(&self) -> &Matrix3<f64> {
        &self.basis
    }

    /// Reciprocal basis vectors as columns, in 1/angstrom and without the factor 2 pi.
    #[must_use]
    pub fn reciprocal(&self) -> Matrix3<f64> {
        // a lattice has a volume, see `from_basis`
        self.basis.try_inverse().unwrap_or_else(Matrix3::zeros).transpose()
    }

    /// Volume of the cell in cubic angstrom.
    #[must_use]
    pub fn volume(&self) -> f64 {
        self.basis.determinant().abs()
    }

    /// Dot products of the basis vectors, in square angstrom.
    #[must_use]
    pub fn metric(&self) -> Matrix3<f64> {
        self.basis.transpose() * self.basis
    }

    /// Lengths and angles.
    #[must_use]
    pub fn parameters(&self) -> CellParameters {
        let v: [Vector3<f64>; 3] = std::array::from_fn(|i| self.basis.column(i).into_owned());
        let angle = |p: &Vector3<f64>, q: &Vector3<f64>| p.angle(q).to_degrees();
        CellParameters {
            lengths: std::array::from_fn(|i| v[i].norm()),
            angles_deg: [angle(&v[1], &v[2]), angle(&v[0], &v[2]), angle(&v[0], &v[1])],
        }
    }

    /// The lattice with all lengths multiplied by `factor`, which is positive.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self { basis: self.basis * factor }
    }
}

/// Cosine of an angle in degrees, exact at 60, 90 and 120.
fn cosine_deg(angle: f64) -> f64 {
    if (angle - 90.0).abs() < 1e-12 {
        0.0
    } else if (angle - 120.0).abs() < 1e-12 {
        -0.5
    } else if (angle - 60.0).abs() < 1e-12 {
        0.5
    } else {
        angle.to_radians().cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_survive_the_way_through_the_basis() {
        let cell = CellParameters { lengths: [3.0, 4.5, 7.25], angles_deg: [81.0, 97.5, 112.0] };
        let back = Lattice::from_parameters(cell).unwrap().parameters();
        for i in 0..3 {
            assert!((back.lengths[i] - cell.lengths[i]).abs() < 1e-12);
            assert!((back.angles_deg[i] - cell.angles_deg[i]).abs() < 1e-10);
        }
    }

    #[test]
    fn impossible_cells_are_refused() {
        let of =
            |lengths, angles_deg| Lattice::from_parameters(CellParameters { lengths, angles_deg });
        assert!(matches!(of([0.0, 1.0, 1.0], [90.0; 3]), Err(LatticeError::Length { .. })));
        assert!(matches!(of([1.0; 3], [90.0, 180.0, 90.0]), Err(LatticeError::Angle { .. })));
        assert_eq!(of([1.0; 3], [60.0, 60.0, 170.0]), Err(LatticeError::Flat));
        assert!(of([f64::NAN, 1.0, 1.0], [90.0; 3]).is_err());
    }
}
