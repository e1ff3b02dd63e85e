//! What a user of curves asks besides their error: most of the curve, the worst curve, and its end.

use rayon::prelude::*;
use serde_json::{Value, json};
use surrogate_problem::Problem;

use super::{CellNetworks, CellSolver};
use crate::compare::{Errors, Target};
use crate::failure::Failure;
use crate::places::time_coordinate;

/// Part of a discharge before its steep end.
const MOST: f64 = 0.95;

/// Errors of the voltage by part of the discharge, and of the end of discharge.
pub struct Ends {
    /// Root mean square over the first 95 % of the times of each curve, V.
    pub rms_v: f64,
    /// That of the worst curve, V.
    pub worst_v: f64,
    /// Relative error of the time of the end (and so of the charge): median.
    pub end_median: f64,
    /// 99 of 100 points are below.
    pub end_most: f64,
}

impl Ends {
    /// Measures a surrogate at the points of a comparison. `errors` are those of the voltage, `target`.
    ///
    /// # Errors
    /// A solver that fails.
    pub fn new(
        problem: &Problem,
        cell: &CellNetworks,
        points: &[Vec<f64>],
        (target, errors): (&Target, &Errors),
    ) -> Result<Option<Self>, Failure> {
        let (Some(solver), Some(_)) = (CellSolver::of(problem, true)?, time_coordinate(problem))
        else {
            return Ok(None);
        };
        let times = &target.points[problem.parameters.len()];
        let mut last = vec![0.0_f64; points.len()];
        for (t, g) in times.iter().zip(&target.group) {
            last[*g] = last[*g].max(*t);
        }
        let (mut squares, mut counts) = (vec![0.0; points.len()], vec![0.0; points.len()]);
        let compared =
            errors.predicted.iter().zip(&target.reference).zip(times.iter().zip(&target.group));
        for ((p, r), (t, g)) in compared {
            if *t <= MOST * last[*g] {
                squares[*g] += (p - r).powi(2);
                counts[*g] += 1.0;
            }
        }
        let worst = squares.iter().zip(&counts).map(|(s, n): (&f64, &f64)| s / n);
        let ends = points.par_iter().map(|point| -> Result<f64, Failure> {
            Ok((cell.end_time_s(point) / solver.discharge(point)?.end_time_s() - 1.0).abs())
        });
        let mut ends = ends.collect::<Result<Vec<f64>, Failure>>()?;
        ends.sort_by(f64::total_cmp);
        let at =
            |part: f64| ends[((part * ends.len() as f64).ceil() as usize).clamp(1, ends.len()) - 1];
        Ok(Some(Self {
            rms_v: (squares.iter().sum::<f64>() / counts.iter().sum::<f64>()).sqrt(),
            worst_v: worst.fold(0.0, f64::max).sqrt(),
            end_median: at(0.5),
            end_most: at(0.99),
        }))
    }

    /// For people.
    pub fn words(&self) -> String {
        format!(
            "first 95 % of each curve: rms {:.3e} V, worst curve {:.3e} V; end of discharge: median \
             {:.1e}, 99 % below {:.1e} relative",
            self.rms_v, self.worst_v, self.end_median, self.end_most
        )
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "first_95_percent": { "rms_V": self.rms_v, "worst_curve_V": self.worst_v },
            "end_of_discharge": { "relative_median": self.end_median, "relative_99_percent": self.end_most },
        })
    }
}
