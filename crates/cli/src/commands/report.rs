//! `surrogate report`

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use surrogate_report::{is_calibration, is_structure_scores, is_structure_search};

use crate::args::Report;
use crate::failure::Failure;
use crate::terminal::Terminal;
use crate::trained::{caution, find};

/// Writes the report of a run, a calibration, a search for structures or scores of such searches, or a comparison of several runs.
pub fn run(arguments: &Report, terminal: &Terminal) -> Result<u8, Failure> {
    let mut runs = Vec::new();
    let page = match arguments.runs.as_slice() {
        [one] if is_calibration(Path::new(one)) => surrogate_report::calibration(Path::new(one))?,
        [one] if is_structure_search(Path::new(one)) => {
            surrogate_report::structure_search(Path::new(one))?
        }
        [one] if is_structure_scores(Path::new(one)) => {
            surrogate_report::structure_scores(Path::new(one))?
        }
        [one] => {
            runs.push(find(one)?);
            surrogate_report::report(runs[0].path())?
        }
        several => {
            for text in several {
                runs.push(find(text)?);
            }
            let folders: Vec<PathBuf> = runs.iter().map(|r| r.path().to_path_buf()).collect();
            let now = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S");
            let folder = surrogate_run::runs_folder(None).join(format!("compare-{now}"));
            surrogate_report::compare(&folders, &folder)?
        }
    }
    .page;
    terminal.say(format!("wrote {}", page.display()));
    if arguments.open {
        let opened = std::process::Command::new("xdg-open").arg(&page).status();
        if !opened.is_ok_and(|s| s.success()) {
            terminal.warn(format!("no browser could be started; open {}", page.display()));
        }
    }
    let fits: Map<String, Value> = runs
        .iter()
        .map(|run| Ok((run.name(), caution(run, terminal)?)))
        .collect::<Result<_, Failure>>()?;
    terminal.json(&json!({ "report": page, "fits": fits }));
    Ok(0)
}
