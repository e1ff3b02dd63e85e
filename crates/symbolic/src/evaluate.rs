//! Plain scalar evaluation: slow, obvious, and the oracle of the compiled programs.

use std::collections::HashMap;

use crate::expr::{Call, Expr, Jet, Node, SymbolId};
use crate::graph::Graph;

/// Values that an expression is evaluated with.
pub struct Environment<'a> {
    /// Values of symbols.
    pub symbols: &'a dyn Fn(SymbolId) -> f64,
    /// Values of jets. The second argument holds the values of the replaced symbols, in the order
    /// of [`Jet::at`].
    pub jets: &'a dyn Fn(&Jet, &[f64]) -> f64,
}

impl Graph {
    /// The value of an expression. Integrals use 20-point Gauss-Legendre quadrature with symbols
    /// re-bound at each node.
    pub fn evaluate(&self, node: Node, environment: &Environment<'_>) -> f64 {
        self.evaluate_memo(node, environment, &mut HashMap::new())
    }

    fn evaluate_memo(
        &self,
        node: Node,
        env: &Environment<'_>,
        memo: &mut HashMap<Node, f64>,
    ) -> f64 {
        if let Some(&value) = memo.get(&node) {
            return value;
        }
        let mut go = |n: Node| self.evaluate_memo(n, env, memo);
        let value = match self.expr(node) {
            Expr::Constant(bits) => f64::from_bits(*bits),
            Expr::Symbol(s) => (env.symbols)(*s),
            Expr::Jet(id) => {
                let jet = self.jet(*id);
                let places: Vec<f64> = jet.at.iter().map(|&(_, n)| go(n)).collect();
                (env.jets)(jet, &places)
            }
            Expr::Sum(k, terms) => terms
                .iter()
                .fold(f64::from_bits(*k), |acc, &(n, c)| acc + f64::from_bits(c) * go(n)),
            Expr::Product(factors) => {
                factors.iter().fold(1.0, |acc, &(n, e)| acc * power(go(n), f64::from_bits(e)))
            }
            Expr::Call(function, a) => call(*function, go(*a)),
            Expr::Min(a, b) => go(*a).min(go(*b)),
            Expr::Max(a, b) => go(*a).max(go(*b)),
            Expr::Select(c, a, b) => {
                if go(*c) > 0.0 {
                    go(*a)
                } else {
                    go(*b)
                }
            }
            Expr::Clip(a, low, high) => go(*a).clamp(f64::from_bits(*low), f64::from_bits(*high)),
            Expr::Polynomial(a, p) => {
                let x = go(*a);
                self.polynomials[p.index()].iter().fold(0.0, |acc, c| acc * x + c)
            }
            Expr::Table(a, t) => self.tables[t.index()].table.value(go(*a)),
            Expr::Integral(spec) => {
                let (lower, upper) = (go(spec.lower), go(spec.upper));
                let (nodes, weights) = gauss_legendre(20);
                let mut total = 0.0;
                for (x, w) in nodes.iter().zip(&weights) {
                    let place = lower + (upper - lower) * x;
                    let symbols = |s| {
                        if s == spec.symbol { place } else { (env.symbols)(s) }
                    };
                    let inner = Environment { symbols: &symbols, jets: env.jets };
                    total += w * self.evaluate(spec.body, &inner);
                }
                total * (upper - lower)
            }
        };
        memo.insert(node, value);
        value
    }
}

fn power(base: f64, exponent: f64) -> f64 {
    if exponent.fract() == 0.0 && exponent.abs() < 64.0 {
        base.powi(exponent as i32)
    } else if exponent == 0.5 {
        base.sqrt()
    } else {
        base.powf(exponent)
    }
}

/// Gauss-Legendre nodes and weights on `[0, 1]`, by Newton iteration on the Legendre polynomial.
pub fn gauss_legendre(n: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut nodes, mut weights) = (vec![0.0; n], vec![0.0; n]);
    for i in 0..n {
        let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..100 {
            let (mut p0, mut p1) = (1.0, x);
            for k in 2..=n {
                let k = k as f64;
                (p0, p1) = (p1, ((2.0 * k - 1.0) * x * p1 - (k - 1.0) * p0) / k);
            }
            if n == 1 {
                p1 = x;
                p0 = 1.0;
            }
            slope = n as f64 * (x * p1 - p0) / (x * x - 1.0);
            let step = p1 / slope;
            x -= step;
            if step.abs() < 1e-16 {
                break;
            }
        }
        nodes[n - 1 - i] = 0.5 * (1.0 + x);
        weights[n - 1 - i] = 1.0 / ((1.0 - x * x) * slope * slope);
    }
    (nodes, weights)
}

/// An elementary function of a number.
pub(crate) fn call(function: Call, x: f64) -> f64 {
    match function {
        Call::Exp => x.exp(),
        Call::Ln => x.ln(),
        Call::Sin => x.sin(),
        Call::Cos => x.cos(),
        Call::Tan => x.tan(),
        Call::Sinh => x.sinh(),
        Call::Cosh => x.cosh(),
        Call::Tanh => x.tanh(),
        Call::Asinh => x.asinh(),
        Call::Atan => x.atan(),
        Call::Erf => surrogate_jet::Function::Erf.value(x),
        Call::Abs => x.abs(),
        Call::Sign => {
            if x == 0.0 {
                0.0
            } else {
                x.signum()
            }
        }
        Call::Step => f64::from(u8::from(x > 0.0)),
    }
}
