//! The files that `surrogate-report` and the notebooks read, besides the manifest.
//!
//! All of them are optional: a missing file drops its section of the report.
//!
//! # `metrics.jsonl`: [`MetricsLine`]
//! One line each time that training reports.
//!
//! # `energy.json`: [`Energy`], `energy.jsonl`: [`PowerLine`]
//! Energy by channel and stage in integer µJ: stages and the unattributed rest add up to the total
//! exactly ([`Energy::check`]).
//!
//! # `forecast.jsonl`: [`ForecastLine`]
//! What training was expected to take, line by line as it went on.
//!
//! # `evaluation.json`: [`Evaluation`]
//! Errors of outputs (curves over one axis, usually time) and fields (profiles over a place) at
//! the points of the parameter box where the reference was computed.
//!
//! # `curves.csv`
//! Long form. Columns: `point` (index into [`Evaluation::points`]), each parameter
//! (`header(name, unit)`), the axis ([`Evaluation::axis`], usually `time_s`), and for each output
//! `header(name, unit)` and, where there is a reference, `reference_header(name, unit)`.
//! Rows of one point follow each other in the order of the axis.
//!
//! # `profiles.csv`
//! Long form. Columns: `field`, `point`, each parameter, `time_s`, `place`, `value`, `reference`.
//! `place`, `value` and `reference` are in the units of [`FieldErrors`]; `reference` may be
//! missing, `time_s` may be `nan` for a problem without time.
//!
//! # `payback.json`: [`Payback`]
//! Energies of one reference solve and one surrogate curve.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::manifest::ParameterRange;

/// A number that may be null in the file (JSON has no NaN) and is NaN then.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

fn numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let map = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    Ok(map.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}

fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let list = Vec::<Option<f64>>::deserialize(deserializer)?;
    Ok(list.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// A line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricsLine {
    /// Iteration, counted over all stages (of one component, if several are trained in turn).
    pub step: u64,
    /// Optimiser stage, such as `ssbroyden`.
    pub stage: String,
    /// Component that this line belongs to, if fields are trained one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Working time since the start of training, s.
    pub time_s: f64,
    /// Total loss, dimensionless; null in the file if it is not a number.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// Weighted terms of the loss by name.
    #[serde(deserialize_with = "numbers")]
    pub terms: BTreeMap<String, f64>,
    /// Loss at points that training never sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out: Option<f64>,
    /// Energy since the start of training, J.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_j: Option<f64>,
    /// Rms error against the reference by output, in the unit of the output.
    #[serde(deserialize_with = "numbers", skip_serializing_if = "BTreeMap::is_empty")]
    pub validation: BTreeMap<String, f64>,
    /// What went wrong on the way, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A line of `energy.jsonl`: mean power since the line before.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PowerLine {
    /// Time since the start of the run, s.
    pub time_s: f64,
    /// Power by channel, W.
    #[serde(deserialize_with = "numbers")]
    pub watts: BTreeMap<String, f64>,
    /// Innermost stage at that time, a path such as `train/ssbroyden`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
}

/// A channel of `energy.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Channel {
    /// Name, such as `cpu_package`, `dram`, `gpu0`.
    pub name: String,
    /// `measured`, `calibrated`, `estimated` or `assumed`.
    pub provenance: String,
    /// How, in words: `RAPL package counter`, `CPU time x 11 W`, …
    pub how: String,
    /// Energy, µJ.
    pub energy_uj: u64,
    /// Standard uncertainty, µJ; null if unknown.
    pub sigma_uj: Option<f64>,
}

/// A stage of `energy.json`: its own share, without the stages inside it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StageEnergy {
    /// Names from the outermost stage inwards, joined by `/`.
    pub path: String,
    /// How many times the stage was entered.
    pub calls: u64,
    /// Energy over all channels, µJ.
    pub energy_uj: u64,
    /// Wall time, s.
    pub wall_s: f64,
    /// CPU time, s.
    pub cpu_s: f64,
}

/// A number with its interval and where it comes from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Quantity {
    /// Value, in `unit`.
    pub value: f64,
    /// Lower end of the interval that holds the true value in about 68 % of cases.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// Half the width of the interval.
    pub sigma: f64,
    /// Unit of all of them; empty for none.
    pub unit: String,
    /// `measured`, `calibrated`, `estimated` or `assumed`.
    pub provenance: String,
    /// Where the value comes from, in words.
    pub source: String,
    /// Year or month of the source; empty where the value was made now.
    pub vintage: String,
}

