//! Strong Wolfe line search: bracketing and zoom with safeguarded cubic interpolation.
//!
//! Source: Nocedal and Wright (2006), Numerical Optimization, algorithms 3.5 and 3.6.

use surrogate_jet::dense::dot;

use super::Objective;

/// Sufficient decrease.
pub(crate) const C1: f64 = 1e-4;
/// Curvature.
const C2: f64 = 0.9;
const MOST_TRIALS: usize = 30;

/// A point on the line.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(crate) alpha: f64,
    pub(crate) x: Vec<f64>,
    pub(crate) value: f64,
    pub(crate) gradient: Vec<f64>,
    slope: f64,
}

struct Line<'a> {
    objective: &'a mut dyn Objective,
    x: &'a [f64],
    p: &'a [f64],
    trials: usize,
}

impl Line<'_> {
    fn at(&mut self, alpha: f64) -> Trial {
        self.trials += 1;
        let x: Vec<f64> = self.x.iter().zip(self.p).map(|(x, p)| x + alpha * p).collect();
        let mut gradient = vec![0.0; x.len()];
        let mut value = self.objective.value_gradient(&x, &mut gradient);
        let slope = dot(&gradient, self.p);
        if !(value.is_finite() && slope.is_finite()) {
            value = f64::INFINITY;
        }
        Trial { alpha, x, value, gradient, slope }
    }
}

/// Searches along `p` from `x`; `None` if no strong Wolfe point is found.
pub(crate) fn strong_wolfe(
    objective: &mut dyn Objective,
    x: &[f64],
    p: &[f64],
    value: f64,
    slope: f64,
    first: f64,
) -> Option<Trial> {
    let mut line = Line { objective, x, p, trials: 0 };
    let origin = Trial { alpha: 0.0, x: x.to_vec(), value, gradient: Vec::new(), slope };
    let mut before = origin.clone();
    let mut alpha = first;
    for k in 0..MOST_TRIALS {
        let trial = line.at(alpha);
        if trial.value > value + C1 * alpha * slope || (k > 0 && trial.value >= before.value) {
            return zoom(&mut line, &origin, before, trial);
        }
        if trial.slope.abs() <= -C2 * slope {
            return Some(trial);
        }
        if trial.slope >= 0.0 {
            return zoom(&mut line, &origin, trial, before);
        }
        before = trial;
        alpha *= 2.0;
    }
    None
}

fn zoom(line: &mut Line<'_>, origin: &Trial, low: Trial, high: Trial) -> Option<Trial> {
    let (mut low, mut high) = (low, high);
    while line.trials < MOST_TRIALS {
        let width = (high.alpha - low.alpha).abs();
        if width <= 1e-14 * high.alpha.abs().max(low.alpha.abs()) {
            return None;
        }
        let trial = line.at(interpolate(&low, &high));
        if trial.value > origin.value + C1 * trial.alpha * origin.slope || trial.value >= low.value
        {
            high = trial;
        } else {
            if trial.slope.abs() <= -C2 * origin.slope {
                return Some(trial);
            }
            if trial.slope * (high.alpha - low.alpha) >= 0.0 {
                high = low;
            }
            low = trial;
        }
    }
    None
}

/// Minimiser of the cubic through both ends, kept inside the middle 80 %.
fn interpolate(low: &Trial, high: &Trial) -> f64 {
    let (a, b) = (low.alpha, high.alpha);
    let middle = 0.5 * (a + b);
    if !high.value.is_finite() {
        return a + 0.1 * (b - a);
    }
    let d1 = low.slope + high.slope - 3.0 * (low.value - high.value) / (a - b);
    let inside = d1 * d1 - low.slope * high.slope;
    if inside < 0.0 {
        return middle;
    }
    let d2 = (b - a).signum() * inside.sqrt();
    let t = b - (b - a) * (high.slope + d2 - d1) / (high.slope - low.slope + 2.0 * d2);
    let (lo, hi) = (a.min(b), a.max(b));
    let guard = 0.1 * (hi - lo);
    if t.is_finite() { t.clamp(lo + guard, hi - guard) } else { middle }
}

/// Halves the step until the value falls enough.
pub(crate) fn backtrack(
    objective: &mut dyn Objective,
    x: &[f64],
    p: &[f64],
    value: f64,
    slope: f64,
) -> Option<Trial> {
    let mut line = Line { objective, x, p, trials: 0 };
    let mut alpha = 1.0;
    for _ in 0..MOST_TRIALS {
        let trial = line.at(alpha);
        if trial.value < value + C1 * alpha * slope {
            return Some(trial);
        }
        alpha *= 0.3;
    }
    None
}
