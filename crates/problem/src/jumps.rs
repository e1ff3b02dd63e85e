//! Derivatives of what jumps: the residual of such an equation is wrong at the jump, and right at
//! every point beside it, so that nothing sees the mistake.
//!
//! `d(k * d(T, x), x)` with `k = if(x - x_m, k_2, k_1)` holds an impulse at `x_m` that makes the flux
//! continuous. By the product rule at points, `dk/dx` is 0 on both sides, and the two layers part.

use std::collections::HashMap;

use surrogate_symbolic::{Node, SymbolId};

use crate::ast::{Equation, Expr, Kind};
use crate::lower::Context;
use crate::model::{Jump, Role, Row};
use crate::scope::{Entity, Mode, Session};
use crate::source::Span;

/// Places along the other coordinates, in units of their ranges.
const ELSEWHERE: [f64; 5] = [0.5, 0.137, 0.618, 0.862, 0.329];

impl Session {
    /// Where an equation, lowered without mistakes before, takes a derivative of something that jumps;
    /// `kept`: operators whose flux a form of the equation keeps.
    pub(crate) fn jumps(&mut self, equation: &Equation, kept: &[Span]) -> Vec<Jump> {
        let mut calls = Vec::new();
        let mut seen = Vec::new();
        self.operators(&equation.left, &mut calls, &mut seen);
        self.operators(&equation.right, &mut calls, &mut seen);
        let mut out: Vec<Jump> = Vec::new();
        for (name, arguments, span) in calls {
            for (mut node, steps) in self.differentiations(&name, &arguments).unwrap_or_default() {
                for (k, &coordinate) in steps.iter().enumerate() {
                    let whole = k + 1 == steps.len() && kept.contains(&span);
                    if let Some(place) = self.jump(node, coordinate) {
                        let jump = Jump { coordinate, place, kept: whole };
                        if !out.contains(&jump) {
                            out.push(jump);
                        }
                    }
                    node = self.graph.diff(node, self.coordinates[coordinate].symbol);
                }
            }
        }
        out
    }

    /// Differential operators in an expression and in the definitions that it uses.
    fn operators(
        &self,
        expr: &Expr,
        out: &mut Vec<(String, Vec<Expr>, Span)>,
        seen: &mut Vec<usize>,
    ) {
        let mut used = Vec::new();
        expr.walk(&mut |e| match &e.kind {
            Kind::Call(name, arguments)
                if matches!(name.as_str(), "d" | "div" | "lap" | "grad")
                    && !self.names.contains_key(name) =>
            {
                out.push((name.clone(), arguments.clone(), e.span));
            }
            Kind::Name(name) => {
                if let Some(&(Entity::Definition(i), _)) = self.names.get(name) {
                    used.push(i);
                }
            }
            _ => {}
        });
        for i in used {
            if !seen.contains(&i) {
                seen.push(i);
                if let Some(body) = &self.definitions[i].body {
                    self.operators(body, out, seen);
                }
            }
        }
    }

    /// What an operator differentiates, and by which coordinates one after another.
    fn differentiations(
        &mut self,
        name: &str,
        arguments: &[Expr],
    ) -> Option<Vec<(Node, Vec<usize>)>> {
        let inner = self.lower(arguments.first()?, Context::global(Mode::Physics))?.node;
        if name == "lap" && arguments.len() == 1 {
            return Some(self.space_of(inner).into_iter().map(|i| (inner, vec![i, i])).collect());
        }
        if name != "d" {
            let i = self.operator_coordinate(name, inner, arguments)?;
            let times = if name == "lap" { 2 } else { 1 };
            return Some(vec![(inner, vec![i; times])]);
        }
        let mut steps = Vec::new();
        for (name, order, _) in self.derivative_steps(&arguments[1..])? {
            let &(Entity::Coordinate(i), _) = self.names.get(&name)? else {
                return None;
            };
            steps.extend(vec![i; order as usize]);
        }
        Some(vec![(inner, steps)])
    }

    /// A place at which an expression jumps along a coordinate, for nominal parameters or those of
    /// either corner of their box.
    fn jump(&mut self, node: Node, coordinate: usize) -> Option<f64> {
        let symbol = self.coordinates[coordinate].symbol;
        if self.graph.switches(&[node], symbol, &|_| true).is_empty() {
            return None;
        }
        let range = self.resolved[coordinate].as_ref().map(|c| (c.lower, c.upper))?;
        let parameters = self.resolved_parameters.iter().flatten();
        let parameters: Vec<(SymbolId, [f64; 3])> =
            parameters.map(|p| (p.symbol, [p.nominal, p.lower, p.upper])).collect();
        let unknowns = self.resolved_unknowns.iter().flatten().map(|u| (u.symbol, u.initial));
        let unknowns: Vec<(SymbolId, f64)> = unknowns.collect();
        let others: Vec<(SymbolId, f64, f64)> = self
            .resolved
            .iter()
            .flatten()
            .filter(|c| c.symbol != symbol)
            .map(|c| (c.symbol, c.lower, c.upper))
            .collect();
        for corner in 0..3 {
            for (k, _) in ELSEWHERE.iter().enumerate() {
                let along = |(j, &(s, lower, upper)): (usize, &(SymbolId, f64, f64))| {
                    (s, lower + (upper - lower) * ELSEWHERE[(k + 2 * j) % ELSEWHERE.len()])
                };
                let mut known: HashMap<SymbolId, f64> =
                    others.iter().enumerate().map(along).collect();
                known.extend(unknowns.iter().copied());
                known.extend(parameters.iter().map(|(s, values)| (*s, values[corner])));
                if let Some(place) = self.graph.jump(node, symbol, range, &known) {
                    return Some(place);
                }
                if others.is_empty() {
                    break;
                }
            }
        }
        None
    }

    /// What is said of a row that differentiates jumps: training at points cannot see them.
    pub(crate) fn jump_warning(&self, row: &Row) -> Option<String> {
        let jump = row.jumps.first()?;
        let c = self.resolved[jump.coordinate].as_ref()?;
        let place = format!("{} = {}", c.name, c.unit.said(jump.place));
        let way_out = match c.role {
            Role::Space => {
                "give the flux a field of its own (`q = k * d(u, x)` and `d(q, x) = …`), or make \
                 the jump a smooth one (`tanh`)"
            }
            Role::Time => "differentiate what is continuous",
        };
        Some(format!(
            "`{}` takes a derivative of something that jumps at {}: training at points never sees the \
             jump, and the surrogate will be a poor fit; {way_out}",
            row.name, place
        ))
    }
}
