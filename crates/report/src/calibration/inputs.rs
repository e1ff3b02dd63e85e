//! What stands in the folder of a calibration, as far as it is there.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use surrogate_run::schema::Energy;
use surrogate_run::{RunError, Table, header, read_json, read_lines};

use crate::inputs::optional;

/// What all took.
const ENERGY: &str = "energy.json";

/// What a folder holds.
#[derive(Debug)]
pub(crate) enum Contents {
    /// A posterior.
    Posterior(Box<Posterior>),
    /// Ranks of invented truths.
    Check(Box<Check>),
    /// Neither: a calibration that was not finished.
    Unfinished,
}

/// `summary.json`. Numbers that are not numbers stand there as `null`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Summary {
    pub run: String,
    pub title: String,
    pub verdict: String,
    pub reasons: Vec<String>,
    pub remarks: Vec<String>,
    pub parameters: BTreeMap<String, Estimate>,
    pub noise: BTreeMap<String, Estimate>,
    pub observed: Observed,
    pub fits: Vec<Fit>,
    pub predictions: Vec<Fit>,
    /// By fitted curve, the share of its points that counted as independent.
    pub independent_shares: Vec<f64>,
    pub k_hat: Option<f64>,
    pub reference: Option<Reference>,
    /// Share of proposals that the reference solver accepted, where it decided on each.
    pub acceptance: Option<f64>,
    pub surrogate_error_rms: Option<f64>,
    pub log_evidence: Option<Evidence>,
    pub sampling_j: Option<f64>,
    pub certify_j: Option<f64>,
    pub j_per_effective_draw: Option<f64>,
    pub energy_provenance: String,
    pub seconds: Option<f64>,
    pub payback: Option<Payback>,
    pub sampler: String,
    pub likelihood: String,
    pub chains: usize,
    pub draws: usize,
    pub seed: u64,
}

/// What the draws say of one unknown, in its unit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Estimate {
    pub unit: String,
    pub mean: Option<f64>,
    pub sd: Option<f64>,
    pub q5: Option<f64>,
    pub q50: Option<f64>,
    pub q95: Option<f64>,
    pub r_hat: Option<f64>,
    pub ess_bulk: Option<f64>,
    pub ess_tail: Option<f64>,
    pub contraction: Option<f64>,
    /// Mean and standard deviation before the weights of the reference solver moved the draws.
    pub before_weights: Option<Moments>,
    /// Ends of the surrogate's box.
    #[serde(rename = "box")]
    pub range: Option<(f64, f64)>,
    pub scale: String,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Moments {
    pub mean: Option<f64>,
    pub sd: Option<f64>,
}

/// What was measured.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Observed {
    pub name: String,
    pub unit: String,
    pub time_unit: String,
}

/// How predictions lie to a curve.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fit {
    pub curve: String,
    pub points: usize,
    pub rms: Option<f64>,
    pub coverage_90: Option<f64>,
    pub autocorrelation: Option<f64>,
    /// Draws that predictions leave out.
    pub draws_without_curve: usize,
}

/// What the reference solver says of the draws.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Reference {
    pub draws: usize,
    pub effective_draws: Option<f64>,
    pub k_hat_limit: Option<f64>,
    pub greatest_shift_sd: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Evidence {
    pub value: Option<f64>,
    pub se: Option<f64>,
}

/// Energies that decide when training is paid back, J.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Payback {
    pub by_solver_j: Option<f64>,
    pub training_j: Option<f64>,
    pub calibrations: Option<f64>,
}

/// An unknown with its draws.
#[derive(Debug, Clone)]
pub(crate) struct Unknown {
    pub name: String,
    pub estimate: Estimate,
    /// Whether it is of the noise or misfit, not a parameter of the surrogate.
    pub of_noise: bool,
    /// Draws by chain, in the unit of the estimate; empty without `draws.csv`.
    pub chains: Vec<Vec<f64>>,
    /// Values and prior probabilities up to them; empty without `prior.csv`.
    pub prior: Vec<(f64, f64)>,
}

/// A finished calibration.
#[derive(Debug)]
pub(crate) struct Posterior {
    pub summary: Summary,
    /// Parameters, then noise.
    pub unknowns: Vec<Unknown>,
    pub fit: Option<Table>,
    pub predict: Option<Table>,
    pub energy: Option<Energy>,
    pub warnings: Vec<String>,
}

/// `sbc.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CheckSummary {
    pub data_sets: usize,
    pub refused: usize,
    pub unknowns: BTreeMap<String, Covered>,
    pub band_probability: Option<f64>,
    pub verdict: String,
}

/// How often intervals cover what made the data.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Covered {
    pub coverage_50: Option<f64>,
    pub coverage_90: Option<f64>,
    pub in_band: bool,
}

