//! The table of energy against accuracy of several runs, and its files.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use surrogate_run::schema::{Evaluation, OutputErrors};
use surrogate_run::{write_atomic, write_json};

use crate::comparison::{energy_of, provenance_of};
use crate::error::ReportError;
use crate::exports::{boamps, crate_metadata};
use crate::figure::text::{count, number, quantity};
use crate::inputs::Inputs;
use crate::metrics::{
    CurvePoint, PaybackCount, Spot, Standing, Uncertain, energy_to_reach, hypervolume,
    joules_of_last_halving, payback, pepr, performance, rms_sigma, standings,
};
use crate::page::TableView;

/// How far beyond the worst run the reference point of the hypervolume lies.
const BEYOND: f64 = 1.1;

/// What is known of one run, for files: JSON as `schema/comparison.schema.json` has it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    run: String,
    problem: String,
    output: String,
    unit: String,
    error: f64,
    error_sigma: f64,
    energy_j: f64,
    energy_sigma_j: f64,
    energy_provenance: String,
    carbon_g: Option<f64>,
    peak_memory_bytes: Option<u64>,
    seconds: Option<f64>,
    verdict: Option<String>,
    standing: &'static str,
    dominated_by: Option<String>,
    pepr_e: Option<f64>,
    pepr_c: Option<f64>,
    pepr_t: Option<f64>,
    pepr_m: Option<f64>,
    energy_delay_js: Option<f64>,
    energy_to_target_j: Option<f64>,
    joules_of_last_halving: Option<f64>,
    payback: Option<PaybackRow>,
    curves_per_joule: Option<f64>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct PaybackRow {
    count: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

/// All runs that can be compared, and the numbers of the set.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Comparison {
    format: u32,
    target_error: f64,
    null_model: &'static str,
    set: Vec<String>,
    hypervolume_decades2: f64,
    hypervolume_reference: [f64; 2],
    runs: Vec<Row>,
    #[serde(skip)]
    boamps: Vec<Value>,
}

struct Known<'a> {
    inputs: &'a Inputs,
    name: String,
    errors: &'a OutputErrors,
    spot: Spot,
    provenance: String,
    curve: Vec<CurvePoint>,
}

fn known(inputs: &Inputs) -> Option<Known<'_>> {
    let (name, errors) = inputs.evaluation.as_ref().and_then(Evaluation::main)?;
    let (used, sigma_j) = energy_of(inputs)?;
    let error = errors.rms.filter(|rms| rms.is_finite() && *rms > 0.0)?;
    let curve = inputs.metrics.iter().filter_map(|line| {
        let error = line.validation.get(name).copied().filter(|e| e.is_finite())?;
        Some((line.energy_j?, error))
    });
    (used > 0.0).then(|| Known {
        inputs,
        name: name.to_owned(),
        errors,
        spot: Spot {
            energy: Uncertain::new(used, sigma_j.unwrap_or(0.0)),
            error: Uncertain::new(error, rms_sigma(&errors.rms_by_point)),
        },
        provenance: provenance_of(inputs).unwrap_or_default(),
        curve: curve.collect(),
    })
}

