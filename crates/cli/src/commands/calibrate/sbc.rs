//! Simulation-based calibration: data sets are invented from the priors by the reference solver, the
//! surrogate infers from each, and the truths must be spread evenly among the draws.
//!
//! Source: Talts, Betancourt, Simpson, Vehtari and Gelman (2018), Validating Bayesian inference
//! algorithms with simulation-based calibration.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use surrogate_calibrate::diagnostics::{EcdfBand, ecdf_band};
use surrogate_calibrate::likelihood::{Curve, CurveModel};
use surrogate_calibrate::{CalibrateError, Prior, stream};
use surrogate_meter::Meter;
use surrogate_run::{Column, JsonLines, RunError, Table};

use super::arguments::{Calibrate, Scatter};
use super::certify;
use super::experiment::Experiment;
use super::model::{Models, Prepared, measured};
use super::place::Place;
use super::sampling::{self, Settings};
use super::verdict;
use crate::failure::Failure;
use crate::interrupts;
use crate::terminal::Terminal;

/// Stream of random numbers of the first data set.
const SBC_STREAM: u64 = 1 << 42;
/// Draws among which a truth is ranked; ranks are 0 to this number.
const RANKED: usize = 99;
/// Places at which the distribution of ranks is looked at.
const PLACES: usize = 20;
/// Probability that ranks of a true posterior stay in the band.
const BAND: f64 = 0.95;
/// Draws a chain, where the command line says nothing.
const DRAWS: usize = 500;
/// Parameter vectors tried for one at which the reference solver gives a curve.
const TRIES: usize = 20;

/// One data set.
#[derive(Serialize, Deserialize)]
struct Trial {
    /// Its number.
    number: usize,
    /// What made it, SI.
    truth: Vec<f64>,
    /// By unknown: how many of the ranked draws lie below the truth.
    ranks: Vec<usize>,
    /// Why the posterior would be refused; empty where it would not.
    reasons: Vec<String>,
}

/// What comes of it.
pub struct Verified {
    /// For stdout and `sbc.json`.
    pub summary: Value,
    /// Whether all ranks stay in their band.
    pub even: bool,
    /// Whether Ctrl-C came before the last data set.
    pub interrupted: bool,
}

/// Invents `count` data sets, infers from each, and writes `sbc.jsonl`, `sbc.csv` and `sbc.json`.
///
/// # Errors
/// No reference solver, a likelihood that data cannot be invented of, a failing sampler.
pub fn run(
    arguments: &Calibrate,
    count: usize,
    prepared: &Prepared,
    curves: &[Experiment],
    place: &Place,
    meter: &Meter,
    terminal: &Terminal,
) -> Result<Verified, Failure> {
    let models = prepared.models(&measured(curves))?;
    let path = place.folder.join("sbc.jsonl");
    let mut trials: Vec<Trial> = match surrogate_run::read_lines(&path) {
        Err(RunError::Missing { .. }) => Vec::new(),
        other => other?.items,
    };
    let mut lines = JsonLines::append(&path)?;
    for number in trials.len()..count {
        if interrupts::asked() {
            break;
        }
        let trial = trial(arguments, number, prepared, &models, curves, meter, terminal)?;
        let Some(trial) = trial else { break };
        lines.write(&trial)?;
        terminal.say(format!("data set  {} of {count}: ranks {:?}", number + 1, trial.ranks));
        trials.push(trial);
    }
    let names: Vec<&str> = models.surrogate.parameters.iter().map(|p| p.name.as_str()).collect();
    let band = ecdf_band(trials.len() as u64, PLACES, BAND);
    let (summary, even) = summary(&names, &trials, &band);
    write(place, &names, &trials, &band)?;
    surrogate_run::write_json(&place.folder.join("sbc.json"), &summary)?;
    say(&summary, terminal);
    Ok(Verified { summary, even, interrupted: trials.len() < count })
}

