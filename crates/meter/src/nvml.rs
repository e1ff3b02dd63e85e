//! NVIDIA GPU energy: the driver's counter of millijoules since it was loaded (Volta and newer).
//!
//! The counter integrates the board's own power sensor; one sigma of its scale is taken as 5 %.
//! It is refreshed about every 100 ms, so a stage shorter than a few seconds is not resolved
//! well. A decrease means that the driver was loaded anew: an unknown interval.

use std::sync::OnceLock;

use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use crate::clock::Moment;
use crate::counter::{Accumulator, CounterTraits};
use crate::finding::Rejection;
use crate::liveness;
use crate::provenance::Provenance;
use crate::source::{Channel, Source, Uncertainty};

/// Mean power of one device above which an increment is not believed, W.
const LIMIT_W: f64 = 3_000.0;
/// Time between two updates of the counter, s.
const UPDATE_S: f64 = 0.1;
/// A reading younger than this is used again, ns: asking the driver is slow, the counter slower.
const KEEP_NS: u64 = 20_000_000;
/// Rounds of the liveness watch: the counter's update takes longer than one round.
const ROUNDS: u32 = 3;

/// One GPU.
pub(crate) struct GpuSource {
    channel: Channel,
    device: Device<'static>,
    counter: Accumulator,
    read_ns: Option<u64>,
    energy_uj: u64,
}

impl Source for GpuSource {
    fn channel(&self) -> &Channel {
        &self.channel
    }

    fn read(&mut self, now: Moment) -> u64 {
        if self.read_ns.is_none_or(|then| now.wall_ns.saturating_sub(then) >= KEEP_NS) {
            self.read_ns = Some(now.wall_ns);
            self.energy_uj = self.counter.take(counter_uj(&self.device), now);
        }
        self.energy_uj
    }

    fn uncertainty(&self) -> Uncertainty {
        self.counter.uncertainty()
    }

    fn trouble(&self) -> Option<String> {
        self.counter.trouble()
    }
}

/// Finds the GPUs with a live counter. `visible`: see
/// [`DetectOptions::visible_gpus`](crate::DetectOptions::visible_gpus).
pub(crate) fn find(
    visible: Option<&str>,
    load: &mut dyn FnMut(),
) -> (Vec<GpuSource>, Vec<Rejection>) {
    let nvml = match driver() {
        Ok(nvml) => nvml,
        Err(why) => return (Vec::new(), vec![Rejection::missing("gpu", why.clone())]),
    };
    let count = match nvml.device_count() {
        Ok(count) => count,
        Err(error) => {
            let why = format!("the NVIDIA driver gives no list of devices ({error})");
            return (Vec::new(), vec![Rejection::missing("gpu", why)]);
        }
    };
    let mut devices = Vec::new();
    let mut rejected = Vec::new();
    for index in 0..count {
        match open(nvml, index, visible) {
            Ok(Some(device)) => devices.push((index, device)),
            Ok(None) => rejected.push(Rejection::redundant(
                format!("gpu{index}"),
                "it is not visible to this process (CUDA_VISIBLE_DEVICES)",
            )),
            Err(error) => rejected.push(Rejection::missing(
                format!("gpu{index}"),
                format!("the driver refuses its energy counter ({error})"),
            )),
        }
    }
    if count == 0 {
        rejected.push(Rejection::missing("gpu", "the NVIDIA driver lists no device"));
    }
    (living(devices, load, &mut rejected), rejected)
}

fn living(
    mut devices: Vec<(u32, Device<'static>)>,
    load: &mut dyn FnMut(),
    rejected: &mut Vec<Rejection>,
) -> Vec<GpuSource> {
    let mut rounds = || (0..ROUNDS).for_each(|_| load());
    let seen = liveness::watch(&mut devices, |(_, device)| counter_uj(device), &mut rounds);
    let mut alive = Vec::new();
    for ((index, device), sighting) in devices.into_iter().zip(seen) {
        if sighting.moved() {
            alive.push(source(index, device));
        } else {
            let why = format!("its counter is dead: it stayed at {:?} uJ", sighting.before);
            rejected.push(Rejection::missing(format!("gpu{index}"), why));
        }
    }
    alive
}

fn source(index: u32, device: Device<'static>) -> GpuSource {
    let model = device.name().unwrap_or_else(|_| "unnamed device".to_owned());
    GpuSource {
        channel: Channel {
            name: format!("gpu{index}"),
            provenance: Provenance::Measured,
            how: format!("NVML energy counter of device {index} ({model}), all processes on it"),
            family: "nvml".to_owned(),
        },
        device,
        counter: Accumulator::new(CounterTraits {
            range_uj: None,
            limit_w: LIMIT_W,
            update_s: UPDATE_S,
            scale_sigma: 0.05,
        }),
        read_ns: None,
        energy_uj: 0,
    }
}

/// The device, if it is visible and has a counter that can be read.
fn open(
    nvml: &'static Nvml,
    index: u32,
    visible: Option<&str>,
) -> Result<Option<Device<'static>>, NvmlError> {
    let device = nvml.device_by_index(index)?;
    if let Some(visible) = visible {
        let uuid = device.uuid()?;
        let named = |entry: &str| {
            let entry = entry.trim();
            entry.parse() == Ok(index) || (entry.starts_with("GPU-") && uuid.starts_with(entry))
        };
        if !visible.split(',').any(named) {
            return Ok(None);
        }
    }
    device.total_energy_consumption()?;
    Ok(Some(device))
}

fn counter_uj(device: &Device<'static>) -> Option<u64> {
    device.total_energy_consumption().ok()?.checked_mul(1_000)
}

/// The driver's library, loaded once for the life of the process. Many systems carry it only
/// under its versioned name.
fn driver() -> Result<&'static Nvml, &'static String> {
    static DRIVER: OnceLock<Result<Nvml, String>> = OnceLock::new();
    DRIVER
        .get_or_init(|| {
            Nvml::builder()
                .lib_path("libnvidia-ml.so.1".as_ref())
                .init()
                .or_else(|_| Nvml::init())
                .map_err(|error| format!("no NVIDIA driver library ({error})"))
        })
        .as_ref()
}
