//! Finite differences on nodes: waves, fronts, systems, steady problems.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::f64::consts::PI;

use support::{Make, order};
use surrogate_problem::Problem;
use surrogate_problem::model::Geometry;
use surrogate_solve::{FieldSolution, Options, Solution, Solver};
use surrogate_symbolic::{Call, Node};

fn solve(problem: &Problem, cells: Option<usize>, tolerance: f64, times: &[f64]) -> Solution {
    let options = Options { cells, tolerance: Some(tolerance) };
    Solver::prepare(problem, options).unwrap().solve(&[], times).unwrap()
}

/// Relative L2 error of a field at one time.
fn relative_l2(field: &FieldSolution, time: usize, exact: impl Fn(f64) -> f64) -> f64 {
    let (a, b) = (field.places[0], field.places[field.places.len() - 1]);
    let (mut above, mut below) = (0.0, 0.0);
    for k in 0..=500 {
        let x = a + (b - a) * f64::from(k) / 500.0;
        let truth = exact(x);
        above += (field.at(time, x) - truth).powi(2);
        below += truth * truth;
    }
    (above / below).sqrt()
}

fn sine(m: &mut Make, x: usize, wave: f64) -> Node {
    let place = m.x(x);
    let angle = m.sum(&[(place, wave)]);
    m.g().call(Call::Sin, angle)
}

#[test]
fn a_soliton_keeps_its_shape_around_a_periodic_line() {
    // u_t + 6 u u_x + u_xxx = 0, u = (c/2) sech^2(sqrt(c)/2 (x - c t))
    let speed = 4.0;
    let mut m = Make::new();
    let t = m.time(0.0, 5.0);
    let x = m.space("x", -10.0, 10.0, Geometry::Cartesian);
    m.problem.coordinates[x].periodic = true;
    let f = m.field("u", &[t, x], None);
    let u = m.u(f);
    let (u_t, u_x, u_xxx) = (m.d(u, t, 1), m.d(u, x, 1), m.d(u, x, 3));
    let steepening = m.mul(u, u_x);
    let residual = m.sum(&[(u_t, 1.0), (steepening, 6.0), (u_xxx, 1.0)]);
    m.equation(residual);
    let place = m.x(x);
    let angle = m.sum(&[(place, 0.5 * f64::sqrt(speed))]);
    let cosh = m.g().call(Call::Cosh, angle);
    let bump = m.g().powf(cosh, -2.0);
    let start = m.sum(&[(u, 1.0), (bump, -0.5 * speed)]);
    m.condition(t, 0.0, start);
    let exact = |x: f64, t: f64| {
        let z = (x - speed * t + 10.0).rem_euclid(20.0) - 10.0;
        0.5 * speed / (0.5 * speed.sqrt() * z).cosh().powi(2)
    };
    let error = |cells: Option<usize>| {
        let s = solve(&m.problem, cells, 1e-8, &[5.0]);
        relative_l2(&s.fields[0], 0, |x| exact(x, 5.0))
    };
    let cells = [100, 200];
    let errors = cells.map(|n| error(Some(n)));
    let standard = error(None);
    let rate = order(&cells, &errors);
    eprintln!("soliton {errors:?}, order {rate:.2}, default {standard:.2e}");
    assert!(rate > 4.0 && standard < 1e-4);
}

/// `u_t + u u_x = nu u_xx`, u = -sin(pi x) on -1..1.
fn burgers(nu: f64) -> Problem {
    let mut m = Make::new();
    let t = m.time(0.0, 1.0);
    let x = m.space("x", -1.0, 1.0, Geometry::Cartesian);
    let f = m.field("u", &[t, x], None);
    let u = m.u(f);
    let (u_t, u_x, u_xx) = (m.d(u, t, 1), m.d(u, x, 1), m.d(u, x, 2));
    let steepening = m.mul(u, u_x);
    let residual = m.sum(&[(u_t, 1.0), (steepening, 1.0), (u_xx, -nu)]);
    m.equation(residual);
    let wave = sine(&mut m, x, PI);
    let start = m.sum(&[(u, 1.0), (wave, 1.0)]);
    m.condition(t, 0.0, start);
    m.condition(x, -1.0, u);
    m.condition(x, 1.0, u);
    m.problem
}

/// The same in conservative form: `u_t = div(nu u_x - u^2 / 2)`.
fn conservative_burgers(nu: f64) -> Problem {
    let mut m = Make::new();
    let t = m.time(0.0, 1.0);
    let x = m.space("x", -1.0, 1.0, Geometry::Cartesian);
    let f = m.field("u", &[t, x], None);
    let u = m.u(f);
    let slope = m.d(u, x, 1);
    let square = m.mul(u, u);
    let flux = m.sum(&[(slope, nu), (square, -0.5)]);
    let (one, zero) = (m.c(1.0), m.c(0.0));
    m.conserve(f, x, one, flux, zero);
    let wave = sine(&mut m, x, PI);
    let start = m.sum(&[(u, 1.0), (wave, 1.0)]);
    m.condition(t, 0.0, start);
    m.condition(x, -1.0, u);
    m.condition(x, 1.0, u);
    m.problem
}

