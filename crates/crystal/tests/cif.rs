//! CIF: what is read, what is refused, and that nothing panics.
#![allow(clippy::unwrap_used)]

use nalgebra::Vector3;
use proptest::prelude::*;
use surrogate_crystal::cif::{
    CifError, Document, Uncertainties, parse_operation, read, read_shortened, write,
    write_symmetric,
};
use surrogate_crystal::structure::nearest;
use surrogate_crystal::symmetry::{Orbit, SpaceGroup, SymmetricStructure};
use surrogate_crystal::{CellParameters, Element, Lattice, Site, Structure};

const RUTILE: &str = "\
# a comment
data_rutile
_chemical_name_common 'titanium dioxide (Ti's oxide)'
_publ_section_title
;
 Two lines, with a loop_ that is none
 data_ neither
;
_cell_length_a 4.5937(2)
_cell_length_b 4.5937(2)
_cell_length_c 2.9587(1)
_cell_angle_alpha 90
_cell_angle_beta 90.
_cell_angle_gamma 9.0e1
_symmetry_space_group_name_H-M 'P 42/m n m'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
_atom_site_U_iso_or_equiv
Ti1 0 0 0 1.0 0.005(1)
O1 0.3053(1) 0.3053(1) 0.0 . ?
data_empty
_cell_length_a 3
";

fn one(text: &str) -> Result<Structure, CifError> {
    read(text).map(|mut all| all.remove(0).structure)
}

#[test]
fn a_named_group_is_applied_and_the_details_are_kept() {
    let all = read(RUTILE).unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].name, "rutile");
    let s = &all[0].structure;
    assert_eq!(s.formula(), "O4 Ti2");
    let ti = s.sites.iter().find(|s| s.element.symbol() == "Ti").unwrap();
    assert!((ti.b_iso.unwrap() - 0.005 * 8.0 * std::f64::consts::PI.powi(2)).abs() < 1e-12);
    assert!((s.lattice.parameters().lengths[2] - 2.9587).abs() < 1e-12);
    let o: Vec<_> = s.sites.iter().filter(|s| s.element.symbol() == "O").collect();
    assert!(o.iter().all(|s| s.b_iso.is_none()));
    assert!(o.iter().any(|s| (s.position - Vector3::new(0.8053, 0.1947, 0.5)).norm() < 1e-9));
}

#[test]
fn symmetry_may_be_a_list_a_name_a_hall_symbol_or_a_number() {
    let with = |symmetry: &str| {
        let group = "_symmetry_space_group_name_H-M 'P 42/m n m'";
        one(&RUTILE.replace(group, symmetry)).unwrap().formula()
    };
    let list = "loop_\n_symmetry_equiv_pos_as_xyz\n x,y,z -x,-y,z 1/2-y,x+1/2,1/2+z \
        '1/2+y, 1/2-x, 1/2+z' 1/2-x,1/2+y,1/2-z 1/2+x,1/2-y,1/2-z y,x,-z -y,-x,-z -x,-y,-z x,y,-z \
        1/2+y,1/2-x,1/2-z 1/2-y,1/2+x,1/2-z 1/2+x,1/2-y,1/2+z 1/2-x,1/2+y,1/2+z -y,-x,z y,x,z";
    assert_eq!(with(list), "O4 Ti2");
    assert_eq!(with("_space_group_name_H-M_alt 'P4_2/mnm'"), "O4 Ti2");
    assert_eq!(with("_space_group_name_Hall '-P 4n 2n'"), "O4 Ti2");
    assert_eq!(with("_space_group.IT_number 136"), "O4 Ti2");
    assert_eq!(with("_symmetry_equiv_pos_as_xyz x,y,z"), "O Ti");
}

#[test]
fn rounded_special_positions_are_one_site_at_the_exact_place() {
    let text = "data_x\n_cell_length_a 3 _cell_length_b 3 _cell_length_c 5 _cell_angle_alpha 90 \
        _cell_angle_beta 90 _cell_angle_gamma 120 _space_group_IT_number 194\n loop_ \
        _atom_site_type_symbol _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z \
        Mg2+ 0.333 0.667 0.25";
    let s = one(text).unwrap();
    assert_eq!(s.sites.len(), 2);
    assert!((s.sites[0].position - Vector3::new(1.0 / 3.0, 2.0 / 3.0, 0.25)).norm() < 1e-6);
}

