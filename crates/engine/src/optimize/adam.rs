//! Adam with a constant learning rate, halved after a step to a place that is not a number.
//!
//! Source: Kingma and Ba (2015), arXiv:1412.6980, algorithm 1.

use super::{Objective, Optimizer, Step, saved};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-12;

/// State of the method.
pub struct Adam {
    x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    m: Vec<f64>,
    v: Vec<f64>,
    steps: f64,
    rate: f64,
    first_rate: f64,
}

impl Adam {
    /// Starts at `x`.
    pub fn new(x: Vec<f64>, objective: &mut dyn Objective, rate: f64) -> Self {
        let n = x.len();
        let zero = vec![0.0; n];
        let (gradient, m, v) = (zero.clone(), zero.clone(), zero);
        let mut out = Self { x, value: 0.0, gradient, m, v, steps: 0.0, rate, first_rate: rate };
        out.refresh(objective);
        out
    }
}

impl Optimizer for Adam {
    fn step(&mut self, objective: &mut dyn Objective) -> Step {
        self.steps += 1.0;
        let (c1, c2) = (1.0 - BETA1.powf(self.steps), 1.0 - BETA2.powf(self.steps));
        let (start, curvature) = (self.x.clone(), self.v.clone());
        for i in 0..self.x.len() {
            let g = self.gradient[i];
            self.m[i] = BETA1 * self.m[i] + (1.0 - BETA1) * g;
            self.v[i] = BETA2 * self.v[i] + (1.0 - BETA2) * g * g;
            self.x[i] -= self.rate * (self.m[i] / c1) / ((self.v[i] / c2).sqrt() + EPSILON);
        }
        let mut gradient = vec![0.0; self.x.len()];
        let value = objective.value_gradient(&self.x, &mut gradient);
        if !value.is_finite() || gradient.iter().any(|g| !g.is_finite()) {
            // never keep a place that is not a number: go back and take half the rate
            (self.x, self.v) = (start, curvature);
            self.rate *= 0.5;
            self.m.fill(0.0);
            return if self.rate < 1e-12 { Step::Stalled } else { Step::Restarted };
        }
        (self.value, self.gradient) = (value, gradient);
        Step::Accepted
    }

    fn x(&self) -> &[f64] {
        &self.x
    }

    fn value(&self) -> f64 {
        self.value
    }

    fn cuts(&self) -> usize {
        (self.first_rate / self.rate).log2().round() as usize
    }

    fn refresh(&mut self, objective: &mut dyn Objective) {
        self.value = objective.value_gradient(&self.x, &mut self.gradient);
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        vec![
            ("scalars".to_string(), vec![self.value, self.steps, self.rate]),
            ("x".to_string(), self.x.clone()),
            ("gradient".to_string(), self.gradient.clone()),
            ("m".to_string(), self.m.clone()),
            ("v".to_string(), self.v.clone()),
        ]
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> Result<(), String> {
        let n = self.x.len();
        let scalars = saved(state, "scalars", Some(3))?;
        (self.value, self.steps, self.rate) = (scalars[0], scalars[1], scalars[2]);
        self.x = saved(state, "x", Some(n))?.to_vec();
        self.gradient = saved(state, "gradient", Some(n))?.to_vec();
        self.m = saved(state, "m", Some(n))?.to_vec();
        self.v = saved(state, "v", Some(n))?.to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A parabola that is not a number beyond 1.
    struct Cliff;

    impl Objective for Cliff {
        fn n(&self) -> usize {
            1
        }
        fn value_gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
            gradient[0] = 2.0 * (x[0] - 0.9);
            self.value(x)
        }
        fn value(&mut self, x: &[f64]) -> f64 {
            if x[0] > 1.0 { f64::NAN } else { (x[0] - 0.9).powi(2) }
        }
        fn residuals(&self) -> usize {
            1
        }
        fn jacobian(&mut self, _: &[f64], _: &mut [f64], _: &mut [f64]) {}
    }

    #[test]
    fn a_loss_that_is_not_a_number_halves_the_rate_and_is_counted() {
        let mut adam = Adam::new(vec![0.0], &mut Cliff, 8.0);
        for _ in 0..60 {
            adam.step(&mut Cliff);
            assert!(adam.x()[0] <= 1.0 && adam.value().is_finite());
        }
        assert!(adam.cuts() >= 3, "{} cuts", adam.cuts());
        let mut resumed = Adam::new(vec![0.0], &mut Cliff, 8.0);
        resumed.restore(&adam.state()).expect("own state fits");
        assert_eq!(resumed.cuts(), adam.cuts());
    }
}
