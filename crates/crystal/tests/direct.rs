//! Crystals are found from their patterns and formulas without any example.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::diffraction::reflections;
use surrogate_crystal::direct::DirectOptions;
use surrogate_crystal::matching::{Reduced, StructureMatcher};
use surrogate_crystal::retrieve::{
    Candidate, KnownSymmetry, Library, Query, SearchOptions, search,
};
use surrogate_crystal::symmetry::{Orbit, SpaceGroup, SymmetricStructure};
use surrogate_crystal::{Element, Structure};

const CU: f64 = 1.54184;

/// A library that says that every atom takes 12 cubic angstrom, and nothing else.
fn nothing() -> Library {
    Library::distil_with([], vec![12.0; 120])
}

/// A crystal of a group from its free cell parameters and orbits: element, letter, free coordinates.
fn crystal(number: u16, cell: &[f64], orbits: &[(&str, char, &[f64])]) -> Structure {
    let group = SpaceGroup::get(number).unwrap();
    let orbit = |&(element, letter, parameters): &(&str, char, &[f64])| Orbit {
        element: Element::from_symbol(element).unwrap(),
        position: group.position_of_letter(letter).unwrap(),
        parameters: parameters.to_vec(),
    };
    let orbits = orbits.iter().map(orbit).collect();
    SymmetricStructure { group, cell: cell.to_vec(), orbits }.primitive().unwrap()
}

fn solved(truth: &Structure, seed: u64) -> Vec<Candidate> {
    solved_knowing(truth, None, seed)
}

fn solved_knowing(truth: &Structure, symmetry: Option<KnownSymmetry>, seed: u64) -> Vec<Candidate> {
    let mut composition = BTreeMap::new();
    for site in &truth.sites {
        *composition.entry(site.element).or_insert(0) += 1;
    }
    let peaks = reflections(truth, CU, [0.0, 8.1]).unwrap();
    let peaks = peaks.iter().map(|r| (r.q, r.intensity)).collect();
    let query = Query { peaks, q_range: [0.5, 8.1], wavelength: CU, composition, symmetry };
    let direct = DirectOptions { choices: 600, ..DirectOptions::default() };
    let options = SearchOptions { direct: Some(direct), ..SearchOptions::default() };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    search(&[&nothing()], &query, options, &mut rng).unwrap()
}

/// Made-up crystals of four systems; sizes and places have no model in nature.
fn cases() -> Vec<(&'static str, Structure)> {
    vec![
        ("tetragonal", crystal(136, &[4.71, 3.05], &[("Sn", 'a', &[]), ("O", 'f', &[0.301])])),
        ("cubic", crystal(205, &[5.62], &[("Fe", 'a', &[]), ("S", 'c', &[0.379])])),
        (
            "orthorhombic",
            crystal(63, &[3.1, 9.2, 3.4], &[("Fe", 'c', &[0.137]), ("B", 'c', &[0.441])]),
        ),
        (
            "hexagonal",
            crystal(194, &[4.18, 9.7], &[("Ni", 'a', &[]), ("Te", 'f', &[0.131]), ("K", 'c', &[])]),
        ),
    ]
}

#[test]
fn crystals_are_found_without_an_example() {
    for (name, truth) in cases() {
        let found = solved(&truth, 5);
        let first = found.first().unwrap_or_else(|| panic!("{name}: nothing was found"));
        assert!(first.r_wp.is_some_and(|r| r < 0.01), "{name}: {:?}", first.r_wp);
        assert!(first.origin.is_none());
        let truth = Reduced::primitive(&truth).unwrap();
        let first = Reduced::primitive(&first.structure.primitive().unwrap()).unwrap();
        assert!(StructureMatcher::STRICT.fits(&truth, &first), "{name}");
    }
}

#[test]
fn a_known_group_and_cell_are_kept_and_triclinic_crystals_are_found_in_them() {
    let cell = [3.2, 3.9, 4.5, 81.0, 97.0, 104.0];
    let group = SpaceGroup::get(2).unwrap();
    let orbits: [(&str, char, &[f64]); 2] = [("Sn", 'a', &[]), ("O", 'i', &[0.271, 0.113, 0.342])];
    let truth = crystal(2, &cell, &orbits);
    let known = KnownSymmetry { group, cells: vec![cell.map(|v| v * 1.003).to_vec()] };
    let found = solved_knowing(&truth, Some(known), 3);
    let reduced = Reduced::primitive(&truth).unwrap();
    let first = &found[0].structure;
    assert_eq!(first.group.number, 2);
    let first = Reduced::primitive(&first.primitive().unwrap()).unwrap();
    assert!(StructureMatcher::STRICT.fits(&reduced, &first), "{:?}", found[0].r_wp);
    // without a cell nothing triclinic is looked for; a cell of the wrong size holds nothing
    let group_alone = KnownSymmetry { group, cells: Vec::new() };
    assert!(solved_knowing(&truth, Some(group_alone), 3).is_empty());
    let large = cell.map(|v| if v < 10.0 { 1.5 * v } else { v }).to_vec();
    let wrong = KnownSymmetry { group, cells: vec![large] };
    assert!(solved_knowing(&truth, Some(wrong), 3).is_empty());
    // of a group that is known no other is proposed
    let (_, rutile) = &cases()[0];
    let known = KnownSymmetry { group: SpaceGroup::get(136).unwrap(), cells: Vec::new() };
    let found = solved_knowing(rutile, Some(known), 5);
    assert!(!found.is_empty() && found.iter().all(|c| c.structure.group.number == 136));
}

#[test]
fn a_seed_gives_the_same_bits() {
    let truth = &cases()[2].1;
    let cells = |found: Vec<Candidate>| -> Vec<Vec<f64>> {
        found.into_iter().map(|c| c.structure.cell).collect()
    };
    assert_eq!(cells(solved(truth, 9)), cells(solved(truth, 9)));
}

#[test]
fn without_the_option_nothing_is_made_up() {
    let truth = &cases()[0].1;
    let mut composition = BTreeMap::new();
    for site in &truth.sites {
        *composition.entry(site.element).or_insert(0) += 1;
    }
    let peaks = vec![(1.5, 1.0), (2.0, 0.5)];
    let query = Query { peaks, q_range: [0.5, 8.1], wavelength: CU, composition, symmetry: None };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let found = search(&[&nothing()], &query, SearchOptions::default(), &mut rng).unwrap();
    assert!(found.is_empty());
}
