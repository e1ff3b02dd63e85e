//! `report.html` of one run.

use std::fs;
use std::path::{Path, PathBuf};

use minijinja::{Environment, Value, context};
use surrogate_run::schema::{Detail, Evaluation};
use surrogate_run::{Manifest, Status, write_atomic};

use crate::calibration;
use crate::energy_section::{self, energy_section};
use crate::error::ReportError;
use crate::figure::text::{count, duration, number, pretty_unit, quantity};
use crate::figures::{Drawn, curves, parameter_text, parameters, profiles, shown, training};
use crate::inputs::Inputs;

/// Folder of the figures of a page.
const FIGURES: &str = "figures";

/// What a report has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFiles {
    /// The page.
    pub page: PathBuf,
    /// Names of the figures in `figures/`, in the order of the page.
    pub figures: Vec<String>,
    /// Files that are there and cannot be read, in words; the page names them too.
    pub warnings: Vec<String>,
}

/// A figure on the page.
#[derive(Debug, Clone)]
pub(crate) struct FigureView {
    name: String,
    /// Folder of its files, seen from the page.
    pub folder: String,
    title: String,
    caption: String,
    svg: String,
}

/// One of the numbers at the top.
#[derive(Debug, Clone)]
pub(crate) struct NumberView {
    pub label: &'static str,
    pub value: String,
    pub note: String,
}

/// A line of a table of two columns.
#[derive(Debug, Clone)]
pub(crate) struct FactView {
    pub name: String,
    pub value: String,
}

/// A table.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableView {
    pub headers: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Section {
    pub title: String,
    /// Why something is not to be trusted.
    pub alerts: Vec<String>,
    /// What is missing and why, and other remarks.
    pub notes: Vec<String>,
    pub tables: Vec<TableView>,
    pub figures: Vec<FigureView>,
    /// Other pages: text and address.
    pub links: Vec<(String, String)>,
}

impl From<FigureView> for Value {
    fn from(view: FigureView) -> Self {
        let FigureView { name, folder, title, caption, svg } = view;
        context! { name, folder, title, caption, svg }
    }
}

impl From<NumberView> for Value {
    fn from(view: NumberView) -> Self {
        let NumberView { label, value, note } = view;
        context! { label, value, note }
    }
}

impl From<FactView> for Value {
    fn from(view: FactView) -> Self {
        let FactView { name, value } = view;
        context! { name, value }
    }
}

impl From<TableView> for Value {
    fn from(view: TableView) -> Self {
        let TableView { headers, rows } = view;
        context! { headers, rows }
    }
}

impl From<Section> for Value {
    fn from(section: Section) -> Self {
        let Section { title, alerts, notes, tables, figures, links } = section;
        context! { title, alerts, notes, tables, figures, links }
    }
}

/// Writes `report.html` and `figures/` into a run directory.
///
/// A missing file drops its figures and says so on the page; a damaged one is also named in
/// [`ReportFiles::warnings`].
///
/// # Errors
/// [`ReportError::Run`] if there is no readable manifest or a file cannot be written.
pub fn report(run: &Path) -> Result<ReportFiles, ReportError> {
    let mut inputs = Inputs::read(run)?;
    let (mut views, sections) = match &inputs.generator {
        Some(generator) => {
            let mut unread = Vec::new();
            let results = generator.results(run, &mut unread)?;
            let training = generator.training(
                &inputs.metrics,
                inputs.manifest.weights,
                inputs.energy.as_ref(),
            );
            let sections = vec![training, energy_section(&inputs)];
            inputs.warnings.extend(unread);
            (results, sections)
        }
        None => {
            let result = result_section(&inputs);
            (Vec::new(), vec![result, training_section(&inputs), energy_section(&inputs)])
        }
    };
    let named = |view: &Section| view.figures.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
    let mut figures: Vec<String> = views.iter().flat_map(named).collect();
    for (mut section, drawn) in sections {
        figures.extend(drawn.iter().map(|drawn| drawn.figure.name.clone()));
        section.figures = write_figures(run, drawn)?;
        views.push(section);
    }
    let (calibrations, unread) = calibration::sections(run)?;
    views.extend(calibrations);
    inputs.warnings.extend(unread);
    let manifest = &inputs.manifest;
    let html = render(
        "report.html",
        context! {
            title => if manifest.title.is_empty() { manifest.problem.clone() } else { manifest.title.clone() },
            id => inputs.id.clone(),
            status => status_text(manifest),
            status_class => manifest.status_now().word(),
            goal => goal_text(manifest),
            goal_class => match manifest.goal_reached {
                Some(true) => "reached",
                Some(false) => "missed",
                None => "open",
            },
            started => manifest.started.clone(),
            numbers => numbers(&inputs),
            warnings => inputs.warnings.clone(),
            sections => views,
            command => manifest.command.join(" "),
            facts => facts(manifest),
            hashes => manifest.hashes.iter().map(|(name, hash)| FactView {
                name: name.clone(),
                value: hash.clone(),
            }).collect::<Vec<_>>(),
        },
    )?;
    let page = run.join("report.html");
    write_atomic(&page, html.as_bytes())?;
    Ok(ReportFiles { page, figures, warnings: inputs.warnings })
}

