//! The single-particle model with constant diffusivities in closed form: the sphere by its series, so
//! that no solver of ours stands behind it. Parameters as in `problems/spm-chen2020.toml`.
//!
//! Source of the series: Carslaw and Jaeger (1959), Conduction of heat in solids, section 9.8.

/// Names of the factors, in the order of [`Cell::voltage`].
pub(crate) const FACTORS: [&str; 6] = ["D_n", "D_p", "i0_n", "i0_p", "eps_n", "eps_p"];
/// Lower and upper ends of their boxes.
pub(crate) const BOX: [(f64, f64); 6] =
    [(0.2, 5.0), (0.2, 5.0), (0.2, 5.0), (0.2, 5.0), (0.85, 1.05), (0.85, 1.05)];

const F: f64 = 96_485.332_12;
const R: f64 = 8.314_462_618;
const T: f64 = 298.15;
const C_E: f64 = 1000.0;
/// Terms of the series.
const TERMS: usize = 200;
/// Time, in radius squared over diffusivity, below which the sphere is a half-space with a first
/// correction.
const EARLY: f64 = 2e-3;

/// One electrode.
pub(crate) struct Electrode {
    pub(crate) radius: f64,
    pub(crate) thickness: f64,
    pub(crate) fraction: f64,
    pub(crate) c_max: f64,
    pub(crate) start: f64,
    pub(crate) diffusivity: f64,
    pub(crate) rate: f64,
    pub(crate) potential: fn(f64) -> f64,
}

/// A cell.
pub(crate) struct Cell {
    pub(crate) one_c: f64,
    pub(crate) area: f64,
    pub(crate) cut_off: f64,
    pub(crate) negative: Electrode,
    pub(crate) positive: Electrode,
    roots: Vec<f64>,
}

impl Cell {
    /// The 5 Ah cell of Chen and others (2020).
    pub(crate) fn chen2020() -> Self {
        let negative = Electrode {
            radius: 5.86e-6,
            thickness: 85.2e-6,
            fraction: 0.75,
            c_max: 33_133.0,
            start: 29_866.0 / 33_133.0,
            diffusivity: 3.3e-14,
            rate: 6.48e-7,
            potential: |x| {
                1.9793 * (-39.3631 * x).exp() + 0.2482
                    - 0.0909 * (29.8538 * (x - 0.1234)).tanh()
                    - 0.04478 * (14.9159 * (x - 0.2769)).tanh()
                    - 0.0205 * (30.4444 * (x - 0.6103)).tanh()
            },
        };
        let positive = Electrode {
            radius: 5.22e-6,
            thickness: 75.6e-6,
            fraction: 0.665,
            c_max: 63_104.0,
            start: 17_038.0 / 63_104.0,
            diffusivity: 4e-15,
            rate: 3.42e-6,
            potential: |x| {
                -0.8090 * x + 4.4875
                    - 0.0428 * (18.5138 * (x - 0.5542)).tanh()
                    - 17.7326 * (15.7890 * (x - 0.3117)).tanh()
                    + 17.5842 * (15.9308 * (x - 0.3120)).tanh()
            },
        };
        let area = 0.065 * 1.58;
        Self { one_c: 5.0, area, cut_off: 2.5, negative, positive, roots: roots() }
    }

    /// Voltage at a time, s, a C-rate, and the [`FACTORS`].
    pub(crate) fn voltage(&self, time: f64, c_rate: f64, factors: &[f64; 6]) -> f64 {
        let [d_n, d_p, i_n, i_p, eps_n, eps_p] = *factors;
        let current = c_rate * self.one_c;
        let (u_n, eta_n) = self.electrode(&self.negative, time, current, (d_n, i_n, eps_n));
        let (u_p, eta_p) = self.electrode(&self.positive, time, -current, (d_p, i_p, eps_p));
        u_p + eta_p - u_n - eta_n
    }

    /// Open-circuit potential and overpotential of one electrode; `current` flows out of it.
    fn electrode(&self, e: &Electrode, time: f64, current: f64, by: (f64, f64, f64)) -> (f64, f64) {
        let (diffusivity, exchange, fraction) = by;
        let d = diffusivity * e.diffusivity;
        let surface = 3.0 * fraction * e.fraction * e.thickness * self.area / e.radius;
        let flux = current / (surface * F);
        let fall = flux * e.radius / (d * e.c_max) * self.sphere(d * time / (e.radius * e.radius));
        let x = (e.start - fall).clamp(1e-6, 1.0 - 1e-6);
        let i0 = exchange * e.rate * C_E.sqrt() * e.c_max * (x * (1.0 - x)).sqrt();
        ((e.potential)(x), 2.0 * R * T / F * (flux * F / (2.0 * i0)).asinh())
    }

    /// Value at the surface of a sphere of radius 1 and diffusivity 1 under a flux of 1.
    fn sphere(&self, tau: f64) -> f64 {
        if tau < EARLY {
            // exp(tau) erfc(-sqrt(tau)) - 1 to the order that matters here
            let s = tau.sqrt();
            let two = 2.0 / std::f64::consts::PI.sqrt();
            let erf = two * (s - s.powi(3) / 3.0 + s.powi(5) / 10.0 - s.powi(7) / 42.0);
            return tau.exp() * (1.0 + erf) - 1.0;
        }
        let term = |root: &f64| (-root * root * tau).exp() / (root * root);
        // later terms are below 1e-17
        let terms = self.roots.iter().take_while(|root| *root * *root * tau < 40.0);
        3.0 * tau + 0.2 - 2.0 * terms.map(term).sum::<f64>()
    }

    /// Times and voltages of a discharge down to the cut-off, `count` points.
    pub(crate) fn discharge(
        &self,
        c_rate: f64,
        factors: &[f64; 6],
        count: usize,
    ) -> Vec<(f64, f64)> {
        let (mut low, mut high) = (0.0, 20_000.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            let before = self.voltage(middle, c_rate, factors) > self.cut_off;
            if before { low = middle } else { high = middle }
        }
        let time = |k: usize| low * k as f64 / (count - 1) as f64;
        (0..count).map(|k| (time(k), self.voltage(time(k), c_rate, factors))).collect()
    }
}

/// Positive roots of tan x = x.
fn roots() -> Vec<f64> {
    let root = |k: usize| {
        let (mut low, mut high) = (k as f64, k as f64 + 0.5);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            let x = middle * std::f64::consts::PI;
            // x cos x - sin x changes its sign once between k pi and (k + 1/2) pi
            let value = (x * x.cos() - x.sin()) * if k.is_multiple_of(2) { 1.0 } else { -1.0 };
            if value > 0.0 { low = middle } else { high = middle }
        }
        low * std::f64::consts::PI
    };
    (1..=TERMS).map(root).collect()
}
