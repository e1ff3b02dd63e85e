//! Tempered sequential Monte Carlo: several modes, and the evidence.
//!
//! Particles go from a reference, which can be drawn from, to the density along
//! `reference^(1 - beta) density^beta`. Each step of `beta` leaves a given share of effective
//! particles; they are resampled and moved by differences of other particles, which leap between
//! modes and need no gradient.
//!
//! Source: DelMoral, Doucet and Jasra (2006), Sequential Monte Carlo samplers; moves as in
//! Source: TerBraak (2006), in two halves.

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::at_least;
use crate::density::{Fatal, LogDensity, sound};
use crate::draws::{Chain, Draws, Progress, Watch};
use crate::error::CalibrateError;
use crate::posterior::Posterior;
use crate::random::{normal, stream};

/// A density with a normalised reference that tempering starts from. For a [`Posterior`] it is the
/// prior; [`Anchored`] gives one to any density.
pub trait Reference: LogDensity {
    /// A random point of the reference.
    ///
    /// # Errors
    /// [`Fatal`] if there is none.
    fn sample_reference(&self, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, Fatal>;

    /// Normalised log-density of the reference at a point.
    fn log_reference(&self, x: &[f64]) -> f64;
}

impl<L: LogDensity> Reference for Posterior<L> {
    fn sample_reference(&self, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, Fatal> {
        Ok(self.coordinates_at(&self.sample_prior(rng)?))
    }
    fn log_reference(&self, x: &[f64]) -> f64 {
        self.log_prior(x, &mut vec![0.0; x.len()]).0
    }
}

/// Any density with independent normals as its reference, which should cover it.
#[derive(Debug, Clone)]
pub struct Anchored<D> {
    /// The density.
    pub density: D,
    /// Means of the normals.
    pub mean: Vec<f64>,
    /// Their standard deviations.
    pub sd: Vec<f64>,
}

impl<D: LogDensity> LogDensity for Anchored<D> {
    fn dim(&self) -> usize {
        self.density.dim()
    }
    fn logp_grad_batch(&self, x: &[f64], logp: &mut [f64], g: &mut [f64]) -> Result<(), Fatal> {
        self.density.logp_grad_batch(x, logp, g)
    }
    fn logp_batch(&self, x: &[f64], logp: &mut [f64]) -> Result<(), Fatal> {
        self.density.logp_batch(x, logp)
    }
}

impl<D: LogDensity> Reference for Anchored<D> {
    fn sample_reference(&self, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, Fatal> {
        Ok(self.mean.iter().zip(&self.sd).map(|(m, s)| m + s * normal(rng)).collect())
    }
    fn log_reference(&self, x: &[f64]) -> f64 {
        let one = |((x, m), s): ((&f64, &f64), &f64)| {
            -0.5 * ((x - m) / s).powi(2) - s.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln()
        };
        x.iter().zip(&self.mean).zip(&self.sd).map(one).sum()
    }
}

/// Tempered sequential Monte Carlo.
#[derive(Debug, Clone, PartialEq)]
pub struct Tempered {
    /// Independent runs, each a chain of the result.
    pub runs: usize,
    /// Particles a run.
    pub particles: usize,
    /// Moves of each particle at each temperature; more of them for more than some ten coordinates.
    pub moves: usize,
    /// Share of effective particles that a step of the temperature leaves.
    pub keep: f64,
    /// Seed of all random numbers.
    pub seed: u64,
}

impl Default for Tempered {
    fn default() -> Self {
        Self { runs: 4, particles: 1000, moves: 30, keep: 0.5, seed: 0 }
    }
}

/// Particles at the end, and the evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct TemperedDraws {
    /// One chain a run, one draw a particle; neighbours are not ordered in time.
    pub draws: Draws,
    /// Logarithm of the density's integral, the mean over runs.
    pub log_evidence: f64,
    /// Standard error of it from the spread of the runs; NaN for one run.
    pub log_evidence_se: f64,
    /// Temperature steps of each run.
    pub temperatures: Vec<usize>,
}

/// Temperature steps at most.
const MOST_STEPS: usize = 1000;
/// Share of moves by the whole difference of two particles, which leads from mode to mode.
const LEAPS: f64 = 0.1;

impl Tempered {
    /// Draws with the evidence. The watch hears of temperature steps; after a stop the particles are
    /// those of the density at a lower `beta`, and the result says that it was stopped.
    ///
    /// # Errors
    /// An impossible setting, a failing density, particles that no temperature step moves on.
    pub fn sample<D: Reference + ?Sized>(
        &self,
        density: &D,
        watch: Watch<'_>,
    ) -> Result<TemperedDraws, CalibrateError> {
        at_least("runs", self.runs, 1, "at least 1 run")?;
        at_least("particles", self.particles, 4 * density.dim() + 4, "more than 4 a coordinate")?;
        at_least("moves", self.moves, 1, "at least 1 move")?;
        super::inside("keep", self.keep, (0.0, 1.0), "between 0 and 1")?;
        if density.dim() == 0 {
            return Err(CalibrateError::NoCoordinates);
        }
        let mut chains = Vec::new();
        let (mut evidences, mut temperatures, mut stopped) = (Vec::new(), Vec::new(), false);
        for run in 0..self.runs {
            let mut swarm = Swarm::new(density, self, run)?;
            while swarm.beta < 1.0 && !stopped {
                swarm.heat(self.keep)?;
                swarm.resample();
                for _ in 0..self.moves {
                    swarm.shift(density)?;
                }
                let progress = Progress {
                    chain: run,
                    done: swarm.steps,
                    total: swarm.steps + usize::from(swarm.beta < 1.0),
                    tuning: swarm.beta < 1.0,
                    diverging: false,
                    gradients: (self.moves * self.particles) as u64,
                    step_size: swarm.beta,
                };
                stopped = watch(&progress).is_break() && swarm.beta < 1.0;
            }
            evidences.push(swarm.log_evidence);
            temperatures.push(swarm.steps);
            chains.push(swarm.into_chain(self.moves));
            if stopped {
                break;
            }
        }
        let n = evidences.len() as f64;
        let log_evidence = evidences.iter().sum::<f64>() / n;
        let spread: f64 = evidences.iter().map(|e| (e - log_evidence).powi(2)).sum();
        let log_evidence_se = (spread / (n - 1.0) / n).sqrt();
        let draws = Draws { dim: density.dim(), chains, stopped };
        Ok(TemperedDraws { draws, log_evidence, log_evidence_se, temperatures })
    }
}

/// Particles of one run.
struct Swarm {
    x: Vec<f64>,
    logp: Vec<f64>,
    reference: Vec<f64>,
    weights: Vec<f64>,
    beta: f64,
    log_evidence: f64,
    steps: usize,
    d: usize,
    rng: ChaCha8Rng,
}

impl Swarm {
    fn new<D: Reference + ?Sized>(
        density: &D,
        settings: &Tempered,
        run: usize,
    ) -> Result<Self, CalibrateError> {
        let (n, d) = (settings.particles, density.dim());
        let mut rng = stream(settings.seed, run as u64);
        let mut x = Vec::with_capacity(n * d);
        for _ in 0..n {
            x.extend(density.sample_reference(&mut rng)?);
        }
        let mut logp = vec![0.0; n];
        density.logp_batch(&x, &mut logp)?;
        logp.iter_mut().for_each(|l| *l = sound(*l));
        let reference = x.chunks_exact(d).map(|x| density.log_reference(x)).collect();
        let weights = vec![1.0 / n as f64; n];
        Ok(Self { x, logp, reference, weights, beta: 0.0, log_evidence: 0.0, steps: 0, d, rng })
    }

