//! The posterior held against measured curves: those it was made of, and those held out.
//!
//! The predictive distribution at a point is a mixture of normals, one a draw: the curve at the draw,
//! and the scatter of a measurement about it.

use surrogate_calibrate::likelihood::{CurveModel, SurrogateError};
use surrogate_calibrate::{CalibrateError, Draws, Prior, stream};

use super::experiment::Experiment;
use super::model::Models;
use super::study::{HeldOut, Study};
use super::verdict::Judged;
use crate::failure::Failure;

/// Draws that predictions are made of.
const PREDICTIONS: usize = 200;
/// Stream of random numbers of the noise of predictions.
const PREDICTION_STREAM: u64 = 1 << 43;
/// Ends of the central 90 %, in standard deviations of a normal.
const Z_90: f64 = 1.644_853_6;
/// Probability to which quantiles are found.
const TOLERANCE: f64 = 1e-7;
/// Steps to a quantile at most; Newton's takes some five.
const STEPS: usize = 80;

/// How the predictions lie to one curve.
pub struct Fit {
    /// Name of the curve.
    pub name: String,
    /// Points.
    pub points: usize,
    /// Draws at which the model gives no curve, left out of the predictions.
    pub failed: usize,
    /// Root mean square of data less mean prediction, SI.
    pub rms: f64,
    /// Share of the points within the central 90 % of their predictions, noise included.
    pub coverage_90: f64,
    /// Correlation of neighbouring residuals.
    pub autocorrelation: f64,
    /// Mean prediction, SI.
    pub mean: Vec<f64>,
    /// Quantiles of 5, 50 and 95 % of the predictions, noise included, by point, SI.
    pub quantiles: [Vec<f64>; 3],
    /// Probability of a prediction below the measured value, by point.
    pub level: Vec<f64>,
    /// Measurements that the draws predict, `[draw][point]`, SI.
    pub replicates: Vec<Vec<f64>>,
}

/// Predictions of draws (SI) at the points of the fitted curves: by the reference solver where it
/// certifies, or else by the surrogate.
///
/// # Errors
/// A failing prediction.
pub fn fits(
    models: &Models<'_>,
    judged: &Judged,
    curves: &[Experiment],
    seed: u64,
) -> Result<Vec<Fit>, Failure> {
    let certified = judged.certified;
    let posterior = &models.surrogate;
    let model: &dyn CurveModel = match &models.full {
        Ok(full) if certified => full.likelihood.model(),
        _ => posterior.likelihood.model(),
    };
    let error = models.error.filter(|_| !certified);
    let scatters: Vec<Scatter> = (0..curves.len()).map(|c| Scatter::of(models, &[c])).collect();
    predictions(model, error, &judged.draws, curves, &scatters, seed)
}

/// The same at curves that were not fitted. Their noise, and their misfit where the likelihood has
/// one, are taken to be like those of the fitted curves: the variances are the means of theirs. Of
/// the course of a new curve's misfit nothing is known, so all of its prior variance counts.
///
/// # Errors
/// A failing prediction.
pub fn of_held_out(
    models: &Models<'_>,
    judged: &Judged,
    study: &Study,
    seed: u64,
) -> Result<Vec<Fit>, Failure> {
    let Some(HeldOut { curves, sides }) = &study.held_out else { return Ok(Vec::new()) };
    let certified = judged.certified;
    let model: &dyn CurveModel = match &sides.full {
        Ok(full) if certified => full,
        _ => &sides.surrogate,
    };
    let error = match certified {
        true => None,
        false => sides.error(models.scatter, &study.trained.problem, &study.unknowns)?,
    };
    let noises = models.surrogate.parameters.iter().filter(|p| p.name.starts_with("sigma["));
    let all: Vec<usize> = (0..noises.count()).collect();
    let scatters: Vec<Scatter> = curves.iter().map(|_| Scatter::of(models, &all)).collect();
    predictions(model, error.as_ref(), &judged.draws, curves, &scatters, seed)
}

/// Places, in a draw, of what measurements of a curve scatter by.
struct Scatter {
    /// Noise and misfit of the fitted curves that the curve is like.
    places: Vec<usize>,
    curves: usize,
}

