//! The graph: hash-consed nodes, and constructors that keep sums and products in normal form.
//!
//! Normal form: a `Sum` is `constant + Σ coefficient·node` with at least one term, terms sorted by
//! node, no zero coefficient, no nested sum except under a coefficient-free product; a `Product` is
//! `Π node^exponent` with at least one factor, factors sorted, no zero exponent, no constant factor
//! and no factor that is a plain multiple (constants are pulled out into a one-term `Sum`).

use std::collections::HashMap;
use std::sync::Arc;

use surrogate_jet::table::Table;

use crate::expr::{
    Call, Expr, FunctionId, IntegralSpec, Jet, JetId, MultiIndex, Node, PolynomialId, SymbolId,
    TableDerivative, TableId,
};

#[derive(Clone)]
pub(crate) struct TableEntry {
    pub(crate) table: Arc<Table>,
    pub(crate) derivative: Option<TableDerivative>,
}

/// A set of expressions with their symbols, unknown functions, polynomials and tables.
#[derive(Clone, Default)]
pub struct Graph {
    pub(crate) exprs: Vec<Expr>,
    index: HashMap<Expr, Node>,
    symbols: Vec<String>,
    functions: Vec<(String, Vec<SymbolId>)>,
    pub(crate) jets: Vec<Jet>,
    jet_index: HashMap<Jet, JetId>,
    pub(crate) polynomials: Vec<Arc<[f64]>>,
    pub(crate) tables: Vec<TableEntry>,
    pub(crate) derivatives: HashMap<(Node, SymbolId), Node>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a symbol; names are for display and need not be unique.
    pub fn add_symbol(&mut self, name: &str) -> SymbolId {
        self.symbols.push(name.to_string());
        SymbolId(self.symbols.len() as u32 - 1)
    }

    /// Name of a symbol.
    pub fn symbol_name(&self, symbol: SymbolId) -> &str {
        &self.symbols[symbol.index()]
    }

    /// Adds an unknown function of the given symbols (coordinates and parameters alike).
    pub fn add_function(&mut self, name: &str, arguments: &[SymbolId]) -> FunctionId {
        let mut arguments = arguments.to_vec();
        arguments.sort_unstable();
        arguments.dedup();
        self.functions.push((name.to_string(), arguments));
        FunctionId(self.functions.len() as u32 - 1)
    }

    /// Name of an unknown function.
    pub fn function_name(&self, function: FunctionId) -> &str {
        &self.functions[function.index()].0
    }

    /// Symbols that an unknown function depends on, sorted.
    pub fn function_arguments(&self, function: FunctionId) -> &[SymbolId] {
        &self.functions[function.index()].1
    }

    /// Adds a polynomial, coefficients with the highest power first.
    pub fn add_polynomial(&mut self, coefficients: &[f64]) -> PolynomialId {
        if let Some(i) = self.polynomials.iter().position(|p| **p == *coefficients) {
            return PolynomialId(i as u32);
        }
        self.polynomials.push(coefficients.into());
        PolynomialId(self.polynomials.len() as u32 - 1)
    }

    /// Adds a tabulated function. Without a derivative it is differentiated by its own table.
    pub fn add_table(&mut self, table: Table, derivative: Option<TableDerivative>) -> TableId {
        self.tables.push(TableEntry { table: Arc::new(table), derivative });
        TableId(self.tables.len() as u32 - 1)
    }

    /// Sets the derivative of a table added earlier (an inverse function refers to itself).
    pub fn set_table_derivative(&mut self, table: TableId, derivative: TableDerivative) {
        self.tables[table.index()].derivative = Some(derivative);
    }

    /// The table behind an identifier.
    pub fn table(&self, table: TableId) -> &Arc<Table> {
        &self.tables[table.index()].table
    }

    /// How a node is made.
    pub fn expr(&self, node: Node) -> &Expr {
        &self.exprs[node.index()]
    }

    /// Number of distinct expressions so far.
    pub fn len(&self) -> usize {
        self.exprs.len()
    }

    /// True before the first expression.
    pub fn is_empty(&self) -> bool {
        self.exprs.is_empty()
    }

    /// The jet behind a `Jet` node.
    pub fn jet(&self, jet: JetId) -> &Jet {
        &self.jets[jet.index()]
    }

    pub(crate) fn intern(&mut self, expr: Expr) -> Node {
        if let Some(&node) = self.index.get(&expr) {
            return node;
        }
        let node = Node(self.exprs.len() as u32);
        self.exprs.push(expr.clone());
        self.index.insert(expr, node);
        node
    }

