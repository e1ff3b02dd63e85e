//! Energy from CPU load where no counter exists.
//!
//! P = vcpus · (P_idle + u · (P_max − P_idle)) + P_GB · memory, with u the CPU time of this
//! process over wall time and vcpus. As P is linear in u, energy follows from cumulative wall and
//! CPU time without any sampling error:
//!
//! E = vcpus · P_idle · wall + (P_max − P_idle) · cpu.
//!
//! Symbols: `P_idle`, `P_max` W per vCPU; `P_GB` W per GB (10⁹ bytes); u in 0..=1.
//!
//! Numbers: by microarchitecture, see `load_table.rs`. A processor that is not in it gets 0.9 to
//! 3.7 W per vCPU, the geometric mean over the source's server generations, whose spread is a factor
//! of 1.8 (idle) and 1.7 (full load) at one sigma. Memory: 0.3725 W/GB (Green
//! Algorithms). Vector code and desktop parts lie further off, hence one sigma is stated as a
//! factor of 2 for the processor and for the memory.
//!
//! Deliberately not: frequency, temperature, other processes, power supply, fans, disks.

use crate::clock::Moment;
use crate::load_table::microarchitecture;
use crate::machine::Machine;
use crate::provenance::Provenance;
use crate::source::{Channel, Source, Uncertainty};

/// One-sigma factor of the model, either way.
pub const SIGMA_FACTOR: f64 = 2.0;

/// Memory power, W per GB allocated (Green Algorithms).
pub const MEMORY_W_PER_GB: f64 = 0.3725;

/// Idle and full-load W per vCPU of a processor that the table does not know.
pub(crate) const UNKNOWN: (f64, f64) = (0.9, 3.7);

/// Parameters of the model for one machine.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadModel {
    /// Hardware threads charged to this process.
    pub vcpus: f64,
    /// Power of an idle vCPU, W.
    pub idle_w: f64,
    /// Power of a fully loaded vCPU, W.
    pub max_w: f64,
    /// Memory charged to this process, GB (10⁹ bytes).
    pub memory_gb: f64,
    /// Memory power, W per GB.
    pub memory_w_per_gb: f64,
    /// Where the processor's numbers come from.
    pub origin: String,
}

impl LoadModel {
    /// The model for `machine`.
    #[must_use]
    pub fn of(machine: &Machine) -> Self {
        let known = microarchitecture(&machine.vendor, machine.family, machine.model);
        let (idle_w, max_w, origin) = match known {
            Some(row) => {
                let origin = format!("{}, Cloud Carbon Footprint 2026-04", row.name);
                (row.idle_w, row.max_w, origin)
            }
            None => (
                UNKNOWN.0,
                UNKNOWN.1,
                "unknown processor, mean server of Cloud Carbon Footprint 2026-04".to_owned(),
            ),
        };
        Self {
            vcpus: f64::from(machine.usable_vcpus),
            idle_w,
            max_w,
            memory_gb: machine.memory_bytes as f64 * 1e-9,
            memory_w_per_gb: MEMORY_W_PER_GB,
            origin,
        }
    }

    /// Processor energy over `wall_s` seconds in which the process used `cpu_s` CPU seconds, J.
    /// CPU time above `vcpus · wall_s` is not counted.
    #[must_use]
    pub fn cpu_energy_j(&self, wall_s: f64, cpu_s: f64) -> f64 {
        let busy_s = cpu_s.clamp(0.0, self.vcpus * wall_s.max(0.0));
        self.vcpus * self.idle_w * wall_s + (self.max_w - self.idle_w) * busy_s
    }

    /// Memory energy over `wall_s` seconds, J.
    #[must_use]
    pub fn memory_energy_j(&self, wall_s: f64) -> f64 {
        self.memory_gb * self.memory_w_per_gb * wall_s
    }
}

/// A part of the machine that the model estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadPart {
    /// The processor.
    Cpu,
    /// The memory.
    Memory,
}

