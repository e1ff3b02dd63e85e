//! Time integration: Rodas5P, a stiffly accurate Rosenbrock method of order 5 for
//! `M y' = f(t, y)` with a diagonal mass matrix of ones and zeros (index-1 algebraic rows).
//!
//! ```text
//! (M/(h γ) - J) U_i = f(t + c_i h, y + Σ_j a_ij U_j) + M Σ_j C_ij U_j / h + h d_i f_t,  i = 1..8
//! y_1 = y + Σ_j a_8j U_j + U_8,   error = U_8 (order 4 embedded)
//! y(t + θ h) = (1 - θ) y + θ (y_1 + (1 - θ) (k_1 + θ (k_2 + θ k_3))),  k_m = Σ_j H_mj U_j
//! ```
//!
//! One Jacobian and one factorisation per step, no iteration. The method meets the conditions that
//! avoid order reduction for parabolic problems with time-dependent boundary values.
//!
//! Source: Steinebach (2023), Construction of Rosenbrock-Wanner method Rodas5P and numerical
//! benchmarks within the Julia Differential Equations package, BIT 63:27 (coefficients as printed
//! with it); step control: Hairer & Wanner, Solving ODEs II (1996), IV.7 and IV.8 (Gustafsson).
//!
//! [`Clock::SquareRoot`] integrates in `s = sqrt(t - t_0)`: where a boundary condition contradicts
//! the initial condition the solution is smooth in `s` but not in `t` (Carslaw & Jaeger, 2.4).

use crate::error::SolveError;
use crate::linear::{Factors, Shape};
use crate::solution::Statistics;

/// A system `M y' = f(t, y)`.
pub(crate) trait Dae {
    /// Structure of the Jacobian.
    fn shape(&self) -> Shape;
    /// One for differential rows, zero for algebraic rows.
    fn mass(&self) -> &[f64];
    /// Which unknowns share one magnitude in the error control.
    fn families(&self) -> &[usize];
    /// Smallest magnitude of each family.
    fn floors(&self) -> &[f64];
    /// `f(t, y)`.
    fn rhs(&mut self, t: f64, y: &[f64], f: &mut [f64]);
    /// `f`, its Jacobian (stored by [`Shape::index`]) and `∂f/∂t`.
    fn linearise(&mut self, t: f64, y: &[f64], f: &mut [f64], j: &mut [f64], f_t: &mut [f64]);
}

/// The variable that steps are taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Time.
    Linear,
    /// Square root of the time since the start.
    SquareRoot,
}

impl Clock {
    fn of(self, elapsed: f64) -> f64 {
        match self {
            Self::Linear => elapsed,
            Self::SquareRoot => elapsed.max(0.0).sqrt(),
        }
    }
    fn elapsed(self, s: f64) -> f64 {
        match self {
            Self::Linear => s,
            Self::SquareRoot => s * s,
        }
    }
    /// First and second derivative of time.
    fn rates(self, s: f64) -> (f64, f64) {
        match self {
            Self::Linear => (1.0, 0.0),
            Self::SquareRoot => (2.0 * s, 2.0),
        }
    }
}

