//! Forward and backward through the layers, by hand.
//!
//! Tokens of several sequences are rows of one matrix. Each row attends to the rows of its own
//! sequence: those of the beginning, which is given, to all of the beginning; later ones to everything
//! before them. A layer is
//!
//! ```text
//! x <- x + attention(norm(x));  x <- x + relu(norm(x) A)^2 B
//! ```
//!
//! where the norm divides by the root of the mean square and multiplies by gains.

use surrogate_jet::product::{Into, Rows, RowsMut, product, product_at, product_bt};

use super::layout::{Layer, Layout, Shape};

/// Rows of one sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first row.
    pub begin: usize,
    /// Number of rows that see each other.
    pub given: usize,
    /// Number of all its rows.
    pub rows: usize,
}

/// Added to the mean square before the root.
pub const NORM_FLOOR: f32 = 1e-6;

/// What a layer keeps for the way back.
#[derive(Debug, Default)]
struct Kept {
    /// Its input.
    x: Vec<f32>,
    normed: Vec<f32>,
    query_key_value: Vec<f32>,
    /// Shares of attention, sequence after sequence, head after head.
    shares: Vec<f32>,
    attended: Vec<f32>,
    /// The middle of the layer.
    middle: Vec<f32>,
    middle_normed: Vec<f32>,
    /// After the first product and the ramp, before the square.
    ramp: Vec<f32>,
    square: Vec<f32>,
}

/// Buffers of one pass; they grow as needed.
#[derive(Debug, Default)]
pub struct Pass {
    rows: usize,
    kept: Vec<Kept>,
    last: Vec<f32>,
    output: Vec<f32>,
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
    scores: Vec<f32>,
}

impl Pass {
    /// The layers on `x`, `[rows, width]`. Returns the normed output.
    pub fn forward(
        &mut self,
        layout: &Layout,
        weights: &[f32],
        x: &[f32],
        spans: &[Span],
    ) -> &[f32] {
        let d = layout.shape.width;
        let rows = x.len() / d;
        self.rows = rows;
        self.kept.resize_with(layout.layers.len(), Kept::default);
        let mut current = x.to_vec();
        for (layer, kept) in layout.layers.iter().zip(&mut self.kept) {
            kept.forward(layout.shape, layer, weights, &mut current, spans);
        }
        self.last = current;
        self.output.resize(rows * d, 0.0);
        norm(&self.last, &weights[layout.last_norm.clone()], &mut self.output);
        &self.output
    }

    /// Keys and values of a layer, `[rows, 3 width]` with the queries before them.
    pub(crate) fn query_key_value(&self, layer: usize) -> &[f32] {
        &self.kept[layer].query_key_value
    }

    /// From the gradient of the output to that of the input, which replaces it, and of the weights,
    /// which is added to.
    pub fn backward(
        &mut self,
        layout: &Layout,
        weights: &[f32],
        gradient: &mut [f32],
        output: &mut Vec<f32>,
        spans: &[Span],
    ) {
        let d = layout.shape.width;
        let n = self.rows;
        let mut flow = vec![0.0; n * d];
        norm_back(
            &self.last,
            &weights[layout.last_norm.clone()],
            output,
            &mut flow,
            &mut gradient[layout.last_norm.clone()],
        );
        let mut buffers = Buffers {
            a: std::mem::take(&mut self.a),
            b: std::mem::take(&mut self.b),
            c: std::mem::take(&mut self.c),
            scores: std::mem::take(&mut self.scores),
        };
        for (layer, kept) in layout.layers.iter().zip(&self.kept).rev() {
            kept.backward(layout.shape, layer, weights, gradient, &mut flow, spans, &mut buffers);
        }
        Buffers { a: self.a, b: self.b, c: self.c, scores: self.scores } = buffers;
        *output = flow;
    }
}

/// Buffers of the way back.
struct Buffers {
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
    scores: Vec<f32>,
}

impl Kept {
    fn forward(
        &mut self,
        shape: Shape,
        layer: &Layer,
        weights: &[f32],
        current: &mut Vec<f32>,
        spans: &[Span],
    ) {
        let (d, inner) = (shape.width, shape.inner());
        let n = current.len() / d;
        let matrix = |range: &std::ops::Range<usize>, rows: usize| {
            Rows::new(&weights[range.clone()], rows, range.len() / rows)
        };
        self.x.clone_from(current);
        self.normed.resize(n * d, 0.0);
        norm(&self.x, &weights[layer.attention_norm.clone()], &mut self.normed);
        self.query_key_value.resize(n * 3 * d, 0.0);
        product(
            RowsMut::new(&mut self.query_key_value, n, 3 * d),
            Into::Replace,
            Rows::new(&self.normed, n, d),
            matrix(&layer.query_key_value, d),
            1.0,
        );
        self.attend(shape, spans);
        product(
            RowsMut::new(current, n, d),
            Into::Add,
            Rows::new(&self.attended, n, d),
            matrix(&layer.attended, d),
            1.0,
        );
        self.middle.clone_from(current);
        self.middle_normed.resize(n * d, 0.0);
        norm(&self.middle, &weights[layer.inner_norm.clone()], &mut self.middle_normed);
        self.ramp.resize(n * inner, 0.0);
        self.square.resize(n * inner, 0.0);
        product(
            RowsMut::new(&mut self.ramp, n, inner),
            Into::Replace,
            Rows::new(&self.middle_normed, n, d),
            matrix(&layer.widen, d),
            1.0,
        );
        for (ramp, square) in self.ramp.iter_mut().zip(&mut self.square) {
            *ramp = ramp.max(0.0);
            *square = *ramp * *ramp;
        }
        product(
            RowsMut::new(current, n, d),
            Into::Add,
            Rows::new(&self.square, n, inner),
            matrix(&layer.narrow, inner),
            1.0,
        );
    }

