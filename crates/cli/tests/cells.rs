//! The published cells: surrogates of them against the closed form, and what is calibrated with them.
#![allow(clippy::unwrap_used)]

#[path = "support/cells.rs"]
mod cells;
mod support;

use std::fs;
use std::path::Path;

use cells::{BOX, Cell, FACTORS};
use serde_json::Value;
use support::{Said, problem, surrogate};
use surrogate_calibrate::likelihood::{Curve, CurveLikelihood, CurveModel, Noise};
use surrogate_calibrate::{Fatal, Nuts, Options, Parameter, Posterior, Prior, stream, unwatched};
use tempfile::{TempDir, tempdir};

/// C-rates of the measured curves.
const RATES: [f64; 3] = [0.5, 1.0, 2.0];
/// Noise of the measurements, V.
const NOISE_V: f64 = 2e-3;
/// Factors that made them.
const TRUTH: [f64; 6] = [0.7, 1.8, 0.6, 1.5, 0.95, 1.02];

/// A folder with the trained cell, `runs/cell`.
fn trained() -> TempDir {
    let folder = tempdir().unwrap();
    let file = problem("spm-chen2020.toml");
    surrogate(folder.path(), &["train", &file, "--name", "cell"])
        .expect(0, &["goal voltage rms 5.00e-5 V: reached"]);
    folder
}

fn table(folder: &Path, name: &str) -> (Vec<String>, Vec<Vec<f64>>) {
    let text = fs::read_to_string(folder.join(name)).unwrap();
    let mut lines = text.lines().map(|l| l.split(',').map(str::to_string).collect::<Vec<_>>());
    let header = lines.next().unwrap();
    (header, lines.map(|l| l.iter().map(|v| v.parse().unwrap()).collect()).collect())
}

/// Writes measured curves of factors as `0.csv`, `1.csv`, …, with a column of the current.
fn measured(folder: &Path, factors: &[f64; 6], seed: u64) -> Vec<Vec<(f64, f64)>> {
    let cell = Cell::chen2020();
    let mut rng = stream(seed, 0);
    let noise = Prior::Normal { mean: 0.0, sd: NOISE_V };
    let mut out = Vec::new();
    for (k, rate) in RATES.iter().enumerate() {
        let mut curve = cell.discharge(*rate, factors, 200);
        curve.iter_mut().for_each(|(_, v)| *v += noise.sample(&mut rng));
        let current = rate * cell.one_c;
        let rows = curve.iter().map(|(t, v)| format!("{t},{current},{v}\n"));
        let text = format!("time_s,current_A,voltage_V\n{}", rows.collect::<String>());
        fs::write(folder.join(format!("{k}.csv")), text).unwrap();
        out.push(curve);
    }
    out
}

