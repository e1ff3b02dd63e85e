//! Which Wyckoff positions atoms may take, and where on them.

use nalgebra::Vector3;
use rand::{Rng, RngExt};

use crate::Element;
use crate::score::least_distance;
use crate::structure::nearest;
use crate::symmetry::{AtomImage, Orbit, SpaceGroup, SymmetricStructure};

/// A choice of positions: the element and the place of the position of each orbit, with the free coordinates of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub orbits: Vec<(Element, usize)>,
    pub free: usize,
}

/// Choices that are looked at before a group is left.
const LOOKED_AT: usize = 20_000;

/// Every way to put atoms of a primitive cell on positions of a group with at most `most_free` coordinates,
/// those with the fewest first, at most `most`. Of choices that one of the exchanges of positions `same` makes equal, one.
pub(super) fn choices(
    group: &SpaceGroup,
    atoms: &[(Element, usize)],
    same: &[&[usize]],
    most_free: usize,
    most: usize,
) -> Vec<Choice> {
    let cells = group.centring.len();
    let positions: Vec<(usize, usize)> =
        group.positions.iter().map(|p| (p.multiplicity / cells, p.degrees_of_freedom())).collect();
    let mut listing = Listing { positions, atoms, most_free, found: Vec::new(), looked_at: 0 };
    let mut used = vec![false; group.positions.len()];
    if let Some(&(_, count)) = atoms.first() {
        listing.place(0, count, 0, 0, &mut used, &mut Vec::new());
    }
    listing.found.retain(|choice| {
        same.iter().all(|places| {
            let mut moved: Vec<(Element, usize)> =
                choice.orbits.iter().map(|&(e, k)| (e, places[k])).collect();
            moved.sort_unstable();
            moved >= choice.orbits
        })
    });
    listing.found.sort_by_key(|c| c.free);
    listing.found.truncate(most);
    listing.found
}

struct Listing<'a> {
    /// Multiplicity in the primitive cell and free coordinates.
    positions: Vec<(usize, usize)>,
    atoms: &'a [(Element, usize)],
    most_free: usize,
    found: Vec<Choice>,
    looked_at: usize,
}

impl Listing<'_> {
    /// Places `left` atoms of an element on positions from `first` on, then the elements behind it.
    fn place(
        &mut self,
        element: usize,
        left: usize,
        first: usize,
        free: usize,
        used: &mut [bool],
        orbits: &mut Vec<(Element, usize)>,
    ) {
        self.looked_at += 1;
        if self.looked_at > LOOKED_AT {
            return;
        }
        if left == 0 {
            match self.atoms.get(element + 1) {
                Some(&(_, count)) => self.place(element + 1, count, 0, free, used, orbits),
                None => self.found.push(Choice { orbits: orbits.clone(), free }),
            }
            return;
        }
        for k in first..self.positions.len() {
            let (multiplicity, own) = self.positions[k];
            if multiplicity > left || free + own > self.most_free || (own == 0 && used[k]) {
                continue;
            }
            let before = used[k];
            used[k] = true;
            orbits.push((self.atoms[element].0, k));
            self.place(element, left - multiplicity, k, free + own, used, orbits);
            orbits.pop();
            used[k] = before;
        }
    }
}

/// Throws atoms onto the positions of a choice.
pub(super) struct Thrower {
    pub structure: SymmetricStructure,
    /// Orbit and image of every atom of the primitive cell.
    atoms: Vec<(usize, AtomImage)>,
    /// Least distances of orbits.
    least: Vec<Vec<f64>>,
    basis: nalgebra::Matrix3<f64>,
}

impl Thrower {
    /// None if the cell is none.
    pub(super) fn new(group: &'static SpaceGroup, cell: &[f64], choice: &Choice) -> Option<Self> {
        let orbits: Vec<Orbit> = choice
            .orbits
            .iter()
            .map(|&(element, position)| Orbit {
                element,
                position,
                parameters: vec![0.0; group.positions[position].degrees_of_freedom()],
            })
            .collect();
        let structure = SymmetricStructure { group, cell: cell.to_vec(), orbits };
        let basis = *structure.primitive_lattice().ok()?.basis();
        let mut atoms = Vec::new();
        for (k, orbit) in structure.orbits.iter().enumerate() {
            atoms.extend(structure.primitive_images(orbit).into_iter().map(|i| (k, i)));
        }
        let least = structure
            .orbits
            .iter()
            .map(|a| {
                structure.orbits.iter().map(|b| least_distance(a.element, b.element)).collect()
            })
            .collect();
        Some(Self { structure, atoms, least, basis })
    }

