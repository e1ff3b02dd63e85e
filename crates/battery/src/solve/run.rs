//! From start to end: steps of controlled error through a protocol, ends located in time.

use super::dense::Dense;
use super::equations::Step;
use super::layout::Layout;
use super::physics::Physics;
use super::protocol::{Control, Drive, ProtocolStep};
use super::solid::{Radial, Solid};
use super::solution::{Ended, Mechanism, Resolution, Sensitivities, Solution};
use super::state::{Attempt, Convergence, Frame, Point, State, Trial};
use super::tangent::Tangent;
use super::{Depletion, Model, Options, SolveError};
use crate::Cell;

/// First step after a control sets in, s.
const FIRST_STEP_S: f64 = 1e-3;
/// Largest growth of a step.
const GROWTH: f64 = 1.6;
/// Smallest step over the time, and in s.
const SMALLEST: f64 = 1e-10;
/// How exactly ends are located in time, relative.
const END_TOLERANCE: f64 = 1e-8;
/// Electrolyte over that at rest below which it explains why no step is possible.
const DEPLETED: f64 = 2e-2;
/// Steps below this part of the time creep; so many of them in a depleted electrolyte are the end.
const CREEPING: (f64, usize) = (1e-5, 50);
/// Tolerance of temperature over that of voltage: cells change by about a millivolt per kelvin.
const KELVIN_PER_VOLT: f64 = 100.0;
/// Distance in V of a limit from which the current leads away.
const AWAY_V: f64 = 1.0;
/// Steps that each piece of a profile allows beyond [`Options::max_steps`].
const STEPS_A_PIECE: usize = 50;
/// Improvement by a first step of half the length or less below which no length suffices: errors
/// that shrink with the root of the length improve by 1.4.
const STUBBORN: f64 = 1.3;
/// Closeness of a surface to stoichiometry 0 or 1 that explains why no step is possible.
const SATURATED: f64 = 1e-2;

/// Simulates a protocol from the initial state of a cell.
///
/// # Errors
/// [`SolveError`] where the model does not fit the cell, a value makes no sense, nothing can be put
/// out, or the tolerance cannot be kept.
pub fn simulate(
    cell: &Cell,
    model: Model,
    protocol: &[ProtocolStep],
    options: &Options,
) -> Result<Solution, SolveError> {
    super::checks::check(cell, model, protocol, options)?;
    match run(cell, model, protocol, options) {
        Err(SolveError::Depleted { .. }) if options.depletion == Depletion::Follow => {
            let solution = run(cell, model, protocol, &options.clone().on_linear_elements())?;
            Ok(Solution { resolution: Resolution::Depleting, ..solution })
        }
        answer => answer,
    }
}

/// Simulates a protocol that was checked, at the resolution asked for.
fn run(
    cell: &Cell,
    model: Model,
    protocol: &[ProtocolStep],
    options: &Options,
) -> Result<Solution, SolveError> {
    let mut run = Run::new(cell, model, options);
    for (number, step) in protocol.iter().enumerate() {
        let last = number + 1 == protocol.len();
        run.step(number + 1, step, last)?;
        if options.sensitivities && !last && run.solution.ended[number] != Ended::Duration {
            return Err(SolveError::SensitivityOfSwitch { step: number + 1 });
        }
    }
    run.differentiate_end();
    Ok(run.solution)
}

/// A simulation under way.
struct Run<'a> {
    frame: Frame<'a>,
    options: &'a Options,
    physics: Physics<f64>,
    state: State<f64>,
    /// Surfaces at the newest point.
    x: [Vec<f64>; 2],
    matrix: Dense,
    solution: Solution,
    /// Surfaces at the point before.
    x_before: [Vec<f64>; 2],
    tangent: Option<Tangent>,
}

/// An end of a step: what is watched, and the value at which it ends.
#[derive(Clone, Copy, PartialEq)]
enum Limit {
    LowerVoltage(f64),
    UpperVoltage(f64),
    Current(f64),
}

