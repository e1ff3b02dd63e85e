//! What the report of a run says of a generator of crystals, in place of errors against a reference.
//!
//! Made from `generator.json` (what is learned from what), `structures.json` with `examples/` (what was
//! found of crystals that were held out) and `scores/` (evaluations on known crystals).

mod figures;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use surrogate_run::schema::{Energy, MetricsLine};
use surrogate_run::{RunDirectory, Table, read_json};

use crate::calibration::newest_first;
use crate::error::ReportError;
use crate::figure::text::{count, number, quantity};
use crate::figures::Drawn;
use crate::inputs::optional;
use crate::page::{NumberView, Section, TableView, write_figures};
use crate::structures::{funnel, picture, scores};

/// Validation of a generator in `metrics.jsonl`: negative log-likelihood of a held-out crystal, nat.
pub(crate) const VALIDATION: &str = "crystal";
/// Folder of evaluations in a run.
const SCORES: &str = "scores";

/// Files of a generator's run, as far as they are there.
#[derive(Debug, Default)]
pub(crate) struct Generator {
    learned: Option<Learned>,
    found: Option<Found>,
}

/// `generator.json`
#[derive(Debug, Deserialize)]
struct Learned {
    crystals: u64,
    held_out: u64,
    #[serde(default)]
    left_out_for_test: u64,
    tokens_per_held_out_crystal: Option<f64>,
    max_atoms: u64,
    origin: String,
    licence: String,
    vocabulary: u64,
    features: u64,
    peaks: u64,
    width: u64,
    layers: u64,
    heads: u64,
    steps: u64,
    batch: u64,
    exchanged: f64,
    disturbed: f64,
    composition_given: f64,
}

/// `structures.json`
#[derive(Debug, Deserialize)]
struct Found {
    crystals: u64,
    drawn: u64,
    drawn_per_cpu_second: Option<f64>,
    skeleton_drawn: f64,
    strict_first: f64,
    strict_among_20: f64,
    reproduced: f64,
    #[serde(default)]
    intervals_95: BTreeMap<String, [f64; 2]>,
    #[serde(default)]
    funnel: Vec<(String, usize)>,
    #[serde(default)]
    examples: Vec<Example>,
}

/// A held-out crystal and what was found first.
#[derive(Debug, Deserialize)]
struct Example {
    folder: String,
    formula: String,
    space_group: String,
    found_space_group: Option<String>,
    strict_match: bool,
    r_wp: Option<f64>,
}

impl Generator {
    /// Reads what is there; nothing for a run of something else.
    pub(crate) fn read(run: &RunDirectory, warnings: &mut Vec<String>) -> Option<Self> {
        let learned = optional(read_json(&run.file("generator.json")), warnings);
        let found = optional(read_json(&run.file("structures.json")), warnings);
        let is_one = ["generator.json", "structures.json"].iter().any(|f| run.file(f).exists());
        is_one.then_some(Self { learned, found })
    }

    /// Tokens of a held-out crystal, on average.
    fn tokens(&self) -> Option<f64> {
        self.learned.as_ref()?.tokens_per_held_out_crystal.filter(|n| *n > 0.0)
    }

    /// What was found, and the loss, for the top of the page.
    pub(crate) fn numbers(&self, metrics: &[MetricsLine]) -> Vec<NumberView> {
        let found = self.found.as_ref().filter(|f| f.crystals > 0);
        let first = NumberView {
            label: "Found",
            value: found.map_or("not known".to_owned(), |f| percent(f.strict_first)),
            note: found.map_or("no crystals were judged".to_owned(), |f| {
                format!("of {} held-out crystals, strict match first", f.crystals)
            }),
        };
        let last = metrics.iter().rev().find_map(|line| line.validation.get(VALIDATION).copied());
        let (value, note) = match (last, self.tokens()) {
            (Some(nat), Some(tokens)) => (
                format!("{} nat", number(nat / tokens, 3)),
                format!("a token; {} a held-out crystal", quantity(nat, "nat", 3)),
            ),
            (Some(nat), None) => (quantity(nat, "nat", 3), "a held-out crystal".to_owned()),
            (None, _) => ("not known".to_owned(), "nothing was held out".to_owned()),
        };
        vec![first, NumberView { label: "Held-out loss", value, note }]
    }