/// Compares the runs whose main output is that of the first; `None` if there are fewer than two.
pub(crate) fn compare(inputs: &[Inputs]) -> Option<Comparison> {
    let mut runs: Vec<Known<'_>> = inputs.iter().filter_map(known).collect();
    let (name, unit) = runs.first().map(|run| (run.name.clone(), run.errors.unit.clone()))?;
    runs.retain(|run| run.name == name && run.errors.unit == unit);
    if runs.len() < 2 {
        return None;
    }
    let spots: Vec<Spot> = runs.iter().map(|run| run.spot).collect();
    let worst = |of: fn(&Spot) -> f64| spots.iter().map(of).fold(0.0, f64::max);
    let reference = (BEYOND * worst(|s| s.energy.value), BEYOND * worst(|s| s.error.value));
    let target_error = worst(|s| s.error.value);
    let performances: Option<Vec<f64>> = runs.iter().map(performance_of).collect();
    let scores = |resource: &dyn Fn(&Known<'_>) -> Option<f64>| -> Vec<Option<f64>> {
        let resources: Option<Vec<f64>> = runs.iter().map(resource).collect();
        match (&performances, resources) {
            (Some(p), Some(r)) => pepr(p, &r).into_iter().map(Some).collect(),
            _ => vec![None; runs.len()],
        }
    };
    let carbon =
        |run: &Known<'_>| Some(run.inputs.energy.as_ref()?.footprint.as_ref()?.carbon.value);
    let seconds = |run: &Known<'_>| run.inputs.manifest.seconds;
    let memory = |run: &Known<'_>| run.inputs.energy.as_ref()?.peak_memory_bytes;
    let (pepr_e, pepr_c) = (scores(&|run| Some(run.spot.energy.value)), scores(&carbon));
    let (pepr_t, pepr_m) = (scores(&seconds), scores(&|run| memory(run).map(|b| b as f64)));
    let id = |i: usize| runs[i].inputs.id.clone();
    let row = |(i, (run, standing)): (usize, (&Known<'_>, Standing))| {
        let (standing, dominated_by) = match standing {
            Standing::Front => ("front", None),
            Standing::ProbablyDominated { by } => ("probably dominated", Some(id(by))),
            Standing::Dominated { by } => ("dominated", Some(id(by))),
        };
        let each = run.inputs.payback.as_ref();
        Row {
            run: run.inputs.id.clone(),
            problem: run.inputs.manifest.problem.clone(),
            output: run.name.clone(),
            unit: run.errors.unit.clone(),
            error: run.spot.error.value,
            error_sigma: run.spot.error.sigma,
            energy_j: run.spot.energy.value,
            energy_sigma_j: run.spot.energy.sigma,
            energy_provenance: run.provenance.clone(),
            carbon_g: carbon(run),
            peak_memory_bytes: memory(run),
            seconds: seconds(run),
            verdict: run.inputs.manifest.verdict.as_ref().map(|v| v.word.clone()),
            standing,
            dominated_by,
            pepr_e: pepr_e[i],
            pepr_c: pepr_c[i],
            pepr_t: pepr_t[i],
            pepr_m: pepr_m[i],
            energy_delay_js: seconds(run).map(|s| s * run.spot.energy.value),
            energy_to_target_j: energy_to_reach(&run.curve, target_error),
            joules_of_last_halving: joules_of_last_halving(&run.curve),
            payback: payback_of(run),
            curves_per_joule: each
                .map(|p| 1.0 / p.energy_per_curve_j)
                .filter(|n| n.is_finite() && *n > 0.0),
        }
    };
    let rows = runs.iter().zip(standings(&spots)).enumerate().map(row).collect();
    Some(Comparison {
        format: 1,
        target_error,
        null_model: "the mean of the reference everywhere",
        set: (0..runs.len()).map(id).collect(),
        hypervolume_decades2: hypervolume(&spots, reference),
        hypervolume_reference: [reference.0, reference.1],
        runs: rows,
        boamps: runs.iter().filter_map(boamps_of).collect(),
    })
}

/// Performance by the error of the main output relative to the spread of its reference, which the
/// manifest has; `None` where the reference is constant or the run is older than that number.
fn performance_of(run: &Known<'_>) -> Option<f64> {
    let errors = &run.inputs.manifest.errors;
    errors.iter().find(|e| e.output == run.name)?.relative_to_spread.map(performance)
}

/// A payback.json without uncertainties counts as if its three energies erred independently, each
/// as much as the energy of the run does.
fn payback_of(run: &Known<'_>) -> Option<PaybackRow> {
    let each = run.inputs.payback.as_ref()?;
    let relative = run.spot.energy.sigma / run.spot.energy.value;
    let of = |energy: f64, sigma: Option<f64>| {
        Uncertain::new(energy, sigma.unwrap_or(relative * energy))
    };
    let PaybackCount { count, low, high } = payback(
        of(each.energy_training_j, each.sigma_training_j),
        of(each.energy_per_solve_j, each.sigma_per_solve_j),
        of(each.energy_per_curve_j, each.sigma_per_curve_j),
    );
    Some(PaybackRow { count, low, high })
}

fn boamps_of(run: &Known<'_>) -> Option<Value> {
    let energy = run.inputs.energy.as_ref()?;
    Some(boamps(run.inputs, energy, performance_of(run)))
}

/// `2.84 kJ ± 540 J`; without the second part where it is not known.
fn with_sigma(value: f64, sigma: f64, unit: &str) -> String {
    let shown = quantity(value, unit, 3);
    if sigma > 0.0 { format!("{shown} ± {}", quantity(sigma, unit, 2)) } else { shown }
}

fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| "never".to_owned(), |n| count(n as u64))
}

