//! CIF: what files leave open or contradict themselves in, and how it is decided.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use surrogate_crystal::cif::{CifError, CifStructure, CifWarning, read, read_shortened};
use surrogate_crystal::symmetry::GroupSetting;

const CUBIC: &str = "_cell_length_a 3.567 _cell_length_b 3.567 _cell_length_c 3.567 \
    _cell_angle_alpha 90 _cell_angle_beta 90 _cell_angle_gamma 90\n";
const HEXAGONAL: &str = "_cell_length_a 14 _cell_length_b 14 _cell_length_c 17 \
    _cell_angle_alpha 90 _cell_angle_beta 90 _cell_angle_gamma 120\n";
const RUTILE_CELL: &str = "_cell_length_a 4.594 _cell_length_b 4.594 _cell_length_c 2.959 \
    _cell_angle_alpha 90 _cell_angle_beta 90 _cell_angle_gamma 90\n";
const RUTILE_GROUP: &str = "_symmetry_space_group_name_H-M 'P 42/m n m'\n";
const ATOMS: &str = "loop_ _atom_site_label _atom_site_type_symbol _atom_site_fract_x \
    _atom_site_fract_y _atom_site_fract_z\n";
const GENERAL: &str = "Pb1 Pb 0.1131 0.2971 0.4123\n O1 O 0.0512 0.3319 0.1837\n";

fn one(text: &str) -> Result<CifStructure, CifError> {
    read_shortened(&format!("data_x\n{text}")).map(|mut all| all.remove(0))
}

fn rutile(atoms: &str) -> Result<CifStructure, CifError> {
    one(&[RUTILE_CELL, RUTILE_GROUP, ATOMS, atoms].concat())
}

/// A list of all operations of a name, of which some are left out.
fn list(name: &str, keep: impl Fn(usize) -> bool) -> String {
    let operations = GroupSetting::of_name(name)[0].operations();
    let kept = operations.iter().enumerate().filter(|(k, _)| keep(*k));
    let rows: String = kept.map(|(_, o)| format!("'{o}'\n")).collect();
    format!("loop_ _space_group_symop_operation_xyz\n{rows}")
}

/// Number of sites and kinds of warnings.
fn said(found: &CifStructure) -> (usize, Vec<String>) {
    let kind = |w: &CifWarning| format!("{w:?}").split([' ', '{']).next().unwrap().to_string();
    (found.structure.sites.len(), found.warnings.iter().map(kind).collect())
}

fn expect(text: &str, sites: usize, warnings: &[&str]) {
    let found = one(text).unwrap();
    let (had, kinds) = said(&found);
    assert_eq!(had, sites, "{text}: {:?}", found.warnings);
    assert_eq!(kinds, warnings, "{text}: {:?}", found.warnings);
}

#[test]
fn the_origin_follows_from_multiplicity_formula_or_wyckoff_letter() {
    let diamond = |given: &str, columns: &str, x: &str, values: &str| {
        format!(
            "{CUBIC}{given}\nloop_ _atom_site_type_symbol _atom_site_fract_x _atom_site_fract_y \
             _atom_site_fract_z {columns}\nC {x} {x} {x} {values}\n"
        )
    };
    let multiplicity = "_atom_site_symmetry_multiplicity";
    let letter = "_atom_site_Wyckoff_symbol";
    for group in ["_symmetry_space_group_name_H-M 'F d -3 m'", "_space_group_IT_number 227"] {
        for (x, other) in [("0", "1/8"), ("0.125", "0")] {
            let atoms = |formula: &str, columns: &str, values: &str| {
                diamond(&format!("{group} {formula}"), columns, x, values)
            };
            expect(&atoms("", multiplicity, "8"), 8, &[]);
            expect(&atoms("", letter, "a"), 8, &[]);
            expect(&atoms("", letter, "8a"), 8, &[]);
            expect(&atoms("_chemical_formula_sum C8", "", ""), 8, &[]);
            expect(&atoms("_chemical_formula_sum C _cell_formula_units_Z 8", "", ""), 8, &[]);
            expect(&atoms("_chemical_formula_sum C8 _cell_formula_units_Z 8", "", ""), 8, &[]);
            assert_ne!(x, other);
        }
        expect(&diamond(group, multiplicity, "0", "16"), 16, &[]);
        // nothing decides: the standard origin, and a word
        expect(&diamond(group, "", "0", ""), 16, &["OpenOrigin"]);
        expect(
            &diamond(&format!("{group} _chemical_formula_sum C"), "", "0", ""),
            16,
            &["OpenOrigin"],
        );
    }
    expect(&diamond("_space_group_name_H-M_alt 'F d -3 m:2'", "", "0", ""), 16, &[]);
    // with origin 2 atoms would be 0.15 angstrom apart: origin 1, and a word
    let near = "_space_group_IT_number 227 _chemical_formula_sum C";
    let found = one(&diamond(near, "", "0.39", "")).unwrap();
    let origin_1 = "_space_group_name_H-M_alt 'F d -3 m:1'";
    assert_eq!(found.structure, one(&diamond(origin_1, "", "0.39", "")).unwrap().structure);
    assert_eq!(said(&found), (32, vec!["OpenOrigin".to_string()]));
    let wrong = "_space_group_name_H-M_alt 'F d -3 m:2' _chemical_formula_sum C8";
    expect(&diamond(&format!("{wrong} _cell_formula_units_Z 1"), "", "0", ""), 16, &["Formula"]);
}

