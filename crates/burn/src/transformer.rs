//! The generator's transformer in tensor operations: the oracle of its hand-written gradient, and its way
//! to the GPU.
//!
//! Sequences of a batch are padded to the longest; `B` sequences, `T` rows, `d` width, `h` heads, `V` rows
//! of the vocabulary, `M` predictions.

use burn::tensor::activation::{log_softmax, relu, softmax};
use burn::tensor::{DType, Int, Tensor, TensorData};
use surrogate_generator::example::Example;
use surrogate_generator::model::{Loss, Model};
use surrogate_generator::network::{Layer, NORM_FLOOR};
use surrogate_generator::peaks::PEAK_NUMBERS;
use surrogate_generator::vocabulary::Vocabulary;
use surrogate_problem::crystal::Precision;

use crate::device::Device;

/// What hides a place from attention, or a row from a choice.
const HIDDEN: f32 = -1e9;

/// Loss of examples and its gradient by all weights; `precision` is that of the products in layers.
///
/// # Panics
/// If the device fails (out of memory): burn has no other way to say so.
#[must_use]
pub fn transformer_gradient(
    device: &Device,
    precision: Precision,
    model: &Model,
    examples: &[Example],
) -> (Loss, Vec<f32>) {
    let batch = Batch { device, precision, model, examples, longest: longest(examples) };
    let weights = batch.numbers(model.weights.clone(), [model.layout.len]).require_grad();
    let (loss, right) = batch.loss(&weights);
    let sum = single(loss.clone())[0];
    let gradient = weights.grad(&loss.backward());
    let gradient = gradient.map_or_else(|| vec![0.0; model.layout.len], single);
    let predictions = examples.iter().map(|e| e.targets.len()).sum();
    (Loss { sum: f64::from(sum), predictions, right }, gradient)
}

fn longest(examples: &[Example]) -> usize {
    examples.iter().map(Example::rows).max().unwrap_or(0)
}

/// Numbers of a tensor.
fn single(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().to_vec().expect("every tensor here was made with DType::F32")
}

struct Batch<'a> {
    device: &'a Device,
    precision: Precision,
    model: &'a Model,
    examples: &'a [Example],
    longest: usize,
}

