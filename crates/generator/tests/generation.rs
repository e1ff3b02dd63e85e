//! Sequences, sampling and training.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::Element;
use surrogate_crystal::symmetry::{SpaceGroup, SymmetricStructure};
use surrogate_generator::examples::Laboratory;
use surrogate_generator::model::Model;
use surrogate_generator::network::Shape;
use surrogate_generator::peaks::Peak;
use surrogate_generator::sampling::{Givens, sample};
use surrogate_generator::sequence::{AtomicVolumes, Writing, composition, rows};
use surrogate_generator::training::{Settings, Training};
use surrogate_generator::vocabulary::{COORDINATE_LEVELS, LENGTH_STEP};

const SMALL: Shape = Shape { width: 32, layers: 1, heads: 2 };

fn volumes() -> AtomicVolumes {
    AtomicVolumes(vec![14.0; 119])
}

fn crystal(number: u16, cell: &[f64], orbits: &[(&str, char, &[f64])]) -> SymmetricStructure {
    SymmetricStructure::of_letters(number, cell, orbits).unwrap().canonical()
}

fn few() -> Vec<SymmetricStructure> {
    vec![
        crystal(136, &[4.594, 2.959], &[("O", 'f', &[0.305]), ("Ti", 'a', &[])]),
        crystal(225, &[5.64], &[("Na", 'a', &[]), ("Cl", 'b', &[])]),
        crystal(194, &[3.2, 12.1], &[("Mo", 'c', &[]), ("S", 'f', &[0.62])]),
        crystal(
            14,
            &[5.1, 5.2, 5.3, 99.2],
            &[
                ("Zr", 'e', &[0.276, 0.041, 0.208]),
                ("O", 'e', &[0.07, 0.332, 0.345]),
                ("O", 'e', &[0.45, 0.757, 0.479]),
            ],
        ),
    ]
}

#[test]
fn a_crystal_comes_back_from_its_rows_within_its_levels() {
    for crystal in few() {
        let rows = rows(&crystal, &volumes()).unwrap();
        let mut writing = Writing::new();
        for row in rows {
            assert!(writing.push(row), "group {}", crystal.group.number);
        }
        let back = writing.crystal(&volumes()).unwrap();
        assert_eq!(back.group.number, crystal.group.number);
        assert_eq!(back.letters(), crystal.letters());
        for (a, b) in back.cell.iter().zip(&crystal.cell) {
            assert!((a / b).ln().abs() <= LENGTH_STEP / 2.0 + 1e-9, "{a} and {b}");
        }
        for (a, b) in back.orbits.iter().zip(&crystal.orbits) {
            for (x, y) in a.parameters.iter().zip(&b.parameters) {
                assert!((x - y).abs() <= 0.5 / COORDINATE_LEVELS as f64 + 1e-6, "{x} and {y}");
            }
        }
    }
}

#[test]
fn a_training_has_the_same_bits_on_any_number_of_threads() {
    let weights = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let settings = Settings { shape: SMALL, steps: 6, batch: 13, ..Settings::default() };
            let mut training = Training::new(few(), volumes(), settings);
            for _ in 0..6 {
                training.step();
            }
            training.state()
        })
    };
    let one = weights(1);
    assert_eq!(one, weights(2));
    assert_eq!(one, weights(5));
}

