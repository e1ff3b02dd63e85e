//! The page and its figures, from the invented run of `fixture`.

#![allow(clippy::unwrap_used)]

mod fixture;
mod sound;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sound::assert_figures_are_sound;
use surrogate_report::{ReportError, compare, report};
use surrogate_run::schema::{Energy, Evaluation, MetricsLine, Point, StageEnergy};
use surrogate_run::{
    JsonLines, Manifest, ParameterRange, RunDirectory, Table, Verdict, read_json, write_json,
};

const FIGURES: [&str; 9] = [
    "voltage-curve",
    "profiles-c_n",
    "error-over-parameters",
    "loss",
    "validation-error",
    "error-against-energy",
    "energy-by-stage",
    "power-over-time",
    "payback",
];

fn run() -> (tempfile::TempDir, RunDirectory) {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture::write(folder.path(), "first-surrogate").unwrap();
    (folder, run)
}

fn page(run: &Path) -> String {
    fs::read_to_string(report(run).unwrap().page).unwrap()
}

#[test]
fn the_fixture_gives_every_figure_and_a_page_without_remote_parts() {
    let (_folder, run) = run();
    let files = report(run.path()).unwrap();
    assert_eq!(files.figures, FIGURES);
    assert_eq!(files.warnings, [""; 0]);
    assert_figures_are_sound(run.path(), &files.figures);
    let page = fs::read_to_string(&files.page).unwrap();
    for absent in ["<script", "<link", "<img", "@import", "url(http", "src="] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert_eq!(page.matches("http").count(), page.matches("xmlns=\"http").count());
    for section in ["Result", "Training", "Energy", "Reproduce"] {
        assert!(page.contains(&format!("<h2>{section}</h2>")), "{section}");
    }
    for name in FIGURES {
        assert!(page.contains(&format!("href=\"figures/{name}.csv\"")), "{name}");
    }
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("size: A4"));
    assert!(page.contains("goal reached") && page.contains("the training is repaid after"));
    assert!(page.contains("end of the curve, median") && page.contains("2.5 × 10⁻⁶"));
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let (_a, one) = run();
    let (_b, two) = run();
    assert_eq!(page(one.path()), page(two.path()));
}

#[test]
fn each_missing_file_drops_its_figures_and_says_so() {
    let says = [
        ("evaluation.json", "No evaluation.json"),
        ("curves.csv", "No curves.csv"),
        ("profiles.csv", "No profiles.csv"),
        ("metrics.jsonl", "No metrics.jsonl"),
        ("energy.json", "No energy.json"),
        ("energy.jsonl", ""),
        ("payback.json", "No payback.json"),
    ];
    for (file, line) in says {
        let (_folder, run) = run();
        fs::remove_file(run.file(file)).unwrap();
        let files = report(run.path()).unwrap();
        assert!(files.figures.len() < FIGURES.len(), "{file}");
        assert!(files.warnings.is_empty(), "{file}");
        assert!(fs::read_to_string(files.page).unwrap().contains(line), "{file}");
    }
}

#[test]
fn a_bare_manifest_still_gives_a_page() {
    let (_folder, run) = run();
    for entry in fs::read_dir(run.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("manifest.json") {
            fs::remove_file(path).unwrap();
        }
    }
    Manifest::default().write(&run.file("manifest.json")).unwrap();
    let files = report(run.path()).unwrap();
    assert!(files.figures.is_empty());
    assert!(fs::read_to_string(files.page).unwrap().contains("not known"));
}

#[test]
fn a_damaged_file_is_named_and_the_rest_is_drawn() {
    let (_folder, run) = run();
    run.write_text("curves.csv", "point,voltage_V\n0,4.1\n0,oops\n").unwrap();
    run.write_text("energy.json", "{").unwrap();
    let files = report(run.path()).unwrap();
    assert_eq!(files.warnings.len(), 2, "{:?}", files.warnings);
    let page = fs::read_to_string(files.page).unwrap();
    assert!(page.contains("line 3: `oops`") && page.contains("loss.csv"));
}

#[test]
fn names_from_files_cannot_break_the_page() {
    let (_folder, run) = run();
    let mut manifest = run.manifest().unwrap();
    manifest.title = "<script>alert(1)</script> & \"more\"".into();
    run.write_manifest(&manifest).unwrap();
    let mut line = MetricsLine { step: 9000, loss: 1e-9, ..MetricsLine::default() };
    line.terms.insert("<b>\"&".into(), 1e-9);
    JsonLines::append(&run.file("metrics.jsonl")).unwrap().write(&line).unwrap();
    let files = report(run.path()).unwrap();
    assert_figures_are_sound(run.path(), &files.figures);
    let page = fs::read_to_string(files.page).unwrap();
    assert!(!page.contains("<script") && !page.contains("<b>\""));
}