const GAMMA: f64 = 0.211_937_563_194_290_14;
const STAGES: usize = 8;
/// Rows of a for stages 2 to 6; stages 7 and 8 add U_6 and U_7 to the argument of stage 6.
const A: [[f64; 5]; 5] = [
    [3.0, 0.0, 0.0, 0.0, 0.0],
    [2.849394379747939, 0.45842242204463923, 0.0, 0.0, 0.0],
    [-6.954028509809101, 2.489845061869568, -10.358996098473584, 0.0, 0.0],
    [2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641, 0.0],
    [
        -7.502846399306121,
        2.561846144803919,
        -11.627539656261098,
        -0.18268767659942256,
        0.030198172008377946,
    ],
];
/// Rows of C for stages 2 to 8.
const C: [[f64; 7]; 7] = [
    [-14.155112264123755, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [-17.97296035885952, -2.859693295451294, 0.0, 0.0, 0.0, 0.0, 0.0],
    [147.12150275711716, -1.41221402718213, 71.68940251302358, 0.0, 0.0, 0.0, 0.0],
    [165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306, 0.0, 0.0, 0.0],
    [
        24.854864614690072,
        -3.0009227002832186,
        47.4931110020768,
        5.5814197821558125,
        -0.6610691825249471,
        0.0,
        0.0,
    ],
    [
        30.91273214028599,
        -3.1208243349937974,
        77.79954646070892,
        34.28646028294783,
        -19.097331116725623,
        -28.087943162872662,
        0.0,
    ],
    [
        37.80277123390563,
        -3.2571969029072276,
        112.26918849496327,
        66.9347231244047,
        -40.06618937091002,
        -54.66780262877968,
        -9.48861652309627,
    ],
];
const NODES: [f64; STAGES] = [
    0.0,
    0.6358126895828704,
    0.4095798393397535,
    0.9769306725060716,
    0.4288403609558664,
    1.0,
    1.0,
    1.0,
];
const D: [f64; 5] =
    [GAMMA, -0.42387512638858027, -0.3384627126235924, 1.8046452872882734, 2.325825639765069];
/// Rows of the dense output.
const H: [[f64; STAGES]; 3] = [
    [
        25.948786856663858,
        -2.5579724845846235,
        10.433815404888879,
        -2.3679251022685204,
        0.524948541321073,
        1.1241088310450404,
        0.4272876194431874,
        -0.17202221070155493,
    ],
    [
        -9.91568850695171,
        -0.9689944594115154,
        3.0438037242978453,
        -24.495224566215796,
        20.176138334709044,
        15.98066361424651,
        -6.789040303419874,
        -6.710236069923372,
    ],
    [
        11.419903575922262,
        2.8879645146136994,
        72.92137995996029,
        80.12511834622643,
        -52.072871366152654,
        -59.78993625266729,
        -0.15582684282751913,
        4.883087185713722,
    ],
];

/// What a run needs besides the system.
pub(crate) struct Run<'a> {
    /// Start of time.
    pub(crate) start: f64,
    /// Increasing times at or after the start where the state is wanted.
    pub(crate) times: &'a [f64],
    /// Relative tolerance per step.
    pub(crate) tolerance: f64,
    /// The stepping variable.
    pub(crate) clock: Clock,
    /// Most steps, rejected ones included.
    pub(crate) max_steps: usize,
}

/// Integrates from consistent initial values `y`; returns the states at the times, row by row.
/// `scales`: the largest magnitude of each family before, and then at the end.
///
/// # Errors
/// [`SolveError::StepVanished`], [`SolveError::TooManySteps`].
pub(crate) fn integrate(
    system: &mut dyn Dae,
    y: &[f64],
    run: &Run<'_>,
    scales: &mut Vec<f64>,
    statistics: &mut Statistics,
) -> Result<Vec<f64>, SolveError> {
    let n = y.len();
    let mut states = vec![0.0; n * run.times.len()];
    let mut next = 0;
    while next < run.times.len() && run.times[next] <= run.start {
        states[next * n..(next + 1) * n].copy_from_slice(y);
        next += 1;
    }
    if next == run.times.len() {
        return Ok(states);
    }
    let end = run.clock.of(run.times[run.times.len() - 1] - run.start);
    let mut stepper = Stepper::new(system, y, scales.clone(), run);
    let mut s = 0.0;
    stepper.linearise(system, s, statistics);
    let mut h = stepper.first_step(end);
    let (mut h_old, mut error_old) = (h, 1e-2_f64);
    let mut rejected_before = false;
    let mut fresh = true;
    for _ in 0..run.max_steps {
        if s + 1.01 * h >= end {
            h = end - s;
        } else if s + 1.8 * h > end {
            h = 0.5 * (end - s);
        }
        if !fresh {
            stepper.linearise(system, s, statistics);
            fresh = true;
        }
        let error = stepper.attempt(system, s, h, statistics);
        if error <= 1.0 {
            let arrived = s + h >= end;
            let s_new = if arrived { end } else { s + h };
            if run.clock.of(run.times[next] - run.start) <= s_new {
                stepper.prepare_dense_output();
            }
            while next < run.times.len() {
                let wanted = run.clock.of(run.times[next] - run.start);
                if wanted > s_new {
                    break;
                }
                stepper.dense_output((wanted - s) / h, &mut states[next * n..(next + 1) * n]);
                next += 1;
            }
            stepper.accept();
            statistics.steps += 1;
            if next == run.times.len() {
                scales.clone_from(&stepper.scales);
                return Ok(states);
            }
            s = s_new;
            fresh = false;
            let error = error.max(1e-10);
            let plain = (error.powf(0.2) / 0.9).clamp(1.0 / 6.0, 5.0);
            let predicted =
                ((h_old / h) * (error * error / error_old).powf(0.2) / 0.9).clamp(1.0 / 6.0, 5.0);
            let mut factor = plain.max(predicted);
            if rejected_before {
                factor = factor.max(1.0);
            }
            (h_old, error_old) = (h, error.max(1e-2));
            h /= factor;
            rejected_before = false;
        } else {
            statistics.rejected += 1;
            h *= if error.is_finite() { (0.9 / error.powf(0.2)).clamp(0.1, 0.9) } else { 0.1 };
            rejected_before = true;
            if s + h == s || h < 1e-30 * end {
                let time = run.start + run.clock.elapsed(s);
                return Err(SolveError::StepVanished { time, step: h });
            }
        }
    }
    let time = run.start + run.clock.elapsed(s);
    Err(SolveError::TooManySteps { steps: run.max_steps, time })
}

