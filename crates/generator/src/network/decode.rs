//! One token after the other for many sequences with a common beginning.
//!
//! Keys and values of the beginning are calculated once and shared; each sequence keeps those of its own
//! tokens.

use surrogate_jet::product::{Into, Rows, RowsMut, product};

use super::layout::Layout;
use super::pass::{Pass, Span, norm, softmax};

/// Keys and values of one layer.
#[derive(Debug, Clone, Default)]
struct Memory {
    /// Of the beginning, `[rows, 2 width]`, keys before values.
    shared: Vec<f32>,
    /// Of each sequence's own tokens, `[sequence][place, 2 width]`.
    own: Vec<Vec<f32>>,
}

/// Sequences that are being written.
#[derive(Debug)]
pub struct Decoder<'a> {
    layout: &'a Layout,
    weights: &'a [f32],
    begun: usize,
    memories: Vec<Memory>,
}

impl<'a> Decoder<'a> {
    /// Reads the common beginning `x`, `[rows, width]`, all of whose rows see each other. Returns the
    /// normed output of its last row too.
    #[must_use]
    pub fn begin(
        layout: &'a Layout,
        weights: &'a [f32],
        x: &[f32],
        sequences: usize,
    ) -> (Self, Vec<f32>) {
        let d = layout.shape.width;
        let rows = x.len() / d;
        let mut pass = Pass::default();
        let span = Span { begin: 0, given: rows, rows };
        let output = pass.forward(layout, weights, x, &[span]);
        let last = output[(rows - 1) * d..].to_vec();
        let memory = |layer: usize| Memory {
            shared: pass
                .query_key_value(layer)
                .chunks_exact(3 * d)
                .flat_map(|row| &row[d..])
                .copied()
                .collect(),
            own: vec![Vec::new(); sequences],
        };
        let memories = (0..layout.layers.len()).map(memory).collect();
        (Self { layout, weights, begun: rows, memories }, last)
    }

    /// Appends one token to some of the sequences: `x` holds a row for each of `which`, and then the
    /// normed output.
    pub fn step(&mut self, which: &[usize], x: &mut Vec<f32>) {
        let shape = self.layout.shape;
        let (d, inner, head) = (shape.width, shape.inner(), shape.head());
        let n = which.len();
        let factor = 1.0 / (head as f32).sqrt();
        let mut normed = vec![0.0; n * d];
        let mut three = vec![0.0; n * 3 * d];
        let mut attended = vec![0.0; n * d];
        let mut wide = vec![0.0; n * inner];
        let mut scores = Vec::new();
        for (layer, memory) in self.layout.layers.iter().zip(&mut self.memories) {
            let matrix = |range: &std::ops::Range<usize>, rows: usize| {
                Rows::new(&self.weights[range.clone()], rows, range.len() / rows)
            };
            norm(x, &self.weights[layer.attention_norm.clone()], &mut normed);
            product(
                RowsMut::new(&mut three, n, 3 * d),
                Into::Replace,
                Rows::new(&normed, n, d),
                matrix(&layer.query_key_value, d),
                1.0,
            );
            for (k, &sequence) in which.iter().enumerate() {
                let row = &three[k * 3 * d..(k + 1) * 3 * d];
                memory.own[sequence].extend_from_slice(&row[d..]);
                let own = &memory.own[sequence];
                let seen = self.begun + own.len() / (2 * d);
                for h in 0..shape.heads {
                    let query = &row[h * head..(h + 1) * head];
                    let places =
                        || memory.shared.chunks_exact(2 * d).chain(own.chunks_exact(2 * d));
                    scores.clear();
                    scores.extend(places().map(|kv| {
                        let key = &kv[h * head..(h + 1) * head];
                        factor * crate::model::dot(query, key)
                    }));
                    softmax(&mut scores, seen);
                    let out = &mut attended[k * d + h * head..][..head];
                    out.fill(0.0);
                    for (kv, &share) in places().zip(&scores) {
                        let value = &kv[d + h * head..d + (h + 1) * head];
                        for (o, v) in out.iter_mut().zip(value) {
                            *o += share * v;
                        }
                    }
                }
            }
            product(
                RowsMut::new(x, n, d),
                Into::Add,
                Rows::new(&attended, n, d),
                matrix(&layer.attended, d),
                1.0,
            );
            norm(x, &self.weights[layer.inner_norm.clone()], &mut normed);
            product(
                RowsMut::new(&mut wide, n, inner),
                Into::Replace,
                Rows::new(&normed, n, d),
                matrix(&layer.widen, d),
                1.0,
            );
            for value in &mut wide {
                *value = value.max(0.0).powi(2);
            }
            product(
                RowsMut::new(x, n, d),
                Into::Add,
                Rows::new(&wide, n, inner),
                matrix(&layer.narrow, inner),
                1.0,
            );
        }
        norm(x, &self.weights[self.layout.last_norm.clone()], &mut normed);
        x.clone_from(&normed);
    }
}
