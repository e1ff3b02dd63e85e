//! `train --green-window`: hours pass in seconds, by a clock that the tests set.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use support::{Said, command, endless_rod, finish, json_file, rod, signal};
use tempfile::tempdir;

/// A trace of a day, 300 g/kWh but for the hours of wind at 50.
fn trace(folder: &Path, wind: &[usize]) {
    let row = |h: usize| {
        let g = if wind.contains(&h) { 50 } else { 300 };
        format!("2026-01-01T{h:02}:00,{g}\n")
    };
    let rows: String = (0..24).map(row).collect();
    fs::write(folder.join("wind.csv"), format!("time,gco2e_per_kwh\n{rows}")).unwrap();
}

const WINDOW: [&str; 6] =
    ["--green-window", "12h", "--carbon-trace", "wind.csv", "--wall-command", "echo 40 W"];

fn train(folder: &Path, clock: &str, more: &[&str]) -> Said {
    let mut arguments = vec!["--json", "train", "rod.toml", "--name", "rod", "--threads", "1"];
    arguments.extend(WINDOW);
    arguments.extend(more);
    let clock = format!("2026-01-01T00:00:00Z,{clock}");
    let child = command(folder, &arguments).env("SURROGATE_GREEN_CLOCK", clock).spawn().unwrap();
    finish(child)
}

fn number(object: &Value, name: &str) -> f64 {
    object[name].as_f64().unwrap_or_else(|| panic!("no {name} in {object}"))
}

fn calls(run: &Path, path: &str) -> u64 {
    let energy = json_file(run, "energy.json");
    let stages = energy["stages"].as_array().unwrap();
    stages.iter().find(|s| s["path"] == path).map_or(0, |s| s["calls"].as_u64().unwrap())
}

#[test]
fn training_waits_for_the_wind_and_the_cost_of_waiting_is_counted() {
    let folder = tempdir().unwrap();
    endless_rod(folder.path());
    trace(folder.path(), &[4, 5, 6, 7, 8, 9]);
    let powers = ["--green-power", "100", "--green-idle-power", "0", "--max-time", "1s"];
    // an hour a second
    let more = [&powers[..], &["--expected-time", "2s"]].concat();
    let said = train(folder.path(), "3600", &more);
    said.expect(0, &["green shift: first runs in", "waiting for", "attributional"]);
    let run = folder.path().join("runs/rod");
    let green = json_file(&run, "green.json");
    assert_eq!(said.json()["green"], green);
    assert_eq!(green["planned"]["strategy"], "shift");
    let planned = number(&green["planned"], "emissions_g");
    assert!((planned - 10.0).abs() < 1e-6, "two hours at 100 W and 50 g/kWh: {planned}");
    assert!((number(&green["planned"], "emissions_at_once_g") - 60.0).abs() < 1e-6);
    assert!((1.0..=4.1).contains(&number(&green, "waited_h")), "{green}");
    // what ran, ran at 50 in place of 300
    let (emitted, waiting) = (number(&green, "emitted_g"), number(&green, "waiting_g"));
    let at_once = number(&green, "at_once_g");
    assert!((emitted - waiting) / at_once < 0.5, "{green}");
    // the plug shows 40 W while waiting too: that eats the saving
    assert!(waiting > 0.1 * at_once && number(&green, "saving_percent") < 74.0, "{green}");
    assert_eq!(calls(&run, "green.wait"), 1);
    let intensity = &json_file(&run, "energy.json")["footprint"]["carbon_intensity"];
    assert!((50.0..300.0).contains(&number(intensity, "value")), "{intensity}");
    assert!(intensity["source"].as_str().unwrap().contains("wind.csv"));
    let lines = fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().count();
    assert!(
        lines > 10,
        "waiting is no working time, so its second is left to train: {lines} lines"
    );
}

