//! What a plain problem file implies: exact initial and boundary values, scales, network inputs.
//!
//! A file that gives no ansatz still gets one. Conditions of the form `u = g` at the start of time
//! are held exactly by `u = g + ξ·scale·N`; those at the ends of a single space coordinate by a
//! blending of the end values and a factor that vanishes there, if they agree at the corners. A
//! flux condition that the initial state violates makes the solution start like the square root
//! of time: then `ξ` is `sqrt(t)`, which is also the network's input.

use surrogate_problem::model::{Geometry, Input, Problem, Role, Row, RowKind};
use surrogate_symbolic::{Call, Expr, FunctionId, Graph, Jet, Node, SymbolId};

use crate::columns;
use crate::departure::{decades, fading, fraction, pace, saturating, second_order};
use crate::error::EngineError;
use crate::kinetics::Kinetics;
use crate::onset;
use crate::sampling::{Region, Start};

/// What is used where the file says nothing.
pub(crate) struct Defaults {
    pub(crate) ansatz: Node,
    pub(crate) ansatz_note: String,
    pub(crate) inputs: Vec<Input>,
    /// Factor on the residuals of the field's equations that keeps them bounded at the start.
    pub(crate) residual_factor: Option<Node>,
    /// How the field starts.
    pub(crate) start: Start,
    /// Where layers begin: coordinate position, upper end.
    pub(crate) layers: Vec<(usize, bool)>,
}

/// A residual that is linear in jets: `Σ coefficient·jet + constant`.
struct Affine {
    terms: Vec<(Jet, Node)>,
    constant: Node,
}

/// One end of a space coordinate with a known value.
struct End {
    coordinate: usize,
    upper: bool,
    value: Node,
}

pub(crate) fn defaults(
    problem: &Problem,
    graph: &mut Graph,
    field: usize,
    kinetics: &Kinetics,
) -> Result<Defaults, EngineError> {
    let region = Region::of_field(problem, field);
    let time = problem.fields[field]
        .coordinates
        .iter()
        .copied()
        .find(|&c| problem.coordinates[c].role == Role::Time);
    let initial = time.and_then(|t| value_at_start(problem, graph, field, t));
    let mut corners = Vec::new();
    let rate = time.and_then(|t| rate_at_start(problem, graph, field, t));
    let flux = flux_at_start(problem, graph, field, initial, &region, &mut corners)?;
    let singular = initial.is_some() && rate.is_none() && flux.is_some_and(|f| f.violated);
    let mut notes = Vec::new();

    let mut known = initial.unwrap_or_else(|| graph.constant(0.0));
    let mut factor = graph.constant(1.0);
    let mut residual_factor = None;
    let (mut start, mut first_input) = (Start::Regular, None);
    let (mut reach, mut growth, mut elapsed_decades) = (0.0, None, None);
    if let (Some(t), Some(_)) = (time, initial) {
        let fraction = fraction(problem, graph, t);
        if let Some(rate) = rate {
            let onset = onset::of(problem, graph, field, t, 2)?;
            (known, factor) = second_order(problem, graph, t, (known, rate), onset.map(|o| o.time));
            if let Some(onset) = onset {
                reach = onset.reach;
                notes.push(format!("sets out in {:.1e} s", onset.time));
            }
        } else if singular {
            factor = graph.sqrt(fraction);
            residual_factor = Some(factor);
            start = Start::SquareRoot;
            first_input = Some(factor);
        } else if let Some(stiff) = &kinetics.stiff {
            factor = decades(problem, graph, t, stiff.shortest);
            residual_factor = Some(pace(problem, graph, t, stiff, field));
            start = Start::Logarithmic { shortest: stiff.shortest };
            first_input = Some(factor);
        } else if let Some(g) = kinetics.growth[field] {
            factor = saturating(problem, graph, t, g.time);
            growth = Some(g);
        } else if let Some(onset) = onset::of(problem, graph, field, t, 1)? {
            factor = saturating(problem, graph, t, onset.time);
            known = fading(problem, graph, &region, known, factor)?;
            reach = onset.reach;
            elapsed_decades = Some(decades(problem, graph, t, onset.time));
            notes.push(format!("sets out in {:.1e} s", onset.time));
        } else {
            factor = fraction;
        }
        notes.push("initial condition exact".to_string());
    }
    let mut faces: Vec<(SymbolId, Node)> = Vec::new();
    if let (Some(t), Some(_)) = (time, initial) {
        let c = &problem.coordinates[t];
        faces.push((c.symbol, graph.constant(c.lower)));
    }
    for &k in &problem.fields[field].coordinates {
        let ends = fixed_ends(problem, graph, field, k);
        if ends.is_empty() || !ends_agree(problem, graph, &region, &ends, known, &faces)? {
            continue;
        }
        (known, factor) = blend(problem, graph, &ends, known, factor);
        let c = &problem.coordinates[k];
        for end in &ends {
            faces.push((c.symbol, graph.constant(if end.upper { c.upper } else { c.lower })));
        }
        notes.push(format!("boundary values exact in {}", c.name));
    }
    let scale = match problem.fields[field].scale.or(kinetics.scales[field]) {
        Some(scale) => scale,
        None => scale_of(problem, graph, &region, known, flux.as_ref(), reach)?,
    };
    let network = graph.function_value(problem.fields[field].network_function);
    let ansatz = if let Some(growth) = growth {
        let value = graph.function_value(problem.fields[field].function);
        residual_factor = Some(graph.powf(value, -1.0));
        let exponent = graph.product(&[(factor, 1.0), (network, 1.0)]);
        let exponent = graph.scale(growth.size, exponent);
        let times = graph.call(Call::Exp, exponent);
        notes.push("through its logarithm, since its law is proportional to it".to_string());
        graph.mul(known, times)
    } else {
        let correction = graph.product(&[(factor, 1.0), (network, 1.0)]);
        graph.linear(0.0, &[(known, 1.0), (correction, scale)])
    };
    notes.push(format!("scale {scale:.3e} (SI)"));
    if singular {
        notes.push("square root of time, since a flux starts at once".to_string());
    }
    if let Start::Logarithmic { shortest } = start {
        notes
            .push(format!("logarithm of time, since the system is stiff from {shortest:.1e} s on"));
    }
    let mut inputs = default_inputs(problem, graph, field, time, first_input);
    inputs.extend(elapsed_decades.map(|node| Input { text: "decades of time".to_string(), node }));
    let mut layers = Vec::new();
    if singular {
        for (coordinate, place) in corners {
            layers.push((coordinate, place == problem.coordinates[coordinate].upper));
            if let Some(input) = corner_feature(problem, graph, field, coordinate, place, initial) {
                notes.push(format!(
                    "corner feature at {} = {place:.3e}",
                    problem.coordinates[coordinate].name
                ));
                inputs.push(input);
            }
        }
    }
    Ok(Defaults { ansatz, ansatz_note: notes.join(", "), inputs, residual_factor, start, layers })
}

