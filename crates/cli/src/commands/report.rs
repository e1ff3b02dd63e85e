//! `surrogate report`

use std::path::Path;

use surrogate_report::{is_calibration, is_structure_scores, is_structure_search};

use crate::args::Report;
use crate::failure::Failure;
use crate::terminal::Terminal;
use crate::trained::find;

/// Writes the report of a run, a calibration, a search for structures or scores of such searches, or a comparison of several runs.
pub fn run(arguments: &Report, terminal: &Terminal) -> Result<u8, Failure> {
    let page = match arguments.runs.as_slice() {
        [one] if is_calibration(Path::new(one)) => surrogate_report::calibration(Path::new(one))?,
        [one] if is_structure_search(Path::new(one)) => {
            surrogate_report::structure_search(Path::new(one))?
        }
        [one] if is_structure_scores(Path::new(one)) => {
            surrogate_report::structure_scores(Path::new(one))?
        }
        [one] => surrogate_report::report(find(one)?.path())?,
        several => {
            let mut folders = Vec::new();
            for text in several {
                folders.push(find(text)?.path().to_path_buf());
            }
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
    terminal.json(&serde_json::json!({ "report": page }));
    Ok(0)
}