#[test]
fn without_a_reference_the_held_out_residual_is_shown() {
    let (_folder, run) = run();
    let mut evaluation: Evaluation = read_json(&run.file("evaluation.json")).unwrap();
    evaluation.reference.kind = "none".into();
    evaluation.worst = None;
    for output in evaluation.outputs.values_mut() {
        (output.rms, output.max, output.relative_l2) = (None, None, None);
        output.rms_by_point.clear();
    }
    for point in &mut evaluation.points {
        point.errors.clear();
    }
    write_json(&run.file("evaluation.json"), &evaluation).unwrap();
    let mut curves = Table::read_csv(&run.file("curves.csv")).unwrap();
    curves.columns.retain(|column| !column.header.ends_with("_reference"));
    curves.write_csv(&run.file("curves.csv")).unwrap();
    let lines = surrogate_run::read_lines::<MetricsLine>(&run.file("metrics.jsonl")).unwrap();
    fs::remove_file(run.file("metrics.jsonl")).unwrap();
    let mut metrics = run.metrics().unwrap();
    for mut line in lines.items {
        line.validation.clear();
        metrics.write(&line).unwrap();
    }
    let files = report(run.path()).unwrap();
    assert!(files.figures.contains(&"error-against-energy".to_owned()));
    assert!(!files.figures.contains(&"error-over-parameters".to_owned()));
    assert_figures_are_sound(run.path(), &files.figures);
    let page = fs::read_to_string(files.page).unwrap();
    assert!(page.contains("the held-out residual is shown instead"));
    assert!(page.contains("Held-out residual") && page.contains("Held-out loss"));
}

/// A box of `count` parameters with scattered points.
fn with_parameters(run: &RunDirectory, count: usize) {
    let mut evaluation: Evaluation = read_json(&run.file("evaluation.json")).unwrap();
    let names = ["D_n", "D_p", "k_n", "k_p", "eps"];
    evaluation.parameters = names[..count]
        .iter()
        .map(|name| ParameterRange {
            name: (*name).into(),
            unit: "m^2/s".into(),
            lower: 1e-15,
            upper: 1e-13,
            scale: "log".into(),
        })
        .collect();
    let mut points = Vec::new();
    let mut errors = Vec::new();
    for k in 0..120_usize {
        let part = |j: usize| ((k * [7, 11, 13, 17, 19][j] + j) % 120) as f64 / 120.0;
        let parameters: BTreeMap<String, f64> = names[..count]
            .iter()
            .enumerate()
            .map(|(j, name)| ((*name).to_owned(), 10_f64.powf(-15.0 + 2.0 * part(j))))
            .collect();
        let error = 1e-5 * (0.3 + (0..count).map(|j| part(j).powi(3)).sum::<f64>());
        errors.push(error);
        points.push(Point { parameters, errors: [("voltage".to_owned(), error)].into() });
    }
    evaluation.points = points;
    evaluation.outputs.get_mut("voltage").unwrap().rms_by_point = errors;
    write_json(&run.file("evaluation.json"), &evaluation).unwrap();
}

#[test]
fn one_to_five_parameters_have_a_figure() {
    for count in 1..=5 {
        let (_folder, run) = run();
        with_parameters(&run, count);
        let files = report(run.path()).unwrap();
        assert!(files.figures.contains(&"error-over-parameters".to_owned()), "{count}");
        assert_figures_are_sound(run.path(), &files.figures);
        if let Some(keep) = std::env::var_os("SURROGATE_KEEP_FIGURES") {
            let to = PathBuf::from(keep).join(format!("parameters-{count}.svg"));
            fs::copy(run.file("figures/error-over-parameters.svg"), to).unwrap();
        }
    }
}

#[test]
fn components_trained_in_turn_have_panels_of_their_own() {
    let (_folder, run) = run();
    fs::remove_file(run.file("metrics.jsonl")).unwrap();
    let mut metrics = run.metrics().unwrap();
    for field in ["c_n", "c_p"] {
        for step in 0..50_u64 {
            let loss = if step == 13 { f64::NAN } else { 10_f64.powf(-0.1 * step as f64) };
            let field = Some(field.to_owned());
            metrics.write(&MetricsLine { step, field, loss, ..MetricsLine::default() }).unwrap();
        }
    }
    let files = report(run.path()).unwrap();
    assert_figures_are_sound(run.path(), &files.figures);
    let svg = fs::read_to_string(run.file("figures/loss.svg")).unwrap();
    assert_eq!(svg.matches("<clipPath").count(), 2);
    let table = Table::read_csv(&run.file("figures/loss.csv")).unwrap();
    assert_eq!(table.words("component").unwrap()[50], "c_p");
}

