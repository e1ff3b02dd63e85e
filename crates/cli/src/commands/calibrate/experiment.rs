//! Measured curves as the surrogate sees them: the observed output at times within its range, and the
//! parameters that the curve states.

mod repair;

use std::collections::BTreeMap;
use std::path::Path;

use surrogate_problem::Problem;
use surrogate_problem::model::{Output, Unit};
use surrogate_problem::units::parse_unit;

use crate::failure::Failure;
use crate::measured::{self, Measured, Wanted, plain};
use crate::places::time_coordinate;

use super::plan::Request;
use repair::Rows;

/// Names that `--data` takes beside parameters.
const KEYS: [&str; 6] = ["time", "observed", "current", "from", "to", "at_least"];

/// A measured curve.
pub struct Experiment {
    /// File name without folder.
    pub name: String,
    /// Times, increasing, within the trained range, SI.
    pub times: Vec<f64>,
    /// The observed output, SI.
    pub values: Vec<f64>,
    /// Lines of the file that these stand in.
    pub lines: Vec<usize>,
    /// By parameter of the problem: the value that the curve states, SI.
    pub stated: Vec<Option<f64>>,
    /// What was found and done, in words.
    pub notes: Vec<String>,
}

/// Refuses names that mean nothing, or twice the same.
fn check(request: &Request, problem: &Problem) -> Result<(), Failure> {
    let parameters = problem.parameters.iter().map(|p| p.name.as_str());
    let known: Vec<&str> = parameters.chain(KEYS).collect();
    for (k, (name, _)) in request.entries.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            return Err(Failure::helped(
                format!("`{name}` in --data is no parameter of the surrogate"),
                format!("names that may stand there: {}", known.join(", ")),
            ));
        }
        if request.entries[..k].iter().any(|(n, _)| n == name) {
            return Err(Failure::user(format!("--data gives `{name}` twice")));
        }
    }
    Ok(())
}

impl Experiment {
    /// Reads the curve of a file; at most `most` points are kept. `of_current`: parameters that are
    /// the size of the mean current over this one, A, where nothing else states them.
    ///
    /// # Errors
    /// An unreadable or empty file, columns that are not there, times out of order, no point in the
    /// trained range, stated parameters outside the box.
    pub fn read(
        request: &Request,
        problem: &Problem,
        output: &Output,
        of_current: &BTreeMap<String, f64>,
        most: usize,
    ) -> Result<Self, Failure> {
        check(request, problem)?;
        let path = request.path.as_path();
        let wanted = wanted(problem, output, request);
        let mut table = measured::read(path, &wanted.iter().map(Column::want).collect::<Vec<_>>())?;
        let mut notes = std::mem::take(&mut table.notes);
        let mut stated = stated(problem, request, &wanted, &table)?;
        let rows = rows(&wanted, table, path)?;
        let rows = repair::sound(rows, path, &mut notes)?;
        let rows = repair::under_load(rows, path, &mut notes)?;
        by_current(&mut stated, problem, &rows, of_current);
        check_box(&stated, problem, path)?;
        let rows = window(rows, problem, output, request, &mut notes)?;
        let rows = repair::thinned(rows, most, &mut notes);
        let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
        let Rows { lines, times, values, .. } = rows;
        Ok(Self { name, times, values, lines, stated, notes })
    }
}

/// A column to look for, owning its names.
struct Column<'a> {
    what: &'a str,
    header: Option<&'a str>,
    names: Vec<String>,
    unit: Unit,
}

impl Column<'_> {
    fn want(&self) -> Wanted<'_> {
        let (what, header) = (self.what, self.header);
        let choice = format!("name one: --data FILE,{what}=COLUMN");
        Wanted { what, header, names: self.names.clone(), choice, unit: &self.unit }
    }
}

/// Time, observed, current, then the parameters of the problem.
fn wanted<'a>(problem: &'a Problem, output: &'a Output, request: &'a Request) -> Vec<Column<'a>> {
    let names = |list: &[&str]| list.iter().map(|n| plain(n)).collect::<Vec<_>>();
    let seconds =
        time_coordinate(problem).map_or(Unit::one(), |t| problem.coordinates[t].unit.clone());
    let ampere = parse_unit("A").unwrap_or_else(|_| Unit::one());
    let mut observed = names(&[&output.name]);
    if output.unit.text == "V" {
        observed.extend(names(&["voltage", "v", "u", "ecell", "cell_voltage", "terminal_voltage"]));
        observed.dedup();
    }
    let times = names(&["time", "t", "test_time", "elapsed_time", "total_time"]);
    let mut columns = vec![
        Column { what: "time", header: request.entry("time"), names: times, unit: seconds },
        Column {
            what: "observed",
            header: request.entry("observed"),
            names: observed,
            unit: output.unit.clone(),
        },
        Column {
            what: "current",
            header: request.entry("current"),
            names: names(&["current", "i"]),
            unit: ampere,
        },
    ];
    columns.extend(problem.parameters.iter().map(|p| Column {
        what: &p.name,
        // a number is the value itself
        header: request.entry(&p.name).filter(|text| text.parse::<f64>().is_err()),
        names: names(&[&p.name]),
        unit: p.unit.clone(),
    }));
    columns
}

