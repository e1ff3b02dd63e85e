//! The page of a calibration, and the sections on calibrations of a run's report.
//!
//! A calibration is a folder, in a run or elsewhere: everything shown is read from its files. Each has
//! a page of its own; the report of a run shows the newest posterior and the newest check in full, and
//! leads to the pages of the others.

mod inputs;
mod words;

use std::path::{Path, PathBuf};

use minijinja::context;
use surrogate_run::write_atomic;

#[cfg(test)]
pub(crate) use inputs::Estimate;
pub(crate) use inputs::{Check, Contents, Fit, Observed, Posterior, Unknown};
pub(crate) use words::label;

use crate::error::ReportError;
use crate::figures::predictive::Curves;
use crate::figures::{Drawn, chains, forest, pairs, predictive, truths};
use crate::page::{FactView, ReportFiles, Section, TableView, render, write_figures};

/// Folder of calibrations in a run.
const FOLDER: &str = "calibrations";

/// Whether a folder holds a finished calibration.
#[must_use]
pub fn is_calibration(folder: &Path) -> bool {
    folder.join("summary.json").is_file() || folder.join("sbc.json").is_file()
}

/// Writes `report.html` and `figures/` into the folder of a calibration.
///
/// A missing file drops its figures and says so on the page; a damaged one is also named in
/// [`ReportFiles::warnings`].
///
/// # Errors
/// [`ReportError::NoCalibration`] if there is neither `summary.json` nor `sbc.json`,
/// [`ReportError::Run`] if these cannot be read or a file cannot be written.
pub fn calibration(folder: &Path) -> Result<ReportFiles, ReportError> {
    match write_page(folder, &Contents::read(folder)?)? {
        Some((_, files)) => Ok(files),
        None => Err(ReportError::NoCalibration { path: folder.to_owned() }),
    }
}

/// What a page says, beside its section.
struct Page<'a> {
    heading: String,
    verdict: &'a str,
    section: Section,
    drawn: Vec<Drawn>,
    facts: Vec<FactView>,
    /// Other files, and what they hold.
    files: &'static [(&'static str, &'static str)],
    warnings: &'a [String],
}

/// The page of what a folder holds, as a section for other pages; nothing for an unfinished one.
fn write_page(
    folder: &Path,
    contents: &Contents,
) -> Result<Option<(Section, ReportFiles)>, ReportError> {
    let page = match contents {
        Contents::Posterior(posterior) => posterior_page(posterior),
        Contents::Check(check) => check_page(check),
        Contents::Unfinished => return Ok(None),
    };
    let Page { heading, verdict, mut section, drawn, facts, files, warnings } = page;
    let figures = drawn.iter().map(|drawn| drawn.figure.name.clone()).collect();
    section.figures = write_figures(folder, drawn)?;
    let context = context! {
        title => heading,
        verdict => verdict,
        verdict_class => match verdict {
            "certified" | "even" => "reached",
            "uncertified" => "open",
            _ => "missed",
        },
        warnings => warnings.to_vec(),
        section => section.clone(),
        facts => facts,
        files => files.to_vec(),
    };
    let page = folder.join("report.html");
    write_atomic(&page, render("calibration.html", context)?.as_bytes())?;
    Ok(Some((section, ReportFiles { page, figures, warnings: warnings.to_vec() })))
}

