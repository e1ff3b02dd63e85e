//! `NAME-curve`: an output at several points of the box, surrogate against reference, and the
//! difference below.

use surrogate_run::schema::{Evaluation, OutputErrors};
use surrogate_run::{Column, Table, header, reference_header};

use super::{Drawn, capital, file_stem, parameter_text, point_parameters, rms, shown};
use crate::figure::colour::{GREY, LIGHT_GREY, series};
use crate::figure::text::{pretty_unit, quantity, scaled_unit};
use crate::figure::{Axis, Dash, Figure, Key, Mark, Panel, Shape, Swatch, sampled, thinned};

/// One curve.
struct Curve {
    /// Index of the point.
    point: usize,
    /// First row in the table.
    row: usize,
    surrogate: Vec<(f64, f64)>,
    reference: Vec<(f64, f64)>,
    difference: Vec<(f64, f64)>,
    rms: Option<f64>,
}

/// One figure for each output that `curves.csv` holds.
pub(crate) fn draw(evaluation: &Evaluation, table: &Table) -> Vec<Drawn> {
    let mut names: Vec<&String> = evaluation.outputs.keys().collect();
    names.sort_by_key(|name| **name != evaluation.main_output);
    let draw = |name: &&String| draw_output(evaluation, table, name, &evaluation.outputs[*name]);
    names.iter().filter_map(draw).collect()
}

fn curves_of(evaluation: &Evaluation, table: &Table, name: &str, unit: &str) -> Option<Vec<Curve>> {
    let points = table.numbers("point")?;
    let axis = table.numbers(&header(&evaluation.axis.name, &evaluation.axis.unit))?;
    let values = table.numbers(&header(name, unit))?;
    let reference = table.numbers(&reference_header(name, unit));
    let mut curves: Vec<Curve> = Vec::new();
    for (row, &point) in points.iter().enumerate() {
        if !(0.0..1e9).contains(&point) {
            continue;
        }
        let point = point as usize;
        if curves.last().is_none_or(|curve| curve.point != point) {
            let (surrogate, reference, difference) = (Vec::new(), Vec::new(), Vec::new());
            curves.push(Curve { point, row, surrogate, reference, difference, rms: None });
        }
        let Some(curve) = curves.last_mut() else { continue };
        curve.surrogate.push((axis[row], values[row]));
        if let Some(reference) = reference {
            curve.reference.push((axis[row], reference[row]));
            curve.difference.push((axis[row], values[row] - reference[row]));
        }
    }
    for curve in &mut curves {
        curve.rms = rms(curve.difference.iter().map(|point| point.1));
    }
    (!curves.is_empty()).then_some(curves)
}

/// Indices of the curves to show with their names: best, median and worst by error, or else the
/// first, the middle and the last.
fn choose(curves: &[Curve]) -> Vec<(usize, &'static str)> {
    let mut order: Vec<usize> = (0..curves.len()).collect();
    let known = curves.iter().all(|curve| curve.rms.is_some());
    if known {
        order.sort_by(|&a, &b| {
            curves[a].rms.unwrap_or(0.0).total_cmp(&curves[b].rms.unwrap_or(0.0))
        });
    }
    match (order.as_slice(), known) {
        ([only], _) => vec![(*only, "")],
        (&[best, worst], true) => vec![(best, "best"), (worst, "worst")],
        (order, true) => {
            let middle = order[order.len() / 2];
            vec![(order[0], "best"), (middle, "median"), (order[order.len() - 1], "worst")]
        }
        (order, false) => {
            let mut chosen = vec![order[0], order[order.len() / 2], order[order.len() - 1]];
            chosen.dedup();
            chosen.into_iter().map(|index| (index, "")).collect()
        }
    }
}

