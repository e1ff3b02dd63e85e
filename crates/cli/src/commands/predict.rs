//! `surrogate predict`

use serde_json::json;

use super::payback::curve_words;
use crate::args::Predict;
use crate::cell::profile;
use crate::electricity::Electricity;
use crate::failure::Failure;
use crate::footprint::{self, Work};
use crate::grid::{Grid, Item, Quantities, write_table};
use crate::places::{columns_of, outside};
use crate::reference::Reference;
use crate::terminal::Terminal;
use crate::trained::{self, Trained};

/// Runs the command.
pub fn run(arguments: &Predict, terminal: &Terminal) -> Result<u8, Failure> {
    let mut trained = Trained::open(&arguments.run)?;
    let judged = trained::caution(&trained.run, terminal)?;
    if let Some(path) = &arguments.profile {
        return profile::predict(&trained, judged, path, &arguments.places, terminal);
    }
    let asked = arguments.footprint || arguments.electricity != Electricity::default();
    let meter = if asked { Some(arguments.counters.meter()?) } else { None };
    let electricity = arguments.electricity.or_of(&trained.run)?;
    electricity.check()?;
    let grid = Grid::read(&trained.problem, &arguments.places)?;
    let all = vec![true; trained.problem.outputs.len()];
    let mut quantities = Quantities::of(&trained.problem, &grid, all);
    let (problem, surrogate) = (&trained.problem, &trained.surrogate);
    let asked = std::mem::take(&mut quantities.items);
    let (given, missing): (Vec<Item>, Vec<Item>) =
        asked.into_iter().partition(|item| surrogate.gives(problem, *item));
    quantities.items = given;
    quantities.needed(problem)?;
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|item| item.name(problem)).collect();
        let names = names.join(", ");
        terminal.warn(format!("left out: this surrogate gives no {names}; surrogate solve does"));
    }
    let coordinates = 0..trained.problem.coordinates.len();
    let places: Vec<Vec<f64>> = coordinates.map(|k| grid.column(k).to_vec()).collect();
    let mut curves = trained.curves(&quantities.items, &[], &places)?;
    let problem = &trained.problem;
    let rows = columns_of(problem, &grid.parameters);
    let stage = meter.as_ref().map(|meter| meter.stage("predict"));
    let mut values = curves.evaluate(&rows, grid.parameters.len());
    let depleted: Vec<bool> =
        grid.parameters.iter().map(|point| trained.surrogate.depletes(point)).collect();
    let solved = arguments.solve_depleted && depleted.contains(&true);
    if solved {
        let solver = Reference::of(problem, false)?;
        for (k, point) in grid.parameters.iter().enumerate().filter(|(k, _)| depleted[*k]) {
            let rows = super::solve::solved(problem, &solver, &grid, &quantities.items, point)?;
            for (column, rows) in values.iter_mut().zip(rows) {
                column[k * grid.rows()..][..grid.rows()].copy_from_slice(&rows);
            }
        }
    }
    drop(stage);
    let ended = grid.end(problem, &quantities, &mut values);
    grid.say_ended(ended, terminal);
    let far = grid.parameters.iter().filter(|p| outside(problem, p)).count();
    let beyond = grid.beyond(problem);
    if far > 0 {
        terminal.warn(format!(
            "{far} of {} parameter points lie outside the trained box; their rows are marked in the column `extrapolated`",
            grid.parameters.len()
        ));
    }
    if beyond > 0 {
        terminal
            .warn(format!("{beyond} points lie outside the trained coordinates; marked likewise"));
    }
    let drained = depleted.iter().filter(|flag| **flag).count();
    if drained > 0 {
        let said = if solved {
            "the reference solver answered there, in rows with 1 in the column `solved`"
        } else {
            "evaluate says how much less exact their rows are, which are marked in the column `depleted` \
             (--solve-depleted has the reference solver answer there)"
        };
        let all = grid.parameters.len();
        terminal
            .warn(format!("{drained} of {all} parameter points deplete the electrolyte: {said}"));
    }
    let name = if solved { "solved" } else { "depleted" };
    let table = grid.table(problem, &quantities, values, (far + beyond > 0, (name, &depleted)));
    write_table(&table, &arguments.places, terminal)?;
    let mut object = json!({
        "rows": table.rows(),
        "columns": table.headers(),
        "file": arguments.places.out,
        "extrapolated": far + beyond > 0,
        "depleted": drained,
        "solved": if solved { drained } else { 0 },
        "fit": judged,
    });
    if let Some(meter) = meter {
        let report = meter.stop();
        let options = electricity.options(&report, terminal)?;
        let unit = problem.outputs.first().map_or("prediction".to_string(), curve_words);
        let work = Work::prediction(&unit, grid.parameters.len(), "predict", &report);
        let account = footprint::account(&report, &options, &work);
        footprint::say(terminal, &report, &account);
        object["energy"] = json!(account);
    }
    terminal.json(&object);
    Ok(0)
}
