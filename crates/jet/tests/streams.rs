//! Facts about the streams, their reverse sweeps and the instruction sets.
#![allow(missing_docs)]

use proptest::prelude::*;
use surrogate_jet::{Activation, Isa, Mlp, Streams, Workspace};

/// Deterministic numbers in -1..1.
fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    }
}

fn vector(n: usize, seed: u64) -> Vec<f64> {
    let mut u = uniform(seed);
    (0..n).map(|_| u()).collect()
}

struct Case {
    mlp: Mlp,
    streams: Streams,
    tile: usize,
    weights: Vec<f64>,
    x: Vec<f64>,
}

impl Case {
    fn new(shape: &[usize], orders: &[u8], activation: Activation, tile: usize) -> Self {
        let mlp = Mlp {
            inputs: shape[0],
            hidden: shape[1..shape.len() - 1].to_vec(),
            outputs: shape[shape.len() - 1],
            activation,
        };
        let streams = Streams { orders: orders.to_vec() };
        let mut u = uniform(1);
        let mut weights = mlp.glorot(&mut || 1.7 * u());
        for layer in mlp.layers() {
            weights[layer.biases].iter_mut().for_each(|b| *b = 0.4 * u());
        }
        let x = vector(mlp.inputs * streams.count() * tile, 2);
        Self { mlp, streams, tile, weights, x }
    }

    fn workspace(&self, isa: Isa) -> Workspace {
        Workspace::with_isa(&self.mlp, &self.streams, self.tile, isa)
    }

    fn columns(&self) -> usize {
        self.streams.count() * self.tile
    }

    fn adjoint(&self) -> Vec<f64> {
        vector(self.mlp.outputs * self.columns(), 3)
    }

    /// adjoint . output
    fn functional(&self, ws: &mut Workspace, weights: &[f64], x: &[f64], adjoint: &[f64]) -> f64 {
        ws.forward(weights, x);
        ws.output().iter().zip(adjoint).map(|(y, q)| y * q).sum()
    }
}

type Series = [f64; 5];

fn product(a: &Series, b: &Series) -> Series {
    std::array::from_fn(|k| (0..=k).map(|j| a[j] * b[k - j]).sum())
}

/// y with y' = g z', both as Taylor coefficients; `g` may depend on y up to the order known.
fn activate(activation: Activation, z: &Series) -> Series {
    let mut y = [0.0; 5];
    let mut cos = [0.0; 5];
    (y[0], cos[0]) = match activation {
        Activation::Tanh => (z[0].tanh(), 0.0),
        Activation::Sin => z[0].sin_cos(),
    };
    for k in 1..5 {
        let slope = match activation {
            Activation::Tanh => product(&y, &y).map(|square| -square),
            Activation::Sin => cos,
        };
        let one = f64::from(u8::from(activation == Activation::Tanh));
        let convolve = |g: &Series, g0: f64| -> f64 {
            let g = |i: usize| if i == 0 { g[0] + g0 } else { g[i] };
            (1..=k).map(|j| j as f64 * z[j] * g(k - j)).sum::<f64>() / k as f64
        };
        let (next, next_cos) = (convolve(&slope, one), -convolve(&y, 0.0));
        (y[k], cos[k]) = (next, next_cos);
    }
    y
}

