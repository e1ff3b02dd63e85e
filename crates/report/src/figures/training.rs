//! `loss` against iterations and `validation-error` against time.

use std::collections::BTreeSet;

use surrogate_run::schema::{Evaluation, MetricsLine};
use surrogate_run::{Column, Goal, Table};

use super::{Drawn, lower_first, shown};
use crate::figure::colour::{BLUE, INK, VERMILION, series};
use crate::figure::text::{pretty_unit, quantity, scaled_unit};
use crate::figure::{Axis, Dash, Figure, Key, Mark, Panel, Shape, Side, Swatch, thinned};
use crate::generator;

/// Most terms of the loss that get a line of their own.
const MOST_TERMS: usize = 6;

/// Components in the order in which they were trained; one empty name for a single one. Lines that have
/// no loss, as while a solver runs, make none.
fn components(metrics: &[MetricsLine]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let trained = |line: &&MetricsLine| line.loss.is_finite() || line.held_out.is_some();
    for line in metrics.iter().filter(trained) {
        let name = line.field.clone().unwrap_or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Loss by term and held-out residual, one panel a component.
pub(crate) fn loss(metrics: &[MetricsLine]) -> Option<Drawn> {
    let components = components(metrics);
    if components.is_empty() {
        return None;
    }
    let terms: BTreeSet<String> =
        metrics.iter().flat_map(|line| line.terms.keys().cloned()).collect();
    let terms: Vec<String> = terms.into_iter().take(MOST_TERMS).collect();
    // One term is the loss itself.
    let terms = if terms.len() < 2 { Vec::new() } else { terms };
    let height = if components.len() == 1 { 280.0 } else { 180.0 };
    let alt = "training loss by term and held-out residual against iterations, logarithmic";
    let mut figure = Figure::new("loss", alt, vec![height; components.len().min(4)]);
    figure.legend.push(Key::new(Swatch::Line(Dash::Solid), INK, "total loss"));
    if metrics.iter().any(|line| line.held_out.is_some()) {
        figure.legend.push(Key::new(Swatch::Line(Dash::Dashed), INK, "held-out"));
    }
    for (k, term) in terms.iter().enumerate() {
        figure.legend.push(Key::new(Swatch::Line(Dash::Solid), series(k), term.as_str()));
    }
    for (row, component) in components.iter().take(4).enumerate() {
        let lines: Vec<&MetricsLine> = metrics
            .iter()
            .filter(|line| line.field.as_deref().unwrap_or_default() == component)
            .filter(|line| line.loss.is_finite() || line.held_out.is_some())
            .collect();
        let mut panel = loss_panel(row, &lines, &terms);
        panel.title.clone_from(component);
        panel.x_labels = row + 1 == components.len().min(4);
        figure.panels.push(panel);
    }
    let several = components.len() > 1;
    let mut caption =
        "Training loss (dimensionless, logarithmic) by term against iterations".to_owned();
    if metrics.iter().any(|line| line.held_out.is_some()) {
        caption.push_str("; dashed, the same loss at points that training never sees");
    }
    caption.push_str(if several { "; one panel a component." } else { "." });
    let title = "Loss".to_owned();
    Some(Drawn { figure, table: loss_table(metrics, several), title, caption })
}

fn loss_panel(row: usize, lines: &[&MetricsLine], terms: &[String]) -> Panel {
    let of = |value: &dyn Fn(&MetricsLine) -> Option<f64>| -> Vec<(f64, f64)> {
        let point = |line: &&MetricsLine| Some((line.step as f64, value(line)?));
        let points: Vec<_> = lines.iter().filter_map(point).collect();
        thinned(&points, 900)
    };
    let total = of(&|line| Some(line.loss));
    let held_out = of(&|line| line.held_out);
    let by_term: Vec<_> =
        terms.iter().map(|term| of(&|line| line.terms.get(term).copied())).collect();
    let greatest = total.iter().map(|p| p.1).filter(|v| v.is_finite()).fold(0.0, f64::max);
    let all = total.iter().chain(&held_out).chain(by_term.iter().flatten()).map(|p| p.1);
    // Terms that vanish do not stretch the axis beyond reason.
    let all = all.filter(|&value| value > greatest * 1e-18);
    let x = Axis::linear("Iteration", "", lines.iter().map(|line| line.step as f64), 0.01);
    let mut panel = Panel::new(row, 0, x, Axis::log("Loss", "", all));
    panel.marks = stage_marks(lines, |line| line.step as f64);
    let dash = Dash::Solid;
    for (k, points) in by_term.into_iter().enumerate() {
        panel.marks.push(Mark::Line { points, colour: series(k).into(), width: 1.2, dash });
    }
    panel.marks.push(Mark::Line { points: total, colour: INK.into(), width: 1.8, dash });
    let dash = Dash::Dashed;
    panel.marks.push(Mark::Line { points: held_out, colour: INK.into(), width: 1.4, dash });
    panel
}

/// An upright line with the name of each optimiser stage where it begins, if there are several.
fn stage_marks(lines: &[&MetricsLine], x: impl Fn(&MetricsLine) -> f64) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut stage: Option<&str> = None;
    for line in lines {
        if !line.stage.is_empty() && stage != Some(line.stage.as_str()) {
            stage = Some(&line.stage);
            marks.push(Mark::Upright { x: x(line), label: line.stage.clone() });
        }
    }
    // The first stage begins where the axis does: a name and no line of its own.
    if let Some(Mark::Upright { x, .. }) = marks.first_mut() {
        *x = f64::NEG_INFINITY;
    }
    if marks.len() > 1 { marks } else { Vec::new() }
}

fn loss_table(metrics: &[MetricsLine], several: bool) -> Table {
    let every = metrics.len().div_ceil(4000);
    let lines = || metrics.iter().step_by(every);
    let mut columns = vec![
        Column::numbers("step", "", lines().map(|line| line.step as f64).collect()),
        Column::words("stage", lines().map(|line| line.stage.clone()).collect()),
        Column::numbers("time", "s", lines().map(|line| line.time_s).collect()),
        Column::numbers("loss", "", lines().map(|line| line.loss).collect()),
    ];
    if several {
        let field = |line: &MetricsLine| line.field.clone().unwrap_or_default();
        columns.insert(0, Column::words("component", lines().map(field).collect()));
    }
    let terms: BTreeSet<&String> = metrics.iter().flat_map(|line| line.terms.keys()).collect();
    for term in terms {
        let value = |line: &MetricsLine| line.terms.get(term).copied().unwrap_or(f64::NAN);
        columns.push(Column::numbers(&format!("loss_{term}"), "", lines().map(value).collect()));
    }
    if metrics.iter().any(|line| line.held_out.is_some()) {
        let value = |line: &MetricsLine| line.held_out.unwrap_or(f64::NAN);
        columns.push(Column::numbers("held_out", "", lines().map(value).collect()));
    }
    Table::new(columns)
}

/// A number of a line, where it has one.
type ValueOf = Box<dyn Fn(&MetricsLine) -> Option<f64>>;

/// What is plotted against time or energy: the validation error of an output, or else the
/// held-out loss.
struct Measure {
    name: String,
    unit: String,
    label: String,
    of: ValueOf,
}

fn measure(metrics: &[MetricsLine], evaluation: Option<&Evaluation>) -> Option<Measure> {
    let validated: BTreeSet<&String> =
        metrics.iter().flat_map(|line| line.validation.keys()).collect();
    let main = evaluation.and_then(Evaluation::main).map(|(name, _)| name);
    let name = validated
        .iter()
        .find(|name| Some(name.as_str()) == main)
        .or_else(|| validated.first())
        .map(|name| (*name).clone());
    if name.as_deref() == Some(generator::VALIDATION) && evaluation.is_none() {
        return Some(Measure {
            name: "held_out_loss".to_owned(),
            unit: "nat".to_owned(),
            label: "Loss of a held-out crystal".to_owned(),
            of: Box::new(|line| line.validation.get(generator::VALIDATION).copied()),
        });
    }
    if let Some(name) = name {
        let output = evaluation.and_then(|e| {
            e.outputs.get(&name).or_else(|| e.fields.get(&name).map(|field| &field.errors))
        });
        let unit = output.map(|output| output.unit.clone()).unwrap_or_default();
        let long = output.map(|output| output.long_name.clone()).unwrap_or_default();
        let label = format!("Rms error of {}", lower_first(&shown(&long, &name)));
        let key = name.clone();
        let of = Box::new(move |line: &MetricsLine| line.validation.get(&key).copied());
        return Some(Measure { name: format!("rms_{name}"), unit, label, of });
    }
    metrics.iter().any(|line| line.held_out.is_some()).then(|| Measure {
        name: "held_out".to_owned(),
        unit: String::new(),
        label: "Held-out loss".to_owned(),
        of: Box::new(|line| line.held_out),
    })
}

/// Validation error against working time; `None` if training did not validate.
pub(crate) fn validation(
    metrics: &[MetricsLine],
    evaluation: Option<&Evaluation>,
    goals: &[Goal],
) -> Option<Drawn> {
    if metrics.iter().all(|line| line.validation.is_empty()) {
        return None;
    }
    let cost = |line: &MetricsLine| Some(line.time_s);
    against(
        metrics,
        evaluation,
        goals,
        Cost {
            figure: "validation-error",
            title: "Validation error against time",
            name: "time",
            unit: "s",
            label: "Training time",
            of: &cost,
        },
    )
}

/// Validation error, or else held-out loss, against cumulative energy: the signature figure.
pub(crate) fn against_energy(
    metrics: &[MetricsLine],
    evaluation: Option<&Evaluation>,
    goals: &[Goal],
) -> Option<Drawn> {
    against(
        metrics,
        evaluation,
        goals,
        Cost {
            figure: if measures_loss(metrics) {
                "loss-against-energy"
            } else {
                "error-against-energy"
            },
            title: if measures_loss(metrics) {
                "Loss against energy"
            } else {
                "Error against energy"
            },
            name: "energy",
            unit: "J",
            label: "Energy spent on training",
            of: &|line| line.energy_j,
        },
    )
}

/// Whether training was validated by the loss of a generator.
fn measures_loss(metrics: &[MetricsLine]) -> bool {
    metrics.iter().any(|line| line.validation.contains_key(generator::VALIDATION))
}

struct Cost<'a> {
    figure: &'a str,
    title: &'a str,
    name: &'a str,
    unit: &'a str,
    label: &'a str,
    of: &'a dyn Fn(&MetricsLine) -> Option<f64>,
}

