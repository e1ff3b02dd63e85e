//! Where to start: the modes of a density, climbed to from many points.
//!
//! L-BFGS by argmin for any density, finished by Newton steps; Levenberg-Marquardt for sums of squares.

use std::cell::RefCell;

use argmin::core::{CostFunction, Executor, Gradient};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use crate::curvature::Top;
use crate::density::{Fatal, LogDensity, at, sound};
use crate::error::CalibrateError;
use crate::linear::Cholesky;
use crate::random::{normal, stream};

/// A mode.
#[derive(Debug, Clone, PartialEq)]
pub struct Mode {
    /// Where it is.
    pub x: Vec<f64>,
    /// Log-density there.
    pub logp: f64,
    /// Logarithm of its mass, by the normal distribution that touches it.
    pub log_mass: f64,
    /// Starts that led there.
    pub reached_from: usize,
    /// Factor of the curvature there, where it is positive.
    precision: Option<Cholesky>,
}

/// Pairs of steps and gradients that L-BFGS keeps.
const MEMORY: usize = 8;
/// Iterations of one climb at most.
const ITERATIONS: u64 = 200;
/// Slope, in nats a unit of coordinate, at which a climb ends.
const FLAT: f64 = 1e-6;
/// Dip, in nats, that divides two modes.
const BARRIER: f64 = 0.5;
/// Points on the line between two ends at which a dip is looked for.
const BETWEEN: usize = 15;
/// Mass of a mode, relative to the greatest in nats, below which nobody would miss it.
const NEGLIGIBLE: f64 = -15.0;
/// Deviations at which chains start about a mode, in those of the mode.
const SCATTER: f64 = 1.5;
/// Depth below a mode, in nats and nats a coordinate, at which no chain starts.
const DEPTH: (f64, f64) = (10.0, 2.0);
/// Halvings of the way from a mode to a start.
const HALVINGS: usize = 20;
/// Stream of random numbers of starts, apart from those of chains.
const START_STREAM: u64 = 1 << 44;
/// Log-density that stands for `-inf`, where the line search needs a number.
const ABYSS: f64 = -1e30;

/// Distinct modes, the highest first, climbed to from starts `[S, d]` by L-BFGS and then Newton steps.
/// Modes of less than e^-15 of the greatest mass are left out.
///
/// Two ends belong to one mode if the density does not dip by half a nat on the straight line
/// between them, so that a ridge of parameters which the data cannot tell apart is one mode.
/// Starts without finite density are skipped.
///
/// # Errors
/// A failing density, a wrong number of coordinates, or no start with finite density.
pub fn find_modes<D: LogDensity + ?Sized>(
    density: &D,
    starts: &[f64],
) -> Result<Vec<Mode>, CalibrateError> {
    let d = density.dim();
    if d == 0 {
        return Err(CalibrateError::NoCoordinates);
    }
    if starts.is_empty() || !starts.len().is_multiple_of(d) {
        let expected = starts.len().div_ceil(d).max(1) * d;
        return Err(CalibrateError::WrongStarts { found: starts.len(), expected });
    }
    let mut ends = Vec::new();
    for start in starts.chunks_exact(d) {
        ends.extend(climb(density, start)?);
    }
    if ends.is_empty() {
        let tried = starts.len() / d;
        return Err(CalibrateError::NoStart { chain: 0, tried, last_logp: f64::NEG_INFINITY });
    }
    let mut modes = distinct(density, ends)?;
    let greatest = modes.iter().map(|m| m.log_mass).fold(f64::NEG_INFINITY, f64::max);
    modes.retain(|m| m.log_mass >= greatest + NEGLIGIBLE);
    Ok(modes)
}

/// One start a chain, `[chain, coordinate]`, about the modes in turn: further away than the draws will
/// be, so that chains which have not yet met disagree.
///
/// # Errors
/// A failing density.
pub fn starts_about<D: LogDensity + ?Sized>(
    density: &D,
    modes: &[Mode],
    chains: usize,
    seed: u64,
) -> Result<Vec<f64>, CalibrateError> {
    let mut out = Vec::new();
    for (chain, mode) in modes.iter().cycle().take(chains).enumerate() {
        out.extend(mode.scattered(density, seed, chain)?);
    }
    Ok(out)
}

impl Mode {
    /// Standard deviations of the coordinates by the curvature; `None` where it is not positive.
    #[must_use]
    pub fn deviations(&self) -> Option<Vec<f64>> {
        let d = self.x.len();
        let covariance = self.precision.as_ref()?.inverse();
        Some((0..d).map(|k| covariance[k * d + k].sqrt()).collect())
    }

