//! Training: examples made on the fly, gradients in fixed parts, one step after the other.

use std::sync::Mutex;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};
use surrogate_crystal::symmetry::SymmetricStructure;

use crate::adam::Adam;
use crate::example::Example;
use crate::examples::{Changes, Elements, Laboratory, changed};
use crate::model::{Loss, Model, ModelError, Worker};
use crate::network::Shape;
use crate::sequence::AtomicVolumes;

/// How a model is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Sizes of the network.
    pub shape: Shape,
    /// Steps in all.
    pub steps: usize,
    /// Examples of a step.
    pub batch: usize,
    /// Highest rate.
    pub rate: f64,
    /// Steps until the rate is reached.
    pub warm_up: usize,
    /// Decay of matrices.
    pub decay: f64,
    /// How examples differ from their crystals.
    pub changes: Changes,
    /// Share of examples whose composition is given.
    pub composition_given: f64,
    /// Seed of weights and examples.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shape: Shape { width: 128, layers: 4, heads: 4 },
            steps: 10_000,
            batch: 64,
            rate: 2e-3,
            warm_up: 200,
            decay: 0.05,
            changes: Changes::default(),
            composition_given: 0.95,
            seed: 0,
        }
    }
}

/// Parts of a step; they are added in order, so that the sum does not depend on the number of threads.
const PARTS: usize = 4;

/// One part of every step.
struct Part {
    worker: Worker,
    laboratory: Laboratory,
    loss: Loss,
}

/// A training.
pub struct Training {
    /// The model so far.
    pub model: Model,
    /// How it is trained.
    pub settings: Settings,
    crystals: Vec<SymmetricStructure>,
    elements: Elements,
    adam: Adam,
    parts: Vec<Part>,
}

impl Training {
    /// Before the first step. `crystals` are canonical and not empty.
    #[must_use]
    pub fn new(
        crystals: Vec<SymmetricStructure>,
        volumes: AtomicVolumes,
        settings: Settings,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
        let model = Model::new(settings.shape, volumes, &mut rng);
        let part = || Part {
            worker: Worker::default(),
            laboratory: Laboratory::new(),
            loss: Loss::default(),
        };
        Self {
            adam: Adam::new(model.layout.len, settings.decay as f32),
            model,
            settings,
            elements: Elements::of(&crystals),
            crystals,
            parts: (0..PARTS).map(|_| part()).collect(),
        }
    }

    /// Everything that going on needs: weights, the optimiser's means, the number of steps.
    #[must_use]
    pub fn state(&self) -> Vec<(String, Vec<f64>)> {
        let numbers = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        vec![
            ("weights".to_string(), numbers(&self.model.weights)),
            ("adam mean".to_string(), numbers(&self.adam.mean)),
            ("adam square".to_string(), numbers(&self.adam.square)),
            ("steps".to_string(), vec![self.adam.steps as f64]),
        ]
    }

