//! The account of a run: channels, stages, total, and what is not in it.

use std::collections::BTreeMap;

use crate::attribution::SharedEnergy;
use crate::finding::Rejection;
use crate::ledger::{Amount, StageRecord};
use crate::provenance::Provenance;
use crate::samples::Sample;
use crate::source::{Channel, Uncertainty};

/// Energy of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelReport {
    /// Short name: `package-0`, `gpu0`, `cpu`, `memory`.
    pub name: String,
    /// Where the number comes from.
    pub provenance: Provenance,
    /// Which counter or model, in one sentence.
    pub how: String,
    /// Channels of one family err together.
    pub family: String,
    /// Energy, µJ.
    pub energy_uj: u64,
    /// One standard uncertainty, µJ.
    pub sigma_uj: u64,
    /// Lower end of the 68 % interval, µJ.
    pub low_uj: u64,
    /// Upper end of the 68 % interval, µJ.
    pub high_uj: u64,
}

impl ChannelReport {
    pub(crate) fn new(channel: &Channel, energy_uj: u64, uncertainty: Uncertainty) -> Self {
        Self {
            name: channel.name.clone(),
            provenance: channel.provenance,
            how: channel.how.clone(),
            family: channel.family.clone(),
            energy_uj,
            sigma_uj: uncertainty.sigma_uj,
            low_uj: uncertainty.low_uj,
            high_uj: uncertainty.high_uj,
        }
    }

    /// The uncertainty's three numbers.
    #[must_use]
    pub fn uncertainty(&self) -> Uncertainty {
        Uncertainty { sigma_uj: self.sigma_uj, low_uj: self.low_uj, high_uj: self.high_uj }
    }
}

/// Energy of all channels with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Total {
    /// Energy, µJ.
    pub energy_uj: u64,
    /// Standard uncertainty and 68 % interval.
    pub uncertainty: Uncertainty,
}

/// Sum over channels. Within a family deviations add linearly, between families in quadrature,
/// separately for the sigma, the lower and the upper side.
#[must_use]
pub fn total_of(channels: &[ChannelReport]) -> Total {
    let mut families: BTreeMap<&str, [f64; 3]> = BTreeMap::new();
    let mut energy_uj = 0_u64;
    for channel in channels {
        energy_uj = energy_uj.saturating_add(channel.energy_uj);
        let sides = families.entry(&channel.family).or_default();
        sides[0] += channel.sigma_uj as f64;
        sides[1] += channel.energy_uj.saturating_sub(channel.low_uj) as f64;
        sides[2] += channel.high_uj.saturating_sub(channel.energy_uj) as f64;
    }
    let quadrature = |side: usize| {
        families.values().map(|sides| sides[side] * sides[side]).sum::<f64>().sqrt().round() as u64
    };
    let uncertainty = Uncertainty {
        sigma_uj: quadrature(0),
        low_uj: energy_uj.saturating_sub(quadrature(1)),
        high_uj: energy_uj.saturating_add(quadrature(2)),
    };
    Total { energy_uj, uncertainty }
}

/// What a run used, all sessions together.
///
/// For every channel: its energy is exactly the sum over `stages` plus `unattributed`.
#[derive(Debug, Clone, PartialEq)]
pub struct EnergyReport {
    /// The channels; every list of energies by channel is in this order.
    pub channels: Vec<ChannelReport>,
    /// The stages, in the order in which they first appeared.
    pub stages: Vec<StageRecord>,
    /// What was used while no stage was open.
    pub unattributed: Amount,
    /// Energy used while no stage was open, all channels, µJ.
    pub unattributed_uj: u64,
    /// Energy of all channels, µJ.
    pub total_uj: u64,
    /// One standard uncertainty of the total, µJ.
    pub total_sigma_uj: u64,
    /// Lower end of the total's 68 % interval, µJ.
    pub total_low_uj: u64,
    /// Upper end of the total's 68 % interval, µJ.
    pub total_high_uj: u64,
    /// Wall time, s.
    pub wall_s: f64,
    /// CPU time of the process, s.
    pub cpu_s: f64,
    /// The power curve of this session.
    pub samples: Vec<Sample>,
    /// What is not in the total, or not seen all the time, and why.
    pub not_measured: Vec<Rejection>,
    /// On a shared machine: whose the energy of this session's machine channels was. `None` where
    /// no channel counts the whole machine, or the kernel shows no CPU time of it.
    pub shared: Option<SharedEnergy>,
    /// Whose CPU time was followed, in words.
    pub cpu_scope: String,
    /// How often this session's meter read its sources for a stage or a caller.
    pub boundaries: u64,
    /// CPU time that these readings took, s.
    pub boundary_s: f64,
    /// How often its sampler did.
    pub beats: u64,
    /// CPU time that these took, s.
    pub beat_s: f64,
    /// Wall time of this session, s.
    pub session_s: f64,
}

