//! Atomic form factors.

use std::sync::OnceLock;

use super::form_factor_table::FORM_FACTORS;
use crate::Element;

/// Form factor of a free atom: f(s) = Z - 41.78214 s^2 sum_i a_i exp(-b_i s^2).
///
/// Source: Graef and McHenry (2012), Structure of Materials; Mott-Bethe relation. It falls below zero
/// at large s for a few light atoms, as the source's does.
#[derive(Debug)]
pub struct FormFactor {
    z: f64,
    pairs: [(f64, f64); 4],
    /// Values and slopes times the step on a grid in s^2.
    grid: OnceLock<Vec<[f64; 2]>>,
}

/// Of the Mott-Bethe relation, in 1/angstrom.
const MOTT_BETHE: f64 = 41.78214;

/// Step of the grid in s^2, in 1/angstrom^2.
const STEP: f64 = 1.0 / 1024.0;

/// End of the grid in s^2.
const END: f64 = 2.0;

impl FormFactor {
    /// Form factor of an element. None beyond californium.
    #[must_use]
    pub fn of(element: Element) -> Option<&'static Self> {
        static FACTORS: OnceLock<Vec<Option<FormFactor>>> = OnceLock::new();
        let factors = FACTORS.get_or_init(|| {
            let mut all: Vec<Option<FormFactor>> = (0..=118).map(|_| None).collect();
            for (z, pairs) in FORM_FACTORS {
                let factor = FormFactor { z: f64::from(z), pairs, grid: OnceLock::new() };
                all[usize::from(z)] = Some(factor);
            }
            all
        });
        factors.get(usize::from(element.atomic_number()))?.as_ref()
    }

    /// Value and derivative by s^2, from the formula.
    #[must_use]
    pub fn exact(&self, s2: f64) -> (f64, f64) {
        let (mut sum, mut slope) = (0.0, 0.0);
        for (a, b) in self.pairs {
            let term = a * (-b * s2).exp();
            sum += term;
            slope += term * (1.0 - b * s2);
        }
        (self.z - MOTT_BETHE * s2 * sum, -MOTT_BETHE * slope)
    }

    /// Value and derivative by s^2, by cubic interpolation that differs from the formula by less than
    /// 1e-5 electrons.
    #[must_use]
    pub fn at(&self, s2: f64) -> (f64, f64) {
        if s2 >= END {
            return self.exact(s2);
        }
        hermite(self.grid(), s2)
    }

    /// The interpolation alone, for many values.
    pub(super) fn interpolation(&self) -> Interpolation<'_> {
        Interpolation { factor: self, grid: self.grid() }
    }

    fn grid(&self) -> &[[f64; 2]] {
        self.grid.get_or_init(|| {
            let points = 0..=(END / STEP) as usize + 1;
            let at = |k: usize| {
                let (value, slope) = self.exact(k as f64 * STEP);
                [value, slope * STEP]
            };
            points.map(at).collect()
        })
    }
}

/// A form factor with its grid at hand.
#[derive(Clone, Copy)]
pub(super) struct Interpolation<'a> {
    factor: &'a FormFactor,
    grid: &'a [[f64; 2]],
}

impl Interpolation<'_> {
    /// Value at s^2.
    #[inline]
    pub(super) fn value(&self, s2: f64) -> f64 {
        if s2 < END { hermite(self.grid, s2).0 } else { self.factor.exact(s2).0 }
    }
}

/// Value and derivative of the cubic between two points of the grid.
#[inline]
fn hermite(grid: &[[f64; 2]], s2: f64) -> (f64, f64) {
    let t = s2 / STEP;
    let k = t as usize;
    let u = t - k as f64;
    let ([f0, m0], [f1, m1]) = (grid[k], grid[k + 1]);
    // f0 + u (m0 + u (c + u d))
    let rise = f1 - f0;
    let c = 3.0 * rise - 2.0 * m0 - m1;
    let d = m0 + m1 - 2.0 * rise;
    let value = f0 + u * (m0 + u * (c + u * d));
    let slope = m0 + u * (2.0 * c + u * 3.0 * d);
    (value, slope / STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_scattering_counts_the_electrons() {
        for z in 1..=98 {
            let factor = FormFactor::of(Element::from_atomic_number(z).unwrap()).unwrap();
            assert_eq!(factor.exact(0.0).0, f64::from(z));
        }
        assert!(FormFactor::of(Element::from_symbol("Es").unwrap()).is_none());
    }

    #[test]
    fn interpolation_follows_the_formula() {
        for z in 1..=98 {
            let factor = FormFactor::of(Element::from_atomic_number(z).unwrap()).unwrap();
            for k in 0..5000 {
                let s2 = f64::from(k) * 4.3e-4;
                let ((f, df), (g, dg)) = (factor.at(s2), factor.exact(s2));
                assert!((f - g).abs() < 1e-5, "Z {z}, s2 {s2}: {f} {g}");
                assert!((df - dg).abs() < 2e-3 * (1.0 + dg.abs()), "Z {z}, s2 {s2}: {df} {dg}");
            }
        }
    }
}
