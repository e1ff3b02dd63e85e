//! The points of `solve` and `predict`, and the table they give.

use surrogate_problem::Problem;
use surrogate_problem::model::{Limits, Role};
use surrogate_run::{Column, Table};

use crate::args::Places;
use crate::failure::Failure;
use crate::places::{outside, parameters, points, time_coordinate, times};
use crate::record::unit;
use crate::terminal::Terminal;

/// Times used where none are given.
const DEFAULT_TIMES: usize = 101;

/// Places by parameter point.
pub struct Grid {
    /// Parameter points, SI.
    pub parameters: Vec<Vec<f64>>,
    /// Coordinate columns by position, SI; empty where a coordinate is not given.
    columns: Vec<Vec<f64>>,
    /// Parameters are written as columns.
    many: bool,
}

/// A column of results.
#[derive(Clone, Copy, Debug)]
pub enum Item {
    /// An output by position.
    Output(usize),
    /// A field by position.
    Field(usize),
}

impl Item {
    /// Its name.
    pub fn name(self, problem: &Problem) -> &str {
        match self {
            Self::Output(o) => &problem.outputs[o].name,
            Self::Field(f) => &problem.fields[f].name,
        }
    }
}

/// Result columns.
pub struct Quantities {
    /// In order.
    pub items: Vec<Item>,
}

impl Quantities {
    /// Outputs and fields that can be given at the grid's places: those whose coordinates it has.
    pub fn of(problem: &Problem, grid: &Grid, available: Vec<bool>) -> Self {
        let has = |c: &[usize]| c.iter().all(|&k| !grid.columns[k].is_empty());
        let outputs = problem.outputs.iter().enumerate();
        let mut items: Vec<Item> = outputs
            .filter(|(k, o)| available[*k] && has(&o.coordinates))
            .map(|(k, _)| Item::Output(k))
            .collect();
        let named = |name: &str| problem.outputs.iter().any(|o| o.name == name);
        let space = (0..problem.coordinates.len())
            .any(|c| problem.coordinates[c].role == Role::Space && !grid.columns[c].is_empty());
        for (k, f) in problem.fields.iter().enumerate() {
            let asked = space || items.is_empty() || f.coordinates.len() < 2;
            let shown = items.iter().any(|i| match i {
                Item::Output(o) => problem.outputs[*o].name == f.name,
                Item::Field(_) => false,
            });
            if has(&f.coordinates) && asked && !shown && (!named(&f.name) || space) {
                items.push(Item::Field(k));
            }
        }
        Self { items }
    }

    /// An error if nothing can be given at these places.
    pub fn needed(&self, problem: &Problem) -> Result<(), Failure> {
        if !self.items.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = problem.coordinates.iter().map(|c| c.name.as_str()).collect();
        Err(Failure::helped(
            "every output of this problem depends on a place: say where with --points FILE.csv",
            format!("the file needs the columns {}", names.join(", ")),
        ))
    }
}

impl Grid {
    /// From the command line.
    pub fn read(problem: &Problem, places: &Places) -> Result<Self, Failure> {
        let parameters = parameters(problem, places)?;
        let time = time_coordinate(problem);
        let mut columns = vec![Vec::new(); problem.coordinates.len()];
        if let Some(path) = &places.points {
            let found = points(problem, path)?;
            for (column, values) in columns.iter_mut().zip(found) {
                *column = values.unwrap_or_default();
            }
            if columns.iter().all(Vec::is_empty) {
                return Err(Failure::user(format!("{}: no points", path.display())));
            }
        } else if let Some(t) = time {
            let c = &problem.coordinates[t];
            columns[t] = match &places.times {
                Some(text) => times(problem, text)?,
                None => {
                    let step = (c.upper - c.lower) / (DEFAULT_TIMES - 1) as f64;
                    (0..DEFAULT_TIMES).map(|k| c.lower + step * k as f64).collect()
                }
            };
        } else {
            let names: Vec<&str> = problem.coordinates.iter().map(|c| c.name.as_str()).collect();
            return Err(Failure::helped(
                "this problem has no time: say where with --points FILE.csv",
                format!("the file needs the columns {}", names.join(", ")),
            ));
        }
        let many = parameters.len() > 1 || places.params_file.is_some();
        Ok(Self { parameters, columns, many })
    }

    /// A coordinate's values, one per row of a parameter point.
    pub fn column(&self, coordinate: usize) -> &[f64] {
        &self.columns[coordinate]
    }

