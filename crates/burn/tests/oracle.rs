//! The fused kernels against tensor operations with automatic differentiation, and both against
//! differences.
#![allow(clippy::print_stdout)] // the figures of the agreement, for --nocapture

use std::io;
use std::path::Path;

use surrogate_burn::{BurnLoss, Device, burn_loss};
use surrogate_engine::optimize::Objective;
use surrogate_engine::{Control, Event, Loss, Model, Training, TrainingLoss, initial};
use surrogate_problem::{Problem, load, load_text};

/// Points per block; odd, so that the last tile of the fused kernels has padding.
const POINTS: usize = 77;

fn file(name: &str) -> Problem {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../problems").join(name);
    load(&path, &[]).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn text(text: &str) -> Problem {
    let no_file = |_: &str| Err(io::Error::from(io::ErrorKind::NotFound));
    load_text("inline.toml", text, &[], &no_file).unwrap_or_else(|e| panic!("{e}"))
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Repeatable numbers in -1..1.
fn noise(n: usize, seed: usize) -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed as u64 + 1);
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..n).map(next).collect()
}

/// Directional derivative by differences of fourth order.
fn slope(loss: &mut dyn Objective, x: &[f64], direction: &[f64]) -> f64 {
    let mut at = |h: f64| {
        let moved: Vec<f64> = x.iter().zip(direction).map(|(x, d)| x + h * d).collect();
        loss.value(&moved)
    };
    let h = 1e-3;
    (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
}

/// Compares all components; tolerances are relative (of gradients: to their norm).
fn agree(problem: &Problem) {
    let model = Model::new(problem).expect("the model can be made");
    let forms = &model.form.fields;
    for component in &model.components {
        let sets: Vec<_> =
            component.blocks.iter().map(|b| b.draw(b.n.min(POINTS), 7, None)).collect();
        let mut fused = Loss::new(component, forms, sets.clone());
        let mut burn = BurnLoss::new(component, forms, sets, &Device::cpu());
        let mut x = initial(component, &model.form, 3);
        x.iter_mut().zip(noise(component.n, 1)).for_each(|(x, e)| *x += 0.2 * e);
        let mut g = vec![0.0; component.n];
        let mut g_burn = g.clone();
        let value = fused.value_gradient(&x, &mut g);
        let value_burn = burn.value_gradient(&x, &mut g_burn);
        let difference: Vec<f64> = g.iter().zip(&g_burn).map(|(a, b)| a - b).collect();
        let value_error = (value_burn / value - 1.0).abs();
        let gradient_error = norm(&difference) / norm(&g);
        println!(
            "{} {:?}: value {value:.6e}, off by {value_error:.1e}; gradient off by {gradient_error:.1e}",
            problem.title, component.fields
        );
        assert!(value > 0.0 && value_error < 1e-12, "{value} {value_burn}");
        assert!(gradient_error < 1e-10, "{gradient_error:e}");
        assert!((burn.value(&x) / value - 1.0).abs() < 1e-12);
        let names = component.row_names();
        for ((name, a), b) in names.iter().zip(fused.row_means()).zip(burn.row_means()) {
            assert!((a - b).abs() <= 1e-12 * value, "row {name}: {a} {b}");
        }
        for seed in 2..5 {
            let mut d = noise(component.n, seed);
            let length = norm(&d);
            d.iter_mut().for_each(|d| *d /= length);
            let exact: f64 = g.iter().zip(&d).map(|(g, d)| g * d).sum();
            for loss in [&mut fused as &mut dyn Objective, &mut burn] {
                let error = (slope(loss, &x, &d) - exact).abs() / norm(&g);
                assert!(error < 1e-6, "differences: {error:e}");
            }
        }
    }
}

#[test]
fn single_particle_model() {
    agree(&file("spm.toml"));
}

#[test]
fn burgers() {
    agree(&file("burgers.toml"));
}

#[test]
fn diffusion_in_a_sphere() {
    agree(&file("sphere.toml"));
}

#[test]
fn unknown_scalars() {
    agree(&text(
        r#"
        title = "unknowns"
        [coordinates]
        t = "0 .. 1"
        x = "0 .. 1"
        [unknowns]
        D = { initial = 0.3, scale = "log" }
        k = -1.5
        [fields.u]
        ansatz = "sin(pi * x) + t * x * (1 - x) * N"
        [[equations]]
        equation = "d(u, t) = D * d(u, x, 2) + k * u^2"
        [[conditions]]
        at = "x = 0.5"
        equation = "u = exp(-2 * t)"
        "#,
    ));
}

#[test]
fn third_mixed_and_fourth_derivatives_with_sine() {
    agree(&text(
        r#"
        title = "high orders"
        [coordinates]
        t = "0 .. 1"
        x = "-1 .. 1"
        [network]
        activation = "sin"
        width = 8
        depth = 2
        [fields.u]
        ansatz = "x + t * N"
        [fields.v]
        activation = "tanh"
        ansatz = "t * N"
        [[equations]]
        equation = "d(u, t) + 6 * u * d(u, x) + d(u, x, 3) = 0"
        [[equations]]
        equation = "d(u, x, t) + d(v, x, t) = u * v"
        [[equations]]
        equation = "d(v, t) = d(v, x, 2) - 0.1 * d(v, x, 4)"
        "#,
    ));
}

#[test]
fn functions_tables_and_branches() {
    agree(&text(
        r#"
        title = "functions"
        [coordinates]
        x = "-1 .. 1"
        [functions]
        short = { points = [[-1, 0.3], [-0.2, 1], [0.5, 0.2], [0.9, 2]] }
        long = { points = [[-1, 1], [-0.8, 2], [-0.7, 0], [-0.5, 1], [-0.4, 3], [-0.1, 1], [0.1, 0], [0.3, 1], [0.4, 2], [0.6, 1], [0.9, 3], [1.0, 1]] }
        cubic = { polynomial = [1, -2, 3, 4], clip = [-0.9, 0.9] }
        "D(s)" = "1 + s^2"
        W = { integral_of = "D", from = 0, range = [-1, 1] }
        back = { inverse_of = "W" }
        [fields.u]
        ansatz = "x + (1 - x^2) * N"
        [[equations]]
        equation = "d(u, x) = exp(u) + log(u^2 + 1) + sqrt(u^2 + 1) + (u^2 + 2)^1.3 + 1 / (u^2 + 3)^2"
        [[equations]]
        equation = "d(u, x) = sin(u) + cos(u) + tan(u / 5) + sinh(u) + cosh(u) + tanh(u) + asinh(u) + atan(u) + erf(u)"
        [[equations]]
        equation = "u = short(u) + long(u) + cubic(u) + W(u) + back(u)"
        [[equations]]
        equation = "u = min(u, 0.3 * x) + max(u^2, x) + clip(u, -0.4, 0.5) + abs(u) + if(u - 0.1, u^3, x * u) + sign(u) + step(u)"
        [[integrals]]
        equation = "int(long(u) * exp(u), x) = 1"
        "#,
    ));
}

#[test]
fn the_training_loop_takes_the_same_path() {
    let mut problem = file("sphere.toml");
    problem.sampling.interior = Some(60);
    problem.sampling.boundary = Some(20);
    problem.sampling.integral = Some(8);
    let model = Model::new(&problem).expect("the model can be made");
    let run = |training: Training<'_>| {
        let mut training = training;
        let mut last = f64::NAN;
        training.run(&mut |event: &Event| {
            last = event.loss;
            if event.iteration >= 25 { Control::Stop } else { Control::Continue }
        });
        last
    };
    let fused = run(Training::new(&problem, &model));
    let make = burn_loss(&Device::cpu());
    let burn = run(Training::new(&problem, &model).with_loss(&make));
    println!("loss after 25 iterations: fused {fused:e}, burn {burn:e}");
    assert!((burn / fused - 1.0).abs() < 1e-6, "{fused} {burn}");
}

#[test]
fn a_gpu_that_is_not_there_is_an_error_and_no_panic() {
    assert!(Device::cuda(99).is_err());
}
