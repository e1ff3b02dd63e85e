//! What commands print, write and return when all is well.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{files, json_file, problem, rod, rod_with, surrogate};
use tempfile::tempdir;

/// Trains the rod as `runs/rod` and returns what was said.
fn trained(folder: &Path, more: &[&str]) -> support::Said {
    let file = rod(folder);
    let mut arguments = vec!["--json", "train", &file, "--name", "rod"];
    arguments.extend(more);
    surrogate(folder, &arguments)
}

#[test]
fn every_problem_file_passes_check() {
    let folder = tempdir().unwrap();
    let mut count = 0;
    for entry in fs::read_dir(support::root().join("problems")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let said = surrogate(folder.path(), &["--json", "check", path.to_str().unwrap()]);
            said.expect(0, &[]);
            assert_eq!(said.json()["ok"], true);
            count += 1;
        }
    }
    assert!(count >= 5, "only {count} problem files");
}

#[test]
fn the_resolved_file_of_check_passes_check_and_resolves_to_itself() {
    let folder = tempdir().unwrap();
    for name in ["spm.toml", "burgers.toml", "sphere.toml"] {
        let first = surrogate(folder.path(), &["check", "--resolved", &problem(name)]);
        first.expect(0, &[]);
        fs::write(folder.path().join(name), &first.stdout).unwrap();
        let second = surrogate(folder.path(), &["check", "--resolved", name]);
        second.expect(0, &[]);
        assert_eq!(first.stdout, second.stdout, "{name}");
    }
}

#[test]
fn train_ends_stdout_with_the_object_that_was_promised() {
    let folder = tempdir().unwrap();
    let said = trained(folder.path(), &[]);
    said.expect(0, &["done", "goal", "next"]);
    assert_eq!(said.stdout.lines().count(), 1, "only data on stdout:\n{}", said.stdout);
    let object = said.json();
    assert_eq!(object["status"], "finished");
    assert_eq!(object["goal_reached"], true, "{object}");
    assert!(object["run"].as_str().unwrap().ends_with("rod"));
    assert!(object["seconds"].as_f64().unwrap() > 0.0);
    assert!(object["energy_j"].as_f64().unwrap() > 0.0);
    let provenance = object["energy_provenance"].as_str().unwrap();
    assert!(["measured", "calibrated", "estimated", "assumed"].contains(&provenance));
    let error = &object["errors"]["middle"];
    assert!(error["rmse"].as_f64().unwrap() > 0.0);
    assert!(error["max"].as_f64().unwrap() >= error["rmse"].as_f64().unwrap());
    assert_eq!(error["unit"], "K");
}

#[test]
fn a_run_directory_holds_what_the_guide_lists_and_adds_up() {
    let folder = tempdir().unwrap();
    trained(folder.path(), &[]).expect(0, &[]);
    let run = folder.path().join("runs/rod");
    for name in [
        "manifest.json",
        "problem.toml",
        "resolved.toml",
        "metrics.jsonl",
        "energy.json",
        "energy.jsonl",
        "evaluation.json",
        "payback.json",
        "curves.csv",
        "results.h5",
        "checkpoints/last.ckpt",
        "checkpoints/best.ckpt",
        "report.html",
    ] {
        assert!(run.join(name).is_file(), "{name} is missing");
    }
    for (name, bytes) in files(&run) {
        assert!(!name.contains(".writing-"), "{name} was left behind");
        if name.ends_with(".jsonl") {
            for line in String::from_utf8(bytes).unwrap().lines() {
                serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{name}: {e}"));
            }
        } else if name.ends_with(".svg") {
            let table = run.join(&name).with_extension("csv");
            assert!(table.is_file(), "{name} has no table beside it");
        }
    }
    // report.html opens offline: no address but that of the SVG name space
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    for remote in ["src=\"http", "href=\"http", "@import", "url(http"] {
        assert!(!page.contains(remote), "report.html reaches out: {remote}");
    }
    let manifest = json_file(&run, "manifest.json");
    assert_eq!(manifest["status"], "finished");
    energy_adds_up(&run);
}

