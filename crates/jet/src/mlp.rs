//! Multilayer perceptron on tiles of points: streams forward, adjoints in reverse.
//!
//! Shapes: `I` inputs, `O` outputs, `S` streams, `T` points per tile; all blocks are row-major
//! `[unit][stream][point]` with points in the lanes. Each layer is one product with `S * T`
//! columns. A workspace belongs to one thread and one network evaluation. Sums run in a fixed
//! order, so results are reproducible on one instruction set and tile size.

use std::ops::Range;

use crate::activation::Rows;
use crate::gemm::{Outer, Product, Transposition};
use crate::kernels::Kernels;
use crate::simd::{AlignedBuffer, Isa, LINE};

/// Hidden activation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Hyperbolic tangent.
    Tanh = 0,
    /// Sine.
    Sin = 1,
}

/// Fully connected network: inputs, hidden layers with one activation, linear outputs.
///
/// Flat parameter layout, per layer: `W[out][in]` row-major, then `b[out]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mlp {
    /// Number of inputs (features).
    pub inputs: usize,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Number of outputs.
    pub outputs: usize,
    /// Activation of every hidden layer.
    pub activation: Activation,
}

/// Size of one layer and the place of its parameters in the flat vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerShape {
    /// Columns of W.
    pub inputs: usize,
    /// Rows of W.
    pub outputs: usize,
    /// `W[out][in]` in the flat vector.
    pub weights: Range<usize>,
    /// `b[out]` in the flat vector.
    pub biases: Range<usize>,
}

impl Mlp {
    /// Layers from inputs to outputs.
    #[must_use]
    pub fn layers(&self) -> Vec<LayerShape> {
        let mut start = 0;
        let mut inputs = self.inputs;
        let widths = self.hidden.iter().copied().chain([self.outputs]);
        widths
            .map(|outputs| {
                let weights = start..start + outputs * inputs;
                let biases = weights.end..weights.end + outputs;
                start = biases.end;
                LayerShape {
                    inputs: std::mem::replace(&mut inputs, outputs),
                    outputs,
                    weights,
                    biases,
                }
            })
            .collect()
    }

    /// Length of the flat parameter vector.
    #[must_use]
    pub fn n_weights(&self) -> usize {
        self.layers().last().map_or(0, |layer| layer.biases.end)
    }

    /// Glorot normal initialisation: W ~ N(0, 2/(in + out)), b = 0.
    ///
    /// `normal` returns standard normal variates. Result `[n_weights]`.
    /// Source: Glorot and Bengio (2010), eq. (12).
    pub fn glorot(&self, normal: &mut dyn FnMut() -> f64) -> Vec<f64> {
        let mut weights = vec![0.0; self.n_weights()];
        for layer in self.layers() {
            let scale = (2.0 / (layer.inputs + layer.outputs) as f64).sqrt();
            for w in &mut weights[layer.weights] {
                *w = scale * normal();
            }
        }
        weights
    }
}

/// Stream 0 is the value; then for each direction its derivatives of order `1..=orders[d]`.
///
/// Directions are abstract: the caller supplies the directional derivatives of the inputs. Value,
/// d/dt, d/dr, d2/dr2 is `orders: vec![1, 2]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// Highest derivative order of each direction, 1..=4.
    pub orders: Vec<u8>,
}

impl Streams {
    /// Only the value.
    #[must_use]
    pub fn value() -> Self {
        Self::default()
    }

    /// Number of streams.
    #[must_use]
    pub fn count(&self) -> usize {
        1 + self.orders.iter().map(|&order| usize::from(order)).sum::<usize>()
    }

    /// Index of the derivative of `order` (from 1) along `direction`.
    #[must_use]
    pub fn index(&self, direction: usize, order: u8) -> usize {
        let before: u8 = self.orders[..direction].iter().sum();
        usize::from(before + order)
    }

    fn max_order(&self) -> u8 {
        self.orders.iter().copied().max().unwrap_or(0)
    }
}

