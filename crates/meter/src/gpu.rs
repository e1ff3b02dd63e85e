//! Energy of GPUs, whoever makes them: a counter where one lives, else integrated power, else a
//! model of power against utilisation.
//!
//! Counter (NVIDIA: Volta and newer): millijoules since the driver was loaded, refreshed about
//! every 100 ms; one sigma of its scale is taken as 5 %. While the meter runs the power sensor is
//! integrated beside it; if the two differ by more than 10 % over 5 s, the difference joins the
//! uncertainty and is named.
//!
//! Power: E = sum of P_i (t_{i+1} - t_i). Blind spot: power between two readings is not seen, and
//! the sensor itself looks only part of the time (25 ms in each 100 ms on A100 and H100); one sigma
//! is 10 % of the energy and half of each step of power times its interval. It is called estimated.
//!
//! Utilisation: P = 0.15 L + u (L - 0.15 L), with L the board's power limit, u the share of time
//! with work on the device; idle at 15 % of the limit and one sigma of a factor of 1.6 are assumed.
//!
//! Source: Yang et al. (2024), Part-time power measurements, on what the sensors do not see.

use crate::clock::Moment;
use crate::counter::{Accumulator, CounterTraits};
use crate::finding::Rejection;
use crate::liveness;
use crate::power_integral::PowerIntegral;
use crate::provenance::Provenance;
use crate::source::{Channel, Scope, Source, Uncertainty};

/// Mean power of one device above which an increment is not believed, W.
const LIMIT_W: f64 = 3_000.0;
/// Time between two updates of the counter, s.
const UPDATE_S: f64 = 0.1;
/// A reading younger than this is used again, ns: asking the driver is slow, the counter slower.
const KEEP_NS: u64 = 20_000_000;
/// Time between two readings of the power sensor beside a counter, ns.
const CHECK_NS: u64 = 900_000_000;
/// A reading of power holds at most so long, ns; what comes later is not seen.
const HOLD_NS: u64 = 15_000_000_000;
/// Rounds of the liveness watch: the counter's update takes longer than one round.
const ROUNDS: u32 = 3;
/// Part of the power limit that an idle device draws.
const IDLE_SHARE: f64 = 0.15;
/// One-sigma factor of the utilisation model.
const UTILISATION_FACTOR: f64 = 1.6;

/// Why a GPU gave no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GpuFault {
    /// The device has no such sensor.
    #[error("the device does not offer it")]
    Unsupported,
    /// The rights do not suffice.
    #[error("reading it is not permitted")]
    Denied,
    /// The device is gone (fallen off the bus, driver reloaded).
    #[error("the device is lost")]
    Lost,
    /// The driver failed in another way.
    #[error("the driver failed: {reason}")]
    Driver {
        /// The driver's words.
        reason: String,
    },
}

/// One GPU as its driver shows it. Implement this to meter devices that this crate does not know.
pub trait Gpu: Send {
    /// Number of the device on this machine; its channel is `gpu<number>`.
    fn number(&self) -> u32;

    /// Model, in words.
    fn model(&self) -> String;

    /// Energy since some fixed moment, mJ.
    ///
    /// # Errors
    /// [`GpuFault`]
    fn energy_mj(&mut self) -> Result<u64, GpuFault>;

    /// Present power of the board, mW.
    ///
    /// # Errors
    /// [`GpuFault`]
    fn power_mw(&mut self) -> Result<u64, GpuFault>;

    /// Share of time with work on the device lately, 0 to 1, and the board's power limit, W.
    ///
    /// # Errors
    /// [`GpuFault`]
    fn utilisation_and_limit_w(&mut self) -> Result<(f64, f64), GpuFault>;
}

/// What stands for the device's energy.
enum Method {
    Counter {
        counter: Accumulator,
        /// The power sensor beside the counter.
        check: PowerIntegral,
        checked_ns: Option<u64>,
        from_uj: u64,
        /// What the counter has counted while the sensor was integrated, µJ.
        beside_uj: u64,
    },
    Power(PowerIntegral),
    Utilisation(PowerIntegral),
}