    /// Weights of a step of `beta`, not normalised, and the logarithm of their mean.
    fn weights_of(&self, step: f64) -> (Vec<f64>, f64) {
        let gain = |k: usize| step * (self.logp[k] - self.reference[k]);
        let gains: Vec<f64> = (0..self.logp.len()).map(gain).collect();
        let top = gains.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = gains.iter().map(|g| (g - top).exp()).collect();
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        (weights, top + mean.ln())
    }

    /// Raises `beta` as far as the share of effective particles allows.
    fn heat(&mut self, keep: f64) -> Result<(), CalibrateError> {
        let effective = |weights: &[f64]| {
            let (sum, squares) = weights.iter().fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
            sum * sum / squares / weights.len() as f64
        };
        let (mut low, mut high) = (0.0, 1.0 - self.beta);
        if effective(&self.weights_of(high).0) < keep {
            for _ in 0..60 {
                let middle = f64::midpoint(low, high);
                if effective(&self.weights_of(middle).0) < keep {
                    high = middle
                } else {
                    low = middle
                }
            }
            high = low;
        }
        let (weights, log_mean) = self.weights_of(high);
        self.steps += 1;
        if high < 1e-12 || !log_mean.is_finite() || self.steps > MOST_STEPS {
            let particles = self.logp.len();
            return Err(CalibrateError::TemperingStuck { beta: self.beta, particles });
        }
        self.log_evidence += log_mean;
        self.beta = if self.beta + high > 1.0 - 1e-12 { 1.0 } else { self.beta + high };
        self.weights = weights;
        Ok(())
    }

