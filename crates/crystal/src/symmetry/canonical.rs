//! One description of a crystal out of all that its group permits.
//!
//! 1. Axes and origins: every representative of the normaliser's cosets. Monoclinic cells: those
//!    with the shortest a and c.
//! 2. The smallest sorted list of (atomic number, letter).
//! 3. Among these the smallest lengths, then the smallest list of coordinates in steps of 1/1000.
//! 4. In each orbit the smallest of all choices of the free coordinates.
//! 5. Polar groups: an orbit with the smallest element and letter has 0 along the polar axes.
//! 6. Orbits by atomic number, letter, coordinates.
//!
//! A crystal and its mirror image get the same description where their groups are the same.

use nalgebra::Vector3;

use super::group::SAME_PLACE;
use super::normaliser::Change;
use super::{CrystalSystem, Orbit, SymmetricStructure};
use crate::{Element, Lattice};

/// An orbit with every choice of its free coordinates.
struct Choices {
    element: Element,
    position: usize,
    letter: char,
    parameters: Vec<Vec<f64>>,
}

/// What descriptions are compared by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    lengths: Vec<i64>,
    orbits: Vec<(Element, char, Vec<i32>)>,
}

/// A coordinate in steps of 1/1000. The offset keeps simple fractions away from the borders of steps.
fn step(value: f64) -> i32 {
    (((value * 1000.0 + 0.137).round()) as i32).rem_euclid(1000)
}

fn steps(parameters: &[f64]) -> Vec<i32> {
    parameters.iter().map(|&p| step(p)).collect()
}

