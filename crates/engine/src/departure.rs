//! How an ansatz leaves the initial state: factors on its network, and what is left of the state.

use surrogate_problem::model::Problem;
use surrogate_symbolic::{Call, Graph, Node};

use crate::columns;
use crate::error::EngineError;
use crate::kinetics::Stiff;
use crate::sampling::Region;

/// What is known of a field with an initial value and rate, and the factor on its network:
/// `u0 + v0 s` and `(s/T)²`, T the range of time, or `u0 + v0 s τ²/(s² + τ²)` and `s²/(s² + τ²)` for
/// a field that sets out in a time τ.
pub(crate) fn second_order(
    problem: &Problem,
    graph: &mut Graph,
    time: usize,
    (value, rate): (Node, Node),
    onset: Option<f64>,
) -> (Node, Node) {
    let c = &problem.coordinates[time];
    let now = graph.symbol(c.symbol);
    let elapsed = graph.linear(-c.lower, &[(now, 1.0)]);
    let square = graph.powf(elapsed, 2.0);
    let (factor, growth) = match onset {
        None => {
            let range = c.upper - c.lower;
            (graph.scale(range.powi(-2), square), graph.mul(rate, elapsed))
        }
        Some(own) => {
            let sum = graph.linear(own * own, &[(square, 1.0)]);
            let growth = graph.product(&[(rate, 1.0), (elapsed, 1.0), (sum, -1.0)]);
            (graph.div(square, sum), graph.scale(own * own, growth))
        }
    };
    (graph.add(value, growth), factor)
}

/// An initial state that gives way to its background as the network takes over: a network need not
/// undo a narrow peak that has long spread. The background is the median.
pub(crate) fn fading(
    problem: &Problem,
    graph: &mut Graph,
    region: &Region,
    initial: Node,
    factor: Node,
) -> Result<Node, EngineError> {
    let mut values = columns::probe(problem, graph, &[initial], region, 512)?.remove(0);
    values.sort_by(f64::total_cmp);
    let background = graph.constant(values[values.len() / 2]);
    let deviation = graph.sub(initial, background);
    let rest = graph.linear(1.0, &[(factor, -1.0)]);
    let left = graph.mul(deviation, rest);
    Ok(graph.add(background, left))
}

/// `s/(s + τ)` for the time s since the start.
pub(crate) fn saturating(problem: &Problem, graph: &mut Graph, time: usize, constant: f64) -> Node {
    let c = &problem.coordinates[time];
    let now = graph.symbol(c.symbol);
    let elapsed = graph.linear(-c.lower, &[(now, 1.0)]);
    let later = graph.linear(constant - c.lower, &[(now, 1.0)]);
    graph.div(elapsed, later)
}

/// Decades of time since the start, `ln(1 + t/τ)` over its largest value, τ the shortest constant.
pub(crate) fn decades(problem: &Problem, graph: &mut Graph, time: usize, shortest: f64) -> Node {
    let c = &problem.coordinates[time];
    let now = graph.symbol(c.symbol);
    let ratio = graph.linear(1.0 - c.lower / shortest, &[(now, 1.0 / shortest)]);
    let log = graph.call(Call::Ln, ratio);
    graph.scale(1.0 / (1.0 + (c.upper - c.lower) / shortest).ln(), log)
}

/// Factor on the residual of a field's law that makes it a change per decade of time or, where the
/// field follows its sources, a distance from equilibrium: `1/(1/(t + τ) + rate)`.
pub(crate) fn pace(
    problem: &Problem,
    graph: &mut Graph,
    time: usize,
    stiff: &Stiff,
    field: usize,
) -> Node {
    let c = &problem.coordinates[time];
    let now = graph.symbol(c.symbol);
    let age = graph.linear(stiff.shortest - c.lower, &[(now, 1.0)]);
    let slowed = graph.linear(1.0, &[(age, stiff.rates[field])]);
    graph.div(age, slowed)
}

/// `(c - lower)/(upper - lower)`.
pub(crate) fn fraction(problem: &Problem, graph: &mut Graph, coordinate: usize) -> Node {
    let c = &problem.coordinates[coordinate];
    let symbol = graph.symbol(c.symbol);
    let length = c.upper - c.lower;
    graph.linear(-c.lower / length, &[(symbol, 1.0 / length)])
}