    /// Throws until no two atoms are too near, at most `tries` times.
    pub(super) fn throw(&mut self, tries: usize, rng: &mut impl Rng) -> bool {
        let fixed = self.structure.orbits.iter().all(|o| o.parameters.is_empty());
        for _ in 0..if fixed { 1 } else { tries } {
            if self.place_orbits(rng) {
                return true;
            }
        }
        false
    }

    /// Places orbit after orbit, each some times until it is away from those before; whether that was found.
    fn place_orbits(&mut self, rng: &mut impl Rng) -> bool {
        const EACH: usize = 12;
        let mut placed: Vec<(usize, Vector3<f64>)> = Vec::with_capacity(self.atoms.len());
        for k in 0..self.structure.orbits.len() {
            let before = placed.len();
            let free = !self.structure.orbits[k].parameters.is_empty();
            let mut found = false;
            for _ in 0..if free { EACH } else { 1 } {
                placed.truncate(before);
                for value in &mut self.structure.orbits[k].parameters {
                    *value = rng.random_range(0.0..1.0);
                }
                let parameters = &self.structure.orbits[k].parameters;
                let images = self.atoms.iter().filter(|(orbit, _)| *orbit == k);
                let mut apart = true;
                for (_, image) in images {
                    let place = image.place(parameters);
                    apart = placed.iter().all(|(other, x)| {
                        let away = self.basis * nearest(place - x);
                        away.norm() >= self.least[k][*other]
                    });
                    if !apart {
                        break;
                    }
                    placed.push((k, place));
                }
                if apart {
                    found = true;
                    break;
                }
            }
            if !found {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn element(symbol: &str) -> Element {
        Element::from_symbol(symbol).unwrap()
    }

    #[test]
    fn rutile_is_among_the_choices_of_its_group_and_every_choice_has_the_formula() {
        let group = SpaceGroup::get(136).unwrap();
        let atoms = [(element("O"), 4), (element("Ti"), 2)];
        let all = choices(group, &atoms, &[], 12, 1000);
        let letter = |k: usize| group.positions[k].letter;
        let is_rutile = |c: &Choice| {
            c.orbits.iter().map(|o| letter(o.1)).collect::<String>() == "fa" && c.free == 1
        };
        assert!(all.iter().any(is_rutile));
        for choice in &all {
            for (element, count) in atoms {
                let own = choice.orbits.iter().filter(|o| o.0 == element);
                let sum: usize = own.map(|o| group.positions[o.1].multiplicity).sum();
                assert_eq!(sum, count);
            }
            let fixed =
                choice.orbits.iter().filter(|o| group.positions[o.1].degrees_of_freedom() == 0);
            let mut fixed: Vec<usize> = fixed.map(|o| o.1).collect();
            let before = fixed.len();
            fixed.sort_unstable();
            fixed.dedup();
            assert_eq!(fixed.len(), before);
        }
        assert!(all.windows(2).all(|w| w[0].free <= w[1].free));
        // an origin in the other metal site gives the same crystals
        let cell = SymmetricStructure { group, cell: vec![4.6, 2.96], orbits: Vec::new() };
        let fewer = choices(group, &atoms, &cell.same_positions(), 12, 1000);
        assert!(fewer.len() < all.len() && fewer.iter().any(|c| c.free == 1));
    }

    #[test]
    fn atoms_are_thrown_apart() {
        let group = SpaceGroup::get(62).unwrap();
        let atoms = [(element("O"), 12), (element("Ti"), 4), (element("Ca"), 4)];
        let choice =
            choices(group, &atoms, &[], 12, 1000).into_iter().find(|c| c.free > 4).unwrap();
        let mut thrower = Thrower::new(group, &[5.4, 7.6, 5.4], &choice).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut thrown = 0;
        for _ in 0..200 {
            if thrower.throw(3, &mut rng) {
                thrown += 1;
                assert!(crate::score::apart(&thrower.structure.primitive().unwrap()));
            }
        }
        assert!(thrown > 0);
    }
}