fn draw_output(
    evaluation: &Evaluation,
    table: &Table,
    name: &str,
    output: &OutputErrors,
) -> Option<Drawn> {
    let curves = curves_of(evaluation, table, name, &output.unit)?;
    let chosen = choose(&curves);
    let has_reference = curves.iter().any(|curve| curve.rms.is_some());
    let shown_name = shown(&output.long_name, name);
    let unit = pretty_unit(&output.unit);
    let axis = &evaluation.axis;
    let x_axis = |curves: &[(usize, &str)], all: &[Curve]| {
        let values = curves.iter().flat_map(|(k, _)| all[*k].surrogate.iter().map(|p| p.0));
        Axis::linear(&capital(&axis.name), &pretty_unit(&axis.unit), values, 0.01)
    };
    let x = x_axis(&chosen, &curves);
    let values = chosen.iter().flat_map(|(k, _)| {
        curves[*k].surrogate.iter().chain(&curves[*k].reference).map(|point| point.1)
    });
    let mut upper = Panel::new(0, 0, x.clone(), Axis::linear(&shown_name, &unit, values, 0.05));
    let mut legend = Vec::new();
    if has_reference {
        legend.push(Key::new(Swatch::Line(Dash::Solid), GREY, "reference"));
        legend.push(Key::new(Swatch::Dot(Shape::Ring), GREY, "surrogate"));
    }
    for (place, (index, word)) in chosen.iter().enumerate() {
        let curve = &curves[*index];
        let colour = series(place).to_owned();
        let line = if has_reference { &curve.reference } else { &curve.surrogate };
        let (width, dash) = (1.6, Dash::Solid);
        let points = thinned(line, 800);
        upper.marks.push(Mark::Line { points, colour: colour.clone(), width, dash });
        if has_reference {
            let shift = (place as f64 + 0.5) / chosen.len() as f64;
            let points = sampled(&curve.surrogate, 16, shift);
            let (radius, shape) = (2.9, Shape::Ring);
            upper.marks.push(Mark::Dots { points, colour: colour.clone(), radius, shape });
        }
        let rms = curve.rms.map(|rms| format!(" (rms {})", quantity(rms, &output.unit, 2)));
        let label = match *word {
            "" => parameter_text(
                &evaluation.parameters,
                &point_parameters(evaluation, table, curve.point, curve.row),
            ),
            word => format!("{word}{}", rms.unwrap_or_default()),
        };
        if !label.is_empty() {
            legend.push(Key::new(Swatch::Fill, &colour, label));
        }
    }
    // Rings lie above every line, also those of later curves.
    upper.marks.sort_by_key(|mark| matches!(mark, Mark::Dots { .. }));

    let rows = if has_reference { vec![240.0, 96.0] } else { vec![260.0] };
    let alt = format!(
        "{shown_name} against {} at {} parameter points{}",
        axis.name,
        chosen.len(),
        if has_reference { ", surrogate and reference, with their difference below" } else { "" }
    );
    let stem = format!("{}-curve", file_stem(name));
    let mut figure = Figure::new(stem, alt, rows);
    figure.legend = legend;
    if has_reference {
        upper.x_labels = false;
        figure.panels.push(upper);
        figure.panels.push(difference_panel(&curves, &chosen, x, &output.unit));
    } else {
        figure.panels.push(upper);
    }
    let caption = caption(evaluation, table, &curves, &chosen, &shown_name, output);
    let table = shown_table(evaluation, &curves, &chosen, name, output);
    Some(Drawn { figure, table, title: shown_name, caption })
}

fn difference_panel(curves: &[Curve], chosen: &[(usize, &str)], x: Axis, unit: &str) -> Panel {
    let all = || chosen.iter().flat_map(|(k, _)| curves[*k].difference.iter().map(|p| p.1));
    let largest = all().filter(|d| d.is_finite()).fold(0.0_f64, |m, d| m.max(d.abs()));
    let (factor, unit) = scaled_unit(unit, largest);
    let values = all().map(|d| d * factor).chain([0.0]);
    let mut panel = Panel::new(1, 0, x, Axis::linear("Difference", &unit, values, 0.10));
    let (low, high) = panel.x.range;
    let points = vec![(low, 0.0), (high, 0.0)];
    let (colour, dash) = (LIGHT_GREY.to_owned(), Dash::Solid);
    panel.marks.push(Mark::Line { points, colour, width: 1.0, dash });
    for (place, (index, _)) in chosen.iter().enumerate() {
        let scaled: Vec<_> =
            curves[*index].difference.iter().map(|&(x, d)| (x, d * factor)).collect();
        let points = thinned(&scaled, 800);
        let (colour, dash) = (series(place).to_owned(), Dash::Solid);
        panel.marks.push(Mark::Line { points, colour, width: 1.4, dash });
    }
    panel
}

fn caption(
    evaluation: &Evaluation,
    table: &Table,
    curves: &[Curve],
    chosen: &[(usize, &str)],
    shown_name: &str,
    output: &OutputErrors,
) -> String {
    let unit = pretty_unit(&output.unit);
    let where_ = |(index, word): &(usize, &str)| {
        let curve = &curves[*index];
        let values = point_parameters(evaluation, table, curve.point, curve.row);
        let text = parameter_text(&evaluation.parameters, &values);
        (!text.is_empty() && !word.is_empty()).then(|| format!("{word}: {text}"))
    };
    let places: Vec<_> = chosen.iter().filter_map(where_).collect();
    let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
    let mut text = format!("{shown_name}{unit} against {}", evaluation.axis.name);
    if !evaluation.axis.unit.is_empty() {
        text.push_str(&format!(" ({})", pretty_unit(&evaluation.axis.unit)));
    }
    if chosen.iter().any(|(_, word)| !word.is_empty()) {
        text.push_str(&format!(" at the best, median and worst of {} points", curves.len()));
        text.push_str(", reference as lines, surrogate as rings; below, surrogate minus reference");
    }
    if !places.is_empty() {
        text.push_str(&format!(" ({})", places.join("; ")));
    }
    text.push('.');
    text
}

fn shown_table(
    evaluation: &Evaluation,
    curves: &[Curve],
    chosen: &[(usize, &str)],
    name: &str,
    output: &OutputErrors,
) -> Table {
    let rows = || {
        chosen.iter().flat_map(|(k, _)| {
            curves[*k].surrogate.iter().map(move |&(x, y)| (curves[*k].point, x, y))
        })
    };
    let axis = &evaluation.axis;
    let mut columns = vec![
        Column::numbers("point", "", rows().map(|row| row.0 as f64).collect()),
        Column::numbers(&axis.name, &axis.unit, rows().map(|row| row.1).collect()),
        Column::numbers(name, &output.unit, rows().map(|row| row.2).collect()),
    ];
    let reference: Vec<f64> =
        chosen.iter().flat_map(|(k, _)| curves[*k].reference.iter().map(|p| p.1)).collect();
    if reference.len() == rows().count() {
        columns.push(Column::reference(name, &output.unit, reference));
    }
    Table::new(columns)
}
