//! From a structure to a CIF.

use std::fmt::Write;

use crate::formula::in_hill_order;
use crate::symmetry::SymmetricStructure;
use crate::{CellParameters, LatticeError, Structure};

/// Standard uncertainties of a crystal's numbers, 0 where a number is fixed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Uncertainties {
    /// Of the lengths in angstrom.
    pub lengths: [f64; 3],
    /// Of the angles in degrees.
    pub angles_deg: [f64; 3],
    /// Of the fractional coordinates of each orbit's first atom.
    pub coordinates: Vec<[f64; 3]>,
    /// Of the displacement parameter of all atoms, square angstrom.
    pub b_iso: f64,
}

/// A CIF of a structure that lists every site of the cell, with further items `(tag, value)` such
/// as `("_surrogate_r_wp", "0.012")` after the name. Numbers keep ten decimals.
#[must_use]
pub fn write(name: &str, structure: &Structure, items: &[(String, String)]) -> String {
    let mut text = header(name, items);
    // writing to a string cannot fail
    write_cell(&mut text, &structure.lattice.parameters(), &Uncertainties::default());
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

/// A CIF of a crystal with its symmetry: space group, operations, one atom of each orbit with its
/// Wyckoff letter. `b_iso` is the displacement parameter of all atoms in square angstrom; numbers with an
/// uncertainty have it in brackets and as many digits as it has, others ten decimals.
///
/// # Errors
///
/// Cell parameters that span no cell.
pub fn write_symmetric(
    name: &str,
    crystal: &SymmetricStructure,
    b_iso: Option<f64>,
    uncertainties: &Uncertainties,
    items: &[(String, String)],
) -> Result<String, LatticeError> {
    let lattice = crystal.conventional_lattice()?;
    let primitive = crystal.primitive()?;
    let mut text = header(name, items);
    // writing to a string cannot fail
    write_cell(&mut text, &crystal.cell_parameters(), uncertainties);
    let group = crystal.group;
    let _ = writeln!(text, "_cell_volume {:.6}", lattice.volume());
    let _ = writeln!(text, "_chemical_formula_sum '{}'", formula_unit(&primitive).0);
    let units = formula_unit(&primitive).1 * group.centring.len();
    let _ = writeln!(text, "_cell_formula_units_Z {units}");
    let _ = writeln!(text, "_space_group_name_H-M_alt '{}'", group.symbol);
    let _ = writeln!(text, "_space_group_IT_number {}", group.number);
    text.push_str("loop_\n_space_group_symop_id\n_space_group_symop_operation_xyz\n");
    for (k, operation) in group.operations.iter().enumerate() {
        let _ = writeln!(text, "{} '{operation}'", k + 1);
    }
    text.push_str("loop_\n_atom_site_label\n_atom_site_type_symbol\n");
    text.push_str("_atom_site_site_symmetry_multiplicity\n_atom_site_Wyckoff_symbol\n");
    text.push_str("_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n");
    text.push_str("_atom_site_occupancy\n");
    if b_iso.is_some() {
        text.push_str("_atom_site_B_iso_or_equiv\n");
    }
    for (k, orbit) in crystal.orbits.iter().enumerate() {
        let position = crystal.wyckoff(orbit);
        let (e, x) = (orbit.element, position.position(&orbit.parameters));
        let own = uncertainties.coordinates.get(k).copied().unwrap_or_default();
        let _ = write!(text, "{e}{} {e} {} {}", k + 1, position.multiplicity, position.letter);
        for (value, uncertainty) in x.iter().zip(own) {
            let _ = write!(text, " {}", with_uncertainty(value - value.floor(), uncertainty));
        }
        text.push_str(" 1");
        if let Some(b) = b_iso {
            let _ = write!(text, " {}", with_uncertainty(b, uncertainties.b_iso));
        }
        text.push('\n');
    }
    Ok(text)
}

/// Name of the block, and further items.
fn header(name: &str, items: &[(String, String)]) -> String {
    let mut text = format!("data_{}\n", one_word(name));
    for (tag, value) in items {
        // writing to a string cannot fail
        let _ = writeln!(text, "_{} {}", one_word(tag.trim_start_matches('_')), quoted(value));
    }
    text
}

fn write_cell(text: &mut String, cell: &CellParameters, uncertainties: &Uncertainties) {
    let lengths = cell.lengths.iter().zip(uncertainties.lengths);
    for (axis, (&value, su)) in ["a", "b", "c"].iter().zip(lengths) {
        // writing to a string cannot fail
        let _ = writeln!(text, "_cell_length_{axis} {}", with_uncertainty(value, su));
    }
    let angles = cell.angles_deg.iter().zip(uncertainties.angles_deg);
    for (angle, (&value, su)) in ["alpha", "beta", "gamma"].iter().zip(angles) {
        let _ = writeln!(text, "_cell_angle_{angle} {}", with_uncertainty(value, su));
    }
}

/// The formula with the smallest whole numbers, and how often it is in the cell.
fn formula_unit(structure: &Structure) -> (String, usize) {
    let mut amounts = std::collections::BTreeMap::new();
    for site in &structure.sites {
        *amounts.entry(site.element).or_insert(0_usize) += 1;
    }
    let unit = crate::reduced_formula(&amounts);
    let times = amounts.iter().next().map_or(1, |(e, n)| n / unit[e].max(1));
    let part = |(e, n): (crate::Element, usize)| {
        if n == 1 { e.to_string() } else { format!("{e}{n}") }
    };
    (in_hill_order(unit).into_iter().map(part).collect::<Vec<_>>().join(" "), times)
}

/// A number with ten decimals, or with its standard uncertainty, `4.5937(12)`: as many digits as make
/// the uncertainty 2 to 19 units of the last.
#[must_use]
pub fn with_uncertainty(value: f64, uncertainty: f64) -> String {
    if !(uncertainty.is_finite() && uncertainty > 1e-12) {
        return format!("{value:.10}");
    }
    let decimals = (1.95 / uncertainty).log10().ceil().max(0.0);
    let digits = (uncertainty * 10_f64.powf(decimals)).round();
    let places = decimals as usize;
    format!("{value:.places$}({digits})")
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

#[cfg(test)]
mod tests {
    use super::with_uncertainty;

    #[test]
    fn uncertainties_stand_in_brackets_behind_their_digits() {
        assert_eq!(with_uncertainty(4.593_71, 0.001_2), "4.5937(12)");
        assert_eq!(with_uncertainty(4.593_71, 0.003_4), "4.594(3)");
        assert_eq!(with_uncertainty(4.593_71, 0.000_97), "4.5937(10)");
        assert_eq!(with_uncertainty(0.5, 12.0), "0(12)");
        assert_eq!(with_uncertainty(0.25, 0.0), "0.2500000000");
    }
}
