//! Voltages of a cell under a measured current.

use std::path::Path;

use serde_json::{Value, json};
use surrogate_battery::solve::Ended;
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
const LOOKS: &str = "a header such as t_s,current_A, and times that never fall";
/// How long before a jump the voltage before it is taken, s and relative.
const BEFORE: f64 = 1e-9;
/// C-rates beyond the trained ones by this part of them are none of rounding.
const SLACK: f64 = 1e-6;

/// A current over time as a file has it.
struct Measured {
    /// With times counted from the first.
    profile: Profile,
    /// First time of the file, s.
    first_s: f64,
}

/// `surrogate predict RUN --profile FILE`; `judged`: what training said of the fit.
///
/// # Errors
/// A run that knows no currents but constant ones, a file that is no profile.
pub fn predict(
    trained: &Trained,
    judged: Value,
    path: &Path,
    places: &Places,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let drive = match &trained.surrogate {
        Surrogate::Cell(cell) => cell.drive(),
        Surrogate::Networks(_) => return Err(no_cell("--profile")),
    };
    let drive = drive.ok_or_else(|| {
        Failure::helped(
            "this surrogate was trained for constant currents alone",
            "[data] profiles = 200 in the problem file, or surrogate train --set data.profiles=200",
        )
    })?;
    let (measured, point) = (read(path)?, one_point(&trained.problem, places, "--profile")?);
    let profile = &measured.profile;
    let outside_box = outside(&trained.problem, &point);
    if outside_box {
        terminal.warn("the parameters lie outside the trained box; rows are marked `extrapolated`");
    }
    let far = beyond(drive, profile);
    if let Some(row) = far {
        let (low, high) = drive.c_rates();
        let one = drive.nominal_a();
        terminal.warn(format!(
            "{} A at {} s lies outside the trained currents, {:.4} to {:.4} A (charge below 0); rows from \
             there on are marked `extrapolated`",
            profile.current_a[row],
            measured.first_s + profile.time_s[row],
            low * one,
            high * one
        ));
    }
    let driven = drive.voltages(&point, profile, drive.initial(), &profile.time_s);
    let end = driven.end.map(|end| (end.time_s, end.upper));
    if let Some((0.0, upper)) = end {
        let (word, limit) = cut_off(&drive.cut_offs_v(), upper);
        return Err(Failure::helped(
            format!(
                "at {} A the voltage is beyond the {word} cut-off of {limit} V at once",
                profile.current_a[0]
            ),
            "start with a smaller current, or at another state of charge",
        ));
    }
    let extrapolated = (outside_box || far.is_some())
        .then(|| (0..profile.time_s.len()).map(|k| outside_box || far.is_some_and(|f| k >= f)));
    let extrapolated = extrapolated.map(|flags| flags.map(f64::from).collect());
    let (voltages, cut_offs) = (driven.voltage_v, drive.cut_offs_v());
    let answer = Answer { voltages, temperatures: None, end, cut_offs, extrapolated };
    let mut object = finish(measured, answer, places, terminal)?;
    object["fit"] = judged;
    terminal.json(&object);
    Ok(0)
}

/// First row with a current outside the trained range.
fn beyond(drive: &DriveSurrogate, profile: &Profile) -> Option<usize> {
    let (low, high) = drive.c_rates();
    let slack = SLACK * (high - low);
    let rate = |current: &f64| current / drive.nominal_a();
    profile.current_a.iter().map(rate).position(|c| c < low - slack || c > high + slack)
}

/// `surrogate solve PROBLEM --profile FILE`
///
/// # Errors
/// A problem without a cell, a file that is no profile, a solver that fails.
pub fn solve(
    problem: &Problem,
    path: &Path,
    warms: bool,
    places: &Places,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let mut cell = cell_problem(problem)?.ok_or_else(|| no_cell("--profile"))?;
    let (measured, point) = (read(path)?, one_point(problem, places, "--profile")?);
    cell.options.thermal = warms;
    let drive = DriveSurrogate::single_particles(cell);
    let solution = drive.solve(&point, &measured.profile, drive.initial())?;
    let times = &measured.profile.time_s;
    let last = solution.end_time_s();
    let at = |list: &[f64], k: usize| {
        let jumps = times.get(k + 1) == Some(&times[k]);
        let time = if jumps { times[k] - BEFORE * times[k].max(1.0) } else { times[k] };
        if time <= last { solution.interpolated(list, time) } else { f64::NAN }
    };
    let all = |list: &[f64]| (0..times.len()).map(|k| at(list, k)).collect::<Vec<f64>>();
    let end = match solution.ended.last() {
        Some(Ended::UpperVoltage(_)) => Some((last, true)),
        Some(Ended::LowerVoltage(_) | Ended::Saturated(_)) => Some((last, false)),
        _ => None,
    };
    let answer = Answer {
        voltages: all(&solution.voltage_v),
        temperatures: warms.then(|| all(&solution.temperature_k)),
        end,
        cut_offs: drive.cut_offs_v(),
        extrapolated: None,
    };
    terminal.json(&finish(measured, answer, places, terminal)?);
    Ok(0)
}