/// Carbon for each unit of work: software carbon intensity, ISO/IEC 21031.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CarbonPerUnit {
    /// gCO2e for each unit, making of the hardware included.
    pub carbon_per_unit: Quantity,
    /// The functional unit, in words: `trained surrogate`, `voltage curve`.
    pub unit: String,
    /// How many units were done.
    pub units: f64,
}

/// Carbon and water of the energy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Footprint {
    /// Energy, kWh.
    pub energy: Quantity,
    /// Total energy of the site over that of its computers.
    pub pue: Quantity,
    /// Carbon intensity of the electricity, gCO2e/kWh.
    pub carbon_intensity: Quantity,
    /// What kind of intensity it is.
    pub carbon_intensity_kind: String,
    /// Carbon of the electricity, gCO2e.
    pub carbon_operational: Quantity,
    /// Share of the carbon of making the hardware, gCO2e.
    pub carbon_embodied: Quantity,
    /// Both, gCO2e.
    pub carbon: Quantity,
    /// Water evaporated on the site, L.
    pub water_on_site: Quantity,
    /// Water used in making the electricity, L.
    pub water_off_site: Quantity,
    /// Carbon for each unit of work.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub per_unit: Vec<CarbonPerUnit>,
}

/// What the meter itself took, in the last session.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MeterCost {
    /// Readings at stage boundaries.
    pub boundaries: u64,
    /// Mean time of one, µs.
    pub microseconds_per_boundary: f64,
    /// Readings by the sampler.
    pub beats: u64,
    /// Mean time of one, µs.
    pub microseconds_per_beat: f64,
    /// Time of all readings over that of the session, as a share of one core, %.
    pub percent_of_a_core: f64,
}

/// An expected value with its 80 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Expectation {
    /// Expected value.
    pub value: f64,
    /// Lower end: one in ten ends below.
    pub low: f64,
    /// Upper end: one in ten ends above.
    pub high: f64,
}

/// A line of `forecast.jsonl`: what training will have taken at its end, as seen on the way.
/// Everything counts from the start of the run, earlier sessions included.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ForecastLine {
    /// Working time when it was made, s.
    pub time_s: f64,
    /// Iteration, over all components.
    pub step: u64,
    /// Optimiser stage.
    pub stage: String,
    /// Share that was done, of the stage or of the nearest limit.
    pub share: f64,
    /// What ends training in this forecast: `all iterations`, or a limit. Training that converges
    /// ends earlier.
    pub bound: String,
    /// Energy so far, J.
    pub used_j: f64,
    /// Energy at the end, J.
    pub energy_j: Expectation,
    /// Carbon at the end, at the stated intensity, gCO2e.
    pub carbon_g: Expectation,
    /// Working time at the end, s.
    pub seconds: Expectation,
}

/// `energy.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Energy {
    /// Format version, 1.
    pub format: u32,
    /// Channels; their energies add up to `total_uj`.
    pub channels: Vec<Channel>,
    /// Stages, in the order in which they were first entered.
    pub stages: Vec<StageEnergy>,
    /// Energy outside every stage, µJ.
    pub unattributed_uj: u64,
    /// Total, µJ.
    pub total_uj: u64,
    /// Standard uncertainty of the total, µJ; null if unknown.
    pub sigma_uj: Option<f64>,
    /// Lower end of the total's 68 % interval, µJ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_uj: Option<u64>,
    /// Upper end of it, µJ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high_uj: Option<u64>,
    /// Provenance of the total: that of its weakest part.
    pub provenance: String,
    /// Wall time of the metered span, s.
    pub wall_s: f64,
    /// CPU time of the metered span, s.
    pub cpu_s: f64,
    /// Most memory that the process held in any session, bytes; memory of a GPU is not in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// Carbon and water.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footprint: Option<Footprint>,
    /// What the meter itself took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meter: Option<MeterCost>,
    /// What was not or could not be metered, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Energy {
    /// Total, J.
    #[must_use]
    pub fn total_j(&self) -> f64 {
        self.total_uj as f64 * 1e-6
    }

    /// Whether stages and the rest, and the channels, add up to the total exactly.
    #[must_use]
    pub fn check(&self) -> bool {
        let stages: u128 = self.stages.iter().map(|s| u128::from(s.energy_uj)).sum();
        let channels: u128 = self.channels.iter().map(|c| u128::from(c.energy_uj)).sum();
        let total = u128::from(self.total_uj);
        stages + u128::from(self.unattributed_uj) == total && channels == total
    }
}

