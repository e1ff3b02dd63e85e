//! The table `[cell]`, with a made-up knower of cells.

use std::io;

use crate::cell::{CellMistake, CellPhysics, CellPlace, CellRange};
use crate::model::{CellModel, CellSource, CellTable, Problem, Role};
use crate::{Diagnostics, load_with_cells};

const BASE: &str = "[coordinates]\nt = \"0 s .. 100 s\"\nx = \"0 m .. 1 m\"\n\
                    [fields.v]\nunit = \"V\"\nof = [\"t\"]\nparameters = [\"a\"]\n\
                    [outputs.v]\nexpression = \"v\"\nunit = \"V\"\nat_least = \"2 V\"\n";

/// Knows the cell `Known`, which has the parameter `a`.
fn knower(table: &CellTable, ranges: &[CellRange]) -> Result<CellPhysics, Vec<CellMistake>> {
    let mistake = |place, message: &str| CellMistake { place, message: message.into(), help: None };
    let mut mistakes = Vec::new();
    if table.source == CellSource::Set("Other".to_string()) {
        mistakes.push(mistake(CellPlace::Key("set"), "no such cell"));
    }
    for (name, ..) in ranges.iter().filter(|(name, ..)| name != "a") {
        mistakes.push(mistake(CellPlace::Parameter(name.clone()), "no such parameter"));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    Ok(CellPhysics { base: BASE.to_string(), warnings: vec!["assumed".to_string()] })
}

fn load(text: &str, overrides: &[&str]) -> Result<Problem, Diagnostics> {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    let read = |name: &str| match name {
        "sub/cell.json" => Ok("{}".to_string()),
        "sub/base.toml" => Ok("title = \"b\"\n[cell]\nbpx = \"cell.json\"\nmodel = \"SPM\"\n\
                               [parameters]\na = \"1 .. 2\"\n"
            .to_string()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    load_with_cells("p.toml", text, &overrides, &read, &knower)
}

fn file(more: &str) -> String {
    format!("title = \"t\"\n[cell]\nset = \"Known\"\nmodel = \"P2D\"\n{more}")
}

#[test]
fn the_file_lies_on_top_of_the_physics_of_its_cell() {
    let text = file(
        "temperature = \"25 degC\"\n[parameters]\na = \"1 .. 2\"\n[coordinates]\nt = \"0 s .. 1 min\"\n\
         [data]\nsolves = 7\n[goal]\nv = { rms = \"1 mV\" }\n",
    );
    let problem = load(&text, &["cell.state_of_charge=0.5"]).unwrap();
    let cell = problem.cell.clone().unwrap();
    assert_eq!(cell.source, CellSource::Set("Known".to_string()));
    assert_eq!((cell.model, cell.solves), (CellModel::P2d, Some(7)));
    assert_eq!((cell.state_of_charge, cell.temperature_k), (Some(0.5), Some(298.15)));
    assert_eq!(problem.coordinates[0].upper, 60.0, "the file's range wins");
    assert_eq!(problem.coordinates[0].role, Role::Time);
    assert_eq!(problem.outputs[0].limits.at_least, Some(2.0));
    assert!((problem.goals[0].rms.unwrap() - 1e-3).abs() < 1e-18);
    assert!(problem.rows.is_empty() && problem.data.is_empty());
    assert_eq!(problem.warnings.last().unwrap(), "assumed");
    // what the program adds does not go into the file that a run keeps
    assert!(!problem.resolved.contains("fields"), "{}", problem.resolved);
    let again = load(&problem.resolved, &[]).unwrap();
    assert_eq!((again.resolved, again.cell), (problem.resolved, Some(cell)));
}

#[test]
fn discharges_of_a_cell_have_goals_of_their_own() {
    let goals = "[parameters]\na = \"1 .. 2\"\n[goal.v]\nfirst_95 = \"1.2 mV\"\nworst_curve = \"0.01 V\"\nend_median = 1e-4\nend_99 = 1e-3\n";
    let problem = load(&file(goals), &[]).unwrap();
    let found = problem.goals[0].discharge;
    assert!((found.first_95_v.unwrap() - 1.2e-3).abs() < 1e-18);
    assert_eq!(found.worst_curve_v, Some(0.01));
    assert_eq!((found.end_median, found.end_99), (Some(1e-4), Some(1e-3)));
    let errors =
        load(&file("[parameters]\na = \"1 .. 2\"\n[goal]\nv = { end_99 = \"1 mV\" }\n"), &[])
            .err()
            .unwrap();
    assert!(errors.to_string().contains("end_99"), "{errors}");
}

#[test]
fn a_bpx_file_of_a_base_is_relative_to_the_base() {
    let problem = load("title = \"t\"\nextends = \"sub/base.toml\"\n", &[]).unwrap();
    let (file, text) = ("sub/cell.json".to_string(), "{}".to_string());
    assert_eq!(problem.cell.unwrap().source, CellSource::Bpx { file, text });
}

#[test]
fn what_the_knower_refuses_is_told_at_its_place() {
    let line = |text: &str, message: &str| {
        let told = load(text, &[]).err().unwrap();
        let error = told.errors.iter().find(|e| e.message == message).unwrap();
        let place = error.labels[0].offset();
        assert_eq!(error.kind, crate::ErrorKind::Cell);
        text[..place].matches('\n').count() + 1
    };
    let text = file("[parameters]\na = \"1 .. 2\"\nb = \"1 .. 2\"\n").replace("Known", "Other");
    assert_eq!(line(&text, "no such cell"), 3);
    assert_eq!(line(&text, "no such parameter"), 7);
}

#[test]
fn without_a_knower_a_cell_is_refused() {
    let nothing = |_: &str| Err(io::ErrorKind::NotFound.into());
    let told = crate::load_text("p.toml", &file(""), &[], &nothing).err().unwrap();
    assert!(told.to_string().contains("knows no cells"), "{told}");
}

#[test]
fn another_cell_takes_nothing_of_the_cell_of_its_base() {
    let base = "title = \"b\"\n[cell]\nset = \"Known\"\nmodel = \"SPM\"\n\
                other = { name = \"o\", solves = 3 }\n[parameters]\na = \"1 .. 2\"\n\
                [calibrate]\nnoise = \"2 mV\"\n[calibrate.current]\na = \"5 A\"\n";
    let read = |name: &str| match name {
        "base.toml" => Ok(base.to_string()),
        "cell.json" => Ok("{}".to_string()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let load = |cell: &str| {
        let text = format!("title = \"t\"\nextends = \"base.toml\"\n[cell]\n{cell}\n");
        load_with_cells("p.toml", &text, &[], &read, &knower).unwrap()
    };
    let other = load("bpx = \"cell.json\"");
    let cell = other.cell.unwrap();
    assert!(matches!(cell.source, CellSource::Bpx { .. }) && cell.other.is_none());
    assert!(!other.resolved.contains("5 A") && other.resolved.contains("2 mV"));
    let same = load("set = \"Known\"");
    assert!(same.cell.unwrap().other.is_some() && same.resolved.contains("5 A"));
}

#[test]
fn what_a_table_leaves_open_is_told_with_a_way_out() {
    let told = |text: &str| load(text, &[]).err().unwrap().to_string();
    let help = |text: &str| {
        let found = load(text, &[]).err().unwrap();
        found.errors[0].help.clone().unwrap_or_default()
    };
    assert!(told(&file("temperature = 25\n")).contains("has no unit"));
    assert!(help(&file("temperature = 25\n")).contains("25 degC"));
    assert!(help(&file("state_of_charge = \"80 %\"\n")).contains("state_of_charge = 0.8"));
    assert!(help(&file("").replace("P2D", "DFN")).contains("P2D"));
    assert!(help(&file("").replace("model = \"P2D\"\n", "")).contains("SPMe"));
}
