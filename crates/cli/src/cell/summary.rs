//! A cell in a few lines, for `surrogate check`.

use std::path::Path;

use surrogate_battery::Cell;
use surrogate_battery::bpx::{self, Bpx, BpxModel};
use surrogate_battery::solve::Model;
use surrogate_cells::CellProblem;
use surrogate_problem::Problem;

use super::cell_problem;
use crate::failure::Failure;

/// What is said of a file without mistakes.
pub struct Checked {
    /// What was understood, for people.
    pub text: String,
    /// What was assumed or looks doubtful.
    pub warnings: Vec<String>,
}

/// Reads a BPX file.
///
/// # Errors
/// All its mistakes, each with the path of its field.
pub fn check_bpx(path: &Path, text: &str) -> Result<Checked, Failure> {
    let file = path.display().to_string();
    let bpx = bpx::import(text).map_err(|errors| Failure::Bpx { file, errors })?;
    let warnings = bpx.warnings.iter().map(ToString::to_string).collect();
    Ok(Checked { text: summary(&bpx), warnings })
}

/// Models that can simulate a cell.
pub fn models(cell: &Cell) -> &'static [Model] {
    match cell.porous {
        Some(_) => &[Model::Spm, Model::Spme, Model::P2d],
        None => &[Model::Spm],
    }
}

/// Names of those models, for people.
pub fn model_names(cell: &Cell) -> String {
    models(cell).iter().map(|m| m.name()).collect::<Vec<_>>().join(", ")
}

fn summary(bpx: &Bpx) -> String {
    let cell = &bpx.cell;
    let meant = match bpx.model {
        BpxModel::Spm => "SPM",
        BpxModel::Spme => "SPMe",
        BpxModel::Dfn => "DFN (P2D)",
        BpxModel::Partial => "whatever its parameters suffice for",
    };
    let mut lines = vec![("format", format!("BPX {}, meant for {meant}", bpx.version))];
    lines.extend(about(cell));
    for curve in &bpx.validation {
        let end = curve.time_s.last().copied().unwrap_or(0.0);
        let points = curve.time_s.len();
        lines.push(("measured", format!("{}: {points} points, {end} s", curve.name)));
    }
    format!("{}\n\n{}", bpx.title.as_deref().unwrap_or(&cell.name), section(lines))
}

/// The cell of a problem file, for `surrogate check`.
///
/// # Errors
/// What loading the file would have told.
pub fn cell_summary(problem: &Problem) -> Result<String, Failure> {
    let Some(CellProblem { cell, .. }) = cell_problem(problem)? else { return Ok(String::new()) };
    let mut lines = vec![("name", cell.name.clone())];
    lines.extend(about(&cell));
    Ok(format!("\n{}", section(lines)))
}

/// A section of a summary.
fn section(lines: Vec<(&str, String)>) -> String {
    let line = |(name, value): (&str, String)| format!("  {name:12}  {value}\n");
    format!("cell\n{}", lines.into_iter().map(line).collect::<String>())
}

/// What is worth knowing of a cell.
fn about(cell: &Cell) -> Vec<(&'static str, String)> {
    let (n, p) = (&cell.negative, &cell.positive);
    let charge = (cell.initial.stoichiometry_n - n.stoichiometry_empty)
        / (n.stoichiometry_full - n.stoichiometry_empty);
    vec![
        (
            "capacity",
            format!(
                "{} A h nominal, {:.4} A h between empty and full",
                cell.nominal_capacity_a_h,
                cell.capacity_a_h()
            ),
        ),
        ("cut-offs", format!("{} .. {} V", cell.lower_cutoff_v, cell.upper_cutoff_v)),
        (
            "open circuit",
            format!(
                "{:.4} V empty, {:.4} V full",
                cell.open_circuit_voltage_at(0.0),
                cell.open_circuit_voltage_at(1.0)
            ),
        ),
        ("negative", window(n.stoichiometry_empty, n.stoichiometry_full)),
        ("positive", window(p.stoichiometry_empty, p.stoichiometry_full)),
        ("start", format!("state of charge {charge:.4}, {:.2} K", cell.initial.temperature_k)),
        ("models", model_names(cell)),
        ("thermal", if cell.thermal.is_some() { "yes" } else { "no" }.to_string()),
    ]
}

/// `stoichiometry 0.03 empty, 0.91 full`
fn window(empty: f64, full: f64) -> String {
    format!("stoichiometry {empty:.6} empty, {full:.6} full")
}
