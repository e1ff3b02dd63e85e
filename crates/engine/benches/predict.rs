//! Speed of a trained surrogate of the single-particle model on one thread:
//! `cargo bench -p surrogate-engine --bench predict`.
//!
//! Prints 100-point voltage curves per second (batched), and the time of one curve with its
//! gradient by all parameters. Weights are random: the time does not depend on them.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::path::Path;
use std::time::Instant;

use surrogate_engine::{CurvePredictor, Model, Predictor, initial};
use surrogate_symbolic::SymbolId;

const TIMES: usize = 100;

fn main() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../problems/spm.toml");
    let problem = surrogate_problem::load(&path, &[]).unwrap();
    let mut model = Model::new(&problem).unwrap();
    let weights: Vec<Vec<f64>> =
        model.components.iter().map(|c| initial(c, &model.form, 0)).collect();
    let voltage = problem.outputs.iter().find(|o| o.name == "voltage").unwrap().value;
    let by: Vec<SymbolId> = problem.parameters.iter().map(|p| p.symbol).collect();

    let mut batch = Predictor::new(&mut model, &weights, &[voltage], &[]).unwrap();
    let curves = 256;
    let columns = columns(&problem, batch.symbols(), curves);
    let seconds = best_of(20, || {
        std::hint::black_box(batch.evaluate(&columns, curves * TIMES));
    });
    println!(
        "batched: {:.0} curves/s ({:.2} us a curve)",
        curves as f64 / seconds,
        seconds / curves as f64 * 1e6
    );

    let times: Vec<f64> = (1..=TIMES).map(|k| 13.5 * k as f64).collect();
    let t = problem.coordinates[0].symbol;
    let at = [(t, times)];
    let mut batch = CurvePredictor::new(&mut model, &weights, &[voltage], &[], &at).unwrap();
    let rows = parameters(&problem, batch.symbols(), curves);
    let seconds = best_of(20, || {
        std::hint::black_box(batch.evaluate(&rows, curves));
    });
    println!(
        "curves at fixed times: {:.0} curves/s ({:.2} us a curve)",
        curves as f64 / seconds,
        seconds / curves as f64 * 1e6
    );
    let mut one = CurvePredictor::new(&mut model, &weights, &[voltage], &by, &at).unwrap();
    let rows = parameters(&problem, one.symbols(), 1);
    let seconds = best_of(2000, || {
        std::hint::black_box(one.evaluate(&rows, 1));
    });
    println!("value and gradient of one curve at fixed times: {:.1} us", seconds * 1e6);

    let mut one = Predictor::new(&mut model, &weights, &[voltage], &by).unwrap();
    let columns = self::columns(&problem, one.symbols(), 1);
    let seconds = best_of(2000, || {
        std::hint::black_box(one.evaluate(&columns, TIMES));
    });
    println!("value and gradient of one curve: {:.1} us", seconds * 1e6);
}

fn columns(
    problem: &surrogate_problem::Problem,
    symbols: &[SymbolId],
    curves: usize,
) -> Vec<Vec<f64>> {
    let column = |s: &SymbolId| -> Vec<f64> {
        let parameter = problem.parameters.iter().find(|p| p.symbol == *s);
        (0..curves * TIMES)
            .map(|i| match parameter {
                Some(p) => p.lower + (p.upper - p.lower) * (i / TIMES) as f64 / curves as f64,
                None => 13.5 * (i % TIMES + 1) as f64,
            })
            .collect()
    };
    symbols.iter().map(column).collect()
}

fn parameters(
    problem: &surrogate_problem::Problem,
    symbols: &[SymbolId],
    rows: usize,
) -> Vec<Vec<f64>> {
    let column = |s: &SymbolId| {
        let p = problem.parameters.iter().find(|p| p.symbol == *s).unwrap();
        (0..rows).map(|i| p.lower + (p.upper - p.lower) * i as f64 / rows as f64).collect()
    };
    symbols.iter().map(column).collect()
}

fn best_of(times: usize, mut run: impl FnMut()) -> f64 {
    (0..times)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}
