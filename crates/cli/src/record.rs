//! What a comparison leaves in the run directory: evaluation.json, curves.csv, profiles.csv,
//! results.h5, and the errors and goals of the manifest.

use std::collections::BTreeMap;

use surrogate_problem::Problem;
use surrogate_problem::model::Role;
use surrogate_run::schema::{
    Axis, Detail, Evaluation, FieldErrors, OutputErrors, Point, Reference, Worst,
};
use surrogate_run::{
    Column, Dataset, ErrorEntry, Goal, Group, Manifest, ParameterRange, Results, RunDirectory,
    Table, header, reference_header,
};

use crate::cell::Ends;
use crate::compare::{Errors, Target, Truth};
use crate::failure::Failure;

/// Parameter points shown as curves.
const SHOWN: usize = 8;

/// Unit as the run files write it.
pub fn unit(text: &str) -> String {
    if text == "1" { String::new() } else { text.to_string() }
}

/// Ranges for the manifest.
pub fn ranges(problem: &Problem) -> Vec<ParameterRange> {
    let range = |p: &surrogate_problem::model::Parameter| ParameterRange {
        name: p.name.clone(),
        unit: unit(&p.unit.text),
        lower: p.lower / p.unit.factor,
        upper: p.upper / p.unit.factor,
        scale: if p.logarithmic { "log" } else { "linear" }.to_string(),
    };
    problem.parameters.iter().map(range).collect()
}

fn output_errors(target: &Target, e: &Errors) -> OutputErrors {
    let f = target.unit.factor;
    OutputErrors {
        long_name: target.description.clone(),
        unit: unit(&target.unit.text),
        rms: Some(e.rms / f),
        max: Some(e.max / f),
        relative_l2: Some(e.relative_l2),
        rms_by_point: e.rms_by_point.iter().map(|v| v / f).collect(),
        max_by_point: e.max_by_point.iter().map(|v| v / f).collect(),
    }
}

fn axis_of(problem: &Problem, target: &Target) -> Axis {
    let space = target.symbols[problem.parameters.len().min(target.symbols.len())..]
        .iter()
        .filter_map(|s| problem.coordinates.iter().find(|c| c.symbol == *s))
        .find(|c| c.role == Role::Space);
    match space {
        Some(c) => Axis { name: c.name.clone(), unit: unit(&c.unit.text) },
        None => Axis::default(),
    }
}

/// The evaluation as a file.
pub fn evaluation(
    problem: &Problem,
    truth: &Truth,
    errors: &[Errors],
    held_out: Option<f64>,
) -> Evaluation {
    let mut out = Evaluation {
        format: 1,
        reference: Reference {
            kind: truth.kind.to_string(),
            how: truth.how.clone(),
            own_error: own_errors(truth),
        },
        parameters: ranges(problem),
        held_out,
        ..Evaluation::default()
    };
    if let Some(t) = crate::places::time_coordinate(problem) {
        out.axis = Axis { name: "time".to_string(), unit: unit(&problem.coordinates[t].unit.text) };
    }
    for (target, e) in truth.targets.iter().zip(errors) {
        let entry = output_errors(target, e);
        if target.output {
            if out.main_output.is_empty() {
                out.main_output.clone_from(&target.name);
            }
            out.outputs.insert(target.name.clone(), entry);
        } else {
            let place = axis_of(problem, target);
            out.fields.insert(target.name.clone(), FieldErrors { errors: entry, place });
        }
    }
    for (k, point) in truth.parameters.iter().enumerate() {
        let parameters = problem
            .parameters
            .iter()
            .zip(point)
            .map(|(p, v)| (p.name.clone(), v / p.unit.factor))
            .collect();
        let by_name = truth
            .targets
            .iter()
            .zip(errors)
            .map(|(t, e)| (t.name.clone(), e.rms_by_point[k] / t.unit.factor))
            .collect();
        out.points.push(Point { parameters, errors: by_name });
    }
    if let Some((target, e)) = truth.targets.iter().zip(errors).next() {
        let worst = e.rms_by_point.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        out.worst = worst.map(|(point, rms)| Worst {
            output: target.name.clone(),
            point,
            rms: rms / target.unit.factor,
        });
    }
    out
}

fn own_errors(truth: &Truth) -> BTreeMap<String, f64> {
    let factor = |name: &str| truth.targets.iter().find(|t| t.name == name).map(|t| t.unit.factor);
    truth.own_error.iter().filter_map(|(n, e)| Some((n.clone(), e / factor(n)?))).collect()
}

