//! `surrogate evaluate`: errors at random parameter points; and the payback count.

use std::time::Instant;

use serde_json::{Map, json};
use surrogate_engine::{Model, Predictor};
use surrogate_meter::Meter;
use surrogate_problem::Problem;
use surrogate_run::RunDirectory;
use surrogate_run::schema::Payback;

use super::train::errors_json;
use crate::args::Evaluate;
use crate::failure::Failure;
use crate::terminal::Terminal;
use crate::trained::Trained;
use crate::{compare, energy};

/// Least seconds that each side of the payback measurement runs.
const MEASURE_S: f64 = 0.15;
/// Most parameter points of one comparison; each is a solve.
const MOST_POINTS: usize = 100_000;
/// Times of a curve.
const CURVE: usize = 100;

/// Runs the command.
pub fn run(arguments: &Evaluate, terminal: &Terminal) -> Result<u8, Failure> {
    if arguments.points == 0 {
        return Err(Failure::user("--points must be at least 1"));
    }
    if arguments.points > MOST_POINTS {
        return Err(Failure::user(format!("--points must be at most {MOST_POINTS}")));
    }
    let mut trained = Trained::open(&arguments.run)?;
    let truth = compare::truth(&trained.problem, arguments.points, arguments.seed, true)?;
    let found = compare::errors(&trained.problem, &mut trained.model, &trained.weights, &truth)?;
    let manifest = trained.run.manifest()?;
    let goals = crate::record::goals(&trained.problem, &truth, &found);
    let mut judged = manifest.clone();
    judged.goals = goals;
    judged.judge_goals();
    let all = errors_json(&truth, &found);
    let pick = |output: bool| -> Map<String, serde_json::Value> {
        let names = truth.targets.iter().filter(|t| t.output == output).map(|t| &t.name);
        names.filter_map(|n| Some((n.clone(), all.get(n)?.clone()))).collect()
    };
    let worst = truth.targets.first().zip(found.first()).map(|(target, e)| {
        let (k, rms) = e
            .rms_by_point
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .map_or((0, 0.0), |(k, r)| (k, *r));
        let parameters: Map<String, serde_json::Value> = trained
            .problem
            .parameters
            .iter()
            .zip(&truth.parameters[k])
            .map(|(p, v)| (p.name.clone(), json!(v / p.unit.factor)))
            .collect();
        json!({
            "output": target.name,
            "rmse": rms / target.unit.factor,
            "unit": target.unit.text,
            "parameters": parameters,
        })
    });
    for (t, e) in truth.targets.iter().zip(&found) {
        terminal.say(format!(
            "{:16} rms {:.3e} {u}   max {:.3e} {u}   relative L2 {:.2e}",
            t.name,
            e.rms / t.unit.factor,
            e.max / t.unit.factor,
            e.relative_l2,
            u = t.unit.text
        ));
    }
    terminal.say(format!("reference: {} ({})", truth.kind, truth.how));
    let own: Map<String, serde_json::Value> = truth
        .own_error
        .iter()
        .filter_map(|(n, e)| {
            let t = truth.targets.iter().find(|t| t.name == *n)?;
            Some((n.clone(), json!(e / t.unit.factor)))
        })
        .collect();
    terminal.json(&json!({
        "run": trained.run.path(),
        "status": manifest.status.word(),
        "goal_reached": judged.goal_reached,
        "seconds": manifest.seconds,
        "energy_j": manifest.energy.as_ref().map(|e| e.energy_j),
        "energy_provenance": manifest.energy.as_ref().map(|e| e.provenance.clone()),
        "errors": if truth.targets.iter().any(|t| t.output) { pick(true) } else { pick(false) },
        "fields": pick(false),
        "worst": worst,
        "points": truth.parameters.len(),
        "reference": { "kind": truth.kind, "how": truth.how, "own_error": own },
    }));
    Ok(0)
}

/// Measures one reference solve and one surrogate curve, and writes payback.json.
pub fn payback(
    run: &RunDirectory,
    problem: &Problem,
    model: &mut Model,
    weights: &[Vec<f64>],
    meter: &Meter,
) -> Result<(), Failure> {
    let Some(t) = crate::places::time_coordinate(problem) else {
        return Ok(());
    };
    let Ok(solver) = compare::solver(problem, false) else {
        return Ok(());
    };
    let c = &problem.coordinates[t];
    let curve = |o: &&surrogate_problem::model::Output| o.coordinates.iter().all(|&k| k == t);
    let Some(output) = problem.outputs.iter().find(curve) else {
        return Ok(());
    };
    let step = (c.upper - c.lower) / CURVE as f64;
    let times: Vec<f64> = (1..=CURVE).map(|k| c.lower + step * k as f64).collect();
    let points = compare::parameter_points(problem, 64, 3);

    let (mut solves, begun) = (0usize, Instant::now());
    let guard = meter.stage("payback.solve");
    while begun.elapsed().as_secs_f64() < MEASURE_S {
        if solver.solve(&points[solves % points.len()], &times).is_err() {
            return Ok(());
        }
        solves += 1;
    }
    drop(guard);
    let solve_s = begun.elapsed().as_secs_f64() / solves as f64;

    let mut predictor = Predictor::new(model, weights, &[output.value], &[])?;
    let n = points.len() * CURVE;
    let columns: Vec<Vec<f64>> = predictor
        .symbols()
        .iter()
        .map(|s| match problem.parameters.iter().position(|p| p.symbol == *s) {
            Some(k) => (0..n).map(|i| points[i / CURVE][k]).collect(),
            None => (0..n).map(|i| times[i % CURVE]).collect(),
        })
        .collect();
    let (mut curves, begun) = (0usize, Instant::now());
    let guard = meter.stage("payback.predict");
    while begun.elapsed().as_secs_f64() < MEASURE_S {
        predictor.evaluate(&columns, n);
        curves += points.len();
    }
    drop(guard);
    let curve_s = begun.elapsed().as_secs_f64() / curves as f64;

    let report = meter.report();
    let joules = |path: &str| report.inclusive_uj(path) as f64 * 1e-6;
    let training = report
        .stages
        .iter()
        .filter(|s| s.path.starts_with("train.") || s.path == "sample" || s.path == "checkpoint")
        .map(|s| s.own.total_uj() as f64 * 1e-6)
        .sum();
    let (cells, tolerance) = solver.resolution();
    let payback = Payback {
        format: 1,
        solver: format!(
            "reference solver, {cells} cells, tolerance {tolerance:.0e}, {CURVE} times"
        ),
        energy_per_solve_j: joules("payback.solve") / solves as f64,
        energy_per_curve_j: joules("payback.predict") / curves as f64,
        energy_training_j: training,
        provenance: energy::word(&report).to_string(),
        seconds_per_solve: Some(solve_s),
        seconds_per_curve: Some(curve_s),
        how: format!("{solves} solves and {curves} curves, one thread"),
    };
    Ok(surrogate_run::write_json(&run.file("payback.json"), &payback)?)
}
