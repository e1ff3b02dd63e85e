//! Merging, overrides, resolved files, data.

use std::io;

use super::{loaded, no_files, shipped, shipped_file};
use crate::model::{Optimizer, Place, ReferenceKind};
use crate::{Problem, load_text};

const HEAT: &str = r#"
[coordinates]
t = "0 s .. 10 s"
x = "0 m .. 1 m"
[parameters]
alpha = { range = "0.01 .. 0.1 m^2/s", scale = "log" }
[constants]
T0 = "10 K"
L = "1 m"
[fields.u]
unit = "K"
[[equations]]
name = "heat"
equation = "d(u, t) = alpha * d(u, x, 2)"
[[conditions]]
name = "left"
at = "x = 0"
equation = "u = 0"
"#;

fn files(name: &str) -> io::Result<String> {
    match name {
        "heat.toml" | "deep/heat.toml" => Ok(HEAT.to_string()),
        "deep/middle.toml" => {
            Ok("extends = \"heat.toml\"\n[functions]\nf = { file = \"f.csv\" }\n".to_string())
        }
        "deep/f.csv" => Ok("x,f\n0,1\n1,2\n2,5\n3,7\n".to_string()),
        "cell.csv" => Ok("# a comment\ntime_s,x,u_meas\n0,0.5,1.5\n1,0.5,1.25\n".to_string()),
        "ref.csv" => Ok("t_s,x,u,twice_mK,u + T0\n0,0.5,1.5,3000,11.5\n".to_string()),
        _ => no_files(name),
    }
}

