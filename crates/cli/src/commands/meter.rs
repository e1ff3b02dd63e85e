//! `surrogate meter`: energy of anything, with or without a surrogate.

mod calibrate;
mod detect;
mod plan;
mod print;
mod run;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::terminal::Terminal;

/// `surrogate meter`
#[derive(Args, Debug)]
pub struct Meter {
    /// What to do.
    #[command(subcommand)]
    pub command: MeterCommand,
}

/// Commands of the meter.
#[derive(Subcommand, Debug)]
pub enum MeterCommand {
    /// Show what is read on this machine, what is not and why, and how to unlock it.
    Detect(detect::Detect),
    /// Run a command and say what it used; ends with the command's exit code.
    Run(Box<run::Run>),
    /// Correct the meter by readings of a wall plug, for this host.
    Calibrate(calibrate::Calibrate),
    /// Choose the hours of low carbon for a job, or replay a year of such choices.
    Plan(plan::PlanArguments),
}

/// Runs the command.
pub fn run(arguments: &Meter, terminal: &Terminal) -> Result<u8, Failure> {
    match &arguments.command {
        MeterCommand::Detect(a) => detect::run(a, terminal),
        MeterCommand::Run(a) => run::run(a, terminal),
        MeterCommand::Calibrate(a) => calibrate::run(a, terminal),
        MeterCommand::Plan(a) => plan::run(a, terminal),
    }
}
