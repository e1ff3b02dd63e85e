//! Rows, fields and outputs: the statements of a file, lowered.

use std::collections::HashSet;

use surrogate_symbolic::Node;

use crate::ast::{Equation, Expr};
use crate::diagnose::{ErrorKind, Mistake};
use crate::evolution::Forms;
use crate::lower::Context;
use crate::model::{
    Coordinate, Field, Graded, Input, Limits, Network, Output, Role, Row, RowKind, Unit,
};
use crate::parse::{parse_equation, parse_expression};
use crate::scope::{Entity, Mode, Session, Typed};
use crate::section::{Section, wrong_type};
use crate::settings::MOST_POINTS;
use crate::source::{Span, Text};
use crate::tree::{Kind, Table, Value};

/// Quadrature nodes where a row declares none.
const NODES: usize = 12;
const MOST_NODES: usize = 1000;
/// Longest name made from the text of a row.
const NAME_LENGTH: usize = 48;

/// A row as written; a condition at a list of places is one row for each.
pub(crate) struct RowDraft<'a> {
    kind: RowKind,
    section: Section<'a>,
    text: &'a Text,
    pub(crate) equation: Equation,
    /// Places fixed together.
    at: Vec<Text>,
    /// One of several places of the same entry.
    listed: bool,
    multiply_by: Option<Expr>,
    scale: Option<Expr>,
}

/// A field as written.
pub(crate) struct FieldDraft<'a> {
    section: Section<'a>,
    pub(crate) ansatz: Option<Expr>,
    pub(crate) inputs: Option<Vec<(&'a Text, Expr)>>,
    declared: Option<Vec<usize>>,
}

