//! `surrogate meter run`

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use clap::Args;
use surrogate_meter::footprint::FunctionalUnit;
use surrogate_meter::{Meter, MeterOptions, adopt_orphans, detect, prometheus_text};
use surrogate_run::write_atomic;

use super::print;
use crate::counters::{Counters, Whose};
use crate::electricity::Electricity;
use crate::failure::Failure;
use crate::interrupts;
use crate::progress::parse_duration;
use crate::terminal::Terminal;

/// `surrogate meter run`
#[derive(Args, Debug)]
pub struct Run {
    /// Whose CPU time is followed.
    #[arg(long, value_enum, default_value = "tree")]
    pub cpu_of: Whose,
    /// Time between two readings of the sources.
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub period: String,
    /// What one unit of the work is, for carbon per unit (SCI), such as `voltage curve`.
    #[arg(long, value_name = "WORDS", requires = "units")]
    pub functional_unit: Option<String>,
    /// How many units the command does.
    #[arg(long, value_name = "NUMBER", requires = "functional_unit")]
    pub units: Option<f64>,
    /// Write the account as JSON.
    #[arg(long, value_name = "FILE.json")]
    pub out: Option<PathBuf>,
    /// Write the account for Prometheus's textfile collector.
    #[arg(long, value_name = "FILE.prom")]
    pub prometheus: Option<PathBuf>,
    /// The command and its arguments, after `--`.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<OsString>,
    /// Where the counters are.
    #[command(flatten)]
    pub counters: Counters,
    /// What the energy stands for.
    #[command(flatten)]
    pub electricity: Electricity,
}

/// Runs a command under the meter.
pub fn run(arguments: &Run, terminal: &Terminal) -> Result<u8, Failure> {
    let period = parse_duration(&arguments.period)
        .ok_or_else(|| Failure::user(format!("--period {:?} is no time", arguments.period)))?;
    if arguments.units.is_some_and(|n| !(n.is_finite() && n > 0.0)) {
        return Err(Failure::user("--units: wanted is a number above 0"));
    }
    arguments.electricity.check()?;
    // an interrupt from the keyboard reaches the command too: it decides, and is then accounted for
    if interrupts::outlive().is_err() {
        terminal.warn("an interrupt will end the meter before its report");
    }
    adopt_orphans();
    let meter = Meter::start(MeterOptions {
        period: Duration::from_secs_f64(period.min(60.0)),
        cpu_scope: arguments.cpu_of.scope(&arguments.counters)?,
        detection: Some(detect(&arguments.counters.options())),
        proc_root: arguments.counters.proc_root.clone(),
        ..MeterOptions::default()
    })?;
    let stage = meter.stage("command");
    let ended = Command::new(&arguments.words[0]).args(&arguments.words[1..]).status();
    let status = match ended {
        Ok(status) => status,
        Err(error) => {
            let name = arguments.words[0].to_string_lossy();
            let code = if error.kind() == ErrorKind::NotFound { 127 } else { 126 };
            terminal.say(format!("error: `{name}` cannot be run: {error}"));
            terminal.json(&serde_json::json!({ "error": error.to_string(), "code": code }));
            return Ok(code);
        }
    };
    let report = meter.stop();
    drop(stage); // after the last reading, which thus is the command's
    let (footprint, _) = arguments.electricity.footprint(&report, terminal)?;
    let sci = arguments.functional_unit.as_ref().zip(arguments.units).and_then(|(unit, done)| {
        footprint.software_carbon_intensity(&FunctionalUnit::Named(unit.clone()), done)
    });
    let mut object = print::object(&report, &footprint, sci.as_ref());
    let code = exit_code(status);
    object["code"] = code.into();
    terminal.say(print::text(&report, &footprint, sci.as_ref()));
    if let Some(path) = &arguments.out {
        write(path, &format!("{object:#}\n"))?;
    }
    if let Some(path) = &arguments.prometheus {
        write(path, &prometheus_text(&report, Some(&footprint)))?;
    }
    terminal.json(&object);
    Ok(code)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    Ok(write_atomic(path, text.as_bytes())?)
}

/// The command's exit code; 128 and the signal's number if one ended it, as a shell has it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