/// Buffers of one thread for one network evaluation on a tile of points.
pub struct Workspace {
    isa: Isa,
    kernels: &'static Kernels,
    activation: Activation,
    streams: Streams,
    layers: Vec<LayerShape>,
    tile: usize,
    /// Columns of the products, `S * T`.
    columns: usize,
    /// Row stride of hidden blocks: an odd number of cache lines, so that rows spread over sets.
    stride: usize,
    /// Pre-activations and activations of each hidden layer, `[width][stride]`.
    z: Vec<AlignedBuffer>,
    a: Vec<AlignedBuffer>,
    /// Adjoints of the layer in hand and of the one below.
    adjoints: [AlignedBuffer; 2],
    /// Transposed activations, `[columns][row_stride of inputs]`.
    transposed: AlignedBuffer,
    output: AlignedBuffer,
    gradients: Vec<LayerGradient>,
    /// Bias sums of sweeps which want no gradient.
    discarded: AlignedBuffer,
}

/// Accumulated gradient of one layer.
struct LayerGradient {
    /// `[outputs][stride]`
    weights: AlignedBuffer,
    /// Inputs padded to an odd number of cache lines.
    stride: usize,
    /// `[outputs][LINE]`, summed over lanes when drained.
    bias_lanes: AlignedBuffer,
}

/// Smallest odd number of cache lines that holds `n` doubles.
fn odd_lines(n: usize) -> usize {
    (n.div_ceil(LINE) | 1) * LINE
}

impl Workspace {
    /// Points per tile which measured fastest (48 KiB L1, 2 MiB L2): whole panels of three
    /// vectors, twice as many for few streams, fewer where the hidden blocks would leave L2.
    #[must_use]
    pub fn default_tile(mlp: &Mlp, streams: &Streams) -> usize {
        const L2_DOUBLES: usize = 192 * 1024;
        let count = streams.count();
        let per_point = 2 * count * mlp.hidden.iter().sum::<usize>();
        let largest = if count < 3 { 48 } else { 24 };
        [48, 24, 16]
            .into_iter()
            .find(|&tile| tile <= largest && tile * per_point <= L2_DOUBLES)
            .unwrap_or(LINE)
    }

    /// Workspace with the best instruction set of this machine.
    ///
    /// # Panics
    /// If `tile` is not a positive multiple of 8 or an order is outside 1..=4.
    #[must_use]
    pub fn new(mlp: &Mlp, streams: &Streams, tile: usize) -> Self {
        Self::with_isa(mlp, streams, tile, Isa::detect())
    }

    /// Workspace with a given instruction set (the portable one if the machine lacks it).
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn with_isa(mlp: &Mlp, streams: &Streams, tile: usize, isa: Isa) -> Self {
        assert!(tile > 0 && tile.is_multiple_of(LINE), "tile {tile} is not a multiple of {LINE}");
        assert!(
            streams.orders.iter().all(|order| (1..=4).contains(order)),
            "derivative orders {:?} outside 1..=4",
            streams.orders
        );
        let layers = mlp.layers();
        let columns = streams.count() * tile;
        let stride = odd_lines(columns);
        let hidden =
            || mlp.hidden.iter().map(|&width| AlignedBuffer::zeros(width * stride)).collect();
        let widest = layers.iter().map(|l| l.inputs.max(l.outputs)).max().unwrap_or(0);
        let gradient = |layer: &LayerShape| {
            let stride = odd_lines(layer.inputs);
            LayerGradient {
                weights: AlignedBuffer::zeros(layer.outputs * stride),
                stride,
                bias_lanes: AlignedBuffer::zeros(layer.outputs * LINE),
            }
        };
        Self {
            isa: if isa.is_available() { isa } else { Isa::Portable },
            kernels: Kernels::of(isa),
            activation: mlp.activation,
            streams: streams.clone(),
            tile,
            columns,
            stride,
            z: hidden(),
            a: hidden(),
            adjoints: std::array::from_fn(|_| AlignedBuffer::zeros(widest * stride)),
            transposed: AlignedBuffer::zeros(columns * odd_lines(widest)),
            output: AlignedBuffer::zeros(mlp.outputs * columns),
            gradients: layers.iter().map(gradient).collect(),
            discarded: AlignedBuffer::zeros(widest * LINE),
            layers,
        }
    }

