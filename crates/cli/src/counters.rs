//! Options that say where the machine's counters are, and whose CPU time is followed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use surrogate_meter::{
    Calibration, CpuScope, DetectOptions, Meter, MeterOptions, cgroup_of, detect,
};

use crate::failure::Failure;

/// Where the counters are.
#[derive(Args, Debug)]
#[command(next_help_heading = "Counters")]
pub struct Counters {
    /// Root of the kernel's device tree, where a container mounts the host's elsewhere.
    #[arg(long, value_name = "DIR", default_value = "/sys")]
    pub sysfs_root: PathBuf,
    /// Root of the kernel's process tree.
    #[arg(long, value_name = "DIR", default_value = "/proc")]
    pub proc_root: PathBuf,
    /// Shell command that prints the whole machine's power or energy, such as `41.2 W` or `3 kWh`
    /// (a plug meter, a BMC); it replaces all other sources.
    #[arg(long, value_name = "COMMAND")]
    pub wall_command: Option<String>,
    /// Do not apply this host's wall-plug calibration.
    #[arg(long)]
    pub no_calibration: bool,
}

impl Counters {
    /// Starts a meter of this process.
    pub fn meter(&self) -> Result<Meter, Failure> {
        Ok(Meter::start(MeterOptions {
            detection: Some(detect(&self.options())),
            proc_root: self.proc_root.clone(),
            ..MeterOptions::default()
        })?)
    }

    /// For the meter.
    pub fn options(&self) -> DetectOptions {
        DetectOptions {
            sysfs_root: self.sysfs_root.clone(),
            proc_root: self.proc_root.clone(),
            wall_command: self.wall_command.clone(),
            calibrations: if self.no_calibration { None } else { Calibration::folder() },
            ..DetectOptions::default()
        }
    }
}

/// Whose CPU time is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Whose {
    /// The command and all that it starts.
    Tree,
    /// The control group that the command runs in: a container, a batch job.
    Cgroup,
}

impl Whose {
    /// For the meter.
    pub fn scope(self, counters: &Counters) -> Result<CpuScope, Failure> {
        if self == Self::Tree {
            return Ok(CpuScope::Tree);
        }
        let pid = std::process::id();
        let folder = cgroup_of(&counters.proc_root, &counters.sysfs_root, pid);
        folder.map(CpuScope::Cgroup).ok_or_else(|| {
            Failure::helped(
                "this process's control group has no CPU account",
                "leave --cpu-of out to follow the command's process tree",
            )
        })
    }
}
