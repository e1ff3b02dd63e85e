//! From expressions of fields to programs over columns.
//!
//! A set of expressions is lowered in four steps: fields are replaced by their ansatz around
//! network jets; each place at which a network is needed becomes an [`Instance`] with the
//! directional streams it must deliver; everything that does not depend on trained values becomes
//! a *static* program, run once per point set; the rest is the *main* program, run and reversed in
//! every training step. Integrals become inner blocks with quadrature nodes of their own.

use std::collections::HashMap;

use surrogate_jet::Streams;
use surrogate_jet::tape::Program;
use surrogate_problem::model::Graded;
use surrogate_symbolic::{Expr, Graph, IntegralSpec, MultiIndex, Node, SymbolId, compile};

use crate::directions::{self, DirectionPlan};
use crate::error::EngineError;
use crate::formulation::Formulation;
use crate::quadrature;
use crate::split::{Splitter, replace_nodes};

/// Highest total order of a derivative: what the network kernel carries along a direction.
const MOST_ORDER: u32 = 4;

/// One evaluation of one network: where, and which streams.
#[derive(Debug)]
pub struct Instance {
    /// Field (and network) position.
    pub field: usize,
    /// Streams for the kernel.
    pub streams: Streams,
    /// First static column of its inputs; they are laid out `[input][stream]`.
    pub first_column: usize,
    /// Number of static columns of its inputs.
    pub columns: usize,
}

/// An integral inside a lowered set.
#[derive(Debug)]
pub struct Inner {
    /// The running symbol.
    pub symbol: SymbolId,
    /// Lower and upper limit.
    pub limits: (f64, f64),
    /// Quadrature nodes on [0, 1].
    pub nodes: Vec<f64>,
    /// Quadrature weights, times the length of the range.
    pub weights: Vec<f64>,
    /// The integrand: one output.
    pub body: Lowered,
}

/// Expressions ready to run. See the module description.
#[derive(Debug)]
pub struct Lowered {
    /// Symbols that a point must give, in column order.
    pub symbols: Vec<SymbolId>,
    /// Network evaluations.
    pub instances: Vec<Instance>,
    /// Unknown scalars read by the main program, by position in the formulation.
    pub unknowns: Vec<usize>,
    /// Integrals read by the main program.
    pub inners: Vec<Inner>,
    /// Points to static columns: network inputs of all instances, then [`Lowered::statics`].
    pub static_program: Program,
    /// Number of static columns read by the main program (after those of the instances).
    pub statics: usize,
    /// Inputs `[streams of all instances | unknowns | integrals | statics]`, outputs the expressions.
    pub main: Program,
}

impl Lowered {
    /// Static columns in all.
    pub fn static_columns(&self) -> usize {
        self.static_program.outputs.len()
    }

    /// Inputs of the main program that depend on trained values.
    pub fn dynamic_inputs(&self) -> usize {
        self.main.inputs - self.statics
    }
}

/// How integrals are discretised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuadratureRule {
    /// Nodes per integral.
    pub nodes: usize,
    /// Where they crowd.
    pub graded: Graded,
}

/// Lowers expressions in terms of network jets (see [`Formulation::expand`]), places substituted.
///
/// # Errors
/// [`EngineError::NestedIntegral`] for an integral inside an integral (or where none is allowed),
/// [`EngineError::VariableLimits`] for limits that are not numbers.
pub(crate) fn lower(
    form: &mut Formulation,
    expressions: &[Node],
    rule: QuadratureRule,
    integrals_allowed: bool,
) -> Result<Lowered, EngineError> {
    let (outer, integrals) = extract_integrals(&mut form.graph, expressions);
    if !integrals.is_empty() && !integrals_allowed {
        return Err(EngineError::NestedIntegral);
    }
    let symbols = points_symbols(form, &outer, &integrals);
    let mut inners = Vec::new();
    for (symbol, spec) in &integrals {
        inners.push((*symbol, lower_integral(form, spec, rule, &symbols)?));
    }
    let placed = place_networks(form, &outer)?;
    assemble(form, &placed.expressions, placed.sites, inners, symbols)
}

fn points_symbols(
    form: &Formulation,
    outer: &[Node],
    integrals: &[(SymbolId, IntegralSpec)],
) -> Vec<SymbolId> {
    let mut symbols = form.graph.free_symbols(outer);
    for (_, spec) in integrals {
        let inside = form.graph.free_symbols(&[spec.body]);
        symbols.extend(inside.into_iter().filter(|&s| s != spec.symbol));
    }
    let bound: Vec<SymbolId> = integrals.iter().map(|(s, _)| *s).collect();
    symbols.retain(|s| !form.is_trained(*s) && !bound.contains(s));
    symbols.sort_unstable();
    symbols.dedup();
    symbols
}

