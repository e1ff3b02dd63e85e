//! `surrogate solve`

use serde_json::json;
use surrogate_problem::Problem;
use surrogate_run::Table;
use surrogate_solve::{Solution, SolveError};

use crate::args::Solve;
use crate::cell::{profile, protocol};
use crate::failure::Failure;
use crate::grid::{Grid, Item, Quantities, write_table};
use crate::noise::Noise;
use crate::places::time_coordinate;
use crate::record;
use crate::reference::Reference;
use crate::terminal::Terminal;
use crate::trained::{load, refuse_generator};

/// Runs the command.
pub fn run(arguments: &Solve, terminal: &Terminal) -> Result<u8, Failure> {
    let loaded = load(&arguments.problem, &arguments.set)?;
    let problem = &loaded.problem;
    refuse_generator(problem)?;
    problem.warnings.iter().for_each(|w| terminal.warn(w));
    if let Some(path) = &arguments.profile {
        return profile::solve(problem, path, arguments.thermal, &arguments.places, terminal);
    }
    if let Some(words) = &arguments.protocol {
        return protocol::solve(problem, words, arguments.thermal, &arguments.places, terminal);
    }
    if arguments.thermal {
        return Err(Failure::helped(
            "--thermal goes with --protocol or --profile",
            "a discharge alone: --protocol \"Discharge at 1C\"",
        ));
    }
    let solver = Reference::of(problem, false).map_err(|e| match e {
        Failure::Solve(SolveError::Unsupported { reason }) => Failure::helped(
            format!("the reference solver cannot treat this problem: {reason}"),
            "train a surrogate and use `surrogate predict`, or name a reference file",
        ),
        other => other,
    })?;
    let grid = Grid::read(problem, &arguments.places)?;
    let beyond = grid.beyond(problem);
    if beyond > 0 {
        return Err(Failure::helped(
            format!("{beyond} of {} points lie outside the coordinates of the file", grid.rows()),
            format!("{}; widen a range with --set coordinates.…", ranges(problem)),
        ));
    }
    left_out(problem, &solver).iter().for_each(|w| terminal.warn(w));
    let noise = arguments.noise.as_deref().map(|text| Noise::read(text, arguments.seed, problem));
    let (table, ended, rough) = tabulate(problem, &solver, &grid, noise.transpose()?)?;
    solver.note().iter().for_each(|note| terminal.warn(note));
    rough.iter().for_each(|rough| terminal.warn(rough.said(problem, &solver)));
    grid.say_ended(ended, terminal);
    write_table(&table, &arguments.places, terminal)?;
    terminal.json(&json!({
        "rows": table.rows(),
        "columns": table.headers(),
        "file": arguments.places.out,
    }));
    Ok(0)
}

/// What is said of outputs that the table will not hold.
fn left_out(problem: &Problem, solver: &Reference) -> Vec<String> {
    let given = solver_has(problem, solver);
    let reasons = solver.missing_outputs();
    let mut out = Vec::new();
    for (k, output) in problem.outputs.iter().enumerate() {
        if given[k] || problem.fields.iter().any(|f| f.name == output.name) {
            continue;
        }
        out.push(match reasons.iter().find(|(j, _)| *j == k) {
            Some((_, why)) => format!("left out: {why}"),
            None => format!("left out: output `{}` is not one of time only", output.name),
        });
    }
    out
}

/// `0 .. 1350 s for t, …`
fn ranges(problem: &Problem) -> String {
    let range = |c: &surrogate_problem::model::Coordinate| {
        let f = c.unit.factor;
        format!("{} .. {} {} for {}", c.lower / f, c.upper / f, record::unit(&c.unit.text), c.name)
    };
    problem.coordinates.iter().map(range).collect::<Vec<_>>().join(", ")
}

/// Difference between two meshes, relative to the range of a field, from which on a solution is not
/// resolved.
const UNRESOLVED: f64 = 0.01;

/// A field that half the mesh gives otherwise.
struct Rough {
    field: usize,
    /// Largest difference, relative to the range of the field.
    difference: f64,
    point: Vec<f64>,
}

impl Rough {
    /// The field that differs most, if that is enough to be told of. The start of time is left out:
    /// there a condition may contradict the initial values on any mesh.
    fn of(fine: &Solution, coarse: &Solution, start: Option<f64>, point: &[f64]) -> Option<Self> {
        let pairs = fine.fields.iter().zip(&coarse.fields).enumerate();
        let each = pairs.map(|(field, (a, b))| {
            let (mut low, mut high, mut largest) = (f64::INFINITY, f64::NEG_INFINITY, 0.0_f64);
            for (t, values) in a.values.iter().enumerate() {
                low = values.iter().fold(low, |m, v| m.min(*v));
                high = values.iter().fold(high, |m, v| m.max(*v));
                if Some(fine.times[t]) != start {
                    let pairs = b.places.iter().zip(&b.values[t]);
                    largest = pairs.fold(largest, |m, (x, v)| m.max((a.at(t, *x) - v).abs()));
                }
            }
            let difference = if high > low { largest / (high - low) } else { 0.0 };
            Self { field, difference, point: point.to_vec() }
        });
        let worst = each.max_by(|a, b| a.difference.total_cmp(&b.difference))?;
        (worst.difference > UNRESOLVED).then_some(worst)
    }

