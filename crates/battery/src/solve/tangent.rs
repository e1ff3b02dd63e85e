//! Forward sensitivities: each accepted step is differentiated exactly, history included.
//!
//! At the solution of a step the residual is evaluated with numbers that carry derivatives by the
//! logarithms of the multipliers; one factorisation and a substitution for each parameter give those
//! of the unknowns. These are the derivatives of the discrete solution with its times held.

use super::dense::Dense;
use super::equations::{Step, TimeDerivative};
use super::parameters::{Multipliers, PARAMETERS};
use super::physics::Physics;
use super::protocol::Drive;
use super::scalar::{Dual, Scalar};
use super::state::{Frame, Point, State};

/// The state with derivatives, beside the plain one.
pub(super) struct Tangent {
    pub(super) state: State<Dual>,
    factors: [Dual; PARAMETERS],
}

impl Tangent {
    /// Derivatives of a state at rest, which depends on no multiplier.
    pub(super) fn new(
        multipliers: &Multipliers,
        solids: [super::solid::Solid<Dual>; 2],
        first: &Point<f64>,
    ) -> Self {
        let mut factors = multipliers.0.map(Dual::of);
        for (k, factor) in factors.iter_mut().enumerate() {
            factor.d[k] = factor.v;
        }
        let z = first.z.iter().map(|z| Dual::of(*z)).collect();
        let point = Point { time: first.time, z, temperature: Dual::of(first.temperature) };
        Self { state: State { solids, points: vec![point] }, factors }
    }

    /// Differentiates a step that ended at `z`, whose matrix of slopes is factored.
    pub(super) fn advance(
        &mut self,
        frame: &Frame,
        time: Option<TimeDerivative>,
        drive: Drive,
        z: &[f64],
        thermal: bool,
        matrix: &Dense,
    ) {
        let dt = time.map_or(0.0, |time| time.dt);
        let mut temperature = self.state.newest().temperature;
        if thermal {
            temperature = self.state.predicted_temperature(dt);
        }
        let physics = Physics::new(frame.cell, temperature, thermal, &self.factors);
        self.state.prepare(frame, &physics, time);
        let mut z: Vec<Dual> = z.iter().map(|z| Dual::of(*z)).collect();
        let (x, _) = self.state.stoichiometries(frame, &z);
        let surfaces = frame.surfaces(&physics, &x);
        let points = &self.state.points;
        let older = points.get(1).unwrap_or(&points[0]);
        let step = Step {
            cell: frame.cell,
            layout: &frame.layout,
            physics: &physics,
            time,
            last: &points[0].z,
            older: &older.z,
            drive,
        };
        let mut residual = vec![Dual::of(0.0); z.len()];
        step.residual(&z, &surfaces, &step.transport(&z), &mut residual);
        for k in 0..PARAMETERS {
            let mut change: Vec<f64> = residual.iter().map(|r| -r.d[k]).collect();
            matrix.solve(&mut change);
            for (z, change) in z.iter_mut().zip(change) {
                z.d[k] = change;
            }
        }
        // shells keep what they were solved for last: the new currents with their derivatives
        let (x, _) = self.state.stoichiometries(frame, &z);
        if let Some(time) = time.filter(|_| thermal) {
            let surfaces = frame.surfaces(&physics, &x);
            temperature = self.state.warmed(frame, &physics, time, &surfaces, &z);
        }
        self.state.accept(frame, dt, z, temperature);
    }
}