/// Errors for the manifest.
pub fn error_entries(truth: &Truth, errors: &[Errors]) -> Vec<ErrorEntry> {
    let entry = |(t, e): (&Target, &Errors)| ErrorEntry {
        output: t.name.clone(),
        unit: unit(&t.unit.text),
        rms: Some(e.rms / t.unit.factor),
        max: Some(e.max / t.unit.factor),
        relative_l2: Some(e.relative_l2),
        relative_to_spread: e.relative_to_spread,
    };
    truth.targets.iter().zip(errors).map(entry).collect()
}

/// Goals of the problem with the values reached; `ends`: what else is known of the discharges of a cell.
pub fn goals(
    problem: &Problem,
    truth: &Truth,
    errors: &[Errors],
    ends: Option<&Ends>,
) -> Vec<Goal> {
    let mut out = Vec::new();
    for goal in &problem.goals {
        let found = truth.targets.iter().zip(errors).find(|(t, _)| t.name == goal.name);
        let (factor, text) = match found {
            Some((t, _)) => (t.unit.factor, unit(&t.unit.text)),
            None => (1.0, String::new()),
        };
        let mut push = |measure: &str, limit: Option<f64>, value: Option<f64>, amount: bool| {
            let (unit, factor) = if amount { (text.clone(), factor) } else { (String::new(), 1.0) };
            let (output, measure) = (goal.name.clone(), measure.to_string());
            let value = value.map(|v| v / factor);
            out.extend(limit.map(|limit| Goal {
                output,
                measure,
                limit: limit / factor,
                value,
                unit,
            }));
        };
        push("rms", goal.rms, found.map(|(_, e)| e.rms), true);
        push("max", goal.max, found.map(|(_, e)| e.max), true);
        push("relative_l2", goal.relative_l2, found.map(|(_, e)| e.relative_l2), false);
        let of = &goal.discharge;
        push("rms of the first 95 %", of.first_95_v, ends.map(|e| e.rms_v), true);
        push("rms of the worst curve", of.worst_curve_v, ends.map(|e| e.worst_v), true);
        push("end, median", of.end_median, ends.map(|e| e.end_median), false);
        push("end, 99 of 100", of.end_99, ends.map(|e| e.end_most), false);
    }
    out
}

/// Writes everything of a comparison, and updates the manifest (not yet written), which has its goals.
pub fn write(
    run: &RunDirectory,
    problem: &Problem,
    truth: &Truth,
    errors: &[Errors],
    (held_out, details): (Option<f64>, Vec<Detail>),
    manifest: &mut Manifest,
) -> Result<(), Failure> {
    let evaluation = Evaluation { details, ..evaluation(problem, truth, errors, held_out) };
    surrogate_run::write_json(&run.file("evaluation.json"), &evaluation)?;
    manifest.errors = error_entries(truth, errors);
    manifest.judge_goals();
    if let Some(curves) = curves(problem, truth, errors) {
        curves.write_csv(&run.file("curves.csv"))?;
    }
    if let Some(profiles) = profiles(problem, truth, errors) {
        profiles.write_csv(&run.file("profiles.csv"))?;
    }
    results(problem, truth, errors).write(&run.file("results.h5"))?;
    Ok(())
}

fn parameter_columns(problem: &Problem, truth: &Truth, groups: &[usize]) -> Vec<Column> {
    let column = |(k, p): (usize, &surrogate_problem::model::Parameter)| {
        let values = groups.iter().map(|&g| truth.parameters[g][k] / p.unit.factor).collect();
        Column::numbers(&p.name, &unit(&p.unit.text), values)
    };
    problem.parameters.iter().enumerate().map(column).collect()
}

fn time_values(problem: &Problem, target: &Target, keep: &[usize]) -> Option<(String, Vec<f64>)> {
    let c = &problem.coordinates[crate::places::time_coordinate(problem)?];
    let k = target.symbols.iter().position(|s| *s == c.symbol)?;
    let values = keep.iter().map(|&i| target.points[k][i] / c.unit.factor).collect();
    Some((unit(&c.unit.text), values))
}

/// Output curves of the first parameter points, long form.
fn curves(problem: &Problem, truth: &Truth, errors: &[Errors]) -> Option<Table> {
    let outputs: Vec<(&Target, &Errors)> =
        truth.targets.iter().zip(errors).filter(|(t, _)| t.output).collect();
    let (first, _) = outputs.first()?;
    let keep: Vec<usize> = (0..first.group.len()).filter(|&i| first.group[i] < SHOWN).collect();
    let groups: Vec<usize> = keep.iter().map(|&i| first.group[i]).collect();
    let (time_unit, times) = time_values(problem, first, &keep)?;
    let mut columns =
        vec![Column::numbers("point", "", groups.iter().map(|&g| g as f64).collect())];
    columns.extend(parameter_columns(problem, truth, &groups));
    columns.push(Column::numbers("time", &time_unit, times));
    for (t, e) in outputs.iter().filter(|(t, _)| t.group == first.group) {
        let scaled = |v: &[f64]| keep.iter().map(|&i| v[i] / t.unit.factor).collect::<Vec<f64>>();
        let text = unit(&t.unit.text);
        columns.push(Column::numbers(&t.name, &text, scaled(&e.predicted)));
        columns.push(Column::reference(&t.name, &text, scaled(&t.reference)));
    }
    Some(Table::new(columns))
}

