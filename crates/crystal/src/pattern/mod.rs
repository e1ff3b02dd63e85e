//! Measured powder patterns: reading, units, background.

mod background;
mod read;
mod xrdml;

pub use background::{background, without_background};
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
    /// Values of Q in 1/angstrom, for the strongest line.
    #[must_use]
    pub fn q(&self) -> Vec<f64> {
        let factor = 4.0 * std::f64::consts::PI / self.radiation.wavelength();
        self.two_theta_deg.iter().map(|t| factor * (t / 2.0).to_radians().sin()).collect()
    }
}
