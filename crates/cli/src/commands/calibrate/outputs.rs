//! What a calibration leaves behind: `posterior.nc`, `draws.csv`, `prior.csv`, `fit.csv`,
//! `predict.csv`, `summary.json`.

use std::path::Path;

use serde_json::{Map, Value, json};
use surrogate_calibrate::{Chain, Draws, Transform};
use surrogate_problem::Problem;
use surrogate_problem::model::{Output, Unit};
use surrogate_run::{
    Attribute, Column, Dimension, InferenceData, InferenceGroup, Labels, Numbers, Table, Variable,
};

use super::experiment::Experiment;
use super::found::Found;
use super::model::Models;
use super::predictive::Fit;
use super::unknowns::Unknowns;
use super::verdict::Judged;
use crate::failure::Failure;
use crate::places::time_coordinate;

/// Units of the unknowns, in their order: parameters, then noise.
pub struct Units {
    /// Unit as the file writes it, and its SI value.
    list: Vec<(String, f64)>,
}

impl Units {
    /// Parameters have their own units; noise and misfit that of the output.
    pub fn new(
        problem: &Problem,
        output: &Output,
        unknowns: &Unknowns,
        models: &Models<'_>,
    ) -> Self {
        let own = |u: &Unit| (crate::record::unit(&u.text), u.factor);
        let parameters = unknowns.list.iter().map(|&k| own(&problem.parameters[k].unit));
        let rest = &models.surrogate.parameters[unknowns.list.len()..];
        let noise = rest.iter().map(|p| match p.name.split('[').next() {
            Some("sigma" | "delta") => own(&output.unit),
            _ => (String::new(), 1.0),
        });
        Self { list: parameters.chain(noise).collect() }
    }

    /// Text and SI value of the unit of an unknown.
    pub fn of(&self, k: usize) -> (&str, f64) {
        (&self.list[k].0, self.list[k].1)
    }
}

/// `{NAME: {mean, sd, …}}` of unknowns `range`, in the units of the files.
pub fn parameters(found: &Found<'_>, range: std::ops::Range<usize>) -> Value {
    let mut out = Map::new();
    for k in range {
        let (line, (unit, f)) = (&found.judged.lines[k], found.units.of(k));
        let (s, unknown) = (&line.summary, &found.models.surrogate.parameters[k]);
        let ends = [unknown.range().0 / f, unknown.range().1 / f];
        let logarithmic = matches!(unknown.transform(), Transform::LogInterval { .. });
        let before = line.before.map(|(mean, sd)| json!({ "mean": mean / f, "sd": sd / f }));
        out.insert(
            line.name.clone(),
            json!({
                "unit": unit, "mean": s.mean / f, "sd": s.sd / f,
                "q5": s.q5 / f, "q50": s.q50 / f, "q95": s.q95 / f,
                "r_hat": s.r_hat, "ess_bulk": s.ess_bulk, "ess_tail": s.ess_tail,
                "mcse_mean": s.mcse_mean / f, "contraction": line.contraction,
                "mass_at_faces": [line.faces.low, line.faces.high],
                "before_weights": before,
                "box": ends.iter().all(|v| v.is_finite()).then_some(ends),
                "scale": if logarithmic { "log" } else { "linear" },
            }),
        );
    }
    Value::Object(out)
}

/// The fit of each curve, in the output's unit.
pub fn fits(fits: &[Fit], output: &Output) -> Value {
    let one = |fit: &Fit| {
        json!({
            "curve": fit.name, "points": fit.points, "rms": fit.rms / output.unit.factor,
            "coverage_90": fit.coverage_90, "autocorrelation": fit.autocorrelation,
            "draws_without_curve": fit.failed,
        })
    };
    fits.iter().map(one).collect()
}

/// One row a draw, in the units of the files.
///
/// # Errors
/// A folder that cannot be written.
pub fn draws_csv(folder: &Path, judged: &Judged, units: &Units) -> Result<(), Failure> {
    let draws = &judged.draws;
    let each = draws.draws();
    let index = |f: &dyn Fn(usize) -> usize| {
        (0..each * draws.chains.len()).map(|i| f(i) as f64).collect::<Vec<f64>>()
    };
    let mut columns = vec![
        Column::numbers("chain", "", index(&|i| i / each)),
        Column::numbers("draw", "", index(&|i| i % each)),
    ];
    for (k, line) in judged.lines.iter().enumerate() {
        let (unit, f) = units.of(k);
        let values = draws.positions().map(|x| x[k] / f).collect();
        columns.push(Column::numbers(&line.name, unit, values));
    }
    Ok(Table::new(columns).write_csv(&folder.join("draws.csv"))?)
}

/// Places along each unknown at which its prior is told.
const PRIOR_PLACES: usize = 41;
/// Ratio of the greatest and least draw from which places are even in the logarithm.
const LOG_FROM: f64 = 4.0;

