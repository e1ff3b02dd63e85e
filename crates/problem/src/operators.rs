//! Derivatives, divergences, averages and values at places.

use surrogate_symbolic::{IntegralSpec, Node, SymbolId};

use crate::ast::{Expr, Kind, Place};
use crate::diagnose::{ErrorKind, Mistake, closest};
use crate::lower::Context;
use crate::model::{Geometry, Role};
use crate::scope::{Entity, Mode, Session, Typed};
use crate::source::Span;
use crate::units::Dimension;

/// Highest order of one derivative.
const MAX_ORDER: u32 = 8;

/// Relative slack of places at the ends of a range.
const EDGE: f64 = 1e-9;

/// A variable of differentiation: its symbol and unit, and its value if it is an argument of a
/// function.
#[derive(Clone, Copy)]
struct Variable {
    symbol: SymbolId,
    unit: Option<Dimension>,
}

impl Session {
    /// `d(u, x)`, `d(u, x, 2)`, `d(u, x, t)`.
    pub(crate) fn lower_derivative(
        &mut self,
        arguments: &[Expr],
        span: Span,
        context: Context<'_>,
    ) -> Option<Typed> {
        let [inner, by @ ..] = arguments else {
            let message = "`d` takes an expression and coordinates";
            let help = "write `d(u, x)`, `d(u, x, 2)` or `d(u, x, t)`";
            self.report(Mistake::new(ErrorKind::Arguments, message).at(span, "").help(help));
            return None;
        };
        if by.is_empty() {
            let message = "`d` needs a coordinate";
            let help = "write `d(u, x)`, `d(u, x, 2)` or `d(u, x, t)`";
            self.report(Mistake::new(ErrorKind::Arguments, message).at(span, "").help(help));
            return None;
        }
        if let Some(argument) = by[0].as_name()
            && context.locals.iter().any(|(n, _)| n == argument)
        {
            return self.derivative_by_argument(inner, by, context);
        }
        let steps = self.derivative_steps(by)?;
        let mut typed = self.lower(inner, context)?;
        for (name, order, at) in steps {
            let variable = self.variable(&name, at)?;
            self.depends(typed.node, variable.symbol, &name, inner.span, at)?;
            for _ in 0..order {
                typed.node = self.graph.diff(typed.node, variable.symbol);
            }
            typed.unit = match (typed.unit, variable.unit) {
                (Some(a), Some(b)) => Some(a.over(&b.power(f64::from(order)))),
                _ => None,
            };
        }
        Some(typed)
    }

    /// Reads `x, 2, t` as names with orders.
    pub(crate) fn derivative_steps(&mut self, by: &[Expr]) -> Option<Vec<(String, u32, Span)>> {
        let mut steps: Vec<(String, u32, Span)> = Vec::new();
        for (k, argument) in by.iter().enumerate() {
            match (&argument.kind, steps.last_mut()) {
                (Kind::Name(name), _) => steps.push((name.clone(), 1, argument.span)),
                (Kind::Number(n), Some(last))
                    if n.fract() == 0.0
                        && (1.0..=f64::from(MAX_ORDER)).contains(n)
                        && by[k - 1].as_name().is_some() =>
                {
                    last.1 = *n as u32;
                }
                _ => {
                    let message = "after the expression, `d` takes coordinates and orders";
                    let help = format!(
                        "write `d(u, x)`, `d(u, x, 2)` or `d(u, x, t)`; orders are 1 to {MAX_ORDER}"
                    );
                    self.report(
                        Mistake::new(ErrorKind::Arguments, message)
                            .at(argument.span, "neither a coordinate nor a small order")
                            .help(help),
                    );
                    return None;
                }
            }
        }
        Some(steps)
    }

    /// `d(f(x), x)` inside a function of `x`: by a placeholder, which the argument then replaces.
    fn derivative_by_argument(
        &mut self,
        inner: &Expr,
        by: &[Expr],
        context: Context<'_>,
    ) -> Option<Typed> {
        let steps = self.derivative_steps(by)?;
        let [(name, order, _)] = steps.as_slice() else {
            let message = "inside a function, `d` takes one argument of the function";
            self.report(Mistake::new(ErrorKind::Arguments, message).at(by[1].span, ""));
            return None;
        };
        let actual = context.locals.iter().find(|(n, _)| n == name).map(|(_, t)| *t)?;
        let symbol = self.graph.add_symbol(name);
        let node = self.graph.symbol(symbol);
        let locals: Vec<(String, Typed)> = context
            .locals
            .iter()
            .map(|(n, t)| (n.clone(), if n == name { Typed { node, unit: t.unit } } else { *t }))
            .collect();
        let mut typed = self.lower(inner, Context { locals: &locals, ..context })?;
        for _ in 0..*order {
            typed.node = self.graph.diff(typed.node, symbol);
        }
        typed.node = self.graph.substitute(typed.node, &[(symbol, actual.node)]);
        typed.unit = match (typed.unit, actual.unit) {
            (Some(a), Some(b)) => Some(a.over(&b.power(f64::from(*order)))),
            _ => None,
        };
        Some(typed)
    }

