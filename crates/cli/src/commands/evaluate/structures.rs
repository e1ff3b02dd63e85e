//! `surrogate evaluate --structures`: what methods that find structures reach on known crystals.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::Args;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::Structure;
use surrogate_crystal::retrieve::{Library, SearchOptions};
use surrogate_crystal::score::{
    Case, CaseScore, MostFrequent, NearestTemplate, Proposer, RefinedRetrieval, Retrieval,
};
use surrogate_meter::{EnergyReport, Meter};

use super::scoring::{self, Scored, score_structures};
use crate::args::Evaluate;
use crate::crystal;
use crate::crystal::library::library;
use crate::crystal::sources::Sources;
use crate::electricity::Electricity;
use crate::failure::Failure;
use crate::footprint::{self, Work};
use crate::generator::{Draws, Generator};
use crate::terminal::Terminal;

/// What is evaluated on known crystals.
#[derive(Args, Debug)]
#[command(next_help_heading = "Structures")]
pub struct StructureCases {
    /// Evaluate the search for structures on these known crystals: a table (.csv.zst), a CIF file or a
    /// folder of CIF files.
    #[arg(long, value_name = "TABLE")]
    pub structures: Option<PathBuf>,
    /// Library of prototypes, made by `surrogate data import` without the known crystals
    /// [default: the shipped one].
    #[arg(long, value_name = "FILE", requires = "structures", conflicts_with = "training")]
    pub library: Option<PathBuf>,
    /// Tables that the library is distilled from instead; crystals of --structures are left out.
    #[arg(long, value_name = "TABLE", num_args = 1.., requires = "structures")]
    pub training: Vec<PathBuf>,
    /// Number of crystals, drawn by --seed [default: all].
    #[arg(long, value_name = "NUMBER", requires = "structures")]
    pub count: Option<usize>,
    /// Leave out crystals with more atoms in their cell as given.
    #[arg(long, value_name = "NUMBER", requires = "structures", default_value_t = 20)]
    pub most_atoms: usize,
    /// Radiation of the patterns.
    #[arg(long, requires = "structures", default_value = "CuKa", allow_hyphen_values = true)]
    pub wavelength: String,
    /// Structures that a generator draws for each crystal.
    #[arg(long, value_name = "NUMBER", requires = "structures", default_value_t = 64)]
    pub samples: usize,
    /// New folder for the scores, one row a case, and a page.
    #[arg(long, value_name = "DIR", requires = "structures")]
    pub out: Option<PathBuf>,
}

/// Most elements of a case: what a library holds.
const MOST_ELEMENTS: usize = Library::MOST_ELEMENTS;

/// Runs the command.
pub fn run(table: &Path, all: &Evaluate, terminal: &Terminal) -> Result<u8, Failure> {
    let (arguments, seed, electricity) = (&all.structures, all.seed, &all.electricity);
    electricity.check()?;
    let generator = all.run.as_deref().map(Generator::open).transpose()?;
    let wavelength = crystal::radiation(&arguments.wavelength)?.wavelength();
    if let Some(folder) = &arguments.out {
        crate::commands::generate::prepare(folder)?;
    }
    let known = known(table, arguments, seed, terminal)?;
    let library = match &arguments.training[..] {
        [] => library(arguments.library.as_deref(), terminal)?.0,
        tables => distilled(tables, table, terminal)?,
    };
    let (cases, refused) = cases(known, wavelength, terminal);
    let kinds = library.kinds();
    let rng = ChaCha8Rng::seed_from_u64(seed);
    let options = SearchOptions::default();
    let mut proposers: Vec<Box<dyn Proposer + '_>> = vec![
        Box::new(MostFrequent { library: &library }),
        Box::new(Retrieval { library: &library }),
        Box::new(RefinedRetrieval { library: &library, options, rng }),
    ];
    if library.is_anonymous() {
        terminal.warn(
            "the nearest template is left out: the library does not say what elements crystals had; \
             --training TABLE does",
        );
    } else {
        proposers.insert(1, Box::new(NearestTemplate { library: &library }));
    }
    let samples = arguments.samples;
    if let Some(generator) = &generator {
        for library in [None, Some(&library)] {
            let rng = ChaCha8Rng::seed_from_u64(seed);
            proposers.push(Box::new(Draws { generator, library, samples, options, rng }));
        }
    }
    let meter = all.counters.meter()?;
    let scored = score_structures(&cases, &refused, &mut proposers, &kinds, &meter, terminal);
    publish(&scored, meter, electricity, arguments.out.as_deref(), terminal)?;
    Ok(0)
}

