//! `surrogate calibrate`: known parameters come back, bad data is refused with a way out.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Said, command, json_file, rod, rod_with, surrogate};
use surrogate_calibrate::{Prior, stream};
use tempfile::{TempDir, tempdir};

/// The value of `alpha` that made the data, and their noise.
const ALPHA: f64 = 0.03;
const NOISE_K: f64 = 0.05;

/// A folder with a trained rod, `runs/rod`, and `cell.csv`, solved at [`ALPHA`] with noise.
fn prepared() -> TempDir {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    surrogate(folder.path(), &["train", &file, "--name", "rod"]).expect(0, &[]);
    let (params, noise) = (format!("alpha={ALPHA}"), format!("{NOISE_K} K"));
    let times = ["--times", "0:10:81", "--out", "cell.csv"];
    let mut arguments = vec!["solve", &file, "--params", &params, "--noise", &noise];
    arguments.extend(times);
    surrogate(folder.path(), &arguments).expect(0, &[]);
    folder
}

/// Calibrates with few draws.
fn calibrate(folder: &Path, more: &[&str]) -> Said {
    let mut arguments = vec!["--json", "calibrate", "rod", "--draws", "400", "--tune", "200"];
    arguments.extend(more);
    surrogate(folder, &arguments)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn the_parameter_and_noise_of_synthetic_data_come_back() {
    let folder = prepared();
    let more = ["--data", "cell.csv", "--strict", "--seed", "3", "--certify", "1500"];
    let said = calibrate(folder.path(), &more);
    said.expect(0, &["verdict certified", "k-hat"]);
    let object = said.json();
    let alpha = &object["parameters"]["alpha"];
    let (mean, sd) = (number(&alpha["mean"]), number(&alpha["sd"]));
    assert!((mean - ALPHA).abs() < 4.0 * sd, "{alpha}");
    assert!(sd < 0.1 * ALPHA && number(&alpha["contraction"]) > 0.9, "{alpha}");
    assert!(number(&alpha["q5"]) < number(&alpha["q50"]), "{alpha}");
    assert!(number(&alpha["r_hat"]) < 1.01 && number(&alpha["ess_bulk"]) > 400.0, "{alpha}");
    let sigma = number(&object["noise"]["sigma[0]"]["mean"]);
    assert!((0.6..1.5).contains(&(sigma / NOISE_K)), "noise {sigma}");
    assert!(number(&object["k_hat"]) < 0.7 && number(&object["energy_j"]) > 0.0);
    let covered = number(&object["fits"][0]["coverage_90"]);
    assert!((0.75..=1.0).contains(&covered), "{covered}");
    let done = folder.path().join("runs/rod/calibrations/1");
    assert_eq!(json_file(&done, "summary.json")["parameters"], object["parameters"]);
    let draws = fs::read_to_string(done.join("draws.csv")).unwrap();
    assert!(draws.starts_with("chain,draw,alpha_m2_per_s,sigma[0]_K\n"), "{}", &draws[..60]);
    assert_eq!(draws.lines().count(), 1 + 4 * 400);
    assert_eq!(&fs::read(done.join("posterior.nc")).unwrap()[1..4], b"HDF");
    assert!(!done.join("evaluations.bin").exists());
    let page = fs::read_to_string(folder.path().join("runs/rod/report.html")).unwrap();
    assert!(page.contains("<h2>Calibration 1</h2>") && page.contains("id=\"forest\""));
    assert!(page.contains("<td>alpha (m²&#x2f;s)</td>"));
}

/// Changes the values of a measured curve, by row, time and value.
fn changed(folder: &Path, file: &str, mut change: impl FnMut(usize, f64, f64) -> f64) {
    let text = fs::read_to_string(folder.join(file)).unwrap();
    let line = |(k, line): (usize, &str)| match (k, line.split_once(',')) {
        (1.., Some((time, value))) => {
            let (t, v): (f64, f64) = (time.parse().unwrap(), value.parse().unwrap());
            format!("{time},{}\n", change(k, t, v))
        }
        _ => format!("{line}\n"),
    };
    fs::write(folder.join(file), text.lines().enumerate().map(line).collect::<String>()).unwrap();
}

#[test]
fn noise_that_hangs_together_is_refused_by_a_likelihood_that_takes_it_for_independent() {
    let folder = prepared();
    let mut rng = stream(6, 0);
    let standard = Prior::Normal { mean: 0.0, sd: 1.0 };
    let (rho, mut noise) = (0.95_f64, 0.0);
    changed(folder.path(), "cell.csv", |_, _, value| {
        noise = rho * noise + (1.0 - rho * rho).sqrt() * standard.sample(&mut rng);
        value + 10.0 * NOISE_K * noise
    });
    let with = |likelihood: &str| {
        let arguments = ["--json", "calibrate", "rod", "--data", "cell.csv", "--strict"];
        let more = ["--likelihood", likelihood, "--draws", "2000", "--certify", "1000"];
        surrogate(folder.path(), &[&arguments[..], &more].concat())
    };
    let blind = with("surrogate");
    blind
        .expect(3, &["cell.csv, whose 81 points", "--likelihood ar1 or misfit", "verdict refused"]);
    let residuals = &blind.json()["residuals"][0];
    assert!(number(&residuals["probability"]) < 1e-6, "{residuals}");
    assert!(number(&residuals["worth_independent"]) < 20.0, "{residuals}");
    let aware = with("ar1");
    aware.expect(0, &["verdict certified"]);
    let object = aware.json();
    let alpha = &object["parameters"]["alpha"];
    assert!((number(&alpha["q5"])..number(&alpha["q95"])).contains(&ALPHA), "{alpha}");
    assert!(number(&object["noise"]["rho[0]"]["mean"]) > 0.7, "{object}");
    // as few independent points as its residuals are worth
    with("misfit").expect(0, &["verdict certified"]);
}

#[test]
fn a_row_far_off_is_named_and_no_posterior_with_it_is_certified() {
    let folder = prepared();
    changed(folder.path(), "cell.csv", |row, _, value| value + if row == 40 { 3.0 } else { 0.0 });
    let said = calibrate(folder.path(), &["--data", "cell.csv", "--strict"]);
    said.expect(3, &["cell.csv, line 41, at 4.875 s", "remove a faulty row", "verdict refused"]);
    let farthest = said.json()["residuals"][0]["farthest"].clone();
    assert!((2.5..3.5).contains(&number(&farthest["residual"])), "{farthest}");
    assert!(number(&farthest["deviations"]) > 20.0, "{farthest}");
}

#[test]
fn a_poor_surrogate_is_refused_or_corrected_to_what_the_reference_solver_says() {
    let folder = prepared();
    let few = "train.stages=[{optimizer=\"ssbroyden\",iterations=25}]";
    let train = ["train", "rod.toml", "--name", "poor", "--set", few];
    surrogate(folder.path(), &train).expect(0, &[]);
    let with = |more: &[&str]| {
        let arguments = ["--json", "calibrate", "poor", "--data", "cell.csv", "--seed", "2"];
        surrogate(folder.path(), &[&arguments[..], more].concat())
    };
    let blind = with(&["--likelihood", "iid", "--strict"]);
    blind.expect(3, &["the reference solver contradicts the surrogate", "verdict refused"]);
    let corrected = with(&["--certify", "2000"]);
    corrected.expect(0, &["verdict certified"]);
    let exact = with(&["--sampler", "delayed", "--draws", "1000"]).json();
    let alpha = |object: &Value, key: &str| number(&object["parameters"]["alpha"][key]);
    let (object, sd) = (corrected.json(), alpha(&exact, "sd"));
    let shift = (alpha(&object, "mean") - alpha(&exact, "mean")) / sd;
    assert!(shift.abs() < 0.3, "shifted by {shift} sd");
    assert!((0.8..1.25).contains(&(alpha(&object, "sd") / sd)), "{object}\n{exact}");
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_other_draws() {
    let folder = prepared();
    let draws = |out: &str, seed: &str| {
        let more = ["--data", "cell.csv", "--seed", seed, "--out", out, "--certify", "0"];
        calibrate(folder.path(), &more).expect(0, &["uncertified"]);
        fs::read(folder.path().join(out).join("draws.csv")).unwrap()
    };
    let (first, again, other) = (draws("a", "1"), draws("b", "1"), draws("c", "2"));
    assert_eq!(first, again);
    assert_ne!(first, other);
    let more = ["--data", "cell.csv", "--out", "a"];
    calibrate(folder.path(), &more).expect(1, &["holds a calibration already", "--resume"]);
    let more = ["--data", "cell.csv", "--out", "a", "--seed", "9", "--resume"];
    calibrate(folder.path(), &more).expect(1, &["begun with another seed"]);
}

#[test]
fn a_killed_calibration_goes_on_to_the_same_draws() {
    let folder = prepared();
    let long = ["--data", "cell.csv", "--seed", "5", "--certify", "0"];
    calibrate(folder.path(), &[&long[..], &["--out", "whole"]].concat()).expect(0, &[]);
    let mut arguments = vec!["calibrate", "rod", "--draws", "400", "--tune", "200", "--out", "cut"];
    arguments.extend(long);
    let mut child = command(folder.path(), &arguments).spawn().unwrap();
    let begun = folder.path().join("cut/evaluations.bin");
    while fs::metadata(&begun).map_or(0, |m| m.len()) < 40_000 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.path().join("cut/summary.json").exists());
    calibrate(folder.path(), &[&long[..], &["--out", "cut", "--resume"]].concat()).expect(0, &[]);
    let draws = |name: &str| fs::read(folder.path().join(name).join("draws.csv")).unwrap();
    assert_eq!(draws("whole"), draws("cut"));
    let again = calibrate(folder.path(), &[&long[..], &["--out", "cut", "--resume"]].concat());
    again.expect(1, &["is done"]);
}

#[test]
fn several_curves_state_their_parameters_by_value_or_by_column() {
    let folder = tempdir().unwrap();
    let hot = "[parameters]\nT0 = \"5 .. 20 K\"\n";
    let file = rod_with(folder.path(), "[parameters]\n", hot);
    let text = fs::read_to_string(folder.path().join(&file)).unwrap();
    fs::write(folder.path().join(&file), text.replace("T0 = \"10 K\"\n", "")).unwrap();
    surrogate(folder.path(), &["train", &file, "--name", "rod"]).expect(0, &[]);
    for (name, t0) in [("cool.csv", 6.0), ("hot.csv", 18.0)] {
        let params = format!("alpha={ALPHA},T0={t0}");
        let mut arguments = vec!["solve", &file, "--params", &params, "--noise", "0.05"];
        arguments.extend(["--times", "0:10:61", "--out", name]);
        surrogate(folder.path(), &arguments).expect(0, &[]);
    }
    // the second states T0 by a column, its time by another name and unit
    let lines = fs::read_to_string(folder.path().join("hot.csv")).unwrap();
    let lines = lines.lines().skip(1).map(|line| {
        let (time, value) = line.split_once(',').unwrap();
        format!("{};{value};18\n", time.parse::<f64>().unwrap() * 1e3)
    });
    let text = format!("clock [ms];middle (K);T0\n{}", lines.collect::<String>());
    fs::write(folder.path().join("hot.csv"), text).unwrap();
    let hot = ["--data", "hot.csv,time=clock [ms]"];
    let said = calibrate(folder.path(), &[&["--data", "cool.csv,T0=6"], &hot[..]].concat());
    said.expect(0, &["cool.csv: 61 points T0 = 6", "hot.csv: 61 points T0 = 18"]);
    let object = said.json();
    let alpha = &object["parameters"]["alpha"];
    assert!((number(&alpha["mean"]) - ALPHA).abs() < 4.0 * number(&alpha["sd"]), "{alpha}");
    assert!(object["parameters"]["T0"].is_null() && object["noise"]["sigma[1]"].is_object());
    let said = calibrate(folder.path(), &[&["--data", "cool.csv"], &hot[..]].concat());
    said.expect(1, &["`T0` is stated for hot.csv and not for cool.csv", "T0=VALUE"]);
    let joint = "[calibrate.joint]\nparameters = [\"T0\", \"alpha\"]\nmean = [6, 0.03]\n\
                 covariance = [[1e-4, 0], [0, 1e-8]]\n";
    fs::write(folder.path().join("joint.toml"), joint).unwrap();
    let said = calibrate(folder.path(), &["--data", "cool.csv", "--model", "joint.toml"]);
    said.expect(0, &["unknown", "T0"]);
    let sd = |name: &str| number(&said.json()["parameters"][name]["sd"]);
    assert!(sd("alpha") < 1e-4 && sd("T0") < 0.011, "{} {}", sd("alpha"), sd("T0"));
    let own = "[calibrate.priors]\nalpha = { normal = { mean = 0.03, sd = 0.01 } }\n";
    fs::write(folder.path().join("twice.toml"), format!("{own}{joint}")).unwrap();
    let said = calibrate(folder.path(), &["--data", "cool.csv", "--model", "twice.toml"]);
    said.expect(1, &["two priors of `alpha`"]);
}

#[test]
fn a_file_states_curves_and_priors_and_a_narrow_prior_holds_its_parameter() {
    let folder = prepared();
    fs::create_dir(folder.path().join("cells")).unwrap();
    fs::rename(folder.path().join("cell.csv"), folder.path().join("cells/cell.csv")).unwrap();
    let narrow = "alpha = { normal = { mean = 0.05, sd = 1e-4 } }";
    let text = format!("[calibrate.priors]\n{narrow}\n[[calibrate.curves]]\nfile = \"cell.csv\"\n");
    fs::write(folder.path().join("cells/model.toml"), text).unwrap();
    let said = calibrate(folder.path(), &["--model", "cells/model.toml", "--certify", "0"]);
    said.expect(0, &["curve cell.csv", "next to nothing of alpha"]);
    let alpha = number(&said.json()["parameters"]["alpha"]["mean"]);
    assert!((alpha - 0.05).abs() < 2e-3, "{alpha}");
}

/// Makes `file` of the rod at `alpha` with noise, K, of a seed.
fn measure(folder: &Path, file: &str, alpha: f64, noise: f64, seed: &str) {
    let (params, noise) = (format!("alpha={alpha}"), format!("{noise} K"));
    let mut arguments = vec!["solve", "rod.toml", "--params", &params, "--noise", &noise];
    arguments.extend(["--seed", seed, "--times", "0:10:201", "--out", file]);
    surrogate(folder, &arguments).expect(0, &[]);
}

#[test]
fn held_out_curves_are_predicted_and_not_fitted() {
    let folder = prepared();
    measure(folder.path(), "same.csv", ALPHA, NOISE_K, "7");
    measure(folder.path(), "other.csv", 2.0 * ALPHA, NOISE_K, "8");
    let alone = calibrate(folder.path(), &["--data", "cell.csv", "--seed", "4"]).json();
    let with =
        ["--data", "cell.csv", "--seed", "4", "--predict", "same.csv", "--predict", "other.csv"];
    let said = calibrate(folder.path(), &with);
    said.expect(0, &["held out same.csv: 201 points", "predicted other.csv: rms"]);
    let object = said.json();
    // they leave no trace in the posterior
    assert_eq!(object["parameters"], alone["parameters"]);
    assert_eq!(alone["predictions"], serde_json::json!([]));
    let [same, other] = [&object["predictions"][0], &object["predictions"][1]];
    assert!((0.8..0.97).contains(&number(&same["coverage_90"])), "{same}");
    assert!((0.8..1.3).contains(&(number(&same["rms"]) / NOISE_K)), "{same}");
    // the same rod it is not, and the predictions do not hide it
    assert!(
        number(&other["coverage_90"]) < 0.3 && number(&other["rms"]) > 5.0 * NOISE_K,
        "{other}"
    );
    let done = folder.path().join("runs/rod/calibrations/2");
    let table = fs::read_to_string(done.join("predict.csv")).unwrap();
    let head =
        "curve,number,time_s,middle_K,middle_mean_K,middle_q5_K,middle_q50_K,middle_q95_K,level";
    assert_eq!(table.lines().next(), Some(head));
    assert_eq!(table.lines().count(), 1 + 2 * 201);
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let at = |k: usize| cells[k].parse::<f64>().unwrap();
        assert!(at(5) < at(6) && at(6) < at(7), "{line}");
        // the level tells where among the quantiles the measured value lies
        assert_eq!((0.05..=0.95).contains(&at(8)), (at(5)..=at(7)).contains(&at(3)), "{line}");
    }
    for page in [done.join("report.html"), folder.path().join("runs/rod/report.html")] {
        let page = fs::read_to_string(page).unwrap();
        assert!(
            page.contains("<td>other.csv</td><td>held out</td>")
                && page.contains("id=\"prediction-2\"")
        );
    }
    let model = "[calibrate]\n[[calibrate.predict]]\nfile = \"same.csv\"\n";
    fs::write(folder.path().join("model.toml"), model).unwrap();
    let more = ["--data", "cell.csv", "--seed", "4", "--model", "model.toml", "--out", "away"];
    let said = calibrate(folder.path(), &more);
    said.expect(0, &["predicted same.csv", "report away/report.html"]);
    assert_eq!(said.json()["predictions"][0], *same);
    let again = surrogate(folder.path(), &["report", "away"]);
    again.expect(0, &["wrote away/report.html"]);
    let stated = ["--data", "cell.csv", "--predict", "same.csv,alpha=0.03"];
    calibrate(folder.path(), &stated)
        .expect(1, &["`alpha` is unknown", "take it out of --predict"]);
    let wrong = ["--data", "cell.csv", "--predict", "same.csv,alpha"];
    calibrate(folder.path(), &wrong).expect(1, &["`alpha` in --predict is not NAME=VALUE"]);
    let sbc = ["--data", "cell.csv", "--predict", "same.csv", "--sbc", "2"];
    calibrate(folder.path(), &sbc).expect(1, &["--sbc"]);
}