/// Taylor series of the network at one point along one direction.
fn reference(case: &Case, point: usize, direction: usize) -> Vec<Series> {
    let (s, t) = (case.streams.count(), case.tile);
    let factorial = [1.0, 1.0, 2.0, 6.0, 24.0];
    let mut a: Vec<Series> = (0..case.mlp.inputs)
        .map(|i| {
            let at = |stream: usize| case.x[(i * s + stream) * t + point];
            std::array::from_fn(|k| match case.streams.orders.get(direction) {
                _ if k == 0 => at(0),
                Some(&order) if k <= usize::from(order) => {
                    at(case.streams.index(direction, k as u8)) / factorial[k]
                }
                _ => 0.0,
            })
        })
        .collect();
    let layers = case.mlp.layers();
    for (l, layer) in layers.iter().enumerate() {
        let weights = case.weights[layer.weights.clone()].chunks(layer.inputs);
        a = weights
            .zip(&case.weights[layer.biases.clone()])
            .map(|(row, bias)| {
                let mut z: Series =
                    std::array::from_fn(|k| row.iter().zip(&a).map(|(w, a)| w * a[k]).sum());
                z[0] += bias;
                if l + 1 < layers.len() { activate(case.mlp.activation, &z) } else { z }
            })
            .collect();
    }
    a.iter().map(|y| std::array::from_fn(|k| y[k] * factorial[k])).collect()
}

fn assert_close(got: f64, want: f64, tolerance: f64, what: &str) {
    assert!((got - want).abs() <= tolerance * (1.0 + want.abs()), "{what}: {got} is not {want}");
}

fn check_forward(case: &Case) {
    let (s, t) = (case.streams.count(), case.tile);
    for isa in Isa::available() {
        let mut ws = case.workspace(isa);
        ws.forward(&case.weights, &case.x);
        for point in 0..t {
            for direction in 0..case.streams.orders.len().max(1) {
                for (o, want) in reference(case, point, direction).iter().enumerate() {
                    let at = |stream: usize| ws.output()[(o * s + stream) * t + point];
                    assert_close(at(0), want[0], 1e-13, "value");
                    let order = case.streams.orders.get(direction).copied().unwrap_or(0);
                    for k in 1..=order {
                        let got = at(case.streams.index(direction, k));
                        assert_close(got, want[usize::from(k)], 1e-12, "derivative");
                    }
                }
            }
        }
    }
}

const ORDERS: [&[u8]; 9] =
    [&[], &[1], &[1, 2], &[3], &[4], &[2, 2], &[1, 1, 1], &[4, 1, 3], &[2, 4]];
const ACTIVATIONS: [Activation; 2] = [Activation::Tanh, Activation::Sin];

#[test]
fn forward_streams_are_the_taylor_coefficients_of_the_network() {
    for orders in ORDERS {
        for activation in ACTIVATIONS {
            check_forward(&Case::new(&[3, 7, 12, 2], orders, activation, 16));
        }
    }
}

#[test]
fn odd_widths_and_depths_need_no_padding() {
    for width in [1, 7, 12, 33, 64] {
        for depth in 1..=4 {
            let mut shape = vec![2; 1];
            shape.extend(vec![width; depth]);
            shape.push(1);
            check_forward(&Case::new(&shape, &[1, 2], Activation::Tanh, 8));
        }
    }
    check_forward(&Case::new(&[9, 17, 3, 11], &[2], Activation::Sin, 24));
    check_forward(&Case::new(&[3, 2], &[2], Activation::Tanh, 8)); // linear
}

#[test]
fn streams_are_the_central_differences_of_the_value() {
    for activation in ACTIVATIONS {
        let case = Case::new(&[2, 10, 10, 1], &[2], activation, 8);
        let mut ws = case.workspace(Isa::detect());
        ws.forward(&case.weights, &case.x);
        let value_only =
            Case { streams: Streams::value(), ..Case::new(&[2, 10, 10, 1], &[], activation, 8) };
        let mut plain = value_only.workspace(Isa::detect());
        let h = 1e-3;
        let mut along = |step: f64| {
            let x: Vec<f64> = case
                .x
                .chunks(24)
                .flat_map(|x| {
                    (0..8)
                        .map(|p| x[p] + step * x[8 + p] + step * step / 2.0 * x[16 + p])
                        .collect::<Vec<_>>()
                })
                .collect();
            plain.forward(&case.weights, &x);
            plain.output().to_vec()
        };
        let (minus, zero, plus) = (along(-h), along(0.0), along(h));
        for p in 0..8 {
            assert_close(ws.output()[8 + p], (plus[p] - minus[p]) / (2.0 * h), 1e-5, "first");
            let second = (plus[p] - 2.0 * zero[p] + minus[p]) / (h * h);
            assert_close(ws.output()[16 + p], second, 1e-5, "second");
        }
    }
}