    /// Attention of every head of every sequence.
    fn attend(&mut self, shape: Shape, spans: &[Span]) {
        let (d, head) = (shape.width, shape.head());
        let n = self.query_key_value.len() / (3 * d);
        self.attended.resize(n * d, 0.0);
        let cells: usize = spans.iter().map(|s| s.rows * s.rows).sum();
        self.shares.resize(cells * shape.heads, 0.0);
        let factor = 1.0 / (head as f32).sqrt();
        let mut begin = 0;
        for span in spans {
            let t = span.rows;
            for h in 0..shape.heads {
                let part = |which: usize| Rows {
                    data: &self.query_key_value[span.begin * 3 * d + which * d + h * head..],
                    rows: t,
                    columns: head,
                    stride: 3 * d,
                };
                let shares = &mut self.shares[begin..begin + t * t];
                begin += t * t;
                product_bt(RowsMut::new(shares, t, t), Into::Replace, part(0), part(1), factor);
                for (i, row) in shares.chunks_exact_mut(t).enumerate() {
                    softmax(row, span.given.max(i + 1));
                }
                product(
                    RowsMut {
                        data: &mut self.attended[span.begin * d + h * head..],
                        rows: t,
                        columns: head,
                        stride: d,
                    },
                    Into::Replace,
                    Rows::new(shares, t, t),
                    part(2),
                    1.0,
                );
            }
        }
    }

    /// `flow` is the gradient of the layer's output, then of its input.
    #[allow(clippy::too_many_arguments)]
    fn backward(
        &self,
        shape: Shape,
        layer: &Layer,
        weights: &[f32],
        gradient: &mut [f32],
        flow: &mut [f32],
        spans: &[Span],
        buffers: &mut Buffers,
    ) {
        let (d, inner) = (shape.width, shape.inner());
        let n = flow.len() / d;
        let matrix = |range: &std::ops::Range<usize>, rows: usize| {
            Rows::new(&weights[range.clone()], rows, range.len() / rows)
        };
        let Buffers { a, b, c, scores } = buffers;
        a.resize(n * inner, 0.0);
        b.resize(n * d, 0.0);
        c.resize(n * 3 * d, 0.0);
        // second half
        product_at(
            RowsMut::new(&mut gradient[layer.narrow.clone()], inner, d),
            Into::Add,
            Rows::new(&self.square, n, inner),
            Rows::new(flow, n, d),
            1.0,
        );
        product_bt(
            RowsMut::new(a, n, inner),
            Into::Replace,
            Rows::new(flow, n, d),
            matrix(&layer.narrow, inner),
            1.0,
        );
        for (a, ramp) in a.iter_mut().zip(&self.ramp) {
            *a *= 2.0 * ramp;
        }
        product_at(
            RowsMut::new(&mut gradient[layer.widen.clone()], d, inner),
            Into::Add,
            Rows::new(&self.middle_normed, n, d),
            Rows::new(a, n, inner),
            1.0,
        );
        product_bt(
            RowsMut::new(b, n, d),
            Into::Replace,
            Rows::new(a, n, inner),
            matrix(&layer.widen, d),
            1.0,
        );
        norm_back(
            &self.middle,
            &weights[layer.inner_norm.clone()],
            b,
            flow,
            &mut gradient[layer.inner_norm.clone()],
        );
        // attention
        product_at(
            RowsMut::new(&mut gradient[layer.attended.clone()], d, d),
            Into::Add,
            Rows::new(&self.attended, n, d),
            Rows::new(flow, n, d),
            1.0,
        );
        product_bt(
            RowsMut::new(b, n, d),
            Into::Replace,
            Rows::new(flow, n, d),
            matrix(&layer.attended, d),
            1.0,
        );
        self.attend_back(shape, spans, b, c, scores);
        product_at(
            RowsMut::new(&mut gradient[layer.query_key_value.clone()], d, 3 * d),
            Into::Add,
            Rows::new(&self.normed, n, d),
            Rows::new(c, n, 3 * d),
            1.0,
        );
        product_bt(
            RowsMut::new(b, n, d),
            Into::Replace,
            Rows::new(c, n, 3 * d),
            matrix(&layer.query_key_value, d),
            1.0,
        );
        norm_back(
            &self.x,
            &weights[layer.attention_norm.clone()],
            b,
            flow,
            &mut gradient[layer.attention_norm.clone()],
        );
    }

