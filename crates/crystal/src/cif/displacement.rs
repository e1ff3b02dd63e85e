//! Displacement of atoms from the loop of its six components.

use std::collections::HashMap;
use std::f64::consts::PI;

use nalgebra::Matrix3;

use super::{Block, CifError, Value};
use crate::Lattice;

/// Pairs of axes in the order in which tags name them.
const COMPONENTS: [(usize, usize, &str); 6] =
    [(0, 0, "11"), (1, 1, "22"), (2, 2, "33"), (0, 1, "12"), (0, 2, "13"), (1, 2, "23")];

/// Cosine below which two axes are at right angles, and their component does not matter.
const RIGHT_ANGLE: f64 = 1e-6;

/// Equivalent isotropic displacement by the label of the atom, B = 8 pi^2 U in square angstrom.
///
/// U = 1/3 sum over i, j of `U_ij` a*i a*j (`a_i` . `a_j`), from the components `U_ij`, B = 8 pi^2 `U_ij`, or
/// beta = 2 pi^2 a*i a*j `U_ij`.
///
/// Source: `FischerTillmanns1988`.
pub(super) fn equivalent(
    block: &Block<'_>,
    lattice: &Lattice,
) -> Result<HashMap<String, f64>, CifError> {
    let mut all = HashMap::new();
    let Some((rows, label)) = block.loop_with("_atom_site_aniso_label") else { return Ok(all) };
    let (metric, reciprocal) = (lattice.metric(), lattice.reciprocal());
    let lengths: [f64; 3] = std::array::from_fn(|i| reciprocal.column(i).norm());
    for (kind, to_b) in [("u", 8.0 * PI * PI), ("b", 1.0), ("beta", 4.0)] {
        let columns = COMPONENTS.map(|(_, _, c)| {
            let tag = format!("_atom_site_aniso_{kind}_{c}");
            rows.column(&tag).or_else(|| rows.column(&tag.replace("beta_", "beta")))
        });
        if columns[..3].iter().any(Option::is_none) {
            continue;
        }
        let weight = Matrix3::from_fn(|i, j| {
            let scale = if kind == "beta" { 1.0 } else { lengths[i] * lengths[j] };
            to_b * scale * metric[(i, j)] / 3.0
        });
        for row in rows.rows() {
            if let Some(b) = trace(row, &columns, &weight)? {
                all.entry(row[label].text.to_string()).or_insert(b);
            }
        }
    }
    Ok(all)
}

/// The weighted sum of a row's components; none where one that matters is not known.
fn trace(
    row: &[Value<'_>],
    columns: &[Option<usize>; 6],
    weight: &Matrix3<f64>,
) -> Result<Option<f64>, CifError> {
    let mut sum = 0.0;
    for (&(i, j, _), column) in COMPONENTS.iter().zip(columns) {
        let times = if i == j { 1.0 } else { 2.0 };
        let scale = (weight[(i, i)] * weight[(j, j)]).sqrt();
        match column.map(|c| row[c]).filter(|v| !v.is_unknown()) {
            Some(value) => {
                let component = super::read::number(&value, "a displacement parameter")?;
                sum += times * weight[(i, j)] * component;
            }
            None if i != j && weight[(i, j)].abs() < RIGHT_ANGLE * scale => {}
            None => return Ok(None),
        }
    }
    Ok(Some(sum))
}