/// The load model as a [`Source`] of one channel.
#[derive(Debug, Clone)]
pub struct LoadSource {
    channel: Channel,
    model: LoadModel,
    part: LoadPart,
    start: Option<Moment>,
    energy_uj: u64,
}

impl LoadSource {
    /// The channel `cpu` or `memory` of `model`.
    #[must_use]
    pub fn new(model: LoadModel, part: LoadPart) -> Self {
        let (name, how) = match part {
            LoadPart::Cpu => (
                "cpu",
                format!(
                    "load model: {} vCPU of {} to {} W each by the process's CPU time ({}); one \
                     sigma is a factor of {SIGMA_FACTOR}",
                    model.vcpus, model.idle_w, model.max_w, model.origin
                ),
            ),
            LoadPart::Memory => (
                "memory",
                format!(
                    "load model: {:.1} GB at {} W/GB (Green Algorithms), whatever the load; one \
                     sigma is a factor of {SIGMA_FACTOR}",
                    model.memory_gb, model.memory_w_per_gb
                ),
            ),
        };
        let channel = Channel {
            name: name.to_owned(),
            provenance: Provenance::Estimated,
            how,
            family: format!("load model of the {name}"),
        };
        Self { channel, model, part, start: None, energy_uj: 0 }
    }
}

impl Source for LoadSource {
    fn channel(&self) -> &Channel {
        &self.channel
    }

    fn read(&mut self, now: Moment) -> u64 {
        let start = *self.start.get_or_insert(now);
        let wall_s = crate::clock::seconds(now.wall_ns.saturating_sub(start.wall_ns));
        let cpu_s = crate::clock::seconds(now.cpu_ns.saturating_sub(start.cpu_ns));
        let energy_j = match self.part {
            LoadPart::Cpu => self.model.cpu_energy_j(wall_s, cpu_s),
            LoadPart::Memory => self.model.memory_energy_j(wall_s),
        };
        // `as` saturates: a model with absurd parameters gives 0 or the largest number, no panic.
        self.energy_uj = self.energy_uj.max((energy_j * 1e6).round() as u64);
        self.energy_uj
    }

    fn uncertainty(&self) -> Uncertainty {
        Uncertainty::factor(self.energy_uj, SIGMA_FACTOR)
    }

    fn trouble(&self) -> Option<String> {
        (self.part == LoadPart::Memory && self.model.memory_gb <= 0.0)
            .then(|| "the amount of memory is not known, so nothing is counted".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emerald() -> LoadModel {
        LoadModel::of(&Machine {
            vendor: "GenuineIntel".to_owned(),
            family: 6,
            model: 207,
            online_vcpus: 2,
            usable_vcpus: 2,
            memory_bytes: 24_000_000_000,
            ..Machine::default()
        })
    }

    #[test]
    fn idle_and_full_load_give_the_table_s_power() {
        let model = emerald();
        assert!((model.cpu_energy_j(10.0, 0.0) - 16.2).abs() < 1e-9);
        assert!((model.cpu_energy_j(10.0, 20.0) - 89.6).abs() < 1e-9);
        assert!((model.cpu_energy_j(10.0, 1e9) - 89.6).abs() < 1e-9, "u is at most 1");
        assert!((model.memory_energy_j(10.0) - 89.4).abs() < 1e-9);
    }

    #[test]
    fn energy_does_not_depend_on_how_often_it_is_read() {
        let moment = |i: u64| Moment { wall_ns: i * 7_000_003, cpu_ns: i * 5_000_011 };
        let mut often = LoadSource::new(emerald(), LoadPart::Cpu);
        let mut rarely = often.clone();
        rarely.read(moment(0));
        for i in 0..1_000 {
            often.read(moment(i));
        }
        assert_eq!(often.read(moment(1_000)), rarely.read(moment(1_000)));
    }

    #[test]
    fn an_unknown_processor_gets_the_documented_default() {
        let model = LoadModel::of(&Machine { usable_vcpus: 4, ..Machine::default() });
        assert_eq!((model.idle_w, model.max_w), UNKNOWN);
        assert!(model.origin.contains("unknown"));
    }
}
