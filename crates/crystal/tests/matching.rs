//! Matching gives what pymatgen's StructureMatcher gives.
#![allow(clippy::unwrap_used)]

use nalgebra::{Matrix3, Vector3};
use surrogate_crystal::matching::{Reduced, StructureMatcher};
use surrogate_crystal::{Element, Lattice, Site, Structure, cif};

fn minerals() -> Vec<(String, Structure)> {
    let all = cif::read(include_str!("data/minerals.cif")).unwrap();
    all.into_iter().filter(|s| s.structure.is_ordered()).map(|s| (s.name, s.structure)).collect()
}

#[test]
fn distances_and_fits_are_those_of_pymatgen() {
    let structures = cif::read(include_str!("data/pairs.cif")).unwrap();
    let rows = include_str!("data/pymatgen_matches.csv").lines().filter(|l| !l.starts_with('#'));
    let rows: Vec<Vec<&str>> = rows.skip(1).map(|l| l.split(',').collect()).collect();
    assert_eq!(structures.len(), 2 * rows.len());
    let mut matched = 0;
    for (pair, row) in structures.chunks(2).zip(&rows) {
        let a = Reduced::primitive(&pair[0].structure).unwrap();
        let b = Reduced::primitive(&pair[1].structure).unwrap();
        let distance = StructureMatcher::LOOSE.distance(&a, &b).map(|d| d.rms);
        match (distance, row[1].parse::<f64>()) {
            (Some(ours), Ok(theirs)) => {
                matched += 1;
                assert!((ours - theirs).abs() < 1e-5, "{row:?}: {ours}");
            }
            (None, Err(_)) => {}
            (ours, _) => panic!("{row:?}: {ours:?}"),
        }
        assert_eq!(StructureMatcher::LOOSE.fits(&a, &b).to_string(), row[2], "{row:?}");
        assert_eq!(StructureMatcher::STRICT.fits(&a, &b).to_string(), row[3], "{row:?}");
    }
    assert!(matched >= 10 && matched < rows.len(), "{matched}: the pairs prove little");
}

#[test]
fn a_supercell_matches_its_primitive_cell_and_other_elements_do_not() {
    for (name, structure) in minerals() {
        let doubled = Structure {
            lattice: Lattice::from_basis(
                structure.lattice.basis() * Matrix3::from_diagonal(&Vector3::new(1.0, 2.0, 1.0)),
            )
            .unwrap(),
            sites: structure
                .sites
                .iter()
                .flat_map(|s| {
                    [0.0, 0.5].map(|shift| {
                        let x = s.position;
                        Site::new(s.element, Vector3::new(x[0], x[1] / 2.0 + shift, x[2]))
                    })
                })
                .collect(),
        };
        let one = Reduced::primitive(&structure).unwrap();
        let two = Reduced::primitive(&doubled).unwrap();
        assert_eq!(one.atoms(), two.atoms(), "{name}");
        let distance = StructureMatcher::STRICT.distance(&one, &two).unwrap();
        assert!(distance.rms < 1e-6, "{name} {distance:?}");
        let given = Reduced::as_given(&doubled).unwrap();
        assert_eq!(given.atoms(), doubled.sites.len());
        let mut other = structure.clone();
        other.sites[0].element = Element::from_symbol("Xe").unwrap();
        let other = Reduced::primitive(&other).unwrap();
        assert!(StructureMatcher::LOOSE.distance(&one, &other).is_none(), "{name}");
    }
}

#[test]
fn partial_occupancies_are_refused_by_name() {
    let all = cif::read(include_str!("data/minerals.cif")).unwrap();
    let mixed = all.iter().find(|s| s.name == "sphalerite").unwrap();
    let message = Reduced::primitive(&mixed.structure).unwrap_err().to_string();
    assert!(message.contains("occupied by 0."), "{message}");
}