#[test]
fn partial_occupancies_are_kept_as_sites_of_their_own() {
    let text = RUTILE.replace("Ti1 0 0 0 1.0 0.005(1)", "Ti1 0 0 0 .75 ? Sn1 0 0 0 0.25 ?");
    let s = one(&text).unwrap();
    assert_eq!(s.formula(), "O4 Sn0.5 Ti1.5");
    assert!(!s.is_ordered());
}

#[test]
fn mistakes_are_named_with_their_line() {
    let wrong = |from: &str, to: &str| one(&RUTILE.replace(from, to)).unwrap_err();
    assert!(matches!(
        wrong("Ti1 0 0 0 1.0", "Qq1 0 0 0 1.0"),
        CifError::UnknownElement { line: 23, .. }
    ));
    assert!(matches!(
        wrong("Ti1 0 0 0 1.0", "Ti1 0 0 a 1.0"),
        CifError::NotANumber { line: 23, .. }
    ));
    assert!(matches!(
        wrong("Ti1 0 0 0 1.0", "Ti1 0 0 0 1.2"),
        CifError::Occupancy { line: 23, .. }
    ));
    assert!(matches!(wrong("Ti1 0 0 0 1.0", "0 0 0 1.0"), CifError::RaggedLoop { line: 16, .. }));
    assert!(matches!(wrong("P 42/m n m'", "P 42/m n q'"), CifError::UnknownGroup { line: 15, .. }));
    assert!(matches!(wrong("P 42/m n m'", "P 42/m n m"), CifError::Unclosed { line: 15, .. }));
    assert!(matches!(wrong("_cell_length_a 4.5937(2)\n", ""), CifError::Missing { .. }));
    assert!(matches!(
        wrong("_cell_length_b 4.5937(2)", "_cell_length_b 5.2"),
        CifError::CellMismatch { .. }
    ));
    assert!(matches!(
        wrong("_cell_angle_beta 90.", "_cell_angle_beta 190"),
        CifError::Lattice { .. }
    ));
    let group = "_symmetry_space_group_name_H-M 'P 42/m n m'";
    assert!(matches!(wrong(group, ""), CifError::NoSymmetry { .. }));
    assert!(matches!(
        wrong(group, "_symmetry_equiv_pos_as_xyz x,y"),
        CifError::Operation { line: 15, .. }
    ));
    assert!(matches!(
        wrong("_cell_length_b", "_cell_length_a"),
        CifError::Twice { line: 10, first: 9, .. }
    ));
    assert_eq!(one("data_x\n_cell_length_a 3\n").unwrap_err(), CifError::NoStructure);
    assert!(matches!(one("5.0"), Err(CifError::OutsideBlock { line: 1, .. })));
    assert!(matches!(one("data_x\n;\nendless"), Err(CifError::Unclosed { line: 2, .. })));
}

#[test]
fn ten_thousand_atoms_are_read_and_more_than_the_limit_are_refused() {
    let cell = "data_x _cell_length_a 50 _cell_length_b 50 _cell_length_c 50 _cell_angle_alpha 90 \
        _cell_angle_beta 90 _cell_angle_gamma 90 _space_group_IT_number 221 loop_ \
        _atom_site_type_symbol _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z\n";
    let atoms = |n: usize| {
        let row = |k: usize| format!("C {:.4} {:.4} {:.4}\n", 0.01 + 2e-4 * k as f64, 0.13, 0.27);
        format!("{cell}{}", (0..n).map(row).collect::<String>())
    };
    assert_eq!(one(&atoms(210)).unwrap().sites.len(), 210 * 48);
    assert!(matches!(one(&atoms(1100)), Err(CifError::TooManySites { .. })));
}

