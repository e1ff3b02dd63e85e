//! `surrogate meter calibrate`

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;
use surrogate_meter::{
    Calibration, CalibrationPoint, CpuScope, Meter, MeterOptions, WallReading, detect, host_name,
    read_wall,
};

use crate::counters::Counters;
use crate::failure::Failure;
use crate::progress::parse_duration;
use crate::terminal::Terminal;

/// `surrogate meter calibrate`
///
/// Two loads at least: `--watts W --load 0` with what the plug shows when idle, then
/// `--watts W --load 1` with what it shows while all cores are busy. Or `--command` with a command
/// that prints the plug's power: idle, half and full load are then made and read in turn.
#[derive(Args, Debug)]
pub struct Calibrate {
    /// What the plug showed on average under the load, W.
    #[arg(long, value_name = "W", conflicts_with = "command")]
    pub watts: Option<f64>,
    /// Share of the cores that is kept busy meanwhile, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub load: f64,
    /// Shell command that prints the plug's power.
    #[arg(long, value_name = "COMMAND")]
    pub command: Option<String>,
    /// How long each load lasts.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub time: String,
    /// Forget what was stored for this host first.
    #[arg(long)]
    pub reset: bool,
    /// Where the counters are.
    #[command(flatten)]
    pub counters: Counters,
}

/// Adds readings to the host's calibration and fits it anew.
pub fn run(arguments: &Calibrate, terminal: &Terminal) -> Result<u8, Failure> {
    let seconds = parse_duration(&arguments.time)
        .ok_or_else(|| Failure::user(format!("--time {:?} is no time", arguments.time)))?;
    if !(0.0..=1.0).contains(&arguments.load) {
        return Err(Failure::user(format!("--load {} is not within 0 and 1", arguments.load)));
    }
    let folder = Calibration::folder().ok_or_else(|| {
        Failure::helped("there is no folder for settings", "set HOME or XDG_CONFIG_HOME")
    })?;
    let host = host_name(&arguments.counters.proc_root);
    let path = Calibration::path(&folder, &host);
    let user = |e: surrogate_meter::CalibrationError| Failure::user(e.to_string());
    let stored = if arguments.reset { None } else { Calibration::read(&path).map_err(user)? };
    let mut calibration = stored.unwrap_or_default();
    let mut take = |load: f64, watts: Option<f64>| -> Result<(), Failure> {
        let (channels, point) = reading(arguments, load, seconds, watts)?;
        if !calibration.points.is_empty() && calibration.channels != channels {
            return Err(Failure::helped(
                format!(
                    "the stored readings are of the channels {}, now there are {}",
                    calibration.channels.join(", "),
                    channels.join(", ")
                ),
                "start anew with --reset",
            ));
        }
        calibration.channels = channels;
        calibration.add(point).map_err(user)?;
        terminal.say(format!(
            "load {load:.2}: meter {:.2} W, plug {:.2} W",
            point.meter_w, point.wall_w
        ));
        Ok(())
    };
    match (arguments.watts, &arguments.command) {
        (Some(watts), _) if !(watts.is_finite() && watts > 0.0) => {
            return Err(Failure::user(format!("--watts {watts} is no power")));
        }
        (Some(watts), _) => take(arguments.load, Some(watts))?,
        (None, Some(_)) => [0.0, 0.5, 1.0].into_iter().try_for_each(|load| take(load, None))?,
        (None, None) if arguments.reset => {}
        (None, None) if calibration.points.is_empty() => {
            return Err(Failure::helped(
                format!("host {host} has no calibration"),
                "give the plug's reading: --watts W --load 0, then --watts W --load 1",
            ));
        }
        (None, None) => {}
    }
    calibration.write(&path).map_err(user)?;
    let fitted = calibration.line();
    match &fitted {
        Ok(line) => terminal.say(format!(
            "plug = {:.2} W + {:.4} x meter, one sigma {:.1} %; stored for host {host}",
            line.offset_w,
            line.slope,
            100.0 * line.relative_sigma
        )),
        Err(why) => terminal.say(format!("not applied yet: {why}")),
    }
    terminal.json(&json!({
        "host": host,
        "file": path,
        "channels": calibration.channels,
        "points": calibration.points.iter().map(|p| [p.meter_w, p.wall_w]).collect::<Vec<_>>(),
        "line": fitted.ok().map(|line| json!({
            "offset_w": line.offset_w,
            "slope": line.slope,
            "relative_sigma": line.relative_sigma,
        })),
    }));
    Ok(0)
}

/// Mean power of meter and plug under one load.
fn reading(
    arguments: &Calibrate,
    load: f64,
    seconds: f64,
    watts: Option<f64>,
) -> Result<(Vec<String>, CalibrationPoint), Failure> {
    let mut options = arguments.counters.options();
    (options.calibrations, options.wall_command) = (None, None);
    let meter = Meter::start(MeterOptions {
        cpu_scope: CpuScope::Process,
        detection: Some(detect(&options)),
        proc_root: arguments.counters.proc_root.clone(),
        ..MeterOptions::default()
    })?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let done = AtomicBool::new(false);
    let plug = thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| busy(load, &done));
        }
        let plug = match (&arguments.command, watts) {
            (_, Some(watts)) => {
                thread::sleep(Duration::from_secs_f64(seconds));
                Ok(watts)
            }
            (Some(command), None) => mean_of(command, seconds),
            (None, None) => Err(Failure::Internal("no plug to read".to_string())),
        };
        done.store(true, Ordering::Relaxed);
        plug
    })?;
    let report = meter.stop();
    let channels = report.channels.iter().map(|channel| channel.name.clone()).collect();
    let meter_w = report.total_uj as f64 * 1e-6 / report.wall_s;
    Ok((channels, CalibrationPoint { meter_w, wall_w: plug }))
}

/// Keeps a core busy for a share of the time, in slices of 20 ms.
fn busy(load: f64, done: &AtomicBool) {
    let slice = Duration::from_millis(20);
    while !done.load(Ordering::Relaxed) {
        let start = Instant::now();
        let mut x = 1.0_f64;
        while start.elapsed() < slice.mul_f64(load) {
            for _ in 0..1_000 {
                x = std::hint::black_box(x.mul_add(1.000_000_1, 1e-9));
            }
        }
        thread::sleep(slice.saturating_sub(start.elapsed()));
    }
}

/// Mean power that the command prints, once a second.
fn mean_of(command: &str, seconds: f64) -> Result<f64, Failure> {
    let start = Instant::now();
    let (mut sum, mut count) = (0.0, 0);
    while count == 0 || start.elapsed().as_secs_f64() < seconds {
        match read_wall(command) {
            Ok(WallReading::Power { watts }) => (sum, count) = (sum + watts, count + 1),
            Ok(WallReading::Energy { .. }) => {
                return Err(Failure::user(format!("`{command}` prints energy; wanted is power")));
            }
            Err(fault) => return Err(Failure::user(format!("`{command}`: {fault}"))),
        }
        thread::sleep(Duration::from_secs_f64(seconds.min(1.0)));
    }
    Ok(sum / f64::from(count))
}