/// Multiplies the energy of a run, and puts all of it in one stage.
fn scale_energy(run: &RunDirectory, factor: f64) {
    let mut energy: Energy = read_json(&run.file("energy.json")).unwrap();
    let total_uj = (energy.total_uj as f64 * factor) as u64;
    energy.channels.truncate(1);
    energy.channels[0].energy_uj = total_uj;
    let path = "train.adam".to_owned();
    energy.stages = vec![StageEnergy { path, energy_uj: total_uj, ..StageEnergy::default() }];
    (energy.total_uj, energy.unattributed_uj) = (total_uj, 0);
    energy.sigma_uj = energy.sigma_uj.map(|sigma| sigma * factor);
    energy.footprint.as_mut().unwrap().carbon.value *= factor;
    write_json(&run.file("energy.json"), &energy).unwrap();
}

#[test]
fn runs_are_compared_by_error_and_energy() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = Vec::new();
    for (name, energy, error) in
        [("wide", 3.0, 0.2), ("narrow", 0.4, 3.0), ("adam-only", 2.0, 9.0), ("unmetered", 0.0, 1.0)]
    {
        let run = fixture::write(folder.path(), name).unwrap();
        let mut evaluation: Evaluation = read_json(&run.file("evaluation.json")).unwrap();
        let output = evaluation.outputs.get_mut("voltage").unwrap();
        output.rms = output.rms.map(|rms| rms * error);
        write_json(&run.file("evaluation.json"), &evaluation).unwrap();
        if energy == 0.0 {
            let manifest = Manifest { energy: None, ..run.manifest().unwrap() };
            run.write_manifest(&manifest).unwrap();
            fs::remove_file(run.file("energy.json")).unwrap();
        } else {
            scale_energy(&run, energy);
        }
        runs.push(run.path().to_owned());
    }
    let out = folder.path().join("compare-20261121-0801");
    let files = compare(&runs, &out).unwrap();
    assert_eq!(files.figures, ["pareto-error-energy"]);
    assert_figures_are_sound(&out, &files.figures);
    let page = fs::read_to_string(files.page).unwrap();
    assert!(page.contains("unmetered is not in the figure: it was not metered."));
    assert!(page.contains("Comparison of 4 runs"));
    assert!(page.contains("Energy against accuracy") && page.contains("PePR-E"));
    assert_the_exports_are_sound(&out);
    if let Some(keep) = std::env::var_os("SURROGATE_KEEP_FIGURES") {
        fs::copy(out.join("report.html"), PathBuf::from(keep).join("comparison.html")).unwrap();
    }
    let error = compare(&runs[..1], &out).unwrap_err();
    assert!(matches!(error, ReportError::TooFewRuns { given: 1 }));
}

#[test]
fn a_run_no_better_than_the_mean_performs_nothing_and_is_called_poor() {
    let folder = tempfile::tempdir().unwrap();
    let [good, bad] = ["good", "bad"].map(|name| fixture::write(folder.path(), name).unwrap());
    // 0.29 V of a voltage about 3.8 V: a small part of it, and more than all that it varies by
    let mut manifest = bad.manifest().unwrap();
    manifest.errors[0].relative_l2 = Some(0.08);
    manifest.errors[0].relative_to_spread = Some(1.6);
    let caution = Some("a poor fit; do not rely on it".to_owned());
    manifest.verdict = Some(Verdict { word: "poor".to_owned(), caution });
    bad.write_manifest(&manifest).unwrap();
    scale_energy(&bad, 0.01);
    let out = folder.path().join("compare-20261122-1600");
    let runs = [good.path().to_owned(), bad.path().to_owned()];
    let page = fs::read_to_string(compare(&runs, &out).unwrap().page).unwrap();
    assert!(page.contains("bad: this surrogate is a poor fit; do not rely on it."));
    assert!(page.contains("), poor fit"), "the payback stands alone");
    let found: Value = read_json(&out.join("comparison.json")).unwrap();
    let row = |name: &str| {
        let rows = found["runs"].as_array().unwrap();
        rows.iter().find(|row| row["run"] == name).unwrap().clone()
    };
    assert_eq!((&row("bad")["pepr_e"], &row("bad")["verdict"]), (&0.0.into(), &"poor".into()));
    assert!(row("good")["pepr_e"].as_f64().unwrap() > 0.49, "{}", row("good"));
    let page = self::page(bad.path());
    assert!(page.contains("This surrogate is a poor fit; do not rely on it."));
    assert!(page.contains("only where its errors do no harm: the fit is poor"));
    assert!(!self::page(good.path()).contains("This surrogate is"));
}

