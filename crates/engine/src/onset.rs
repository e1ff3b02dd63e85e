//! How fast a field leaves its initial state, read from its law before anything is trained.
//!
//! The ansatz `u = u0 + (s/T) N`, T the range of time, asks a network to be as large at the start as
//! the rate times T. If the field moves in a time τ much shorter than T, that is many times its own
//! size; with `s/(s + τ)` in place of `s/T` the network stays of the size of the field. The same
//! holds for `(s/T)²` of a field of second order in time.

use surrogate_problem::model::{Problem, RowKind};
use surrogate_symbolic::{Graph, Jet, MultiIndex, Node};

use crate::columns;
use crate::error::EngineError;
use crate::sampling::Region;
use crate::structure;

/// Points of the box at which accelerations are taken.
const PROBES: usize = 64;
/// A time constant above this fraction of the range of time changes nothing: fields of first and of
/// second order in time.
const SLOW: [f64; 2] = [0.2, 0.5];
/// Least time constant, as a fraction of the range of time.
const FASTEST: f64 = 1e-3;

/// How a field sets out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Onset {
    /// Time constant of the first movement, s.
    pub(crate) time: f64,
    /// Deviation that the initial acceleration and rate cause in that time, SI.
    pub(crate) reach: f64,
}

/// The onset of a field of `order` 1 or 2 in time with initial values; `None` if its law is not
/// understood or the field is slow against the range of time.
///
/// # Errors
/// If the initial state cannot be evaluated.
pub(crate) fn of(
    problem: &Problem,
    graph: &mut Graph,
    field: usize,
    time: usize,
    order: u8,
) -> Result<Option<Onset>, EngineError> {
    let laws: Vec<Node> = problem
        .rows
        .iter()
        .filter(|r| r.kind == RowKind::Equation && r.at.is_empty())
        .map(|r| r.residual)
        .collect();
    let Some(push) = laws.iter().find_map(|&r| explicit(problem, graph, r, field, time, order))
    else {
        return Ok(None);
    };
    let function = problem.fields[field].function;
    let c = &problem.coordinates[time];
    let own = |order: MultiIndex| Jet { function, order, at: Vec::new() };
    let value = own(MultiIndex::default());
    let rate = own(MultiIndex::default().raised(c.symbol));
    let mut wanted = vec![
        derivative(graph, push, &value),
        derivative(graph, push, &rate),
        push,
        graph.function_value(function),
    ];
    if order > 1 {
        wanted.push(graph.jet_node(function, rate.order.clone()));
    }
    let mut nodes = Vec::new();
    for node in wanted {
        let Some(node) = at_start(problem, graph, node, time) else {
            return Ok(None);
        };
        nodes.push(node);
    }
    let region = Region::of_field(problem, field);
    let values = columns::probe(problem, graph, &nodes, &region, PROBES)?;
    let largest = |k: usize| values.get(k).map_or(0.0, |v| size(v));
    let (spring, drag, push, speed) = (largest(0), largest(1), largest(2), largest(4));
    // what a constant state adds up to says nothing about its changes in space
    let alone = problem.fields[field].coordinates.len() == 1;
    let size = if alone { largest(3) } else { spread(&values[3]) };
    let root = |rate: f64| rate.powf(1.0 / f64::from(order));
    let mut fastest = root(spring).max(drag);
    if size > 0.0 {
        fastest = fastest.max(root(push / size)).max(speed / size);
    }
    let range = c.upper - c.lower;
    let own = 1.0 / fastest;
    if !own.is_finite() || own > SLOW[usize::from(order) - 1] * range {
        return Ok(None);
    }
    let own = own.max(FASTEST * range);
    let reach = (push * own.powi(i32::from(order))).max(speed * own).max(size);
    Ok(Some(Onset { time: own, reach }))
}

fn size(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |a, b| a.max(b.abs()))
}

fn spread(values: &[f64]) -> f64 {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // rounding of a constant is none
    if high - low > 1e-9 * size(values) { high - low } else { 0.0 }
}

/// The time derivative of a field of some order, if the row is linear in it and holds no other of
/// that order or higher.
fn explicit(
    problem: &Problem,
    graph: &mut Graph,
    residual: Node,
    field: usize,
    time: usize,
    order: u8,
) -> Option<Node> {
    // what other places add to a rate is not known before there is something to integrate
    if structure::has_integral(graph, residual) {
        return None;
    }
    let symbol = problem.coordinates[time].symbol;
    let jets: Vec<Jet> =
        graph.jets_in(&[residual]).into_iter().map(|id| graph.jet(id).clone()).collect();
    let high: Vec<&Jet> = jets.iter().filter(|j| j.order.of(symbol) >= order).collect();
    let [jet] = high[..] else {
        return None;
    };
    let own = jet.function == problem.fields[field].function;
    if !own || jet.order.order() != u32::from(order) || jets.iter().any(|j| !j.at.is_empty()) {
        return None;
    }
    let coefficient = derivative(graph, residual, jet);
    if graph.jets_in(&[coefficient]).iter().any(|&id| graph.jet(id) == jet) {
        return None;
    }
    let zero = graph.constant(0.0);
    let rest = graph.replace_jets(residual, &mut |_, j| (j == jet).then_some(zero));
    let quotient = graph.div(rest, coefficient);
    Some(graph.neg(quotient))
}