    fn said(&self, problem: &Problem, solver: &Reference) -> String {
        let named = problem.parameters.iter().zip(&self.point);
        let at: Vec<String> =
            named.map(|(p, &v)| format!("{} = {}", p.name, p.unit.said(v))).collect();
        let at = if at.is_empty() { String::new() } else { format!(" at {}", at.join(", ")) };
        format!(
            "the mesh does not resolve the solution{at}: half of it gives `{}` that differs by {:.0} % of \
             its range; take a finer one (--set reference.cells={}) until this is not said",
            problem.fields[self.field].name,
            100.0 * self.difference,
            2 * solver.cells(),
        )
    }
}

/// The table, how many of its rows lie after the end of the experiment, and the solution that is
/// resolved worst.
fn tabulate(
    problem: &Problem,
    solver: &Reference,
    grid: &Grid,
    noise: Option<Noise>,
) -> Result<(Table, usize, Option<Rough>), Failure> {
    let order = times(problem, grid);
    let quantities = Quantities::of(problem, grid, solver_has(problem, solver));
    quantities.needed(problem)?;
    let mut values = vec![Vec::new(); quantities.items.len()];
    let coarser = solver.coarser()?;
    let start = time_coordinate(problem).map(|t| problem.coordinates[t].lower);
    let mut rough: Option<Rough> = None;
    for point in &grid.parameters {
        let solution = solver.solve(point, &order)?;
        // where half the mesh finds nothing, nothing can be compared
        if let Some(Ok(coarse)) = coarser.as_ref().map(|c| c.solve(point, &order)) {
            let found = Rough::of(&solution, &coarse, start, point);
            let most = |r: &Option<Rough>| r.as_ref().map_or(0.0, |r| r.difference);
            if most(&found) > most(&rough) {
                rough = found;
            }
        }
        let rows = rows(problem, grid, &quantities.items, &order, &solution);
        values.iter_mut().zip(rows).for_each(|(column, rows)| column.extend(rows));
    }
    let ended = grid.end(problem, &quantities, &mut values);
    if let Some(noise) = noise {
        for (item, column) in quantities.items.iter().zip(&mut values) {
            noise.add(*item, column);
        }
    }
    Ok((grid.table(problem, &quantities, values, (false, ("", &[]))), ended, rough))
}

/// Times of a grid, each once, in order.
fn times(problem: &Problem, grid: &Grid) -> Vec<f64> {
    let mut order: Vec<f64> =
        time_coordinate(problem).map_or(Vec::new(), |t| grid.column(t).to_vec());
    order.sort_by(f64::total_cmp);
    order.dedup();
    order
}

/// What the solver says of a parameter point at the rows of a grid: `[item][row]`.
pub(super) fn solved(
    problem: &Problem,
    solver: &Reference,
    grid: &Grid,
    items: &[Item],
    point: &[f64],
) -> Result<Vec<Vec<f64>>, Failure> {
    let order = times(problem, grid);
    Ok(rows(problem, grid, items, &order, &solver.solve(point, &order)?))
}

/// A solution at ordered times, at the rows of a grid.
fn rows(
    problem: &Problem,
    grid: &Grid,
    items: &[Item],
    order: &[f64],
    solution: &Solution,
) -> Vec<Vec<f64>> {
    let time = time_coordinate(problem);
    let at = |i: usize| time.map_or(0, |t| order.partition_point(|x| *x < grid.column(t)[i]));
    let value = |item: &Item, i: usize| match *item {
        Item::Output(o) => solution.outputs[o][at(i)],
        Item::Field(f) => {
            let own = &problem.fields[f].coordinates;
            let place = own.iter().find(|c| Some(**c) != time);
            solution.fields[f].at(at(i), place.map_or(0.0, |&c| grid.column(c)[i]))
        }
    };
    let along = |item: &Item| (0..grid.rows()).map(|i| value(item, i)).collect();
    items.iter().map(along).collect()
}

/// Outputs that the solver gives directly.
fn solver_has(problem: &Problem, solver: &Reference) -> Vec<bool> {
    let missing: Vec<usize> = solver.missing_outputs().into_iter().map(|(k, _)| k).collect();
    let time = time_coordinate(problem);
    let plain =
        |o: &surrogate_problem::model::Output| o.coordinates.iter().all(|c| Some(*c) == time);
    problem.outputs.iter().enumerate().map(|(k, o)| !missing.contains(&k) && plain(o)).collect()
}