#[test]
fn rhombohedral_names_follow_the_axes_of_the_cell() {
    let cell = "_cell_length_a 9 _cell_length_b 9 _cell_length_c 9 _cell_angle_alpha 50 \
        _cell_angle_beta 50 _cell_angle_gamma 50\n";
    let group = "_symmetry_space_group_name_H-M 'R -3 c'\n";
    expect(&[cell, group, ATOMS, "C1 C 0.1 0.2 0.4\n"].concat(), 12, &[]);
    expect(&[HEXAGONAL, group, ATOMS, "C1 C 0.1 0.2 0.4\n"].concat(), 36, &[]);
    let calcite = "loop_ _atom_site_type_symbol _atom_site_Wyckoff_symbol _atom_site_fract_x \
        _atom_site_fract_y _atom_site_fract_z\nCa b 0 0 0\n";
    expect(&[cell, group, calcite].concat(), 2, &[]);
}

#[test]
fn lists_are_completed_to_a_group() {
    let of = |symmetry: &str| [HEXAGONAL, symmetry, ATOMS, GENERAL].concat();
    let name = "_symmetry_space_group_name_H-M 'R -3 c:H'\n";
    expect(&of(&list("R -3 c:H", |_| true)), 72, &[]);
    expect(&of(&[&list("R -3 c:H", |_| true), name].concat()), 72, &[]);
    expect(&of(&list("R -3 c:H", |k| k > 0)), 72, &[]);
    let generators = "loop_ _symmetry_equiv_pos_as_xyz x,y,z -y,x-y,z y,x,-z+1/2 -x,-y,-z \
        x+2/3,y+1/3,z+1/3\n";
    expect(&of(generators), 72, &["Completed"]);
    // twelve operations are a group of their own, but the name has the centring
    expect(&of(&list("R -3 c:H", |k| k < 12)), 24, &[]);
    expect(&of(&[&list("R -3 c:H", |k| k < 12), name].concat()), 72, &["Contradiction"]);
    let endless = "loop_ _symmetry_equiv_pos_as_xyz x+0.05,y,z x,y+0.05,z x,y,z+0.05\n";
    assert!(matches!(one(&of(endless)), Err(CifError::NoGroup { .. })));
}

#[test]
fn the_identity_alone_is_a_shortened_list_or_a_whole_cell() {
    let name = "_symmetry_equiv_pos_as_xyz x,y,z _symmetry_space_group_name_H-M 'R -3 c:H'\n";
    let of = |more: &str, atoms: &str| [HEXAGONAL, name, more, ATOMS, atoms].concat();
    expect(&of("", GENERAL), 72, &["Contradiction"]);
    expect(&of("_chemical_formula_sum 'Pb36 O36'\n", GENERAL), 72, &[]);
    expect(&of("_chemical_formula_sum 'Pb O' _cell_formula_units_Z 1\n", GENERAL), 2, &[]);
    // all 36 atoms of an orbit are there: with the operations each would be listed 36 times
    let all = GroupSetting::of_name("R -3 c:H")[0].operations();
    let x = nalgebra::Vector3::new(0.1131, 0.2971, 0.4123);
    let row = |(k, x): (usize, nalgebra::Vector3<f64>)| {
        format!("Pb{k} Pb {:.6} {:.6} {:.6}\n", x[0], x[1], x[2])
    };
    let atoms: String = all.iter().map(|o| o.apply(&x)).enumerate().map(row).collect();
    expect(&of("", &atoms), 36, &[]);
    let plain = read(&format!("data_x\n{}", of("", GENERAL))).unwrap();
    assert_eq!(plain[0].structure.sites.len(), 2);
}

