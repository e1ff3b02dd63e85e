//! What jumps in space or in time: layers, interfaces, pulses.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::f64::consts::PI;

use surrogate_problem::{Problem, load_text};
use surrogate_solve::{Options, Solution, SolveError, Solver};

fn load(text: &str) -> Problem {
    let none = |_: &str| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    load_text("jumps", text, &[], &none).unwrap_or_else(|e| panic!("{e}"))
}

fn prepared(text: &str, cells: Option<usize>, tolerance: f64) -> Solver {
    Solver::prepare(&load(text), Options { cells, tolerance: Some(tolerance) }).unwrap()
}

fn refused(text: &str) -> String {
    match Solver::prepare(&load(text), Options::default()) {
        Err(SolveError::Unsupported { reason }) => reason,
        other => panic!("not refused: {:?}", other.map(|s| s.resolution())),
    }
}

/// A wall from 0 to 1 of conductivity 1 below `x_m` and `k_2` above, between 0 and 1.
fn wall(equation: &str, conductivity: &str) -> String {
    format!(
        r#"
        [coordinates]
        x = "0 .. 1"
        [parameters]
        k_2 = {{ range = "0.001 .. 10", scale = "log" }}
        x_m = "0.1 .. 0.9"
        [definitions]
        k = "{conductivity}"
        [fields.T]
        of = ["x"]
        [[equations]]
        equation = "{equation}"
        [[conditions]]
        at = "x = 0"
        equation = "T = 0"
        [[conditions]]
        at = "x = 1"
        equation = "T = 1"
        "#
    )
}

#[test]
fn steady_layers_share_the_fall_of_temperature_by_their_resistance() {
    // T(x_m) = x_m / (x_m + (1 - x_m) / k_2), straight lines to both ends
    let forms = [
        ("d(k * d(T, x), x) = 0", "if(x_m - x, 1, k_2)"),
        ("0 = -div(k * grad(T))", "1 + (k_2 - 1) * step(x - x_m)"),
        ("div(k * grad(T)) = 0", "0.5 * (1 + k_2) + 0.5 * (k_2 - 1) * sign(x - x_m)"),
    ];
    for (equation, conductivity) in forms {
        let solver = prepared(&wall(equation, conductivity), None, 1e-9);
        for (k_2, x_m) in [(0.2, 0.5), (0.2, 0.5003), (0.001, 0.1), (10.0, 0.777)] {
            let solution = solver.solve(&[k_2, x_m], &[]).unwrap();
            let middle = x_m / (x_m + (1.0 - x_m) / k_2);
            for x in [0.05, 0.1, 0.4, 0.5, 0.61, 0.777, 0.95] {
                let below = middle * x / x_m;
                let above = 1.0 + (middle - 1.0) * (1.0 - x) / (1.0 - x_m);
                let truth = if x < x_m { below } else { above };
                let found = solution.fields[0].at(0, x);
                assert!((found - truth).abs() < 1e-11, "{equation} {k_2} {x}: {found} {truth}");
            }
        }
    }
}

#[test]
fn a_layer_thinner_than_a_cell_is_resolved() {
    // a film of 1e-5 with conductivity 1e-5 holds half of the resistance
    let text = wall("d(k * d(T, x), x) = 0", "if(abs(x - x_m) - 5e-6, 1, 0.00001 + 0*k_2)");
    let solution = prepared(&text, None, 1e-9).solve(&[1.0, 0.3], &[]).unwrap();
    let flux = 1.0 / (2.0 - 1e-5);
    for (x, truth) in [(0.2, 0.2 * flux), (0.3, 0.5 - 0.2 * flux), (0.9, 1.0 - 0.1 * flux)] {
        let found = solution.fields[0].at(0, x);
        assert!((found - truth).abs() < 1e-9, "{x}: {found} {truth}");
    }
}

#[test]
fn conductivity_that_jumps_with_the_field_has_no_wrong_answer() {
    // k = 1 below T = 1/2 and 1/5 above: T(0.4) = 0.24. Without the jump it would be 0.4
    let text = wall("div(k * grad(T)) = 0", "if(0.5 - T, 1, 0.2 + 0*k_2*x_m)");
    match prepared(&text, None, 1e-9).solve(&[1.0, 0.5], &[]) {
        Ok(solution) => assert!((solution.fields[0].at(0, 0.4) - 0.24).abs() < 5e-3),
        Err(error) => assert!(matches!(error, SolveError::NotFound { .. })),
    }
}

const PIPE: &str = r#"
    [coordinates]
    r = { range = "0.02 .. 0.06", geometry = "cylinder" }
    [parameters]
    k_2 = "0.03 .. 0.1"
    [definitions]
    k = "if(r - 0.03, k_2, 15)"
    [fields.T]
    [[equations]]
    equation = "div(k * grad(T)) = 0"
    [[conditions]]
    at = "r = 0.02"
    equation = "T = 400"
    [[conditions]]
    at = "r = 0.06"
    equation = "T = 300"