/// A simulation-based check.
#[derive(Debug)]
pub(crate) struct Check {
    pub summary: CheckSummary,
    /// Counts of ranks up to places, with their band.
    pub counts: Option<Table>,
    /// `[data set][unknown]`, in the order of the columns of `counts`.
    pub ranks: Vec<Vec<usize>>,
    pub energy: Option<Energy>,
    pub warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Trial {
    ranks: Vec<usize>,
}

impl Contents {
    /// Reads a folder.
    ///
    /// # Errors
    /// A summary that is there and cannot be read. Other damaged files count as missing and are named
    /// in the warnings.
    pub(crate) fn read(folder: &Path) -> Result<Self, RunError> {
        match read_json::<Summary>(&folder.join("summary.json")) {
            Err(RunError::Missing { .. }) => {}
            other => return Ok(Self::Posterior(Box::new(Posterior::read(folder, other?)))),
        }
        match read_json::<CheckSummary>(&folder.join("sbc.json")) {
            Err(RunError::Missing { .. }) => Ok(Self::Unfinished),
            other => Ok(Self::Check(Box::new(Check::read(folder, other?)))),
        }
    }
}

impl Posterior {
    fn read(folder: &Path, summary: Summary) -> Self {
        let mut warnings = Vec::new();
        let mut table = |name: &str| optional(Table::read_csv(&folder.join(name)), &mut warnings);
        let (draws, prior) = (table("draws.csv"), table("prior.csv"));
        let (fit, predict) = (table("fit.csv"), table("predict.csv"));
        let unknowns = unknowns(&summary, draws.as_ref(), prior.as_ref());
        let energy = optional(read_json(&folder.join(ENERGY)), &mut warnings);
        Self { summary, unknowns, fit, predict, energy, warnings }
    }

    /// Whether intervals may be shown.
    pub(crate) fn trusted(&self) -> bool {
        matches!(self.summary.verdict.as_str(), "certified" | "uncertified")
    }

    /// Parameters of the surrogate among the unknowns.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Unknown> {
        self.unknowns.iter().filter(|u| !u.of_noise)
    }
}

/// Unknowns in the order of the columns of `draws.csv`, parameters before noise.
fn unknowns(summary: &Summary, draws: Option<&Table>, prior: Option<&Table>) -> Vec<Unknown> {
    let one = |(name, estimate): (&String, &Estimate), of_noise: bool| Unknown {
        name: name.clone(),
        chains: draws.map_or_else(Vec::new, |table| chains(table, name, &estimate.unit)),
        prior: prior.map_or_else(Vec::new, |table| prior_of(table, name)),
        estimate: estimate.clone(),
        of_noise,
    };
    let parameters = summary.parameters.iter().map(|entry| one(entry, false));
    let noise = summary.noise.iter().map(|entry| one(entry, true));
    let mut list: Vec<Unknown> = parameters.chain(noise).collect();
    let place = |u: &Unknown| {
        let header = header(&u.name, &u.estimate.unit);
        draws.and_then(|table| table.columns.iter().position(|c| c.header == header))
    };
    list.sort_by_key(|u| (u.of_noise, place(u)));
    list
}

/// Draws of one unknown, by chain.
fn chains(table: &Table, name: &str, unit: &str) -> Vec<Vec<f64>> {
    let (Some(chain), Some(values)) = (table.numbers("chain"), table.numbers(&header(name, unit)))
    else {
        return Vec::new();
    };
    let mut out: Vec<(f64, Vec<f64>)> = Vec::new();
    for (&chain, &value) in chain.iter().zip(values) {
        match out.last_mut().filter(|(number, _)| *number == chain) {
            Some((_, list)) => list.push(value),
            None => out.push((chain, vec![value])),
        }
    }
    out.into_iter().map(|(_, list)| list).collect()
}

fn prior_of(table: &Table, name: &str) -> Vec<(f64, f64)> {
    let columns = (table.words("unknown"), table.numbers("value"), table.numbers("prior_below"));
    let (Some(names), Some(values), Some(below)) = columns else { return Vec::new() };
    let rows = names.iter().zip(values.iter().zip(below));
    rows.filter(|(n, _)| *n == name).map(|(_, (v, p))| (*v, *p)).collect()
}

impl Check {
    fn read(folder: &Path, summary: CheckSummary) -> Self {
        let mut warnings = Vec::new();
        let counts = optional(Table::read_csv(&folder.join("sbc.csv")), &mut warnings);
        let trials = optional(read_lines::<Trial>(&folder.join("sbc.jsonl")), &mut warnings);
        let ranks = trials.map_or_else(Vec::new, |lines| lines.items);
        let ranks = ranks.into_iter().map(|trial| trial.ranks).collect();
        let energy = optional(read_json(&folder.join(ENERGY)), &mut warnings);
        Self { summary, counts, ranks, energy, warnings }
    }

    /// Names of the unknowns, in the order of the ranks.
    pub(crate) fn names(&self) -> Vec<String> {
        let known = |header: &String| self.summary.unknowns.contains_key(header);
        let columns = self.counts.iter().flat_map(|table| &table.columns);
        columns.map(|c| c.header.clone()).filter(known).collect()
    }
}