impl EnergyReport {
    /// Provenance of the total: that of its weakest channel that has any energy.
    #[must_use]
    pub fn provenance(&self) -> Option<Provenance> {
        self.channels.iter().filter(|c| c.energy_uj > 0).map(|c| c.provenance).max()
    }

    /// Mean cost of one boundary, µs.
    #[must_use]
    pub fn boundary_us(&self) -> f64 {
        1e6 * self.boundary_s / self.boundaries.max(1) as f64
    }

    /// Mean cost of one beat of the sampler, µs.
    #[must_use]
    pub fn beat_us(&self) -> f64 {
        1e6 * self.beat_s / self.beats.max(1) as f64
    }

    /// Time spent in readings, as a share of one core over the session.
    #[must_use]
    pub fn overhead_share(&self) -> f64 {
        if self.session_s > 0.0 { (self.boundary_s + self.beat_s) / self.session_s } else { 0.0 }
    }

    /// Energy of a stage and all stages inside it, all channels, µJ.
    #[must_use]
    pub fn inclusive_uj(&self, path: &str) -> u64 {
        self.stages
            .iter()
            .filter(|stage| {
                stage
                    .path
                    .strip_prefix(path)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .map(|stage| stage.own.total_uj())
            .sum()
    }

    /// Whether stages and unattributed rest add up to every channel and to the total.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let channels = self.channels.iter().enumerate().all(|(i, channel)| {
            stage_sum(&self.stages, &self.unattributed, i) == u128::from(channel.energy_uj)
        });
        let sum: u128 = self.channels.iter().map(|c| u128::from(c.energy_uj)).sum();
        let rest = self.unattributed.total_uj();
        channels && sum == u128::from(self.total_uj) && rest == self.unattributed_uj
    }
}

/// Energy of channel `i` over stages and the unattributed rest, µJ.
pub(crate) fn stage_sum(stages: &[StageRecord], unattributed: &Amount, i: usize) -> u128 {
    let of = |amount: &Amount| u128::from(amount.energy_uj.get(i).copied().unwrap_or(0));
    stages.iter().map(|stage| of(&stage.own)).sum::<u128>() + of(unattributed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(family: &str, energy_uj: u64, uncertainty: Uncertainty) -> ChannelReport {
        let channel = Channel {
            name: family.to_owned(),
            provenance: Provenance::Measured,
            how: String::new(),
            family: family.to_owned(),
        };
        ChannelReport::new(&channel, energy_uj, uncertainty)
    }

    #[test]
    fn one_family_adds_linearly_and_two_in_quadrature() {
        let of = |family, sigma| channel(family, 1_000, Uncertainty::additive(1_000, sigma));
        assert_eq!(total_of(&[of("a", 30), of("a", 40)]).uncertainty.sigma_uj, 70);
        assert_eq!(total_of(&[of("a", 30), of("b", 40)]).uncertainty.sigma_uj, 50);
    }

    #[test]
    fn a_factor_of_two_keeps_its_lopsided_interval() {
        let total = total_of(&[channel("a", 1_000, Uncertainty::factor(1_000, 2.0))]);
        assert_eq!((total.uncertainty.low_uj, total.uncertainty.high_uj), (500, 2_000));
    }
}
