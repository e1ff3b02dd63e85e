//! A loaded problem: everything a problem file says, checked, in SI units, lowered to one graph.
//!
//! Nothing here knows TOML. `Node`s live in [`Problem::graph`]. In all expressions the fields are
//! *unknown functions* of their coordinates and parameters (jets of [`Field::function`]); what a
//! field is made of (ansatz around a network) is in [`Field::ansatz`], an expression around jets of
//! [`Field::network`]. The engine puts the second into the first; the reference solver ignores it.

use surrogate_symbolic::{FunctionId, Graph, Node, SymbolId};

pub use crate::cell::{CellModel, CellSource, CellTable};
pub use crate::crystal::CrystalTable;
use crate::units::Dimension;

/// A problem file, resolved.
#[derive(Clone)]
pub struct Problem {
    /// Short name: the file's stem.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Longer text, may be empty.
    pub description: String,
    /// All expressions.
    pub graph: Graph,
    /// Coordinates in file order.
    pub coordinates: Vec<Coordinate>,
    /// Parameters that the surrogate takes as inputs, in file order.
    pub parameters: Vec<Parameter>,
    /// Unknown scalars that training determines (inverse problems), in file order.
    pub unknowns: Vec<Unknown>,
    /// Named constants with their SI values, for display.
    pub constants: Vec<Constant>,
    /// Unknown fields, in file order.
    pub fields: Vec<Field>,
    /// Equations, conditions and integral statements that must hold.
    pub rows: Vec<Row>,
    /// Derived outputs; what `predict` returns. If the file has none, one per field.
    pub outputs: Vec<Output>,
    /// Measurements used as a loss.
    pub data: Vec<Measurements>,
    /// Default network.
    pub network: Network,
    /// Training plan.
    pub train: Train,
    /// Numbers of collocation points.
    pub sampling: Sampling,
    /// Where the truth comes from.
    pub reference: Reference,
    /// Accuracy goals by output or field name.
    pub goals: Vec<Goal>,
    /// The cell that the physics is of. Such a problem has no rows: the fields are known to the
    /// solver of the cell, not by their equations.
    pub cell: Option<CellTable>,
    /// What a generator of crystals learns from. Such a problem has nothing else but its training.
    pub crystal: Option<CrystalTable>,
    /// The resolved file: after `extends` and overrides, as TOML text.
    pub resolved: String,
    /// Hints that are not errors (lints), already worded.
    pub warnings: Vec<String>,
}

/// A unit as written and what it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// As the file writes it, `1` if dimensionless.
    pub text: String,
    /// SI value of one unit.
    pub factor: f64,
    /// Powers of the base units.
    pub dimension: Dimension,
}

/// What a coordinate measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Time: conditions at its lower end are initial conditions.
    Time,
    /// Space.
    Space,
}

/// Geometry of a space coordinate; fixes `div`, `lap` and `mean`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Geometry {
    /// Plain coordinate: `div F = dF/dx`.
    Cartesian,
    /// Radius of a cylinder: `div F = (1/r) d(r F)/dr`.
    Cylinder,
    /// Radius of a sphere: `div F = (1/r^2) d(r^2 F)/dr`.
    Sphere,
}

/// How collocation points are spread over a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Uniform.
    Uniform,
    /// Uniform in the square root of the distance from the lower end (dense there).
    SquareRoot,
    /// Quadratically towards the upper end: layers below a surface.
    End,
    /// Quadratically towards both ends.
    Ends,
    /// Uniform in the logarithm (the range must be positive).
    Logarithmic,
}

