//! Half-cells: what one exact particle says of an electrode.
//!
//! The potential of an electrode over an electrolyte at rest, were its reaction spread evenly, is known
//! in closed form: the surface of a sphere under a constant flux, the open-circuit potential there, and
//! the overpotential. What the full model adds to it (uneven reaction, the electrolyte) is small, smooth
//! and depends mostly on the electrode itself; networks learn that, with the closed form as input. The
//! mean surface of the full model is this surface as long as the diffusivity is constant, so that no
//! electrode lasts longer than its particle here. A diffusivity that depends on stoichiometry has no closed form: the
//! particle is then solved beforehand for all fluxes of the box, see [`Varying`].

mod columns;

use std::sync::Arc;

use surrogate_battery::cell::{Cell, Electrode, FARADAY, GAS_CONSTANT};
use surrogate_battery::solve::{PARAMETERS, Parameter, Scalar};

use crate::particle::Excess;
use crate::problem::{CellProblem, Quantity};
use crate::shells::Shells;
use crate::varying::Varying;
pub(crate) use columns::{COLUMNS, ClosedForm, FRAME};

/// Closest approach of the surface to empty or full, stoichiometry.
const CLOSEST: f64 = 1e-12;
/// The same in the logarithm that networks see.
const CLOSEST_SEEN: f64 = 1e-10;
/// Fall of the potential beyond that, V per stoichiometry: what comes after the end is below any cut-off.
const CLIFF: f64 = 1e6;
/// Time constants of the electrolyte are multiples of its slowest relaxation.
const RELAXATIONS: [f64; 2] = [2.0, 10.0];
/// The same in s where the cell has no electrolyte.
const NO_ELECTROLYTE_S: f64 = 30.0;
/// Closest to empty or full at which the slope of an open-circuit potential is taken.
const LEAST_SLOPE_AT: f64 = 5e-3;
/// Features of one time; those of the point come before them.
pub(crate) const FEATURES: usize = 5;

/// One electrode of a cell.
#[derive(Debug, Clone)]
pub(crate) struct Half {
    electrode: Electrode,
    positive: bool,
    excess: Arc<Excess>,
    /// In its place where the diffusivity is not the same at every stoichiometry.
    varying: Option<Arc<Varying>>,
    area_m2: f64,
    nominal_a: f64,
    x0: f64,
    /// Diffusivity over the square of the radius at the start, s-1.
    rate: f64,
    /// Exchange current before its shape, A m-2.
    exchange: f64,
    /// 2 R T / F in V.
    thermal_voltage: f64,
    /// Temperature over that of the open-circuit potentials, K.
    warmth: f64,
    /// Slowest relaxation of the electrolyte, s-1.
    relaxation: f64,
    /// Fall of the potential in half of the pores at 1C, V.
    ohmic_v: f64,
}

/// What a point says of an electrode, whatever the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<S> {
    /// Diffusivity over the square of the radius, s-1.
    pub(crate) rate: S,
    /// Flux times radius over diffusivity and largest concentration.
    pub(crate) size: S,
    reaction: S,
    exchange: S,
    /// Slowest relaxation of the electrolyte, s-1.
    pub(crate) relaxation: S,
}

impl Half {
    pub(crate) fn new(cell: &Cell, positive: bool, excess: Arc<Excess>) -> Self {
        let electrode = if positive { &cell.positive } else { &cell.negative };
        let state = &cell.initial;
        let x0 = if positive { state.stoichiometry_p } else { state.stoichiometry_n };
        let temperature = state.temperature_k;
        let diffusivity = &electrode.diffusivity;
        let rate = diffusivity.function.value(x0) * diffusivity.activation(temperature)
            / electrode.particle_radius_m.powi(2);
        let i0 = &electrode.exchange_current;
        let inverse = 1.0 / i0.reference_temperature_k - 1.0 / temperature;
        let activation = (i0.activation_energy_j_mol / GAS_CONSTANT * inverse).exp();
        Self {
            positive,
            excess,
            varying: None,
            area_m2: cell.area_m2,
            nominal_a: cell.nominal_capacity_a_h,
            x0,
            rate,
            exchange: i0.density_a_m2 * activation,
            thermal_voltage: 2.0 * GAS_CONSTANT * temperature / FARADAY,
            warmth: temperature - cell.reference_temperature_k,
            relaxation: relaxation(cell),
            ohmic_v: ohmic_v(cell, positive),
            electrode: electrode.clone(),
        }
    }

