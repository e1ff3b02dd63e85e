//! A lithium-ion cell as plain physical quantities, whatever they were read from.
//!
//! SI throughout. Suffixes: `_n` negative electrode, `_s` separator, `_p` positive electrode.
//! Current is positive on discharge. The thermodynamic factor of the electrolyte is one.

pub mod sets;
mod window;

use crate::Function;

/// Charge of a mole of electrons, C mol-1 (exact since the SI of 2019).
pub const FARADAY: f64 = 96_485.332_123_310_01;
/// Gas constant, J mol-1 K-1 (exact since the SI of 2019).
pub const GAS_CONSTANT: f64 = 8.314_462_618_153_24;

/// A property of one variable that is activated by temperature.
///
/// value(x, T) = function(x) exp(E / R (1 / T_ref - 1 / T))
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// The property at the reference temperature.
    pub function: Function,
    /// Activation energy E in J mol-1; zero where the property does not depend on temperature.
    pub activation_energy_j_mol: f64,
    /// Temperature T_ref in K at which the function holds.
    pub reference_temperature_k: f64,
}

impl Property {
    /// A property that does not depend on temperature.
    pub fn isothermal(function: Function) -> Self {
        Self { function, activation_energy_j_mol: 0.0, reference_temperature_k: 298.15 }
    }

    /// Factor of the property at a temperature, 1 at the reference.
    pub fn activation(&self, temperature_k: f64) -> f64 {
        if self.activation_energy_j_mol == 0.0 {
            return 1.0;
        }
        let inverse = 1.0 / self.reference_temperature_k - 1.0 / temperature_k;
        (self.activation_energy_j_mol / GAS_CONSTANT * inverse).exp()
    }
}

/// Exchange-current density at the surface of a particle.
///
/// i0 = value(T) sqrt(c_e / c_e0) s(x), with s(x) = sqrt(x (1 - x)) unless a shape is given.
/// Units: i0 in A m-2, x surface stoichiometry, c_e0 initial concentration of the electrolyte.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangeCurrent {
    /// Factor before the root in A m-2: a constant, activated by temperature.
    pub density_a_m2: f64,
    /// Activation energy in J mol-1.
    pub activation_energy_j_mol: f64,
    /// Temperature in K at which the factor holds.
    pub reference_temperature_k: f64,
    /// Another dependence on stoichiometry than sqrt(x (1 - x)).
    pub shape: Option<Function>,
}

/// An electrode and its particles, all alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Electrode {
    /// Thickness in m.
    pub thickness_m: f64,
    /// Radius of the particles in m.
    pub particle_radius_m: f64,
    /// Volume of active material in a volume of electrode.
    pub active_fraction: f64,
    /// Most lithium that a particle holds, mol m-3.
    pub maximum_concentration_mol_m3: f64,
    /// Diffusivity in the particles, m2 s-1, of stoichiometry.
    pub diffusivity: Property,
    /// Open-circuit potential in V, of stoichiometry, at the reference temperature of the cell.
    pub open_circuit_potential: Function,
    /// Its change with temperature in V K-1, of stoichiometry.
    pub entropic_change: Function,
    /// Exchange-current density.
    pub exchange_current: ExchangeCurrent,
    /// Stoichiometry of the empty cell (state of charge 0).
    pub stoichiometry_empty: f64,
    /// Stoichiometry of the full cell (state of charge 1).
    pub stoichiometry_full: f64,
}

impl Electrode {
    /// Surface of the particles in a volume of electrode, m-1.
    pub fn specific_surface_per_m(&self) -> f64 {
        3.0 * self.active_fraction / self.particle_radius_m
    }

    /// Charge per electrode area between stoichiometry 0 and 1, C m-2.
    pub fn capacity_c_m2(&self) -> f64 {
        FARADAY * self.active_fraction * self.thickness_m * self.maximum_concentration_mol_m3
    }

    /// Stoichiometry at a state of charge.
    pub fn stoichiometry_at(&self, state_of_charge: f64) -> f64 {
        self.stoichiometry_empty
            + state_of_charge * (self.stoichiometry_full - self.stoichiometry_empty)
    }
}

/// Pores filled with electrolyte.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pores {
    /// Volume of electrolyte in a volume of the layer.
    pub porosity: f64,
    /// Transport in the layer over that in free electrolyte (the inverse of the MacMullin number).
    pub transport_efficiency: f64,
}

impl Pores {
    /// Pores whose transport efficiency follows from the porosity by Bruggeman's law.
    pub fn bruggeman(porosity: f64, exponent: f64) -> Self {
        Self { porosity, transport_efficiency: porosity.powf(exponent) }
    }
}

/// The electrolyte.
#[derive(Debug, Clone, PartialEq)]
pub struct Electrolyte {
    /// Concentration of lithium at rest, mol m-3.
    pub concentration_mol_m3: f64,
    /// Part of the current that lithium carries.
    pub transference_number: f64,
    /// Diffusivity in m2 s-1, of concentration in mol m-3.
    pub diffusivity: Property,
    /// Conductivity in S m-1, of concentration in mol m-3.
    pub conductivity: Property,
}

