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
use surrogate_symbolic::{Expr, Graph, IntegralSpec, Jet, MultiIndex, Node, SymbolId, compile};

use crate::directions::{self, DirectionPlan};
use crate::error::EngineError;
use crate::formulation::Formulation;
use crate::quadrature;

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
    // an ansatz with factors brings in lower orders beside that of the file
    let orders = form.graph.jets_in(&outer).into_iter().map(|id| form.graph.jet(id).order.order());
    if let Some(order) = orders.max().filter(|o| *o > MOST_ORDER) {
        return Err(EngineError::Order { order, most: MOST_ORDER });
    }
    if !integrals.is_empty() && !integrals_allowed {
        return Err(EngineError::NestedIntegral);
    }
    let symbols = points_symbols(form, &outer, &integrals);
    let mut inners = Vec::new();
    let mut integral_symbols = Vec::new();
    for (symbol, spec) in &integrals {
        inners.push(lower_integral(form, spec, rule, &symbols)?);
        integral_symbols.push(*symbol);
    }
    let (streamed, instances, stream_symbols) = place_networks(form, &outer);
    assemble(form, &streamed, instances, stream_symbols, inners, integral_symbols, symbols)
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

/// Replaces network jets by symbols of directional streams.
fn place_networks(
    form: &mut Formulation,
    expressions: &[Node],
) -> (Vec<Node>, Vec<(Site, DirectionPlan)>, Vec<SymbolId>) {
    let mut placements: Vec<Placement> = Vec::new();
    for id in form.graph.jets_in(expressions) {
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
    let mut out = Vec::new();
    let mut stream_symbols = Vec::new();
    for p in placements {
        let plan = directions::plan(&p.wanted);
        let count = 1 + plan.orders().iter().map(|&o| o as usize).sum::<usize>();
        let names: Vec<SymbolId> =
            (0..count).map(|k| form.graph.add_symbol(&format!("stream{k}"))).collect();
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
        stream_symbols.extend(names);
        out.push((Site { field: p.field, at: p.at }, plan));
    }
    let replaced = expressions.iter().map(|&e| replace_nodes(&mut form.graph, e, &map)).collect();
    (replaced, out, stream_symbols)
}

/// A network at a place.
struct Site {
    field: usize,
    at: Vec<(SymbolId, Node)>,
}

/// Directional derivatives of the network inputs at a place: `[input][stream]`.
fn feature_nodes(form: &mut Formulation, place: &Site, plan: &DirectionPlan) -> Vec<Node> {
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

fn assemble(
    form: &mut Formulation,
    expressions: &[Node],
    placements: Vec<(Site, DirectionPlan)>,
    stream_symbols: Vec<SymbolId>,
    inners: Vec<Inner>,
    integral_symbols: Vec<SymbolId>,
    symbols: Vec<SymbolId>,
) -> Result<Lowered, EngineError> {
    let free = form.graph.free_symbols(expressions);
    let unknowns: Vec<usize> =
        (0..form.unknowns.len()).filter(|&k| free.contains(&form.unknowns[k].symbol)).collect();
    let mut dynamic: Vec<SymbolId> = stream_symbols;
    dynamic.extend(unknowns.iter().map(|&k| form.unknowns[k].symbol));
    dynamic.extend(&integral_symbols);
    let mut splitter = Splitter::new(&form.graph, expressions, &dynamic);
    let main_nodes: Vec<Node> =
        expressions.iter().map(|&e| splitter.split(&mut form.graph, e)).collect();
    let (static_nodes, static_symbols) = (splitter.statics, splitter.symbols);

    let mut columns = Vec::new();
    let mut instances = Vec::new();
    for (place, plan) in &placements {
        let nodes = feature_nodes(form, place, plan);
        instances.push(Instance {
            field: place.field,
            streams: Streams { orders: plan.orders() },
            first_column: columns.len(),
            columns: nodes.len(),
        });
        columns.extend(nodes);
    }
    columns.extend(&static_nodes);
    let graph = &mut form.graph;
    let point_nodes: Vec<Node> = symbols.iter().map(|&s| graph.symbol(s)).collect();
    let static_program = compile(graph, &columns, &point_nodes)?;
    dynamic.extend(&static_symbols);
    let main_inputs: Vec<Node> = dynamic.iter().map(|&s| graph.symbol(s)).collect();
    let main = compile(graph, &main_nodes, &main_inputs)?;
    Ok(Lowered {
        symbols,
        instances,
        unknowns,
        inners,
        static_program,
        statics: static_nodes.len(),
        main,
    })
}

/// Splits expressions into a part that depends on dynamic symbols and static columns.
struct Splitter {
    dynamic: Vec<bool>,
    memo: HashMap<Node, Node>,
    statics: Vec<Node>,
    symbols: Vec<SymbolId>,
}

impl Splitter {
    fn new(graph: &Graph, expressions: &[Node], dynamic: &[SymbolId]) -> Self {
        let mut flags = vec![false; graph.len()];
        for node in graph.reachable(expressions) {
            let mut flag = matches!(graph.expr(node), Expr::Symbol(s) if dynamic.contains(s));
            graph.for_each_argument(node, |n| flag |= flags[n.index()]);
            flags[node.index()] = flag;
        }
        Self { dynamic: flags, memo: HashMap::new(), statics: Vec::new(), symbols: Vec::new() }
    }

    fn is_dynamic(&self, node: Node) -> bool {
        self.dynamic.get(node.index()).copied().unwrap_or(false)
    }

    fn fixed(&mut self, graph: &mut Graph, node: Node) -> Node {
        if graph.as_constant(node).is_some() {
            return node;
        }
        if let Some(&known) = self.memo.get(&node) {
            return known;
        }
        let symbol = graph.add_symbol("static");
        self.statics.push(node);
        self.symbols.push(symbol);
        let out = graph.symbol(symbol);
        self.memo.insert(node, out);
        out
    }

    fn split(&mut self, graph: &mut Graph, node: Node) -> Node {
        if !self.is_dynamic(node) {
            return self.fixed(graph, node);
        }
        if let Some(&known) = self.memo.get(&node) {
            return known;
        }
        let out = match graph.expr(node).clone() {
            Expr::Sum(k, terms) => {
                let (moving, still): (Vec<_>, Vec<_>) = terms
                    .iter()
                    .map(|&(n, c)| (n, f64::from_bits(c)))
                    .partition(|t| self.is_dynamic(t.0));
                let mut list: Vec<(Node, f64)> =
                    moving.iter().map(|&(n, c)| (self.split(graph, n), c)).collect();
                if !still.is_empty() {
                    let group = graph.linear(0.0, &still);
                    list.push((self.fixed(graph, group), 1.0));
                }
                graph.linear(f64::from_bits(k), &list)
            }
            Expr::Product(factors) => {
                let (moving, still): (Vec<_>, Vec<_>) = factors
                    .iter()
                    .map(|&(n, e)| (n, f64::from_bits(e)))
                    .partition(|t| self.is_dynamic(t.0));
                let mut list: Vec<(Node, f64)> =
                    moving.iter().map(|&(n, e)| (self.split(graph, n), e)).collect();
                if !still.is_empty() {
                    let group = graph.product(&still);
                    list.push((self.fixed(graph, group), 1.0));
                }
                graph.product(&list)
            }
            other => {
                let mut map = HashMap::new();
                let mut arguments = Vec::new();
                graph.for_each_argument(node, |n| arguments.push(n));
                for n in arguments {
                    let replacement = self.split(graph, n);
                    map.insert(n, replacement);
                }
                rebuild(graph, &other, &map)
            }
        };
        self.memo.insert(node, out);
        out
    }
}

/// The same operation on replaced arguments.
fn rebuild(graph: &mut Graph, expr: &Expr, map: &HashMap<Node, Node>) -> Node {
    let get = |n: &Node| map.get(n).copied().unwrap_or(*n);
    match expr {
        Expr::Constant(bits) => graph.constant(f64::from_bits(*bits)),
        Expr::Symbol(s) => graph.symbol(*s),
        Expr::Jet(id) => {
            let Jet { function, order, at } = graph.jet(*id).clone();
            let at = at.iter().map(|(s, n)| (*s, get(n))).collect();
            graph.jet_at(function, order, at)
        }
        Expr::Sum(k, terms) => {
            let terms: Vec<_> = terms.iter().map(|(n, c)| (get(n), f64::from_bits(*c))).collect();
            graph.linear(f64::from_bits(*k), &terms)
        }
        Expr::Product(factors) => {
            let list: Vec<_> = factors.iter().map(|(n, e)| (get(n), f64::from_bits(*e))).collect();
            graph.product(&list)
        }
        Expr::Call(call, a) => graph.call(*call, get(a)),
        Expr::Min(a, b) => graph.min(get(a), get(b)),
        Expr::Max(a, b) => graph.max(get(a), get(b)),
        Expr::Select(c, a, b) => graph.select(get(c), get(a), get(b)),
        Expr::Clip(a, lo, hi) => graph.clip(get(a), f64::from_bits(*lo), f64::from_bits(*hi)),
        Expr::Polynomial(a, p) => graph.polynomial(get(a), *p),
        Expr::Table(a, t) => graph.tabulated(get(a), *t),
        Expr::Integral(spec) => {
            let spec = (**spec).clone();
            let (body, lower, upper) = (get(&spec.body), get(&spec.lower), get(&spec.upper));
            graph.integral(IntegralSpec { body, symbol: spec.symbol, lower, upper })
        }
    }
}

/// Replaces whole nodes, wherever they occur under `root` (not inside what replaces them).
fn replace_nodes(graph: &mut Graph, root: Node, map: &HashMap<Node, Node>) -> Node {
    let mut memo: HashMap<Node, Node> = map.clone();
    for node in graph.reachable(&[root]) {
        if memo.contains_key(&node) {
            continue;
        }
        let mut changed = false;
        graph.for_each_argument(node, |n| changed |= memo.get(&n).is_some_and(|&m| m != n));
        let out = if changed {
            let expr = graph.expr(node).clone();
            rebuild(graph, &expr, &memo)
        } else {
            node
        };
        memo.insert(node, out);
    }
    memo[&root]
}
