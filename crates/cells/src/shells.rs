//! A sphere whose diffusivity depends on its stoichiometry, in shells.

use surrogate_battery::Function;

/// Cells of the integral of the diffusivity over stoichiometry.
const STOICHIOMETRIES: usize = 4096;
/// Least diffusivity over that at the start: what formulas and tables give where they were not fitted.
const LEAST: f64 = 1e-6;
/// Newton's steps of a stage, and the change that ends them.
const NEWTON: usize = 25;
const SMALL: f64 = 1e-12;

/// A sphere of the diffusivity D(x) / D(x0) in shells of finite volume, finer towards the surface.
#[derive(Debug, Clone)]
pub(crate) struct Shells {
    /// Integral of the diffusivity from 0, with the diffusivity as its slope, on equal steps of stoichiometry.
    integral: Vec<[f64; 2]>,
    /// Volume of each cell over 4 pi.
    volumes: Vec<f64>,
    /// Twice the cube of the radius over the distance of the middles, in the square of the radius, at each inner face.
    faces: Vec<f64>,
    /// Distance from the middle of the last cell to the surface, in the square of the radius.
    last: f64,
}

impl Shells {
    /// So many shells of a diffusivity, whose value at a stoichiometry is the unit of time.
    pub(crate) fn new(diffusivity: &Function, x0: f64, count: usize) -> Self {
        let start = diffusivity.value(x0);
        let relative = |x: f64| {
            let value = diffusivity.value(x) / start;
            if value.is_finite() { value.max(LEAST) } else { LEAST }
        };
        let width = 1.0 / STOICHIOMETRIES as f64;
        let mut sum = 0.0;
        let mut integral = vec![[0.0, relative(0.0)]];
        for k in 0..STOICHIOMETRIES {
            let middle = (k as f64 + 0.5) * width;
            // Gauss's two points
            let off = 0.5 * width / 3.0_f64.sqrt();
            sum += 0.5 * width * (relative(middle - off) + relative(middle + off));
            integral.push([sum, relative(middle + 0.5 * width)]);
        }
        let radii: Vec<f64> = (0..=count).map(|k| graded(k, count)).collect();
        let power = |k: usize, n: i32| radii[k + 1].powi(n) - radii[k].powi(n);
        let middles: Vec<f64> = (0..count).map(|k| 0.6 * power(k, 5) / power(k, 3)).collect();
        let face = |k: usize| 2.0 * radii[k].powi(3) / (middles[k] - middles[k - 1]);
        Self {
            integral,
            volumes: (0..count).map(|k| power(k, 3) / 3.0).collect(),
            faces: (1..count).map(face).collect(),
            last: 1.0 - middles[count - 1],
        }
    }

    /// Integral of the diffusivity, and the diffusivity; constant beyond empty and full.
    fn integral(&self, x: f64) -> (f64, f64) {
        let place = x * STOICHIOMETRIES as f64;
        let k = (place.max(0.0) as usize).min(STOICHIOMETRIES - 1);
        let (u, width) = (place - k as f64, 1.0 / STOICHIOMETRIES as f64);
        let ([f0, d0], [f1, d1]) = (self.integral[k], self.integral[k + 1]);
        if u < 0.0 {
            return (f0 + u * width * d0, d0);
        }
        if u > 1.0 {
            return (f1 + (u - 1.0) * width * d1, d1);
        }
        let chord = (f1 - f0) / width;
        let (a, b) = (d0 - chord, d1 - chord);
        let bend = a * (1.0 - u) - b * u;
        let f = f0 + u * (f1 - f0) + width * u * (1.0 - u) * bend;
        (f, chord + (1.0 - 2.0 * u) * bend - u * (1.0 - u) * (a + b))
    }

    /// Stoichiometry at the surface, from the last cell and the flux.
    pub(crate) fn surface(&self, cells: &[f64], flux: f64) -> f64 {
        let inside = cells[cells.len() - 1];
        let wanted = self.integral(inside).0 + 0.5 * self.last * flux;
        let mut x = inside;
        for _ in 0..NEWTON {
            let (value, slope) = self.integral(x);
            // the integral rises, its slope may be small on one side: half way at most to where it would leave
            let change = ((wanted - value) / slope).clamp(-0.1, 0.1);
            x += change;
            if change.abs() < SMALL {
                break;
            }
        }
        x
    }

