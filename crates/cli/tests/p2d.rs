//! Cells: BPX files, problem files with `[cell]`, and their reference solver through the commands.
#![allow(clippy::unwrap_used)]

#[path = "support/bpx.rs"]
mod bpx;
mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{Said, command, finish, json_file, problem, signal, surrogate};
use surrogate_battery::cell::sets::chen2020;
use surrogate_battery::solve::{Model, Options, ProtocolStep, simulate};
use tempfile::tempdir;

/// Columns of a table on stdout.
fn columns(said: &Said) -> (Vec<String>, Vec<Vec<f64>>) {
    let mut lines = said.stdout.lines().map(|l| l.split(',').map(str::to_string));
    let header = lines.next().unwrap().collect();
    (header, lines.map(|l| l.map(|v| v.parse().unwrap()).collect()).collect())
}

/// Checks a file of a text, which must be refused in these words.
#[track_caller]
fn refused(text: &str, words: &[&str]) {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("cell.json"), bpx::file().to_string()).unwrap();
    fs::write(folder.path().join("p.toml"), text).unwrap();
    surrogate(folder.path(), &["check", "p.toml"]).expect(1, words);
}

fn cell(table: &str, more: &str) -> String {
    format!("title = \"t\"\n[cell]\n{table}\n{more}")
}

#[test]
fn check_says_what_a_bpx_file_holds() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("cell.json"), bpx::file().to_string()).unwrap();
    let said = surrogate(folder.path(), &["check", "cell.json", &problem("p2d.toml")]);
    said.expect(0, &[]);
    for words in [
        "An invented cell",
        "BPX 1.1.0, meant for DFN",
        "5 A h nominal",
        "2.8 .. 4.2 V",
        "0.010000 empty, 0.900000 full",
        "0.950000 empty, 0.300000 full",
        "SPM, SPMe, P2D",
        "state of charge 1.0000",
        "P2D model of the LG M50 cell",
        "5 A h nominal, 5.1532 A h between empty and full",
        "2.5 .. 4.2 V",
    ] {
        assert!(said.stdout.contains(words), "`{words}`:\n{}", said.stdout);
    }
    // what was left out is said
    let text = bpx::with("/State/Initial conditions", json!({}));
    fs::write(folder.path().join("cell.json"), text).unwrap();
    surrogate(folder.path(), &["check", "cell.json"])
        .expect(0, &["Initial temperature [K] is not given; 298.15 K is assumed"]);
}

#[test]
fn all_mistakes_of_a_bpx_file_are_told_with_their_paths() {
    let folder = tempdir().unwrap();
    let mut file = bpx::file();
    *file.pointer_mut("/Parameterisation/Negative electrode/OCP [V]").unwrap() = json!("exp(x");
    *file.pointer_mut("/Parameterisation/Cell/Lower voltage cut-off [V]").unwrap() = json!(4.5);
    fs::write(folder.path().join("cell.json"), file.to_string()).unwrap();
    fs::write(folder.path().join("broken.json"), "{\"Header\": ").unwrap();
    let files = ["--json", "check", "cell.json", &problem("heat.toml"), "broken.json"];
    let said = surrogate(folder.path(), &files);
    said.expect(
        1,
        &[
            "cell.json: Parameterisation/Negative electrode/OCP [V]",
            "Parameterisation/Cell/Lower voltage cut-off [V]",
            "broken.json: the file is not JSON",
        ],
    );
    let object = said.json();
    assert_eq!(object["ok"], false);
    let each: Vec<bool> =
        object["files"].as_array().unwrap().iter().map(|f| f["ok"].as_bool().unwrap()).collect();
    assert_eq!(each, [false, true, false]);
    surrogate(folder.path(), &["check", "cell.json", "--set", "a=1"]).expect(1, &["BPX file"]);
    surrogate(folder.path(), &["check", "none.json"]).expect(1, &["none.json"]);
}

