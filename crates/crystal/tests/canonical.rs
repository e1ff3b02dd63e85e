//! Equal crystals have equal canonical descriptions, however they are given.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod shared;

use std::collections::BTreeMap;

use nalgebra::{Matrix3, Vector3};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::structure::wrapped;
use surrogate_crystal::symmetry::{SYMPREC, SymmetricStructure, analyse};
use surrogate_crystal::table::read_structures;
use surrogate_crystal::{Lattice, Site, Structure};

/// The same crystal with other axes, origin, orientation and order of atoms.
fn described_anew(structure: &Structure, rng: &mut ChaCha8Rng) -> Structure {
    let mut change = Matrix3::identity();
    for _ in 0..3 {
        let (i, j) = *[(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)].choose(rng).unwrap();
        let mut step = Matrix3::identity();
        step[(i, j)] = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        change *= step;
    }
    let axis = Vector3::new(rng.random::<f64>(), rng.random(), rng.random()) - Vector3::repeat(0.5);
    let axis = nalgebra::Unit::new_normalize(axis);
    let turn = nalgebra::Rotation3::from_axis_angle(&axis, rng.random_range(0.0..6.0));
    let shift = Vector3::new(rng.random(), rng.random(), rng.random());
    let back = change.try_inverse().unwrap();
    let mut sites: Vec<Site> = structure.sites.clone();
    sites.shuffle(rng);
    for site in &mut sites {
        site.position = wrapped(back * site.position + shift);
    }
    let basis = turn.matrix() * structure.lattice.basis() * change;
    Structure { lattice: Lattice::from_basis(basis).unwrap(), sites }
}

fn same(a: &SymmetricStructure, b: &SymmetricStructure) -> bool {
    let near = |x: &f64, y: &f64| {
        let away = (x - y) - (x - y).round();
        away.abs() < 6e-3
    };
    a.group.number == b.group.number
        && a.letters() == b.letters()
        && a.cell.iter().zip(&b.cell).all(|(x, y)| (x / y - 1.0).abs() < 5e-3)
        && a.orbits.iter().zip(&b.orbits).all(|(p, q)| {
            p.element == q.element
                && p.position == q.position
                && p.parameters.iter().zip(&q.parameters).all(|(x, y)| near(x, y))
        })
}

#[test]
fn random_descriptions_of_a_crystal_have_one_canonical_form() {
    let Some(file) = shared::open("mp20_biternary_val.csv.zst") else { return };
    let mut entries = read_structures(file).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    entries.shuffle(&mut rng);
    let (mut equal, mut equal_before, all) = (0, 0, 2000);
    let mut failures: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for entry in entries.iter().take(all) {
        let first = analyse(&entry.structure, SYMPREC).unwrap();
        let second = analyse(&described_anew(&entry.structure, &mut rng), SYMPREC).unwrap();
        equal_before += usize::from(same(&first, &second));
        if same(&first.canonical(), &second.canonical()) {
            equal += 1;
        } else {
            failures.entry(first.group.number).or_default().push(entry.id.clone());
        }
    }
    eprintln!("{equal} of {all} equal ({equal_before} before); failures by group: {failures:?}");
    assert!(equal * 100 >= all * 99, "{equal} of {all}, failures by group: {failures:?}");
    assert!(equal_before * 2 < all, "the descriptions hardly differ: this test proves nothing");
}
