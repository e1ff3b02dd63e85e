//! Command line arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::calibrate::arguments::Calibrate;
use crate::commands::evaluate::structures::StructureCases;
use crate::commands::train::green::GreenArguments;
use crate::counters::Counters;
use crate::electricity::Electricity;

/// Train neural surrogates of differential equations from a problem file, and know what they cost.
#[derive(Parser, Debug)]
#[command(name = "surrogate", version, max_term_width = 100)]
pub struct Arguments {
    /// Print one JSON object as the last line of stdout.
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress bar; plain lines instead.
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Check problem files: syntax, names, units, ranges.
    Check(Check),
    /// Train a surrogate and leave a run directory.
    Train(Box<Train>),
    /// Solve a problem with the reference solver.
    Solve(Solve),
    /// Evaluate a trained surrogate.
    Predict(Box<Predict>),
    /// Errors of a trained surrogate against the reference at random parameter points.
    Evaluate(Box<Evaluate>),
    /// Infer parameters from measured curves: a posterior, and whether to believe it.
    Calibrate(Box<Calibrate>),
    /// Write report.html of one run or calibration, or a comparison of several runs.
    Report(Report),
    /// List runs.
    Runs(Runs),
    /// Powder pattern of a crystal in a CIF file.
    Diffract(crate::commands::diffract::Diffract),
    /// Make libraries of prototypes from tables of structures and CIF files.
    Data(crate::commands::data::Data),
    /// Crystal structures that fit a powder pattern and a formula.
    Generate(Box<crate::commands::generate::Generate>),
    /// Energy and carbon of any command, and when to run it.
    Meter(crate::commands::meter::Meter),
}

/// `surrogate check`
#[derive(Args, Debug)]
pub struct Check {
    /// Problem files, and cells in BPX files (.json).
    #[arg(required = true)]
    pub problems: Vec<PathBuf>,
    /// Override a key of the file, such as network.width=32.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Print the resolved file (after `extends` and overrides).
    #[arg(long)]
    pub resolved: bool,
}

/// `surrogate train`
#[derive(Args, Debug)]
pub struct Train {
    /// Problem file (not needed with --resume).
    #[arg(required_unless_present = "resume")]
    pub problem: Option<PathBuf>,
    /// Folder that run directories are made in [default: runs, or $SURROGATE_RUNS].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Exact name of the run directory.
    #[arg(long)]
    pub name: Option<String>,
    /// Seed of weights and points [default: the file's, or 0].
    #[arg(long, allow_hyphen_values = true)]
    pub seed: Option<u64>,
    /// auto, cpu or cuda[:N].
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Threads [default: one per core, or as the resumed run had].
    #[arg(long)]
    pub threads: Option<usize>,
    /// Override a key of the file, such as network.width=32.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Continue an interrupted run to the result it would have had, or one that a limit ended.
    #[arg(long, value_name = "RUN")]
    pub resume: Option<String>,
    /// Stop training after this time, such as 90s, 30m, 2h.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub max_time: Option<String>,
    /// Stop training after this energy, such as 500J, 5Wh.
    #[arg(long, value_name = "ENERGY", allow_hyphen_values = true)]
    pub max_energy: Option<String>,
    /// Stop training after this carbon, making of the hardware included, such as 5g, 200mg.
    #[arg(long, value_name = "CARBON", allow_hyphen_values = true)]
    pub max_carbon: Option<String>,
    /// Check and show what would be trained, then stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Exit with 3 if a goal of the file is missed.
    #[arg(long)]
    pub strict: bool,
    /// Where the counters are.
    #[command(flatten)]
    pub counters: Counters,
    /// What the energy stands for.
    #[command(flatten)]
    pub electricity: Electricity,
    /// When to train.
    #[command(flatten)]
    pub green: GreenArguments,
}