fn default_inputs(
    problem: &Problem,
    graph: &mut Graph,
    field: usize,
    time: Option<usize>,
    first_input: Option<Node>,
) -> Vec<Input> {
    let mut out = Vec::new();
    let mut push = |text: String, node: Node| out.push(Input { text, node });
    for &k in &problem.fields[field].coordinates {
        let c = &problem.coordinates[k];
        let symbol = graph.symbol(c.symbol);
        if c.periodic {
            for harmonic in 1..=2 {
                let omega = 2.0 * std::f64::consts::PI * f64::from(harmonic) / (c.upper - c.lower);
                let angle = graph.linear(-omega * c.lower, &[(symbol, omega)]);
                let (sin, cos) = (graph.call(Call::Sin, angle), graph.call(Call::Cos, angle));
                push(format!("sin({harmonic} {})", c.name), sin);
                push(format!("cos({harmonic} {})", c.name), cos);
            }
        } else if c.geometry != Geometry::Cartesian {
            let square = graph.powf(symbol, 2.0);
            push(format!("{}^2", c.name), square);
        } else if Some(k) == time && first_input.is_some() {
            push(format!("start of {}", c.name), first_input.unwrap_or(symbol));
        } else {
            push(c.name.clone(), symbol);
        }
    }
    for &k in &problem.fields[field].parameters {
        let p = &problem.parameters[k];
        let symbol = graph.symbol(p.symbol);
        if p.logarithmic {
            let log = graph.call(Call::Ln, symbol);
            push(format!("log({})", p.name), log);
        } else {
            push(p.name.clone(), symbol);
        }
    }
    out
}

