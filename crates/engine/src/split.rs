//! Taking expressions apart: by what they depend on, and by replacing whole subexpressions.

use std::collections::HashMap;

use surrogate_symbolic::{Expr, Graph, IntegralSpec, Jet, Node, SymbolId};

/// Separates what depends on some *moving* symbols from what does not.
///
/// The largest subexpressions without a moving symbol are replaced by fresh symbols, also inside
/// sums and products; numbers stay where they are.
pub(crate) struct Splitter {
    moving: Vec<bool>,
    memo: HashMap<Node, Node>,
    /// The subexpressions that were replaced.
    pub(crate) fixed: Vec<Node>,
    /// The symbols that stand for them.
    pub(crate) symbols: Vec<SymbolId>,
}

impl Splitter {
    pub(crate) fn new(
        graph: &Graph,
        expressions: &[Node],
        moves: &dyn Fn(SymbolId) -> bool,
    ) -> Self {
        let mut flags = vec![false; graph.len()];
        for node in graph.reachable(expressions) {
            let mut flag = matches!(graph.expr(node), Expr::Symbol(s) if moves(*s));
            graph.for_each_argument(node, |n| flag |= flags[n.index()]);
            flags[node.index()] = flag;
        }
        Self { moving: flags, memo: HashMap::new(), fixed: Vec::new(), symbols: Vec::new() }
    }

    fn moves(&self, node: Node) -> bool {
        self.moving.get(node.index()).copied().unwrap_or(false)
    }

    fn replaced(&mut self, graph: &mut Graph, node: Node) -> Node {
        if graph.as_constant(node).is_some() {
            return node;
        }
        if let Some(&known) = self.memo.get(&node) {
            return known;
        }
        let symbol = graph.add_symbol("fixed");
        self.fixed.push(node);
        self.symbols.push(symbol);
        let out = graph.symbol(symbol);
        self.memo.insert(node, out);
        out
    }

    pub(crate) fn split(&mut self, graph: &mut Graph, node: Node) -> Node {
        if !self.moves(node) {
            return self.replaced(graph, node);
        }
        if let Some(&known) = self.memo.get(&node) {
            return known;
        }
        let out = match graph.expr(node).clone() {
            Expr::Sum(k, terms) => {
                let (moving, still): (Vec<_>, Vec<_>) = terms
                    .iter()
                    .map(|&(n, c)| (n, f64::from_bits(c)))
                    .partition(|t| self.moves(t.0));
                let mut list: Vec<(Node, f64)> =
                    moving.iter().map(|&(n, c)| (self.split(graph, n), c)).collect();
                if !still.is_empty() {
                    let group = graph.linear(0.0, &still);
                    list.push((self.replaced(graph, group), 1.0));
                }
                graph.linear(f64::from_bits(k), &list)
            }
            Expr::Product(factors) => {
                let (moving, still): (Vec<_>, Vec<_>) = factors
                    .iter()
                    .map(|&(n, e)| (n, f64::from_bits(e)))
                    .partition(|t| self.moves(t.0));
                let mut list: Vec<(Node, f64)> =
                    moving.iter().map(|&(n, e)| (self.split(graph, n), e)).collect();
                if !still.is_empty() {
                    let group = graph.product(&still);
                    list.push((self.replaced(graph, group), 1.0));
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
pub(crate) fn replace_nodes(graph: &mut Graph, root: Node, map: &HashMap<Node, Node>) -> Node {
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