/// Writes the SVG and the CSV of each figure.
pub(crate) fn write_figures(
    folder: &Path,
    drawn: Vec<Drawn>,
) -> Result<Vec<FigureView>, ReportError> {
    let figures = folder.join(FIGURES);
    if !drawn.is_empty() {
        fs::create_dir_all(&figures)
            .map_err(|reason| ReportError::Folder { path: figures.clone(), reason })?;
    }
    let mut views = Vec::new();
    for Drawn { figure, table, title, caption } in drawn {
        let svg = figure.svg();
        write_atomic(&figures.join(format!("{}.svg", figure.name)), svg.as_bytes())?;
        table.write_csv(&figures.join(format!("{}.csv", figure.name)))?;
        let folder = FIGURES.to_owned();
        views.push(FigureView { name: figure.name, folder, title, caption, svg });
    }
    Ok(views)
}

pub(crate) fn render(name: &str, context: Value) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.add_template("style.css", include_str!("templates/style.css"))?;
    environment.add_template("macros.html", include_str!("templates/macros.html"))?;
    environment.add_template("report.html", include_str!("templates/report.html"))?;
    environment.add_template("calibration.html", include_str!("templates/calibration.html"))?;
    environment.add_template("structures.html", include_str!("templates/structures.html"))?;
    environment.add_template("comparison.html", include_str!("templates/comparison.html"))?;
    Ok(environment.get_template(name)?.render(context)?)
}

fn status_text(manifest: &Manifest) -> String {
    let status = manifest.status_now();
    let mut text = status.word().to_owned();
    if manifest.status == Status::Running && status == Status::Interrupted {
        text.push_str(" (its process is gone)");
    }
    if let Some(reason) = &manifest.reason {
        text.push_str(&format!(": {reason}"));
    }
    text
}

fn goal_text(manifest: &Manifest) -> String {
    match (manifest.goal_reached, manifest.goals.is_empty()) {
        (Some(true), _) => "goal reached",
        (Some(false), _) => "goal not reached",
        (None, true) => "no goal stated",
        (None, false) => "goal not judged",
    }
    .to_owned()
}

/// Error (of a generator: what it finds, and its loss), energy, time, weights, parameters.
fn numbers(inputs: &Inputs) -> Vec<NumberView> {
    let manifest = &inputs.manifest;
    let mut numbers = match &inputs.generator {
        Some(generator) => generator.numbers(&inputs.metrics),
        None => vec![error_number(inputs)],
    };
    numbers.push(energy_number(inputs));
    numbers.push(NumberView {
        label: "Time",
        value: manifest.seconds.map_or("not known".to_owned(), duration),
        note: match manifest.threads {
            Some(1) => format!("{}, 1 thread", manifest.device),
            Some(threads) => format!("{}, {threads} threads", manifest.device),
            None => manifest.device.clone(),
        },
    });
    let kind = if inputs.generator.is_some() { "generator" } else { "surrogate" };
    numbers.push(NumberView {
        label: "Weights",
        value: manifest.weights.map_or("not known".to_owned(), count),
        note: format!("of the {kind}"),
    });
    if inputs.generator.is_some() {
        return numbers;
    }
    let varied = &manifest.parameters;
    let names = varied.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
    numbers.push(NumberView {
        label: "Parameters",
        value: varied.len().to_string(),
        note: if varied.is_empty() { "none varied".to_owned() } else { names },
    });
    numbers
}

