//! What the data have told: contraction, informed directions, mass at the faces of the box.

use crate::draws::Draws;
use crate::error::CalibrateError;
use crate::linear::{Cholesky, symmetric_eigen};
use crate::posterior::Parameter;

/// What the posterior knows that the prior did not.
#[derive(Debug, Clone, PartialEq)]
pub struct Identification {
    /// By coordinate, `1 - posterior variance / prior variance`: 0 where the data say nothing, near 1
    /// where they decide.
    pub contraction: Vec<f64>,
    /// Prior variance over posterior variance along the directions, falling.
    pub information: Vec<f64>,
    /// Unit vectors of those directions, over coordinates whitened by the prior.
    pub directions: Vec<Vec<f64>>,
}

/// Information from which a direction counts as informed: the data know as much as the prior.
const INFORMED: f64 = 2.0;

impl Identification {
    /// Compares draws of the posterior with draws of the prior, in the same coordinates.
    ///
    /// # Errors
    /// Draws of unequal dimension, or prior draws that do not vary.
    pub fn new(posterior: &Draws, prior: &Draws) -> Result<Self, CalibrateError> {
        let d = posterior.dim;
        if prior.dim != d {
            let what = "coordinates of the prior's draws";
            return Err(CalibrateError::WrongLength { what, found: prior.dim, expected: d });
        }
        let (after, before) = (posterior.covariance(), prior.covariance());
        let factor = Cholesky::new(&before, d).map_err(|row| {
            CalibrateError::NotPositiveDefinite { what: "the covariance of the prior's draws", row }
        })?;
        // L⁻¹ A L⁻ᵀ: whiten the rows, then the columns
        let mut rows: Vec<Vec<f64>> = after.chunks_exact(d).map(<[f64]>::to_vec).collect();
        rows.iter_mut().for_each(|row| factor.solve_lower(row));
        let mut ratio = vec![0.0; d * d];
        for j in 0..d {
            let mut column: Vec<f64> = rows.iter().map(|row| row[j]).collect();
            factor.solve_lower(&mut column);
            column.iter().enumerate().for_each(|(i, v)| ratio[i * d + j] = *v);
        }
        let (variances, mut directions) = symmetric_eigen(&ratio, d);
        directions.reverse();
        let information = variances.iter().rev().map(|v| 1.0 / v.max(f64::MIN_POSITIVE)).collect();
        let contraction = (0..d).map(|k| 1.0 - after[k * d + k] / before[k * d + k]).collect();
        Ok(Self { contraction, information, directions })
    }

    /// Number of directions that the data inform.
    #[must_use]
    pub fn informed(&self) -> usize {
        self.information.iter().filter(|&&i| i > INFORMED).count()
    }
}

/// Share of the posterior's mass within 1 % of each end of a parameter's range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faces {
    /// At the lower end; 0 where there is none.
    pub low: f64,
    /// At the upper end; 0 where there is none.
    pub high: f64,
}

/// Mass at a face from which the box, and not the data, bounds a parameter: five times that of a
/// posterior as flat as its box.
pub const FACE_MASS_LIMIT: f64 = 0.05;

impl Faces {
    /// Whether the posterior leans on a face.
    #[must_use]
    pub fn leaning(&self) -> bool {
        self.low > FACE_MASS_LIMIT || self.high > FACE_MASS_LIMIT
    }
}

/// Mass at the faces of each parameter, from draws of parameters. Distances are those of the
/// logarithm for parameters with a logarithmic prior.
#[must_use]
pub fn faces(draws: &Draws, parameters: &[Parameter]) -> Vec<Faces> {
    const NEAR: f64 = 0.01;
    let count = draws.positions().count().max(1) as f64;
    let one = |(k, parameter): (usize, &Parameter)| {
        let (low, high) = parameter.range();
        let place = |x: f64| match parameter.transform() {
            crate::Transform::LogInterval { .. } => (x / low).ln() / (high / low).ln(),
            _ => (x - low) / (high - low),
        };
        if !(low.is_finite() && high.is_finite()) {
            return Faces { low: 0.0, high: 0.0 };
        }
        let places = || draws.positions().map(|x| place(x[k]));
        Faces {
            low: places().filter(|p| *p < NEAR).count() as f64 / count,
            high: places().filter(|p| *p > 1.0 - NEAR).count() as f64 / count,
        }
    };
    parameters.iter().enumerate().map(one).collect()
}