/// A coordinate with its range.
#[derive(Clone, Debug)]
pub struct Coordinate {
    /// Name.
    pub name: String,
    /// Its symbol.
    pub symbol: SymbolId,
    /// Unit of the file.
    pub unit: Unit,
    /// Lower end, SI.
    pub lower: f64,
    /// Upper end, SI.
    pub upper: f64,
    /// Time or space.
    pub role: Role,
    /// Geometry (Cartesian for time).
    pub geometry: Geometry,
    /// All fields are periodic in it, exactly.
    pub periodic: bool,
    /// Spread of collocation points.
    pub spread: Spread,
    /// Collocation range, SI, inside `lower..upper` (a lower cut avoids a singular corner).
    pub sampled: (f64, f64),
    /// Words for people.
    pub description: String,
}

/// A parameter with its range.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Its symbol.
    pub symbol: SymbolId,
    /// Unit of the file.
    pub unit: Unit,
    /// Lower end, SI.
    pub lower: f64,
    /// Upper end, SI.
    pub upper: f64,
    /// Logarithmic scale: sampled and fed to networks as a logarithm.
    pub logarithmic: bool,
    /// Value used where none is given, SI.
    pub nominal: f64,
    /// Words for people.
    pub description: String,
}

/// An unknown scalar.
#[derive(Clone, Debug)]
pub struct Unknown {
    /// Name.
    pub name: String,
    /// Its symbol.
    pub symbol: SymbolId,
    /// Unit of the file.
    pub unit: Unit,
    /// Starting value, SI.
    pub initial: f64,
    /// Positive, trained through its logarithm.
    pub logarithmic: bool,
    /// Words for people.
    pub description: String,
}

/// A named constant.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Name.
    pub name: String,
    /// SI value.
    pub value: f64,
    /// Unit of the file (SI text if it was an expression).
    pub unit: Unit,
}

/// An unknown field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Name.
    pub name: String,
    /// Unit of the file.
    pub unit: Unit,
    /// Words for people.
    pub description: String,
    /// The field as an unknown function of `coordinates` and `parameters`.
    pub function: FunctionId,
    /// Its network's output as an unknown function of the same symbols.
    pub network_function: FunctionId,
    /// Positions in [`Problem::coordinates`].
    pub coordinates: Vec<usize>,
    /// Positions in [`Problem::parameters`]: declared, or found from the rows that hold the field.
    pub parameters: Vec<usize>,
    /// Typical magnitude, SI, if declared.
    pub scale: Option<f64>,
    /// The field (SI) as an expression around jets of `network_function`, if declared.
    pub ansatz: Option<Node>,
    /// Network inputs as expressions of coordinates and parameters, if declared. Each is mapped
    /// affinely to [-1, 1] over the box by the engine.
    pub inputs: Option<Vec<Input>>,
    /// Network of this field.
    pub network: Network,
}

/// One network input.
#[derive(Clone, Debug)]
pub struct Input {
    /// The expression as written.
    pub text: String,
    /// Its value.
    pub node: Node,
}

/// What kind of statement a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// Holds in the interior.
    Equation,
    /// Holds where some coordinates are fixed.
    Condition,
    /// Contains integrals over a coordinate.
    Integral,
}

/// A statement that must hold.
#[derive(Clone, Debug)]
pub struct Row {
    /// Name for tables; made from the text if the file gives none.
    pub name: String,
    /// Kind.
    pub kind: RowKind,
    /// The equation as written.
    pub text: String,
    /// Left side minus right side, SI, fields as unknown functions, *not* yet at the fixed place.
    pub residual: Node,
    /// Unit dimension of the residual.
    pub dimension: Dimension,
    /// Coordinates fixed by `at`, by position in [`Problem::coordinates`], with SI values.
    pub at: Vec<(usize, f64)>,
    /// Factor on the residual in training (not in the physics).
    pub multiply_by: Option<Node>,
    /// Training divides the residual by this.
    pub scale: Option<Node>,
    /// Weight in the loss, relative to one.
    pub weight: Option<f64>,
    /// Number of collocation points, if declared.
    pub points: Option<usize>,
    /// Quadrature nodes of each integral.
    pub nodes: usize,
    /// Where quadrature nodes crowd.
    pub graded: Graded,
    /// The equation read as an evolution law, if it has that form.
    pub evolution: Option<Evolution>,
    /// An equation without time derivatives read as a balance, if it has that form.
    pub balance: Option<Balance>,
    /// Where derivatives are taken of what jumps. The residual lacks the impulse there.
    pub jumps: Vec<Jump>,
}

