//! `error-over-parameters`: the rms error of the main output over the box. A line for one
//! parameter, a heat map (for a full grid) or points for two, pairs of parameters for more.

use surrogate_run::schema::{Evaluation, Point};
use surrogate_run::{Column, ParameterRange, Table};

use super::{Drawn, shown};
use crate::figure::axis::extent;
use crate::figure::colour::{BLUE, sequential};
use crate::figure::text::{pretty_unit, scaled_unit};
use crate::figure::{Axis, Dash, Figure, Mark, Panel, Shape, Side};

/// Most parameters of the pairs.
const MOST_PARAMETERS: usize = 6;

/// The figure, if there are parameters and errors.
pub(crate) fn draw(evaluation: &Evaluation) -> Option<Drawn> {
    let (output, errors) = evaluation.main()?;
    let parameters = &evaluation.parameters;
    let errors_at: Vec<f64> = if errors.rms_by_point.len() == evaluation.points.len() {
        errors.rms_by_point.clone()
    } else {
        let of = |point: &Point| point.errors.get(output).copied().unwrap_or(f64::NAN);
        evaluation.points.iter().map(of).collect()
    };
    let known = errors_at.iter().filter(|error| error.is_finite()).count();
    if parameters.is_empty() || known < 2 {
        return None;
    }
    let (factor, unit) = scaled_unit(&errors.unit, extent(errors_at.iter().copied()).1);
    let scaled: Vec<f64> = errors_at.iter().map(|error| error * factor).collect();
    let values: Vec<Vec<f64>> = parameters
        .iter()
        .map(|p| {
            let of = |point: &Point| point.parameters.get(&p.name).copied().unwrap_or(f64::NAN);
            evaluation.points.iter().map(of).collect()
        })
        .collect();
    let shown_name = shown(&errors.long_name, output);
    let label = "Rms error";
    let shape = match parameters.len() {
        1 => "as a line over the one parameter",
        2 => "as colour over the two parameters",
        _ => "as colour over pairs of parameters",
    };
    let alt = format!("rms error of {shown_name} at {known} points of the box, {shape}");
    let mut figure = Figure::new("error-over-parameters", alt, vec![260.0]);
    match parameters.len() {
        1 => draw_one(&mut figure, &parameters[0], &values[0], &scaled, label, &unit),
        2 => {
            figure.rows = vec![300.0];
            let mut panel = pair_panel((0, 0), (1, 0), parameters, &values);
            figure.colour_bar = Some(colour_axis(label, &unit, &scaled));
            fill_pair(&mut panel, &figure, &values[0], &values[1], &scaled, true);
            figure.panels.push(panel);
        }
        _ => draw_pairs(&mut figure, parameters, &values, &scaled, label, &unit),
    }
    let mut caption = format!(
        "Root-mean-square error of {shown_name}{} at {known} points of the parameter box",
        if unit.is_empty() { String::new() } else { format!(" ({unit})") }
    );
    if parameters.len() > 2 {
        caption.push_str(", shown over pairs of parameters, greatest errors on top");
    }
    if parameters.len() > MOST_PARAMETERS {
        caption.push_str(&format!(" (the first {MOST_PARAMETERS} of {})", parameters.len()));
    }
    caption.push('.');
    let mut columns: Vec<Column> = parameters
        .iter()
        .zip(&values)
        .map(|(p, values)| Column::numbers(&p.name, &p.unit, values.clone()))
        .collect();
    columns.push(Column::numbers(&format!("rms_{output}"), &errors.unit, errors_at));
    let title = "Error over the parameter box".to_owned();
    Some(Drawn { figure, table: Table::new(columns), title, caption })
}

fn parameter_axis(parameter: &ParameterRange, values: &[f64]) -> Axis {
    let ends = [parameter.lower, parameter.upper];
    let all: Vec<f64> = values.iter().copied().chain(ends).filter(|v| v.is_finite()).collect();
    let all = if parameter.lower < parameter.upper { all } else { values.to_vec() };
    Axis::by_scale(&parameter.name, &pretty_unit(&parameter.unit), parameter.is_log(), &all)
}

fn draw_one(
    figure: &mut Figure,
    parameter: &ParameterRange,
    values: &[f64],
    errors: &[f64],
    label: &str,
    unit: &str,
) {
    let mut points: Vec<(f64, f64)> =
        values.iter().copied().zip(errors.iter().copied()).filter(|p| p.1.is_finite()).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (low, high) = extent(points.iter().map(|point| point.1));
    let y = if low > 0.0 && high / low > 30.0 {
        Axis::log(label, unit, points.iter().map(|point| point.1))
    } else {
        Axis::from_zero(label, unit, points.iter().map(|point| point.1))
    };
    let mut panel = Panel::new(0, 0, parameter_axis(parameter, values), y);
    let (colour, dash) = (BLUE.to_owned(), Dash::Solid);
    panel.marks.push(Mark::Line { points: points.clone(), colour, width: 1.4, dash });
    let (colour, radius, shape) = (BLUE.to_owned(), 3.2, Shape::Disc);
    panel.marks.push(Mark::Dots { points, colour, radius, shape });
    figure.panels.push(panel);
}