/// Microjoules of stages and the rest make the total; so do those of channels.
fn energy_adds_up(run: &Path) {
    let energy = json_file(run, "energy.json");
    let integer = |v: &Value| v.as_u64().unwrap_or_else(|| panic!("{v} is no integer"));
    let sum = |list: &str| -> u64 {
        energy[list].as_array().unwrap().iter().map(|e| integer(&e["energy_uj"])).sum()
    };
    let total = integer(&energy["total_uj"]);
    assert!(total > 0);
    assert_eq!(sum("channels"), total, "channels");
    assert_eq!(sum("stages") + integer(&energy["unattributed_uj"]), total, "stages");
    let paths: Vec<&str> =
        energy["stages"].as_array().unwrap().iter().map(|s| s["path"].as_str().unwrap()).collect();
    for stage in ["sample", "train.ssbroyden", "solve", "evaluate", "report"] {
        assert!(paths.contains(&stage), "no stage {stage} in {paths:?}");
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = tempdir().unwrap();
    let said = trained(folder.path(), &["--dry-run"]);
    said.expect(0, &[]);
    assert_eq!(said.json()["status"], "dry-run");
    assert!(said.stdout.contains("Heat in a rod"));
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn a_missed_goal_is_code_3_only_when_strict() {
    let folder = tempdir().unwrap();
    let file = rod_with(folder.path(), "rms = \"2 K\"", "rms = \"1e-9 K\"");
    let few = "train.stages=[{optimizer=\"ssbroyden\", iterations=20}]";
    let said = surrogate(folder.path(), &["--json", "train", &file, "--set", few]);
    said.expect(0, &["MISSED"]);
    assert_eq!(said.json()["goal_reached"], false);
    let strict = surrogate(folder.path(), &["--json", "train", &file, "--set", few, "--strict"]);
    strict.expect(3, &["MISSED"]);
    assert_eq!(strict.json()["goal_reached"], false);
}

#[test]
fn a_time_budget_ends_training_with_its_reason() {
    let folder = tempdir().unwrap();
    let long = "train.stages=[{optimizer=\"adam\", iterations=100000000}]";
    let said = trained(folder.path(), &["--set", long, "--max-time", "1s"]);
    said.expect(0, &["time budget"]);
    assert_eq!(said.json()["status"], "finished");
}

#[test]
fn a_residual_that_was_never_looked_at_is_not_called_infinite() {
    let folder = tempdir().unwrap();
    let said = trained(folder.path(), &["--max-time", "1ms"]);
    said.expect(0, &["residual not known: training ended before any weights were held against"]);
    assert!(!said.stderr.contains("inf of its"), "{}", said.stderr);
    assert!(said.json()["held_out_residual"].is_null());
}

#[test]
fn a_time_budget_of_a_stage_ends_the_stage() {
    let folder = tempdir().unwrap();
    let stages = "train.stages=[{optimizer=\"adam\", max_time=\"0.2 s\"}, \
                  {optimizer=\"ssbroyden\", iterations=20}]";
    // --max-time only keeps the test short if the stage never ends
    let said = trained(folder.path(), &["--set", stages, "--max-time", "20s"]);
    said.expect(0, &["all stages done"]);
    let energy = json_file(&folder.path().join("runs/rod"), "energy.json").to_string();
    assert!(energy.contains("train.adam") && energy.contains("train.ssbroyden"), "{energy}");
}

#[test]
fn an_energy_budget_ends_training_with_its_reason() {
    let folder = tempdir().unwrap();
    let long = "train.stages=[{optimizer=\"adam\", iterations=100000000}]";
    let said = trained(folder.path(), &["--set", long, "--max-energy", "5J", "--max-time", "60s"]);
    said.expect(0, &["energy budget"]);
}

#[test]
fn solve_and_predict_give_the_columns_time_and_voltage_with_units() {
    let folder = tempdir().unwrap();
    let spm = problem("spm.toml");
    let at = ["--params", "deg_i0_a=1,deg_ds_c=2", "--times", "0:1350:10"];
    let mut solve = vec!["--json", "solve", &spm, "--out", "solve.csv"];
    solve.extend(at);
    let said = surrogate(folder.path(), &solve);
    said.expect(0, &["solve.csv"]);
    assert_eq!(said.json()["rows"], 10);
    let few = "train.stages=[{optimizer=\"ssbroyden\", iterations=100}]";
    surrogate(folder.path(), &["train", &spm, "--name", "a", "--set", few]).expect(0, &[]);
    let mut predict = vec!["--json", "predict", "a", "--out", "predict.csv"];
    predict.extend(at);
    let said = surrogate(folder.path(), &predict);
    said.expect(0, &["predict.csv"]);
    assert_eq!(said.json()["extrapolated"], false);
    let [solved, predicted] = ["solve.csv", "predict.csv"].map(|name| {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        let mut lines = text.lines();
        let header: Vec<String> = lines.next().unwrap().split(',').map(str::to_string).collect();
        assert_eq!(&header[..2], ["time_s", "voltage_V"], "{name}");
        let rows: Vec<Vec<f64>> =
            lines.map(|l| l.split(',').map(|v| v.parse().unwrap()).collect()).collect();
        assert_eq!(rows.len(), 10, "{name}");
        rows
    });
    for (s, p) in solved.iter().zip(&predicted) {
        assert_eq!(s[0], p[0]);
        assert!((s[1] - p[1]).abs() < 0.1, "voltages {} and {}", s[1], p[1]);
    }
}

#[test]
fn a_table_goes_to_stdout_if_no_file_is_named() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    let said = surrogate(folder.path(), &["solve", &file, "--times", "0,5,10"]);
    said.expect(0, &[]);
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines[0], "time_s,middle_K");
    assert_eq!(lines.len(), 4);
    let middle: f64 = lines[1].split(',').nth(1).unwrap().parse().unwrap();
    assert!((middle - 10.0).abs() < 1e-3, "{middle}");
}

