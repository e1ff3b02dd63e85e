//! Expressions of symbols over columns of points.

use surrogate_jet::tape::{Plan, Program, Registers};
use surrogate_problem::Problem;
use surrogate_symbolic::{Graph, Node, SymbolId, compile};

use crate::error::EngineError;
use crate::sampling::Region;

/// Points of one evaluation; a multiple of eight.
pub(crate) const TILE: usize = 64;

/// Values of expressions without trained parts: `[expression][point]`.
///
/// # Errors
/// [`EngineError::Compile`] if an expression reads anything but `symbols`.
pub fn evaluate(
    graph: &mut Graph,
    expressions: &[Node],
    symbols: &[SymbolId],
    points: &[Vec<f64>],
) -> Result<Vec<Vec<f64>>, EngineError> {
    let inputs: Vec<Node> = symbols.iter().map(|&s| graph.symbol(s)).collect();
    let program = compile(graph, expressions, &inputs)?;
    let n = points.first().map_or(1, Vec::len);
    Ok(run(&values_only(&program)?, points, n))
}

/// Values over a region for expressions that may hold unknown scalars, which are taken at their
/// starting values: `[expression][point]`.
///
/// # Errors
/// As [`evaluate`].
pub(crate) fn probe(
    problem: &Problem,
    graph: &mut Graph,
    expressions: &[Node],
    region: &Region,
    points: usize,
) -> Result<Vec<Vec<f64>>, EngineError> {
    let nodes: Vec<Node> = expressions.iter().map(|&e| at_guesses(problem, graph, e)).collect();
    evaluate(graph, &nodes, &region.symbols, &region.probe(points))
}

/// An expression with unknown scalars at their starting values.
pub(crate) fn at_guesses(problem: &Problem, graph: &mut Graph, expression: Node) -> Node {
    let guesses: Vec<(SymbolId, Node)> =
        problem.unknowns.iter().map(|u| (u.symbol, graph.constant(u.initial))).collect();
    graph.substitute(expression, &guesses)
}

/// A plan without derivatives.
pub(crate) fn values_only(program: &Program) -> Result<Plan, EngineError> {
    Ok(program.prepare(&vec![false; program.inputs])?)
}

/// Runs a plan over columns of any length.
pub(crate) fn run(plan: &Plan, columns: &[Vec<f64>], n: usize) -> Vec<Vec<f64>> {
    let mut out = vec![vec![0.0; n]; plan.outputs()];
    let mut registers = Registers::new();
    let mut inputs = vec![0.0; columns.len() * TILE];
    let mut start = 0;
    while start < n {
        let count = TILE.min(n - start);
        for (k, column) in columns.iter().enumerate() {
            let tile = &mut inputs[k * TILE..(k + 1) * TILE];
            tile[..count].copy_from_slice(&column[start..start + count]);
            let last = tile[count - 1];
            tile[count..].fill(last);
        }
        plan.forward(&inputs, TILE, &mut registers);
        for (k, column) in out.iter_mut().enumerate() {
            column[start..start + count].copy_from_slice(&registers.output(k)[..count]);
        }
        start += count;
    }
    out
}