#[test]
fn a_misfit_widens_the_predictions_of_new_curves() {
    let folder = prepared();
    // the rod follows another law: a bump that no diffusivity makes
    let bent = |file: &str, phase: f64| {
        changed(folder.path(), file, |_, time, value| value + 0.4 * (2.0 * time + phase).sin());
    };
    measure(folder.path(), "new.csv", ALPHA, NOISE_K, "9");
    bent("cell.csv", 0.0);
    bent("new.csv", 2.0);
    let with = |likelihood: &str| {
        let likelihood = ["--likelihood", likelihood, "--predict", "new.csv", "--certify", "50"];
        calibrate(folder.path(), &[&["--data", "cell.csv"], &likelihood[..]].concat()).json()
    };
    let object = with("discrepancy");
    let delta = number(&object["noise"]["delta[0]"]["mean"]);
    let sigma = number(&object["noise"]["sigma[0]"]["mean"]);
    assert!(delta > 2.0 * sigma, "misfit {delta}, noise {sigma}");
    let prediction = &object["predictions"][0];
    assert!((0.8..=1.0).contains(&number(&prediction["coverage_90"])), "{prediction}");
    let table =
        fs::read_to_string(folder.path().join("runs/rod/calibrations/1/predict.csv")).unwrap();
    let row: Vec<&str> = table.lines().nth(50).unwrap().split(',').collect();
    let width = row[7].parse::<f64>().unwrap() - row[5].parse::<f64>().unwrap();
    // noise alone would be 2 * 1.645 * sigma wide
    assert!(width > 2.0 * 1.645 * delta * 0.9, "{width}, misfit {delta}, noise {sigma}");
}

