//! Meaning: values, evolution laws, dependence.

use proptest::prelude::*;
use surrogate_symbolic::{Graph, Jet, Node};

use super::{constant, loaded, shipped, shipped_file, value};
use crate::load_text;
use crate::model::{Problem, RowKind};

fn close(found: f64, wanted: f64, tolerance: f64) {
    assert!(
        (found - wanted).abs() <= tolerance * wanted.abs(),
        "found {found:e}, wanted {wanted:e}"
    );
}

/// spm.toml with a few more constants.
fn spm_with(constants: &str) -> Problem {
    let text = format!("extends = \"spm.toml\"\n[constants]\n{constants}");
    load_text("more.toml", &text, &[], &shipped_file).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn single_particle_model_has_the_published_spot_values() {
    let p = spm_with(
        r#"u_n = "U_n(0.91)"
           u_p = "U_p(0.39)"
           i_n = "i0_n(0.91)"
           i_p = "i0_p(0.39)"
           d_39 = "D_p(0.39)"
           d_60 = "D_p(0.6)"
           d_80 = "D_p(0.8)""#,
    );
    close(constant(&p, "u_n"), 0.0847789, 1e-6);
    close(constant(&p, "u_p"), 4.1874306, 1e-7);
    close(constant(&p, "i_n"), 6.46046, 1e-6);
    close(constant(&p, "i_p"), 4.79925, 1e-6);
    close(constant(&p, "d_39"), 4.617e-15, 2e-4);
    close(constant(&p, "d_60"), 4.363e-15, 2e-4);
    close(constant(&p, "d_80"), 2.143e-15, 2e-4);
    close(constant(&p, "j_n"), 1.5614587e-5, 1e-7);
    close(constant(&p, "j_p"), -8.3874929e-6, 1e-7);
}

#[test]
fn single_particle_voltage_at_the_start() {
    let p = shipped("spm-plain.toml");
    let start = |jet: &Jet, _: &[f64]| match p.graph.function_name(jet.function) {
        "c_n" => 0.91 * 30.53e3,
        _ => 0.39 * 49.6e3,
    };
    let voltage = &p.outputs[0];
    let at = [("t", 0.0), ("deg_i0_a", 0.5), ("deg_ds_c", 1.0)];
    let found = value(&p, voltage.value, &at, &start);
    // 4.0860626 V with linear kinetics; asinh moves it by 0.113 mV
    assert!((found - 4.0860626 - 1.130e-4).abs() < 1e-7, "{found}");
    // U_p + eta_p - U_n - eta_n from the formula, independently
    let vt = 2.0 * 8.3145 * 303.15 / 96485.3321;
    let eta_n = vt * (1.5614587e-5_f64 * 96485.3321 / (2.0 * 0.5 * 6.46046)).asinh();
    let eta_p = vt * (-8.3874929e-6_f64 * 96485.3321 / (2.0 * 4.79925)).asinh();
    assert!((found - (4.1874306 + eta_p - 0.0847789 - eta_n)).abs() < 2e-7, "{found}");
    assert_eq!(voltage.coordinates, [0]);
}

#[test]
fn kirchhoff_variable_cancels_exactly() {
    let p = loaded(
        r#"
        [coordinates]
        t = "0 .. 1"
        x = "0 .. 0.2"
        [fields.u]
        [[equations]]
        equation = "d(u, t) = 0"
        [functions]
        "D(x)" = "2.25 * 10^(3*x - x^2)"
        W = { integral_of = "D", from = 0.39, range = [0.25, 0.95] }
        x_of = { inverse_of = "W" }
        [outputs]
        one = "D(x_of(x)) * d(x_of(x), x)"
        slope = "d(W(x), x) / D(x)"
        round = "x_of(W(x + 0.3)) - x"
        "#,
    );
    assert_eq!(p.graph.as_constant(p.outputs[0].value), Some(1.0));
    assert_eq!(p.graph.as_constant(p.outputs[1].value), Some(1.0));
    for k in 0..=40 {
        let x = 0.005 * f64::from(k);
        let found = value(&p, p.outputs[2].value, &[("x", x)], &|_, _| 0.0);
        assert!((found - 0.3).abs() < 2e-12, "{x}: {:e}", found - 0.3);
    }
}

#[test]
fn integrals_are_tabulated_to_rounding() {
    let p = loaded(
        r#"
        [coordinates]
        t = "0 .. 1"
        x = "0.3 .. 2 m"
        [fields.u]
        [[equations]]
        equation = "d(u, t) = 0"
        [constants]
        m = "1 m"
        [functions]
        "f(x)" = "exp(x/m)"
        F = { integral_of = "f", from = "0 m", range = "-1 m .. 3 m" }
        [outputs]
        F = { expression = "F(x)", unit = "m" }
        "#
        .replace("F(x)", "E(x)")
        .replace("F = { integral", "E = { integral")
        .as_str(),
    );
    for k in 0..=17 {
        let x = 0.3 + 0.1 * f64::from(k);
        let found = value(&p, p.outputs[0].value, &[("x", x)], &|_, _| 0.0);
        close(found, x.exp() - 1.0, 2e-11);
    }
}

/// Puts the ansatz of each field into a node.
fn with_ansatz(p: &mut Problem, node: Node) -> Node {
    let ansatz: Vec<_> = p.fields.iter().map(|f| (f.function, f.ansatz)).collect();
    let mut replace = |graph: &mut Graph, jet: &Jet| {
        let (_, ansatz) = ansatz.iter().find(|(f, _)| *f == jet.function)?;
        Some(graph.diff_by((*ansatz)?, &jet.order))
    };
    p.graph.replace_jets(node, &mut replace)
}

#[test]
fn single_particle_ansatz_meets_flux_and_start_exactly() {
    let mut p = shipped("spm.toml");
    for (name, radius, r) in [("flux n", "r_n", 4e-6), ("flux p", "r_p", 1.8e-6)] {
        let row = p.rows.iter().find(|row| row.name == name).unwrap();
        let (residual, scale) = (row.residual, row.scale.unwrap());
        let residual = with_ansatz(&mut p, residual);
        for t in [1.35e-3, 1.0, 200.0, 1350.0] {
            let at = [("t", t), (radius, r), ("deg_ds_c", 3.0)];
            // inputs have no slope at the surface, so the network has none
            let net = |jet: &Jet, _: &[f64]| if jet.order.order() == 0 { 0.7 } else { 0.0 };
            let found = value(&p, residual, &at, &net) / value(&p, scale, &at, &net);
            assert!(found.abs() < 1e-11, "{name} at {t}: {found:e}");
        }
    }
    for (name, radius) in [("start n", "r_n"), ("start p", "r_p")] {
        let residual = p.rows.iter().find(|row| row.name == name).unwrap().residual;
        let residual = with_ansatz(&mut p, residual);
        let at = [("t", 0.0), (radius, 1e-6), ("deg_ds_c", 3.0)];
        let found = value(&p, residual, &at, &|_, _| 0.7);
        assert!(found.abs() < 1e-6, "{name}: {found:e} mol/m^3");
    }
}

#[test]
fn single_particle_residual_is_that_of_the_kirchhoff_variable() {
    // [W_tau - 2 tau D (4 s W_ss + 6 W_s)] / (sig D/D0) of the notes, against the row of the file,
    // for a network that is y^2 times t/t_end
    let mut p = shipped("spm.toml");
    let row = p.rows.iter().find(|r| r.name == "diffusion p").unwrap();
    let (residual, factor, scale) = (row.residual, row.multiply_by.unwrap(), row.scale.unwrap());
    let residual = with_ansatz(&mut p, residual);
    let (t_end, radius, deg) = (1350.0, 1.8e-6, 3.0);
    let (t, r) = (337.5_f64, 1.1e-6_f64);
    let net = |jet: &Jet, _: &[f64]| {
        let s = (r / radius) * (r / radius);
        let y = 1.0 - s;
        let slope = -2.0 * r / (radius * radius);
        let names: Vec<(String, u8)> =
            jet.order.0.iter().map(|&(s, k)| (p.graph.symbol_name(s).to_string(), k)).collect();
        let names: Vec<(&str, u8)> = names.iter().map(|(n, k)| (n.as_str(), *k)).collect();
        match names.as_slice() {
            [] => y * y * t / t_end,
            [("t", 1)] => y * y / t_end,
            [("r_p", 1)] => 2.0 * y * slope * t / t_end,
            [("r_p", 2)] => (2.0 * slope * slope - 4.0 * y / (radius * radius)) * t / t_end,
            other => panic!("{other:?}"),
        }
    };
    let at = [("t", t), ("r_p", r), ("deg_ds_c", deg)];
    let row_value =
        value(&p, residual, &at, &net) * value(&p, factor, &at, &net) / value(&p, scale, &at, &net);
    // the same by hand, in the scaled variables of the notes
    let more = spm_with(
        r#"D0 = "D_p(x0_p)"
           m = "x0_p - 3*j_p*(337.5/1350)*t_end/(R_p*c_max_p)"
           W_m = "W(m)"
           D_m = "D_p(m)""#,
    );
    let d0 = constant(&more, "D0") * t_end / (radius * radius);
    let flux = constant(&more, "j_p") * t_end / (radius * 49.6e3);
    let mean_rate = -3.0 * flux;
    let tau = (t / t_end).sqrt();
    let s = (r / radius) * (r / radius);
    let y = 1.0 - s;
    let eps = 4.0 / std::f64::consts::PI.sqrt() * (d0 * deg).sqrt() * tau + 1e-9;
    let eps_tau = 4.0 / std::f64::consts::PI.sqrt() * (d0 * deg).sqrt();
    let front = -flux / (2.0 * d0 * deg);
    let bell = (-y / eps).exp();
    let sig = flux.abs() / (d0 * deg).sqrt();
    let net = y * y * tau * tau;
    let w = constant(&more, "W_m") + front * eps * bell + tau * sig * net;
    let w_tau = constant(&more, "D_m") / constant(&more, "D0") * mean_rate * 2.0 * tau
        + front * eps_tau * bell * (1.0 + y / eps)
        + sig * net
        + tau * sig * y * y * 2.0 * tau;
    let w_s = front * bell - tau * sig * 2.0 * y * tau * tau;
    let w_ss = front * bell / eps + tau * sig * 2.0 * tau * tau;
    let find = spm_with(&format!("D_here = \"D_p(x_of({w:e}))\""));
    let d = constant(&find, "D_here") * t_end / (radius * radius) * deg;
    let by_hand = (w_tau - 2.0 * tau * d * (4.0 * s * w_ss + 6.0 * w_s)) / (sig * d / (d0 * deg));
    close(row_value, by_hand, 1e-6);
}

#[test]
fn averages_follow_the_geometry() {
    for (geometry, wanted) in [("cartesian", 1.0 / 3.0), ("cylinder", 0.5), ("sphere", 0.6)] {
        let p = loaded(&format!(
            r#"
            [coordinates]
            t = "0 .. 1"
            r = {{ range = "0 .. 2 m", geometry = "{geometry}" }}
            [constants]
            R = "2 m"
            [fields.u]
            [[equations]]
            equation = "d(u, t) = 0 * u"
            [outputs]
            mean = "mean((r/R)^2, r)"
            int = "int(r^2, r)/R^3"
            lap = "lap(r^2)"
            "#
        ));
        let at = [("r", 0.5)];
        close(value(&p, p.outputs[0].value, &at, &|_, _| 0.0), wanted, 1e-13);
        close(value(&p, p.outputs[1].value, &at, &|_, _| 0.0), 1.0 / 3.0, 1e-13);
        let dimensions = match geometry {
            "cartesian" => 1.0,
            "cylinder" => 2.0,
            _ => 3.0,
        };
        close(value(&p, p.outputs[2].value, &at, &|_, _| 0.0), 2.0 * dimensions, 1e-13);
    }
}

/// Values of capacity, fluxes, source.
type Law = (f64, Vec<f64>, f64);

/// The evolution form of an equation for `u(t, x)`, with flux and source valued where u = 2,
/// u_x = 3, u_xx = 5, u_xxx = 7 and x = 0.5: capacity, fluxes, source.
fn evolution(equation: &str) -> Option<Law> {
    let p = loaded(&format!(
        r#"
        [coordinates]
        t = "0 .. 1"
        x = "0 .. 1"
        y = "0 .. 1"
        [constants]
        alpha = 10
        [definitions]
        flux = "-alpha * d(u, x)"
        [fields.u]
        of = ["t", "x"]
        [fields.v]
        of = ["t", "x", "y"]
        [[equations]]
        equation = "{equation}"
        [[equations]]
        equation = "v = 0"
        "#
    ));
    let evolution = p.rows[0].evolution.as_ref()?;
    let jets = |jet: &Jet, _: &[f64]| [2.0, 3.0, 5.0, 7.0, 11.0][jet.order.order() as usize];
    let of = |node| value(&p, node, &[("t", 0.25), ("x", 0.5), ("y", 0.5)], &jets);
    let fluxes = evolution.divergences.iter().map(|&(_, f)| of(f)).collect();
    Some((of(evolution.capacity), fluxes, of(evolution.source)))
}

#[test]
fn evolution_laws_are_recognised() {
    let cases: [(&str, Option<Law>); 16] = [
        ("d(u, t) = alpha * d(u, x, 2)", Some((1.0, vec![30.0], 0.0))),
        ("alpha * d(u, x, x) = d(u, t)", Some((-1.0, vec![-30.0], 0.0))),
        ("d(u, t) = div(u * grad(u))", Some((1.0, vec![6.0], 0.0))),
        ("d(u, t) = lap(u) - u^2", Some((1.0, vec![3.0], -4.0))),
        ("u * d(u, t) + 3 = -2 * (lap(u) + u)", Some((2.0, vec![-6.0], -7.0))),
        ("d(u, t) + u * d(u, x) = alpha * d(u, x, 2)", Some((1.0, vec![30.0], -6.0))),
        ("d(u, t) + d(u^2/2, x) = 0", Some((1.0, vec![-2.0], 0.0))),
        ("d(u, t) = x * d(u, x, 2)", Some((1.0, vec![], 2.5))),
        ("d(u, t) = -d(flux, x)", Some((1.0, vec![30.0], 0.0))),
        ("d(u, t) + div(flux) = x", Some((1.0, vec![30.0], 0.5))),
        ("d(u, t) = -6*u*d(u, x) - d(u, x, 3)", Some((1.0, vec![-5.0], -36.0))),
        ("d(u^2, t) = 1", Some((4.0, vec![], 1.0))),
        ("d(u, t, 2) = d(u, x, 2)", None),
        ("d(u, x) * d(u, t) = 1", None),
        ("0 = d(u, x, 2)", None),
        ("d(u, t)^2 = 1", None),
    ];
    for (equation, wanted) in cases {
        let found = evolution(equation);
        // the sign of an equation is free
        let same = |a: &Law, b: &Law| {
            let sign = a.0 / b.0;
            let fluxes = a.1.len() == b.1.len()
                && a.1.iter().zip(&b.1).all(|(p, q)| (p - sign * q).abs() < 1e-12);
            fluxes && (a.2 - sign * b.2).abs() < 1e-12
        };
        let equal = match (&found, &wanted) {
            (Some(a), Some(b)) => same(a, b),
            (None, None) => true,
            _ => false,
        };
        assert!(equal, "{equation}: found {found:?}, wanted {wanted:?}");
    }
}

#[test]
fn fields_depend_on_the_parameters_of_their_statements() {
    let p = loaded(
        r#"
        [coordinates]
        t = "0 .. 1"
        x = "0 .. 1"
        [parameters]
        a = "1 .. 2"
        b = "1 .. 2"
        c = "1 .. 2"
        e = "1 .. 2"
        [definitions]
        rate = "a * u"
        [fields.u]
        [fields.v]
        [fields.w]
        [[equations]]
        equation = "d(u, t) = rate + w"
        [[equations]]
        equation = "d(v, t) = c * v"
        [[conditions]]
        at = "x = 0"
        equation = "w = b"
        [outputs]
        z = "e * u"
        "#,
    );
    assert_eq!(p.fields[0].parameters, [0, 1]);
    assert_eq!(p.fields[1].parameters, [2]);
    assert_eq!(p.fields[2].parameters, [0, 1]);
    assert_eq!(p.outputs[0].coordinates, [0, 1]);
    assert_eq!(p.rows[2].kind, RowKind::Condition);
    assert_eq!(p.rows[2].at, [(1, 0.0)]);
}

#[test]
fn functions_can_be_differentiated_by_their_argument() {
    let p = loaded(
        r#"
        [coordinates]
        t = "0 .. 1"
        x = "0 .. 2 m"
        [constants]
        m = "1 m"
        [fields.u]
        [[equations]]
        equation = "d(u, t) = 0"
        [functions]
        "f(x)" = "(x/m)^3"
        "slope(z)" = "d(f(z), z)"
        spline = { points = [[0, 0], [1, 1], [2, 4], [3, 9]], unit = "V", argument_unit = "m" }
        [outputs]
        a = "slope(x^2/m)"
        b = { expression = "spline(x) + d(spline(x), x) * m", unit = "V" }
        "#,
    );
    close(value(&p, p.outputs[0].value, &[("x", 1.5)], &|_, _| 0.0), 3.0 * 2.25 * 2.25, 1e-13);
    close(value(&p, p.outputs[1].value, &[("x", 1.5)], &|_, _| 0.0), 2.25 + 3.0, 1e-12);
}

proptest! {
    #[test]
    fn derivatives_agree_with_differences(x in 0.2..0.9f64, t in 0.1..0.9f64) {
        let p = loaded(
            r#"
            [coordinates]
            t = "0 .. 1"
            x = "0 .. 1"
            [fields.u]
            [[equations]]
            equation = "d(u, t) = 0"
            [outputs]
            f = "exp(-x^2)*sin(3*x*t) + atan(x/t)*x^1.5 + erf(x) + asinh(t*x)"
            g = "d(exp(-x^2)*sin(3*x*t) + atan(x/t)*x^1.5 + erf(x) + asinh(t*x), x)"
            "#,
        );
        let of = |k: usize, x: f64| value(&p, p.outputs[k].value, &[("x", x), ("t", t)], &|_, _| 0.0);
        let h = 1e-5;
        let difference = (of(0, x + h) - of(0, x - h)) / (2.0 * h);
        prop_assert!((of(1, x) - difference).abs() < 1e-7);
    }
}

/// Jumps found in an equation of `T(t, x, y)`, as coordinate, place and whether a form keeps them.
fn jumps(equation: &str) -> (Vec<(usize, f64, bool)>, Vec<String>) {
    let p = loaded(&format!(
        r#"
        [coordinates]
        t = "0 .. 1"
        x = "0 .. 1"
        y = "0 .. 1"
        [parameters]
        k_2 = "1 .. 3"
        w = "0.1 .. 0.3"
        [definitions]
        k = "if(x - 0.25, 1, k_2)"
        round = "if(w^2 - (x - 0.5)^2 - (y - 0.5)^2, 1, k_2)"
        bent = "1 + abs(x - 0.25) + max(x, 0.5) * clip(y, 0.2, 0.4)"
        same = "if(x - 0.25, x, 0.25)"
        q = "k * d(T, x)"
        [fields.T]
        [[equations]]
        equation = "{equation}"
        "#
    ));
    let found = p.rows[0].jumps.iter().map(|j| (j.coordinate, j.place, j.kept)).collect();
    let said =
        p.warnings.iter().filter(|w| w.contains("takes a derivative of something that jumps"));
    (found, said.cloned().collect())
}

#[test]
fn derivatives_of_what_jumps_are_found_and_told() {
    let kept = [
        "d(k * d(T, x), x) + d(T, y, 2) = 0",
        "d(T, t) = d(q, x) + lap(T, y)",
        "0 = 2 * div(q, x) + T * d(T, y)",
    ];
    for equation in kept {
        let (found, said) = jumps(equation);
        assert_eq!(found, [(1, 0.25, true)], "{equation}");
        assert!(said.len() == 1 && said[0].contains("x = 0.25"), "{said:?}");
    }
    let lost = ["d(k * T, x, 2) = d(T, y)", "d(T, t) = x * d(q, x)", "d(T, t) = d(k, x) * d(T, y)"];
    for equation in lost {
        assert!(jumps(equation).0.contains(&(1, 0.25, false)), "{equation}");
    }
    // a disc in a plate, seen from some line through it
    let (found, said) = jumps("div(round * grad(T, x), x) + div(round * grad(T, y), y) = 0");
    let along: Vec<usize> = found.iter().map(|j| j.0).collect();
    assert!(along == [1, 2] && said.len() == 1, "{found:?}");
    for equation in [
        "d(bent * d(T, x), x) + d(bent * d(T, y), y) = 0",
        "d(same * d(T, x), x) = 0",
        "k * d(T, x, 2) = k * d(T, y)",
        "d(T, t) = round * lap(T)",
    ] {
        assert_eq!(jumps(equation), (Vec::new(), Vec::new()), "{equation}");
    }
}