/// The rms error of the main output, or else the held-out residual.
fn error_number(inputs: &Inputs) -> NumberView {
    let main = inputs.evaluation.as_ref().and_then(Evaluation::main);
    let known = inputs.has_reference().then_some(main).flatten();
    let (label, value, note) =
        match known.and_then(|(name, errors)| Some((name, errors, errors.rms?))) {
            Some((name, errors, rms)) => {
                let max = errors.max.map(|max| format!(", max {}", quantity(max, &errors.unit, 2)));
                let name = shown(&errors.long_name, name);
                (
                    "Rms error",
                    quantity(rms, &errors.unit, 2),
                    format!("{name}{}", max.unwrap_or_default()),
                )
            }
            None => {
                let last = inputs.metrics.iter().rev().find_map(|line| line.held_out);
                let held_out = inputs.evaluation.as_ref().and_then(|e| e.held_out).or(last);
                let value = held_out.map_or("not known".to_owned(), |value| number(value, 2));
                ("Held-out residual", value, "no reference, errors are not known".to_owned())
            }
        };
    NumberView { label, value, note }
}

fn energy_number(inputs: &Inputs) -> NumberView {
    let label = "Energy";
    let summary = inputs.manifest.energy.as_ref();
    let (joules, sigma, provenance) = match (&inputs.energy, summary) {
        (Some(energy), _) => {
            (energy.total_j(), energy.sigma_uj.map(|sigma| sigma * 1e-6), energy.provenance.clone())
        }
        (None, Some(summary)) => (summary.energy_j, summary.sigma_j, summary.provenance.clone()),
        (None, None) => {
            let (value, note) = ("not known".to_owned(), "the run was not metered".to_owned());
            return NumberView { label, value, note };
        }
    };
    let mut notes =
        vec![if provenance.is_empty() { "origin unknown".to_owned() } else { provenance }];
    match sigma.filter(|sigma| *sigma > 0.0 && joules > 0.0) {
        Some(sigma) => notes.push(format!("± {:.0} %", 100.0 * sigma / joules)),
        None => notes.push("uncertainty unknown".to_owned()),
    }
    if let Some(footprint) = inputs.energy.as_ref().and_then(|energy| energy.footprint.as_ref()) {
        notes.push(energy_section::shown(&footprint.carbon, footprint.carbon.value, 2));
    }
    NumberView { label, value: quantity(joules, "J", 3), note: notes.join(", ") }
}

fn result_section(inputs: &Inputs) -> (Section, Vec<Drawn>) {
    let mut section = Section { title: "Result".to_owned(), ..Section::default() };
    let mut drawn = Vec::new();
    section
        .alerts
        .extend(inputs.manifest.caution().map(|words| format!("This surrogate is {words}.")));
    let Some(evaluation) = &inputs.evaluation else {
        section.notes.push(
            "No evaluation.json: run `surrogate evaluate` to compare the \
            surrogate with its reference."
                .to_owned(),
        );
        return (section, drawn);
    };
    if inputs.has_reference() {
        let how = &evaluation.reference.how;
        let kind = &evaluation.reference.kind;
        let reference = if how.is_empty() { kind.clone() } else { format!("{kind}, {how}") };
        section.notes.push(format!("Reference: {reference}."));
        section.tables.push(error_table(evaluation, &inputs.manifest));
        section.tables.extend(detail_table(evaluation));
        let worst = evaluation.worst.as_ref();
        if let Some((worst, point)) = worst.and_then(|w| Some((w, evaluation.points.get(w.point)?)))
        {
            let unit = evaluation.outputs.get(&worst.output).map(|o| o.unit.as_str());
            let rms = quantity(worst.rms, unit.unwrap_or_default(), 2);
            let at = parameter_text(&evaluation.parameters, &point.parameters);
            section
                .notes
                .push(format!("Worst of {} points: rms {rms} at {at}.", evaluation.points.len()));
        }
    } else {
        section.notes.push(
            "No reference: this problem names none, errors are not known; the \
            held-out residual is shown instead."
                .to_owned(),
        );
    }
    match &inputs.curves {
        Some(table) => drawn.extend(curves::draw(evaluation, table)),
        None => section.notes.push("No curves.csv: output curves are not shown.".to_owned()),
    }
    match &inputs.profiles {
        Some(table) => drawn.extend(profiles::draw(evaluation, table)),
        None if evaluation.fields.is_empty() => {}
        None => section.notes.push("No profiles.csv: profiles are not shown.".to_owned()),
    }
    drawn.extend(parameters::draw(evaluation));
    (section, drawn)
}

