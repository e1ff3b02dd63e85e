//! Where expressions jump or have a kink along one symbol, found from what they are made of.
//!
//! `if`, `step`, `sign`, `abs`, `min`, `max` and `clip` switch where an argument changes sign. Those
//! arguments are scanned for sign changes, which are then bisected to neighbouring numbers. Deliberately
//! not for arguments that hold unknown functions: where those switch, only a solution knows.

use std::collections::HashMap;

use crate::evaluate::Environment;
use crate::expr::{Call, Expr, Node, SymbolId};
use crate::graph::Graph;

/// Intervals of a scan along an argument that is not a straight line.
const SCAN: usize = 2000;
/// Bisections: enough to reach neighbouring numbers from any interval.
const BISECTIONS: usize = 1100;

/// Most corners that a table is asked for: a table with more is a curve, not a few pulses.
const CORNERS: usize = 200;

/// An argument whose change of sign switches an expression.
#[derive(Clone, Debug)]
pub struct Switch {
    /// The argument.
    argument: Node,
    /// Its slope along the symbol.
    slope: Node,
    /// The slope is the same everywhere.
    straight: bool,
}

impl Graph {
    /// What switches `roots` along `symbol`, inner switches first. The arguments hold no unknown
    /// function and no symbol for which `known` is false.
    pub fn switches(
        &mut self,
        roots: &[Node],
        symbol: SymbolId,
        known: &dyn Fn(SymbolId) -> bool,
    ) -> Vec<Switch> {
        let mut arguments = Vec::new();
        for node in self.reachable(roots) {
            match *self.expr(node) {
                Expr::Select(c, _, _) => arguments.push(c),
                Expr::Call(Call::Step | Call::Sign | Call::Abs, a) => arguments.push(a),
                Expr::Min(a, b) | Expr::Max(a, b) => arguments.push(self.sub(a, b)),
                Expr::Clip(a, low, high) => {
                    for end in [low, high].map(f64::from_bits).into_iter().filter(|e| e.is_finite())
                    {
                        arguments.push(self.linear(-end, &[(a, 1.0)]));
                    }
                }
                _ => {}
            }
        }
        self.along(arguments, symbol, known)
    }

    /// Where tables along `symbol` turn: their points between which values rise, fall or stay, such as
    /// the edges of a tabulated pulse. Tables with more than [`CORNERS`] of them are left out.
    pub fn corners(
        &mut self,
        roots: &[Node],
        symbol: SymbolId,
        known: &dyn Fn(SymbolId) -> bool,
    ) -> Vec<Switch> {
        let mut arguments = Vec::new();
        for node in self.reachable(roots) {
            let Expr::Table(a, id) = *self.expr(node) else { continue };
            let table = self.table(id).clone();
            let knots = table.breaks();
            let values: Vec<f64> = knots.iter().map(|&x| table.value(x)).collect();
            let trend = |k: usize| (values[k + 1] - values[k]).partial_cmp(&0.0);
            let last = knots.len() - 1;
            let turns = (0..=last).filter(|&k| k == 0 || k == last || trend(k) != trend(k - 1));
            let turns: Vec<f64> = turns.map(|k| knots[k]).collect();
            if turns.len() <= CORNERS {
                arguments.extend(turns.into_iter().map(|x| self.linear(-x, &[(a, 1.0)])));
            }
        }
        self.along(arguments, symbol, known)
    }

    /// Those of `arguments` that depend on `symbol` and otherwise only on what is known.
    fn along(
        &mut self,
        arguments: Vec<Node>,
        symbol: SymbolId,
        known: &dyn Fn(SymbolId) -> bool,
    ) -> Vec<Switch> {
        let mut out: Vec<Switch> = Vec::new();
        for argument in arguments {
            let free = self.free_symbols(&[argument]);
            let own = free.contains(&symbol)
                && free.iter().all(|&s| s == symbol || known(s))
                && self.jets_in(&[argument]).is_empty();
            if own && out.iter().all(|s| s.argument != argument) {
                let slope = self.diff(argument, symbol);
                let straight = !self.free_symbols(&[slope]).contains(&symbol);
                out.push(Switch { argument, slope, straight });
            }
        }
        out
    }

    /// Increasing places inside `lower .. upper` at which a switch changes its sign along `symbol`,
    /// the other symbols having the values that `known` gives. An argument that is no straight line
    /// is scanned at [`SCAN`] intervals, at the switches inside it and where its slope changes sign:
    /// so a pulse `if(w - abs(t - t0), ..)` is found however short.
    pub fn breaks(
        &self,
        switches: &[Switch],
        symbol: SymbolId,
        (lower, upper): (f64, f64),
        known: &dyn Fn(SymbolId) -> f64,
    ) -> Vec<f64> {
        let value = |node: Node, x: f64| {
            let symbols = |s: SymbolId| if s == symbol { x } else { known(s) };
            self.evaluate(node, &Environment { symbols: &symbols, jets: &|_, _| f64::NAN })
        };
        let mut found: Vec<f64> = Vec::new();
        for switch in switches {
            let mut scan = vec![lower, upper];
            if !switch.straight {
                let width = (upper - lower) / SCAN as f64;
                scan.extend((1..SCAN).map(|k| lower + width * k as f64));
                scan.extend(&found);
                scan.sort_by(f64::total_cmp);
                scan.extend(sign_changes(&scan, &|x| value(switch.slope, x)));
                scan.sort_by(f64::total_cmp);
            }
            let new = sign_changes(&scan, &|x| value(switch.argument, x));
            found.extend(new.into_iter().filter(|x| *x > lower && *x < upper));
        }
        found.sort_by(f64::total_cmp);
        found.dedup();
        found
    }

