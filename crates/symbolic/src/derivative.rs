//! Exact differentiation, memoised on the graph.

use crate::expr::{
    Call, Expr, IntegralSpec, Jet, MultiIndex, Node, PolynomialId, SymbolId, TableDerivative,
    TableId,
};
use crate::graph::Graph;

impl Graph {
    /// `d node / d symbol`. Jets of unknown functions raise their order; replaced symbols follow
    /// the chain rule; the symbol of an integral is not free in it (constant limits only).
    pub fn diff(&mut self, node: Node, symbol: SymbolId) -> Node {
        if let Some(&known) = self.derivatives.get(&(node, symbol)) {
            return known;
        }
        let result = self.diff_uncached(node, symbol);
        self.derivatives.insert((node, symbol), result);
        result
    }

    /// The derivative of an expression by a multi-index.
    pub fn diff_by(&mut self, node: Node, order: &MultiIndex) -> Node {
        let mut out = node;
        for &(symbol, k) in &order.0 {
            for _ in 0..k {
                out = self.diff(out, symbol);
            }
        }
        out
    }

    fn diff_uncached(&mut self, node: Node, symbol: SymbolId) -> Node {
        match self.expr(node).clone() {
            Expr::Constant(_) => self.constant(0.0),
            Expr::Symbol(s) => self.constant(f64::from(u8::from(s == symbol))),
            Expr::Jet(id) => {
                let jet = self.jet(id).clone();
                self.diff_jet(&jet, symbol)
            }
            Expr::Sum(_, terms) => {
                let terms: Vec<_> = terms
                    .into_iter()
                    .map(|(n, c)| (self.diff(n, symbol), f64::from_bits(c)))
                    .collect();
                self.linear(0.0, &terms)
            }
            Expr::Product(factors) => self.diff_product(&factors, symbol),
            Expr::Call(call, a) => {
                let inner = self.diff(a, symbol);
                if self.is_zero(inner) {
                    return inner;
                }
                let outer = self.call_derivative(call, a, node);
                self.mul(outer, inner)
            }
            Expr::Min(a, b) => {
                let condition = self.sub(b, a);
                self.diff_select(condition, a, b, symbol)
            }
            Expr::Max(a, b) => {
                let condition = self.sub(a, b);
                self.diff_select(condition, a, b, symbol)
            }
            Expr::Select(condition, a, b) => self.diff_select(condition, a, b, symbol),
            Expr::Clip(a, low, high) => {
                let inner = self.diff(a, symbol);
                if self.is_zero(inner) {
                    return inner;
                }
                let above = self.linear(-f64::from_bits(low), &[(a, 1.0)]);
                let below = self.linear(f64::from_bits(high), &[(a, -1.0)]);
                let (above, below) = (self.call(Call::Step, above), self.call(Call::Step, below));
                self.product(&[(above, 1.0), (below, 1.0), (inner, 1.0)])
            }
            Expr::Polynomial(a, p) => {
                let inner = self.diff(a, symbol);
                if self.is_zero(inner) {
                    return inner;
                }
                let slope = self.polynomial_derivative(p);
                let outer = self.polynomial(a, slope);
                self.mul(outer, inner)
            }
            Expr::Table(a, t) => {
                let inner = self.diff(a, symbol);
                if self.is_zero(inner) {
                    return inner;
                }
                let outer = self.table_derivative(a, t);
                self.mul(outer, inner)
            }
            Expr::Integral(spec) => self.diff_integral(&spec, symbol),
        }
    }

    fn diff_jet(&mut self, jet: &Jet, symbol: SymbolId) -> Node {
        let mut terms = Vec::new();
        let arguments = self.function_arguments(jet.function);
        let replaced = jet.at.iter().any(|&(s, _)| s == symbol);
        if arguments.contains(&symbol) && !replaced {
            terms.push(self.jet_at(jet.function, jet.order.raised(symbol), jet.at.clone()));
        }
        for &(s, value) in &jet.at {
            let inner = self.diff(value, symbol);
            if !self.is_zero(inner) {
                let outer = self.jet_at(jet.function, jet.order.raised(s), jet.at.clone());
                terms.push(self.mul(outer, inner));
            }
        }
        self.sum(&terms)
    }

