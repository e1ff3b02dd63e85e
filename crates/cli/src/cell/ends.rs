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
    /// The same of the points that deplete the electrolyte as the surrogate itself says, then of the others;
    /// empty where none or all do.
    parts: Vec<Part>,
}

/// Errors at a part of the points.
struct Part {
    name: &'static str,
    points: usize,
    /// Root mean square over whole curves, V.
    whole_v: f64,
    ends: Ends,
    /// Fields, and the norms of their errors over those of the reference.
    fields: Vec<(String, f64)>,
}

impl Ends {
    /// Measures a surrogate at the points of a comparison; nothing where there are none.
    pub fn new(
        problem: &Problem,
        cell: &CellNetworks,
        truth: &Truth,
        found: &[Errors],
    ) -> Option<Self> {
        let points = &truth.parameters;
        let voltage = truth.targets.iter().zip(found).find(|(target, _)| target.output)?;
        if points.is_empty() || points.len() != truth.ends.len() {
            return None;
        }
        let mut ends = Self::of(problem, cell, truth, voltage, &vec![true; points.len()]);
        let depleted: Vec<bool> = points.iter().map(|point| cell.depletes(point)).collect();
        if depleted.contains(&true) && depleted.contains(&false) {
            for (name, wanted) in [("that deplete the electrolyte", true), ("that do not", false)] {
                let chosen: Vec<bool> = depleted.iter().map(|flag| *flag == wanted).collect();
                let l2 = |(target, errors)| relative(target, errors, &chosen);
                let fields = truth.targets.iter().zip(found).filter(|(target, _)| !target.output);
                ends.parts.push(Part {
                    name,
                    points: chosen.iter().filter(|flag| **flag).count(),
                    whole_v: norms(voltage.0, voltage.1, &chosen).0,
                    ends: Self::of(problem, cell, truth, voltage, &chosen),
                    fields: fields.map(|both| (both.0.name.clone(), l2(both))).collect(),
                });
            }
        }
        Some(ends)
    }

    /// At the chosen points, `errors` being those of the voltage `target`.
    fn of(
        problem: &Problem,
        cell: &CellNetworks,
        truth: &Truth,
        (target, errors): (&Target, &Errors),
        chosen: &[bool],
    ) -> Self {
        let (points, last) = (&truth.parameters, &truth.ends);
        let times = &target.points[problem.parameters.len()];
        let (mut squares, mut counts) = (vec![0.0; points.len()], vec![0.0; points.len()]);
        let compared =
            errors.predicted.iter().zip(&target.reference).zip(times.iter().zip(&target.group));
        for ((p, r), (t, g)) in compared {
            if chosen[*g] && *t <= MOST * last[*g] {
                squares[*g] += (p - r).powi(2);
                counts[*g] += 1.0;
            }
        }
        let counted = squares.iter().zip(&counts).filter(|(_, n)| **n > 0.0);
        let worst = counted.map(|(s, n): (&f64, &f64)| s / n);
        let late = |(point, end): (&Vec<f64>, &f64)| (cell.end_time_s(point) / end - 1.0).abs();
        let known = points.iter().zip(last).zip(chosen).filter(|(_, chosen)| **chosen);
        let mut ends: Vec<f64> = known.map(|(both, _)| late(both)).collect();
        ends.sort_by(f64::total_cmp);
        let at =
            |part: f64| ends[((part * ends.len() as f64).ceil() as usize).clamp(1, ends.len()) - 1];
        Self {
            rms_v: (squares.iter().sum::<f64>() / counts.iter().sum::<f64>()).sqrt(),
            worst_v: worst.fold(0.0, f64::max).sqrt(),
            end_median: at(0.5),
            end_most: at(0.99),
            parts: vec![],
        }
    }

    /// For people, in lines.
    pub fn words(&self) -> Vec<String> {
        let line = |part: &Part| {
            let field = |(name, l2): &(String, f64)| format!("{name} {l2:.1e}");
            let fields: Vec<String> = part.fields.iter().map(field).collect();
            format!(
                "{} points {}: voltage rms {:.3e} V; {}; relative L2 {}",
                part.points,
                part.name,
                part.whole_v,
                part.ends.line(),
                fields.join(", ")
            )
        };
        std::iter::once(self.line()).chain(self.parts.iter().map(line)).collect()
    }

    fn line(&self) -> String {
        format!(
            "first 95 % of each curve: rms {:.3e} V, worst curve {:.3e} V; end of discharge: median \
             {:.1e}, 99 % below {:.1e} relative",
            self.rms_v, self.worst_v, self.end_median, self.end_most
        )
    }

    /// For the report.
    pub fn details(&self) -> Vec<Detail> {
        let parts = self.parts.iter().flat_map(|part| part.ends.details_at(part.name));
        self.details_at("").into_iter().chain(parts).collect()
    }

    fn details_at(&self, points: &str) -> Vec<Detail> {
        let points = if points.is_empty() { String::new() } else { format!(" (points {points})") };
        let detail = |long_name: &str, value: f64, unit: &str| Detail {
            long_name: format!("{long_name}{points}"),
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
        let mut all = self.measures();
        if let [depleted, others] = self.parts.as_slice() {
            for (name, part) in [("depleting", depleted), ("not_depleting", others)] {
                let fields = part.fields.iter().map(|(name, l2)| (name.clone(), json!(l2)));
                all[name] = part.ends.measures();
                all[name]["points"] = json!(part.points);
                all[name]["voltage_rms_V"] = json!(part.whole_v);
                all[name]["relative_l2"] = Value::Object(fields.collect());
            }
        }
        all
    }

    fn measures(&self) -> Value {
        json!({
            "first_95_percent": { "rms_V": self.rms_v, "worst_curve_V": self.worst_v },
            "end_of_discharge": { "relative_median": self.end_median, "relative_99_percent": self.end_most },
        })
    }
}

/// Root mean square of the error, and of the reference, at the chosen points.
fn norms(target: &Target, errors: &Errors, chosen: &[bool]) -> (f64, f64) {
    let rows = errors.predicted.iter().zip(&target.reference).zip(&target.group);
    let (mut error, mut size, mut count) = (0.0, 0.0, 0.0);
    for ((predicted, reference), _) in rows.filter(|(_, group)| chosen[**group]) {
        error += (predicted - reference).powi(2);
        size += reference.powi(2);
        count += 1.0;
    }
    ((error / count).sqrt(), (size / count).sqrt())
}

/// Norm of the error over that of the reference at the chosen points.
fn relative(target: &Target, errors: &Errors, chosen: &[bool]) -> f64 {
    let (error, size) = norms(target, errors, chosen);
    error / size
}