    /// Sections on what it finds: evaluations, then crystals that were held out. Writes the pages of the
    /// evaluations and the figures.
    pub(crate) fn results(
        &self,
        run: &Path,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<Section>, ReportError> {
        let mut sections = evaluations(run, warnings)?;
        let mut section = Section { title: "Held-out crystals".to_owned(), ..Section::default() };
        let mut drawn = Vec::new();
        match &self.found {
            Some(found) if found.crystals > 0 => {
                section.notes.push(format!(
                    "{} crystals that training never saw, each given as its clean pattern and its \
                     composition, with {} structures drawn for each, refined and ranked by R_wp. This \
                     generator alone, without a library.",
                    found.crystals, found.drawn
                ));
                section.notes.extend(found.drawn_per_cpu_second.map(|n| {
                    format!("{} structures are drawn in a second of CPU time.", number(n, 3))
                }));
                section.tables.push(found.shares());
                drawn.extend(funnel::draw(
                    &found.funnel,
                    "Structures drawn for these crystals that pass each check, as drawn and before \
                     any refinement.",
                ));
            }
            Some(_) => section.notes.push("No crystals were held out to judge by.".to_owned()),
            None => section.notes.push(
                "No structures.json: crystals that were held out are judged when training ends."
                    .to_owned(),
            ),
        }
        let examples = self.found.iter().flat_map(|f| &f.examples).enumerate();
        for (k, example) in examples {
            let folder = run.join(&example.folder);
            let atoms = folder.join("atoms.csv");
            match Table::read_csv(&folder.join("pattern.csv")) {
                Ok(table) => drawn.extend(figures::example(k + 1, &example.words(), &table)),
                Err(why) => warnings.push(why.to_string()),
            }
            if atoms.is_file() {
                let table = optional(Table::read_csv(&atoms), warnings);
                let name = format!("structure-{}", k + 1);
                let picture = table.as_ref().and_then(|t| picture::draw(&name, t));
                let title = format!("Example {}: what was found first", k + 1);
                drawn.extend(picture.map(|picture| Drawn { title, ..picture }));
            }
        }
        section.figures = write_figures(run, drawn)?;
        sections.push(section);
        Ok(sections)
    }

    /// What was learned, and the course of it.
    pub(crate) fn training(
        &self,
        metrics: &[MetricsLine],
        weights: Option<u64>,
        energy: Option<&Energy>,
    ) -> (Section, Vec<Drawn>) {
        let mut section = Section { title: "Training".to_owned(), ..Section::default() };
        match &self.learned {
            Some(learned) => section.tables.push(learned.table(metrics, weights, energy)),
            None => section
                .notes
                .push("No generator.json: what was learned from what is not known.".to_owned()),
        }
        let drawn = figures::loss(metrics, self.tokens());
        if drawn.is_none() {
            section.notes.push("No metrics.jsonl: the course of training is not known.".to_owned());
        }
        (section, drawn.into_iter().collect())
    }
}

/// The newest evaluation in full, links to the others; how to make one where there is none.
fn evaluations(run: &Path, warnings: &mut Vec<String>) -> Result<Vec<Section>, ReportError> {
    let mut newest: Option<Section> = None;
    for (number, folder) in newest_first(&run.join(SCORES)) {
        let (mut section, files) = match scores::write_page(&folder) {
            Ok(page) => page,
            Err(ReportError::Run(why)) => {
                warnings.push(why.to_string());
                continue;
            }
            Err(other) => return Err(other),
        };
        warnings.extend(files.warnings);
        let place = format!("{SCORES}/{number}");
        let link = (place.clone(), format!("{place}/report.html"));
        if let Some(first) = &mut newest {
            first.links.push(link);
            continue;
        }
        section.title = format!("Scores on known crystals {number}");
        for view in &mut section.figures {
            view.folder = format!("{place}/figures");
        }
        section.links.push(link);
        newest = Some(section);
    }
    Ok(vec![newest.unwrap_or_else(|| {
        let note = format!(
            "Not evaluated on known crystals yet: `surrogate evaluate {} --structures TABLE --training \
             TABLE…` scores it beside lookup and chemistry alone, and puts the scores here; with a \
             table `test` under [crystal] in the problem file, `--split test` does.",
            run.display()
        );
        let title = "Scores on known crystals".to_owned();
        Section { title, notes: vec![note], ..Section::default() }
    })])
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

impl Found {
    fn shares(&self) -> TableView {
        let row = |words: &str, name: &str, share: f64| {
            let ends = self.intervals_95.get(name).map(|ends| ends.map(|v| 100.0 * v));
            let interval =
                ends.map_or("not known".to_owned(), |[low, high]| format!("{low:.1} to {high:.1}"));
            vec![words.to_owned(), format!("{:.1}", 100.0 * share), interval]
        };
        let headers = ["Of the held-out crystals", "%", "Wilson, 95 %"];
        TableView {
            headers: headers.map(str::to_owned).to_vec(),
            rows: vec![
                row("group and positions drawn", "skeleton_drawn", self.skeleton_drawn),
                row("strict match first", "strict_first", self.strict_first),
                row("strict match among the first 20", "strict_among_20", self.strict_among_20),
                row("pattern reproduced, R_wp < 0.01", "reproduced", self.reproduced),
            ],
        }
    }
}

impl Example {
    fn words(&self) -> String {
        let known = format!("{} in {}", self.formula, self.space_group);
        let r_wp = self.r_wp.map_or(String::new(), |r| format!(", R_wp {r:.4}"));
        match &self.found_space_group {
            None => format!("{known}: nothing was found"),
            Some(_) if self.strict_match => format!("{known}: found{r_wp}"),
            Some(group) => format!("{known}: another was found, in {group}{r_wp}"),
        }
    }
}

impl Learned {
    fn table(
        &self,
        metrics: &[MetricsLine],
        weights: Option<u64>,
        energy: Option<&Energy>,
    ) -> TableView {
        let share = |share: f64| format!("{:.0} %", 100.0 * share);
        let done = metrics.iter().map(|line| line.step).max().unwrap_or(0);
        let stages = energy.iter().flat_map(|e| &e.stages);
        let training = stages.filter(|s| s.path.starts_with("train"));
        let seconds: f64 = training.map(|s| s.cpu_s).sum();
        let examples = done * self.batch;
        let pace = if seconds > 0.0 {
            format!("; {:.0} a second of CPU time, patterns included", examples as f64 / seconds)
        } else {
            String::new()
        };
        let tokens = self.tokens_per_held_out_crystal;
        let tested = match self.left_out_for_test {
            0 => String::new(),
            n => format!("; {} left out, since they are tested on", count(n)),
        };
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        TableView {
            headers: ["What is learned", "Value"].map(str::to_owned).to_vec(),
            rows: vec![
                row(
                    "Crystals",
                    format!(
                        "{} with at most {} atoms in the primitive cell, and {} held out{tested}",
                        count(self.crystals),
                        self.max_atoms,
                        count(self.held_out)
                    ),
                ),
                row("Their origin", format!("{}; licence: {}", self.origin, self.licence)),
                row(
                    "Network",
                    format!(
                        "transformer of {} layers, width {}, {} heads{}",
                        self.layers,
                        self.width,
                        self.heads,
                        weights.map_or(String::new(), |n| format!(", {} weights", count(n)))
                    ),
                ),
                row(
                    "Vocabulary",
                    format!("{} tokens made of {} features", self.vocabulary, self.features),
                ),
                row(
                    "Tokens",
                    tokens.map_or("not known".to_owned(), |n| {
                        format!("{} to predict for a held-out crystal, on average", number(n, 3))
                    }),
                ),
                row("Pattern", format!("at most {} peaks", self.peaks)),
                row(
                    "Examples",
                    format!(
                        "{} in {} of {} steps of {}{pace}",
                        count(examples),
                        count(done),
                        count(self.steps),
                        self.batch
                    ),
                ),
                row(
                    "Of them",
                    format!(
                        "{} with other elements, {} as a laboratory would measure them, {} with \
                         their composition given",
                        share(self.exchanged),
                        share(self.disturbed),
                        share(self.composition_given)
                    ),
                ),
            ],
        }
    }
}
