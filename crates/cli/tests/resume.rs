//! Same seed, same bits: twice, after an interrupt, and after `kill -9` at any moment.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::{Said, command, files, finish, json_file, problem, rod, rod_with, signal, surrogate};
use tempfile::tempdir;

/// Enough iterations of the single-particle model for several checkpoints.
const SHORT: &str = "train.stages=[{optimizer=\"ssbroyden\", iterations=1500}]";

/// Weights file of a run, the same to the byte for equal weights.
fn best(folder: &Path, run: &str) -> Vec<u8> {
    fs::read(folder.join("runs").join(run).join("checkpoints/best.ckpt")).unwrap()
}

/// A copy of the single-particle model that does not change while a test runs.
fn spm(folder: &Path) -> String {
    for name in ["spm.toml", "spm-plain.toml"] {
        if !folder.join(name).exists() {
            fs::copy(problem(name), folder.join(name)).unwrap();
        }
    }
    "spm.toml".to_string()
}

fn train(folder: &Path, name: &str, set: &str) -> Said {
    let spm = spm(folder);
    surrogate(folder, &["train", &spm, "--threads", "1", "--name", name, "--set", set])
}

/// xorshift: moments that differ between kills and repeat between test runs.
fn random(state: &mut u64) -> f64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as f64 / (1u64 << 53) as f64
}

/// Files of a run that are there after a kill are whole.
fn nothing_is_half_written(run: &Path) {
    for (name, bytes) in files(run) {
        if name.ends_with(".json") {
            serde_json::from_slice::<serde_json::Value>(&bytes)
                .unwrap_or_else(|e| panic!("{name} is half-written: {e}"));
        }
    }
}

/// Starts or resumes a run, kills it after some seconds; true if it was still running.
fn killed_after(folder: &Path, name: &str, set: &str, seconds: f64) -> bool {
    killed_when(folder, name, set, &mut |begun| begun.elapsed().as_secs_f64() >= seconds)
}

/// Number of lines in the metrics of a run.
fn metrics_lines(folder: &Path, name: &str) -> usize {
    let metrics = folder.join("runs").join(name).join("metrics.jsonl");
    fs::read_to_string(metrics).map_or(0, |t| t.lines().count())
}

/// Starts or resumes a run, kills it at a moment; true if it was still running.
fn killed_when(
    folder: &Path,
    name: &str,
    set: &str,
    moment: &mut dyn FnMut(Instant) -> bool,
) -> bool {
    let spm = spm(folder);
    let run = folder.join("runs").join(name);
    let mut child = if run.join("resolved.toml").exists() {
        command(folder, &["train", "--resume", name]).spawn().unwrap()
    } else {
        // killed before it was set up: nothing is lost by starting over
        let _ = fs::remove_dir_all(&run);
        let first = ["train", &spm, "--threads", "1", "--name", name, "--set", set];
        command(folder, &first).spawn().unwrap()
    };
    let begun = Instant::now();
    while !moment(begun) && child.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(1));
    }
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    let said = finish(child);
    assert!(running || said.code == Some(0), "{}", said.stderr);
    if run.exists() {
        nothing_is_half_written(&run);
    }
    running
}

/// Resumes a killed run to its end, unless it reached it, and returns its weights.
fn resumed(folder: &Path, name: &str) -> Vec<u8> {
    let run = folder.join("runs").join(name);
    if json_file(&run, "manifest.json")["status"] != "finished" {
        surrogate(folder, &["train", "--resume", name]).expect(0, &["done"]);
    }
    assert_eq!(json_file(&run, "manifest.json")["status"], "finished");
    for (file, _) in files(&run) {
        assert!(!file.contains(".writing-"), "{file} was left behind");
    }
    best(folder, name)
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_does_not() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    for (name, seed) in [("a", "5"), ("b", "5"), ("c", "6")] {
        let all = ["train", &file, "--threads", "2", "--seed", seed, "--name", name];
        surrogate(folder.path(), &all).expect(0, &[]);
    }
    assert!(best(folder.path(), "a") == best(folder.path(), "b"), "weights differ");
    assert!(best(folder.path(), "a") != best(folder.path(), "c"), "the seed has no effect");
}

