//! Expressions to graph nodes, with units inferred and checked on the way.

use surrogate_symbolic::Call;

use crate::ast::{Expr, Kind};
use crate::diagnose::{ErrorKind, Mistake, closest};
use crate::scope::{ConstantBody, Entity, Known, Mode, RESERVED, Session, Typed};
use crate::source::Span;
use crate::units::Dimension;

/// Deepest nesting of expressions through definitions and functions.
const MAX_DEPTH: usize = 200;

/// Where an expression stands: which symbols it may use, and the arguments of the function it
/// belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) mode: Mode,
    pub(crate) locals: &'a [(String, Typed)],
}

impl Context<'_> {
    pub(crate) fn global(mode: Mode) -> Context<'static> {
        Context { mode, locals: &[] }
    }
}

impl Session {
    /// The node and unit of an expression, or nothing if a mistake was reported.
    pub(crate) fn lower(&mut self, expr: &Expr, context: Context<'_>) -> Option<Typed> {
        self.allow_depth(self.depth + 1, expr.span)?;
        self.depth += 1;
        let typed = self.lower_kind(expr, context);
        self.depth -= 1;
        typed
    }

    /// Notes a depth; reports if it is too deep. The graph is as deep as what it is made from, and
    /// is walked recursively.
    fn allow_depth(&mut self, depth: usize, span: Span) -> Option<()> {
        self.deepest = self.deepest.max(depth);
        if depth <= MAX_DEPTH {
            return Some(());
        }
        let message = "definitions and functions are nested too deeply";
        self.report(Mistake::new(ErrorKind::Expression, message).at(span, "in here"));
        None
    }

    /// Works something out and measures how many levels that took.
    pub(crate) fn measured(&mut self, work: impl FnOnce(&mut Self) -> Option<Typed>) -> Known {
        let before = std::mem::replace(&mut self.deepest, self.depth);
        let typed = work(self);
        let levels = self.deepest - self.depth;
        self.deepest = self.deepest.max(before);
        (typed, levels)
    }

    /// Something worked out before, if that is not too deep here.
    pub(crate) fn recalled(&mut self, (typed, levels): Known, span: Span) -> Option<Typed> {
        self.allow_depth(self.depth + levels, span)?;
        typed
    }

    fn lower_kind(&mut self, expr: &Expr, context: Context<'_>) -> Option<Typed> {
        match &expr.kind {
            Kind::Number(value) => {
                let unit = (*value != 0.0).then_some(Dimension::ONE);
                Some(Typed { node: self.graph.constant(*value), unit })
            }
            Kind::Name(name) => self.lower_name(name, expr.span, context),
            Kind::Negative(a) => {
                let a = self.lower(a, context)?;
                Some(Typed { node: self.graph.neg(a.node), ..a })
            }
            Kind::Sum(terms) => self.lower_sum(terms, context),
            Kind::Product(factors) => self.lower_product(factors, context),
            Kind::Power(base, exponent) => self.lower_power(base, exponent, context),
            Kind::Call(name, arguments) => self.lower_call(name, arguments, expr.span, context),
            Kind::At(inner, places) => self.lower_at(inner, places, context),
        }
    }

    fn lower_sum(&mut self, terms: &[(bool, Expr)], context: Context<'_>) -> Option<Typed> {
        let mut list = Vec::with_capacity(terms.len());
        let mut unit: Option<(Dimension, Span)> = None;
        let mut failed = false;
        for (minus, term) in terms {
            let Some(typed) = self.lower(term, context) else {
                failed = true;
                continue;
            };
            list.push((typed.node, if *minus { -1.0 } else { 1.0 }));
            match (unit, typed.unit) {
                (None, Some(found)) => unit = Some((found, term.span)),
                (Some((wanted, first)), Some(found)) if wanted != found => {
                    let message = "terms with different units are added";
                    self.report_units(message, (wanted, first), (found, term.span));
                    failed = true;
                }
                _ => {}
            }
        }
        if failed {
            return None;
        }
        Some(Typed { node: self.graph.linear(0.0, &list), unit: unit.map(|u| u.0) })
    }

