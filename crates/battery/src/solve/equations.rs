//! The equations of one time step: residuals, for plain numbers and with derivatives.
//!
//! Kinetics in the form of inverse hyperbolic sines: at each particle the open-circuit potential,
//! the overpotential and the integrals of the currents in solid and electrolyte add up to zero, in
//! volts. Where one particle stands for an electrode, the mean of these over the electrode does.
//! Source: Doyle et al. (1993) for the model; Marquis et al. (2019) for single particles with
//! electrolyte. Differs from the latter in that means are taken of the unapproximated potentials.

use super::layout::Layout;
use super::physics::Physics;
use super::protocol::Drive;
use super::scalar::Scalar;
use crate::Function;
use crate::cell::{Cell, Electrode};

/// Closest approach of a surface stoichiometry to 0 and 1 at which functions are evaluated.
pub(super) const MARGIN: f64 = 1e-12;

/// Derivative in time at the new point: (a0 z + a1 z_0 + a2 z_1) / dt, of order two where there is an
/// older point; `None` holds the electrolyte as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeDerivative {
    pub(super) a: [f64; 3],
    pub(super) dt: f64,
}

impl TimeDerivative {
    /// Over a step of `dt` from the last point, at times in s.
    pub(super) fn of_step(dt: f64, last: f64, older: Option<f64>) -> Self {
        let a = match older {
            None => [1.0, -1.0, 0.0],
            Some(older) => {
                let r = dt / (last - older);
                [(1.0 + 2.0 * r) / (1.0 + r), -(1.0 + r), r * r / (1.0 + r)]
            }
        };
        Self { a, dt }
    }
}

/// What one step knows beside its unknowns.
pub(super) struct Step<'a, S> {
    pub(super) cell: &'a Cell,
    pub(super) layout: &'a Layout,
    pub(super) physics: &'a Physics<S>,
    pub(super) time: Option<TimeDerivative>,
    /// Unknowns at the last point and the one before.
    pub(super) last: &'a [S],
    pub(super) older: &'a [S],
    pub(super) drive: Drive,
}

/// A function at a number with derivatives.
pub(super) fn apply<S: Scalar>(function: &Function, x: S) -> (S, f64) {
    let (value, slope) = function.value_and_derivative(x.value());
    (x.lift(value, slope), slope)
}

/// Potentials and kinetics of a particle surface.
#[derive(Clone, Copy)]
pub(super) struct Surface<S> {
    /// Open-circuit potential in V, and its slope by stoichiometry.
    pub(super) potential: S,
    pub(super) potential_slope: f64,
    /// Change of that with temperature, V K-1.
    pub(super) entropic: S,
    /// Exchange current at y = 1 in A m-2, and the slope of its logarithm.
    pub(super) exchange: S,
    pub(super) exchange_log_slope: f64,
}

impl<S: Scalar> Surface<S> {
    /// Without derivatives.
    pub(super) fn plain(&self) -> Surface<f64> {
        Surface {
            potential: self.potential.value(),
            potential_slope: self.potential_slope,
            entropic: self.entropic.value(),
            exchange: self.exchange.value(),
            exchange_log_slope: self.exchange_log_slope,
        }
    }
}

/// The surface of a particle at stoichiometry `x`.
pub(super) fn surface<S: Scalar>(
    electrode: &Electrode,
    exchange: S,
    warmth: Option<S>,
    x: S,
) -> Surface<S> {
    let inside = x.value().clamp(MARGIN, 1.0 - MARGIN);
    let x = x.lift(inside, 1.0);
    let (mut potential, mut potential_slope) = apply(&electrode.open_circuit_potential, x);
    let mut entropic = S::of(0.0);
    if let Some(warmth) = warmth.filter(|_| electrode.entropic_change != Function::Constant(0.0)) {
        let slope;
        (entropic, slope) = apply(&electrode.entropic_change, x);
        potential = potential + warmth * entropic;
        potential_slope += warmth.value() * slope;
    }
    let (shape, log_slope) = match &electrode.exchange_current.shape {
        None => {
            let product = inside * (1.0 - inside);
            let log_slope = 0.5 * (1.0 - 2.0 * inside) / product;
            (x.lift(product.sqrt(), log_slope * product.sqrt()), log_slope)
        }
        Some(function) => {
            let (shape, slope) = apply(function, x);
            (shape, slope / shape.value())
        }
    };
    Surface {
        potential,
        potential_slope,
        entropic,
        exchange: exchange * shape,
        exchange_log_slope: log_slope,
    }
}