    /// The first place inside `lower .. upper` at which an expression jumps along `symbol`: there a
    /// derivative by it holds an impulse that no value at a point shows. Unknown functions count as
    /// continuous; `known` gives the other symbols.
    pub fn jump(
        &mut self,
        node: Node,
        symbol: SymbolId,
        (lower, upper): (f64, f64),
        known: &HashMap<SymbolId, f64>,
    ) -> Option<f64> {
        let switches = self.switches(&[node], symbol, &|s| known.contains_key(&s));
        let other = |s: SymbolId| known.get(&s).copied().unwrap_or(f64::NAN);
        let near = 1e-9 * (upper - lower);
        let jets = |jet: &crate::Jet, _: &[f64]| 1.0 + f64::from(jet.order.order()).sqrt();
        let value = |x: f64| {
            let symbols = |s: SymbolId| if s == symbol { x } else { other(s) };
            self.evaluate(node, &Environment { symbols: &symbols, jets: &jets })
        };
        let places = self.breaks(&switches, symbol, (lower, upper), &other);
        places.into_iter().find(|&x| {
            let (before, after) = (value(x - near), value(x + near));
            (after - before).abs() > 1e-5 * before.abs().max(after.abs())
        })
    }
}

/// Where `value` changes between positive and not positive: the last number before each change that the
/// increasing places of a scan enclose.
fn sign_changes(scan: &[f64], value: &dyn Fn(f64) -> f64) -> Vec<f64> {
    let mut out = Vec::new();
    let mut before = scan.first().is_some_and(|&x| value(x) > 0.0);
    for pair in scan.windows(2) {
        let after = value(pair[1]) > 0.0;
        if after != before {
            let (mut low, mut high) = (pair[0], pair[1]);
            for _ in 0..BISECTIONS {
                let middle = 0.5 * (low + high);
                if middle <= low || middle >= high {
                    break;
                }
                if (value(middle) > 0.0) == before { low = middle } else { high = middle }
            }
            out.push(low);
        }
        before = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `5 if w - abs(t - t0) > 0 else 0` and its graph, with `t` and `t0`.
    fn pulse(width: f64) -> (Graph, Node, SymbolId, SymbolId) {
        let mut g = Graph::new();
        let (t, t0) = (g.add_symbol("t"), g.add_symbol("t0"));
        let (x, x0) = (g.symbol(t), g.symbol(t0));
        let distance = g.sub(x, x0);
        let distance = g.call(Call::Abs, distance);
        let inside = g.linear(width, &[(distance, -1.0)]);
        let (five, zero) = (g.constant(5.0), g.constant(0.0));
        let node = g.select(inside, five, zero);
        (g, node, t, t0)
    }

    #[test]
    fn both_ends_of_a_pulse_shorter_than_the_scan_are_found() {
        let (mut g, node, t, t0) = pulse(1e-7);
        let switches = g.switches(&[node], t, &|s| s == t0);
        let breaks = g.breaks(&switches, t, (0.0, 10.0), &|_| 3.3);
        assert_eq!(breaks.len(), 3, "{breaks:?}");
        for (found, truth) in breaks.iter().zip([3.3 - 1e-7, 3.3, 3.3 + 1e-7]) {
            assert!((found - truth).abs() < 1e-14, "{found} {truth}");
        }
    }

    #[test]
    fn a_window_without_inner_switches_is_found_at_the_top_of_its_argument() {
        let mut g = Graph::new();
        let t = g.add_symbol("t");
        let x = g.symbol(t);
        let distance = g.linear(-std::f64::consts::PI, &[(x, 1.0)]);
        let square = g.powf(distance, 2.0);
        let inside = g.linear(1e-10, &[(square, -1.0)]);
        let node = g.call(Call::Step, inside);
        let switches = g.switches(&[node], t, &|_| false);
        let breaks = g.breaks(&switches, t, (0.0, 10.0), &|_| f64::NAN);
        assert_eq!(breaks.len(), 2);
        assert!((breaks[1] - breaks[0] - 2e-5).abs() < 1e-12);
    }

    #[test]
    fn a_kink_is_no_jump_and_an_unknown_symbol_hides_a_switch() {
        let (mut g, node, t, t0) = pulse(0.5);
        let known = HashMap::from([(t0, 3.0)]);
        let jump = g.jump(node, t, (0.0, 10.0), &known).unwrap_or(f64::NAN);
        assert!((jump - 2.5).abs() < 1e-14);
        assert_eq!(g.jump(node, t, (0.0, 10.0), &HashMap::new()), None);
        let x = g.symbol(t);
        let distance = g.linear(-3.0, &[(x, 1.0)]);
        let kink = g.call(Call::Abs, distance);
        assert_eq!(g.jump(kink, t, (0.0, 10.0), &known), None);
    }
}
