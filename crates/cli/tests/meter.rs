//! `surrogate meter`: what it finds, runs, plans and stores.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::fs;
use std::path::Path;

use support::{command, root, surrogate};
use tempfile::tempdir;

/// Runs with settings in `folder`, so that no calibration of the user's is read or written.
fn surrogate_in(folder: &Path, arguments: &[&str]) -> support::Said {
    let output = command(folder, arguments).env("XDG_CONFIG_HOME", folder).output().unwrap();
    support::Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn detect_names_what_is_read_and_what_is_not() {
    let folder = tempdir().unwrap();
    let said = surrogate_in(folder.path(), &["--json", "meter", "detect"]);
    said.expect(0, &[]);
    let object = said.json();
    assert!(!object["channels"].as_array().unwrap().is_empty());
    for rejected in object["rejected"].as_array().unwrap() {
        assert!(!rejected["why"].as_str().unwrap().is_empty());
    }
    let plain = surrogate_in(folder.path(), &["meter", "detect"]);
    assert!(plain.stdout.contains("read:") && plain.stdout.contains("not read:"));
}

#[test]
fn detect_reads_another_sysfs_root() {
    let folder = tempdir().unwrap();
    let zone = folder.path().join("host/sys/class/powercap/intel-rapl:0");
    fs::create_dir_all(&zone).unwrap();
    fs::write(zone.join("name"), "package-0\n").unwrap();
    fs::write(zone.join("energy_uj"), "5\n").unwrap();
    let said =
        surrogate_in(folder.path(), &["--json", "meter", "detect", "--sysfs-root", "host/sys"]);
    let text = said.json().to_string();
    assert!(text.contains("intel-rapl:0 (package-0)") && text.contains("dead"), "{text}");
}

#[test]
fn run_returns_the_command_s_code_and_its_energy_adds_up() {
    let folder = tempdir().unwrap();
    let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo out; exit 7";
    let arguments = ["--json", "meter", "run", "--country", "FR", "--", "sh", "-c", busy];
    let said = surrogate_in(folder.path(), &arguments);
    said.expect(7, &["energy", "carbon", "France 2024", "% of a core"]);
    assert!(said.stdout.starts_with("out\n"), "the command's own output stays");
    let object = said.json();
    assert_eq!(object["code"], 7);
    let energy = &object["energy"];
    let sum = |list: &str| {
        let items = energy[list].as_array().unwrap();
        items.iter().map(|item| item["energy_uj"].as_u64().unwrap()).sum::<u64>()
    };
    let total = energy["total_uj"].as_u64().unwrap();
    assert!(total > 0);
    assert_eq!(sum("channels"), total);
    assert_eq!(sum("stages") + energy["unattributed_uj"].as_u64().unwrap(), total);
    assert!(energy["cpu_s"].as_f64().unwrap() > 0.05, "the child's time counts: {energy}");
    let carbon = &object["footprint"]["carbon"];
    assert!(carbon["low"].as_f64() < carbon["value"].as_f64());
    assert!(carbon["value"].as_f64() < carbon["high"].as_f64());
    assert!(object["meter"]["microseconds_per_boundary"].as_f64().unwrap() > 0.0);
}

#[test]
fn run_passes_on_signals_and_missing_commands_as_a_shell_does() {
    let folder = tempdir().unwrap();
    let killed = surrogate_in(folder.path(), &["meter", "run", "--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(killed.code, Some(137));
    let missing = surrogate_in(folder.path(), &["meter", "run", "no-such-command"]);
    missing.expect(127, &["no-such-command", "cannot be run"]);
}

#[test]
fn run_writes_its_account_and_counts_carbon_by_the_work_done() {
    let folder = tempdir().unwrap();
    let said = surrogate_in(
        folder.path(),
        &[
            "--json",
            "meter",
            "run",
            "--carbon-intensity",
            "100+-10",
            "--pue",
            "1.5",
            "--embodied-kg",
            "100..200",
            "--functional-unit",
            "voltage curve",
            "--units",
            "50",
            "--out",
            "account.json",
            "--prometheus",
            "account.prom",
            "--wall-command",
            "echo 40 W",
            "--",
            "sleep",
            "0.3",
        ],
    );
    said.expect(0, &["for each voltage curve"]);
    let object = said.json();
    let channel = &object["energy"]["channels"][0];
    assert_eq!(
        (channel["name"].as_str(), channel["provenance"].as_str()),
        (Some("wall"), Some("measured"))
    );
    let joules = object["energy"]["total_uj"].as_u64().unwrap() as f64 * 1e-6;
    let seconds = object["energy"]["wall_s"].as_f64().unwrap();
    assert!((joules / seconds - 40.0).abs() < 1.0, "{joules} J in {seconds} s");
    let running = object["footprint"]["carbon_operational"]["value"].as_f64().unwrap();
    assert!((running - joules / 3.6e6 * 1.5 * 100.0).abs() < 1e-9);
    let all = object["footprint"]["carbon"]["value"].as_f64().unwrap();
    let each = object["sci"]["carbon_per_unit"]["value"].as_f64().unwrap();
    assert!((each - all / 50.0).abs() < 1e-12);
    let stored: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("account.json")).unwrap())
            .unwrap();
    assert_eq!(stored, object);
    let metrics = fs::read_to_string(folder.path().join("account.prom")).unwrap();
    assert!(metrics.contains("surrogate_energy_joules_total{channel=\"wall\""), "{metrics}");
}

#[test]
fn the_present_intensity_may_come_from_a_command() {
    let folder = tempdir().unwrap();
    let run = ["--json", "meter", "run", "--carbon-command", "echo 77", "--", "true"];
    let said = surrogate_in(folder.path(), &run);
    said.expect(0, &["printed by the command"]);
    assert_eq!(said.json()["footprint"]["carbon_intensity"]["value"], 77.0);
}

#[test]
fn a_carbon_command_that_fails_costs_neither_the_report_nor_the_exit_code() {
    let folder = tempdir().unwrap();
    let run = ["--json", "meter", "run", "--carbon-command", "exit 9", "--", "sh", "-c", "exit 4"];
    let said = surrogate_in(folder.path(), &run);
    said.expect(4, &["warning: --carbon-command", "taken instead: no country given"]);
    assert!(said.json()["footprint"]["carbon"]["value"].as_f64().unwrap() > 0.0);
}

#[test]
fn mistakes_are_found_before_the_command_runs() {
    let folder = tempdir().unwrap();
    for (option, value, word) in [
        ("--country", "Atlantis", "no carbon intensity"),
        ("--carbon-intensity", "lots", "no intensity"),
        ("--pue", "0.5", "at least"),
        ("--embodied-kg", "9..3", "no range"),
        ("--carbon-table", "missing.csv", "missing.csv"),
        ("--period", "never", "no time"),
    ] {
        let arguments = ["meter", "run", option, value, "--", "touch", "ran"];
        surrogate_in(folder.path(), &arguments).expect(1, &[word]);
        assert!(!folder.path().join("ran").exists(), "{option}");
    }
}

#[test]
fn calibration_is_stored_for_the_host_and_applied() {
    let folder = tempdir().unwrap();
    let calibrate = |more: &[&str]| {
        let mut arguments = vec!["--json", "meter", "calibrate", "--time", "0.3s"];
        arguments.extend(more);
        surrogate_in(folder.path(), &arguments)
    };
    calibrate(&[]).expect(1, &["has no calibration"]);
    calibrate(&["--watts", "40"]).expect(0, &["not applied yet", "two loads"]);
    let said = calibrate(&["--watts", "400", "--load", "1"]);
    said.expect(0, &["one sigma"]);
    assert!(said.json()["line"]["slope"].as_f64().unwrap() > 0.0);
    let run = surrogate_in(folder.path(), &["--json", "meter", "run", "--", "sleep", "0.2"]);
    assert_eq!(run.json()["energy"]["provenance"], "calibrated");
    let run = ["--json", "meter", "run", "--no-calibration", "--", "sleep", "0.1"];
    assert_ne!(surrogate_in(folder.path(), &run).json()["energy"]["provenance"], "calibrated");
    calibrate(&["--watts", "-3"]).expect(1, &[]);
}

#[test]
fn plan_finds_the_dip_and_counts_waiting() {
    let folder = tempdir().unwrap();
    let row = |h: usize| {
        let g = if (5..8).contains(&h) { 50 } else { 300 };
        format!("2026-01-01T{h:02}:00,{g}\n")
    };
    let csv: String = (0..24).map(row).collect();
    fs::write(folder.path().join("t.csv"), format!("time,gco2e_per_kwh\n{csv}")).unwrap();
    let plan = |more: &[&str]| {
        let mut arguments = vec![
            "--json",
            "meter",
            "plan",
            "--duration",
            "2h",
            "--slack",
            "12h",
            "--trace",
            "t.csv",
        ];
        arguments.extend(more);
        surrogate(folder.path(), &arguments)
    };
    let said = plan(&["--power", "1000"]);
    said.expect(0, &["attributional"]);
    let object = said.json();
    assert_eq!(object["best"], "shift");
    assert_eq!(object["plans"][1]["run"][0]["start"], "2026-01-01T05:00");
    assert!((object["plans"][0]["emissions_g"].as_f64().unwrap() - 600.0).abs() < 1e-9);
    assert!((object["plans"][1]["emissions_g"].as_f64().unwrap() - 100.0).abs() < 1e-9);
    let hot = plan(&["--power", "100", "--idle-power", "90"]).json();
    assert_eq!(hot["best"], "now", "five hours of waiting at 90 W cost more: {hot}");
    plan(&["--from", "2026-01-01T20:00"]).expect(1, &["longer trace"]);
    plan(&["--from", "tomorrow"]).expect(1, &["not in the trace"]);
    let missing = ["meter", "plan", "--duration", "2h", "--slack", "1h", "--trace", "no.csv"];
    surrogate(folder.path(), &missing).expect(1, &["no.csv"]);
}

#[test]
fn the_backtest_prints_the_published_savings() {
    let trace = root().join("../shared/data/energy/traces/GB_2020_hourly.csv");
    if !trace.exists() {
        eprintln!("skipped: no {}", trace.display());
        return;
    }
    let folder = tempdir().unwrap();
    let said = surrogate(
        folder.path(),
        &[
            "--json",
            "meter",
            "plan",
            "--duration",
            "4h",
            "--slack",
            "24h",
            "--trace",
            trace.to_str().unwrap(),
            "--backtest",
        ],
    );
    said.expect(0, &[]);
    let object = said.json();
    let keys: Vec<&String> = object["backtest"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["now_g_per_kwh", "saving_percent_shift", "saving_percent_suspend"]);
    for (key, golden) in
        [("now_g_per_kwh", 236.6), ("saving_percent_shift", 24.0), ("saving_percent_suspend", 24.8)]
    {
        let found = object["backtest"][key].as_f64().unwrap();
        assert!((found - golden).abs() < 0.0501, "{key}: {found}");
    }
}
