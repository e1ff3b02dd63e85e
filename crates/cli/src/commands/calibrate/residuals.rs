//! Are the residuals the noise that the likelihood takes them for? Intervals count on it.

use serde_json::{Value, json};
use surrogate_calibrate::likelihood::effective_share;
use surrogate_calibrate::residuals::{Correlation, Farthest, correlation, farthest};
use surrogate_problem::model::{Output, Unit};

use super::arguments::Scatter;
use super::experiment::Experiment;
use super::model::Models;
use super::predictive::Fit;
use super::verdict::Judged;

/// Probability, over all curves, below which residuals are not what the likelihood takes them for: how
/// often right intervals are doubted.
const DOUBT: f64 = 1e-3;
/// Standard deviations of the other points from which a single one is not noise.
const OUTLIER: f64 = 6.0;

/// The residuals of one curve, as the independent numbers that the likelihood makes of them.
pub struct Residuals {
    /// Name of the curve.
    name: String,
    /// Its points.
    points: usize,
    /// As many of them as the likelihood takes for independent.
    counted: usize,
    /// How far these hang together.
    correlation: Correlation,
    /// How many independent ones they are worth.
    alone: f64,
    /// The point farthest out.
    farthest: Option<Point>,
}

/// A point, and how far out it lies.
struct Point {
    far: Farthest,
    line: usize,
    time: f64,
    residual: f64,
}

/// Looks at the residuals of all curves, whitened by the covariance of the likelihood at the mean noise of
/// the draws. Where points count in part (`misfit`), as many are looked at as count.
pub fn of(
    models: &Models<'_>,
    judged: &Judged,
    curves: &[Experiment],
    fits: &[Fit],
) -> Vec<Residuals> {
    let residual = |(curve, fit): (&Experiment, &Fit)| -> Vec<f64> {
        curve.values.iter().zip(&fit.mean).map(|(y, f)| y - f).collect()
    };
    let residuals: Vec<Vec<f64>> = curves.iter().zip(fits).map(residual).collect();
    let means = judged.draws.means();
    let noise = &means[models.unknowns..];
    let white = match &models.full {
        Ok(full) if judged.certified => full.likelihood.whitened(&residuals, noise),
        _ => models.surrogate.likelihood.whitened(&residuals, noise),
    };
    let one = |(k, white): (usize, Vec<f64>)| {
        let (curve, step) = (&curves[k], (1.0 / models.shares[k]).round() as usize);
        let independent: Vec<f64> = white.iter().step_by(step).copied().collect();
        let point = |far: Farthest| Point {
            far,
            line: curve.lines[far.place],
            time: curve.times[far.place],
            residual: residuals[k][far.place],
        };
        Residuals {
            name: curve.name.clone(),
            points: white.len(),
            counted: independent.len(),
            correlation: correlation(&independent),
            alone: effective_share(&independent) * independent.len() as f64,
            farthest: farthest(&white).map(point),
        }
    };
    white.into_iter().enumerate().map(one).collect()
}

impl Residuals {
    /// For `summary.json`; the residual in the unit of the output, time in that of the problem.
    pub fn json(&self, output: &Output, time: &Unit) -> Value {
        let farthest = self.farthest.as_ref().map(|p| {
            json!({
                "line": p.line, "time": p.time / time.factor,
                "residual": p.residual / output.unit.factor, "deviations": p.far.deviations,
                "expected_deviations": p.far.expected, "probability": p.far.probability,
            })
        });
        json!({
            "curve": self.name, "points": self.counted, "worth_independent": self.alone,
            "neighbours_correlate": self.correlation.neighbours,
            "probability": self.correlation.probability, "farthest": farthest,
        })
    }
}

/// Adds to the judgement what the residuals say of it.
pub fn judge(
    judged: &mut Judged,
    all: &[Residuals],
    scatter: Scatter,
    output: &Output,
    time: &Unit,
) {
    let limit = DOUBT / all.len() as f64;
    let red: Vec<String> = all
        .iter()
        .filter(|r| r.correlation.probability < limit)
        .map(|r| {
            format!(
                "{}, whose {} points say as much as {:.0} independent ones (neighbours correlate {:.2})",
                r.name, r.counted, r.alone, r.correlation.neighbours
            )
        })
        .collect();
    if !red.is_empty() {
        judged.reasons.push(format!(
            "residuals hang together where the likelihood takes them for independent, so that intervals \
             are too narrow ({}): {}",
            way_out(scatter),
            red.join("; ")
        ));
    }
    // a misfit may be of any size, and residuals that hang together are one
    let single = |r: &&Residuals| scatter != Scatter::Misfit && r.correlation.probability >= limit;
    for residuals in all.iter().filter(single) {
        let Some(p) = residuals.farthest.as_ref().filter(|p| p.far.probability < limit) else {
            continue;
        };
        let words = format!(
            "{}, line {}, at {:.3} {}: {:.3e} {} off the fit, {:.1} sd of the other points, where the \
             farthest of {} normal numbers comes to {:.1}",
            residuals.name,
            p.line,
            p.time / time.factor,
            time.text,
            p.residual / output.unit.factor,
            output.unit.text,
            p.far.deviations,
            residuals.points,
            p.far.expected
        );
        if p.far.deviations > OUTLIER {
            judged.reasons.push(format!(
                "one point is no noise of the others (remove a faulty row; of a misfit, --likelihood \
                 misfit): {words}"
            ));
        } else {
            judged.remarks.push(words);
        }
    }
}

/// What to do about residuals that hang together.
fn way_out(scatter: Scatter) -> &'static str {
    match scatter {
        Scatter::Surrogate | Scatter::Iid => "--likelihood ar1 or misfit",
        Scatter::Ar1 | Scatter::Discrepancy => "--likelihood misfit",
        Scatter::Misfit => "fewer --points",
    }
}
