//! How well a surrogate follows currents that it was not trained on.

use rayon::prelude::*;
use surrogate_battery::solve::{Ended, Options};

use crate::CellsError;
use crate::drive::DriveSurrogate;
use crate::profile::Profile;

/// Tolerance of the solver that judges, V.
const JUDGED_V: f64 = 2e-4;
/// Times at which a profile is compared.
const TIMES: usize = 2000;
/// Part of the way to a cut-off that is compared; the fall beyond is judged by its time.
const COMPARED: f64 = 0.999;
/// C-rates of the constant discharges, as parts of the largest: the lowest and the highest.
const CONSTANT: (f64, f64) = (0.2, 0.95);
/// Profiles that are held out are of seeds that nothing is trained with.
const HELD_OUT: u64 = 0x5eed_0001_0000_0000;

/// Errors under one profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriveError {
    /// Mean size over time, V.
    pub mean_v: f64,
    /// Root mean square over time, V.
    pub rms_v: f64,
    /// Largest, V.
    pub worst_v: f64,
    /// Error of the time of the cut-off over that time, where the reference ends by one.
    pub end: Option<f64>,
}

/// Errors under constant discharges of full cells, and under random profiles.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judged {
    /// Constant currents until the cell is empty.
    pub constant: Vec<DriveError>,
    /// Random profiles.
    pub random: Vec<DriveError>,
}

impl DriveSurrogate {
    /// Compares with the reference solver: `constant` discharges at C-rates spread over the range that was
    /// trained, and `random` profiles, all at random points of the box and none of them trained on.
    ///
    /// Profiles that the solver cannot follow are left out.
    pub fn judge(&self, constant: usize, random: usize, seed: u64) -> Judged {
        let seed = seed ^ HELD_OUT;
        let one = self.problem.cell.nominal_capacity_a_h;
        let discharge = |k: usize| {
            let (point, ..) = self.random(seed, k as u64);
            let part = (k as f64 + 0.5) / constant as f64;
            let c_rate = self.top() * (CONSTANT.0 + part * (CONSTANT.1 - CONSTANT.0));
            let profile = Profile::constant(c_rate * one, 3600.0 * 1.5 / c_rate);
            self.error(&point, &profile, self.initial()).ok()
        };
        let drawn = |k: usize| {
            let (point, profile, start) = self.random(seed, (constant + k) as u64);
            self.error(&point, &profile, start).ok()
        };
        Judged {
            constant: (0..constant).into_par_iter().filter_map(discharge).collect(),
            random: (0..random).into_par_iter().filter_map(drawn).collect(),
        }
    }

    /// Errors under a profile, from stoichiometries of both electrodes.
    ///
    /// # Errors
    /// What the solver says.
    pub fn error(
        &self,
        point: &[f64],
        profile: &Profile,
        start: [f64; 2],
    ) -> Result<DriveError, CellsError> {
        let mut problem = self.problem.clone();
        problem.options = Options { voltage_tolerance_v: JUDGED_V, ..problem.options };
        let solution = Self::single_particles(problem).solve(point, profile, start)?;
        let end = solution.end_time_s();
        let over = !matches!(solution.ended.last(), Some(Ended::Duration));
        let last = if over { COMPARED * end } else { end };
        let mut times: Vec<f64> =
            (0..TIMES).map(|k| last * (k as f64 + 0.5) / TIMES as f64).collect();
        let compared = times.len();
        times.extend(profile.time_s.last());
        let driven = self.voltages(point, profile, start, &times);
        let apart: Vec<f64> = (times.iter().zip(&driven.voltage_v).take(compared))
            .map(|(t, v)| (v - solution.voltage_at(*t)).abs())
            .filter(|apart| !apart.is_nan())
            .collect();
        let count = apart.len().max(1) as f64;
        let ended = driven.end.map_or(profile.time_s.last().copied(), |e| Some(e.time_s));
        Ok(DriveError {
            mean_v: apart.iter().sum::<f64>() / count,
            rms_v: (apart.iter().map(|e| e * e).sum::<f64>() / count).sqrt(),
            worst_v: apart.iter().copied().fold(0.0, f64::max),
            end: ended.filter(|_| over).map(|time| time / end - 1.0),
        })
    }
}
