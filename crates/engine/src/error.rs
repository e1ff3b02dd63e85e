//! What can go wrong in the engine.

use surrogate_jet::tape::ProgramError;
use surrogate_symbolic::CompileError;
use thiserror::Error;

/// Engine errors.
#[derive(Debug, Error)]
pub enum EngineError {
    /// An expression could not be compiled: a symbol or field is left over.
    #[error("cannot compile an expression: {0}")]
    Compile(#[from] CompileError),
    /// A compiled program is malformed: a bug of ours.
    #[error("internal: malformed program: {0}")]
    Program(#[from] ProgramError),
    /// A derivative of a field of too high an order.
    #[error(
        "a derivative of order {order} of a field is not supported, the highest is {most}; write the equation as several of lower order with a field of its own for a derivative"
    )]
    Order {
        /// Total order.
        order: u32,
        /// Highest that the network kernel carries.
        most: u32,
    },
    /// Integrals may not be nested.
    #[error("an integral inside an integral is not supported")]
    NestedIntegral,
    /// Integral limits must be numbers.
    #[error("limits of an integral must be numbers, not expressions of coordinates")]
    VariableLimits,
    /// A residual is not a number at the start.
    #[error(
        "`{row}` is not a number at the start of training ({place}); check its ansatz and inputs there"
    )]
    NotFinite {
        /// Name of the row.
        row: String,
        /// Where, in words.
        place: String,
    },
    /// A row that no network can change does not hold.
    #[error(
        "`{row}` does not hold and no network can change it (off by {residual:.1e} of its size); the ansatz contradicts it, or two conditions contradict each other"
    )]
    Contradiction {
        /// Name of the row.
        row: String,
        /// Residual over its largest term.
        residual: f64,
    },
    /// A network input is constant or not a number over the box.
    #[error("network input `{input}` of field `{field}` is {what} over the parameter box")]
    BadInput {
        /// Field name.
        field: String,
        /// The input as written.
        input: String,
        /// constant / not a number.
        what: String,
    },
    /// Saved state does not fit the problem.
    #[error("saved training state does not fit this problem: {0}")]
    State(String),
    /// A place was asked for that the surrogate does not have.
    #[error("{0}")]
    Prediction(String),
    /// The device is not available.
    #[error("{0}")]
    Device(String),
}
