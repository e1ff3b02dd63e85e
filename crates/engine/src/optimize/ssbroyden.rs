//! Dense self-scaled Broyden: the default optimiser.
//!
//! Source: Al-Baali and Khalfan (2005), in the form used by Urban, Stefanou and Pons (2025),
//! J. Comput. Phys., arXiv:2405.04230. H approximates the inverse Hessian and starts as I. The
//! rank-two update of one step is applied in the same pass over H that multiplies it by the next
//! gradient, so an iteration reads and writes H once.

use rayon::prelude::*;
use surrogate_jet::dense::{RankTwo, dot, update_and_multiply};

use super::line_search::{backtrack, strong_wolfe};
use super::{Objective, Optimizer, Step, saved};

/// Restarts in a row after which the method gives up.
const MOST_RESTARTS: usize = 5;

/// State of the method.
pub struct SsBroyden {
    x: Vec<f64>,
    value: f64,
    /// Value of the step before, for the first trial of the line search.
    before: f64,
    gradient: Vec<f64>,
    h: Vec<f64>,
    /// Update not yet applied to `h`.
    pending: Option<RankTwo>,
    /// `H g` for the current gradient, if known.
    hg: Option<Vec<f64>>,
    /// Last `y's / y'y`: scale of H after a restart.
    curvature: f64,
    restarts: usize,
}

impl SsBroyden {
    /// Starts at `x` with H = I.
    pub fn new(x: Vec<f64>, objective: &mut dyn Objective) -> Self {
        let n = x.len();
        let mut out = Self {
            x,
            value: 0.0,
            before: 0.0,
            gradient: vec![0.0; n],
            h: Vec::new(),
            pending: None,
            hg: None,
            curvature: 1.0,
            restarts: 0,
        };
        out.identity(1.0);
        out.refresh(objective);
        out
    }

    fn identity(&mut self, scale: f64) {
        let n = self.x.len();
        self.h.clear();
        self.h.resize(n * n, 0.0);
        (0..n).for_each(|i| self.h[i * n + i] = scale);
        self.pending = None;
        self.hg = None;
    }

    /// `H g` after applying what is pending.
    fn multiply(&mut self, g: &[f64]) -> Vec<f64> {
        let n = self.x.len();
        let mut out = vec![0.0; n];
        let pending = self.pending.take();
        let rows = if n * n < 40_000 { n } else { n.div_ceil(rayon::current_num_threads()) };
        self.h.par_chunks_mut(rows * n).zip(out.par_chunks_mut(rows)).enumerate().for_each(
            |(k, (h, out))| update_and_multiply(h, n, k * rows, pending.as_ref(), g, out),
        );
        out
    }

    /// Learns from a step `s = alpha p`, `p = -H g`.
    fn learn(&mut self, alpha: f64, s: Vec<f64>, new_gradient: &[f64], hg_old: &[f64]) {
        let n = self.x.len() as f64;
        let y: Vec<f64> = new_gradient.iter().zip(&self.gradient).map(|(a, b)| a - b).collect();
        let ys = dot(&y, &s);
        let yy = dot(&y, &y);
        if !(ys > 0.0 && yy > 0.0) {
            self.hg = None;
            return;
        }
        self.curvature = ys / yy;
        let hg_new = self.multiply(new_gradient);
        let hy: Vec<f64> = hg_new.iter().zip(hg_old).map(|(a, b)| a - b).collect();
        let yhy = dot(&y, &hy);
        let h = yhy / ys;
        let b = -alpha * dot(&s, &self.gradient) / ys;
        let a = (b * h - 1.0).max(1e-300);
        let c = (a / (1.0 + a)).sqrt();
        let rho_minus = (h * (1.0 - c)).min(1.0);
        let theta_minus = (rho_minus - 1.0) / a;
        let theta_plus = 1.0 / rho_minus;
        let theta = theta_minus.max(theta_plus.min((1.0 - b) / b));
        let sigma = 1.0 + theta * a;
        let power = sigma.abs().powf(1.0 / (1.0 - n));
        let rho = (1.0 / b).min(1.0);
        let tau =
            if theta <= 0.0 { (rho * power).min(sigma) } else { rho * power.min(1.0 / theta) };
        let phi = (1.0 - theta) / (1.0 + a * theta);
        let update = RankTwo {
            c: 1.0 / tau,
            a: (phi - 1.0) / (yhy * tau),
            b: -phi / (tau * ys),
            d: phi * yhy / (tau * ys * ys) + 1.0 / ys,
            u: hy,
            v: s,
        };
        let finite = [update.c, update.a, update.b, update.d].iter().all(|v| v.is_finite());
        if !finite || yhy <= 0.0 {
            self.hg = None;
            return;
        }
        // H+ g+ without another pass
        let (ug, vg) = (dot(&update.u, new_gradient), dot(&update.v, new_gradient));
        let (on_u, on_v) = (update.a * ug + update.b * vg, update.b * ug + update.d * vg);
        self.hg = Some(
            hg_new
                .iter()
                .zip(update.u.iter().zip(&update.v))
                .map(|(h, (u, v))| update.c * h + on_u * u + on_v * v)
                .collect(),
        );
        self.pending = Some(update);
    }
}

