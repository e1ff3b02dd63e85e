//! Forward sensitivities: each accepted step is differentiated exactly, history included.
//!
//! At the solution of a step the residual is evaluated with numbers that carry derivatives by the
//! logarithms of the multipliers; one factorisation, and substitutions for all parameters at once, give
//! those of the unknowns. These are the derivatives of the discrete solution with its times held.

use super::dense::Dense;
use super::equations::{Step, Surface, TimeDerivative};
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

    /// Potential of the negative electrode at the newest point, with derivatives.
    pub(super) fn negative_potential(&self, frame: &Frame, drive: Drive) -> Dual {
        let newest = self.state.newest();
        let physics = Physics::new(frame.cell, newest.temperature, false, &self.factors);
        let (cell, layout, last) = (frame.cell, &frame.layout, &newest.z);
        Step { cell, layout, physics: &physics, time: None, last, older: last, drive }
            .negative_potential(&newest.z)
    }

    /// Differentiates a step that ended at `z`, with the plain physics of the step.
    pub(super) fn advance(
        &mut self,
        frame: &Frame,
        time: Option<TimeDerivative>,
        drive: Drive,
        z: &[f64],
        plain: &Physics<f64>,
        matrix: &mut Dense,
    ) {
        let thermal = plain.thermal;
        let dt = time.map_or(0.0, |time| time.dt);
        let mut temperature = self.state.newest().temperature;
        if thermal {
            temperature = self.state.predicted_temperature(dt);
        }
        let physics = Physics::new(frame.cell, temperature, thermal, &self.factors);
        self.state.prepare(frame, &physics, time);
        let held = z;
        let mut z: Vec<Dual> = held.iter().map(|z| Dual::of(*z)).collect();
        let (x, gains) = self.state.stoichiometries(frame, &z);
        let surfaces = frame.surfaces(&physics, &x);
        let points = &self.state.points;
        let older = points.get(1).unwrap_or(&points[0]);
        let (cell, layout) = (frame.cell, &frame.layout);
        let (last, older) = (&points[0].z, &older.z);
        let step = Step { cell, layout, physics: &physics, time, last, older, drive };
        let transport = step.transport(&z);
        let mut residual = vec![Dual::of(0.0); z.len()];
        step.residual(&z, &surfaces, &transport, &mut residual);
        // the slopes by the unknowns depend on no older point
        let step = Step { cell, layout, physics: plain, time, last: held, older: held, drive };
        let surfaces = surfaces.each_ref().map(|all| all.iter().map(Surface::plain).collect());
        step.jacobian(held, &surfaces, &gains, &transport.plain(), matrix);
        matrix.factor();
        let mut changes: Vec<[f64; PARAMETERS]> = residual.iter().map(|r| r.d).collect();
        matrix.solve_all(&mut changes);
        for (z, change) in z.iter_mut().zip(changes) {
            z.d = change.map(|d| -d);
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
