//! Arguments of `surrogate calibrate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::counters::Counters;
use crate::electricity::Electricity;

/// `surrogate calibrate`
#[derive(Args, Debug)]
pub struct Calibrate {
    /// Run directory, its name, or the end of its name.
    pub run: String,
    /// Measured curve, and what is known of it: cell.csv,c_rate=1. Names are parameters of the
    /// surrogate (a value, or a column of the file), or time, observed, current (a column), from,
    /// to (the window, in the file's time), at_least (of the observed).
    #[arg(long, required_unless_present = "model", value_name = "FILE[,NAME=VALUE…]")]
    pub data: Vec<String>,
    /// Measured curve that is not fitted, but held against what the posterior predicts of it; written
    /// as in --data.
    #[arg(long, value_name = "FILE[,NAME=VALUE…]", conflicts_with = "sbc")]
    pub predict: Vec<String>,
    /// Unknowns [default: all parameters that no curve states]. Others stay at their nominal values.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub parameters: Vec<String>,
    /// File with a table `[calibrate]`: priors, curves, and what stands here as options, which go
    /// before the file [default priors: uniform over the surrogate's box, in the logarithm where the
    /// parameter is logarithmic].
    #[arg(long, value_name = "FILE.toml")]
    pub model: Option<PathBuf>,
    /// Output that was measured [default: the one in V].
    #[arg(long, value_name = "OUTPUT")]
    pub observe: Option<String>,
    /// How measurements scatter about the model [default: surrogate, where the reference solver can
    /// treat the problem, or else iid].
    #[arg(long, value_enum)]
    pub likelihood: Option<Scatter>,
    /// Expected noise, such as 2mV: the scale of the half-normal prior of each curve's noise
    /// [default: 5 % of the curve's spread].
    #[arg(long, value_name = "NOISE", allow_hyphen_values = true)]
    pub noise: Option<String>,
    /// Points of a curve at most; longer ones are thinned.
    #[arg(long, default_value_t = 400, value_name = "N")]
    pub points: usize,
    /// How to draw.
    #[arg(long, value_enum, default_value_t = Sampler::Nuts)]
    pub sampler: Sampler,
    /// Chains [default: 4; hmc 16, delayed 8].
    #[arg(long)]
    pub chains: Option<usize>,
    /// Draws a chain [default: 1000, and four times that where it leaves too few effective ones; hmc,
    /// delayed and ensemble less].
    #[arg(long)]
    pub draws: Option<usize>,
    /// Draws a chain that tune the sampler and are dropped.
    #[arg(long)]
    pub tune: Option<usize>,
    /// Acceptance that nuts and hmc tune their steps to; higher for bent or narrow
    /// posteriors [default: 0.95; hmc 0.7].
    #[arg(long, value_name = "SHARE")]
    pub target_accept: Option<f64>,
    /// Draws that the reference solver checks; 0 for none.
    #[arg(long, default_value_t = 400, value_name = "N")]
    pub certify: usize,
    /// Do not infer: invent N data sets from the priors by the reference solver, infer from each, and
    /// tell whether the posteriors cover what made the data.
    #[arg(long, value_name = "N", conflicts_with = "max_energy")]
    pub sbc: Option<usize>,
    /// Seed of all random numbers.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Folder of the results [default: calibrations/1, 2, … in the run].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Exit with 3 if the posterior is not to be trusted.
    #[arg(long)]
    pub strict: bool,
    /// Stop sampling after this energy, such as 500J, 5Wh.
    #[arg(long, value_name = "ENERGY", allow_hyphen_values = true)]
    pub max_energy: Option<String>,
    /// Go on with the interrupted calibration in --out, or the last one in the run, to the draws
    /// that it would have had.
    #[arg(long)]
    pub resume: bool,
    /// Where the counters are.
    #[command(flatten)]
    pub counters: Counters,
    /// What the energy stands for [default: as the run was trained].
    #[command(flatten)]
    pub electricity: Electricity,
}

/// How measurements scatter about the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scatter {
    /// Independent noise.
    Iid,
    /// Autocorrelated noise.
    Ar1,
    /// Independent noise, and the surrogate's own error as the reference solver finds it.
    Surrogate,
    /// As `surrogate`, and a smooth misfit of each curve.
    Discrepancy,
    /// As `surrogate`, with noise as large as the misfit, and of each curve only as many points as
    /// its residuals have independent values: for real cells, which no parameters follow exactly.
    Misfit,
}

impl Scatter {
    /// As the command line has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Iid => "iid",
            Self::Ar1 => "ar1",
            Self::Surrogate => "surrogate",
            Self::Discrepancy => "discrepancy",
            Self::Misfit => "misfit",
        }
    }
}

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sampler {
    /// No-U-Turn sampler.
    Nuts,
    /// Hamiltonian Monte Carlo, many chains in lockstep.
    Hmc,
    /// Tempered sequential Monte Carlo: several modes, and the evidence.
    Smc,
    /// Affine-invariant ensemble, without gradients.
    Ensemble,
    /// Proposals of the surrogate, accepted by the reference solver: exact.
    Delayed,
}

impl Sampler {
    /// As the command line has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nuts => "nuts",
            Self::Hmc => "hmc",
            Self::Smc => "smc",
            Self::Ensemble => "ensemble",
            Self::Delayed => "delayed",
        }
    }
}