/// Reads a residual as linear in the jets it holds; value-at jets are not understood.
fn affine(graph: &mut Graph, residual: Node) -> Option<Affine> {
    let jets: Vec<Jet> =
        graph.jets_in(&[residual]).into_iter().map(|id| graph.jet(id).clone()).collect();
    if jets.iter().any(|j| !j.at.is_empty()) || has_integral(graph, residual) {
        return None;
    }
    let symbols: Vec<SymbolId> = jets.iter().map(|_| graph.add_symbol("jet")).collect();
    let nodes: Vec<Node> = symbols.iter().map(|&s| graph.symbol(s)).collect();
    let plain = graph
        .replace_jets(residual, &mut |_, jet| jets.iter().position(|j| j == jet).map(|i| nodes[i]));
    let mut terms = Vec::new();
    for (jet, &symbol) in jets.into_iter().zip(&symbols) {
        let coefficient = graph.diff(plain, symbol);
        let free = graph.free_symbols(&[coefficient]);
        if symbols.iter().any(|s| free.contains(s)) {
            return None;
        }
        terms.push((jet, coefficient));
    }
    let zero = graph.constant(0.0);
    let map: Vec<(SymbolId, Node)> = symbols.iter().map(|&s| (s, zero)).collect();
    let constant = graph.substitute(plain, &map);
    Some(Affine { terms, constant })
}

pub(crate) fn has_integral(graph: &Graph, node: Node) -> bool {
    graph.reachable(&[node]).iter().any(|&n| matches!(graph.expr(n), Expr::Integral(_)))
}

fn conditions_at(problem: &Problem, coordinate: usize) -> impl Iterator<Item = (&Row, f64)> {
    problem.rows.iter().filter_map(move |row| match row.at.as_slice() {
        [(c, value)] if row.kind == RowKind::Condition && *c == coordinate => Some((row, *value)),
        _ => None,
    })
}

/// `g` of a condition `u = g` (times a factor), at the fixed place.
fn solved_for(
    problem: &Problem,
    graph: &mut Graph,
    row: &Row,
    wanted: (FunctionId, Option<SymbolId>),
) -> Option<Node> {
    let found = affine(graph, row.residual)?;
    let [(jet, coefficient)] = found.terms.as_slice() else {
        return None;
    };
    let order_fits = match wanted.1 {
        None => jet.order.order() == 0,
        Some(symbol) => jet.order.order() == 1 && jet.order.of(symbol) == 1,
    };
    if jet.function != wanted.0 || !order_fits || graph.is_zero(*coefficient) {
        return None;
    }
    let quotient = graph.div(found.constant, *coefficient);
    let value = graph.neg(quotient);
    let mut map = Vec::new();
    for &(c, v) in &row.at {
        map.push((problem.coordinates[c].symbol, graph.constant(v)));
    }
    Some(graph.substitute(value, &map))
}

/// The initial value of a field, if a condition fixes it.
pub(crate) fn initial_value(problem: &Problem, graph: &mut Graph, field: usize) -> Option<Node> {
    let coordinates = &problem.fields[field].coordinates;
    let time = coordinates.iter().copied().find(|&c| problem.coordinates[c].role == Role::Time)?;
    value_at_start(problem, graph, field, time)
}

pub(crate) fn value_at_start(
    problem: &Problem,
    graph: &mut Graph,
    field: usize,
    time: usize,
) -> Option<Node> {
    let lower = problem.coordinates[time].lower;
    let function = problem.fields[field].function;
    let rows: Vec<&Row> =
        conditions_at(problem, time).filter(|(_, v)| *v == lower).map(|(r, _)| r).collect();
    rows.into_iter().find_map(|row| solved_for(problem, graph, row, (function, None)))
}

pub(crate) fn rate_at_start(
    problem: &Problem,
    graph: &mut Graph,
    field: usize,
    time: usize,
) -> Option<Node> {
    let c = &problem.coordinates[time];
    let function = problem.fields[field].function;
    let rows: Vec<&Row> =
        conditions_at(problem, time).filter(|(_, v)| *v == c.lower).map(|(r, _)| r).collect();
    rows.into_iter().find_map(|row| solved_for(problem, graph, row, (function, Some(c.symbol))))
}

/// What a flux condition says about size and start.
#[derive(Clone, Copy)]
struct Flux {
    /// Gradient it asks for, times the length of the coordinate.
    magnitude: f64,
    /// The initial state violates it.
    violated: bool,
}