fn check_gradient(case: &Case, isa: Isa) {
    let adjoint = case.adjoint();
    let mut ws = case.workspace(isa);
    ws.forward(&case.weights, &case.x);
    ws.reverse(&case.weights, &case.x, &adjoint);
    let mut gradient = vec![0.0; case.weights.len()];
    ws.drain_gradient(&mut gradient);

    let mut jac = vec![f64::NAN; case.weights.len() * case.tile];
    ws.jacobian(&case.weights, &case.x, &adjoint, &mut jac);
    let scale = gradient.iter().fold(1.0f64, |m, g| m.max(g.abs()));
    for (row, g) in jac.chunks(case.tile).zip(&gradient) {
        let sum: f64 = row.iter().sum();
        assert!((sum - g).abs() <= 1e-13 * scale, "jacobian rows sum to {sum}, gradient {g}");
    }

    let mut x_adjoint = vec![f64::NAN; case.x.len()];
    ws.reverse_inputs(&case.weights, &adjoint, &mut x_adjoint);
    let mut untouched = vec![0.0; case.weights.len()];
    ws.drain_gradient(&mut untouched);
    assert!(untouched.iter().all(|&g| g == 0.0), "data-only sweeps leave the gradient alone");

    // Directional finite differences, fourth order, along random directions.
    let h = 1e-3;
    for seed in 10..13 {
        let d_weights = vector(case.weights.len(), seed);
        let d_x = vector(case.x.len(), seed + 10);
        let shift = |v: &[f64], d: &[f64], step: f64| -> Vec<f64> {
            v.iter().zip(d).map(|(v, d)| v + step * d).collect()
        };
        let mut slope = |f: &mut dyn FnMut(&mut Workspace, f64) -> f64| {
            let d1 = f(&mut ws, h) - f(&mut ws, -h);
            let d2 = f(&mut ws, 2.0 * h) - f(&mut ws, -2.0 * h);
            (8.0 * d1 - d2) / (12.0 * h)
        };
        let by_weights = slope(&mut |ws, step| {
            case.functional(ws, &shift(&case.weights, &d_weights, step), &case.x, &adjoint)
        });
        let by_x = slope(&mut |ws, step| {
            case.functional(ws, &case.weights, &shift(&case.x, &d_x, step), &adjoint)
        });
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let size = |a: &[f64]| dot(a, a).sqrt();
        let got = dot(&gradient, &d_weights);
        let tolerance = 1e-7 * (size(&gradient) + 1.0);
        assert!((got - by_weights).abs() < tolerance, "weights: {got} is not {by_weights}");
        let got = dot(&x_adjoint, &d_x);
        let tolerance = 1e-7 * (size(&x_adjoint) + 1.0);
        assert!((got - by_x).abs() < tolerance, "inputs: {got} is not {by_x}");
    }
}

#[test]
fn reverse_sweeps_agree_with_finite_differences_and_with_each_other() {
    for orders in ORDERS {
        for activation in ACTIVATIONS {
            for isa in Isa::available() {
                check_gradient(&Case::new(&[3, 7, 12, 2], orders, activation, 16), isa);
            }
        }
    }
    for shape in [&[1, 1, 1][..], &[5, 33, 9, 1], &[4, 12, 12, 12, 12, 3], &[3, 2]] {
        check_gradient(&Case::new(shape, &[1, 2], Activation::Tanh, 8), Isa::detect());
    }
}

