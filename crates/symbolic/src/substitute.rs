//! Replacement of symbols by expressions, and of unknown functions by known ones.

use std::collections::HashMap;

use crate::expr::{Expr, IntegralSpec, Jet, Node, SymbolId};
use crate::graph::Graph;

impl Graph {
    /// `node` with each symbol of `map` replaced. Jets of functions of a replaced symbol are
    /// evaluated at the new place (the derivative is taken first). A symbol bound by an integral
    /// is left alone inside it.
    pub fn substitute(&mut self, node: Node, map: &[(SymbolId, Node)]) -> Node {
        if map.is_empty() {
            return node;
        }
        let mut memo = HashMap::new();
        self.rebuild(node, map, &mut |_, _| None, &mut memo)
    }

    /// `node` with each jet for which `replace` gives an expression replaced by it. The expression
    /// is for the running symbols: places (`at`) are applied to it afterwards.
    pub fn replace_jets(
        &mut self,
        node: Node,
        replace: &mut dyn FnMut(&mut Graph, &Jet) -> Option<Node>,
    ) -> Node {
        let mut memo = HashMap::new();
        self.rebuild(node, &[], replace, &mut memo)
    }

    fn rebuild(
        &mut self,
        node: Node,
        map: &[(SymbolId, Node)],
        replace: &mut dyn FnMut(&mut Graph, &Jet) -> Option<Node>,
        memo: &mut HashMap<Node, Node>,
    ) -> Node {
        if let Some(&done) = memo.get(&node) {
            return done;
        }
        let out = match self.expr(node).clone() {
            Expr::Constant(_) => node,
            Expr::Symbol(s) => map.iter().find(|(t, _)| *t == s).map_or(node, |&(_, n)| n),
            Expr::Jet(id) => {
                let jet = self.jet(id).clone();
                self.rebuild_jet(&jet, map, replace, memo)
            }
            Expr::Sum(k, terms) => {
                let terms: Vec<_> = terms
                    .into_iter()
                    .map(|(n, c)| (self.rebuild(n, map, replace, memo), f64::from_bits(c)))
                    .collect();
                self.linear(f64::from_bits(k), &terms)
            }
            Expr::Product(factors) => {
                let factors: Vec<_> = factors
                    .into_iter()
                    .map(|(n, e)| (self.rebuild(n, map, replace, memo), f64::from_bits(e)))
                    .collect();
                self.product(&factors)
            }
            Expr::Call(call, a) => {
                let a = self.rebuild(a, map, replace, memo);
                self.call(call, a)
            }
            Expr::Min(a, b) => {
                let (a, b) =
                    (self.rebuild(a, map, replace, memo), self.rebuild(b, map, replace, memo));
                self.min(a, b)
            }
            Expr::Max(a, b) => {
                let (a, b) =
                    (self.rebuild(a, map, replace, memo), self.rebuild(b, map, replace, memo));
                self.max(a, b)
            }
            Expr::Select(c, a, b) => {
                let c = self.rebuild(c, map, replace, memo);
                let (a, b) =
                    (self.rebuild(a, map, replace, memo), self.rebuild(b, map, replace, memo));
                self.select(c, a, b)
            }
            Expr::Clip(a, low, high) => {
                let a = self.rebuild(a, map, replace, memo);
                self.clip(a, f64::from_bits(low), f64::from_bits(high))
            }
            Expr::Polynomial(a, p) => {
                let a = self.rebuild(a, map, replace, memo);
                self.polynomial(a, p)
            }
            Expr::Table(a, t) => {
                let a = self.rebuild(a, map, replace, memo);
                self.tabulated(a, t)
            }
            Expr::Integral(spec) => {
                let inner: Vec<_> =
                    map.iter().filter(|(s, _)| *s != spec.symbol).copied().collect();
                let mut inner_memo = HashMap::new();
                let body = self.rebuild(spec.body, &inner, replace, &mut inner_memo);
                let lower = self.rebuild(spec.lower, map, replace, memo);
                let upper = self.rebuild(spec.upper, map, replace, memo);
                self.integral(IntegralSpec { body, symbol: spec.symbol, lower, upper })
            }
        };
        memo.insert(node, out);
        out
    }

    fn rebuild_jet(
        &mut self,
        jet: &Jet,
        map: &[(SymbolId, Node)],
        replace: &mut dyn FnMut(&mut Graph, &Jet) -> Option<Node>,
        memo: &mut HashMap<Node, Node>,
    ) -> Node {
        // places first see the outer replacement; symbols not yet replaced take it themselves
        let mut at: Vec<(SymbolId, Node)> = Vec::new();
        for s in self.function_arguments(jet.function).to_vec() {
            if let Some(&(_, value)) = jet.at.iter().find(|(t, _)| *t == s) {
                at.push((s, self.rebuild(value, map, replace, memo)));
            } else if let Some(&(_, value)) = map.iter().find(|(t, _)| *t == s) {
                at.push((s, value));
            }
        }
        match replace(self, jet) {
            Some(expression) => self.substitute(expression, &at),
            None => self.jet_at(jet.function, jet.order.clone(), at),
        }
    }
}
