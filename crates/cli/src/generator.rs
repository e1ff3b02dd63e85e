//! A trained generator of crystals: its file, its proposals, and what it finds of crystals that it was not
//! trained on.

mod judgement;

use std::collections::BTreeMap;
use std::path::Path;

use rand::Rng;
use surrogate_crystal::Element;
use surrogate_crystal::retrieve::{Library, Query, SearchOptions, search};
use surrogate_crystal::score::{Proposer, ProposerError, Ranked};
use surrogate_crystal::symmetry::{SpaceGroup, SymmetricStructure};
use surrogate_generator::examples::{CLEAN_RANGE, LEAST_HEIGHT};
use surrogate_generator::model::Model;
use surrogate_generator::peaks::{MOST_PEAKS, PEAK_NUMBERS, Peak, PeakFinder};
use surrogate_generator::sampling::{Givens, Sample, sample};
use surrogate_generator::sequence::composition;
use surrogate_generator::vocabulary::Vocabulary;
use surrogate_run::{Checkpoint, RunError};

use crate::failure::Failure;
use crate::trained;

/// Structures that a generator draws for a pattern and a composition, where nothing else is asked for.
pub const SAMPLES: usize = 256;

/// The weights that come with the program; models/README.md says what they were trained on.
const SHIPPED: &[u8] = include_bytes!("../../../models/generator/checkpoints/best.ckpt");

/// A generator of crystals.
pub struct Generator {
    /// Where it comes from.
    pub name: String,
    model: Model,
    vectors: Vec<f32>,
    /// Crystals that it was not trained on.
    held_out: Vec<SymmetricStructure>,
}

/// What the weights of a generator mean.
pub fn fingerprint() -> Vec<f64> {
    let vocabulary = Vocabulary::get();
    [vocabulary.len(), vocabulary.features(), PEAK_NUMBERS].map(|n| n as f64).to_vec()
}

impl Generator {
    /// A model with crystals it was not trained on.
    pub fn new(name: String, model: Model, held_out: Vec<SymmetricStructure>) -> Self {
        let vectors = model.vectors();
        Self { name, model, vectors, held_out }
    }

    /// The generator of a run.
    ///
    /// # Errors
    /// A run that is none, or was not finished.
    pub fn open(text: &str) -> Result<Self, Failure> {
        let run = trained::find(text)?;
        let checkpoint = run.checkpoint("best").map_err(|error| match error {
            RunError::Missing { .. } => Failure::helped(
                format!(
                    "run {} holds no generator: its training has not come to an end",
                    run.name()
                ),
                "train on with `surrogate train --resume RUN`",
            ),
            other => other.into(),
        })?;
        let other = |why: String| {
            Failure::helped(
                format!("run {}: {why}", run.name()),
                "--model names a run of a problem file with [crystal]",
            )
        };
        if checkpoint.blob("volumes").is_none() {
            return Err(other("this is no generator of crystals".to_string()));
        }
        trained::check_fields(&checkpoint, &fingerprint())?;
        let model = Model::restore(&checkpoint.blobs).map_err(|e| other(e.to_string()))?;
        Ok(Self::new(run.name().to_string(), model, Vec::new()))
    }

    /// The generator that comes with the program.
    ///
    /// # Errors
    /// A fault of the build.
    pub fn shipped() -> Result<Self, Failure> {
        let wrong = |why: String| Failure::Internal(format!("the shipped generator: {why}"));
        let checkpoint = Checkpoint::from_bytes(SHIPPED, Path::new("best.ckpt"))
            .map_err(|e| wrong(e.to_string()))?;
        trained::check_fields(&checkpoint, &fingerprint())?;
        let model = Model::restore(&checkpoint.blobs).map_err(|e| wrong(e.to_string()))?;
        Ok(Self::new("shipped".to_string(), model, Vec::new()))
    }

    /// What `generate` needs, as a checkpoint.
    pub fn checkpoint(&self, header: serde_json::Value) -> Checkpoint {
        Checkpoint { header, blobs: self.model.state(), words: Vec::new() }
    }

    /// Draws crystals for a query; a library of them for [`search`].
    pub fn proposals(&self, query: &Query, count: usize, rng: &mut impl Rng) -> Library {
        self.proposals_given(query, None, None, count, rng)
    }

