//! Preferred orientation after March and Dollase.
//!
//! Source: Dollase (1986), Correction of intensities for preferred orientation in powder diffractometry.

use nalgebra::Vector3;

use crate::Lattice;

/// Preferred orientation of crystallites along one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Texture {
    /// Normal of the planes that lie flat, as Miller indices of the same cell as the reflections.
    pub hkl: [i32; 3],
    /// Ratio r: 1 is no texture, below 1 plates lie flat, above 1 needles do.
    pub ratio: f64,
}

impl Texture {
    /// Factor of one reflection's intensity and its derivative by the ratio, which is positive:
    /// (r^2 cos^2 a + sin^2 a / r)^(-3/2) where `a` is the angle between the two normals. A powder
    /// line has the mean over its equivalent reflections.
    #[must_use]
    pub fn factor(&self, lattice: &Lattice, hkl: [i32; 3]) -> (f64, f64) {
        let reciprocal = lattice.reciprocal();
        let normal = |h: [i32; 3]| reciprocal * Vector3::from(h.map(f64::from));
        let (a, b) = (normal(self.hkl), normal(hkl));
        let lengths = a.norm_squared() * b.norm_squared();
        if lengths == 0.0 {
            return (1.0, 0.0);
        }
        let cos2 = a.dot(&b).powi(2) / lengths;
        let sin2 = 1.0 - cos2;
        let r = self.ratio;
        let inner = r * r * cos2 + sin2 / r;
        let slope = 2.0 * r * cos2 - sin2 / (r * r);
        (inner.powf(-1.5), -1.5 * inner.powf(-2.5) * slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CellParameters;

    #[test]
    fn the_factor_keeps_the_mean_over_all_directions_and_has_its_derivative() {
        let cell = CellParameters { lengths: [1.0; 3], angles_deg: [90.0; 3] };
        let lattice = Lattice::from_parameters(cell).unwrap();
        // directions spread evenly over cos(a): indices (n, 0, m) sample the angle
        let mean = |ratio: f64| {
            let texture = Texture { hkl: [0, 0, 1], ratio };
            let n = 20_000;
            let at = |k: i32| {
                let cos = (f64::from(k) + 0.5) / f64::from(n);
                let sin = (1.0 - cos * cos).sqrt();
                let scaled = |x: f64| (x * 1e6).round() as i32;
                texture.factor(&lattice, [scaled(sin), 0, scaled(cos)]).0
            };
            (0..n).map(at).sum::<f64>() / f64::from(n)
        };
        for ratio in [0.5, 1.0, 2.0] {
            assert!((mean(ratio) - 1.0).abs() < 1e-3, "{ratio}: {}", mean(ratio));
        }
        let at = |ratio| Texture { hkl: [1, 1, 0], ratio }.factor(&lattice, [2, 1, 1]);
        let difference = (at(0.7 + 1e-6).0 - at(0.7 - 1e-6).0) / 2e-6;
        assert!((difference - at(0.7).1).abs() < 1e-7);
    }
}