    fn lower_product(&mut self, factors: &[(bool, Expr)], context: Context<'_>) -> Option<Typed> {
        let mut list = Vec::with_capacity(factors.len());
        let mut unit = Some(Dimension::ONE);
        let mut failed = false;
        for (divide, factor) in factors {
            let Some(typed) = self.lower(factor, context) else {
                failed = true;
                continue;
            };
            if *divide && self.graph.is_zero(typed.node) {
                let message = "division by zero";
                self.report(Mistake::new(ErrorKind::Range, message).at(factor.span, "this is 0"));
                failed = true;
                continue;
            }
            let exponent = if *divide { -1.0 } else { 1.0 };
            list.push((typed.node, exponent));
            unit = match (unit, typed.unit) {
                (Some(a), Some(b)) => Some(a.times(&b.power(exponent))),
                _ => None,
            };
        }
        (!failed).then(|| Typed { node: self.graph.product(&list), unit })
    }

    fn lower_power(&mut self, base: &Expr, exponent: &Expr, context: Context<'_>) -> Option<Typed> {
        let b = self.lower(base, context);
        let e = self.lower(exponent, context)?;
        let b = b?;
        self.plain(e, exponent.span, "an exponent")?;
        if let Some(power) = self.graph.as_constant(e.node) {
            let unit = b.unit.map(|u| u.power(power));
            return Some(Typed { node: self.graph.powf(b.node, power), unit });
        }
        self.plain(b, base.span, "the base of a varying power")?;
        Some(Typed::new(self.graph.pow(b.node, e.node), Dimension::ONE))
    }

    /// Reports unless the value has no unit.
    pub(crate) fn plain(&mut self, typed: Typed, span: Span, what: &str) -> Option<()> {
        match typed.unit {
            Some(unit) if !unit.is_one() => {
                let message = format!("{what} must have no unit");
                self.report(
                    Mistake::new(ErrorKind::Units, message)
                        .at(span, unit.to_string())
                        .help(format!("divide it by something in {unit}")),
                );
                None
            }
            _ => Some(()),
        }
    }

    /// Two units that should be the same.
    pub(crate) fn report_units(
        &mut self,
        message: &str,
        (left, at): (Dimension, Span),
        (right, and): (Dimension, Span),
    ) {
        let factor = left.over(&right).as_factor();
        let help = if right.is_one() {
            format!("numbers have no unit: name a constant, as in [constants] a = \"1 {}\"", left)
        } else if left.is_one() {
            format!("numbers have no unit: name a constant, as in [constants] a = \"1 {right}\"")
        } else {
            format!("a factor {factor} is missing on the right{}", self.remedy(left.over(&right)))
        };
        self.report(
            Mistake::new(ErrorKind::Units, message)
                .at(at, left.to_string())
                .at(and, right.to_string())
                .help(help),
        );
    }

    /// What to do about a missing factor, if that is simple: `: divide it by a quantity in m, such
    /// as L`.
    fn remedy(&self, factor: Dimension) -> String {
        let inverse = Dimension::ONE.over(&factor);
        let (verb, wanted) = if inverse.as_factor().contains('/') {
            ("multiply", factor)
        } else {
            ("divide", inverse)
        };
        let unit = wanted.as_factor();
        if unit.contains('/') {
            return String::new();
        }
        let quantity = |body: &ConstantBody| match body {
            ConstantBody::Quantity(q) => Some(q.unit.dimension),
            _ => None,
        };
        let constants = self.constants.iter().map(|c| (&c.name, quantity(&c.body)));
        let parameters = self.parameters.iter().map(|p| (&p.name, p.unit));
        let coordinates = self.coordinates.iter().map(|c| (&c.name, c.unit));
        let fitting =
            constants.chain(parameters).chain(coordinates).filter(|(_, u)| *u == Some(wanted));
        let names: Vec<String> = fitting.take(3).map(|(n, _)| format!("`{n}`")).collect();
        let such = match names.as_slice() {
            [] => String::new(),
            names => format!(", such as {}", names.join(" or ")),
        };
        format!(": {verb} it by a quantity in {unit}{such}")
    }

    /// Checks that two values have the same unit; the common unit.
    pub(crate) fn same_unit(
        &mut self,
        message: &str,
        (left, at): (Typed, Span),
        (right, and): (Typed, Span),
    ) -> Option<Option<Dimension>> {
        match (left.unit, right.unit) {
            (Some(a), Some(b)) if a != b => {
                self.report_units(message, (a, at), (b, and));
                None
            }
            (a, b) => Some(a.or(b)),
        }
    }

