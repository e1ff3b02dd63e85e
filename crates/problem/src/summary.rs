//! A problem in a few lines, for `surrogate check`.

use crate::cell::{CELL_MODELS, CellSource, CellTable};
use crate::model::{Coordinate, Geometry, Parameter, Problem, Role, RowKind, Spread, Unit};

impl Problem {
    /// Coordinates, parameters, fields, rows and outputs as text.
    pub fn summary(&self) -> String {
        let mut out = format!("{}\n", self.title);
        let mut block = |title: &str, lines: Vec<[String; 3]>| {
            if lines.is_empty() {
                return;
            }
            let width = |k: usize| lines.iter().map(|l| l[k].chars().count()).max().unwrap_or(0);
            let (first, second) = (width(0), width(1));
            out.push_str(&format!("\n{title}\n"));
            for [a, b, c] in lines {
                let line = format!("  {a:first$}  {b:second$}  {c}");
                out.push_str(line.trim_end());
                out.push('\n');
            }
        };
        if let Some(cell) = &self.cell {
            block("cell", cell_lines(cell));
        }
        block("coordinates", self.coordinates.iter().map(coordinate).collect());
        block("parameters", self.parameters.iter().map(parameter).collect());
        let unknowns = self.unknowns.iter().map(|u| {
            let start = format!("from {}", with_unit(u.initial, &u.unit));
            [u.name.clone(), start, if u.logarithmic { "log".into() } else { String::new() }]
        });
        block("unknowns", unknowns.collect());
        block("fields", (0..self.fields.len()).map(|i| self.field_line(i)).collect());
        let kinds = [
            ("equations", RowKind::Equation),
            ("conditions", RowKind::Condition),
            ("integrals", RowKind::Integral),
        ];
        for (title, kind) in kinds {
            let rows = self.rows.iter().filter(|r| r.kind == kind);
            let line = |r: &crate::model::Row| {
                let at: Vec<String> =
                    r.at.iter()
                        .map(|&(i, v)| {
                            let c = &self.coordinates[i];
                            format!("{} = {}", c.name, with_unit(v, &c.unit))
                        })
                        .collect();
                let form = if r.evolution.is_some() { "evolution" } else { "" };
                [r.text.clone(), at.join(", "), form.to_string()]
            };
            block(title, rows.map(line).collect());
        }
        let outputs = self.outputs.iter().map(|o| {
            let of: Vec<&str> =
                o.coordinates.iter().map(|&i| self.coordinates[i].name.as_str()).collect();
            [format!("{}({})", o.name, of.join(", ")), shown(&o.unit), o.description.clone()]
        });
        block("outputs", outputs.collect());
        let data = self
            .data
            .iter()
            .map(|d| [d.name.clone(), format!("{} values", d.rows.len()), d.file.clone()]);
        block("data", data.collect());
        for warning in &self.warnings {
            out.push_str(&format!("\nhint: {warning}"));
        }
        if !self.warnings.is_empty() {
            out.push('\n');
        }
        out
    }

    fn field_line(&self, index: usize) -> [String; 3] {
        let field = &self.fields[index];
        let coordinates = field.coordinates.iter().map(|&i| self.coordinates[i].name.as_str());
        let parameters = field.parameters.iter().map(|&i| self.parameters[i].name.as_str());
        let of: Vec<&str> = coordinates.collect();
        let with: Vec<&str> = parameters.collect();
        let mut arguments = of.join(", ");
        if !with.is_empty() {
            arguments.push_str(&format!("; {}", with.join(", ")));
        }
        let ansatz = if field.ansatz.is_some() { "own ansatz" } else { "" };
        let inputs = field.inputs.as_ref().map_or(String::new(), |list| {
            let texts: Vec<&str> = list.iter().map(|i| i.text.as_str()).collect();
            format!("inputs {}", texts.join(", "))
        });
        let about = [ansatz, inputs.as_str()];
        let about: Vec<&str> = about.into_iter().filter(|a| !a.is_empty()).collect();
        [format!("{}({arguments})", field.name), shown(&field.unit), about.join("; ")]
    }
}

fn cell_lines(cell: &CellTable) -> Vec<[String; 3]> {
    let line = |name: &str, value: String| [name.to_string(), value, String::new()];
    let name = CELL_MODELS.iter().find(|(_, model)| *model == cell.model).map_or("", |m| m.0);
    let mut lines = vec![
        match &cell.source {
            CellSource::Set(name) => line("set", name.clone()),
            CellSource::Bpx { file, .. } => line("bpx", file.clone()),
        },
        line("model", name.to_string()),
    ];
    lines.extend(cell.state_of_charge.map(|z| line("state of charge", number(z))));
    lines.extend(cell.temperature_k.map(|t| line("temperature", format!("{} K", number(t)))));
    lines.extend(cell.solves.map(|n| line("solves", format!("at most {n} for training"))));
    lines.extend(cell.sweeps.map(|n| line("sweeps", format!("{n} of the equations for training"))));
    lines.extend(
        cell.profiles.map(|n| line("profiles", format!("{n} random currents for training"))),
    );
    lines
}

fn shown(unit: &Unit) -> String {
    if unit.text == "1" { String::new() } else { unit.text.clone() }
}

fn number(value: f64) -> String {
    let rounded: f64 = format!("{value:.6e}").parse().unwrap_or(value);
    let plain = rounded == 0.0 || (1e-3..1e6).contains(&rounded.abs());
    if plain { format!("{rounded}") } else { format!("{rounded:e}") }
}

impl Unit {
    /// A value (SI) in this unit, to be read: `2.5e-7 m`.
    pub fn said(&self, value: f64) -> String {
        with_unit(value, self)
    }
}

fn with_unit(value: f64, unit: &Unit) -> String {
    format!("{} {}", number(value / unit.factor), shown(unit)).trim_end().to_string()
}

fn range(lower: f64, upper: f64, unit: &Unit) -> String {
    format!("{} .. {}", number(lower / unit.factor), with_unit(upper, unit))
}

fn coordinate(c: &Coordinate) -> [String; 3] {
    let mut words = vec![match c.role {
        Role::Time => "time",
        Role::Space => "space",
    }];
    words.extend(match c.geometry {
        Geometry::Cartesian => None,
        Geometry::Cylinder => Some("radius of a cylinder"),
        Geometry::Sphere => Some("radius of a sphere"),
    });
    words.extend(c.periodic.then_some("periodic"));
    words.extend(match c.spread {
        Spread::Uniform => None,
        Spread::SquareRoot => Some("points dense at the lower end"),
        Spread::End => Some("points dense at the upper end"),
        Spread::Ends => Some("points dense at both ends"),
        Spread::Logarithmic => Some("points spread by logarithm"),
    });
    [c.name.clone(), range(c.lower, c.upper, &c.unit), words.join(", ")]
}

fn parameter(p: &Parameter) -> [String; 3] {
    let scale = if p.logarithmic { "log, " } else { "" };
    let nominal = format!("{scale}nominal {}", with_unit(p.nominal, &p.unit));
    [p.name.clone(), range(p.lower, p.upper, &p.unit), nominal]
}
