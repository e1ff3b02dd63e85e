#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn grid(n: usize, lo: f64, hi: f64, bend: f64) -> Vec<f64> {
    (0..n)
        .map(|i| {
            let t = i as f64 / (n - 1) as f64;
            lo + (hi - lo) * (t + bend * t * (1.0 - t))
        })
        .collect()
}

fn cubic(x: f64) -> f64 {
    0.3 * x * x * x - 2.0 * x * x + x - 4.0
}

#[test]
fn not_a_knot_splines_reproduce_cubics_everywhere() {
    for (n, bend) in [(4, 0.0), (4, 0.4), (7, 0.4), (9, 0.0), (30, 0.3), (30, 0.0)] {
        let x = grid(n, -1.0, 3.0, bend);
        let y: Vec<f64> = x.iter().map(|x| cubic(*x)).collect();
        let table = Table::spline(&x, &y, Ends::NotAKnot, Extrapolate::Polynomial).unwrap();
        for i in 0..200 {
            let x = -2.0 + 0.03 * f64::from(i);
            assert!((table.value(x) - cubic(x)).abs() < 1e-11, "{n} {bend} {x}");
            let slope = 0.9 * x * x - 4.0 * x + 1.0;
            assert!((table.derivative().value(x) - slope).abs() < 1e-10, "{n} {bend} {x}");
        }
    }
}

#[test]
fn splines_through_two_and_three_points_are_lines_and_parabolas() {
    let line = Table::spline(&[1.0, 3.0], &[2.0, 8.0], Ends::NotAKnot, Extrapolate::Linear);
    assert!((line.unwrap().value(5.0) - 14.0).abs() < 1e-14);
    let x = [0.0, 1.0, 3.0];
    let y = x.map(|x| x * x - x);
    let parabola = Table::spline(&x, &y, Ends::NotAKnot, Extrapolate::Polynomial).unwrap();
    assert!((parabola.value(2.0) - 2.0).abs() < 1e-14);
    assert!((parabola.value(-2.0) - 6.0).abs() < 1e-13);
}

#[test]
fn natural_splines_have_no_curvature_at_the_ends() {
    let x = grid(12, 0.0, 1.0, 0.2);
    let y: Vec<f64> = x.iter().map(|x| (5.0 * x).sin()).collect();
    let table = Table::spline(&x, &y, Ends::Natural, Extrapolate::Polynomial).unwrap();
    let curvature = table.derivative().derivative();
    assert!(curvature.value(0.0).abs() < 1e-10 && curvature.value(1.0).abs() < 1e-10);
}

#[test]
fn splines_have_two_continuous_derivatives() {
    for (n, bend) in [(7, 0.3), (25, 0.3), (25, 0.0)] {
        let x = grid(n, -2.0, 5.0, bend);
        let y: Vec<f64> = x.iter().map(|x| (2.0 * x).cos()).collect();
        for ends in [Ends::Natural, Ends::NotAKnot] {
            let mut table = Table::spline(&x, &y, ends, Extrapolate::Linear).unwrap();
            for order in 0..3 {
                let h = 1e-9;
                for x in &x[1..n - 1] {
                    let jump = (table.value(x + h) - table.value(x - h)).abs();
                    assert!(jump < 1e-6, "order {order} at {x}: {jump}");
                }
                table = table.derivative();
            }
        }
    }
}

#[test]
fn extrapolation_follows_its_kind_and_so_does_its_derivative() {
    let x = [0.0, 0.5, 1.0, 2.0];
    let y = [1.0, 0.0, 3.0, 2.0];
    let make = |kind| Table::spline(&x, &y, Ends::NotAKnot, kind).unwrap();
    let inner = make(Extrapolate::Polynomial).derivative();
    for kind in
        [Extrapolate::Clamp, Extrapolate::Linear, Extrapolate::Polynomial, Extrapolate::Zero]
    {
        let table = make(kind);
        let derivative = table.derivative();
        for x in [-3.0, -0.1, 2.1, 9.0] {
            let end: f64 = if x < 1.0 { 0.0 } else { 2.0 };
            let at_end = make(Extrapolate::Clamp).value(end);
            let expected = match kind {
                Extrapolate::Clamp => at_end,
                Extrapolate::Linear => at_end + inner.value(end) * (x - end),
                Extrapolate::Polynomial => make(Extrapolate::Polynomial).value(x),
                Extrapolate::Zero => 0.0,
            };
            assert!((table.value(x) - expected).abs() < 1e-12 * (1.0 + expected.abs()));
            let slope = (table.value(x + 1e-6) - table.value(x - 1e-6)) / 2e-6;
            assert!((derivative.value(x) - slope).abs() < 1e-6 * (1.0 + slope.abs()));
        }
        assert!(table.value(f64::NAN).is_nan());
    }
    let clamped = make(Extrapolate::Clamp);
    assert_eq!(clamped.value(f64::INFINITY), clamped.value(2.0));
}