fn calibrate(folder: &Path, names: &str, more: &[&str]) -> Said {
    let mut arguments = vec!["--json", "calibrate", "cell", "--parameters", names];
    arguments.extend(["--data", "0.csv", "--data", "1.csv", "--data", "2.csv"]);
    arguments.extend(more);
    surrogate(folder, &arguments)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn a_surrogate_of_a_cell_gives_the_closed_form_down_to_the_cut_off_and_no_number_after_it() {
    let folder = trained();
    let cell = Cell::chen2020();
    let points: [(f64, [f64; 6]); 3] =
        [(0.5, [1.0; 6]), (2.2, [0.2, 0.2, 5.0, 0.2, 0.85, 1.05]), (1.3, TRUTH)];
    for (rate, factors) in points {
        let named = FACTORS.iter().zip(factors).map(|(n, v)| format!(",{n}={v}"));
        let params = format!("c_rate={rate}{}", named.collect::<String>());
        let end = cell.discharge(rate, &factors, 2)[1].0;
        for (command, of) in [("predict", "cell"), ("solve", &*problem("spm-chen2020.toml"))] {
            let arguments =
                [command, of, "--params", &params, "--times", "0:10000:501", "--out", "v.csv"];
            surrogate(folder.path(), &arguments).expect(0, &["after the end of the experiment"]);
            let (header, rows) = table(folder.path(), "v.csv");
            assert_eq!(header, ["time_s", "voltage_V", "x_surf_n", "x_surf_p"]);
            for row in rows {
                let exact = cell.voltage(row[0], rate, &factors);
                if row[0] > end {
                    assert!(row[1..].iter().all(|v| v.is_nan()), "{command} {row:?}");
                } else {
                    let (gap, most) = ((row[1] - exact).abs(), 5e-4);
                    assert!(gap < most, "{command} {params} at {} s: {gap} V", row[0]);
                }
            }
        }
    }
}

#[test]
fn factors_of_a_cell_come_back_from_three_discharges_whose_rate_the_current_tells() {
    let folder = trained();
    measured(folder.path(), &TRUTH, 3);
    let said = calibrate(folder.path(), "D_n,D_p,i0_n,i0_p,eps_n,eps_p", &["--strict"]);
    said.expect(0, &["c_rate = 0.5", "c_rate = 2", "verdict certified"]);
    let object = said.json();
    for (name, truth) in FACTORS.iter().zip(TRUTH) {
        let found = &object["parameters"][name];
        let off = (number(&found["mean"]) - truth) / number(&found["sd"]);
        assert!(off.abs() < 4.0, "{name} is off by {off} sd: {found}");
        assert!(number(&found["sd"]) < 0.1 * truth, "{name}: {found}");
    }
    let current = "time_s,current_A,voltage_V\n0,20,4\n1,20,3.9\n2,20,3.8\n";
    fs::write(folder.path().join("fast.csv"), current).unwrap();
    let fast = ["calibrate", "cell", "--data", "fast.csv"];
    surrogate(folder.path(), &fast).expect(1, &["c_rate = 4", "trained for 0.4"]);
}

/// The closed form as a model of curves: derivatives by differences.
struct Exact {
    cell: Cell,
    times: Vec<Vec<f64>>,
}

impl Exact {
    fn values(&self, factors: &[f64; 6]) -> Vec<f64> {
        let curves = RATES.iter().zip(&self.times);
        curves
            .flat_map(|(rate, times)| times.iter().map(|t| self.cell.voltage(*t, *rate, factors)))
            .collect()
    }
}

impl CurveModel for Exact {
    fn parameters(&self) -> usize {
        FACTORS.len()
    }
    fn points(&self) -> usize {
        self.times.iter().map(Vec::len).sum()
    }
    fn predict(&self, x: &[f64], values: &mut [f64], jacobian: &mut [f64]) -> Result<(), Fatal> {
        let (p, n) = (self.parameters(), self.points());
        for (b, x) in x.chunks_exact(p).enumerate() {
            let at: [f64; 6] = std::array::from_fn(|k| x[k]);
            values[b * n..][..n].copy_from_slice(&self.values(&at));
            for k in 0..p {
                let moved = |s: f64| {
                    let mut y = at;
                    y[k] *= 1.0 + s * 1e-5;
                    self.values(&y)
                };
                let (up, down) = (moved(1.0), moved(-1.0));
                let column = &mut jacobian[(b * p + k) * n..][..n];
                for ((j, u), d) in column.iter_mut().zip(up).zip(down) {
                    *j = (u - d) / (2e-5 * at[k]);
                }
            }
        }
        Ok(())
    }
}

#[test]
#[ignore = "slow: NUTS on the closed form, some minutes"]
fn the_posterior_is_that_of_the_same_sampler_on_the_exact_model() {
    let folder = trained();
    let data = measured(folder.path(), &TRUTH, 7);
    let more = ["--draws", "4000", "--seed", "1"];
    let said = calibrate(folder.path(), "D_n,D_p,i0_n,i0_p,eps_n,eps_p", &more);
    let found = said.expect(0, &["certified"]).json();
    let times = data.iter().map(|c| c.iter().map(|(t, _)| *t).collect()).collect();
    let curves = data.iter().map(|c| Curve {
        times: c.iter().map(|(t, _)| *t).collect(),
        values: c.iter().map(|(_, v)| *v).collect(),
    });
    let model = Exact { cell: Cell::chen2020(), times };
    let likelihood = CurveLikelihood::new(curves.collect(), model, Noise::Independent).unwrap();
    let mut parameters: Vec<Parameter> = (FACTORS.iter().zip(BOX).enumerate())
        .map(|(k, (name, (low, high)))| {
            let log = k < 4;
            let prior =
                if log { Prior::LogUniform { low, high } } else { Prior::Uniform { low, high } };
            Parameter::new(*name, prior).unwrap()
        })
        .collect();
    for name in likelihood.nuisances() {
        parameters.push(Parameter::new(&name, Prior::HalfNormal { sd: NOISE_V }).unwrap());
    }
    let posterior = Posterior::new(parameters, likelihood).unwrap();
    let truth: Vec<f64> = TRUTH.iter().copied().chain([NOISE_V; 3]).collect();
    let start = posterior.coordinates_at(&truth);
    let sampler = Nuts { draws: 4000, target_accept: 0.95, seed: 2, threads: 2, ..Nuts::default() };
    let starts = start.repeat(sampler.chains);
    let options = Options { starts: Some(&starts), watch: &unwatched };
    let draws = posterior.parameters_of(&sampler.sample_with(&posterior, options).unwrap());
    for (k, name) in FACTORS.iter().enumerate() {
        let values: Vec<f64> = draws.coordinate(k).concat();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let by_surrogate = &found["parameters"][name];
        let shift = (number(&by_surrogate["mean"]) - mean) / sd;
        let ratio = number(&by_surrogate["sd"]) / sd;
        assert!(shift.abs() < 0.1, "{name} is shifted by {shift} sd");
        assert!((0.95..1.05).contains(&ratio), "{name}: ratio of sd {ratio}");
    }
}
