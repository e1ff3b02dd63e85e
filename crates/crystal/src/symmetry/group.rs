//! Space groups: operations, centring, Wyckoff positions.

use std::sync::OnceLock;

use moyo::data::{HallSymbol, Setting, hall_symbol_entry, iter_wyckoff_positions_from_hall_number};
use nalgebra::{Matrix3, Vector3};

use super::WyckoffPosition;
use super::names::operations_of;
use super::normaliser::Normaliser;
use crate::cif::Operation;
use crate::structure::{nearest, wrapped};

/// Crystal systems; trigonal groups count as hexagonal, whose axes they have here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CrystalSystem {
    Triclinic,
    Monoclinic,
    Orthorhombic,
    Tetragonal,
    Hexagonal,
    Cubic,
}

/// A space group in the setting of its smallest Hall number.
#[derive(Debug)]
pub struct SpaceGroup {
    /// Number in the International Tables, 1 to 230.
    pub number: u16,
    /// Hall number of the setting, 1 to 530.
    pub hall_number: i32,
    /// Short Hermann-Mauguin symbol.
    pub symbol: &'static str,
    /// All operations of the conventional cell, those of the centring included.
    pub operations: Vec<Operation>,
    /// Translations of the centring, the zero vector first.
    pub centring: Vec<Vector3<f64>>,
    /// Primitive vectors in units of the conventional ones, as columns.
    pub primitive: Matrix3<f64>,
    /// Wyckoff positions, the most special first: by multiplicity, then by letter.
    pub positions: Vec<WyckoffPosition>,
    normaliser: OnceLock<Normaliser>,
}

/// Fractional distance within which images of a position are one.
pub(super) const SAME_PLACE: f64 = 1e-3;

impl SpaceGroup {
    /// The group of a number, 1 to 230.
    #[must_use]
    pub fn get(number: u16) -> Option<&'static Self> {
        static GROUPS: [OnceLock<Option<SpaceGroup>>; 230] = [const { OnceLock::new() }; 230];
        let slot = GROUPS.get(usize::from(number).checked_sub(1)?)?;
        slot.get_or_init(|| Self::load(number)).as_ref()
    }

    fn load(number: u16) -> Option<Self> {
        let hall_number = Setting::Spglib.hall_number(i32::from(number))?;
        let entry = hall_symbol_entry(hall_number)?;
        let symbol = HallSymbol::from_hall_number(hall_number)?;
        let centring = symbol.centering.lattice_points();
        let rows = iter_wyckoff_positions_from_hall_number(hall_number);
        let mut positions = rows.map(WyckoffPosition::new).collect::<Option<Vec<_>>>()?;
        positions.sort_by_key(|p| (p.multiplicity, p.letter));
        Some(Self {
            number,
            hall_number,
            symbol: entry.hm_short,
            operations: operations_of(&symbol, None),
            primitive: entry.centering.inverse(),
            centring,
            positions,
            normaliser: OnceLock::new(),
        })
    }

    /// Its crystal system.
    #[must_use]
    pub const fn system(&self) -> CrystalSystem {
        match self.number {
            0..=2 => CrystalSystem::Triclinic,
            3..=15 => CrystalSystem::Monoclinic,
            16..=74 => CrystalSystem::Orthorhombic,
            75..=142 => CrystalSystem::Tetragonal,
            143..=194 => CrystalSystem::Hexagonal,
            _ => CrystalSystem::Cubic,
        }
    }

    /// Place of a Wyckoff position in [`Self::positions`].
    #[must_use]
    pub fn position_of_letter(&self, letter: char) -> Option<usize> {
        self.positions.iter().position(|p| p.letter == letter)
    }

    /// Images of a position under all operations, in [0, 1).
    pub(super) fn images(&self, x: &Vector3<f64>) -> Vec<Vector3<f64>> {
        self.operations.iter().map(|o| wrapped(o.apply(x))).collect()
    }

    /// Wyckoff position on which `x` lies, by its place in [`Self::positions`], and every choice of
    /// the free coordinates that describes its orbit. None if it lies on none within `tolerance`
    /// (fractional).
    #[must_use]
    pub fn locate(&self, x: &Vector3<f64>, tolerance: f64) -> Option<(usize, Vec<Vec<f64>>)> {
        let images = self.images(x);
        let here = images.iter().filter(|y| nearest(**y - images[0]).amax() < tolerance).count();
        let multiplicity = self.operations.len() / here.max(1);
        let candidates = self.positions.iter().enumerate();
        for (k, position) in candidates.filter(|(_, p)| p.multiplicity == multiplicity) {
            let found: Vec<Vec<f64>> =
                images.iter().filter_map(|y| position.parameters_at(y, tolerance)).collect();
            if !found.is_empty() {
                return Some((k, found));
            }
        }
        None
    }

    /// Whether a vector is a lattice translation, within `tolerance` (fractional).
    pub(super) fn is_translation(&self, vector: &Vector3<f64>, tolerance: f64) -> bool {
        self.centring.iter().any(|c| nearest(vector - c).amax() < tolerance)
    }

    /// Changes of axes and origin that keep the group.
    pub(super) fn normaliser(&self) -> &Normaliser {
        self.normaliser.get_or_init(|| Normaliser::of(self))
    }

    /// Axes (0, 1, 2) along which the origin may be put anywhere.
    pub(super) fn polar_axes(&self) -> Vec<usize> {
        let fixed = |axis: &usize| {
            self.operations.iter().all(|o| {
                (0..3).all(|row| o.rotation[(row, *axis)] == i32::from(row == *axis))
                    && (0..3)
                        .all(|column| o.rotation[(*axis, column)] == i32::from(column == *axis))
            })
        };
        (0..3).filter(fixed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_of_every_group_has_its_multiplicity_and_finds_itself() {
        for number in 1..=230 {
            let group = SpaceGroup::get(number).unwrap();
            for (k, position) in group.positions.iter().enumerate() {
                let parameters = &[0.1389, 0.2871, 0.4119][..position.degrees_of_freedom()];
                let x = position.position(parameters);
                let (found, all) = group.locate(&x, SAME_PLACE).unwrap();
                assert_eq!(found, k, "group {number}{}", position.letter);
                let same =
                    |p: &Vec<f64>| p.iter().zip(parameters).all(|(a, b)| (a - b).abs() < 1e-9);
                assert!(all.iter().any(same), "group {number}{}", position.letter);
            }
        }
        assert!(SpaceGroup::get(0).is_none());
        assert!(SpaceGroup::get(231).is_none());
    }

    #[test]
    fn operations_form_a_group() {
        for number in [1, 2, 14, 62, 139, 167, 194, 225, 227, 230] {
            let group = SpaceGroup::get(number).unwrap();
            let n = group.operations.len();
            assert_eq!(n, group.positions.last().unwrap().multiplicity);
            for a in &group.operations {
                let b = &group.operations[n / 2];
                let rotation = a.rotation * b.rotation;
                let translation = a.apply(&b.translation);
                let found = group.operations.iter().any(|c| {
                    c.rotation == rotation && nearest(c.translation - translation).amax() < 1e-9
                });
                assert!(found, "group {number}");
            }
        }
    }
}
