//! Trains a surrogate of Chen2020 (P2D), in the form that 100 solver runs give, for a short while and says what its curves take.
//!
//! Prints microseconds for a curve of 100 times on one thread, for each of a batch on all threads, and
//! for one with its derivatives by the C-rate and four multipliers. `benches/compare/battery.sh` sets
//! them beside PyBaMM.

#![allow(clippy::print_stdout)]

use std::time::Instant;

use rayon::prelude::*;
use surrogate_battery::cell::sets::chen2020;
use surrogate_battery::solve::{Model, Parameter};
use surrogate_cells::{Axis, CellProblem, CellsError, Quantity, Settings, Stage, Training};

/// Times of a curve.
const TIMES: usize = 100;
/// Iterations of training.
const ITERATIONS: usize = 100;
/// Curves of a batch.
const BATCH: usize = 4096;

fn main() -> Result<(), CellsError> {
    let factor = |p| Axis { quantity: Quantity::Factor(p), lower: 0.2, upper: 5.0, log: true };
    let axes = vec![
        Axis { quantity: Quantity::CRate, lower: 0.4, upper: 2.2, log: true },
        factor(Parameter::DiffusivityN),
        factor(Parameter::DiffusivityP),
        factor(Parameter::ExchangeCurrentN),
        factor(Parameter::ExchangeCurrentP),
    ];
    let problem = CellProblem::new(chen2020(), Model::P2d, axes)?;
    // what was learned does not change what a curve takes
    let settings =
        Settings { iterations: ITERATIONS, ..Settings::for_solves(100, 0).with_sweeps(20) };
    let mut training = Training::new(problem, settings)?;
    while training.slice(100)?.stage < Stage::Profiles {}
    let Some(surrogate) = training.surrogate() else { return Ok(()) };

    let times: Vec<f64> = (1..=TIMES).map(|k| 3500.0 * k as f64 / TIMES as f64).collect();
    let point = |k: usize| -> Vec<f64> {
        let axes = surrogate.problem().axes.iter().enumerate();
        axes.map(|(i, axis)| axis.at((0.5 + (k * (i + 1)) as f64 * 0.618_034).fract())).collect()
    };
    let mut buffers = surrogate.buffers();
    let (mut out, mut by) = (vec![0.0; TIMES], vec![0.0; TIMES * 5]);
    let least = |run: &mut dyn FnMut(usize)| {
        let mut least = f64::INFINITY;
        for k in 0..2000 {
            let start = Instant::now();
            run(k);
            least = least.min(start.elapsed().as_secs_f64());
        }
        1e6 * least
    };
    let one = least(&mut |k| surrogate.voltages(&point(k), &times, &mut buffers, &mut out));
    let gradient =
        least(&mut |k| surrogate.gradients(&point(k), &times, &mut buffers, &mut out, &mut by));
    let mut batch = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        let sum: f64 = (0..BATCH)
            .into_par_iter()
            .map_init(
                || (surrogate.buffers(), vec![0.0; TIMES]),
                |(buffers, out), k| {
                    surrogate.voltages(&point(k), &times, buffers, out);
                    out[TIMES / 2]
                },
            )
            .sum();
        assert!(sum.is_finite());
        batch = batch.min(1e6 * start.elapsed().as_secs_f64() / BATCH as f64);
    }
    println!("{one:.1} {batch:.1} {gradient:.1}");
    Ok(())
}