/// Prior probability of values up to each of some places that span the draws, by unknown, in the
/// units of the files. That of a joint prior is the share of draws from it.
///
/// # Errors
/// A folder that cannot be written.
pub fn prior_csv(folder: &Path, found: &Found<'_>) -> Result<(), Failure> {
    let Found { judged, units, models, .. } = found;
    let (mut names, mut values, mut probabilities) = (Vec::new(), Vec::new(), Vec::new());
    for (k, unknown) in models.surrogate.parameters.iter().enumerate() {
        let draws = judged.draws.positions().map(|x| x[k]);
        let (low, high) =
            draws.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let logarithmic = matches!(unknown.transform(), Transform::LogInterval { .. });
        for place in 0..PRIOR_PLACES {
            let part = place as f64 / (PRIOR_PLACES - 1) as f64;
            let at = match logarithmic && high > LOG_FROM * low {
                true => low * (high / low).powf(part),
                false => low + (high - low) * part,
            };
            let below = || {
                let prior = &judged.prior;
                let count = prior.positions().filter(|x| x[k] <= at).count();
                count as f64 / (prior.draws() * prior.chains.len()) as f64
            };
            let cdf = unknown.cdf(at);
            names.push(unknown.name.clone());
            values.push(at / units.of(k).1);
            probabilities.push(if cdf.is_nan() { below() } else { cdf });
        }
    }
    let table = Table::new(vec![
        Column::words("unknown", names),
        Column::numbers("value", "", values),
        Column::numbers("prior_below", "", probabilities),
    ]);
    Ok(table.write_csv(&folder.join("prior.csv"))?)
}

/// Data, mean prediction, its quantiles with noise, and the level of the data, point by point.
///
/// # Errors
/// A file that cannot be written.
pub fn curves_csv(
    path: &Path,
    problem: &Problem,
    output: &Output,
    curves: &[Experiment],
    fits: &[Fit],
) -> Result<(), Failure> {
    let f = output.unit.factor;
    let unit = crate::record::unit(&output.unit.text);
    let time = time_coordinate(problem).map(|t| problem.coordinates[t].unit.clone());
    let (time_unit, time_factor) = time.map_or((String::new(), 1.0), |u| (u.text, u.factor));
    let all = |pick: &dyn Fn(&Experiment, &Fit) -> Vec<f64>| {
        curves.iter().zip(fits).flat_map(|(c, f)| pick(c, f)).collect::<Vec<f64>>()
    };
    let scaled = |v: &[f64], by: f64| v.iter().map(|x| x / by).collect::<Vec<f64>>();
    let names = curves.iter().flat_map(|c| vec![c.name.clone(); c.times.len()]).collect();
    let numbers = curves.iter().enumerate().flat_map(|(k, c)| vec![k as f64; c.times.len()]);
    let mut columns = vec![
        Column::words("curve", names),
        Column::numbers("number", "", numbers.collect()),
        Column::numbers("time", &time_unit, all(&|c, _| scaled(&c.times, time_factor))),
        Column::numbers(&output.name, &unit, all(&|c, _| scaled(&c.values, f))),
        Column::numbers(&format!("{}_mean", output.name), &unit, all(&|_, x| scaled(&x.mean, f))),
    ];
    for (k, name) in ["q5", "q50", "q95"].into_iter().enumerate() {
        let values = all(&|_, x| scaled(&x.quantiles[k], f));
        columns.push(Column::numbers(&format!("{}_{name}", output.name), &unit, values));
    }
    columns.push(Column::numbers("level", "", all(&|_, x| x.level.clone())));
    Ok(Table::new(columns).write_csv(path)?)
}

/// Draws, what happened while they were made, data and predictions of them, for `ArviZ`. `posterior`
/// is what the summary is of; `surrogate_posterior` holds the draws before the reference solver's
/// weights moved them.
///
/// # Errors
/// A folder that cannot be written.
pub fn posterior_nc(folder: &Path, problem: &Problem, found: &Found<'_>) -> Result<(), Failure> {
    let Found { judged, drawn, models, units, .. } = found;
    let raw = models.surrogate.parameters_of(&drawn.draws);
    let mut groups = vec![draws_group("posterior", &judged.draws, judged, units)];
    if raw != judged.draws {
        groups.push(draws_group("surrogate_posterior", &raw, judged, units));
    }
    groups.push(statistics(&drawn.draws));
    groups.extend(data_groups(problem, found));
    let text = |name: &str, value: &str| (name.to_string(), Attribute::from(value));
    let attributes = vec![
        text("inference_library", "surrogate"),
        text("inference_library_version", env!("CARGO_PKG_VERSION")),
        text("title", &problem.title),
        text("verdict", judged.word()),
    ];
    Ok(InferenceData { attributes, groups }.write(&folder.join("posterior.nc"))?)
}

