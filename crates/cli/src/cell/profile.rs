//! Voltages of a cell under a measured current.

use std::path::Path;

use serde_json::json;
use surrogate_cells::{DriveSurrogate, Profile};
use surrogate_problem::Problem;
use surrogate_problem::units::parse_unit;
use surrogate_run::{Column, Table};

use super::cell_problem;
use crate::args::Places;
use crate::failure::Failure;
use crate::grid::write_table;
use crate::measured::{self, Wanted};
use crate::places::{outside, parameters};
use crate::surrogate::Surrogate;
use crate::terminal::Terminal;
use crate::trained::Trained;

/// What a file of a current looks like.
const LOOKS: &str = "a header such as time_s,current_A, and times that increase";

/// `surrogate predict RUN --profile FILE`
///
/// # Errors
/// A run that knows no currents but constant ones, a file that is no profile.
pub fn predict(
    trained: &Trained,
    path: &Path,
    places: &Places,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let drive = match &trained.surrogate {
        Surrogate::Cell(cell) => cell.drive(),
        Surrogate::Networks(_) => return Err(no_cell()),
    };
    let drive = drive.ok_or_else(|| {
        Failure::helped(
            "this surrogate was trained for constant currents alone",
            "[data] profiles = 200 in the problem file, or surrogate train --set data.profiles=200",
        )
    })?;
    let (profile, point) = (read(path)?, one_point(&trained.problem, places)?);
    let far = outside(&trained.problem, &point);
    if far {
        terminal.warn("the parameters lie outside the trained box");
    }
    let voltages = drive.voltages(&point, &profile, 1.0, &profile.time_s);
    finish(&trained.problem, profile, voltages, places, terminal)
}

/// `surrogate solve PROBLEM --profile FILE`
///
/// # Errors
/// A problem without a cell, a file that is no profile, a solver that fails.
pub fn solve(
    problem: &Problem,
    path: &Path,
    places: &Places,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let cell = cell_problem(problem)?.ok_or_else(no_cell)?;
    let (profile, point) = (read(path)?, one_point(problem, places)?);
    let solution = DriveSurrogate::single_particles(cell).solve(&point, &profile, 1.0)?;
    let end = solution.end_time_s();
    let at = |t: &f64| if *t <= end { solution.voltage_at(*t) } else { f64::NAN };
    let voltages = profile.time_s.iter().map(at).collect();
    finish(problem, profile, voltages, places, terminal)
}

fn no_cell() -> Failure {
    Failure::helped("--profile is for problems with [cell]", "docs/problem-file.md, Cells")
}

fn one_point(problem: &Problem, places: &Places) -> Result<Vec<f64>, Failure> {
    let mut points = parameters(problem, places)?;
    if points.len() != 1 {
        return Err(Failure::user("--profile takes one parameter point: --params a=1,b=2"));
    }
    Ok(points.remove(0))
}

/// A current over time. Times are counted from the first.
fn read(path: &Path) -> Result<Profile, Failure> {
    let unit = |text: &str| parse_unit(text).map_err(|e| Failure::Internal(format!("{e:?}")));
    let (seconds, amperes) = (unit("s")?, unit("A")?);
    let names = |list: &[&str]| list.iter().map(|n| (*n).to_string()).collect();
    let wanted = [
        Wanted {
            what: "time",
            header: None,
            names: names(&["t", "time", "test_time", "elapsed_time"]),
            unit: &seconds,
        },
        Wanted { what: "current", header: None, names: names(&["current", "i"]), unit: &amperes },
    ];
    let table = measured::read(path, &wanted)?;
    let wrong = |message: String| Failure::helped(format!("{}: {message}", path.display()), LOOKS);
    let mut columns = table.columns.into_iter();
    let mut column = |what: &str| {
        columns.next().flatten().ok_or_else(|| wrong(format!("there is no column of the {what}")))
    };
    let (mut time_s, current_a) = (column("time")?, column("current")?);
    for (k, line) in table.lines.iter().enumerate() {
        if !(time_s[k].is_finite() && current_a[k].is_finite()) {
            return Err(wrong(format!("line {line} lacks a number")));
        }
        if k > 0 && time_s[k] <= time_s[k - 1] {
            return Err(wrong(format!("line {line}: the time does not increase")));
        }
    }
    if time_s.len() < 2 {
        return Err(wrong("one line is no profile".to_string()));
    }
    let first = time_s[0];
    time_s.iter_mut().for_each(|t| *t -= first);
    Ok(Profile { time_s, current_a })
}

/// Writes the table; there are no voltages after the cut-off.
fn finish(
    problem: &Problem,
    profile: Profile,
    mut voltages: Vec<f64>,
    places: &Places,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let limits = problem.outputs.first().map(|o| o.limits).unwrap_or_default();
    let over = |v: &f64| v.is_nan() || limits.passed(*v);
    if let Some(end) = voltages.iter().position(over) {
        voltages[end..].fill(f64::NAN);
        terminal.say(format!(
            "the voltage reaches the cut-off before {} s; {} rows after it are empty",
            profile.time_s[end],
            voltages.len() - end
        ));
    }
    let table = Table::new(vec![
        Column::numbers("t", "s", profile.time_s),
        Column::numbers("current", "A", profile.current_a),
        Column::numbers("voltage", "V", voltages),
    ]);
    write_table(&table, places, terminal)?;
    terminal.json(&json!({ "rows": table.rows(), "file": places.out }));
    Ok(0)
}