#[test]
fn points_give_one_column_per_field() {
    let folder = tempdir().unwrap();
    trained(folder.path(), &[]).expect(0, &[]);
    fs::write(folder.path().join("p.csv"), "t,x\n1,0.5\n2,0.25\n").unwrap();
    for arguments in [["predict", "rod"], ["solve", "rod.toml"]] {
        let mut all = arguments.to_vec();
        all.extend(["--points", "p.csv"]);
        let said = surrogate(folder.path(), &all);
        said.expect(0, &[]);
        let header = said.stdout.lines().next().unwrap();
        assert!(header.split(',').any(|c| c == "u_K"), "{arguments:?}: {header}");
        assert_eq!(said.stdout.lines().count(), 3);
    }
}

#[test]
fn many_parameter_rows_are_answered_in_one_call() {
    let folder = tempdir().unwrap();
    trained(folder.path(), &[]).expect(0, &[]);
    fs::write(folder.path().join("rows.csv"), "alpha\n0.02\n0.05\n0.09\n").unwrap();
    for arguments in [["predict", "rod"], ["solve", "rod.toml"]] {
        let mut all = arguments.to_vec();
        all.extend(["--params-file", "rows.csv", "--times", "0,5"]);
        let said = surrogate(folder.path(), &all);
        said.expect(0, &[]);
        assert_eq!(said.stdout.lines().count(), 1 + 3 * 2, "{}", said.stdout);
    }
}