/// What the comparison of the four runs leaves besides the page.
fn assert_the_exports_are_sound(out: &Path) {
    let json = |path: &Path| -> Value {
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let found = json(&out.join("comparison.json"));
    let schema = json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/comparison.schema.json"));
    let names = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(names(&found), names(&schema["properties"]));
    let rows = found["runs"].as_array().unwrap();
    let row_schema = &schema["properties"]["runs"]["items"]["properties"];
    assert!(rows.iter().all(|row| names(row) == names(row_schema)));
    assert_eq!(rows.len(), 3, "the unmetered run has no energy to compare");
    let by_name = |name: &str| rows.iter().find(|row| row["run"] == name).unwrap();
    assert_eq!(by_name("wide")["standing"], "front");
    assert_eq!(by_name("narrow")["standing"], "front");
    let dominated = by_name("adam-only");
    assert!(dominated["standing"].as_str().unwrap().contains("dominated"));
    assert_eq!(dominated["dominated_by"], "narrow");
    let least = by_name("narrow");
    assert!(least["pepr_e"].as_f64() > by_name("wide")["pepr_e"].as_f64());
    assert!(least["payback"]["count"].as_f64().unwrap() >= 1.0);
    assert!(found["hypervolume_decades2"].as_f64().unwrap() > 0.0);
    let csv = fs::read_to_string(out.join("comparison.csv")).unwrap();
    let columns = csv.lines().next().unwrap().split(',').count();
    assert!(csv.lines().count() == 4 && columns == 25, "{csv}");
    assert!(rows.iter().all(|row| row["pepr_m"].is_number() && row["pepr_c"].is_number()));
    let reports = json(&out.join("boamps.json"));
    assert_eq!(reports.as_array().unwrap().len(), 3);
    reports.as_array().unwrap().iter().for_each(assert_boamps);
    let graph = json(&out.join("ro-crate-metadata.json"));
    for part in graph["@graph"][1]["hasPart"].as_array().unwrap() {
        assert!(out.join(part["@id"].as_str().unwrap()).exists(), "{part}");
    }
}

/// Field names of the BoAmps schemas (as of 2026-04) that are used here; `!` marks required ones.
const BOAMPS: [(&str, &str); 11] = [
    ("", "header task! measures! system software infrastructure! environment quality"),
    ("/header", "formatVersion reportId reportDatetime! reportStatus"),
    ("/task", "taskStage! taskFamily! algorithms! dataset! measuredAccuracy taskDescription"),
    (
        "/task/algorithms/0",
        "trainingType algorithmType algorithmName framework frameworkVersion parametersNumber \
         optimizer quantization",
    ),
    ("/task/dataset/0", "dataUsage! dataType! source"),
    (
        "/measures/0",
        "measurementMethod! version cpuTrackingMode gpuTrackingMode averageUtilizationCpu \
         powerConsumption! measurementDuration measurementDateTime",
    ),
    ("/system", "os!"),
    ("/environment", "country! powerSourceCarbonIntensity"),
    ("/software", "language!"),
    ("/infrastructure", "infraType! components!"),
    ("/infrastructure/components/0", "componentName componentType! nbComponent! memorySize"),
];

fn assert_boamps(report: &Value) {
    for (place, names) in BOAMPS {
        let object = report.pointer(place).and_then(Value::as_object);
        let object = object.unwrap_or_else(|| panic!("no {place} in {report:#}"));
        let known: Vec<&str> = names.split(' ').map(|name| name.trim_end_matches('!')).collect();
        for name in object.keys() {
            assert!(known.contains(&name.as_str()), "{place}/{name} is no field of BoAmps");
        }
        for name in names.split(' ').filter_map(|name| name.strip_suffix('!')) {
            assert!(object.contains_key(name), "{place}/{name} is required");
        }
    }
    let measure = &report["measures"][0];
    assert!(measure["powerConsumption"].as_f64().unwrap() > 0.0);
    let share = measure["averageUtilizationCpu"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&share));
    let accuracy = report["task"]["measuredAccuracy"].as_f64().unwrap();
    assert!((0.9..=1.0).contains(&accuracy), "{accuracy}");
    let date = report["header"]["reportDatetime"].as_str().unwrap();
    assert!(date.len() == 19 && date.as_bytes()[10] == b' ', "{date}");
}

#[test]
fn the_committed_fixture_is_current() {
    let committed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../notebooks/fixtures/first-surrogate");
    let (_folder, run) = run();
    let mut names: Vec<_> = fs::read_dir(run.path()).unwrap().map(|e| e.unwrap().path()).collect();
    names.retain(|path| path.is_file());
    assert!(names.len() > 8);
    for path in names {
        let name = path.file_name().unwrap();
        let same = fs::read(committed.join(name)).unwrap() == fs::read(&path).unwrap();
        assert!(same, "{name:?}: run `cargo run -p surrogate-report --example fixture` again");
    }
}
