//! Quantities of a cell at a temperature and with multipliers, as the equations need them.
//!
//! Stoichiometries x stand for concentrations in particles, y = c_e / c_e0 for those in the
//! electrolyte. Index 0 is the negative electrode, 1 the positive one.

use super::Parameter;
use super::parameters::PARAMETERS;
use super::scalar::Scalar;
use crate::cell::{Cell, Electrode, FARADAY, GAS_CONSTANT, Porous, Property};

/// An electrode.
#[derive(Debug, Clone, Copy)]
pub(super) struct ElectrodePhysics<S> {
    /// Thickness L in m.
    pub(super) length: f64,
    /// Surface of particles over electrode area, a L.
    pub(super) surface: S,
    /// Factor on the diffusivity in the particles: activation times multiplier.
    pub(super) diffusivity: S,
    /// Radius of the particles in m.
    pub(super) radius: f64,
    /// Change of the mean stoichiometry is -3 times this times j: 1 / (F R c_max), m2 C-1.
    pub(super) flux: f64,
    /// Exchange current at y = 1 over its shape, A m-2.
    pub(super) exchange: S,
    /// Resistivity of the solid, Ohm m.
    pub(super) solid_resistivity: f64,
    /// Transport efficiency of the pores.
    pub(super) efficiency: f64,
    /// Porosity.
    pub(super) porosity: f64,
}

/// The whole cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Physics<S> {
    /// Whether the temperature changes.
    pub(super) thermal: bool,
    /// Area of all electrode pairs, m2.
    pub(super) area: f64,
    pub(super) electrodes: [ElectrodePhysics<S>; 2],
    /// 2 R T / F in V.
    pub(super) thermal_voltage: S,
    /// 2 (1 - t+) R T / F in V, before gradients of ln c_e.
    pub(super) diffusion_voltage: S,
    /// Temperature over that of the open-circuit potentials, K; `None` where it is zero for good, so
    /// that entropic changes need not be evaluated.
    pub(super) warmth: Option<S>,
    /// Factors on diffusivity and conductivity of the electrolyte.
    pub(super) electrolyte_diffusivity: S,
    pub(super) electrolyte_conductivity: S,
    /// Factor on currents that are held.
    pub(super) current: S,
    /// (1 - t+) / (F c_e0), source of y per current density and length, m3 C-1.
    pub(super) source: f64,
}

/// exp(E / R (1 / T_ref - 1 / T))
fn activation<S: Scalar>(energy: f64, reference: f64, temperature: S) -> S {
    if energy == 0.0 {
        return S::of(1.0);
    }
    let inverse = S::of(1.0 / reference) - S::of(1.0) / temperature;
    inverse.scale(energy / GAS_CONSTANT).exp()
}

fn activated<S: Scalar>(property: &Property, temperature: S) -> S {
    activation(property.activation_energy_j_mol, property.reference_temperature_k, temperature)
}

impl<S: Scalar> Physics<S> {
    /// The cell at a temperature in K, with factors in the order of [`Parameter::ALL`].
    ///
    /// `thermal` where the temperature will change.
    pub(super) fn new(
        cell: &Cell,
        temperature: S,
        thermal: bool,
        factors: &[S; PARAMETERS],
    ) -> Self {
        let factor = |p: Parameter| factors[p as usize];
        let porous = cell.porous.as_ref();
        let electrode = |e: &Electrode, positive: bool| {
            let [d, i0, eps] = if positive {
                [Parameter::DiffusivityP, Parameter::ExchangeCurrentP, Parameter::ActiveFractionP]
            } else {
                [Parameter::DiffusivityN, Parameter::ExchangeCurrentN, Parameter::ActiveFractionN]
            }
            .map(factor);
            let i0_ref = &e.exchange_current;
            let warm = activation(
                i0_ref.activation_energy_j_mol,
                i0_ref.reference_temperature_k,
                temperature,
            );
            let (resistivity, pores) = layer(porous, positive);
            ElectrodePhysics {
                length: e.thickness_m,
                surface: eps.scale(e.specific_surface_per_m() * e.thickness_m),
                diffusivity: activated(&e.diffusivity, temperature) * d,
                radius: e.particle_radius_m,
                flux: 1.0 / (FARADAY * e.particle_radius_m * e.maximum_concentration_mol_m3),
                exchange: (warm * i0).scale(i0_ref.density_a_m2),
                solid_resistivity: resistivity,
                efficiency: pores.1,
                porosity: pores.0,
            }
        };
        let t_plus = porous.map_or(0.0, |p| p.electrolyte.transference_number);
        let c_e0 = porous.map_or(1.0, |p| p.electrolyte.concentration_mol_m3);
        let (warm_d, warm_kappa) = porous.map_or((S::of(1.0), S::of(1.0)), |p| {
            let e = &p.electrolyte;
            (activated(&e.diffusivity, temperature), activated(&e.conductivity, temperature))
        });
        let thermal_voltage = temperature.scale(2.0 * GAS_CONSTANT / FARADAY);
        Self {
            thermal,
            area: cell.area_m2,
            electrodes: [electrode(&cell.negative, false), electrode(&cell.positive, true)],
            thermal_voltage,
            diffusion_voltage: thermal_voltage.scale(1.0 - t_plus),
            warmth: (thermal || temperature.value() != cell.reference_temperature_k)
                .then(|| temperature - S::of(cell.reference_temperature_k)),
            electrolyte_diffusivity: warm_d * factor(Parameter::ElectrolyteDiffusivity),
            electrolyte_conductivity: warm_kappa * factor(Parameter::ElectrolyteConductivity),
            current: factor(Parameter::Current),
            source: (1.0 - t_plus) / (FARADAY * c_e0),
        }
    }
}

/// Resistivity of the solid, and porosity and transport efficiency of the pores.
fn layer(porous: Option<&Porous>, positive: bool) -> (f64, (f64, f64)) {
    let Some(porous) = porous else { return (0.0, (1.0, 1.0)) };
    let (conductivity, pores) = if positive {
        (porous.conductivity_p_s_m, porous.pores_p)
    } else {
        (porous.conductivity_n_s_m, porous.pores_n)
    };
    (1.0 / conductivity, (pores.porosity, pores.transport_efficiency))
}