#[test]
fn invented_data_rank_their_truth_and_an_interrupted_check_goes_on_to_the_same_ranks() {
    let folder = prepared();
    let verify = |count: &str, more: &[&str]| {
        let few = ["--json", "calibrate", "rod", "--data", "cell.csv", "--sbc", count];
        let less = ["--draws", "100", "--tune", "100", "--chains", "2", "--certify", "50"];
        surrogate(folder.path(), &[&few[..], &less[..], more].concat())
    };
    verify("3", &["--out", "whole"]).expect(0, &["data set 3 of 3", "interval covers"]);
    verify("2", &["--out", "parts"]).expect(0, &["data set 2 of 2"]);
    let said = verify("3", &["--out", "parts", "--resume"]);
    said.expect(0, &["data set 3 of 3"]);
    let ranks = |name: &str| fs::read(folder.path().join(name).join("sbc.jsonl")).unwrap();
    assert_eq!(ranks("whole"), ranks("parts"));
    let object = said.json();
    assert_eq!(object["data_sets"], 3);
    assert!(number(&object["unknowns"]["alpha"]["coverage_90"]) <= 1.0);
    assert!(number(&object["energy_j"]) > 0.0, "{object}");
    let table = fs::read_to_string(folder.path().join("whole/sbc.csv")).unwrap();
    assert!(table.starts_with("rank,low,high,alpha,sigma[0]\n"), "{table}");
    let page = fs::read_to_string(folder.path().join("whole/report.html")).unwrap();
    assert!(page.contains("id=\"sbc-ecdf\"") && page.contains("3 data sets were invented"));
}

