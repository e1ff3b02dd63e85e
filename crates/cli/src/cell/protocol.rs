//! Voltages of a cell under a protocol in words.

use serde_json::json;
use surrogate_battery::solve::{
    Ended, Mechanism, Options, Resolution, Solution, WordedStep, protocol_of_words, simulate,
};
use surrogate_problem::Problem;
use surrogate_run::{Column, Table};

use super::cell_problem;
use super::profile::{no_cell, one_point};
use crate::args::Places;
use crate::failure::Failure;
use crate::grid::write_table;
use crate::terminal::Terminal;

/// `surrogate solve PROBLEM --protocol WORDS`: a row for each time of the solver.
///
/// # Errors
/// A problem without a cell, words that are no protocol, a solver that fails.
pub fn solve(
    problem: &Problem,
    words: &str,
    warms: bool,
    places: &Places,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let mut own = cell_problem(problem)?.ok_or_else(|| no_cell("--protocol"))?;
    let point = one_point(problem, places, "--protocol")?;
    own.options.thermal = warms;
    let worded = protocol_of_words(words, &own.cell).map_err(|e| {
        let help = "such as \"Discharge at 1C until 2.5 V; Rest for 1 hour; Charge at C/3 until 4.2 V; Hold at 4.2 V \
                    until C/50\"";
        Failure::helped(format!("--protocol: {e}"), help)
    })?;
    let steps: Vec<_> = worded.iter().map(|worded| worded.step.clone()).collect();
    let (_, multipliers) = own.conditions(&point);
    let options = Options { multipliers, ..own.options.clone() };
    let solution =
        simulate(&own.cell, own.model, &steps, &options).map_err(|e| Failure::Cell(e.into()))?;
    if solution.resolution == Resolution::Depleting {
        terminal.warn(
            "the electrolyte is depleted in part of an electrode: ends are known to about 1 %",
        );
    }
    let ends = ends(&solution, &worded);
    for end in &ends {
        terminal.say(&end.words);
    }
    let table = table(&solution, warms);
    write_table(&table, places, terminal)?;
    terminal.json(&json!({
        "rows": table.rows(),
        "columns": table.headers(),
        "file": places.out,
        "steps": ends.iter().map(|end| json!({
            "step": end.step,
            "end_s": end.time_s,
            "ended_by": end.by,
        })).collect::<Vec<_>>(),
    }));
    Ok(0)
}

/// How a step ended.
struct End {
    step: String,
    time_s: f64,
    by: String,
    words: String,
}

/// Numbers of the steps that were not left out, from 1.
fn followed(solution: &Solution) -> Vec<usize> {
    let ended = solution.ended.iter().enumerate();
    ended.filter(|(_, ended)| **ended != Ended::Skipped).map(|(k, _)| k + 1).collect()
}

fn ends(solution: &Solution, worded: &[WordedStep]) -> Vec<End> {
    let (first, followed) = (&solution.step_starts, followed(solution));
    let end = |k: usize| {
        let part = followed.partition_point(|number| *number <= k + 1);
        let over = first.get(part).map_or(solution.time_s.len(), |next| *next);
        // nothing stands before the first step that is followed
        let last = over.saturating_sub(1);
        let time_s = if over == 0 { 0.0 } else { solution.time_s[last] };
        let (step, by) = (worded[k].text.clone(), ended(solution.ended[k]));
        let mut words = format!("step {}, {step}: {by}", k + 1);
        if solution.ended[k] != Ended::Skipped {
            let voltage = solution.voltage_v[last];
            words = format!("{words}, at {time_s:.1} s and {voltage:.4} V");
        }
        End { step, time_s, by, words }
    };
    (0..solution.ended.len()).map(end).collect()
}

fn ended(ended: Ended) -> String {
    let part = |mechanism| match mechanism {
        Mechanism::NegativeElectrode => "the negative electrode",
        Mechanism::PositiveElectrode => "the positive electrode",
        Mechanism::Electrolyte => "the electrolyte",
    };
    match ended {
        Ended::LowerVoltage(mechanism) => {
            format!("ended by the lower voltage ({})", part(mechanism))
        }
        Ended::UpperVoltage(mechanism) => {
            format!("ended by the upper voltage ({})", part(mechanism))
        }
        Ended::Saturated(mechanism) => {
            format!("ended by {}, which can give or take no more", part(mechanism))
        }
        Ended::Duration => "its time was over".to_string(),
        Ended::Current => "ended by the current".to_string(),
        Ended::Skipped => "left out, its limit holds already".to_string(),
    }
}

fn table(solution: &Solution, warms: bool) -> Table {
    let (starts, followed) = (&solution.step_starts, followed(solution));
    let step = |k: usize| followed[starts.partition_point(|first| *first <= k) - 1] as f64;
    let mut columns = vec![
        Column::numbers("t", "s", solution.time_s.clone()),
        Column::numbers("step", "", (0..solution.time_s.len()).map(step).collect()),
        Column::numbers("current", "A", solution.current_a.clone()),
        Column::numbers("voltage", "V", solution.voltage_v.clone()),
    ];
    if warms {
        columns.push(Column::numbers("temperature", "K", solution.temperature_k.clone()));
    }
    Table::new(columns)
}
