//! Functions as the file writes them: by expression, coefficients, points, integral or inverse.

use crate::diagnose::{ErrorKind, Mistake};
use crate::functions::{Function, Limit};
use crate::gather::ReadFile;
use crate::model::Unit;
use crate::parse::parse_head;
use crate::scope::Session;
use crate::section::{Section, wrong_type};
use crate::source::{Span, Text};
use crate::tree::{Table, Value};

impl Session {
    /// Reads the bodies of the functions; constants can be used in their limits.
    pub(crate) fn read_functions(&mut self, root: &Table, read: ReadFile<'_>) {
        let functions = self.entries(root, "functions");
        for (index, (key, value)) in functions.iter().enumerate() {
            let arguments = parse_head(key).ok().and_then(|h| h.1);
            self.functions[index].body = self.function_body(key, arguments, value, read);
        }
    }

    fn function_body(
        &mut self,
        key: &Text,
        arguments: Option<Vec<String>>,
        value: &Value,
        read: ReadFile<'_>,
    ) -> Option<Function> {
        if let Some(arguments) = &arguments {
            let mut sorted = arguments.clone();
            sorted.sort();
            if sorted.windows(2).any(|w| w[0] == w[1]) {
                let message = "two arguments have the same name";
                self.report(Mistake::new(ErrorKind::Name, message).at(key.whole(), ""));
                return None;
            }
        }
        let Some(table) = value.as_table() else {
            let body = self.expression_value(value, &key.string)?;
            let arguments = self.function_arguments(key, arguments)?;
            return Some(Function::Expression { arguments, body, clip: None, unit: None });
        };
        let section = Section::new(table, format!("[functions] {}", key.string), value.span);
        let kinds = ["expression", "polynomial", "points", "file", "integral_of", "inverse_of"];
        let given: Vec<&str> = kinds.into_iter().filter(|k| table.get(k).is_some()).collect();
        let [kind] = given.as_slice() else {
            let message = format!("`{}` must be given in exactly one way", key.string);
            let help = "expression, polynomial, points, file, integral_of or inverse_of";
            self.report(Mistake::new(ErrorKind::MissingKey, message).at(key.span, "").help(help));
            return None;
        };
        let known: &[&str] = match *kind {
            "expression" => &["expression", "clip", "unit", "description"],
            "polynomial" => &["polynomial", "clip", "unit", "argument_unit", "description"],
            "points" => &["points", "unit", "argument_unit", "description"],
            "file" => &["file", "columns", "unit", "argument_unit", "description"],
            "integral_of" => &["integral_of", "from", "range", "description"],
            _ => &["inverse_of", "description"],
        };
        section.check(&mut self.reporter, known);
        let unit = self.unit(&section, "unit");
        let argument_unit = self.unit(&section, "argument_unit");
        let clip = match section.get("clip") {
            None => None,
            Some(value) => Some(self.clip_limits(value, argument_unit.as_ref())?),
        };
        match *kind {
            "expression" => {
                let body = self.expression_value(section.get("expression")?, "expression")?;
                let arguments = self.function_arguments(key, arguments)?;
                Some(Function::Expression { arguments, body, clip, unit })
            }
            "polynomial" => {
                let coefficients = self.numbers(section.get("polynomial")?, "polynomial")?;
                Some(Function::Polynomial { coefficients, clip, unit, argument_unit })
            }
            "points" => {
                let value = section.get("points")?;
                let (x, y) = self.points(value)?;
                self.spline(x, y, unit, argument_unit, value.span)
            }
            "file" => {
                let units = [argument_unit.as_ref(), unit.as_ref()];
                let (x, y, span) = self.function_file(&section, units, read)?;
                self.spline(x, y, unit, argument_unit, span)
            }
            "integral_of" => {
                let of = section.text(&mut self.reporter, "integral_of")?.clone();
                let Some(range) = section.get("range") else {
                    section.needed(&mut self.reporter, "range");
                    return None;
                };
                let range = self.range(range, "range", None)?;
                let unit = Some(range.unit.dimension);
                let from = match section.get("from") {
                    None => (range.lower, unit),
                    Some(value) => self.limit(value, "from", None)?,
                };
                let range = ((range.lower, unit), (range.upper, unit));
                Some(Function::Integral { of, from, range, span: value.span })
            }
            _ => {
                let of = section.text(&mut self.reporter, "inverse_of")?.clone();
                Some(Function::Inverse { of })
            }
        }
    }

    fn function_arguments(
        &mut self,
        key: &Text,
        given: Option<Vec<String>>,
    ) -> Option<Vec<String>> {
        if given.is_none() {
            let message = format!("the function `{}` needs its arguments", key.string);
            let help = format!("write `\"{}(x)\" = …`", key.string);
            self.report(Mistake::new(ErrorKind::Arguments, message).at(key.span, "").help(help));
        }
        given
    }

    fn spline(
        &mut self,
        mut x: Vec<f64>,
        mut y: Vec<f64>,
        unit: Option<Unit>,
        argument_unit: Option<Unit>,
        span: Span,
    ) -> Option<Function> {
        let (fx, fy) = (argument_unit.as_ref().map(|u| u.factor), unit.as_ref().map(|u| u.factor));
        x.iter_mut().for_each(|v| *v *= fx.unwrap_or(1.0));
        y.iter_mut().for_each(|v| *v *= fy.unwrap_or(1.0));
        Some(Function::Spline { x, y, unit, argument_unit, span })
    }

    fn clip_limits(&mut self, value: &Value, unit: Option<&Unit>) -> Option<(Limit, Limit)> {
        let Some([low, high]) = value.as_list() else {
            wrong_type(&mut self.reporter, value, "clip", "a list of two limits");
            return None;
        };
        let ends = (self.limit(low, "clip", unit), self.limit(high, "clip", unit));
        let (low, high) = (ends.0?, ends.1?);
        if low.0 < high.0 {
            return Some((low, high));
        }
        let message = "the limits of `clip` are reversed or equal";
        self.report(Mistake::new(ErrorKind::Range, message).at(value.span, ""));
        None
    }

    /// A list of finite numbers.
    pub(crate) fn numbers(&mut self, value: &Value, what: &str) -> Option<Vec<f64>> {
        let list = value.as_list().filter(|l| !l.is_empty());
        let Some(list) = list else {
            wrong_type(&mut self.reporter, value, what, "a list of numbers");
            return None;
        };
        let mut numbers = Vec::with_capacity(list.len());
        for item in list {
            match item.as_number().filter(|n| n.is_finite()) {
                Some(n) => numbers.push(n),
                None => {
                    wrong_type(&mut self.reporter, item, what, "a list of finite numbers");
                    return None;
                }
            }
        }
        Some(numbers)
    }

    fn points(&mut self, value: &Value) -> Option<(Vec<f64>, Vec<f64>)> {
        let Some(list) = value.as_list() else {
            wrong_type(&mut self.reporter, value, "points", "a list of pairs [x, y]");
            return None;
        };
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for item in list {
            let pair = self.numbers(item, "points")?;
            let [a, b] = pair.as_slice() else {
                let message = "`points` are pairs [x, y]";
                self.report(Mistake::new(ErrorKind::WrongType, message).at(item.span, ""));
                return None;
            };
            x.push(*a);
            y.push(*b);
        }
        Some((x, y))
    }
}