impl Optimizer for SsBroyden {
    fn step(&mut self, objective: &mut dyn Objective) -> Step {
        let g = self.gradient.clone();
        let hg = match self.hg.take() {
            Some(hg) => hg,
            None => self.multiply(&g),
        };
        let p: Vec<f64> = hg.iter().map(|v| -v).collect();
        let slope = dot(&g, &p);
        let mut found = None;
        if slope < 0.0 {
            let guess = 1.01 * 2.0 * (self.value - self.before) / slope;
            let first = if guess > 0.0 && guess < 1.0 { guess } else { 1.0 };
            found = strong_wolfe(objective, &self.x, &p, self.value, slope, first)
                .or_else(|| backtrack(objective, &self.x, &p, self.value, slope));
        }
        let Some(trial) = found else {
            self.restarts += 1;
            self.identity(self.curvature);
            self.before = self.value + 0.5 * dot(&g, &g).sqrt();
            let given_up = self.restarts > MOST_RESTARTS;
            return if given_up { Step::Stalled } else { Step::Restarted };
        };
        self.restarts = 0;
        let s: Vec<f64> = trial.x.iter().zip(&self.x).map(|(a, b)| a - b).collect();
        self.learn(trial.alpha, s, &trial.gradient, &hg);
        self.before = self.value;
        self.x = trial.x;
        self.value = trial.value;
        self.gradient = trial.gradient;
        Step::Accepted
    }

    fn x(&self) -> &[f64] {
        &self.x
    }

    fn value(&self) -> f64 {
        self.value
    }

    fn refresh(&mut self, objective: &mut dyn Objective) {
        self.value = objective.value_gradient(&self.x, &mut self.gradient);
        self.before = self.value + 0.5 * dot(&self.gradient, &self.gradient).sqrt();
        self.hg = None;
        self.restarts = 0;
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        let scalars = vec![self.value, self.before, self.curvature, self.restarts as f64];
        let mut out = vec![
            ("scalars".to_string(), scalars),
            ("x".to_string(), self.x.clone()),
            ("gradient".to_string(), self.gradient.clone()),
            ("h".to_string(), self.h.clone()),
            ("hg".to_string(), self.hg.clone().unwrap_or_default()),
        ];
        if let Some(r) = &self.pending {
            out.push(("pending".to_string(), vec![r.c, r.a, r.b, r.d]));
            out.push(("pending u".to_string(), r.u.clone()));
            out.push(("pending v".to_string(), r.v.clone()));
        }
        out
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> Result<(), String> {
        let n = self.x.len();
        let scalars = saved(state, "scalars", Some(4))?;
        (self.value, self.before, self.curvature) = (scalars[0], scalars[1], scalars[2]);
        self.restarts = scalars[3] as usize;
        self.x = saved(state, "x", Some(n))?.to_vec();
        self.gradient = saved(state, "gradient", Some(n))?.to_vec();
        self.h = saved(state, "h", Some(n * n))?.to_vec();
        let hg = saved(state, "hg", None)?;
        self.hg = (hg.len() == n).then(|| hg.to_vec());
        self.pending = match saved(state, "pending", Some(4)) {
            Err(_) => None,
            Ok(c) => Some(RankTwo {
                c: c[0],
                a: c[1],
                b: c[2],
                d: c[3],
                u: saved(state, "pending u", Some(n))?.to_vec(),
                v: saved(state, "pending v", Some(n))?.to_vec(),
            }),
        };
        Ok(())
    }
}