/// A derivative taken of something that jumps along its coordinate, such as of `k·d(T, x)` with
/// another conductivity `k` in each layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jump {
    /// Position of the coordinate in [`Problem::coordinates`].
    pub coordinate: usize,
    /// A place of the jump, SI: the first at the nominal parameters, or at an end of their box.
    pub place: f64,
    /// What jumps is a flux of [`Row::evolution`] or [`Row::balance`], which keep it whole.
    pub kept: bool,
}

/// `0 = Σ div(flux) + source`.
#[derive(Clone, Debug)]
pub struct Balance {
    /// Terms in divergence form, as in [`Evolution::divergences`]; at least one.
    pub divergences: Vec<(usize, Node)>,
    /// All other terms.
    pub source: Node,
}

/// Where quadrature nodes crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graded {
    /// Plain Gauss-Legendre.
    No,
    /// Crowded towards the upper end: `x = 1 - (1 - q)^2`.
    End,
    /// Crowded towards both ends.
    Both,
}

/// `capacity · d(field, t) = Σ div(flux) + source`.
#[derive(Clone, Debug)]
pub struct Evolution {
    /// Position in [`Problem::fields`].
    pub field: usize,
    /// Factor on the time derivative; holds no derivative of a field.
    pub capacity: Node,
    /// Terms in divergence form: coordinate position and the flux *inside* the divergence
    /// (`D·d(c, r)` for diffusion). Empty if there is none.
    pub divergences: Vec<(usize, Node)>,
    /// All other terms of the right side.
    pub source: Node,
}

/// A derived output.
#[derive(Clone, Debug)]
pub struct Output {
    /// Name.
    pub name: String,
    /// Unit of the file: results are divided by its factor when written.
    pub unit: Unit,
    /// Value, SI, fields as unknown functions.
    pub value: Node,
    /// Free coordinates, by position (time for a voltage).
    pub coordinates: Vec<usize>,
    /// Words for people.
    pub description: String,
    /// Least and greatest value, SI: beyond it the experiment has ended (the cut-off of a discharge),
    /// and no output means anything from then on.
    pub limits: Limits,
}

/// Values between which an output means something, SI.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// None below this.
    pub at_least: Option<f64>,
    /// None above this.
    pub at_most: Option<f64>,
}

impl Limits {
    /// Whether there are any.
    pub fn exist(&self) -> bool {
        self.at_least.is_some() || self.at_most.is_some()
    }

    /// Whether a value lies beyond them. What is no number does not.
    pub fn passed(&self, value: f64) -> bool {
        self.at_least.is_some_and(|low| value < low)
            || self.at_most.is_some_and(|high| value > high)
    }
}

impl Problem {
    /// How many of the first points of curves come before the end of the experiment: all of them if
    /// no output passes its limits. `outputs`: by output, values along increasing time, SI; empty for
    /// outputs that are not known.
    pub fn points_before_end(&self, outputs: &[Vec<f64>], points: usize) -> usize {
        let curves = self.outputs.iter().zip(outputs);
        let ends = curves.filter_map(|(o, v)| v.iter().position(|&v| o.limits.passed(v)));
        ends.fold(points, usize::min)
    }
}

/// Measurements: an expression, where it was observed, and what was seen. All SI.
#[derive(Clone, Debug)]
pub struct Measurements {
    /// Name for tables.
    pub name: String,
    /// What was observed.
    pub observed: Node,
    /// Unit of the observed values.
    pub unit: Unit,
    /// Columns: position in [`Problem::coordinates`] or, after them, in [`Problem::parameters`].
    pub places: Vec<Place>,
    /// One row per observation: values of `places`, then the observed value.
    pub rows: Vec<Vec<f64>>,
    /// Standard deviation of the noise, SI, if declared.
    pub noise: Option<f64>,
    /// Weight in the loss.
    pub weight: f64,
    /// File it came from, for the manifest.
    pub file: String,
}