#[test]
fn a_parameter_that_the_data_exceed_leans_on_the_box_and_is_refused() {
    let folder = prepared();
    let file = fs::read_to_string(folder.path().join("cell.csv")).unwrap();
    // the rod stays as hot as it began: slower than the box allows
    let hot: Vec<String> = file
        .lines()
        .enumerate()
        .map(|(k, line)| match (k, line.split_once(',')) {
            (1.., Some((time, _))) => format!("{time},{}", 10.0 + 0.01 * f64::from(k as u32 % 3)),
            _ => line.to_string(),
        })
        .collect();
    fs::write(folder.path().join("hot.csv"), hot.join("\n")).unwrap();
    let said = calibrate(folder.path(), &["--data", "hot.csv", "--strict"]);
    said.expect(3, &["alpha at its lower end", "no interval", "verdict refused"]);
    assert_eq!(said.json()["verdict"], "refused");
    let page = fs::read_to_string(folder.path().join("runs/rod/report.html")).unwrap();
    assert!(page.contains("The box, not the data, bounds (train over a larger one): alpha"));
    assert!(!page.contains("id=\"forest\"") && !page.contains(">95 %<"));
}

#[test]
fn bad_data_is_refused_with_its_line_and_a_way_out() {
    let folder = prepared();
    let cases: [(&str, &str, &[&str]); 9] = [
        ("", "", &["is empty", "header line"]),
        ("time_s,middle_K\n", "", &["no rows"]),
        ("time_s,middle_K\n0,10\n2,9\n1,8\n", "", &["line 4", "time 1 s follows 2 s", "sort"]),
        ("time_s,middle_K\n0,10\n1,abc\n", "", &["line 3", "`abc` in column `middle_K`"]),
        ("time_s,middle_K\n0,10\n1\n", "", &["line 3", "1 cells under 2 headers"]),
        ("time_s,middle_V\n0,10\n1,9\n", "", &["is in V, which is no unit of observed"]),
        ("time_s,x_K\n0,10\n1,9\n", "", &["no column for the observed", "observed=COLUMN"]),
        ("time_s,middle_K\n100,10\n101,9\n", "", &["0 points within 0 .. 10 s"]),
        ("time_s,middle_K\n0,10\n1,\n2,\n3,8\n", "", &["2 of 4 rows lack a number", "line 3"]),
    ];
    for (text, more, words) in cases {
        fs::write(folder.path().join("bad.csv"), text).unwrap();
        calibrate(folder.path(), &["--data", &format!("bad.csv{more}")]).expect(1, words);
    }
    let said = calibrate(folder.path(), &["--data", "nowhere.csv"]);
    said.expect(1, &["cannot read nowhere.csv"]);
    fs::write(folder.path().join("milli.csv"), "time_s,middle\n0,10000\n1,9000\n2,8000\n").unwrap();
    calibrate(folder.path(), &["--data", "milli.csv"]).expect(1, &["reaches", "check the unit"]);
}

