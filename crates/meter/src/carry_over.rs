//! Going on from an earlier session: its channels and stage table join the new ones.

use crate::error::MeterError;
use crate::ledger::{Amount, Ledger, StageRecord};
use crate::report::{ChannelReport, EnergyReport, stage_sum};
use crate::source::Channel;

/// The account of earlier sessions that a meter counts on from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CarryOver {
    /// Channels of the earlier sessions.
    pub channels: Vec<ChannelReport>,
    /// Their stages, energies in the order of `channels`.
    pub stages: Vec<StageRecord>,
    /// What no stage was open for.
    pub unattributed: Amount,
}

impl From<&EnergyReport> for CarryOver {
    fn from(report: &EnergyReport) -> Self {
        Self {
            channels: report.channels.clone(),
            stages: report.stages.clone(),
            unattributed: report.unattributed.clone(),
        }
    }
}

/// One channel of a run: live in this session, carried over from earlier ones, or both.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Identity of the channel.
    pub(crate) channel: Channel,
    /// The earlier sessions' account of it.
    pub(crate) carried: Option<ChannelReport>,
}

impl CarryOver {
    /// Checks that the table is whole and adds up.
    fn check(&self) -> Result<(), MeterError> {
        let expected = self.channels.len();
        let named = self.stages.iter().map(|stage| (stage.path.as_str(), &stage.own));
        for (path, amount) in named.chain([("unattributed", &self.unattributed)]) {
            let found = amount.energy_uj.len();
            if found != expected {
                let stage = path.to_owned();
                return Err(MeterError::CarryOverShape { stage, expected, found });
            }
        }
        let mut total_uj = 0_u128;
        for (i, channel) in self.channels.iter().enumerate() {
            let stages_uj = stage_sum(&self.stages, &self.unattributed, i);
            if stages_uj != u128::from(channel.energy_uj) {
                return Err(MeterError::CarryOverSum {
                    channel: channel.name.clone(),
                    channel_uj: channel.energy_uj,
                    stages_uj,
                });
            }
            total_uj += stages_uj;
        }
        if total_uj > u128::from(u64::MAX / 2) {
            return Err(MeterError::CarryOverTooLarge { total_uj });
        }
        Ok(())
    }

    /// Joins this account with the session's `live` channels: those come first and in their
    /// order; a carried channel joins a live one of the same name and provenance.
    pub(crate) fn join(self, live: Vec<Channel>) -> Result<(Vec<Slot>, Ledger), MeterError> {
        self.check()?;
        let mut slots: Vec<Slot> =
            live.into_iter().map(|channel| Slot { channel, carried: None }).collect();
        let mut place_of = Vec::with_capacity(self.channels.len());
        for carried in self.channels {
            let place = slots.iter().position(|slot| {
                slot.carried.is_none()
                    && slot.channel.name == carried.name
                    && slot.channel.provenance == carried.provenance
            });
            let place = place.unwrap_or_else(|| {
                slots.push(Slot { channel: identity(&carried), carried: None });
                slots.len() - 1
            });
            place_of.push(place);
            slots[place].carried = Some(carried);
        }
        let count = slots.len();
        let moved = |amount: &Amount| {
            let mut to = Amount::zero(count);
            (to.wall_ns, to.cpu_ns) = (amount.wall_ns, amount.cpu_ns);
            for (&place, &uj) in place_of.iter().zip(&amount.energy_uj) {
                to.energy_uj[place] = uj;
            }
            to
        };
        let stages = self.stages.iter().map(|s| StageRecord { own: moved(&s.own), ..s.clone() });
        let ledger = Ledger::resume(count, stages.collect(), moved(&self.unattributed));
        Ok((slots, ledger))
    }
}

fn identity(report: &ChannelReport) -> Channel {
    Channel {
        name: report.name.clone(),
        provenance: report.provenance,
        how: report.how.clone(),
        family: report.family.clone(),
    }
}
