//! Quantities and ranges: `"4 um"`, `"0 s .. 1350 s"`, `[0, 1]`, `"0 .. R_n"`.

use crate::diagnose::{ErrorKind, Mistake};
use crate::model::Unit;
use crate::parse::{ParseError, parse_expression};
use crate::scope::{ConstantBody, Entity, Session};
use crate::section::{Section, wrong_type};
use crate::source::{Span, Text};
use crate::tree::{Kind, Value};
use crate::units::{
    Dimension, Quantity, UnitError, looks_like_quantity, parse_quantity, parse_unit,
};

/// A number with its unit, as far as it is known.
#[derive(Clone, Debug)]
pub(crate) struct Amount {
    /// SI value.
    pub(crate) value: f64,
    /// The unit; none for a plain number, which takes the unit its place expects.
    pub(crate) unit: Option<Unit>,
    /// Written in degC: a place on the scale of temperatures, not a difference.
    pub(crate) celsius: bool,
    pub(crate) span: Span,
}

/// Two ends in SI with their common unit.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    pub(crate) unit: Unit,
    pub(crate) span: Span,
}

impl Session {
    /// Reports an expression that cannot be read.
    pub(crate) fn report_parse(&mut self, text: &Text, e: ParseError) {
        let span = text.part(e.range);
        self.report(
            Mistake::new(ErrorKind::Expression, e.message).at(span, e.label).maybe_help(e.help),
        );
    }

    /// Reports a unit that cannot be read.
    pub(crate) fn report_unit(&mut self, text: &Text, e: UnitError) {
        let span = text.part(e.start..e.end);
        self.report(Mistake::new(ErrorKind::Quantity, e.message).at(span, "").maybe_help(e.help));
    }

    /// A unit by key.
    pub(crate) fn unit(&mut self, section: &Section<'_>, key: &str) -> Option<Unit> {
        let text = section.text(&mut self.reporter, key)?;
        match parse_unit(&text.string) {
            Ok(unit) => Some(unit),
            Err(e) => {
                self.report_unit(text, e);
                None
            }
        }
    }

    /// A quantity or an expression of constants.
    pub(crate) fn amount_of(&mut self, text: &Text) -> Option<Amount> {
        let span = text.whole();
        if looks_like_quantity(&text.string) {
            return match parse_quantity(&text.string) {
                Ok(q) => {
                    let unit = (!q.plain).then_some(q.unit);
                    Some(Amount { value: q.value, unit, celsius: q.celsius, span })
                }
                Err(e) => {
                    self.report_unit(text, e);
                    None
                }
            };
        }
        let expr = match parse_expression(text) {
            Ok(expr) => expr,
            Err(e) => {
                self.report_parse(text, e);
                return None;
            }
        };
        let (value, dimension) = self.number(&expr)?;
        let named = expr.as_name().and_then(|name| match self.names.get(name)?.0 {
            Entity::Constant(i) => match &self.constants[i].body {
                ConstantBody::Quantity(q) => Some(q.unit.clone()),
                _ => None,
            },
            _ => None,
        });
        let unit = named.or(dimension.map(Unit::si)).filter(|u| !u.dimension.is_one());
        Some(Amount { value, unit, celsius: false, span })
    }

    /// A quantity, or a number.
    pub(crate) fn amount(&mut self, value: &Value, what: &str) -> Option<Amount> {
        let amount = match &value.kind {
            Kind::Text(text) => self.amount_of(text)?,
            _ => match value.as_number() {
                Some(number) => {
                    Amount { value: number, unit: None, celsius: false, span: value.span }
                }
                None => {
                    wrong_type(&mut self.reporter, value, what, "a number or a quantity");
                    return None;
                }
            },
        };
        if amount.value.is_finite() {
            return Some(amount);
        }
        let message = format!("`{what}` must be finite");
        self.report(Mistake::new(ErrorKind::Range, message).at(amount.span, ""));
        None
    }

    /// An amount in SI that must have the dimension of `unit`; plain numbers are in `unit`.
    pub(crate) fn amount_in(&mut self, value: &Value, what: &str, unit: &Unit) -> Option<f64> {
        let amount = self.amount(value, what)?;
        self.adopt(&amount, what, unit)
    }

    /// As [`Session::amount_in`] for a size, an error or another difference, where 0.5 degC would
    /// be 273.65 K.
    pub(crate) fn difference_in(&mut self, value: &Value, what: &str, unit: &Unit) -> Option<f64> {
        let amount = self.amount(value, what)?;
        if amount.celsius {
            let message = format!("`{what}` is a difference and cannot be in degC");
            self.report(
                Mistake::new(ErrorKind::Units, message)
                    .at(amount.span, "a place on the scale of temperatures")
                    .help("write K: a difference of 1 degC is 1 K"),
            );
            return None;
        }
        self.adopt(&amount, what, unit)
    }