    /// A coordinate, parameter or unknown by name.
    fn variable(&mut self, name: &str, span: Span) -> Option<Variable> {
        let entity = self.names.get(name).map(|n| n.0);
        self.used.insert(name.to_string());
        let entry = match entity {
            Some(Entity::Coordinate(i)) => &self.coordinates[i],
            Some(Entity::Parameter(i)) => &self.parameters[i],
            Some(Entity::Unknown(i)) => &self.unknowns[i],
            Some(other) => {
                let message = format!("`{name}` is {}, not a coordinate", other.words());
                self.report(Mistake::new(ErrorKind::Dependence, message).at(span, ""));
                return None;
            }
            None => {
                self.unknown_coordinate(name, span);
                return None;
            }
        };
        Some(Variable { symbol: entry.symbol, unit: entry.unit })
    }

    pub(crate) fn unknown_coordinate(&mut self, name: &str, span: Span) {
        let known: Vec<&str> = self.coordinates.iter().map(|c| c.name.as_str()).collect();
        let help = match closest(name, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("coordinates: {}", known.join(", ")),
        };
        let message = format!("`{name}` is not a coordinate");
        self.report(Mistake::new(ErrorKind::UnknownSymbol, message).at(span, "unknown").help(help));
    }

    /// Reports unless an expression depends on a symbol.
    fn depends(
        &mut self,
        node: Node,
        symbol: SymbolId,
        name: &str,
        inner: Span,
        at: Span,
    ) -> Option<()> {
        let free = self.graph.free_symbols(&[node]);
        if free.contains(&symbol) {
            return Some(());
        }
        let depends: Vec<&str> = self
            .coordinates
            .iter()
            .filter(|c| free.contains(&c.symbol))
            .map(|c| c.name.as_str())
            .collect();
        let help = match depends.as_slice() {
            [] => "it depends on no coordinate".to_string(),
            list => format!("it depends on {}", list.join(", ")),
        };
        let message = format!("this does not depend on `{name}`");
        self.report(
            Mistake::new(ErrorKind::Dependence, message)
                .at(inner, format!("does not depend on `{name}`"))
                .at(at, "")
                .help(help),
        );
        None
    }

    /// Space coordinates on which an expression depends, by position.
    pub(crate) fn space_of(&self, node: Node) -> Vec<usize> {
        let free = self.graph.free_symbols(&[node]);
        let is_space = |i: usize| {
            self.resolved[i].as_ref().is_some_and(|c| c.role == Role::Space)
                && free.contains(&self.coordinates[i].symbol)
        };
        (0..self.coordinates.len()).filter(|&i| is_space(i)).collect()
    }

    /// The coordinate of `grad(u, r)`, or the only space coordinate of `u`.
    pub(crate) fn operator_coordinate(
        &mut self,
        name: &str,
        node: Node,
        arguments: &[Expr],
    ) -> Option<usize> {
        if let Some(second) = arguments.get(1) {
            let Some(word) = second.as_name() else {
                let message = format!("the second argument of `{name}` must be a coordinate");
                self.report(Mistake::new(ErrorKind::Arguments, message).at(second.span, ""));
                return None;
            };
            let Some(&(Entity::Coordinate(i), _)) = self.names.get(word) else {
                self.unknown_coordinate(word, second.span);
                return None;
            };
            self.used.insert(word.to_string());
            let symbol = self.coordinates[i].symbol;
            self.depends(node, symbol, word, arguments[0].span, second.span)?;
            return self.resolved[i].as_ref().map(|_| i);
        }
        if self.resolved.iter().any(Option::is_none) {
            return None;
        }
        match self.space_of(node).as_slice() {
            [one] => Some(*one),
            [] => {
                let message = format!("`{name}` needs an expression of a space coordinate");
                self.report(
                    Mistake::new(ErrorKind::Dependence, message)
                        .at(arguments[0].span, "the same everywhere in space"),
                );
                None
            }
            many => {
                let names: Vec<&str> =
                    many.iter().map(|&i| self.coordinates[i].name.as_str()).collect();
                let message = format!("`{name}` does not know which coordinate is meant");
                let label = format!("depends on {}", names.join(" and "));
                let help = format!("write for example `{name}(…, {})`", names[0]);
                self.report(
                    Mistake::new(ErrorKind::Dependence, message)
                        .at(arguments[0].span, label)
                        .help(help),
                );
                None
            }
        }
    }

