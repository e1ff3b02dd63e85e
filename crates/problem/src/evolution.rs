//! Equations read as evolution laws, `capacity · d(f, t) = Σ div(flux) + source`, or as balances,
//! `0 = Σ div(flux) + source`.
//!
//! The surface form is walked, so that `div(D*grad(c))` keeps its flux; what is left is split in
//! the graph by the time derivative.

use surrogate_symbolic::{Expr as Term, Jet, Node};

use crate::ast::{Equation, Expr, Kind};
use crate::lower::Context;
use crate::model::{Balance, Evolution, Geometry, Role};
use crate::scope::{Entity, Mode, Session};
use crate::source::Span;

/// Most terms that an equation is split into.
const MAX_PIECES: usize = 1000;

/// What splitting an equation reads: the definitions, and which of them hold derivatives.
struct Lookup {
    bodies: Vec<Option<Expr>>,
    differential: Vec<bool>,
}

/// A term of `left - right`: a sign, plain factors with exponents, and at most one factor that
/// holds a derivative.
struct Piece<'a> {
    sign: f64,
    factors: Vec<(&'a Expr, f64)>,
    core: Option<&'a Expr>,
}

/// The forms of an equation that keep its fluxes whole.
#[derive(Default)]
pub(crate) struct Forms {
    pub(crate) evolution: Option<Evolution>,
    pub(crate) balance: Option<Balance>,
    /// Operators whose fluxes the form keeps.
    pub(crate) kept: Vec<Span>,
}

impl Session {
    /// The evolution law or the balance that an equation states, if it has such a form. The equation
    /// has been lowered without mistakes before.
    pub(crate) fn forms(&mut self, equation: &Equation) -> Forms {
        self.divided(equation).unwrap_or_default()
    }

    fn divided(&mut self, equation: &Equation) -> Option<Forms> {
        let time = (0..self.coordinates.len())
            .find(|&i| self.resolved[i].as_ref().is_some_and(|c| c.role == Role::Time));
        let lookup = self.lookup();
        let mut pieces = Vec::new();
        let left = Piece { sign: 1.0, factors: Vec::new(), core: None };
        let right = Piece { sign: -1.0, factors: Vec::new(), core: None };
        self.split(&equation.left, left, &lookup, &mut pieces, 0);
        self.split(&equation.right, right, &lookup, &mut pieces, 0);
        if pieces.len() >= MAX_PIECES {
            return None;
        }
        let mut rest = Vec::new();
        let mut divergences: Vec<(usize, Node)> = Vec::new();
        let mut kept = Vec::new();
        for piece in &pieces {
            match self.fluxes(piece) {
                Some(fluxes) => {
                    divergences.extend(fluxes);
                    kept.extend(piece.core.map(|core| core.span));
                }
                None => rest.push(self.piece_node(piece)?),
            }
        }
        let rest = self.graph.sum(&rest);
        let timed = time.is_some_and(|time| {
            let t = self.coordinates[time].symbol;
            let fluxes = divergences.iter().map(|&(_, f)| f);
            let nodes: Vec<Node> = fluxes.chain([rest]).collect();
            self.graph.jets_in(&nodes).iter().any(|&j| self.graph.jet(j).order.of(t) > 0)
        });
        if timed {
            let evolution = self.split_time(rest, divergences, time?);
            let kept = if evolution.is_some() { kept } else { Vec::new() };
            return Some(Forms { evolution, balance: None, kept });
        }
        let source = self.graph.neg(rest);
        let balance = (!divergences.is_empty()).then_some(Balance { divergences, source });
        Some(Forms { evolution: None, balance, kept })
    }

