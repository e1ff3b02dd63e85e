//! Models of the measured curves: the surrogate, with derivatives, and the reference solver.
//!
//! `p` unknown parameters, SI, in the order of [`Unknowns`]; `n` points of all curves one after the
//! other; `B` parameter vectors.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use surrogate_calibrate::Fatal;
use surrogate_calibrate::likelihood::CurveModel;
use surrogate_problem::Problem;
use surrogate_problem::model::Output;

use super::experiment::Experiment;
use super::unknowns::Unknowns;
use crate::failure::Failure;
use crate::grid::Item;
use crate::places::time_coordinate;
use crate::reference::Reference;
use crate::surrogate::Curves;
use crate::trained::Trained;

/// Earliest time at which the surrogate is asked, as a share of its range: at the beginning itself
/// ansatzes in the square root of time have values and no derivatives.
const BEGINNING: f64 = 1e-12;

/// Where the value of a parameter comes from, by parameter of the problem.
#[derive(Clone, Copy)]
enum Source {
    /// Unknown of this number.
    Unknown(usize),
    /// Stated by the curve, or nominal.
    Fixed(f64),
}

/// Sources of the parameters of one curve.
fn sources(problem: &Problem, unknowns: &Unknowns, curve: &Experiment) -> Vec<Source> {
    let parameters = problem.parameters.iter().enumerate();
    parameters
        .map(|(k, p)| match unknowns.list.iter().position(|&u| u == k) {
            Some(place) => Source::Unknown(place),
            None => Source::Fixed(curve.stated[k].unwrap_or(p.nominal)),
        })
        .collect()
}

fn value(source: Source, x: &[f64]) -> f64 {
    match source {
        Source::Unknown(k) => x[k],
        Source::Fixed(value) => value,
    }
}

/// Curves of the surrogate.
pub struct SurrogateCurves {
    /// Sets of predictors, one a curve; a call takes a set and brings it back.
    sets: Mutex<Vec<Vec<Curves>>>,
    /// By curve, sources of all parameters.
    rows: Vec<Vec<Source>>,
    unknowns: usize,
    points: usize,
}

impl SurrogateCurves {
    /// Compiles the output and its derivatives for `sets` calls at a time.
    ///
    /// # Errors
    /// If the output cannot be compiled.
    pub fn new(
        trained: &mut Trained,
        output: &Output,
        unknowns: &Unknowns,
        curves: &[Experiment],
        sets: usize,
    ) -> Result<Self, Failure> {
        let problem = &trained.problem;
        let time =
            time_coordinate(problem).ok_or_else(|| Failure::user("this problem has no time"))?;
        let coordinate = &problem.coordinates[time];
        let earliest = coordinate.lower + BEGINNING * (coordinate.upper - coordinate.lower);
        let item = problem.outputs.iter().position(|o| o.name == output.name).map(Item::Output);
        let item = item.ok_or_else(|| Failure::user(format!("no output `{}`", output.name)))?;
        let mut places = vec![Vec::new(); problem.coordinates.len()];
        let rows = curves.iter().map(|curve| sources(problem, unknowns, curve)).collect();
        let mut all = Vec::new();
        for _ in 0..sets.max(1) {
            let mut set = Vec::new();
            for curve in curves {
                places[time] = curve.times.iter().map(|t| t.max(earliest)).collect();
                set.push(trained.curves(&[item], &unknowns.list, &places)?);
            }
            all.push(set);
        }
        let points = curves.iter().map(|c| c.times.len()).sum();
        Ok(Self { sets: Mutex::new(all), rows, unknowns: unknowns.list.len(), points })
    }

    fn fill(&self, set: &mut [Curves], x: &[f64], values: &mut [f64], jacobian: &mut [f64]) {
        let (p, n) = (self.unknowns, self.points);
        let count = values.len() / n;
        let mut start = 0;
        for (predictor, sources) in set.iter_mut().zip(&self.rows) {
            let column = |s: &Source| (0..count).map(|b| value(*s, &x[b * p..][..p])).collect();
            let columns: Vec<Vec<f64>> = sources.iter().map(column).collect();
            let out = predictor.evaluate(&columns, count);
            let length = predictor.points();
            for b in 0..count {
                values[b * n + start..][..length].copy_from_slice(&out[0][b * length..][..length]);
                for k in 0..p {
                    jacobian[(b * p + k) * n + start..][..length]
                        .copy_from_slice(&out[k + 1][b * length..][..length]);
                }
            }
            start += length;
        }
    }
}

impl CurveModel for SurrogateCurves {
    fn parameters(&self) -> usize {
        self.unknowns
    }

    fn points(&self) -> usize {
        self.points
    }

    fn predict(
        &self,
        parameters: &[f64],
        values: &mut [f64],
        jacobian: &mut [f64],
    ) -> Result<(), Fatal> {
        let set = self.sets.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(mut set) = set else {
            return Err(Fatal::new("more calls at a time than predictors were prepared for"));
        };
        self.fill(&mut set, parameters, values, jacobian);
        self.sets.lock().unwrap_or_else(PoisonError::into_inner).push(set);
        Ok(())
    }
}

/// Curves of the reference solver, without derivatives.
pub struct SolverCurves {
    solver: Reference,
    output: usize,
    curves: Vec<(Vec<Source>, Vec<f64>)>,
    unknowns: usize,
}

impl SolverCurves {
    /// From a prepared solver and the position of the output.
    pub fn new(
        solver: Reference,
        problem: &Problem,
        output: usize,
        unknowns: &Unknowns,
        curves: &[Experiment],
    ) -> Self {
        let one = |c: &Experiment| (sources(problem, unknowns, c), c.times.clone());
        let curves = curves.iter().map(one).collect();
        Self { solver, output, curves, unknowns: unknowns.list.len() }
    }

    /// All curves at one parameter vector; NaN where the solver fails.
    fn solve(&self, x: &[f64], values: &mut [f64]) {
        let mut start = 0;
        for (sources, times) in &self.curves {
            let point: Vec<f64> = sources.iter().map(|s| value(*s, x)).collect();
            let slot = &mut values[start..][..times.len()];
            match self.solver.curves(&point, times) {
                Ok(outputs) => slot.copy_from_slice(&outputs[self.output]),
                Err(_) => slot.fill(f64::NAN),
            }
            start += times.len();
        }
    }
}

impl CurveModel for SolverCurves {
    fn parameters(&self) -> usize {
        self.unknowns
    }

    fn points(&self) -> usize {
        self.curves.iter().map(|(_, times)| times.len()).sum()
    }

    fn predict(
        &self,
        parameters: &[f64],
        values: &mut [f64],
        jacobian: &mut [f64],
    ) -> Result<(), Fatal> {
        jacobian.fill(0.0);
        let points = parameters.par_chunks_exact(self.unknowns);
        points.zip(values.par_chunks_exact_mut(self.points())).for_each(|(x, v)| self.solve(x, v));
        Ok(())
    }
}
