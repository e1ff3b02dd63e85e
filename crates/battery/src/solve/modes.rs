//! Radial modes of diffusion in a sphere with a given flux at its surface.
//!
//! Galerkin in even polynomials of the radius: the surface value is the sum of the modes x_k, and
//! x_k' = -lambda_k D / R^2 x_k - b_k q / R for a molar flux q outwards (over the largest
//! concentration). The first mode is the mean: lambda_0 = 0, b_0 = 3. Lithium is conserved exactly.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{RADII, radii};

/// Decay rates and surface weights of the modes, slowest first.
#[derive(Debug, Clone)]
pub(super) struct Modes {
    /// lambda_k, dimensionless.
    pub(super) rates: Vec<f64>,
    /// b_k, dimensionless.
    pub(super) weights: Vec<f64>,
    /// Values of each mode at [`radii`], that at the surface is 1.
    inside: Vec<[f64; RADII]>,
}

/// Jacobi polynomials P^(0, 1/2) of degrees below `count` and their slopes, at `x`.
///
/// They are orthogonal with the weight (1 + x)^(1/2), that of r^2 dr with x = 2 r^2 - 1.
fn jacobi(count: usize, x: f64) -> Vec<(f64, f64)> {
    let b = 0.5;
    let mut values = vec![(1.0, 0.0), ((1.0 - (b + 2.0) * (1.0 - x) / 2.0), (b + 2.0) / 2.0)];
    for k in 2..count {
        let n = k as f64;
        let s = 2.0 * n + b;
        let scale = 2.0 * n * (n + b) * (s - 2.0);
        let (linear, constant) = ((s - 1.0) * s * (s - 2.0), -(s - 1.0) * b * b);
        let older = 2.0 * (n - 1.0) * (n + b - 1.0) * s;
        let ((p1, d1), (p2, d2)) = (values[k - 1], values[k - 2]);
        let value = ((linear * x + constant) * p1 - older * p2) / scale;
        let slope = (linear * p1 + (linear * x + constant) * d1 - older * d2) / scale;
        values.push((value, slope));
    }
    values.truncate(count);
    values
}

impl Modes {
    /// The first `count` modes, at least 2.
    pub(super) fn new(count: usize) -> Self {
        let (z, w) = super::lobatto::rule(2 * count + 4);
        let (mut mass, mut stiffness) = (vec![0.0; count], vec![0.0; count * count]);
        for (z, w) in z.iter().zip(&w) {
            let (r, w) = (0.5 * (z + 1.0), 0.5 * w);
            let p = jacobi(count, 2.0 * r * r - 1.0);
            for i in 0..count {
                mass[i] += w * r * r * p[i].0 * p[i].0;
                for j in 0..count {
                    let slopes = p[i].1 * p[j].1 * (4.0 * r).powi(2);
                    stiffness[i * count + j] += w * r * r * slopes;
                }
            }
        }
        for i in 0..count {
            for j in 0..count {
                stiffness[i * count + j] /= (mass[i] * mass[j]).sqrt();
            }
        }
        let (rates, vectors) = symmetric_eigen(stiffness, count);
        let mut modes: Vec<Mode> = (0..count)
            .map(|k| {
                let shape = |i: usize| vectors[i * count + k] / mass[i].sqrt();
                // every polynomial is 1 at the surface
                let surface: f64 = (0..count).map(shape).sum();
                let shape = (0..count).map(|i| shape(i) / surface).collect();
                Mode { rate: rates[k], weight: surface * surface, shape }
            })
            .collect();
        modes.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        // exact for the mean, so that it does not drift
        (modes[0].rate, modes[0].weight) = (0.0, 3.0);
        let polynomials = radii().map(|r| jacobi(count, 2.0 * r * r - 1.0));
        let inside = |mode: &Mode| {
            let at = |values: &Vec<(f64, f64)>| {
                mode.shape.iter().zip(values).map(|(c, (value, _))| c * value).sum()
            };
            polynomials.each_ref().map(at)
        };
        Self {
            rates: modes.iter().map(|mode| mode.rate).collect(),
            weights: modes.iter().map(|mode| mode.weight).collect(),
            inside: modes.iter().map(inside).collect(),
        }
    }