    fn adopt(&mut self, amount: &Amount, what: &str, unit: &Unit) -> Option<f64> {
        match &amount.unit {
            None => Some(amount.value * unit.factor),
            Some(found) if found.dimension == unit.dimension => Some(amount.value),
            Some(found) => {
                let message = format!("`{what}` has the wrong unit");
                let label = format!("{}, expected {}", found.dimension, unit.dimension);
                let minutes = (found.text == "m" && unit.text == "s")
                    .then(|| "m is the metre; minutes are `min`".to_string());
                self.report(
                    Mistake::new(ErrorKind::Units, message)
                        .at(amount.span, label)
                        .maybe_help(minutes),
                );
                None
            }
        }
    }

    /// A duration in seconds.
    pub(crate) fn duration(&mut self, section: &Section<'_>, key: &str) -> Option<f64> {
        let value = section.get(key)?;
        let mut second = Dimension::ONE;
        second.powers[2] = 1.0;
        let unit = Unit { text: "s".to_string(), factor: 1.0, dimension: second };
        let seconds = self.amount_in(value, key, &unit)?;
        if seconds > 0.0 {
            return Some(seconds);
        }
        let message = format!("`{key}` must be positive");
        self.report(Mistake::new(ErrorKind::Range, message).at(value.span, ""));
        None
    }

    /// A range; plain numbers are in `unit` if one is declared, else in the unit of the other end.
    pub(crate) fn range(
        &mut self,
        value: &Value,
        what: &str,
        unit: Option<&Unit>,
    ) -> Option<Range> {
        let (low, high) = match &value.kind {
            Kind::Text(text) => {
                let Some(at) = text.string.find("..") else {
                    let message = format!("`{what}` needs a range");
                    let help = "write `a .. b`, for example \"0 s .. 10 s\"";
                    self.report(
                        Mistake::new(ErrorKind::Range, message).at(text.whole(), "").help(help),
                    );
                    return None;
                };
                let (low, high) = (text.slice(0..at), text.slice(at + 2..text.string.len()));
                let ends = (self.amount_of(&low), self.amount_of(&high));
                (ends.0?, ends.1?)
            }
            Kind::List(list) if list.len() == 2 => {
                let ends = (self.amount(&list[0], what), self.amount(&list[1], what));
                (ends.0?, ends.1?)
            }
            _ => {
                let wanted = "a range such as \"0 .. 1\" or [0, 1]";
                wrong_type(&mut self.reporter, value, what, wanted);
                return None;
            }
        };
        if low.celsius != high.celsius && (low.unit.is_none() || high.unit.is_none()) {
            let message =
                format!("one end of the range of `{what}` is in degC, the other is plain");
            let at = if low.celsius { high.span } else { low.span };
            let help = "write the unit at both ends: \"0 degC .. 40 degC\"";
            self.report(Mistake::new(ErrorKind::Units, message).at(at, "no unit").help(help));
            return None;
        }
        let written = high.unit.clone().or_else(|| low.unit.clone());
        let unit = unit.cloned().or(written).unwrap_or_else(Unit::one);
        let lower = self.adopt(&low, what, &unit)?;
        let upper = self.adopt(&high, what, &unit)?;
        let problem = if !lower.is_finite() || !upper.is_finite() {
            "is not finite"
        } else if lower > upper {
            "is reversed"
        } else if lower == upper {
            "has no width"
        } else {
            return Some(Range { lower, upper, unit, span: value.span });
        };
        let message = format!("the range of `{what}` {problem}");
        let help = "the lower end comes first: \"0 s .. 10 s\"";
        self.report(Mistake::new(ErrorKind::Range, message).at(value.span, "").help(help));
        None
    }

    /// A limit of a function: plain numbers are in `unit`.
    pub(crate) fn limit(
        &mut self,
        value: &Value,
        what: &str,
        unit: Option<&Unit>,
    ) -> Option<(f64, Option<Dimension>)> {
        let amount = self.amount(value, what)?;
        match (&amount.unit, unit) {
            (None, Some(unit)) => Some((amount.value * unit.factor, Some(unit.dimension))),
            (None, None) if amount.value == 0.0 => Some((0.0, None)),
            (None, None) => Some((amount.value, Some(Dimension::ONE))),
            (Some(found), None) => Some((amount.value, Some(found.dimension))),
            (Some(_), Some(unit)) => {
                let value = self.adopt(&amount, what, unit)?;
                Some((value, Some(unit.dimension)))
            }
        }
    }

    /// A quantity in its own right, for constants: nothing if it is an expression.
    pub(crate) fn quantity(&mut self, text: &Text) -> Option<Result<Quantity, ()>> {
        if !looks_like_quantity(&text.string) {
            return None;
        }
        Some(parse_quantity(&text.string).map_err(|e| self.report_unit(text, e)))
    }
}