impl SymmetricStructure {
    /// The same crystal in its canonical description, which does not depend on how it was given.
    /// Coordinates that lie on a border of 1/1000 to within rounding may still go either way.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let Ok(lattice) = self.conventional_lattice() else {
            return self.clone();
        };
        let changes = self.changes(&lattice);
        let letters = |change: &Change| {
            let mut all: Vec<(Element, char)> = self
                .orbits
                .iter()
                .map(|o| (o.element, self.group.positions[change.positions[o.position]].letter))
                .collect();
            all.sort_unstable();
            all
        };
        let Some(smallest) = changes.iter().map(|c| letters(c)).min() else {
            return self.clone();
        };
        let mut best: Option<(Key, Self)> = None;
        for change in changes.into_iter().filter(|c| letters(c) == smallest) {
            for candidate in self.described(change, &lattice) {
                let key = candidate.key();
                if best.as_ref().is_none_or(|(known, _)| key < *known) {
                    best = Some((key, candidate));
                }
            }
        }
        best.map_or_else(|| self.clone(), |(_, structure)| structure)
    }

    /// Changes of the group's normaliser; in monoclinic groups those that make a and c shortest.
    fn changes(&self, lattice: &Lattice) -> Vec<&'static Change> {
        let all = &self.group.normaliser().changes;
        if self.group.system() != CrystalSystem::Monoclinic {
            return all.iter().collect();
        }
        let size = |change: &Change| {
            let basis = lattice.basis() * change.axes;
            let (a, c) = (basis.column(0), basis.column(2));
            // an acute angle counts as longer, so that beta is obtuse
            let acute = if a.dot(&c) > 1e-6 * a.norm() * c.norm() { 1e-2 } else { 0.0 };
            a.norm() + c.norm() + acute
        };
        let shortest = all.iter().map(size).fold(f64::INFINITY, f64::min);
        all.iter().filter(|c| size(c) < shortest * (1.0 + 1e-3)).collect()
    }

    /// Free cell parameters in the axes of each description of the group.
    pub(crate) fn cells_of_descriptions(&self) -> Vec<Vec<f64>> {
        let Ok(lattice) = self.conventional_lattice() else { return Vec::new() };
        let changes = self.group.normaliser().changes.iter();
        let moved = changes.filter_map(|c| Lattice::from_basis(lattice.basis() * c.axes).ok());
        moved.map(|l| Self::free_cell(self.group.system(), &l.parameters())).collect()
    }

    /// Places of the Wyckoff positions after each change of axes and origin that keeps group and cell.
    pub(crate) fn same_positions(&self) -> Vec<&'static [usize]> {
        let Ok(lattice) = self.conventional_lattice() else { return Vec::new() };
        let keeps = |change: &&Change| {
            let moved = lattice.basis() * change.axes;
            let metric = moved.transpose() * moved;
            (metric - lattice.metric()).amax() < 1e-3 * metric.amax()
        };
        let kept = self.group.normaliser().changes.iter().filter(keeps);
        let mut positions: Vec<&[usize]> = kept.map(|c| c.positions.as_slice()).collect();
        positions.sort_unstable();
        positions.dedup();
        positions
    }

    /// Descriptions after a change: one, or for polar groups one for each choice of the origin.
    fn described(&self, change: &Change, lattice: &Lattice) -> Vec<Self> {
        let Ok(moved) = Lattice::from_basis(lattice.basis() * change.axes) else {
            return Vec::new();
        };
        let cell = Self::free_cell(self.group.system(), &moved.parameters());
        let places = self.orbits.iter().map(|orbit| {
            let x = self.wyckoff(orbit).position(&orbit.parameters);
            (orbit.element, change.linear * x + change.shift)
        });
        let places: Vec<(Element, Vector3<f64>)> = places.collect();
        let polar = self.group.polar_axes();
        let Some(choices) = self.choices(&places, &Vector3::zeros()) else {
            return Vec::new();
        };
        if polar.is_empty() {
            return vec![self.chosen(&cell, &choices)];
        }
        let mut origins: Vec<Vector3<f64>> = Vec::new();
        let first = choices.iter().map(|c| (c.element, c.letter)).min();
        for orbit in choices.iter().filter(|c| Some((c.element, c.letter)) == first) {
            let position = &self.group.positions[orbit.position];
            for parameters in &orbit.parameters {
                let x = position.position(parameters);
                let mut origin = Vector3::zeros();
                for &axis in &polar {
                    origin[axis] = -x[axis];
                }
                let near = |o: &Vector3<f64>| crate::structure::nearest(o - origin).amax() < 1e-9;
                if !origins.iter().any(near) {
                    origins.push(origin);
                }
            }
        }
        let shifted = origins.iter().filter_map(|origin| self.choices(&places, origin));
        shifted.map(|choices| self.chosen(&cell, &choices)).collect()
    }

    fn choices(
        &self,
        places: &[(Element, Vector3<f64>)],
        shift: &Vector3<f64>,
    ) -> Option<Vec<Choices>> {
        let locate = |(element, x): &(Element, Vector3<f64>)| {
            let (position, parameters) = self.group.locate(&(x + shift), 2.0 * SAME_PLACE)?;
            let letter = self.group.positions[position].letter;
            Some(Choices { element: *element, position, letter, parameters })
        };
        places.iter().map(locate).collect()
    }

    /// The smallest coordinates of each orbit, orbits in order.
    fn chosen(&self, cell: &[f64], choices: &[Choices]) -> Self {
        let smallest = |c: &Choices| {
            let parameters = c.parameters.iter().min_by_key(|p| steps(p));
            parameters.map(|parameters| Orbit {
                element: c.element,
                position: c.position,
                parameters: parameters.clone(),
            })
        };
        let mut orbits: Vec<Orbit> = choices.iter().filter_map(smallest).collect();
        orbits.sort_by_key(|o| (o.element, self.wyckoff(o).letter, steps(&o.parameters)));
        Self { group: self.group, cell: cell.to_vec(), orbits }
    }

    fn key(&self) -> Key {
        let lengths = self.cell.iter().take(3).map(|l| (l.ln() * 100.0 + 0.137).round() as i64);
        let orbits = self
            .orbits
            .iter()
            .map(|o| (o.element, self.wyckoff(o).letter, steps(&o.parameters)))
            .collect();
        Key { lengths: lengths.collect(), orbits }
    }
}