/// Random angles often span none.
#[test]
fn angles_of_a_triclinic_cell_span_it() {
    let vocabulary = surrogate_generator::vocabulary::Vocabulary::get();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..200 {
        let mut writing = Writing::new();
        assert!(writing.push(vocabulary.elements().start + 13));
        assert!(writing.push(vocabulary.counts().start));
        // P 1
        assert!(writing.push(vocabulary.groups().start));
        while let Some(choice) = writing.next() {
            let permitted: Vec<usize> =
                choice.rows.clone().filter(|&row| choice.permits(row)).collect();
            assert!(!permitted.is_empty());
            writing.write(&choice, permitted[rng.random_range(0..permitted.len())]);
        }
        let crystal = writing.crystal(&volumes()).unwrap();
        assert!(crystal.primitive_lattice().unwrap().volume() > 0.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever is chosen among what is permitted, a crystal of the composition comes out.
    #[test]
    fn no_choice_leads_into_a_dead_end(seed in 0u64..1_000_000, counts in prop::collection::vec(1usize..9, 1..4)) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let elements = [8u8, 14, 22, 40];
        let wanted: Vec<(Element, usize)> = counts
            .iter()
            .zip(elements)
            .map(|(&n, z)| (Element::from_atomic_number(z).unwrap(), n))
            .collect();
        let vocabulary = surrogate_generator::vocabulary::Vocabulary::get();
        let mut writing = Writing::new();
        for (element, n) in &wanted {
            let z = usize::from(element.atomic_number());
            prop_assert!(writing.push(vocabulary.elements().start + z - 1));
            prop_assert!(writing.push(vocabulary.counts().start + n - 1));
        }
        writing.close_composition();
        while let Some(choice) = writing.next() {
            let permitted: Vec<usize> =
                choice.rows.clone().filter(|&row| choice.permits(row)).collect();
            prop_assert!(!permitted.is_empty());
            let row = permitted[rng.random_range(0..permitted.len())];
            writing.write(&choice, row);
        }
        let group = writing.crystal(&volumes()).unwrap();
        prop_assert_eq!(composition(&group), wanted);
    }
}

#[test]
fn samples_have_the_formula_and_what_is_given() {
    let model = Model::new(SMALL, volumes(), &mut ChaCha8Rng::seed_from_u64(1));
    let vectors = model.vectors();
    let peaks: Vec<Peak> =
        (1..20).map(|k| Peak { q: 0.4 * f64::from(k), height: 1.0 / f64::from(k) }).collect();
    let wanted: Vec<(Element, usize)> =
        [("O", 4), ("Ti", 2)].map(|(e, n)| (Element::from_symbol(e).unwrap(), n)).to_vec();
    let rutile = SpaceGroup::get(136);
    let givens = Givens { composition: wanted.clone(), group: rutile, cell: Some(vec![4.6, 2.95]) };
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let samples = sample(&model, &vectors, &peaks, &givens, 50, 1.0, &mut rng);
    assert_eq!(samples.len(), 50);
    for s in &samples {
        assert_eq!(composition(&s.crystal), wanted);
        assert_eq!(s.crystal.group.number, 136);
        assert!((s.crystal.cell[0] / 4.6).ln().abs() <= LENGTH_STEP / 2.0 + 1e-9);
        assert!(s.log_probability < 0.0);
    }
    let free = Givens { composition: wanted.clone(), ..Givens::default() };
    for s in sample(&model, &vectors, &peaks, &free, 50, 1.0, &mut rng) {
        assert_eq!(composition(&s.crystal), wanted);
    }
    // a group that cannot hold the composition gives nothing
    let odd: Vec<(Element, usize)> = vec![(Element::from_symbol("O").unwrap(), 1)];
    let givens = Givens { composition: odd, group: SpaceGroup::get(227), cell: None };
    assert!(sample(&model, &vectors, &peaks, &givens, 5, 1.0, &mut rng).is_empty());
}

#[test]
fn a_training_learns_and_goes_on_to_the_same_bits() {
    let settings = Settings {
        shape: SMALL,
        steps: 60,
        batch: 16,
        warm_up: 10,
        rate: 5e-3,
        ..Settings::default()
    };
    let mut whole = Training::new(few(), volumes(), settings);
    let first = whole.step().mean();
    let mut state = Vec::new();
    let mut last = 0.0;
    for step in 1..60 {
        if step == 30 {
            state = whole.state();
        }
        last = whole.step().mean();
    }
    assert!(last < 0.7 * first, "{first} then {last}");
    let mut resumed = Training::new(few(), volumes(), settings);
    resumed.restore(&state).unwrap();
    for _ in 30..60 {
        resumed.step();
    }
    assert_eq!(resumed.model.weights, whole.model.weights);
    let other = Settings { shape: Shape { width: 16, ..SMALL }, ..settings };
    assert!(Training::new(few(), volumes(), other).restore(&state).is_err());
    let back = Model::restore(&whole.model.state()).unwrap();
    assert_eq!(back.weights, whole.model.weights);
    assert!(Model::restore(&state).is_err());
}

#[test]
fn patterns_with_noise_keep_the_strong_peaks_of_clean_ones() {
    let mut laboratory = Laboratory::new();
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for crystal in few() {
        let clean = laboratory.clean(&crystal).unwrap();
        let strong = clean.iter().max_by(|a, b| a.height.total_cmp(&b.height)).unwrap();
        for _ in 0..10 {
            let Some(peaks) = laboratory.disturbed(&crystal, &mut rng) else { continue };
            let (low, high) = (peaks[0].q, peaks[peaks.len() - 1].q);
            if strong.q > low && strong.q < high {
                let nearest = peaks.iter().map(|p| (p.q - strong.q).abs()).fold(9.0, f64::min);
                assert!(nearest < 0.03, "{nearest}");
            }
        }
    }
}