/// Invents one data set and infers from it; nothing after Ctrl-C.
fn trial(
    arguments: &Calibrate,
    number: usize,
    prepared: &Prepared,
    models: &Models<'_>,
    curves: &[Experiment],
    meter: &Meter,
    terminal: &Terminal,
) -> Result<Option<Trial>, Failure> {
    let seed = arguments.seed.wrapping_add(number as u64);
    let (truth, data) = invented(models, curves, arguments.seed, number)?;
    let models = prepared.models(&data)?;
    let asked = Settings::of(arguments);
    let settings = Settings { seed, draws: asked.draws.or(Some(DRAWS)), ..asked };
    let drawn = sampling::draw(&settings, &models, &models.surrogate, None, meter, terminal)?;
    if interrupts::asked() {
        return Ok(None);
    }
    let certified = match drawn.exact {
        Some(_) => None,
        None => certify::certify(&models, &drawn.draws, arguments.certify)?,
    };
    let judged = verdict::judge(&models, &drawn, certified.as_ref(), seed)?;
    let ranked = judged.draws.thinned(RANKED);
    let rank = |k: usize| ranked.iter().filter(|x| x[k] < truth[k]).count();
    let ranks = (0..truth.len()).map(rank).collect();
    Ok(Some(Trial { number, truth, ranks, reasons: judged.reasons }))
}

/// Unknowns of the prior, and curves of the reference solver with noise of theirs.
fn invented(
    models: &Models<'_>,
    curves: &[Experiment],
    seed: u64,
    number: usize,
) -> Result<(Vec<f64>, Vec<Curve>), Failure> {
    let full = models.full.as_ref().map_err(|why| {
        Failure::helped(
            format!("no data can be invented: {why}"),
            "leave --sbc out: without a reference solver nothing says what is true",
        )
    })?;
    if models.scatter == Scatter::Discrepancy {
        return Err(Failure::helped(
            "--sbc does not invent misfits of a model",
            "--likelihood surrogate, iid or ar1",
        ));
    }
    let mut rng = stream(seed, SBC_STREAM + number as u64);
    let model = full.likelihood.model();
    let (p, n) = (model.parameters(), model.points());
    for _ in 0..TRIES {
        let truth = full.sample_prior(&mut rng).map_err(CalibrateError::from)?;
        let (mut values, mut unused) = (vec![0.0; n], vec![0.0; n * p]);
        model.predict(&truth[..p], &mut values, &mut unused).map_err(CalibrateError::from)?;
        if values.iter().any(|v| !v.is_finite()) {
            continue;
        }
        let standard = Prior::Normal { mean: 0.0, sd: 1.0 };
        let (mut out, mut start) = (Vec::new(), 0);
        for (c, curve) in curves.iter().enumerate() {
            let unknown = |kind: &str| {
                let name = format!("{kind}[{c}]");
                full.parameters.iter().position(|p| p.name == name).map(|k| truth[k])
            };
            let sigma = unknown("sigma").unwrap_or(0.0);
            let rho = unknown("rho").unwrap_or(0.0);
            let exact = &values[start..][..curve.times.len()];
            let noise = noise(&curve.times, sigma, rho, || standard.sample(&mut rng));
            let mut values: Vec<f64> = exact.iter().zip(noise).map(|(f, e)| f + e).collect();
            // the measurement that ends the experiment is its last
            if let Some(end) = values.iter().position(|v| models.limits.passed(*v)) {
                values.truncate(end + 1);
            }
            out.push(Curve { times: curve.times.clone(), values });
            start += curve.times.len();
        }
        return Ok((truth, out));
    }
    Err(Failure::helped(
        format!("the reference solver fails at {TRIES} parameter vectors of the prior"),
        "narrow the priors, or the box in the problem file",
    ))
}

/// Noise of standard deviation `sigma` whose neighbours correlate by `rho` over the mean step.
fn noise(times: &[f64], sigma: f64, rho: f64, mut normal: impl FnMut() -> f64) -> Vec<f64> {
    let steps = (times.len() - 1).max(1) as f64;
    let mean_step = (times[times.len() - 1] - times[0]) / steps;
    let mut out = vec![sigma * normal()];
    for t in times.windows(2) {
        let phi = rho.powf((t[1] - t[0]) / mean_step);
        let before = out[out.len() - 1];
        out.push(phi * before + sigma * (1.0 - phi * phi).sqrt() * normal());
    }
    out
}

/// Ranks of unknown `k` as fractions.
fn fractions(trials: &[Trial], k: usize) -> Vec<f64> {
    trials.iter().map(|t| (t.ranks[k] + 1) as f64 / (RANKED + 1) as f64).collect()
}