#[test]
fn a_cell_that_cannot_be_is_told_at_its_place() {
    let p2d = "set = \"Chen2020\"\nmodel = \"P2D\"";
    refused(
        &cell("set = \"Chen2021\"\nmodel = \"P2D\"", ""),
        &["Chen2021", "Chen2020", "p.toml:3"],
    );
    refused(&cell("set = \"Pinnstripes\"\nmodel = \"P2D\"", ""), &["p.toml:4", "model = \"SPM\""]);
    refused(&cell("set = \"Chen2020\"\nmodel = \"P2d\"", ""), &["did you mean `P2D`"]);
    refused(&cell("model = \"P2D\"", ""), &["names no cell", "set = \"Chen2020\""]);
    refused(&cell("set = \"Chen2020\"", ""), &["names no model", "SPMe"]);
    refused(&cell("set = \"Chen2020\"\nmodel = \"DFN\"", ""), &["model = \"P2D\""]);
    refused(&cell("set = \"Chen2020\"\nbpx = \"cell.json\"\nmodel = \"P2D\"", ""), &["both"]);
    refused(&cell("bpx = \"none.json\"\nmodel = \"P2D\"", ""), &["none.json", "no such file"]);
    refused(&cell("bpx = \"p.toml\"\nmodel = \"P2D\"", ""), &["not JSON", "p.toml:3"]);
    let with = |more: &str| cell(&format!("{p2d}\n{more}"), "");
    refused(&with("state_of_charge = 1.2"), &["1.2 is outside 0 to 1", "p.toml:5"]);
    refused(&with("state_of_charge = \"full\""), &["a number between 0 and 1"]);
    refused(&with("temperature = \"-300 degC\""), &["temperature", "p.toml:5"]);
    refused(&with("temperature = \"3 V\""), &["temperature"]);
    refused(&with("temperature = 25"), &["has no unit", "25 degC"]);
    refused(&with("temperature = \"2000 degC\""), &["200 to 400 K"]);
    refused(&with("state_of_charge = \"80 %\""), &["state_of_charge = 0.8"]);
    refused(&with("model_ = 1"), &["unknown key `model_`"]);
    let more = |more: &str| cell(p2d, more);
    refused(&more("[parameters]\nc_rat = \"1 .. 2\""), &["did you mean `c_rate`", "p.toml:6"]);
    refused(&more("[parameters]\nD_n = \"0 .. 2\""), &["`D_n` must be positive"]);
    refused(&more("[parameters]\nD_n = \"1 m .. 2 m\""), &["`D_n` is in m", "no unit"]);
    let several = "[parameters]\nD_n = \"-1 .. 2\"\nD_q = \"1 .. 2\"\neps_n = \"1 .. 3\"";
    refused(&more(several), &["`D_n` must be positive", "`D_q`", "`eps_n` is at most"]);
    refused(&more("[fields.u]\n"), &["no [fields]", "leave this table out"]);
    refused(&more("[[equations]]\nequation = \"u = 0\""), &["no [equations]"]);
    refused(&more("[coordinates]\nx = \"0 .. 1\""), &["no coordinate `x`"]);
    refused(&more("[data]\nsolves = -1"), &["`solves` must be at least 0"]);
    refused(&more("[[data]]\nfile = \"a.csv\""), &["no [[data]]", "surrogate calibrate"]);
    refused(&more("[parameters]\nc_rate = \"1 .. 200\""), &["over as it begins", "c_rate"]);
    refused(&with("state_of_charge = 0"), &["over as it begins", "p.toml:5"]);
    let twice = "[parameters]\nc_rate = { range = \"1 .. 2\", nominal = 3 }";
    refused(&more(twice), &["`nominal` of `c_rate` is outside its range"]);
    let spm = "set = \"Chen2020\"\nmodel = \"SPM\"";
    let frozen = cell(spm, "[parameters]\nkappa_e = \"0.5 .. 2\"");
    refused(&frozen, &["`kappa_e` changes nothing in SPM"]);
}

