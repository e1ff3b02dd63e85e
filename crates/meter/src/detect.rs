//! The search for energy counters, and what stands in where there is none.

use std::path::{Path, PathBuf};

use crate::finding::Rejection;
use crate::liveness;
use crate::load_model::{LoadModel, LoadPart, LoadSource};
use crate::machine::Machine;
use crate::rapl::{self, RaplFindings, RaplSource};
use crate::source::{Channel, Source};

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectOptions {
    /// Root of the kernel's device tree, `/sys` by default; another one where a container mounts
    /// it elsewhere.
    pub sysfs_root: PathBuf,
    /// Root of the kernel's process tree, `/proc` by default.
    pub proc_root: PathBuf,
    /// GPUs to count, in the syntax of `CUDA_VISIBLE_DEVICES` (its value by default): numbers or
    /// `GPU-…` ids, separated by commas. `None` counts all.
    pub visible_gpus: Option<String>,
}

impl Default for DetectOptions {
    fn default() -> Self {
        Self {
            sysfs_root: PathBuf::from("/sys"),
            proc_root: PathBuf::from("/proc"),
            visible_gpus: std::env::var("CUDA_VISIBLE_DEVICES").ok(),
        }
    }
}

/// The sources of this machine, and everything that was turned down.
pub struct Detection {
    /// One source per channel, ready to be read.
    pub sources: Vec<Box<dyn Source>>,
    /// What is not read, why, and how to unlock it.
    pub rejected: Vec<Rejection>,
}

impl Detection {
    /// What was found: one channel per source, in the same order.
    pub fn found(&self) -> impl Iterator<Item = &Channel> {
        self.sources.iter().map(|source| source.channel())
    }
}

impl std::fmt::Debug for Detection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detection")
            .field("found", &self.found().collect::<Vec<_>>())
            .field("rejected", &self.rejected)
            .finish()
    }
}

/// Looks for counters, proves each one alive under a short load (at most 0.1 s, with GPUs 0.4 s),
/// and fills in the load model for the processor and the memory where none is live.
#[must_use]
pub fn detect(options: &DetectOptions) -> Detection {
    detect_under(options, &mut liveness::spin)
}

/// [`detect`] with the load as an argument.
pub(crate) fn detect_under(options: &DetectOptions, load: &mut dyn FnMut()) -> Detection {
    let machine = Machine::read(&options.sysfs_root, &options.proc_root);
    let model = LoadModel::of(&machine);
    let RaplFindings { packages, drams, mut rejected, absent } =
        rapl::find(&options.sysfs_root, load);
    let mut detection = Detection { sources: Vec::new(), rejected: Vec::new() };
    detection.rejected.extend(perf_unit(&options.sysfs_root));
    detection.rejected.append(&mut rejected);

    let gap = |what: &str| {
        let why = absent.as_deref().unwrap_or("none of the zones is live");
        let guest = if machine.virtualised { " (a virtual machine)" } else { "" };
        let gap = Rejection::missing(what, format!("{why}{guest}; the load model stands in"));
        if absent.is_some() && !machine.virtualised {
            return gap.unlocked_by("sudo modprobe intel_rapl_msr");
        }
        gap
    };
    detection.cover(packages, &model, LoadPart::Cpu, || gap("cpu package counter"));
    detection.cover(drams, &model, LoadPart::Memory, || gap("memory counter"));
    detection.add_gpus(options, load);
    detection.rejected.push(Rejection::missing(
        "rest of the machine",
        "power supply losses, fans, disks, network and display have no counter here",
    ));
    detection
}

impl Detection {
    /// Takes the live counters of a part, or the load model and a word on why.
    fn cover(
        &mut self,
        live: Vec<RaplSource>,
        model: &LoadModel,
        part: LoadPart,
        gap: impl FnOnce() -> Rejection,
    ) {
        if live.is_empty() {
            self.sources.push(Box::new(LoadSource::new(model.clone(), part)));
            self.rejected.push(gap());
        }
        self.sources.extend(live.into_iter().map(|source| Box::new(source) as Box<dyn Source>));
    }

    #[cfg(feature = "nvml")]
    fn add_gpus(&mut self, options: &DetectOptions, load: &mut dyn FnMut()) {
        let (gpus, rejected) = crate::nvml::find(options.visible_gpus.as_deref(), load);
        self.sources.extend(gpus.into_iter().map(|gpu| Box::new(gpu) as Box<dyn Source>));
        self.rejected.extend(rejected);
    }

    #[cfg(not(feature = "nvml"))]
    fn add_gpus(&mut self, options: &DetectOptions, _load: &mut dyn FnMut()) {
        let why = if options.proc_root.join("driver/nvidia").exists() {
            "there is an NVIDIA driver, but this program was built without the feature `nvml`"
        } else {
            "no NVIDIA driver on this machine"
        };
        self.rejected.push(Rejection::missing("gpu", why));
    }
}

/// A word on the kernel's perf unit for power, which this version does not read.
fn perf_unit(sysfs_root: &Path) -> Option<Rejection> {
    let events =
        std::fs::read_dir(sysfs_root.join("bus/event_source/devices/power/events")).ok()?;
    let mut names: Vec<String> = events
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.contains('.'))
        .collect();
    names.sort();
    let what = format!("perf unit `power` ({})", names.join(", "));
    Some(if names.iter().any(|name| name == "energy-pkg") {
        Rejection::missing(
            what,
            "this version reads no perf events; powercap gives the same counters where it may be \
             read",
        )
    } else {
        Rejection::redundant(
            what,
            "it has no package event, and a platform event would contain the packages",
        )
    })
}
