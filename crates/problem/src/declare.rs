//! Names and what they stand for: coordinates, parameters, unknowns, constants, definitions,
//! functions, fields.

use crate::diagnose::{ErrorKind, Mistake};
use crate::model::{Coordinate, Geometry, Parameter, Role, Spread, Unit, Unknown};
use crate::parse::{parse_expression, parse_head};
use crate::scope::{
    ConstantBody, ConstantEntry, DefinitionEntry, Entity, FieldEntry, FunctionEntry, Session,
    SymbolEntry,
};
use crate::section::{Section, wrong_type};
use crate::source::{Span, Text};
use crate::tree::{Table, Value};

/// Most coordinates of one field.
const MAX_COORDINATES: usize = 3;

impl Session {
    /// Entries of a table at the top of the file.
    pub(crate) fn entries<'a>(&mut self, root: &'a Table, key: &str) -> &'a [(Text, Value)] {
        let Some(value) = root.get(key) else {
            return &[];
        };
        match Section::of(&mut self.reporter, value, &format!("[{key}]")) {
            Some(section) => &section.table.entries,
            None => &[],
        }
    }

    /// Enters all names of the file and reads what does not need other names.
    pub(crate) fn declare_all(&mut self, root: &Table) {
        // fields first: where a name is used twice, the field is what is meant elsewhere
        for (key, value) in self.entries(root, "fields") {
            self.declare(&key.string, key.span, Entity::Field(self.fields.len()));
            let description = value
                .as_table()
                .and_then(|t| t.get("description")?.as_text())
                .map_or(String::new(), |t| t.string.clone());
            self.fields.push(FieldEntry {
                name: key.string.clone(),
                span: key.span,
                unit: None,
                coordinates: Vec::new(),
                description,
                functions: None,
            });
        }
        for (key, _) in self.entries(root, "coordinates") {
            let entry = self.symbol_entry(key);
            self.declare(&key.string, key.span, Entity::Coordinate(self.coordinates.len()));
            self.coordinates.push(entry);
        }
        for (key, _) in self.entries(root, "parameters") {
            let entry = self.symbol_entry(key);
            self.declare(&key.string, key.span, Entity::Parameter(self.parameters.len()));
            self.parameters.push(entry);
        }
        for (key, _) in self.entries(root, "unknowns") {
            let entry = self.symbol_entry(key);
            self.declare(&key.string, key.span, Entity::Unknown(self.unknowns.len()));
            self.unknowns.push(entry);
        }
        for (key, value) in self.entries(root, "constants") {
            self.declare(&key.string, key.span, Entity::Constant(self.constants.len()));
            let body = self.constant_body(&key.string, value);
            let (name, span) = (key.string.clone(), key.span);
            self.constants.push(ConstantEntry { name, span, body, value: None });
        }
        for (key, value) in self.entries(root, "definitions") {
            self.declare(&key.string, key.span, Entity::Definition(self.definitions.len()));
            let body = self.expression_value(value, &key.string);
            let (name, span) = (key.string.clone(), key.span);
            self.definitions.push(DefinitionEntry { name, span, body });
        }
        let functions = self.entries(root, "functions");
        let mut heads = Vec::new();
        for (key, _) in functions {
            let (name, arguments) = match parse_head(key) {
                Ok(head) => head,
                Err(e) => {
                    self.report_parse(key, e);
                    (key.string.clone(), None)
                }
            };
            self.declare(&name, key.span, Entity::Function(self.functions.len()));
            let entry = FunctionEntry { name, span: key.span, body: None, built: None };
            self.functions.push(entry);
            heads.push(arguments);
        }
    }

    fn symbol_entry(&mut self, key: &Text) -> SymbolEntry {
        let symbol = self.graph.add_symbol(&key.string);
        SymbolEntry { name: key.string.clone(), symbol, unit: None }
    }

    fn constant_body(&mut self, name: &str, value: &Value) -> ConstantBody {
        if let Some(number) = value.as_number() {
            return ConstantBody::Quantity(crate::units::Quantity::number(number));
        }
        let Some(text) = value.as_text() else {
            wrong_type(&mut self.reporter, value, name, "a number, a quantity or an expression");
            return ConstantBody::Broken;
        };
        match self.quantity(text) {
            Some(Ok(q)) => ConstantBody::Quantity(q),
            Some(Err(())) => ConstantBody::Broken,
            None => match parse_expression(text) {
                Ok(expr) => ConstantBody::Expression(expr),
                Err(e) => {
                    self.report_parse(text, e);
                    ConstantBody::Broken
                }
            },
        }
    }

    /// A value that is an expression: a string or a number.
    pub(crate) fn expression_value(
        &mut self,
        value: &Value,
        what: &str,
    ) -> Option<crate::ast::Expr> {
        if let Some(number) = value.as_number().filter(|n| n.is_finite()) {
            let positive = crate::ast::Kind::Number(number.abs());
            let expr = crate::ast::Expr { kind: positive, span: value.span };
            if number >= 0.0 {
                return Some(expr);
            }
            let kind = crate::ast::Kind::Negative(Box::new(expr));
            return Some(crate::ast::Expr { kind, span: value.span });
        }
        let Some(text) = value.as_text() else {
            wrong_type(&mut self.reporter, value, what, "an expression");
            return None;
        };
        match parse_expression(text) {
            Ok(expr) => Some(expr),
            Err(e) => {
                self.report_parse(text, e);
                None
            }
        }
    }

    /// Ranges and units of coordinates, parameters and unknowns.
    pub(crate) fn resolve_symbols(&mut self, root: &Table) {
        for (index, (key, value)) in self.entries(root, "coordinates").iter().enumerate() {
            let resolved = self.coordinate(index, key, value);
            self.resolved.push(resolved);
        }
        for (index, (key, value)) in self.entries(root, "parameters").iter().enumerate() {
            let resolved = self.parameter(index, key, value);
            self.resolved_parameters.push(resolved);
        }
        for (index, (key, value)) in self.entries(root, "unknowns").iter().enumerate() {
            let resolved = self.unknown(index, key, value);
            self.resolved_unknowns.push(resolved);
        }
    }

    fn coordinate(&mut self, index: usize, key: &Text, value: &Value) -> Option<Coordinate> {
        let name = key.string.clone();
        let empty = Table::default();
        let long = value.as_table();
        let section =
            Section::new(long.unwrap_or(&empty), format!("[coordinates] {name}"), key.span);
        section.check(
            &mut self.reporter,
            &["range", "unit", "geometry", "role", "periodic", "spread", "sampled", "description"],
        );
        let unit = self.unit(&section, "unit");
        let written = if long.is_some() { section.get("range") } else { Some(value) };
        if written.is_none() {
            section.needed(&mut self.reporter, "range");
        }
        let range = self.range(written?, &name, unit.as_ref())?;
        self.coordinates[index].unit = Some(range.unit.dimension);
        let default = if name == "t" { Role::Time } else { Role::Space };
        let roles = [("time", Role::Time), ("space", Role::Space)];
        let role = section.choice(&mut self.reporter, "role", &roles).unwrap_or(default);
        let geometries = [
            ("cartesian", Geometry::Cartesian),
            ("cylinder", Geometry::Cylinder),
            ("sphere", Geometry::Sphere),
        ];
        let geometry = section.choice(&mut self.reporter, "geometry", &geometries);
        let geometry = geometry.unwrap_or(Geometry::Cartesian);
        let spreads = [
            ("uniform", Spread::Uniform),
            ("sqrt", Spread::SquareRoot),
            ("end", Spread::End),
            ("ends", Spread::Ends),
            ("log", Spread::Logarithmic),
        ];
        let spread = section.choice(&mut self.reporter, "spread", &spreads);
        let periodic = section.flag(&mut self.reporter, "periodic").unwrap_or(false);
        let description = section.string(&mut self.reporter, "description").unwrap_or_default();
        let mut sampled = (range.lower, range.upper);
        if let Some(value) = section.get("sampled") {
            let narrower = self.range(value, "sampled", Some(&range.unit))?;
            if narrower.lower < range.lower || narrower.upper > range.upper {
                let message = format!("`sampled` of `{name}` is outside its range");
                self.report(Mistake::new(ErrorKind::Range, message).at(value.span, ""));
            }
            sampled = (narrower.lower, narrower.upper);
        }
        let mut wrong = |message: String, at: Span| {
            self.reporter.report(Mistake::new(ErrorKind::Range, message).at(at, ""));
        };
        if geometry != Geometry::Cartesian {
            let at = section.get("geometry").map_or(key.span, |v| v.span);
            if role == Role::Time {
                wrong(format!("time `{name}` has no geometry"), at);
            } else if range.lower < 0.0 {
                wrong(format!("the radius `{name}` must not be negative"), range.span);
            } else if periodic {
                wrong(format!("the radius `{name}` cannot be periodic"), at);
            }
        }
        if spread == Some(Spread::Logarithmic) && sampled.0 <= 0.0 {
            let message = format!("`spread = \"log\"` needs a positive range of `{name}`");
            let help = "add sampled = \"… .. …\" with a positive lower end: it is where points lie";
            self.reporter.report(
                Mistake::new(ErrorKind::Range, message)
                    .at(section.get("spread").map_or(key.span, |v| v.span), "")
                    .help(help),
            );
        }
        Some(Coordinate {
            name,
            symbol: self.coordinates[index].symbol,
            unit: range.unit,
            lower: range.lower,
            upper: range.upper,
            role,
            geometry,
            periodic,
            spread: spread.unwrap_or(Spread::Uniform),
            sampled,
            description,
        })
    }

    fn parameter(&mut self, index: usize, key: &Text, value: &Value) -> Option<Parameter> {
        let name = key.string.clone();
        let empty = Table::default();
        let long = value.as_table();
        let section =
            Section::new(long.unwrap_or(&empty), format!("[parameters] {name}"), key.span);
        section.check(&mut self.reporter, &["range", "unit", "scale", "nominal", "description"]);
        let unit = self.unit(&section, "unit");
        let written = if long.is_some() { section.get("range") } else { Some(value) };
        if written.is_none() {
            section.needed(&mut self.reporter, "range");
        }
        let range = self.range(written?, &name, unit.as_ref())?;
        self.parameters[index].unit = Some(range.unit.dimension);
        let scales = [("linear", false), ("log", true)];
        let logarithmic = section.choice(&mut self.reporter, "scale", &scales).unwrap_or(false);
        if logarithmic && range.lower <= 0.0 {
            let message = format!("the logarithmic parameter `{name}` must be positive");
            self.report(Mistake::new(ErrorKind::Range, message).at(range.span, "reaches 0"));
            return None;
        }
        let middle = if logarithmic {
            (range.lower * range.upper).sqrt()
        } else {
            0.5 * (range.lower + range.upper)
        };
        let mut nominal = middle;
        if let Some(value) = section.get("nominal") {
            nominal = self.amount_in(value, "nominal", &range.unit)?;
            if nominal < range.lower || nominal > range.upper {
                let message = format!("`nominal` of `{name}` is outside its range");
                self.report(Mistake::new(ErrorKind::Range, message).at(value.span, ""));
            }
        }
        let description = section.string(&mut self.reporter, "description").unwrap_or_default();
        Some(Parameter {
            name,
            symbol: self.parameters[index].symbol,
            unit: range.unit,
            lower: range.lower,
            upper: range.upper,
            logarithmic,
            nominal,
            description,
        })
    }

    fn unknown(&mut self, index: usize, key: &Text, value: &Value) -> Option<Unknown> {
        let name = key.string.clone();
        let empty = Table::default();
        let long = value.as_table();
        let section = Section::new(long.unwrap_or(&empty), format!("[unknowns] {name}"), key.span);
        section.check(&mut self.reporter, &["initial", "unit", "scale", "description"]);
        let declared = self.unit(&section, "unit");
        let written = if long.is_some() { section.get("initial") } else { Some(value) };
        if written.is_none() {
            section.needed(&mut self.reporter, "initial");
        }
        let amount = self.amount(written?, &name)?;
        let unit = declared.or(amount.unit).unwrap_or_else(Unit::one);
        let initial = self.amount_in(written?, &name, &unit)?;
        self.unknowns[index].unit = Some(unit.dimension);
        let scales = [("linear", false), ("log", true)];
        let logarithmic = section.choice(&mut self.reporter, "scale", &scales).unwrap_or(false);
        if logarithmic && initial <= 0.0 {
            let message = format!("the logarithmic unknown `{name}` must start positive");
            let at = written.map_or(key.span, |v| v.span);
            self.report(Mistake::new(ErrorKind::Range, message).at(at, ""));
        }
        let description = section.string(&mut self.reporter, "description").unwrap_or_default();
        let symbol = self.unknowns[index].symbol;
        Some(Unknown { name, symbol, unit, initial, logarithmic, description })
    }

    /// Units and coordinates of the fields. The units, by position.
    pub(crate) fn resolve_fields(&mut self, root: &Table) -> Vec<Unit> {
        let mut units = Vec::new();
        for (index, (key, value)) in self.entries(root, "fields").iter().enumerate() {
            let title = format!("[fields.{}]", key.string);
            let Some(section) = Section::of(&mut self.reporter, value, &title) else {
                units.push(Unit::one());
                continue;
            };
            section.check(
                &mut self.reporter,
                &[
                    "unit",
                    "of",
                    "description",
                    "scale",
                    "parameters",
                    "ansatz",
                    "inputs",
                    "width",
                    "depth",
                    "activation",
                ],
            );
            let unit = match section.get("unit") {
                None => Some(Unit::one()),
                Some(_) => self.unit(&section, "unit"),
            };
            self.fields[index].unit = unit.as_ref().map(|u| u.dimension);
            units.push(unit.unwrap_or_else(Unit::one));
            let coordinates = self.field_coordinates(&section, key);
            self.fields[index].coordinates = coordinates;
        }
        units
    }

    fn field_coordinates(&mut self, section: &Section<'_>, key: &Text) -> Vec<usize> {
        let mut list = Vec::new();
        match section.texts(&mut self.reporter, "of") {
            None => list.extend(0..self.coordinates.len()),
            Some(names) => {
                for text in names {
                    match self.names.get(&text.string) {
                        Some(&(Entity::Coordinate(i), _)) if !list.contains(&i) => list.push(i),
                        Some((Entity::Coordinate(_), _)) => {
                            let message = format!("`{}` is named twice", text.string);
                            let at = text.whole();
                            self.report(Mistake::new(ErrorKind::Name, message).at(at, ""));
                        }
                        _ => self.unknown_coordinate(&text.string, text.whole()),
                    }
                    self.used.insert(text.string.clone());
                }
            }
        }
        list.sort_unstable();
        if list.len() > MAX_COORDINATES {
            let message =
                format!("`{}` depends on more than {MAX_COORDINATES} coordinates", key.string);
            let help = "name its coordinates, as in of = [\"t\", \"x\"]";
            let at = section.get("of").map_or(key.span, |v| v.span);
            self.report(Mistake::new(ErrorKind::Range, message).at(at, "").help(help));
        } else if list.is_empty() && self.reporter.count() == 0 {
            let message = format!("`{}` depends on no coordinate", key.string);
            let help = "a number found by training is an entry of [unknowns]";
            self.report(Mistake::new(ErrorKind::Range, message).at(key.span, "").help(help));
        }
        list
    }
}
