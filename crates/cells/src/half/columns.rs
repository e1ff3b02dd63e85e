//! The closed form of an electrode over columns of times, for the kernels: what [`Half::at`] gives one time
//! after the other.

use surrogate_jet::{Function, Op, Plan, Program, Reg};

use super::{CLIFF, CLOSEST, CLOSEST_SEEN, Frame, Half, RELAXATIONS};
use crate::formula::Formula;

/// Columns that a frame fills, in the order of [`Frame::columns`].
pub(crate) const FRAME: usize = 5;
/// Columns of the closed form: those of the frame, then the time.
pub(crate) const COLUMNS: usize = FRAME + 1;
/// Least scaled time, so that its root has a slope.
const LEAST_TIME: f64 = 1e-300;

/// The closed form as programs of the kernels: the potential, then the features. `slopes` has derivatives by
/// the columns of the frame as well.
#[derive(Debug, Clone)]
pub(crate) struct ClosedForm {
    pub(crate) values: Plan,
    pub(crate) slopes: Plan,
}

impl<S: Copy> Frame<S> {
    /// As columns.
    pub(crate) fn columns(&self) -> [S; FRAME] {
        [self.rate, self.size, self.reaction, self.exchange, self.relaxation]
    }
}

impl ClosedForm {
    pub(crate) fn of(half: &Half) -> Self {
        let program = half.program();
        let prepare = |wanted: bool| {
            let mut inputs = [wanted; COLUMNS];
            inputs[FRAME] = false;
            program.prepare(&inputs).expect("each instruction reads earlier ones")
        };
        Self { values: prepare(false), slopes: prepare(true) }
    }
}

impl Half {
    /// The program of [`Self::at`].
    fn program(&self) -> Program {
        let (mut f, [rate, size, reaction, exchange, relaxation, time]) = Formula::of();
        let tau = f.push(Op::Mul(rate, time));
        let threefold = f.push(Op::Scale(tau, 3.0));
        let taken = f.push(Op::Mul(size, threefold));
        let mean = f.push(Op::Shift(taken, self.x0));
        let surface = self.surface_of(&mut f, [tau, size, mean]);
        let (x, room, beyond) = self.inside(&mut f, surface);
        let potential = self.potential_of(&mut f, [x, reaction, exchange]);
        let cliff = if self.positive { -CLIFF } else { CLIFF };
        let potential = f.push(Op::Axpy(beyond, cliff, potential));
        let [mean, surface] = [mean, surface].map(|x| {
            let centred = f.push(Op::Shift(x, -0.5));
            f.push(Op::Scale(centred, 4.0))
        });
        let seen = f.push(Op::Shift(room, CLOSEST_SEEN));
        let seen = f.call(Function::Ln, seen);
        let seen = f.push(Op::Scale(seen, 0.10));
        let seen = f.push(Op::Shift(seen, 1.0));
        let passed = f.push(Op::Mul(relaxation, time));
        let [fast, slow] = RELAXATIONS.map(|slower| {
            let decay = f.push(Op::Scale(passed, -1.0 / slower));
            f.call(Function::Exp, decay)
        });
        f.finished(&[potential, mean, surface, seen, fast, slow])
    }

    /// Stoichiometry at the surface, from the scaled time, the size of the flux and the mean.
    fn surface_of(&self, f: &mut Formula, [tau, size, mean]: [Reg; 3]) -> Reg {
        let least = f.push(Op::Const(LEAST_TIME));
        let begun = f.push(Op::Max(tau, least));
        let Some(varying) = &self.varying else {
            let root = f.push(Op::Sqrt(begun));
            let excess = f.table(self.excess.cubic().table(), root);
            return f.push(Op::Fma(size, excess, mean));
        };
        let size = f.call(Function::Abs, size);
        let place = f.call(Function::Ln, size);
        let place = f.push(Op::Shift(place, -varying.range.0));
        let place = f.push(Op::Scale(place, 1.0 / varying.range.1));
        let end = f.table(varying.ends.table(), place);
        let end = f.call(Function::Exp, end);
        let way = f.push(Op::Div(begun, end));
        let way = f.push(Op::Sqrt(way));
        varying.products.iter().fold(mean, |sum, [of_way, of_size]| {
            let [of_way, of_size] =
                [(of_way, way), (of_size, place)].map(|(cubic, x)| f.table(cubic.table(), x));
            f.push(Op::Fma(of_way, of_size, sum))
        })
    }