    fn lower_name(&mut self, name: &str, span: Span, context: Context<'_>) -> Option<Typed> {
        if let Some((_, typed)) = context.locals.iter().find(|(n, _)| n == name) {
            return Some(*typed);
        }
        match name {
            "pi" => {
                let node = self.graph.constant(std::f64::consts::PI);
                return Some(Typed::new(node, Dimension::ONE));
            }
            "N" => return self.lower_network(span, context.mode),
            _ => {}
        }
        let Some(&(entity, _)) = self.names.get(name) else {
            self.unknown_symbol(name, span, context);
            return None;
        };
        self.used.insert(name.to_string());
        if let Some(reason) = context.mode.forbids(entity) {
            let message = format!("`{name}` may not stand here");
            self.report(
                Mistake::new(ErrorKind::NotAllowed, message).at(span, entity.words()).help(reason),
            );
            return None;
        }
        match entity {
            Entity::Coordinate(i) => {
                let entry = self.coordinates[i].clone();
                Some(Typed { node: self.graph.symbol(entry.symbol), unit: entry.unit })
            }
            Entity::Parameter(i) => {
                let entry = self.parameters[i].clone();
                Some(Typed { node: self.graph.symbol(entry.symbol), unit: entry.unit })
            }
            Entity::Unknown(i) => {
                let entry = self.unknowns[i].clone();
                Some(Typed { node: self.graph.symbol(entry.symbol), unit: entry.unit })
            }
            Entity::Constant(i) => self.constant_value(i),
            Entity::Definition(i) => self.lower_definition(i, span, context.mode),
            Entity::Field(i) => {
                let unit = self.fields[i].unit;
                let (function, _) = self.fields[i].functions?;
                Some(Typed { node: self.graph.function_value(function), unit })
            }
            Entity::Function(_) => {
                let message = format!("`{name}` is a function and needs arguments");
                let help = format!("write `{name}(…)`");
                self.report(
                    Mistake::new(ErrorKind::Arguments, message).at(span, "no arguments").help(help),
                );
                None
            }
        }
    }

    fn lower_network(&mut self, span: Span, mode: Mode) -> Option<Typed> {
        let Mode::Ansatz(field) = mode else {
            self.report(
                Mistake::new(ErrorKind::NotAllowed, "the network `N` stands in an `ansatz` only")
                    .at(span, "not an ansatz"),
            );
            return None;
        };
        let (_, network) = self.fields[field].functions?;
        Some(Typed::new(self.graph.function_value(network), Dimension::ONE))
    }

    fn lower_call(
        &mut self,
        name: &str,
        arguments: &[Expr],
        span: Span,
        context: Context<'_>,
    ) -> Option<Typed> {
        if let Some(&(Entity::Function(index), _)) = self.names.get(name) {
            self.used.insert(name.to_string());
            return self.call_function(index, arguments, span, context);
        }
        if let Some(call) = elementary(name) {
            let a = self.one_argument(name, arguments, span, context)?;
            return self.lower_elementary(name, call, a, arguments[0].span);
        }
        match name {
            "d" => self.lower_derivative(arguments, span, context),
            "grad" | "div" | "lap" => self.lower_operator(name, arguments, span, context),
            "mean" | "int" => self.lower_integral(name, arguments, span, context),
            "log10" | "sqrt" => {
                let a = self.one_argument(name, arguments, span, context)?;
                if name == "sqrt" {
                    let unit = a.unit.map(|u| u.power(0.5));
                    return Some(Typed { node: self.graph.sqrt(a.node), unit });
                }
                self.plain(a, arguments[0].span, "the argument of `log10`")?;
                let log = self.graph.call(Call::Ln, a.node);
                let node = self.graph.scale(1.0 / std::f64::consts::LN_10, log);
                Some(Typed::new(node, Dimension::ONE))
            }
            "min" | "max" => {
                let [a, b] = self.arguments::<2>(name, arguments, span, context)?;
                let spans = (arguments[0].span, arguments[1].span);
                let message = format!("the arguments of `{name}` have different units");
                let unit = self.same_unit(&message, (a, spans.0), (b, spans.1))?;
                let node = if name == "min" {
                    self.graph.min(a.node, b.node)
                } else {
                    self.graph.max(a.node, b.node)
                };
                Some(Typed { node, unit })
            }
            "clip" => self.lower_clip(arguments, span, context),
            "if" => {
                let [c, a, b] = self.arguments::<3>(name, arguments, span, context)?;
                let message = "the two values of `if` have different units";
                let places = ((a, arguments[1].span), (b, arguments[2].span));
                let unit = self.same_unit(message, places.0, places.1)?;
                Some(Typed { node: self.graph.select(c.node, a.node, b.node), unit })
            }
            _ => {
                self.unknown_call(name, span, context);
                None
            }
        }
    }