/// One GPU as a source.
struct GpuSource {
    channel: Channel,
    gpu: Box<dyn Gpu>,
    method: Method,
    read_ns: Option<u64>,
    energy_uj: u64,
}

/// Makes sources of `gpus`, best method first; `load` keeps the machine busy while counters are
/// watched (nothing is run on the GPUs: an idle board draws enough to move its counter).
pub fn gpu_sources(
    gpus: Vec<Box<dyn Gpu>>,
    load: &mut dyn FnMut(),
) -> (Vec<Box<dyn Source>>, Vec<Rejection>) {
    let mut gpus = gpus;
    let mut rounds = || (0..ROUNDS).for_each(|_| load());
    let seen = liveness::watch(&mut gpus, |gpu| gpu.energy_mj().ok(), &mut rounds);
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    let mut rejected = Vec::new();
    for (mut gpu, sighting) in gpus.into_iter().zip(seen) {
        let name = format!("gpu{}", gpu.number());
        if sighting.moved() {
            sources.push(Box::new(GpuSource::new(gpu, Kind::Counter)));
            continue;
        }
        let why = match gpu.energy_mj() {
            Ok(mj) => format!("its energy counter is dead: it stayed at {mj} mJ"),
            Err(fault) => format!("no energy counter: {fault}"),
        };
        if gpu.power_mw().is_ok_and(|mw| mw > 0) {
            let why = format!("{why}; its power sensor is integrated instead");
            rejected.push(Rejection::missing(format!("{name} energy counter"), why));
            sources.push(Box::new(GpuSource::new(gpu, Kind::Power)));
        } else if gpu.utilisation_and_limit_w().is_ok_and(|(_, limit)| limit > 0.0) {
            let why = format!("{why}, no power sensor; a model by utilisation stands in");
            rejected.push(Rejection::missing(format!("{name} energy counter"), why));
            sources.push(Box::new(GpuSource::new(gpu, Kind::Utilisation)));
        } else {
            let why = format!("{why}, no power sensor and no utilisation: it is not counted");
            rejected.push(Rejection::missing(name, why));
        }
    }
    (sources, rejected)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Power,
    Utilisation,
}

impl GpuSource {
    fn new(gpu: Box<dyn Gpu>, kind: Kind) -> Self {
        let (number, model) = (gpu.number(), gpu.model());
        let (how, family) = match kind {
            Kind::Counter => ("energy counter", "gpu counter"),
            Kind::Power => (
                "power sensor, integrated; power between readings and between the sensor's own \
                 windows is not seen",
                "gpu power",
            ),
            Kind::Utilisation => (
                "model: 15 % of the power limit idle, the limit at full utilisation",
                "gpu utilisation model",
            ),
        };
        let provenance =
            if kind == Kind::Counter { Provenance::Measured } else { Provenance::Estimated };
        let method = match kind {
            Kind::Counter => Method::Counter {
                counter: Accumulator::new(CounterTraits {
                    range_uj: None,
                    limit_w: LIMIT_W,
                    update_s: UPDATE_S,
                    scale_sigma: 0.05,
                }),
                check: PowerIntegral::new(LIMIT_W, HOLD_NS),
                checked_ns: None,
                from_uj: 0,
                beside_uj: 0,
            },
            Kind::Power => Method::Power(PowerIntegral::new(LIMIT_W, HOLD_NS)),
            Kind::Utilisation => Method::Utilisation(PowerIntegral::new(LIMIT_W, HOLD_NS)),
        };
        Self {
            channel: Channel {
                name: format!("gpu{number}"),
                provenance,
                how: format!("{how}, device {number} ({model}), all processes on it"),
                family: family.to_owned(),
            },
            gpu,
            method,
            read_ns: None,
            energy_uj: 0,
        }
    }
}

impl Source for GpuSource {
    fn channel(&self) -> &Channel {
        &self.channel
    }