impl Scatter {
    /// As the mean of fitted curves.
    fn of(models: &Models<'_>, curves: &[usize]) -> Self {
        let place = |name: String| models.surrogate.parameters.iter().position(|p| p.name == name);
        let both = |c: &usize| [place(format!("sigma[{c}]")), place(format!("delta[{c}]"))];
        Self { places: curves.iter().flat_map(both).flatten().collect(), curves: curves.len() }
    }

    /// Variance at a draw, SI.
    fn variance(&self, x: &[f64]) -> f64 {
        self.places.iter().map(|&k| x[k] * x[k]).sum::<f64>() / self.curves.max(1) as f64
    }
}

/// Predictions of all curves. Draws at which the model fails are left out.
fn predictions(
    model: &dyn CurveModel,
    error: Option<&SurrogateError>,
    draws: &Draws,
    curves: &[Experiment],
    scatters: &[Scatter],
    seed: u64,
) -> Result<Vec<Fit>, Failure> {
    let (p, n) = (model.parameters(), model.points());
    let mut thinned = draws.thinned(PREDICTIONS);
    let x: Vec<f64> = thinned.iter().flat_map(|x| &x[..p]).copied().collect();
    let (mut values, mut jacobian) = (vec![0.0; thinned.len() * n], vec![0.0; x.len() * n]);
    model.predict(&x, &mut values, &mut jacobian).map_err(CalibrateError::from)?;
    let solved = |v: &&[f64]| v.iter().all(|v| v.is_finite());
    let good: Vec<bool> = values.chunks_exact(n).map(|v| solved(&v)).collect();
    let mut keep = good.iter();
    thinned.retain(|_| keep.next().is_some_and(|good| *good));
    let failed = good.len() - thinned.len();
    if thinned.is_empty() {
        let help = "the draws lie where the equations cannot be solved: --likelihood iid \
                    --certify 0 leaves the reference solver out";
        return Err(Failure::helped("no draw gives a curve to hold against the data", help));
    }
    let mut rng = stream(seed, PREDICTION_STREAM);
    let standard = Prior::Normal { mean: 0.0, sd: 1.0 };
    let (mut out, mut start) = (Vec::new(), 0);
    for (curve, scatter) in curves.iter().zip(scatters) {
        let noise: Vec<f64> = thinned.iter().map(|x| scatter.variance(x)).collect();
        let of_error = |i: usize| error.map_or((0.0, 0.0), |e| e.moments(start + i));
        let of_curve = |v: &[f64]| -> Vec<f64> {
            let points = v[start..][..curve.times.len()].iter().enumerate();
            points.map(|(i, f)| f + of_error(i).0).collect()
        };
        let centres: Vec<Vec<f64>> = values.chunks_exact(n).filter(solved).map(of_curve).collect();
        let spread = |i: usize| noise.iter().map(|v| (v + of_error(i).1).sqrt()).collect();
        let spreads: Vec<Vec<f64>> = (0..curve.times.len()).map(spread).collect();
        let mut replicates: Vec<Vec<f64>> = Vec::new();
        for (d, centre) in centres.iter().enumerate() {
            let at = |(f, s): (&f64, &Vec<f64>)| f + s[d] * standard.sample(&mut rng);
            replicates.push(centre.iter().zip(&spreads).map(at).collect());
        }
        out.push(Fit { replicates, failed, ..fit(curve, &centres, &spreads) });
        start += curve.times.len();
    }
    Ok(out)
}

/// Data against mixtures: centres `[draw][point]`, spreads `[point][draw]`.
fn fit(curve: &Experiment, centres: &[Vec<f64>], spreads: &[Vec<f64>]) -> Fit {
    let (mut mean, mut level) = (Vec::new(), Vec::new());
    let mut quantiles = [Vec::new(), Vec::new(), Vec::new()];
    for (i, (&y, spreads)) in curve.values.iter().zip(spreads).enumerate() {
        let mixture = Mixture { centres: centres.iter().map(|f| f[i]).collect(), spreads };
        mean.push(mixture.mean());
        level.push(mixture.at(y).0);
        for (list, (p, z)) in quantiles.iter_mut().zip([(0.05, -Z_90), (0.5, 0.0), (0.95, Z_90)]) {
            list.push(mixture.quantile(p, z));
        }
    }
    let residuals: Vec<f64> = curve.values.iter().zip(&mean).map(|(y, f)| y - f).collect();
    let square = residuals.iter().map(|r| r * r).sum::<f64>();
    let neighbours = residuals.windows(2).map(|r| r[0] * r[1]).sum::<f64>();
    let points = curve.values.len();
    let inside = level.iter().filter(|l| (0.05..=0.95).contains(*l)).count();
    Fit {
        name: curve.name.clone(),
        points,
        failed: 0,
        rms: (square / points as f64).sqrt(),
        coverage_90: inside as f64 / points as f64,
        autocorrelation: if square > 0.0 { neighbours / square } else { 0.0 },
        mean,
        quantiles,
        level,
        replicates: Vec::new(),
    }
}