/// What resolves the cell across its layers; models of single particles with a frozen electrolyte
/// do without.
#[derive(Debug, Clone, PartialEq)]
pub struct Porous {
    /// The electrolyte.
    pub electrolyte: Electrolyte,
    /// Pores of the negative electrode.
    pub pores_n: Pores,
    /// Pores of the separator.
    pub pores_s: Pores,
    /// Pores of the positive electrode.
    pub pores_p: Pores,
    /// Thickness of the separator in m.
    pub separator_thickness_m: f64,
    /// Effective conductivity of the solid of the negative electrode, S m-1.
    pub conductivity_n_s_m: f64,
    /// Effective conductivity of the solid of the positive electrode, S m-1.
    pub conductivity_p_s_m: f64,
}

/// The cell as one body that warms up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thermal {
    /// Heat capacity of the cell, J K-1.
    pub heat_capacity_j_k: f64,
    /// Surface that is cooled, m2.
    pub cooling_area_m2: f64,
    /// Heat transfer coefficient, W m-2 K-1.
    pub heat_transfer_w_m2_k: f64,
    /// Temperature around the cell, K.
    pub ambient_temperature_k: f64,
}

/// Where a simulation starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InitialState {
    /// Stoichiometry of the negative electrode.
    pub stoichiometry_n: f64,
    /// Stoichiometry of the positive electrode.
    pub stoichiometry_p: f64,
    /// Temperature in K.
    pub temperature_k: f64,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Short name, as `Chen2020`.
    pub name: String,
    /// Where the values come from.
    pub source: String,
    /// Area of all electrode pairs, m2.
    pub area_m2: f64,
    /// Capacity in A h that makes one C.
    pub nominal_capacity_a_h: f64,
    /// Voltage in V at which a discharge ends.
    pub lower_cutoff_v: f64,
    /// Voltage in V at which a charge ends.
    pub upper_cutoff_v: f64,
    /// Temperature in K at which the open-circuit potentials hold.
    pub reference_temperature_k: f64,
    /// Negative electrode.
    pub negative: Electrode,
    /// Positive electrode.
    pub positive: Electrode,
    /// Electrolyte and layers, where they are known.
    pub porous: Option<Porous>,
    /// Heat, where it is known.
    pub thermal: Option<Thermal>,
    /// State at the start.
    pub initial: InitialState,
}

impl Cell {
    /// Open-circuit voltage in V at two stoichiometries, at the reference temperature.
    pub fn open_circuit_voltage(&self, stoichiometry_n: f64, stoichiometry_p: f64) -> f64 {
        self.positive.open_circuit_potential.value(stoichiometry_p)
            - self.negative.open_circuit_potential.value(stoichiometry_n)
    }

    /// Open-circuit voltage in V at a state of charge, at the reference temperature.
    pub fn open_circuit_voltage_at(&self, state_of_charge: f64) -> f64 {
        self.open_circuit_voltage(
            self.negative.stoichiometry_at(state_of_charge),
            self.positive.stoichiometry_at(state_of_charge),
        )
    }

    /// Charge in A h between the empty and the full cell, by its negative electrode.
    pub fn capacity_a_h(&self) -> f64 {
        let swing = self.negative.stoichiometry_full - self.negative.stoichiometry_empty;
        swing * self.negative.capacity_c_m2() * self.area_m2 / 3600.0
    }

    /// The cell at rest at a state of charge between 0 and 1.
    ///
    /// # Errors
    /// [`CellError::StateOfCharge`] outside that window.
    pub fn at_state_of_charge(mut self, state_of_charge: f64) -> Result<Self, CellError> {
        if !(0.0..=1.0).contains(&state_of_charge) {
            return Err(CellError::StateOfCharge { given: state_of_charge });
        }
        self.initial.stoichiometry_n = self.negative.stoichiometry_at(state_of_charge);
        self.initial.stoichiometry_p = self.positive.stoichiometry_at(state_of_charge);
        Ok(self)
    }

    /// The cell at a temperature in K, inside and around it.
    pub fn at_temperature(mut self, temperature_k: f64) -> Self {
        self.initial.temperature_k = temperature_k;
        if let Some(thermal) = &mut self.thermal {
            thermal.ambient_temperature_k = temperature_k;
        }
        self
    }
}

/// Why a state of a cell makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CellError {
    /// State of charge outside the window.
    #[error(
        "state of charge {given} is outside 0 to 1, the window between the empty and the full cell"
    )]
    StateOfCharge {
        /// The state of charge as given.
        given: f64,
    },
    /// A voltage that no stoichiometries give with the lithium that the cell holds.
    #[error(
        "no state of {cell} has the open-circuit voltage {voltage_v} V: with its lithium it spans \
         {lowest_v:.3} V to {highest_v:.3} V; check cut-off voltages and stoichiometries"
    )]
    NoSuchVoltage {
        /// Name of the cell.
        cell: String,
        /// Voltage that was asked for, V.
        voltage_v: f64,
        /// Lowest open-circuit voltage, V.
        lowest_v: f64,
        /// Highest open-circuit voltage, V.
        highest_v: f64,
    },
    /// No built-in set of this name.
    #[error("there is no built-in cell `{name}`; there are {}", sets::NAMES.join(", "))]
    UnknownSet {
        /// The name as given.
        name: String,
    },
}