#[test]
fn what_is_not_known_gives_way_to_another_statement() {
    let of = |symmetry: &str| [HEXAGONAL, symmetry, ATOMS, GENERAL].concat();
    let name = "_symmetry_space_group_name_H-M 'R -3 c H'\n";
    let unknown = "_symmetry_space_group_name_H-M 'R -3 q'\n";
    let number = "_symmetry_Int_Tables_number 167\n";
    let hall = "_symmetry_space_group_name_Hall '-R 3 2\"c'\n";
    expect(&of(name), 72, &[]);
    expect(&of(hall), 72, &[]);
    expect(&of(&[hall, name, number].concat()), 72, &[]);
    expect(&of(&[unknown, number].concat()), 72, &["UnknownGroup"]);
    expect(&of(&[unknown, hall].concat()), 72, &["UnknownGroup"]);
    expect(&of(&["_symmetry_space_group_name_Hall 'R 7'\n", name].concat()), 72, &["UnknownGroup"]);
    expect(&of(&["_symmetry_space_group_name_H-M ?\n", number].concat()), 72, &[]);
    expect(&of(&[&list("R -3 c:H", |_| true), unknown].concat()), 72, &[]);
    assert!(matches!(one(&of(unknown)), Err(CifError::UnknownGroup { line: 3, .. })));
    // two that contradict each other: the first counts, unless the formula speaks against it
    let other = "_symmetry_Int_Tables_number 166\n";
    expect(&of(&[name, other].concat()), 72, &["Contradiction"]);
    let p1 = "_symmetry_space_group_name_H-M 'P 1'\n";
    expect(&of(&[&list("R -3 c:H", |_| true), p1].concat()), 72, &["Contradiction"]);
    let formula = "_chemical_formula_sum 'O Pb' _cell_formula_units_Z 36\n";
    expect(&of(&[p1, number, formula].concat()), 72, &["Contradiction"]);
}

#[test]
fn elements_are_symbols_and_not_beginnings_of_words() {
    for word in ["Uiso", "NH4", "Ca/Sr", "X"] {
        let wrong = rutile(&format!("Ti1 {word} 0 0 0\nO1 O 0.3053 0.3053 0\n"));
        assert!(matches!(wrong, Err(CifError::UnknownElement { line: 5, .. })), "{word}");
    }
    let vacant = rutile("V1 Vac 0 0 0.25\nTi1 Ti4+ 0 0 0\nO1 O2- 0.3053 0.3053 0\n").unwrap();
    assert_eq!(vacant.structure.formula(), "O4 Ti2");
    assert_eq!(said(&vacant).1, ["NoAtom"]);
    let water = rutile("Ti1 Ti 0 0 0\nWat Wat 0.3053 0.3053 0\n").unwrap();
    assert_eq!(water.structure.formula(), "O4 Ti2");
    assert_eq!(said(&water).1, ["Water"]);
    let label = "loop_ _atom_site_label _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z\n";
    let labelled = |atoms: &str| one(&[RUTILE_CELL, RUTILE_GROUP, label, atoms].concat());
    assert_eq!(labelled("TiM1 0 0 0\nOb 0.3053 0.3053 0\n").unwrap().structure.formula(), "O4 Ti2");
    assert!(matches!(labelled("REE 0 0 0\n"), Err(CifError::UnknownElement { line: 5, .. })));
}