impl Comparison {
    /// For the page: where the runs stand, and what they cost.
    pub(crate) fn tables(&self) -> [TableView; 2] {
        let none = || "–".to_owned();
        let joules = |value: Option<f64>| value.map_or_else(none, |j| quantity(j, "J", 3));
        let score = |value: Option<f64>| value.map_or_else(none, |p| number(p, 3));
        let place = |r: &Row| {
            let standing = match &r.dominated_by {
                Some(by) => format!("{} by {by}", r.standing),
                None => r.standing.to_owned(),
            };
            vec![
                r.run.clone(),
                standing,
                with_sigma(r.error, r.error_sigma, &r.unit),
                with_sigma(r.energy_j, r.energy_sigma_j, "J"),
                score(r.pepr_e),
                score(r.pepr_c),
                score(r.pepr_t),
                score(r.pepr_m),
            ]
        };
        let cost = |r: &Row| {
            vec![
                r.run.clone(),
                r.energy_delay_js.map_or_else(none, |e| format!("{} J s", number(e, 3))),
                joules(r.energy_to_target_j),
                joules(r.joules_of_last_halving),
                r.payback.map_or_else(none, |p| {
                    let poor = if r.verdict.as_deref() == Some("poor") { ", poor fit" } else { "" };
                    format!("{} ({} to {}){poor}", whole(p.count), whole(p.low), whole(p.high))
                }),
                r.curves_per_joule.map_or_else(none, |n| number(n, 3)),
                r.carbon_g.map_or_else(none, |g| format!("{}\u{a0}CO₂e", quantity(g, "g", 2))),
                r.peak_memory_bytes.map_or_else(none, |bytes| quantity(bytes as f64, "B", 3)),
            ]
        };
        let view = |headers: &[&str], rows: Vec<Vec<String>>| TableView {
            headers: headers.iter().map(|&h| h.to_owned()).collect(),
            rows,
        };
        [
            view(
                &["Run", "Standing", "Rms error", "Energy", "PePR-E", "PePR-C", "PePR-T", "PePR-M"],
                self.runs.iter().map(place).collect(),
            ),
            view(
                &[
                    "Run",
                    "Energy x delay",
                    "Energy to target",
                    "Last halving",
                    "Payback (interval)",
                    "Curves per joule",
                    "Carbon",
                    "Peak memory",
                ],
                self.runs.iter().map(cost).collect(),
            ),
        ]
    }

    /// Words below the table.
    pub(crate) fn notes(&self) -> Vec<String> {
        let unit = self.runs.first().map_or("", |r| r.unit.as_str());
        let [energy, error] = self.hypervolume_reference;
        vec![
            "Standing: by one sigma of each; \"probably dominated\" where the intervals overlap."
                .to_owned(),
            format!(
                "PePR over this set of {} runs; P is 1 less the error relative to the spread of \
                 the reference, so that the null model ({}) has 0. E, C, T, M: energy, carbon, working time, peak memory of the process. \
                 A score is missing where a run of the set lacks its resource.",
                self.set.len(),
                self.null_model
            ),
            format!(
                "Target: {}, the largest error of the set. Payback: solve and curve by the spread of \
                 repeated calls, as the scale of one meter cancels; training with that scale.",
                quantity(self.target_error, unit, 2)
            ),
            format!(
                "Hypervolume: {} decades² up to {} and {}.",
                number(self.hypervolume_decades2, 3),
                quantity(energy, "J", 3),
                quantity(error, unit, 2)
            ),
        ]
    }

    /// Writes `comparison.json`, `comparison.csv`, `boamps.json` and `ro-crate-metadata.json`.
    pub(crate) fn write(&self, out: &Path) -> Result<(), ReportError> {
        write_json(&out.join("comparison.json"), self)?;
        write_atomic(&out.join("comparison.csv"), self.csv().as_bytes())?;
        write_json(&out.join("boamps.json"), &self.boamps)?;
        write_json(&out.join("ro-crate-metadata.json"), &crate_metadata(&self.set))?;
        Ok(())
    }

    fn csv(&self) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let cell = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => quoted(text),
            other => other.to_string(),
        };
        let names = [
            "run",
            "problem",
            "output",
            "unit",
            "error",
            "error_sigma",
            "energy_j",
            "energy_sigma_j",
            "energy_provenance",
            "carbon_g",
            "peak_memory_bytes",
            "seconds",
            "standing",
            "dominated_by",
            "pepr_e",
            "pepr_c",
            "pepr_t",
            "pepr_m",
            "energy_delay_js",
            "energy_to_target_j",
            "joules_of_last_halving",
            "curves_per_joule",
        ];
        let counts = ["count", "low", "high"];
        let mut text = names.join(",");
        text.push_str(",payback,payback_low,payback_high\n");
        for row in &self.runs {
            let row = json!(row);
            let mut cells: Vec<String> = names.iter().map(|name| cell(&row[*name])).collect();
            cells.extend(counts.iter().map(|name| cell(&row["payback"][*name])));
            text.push_str(&cells.join(","));
            text.push('\n');
        }
        text
    }
}
