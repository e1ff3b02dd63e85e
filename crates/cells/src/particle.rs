//! The exact surface of a sphere under a constant flux.

use surrogate_battery::solve::Scalar;

use crate::cubic::Cubic;

/// Terms of the series; the first omitted one is below 1e-12 from [`SHORT`] on.
const TERMS: usize = 60;
/// Scaled time below which the series of short times is used.
const SHORT: f64 = 1e-3;
/// Cells of the table.
const CELLS: usize = 2048;
/// Square root of the scaled time at which the surface has settled.
const SETTLED: f64 = 1.25;

/// Excess of the surface over the mean of a sphere that takes up a constant flux:
/// h(tau) = 1/5 - 2 sum exp(-z_k^2 tau) / z_k^2 with tan z_k = z_k and tau = D t / R^2, so that the
/// surface is x_0 + s (3 tau + h) for s = flux R / (D c_max).
///
/// Source: Crank, The Mathematics of Diffusion (1975), equation 6.45. A cubic table in the square
/// root of tau, in which h is smooth.
#[derive(Debug, Clone)]
pub(crate) struct Excess {
    /// h by the square root of tau.
    table: Cubic,
}

impl Excess {
    pub(crate) fn new() -> Self {
        let roots: Vec<f64> = (1..=TERMS).map(root).collect();
        let at = |k: usize| {
            let y = SETTLED * k as f64 / CELLS as f64;
            let tau = y * y;
            if tau < SHORT {
                return short(y);
            }
            let term = |z: &f64| (-z * z * tau).exp();
            let h = 0.2 - 2.0 * roots.iter().map(|z| term(z) / (z * z)).sum::<f64>();
            [h, 4.0 * y * roots.iter().map(term).sum::<f64>()]
        };
        Self { table: Cubic::new((0.0, SETTLED), (0..=CELLS).map(at).collect()) }
    }

    /// h by the square root of tau.
    pub(crate) fn cubic(&self) -> &Cubic {
        &self.table
    }

    /// h at a scaled time.
    pub(crate) fn of<S: Scalar>(&self, tau: S) -> S {
        let y = tau.value().max(0.0).sqrt();
        if y >= SETTLED {
            return S::of(0.2);
        }
        let (h, slope) = self.table.at(y);
        tau.lift(h, if y > 0.0 { 0.5 * slope / y } else { 0.0 })
    }
}

/// Modes that are followed; one more stands for all faster ones.
const FOLLOWED: usize = 20;
/// Amplitudes of a [`Sphere`].
pub(crate) const AMPLITUDES: usize = FOLLOWED + 1;
/// Pace of that one over the pace of the first of them.
const FASTER: f64 = 2.0;

/// A sphere under any flux: its mean, and the amplitudes at the surface of its slowest modes.
///
/// m' = 3 K s and e_k' = -z_k^2 K e_k + 2 K s for s = flux R / (D c_max) and K = D / R^2, exact for a
/// flux that is linear over a step; the faster modes count as one with their sum in balance.
#[derive(Debug, Clone)]
pub(crate) struct Modes {
    squares: [f64; AMPLITUDES],
    gains: [f64; AMPLITUDES],
}

/// State of a sphere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sphere {
    pub(crate) mean: f64,
    pub(crate) modes: [f64; AMPLITUDES],
}

impl Modes {
    pub(crate) fn new() -> Self {
        let mut squares: [f64; AMPLITUDES] = std::array::from_fn(|k| root(k + 1).powi(2));
        let rest = 0.2 - squares[..FOLLOWED].iter().map(|z| 2.0 / z).sum::<f64>();
        squares[FOLLOWED] *= FASTER;
        let mut gains = [2.0; AMPLITUDES];
        gains[FOLLOWED] = rest * squares[FOLLOWED];
        Self { squares, gains }
    }

    /// Advances a sphere by `dt` s, with K in s-1, from flux `s0` to `s1`.
    pub(crate) fn advance(&self, sphere: &mut Sphere, rate: f64, dt: f64, [s0, s1]: [f64; 2]) {
        let push = rate * dt;
        sphere.mean += 3.0 * push * 0.5 * (s0 + s1);
        let paces = self.squares.iter().zip(&self.gains);
        for (mode, (square, gain)) in sphere.modes.iter_mut().zip(paces) {
            let [decay, all, late] = averages(square * push);
            *mode = decay * *mode + gain * push * ((all - late) * s0 + late * s1);
        }
    }
}