/// Sections on the calibrations of a run, and what could not be read of them. Writes the page of each.
///
/// # Errors
/// A file that cannot be written.
pub(crate) fn sections(run: &Path) -> Result<(Vec<Section>, Vec<String>), ReportError> {
    let (mut full, mut warnings) = (Vec::new(), Vec::new());
    let (mut posteriors, mut checks) = (0, 0);
    let mut others = Section { title: "Other calibrations".to_owned(), ..Section::default() };
    let mut rows = Vec::new();
    for (number, folder) in newest_first(&run.join(FOLDER)) {
        let contents = match Contents::read(&folder) {
            Ok(contents) => contents,
            Err(error) => {
                warnings.push(error.to_string());
                continue;
            }
        };
        let page = write_page(&folder, &contents)?;
        let seen = match &contents {
            Contents::Posterior(_) => &mut posteriors,
            Contents::Check(_) => &mut checks,
            Contents::Unfinished => &mut 1,
        };
        *seen += 1;
        match page {
            Some((mut section, files)) if *seen == 1 => {
                section.title = format!("{} {number}", section.title);
                let place = format!("{FOLDER}/{number}/figures");
                section.figures.iter_mut().for_each(|view| view.folder.clone_from(&place));
                let own = (format!("{FOLDER}/{number}"), format!("{FOLDER}/{number}/report.html"));
                section.links.push(own);
                warnings.extend(files.warnings);
                full.push(section);
            }
            other => {
                rows.push(words::row(number, &contents));
                let link = (number.to_string(), format!("{FOLDER}/{number}/report.html"));
                others.links.extend(other.map(|_| link));
            }
        }
    }
    if !rows.is_empty() {
        let headers = ["Calibration", "What", "Verdict", "Unknowns", "Curves"];
        others.tables.push(TableView { headers: headers.map(str::to_owned).to_vec(), rows });
        full.push(others);
    }
    Ok((full, warnings))
}

/// Numbered folders, the greatest number first.
pub(crate) fn newest_first(parent: &Path) -> Vec<(u64, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let folders = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let number = path.file_name()?.to_str()?.parse().ok()?;
        path.is_dir().then_some((number, path))
    });
    let mut list: Vec<(u64, PathBuf)> = folders.collect();
    list.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
    list
}

fn posterior_page(p: &Posterior) -> Page<'_> {
    let title = if p.summary.title.is_empty() { "a surrogate" } else { &p.summary.title };
    let mut section = Section { title: "Calibration".to_owned(), ..Section::default() };
    section.alerts = words::refusal(p);
    section.notes = words::notes(p);
    section.tables.push(words::estimates(p));
    section.tables.extend(words::moved(p));
    section.tables.push(words::fits(p));
    if p.unknowns.iter().all(|u| u.chains.is_empty()) {
        section.notes.push("No draws.csv: draws and intervals are not drawn.".to_owned());
    }
    let mut drawn = Vec::new();
    if p.trusted() {
        drawn.extend(forest::draw(p.parameters()));
    }
    drawn.extend(pairs::draw(&p.unknowns));
    let (observed, trusted) = (&p.summary.observed, p.trusted());
    let tables =
        [("fit", &p.fit, &p.summary.fits), ("prediction", &p.predict, &p.summary.predictions)];
    for (name, table, fits) in tables {
        match table {
            Some(table) => {
                drawn.extend(predictive::draw(&Curves { name, table, fits, observed, trusted }));
            }
            None if fits.is_empty() => {}
            None => section.notes.push(format!("The curves of each {name} are missing.")),
        }
    }
    drawn.extend(chains::trace(&p.unknowns));
    drawn.extend(chains::ranks(&p.unknowns));
    Page {
        heading: format!("Calibration of {title}"),
        verdict: &p.summary.verdict,
        section,
        drawn,
        facts: [words::facts(&p.summary), words::spent(p.energy.as_ref())].concat(),
        files: &[
            ("summary.json", "all numbers of this page"),
            ("posterior.nc", "draws for ArviZ"),
            ("draws.csv", "the same as a table"),
        ],
        warnings: &p.warnings,
    }
}

fn check_page(check: &Check) -> Page<'_> {
    let title = "Simulation-based check".to_owned();
    let mut section = Section { title, ..Section::default() };
    section.alerts = words::uneven(check);
    section.notes = words::check_notes(check);
    section.tables.push(words::coverage(check));
    Page {
        heading: "Check of a surrogate and a sampler".to_owned(),
        verdict: &check.summary.verdict,
        section,
        drawn: truths::ranks(check).into_iter().chain(truths::ecdf(check)).collect(),
        facts: words::spent(check.energy.as_ref()),
        files: &[
            ("sbc.json", "all numbers of this page"),
            ("sbc.jsonl", "truths and ranks of each data set"),
        ],
        warnings: &check.warnings,
    }
}