/// Crystals of the table, or some of them.
fn known(
    table: &Path,
    arguments: &StructureCases,
    seed: u64,
    terminal: &Terminal,
) -> Result<Vec<(String, Structure)>, Failure> {
    let mut known = Sources::read(&[table.to_path_buf()], terminal)?.structures;
    known.retain(|(_, s)| {
        s.sites.len() <= arguments.most_atoms && s.composition().len() <= MOST_ELEMENTS
    });
    if known.is_empty() || arguments.count == Some(0) {
        return Err(Failure::helped(
            format!("{}: no crystal to evaluate on", table.display()),
            "raise --most-atoms or --count; crystals have at most four elements",
        ));
    }
    known.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some(count) = arguments.count {
        known.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        known.truncate(count);
    }
    Ok(known)
}

/// A library of tables, without the crystals of another.
fn distilled(tables: &[PathBuf], test: &Path, terminal: &Terminal) -> Result<Library, Failure> {
    let mut training = Sources::read(tables, terminal)?;
    let names: HashSet<String> = Sources::read(&[test.to_path_buf()], terminal)?
        .structures
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    training.without(&names);
    let crystals = training.crystals(MOST_ELEMENTS);
    training.warn(terminal);
    let count = crystals.len();
    let library = Library::distil(crystals);
    terminal.say(format!("{} prototypes of {count} crystals", library.prototypes().len()));
    Ok(library)
}

/// Cases, and failures of those that cannot be one.
pub fn cases(
    known: Vec<(String, Structure)>,
    wavelength: f64,
    terminal: &Terminal,
) -> (Vec<Case>, Vec<CaseScore>) {
    let (mut cases, mut refused) = (Vec::new(), Vec::new());
    for (id, structure) in known {
        match Case::new(id.clone(), &structure, wavelength) {
            Ok(case) => cases.push(case),
            Err(why) => {
                terminal.warn(format!("{id} counts as a failure: {why}"));
                let (atoms, failure) = (structure.sites.len(), Some(why.to_string()));
                refused.push(CaseScore { id, atoms, failure, ..CaseScore::default() });
            }
        }
    }
    (cases, refused)
}

/// Prints scores and energies, and writes them with a page to a folder.
pub fn publish(
    scored: &[Scored],
    meter: Meter,
    electricity: &Electricity,
    out: Option<&Path>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let report = meter.stop();
    terminal.data(&scoring::words(scored));
    let mut object = scoring::json(scored, &|method| joules(&report, method));
    let options = electricity.options(&report, terminal)?;
    let account = footprint::account(&report, &options, &Work::default());
    footprint::say(terminal, &report, &account);
    if let Some(folder) = out {
        surrogate_run::write_json(&folder.join("scores.json"), &object)?;
        surrogate_run::write_json(&folder.join("energy.json"), &account)?;
        scoring::write_cases(scored, &folder.join("cases.csv"))?;
        let page = surrogate_report::structure_scores(folder)?.page;
        terminal.say(format!("wrote {}", page.display()));
        object["folder"] = serde_json::json!(folder);
    }
    terminal.json(&object);
    Ok(())
}

/// What a method took.
fn joules(report: &EnergyReport, method: &str) -> Option<f64> {
    let stage = scoring::stage(method);
    let microjoules = report.inclusive_uj(&stage);
    (microjoules > 0).then_some(microjoules as f64 * 1e-6)
}
