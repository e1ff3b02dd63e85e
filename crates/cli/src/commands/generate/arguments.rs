//! Arguments of `surrogate generate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use surrogate_crystal::direct::DirectOptions;

use crate::counters::Counters;
use crate::electricity::Electricity;
use crate::generator::SAMPLES;

/// `surrogate generate`
#[derive(Args, Debug)]
pub struct Generate {
    /// Where structures come from.
    #[arg(long, value_enum, default_value_t = Proposer::Retrieval)]
    pub proposer: Proposer,
    /// Library of prototypes, made by `surrogate data import` [default: the shipped one].
    #[arg(long, value_name = "FILE")]
    pub library: Option<PathBuf>,
    /// Run of a trained generator, by path or name [default: the shipped one].
    #[arg(long, value_name = "RUN")]
    pub model: Option<String>,
    /// Structures that the generator draws for each number of formula units.
    #[arg(long, value_name = "NUMBER", default_value_t = SAMPLES)]
    pub samples: usize,
    /// Choices of cell, space group and positions that are tried without any example, for each number of
    /// formula units, where nothing proposed reproduces the pattern [default: 2000 with --proposer direct, else none].
    #[arg(long, value_name = "NUMBER")]
    pub direct: Option<usize>,
    /// Measured pattern: columns of place and intensity (.xy, .xye, .csv, .txt), or .xrdml.
    #[arg(long, value_name = "FILE")]
    pub pxrd: PathBuf,
    /// What the first column of the pattern holds.
    #[arg(long, value_enum, default_value_t = FirstColumn::TwoTheta)]
    pub axis: FirstColumn,
    /// CuKa, CuKa1, CuKa12 (doublet), the same of Mo, Cr, Fe, Co, Ag, or angstrom such as 1.5406; a
    /// file .xrdml states its own.
    #[arg(long, allow_hyphen_values = true)]
    pub wavelength: Option<String>,
    /// The pattern has no background; by default it is removed.
    #[arg(long)]
    pub no_background: bool,
    /// Chemical formula, such as PbSe or Ca(OH)2. Without it and --elements a generator draws it.
    #[arg(long, conflicts_with = "elements")]
    pub formula: Option<String>,
    /// Elements of a compound whose formula is not known, such as Pb,Se.
    #[arg(long, value_name = "ELEMENT,…", value_delimiter = ',')]
    pub elements: Vec<String>,
    /// Space group, by its number or symbol, such as 136 or P4_2/mnm.
    #[arg(long, value_name = "GROUP")]
    pub space_group: Option<String>,
    /// Conventional cell in angstrom and degrees: a,b,c,alpha,beta,gamma, or the free ones of the space
    /// group, such as a,c of a tetragonal one.
    #[arg(
        long,
        value_name = "A,…",
        requires = "space_group",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub cell: Vec<f64>,
    /// Formula units in the primitive cell [default: every number up to --max-atoms].
    #[arg(long, value_name = "NUMBER", requires = "formula")]
    pub formula_units: Option<usize>,
    /// Most atoms in the primitive cell.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    pub max_atoms: usize,
    /// Number of structures, the best first.
    #[arg(short = 'n', long = "count", value_name = "NUMBER", default_value_t = 20)]
    pub count: usize,
    /// New folder of the CIF files.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Seed of random starts.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Draw what the measured points leave open of the first structure, or of so many: posterior.csv,
    /// posterior.nc for ArviZ, and uncertainties in their CIF files.
    #[arg(long, value_name = "NUMBER", num_args = 0..=1, default_missing_value = "1")]
    pub posterior: Option<usize>,
    /// Say what the search took: energy, carbon, water.
    #[arg(long)]
    pub footprint: bool,
    /// Where the counters are.
    #[command(flatten)]
    pub counters: Counters,
    /// What the energy stands for.
    #[command(flatten)]
    pub electricity: Electricity,
}

impl Generate {
    /// Choices that the search without examples tries, 0 for none.
    pub fn direct_choices(&self) -> usize {
        let usual = match self.proposer {
            Proposer::Direct => DirectOptions::default().choices,
            _ => 0,
        };
        self.direct.unwrap_or(usual)
    }
}

/// Where structures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Proposer {
    /// Prototypes of a library with other elements.
    Retrieval,
    /// Structures drawn by a trained generator.
    Generator,
    /// Both.
    Both,
    /// Neither: cells from the peaks, and atoms on every choice of positions.
    Direct,
}

/// What the first column of a pattern holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FirstColumn {
    /// Angles 2 theta in degrees.
    TwoTheta,
    /// Q in 1/angstrom.
    Q,
}
