//! Typed reading of one TOML table: unknown keys, wrong kinds and choices are reported in words.

use std::ops::RangeInclusive;

use crate::diagnose::{ErrorKind, Mistake, Reporter, closest, did_you_mean};
use crate::source::{Span, Text};
use crate::tree::{Kind, Table, Value};

/// A table and what messages call it.
#[derive(Clone, Debug)]
pub(crate) struct Section<'a> {
    pub(crate) table: &'a Table,
    pub(crate) title: String,
    pub(crate) span: Span,
}

impl<'a> Section<'a> {
    pub(crate) fn new(table: &'a Table, title: impl Into<String>, span: Span) -> Self {
        Self { table, title: title.into(), span }
    }

    /// A value as a section; reports if it is not a table.
    pub(crate) fn of(reporter: &mut Reporter, value: &'a Value, title: &str) -> Option<Self> {
        if let Some(table) = value.as_table() {
            return Some(Self::new(table, title, value.span));
        }
        wrong_type(reporter, value, title, "a table");
        None
    }

    /// Reports keys that are not in `known`.
    pub(crate) fn check(&self, reporter: &mut Reporter, known: &[&str]) {
        for (key, _) in &self.table.entries {
            if known.contains(&key.string.as_str()) {
                continue;
            }
            let message = format!("unknown key `{}` in {}", key.string, self.title);
            let near = closest(&key.string, known);
            let label =
                near.map_or("not known here".to_string(), |n| format!("did you mean `{n}`?"));
            let mut mistake = Mistake::new(ErrorKind::UnknownKey, message).at(key.span, label);
            if near.is_none() {
                mistake = mistake.maybe_help(did_you_mean(&key.string, known));
            }
            reporter.report(mistake);
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.table.get(key)
    }

    pub(crate) fn text(&self, reporter: &mut Reporter, key: &str) -> Option<&'a Text> {
        let value = self.get(key)?;
        match &value.kind {
            Kind::Text(text) => Some(text),
            _ => {
                wrong_type(reporter, value, key, "a string");
                None
            }
        }
    }

    /// A string that must be there.
    pub(crate) fn needed(&self, reporter: &mut Reporter, key: &str) -> Option<&'a Text> {
        if self.get(key).is_none() {
            let message = format!("{} needs `{key}`", self.title);
            let span = self.span;
            reporter.report(Mistake::new(ErrorKind::MissingKey, message).at(span, "not given"));
        }
        self.text(reporter, key)
    }

    pub(crate) fn string(&self, reporter: &mut Reporter, key: &str) -> Option<String> {
        self.text(reporter, key).map(|t| t.string.clone())
    }

    pub(crate) fn flag(&self, reporter: &mut Reporter, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        match value.kind {
            Kind::Boolean(b) => Some(b),
            _ => {
                wrong_type(reporter, value, key, "true or false");
                None
            }
        }
    }

    /// A positive finite number.
    pub(crate) fn positive(&self, reporter: &mut Reporter, key: &str) -> Option<f64> {
        let value = self.get(key)?;
        let Some(number) = value.as_number() else {
            wrong_type(reporter, value, key, "a number");
            return None;
        };
        if number > 0.0 && number.is_finite() {
            return Some(number);
        }
        let message = format!("`{key}` must be positive and finite");
        reporter.report(Mistake::new(ErrorKind::Range, message).at(value.span, ""));
        None
    }

    /// A whole number within limits.
    pub(crate) fn count(
        &self,
        reporter: &mut Reporter,
        key: &str,
        limits: RangeInclusive<usize>,
    ) -> Option<usize> {
        let value = self.get(key)?;
        match value.kind {
            Kind::Integer(i) if usize::try_from(i).is_ok_and(|i| limits.contains(&i)) => {
                Some(i as usize)
            }
            Kind::Integer(i) => {
                let least = *limits.start();
                let message = if usize::try_from(i).is_ok_and(|i| i >= least) {
                    format!("`{key}` must be at most {}", limits.end())
                } else {
                    format!("`{key}` must be at least {least}")
                };
                reporter.report(Mistake::new(ErrorKind::Range, message).at(value.span, ""));
                None
            }
            Kind::Float(_) => {
                let message = format!("`{key}` must be a whole number");
                reporter.report(Mistake::new(ErrorKind::WrongType, message).at(value.span, ""));
                None
            }
            _ => {
                wrong_type(reporter, value, key, "a whole number");
                None
            }
        }
    }

    /// One word of a list.
    pub(crate) fn choice<T: Copy>(
        &self,
        reporter: &mut Reporter,
        key: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(reporter, key)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text.string) {
            return Some(*value);
        }
        let words: Vec<&str> = choices.iter().map(|c| c.0).collect();
        let known = format!("known: {}", words.join(", "));
        let help = match closest(&text.string, &words) {
            Some(near) => format!("did you mean `{near}`? {known}"),
            None => known,
        };
        let message = format!("unknown {key} `{}`", text.string);
        let label = format!("not one of the choices for `{key}`");
        let mistake = Mistake::new(ErrorKind::UnknownChoice, message).at(text.span, label);
        reporter.report(mistake.help(help));
        None
    }

    /// A list of strings.
    pub(crate) fn texts(&self, reporter: &mut Reporter, key: &str) -> Option<Vec<&'a Text>> {
        let value = self.get(key)?;
        let Some(list) = value.as_list() else {
            wrong_type(reporter, value, key, "a list of strings");
            return None;
        };
        let mut texts = Vec::new();
        for item in list {
            match item.as_text() {
                Some(text) => texts.push(text),
                None => wrong_type(reporter, item, key, "a string"),
            }
        }
        Some(texts)
    }
}

/// Reports a value of the wrong kind.
pub(crate) fn wrong_type(reporter: &mut Reporter, value: &Value, what: &str, wanted: &str) {
    let message = format!("`{what}` must be {wanted}, found {}", value.words());
    let message = if what.starts_with('[') { message.replace('`', "") } else { message };
    let label = format!("expected {wanted}");
    reporter.report(Mistake::new(ErrorKind::WrongType, message).at(value.span, label));
}
