//! Schedules.

use crate::diffraction::QGrid;

/// What a stage moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Free {
    /// The cell.
    Cell,
    /// Cell and coordinates.
    Structure,
}

/// One stage of a schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Width of the peaks in 1/angstrom.
    pub fwhm: f64,
    /// End of the range of Q in 1/angstrom.
    pub q_max: f64,
    /// What moves.
    pub free: Free,
    /// Most iterations.
    pub iterations: usize,
}

impl Stage {
    /// The grid of the stage: five steps a width.
    #[must_use]
    pub fn grid(&self) -> QGrid {
        QGrid { q_min: 0.5, q_max: self.q_max, step: self.fwhm / 5.0, fwhm: self.fwhm, eta: 0.5 }
    }
}

/// From wide to narrow peaks over nearly the whole range, everything free. Wide stages end earlier, so
/// that peaks beyond their range that still count have a finite Lorentz factor for copper radiation.
pub const COARSE_TO_FINE: [Stage; 4] = [
    Stage { fwhm: 0.4, q_max: 7.2, free: Free::Structure, iterations: 15 },
    Stage { fwhm: 0.2, q_max: 7.6, free: Free::Structure, iterations: 15 },
    Stage { fwhm: 0.1, q_max: 7.8, free: Free::Structure, iterations: 15 },
    Stage { fwhm: 0.05, q_max: 8.0, free: Free::Structure, iterations: 30 },
];

/// For a refinement with restarts: first low angles, where reflections are few, then all.
pub const SCOUT_FIRST: [Stage; 3] = [
    Stage { fwhm: 0.3, q_max: 4.0, free: Free::Structure, iterations: 10 },
    Stage { fwhm: 0.12, q_max: 5.5, free: Free::Structure, iterations: 10 },
    Stage { fwhm: 0.05, q_max: 8.0, free: Free::Structure, iterations: 15 },
];