    fn scope(&self) -> Scope {
        Scope::Device
    }

    fn read(&mut self, now: Moment) -> u64 {
        if self.read_ns.is_some_and(|then| now.wall_ns.saturating_sub(then) < KEEP_NS) {
            return self.energy_uj;
        }
        self.read_ns = Some(now.wall_ns);
        let gpu = &mut self.gpu;
        let energy_uj = match &mut self.method {
            Method::Counter { counter, check, checked_ns, from_uj, beside_uj } => {
                let raw = gpu.energy_mj().ok().and_then(|mj| mj.checked_mul(1_000));
                let energy_uj = counter.take(raw, now);
                if checked_ns.is_none_or(|then| now.wall_ns.saturating_sub(then) >= CHECK_NS) {
                    if checked_ns.is_none() {
                        *from_uj = energy_uj;
                    }
                    *checked_ns = Some(now.wall_ns);
                    check.take(gpu.power_mw().ok().map(|mw| mw as f64 * 1e-3), now.wall_ns);
                    check.energy_uj(now.wall_ns);
                    *beside_uj = energy_uj - *from_uj;
                }
                energy_uj
            }
            Method::Power(integral) => {
                integral.take(gpu.power_mw().ok().map(|mw| mw as f64 * 1e-3), now.wall_ns);
                integral.energy_uj(now.wall_ns)
            }
            Method::Utilisation(integral) => {
                let load = gpu.utilisation_and_limit_w().ok();
                let watts = load.map(|(u, limit)| {
                    limit * (IDLE_SHARE + u.clamp(0.0, 1.0) * (1.0 - IDLE_SHARE))
                });
                integral.take(watts, now.wall_ns);
                integral.energy_uj(now.wall_ns)
            }
        };
        self.energy_uj = self.energy_uj.max(energy_uj);
        self.energy_uj
    }

    fn uncertainty(&self) -> Uncertainty {
        match &self.method {
            Method::Counter { counter, check, beside_uj, .. } => {
                let u = counter.uncertainty();
                let extra = disagreement_uj(check, *beside_uj).unwrap_or(0.0);
                let sigma = (u.sigma_uj as f64).hypot(extra).round() as u64;
                Uncertainty::additive(self.energy_uj, sigma)
            }
            Method::Power(integral) => {
                let scale = 0.10 * self.energy_uj as f64;
                let sigma = scale.hypot(integral.step_sigma_uj()) + integral.unseen_uj();
                Uncertainty::additive(self.energy_uj, sigma.round() as u64)
            }
            Method::Utilisation(integral) => {
                let unseen = Uncertainty::additive(0, integral.unseen_uj().round() as u64);
                Uncertainty::factor(self.energy_uj, UTILISATION_FACTOR).plus(unseen)
            }
        }
    }

    fn trouble(&self) -> Option<String> {
        match &self.method {
            Method::Counter { counter, check, beside_uj, .. } => {
                let differs = disagreement_uj(check, *beside_uj).map(|_| {
                    format!(
                        "counter and power sensor disagree: {:.1} J against {:.1} J over the same \
                         time",
                        *beside_uj as f64 * 1e-6,
                        check.energy_j()
                    )
                });
                let parts: Vec<String> = counter.trouble().into_iter().chain(differs).collect();
                (!parts.is_empty()).then(|| parts.join("; "))
            }
            Method::Power(integral) | Method::Utilisation(integral) => integral.trouble(),
        }
    }
}

/// Difference of counter and integrated power, µJ, once it is beyond 10 % over 5 s.
fn disagreement_uj(check: &PowerIntegral, beside_uj: u64) -> Option<f64> {
    let (own, beside) = (check.energy_j() * 1e6, beside_uj as f64);
    let apart = (own - beside).abs();
    (check.seen_s() >= 5.0 && !check.silent() && apart > 0.1 * own.max(beside)).then_some(apart)
}

#[cfg(test)]
mod tests;
