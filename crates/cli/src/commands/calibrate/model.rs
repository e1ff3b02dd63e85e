//! The posterior of the surrogate, and that of the reference solver.

use surrogate_calibrate::likelihood::{
    Curve, CurveLikelihood, CurveModel, Noise, SurrogateError, effective_share,
};
use surrogate_calibrate::{
    CalibrateError, LogDensity, MultivariateNormal, Parameter, Posterior, Squash,
};
use surrogate_problem::Problem;
use surrogate_problem::model::{Limits, Output};

use super::arguments::Scatter;
use super::curves::{SolverCurves, SurrogateCurves};
use super::experiment::Experiment;
use super::plan::Plan;
use super::sampling;
use super::unknowns::{Unknowns, noise_priors};
use crate::compare;
use crate::failure::Failure;
use crate::reference::Reference;
use crate::terminal::Terminal;
use crate::trained::Trained;

/// Parameter points at which the surrogate's error is measured.
const ERROR_POINTS: usize = 24;
/// Modes of the surrogate's error.
const ERROR_MODES: usize = 8;
/// Seed of those points.
const ERROR_SEED: u64 = 20_261_122;
/// Rounds of best parameters and shares of independent points.
const SHARE_ROUNDS: usize = 3;
/// Seed of the climbs to the best parameters, before those from which chains start.
const CLIMB_SEED: u64 = 20_261_123;
/// Width of the bend of coordinates at the faces of the box, in standard deviations of the posterior.
const EDGE: f64 = 0.5;
/// Bounds of that width, as fractions of the box.
const EDGES: (f64, f64) = (1e-4, 0.25);
/// Size of measured values, in ranges of the surrogate, from which their unit must be wrong.
const WRONG_UNIT: f64 = 30.0;

/// Both models of some curves.
pub struct Sides {
    /// The surrogate.
    pub surrogate: SurrogateCurves,
    /// The reference solver; why there is none, where there is none.
    pub full: Result<SolverCurves, String>,
    /// Values at which a curve ends, SI.
    pub limits: Limits,
    /// Points of each curve.
    lengths: Vec<usize>,
}

/// Both models of the curves, and how measurements scatter about them.
pub struct Prepared {
    sides: Sides,
    error: Option<SurrogateError>,
    /// Unknown parameters of the surrogate, then those of the noise.
    parameters: Vec<Parameter>,
    joint: Option<(Vec<usize>, MultivariateNormal)>,
    scatter: Scatter,
}

/// What is sampled, and what certifies it.
pub struct Models<'a> {
    /// With the curves of the surrogate.
    pub surrogate: Posterior<CurveLikelihood<&'a SurrogateCurves>>,
    /// With the curves of the reference solver; the reason where there are none.
    pub full: Result<Posterior<CurveLikelihood<&'a SolverCurves>>, &'a str>,
    /// Unknown parameters of the surrogate, which come before those of the noise.
    pub unknowns: usize,
    /// How measurements scatter.
    pub scatter: Scatter,
    /// Values at which a curve ends, SI.
    pub limits: Limits,
    /// The surrogate's error over its box, SI, where it was measured.
    pub error: Option<&'a SurrogateError>,
    /// Share of each curve's points that count as independent.
    pub shares: Vec<f64>,
}

impl Models<'_> {
    /// The same posteriors in coordinates that are straight over the width of the posterior, so that
    /// one which leans on a face of the box is not bent there.
    fn straightened(mut self) -> Result<Self, Failure> {
        let modes = sampling::modes(CLIMB_SEED, &self.surrogate, &self.surrogate)?;
        let best = modes.iter().max_by(|a, b| a.log_mass.total_cmp(&b.log_mass));
        let Some((best, deviations)) = best.and_then(|m| Some((m, m.deviations()?))) else {
            return Ok(self);
        };
        let mut parameters = self.surrogate.parameters.clone();
        for ((parameter, u), sd) in parameters.iter_mut().zip(&best.x).zip(deviations) {
            if let Some((_, slope)) = parameter.transform().fraction(*u) {
                let edge = (EDGE * sd * slope).clamp(EDGES.0, EDGES.1);
                *parameter = parameter.clone().squashed(Squash::Straight { edge });
            }
        }
        if let Ok(full) = &mut self.full {
            full.parameters.clone_from(&parameters);
        }
        self.surrogate.parameters = parameters;
        Ok(self)
    }
}

