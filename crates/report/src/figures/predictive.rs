//! `fit-1`, `prediction-1`, …: measured curves over what the posterior predicts of them.

use surrogate_run::{Column, Table, header};

use super::{Drawn, capital, file_stem};
use crate::calibration::{Fit, Observed};
use crate::figure::colour::{BLUE, GREY, INK, SKY};
use crate::figure::text::{pretty_unit, quantity, scaled_unit};
use crate::figure::{Axis, Dash, Figure, Key, Mark, Panel, Shape, Swatch};

/// Most curves that are drawn.
const MOST: usize = 12;

/// Curves of a table.
pub(crate) struct Curves<'a> {
    /// `fit` or `prediction`.
    pub name: &'a str,
    /// `fit.csv` or `predict.csv`.
    pub table: &'a Table,
    /// How predictions lie to each.
    pub fits: &'a [Fit],
    pub observed: &'a Observed,
    /// Whether bands of the predictions may be shown.
    pub trusted: bool,
}

/// One curve.
struct Curve {
    times: Vec<f64>,
    data: Vec<f64>,
    mean: Vec<f64>,
    /// Ends of the central 90 %; empty where they may not be shown.
    low: Vec<f64>,
    high: Vec<f64>,
}

/// A figure for each curve.
pub(crate) fn draw(curves: &Curves<'_>) -> Vec<Drawn> {
    (0..curves.fits.len().min(MOST)).filter_map(|k| draw_one(curves, k)).collect()
}

impl Curves<'_> {
    fn curve(&self, number: usize) -> Option<Curve> {
        let Observed { name, unit, time_unit } = self.observed;
        let rows: Vec<usize> = self
            .table
            .numbers("number")?
            .iter()
            .enumerate()
            .filter_map(|(row, k)| (*k == number as f64).then_some(row))
            .collect();
        let column = |header: &str| -> Option<Vec<f64>> {
            let values = self.table.numbers(header)?;
            Some(rows.iter().map(|&row| values[row]).collect())
        };
        let of = |suffix: &str| column(&header(&format!("{name}{suffix}"), unit));
        let ends = |suffix: &str| {
            if self.trusted { of(suffix) } else { Some(Vec::new()) }
        };
        let (times, data, mean) = (column(&header("time", time_unit))?, of("")?, of("_mean")?);
        (!times.is_empty()).then_some(())?;
        Some(Curve { times, data, mean, low: ends("_q5")?, high: ends("_q95")? })
    }
}

fn draw_one(curves: &Curves<'_>, number: usize) -> Option<Drawn> {
    let curve = curves.curve(number)?;
    let fit = &curves.fits[number];
    let observed = curves.observed;
    let unit = pretty_unit(&observed.unit);
    let stem = format!("{}-{}", file_stem(curves.name), number + 1);
    let what = if curves.name == "fit" { "fitted" } else { "held out" };
    let alt = format!(
        "{} of {} against time, {what}: measured, predicted, and their difference below",
        observed.name, fit.curve
    );
    let x = Axis::linear("Time", &pretty_unit(&observed.time_unit), curve.times.clone(), 0.01);
    let (name, banded) = (capital(&observed.name), !curve.low.is_empty());
    let values = curve.data.iter().chain(&curve.mean).chain(&curve.low).chain(&curve.high);
    let mut upper = Panel::new(0, 0, x.clone(), Axis::linear(&name, &unit, values.copied(), 0.05));
    upper.x_labels = false;
    upper.marks = marks(&curve, &|_, v| v);
    let off: Vec<f64> = curve.data.iter().zip(&curve.mean).map(|(y, f)| y - f).collect();
    let largest = off.iter().fold(0.0_f64, |m, r| m.max(r.abs()));
    let (factor, small) = scaled_unit(&observed.unit, largest);
    let less = |i: usize, v: f64| (v - curve.mean[i]) * factor;
    let ends = (0..curve.low.len()).flat_map(|i| [less(i, curve.low[i]), less(i, curve.high[i])]);
    let residuals = off.iter().map(|r| r * factor).chain(ends).chain([0.0]);
    let mut lower = Panel::new(1, 0, x, Axis::linear("Residual", &small, residuals, 0.08));
    lower.marks = marks(&curve, &less);
    let mut figure = Figure::new(stem, alt, vec![210.0, 104.0]);
    figure.legend = vec![
        Key::new(Swatch::Dot(Shape::Disc), GREY, "measured"),
        Key::new(Swatch::Line(Dash::Solid), BLUE, "mean prediction"),
    ];
    if banded {
        figure.legend.push(Key::new(Swatch::Fill, "#d0e9f7", "central 90 % of predictions"));
    }
    figure.panels = vec![upper, lower];
    let caption = caption(curves, fit, banded);
    let title = format!("{} ({what})", fit.curve);
    Some(Drawn { figure, table: table(curves, &curve), title, caption })
}

/// Band, data and mean, moved by `to` (point and value).
fn marks(curve: &Curve, to: &dyn Fn(usize, f64) -> f64) -> Vec<Mark> {
    let line = |values: &[f64]| -> Vec<(f64, f64)> {
        curve.times.iter().zip(values).enumerate().map(|(i, (t, v))| (*t, to(i, *v))).collect()
    };
    let mut out = Vec::new();
    if !curve.low.is_empty() {
        let band = line(&curve.low).into_iter().zip(line(&curve.high));
        let points = band.map(|((t, low), (_, high))| (t, low, high)).collect();
        out.push(Mark::Area { points, colour: SKY.to_owned() });
    }
    out.push(Mark::Specks { points: line(&curve.data), colour: INK.to_owned(), size: 3.2 });
    let (colour, dash) = (BLUE.to_owned(), Dash::Solid);
    out.push(Mark::Line { points: line(&curve.mean), colour, width: 1.4, dash });
    out
}

fn caption(curves: &Curves<'_>, fit: &Fit, banded: bool) -> String {
    let observed = curves.observed;
    let name = capital(&observed.name);
    let unit = pretty_unit(&observed.unit);
    let unit = if unit.is_empty() { unit } else { format!(" ({unit})") };
    let mut text = format!("{name}{unit} of {}, {} points", fit.curve, fit.points);
    if let Some(rms) = fit.rms {
        text.push_str(&format!(": rms of the residuals {}", quantity(rms, &observed.unit, 3)));
    }
    let share = fit.coverage_90.map(|share| format!("{:.0} %", 100.0 * share));
    match (share, banded) {
        (Some(share), true) => text.push_str(&format!(
            ", {share} of the points within the central 90 % of the predictions, noise included"
        )),
        (Some(_), false) => text.push_str(". No band is shown: the posterior is refused"),
        (None, _) => {}
    }
    text.push_str(". Below, measured less predicted.");
    text
}

fn table(curves: &Curves<'_>, curve: &Curve) -> Table {
    let Observed { name, unit, time_unit } = curves.observed;
    let of = |suffix: &str, values: &[f64]| {
        Column::numbers(&format!("{name}{suffix}"), unit, values.to_vec())
    };
    let mut columns = vec![
        Column::numbers("time", time_unit, curve.times.clone()),
        of("", &curve.data),
        of("_mean", &curve.mean),
    ];
    if !curve.low.is_empty() {
        columns.extend([of("_q5", &curve.low), of("_q95", &curve.high)]);
    }
    Table::new(columns)
}
