//! The way from a file to a [`Problem`].

use std::io;
use std::path::{Path, PathBuf};

use crate::cell::{ReadCell, no_cells};
use crate::diagnose::{Diagnostics, ErrorKind, Mistake};
use crate::functions::Function;
use crate::gather::{ReadFile, gather, reason};
use crate::lower::Context;
use crate::model::{Constant, Problem, Unit};
use crate::scope::{ConstantBody, Entity, Mode, Session, Typed};
use crate::source::{Source, Span};
use crate::tree::{self, Table};

/// Tables and keys at the top of a file.
pub(crate) const TOP: [&str; 23] = [
    "title",
    "description",
    "extends",
    "cell",
    "crystal",
    "coordinates",
    "parameters",
    "unknowns",
    "constants",
    "definitions",
    "functions",
    "fields",
    "equations",
    "conditions",
    "integrals",
    "outputs",
    "data",
    "network",
    "train",
    "sampling",
    "reference",
    "goal",
    "calibrate",
];

/// Loads a problem file, with overrides such as `network.width=32`.
///
/// # Errors
/// All mistakes of the file, with their places.
pub fn load(path: &Path, overrides: &[String]) -> Result<Problem, Diagnostics> {
    let name = path.to_string_lossy().into_owned();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) => {
            let mut session = Session::default();
            let message = format!("cannot read `{name}`: {}", reason(&e));
            session.report(Mistake::new(ErrorKind::File, message));
            session.reporter.finish()?;
            String::new()
        }
    };
    let folder: PathBuf = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let read = move |file: &str| std::fs::read_to_string(folder.join(file));
    load_text(&name, &text, overrides, &read)
}

/// Loads a problem from a text; other files are read through `read_file` by their names relative
/// to it. A table `[cell]` is an error: see [`load_with_cells`].
///
/// # Errors
/// All mistakes of the file, with their places.
pub fn load_text(
    name: &str,
    text: &str,
    overrides: &[String],
    read_file: &dyn Fn(&str) -> io::Result<String>,
) -> Result<Problem, Diagnostics> {
    load_with_cells(name, text, overrides, read_file, &no_cells)
}

/// Loads a problem from a text; `read_cell` knows what a table `[cell]` stands for.
///
/// # Errors
/// All mistakes of the file, with their places.
pub fn load_with_cells(
    name: &str,
    text: &str,
    overrides: &[String],
    read_file: &dyn Fn(&str) -> io::Result<String>,
    read_cell: ReadCell<'_>,
) -> Result<Problem, Diagnostics> {
    let mut session = Session::default();
    let main = Source { name: name.to_string(), text: text.to_string() };
    let root = gather(&mut session.reporter, main, overrides, read_file);
    let Some(root) = root else {
        session.reporter.finish()?;
        return Err(Diagnostics { errors: Vec::new() });
    };
    let (mut cell, mut whole, mut warnings) = (None, None, Vec::new());
    if root.get("cell").is_some() {
        let read = session.physics_of_cell(&root, read_file, read_cell);
        session.reporter.finish()?;
        (cell, whole, warnings) = read
            .map_or((None, None, Vec::new()), |(cell, whole, warnings)| {
                (Some(cell), Some(whole), warnings)
            });
    }
    let mut crystal = None;
    if root.get("crystal").is_some() {
        let read = session.crystal_table(&root, read_file);
        session.reporter.finish()?;
        (crystal, whole) = read.map_or((None, None), |(table, rest)| (Some(table), Some(rest)));
    }
    session.of_cell = cell.is_some();
    session.of_crystal = crystal.is_some();
    let mut problem = session.problem(name, whole.as_ref().unwrap_or(&root), read_file);
    session.reporter.finish()?;
    problem.cell = cell;
    problem.crystal = crystal;
    problem.warnings.extend(warnings);
    problem.graph = std::mem::take(&mut session.graph);
    problem.resolved = tree::write(&root);
    Ok(problem)
}

