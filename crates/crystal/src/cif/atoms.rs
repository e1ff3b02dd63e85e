//! Rows of the loop of atoms.

use std::collections::{BTreeSet, HashMap};

use nalgebra::Vector3;

use super::document::beginning;
use super::label::{Named, of_label, of_type_symbol};
use super::read::number;
use super::{Block, CifError, CifWarning, Loop, Value};
use crate::structure::wrapped;
use crate::{Element, Site};

/// Largest occupancy that is taken as 1: refined ones may be a little above.
const FULL: f64 = 1.05;

/// Largest occupancy that is 1 without a word.
const ROUNDED: f64 = 1.0 + 1e-3;

/// An atom of the asymmetric unit.
pub(super) struct Row {
    pub(super) site: Site,
    /// Label, or type symbol where there is none.
    pub(super) label: String,
    pub(super) line: usize,
    /// Atoms of its orbit in the cell, where they are stated.
    pub(super) multiplicity: Option<usize>,
    /// Its Wyckoff letter, where it is stated.
    pub(super) letter: Option<char>,
}

/// Columns of the loop of atoms.
struct Columns {
    position: [(usize, &'static str); 3],
    symbol: Option<usize>,
    label: Option<usize>,
    occupancy: Option<usize>,
    b_iso: Option<usize>,
    u_iso: Option<usize>,
    calculated: Option<usize>,
    multiplicity: Option<usize>,
    wyckoff: Option<usize>,
}

/// Reads the rows of a loop; `displacement` is by label, for atoms without an isotropic one. Dummies and atoms without
/// a place or with an occupancy of 0 are left out.
pub(super) fn rows(
    block: &Block<'_>,
    atoms: &Loop<'_>,
    elements: Option<&BTreeSet<Element>>,
    displacement: &HashMap<String, f64>,
    warnings: &mut Vec<CifWarning>,
) -> Result<Vec<Row>, CifError> {
    let columns = Columns::of(block, atoms)?;
    let mut rows = Vec::new();
    for values in atoms.rows() {
        let Some(mut row) = columns.row(values, elements, warnings)? else { continue };
        row.site.b_iso = row.site.b_iso.or(displacement.get(&row.label).copied());
        rows.push(row);
    }
    Ok(rows)
}

impl Columns {
    fn of(block: &Block<'_>, atoms: &Loop<'_>) -> Result<Self, CifError> {
        let need = |tag: &'static str| {
            let column = atoms.column(tag);
            let missing = || CifError::Missing { block: beginning(block.name), tag };
            column.map(|c| (c, tag)).ok_or_else(missing)
        };
        let symbol = atoms.column("_atom_site_type_symbol");
        let label = atoms.column("_atom_site_label");
        if symbol.is_none() && label.is_none() {
            need("_atom_site_type_symbol")?;
        }
        let any = |tags: [&str; 2]| tags.iter().find_map(|tag| atoms.column(tag));
        Ok(Self {
            position: [
                need("_atom_site_fract_x")?,
                need("_atom_site_fract_y")?,
                need("_atom_site_fract_z")?,
            ],
            symbol,
            label,
            occupancy: atoms.column("_atom_site_occupancy"),
            b_iso: atoms.column("_atom_site_b_iso_or_equiv"),
            u_iso: atoms.column("_atom_site_u_iso_or_equiv"),
            calculated: atoms.column("_atom_site_calc_flag"),
            multiplicity: any([
                "_atom_site_site_symmetry_multiplicity",
                "_atom_site_symmetry_multiplicity",
            ]),
            wyckoff: atoms.column("_atom_site_wyckoff_symbol"),
        })
    }

    fn row(
        &self,
        row: &[Value<'_>],
        elements: Option<&BTreeSet<Element>>,
        warnings: &mut Vec<CifWarning>,
    ) -> Result<Option<Row>, CifError> {
        let known = |column: Option<usize>| column.map(|c| row[c]).filter(|v| !v.is_unknown());
        let line = row[self.position[0].0].line;
        if self.position.iter().all(|(column, _)| row[*column].is_unknown()) {
            return Ok(None);
        }
        if let Some(flag) = known(self.calculated).filter(|v| v.text.eq_ignore_ascii_case("dum")) {
            let label = beginning(known(self.label).unwrap_or(flag).text);
            warnings.push(CifWarning::NoAtom { line, label });
            return Ok(None);
        }
        let mut position = Vector3::zeros();
        for (i, (column, tag)) in self.position.iter().enumerate() {
            position[i] = number(&row[*column], tag)?;
        }
        let Some(occupancy) = occupancy(known(self.occupancy), warnings)? else { return Ok(None) };
        let (symbol, label) = (known(self.symbol), known(self.label));
        let Some(written) = symbol.or(label) else {
            return Err(CifError::UnknownElement { line, text: "?".to_string() });
        };
        let named = match symbol {
            Some(value) => of_type_symbol(value.text),
            None => of_label(written.text, elements),
        };
        let short = beginning(written.text);
        let element = match named {
            Some(Named::Atom(element)) => element,
            Some(Named::OxygenOfWater) => {
                warnings.push(CifWarning::Water { line: written.line, label: short });
                Element::OXYGEN
            }
            Some(Named::Nothing) => {
                warnings.push(CifWarning::NoAtom { line: written.line, label: short });
                return Ok(None);
            }
            None => return Err(CifError::UnknownElement { line: written.line, text: short }),
        };
        let b = known(self.b_iso).map(|v| number(&v, "_atom_site_B_iso_or_equiv")).transpose()?;
        let u = known(self.u_iso).map(|v| number(&v, "_atom_site_U_iso_or_equiv")).transpose()?;
        let b_iso = b.or(u.map(|u| 8.0 * std::f64::consts::PI.powi(2) * u));
        let wyckoff = known(self.wyckoff).map_or("", |v| v.text.trim());
        let digits = wyckoff.trim_end_matches(|c: char| !c.is_ascii_digit());
        let multiplicity = known(self.multiplicity).and_then(|v| v.text.trim().parse().ok());
        Ok(Some(Row {
            site: Site { element, occupancy, position: wrapped(position), b_iso },
            label: label.unwrap_or(written).text.to_string(),
            line,
            multiplicity: multiplicity.or_else(|| digits.parse().ok()),
            letter: wyckoff.chars().next_back().filter(char::is_ascii_alphabetic),
        }))
    }
}

/// An occupancy above 0 and at most 1; none for 0.
fn occupancy(
    value: Option<Value<'_>>,
    warnings: &mut Vec<CifWarning>,
) -> Result<Option<f64>, CifError> {
    let Some(value) = value else { return Ok(Some(1.0)) };
    let (line, given) = (value.line, number(&value, "_atom_site_occupancy")?);
    if !(0.0..=FULL).contains(&given) {
        return Err(CifError::Occupancy { line, value: given });
    }
    if given > ROUNDED {
        warnings.push(CifWarning::Occupancy { line, value: given });
    }
    Ok((given > 0.0).then_some(given.min(1.0)))
}
