//! One scalar expression of the physics, compiled with its exact partial derivatives.

use surrogate_jet::{Plan, Program, Registers};
use surrogate_symbolic::{Graph, Node, SymbolId, compile};

use crate::error::SolveError;

/// A discrete quantity that an expression reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Leaf {
    /// Space derivative of a state at the point where the expression is evaluated.
    Local { state: usize, order: usize },
    /// Space derivative of a state at a fixed place.
    At { state: usize, order: usize, place: f64 },
    /// A state without space coordinate.
    Scalar { state: usize },
    /// The highest time derivative of a field; only inside its own equation.
    Rate { field: usize, order: usize },
    /// An integral, by position in the model's list.
    Integral(usize),
}

/// What an input column of a compiled expression holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Input {
    /// Time.
    Time,
    /// The running space coordinate.
    Place,
    /// A parameter by position.
    Parameter(usize),
    /// A discrete quantity.
    Leaf(Leaf),
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub(crate) struct Law {
    /// Meaning of the input columns.
    pub(crate) inputs: Vec<Input>,
    /// Computes the value.
    pub(crate) value: Plan,
    /// Computes the value, then the partial derivatives.
    pub(crate) full: Plan,
    /// Input position and output position in `full` of each non-zero partial derivative.
    pub(crate) partials: Vec<(usize, usize)>,
    /// Output position of the derivative by time.
    pub(crate) time_partial: Option<usize>,
}

impl Law {
    /// Compiles `node`, whose free symbols must all be in `meaning`.
    pub(crate) fn compile(
        graph: &mut Graph,
        node: Node,
        meaning: &dyn Fn(SymbolId) -> Option<Input>,
    ) -> Result<Self, SolveError> {
        let mut inputs = Vec::new();
        let mut columns = Vec::new();
        let mut outputs = vec![node];
        let mut partials = Vec::new();
        let mut time_partial = None;
        for symbol in graph.free_symbols(&[node]) {
            let Some(input) = meaning(symbol) else {
                let name = graph.symbol_name(symbol);
                let reason = format!("`{name}` has no value where an equation needs it");
                return Err(SolveError::Unsupported { reason });
            };
            if matches!(input, Input::Leaf(_) | Input::Time) {
                let slope = graph.diff(node, symbol);
                if !graph.is_zero(slope) {
                    match input {
                        Input::Time => time_partial = Some(outputs.len()),
                        _ => partials.push((inputs.len(), outputs.len())),
                    }
                    outputs.push(slope);
                }
            }
            inputs.push(input);
            columns.push(graph.symbol(symbol));
        }
        let plan = |program: Program| {
            let wanted = vec![false; program.inputs];
            program.prepare(&wanted).map_err(|e| SolveError::unsupported(e.to_string()))
        };
        let program = |outputs: &[Node]| {
            compile(graph, outputs, &columns).map_err(|e| SolveError::unsupported(e.to_string()))
        };
        let value = plan(program(&outputs[..1])?)?;
        let full = plan(program(&outputs)?)?;
        Ok(Self { inputs, value, full, partials, time_partial })
    }

    /// Value and partial derivatives (in the order of [`Law::partials`]) at one point.
    pub(crate) fn evaluate(
        &self,
        registers: &mut Registers,
        input: &mut dyn FnMut(&Input) -> f64,
    ) -> (f64, Vec<f64>) {
        let mut columns = vec![0.0; self.inputs.len() * LANES];
        for (column, kind) in columns.chunks_exact_mut(LANES).zip(&self.inputs) {
            column.fill(input(kind));
        }
        self.full.forward(&columns, LANES, registers);
        let partials = self.partials.iter().map(|&(_, k)| registers.output(k)[0]).collect();
        (registers.output(0)[0], partials)
    }

    /// Whether an input satisfies `test`.
    pub(crate) fn reads(&self, test: impl Fn(&Input) -> bool) -> bool {
        self.inputs.iter().any(test)
    }
}

/// Points are evaluated in multiples of this.
pub(crate) const LANES: usize = 8;

/// The next multiple of [`LANES`].
pub(crate) fn padded(points: usize) -> usize {
    points.div_ceil(LANES) * LANES
}