/// Field profiles of the first two parameter points, long form.
fn profiles(problem: &Problem, truth: &Truth, errors: &[Errors]) -> Option<Table> {
    let mut words = Vec::new();
    let mut groups = Vec::new();
    let (mut times, mut places, mut values, mut reference) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut time_unit = "s".to_string();
    for (t, e) in truth.targets.iter().zip(errors).filter(|(t, _)| !t.output) {
        let coordinates =
            t.symbols.iter().enumerate().filter_map(|(k, s)| {
                Some((k, problem.coordinates.iter().find(|c| c.symbol == *s)?))
            });
        let Some((column, place)) = coordinates.into_iter().find(|(_, c)| c.role == Role::Space)
        else {
            continue;
        };
        let keep: Vec<usize> = (0..t.group.len()).filter(|&i| t.group[i] < 2).collect();
        match time_values(problem, t, &keep) {
            Some((u, v)) => {
                time_unit = u;
                times.extend(v);
            }
            None => times.extend(keep.iter().map(|_| f64::NAN)),
        }
        for &i in &keep {
            words.push(t.name.clone());
            groups.push(t.group[i]);
            places.push(t.points[column][i] / place.unit.factor);
            values.push(e.predicted[i] / t.unit.factor);
            reference.push(t.reference[i] / t.unit.factor);
        }
    }
    if words.is_empty() {
        return None;
    }
    let mut columns = vec![
        Column::words("field", words),
        Column::numbers("point", "", groups.iter().map(|&g| g as f64).collect()),
    ];
    columns.extend(parameter_columns(problem, truth, &groups));
    columns.push(Column::numbers("time", &time_unit, times));
    columns.push(Column::numbers("place", "", places));
    columns.push(Column::numbers("value", "", values));
    columns.push(Column::numbers("reference", "", reference));
    Some(Table::new(columns))
}

/// Everything, for notebooks.
fn results(problem: &Problem, truth: &Truth, errors: &[Errors]) -> Results {
    let mut groups = Vec::new();
    let n = truth.parameters.len() as u64;
    let datasets = problem.parameters.iter().enumerate().map(|(k, p)| Dataset {
        name: p.name.clone(),
        unit: unit(&p.unit.text),
        long_name: p.description.clone(),
        dimensions: vec!["point".to_string()],
        shape: vec![n],
        values: truth.parameters.iter().map(|v| v[k] / p.unit.factor).collect(),
    });
    groups.push(Group {
        name: "parameters".to_string(),
        long_name: "Parameter points of the evaluation".to_string(),
        datasets: datasets.collect(),
    });
    for (t, e) in truth.targets.iter().zip(errors) {
        let rows = t.reference.len() as u64;
        let dataset = |name: &str, unit: &str, long: &str, values: Vec<f64>| Dataset {
            name: name.to_string(),
            unit: unit.to_string(),
            long_name: long.to_string(),
            dimensions: vec!["row".to_string()],
            shape: vec![rows],
            values,
        };
        let text = unit(&t.unit.text);
        let scaled = |v: &[f64]| v.iter().map(|x| x / t.unit.factor).collect::<Vec<f64>>();
        let mut datasets = vec![
            dataset(
                "point",
                "",
                "Index of the parameter point",
                t.group.iter().map(|&g| g as f64).collect(),
            ),
            dataset(&header(&t.name, &text), &text, "Surrogate", scaled(&e.predicted)),
            dataset(&reference_header(&t.name, &text), &text, "Reference", scaled(&t.reference)),
        ];
        for (k, s) in t.symbols.iter().enumerate() {
            if let Some(c) = problem.coordinates.iter().find(|c| c.symbol == *s) {
                let name = if c.role == Role::Time { "time" } else { &c.name };
                let values = t.points[k].iter().map(|v| v / c.unit.factor).collect();
                let text = unit(&c.unit.text);
                datasets.push(dataset(&header(name, &text), &text, &c.description, values));
            }
        }
        groups.push(Group { name: t.name.clone(), long_name: t.description.clone(), datasets });
    }
    Results { attributes: vec![("title".to_string(), problem.title.clone())], groups }
}