    /// Instruction set in use.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Points per tile.
    #[must_use]
    pub fn tile(&self) -> usize {
        self.tile
    }

    /// Streams carried.
    #[must_use]
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Output of the last [`Self::forward`], `[O][S][T]`.
    #[must_use]
    pub fn output(&self) -> &[f64] {
        &self.output
    }

    /// Evaluates all streams: `weights` `[n_weights]`, `x` `[I][S][T]`; see [`Self::output`].
    ///
    /// # Panics
    /// If a slice has the wrong length.
    pub fn forward(&mut self, weights: &[f64], x: &[f64]) {
        self.check(weights, x);
        let pass = self.kernels.forward(self.activation, self.streams.max_order());
        let last = self.layers.len() - 1;
        for (l, layer) in self.layers.iter().enumerate() {
            let (b, b_row) = if l == 0 {
                (x.as_ptr(), self.columns)
            } else {
                (self.a[l - 1].as_ptr(), self.stride)
            };
            let (c, c_row) = if l == last {
                (self.output.as_mut_ptr(), self.columns)
            } else {
                (self.z[l].as_mut_ptr(), self.stride)
            };
            let product = Product {
                rows: layer.outputs,
                depth: layer.inputs,
                columns: self.columns,
                a: weights[layer.weights.clone()].as_ptr(),
                a_row: layer.inputs,
                a_depth: 1,
                b,
                b_row,
                c,
                c_row,
                accumulate: false,
            };
            // SAFETY: `check` and `with_isa` sized all operands; `kernels` was detected.
            unsafe { (self.kernels.product)(&product) };
            let biases = &weights[layer.biases.clone()];
            if l < last {
                let rows = Rows {
                    rows: layer.outputs,
                    tile: self.tile,
                    row_stride: self.stride,
                    orders: &self.streams.orders,
                    bias: biases.as_ptr(),
                    z: c,
                    a: self.a[l].as_mut_ptr(),
                    adjoint: std::ptr::null_mut(),
                    bias_lanes: std::ptr::null_mut(),
                };
                // SAFETY: as above; the forward pass does not touch the null pointers.
                unsafe { pass(&rows) };
            }
        }
        let biases = &weights[self.layers[last].biases.clone()];
        for (row, bias) in self.output.chunks_exact_mut(self.columns).zip(biases) {
            row[..self.tile].iter_mut().for_each(|value| *value += bias);
        }
    }

    /// Reverse sweep after [`Self::forward`] with the same `weights` and `x` `[I][S][T]`:
    /// `adjoint` `[O][S][T]` is the derivative of a scalar by [`Self::output`]; the gradient by
    /// the weights is added inside the workspace until [`Self::drain_gradient`].
    ///
    /// # Panics
    /// If a slice has the wrong length.
    pub fn reverse(&mut self, weights: &[f64], x: &[f64], adjoint: &[f64]) {
        self.check(weights, x);
        self.sweep(weights, x, adjoint, &mut Sink::Gradient);
    }

    /// Data-only reverse sweep: writes the adjoint of the inputs, `[I][S][T]`.
    ///
    /// The weight gradient is left alone. Other arguments as [`Self::reverse`].
    ///
    /// # Panics
    /// If a slice has the wrong length.
    pub fn reverse_inputs(&mut self, weights: &[f64], adjoint: &[f64], x_adjoint: &mut [f64]) {
        assert_eq!(x_adjoint.len(), self.layers[0].inputs * self.columns, "x_adjoint [I][S][T]");
        self.sweep(weights, &[], adjoint, &mut Sink::Inputs(x_adjoint));
    }