    /// The first `count` modes, which are found once in a process.
    pub(super) fn shared(count: usize) -> Arc<Self> {
        static FOUND: Mutex<BTreeMap<usize, Arc<Modes>>> = Mutex::new(BTreeMap::new());
        // what another thread left is whole, whatever became of it
        let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(found.entry(count).or_insert_with(|| Arc::new(Self::new(count))))
    }

    /// Stoichiometry at [`radii`], from the amplitudes at the surface.
    pub(super) fn profile(&self, amplitudes: impl Iterator<Item = f64>) -> [f64; RADII] {
        let mut out = [0.0; RADII];
        for (amplitude, shape) in amplitudes.zip(&self.inside) {
            out.iter_mut().zip(shape).for_each(|(out, shape)| *out += amplitude * shape);
        }
        out
    }
}

/// A mode while they are sorted.
struct Mode {
    rate: f64,
    weight: f64,
    shape: Vec<f64>,
}

/// Eigenvalues and eigenvectors (columns) of a symmetric matrix, by Jacobi's rotations.
///
/// Source: Golub and Van Loan, Matrix Computations (2013), section 8.5.
fn symmetric_eigen(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut v = vec![0.0; n * n];
    for i in 0..n {
        v[i * n + i] = 1.0;
    }
    for _ in 0..60 {
        let mut off = 0.0;
        for p in 0..n {
            for q in p + 1..n {
                let coupling = a[p * n + q];
                let scale = (a[p * n + p] * a[q * n + q]).abs().sqrt();
                if coupling.abs() <= 1e-17 * scale {
                    continue;
                }
                off += coupling * coupling;
                let tau = (a[q * n + q] - a[p * n + p]) / (2.0 * coupling);
                let t = tau.signum() / (tau.abs() + (1.0 + tau * tau).sqrt());
                let c = 1.0 / (1.0 + t * t).sqrt();
                rotate(&mut a, &mut v, n, (p, q), (c, t * c));
            }
        }
        if off == 0.0 {
            break;
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), v)
}

/// Applies one rotation in the plane (p, q) from both sides.
fn rotate(a: &mut [f64], v: &mut [f64], n: usize, (p, q): (usize, usize), (c, s): (f64, f64)) {
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        (a[k * n + p], a[k * n + q]) = (c * x - s * y, s * x + c * y);
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        (a[p * n + k], a[q * n + k]) = (c * x - s * y, s * x + c * y);
        let (x, y) = (v[k * n + p], v[k * n + q]);
        (v[k * n + p], v[k * n + q]) = (c * x - s * y, s * x + c * y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_modes_are_those_of_the_exact_series() {
        // tan(m) = m: rates m^2, weight 2 for each
        let exact = [20.190_728_556_426_63, 59.679_515_944_109_43, 118.899_869_164_110_3];
        let modes = Modes::new(12);
        for (k, rate) in exact.iter().enumerate() {
            assert!((modes.rates[k + 1] / rate - 1.0).abs() < 1e-9, "{:?}", modes.rates);
            assert!((modes.weights[k + 1] - 2.0).abs() < 1e-6, "{:?}", modes.weights);
        }
    }

    #[test]
    fn the_settled_surface_is_a_fifth_of_the_flux_from_the_mean() {
        // in the long run c_surface - c_mean = -q R / (5 D): sum of b_k / lambda_k is 1/5
        for count in [4, 8, 16] {
            let modes = Modes::new(count);
            let lag: f64 = (1..count).map(|k| modes.weights[k] / modes.rates[k]).sum();
            assert!((lag - 0.2).abs() < 1e-12, "{count} modes: {lag}");
        }
    }
}