#[test]
fn a_problem_with_a_contradictory_bpx_file_names_the_fields() {
    let folder = tempdir().unwrap();
    let text = bpx::with("/Parameterisation/Cell/Lower voltage cut-off [V]", json!(4.5));
    fs::write(folder.path().join("cell.json"), text).unwrap();
    let table = cell("bpx = \"cell.json\"\nmodel = \"P2D\"", "");
    fs::write(folder.path().join("p.toml"), table).unwrap();
    for command in ["check", "solve", "train"] {
        surrogate(folder.path(), &[command, "p.toml"])
            .expect(1, &["cell.json: Parameterisation/Cell/Lower voltage cut-off [V]", "p.toml:3"]);
    }
    assert!(!folder.path().join("runs").exists(), "nothing is written for a cell that cannot be");
}

#[test]
fn solve_gives_the_curve_of_the_cell_and_what_is_inside() {
    let folder = tempdir().unwrap();
    let p2d = problem("p2d.toml");
    let said = surrogate(folder.path(), &["solve", &p2d, "--times", "0:4000:41"]);
    said.expect(0, &["rows lie after the end"]);
    let (header, rows) = columns(&said);
    assert_eq!(header, ["time_s", "voltage_V"]);
    let chen = chen2020();
    let protocol = [ProtocolStep::discharge(&chen, 1.0)];
    let solution = simulate(&chen, Model::P2d, &protocol, &Options::default()).unwrap();
    for row in &rows {
        let expected = solution.voltage_at(row[0]);
        let over = row[0] > solution.end_time_s();
        assert!(if over { row[1].is_nan() } else { row[1] == expected }, "{row:?}");
    }
    // from collector to collector at 1000 s
    fs::write(folder.path().join("x.csv"), "t,x\n1000,0\n1000,4e-5\n1000,9e-5\n1000,1.728e-4\n")
        .unwrap();
    let said = surrogate(folder.path(), &["solve", &p2d, "--points", "x.csv"]);
    said.expect(0, &[]);
    let (header, rows) = columns(&said);
    let column = |name: &str| header.iter().position(|h| h == name).unwrap();
    let (v, phi_s, j) = (column("voltage_V"), column("phi_s_V"), column("j_A_per_m2"));
    assert!((rows[3][phi_s] - rows[3][v]).abs() < 1e-9, "the potential at the collector");
    assert!(rows[0][j] > 0.0 && rows[3][j] < 0.0);
    let inside = |row: &[f64], name: &str| row[column(name)];
    for name in ["phi_s_V", "j_A_per_m2", "c_surf_mol_per_m3", "c_centre_mol_per_m3"] {
        assert!(inside(&rows[2], name).is_nan(), "{name} in the separator");
    }
    let c_e = column("c_e_mol_per_m3");
    assert!(rows[0][c_e] > rows[2][c_e] && rows[2][c_e] > rows[3][c_e]);
    assert!(rows.iter().all(|row| inside(row, "phi_e_V") < 0.0));
}

