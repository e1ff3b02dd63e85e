//! Samplers, one file each. All take a [`LogDensity`](crate::LogDensity) and give
//! [`Draws`](crate::Draws); what they draw depends on density, settings, seed and starts alone.

mod delayed;
mod ensemble;
mod hmc;
mod kernel;
mod nuts;
mod tempered;

pub use delayed::{DelayedAcceptance, DelayedDraws};
pub use ensemble::Ensemble;
pub use hmc::Hmc;
pub use nuts::Nuts;
pub use tempered::{Anchored, Reference, Tempered, TemperedDraws};

use crate::density::{LogDensity, at, sound};
use crate::draws::{Watch, unwatched};
use crate::error::CalibrateError;
use crate::random::stream;
use rand::RngExt;

/// What a sampler may be given beside its settings: starts, and a watch.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// One start a chain, `[chain, coordinate]`; by default uniform in (-2, 2) each coordinate.
    pub starts: Option<&'a [f64]>,
    /// Receives progress and may stop the sampler.
    pub watch: Watch<'a>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { starts: None, watch: &unwatched }
    }
}

/// Random points tried for the start of a chain.
const START_TRIES: usize = 100;

/// Starts are uniform in `(-START_RANGE, START_RANGE)` each coordinate, as Stan does.
const START_RANGE: f64 = 2.0;

/// Offset that keeps the random streams of starts apart from those of chains.
const START_STREAM: u64 = 1 << 32;

/// One start a chain, `[chain, coordinate]`: those given, checked, or random ones.
///
/// # Errors
/// No coordinates, wrong number of starts, a start or all random points without finite density, a
/// density that does not change along a coordinate.
pub(crate) fn starts<D: LogDensity + ?Sized>(
    density: &D,
    chains: usize,
    seed: u64,
    given: Option<&[f64]>,
) -> Result<Vec<f64>, CalibrateError> {
    let d = density.dim();
    if d == 0 {
        return Err(CalibrateError::NoCoordinates);
    }
    if let Some(given) = given
        && given.len() != chains * d
    {
        return Err(CalibrateError::WrongStarts { found: given.len(), expected: chains * d });
    }
    let (mut starts, mut moved) = (Vec::with_capacity(chains * d), vec![false; d]);
    let mut gradient = vec![0.0; d];
    for chain in 0..chains {
        let start = match given {
            Some(given) => {
                let start = given[chain * d..][..d].to_vec();
                let logp = at(density, &start, &mut gradient)?;
                if logp == f64::NEG_INFINITY {
                    return Err(CalibrateError::BadStart { chain, logp });
                }
                start
            }
            None => random_start(density, chain, seed, &mut gradient)?,
        };
        starts.extend(start);
        moved.iter_mut().zip(&gradient).for_each(|(m, g)| *m |= *g != 0.0);
    }
    if let Some(coordinate) = moved.iter().position(|m| !m) {
        look_for_slope(density, coordinate, seed)?;
    }
    Ok(starts)
}

/// Starts without a look at the gradient, and their log-densities.
pub(crate) fn starts_by_value<D: LogDensity + ?Sized>(
    density: &D,
    walkers: usize,
    seed: u64,
    given: Option<&[f64]>,
) -> Result<(Vec<f64>, Vec<f64>), CalibrateError> {
    let d = density.dim();
    if d == 0 {
        return Err(CalibrateError::NoCoordinates);
    }
    let mut logp = vec![f64::NEG_INFINITY; walkers];
    if let Some(given) = given {
        if given.len() != walkers * d {
            return Err(CalibrateError::WrongStarts { found: given.len(), expected: walkers * d });
        }
        density.logp_batch(given, &mut logp)?;
        logp.iter_mut().for_each(|l| *l = sound(*l));
        return match logp.iter().position(|l| *l == f64::NEG_INFINITY) {
            Some(chain) => Err(CalibrateError::BadStart { chain, logp: logp[chain] }),
            None => Ok((given.to_vec(), logp)),
        };
    }
    let mut x = vec![0.0; walkers * d];
    for (chain, (x, logp)) in x.chunks_exact_mut(d).zip(&mut logp).enumerate() {
        let mut rng = stream(seed, START_STREAM + chain as u64);
        for _ in 0..START_TRIES {
            x.iter_mut().for_each(|x| *x = rng.random_range(-START_RANGE..START_RANGE));
            density.logp_batch(x, std::slice::from_mut(logp))?;
            *logp = sound(*logp);
            if *logp > f64::NEG_INFINITY {
                break;
            }
        }
        if *logp == f64::NEG_INFINITY {
            return Err(CalibrateError::NoStart { chain, tried: START_TRIES, last_logp: *logp });
        }
    }
    Ok((x, logp))
}

/// A random point with finite density and gradient, which is written to `gradient`.
fn random_start<D: LogDensity + ?Sized>(
    density: &D,
    chain: usize,
    seed: u64,
    gradient: &mut [f64],
) -> Result<Vec<f64>, CalibrateError> {
    let mut rng = stream(seed, START_STREAM + chain as u64);
    let mut last_logp = f64::NAN;
    for _ in 0..START_TRIES {
        let x: Vec<f64> =
            (0..density.dim()).map(|_| rng.random_range(-START_RANGE..START_RANGE)).collect();
        last_logp = at(density, &x, gradient)?;
        if last_logp > f64::NEG_INFINITY {
            return Ok(x);
        }
    }
    Err(CalibrateError::NoStart { chain, tried: START_TRIES, last_logp })
}

/// Refuses a density whose slope along a coordinate is zero wherever one looks.
fn look_for_slope<D: LogDensity + ?Sized>(
    density: &D,
    coordinate: usize,
    seed: u64,
) -> Result<(), CalibrateError> {
    let mut rng = stream(seed, START_STREAM - 1);
    let mut gradient = vec![0.0; density.dim()];
    for _ in 0..START_TRIES {
        let x: Vec<f64> =
            (0..density.dim()).map(|_| rng.random_range(-START_RANGE..START_RANGE)).collect();
        let logp = at(density, &x, &mut gradient)?;
        if logp > f64::NEG_INFINITY && gradient[coordinate] != 0.0 {
            return Ok(());
        }
    }
    Err(CalibrateError::Flat { coordinate })
}

/// Refuses a setting that is not at least `least`.
pub(crate) fn at_least(
    setting: &'static str,
    value: usize,
    least: usize,
    need: &'static str,
) -> Result<(), CalibrateError> {
    if value < least {
        return Err(CalibrateError::BadSetting { setting, value: value as f64, need });
    }
    Ok(())
}

/// Refuses a setting outside an open interval.
pub(crate) fn inside(
    setting: &'static str,
    value: f64,
    (low, high): (f64, f64),
    need: &'static str,
) -> Result<(), CalibrateError> {
    if !(value > low && value < high) {
        return Err(CalibrateError::BadSetting { setting, value, need });
    }
    Ok(())
}
