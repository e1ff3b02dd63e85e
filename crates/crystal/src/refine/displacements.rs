//! Displacements from an example as a soft restraint: crystals of one kind differ by tenths of an angstrom, and
//! what a pattern hardly sees stays where the example has it.
//!
//! Source: Waser (1963), Least-squares refinement with subsidiary conditions.

use nalgebra::Vector3;

use crate::LatticeError;
use crate::symmetry::SymmetricStructure;

/// Standard deviation of a displacement along each axis, angstrom.
const USUAL_A: f64 = 0.2;

/// Free coordinates of a crystal, each with how far it moves an atom.
pub(super) struct Displacements {
    from: Vec<f64>,
    atoms: Vec<Atom>,
}

/// One atom of an orbit: where the free coordinates of the orbit begin, and its move with each in usual
/// displacements.
struct Atom {
    first: usize,
    directions: Vec<Vector3<f64>>,
}

impl Displacements {
    /// From the places that a crystal has, in its cell.
    ///
    /// # Errors
    ///
    /// A cell that is none.
    pub(super) fn new(structure: &SymmetricStructure) -> Result<Self, LatticeError> {
        let basis = *structure.primitive_lattice()?.basis();
        let mut from = Vec::new();
        let mut atoms = Vec::new();
        for orbit in &structure.orbits {
            if let Some(image) = structure.primitive_images(orbit).first()
                && !orbit.parameters.is_empty()
            {
                let directions = image.directions.iter().map(|d| basis * d / USUAL_A).collect();
                atoms.push(Atom { first: from.len(), directions });
            }
            from.extend(&orbit.parameters);
        }
        Ok(Self { from, atoms })
    }

    /// Whether anything can move.
    pub(super) fn is_empty(&self) -> bool {
        self.from.is_empty()
    }

    /// Displacements over the usual one, three of an orbit, by all free coordinates in the order of the orbits.
    pub(super) fn at<'a>(&'a self, coordinates: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.atoms.iter().flat_map(move |atom| {
            let places = atom.directions.iter().enumerate().map(|(k, d)| (atom.first + k, d));
            let moved = places.map(|(k, d)| d * (coordinates[k] - self.from[k]));
            <[f64; 3]>::from(moved.sum::<Vector3<f64>>())
        })
    }

    /// Derivative of [`Self::at`] by a free coordinate.
    pub(super) fn derivative(&self, by: usize) -> impl Iterator<Item = f64> + '_ {
        self.atoms.iter().flat_map(move |atom| {
            let own = by.checked_sub(atom.first).and_then(|k| atom.directions.get(k));
            <[f64; 3]>::from(own.copied().unwrap_or_default())
        })
    }

    /// Sum of the squares of a crystal with the same orbits; none of another.
    pub(super) fn squares(&self, structure: &SymmetricStructure) -> Option<f64> {
        let coordinates: Vec<f64> =
            structure.orbits.iter().flat_map(|orbit| orbit.parameters.iter().copied()).collect();
        (coordinates.len() == self.from.len()).then(|| self.at(&coordinates).map(|v| v * v).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_counts_by_its_length_and_slopes_are_those_of_differences() {
        let orbits: [(&str, char, &[f64]); 2] = [("Ti", 'a', &[]), ("O", 'f', &[0.305])];
        let rutile = SymmetricStructure::of_letters(136, &[4.594, 2.959], &orbits).unwrap();
        let displacements = Displacements::new(&rutile).unwrap();
        let start = rutile.orbits.iter().find_map(|o| o.parameters.first()).copied().unwrap();
        let square = |x: f64| displacements.at(&[x]).map(|v| v * v).sum::<f64>();
        assert!(square(start).abs() < 1e-12);
        // oxygen lies on x x 0
        let length = 4.594 * 2.0_f64.sqrt() * 0.01;
        assert!((square(start + 0.01) - (length / USUAL_A).powi(2)).abs() < 1e-9);
        let h = 1e-3;
        let (up, down) = (start + h, start - h);
        let differences: Vec<f64> = (displacements.at(&[up]).zip(displacements.at(&[down])))
            .map(|(u, d)| (u - d) / (2.0 * h))
            .collect();
        let slopes: Vec<f64> = displacements.derivative(0).collect();
        assert!(differences.iter().zip(&slopes).all(|(d, s)| (d - s).abs() < 1e-9));
        assert_eq!(displacements.squares(&rutile), Some(0.0));
    }
}
