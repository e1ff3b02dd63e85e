//! Pages of calibrations, from invented folders.

#![allow(clippy::unwrap_used)]

mod fixture;
#[path = "fixture/calibration.rs"]
mod invented;
mod sound;

use std::fs;
use std::path::{Path, PathBuf};

use sound::assert_figures_are_sound;
use surrogate_report::{ReportError, calibration, is_calibration, report};
use surrogate_run::{Table, read_json, write_json};

const FIGURES: [&str; 7] = ["forest", "pairs", "fit-1", "fit-2", "prediction-1", "trace", "ranks"];

fn posterior(verdict: &str) -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("1");
    invented::posterior(&folder, verdict).unwrap();
    (parent, folder)
}

fn text(page: &Path) -> String {
    fs::read_to_string(page).unwrap()
}

/// Keeps a page and its figures for eyes.
fn keep(folder: &Path, name: &str) {
    if let Some(to) = std::env::var_os("SURROGATE_KEEP_FIGURES") {
        let to = PathBuf::from(to);
        fs::copy(folder.join("report.html"), to.join(format!("{name}.html"))).unwrap();
        for entry in fs::read_dir(folder.join("figures")).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            fs::copy(&path, to.join(format!("{name}-{file}"))).unwrap();
        }
    }
}

#[test]
fn a_certified_posterior_is_shown_with_its_intervals_and_every_figure() {
    let (_parent, folder) = posterior("certified");
    let files = calibration(&folder).unwrap();
    assert_eq!(files.figures, FIGURES);
    assert!(files.warnings.is_empty(), "{:?}", files.warnings);
    assert_figures_are_sound(&folder, &files.figures);
    keep(&folder, "certified");
    let page = text(&files.page);
    for words in [
        "Calibration of Single-particle model",
        "Certified: the reference solver stands behind",
        "k-hat 0.31 (at most 0.62)",
        "39.0\u{a0}mJ for an effective draw",
        "paid back after 0.047 calibrations",
        "The data inform 2 of 3 directions",
        "residuals of cell-2C.csv are a misfit rather than noise: its 120 points count as 12 ",
        "<th scope=\"col\">95 %</th>",
        // unknowns in readable units, the shift by the weights in standard deviations
        "<td>sigma[0] (mV)</td><td>2.100</td>",
        "<td>−0.18</td><td>0.909</td>",
        "<td>cell-C20.csv</td><td>held out</td>",
        "href=\"figures/pairs.csv\"",
        "<td>Energy</td><td>60.0\u{a0}J (estimated)</td>",
    ] {
        assert!(page.contains(words), "{words}");
    }
    for absent in ["<script", "<link", "<img", "@import", "src="] {
        assert!(!page.contains(absent), "{absent}");
    }
    // unknowns stand in the order of the draws, not of the alphabet
    assert!(page.find("<td>i0_n").unwrap() < page.find("<td>D_n").unwrap());
    let fit = Table::read_csv(&folder.join("figures/fit-2.csv")).unwrap();
    assert_eq!((fit.rows(), fit.numbers("voltage_q95_V").is_some()), (120, true));
    assert_eq!(text(&calibration(&folder).unwrap().page), page);
}

#[test]
fn a_refused_posterior_shows_why_and_no_interval_anywhere() {
    let (_parent, folder) = posterior("refused");
    let files = calibration(&folder).unwrap();
    assert!(!files.figures.contains(&"forest".to_owned()));
    assert_eq!(files.figures.len(), FIGURES.len() - 1);
    assert_figures_are_sound(&folder, &files.figures);
    keep(&folder, "refused");
    let page = text(&files.page);
    assert!(page.contains("Refused: this posterior is not to be trusted"));
    assert!(page.contains("R-hat is not below 1.01 (several chains, more --tune and --draws)"));
    for header in ["Sd", "5 %", "95 %", "Ratio of sds"] {
        assert!(!page.contains(&format!("<th scope=\"col\">{header}</th>")), "{header}");
    }
    assert!(!page.contains("central 90 %"));
    for name in ["fit-1", "prediction-1"] {
        let fit = Table::read_csv(&folder.join(format!("figures/{name}.csv"))).unwrap();
        assert!(fit.numbers("voltage_mean_V").is_some() && fit.numbers("voltage_q5_V").is_none());
    }
    // a verdict that is not known is not believed either
    let path = folder.join("summary.json");
    let mut summary: serde_json::Value = read_json(&path).unwrap();
    summary["verdict"] = "splendid".into();
    summary["k_hat"] = 0.9.into();
    summary["fits"][1]["draws_without_curve"] = 3.into();
    write_json(&path, &summary).unwrap();
    let page = text(&calibration(&folder).unwrap().page);
    assert!(page.contains("The verdict is not known") && !page.contains(">95 %<"));
    assert!(
        page.contains("k-hat 0.90 (at most 0.62)") && page.contains("too much for their weights")
    );
    assert!(page.contains("3 draws give no curve to hold against cell-2C.csv"));
    summary["acceptance"] = 0.83.into();
    write_json(&path, &summary).unwrap();
    let page = text(&calibration(&folder).unwrap().page);
    assert!(page.contains("decided on every draw and accepted 83 %"));
}