/// Share of truths within the central interval of a probability.
fn coverage(trials: &[Trial], k: usize, probability: f64) -> f64 {
    let size = (RANKED + 1) as f64;
    let low = ((1.0 - probability) / 2.0 * size).round() as usize;
    let inside = |t: &&Trial| (low..RANKED + 1 - low).contains(&t.ranks[k]);
    trials.iter().filter(inside).count() as f64 / trials.len().max(1) as f64
}

fn summary(names: &[&str], trials: &[Trial], band: &EcdfBand) -> (Value, bool) {
    let (mut unknowns, mut all) = (Map::new(), true);
    for (k, name) in names.iter().enumerate() {
        let even = band.holds(&fractions(trials, k));
        all &= even;
        unknowns.insert(
            (*name).to_string(),
            json!({
                "coverage_50": coverage(trials, k, 0.5),
                "coverage_90": coverage(trials, k, 0.9),
                "in_band": even,
            }),
        );
    }
    let refused = trials.iter().filter(|t| !t.reasons.is_empty()).count();
    let summary = json!({
        "data_sets": trials.len(), "refused": refused, "unknowns": unknowns,
        "band_probability": band.probability, "verdict": if all { "even" } else { "uneven" },
    });
    (summary, all)
}

/// The empirical distribution of the ranks and its band.
fn write(place: &Place, names: &[&str], trials: &[Trial], band: &EcdfBand) -> Result<(), Failure> {
    let counts = |list: &[u64]| list.iter().map(|&c| c as f64).collect::<Vec<f64>>();
    let mut columns = vec![
        Column::numbers("rank", "", band.at.clone()),
        Column::numbers("low", "", counts(&band.low)),
        Column::numbers("high", "", counts(&band.high)),
    ];
    for (k, name) in names.iter().enumerate() {
        let ranks = fractions(trials, k);
        let below = |z: &f64| ranks.iter().filter(|r| *r <= z).count() as f64;
        columns.push(Column::numbers(name, "", band.at.iter().map(below).collect()));
    }
    Ok(Table::new(columns).write_csv(&place.folder.join("sbc.csv"))?)
}

fn say(summary: &Value, terminal: &Terminal) {
    let percent = |v: &Value| 100.0 * v.as_f64().unwrap_or(f64::NAN);
    for (name, of) in summary["unknowns"].as_object().into_iter().flatten() {
        terminal.say(format!(
            "{name:20} the 50 % interval covers {:.0} %, that of 90 % {:.0} %; ranks {} the band",
            percent(&of["coverage_50"]),
            percent(&of["coverage_90"]),
            if of["in_band"] == true { "stay in" } else { "leave" },
        ));
    }
    terminal.say(format!(
        "{} data sets, {} of whose posteriors would be refused",
        summary["data_sets"], summary["refused"]
    ));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn trials(ranks: impl Iterator<Item = usize>) -> Vec<Trial> {
        let one = |(number, rank)| Trial {
            number,
            truth: vec![0.0],
            ranks: vec![rank],
            reasons: Vec::new(),
        };
        ranks.enumerate().map(one).collect()
    }

    #[test]
    fn even_ranks_cover_what_they_should_and_crowded_ones_leave_the_band() {
        let band = ecdf_band(200, PLACES, BAND);
        let even = trials((0..200).map(|k| k / 2));
        assert!((coverage(&even, 0, 0.9) - 0.9).abs() < 1e-12);
        assert!((coverage(&even, 0, 0.5) - 0.5).abs() < 1e-12);
        assert!(band.holds(&fractions(&even, 0)));
        // intervals twice too narrow: truths crowd at both ends
        let crowded = trials((0..200).map(|k| if k % 4 == 0 { k / 2 } else { (k % 2) * 99 }));
        assert!(!band.holds(&fractions(&crowded, 0)));
        assert!(coverage(&crowded, 0, 0.9) < 0.5);
    }

    #[test]
    fn autocorrelated_noise_has_the_variance_and_correlation_asked_for() {
        let mut rng = stream(1, 0);
        let standard = Prior::Normal { mean: 0.0, sd: 1.0 };
        let times: Vec<f64> = (0..20_000).map(f64::from).collect();
        let list = noise(&times, 2.0, 0.7, || standard.sample(&mut rng));
        let square = list.iter().map(|e| e * e).sum::<f64>();
        let product = list.windows(2).map(|e| e[0] * e[1]).sum::<f64>();
        assert!((square / 20_000.0 / 4.0 - 1.0).abs() < 0.1);
        assert!((product / square - 0.7).abs() < 0.05);
    }
}
