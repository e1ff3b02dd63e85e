//! Conservative cells against exact solutions.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::f64::consts::PI;

use support::{Make, order};
use surrogate_problem::Problem;
use surrogate_problem::model::Geometry;
use surrogate_solve::{Options, Solver};

fn solver(problem: &Problem, cells: usize, tolerance: f64) -> Solver {
    let options = Options { cells: Some(cells), tolerance: Some(tolerance) };
    Solver::prepare(problem, options).unwrap()
}

/// `u_t = div(u_r)` in a unit ball, `u = 0` at first, unit flux through the surface.
fn ball() -> Problem {
    let mut m = Make::new();
    let t = m.time(0.0, 1.0);
    let r = m.space("r", 0.0, 1.0, Geometry::Sphere);
    let c = m.field("c", &[t, r], None);
    let u = m.u(c);
    let slope = m.d(u, r, 1);
    let (one, zero) = (m.c(1.0), m.c(0.0));
    m.conserve(c, r, one, slope, zero);
    m.condition(t, 0.0, u);
    m.condition(r, 0.0, slope);
    let end = m.sum(&[(slope, 1.0), (one, -1.0)]);
    m.condition(r, 1.0, end);
    m.problem
}

/// Roots of tan(a) = a.
fn roots(count: usize) -> Vec<f64> {
    // sin(a) - a cos(a) changes sign once in (n pi, (n + 1/2) pi); its sign alternates with n
    (1..=count)
        .map(|n| {
            let f = |a: f64| a.sin() - a * a.cos();
            let (mut low, mut high) = (n as f64 * PI, (n as f64 + 0.5) * PI);
            let rising = f(high) > 0.0;
            for _ in 0..200 {
                let a = 0.5 * (low + high);
                if (f(a) > 0.0) == rising { high = a } else { low = a }
            }
            0.5 * (low + high)
        })
        .collect()
}

/// Carslaw & Jaeger (1959), 9.7 (8): constant flux into a ball.
fn ball_exact(r: f64, t: f64, roots: &[f64]) -> f64 {
    let series: f64 = roots
        .iter()
        .map(|a| {
            let shape = if r == 0.0 { *a } else { (a * r).sin() / r };
            shape / (a * a * a.sin()) * (-a * a * t).exp()
        })
        .sum();
    3.0 * t + 0.1 * (5.0 * r * r - 3.0) - 2.0 * series
}

#[test]
fn a_ball_under_constant_flux_follows_the_series() {
    let roots = roots(400);
    let times = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0];
    let problem = ball();
    let error = |cells: usize, tolerance: f64| {
        let s = solver(&problem, cells, tolerance).solve(&[], &times).unwrap();
        let mut worst = 0.0_f64;
        for (k, &t) in times.iter().enumerate() {
            for r in [0.0, 0.1, 0.33, 0.5, 0.77, 0.9, 0.97, 1.0] {
                worst = worst.max((s.fields[0].at(k, r) - ball_exact(r, t, &roots)).abs());
            }
        }
        worst
    };
    let cells = [20, 40, 80];
    let errors = cells.map(|n| error(n, 1e-9));
    let rate = order(&cells, &errors);
    let standard = error(surrogate_solve::CELLS, surrogate_solve::TOLERANCE);
    eprintln!("errors {errors:?}, order {rate:.2}, default {standard:.2e}");
    assert!(rate > 3.5 && errors[2] < 1e-6);
    assert!(standard < 2e-5);
}

#[test]
fn heat_between_fixed_ends_decays_like_its_sine() {
    for cells_form in [true, false] {
        let mut m = Make::new();
        let t = m.time(0.0, 0.2);
        let x = m.space("x", 0.0, 1.0, Geometry::Cartesian);
        let alpha = m.parameter("alpha", 0.5, 2.0, 1.0);
        let f = m.field("u", &[t, x], None);
        let u = m.u(f);
        let slope = m.d(u, x, 1);
        let (one, zero) = (m.c(1.0), m.c(0.0));
        if cells_form {
            let flux = m.mul(alpha, slope);
            m.conserve(f, x, one, flux, zero);
        } else {
            let (rate, bend) = (m.d(u, t, 1), m.d(u, x, 2));
            let bend = m.mul(alpha, bend);
            let residual = m.sum(&[(rate, 1.0), (bend, -1.0)]);
            m.equation(residual);
        }
        let place = m.x(x);
        let angle = m.sum(&[(place, PI)]);
        let sine = m.g().call(surrogate_symbolic::Call::Sin, angle);
        let start = m.sum(&[(u, 1.0), (sine, -1.0)]);
        m.condition(t, 0.0, start);
        m.condition(x, 0.0, u);
        m.condition(x, 1.0, u);
        let error = |cells: usize| {
            let s = solver(&m.problem, cells, 1e-10).solve(&[1.5], &[0.05, 0.2]).unwrap();
            let mut worst = 0.0_f64;
            for (k, t) in [0.05, 0.2].into_iter().enumerate() {
                for x in [0.1, 0.25, 0.5, 0.8] {
                    let exact = (PI * x).sin() * (-1.5 * PI * PI * t).exp();
                    worst = worst.max((s.fields[0].at(k, x) - exact).abs());
                }
            }
            worst
        };
        let cells = [12, 24, 48];
        let errors = cells.map(error);
        let rate = order(&cells, &errors);
        eprintln!("cells {cells_form}: {errors:?}, order {rate:.2}");
        assert!(rate > 3.5 && errors[2] < 3e-6, "{cells_form}");
    }
}

