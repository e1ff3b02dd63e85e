//! What searches of patterns answer, and on what their answers do not depend.
#![allow(clippy::unwrap_used)]

#[path = "support/crystals.rs"]
mod crystals;
mod support;

use std::fs;

use crystals::{generate, prepared};
use support::surrogate;
use tempfile::tempdir;

#[test]
fn structures_are_found_where_no_prototype_has_their_numbers() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    prepared(at);
    // as rhenium trioxide, with other elements; no mineral of the library has one to three
    let cubic = "data_cubic\n_cell_length_a 3.9\n_cell_length_b 3.9\n_cell_length_c 3.9\n\
                 _cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n\
                 _space_group_name_H-M_alt 'P m -3 m'\n\
                 loop_\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n\
                 _atom_site_fract_z\nSn 0 0 0\nF 0.5 0 0\n";
    fs::write(at.join("cubic.cif"), cubic).unwrap();
    let pattern = ["diffract", "cubic.cif", "--two-theta", "10:120", "--profile", "0.15"];
    surrogate(at, &[&pattern[..], &["--out", "cubic.csv"]].concat()).expect(0, &["wrote"]);
    let of = [("--pxrd", "cubic.csv"), ("--formula", "SnF3")];
    generate(at, &of, &[]).expect(1, &["no prototype", "numbers of atoms"]);
    let first = |out: &str, more: &[&str]| {
        let of = [&of[..], &[("--out", out)]].concat();
        let said = generate(at, &of, &[more, &["--direct", "60", "--json"]].concat());
        let found = said.expect(0, &[]).json()["found"].clone();
        let found = found.as_array().unwrap();
        assert!(found.iter().all(|f| f["prototype"] == "none"), "{found:?}");
        // without noise a subgroup may come before
        assert!(found.iter().any(|f| f["space_group_number"] == 221), "{found:?}");
        assert!(found[0]["weighted_r_wp"].as_f64().is_some_and(|r| r < 0.05), "{found:?}");
    };
    first("alone", &["--proposer", "direct"]);
    first("after", &[]);
    first("known", &["--proposer", "direct", "--space-group", "221", "--cell", "3.89"]);
    let missed = ["--proposer", "direct", "--space-group", "221", "--cell", "9.5"];
    generate(at, &of, &missed).expect(1, &["no candidate", "check --cell"]);
    generate(at, &of, &["--proposer", "direct", "--space-group", "2"]).expect(1, &["--cell"]);
}

#[test]
fn the_answer_depends_neither_on_the_unit_of_intensity_nor_on_how_many_are_asked_for() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    prepared(at);
    let text = fs::read_to_string(at.join("salt.csv")).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let scaled = rows.lines().map(|row| {
        let (place, intensity) = row.split_once(',').unwrap();
        format!("{place},{:e}\n", intensity.parse::<f64>().unwrap() * 1e-5)
    });
    fs::write(at.join("scaled.csv"), format!("{header}\n{}", scaled.collect::<String>())).unwrap();
    let first = |changes: &[(&str, &str)]| {
        let found = generate(at, changes, &["--json"]).expect(0, &[]).json()["found"][0].clone();
        let r_wp = found["weighted_r_wp"].as_f64().unwrap();
        (found["space_group_number"].clone(), found["atoms"].clone(), r_wp)
    };
    let usual = first(&[("--out", "a")]);
    assert_eq!(usual.0, 225);
    for changes in [[("--pxrd", "scaled.csv"), ("--out", "b")], [("-n", "1"), ("--out", "c")]] {
        let other = first(&changes);
        assert_eq!((&usual.0, &usual.1), (&other.0, &other.1), "{changes:?}");
        assert!((usual.2 / other.2 - 1.0).abs() < 1e-3, "{changes:?}: {} {}", usual.2, other.2);
    }
}

#[test]
fn a_pattern_without_peaks_is_warned_of() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    prepared(at);
    // even noise of a few per cent on a constant
    let row = |k: u32| format!("{},{}\n", 10.0 + 0.05 * f64::from(k), 1000 + (k * 7919) % 101);
    fs::write(at.join("flat.csv"), (0..2000).map(row).collect::<String>()).unwrap();
    let said = generate(at, &[("--pxrd", "flat.csv")], &["--posterior"]);
    said.expect(0, &["no structure reproduces the pattern"]);
}

#[test]
fn a_given_group_is_kept_where_a_higher_one_fits_as_well() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    prepared(at);
    // rock salt pulled a little towards tin sulphide
    let pulled = "data_pulled\n_cell_length_a 11.2\n_cell_length_b 3.95\n_cell_length_c 4.05\n\
                  _cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n\
                  _space_group_name_H-M_alt 'P n m a'\n\
                  loop_\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n\
                  _atom_site_fract_z\nPb 0.122 0.25 0.02\nSe 0.871 0.25 0.49\n";
    fs::create_dir(at.join("salts")).unwrap();
    fs::write(at.join("salts/pulled.cif"), pulled).unwrap();
    fs::write(at.join("salts/salt.cif"), crystals::rock_salt("Na", "Cl", 5.64)).unwrap();
    let import = ["data", "import", "salts", "--out", "salts.txt", "--origin", "this test"];
    surrogate(at, &[&import[..], &["--licence", "CC0"]].concat()).expect(0, &["wrote"]);
    let groups = |out: &str, more: &[&str]| {
        let of = [("--library", "salts.txt"), ("--out", out), ("--max-atoms", "8")];
        let found = generate(at, &of, &[more, &["--json"]].concat()).expect(0, &[]).json();
        let found = found["found"].as_array().unwrap().clone();
        let r_wp = found[0]["weighted_r_wp"].as_f64().unwrap();
        let groups: Vec<_> =
            found.iter().map(|f| f["space_group_number"].as_u64().unwrap()).collect();
        (groups, r_wp)
    };
    let (free, _) = groups("free", &[]);
    assert_eq!(free[0], 225, "{free:?}");
    let (given, r_wp) = groups("given", &["--space-group", "P n m a"]);
    assert!(given.iter().all(|g| *g == 62) && r_wp < 0.1, "{given:?}, R_wp {r_wp}");
}

#[test]
fn two_hundred_counts_on_a_background_suffice() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    prepared(at);
    let text = fs::read_to_string(at.join("salt.csv")).unwrap();
    let rows: Vec<(f64, f64)> = text
        .lines()
        .skip(1)
        .map(|row| row.split_once(',').unwrap())
        .map(|(place, intensity)| (place.parse().unwrap(), intensity.parse().unwrap()))
        .collect();
    let largest = rows.iter().map(|row| row.1).fold(0.0, f64::max);
    // sums of twelve even numbers are nearly normal, with a variance of one
    let mut state = 1_u64;
    let mut even = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let mut weak = String::new();
    for (place, intensity) in rows {
        let expected = 200.0 * intensity / largest + 20.0 + 40.0 * (-place / 40.0).exp();
        let deviation: f64 = (0..12).map(|_| even()).sum::<f64>() - 6.0;
        let counts = (expected + expected.sqrt() * deviation).round().max(0.0);
        weak.push_str(&format!("{place},{counts}\n"));
    }
    fs::write(at.join("weak.csv"), weak).unwrap();
    let said = generate(at, &[("--pxrd", "weak.csv")], &["--json"]);
    let first = said.expect(0, &[]).json()["found"][0].clone();
    assert_eq!(
        (&first["space_group_number"], &first["atoms"]),
        (&225.into(), &2.into()),
        "{first}"
    );
}
