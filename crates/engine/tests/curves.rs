//! Curves at fixed times are the same numbers as points evaluated one by one.
#![allow(clippy::unwrap_used)]

use std::io;
use std::path::Path;

use surrogate_engine::{CurvePredictor, Model, Predictor, initial};
use surrogate_problem::{Problem, load, load_text};
use surrogate_symbolic::{Node, SymbolId};

/// Seven rows of 37 times: the last tile is neither full nor of one row.
const TIMES: usize = 37;
const ROWS: usize = 7;

fn random_weights(model: &Model) -> Vec<Vec<f64>> {
    model.components.iter().map(|c| initial(c, &model.form, 5)).collect()
}

/// All outputs that are curves over the first coordinate, with derivatives by every parameter.
fn compare(problem: &Problem, tolerance: f64) {
    let mut model = Model::new(problem).unwrap();
    let weights = random_weights(&model);
    let t = &problem.coordinates[0];
    let outputs: Vec<Node> = problem.outputs.iter().map(|o| o.value).collect();
    let by: Vec<SymbolId> = problem.parameters.iter().map(|p| p.symbol).collect();
    let length = t.upper - t.lower;
    let times: Vec<f64> = (1..=TIMES).map(|k| t.lower + length * k as f64 / TIMES as f64).collect();

    let mut points = Predictor::new(&mut model, &weights, &outputs, &by).unwrap();
    let at = [(t.symbol, times.clone())];
    let mut curves = CurvePredictor::new(&mut model, &weights, &outputs, &by, &at).unwrap();

    let value = |s: SymbolId, row: usize| {
        let p = problem.parameters.iter().find(|p| p.symbol == s).unwrap();
        p.lower + (p.upper - p.lower) * (row as f64 + 0.3) / ROWS as f64
    };
    let one_by_one = |s: &SymbolId| -> Vec<f64> {
        let at = |i: usize| if *s == t.symbol { times[i % TIMES] } else { value(*s, i / TIMES) };
        (0..ROWS * TIMES).map(at).collect()
    };
    let columns: Vec<Vec<f64>> = points.symbols().iter().map(one_by_one).collect();
    let rows: Vec<Vec<f64>> =
        curves.symbols().iter().map(|&s| (0..ROWS).map(|r| value(s, r)).collect()).collect();

    let expected = points.evaluate(&columns, ROWS * TIMES);
    let found = curves.evaluate(&rows, ROWS);
    assert_eq!(found.len(), outputs.len() * (1 + by.len()));
    for (k, (a, b)) in expected.iter().zip(&found).enumerate() {
        let size = a.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert_eq!(a.len(), b.len());
        for (i, (x, y)) in a.iter().zip(b).enumerate() {
            assert!((x - y).abs() <= tolerance * size, "expression {k}, element {i}: {x} and {y}");
        }
    }
    let again = curves.evaluate(&rows, ROWS);
    assert_eq!(found, again, "the same bits twice");
}

#[test]
fn a_cell_is_the_same_by_curves_and_by_points() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../problems/spm.toml");
    // polynomials of degree 28 with coefficients of 1e5 magnify rounding
    compare(&load(&path, &[]).unwrap(), 1e-8);
}

/// Outputs of every kind: of time alone, of a parameter alone, of both, of an unknown scalar, an
/// integral, and a number.
#[test]
fn outputs_that_depend_on_times_or_rows_alone_are_curves_too() {
    const TEXT: &str = r#"
title = "Decay"
[coordinates]
t = "0 .. 3"
x = "0 .. 1"
[parameters]
k = { range = "0.5 .. 2", scale = "log" }
a = "1 .. 3"
[unknowns]
b = { initial = 0.7 }
[fields.u]
of = ["t"]
[fields.v]
of = ["t"]
[fields.w]
of = ["t", "x"]
[[equations]]
equation = "d(u, t) = -k * u"
[[equations]]
equation = "d(v, t) = -b * v"
[[equations]]
equation = "d(w, t) = 0.1 * a * d(w, x, x)"
[[conditions]]
at = "t = 0"
equation = "u = 1"
[[conditions]]
at = "t = 0"
equation = "v = 1"
[[conditions]]
at = "t = 0"
equation = "w = sin(3.14159 * x)"
[outputs]
both = "u * v + a * exp(-k * t)"
times = "v^2 + t"
rows = "a^2 * k"
number = "2.5"
scalar = "b"
place = "w | x = 0.3"
INTEGRAL
"#;
    let read = |text: &str| {
        let no_file = |_: &str| Err(io::Error::from(io::ErrorKind::NotFound));
        load_text("inline.toml", text, &[], &no_file).unwrap_or_else(|e| panic!("{e}"))
    };
    compare(&read(&TEXT.replace("INTEGRAL", "")), 1e-13);
    compare(&read(&TEXT.replace("INTEGRAL", r#"mean_w = "mean(w, x) * a""#)), 1e-13);
}