#[test]
fn a_run_killed_at_several_moments_is_resumed_to_the_same_bits() {
    let folder = tempdir().unwrap();
    train(folder.path(), "whole", SHORT).expect(0, &[]);
    let whole = metrics_lines(folder.path(), "whole");
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let mut hit = 0;
    for _ in 0..4 {
        // by progress, not by the clock: how fast the machine is changes with what else it does
        let lines = ((0.1 + 0.7 * random(&mut state)) * whole as f64) as usize;
        let mut moment = |_| metrics_lines(folder.path(), "killed") >= lines;
        if !killed_when(folder.path(), "killed", SHORT, &mut moment) {
            break;
        }
        hit += 1;
    }
    assert!(hit > 0, "the run was over before the first kill");
    assert!(resumed(folder.path(), "killed") == best(folder.path(), "whole"), "weights differ");
}

#[test]
#[ignore = "slow: cargo test --release -- --ignored"]
fn the_single_particle_model_killed_at_twenty_moments_comes_back_to_the_same_bits() {
    let folder = tempdir().unwrap();
    let set = "train.seed=0";
    let begun = Instant::now();
    train(folder.path(), "whole", set).expect(0, &[]);
    let whole_s = begun.elapsed().as_secs_f64();
    let expected = best(folder.path(), "whole");
    let mut state = 0x2545_f491_4f6c_dd1d;
    let mut same = 0;
    for k in 0..20 {
        let name = format!("killed-{k}");
        let moment = 0.02 + 0.8 * random(&mut state) * whole_s;
        let running = killed_after(folder.path(), &name, set, moment);
        if !folder.path().join("runs").join(&name).join("resolved.toml").exists() {
            train(folder.path(), &format!("{name}-anew"), set).expect(0, &[]);
            same += i32::from(best(folder.path(), &format!("{name}-anew")) == expected);
            continue;
        }
        let equal = resumed(folder.path(), &name) == expected;
        eprintln!("kill {k} after {moment:.2} of {whole_s:.2} s, running {running}: same {equal}");
        same += i32::from(equal);
    }
    assert_eq!(same, 20);
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_a_run_that_is_resumed_to_the_same_bits() {
    let folder = tempdir().unwrap();
    train(folder.path(), "whole", SHORT).expect(0, &[]);
    let spm = spm(folder.path());
    let all = ["--json", "train", &spm, "--threads", "1", "--name", "stopped", "--set", SHORT];
    let child = command(folder.path(), &all).spawn().unwrap();
    let run = folder.path().join("runs/stopped");
    let lines = || fs::read_to_string(run.join("metrics.jsonl")).map_or(0, |t| t.lines().count());
    let begun = Instant::now();
    while lines() < 5 {
        assert!(begun.elapsed() < Duration::from_secs(120), "no metrics");
        sleep(Duration::from_millis(5));
    }
    signal(&child, "INT");
    let said = finish(child);
    said.expect(130, &["interrupted", "next surrogate train --resume"]);
    assert_eq!(said.json()["status"], "interrupted");
    assert_eq!(json_file(&run, "manifest.json")["status"], "interrupted");
    // what was trained so far is usable
    surrogate(folder.path(), &["predict", "stopped", "--times", "0,10"]).expect(0, &[]);
    let listed = surrogate(folder.path(), &["--json", "runs"]).json();
    let statuses: Vec<&str> =
        listed["runs"].as_array().unwrap().iter().map(|r| r["status"].as_str().unwrap()).collect();
    assert!(statuses.contains(&"interrupted"), "{statuses:?}");
    // what a process killed while writing would have left
    fs::write(run.join("checkpoints/.writing-x"), "half").unwrap();
    assert!(resumed(folder.path(), "stopped") == best(folder.path(), "whole"), "weights differ");
    // one line per step although part of it was trained twice
    let steps: Vec<u64> = fs::read_to_string(run.join("metrics.jsonl"))
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["step"].as_u64().unwrap())
        .collect();
    assert!(steps.windows(2).all(|w| w[0] <= w[1]), "steps go back");
}

