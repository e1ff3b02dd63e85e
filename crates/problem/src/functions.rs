//! User-defined functions: by expression, polynomial, table, integral, and inverse.

use surrogate_jet::table::{Ends, Extrapolate, FitTolerance, Table};
use surrogate_symbolic::{Environment, Node, PolynomialId, SymbolId, TableDerivative, TableId};

use crate::ast::Expr;
use crate::diagnose::{ErrorKind, Mistake, did_you_mean};
use crate::lower::Context;
use crate::model::Unit;
use crate::scope::{Entity, Mode, Session, Typed};
use crate::source::{Span, Text};
use crate::units::Dimension;

/// Panels of the quadrature behind `integral_of`; each has [`GAUSS`] nodes.
const PANELS: usize = 512;
/// Gauss-Legendre nodes and weights on [-1, 1], order 16.
const GAUSS: [(f64, f64); 8] = [
    (-0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
    (-0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (-0.525_532_409_916_329, 0.313_706_645_877_887_27),
    (-0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_27),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];
/// Accuracy of tabulated functions relative to their largest value.
const TABLE_TOLERANCE: f64 = 3e-13;

/// A limit: SI value and unit (none: fits every unit).
pub(crate) type Limit = (f64, Option<Dimension>);

/// What a function is.
#[derive(Clone, Debug)]
pub(crate) enum Function {
    Expression {
        arguments: Vec<String>,
        body: Expr,
        clip: Option<(Limit, Limit)>,
        unit: Option<Unit>,
    },
    Polynomial {
        coefficients: Vec<f64>,
        clip: Option<(Limit, Limit)>,
        unit: Option<Unit>,
        argument_unit: Option<Unit>,
    },
    Spline {
        x: Vec<f64>,
        y: Vec<f64>,
        unit: Option<Unit>,
        argument_unit: Option<Unit>,
        span: Span,
    },
    Integral {
        of: Text,
        from: Limit,
        range: (Limit, Limit),
        span: Span,
    },
    Inverse {
        of: Text,
    },
}

/// A function that has become a polynomial or table of one SI argument.
#[derive(Clone, Debug)]
pub(crate) enum Built {
    Polynomial {
        id: PolynomialId,
        argument_factor: f64,
        factor: f64,
        clip: Option<(f64, f64)>,
        argument: Option<Dimension>,
        result: Option<Dimension>,
    },
    Table {
        id: TableId,
        argument: Option<Dimension>,
        result: Option<Dimension>,
        /// For integrals: the integrated function and the range, for the inverse.
        integrand: Option<(usize, f64, f64)>,
    },
}

fn unit_dimension(unit: Option<&Unit>) -> Dimension {
    unit.map_or(Dimension::ONE, |u| u.dimension)
}

fn unit_factor(unit: Option<&Unit>) -> f64 {
    unit.map_or(1.0, |u| u.factor)
}

impl Session {
    /// A call `f(a, b)` of a user's function.
    pub(crate) fn call_function(
        &mut self,
        index: usize,
        arguments: &[Expr],
        span: Span,
        context: Context<'_>,
    ) -> Option<Typed> {
        let name = self.functions[index].name.clone();
        let count = match &self.functions[index].body {
            None => return None,
            Some(Function::Expression { arguments, .. }) => arguments.len(),
            Some(_) => 1,
        };
        self.check_count(&name, arguments.len(), count, span)?;
        let lowered: Vec<Option<Typed>> =
            arguments.iter().map(|a| self.lower(a, context)).collect();
        let values: Vec<Typed> = lowered.into_iter().collect::<Option<_>>()?;
        let places: Vec<Span> = arguments.iter().map(|a| a.span).collect();
        self.apply_function(index, &values, &places, span, context.mode)
    }

    /// A function of given arguments.
    pub(crate) fn apply_function(
        &mut self,
        index: usize,
        values: &[Typed],
        places: &[Span],
        span: Span,
        mode: Mode,
    ) -> Option<Typed> {
        let name = self.functions[index].name.clone();
        let body = self.functions[index].body.clone()?;
        let place = places.first().copied().unwrap_or(span);
        if let Function::Expression { arguments, body, clip, unit } = body {
            let bits = |u: Dimension| u.powers.map(|p| (p * 1e6).round().to_bits());
            let key: Vec<_> = values.iter().map(|v| (v.node, v.unit.map(bits))).collect();
            let key = (index, key, mode);
            if let Some(&known) = self.calls.get(&key) {
                return self.recalled(known, span);
            }
            let mut locals: Vec<(String, Typed)> =
                arguments.into_iter().zip(values.iter().copied()).collect();
            if let (Some(limits), Some((_, first))) = (clip, locals.first_mut()) {
                *first = self.clipped(*first, limits, place)?;
            }
            self.enter(&name, span)?;
            let locals = locals.as_slice();
            let (typed, levels) = self.measured(|s| s.lower(&body, Context { mode, locals }));
            self.stack.pop();
            let typed = typed.and_then(|t| self.with_unit(t, unit.as_ref(), body.span));
            self.calls.insert(key, (typed, levels));
            return typed;
        }
        let argument = *values.first()?;
        match self.build_function(index, span)? {
            Built::Polynomial { id, argument_factor, factor, clip, argument: wanted, result } => {
                self.fits(argument, wanted, place, &name)?;
                let mut node = argument.node;
                if let Some((low, high)) = clip {
                    node = self.graph.clip(node, low, high);
                }
                let node = self.graph.scale(1.0 / argument_factor, node);
                let value = self.graph.polynomial(node, id);
                Some(Typed { node: self.graph.scale(factor, value), unit: result })
            }
            Built::Table { id, argument: wanted, result, .. } => {
                self.fits(argument, wanted, place, &name)?;
                Some(Typed { node: self.graph.tabulated(argument.node, id), unit: result })
            }
        }
    }

    /// Gives a plain result its declared unit, or checks the unit it has.
    fn with_unit(&mut self, typed: Typed, unit: Option<&Unit>, span: Span) -> Option<Typed> {
        let Some(unit) = unit else { return Some(typed) };
        match typed.unit {
            Some(found) if found == unit.dimension && !found.is_one() => Some(typed),
            Some(found) if !found.is_one() => {
                let message = "the function has another unit than it declares";
                let label = format!("{found}, declared {}", unit.text);
                self.report(Mistake::new(ErrorKind::Units, message).at(span, label));
                None
            }
            _ => {
                let node = self.graph.scale(unit.factor, typed.node);
                Some(Typed::new(node, unit.dimension))
            }
        }
    }

    fn clipped(&mut self, a: Typed, limits: (Limit, Limit), span: Span) -> Option<Typed> {
        let ((low, low_unit), (high, high_unit)) = limits;
        let unit = low_unit.or(high_unit);
        if let (Some(found), Some(wanted)) = (a.unit, unit)
            && found != wanted
        {
            let message = "the argument has another unit than its `clip` limits";
            let label = format!("{found}, but the limits are in {wanted}");
            self.report(Mistake::new(ErrorKind::Units, message).at(span, label));
            return None;
        }
        Some(Typed { node: self.graph.clip(a.node, low, high), ..a })
    }

    /// Checks the unit of an argument.
    fn fits(
        &mut self,
        typed: Typed,
        wanted: Option<Dimension>,
        span: Span,
        name: &str,
    ) -> Option<()> {
        match (typed.unit, wanted) {
            (Some(found), Some(wanted)) if found != wanted => {
                let message = format!("the argument of `{name}` has another unit");
                let label = format!("{found}, but `{name}` takes {wanted}");
                self.report(Mistake::new(ErrorKind::Units, message).at(span, label));
                None
            }
            _ => Some(()),
        }
    }

    /// The polynomial or table of a function; made once.
    pub(crate) fn build_function(&mut self, index: usize, span: Span) -> Option<Built> {
        if let Some(known) = &self.functions[index].built {
            return known.clone();
        }
        let name = self.functions[index].name.clone();
        let body = self.functions[index].body.clone()?;
        self.enter(&name, span)?;
        let built = match body {
            Function::Expression { .. } => None,
            Function::Polynomial { coefficients, clip, unit, argument_unit } => {
                let factor = unit_factor(argument_unit.as_ref());
                Some(Built::Polynomial {
                    id: self.graph.add_polynomial(&coefficients),
                    argument_factor: factor,
                    factor: unit_factor(unit.as_ref()),
                    clip: clip.map(|(low, high)| (low.0, high.0)),
                    argument: Some(unit_dimension(argument_unit.as_ref())),
                    result: Some(unit_dimension(unit.as_ref())),
                })
            }
            Function::Spline { x, y, unit, argument_unit, span } => {
                let table = Table::spline(&x, &y, Ends::NotAKnot, Extrapolate::Clamp);
                match table {
                    Ok(table) => Some(Built::Table {
                        id: self.graph.add_table(table, None),
                        argument: Some(unit_dimension(argument_unit.as_ref())),
                        result: Some(unit_dimension(unit.as_ref())),
                        integrand: None,
                    }),
                    Err(e) => {
                        let message = format!("`{name}` cannot be interpolated: {e}");
                        self.report(Mistake::new(ErrorKind::Function, message).at(span, ""));
                        None
                    }
                }
            }
            Function::Integral { of, from, range, span } => {
                self.build_integral(&name, &of, from, range, span)
            }
            Function::Inverse { of } => self.build_inverse(&name, &of),
        };
        self.stack.pop();
        self.functions[index].built = Some(built.clone());
        built
    }

    fn function_named(&mut self, of: &Text) -> Option<usize> {
        self.used.insert(of.string.clone());
        if let Some(&(Entity::Function(index), _)) = self.names.get(&of.string) {
            return Some(index);
        }
        let known: Vec<String> = self.functions.iter().map(|f| f.name.clone()).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let message = format!("`{}` is not a function of this file", of.string);
        self.report(
            Mistake::new(ErrorKind::UnknownSymbol, message)
                .at(of.span, "unknown")
                .maybe_help(did_you_mean(&of.string, &known)),
        );
        None
    }

    /// A function of a placeholder symbol, as an expression.
    fn template(
        &mut self,
        index: usize,
        symbol: SymbolId,
        unit: Option<Dimension>,
        span: Span,
    ) -> Option<Typed> {
        let node = self.graph.symbol(symbol);
        self.apply_function(index, &[Typed { node, unit }], &[span], span, Mode::Integrand)
    }

    fn build_integral(
        &mut self,
        name: &str,
        of: &Text,
        from: Limit,
        range: (Limit, Limit),
        span: Span,
    ) -> Option<Built> {
        let integrand = self.function_named(of)?;
        let unit = from.1.or(range.0.1).or(range.1.1);
        for limit in [from, range.0, range.1] {
            if limit.1.is_some() && limit.1 != unit {
                let message = format!("`from` and `range` of `{name}` have different units");
                self.report(Mistake::new(ErrorKind::Units, message).at(span, ""));
                return None;
            }
        }
        let (low, high, start) = (range.0.0, range.1.0, from.0);
        if !(low..=high).contains(&start) {
            let message = format!("`from` of `{name}` is outside its `range`");
            self.report(Mistake::new(ErrorKind::Range, message).at(span, ""));
            return None;
        }
        let argument = self.graph.add_symbol("argument");
        let body = self.template(integrand, argument, unit, of.span)?;
        let cumulative = Cumulative::new(self, body.node, argument, (low, high));
        let base = cumulative.value(self, body.node, argument, start);
        let session = &*self;
        let value = |x: f64| cumulative.value(session, body.node, argument, x) - base;
        let scale = cumulative.sums.iter().fold(0.0, |m: f64, s| m.max((s - base).abs()));
        let absolute = TABLE_TOLERANCE * if scale > 0.0 { scale } else { 1.0 };
        let tolerance = FitTolerance { absolute, relative: 0.0 };
        let fit = Table::fit(&value, (low, high), tolerance, Extrapolate::Clamp);
        let table = match fit {
            Ok(fit) => fit.table,
            Err(e) => {
                let message = format!("`{}` cannot be integrated from {low} to {high}", of.string);
                let label = e.to_string();
                self.report(Mistake::new(ErrorKind::Function, message).at(of.span, label));
                return None;
            }
        };
        let derivative = TableDerivative::Expression { argument, body: body.node };
        let id = self.graph.add_table(table, Some(derivative));
        let result = match (body.unit, unit) {
            (Some(f), Some(x)) => Some(f.times(&x)),
            _ => None,
        };
        Some(Built::Table { id, argument: unit, result, integrand: Some((integrand, low, high)) })
    }

    fn build_inverse(&mut self, name: &str, of: &Text) -> Option<Built> {
        let inner = self.function_named(of)?;
        let built = self.build_function(inner, of.span);
        self.functions[inner].body.as_ref()?;
        let is_table = !matches!(
            self.functions[inner].body,
            Some(Function::Expression { .. } | Function::Polynomial { .. })
        );
        if !is_table {
            let message = format!("`{name}` can only invert an integral or a table");
            let label = "neither `integral_of` nor points";
            self.report(Mistake::new(ErrorKind::Function, message).at(of.span, label));
            return None;
        }
        let Built::Table { id, argument, result, integrand } = built? else {
            return None;
        };
        let table = self.graph.table(id).clone();
        let (low, high) = table.range();
        let slope = table.derivative();
        let (first, last) = (table.value(low), table.value(high));
        let rising = last > first;
        let steps = 4096;
        let place = |k: usize| low + (high - low) * k as f64 / f64::from(steps);
        let turning = (0..steps as usize).map(|k| (place(k), place(k + 1))).find(|&(a, b)| {
            let step = table.value(b) - table.value(a);
            if rising { step <= 0.0 } else { step >= 0.0 }
        });
        if let Some((at, _)) = turning {
            let message = format!("`{}` has no inverse: it is not monotone", of.string);
            let label = format!("turns near {at:.4}");
            self.report(
                Mistake::new(ErrorKind::Function, message)
                    .at(of.span, label)
                    .help("narrow its `range`"),
            );
            return None;
        }
        let inverse = |w: f64| invert(&table, &slope, w, (low, high), rising);
        let ends = if rising { (first, last) } else { (last, first) };
        let absolute = TABLE_TOLERANCE * low.abs().max(high.abs());
        let tolerance = FitTolerance { absolute, relative: 0.0 };
        let table = match Table::fit(&inverse, ends, tolerance, Extrapolate::Clamp) {
            Ok(fit) => fit.table,
            Err(e) => {
                let message = format!("the inverse of `{}` cannot be tabulated", of.string);
                self.report(Mistake::new(ErrorKind::Function, message).at(of.span, e.to_string()));
                return None;
            }
        };
        let inverse_id = self.graph.add_table(table, None);
        let symbol = self.graph.add_symbol("argument");
        let w = self.graph.symbol(symbol);
        let x = self.graph.tabulated(w, inverse_id);
        let slope = match integrand {
            Some((function, ..)) => {
                let x = Typed { node: x, unit: argument };
                self.apply_function(function, &[x], &[of.span], of.span, Mode::Integrand)?.node
            }
            None => self.slope_of_table(id, x),
        };
        let body = self.graph.powf(slope, -1.0);
        let derivative = TableDerivative::Expression { argument: symbol, body };
        self.graph.set_table_derivative(inverse_id, derivative);
        Some(Built::Table { id: inverse_id, argument: result, result: argument, integrand: None })
    }

    /// The derivative of a table at a node.
    fn slope_of_table(&mut self, table: TableId, at: Node) -> Node {
        let symbol = self.graph.add_symbol("argument");
        let x = self.graph.symbol(symbol);
        let value = self.graph.tabulated(x, table);
        let slope = self.graph.diff(value, symbol);
        self.graph.substitute(slope, &[(symbol, at)])
    }

    /// Value of an expression of one symbol.
    fn value_at(&self, node: Node, symbol: SymbolId, x: f64) -> f64 {
        let symbols = |s: SymbolId| if s == symbol { x } else { f64::NAN };
        let jets = |_: &_, _: &[f64]| f64::NAN;
        self.graph.evaluate(node, &Environment { symbols: &symbols, jets: &jets })
    }
}

/// Integrals from the lower end of a range to the start of each panel.
struct Cumulative {
    low: f64,
    width: f64,
    sums: Vec<f64>,
}

impl Cumulative {
    fn new(session: &Session, body: Node, symbol: SymbolId, (low, high): (f64, f64)) -> Self {
        let width = (high - low) / PANELS as f64;
        let mut out = Self { low, width, sums: vec![0.0] };
        let mut total = 0.0;
        let mut lost = 0.0;
        for k in 0..PANELS {
            let start = low + k as f64 * width;
            // compensated summation: the table is to be good to rounding
            let step = out.panel(session, body, symbol, start, start + width) - lost;
            let next = total + step;
            lost = (next - total) - step;
            total = next;
            out.sums.push(total);
        }
        out
    }

    fn panel(&self, session: &Session, body: Node, symbol: SymbolId, a: f64, b: f64) -> f64 {
        let (middle, half) = (0.5 * (a + b), 0.5 * (b - a));
        let term = |&(x, w): &(f64, f64)| w * session.value_at(body, symbol, middle + half * x);
        half * GAUSS.iter().map(term).sum::<f64>()
    }

    fn value(&self, session: &Session, body: Node, symbol: SymbolId, x: f64) -> f64 {
        let k = ((x - self.low) / self.width).floor().clamp(0.0, (PANELS - 1) as f64);
        let start = self.low + k * self.width;
        self.sums[k as usize] + self.panel(session, body, symbol, start, x)
    }
}

/// Solves `table(x) = w` by Newton steps kept inside a bracket.
fn invert(table: &Table, slope: &Table, w: f64, range: (f64, f64), rising: bool) -> f64 {
    let (mut low, mut high) = range;
    let mut x = 0.5 * (low + high);
    for _ in 0..100 {
        let miss = table.value(x) - w;
        if miss == 0.0 {
            break;
        }
        if (miss > 0.0) == rising {
            high = x
        } else {
            low = x
        }
        let newton = x - miss / slope.value(x);
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        let step = (next - x).abs();
        x = next;
        if step <= 2.0 * f64::EPSILON * x.abs().max(range.1.abs() * 1e-3) {
            break;
        }
    }
    x
}