fn bessel(order: i32, x: f64) -> f64 {
    // J_n(x) = (1/pi) int_0^pi cos(n s - x sin s) ds; the trapezium rule converges geometrically
    let n = 400;
    let f = |s: f64| (f64::from(order) * s - x * s.sin()).cos();
    let inner: f64 = (1..n).map(|k| f(PI * f64::from(k) / f64::from(n))).sum();
    (inner + 0.5 * (f(0.0) + f(PI))) / f64::from(n)
}

#[test]
fn a_cooling_cylinder_follows_the_bessel_series() {
    let mut m = Make::new();
    let t = m.time(0.0, 1.0);
    let r = m.space("r", 0.0, 1.0, Geometry::Cylinder);
    let biot = m.parameter("biot", 0.1, 10.0, 1.0);
    let f = m.field("u", &[t, r], None);
    let u = m.u(f);
    let slope = m.d(u, r, 1);
    let (one, zero) = (m.c(1.0), m.c(0.0));
    m.conserve(f, r, one, slope, zero);
    let start = m.sum(&[(u, 1.0), (one, -1.0)]);
    m.condition(t, 0.0, start);
    let loss = m.mul(biot, u);
    let end = m.sum(&[(slope, 1.0), (loss, 1.0)]);
    m.condition(r, 1.0, end);
    let surface = m.at(u, r, 1.0);
    m.output("surface", &[t], surface);
    let h = 2.0;
    // roots of b J1(b) = h J0(b), one in each interval of length pi
    let g = |b: f64| b * bessel(1, b) - h * bessel(0, b);
    let mut roots = Vec::new();
    let mut b = 1e-3;
    while roots.len() < 60 {
        if g(b) * g(b + 0.05) < 0.0 {
            let (mut low, mut high) = (b, b + 0.05);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if g(low) * g(middle) <= 0.0 { high = middle } else { low = middle }
            }
            roots.push(0.5 * (low + high));
        }
        b += 0.05;
    }
    let exact = |r: f64, t: f64| -> f64 {
        let term = |b: &f64| {
            2.0 * h * bessel(0, b * r) / ((h * h + b * b) * bessel(0, *b)) * (-b * b * t).exp()
        };
        roots.iter().map(term).sum()
    };
    let times = [0.003, 0.01, 0.1, 0.5];
    let s = solver(&m.problem, 48, 1e-8).solve(&[h], &times).unwrap();
    for (k, &t) in times.iter().enumerate() {
        assert!((s.outputs[0][k] - exact(1.0, t)).abs() < 2e-6, "surface at {t}");
        for r in [0.0, 0.4, 0.9] {
            let error = (s.fields[0].at(k, r) - exact(r, t)).abs();
            assert!(error < 5e-6, "{r} {t}: {error:e}");
        }
    }
}

#[test]
fn without_flux_a_constant_stays_constant() {
    for geometry in [Geometry::Cartesian, Geometry::Cylinder, Geometry::Sphere] {
        let mut m = Make::new();
        let t = m.time(0.0, 100.0);
        let r = m.space("r", 0.0, 2.0, geometry);
        let f = m.field("u", &[t, r], None);
        let u = m.u(f);
        let slope = m.d(u, r, 1);
        let flux = m.mul(u, slope);
        let (one, zero) = (m.c(1.0), m.c(0.0));
        m.conserve(f, r, one, flux, zero);
        let start = m.g().linear(-0.7, &[(u, 1.0)]);
        m.condition(t, 0.0, start);
        m.condition(r, 0.0, slope);
        m.condition(r, 2.0, slope);
        let solver = Solver::prepare(&m.problem, Options::default()).unwrap();
        let s = solver.solve(&[], &[1.0, 100.0]).unwrap();
        for value in s.fields[0].values.iter().flatten() {
            assert!((value - 0.7).abs() < 1e-14, "{value}");
        }
    }
}

#[test]
fn a_ball_coupled_to_a_bath_through_its_surface_reaches_equilibrium() {
    // bath: V db/dt = -3 k (b - c_surface); ball: flux k (b - c_surface) inwards
    let mut m = Make::new();
    let t = m.time(0.0, 50.0);
    let r = m.space("r", 0.0, 1.0, Geometry::Sphere);
    let c = m.field("c", &[t, r], None);
    let b = m.field("b", &[t], None);
    let (u, bath) = (m.u(c), m.u(b));
    let slope = m.d(u, r, 1);
    let (one, zero) = (m.c(1.0), m.c(0.0));
    m.conserve(c, r, one, slope, zero);
    m.condition(t, 0.0, u);
    m.condition(r, 0.0, slope);
    let end = m.sum(&[(slope, 1.0), (bath, -0.5), (u, 0.5)]);
    m.condition(r, 1.0, end);
    let rate = m.d(bath, t, 1);
    let surface = m.at(u, r, 1.0);
    let residual = m.sum(&[(rate, 2.0), (bath, 1.5), (surface, -1.5)]);
    m.equation(residual);
    let start = m.sum(&[(bath, 1.0), (one, -1.0)]);
    m.condition(t, 0.0, start);
    let mean = m.mean(u, r);
    let total = m.sum(&[(mean, 1.0), (bath, 2.0)]);
    m.output("total", &[t], total);
    let solver = Solver::prepare(&m.problem, Options::default()).unwrap();
    let s = solver.solve(&[], &[0.1, 1.0, 50.0]).unwrap();
    for total in &s.outputs[0] {
        assert!((total - 2.0).abs() < 1e-12, "{total}");
    }
    assert!((s.fields[1].values[2][0] - 2.0 / 3.0).abs() < 1e-6);
    assert!((s.fields[0].at(2, 0.3) - 2.0 / 3.0).abs() < 1e-6);
}
