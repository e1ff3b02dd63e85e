//! The network with what it needs to read and write crystals.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use surrogate_jet::product::{Into, Rows, RowsMut, product, product_at};

use crate::example::{Example, Target, Token};
use crate::network::{Layout, Pass, Shape, Span, softmax};
use crate::peaks::PEAK_NUMBERS;
use crate::sequence::AtomicVolumes;
use crate::vocabulary::Vocabulary;
use thiserror::Error;

/// A transformer and the volumes that its lengths are relative to.
#[derive(Debug, Clone)]
pub struct Model {
    /// Where its weights lie.
    pub layout: Layout,
    /// Its weights.
    pub weights: Vec<f32>,
    /// Volumes of atoms.
    pub volumes: AtomicVolumes,
}

/// Why numbers are no model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ModelError {
    /// Numbers that are missing, or too few or many.
    #[error("the file holds no {count} numbers `{name}`: it was written for another network")]
    OtherNetwork {
        /// What they are called.
        name: &'static str,
        /// How many there should be.
        count: usize,
    },
    /// A width that heads do not divide.
    #[error("a network of width {width} with {heads} heads in {layers} layers cannot be")]
    Shape {
        /// Its width.
        width: usize,
        /// Its layers.
        layers: usize,
        /// Its heads.
        heads: usize,
    },
}

/// Standard deviation of the vectors of features at the start.
const FEATURE_SPREAD: f32 = 0.05;

impl Model {
    /// A model with random weights.
    #[must_use]
    pub fn new(shape: Shape, volumes: AtomicVolumes, rng: &mut impl Rng) -> Self {
        let layout = Layout::new(shape, Vocabulary::get().features(), PEAK_NUMBERS);
        let mut weights = vec![0.0; layout.len];
        let mut fill = |weights: &mut [f32], spread: f32| {
            for w in weights {
                let z: f32 = StandardNormal.sample(rng);
                *w = spread * z;
            }
        };
        fill(&mut weights[layout.features.clone()], FEATURE_SPREAD);
        fill(&mut weights[layout.peaks.clone()], 0.3 / (PEAK_NUMBERS as f32).sqrt());
        let d = shape.width as f32;
        // what is added to the stream is smaller the more layers add to it
        let share = 1.0 / (2.0 * shape.layers as f32).sqrt();
        for layer in layout.layers.clone() {
            fill(&mut weights[layer.query_key_value], d.powf(-0.5));
            fill(&mut weights[layer.attended], share * d.powf(-0.5));
            fill(&mut weights[layer.widen], d.powf(-0.5));
            fill(&mut weights[layer.narrow], share * (4.0 * d).powf(-0.5));
        }
        for gains in layout.gains().cloned().collect::<Vec<_>>() {
            weights[gains].fill(1.0);
        }
        Self { layout, weights, volumes }
    }

    /// What a file of the model holds.
    #[must_use]
    pub fn state(&self) -> Vec<(String, Vec<f64>)> {
        let Shape { width, layers, heads } = self.layout.shape;
        let shape = [width, layers, heads].map(|n| n as f64).to_vec();
        let weights = self.weights.iter().map(|&w| f64::from(w)).collect();
        vec![
            ("shape".to_string(), shape),
            ("volumes".to_string(), self.volumes.0.clone()),
            ("weights".to_string(), weights),
        ]
    }