fn flux_at_start(
    problem: &Problem,
    graph: &mut Graph,
    field: usize,
    initial: Option<Node>,
    region: &Region,
    corners: &mut Vec<(usize, f64)>,
) -> Result<Option<Flux>, EngineError> {
    let f = &problem.fields[field];
    let mut out: Option<Flux> = None;
    for &k in &f.coordinates {
        let c = &problem.coordinates[k];
        if c.role == Role::Time {
            continue;
        }
        let rows: Vec<Row> = conditions_at(problem, k).map(|(r, _)| r.clone()).collect();
        for row in rows {
            let base = initial.unwrap_or_else(|| graph.constant(0.0));
            let linear = graph.replace_jets(row.residual, &mut |_, jet| {
                (jet.function == f.function && jet.order.order() == 0).then_some(base)
            });
            let Some(found) = affine(graph, linear) else {
                continue;
            };
            let [(jet, coefficient)] = found.terms.as_slice() else {
                continue;
            };
            if jet.function != f.function || jet.order.order() != 1 || jet.order.of(c.symbol) != 1 {
                continue;
            }
            let slope = graph.diff(base, c.symbol);
            let quotient = graph.div(found.constant, *coefficient);
            let wanted = graph.neg(quotient);
            let mismatch = graph.sub(wanted, slope);
            let at: Vec<(SymbolId, Node)> = row
                .at
                .iter()
                .map(|&(c, v)| (problem.coordinates[c].symbol, graph.constant(v)))
                .collect();
            let mut nodes: Vec<Node> =
                [wanted, mismatch].iter().map(|&n| graph.substitute(n, &at)).collect();
            nodes.extend([slope, base]);
            let Ok(values) = columns::probe(problem, graph, &nodes, region, 64) else {
                continue;
            };
            let largest = |v: &[f64]| v.iter().fold(0.0f64, |a, b| a.max(b.abs()));
            let length = c.upper - c.lower;
            let (wanted, mismatch) = (largest(&values[0]), largest(&values[1]));
            if !(wanted.is_finite() && mismatch.is_finite()) {
                continue;
            }
            let so_far = out.unwrap_or(Flux { magnitude: 0.0, violated: false });
            let steepest = largest(&values[2]).max(largest(&values[3]) / length);
            let violated = mismatch > 1e-9 * wanted.max(steepest).max(1e-300);
            if violated {
                corners.push((k, row.at[0].1));
            }
            out = Some(Flux {
                magnitude: so_far.magnitude.max(wanted * length),
                violated: so_far.violated || violated,
            });
        }
    }
    Ok(out)
}

/// `y/(y + 2 sqrt(D t)/L)`: 0 at the end of a coordinate where the start violates a condition,
/// near 1 away from it; it lets a small network follow the layer that grows like `sqrt(D t)`.
///
/// D is the derivative of the law's flux by the gradient, at the initial state.
fn corner_feature(
    problem: &Problem,
    graph: &mut Graph,
    field: usize,
    coordinate: usize,
    place: f64,
    initial: Option<Node>,
) -> Option<Input> {
    let f = &problem.fields[field];
    let c = &problem.coordinates[coordinate];
    let time = f.coordinates.iter().find(|&&k| problem.coordinates[k].role == Role::Time)?;
    let time = &problem.coordinates[*time];
    let law =
        problem.rows.iter().filter_map(|r| r.evolution.as_ref()).find(|l| l.field == field)?;
    let flux = law.divergences.iter().find(|(k, _)| *k == coordinate)?.1;
    let base = initial?;
    let linear = graph.replace_jets(flux, &mut |_, jet| {
        (jet.function == f.function && jet.order.order() == 0).then_some(base)
    });
    let found = affine(graph, linear)?;
    let (_, diffusivity) = found
        .terms
        .into_iter()
        .find(|(jet, _)| jet.function == f.function && jet.order.of(c.symbol) == 1)?;
    let at_place = [(c.symbol, graph.constant(place))];
    let diffusivity = graph.substitute(diffusivity, &at_place);
    let capacity = graph.replace_jets(law.capacity, &mut |_, jet| {
        (jet.function == f.function && jet.order.order() == 0).then_some(base)
    });
    let capacity = graph.substitute(capacity, &at_place);
    let now = graph.symbol(time.symbol);
    let elapsed = graph.linear(-time.lower, &[(now, 1.0)]);
    let spread = graph.product(&[(diffusivity, 1.0), (elapsed, 1.0), (capacity, -1.0)]);
    let length = c.upper - c.lower;
    let reach = graph.sqrt(spread);
    let x = graph.symbol(c.symbol);
    let y = if c.geometry == Geometry::Cartesian {
        let sign = if place == c.upper { -1.0 } else { 1.0 };
        graph.linear(-sign * place / length, &[(x, sign / length)])
    } else {
        let square = graph.powf(x, 2.0);
        graph.linear(1.0, &[(square, -1.0 / (c.upper * c.upper))])
    };
    let below = graph.linear(1e-9, &[(y, 1.0), (reach, 2.0 / length)]);
    let feature = graph.div(y, below);
    let node = columns::at_guesses(problem, graph, feature);
    Some(Input { text: format!("corner at {} = {place}", c.name), node })
}

