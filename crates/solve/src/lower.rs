//! From jets of unknown functions to discrete quantities: every jet and integral of an expression
//! becomes a symbol with a [`Leaf`] behind it.

use std::collections::HashMap;

use surrogate_problem::model::{Problem, Role};
use surrogate_symbolic::{Expr, FunctionId, Graph, IntegralSpec, Node, SymbolId};

use crate::error::SolveError;
use crate::law::{Input, Law, Leaf};

/// A state: a field or one of its time derivatives below the highest.
#[derive(Clone, Debug)]
pub(crate) struct StateKey {
    pub(crate) field: usize,
    pub(crate) order: usize,
}

/// An integral over one space coordinate.
#[derive(Clone, Debug)]
pub(crate) struct Integral {
    /// Position of the coordinate in the problem.
    pub(crate) coordinate: usize,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    pub(crate) body: Law,
}

/// What the replacement needs to know, and what it has found.
pub(crate) struct Lowering {
    pub(crate) graph: Graph,
    /// States by position; several per field of higher order in time.
    pub(crate) states: Vec<StateKey>,
    pub(crate) integrals: Vec<Integral>,
    integral_nodes: Vec<(Node, usize)>,
    leaves: Vec<(SymbolId, Leaf)>,
    fields: HashMap<FunctionId, usize>,
    /// Per field: space coordinate, if any.
    pub(crate) space: Vec<Option<usize>>,
    /// Per field: highest time derivative in its equations.
    pub(crate) time_order: Vec<usize>,
    /// Per field: position of its first state.
    pub(crate) first_state: Vec<usize>,
    coordinates: Vec<(SymbolId, f64)>,
    pub(crate) time: Option<usize>,
    parameters: HashMap<SymbolId, usize>,
    field_names: Vec<String>,
}

impl Lowering {
    /// Finds the coordinates and time orders of all fields.
    pub(crate) fn new(problem: &Problem, graph: Graph) -> Result<Self, SolveError> {
        let time = problem.coordinates.iter().position(|c| c.role == Role::Time);
        let mut space = Vec::new();
        for field in &problem.fields {
            let mut places = field.coordinates.iter().copied().filter(|&c| Some(c) != time);
            let first = places.next();
            if let (Some(a), Some(b)) = (first, places.next()) {
                let (a, b) = (&problem.coordinates[a].name, &problem.coordinates[b].name);
                let reason =
                    format!("field `{}` has two space coordinates, {a} and {b}", field.name);
                return Err(SolveError::Unsupported { reason });
            }
            space.push(first);
        }
        let fields: HashMap<_, _> =
            problem.fields.iter().enumerate().map(|(k, f)| (f.function, k)).collect();
        let mut time_order = vec![0; problem.fields.len()];
        if let Some(t) = time {
            let symbol = problem.coordinates[t].symbol;
            for row in &problem.rows {
                if row.kind == surrogate_problem::model::RowKind::Equation {
                    for id in graph.jets_in(&[row.residual]) {
                        let jet = graph.jet(id);
                        if let Some(&field) = fields.get(&jet.function) {
                            let order = usize::from(jet.order.of(symbol));
                            time_order[field] = time_order[field].max(order);
                        }
                    }
                }
            }
        }
        let mut states = Vec::new();
        let mut first_state = Vec::new();
        for (field, &order) in time_order.iter().enumerate() {
            first_state.push(states.len());
            states.extend((0..order.max(1)).map(|order| StateKey { field, order }));
        }
        let parameters = problem.parameters.iter().enumerate().map(|(k, p)| (p.symbol, k));
        Ok(Self {
            graph,
            states,
            integrals: Vec::new(),
            integral_nodes: Vec::new(),
            leaves: Vec::new(),
            fields,
            space,
            time_order,
            first_state,
            coordinates: problem.coordinates.iter().map(|c| (c.symbol, c.lower)).collect(),
            time,
            parameters: parameters.collect(),
            field_names: problem.fields.iter().map(|f| f.name.clone()).collect(),
        })
    }