    /// Systematic resampling, in an order that leaves both halves alike.
    fn resample(&mut self) {
        let n = self.logp.len();
        let total: f64 = self.weights.iter().sum();
        let (mut sum, mut k) = (self.weights[0], 0);
        let first: f64 = self.rng.random();
        let mut chosen = Vec::with_capacity(n);
        for i in 0..n {
            let place = (i as f64 + first) / n as f64 * total;
            while sum < place && k + 1 < n {
                k += 1;
                sum += self.weights[k];
            }
            chosen.push(k);
        }
        for i in (1..n).rev() {
            chosen.swap(i, self.rng.random_range(0..=i));
        }
        let d = self.d;
        self.x = chosen.iter().flat_map(|&k| self.x[k * d..][..d].to_vec()).collect();
        self.logp = chosen.iter().map(|&k| self.logp[k]).collect();
        self.reference = chosen.iter().map(|&k| self.reference[k]).collect();
    }

    /// Moves both halves by differences of particles of the other.
    fn shift<D: Reference + ?Sized>(&mut self, density: &D) -> Result<(), CalibrateError> {
        let (n, d) = (self.logp.len(), self.d);
        let middle = n / 2;
        for (mine, others) in [(0..middle, middle..n), (middle..n, 0..middle)] {
            let mut proposal = Vec::with_capacity(mine.len() * d);
            for k in mine.clone() {
                let (a, b) = two_of(others.clone(), &mut self.rng);
                let leap = self.rng.random::<f64>() < LEAPS;
                let scale = if leap { 1.0 } else { 2.38 / (2.0 * d as f64).sqrt() };
                let scale = scale * (0.1 * normal(&mut self.rng)).exp();
                let along =
                    |i: usize| self.x[k * d + i] + scale * (self.x[a * d + i] - self.x[b * d + i]);
                proposal.extend((0..d).map(along));
            }
            let mut logp = vec![0.0; mine.len()];
            density.logp_batch(&proposal, &mut logp)?;
            for (j, k) in mine.enumerate() {
                let at = &proposal[j * d..][..d];
                let (new, reference) = (sound(logp[j]), density.log_reference(at));
                let mixed = |l: f64, r: f64| {
                    if self.beta < 1.0 { self.beta * l + (1.0 - self.beta) * r } else { l }
                };
                let gain = mixed(new, reference) - mixed(self.logp[k], self.reference[k]);
                if self.rng.random::<f64>() < gain.exp() {
                    self.x[k * d..][..d].copy_from_slice(at);
                    (self.logp[k], self.reference[k]) = (new, reference);
                }
            }
        }
        Ok(())
    }

    fn into_chain(self, moves: usize) -> Chain {
        let tuning_gradients = (self.logp.len() * (1 + moves * self.steps)) as u64;
        let stats = crate::draws::Stats { lp: self.logp, ..Default::default() };
        Chain { positions: self.x, stats, gradients: 0, tuning_gradients }
    }
}

/// Two different indices of a range.
fn two_of<R: Rng>(range: std::ops::Range<usize>, rng: &mut R) -> (usize, usize) {
    let a = rng.random_range(range.clone());
    let b = rng.random_range(range.start..range.end - 1);
    (a, if b >= a { b + 1 } else { b })
}