"#;

#[test]
fn an_insulated_pipe_falls_by_logarithms_to_fourth_order() {
    let k_2 = 0.05;
    let (inner, outer) = ((0.03_f64 / 0.02).ln() / 15.0, 2.0_f64.ln() / k_2);
    let truth = |r: f64| match r < 0.03 {
        true => 400.0 - 100.0 * (r / 0.02).ln() / 15.0 / (inner + outer),
        false => 300.0 + 100.0 * (0.06 / r).ln() / k_2 / (inner + outer),
    };
    let error = |cells: Option<usize>| {
        let solution = prepared(PIPE, cells, 1e-9).solve(&[k_2], &[]).unwrap();
        let places = (0..=40).map(|k| 0.02 + 0.001 * f64::from(k));
        places.fold(0.0_f64, |e, r| e.max((solution.fields[0].at(0, r) - truth(r)).abs()))
    };
    let (coarse, fine, default) = (error(Some(16)), error(Some(64)), error(None));
    let order = (coarse / fine).ln() / 4.0_f64.ln();
    eprintln!("pipe {coarse:.1e} {fine:.1e} order {order:.2}, default {default:.1e} of 100 K");
    assert!(order > 3.3 && default < 1e-3);
}

/// A slab of two materials with the slowest mode as its start: capacities 1 and 3, conductivities
/// 1 and 0.2, joined at `a`.
fn slab(a: f64, equation: &str) -> (String, impl Fn(f64, f64) -> f64) {
    let (c, k) = ([1.0, 3.0], [1.0, 0.2]);
    let waves = |rate: f64| [0, 1].map(|i: usize| (rate * c[i] / k[i]).sqrt());
    let jump = |rate: f64| {
        let w = waves(rate);
        k[0] * w[0] / (w[0] * a).tan() + k[1] * w[1] / (w[1] * (1.0 - a)).tan()
    };
    // the first root lies below the first pole of either part
    let pole = f64::min((PI / a).powi(2) * k[0] / c[0], (PI / (1.0 - a)).powi(2) * k[1] / c[1]);
    let (mut low, mut high) = (1e-9, pole * (1.0 - 1e-12));
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if jump(middle) > 0.0 { low = middle } else { high = middle }
    }
    let (rate, w) = (low, waves(low));
    let ratio = (w[0] * a).sin() / (w[1] * (1.0 - a)).sin();
    let text = format!(
        r#"
        [coordinates]
        t = "0 .. 2"
        x = "0 .. 1"
        [definitions]
        C = "if({a} - x, 1, 3)"
        k = "if({a} - x, 1, 0.2)"
        [fields.T]
        [[equations]]
        equation = "{equation}"
        [[conditions]]
        at = "t = 0"
        equation = "T = if({a} - x, sin({:.17} * x), {ratio:.17} * sin({:.17} * (1 - x)))"
        [[conditions]]
        at = ["x = 0", "x = 1"]
        equation = "T = 0"
        "#,
        w[0], w[1]
    );
    let truth = move |t: f64, x: f64| {
        let shape = if x < a { (w[0] * x).sin() } else { ratio * (w[1] * (1.0 - x)).sin() };
        (-rate * t).exp() * shape
    };
    (text, truth)
}

#[test]
fn layers_of_different_capacity_cool_by_their_common_mode() {
    for a in [0.4, 0.37123] {
        let (text, truth) = slab(a, "C * d(T, t) = div(k * grad(T))");
        let error = |cells: usize| {
            let solution = prepared(&text, Some(cells), 1e-9).solve(&[], &[0.5, 2.0]).unwrap();
            let places = (0..=50).map(|k| 0.02 * f64::from(k));
            places.fold(0.0_f64, |worst, x| {
                let at = |k: usize, t: f64| (solution.fields[0].at(k, x) - truth(t, x)).abs();
                worst.max(at(0, 0.5)).max(at(1, 2.0))
            })
        };
        let (coarse, fine) = (error(20), error(80));
        let order = (coarse / fine).ln() / 4.0_f64.ln();
        eprintln!("slab {a}: {coarse:.1e} {fine:.1e}, order {order:.2}");
        assert!(order > 3.3 && fine < 1e-6);
    }
}

#[test]
fn jumps_that_no_flux_keeps_are_refused_by_name() {
    let wrong = [
        "d(k * T, x, 2) = 0",
        "k * d(d(k * d(T, x), x), x) = 0",
        "d(k, x) * d(T, x) + k * d(T, x, 2) = 0",
        "x * d(k * d(T, x), x) = 0",
    ];
    for equation in wrong {
        let reason = refused(&wall(equation, "if(x_m - x, 1, k_2)"));
        assert!(reason.contains("jumps at x = 0.5") && reason.contains("div(flux)"), "{reason}");
    }
    let (text, _) = slab(0.4, "d(T, t) = div(k * grad(T)) / C");
    assert!(refused(&text).contains("jumps at x = 0.4"));
    // a kink is no jump, and nothing is lost where the factor is continuous
    let solver = prepared(&wall("d(k * d(T, x), x) = 0", "1 + abs(x - x_m) + 0*k_2"), None, 1e-9);
    solver.solve(&[1.0, 0.5], &[]).unwrap();
}