/// Errors of each output and field, with the goals.
fn error_table(evaluation: &Evaluation, manifest: &Manifest) -> TableView {
    let outputs = evaluation.outputs.iter();
    let fields = evaluation.fields.iter().map(|(name, field)| (name, &field.errors));
    let rows = outputs.chain(fields).filter(|(_, e)| e.rms.is_some() || e.max.is_some());
    let rows = rows.map(|(name, errors)| {
        let value = |v: Option<f64>| v.map_or("–".to_owned(), |v| quantity(v, &errors.unit, 3));
        let goals = manifest.goals.iter().filter(|goal| goal.output == *name);
        let goals: Vec<_> = goals
            .map(|goal| {
                let reached = match goal.reached() {
                    Some(true) => "reached",
                    Some(false) => "not reached",
                    None => "not judged",
                };
                let measure = goal.measure.replace('_', " ");
                format!("{measure} ≤ {}: {reached}", quantity(goal.limit, &goal.unit, 3))
            })
            .collect();
        let relative = errors.relative_l2.map_or("–".to_owned(), |v| number(v, 2));
        let goals = if goals.is_empty() { "–".to_owned() } else { goals.join("; ") };
        vec![shown(&errors.long_name, name), value(errors.rms), value(errors.max), relative, goals]
    });
    let headers = ["Output", "Rms error", "Greatest error", "Relative L2", "Goal"];
    TableView { headers: headers.map(str::to_owned).to_vec(), rows: rows.collect() }
}

/// Further measures of the errors, where the problem has some.
fn detail_table(evaluation: &Evaluation) -> Option<TableView> {
    let row = |d: &Detail| {
        let value = match d.unit.as_str() {
            "" => number(d.value, 2),
            unit => quantity(d.value, unit, 3),
        };
        vec![d.long_name.clone(), value]
    };
    (!evaluation.details.is_empty()).then(|| TableView {
        headers: ["Error", "Value"].map(str::to_owned).to_vec(),
        rows: evaluation.details.iter().map(row).collect(),
    })
}

fn training_section(inputs: &Inputs) -> (Section, Vec<Drawn>) {
    let mut section = Section { title: "Training".to_owned(), ..Section::default() };
    let mut drawn = Vec::new();
    let evaluation = inputs.evaluation.as_ref();
    match training::loss(&inputs.metrics) {
        Some(figure) => drawn.push(figure),
        None => {
            section.notes.push("No metrics.jsonl: the course of training is not known.".to_owned())
        }
    }
    match training::validation(&inputs.metrics, evaluation, &inputs.manifest.goals) {
        Some(figure) => drawn.push(figure),
        None if inputs.metrics.is_empty() => {}
        None => section
            .notes
            .push("Training was not validated against a reference on the way.".to_owned()),
    }
    (section, drawn)
}

fn facts(manifest: &Manifest) -> Vec<FactView> {
    let mut facts = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.push(FactView { name: name.to_owned(), value });
        }
    };
    add("Problem", Some(manifest.problem.clone()));
    add("Started", Some(manifest.started.clone()));
    add("Ended", manifest.ended.clone());
    add("Continues from", manifest.parent.clone());
    add("Seed", manifest.seed.map(|seed| seed.to_string()));
    add("Threads", manifest.threads.map(|threads| threads.to_string()));
    add("Device", Some(manifest.device.clone()));
    for parameter in &manifest.parameters {
        let unit = pretty_unit(&parameter.unit);
        let (low, high) = (number(parameter.lower, 3), number(parameter.upper, 3));
        let scale = if parameter.is_log() { ", logarithmic" } else { "" };
        let value = format!("{low} to {high} {unit}{scale}");
        add(&format!("Parameter {}", parameter.name), Some(value));
    }
    let versions = manifest.versions.iter().map(|(name, version)| format!("{name} {version}"));
    add("Versions", Some(versions.collect::<Vec<_>>().join(", ")));
    add(
        "Commit",
        manifest.git.as_ref().map(|git| match git.dirty {
            Some(true) => format!("{} with uncommitted changes", git.commit),
            Some(false) => git.commit.clone(),
            None => format!("{} (changes not checked)", git.commit),
        }),
    );
    let hardware = &manifest.hardware;
    add("Processor", Some(hardware.cpu_model.clone()));
    add("Cores", (hardware.cores > 0).then(|| hardware.cores.to_string()));
    let gibibytes = hardware.memory_bytes as f64 / f64::from(1 << 30);
    add("Memory", (gibibytes > 0.0).then(|| format!("{gibibytes:.1} GiB")));
    add("System", Some(hardware.system.clone()));
    for (name, value) in &hardware.more {
        add(name, Some(value.clone()));
    }
    facts
}