#[test]
fn a_protocol_in_words_is_followed_to_the_ends_that_it_names() {
    let folder = tempdir().unwrap();
    let (file, spm) = (problem("p2d.toml"), "cell.model=SPM");
    let words = "Discharge at 1C until 2.6 V; Rest for 30 minutes; Charge at C/2 until 4.1 V; Hold at 4.1 V until C/20; \
                 Discharge at 10 W for 10 minutes";
    let said = surrogate(folder.path(), &["solve", &file, "--set", spm, "--protocol", words]);
    said.expect(0, &["step 1", "ended by the lower voltage", "step 4", "ended by the current"]);
    let (header, rows) = columns(&said);
    assert_eq!(header, ["t_s", "step", "current_A", "voltage_V"]);
    let [t, step, current, voltage] =
        [0, 1, 2, 3].map(|k| rows.iter().map(|row| row[k]).collect::<Vec<f64>>());
    assert!(t.is_sorted());
    let last = |wanted: f64| step.iter().rposition(|s| *s == wanted).unwrap();
    assert!((voltage[last(1.0)] - 2.6).abs() < 1e-6);
    assert!((t[last(2.0)] - t[last(1.0)] - 1800.0).abs() < 1e-6);
    assert!((voltage[last(3.0)] - 4.1).abs() < 1e-6);
    assert!((current[last(4.0)] + 0.25).abs() < 1e-3, "{}", current[last(4.0)]);
    assert!((t[last(5.0)] - t[last(4.0)] - 600.0).abs() < 1e-6);
    for (k, step) in step.iter().enumerate() {
        match step {
            1.0 => assert!((current[k] - 5.0).abs() < 1e-9),
            2.0 => assert!(current[k].abs() < 1e-9),
            4.0 => assert!((voltage[k] - 4.1).abs() < 1e-6),
            5.0 => assert!((current[k] * voltage[k] - 10.0).abs() < 1e-6),
            _ => {}
        }
    }

    // with its heat the cell warms up on discharge; a cell without a heat capacity says so
    let warm = ["solve", &file, "--set", spm, "--protocol", "Discharge at 2C", "--thermal"];
    let said = surrogate(folder.path(), &warm);
    said.expect(0, &["2.5"]);
    let (header, rows) = columns(&said);
    assert_eq!(header[4], "temperature_K");
    let (first, last) = (rows[0][4], rows[rows.len() - 1][4]);
    assert!((first - 298.15).abs() < 1e-9 && last > first + 2.0 && last < first + 60.0, "{last}");
    let marquis = problem("p2d-marquis2019.toml");
    surrogate(folder.path(), &["solve", &marquis, "--protocol", "Discharge at 1C", "--thermal"])
        .expect(1, &["heat"]);
    fs::write(folder.path().join("pulse.csv"), "t_s,current_A\n0,10\n300,10\n600,0\n").unwrap();
    let pulse = ["solve", &file, "--set", spm, "--profile", "pulse.csv", "--thermal"];
    let said = surrogate(folder.path(), &pulse);
    said.expect(0, &[]);
    let (header, rows) = columns(&said);
    assert_eq!(header[3], "temperature_K");
    assert!(rows[0][3] < rows[1][3] && rows[1][3] > 299.0, "{rows:?}");
    surrogate(folder.path(), &["solve", &file, "--thermal"]).expect(1, &["--protocol"]);
    surrogate(folder.path(), &["solve", &file, "--protocol", "Rest for 1 h; Sleep"])
        .expect(1, &["step 2", "begins with"]);
    surrogate(folder.path(), &["solve", &problem("heat.toml"), "--protocol", "Rest for 1 h"])
        .expect(1, &["[cell]"]);
}

#[test]
fn a_cell_of_a_bpx_file_is_read_relative_to_the_problem() {
    let folder = tempdir().unwrap();
    let below = folder.path().join("cells");
    fs::create_dir(&below).unwrap();
    fs::write(below.join("cell.json"), bpx::file().to_string()).unwrap();
    let base =
        cell("bpx = \"cell.json\"\nmodel = \"SPM\"", "[parameters]\nc_rate = \"0.5 .. 2\"\n");
    fs::write(below.join("base.toml"), base).unwrap();
    let over =
        "extends = \"cells/base.toml\"\n[cell]\nmodel = \"P2D\"\ntemperature = \"35 degC\"\n";
    fs::write(folder.path().join("p.toml"), over).unwrap();
    let voltage = |arguments: &[&str]| {
        let mut all = vec!["solve", "p.toml", "--times", "0:600:2"];
        all.extend(arguments);
        let said = surrogate(folder.path(), &all);
        said.expect(0, &[]);
        columns(&said).1[1][1]
    };
    let p2d = voltage(&[]);
    assert!((2.8..4.2).contains(&p2d), "{p2d} V");
    let (half, spm) =
        (voltage(&["--set", "cell.state_of_charge=0.5"]), voltage(&["--set", "cell.model=SPM"]));
    assert!(half < p2d - 0.05 && spm > p2d + 1e-3, "{half} V, {spm} V, {p2d} V");
    // no discharge of the box outlasts its time, nor ends long before it
    let times = surrogate(folder.path(), &["check", "p.toml"]);
    let line = times.stdout.lines().find(|l| l.trim_start().starts_with("t ")).unwrap().to_string();
    let end: f64 =
        line.split("..").nth(1).unwrap().trim().split(' ').next().unwrap().parse().unwrap();
    let last = format!("{}:{}:2", 0.8 * end, end);
    let slowest = ["solve", "p.toml", "--params", "c_rate=0.5", "--times", &last];
    let said = surrogate(folder.path(), &slowest);
    let (_, rows) = columns(&said);
    assert!(rows[0][1] > 2.8 && rows[1][1].is_nan(), "{rows:?} of {end} s");
}