impl Sphere {
    /// At rest at a stoichiometry.
    pub(crate) fn at_rest(mean: f64) -> Self {
        Self { mean, modes: [0.0; AMPLITUDES] }
    }

    /// Its surface.
    pub(crate) fn surface(&self) -> f64 {
        self.mean + self.modes.iter().sum::<f64>()
    }
}

/// exp(-z), and the averages over a step of exp(-z (1 - u)) and of u exp(-z (1 - u)).
pub(crate) fn averages(z: f64) -> [f64; 3] {
    let all = if z < 1e-2 {
        1.0 - z / 2.0 + z * z / 6.0 - z.powi(3) / 24.0 + z.powi(4) / 120.0
    } else {
        -(-z).exp_m1() / z
    };
    let late = if z < 1e-2 {
        0.5 - z / 6.0 + z * z / 24.0 - z.powi(3) / 120.0 + z.powi(4) / 720.0
    } else {
        (1.0 - all) / z
    };
    [(-z).exp(), all, late]
}

/// The k-th positive root of tan z = z.
fn root(k: usize) -> f64 {
    let base = k as f64 * std::f64::consts::PI;
    let (mut low, mut high) = (base, base + std::f64::consts::FRAC_PI_2);
    for _ in 0..100 {
        let z = 0.5 * (low + high);
        // sin z - z cos z has the sign of (-1)^k above the root
        let above = (z.sin() - z * z.cos()) * if k.is_multiple_of(2) { 1.0 } else { -1.0 } > 0.0;
        if above {
            high = z;
        } else {
            low = z;
        }
    }
    0.5 * (low + high)
}

/// h and its slope for short times, in the square root of tau: the surface is
/// exp(tau) (1 + erf(sqrt(tau))) - 1 there, up to terms of exp(-1/tau).
fn short(y: f64) -> [f64; 2] {
    // e^{y^2} (1 + erf y) - 1 = 2y/sqrt(pi) + y^2 + 4y^3/(3 sqrt(pi)) + y^4/2 + 8y^5/(15 sqrt(pi)) + y^6/6 + …
    let c = 2.0 / std::f64::consts::PI.sqrt();
    let powers =
        [c, 1.0, 2.0 * c / 3.0, 0.5, 4.0 * c / 15.0, 1.0 / 6.0, 8.0 * c / 105.0, 1.0 / 24.0];
    let (mut h, mut slope, mut power) = (0.0, 0.0, 1.0);
    for (k, coefficient) in powers.iter().enumerate() {
        slope += (k + 1) as f64 * coefficient * power;
        power *= y;
        h += coefficient * power;
    }
    [h - 3.0 * y * y, slope - 6.0 * y]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_series_agree_and_the_table_with_them() {
        let excess = Excess::new();
        let roots: Vec<f64> = (1..=400).map(root).collect();
        let series = |tau: f64| {
            0.2 - 2.0 * roots.iter().map(|z| (-z * z * tau).exp() / (z * z)).sum::<f64>()
        };
        for tau in [1e-5, 1e-4, 7e-4, 2e-3, 0.01, 0.1, 0.5, 1.3] {
            let apart = (excess.of(tau) - series(tau)).abs();
            assert!(apart < 1e-11, "{tau}: {apart:e}");
        }
        assert!((excess.of(5.0) - 0.2).abs() < 1e-15);
        assert!(excess.of(0.0).abs() < 1e-15);
    }

    #[test]
    fn modes_under_a_constant_flux_are_the_series() {
        let (modes, excess) = (Modes::new(), Excess::new());
        let mut sphere = Sphere::at_rest(0.3);
        for step in 1..=40 {
            modes.advance(&mut sphere, 1e-3, 10.0, [0.05, 0.05]);
            let tau = 1e-2 * f64::from(step);
            let exact = 0.3 + 0.05 * (3.0 * tau + excess.of(tau));
            assert!((sphere.surface() - exact).abs() < 1e-9, "{tau}");
        }
    }

    #[test]
    fn slopes_are_those_of_differences() {
        let excess = Excess::new();
        for y in [0.01_f64, 0.1, 0.4, 0.9] {
            let table = excess.cubic();
            let quotient = (table.at(y + 1e-5).0 - table.at(y - 1e-5).0) / 2e-5;
            assert!((table.at(y).1 - quotient).abs() < 1e-7, "{y}");
        }
    }
}
