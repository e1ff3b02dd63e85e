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

/// Gradient by other means than the kernels of this crate.
pub type MakeGradient = dyn Fn(&Model, &[Example]) -> (Loss, Vec<f32>);

/// One part of every step.
struct Part {
    examples: Vec<Example>,
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
    other: Option<Box<MakeGradient>>,
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
            examples: Vec::new(),
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
            other: None,
        }
    }

    /// Takes gradients by other means, on a GPU for example.
    #[must_use]
    pub fn with_gradient(mut self, gradient: Option<Box<MakeGradient>>) -> Self {
        self.other = gradient;
        self
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
        let rate = self.rate(step) as f32;
        let Self { model, settings, crystals, elements, parts, other, .. } = self;
        let vectors = model.vectors();
        parts.par_iter_mut().enumerate().for_each(|(k, part)| {
            let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
            rng.set_stream((step * PARTS + k) as u64 + 1);
            part.draw(crystals, elements, &model.volumes, settings, &mut rng);
        });
        let (loss, mut gradient) = if let Some(other) = other {
            let all: Vec<Example> = parts.iter_mut().flat_map(|p| p.examples.drain(..)).collect();
            other(model, &all)
        } else {
            let worked = &*model;
            parts.par_iter_mut().for_each(|part| {
                part.loss = part.worker.gradient(worked, &vectors, &part.examples);
            });
            added(parts)
        };
        let inverse = 1.0 / loss.predictions.max(1) as f32;
        for g in &mut gradient {
            *g *= inverse;
        }
        self.adam.step(&self.model.layout, &mut self.model.weights, &gradient, rate);
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

impl Part {
    /// Makes the examples of a step.
    fn draw(
        &mut self,
        crystals: &[SymmetricStructure],
        elements: &Elements,
        volumes: &AtomicVolumes,
        settings: &Settings,
        rng: &mut ChaCha8Rng,
    ) {
        let each = settings.batch.div_ceil(PARTS);
        self.examples.clear();
        // crystals that cannot be used are rare, but a table of nothing else must not hang
        for _ in 0..100 * each {
            if self.examples.len() == each {
                break;
            }
            let crystal = &crystals[rng.random_range(0..crystals.len())];
            let made = example(crystal, elements, volumes, settings, &mut self.laboratory, rng);
            self.examples.extend(made);
        }
    }
}

/// Losses and gradients of all parts, added in their order.
fn added(parts: &mut [Part]) -> (Loss, Vec<f32>) {
    let mut loss = Loss::default();
    let mut gradient: Vec<f32> = Vec::new();
    for part in parts {
        loss.add(part.loss);
        if gradient.is_empty() {
            gradient = std::mem::take(&mut part.worker.gradient);
        } else {
            for (sum, g) in gradient.iter_mut().zip(&part.worker.gradient) {
                *sum += g;
            }
        }
    }
    (loss, gradient)
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
