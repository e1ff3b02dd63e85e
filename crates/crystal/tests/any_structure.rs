//! No list of atoms makes symmetry, diffraction or matching panic.
#![allow(clippy::unwrap_used)]

use nalgebra::Vector3;
use proptest::prelude::*;
use surrogate_crystal::diffraction::{PowderModel, Radiation, peaks};
use surrogate_crystal::matching::{Reduced, StructureMatcher};
use surrogate_crystal::symmetry::analyse;
use surrogate_crystal::{CellParameters, Element, Lattice, Site, Structure};

/// Cells from flat to long, with atoms at simple fractions, on top of each other, and anywhere.
fn structures() -> impl Strategy<Value = Structure> {
    let length = prop_oneof![Just(3.0), 0.3..30.0f64];
    let angle = prop_oneof![Just(90.0), Just(120.0), Just(60.0), 20.0..160.0f64];
    let coordinate = prop_oneof![
        4 => (0..12u8).prop_map(|k| f64::from(k) / 12.0),
        1 => 0.0..1.0f64,
        1 => Just(0.0),
    ];
    let site = (prop_oneof![Just(8u8), Just(22), 1..110u8], prop::array::uniform3(coordinate));
    let cell = (prop::array::uniform3(length), prop::array::uniform3(angle));
    (cell, prop::collection::vec(site, 1..9)).prop_filter_map(
        "cells with a volume",
        |((lengths, angles_deg), sites)| {
            let lattice = Lattice::from_parameters(CellParameters { lengths, angles_deg }).ok()?;
            let site = |(z, x): (u8, [f64; 3])| {
                Site::new(Element::from_atomic_number(z).unwrap(), Vector3::from(x))
            };
            Some(Structure { lattice, sites: sites.into_iter().map(site).collect() })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn symmetry_is_found_or_refused(structure in structures(), symprec in 1e-4..0.3f64) {
        if let Ok(found) = analyse(&structure, symprec) {
            let canonical = found.canonical();
            prop_assert_eq!(canonical.group.number, found.group.number);
            if let Ok(mut model) = PowderModel::new(&canonical, 1.54184, 5.0, 0.1) {
                let parameters = model.parameters().to_vec();
                let _ = model.evaluate(&parameters, 5.0, &mut []);
                prop_assert!(model.intensity().iter().all(|i| i.is_finite() && *i >= 0.0));
            }
        }
    }

    #[test]
    fn patterns_are_finite(structure in structures()) {
        let radiation = Radiation::parse("CuKa").unwrap();
        if let Ok(found) = peaks(&structure, &radiation, [0.0, 120.0]) {
            prop_assert!(found.iter().all(|p| p.intensity.is_finite() && p.two_theta_deg > 0.0));
        }
    }

    #[test]
    fn any_two_structures_can_be_compared(a in structures(), b in structures()) {
        let (a, b) = (Reduced::primitive(&a).unwrap(), Reduced::primitive(&b).unwrap());
        let loose = StructureMatcher::LOOSE.distance(&a, &b);
        prop_assert!(loose.is_none_or(|d| d.rms.is_finite()));
        prop_assert!(StructureMatcher::STRICT.distance(&a, &a).is_none_or(|d| d.rms < 1e-3));
    }
}