#[test]
fn parameters_outside_the_box_are_answered_and_flagged() {
    let folder = tempdir().unwrap();
    trained(folder.path(), &[]).expect(0, &[]);
    let predict = |params: &str| {
        let all =
            ["--json", "predict", "rod", "--params", params, "--times", "0,5", "--out", "o.csv"];
        let said = surrogate(folder.path(), &all);
        said.expect(0, &[]);
        (said, fs::read_to_string(folder.path().join("o.csv")).unwrap())
    };
    let (inside, table) = predict("alpha=0.05");
    assert_eq!(inside.json()["extrapolated"], false);
    assert!(!inside.stderr.contains("outside"), "{}", inside.stderr);
    assert_eq!(table.lines().count(), 3);
    let (outside, table) = predict("alpha=0.2");
    outside.expect(0, &["outside the trained box"]);
    assert_eq!(outside.json()["extrapolated"], true);
    assert!(table.lines().next().unwrap().ends_with("extrapolated"), "{table}");
    assert!(table.lines().nth(1).unwrap().ends_with(",1"), "{table}");
}

#[test]
fn evaluate_gives_errors_by_output_and_field_and_the_worst_point() {
    let folder = tempdir().unwrap();
    trained(folder.path(), &[]).expect(0, &[]);
    let evaluate = |seed: &str| {
        let all = ["--json", "evaluate", "rod", "--points", "5", "--seed", seed];
        let said = surrogate(folder.path(), &all);
        said.expect(0, &["middle", "reference"]);
        said.json()
    };
    let one = evaluate("1");
    assert_eq!(one["points"], 5);
    assert_eq!(one["errors"]["middle"]["unit"], "K");
    assert!(one["fields"]["u"]["rmse"].as_f64().unwrap() > 0.0);
    assert!(one["worst"]["parameters"]["alpha"].as_f64().unwrap() >= 0.01);
    assert_eq!(one, evaluate("1"));
    assert_ne!(one["errors"], evaluate("2")["errors"]);
}

#[test]
fn runs_are_listed_with_what_came_out() {
    let folder = tempdir().unwrap();
    trained(folder.path(), &[]).expect(0, &[]);
    let said = surrogate(folder.path(), &["--json", "runs"]);
    said.expect(0, &[]);
    let object = said.json();
    assert_eq!(object["runs"][0]["id"], "rod");
    assert_eq!(object["runs"][0]["status"], "finished");
    let plain = surrogate(folder.path(), &["runs"]);
    assert!(plain.expect(0, &[]).stdout.contains("rod"));
}

#[test]
fn report_writes_the_page_again_and_compares_runs() {
    let folder = tempdir().unwrap();
    trained(folder.path(), &[]).expect(0, &[]);
    fs::remove_file(folder.path().join("runs/rod/report.html")).unwrap();
    surrogate(folder.path(), &["report", "rod"]).expect(0, &["report.html"]);
    assert!(folder.path().join("runs/rod/report.html").is_file());
    let again = ["train", "rod.toml", "--name", "two", "--seed", "3"];
    surrogate(folder.path(), &again).expect(0, &[]);
    let said = surrogate(folder.path(), &["--json", "report", "rod", "two"]);
    said.expect(0, &["wrote"]);
    assert!(folder.path().join(said.json()["report"].as_str().unwrap()).is_file());
}

#[cfg(unix)]
#[test]
fn a_table_goes_through_links_and_devices() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    std::os::unix::fs::symlink("real.csv", folder.path().join("link.csv")).unwrap();
    let solve = |out: &str| {
        let all = ["solve", &file, "--times", "0,5", "--out", out];
        surrogate(folder.path(), &all)
    };
    solve("link.csv").expect(0, &[]);
    let link = fs::symlink_metadata(folder.path().join("link.csv")).unwrap();
    assert!(link.is_symlink(), "the link was replaced");
    let text = fs::read_to_string(folder.path().join("real.csv")).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    solve(".").expect(1, &["cannot write"]);
}