impl Limit {
    /// Positive before the end, negative after it.
    fn distance(self, layout: &Layout, z: &[f64]) -> f64 {
        match self {
            Self::LowerVoltage(limit) if z[layout.current()] > 0.0 => z[layout.voltage()] - limit,
            Self::UpperVoltage(limit) if z[layout.current()] < 0.0 => limit - z[layout.voltage()],
            // a full cell at rest is at its upper limit, and leaves it on discharge
            Self::LowerVoltage(_) | Self::UpperVoltage(_) => AWAY_V,
            Self::Current(limit) => z[layout.current()].abs() - limit,
        }
    }
}

impl<'a> Run<'a> {
    fn new(cell: &'a Cell, model: Model, options: &'a Options) -> Self {
        let layout = Layout::new(model, options);
        let electrodes = [&cell.negative, &cell.positive];
        let starts = [cell.initial.stoichiometry_n, cell.initial.stoichiometry_p];
        let radials = electrodes.map(|e| Radial::new(e, options.modes, options.shells));
        let mut z = vec![1.0; layout.unknowns()];
        z[..2 * layout.particles].fill(0.0);
        z[layout.psi()] = cell.negative.open_circuit_potential.value(starts[0]);
        z[layout.voltage()] = cell.open_circuit_voltage(starts[0], starts[1]);
        z[layout.current()] = 0.0;
        let temperature = cell.initial.temperature_k;
        let physics = Physics::new(cell, temperature, options.thermal, &options.multipliers.0);
        let first = Point { time: 0.0, z, temperature };
        let count = layout.particles;
        let tangent = options.sensitivities.then(|| {
            let solids = [0, 1].map(|e| Solid::at_rest(&radials[e], count, starts[e]));
            Tangent::new(&options.multipliers, solids, &first)
        });
        let solids = [0, 1].map(|e| Solid::at_rest(&radials[e], count, starts[e]));
        let sensitivities = options.sensitivities.then(Sensitivities::default);
        Self {
            x: starts.map(|x| vec![x; layout.particles]),
            x_before: starts.map(|x| vec![x; layout.particles]),
            matrix: Dense::zeros(layout.unknowns()),
            state: State { solids, points: vec![first] },
            tangent,
            frame: Frame { cell, layout },
            options,
            physics,
            solution: Solution { sensitivities, ..Solution::default() },
        }
    }

    fn now(&self) -> f64 {
        self.state.newest().time
    }

    fn voltage(&self) -> f64 {
        self.state.newest().z[self.frame.layout.voltage()]
    }

    fn current(&self) -> f64 {
        self.state.newest().z[self.frame.layout.current()]
    }

    /// One step of the protocol, which may be its `last`.
    fn step(&mut self, number: usize, step: &ProtocolStep, last: bool) -> Result<(), SolveError> {
        let start = self.now();
        let drive = step.control.jump(0.0, 0.0).unwrap_or_else(|| step.control.drive(0.0));
        self.begin(number, drive)?;
        let limits = limits(step);
        let ended = match self.over(&limits) {
            Some(limit) => {
                let nothing = self.nothing_to_put_out(limit);
                self.solution.take_back_beginning();
                if last && self.solution.time_s.is_empty() {
                    return Err(nothing);
                }
                Ended::Skipped
            }
            None => self.follow(number, step, start, &limits)?,
        };
        self.solution.ended.push(ended);
        Ok(())
    }

    /// Finds currents and potentials that obey a control that sets in, or jumps.
    fn begin(&mut self, number: usize, drive: Drive) -> Result<(), SolveError> {
        let newest = self.state.newest().clone();
        let layout = &self.frame.layout;
        let mut guess = newest.z.clone();
        let wanted = match drive {
            Drive::Current(current) => self.physics.current * current,
            Drive::Power(power) => power / guess[layout.voltage()],
            Drive::Voltage(_) => guess[layout.current()],
        };
        let spread = wanted / self.physics.area;
        for (e, sign) in [(0, 1.0), (1, -1.0)] {
            for p in 0..layout.particles {
                guess[layout.j(e, p)] = sign * spread / self.physics.electrodes[e].surface;
            }
        }
        guess[layout.current()] = wanted;
        // where surfaces are empty or full a reaction takes so much potential that iterations leave for infinity
        let least = 0.1 * self.frame.cell.nominal_capacity_a_h / self.physics.area;
        let mean = [0, 1].map(|e| spread.abs().max(least) / self.physics.electrodes[e].surface);
        let trial = self.solve(drive, 0.0, guess.clone());
        let trial = trial.or_else(|| self.attempt(drive, 0.0, guess, Some(mean)));
        let Some(trial) = trial else {
            return Err(SolveError::NoConsistentStart { step: number, time_s: newest.time });
        };
        self.solution.step_starts.push(self.solution.time_s.len());
        self.accept(0.0, drive, trial);
        Ok(())
    }