impl Session {
    /// Reads all rows of the file.
    pub(crate) fn row_drafts<'a>(&mut self, root: &'a Table) -> Vec<RowDraft<'a>> {
        let mut rows = Vec::new();
        let lists = [
            ("equations", RowKind::Equation),
            ("conditions", RowKind::Condition),
            ("integrals", RowKind::Integral),
        ];
        for (key, kind) in lists {
            for section in self.sections(root, key) {
                self.row_draft(kind, section, &mut rows);
            }
        }
        rows
    }

    /// Entries of a list of tables.
    pub(crate) fn sections<'a>(&mut self, root: &'a Table, key: &str) -> Vec<Section<'a>> {
        let Some(value) = root.get(key) else {
            return Vec::new();
        };
        let Some(list) = value.as_list() else {
            wrong_type(&mut self.reporter, value, key, &format!("entries [[{key}]]"));
            return Vec::new();
        };
        list.iter()
            .filter_map(|v| Section::of(&mut self.reporter, v, &format!("[[{key}]]")))
            .collect()
    }

    fn row_draft<'a>(
        &mut self,
        kind: RowKind,
        section: Section<'a>,
        rows: &mut Vec<RowDraft<'a>>,
    ) -> Option<()> {
        let common = ["equation", "name", "multiply_by", "scale", "weight", "points"];
        let own: &[&str] = match kind {
            RowKind::Equation => &[],
            RowKind::Condition => &["at"],
            RowKind::Integral => &["nodes", "graded"],
        };
        let known: Vec<&str> = common.iter().chain(own).copied().collect();
        section.check(&mut self.reporter, &known);
        let places: Vec<&Text> = match (kind, section.get("at").map(|v| &v.kind)) {
            (RowKind::Condition, Some(Kind::List(_))) => {
                let list = section.texts(&mut self.reporter, "at").unwrap_or_default();
                if let (true, Some(value)) = (list.is_empty(), section.get("at")) {
                    let message = "`at` names no place";
                    self.report(Mistake::new(ErrorKind::Place, message).at(value.span, ""));
                }
                list
            }
            (RowKind::Condition, _) => {
                section.needed(&mut self.reporter, "at").into_iter().collect()
            }
            _ => Vec::new(),
        };
        let multiply_by = self.optional_expression(&section, "multiply_by");
        let scale = self.optional_expression(&section, "scale");
        let text = section.needed(&mut self.reporter, "equation")?;
        let equation = match parse_equation(text) {
            Ok(equation) => equation,
            Err(e) => {
                self.report_parse(text, e);
                return None;
            }
        };
        let listed = places.len() > 1;
        let mut all: Vec<Vec<Text>> = places.into_iter().map(fixed_together).collect();
        if all.is_empty() {
            all.push(Vec::new());
        }
        rows.extend(all.into_iter().map(|at| RowDraft {
            kind,
            section: section.clone(),
            text,
            equation: equation.clone(),
            at,
            listed,
            multiply_by: multiply_by.clone(),
            scale: scale.clone(),
        }));
        Some(())
    }

    fn optional_expression(&mut self, section: &Section<'_>, key: &str) -> Option<Expr> {
        let value = section.get(key)?;
        self.expression_value(value, key)
    }

    /// Reads the expressions of the fields.
    pub(crate) fn field_drafts<'a>(&mut self, root: &'a Table) -> Vec<FieldDraft<'a>> {
        let mut drafts = Vec::new();
        for (key, value) in self.entries(root, "fields") {
            let title = format!("[fields.{}]", key.string);
            let Some(section) = Section::of(&mut self.reporter, value, &title) else {
                continue;
            };
            let ansatz = self.optional_expression(&section, "ansatz");
            let texts = section.texts(&mut self.reporter, "inputs");
            let inputs = texts.map(|list| {
                let read = |text: &'a Text| match parse_expression(text) {
                    Ok(expr) => Some((text, expr)),
                    Err(e) => {
                        self.report_parse(text, e);
                        None
                    }
                };
                list.into_iter().filter_map(read).collect()
            });
            let declared = section.texts(&mut self.reporter, "parameters").map(|names| {
                let mut list = Vec::new();
                for text in names {
                    if let Some(&(Entity::Parameter(i), _)) = self.names.get(&text.string) {
                        self.used.insert(text.string.clone());
                        list.push(i);
                        continue;
                    }
                    let known: Vec<&str> =
                        self.parameters.iter().map(|p| p.name.as_str()).collect();
                    let help = crate::diagnose::did_you_mean(&text.string, &known);
                    let message = format!("`{}` is not a parameter", text.string);
                    self.reporter.report(
                        Mistake::new(ErrorKind::UnknownSymbol, message)
                            .at(text.whole(), "unknown")
                            .maybe_help(help),
                    );
                }
                list.sort_unstable();
                list.dedup();
                list
            });
            drafts.push(FieldDraft { section, ansatz, inputs, declared });
        }
        drafts
    }

    /// Finds the parameters of the fields and makes their unknown functions.
    pub(crate) fn make_functions(
        &mut self,
        rows: &[RowDraft<'_>],
        fields: &[FieldDraft<'_>],
    ) -> Vec<Vec<usize>> {
        let mut statements = Vec::new();
        for row in rows {
            statements.push(self.mentions([&row.equation.left, &row.equation.right]));
        }
        for (index, field) in fields.iter().enumerate() {
            let inputs = field.inputs.iter().flatten().map(|(_, e)| e);
            let mut mentions = self.mentions(field.ansatz.iter().chain(inputs));
            mentions.insert(Entity::Field(index));
            statements.push(mentions);
        }
        for (index, entry) in self.fields.iter().enumerate() {
            let held = |m: &HashSet<Entity>| m.contains(&Entity::Field(index));
            if !self.of_cell && !statements[..rows.len()].iter().any(held) {
                let message = format!("nothing determines the field `{}`", entry.name);
                self.reporter.report(
                    Mistake::new(ErrorKind::Unused, message)
                        .at(entry.span, "in no equation, condition or integral")
                        .help("add an [[equations]] entry that holds it"),
                );
            }
        }
        let mut parameters = self.field_parameters(&statements);
        for (index, draft) in fields.iter().enumerate() {
            if let (Some(declared), Some(list)) = (&draft.declared, parameters.get_mut(index)) {
                list.clone_from(declared);
            }
        }
        for (index, list) in parameters.iter().enumerate() {
            let coordinates = self.fields[index].coordinates.iter();
            let symbols: Vec<_> = coordinates
                .map(|&i| self.coordinates[i].symbol)
                .chain(list.iter().map(|&i| self.parameters[i].symbol))
                .collect();
            let name = self.fields[index].name.clone();
            let function = self.graph.add_function(&name, &symbols);
            let network = self.graph.add_function(&format!("N_{name}"), &symbols);
            self.fields[index].functions = Some((function, network));
        }
        parameters
    }

    /// Lowers a row.
    pub(crate) fn row(&mut self, draft: &RowDraft<'_>) -> Option<Row> {
        let RowDraft { section, text, equation, .. } = draft;
        let before = self.reporter.count();
        let physics = Context::global(Mode::Physics);
        let left = self.lower(&equation.left, physics);
        let right = self.lower(&equation.right, physics);
        let mut at: Vec<(usize, f64)> = Vec::new();
        let mut places = Vec::new();
        for place in &draft.at {
            if let Some((coordinate, value)) = self.fixed(place) {
                if at.iter().any(|p| p.0 == coordinate) {
                    let message = "the coordinate is fixed twice";
                    self.report(Mistake::new(ErrorKind::Place, message).at(place.whole(), ""));
                }
                at.push((coordinate, value));
                places.push(place);
            }
        }
        let multiply_by = self.factor(draft.multiply_by.as_ref());
        let scale = self.factor(draft.scale.as_ref());
        let weight = section.positive(&mut self.reporter, "weight");
        let points = section.count(&mut self.reporter, "points", 1..=MOST_POINTS);
        let nodes = section.count(&mut self.reporter, "nodes", 1..=MOST_NODES).unwrap_or(NODES);
        let kinds = [("no", Graded::No), ("end", Graded::End), ("both", Graded::Both)];
        let graded = section.choice(&mut self.reporter, "graded", &kinds).unwrap_or(Graded::No);
        let name = section.string(&mut self.reporter, "name");
        let (left, right) = (left?, right?);
        let unit = self.same_unit(
            "left and right side have different units",
            (left, equation.left.span),
            (right, equation.right.span),
        )?;
        let residual = self.graph.sub(left.node, right.node);
        let whole = text.whole();
        if self.graph.jets_in(&[residual]).is_empty() {
            let message = "this statement holds no field";
            self.report(Mistake::new(ErrorKind::Unused, message).at(whole, "nothing to find"));
            return None;
        }
        let free = self.graph.free_symbols(&[residual]);
        for (place, &(coordinate, _)) in places.iter().zip(&at) {
            let entry = &self.coordinates[coordinate];
            if !free.contains(&entry.symbol) {
                let message = format!("the fields here do not depend on `{}`", entry.name);
                let mistake = Mistake::new(ErrorKind::Dependence, message)
                    .at(place.whole(), "cannot be fixed")
                    .at(whole, format!("does not depend on `{}`", entry.name));
                self.report(mistake);
            }
        }
        if self.reporter.count() > before {
            return None;
        }
        let (forms, jumps) = match draft.kind {
            RowKind::Equation => {
                let forms = self.forms(equation);
                let jumps = self.jumps(equation, &forms.kept);
                (forms, jumps)
            }
            _ => (Forms::default(), Vec::new()),
        };
        Some(Row {
            name: match name {
                Some(name) if draft.listed => format!("{name} ({})", joined(&draft.at, ", ")),
                Some(name) => name,
                None => made_name(&text.string, &draft.at),
            },
            kind: draft.kind,
            text: text.string.clone(),
            residual,
            dimension: unit.unwrap_or_default(),
            at,
            multiply_by,
            scale,
            weight,
            points,
            nodes,
            graded,
            evolution: forms.evolution,
            balance: forms.balance,
            jumps,
        })
    }

    fn factor(&mut self, expr: Option<&Expr>) -> Option<Node> {
        self.lower(expr?, Context::global(Mode::Inputs)).map(|t| t.node)
    }

    /// `x = 0`: the coordinate and its SI value.
    fn fixed(&mut self, text: &Text) -> Option<(usize, f64)> {
        let Some(equals) = text.string.find('=') else {
            let message = "a place is written `coordinate = value`";
            let help = "for example at = \"x = 0\"";
            self.report(Mistake::new(ErrorKind::Place, message).at(text.whole(), "").help(help));
            return None;
        };
        let lead = text.string.len() - text.string.trim_start().len();
        let name = text.slice(lead..text.string[..equals].trim_end().len().max(lead));
        let Some(&(Entity::Coordinate(index), _)) = self.names.get(&name.string) else {
            self.unknown_coordinate(&name.string, name.whole());
            return None;
        };
        let value = &text.string[equals + 1..];
        let from = equals + 1 + (value.len() - value.trim_start().len());
        let value = text.slice(from..text.string.trim_end().len().max(from));
        let amount = self.amount_of(&value)?;
        let c = self.resolved[index].as_ref()?;
        let (unit, name) = (c.unit.clone(), c.name.clone());
        let found = amount.unit.as_ref().map_or_else(Default::default, |u| u.dimension);
        if amount.value != 0.0 && found != unit.dimension {
            let message = format!("the place of `{name}` has the wrong unit");
            let label = format!("{found}, expected {}", unit.dimension);
            let help = format!("write for example `{name} = 1 {}` or name a constant", unit.text);
            self.report(
                Mistake::new(ErrorKind::Units, message).at(value.whole(), label).help(help),
            );
            return None;
        }
        let node = self.graph.constant(amount.value);
        self.check_place(index, Some(Typed { node, unit: None }), value.whole());
        Some((index, amount.value))
    }

    /// Lowers the fields.
    pub(crate) fn lower_fields(
        &mut self,
        drafts: &[FieldDraft<'_>],
        parameters: &[Vec<usize>],
        units: &[Unit],
        network: Network,
    ) -> Vec<Field> {
        let mut fields = Vec::new();
        for (index, draft) in drafts.iter().enumerate() {
            let (Some(unit), Some(list)) = (units.get(index), parameters.get(index)) else {
                continue;
            };
            let Some((function, network_function)) = self.fields[index].functions else {
                continue;
            };
            let section = &draft.section;
            let ansatz = draft.ansatz.as_ref().and_then(|e| self.ansatz(index, e, unit));
            let inputs = draft.inputs.as_ref().map(|list| {
                let mut inputs = Vec::new();
                for (text, expr) in list {
                    let typed = self.lower(expr, Context::global(Mode::Inputs));
                    if let Some(typed) = typed {
                        self.own_symbols(index, typed.node, expr.span, "an input");
                        inputs.push(Input { text: text.string.clone(), node: typed.node });
                    }
                }
                inputs
            });
            let scale = section.get("scale").and_then(|v| self.difference_in(v, "scale", unit));
            if let (Some(s), Some(v)) = (scale, section.get("scale"))
                && s <= 0.0
            {
                let message = "`scale` must be positive";
                self.report(Mistake::new(ErrorKind::Range, message).at(v.span, ""));
            }
            let network = self.network(section, network);
            let entry = &self.fields[index];
            fields.push(Field {
                name: entry.name.clone(),
                unit: unit.clone(),
                description: entry.description.clone(),
                function,
                network_function,
                coordinates: entry.coordinates.clone(),
                parameters: list.clone(),
                scale,
                ansatz,
                inputs,
                network,
            });
        }
        fields
    }

    fn ansatz(&mut self, field: usize, expr: &Expr, unit: &Unit) -> Option<Node> {
        let typed = self.lower(expr, Context::global(Mode::Ansatz(field)))?;
        if let Some(found) = typed.unit.filter(|u| *u != unit.dimension) {
            let message = "the ansatz has another unit than its field";
            let label = format!("{found}, the field is in {}", unit.dimension);
            let factor = unit.dimension.over(&found).as_factor();
            let help = format!("a factor {factor} is missing (`N` has no unit)");
            self.report(Mistake::new(ErrorKind::Units, message).at(expr.span, label).help(help));
            return None;
        }
        if self.graph.jets_in(&[typed.node]).is_empty() {
            let message = "the ansatz does not use the network `N`";
            self.report(Mistake::new(ErrorKind::NotAllowed, message).at(expr.span, ""));
            return None;
        }
        self.own_symbols(field, typed.node, expr.span, "the ansatz");
        Some(typed.node)
    }

    /// Reports symbols that the field does not depend on.
    fn own_symbols(&mut self, field: usize, node: Node, span: Span, what: &str) {
        let Some((function, _)) = self.fields[field].functions else {
            return;
        };
        let own = self.graph.function_arguments(function).to_vec();
        let free = self.graph.free_symbols(&[node]);
        if let Some(symbol) = free.into_iter().find(|s| !own.contains(s)) {
            let symbol = self.graph.symbol_name(symbol).to_string();
            let field = self.fields[field].name.clone();
            let message = format!("{what} of `{field}` uses `{symbol}`");
            let label = format!("`{field}` does not depend on `{symbol}`");
            self.report(Mistake::new(ErrorKind::Dependence, message).at(span, label));
        }
    }

    /// Derived outputs, or the fields.
    pub(crate) fn outputs(&mut self, root: &Table, fields: &[Field]) -> Vec<Output> {
        let mut outputs = Vec::new();
        for (key, value) in self.entries(root, "outputs") {
            outputs.extend(self.output(key, value));
        }
        if root.get("outputs").is_some() {
            return outputs;
        }
        for field in fields {
            let value = self.graph.function_value(field.function);
            outputs.push(Output {
                name: field.name.clone(),
                unit: field.unit.clone(),
                value,
                coordinates: field.coordinates.clone(),
                description: field.description.clone(),
                limits: Limits::default(),
            });
        }
        outputs
    }

    fn output(&mut self, key: &Text, value: &Value) -> Option<Output> {
        let physics = Context::global(Mode::Physics);
        let mut written = None;
        let (expr, unit, description) = match value.as_table() {
            None => (self.expression_value(value, &key.string)?, None, String::new()),
            Some(table) => {
                let title = format!("[outputs] {}", key.string);
                let section = Section::new(table, title, key.span);
                let keys = ["expression", "unit", "description", "at_least", "at_most"];
                section.check(&mut self.reporter, &keys);
                let unit = self.unit(&section, "unit");
                let description = section.string(&mut self.reporter, "description");
                if section.get("expression").is_none() {
                    section.needed(&mut self.reporter, "expression");
                }
                let expr = self.expression_value(section.get("expression")?, "expression")?;
                written = Some(section);
                (expr, unit, description.unwrap_or_default())
            }
        };
        let typed = self.lower(&expr, physics)?;
        if let (Some(found), Some(unit)) = (typed.unit, &unit)
            && found != unit.dimension
        {
            let message = format!("the output `{}` has another unit", key.string);
            let label = format!("{found}, declared {}", unit.text);
            self.report(Mistake::new(ErrorKind::Units, message).at(expr.span, label));
            return None;
        }
        let free = self.graph.free_symbols(&[typed.node]);
        let is_free = |i: &usize| free.contains(&self.coordinates[*i].symbol);
        let coordinates: Vec<usize> = (0..self.coordinates.len()).filter(is_free).collect();
        let unit = unit.or(typed.unit.map(Unit::si)).unwrap_or_else(Unit::one);
        let limits = match written {
            Some(section) => self.limits(&section, &unit, &coordinates)?,
            None => Limits::default(),
        };
        let (name, value) = (key.string.clone(), typed.node);
        Some(Output { name, unit, value, coordinates, description, limits })
    }

    /// Values at which the experiment ends.
    fn limits(
        &mut self,
        section: &Section<'_>,
        unit: &Unit,
        coordinates: &[usize],
    ) -> Option<Limits> {
        let mut limit = |key: &str| match section.get(key) {
            Some(value) => Some(Some(self.amount_in(value, key, unit)?)),
            None => Some(None),
        };
        let limits = Limits { at_least: limit("at_least")?, at_most: limit("at_most")? };
        let along_time = match coordinates {
            [only] => self.resolved[*only].as_ref().is_some_and(|c| c.role == Role::Time),
            _ => false,
        };
        let mistake = match (limits.at_least, limits.at_most) {
            (Some(low), Some(high)) if low >= high => "`at_least` is not below `at_most`",
            _ if limits.exist() && !along_time => {
                "only an output of time alone can end the experiment"
            }
            _ => return Some(limits),
        };
        self.report(Mistake::new(ErrorKind::Range, mistake).at(section.span, ""));
        None
    }

    /// A resolved coordinate; only for files without mistakes.
    pub(crate) fn all_coordinates(&mut self) -> Vec<Coordinate> {
        std::mem::take(&mut self.resolved).into_iter().flatten().collect()
    }
}

/// `x = 0, y = 0`: the places between the commas (outside of brackets).
fn fixed_together(text: &Text) -> Vec<Text> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (k, c) in text.string.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(start..k);
                start = k + 1;
            }
            _ => {}
        }
    }
    parts.push(start..text.string.len());
    let trimmed = |part: std::ops::Range<usize>| {
        let inner = &text.string[part.clone()];
        let from = part.start + (inner.len() - inner.trim_start().len());
        text.slice(from..(part.start + inner.trim_end().len()).max(from))
    };
    parts.into_iter().map(trimmed).collect()
}

fn joined(at: &[Text], between: &str) -> String {
    let places: Vec<&str> = at.iter().map(|p| p.string.trim()).collect();
    places.join(between)
}

/// The equation and its place; a long equation is shortened, the place is not.
fn made_name(text: &str, at: &[Text]) -> String {
    let mut name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut place = String::new();
    if !at.is_empty() {
        place = format!(" | {}", joined(at, " | "));
    }
    let room = NAME_LENGTH.saturating_sub(place.chars().count()).max(NAME_LENGTH / 2);
    if name.chars().count() > room {
        let short: String = name.chars().take(room - 1).collect();
        name = format!("{}…", short.trim_end());
    }
    name + &place
}