#[test]
fn a_depleted_electrolyte_is_solved_and_said() {
    let folder = tempdir().unwrap();
    let wide = problem("p2d-chen2020-wide.toml");
    let point = ["--params", "c_rate=2,D_e=0.3", "--times", "0:80:3"];
    let mut arguments = vec!["solve", &wide];
    arguments.extend(point);
    let said = surrogate(folder.path(), &arguments);
    said.expect(0, &["1 of 1 discharges deplete the electrolyte", "about 1 %"]);
    assert!(columns(&said).1.iter().all(|row| row[1] > 2.5), "{}", said.stdout);
}

#[test]
#[ignore = "trains and judges a box with many depleted discharges: a minute and more"]
fn depleted_points_are_solved_where_that_is_asked_for() {
    let folder = tempdir().unwrap();
    let text = "title = \"a box that depletes the electrolyte\"\n[cell]\nset = \"Chen2020\"\nmodel = \"P2D\"\n\
                [parameters]\nc_rate = { range = \"1 .. 2\", scale = \"log\", nominal = 1 }\n\
                D_e = { range = \"0.25 .. 1\", scale = \"log\", nominal = 1 }\n[data]\nsolves = 24\nsweeps = 4\n\
                [train]\nstages = [{ optimizer = \"ssbroyden\", iterations = 100 }]\n";
    fs::write(folder.path().join("lean.toml"), text).unwrap();
    surrogate(folder.path(), &["train", "lean.toml", "--name", "lean"]);
    let at = ["--params", "c_rate=1.8,D_e=0.3", "--times", "0:60:4"];
    let say = |head: &[&str]| surrogate(folder.path(), &[head, &at].concat());
    let plain = say(&["predict", "lean"]);
    plain.expect(0, &["1 of 1 parameter points deplete the electrolyte", "--solve-depleted"]);
    assert_eq!(columns(&plain).0.last().unwrap(), "depleted");
    let answered = say(&["predict", "lean", "--solve-depleted"]);
    answered.expect(0, &["the reference solver answered there"]);
    let ((names, rows), (_, exact)) = (columns(&answered), columns(&say(&["solve", "lean.toml"])));
    assert_eq!(names.last().unwrap(), "solved");
    for (row, exact) in rows.iter().zip(&exact) {
        assert_eq!((&row[..2], row[2]), (&exact[..2], 1.0));
    }
    // the others are the surrogate's own
    let at = ["--params", "c_rate=1.1,D_e=0.9", "--times", "0:60:4"];
    let say = |head: &[&str]| columns(&surrogate(folder.path(), &[head, &at].concat()));
    let plain = say(&["predict", "lean"]);
    assert_eq!(plain.0.len(), 2);
    assert_eq!(say(&["predict", "lean", "--solve-depleted"]), plain);
}

#[test]
fn the_resolved_file_of_a_cell_resolves_to_itself() {
    let folder = tempdir().unwrap();
    let resolve = |folder: &Path, file: &str| {
        let said = surrogate(folder, &["check", "--resolved", file]);
        said.expect(0, &[]);
        said.stdout
    };
    let first = resolve(folder.path(), &problem("p2d-marquis2019.toml"));
    assert!(first.contains("Marquis2019") && !first.contains("[fields"), "{first}");
    fs::write(folder.path().join("again.toml"), &first).unwrap();
    assert_eq!(first, resolve(folder.path(), "again.toml"));
}

/// A P2D problem that trains in seconds.
fn small(folder: &Path, profiles: usize) -> String {
    let p2d = problem("p2d.toml");
    let text = format!(
        "extends = \"{p2d}\"\n[parameters]\nD_n = \"0.5 .. 2\"\n[data]\nsolves = 40\nsweeps = 12\nprofiles = {profiles}\n\
         [train]\nstages = [{{ optimizer = \"ssbroyden\", iterations = 120 }}]\n\
         [goal.voltage]\nrms = \"20 mV\"\nmax = \"400 mV\"\nfirst_95 = \"20 mV\"\nworst_curve = \"100 mV\"\nend_median = 0.01\nend_99 = 0.1\n"
    );
    fs::write(folder.join("small.toml"), text).unwrap();
    "small.toml".to_string()
}

