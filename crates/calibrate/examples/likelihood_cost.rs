//! Time of a log-likelihood with its gradient, without the model: three curves of 200 points.
//!
//! Run with `cargo run --release -p surrogate-calibrate --example likelihood_cost`.
#![allow(clippy::print_stdout)]

use std::time::Instant;

use surrogate_calibrate::likelihood::{Curve, CurveLikelihood, CurveModel, Noise, SurrogateError};
use surrogate_calibrate::{CalibrateError, Fatal, LogDensity};

/// A model of four parameters that costs nothing.
#[derive(Clone, Copy)]
struct Free;

impl CurveModel for Free {
    fn parameters(&self) -> usize {
        4
    }
    fn points(&self) -> usize {
        600
    }
    fn predict(&self, x: &[f64], values: &mut [f64], jacobian: &mut [f64]) -> Result<(), Fatal> {
        values.fill(x[0]);
        jacobian.fill(1.0);
        Ok(())
    }
}

fn main() -> Result<(), CalibrateError> {
    let times: Vec<f64> = (0..200).map(f64::from).collect();
    let curve = Curve { values: times.iter().map(|t| (0.1 * t).sin()).collect(), times };
    let wave = |k: usize| (0..600).map(|i| 1e-2 * (0.01 * (k * i) as f64).sin()).collect();
    let errors: Vec<Vec<f64>> = (1..40).map(wave).collect();
    for noise in [Noise::Independent, Noise::Ar1] {
        let plain = CurveLikelihood::new(vec![curve.clone(); 3], Free, noise)?;
        let aware =
            plain.clone().with_surrogate_error(SurrogateError::from_validation(&errors, 8)?)?;
        let both = aware.clone().with_discrepancy()?;
        for (name, likelihood) in
            [("plain", plain), ("8 error modes", aware), ("and discrepancy", both)]
        {
            let x: Vec<f64> = vec![0.3; likelihood.dim()];
            let (mut logp, mut gradient) = ([0.0], vec![0.0; x.len()]);
            let begin = Instant::now();
            for _ in 0..500 {
                likelihood.logp_grad_batch(&x, &mut logp, &mut gradient)?;
            }
            println!("{noise:?}, {name}: {:.1} µs", begin.elapsed().as_secs_f64() * 2000.0);
        }
    }
    Ok(())
}