impl Batch<'_> {
    fn numbers<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), (self.device.tensors(), DType::F32))
    }

    fn places(&self, values: Vec<i32>) -> Tensor<1, Int> {
        let count = values.len();
        Tensor::from_data(TensorData::new(values, [count]), (self.device.tensors(), DType::I32))
    }

    /// A product in a layer.
    fn product<const D: usize>(&self, a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
        match self.precision {
            Precision::F32 => a.matmul(b),
            Precision::Bf16 => a.cast(DType::BF16).matmul(b.cast(DType::BF16)).cast(DType::F32),
        }
    }

    /// Sums of the vectors of features, one for each list, `[lists, d]`.
    fn sums(&self, vectors: &Tensor<2>, lists: &[Vec<u16>]) -> Tensor<2> {
        let [features, d] = vectors.dims();
        let most = lists.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let padded = lists.iter().flat_map(|list| {
            let own = list.iter().map(|&f| i32::from(f));
            own.chain(std::iter::repeat(features as i32 - 1)).take(most)
        });
        let places = self.places(padded.collect());
        let all: Tensor<3> = vectors.clone().select(0, places).reshape([lists.len(), most, d]);
        all.sum_dim(1).reshape([lists.len(), d])
    }

    /// Sum of the losses `[1]`, and how many predictions were right.
    fn loss(&self, weights: &Tensor<1>) -> (Tensor<1>, usize) {
        let layout = &self.model.layout;
        let (d, t) = (layout.shape.width, self.longest);
        let matrix = |range: &std::ops::Range<usize>, rows: usize| -> Tensor<2> {
            weights.clone().narrow(0, range.start, range.len()).reshape([rows, range.len() / rows])
        };
        let vocabulary = Vocabulary::get();
        // a row of zeros stands for no feature
        let vectors = Tensor::cat(
            vec![
                matrix(&layout.features, vocabulary.features()),
                self.numbers(vec![0.0; d], [1, d]),
            ],
            0,
        );
        let x = self.sums(&vectors, &self.features())
            + self.peaks().matmul(matrix(&layout.peaks, PEAK_NUMBERS));
        let mut x: Tensor<3> = x.reshape([self.examples.len(), t, d]);
        let mask = self.mask();
        for layer in &layout.layers {
            x = self.layer(layer, &matrix, x, &mask);
        }
        let gains = matrix(&layout.last_norm, 1).reshape([1, 1, d]);
        let output = norm(x, gains).reshape([self.examples.len() * t, d]);
        let rows: Vec<Vec<u16>> =
            (0..vocabulary.len()).map(|row| vocabulary.features_of(row).to_vec()).collect();
        let vocabulary_vectors = self.sums(&vectors, &rows);
        let (at, wanted, hidden) = self.targets();
        let count = at.len();
        let logits = output.select(0, self.places(at)).matmul(vocabulary_vectors.transpose())
            + self.numbers(hidden, [count, vocabulary.len()]);
        let wanted: Tensor<2, Int> = self.places(wanted).reshape([count, 1]);
        let found = single(logits.clone().gather(1, wanted.clone()).reshape([count]));
        let best = single(logits.clone().max_dim(1).reshape([count]));
        let right = found.iter().zip(&best).filter(|(f, b)| f >= b).count();
        let loss = log_softmax(logits, 1).gather(1, wanted).sum().neg();
        (loss, right)
    }

    fn layer(
        &self,
        layer: &Layer,
        matrix: &dyn Fn(&std::ops::Range<usize>, usize) -> Tensor<2>,
        x: Tensor<3>,
        mask: &Tensor<4>,
    ) -> Tensor<3> {
        let shape = self.model.layout.shape;
        let (d, heads) = (shape.width, shape.heads);
        let [b, t, _] = x.dims();
        let head = d / heads;
        let gains = |range| matrix(range, 1).reshape([1, 1, d]);
        let normed = norm(x.clone(), gains(&layer.attention_norm)).reshape([b * t, d]);
        let three = self.product(normed, matrix(&layer.query_key_value, d));
        let part = |which: usize| -> Tensor<4> {
            three.clone().narrow(1, which * d, d).reshape([b, t, heads, head]).swap_dims(1, 2)
        };
        let factor = 1.0 / (head as f32).sqrt();
        let scores = self.product(part(0), part(1).swap_dims(2, 3)) * factor + mask.clone();
        let attended =
            self.product(softmax(scores, 3), part(2)).swap_dims(1, 2).reshape([b * t, d]);
        let x = x + self.product(attended, matrix(&layer.attended, d)).reshape([b, t, d]);
        let normed = norm(x.clone(), gains(&layer.inner_norm)).reshape([b * t, d]);
        let ramp = relu(self.product(normed, matrix(&layer.widen, d)));
        let inner = self.product(ramp.clone() * ramp, matrix(&layer.narrow, 4 * d));
        x + inner.reshape([b, t, d])
    }

    /// Features of every row; none of peaks and padding.
    fn features(&self) -> Vec<Vec<u16>> {
        let vocabulary = Vocabulary::get();
        let mut lists = vec![Vec::new(); self.examples.len() * self.longest];
        for (k, example) in self.examples.iter().enumerate() {
            let begin = k * self.longest + example.peak_count();
            for (list, token) in lists[begin..].iter_mut().zip(&example.tokens) {
                list.extend_from_slice(vocabulary.features_of(token.row));
                list.extend_from_slice(&token.place);
            }
        }
        lists
    }

    /// Numbers of peaks, zeros elsewhere, `[B T, numbers]`.
    fn peaks(&self) -> Tensor<2> {
        let rows = self.examples.len() * self.longest;
        let mut numbers = vec![0.0; rows * PEAK_NUMBERS];
        for (k, example) in self.examples.iter().enumerate() {
            let begin = k * self.longest * PEAK_NUMBERS;
            numbers[begin..begin + example.peaks.len()].copy_from_slice(&example.peaks);
        }
        self.numbers(numbers, [rows, PEAK_NUMBERS])
    }

    /// What rows may see, `[B, 1, T, T]`; rows of padding see themselves.
    fn mask(&self) -> Tensor<4> {
        let t = self.longest;
        let mut mask = vec![HIDDEN; self.examples.len() * t * t];
        for (k, example) in self.examples.iter().enumerate() {
            for i in 0..t {
                let row = &mut mask[(k * t + i) * t..][..t];
                if i < example.rows() {
                    row[..example.given.max(i + 1)].fill(0.0);
                } else {
                    row[i] = 0.0;
                }
            }
        }
        self.numbers(mask, [self.examples.len(), 1, t, t])
    }

    /// Rows of predictions, rows of the vocabulary that are right, and what is not permitted `[M, V]`.
    fn targets(&self) -> (Vec<i32>, Vec<i32>, Vec<f32>) {
        let v = Vocabulary::get().len();
        let (mut at, mut wanted, mut hidden) = (Vec::new(), Vec::new(), Vec::new());
        for (k, example) in self.examples.iter().enumerate() {
            for target in &example.targets {
                at.push((k * self.longest + target.at) as i32);
                wanted.push(target.row as i32);
                let row = (0..v).map(|row| if target.choice.permits(row) { 0.0 } else { HIDDEN });
                hidden.extend(row);
            }
        }
        (at, wanted, hidden)
    }
}

/// Each row over the root of its mean square, times gains.
fn norm(x: Tensor<3>, gains: Tensor<3>) -> Tensor<3> {
    let mean = (x.clone() * x.clone()).mean_dim(2);
    x * (mean + NORM_FLOOR).sqrt().recip() * gains
}