    /// From the gradient of what was attended to that of queries, keys and values.
    fn attend_back(
        &self,
        shape: Shape,
        spans: &[Span],
        attended: &[f32],
        query_key_value: &mut [f32],
        scores: &mut Vec<f32>,
    ) {
        let (d, head) = (shape.width, shape.head());
        let factor = 1.0 / (head as f32).sqrt();
        let mut begin = 0;
        for span in spans {
            let t = span.rows;
            scores.resize(t * t, 0.0);
            for h in 0..shape.heads {
                let place = |which: usize| span.begin * 3 * d + which * d + h * head;
                let rows = |data| Rows { data, rows: t, columns: head, stride: 3 * d };
                let flow = Rows {
                    data: &attended[span.begin * d + h * head..],
                    rows: t,
                    columns: head,
                    stride: d,
                };
                let shares = &self.shares[begin..begin + t * t];
                begin += t * t;
                let value = rows(&self.query_key_value[place(2)..]);
                product_bt(RowsMut::new(scores, t, t), Into::Replace, flow, value, 1.0);
                let both = scores.chunks_exact_mut(t).zip(shares.chunks_exact(t));
                for (i, (score, share)) in both.enumerate() {
                    let seen = span.given.max(i + 1);
                    let mean: f32 = score[..seen].iter().zip(share).map(|(a, b)| a * b).sum();
                    for (s, p) in score[..seen].iter_mut().zip(share) {
                        *s = p * (*s - mean) * factor;
                    }
                    score[seen..].fill(0.0);
                }
                let mut write = |which: usize, a: Rows<'_>, b: Rows<'_>, turned: bool| {
                    let out = RowsMut {
                        data: &mut query_key_value[place(which)..],
                        rows: t,
                        columns: head,
                        stride: 3 * d,
                    };
                    if turned {
                        product_at(out, Into::Replace, a, b, 1.0);
                    } else {
                        product(out, Into::Replace, a, b, 1.0);
                    }
                };
                let square = Rows::new(scores, t, t);
                write(0, square, rows(&self.query_key_value[place(1)..]), false);
                write(1, square, rows(&self.query_key_value[place(0)..]), true);
                write(2, Rows::new(shares, t, t), flow, true);
            }
        }
    }
}

/// Softmax of the first `seen` numbers; the others become 0.
pub(crate) fn softmax(row: &mut [f32], seen: usize) {
    let (seen, rest) = row.split_at_mut(seen);
    let largest = seen.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in seen.iter_mut() {
        *value = exponential(*value - largest);
    }
    for value in seen.iter() {
        sum += value;
    }
    let inverse = 1.0 / sum;
    for value in seen {
        *value *= inverse;
    }
    rest.fill(0.0);
}

/// exp(x) for x <= 0 to 1e-7, without a branch: powers of two by their bits, the rest by a polynomial.
#[inline]
fn exponential(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    /// ln 2 in two parts.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.max(-87.0);
    // adding and subtracting rounds to a whole number
    const ROUND: f32 = 12_582_912.0;
    let k = (x * LOG2_E + ROUND) - ROUND;
    let r = x - k * LN2_HIGH - k * LN2_LOW;
    let mut p = 1.0 / 720.0;
    for c in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = p * r + c;
    }
    p * f32::from_bits(((k as i32 + 127) as u32) << 23)
}

/// Each row over the root of its mean square, times gains.
pub(crate) fn norm(x: &[f32], gains: &[f32], out: &mut [f32]) {
    let d = gains.len();
    for (x, out) in x.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
        let factor = inverse_root_mean_square(x);
        for ((o, x), g) in out.iter_mut().zip(x).zip(gains) {
            *o = x * factor * g;
        }
    }
}

fn inverse_root_mean_square(x: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    for eight in x.chunks_exact(8) {
        for (s, v) in sums.iter_mut().zip(eight) {
            *s += v * v;
        }
    }
    let rest: f32 = x.chunks_exact(8).remainder().iter().map(|v| v * v).sum();
    let mean = (sums.iter().sum::<f32>() + rest) / x.len() as f32;
    1.0 / (mean + NORM_FLOOR).sqrt()
}

/// Adds the gradient through a norm to `flow`, and that of its gains to `gains_gradient`.
fn norm_back(
    x: &[f32],
    gains: &[f32],
    outer: &[f32],
    flow: &mut [f32],
    gains_gradient: &mut [f32],
) {
    let d = gains.len();
    let rows = x.chunks_exact(d).zip(outer.chunks_exact(d)).zip(flow.chunks_exact_mut(d));
    for ((x, outer), flow) in rows {
        let factor = inverse_root_mean_square(x);
        let mut dot = [0.0_f32; 8];
        for ((x, o), g) in x.chunks_exact(8).zip(outer.chunks_exact(8)).zip(gains.chunks_exact(8)) {
            for k in 0..8 {
                dot[k] += x[k] * o[k] * g[k];
            }
        }
        let along = dot.iter().sum::<f32>() * factor * factor * factor / d as f32;
        for k in 0..d {
            gains_gradient[k] += outer[k] * x[k] * factor;
            flow[k] += factor * gains[k] * outer[k] - along * x[k];
        }
    }
}
