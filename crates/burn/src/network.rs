//! Multilayer perceptrons with directional streams, in tensor operations.
//!
//! With f1, f2, ... the derivatives of the activation at z0 and z1.. those of z along a direction:
//! a1 = f1 z1, a2 = f1 z2 + f2 z1^2, a3 = f1 z3 + 3 f2 z1 z2 + f3 z1^3,
//! a4 = f1 z4 + f2 (4 z1 z3 + 3 z2^2) + 6 f3 z1^2 z2 + f4 z1^4   (Faa di Bruno).
//!
//! Streams are separate tensors `[unit][N]`. One product of stacked streams would need a slice per
//! stream after it, whose derivative is a block of zeros as large as the whole stack.

use burn::tensor::Tensor;
use surrogate_jet::{Activation, Mlp};

/// Weights of one network as tensors.
pub(crate) struct Network {
    /// `W [O][I]` and `b [O][1]` of each layer.
    layers: Vec<(Tensor<2>, Tensor<2>)>,
    activation: Activation,
}

impl Network {
    /// Takes the network's part, from `first` on, of the variables `[n]` of a component.
    pub(crate) fn new(mlp: &Mlp, variables: &Tensor<1>, first: usize) -> Self {
        let layers = mlp.layers().into_iter().map(|layer| {
            let take = |range: std::ops::Range<usize>, shape: [usize; 2]| {
                variables.clone().narrow(0, first + range.start, range.len()).reshape(shape)
            };
            let weights = take(layer.weights, [layer.outputs, layer.inputs]);
            (weights, take(layer.biases, [layer.outputs, 1]))
        });
        Self { layers: layers.collect(), activation: mlp.activation }
    }

    /// Streams of the outputs, `[O][N]` each, from those of the inputs, `[I][N]` each: the value,
    /// then for each direction its derivatives up to the order.
    pub(crate) fn streams(&self, inputs: &[Tensor<2>], orders: &[u8]) -> Vec<Tensor<2>> {
        let mut a = inputs.to_vec();
        for (l, (weights, biases)) in self.layers.iter().enumerate() {
            let mut z: Vec<Tensor<2>> = a.into_iter().map(|a| weights.clone().matmul(a)).collect();
            z[0] = z[0].clone() + biases.clone();
            let last = l + 1 == self.layers.len();
            a = if last { z } else { self.activate(&z, orders) };
        }
        a
    }

    fn activate(&self, z: &[Tensor<2>], orders: &[u8]) -> Vec<Tensor<2>> {
        let highest = orders.iter().copied().max().unwrap_or(0);
        let (value, f) = derivatives(self.activation, &z[0], highest);
        let mut out = vec![value];
        for &order in orders {
            let z = &z[out.len()..];
            out.extend((1..=order).map(|k| composed(&f, z, k)));
        }
        out
    }
}

/// Value of the activation and its derivatives `f[k - 1]` of order k up to `highest`.
fn derivatives(activation: Activation, z: &Tensor<2>, highest: u8) -> (Tensor<2>, Vec<Tensor<2>>) {
    let mut f = Vec::new();
    let value = match activation {
        Activation::Tanh => {
            let a = z.clone().tanh();
            let square = a.clone() * a.clone();
            let f1: Tensor<2> = -square.clone() + 1.0;
            for k in 1..=highest {
                f.push(match k {
                    1 => f1.clone(),
                    2 => a.clone() * f1.clone() * -2.0,
                    3 => f1.clone() * (square.clone() * 6.0 - 2.0),
                    _ => a.clone() * f1.clone() * (square.clone() * -24.0 + 16.0),
                });
            }
            a
        }
        Activation::Sin => {
            let (sin, cos) = (z.clone().sin(), z.clone().cos());
            for k in 1..=highest {
                f.push(match k {
                    1 => cos.clone(),
                    2 => -sin.clone(),
                    3 => -cos.clone(),
                    _ => sin.clone(),
                });
            }
            sin
        }
    };
    (value, f)
}

/// Derivative of order `k` of the activation along a direction in which z has derivatives
/// `z[0], z[1], ...`
fn composed(f: &[Tensor<2>], z: &[Tensor<2>], k: u8) -> Tensor<2> {
    let f = |k: usize| f[k - 1].clone();
    let z = |k: usize| z[k - 1].clone();
    match k {
        1 => f(1) * z(1),
        2 => f(1) * z(2) + f(2) * z(1) * z(1),
        3 => f(1) * z(3) + f(2) * z(1) * z(2) * 3.0 + f(3) * z(1) * z(1) * z(1),
        _ => {
            let square = z(1) * z(1);
            let second = z(1) * z(3) * 4.0 + z(2) * z(2) * 3.0;
            f(1) * z(4)
                + f(2) * second
                + f(3) * square.clone() * z(2) * 6.0
                + f(4) * square.clone() * square
        }
    }
}