    /// Steps of controlled error until the protocol step ends.
    fn follow(
        &mut self,
        number: usize,
        step: &ProtocolStep,
        start: f64,
        limits: &[Limit],
    ) -> Result<Ended, SolveError> {
        let duration = step.duration_s.or_else(|| step.control.length());
        let end = duration.map(|duration| start + duration);
        let most = self.options.max_steps + STEPS_A_PIECE * step.control.pieces();
        let (mut dt, mut creeping) = (FIRST_STEP_S, 0);
        let mut refused_first = 0.0;
        loop {
            if creeping > CREEPING.1 {
                return self.stuck(dt);
            }
            if end.is_some_and(|end| end - self.now() < self.smallest()) {
                return Ok(Ended::Duration);
            }
            if self.solution.work.steps >= most {
                let (steps, time_s) = (self.solution.work.steps, self.now());
                return Err(SolveError::TooManySteps { steps, time_s });
            }
            let taken = self.limited(dt, start, end, &step.control);
            // rounding must not take a step that ends at a jump to its other side
            let drive = step.control.drive(self.now() + taken - start - self.smallest());
            let guess = self.state.extrapolated(taken, |point| point.z.clone());
            let predicted = guess.clone();
            let trial = self.solve(drive, taken, guess);
            let fits = trial.map(|trial| (self.growth(&predicted, taken, &trial), trial));
            // surfaces near their end leave it at once, as far as a mesh knows: no shorter first step errs less
            let at_once = |growth: f64| growth < STUBBORN * refused_first;
            match fits {
                Some((growth, trial)) if growth >= 0.5 || at_once(growth) => {
                    refused_first = 0.0;
                    let crossed =
                        limits.iter().find(|l| l.distance(&self.frame.layout, &trial.z) <= 0.0);
                    if let Some(limit) = crossed {
                        self.locate(*limit, taken, trial, &step.control, start);
                        return Ok(self.named(*limit));
                    }
                    self.accept(taken, drive, trial);
                    let creeps = taken < CREEPING.0 * self.now() && self.lowest_y() < DEPLETED;
                    creeping = if creeps { creeping + 1 } else { 0 };
                    let next = taken * growth.min(GROWTH);
                    // a step that a border shortened says nothing against the longer one
                    dt = if taken < dt && growth >= 1.0 { next.max(dt) } else { next };
                    if let Some(drive) = step.control.jump(self.now() - start, self.smallest()) {
                        self.begin(number, drive)?;
                        if let Some(limit) = self.over(limits) {
                            return Ok(self.named(limit));
                        }
                        dt = FIRST_STEP_S;
                    }
                }
                refused => {
                    self.solution.work.rejected += 1;
                    if self.state.points.len() == 1 {
                        refused_first = refused.as_ref().map_or(0.0, |(growth, _)| *growth);
                    }
                    dt = taken * refused.map_or(0.25, |(growth, _)| growth.clamp(0.2, 0.5));
                    if dt < self.smallest() {
                        return self.stuck(dt);
                    }
                }
            }
        }
    }

    /// A step no longer than to the end and to the next kink of a profile.
    fn limited(&self, dt: f64, start: f64, end: Option<f64>, control: &Control) -> f64 {
        // what rounding leaves before a border is no step
        let after = self.now() + self.smallest();
        let kink = control.next_kink(after - start).map(|kink| start + kink);
        let mut taken = dt;
        for border in [end, kink].into_iter().flatten() {
            let left = border - self.now();
            if taken > 0.99 * left {
                taken = left;
            }
        }
        taken
    }

    /// Smallest step in s that rounding allows.
    fn smallest(&self) -> f64 {
        SMALLEST * self.now().max(1.0)
    }

