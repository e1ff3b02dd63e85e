//! Fields of time only, and what the solver refuses.
#![allow(clippy::unwrap_used)]

mod support;

use support::Make;
use surrogate_problem::Problem;
use surrogate_problem::model::Geometry;
use surrogate_solve::{Options, SolveError, Solver};

fn robertson(algebraic: bool) -> Problem {
    let mut m = Make::new();
    let t = m.time(0.0, 4e10);
    let fields = ["a", "b", "c"].map(|name| m.field(name, &[t], None));
    let [a, b, c] = fields.map(|f| m.u(f));
    let one = m.c(1.0);
    let bc = m.mul(b, c);
    let bb = m.mul(b, b);
    let [a_t, b_t, c_t] = [a, b, c].map(|u| m.d(u, t, 1));
    let first = m.sum(&[(a_t, 1.0), (a, 0.04), (bc, -1e4)]);
    let second = m.sum(&[(b_t, 1.0), (a, -0.04), (bc, 1e4), (bb, 3e7)]);
    let third = if algebraic {
        m.sum(&[(a, 1.0), (b, 1.0), (c, 1.0), (one, -1.0)])
    } else {
        m.sum(&[(c_t, 1.0), (bb, -3e7)])
    };
    for residual in [first, second, third] {
        m.equation(residual);
    }
    let start = m.sum(&[(a, 1.0), (one, -1.0)]);
    m.condition(t, 0.0, start);
    m.condition(t, 0.0, b);
    if !algebraic {
        m.condition(t, 0.0, c);
    }
    m.output("b", &[t], b);
    m.problem
}

#[test]
fn robertson_matches_the_published_values_with_and_without_its_algebraic_row() {
    // Mazzia & Magherini (2008), Test set for IVP solvers, release 2.4: t = 1e11 is their end; the
    // values at 0.4 and 4e10 are those of Hindmarsh's LSODE example and of SUNDIALS' idaRoberts
    for algebraic in [false, true] {
        let options = Options { cells: None, tolerance: Some(1e-8) };
        let solver = Solver::prepare(&robertson(algebraic), options).unwrap();
        let s = solver.solve(&[], &[0.4, 40.0, 4e10]).unwrap();
        let a: Vec<f64> = s.fields[0].values.iter().map(|v| v[0]).collect();
        assert!((a[0] - 9.8517e-1).abs() < 1e-5, "{a:?}");
        assert!((a[1] - 7.1583e-1).abs() < 1e-5, "{a:?}");
        assert!((a[2] - 5.2083e-8).abs() < 1e-11, "{a:?}");
        assert!((s.outputs[0][0] / 3.3864e-5 - 1.0).abs() < 1e-4);
        assert!(s.statistics.steps < 400, "{:?}", s.statistics);
    }
}

#[test]
fn an_oscillator_of_second_order_converges_with_the_tolerance() {
    // u'' + 0.4 u' + 4 u = cos(t), u(0) = 1, u'(0) = 0
    let mut m = Make::new();
    let t = m.time(0.0, 20.0);
    let f = m.field("u", &[t], None);
    let u = m.u(f);
    let (u_t, u_tt) = (m.d(u, t, 1), m.d(u, t, 2));
    let now = m.x(t);
    let force = m.g().call(surrogate_symbolic::Call::Cos, now);
    let residual = m.sum(&[(u_tt, 1.0), (u_t, 0.4), (u, 4.0), (force, -1.0)]);
    m.equation(residual);
    let start = m.g().linear(-1.0, &[(u, 1.0)]);
    m.condition(t, 0.0, start);
    m.condition(t, 0.0, u_t);
    // particular part (3 cos t + 0.4 sin t) / (9 + 0.16), homogeneous e^(-0.2 t)
    let (p, q) = (3.0 / 9.16, 0.4 / 9.16);
    let w = (4.0_f64 - 0.04).sqrt();
    let exact = |t: f64| {
        let (a, b) = (1.0 - p, (0.2 * (1.0 - p) - q) / w);
        p * t.cos() + q * t.sin() + (-0.2 * t).exp() * (a * (w * t).cos() + b * (w * t).sin())
    };
    let times: Vec<f64> = (0..=200).map(|k| 0.1 * f64::from(k)).collect();
    let error = |tolerance: f64| {
        let options = Options { cells: None, tolerance: Some(tolerance) };
        let s = Solver::prepare(&m.problem, options).unwrap().solve(&[], &times).unwrap();
        let each = times.iter().zip(&s.fields[0].values);
        each.fold(0.0_f64, |worst, (t, v)| worst.max((v[0] - exact(*t)).abs()))
    };
    for tolerance in [1e-4, 1e-6, 1e-8, 1e-10] {
        assert!(error(tolerance) < 20.0 * tolerance, "{tolerance:e}: {:e}", error(tolerance));
    }
}

fn reason(problem: &Problem) -> String {
    match Solver::prepare(problem, Options::default()) {
        Err(SolveError::Unsupported { reason }) => reason,
        other => panic!("{:?}", other.map(|_| ())),
    }
}

#[test]
fn what_cannot_be_solved_is_refused_in_words() {
    let mut m = Make::new();
    let t = m.time(0.0, 1.0);
    let x = m.space("x", 0.0, 1.0, Geometry::Cartesian);
    let y = m.space("y", 0.0, 1.0, Geometry::Cartesian);
    let f = m.field("u", &[t, x, y], None);
    let u = m.u(f);
    let u_t = m.d(u, t, 1);
    m.equation(u_t);
    assert_eq!(reason(&m.problem), "field `u` has two space coordinates, x and y");

    let mut m = Make::new();
    let t = m.time(0.0, 1.0);
    let x = m.space("x", 0.0, 1.0, Geometry::Cartesian);
    let f = m.field("u", &[t, x], None);
    let u = m.u(f);
    let (u_t, u_xx) = (m.d(u, t, 1), m.d(u, x, 2));
    let residual = m.sum(&[(u_t, 1.0), (u_xx, -1.0)]);
    m.equation(residual);
    m.condition(t, 0.0, u);
    m.condition(x, 0.0, u);
    assert_eq!(reason(&m.problem), "the equations need 2 conditions along x, 1 are given");
    m.condition(x, 1.0, u);
    m.problem.rows.remove(1);
    assert_eq!(reason(&m.problem), "`u` has no initial condition");
    let square = m.mul(u_t, u_t);
    m.problem.rows[0].residual = m.sum(&[(square, 1.0), (u_xx, -1.0)]);
    assert!(reason(&m.problem).contains("not linear in its time derivative"));

    let mut m = Make::new();
    let t = m.time(0.0, 1.0);
    let f = m.field("u", &[t], None);
    let u = m.u(f);
    m.condition(t, 0.0, u);
    assert_eq!(reason(&m.problem), "no equation is left to determine `u`");
}

#[test]
fn bad_arguments_are_errors() {
    let solver = Solver::prepare(&robertson(false), Options::default()).unwrap();
    assert_eq!(
        solver.solve(&[1.0], &[1.0]).unwrap_err(),
        SolveError::BadParameters { expected: 0, given: 1 }
    );
    let times = [[2.0, 1.0], [-1.0, 1.0], [1.0, f64::NAN]];
    for times in times {
        assert_eq!(solver.solve(&[], &times).unwrap_err(), SolveError::BadTimes { start: 0.0 });
    }
}