    /// Rows per parameter point.
    pub fn rows(&self) -> usize {
        self.columns.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Rows outside the trained coordinates, per parameter point.
    pub fn beyond(&self, problem: &Problem) -> usize {
        (0..self.rows()).filter(|&i| self.row_beyond(problem, i)).count()
    }

    fn row_beyond(&self, problem: &Problem, i: usize) -> bool {
        problem.coordinates.iter().zip(&self.columns).any(|(c, column)| {
            let slack = 1e-9 * (c.upper - c.lower);
            column.get(i).is_some_and(|v| *v < c.lower - slack || *v > c.upper + slack)
        })
    }

    /// Puts no number where the experiment has ended: at the first time at which an output passes its
    /// limits, and after it. `values`: SI, one column an item. Gives the number of such rows.
    pub fn end(
        &self,
        problem: &Problem,
        quantities: &Quantities,
        values: &mut [Vec<f64>],
    ) -> usize {
        let Some(time) = time_coordinate(problem) else { return 0 };
        let (times, rows) = (self.column(time), self.rows());
        let limits = |item: &Item| match *item {
            Item::Output(o) => problem.outputs[o].limits,
            Item::Field(_) => Limits::default(),
        };
        let mut ended = 0;
        for point in 0..self.parameters.len() {
            let place = |i: usize| point * rows + i;
            let passed = |i: &usize| {
                let mut columns = quantities.items.iter().zip(values.iter());
                columns.any(|(item, column)| limits(item).passed(column[place(*i)]))
            };
            let end = (0..rows).filter(passed).map(|i| times[i]).reduce(f64::min);
            for i in (0..rows).filter(|&i| end.is_some_and(|end| times[i] >= end)) {
                values.iter_mut().for_each(|column| column[place(i)] = f64::NAN);
                ended += 1;
            }
        }
        ended
    }

    /// Says that rows lie after the end.
    pub fn say_ended(&self, ended: usize, terminal: &Terminal) {
        if ended > 0 {
            let all = self.rows() * self.parameters.len();
            terminal.warn(format!(
                "{ended} of {all} rows lie after the end of the experiment (at_least and at_most of \
                 the outputs): nan"
            ));
        }
    }

    /// The table, parameter point by parameter point; `flags`: a column for those outside the box, and a named column for
    /// marked ones where there are any.
    pub fn table(
        &self,
        problem: &Problem,
        quantities: &Quantities,
        values: Vec<Vec<f64>>,
        (flags, (name, marked)): (bool, (&str, &[bool])),
    ) -> Table {
        let rows = self.rows();
        let repeat = |f: &dyn Fn(&[f64], usize) -> f64| -> Vec<f64> {
            self.parameters
                .iter()
                .flat_map(|p| (0..rows).map(move |i| (p, i)))
                .map(|(p, i)| f(p, i))
                .collect()
        };
        let mut columns = Vec::new();
        if self.many {
            for (k, p) in problem.parameters.iter().enumerate() {
                let values = repeat(&|point, _| point[k] / p.unit.factor);
                columns.push(Column::numbers(&p.name, &unit(&p.unit.text), values));
            }
        }
        for (c, column) in problem.coordinates.iter().zip(&self.columns) {
            if !column.is_empty() {
                let name = if c.role == Role::Time { "time" } else { &c.name };
                let values = repeat(&|_, i| column[i] / c.unit.factor);
                columns.push(Column::numbers(name, &unit(&c.unit.text), values));
            }
        }
        for (item, mut values) in quantities.items.iter().zip(values) {
            let (name, u) = match *item {
                Item::Output(o) => (&problem.outputs[o].name, &problem.outputs[o].unit),
                Item::Field(f) => (&problem.fields[f].name, &problem.fields[f].unit),
            };
            values.iter_mut().for_each(|v| *v /= u.factor);
            columns.push(Column::numbers(name, &unit(&u.text), values));
        }
        if flags {
            let values = repeat(&|point, i| {
                f64::from(u8::from(outside(problem, point) || self.row_beyond(problem, i)))
            });
            columns.push(Column::numbers("extrapolated", "", values));
        }
        if marked.contains(&true) {
            let flag = |flag: &bool| std::iter::repeat_n(f64::from(u8::from(*flag)), rows);
            let values = marked.iter().flat_map(flag).collect();
            columns.push(Column::numbers(name, "", values));
        }
        Table::new(columns)
    }
}

/// Writes the table to `--out` or stdout.
pub fn write_table(table: &Table, places: &Places, terminal: &Terminal) -> Result<(), Failure> {
    match &places.out {
        Some(path) => {
            // a rename would put a file in the place of a link or a device such as /dev/stdout
            if std::fs::symlink_metadata(path).is_ok_and(|m| !m.is_file()) {
                std::fs::write(path, table.to_csv()).map_err(|e| {
                    let why = surrogate_run::words(&e);
                    Failure::helped(
                        format!("cannot write {}: {why}", path.display()),
                        "--out FILE.csv names the file of the table",
                    )
                })?;
            } else {
                table.write_csv(path)?;
            }
            terminal.say(format!("wrote {} ({} rows)", path.display(), table.rows()));
        }
        None => terminal.data(&table.to_csv()),
    }
    Ok(())
}