    /// Stoichiometry inside the particle, its distance from the end of the discharge, and how far beyond.
    fn inside(&self, f: &mut Formula, surface: Reg) -> (Reg, Reg, Reg) {
        let one = f.push(Op::Const(1.0));
        let raw = if self.positive { f.push(Op::Sub(one, surface)) } else { surface };
        // both positive parts: their product is the square of the closest approach
        let square = f.push(Op::Powi(raw, 2));
        let square = f.push(Op::Shift(square, 4.0 * CLOSEST * CLOSEST));
        let root = f.push(Op::Sqrt(square));
        let size = f.call(Function::Abs, raw);
        let sum = f.push(Op::Add(size, root));
        let large = f.push(Op::Scale(sum, 0.5));
        let inverse = f.push(Op::Recip(large));
        let small = f.push(Op::Scale(inverse, CLOSEST * CLOSEST));
        let room = f.push(Op::Select(raw, large, small));
        let beyond = f.push(Op::Select(raw, small, large));
        let x = if self.positive { f.push(Op::Sub(one, room)) } else { room };
        (x, room, beyond)
    }

    /// Open-circuit potential and overpotential, from the surface, the reaction and the exchange.
    fn potential_of(&self, f: &mut Formula, [x, reaction, exchange]: [Reg; 3]) -> Reg {
        let e = &self.electrode;
        let mut potential = f.function(&e.open_circuit_potential, x);
        if self.warmth != 0.0 {
            let change = f.function(&e.entropic_change, x);
            potential = f.push(Op::Axpy(change, self.warmth, potential));
        }
        let shape = match &e.exchange_current.shape {
            None => {
                let one = f.push(Op::Const(1.0));
                let left = f.push(Op::Sub(one, x));
                let product = f.push(Op::Mul(x, left));
                f.push(Op::Sqrt(product))
            }
            Some(shape) => f.function(shape, x),
        };
        let current = f.push(Op::Mul(exchange, shape));
        let ratio = f.push(Op::Div(reaction, current));
        let ratio = f.push(Op::Scale(ratio, 0.5));
        let over = f.call(Function::Asinh, ratio);
        f.push(Op::Axpy(over, self.thermal_voltage, potential))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use surrogate_battery::cell::sets;
    use surrogate_battery::solve::{Dual, Model, PARAMETERS, Parameter, Scalar};
    use surrogate_jet::Registers;

    use super::*;
    use crate::particle::Excess;
    use crate::{Axis, CellProblem, Quantity};

    /// Times from before the start to beyond the end, a multiple of the lanes.
    fn times() -> Vec<f64> {
        [-10.0, 0.0, 1e-9, 1e-3].into_iter().chain((1..=44).map(|k| 100.0 * f64::from(k))).collect()
    }

    #[test]
    fn columns_are_the_closed_form_of_each_time() {
        let excess = Arc::new(Excess::new());
        let times = times();
        for (cell, positive) in [
            (sets::chen2020(), false),
            (sets::chen2020(), true),
            (sets::marquis2019(), true),
            (sets::prada2013(), false),
            // diffusivities that depend on stoichiometry
            (sets::ecker2015(), false),
            (sets::ecker2015(), true),
        ] {
            let axes = [
                (Quantity::CRate, 0.3, 3.0),
                (Quantity::Factor(Parameter::DiffusivityN), 0.5, 2.0),
            ];
            let axes =
                axes.map(|(quantity, lower, upper)| Axis { quantity, lower, upper, log: true });
            let problem = CellProblem::new(cell.clone(), Model::Spm, axes.to_vec()).unwrap();
            let half = Half::new(&cell, positive, excess.clone()).over(&problem);
            let closed = ClosedForm::of(&half);
            let mut factors = [Dual::of(1.0); PARAMETERS];
            factors.iter_mut().enumerate().for_each(|(k, factor)| {
                *factor = Dual::of(1.0 + 0.03 * k as f64);
                factor.d[k] = factor.v;
            });
            let frame = half.frame(&factors);
            let mut columns: Vec<f64> =
                frame.columns().iter().flat_map(|s| vec![s.v; times.len()]).collect();
            columns.extend(&times);
            let mut registers = Registers::new();
            closed.slopes.forward(&columns, times.len(), &mut registers);
            let mut seed = vec![0.0; 6 * times.len()];
            seed[..times.len()].fill(1.0);
            let mut by = vec![0.0; columns.len()];
            closed.slopes.reverse(&seed, &mut registers, &mut by);
            for (k, time) in times.iter().enumerate() {
                let (potential, features) = half.at(&frame, Dual::of(*time));
                let near = |found: f64, exact: f64, what: &str| {
                    let apart = (found - exact).abs() / (1.0 + exact.abs());
                    // a full or empty surface carries no current
                    let neither = !found.is_finite() && !exact.is_finite();
                    assert!(apart < 1e-9 || neither, "{what} at {time} s: {found} for {exact}");
                };
                near(registers.output(0)[k], potential.v, "potential");
                for (i, feature) in features.iter().enumerate() {
                    near(registers.output(1 + i)[k], feature.v, "feature");
                }
                for p in 0..PARAMETERS {
                    let slopes = frame.columns().map(|s| s.d[p]);
                    let own = |c: usize| by[c * times.len() + k] * slopes[c];
                    near((0..FRAME).map(own).sum(), potential.d[p], "derivative");
                }
            }
        }
    }
}