    /// A model from what its file holds.
    ///
    /// # Errors
    ///
    /// Numbers of another network, or of none.
    pub fn restore(state: &[(String, Vec<f64>)]) -> Result<Self, ModelError> {
        let find = |name: &'static str, count: usize| {
            let found = state.iter().find(|(n, _)| n == name).map(|(_, values)| values);
            found.ok_or(ModelError::OtherNetwork { name, count })
        };
        let shape = find("shape", 3)?;
        let &[width, layers, heads] = shape.as_slice() else {
            return Err(ModelError::OtherNetwork { name: "shape", count: 3 });
        };
        let shape = Shape::new(width as usize, layers as usize, heads as usize)?;
        let layout = Layout::new(shape, Vocabulary::get().features(), PEAK_NUMBERS);
        let weights = find("weights", layout.len)?;
        if weights.len() != layout.len {
            return Err(ModelError::OtherNetwork { name: "weights", count: layout.len });
        }
        let weights = weights.iter().map(|&w| w as f32).collect();
        let volumes = AtomicVolumes(find("volumes", 0)?.clone());
        Ok(Self { layout, weights, volumes })
    }

    /// Vectors of all rows of the vocabulary, `[rows, width]`.
    #[must_use]
    pub fn vectors(&self) -> Vec<f32> {
        let vocabulary = Vocabulary::get();
        let d = self.layout.shape.width;
        let features = &self.weights[self.layout.features.clone()];
        let mut vectors = vec![0.0; vocabulary.len() * d];
        for (row, out) in vectors.chunks_exact_mut(d).enumerate() {
            for &f in vocabulary.features_of(row) {
                let f = usize::from(f);
                for (o, w) in out.iter_mut().zip(&features[f * d..(f + 1) * d]) {
                    *o += w;
                }
            }
        }
        vectors
    }

    /// Input rows of examples, one after the other, `[rows, width]`.
    pub(crate) fn embed(&self, vectors: &[f32], examples: &[Example]) -> (Vec<f32>, Vec<Span>) {
        let d = self.layout.shape.width;
        let all: usize = examples.iter().map(Example::rows).sum();
        let mut x = vec![0.0; all * d];
        let mut spans = Vec::with_capacity(examples.len());
        let mut begin = 0;
        for example in examples {
            let peaks = example.peak_count();
            product(
                RowsMut::new(&mut x[begin * d..(begin + peaks) * d], peaks, d),
                Into::Replace,
                Rows::new(&example.peaks, peaks, PEAK_NUMBERS),
                Rows::new(&self.weights[self.layout.peaks.clone()], PEAK_NUMBERS, d),
                1.0,
            );
            for (k, token) in example.tokens.iter().enumerate() {
                let out = &mut x[(begin + peaks + k) * d..][..d];
                self.put_token(vectors, token, out);
            }
            spans.push(Span { begin, given: example.given, rows: example.rows() });
            begin += example.rows();
        }
        (x, spans)
    }

    /// The input row of a token, behind those of others.
    pub(crate) fn embed_token(&self, vectors: &[f32], token: &Token, x: &mut Vec<f32>) {
        let begin = x.len();
        x.resize(begin + self.layout.shape.width, 0.0);
        self.put_token(vectors, token, &mut x[begin..]);
    }

    fn put_token(&self, vectors: &[f32], token: &Token, out: &mut [f32]) {
        let d = out.len();
        let features = &self.weights[self.layout.features.clone()];
        out.copy_from_slice(&vectors[token.row * d..(token.row + 1) * d]);
        for &f in &token.place {
            let f = usize::from(f);
            add(out, &features[f * d..(f + 1) * d]);
        }
    }
}

/// Sums over the predictions of some examples.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Loss {
    /// Negative logarithms of the probabilities of what was to be predicted.
    pub sum: f64,
    /// Number of predictions.
    pub predictions: usize,
    /// How many had the target as the most probable.
    pub right: usize,
}

impl Loss {
    /// Mean of a prediction.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / self.predictions.max(1) as f64
    }

    /// Adds another.
    pub const fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.predictions += other.predictions;
        self.right += other.right;
    }
}

/// Buffers of one worker: passes, gradients of weights and of the vocabulary's vectors.
#[derive(Debug, Default)]
pub struct Worker {
    pass: Pass,
    /// Gradient of the weights.
    pub gradient: Vec<f32>,
    vectors: Vec<f32>,
    logits: Vec<f32>,
}

impl Worker {
    /// Loss of examples.
    pub fn loss(&mut self, model: &Model, vectors: &[f32], examples: &[Example]) -> Loss {
        let d = model.layout.shape.width;
        let (x, spans) = model.embed(vectors, examples);
        let output = self.pass.forward(&model.layout, &model.weights, &x, &spans);
        let mut loss = Loss::default();
        for (example, span) in examples.iter().zip(&spans) {
            for target in &example.targets {
                let h = &output[(span.begin + target.at) * d..][..d];
                loss.add(probabilities(h, vectors, target, &mut self.logits));
            }
        }
        loss
    }

