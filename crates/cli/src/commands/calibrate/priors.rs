//! Priors as users write them, in the units of their parameters.

use std::collections::BTreeMap;

use serde::Deserialize;
use surrogate_calibrate::{MultivariateNormal, Parameter, Prior};
use surrogate_problem::Problem;
use surrogate_problem::model;

use super::unknowns::Unknowns;
use crate::failure::Failure;

/// Priors of unknown parameters. Those that have none are uniform over the surrogate's box, in the
/// logarithm where the parameter is logarithmic.
#[derive(Default)]
pub struct Priors {
    /// By parameter.
    pub own: BTreeMap<String, Written>,
    /// A normal of several parameters together.
    pub joint: Option<Joint>,
}

/// A prior of one parameter: `{ normal = { mean = 1, sd = 0.2 } }`.
#[derive(Deserialize, Debug, Clone, Copy)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Written {
    /// Between two ends.
    Uniform { low: f64, high: f64 },
    /// In the logarithm.
    LogUniform { low: f64, high: f64 },
    /// Normal.
    Normal { mean: f64, sd: f64 },
    /// The logarithm is normal.
    #[serde(alias = "lognormal")]
    LogNormal { median: f64, sd_log: f64 },
    /// Positive half of a normal.
    HalfNormal { sd: f64 },
    /// Positive half of a Cauchy.
    HalfCauchy { scale: f64 },
    /// Of mean shape / rate.
    Gamma { shape: f64, rate: f64 },
    /// On (0, 1), for parameters without unit.
    Beta { alpha: f64, beta: f64 },
    /// Normal between two ends.
    TruncatedNormal { mean: f64, sd: f64, low: f64, high: f64 },
}

/// A normal of several parameters together.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Joint {
    /// Its parameters.
    pub parameters: Vec<String>,
    /// Their means.
    pub mean: Vec<f64>,
    /// Rows of the covariance.
    pub covariance: Vec<Vec<f64>>,
}

/// Parameters with their priors; those numbered share a joint normal.
pub type WithJoint = (Vec<Parameter>, Option<(Vec<usize>, MultivariateNormal)>);

impl Written {
    /// With lengths multiplied by `f`.
    fn in_si(self, f: f64) -> Prior {
        match self {
            Self::Uniform { low, high } => Prior::Uniform { low: low * f, high: high * f },
            Self::LogUniform { low, high } => Prior::LogUniform { low: low * f, high: high * f },
            Self::Normal { mean, sd } => Prior::Normal { mean: mean * f, sd: sd * f },
            Self::LogNormal { median, sd_log } => Prior::LogNormal { median: median * f, sd_log },
            Self::HalfNormal { sd } => Prior::HalfNormal { sd: sd * f },
            Self::HalfCauchy { scale } => Prior::HalfCauchy { scale: scale * f },
            Self::Gamma { shape, rate } => Prior::Gamma { shape, rate: rate / f },
            Self::Beta { alpha, beta } => Prior::Beta { alpha, beta },
            Self::TruncatedNormal { mean, sd, low, high } => {
                Prior::TruncatedNormal { mean: mean * f, sd: sd * f, low: low * f, high: high * f }
            }
        }
    }
}

impl Priors {
    /// Of the unknown parameters, cut to the surrogate's box.
    ///
    /// # Errors
    /// Priors of other parameters or two of one, impossible ones, or ones without mass in the box.
    pub fn of(&self, unknowns: &Unknowns, problem: &Problem) -> Result<WithJoint, Failure> {
        let names: Vec<&str> =
            unknowns.list.iter().map(|&k| problem.parameters[k].name.as_str()).collect();
        let shared = self.joint.iter().flat_map(|j| &j.parameters);
        for name in self.own.keys().chain(shared.clone()) {
            if !names.contains(&name.as_str()) {
                return Err(Failure::helped(
                    format!("a prior of `{name}`, which is no unknown"),
                    format!("the unknowns are: {}", names.join(", ")),
                ));
            }
        }
        if let Some(twice) = shared.clone().find(|n| self.own.contains_key(*n)) {
            return Err(Failure::helped(
                format!("two priors of `{twice}`"),
                "take it out of [calibrate.priors] or of [calibrate.joint]",
            ));
        }
        let mut out = Vec::new();
        for &k in &unknowns.list {
            let p = &problem.parameters[k];
            if shared.clone().any(|name| *name == p.name) {
                out.push(Parameter::of_joint_prior(&p.name, p.lower, p.upper));
                continue;
            }
            let own = self.own.get(&p.name);
            let prior = own.map_or_else(|| flat(p), |prior| prior.in_si(p.unit.factor));
            out.push(Parameter::within(&p.name, prior, p.lower, p.upper)?);
        }
        let joint = self.joint.as_ref().map(|j| j.normal(&names, unknowns, problem)).transpose()?;
        Ok((out, joint))
    }
}

impl Joint {
    /// The normal in SI, with the numbers of its parameters among the unknowns.
    fn normal(
        &self,
        names: &[&str],
        unknowns: &Unknowns,
        problem: &Problem,
    ) -> Result<(Vec<usize>, MultivariateNormal), Failure> {
        let n = self.parameters.len();
        let square = self.covariance.len() == n && self.covariance.iter().all(|row| row.len() == n);
        if self.mean.len() != n || !square {
            return Err(Failure::helped(
                format!("[calibrate.joint] is of {n} parameters, its mean or covariance is not"),
                "mean = [1, 2] and covariance = [[1, 0.5], [0.5, 1]] for two",
            ));
        }
        let place = |name: &String| names.iter().position(|n| n == name);
        let list: Vec<usize> = self.parameters.iter().filter_map(place).collect();
        let factor = |i: usize| problem.parameters[unknowns.list[list[i]]].unit.factor;
        let mean = self.mean.iter().enumerate().map(|(i, m)| m * factor(i)).collect();
        let rows = self.covariance.iter().enumerate();
        let covariance: Vec<f64> = rows
            .flat_map(|(i, row)| {
                row.iter().enumerate().map(move |(j, v)| (i, j, *v)).collect::<Vec<_>>()
            })
            .map(|(i, j, v)| v * factor(i) * factor(j))
            .collect();
        Ok((list, MultivariateNormal::new(mean, &covariance)?))
    }
}

fn flat(p: &model::Parameter) -> Prior {
    let (low, high) = (p.lower, p.upper);
    if p.logarithmic { Prior::LogUniform { low, high } } else { Prior::Uniform { low, high } }
}