    /// The same for the fluxes of a box, where its diffusivity depends on stoichiometry.
    pub(crate) fn over(mut self, problem: &CellProblem) -> Self {
        if !self.constant() {
            let ends = |axis: &crate::Axis| (axis.lower, axis.upper);
            let slow = |axis: &crate::Axis| match axis.quantity {
                Quantity::CRate => ends(axis),
                Quantity::Factor(_) => (axis.upper, axis.lower),
            };
            let (least, most): (Vec<f64>, Vec<f64>) = problem.axes.iter().map(slow).unzip();
            let size = |point: &[f64]| self.frame::<f64>(&problem.factors(point)).size.abs();
            let diffusivity = &self.electrode.diffusivity.function;
            let sizes = (size(&least), size(&most));
            self.varying = Some(Arc::new(Varying::new(diffusivity, self.x0, self.positive, sizes)));
        }
        self
    }

    /// Its particle in shells, where its diffusivity depends on stoichiometry.
    pub(crate) fn shells(&self, count: usize) -> Option<Shells> {
        let diffusivity = &self.electrode.diffusivity.function;
        (!self.constant()).then(|| Shells::new(diffusivity, self.x0, count))
    }

    /// Whether its diffusivity is the same at every stoichiometry.
    pub(crate) fn constant(&self) -> bool {
        self.electrode.diffusivity.function.constant().is_some()
    }

    /// The electrode at a point, from the factors of its parameters.
    pub(crate) fn frame<S: Scalar>(&self, factors: &[S; PARAMETERS]) -> Frame<S> {
        let factor = |p: Parameter| factors[p as usize];
        let [d, i0, eps] = if self.positive {
            [Parameter::DiffusivityP, Parameter::ExchangeCurrentP, Parameter::ActiveFractionP]
        } else {
            [Parameter::DiffusivityN, Parameter::ExchangeCurrentN, Parameter::ActiveFractionN]
        }
        .map(factor);
        let e = &self.electrode;
        let surface = e.specific_surface_per_m() * e.thickness_m * self.area_m2;
        let sign = if self.positive { -1.0 } else { 1.0 };
        let reaction = factor(Parameter::Current).scale(sign * self.nominal_a / surface) / eps;
        let rate = d.scale(self.rate);
        let flux = FARADAY * e.particle_radius_m * e.maximum_concentration_mol_m3;
        Frame {
            rate,
            size: reaction.scale(-1.0 / flux) / rate,
            reaction,
            exchange: i0.scale(self.exchange),
            relaxation: factor(Parameter::ElectrolyteDiffusivity).scale(self.relaxation),
        }
    }

    /// The potential of the particle over the electrolyte in V at a time in s, and the features of that
    /// time.
    pub(crate) fn at<S: Scalar>(&self, frame: &Frame<S>, time: S) -> (S, [S; FEATURES]) {
        let tau = frame.rate * time;
        let mean = S::of(self.x0) + frame.size * tau.scale(3.0);
        let surface = mean
            + match &self.varying {
                Some(varying) => varying.of(tau, frame.size),
                None => frame.size * self.excess.of(tau),
            };
        let raw = if self.positive { S::of(1.0) - surface } else { surface };
        let (room, beyond) = (positive_part(raw), positive_part(-raw));
        let x = if self.positive { S::of(1.0) - room } else { room };
        let potential = self.potential(x, frame.reaction, frame.exchange);
        let cliff = beyond.scale(if self.positive { -CLIFF } else { CLIFF });
        let relaxed = |slower: f64| (frame.relaxation * time).scale(-1.0 / slower).exp();
        let features = [
            (mean - S::of(0.5)).scale(4.0),
            (surface - S::of(0.5)).scale(4.0),
            (room + S::of(CLOSEST_SEEN)).ln().scale(0.10) + S::of(1.0),
            relaxed(RELAXATIONS[0]),
            relaxed(RELAXATIONS[1]),
        ];
        (potential + cliff, features)
    }

    /// The potential over the electrolyte in V of a particle with some surface while the cell carries
    /// `c_rate`, and the logarithms of the lithium and of the room there.
    pub(crate) fn under(&self, frame: &Frame<f64>, surface: f64, c_rate: f64) -> (f64, [f64; 2]) {
        let (held, room) = (positive_part(surface), positive_part(1.0 - surface));
        let inside = if surface < 0.5 { held } else { 1.0 - room };
        // the overpotential is infinite at empty and full
        let x = inside.clamp(CLOSEST, 1.0 - CLOSEST);
        let beyond = positive_part(-surface) - positive_part(surface - 1.0);
        let potential = self.potential(x, c_rate * frame.reaction, frame.exchange);
        let seen = |part: f64| (part + CLOSEST_SEEN).ln();
        (potential + CLIFF * beyond, [seen(held), seen(room)])
    }