    fn scattered<D: LogDensity + ?Sized>(
        &self,
        density: &D,
        seed: u64,
        chain: usize,
    ) -> Result<Vec<f64>, Fatal> {
        let Some(precision) = &self.precision else { return Ok(self.x.clone()) };
        let mut rng = stream(seed, START_STREAM + chain as u64);
        let mut way: Vec<f64> = self.x.iter().map(|_| SCATTER * normal(&mut rng)).collect();
        precision.solve_upper(&mut way);
        let lowest = self.logp - DEPTH.0 - DEPTH.1 * self.x.len() as f64;
        for _ in 0..HALVINGS {
            let start: Vec<f64> = self.x.iter().zip(&way).map(|(x, w)| x + w).collect();
            let mut logp = [f64::NEG_INFINITY];
            density.logp_batch(&start, &mut logp)?;
            if sound(logp[0]) > lowest {
                return Ok(start);
            }
            way.iter_mut().for_each(|w| *w *= 0.5);
        }
        Ok(self.x.clone())
    }
}

/// The end of one climb; nothing if the start has no finite density.
fn climb<D: LogDensity + ?Sized>(
    density: &D,
    start: &[f64],
) -> Result<Option<Top>, CalibrateError> {
    let hill = Hill { density, seen: RefCell::new(Seen::default()) };
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY).with_tolerance_grad(FLAT);
    if let (Ok(logp), Ok(solver)) = (hill.look(start), solver)
        && logp > ABYSS
    {
        // a line search that fails ends the climb: the best point seen stands
        let _ = Executor::new(&hill, solver)
            .configure(|state| state.param(start.to_vec()).max_iters(ITERATIONS))
            .timer(false)
            .run();
    }
    let seen = hill.seen.into_inner();
    match seen.failure {
        Some(fatal) => Err(fatal.into()),
        None if seen.best_logp > ABYSS => Ok(Some(Top::near(density, seen.best, seen.best_logp)?)),
        None => Ok(None),
    }
}

/// The negative log-density as argmin sees it, with the last evaluation at hand.
struct Hill<'a, D: ?Sized> {
    density: &'a D,
    seen: RefCell<Seen>,
}

struct Seen {
    x: Vec<f64>,
    logp: f64,
    gradient: Vec<f64>,
    best: Vec<f64>,
    best_logp: f64,
    failure: Option<Fatal>,
}

impl Default for Seen {
    fn default() -> Self {
        let none = f64::NEG_INFINITY;
        let (x, gradient, best) = (Vec::new(), Vec::new(), Vec::new());
        Self { x, logp: none, gradient, best, best_logp: none, failure: None }
    }
}

/// The density failed; what it said waits in [`Seen`].
#[derive(Debug, thiserror::Error)]
#[error("the density failed")]
struct Failed;

impl<D: LogDensity + ?Sized> Hill<'_, D> {
    fn look(&self, x: &[f64]) -> Result<f64, Failed> {
        let mut seen = self.seen.borrow_mut();
        if seen.x != x {
            let mut gradient = vec![0.0; x.len()];
            let logp = match at(self.density, x, &mut gradient) {
                Ok(logp) => logp.max(ABYSS),
                Err(fatal) => {
                    seen.failure = Some(fatal);
                    return Err(Failed);
                }
            };
            if logp <= ABYSS {
                gradient.fill(0.0);
            }
            if logp > seen.best_logp {
                (seen.best, seen.best_logp) = (x.to_vec(), logp);
            }
            (seen.x, seen.logp, seen.gradient) = (x.to_vec(), logp, gradient);
        }
        Ok(seen.logp)
    }
}

impl<D: LogDensity + ?Sized> CostFunction for &Hill<'_, D> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        Ok(-self.look(x)?)
    }
}

impl<D: LogDensity + ?Sized> Gradient for &Hill<'_, D> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, argmin::core::Error> {
        self.look(x)?;
        Ok(self.seen.borrow().gradient.iter().map(|g| -g).collect())
    }
}

/// Ends gathered into modes.
fn distinct<D: LogDensity + ?Sized>(
    density: &D,
    mut ends: Vec<Top>,
) -> Result<Vec<Mode>, CalibrateError> {
    ends.sort_by(|a, b| b.logp.total_cmp(&a.logp));
    let mut modes: Vec<Mode> = Vec::new();
    for top in ends {
        let (log_mass, Top { x, logp, precision }) = (top.log_mass(), top);
        let mut home = None;
        for (k, mode) in modes.iter().enumerate() {
            let line: Vec<f64> = (1..=BETWEEN)
                .flat_map(|i| {
                    let part = i as f64 / (BETWEEN + 1) as f64;
                    mode.x.iter().zip(&x).map(move |(a, b)| a + part * (b - a)).collect::<Vec<_>>()
                })
                .collect();
            let mut between = vec![f64::NEG_INFINITY; BETWEEN];
            density.logp_batch(&line, &mut between)?;
            if between.iter().all(|&l| l > logp.min(mode.logp) - BARRIER) {
                home = Some(k);
                break;
            }
        }
        match home {
            Some(k) => modes[k].reached_from += 1,
            None => modes.push(Mode { x, logp, log_mass, reached_from: 1, precision }),
        }
    }
    Ok(modes)
}

