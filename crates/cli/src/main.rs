//! The `surrogate` command: arguments in, tables and run directories out. No formula lives here.
#![allow(unreachable_pub)] // a binary has no public items

mod args;
mod cell;
mod commands;
mod compare;
mod counters;
mod cpu_time;
mod crystal;
mod device;
mod electricity;
mod energy;
mod failure;
mod footprint;
mod generator;
mod grid;
mod interrupts;
mod inverse;
mod measured;
mod noise;
mod places;
mod progress;
mod record;
mod reference;
mod surrogate;
mod terminal;
mod trained;

use std::process::ExitCode;

use args::{Arguments, Command};
use clap::Parser;
use failure::Failure;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // help and version go to stdout and are no failure; clap's own code for mistakes is 2
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let terminal = terminal::Terminal::new(&arguments);
    let result: Result<u8, Failure> = match &arguments.command {
        Command::Check(a) => commands::check::run(a, &terminal),
        Command::Train(a) => commands::train::run(a, &terminal),
        Command::Solve(a) => commands::solve::run(a, &terminal),
        Command::Predict(a) => commands::predict::run(a, &terminal),
        Command::Evaluate(a) => commands::evaluate::run(a, &terminal),
        Command::Calibrate(a) => commands::calibrate::run(a, &terminal),
        Command::Report(a) => commands::report::run(a, &terminal),
        Command::Runs(a) => commands::runs::run(a, &terminal),
        Command::Diffract(a) => commands::diffract::run(a, &terminal),
        Command::Data(a) => commands::data::run(a, &terminal),
        Command::Generate(a) => commands::generate::run(a, &terminal),
        Command::Meter(a) => commands::meter::run(a, &terminal),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            let code = failure.code();
            if arguments.json {
                terminal.json(&serde_json::json!({ "error": failure.to_string(), "code": code }));
            }
            failure.print();
            ExitCode::from(code)
        }
    }
}
