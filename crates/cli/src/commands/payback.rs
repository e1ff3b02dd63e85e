//! What one reference solve and one curve of the surrogate take, for the payback count.

use std::time::Instant;

use surrogate_meter::{EnergyReport, Meter};
use surrogate_problem::Problem;
use surrogate_problem::model::Output;
use surrogate_run::RunDirectory;
use surrogate_run::schema::Payback;

use crate::failure::Failure;
use crate::grid::Item;
use crate::reference::Reference;
use crate::surrogate::Surrogate;
use crate::{compare, energy, places};

/// Batches of calls, whose spread gives the uncertainty.
const BATCHES: usize = 5;
/// Least seconds of a batch.
const BATCH_S: f64 = 0.03;
/// After so many seconds two batches are enough.
const PATIENCE_S: f64 = 2.0;
/// Times of a curve.
const CURVE: usize = 100;

/// What a call takes.
struct PerCall {
    energy_j: f64,
    sigma_j: f64,
    seconds: f64,
    calls: usize,
}

/// Calls `work`, which says how many calls it made, in batches under a stage; `None` if it fails.
fn measure(meter: &Meter, stage: &str, work: &mut dyn FnMut() -> Option<usize>) -> Option<PerCall> {
    let used = || meter.report().inclusive_uj(stage) as f64 * 1e-6;
    let (first_j, mut means_j) = (used(), Vec::new());
    let (mut seconds, mut calls) = (0.0, 0);
    while means_j.len() < BATCHES && (means_j.len() < 2 || seconds < PATIENCE_S) {
        let (before_j, mut count) = (used(), 0);
        let guard = meter.stage(stage);
        let begun = Instant::now();
        while begun.elapsed().as_secs_f64() < BATCH_S {
            count += work()?;
        }
        seconds += begun.elapsed().as_secs_f64();
        drop(guard);
        means_j.push((used() - before_j) / count as f64);
        calls += count;
    }
    let n = means_j.len() as f64;
    let mean = means_j.iter().sum::<f64>() / n;
    let variance = means_j.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some(PerCall {
        energy_j: (used() - first_j) / calls as f64,
        sigma_j: (variance / n).sqrt(),
        seconds: seconds / calls as f64,
        calls,
    })
}

/// Measures one reference solve and one surrogate curve, and writes payback.json; `None` where
/// there is no solver or no output along time.
pub fn payback(
    run: &RunDirectory,
    problem: &Problem,
    surrogate: &mut Surrogate,
    meter: &Meter,
) -> Result<Option<Payback>, Failure> {
    let Some(t) = places::time_coordinate(problem) else {
        return Ok(None);
    };
    let Ok(solver) = Reference::of(problem, false) else {
        return Ok(None);
    };
    let curve = |o: &&Output| o.coordinates.iter().all(|&k| k == t);
    let Some(place) = problem.outputs.iter().position(|o| curve(&o)) else {
        return Ok(None);
    };
    let output = &problem.outputs[place];
    let c = &problem.coordinates[t];
    let step = (c.upper - c.lower) / CURVE as f64;
    let times: Vec<f64> = (1..=CURVE).map(|k| c.lower + step * k as f64).collect();
    let points = compare::parameter_points(problem, 64, 3);

    let mut solves = 0;
    let solve = measure(meter, "payback.solve", &mut || {
        solves += 1;
        solver.curves(&points[(solves - 1) % points.len()], &times).ok().map(|_| 1)
    });
    let Some(solve) = solve else {
        return Ok(None);
    };
    let mut at = vec![Vec::new(); problem.coordinates.len()];
    at[t] = times;
    let mut curves = surrogate.curves(problem, &[Item::Output(place)], &[], &at)?;
    let rows = places::columns_of(problem, &points);
    let predict = measure(meter, "payback.predict", &mut || {
        curves.evaluate(&rows, points.len());
        Some(points.len())
    });
    let Some(predict) = predict else {
        return Ok(None);
    };
    let words = format!("{}, {CURVE} times", solver.how());
    let payback = payback_of(words, curve_words(output), &solve, &predict, &meter.report());
    surrogate_run::write_json(&run.file("payback.json"), &payback)?;
    Ok(Some(payback))
}

/// `payback.json` of what was measured.
fn payback_of(
    solver: String,
    curve: String,
    solve: &PerCall,
    predict: &PerCall,
    report: &EnergyReport,
) -> Payback {
    let training_j = report
        .stages
        .iter()
        .filter(|s| s.path.starts_with("train.") || s.path == "sample" || s.path == "checkpoint")
        .map(|s| s.own.total_uj() as f64 * 1e-6)
        .sum::<f64>();
    let relative = report.total_sigma_uj as f64 / report.total_uj.max(1) as f64;
    Payback {
        format: 1,
        solver,
        curve,
        energy_per_solve_j: solve.energy_j,
        energy_per_curve_j: predict.energy_j,
        energy_training_j: training_j,
        sigma_per_solve_j: Some(solve.sigma_j),
        sigma_per_curve_j: Some(predict.sigma_j),
        sigma_training_j: Some(relative * training_j),
        provenance: energy::word(report).to_string(),
        seconds_per_solve: Some(solve.seconds),
        seconds_per_curve: Some(predict.seconds),
        how: format!("{} solves and {} curves, one thread", solve.calls, predict.calls),
    }
}

/// What one prediction is, as a functional unit.
pub fn curve_words(output: &Output) -> String {
    match output.unit.text.as_str() {
        "V" => "voltage curve".to_string(),
        _ => format!("curve of {}", output.name),
    }
}