/// Replaces each distinct integral by a fresh symbol.
fn extract_integrals(
    graph: &mut Graph,
    expressions: &[Node],
) -> (Vec<Node>, Vec<(SymbolId, IntegralSpec)>) {
    let mut found: Vec<(Node, SymbolId, IntegralSpec)> = Vec::new();
    for node in graph.reachable(expressions) {
        if let Expr::Integral(spec) = graph.expr(node) {
            let spec = (**spec).clone();
            let symbol = graph.add_symbol("integral");
            found.push((node, symbol, spec));
        }
    }
    if found.is_empty() {
        return (expressions.to_vec(), Vec::new());
    }
    // an integral inside another one's body must stay there (it is refused later)
    let inside: Vec<Node> = graph.reachable(&found.iter().map(|f| f.2.body).collect::<Vec<_>>());
    found.retain(|(node, ..)| !inside.contains(node));
    let map: HashMap<Node, Node> = found.iter().map(|(n, s, _)| (*n, graph.symbol(*s))).collect();
    let outer = expressions.iter().map(|&e| replace_nodes(graph, e, &map)).collect();
    (outer, found.into_iter().map(|(_, s, spec)| (s, spec)).collect())
}

fn lower_integral(
    form: &mut Formulation,
    spec: &IntegralSpec,
    rule: QuadratureRule,
    outer: &[SymbolId],
) -> Result<Inner, EngineError> {
    let limit = |node| form.graph.as_constant(node).ok_or(EngineError::VariableLimits);
    let limits = (limit(spec.lower)?, limit(spec.upper)?);
    let (nodes, mut weights) = quadrature::graded(rule.nodes, rule.graded);
    weights.iter_mut().for_each(|w| *w *= limits.1 - limits.0);
    let mut body = lower(form, &[spec.body], rule, false)?;
    // inner points list the outer symbols first, then the running one
    let mut symbols: Vec<SymbolId> = outer.iter().copied().filter(|&s| s != spec.symbol).collect();
    symbols.push(spec.symbol);
    body = reorder_symbols(body, &symbols);
    Ok(Inner { symbol: spec.symbol, limits, nodes, weights, body })
}

/// Makes the static program read the given symbols (a superset of its own).
fn reorder_symbols(mut lowered: Lowered, symbols: &[SymbolId]) -> Lowered {
    use surrogate_jet::tape::Op;
    for op in &mut lowered.static_program.ops {
        if let Op::Input(k) = op {
            let symbol = lowered.symbols[*k as usize];
            let place = symbols.iter().position(|&s| s == symbol);
            *k = place.expect("outer symbols include those of the integrand") as u32;
        }
    }
    lowered.static_program.inputs = symbols.len();
    lowered.symbols = symbols.to_vec();
    lowered
}

struct Placement {
    field: usize,
    at: Vec<(SymbolId, Node)>,
    wanted: Vec<MultiIndex>,
}

/// A network at a place.
pub(crate) struct Site {
    /// Field (and network) position.
    pub(crate) field: usize,
    streams: Streams,
    /// What it delivers, one symbol a stream.
    pub(crate) symbols: Vec<SymbolId>,
    /// Its inputs with their derivatives along the directions, `[input][stream]`.
    pub(crate) features: Vec<Node>,
}

/// Expressions of streams, and the networks that deliver them.
pub(crate) struct Placed {
    /// The expressions, network jets replaced by symbols of streams.
    pub(crate) expressions: Vec<Node>,
    /// The networks.
    pub(crate) sites: Vec<Site>,
}