    fn solve(&mut self, drive: Drive, dt: f64, guess: Vec<f64>) -> Option<Trial> {
        self.attempt(drive, dt, guess, None)
    }

    fn attempt(
        &mut self,
        drive: Drive,
        dt: f64,
        guess: Vec<f64>,
        caution: Option<[f64; 2]>,
    ) -> Option<Trial> {
        if self.options.thermal {
            let temperature = self.state.predicted_temperature(dt);
            let factors = &self.options.multipliers.0;
            self.physics = Physics::new(self.frame.cell, temperature, true, factors);
        }
        let scale = self.reaction_scale();
        let convergence = Convergence {
            // no tighter than rounding allows: an unreachable tolerance is told by the step size
            potential: (0.02 * self.options.voltage_tolerance_v).max(1e-12),
            current: scale.map(|j| (0.02 * self.options.reaction_tolerance).max(1e-11) * j),
        };
        let (physics, x_last) = (&self.physics, &self.x);
        let attempt = Attempt { physics, drive, dt, guess, x_last, convergence, caution };
        let mut trial = self.state.solve(&self.frame, attempt, &mut self.matrix);
        if let Some(trial) = trial.as_mut().filter(|_| self.options.thermal && dt > 0.0) {
            let surfaces = self.frame.surfaces(&self.physics, &trial.x);
            let time = self.state.derivative(dt);
            trial.temperature =
                self.state.warmed(&self.frame, &self.physics, time, &surfaces, &trial.z);
        }
        self.solution.work.iterations += trial.as_ref().map_or(0, |trial| trial.iterations);
        trial
    }

    /// Mean reaction currents in A m-2 of the present current, at least of a tenth of 1C.
    fn reaction_scale(&self) -> [f64; 2] {
        let current = self.current().abs().max(0.1 * self.frame.cell.nominal_capacity_a_h);
        [0, 1].map(|e| current / (self.physics.area * self.physics.electrodes[e].surface))
    }

    /// Factor by which the step may grow, from the distance between step and prediction.
    ///
    /// The prediction is a parabola: its error is of order three, as is the error of the step, which is
    /// the smaller of the two. After a start it is a constant, then a line, which err more than the step:
    /// they are given slack.
    fn growth(&self, predicted: &[f64], dt: f64, trial: &Trial) -> f64 {
        let points = self.state.points.len();
        let (order, slack) = [(1.0, 20.0), (2.0, 5.0), (3.0, 1.0)][points.clamp(1, 3) - 1];
        let (layout, z) = (&self.frame.layout, &trial.z);
        let v = layout.voltage();
        let mut error = (z[v] - predicted[v]).abs() / self.options.voltage_tolerance_v;
        if self.options.thermal {
            let warmer = trial.temperature - self.state.predicted_temperature(dt);
            error = error.max(warmer.abs() / (KELVIN_PER_VOLT * self.options.voltage_tolerance_v));
        }
        for (e, scale) in self.reaction_scale().into_iter().enumerate() {
            for p in 0..layout.particles {
                let q = layout.j(e, p);
                let tolerance = self.options.reaction_tolerance * scale;
                error = error.max((z[q] - predicted[q]).abs() / tolerance);
            }
        }
        0.9 / (error / slack).max(1e-12).powf(1.0 / order)
    }

    /// Accepts a step and records it.
    fn accept(&mut self, dt: f64, drive: Drive, trial: Trial) {
        self.differentiate(dt, drive, &trial);
        let last = &self.state.newest().z;
        let (cell, layout) = (self.frame.cell, &self.frame.layout);
        let step =
            Step { cell, layout, physics: &self.physics, time: None, last, older: last, drive };
        self.solution.negative_potential_v.push(step.negative_potential(&trial.z));
        if self.options.fields {
            self.solution.fields.push(step.fields(&trial));
        }
        self.state.accept(&self.frame, dt, trial.z, trial.temperature);
        self.x_before = std::mem::replace(&mut self.x, trial.x);
        if let Some(fields) = self.solution.fields.last_mut() {
            fields.negative.look_inside(&self.state.solids[0], &self.frame.layout);
            fields.positive.look_inside(&self.state.solids[1], &self.frame.layout);
        }
        let layout = &self.frame.layout;
        let newest = self.state.newest();
        let solution = &mut self.solution;
        solution.time_s.push(newest.time);
        solution.voltage_v.push(newest.z[layout.voltage()]);
        solution.current_a.push(newest.z[layout.current()]);
        solution.temperature_k.push(newest.temperature);
        let mean = |e: usize| {
            let weight = |p: usize| if layout.particles == 1 { 1.0 } else { layout.electrode.w[p] };
            (0..layout.particles).map(|p| weight(p) * self.state.solids[e].mean(p)).sum()
        };
        solution.mean_stoichiometry.push([mean(0), mean(1)]);
        solution.electrolyte_lithium.push(self.frame.electrolyte_lithium(&newest.z));
        solution.work.steps += usize::from(dt > 0.0);
    }

