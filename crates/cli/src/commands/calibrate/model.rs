//! The posterior of the surrogate, and that of the reference solver.

use surrogate_calibrate::likelihood::{Curve, CurveLikelihood, CurveModel, Noise, SurrogateError};
use surrogate_calibrate::{CalibrateError, Posterior};
use surrogate_problem::Problem;
use surrogate_problem::model::Output;

use super::arguments::{Calibrate, Scatter};
use super::curves::{SolverCurves, SurrogateCurves};
use super::experiment::Experiment;
use super::unknowns::{Unknowns, noise_priors};
use crate::compare;
use crate::failure::Failure;
use crate::terminal::Terminal;
use crate::trained::Trained;

/// Parameter points at which the surrogate's error is measured.
const ERROR_POINTS: usize = 24;
/// Modes of the surrogate's error.
const ERROR_MODES: usize = 8;
/// Seed of those points.
const ERROR_SEED: u64 = 20_261_122;
/// Size of measured values, in ranges of the surrogate, from which their unit must be wrong.
const WRONG_UNIT: f64 = 30.0;

/// What is sampled, and what certifies it.
pub struct Models {
    /// With the curves of the surrogate.
    pub surrogate: Posterior<CurveLikelihood<SurrogateCurves>>,
    /// With the curves of the reference solver; the reason where there are none.
    pub full: Result<Posterior<CurveLikelihood<SolverCurves>>, String>,
    /// Unknown parameters of the surrogate, which come before those of the noise.
    pub unknowns: usize,
    /// How measurements scatter.
    pub scatter: Scatter,
    /// Root mean square of the surrogate's error over its box, SI, where it was measured.
    pub error_rms: Option<f64>,
}

/// Compiles both.
///
/// # Errors
/// Impossible priors, a likelihood that needs the reference solver where it cannot be had, values
/// that cannot be of the output's unit.
pub fn prepare(
    arguments: &Calibrate,
    trained: &mut Trained,
    output: &Output,
    unknowns: &Unknowns,
    experiments: &[Experiment],
    terminal: &Terminal,
) -> Result<Models, Failure> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let curves = SurrogateCurves::new(trained, output, unknowns, experiments, threads)?;
    let problem = &trained.problem;
    check_unit(&curves, problem, output, unknowns, experiments)?;
    let full = solver_curves(problem, output, unknowns, experiments);
    let scatter = match (arguments.likelihood, &full) {
        (Some(Scatter::Surrogate | Scatter::Discrepancy), Err(why)) => {
            return Err(Failure::helped(
                format!("the surrogate's own error cannot be measured: {why}"),
                "--likelihood iid or ar1, which leave it out",
            ));
        }
        (Some(asked), _) => asked,
        (None, Ok(_)) => Scatter::Surrogate,
        (None, Err(why)) => {
            terminal.warn(format!("the surrogate's own error is left out: {why}"));
            Scatter::Iid
        }
    };
    let error = match &full {
        Ok(full) if matches!(scatter, Scatter::Surrogate | Scatter::Discrepancy) => {
            Some(surrogate_error(&curves, full, problem, unknowns)?)
        }
        _ => None,
    };
    let error_rms = error.as_ref().map(SurrogateError::rms);
    let noise = arguments.noise.as_ref();
    let noise = noise.map(|n| crate::noise::parse(n, &output.name, &output.unit)).transpose()?;
    let build = Build { scatter, noise, experiments };
    let priors = || unknowns.priors(problem, arguments.priors.as_deref());
    let surrogate = build.posterior(curves, error, priors()?)?;
    let full = match full {
        Ok(full) => Ok(build.posterior(full, None, priors()?)?),
        Err(why) => Err(why),
    };
    Ok(Models { surrogate, full, unknowns: unknowns.list.len(), scatter, error_rms })
}

/// What both posteriors share.
struct Build<'a> {
    scatter: Scatter,
    noise: Option<f64>,
    experiments: &'a [Experiment],
}

impl Build<'_> {
    fn posterior<M: CurveModel>(
        &self,
        model: M,
        error: Option<SurrogateError>,
        mut parameters: Vec<surrogate_calibrate::Parameter>,
    ) -> Result<Posterior<CurveLikelihood<M>>, Failure> {
        let curve = |e: &Experiment| Curve { times: e.times.clone(), values: e.values.clone() };
        let noise = if self.scatter == Scatter::Ar1 { Noise::Ar1 } else { Noise::Independent };
        let data = self.experiments.iter().map(curve).collect();
        let mut likelihood = CurveLikelihood::new(data, model, noise)?;
        if let Some(error) = error {
            likelihood = likelihood.with_surrogate_error(error)?;
        }
        if self.scatter == Scatter::Discrepancy {
            likelihood = likelihood.with_discrepancy()?;
        }
        let names = likelihood.nuisances();
        parameters.extend(noise_priors(&names, self.experiments, self.noise)?);
        Ok(Posterior::new(parameters, likelihood)?)
    }
}

/// The curves of the reference solver, or why there are none.
fn solver_curves(
    problem: &Problem,
    output: &Output,
    unknowns: &Unknowns,
    experiments: &[Experiment],
) -> Result<SolverCurves, String> {
    let solver = compare::solver(problem, false).map_err(|e| e.to_string())?;
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

/// Solver less surrogate at random parameter vectors. Those where the solver fails are left out.
fn surrogate_error(
    curves: &SurrogateCurves,
    full: &SolverCurves,
    problem: &Problem,
    unknowns: &Unknowns,
) -> Result<SurrogateError, Failure> {
    let x = random_vectors(problem, unknowns, ERROR_POINTS);
    let exact = values_of(full, &x)?.into_iter().zip(values_of(curves, &x)?);
    let errors: Vec<Vec<f64>> = exact
        .map(|(f, s)| f.iter().zip(&s).map(|(f, s)| f - s).collect::<Vec<f64>>())
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
