//! What can be wrong with a BPX file, each with the path of the field.

use std::fmt;

use crate::{ExpressionError, TableError};

/// One mistake in a BPX file. Paths are written `Parameterisation/Cell/Electrode area [m2]`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BpxError {
    /// The text is not JSON.
    #[error("the file is not JSON: {reason}")]
    NotJson {
        /// What the reader of JSON said, with line and column.
        reason: String,
    },
    /// A version that is not known.
    #[error("{path}: version {found} is not known; this program reads BPX 0.x and 1.x")]
    Version {
        /// Path of the field.
        path: String,
        /// What stands there.
        found: String,
    },
    /// A field that is not there.
    #[error("{path} is missing{why}")]
    Missing {
        /// Path of the field.
        path: String,
        /// Why it is needed, or empty.
        why: String,
    },
    /// A field that the standard does not have.
    #[error("{path} is no field of BPX {version}{hint}")]
    Unknown {
        /// Path of the field.
        path: String,
        /// Version of the file.
        version: String,
        /// What to do instead, or empty.
        hint: String,
    },
    /// Two statements that cannot both hold.
    #[error("{path}: {reason}")]
    Contradictory {
        /// Path of a field that takes part.
        path: String,
        /// What contradicts what.
        reason: String,
    },
    /// A number outside the values that make sense.
    #[error("{path} is {value}, but must be {range}")]
    OutOfRange {
        /// Path of the field.
        path: String,
        /// The number.
        value: f64,
        /// The values allowed, in words.
        range: &'static str,
    },
    /// A function with a value outside those that make sense.
    #[error("{path} is {value} at x = {x}, but must be {range}")]
    FunctionOutOfRange {
        /// Path of the field.
        path: String,
        /// Where.
        x: f64,
        /// Its value there.
        value: f64,
        /// The values allowed, in words.
        range: &'static str,
    },
    /// Neither number nor formula nor table, or another kind than this field takes.
    #[error("{path}: expected {expected}, found {found}")]
    WrongKind {
        /// Path of the field.
        path: String,
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A formula that cannot be read.
    #[error("{path}: {reason}")]
    Expression {
        /// Path of the field.
        path: String,
        /// What is wrong, with its column.
        reason: ExpressionError,
    },
    /// A table that is no function.
    #[error("{path}: {reason}")]
    Table {
        /// Path of the field.
        path: String,
        /// What is wrong.
        reason: TableError,
    },
    /// Something the standard allows and this program does not simulate.
    #[error("{path}: {what} cannot be simulated by this program yet{way_out}")]
    Unsupported {
        /// Path of the field.
        path: String,
        /// What it is.
        what: &'static str,
        /// What to do instead, or empty.
        way_out: &'static str,
    },
}

/// All mistakes of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct BpxErrors(pub Vec<BpxError>);

impl fmt::Display for BpxErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for BpxErrors {}

/// Something in a file that was read in one of several ways, or that looks doubtful.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum BpxWarning {
    /// A field that was not there; the value taken.
    Assumed {
        /// Path of the field.
        path: String,
        /// The value taken, with its unit.
        value: String,
    },
    /// A field of a 0.x file that no version has; it was not used.
    Unused {
        /// Path of the field.
        path: String,
    },
    /// Pores that would be shorter than straight ones.
    ShorterThanStraight {
        /// Path of the transport efficiency.
        path: String,
        /// Transport efficiency.
        efficiency: f64,
        /// Porosity.
        porosity: f64,
    },
    /// The capacities of a file do not fit each other.
    Capacity {
        /// Path of the stated capacity.
        path: String,
        /// As stated, A h.
        stated_a_h: f64,
        /// Between the stoichiometries of the negative electrode, A h.
        negative_a_h: f64,
        /// Between those of the positive electrode, A h.
        positive_a_h: f64,
    },
    /// A value far from those of all published cells, probably in another unit than that of its field.
    Unusual {
        /// Path of the field.
        path: String,
        /// Its value, of a function that at rest or in the middle of the window.
        value: f64,
        /// Values of cells, the lowest and the highest.
        usual: (f64, f64),
    },
    /// An open-circuit potential that rises with the lithium in the particles.
    RisingPotential {
        /// Path of the field.
        path: String,
        /// Its largest rise in V.
        rise_v: f64,
        /// Stoichiometry at the upper end of that rise.
        x: f64,
    },
    /// A table that ends inside the window of stoichiometries.
    ShortTable {
        /// Path of the field.
        path: String,
        /// First and last stoichiometry of the table.
        table: (f64, f64),
        /// Lowest and highest stoichiometry of the window.
        window: (f64, f64),
    },
    /// A layer of a `Partial` file without which the others cannot be simulated.
    NotResolved {
        /// Path of the layer that is given.
        path: String,
        /// Name of the layer that is not.
        without: &'static str,
    },
    /// The open-circuit voltage at an end of the window lies beyond the cut-off by over 1 mV.
    VoltageBeyondCutoff {
        /// Path of the cut-off.
        path: String,
        /// Open-circuit voltage in V.
        open_circuit_v: f64,
        /// Cut-off in V.
        cutoff_v: f64,
    },
}

impl fmt::Display for BpxWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assumed { path, value } => write!(f, "{path} is not given; {value} is assumed"),
            Self::ShorterThanStraight { path, efficiency, porosity } => write!(
                f,
                "{path} is {efficiency}, more than the porosity {porosity}, which only pores shorter than \
                 straight ones would have"
            ),
            Self::Capacity { path, stated_a_h, negative_a_h, positive_a_h } => write!(
                f,
                "{path} is {stated_a_h}, but the stoichiometries span {negative_a_h:.4} A h in the negative \
                 and {positive_a_h:.4} A h in the positive electrode"
            ),
            Self::Unused { path } => write!(f, "{path} is no field of BPX and was not used"),
            Self::Unusual { path, value, usual: (low, high) } => write!(
                f,
                "{path} is {value:e}; lithium-ion cells have {low:e} to {high:e}: is it in the unit of its field?"
            ),
            Self::RisingPotential { path, rise_v, x } => write!(
                f,
                "{path} rises by {:.0} mV up to x = {x:.3}; a potential falls with the lithium that particles \
                 hold",
                1e3 * rise_v
            ),
            Self::ShortTable { path, table, window } => write!(
                f,
                "{path} is known from x = {} to {}, but the window goes from {} to {}: the ends of the table are \
                 kept beyond",
                table.0, table.1, window.0, window.1
            ),
            Self::NotResolved { path, without } => write!(
                f,
                "{path} is not used: without {without} only models of single particles can be simulated"
            ),
            Self::VoltageBeyondCutoff { path, open_circuit_v, cutoff_v } => write!(
                f,
                "{path} is {cutoff_v} V, but the stoichiometries of that end give {open_circuit_v:.4} V"
            ),
        }
    }
}