    /// `grad`, `div` and `lap` in the geometry of the coordinate.
    pub(crate) fn lower_operator(
        &mut self,
        name: &str,
        arguments: &[Expr],
        span: Span,
        context: Context<'_>,
    ) -> Option<Typed> {
        if arguments.is_empty() || arguments.len() > 2 {
            let message = format!("`{name}` takes an expression and, if needed, a coordinate");
            self.report(Mistake::new(ErrorKind::Arguments, message).at(span, ""));
            return None;
        }
        let inner = self.lower(&arguments[0], context)?;
        let over = |s: &Session, i: usize, power: f64| match (inner.unit, s.coordinates[i].unit) {
            (Some(u), Some(x)) => Some(u.over(&x.power(power))),
            _ => None,
        };
        if name == "lap" && arguments.len() == 1 {
            let space = self.space_of(inner.node);
            if space.is_empty() {
                self.operator_coordinate(name, inner.node, arguments)?;
            }
            let units: Vec<_> = space.iter().map(|&i| over(self, i, 2.0)).collect();
            if units.windows(2).any(|u| u[0] != u[1]) {
                let message = "the space coordinates have different units";
                let help = "name the coordinate, as in `lap(u, x) + …`";
                self.report(Mistake::new(ErrorKind::Units, message).at(span, "").help(help));
                return None;
            }
            let terms: Vec<Node> = space.iter().map(|&i| self.laplacian(inner.node, i)).collect();
            let unit = units.first().copied().flatten();
            return Some(Typed { node: self.graph.sum(&terms), unit });
        }
        let i = self.operator_coordinate(name, inner.node, arguments)?;
        let (node, power) = match name {
            "grad" => (self.graph.diff(inner.node, self.coordinates[i].symbol), 1.0),
            "div" => (self.divergence(inner.node, i), 1.0),
            _ => (self.laplacian(inner.node, i), 2.0),
        };
        Some(Typed { node, unit: over(self, i, power) })
    }

    /// Power of the radius in the volume element: 0, 1 or 2.
    pub(crate) fn curvature(&self, coordinate: usize) -> f64 {
        match self.resolved[coordinate].as_ref().map(|c| c.geometry) {
            Some(Geometry::Cylinder) => 1.0,
            Some(Geometry::Sphere) => 2.0,
            _ => 0.0,
        }
    }

    /// `dF/dr + (n/r) F`.
    pub(crate) fn divergence(&mut self, flux: Node, coordinate: usize) -> Node {
        let symbol = self.coordinates[coordinate].symbol;
        let n = self.curvature(coordinate);
        let slope = self.graph.diff(flux, symbol);
        if n == 0.0 {
            return slope;
        }
        let r = self.graph.symbol(symbol);
        let ratio = self.graph.div(flux, r);
        self.graph.linear(0.0, &[(slope, 1.0), (ratio, n)])
    }

    fn laplacian(&mut self, node: Node, coordinate: usize) -> Node {
        let flux = self.graph.diff(node, self.coordinates[coordinate].symbol);
        self.divergence(flux, coordinate)
    }