    /// Loss of examples and its gradient, which replaces [`Worker::gradient`].
    pub fn gradient(&mut self, model: &Model, vectors: &[f32], examples: &[Example]) -> Loss {
        let layout = &model.layout;
        let d = layout.shape.width;
        self.gradient.clear();
        self.gradient.resize(layout.len, 0.0);
        self.vectors.clear();
        self.vectors.resize(vectors.len(), 0.0);
        let (x, spans) = model.embed(vectors, examples);
        let output = self.pass.forward(layout, &model.weights, &x, &spans);
        let mut flow = vec![0.0; output.len()];
        let mut loss = Loss::default();
        for (example, span) in examples.iter().zip(&spans) {
            for target in &example.targets {
                let at = (span.begin + target.at) * d;
                let h = &output[at..at + d];
                loss.add(probabilities(h, vectors, target, &mut self.logits));
                self.logits[target.row - target.choice.rows.start] -= 1.0;
                for (k, &slope) in self.logits.iter().enumerate() {
                    if slope == 0.0 {
                        continue;
                    }
                    let row = target.choice.rows.start + k;
                    let vector = &vectors[row * d..(row + 1) * d];
                    let grown = &mut self.vectors[row * d..(row + 1) * d];
                    for (((f, v), g), h) in
                        flow[at..at + d].iter_mut().zip(vector).zip(grown).zip(h)
                    {
                        *f += slope * v;
                        *g += slope * h;
                    }
                }
            }
        }
        self.pass.backward(layout, &model.weights, &mut self.gradient, &mut flow, &spans);
        self.embed_back(layout, examples, &spans, &flow);
        loss
    }

    /// From the gradient of the input rows to that of peaks and features.
    fn embed_back(&mut self, layout: &Layout, examples: &[Example], spans: &[Span], flow: &[f32]) {
        let d = layout.shape.width;
        for (example, span) in examples.iter().zip(spans) {
            let peaks = example.peak_count();
            product_at(
                RowsMut::new(&mut self.gradient[layout.peaks.clone()], PEAK_NUMBERS, d),
                Into::Add,
                Rows::new(&example.peaks, peaks, PEAK_NUMBERS),
                Rows::new(&flow[span.begin * d..(span.begin + peaks) * d], peaks, d),
                1.0,
            );
            for (k, token) in example.tokens.iter().enumerate() {
                let flow = &flow[(span.begin + peaks + k) * d..][..d];
                let grown = &mut self.vectors[token.row * d..(token.row + 1) * d];
                add(grown, flow);
                for &f in &token.place {
                    let f = layout.features.start + usize::from(f) * d;
                    add(&mut self.gradient[f..f + d], flow);
                }
            }
        }
        let vocabulary = Vocabulary::get();
        for row in 0..vocabulary.len() {
            let grown = &self.vectors[row * d..(row + 1) * d];
            for &f in vocabulary.features_of(row) {
                let f = layout.features.start + usize::from(f) * d;
                add(&mut self.gradient[f..f + d], grown);
            }
        }
    }
}

fn add(to: &mut [f32], what: &[f32]) {
    for (t, w) in to.iter_mut().zip(what) {
        *t += w;
    }
}

/// Dot product in eight lanes.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for k in 0..16 {
            sums[k] += a[k] * b[k];
        }
    }
    let (a, b) = (a.chunks_exact(16).remainder(), b.chunks_exact(16).remainder());
    sums.iter().sum::<f32>() + a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>()
}

/// Probabilities of a choice's rows into `logits`, and the loss of the target.
fn probabilities(h: &[f32], vectors: &[f32], target: &Target, logits: &mut Vec<f32>) -> Loss {
    let d = h.len();
    let rows = target.choice.rows.clone();
    logits.clear();
    logits.extend(rows.clone().map(|row| dot(h, &vectors[row * d..(row + 1) * d])));
    if let Some(allowed) = &target.choice.allowed {
        for (l, &allowed) in logits.iter_mut().zip(allowed.iter()) {
            if !allowed {
                *l = f32::NEG_INFINITY;
            }
        }
    }
    let wanted = target.row - rows.start;
    let right = logits.iter().all(|&l| l <= logits[wanted]);
    let seen = logits.len();
    softmax(logits, seen);
    if let Some(allowed) = &target.choice.allowed {
        for (l, &allowed) in logits.iter_mut().zip(allowed.iter()) {
            if !allowed {
                *l = 0.0;
            }
        }
    }
    let sum = -f64::from(logits[wanted].max(1e-30)).ln();
    Loss { sum, predictions: 1, right: usize::from(right) }
}