/// Transport in the electrolyte at some unknowns; pairs are a value and its slope by y.
pub(super) struct Transport<S> {
    /// Diffusivities of the free electrolyte in m2 s-1, at the unknowns y.
    pub(super) diffusivity: Vec<(S, f64)>,
    /// Resistivities in Ohm m, at the nodes of each layer.
    pub(super) resistivity: [Vec<(S, f64)>; 3],
    /// Current densities in A m-2 at the nodes of each electrode.
    pub(super) ionic: [Vec<S>; 2],
}

impl<S: Scalar> Transport<S> {
    /// Without derivatives.
    pub(super) fn plain(&self) -> Transport<f64> {
        let values =
            |list: &[(S, f64)]| list.iter().map(|(v, slope)| (v.value(), *slope)).collect();
        Transport {
            diffusivity: values(&self.diffusivity),
            resistivity: self.resistivity.each_ref().map(|list| values(list)),
            ionic: self.ionic.each_ref().map(|list| list.iter().map(|v| v.value()).collect()),
        }
    }
}

impl<S: Scalar> Step<'_, S> {
    /// Current per electrode area, A m-2.
    pub(super) fn density(&self, z: &[S]) -> S {
        z[self.layout.current()].scale(1.0 / self.physics.area)
    }

    /// Transport in the electrolyte at the unknowns `z`; empty where it is not resolved.
    pub(super) fn transport(&self, z: &[S]) -> Transport<S> {
        let resolved = self.cell.porous.as_ref().filter(|_| self.layout.electrolyte);
        let Some(porous) = resolved else {
            return Transport {
                diffusivity: vec![],
                resistivity: [vec![], vec![], vec![]],
                ionic: [vec![], vec![]],
            };
        };
        let e = &porous.electrolyte;
        let factor = self.physics.electrolyte_conductivity;
        let conductivity = self.in_electrolyte(z, &e.conductivity.function, factor);
        let layer = |l: usize| {
            let (nodes, efficiency) = self.layer(l);
            let first = self.layout.y(l, 0) - self.layout.first_y();
            let resistivity = |(kappa, slope): &(S, f64)| {
                let rho = S::of(1.0 / efficiency) / *kappa;
                (rho, -slope * rho.value() / kappa.value())
            };
            conductivity[first..first + nodes].iter().map(resistivity).collect()
        };
        Transport {
            diffusivity: self.diffusivities(z),
            resistivity: [layer(0), layer(1), layer(2)],
            ionic: [self.ionic_currents(0, z), self.ionic_currents(1, z)],
        }
    }

    /// Diffusivities of the free electrolyte at the unknowns y, with their slopes.
    pub(super) fn diffusivities(&self, z: &[S]) -> Vec<(S, f64)> {
        let Some(porous) = &self.cell.porous else { return vec![] };
        let function = &porous.electrolyte.diffusivity.function;
        self.in_electrolyte(z, function, self.physics.electrolyte_diffusivity)
    }

    /// A function of the concentration, times a factor, at the unknowns y.
    fn in_electrolyte(&self, z: &[S], function: &Function, factor: S) -> Vec<(S, f64)> {
        let Some(porous) = &self.cell.porous else { return vec![] };
        let rest = porous.electrolyte.concentration_mol_m3;
        let value = |y: &S| {
            let (value, slope) = apply(function, y.scale(rest));
            (value * factor, slope * rest * factor.value())
        };
        z[self.layout.first_y()..].iter().map(value).collect()
    }

    /// Nodes and transport efficiency of a layer.
    pub(super) fn layer(&self, layer: usize) -> (usize, f64) {
        match (layer, &self.cell.porous) {
            (1, Some(porous)) => (self.layout.separator.n, porous.pores_s.transport_efficiency),
            (0, _) => (self.layout.electrode.n, self.physics.electrodes[0].efficiency),
            _ => (self.layout.electrode.n, self.physics.electrodes[1].efficiency),
        }
    }

    /// Thickness in m and porosity of a layer.
    pub(super) fn extent(&self, layer: usize) -> (f64, f64) {
        match (layer, &self.cell.porous) {
            (1, Some(porous)) => (porous.separator_thickness_m, porous.pores_s.porosity),
            (0, _) => (self.physics.electrodes[0].length, self.physics.electrodes[0].porosity),
            _ => (self.physics.electrodes[1].length, self.physics.electrodes[1].porosity),
        }
    }

    /// Current density in the electrolyte at the nodes of an electrode.
    fn ionic_currents(&self, e: usize, z: &[S]) -> Vec<S> {
        let (element, n) = (&self.layout.electrode, self.layout.electrode.n);
        let start = if e == 0 { S::of(0.0) } else { self.density(z) };
        let surface = self.physics.electrodes[e].surface;
        let at = |i: usize| {
            (0..n).fold(start, |sum, k| {
                let j = z[self.layout.j(e, self.layout.particle(k))];
                sum + (surface * j).scale(element.b[i * n + k])
            })
        };
        (0..n).map(at).collect()
    }

    /// Residuals of all rows, from the unknowns and the surfaces of the particles of each electrode.
    pub(super) fn residual(
        &self,
        z: &[S],
        surfaces: &[Vec<Surface<S>>; 2],
        transport: &Transport<S>,
        out: &mut [S],
    ) {
        out.fill(S::of(0.0));
        self.kinetics(z, surfaces, transport, out);
        self.charge(z, out);
        let (voltage, current) = (z[self.layout.voltage()], z[self.layout.current()]);
        out[self.layout.current()] = self.drive.residual(voltage, current, self.physics.current);
        if self.layout.electrolyte {
            self.lithium(z, &transport.diffusivity, out);
        }
    }

    fn kinetics(
        &self,
        z: &[S],
        surfaces: &[Vec<Surface<S>>; 2],
        transport: &Transport<S>,
        out: &mut [S],
    ) {
        let (layout, element) = (self.layout, &self.layout.electrode);
        for e in 0..2 {
            let path = self.potential_paths(e, z, transport);
            for i in 0..element.n {
                let p = layout.particle(i);
                let surface = &surfaces[e][p];
                let mut exchange = surface.exchange;
                if layout.electrolyte {
                    exchange = exchange * z[layout.y(2 * e, i)].sqrt();
                }
                let ratio = z[layout.j(e, p)].scale(0.5) / exchange;
                let over = self.physics.thermal_voltage * ratio.asinh();
                let weight = if layout.particles == 1 { element.w[i] } else { 1.0 };
                let row = layout.j(e, p);
                out[row] = out[row] + (surface.potential + over - path[i]).scale(weight);
            }
        }
    }

    /// Potential of the solid over that of the electrolyte, at the nodes of an electrode.
    pub(super) fn potential_paths(&self, e: usize, z: &[S], transport: &Transport<S>) -> Vec<S> {
        let (layout, element) = (self.layout, &self.layout.electrode);
        let n = element.n;
        let (psi, voltage) = (z[layout.psi()], z[layout.voltage()]);
        let ends = if e == 0 { psi } else { psi + voltage };
        if !layout.electrolyte {
            return vec![ends; n];
        }
        let electrode = &self.physics.electrodes[e];
        let (ionic, rho) = (&transport.ionic[e], &transport.resistivity[2 * e]);
        let density = self.density(z);
        let crossed = if e == 0 { S::of(0.0) } else { self.crossed(z, transport) };
        let first = z[layout.y(0, 0)];
        let at = |i: usize| {
            let diffusion = self.physics.diffusion_voltage * (z[layout.y(2 * e, i)] / first).ln();
            let mut path = ends + crossed - diffusion;
            for k in 0..n {
                let before = element.b[i * n + k] * electrode.length;
                // the solid is followed from its collector
                let solid = if e == 0 { -before } else { element.w[k] * electrode.length - before };
                let drop = (density - ionic[k]).scale(solid * electrode.solid_resistivity);
                path = path + drop + (ionic[k] * rho[k].0).scale(before);
            }
            path
        };
        (0..n).map(at).collect()
    }

    /// Ohmic fall in the electrolyte from the negative collector to the positive electrode, V.
    fn crossed(&self, z: &[S], transport: &Transport<S>) -> S {
        let (layout, density) = (self.layout, self.density(z));
        let (ionic, rho) = (&transport.ionic[0], &transport.resistivity[0]);
        let mut fall = S::of(0.0);
        for k in 0..layout.electrode.n {
            let weight = layout.electrode.w[k] * self.extent(0).0;
            fall = fall + (ionic[k] * rho[k].0).scale(weight);
        }
        for (k, (rho, _)) in transport.resistivity[1].iter().enumerate() {
            fall = fall + (density * *rho).scale(layout.separator.w[k] * self.extent(1).0);
        }
        fall
    }

    /// Potential of the negative collector over the electrolyte in the middle of the separator, V: what
    /// a reference electrode there would measure. Over the electrolyte where that is not resolved.
    pub(super) fn negative_potential(&self, z: &[S]) -> S {
        let layout = self.layout;
        let psi = z[layout.psi()];
        if !layout.electrolyte {
            return psi;
        }
        let transport = self.transport(z);
        let (n, separator) = (layout.electrode.n, &layout.separator);
        let middle = separator.n / 2;
        let mut fall = psi;
        for (k, rho) in transport.resistivity[0].iter().enumerate() {
            let weight = layout.electrode.w[k] * self.extent(0).0;
            fall = fall + (transport.ionic[0][k] * rho.0).scale(weight);
        }
        for (k, rho) in transport.resistivity[1].iter().enumerate() {
            let weight = separator.b[middle * separator.n + k] * self.extent(1).0;
            fall = fall + (self.density(z) * rho.0).scale(weight);
        }
        debug_assert_eq!(layout.y(1, 0), layout.y(0, n - 1));
        let ratio = z[layout.y(1, middle)] / z[layout.y(0, 0)];
        fall - self.physics.diffusion_voltage * ratio.ln()
    }

    /// All reaction of an electrode is the current.
    fn charge(&self, z: &[S], out: &mut [S]) {
        let (layout, element) = (self.layout, &self.layout.electrode);
        for (e, sign, row) in [(0, -1.0, layout.psi()), (1, 1.0, layout.voltage())] {
            let mut sum = self.density(z).scale(sign);
            for k in 0..element.n {
                let j = z[layout.j(e, layout.particle(k))];
                sum = sum + (self.physics.electrodes[e].surface * j).scale(element.w[k]);
            }
            out[row] = sum;
        }
    }

    /// Balance of lithium in the electrolyte, in the weak form that conserves it.
    pub(super) fn lithium(&self, z: &[S], diffusivity: &[(S, f64)], out: &mut [S]) {
        let layout = self.layout;
        let Some(time) = self.time else {
            for row in layout.first_y()..layout.unknowns() {
                out[row] = z[row] - self.last[row];
            }
            return;
        };
        for layer in 0..3 {
            let element = if layer == 1 { &layout.separator } else { &layout.electrode };
            let (n, (length, porosity)) = (element.n, self.extent(layer));
            let efficiency = self.layer(layer).1;
            for k in 0..n {
                let at = layout.y(layer, k);
                let weight = element.w[k];
                let change = z[at].scale(time.a[0])
                    + self.last[at].scale(time.a[1])
                    + self.older[at].scale(time.a[2]);
                out[at] = out[at] + change.scale(porosity * length * weight / time.dt);
                if layer != 1 {
                    let j = z[layout.j(layer / 2, layout.particle(k))];
                    let made = self.physics.electrodes[layer / 2].surface * j;
                    out[at] = out[at] - made.scale(self.physics.source * weight);
                }
            }
            for point in &element.points {
                let (d, _) = diffusivity[layout.y(layer, point.node) - layout.first_y()];
                let slope = point.d.iter().enumerate().fold(S::of(0.0), |sum, (m, d)| {
                    sum + z[layout.y(layer, point.first + m)].scale(*d)
                });
                let flux = (d * slope).scale(efficiency * point.w / length);
                for (i, test) in point.d.iter().enumerate() {
                    let row = layout.y(layer, point.first + i);
                    out[row] = out[row] + flux.scale(*test);
                }
            }
        }
    }
}
