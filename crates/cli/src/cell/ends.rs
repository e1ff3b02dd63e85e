//! What a user of curves asks besides their error: most of the curve, the worst curve, and its end.

use serde_json::{Value, json};
use surrogate_problem::Problem;
use surrogate_run::schema::Detail;

use super::CellNetworks;
use crate::compare::{Errors, Target, Truth};

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
    /// Measures a surrogate at the points of a comparison, `errors` being those of the voltage
    /// `target`; nothing where there are none.
    pub fn new(
        problem: &Problem,
        cell: &CellNetworks,
        truth: &Truth,
        (target, errors): (&Target, &Errors),
    ) -> Option<Self> {
        let (points, last) = (&truth.parameters, &truth.ends);
        if points.is_empty() || points.len() != last.len() {
            return None;
        }
        let times = &target.points[problem.parameters.len()];
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
        let late = |(point, end): (&Vec<f64>, &f64)| (cell.end_time_s(point) / end - 1.0).abs();
        let mut ends: Vec<f64> = points.iter().zip(last).map(late).collect();
        ends.sort_by(f64::total_cmp);
        let at =
            |part: f64| ends[((part * ends.len() as f64).ceil() as usize).clamp(1, ends.len()) - 1];
        Some(Self {
            rms_v: (squares.iter().sum::<f64>() / counts.iter().sum::<f64>()).sqrt(),
            worst_v: worst.fold(0.0, f64::max).sqrt(),
            end_median: at(0.5),
            end_most: at(0.99),
        })
    }

    /// For people.
    pub fn words(&self) -> String {
        format!(
            "first 95 % of each curve: rms {:.3e} V, worst curve {:.3e} V; end of discharge: median \
             {:.1e}, 99 % below {:.1e} relative",
            self.rms_v, self.worst_v, self.end_median, self.end_most
        )
    }

    /// For the report.
    pub fn details(&self) -> Vec<Detail> {
        let detail = |long_name: &str, value: f64, unit: &str| Detail {
            long_name: long_name.to_string(),
            value,
            unit: unit.to_string(),
        };
        vec![
            detail("voltage over the first 95 % of each discharge: rms", self.rms_v, "V"),
            detail("the same, of the worst curve", self.worst_v, "V"),
            detail("end of discharge, relative: median", self.end_median, ""),
            detail("end of discharge, relative: 99 of 100 below", self.end_most, ""),
        ]
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "first_95_percent": { "rms_V": self.rms_v, "worst_curve_V": self.worst_v },
            "end_of_discharge": { "relative_median": self.end_median, "relative_99_percent": self.end_most },
        })
    }
}