/// Colours run over a logarithm where errors differ by more than a factor of 20.
fn colour_axis(label: &str, unit: &str, errors: &[f64]) -> Axis {
    let (low, high) = extent(errors.iter().copied());
    let mut axis = if low > 0.0 && high / low > 20.0 {
        Axis::log(label, unit, errors.iter().copied())
    } else {
        Axis::from_zero(label, unit, errors.iter().copied())
    };
    if low > 0.0 && high / low > 20.0 {
        axis.range = (low, high);
    }
    axis
}

fn colour_of(figure: &Figure, error: f64) -> String {
    let fraction = figure.colour_bar.as_ref().and_then(|axis| axis.fraction(error));
    sequential(fraction.unwrap_or(0.0))
}

fn pair_panel(
    place: (usize, usize),
    (row, column): (usize, usize),
    parameters: &[ParameterRange],
    values: &[Vec<f64>],
) -> Panel {
    let x = parameter_axis(&parameters[column], &values[column]);
    let y = parameter_axis(&parameters[row], &values[row]);
    Panel::new(place.0, place.1, x, y)
}

fn fill_pair(
    panel: &mut Panel,
    figure: &Figure,
    x: &[f64],
    y: &[f64],
    errors: &[f64],
    name_worst: bool,
) {
    let mut order: Vec<usize> = (0..errors.len()).filter(|&k| errors[k].is_finite()).collect();
    order.sort_by(|&a, &b| errors[a].total_cmp(&errors[b]));
    match name_worst.then(|| grid(panel, x, y)).flatten() {
        Some((columns, rows)) => {
            for &k in &order {
                if let (Some(&x), Some(&y)) = (
                    columns.iter().find(|cell| cell.0 <= x[k] && x[k] <= cell.1),
                    rows.iter().find(|cell| cell.0 <= y[k] && y[k] <= cell.1),
                ) {
                    panel.marks.push(Mark::Cell { x, y, colour: colour_of(figure, errors[k]) });
                }
            }
            if let (Some(first), Some(last)) = (columns.first(), columns.last()) {
                panel.x.range = (first.0, last.1);
            }
            if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
                panel.y.range = (first.0, last.1);
            }
        }
        None => {
            let radius = if errors.len() > 150 { 3.4 } else { 5.0 };
            for &k in &order {
                let (points, shape) = (vec![(x[k], y[k])], Shape::Disc);
                let colour = colour_of(figure, errors[k]);
                panel.marks.push(Mark::Dots { points, colour, radius, shape });
            }
        }
    }
    if let Some(&worst) = order.last().filter(|_| name_worst) {
        let cells = panel.marks.iter().any(|mark| matches!(mark, Mark::Cell { .. }));
        let right = panel.x.fraction(x[worst]).is_some_and(|fraction| fraction < 0.8);
        let side = match (cells, right) {
            (true, _) => Side::Centre,
            (false, true) => Side::Right,
            (false, false) => Side::Left,
        };
        panel.marks.push(Mark::Note { x: x[worst], y: y[worst], text: "worst".into(), side });
    }
}

/// Edges of columns and rows of a full grid; `None` if the points are no full grid.
#[expect(clippy::type_complexity, reason = "two lists of intervals")]
fn grid(panel: &Panel, x: &[f64], y: &[f64]) -> Option<(Vec<(f64, f64)>, Vec<(f64, f64)>)> {
    let (columns, rows) = (distinct(x), distinct(y));
    let full = columns.len() * rows.len() == x.len() && columns.len() > 2 && rows.len() > 2;
    full.then(|| (edges(&columns, &panel.x), edges(&rows, &panel.y)))
}

fn distinct(values: &[f64]) -> Vec<f64> {
    let mut values: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values.dedup_by(|a, b| (*a - *b).abs() <= 1e-9 * a.abs().max(b.abs()));
    values
}

/// Intervals around values, bounded half-way to the neighbours as the axis spreads them.
fn edges(values: &[f64], axis: &Axis) -> Vec<(f64, f64)> {
    let log = axis.spread == crate::figure::axis::Spread::Log;
    let to = |v: f64| if log { v.ln() } else { v };
    let from = |v: f64| if log { v.exp() } else { v };
    let places: Vec<f64> = values.iter().map(|&v| to(v)).collect();
    let last = places.len() - 1;
    (0..=last)
        .map(|k| {
            let below = if k > 0 { places[k] - places[k - 1] } else { places[1] - places[0] };
            let above = if k < last { places[k + 1] - places[k] } else { below };
            (from(places[k] - below / 2.0), from(places[k] + above / 2.0))
        })
        .collect()
}

fn draw_pairs(
    figure: &mut Figure,
    parameters: &[ParameterRange],
    values: &[Vec<f64>],
    errors: &[f64],
    label: &str,
    unit: &str,
) {
    let count = parameters.len().min(MOST_PARAMETERS);
    figure.columns = count - 1;
    let heights = [210.0, 160.0, 130.0, 110.0];
    figure.rows = vec![heights[count - 3]; count - 1];
    figure.colour_bar = Some(colour_axis(label, unit, errors));
    for row in 1..count {
        for column in 0..row {
            let mut panel = pair_panel((row - 1, column), (row, column), parameters, values);
            panel.x_labels = row == count - 1;
            panel.y_labels = column == 0;
            fill_pair(&mut panel, figure, &values[column], &values[row], errors, false);
            figure.panels.push(panel);
        }
    }
}