#[test]
fn arguments_that_do_not_fit_the_surrogate_are_refused() {
    let folder = prepared();
    let with = |more: &[&str], words: &[&str]| {
        let mut arguments = vec!["--data", "cell.csv"];
        arguments.extend(more);
        calibrate(folder.path(), &arguments).expect(1, words);
    };
    with(&["--parameters", "beta"], &["no parameter `beta`", "alpha"]);
    with(&["--observe", "voltage"], &["no curve `voltage`", "middle"]);
    with(&["--noise", "2 mV"], &["no noise of middle", "another unit"]);
    with(&["--noise", "-1"], &["not positive"]);
    with(&["--max-energy", "5 apples"], &["not a positive energy"]);
    with(&["--resume"], &["no calibration to resume"]);
    let stated = ["--data", "cell.csv,alpha=0.02"];
    calibrate(folder.path(), &stated).expect(1, &["nothing is unknown"]);
    let outside = ["--data", "cell.csv,alpha=3"];
    calibrate(folder.path(), &outside).expect(1, &["alpha = 3", "trained for 0.01 .. 0.1"]);
    let strange = ["--data", "cell.csv,beta=3"];
    calibrate(folder.path(), &strange).expect(1, &["`beta` in --data is no parameter"]);
    let priors = "[calibrate.priors]\nalpha = { uniform = { low = 1, high = 2 } }\n";
    fs::write(folder.path().join("far.toml"), priors).unwrap();
    with(&["--model", "far.toml"], &["prior of `alpha` has no mass"]);
    fs::write(folder.path().join("odd.toml"), "[calibrate]\nsigma = 3\n").unwrap();
    with(&["--model", "odd.toml"], &["odd.toml: line 2: unknown field `sigma`"]);
    calibrate(folder.path(), &[]).expect(1, &["--data"]);
    with(&["--sbc", "0"], &["--sbc must be at least 1"]);
    with(&["--sbc", "2", "--likelihood", "discrepancy"], &["does not invent misfits"]);
}
