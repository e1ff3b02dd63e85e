//! Limited-memory BFGS with a strong Wolfe line search.
//!
//! Source: Nocedal and Wright (2006), Numerical Optimization, algorithm 7.4 and 7.5.

use surrogate_jet::dense::dot;

use super::line_search::{backtrack, strong_wolfe};
use super::{Objective, Optimizer, Step, saved};

/// Pairs kept.
const MEMORY: usize = 50;

/// State of the method.
pub struct Lbfgs {
    x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    /// Steps and gradient changes, oldest first.
    pairs: Vec<(Vec<f64>, Vec<f64>)>,
    restarts: usize,
}

impl Lbfgs {
    /// Starts at `x`.
    pub fn new(x: Vec<f64>, objective: &mut dyn Objective) -> Self {
        let gradient = vec![0.0; x.len()];
        let mut out = Self { x, value: 0.0, gradient, pairs: Vec::new(), restarts: 0 };
        out.refresh(objective);
        out
    }

    fn direction(&self) -> Vec<f64> {
        let mut q: Vec<f64> = self.gradient.iter().map(|g| -g).collect();
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for (s, y) in self.pairs.iter().rev() {
            let alpha = dot(s, &q) / dot(s, y);
            q.iter_mut().zip(y).for_each(|(q, y)| *q -= alpha * y);
            alphas.push(alpha);
        }
        if let Some((s, y)) = self.pairs.last() {
            let scale = dot(s, y) / dot(y, y);
            q.iter_mut().for_each(|q| *q *= scale);
        }
        for ((s, y), alpha) in self.pairs.iter().zip(alphas.iter().rev()) {
            let beta = dot(y, &q) / dot(s, y);
            q.iter_mut().zip(s).for_each(|(q, s)| *q += (alpha - beta) * s);
        }
        q
    }
}

impl Optimizer for Lbfgs {
    fn step(&mut self, objective: &mut dyn Objective) -> Step {
        let p = self.direction();
        let slope = dot(&self.gradient, &p);
        let size = dot(&self.gradient, &self.gradient).sqrt();
        let first = if self.pairs.is_empty() { (1.0 / size).min(1.0) } else { 1.0 };
        let found = if slope < 0.0 {
            strong_wolfe(objective, &self.x, &p, self.value, slope, first)
                .or_else(|| backtrack(objective, &self.x, &p, self.value, slope))
        } else {
            None
        };
        let Some(trial) = found else {
            self.restarts += 1;
            self.pairs.clear();
            return if self.restarts > 1 { Step::Stalled } else { Step::Restarted };
        };
        self.restarts = 0;
        let s: Vec<f64> = trial.x.iter().zip(&self.x).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = trial.gradient.iter().zip(&self.gradient).map(|(a, b)| a - b).collect();
        if dot(&s, &y) > 0.0 {
            self.pairs.push((s, y));
            if self.pairs.len() > MEMORY {
                self.pairs.remove(0);
            }
        }
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
        self.restarts = 0;
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        let (s, y): (Vec<&[f64]>, Vec<&[f64]>) =
            self.pairs.iter().map(|(s, y)| (s.as_slice(), y.as_slice())).unzip();
        vec![
            ("scalars".to_string(), vec![self.value, self.restarts as f64]),
            ("x".to_string(), self.x.clone()),
            ("gradient".to_string(), self.gradient.clone()),
            ("s".to_string(), s.concat()),
            ("y".to_string(), y.concat()),
        ]
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> Result<(), String> {
        let n = self.x.len();
        let scalars = saved(state, "scalars", Some(2))?;
        (self.value, self.restarts) = (scalars[0], scalars[1] as usize);
        self.x = saved(state, "x", Some(n))?.to_vec();
        self.gradient = saved(state, "gradient", Some(n))?.to_vec();
        let (s, y) = (saved(state, "s", None)?, saved(state, "y", None)?);
        if s.len() != y.len() || s.len() % n != 0 {
            return Err("s".to_string());
        }
        self.pairs = s
            .chunks_exact(n)
            .zip(y.chunks_exact(n))
            .map(|(s, y)| (s.to_vec(), y.to_vec()))
            .collect();
        Ok(())
    }
}
