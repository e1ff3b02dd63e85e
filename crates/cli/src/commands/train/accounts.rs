//! What watches a run, and what its energy stands for.

use surrogate_meter::footprint::CarbonRate;
use surrogate_meter::{Meter, MeterOptions, detect};
use surrogate_run::Status;

use super::Limits;
use super::green::Green;
use super::opening::Resumed;
use crate::args::Train;
use crate::electricity::Electricity;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// The meter of a run with its surroundings.
pub struct Accounts {
    /// Watches every stage.
    pub meter: Meter,
    /// What the energy stands for.
    pub electricity: Electricity,
    /// Grams by energy and time.
    pub carbon: CarbonRate,
    /// The hours of low carbon, if there is a window.
    pub green: Option<Green>,
}

impl Accounts {
    /// Starts the meter, on top of earlier sessions, and chooses the hours. Refuses options that
    /// make no sense, and limits that a finished run has used.
    pub fn open(
        arguments: &Train,
        resumed: Option<&Resumed>,
        limits: &Limits,
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        let electricity = match resumed {
            Some(resumed) => arguments.electricity.or_of(&resumed.run)?,
            None => arguments.electricity.clone(),
        };
        electricity.check()?;
        let meter = Meter::start(MeterOptions {
            carry_over: resumed.map(Resumed::energy).unwrap_or_default(),
            detection: Some(detect(&arguments.counters.options())),
            proc_root: arguments.counters.proc_root.clone(),
            ..MeterOptions::default()
        })?;
        let mut options = electricity.options(&meter.report(), terminal)?;
        let site = (limits.time_s, options.site.pue().value);
        let green = Green::choose(&arguments.green, site, &meter, terminal)?;
        if let Some(green) = &green {
            options.intensity = green.planned_intensity();
        }
        let carbon = options.carbon_rate();
        if let Some(resumed) = resumed.filter(|r| r.manifest.status_now() == Status::Finished) {
            limits.refuse_used(resumed, meter.energy_so_far_j(), carbon)?;
        }
        Ok(Self { meter, electricity, carbon, green })
    }
}
