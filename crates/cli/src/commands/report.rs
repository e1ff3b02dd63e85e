//! `surrogate report`

use crate::args::Report;
use crate::failure::Failure;
use crate::terminal::Terminal;
use crate::trained::find;

/// Writes the report of each run, and a comparison if there are several.
pub fn run(arguments: &Report, terminal: &Terminal) -> Result<u8, Failure> {
    let mut folders = Vec::new();
    for text in &arguments.runs {
        folders.push(find(text)?.path().to_path_buf());
    }
    let page = match folders.as_slice() {
        [one] => surrogate_report::report(one)?,
        several => {
            let now = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S");
            let folder = surrogate_run::runs_folder(None).join(format!("compare-{now}"));
            surrogate_report::compare(several, &folder)?
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
