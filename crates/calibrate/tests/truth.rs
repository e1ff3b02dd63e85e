//! Intervals of a surrogate with an error of its own, over many truths of the full model.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use surrogate_calibrate::checks::{check_curve, check_ranks, rank};
use surrogate_calibrate::likelihood::{Curve, CurveLikelihood, CurveModel, Noise, SurrogateError};
use surrogate_calibrate::{Fatal, Nuts, Parameter, Posterior, Prior, stream};

const POINTS: usize = 60;
/// Prior of the noise, from which its truths are drawn: 2 mV, give or take.
const SIGMA: Prior = Prior::LogNormal { median: 2e-3, sd_log: 0.2 };

/// A voltage that falls with a diffusion-like and a resistance-like parameter, in volts.
#[derive(Clone, Copy)]
struct Voltage;

impl CurveModel for Voltage {
    fn parameters(&self) -> usize {
        2
    }
    fn points(&self) -> usize {
        POINTS
    }
    fn predict(&self, x: &[f64], values: &mut [f64], jacobian: &mut [f64]) -> Result<(), Fatal> {
        for (b, x) in x.chunks_exact(2).enumerate() {
            for i in 0..POINTS {
                let t = time(i);
                let rise = (-3.0 * t / x[1]).exp();
                values[b * POINTS + i] = 4.0 - 0.5 * t - 0.05 * x[0] - 0.04 * x[1] * (1.0 - rise);
                jacobian[2 * b * POINTS + i] = -0.05;
                jacobian[(2 * b + 1) * POINTS + i] =
                    -0.04 * (1.0 - rise) + 0.04 * 3.0 * t / x[1] * rise;
            }
        }
        Ok(())
    }
}

fn time(i: usize) -> f64 {
    (i as f64 + 0.5) / POINTS as f64
}

/// What the surrogate lacks: smooth, of 2 mV, and another one for every parameter vector.
fn error(rng: &mut ChaCha8Rng) -> Vec<f64> {
    let z: Vec<f64> = (0..4).map(|_| StandardNormal.sample(rng)).collect();
    let shape = |i: usize| -> f64 {
        z.iter().enumerate().map(|(k, z)| z * (f64::from(k as u32) * 3.1 * time(i)).cos()).sum()
    };
    (0..POINTS).map(|i| 1.2e-3 * shape(i)).collect()
}

/// Ranks of both parameters over truths, with or without the error in the likelihood.
fn ranks(truths: u64, aware: bool) -> [Vec<f64>; 2] {
    let mut out = [Vec::new(), Vec::new()];
    for truth in 0..truths {
        let mut rng = stream(truth, 0);
        // another validation of the surrogate for every truth, so that its luck is averaged over
        let known: Vec<Vec<f64>> = (0..40).map(|k| error(&mut stream(truth, 1 + k))).collect();
        let modes = SurrogateError::from_validation(&known, 6).unwrap();
        let sigma = SIGMA.sample(&mut rng);
        let x = [rng.random_range(0.5..2.0), rng.random_range(0.5..2.0)];
        let mut values = vec![0.0; POINTS];
        Voltage.predict(&x, &mut values, &mut [0.0; 2 * POINTS]).unwrap();
        for (v, e) in values.iter_mut().zip(error(&mut rng)) {
            let z: f64 = StandardNormal.sample(&mut rng);
            *v += e + sigma * z;
        }
        let curve = Curve { times: (0..POINTS).map(time).collect(), values };
        let mut likelihood =
            CurveLikelihood::new(vec![curve], Voltage, Noise::Independent).unwrap();
        if aware {
            likelihood = likelihood.with_surrogate_error(modes).unwrap();
        }
        let uniform = Prior::Uniform { low: 0.5, high: 2.0 };
        let unknowns = vec![
            Parameter::new("r", uniform).unwrap(),
            Parameter::new("d", uniform).unwrap(),
            Parameter::new("sigma", SIGMA).unwrap(),
        ];
        let posterior = Posterior::new(unknowns, likelihood).unwrap();
        let nuts =
            Nuts { chains: 2, tune: 200, draws: 300, seed: truth, threads: 1, ..Nuts::default() };
        let draws = posterior.parameters_of(&nuts.sample(&posterior).unwrap());
        for (k, out) in out.iter_mut().enumerate() {
            out.push(rank(x[k], &draws.coordinate(k).concat()).unwrap());
        }
    }
    out
}

#[test]
#[ignore = "slow: 400 posteriors, half a minute"]
fn intervals_are_right_with_the_surrogates_error_and_wrong_without() {
    for aware in [false, true] {
        for (k, ranks) in ranks(200, aware).iter().enumerate() {
            let check = check_ranks(ranks);
            let (half, most) = (check.coverage_50, check.coverage_90);
            println!(
                "aware {aware}, parameter {k}: coverage {half:.2}, {most:.2}, {}",
                check.uniform
            );
            if aware {
                assert!((0.86..=0.96).contains(&most) && check.uniform);
            } else {
                assert!(most < 0.7 && !check.uniform);
            }
        }
    }
}

#[test]
fn ranks_of_a_right_posterior_are_uniform_and_of_a_narrow_one_are_not() {
    let mut rng = stream(4, 0);
    let mut normal = |sd: f64| -> f64 {
        let z: f64 = StandardNormal.sample(&mut rng);
        sd * z
    };
    for (width, right) in [(1.0, true), (0.5, false)] {
        let ranks: Vec<f64> = (0..300)
            .map(|_| {
                let truth = normal(1.0);
                rank(truth, &(0..500).map(|_| normal(width)).collect::<Vec<_>>()).unwrap()
            })
            .collect();
        let check = check_ranks(&ranks);
        assert_eq!(check.uniform, right);
        assert_eq!((check.coverage_90 - 0.9).abs() < 0.05, right);
    }
    assert!(rank(0.0, &[1.0; 50]).is_err());
}

#[test]
fn residuals_that_go_together_count_less() {
    let measured: Vec<f64> = (0..200).map(|i| (f64::from(i) * 0.02).sin()).collect();
    let mut rng = stream(8, 0);
    let replicates: Vec<Vec<f64>> = (0..200)
        .map(|_| {
            (0..200)
                .map(|_| {
                    let z: f64 = StandardNormal.sample(&mut rng);
                    z
                })
                .collect()
        })
        .collect();
    let smooth = check_curve(&measured, &replicates).unwrap();
    assert!(smooth.lag_one > 0.9 && smooth.effective_points < 10.0, "{smooth:?}");
    let white = check_curve(&replicates[0], &replicates[1..]).unwrap();
    assert!(white.lag_one.abs() < 0.25 && (white.coverage_90 - 0.9).abs() < 0.08, "{white:?}");
    assert!(check_curve(&[], &replicates).is_err());
    assert!(check_curve(&measured, &[]).is_err());
    assert!(check_curve(&measured[1..], &replicates).is_err());
}