    /// Goes on from a state.
    ///
    /// # Errors
    ///
    /// A state of another network.
    pub fn restore(&mut self, state: &[(String, Vec<f64>)]) -> Result<(), ModelError> {
        let find = |name: &'static str, count: usize| {
            let found = state.iter().find(|(n, _)| n == name).map(|(_, values)| values);
            let found = found.filter(|values| values.len() == count);
            found.ok_or(ModelError::OtherNetwork { name, count })
        };
        let n = self.model.layout.len;
        let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<f32>>();
        let (weights, mean) = (find("weights", n)?, find("adam mean", n)?);
        let (square, steps) = (find("adam square", n)?, find("steps", 1)?);
        self.model.weights = single(weights);
        self.adam.mean = single(mean);
        self.adam.square = single(square);
        self.adam.steps = steps[0] as usize;
        Ok(())
    }

    /// Steps so far.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.adam.steps
    }

    /// Rate of a step: rising, then falling as a cosine to a hundredth.
    #[must_use]
    pub fn rate(&self, step: usize) -> f64 {
        let Settings { rate, steps, warm_up, .. } = self.settings;
        if step < warm_up {
            return rate * (step + 1) as f64 / warm_up as f64;
        }
        let share = (step - warm_up) as f64 / steps.saturating_sub(warm_up).max(1) as f64;
        let cosine = (1.0 + (std::f64::consts::PI * share.min(1.0)).cos()) / 2.0;
        rate * (0.01 + 0.99 * cosine)
    }

    /// One step; its loss.
    pub fn step(&mut self) -> Loss {
        let step = self.adam.steps;
        let Self { model, settings, crystals, elements, parts, .. } = self;
        let vectors = model.vectors();
        let each = settings.batch.div_ceil(PARTS);
        parts.par_iter_mut().enumerate().for_each(|(k, part)| {
            let stream = (step * PARTS + k) as u64;
            let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
            rng.set_stream(stream + 1);
            let mut examples = Vec::with_capacity(each);
            while examples.len() < each {
                let crystal = &crystals[rng.random_range(0..crystals.len())];
                let made = example(
                    crystal,
                    elements,
                    &model.volumes,
                    settings,
                    &mut part.laboratory,
                    &mut rng,
                );
                examples.extend(made);
            }
            part.loss = part.worker.gradient(model, &vectors, &examples);
        });
        let mut loss = Loss::default();
        for part in &self.parts {
            loss.add(part.loss);
        }
        let rate = self.rate(step) as f32;
        let (first, later) = self.parts.split_at_mut(1);
        let gradient = &mut first[0].worker.gradient;
        for part in later {
            for (sum, g) in gradient.iter_mut().zip(&part.worker.gradient) {
                *sum += g;
            }
        }
        let inverse = 1.0 / loss.predictions.max(1) as f32;
        for g in gradient.iter_mut() {
            *g *= inverse;
        }
        self.adam.step(&self.model.layout, &mut self.model.weights, gradient, rate);
        loss
    }

    /// Loss of examples that do not change.
    pub fn loss(&mut self, examples: &[Example]) -> Loss {
        let vectors = self.model.vectors();
        let each = examples.len().div_ceil(PARTS).max(1);
        let model = &self.model;
        let all = Mutex::new(vec![Loss::default(); PARTS]);
        self.parts.par_iter_mut().enumerate().for_each(|(k, part)| {
            let mine = examples.chunks(each).nth(k).unwrap_or_default();
            let mut loss = Loss::default();
            for some in mine.chunks(16) {
                loss.add(part.worker.loss(model, &vectors, some));
            }
            if let Ok(mut all) = all.lock() {
                all[k] = loss;
            }
        });
        let mut sum = Loss::default();
        for loss in all.into_inner().unwrap_or_default() {
            sum.add(loss);
        }
        sum
    }
}

/// One example; none where the crystal it came to cannot be used.
fn example(
    crystal: &SymmetricStructure,
    elements: &Elements,
    volumes: &AtomicVolumes,
    settings: &Settings,
    laboratory: &mut Laboratory,
    rng: &mut ChaCha8Rng,
) -> Option<Example> {
    let crystal = changed(crystal, elements, volumes, settings.changes, rng);
    let peaks = if rng.random_bool(settings.changes.disturbed) {
        laboratory.disturbed(&crystal, rng)
    } else {
        laboratory.clean(&crystal)
    }?;
    let given = rng.random_bool(settings.composition_given);
    Example::of(&crystal, &peaks, volumes, given).ok()
}

/// Examples of crystals as they are, with clean patterns and the composition given.
#[must_use]
pub fn plain_examples(crystals: &[SymmetricStructure], volumes: &AtomicVolumes) -> Vec<Example> {
    let mut laboratory = Laboratory::new();
    let example = |crystal: &SymmetricStructure| {
        let peaks = laboratory.clean(crystal)?;
        Example::of(crystal, &peaks, volumes, true).ok()
    };
    crystals.iter().filter_map(example).collect()
}