struct Stepper {
    n: usize,
    start: f64,
    tolerance: f64,
    clock: Clock,
    mass: Vec<f64>,
    families: Vec<usize>,
    /// Largest magnitude of each family so far.
    scales: Vec<f64>,
    trial_scales: Vec<f64>,
    factors: Factors,
    jacobian: Vec<f64>,
    row_scale: Vec<f64>,
    diagonal: Vec<f64>,
    y: Vec<f64>,
    f_start: Vec<f64>,
    f_t: Vec<f64>,
    /// Stage vectors, one after another.
    u: Vec<f64>,
    argument: Vec<f64>,
    sum: Vec<f64>,
    y_new: Vec<f64>,
    dense: Vec<f64>,
}

impl Stepper {
    fn new(system: &dyn Dae, y: &[f64], mut scales: Vec<f64>, run: &Run<'_>) -> Self {
        let shape = system.shape();
        let n = shape.size();
        let families = system.families().to_vec();
        for (&family, value) in families.iter().zip(y) {
            scales[family] = scales[family].max(value.abs());
        }
        Self {
            n,
            start: run.start,
            tolerance: run.tolerance,
            clock: run.clock,
            mass: system.mass().to_vec(),
            trial_scales: scales.clone(),
            families,
            scales,
            factors: Factors::new(shape),
            jacobian: vec![0.0; shape.stored()],
            row_scale: vec![1.0; n],
            diagonal: vec![0.0; n],
            y: y.to_vec(),
            f_start: vec![0.0; n],
            f_t: vec![0.0; n],
            u: vec![0.0; n * STAGES],
            argument: vec![0.0; n],
            sum: vec![0.0; n],
            y_new: vec![0.0; n],
            dense: vec![0.0; n * 3],
        }
    }

    fn time(&self, s: f64) -> f64 {
        self.start + self.clock.elapsed(s)
    }

    /// Jacobian at the start of a step, and `f` and `df/ds` there, all in the stepping variable.
    fn linearise(&mut self, system: &mut dyn Dae, s: f64, statistics: &mut Statistics) {
        let t = self.time(s);
        system.linearise(t, &self.y, &mut self.f_start, &mut self.jacobian, &mut self.f_t);
        statistics.jacobians += 1;
        statistics.rhs += 1;
        if self.clock == Clock::Linear {
            return;
        }
        let (rate, curvature) = self.clock.rates(s);
        for i in 0..self.n {
            if self.mass[i] == 0.0 {
                self.f_t[i] *= rate;
            } else {
                self.f_t[i] = curvature * self.f_start[i] + rate * rate * self.f_t[i];
                self.row_scale[i] = rate;
            }
        }
    }

    /// A first step that changes no unknown by more than a small part of its magnitude.
    fn first_step(&self, end: f64) -> f64 {
        let mut fastest = 0.0_f64;
        for i in 0..self.n {
            let scale = self.scales[self.families[i]];
            if self.mass[i] != 0.0 && scale > 0.0 {
                fastest = fastest.max(self.f_start[i].abs() / scale);
            }
        }
        let change = 0.1 * self.tolerance.powf(0.2);
        let h = match (fastest > 0.0, self.clock) {
            (false, _) => 1e-3 * end,
            (true, Clock::Linear) => change / fastest,
            (true, Clock::SquareRoot) => (change / fastest).sqrt(),
        };
        h.min(1e-2 * end)
    }