    /// The same with a space group, and the free parameters of its cell, that are known.
    pub fn proposals_given(
        &self,
        query: &Query,
        group: Option<&'static SpaceGroup>,
        cell: Option<Vec<f64>>,
        count: usize,
        rng: &mut impl Rng,
    ) -> Library {
        let composition = query.composition.iter().map(|(e, n)| (*e, *n)).collect();
        let drawn = self.sample(query, &Givens { composition, group, cell }, count, rng);
        let named = drawn.into_iter().enumerate();
        let named = named.map(|(k, s)| (format!("sample {}", k + 1), s.crystal));
        Library::distil_with(named, self.model.volumes.0.clone())
    }

    /// Volume that a cell of so many atoms usually has, in cubic angstrom.
    pub fn volume(&self, composition: &BTreeMap<Element, usize>) -> f64 {
        let volumes = &self.model.volumes.0;
        composition.iter().map(|(e, n)| volumes[usize::from(e.atomic_number())] * *n as f64).sum()
    }

    /// Draws compositions for the peaks of a query, whose own composition is not looked at; the most
    /// frequent first, with how often each was drawn.
    pub fn compositions(
        &self,
        query: &Query,
        group: Option<&'static SpaceGroup>,
        count: usize,
        rng: &mut impl Rng,
    ) -> Vec<(BTreeMap<Element, usize>, usize)> {
        let givens = Givens { group, ..Givens::default() };
        let mut times: BTreeMap<BTreeMap<Element, usize>, usize> = BTreeMap::new();
        for drawn in self.sample(query, &givens, count, rng) {
            *times.entry(composition(&drawn.crystal).into_iter().collect()).or_default() += 1;
        }
        let mut all: Vec<_> = times.into_iter().collect();
        all.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        all
    }

    fn draw(&self, query: &Query, count: usize, rng: &mut impl Rng) -> Vec<Sample> {
        let composition = query.composition.iter().map(|(e, n)| (*e, *n)).collect();
        self.sample(query, &Givens { composition, ..Givens::default() }, count, rng)
    }

    fn sample(
        &self,
        query: &Query,
        givens: &Givens,
        count: usize,
        rng: &mut impl Rng,
    ) -> Vec<Sample> {
        let peaks = peaks(query);
        if peaks.is_empty() {
            return Vec::new();
        }
        sample(&self.model, &self.vectors, &peaks, givens, count, 1.0, rng)
    }
}

/// A generator, alone or beside a library, as a method that finds structures.
pub struct Draws<'a, R> {
    /// What draws structures.
    pub generator: &'a Generator,
    /// Prototypes that are tried as well.
    pub library: Option<&'a Library>,
    /// Structures drawn for a query.
    pub samples: usize,
    /// How they are refined.
    pub options: SearchOptions,
    /// Every query begins with this.
    pub rng: R,
}

impl<R: Rng + Clone> Proposer for Draws<'_, R> {
    fn name(&self) -> &'static str {
        match (self.library.is_some(), self.options.direct.is_some()) {
            (false, _) => "generator, refined",
            (true, false) => "both, refined",
            (true, true) => "both, then direct",
        }
    }

    fn propose(&mut self, query: &Query, count: usize) -> Result<Vec<Ranked>, ProposerError> {
        let mut rng = self.rng.clone();
        let drawn = self.generator.proposals(query, self.samples, &mut rng);
        let libraries: Vec<&Library> = self.library.into_iter().chain([&drawn]).collect();
        let found = search(&libraries, query, self.options, &mut rng)?;
        let ranked = found.into_iter().take(count);
        Ok(ranked.map(|c| Ranked { structure: c.structure, r_wp: c.r_wp }).collect())
    }
}

/// Peaks of a query as the network reads them.
fn peaks(query: &Query) -> Vec<Peak> {
    /// Width with which a pattern is drawn, 1/angstrom.
    const WIDTH: f64 = 0.05;
    let Ok(mut finder) = PeakFinder::new(WIDTH) else { return Vec::new() };
    let [from, to] = query.q_range;
    let range = [from.max(CLEAN_RANGE[0]), to.min(CLEAN_RANGE[1])];
    finder.peaks(&query.peaks, range, LEAST_HEIGHT, MOST_PEAKS)
}
