//! What a plain file gets: every initial condition held exactly, whatever starts it.
#![allow(clippy::unwrap_used)]

use surrogate_engine::Model;
use surrogate_problem::Problem;

fn problem(head: &str, rows: &[(&str, &str)]) -> Problem {
    let mut text = format!("title = \"t\"\n{head}\n");
    for (at, equation) in rows {
        if at.is_empty() {
            text += &format!("[[equations]]\nequation = \"{equation}\"\n");
        } else {
            text += &format!("[[conditions]]\nat = \"{at}\"\nequation = \"{equation}\"\n");
        }
    }
    let nothing = |_: &_| Err(std::io::ErrorKind::NotFound.into());
    surrogate_problem::load_text("test.toml", &text, &[], &nothing).unwrap()
}

/// Notes on the fields, if all conditions at the start of time hold by construction.
fn notes(problem: &Problem) -> Vec<String> {
    let model = Model::new(problem).unwrap();
    let start = |n: &&String| n.contains("t = 0");
    let wanted = problem.rows.iter().filter(|r| start(&&r.name)).count();
    assert_eq!(model.exact.iter().filter(start).count(), wanted, "{:?}", model.exact);
    model.form.fields.iter().map(|f| f.notes.join(", ")).collect()
}

#[test]
fn an_unknown_scalar_may_stand_in_an_initial_condition() {
    let found = notes(&problem(
        "[coordinates]\nt = \"0 .. 1\"\nx = \"0 .. 1\"\n[unknowns]\nA = 1\n[fields.u]",
        &[
            ("", "d(u, t) = 0.1*d(u, x, 2)"),
            ("t = 0", "u = A*sin(pi*x)"),
            ("x = 0", "u = 0"),
            ("x = 1", "u = 0"),
        ],
    ));
    assert!(found[0].contains("boundary values exact in x"), "{found:?}");
}

#[test]
fn a_fast_oscillator_sets_out_fast_and_holds_its_start() {
    let found = notes(&problem(
        "[coordinates]\nt = \"0 .. 10\"\n[parameters]\nw = \"1 .. 8\"\n[fields.u]",
        &[("", "d(u, t, 2) + w^2*u = 0"), ("t = 0", "u = 0.1"), ("t = 0", "d(u, t) = w")],
    ));
    assert!(found[0].contains("sets out in"), "{found:?}");
}

#[test]
fn a_peak_that_spreads_fast_fades_and_holds_its_start_and_its_ends() {
    let found = notes(&problem(
        "[coordinates]\nt = \"0 .. 3\"\nx = \"-4 .. 4\"\n[fields.p]",
        &[
            ("", "d(p, t) = d(p, x, 2)"),
            ("t = 0", "p = (1 - (x/4)^2)*exp(-(x/0.3)^2)"),
            ("x = -4", "p = 0"),
            ("x = 4", "p = 0"),
        ],
    ));
    assert!(found[0].contains("sets out in"), "{found:?}");
    assert!(found[0].contains("boundary values exact in x"), "{found:?}");
}

#[test]
fn an_epidemic_is_trained_through_logarithms() {
    let found = notes(&problem(
        "[coordinates]\nt = \"0 .. 100\"\n[fields.s]\n[fields.i]\n[fields.r]",
        &[
            ("", "d(s, t) = -0.5e-6*s*i"),
            ("", "d(i, t) = 0.5e-6*s*i - 0.1*i"),
            ("", "d(r, t) = 0.1*i"),
            ("t = 0", "s = 1e6"),
            ("t = 0", "i = 10"),
            ("t = 0", "r = 0"),
        ],
    ));
    let logarithms: Vec<bool> = found.iter().map(|n| n.contains("logarithm")).collect();
    assert_eq!(logarithms, [true, true, false], "{found:?}");
}

#[test]
fn ends_agree_with_a_sine_that_is_zero_there_but_for_rounding() {
    let found = notes(&problem(
        "[coordinates]\nt = \"0 .. 4\"\nx = \"0 .. pi\"\n[fields.u]",
        &[
            ("", "d(u, t, 2) + d(u, t) + u = d(u, x, 2)"),
            ("t = 0", "u = sin(x) + 0.5*sin(3*x)"),
            ("t = 0", "d(u, t) = 0"),
            ("x = 0", "u = 0"),
            ("x = pi", "u = 0"),
        ],
    ));
    assert!(found[0].contains("boundary values exact in x"), "{found:?}");
}
