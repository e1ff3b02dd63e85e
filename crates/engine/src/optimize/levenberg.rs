//! Levenberg-Marquardt in primal or dual form, whichever is smaller.
//!
//! `p = -(J'J + μ I)⁻¹ J' r` for n ≤ m, `p = -J' (J J' + μ I)⁻¹ r` otherwise (the same p).
//! Damping: Nielsen (1999), IMM-REP-1999-05. Dense algebra by faer.

use faer::linalg::matmul::matmul;
use faer::linalg::solvers::Solve;
use faer::{Accum, Mat, MatRef, Par, Side};

use super::{Objective, Optimizer, Step, saved};

/// State of the method.
pub struct LevenbergMarquardt {
    x: Vec<f64>,
    value: f64,
    mu: f64,
    nu: f64,
}

impl LevenbergMarquardt {
    /// Starts at `x`.
    pub fn new(x: Vec<f64>, objective: &mut dyn Objective) -> Self {
        let value = objective.value(&x);
        Self { x, value, mu: -1.0, nu: 2.0 }
    }
}

/// Trial damping values per Jacobian.
const MOST_TRIALS: usize = 12;

impl Optimizer for LevenbergMarquardt {
    fn step(&mut self, objective: &mut dyn Objective) -> Step {
        let (m, n) = (objective.residuals(), self.x.len());
        let mut r = vec![0.0; m];
        let mut jacobian = vec![0.0; m * n];
        objective.jacobian(&self.x, &mut r, &mut jacobian);
        let j = MatRef::from_column_major_slice(&jacobian, m, n);
        let r = Mat::from_fn(m, 1, |i, _| r[i]);
        let mut gradient = Mat::<f64>::zeros(n, 1);
        matmul(gradient.as_mut(), Accum::Replace, j.transpose(), r.as_ref(), 1.0, Par::Seq);
        let primal = n <= m;
        let k = n.min(m);
        let mut gram = Mat::<f64>::zeros(k, k);
        let (left, right) = if primal { (j.transpose(), j) } else { (j, j.transpose()) };
        matmul(gram.as_mut(), Accum::Replace, left, right, 1.0, Par::Seq);
        if self.mu < 0.0 {
            let largest = (0..k).map(|i| gram[(i, i)]).fold(0.0, f64::max);
            self.mu = 1e-3 * largest.max(1e-300);
        }
        for _ in 0..MOST_TRIALS {
            let mut damped = gram.clone();
            (0..k).for_each(|i| damped[(i, i)] += self.mu);
            if let Ok(factor) = damped.llt(Side::Lower) {
                let p = if primal {
                    factor.solve(&gradient)
                } else {
                    let z = factor.solve(&r);
                    let mut p = Mat::<f64>::zeros(n, 1);
                    matmul(p.as_mut(), Accum::Replace, j.transpose(), z.as_ref(), 1.0, Par::Seq);
                    p
                };
                let x: Vec<f64> = (0..n).map(|i| self.x[i] - p[(i, 0)]).collect();
                let value = objective.value(&x);
                let predicted: f64 =
                    (0..n).map(|i| p[(i, 0)] * (self.mu * p[(i, 0)] + gradient[(i, 0)])).sum();
                let gain = (self.value - value) / predicted;
                if value.is_finite() && value < self.value && gain > 0.0 {
                    self.x = x;
                    self.value = value;
                    self.mu *= (1.0 - (2.0 * gain - 1.0).powi(3)).max(1.0 / 3.0);
                    self.nu = 2.0;
                    return Step::Accepted;
                }
            }
            self.mu *= self.nu;
            self.nu *= 2.0;
        }
        Step::Stalled
    }

    fn x(&self) -> &[f64] {
        &self.x
    }

    fn value(&self) -> f64 {
        self.value
    }

    fn refresh(&mut self, objective: &mut dyn Objective) {
        self.value = objective.value(&self.x);
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        vec![
            ("scalars".to_string(), vec![self.value, self.mu, self.nu]),
            ("x".to_string(), self.x.clone()),
        ]
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> Result<(), String> {
        let scalars = saved(state, "scalars", Some(3))?;
        (self.value, self.mu, self.nu) = (scalars[0], scalars[1], scalars[2]);
        self.x = saved(state, "x", Some(self.x.len()))?.to_vec();
        Ok(())
    }
}