/// Replaces network jets by symbols of directional streams.
///
/// # Errors
/// [`EngineError::Order`] for a derivative that no kernel carries.
pub(crate) fn place_networks(
    form: &mut Formulation,
    expressions: &[Node],
) -> Result<Placed, EngineError> {
    let jets = form.graph.jets_in(expressions);
    // an ansatz with factors brings in lower orders beside that of the file
    let orders = jets.iter().map(|&id| form.graph.jet(id).order.order());
    if let Some(order) = orders.max().filter(|o| *o > MOST_ORDER) {
        return Err(EngineError::Order { order, most: MOST_ORDER });
    }
    let mut placements: Vec<Placement> = Vec::new();
    for id in jets {
        let jet = form.graph.jet(id).clone();
        let Some(field) = form.field_of_network(jet.function) else {
            continue;
        };
        match placements.iter_mut().find(|p| p.field == field && p.at == jet.at) {
            Some(p) => p.wanted.push(jet.order),
            None => placements.push(Placement { field, at: jet.at, wanted: vec![jet.order] }),
        }
    }
    let mut map: HashMap<Node, Node> = HashMap::new();
    let mut sites = Vec::new();
    for p in placements {
        let plan = directions::plan(&p.wanted);
        let streams = Streams { orders: plan.orders() };
        let names: Vec<SymbolId> =
            (0..streams.count()).map(|k| form.graph.add_symbol(&format!("stream{k}"))).collect();
        let function = form.fields[p.field].network_function;
        let value = form.graph.jet_at(function, MultiIndex::default(), p.at.clone());
        map.insert(value, form.graph.symbol(names[0]));
        for (index, combination) in &plan.combinations {
            let terms: Vec<(Node, f64)> = combination
                .iter()
                .map(|&(d, k, c)| (form.graph.symbol(names[plan.stream(d, k)]), c))
                .collect();
            let replacement = form.graph.linear(0.0, &terms);
            let jet = form.graph.jet_at(function, index.clone(), p.at.clone());
            map.insert(jet, replacement);
        }
        let features = feature_nodes(form, &p, &plan);
        sites.push(Site { field: p.field, streams, symbols: names, features });
    }
    let expressions =
        expressions.iter().map(|&e| replace_nodes(&mut form.graph, e, &map)).collect();
    Ok(Placed { expressions, sites })
}

/// Directional derivatives of the network inputs at a place: `[input][stream]`.
fn feature_nodes(form: &mut Formulation, place: &Placement, plan: &DirectionPlan) -> Vec<Node> {
    let inputs = form.fields[place.field].inputs.clone();
    let mut out = Vec::new();
    for input in inputs {
        let value = form.graph.substitute(input, &place.at);
        out.push(value);
        for direction in &plan.directions {
            let mut derivative = input;
            for _ in 0..direction.order {
                let terms: Vec<(Node, f64)> = direction
                    .components
                    .iter()
                    .map(|&(s, c)| (form.graph.diff(derivative, s), f64::from(c)))
                    .collect();
                derivative = form.graph.linear(0.0, &terms);
                out.push(form.graph.substitute(derivative, &place.at));
            }
        }
    }
    out
}

/// Programs for expressions of streams, integrals, unknown scalars and `symbols`.
pub(crate) fn assemble(
    form: &mut Formulation,
    expressions: &[Node],
    sites: Vec<Site>,
    inners: Vec<(SymbolId, Inner)>,
    symbols: Vec<SymbolId>,
) -> Result<Lowered, EngineError> {
    let free = form.graph.free_symbols(expressions);
    let unknowns: Vec<usize> =
        (0..form.unknowns.len()).filter(|&k| free.contains(&form.unknowns[k].symbol)).collect();
    let mut dynamic: Vec<SymbolId> = sites.iter().flat_map(|s| s.symbols.clone()).collect();
    dynamic.extend(unknowns.iter().map(|&k| form.unknowns[k].symbol));
    dynamic.extend(inners.iter().map(|(symbol, _)| symbol));
    let mut splitter = Splitter::new(&form.graph, expressions, &|s| dynamic.contains(&s));
    let main_nodes: Vec<Node> =
        expressions.iter().map(|&e| splitter.split(&mut form.graph, e)).collect();
    let statics = splitter.fixed.len();

    let mut columns = Vec::new();
    let mut instances = Vec::new();
    for site in sites {
        instances.push(Instance {
            field: site.field,
            streams: site.streams,
            first_column: columns.len(),
            columns: site.features.len(),
        });
        columns.extend(site.features);
    }
    columns.extend(splitter.fixed);
    let graph = &mut form.graph;
    let point_nodes: Vec<Node> = symbols.iter().map(|&s| graph.symbol(s)).collect();
    let static_program = compile(graph, &columns, &point_nodes)?;
    dynamic.extend(&splitter.symbols);
    let main_inputs: Vec<Node> = dynamic.iter().map(|&s| graph.symbol(s)).collect();
    let main = compile(graph, &main_nodes, &main_inputs)?;
    let inners = inners.into_iter().map(|(_, inner)| inner).collect();
    Ok(Lowered { symbols, instances, unknowns, inners, static_program, statics, main })
}
