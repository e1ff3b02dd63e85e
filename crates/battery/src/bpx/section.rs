//! One object of a BPX file: its fields are taken out one by one, and what is left is unknown.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::{BpxError, BpxWarning};
use crate::{Expression, Function, Table};

/// Mistakes and doubts found so far, and the version, which decides how strict to be.
pub(super) struct Findings {
    pub(super) version: String,
    pub(super) major: u64,
    pub(super) errors: Vec<BpxError>,
    pub(super) warnings: Vec<BpxWarning>,
}

/// Values that a number may have, with the words for them.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) words: &'static str,
    pub(super) allows: fn(f64) -> bool,
}

pub(super) const ANY: Range = Range { words: "a finite number", allows: f64::is_finite };
pub(super) const POSITIVE: Range = Range { words: "above 0", allows: |v| v > 0.0 && v.is_finite() };
pub(super) const NOT_NEGATIVE: Range =
    Range { words: "0 or above", allows: |v| v >= 0.0 && v.is_finite() };
pub(super) const POROSITY: Range =
    Range { words: "from 0.02 to 0.98", allows: |v| (0.02..=0.98).contains(&v) };
/// Of cells that hold a liquid electrolyte.
pub(super) const TEMPERATURE: Range = Range {
    words: "from 200 to 400 K (-73 to 127 degC)",
    allows: |v| (200.0..=400.0).contains(&v),
};
pub(super) const UNIT: Range = Range { words: "from 0 to 1", allows: |v| (0.0..=1.0).contains(&v) };
pub(super) const EFFICIENCY: Range =
    Range { words: "above 0 and at most 1", allows: |v| v > 0.0 && v <= 1.0 };

/// An object with its path; fields are removed as they are read.
pub(super) struct Section {
    pub(super) path: String,
    fields: BTreeMap<String, Value>,
    known: Vec<&'static str>,
}

impl Section {
    /// The object at `path`, or nothing and a mistake.
    pub(super) fn new(path: &str, value: Value, found: &mut Findings) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self {
                path: path.to_string(),
                fields: map.into_iter().collect(),
                known: vec![],
            }),
            other => {
                found.errors.push(BpxError::WrongKind {
                    path: path.to_string(),
                    expected: "an object in braces",
                    found: kind(&other),
                });
                None
            }
        }
    }

    /// Path of a field.
    pub(super) fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_string() } else { format!("{}/{name}", self.path) }
    }

    /// Whether a field is there and was not taken yet.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// A field of any kind; null counts as absent.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    /// A field that must be there.
    pub(super) fn require(&mut self, name: &'static str, found: &mut Findings) -> Option<Value> {
        let value = self.take(name);
        if value.is_none() {
            found.errors.push(BpxError::Missing { path: self.at(name), why: String::new() });
        }
        value
    }

    /// An object inside, where it is there.
    pub(super) fn inner(&mut self, name: &'static str, found: &mut Findings) -> Option<Self> {
        let value = self.take(name)?;
        Self::new(&self.at(name), value, found)
    }

    /// A text, where it is there.
    pub(super) fn text(&mut self, name: &'static str, found: &mut Findings) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            other => {
                let (path, found_kind) = (self.at(name), kind(&other));
                found.errors.push(BpxError::WrongKind {
                    path,
                    expected: "a text",
                    found: found_kind,
                });
                None
            }
        }
    }

    /// A number in a range, where it is there.
    pub(super) fn number(
        &mut self,
        name: &'static str,
        range: Range,
        found: &mut Findings,
    ) -> Option<f64> {
        let value = self.take(name)?;
        let path = self.at(name);
        let Some(number) = value.as_f64() else {
            let found_kind = kind(&value);
            found.errors.push(BpxError::WrongKind {
                path,
                expected: "a number",
                found: found_kind,
            });
            return None;
        };
        if !(range.allows)(number) {
            found.errors.push(BpxError::OutOfRange { path, value: number, range: range.words });
            return None;
        }
        Some(number)
    }

    /// A number that must be there.
    pub(super) fn needed(
        &mut self,
        name: &'static str,
        range: Range,
        found: &mut Findings,
    ) -> Option<f64> {
        if self.fields.get(name).is_none_or(Value::is_null) {
            self.known.push(name);
            found.errors.push(BpxError::Missing { path: self.at(name), why: String::new() });
            return None;
        }
        self.number(name, range, found)
    }

    /// A number, formula or table, where it is there.
    pub(super) fn function(
        &mut self,
        name: &'static str,
        found: &mut Findings,
    ) -> Option<Function> {
        let value = self.take(name)?;
        match function(&self.at(name), value) {
            Ok(function) => Some(function),
            Err(error) => {
                found.errors.push(error);
                None
            }
        }
    }

    /// Ends the reading: what was not taken is unknown.
    pub(super) fn close(self, found: &mut Findings) {
        for name in self.fields.keys() {
            let path = self.at(name);
            if found.major == 0 {
                found.warnings.push(BpxWarning::Unused { path });
                continue;
            }
            let closest = self
                .known
                .iter()
                .map(|known| (strsim::jaro_winkler(known, name), known))
                .filter(|(score, _)| *score > 0.85)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let hint = closest.map_or_else(
                || "; values of your own belong into Parameterisation/User-defined".to_string(),
                |(_, known)| format!("; did you mean `{known}`?"),
            );
            let version = found.version.clone();
            found.errors.push(BpxError::Unknown { path, version, hint });
        }
    }
}

/// A number, a formula or a table.
pub(super) fn function(path: &str, value: Value) -> Result<Function, BpxError> {
    let wrong = |value: &Value| BpxError::WrongKind {
        path: path.to_string(),
        expected: "a number, a formula in quotes or a table {\"x\": […], \"y\": […]}",
        found: kind(value),
    };
    match &value {
        Value::Number(number) => {
            number.as_f64().map(Function::Constant).ok_or_else(|| wrong(&value))
        }
        Value::String(text) => Expression::parse(text)
            .map(Function::Expression)
            .map_err(|reason| BpxError::Expression { path: path.to_string(), reason }),
        Value::Object(map) => {
            let complete = map.len() == 2 && map.contains_key("x") && map.contains_key("y");
            if !complete {
                return Err(wrong(&value));
            }
            let x = numbers(&format!("{path}/x"), &map["x"])?;
            let y = numbers(&format!("{path}/y"), &map["y"])?;
            Table::new(&x, &y)
                .map(Function::Table)
                .map_err(|reason| BpxError::Table { path: path.to_string(), reason })
        }
        _ => Err(wrong(&value)),
    }
}

/// A list of numbers.
pub(super) fn numbers(path: &str, value: &Value) -> Result<Vec<f64>, BpxError> {
    let wrong = |found: &Value| BpxError::WrongKind {
        path: path.to_string(),
        expected: "a list of numbers",
        found: kind(found),
    };
    let list = value.as_array().ok_or_else(|| wrong(value))?;
    list.iter().map(|v| v.as_f64().ok_or_else(|| wrong(v))).collect()
}

/// What a value is, in words.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => {
            format!("the text \"{}\"", text.chars().take(40).collect::<String>())
        }
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}
