//! Reference solver of the single-particle models and of the pseudo-two-dimensional model.
//!
//! Spectral elements across the layers, radial modes (or shells, where the diffusivity depends on
//! stoichiometry) in the particles, potentials by integration, implicit steps of order two with
//! control of the local error. See [`simulate`].

mod checks;
mod dense;
mod electrolyte;
mod equations;
mod error;
mod fields;
mod half;
mod jacobian;
mod layout;
mod lobatto;
mod modes;
mod parameters;
mod particles;
mod physics;
mod protocol;
mod run;
mod scalar;
mod solid;
mod solution;
mod state;
mod tangent;
mod thermal;
mod volumes;
mod words;

pub use electrolyte::KnownElectrolyte;
pub use error::SolveError;
pub use fields::{ElectrodeFields, Fields, RADII, radii};
pub use half::{ElectrodeRun, HalfCell};
pub use lobatto::rule as lobatto_rule;
pub use parameters::{Multipliers, PARAMETERS, Parameter};
pub use protocol::{Control, ProtocolStep};
pub use run::simulate;
pub use scalar::{Dual, Scalar};
pub use solution::{Ended, Mechanism, Resolution, Sensitivities, Solution, Work};
pub use words::{WordedStep, WordsError, protocol_of_words};

/// What is resolved of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// One particle for each electrode, electrolyte frozen.
    Spm,
    /// One particle for each electrode, electrolyte resolved, reaction spread evenly.
    Spme,
    /// Particles at every place of the electrodes (Doyle, Fuller and Newman).
    P2d,
}

impl Model {
    /// Short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spm => "SPM",
            Self::Spme => "SPMe",
            Self::P2d => "P2D",
        }
    }
}

/// Resolution and tolerances.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Elements in each electrode, from 1; more than one where the electrolyte is depleted.
    pub electrode_elements: usize,
    /// Nodes in each of them, from 2.
    pub electrode_nodes: usize,
    /// Nodes in the separator, from 3.
    pub separator_nodes: usize,
    /// Radial modes where the diffusivity is constant, from 3.
    pub modes: usize,
    /// Radial shells where it is not, from 5.
    pub shells: usize,
    /// Largest difference in V between a step and its prediction.
    pub voltage_tolerance_v: f64,
    /// The same for reaction currents, over their mean.
    pub reaction_tolerance: f64,
    /// Steps after which a simulation is given up.
    pub max_steps: usize,
    /// Whether the cell warms up as one body; it keeps its initial temperature otherwise.
    pub thermal: bool,
    /// Factors on parameters.
    pub multipliers: Multipliers,
    /// Whether the fields inside the cell are kept at every accepted time.
    pub fields: bool,
    /// What is done where the electrolyte is depleted and the elements cannot follow its front.
    pub depletion: Depletion,
    /// Whether derivatives by the logarithms of the multipliers are computed. A step that ends by a
    /// voltage or a current must then be the last of its protocol.
    pub sensitivities: bool,
}

/// What is done where the electrolyte is depleted in part of an electrode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depletion {
    /// The simulation is done again as by [`Options::depleting`], which takes some fifty times longer;
    /// [`Solution::resolution`] says so.
    Follow,
    /// An error, [`SolveError::Depleted`].
    Refuse,
}

impl Default for Options {
    /// Within 0.3 mV of the converged curve on the built-in cells.
    fn default() -> Self {
        Self {
            electrode_elements: 1,
            electrode_nodes: 8,
            separator_nodes: 3,
            modes: 12,
            shells: 30,
            voltage_tolerance_v: 1e-3,
            reaction_tolerance: 5e-2,
            max_steps: 100_000,
            thermal: false,
            multipliers: Multipliers::default(),
            fields: false,
            depletion: Depletion::Follow,
            sensitivities: false,
        }
    }
}

impl Options {
    /// For electrolytes that are depleted in part of an electrode: linear elements, which stay
    /// positive at the front of the depletion. Some fifty times slower, ends within about 1 %.
    pub fn depleting() -> Self {
        Self::default().on_linear_elements()
    }

    /// The same, on the elements of [`Options::depleting`].
    #[must_use]
    fn on_linear_elements(self) -> Self {
        let usual = Self::default();
        Self {
            electrode_elements: 40,
            electrode_nodes: 2,
            // the end is known to about 1 % whatever these are
            modes: self.modes.min(usual.modes),
            voltage_tolerance_v: self.voltage_tolerance_v.max(usual.voltage_tolerance_v),
            reaction_tolerance: self.reaction_tolerance.max(usual.reaction_tolerance),
            ..self
        }
    }

    /// Several times finer in every respect, to judge the default by.
    pub fn fine() -> Self {
        Self {
            electrode_nodes: 10,
            separator_nodes: 5,
            modes: 40,
            shells: 80,
            voltage_tolerance_v: 3e-5,
            reaction_tolerance: 5e-3,
            ..Self::default()
        }
    }
}