/// Cole-Hopf, the integrals over a wide uniform grid (trapezium, smooth decaying integrand).
fn burgers_exact(x: f64, t: f64, nu: f64) -> f64 {
    let weight = |y: f64, eta: f64| -(PI * y).cos() / (2.0 * PI * nu) - eta * eta / (4.0 * nu * t);
    let width = (4.0 * nu * t).sqrt() * 12.0 + 2.0;
    let n = 4000;
    let points = (0..=n).map(|k| -width + 2.0 * width * f64::from(k) / f64::from(n));
    let exponents: Vec<(f64, f64)> = points.map(|e| (x - e, weight(x - e, e))).collect();
    let top = exponents.iter().fold(f64::NEG_INFINITY, |a, e| a.max(e.1));
    let (mut above, mut below) = (0.0, 0.0);
    for (y, e) in exponents {
        let w = (e - top).exp();
        above += (PI * y).sin() * w;
        below += w;
    }
    -above / below
}

#[test]
fn burgers_front_is_resolved_by_default() {
    let nu = 0.01 / PI;
    for (form, problem) in [("plain", burgers(nu)), ("divergence", conservative_burgers(nu))] {
        let s = solve(&problem, None, 1e-6, &[0.25, 0.5, 1.0]);
        for (k, t) in [0.25, 0.5, 1.0].into_iter().enumerate() {
            let error = relative_l2(&s.fields[0], k, |x| burgers_exact(x, t, nu));
            eprintln!("Burgers {form} t = {t}: {error:.2e}, {:?}", s.statistics);
            assert!(error < 1e-4);
        }
    }
}

#[test]
fn a_reacting_pair_follows_its_exact_decay() {
    // u_t = u_xx - u + v, v_t = v_xx / 2 - v / 2, Neumann ends: v = e^(-(pi^2+1) t / 2) cos(pi x)
    let mut m = Make::new();
    let t = m.time(0.0, 0.5);
    let x = m.space("x", 0.0, 1.0, Geometry::Cartesian);
    let (fu, fv) = (m.field("u", &[t, x], None), m.field("v", &[t, x], None));
    let (u, v) = (m.u(fu), m.u(fv));
    let (u_t, u_x, u_xx) = (m.d(u, t, 1), m.d(u, x, 1), m.d(u, x, 2));
    let (v_t, v_x, v_xx) = (m.d(v, t, 1), m.d(v, x, 1), m.d(v, x, 2));
    let first = m.sum(&[(u_t, 1.0), (u_xx, -1.0), (u, 1.0), (v, -1.0)]);
    let second = m.sum(&[(v_t, 1.0), (v_xx, -0.5), (v, 0.5)]);
    m.equation(first);
    m.equation(second);
    for end in [0.0, 1.0] {
        m.condition(x, end, u_x);
        m.condition(x, end, v_x);
    }
    let place = m.x(x);
    let angle = m.sum(&[(place, PI)]);
    let cosine = m.g().call(Call::Cos, angle);
    let (one_u, one_v) = (m.sum(&[(u, 1.0)]), m.sum(&[(v, 1.0), (cosine, -1.0)]));
    m.condition(t, 0.0, one_u);
    m.condition(t, 0.0, one_v);
    let s = solve(&m.problem, Some(60), 1e-9, &[0.5]);
    let k = PI * PI + 1.0;
    for x in [0.0, 0.3, 1.0] {
        let v = (-0.5 * k * 0.5).exp() * (PI * x).cos();
        let u = ((-0.5 * k * 0.5).exp() - (-k * 0.5).exp()) / (0.5 * k) * (PI * x).cos();
        assert!((s.fields[1].at(0, x) - v).abs() < 1e-8);
        assert!((s.fields[0].at(0, x) - u).abs() < 1e-8);
    }
}

#[test]
fn a_string_swings_and_a_beam_bends() {
    // u_tt = u_xx with fixed ends
    let mut m = Make::new();
    let t = m.time(0.0, 4.0);
    let x = m.space("x", 0.0, 1.0, Geometry::Cartesian);
    let f = m.field("u", &[t, x], None);
    let u = m.u(f);
    let (u_t, u_tt, u_xx) = (m.d(u, t, 1), m.d(u, t, 2), m.d(u, x, 2));
    let residual = m.sum(&[(u_tt, 1.0), (u_xx, -1.0)]);
    m.equation(residual);
    let wave = sine(&mut m, x, PI);
    let start = m.sum(&[(u, 1.0), (wave, -1.0)]);
    m.condition(t, 0.0, start);
    m.condition(t, 0.0, u_t);
    m.condition(x, 0.0, u);
    m.condition(x, 1.0, u);
    let s = solve(&m.problem, Some(60), 1e-8, &[0.3, 4.0]);
    for (k, t) in [0.3_f64, 4.0].into_iter().enumerate() {
        let error = (s.fields[0].at(k, 0.4) - (PI * 0.4).sin() * (PI * t).cos()).abs();
        assert!(error < 1e-6, "string {error:e}");
    }
    // u_t = -u_xxxx, simply supported
    let mut m = Make::new();
    let t = m.time(0.0, 0.02);
    let x = m.space("x", 0.0, 1.0, Geometry::Cartesian);
    let f = m.field("u", &[t, x], None);
    let u = m.u(f);
    let (u_t, u_xx, u_4) = (m.d(u, t, 1), m.d(u, x, 2), m.d(u, x, 4));
    let residual = m.sum(&[(u_t, 1.0), (u_4, 1.0)]);
    m.equation(residual);
    let wave = sine(&mut m, x, PI);
    let start = m.sum(&[(u, 1.0), (wave, -1.0)]);
    m.condition(t, 0.0, start);
    for end in [0.0, 1.0] {
        m.condition(x, end, u);
        m.condition(x, end, u_xx);
    }
    let s = solve(&m.problem, Some(60), 1e-8, &[0.02]);
    let error = (s.fields[0].at(0, 0.5) - (-PI.powi(4) * 0.02).exp()).abs();
    assert!(error < 1e-6, "beam {error:e}");
}

