//! The hand-written gradient against differences of the loss.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::symmetry::SymmetricStructure;
use surrogate_crystal::{Element, retrieve::element_volumes};
use surrogate_generator::example::Example;
use surrogate_generator::examples::Laboratory;
use surrogate_generator::model::{Model, Worker};
use surrogate_generator::network::Shape;
use surrogate_generator::sequence::AtomicVolumes;

fn element(symbol: &str) -> Element {
    Element::from_symbol(symbol).unwrap()
}

/// Rutile and rock salt.
fn crystals() -> Vec<SymmetricStructure> {
    let crystal = SymmetricStructure::of_letters;
    vec![
        crystal(136, &[4.594, 2.959], &[("O", 'f', &[0.305]), ("Ti", 'a', &[])]).unwrap(),
        crystal(225, &[5.64], &[("Na", 'a', &[]), ("Cl", 'b', &[])]).unwrap(),
    ]
}

#[test]
fn the_gradient_of_every_matrix_is_the_slope_of_the_loss() {
    let volumes = AtomicVolumes(element_volumes(&[(BTreeMap::from([(element("O"), 1)]), 15.0)]));
    let shape = Shape { width: 32, layers: 2, heads: 2 };
    let mut model = Model::new(shape, volumes.clone(), &mut ChaCha8Rng::seed_from_u64(3));
    let mut laboratory = Laboratory::new();
    let examples: Vec<Example> = crystals()
        .iter()
        .map(|c| {
            let peaks = laboratory.clean(c).unwrap();
            Example::of(&c.canonical(), &peaks, &volumes, c.cell.len() == 2).unwrap()
        })
        .collect();
    let mut worker = Worker::default();
    let vectors = model.vectors();
    worker.gradient(&model, &vectors, &examples);
    let gradient = worker.gradient.clone();
    let layout = model.layout.clone();
    let mut ranges: Vec<std::ops::Range<usize>> = layout.gains().cloned().collect();
    ranges.extend(layout.matrices().map(|(r, _)| r.clone()));
    ranges.push(layout.features.clone());
    let before = model.weights.clone();
    for range in ranges {
        let length = gradient[range.clone()].iter().map(|g| f64::from(*g).powi(2)).sum::<f64>();
        let length = length.sqrt();
        assert!(length > 0.0, "{range:?}");
        let mut at = |step: f64| {
            model.weights.clone_from(&before);
            for k in range.clone() {
                model.weights[k] += (step / length) as f32 * gradient[k];
            }
            let vectors = model.vectors();
            worker.loss(&model, &vectors, &examples).sum
        };
        // Richardson's combination of two differences
        let difference = |h: f64, at: &mut dyn FnMut(f64) -> f64| (at(h) - at(-h)) / (2.0 * h);
        let h = 0.02;
        let slope = (4.0 * difference(h, &mut at) - difference(2.0 * h, &mut at)) / 3.0;
        assert!((slope / length - 1.0).abs() < 5e-3, "{range:?}: {slope} and {length}");
    }
}
