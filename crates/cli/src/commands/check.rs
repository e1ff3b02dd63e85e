//! `surrogate check`

use surrogate_engine::Model;

use super::calibrate;
use crate::args::Check;
use crate::failure::Failure;
use crate::terminal::Terminal;
use crate::trained::{Loaded, load};

/// Checks each file; all errors of all files are printed.
pub fn run(arguments: &Check, terminal: &Terminal) -> Result<u8, Failure> {
    let mut failed = false;
    let mut results = Vec::new();
    for path in &arguments.problems {
        let shown = path.display().to_string();
        match load(path, &arguments.set).and_then(checked) {
            Ok((model, loaded)) => {
                let text = if arguments.resolved {
                    loaded.problem.resolved.clone()
                } else {
                    summary(&loaded.problem, &model)
                };
                if !terminal.json {
                    terminal.data(&text);
                }
                let mut warnings = loaded.problem.warnings.clone();
                warnings.extend(surrogate_engine::undetermined(&loaded.problem));
                warnings.extend(surrogate_engine::collapsible_parameters(&loaded.problem)?);
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

/// A problem with its networks, and a sound table `[calibrate]`.
fn checked(loaded: Loaded) -> Result<(Model, Loaded), Failure> {
    calibrate::plan::check(&loaded.problem)?;
    Ok((Model::new(&loaded.problem)?, loaded))
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
