//! The affine-invariant stretch move: for densities without a gradient.
//!
//! Source: Goodman and Weare (2010), Ensemble samplers with affine invariance, in the form of two
//! halves that move in turn, so that each half is one batch.

use rand::{Rng, RngExt};

use super::{Options, at_least, starts_by_value};
use crate::density::{LogDensity, sound};
use crate::draws::{Chain, Draws, Progress};
use crate::error::CalibrateError;
use crate::random::stream;

/// Affine-invariant ensemble: no gradient and no tuning, at some hundred evaluations an effective
/// draw. For up to about 20 coordinates. Each walker is a chain of the result; walkers depend on each
/// other, so R-hat is to be read with a grain of salt.
#[derive(Debug, Clone, PartialEq)]
pub struct Ensemble {
    /// Walkers; at least twice the number of coordinates and even. None for four times that number.
    pub walkers: Option<usize>,
    /// Moves a walker before draws are kept.
    pub tune: usize,
    /// Draws a walker that are kept.
    pub draws: usize,
    /// Moves from draw to draw.
    pub thin: usize,
    /// Seed of all random numbers.
    pub seed: u64,
}

impl Default for Ensemble {
    fn default() -> Self {
        Self { walkers: None, tune: 1000, draws: 500, thin: 5, seed: 0 }
    }
}

/// Greatest stretch.
const STRETCH: f64 = 2.0;

impl Ensemble {
    /// Draws from random starts.
    ///
    /// # Errors
    /// An impossible setting, no start, a failing density.
    pub fn sample<D: LogDensity + ?Sized>(&self, density: &D) -> Result<Draws, CalibrateError> {
        self.sample_with(density, Options::default())
    }

    /// Draws, with one start a walker and a watch, which hears of all walkers as chain 0.
    ///
    /// # Errors
    /// As [`Ensemble::sample`].
    pub fn sample_with<D: LogDensity + ?Sized>(
        &self,
        density: &D,
        options: Options<'_>,
    ) -> Result<Draws, CalibrateError> {
        let d = density.dim();
        let walkers = self.walkers.unwrap_or(4 * d).max(2);
        at_least("walkers", walkers, 2 * d, "at least twice the number of coordinates")?;
        if !walkers.is_multiple_of(2) {
            let (value, need) = (walkers as f64, "an even number");
            return Err(CalibrateError::BadSetting { setting: "walkers", value, need });
        }
        at_least("draws", self.draws, 1, "at least 1 draw")?;
        at_least("thin", self.thin, 1, "at least 1 move a draw")?;
        let (mut x, mut logp) = starts_by_value(density, walkers, self.seed, options.starts)?;
        let mut rng = stream(self.seed, 0);
        let mut chains = vec![Chain::default(); walkers];
        let total = self.tune + self.draws * self.thin;
        let mut stopped = false;
        for k in 0..total {
            let mut acceptance = vec![0.0; walkers];
            for half in 0..2 {
                stretch(density, &mut x, &mut logp, half, &mut acceptance, &mut rng)?;
            }
            for (w, chain) in chains.iter_mut().enumerate() {
                if k < self.tune {
                    chain.tuning_gradients += 1;
                    continue;
                }
                chain.gradients += 1;
                if (k + 1 - self.tune).is_multiple_of(self.thin) {
                    chain.positions.extend_from_slice(&x[w * d..][..d]);
                    chain.stats.lp.push(logp[w]);
                    chain.stats.acceptance_rate.push(acceptance[w]);
                }
            }
            let progress = Progress {
                chain: 0,
                done: k + 1,
                total,
                tuning: k < self.tune,
                diverging: false,
                gradients: walkers as u64,
                step_size: f64::NAN,
            };
            if (options.watch)(&progress).is_break() {
                stopped = k + 1 < total;
                break;
            }
        }
        Ok(Draws { dim: d, chains, stopped })
    }
}

/// Moves half of the walkers along the lines through walkers of the other half.
fn stretch<D: LogDensity + ?Sized, R: Rng>(
    density: &D,
    x: &mut [f64],
    logp: &mut [f64],
    half: usize,
    acceptance: &mut [f64],
    rng: &mut R,
) -> Result<(), CalibrateError> {
    let (d, size) = (density.dim(), logp.len() / 2);
    let (mine, others) = (half * size, (1 - half) * size);
    let (mut proposal, mut stretches) = (Vec::with_capacity(size * d), Vec::with_capacity(size));
    for w in mine..mine + size {
        let other = others + rng.random_range(0..size);
        let z = ((STRETCH - 1.0) * rng.random::<f64>() + 1.0).powi(2) / STRETCH;
        let along = |k: usize| x[other * d + k] + z * (x[w * d + k] - x[other * d + k]);
        proposal.extend((0..d).map(along));
        stretches.push(z);
    }
    let mut proposed = vec![0.0; size];
    density.logp_batch(&proposal, &mut proposed)?;
    for (k, w) in (mine..mine + size).enumerate() {
        let gain = (d as f64 - 1.0) * stretches[k].ln() + sound(proposed[k]) - logp[w];
        acceptance[w] = gain.exp().min(1.0);
        if rng.random::<f64>() < acceptance[w] {
            logp[w] = sound(proposed[k]);
            x[w * d..][..d].copy_from_slice(&proposal[k * d..][..d]);
        }
    }
    Ok(())
}
