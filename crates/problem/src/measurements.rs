//! Tables of numbers in CSV files: measurements, reference values, points of functions.

use surrogate_symbolic::Node;

use crate::diagnose::{ErrorKind, Mistake, did_you_mean};
use crate::gather::{ReadFile, reason};
use crate::headers::{column_parts, header};
use crate::lower::Context;
use crate::model::{Field, Measurements, Output, Place, Reference, ReferenceKind, Unit};
use crate::parse::parse_expression;
use crate::scope::{Mode, Session};
use crate::section::Section;
use crate::settings::unit_of;
use crate::source::{Source, Span, Text};
use crate::tree::Table;

/// A CSV file with a header.
struct Csv {
    columns: Vec<String>,
    /// Fields of each line with the line's place.
    lines: Vec<(Vec<String>, Span)>,
    head: Span,
}

/// A column that is read: a number in it is `number * factor + zero` in SI.
#[derive(Clone, Copy)]
struct Column {
    place: usize,
    factor: f64,
    zero: f64,
}

/// Relative slack of measured places at the ends of a range.
const EDGE: f64 = 1e-6;
/// Most cells of the reference solver.
const MOST_CELLS: usize = 10_000;

impl Session {
    fn csv(&mut self, file: &Text, read: ReadFile<'_>) -> Option<Csv> {
        let text = match read(&file.string) {
            Ok(text) => text,
            Err(e) => {
                let message = format!("cannot read `{}`: {}", file.string, reason(&e));
                let help = "file names are relative to the problem file";
                self.report(Mistake::new(ErrorKind::File, message).at(file.whole(), "").help(help));
                return None;
            }
        };
        let source = self.reporter.sources.len() as u32;
        let mut csv = Csv { columns: Vec::new(), lines: Vec::new(), head: Span::default() };
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let span = Span::new(source, start..start + line.trim_end().len());
            start += line.len();
            let line = line.trim_start_matches('\u{feff}').trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let separator = if line.contains(';') && !line.contains(',') { ';' } else { ',' };
            let cell = |c: &str| c.trim().trim_matches('"').trim().to_string();
            let cells: Vec<String> = line.split(separator).map(cell).collect();
            if csv.columns.is_empty() {
                csv.columns = cells;
                csv.head = span;
            } else {
                csv.lines.push((cells, span));
            }
        }
        self.reporter.sources.push(Source { name: file.string.clone(), text });
        if csv.lines.is_empty() {
            let message = format!("`{}` has no numbers", file.string);
            let help = "a table has a line of column names, then numbers separated by commas";
            self.report(Mistake::new(ErrorKind::Csv, message).at(file.whole(), "").help(help));
            return None;
        }
        Some(csv)
    }

    fn column(&mut self, csv: &Csv, name: &str, at: Span, file: &str) -> Option<usize> {
        let found = csv.columns.iter().position(|c| c == name);
        if found.is_none() {
            let known: Vec<&str> = csv.columns.iter().map(String::as_str).collect();
            let message = format!("`{file}` has no column `{name}`");
            let help = format!("columns: {}", known.join(", "));
            let help = match did_you_mean(name, &known).filter(|h| h.starts_with("did")) {
                Some(near) => format!("{near} {help}"),
                None => help,
            };
            self.report(Mistake::new(ErrorKind::Csv, message).at(at, "").help(help));
        }
        found
    }

    /// The column of a name: the name, the name and its unit as written by `surrogate predict`, or the
    /// only one that is the name and another unit of the same dimension.
    fn position(&self, csv: &Csv, name: &str, unit: &Unit) -> Option<usize> {
        let position = |name: &str| csv.columns.iter().position(|c| c == name);
        let converted = |c: &String| {
            let (base, found) = column_parts(c);
            let fits = found.is_some_and(|found| found.unit.dimension == unit.dimension);
            base == name && fits && !self.names.contains_key(c)
        };
        position(name).or_else(|| position(&header(name, &unit.text))).or_else(|| {
            let mut all = (0..csv.columns.len()).filter(|&k| converted(&csv.columns[k]));
            all.next().filter(|_| all.next().is_none())
        })
    }

    /// How numbers of a column become SI: by the unit that its name ends in, or else by `unit`, which
    /// may be `declared` for this file.
    fn converted(
        &mut self,
        csv: &Csv,
        place: usize,
        (name, unit, declared): (&str, &Unit, bool),
        (file, at): (&str, Span),
    ) -> Option<Column> {
        let column = csv.columns[place].clone();
        let own = Column { place, factor: unit.factor, zero: 0.0 };
        // a name may look as if it ended in a unit: `D_s`
        let whole = column == name || self.names.contains_key(&column);
        let Some(found) = column_parts(&column).1.filter(|_| !whole) else {
            return Some(own);
        };
        let text = &found.unit.text;
        if found.unit.dimension == unit.dimension {
            let same = (found.unit.factor / unit.factor - 1.0).abs() < 1e-12 && found.zero == 0.0;
            if same {
                return Some(own);
            }
            if declared {
                let message = format!("column `{column}` of `{file}` is in {text} by its name");
                let label = format!("but the unit is stated as {}", unit.text);
                let help = "rename the column, or leave out the unit: it is converted then";
                self.report(Mistake::new(ErrorKind::Units, message).at(at, label).help(help));
                return None;
            }
            self.notes.push(format!(
                "column `{column}` of `{file}` is read in {text}, as its name says, for `{name}`"
            ));
            return Some(Column { place, factor: found.unit.factor, zero: found.zero });
        }
        if declared || unit.dimension.is_one() {
            return Some(own);
        }
        let message = format!("column `{column}` of `{file}` is in {text} by its name");
        let label = format!("no unit of `{name}`, which is in {}", unit.text);
        let help = "name another column, or rename it if its name only looks so";
        self.report(Mistake::new(ErrorKind::Units, message).at(at, label).help(help));
        None
    }

    /// The number in a cell.
    fn cell(&mut self, csv: &Csv, line: usize, column: usize) -> Option<f64> {
        let (cells, span) = csv.lines.get(line)?;
        let name = csv.columns.get(column).cloned().unwrap_or_default();
        let Some(cell) = cells.get(column) else {
            let message = format!("the line has no value for `{name}`");
            let label = format!("{} of {} columns", cells.len(), csv.columns.len());
            self.report(Mistake::new(ErrorKind::Csv, message).at(*span, label));
            return None;
        };
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => Some(value),
            _ => {
                let message = format!("`{cell}` in column `{name}` is not a finite number");
                self.report(Mistake::new(ErrorKind::Csv, message).at(*span, ""));
                None
            }
        }
    }

    /// Points of a tabulated function, in the declared units of argument and value.
    pub(crate) fn function_file(
        &mut self,
        section: &Section<'_>,
        units: [Option<&Unit>; 2],
        read: ReadFile<'_>,
    ) -> Option<(Vec<f64>, Vec<f64>, Span)> {
        let file = section.text(&mut self.reporter, "file")?;
        let columns = section.texts(&mut self.reporter, "columns");
        let csv = self.csv(file, read)?;
        let (a, b) = match columns.as_deref() {
            None => (0, 1),
            Some([x, y]) => {
                let a = self.column(&csv, &x.string, x.whole(), &file.string);
                let b = self.column(&csv, &y.string, y.whole(), &file.string);
                (a?, b?)
            }
            Some(_) => {
                let at = section.get("columns").map_or(section.span, |v| v.span);
                let message = "`columns` must name two columns, argument and value";
                self.report(Mistake::new(ErrorKind::Csv, message).at(at, ""));
                return None;
            }
        };
        let at = section.get("columns").map_or(file.whole(), |v| v.span);
        for (column, unit) in [a, b].into_iter().zip(units) {
            if let Some(unit) = unit {
                let name = csv.columns[column].clone();
                let stated = (column_parts(&name).0, unit, true);
                self.converted(&csv, column, stated, (&file.string, at))?;
            }
        }
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for line in 0..csv.lines.len() {
            let pair = (self.cell(&csv, line, a), self.cell(&csv, line, b));
            let (u, v) = (pair.0?, pair.1?);
            if x.last().is_some_and(|&last| last >= u) {
                let message = "the arguments of a table must increase";
                let label = format!("{u} after {}", x.last().copied().unwrap_or(u));
                self.report(Mistake::new(ErrorKind::Csv, message).at(csv.lines[line].1, label));
                return None;
            }
            x.push(u);
            y.push(v);
        }
        Some((x, y, file.whole()))
    }

    /// All `[[data]]`.
    pub(crate) fn data(
        &mut self,
        root: &Table,
        fields: &[Field],
        outputs: &[Output],
        read: ReadFile<'_>,
    ) -> Vec<Measurements> {
        let mut list = Vec::new();
        for section in self.sections(root, "data") {
            section.check(
                &mut self.reporter,
                &["file", "observe", "column", "columns", "noise", "weight", "name", "unit"],
            );
            list.extend(self.measurements(&section, fields, outputs, read, false));
        }
        list
    }

    /// Tables of one file. A reference may hold several, and finds by itself which; its tables
    /// are named as the fields and outputs are.
    fn measurements(
        &mut self,
        section: &Section<'_>,
        fields: &[Field],
        outputs: &[Output],
        read: ReadFile<'_>,
        reference: bool,
    ) -> Vec<Measurements> {
        let file = section.needed(&mut self.reporter, "file");
        let observe = match section.get("observe") {
            None => None,
            Some(value) if reference && value.as_list().is_some() => {
                section.texts(&mut self.reporter, "observe")
            }
            Some(_) => section.text(&mut self.reporter, "observe").map(|t| vec![t]),
        };
        if section.get("observe").is_some() && observe.is_none() {
            return Vec::new();
        }
        let declared = self.unit(section, "unit");
        let Some(file) = file else {
            return Vec::new();
        };
        let csv = self.csv(file, read);
        let observe = match (observe, &csv) {
            (Some(list), _) => list.into_iter().cloned().collect(),
            (None, Some(csv)) => self.observable(section, csv, file, (fields, outputs), reference),
            (None, None) => Vec::new(),
        };
        if observe.len() > 1 {
            for key in ["column", "name"] {
                if let Some(value) = section.get(key) {
                    let message = format!("`{key}` is for one table, but there are several");
                    let label = format!("{} are observed", observe.len());
                    let help = "add observe = \"…\" with one expression";
                    self.report(
                        Mistake::new(ErrorKind::NotAllowed, message)
                            .at(value.span, label)
                            .help(help),
                    );
                }
            }
        }
        let mut seen = Vec::new();
        for text in &observe {
            let known = self.seen(text, declared.clone(), fields, outputs);
            seen.extend(known.map(|(node, unit)| (text, node, unit)));
        }
        let Some(csv) = csv else {
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (text, node, unit) in seen {
            let plain = unit_of(text.string.trim(), fields, outputs).is_some();
            let Some(mut table) = self.table(section, &csv, file, text, (node, unit)) else {
                continue;
            };
            if reference && plain && section.get("name").is_none() {
                table.name = text.string.trim().to_string();
            }
            tables.push(table);
        }
        tables
    }

    /// What a file without `observe` holds: fields and outputs by the names of its columns.
    fn observable(
        &mut self,
        section: &Section<'_>,
        csv: &Csv,
        file: &Text,
        (fields, outputs): (&[Field], &[Output]),
        reference: bool,
    ) -> Vec<Text> {
        let mut names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
        if reference {
            for output in outputs {
                if !names.contains(&output.name.as_str()) {
                    names.push(&output.name);
                }
            }
        }
        let has_column = |name: &&&str| {
            let unit = unit_of(name, fields, outputs).unwrap_or_else(Unit::one);
            self.position(csv, name, &unit).is_some()
        };
        let found: Vec<Text> = names
            .iter()
            .filter(has_column)
            .map(|name| Text { string: (*name).to_string(), ..file.clone() })
            .collect();
        if section.get("column").is_some() || (!reference && found.len() != 1) {
            section.needed(&mut self.reporter, "observe");
            return Vec::new();
        }
        if found.is_empty() {
            let message = format!("`{}` has no column of a field or output", file.string);
            let help = format!(
                "columns: {}; fields and outputs: {}. Rename a column, or add observe and column",
                csv.columns.join(", "),
                names.join(", ")
            );
            self.report(Mistake::new(ErrorKind::Csv, message).at(file.whole(), "").help(help));
        }
        found
    }

    /// An observed expression and the unit of its values.
    fn seen(
        &mut self,
        observe: &Text,
        declared: Option<Unit>,
        fields: &[Field],
        outputs: &[Output],
    ) -> Option<(Node, Unit)> {
        let known = unit_of(observe.string.trim(), fields, outputs);
        let output = outputs.iter().find(|o| o.name == observe.string.trim());
        let field = fields.iter().find(|f| f.name == observe.string.trim());
        let (observed, dimension) = match (output, field) {
            (Some(output), _) => (output.value, Some(output.unit.dimension)),
            (None, Some(field)) => {
                let value = self.graph.function_value(field.function);
                (value, Some(field.unit.dimension))
            }
            _ => {
                let expr = match parse_expression(observe) {
                    Ok(expr) => expr,
                    Err(e) => {
                        self.report_parse(observe, e);
                        return None;
                    }
                };
                let typed = self.lower(&expr, Context::global(Mode::Physics))?;
                (typed.node, typed.unit)
            }
        };
        match (declared.or(known), dimension) {
            (Some(unit), Some(d)) if unit.dimension != d => {
                let message = "the observed values have another unit";
                let label = format!("{d}, but the unit is {}", unit.text);
                self.report(Mistake::new(ErrorKind::Units, message).at(observe.whole(), label));
                None
            }
            (Some(unit), _) => Some((observed, unit)),
            (None, Some(d)) if !d.is_one() => {
                let message = "the unit of the observed values is not known";
                let help = format!("add unit = \"{d}\" or another unit of that kind");
                self.report(
                    Mistake::new(ErrorKind::MissingKey, message)
                        .at(observe.whole(), d.to_string())
                        .help(help),
                );
                None
            }
            _ => Some((observed, Unit::one())),
        }
    }

    /// The values of one observed expression.
    fn table(
        &mut self,
        section: &Section<'_>,
        csv: &Csv,
        file: &Text,
        observe: &Text,
        (observed, unit): (Node, Unit),
    ) -> Option<Measurements> {
        let places = self.places(section, csv, file)?;
        let free = self.graph.free_symbols(&[observed]);
        for (i, c) in self.coordinates.iter().enumerate() {
            let given = places.iter().any(|p| p.0 == Place::Coordinate(i));
            if free.contains(&c.symbol) && !given {
                let message = format!("`{}` has no column for `{}`", file.string, c.name);
                let help = format!("add columns = {{ {} = \"…\" }}", c.name);
                self.reporter
                    .report(Mistake::new(ErrorKind::Csv, message).at(file.whole(), "").help(help));
                return None;
            }
        }
        let value_column = match section.text(&mut self.reporter, "column") {
            Some(column) => self.column(csv, &column.string, column.whole(), &file.string)?,
            None => {
                let name = observe.string.trim();
                match self.position(csv, name, &unit) {
                    Some(column) => column,
                    None => self.column(csv, name, observe.whole(), &file.string)?,
                }
            }
        };
        let at = section.get("column").map_or(observe.whole(), |v| v.span);
        let declared = section.get("unit").is_some();
        let stated = (observe.string.trim(), &unit, declared);
        let values = self.converted(csv, value_column, stated, (&file.string, at))?;
        let mut rows = Vec::new();
        for line in 0..csv.lines.len() {
            let mut row = Vec::new();
            for &(place, Column { place: column, factor, zero }) in &places {
                let value = self.cell(csv, line, column)? * factor + zero;
                self.check_range(place, value, csv.lines[line].1)?;
                row.push(value);
            }
            row.push(self.cell(csv, line, values.place)? * values.factor + values.zero);
            rows.push(row);
        }
        let noise = section.get("noise").and_then(|v| self.difference_in(v, "noise", &unit));
        if let (Some(noise), Some(value)) = (noise, section.get("noise"))
            && noise <= 0.0
        {
            let message = "`noise` must be positive";
            self.report(Mistake::new(ErrorKind::Range, message).at(value.span, ""));
        }
        let weight = section.positive(&mut self.reporter, "weight").unwrap_or(1.0);
        let name = section.string(&mut self.reporter, "name");
        Some(Measurements {
            name: name.unwrap_or_else(|| format!("{} in {}", observe.string, file.string)),
            observed,
            unit,
            places: places.iter().map(|p| p.0).collect(),
            rows,
            noise,
            weight,
            file: file.string.clone(),
        })
    }

    /// Columns of coordinates and parameters.
    fn places(
        &mut self,
        section: &Section<'_>,
        csv: &Csv,
        file: &Text,
    ) -> Option<Vec<(Place, Column)>> {
        let empty = Table::default();
        let named = match section.get("columns") {
            None => &empty,
            Some(value) => Section::of(&mut self.reporter, value, "`columns`")?.table,
        };
        let mut all: Vec<(Place, String, Unit)> = Vec::new();
        for (i, c) in self.resolved.iter().enumerate() {
            let c = c.as_ref()?;
            all.push((Place::Coordinate(i), c.name.clone(), c.unit.clone()));
        }
        for (i, p) in self.resolved_parameters.iter().enumerate() {
            let p = p.as_ref()?;
            all.push((Place::Parameter(i), p.name.clone(), p.unit.clone()));
        }
        let names: Vec<&str> = all.iter().map(|a| a.1.as_str()).collect();
        for (key, _) in &named.entries {
            if !names.contains(&key.string.as_str()) {
                let message = format!("`{}` is neither a coordinate nor a parameter", key.string);
                self.reporter.report(
                    Mistake::new(ErrorKind::UnknownSymbol, message)
                        .at(key.span, "unknown")
                        .maybe_help(did_you_mean(&key.string, &names)),
                );
            }
        }
        let mut places = Vec::new();
        for (place, name, unit) in &all {
            let (column, at) = match named.get(name) {
                Some(value) => {
                    let Some(text) = value.as_text() else {
                        crate::section::wrong_type(&mut self.reporter, value, name, "a string");
                        return None;
                    };
                    let column = self.column(csv, &text.string, text.whole(), &file.string)?;
                    (Some(column), text.whole())
                }
                None => (self.position(csv, name, unit), file.whole()),
            };
            if let Some(column) = column {
                let stated = (name.as_str(), unit, false);
                let column = self.converted(csv, column, stated, (&file.string, at))?;
                places.push((*place, column));
            }
        }
        Some(places)
    }

    fn check_range(&mut self, place: Place, value: f64, span: Span) -> Option<()> {
        let (name, lower, upper) = match place {
            Place::Coordinate(i) => {
                let c = self.resolved[i].as_ref()?;
                (c.name.clone(), c.lower, c.upper)
            }
            Place::Parameter(i) => {
                let p = self.resolved_parameters[i].as_ref()?;
                (p.name.clone(), p.lower, p.upper)
            }
        };
        let slack = EDGE * (upper - lower);
        if value >= lower - slack && value <= upper + slack {
            return Some(());
        }
        let message = format!("`{name}` is outside its range in this line");
        let label = format!("{value} (SI), the range is {lower} to {upper}");
        self.report(Mistake::new(ErrorKind::Csv, message).at(span, label));
        None
    }

    /// What the surrogate is compared with.
    pub(crate) fn reference(
        &mut self,
        root: &Table,
        fields: &[Field],
        outputs: &[Output],
        read: ReadFile<'_>,
    ) -> Reference {
        let mut reference =
            Reference { kind: ReferenceKind::Automatic, cells: None, tolerance: None };
        let known = [
            "exact",
            "file",
            "columns",
            "column",
            "observe",
            "unit",
            "kind",
            "cells",
            "tolerance",
            "name",
        ];
        let Some(section) = self.settings(root, "reference", &known) else {
            return reference;
        };
        reference.cells = section.count(&mut self.reporter, "cells", 4..=MOST_CELLS);
        reference.tolerance = section.positive(&mut self.reporter, "tolerance");
        let kinds = [("solver", true), ("none", false)];
        if section.choice(&mut self.reporter, "kind", &kinds) == Some(false) {
            reference.kind = ReferenceKind::None;
        }
        if section.get("file").is_some() {
            let tables = self.measurements(&section, fields, outputs, read, true);
            reference.kind = ReferenceKind::File(tables);
        }
        let Some(value) = section.get("exact") else {
            return reference;
        };
        let Some(exact) = Section::of(&mut self.reporter, value, "`exact`") else {
            return reference;
        };
        let mut list = Vec::new();
        for (key, value) in &exact.table.entries {
            let Some(unit) = unit_of(&key.string, fields, outputs) else {
                self.unknown_target(&key.string, key.span, fields, outputs);
                continue;
            };
            let Some(expr) = self.expression_value(value, &key.string) else {
                continue;
            };
            let Some(typed) = self.lower(&expr, Context::global(Mode::Inputs)) else {
                continue;
            };
            if let Some(found) = typed.unit.filter(|u| *u != unit.dimension) {
                let message = format!("the exact `{}` has another unit", key.string);
                let label = format!("{found}, expected {}", unit.dimension);
                self.report(Mistake::new(ErrorKind::Units, message).at(expr.span, label));
                continue;
            }
            list.push((key.string.clone(), typed.node));
        }
        reference.kind = ReferenceKind::Exact(list);
        reference
    }
}