#[test]
fn what_training_said_of_a_fit_is_said_wherever_it_is_used() {
    let folder = tempdir().unwrap();
    let few = "train.stages=[{optimizer=\"ssbroyden\",iterations=2}]";
    let said = trained(folder.path(), &["--set", few, "--set", "goal.middle.rms=\"1e-6 K\""]);
    let words = "this surrogate is a poor fit; do not rely on it";
    said.expect(0, &[words, "if its errors do no harm: the fit is poor"]);
    assert_eq!(said.json()["verdict"], "poor");
    let with = |arguments: &[&str]| surrogate(folder.path(), arguments);
    let values = with(&["predict", "rod", "--times", "0,5"]);
    values.expect(0, &[words]);
    assert_eq!(values.stdout.lines().next(), Some("time_s,middle_K"), "{}", values.stdout);
    for arguments in
        [&["--json", "predict", "rod", "--times", "0,5"][..], &["--json", "evaluate", "rod"]]
    {
        let said = with(arguments);
        said.expect(0, &[words]);
        assert_eq!(said.json()["fit"]["verdict"], "poor", "{}", said.stdout);
        assert_eq!(said.json()["fit"]["caution"], "a poor fit; do not rely on it");
    }
    let runs = with(&["runs"]);
    assert!(runs.stdout.lines().any(|line| line.ends_with("poor")), "{}", runs.stdout);
    assert_eq!(with(&["--json", "runs"]).json()["runs"][0]["verdict"], "poor");
    let report = with(&["--json", "report", "rod"]);
    report.expect(0, &["rod: this surrogate is a poor fit"]);
    assert_eq!(report.json()["fits"]["rod"]["verdict"], "poor");
    let page = fs::read_to_string(folder.path().join("runs/rod/report.html")).unwrap();
    assert!(page.contains("This surrogate is a poor fit; do not rely on it."));
    assert!(page.contains("only where its errors do no harm: the fit is poor"));
    // and nothing of a good one
    let good = with(&["train", "rod.toml", "--name", "good"]);
    assert!(!good.expect(0, &[]).stderr.contains("this surrogate is"), "{}", good.stderr);
    let said = with(&["--json", "predict", "good", "--times", "0,5"]);
    assert!(!said.stderr.contains("this surrogate is"), "{}", said.stderr);
    assert_eq!(said.json()["fit"]["verdict"], "good");
}

#[test]
fn a_law_with_an_average_over_its_field_is_trained_to_what_the_solver_says() {
    let folder = tempdir().unwrap();
    let law = "alpha * d(u, x, 2) + 0.3 * (mean(u, x) - u) * k";
    let file = rod_with(folder.path(), "alpha * d(u, x, 2)", law);
    let text = fs::read_to_string(folder.path().join(&file)).unwrap();
    let text = text.replacen("T0 = ", "k = \"1 1/s\"\nT0 = ", 1);
    fs::write(folder.path().join(&file), text.replace("2 K", "0.1 K")).unwrap();
    let said = surrogate(folder.path(), &["--json", "train", &file, "--name", "rod"]);
    said.expect(0, &["goal middle rms 1.00e-1 K: reached"]);
    assert_eq!(said.json()["verdict"], "good");
}

#[test]
fn solve_tells_of_a_front_that_the_mesh_does_not_resolve_and_of_no_other() {
    let folder = tempdir().unwrap();
    let text = r#"
        [coordinates]
        x = "0 .. 1"
        [parameters]
        Pe = { range = "1 .. 1e5", scale = "log" }
        [fields.u]
        [[equations]]
        equation = "d(u, x) = d(u, x, 2) / Pe"
        [[conditions]]
        at = "x = 0"
        equation = "u = 0"
        [[conditions]]
        at = "x = 1"
        equation = "u = 1"
    "#;
    fs::write(folder.path().join("layer.toml"), text).unwrap();
    fs::write(folder.path().join("p.csv"), "x\n0.5\n0.999\n").unwrap();
    let solved = |pe: &str| {
        let params = format!("Pe={pe}");
        let all = ["solve", "layer.toml", "--params", &params, "--points", "p.csv"];
        surrogate(folder.path(), &all)
    };
    let steep = solved("1e5");
    steep.expect(
        0,
        &["the mesh does not resolve the solution at Pe = 100000", "reference.cells=800"],
    );
    let smooth = solved("10");
    smooth.expect(0, &[]);
    assert!(!smooth.stderr.contains("resolve"), "{}", smooth.stderr);
}
