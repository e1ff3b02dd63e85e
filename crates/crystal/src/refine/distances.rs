//! Least distances of atoms as a soft restraint: X-rays hardly see light atoms beside heavy ones, and a fit
//! would put them anywhere.
//!
//! Source: Waser (1963), Least-squares refinement with subsidiary conditions.

use nalgebra::Matrix3;

use crate::LatticeError;
use crate::score::least_distance;
use crate::structure::nearest;
use crate::symmetry::{AtomImage, SymmetricStructure};

/// Pairs of atoms, the first of each orbit with all others, and how near they may come.
pub(super) struct Distances {
    pairs: Vec<Pair>,
    basis: Matrix3<f64>,
}

struct Pair {
    ends: [End; 2],
    least: f64,
}

/// An atom: where its orbit's free coordinates begin, and its place by them.
#[derive(Clone)]
struct End {
    first: usize,
    image: AtomImage,
}

impl End {
    fn coordinates<'a>(&self, coordinates: &'a [f64]) -> &'a [f64] {
        &coordinates[self.first..self.first + self.image.directions.len()]
    }
}

impl Distances {
    /// Of the atoms of a crystal, with its cell as it is.
    ///
    /// # Errors
    ///
    /// A cell that is none.
    pub(super) fn new(structure: &SymmetricStructure) -> Result<Self, LatticeError> {
        let basis = *structure.primitive_lattice()?.basis();
        let mut atoms = Vec::new();
        let mut first = 0;
        for (orbit, atom) in structure.orbits.iter().enumerate() {
            let images = structure.primitive_images(atom).into_iter().enumerate();
            let element = atom.element;
            atoms.extend(images.map(|(k, image)| (orbit, k, element, End { first, image })));
            first += atom.parameters.len();
        }
        let mut pairs = Vec::new();
        for (orbit, _, element, end) in atoms.iter().filter(|(_, k, ..)| *k == 0) {
            for (other, k, other_element, other_end) in &atoms {
                // of two orbits one looks at the other
                if (*other == *orbit && *k > 0) || other > orbit {
                    let least = least_distance(*element, *other_element);
                    pairs.push(Pair { ends: [end.clone(), other_end.clone()], least });
                }
            }
        }
        Ok(Self { pairs, basis })
    }

    /// How much of its least distance each pair lacks, by all free coordinates in the order of the orbits.
    pub(super) fn lacking(&self, coordinates: &[f64]) -> Vec<f64> {
        self.pairs.iter().map(|pair| self.of(pair, coordinates).map_or(0.0, |(v, _)| v)).collect()
    }

    /// Derivative of [`Self::lacking`] by a free coordinate.
    pub(super) fn derivative(&self, coordinates: &[f64], by: usize) -> Vec<f64> {
        let of = |pair: &Pair| {
            let Some((_, along)) = self.of(pair, coordinates) else { return 0.0 };
            let moved = |end: &End| {
                let own = by.checked_sub(end.first);
                own.and_then(|k| end.image.directions.get(k)).map_or(0.0, |d| along.dot(d))
            };
            let [a, b] = &pair.ends;
            moved(a) - moved(b)
        };
        self.pairs.iter().map(of).collect()
    }

    /// What a pair lacks, and the derivative by the difference of its fractional places; none if it is apart.
    fn of(&self, pair: &Pair, coordinates: &[f64]) -> Option<(f64, nalgebra::Vector3<f64>)> {
        let [a, b] = pair.ends.each_ref().map(|e| e.image.place(e.coordinates(coordinates)));
        let away = self.basis * nearest(a - b);
        let length = away.norm();
        (length < pair.least).then(|| {
            let unit = away / length.max(f64::MIN_POSITIVE);
            (1.0 - length / pair.least, -(self.basis.transpose() * unit) / pair.least)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Anatase with its oxygen nearer to titanium than radii say.
    fn anatase(z: f64) -> SymmetricStructure {
        let orbits: [(&str, char, &[f64]); 2] = [("Ti", 'a', &[]), ("O", 'e', &[z])];
        SymmetricStructure::of_letters(141, &[3.785, 9.514], &orbits).unwrap()
    }

    #[test]
    fn only_what_is_too_near_lacks_distance_and_slopes_are_those_of_differences() {
        let at = anatase(0.0);
        let distances = Distances::new(&at).unwrap();
        let sum = |z: f64| distances.lacking(&[z]).iter().sum::<f64>();
        let titanium = at.group.positions[at.orbits[0].position].position(&[]).z;
        let oxygen = at.group.positions[at.orbits[1].position].position(&[0.0]).z;
        // along the axis, 1.98 angstrom from a titanium as in anatase, and 0.5
        let z = |away: f64| titanium - oxygen + away / 9.514;
        assert!(sum(z(1.98)).abs() < 1e-12, "{}", sum(z(1.98)));
        assert!(sum(z(0.5)) > 0.3);
        let (x, h) = (z(0.5), 1e-6);
        let (up, down) = (distances.lacking(&[x + h]), distances.lacking(&[x - h]));
        let slopes = distances.derivative(&[x], 0);
        for ((u, d), slope) in up.iter().zip(&down).zip(&slopes) {
            assert!(((u - d) / (2.0 * h) - slope).abs() < 1e-5);
        }
    }
}