fn load(text: &str, overrides: &[&str]) -> Problem {
    let overrides: Vec<String> = overrides.iter().map(|s| (*s).to_string()).collect();
    load_text("test.toml", text, &overrides, &files).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn shipped_problems_load_and_so_do_their_resolved_forms() {
    for name in ["heat.toml", "burgers.toml", "sphere.toml", "spm-plain.toml", "spm.toml"] {
        let first = shipped(name);
        assert!(first.warnings.is_empty(), "{name}: {:?}", first.warnings);
        let second = load_text(name, &first.resolved, &[], &shipped_file)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(first.resolved, second.resolved);
        assert_eq!(first.summary(), second.summary());
    }
}

#[test]
fn plain_single_particle_file_is_physics_only() {
    let p = shipped("spm-plain.toml");
    assert!(p.fields.iter().all(|f| f.ansatz.is_none() && f.inputs.is_none()));
    assert!(p.rows.iter().all(|r| r.multiply_by.is_none() && r.scale.is_none()));
}

#[test]
fn extending_files_win_key_by_key() {
    let p = load(
        r#"
        extends = "heat.toml"
        title = "New"
        [constants]
        T0 = "20 K"
        [[equations]]
        name = "heat"
        weight = 3
        [[conditions]]
        at = "x = L"
        equation = "u = T0"
        "#,
        &[],
    );
    assert_eq!(p.title, "New");
    assert_eq!(p.constants[0].value, 20.0);
    assert_eq!(p.rows.len(), 3);
    assert_eq!(p.rows[0].weight, Some(3.0));
    assert_eq!(p.rows[0].name, "heat");
    assert_eq!(p.rows[2].name, "u = T0 | x = L");
    assert!(!p.resolved.contains("extends"));
}

#[test]
fn files_named_in_a_base_are_found_from_its_folder() {
    let p = load("extends = \"deep/middle.toml\"\n[outputs]\ny = \"f(x/L)\"", &[]);
    assert!(p.resolved.contains("file = \"deep/f.csv\""), "{}", p.resolved);
}

#[test]
fn overrides_change_the_file() {
    let p = load(
        HEAT,
        &[
            "network.width=32",
            "constants.T0 = -0.02 K",
            "train.stages=[{ optimizer = \"adam\", iterations = 10 }]",
            "parameters.alpha.nominal=0.05 m^2/s",
            "coordinates.x.spread=sqrt",
            "equations.heat.weight=2",
            "conditions.0.points=7",
            "title=Other",
        ],
    );
    assert_eq!(p.network.width, Some(32));
    assert_eq!(p.constants[0].value, -0.02);
    assert_eq!(p.train.stages[0].optimizer, Optimizer::Adam);
    assert_eq!(p.parameters[0].nominal, 0.05);
    assert_eq!(p.rows[0].weight, Some(2.0));
    assert_eq!(p.rows[1].points, Some(7));
    assert_eq!(p.title, "Other");
    assert!(p.resolved.contains("width = 32"));
}

#[test]
fn measurements_are_read_in_their_units() {
    let p = load(
        &format!(
            "{HEAT}\n[[data]]\nfile = \"cell.csv\"\nobserve = \"u\"\ncolumn = \"u_meas\"\n\
             columns = {{ t = \"time_s\" }}\nunit = \"mK\"\nnoise = \"1 mK\""
        ),
        &[],
    );
    let data = &p.data[0];
    assert_eq!(data.places, [Place::Coordinate(0), Place::Coordinate(1)]);
    assert_eq!(data.rows, [vec![0.0, 0.5, 1.5e-3], vec![1.0, 0.5, 1.25e-3]]);
    assert_eq!(data.noise, Some(1e-3));
}

#[test]
fn references_hold_what_their_columns_name() {
    let text = format!(
        "{HEAT}\n[outputs]\ntwice = {{ expression = \"2*u\", unit = \"mK\" }}\n\
         [[data]]\nfile = \"ref.csv\"\n[reference]\nfile = \"ref.csv\"\n"
    );
    let tables = |p: &Problem| match &p.reference.kind {
        ReferenceKind::File(tables) => {
            tables.iter().map(|t| (t.name.clone(), t.rows[0].clone())).collect()
        }
        _ => Vec::new(),
    };
    let p = load(&text, &[]);
    let u = ("u".to_string(), vec![0.0, 0.5, 1.5]);
    assert_eq!(tables(&p), [u.clone(), ("twice".to_string(), vec![0.0, 0.5, 3.0])]);
    assert_eq!(p.data.len(), 1);
    assert_eq!(p.data[0].rows, [vec![0.0, 0.5, 1.5]]);
    let text = format!("{text}observe = [\"u\", \"u + T0\"]\nunit = \"K\"\n");
    let sum = ("u + T0 in ref.csv".to_string(), vec![0.0, 0.5, 11.5]);
    assert_eq!(tables(&load(&text, &[])), [u, sum]);
}

#[test]
fn conditions_hold_at_each_place_of_a_list() {
    let p = load(
        &format!(
            "{HEAT}\n[[conditions]]\nat = [\"x = 0\", \"x = L\"]\nequation = \"d(u, x) = 0\"\n\
             [[conditions]]\nname = \"ends\"\nat = [\"x = 0\", \"t = 0, x = 1 m\"]\n\
             equation = \"u = T0\"\n\
             [[conditions]]\nat = \"t = 0, x = L\"\nequation = \"u = 0\"\n"
        ),
        &[],
    );
    let rows: Vec<_> = p.rows[2..].iter().map(|r| (r.name.as_str(), r.at.clone())).collect();
    assert_eq!(
        rows,
        [
            ("d(u, x) = 0 | x = 0", vec![(1, 0.0)]),
            ("d(u, x) = 0 | x = L", vec![(1, 1.0)]),
            ("ends (x = 0)", vec![(1, 0.0)]),
            ("ends (t = 0, x = 1 m)", vec![(0, 0.0), (1, 1.0)]),
            ("u = 0 | t = 0 | x = L", vec![(0, 0.0), (1, 1.0)]),
        ]
    );
}

#[test]
fn references_can_be_exact() {
    let p = shipped("heat.toml");
    assert!(matches!(&p.reference.kind, ReferenceKind::Exact(list) if list[0].0 == "u"));
}

#[test]
fn unused_names_are_hinted_at() {
    let p = loaded(&format!(
        "{HEAT}\n[definitions]\nspare = \"alpha\"\n[functions]\n\"f(z)\" = \"z\"\n\
         [outputs]\nu = \"u\"\nfixed = \"T0\"\n"
    ));
    assert_eq!(
        p.warnings,
        [
            "constant `L` is never used",
            "definition `spare` is never used",
            "function `f` is never used",
            "the output `fixed` depends on no field",
        ]
    );
}