/// `observed_data` and `posterior_predictive`: a variable and a dimension of times for each curve.
fn data_groups(problem: &Problem, found: &Found<'_>) -> Vec<InferenceGroup> {
    let time = time_coordinate(problem).map_or(1.0, |t| problem.coordinates[t].unit.factor);
    let unit = crate::record::unit(&found.study.output.unit.text);
    let f = found.study.output.unit.factor;
    let (mut axes, mut observed, mut predicted) = (Vec::new(), Vec::new(), Vec::new());
    for (c, (curve, fit)) in found.study.curves.iter().zip(&found.fits).enumerate() {
        let (name, axis) = (format!("{}[{c}]", found.study.output.name), format!("time[{c}]"));
        let labels = Labels::Floats(curve.times.iter().map(|t| t / time).collect());
        axes.push(Dimension { name: axis.clone(), labels });
        let values = Numbers::Floats(curve.values.iter().map(|v| v / f).collect());
        let (unit, dimensions) = (unit.clone(), vec![axis.clone()]);
        observed.push(Variable { name: name.clone(), unit: unit.clone(), dimensions, values });
        let values = Numbers::Floats(fit.replicates.iter().flatten().map(|v| v / f).collect());
        let dimensions = vec!["chain".to_string(), "draw".to_string(), axis];
        predicted.push(Variable { name, unit, dimensions, values });
    }
    let draws = found.fits.first().map_or(0, |fit| fit.replicates.len());
    let count = |name: &str, n| Dimension { name: name.to_string(), labels: Labels::count(n) };
    let mut all = vec![count("chain", 1), count("draw", draws)];
    all.extend(axes.iter().cloned());
    let group = |name: &str, dimensions, variables| InferenceGroup {
        name: name.to_string(),
        dimensions,
        variables,
        attributes: Vec::new(),
    };
    vec![group("observed_data", axes, observed), group("posterior_predictive", all, predicted)]
}

fn dimensions(draws: &Draws) -> Vec<Dimension> {
    let count = |name: &str, n| Dimension { name: name.to_string(), labels: Labels::count(n) };
    vec![count("chain", draws.chains.len()), count("draw", draws.draws())]
}

fn variable(name: &str, unit: &str, values: Numbers) -> Variable {
    let dimensions = vec!["chain".to_string(), "draw".to_string()];
    Variable { name: name.to_string(), unit: unit.to_string(), dimensions, values }
}

fn draws_group(name: &str, draws: &Draws, judged: &Judged, units: &Units) -> InferenceGroup {
    let one = |(k, line): (usize, &super::verdict::Line)| {
        let (unit, f) = units.of(k);
        let values = draws.positions().map(|x| x[k] / f).collect();
        variable(&line.name, unit, Numbers::Floats(values))
    };
    InferenceGroup {
        name: name.to_string(),
        dimensions: dimensions(draws),
        variables: judged.lines.iter().enumerate().map(one).collect(),
        attributes: Vec::new(),
    }
}

/// A statistic of a chain, and its name.
type Named<T> = (&'static str, fn(&Chain) -> &Vec<T>);

/// Statistics of the sampler, by the names that `ArviZ` gives them.
fn statistics(draws: &Draws) -> InferenceGroup {
    let full = |n: usize| n == draws.draws() * draws.chains.len();
    let mut variables = Vec::new();
    let floats: [Named<f64>; 4] = [
        ("lp", |c| &c.stats.lp),
        ("energy", |c| &c.stats.energy),
        ("acceptance_rate", |c| &c.stats.acceptance_rate),
        ("step_size", |c| &c.stats.step_size),
    ];
    for (name, list) in floats {
        let values: Vec<f64> = draws.chains.iter().flat_map(list).copied().collect();
        if full(values.len()) {
            variables.push(variable(name, "", Numbers::Floats(values)));
        }
    }
    let counts: [Named<u64>; 2] =
        [("tree_depth", |c| &c.stats.tree_depth), ("n_steps", |c| &c.stats.n_steps)];
    for (name, list) in counts {
        let values: Vec<i64> = draws.chains.iter().flat_map(list).map(|&v| v as i64).collect();
        if full(values.len()) {
            variables.push(variable(name, "", Numbers::Integers(values)));
        }
    }
    let flags: [Named<bool>; 2] = [
        ("diverging", |c| &c.stats.diverging),
        ("reached_max_treedepth", |c| &c.stats.reached_max_depth),
    ];
    for (name, list) in flags {
        let values: Vec<bool> = draws.chains.iter().flat_map(list).copied().collect();
        if full(values.len()) {
            variables.push(variable(name, "", Numbers::Flags(values)));
        }
    }
    let dimensions = dimensions(draws);
    InferenceGroup {
        name: "sample_stats".to_string(),
        dimensions,
        variables,
        attributes: Vec::new(),
    }
}
