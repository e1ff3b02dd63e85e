//! The hand-written gradient of the transformer against automatic differentiation.
#![allow(clippy::unwrap_used)]

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use surrogate_burn::{Device, transformer_gradient};
use surrogate_crystal::symmetry::SymmetricStructure;
use surrogate_generator::example::Example;
use surrogate_generator::examples::Laboratory;
use surrogate_generator::model::{Model, Worker};
use surrogate_generator::network::Shape;
use surrogate_generator::sequence::AtomicVolumes;
use surrogate_problem::crystal::Precision;

fn crystal(number: u16, cell: &[f64], orbits: &[(&str, char, &[f64])]) -> SymmetricStructure {
    SymmetricStructure::of_letters(number, cell, orbits).unwrap().canonical()
}

/// A model and three examples for it.
fn lesson() -> (Model, Vec<Example>) {
    let crystals = [
        crystal(136, &[4.594, 2.959], &[("O", 'f', &[0.305]), ("Ti", 'a', &[])]),
        crystal(225, &[5.64], &[("Na", 'a', &[]), ("Cl", 'b', &[])]),
        crystal(194, &[3.2, 12.1], &[("Mo", 'c', &[]), ("S", 'f', &[0.62])]),
    ];
    let volumes = AtomicVolumes(vec![14.0; 119]);
    let shape = Shape { width: 32, layers: 2, heads: 4 };
    let model = Model::new(shape, volumes.clone(), &mut ChaCha8Rng::seed_from_u64(5));
    let mut laboratory = Laboratory::new();
    let example = |(k, c): (usize, &SymmetricStructure)| {
        Example::of(c, &laboratory.clean(c).unwrap(), &volumes, k != 1).unwrap()
    };
    let examples = crystals.iter().enumerate().map(example).collect();
    (model, examples)
}

fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt()
}

/// Distance of two lists over the size of the first.
fn apart(a: &[f32], b: &[f32]) -> f64 {
    norm(a.iter().zip(b).map(|(a, b)| a - b)) / norm(a.iter().copied())
}

#[test]
fn both_give_the_same_loss_and_gradient() {
    let (model, examples) = lesson();
    let mut worker = Worker::default();
    let ours = worker.gradient(&model, &model.vectors(), &examples);
    let (theirs, gradient) =
        transformer_gradient(&Device::cpu(), Precision::F32, &model, &examples);
    assert_eq!((ours.predictions, ours.right), (theirs.predictions, theirs.right));
    assert!((ours.sum / theirs.sum - 1.0).abs() < 1e-5, "{} and {}", ours.sum, theirs.sum);
    let apart = apart(&gradient, &worker.gradient);
    assert!(apart < 1e-5, "{apart}");
}

/// Numbers of 16 bits have 8 binary digits: a product is off by some 2^-9, here along four of them a layer.
#[test]
fn products_of_16_bits_change_the_gradient_by_their_rounding_only() {
    let (model, examples) = lesson();
    let of = |precision| transformer_gradient(&Device::cpu(), precision, &model, &examples);
    let ((single, exact), (half, rounded)) = (of(Precision::F32), of(Precision::Bf16));
    let loss = (half.sum / single.sum - 1.0).abs();
    let gradient = apart(&exact, &rounded);
    assert!(loss > 0.0 && loss < 2e-3, "{loss}");
    assert!(gradient > 1e-4 && gradient < 2e-2, "{gradient}");
}
