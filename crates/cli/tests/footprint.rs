//! Carbon and water of `train` and `evaluate`, and the limit on carbon.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Said, endless_rod, json_file, rod, surrogate};
use tempfile::tempdir;

/// A plug that always shows 40 W, 1000 g/kWh, hardware that took nothing to make.
const PLUG: [&str; 6] =
    ["--wall-command", "echo 40 W", "--carbon-intensity", "1000", "--embodied-kg", "0"];

fn train(folder: &Path, more: &[&str]) -> Said {
    let mut arguments = vec!["--json", "train", "rod.toml", "--name", "rod", "--threads", "1"];
    arguments.extend(more);
    surrogate(folder, &arguments)
}

fn value(object: &Value, name: &str) -> f64 {
    object[name]["value"].as_f64().unwrap_or_else(|| panic!("no {name} in {object}"))
}

#[test]
fn training_says_what_it_emitted_and_for_how_much_work() {
    let folder = tempdir().unwrap();
    rod(folder.path());
    let given = ["--carbon-intensity", "100+-10", "--pue", "1.5", "--embodied-kg", "100..200"];
    let said = train(folder.path(), &[&["--wall-command", "echo 40 W"][..], &given].concat());
    said.expect(0, &["carbon", "at 100 g/kWh, PUE 1.5", "% of a core"]);
    let run = folder.path().join("runs/rod");
    let energy = json_file(&run, "energy.json");
    let footprint = &energy["footprint"];
    assert_eq!(said.json()["footprint"], *footprint);
    let joules = energy["total_uj"].as_f64().unwrap() * 1e-6;
    let running = value(footprint, "carbon_operational");
    assert!((running - joules / 3.6e6 * 1.5 * 100.0).abs() < 1e-9 * running);
    let embodied = value(footprint, "carbon_embodied");
    assert!((value(footprint, "carbon") - running - embodied).abs() < 1e-9 * running);
    for name in ["carbon_operational", "carbon_embodied", "carbon", "water_off_site"] {
        let q = &footprint[name];
        assert!(
            q["low"].as_f64() < q["value"].as_f64() && q["value"].as_f64() < q["high"].as_f64()
        );
        assert!(!q["source"].as_str().unwrap().is_empty() && q["provenance"].is_string());
    }
    let units: Vec<&str> = footprint["per_unit"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["unit"].as_str().unwrap())
        .collect();
    assert_eq!(units, ["trained surrogate", "curve of middle"]);
    let each = |k: usize| footprint["per_unit"][k]["carbon_per_unit"]["value"].as_f64().unwrap();
    assert!((each(0) / value(footprint, "carbon") - 1.0).abs() < 1e-9);
    assert!(each(1) > 0.0 && each(1) < 1e-3 * each(0), "a curve is less than a training");
    assert!(energy["meter"]["microseconds_per_boundary"].as_f64().unwrap() > 0.0);
    assert!(energy["peak_memory_bytes"].as_u64().unwrap() > 1 << 20);
    let payback = json_file(&run, "payback.json");
    assert!(payback["sigma_per_solve_j"].as_f64().unwrap() >= 0.0);
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    for words in ["each trained surrogate", "stage boundaries", "given by the user"] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn an_evaluation_uses_the_electricity_of_its_run_or_another() {
    let folder = tempdir().unwrap();
    rod(folder.path());
    train(folder.path(), &["--country", "FR"]).expect(0, &["France"]);
    let evaluate = ["evaluate", "rod", "--points", "2"];
    surrogate(folder.path(), &evaluate).expect(0, &["France 2024"]);
    let kept = || json_file(&folder.path().join("runs/rod"), "evaluate-energy.json");
    let first = kept();
    let footprint = &first["footprint"];
    assert_eq!(footprint["per_unit"][0]["unit"], "curve of middle");
    let poland = surrogate(folder.path(), &[&evaluate[..], &["--country", "PL"]].concat());
    poland.expect(0, &["Poland"]);
    assert!(
        value(&kept()["footprint"], "carbon_intensity")
            > 5.0 * value(footprint, "carbon_intensity")
    );
    let wrong = surrogate(folder.path(), &["evaluate", "rod", "--country", "Atlantis"]);
    wrong.expect(1, &["no carbon intensity"]);
}

#[test]
fn a_carbon_budget_ends_training_at_a_checkpoint_that_can_go_on() {
    let folder = tempdir().unwrap();
    endless_rod(folder.path());
    // 40 W at 1000 g/kWh are 11 mg a second
    let said = train(folder.path(), &[&PLUG[..], &["--max-carbon", "10mg"]].concat());
    said.expect(0, &["carbon budget used", "train on: surrogate train --resume"]);
    let run = folder.path().join("runs/rod");
    let first = json_file(&run, "energy.json");
    assert!(value(&first["footprint"], "carbon") >= 0.010);
    let lines = fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().count();

    let wall = ["--wall-command", "echo 40 W"];
    let same = ["train", "--resume", "rod", "--max-carbon", "10mg"];
    surrogate(folder.path(), &[&same[..], &wall].concat())
        .expect(1, &["has used its carbon", "larger --max-carbon"]);
    let more_g = value(&first["footprint"], "carbon") + 0.020; // the evaluation counts, too
    let limit = format!("{more_g}g");
    let on = ["--json", "train", "--resume", "rod", "--max-carbon", &limit];
    let said = surrogate(folder.path(), &[&on[..], &wall].concat());
    said.expect(0, &["carbon budget used", "1000 g/kWh"]);
    let second = json_file(&run, "energy.json");
    assert!(value(&second["footprint"], "carbon") >= more_g, "all sessions count");
    let sum: u64 =
        second["stages"].as_array().unwrap().iter().map(|s| s["energy_uj"].as_u64().unwrap()).sum();
    assert_eq!(
        sum + second["unattributed_uj"].as_u64().unwrap(),
        second["total_uj"].as_u64().unwrap()
    );
    let stage = |energy: &Value, path: &str| {
        let stages = energy["stages"].as_array().unwrap();
        let found = stages.iter().find(|s| s["path"] == path).unwrap();
        found["calls"].as_u64().unwrap()
    };
    assert!(stage(&second, "evaluate") > stage(&first, "evaluate"), "the first end counts too");
    assert!(fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().count() > lines);
}

#[test]
fn a_run_that_trained_to_its_end_is_not_resumed() {
    let folder = tempdir().unwrap();
    rod(folder.path());
    train(folder.path(), &[]).expect(0, &["all stages done"]);
    surrogate(folder.path(), &["train", "--resume", "rod"]).expect(1, &["is finished"]);
}

#[test]
fn a_limit_or_place_that_makes_no_sense_is_refused_before_anything_is_written() {
    let folder = tempdir().unwrap();
    rod(folder.path());
    for (option, text, words) in [
        ("--max-carbon", "5", "200mg"),
        ("--max-carbon", "-5g", "positive"),
        ("--country", "Atlantis", "no carbon intensity"),
        ("--pue", "0.2", "at least"),
    ] {
        train(folder.path(), &[option, text]).expect(1, &[words]);
        assert!(!folder.path().join("runs").exists(), "{option} {text}");
    }
}

#[test]
fn a_carbon_command_that_fails_is_replaced_by_the_table_in_a_line() {
    let folder = tempdir().unwrap();
    rod(folder.path());
    let said = train(folder.path(), &["--carbon-command", "exit 3", "--country", "DE"]);
    said.expect(0, &["warning: --carbon-command", "taken instead: Germany"]);
    let footprint = &json_file(&folder.path().join("runs/rod"), "energy.json")["footprint"];
    assert!(footprint["carbon_intensity"]["source"].as_str().unwrap().contains("Germany"));
}

#[test]
fn a_forecast_is_kept_and_holds_the_limit() {
    let folder = tempdir().unwrap();
    endless_rod(folder.path());
    let said = train(folder.path(), &[&PLUG[..], &["--max-time", "3s"]].concat());
    said.expect(0, &["time budget used"]);
    let run = folder.path().join("runs/rod");
    let text = fs::read_to_string(run.join("forecast.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let first = &lines[0];
    assert_eq!(first["bound"], "time limit");
    assert!(first["share"].as_f64().unwrap() >= 0.05);
    let at = |name: &str, end: &str| first[name][end].as_f64().unwrap();
    assert!((at("seconds", "value") - 3.0).abs() < 0.01, "{first}");
    assert!(at("energy_j", "low") < at("energy_j", "value"));
    assert!(at("energy_j", "value") < at("energy_j", "high"));
    // 1000 g/kWh, hardware of no weight
    assert!((at("carbon_g", "value") - at("energy_j", "value") / 3_600.0).abs() < 1e-9);
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("up to the time limit"));
}

#[test]
fn without_counters_rights_or_a_process_tree_the_load_model_stands_in_and_is_named() {
    let folder = tempdir().unwrap();
    rod(folder.path());
    fs::create_dir(folder.path().join("empty")).unwrap();
    let said = train(folder.path(), &["--sysfs-root", "empty", "--proc-root", "empty"]);
    said.expect(0, &["cpu estimated: load model", "not read: cpu package counter"]);
    let energy = json_file(&folder.path().join("runs/rod"), "energy.json");
    assert_eq!(energy["provenance"], "estimated");
    assert!(energy["total_uj"].as_u64().unwrap() > 0, "never a silent zero");
    let notes = energy["notes"].to_string();
    assert!(notes.contains("the load model stands in"), "{notes}");
}

#[test]
fn a_prediction_says_what_it_took_only_if_asked() {
    let folder = tempdir().unwrap();
    rod(folder.path());
    train(folder.path(), &["--country", "FR"]).expect(0, &[]);
    let predict = ["--json", "predict", "rod", "--times", "0:10:5"];
    let plain = surrogate(folder.path(), &predict);
    assert!(!plain.stderr.contains("carbon") && plain.json()["energy"].is_null());
    let asked = surrogate(folder.path(), &[&predict[..], &["--footprint"]].concat());
    asked.expect(0, &["carbon", "France 2024", "% of a core"]);
    let object = asked.json();
    assert_eq!(object["energy"]["footprint"]["per_unit"][0]["unit"], "curve of middle");
    let table = |said: &Said| said.stdout.lines().take(6).map(String::from).collect::<Vec<_>>();
    assert_eq!(table(&plain), table(&asked), "metering changes no number");
    let elsewhere = surrogate(folder.path(), &[&predict[..], &["--country", "PL"]].concat());
    elsewhere.expect(0, &["Poland 2024"]);
}
