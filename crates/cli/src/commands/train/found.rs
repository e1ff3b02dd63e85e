//! What an inverse problem found: unknown scalars with their errors, and the misfit of the
//! measurements.

use serde_json::json;
use surrogate_problem::Problem;
use surrogate_run::RunDirectory;

use super::session::Outcome;
use crate::failure::Failure;
use crate::inverse::{self, Misfit};
use crate::surrogate::Surrogate;
use crate::terminal::Terminal;
use crate::trained;

/// The problem with unknown scalars at the values found, for the reference solver; `None` if it has
/// none.
///
/// # Errors
/// If the run cannot be read.
pub fn with_found(run: &RunDirectory, surrogate: &Surrogate) -> Result<Option<Problem>, Failure> {
    match surrogate {
        Surrogate::Networks(networks) if !networks.model.form.unknowns.is_empty() => {
            let mut problem = trained::load_run(run)?.problem;
            networks.put_unknowns(&mut problem);
            Ok(Some(problem))
        }
        Surrogate::Networks(_) | Surrogate::Cell(_) => Ok(None),
    }
}

/// Says, writes and doubts what was found. The problem has the values found as starting values.
///
/// # Errors
/// If the measurements cannot be predicted, or `unknowns.json` cannot be written.
pub fn account(
    terminal: &Terminal,
    problem: &Problem,
    surrogate: &mut Surrogate,
    outcome: &mut Outcome,
    run: &RunDirectory,
) -> Result<(), Failure> {
    let misfits = inverse::misfits(problem, surrogate)?;
    outcome.doubts.extend(misfits.iter().filter(|m| m.is_too_large()).map(doubt));
    let errors = inverse::standard_errors(problem, &misfits);
    let mut found = serde_json::Map::new();
    for (k, unknown) in problem.unknowns.iter().enumerate() {
        let factor = unknown.unit.factor;
        let value = unknown.initial / factor;
        let error = errors.as_ref().map(|e| e[k] / factor);
        let unit = match unknown.unit.text.as_str() {
            "1" => String::new(),
            text => format!(" {text}"),
        };
        let width = match error {
            Some(e) if e.is_finite() => format!(" ± {e:.1e}"),
            Some(_) => " (not determined)".to_string(),
            None => String::new(),
        };
        terminal.say(format!("found     {} = {value:.6}{width}{unit}", unknown.name));
        if error.is_some_and(f64::is_infinite) {
            outcome.doubts.push(format!(
                "the measurements do not determine `{}`: other values explain them as well",
                unknown.name
            ));
        }
        let entry = json!({
            "value": value,
            "unit": unknown.unit.text,
            "standard_error": error,
            "determined": error.map(f64::is_finite),
        });
        found.insert(unknown.name.clone(), entry);
    }
    if !found.is_empty() {
        surrogate_run::write_json(&run.file("unknowns.json"), &found)?;
    }
    for m in &misfits {
        let in_words = |value: f64| match m.unit.text.as_str() {
            "1" => format!("{:.2e}", value / m.unit.factor),
            text => format!("{:.2e} {text}", value / m.unit.factor),
        };
        let noise =
            m.noise.map_or(String::new(), |sd| format!(", declared noise {}", in_words(sd)));
        terminal.say(format!("data      {}: rms misfit {}{noise}", m.name, in_words(m.rms)));
    }
    Ok(())
}

fn doubt(m: &Misfit) -> String {
    let times = m.noise.map_or(f64::NAN, |sd| m.rms / sd);
    format!("`{}` is missed by {times:.1} times its noise", m.name)
}