#[test]
fn bad_points_are_refused() {
    let spline = |x: &[f64], y: &[f64]| Table::spline(x, y, Ends::Natural, Extrapolate::Clamp);
    assert_eq!(spline(&[0.0], &[1.0]), Err(TableError::TooFewPoints { found: 1 }));
    assert_eq!(spline(&[0.0, 1.0, 1.0], &[1.0; 3]), Err(TableError::NotIncreasing { index: 1 }));
    assert_eq!(
        spline(&[0.0, 1.0], &[1.0; 3]),
        Err(TableError::LengthMismatch { expected: 2, found: 3 })
    );
    assert_eq!(spline(&[0.0, f64::NAN], &[1.0; 2]), Err(TableError::NotFinite { index: 1 }));
}

#[test]
fn fits_keep_their_tolerance_and_differentiate() {
    type Case = (fn(f64) -> f64, fn(f64) -> f64, f64, f64);
    let cases: [Case; 5] = [
        (f64::exp, f64::exp, -3.0, 3.0),
        (|x| (20.0 * x).tanh(), |x| 20.0 / (20.0 * x).cosh().powi(2), -1.0, 1.0),
        (|x| 1.0 / (1.0 + 25.0 * x * x), |x| -50.0 * x / (1.0 + 25.0 * x * x).powi(2), -1.0, 1.0),
        (|_| 2.5, |_| 0.0, 0.0, 1.0),
        (f64::ln, |x| 1.0 / x, 1e-3, 1.0),
    ];
    for (f, slope, lo, hi) in cases {
        let tolerance = FitTolerance { absolute: 1e-12, relative: 1e-12 };
        let fit = Table::fit(&f, (lo, hi), tolerance, Extrapolate::Clamp).unwrap();
        assert!(fit.error_over_tolerance <= 1.0);
        let derivative = fit.table.derivative();
        for i in 0..=1000 {
            let x = lo + (hi - lo) * f64::from(i) / 1000.0;
            assert!((fit.table.value(x) - f(x)).abs() <= 2e-12 * (1.0 + f(x).abs()), "{x}");
            // One derivative costs a factor 2 degree^2 over the width of an interval.
            let width = (hi - lo) / fit.table.intervals() as f64;
            let slack = 1e-9 / width + 1e-9 * slope(x).abs();
            assert!((derivative.value(x) - slope(x)).abs() < slack, "{x}");
        }
    }
    let constant = Table::fit(
        &|_| 2.5,
        (0.0, 1.0),
        FitTolerance { absolute: 0.0, relative: 1e-12 },
        Extrapolate::Clamp,
    );
    assert_eq!(constant.unwrap().table.degree(), 0);
    let step = Table::fit(
        &|x| f64::from(x > 0.3),
        (0.0, 1.0),
        FitTolerance { absolute: 1e-6, relative: 0.0 },
        Extrapolate::Clamp,
    );
    assert!(matches!(step, Err(TableError::ToleranceNotReached { .. })));
}

proptest! {
    #[test]
    fn splines_pass_through_their_points(
        steps in prop::collection::vec((0.01..2.0_f64, -5.0..5.0_f64), 2..60),
        natural: bool,
    ) {
        let x: Vec<f64> = steps.iter().scan(0.0, |sum, (h, _)| { *sum += h; Some(*sum) }).collect();
        let y: Vec<f64> = steps.iter().map(|(_, y)| *y).collect();
        let ends = if natural { Ends::Natural } else { Ends::NotAKnot };
        let table = Table::spline(&x, &y, ends, Extrapolate::Clamp).unwrap();
        let scale = (0..table.intervals())
            .flat_map(|i| table.row(i))
            .fold(1.0_f64, |a, c| a.max(c.abs()));
        for (x, y) in x.iter().zip(&y) {
            prop_assert!((table.value(*x) - y).abs() < 1e-12 * scale);
        }
    }
}