/// A coordinate along which curves or profiles run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// Name, such as `time` or `r`.
    pub name: String,
    /// Unit; empty for none.
    #[serde(default)]
    pub unit: String,
}

impl Default for Axis {
    fn default() -> Self {
        Self { name: "time".to_owned(), unit: "s".to_owned() }
    }
}

/// Errors of an output over all points of the evaluation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputErrors {
    /// Name to show, such as `Terminal voltage`; empty: the name in the problem file.
    pub long_name: String,
    /// Unit of the output and of its errors; empty for none.
    pub unit: String,
    /// Root mean square over points and axis; null without a reference.
    pub rms: Option<f64>,
    /// Greatest absolute error; null without a reference.
    pub max: Option<f64>,
    /// L2 norm of the error divided by that of the reference.
    pub relative_l2: Option<f64>,
    /// Root mean square at each point of [`Evaluation::points`].
    #[serde(deserialize_with = "list")]
    pub rms_by_point: Vec<f64>,
    /// Greatest absolute error at each point of [`Evaluation::points`].
    #[serde(deserialize_with = "list")]
    pub max_by_point: Vec<f64>,
}

/// Errors of a field, and the axis of its profiles.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FieldErrors {
    /// As of an output.
    #[serde(flatten)]
    pub errors: OutputErrors,
    /// Place along which `profiles.csv` shows the field.
    pub place: Axis,
}

/// A point of the parameter box.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Point {
    /// Parameter values by name.
    pub parameters: BTreeMap<String, f64>,
    /// Rms error by output or field, in its unit.
    #[serde(deserialize_with = "numbers")]
    pub errors: BTreeMap<String, f64>,
}

/// The worst point of the evaluation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Worst {
    /// Output.
    pub output: String,
    /// Index into [`Evaluation::points`].
    pub point: usize,
    /// Rms error there, in the unit of the output.
    pub rms: f64,
}

/// What the surrogate was compared with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reference {
    /// `solver`, `exact`, `file` or `none`.
    pub kind: String,
    /// In words, with the settings: `finite volumes, 80 shells, tolerance 1e-9`.
    pub how: String,
    /// Error of the reference itself by output, in its unit, where it was estimated.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub own_error: BTreeMap<String, f64>,
}

/// `evaluation.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Evaluation {
    /// Format version, 1.
    pub format: u32,
    /// What the surrogate was compared with.
    pub reference: Reference,
    /// Varied parameters, in the order of the problem file.
    pub parameters: Vec<ParameterRange>,
    /// Axis of the curves.
    pub axis: Axis,
    /// Outputs by name.
    pub outputs: BTreeMap<String, OutputErrors>,
    /// The output that stands for the run; empty: the first.
    pub main_output: String,
    /// Fields by name.
    pub fields: BTreeMap<String, FieldErrors>,
    /// Points of the parameter box.
    pub points: Vec<Point>,
    /// The worst of them.
    pub worst: Option<Worst>,
    /// Further measures of the errors, in the order in which they are shown.
    pub details: Vec<Detail>,
    /// Root mean square of the scaled residuals at points that training never saw.
    pub held_out: Option<f64>,
}

/// A measure of the errors that only some problems have.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Detail {
    /// What it is, in words.
    pub long_name: String,
    /// Its value.
    #[serde(deserialize_with = "number")]
    pub value: f64,
    /// Its unit; empty for a ratio.
    pub unit: String,
}

impl Evaluation {
    /// The output that stands for the run, or else the first output, or else the first field.
    #[must_use]
    pub fn main(&self) -> Option<(&str, &OutputErrors)> {
        let named = self.outputs.get_key_value(&self.main_output);
        let named = named.map(|(name, errors)| (name.as_str(), errors));
        let first = || self.outputs.iter().next().map(|(name, errors)| (name.as_str(), errors));
        let field = || self.fields.iter().next().map(|(name, f)| (name.as_str(), &f.errors));
        named.or_else(first).or_else(field)
    }
}