    fn unknown_call(&mut self, name: &str, span: Span, context: Context<'_>) {
        let functions: Vec<String> = self.functions.iter().map(|f| f.name.clone()).collect();
        let known = RESERVED[2..28].iter().copied().chain(functions.iter().map(String::as_str));
        let known: Vec<&str> = known.collect();
        let local = context.locals.iter().any(|(n, _)| n == name);
        let help = match self.names.get(name) {
            Some((Entity::Field(_), _)) => {
                format!("`{name}` is a field; its value at a place is `{name} | x = 0`")
            }
            Some((entity, _)) => {
                format!("`{name}` is {}; products are written `{name} * (…)`", entity.words())
            }
            None if local => format!("`{name}` is an argument; write `{name} * (…)`"),
            None => match (name, closest(name, &known)) {
                ("ln", _) => "the natural logarithm is written `log`".to_string(),
                (_, Some(near)) => format!("did you mean `{near}`?"),
                _ => format!("known: {}", known.join(", ")),
            },
        };
        let message = format!("`{name}` is not a function");
        let end = span.start + name.len() as u32;
        let at = Span { end: end.min(span.end), ..span };
        self.report(Mistake::new(ErrorKind::UnknownSymbol, message).at(at, "unknown").help(help));
    }

    fn lower_elementary(&mut self, name: &str, call: Call, a: Typed, span: Span) -> Option<Typed> {
        let unit = match call {
            Call::Abs => a.unit,
            Call::Sign | Call::Step => Some(Dimension::ONE),
            _ => {
                self.plain(a, span, &format!("the argument of `{name}`"))?;
                Some(Dimension::ONE)
            }
        };
        Some(Typed { node: self.graph.call(call, a.node), unit })
    }

    fn lower_clip(
        &mut self,
        arguments: &[Expr],
        span: Span,
        context: Context<'_>,
    ) -> Option<Typed> {
        let [a, low, high] = self.arguments::<3>("clip", arguments, span, context)?;
        let message = "the limits of `clip` have another unit";
        let spans = (arguments[0].span, arguments[1].span, arguments[2].span);
        let unit = self.same_unit(message, (a, spans.0), (low, spans.1))?;
        let unit = self.same_unit(message, (Typed { unit, ..a }, spans.0), (high, spans.2))?;
        let limits = (self.graph.as_constant(low.node), self.graph.as_constant(high.node));
        let node = match limits {
            (Some(l), Some(h)) if l <= h => self.graph.clip(a.node, l, h),
            (Some(_), Some(_)) => {
                let message = "the limits of `clip` are reversed";
                self.report(Mistake::new(ErrorKind::Range, message).at(spans.1.to(spans.2), ""));
                return None;
            }
            _ => {
                let below = self.graph.min(a.node, high.node);
                self.graph.max(below, low.node)
            }
        };
        Some(Typed { node, unit })
    }

    fn one_argument(
        &mut self,
        name: &str,
        arguments: &[Expr],
        span: Span,
        context: Context<'_>,
    ) -> Option<Typed> {
        self.arguments::<1>(name, arguments, span, context).map(|[a]| a)
    }

    /// Exactly `K` arguments, all without mistakes.
    fn arguments<const K: usize>(
        &mut self,
        name: &str,
        arguments: &[Expr],
        span: Span,
        context: Context<'_>,
    ) -> Option<[Typed; K]> {
        self.check_count(name, arguments.len(), K, span)?;
        let lowered: Vec<Option<Typed>> =
            arguments.iter().map(|a| self.lower(a, context)).collect();
        let list: Vec<Typed> = lowered.into_iter().collect::<Option<_>>()?;
        list.try_into().ok()
    }

    pub(crate) fn check_count(
        &mut self,
        name: &str,
        found: usize,
        wanted: usize,
        span: Span,
    ) -> Option<()> {
        if found == wanted {
            return Some(());
        }
        let plural = if wanted == 1 { "" } else { "s" };
        let message = format!("`{name}` takes {wanted} argument{plural}, found {found}");
        self.report(Mistake::new(ErrorKind::Arguments, message).at(span, ""));
        None
    }
}

/// Elementary functions by name.
fn elementary(name: &str) -> Option<Call> {
    Some(match name {
        "exp" => Call::Exp,
        "log" => Call::Ln,
        "sin" => Call::Sin,
        "cos" => Call::Cos,
        "tan" => Call::Tan,
        "sinh" => Call::Sinh,
        "cosh" => Call::Cosh,
        "tanh" => Call::Tanh,
        "asinh" => Call::Asinh,
        "atan" => Call::Atan,
        "erf" => Call::Erf,
        "abs" => Call::Abs,
        "sign" => Call::Sign,
        "step" => Call::Step,
        _ => return None,
    })
}
