//! Known crystals that methods are evaluated on, and what these look crystals up in.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::Structure;
use surrogate_crystal::retrieve::Library;
use surrogate_crystal::symmetry::SymmetricStructure;
use surrogate_run::RunDirectory;

use super::structures::StructureCases;
use crate::commands::train::crystals;
use crate::crystal::library::library;
use crate::crystal::sources::{self, Sources};
use crate::failure::Failure;
use crate::terminal::Terminal;
use crate::trained;

/// Most elements of a case: what a library holds.
const MOST_ELEMENTS: usize = Library::MOST_ELEMENTS;

/// Crystals of a run's own problem file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Split {
    /// Those of the table `test` under `[crystal]`.
    Test,
    /// Those of the library that were kept for judging.
    HeldOut,
}

/// What is evaluated on.
pub struct Known {
    /// Their names and structures.
    pub crystals: Vec<(String, Structure)>,
    /// What they are, in words.
    pub name: String,
    /// The table, if one was named.
    table: Option<PathBuf>,
    /// What the generator of the run was trained on.
    library: Option<Library>,
}

impl Known {
    /// Reads the crystals that the arguments name.
    pub fn read(
        arguments: &StructureCases,
        run: Option<&RunDirectory>,
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        match (&arguments.structures, arguments.split, run) {
            (Some(table), _, _) => Ok(Self {
                crystals: Sources::read(std::slice::from_ref(table), terminal)?.structures,
                name: table.display().to_string(),
                table: Some(table.clone()),
                library: None,
            }),
            (None, Some(split), Some(run)) => Self::of_run(run, split),
            _ => Err(Failure::helped(
                "--split is of a run: name the run of a generator",
                "surrogate evaluate RUN --split test, or known crystals with --structures TABLE",
            )),
        }
    }

    /// Crystals of a run's own problem file, and what it was trained on.
    fn of_run(run: &RunDirectory, split: Split) -> Result<Self, Failure> {
        let other = "name known crystals with --structures TABLE, and what to look them up in with \
                     --training or --library";
        let loaded = trained::load_run(run).map_err(|why| {
            Failure::helped(format!("run {}: its problem cannot be read: {why}", run.name()), other)
        })?;
        let Some(table) = &loaded.problem.crystal else {
            return Err(Failure::helped(
                format!("run {} is no generator of crystals: it has no --split", run.name()),
                "leave --split out to evaluate a surrogate",
            ));
        };
        let crystals = crystals::crystals(&loaded, table)?;
        let library = Some(crystals.library());
        let (known, name) = match (split, &loaded.test) {
            (Split::Test, Some((name, bytes))) => {
                let entries = sources::table(Path::new(name), bytes.as_slice())
                    .map_err(|e| Failure::user(format!("{name}: {e}")))?;
                (entries.into_iter().map(|e| (e.id, e.structure)).collect(), name.clone())
            }
            (Split::Test, None) => {
                let message = format!("run {} names no crystals to test on", run.name());
                let help = format!(
                    "train with `test = \"TABLE.csv\"` under [crystal], take --split held-out, or {other}"
                );
                return Err(Failure::helped(message, help));
            }
            (Split::HeldOut, _) => {
                let primitive = |(k, c): (usize, &SymmetricStructure)| {
                    Some((format!("held out {:04}", k + 1), c.primitive().ok()?))
                };
                let all = crystals.held_out.iter().enumerate().filter_map(primitive).collect();
                (all, "its library, kept for judging".to_string())
            }
        };
        let name = format!("{name} of run {}", run.name());
        Ok(Self { crystals: known, name, table: None, library })
    }

    /// Leaves what cannot be evaluated, and draws some.
    pub fn draw(&mut self, arguments: &StructureCases, seed: u64) -> Result<(), Failure> {
        self.crystals.retain(|(_, s)| {
            s.sites.len() <= arguments.most_atoms && s.composition().len() <= MOST_ELEMENTS
        });
        if self.crystals.is_empty() || arguments.count == Some(0) {
            return Err(Failure::helped(
                format!("{}: no crystal to evaluate on", self.name),
                "raise --most-atoms or --count; crystals have at most five elements",
            ));
        }
        self.crystals.sort_by(|a, b| a.0.cmp(&b.0));
        let all = self.crystals.len();
        if let Some(count) = arguments.count {
            self.crystals.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
            self.crystals.truncate(count);
        }
        let most = arguments.most_atoms;
        self.name = format!(
            "{} of {all} with at most {most} atoms and {MOST_ELEMENTS} elements of {}, seed {seed}",
            self.crystals.len(),
            self.name
        );
        Ok(())
    }

    /// What crystals are looked up in, and where that comes from.
    pub fn library(
        &mut self,
        arguments: &StructureCases,
        terminal: &Terminal,
    ) -> Result<(Library, String), Failure> {
        let own = self.library.take().filter(|_| arguments.library.is_none());
        let size = |library: &Library| format!("{} prototypes of", library.prototypes().len());
        if !arguments.training.is_empty() {
            let library = distilled(&arguments.training, self.table.as_deref(), terminal)?;
            let names: Vec<String> =
                arguments.training.iter().map(|t| t.display().to_string()).collect();
            let from = format!("{} {}", size(&library), names.join(", "));
            return Ok((library, from));
        }
        if let Some(library) = own {
            let from = format!("{} what the generator was trained on", size(&library));
            terminal.say(format!("library: {from}"));
            return Ok((library, from));
        }
        let (library, source) = library(arguments.library.as_deref(), terminal)?;
        let from = format!("{} {}", size(&library), source.origin);
        Ok((library, from))
    }
}

/// A library of tables, without the crystals of another.
fn distilled(
    tables: &[PathBuf],
    test: Option<&Path>,
    terminal: &Terminal,
) -> Result<Library, Failure> {
    let mut training = Sources::read(tables, terminal)?;
    if let Some(test) = test {
        let known = Sources::read(&[test.to_path_buf()], terminal)?.structures;
        training.without(&known.into_iter().map(|(name, _)| name).collect());
    }
    let crystals = training.crystals(MOST_ELEMENTS);
    training.warn(terminal);
    let count = crystals.len();
    let library = Library::distil(crystals);
    terminal.say(format!("{} prototypes of {count} crystals", library.prototypes().len()));
    Ok(library)
}
