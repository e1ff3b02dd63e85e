//! Crystals as a space group, its free cell parameters, and orbits on Wyckoff positions.

use nalgebra::{Matrix3, Vector3};

use super::group::SAME_PLACE;
use super::{CrystalSystem, SpaceGroup, WyckoffPosition};
use crate::structure::{nearest, wrapped};
use crate::{CellParameters, Element, Lattice, LatticeError, Site, Structure};

/// Atoms of one element on one Wyckoff position.
#[derive(Debug, Clone, PartialEq)]
pub struct Orbit {
    /// Element of the atoms.
    pub element: Element,
    /// Place of the Wyckoff position in the list of the group.
    pub position: usize,
    /// Values of the free coordinates.
    pub parameters: Vec<f64>,
}

/// A crystal in the standard setting of its space group.
#[derive(Debug, Clone)]
pub struct SymmetricStructure {
    /// Its space group.
    pub group: &'static SpaceGroup,
    /// Free cell parameters: lengths in angstrom, then angles in degrees, as
    /// [`SymmetricStructure::cell_names`] names them.
    pub cell: Vec<f64>,
    /// Its orbits.
    pub orbits: Vec<Orbit>,
}

impl SymmetricStructure {
    /// A crystal from the number of its group, its free cell parameters (angstrom, degrees), and for each orbit
    /// the symbol of its element, the letter of its position and its free coordinates. None if there is no such
    /// group, element or letter, or if numbers are missing or too many.
    #[must_use]
    pub fn of_letters(number: u16, cell: &[f64], orbits: &[(&str, char, &[f64])]) -> Option<Self> {
        let group = SpaceGroup::get(number)?;
        let orbit = |&(symbol, letter, parameters): &(&str, char, &[f64])| {
            let position = group.position_of_letter(letter)?;
            let element = Element::from_symbol(symbol)?;
            let complete = group.positions[position].degrees_of_freedom() == parameters.len();
            complete.then(|| Orbit { element, position, parameters: parameters.to_vec() })
        };
        let orbits = orbits.iter().map(orbit).collect::<Option<Vec<Orbit>>>()?;
        let complete = Self::cell_names(group.system()).len() == cell.len();
        complete.then(|| Self { group, cell: cell.to_vec(), orbits })
    }

