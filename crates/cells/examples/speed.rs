//! Trains a surrogate of Chen2020 (P2D), in the form that 100 solver runs give, for a short while and says what its curves take.
//!
//! Prints microseconds of one curve of 100 times, of each curve of a batch on one thread and on all threads; then
//! the same with derivatives by the C-rate and four multipliers. `benches/compare/battery.sh` sets them beside
//! PyBaMM.

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
/// Curves of a batch, and those that a thread takes at once.
const BATCH: usize = 1024;
const PART: usize = 64;
/// Batches of which the fastest counts: others may share the machine.
const REPEATS: usize = 40;

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
    let points: Vec<Vec<f64>> = (0..BATCH).map(point).collect();
    let mut buffers = surrogate.buffers();
    let (mut out, mut by) = (vec![0.0; TIMES], vec![0.0; TIMES * 5]);
    let one = least(BATCH, &mut |k| surrogate.voltages(&points[k], &times, &mut buffers, &mut out));
    let gradient = least(BATCH, &mut |k| {
        surrogate.gradients(&points[k], &times, &mut buffers, &mut out, &mut by)
    });

    let (mut out, mut by) = (vec![0.0; BATCH * TIMES], vec![0.0; BATCH * TIMES * 5]);
    let each = |seconds: f64| seconds / BATCH as f64;
    let alone = least(REPEATS, &mut |_| surrogate.curves(&points, &times, &mut buffers, &mut out));
    let shared = least(REPEATS, &mut |_| {
        (points.par_chunks(PART), out.par_chunks_mut(PART * TIMES)).into_par_iter().for_each_init(
            || surrogate.buffers(),
            |buffers, (points, out)| surrogate.curves(points, &times, buffers, out),
        );
    });
    let gradients_alone = least(REPEATS, &mut |_| {
        surrogate.curve_gradients(&points, &times, &mut buffers, &mut out, &mut by);
    });
    let gradients_shared = least(REPEATS, &mut |_| {
        let parts = points.par_chunks(PART).zip(out.par_chunks_mut(PART * TIMES));
        parts.zip(by.par_chunks_mut(PART * TIMES * 5)).for_each_init(
            || surrogate.buffers(),
            |buffers, ((points, out), by)| {
                surrogate.curve_gradients(points, &times, buffers, out, by);
            },
        );
    });
    println!("{one:.1} {:.1} {:.1}", each(alone), each(shared));
    println!("{gradient:.1} {:.1} {:.1}", each(gradients_alone), each(gradients_shared));
    Ok(())
}

/// Least time of some calls, us.
fn least(calls: usize, run: &mut dyn FnMut(usize)) -> f64 {
    let mut least = f64::INFINITY;
    for k in 0..calls {
        let start = Instant::now();
        run(k);
        least = least.min(start.elapsed().as_secs_f64());
    }
    1e6 * least
}
