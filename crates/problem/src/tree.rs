//! A TOML file as an ordered tree with places: what `extends` and overrides work on.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::source::{Span, Text};

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// Kinds of values.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Text(Text),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Date(String),
    List(Vec<Value>),
    Table(Table),
}

/// Keys and values in file order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<(Text, Value)>,
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(k, _)| k.string == key).map(|(_, v)| v)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.entries.iter_mut().find(|(k, _)| k.string == key).map(|(_, v)| v)
    }

    pub(crate) fn keys(&self) -> Vec<&str> {
        self.entries.iter().map(|(k, _)| k.string.as_str()).collect()
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<(Text, Value)> {
        let at = self.entries.iter().position(|(k, _)| k.string == key)?;
        Some(self.entries.remove(at))
    }
}

impl Value {
    /// The kind in plain words.
    pub(crate) fn words(&self) -> &'static str {
        match self.kind {
            Kind::Text(_) => "a string",
            Kind::Integer(_) | Kind::Float(_) => "a number",
            Kind::Boolean(_) => "true or false",
            Kind::Date(_) => "a date",
            Kind::List(_) => "a list",
            Kind::Table(_) => "a table",
        }
    }

    pub(crate) fn as_number(&self) -> Option<f64> {
        match self.kind {
            Kind::Integer(i) => Some(i as f64),
            Kind::Float(f) => Some(f),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&Text> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_table(&self) -> Option<&Table> {
        match &self.kind {
            Kind::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Value]> {
        match &self.kind {
            Kind::List(list) => Some(list),
            _ => None,
        }
    }
}

/// Reads a file.
///
/// # Errors
/// The first mistake: message and place.
pub(crate) fn parse(text: &str, source: u32) -> Result<Table, (String, Span)> {
    let whole = || Span::new(source, 0..text.len().min(1));
    match DeTable::parse(text) {
        Ok(table) => Ok(convert_table(table.get_ref(), text, source, 0)),
        Err(e) => {
            let message = e.message().lines().next().unwrap_or("not TOML").to_string();
            Err((message, e.span().map_or_else(whole, |r| Span::new(source, r))))
        }
    }
}

/// Reads a single value that starts at byte `offset` of its source; a string if it is not TOML.
pub(crate) fn parse_override(text: &str, source: u32, offset: usize, whole: &str) -> Value {
    match DeValue::parse(text) {
        Ok(value) => convert(&value, whole, source, offset),
        Err(_) => {
            let span = Span::new(source, offset..offset + text.len());
            let first = Some(offset as u32);
            Value { kind: Kind::Text(Text { string: text.to_string(), span, first }), span }
        }
    }
}

fn convert_table(table: &DeTable<'_>, text: &str, source: u32, offset: usize) -> Table {
    let mut entries: Vec<(Text, Value)> = table
        .iter()
        .map(|(key, value)| {
            let range = key.span();
            let span = Span::new(source, range.start + offset..range.end + offset);
            (Text::locate(key.get_ref(), span, text), convert(value, text, source, offset))
        })
        .collect();
    entries.sort_by_key(|(key, _)| key.span.start);
    Table { entries }
}

fn convert(value: &Spanned<DeValue<'_>>, text: &str, source: u32, offset: usize) -> Value {
    let range = value.span();
    let span = Span::new(source, range.start + offset..range.end + offset);
    let kind = match value.get_ref() {
        DeValue::String(s) => Kind::Text(Text::locate(s, span, text)),
        DeValue::Integer(i) => {
            let digits = i.as_str().replace('_', "");
            match i64::from_str_radix(&digits, i.radix()) {
                Ok(i) => Kind::Integer(i),
                Err(_) => Kind::Float(digits.parse().unwrap_or(f64::INFINITY)),
            }
        }
        DeValue::Float(f) => Kind::Float(f.as_str().replace('_', "").parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(b) => Kind::Boolean(*b),
        DeValue::Datetime(d) => Kind::Date(d.to_string()),
        DeValue::Array(list) => {
            Kind::List(list.iter().map(|v| convert(v, text, source, offset)).collect())
        }
        DeValue::Table(table) => Kind::Table(convert_table(table, text, source, offset)),
    };
    Value { kind, span }
}

/// Lists of tables at the top of the file that `extends` appends to.
pub(crate) const ROWS: [&str; 4] = ["equations", "conditions", "integrals", "data"];

/// Puts `over` on `base`: tables are merged key by key, `over` wins. Entries of the lists in
/// [`ROWS`] with the same `name` are merged, others are appended.
pub(crate) fn merge(mut base: Table, over: Table, top: bool) -> Table {
    for (key, value) in over.entries {
        let rows = top && ROWS.contains(&key.string.as_str());
        let Some(old) = base.get_mut(&key.string) else {
            base.entries.push((key, value));
            continue;
        };
        match (&mut old.kind, value.kind) {
            (Kind::Table(a), Kind::Table(b)) => *a = merge(std::mem::take(a), b, false),
            (Kind::List(a), Kind::List(b)) if rows => merge_rows(a, b),
            (_, kind) => *old = Value { kind, span: value.span },
        }
    }
    base
}

fn merge_rows(base: &mut Vec<Value>, over: Vec<Value>) {
    let name = |v: &Value| -> Option<String> {
        Some(v.as_table()?.get("name")?.as_text()?.string.clone())
    };
    for value in over {
        let wanted = name(&value);
        let same = base.iter_mut().find(|v| wanted.is_some() && name(v) == wanted);
        match (same, value.kind) {
            (Some(Value { kind: Kind::Table(a), .. }), Kind::Table(b)) => {
                *a = merge(std::mem::take(a), b, false);
            }
            (_, kind) => base.push(Value { kind, span: value.span }),
        }
    }
}

/// Canonical TOML text of a file.
pub(crate) fn write(table: &Table) -> String {
    let mut out = String::new();
    for (key, value) in &table.entries {
        if !is_section(key, value) {
            out.push_str(&format!("{} = {}\n", write_key(&key.string), inline(value)));
        }
    }
    for (key, value) in &table.entries {
        if !is_section(key, value) {
            continue;
        }
        let name = write_key(&key.string);
        match &value.kind {
            Kind::Table(inner) if key.string == "fields" => {
                for (field, body) in &inner.entries {
                    if let Kind::Table(body) = &body.kind {
                        section(&mut out, &format!("[{name}.{}]", write_key(&field.string)), body);
                    }
                }
            }
            Kind::Table(inner) => section(&mut out, &format!("[{name}]"), inner),
            Kind::List(rows) => {
                for row in rows {
                    if let Kind::Table(body) = &row.kind {
                        section(&mut out, &format!("[[{name}]]"), body);
                    }
                }
            }
            _ => {}
        }
    }
    out
}

fn is_section(key: &Text, value: &Value) -> bool {
    match &value.kind {
        Kind::Table(_) => true,
        Kind::List(rows) => {
            ROWS.contains(&key.string.as_str()) && rows.iter().all(|r| r.as_table().is_some())
        }
        _ => false,
    }
}

fn section(out: &mut String, head: &str, body: &Table) {
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(head);
    out.push('\n');
    for (key, value) in &body.entries {
        out.push_str(&format!("{} = {}\n", write_key(&key.string), inline(value)));
    }
}

fn write_key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) { key.to_string() } else { quote(key) }
}

fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn inline(value: &Value) -> String {
    match &value.kind {
        Kind::Text(text) => quote(&text.string),
        Kind::Integer(i) => i.to_string(),
        Kind::Float(f) if f.is_nan() => "nan".to_string(),
        Kind::Float(f) if f.is_infinite() => if *f > 0.0 { "inf" } else { "-inf" }.to_string(),
        Kind::Float(f) => format!("{f:?}"),
        Kind::Boolean(b) => b.to_string(),
        Kind::Date(d) => d.clone(),
        Kind::List(list) => {
            let items: Vec<String> = list.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Table(table) => {
            let pair = |(k, v): &(Text, Value)| format!("{} = {}", write_key(&k.string), inline(v));
            let items: Vec<String> = table.entries.iter().map(pair).collect();
            if items.is_empty() { "{}".to_string() } else { format!("{{ {} }}", items.join(", ")) }
        }
    }
}
