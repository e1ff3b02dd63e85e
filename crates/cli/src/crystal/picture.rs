//! What a picture of a crystal is drawn from.

use nalgebra::Vector3;
use surrogate_crystal::symmetry::SymmetricStructure;
use surrogate_run::{Column, Table};

use crate::failure::Failure;

/// Fractional distance from a face within which an atom is repeated on the other side.
const ON_FACE: f64 = 0.02;

/// Atoms of the conventional cell in angstrom, those near a face repeated, then the ends of its edges, which
/// have no element.
///
/// # Errors
/// A cell that is none.
pub fn atoms(crystal: &SymmetricStructure) -> Result<Table, Failure> {
    let failed = |e: surrogate_crystal::LatticeError| Failure::Internal(e.to_string());
    let basis = *crystal.conventional_lattice().map_err(failed)?.basis();
    let (mut elements, mut places) = (Vec::new(), Vec::new());
    for orbit in &crystal.orbits {
        for x in crystal.conventional_places(orbit) {
            for image in on_faces(x) {
                elements.push(orbit.element.to_string());
                places.push(basis * image);
            }
        }
    }
    for (from, to) in edges() {
        elements.extend([String::new(), String::new()]);
        places.extend([basis * from, basis * to]);
    }
    let column = |name: &str, k: usize| {
        Column::numbers(name, "angstrom", places.iter().map(|p| p[k]).collect())
    };
    Ok(Table::new(vec![
        Column::words("element", elements),
        column("x", 0),
        column("y", 1),
        column("z", 2),
    ]))
}

/// A place in the cell with its images on opposite faces.
fn on_faces(x: Vector3<f64>) -> Vec<Vector3<f64>> {
    let mut all = vec![x];
    for axis in 0..3 {
        let shift = match x[axis] {
            v if v < ON_FACE => 1.0,
            v if v > 1.0 - ON_FACE => -1.0,
            _ => continue,
        };
        let moved: Vec<Vector3<f64>> = all
            .iter()
            .map(|y| {
                let mut image = *y;
                image[axis] += shift;
                image
            })
            .collect();
        all.extend(moved);
    }
    all
}

/// The twelve edges of the cell.
fn edges() -> Vec<(Vector3<f64>, Vector3<f64>)> {
    let mut all = Vec::new();
    for axis in 0..3 {
        for corner in 0..4 {
            let mut from = Vector3::zeros();
            from[(axis + 1) % 3] = f64::from(corner & 1);
            from[(axis + 2) % 3] = f64::from(corner >> 1);
            let mut to = from;
            to[axis] = 1.0;
            all.push((from, to));
        }
    }
    all
}