/// A run of the rod that was interrupted, without waiting for a moment to do so.
fn interrupted_rod(folder: &Path) {
    let file = rod(folder);
    let long = "train.stages=[{optimizer=\"adam\", iterations=100000000}]";
    let all = ["train", &file, "--name", "rod", "--set", long];
    let child = command(folder, &all).spawn().unwrap();
    let last = folder.join("runs/rod/metrics.jsonl");
    let begun = Instant::now();
    while !fs::read_to_string(&last).is_ok_and(|t| t.lines().count() > 2) {
        assert!(begun.elapsed() < Duration::from_secs(60), "no metrics");
        sleep(Duration::from_millis(5));
    }
    // a scheduler's way of saying Ctrl-C
    signal(&child, "TERM");
    finish(child).expect(130, &["interrupted", "train --resume"]);
}

#[cfg(unix)]
#[test]
fn resume_with_other_settings_is_refused_and_says_which() {
    let folder = tempdir().unwrap();
    interrupted_rod(folder.path());
    let before = files(&folder.path().join("runs"));
    let resume = |more: &[&str]| {
        let mut all = vec!["train", "--resume", "rod"];
        all.extend(more);
        surrogate(folder.path(), &all)
    };
    resume(&["--set", "fields.u.width=9"]).expect(1, &["other settings", "width = 8", "width = 9"]);
    resume(&["--seed", "4"]).expect(1, &["other settings", "seed"]);
    rod(folder.path());
    resume(&["rod.toml"]).expect(1, &["other settings", "adam", "ssbroyden"]);
    resume(&["--threads", "1", "--set", "widht=9"]).expect(1, &["widht"]);
    resume(&["--threads", "1001"]).expect(1, &["threads", "last bits", "without --threads"]);
    assert_eq!(files(&folder.path().join("runs")), before, "a refusal changed the run");
}

#[cfg(unix)]
#[test]
fn a_run_whose_files_were_edited_is_neither_resumed_nor_used() {
    let folder = tempdir().unwrap();
    interrupted_rod(folder.path());
    // as it is, it says that nobody judged it
    let judged = "not judged yet: its training has not come to its end";
    let said = surrogate(folder.path(), &["--json", "predict", "rod", "--times", "0,5"]);
    said.expect(0, &[judged]);
    assert!(said.json()["fit"]["verdict"].is_null(), "{}", said.stdout);
    let resolved = folder.path().join("runs/rod/resolved.toml");
    let text = fs::read_to_string(&resolved).unwrap();
    assert!(text.contains("10 K"), "{text}");
    fs::write(&resolved, text.replacen("10 K", "11 K", 1)).unwrap();
    let before = files(&folder.path().join("runs"));
    for arguments in [&["train", "--resume", "rod"][..], &["predict", "rod", "--times", "0,5"]] {
        let said = surrogate(folder.path(), arguments);
        said.expect(1, &["resolved.toml was changed after its run had begun", "restore the file"]);
    }
    assert_eq!(files(&folder.path().join("runs")), before, "a refusal changed the run");
    fs::write(&resolved, text).unwrap();
    surrogate(folder.path(), &["predict", "rod", "--times", "0,5"]).expect(0, &[judged]);
}

#[cfg(unix)]
#[test]
fn a_checkpoint_that_is_not_ours_is_refused_by_name_and_reason() {
    let folder = tempdir().unwrap();
    interrupted_rod(folder.path());
    let last = folder.path().join("runs/rod/checkpoints/last.ckpt");
    let good = fs::read(&last).unwrap();
    let refused = |bytes: &[u8], words: &[&str]| {
        fs::write(&last, bytes).unwrap();
        let said = surrogate(folder.path(), &["train", "--resume", "rod"]);
        said.expect(1, &["last.ckpt"]).expect(1, words);
        assert_eq!(fs::read(&last).unwrap(), bytes, "the refused file was changed");
    };
    refused(&good[..good.len() / 2], &["cut off"]);
    refused(&good[..5], &[]);
    refused(&[], &[]);
    refused(b"PK\x03\x04 an archive, say", &["not a checkpoint"]);
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    refused(&flipped, &["damaged"]);
    // that of another run
    let other = tempdir().unwrap();
    rod(other.path());
    surrogate(other.path(), &["train", "rod.toml", "--name", "x", "--seed", "9"]).expect(0, &[]);
    let foreign = fs::read(other.path().join("runs/x/checkpoints/last.ckpt")).unwrap();
    refused(&foreign, &["another run"]);
    // and with its own file back, it goes on
    fs::write(&last, &good).unwrap();
    surrogate(folder.path(), &["train", "--resume", "rod", "--max-time", "1h", "--dry-run"])
        .expect(0, &[]);
}

