//! The surface of a sphere whose diffusivity depends on its stoichiometry, under a constant flux.
//!
//! With tau = D(x0) t / R^2 and s = flux R / (D(x0) c_max) the surface is a function of tau and s alone. It is solved
//! for some fluxes of a range and kept as a sum of products of functions of the flux and of the part of the way
//! to the end, where the surface is empty or full.

use nalgebra::DMatrix;
use rayon::prelude::*;
use surrogate_battery::Function;
use surrogate_battery::solve::Scalar;

use crate::cubic::Cubic;
use crate::shells::Shells;

/// Shells of the sphere.
const SHELLS: usize = 160;
/// Steps of the square root of time to where the mean is at its end, of a first look, and to the end.
const LOOK: usize = 200;
const STEPS: usize = 400;
/// First steps that are parted, and into how many.
const BEGINNING: usize = 6;
/// How far beyond the end is solved, in square roots of time.
const BEYOND: f64 = 1.02;
/// Fluxes that are solved, at the nodes of Chebyshev.
const FLUXES: usize = 32;
/// How much smaller and larger they are than the range asked for.
const WIDER: f64 = 1.25;
/// Cells of the functions of the way to the end, and of the flux.
const WAY: usize = 512;
const SIZES: usize = 256;
/// Products that are kept at most, and the smallest against the first.
const PRODUCTS: usize = 14;
const SMALLEST: f64 = 1e-8;

/// Excess of the surface over the mean, of the flux and the way to the end.
#[derive(Debug, Clone)]
pub(crate) struct Varying {
    /// Middle and half of the range of ln |s|.
    pub(crate) range: (f64, f64),
    /// ln tau of the end, of the place in that range between -1 and 1.
    pub(crate) ends: Cubic,
    /// Of the square root of tau over that of the end; and of the place. Their products add up to the excess.
    pub(crate) products: Vec<[Cubic; 2]>,
}

impl Varying {
    /// Of a diffusivity, from a stoichiometry towards 1 where `fills` and towards 0 else, for sizes |s| of the flux
    /// within a range.
    pub(crate) fn new(diffusivity: &Function, x0: f64, fills: bool, sizes: (f64, f64)) -> Self {
        let sphere = Discharge { shells: Shells::new(diffusivity, x0, SHELLS), x0, fills };
        let (low, high) = ((sizes.0 / WIDER).ln(), (sizes.1 * WIDER).ln());
        let range = (0.5 * (low + high), 0.5 * (high - low));
        let nodes: Vec<f64> = (0..FLUXES)
            .map(|k| -((2 * k + 1) as f64 * std::f64::consts::PI / (2 * FLUXES) as f64).cos())
            .collect();
        let solved: Vec<(f64, Vec<f64>)> = nodes
            .par_iter()
            .map(|node| sphere.discharge((range.0 + range.1 * node).exp()))
            .collect();
        let ends: Vec<f64> = solved.iter().map(|(end, _)| end.ln()).collect();
        let excess = DMatrix::from_fn(WAY + 1, FLUXES, |i, k| solved[k].1[i]);
        let through = |values: &[f64]| {
            let at = |k: usize| between(&nodes, values, 2.0 * k as f64 / SIZES as f64 - 1.0);
            Cubic::through((-1.0, 1.0), &(0..=SIZES).map(at).collect::<Vec<f64>>())
        };
        let parts = excess.svd(true, true);
        let (Some(u), Some(v)) = (&parts.u, &parts.v_t) else {
            unreachable!("both sides were asked for")
        };
        let first = parts.singular_values[0];
        let kept = parts.singular_values.iter().take(PRODUCTS).filter(|s| **s > SMALLEST * first);
        let product = |(k, size): (usize, &f64)| {
            let of_way: Vec<f64> = u.column(k).iter().map(|value| value * size).collect();
            let of_size: Vec<f64> = v.row(k).iter().copied().collect();
            [Cubic::through((0.0, 1.0), &of_way), through(&of_size)]
        };
        Self { range, ends: through(&ends), products: kept.enumerate().map(product).collect() }
    }

    /// Excess of the surface over the mean after a scaled time, under a flux of some size.
    pub(crate) fn of<S: Scalar>(&self, tau: S, size: S) -> S {
        let size = if size.value() < 0.0 { -size } else { size };
        let place = (size.ln() - S::of(self.range.0)).scale(1.0 / self.range.1);
        if tau.value() <= 0.0 {
            return S::of(0.0);
        }
        let way = (tau / self.ends.of(place).exp()).sqrt();
        let product = |[of_way, of_size]: &[Cubic; 2]| of_way.of(way) * of_size.of(place);
        self.products.iter().map(product).reduce(|sum, next| sum + next).unwrap_or(S::of(0.0))
    }
}

