//! Minerals, a library of them, and a pattern to search.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use crate::support::{Said, root, surrogate};

/// Nine minerals, as test data of the crystal crate.
pub(crate) fn minerals() -> String {
    root().join("crates/crystal/tests/data/minerals.cif").display().to_string()
}

/// Rock salt of two elements with a cell of `a` angstrom.
pub(crate) fn rock_salt(cation: &str, anion: &str, a: f64) -> String {
    format!(
        "data_salt\n_cell_length_a {a}\n_cell_length_b {a}\n_cell_length_c {a}\n\
         _cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n\
         _space_group_name_H-M_alt 'F m -3 m'\n\
         loop_\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n\
         _atom_site_fract_z\n{cation} 0 0 0\n{anion} 0.5 0.5 0.5\n"
    )
}

/// A library of the minerals and the pattern of a salt that is not among them.
pub(crate) fn prepared(folder: &Path) {
    let import = ["data", "import", &minerals(), "--out", "library.txt", "--origin", "textbooks"];
    surrogate(folder, &[&import[..], &["--licence", "CC0"]].concat()).expect(0, &["wrote"]);
    fs::write(folder.join("salt.cif"), rock_salt("K", "Br", 5.5)).unwrap();
    let pattern = ["diffract", "salt.cif", "--two-theta", "10:120", "--profile", "0.15"];
    surrogate(folder, &[&pattern[..], &["--out", "salt.csv"]].concat()).expect(0, &["wrote"]);
}

/// `generate` with the usual arguments, of which some are replaced.
pub(crate) fn generate(folder: &Path, changes: &[(&str, &str)], more: &[&str]) -> Said {
    let usual = [
        ("--library", "library.txt"),
        ("--pxrd", "salt.csv"),
        ("--wavelength", "CuKa"),
        ("--formula", "KBr"),
        ("--max-atoms", "4"),
        ("-n", "5"),
        ("--out", "found"),
    ];
    let mut arguments = vec!["generate"];
    for (name, value) in usual {
        let value = changes.iter().find(|(n, _)| *n == name).map_or(value, |(_, v)| v);
        arguments.extend([name, value]);
    }
    arguments.extend(more);
    surrogate(folder, &arguments)
}