/// The prediction of a measurement at one point: normals of equal weight, one a draw.
struct Mixture<'a> {
    centres: Vec<f64>,
    spreads: &'a [f64],
}

impl Mixture<'_> {
    fn mean(&self) -> f64 {
        self.centres.iter().sum::<f64>() / self.centres.len() as f64
    }

    /// Probability of values up to `y`, and the density there.
    fn at(&self, y: f64) -> (f64, f64) {
        let standard = Prior::Normal { mean: 0.0, sd: 1.0 };
        let (mut below, mut density) = (0.0, 0.0);
        for (f, s) in self.centres.iter().zip(self.spreads) {
            let z = (y - f) / s;
            below += standard.cdf(z);
            density += standard.logp(z).exp() / s;
        }
        let count = self.centres.len() as f64;
        (below / count, density / count)
    }

    /// The value below which a prediction lies with probability `p`, by Newton's method between
    /// bounds; `z` is that quantile of a standard normal, where it begins.
    fn quantile(&self, p: f64, z: f64) -> f64 {
        let each = || self.centres.iter().zip(self.spreads).map(|(f, s)| f + z * s);
        // the quantile of a mixture lies between the least and the greatest of its parts
        let (mut low, mut high) =
            each().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let mut x = each().sum::<f64>() / self.centres.len() as f64;
        for _ in 0..STEPS {
            let (below, density) = self.at(x);
            if (below - p).abs() < TOLERANCE {
                break;
            }
            if below > p {
                high = x
            } else {
                low = x
            }
            let next = x - (below - p) / density;
            x = if next > low && next < high { next } else { f64::midpoint(low, high) };
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(values: Vec<f64>) -> Experiment {
        Experiment {
            name: String::new(),
            times: (0..values.len()).map(|k| k as f64).collect(),
            lines: (2..values.len() + 2).collect(),
            values,
            stated: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn predictions_with_the_right_noise_cover_and_those_with_a_third_of_it_do_not() {
        let mut rng = stream(4, 0);
        let standard = Prior::Normal { mean: 0.0, sd: 1.0 };
        let curve = curve((0..500).map(|_| standard.sample(&mut rng)).collect());
        let zero = vec![vec![0.0; curve.times.len()]; 2];
        let right = fit(&curve, &zero, &vec![vec![1.0; 2]; curve.times.len()]);
        assert!((right.coverage_90 - 0.9).abs() < 0.05, "{}", right.coverage_90);
        assert!((right.rms - 1.0).abs() < 0.1 && right.autocorrelation.abs() < 0.15);
        let narrow = fit(&curve, &zero, &vec![vec![0.33; 2]; curve.times.len()]);
        assert!(narrow.coverage_90 < 0.6, "{}", narrow.coverage_90);
    }

    #[test]
    fn quantiles_hold_their_probability_also_where_draws_lie_far_apart() {
        let spreads = [0.1, 2.0, 0.5];
        let mixture = Mixture { centres: vec![-30.0, 0.0, 7.0], spreads: &spreads };
        for (p, z) in [(0.05, -Z_90), (0.5, 0.0), (0.95, Z_90)] {
            assert!((mixture.at(mixture.quantile(p, z)).0 - p).abs() < 1e-6, "{p}");
        }
        let one = Mixture { centres: vec![3.0], spreads: &[2.0] };
        assert!((one.quantile(0.95, Z_90) - (3.0 + 2.0 * Z_90)).abs() < 1e-6);
    }
}
