//! Why a simulation could not be done.

/// An error of the solver; every message says what to change.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SolveError {
    /// The model resolves layers that the cell does not describe.
    #[error(
        "{cell} has no electrolyte and separator, which {model} needs: simulate it with the \
         single-particle model (SPM), or complete the cell"
    )]
    NoLayers {
        /// Name of the cell.
        cell: String,
        /// Name of the model.
        model: &'static str,
    },
    /// The cell does not say how it warms up.
    #[error(
        "{cell} has no heat capacity, surface and heat transfer, which a thermal simulation needs: \
         simulate it isothermally, or complete the cell"
    )]
    NoThermal {
        /// Name of the cell.
        cell: String,
    },
    /// A value of the cell or its state that no cell has.
    #[error("{name} is {value}, but must be {range}")]
    OutOfRange {
        /// What it is.
        name: String,
        /// Its value.
        value: f64,
        /// The values allowed, in words.
        range: &'static str,
    },
    /// A step of the protocol that makes no sense.
    #[error("step {step} of the protocol (counted from 1): {reason}")]
    Protocol {
        /// Number of the step.
        step: usize,
        /// What is wrong.
        reason: String,
    },
    /// A profile of the current that makes no sense.
    #[error("the current over time: {reason}")]
    Profile {
        /// What is wrong.
        reason: String,
    },
    /// A voltage is held whose current is below the limit from the beginning.
    #[error(
        "at {voltage_v:.4} V the current is {current_a:.4} A at once, within the limit of {limit_a} A: there is \
         nothing to hold"
    )]
    NothingToHold {
        /// The voltage in V.
        voltage_v: f64,
        /// Its current in A.
        current_a: f64,
        /// The limit in A.
        limit_a: f64,
    },
    /// The voltage is beyond its limit as soon as the current flows.
    #[error(
        "at {current_a} A the voltage is {voltage_v:.4} V at once, beyond the limit of {limit_v} V: \
         nothing can be put out; choose a smaller current or another state of charge"
    )]
    NothingToPutOut {
        /// Current in A.
        current_a: f64,
        /// Voltage in V.
        voltage_v: f64,
        /// Limit in V.
        limit_v: f64,
    },
    /// No currents and potentials obey the control at the start of a step.
    #[error(
        "no state of the cell gives what is asked for from {time_s} s on (step {step} of the \
         protocol): current, power or voltage are out of reach"
    )]
    NoConsistentStart {
        /// Number of the step, from 1.
        step: usize,
        /// Time in s.
        time_s: f64,
    },
    /// The tolerance asks for steps that rounding does not allow, or the equations break down.
    #[error(
        "the tolerance of {tolerance_v} V cannot be kept at {time_s} s: the step fell below \
         {step_s:e} s; ask for a coarser tolerance, or check the functions of the cell near the \
         stoichiometries {stoichiometry_n:.4} and {stoichiometry_p:.4}"
    )]
    StepTooSmall {
        /// Tolerance in V.
        tolerance_v: f64,
        /// Time in s.
        time_s: f64,
        /// Step in s.
        step_s: f64,
        /// Lowest surface stoichiometry of the negative electrode.
        stoichiometry_n: f64,
        /// Highest surface stoichiometry of the positive electrode.
        stoichiometry_p: f64,
    },
    /// The electrolyte runs out in part of an electrode, and the elements cannot follow its front.
    #[error(
        "at {time_s} s the electrolyte is depleted in part of an electrode (down to {lowest:.1e} of its \
         concentration at rest); resolve the front by many linear elements, as \
         `Options::depleting()` does (electrode_elements 40, electrode_nodes 2)"
    )]
    Depleted {
        /// Time in s.
        time_s: f64,
        /// Lowest concentration over that at rest.
        lowest: f64,
    },
    /// The time of a switch depends on the parameters, which sensitivities do not follow.
    #[error(
        "sensitivities do not go on past step {step}, whose end depends on the parameters: end it by \
         a duration, or let the protocol end with it"
    )]
    SensitivityOfSwitch {
        /// Number of the step, from 1.
        step: usize,
    },
    /// More steps than allowed.
    #[error(
        "{steps} steps were taken up to {time_s} s and no end is in sight; raise `max_steps` or give the step a duration"
    )]
    TooManySteps {
        /// Steps taken.
        steps: usize,
        /// Time reached in s.
        time_s: f64,
    },
}