#[test]
fn gradients_accumulate_over_tiles_until_drained() {
    let case = Case::new(&[2, 9, 1], &[1, 2], Activation::Tanh, 8);
    let adjoint = case.adjoint();
    let mut ws = case.workspace(Isa::detect());
    let mut once = vec![0.0; case.weights.len()];
    ws.forward(&case.weights, &case.x);
    ws.reverse(&case.weights, &case.x, &adjoint);
    ws.drain_gradient(&mut once);
    for _ in 0..2 {
        ws.reverse(&case.weights, &case.x, &adjoint);
    }
    let mut twice = vec![1.0; case.weights.len()];
    ws.drain_gradient(&mut twice);
    for (a, b) in once.iter().zip(&twice) {
        assert_close(*b, 2.0 * a + 1.0, 1e-14, "sum");
    }
}

/// Everything a workspace computes, in one vector.
fn everything(case: &Case, isa: Isa) -> Vec<f64> {
    let mut ws = case.workspace(isa);
    let adjoint = case.adjoint();
    ws.forward(&case.weights, &case.x);
    let mut all = ws.output().to_vec();
    ws.reverse(&case.weights, &case.x, &adjoint);
    let mut gradient = vec![0.0; case.weights.len()];
    ws.drain_gradient(&mut gradient);
    all.extend(gradient);
    let mut x_adjoint = vec![0.0; case.x.len()];
    ws.reverse_inputs(&case.weights, &adjoint, &mut x_adjoint);
    all.extend(x_adjoint);
    let mut jac = vec![0.0; case.weights.len() * case.tile];
    ws.jacobian(&case.weights, &case.x, &adjoint, &mut jac);
    all.extend(jac);
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn instruction_sets_agree_and_repeat(
        inputs in 1usize..10,
        hidden in prop::collection::vec(1usize..40, 0..4),
        outputs in 1usize..10,
        orders in prop::collection::vec(1u8..=4, 0..4),
        lines in 1usize..5,
        sin in any::<bool>(),
    ) {
        let mut shape = vec![inputs];
        shape.extend(&hidden);
        shape.push(outputs);
        let case = Case::new(&shape, &orders, ACTIVATIONS[usize::from(sin)], 8 * lines);
        let want = everything(&case, Isa::Portable);
        let scale = want.iter().fold(1.0f64, |m, x| m.max(x.abs()));
        for isa in Isa::available() {
            let got = everything(&case, isa);
            prop_assert_eq!(&got, &everything(&case, isa));
            for (g, w) in got.iter().zip(&want) {
                prop_assert!((g - w).abs() <= 1e-12 * scale, "{isa:?}: {g} is not {w}");
            }
        }
    }
}

#[test]
fn activations_are_accurate() {
    for (activation, tolerance) in [(Activation::Tanh, 3e-16), (Activation::Sin, 5e-16)] {
        let mlp = Mlp { inputs: 1, hidden: vec![1], outputs: 1, activation };
        for isa in Isa::available() {
            let mut ws = Workspace::with_isa(&mlp, &Streams::value(), 8, isa);
            let mut u = uniform(5);
            for range in [1e-9, 0.3, 3.0, 30.0] {
                for _ in 0..2000 {
                    let x: [f64; 8] = std::array::from_fn(|_| range * u());
                    ws.forward(&[1.0, 0.0, 1.0, 0.0], &x);
                    for (&x, &y) in x.iter().zip(ws.output()) {
                        let want = if activation == Activation::Tanh { x.tanh() } else { x.sin() };
                        assert!(
                            (y - want).abs() <= tolerance,
                            "{activation:?} {isa:?} {x} {y} {want}"
                        );
                    }
                }
            }
            ws.forward(&[1.0, 0.0, 1.0, 0.0], &[0.0, 1e3, -1e3, 50.0, -50.0, 1e-300, 1e5, -1e5]);
            if activation == Activation::Tanh {
                assert_eq!(ws.output()[..5], [0.0, 1.0, -1.0, 1.0, -1.0]);
            }
        }
    }
}