impl Sides {
    /// Compiles the surrogate and prepares the solver.
    ///
    /// # Errors
    /// Values that cannot be of the output's unit.
    pub fn new(
        trained: &mut Trained,
        output: &Output,
        unknowns: &Unknowns,
        experiments: &[Experiment],
    ) -> Result<Self, Failure> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let surrogate = SurrogateCurves::new(trained, output, unknowns, experiments, threads)?;
        let problem = &trained.problem;
        check_unit(&surrogate, problem, output, unknowns, experiments)?;
        let full = solver_curves(problem, output, unknowns, experiments);
        let lengths = experiments.iter().map(|e| e.times.len()).collect();
        Ok(Self { surrogate, full, limits: output.limits, lengths })
    }

    /// The surrogate's error at the points of the curves by the solver, where the likelihood counts
    /// it.
    ///
    /// # Errors
    /// A solver that fails at half of the box.
    pub fn error(
        &self,
        scatter: Scatter,
        problem: &Problem,
        unknowns: &Unknowns,
    ) -> Result<Option<SurrogateError>, Failure> {
        match (&self.full, scatter) {
            (Ok(full), scatter) if aware(scatter) => {
                self.error_by(full, problem, unknowns).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Solver less surrogate at random parameter vectors, zero where a curve has ended. Vectors at which
    /// the solver fails are left out.
    fn error_by(
        &self,
        full: &SolverCurves,
        problem: &Problem,
        unknowns: &Unknowns,
    ) -> Result<SurrogateError, Failure> {
        let x = random_vectors(problem, unknowns, ERROR_POINTS);
        let before_end = |full: &[f64], surrogate: &[f64]| -> Vec<f64> {
            let mut error: Vec<f64> = full.iter().zip(surrogate).map(|(f, s)| f - s).collect();
            let mut start = 0;
            for length in &self.lengths {
                let curve = start..start + length;
                if let Some(end) = full[curve.clone()].iter().position(|v| self.limits.passed(*v)) {
                    error[start + end..curve.end].fill(0.0);
                }
                start = curve.end;
            }
            error
        };
        let pairs = values_of(full, &x)?.into_iter().zip(values_of(&self.surrogate, &x)?);
        let errors: Vec<Vec<f64>> = pairs
            .map(|(f, s)| before_end(&f, &s))
            .filter(|e| e.iter().all(|v| v.is_finite()))
            .collect();
        if errors.len() < ERROR_POINTS / 2 {
            return Err(Failure::helped(
                format!(
                    "the reference solver fails at {} of {ERROR_POINTS} parameter points",
                    ERROR_POINTS - errors.len()
                ),
                "--likelihood iid leaves the surrogate's error out; or narrow the box in the problem file",
            ));
        }
        Ok(SurrogateError::from_validation(&errors, ERROR_MODES)?)
    }
}

impl Prepared {
    /// Compiles the surrogate, prepares the solver, and measures the one by the other.
    ///
    /// # Errors
    /// Impossible priors, a likelihood that needs the reference solver where it cannot be had, values
    /// that cannot be of the output's unit.
    pub fn new(
        plan: &Plan,
        trained: &mut Trained,
        output: &Output,
        unknowns: &Unknowns,
        experiments: &[Experiment],
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        let sides = Sides::new(trained, output, unknowns, experiments)?;
        let problem = &trained.problem;
        let scatter = scatter(plan.likelihood, sides.full.as_ref().err(), terminal)?;
        let error = sides.error(scatter, problem, unknowns)?;
        let noise = plan.noise.as_ref();
        let noise =
            noise.map(|n| crate::noise::parse(n, &output.name, &output.unit)).transpose()?;
        let names = likelihood(&sides.surrogate, measured(experiments), scatter, None)?.nuisances();
        let (mut parameters, joint) = plan.priors.of(unknowns, problem)?;
        parameters.extend(noise_priors(&names, experiments, noise)?);
        Ok(Self { sides, error, parameters, joint, scatter })
    }

    /// Posteriors given data at the times of the experiments.
    ///
    /// # Errors
    /// Data that are not finite, or not at those times.
    pub fn models(&self, data: &[Curve]) -> Result<Models<'_>, Failure> {
        let (Sides { surrogate, full, limits, .. }, error) = (&self.sides, &self.error);
        let (scatter, unknowns, limits) = (self.scatter, surrogate.parameters(), *limits);
        let plain = likelihood(surrogate, data.to_vec(), scatter, error.clone())?;
        let shares = match scatter {
            Scatter::Misfit => self.shares(&plain, data)?,
            _ => vec![1.0; data.len()],
        };
        let surrogate = self.posterior(plain.with_shares(shares.clone())?)?;
        let full = match full {
            Ok(full) => {
                let likelihood = likelihood(full, data.to_vec(), scatter, None)?;
                Ok(self.posterior(likelihood.with_shares(shares.clone())?)?)
            }
            Err(why) => Err(why.as_str()),
        };
        let models =
            Models { surrogate, full, unknowns, scatter, limits, error: error.as_ref(), shares };
        models.straightened()
    }

    /// Shares of independent points of each curve, by the residuals at the best parameters, which in
    /// turn depend on the shares.
    fn shares(
        &self,
        plain: &CurveLikelihood<&SurrogateCurves>,
        data: &[Curve],
    ) -> Result<Vec<f64>, Failure> {
        let model = &self.sides.surrogate;
        let mut shares = vec![1.0; data.len()];
        for _ in 0..SHARE_ROUNDS {
            let posterior = self.posterior(plain.clone().with_shares(shares.clone())?)?;
            let best = sampling::modes(CLIMB_SEED, &posterior, &posterior)?.swap_remove(0);
            let x = posterior.parameters_at(&best.x);
            let predicted = values_of(model, &x[..model.parameters()])?.remove(0);
            let mut start = 0;
            for (share, curve) in shares.iter_mut().zip(data) {
                let residuals: Vec<f64> =
                    curve.values.iter().zip(&predicted[start..]).map(|(y, f)| y - f).collect();
                *share = effective_share(&residuals);
                start += curve.times.len();
            }
        }
        Ok(shares)
    }

    fn posterior<L: LogDensity>(&self, likelihood: L) -> Result<Posterior<L>, Failure> {
        let (parameters, joint) = (self.parameters.clone(), self.joint.clone());
        Ok(Posterior::with_joint(parameters, joint, likelihood)?)
    }
}

/// Whether a likelihood knows of the surrogate's own error.
fn aware(scatter: Scatter) -> bool {
    matches!(scatter, Scatter::Surrogate | Scatter::Discrepancy | Scatter::Misfit)
}

/// The data of experiments.
pub fn measured(experiments: &[Experiment]) -> Vec<Curve> {
    let curve = |e: &Experiment| Curve { times: e.times.clone(), values: e.values.clone() };
    experiments.iter().map(curve).collect()
}

/// The likelihood asked for, or the best that can be had.
fn scatter(
    asked: Option<Scatter>,
    no_solver: Option<&String>,
    terminal: &Terminal,
) -> Result<Scatter, Failure> {
    match (asked, no_solver) {
        (Some(asked), Some(why)) if aware(asked) => Err(Failure::helped(
            format!("the surrogate's own error cannot be measured: {why}"),
            "--likelihood iid or ar1, which leave it out",
        )),
        (Some(asked), _) => Ok(asked),
        (None, None) => Ok(Scatter::Surrogate),
        (None, Some(why)) => {
            terminal.warn(format!("the surrogate's own error is left out: {why}"));
            Ok(Scatter::Iid)
        }
    }
}

fn likelihood<M: CurveModel>(
    model: M,
    data: Vec<Curve>,
    scatter: Scatter,
    error: Option<SurrogateError>,
) -> Result<CurveLikelihood<M>, Failure> {
    let noise = if scatter == Scatter::Ar1 { Noise::Ar1 } else { Noise::Independent };
    let mut likelihood = CurveLikelihood::new(data, model, noise)?;
    if let Some(error) = error {
        likelihood = likelihood.with_surrogate_error(error)?;
    }
    if scatter == Scatter::Discrepancy {
        likelihood = likelihood.with_discrepancy()?;
    }
    Ok(likelihood)
}

/// The curves of the reference solver, or why there are none.
fn solver_curves(
    problem: &Problem,
    output: &Output,
    unknowns: &Unknowns,
    experiments: &[Experiment],
) -> Result<SolverCurves, String> {
    let solver = Reference::of(problem, false).map_err(|e| e.to_string())?;
    let place = problem.outputs.iter().position(|o| o.name == output.name).unwrap_or(0);
    if let Some((_, why)) = solver.missing_outputs().into_iter().find(|(k, _)| *k == place) {
        return Err(format!("the reference solver does not give {}: {why}", output.name));
    }
    Ok(SolverCurves::new(solver, problem, place, unknowns, experiments))
}

/// Parameter vectors of the unknowns, random over the box, one after the other.
fn random_vectors(problem: &Problem, unknowns: &Unknowns, count: usize) -> Vec<f64> {
    let points = compare::parameter_points(problem, count, ERROR_SEED);
    points.iter().flat_map(|p| unknowns.list.iter().map(|&k| p[k])).collect()
}

/// Values of a model at parameter vectors, `[B][n]`.
fn values_of<M: CurveModel>(model: &M, x: &[f64]) -> Result<Vec<Vec<f64>>, Failure> {
    let (p, n) = (model.parameters(), model.points());
    let count = x.len() / p;
    let (mut values, mut jacobian) = (vec![0.0; count * n], vec![0.0; count * n * p]);
    model.predict(x, &mut values, &mut jacobian).map_err(CalibrateError::from)?;
    Ok(values.chunks_exact(n).map(<[f64]>::to_vec).collect())
}

/// Refuses values far outside all that the surrogate gives: a unit is wrong.
fn check_unit(
    curves: &SurrogateCurves,
    problem: &Problem,
    output: &Output,
    unknowns: &Unknowns,
    experiments: &[Experiment],
) -> Result<(), Failure> {
    let predicted = values_of(curves, &random_vectors(problem, unknowns, ERROR_POINTS))?;
    let all = predicted.iter().flatten().filter(|v| v.is_finite());
    let (low, high) = all.fold((f64::MAX, f64::MIN), |(l, h), &v| (l.min(v), h.max(v)));
    let reach = WRONG_UNIT * (high - low).max(1e-3 * high.abs());
    for curve in experiments {
        let outside = |v: &&f64| **v > high + reach || **v < low - reach;
        if let Some(value) = curve.values.iter().find(outside) {
            let (f, unit) = (output.unit.factor, &output.unit.text);
            let (value, low, high) = (value / f, low / f, high / f);
            return Err(Failure::helped(
                format!(
                    "{}: {} reaches {value:.4} {unit}, the surrogate gives {low:.4} .. {high:.4}",
                    curve.name, output.name
                ),
                "check the unit in the column's name, such as voltage_mV, and --data FILE,observed=COLUMN",
            ));
        }
    }
    Ok(())
}