/// A column of measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A coordinate by position.
    Coordinate(usize),
    /// A parameter by position.
    Parameter(usize),
}

/// Shape of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Neurons per hidden layer; `None` lets the engine choose.
    pub width: Option<usize>,
    /// Hidden layers; `None` lets the engine choose.
    pub depth: Option<usize>,
    /// Activation.
    pub activation: Activation,
}

/// Activation functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Hyperbolic tangent.
    Tanh,
    /// Sine.
    Sin,
}

/// Optimisers by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimizer {
    /// Dense self-scaled Broyden.
    SsBroyden,
    /// Adam.
    Adam,
    /// Levenberg-Marquardt (Gauss-Newton, primal or dual).
    LevenbergMarquardt,
    /// Limited-memory BFGS.
    Lbfgs,
}

/// One stage of training.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainStage {
    /// Which optimiser.
    pub optimizer: Optimizer,
    /// Most iterations.
    pub iterations: usize,
    /// Learning rate (Adam).
    pub learning_rate: Option<f64>,
    /// Most seconds of this stage.
    pub max_time_s: Option<f64>,
}

/// Training plan. `None` lets the engine choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Train {
    /// Stages in order; empty lets the engine choose.
    pub stages: Vec<TrainStage>,
    /// Seed.
    pub seed: u64,
    /// Iterations between new point sets.
    pub resample_every: Option<usize>,
    /// Most seconds of training.
    pub max_time_s: Option<f64>,
    /// Stop when the loss (mean square of scaled residuals) falls below this.
    pub target_loss: Option<f64>,
}

/// Numbers of collocation points. `None` lets the engine choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// Points per equation.
    pub interior: Option<usize>,
    /// Points per condition.
    pub boundary: Option<usize>,
    /// Outer points per integral row.
    pub integral: Option<usize>,
    /// Points per row kept for the held-out residual.
    pub held_out: Option<usize>,
    /// Move points to where the residual is large when held-out and training residual part.
    pub adaptive: bool,
}

/// Where the truth comes from.
#[derive(Clone, Debug)]
pub struct Reference {
    /// What to compare with.
    pub kind: ReferenceKind,
    /// Cells per space coordinate of the solver.
    pub cells: Option<usize>,
    /// Relative tolerance of time stepping.
    pub tolerance: Option<f64>,
}

/// What to compare with.
#[derive(Clone, Debug)]
pub enum ReferenceKind {
    /// The solver if it can treat the problem, else none.
    Automatic,
    /// Exact expressions by field position or output name.
    Exact(Vec<(String, Node)>),
    /// A table of reference values: which field or output, columns, rows (SI).
    File(Vec<Measurements>),
    /// None.
    None,
}

/// An accuracy goal.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// Output or field name.
    pub name: String,
    /// Root mean square error, SI.
    pub rms: Option<f64>,
    /// Largest error, SI.
    pub max: Option<f64>,
    /// Relative L2 error.
    pub relative_l2: Option<f64>,
    /// Of the discharges of a cell; only for its voltage.
    pub discharge: DischargeGoals,
}

/// Goals for the constant discharges of a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DischargeGoals {
    /// Root mean square error of the voltage over the first 95 % of each discharge, V.
    pub first_95_v: Option<f64>,
    /// The same of the worst curve, V.
    pub worst_curve_v: Option<f64>,
    /// Relative error of the end of discharge, and so of its charge: median over points.
    pub end_median: Option<f64>,
    /// The same of 99 of 100 points.
    pub end_99: Option<f64>,
}
