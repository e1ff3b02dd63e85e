//! The posterior held against the data it was made of.

use surrogate_calibrate::likelihood::CurveModel;
use surrogate_calibrate::{CalibrateError, Draws, Prior, stream};

use super::experiment::Experiment;
use super::model::Models;
use crate::failure::Failure;

/// Draws that predictions are made of.
const PREDICTIONS: usize = 200;
/// Stream of random numbers of the noise of predictions.
const PREDICTION_STREAM: u64 = 1 << 43;

/// How the predictions lie to one curve.
pub struct Fit {
    /// Name of the curve.
    pub name: String,
    /// Points.
    pub points: usize,
    /// Root mean square of data less mean prediction, SI.
    pub rms: f64,
    /// Share of the points within the central 90 % of their predictions, noise included.
    pub coverage_90: f64,
    /// Correlation of neighbouring residuals.
    pub autocorrelation: f64,
    /// Mean prediction, SI.
    pub mean: Vec<f64>,
    /// Probability of a prediction below the measured value, by point.
    pub level: Vec<f64>,
    /// Measurements that the draws predict, `[draw][point]`, SI.
    pub replicates: Vec<Vec<f64>>,
}

/// Predictions of draws (SI) at the points of all curves: by the reference solver where it certifies,
/// or else by the surrogate. Draws at which the solver fails are left out.
///
/// # Errors
/// A failing prediction.
pub fn fits(
    models: &Models<'_>,
    draws: &Draws,
    curves: &[Experiment],
    certified: bool,
    seed: u64,
) -> Result<Vec<Fit>, Failure> {
    let posterior = &models.surrogate;
    let model: &dyn CurveModel = match &models.full {
        Ok(full) if certified => full.likelihood.model(),
        _ => posterior.likelihood.model(),
    };
    let (p, n) = (model.parameters(), model.points());
    let mut thinned = draws.thinned(PREDICTIONS);
    let x: Vec<f64> = thinned.iter().flat_map(|x| &x[..p]).copied().collect();
    let (mut values, mut jacobian) = (vec![0.0; thinned.len() * n], vec![0.0; x.len() * n]);
    model.predict(&x, &mut values, &mut jacobian).map_err(CalibrateError::from)?;
    let solved = |v: &&[f64]| v.iter().all(|v| v.is_finite());
    let good: Vec<bool> = values.chunks_exact(n).map(|v| solved(&v)).collect();
    let mut keep = good.iter();
    thinned.retain(|_| keep.next().is_some_and(|good| *good));
    let mut rng = stream(seed, PREDICTION_STREAM);
    let standard = Prior::Normal { mean: 0.0, sd: 1.0 };
    let mut out = Vec::new();
    let mut start = 0;
    for (c, curve) in curves.iter().enumerate() {
        let place = |kind: &str| {
            let name = format!("{kind}[{c}]");
            posterior.parameters.iter().position(|p| p.name == name)
        };
        let (sigma, delta) = (place("sigma"), place("delta"));
        let scatter = |x: &[f64]| {
            let part = |place: Option<usize>| place.map_or(0.0, |k| x[k]);
            part(sigma).hypot(part(delta))
        };
        let scatters: Vec<f64> = thinned.iter().map(|x| scatter(x)).collect();
        let predicted: Vec<&[f64]> = values
            .chunks_exact(n)
            .filter(solved)
            .map(|v| &v[start..][..curve.times.len()])
            .collect();
        let mut replicates: Vec<Vec<f64>> = Vec::new();
        for (f, s) in predicted.iter().zip(&scatters) {
            replicates.push(f.iter().map(|f| f + s * standard.sample(&mut rng)).collect());
        }
        out.push(Fit { replicates, ..fit(curve, &predicted, &scatters) });
        start += curve.times.len();
    }
    Ok(out)
}

/// The predictive distribution is a mixture of normals, one a draw.
fn fit(curve: &Experiment, predicted: &[&[f64]], scatters: &[f64]) -> Fit {
    let standard = Prior::Normal { mean: 0.0, sd: 1.0 };
    let count = predicted.len() as f64;
    let (mut mean, mut level) = (Vec::new(), Vec::new());
    for (i, &y) in curve.values.iter().enumerate() {
        mean.push(predicted.iter().map(|f| f[i]).sum::<f64>() / count);
        let below = predicted.iter().zip(scatters).map(|(f, s)| standard.cdf((y - f[i]) / s));
        level.push(below.sum::<f64>() / count);
    }
    let residuals: Vec<f64> = curve.values.iter().zip(&mean).map(|(y, f)| y - f).collect();
    let square = residuals.iter().map(|r| r * r).sum::<f64>();
    let neighbours = residuals.windows(2).map(|r| r[0] * r[1]).sum::<f64>();
    let points = curve.values.len();
    let inside = level.iter().filter(|l| (0.05..=0.95).contains(*l)).count();
    Fit {
        name: curve.name.clone(),
        points,
        rms: (square / points as f64).sqrt(),
        coverage_90: inside as f64 / points as f64,
        autocorrelation: if square > 0.0 { neighbours / square } else { 0.0 },
        mean,
        level,
        replicates: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_with_the_right_noise_cover_and_those_with_a_third_of_it_do_not() {
        let mut rng = stream(4, 0);
        let standard = Prior::Normal { mean: 0.0, sd: 1.0 };
        let n = 500;
        let curve = Experiment {
            name: String::new(),
            times: (0..n).map(f64::from).collect(),
            values: (0..n).map(|_| standard.sample(&mut rng)).collect(),
            stated: Vec::new(),
            notes: Vec::new(),
        };
        let zero = vec![0.0; curve.times.len()];
        let right = fit(&curve, &[&zero, &zero], &[1.0, 1.0]);
        assert!((right.coverage_90 - 0.9).abs() < 0.05, "{}", right.coverage_90);
        assert!((right.rms - 1.0).abs() < 0.1 && right.autocorrelation.abs() < 0.15);
        let narrow = fit(&curve, &[&zero, &zero], &[0.33, 0.33]);
        assert!(narrow.coverage_90 < 0.6, "{}", narrow.coverage_90);
    }
}