#[test]
fn training_pauses_between_two_gusts() {
    let folder = tempdir().unwrap();
    endless_rod(folder.path());
    trace(folder.path(), &[1, 3]);
    let powers = ["--green-power", "100", "--green-idle-power", "0", "--max-time", "3s"];
    let more = [&powers[..], &["--green-mode", "suspend"]].concat();
    // two hours in three seconds
    let said = train(folder.path(), "2400", &more);
    said.expect(0, &["green suspend", "1 pause(s)", "time budget used"]);
    let run = folder.path().join("runs/rod");
    let green = json_file(&run, "green.json");
    assert_eq!((&green["mode"], &green["planned"]["pauses"]), (&"suspend".into(), &1.into()));
    assert!(calls(&run, "green.wait") >= 1, "the pause, and the first hour where it came in time");
    let resume_g = 100.0 / 3.6e6 * 50.0;
    let planned = number(&green["planned"], "emissions_g");
    assert!(
        (planned - 10.0 - resume_g).abs() < 1e-6,
        "going on costs a second of power: {planned}"
    );
    assert!(json_file(&run, "energy.json")["total_uj"].as_u64().unwrap() > 0);
}

#[test]
fn a_machine_that_idles_as_hot_as_it_runs_starts_at_once() {
    let folder = tempdir().unwrap();
    rod(folder.path());
    trace(folder.path(), &[4, 5, 6]);
    let said = train(folder.path(), "1", &["--expected-time", "2h"]);
    said.expect(0, &["green now", "W waiting", "saved 0.0 %"]);
    let run = folder.path().join("runs/rod");
    assert_eq!(calls(&run, "green.wait"), 0);
    let planned = &json_file(&run, "green.json")["planned"];
    for name in ["running_w", "waiting_w"] {
        assert!((20.0..80.0).contains(&number(planned, name)), "the plug shows 40 W: {planned}");
    }
}

#[test]
fn an_interrupt_while_waiting_leaves_a_run_that_can_go_on() {
    let folder = tempdir().unwrap();
    rod(folder.path());
    trace(folder.path(), &[4, 5, 6]);
    let mut arguments = vec!["train", "rod.toml", "--name", "rod", "--threads", "1"];
    arguments.extend(WINDOW);
    arguments.extend(["--expected-time", "2h", "--green-power", "90", "--green-idle-power", "0"]);
    let mut child = command(folder.path(), &arguments)
        .env("SURROGATE_GREEN_CLOCK", "2026-01-01T00:00:00Z,1")
        .spawn()
        .unwrap();
    let run = folder.path().join("runs/rod");
    while !run.join("checkpoints/last.ckpt").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it does not wait");
        sleep(Duration::from_millis(20));
    }
    signal(&child, "INT");
    finish(child).expect(130, &["waiting for", "--resume"]);
    let on = finish(command(folder.path(), &["train", "--resume", "rod"]).spawn().unwrap());
    on.expect(0, &["all stages done"]);
    assert_eq!(calls(&run, "green.wait"), 1, "the wait stays in the account");
}

#[test]
fn what_cannot_be_planned_is_said_before_anything_is_written() {
    let folder = tempdir().unwrap();
    rod(folder.path());
    trace(folder.path(), &[4]);
    train(folder.path(), "1", &[]).expect(1, &["how long", "--expected-time"]);
    train(folder.path(), "1", &["--expected-time", "30h"]).expect(1, &["longer trace"]);
    train(folder.path(), "1", &["--expected-time", "soon"]).expect(1, &["no time"]);
    train(folder.path(), "often", &["--expected-time", "1h"]).expect(1, &["is no clock"]);
    // by the true clock, the trace is of the past or the future
    fs::write(
        folder.path().join("old.csv"),
        "time,intensity\n1999-01-01T00:00,1\n1999-01-01T01:00,2\n",
    )
    .unwrap();
    let old =
        ["train", "rod.toml", "--green-window", "1h", "--expected-time", "1h", "--carbon-trace"];
    let said = |file: &str| support::surrogate(folder.path(), &[&old[..], &[file]].concat());
    said("old.csv").expect(1, &["1999-01-01T01:00", "present moment"]);
    fs::write(folder.path().join("bare.csv"), "intensity\n1\n2\n").unwrap();
    said("bare.csv").expect(1, &["has no times"]);
    said("missing.csv").expect(1, &["missing.csv"]);
    support::surrogate(folder.path(), &["train", "rod.toml", "--green-window", "1h"])
        .expect(1, &["--carbon-trace"]);
    assert!(!folder.path().join("runs").exists());
}