/// Values of parameters that the command line or a column states.
fn stated(
    problem: &Problem,
    request: &Request,
    wanted: &[Column<'_>],
    table: &Measured,
) -> Result<Vec<Option<f64>>, Failure> {
    let columns = &table.columns[wanted.len() - problem.parameters.len()..];
    let one = |(p, column): (&surrogate_problem::model::Parameter, &Option<Vec<f64>>)| {
        let typed = request.entry(&p.name).and_then(|text| text.parse::<f64>().ok());
        let value = match (typed, column) {
            (Some(value), _) => Some(value * p.unit.factor),
            (None, Some(column)) => Some(constant(&p.name, column, &table.lines, &request.path)?),
            (None, None) => None,
        };
        Ok(value)
    };
    problem.parameters.iter().zip(columns).map(one).collect()
}

/// States the parameters that the current gives.
fn by_current(
    stated: &mut [Option<f64>],
    problem: &Problem,
    rows: &Rows,
    of_current: &BTreeMap<String, f64>,
) {
    let Some(current) = &rows.current else { return };
    let known: Vec<f64> = current.iter().copied().filter(|i| i.is_finite()).collect();
    let load = (known.iter().sum::<f64>() / known.len() as f64).abs();
    for (p, stated) in problem.parameters.iter().zip(stated) {
        if let (None, Some(one)) = (&stated, of_current.get(&p.name)) {
            *stated = Some(load / one);
        }
    }
}

/// Refuses stated values that the surrogate was not trained for.
fn check_box(stated: &[Option<f64>], problem: &Problem, path: &Path) -> Result<(), Failure> {
    for (p, value) in problem.parameters.iter().zip(stated) {
        if let Some(v) = value.filter(|v| !(p.lower..=p.upper).contains(v)) {
            let (f, unit) = (p.unit.factor, &p.unit.text);
            let (low, high) = (p.lower / f, p.upper / f);
            return Err(Failure::helped(
                format!("{}: {} = {} {unit}", path.display(), p.name, v / f),
                format!("the surrogate was trained for {low} .. {high} {unit}"),
            ));
        }
    }
    Ok(())
}

/// The value of a column that must not change.
fn constant(name: &str, column: &[f64], lines: &[usize], path: &Path) -> Result<f64, Failure> {
    let first = column[0];
    let moved = column.iter().position(|v| (v - first).abs() > 1e-9 * first.abs() || v.is_nan());
    match moved {
        None => Ok(first),
        Some(row) => Err(Failure::helped(
            format!("{}, line {}: `{name}` changes", path.display(), lines[row]),
            "one file is one curve: split it, or state the value after the file name",
        )),
    }
}

/// The rows of the columns that every curve has.
fn rows(wanted: &[Column<'_>], mut table: Measured, path: &Path) -> Result<Rows, Failure> {
    let mut take = |k: usize| {
        table.columns[k].take().ok_or_else(|| {
            let Column { what, names, .. } = &wanted[k];
            Failure::helped(
                format!("{}: no column for the {what}, {}", path.display(), names[0]),
                format!("name it: --data {},{what}=COLUMN", path.display()),
            )
        })
    };
    let (times, values) = (take(0)?, take(1)?);
    let current = table.columns[2].take();
    Ok(Rows { lines: table.lines, times, values, current })
}

/// Cuts to what the user asks for and to the range that the surrogate was trained for.
fn window(
    mut rows: Rows,
    problem: &Problem,
    output: &Output,
    request: &Request,
    notes: &mut Vec<String>,
) -> Result<Rows, Failure> {
    let Some(t) = time_coordinate(problem) else {
        return Err(Failure::user("this problem has no time: it has no curves to calibrate on"));
    };
    let c = &problem.coordinates[t];
    let f = c.unit.factor;
    let from = request.number("from")?.map_or(f64::NEG_INFINITY, |v| v * f);
    let to = request.number("to")?.map_or(f64::INFINITY, |v| v * f);
    rows.keep(|time, _| (from..=to).contains(&time));
    if let Some(least) = request.number("at_least")? {
        let least = least * output.unit.factor;
        let cut = rows.values.iter().position(|v| *v < least).unwrap_or(rows.values.len());
        let last = rows.times[..cut].last().copied().unwrap_or(f64::NEG_INFINITY);
        rows.keep(|time, _| time <= last);
    }
    let asked = rows.times.len();
    let slack = 1e-9 * (c.upper - c.lower);
    rows.keep(|time, _| time >= c.lower - slack && time <= c.upper + slack);
    rows.times.iter_mut().for_each(|time| *time = time.clamp(c.lower, c.upper));
    let (cut, kept) = (asked - rows.times.len(), rows.times.len());
    let range = format!("{} .. {} {}", c.lower / f, c.upper / f, c.unit.text);
    if kept < 2 {
        return Err(Failure::helped(
            format!("{}: {kept} points within {range}", request.path.display()),
            "the surrogate knows no other times: check the unit of time and the window",
        ));
    }
    if cut > 0 {
        notes.push(format!("{cut} points outside the trained times {range} are left out"));
    }
    Ok(rows)
}
