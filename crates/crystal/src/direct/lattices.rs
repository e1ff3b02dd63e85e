//! Bravais lattices and the places of their reflections.

use nalgebra::Matrix3;

use crate::symmetry::CrystalSystem;

/// Centring of a conventional cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Centring {
    /// None.
    Primitive,
    /// One point more, half a, b or c apart as the flags say: C is `[true, true, false]`.
    Half([bool; 3]),
    /// All faces.
    Faces,
    /// Hexagonal axes of a rhombohedral lattice, obverse.
    Rhombohedral,
}

impl Centring {
    /// Lattice points of the cell.
    pub const fn points(self) -> usize {
        match self {
            Self::Primitive => 1,
            Self::Half(_) => 2,
            Self::Rhombohedral => 3,
            Self::Faces => 4,
        }
    }

    /// Whether it permits a reflection.
    pub fn permits(self, [h, k, l]: [i32; 3]) -> bool {
        match self {
            Self::Primitive => true,
            Self::Half(half) => {
                let sum: i32 =
                    [h, k, l].iter().zip(half).filter(|(_, half)| *half).map(|(h, _)| *h).sum();
                sum % 2 == 0
            }
            Self::Faces => (h + k) % 2 == 0 && (k + l) % 2 == 0,
            Self::Rhombohedral => (-h + k + l) % 3 == 0,
        }
    }
}

/// A crystal system with a centring, in the axes in which cells are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bravais {
    /// Its system; trigonal lattices are hexagonal.
    pub system: CrystalSystem,
    /// Its centring.
    pub centring: Centring,
}

const BODY: Centring = Centring::Half([true; 3]);
const BASE: Centring = Centring::Half([true, true, false]);

/// Every lattice but the triclinic, the most symmetric first. Monoclinic cells are those with the shortest a and c,
/// whose centring may be of the base or of the body.
pub(super) const LATTICES: [Bravais; 14] = {
    use CrystalSystem::{Cubic, Hexagonal, Monoclinic, Orthorhombic, Tetragonal};
    const fn of(system: CrystalSystem, centring: Centring) -> Bravais {
        Bravais { system, centring }
    }
    [
        of(Cubic, Centring::Faces),
        of(Cubic, BODY),
        of(Cubic, Centring::Primitive),
        of(Hexagonal, Centring::Rhombohedral),
        of(Hexagonal, Centring::Primitive),
        of(Tetragonal, BODY),
        of(Tetragonal, Centring::Primitive),
        of(Orthorhombic, Centring::Faces),
        of(Orthorhombic, BODY),
        of(Orthorhombic, BASE),
        of(Orthorhombic, Centring::Primitive),
        of(Monoclinic, BASE),
        of(Monoclinic, BODY),
        of(Monoclinic, Centring::Primitive),
    ]
};

/// Most numbers of a reciprocal metric.
pub(super) const MOST: usize = 4;

impl Bravais {
    /// Numbers of its reciprocal metric: Q^2 of a reflection is their sum with [`Self::coefficients`].
    pub const fn numbers(self) -> usize {
        match self.system {
            CrystalSystem::Cubic => 1,
            CrystalSystem::Tetragonal | CrystalSystem::Hexagonal => 2,
            CrystalSystem::Orthorhombic => 3,
            CrystalSystem::Monoclinic | CrystalSystem::Triclinic => 4,
        }
    }

    /// How often each number of the reciprocal metric is in Q^2 of a reflection.
    pub const fn coefficients(self, [h, k, l]: [i32; 3]) -> [i32; MOST] {
        match self.system {
            CrystalSystem::Cubic => [h * h + k * k + l * l, 0, 0, 0],
            CrystalSystem::Tetragonal => [h * h + k * k, l * l, 0, 0],
            CrystalSystem::Hexagonal => [h * h + h * k + k * k, l * l, 0, 0],
            CrystalSystem::Orthorhombic => [h * h, k * k, l * l, 0],
            CrystalSystem::Monoclinic | CrystalSystem::Triclinic => [h * h, k * k, l * l, h * l],
        }
    }

    /// Determinant of the reciprocal metric as far as it is known within a box: least and greatest.
    pub fn determinant(self, low: &[f64; MOST], high: &[f64; MOST]) -> [f64; 2] {
        let of = |m: &[f64; MOST], mixed: f64| match self.system {
            CrystalSystem::Cubic => m[0].powi(3),
            CrystalSystem::Tetragonal => m[0] * m[0] * m[1],
            CrystalSystem::Hexagonal => 0.75 * m[0] * m[0] * m[1],
            CrystalSystem::Orthorhombic => m[0] * m[1] * m[2],
            CrystalSystem::Monoclinic | CrystalSystem::Triclinic => {
                m[1] * (m[0] * m[2] - mixed * mixed / 4.0).max(0.0)
            }
        };
        [of(low, high[3]), of(high, low[3])]
    }

    /// The reciprocal metric, times 4 pi^2.
    pub fn reciprocal(self, m: &[f64; MOST]) -> Matrix3<f64> {
        match self.system {
            CrystalSystem::Cubic => Matrix3::from_diagonal_element(m[0]),
            CrystalSystem::Tetragonal => Matrix3::from_diagonal(&[m[0], m[0], m[1]].into()),
            CrystalSystem::Hexagonal => {
                let half = m[0] / 2.0;
                Matrix3::new(m[0], half, 0.0, half, m[0], 0.0, 0.0, 0.0, m[1])
            }
            CrystalSystem::Orthorhombic => Matrix3::from_diagonal(&[m[0], m[1], m[2]].into()),
            CrystalSystem::Monoclinic | CrystalSystem::Triclinic => {
                let half = m[3] / 2.0;
                Matrix3::new(m[0], 0.0, half, 0.0, m[1], 0.0, half, 0.0, m[2])
            }
        }
    }

    /// One of each set of reflections that symmetry makes equal, with indices up to `limits`.
    pub fn reflections(self, limits: [i32; 3]) -> Vec<[i32; 3]> {
        let mut found = Vec::new();
        for h in -limits[0]..=limits[0] {
            for k in 0..=limits[1] {
                for l in 0..=limits[2] {
                    let own = match self.system {
                        CrystalSystem::Cubic => h >= k && k >= l,
                        CrystalSystem::Tetragonal => h >= k,
                        // of hk and kh, which a rhombohedral lattice permits with opposite signs of l, one will do
                        CrystalSystem::Hexagonal => h >= 0,
                        CrystalSystem::Orthorhombic => h >= 0,
                        CrystalSystem::Monoclinic | CrystalSystem::Triclinic => h >= 0 || l > 0,
                    };
                    if own && [h, k, l] != [0; 3] && self.centring.permits([h, k, l]) {
                        found.push([h, k, l]);
                    }
                }
            }
        }
        found
    }
}