    /// How the front of the electrode runs ahead of its back: pace in s-1 at which the difference of their
    /// stoichiometries decays, and its push in s-1, for a state and C-rate.
    ///
    /// Both ends have the same potential but for the ohmic fall between them: the slope of the open-circuit
    /// potential evens them out against the resistance of charge transfer and of diffusion.
    pub(crate) fn unevenness(&self, frame: &Frame<f64>, mean: f64, c_rate: f64) -> (f64, f64) {
        let x = mean.clamp(LEAST_SLOPE_AT, 1.0 - LEAST_SLOPE_AT);
        let e = &self.electrode;
        let slope = e.open_circuit_potential.value_and_derivative(x).1.abs();
        let shape = match &e.exchange_current.shape {
            None => (x * (1.0 - x)).sqrt(),
            Some(shape) => shape.value(x),
        };
        let transfer =
            self.thermal_voltage / (2.0 * frame.exchange * shape).hypot(c_rate * frame.reaction);
        let flux = FARADAY * e.particle_radius_m * e.maximum_concentration_mol_m3;
        let pace = 3.0 / (flux * (transfer + 0.2 * slope / (flux * frame.rate)));
        (pace * slope, pace * self.ohmic_v * c_rate)
    }

    /// Stoichiometry at the start.
    pub(crate) fn start(&self) -> f64 {
        self.x0
    }

    /// Open-circuit potential and overpotential at a surface stoichiometry, V.
    fn potential<S: Scalar>(&self, x: S, reaction: S, exchange: S) -> S {
        let e = &self.electrode;
        let apply = |f: &surrogate_battery::Function| {
            let (value, slope) = f.value_and_derivative(x.value());
            x.lift(value, slope)
        };
        let mut potential = apply(&e.open_circuit_potential);
        if self.warmth != 0.0 {
            potential = potential + apply(&e.entropic_change).scale(self.warmth);
        }
        let shape = match &e.exchange_current.shape {
            None => (x * (S::of(1.0) - x)).sqrt(),
            Some(shape) => apply(shape),
        };
        let ratio = reaction.scale(0.5) / (exchange * shape);
        potential + ratio.asinh().scale(self.thermal_voltage)
    }
}

/// The number where it is positive, close to zero and positive where it is not.
fn positive_part<S: Scalar>(x: S) -> S {
    let root = (x * x + S::of(4.0 * CLOSEST * CLOSEST)).sqrt();
    if x.value() < 0.0 {
        // without cancellation
        return S::of(2.0 * CLOSEST * CLOSEST) / (root - x);
    }
    (x + root).scale(0.5)
}

/// Slowest relaxation of the electrolyte between the collectors, s-1.
fn relaxation(cell: &Cell) -> f64 {
    let Some(porous) = &cell.porous else { return 1.0 / NO_ELECTROLYTE_S };
    let layers = [
        (cell.negative.thickness_m, porous.pores_n),
        (porous.separator_thickness_m, porous.pores_s),
        (cell.positive.thickness_m, porous.pores_p),
    ];
    let length: f64 = layers.iter().map(|(l, _)| l).sum();
    let held: f64 = layers.iter().map(|(l, pores)| l * pores.porosity).sum();
    let resistance: f64 = layers.iter().map(|(l, pores)| l / pores.transport_efficiency).sum();
    let e = &porous.electrolyte;
    let d = e.diffusivity.function.value(e.concentration_mol_m3)
        * e.diffusivity.activation(cell.initial.temperature_k);
    let wave = std::f64::consts::PI / length;
    wave * wave * d * length / resistance * length / held
}

/// Fall of the potential in V between the faces of an electrode at 1C, were all of it in the pores of its
/// half.
fn ohmic_v(cell: &Cell, positive: bool) -> f64 {
    let Some(porous) = &cell.porous else { return 0.0 };
    let (thickness, pores) = if positive {
        (cell.positive.thickness_m, porous.pores_p)
    } else {
        (cell.negative.thickness_m, porous.pores_n)
    };
    let e = &porous.electrolyte;
    let conductivity = e.conductivity.function.value(e.concentration_mol_m3)
        * e.conductivity.activation(cell.initial.temperature_k)
        * pores.transport_efficiency;
    0.5 * cell.nominal_capacity_a_h / cell.area_m2 * thickness / conductivity
}