#[test]
fn equivalent_displacement_comes_from_the_six_components() {
    let aniso = |kind: &str, values: &str| {
        let tags: String = ["11", "22", "33", "12", "13", "23"]
            .map(|c| format!("_atom_site_aniso_{kind}_{c} "))
            .concat();
        format!("loop_ _atom_site_aniso_label {tags}\nPb1 {values}\nO1 {values}\n")
    };
    let b = |cell: &str, group: &str, loop_: &str| {
        one(&[cell, group, ATOMS, GENERAL, loop_].concat()).unwrap().structure.sites[0].b_iso
    };
    let eight = 8.0 * std::f64::consts::PI.powi(2);
    let near = |found: Option<f64>, expected: f64| {
        assert!((found.unwrap() - expected).abs() < 1e-9 * expected, "{found:?} {expected}");
    };
    near(b(RUTILE_CELL, RUTILE_GROUP, &aniso("U", "0.01 0.02 0.03 ? ? ?")), eight * 0.02);
    near(b(RUTILE_CELL, RUTILE_GROUP, &aniso("B", "1 2 3 0.5 0 0")), 2.0);
    // isotropic in hexagonal axes: U12 is half of U11
    let group = "_space_group_IT_number 167\n";
    near(b(HEXAGONAL, group, &aniso("U", "0.01 0.01 0.01 0.005 0 0")), eight * 0.01);
    // beta_ij = 2 pi^2 a*i a*j U_ij
    let beta = |i: f64, j: f64, u: f64| 2.0 * std::f64::consts::PI.powi(2) * u / (i * j);
    let (a, c) = (14.0 * 3.0_f64.sqrt() / 2.0, 17.0);
    let values = [beta(a, a, 0.01), beta(a, a, 0.01), beta(c, c, 0.01), beta(a, a, 0.005)];
    let values = values.map(|v| format!("{v:.15} ")).concat() + "0 0";
    near(b(HEXAGONAL, group, &aniso("beta", &values)), eight * 0.01);
    // an oblique component that matters is not known
    assert_eq!(b(HEXAGONAL, group, &aniso("U", "0.01 0.01 0.01 ? 0 0")), None);
    assert!(
        one(&[HEXAGONAL, group, ATOMS, GENERAL, &aniso("U", "0.01 a 0 0 0 0")].concat()).is_err()
    );
}

#[test]
fn a_place_holds_one_atom() {
    let occupied = "loop_ _atom_site_label _atom_site_type_symbol _atom_site_occupancy \
        _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z\n";
    let of = |atoms: &str| one(&[RUTILE_CELL, RUTILE_GROUP, occupied, atoms].concat());
    let oxygen = "O1 O 1 0.3053 0.3053 0\n";
    let with = |atoms: &str| of(&format!("{atoms}{oxygen}"));
    for atoms in ["Ti1 Ti 0.8 0 0 0\nNb1 Nb 0.8 0 0 0\n", "Ti1 Ti 1 0 0 0\nNb1 Nb 1 0 0 0\n"] {
        let why = with(atoms).unwrap_err();
        assert!(matches!(why, CifError::Overfull { line: 6, .. }), "{why}");
        assert!(why.to_string().contains("`Ti1` and `Nb1`"), "{why}");
    }
    let mixed = with("Ti1 Ti 0.334 0 0 0\nNb1 Nb 0.334 0 0 0\nTa1 Ta 0.334 0 0 0\n").unwrap();
    assert!(mixed.warnings.is_empty() && mixed.structure.sites.len() == 10);
    let twice = with("Ti1 Ti 1 0 0 0\nTi2 Ti 1 0.5 0.5 0.501\n").unwrap();
    assert_eq!(
        (twice.structure.formula().as_str(), said(&twice).1),
        ("O4 Ti2", vec!["Duplicate".to_string()])
    );
    let near = with("Ti1 Ti 1 0 0 0\nTi2 Ti 1 0 0 0.1\n").unwrap();
    assert_eq!(said(&near), (10, vec!["TooNear".to_string()]));
    let split = with("Ti1 Ti 0.5 0 0 0.05\n").unwrap();
    assert!(split.warnings.is_empty() && split.structure.sites.len() == 8);
    let empty = with("Ti1 Ti 1 0 0 0\nNb1 Nb 0 0 0 0\n").unwrap();
    assert_eq!(said(&empty), (6, Vec::new()));
    let above = with("Ti1 Ti 1.02(3) 0 0 0\n").unwrap();
    assert_eq!(said(&above), (6, vec!["Occupancy".to_string()]));
}