#[test]
fn missing_and_damaged_files_drop_their_figures_and_are_named() {
    for (file, gone, said) in [
        ("draws.csv", vec!["forest", "pairs", "trace", "ranks"], "No draws.csv"),
        ("fit.csv", vec!["fit-1", "fit-2"], "The curves of each fit are missing"),
        ("predict.csv", vec!["prediction-1"], "The curves of each prediction are missing"),
        ("prior.csv", vec![], ""),
    ] {
        let (_parent, folder) = posterior("certified");
        fs::remove_file(folder.join(file)).unwrap();
        let files = calibration(&folder).unwrap();
        let left: Vec<_> = FIGURES.into_iter().filter(|name| !gone.contains(name)).collect();
        assert_eq!(files.figures, left, "{file}");
        assert_figures_are_sound(&folder, &files.figures);
        assert!(text(&files.page).contains(said), "{file}");
    }
    let (_parent, folder) = posterior("certified");
    fs::write(folder.join("draws.csv"), "chain,draw,D_n_m2_per_s\n0,0,oops\n0,1,2\n").unwrap();
    fs::write(folder.join("fit.csv"), "curve,number\na,x\n").unwrap();
    let files = calibration(&folder).unwrap();
    assert_figures_are_sound(&folder, &files.figures);
    fs::write(folder.join("fit.csv"), "curve,number\n\"a,0\n").unwrap();
    let files = calibration(&folder).unwrap();
    assert!(files.warnings[0].contains("quotation mark"), "{:?}", files.warnings);
    assert!(text(&files.page).contains("Left out:"));
}

#[test]
fn a_folder_without_a_finished_calibration_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!is_calibration(folder.path()));
    let error = calibration(folder.path()).unwrap_err();
    assert!(matches!(&error, ReportError::NoCalibration { .. }));
    assert!(error.to_string().contains("--resume"), "{error}");
    fs::write(folder.path().join("summary.json"), "{").unwrap();
    assert!(matches!(calibration(folder.path()), Err(ReportError::Run(_))));
}

#[test]
fn ranks_of_a_check_are_drawn_with_their_band_and_uneven_ones_are_called_so() {
    let parent = tempfile::tempdir().unwrap();
    for (name, even) in [("even", true), ("uneven", false)] {
        let folder = parent.path().join(name);
        invented::check(&folder, even).unwrap();
        let files = calibration(&folder).unwrap();
        assert_eq!(files.figures, ["sbc-ranks", "sbc-ecdf"]);
        assert_figures_are_sound(&folder, &files.figures);
        keep(&folder, name);
        let page = text(&files.page);
        assert!(page.contains("<td>D_n</td><td>52 %</td><td>89 %</td>"));
        assert!(page.contains("50 ± 5.0 % and 90 ± 3.0 %"));
        assert_eq!(page.contains("Even: the ranks of all truths"), even);
        assert_eq!(page.contains("the ranks of D_n, sigma[0] leave their band"), !even);
        let ranks = Table::read_csv(&folder.join("figures/sbc-ranks.csv")).unwrap();
        let low = ranks.numbers("band_low").unwrap()[0];
        let high = ranks.numbers("band_high").unwrap()[0];
        let counts = ranks.numbers("data_sets").unwrap();
        assert_eq!(counts.iter().all(|c| (low..=high).contains(c)), even, "{counts:?}");
        assert!((counts.iter().sum::<f64>() - 200.0).abs() < 1e-9);
    }
}

#[test]
fn the_report_of_a_run_shows_the_newest_of_each_kind_and_leads_to_the_others() {
    let parent = tempfile::tempdir().unwrap();
    let run = fixture::write(parent.path(), "run").unwrap();
    let plain = text(&report(run.path()).unwrap().page);
    assert!(!plain.contains("<h2>Calibration"));
    let numbered = |k: u32| run.file("calibrations").join(k.to_string());
    invented::posterior(&numbered(2), "certified").unwrap();
    invented::posterior(&numbered(9), "refused").unwrap();
    invented::posterior(&numbered(10), "certified").unwrap();
    invented::check(&numbered(3), true).unwrap();
    fs::create_dir_all(numbered(11)).unwrap();
    fs::create_dir_all(run.file("calibrations/notes")).unwrap();
    let files = report(run.path()).unwrap();
    assert!(files.warnings.is_empty(), "{:?}", files.warnings);
    let page = text(&files.page);
    assert!(page.contains("<h2>Calibration 10</h2>") && !page.contains("<h2>Calibration 9</h2>"));
    assert!(page.contains("<h2>Simulation-based check 3</h2>"));
    assert!(page.contains("<td>9</td><td>posterior</td><td>refused</td><td>i0_n, D_n, eps_n</td>"));
    assert!(page.contains("<td>11</td><td>not finished</td>"));
    assert_eq!(page.matches("id=\"trace\"").count(), 1);
    // every address leads to a file
    let page = page.replace("&#x2f;", "/");
    for address in page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(run.file(address).is_file(), "{address}");
    }
    assert!(page.contains("href=\"calibrations/9/report.html\""));
    fs::write(numbered(9).join("summary.json"), "{").unwrap();
    let files = report(run.path()).unwrap();
    assert!(files.warnings[0].contains("summary.json"), "{:?}", files.warnings);
    assert!(text(&files.page).contains("<h2>Calibration 10</h2>"));
}