    /// A number.
    pub fn constant(&mut self, value: f64) -> Node {
        let value = if value == 0.0 { 0.0 } else { value };
        self.intern(Expr::Constant(value.to_bits()))
    }

    /// The number a node is, if it is one.
    pub fn as_constant(&self, node: Node) -> Option<f64> {
        match self.expr(node) {
            Expr::Constant(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    /// True if the node is the number zero.
    pub fn is_zero(&self, node: Node) -> bool {
        self.as_constant(node) == Some(0.0)
    }

    /// A symbol as an expression.
    pub fn symbol(&mut self, symbol: SymbolId) -> Node {
        self.intern(Expr::Symbol(symbol))
    }

    /// A derivative of an unknown function at the running symbols.
    pub fn jet_node(&mut self, function: FunctionId, order: MultiIndex) -> Node {
        self.jet_at(function, order, Vec::new())
    }

    /// The value of an unknown function at the running symbols.
    pub fn function_value(&mut self, function: FunctionId) -> Node {
        self.jet_node(function, MultiIndex::default())
    }

    /// A derivative of an unknown function with some symbols replaced after differentiation.
    pub fn jet_at(
        &mut self,
        function: FunctionId,
        order: MultiIndex,
        mut at: Vec<(SymbolId, Node)>,
    ) -> Node {
        at.retain(|(s, _)| self.function_arguments(function).contains(s));
        at.sort_unstable_by_key(|&(s, _)| s);
        let arguments = &self.functions[function.index()].1;
        if order.0.iter().any(|(s, _)| !arguments.contains(s)) {
            return self.constant(0.0);
        }
        let jet = Jet { function, order, at };
        let id = if let Some(&id) = self.jet_index.get(&jet) {
            id
        } else {
            let id = JetId(self.jets.len() as u32);
            self.jets.push(jet.clone());
            self.jet_index.insert(jet, id);
            id
        };
        self.intern(Expr::Jet(id))
    }

    /// `Σ coefficient·node`, in normal form.
    pub fn linear(&mut self, constant: f64, terms: &[(Node, f64)]) -> Node {
        let mut total = constant;
        let mut flat: Vec<(Node, f64)> = Vec::with_capacity(terms.len());
        for &(node, c) in terms {
            if c == 0.0 {
                continue;
            }
            match self.expr(node) {
                Expr::Constant(bits) => total += c * f64::from_bits(*bits),
                Expr::Sum(k, inner) => {
                    total += c * f64::from_bits(*k);
                    flat.extend(inner.iter().map(|&(n, b)| (n, c * f64::from_bits(b))));
                }
                _ => flat.push((node, c)),
            }
        }
        flat.sort_by_key(|&(n, _)| n);
        let mut merged: Vec<(Node, f64)> = Vec::with_capacity(flat.len());
        for (node, c) in flat {
            match merged.last_mut() {
                Some((last, sum)) if *last == node => *sum += c,
                _ => merged.push((node, c)),
            }
        }
        merged.retain(|&(_, c)| c != 0.0);
        match merged.as_slice() {
            [] => self.constant(total),
            [(node, c)] if total == 0.0 && *c == 1.0 => *node,
            _ => {
                let total = if total == 0.0 { 0.0 } else { total };
                let terms = merged.into_iter().map(|(n, c)| (n, c.to_bits())).collect();
                self.intern(Expr::Sum(total.to_bits(), terms))
            }
        }
    }

    /// `a + b`.
    pub fn add(&mut self, a: Node, b: Node) -> Node {
        self.linear(0.0, &[(a, 1.0), (b, 1.0)])
    }

    /// `a - b`.
    pub fn sub(&mut self, a: Node, b: Node) -> Node {
        self.linear(0.0, &[(a, 1.0), (b, -1.0)])
    }

    /// `-a`.
    pub fn neg(&mut self, a: Node) -> Node {
        self.linear(0.0, &[(a, -1.0)])
    }

    /// `c·a`.
    pub fn scale(&mut self, c: f64, a: Node) -> Node {
        self.linear(0.0, &[(a, c)])
    }

    /// `Σ nodes`.
    pub fn sum(&mut self, nodes: &[Node]) -> Node {
        let terms: Vec<_> = nodes.iter().map(|&n| (n, 1.0)).collect();
        self.linear(0.0, &terms)
    }

    /// `Π node^exponent`, in normal form.
    pub fn product(&mut self, factors: &[(Node, f64)]) -> Node {
        let mut coefficient = 1.0;
        let mut flat: Vec<(Node, f64)> = Vec::with_capacity(factors.len());
        let mut stack: Vec<(Node, f64)> = factors.iter().rev().copied().collect();
        while let Some((node, e)) = stack.pop() {
            if e == 0.0 {
                continue;
            }
            let integer = e.fract() == 0.0;
            match self.expr(node) {
                Expr::Constant(bits) => coefficient *= f64::from_bits(*bits).powf(e),
                Expr::Product(inner) if integer => {
                    stack.extend(inner.iter().rev().map(|&(n, b)| (n, e * f64::from_bits(b))));
                }
                Expr::Sum(k, inner) if f64::from_bits(*k) == 0.0 && inner.len() == 1 => {
                    let (n, c) = (inner[0].0, f64::from_bits(inner[0].1));
                    if integer || c > 0.0 {
                        coefficient *= c.powf(e);
                        stack.push((n, e));
                    } else {
                        flat.push((node, e));
                    }
                }
                _ => flat.push((node, e)),
            }
        }
        if coefficient == 0.0 {
            return self.constant(0.0);
        }
        flat.sort_by_key(|&(n, _)| n);
        let mut merged: Vec<(Node, f64)> = Vec::with_capacity(flat.len());
        for (node, e) in flat {
            match merged.last_mut() {
                Some((last, sum)) if *last == node => *sum += e,
                _ => merged.push((node, e)),
            }
        }
        merged.retain(|&(_, e)| e != 0.0);
        let node = match merged.as_slice() {
            [] => return self.constant(coefficient),
            [(node, e)] if *e == 1.0 => *node,
            _ => {
                let factors = merged.into_iter().map(|(n, e)| (n, e.to_bits())).collect();
                self.intern(Expr::Product(factors))
            }
        };
        self.linear(0.0, &[(node, coefficient)])
    }

    /// `a·b`.
    pub fn mul(&mut self, a: Node, b: Node) -> Node {
        self.product(&[(a, 1.0), (b, 1.0)])
    }

    /// `a/b`.
    pub fn div(&mut self, a: Node, b: Node) -> Node {
        self.product(&[(a, 1.0), (b, -1.0)])
    }

    /// `base^exponent` for a number `exponent`.
    pub fn powf(&mut self, base: Node, exponent: f64) -> Node {
        self.product(&[(base, exponent)])
    }

    /// `base^exponent`; a non-constant exponent becomes `exp(exponent·ln base)`.
    pub fn pow(&mut self, base: Node, exponent: Node) -> Node {
        if let Some(e) = self.as_constant(exponent) {
            return self.powf(base, e);
        }
        let log = if let Some(b) = self.as_constant(base) {
            self.constant(b.ln())
        } else {
            self.call(Call::Ln, base)
        };
        let product = self.mul(exponent, log);
        self.call(Call::Exp, product)
    }

    /// `sqrt(a)`.
    pub fn sqrt(&mut self, a: Node) -> Node {
        self.powf(a, 0.5)
    }

    /// An elementary function.
    pub fn call(&mut self, function: Call, a: Node) -> Node {
        if let Some(value) = self.as_constant(a) {
            let value = crate::evaluate::call(function, value);
            return self.constant(value);
        }
        self.intern(Expr::Call(function, a))
    }

    /// The smaller of two.
    pub fn min(&mut self, a: Node, b: Node) -> Node {
        match (self.as_constant(a), self.as_constant(b)) {
            (Some(x), Some(y)) => self.constant(x.min(y)),
            _ if a == b => a,
            _ => self.intern(Expr::Min(a, b)),
        }
    }

    /// The larger of two.
    pub fn max(&mut self, a: Node, b: Node) -> Node {
        match (self.as_constant(a), self.as_constant(b)) {
            (Some(x), Some(y)) => self.constant(x.max(y)),
            _ if a == b => a,
            _ => self.intern(Expr::Max(a, b)),
        }
    }

    /// `a` where `condition > 0`, else `b`.
    pub fn select(&mut self, condition: Node, a: Node, b: Node) -> Node {
        match self.as_constant(condition) {
            Some(c) if c > 0.0 => a,
            Some(_) => b,
            None if a == b => a,
            None => self.intern(Expr::Select(condition, a, b)),
        }
    }

    /// The argument limited to `[low, high]`; its derivative outside is zero.
    pub fn clip(&mut self, a: Node, low: f64, high: f64) -> Node {
        if let Some(value) = self.as_constant(a) {
            return self.constant(value.clamp(low, high));
        }
        self.intern(Expr::Clip(a, low.to_bits(), high.to_bits()))
    }

    /// A polynomial of `a`.
    pub fn polynomial(&mut self, a: Node, polynomial: PolynomialId) -> Node {
        let p = self.polynomials[polynomial.index()].clone();
        if let Some(value) = self.as_constant(a) {
            let value = p.iter().fold(0.0, |acc, c| acc * value + c);
            return self.constant(value);
        }
        match p.len() {
            0 => self.constant(0.0),
            1 => self.constant(p[0]),
            _ => self.intern(Expr::Polynomial(a, polynomial)),
        }
    }

    /// A tabulated function of `a`.
    pub fn tabulated(&mut self, a: Node, table: TableId) -> Node {
        if let Some(value) = self.as_constant(a) {
            let value = self.tables[table.index()].table.value(value);
            return self.constant(value);
        }
        self.intern(Expr::Table(a, table))
    }

    /// A definite integral.
    pub fn integral(&mut self, spec: IntegralSpec) -> Node {
        if self.is_zero(spec.body) {
            return self.constant(0.0);
        }
        self.intern(Expr::Integral(Box::new(spec)))
    }

    /// Calls `visit` on each direct argument of a node.
    pub fn for_each_argument(&self, node: Node, mut visit: impl FnMut(Node)) {
        match self.expr(node) {
            Expr::Constant(_) | Expr::Symbol(_) => {}
            Expr::Jet(id) => self.jets[id.index()].at.iter().for_each(|&(_, n)| visit(n)),
            Expr::Sum(_, terms) | Expr::Product(terms) => terms.iter().for_each(|&(n, _)| visit(n)),
            Expr::Call(_, a) | Expr::Clip(a, ..) | Expr::Polynomial(a, _) | Expr::Table(a, _) => {
                visit(*a);
            }
            Expr::Min(a, b) | Expr::Max(a, b) => {
                visit(*a);
                visit(*b);
            }
            Expr::Select(c, a, b) => {
                visit(*c);
                visit(*a);
                visit(*b);
            }
            Expr::Integral(spec) => {
                visit(spec.body);
                visit(spec.lower);
                visit(spec.upper);
            }
        }
    }

    /// All nodes reachable from `roots`, arguments before the nodes that use them.
    pub fn reachable(&self, roots: &[Node]) -> Vec<Node> {
        let mut seen = vec![false; self.exprs.len()];
        let mut stack: Vec<Node> = roots.to_vec();
        while let Some(node) = stack.pop() {
            if std::mem::replace(&mut seen[node.index()], true) {
                continue;
            }
            self.for_each_argument(node, |n| stack.push(n));
        }
        (0..self.exprs.len()).filter(|&i| seen[i]).map(|i| Node(i as u32)).collect()
    }

    /// All jets under `roots`.
    pub fn jets_in(&self, roots: &[Node]) -> Vec<JetId> {
        let ids = self.reachable(roots).into_iter().filter_map(|n| match self.expr(n) {
            Expr::Jet(id) => Some(*id),
            _ => None,
        });
        ids.collect()
    }

    /// Free symbols of an expression, sorted: symbols read directly, and the arguments of unknown
    /// functions that are not replaced. Symbols bound by an integral are not free.
    pub fn free_symbols(&self, roots: &[Node]) -> Vec<SymbolId> {
        let mut memo: HashMap<Node, Vec<SymbolId>> = HashMap::new();
        let mut out: Vec<SymbolId> =
            roots.iter().flat_map(|&r| self.free_of(r, &mut memo)).collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    fn free_of(&self, node: Node, memo: &mut HashMap<Node, Vec<SymbolId>>) -> Vec<SymbolId> {
        if let Some(found) = memo.get(&node) {
            return found.clone();
        }
        let mut out = Vec::new();
        match self.expr(node) {
            Expr::Symbol(s) => out.push(*s),
            Expr::Jet(id) => {
                let jet = &self.jets[id.index()];
                for &s in self.function_arguments(jet.function) {
                    match jet.at.iter().find(|(t, _)| *t == s) {
                        Some(&(_, value)) => out.extend(self.free_of(value, memo)),
                        None => out.push(s),
                    }
                }
            }
            Expr::Integral(spec) => {
                out = self.free_of(spec.body, memo);
                out.retain(|&s| s != spec.symbol);
                out.extend(self.free_of(spec.lower, memo));
                out.extend(self.free_of(spec.upper, memo));
            }
            _ => {
                let mut arguments = Vec::new();
                self.for_each_argument(node, |n| arguments.push(n));
                for n in arguments {
                    out.extend(self.free_of(n, memo));
                }
            }
        }
        out.sort_unstable();
        out.dedup();
        memo.insert(node, out.clone());
        out
    }
}
