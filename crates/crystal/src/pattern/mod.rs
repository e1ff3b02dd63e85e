//! Measured powder patterns: reading, units, background.

mod background;
mod maxima;
mod read;
mod xrdml;

pub(crate) use background::noise;
pub use background::{background, without_background};
pub use maxima::{Maximum, PeakFinder, maxima};
pub use read::{Axis, PatternError, read};
pub use xrdml::read_xrdml;

use crate::diffraction::Radiation;

/// A measured pattern, angles ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// Angles 2 theta in degrees.
    pub two_theta_deg: Vec<f64>,
    /// Counts or another measure of intensity, as the file has them.
    pub intensity: Vec<f64>,
    /// Standard deviations of the intensities, where the file has them.
    pub sigma: Option<Vec<f64>>,
    /// Radiation of the angles.
    pub radiation: Radiation,
}

impl Pattern {
    /// The pattern with neighbouring points taken together, so that at most `most` are left: means of
    /// angles, sums of intensities, whose counting noise is then as it was.
    #[must_use]
    pub fn binned(&self, most: usize) -> Self {
        let every = self.two_theta_deg.len().div_ceil(most.max(1)).max(1);
        let sums = |values: &[f64]| -> Vec<f64> {
            values.chunks_exact(every).map(|part| part.iter().sum()).collect()
        };
        let squares = |values: &[f64]| -> Vec<f64> {
            let norm = |part: &[f64]| part.iter().map(|v| v * v).sum::<f64>().sqrt();
            values.chunks_exact(every).map(norm).collect()
        };
        Self {
            two_theta_deg: sums(&self.two_theta_deg).iter().map(|t| t / every as f64).collect(),
            intensity: sums(&self.intensity),
            sigma: self.sigma.as_deref().map(squares),
            radiation: self.radiation.clone(),
        }
    }

    /// Values of Q in 1/angstrom, for the strongest line.
    #[must_use]
    pub fn q(&self) -> Vec<f64> {
        let factor = 4.0 * std::f64::consts::PI / self.radiation.wavelength();
        self.two_theta_deg.iter().map(|t| factor * (t / 2.0).to_radians().sin()).collect()
    }
}