/// Known values at the ends of a space coordinate.
fn fixed_ends(problem: &Problem, graph: &mut Graph, field: usize, coordinate: usize) -> Vec<End> {
    let f = &problem.fields[field];
    let c = &problem.coordinates[coordinate];
    if c.periodic || c.role == Role::Time {
        return Vec::new();
    }
    let rows: Vec<(Row, f64)> =
        conditions_at(problem, coordinate).map(|(r, v)| (r.clone(), v)).collect();
    let mut out: Vec<End> = Vec::new();
    for (row, place) in rows {
        let upper = place == c.upper;
        if !(upper || place == c.lower) || out.iter().any(|e| e.upper == upper) {
            continue;
        }
        if let Some(value) = solved_for(problem, graph, &row, (f.function, None)) {
            out.push(End { coordinate, upper, value });
        }
    }
    out
}

/// Whether end values and what is known already agree where they meet: on the faces that are held
/// exactly so far (the start of time, ends of other coordinates).
fn ends_agree(
    problem: &Problem,
    graph: &mut Graph,
    region: &Region,
    ends: &[End],
    known: Node,
    faces: &[(SymbolId, Node)],
) -> Result<bool, EngineError> {
    let largest = |v: &[f64]| v.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    // sin(pi) is 1e-16, not zero: what counts as a gap is judged by the size of the field
    let typical = largest(&columns::probe(problem, graph, &[known], region, 64)?[0]);
    for end in ends {
        let c = &problem.coordinates[end.coordinate];
        let place = (c.symbol, graph.constant(if end.upper { c.upper } else { c.lower }));
        let there = graph.substitute(known, &[place]);
        let gap = graph.sub(end.value, there);
        for &face in faces {
            let nodes: Vec<Node> =
                [gap, there, end.value].iter().map(|&n| graph.substitute(n, &[face])).collect();
            let values = columns::probe(problem, graph, &nodes, region, 64)?;
            let size = typical.max(largest(&values[1])).max(largest(&values[2]));
            if largest(&values[0]) > 1e-9 * size.max(1e-12) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// `known + Σ blend·(end value - known at the end)`, and the factor that vanishes at the ends.
fn blend(
    problem: &Problem,
    graph: &mut Graph,
    ends: &[End],
    known: Node,
    factor: Node,
) -> (Node, Node) {
    let zeta = fraction(problem, graph, ends[0].coordinate);
    let rest = graph.linear(1.0, &[(zeta, -1.0)]);
    let c = &problem.coordinates[ends[0].coordinate];
    let both = ends.len() == 2;
    let (mut value, mut shape) = (known, factor);
    for end in ends {
        let place = graph.constant(if end.upper { c.upper } else { c.lower });
        let there = graph.substitute(known, &[(c.symbol, place)]);
        let gap = graph.sub(end.value, there);
        let side = if end.upper { zeta } else { rest };
        let correction = if both { graph.mul(side, gap) } else { gap };
        value = graph.add(value, correction);
        let vanishing = if end.upper { rest } else { zeta };
        shape = graph.mul(shape, vanishing);
    }
    if both {
        shape = graph.scale(4.0, shape);
    }
    (value, shape)
}

/// Typical magnitude of the deviation from the known part.
fn scale_of(
    problem: &Problem,
    graph: &mut Graph,
    region: &Region,
    known: Node,
    flux: Option<&Flux>,
    reach: f64,
) -> Result<f64, EngineError> {
    let values = columns::probe(problem, graph, &[known], region, 512)?;
    let low = values[0].iter().copied().fold(f64::INFINITY, f64::min);
    let high = values[0].iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let from_flux = flux.map_or(0.0, |f| f.magnitude);
    let spread = high - low;
    let size = low.abs().max(high.abs());
    let candidate = from_flux.max(reach).max(if spread > 1e-9 * size { spread } else { 0.0 });
    let usable = |v: f64| v.is_finite() && v > 0.0;
    Ok(if usable(candidate) {
        candidate
    } else if usable(size) {
        size
    } else {
        1.0
    })
}