#[cfg(unix)]
#[test]
fn a_run_stopped_before_training_says_start_anew() {
    let folder = tempdir().unwrap();
    interrupted_rod(folder.path());
    fs::remove_file(folder.path().join("runs/rod/resolved.toml")).unwrap();
    let said = surrogate(folder.path(), &["train", "--resume", "rod"]);
    said.expect(1, &["nothing to resume", "start anew with `surrogate train PROBLEM`"]);
}

#[test]
fn a_run_that_a_limit_ended_is_resumed_to_the_same_bits() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    let whole = ["train", &file, "--threads", "1", "--name", "whole"];
    surrogate(folder.path(), &whole).expect(0, &["all stages done"]);
    let limited = ["train", &file, "--threads", "1", "--name", "limited", "--max-energy", "0.01J"];
    surrogate(folder.path(), &limited).expect(0, &["energy budget used", "--resume"]);
    let lines = |name| metrics_lines(folder.path(), name);
    assert!(lines("limited") < lines("whole"));
    let on = ["train", "--resume", "limited", "--max-energy", "1MJ"];
    surrogate(folder.path(), &on).expect(0, &["all stages done"]);
    assert_eq!(best(folder.path(), "limited"), best(folder.path(), "whole"));
}

#[test]
fn a_finished_run_is_not_resumed() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    surrogate(folder.path(), &["train", &file, "--name", "rod"]).expect(0, &[]);
    let before = files(&folder.path().join("runs"));
    surrogate(folder.path(), &["train", "--resume", "rod"]).expect(1, &["rod", "finished"]);
    assert_eq!(files(&folder.path().join("runs")), before);
}

#[test]
fn a_run_that_is_still_going_is_not_resumed() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    let long = "train.stages=[{optimizer=\"adam\", iterations=100000000}]";
    let all = ["train", &file, "--name", "rod", "--set", long];
    let mut child = command(folder.path(), &all).spawn().unwrap();
    let last = folder.path().join("runs/rod/checkpoints/last.ckpt");
    let begun = Instant::now();
    while !last.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint");
        sleep(Duration::from_millis(5));
    }
    surrogate(folder.path(), &["train", "--resume", "rod"]).expect(1, &["still running"]);
    let evaluated = surrogate(folder.path(), &["evaluate", "rod"]);
    evaluated.expect(1, &["still being trained", "wait for its end"]);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn training_that_diverges_keeps_the_best_weights_and_says_why_it_stopped() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    let wild = "train.stages=[{optimizer=\"adam\", learning_rate=1e200, iterations=2000}]";
    let said =
        surrogate(folder.path(), &["--json", "train", &file, "--name", "rod", "--set", wild]);
    let predicted = surrogate(folder.path(), &["predict", "rod", "--times", "0,5"]);
    predicted.expect(0, &[]);
    assert!(!predicted.stdout.to_lowercase().contains("nan"), "{}", predicted.stdout);
    // the step was reduced until values were finite again; the fit is what it is, and called so
    said.expect(0, &["poor fit"]);
    assert_eq!(said.json()["verdict"], "poor");
    let reason = "because the loss was not a number";
    assert!(said.json()["reason"].as_str().unwrap().contains(reason), "{}", said.stdout);
    let run = folder.path().join("runs/rod");
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert!(metrics.contains(reason), "metrics do not say it");
    let manifest = json_file(&run, "manifest.json");
    assert!(manifest["reason"].as_str().unwrap().contains(reason));
}

#[test]
fn a_residual_that_is_not_a_number_is_an_error_that_names_it() {
    let folder = tempdir().unwrap();
    let file = rod_with(
        folder.path(),
        "alpha * d(u, x, 2)",
        "alpha * d(u, x, 2) + T0 / t_0 * log(u / T0 - 2)",
    );
    let text = fs::read_to_string(folder.path().join(&file)).unwrap();
    let text = text.replacen("T0 = ", "t_0 = \"1 s\"\nT0 = ", 1);
    fs::write(folder.path().join(&file), text).unwrap();
    let said = surrogate(folder.path(), &["--json", "train", &file, "--name", "rod"]);
    said.expect(1, &["`heat` is not a number"]);
    assert!(!folder.path().join("runs").exists(), "a run was made");
}