    /// Differentiates a step before it is accepted.
    fn differentiate(&mut self, dt: f64, drive: Drive, trial: &Trial) {
        let Some(tangent) = &mut self.tangent else { return };
        let time = (dt > 0.0).then(|| self.state.derivative(dt));
        let (frame, z) = (&self.frame, &trial.z);
        tangent.advance(frame, time, drive, z, &self.physics, &mut self.matrix);
        let voltage = tangent.state.newest().z[frame.layout.voltage()];
        let negative = tangent.negative_potential(frame, drive);
        if let Some(sensitivities) = &mut self.solution.sensitivities {
            let lists = [
                (&mut sensitivities.voltage_v, voltage),
                (&mut sensitivities.negative_potential_v, negative),
            ];
            for (lists, value) in lists {
                for (list, d) in lists.iter_mut().zip(value.d) {
                    list.push(d);
                }
            }
        }
    }

    /// Derivatives of the time of the end, from those of the voltage there.
    fn differentiate_end(&mut self) {
        let falls = matches!(
            self.solution.ended.last(),
            Some(Ended::LowerVoltage(_) | Ended::UpperVoltage(_) | Ended::Saturated(_))
        );
        let slope = self.solution.last_slope();
        if let Some(sensitivities) = self.solution.sensitivities.as_mut().filter(|_| falls) {
            let last = sensitivities.voltage_v.each_ref().map(|v| v[v.len() - 1]);
            sensitivities.end_time_s = Some(last.map(|v| -v / slope));
        }
    }

    /// What negative electrode, positive electrode and the rest add to the voltage, V, at unknowns and
    /// surfaces.
    fn voltage_parts(&self, z: &[f64], x: &[Vec<f64>; 2]) -> [f64; 3] {
        let layout = &self.frame.layout;
        let mut parts = [0.0; 3];
        let surfaces = self.frame.surfaces(&self.physics, x);
        for (e, sign) in [(0, -1.0), (1, 1.0)] {
            for (p, s) in surfaces[e].iter().enumerate() {
                let weight = if layout.particles == 1 { 1.0 } else { layout.electrode.w[p] };
                let over = (0.5 * z[layout.j(e, p)] / s.exchange).asinh();
                let potential = s.potential + self.physics.thermal_voltage * over;
                parts[e] += sign * weight * potential;
            }
        }
        parts[2] = z[layout.voltage()] - parts[0] - parts[1];
        parts
    }

    /// The part of the cell whose share of the last change of the voltage is largest.
    fn mechanism(&self) -> Mechanism {
        let [newest, .., before] = &self.state.points[..self.state.points.len().min(2)] else {
            // nothing but the step of the current itself
            return Mechanism::Electrolyte;
        };
        let now = self.voltage_parts(&newest.z, &self.x);
        let then = self.voltage_parts(&before.z, &self.x_before);
        let change: Vec<f64> = (0..3).map(|k| now[k] - then[k]).collect();
        let total: f64 = change.iter().sum();
        let share = |k: usize| change[k] * total.signum();
        if share(2) > share(0) && share(2) > share(1) {
            Mechanism::Electrolyte
        } else if share(0) > share(1) {
            Mechanism::NegativeElectrode
        } else {
            Mechanism::PositiveElectrode
        }
    }

    /// The limit that holds already, if any.
    fn over(&self, limits: &[Limit]) -> Option<Limit> {
        let z = &self.state.newest().z;
        limits.iter().copied().find(|limit| limit.distance(&self.frame.layout, z) <= 0.0)
    }