/// Derivative of an expression by a jet that it may hold.
fn derivative(graph: &mut Graph, expression: Node, jet: &Jet) -> Node {
    let symbol = graph.add_symbol("jet");
    let node = graph.symbol(symbol);
    let plain = graph.replace_jets(expression, &mut |_, j| (j == jet).then_some(node));
    let slope = graph.diff(plain, symbol);
    let back = graph.jet_at(jet.function, jet.order.clone(), jet.at.clone());
    graph.substitute(slope, &[(symbol, back)])
}

/// An expression of values, first time derivatives and their space derivatives, at the initial
/// state.
fn at_start(problem: &Problem, graph: &mut Graph, node: Node, time: usize) -> Option<Node> {
    let c = &problem.coordinates[time];
    let mut starts = Vec::new();
    for (k, f) in problem.fields.iter().enumerate() {
        let value = structure::value_at_start(problem, graph, k, time);
        let rate = structure::rate_at_start(problem, graph, k, time);
        starts.push((f.function, [value, rate]));
    }
    let mut known = true;
    let there = graph.replace_jets(node, &mut |graph, jet| {
        let start = starts.iter().find(|(f, _)| *f == jet.function);
        let node = start.and_then(|(_, s)| s.get(usize::from(jet.order.of(c.symbol))).copied());
        let Some(start) = node.flatten().filter(|_| jet.at.is_empty()) else {
            known = false;
            return None;
        };
        let mut out = start;
        for &(symbol, times) in jet.order.0.iter().filter(|(s, _)| *s != c.symbol) {
            (0..times).for_each(|_| out = graph.diff(out, symbol));
        }
        Some(out)
    });
    if !known {
        return None;
    }
    let start = graph.constant(c.lower);
    Some(graph.substitute(there, &[(c.symbol, start)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn onset(text: &str, order: u8) -> Option<Onset> {
        let problem = surrogate_problem::load_text("test.toml", text, &[], &|_| {
            Err(std::io::ErrorKind::NotFound.into())
        })
        .unwrap();
        of(&problem, &mut problem.graph.clone(), 0, 0, order).unwrap()
    }

    fn swing(law: &str, value: f64, rate: f64) -> String {
        format!(
            "title = \"t\"\n[coordinates]\nt = \"0 .. 10\"\n[fields.u]\n[[equations]]\n\
             equation = \"{law}\"\n[[conditions]]\nat = \"t = 0\"\nequation = \"u = {value}\"\n\
             [[conditions]]\nat = \"t = 0\"\nequation = \"d(u, t) = {rate}\"\n"
        )
    }

    #[test]
    fn an_oscillator_sets_out_in_the_time_of_one_radian() {
        let found = onset(&swing("2*d(u, t, 2) + 50*u = 0", 0.1, 0.0), 2).unwrap();
        assert!((found.time - 0.2).abs() < 1e-12, "{found:?}");
        assert!((found.reach - 0.1).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn one_that_is_struck_at_rest_reaches_its_speed_times_that_time() {
        let found = onset(&swing("d(u, t, 2) = -25*sin(u)", 0.0, 3.0), 2).unwrap();
        assert!((found.time - 0.2).abs() < 1e-12, "{found:?}");
        assert!((found.reach - 0.6).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn slow_motion_and_laws_not_understood_are_left_alone() {
        assert!(onset(&swing("d(u, t, 2) = -1e-3*u", 1.0, 0.0), 2).is_none());
        assert!(onset(&swing("d(u, t, 2)^2 = 900*u", 1.0, 0.0), 2).is_none());
    }

    #[test]
    fn a_law_with_an_average_over_the_field_is_left_alone_and_makes_a_model() {
        let text = "title = \"t\"\n[coordinates]\nt = \"0 .. 5\"\nx = \"0 .. 1\"\n[fields.u]\n\
             [[equations]]\nequation = \"d(u, t) = 0.1*d(u, x, 2) + u*(1 - mean(u, x))\"\n\
             [[conditions]]\nat = \"t = 0\"\nequation = \"u = 0.1 + 0.05*cos(pi*x)\"\n\
             [[conditions]]\nat = [\"x = 0\", \"x = 1\"]\nequation = \"d(u, x) = 0\"\n";
        assert!(onset(text, 1).is_none());
        let nothing = |_: &str| Err(std::io::ErrorKind::NotFound.into());
        let problem = surrogate_problem::load_text("test.toml", text, &[], &nothing).unwrap();
        assert_eq!(crate::Model::new(&problem).unwrap().components.len(), 1);
    }

    #[test]
    fn a_narrow_peak_spreads_in_the_time_of_its_width() {
        let text = "title = \"t\"\n[coordinates]\nt = \"0 .. 10\"\nx = \"-5 .. 5\"\n[fields.u]\n\
             [[equations]]\nequation = \"d(u, t) = 0.5*d(u, x, 2)\"\n\
             [[conditions]]\nat = \"t = 0\"\nequation = \"u = exp(-x^2/0.08)\"\n\
             [[conditions]]\nat = [\"x = -5\", \"x = 5\"]\nequation = \"u = 0\"\n";
        let found = onset(text, 1).unwrap();
        // sigma²/D = 0.04/0.5
        assert!(found.time > 0.06 && found.time < 0.1, "{found:?}");
        assert!(found.reach > 0.9 && found.reach < 1.1, "{found:?}");
    }
}