    fn diff_product(&mut self, factors: &[(Node, u64)], symbol: SymbolId) -> Node {
        let mut terms = Vec::new();
        for (k, &(n, e)) in factors.iter().enumerate() {
            let inner = self.diff(n, symbol);
            if self.is_zero(inner) {
                continue;
            }
            let e = f64::from_bits(e);
            let mut list: Vec<(Node, f64)> = factors
                .iter()
                .enumerate()
                .map(|(j, &(m, p))| (m, f64::from_bits(p) - f64::from(u8::from(j == k))))
                .collect();
            list.push((inner, 1.0));
            let term = self.product(&list);
            terms.push((term, e));
        }
        self.linear(0.0, &terms)
    }

    fn diff_select(&mut self, condition: Node, a: Node, b: Node, symbol: SymbolId) -> Node {
        let (da, db) = (self.diff(a, symbol), self.diff(b, symbol));
        self.select(condition, da, db)
    }

    fn diff_integral(&mut self, spec: &IntegralSpec, symbol: SymbolId) -> Node {
        if spec.symbol == symbol {
            return self.constant(0.0);
        }
        let body = self.diff(spec.body, symbol);
        self.integral(IntegralSpec { body, ..spec.clone() })
    }

    /// Derivative of an elementary function at `a`; `node` is the call itself.
    fn call_derivative(&mut self, call: Call, a: Node, node: Node) -> Node {
        match call {
            Call::Exp => node,
            Call::Ln => self.powf(a, -1.0),
            Call::Sin => self.call(Call::Cos, a),
            Call::Cos => {
                let sin = self.call(Call::Sin, a);
                self.neg(sin)
            }
            Call::Tan => {
                let square = self.powf(node, 2.0);
                self.linear(1.0, &[(square, 1.0)])
            }
            Call::Sinh => self.call(Call::Cosh, a),
            Call::Cosh => self.call(Call::Sinh, a),
            Call::Tanh => {
                let square = self.powf(node, 2.0);
                self.linear(1.0, &[(square, -1.0)])
            }
            Call::Asinh => {
                let square = self.powf(a, 2.0);
                let base = self.linear(1.0, &[(square, 1.0)]);
                self.powf(base, -0.5)
            }
            Call::Atan => {
                let square = self.powf(a, 2.0);
                let base = self.linear(1.0, &[(square, 1.0)]);
                self.powf(base, -1.0)
            }
            Call::Erf => {
                let square = self.powf(a, 2.0);
                let negative = self.neg(square);
                let bell = self.call(Call::Exp, negative);
                self.scale(std::f64::consts::FRAC_2_SQRT_PI, bell)
            }
            Call::Abs => self.call(Call::Sign, a),
            Call::Sign | Call::Step => self.constant(0.0),
        }
    }

    fn polynomial_derivative(&mut self, p: PolynomialId) -> PolynomialId {
        let coefficients = self.polynomials[p.index()].clone();
        let n = coefficients.len().saturating_sub(1);
        let slope: Vec<f64> =
            coefficients.iter().take(n).enumerate().map(|(k, c)| c * (n - k) as f64).collect();
        self.add_polynomial(&slope)
    }

    fn table_derivative(&mut self, a: Node, t: TableId) -> Node {
        match self.tables[t.index()].derivative.clone() {
            Some(TableDerivative::Table(slope)) => self.tabulated(a, slope),
            Some(TableDerivative::Expression { argument, body }) => {
                self.substitute(body, &[(argument, a)])
            }
            None => {
                let slope = self.tables[t.index()].table.derivative();
                let slope = self.add_table(slope, None);
                self.set_table_derivative(t, TableDerivative::Table(slope));
                self.tabulated(a, slope)
            }
        }
    }
}
