//! Space groups, Wyckoff positions and the canonical description of a crystal.
//!
//! Groups, their operations and positions come from the tables of `moyo`, in the setting of the
//! smallest Hall number of each group (unique axis b, cell choice 1, hexagonal axes, origin 1). One
//! crystal has many descriptions: origins and axes that the group's normaliser permits permute the
//! Wyckoff letters. [`SymmetricStructure::canonical`] chooses one, so that equal crystals are equal.

mod analyse;
mod canonical;
mod closure;
mod group;
mod names;
mod normaliser;
mod symmetric;
mod wyckoff;

pub use analyse::{SymmetryError, analyse};
pub use closure::{MOST_OPERATIONS, generated, is_subgroup};
pub use group::{CrystalSystem, SpaceGroup};
pub use names::{GroupSetting, operations_of_hall_symbol};
pub use symmetric::{AtomImage, Orbit, SymmetricStructure};
pub use wyckoff::WyckoffPosition;

/// Distance in angstrom within which atoms count as symmetric, as the Materials Project takes it.
pub const SYMPREC: f64 = 0.1;
