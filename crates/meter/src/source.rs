//! What a meter reads: one [`Source`] per channel of energy.

use crate::clock::Moment;
use crate::provenance::Provenance;

/// What a channel counts and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Short name, unique among the sources of one meter: `package-0`, `gpu0`, `cpu`, `memory`.
    pub name: String,
    /// Where the number comes from.
    pub provenance: Provenance,
    /// One sentence for a reader: which counter or model, and what it includes.
    pub how: String,
    /// Channels of one family err together (same counter design, same model): their sigmas add
    /// linearly, those of different families in quadrature.
    pub family: String,
}

/// Uncertainty of an energy, microjoules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Uncertainty {
    /// One standard uncertainty.
    pub sigma_uj: u64,
    /// Lower end of the interval that holds the true value in about 68 % of cases.
    pub low_uj: u64,
    /// Upper end of that interval.
    pub high_uj: u64,
}

impl Uncertainty {
    /// Symmetric: `energy ± sigma`, both in microjoules.
    #[must_use]
    pub fn additive(energy_uj: u64, sigma_uj: u64) -> Self {
        Self {
            sigma_uj,
            low_uj: energy_uj.saturating_sub(sigma_uj),
            high_uj: energy_uj.saturating_add(sigma_uj),
        }
    }

    /// Multiplicative: the true value lies within `energy / factor ..= energy * factor` in about
    /// 68 % of cases; `sigma_uj` is half the width of that interval. A factor below 1 counts as 1.
    #[must_use]
    pub fn factor(energy_uj: u64, factor: f64) -> Self {
        let factor = factor.max(1.0);
        let energy = energy_uj as f64;
        let (low, high) = (energy / factor, energy * factor);
        Self {
            sigma_uj: (0.5 * (high - low)).round() as u64,
            low_uj: low.round() as u64,
            high_uj: high.round() as u64,
        }
    }

    /// Sum of two uncertainties that err together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            sigma_uj: self.sigma_uj.saturating_add(other.sigma_uj),
            low_uj: self.low_uj.saturating_add(other.low_uj),
            high_uj: self.high_uj.saturating_add(other.high_uj),
        }
    }
}

/// Whose energy a source counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All processes on the machine's processors and memory: shared out by CPU time.
    Machine,
    /// All processes on one device, such as a GPU; not shared out.
    Device,
    /// Only what the CPU scope of the meter covers.
    Own,
}

/// A counter or model that gives one channel of energy.
///
/// Reading never fails and never panics: what could not be seen is said by [`Source::trouble`].
pub trait Source: Send {
    /// What is counted and how.
    fn channel(&self) -> &Channel;

    /// Whose energy this is.
    fn scope(&self) -> Scope {
        Scope::Own
    }

    /// Energy since the first call, µJ; the first call sets the baseline and gives 0. Never
    /// decreases. `now` is the moment of the call.
    fn read(&mut self, now: Moment) -> u64;

    /// Uncertainty of the last reading.
    fn uncertainty(&self) -> Uncertainty;

    /// What this source could not see so far, in words; `None` if nothing was missed.
    fn trouble(&self) -> Option<String>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factor_two_means_half_to_double() {
        let u = Uncertainty::factor(1_000, 2.0);
        assert_eq!(u, Uncertainty { sigma_uj: 750, low_uj: 500, high_uj: 2_000 });
    }

    #[test]
    fn additive_never_goes_below_zero() {
        assert_eq!(Uncertainty::additive(5, 9).low_uj, 0);
    }
}
