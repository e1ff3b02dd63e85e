//! `surrogate evaluate --structures`: what methods that find structures reach on known crystals.

use std::path::{Path, PathBuf};

use clap::Args;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::Structure;
use surrogate_crystal::direct::DirectOptions;
use surrogate_crystal::retrieve::SearchOptions;
use surrogate_crystal::score::{
    Case, CaseScore, MostFrequent, NearestTemplate, Proposer, RefinedRetrieval, Retrieval,
};
use surrogate_meter::{EnergyReport, Meter};
use surrogate_run::RunDirectory;

use super::known::{Known, Split};
use super::scoring::{self, Scored, score_structures};
use crate::args::Evaluate;
use crate::crystal;
use crate::crystal::direct;
use crate::electricity::Electricity;
use crate::failure::Failure;
use crate::footprint::{self, Work};
use crate::generator::{Draws, Generator, SAMPLES};
use crate::terminal::Terminal;
use crate::trained;

/// What is evaluated on known crystals.
#[derive(Args, Debug)]
#[command(next_help_heading = "Structures")]
pub struct StructureCases {
    /// Evaluate the search for structures on these known crystals: a table (.csv, .csv.gz, .csv.zst), a CIF file or a
    /// folder of CIF files.
    #[arg(long, value_name = "TABLE", group = "known")]
    pub structures: Option<PathBuf>,
    /// Evaluate the generator of RUN on crystals of its own problem file: those of the table `test`, or
    /// those of its library that were kept for judging. The library is what it was trained on.
    #[arg(long, value_enum, group = "known")]
    pub split: Option<Split>,
    /// Library of prototypes, made by `surrogate data import` without the known crystals
    /// [default: the shipped one; with --split that of the run].
    #[arg(long, value_name = "FILE", requires = "known", conflicts_with = "training")]
    pub library: Option<PathBuf>,
    /// Tables that the library is distilled from instead; crystals of --structures are left out.
    #[arg(long, value_name = "TABLE", num_args = 1.., requires = "known")]
    pub training: Vec<PathBuf>,
    /// Number of crystals, drawn by --seed [default: all].
    #[arg(long, value_name = "NUMBER", requires = "known")]
    pub count: Option<usize>,
    /// Leave out crystals with more atoms in their cell as given.
    #[arg(long, value_name = "NUMBER", requires = "known", default_value_t = 20)]
    pub most_atoms: usize,
    /// Radiation of the patterns.
    #[arg(long, requires = "known", default_value = "CuKa", allow_hyphen_values = true)]
    pub wavelength: String,
    /// Structures that a generator draws for each crystal.
    #[arg(long, value_name = "NUMBER", requires = "known", default_value_t = SAMPLES)]
    pub samples: usize,
    /// Choices of cell, space group and positions that are tried without any example where library and
    /// generator together find nothing that reproduces the pattern; 0 to leave this method out.
    #[arg(long, value_name = "NUMBER", requires = "known", default_value_t = DirectOptions::default().choices)]
    pub direct: usize,
    /// New folder for the scores, one row a case, and a page [default: scores/ in the run, if one is named].
    #[arg(long, value_name = "DIR", requires = "known")]
    pub out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(all: &Evaluate, terminal: &Terminal) -> Result<u8, Failure> {
    let (arguments, seed, electricity) = (&all.structures, all.seed, &all.electricity);
    electricity.check()?;
    let run = all.run.as_deref().map(trained::find).transpose()?;
    let generator = all.run.as_deref().map(Generator::open).transpose()?;
    let wavelength = crystal::radiation(&arguments.wavelength)?.wavelength();
    let mut known = Known::read(arguments, run.as_ref(), terminal)?;
    known.draw(arguments, seed)?;
    let place = Place::open(arguments.out.as_deref(), run.as_ref(), terminal)?;
    let (library, from) = known.library(arguments, terminal)?;
    let mut given = vec![("Crystals", known.name.clone()), ("Library", from)];
    let (cases, refused) = cases(known.crystals, wavelength, terminal);
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
        given.push(("Generator", format!("{}, {samples} structures drawn each", generator.name)));
        let direct = SearchOptions { direct: direct(arguments.direct), ..options };
        let mut methods = vec![(None, options), (Some(&library), options)];
        methods.extend(direct.direct.map(|_| (Some(&library), direct)));
        for (library, options) in methods {
            let rng = ChaCha8Rng::seed_from_u64(seed);
            proposers.push(Box::new(Draws { generator, library, samples, options, rng }));
        }
    }
    let meter = all.counters.meter()?;
    let scored = score_structures(&cases, &refused, &mut proposers, &kinds, &meter, terminal);
    publish(&scored, &given, meter, electricity, &place, terminal)?;
    Ok(0)
}

/// Where scores go.
struct Place {
    folder: Option<PathBuf>,
    /// The run that keeps them.
    run: Option<PathBuf>,
}

impl Place {
    /// The folder that is named, or the next one of the run.
    fn open(
        out: Option<&Path>,
        run: Option<&RunDirectory>,
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        if let Some(folder) = out {
            crate::commands::generate::prepare(folder)?;
            return Ok(Self { folder: Some(folder.to_path_buf()), run: None });
        }
        let Some(run) = run else { return Ok(Self { folder: None, run: None }) };
        let parent = run.file("scores");
        let free = (1..).map(|k: usize| parent.join(k.to_string())).find(|p| !p.exists());
        let made = free.map(|folder| std::fs::create_dir_all(&folder).map(|()| folder));
        match made.transpose() {
            Ok(folder) => Ok(Self { folder, run: Some(run.path().to_path_buf()) }),
            // a run on a read-only disk can be evaluated all the same
            Err(why) => {
                let why = surrogate_run::words(&why);
                terminal.warn(format!("the run cannot keep these scores: {why}; --out DIR does"));
                Ok(Self { folder: None, run: None })
            }
        }
    }
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

/// Prints scores and energies, and writes them with a page to their folder.
fn publish(
    scored: &[Scored],
    given: &[(&str, String)],
    meter: Meter,
    electricity: &Electricity,
    place: &Place,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let report = meter.stop();
    terminal.data(&scoring::words(scored));
    let mut object = scoring::json(scored, &|method| joules(&report, method));
    let options = electricity.options(&report, terminal)?;
    let account = footprint::account(&report, &options, &Work::default());
    footprint::say(terminal, &report, &account);
    object["given"] = serde_json::json!(given);
    if let Some(folder) = &place.folder {
        surrogate_run::write_json(&folder.join("scores.json"), &object)?;
        surrogate_run::write_json(&folder.join("energy.json"), &account)?;
        scoring::write_cases(scored, &folder.join("cases.csv"))?;
        let page = surrogate_report::structure_scores(folder)?.page;
        if let Some(run) = &place.run {
            surrogate_report::report(run)?;
        }
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