    /// Rows of the Jacobian of a per-point residual: `jac[w][p]`, `[n_weights][T]`, is the
    /// derivative by weight `w` of the residual of point `p`, whose derivatives by the outputs at
    /// that point are `adjoint` `[O][S][T]`. Overwrites `jac`; other arguments as
    /// [`Self::reverse`].
    ///
    /// # Panics
    /// If a slice has the wrong length.
    pub fn jacobian(&mut self, weights: &[f64], x: &[f64], adjoint: &[f64], jac: &mut [f64]) {
        self.check(weights, x);
        assert_eq!(jac.len(), weights.len() * self.tile, "jac [n_weights][T]");
        self.sweep(weights, x, adjoint, &mut Sink::Jacobian(jac));
    }

    /// Adds the accumulated gradient to `gradient` `[n_weights]` and zeroes it.
    ///
    /// # Panics
    /// If the slice has the wrong length.
    pub fn drain_gradient(&mut self, gradient: &mut [f64]) {
        assert_eq!(gradient.len(), self.n_weights(), "gradient [n_weights]");
        for (layer, sums) in self.layers.iter().zip(&mut self.gradients) {
            let rows = gradient[layer.weights.clone()].chunks_exact_mut(layer.inputs.max(1));
            for (to, from) in rows.zip(sums.weights.chunks_exact(sums.stride)) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
            let biases = &mut gradient[layer.biases.clone()];
            for (to, from) in biases.iter_mut().zip(sums.bias_lanes.chunks_exact(LINE)) {
                *to += from.iter().sum::<f64>();
            }
            sums.weights.fill(0.0);
            sums.bias_lanes.fill(0.0);
        }
    }