    /// Names of the free cell parameters of a crystal system.
    #[must_use]
    pub const fn cell_names(system: CrystalSystem) -> &'static [&'static str] {
        match system {
            CrystalSystem::Triclinic => &["a", "b", "c", "alpha", "beta", "gamma"],
            CrystalSystem::Monoclinic => &["a", "b", "c", "beta"],
            CrystalSystem::Orthorhombic => &["a", "b", "c"],
            CrystalSystem::Tetragonal | CrystalSystem::Hexagonal => &["a", "c"],
            CrystalSystem::Cubic => &["a"],
        }
    }

    /// Number of free cell parameters that are lengths; angles follow them.
    #[must_use]
    pub fn cell_lengths(&self) -> usize {
        self.cell.len().min(3)
    }

    /// Free ones among six cell parameters.
    pub(super) fn free_cell(system: CrystalSystem, cell: &CellParameters) -> Vec<f64> {
        let ([a, b, c], [alpha, beta, gamma]) = (cell.lengths, cell.angles_deg);
        match system {
            CrystalSystem::Triclinic => vec![a, b, c, alpha, beta, gamma],
            CrystalSystem::Monoclinic => vec![a, b, c, beta],
            CrystalSystem::Orthorhombic => vec![a, b, c],
            CrystalSystem::Tetragonal | CrystalSystem::Hexagonal => vec![f64::midpoint(a, b), c],
            CrystalSystem::Cubic => vec![(a + b + c) / 3.0],
        }
    }

    /// All six cell parameters of the conventional cell.
    #[must_use]
    pub fn cell_parameters(&self) -> CellParameters {
        let q = &self.cell;
        let (lengths, angles_deg) = match self.group.system() {
            CrystalSystem::Triclinic => ([q[0], q[1], q[2]], [q[3], q[4], q[5]]),
            CrystalSystem::Monoclinic => ([q[0], q[1], q[2]], [90.0, q[3], 90.0]),
            CrystalSystem::Orthorhombic => ([q[0], q[1], q[2]], [90.0; 3]),
            CrystalSystem::Tetragonal => ([q[0], q[0], q[1]], [90.0; 3]),
            CrystalSystem::Hexagonal => ([q[0], q[0], q[1]], [90.0, 90.0, 120.0]),
            CrystalSystem::Cubic => ([q[0]; 3], [90.0; 3]),
        };
        CellParameters { lengths, angles_deg }
    }

    /// Lattice of the conventional cell.
    ///
    /// # Errors
    ///
    /// Cell parameters that span no cell.
    pub fn conventional_lattice(&self) -> Result<Lattice, LatticeError> {
        Lattice::from_parameters(self.cell_parameters())
    }

    /// Lattice of the primitive cell.
    ///
    /// # Errors
    ///
    /// Cell parameters that span no cell.
    pub fn primitive_lattice(&self) -> Result<Lattice, LatticeError> {
        Lattice::from_basis(self.conventional_lattice()?.basis() * self.group.primitive)
    }

    /// Wyckoff position of an orbit.
    #[must_use]
    pub fn wyckoff(&self, orbit: &Orbit) -> &'static WyckoffPosition {
        &self.group.positions[orbit.position]
    }

    /// Number of atoms in the primitive cell.
    #[must_use]
    pub fn primitive_atoms(&self) -> usize {
        let all: usize = self.orbits.iter().map(|o| self.wyckoff(o).multiplicity).sum();
        all / self.group.centring.len()
    }

    /// Number of free parameters: those of the cell and of all orbits.
    #[must_use]
    pub fn degrees_of_freedom(&self) -> usize {
        self.cell.len() + self.orbits.iter().map(|o| o.parameters.len()).sum::<usize>()
    }

    /// Sorted elements and letters of the orbits, for example `[(Ti, 'a'), (O, 'f')]` sorted by
    /// atomic number.
    #[must_use]
    pub fn letters(&self) -> Vec<(Element, char)> {
        let mut letters: Vec<_> =
            self.orbits.iter().map(|o| (o.element, self.wyckoff(o).letter)).collect();
        letters.sort_unstable();
        letters
    }

    /// The primitive cell with all its atoms, orbit after orbit.
    ///
    /// # Errors
    ///
    /// Cell parameters that span no cell.
    pub fn primitive(&self) -> Result<Structure, LatticeError> {
        let mut sites = Vec::with_capacity(self.primitive_atoms());
        for orbit in &self.orbits {
            for image in self.primitive_images(orbit) {
                sites.push(Site::new(orbit.element, wrapped(image.place(&orbit.parameters))));
            }
        }
        Ok(Structure { lattice: self.primitive_lattice()?, sites })
    }

    /// Places of the atoms of an orbit in the conventional cell, in [0, 1).
    #[must_use]
    pub fn conventional_places(&self, orbit: &Orbit) -> Vec<Vector3<f64>> {
        let first = self.wyckoff(orbit).position(&orbit.parameters);
        let mut places: Vec<Vector3<f64>> = Vec::new();
        for image in self.group.images(&first) {
            if places.iter().all(|known| nearest(known - image).amax() > SAME_PLACE) {
                places.push(image);
            }
        }
        places
    }

    /// The atoms of an orbit in the primitive cell as linear functions of its free coordinates.
    #[must_use]
    pub fn primitive_images(&self, orbit: &Orbit) -> Vec<AtomImage> {
        let position = self.wyckoff(orbit);
        let to_primitive = to_primitive(self.group);
        let wanted = position.multiplicity / self.group.centring.len();
        // places for general values, so that two atoms that happen to meet stay two
        let general = [0.1389, 0.2871, 0.4119];
        let general = &general[..position.degrees_of_freedom()];
        let mut images: Vec<AtomImage> = Vec::with_capacity(wanted);
        for operation in &self.group.operations {
            if images.len() == wanted {
                break;
            }
            let rotation = to_primitive * operation.rotation.map(f64::from);
            let image = AtomImage {
                origin: rotation * position.position(&[]) + to_primitive * operation.translation,
                directions: (0..position.degrees_of_freedom())
                    .map(|k| rotation * position.direction(k))
                    .collect(),
            };
            let place = image.place(general);
            let known =
                images.iter().any(|i| nearest(i.place(general) - place).amax() < SAME_PLACE);
            if !known {
                images.push(image);
            }
        }
        images
    }
}

/// Fractional coordinates of an atom in the primitive cell: origin + sum of directions times free
/// coordinates of its orbit.
#[derive(Debug, Clone, PartialEq)]
pub struct AtomImage {
    /// Place where all free coordinates are 0.
    pub origin: Vector3<f64>,
    /// Change with each free coordinate.
    pub directions: Vec<Vector3<f64>>,
}

impl AtomImage {
    /// Place for values of the free coordinates.
    #[must_use]
    pub fn place(&self, parameters: &[f64]) -> Vector3<f64> {
        let moved = self.directions.iter().zip(parameters).map(|(d, &p)| d * p);
        moved.fold(self.origin, |sum, d| sum + d)
    }
}

/// From conventional to primitive fractional coordinates.
fn to_primitive(group: &SpaceGroup) -> Matrix3<f64> {
    // primitive vectors of a centring are independent
    group.primitive.try_inverse().unwrap_or_else(Matrix3::identity)
}