#[test]
fn a_cell_is_trained_predicted_evaluated_and_reported() {
    let folder = tempdir().unwrap();
    let file = small(folder.path(), 12);
    let said = surrogate(folder.path(), &["--json", "train", &file, "--name", "cell"]);
    said.expect(0, &["goal voltage rms 2.00e-2 V: reached", "error c_e", "error phi_s"]);
    said.expect(0, &["end of discharge", "any current: 16 constant discharges", "random profiles"]);
    assert_eq!(said.json()["verdict"], "good");
    assert!(!said.stderr.contains("residual"), "a cell has no residual:\n{}", said.stderr);
    let run = folder.path().join("runs/cell");
    let stages = json_file(&run, "energy.json")["stages"].to_string();
    let learned = ["solve", "probe", "electrolyte", "sweep", "fields", "negative", "positive"];
    for stage in learned.map(|stage| format!("train.{stage}")) {
        assert!(stages.contains(&stage), "{stage} has no energy: {stages}");
    }
    let payback = json_file(&run, "payback.json");
    assert!(payback["solver"].as_str().unwrap().starts_with("P2D solver of Chen2020"));
    assert!(payback["energy_training_j"].as_f64().unwrap() > 0.0);
    assert!(run.join("report.html").is_file());
    // the table of `solve` and that of `predict` have the same rows and columns
    let at = ["--params", "c_rate=0.8", "--times", "0:5000:26"];
    let table = |head: &[&str]| columns(&surrogate(folder.path(), &[head, &at].concat()));
    let (names, predicted) = table(&["predict", "cell"]);
    let (solver_names, solved) = table(&["solve", &file]);
    assert_eq!(names, solver_names);
    for (p, s) in predicted.iter().zip(&solved) {
        let close = (p[1] - s[1]).abs() < 0.05 || p[1].is_nan() || s[1].is_nan();
        assert!(close, "{p:?} beside {s:?}");
    }
    assert!(predicted[0][1] > 3.9 && predicted[25][1].is_nan());
    // at the faces of the separator the fields of the electrodes are there, inside they are not
    fs::write(folder.path().join("x.csv"), "t,x\n500,8.52e-5\n500,9e-5\n500,9.72e-5\n").unwrap();
    let said = surrogate(folder.path(), &["predict", "cell", "--points", "x.csv"]);
    said.expect(0, &[]);
    let (header, rows) = columns(&said);
    for name in ["phi_s_V", "j_A_per_m2", "c_surf_mol_per_m3", "c_centre_mol_per_m3"] {
        let k = header.iter().position(|h| h == name).unwrap();
        assert_eq!(rows.iter().map(|r| r[k].is_nan()).collect::<Vec<_>>(), [false, true, false]);
    }
    let said = surrogate(folder.path(), &["--json", "evaluate", "cell", "--points", "8"]);
    said.expect(0, &["first 95 % of each curve", "end of discharge"]);
    let object = said.json();
    assert!(object["errors"]["voltage"]["rmse"].as_f64().unwrap() < 0.02, "{object}");
    // the equations hold whatever was learned of the electrolyte
    for (field, most) in [("j", 0.03), ("c_surf", 0.01), ("c_half", 0.01), ("c_centre", 0.01)] {
        let error = object["fields"][field]["relative_l2"].as_f64().unwrap();
        assert!(error < most, "{field}: {error:e} in {object}");
    }
    assert!(object["discharge"]["end_of_discharge"]["relative_median"].as_f64().unwrap() < 0.02);
    said.expect(0, &["goal voltage rms 2.00e-2 V: reached"]);
    assert!(object["any_current"]["constant_discharges"]["mean_V"].as_f64().unwrap() < 0.02);
    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("end of discharge, relative: median"));
    any_current(folder.path(), &file);
}

