//! Hints for authors that need the physics, not the syntax.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use surrogate_problem::Problem;
use surrogate_symbolic::{Jet, Node, SymbolId};

use crate::columns;
use crate::error::EngineError;
use crate::sampling::axis;

/// Sample points of the invariance test.
const SAMPLES: usize = 32;
/// Factor by which two parameters are changed together.
const FACTOR: f64 = 1.37;

/// Pairs of parameters that enter a field only as a ratio or a product.
///
/// Each row of the field is evaluated at random values of coordinates, parameters and derivatives
/// of fields; if changing two parameters by the same factor (or by inverse factors) multiplies it
/// by one constant, the field depends on their ratio (product) alone.
///
/// # Errors
/// If a row cannot be compiled.
pub fn collapsible_parameters(problem: &Problem) -> Result<Vec<String>, EngineError> {
    let mut out = Vec::new();
    for (k, field) in problem.fields.iter().enumerate() {
        if field.inputs.is_some() {
            continue;
        }
        for (i, &p) in field.parameters.iter().enumerate() {
            for &q in &field.parameters[i + 1..] {
                let (a, b) = (&problem.parameters[p], &problem.parameters[q]);
                for (sign, operator) in [(1.0, "/"), (-1.0, "*")] {
                    if collapses(problem, k, (a.symbol, b.symbol), sign)? {
                        out.push(format!(
                            "`{}` and `{}` enter `{}` only through {}{operator}{}: declare \
                             `inputs` with that one combination, and it trains faster",
                            a.name, b.name, field.name, a.name, b.name
                        ));
                    }
                }
            }
        }
    }
    Ok(out)
}

fn collapses(
    problem: &Problem,
    field: usize,
    pair: (SymbolId, SymbolId),
    sign: f64,
) -> Result<bool, EngineError> {
    let mut graph = problem.graph.clone();
    let function = problem.fields[field].function;
    let mut mentioned = false;
    for row in &problem.rows {
        let jets: Vec<Jet> =
            graph.jets_in(&[row.residual]).into_iter().map(|id| graph.jet(id).clone()).collect();
        if !jets.iter().any(|j| j.function == function) {
            continue;
        }
        let names: Vec<SymbolId> = jets.iter().map(|_| graph.add_symbol("jet")).collect();
        let nodes: Vec<Node> = names.iter().map(|&s| graph.symbol(s)).collect();
        let plain = graph.replace_jets(row.residual, &mut |_, jet| {
            jets.iter().position(|j| j == jet).map(|i| nodes[i])
        });
        let symbols = graph.free_symbols(&[plain]);
        mentioned |= symbols.contains(&pair.0) && symbols.contains(&pair.1);
        if symbols.contains(&pair.0) != symbols.contains(&pair.1) {
            return Ok(false);
        }
        if !symbols.contains(&pair.0) {
            continue;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut points: Vec<Vec<f64>> = Vec::new();
        for &symbol in &symbols {
            let axis = axis(problem, symbol);
            let draw =
                |_| axis.as_ref().map_or(0.5 + rng.random::<f64>(), |a| a.place(rng.random()));
            points.push((0..SAMPLES).map(draw).collect());
        }
        let Ok(before) = columns::evaluate(&mut graph, &[plain], &symbols, &points) else {
            return Ok(false);
        };
        for (symbol, column) in symbols.iter().zip(&mut points) {
            let power = match *symbol {
                s if s == pair.0 => 1.0,
                s if s == pair.1 => sign,
                _ => continue,
            };
            column.iter_mut().for_each(|v| *v *= FACTOR.powf(power));
        }
        let after = columns::evaluate(&mut graph, &[plain], &symbols, &points)?;
        let ratio = after[0][0] / before[0][0];
        let same = before[0]
            .iter()
            .zip(&after[0])
            .all(|(x, y)| (y - ratio * x).abs() <= 1e-9 * y.abs().max((ratio * x).abs()));
        if !(same && ratio.is_finite()) {
            return Ok(false);
        }
    }
    Ok(mentioned)
}