/// `payback.json`: whether and when training has paid for itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Payback {
    /// Format version, 1.
    pub format: u32,
    /// The reference solver with its settings, in words.
    pub solver: String,
    /// What a curve is, as a functional unit: `voltage curve`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub curve: String,
    /// Energy of one reference solve, J.
    pub energy_per_solve_j: f64,
    /// Energy of one curve of the surrogate, J.
    pub energy_per_curve_j: f64,
    /// Energy of training, J.
    pub energy_training_j: f64,
    /// Standard uncertainty of the energy of a solve, J: the spread of repeated batches. The scale
    /// of the meter is not in it, as it is that of the curve too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma_per_solve_j: Option<f64>,
    /// The same of a curve, J.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma_per_curve_j: Option<f64>,
    /// Standard uncertainty of the energy of training, J, with the scale of the meter: training
    /// loads the machine otherwise than solves and curves do, so that the scale need not cancel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma_training_j: Option<f64>,
    /// Provenance of these energies: that of the weakest.
    pub provenance: String,
    /// Time of one reference solve, s.
    pub seconds_per_solve: Option<f64>,
    /// Time of one curve of the surrogate, s.
    pub seconds_per_curve: Option<f64>,
    /// How many calls were averaged, in words.
    pub how: String,
    /// Another solver that users would otherwise run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<OtherSolver>,
}

/// A solver that is not ours, by what it was measured to take beside ours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OtherSolver {
    /// Its name, with version and settings.
    pub name: String,
    /// What one of its runs takes, in runs of the reference solver.
    pub solves: f64,
}

impl Payback {
    /// The same number for the other solver: its runs are taken as so many of the reference solver.
    #[must_use]
    pub fn calls_of_other(&self) -> Option<f64> {
        let other = self.other.as_ref()?;
        let energy_per_solve_j = other.solves * self.energy_per_solve_j;
        Self { energy_per_solve_j, ..self.clone() }.calls()
    }

    /// Number of solver calls after which the energy of training is repaid,
    ///
    /// N = E_train / (E_solve - E_curve),
    ///
    /// rounded up; `None` for never, when a curve takes no less than a solve.
    #[must_use]
    pub fn calls(&self) -> Option<f64> {
        let gain = self.energy_per_solve_j - self.energy_per_curve_j;
        (gain > 0.0 && self.energy_training_j.is_finite())
            .then(|| (self.energy_training_j / gain).ceil())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_is_no_number_survives_as_null() {
        let line = MetricsLine { loss: f64::NAN, step: 7, ..MetricsLine::default() };
        let text = serde_json::to_string(&line).unwrap();
        assert!(text.contains("\"loss\":null"), "{text}");
        let back: MetricsLine = serde_json::from_str(&text).unwrap();
        assert!(back.loss.is_nan() && back.step == 7);
    }

    #[test]
    fn energies_must_add_up_to_the_microjoule() {
        let mut energy = Energy {
            channels: vec![Channel { energy_uj: 10, ..Channel::default() }],
            stages: vec![StageEnergy { energy_uj: 9, ..StageEnergy::default() }],
            unattributed_uj: 1,
            total_uj: 10,
            ..Energy::default()
        };
        assert!(energy.check());
        energy.unattributed_uj = 0;
        assert!(!energy.check());
    }

    #[test]
    fn payback_is_never_when_a_curve_costs_more() {
        let mut payback = Payback {
            energy_per_solve_j: 3.0,
            energy_per_curve_j: 1.0,
            energy_training_j: 101.0,
            ..Payback::default()
        };
        assert_eq!(payback.calls(), Some(51.0));
        payback.energy_per_curve_j = 3.0;
        assert_eq!(payback.calls(), None);
        payback.energy_per_curve_j = f64::NAN;
        assert_eq!(payback.calls(), None);
    }

    #[test]
    fn unknown_keys_and_missing_keys_are_tolerated() {
        let text = r#"{"format": 1, "new_key": 1, "outputs": {"voltage": {"unit": "V"}},
            "fields": {"c": {"unit": "mol m^-3", "place": {"name": "r", "unit": "m"}}}}"#;
        let evaluation: Evaluation = serde_json::from_str(text).unwrap();
        assert_eq!(evaluation.main().unwrap().0, "voltage");
        assert_eq!(evaluation.fields["c"].place.unit, "m");
        assert_eq!(evaluation.axis, Axis::default());
    }
}