/// A density that is minus half a sum of squared residuals.
pub trait Residuals: Sync {
    /// Number of coordinates `d`.
    fn dim(&self) -> usize;

    /// Number of residuals `m`.
    fn count(&self) -> usize;

    /// Residuals `[m]` and their derivatives `[m, d]` at a point; NaN where there are none.
    ///
    /// # Errors
    /// [`Fatal`] if the search must stop.
    fn residuals(&self, x: &[f64], values: &mut [f64], jacobian: &mut [f64]) -> Result<(), Fatal>;
}

/// A least-squares end.
#[derive(Debug, Clone, PartialEq)]
pub struct LeastSquares {
    /// Where it is.
    pub x: Vec<f64>,
    /// Half the sum of squares there.
    pub half_square: f64,
    /// Covariance of the coordinates in the linear approximation, the inverse of `JᵀJ`; `None` if the residuals do not
    /// determine all of them.
    pub covariance: Option<Vec<f64>>,
}

/// Damping after which a step is given up.
const MOST_DAMPING: f64 = 1e12;

/// The least sum of squares near a start, by Levenberg-Marquardt.
///
/// Source: Levenberg (1944), with the scaling by the diagonal that Marquardt added.
///
/// # Errors
/// Failing residuals, or a start without finite ones.
pub fn least_squares<R: Residuals + ?Sized>(
    residuals: &R,
    start: &[f64],
) -> Result<LeastSquares, CalibrateError> {
    let (d, m) = (residuals.dim(), residuals.count());
    if start.len() != d {
        return Err(CalibrateError::WrongStarts { found: start.len(), expected: d });
    }
    let mut x = start.to_vec();
    let (mut values, mut jacobian) = (vec![0.0; m], vec![0.0; m * d]);
    residuals.residuals(&x, &mut values, &mut jacobian)?;
    let half_square = |r: &[f64]| 0.5 * r.iter().map(|r| r * r).sum::<f64>();
    let mut cost = half_square(&values);
    if !cost.is_finite() {
        return Err(CalibrateError::BadStart { chain: 0, logp: -cost });
    }
    let mut damping = 1e-3;
    for _ in 0..ITERATIONS {
        let (normal, slope) = normal_equations(&values, &jacobian, d);
        let mut damped = normal.clone();
        (0..d)
            .for_each(|i| damped[i * d + i] += damping * normal[i * d + i].max(f64::MIN_POSITIVE));
        let mut step: Vec<f64> = slope.iter().map(|g| -g).collect();
        let solved = Cholesky::new(&damped, d).map(|factor| factor.solve(&mut step)).is_ok();
        let next: Vec<f64> = x.iter().zip(&step).map(|(x, s)| x + s).collect();
        let (mut new, mut new_jacobian) = (vec![0.0; m], vec![0.0; m * d]);
        let mut new_cost = f64::INFINITY;
        if solved {
            residuals.residuals(&next, &mut new, &mut new_jacobian)?;
            new_cost = half_square(&new);
        }
        if new_cost < cost {
            let gain = cost - new_cost;
            (x, values, jacobian, cost) = (next, new, new_jacobian, new_cost);
            damping = (damping / 10.0).max(1e-12);
            if gain < 1e-12 * (1.0 + cost) {
                break;
            }
        } else {
            damping *= 10.0;
            if damping > MOST_DAMPING {
                break;
            }
        }
    }
    let (normal, _) = normal_equations(&values, &jacobian, d);
    let covariance = Cholesky::new(&normal, d).ok().map(|factor| factor.inverse());
    Ok(LeastSquares { x, half_square: cost, covariance })
}

/// `JᵀJ` and `Jᵀr`.
fn normal_equations(values: &[f64], jacobian: &[f64], d: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut normal, mut slope) = (vec![0.0; d * d], vec![0.0; d]);
    for (r, row) in values.iter().zip(jacobian.chunks_exact(d)) {
        for i in 0..d {
            slope[i] += row[i] * r;
            for j in 0..d {
                normal[i * d + j] += row[i] * row[j];
            }
        }
    }
    (normal, slope)
}