#[test]
fn a_supported_beam_swings_for_ever() {
    // u_tt + u_xxxx = 0, u = u_xx = 0 at the ends: u = sin(pi x) cos(pi² t)
    let mut m = Make::new();
    let t = m.time(0.0, 3.0);
    let x = m.space("x", 0.0, 1.0, Geometry::Cartesian);
    let f = m.field("u", &[t, x], None);
    let u = m.u(f);
    let (u_t, u_tt) = (m.d(u, t, 1), m.d(u, t, 2));
    let (u_xx, u_xxxx) = (m.d(u, x, 2), m.d(u, x, 4));
    let residual = m.sum(&[(u_tt, 1.0), (u_xxxx, 1.0)]);
    m.equation(residual);
    let bump = sine(&mut m, x, PI);
    let start = m.sum(&[(u, 1.0), (bump, -1.0)]);
    m.condition(t, 0.0, start);
    m.condition(t, 0.0, u_t);
    for end in [0.0, 1.0] {
        m.condition(x, end, u);
        m.condition(x, end, u_xx);
    }
    let period = 2.0 / PI;
    let s = solve(&m.problem, Some(100), 1e-6, &[period, 4.0 * period]);
    for k in 0..2 {
        let error = relative_l2(&s.fields[0], k, |x| (PI * x).sin());
        assert!(error < 1e-3, "{error:e}");
    }
}

#[test]
fn steady_nonlinear_boundary_value_problems_are_solved() {
    // (Bratu) u'' + e^u = 0, u(0) = u(1) = 0: u = -2 ln(cosh((x - 1/2) q / 2) / cosh(q / 4))
    let mut m = Make::new();
    let x = m.space("x", 0.0, 1.0, Geometry::Cartesian);
    let f = m.field("u", &[x], None);
    let u = m.u(f);
    let u_xx = m.d(u, x, 2);
    let exp = m.g().call(Call::Exp, u);
    let residual = m.sum(&[(u_xx, 1.0), (exp, 1.0)]);
    m.equation(residual);
    m.condition(x, 0.0, u);
    m.condition(x, 1.0, u);
    let s = solve(&m.problem, None, 1e-6, &[]);
    let mut q = 1.5;
    for _ in 0..200 {
        q = f64::sqrt(2.0) * f64::cosh(0.25 * q);
    }
    let error = relative_l2(&s.fields[0], 0, |x| {
        -2.0 * (((x - 0.5) * q / 2.0).cosh() / (q / 4.0).cosh()).ln()
    });
    assert!(error < 1e-9, "{error:e}");
}

#[test]
fn a_pulse_travels_out_of_the_line() {
    let mut m = Make::new();
    let t = m.time(0.0, 2.0);
    let x = m.space("x", 0.0, 1.0, Geometry::Cartesian);
    let f = m.field("u", &[t, x], None);
    let u = m.u(f);
    let (u_t, u_x) = (m.d(u, t, 1), m.d(u, x, 1));
    let residual = m.sum(&[(u_t, 1.0), (u_x, 1.0)]);
    m.equation(residual);
    let place = m.x(x);
    let shifted = m.g().linear(-0.4, &[(place, 1.0)]);
    let square = m.mul(shifted, shifted);
    let exponent = m.sum(&[(square, -200.0)]);
    let bump = m.g().call(Call::Exp, exponent);
    let start = m.sum(&[(u, 1.0), (bump, -1.0)]);
    m.condition(t, 0.0, start);
    m.condition(x, 0.0, u);
    let s = solve(&m.problem, None, 1e-7, &[0.3, 2.0]);
    let error = relative_l2(&s.fields[0], 0, |x| (-200.0 * (x - 0.7).powi(2)).exp());
    let rest = s.fields[0].values[1].iter().fold(0.0_f64, |a, v| a.max(v.abs()));
    eprintln!("pulse {error:.2e}, left behind {rest:.2e}");
    assert!(error < 1e-4 && rest < 1e-4);
}
