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

fn crystal(number: u16, cell: &[f64], orbits: &[(&str, char, &[f64])]) -> SymmetricStructure {
    SymmetricStructure::of_letters(number, cell, orbits).unwrap().canonical()
}

#[test]
fn both_give_the_same_loss_and_gradient() {
    let crystals = [
        crystal(136, &[4.594, 2.959], &[("O", 'f', &[0.305]), ("Ti", 'a', &[])]),
        crystal(225, &[5.64], &[("Na", 'a', &[]), ("Cl", 'b', &[])]),
        crystal(194, &[3.2, 12.1], &[("Mo", 'c', &[]), ("S", 'f', &[0.62])]),
    ];
    let volumes = AtomicVolumes(vec![14.0; 119]);
    let shape = Shape { width: 32, layers: 2, heads: 4 };
    let model = Model::new(shape, volumes.clone(), &mut ChaCha8Rng::seed_from_u64(5));
    let mut laboratory = Laboratory::new();
    let examples: Vec<Example> = crystals
        .iter()
        .enumerate()
        .map(|(k, c)| Example::of(c, &laboratory.clean(c).unwrap(), &volumes, k != 1).unwrap())
        .collect();
    let mut worker = Worker::default();
    let ours = worker.gradient(&model, &model.vectors(), &examples);
    let (theirs, gradient) = transformer_gradient(&Device::cpu(), &model, &examples);
    assert_eq!((ours.predictions, ours.right), (theirs.predictions, theirs.right));
    assert!((ours.sum / theirs.sum - 1.0).abs() < 1e-5, "{} and {}", ours.sum, theirs.sum);
    let size = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
    let away: f64 =
        gradient.iter().zip(&worker.gradient).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    assert!(size > 0.0 && away.sqrt() / size < 1e-5, "{} of {size}", away.sqrt());
}