    /// `mean(u, r)` and `int(u, x)`.
    pub(crate) fn lower_integral(
        &mut self,
        name: &str,
        arguments: &[Expr],
        span: Span,
        context: Context<'_>,
    ) -> Option<Typed> {
        self.check_count(name, arguments.len(), 2, span)?;
        let inner = self.lower(&arguments[0], context)?;
        let Some(word) = arguments[1].as_name() else {
            let message = format!("the second argument of `{name}` must be a coordinate");
            self.report(Mistake::new(ErrorKind::Arguments, message).at(arguments[1].span, ""));
            return None;
        };
        let Some(&(Entity::Coordinate(i), _)) = self.names.get(word) else {
            self.unknown_coordinate(word, arguments[1].span);
            return None;
        };
        self.used.insert(word.to_string());
        let entry = self.coordinates[i].clone();
        let (lower, upper) = self.resolved[i].as_ref().map(|c| (c.lower, c.upper))?;
        let spans = (arguments[0].span, arguments[1].span);
        self.depends(inner.node, entry.symbol, word, spans.0, spans.1)?;
        let mut body = inner.node;
        let mut unit = match (inner.unit, entry.unit) {
            (Some(u), Some(x)) => Some(u.times(&x)),
            _ => None,
        };
        if name == "mean" {
            let n = self.curvature(i);
            let r = self.graph.symbol(entry.symbol);
            let weight = self.graph.powf(r, n);
            let volume = (upper.powf(n + 1.0) - lower.powf(n + 1.0)) / (n + 1.0);
            let weighted = self.graph.mul(weight, body);
            body = self.graph.scale(1.0 / volume, weighted);
            unit = inner.unit;
        }
        let (lower, upper) = (self.graph.constant(lower), self.graph.constant(upper));
        let spec = IntegralSpec { body, symbol: entry.symbol, lower, upper };
        Some(Typed { node: self.graph.integral(spec), unit })
    }

    /// `u | x = 0 | t = 1`.
    pub(crate) fn lower_at(
        &mut self,
        inner: &Expr,
        places: &[Place],
        context: Context<'_>,
    ) -> Option<Typed> {
        let typed = self.lower(inner, context);
        let mut map = Vec::new();
        for place in places {
            let value = self.lower(&place.value, context);
            let variable = match self.names.get(&place.name).map(|n| n.0) {
                Some(Entity::Coordinate(i)) => {
                    let entry = self.coordinates[i].clone();
                    let fits = value.is_some_and(|v| {
                        v.unit.is_none() || entry.unit.is_none() || v.unit == entry.unit
                    });
                    if fits {
                        self.check_place(i, value, place.value.span);
                    }
                    Some((entry.symbol, entry.unit))
                }
                Some(Entity::Parameter(i)) => {
                    let entry = &self.parameters[i];
                    Some((entry.symbol, entry.unit))
                }
                _ => {
                    self.unknown_coordinate(&place.name, place.span);
                    None
                }
            };
            self.used.insert(place.name.clone());
            let (Some((symbol, unit)), Some(value), Some(typed)) = (variable, value, typed) else {
                continue;
            };
            let message = format!("the place of `{}` has another unit", place.name);
            let wanted = Typed { node: value.node, unit };
            let spans = (place.span, place.value.span);
            self.same_unit(&message, (wanted, spans.0), (value, spans.1));
            self.depends(typed.node, symbol, &place.name, inner.span, place.span);
            map.push((symbol, value.node));
        }
        let typed = typed?;
        if map.len() < places.len() {
            return None;
        }
        Some(Typed { node: self.graph.substitute(typed.node, &map), ..typed })
    }

    /// Reports a place outside the range of a coordinate.
    pub(crate) fn check_place(&mut self, coordinate: usize, value: Option<Typed>, span: Span) {
        let Some(c) = &self.resolved[coordinate] else {
            return;
        };
        let Some(value) = value.and_then(|v| self.graph.as_constant(v.node)) else {
            return;
        };
        let slack = EDGE * (c.upper - c.lower);
        if value < c.lower - slack || value > c.upper + slack || !value.is_finite() {
            let factor = c.unit.factor;
            let (low, high) = (c.lower / factor, c.upper / factor);
            let unit = if c.unit.text == "1" { "" } else { c.unit.text.as_str() };
            let message = format!("`{}` runs from {low} to {high} {unit}", c.name);
            let label = format!("{} is outside", value / factor);
            let mistake = Mistake::new(ErrorKind::Place, message.trim_end().to_string());
            self.report(mistake.at(span, label));
        }
    }

    /// Evaluates an expression of constants to a number.
    pub(crate) fn number(&mut self, expr: &Expr) -> Option<(f64, Option<Dimension>)> {
        let typed = self.lower(expr, Context::global(Mode::Constant))?;
        match self.graph.as_constant(typed.node) {
            Some(value) if value.is_finite() => Some((value, typed.unit)),
            _ => {
                let message = "this is not a finite number";
                self.report(Mistake::new(ErrorKind::Range, message).at(expr.span, ""));
                None
            }
        }
    }
}
