//! How well a surrogate follows currents that it was not trained on, in words and for programs.

use serde_json::{Value, json};
use surrogate_cells::{DriveError, DriveSurrogate, Judged};
use surrogate_problem::Problem;
use surrogate_run::schema::Detail;

use super::CellNetworks;

/// Constant discharges that are compared.
const CONSTANT: usize = 16;
/// Random profiles that are compared.
const RANDOM: usize = 32;
const VOLT: &str = "V";

/// Errors under currents that were held out.
pub struct Currents {
    judged: Judged,
}

impl Currents {
    /// Compares with the reference solver; nothing where the problem asks for no profiles.
    pub fn new(problem: &Problem, cell: &CellNetworks, seed: u64) -> Option<Self> {
        let asked = problem.cell.as_ref().and_then(|table| table.profiles).unwrap_or(0) > 0;
        let drive: &DriveSurrogate = cell.drive().filter(|_| asked)?;
        Some(Self { judged: drive.judge(CONSTANT, RANDOM, seed) })
    }

    /// The two kinds with their names; without those of which the solver followed none.
    fn kinds(&self) -> impl Iterator<Item = (&'static str, Summary)> {
        let both = [
            ("constant discharges", &self.judged.constant),
            ("random profiles", &self.judged.random),
        ];
        both.into_iter().filter_map(|(name, errors)| Some((name, Summary::new(errors)?)))
    }

    /// For people, a line for each kind.
    pub fn words(&self) -> Vec<String> {
        let line = |(name, s): (&str, Summary)| {
            let ends = match s.end {
                Some([median, most]) => {
                    format!("; cut-off: median {median:.1e}, 9 of 10 below {most:.1e} relative")
                }
                None => String::new(),
            };
            format!(
                "any current: {} {name}: mean {:.2e} V, of the worst {:.2e} V, rms {:.2e} V, largest {:.2e} V{ends}",
                s.count, s.mean_v, s.worst_mean_v, s.rms_v, s.largest_v
            )
        };
        self.kinds().map(line).collect()
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let one = |(name, s): (&str, Summary)| {
            let value = json!({
                "profiles": s.count,
                "mean_V": s.mean_v,
                "worst_mean_V": s.worst_mean_v,
                "rms_V": s.rms_v,
                "max_V": s.largest_v,
                "cut_off_relative_median": s.end.map(|e| e[0]),
                "cut_off_relative_90_percent": s.end.map(|e| e[1]),
            });
            (name.replace(' ', "_"), value)
        };
        Value::Object(self.kinds().map(one).collect())
    }

    /// For the report.
    pub fn details(&self) -> Vec<Detail> {
        let mut all = Vec::new();
        for (name, s) in self.kinds() {
            let mut add = |what: &str, value: f64, unit: &str| {
                let long_name = format!("any current, {} {name}: {what}", s.count);
                all.push(Detail { long_name, value, unit: unit.to_string() });
            };
            add("mean error", s.mean_v, VOLT);
            add("mean error of the worst", s.worst_mean_v, VOLT);
            add("greatest error", s.largest_v, VOLT);
            if let Some([median, most]) = s.end {
                add("time of the cut-off, median", median, "");
                add("time of the cut-off, 9 of 10 below", most, "");
            }
        }
        all
    }
}

/// Errors of profiles of a kind.
struct Summary {
    count: usize,
    mean_v: f64,
    worst_mean_v: f64,
    rms_v: f64,
    largest_v: f64,
    /// Size of the relative error of the cut-off: median, and what 9 of 10 are below.
    end: Option<[f64; 2]>,
}

impl Summary {
    fn new(errors: &[DriveError]) -> Option<Self> {
        if errors.is_empty() {
            return None;
        }
        let n = errors.len() as f64;
        let largest = |of: fn(&DriveError) -> f64| errors.iter().map(of).fold(0.0, f64::max);
        let mut ends: Vec<f64> = errors.iter().filter_map(|e| e.end).map(f64::abs).collect();
        ends.sort_by(f64::total_cmp);
        let at = |part: f64| ends[((part * ends.len() as f64) as usize).min(ends.len() - 1)];
        Some(Self {
            count: errors.len(),
            mean_v: errors.iter().map(|e| e.mean_v).sum::<f64>() / n,
            worst_mean_v: largest(|e| e.mean_v),
            rms_v: (errors.iter().map(|e| e.rms_v.powi(2)).sum::<f64>() / n).sqrt(),
            largest_v: largest(|e| e.worst_v),
            end: (!ends.is_empty()).then(|| [at(0.5), at(0.9)]),
        })
    }
}