fn against(
    metrics: &[MetricsLine],
    evaluation: Option<&Evaluation>,
    goals: &[Goal],
    cost: Cost<'_>,
) -> Option<Drawn> {
    let measure = measure(metrics, evaluation)?;
    let point = |line: &MetricsLine| Some(((cost.of)(line)?, (measure.of)(line)?));
    let lines: Vec<&MetricsLine> = metrics.iter().filter(|line| point(line).is_some()).collect();
    let points: Vec<(f64, f64)> = lines.iter().filter_map(|line| point(line)).collect();
    let good = |p: &&(f64, f64)| p.0 > 0.0 && p.1 > 0.0 && p.1.is_finite();
    let last = *points.iter().rfind(good)?;
    if points.iter().filter(good).count() < 2 {
        return None;
    }
    let goal = goals.iter().find(|goal| {
        goal.measure == "rms" && format!("rms_{}", goal.output) == measure.name && goal.limit > 0.0
    });
    // One unit for the whole fall of the error: that of its geometric middle,
    // or the one above.
    let first = points.iter().find(good).map_or(last.1, |point| point.1);
    let (factor, unit) = match scaled_unit(&measure.unit, 3.0 * (first * last.1).sqrt()) {
        (_, unit) if unit.starts_with("10") => (1.0, pretty_unit(&measure.unit)),
        scaled => scaled,
    };
    let points: Vec<(f64, f64)> = points.iter().map(|&(x, y)| (x, y * factor)).collect();
    let levels = goal.map(|goal| goal.limit * factor);
    let x = Axis::log(cost.label, cost.unit, points.iter().map(|p| p.0));
    let y = Axis::log(&measure.label, &unit, points.iter().map(|p| p.1).chain(levels));
    let mut panel = Panel::new(0, 0, x, y);
    panel.marks = stage_marks(&lines, |line| (cost.of)(line).unwrap_or(f64::NAN));
    if let (Some(level), Some(goal)) = (levels, goal) {
        let label = format!("goal {}", quantity(goal.limit, &goal.unit, 2));
        panel.marks.push(Mark::Level { y: level, label });
    }
    let (colour, dash) = (BLUE.to_owned(), Dash::Solid);
    panel.marks.push(Mark::Line { points: thinned(&points, 900), colour, width: 1.8, dash });
    let end = (last.0, last.1 * factor);
    let (colour, radius, shape) = (VERMILION.to_owned(), 4.5, Shape::Disc);
    panel.marks.push(Mark::Dots { points: vec![end], colour, radius, shape });
    let text =
        format!("{} for {}", quantity(last.1, &measure.unit, 2), quantity(last.0, cost.unit, 3));
    panel.marks.push(Mark::Note { x: end.0, y: end.1, text, side: Side::AboveLeft });

    let alt = format!("{} against {}, both logarithmic", measure.label, cost.label);
    let mut figure = Figure::new(cost.figure, alt, vec![280.0]);
    figure.panels.push(panel);
    let bracket = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
    let caption = format!(
        "{}{bracket} against {} ({}), both logarithmic; the point is the end of training{}.",
        measure.label,
        lower_first(cost.label),
        cost.unit,
        if goal.is_some() { ", the dotted level the goal" } else { "" }
    );
    let table = Table::new(vec![
        Column::numbers("step", "", lines.iter().map(|line| line.step as f64).collect()),
        Column::numbers(cost.name, cost.unit, points.iter().map(|p| p.0).collect()),
        Column::numbers(
            &measure.name,
            &measure.unit,
            points.iter().map(|p| p.1 / factor).collect(),
        ),
    ]);
    Some(Drawn { figure, table, title: cost.title.to_owned(), caption })
}