const PULSE: &str = r#"
    [coordinates]
    t = "0 .. 10"
    [parameters]
    t_1 = "2 .. 6"
    w = "1e-4 .. 0.5"
    [fields.y]
    of = ["t"]
    [[equations]]
    equation = "d(y, t) = -y + SOURCE"
    [[conditions]]
    at = "t = 0"
    equation = "y = 1"
"#;

#[test]
fn short_pulses_are_met_however_long_the_steps() {
    let sources = [
        "5 * step(t - t_1) - 5 * step(t - t_1 - w)",
        "if(w/2 - abs(t - t_1 - w/2), 5, 0)",
        "5 * step((t - t_1) * (t_1 + w - t))",
        "5 * (clip((t - t_1) / (1e-9*w), 0, 1) - clip((t - t_1 - w) / (1e-9*w), 0, 1))",
    ];
    for source in sources {
        let solver = prepared(&PULSE.replace("SOURCE", source), None, 1e-8);
        for (start, width) in [(4.0, 0.1), (4.0, 1e-4), (2.345, 0.01), (5.9, 0.5)] {
            let truth = |t: f64| {
                let since = |s: f64| if t > s { 1.0 - (s - t).exp() } else { 0.0 };
                (-t).exp() + 5.0 * (since(start) - since(start + width))
            };
            let times = [1.0, start, start + 0.5 * width, start + width, 6.5, 10.0];
            let found = solver.solve(&[start, width], &times).unwrap();
            for (k, &t) in times.iter().enumerate() {
                let (found, truth) = (found.fields[0].values[k][0], truth(t));
                assert!((found - truth).abs() < 2e-7, "{source} {width} t {t}: {found} {truth}");
            }
        }
    }
}

#[test]
fn a_tabulated_pulse_is_met() {
    // points near the pulse keep the spline from swinging far from it
    let far = (0..14).map(|k| 0.5 * f64::from(k)).chain((15..=20).map(|k| 0.5 * f64::from(k)));
    let near = (0..=40).map(|k| 6.99 + 5e-4 * f64::from(k));
    let mut places: Vec<f64> = far.chain(near).collect();
    places.sort_by(f64::total_cmp);
    let point = |x: &f64| format!("[{x}, {}]", if (x - 7.0).abs() < 1e-6 { 100 } else { 0 });
    let points: Vec<String> = places.iter().map(point).collect();
    let text = r#"
        [coordinates]
        t = "0 .. 10"
        [parameters]
        k = "0.5 .. 2"
        [functions]
        S = { points = [POINTS] }
        [fields.y]
        of = ["t"]
        [[equations]]
        equation = "d(y, t) = S(k * t)"
        [[conditions]]
        at = "t = 0"
        equation = "y = 1"
    "#;
    let text = &text.replace("POINTS", &points.join(", "));
    let problem = load(text);
    let table = problem.graph.table(surrogate_symbolic::TableId(0)).clone();
    // Simpson's rule is exact for the cubics between the points
    let knots = table.breaks();
    let parts = knots.windows(2).map(|w| {
        let (a, b) = (w[0], w[1]);
        (b - a) / 6.0 * (table.value(a) + 4.0 * table.value(0.5 * (a + b)) + table.value(b))
    });
    let whole: f64 = parts.sum();
    let solver = prepared(text, None, 1e-6);
    for k in [1.0, 1.3] {
        let found = solver.solve(&[k], &[9.99 / k]).unwrap().fields[0].values[0][0];
        let truth = 1.0 + whole / k;
        assert!((found - truth).abs() < 1e-3 * whole, "{k}: {found} {truth}");
    }
}

#[test]
fn a_pulse_at_an_end_enters_the_rod() {
    // the mean of a rod that takes in a flux of 1 for 0.01 rises by 0.01
    let text = r#"
        [coordinates]
        t = "0 .. 1"
        x = "0 .. 1"
        [fields.u]
        [[equations]]
        equation = "d(u, t) = div(grad(u))"
        [[conditions]]
        at = "t = 0"
        equation = "u = 0"
        [[conditions]]
        at = "x = 0"
        equation = "d(u, x) = 0"
        [[conditions]]
        at = "x = 1"
        equation = "d(u, x) = step(t - 0.5) - step(t - 0.51)"
        [outputs]
        mean = "mean(u, x)"
    "#;
    let solution: Solution = prepared(text, None, 1e-7).solve(&[], &[0.4, 0.505, 1.0]).unwrap();
    for (found, truth) in solution.outputs[0].iter().zip([0.0, 0.005, 0.01]) {
        assert!((found - truth).abs() < 1e-6, "{found} {truth}");
    }
}
