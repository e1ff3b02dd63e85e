//! From a structure to a CIF.

use std::fmt::Write;

use crate::Structure;

/// A CIF of a structure that lists every site of the cell, with further items `(tag, value)` such
/// as `("_surrogate_r_wp", "0.012")` after the name. Numbers keep ten decimals.
#[must_use]
pub fn write(name: &str, structure: &Structure, items: &[(String, String)]) -> String {
    let mut text = format!("data_{}\n", one_word(name));
    // writing to a string cannot fail
    for (tag, value) in items {
        let _ = writeln!(text, "_{} {}", one_word(tag.trim_start_matches('_')), quoted(value));
    }
    let cell = structure.lattice.parameters();
    for (axis, value) in ["a", "b", "c"].iter().zip(cell.lengths) {
        let _ = writeln!(text, "_cell_length_{axis} {value:.10}");
    }
    for (angle, value) in ["alpha", "beta", "gamma"].iter().zip(cell.angles_deg) {
        let _ = writeln!(text, "_cell_angle_{angle} {value:.10}");
    }
    let _ = writeln!(text, "_cell_volume {:.6}", structure.lattice.volume());
    let _ = writeln!(text, "_chemical_formula_sum '{}'", structure.formula());
    text.push_str("_space_group_name_H-M_alt 'P 1'\n_space_group_IT_number 1\n");
    text.push_str("loop_\n_space_group_symop_operation_xyz\n'x, y, z'\n");
    text.push_str("loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n");
    text.push_str("_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n");
    let displaced = structure.sites.iter().any(|s| s.b_iso.is_some());
    if displaced {
        text.push_str("_atom_site_B_iso_or_equiv\n");
    }
    for (k, site) in structure.sites.iter().enumerate() {
        let (e, x) = (site.element, site.position);
        let _ = write!(
            text,
            "{e}{} {e} {:.10} {:.10} {:.10} {}",
            k + 1,
            x[0],
            x[1],
            x[2],
            site.occupancy
        );
        if displaced {
            let b = site.b_iso.map_or_else(|| "?".to_string(), |b| format!("{b}"));
            let _ = write!(text, " {b}");
        }
        text.push('\n');
    }
    text
}

/// A word without blanks.
fn one_word(text: &str) -> String {
    text.chars().map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c }).collect()
}

/// A value as the grammar asks for it.
fn quoted(value: &str) -> String {
    let flat: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if !flat.contains("' ") && !flat.ends_with('\'') {
        format!("'{flat}'")
    } else if !flat.contains("\" ") && !flat.ends_with('"') {
        format!("\"{flat}\"")
    } else {
        format!("\n;{flat}\n;")
    }
}