    /// Fields in an expression.
    pub(crate) fn fields_in(&self, node: Node) -> Vec<usize> {
        let mut found: Vec<usize> = self
            .graph
            .jets_in(&[node])
            .into_iter()
            .filter_map(|id| self.fields.get(&self.graph.jet(id).function).copied())
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Highest space derivative of a field at the running place (`None` if it is not there).
    pub(crate) fn local_order(&self, node: Node, field: usize) -> Option<usize> {
        let space = self.space[field].map(|c| self.coordinates[c].0);
        let jets = self.graph.jets_in(&[node]);
        let orders = jets.into_iter().filter_map(|id| {
            let jet = self.graph.jet(id);
            let here = self.fields.get(&jet.function) == Some(&field)
                && !jet.at.iter().any(|(s, _)| Some(*s) == space);
            here.then(|| space.map_or(0, |s| usize::from(jet.order.of(s))))
        });
        orders.max()
    }

    /// Symbol of a leaf.
    pub(crate) fn leaf(&mut self, leaf: Leaf) -> SymbolId {
        if let Some((symbol, _)) = self.leaves.iter().find(|(_, l)| *l == leaf) {
            return *symbol;
        }
        let symbol = self.graph.add_symbol(&format!("{leaf:?}"));
        self.leaves.push((symbol, leaf));
        symbol
    }

    /// Leaves that a lowered expression reads.
    pub(crate) fn leaves_of(&self, node: Node) -> Vec<Leaf> {
        let symbols = self.graph.free_symbols(&[node]);
        self.leaves.iter().filter(|(s, _)| symbols.contains(s)).map(|&(_, l)| l).collect()
    }

    /// Symbol of a coordinate.
    pub(crate) fn coordinate(&self, coordinate: usize) -> SymbolId {
        self.coordinates[coordinate].0
    }

    /// `node` with jets and integrals replaced; `line` is the running space coordinate.
    pub(crate) fn lower(&mut self, node: Node, line: Option<usize>) -> Result<Node, SolveError> {
        self.rebuild(node, line, &mut HashMap::new())
    }

    /// Compiles a lowered expression for points on `line`.
    pub(crate) fn compile(&mut self, node: Node, line: Option<usize>) -> Result<Law, SolveError> {
        let place = line.map(|c| self.coordinates[c].0);
        let time = self.time.map(|c| self.coordinates[c].0);
        let (leaves, parameters) = (&self.leaves, &self.parameters);
        let meaning = |symbol: SymbolId| {
            if Some(symbol) == place {
                Some(Input::Place)
            } else if Some(symbol) == time {
                Some(Input::Time)
            } else if let Some(&k) = parameters.get(&symbol) {
                Some(Input::Parameter(k))
            } else {
                leaves.iter().find(|(s, _)| *s == symbol).map(|&(_, leaf)| Input::Leaf(leaf))
            }
        };
        Law::compile(&mut self.graph, node, &meaning)
    }

    fn rebuild(
        &mut self,
        node: Node,
        line: Option<usize>,
        memo: &mut HashMap<Node, Node>,
    ) -> Result<Node, SolveError> {
        if let Some(&done) = memo.get(&node) {
            return Ok(done);
        }
        let mut pairs = |this: &mut Self, terms: Vec<(Node, u64)>| {
            terms
                .into_iter()
                .map(|(n, c)| Ok((this.rebuild(n, line, memo)?, f64::from_bits(c))))
                .collect::<Result<Vec<_>, SolveError>>()
        };
        let out = match self.graph.expr(node).clone() {
            Expr::Constant(_) | Expr::Symbol(_) => node,
            Expr::Jet(_) => self.jet(node, line)?,
            Expr::Integral(spec) => self.integral(node, &spec)?,
            Expr::Sum(k, terms) => {
                let terms = pairs(self, terms)?;
                self.graph.linear(f64::from_bits(k), &terms)
            }
            Expr::Product(factors) => {
                let factors = pairs(self, factors)?;
                self.graph.product(&factors)
            }
            Expr::Call(call, a) => {
                let a = self.rebuild(a, line, memo)?;
                self.graph.call(call, a)
            }
            Expr::Min(a, b) => {
                let (a, b) = (self.rebuild(a, line, memo)?, self.rebuild(b, line, memo)?);
                self.graph.min(a, b)
            }
            Expr::Max(a, b) => {
                let (a, b) = (self.rebuild(a, line, memo)?, self.rebuild(b, line, memo)?);
                self.graph.max(a, b)
            }
            Expr::Select(c, a, b) => {
                let c = self.rebuild(c, line, memo)?;
                let (a, b) = (self.rebuild(a, line, memo)?, self.rebuild(b, line, memo)?);
                self.graph.select(c, a, b)
            }
            Expr::Clip(a, low, high) => {
                let a = self.rebuild(a, line, memo)?;
                self.graph.clip(a, f64::from_bits(low), f64::from_bits(high))
            }
            Expr::Polynomial(a, p) => {
                let a = self.rebuild(a, line, memo)?;
                self.graph.polynomial(a, p)
            }
            Expr::Table(a, t) => {
                let a = self.rebuild(a, line, memo)?;
                self.graph.tabulated(a, t)
            }
        };
        memo.insert(node, out);
        Ok(out)
    }

    fn jet(&mut self, node: Node, line: Option<usize>) -> Result<Node, SolveError> {
        let Expr::Jet(id) = self.graph.expr(node) else {
            return Ok(node);
        };
        let jet = self.graph.jet(*id).clone();
        let Some(&field) = self.fields.get(&jet.function) else {
            let name = self.graph.function_name(jet.function);
            return Err(SolveError::unsupported(format!("`{name}` is not a field")));
        };
        let name = self.field_names[field].clone();
        let time = self.time.map(|c| self.coordinates[c].0);
        let space = self.space[field];
        let mut order_t = 0;
        let mut order_x = 0;
        for &(symbol, k) in &jet.order.0 {
            if Some(symbol) == time {
                order_t = usize::from(k);
            } else if space.is_some_and(|c| self.coordinates[c].0 == symbol) {
                order_x = usize::from(k);
            } else {
                let by = self.graph.symbol_name(symbol);
                let reason = format!("a derivative of `{name}` by `{by}` is not discretised");
                return Err(SolveError::Unsupported { reason });
            }
        }
        let mut place = None;
        for &(symbol, value) in &jet.at {
            let running = self.graph.symbol(symbol);
            if value == running {
                continue;
            }
            match (self.graph.as_constant(value), space) {
                (Some(x), Some(c)) if self.coordinates[c].0 == symbol => place = Some(x),
                _ => {
                    let by = self.graph.symbol_name(symbol);
                    let reason = format!("`{name}` is taken at a special value of `{by}`");
                    return Err(SolveError::Unsupported { reason });
                }
            }
        }
        let highest = self.time_order[field];
        let leaf = if order_t > 0 && order_t == highest {
            if place.is_some() {
                let reason = format!("the time derivative of `{name}` at a fixed place");
                return Err(SolveError::Unsupported { reason });
            }
            Leaf::Rate { field, order: order_x }
        } else if order_t > highest {
            let reason = format!("a time derivative of `{name}` beyond the order of its equation");
            return Err(SolveError::Unsupported { reason });
        } else {
            let state = self.first_state[field] + order_t;
            match (space, place) {
                (None, _) => Leaf::Scalar { state },
                (Some(_), Some(place)) => Leaf::At { state, order: order_x, place },
                (Some(c), None) if line == Some(c) => Leaf::Local { state, order: order_x },
                (Some(c), None) => {
                    let by = self.graph.symbol_name(self.coordinates[c].0);
                    let reason = format!("`{name}` is used where `{by}` has no value");
                    return Err(SolveError::Unsupported { reason });
                }
            }
        };
        let symbol = self.leaf(leaf);
        Ok(self.graph.symbol(symbol))
    }

    fn integral(&mut self, node: Node, spec: &IntegralSpec) -> Result<Node, SolveError> {
        let known = self.integral_nodes.iter().find(|(n, _)| *n == node).map(|&(_, k)| k);
        let index = match known {
            Some(index) => index,
            None => {
                let limits =
                    (self.graph.as_constant(spec.lower), self.graph.as_constant(spec.upper));
                let coordinate = self.coordinates.iter().position(|(s, _)| *s == spec.symbol);
                let (Some(coordinate), (Some(lower), Some(upper))) = (coordinate, limits) else {
                    return Err(SolveError::unsupported("an integral with variable limits"));
                };
                if Some(coordinate) == self.time {
                    return Err(SolveError::unsupported("an integral over time"));
                }
                let body = self.lower(spec.body, Some(coordinate))?;
                let body = self.compile(body, Some(coordinate))?;
                if body.reads(|i| matches!(i, Input::Leaf(Leaf::Rate { .. }))) {
                    let reason = "an integral of a time derivative";
                    return Err(SolveError::unsupported(reason));
                }
                self.integrals.push(Integral { coordinate, lower, upper, body });
                self.integral_nodes.push((node, self.integrals.len() - 1));
                self.integrals.len() - 1
            }
        };
        let symbol = self.leaf(Leaf::Integral(index));
        Ok(self.graph.symbol(symbol))
    }
}