#[test]
fn formula_and_volume_that_contradict_the_atoms_are_named() {
    let of = |more: &str| {
        one(&[RUTILE_CELL, RUTILE_GROUP, more, ATOMS, "Ti1 Ti 0 0 0\nO1 O 0.3053 0.3053 0\n"]
            .concat())
        .unwrap()
        .warnings
    };
    for fitting in [
        "_chemical_formula_sum 'O2 Ti' _cell_formula_units_Z 2 _cell_volume 62.4(1)\n",
        "_chemical_formula_sum 'Ti2 O4'\n",
        "_chemical_formula_sum 'H2 O2 Ti'\n",
        "_chemical_formula_sum ?\n",
        "_chemical_formula_sum 'Ti O2' _cell_formula_units_Z ?\n",
    ] {
        assert_eq!(of(fitting), [], "{fitting}");
    }
    let [ref wrong] = of("_chemical_formula_sum 'Ti O2' _cell_formula_units_Z 4\n")[..] else {
        panic!("no warning");
    };
    let words = "the atoms of the cell are O4 Ti2, but the file says Ti O2 with Z = 4";
    assert_eq!(wrong.to_string(), words);
    assert_eq!(of("_chemical_formula_sum 'Sn O2'\n").len(), 1);
    assert!(matches!(of("_cell_volume 81.2\n")[..], [CifWarning::Volume { .. }]));
}

#[test]
fn marks_of_other_systems_and_versions_are_read_over_or_named() {
    let atoms = "Ti1 Ti 0 0 0\nO1 O 0.3053 0.3053 0\n";
    for end in ["\u{1a}", "\0\0", "\n\u{1a}"] {
        assert_eq!(rutile(&format!("{atoms}{end}")).unwrap().structure.sites.len(), 6);
    }
    for value in ["[1 2 3]", "{'a':1}", "'''a 'b' c'''"] {
        let text =
            format!("#\\#CIF_2.0\ndata_x\n_a {value}\n{RUTILE_CELL}{RUTILE_GROUP}{ATOMS}{atoms}");
        assert_eq!(read(&text), Err(CifError::Version2 { line: 3 }), "{value}");
    }
}

/// A file with everything that is read, with holes.
const WHOLE: &str = "data_x\n_cell_length_a 5.64\n_cell_length_b 5.64\n_cell_length_c 5.64\n\
    _cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n_cell_volume 179.4\n\
    _chemical_formula_sum '@'\n_cell_formula_units_Z 4\n_space_group_name_Hall '@'\n\
    _space_group_name_H-M_alt '@'\n_space_group_IT_number 227\nloop_\n_atom_site_label\n\
    _atom_site_symmetry_multiplicity\n_atom_site_Wyckoff_symbol\n_atom_site_occupancy\n\
    _atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n'@' 4 a 0.5 0 0 0\n\
    'Cl1' 4 8b 0.5 0.5 0.5 0.5\nloop_\n_atom_site_aniso_label\n_atom_site_aniso_U_11\n\
    _atom_site_aniso_U_22\n_atom_site_aniso_U_33\n_atom_site_aniso_U_12\nCl1 1 1 1 @\n";

fn filling() -> impl Strategy<Value = String> {
    let known = ["F m -3 m", "Na Cl", "-F 4 2 3", "R -3 2\"c", "F d 3 m S", "C -1", "P 21/n", "é"];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(str::to_string),
        "[-PABCIFRHabcdmn0-9/ ^=*()\"]{0,12}",
        "[A-Za-z0-9_(),+.-]{0,6}",
        any::<String>().prop_map(|s| s.chars().filter(|c| *c != '\'').take(5).collect()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_name_formula_or_label_makes_the_reader_panic(
        fillings in prop::array::uniform5(filling()),
        cut in 0..WHOLE.len(),
        length in 0..8usize,
    ) {
        let mut text = WHOLE.to_string();
        for filling in fillings {
            text = text.replacen('@', &filling.replace('@', " "), 1);
        }
        if length < 4 {
            let kept = text.chars().enumerate().filter(|(k, _)| !(cut..cut + length).contains(k));
            text = kept.map(|(_, c)| c).collect();
        }
        let _ = read(&text);
        let _ = read_shortened(&text);
    }
}