    /// One step; returns the error relative to the tolerance (not finite if the step failed).
    fn attempt(
        &mut self,
        system: &mut dyn Dae,
        s: f64,
        h: f64,
        statistics: &mut Statistics,
    ) -> f64 {
        let n = self.n;
        for (d, m) in self.diagonal.iter_mut().zip(&self.mass) {
            *d = m / (h * GAMMA);
        }
        if !self.factors.factor(&self.diagonal, &self.row_scale, &self.jacobian) {
            return f64::NAN;
        }
        for stage in 0..STAGES {
            let (before, rest) = self.u.split_at_mut(stage * n);
            let out = &mut rest[..n];
            if stage == 0 {
                out.copy_from_slice(&self.f_start);
                if self.clock == Clock::SquareRoot {
                    for (f, scale) in out.iter_mut().zip(&self.row_scale) {
                        *f *= scale;
                    }
                }
            } else {
                if stage <= 5 {
                    weighted(&A[stage - 1], before, &mut self.argument);
                    add(&mut self.argument, 1.0, &self.y);
                } else {
                    add(&mut self.argument, 1.0, &before[(stage - 1) * n..]);
                }
                let place = s + NODES[stage] * h;
                system.rhs(self.start + self.clock.elapsed(place), &self.argument, out);
                statistics.rhs += 1;
                if self.clock == Clock::SquareRoot {
                    let (rate, _) = self.clock.rates(place);
                    for (f, m) in out.iter_mut().zip(&self.mass) {
                        *f *= 1.0 + m * (rate - 1.0);
                    }
                }
                weighted(&C[stage - 1], before, &mut self.sum);
                for ((f, s), d) in out.iter_mut().zip(&self.sum).zip(&self.diagonal) {
                    *f += s * d * GAMMA; // the diagonal is M / (h γ)
                }
            }
            if stage < 5 {
                add(out, h * D[stage], &self.f_t);
            }
            self.factors.solve(out);
        }
        let last = &self.u[(STAGES - 1) * n..];
        self.trial_scales.copy_from_slice(&self.scales);
        for (i, error) in last.iter().enumerate() {
            let value = self.argument[i] + error;
            self.y_new[i] = value;
            let scale = &mut self.trial_scales[self.families[i]];
            *scale = scale.max(value.abs());
        }
        let mut worst = 0.0_f64;
        let mut sound = true;
        for (i, error) in last.iter().enumerate() {
            let scale = self.trial_scales[self.families[i]].max(1e-290);
            worst = worst.max(error.abs() / scale);
            sound &= self.y_new[i].is_finite();
        }
        if sound { worst / self.tolerance } else { f64::NAN }
    }

    fn accept(&mut self) {
        std::mem::swap(&mut self.y, &mut self.y_new);
        std::mem::swap(&mut self.scales, &mut self.trial_scales);
    }

    fn prepare_dense_output(&mut self) {
        let n = self.n;
        for (row, k) in H.iter().zip(self.dense.chunks_exact_mut(n)) {
            weighted(row, &self.u, k);
        }
    }

    fn dense_output(&self, theta: f64, out: &mut [f64]) {
        let n = self.n;
        let (k_1, rest) = self.dense.split_at(n);
        let (k_2, k_3) = rest.split_at(n);
        let back = 1.0 - theta;
        for i in 0..n {
            let bump = back * (k_1[i] + theta * (k_2[i] + theta * k_3[i]));
            out[i] = back * self.y[i] + theta * (self.y_new[i] + bump);
        }
    }
}

fn add(out: &mut [f64], c: f64, x: &[f64]) {
    for (o, x) in out.iter_mut().zip(x) {
        *o += c * x;
    }
}

/// `Σ_j c_j u_j` over as many vectors as there are.
fn weighted(c: &[f64], u: &[f64], out: &mut [f64]) {
    match u.len() / out.len() {
        1 => unrolled::<1>(c, u, out),
        2 => unrolled::<2>(c, u, out),
        3 => unrolled::<3>(c, u, out),
        4 => unrolled::<4>(c, u, out),
        5 => unrolled::<5>(c, u, out),
        6 => unrolled::<6>(c, u, out),
        7 => unrolled::<7>(c, u, out),
        _ => unrolled::<8>(c, u, out),
    }
}

fn unrolled<const J: usize>(c: &[f64], u: &[f64], out: &mut [f64]) {
    let n = out.len();
    let columns: [&[f64]; J] = std::array::from_fn(|j| &u[j * n..][..n]);
    let c: [f64; J] = std::array::from_fn(|j| c[j]);
    for (i, out) in out.iter_mut().enumerate() {
        let mut sum = 0.0;
        for j in 0..J {
            sum += c[j] * columns[j][i];
        }
        *out = sum;
    }
}
