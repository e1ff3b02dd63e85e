//! Tables of exp(2 pi i h x) for whole numbers h: one sine and cosine an atom and axis.

use nalgebra::Vector3;

/// A complex number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Complex {
    pub(super) re: f64,
    pub(super) im: f64,
}

impl Complex {
    pub(super) const ZERO: Self = Self { re: 0.0, im: 0.0 };

    #[inline]
    pub(super) fn times(self, other: Self) -> Self {
        Self {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }

    #[inline]
    pub(super) fn plus(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }

    #[inline]
    pub(super) fn scaled(self, factor: f64) -> Self {
        Self { re: self.re * factor, im: self.im * factor }
    }

    pub(super) fn norm2(self) -> f64 {
        self.re * self.re + self.im * self.im
    }
}

/// Phases of every atom for indices from -limit to limit along each axis.
pub(super) struct Phases {
    limits: [i32; 3],
    atoms: usize,
    /// For each axis: index, then atom.
    tables: [Vec<Complex>; 3],
}

impl Phases {
    /// Tables for atoms at `positions` and indices up to `limits`.
    pub(super) fn new(positions: &[Vector3<f64>], limits: [i32; 3]) -> Self {
        let atoms = positions.len();
        let tables = std::array::from_fn(|axis| {
            let limit = limits[axis] as usize;
            let mut table = vec![Complex::ZERO; (2 * limit + 1) * atoms];
            for (k, x) in positions.iter().enumerate() {
                let (im, re) = (std::f64::consts::TAU * x[axis]).sin_cos();
                let step = Complex { re, im };
                let mut phase = Complex { re: 1.0, im: 0.0 };
                for h in 0..=limit {
                    table[(limit + h) * atoms + k] = phase;
                    table[(limit - h) * atoms + k] = Complex { re: phase.re, im: -phase.im };
                    phase = phase.times(step);
                }
            }
            table
        });
        Self { limits, atoms, tables }
    }

    /// Phases of all atoms for one index along one axis.
    pub(super) fn axis(&self, axis: usize, index: i32) -> &[Complex] {
        let row = (index + self.limits[axis]) as usize;
        &self.tables[axis][row * self.atoms..(row + 1) * self.atoms]
    }
}