fn structures() -> impl Strategy<Value = Structure> {
    let cell = (prop::array::uniform3(2.0..20.0f64), prop::array::uniform3(75.0..105.0f64));
    let site = (1u8..100, prop::array::uniform3(0.0..0.999f64), 0.1..1.0f64);
    (cell, prop::collection::vec(site, 1..12)).prop_map(|((lengths, angles_deg), sites)| {
        let lattice = Lattice::from_parameters(CellParameters { lengths, angles_deg }).unwrap();
        let site = |(z, x, occupancy): (u8, [f64; 3], f64)| Site {
            element: Element::from_atomic_number(z).unwrap(),
            occupancy,
            position: Vector3::from(x),
            b_iso: (z % 2 == 0).then_some(occupancy * 2.0),
        };
        Structure { lattice, sites: sites.into_iter().map(site).collect() }
    })
}

/// Pieces that CIFs are made of, and others.
fn piece() -> impl Strategy<Value = String> {
    let fixed = [
        "data_a",
        "loop_",
        "save_x",
        "_atom_site_fract_x",
        "_atom_site_fract_y",
        "'",
        "\"",
        "\n;",
        "_atom_site_fract_z",
        "_atom_site_label",
        "_cell_length_a",
        "_cell_length_b",
        "\n",
        " ",
        "_cell_length_c",
        "_cell_angle_alpha",
        "_cell_angle_beta",
        "_cell_angle_gamma",
        "90",
        "5",
        "_symmetry_equiv_pos_as_xyz",
        "x,y,z",
        "-x,y+1/2,-z",
        "'P 1'",
        "_space_group_IT_number",
        "0.5(1)",
        "?",
        ".",
        "#",
        "Fe1",
        "1e999",
        "-",
        "(",
        "é",
        "\t",
        "\r\n",
        "_",
        "x-,,",
        "1e-300",
    ];
    prop_oneof![
        8 => prop::sample::select(fixed.to_vec()).prop_map(|s| format!("{s} ")),
        1 => "[ -~]{0,6}",
        1 => any::<String>().prop_map(|s| s.chars().take(4).collect()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_makes_the_reader_panic(pieces in prop::collection::vec(piece(), 0..40)) {
        let text: String = pieces.concat();
        let _ = Document::parse(&text);
        let _ = read(&text);
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(at in 0..RUTILE.len(), length in 0..20usize, put in piece()) {
        let end = (at + length).min(RUTILE.len());
        let text = format!("{}{put}{}", &RUTILE[..at], &RUTILE[end..]);
        if let Ok(all) = read(&text) {
            prop_assert!(all.iter().all(|s| s.structure.sites.len() < 1000));
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(structure in structures()) {
        let items = [("_surrogate_note".to_string(), "it's 'quoted' \"twice\"".to_string())];
        let text = write("a name", &structure, &items);
        let back = read(&text).unwrap();
        prop_assert_eq!(&back[0].name, "a_name");
        prop_assert_eq!(back[0].structure.sites.len(), structure.sites.len());
        for (a, b) in structure.sites.iter().zip(&back[0].structure.sites) {
            prop_assert_eq!(a.element, b.element);
            prop_assert!((a.position - b.position).norm() < 1e-9);
            prop_assert!((a.occupancy - b.occupancy).abs() < 1e-12);
            prop_assert_eq!(a.b_iso.is_some(), b.b_iso.is_some());
        }
        let (a, b) = (structure.lattice.metric(), back[0].structure.lattice.metric());
        prop_assert!((a - b).norm() < 1e-6);
    }
}

#[test]
fn operations_of_every_group_are_written_as_they_are_read() {
    for number in 1..=230 {
        for operation in &SpaceGroup::get(number).unwrap().operations {
            let read = parse_operation(&operation.to_string()).unwrap();
            assert_eq!(read.rotation, operation.rotation, "{number}: {operation}");
            let off = (read.translation - operation.translation).amax();
            assert!(off < 1e-9, "{number}: {operation}");
        }
    }
}

/// A crystal of a group with atoms on its most special and its general position.
fn of_group(number: u16) -> SymmetricStructure {
    let group = SpaceGroup::get(number).unwrap();
    let names = SymmetricStructure::cell_names(group.system());
    let value = |(k, name): (usize, &&str)| match *name {
        "a" | "b" | "c" => 9.0 + 1.3 * k as f64,
        "alpha" => 83.0,
        "beta" => 101.0,
        _ => 95.0,
    };
    let orbit = |position: usize, z: u8, coordinates: [f64; 3]| Orbit {
        element: surrogate_crystal::Element::from_atomic_number(z).unwrap(),
        position,
        parameters: coordinates[..group.positions[position].degrees_of_freedom()].to_vec(),
    };
    let general = orbit(group.positions.len() - 1, 17, [0.1389, 0.2871, 0.4119]);
    let cell = names.iter().enumerate().map(value).collect();
    SymmetricStructure {
        group,
        cell,
        orbits: vec![orbit(0, 11, [0.0731, 0.3513, 0.2219]), general],
    }
}

#[test]
fn crystals_of_every_group_come_back_from_their_asymmetric_unit() {
    for number in 1..=230 {
        let crystal = of_group(number);
        let text =
            write_symmetric("x", &crystal, Some(0.5), &Uncertainties::default(), &[]).unwrap();
        let read = read(&text).unwrap().remove(0).structure;
        let primitive = crystal.primitive().unwrap();
        let per_cell = primitive.sites.len() * crystal.group.centring.len();
        assert_eq!(read.sites.len(), per_cell, "{number}");
        assert!(read.sites.iter().all(|s| s.b_iso == Some(0.5)));
        for orbit in &crystal.orbits {
            for place in crystal.conventional_places(orbit) {
                let here = |s: &&Site| nearest(s.position - place).amax() < 1e-8;
                let found = read.sites.iter().filter(|s| s.element == orbit.element).filter(here);
                assert_eq!(found.count(), 1, "{number}: {} at {place}", orbit.element);
            }
        }
        assert!(text.contains(&format!("_space_group_IT_number {number}\n")));
    }
}

#[test]
fn uncertainties_are_read_over_and_letters_are_written() {
    let mut crystal = of_group(136);
    crystal.orbits[1].parameters = vec![0.1, 0.2, 0.3];
    let uncertainties = Uncertainties {
        lengths: [0.0012, 0.0012, 0.0],
        coordinates: vec![[0.0; 3], [0.0004, 0.0, 0.0002]],
        ..Uncertainties::default()
    };
    let text = write_symmetric("rutile", &crystal, None, &uncertainties, &[]).unwrap();
    assert!(text.contains("_cell_length_a 9.0000(12)\n"), "{text}");
    assert!(text.contains("Na1 Na 2 a 0.0000000000 0.0000000000 0.0000000000 1\n"), "{text}");
    assert!(text.contains("Cl2 Cl 16 k 0.1000(4) 0.2000000000 0.3000(2) 1\n"), "{text}");
    assert!(text.contains("_cell_formula_units_Z 2\n") && text.contains("'Cl8 Na'"), "{text}");
    assert_eq!(read(&text).unwrap()[0].structure.sites.len(), 18);
}

#[test]
fn shortened_texts_get_the_operations_of_their_group_in_the_setting_that_fits() {
    // diamond's group with the origin of choice 1: eight atoms in the cell
    let text = |x: &str| {
        format!(
            "data_C8\n_symmetry_space_group_name_H-M Fd-3m\n_cell_length_a 3.57\n_cell_length_b 3.57\n\
             _cell_length_c 3.57\n_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n\
             _chemical_formula_sum C8\nloop_\n_symmetry_equiv_pos_site_id\n_symmetry_equiv_pos_as_xyz\n\
             1 'x, y, z'\nloop_\n_atom_site_type_symbol\n_atom_site_symmetry_multiplicity\n\
             _atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nC 8 {x} {x} {x}\n"
        )
    };
    for x in ["0.0000", "0.1250"] {
        assert_eq!(read(&text(x)).unwrap()[0].structure.sites.len(), 1);
        let found = read_shortened(&text(x)).unwrap().remove(0).structure;
        assert_eq!(found.sites.len(), 8, "{x}");
    }
    // without a group's name the list counts
    let plain = text("0.0").replace("Fd-3m", "'P 1'");
    assert_eq!(read_shortened(&plain).unwrap()[0].structure.sites.len(), 1);
}
