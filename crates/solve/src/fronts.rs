//! Finer meshes where fronts form.
//!
//! Trial solves show where a field on a straight line changes by a good part of its range over one
//! interval. If it does anywhere, at any time, the nodes (or faces) are spread anew so that each
//! interval holds the same share of
//!
//! ```text
//! ∫ max_t (1 + (L u_x / range)^2)^(1/3) dx,   smoothed over neighbouring intervals
//! ```
//!
//! The number of nodes stays, and so does the mesh in time: a front that travels gets its whole
//! path refined. Source: monitors of this kind (arc length with a lower power): Huang & Russell
//! (2011), Adaptive Moving Mesh Methods, 2.4.

use crate::mesh::equidistributed;
use crate::model::{Model, State};
use crate::solution::{FieldSolution, Solution};
use crate::solver::Solver;

/// Times of the trial solve.
const TIMES: usize = 65;
/// Change over an interval, relative to the range of the field, that calls for another mesh.
const STEEP: f64 = 0.02;
const SMOOTHING: usize = 24;
const ROUNDS: usize = 3;

/// New meshes by coordinate, or `None` if the standard ones will do (or the trials fail: then the
/// solve itself will say why). Trials are made at the nominal parameters and at two corners.
pub(crate) fn meshes(
    solver: &Solver,
    trials: &[Vec<f64>],
    end: f64,
) -> Option<Vec<Option<Vec<f64>>>> {
    let model = &solver.model;
    let lines = 0..model.lines.len();
    if !lines.clone().any(|c| suits(model, c)) || end <= model.start {
        return None;
    }
    let times: Vec<f64> = (0..TIMES)
        .map(|k| model.start + (end - model.start) * k as f64 / (TIMES - 1) as f64)
        .collect();
    let mut found = None;
    let mut solver = solver.clone();
    for _ in 0..=ROUNDS {
        let mut solutions: Vec<Solution> =
            trials.iter().filter_map(|p| solver.solve(p, &times).ok()).collect();
        // interfaces that depend on parameters make other meshes: those of the first trial count
        solutions
            .dedup_by(|b, a| b.fields.iter().zip(&a.fields).any(|(b, a)| b.places != a.places));
        let steep = |c: usize| suits(model, c) && steepest(model, &solutions, c) > STEEP;
        if solutions.is_empty() || !lines.clone().any(steep) {
            break;
        }
        let faces: Vec<Option<Vec<f64>>> = lines
            .clone()
            .map(|c| suits(model, c).then(|| redistributed(model, &solutions, c)).flatten())
            .collect();
        solver = solver.with_meshes(faces.clone()).ok()?;
        found = Some(faces);
    }
    found
}

/// Round lines are left alone: their layers are at the surface, which is refined anyway.
fn suits(model: &Model, line: usize) -> bool {
    let here = |s: &State| s.line == Some(line);
    let l = &model.lines[line];
    !l.periodic && l.power == 0 && model.states.iter().any(here)
}

/// Fields of a line, with their range.
fn fields_of<'a>(
    model: &'a Model,
    solution: &'a Solution,
    line: usize,
) -> impl Iterator<Item = (&'a FieldSolution, f64)> {
    let here = move |(field, _): &(usize, &FieldSolution)| {
        let state = &model.states[model.first_state[*field]];
        state.line == Some(line)
    };
    solution.fields.iter().enumerate().filter(here).map(|(_, field)| {
        let all = field.values.iter().flatten();
        let (low, high) =
            all.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
        (field, (high - low).max(1e-300))
    })
}

/// Largest change over an interval relative to the range.
fn steepest(model: &Model, solutions: &[Solution], line: usize) -> f64 {
    let mut worst = 0.0_f64;
    for (field, range) in solutions.iter().flat_map(|s| fields_of(model, s, line)) {
        // the start may jump at the ends whatever the mesh
        for values in &field.values[1..] {
            for pair in values.windows(2) {
                worst = worst.max((pair[1] - pair[0]).abs() / range);
            }
        }
    }
    worst
}

fn redistributed(model: &Model, solutions: &[Solution], line: usize) -> Option<Vec<f64>> {
    let places = &fields_of(model, solutions.first()?, line).next()?.0.places;
    let n = places.len() - 1;
    let length = places[n] - places[0];
    let mut density = vec![1.0_f64; n];
    for (field, range) in solutions.iter().flat_map(|s| fields_of(model, s, line)) {
        for values in &field.values[1..] {
            for k in 0..n {
                let slope = (values[k + 1] - values[k]) / (places[k + 1] - places[k]);
                let steepness = slope * length / range;
                density[k] = density[k].max((1.0 + steepness * steepness).cbrt());
            }
        }
    }
    for _ in 0..SMOOTHING {
        let old = density.clone();
        for k in 0..n {
            let (before, after) = (old[k.saturating_sub(1)], old[(k + 1).min(n - 1)]);
            density[k] = 0.25 * (before + 2.0 * old[k] + after);
        }
    }
    let mut at_places = vec![density[0]];
    at_places.extend(density.windows(2).map(|d| 0.5 * (d[0] + d[1])));
    at_places.push(density[n - 1]);
    Some(equidistributed(places, &at_places, n))
}
