//! The comparison of several runs: a table and the front of error against energy.

use std::fs;
use std::path::{Path, PathBuf};

use minijinja::context;
use surrogate_run::schema::Evaluation;
use surrogate_run::write_atomic;

use crate::energy_accuracy;
use crate::error::ReportError;
use crate::figure::text::{count, duration, quantity};
use crate::figures::pareto::{self, Place};
use crate::figures::{lower_first, shown};
use crate::inputs::Inputs;
use crate::metrics::rms_sigma;
use crate::page::{ReportFiles, TableView, render, write_figures};

/// Error of the main output: name to show, unit, rms.
fn error_of(inputs: &Inputs) -> Option<(String, String, f64)> {
    if let Some((name, errors)) = inputs.evaluation.as_ref().and_then(Evaluation::main) {
        return Some((shown(&errors.long_name, name), errors.unit.clone(), errors.rms?));
    }
    let entry = inputs.manifest.errors.first()?;
    Some((shown("", &entry.output), entry.unit.clone(), entry.rms?))
}

/// Energy and its standard uncertainty, J.
pub(crate) fn energy_of(inputs: &Inputs) -> Option<(f64, Option<f64>)> {
    if let Some(energy) = &inputs.energy {
        return Some((energy.total_j(), energy.sigma_uj.map(|sigma| sigma * 1e-6)));
    }
    let summary = inputs.manifest.energy.as_ref()?;
    Some((summary.energy_j, summary.sigma_j))
}

/// How the energy was obtained.
pub(crate) fn provenance_of(inputs: &Inputs) -> Option<String> {
    let whole = inputs.energy.as_ref().map(|energy| &energy.provenance);
    whole.or(inputs.manifest.energy.as_ref().map(|summary| &summary.provenance)).cloned()
}

/// Writes `report.html`, `figures/` and, if two runs can be compared, `comparison.json` (see
/// `schema/comparison.schema.json`), `comparison.csv`, `boamps.json` and `ro-crate-metadata.json`
/// of several runs into the folder `out`, made if missing.
///
/// The figure holds the runs whose error has the unit and the output of the first run that has an
/// error; the page names the others.
///
/// # Errors
/// [`ReportError::TooFewRuns`], [`ReportError::Run`] if a run has no readable manifest or a file
/// cannot be written, [`ReportError::Folder`].
pub fn compare(runs: &[PathBuf], out: &Path) -> Result<ReportFiles, ReportError> {
    if runs.len() < 2 {
        return Err(ReportError::TooFewRuns { given: runs.len() });
    }
    let inputs: Vec<Inputs> = runs.iter().map(|run| Inputs::read(run)).collect::<Result<_, _>>()?;
    fs::create_dir_all(out)
        .map_err(|reason| ReportError::Folder { path: out.to_owned(), reason })?;
    let first = inputs.iter().find_map(error_of);
    let mut places = Vec::new();
    let mut notes = Vec::new();
    for run in &inputs {
        if let Some(words) = run.manifest.caution().filter(|_| run.generator.is_none()) {
            notes.push(format!("{}: this surrogate is {words}.", run.id));
        }
        match (error_of(run), energy_of(run), &first) {
            (Some((name, unit, error)), Some((energy_j, sigma_j)), Some(first)) => {
                if (&name, &unit) == (&first.0, &first.1) {
                    let main = run.evaluation.as_ref().and_then(Evaluation::main);
                    let error_sigma = main.map_or(0.0, |(_, e)| rms_sigma(&e.rms_by_point));
                    let label = run.id.clone();
                    places.push(Place { label, energy_j, sigma_j, error, error_sigma });
                } else {
                    notes.push(format!("{} is not in the figure: its error is of {name}.", run.id));
                }
            }
            (None, _, _) => {
                notes.push(format!("{} is not in the figure: its error is not known.", run.id));
            }
            _ => notes.push(format!("{} is not in the figure: it was not metered.", run.id)),
        }
    }
    let drawn = first.as_ref().and_then(|(name, unit, _)| {
        pareto::draw(&places, &format!("Rms error of {}", lower_first(name)), unit)
    });
    let figures: Vec<String> = drawn.iter().map(|drawn| drawn.figure.name.clone()).collect();
    let warnings: Vec<String> =
        inputs.iter().flat_map(|run| run.warnings.iter().cloned()).collect();
    let views = write_figures(out, drawn.into_iter().collect())?;
    let accounts = energy_accuracy::compare(&inputs);
    if let Some(accounts) = &accounts {
        accounts.write(out)?;
    }
    let measures = accounts.as_ref().map(|a| context! { tables => a.tables(), notes => a.notes() });
    let html = render(
        "comparison.html",
        context! { count => runs.len(), table => table(&inputs), measures => measures, notes, warnings => warnings.clone(), figures => views },
    )?;
    let page = out.join("report.html");
    write_atomic(&page, html.as_bytes())?;
    Ok(ReportFiles { page, figures, warnings })
}

fn table(inputs: &[Inputs]) -> TableView {
    let headers =
        ["Run", "Problem", "Status", "Goal", "Rms error", "Energy", "Method", "Time", "Weights"];
    let unknown = || "–".to_owned();
    let row = |run: &Inputs| {
        let manifest = &run.manifest;
        let goal = match manifest.goal_reached {
            Some(true) => "reached".to_owned(),
            Some(false) => "not reached".to_owned(),
            None => unknown(),
        };
        let provenance = provenance_of(run).unwrap_or_else(unknown);
        vec![
            run.id.clone(),
            manifest.problem.clone(),
            manifest.status_now().word().to_owned(),
            goal,
            error_of(run).map_or_else(unknown, |(_, unit, rms)| quantity(rms, &unit, 2)),
            energy_of(run).map_or_else(unknown, |(joules, _)| quantity(joules, "J", 3)),
            provenance,
            manifest.seconds.map_or_else(unknown, duration),
            manifest.weights.map_or_else(unknown, count),
        ]
    };
    TableView {
        headers: headers.map(str::to_owned).to_vec(),
        rows: inputs.iter().map(row).collect(),
    }
}
