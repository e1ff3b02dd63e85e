//! `forest`: intervals of each parameter, all chains together and one by one, in the surrogate's box.

use surrogate_run::{Column, Table};

use super::Drawn;
use super::chains::chosen;
use crate::calibration::Unknown;
use crate::figure::colour::{BLUE, GREY};
use crate::figure::{Axis, Dash, Figure, Key, Mark, Panel, Shape, Swatch};

/// Most parameters of the figure.
const MOST: usize = 12;
/// Height of a line of the figure, px.
const LINE: f64 = 15.0;
/// Standard deviations to either side.
const REACH: f64 = 3.0;
/// Quantiles of an interval line: ends of 90 %, of 50 %, and the median.
const LEVELS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// Quantiles of draws.
struct Interval {
    label: String,
    chain: Option<usize>,
    /// By [`LEVELS`], in the unit of the parameter.
    values: [f64; 5],
}

/// The figure, if parameters have draws and a box.
pub(crate) fn draw<'a>(unknowns: impl Iterator<Item = &'a Unknown>) -> Option<Drawn> {
    let boxed = |u: &&Unknown| u.estimate.range.is_some() && !u.chains.is_empty();
    let list: Vec<&Unknown> = unknowns.filter(boxed).take(MOST).collect();
    let lines: Vec<(&Unknown, Interval)> =
        list.iter().flat_map(|u| intervals(u).into_iter().map(|line| (*u, line))).collect();
    if lines.is_empty() {
        return None;
    }
    let alt = format!("intervals of {} parameters, of all chains and chain by chain", list.len());
    let mut figure = Figure::new("forest", alt, vec![LINE * lines.len() as f64 + 6.0]);
    figure.columns = 2;
    figure.legend = vec![
        Key::new(Swatch::Fill, BLUE, "all chains: median, 50 % (thick), 90 % (thin)"),
        Key::new(Swatch::Fill, GREY, "one chain"),
    ];
    let names: Vec<String> = lines.iter().map(|(_, line)| line.label.clone()).collect();
    let in_box = Axis::linear("Place in the surrogate's box", "", [0.0, 1.0], 0.02);
    let mut boxes = Panel::new(0, 0, in_box, Axis::categories(names.clone()));
    let apart = Axis::linear("Distance from the median of all", "sd", [-REACH, REACH], 0.0);
    let mut standard = Panel::new(0, 1, apart, Axis::categories(names));
    standard.y_labels = false;
    standard.marks.push(Mark::Upright { x: 0.0, label: String::new() });
    let (mut words, mut units, mut chains) = (vec![], vec![], vec![]);
    let mut columns = vec![vec![]; LEVELS.len()];
    for (row, (unknown, line)) in lines.iter().enumerate() {
        let all = quantiles(unknown.chains.concat());
        let sd = unknown.estimate.sd.filter(|sd| *sd > 0.0).unwrap_or(f64::NAN);
        boxes.marks.extend(marks(line, row, |v| place(unknown, v)));
        standard.marks.extend(marks(line, row, |v| (v - all[2]) / sd));
        words.push(unknown.name.clone());
        units.push(unknown.estimate.unit.clone());
        chains.push(line.chain.map_or(f64::NAN, |c| c as f64));
        columns.iter_mut().zip(line.values).for_each(|(column, v)| column.push(v));
    }
    figure.panels = vec![boxes, standard];
    let caption = "Central 50 and 90 % of the draws of each parameter, of all chains together and of \
                   each. Left, as places in the surrogate's box from its lower to its upper end (by \
                   the logarithm where the parameter is logarithmic), so that parameters of several \
                   units share an axis; right, in standard deviations of the posterior about its \
                   median: chains that agree have the same intervals.";
    let mut table = vec![
        Column::words("unknown", words),
        Column::words("unit", units),
        Column::numbers("chain", "", chains),
    ];
    for (level, values) in LEVELS.iter().zip(columns) {
        table.push(Column::numbers(&format!("q{:.0}", 100.0 * level), "", values));
    }
    let (title, caption) = ("Intervals".to_owned(), caption.to_owned());
    Some(Drawn { figure, table: Table::new(table), title, caption })
}

/// All chains together, then some of them one by one.
fn intervals(unknown: &Unknown) -> Vec<Interval> {
    let of =
        |label: String, chain, draws: Vec<f64>| Interval { label, chain, values: quantiles(draws) };
    let mut out = vec![of(unknown.name.clone(), None, unknown.chains.concat())];
    if unknown.chains.len() > 1 {
        let one = |c: usize| of(format!("chain {}", c + 1), Some(c), unknown.chains[c].clone());
        out.extend(chosen(unknown).into_iter().map(one));
    }
    out
}

fn quantiles(mut draws: Vec<f64>) -> [f64; 5] {
    draws.retain(|v| v.is_finite());
    draws.sort_by(f64::total_cmp);
    LEVELS.map(|level| {
        let place = level * draws.len().saturating_sub(1) as f64;
        let (below, part) = (place as usize, place.fract());
        match (draws.get(below), draws.get(below + 1)) {
            (Some(a), Some(b)) => a + part * (b - a),
            (Some(a), None) => *a,
            _ => f64::NAN,
        }
    })
}

/// Place of a value between the ends of the box.
fn place(unknown: &Unknown, value: f64) -> f64 {
    let (low, high) = unknown.estimate.range.unwrap_or((0.0, 1.0));
    if unknown.estimate.scale == "log" && low > 0.0 {
        (value / low).ln() / (high / low).ln()
    } else {
        (value - low) / (high - low)
    }
}

/// Marks of a line of the figure; `to` maps values to the horizontal axis.
fn marks(line: &Interval, row: usize, to: impl Fn(f64) -> f64) -> Vec<Mark> {
    let at = line.values.map(|v| (to(v), row as f64));
    let all = line.chain.is_none();
    let colour = if all { BLUE } else { GREY };
    let bar = |from: usize, to: usize, width: f64| Mark::Line {
        points: vec![at[from], at[to]],
        colour: colour.to_owned(),
        width,
        dash: Dash::Solid,
    };
    let (thin, thick, radius) = if all { (1.8, 5.0, 2.6) } else { (0.9, 2.4, 1.6) };
    let (points, shape) = (vec![at[2]], Shape::Disc);
    let dot = Mark::Dots { points, colour: colour.to_owned(), radius, shape };
    vec![bar(0, 4, thin), bar(1, 3, thick), dot]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_even_numbers_are_their_levels() {
        let draws: Vec<f64> = (0..=1000).rev().map(|k| f64::from(k) / 1000.0).collect();
        for (found, level) in quantiles(draws).into_iter().zip(LEVELS) {
            assert!((found - level).abs() < 1e-12);
        }
        assert!(quantiles(Vec::new()).iter().all(|q| q.is_nan()));
    }
}
