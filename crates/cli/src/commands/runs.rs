//! `surrogate runs`

use surrogate_run::{Listed, list, runs_folder};

use crate::args::Runs;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Lists the runs of a folder.
pub fn run(arguments: &Runs, terminal: &Terminal) -> Result<u8, Failure> {
    let folder = runs_folder(arguments.out.as_deref());
    let listed = match list(&folder) {
        Ok(listed) => listed,
        Err(surrogate_run::RunError::Missing { .. }) => Vec::new(),
        Err(other) => return Err(other.into()),
    };
    let mut rows = Vec::new();
    let mut text = String::new();
    for item in &listed {
        match item {
            Listed::Run(r) => {
                let errors: Vec<String> = r
                    .errors
                    .iter()
                    .filter_map(|e| Some(format!("{} {:.2e} {}", e.output, e.rms?, e.unit)))
                    .collect();
                let doubt = r.verdict.as_deref().filter(|word| *word != "good");
                let doubt = doubt.map_or(String::new(), |word| format!("   {word}"));
                let energy = r
                    .energy
                    .as_ref()
                    .map_or("-".to_string(), |e| format!("{:.0} J ({})", e.energy_j, e.provenance));
                text.push_str(&format!(
                    "{:36} {:20} {:12} {:>9}  {:24} {}{doubt}\n",
                    r.id,
                    r.problem,
                    r.status.word(),
                    r.seconds.map_or("-".to_string(), |s| format!("{s:.1} s")),
                    energy,
                    errors.join(", ")
                ));
                rows.push(serde_json::json!({
                    "id": r.id,
                    "path": r.path,
                    "problem": r.problem,
                    "status": r.status.word(),
                    "goal_reached": r.goal_reached,
                    "verdict": r.verdict,
                    "seconds": r.seconds,
                    "energy_j": r.energy.as_ref().map(|e| e.energy_j),
                    "started": r.started,
                }));
            }
            Listed::Broken { path, reason } => {
                terminal.warn(format!("{}: {reason}", path.display()));
            }
        }
    }
    if listed.is_empty() {
        terminal.say(format!("no runs in {}", folder.display()));
    }
    if !terminal.json {
        terminal.data(&text);
    }
    terminal.json(&serde_json::json!({ "runs": rows }));
    Ok(0)
}