/// Where to evaluate.
#[derive(Args, Debug)]
pub struct Places {
    /// Parameter values, in the file's units: a=1,b=2; others are at their nominal values.
    #[arg(long, value_name = "NAME=VALUE,…")]
    pub params: Option<String>,
    /// CSV with one column per parameter and one row per parameter point.
    #[arg(long, value_name = "FILE.csv", conflicts_with = "params")]
    pub params_file: Option<PathBuf>,
    /// Times: 0,10,20 or FROM:TO:COUNT (ends included).
    #[arg(long, value_name = "TIMES", conflicts_with = "points", allow_hyphen_values = true)]
    pub times: Option<String>,
    /// CSV with one column per coordinate.
    #[arg(long, value_name = "FILE.csv")]
    pub points: Option<PathBuf>,
    /// Where to write the table [default: stdout].
    #[arg(long, value_name = "FILE.csv")]
    pub out: Option<PathBuf>,
}

/// `surrogate solve`
#[derive(Args, Debug)]
pub struct Solve {
    /// Problem file.
    pub problem: PathBuf,
    /// Where.
    #[command(flatten)]
    pub places: Places,
    /// CSV of a current over time (columns such as t_s, current_A; positive on discharge), for a
    /// problem with [cell]: the voltage at its times. c_rate has no effect then.
    #[arg(long, value_name = "FILE.csv", conflicts_with_all = ["points", "times", "noise"])]
    pub profile: Option<PathBuf>,
    /// Steps in words for a problem with [cell], parted by semicolons, such as "Discharge at 1C until 2.5 V; Rest
    /// for 1 hour; Charge at C/3 until 4.2 V; Hold at 4.2 V until 50 mA; Discharge at 10 W": time, step, current and
    /// voltage as the solver goes. c_rate has no effect then.
    #[arg(long, value_name = "STEPS", conflicts_with_all = ["points", "times", "noise", "profile"])]
    pub protocol: Option<String>,
    /// With --protocol or --profile: the cell warms up as one body, where it has a heat capacity.
    #[arg(long)]
    pub thermal: bool,
    /// Add normal noise of this standard deviation, such as 2mV, to the outputs of its unit.
    #[arg(long, value_name = "NOISE", allow_hyphen_values = true)]
    pub noise: Option<String>,
    /// Seed of the noise.
    #[arg(long, default_value_t = 0, requires = "noise")]
    pub seed: u64,
    /// Override a key of the file.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// `surrogate predict`
#[derive(Args, Debug)]
pub struct Predict {
    /// Run directory, its name, or the end of its name.
    pub run: String,
    /// Where.
    #[command(flatten)]
    pub places: Places,
    /// CSV of a current over time (columns such as t_s, current_A; positive on discharge), for the
    /// surrogate of a cell: the voltage at its times. c_rate has no effect then.
    #[arg(long, value_name = "FILE.csv", conflicts_with_all = ["points", "times"])]
    pub profile: Option<PathBuf>,
    /// Have the reference solver answer at the parameter points of which the surrogate of a cell itself says that
    /// they deplete the electrolyte: some tenths of a second each. The column `solved` says where.
    #[arg(long, conflicts_with = "profile")]
    pub solve_depleted: bool,
    /// Say what the prediction took: energy, carbon, water. Finding the counters takes some tenths
    /// of a second.
    #[arg(long)]
    pub footprint: bool,
    /// Where the counters are.
    #[command(flatten)]
    pub counters: Counters,
    /// What the energy stands for [default: as the run was trained].
    #[command(flatten)]
    pub electricity: Electricity,
}

/// `surrogate evaluate`
#[derive(Args, Debug)]
pub struct Evaluate {
    /// Run directory, its name, or the end of its name.
    pub run: Option<String>,
    /// Number of random parameter points.
    #[arg(long, default_value_t = 64)]
    pub points: usize,
    /// Seed of the points, or of the crystals that are drawn.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Known crystals.
    #[command(flatten)]
    pub structures: StructureCases,
    /// Where the counters are.
    #[command(flatten)]
    pub counters: Counters,
    /// What the energy stands for [default: as the run was trained].
    #[command(flatten)]
    pub electricity: Electricity,
}

/// `surrogate report`
#[derive(Args, Debug)]
pub struct Report {
    /// Run directories, or the folder of one calibration, search for structures, or evaluation of searches.
    #[arg(required = true)]
    pub runs: Vec<String>,
    /// Open the report in the browser.
    #[arg(long)]
    pub open: bool,
}

/// `surrogate runs`
#[derive(Args, Debug)]
pub struct Runs {
    /// Folder of runs [default: runs, or $SURROGATE_RUNS].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