    /// At rest at a stoichiometry.
    pub(crate) fn at_rest(&self, mean: f64) -> Vec<f64> {
        vec![mean; self.volumes.len()]
    }

    /// Mean stoichiometry.
    pub(crate) fn mean(&self, x: &[f64]) -> f64 {
        3.0 * x.iter().zip(&self.volumes).map(|(x, v)| x * v).sum::<f64>()
    }

    /// The shells after a scaled time, under a flux that is linear in it, by the trapezoidal rule and the second backward
    /// difference: the lithium is exact.
    ///
    /// Source: Bank et al. (1985), Transient simulation of silicon devices and circuits.
    pub(crate) fn after(&self, x: &[f64], tau: f64, flux: [f64; 2]) -> Vec<f64> {
        let part = 2.0 - 2.0_f64.sqrt();
        let half = 0.5 * part * tau;
        let rates = self.rates(x, flux[0]);
        let known: Vec<f64> = x.iter().zip(&rates).map(|(x, f)| x + half * f).collect();
        let between = self.stage(x, &known, half, flux[0] + part * (flux[1] - flux[0]));
        let (a, b) = (1.0 / (part * (2.0 - part)), (1.0 - part).powi(2) / (part * (2.0 - part)));
        let known: Vec<f64> = between.iter().zip(x).map(|(y, x)| a * y - b * x).collect();
        self.stage(&between, &known, (1.0 - part) / (2.0 - part) * tau, flux[1])
    }

    /// Change of each cell with the scaled time.
    fn rates(&self, x: &[f64], flux: f64) -> Vec<f64> {
        let potentials: Vec<f64> = x.iter().map(|x| self.integral(*x).0).collect();
        let mut rates = vec![0.0; x.len()];
        for (k, face) in self.faces.iter().enumerate() {
            let through = face * (potentials[k + 1] - potentials[k]);
            rates[k] += through;
            rates[k + 1] -= through;
        }
        rates[x.len() - 1] += flux;
        rates.iter().zip(&self.volumes).map(|(r, v)| r / v).collect()
    }

    /// The cells for which x - weight f(x) is what is known, by Newton's method.
    fn stage(&self, start: &[f64], known: &[f64], weight: f64, flux: f64) -> Vec<f64> {
        let mut x = start.to_vec();
        for _ in 0..NEWTON {
            let rates = self.rates(&x, flux);
            let slopes: Vec<f64> = x.iter().map(|x| self.integral(*x).1).collect();
            // x - weight f = known, its slopes on three diagonals
            let mut diagonal = vec![1.0; x.len()];
            let (mut lower, mut upper) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            for (k, face) in self.faces.iter().enumerate() {
                let [here, there] = [k, k + 1].map(|c| weight * face / self.volumes[c]);
                diagonal[k] += here * slopes[k];
                upper[k] = -here * slopes[k + 1];
                diagonal[k + 1] += there * slopes[k + 1];
                lower[k + 1] = -there * slopes[k];
            }
            let mut change: Vec<f64> =
                (0..x.len()).map(|k| known[k] - x[k] + weight * rates[k]).collect();
            for k in 1..x.len() {
                let factor = lower[k] / diagonal[k - 1];
                diagonal[k] -= factor * upper[k - 1];
                change[k] -= factor * change[k - 1];
            }
            for k in (0..x.len()).rev() {
                let next = if k + 1 < x.len() { upper[k] * change[k + 1] } else { 0.0 };
                change[k] = (change[k] - next) / diagonal[k];
            }
            let mut largest = 0.0_f64;
            for (x, change) in x.iter_mut().zip(&change) {
                *x += change;
                largest = largest.max(change.abs());
            }
            if largest < SMALL {
                break;
            }
        }
        x
    }
}

/// Radius of a face: finer towards the surface.
fn graded(k: usize, count: usize) -> f64 {
    let inward = 1.0 - k as f64 / count as f64;
    (1.0 - inward * inward).sqrt()
}
