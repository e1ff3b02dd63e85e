//! Expressions of symbols over columns of points.

use surrogate_jet::tape::{Plan, Program, Registers};
use surrogate_symbolic::{Graph, Node, SymbolId, compile};

use crate::error::EngineError;

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