/// Word and voltage of a cut-off, of the lower and the upper one.
fn cut_off(both: &[f64; 2], upper: bool) -> (&'static str, f64) {
    (if upper { "upper" } else { "lower" }, both[usize::from(upper)])
}

/// An option that only cells know.
pub fn no_cell(option: &str) -> Failure {
    Failure::helped(format!("{option} is for problems with [cell]"), "docs/problem-file.md, Cells")
}

/// The parameter point of an option that takes one.
pub fn one_point(problem: &Problem, places: &Places, option: &str) -> Result<Vec<f64>, Failure> {
    let mut points = parameters(problem, places)?;
    if points.len() != 1 {
        return Err(Failure::user(format!("{option} takes one parameter point: --params a=1,b=2")));
    }
    Ok(points.remove(0))
}

/// A current over time.
fn read(path: &Path) -> Result<Measured, Failure> {
    let unit = |text: &str| parse_unit(text).map_err(|e| Failure::Internal(format!("{e:?}")));
    let (seconds, amperes) = (unit("s")?, unit("A")?);
    let names = |list: &[&str]| list.iter().map(|n| (*n).to_string()).collect();
    let wanted = |what, all: &[&str], unit| {
        let choice = "keep one of them, or give the others another name".to_string();
        Wanted { what, header: None, names: names(all), choice, unit }
    };
    let wanted = [
        wanted("time", &["t", "time", "test_time", "elapsed_time"], &seconds),
        wanted("current", &["current", "i"], &amperes),
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
        if k > 0 && time_s[k] < time_s[k - 1] {
            return Err(wrong(format!("line {line}: the time falls")));
        }
        if k > 1 && time_s[k] <= time_s[k - 2] {
            let message = format!("line {line}: three rows at one time; a jump has two");
            return Err(wrong(message));
        }
    }
    let first_s = time_s[0];
    if time_s.last() == Some(&first_s) {
        return Err(wrong("one time is no profile".to_string()));
    }
    time_s.iter_mut().for_each(|t| *t -= first_s);
    Ok(Measured { profile: Profile { time_s, current_a }, first_s })
}

/// Voltages under a profile.
struct Answer {
    /// Row by row, V; not a number after the end.
    voltages: Vec<f64>,
    /// Likewise in K, where the cell warms.
    temperatures: Option<Vec<f64>>,
    /// Time in s of the cut-off that ends it, and whether that is the upper one.
    end: Option<(f64, bool)>,
    /// Lower and upper cut-off, V.
    cut_offs: [f64; 2],
    /// 1 for rows outside what was trained, where there are any.
    extrapolated: Option<Vec<f64>>,
}

/// Writes the table, and gives the object for `--json`; there are no voltages after the cut-off. Times are
/// those of the file.
fn finish(
    measured: Measured,
    answer: Answer,
    places: &Places,
    terminal: &Terminal,
) -> Result<Value, Failure> {
    let (profile, first_s) = (measured.profile, measured.first_s);
    if first_s != 0.0 {
        terminal.say(format!("the first row, at {first_s} s, is the initial state of the cell"));
    }
    let end_s = answer.end.map(|(time, _)| first_s + time);
    if let Some((time, upper)) = answer.end {
        let (word, limit) = cut_off(&answer.cut_offs, upper);
        let empty = profile.time_s.iter().filter(|t| **t > time).count();
        terminal.say(format!(
            "the {word} cut-off of {limit} V is reached at {:.3} s; {empty} rows after it are empty",
            first_s + time
        ));
    }
    let times = profile.time_s.iter().map(|t| first_s + t).collect();
    let mut columns = vec![
        Column::numbers("t", "s", times),
        Column::numbers("current", "A", profile.current_a),
        Column::numbers("voltage", "V", answer.voltages),
    ];
    columns.extend(answer.temperatures.map(|all| Column::numbers("temperature", "K", all)));
    columns.extend(answer.extrapolated.map(|flags| Column::numbers("extrapolated", "", flags)));
    let table = Table::new(columns);
    write_table(&table, places, terminal)?;
    Ok(json!({
        "rows": table.rows(),
        "columns": table.headers(),
        "file": places.out,
        "cut_off_s": end_s,
        "cut_off": answer.end.map(|(_, upper)| cut_off(&answer.cut_offs, upper).0),
    }))
}
