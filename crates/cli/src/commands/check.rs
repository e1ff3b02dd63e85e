//! `surrogate check`

use std::path::Path;

use surrogate_engine::Model;

use super::{calibrate, train};
use crate::args::Check;
use crate::cell::{Checked, cell_summary, check_bpx};
use crate::failure::Failure;
use crate::terminal::Terminal;
use crate::trained::{load, read_input};

/// Checks each file; all errors of all files are printed.
pub fn run(arguments: &Check, terminal: &Terminal) -> Result<u8, Failure> {
    let mut failed = false;
    let mut results = Vec::new();
    for path in &arguments.problems {
        let shown = path.display().to_string();
        match check(path, arguments) {
            Ok(Checked { text, warnings }) => {
                if !terminal.json {
                    terminal.data(&text);
                }
                warnings.iter().for_each(|w| terminal.warn(w));
                results.push(serde_json::json!({
                    "file": shown,
                    "ok": true,
                    "warnings": warnings,
                }));
            }
            Err(failure) => {
                failed = true;
                results.push(serde_json::json!({
                    "file": shown,
                    "ok": false,
                    "error": failure.to_string(),
                }));
                failure.print();
            }
        }
    }
    terminal.json(&serde_json::json!({ "ok": !failed, "files": results }));
    Ok(u8::from(failed))
}

/// Checks a problem file, or a cell in a BPX file.
fn check(path: &Path, arguments: &Check) -> Result<Checked, Failure> {
    if is_bpx(path) {
        if arguments.resolved || !arguments.set.is_empty() {
            return Err(Failure::helped(
                format!("{} is a BPX file: it has nothing to resolve or to set", path.display()),
                "leave --resolved and --set to problem files",
            ));
        }
        return check_bpx(path, &read_input(path)?);
    }
    let loaded = load(path, &arguments.set)?;
    let problem = &loaded.problem;
    calibrate::plan::check(problem)?;
    let mut warnings = problem.warnings.clone();
    let understood = if problem.cell.is_some() || problem.crystal.is_some() {
        train::prepare(&loaded)?.summary(problem) + &cell_summary(problem)?
    } else {
        let model = Model::new(problem)?;
        warnings.extend(surrogate_engine::undetermined(problem));
        warnings.extend(surrogate_engine::collapsible_parameters(problem)?);
        summary(problem, &model)
    };
    let text = if arguments.resolved { loaded.problem.resolved } else { understood };
    Ok(Checked { text, warnings })
}

/// Whether a file is JSON by its name.
fn is_bpx(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"))
}

/// What the file says, and what is made of it.
pub fn summary(problem: &surrogate_problem::Problem, model: &Model) -> String {
    let mut text = problem.summary();
    text.push_str("\ntraining\n");
    for component in &model.components {
        for &f in &component.fields {
            let field = &model.form.fields[f];
            let hidden: Vec<String> = field.mlp.hidden.iter().map(usize::to_string).collect();
            text.push_str(&format!(
                "  {}: {} inputs, hidden {}, {} weights\n",
                field.name,
                field.mlp.inputs,
                hidden.join("-"),
                field.mlp.n_weights()
            ));
            for note in &field.notes {
                text.push_str(&format!("    {note}\n"));
            }
        }
        for block in &component.blocks {
            for row in &block.block.rows {
                text.push_str(&format!(
                    "    {} points  weight {}  scale {:.2e}  {}\n",
                    block.n, row.weight, row.scale, row.name
                ));
            }
        }
    }
    for row in &model.exact {
        text.push_str(&format!("  holds by construction: {row}\n"));
    }
    text
}
