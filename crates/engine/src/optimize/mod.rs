//! Optimisers on a flat f64 vector. Each is a state that steps, so that training can stop, save,
//! and go on to the same bits.

mod adam;
mod lbfgs;
mod levenberg;
mod line_search;
mod ssbroyden;

pub use adam::Adam;
pub use lbfgs::Lbfgs;
pub use levenberg::LevenbergMarquardt;
pub use ssbroyden::SsBroyden;

/// A function to minimise. Values may be infinite or NaN; steps to such places are refused.
pub trait Objective {
    /// Number of variables.
    fn n(&self) -> usize;
    /// Value and gradient (written to `gradient`).
    fn value_gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> f64;
    /// Value only.
    fn value(&mut self, x: &[f64]) -> f64;
    /// Number of residuals of a sum of squares.
    fn residuals(&self) -> usize;
    /// Residuals `r` with `value = Σ r²`, and the Jacobian, column-major `residuals x n`.
    fn jacobian(&mut self, x: &[f64], r: &mut [f64], jacobian: &mut [f64]);
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The value fell.
    Accepted,
    /// No step was found, the method starts over from its first metric.
    Restarted,
    /// No step can be found any more.
    Stalled,
}

/// An optimiser with its state.
pub trait Optimizer {
    /// One iteration.
    fn step(&mut self, objective: &mut dyn Objective) -> Step;
    /// Current variables.
    fn x(&self) -> &[f64];
    /// Value at the current variables.
    fn value(&self) -> f64;
    /// Times the step was cut for good because the loss was not a number.
    fn cuts(&self) -> usize {
        0
    }
    /// The objective has changed (new points): values are taken anew, what was learned is kept.
    fn refresh(&mut self, objective: &mut dyn Objective);
    /// Everything needed to go on to the same bits, as named arrays.
    fn state(&self) -> Vec<(String, Vec<f64>)>;
    /// Takes over a state.
    ///
    /// # Errors
    /// The name of an array that is missing or has the wrong length.
    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> Result<(), String>;
}

/// Finds an array of a saved state.
fn saved<'a>(
    state: &'a [(String, Vec<f64>)],
    name: &str,
    length: Option<usize>,
) -> Result<&'a [f64], String> {
    match state.iter().find(|(n, _)| n == name) {
        Some((_, values)) if length.is_none_or(|l| l == values.len()) => Ok(values),
        _ => Err(name.to_string()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Rosenbrock's function in residual form, and a stiff quadratic.
    pub(crate) struct Rosenbrock {
        pub(crate) n: usize,
    }

    impl Objective for Rosenbrock {
        fn n(&self) -> usize {
            self.n
        }
        fn value_gradient(&mut self, x: &[f64], g: &mut [f64]) -> f64 {
            g.fill(0.0);
            let mut value = 0.0;
            for i in 0..self.n - 1 {
                let (a, b) = (10.0 * (x[i + 1] - x[i] * x[i]), 1.0 - x[i]);
                value += a * a + b * b;
                g[i] += -40.0 * x[i] * a - 2.0 * b;
                g[i + 1] += 20.0 * a;
            }
            value
        }
        fn value(&mut self, x: &[f64]) -> f64 {
            let mut g = vec![0.0; self.n];
            self.value_gradient(x, &mut g)
        }
        fn residuals(&self) -> usize {
            2 * (self.n - 1)
        }
        fn jacobian(&mut self, x: &[f64], r: &mut [f64], jacobian: &mut [f64]) {
            let m = self.residuals();
            jacobian.fill(0.0);
            for i in 0..self.n - 1 {
                r[2 * i] = 10.0 * (x[i + 1] - x[i] * x[i]);
                r[2 * i + 1] = 1.0 - x[i];
                jacobian[i * m + 2 * i] = -20.0 * x[i];
                jacobian[(i + 1) * m + 2 * i] = 10.0;
                jacobian[i * m + 2 * i + 1] = -1.0;
            }
        }
    }

    fn minimise(optimizer: &mut dyn Optimizer, n: usize, steps: usize) -> f64 {
        let mut problem = Rosenbrock { n };
        for _ in 0..steps {
            if optimizer.step(&mut problem) == Step::Stalled {
                break;
            }
        }
        optimizer.value()
    }

    #[test]
    fn every_second_order_method_solves_rosenbrock() {
        let n = 10;
        let start = vec![-1.2; n];
        let mut problem = Rosenbrock { n };
        assert!(minimise(&mut SsBroyden::new(start.clone(), &mut problem), n, 400) < 1e-18);
        assert!(minimise(&mut Lbfgs::new(start.clone(), &mut problem), n, 400) < 1e-16);
        assert!(minimise(&mut LevenbergMarquardt::new(start, &mut problem), n, 200) < 1e-18);
    }

    #[test]
    fn a_saved_state_goes_on_to_the_same_bits() {
        let n = 10;
        let mut problem = Rosenbrock { n };
        let make = |problem: &mut Rosenbrock| -> Vec<Box<dyn Optimizer>> {
            let start = vec![-1.2; n];
            vec![
                Box::new(SsBroyden::new(start.clone(), problem)),
                Box::new(Lbfgs::new(start.clone(), problem)),
                Box::new(LevenbergMarquardt::new(start.clone(), problem)),
                Box::new(Adam::new(start, problem, 1e-2)),
            ]
        };
        let (mut straight, mut resumed) = (make(&mut problem), make(&mut problem));
        for (a, b) in straight.iter_mut().zip(&mut resumed) {
            for _ in 0..37 {
                a.step(&mut problem);
            }
            b.restore(&a.state()).expect("own state fits");
            for _ in 0..40 {
                a.step(&mut problem);
                b.step(&mut problem);
            }
            assert_eq!(a.x(), b.x());
        }
    }
}