    fn named(&self, limit: Limit) -> Ended {
        match limit {
            Limit::LowerVoltage(_) => Ended::LowerVoltage(self.mechanism()),
            Limit::UpperVoltage(_) => Ended::UpperVoltage(self.mechanism()),
            Limit::Current(_) => Ended::Current,
        }
    }

    fn nothing_to_put_out(&self, limit: Limit) -> SolveError {
        let (current_a, voltage_v) = (self.current(), self.voltage());
        match limit {
            Limit::LowerVoltage(limit_v) | Limit::UpperVoltage(limit_v) => {
                SolveError::NothingToPutOut { current_a, voltage_v, limit_v }
            }
            Limit::Current(limit_a) => SolveError::NothingToHold { voltage_v, current_a, limit_a },
        }
    }

    /// Shortens the last step until it ends at a limit, by false position kept between bounds, and
    /// accepts it. A step that cannot be solved counts as beyond the limit.
    fn locate(&mut self, limit: Limit, dt: f64, trial: Trial, control: &Control, start: f64) {
        let layout = self.frame.layout.clone();
        let mut low = (0.0, limit.distance(&layout, &self.state.newest().z));
        let mut high = (dt, limit.distance(&layout, &trial.z));
        let mut best = (dt, trial);
        let tolerance = END_TOLERANCE * (self.now() + dt);
        for round in 0..60 {
            if high.0 - low.0 < tolerance {
                break;
            }
            // false position, and the middle every third time so that both bounds move
            let part =
                if round % 3 == 2 { 0.5 } else { (low.1 / (low.1 - high.1)).clamp(0.01, 0.99) };
            let middle = low.0 + part * (high.0 - low.0);
            let drive = control.drive(self.now() + middle - start);
            let guess = self.state.extrapolated(middle, |point| point.z.clone());
            match self.solve(drive, middle, guess) {
                None => high = (middle, high.1),
                Some(trial) => {
                    let distance = limit.distance(&layout, &trial.z);
                    if distance > 0.0 {
                        low = (middle, distance);
                    } else {
                        high = (middle, distance);
                    }
                    best = (middle, trial);
                    if distance.abs() < 1e-12 {
                        break;
                    }
                }
            }
        }
        // the particles remember the last step that was tried: solve the best one again
        let drive = control.drive(self.now() + best.0 - start);
        let trial = self.solve(drive, best.0, best.1.z.clone()).unwrap_or(best.1);
        self.accept(best.0, drive, trial);
    }

    /// Least lithium in the electrolyte over that at rest.
    fn lowest_y(&self) -> f64 {
        let y = &self.state.newest().z[self.frame.layout.first_y()..];
        y.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// No step is possible: the end where a surface is saturated, an error elsewhere.
    fn stuck(&self, step_s: f64) -> Result<Ended, SolveError> {
        let room = |e: usize| {
            let closest = |x: &f64| x.min(1.0 - x);
            self.x[e].iter().map(closest).fold(f64::INFINITY, f64::min)
        };
        let (n, p) = (room(0), room(1));
        let lowest = self.lowest_y();
        if lowest < DEPLETED {
            if self.options.electrode_nodes > 2 {
                return Err(SolveError::Depleted { time_s: self.now(), lowest });
            }
            return Ok(Ended::Saturated(Mechanism::Electrolyte));
        }
        if n.min(p) < SATURATED {
            let electrode =
                if n < p { Mechanism::NegativeElectrode } else { Mechanism::PositiveElectrode };
            return Ok(Ended::Saturated(electrode));
        }
        Err(SolveError::StepTooSmall {
            tolerance_v: self.options.voltage_tolerance_v,
            time_s: self.now(),
            step_s,
            stoichiometry_n: self.x[0].iter().copied().fold(f64::INFINITY, f64::min),
            stoichiometry_p: self.x[1].iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

fn limits(step: &ProtocolStep) -> Vec<Limit> {
    let lower = step.lower_v.map(Limit::LowerVoltage);
    let upper = step.upper_v.map(Limit::UpperVoltage);
    let current = step.current_below_a.map(Limit::Current);
    [lower, upper, current].into_iter().flatten().collect()
}
