//! Which rows a model trains: what holds by construction is dropped, nothing else.
#![allow(clippy::unwrap_used)]

use std::io;
use std::path::Path;

use surrogate_engine::{EngineError, Model};
use surrogate_problem::{Problem, load, load_text};

fn file(name: &str) -> Problem {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../problems").join(name);
    load(&path, &[]).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn text(text: &str) -> Problem {
    let no_file = |_: &str| Err(io::Error::from(io::ErrorKind::NotFound));
    load_text("inline.toml", text, &[], &no_file).unwrap_or_else(|e| panic!("{e}"))
}

fn trained(model: &Model) -> Vec<String> {
    let rows = model.components.iter().flat_map(|c| &c.blocks).flat_map(|b| &b.block.rows);
    rows.map(|r| r.name.clone()).collect()
}

/// The diffusivity is 3e-14: a row must be weighed with its numbers, not without them.
#[test]
fn a_flux_condition_with_a_small_coefficient_is_trained() {
    let model = Model::new(&file("spm-plain.toml")).unwrap();
    let rows = trained(&model);
    for name in ["diffusion n", "diffusion p", "flux n", "flux p"] {
        assert!(rows.iter().any(|r| r == name), "`{name}` is not among {rows:?}");
    }
    for name in ["start n", "start p", "centre n", "centre p"] {
        assert!(model.exact.iter().any(|r| r == name), "`{name}` is not among {:?}", model.exact);
    }
}

/// Diffusion in a rod; lengths in units of `scale` m and values in units of `size`.
fn rod(length: f64, size: f64) -> Problem {
    let time = length * length;
    text(&format!(
        r#"
title = "Rod"
[coordinates]
t = "0 .. {time:e}"
x = "0 .. {length:e}"
[fields.u]
of = ["t", "x"]
[[equations]]
name = "law"
equation = "d(u, t) = div(0.1 * grad(u))"
[[conditions]]
name = "start"
at = "t = 0"
equation = "u = {size:e} * cos(3.141592653589793 * x / {length:e})"
[[conditions]]
name = "left"
at = "x = 0"
equation = "-0.1 * d(u, x) = 0"
[[conditions]]
name = "right"
at = "x = {length:e}"
equation = "d(u, x) = 0"
"#
    ))
}

#[test]
fn the_rows_do_not_depend_on_the_units() {
    let reference = Model::new(&rod(1.0, 1.0)).unwrap();
    assert_eq!(reference.exact, ["start"]);
    for (length, size) in [(1e-6, 1.0), (1e5, 1e-9), (1e-3, 3e4)] {
        let model = Model::new(&rod(length, size)).unwrap();
        assert_eq!(model.exact, reference.exact, "length {length:e}, size {size:e}");
        assert_eq!(trained(&model), trained(&reference), "length {length:e}, size {size:e}");
    }
}

/// No flux at either end: the content stays, and a row says so.
#[test]
fn an_insulated_rod_conserves_its_content() {
    let rows = trained(&Model::new(&rod(1.0, 1.0)).unwrap());
    assert!(rows.iter().any(|r| r == "conservation of u"), "{rows:?}");
}

/// Three species of a chain conserve their sum, whatever the rates.
#[test]
fn a_closed_chain_conserves_its_sum() {
    let model = Model::new(&text(
        r#"
title = "Chain"
[coordinates]
t = "0 .. 5"
[fields]
a = { of = ["t"] }
b = { of = ["t"] }
c = { of = ["t"] }
[[equations]]
equation = "d(a, t) = -0.3 * a"
[[equations]]
equation = "d(b, t) = 0.3 * a - 2 * b^2"
[[equations]]
equation = "d(c, t) = 2 * b^2"
[[conditions]]
at = "t = 0"
equation = "a = 1"
[[conditions]]
at = "t = 0"
equation = "b = 0"
[[conditions]]
at = "t = 0"
equation = "c = 0"
"#,
    ))
    .unwrap();
    let rows = trained(&model);
    assert!(rows.iter().any(|r| r == "conservation of a, b, c"), "{rows:?}");
}

#[test]
fn conditions_that_contradict_each_other_are_refused() {
    let problem = text(
        r#"
title = "Twice at the start"
[coordinates]
t = "0 .. 1"
[fields.u]
of = ["t"]
[[equations]]
equation = "d(u, t) = -u"
[[conditions]]
name = "first"
at = "t = 0"
equation = "u = 1"
[[conditions]]
name = "second"
at = "t = 0"
equation = "u = 2"
"#,
    );
    match Model::new(&problem) {
        Err(EngineError::Contradiction { row, .. }) => assert_eq!(row, "second"),
        Err(other) => panic!("{other}"),
        Ok(model) => panic!("accepted, exact: {:?}, trained: {:?}", model.exact, trained(&model)),
    }
}