    /// Splits an expression into terms, through brackets and definitions with derivatives.
    fn split<'a>(
        &self,
        expr: &'a Expr,
        piece: Piece<'a>,
        lookup: &'a Lookup,
        out: &mut Vec<Piece<'a>>,
        depth: usize,
    ) {
        let copy = |sign: f64, p: &Piece<'a>| Piece {
            sign: p.sign * sign,
            factors: p.factors.clone(),
            core: p.core,
        };
        match &expr.kind {
            _ if out.len() >= MAX_PIECES => {}
            _ if depth > 64 || !self.has_derivative(expr, lookup) => {
                let mut piece = piece;
                piece.factors.push((expr, 1.0));
                out.push(piece);
            }
            Kind::Negative(a) => self.split(a, copy(-1.0, &piece), lookup, out, depth + 1),
            Kind::Sum(terms) => {
                for (minus, term) in terms {
                    let sign = if *minus { -1.0 } else { 1.0 };
                    self.split(term, copy(sign, &piece), lookup, out, depth + 1);
                }
            }
            Kind::Product(factors) => {
                let holds: Vec<usize> = (0..factors.len())
                    .filter(|&k| self.has_derivative(&factors[k].1, lookup))
                    .collect();
                let mut piece = piece;
                let [one] = holds.as_slice() else {
                    piece.core = Some(expr);
                    out.push(piece);
                    return;
                };
                if factors[*one].0 {
                    piece.core = Some(expr);
                    out.push(piece);
                    return;
                }
                for (k, (divide, factor)) in factors.iter().enumerate() {
                    if k != *one {
                        piece.factors.push((factor, if *divide { -1.0 } else { 1.0 }));
                    }
                }
                self.split(&factors[*one].1, piece, lookup, out, depth + 1);
            }
            Kind::Name(name) => match self.names.get(name).map(|n| n.0) {
                Some(Entity::Definition(i)) => {
                    match lookup.bodies.get(i).and_then(Option::as_ref) {
                        Some(body) => self.split(body, piece, lookup, out, depth + 1),
                        None => out.push(Piece { core: Some(expr), ..piece }),
                    }
                }
                _ => out.push(Piece { core: Some(expr), ..piece }),
            },
            _ => out.push(Piece { core: Some(expr), ..piece }),
        }
    }

    /// The definitions, and which of them hold derivatives, directly or through others.
    fn lookup(&self) -> Lookup {
        let bodies: Vec<Option<Expr>> = self.definitions.iter().map(|d| d.body.clone()).collect();
        let differential = vec![false; bodies.len()];
        let mut lookup = Lookup { bodies, differential };
        loop {
            let holds = |b: &Option<Expr>| {
                b.as_ref().is_some_and(|body| self.has_derivative(body, &lookup))
            };
            let next: Vec<bool> = lookup.bodies.iter().map(holds).collect();
            if next == lookup.differential {
                return lookup;
            }
            lookup.differential = next;
        }
    }

    /// True if an expression holds a differential operator.
    fn has_derivative(&self, expr: &Expr, lookup: &Lookup) -> bool {
        let mut found = false;
        expr.walk(&mut |e| match &e.kind {
            Kind::Call(name, _) => found |= matches!(name.as_str(), "d" | "div" | "lap" | "grad"),
            Kind::Name(name) => {
                if let Some(&(Entity::Definition(i), _)) = self.names.get(name) {
                    found |= lookup.differential.get(i).copied().unwrap_or(false);
                }
            }
            _ => {}
        });
        found
    }

    fn node(&mut self, expr: &Expr) -> Option<Node> {
        self.lower(expr, Context::global(Mode::Physics)).map(|t| t.node)
    }

    /// Product of the plain factors.
    fn coefficient(&mut self, piece: &Piece<'_>) -> Option<Node> {
        let mut list = vec![(self.graph.constant(piece.sign), 1.0)];
        for &(factor, exponent) in &piece.factors {
            list.push((self.node(factor)?, exponent));
        }
        Some(self.graph.product(&list))
    }

    fn piece_node(&mut self, piece: &Piece<'_>) -> Option<Node> {
        let coefficient = self.coefficient(piece)?;
        match piece.core {
            Some(core) => {
                let core = self.node(core)?;
                Some(self.graph.mul(coefficient, core))
            }
            None => Some(coefficient),
        }
    }

    /// Fluxes of a piece of `left - right` in divergence form, with the sign of the right side.
    fn fluxes(&mut self, piece: &Piece<'_>) -> Option<Vec<(usize, Node)>> {
        let Kind::Call(name, arguments) = &piece.core?.kind else {
            return None;
        };
        if self.names.contains_key(name) {
            return None;
        }
        let coefficient = self.coefficient(piece)?;
        let coefficient = self.graph.neg(coefficient);
        let inner = self.node(arguments.first()?)?;
        let pairs: Vec<(usize, Node)> = match name.as_str() {
            "div" => {
                let i = self.operator_coordinate(name, inner, arguments)?;
                vec![(i, inner)]
            }
            "lap" => {
                let coordinates = match arguments.get(1).and_then(Expr::as_name) {
                    Some(word) => match self.names.get(word)?.0 {
                        Entity::Coordinate(i) => vec![i],
                        _ => return None,
                    },
                    None => self.space_of(inner),
                };
                let slope = |s: &mut Self, i: usize| {
                    let symbol = s.coordinates[i].symbol;
                    (i, s.graph.diff(inner, symbol))
                };
                coordinates.into_iter().map(|i| slope(self, i)).collect()
            }
            "d" => vec![self.outermost(inner, &arguments[1..])?],
            _ => return None,
        };
        let free = self.graph.free_symbols(&[coefficient]);
        if pairs.iter().any(|&(i, _)| free.contains(&self.coordinates[i].symbol)) {
            return None;
        }
        Some(pairs.into_iter().map(|(i, f)| (i, self.graph.mul(coefficient, f))).collect())
    }

    /// `d(F, …, x)` with a Cartesian space coordinate `x` outermost: `x` and what it is taken of.
    fn outermost(&mut self, inner: Node, by: &[Expr]) -> Option<(usize, Node)> {
        let steps = self.derivative_steps(by)?;
        let (last, _, _) = steps.last()?;
        let &(Entity::Coordinate(outer), _) = self.names.get(last)? else {
            return None;
        };
        let cartesian = self.resolved[outer]
            .as_ref()
            .is_some_and(|c| c.role == Role::Space && c.geometry == Geometry::Cartesian);
        if !cartesian {
            return None;
        }
        let mut node = inner;
        for (k, (name, order, _)) in steps.iter().enumerate() {
            let &(Entity::Coordinate(i), _) = self.names.get(name)? else {
                return None;
            };
            let symbol = self.coordinates[i].symbol;
            let order = if k + 1 == steps.len() { order - 1 } else { *order };
            for _ in 0..order {
                node = self.graph.diff(node, symbol);
            }
        }
        Some((outer, node))
    }

    /// Splits `rest = capacity · d(f, t) - source` and checks that time appears nowhere else.
    fn split_time(
        &mut self,
        rest: Node,
        divergences: Vec<(usize, Node)>,
        time: usize,
    ) -> Option<Evolution> {
        let t = self.coordinates[time].symbol;
        let terms: Vec<(Node, f64)> = match self.graph.expr(rest) {
            Term::Sum(constant, terms) => {
                let mut list: Vec<(Node, f64)> =
                    terms.iter().map(|&(n, c)| (n, f64::from_bits(c))).collect();
                let constant = f64::from_bits(*constant);
                let one = self.graph.constant(1.0);
                list.push((one, constant));
                list
            }
            _ => vec![(rest, 1.0)],
        };
        let mut capacity = Vec::new();
        let mut source = Vec::new();
        let mut field = None;
        for (node, coefficient) in terms {
            let Some((jet_node, jet)) = self.time_factor(node, t) else {
                source.push((node, -coefficient));
                continue;
            };
            let index = self
                .fields
                .iter()
                .position(|f| f.functions.is_some_and(|(function, _)| function == jet.function))?;
            if field.is_some_and(|f| f != index) {
                return None;
            }
            field = Some(index);
            let factor = self.graph.div(node, jet_node);
            capacity.push((factor, coefficient));
        }
        let capacity = self.graph.linear(0.0, &capacity);
        let source = self.graph.linear(0.0, &source);
        let differentiated = |s: &Self, node: Node| {
            s.graph.jets_in(&[node]).iter().any(|&j| s.graph.jet(j).order.order() > 0)
        };
        let timed = |s: &Self, node: Node| {
            s.graph.jets_in(&[node]).iter().any(|&j| s.graph.jet(j).order.of(t) > 0)
        };
        let clean = !differentiated(self, capacity)
            && !timed(self, source)
            && !divergences.iter().any(|&(_, f)| timed(self, f));
        (clean && !self.graph.is_zero(capacity)).then_some(())?;
        Some(Evolution { field: field?, capacity, divergences, source })
    }

    /// The factor `d(f, t)` of a term.
    fn time_factor(&self, node: Node, t: surrogate_symbolic::SymbolId) -> Option<(Node, Jet)> {
        let is_time = |n: Node| match self.graph.expr(n) {
            Term::Jet(id) => {
                let jet = self.graph.jet(*id);
                let first = jet.order.of(t) == 1 && jet.order.order() == 1 && jet.at.is_empty();
                first.then(|| (n, jet.clone()))
            }
            _ => None,
        };
        match self.graph.expr(node) {
            Term::Product(factors) => factors
                .iter()
                .filter(|&&(_, e)| f64::from_bits(e) == 1.0)
                .find_map(|&(n, _)| is_time(n)),
            _ => is_time(node),
        }
    }
}