/// The polynomial through values at the nodes of Chebyshev, by its barycentric form.
///
/// Source: Berrut and Trefethen (2004), Barycentric Lagrange interpolation.
fn between(nodes: &[f64], values: &[f64], x: f64) -> f64 {
    let (mut above, mut below) = (0.0, 0.0);
    for (k, (node, value)) in nodes.iter().zip(values).enumerate() {
        if (x - node).abs() < 1e-14 {
            return *value;
        }
        let angle = (2 * k + 1) as f64 * std::f64::consts::PI / (2 * nodes.len()) as f64;
        let weight = if k % 2 == 0 { angle.sin() } else { -angle.sin() } / (x - node);
        above += weight * value;
        below += weight;
    }
    above / below
}

/// A discharge of a sphere at rest.
struct Discharge {
    shells: Shells,
    x0: f64,
    fills: bool,
}

impl Discharge {
    /// How far the surface is from its end.
    fn room(&self, surface: f64) -> f64 {
        if self.fills { 1.0 - surface } else { surface }
    }

    /// Scaled time at which a flux of some size ends, and the excess of the surface over the mean at equal steps of
    /// the square root of time from the start to there.
    fn discharge(&self, size: f64) -> (f64, Vec<f64>) {
        let flux = if self.fills { size } else { -size };
        let most = (self.room(self.x0) / (3.0 * size)).sqrt();
        let look = self.surfaces(flux, most, LOOK);
        let crossed = |surfaces: &[f64]| surfaces.iter().position(|x| self.room(*x) <= 0.0);
        // the surface is ahead of the mean
        let first = crossed(&look).unwrap_or(LOOK);
        let to = BEYOND * most * first as f64 / LOOK as f64;
        let surfaces = self.surfaces(flux, to, STEPS);
        let step = to / STEPS as f64;
        let excess: Vec<f64> = surfaces
            .iter()
            .enumerate()
            .map(|(k, x)| x - self.x0 - 3.0 * flux * (k as f64 * step).powi(2))
            .collect();
        let excess = Cubic::through((0.0, to), &excess);
        let room = |v: f64| self.room(self.x0 + 3.0 * flux * v * v + excess.at(v).0);
        let (mut low, mut high) = (0.0, to);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if room(middle) > 0.0 { low = middle } else { high = middle }
        }
        let at = |k: usize| excess.at(high * k as f64 / WAY as f64).0;
        (high * high, (0..=WAY).map(at).collect())
    }

    /// The surface at equal steps of the square root of time.
    fn surfaces(&self, flux: f64, to: f64, steps: usize) -> Vec<f64> {
        let h = to / steps as f64;
        let mut x = self.shells.at_rest(self.x0);
        let mut surfaces = vec![self.x0];
        for k in 0..steps {
            // the surface begins with infinite slope
            let parts = if k < BEGINNING { BEGINNING } else { 1 };
            let at = |part: usize| (h * (k as f64 + part as f64 / parts as f64)).powi(2);
            for part in 0..parts {
                x = self.shells.after(&x, at(part + 1) - at(part), [flux, flux]);
            }
            surfaces.push(self.shells.surface(&x, flux));
        }
        surfaces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::particle::Excess;
    use surrogate_battery::Expression;

    #[test]
    fn a_constant_diffusivity_is_the_series() {
        let varying = Varying::new(&Function::Constant(3e-14), 0.9, false, (0.01, 1.0));
        let series = Excess::new();
        for size in [0.01, 0.07, 0.3, 1.0] {
            for part in [1e-4, 0.01, 0.2, 0.6, 0.95] {
                let tau = part * 0.9 / (3.0 * size);
                if 0.9 - size * (3.0 * tau + series.of(tau)) < 0.0 {
                    continue;
                }
                let (found, exact) = (varying.of(tau, -size), -size * series.of(tau));
                assert!((found - exact).abs() < 1e-5, "{size}, {part}: {found} for {exact}");
            }
        }
    }

    #[test]
    fn the_surface_meets_its_end_there() {
        for (formula, fills) in
            [("exp(-4 * x)", false), ("exp(-4 * x)", true), ("1 + 30 * x^4", false)]
        {
            let formula = Function::Expression(Expression::parse(formula).unwrap());
            let varying = Varying::new(&formula, 0.5, fills, (0.02, 2.0));
            for size in [0.02_f64, 0.05, 0.3, 2.0] {
                let place = (size.ln() - varying.range.0) / varying.range.1;
                let tau = varying.ends.of(place).exp();
                let flux = if fills { size } else { -size };
                let surface = 0.5 + 3.0 * flux * tau + varying.of(tau, flux);
                let end = if fills { 1.0 } else { 0.0 };
                assert!((surface - end).abs() < 1e-5, "{size}: {surface} for {end}");
            }
        }
    }
}
