//! What is inferred: parameters of the surrogate, and the noise of each curve.

use surrogate_calibrate::{Parameter, Prior};
use surrogate_problem::Problem;

use super::experiment::Experiment;
use crate::failure::Failure;

/// The unknown parameters of the surrogate.
pub struct Unknowns {
    /// Positions among the parameters of the problem.
    pub list: Vec<usize>,
}

/// Default scale of noise and misfit, as a share of a curve's standard deviation.
const SCALE: f64 = 0.05;
/// Correlation of neighbours at most, of autocorrelated noise.
const MOST_RHO: f64 = 0.999;
/// Length of a smooth misfit, as a share of the curve's duration.
const LENGTHS: (f64, f64) = (0.07, 0.35);

impl Unknowns {
    /// Those named, or all that no curve states.
    ///
    /// # Errors
    /// Names that are no parameters, unknowns that a curve states, no unknown left, parameters that
    /// only some of the curves state.
    pub fn choose(
        names: &[String],
        problem: &Problem,
        curves: &[Experiment],
    ) -> Result<Self, Failure> {
        let parameters = &problem.parameters;
        let all = || parameters.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
        let stating = |k: usize| curves.iter().find(|c| c.stated[k].is_some());
        let mut list = Vec::new();
        for name in names.iter().map(|n| n.trim()).filter(|n| !n.is_empty()) {
            let Some(k) = parameters.iter().position(|p| p.name == name) else {
                return Err(Failure::helped(
                    format!("the surrogate has no parameter `{name}`"),
                    format!("its parameters are: {}", all()),
                ));
            };
            if let Some(curve) = stating(k) {
                let message =
                    format!("`{name}` is unknown by --parameters and known for {}", curve.name);
                return Err(Failure::helped(message, "take it out of one of the two"));
            }
            if !list.contains(&k) {
                list.push(k);
            }
        }
        if names.is_empty() {
            list = (0..parameters.len()).filter(|&k| stating(k).is_none()).collect();
        }
        if list.is_empty() {
            return Err(Failure::helped(
                "nothing is unknown: the curves state all parameters of the surrogate",
                "leave a value out of --data, or train over more parameters",
            ));
        }
        for (k, p) in parameters.iter().enumerate() {
            let silent = curves.iter().find(|c| c.stated[k].is_none());
            if let (Some(silent), Some(telling)) = (silent, stating(k)) {
                return Err(Failure::helped(
                    format!(
                        "`{}` is stated for {} and not for {}",
                        p.name, telling.name, silent.name
                    ),
                    format!("--data {},{}=VALUE", silent.name, p.name),
                ));
            }
        }
        Ok(Self { list })
    }

    /// Parameters that are neither unknown nor stated, in words.
    pub fn nominal(&self, problem: &Problem, curves: &[Experiment]) -> Vec<String> {
        let parameters = problem.parameters.iter().enumerate();
        let idle = parameters.filter(|(k, _)| {
            !self.list.contains(k) && curves.iter().all(|c| c.stated[*k].is_none())
        });
        idle.map(|(_, p)| format!("{} = {}", p.name, p.nominal / p.unit.factor)).collect()
    }
}

/// Priors of the unknowns of noise, by their names in the likelihood: `sigma[0]`, `rho[0]`, …
///
/// # Errors
/// Never for names that the likelihood gives.
pub fn noise_priors(
    names: &[String],
    curves: &[Experiment],
    noise: Option<f64>,
) -> Result<Vec<Parameter>, Failure> {
    let one = |name: &String| {
        let (kind, rest) = name.split_once('[').unwrap_or((name, "0]"));
        let curve = rest.trim_end_matches(']').parse().unwrap_or(0);
        let scale = SCALE * spread(&curves[curve]);
        let prior = match kind {
            "sigma" => Prior::HalfNormal { sd: noise.unwrap_or(scale) },
            "rho" => Prior::Uniform { low: 0.0, high: MOST_RHO },
            "length" => Prior::Uniform { low: LENGTHS.0, high: LENGTHS.1 },
            _ => Prior::HalfNormal { sd: scale },
        };
        Ok(Parameter::new(name, prior)?)
    };
    names.iter().map(one).collect()
}

/// Standard deviation of a curve's values; its mean size where that is zero.
fn spread(curve: &Experiment) -> f64 {
    let n = curve.values.len() as f64;
    let mean = curve.values.iter().sum::<f64>() / n;
    let sd = (curve.values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    if sd > 0.0 { sd } else { mean.abs().max(f64::MIN_POSITIVE) }
}
