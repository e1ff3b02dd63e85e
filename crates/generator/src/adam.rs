//! Adam with decoupled decay.
//!
//! Source: Loshchilov and Hutter (2019), Decoupled weight decay regularization, algorithm 2.

use crate::network::Layout;

/// Decay of the means.
const BETA: [f32; 2] = [0.9, 0.98];
const EPSILON: f32 = 1e-8;

/// Longest gradient; longer ones are shortened to it.
const LONGEST: f64 = 1.0;

/// State of the optimiser.
#[derive(Debug, Clone, PartialEq)]
pub struct Adam {
    /// Mean of the gradients.
    pub mean: Vec<f32>,
    /// Mean of their squares.
    pub square: Vec<f32>,
    /// Steps so far.
    pub steps: usize,
    /// Share by which matrices decay in a step of rate 1.
    pub decay: f32,
}

impl Adam {
    /// Before the first step.
    #[must_use]
    pub fn new(weights: usize, decay: f32) -> Self {
        Self { mean: vec![0.0; weights], square: vec![0.0; weights], steps: 0, decay }
    }

    /// One step down a gradient, whose length is returned.
    pub fn step(
        &mut self,
        layout: &Layout,
        weights: &mut [f32],
        gradient: &[f32],
        rate: f32,
    ) -> f64 {
        self.steps += 1;
        let length = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        let shorter = (LONGEST / length.max(LONGEST)) as f32;
        let power = self.steps.min(100_000) as i32;
        let [first, second] = BETA.map(|b| 1.0 - b.powi(power));
        for (range, _) in layout.matrices() {
            for w in &mut weights[range.clone()] {
                *w -= rate * self.decay * *w;
            }
        }
        let state = self.mean.iter_mut().zip(&mut self.square);
        for ((w, g), (m, s)) in weights.iter_mut().zip(gradient).zip(state) {
            let g = g * shorter;
            *m += (1.0 - BETA[0]) * (g - *m);
            *s += (1.0 - BETA[1]) * (g * g - *s);
            *w -= rate * (*m / first) / ((*s / second).sqrt() + EPSILON);
        }
        length
    }
}