    fn n_weights(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.biases.end)
    }

    fn check(&self, weights: &[f64], x: &[f64]) {
        assert_eq!(weights.len(), self.n_weights(), "weights [n_weights]");
        assert_eq!(x.len(), self.layers[0].inputs * self.columns, "x [I][S][T]");
    }

    /// Reverse sweep from the outputs to the first layer.
    fn sweep(&mut self, weights: &[f64], x: &[f64], adjoint: &[f64], sink: &mut Sink) {
        let last = self.layers.len() - 1;
        assert_eq!(weights.len(), self.n_weights(), "weights [n_weights]");
        assert_eq!(adjoint.len(), self.layers[last].outputs * self.columns, "adjoint [O][S][T]");
        for l in (0..=last).rev() {
            let (q, q_row) = if l == last {
                (adjoint.as_ptr(), self.columns)
            } else {
                (self.reverse_activation(l, sink), self.stride)
            };
            match sink {
                Sink::Gradient => {
                    if l == last {
                        self.sum_output_biases(adjoint);
                    }
                    self.weight_gradient(l, x, q, q_row);
                }
                Sink::Jacobian(jac) => self.weight_jacobian(l, x, q, q_row, jac),
                Sink::Inputs(_) => {}
            }
            let (c, c_row) = match sink {
                _ if l > 0 => (self.adjoints[(l - 1) % 2].as_mut_ptr(), self.stride),
                Sink::Inputs(x_adjoint) => (x_adjoint.as_mut_ptr(), self.columns),
                _ => break,
            };
            let layer = &self.layers[l];
            let product = Product {
                rows: layer.inputs,
                depth: layer.outputs,
                columns: self.columns,
                a: weights[layer.weights.clone()].as_ptr(),
                a_row: 1,
                a_depth: layer.inputs,
                b: q,
                b_row: q_row,
                c,
                c_row,
                accumulate: false,
            };
            // SAFETY: operands sized by `with_isa` and the assertions; layers alternate between
            // the two adjoint buffers, so B and C are distinct; `kernels` was detected.
            unsafe { (self.kernels.product)(&product) };
        }
    }

    /// Adjoint of hidden layer `l` through its activation, in place; returns it.
    fn reverse_activation(&mut self, l: usize, sink: &Sink) -> *const f64 {
        let bias_lanes = match sink {
            Sink::Gradient => &mut self.gradients[l].bias_lanes,
            _ => &mut self.discarded,
        };
        let adjoint = self.adjoints[l % 2].as_mut_ptr();
        let rows = Rows {
            rows: self.layers[l].outputs,
            tile: self.tile,
            row_stride: self.stride,
            orders: &self.streams.orders,
            bias: std::ptr::null(),
            z: self.z[l].as_mut_ptr(),
            a: self.a[l].as_mut_ptr(),
            adjoint,
            bias_lanes: bias_lanes.as_mut_ptr(),
        };
        let pass = self.kernels.reverse(self.activation, self.streams.max_order());
        // SAFETY: `with_isa` sized all rows; `kernels` was detected; bias is not read.
        unsafe { pass(&rows) };
        adjoint
    }

    fn sum_output_biases(&mut self, adjoint: &[f64]) {
        let lanes = &mut self.gradients[self.layers.len() - 1].bias_lanes;
        for (sum, row) in lanes.chunks_exact_mut(LINE).zip(adjoint.chunks_exact(self.columns)) {
            for points in row[..self.tile].chunks_exact(LINE) {
                sum.iter_mut().zip(points).for_each(|(sum, point)| *sum += point);
            }
        }
    }

    /// Inputs of layer `l` as rows of `columns` with their stride.
    fn layer_input(&self, l: usize, x: &[f64]) -> (*const f64, usize) {
        if l == 0 { (x.as_ptr(), self.columns) } else { (self.a[l - 1].as_ptr(), self.stride) }
    }

    /// Adds q a^T of layer `l` to its gradient.
    fn weight_gradient(&mut self, l: usize, x: &[f64], q: *const f64, q_row: usize) {
        let (src, src_row) = self.layer_input(l, x);
        let layer = &self.layers[l];
        let gradient = &mut self.gradients[l];
        let transposition = Transposition {
            rows: layer.inputs,
            columns: self.columns,
            src,
            src_row,
            dst: self.transposed.as_mut_ptr(),
            dst_row: gradient.stride,
        };
        let product = Product {
            rows: layer.outputs,
            depth: self.columns,
            columns: layer.inputs.next_multiple_of(LINE),
            a: q,
            a_row: q_row,
            a_depth: 1,
            b: self.transposed.as_ptr(),
            b_row: gradient.stride,
            c: gradient.weights.as_mut_ptr(),
            c_row: gradient.stride,
            accumulate: true,
        };
        // SAFETY: `with_isa` and `check` sized all operands; `kernels` was detected.
        unsafe {
            (self.kernels.transpose)(&transposition);
            (self.kernels.product)(&product);
        }
    }

    /// Writes the rows of layer `l` of the per-point Jacobian.
    fn weight_jacobian(&self, l: usize, x: &[f64], q: *const f64, q_row: usize, jac: &mut [f64]) {
        let (a, a_row) = self.layer_input(l, x);
        let layer = &self.layers[l];
        let rows = |range: &Range<usize>| range.start * self.tile..range.end * self.tile;
        let outer = Outer {
            outputs: layer.outputs,
            inputs: layer.inputs,
            streams: self.streams.count(),
            tile: self.tile,
            q,
            q_row,
            a,
            a_row,
            jac: jac[rows(&layer.weights)].as_mut_ptr(),
        };
        // SAFETY: `with_isa` and `check` sized all operands; `kernels` was detected.
        unsafe { (self.kernels.outer)(&outer) };
        let biases = jac[rows(&layer.biases)].chunks_exact_mut(self.tile);
        for (j, to) in biases.enumerate() {
            // SAFETY: stream 0 of row j of q has `tile` points.
            let from = unsafe { std::slice::from_raw_parts(q.add(j * q_row), self.tile) };
            to.copy_from_slice(from);
        }
    }
}

/// What a reverse sweep produces.
enum Sink<'a> {
    /// Accumulated weight gradient.
    Gradient,
    /// Adjoint of the inputs, `[I][S][T]`.
    Inputs(&'a mut [f64]),
    /// Per-point rows, `[n_weights][T]`.
    Jacobian(&'a mut [f64]),
}
