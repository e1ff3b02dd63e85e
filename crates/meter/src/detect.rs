//! The search for energy counters, and what stands in where there is none.

use std::path::{Path, PathBuf};

use crate::calibration::{Calibration, calibrated};
use crate::counter_file::CounterFile;
use crate::counter_source::Counters;
use crate::finding::Rejection;
use crate::liveness;
use crate::load_model::{LoadModel, LoadPart, LoadSource};
use crate::machine::Machine;
use crate::perf;
use crate::rapl::{self, Wanted};
use crate::source::{Channel, Source};
use crate::wall_command::WallSource;

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
    /// A command of the user that prints the power or energy of the whole machine, see
    /// [`WallSource`]; it replaces every other source. Default: `None`.
    pub wall_command: Option<String>,
    /// Folder of the wall-plug calibrations; that of this host is applied if it fits the channels
    /// found. Default: [`Calibration::folder`]. `None` applies none.
    pub calibrations: Option<PathBuf>,
}

impl Default for DetectOptions {
    fn default() -> Self {
        Self {
            sysfs_root: PathBuf::from("/sys"),
            proc_root: PathBuf::from("/proc"),
            visible_gpus: std::env::var("CUDA_VISIBLE_DEVICES").ok(),
            wall_command: None,
            calibrations: Calibration::folder(),
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

/// Looks for counters, proves each one alive under a short load (at most 0.1 s an interface and,
/// where no package lives, 0.1 s more for the platform's; with GPUs 0.3 s more), and fills in the
/// load model for the processor and the memory where none is live.
#[must_use]
pub fn detect(options: &DetectOptions) -> Detection {
    detect_with(options, &mut perf::open_event, &mut liveness::spin)
}

/// [`detect`] with the opening of perf events and the load as arguments.
pub(crate) fn detect_with(
    options: &DetectOptions,
    open: perf::Opener<'_>,
    load: &mut dyn FnMut(),
) -> Detection {
    let mut detection = Detection { sources: Vec::new(), rejected: Vec::new() };
    if let Some(command) = &options.wall_command {
        match WallSource::start(command) {
            Ok(wall) => {
                detection.sources.push(Box::new(wall));
                detection.rejected.push(Rejection::redundant(
                    "counters of the parts",
                    "the wall reading contains processor, memory, GPUs and all else",
                ));
                return detection;
            }
            Err(fault) => detection.rejected.push(Rejection::missing(
                format!("wall command `{command}`"),
                format!("{fault}; the sources of the parts stand in"),
            )),
        }
    }
    detection.add_processor(options, open, load);
    detection.add_gpus(options, load);
    detection.correct(options);
    detection
}

/// Name of this host; `unnamed` where the kernel does not say.
#[must_use]
pub fn host_name(proc_root: &Path) -> String {
    let name = std::fs::read_to_string(proc_root.join("sys/kernel/hostname")).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

/// Of two interfaces to the same counters the one with more live ones; the first if equal.
fn better(
    first: Vec<Box<dyn Source>>,
    second: Vec<Box<dyn Source>>,
    rejected: &mut Vec<Rejection>,
) -> Vec<Box<dyn Source>> {
    let (kept, left) = if second.len() > first.len() { (second, first) } else { (first, second) };
    rejected.extend(left.iter().map(|source| {
        let channel = source.channel();
        let why = format!("another interface counts the same ({})", channel.how);
        Rejection::redundant(channel.name.clone(), why)
    }));
    kept
}

impl Detection {
    fn add_processor(
        &mut self,
        options: &DetectOptions,
        open: perf::Opener<'_>,
        load: &mut dyn FnMut(),
    ) {
        let machine = Machine::read(&options.sysfs_root, &options.proc_root);
        let model = LoadModel::of(&machine);
        let perf = perf::find(&options.sysfs_root, open, load);
        let wanted = Wanted {
            packages: perf.packages.is_empty() || perf.packages.len() < perf.packages_listed,
            drams: perf.drams.is_empty() || perf.drams.len() < perf.packages.len(),
        };
        let rapl = rapl::find(&options.sysfs_root, wanted, &CounterFile::open, load);
        let absent = why_none(&perf, &rapl);
        self.rejected.extend(perf.rejected);
        self.rejected.extend(rapl.rejected);
        let packages = better(perf.packages, rapl.packages, &mut self.rejected);
        let drams = better(perf.drams, rapl.drams, &mut self.rejected);
        if packages.is_empty() {
            let platform = perf.platforms.into_iter().chain(rapl.platforms).next();
            if let Some(platform) = platform {
                self.sources.push(platform);
                self.rejected.extend(drams.iter().map(|dram| {
                    let name = dram.channel().name.clone();
                    Rejection::redundant(name, "the platform counter usually contains it")
                }));
                return;
            }
        }
        let guest = if machine.virtualised { " (a virtual machine)" } else { "" };
        let gap = |what: &str| {
            let gap =
                Rejection::missing(what, format!("{absent}{guest}; the load model stands in"));
            let could_help = rapl.absent.is_some() && !machine.virtualised;
            if could_help { gap.unlocked_by("sudo modprobe intel_rapl_msr") } else { gap }
        };
        self.cover(packages, &model, LoadPart::Cpu, || gap("cpu package counter"));
        self.cover(drams, &model, LoadPart::Memory, || gap("memory counter"));
    }

    /// Applies the host's wall-plug calibration, or says what is not seen without one.
    fn correct(&mut self, options: &DetectOptions) {
        let rest = "power supply losses, fans, disks, network and display have no counter here";
        let missing = Rejection::missing("rest of the machine", rest)
            .unlocked_by("surrogate meter calibrate --watts W  # with a plug meter, idle and busy");
        let folder = options.calibrations.as_deref();
        let path = folder.map(|folder| Calibration::path(folder, &host_name(&options.proc_root)));
        let stored = match path.as_deref().map(Calibration::read) {
            Some(Ok(Some(stored))) => stored,
            Some(Err(error)) => {
                self.rejected.push(Rejection::missing("wall calibration", error.to_string()));
                self.rejected.push(missing);
                return;
            }
            Some(Ok(None)) | None => {
                self.rejected.push(missing);
                return;
            }
        };
        let names: Vec<&str> = self.found().map(|channel| channel.name.as_str()).collect();
        let why = if names != stored.channels {
            let (then, now) = (stored.channels.join(", "), names.join(", "));
            format!("it was made with the channels {then}; now there are {now}")
        } else {
            match stored.line() {
                Ok(line) => {
                    self.sources = calibrated(std::mem::take(&mut self.sources), line);
                    return;
                }
                Err(error) => error.to_string(),
            }
        };
        self.rejected.push(Rejection::missing("wall calibration", why));
        self.rejected.push(missing);
    }

    /// Takes the live counters of a part, or the load model and a word on why.
    fn cover(
        &mut self,
        live: Vec<Box<dyn Source>>,
        model: &LoadModel,
        part: LoadPart,
        gap: impl FnOnce() -> Rejection,
    ) {
        if live.is_empty() {
            self.sources.push(Box::new(LoadSource::new(model.clone(), part)));
            self.rejected.push(gap());
        }
        self.sources.extend(live);
    }

    #[cfg(feature = "nvml")]
    fn add_gpus(&mut self, options: &DetectOptions, load: &mut dyn FnMut()) {
        let (gpus, rejected) = crate::nvml::devices(options.visible_gpus.as_deref());
        self.rejected.extend(rejected);
        let (sources, rejected) = crate::gpu::gpu_sources(gpus, load);
        self.sources.extend(sources);
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

/// Why there is no live counter, in one sentence.
fn why_none(perf: &Counters, rapl: &Counters) -> String {
    match (&perf.absent, &rapl.absent) {
        (Some(perf), Some(rapl)) => format!("{perf}, and {rapl}"),
        (None, Some(rapl)) => format!("no perf event of it is live, and {rapl}"),
        (Some(perf), None) => format!("{perf}, and no powercap zone of it is live"),
        (None, None) => "neither a perf event nor a powercap zone of it is live".to_owned(),
    }
}

#[cfg(test)]
mod tests;