impl Session {
    /// Everything; the result is only meaningful if no mistake was reported.
    fn problem(&mut self, name: &str, root: &Table, read: ReadFile<'_>) -> Problem {
        let file = crate::section::Section::new(root, "the file", Span::default());
        file.check(&mut self.reporter, &TOP);
        let title = file.string(&mut self.reporter, "title");
        let description = file.string(&mut self.reporter, "description").unwrap_or_default();
        for key in ["coordinates", "fields"] {
            if root.get(key).is_none() && !self.of_crystal {
                let message = format!("the file has no [{key}]");
                let end = Span { end: 1, ..Span::default() };
                self.report(Mistake::new(ErrorKind::MissingKey, message).at(end, "in this file"));
            }
        }
        self.declare_all(root);
        self.read_functions(root, read);
        let constants = self.constants_of();
        self.resolve_symbols(root);
        let units = self.resolve_fields(root);
        let row_drafts = self.row_drafts(root);
        let field_drafts = self.field_drafts(root);
        let parameters = self.make_functions(&row_drafts, &field_drafts);
        let rows: Vec<_> = row_drafts.iter().filter_map(|draft| self.row(draft)).collect();
        let network = self.default_network(root);
        let fields = self.lower_fields(&field_drafts, &parameters, &units, network);
        let outputs = self.outputs(root, &fields);
        let data = self.data(root, &fields, &outputs, read);
        let reference = self.reference(root, &fields, &outputs, read);
        let train = self.train(root);
        let sampling = self.sampling(root);
        let goals = self.goals(root, &fields, &outputs);
        let mut warnings = self.unused();
        warnings.append(&mut self.notes);
        warnings.extend(rows.iter().filter_map(|row| self.jump_warning(row)));
        self.check_unused();
        for output in &outputs {
            if self.graph.jets_in(&[output.value]).is_empty() {
                warnings.push(format!("the output `{}` depends on no field", output.name));
            }
        }
        let stem = Path::new(name).file_stem().map(|s| s.to_string_lossy().into_owned());
        let stem = stem.unwrap_or_else(|| "problem".to_string());
        Problem {
            title: title.unwrap_or_else(|| stem.clone()),
            name: stem,
            description,
            graph: surrogate_symbolic::Graph::new(),
            coordinates: self.all_coordinates(),
            parameters: std::mem::take(&mut self.resolved_parameters)
                .into_iter()
                .flatten()
                .collect(),
            unknowns: std::mem::take(&mut self.resolved_unknowns).into_iter().flatten().collect(),
            constants,
            fields,
            rows,
            outputs,
            data,
            network,
            train,
            sampling,
            reference,
            goals,
            cell: None,
            crystal: None,
            resolved: String::new(),
            warnings,
        }
    }

    /// Values of all constants, for display.
    fn constants_of(&mut self) -> Vec<Constant> {
        let mut constants = Vec::new();
        for index in 0..self.constants.len() {
            let Some(typed) = self.constant_value(index) else {
                continue;
            };
            let Some(value) = self.graph.as_constant(typed.node) else {
                continue;
            };
            let entry = &self.constants[index];
            let unit = match &entry.body {
                ConstantBody::Quantity(q) => q.unit.clone(),
                _ => Unit::si(typed.unit.unwrap_or_default()),
            };
            constants.push(Constant { name: entry.name.clone(), value, unit });
        }
        constants
    }

    /// Hints about names that nothing uses.
    fn unused(&self) -> Vec<String> {
        let mut hints: Vec<String> = Vec::new();
        let mut names: Vec<(&String, &(Entity, Span))> = self.names.iter().collect();
        names.sort_by_key(|(_, (_, span))| (span.source, span.start));
        for (name, (entity, _)) in names {
            let counted = match entity {
                Entity::Field(_) => false,
                Entity::Coordinate(i) => !self.fields.iter().any(|f| f.coordinates.contains(i)),
                _ => true,
            };
            if counted && !self.used.contains(name) {
                hints.push(format!("{} `{name}` is never used", &entity.words()[2..]));
            }
        }
        hints
    }

    /// Looks for mistakes in functions and definitions that nothing uses.
    fn check_unused(&mut self) {
        for index in 0..self.definitions.len() {
            let (name, span) = (self.definitions[index].name.clone(), self.definitions[index].span);
            if self.used.contains(&name) {
                continue;
            }
            let Some(body) = self.definitions[index].body.clone() else {
                continue;
            };
            let network = {
                let mut found = false;
                body.walk(&mut |e| found |= e.as_name() == Some("N"));
                found
            };
            if self.enter(&name, span).is_some() {
                let mode = if network { Mode::Ansatz(0) } else { Mode::Physics };
                if !network || !self.fields.is_empty() {
                    self.lower(&body, Context::global(mode));
                }
                self.stack.pop();
            }
        }
        for index in 0..self.functions.len() {
            let (name, span) = (self.functions[index].name.clone(), self.functions[index].span);
            match self.functions[index].body.clone() {
                None => {}
                Some(Function::Expression { arguments, .. }) if !self.used.contains(&name) => {
                    let values: Vec<Typed> = arguments
                        .iter()
                        .map(|a| {
                            let symbol = self.graph.add_symbol(a);
                            Typed { node: self.graph.symbol(symbol), unit: None }
                        })
                        .collect();
                    self.apply_function(index, &values, &[], span, Mode::Physics);
                }
                Some(Function::Expression { .. }) => {}
                Some(_) => {
                    self.build_function(index, span);
                }
            }
        }
    }
}
