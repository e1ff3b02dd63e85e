//! Energy of a run, by stage and by part of the machine, with its uncertainty and provenance.
//!
//! A [`Meter`] reads cumulative counters (processor, memory, GPU) or, where none is live, a model
//! of power against CPU load, at every stage boundary and once per second. Its [`Ledger`] shares
//! each interval among the stages in integer microjoules, so that stages and the unattributed
//! rest add up exactly; [`ledger`] states the rule. [`detect()`] says what was found, what was
//! turned down, and how to unlock it; the report repeats what is missing from the total.
//!
//! ```
//! use surrogate_meter::{Meter, MeterOptions};
//!
//! let meter = Meter::start(MeterOptions::default())?;
//! {
//!     let _train = meter.stage("train");
//!     let _adam = meter.stage("adam"); // inside `train`: its path is `train/adam`
//! }
//! let report = meter.stop();
//! assert!(report.adds_up());
//! # Ok::<(), surrogate_meter::MeterError>(())
//! ```
//!
//! Around it: [`footprint`] turns energy into carbon and water with intervals, [`schedule`] finds
//! hours of low carbon, [`forecast()`] says what a run will have used at its end, and a
//! [`Calibration`] corrects the meter by a wall plug.
//!
//! Deliberately not here: writing of run directories, figures, market-based or marginal carbon.
//! Unix only; hardware counters on Linux only. Feature `nvml`: NVIDIA GPUs. Feature `live`: present
//! carbon intensity from public services, asked only when called.

mod attribution;
mod calibration;
mod carry_over;
mod cgroup;
mod clock;
mod counter;
mod counter_file;
mod counter_source;
mod cpu_time;
mod detect;
mod error;
mod finding;
pub mod footprint;
mod forecast;
mod gpu;
pub mod ledger;
mod liveness;
mod load_model;
mod load_table;
mod machine;
mod meter;
#[cfg(feature = "nvml")]
mod nvml;
mod peak_memory;
mod perf;
mod power_integral;
mod process_tree;
mod prometheus;
mod provenance;
mod quantity;
mod rapl;
mod rapl_zones;
mod report;
mod samples;
pub mod schedule;
mod shares;
mod source;
mod wall_command;

pub use attribution::{MachineCpu, SharedEnergy};
pub use calibration::{Calibration, CalibrationError, CalibrationPoint, WallLine, calibrated};
pub use carry_over::CarryOver;
pub use cgroup::{cgroup_cpu_ns, cgroup_of};
pub use clock::{Clock, Moment};
pub use cpu_time::CpuScope;
pub use detect::{DetectOptions, Detection, detect, host_name};
pub use error::MeterError;
pub use finding::{Rejection, RejectionKind};
pub use forecast::{Forecast, ForecastError, Progress, forecast};
pub use gpu::{Gpu, GpuFault, gpu_sources};
pub use ledger::{Amount, Ledger, StageId, StageRecord};
pub use load_model::{LoadModel, LoadPart, LoadSource, MEMORY_W_PER_GB, SIGMA_FACTOR};
pub use machine::Machine;
pub use meter::{Meter, MeterOptions, StageGuard};
pub use peak_memory::peak_memory_bytes;
pub use process_tree::{adopt_orphans, tree_cpu_ns};
pub use prometheus::prometheus_text;
pub use provenance::Provenance;
pub use quantity::Quantity;
pub use report::{ChannelReport, EnergyReport, Total, total_of};
pub use samples::Sample;
pub use shares::largest_remainder;
pub use source::{Channel, Scope, Source, Uncertainty};
pub use wall_command::{CommandFault, WallReading, WallSource, read_wall};
