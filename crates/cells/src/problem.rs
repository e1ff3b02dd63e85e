//! What is to be learned: a cell, a model of it, and a box of conditions and parameters.

use surrogate_battery::Cell;
use surrogate_battery::solve::{
    Dual, Model, Multipliers, Options, PARAMETERS, Parameter, ProtocolStep, Scalar, Solution,
    simulate,
};

use crate::CellsError;

/// Most factors by which the range of an axis may span.
const WIDEST: f64 = 1e6;

/// What is learned is solved finer than the default of the solver, whose modes cost 2 mV in the first
/// tenths of a second, and whose nodes leave fronts of the reaction a percent off.
const LEARNED_NODES: usize = 10;
/// Radial modes.
const LEARNED_MODES: usize = 30;
/// Tolerance of the voltage, V, and of reaction currents.
const LEARNED_V: f64 = 3e-4;
const LEARNED_REACTION: f64 = 2e-2;

/// What an axis of the box varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Current over that of one hour, positive on discharge.
    CRate,
    /// Factor on a parameter of the cell.
    Factor(Parameter),
}

impl Quantity {
    /// The quantity of a name: `c_rate`, or the symbol of a parameter such as `D_n`.
    pub fn named(name: &str) -> Option<Self> {
        if name == "c_rate" {
            return Some(Self::CRate);
        }
        let factors = Parameter::ALL.into_iter().filter(|p| *p != Parameter::Current);
        factors.into_iter().find(|p| p.symbol() == name).map(Self::Factor)
    }

    /// The parameter that sensitivities know it by.
    pub(crate) fn parameter(self) -> Parameter {
        match self {
            Self::CRate => Parameter::Current,
            Self::Factor(parameter) => parameter,
        }
    }
}

/// One axis of the box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    /// What varies.
    pub quantity: Quantity,
    /// Lower end, above 0.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Whether the logarithm is spread evenly.
    pub log: bool,
}

impl Axis {
    /// Value at a fraction of the axis between 0 and 1.
    pub fn at(&self, fraction: f64) -> f64 {
        if self.log {
            self.lower * (self.upper / self.lower).powf(fraction)
        } else {
            self.lower + fraction * (self.upper - self.lower)
        }
    }

    /// Place of a value between -1 and 1.
    pub(crate) fn place<S: Scalar>(&self, value: S) -> S {
        let (part, whole) = if self.log {
            (value.ln() - S::of(self.lower.ln()), (self.upper / self.lower).ln())
        } else {
            (value - S::of(self.lower), self.upper - self.lower)
        };
        part.scale(2.0 / whole) - S::of(1.0)
    }

    /// Change of the logarithm of the value with its place, at a value.
    pub(crate) fn stretch(&self, value: f64) -> f64 {
        if self.log {
            0.5 * (self.upper / self.lower).ln()
        } else {
            0.5 * (self.upper - self.lower) / value
        }
    }
}

/// A constant-current discharge from the initial state of a cell to its lower cut-off, over a box.
#[derive(Debug, Clone)]
pub struct CellProblem {
    /// The cell.
    pub cell: Cell,
    /// The model that is solved.
    pub model: Model,
    /// Axes of the box; a point has one value for each, in this order. Without an axis for the
    /// C-rate it is 1.
    pub axes: Vec<Axis>,
    /// Resolution and tolerances of the solver; multipliers, fields and sensitivities are set by use.
    pub options: Options,
}

impl CellProblem {
    /// A problem with options of the solver that suit data to be learned.
    ///
    /// # Errors
    /// [`CellsError::Box`] for an axis that is empty, not positive or given twice.
    pub fn new(cell: Cell, model: Model, axes: Vec<Axis>) -> Result<Self, CellsError> {
        for (k, axis) in axes.iter().enumerate() {
            let name = axis.quantity.parameter().symbol();
            let sound = axis.lower > 0.0
                && axis.upper > axis.lower
                && axis.upper.is_finite()
                && axis.upper / axis.lower < WIDEST;
            if !sound {
                let reason = format!(
                    "{name} from {} to {} is no range of positive numbers",
                    axis.lower, axis.upper
                );
                return Err(CellsError::Box { reason });
            }
            if axes[..k].iter().any(|other| other.quantity == axis.quantity) {
                return Err(CellsError::Box { reason: format!("{name} has two axes") });
            }
        }
        let options = Options {
            electrode_nodes: LEARNED_NODES,
            modes: LEARNED_MODES,
            voltage_tolerance_v: LEARNED_V,
            reaction_tolerance: LEARNED_REACTION,
            ..Options::default()
        };
        Ok(Self { cell, model, axes, options })
    }

    /// The point in the middle of all axes.
    pub fn middle(&self) -> Vec<f64> {
        self.axes.iter().map(|axis| axis.at(0.5)).collect()
    }

    /// C-rate and multipliers of a point.
    pub fn conditions(&self, point: &[f64]) -> (f64, Multipliers) {
        let (mut c_rate, mut multipliers) = (1.0, Multipliers::default());
        for (axis, value) in self.axes.iter().zip(point) {
            match axis.quantity {
                Quantity::CRate => c_rate = *value,
                Quantity::Factor(parameter) => multipliers = multipliers.with(parameter, *value),
            }
        }
        (c_rate, multipliers)
    }

    /// Places of a point on the axes, each between -1 and 1.
    pub(crate) fn places(&self, point: &[f64]) -> Vec<f64> {
        self.axes.iter().zip(point).map(|(axis, value)| axis.place(*value)).collect()
    }

    /// The factors of a point with their derivatives; that of the current is the C-rate.
    pub(crate) fn factors<S: Factor>(&self, point: &[f64]) -> [S; PARAMETERS] {
        let (c_rate, multipliers) = self.conditions(point);
        let values = multipliers.with(Parameter::Current, c_rate).0;
        std::array::from_fn(|k| S::factor(values[k], k))
    }

    /// Time in s in which the current takes all lithium from the negative or fills the positive
    /// electrode.
    pub(crate) fn longest_s(&self, point: &[f64]) -> f64 {
        let (cell, (c_rate, multipliers)) = (&self.cell, self.conditions(point));
        let density = c_rate * cell.nominal_capacity_a_h / cell.area_m2;
        let n = cell.negative.capacity_c_m2() * multipliers.get(Parameter::ActiveFractionN);
        let p = cell.positive.capacity_c_m2() * multipliers.get(Parameter::ActiveFractionP);
        let n = n * cell.initial.stoichiometry_n;
        let p = p * (1.0 - cell.initial.stoichiometry_p);
        n.min(p) / density
    }

    /// Solves the discharge at a point.
    ///
    /// # Errors
    /// What the solver says.
    pub fn solve(
        &self,
        point: &[f64],
        fields: bool,
        sensitivities: bool,
    ) -> Result<Solution, CellsError> {
        let (c_rate, multipliers) = self.conditions(point);
        let options = Options { multipliers, fields, sensitivities, ..self.options.clone() };
        let protocol = [ProtocolStep::discharge(&self.cell, c_rate)];
        Ok(simulate(&self.cell, self.model, &protocol, &options)?)
    }
}

/// Numbers that can stand for a factor with its derivative by its logarithm.
pub(crate) trait Factor: Scalar {
    fn factor(value: f64, parameter: usize) -> Self;
}

impl Factor for f64 {
    fn factor(value: f64, _: usize) -> Self {
        value
    }
}

impl Factor for Dual {
    fn factor(value: f64, parameter: usize) -> Self {
        let mut factor = Self::of(value);
        factor.d[parameter] = value;
        factor
    }
}