/// The trained cell under currents that change.
fn any_current(folder: &Path, file: &str) {
    // times of a logger that did not begin at 0, a jump, and a charge that goes on for too long
    let text = "t_s,current_A\n100,0\n700,0\n700,5\n1300,5\n1300,-5\n1310,-5\n9000,-5\n";
    fs::write(folder.join("current.csv"), text).unwrap();
    let at = ["--profile", "current.csv"];
    let table = |head: &[&str]| {
        let said = surrogate(folder, &[head, &at].concat());
        said.expect(0, &["the upper cut-off of 4.2 V", "the first row, at 100 s"]);
        columns(&said)
    };
    let (names, predicted) = table(&["predict", "cell"]);
    let (same, solved) = table(&["solve", file]);
    assert_eq!(
        (&names, &names[..]),
        (&same, &["t_s", "current_A", "voltage_V"].map(String::from)[..])
    );
    for (p, s) in predicted.iter().zip(&solved) {
        assert!((p[0], p[1]) == (s[0], s[1]) && p[2].is_nan() == s[2].is_nan(), "{p:?}, {s:?}");
        assert!((p[2] - s[2]).abs() < 0.05 || p[2].is_nan(), "{p:?} beside {s:?}");
    }
    assert!(predicted[2][2] < predicted[1][2] - 0.02 && predicted[6][2].is_nan());
    let said = surrogate(
        folder,
        &["--json", "predict", "cell", "--profile", "current.csv", "--out", "v.csv"],
    );
    let object = said.json();
    assert_eq!(object["columns"], json!(["t_s", "current_A", "voltage_V"]));
    assert_eq!(object["cut_off"], "upper");
    // far beyond what was trained
    fs::write(folder.join("current.csv"), "t_s,current_A\n0,5\n60,5\n60,20\n65,20\n").unwrap();
    let said = surrogate(folder, &["predict", "cell", "--profile", "current.csv"]);
    said.expect(0, &["20 A at 60 s lies outside the trained currents", "extrapolated"]);
    let (names, rows) = columns(&said);
    assert_eq!(names[3], "extrapolated");
    assert_eq!(rows.iter().map(|r| r[3]).collect::<Vec<_>>(), [0.0, 0.0, 1.0, 1.0]);
    for (text, words) in [
        ("0,5\n10,5\n5,5\n", "the time falls"),
        ("0,5\n10,5\n10,6\n10,7\n", "three rows at one time"),
        ("0,-5\n3600,-5\n", "beyond the upper cut-off of 4.2 V at once"),
    ] {
        fs::write(folder.join("current.csv"), format!("t_s,current_A\n{text}")).unwrap();
        surrogate(folder, &["predict", "cell", "--profile", "current.csv"]).expect(1, &[words]);
    }
}

#[test]
fn a_killed_training_of_a_cell_comes_back_to_the_same_bits() {
    let folder = tempdir().unwrap();
    let file = small(folder.path(), 0);
    let train = |name: &str| ["train".to_string(), file.clone(), "--name".into(), name.into()];
    let whole = train("whole");
    surrogate(folder.path(), &whole.each_ref().map(String::as_str)).expect(0, &[]);
    let weights = |name: &str| {
        let run = folder.path().join("runs").join(name);
        (json_file(&run, "manifest.json")["hashes"]["weights"].clone(), run)
    };
    for (name, how, lines) in [("killed", "KILL", 20), ("asked", "INT", 8)] {
        let arguments = train(name);
        let mut child =
            command(folder.path(), &arguments.each_ref().map(String::as_str)).spawn().unwrap();
        let metrics = folder.path().join("runs").join(name).join("metrics.jsonl");
        let written = || fs::read_to_string(&metrics).map_or(0, |text| text.lines().count());
        while written() < lines && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        signal(&child, how);
        let said = finish(child);
        if how == "INT" && said.code != Some(0) {
            assert_eq!(said.code, Some(130), "{}", said.stderr);
        }
        if said.code != Some(0) {
            surrogate(folder.path(), &["train", "--resume", name]).expect(0, &["done"]);
        }
        assert_eq!(weights(name).0, weights("whole").0, "{name}");
    }
}

