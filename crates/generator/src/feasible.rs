//! Whether atoms of given numbers can still be placed on the Wyckoff positions of a group.
//!
//! A position without free coordinates holds one orbit, all others any number. Exact: positions without
//! freedom and equal multiplicity are interchangeable for elements that come later, so that only how
//! many of each multiplicity are taken matters.

use surrogate_crystal::symmetry::SpaceGroup;

/// Positions of a group by multiplicity in the primitive cell.
#[derive(Debug)]
pub struct Places {
    /// Multiplicity and letter of each position, whether it is free.
    positions: Vec<(usize, char, bool)>,
    /// Distinct multiplicities of positions without freedom.
    sizes: Vec<usize>,
}

/// What the element that is being placed may use: positions from a letter on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// First letter that free positions may have.
    pub letter: char,
    /// Whether a position without freedom of that very letter may be used.
    pub inclusive: bool,
}

impl Floor {
    /// Every letter.
    pub const NONE: Self = Self { letter: '\0', inclusive: true };
}

impl Places {
    /// Positions of a group.
    #[must_use]
    pub fn of(group: &SpaceGroup) -> Self {
        let cells = group.centring.len();
        let positions: Vec<(usize, char, bool)> = group
            .positions
            .iter()
            .map(|p| (p.multiplicity / cells, p.letter, p.degrees_of_freedom() > 0))
            .collect();
        let mut sizes: Vec<usize> = positions.iter().filter(|p| !p.2).map(|p| p.0).collect();
        sizes.sort_unstable();
        sizes.dedup();
        Self { positions, sizes }
    }

    /// Whether `counts` of atoms, one number for each element, can be placed where `used` positions are
    /// taken and the first element only may use positions from `floor` on.
    #[must_use]
    pub fn can_hold(&self, counts: &[usize], used: &[bool], floor: Floor) -> bool {
        let Some((&first, later)) = counts.split_first() else { return true };
        let open = |p: &(usize, char, bool)| {
            p.1 > floor.letter || (floor.inclusive && p.1 == floor.letter)
        };
        let singles = |own: bool| -> Vec<usize> {
            let mut free = vec![0; self.sizes.len()];
            for (p, &used) in self.positions.iter().zip(used) {
                let usable = !p.2 && !used && (!own || open(p));
                if let Some(k) = self.sizes.iter().position(|&s| usable && s == p.0) {
                    free[k] += 1;
                }
            }
            free
        };
        let most = counts.iter().copied().max().unwrap_or(0);
        let reach = |own: bool| -> Vec<bool> {
            let mut reach = vec![false; most + 1];
            reach[0] = true;
            for n in 1..=most {
                let fits = |p: &(usize, char, bool)| {
                    // a free position of the floor's own letter may repeat
                    p.2 && (!own || p.1 >= floor.letter) && p.0 <= n
                };
                reach[n] = self.positions.iter().any(|p| fits(p) && reach[n - p.0]);
            }
            reach
        };
        let all = reach(false);
        let mut left = singles(false);
        let own = singles(true);
        self.place(first, 0, &reach(true), Some(&own), later, &all, &mut left)
    }

    /// Takes positions without freedom of each multiplicity in turn for one element, then goes on with
    /// the next.
    #[allow(clippy::too_many_arguments)]
    fn place(
        &self,
        count: usize,
        size: usize,
        reach: &[bool],
        own: Option<&[usize]>,
        later: &[usize],
        all: &[bool],
        left: &mut Vec<usize>,
    ) -> bool {
        if size == self.sizes.len() {
            if !reach[count] {
                return false;
            }
            return match later.split_first() {
                None => true,
                Some((&next, rest)) => self.place(next, 0, all, None, rest, all, left),
            };
        }
        let multiplicity = self.sizes[size];
        let available = own.map_or(left[size], |own| own[size].min(left[size]));
        for taken in 0..=available.min(count / multiplicity) {
            left[size] -= taken;
            let rest = count - taken * multiplicity;
            let found = self.place(rest, size + 1, reach, own, later, all, left);
            left[size] += taken;
            if found {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(group: u16, counts: &[usize]) -> bool {
        let group = SpaceGroup::get(group).unwrap();
        Places::of(group).can_hold(counts, &vec![false; group.positions.len()], Floor::NONE)
    }

    #[test]
    fn known_groups_hold_what_they_can() {
        // rock salt on a and b; a third element with one atom does not fit with c of two atoms
        assert!(holds(225, &[1, 1]));
        assert!(!holds(225, &[1, 1, 1]));
        assert!(holds(225, &[1, 1, 2]));
        assert!(holds(216, &[1, 1, 1, 1]));
        assert!(!holds(216, &[1, 1, 1, 1, 1]));
        // the trivial group holds everything
        assert!(holds(1, &[7, 13, 2]));
        // the inversion alone has eight places of one atom
        assert!(holds(2, &[1, 1, 1, 1, 1, 1, 1, 1]));
        assert!(!holds(2, &[1, 1, 1, 1, 1, 1, 1, 1, 1]));
    }

    #[test]
    fn it_agrees_with_trying_every_way() {
        fn every_way(
            positions: &[(usize, char, bool)],
            counts: &[usize],
            used: &mut Vec<bool>,
        ) -> bool {
            let Some(k) = counts.iter().position(|&c| c > 0) else { return true };
            for (place, p) in positions.iter().enumerate() {
                if p.0 > counts[k] || (!p.2 && used[place]) {
                    continue;
                }
                let mut rest = counts.to_vec();
                rest[k] -= p.0;
                let before = used[place];
                used[place] = true;
                let found = every_way(positions, &rest, used);
                used[place] = before;
                if found {
                    return true;
                }
            }
            false
        }
        for number in [2, 12, 14, 62, 123, 139, 166, 194, 216, 221, 225, 227, 229, 230] {
            let group = SpaceGroup::get(number).unwrap();
            let places = Places::of(group);
            let used = vec![false; group.positions.len()];
            for a in 1..=5 {
                for b in 1..=4 {
                    let quick = places.can_hold(&[a, b], &used, Floor::NONE);
                    let slow = every_way(&places.positions, &[a, b], &mut used.clone());
                    assert_eq!(quick, slow, "group {number}: {a} and {b} atoms");
                }
            }
        }
    }
}
