//! Multipliers of the parameters that calibration and surrogates vary.

/// A parameter that a solution can be differentiated by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// Diffusivity in the negative particles.
    DiffusivityN,
    /// Diffusivity in the positive particles.
    DiffusivityP,
    /// Exchange current of the negative electrode.
    ExchangeCurrentN,
    /// Exchange current of the positive electrode.
    ExchangeCurrentP,
    /// Active material in the negative electrode.
    ActiveFractionN,
    /// Active material in the positive electrode.
    ActiveFractionP,
    /// Diffusivity in the electrolyte.
    ElectrolyteDiffusivity,
    /// Conductivity of the electrolyte.
    ElectrolyteConductivity,
    /// Current that a step holds.
    Current,
}

/// How many parameters there are.
pub const PARAMETERS: usize = 9;

impl Parameter {
    /// All of them, in the order of [`Multipliers::0`] and of sensitivities.
    pub const ALL: [Self; PARAMETERS] = [
        Self::DiffusivityN,
        Self::DiffusivityP,
        Self::ExchangeCurrentN,
        Self::ExchangeCurrentP,
        Self::ActiveFractionN,
        Self::ActiveFractionP,
        Self::ElectrolyteDiffusivity,
        Self::ElectrolyteConductivity,
        Self::Current,
    ];

    /// Short name, as the literature abbreviates.
    pub fn symbol(self) -> &'static str {
        ["D_n", "D_p", "i0_n", "i0_p", "eps_n", "eps_p", "D_e", "kappa_e", "current"][self as usize]
    }
}

/// Factors on the parameters, in the order of [`Parameter::ALL`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Multipliers(pub [f64; PARAMETERS]);

impl Default for Multipliers {
    fn default() -> Self {
        Self([1.0; PARAMETERS])
    }
}

impl Multipliers {
    /// The same with one factor set.
    #[must_use]
    pub fn with(mut self, parameter: Parameter, factor: f64) -> Self {
        self.0[parameter as usize] = factor;
        self
    }

    /// One factor.
    pub fn get(&self, parameter: Parameter) -> f64 {
        self.0[parameter as usize]
    }
}