#[test]
fn a_limit_before_there_is_a_surrogate_of_a_cell_says_so_and_how_to_go_on() {
    let folder = tempdir().unwrap();
    let file = small(folder.path(), 0);
    let arguments = ["--json", "train", &file, "--name", "cut", "--max-time", "1ms"];
    let said = surrogate(folder.path(), &arguments);
    said.expect(1, &["the limit ended training before there was anything to predict with"]);
    said.expect(1, &["train --resume runs/cut, with a larger limit (--max-time"]);
    assert!(said.json()["verdict"].is_null(), "{}", said.stdout);
    surrogate(folder.path(), &["predict", "cut"]).expect(1, &["has no trained weights yet"]);
}

#[test]
fn a_run_of_a_bpx_file_keeps_the_file() {
    let folder = tempdir().unwrap();
    let (json, toml) = (folder.path().join("cell.json"), folder.path().join("p.toml"));
    fs::write(&json, bpx::file().to_string()).unwrap();
    let table = "bpx = \"cell.json\"\nmodel = \"SPM\"";
    let more = "[parameters]\nc_rate = \"0.5 .. 2\"\n[data]\nsolves = 20\n[train]\nstages = [{ \
                optimizer = \"ssbroyden\", iterations = 60 }]\n";
    fs::write(&toml, cell(table, more)).unwrap();
    surrogate(folder.path(), &["train", "p.toml", "--name", "kept"]).expect(0, &["done"]);
    fs::remove_file(&json).unwrap();
    fs::remove_file(&toml).unwrap();
    let said = surrogate(folder.path(), &["predict", "kept", "--times", "0:600:2"]);
    said.expect(0, &[]);
    assert!((2.8..4.2).contains(&columns(&said).1[1][1]), "{}", said.stdout);
    surrogate(folder.path(), &["evaluate", "kept", "--points", "4"])
        .expect(0, &["An invented cell"]);
}

#[test]
fn settings_that_mean_nothing_for_a_cell_are_refused_before_anything_is_written() {
    let p2d = "set = \"Chen2020\"\nmodel = \"P2D\"";
    let more = |more: &str| cell(p2d, more);
    refused(&more("[data]\nsolves = 3"), &["[data] solves", "too few to learn from"]);
    let adam = "[train]\nstages = [{ optimizer = \"adam\", iterations = 3 }]";
    refused(&more(adam), &["[train] stages", "ssbroyden"]);
    refused(&more("[train]\ntarget_loss = 1e-3"), &["neither resample_every nor target_loss"]);
    refused(&more("[network]\nwidth = 3"), &["no [network]"]);
}

#[test]
fn parameters_of_a_cell_are_found_from_curves_of_its_solver() {
    let folder = tempdir().unwrap();
    let p2d = problem("p2d.toml");
    let text = format!(
        "extends = \"{p2d}\"\n[cell]\nmodel = \"SPM\"\n[data]\nsolves = 120\n[train]\n\
         stages = [{{ optimizer = \"ssbroyden\", iterations = 400 }}]\n"
    );
    fs::write(folder.path().join("spm.toml"), text).unwrap();
    surrogate(folder.path(), &["train", "spm.toml", "--name", "spm"]).expect(0, &["done"]);
    let measured = ["solve", "spm.toml", "--params", "c_rate=1,D_n=0.7,D_p=1.8"];
    let noise = ["--times", "0:3200:120", "--noise", "5mV", "--seed", "1", "--out", "m.csv"];
    surrogate(folder.path(), &[&measured[..], &noise].concat()).expect(0, &[]);
    let said = surrogate(
        folder.path(),
        &[
            "--json",
            "calibrate",
            "spm",
            "--parameters",
            "D_n,D_p",
            "--data",
            "m.csv,c_rate=1",
            "--draws",
            "300",
            "--certify",
            "100",
        ],
    );
    assert!(matches!(said.code, Some(0)), "{}", said.stderr);
    let object: Value = said.json();
    assert!(said.stderr.contains("draws solved"), "no certificate:\n{}", said.stderr);
    let text = object.to_string();
    assert!(text.contains("D_n") && text.contains("D_p"), "{text}");
}
