//! `pairs`: draws of each two unknowns, and on the diagonal those of each with its prior.

use surrogate_run::{Column, Table};

use super::Drawn;
use crate::calibration::Unknown;
use crate::figure::axis::{Spread, extent};
use crate::figure::colour::{BLUE, SKY, VERMILION};
use crate::figure::text::pretty_unit;
use crate::figure::{Axis, Dash, Figure, Key, Mark, Panel, Swatch};

/// Most unknowns of the figure.
const MOST: usize = 6;
/// Draws shown as points.
const POINTS: usize = 600;
/// Bars of a histogram.
const BARS: usize = 20;
/// Ratio of the greatest and least draw from which a logarithmic axis is used.
const LOG_FROM: f64 = 4.0;

/// Histogram of the draws of one unknown, and its prior in the same bars.
struct Marginal {
    edges: Vec<f64>,
    /// Share of the draws in each bar.
    shares: Vec<f64>,
    /// Share of the prior; empty where it is not known.
    prior: Vec<f64>,
}

/// The figure, if there are draws.
pub(crate) fn draw(unknowns: &[Unknown]) -> Option<Drawn> {
    let moving = |u: &&Unknown| {
        let (low, high) = extent(u.chains.iter().flatten().copied());
        high > low
    };
    let list = most_told(unknowns.iter().filter(moving).collect());
    let count = list.len();
    let draws: Vec<Vec<f64>> = list.iter().map(|u| u.chains.concat()).collect();
    let total = draws.iter().map(Vec::len).min().filter(|n| *n > 0)?;
    let most = total.min(POINTS);
    let kept: Vec<usize> = (0..most).map(|k| k * total / most).collect();
    let marginals: Vec<Marginal> = list.iter().map(|u| Marginal::of(u)).collect();
    let axes: Vec<Axis> = list.iter().zip(&marginals).map(|(u, m)| axis(u, &m.edges)).collect();
    let alt =
        format!("draws of {count} unknowns in pairs, with histograms and priors on the diagonal");
    let height = if count == 1 { 200.0 } else { (620.0 / count as f64).min(200.0) };
    let mut figure = Figure::new("pairs", alt, vec![height; count]);
    figure.columns = count;
    figure.legend = vec![
        Key::new(Swatch::Fill, SKY, "posterior"),
        Key::new(Swatch::Line(Dash::Solid), VERMILION, "prior"),
    ];
    for row in 0..count {
        for column in 0..row {
            let (x, y) = (axes[column].clone(), axes[row].clone());
            let mut panel = Panel::new(row, column, x, y);
            let points = kept.iter().map(|&k| (draws[column][k], draws[row][k])).collect();
            panel.marks.push(Mark::Specks { points, colour: BLUE.to_owned(), size: 2.6 });
            panel.x_labels = row + 1 == count;
            panel.y_labels = column == 0;
            figure.panels.push(panel);
        }
        let mut panel = marginals[row].panel(row, axes[row].clone());
        panel.x_labels = row + 1 == count;
        figure.panels.push(panel);
    }
    let left_out = match unknowns.len() - count {
        0 => String::new(),
        more => format!(", of the {count} that the data tell most of ({more} more in draws.csv)"),
    };
    let caption = format!(
        "Draws of each two unknowns ({most} of {total}){left_out}; on the diagonal the share of all \
         draws by value, and the share that the prior has there."
    );
    let table = table(&list, &draws, &kept, &marginals);
    Some(Drawn { figure, table, title: "Pairs of unknowns".to_owned(), caption })
}

/// At most [`MOST`] unknowns in their order: parameters before noise, the data telling most of them.
fn most_told(list: Vec<&Unknown>) -> Vec<&Unknown> {
    let mut order: Vec<usize> = (0..list.len()).collect();
    let told = |k: usize| list[k].estimate.contraction.unwrap_or(f64::NEG_INFINITY);
    order.sort_by(|&a, &b| {
        list[a].of_noise.cmp(&list[b].of_noise).then(told(b).total_cmp(&told(a)))
    });
    order.truncate(MOST);
    order.sort_unstable();
    order.into_iter().map(|k| list[k]).collect()
}

fn is_log(unknown: &Unknown, low: f64, high: f64) -> bool {
    unknown.estimate.scale == "log" && low > 0.0 && high > LOG_FROM * low
}

fn axis(unknown: &Unknown, edges: &[f64]) -> Axis {
    let unit = pretty_unit(&unknown.estimate.unit);
    let (low, high) = extent(edges.iter().copied());
    let mut axis = Axis::linear(&unknown.name, &unit, [low, high], 0.0);
    if is_log(unknown, low, high) {
        axis.spread = Spread::Log;
    }
    axis
}

impl Marginal {
    fn of(unknown: &Unknown) -> Self {
        let (low, high) = extent(unknown.chains.iter().flatten().copied());
        let even = |k: usize| {
            let part = k as f64 / BARS as f64;
            match is_log(unknown, low, high) {
                true => low * (high / low).powf(part),
                false => low + (high - low) * part,
            }
        };
        let every = unknown.prior.len().saturating_sub(1) / BARS;
        let known = every > 0 && unknown.prior.len() == every * BARS + 1;
        let told: Vec<(f64, f64)> = match known {
            true => unknown.prior.iter().step_by(every).copied().collect(),
            false => Vec::new(),
        };
        let edges: Vec<f64> = match known {
            true => told.iter().map(|t| t.0).collect(),
            false => (0..=BARS).map(even).collect(),
        };
        let mut shares = vec![0.0; BARS];
        let total = unknown.chains.iter().map(Vec::len).sum::<usize>() as f64;
        for value in unknown.chains.iter().flatten() {
            let bar = edges.partition_point(|e| e <= value).saturating_sub(1).min(BARS - 1);
            shares[bar] += 1.0 / total;
        }
        let prior = told.windows(2).map(|t| t[1].1 - t[0].1).collect();
        Self { edges, shares, prior }
    }

    fn panel(&self, place: usize, x: Axis) -> Panel {
        let most = self.shares.iter().chain(&self.prior).copied();
        let mut panel = Panel::new(place, place, x, Axis::from_zero("", "", most));
        panel.y_ticks = false;
        panel.y_labels = false;
        let bars = self.edges.windows(2);
        for (edge, share) in bars.zip(&self.shares) {
            let (x, y) = ((edge[0], edge[1]), (0.0, *share));
            panel.marks.push(Mark::Cell { x, y, colour: SKY.to_owned() });
        }
        let corners = self.edges.windows(2).zip(&self.prior);
        let points: Vec<(f64, f64)> = corners.flat_map(|(e, p)| [(e[0], *p), (e[1], *p)]).collect();
        if !points.is_empty() {
            let (colour, dash) = (VERMILION.to_owned(), Dash::Solid);
            panel.marks.push(Mark::Line { points, colour, width: 1.6, dash });
        }
        panel
    }

    fn middle(&self, bar: usize) -> f64 {
        f64::midpoint(self.edges[bar], self.edges[bar + 1])
    }
}

/// A row for each draw shown and for each bar of the histograms.
fn table(list: &[&Unknown], draws: &[Vec<f64>], kept: &[usize], marginals: &[Marginal]) -> Table {
    let words = |word: &str, count: usize| vec![word.to_owned(); count];
    let kinds = [words("draw", kept.len()), words("bar", BARS)].concat();
    let mut columns = vec![Column::words("row", kinds)];
    for ((unknown, values), marginal) in list.iter().zip(draws).zip(marginals) {
        let Unknown { name, estimate, .. } = unknown;
        let value = kept.iter().map(|&k| values[k]).chain((0..BARS).map(|b| marginal.middle(b)));
        let below = |shares: &[f64]| -> Vec<f64> {
            let bars = (0..BARS).map(|b| shares.get(b).copied().unwrap_or(f64::NAN));
            std::iter::repeat_n(f64::NAN, kept.len()).chain(bars).collect()
        };
        columns.push(Column::numbers(name, &estimate.unit, value.collect()));
        columns.push(Column::numbers(&format!("{name}_share"), "", below(&marginal.shares)));
        columns.push(Column::numbers(&format!("{name}_prior_share"), "", below(&marginal.prior)));
    }
    Table::new(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::Estimate;

    #[test]
    fn parameters_that_the_data_tell_most_of_are_kept_in_their_order() {
        let unknown = |name: &str, of_noise, contraction| Unknown {
            name: name.into(),
            estimate: Estimate { contraction: Some(contraction), ..Estimate::default() },
            of_noise,
            chains: Vec::new(),
            prior: Vec::new(),
        };
        let told = [0.9, -0.2, 0.5, 0.8, 0.1, 0.7, 0.6, 0.95];
        let mut all: Vec<Unknown> =
            told.iter().map(|c| unknown(&format!("{c}"), false, *c)).collect();
        all.push(unknown("noise", true, 1.0));
        let kept = most_told(all.iter().collect());
        let names: Vec<&str> = kept.iter().map(|u| u.name.as_str()).collect();
        assert_eq!(names, ["0.9", "0.5", "0.8", "0.7", "0.6", "0.95"]);
        assert_eq!(most_told(vec![&all[8], &all[0]]).len(), 2);
    }

    #[test]
    fn shares_of_draws_and_of_their_own_distribution_are_alike() {
        let values: Vec<f64> = (0..=4000).map(|k| f64::from(k) / 4000.0).collect();
        let prior = (0..=40).map(|k| (f64::from(k) / 40.0, f64::from(k) / 40.0)).collect();
        let unknown = Unknown {
            name: "D".into(),
            estimate: Estimate::default(),
            of_noise: false,
            chains: vec![values],
            prior,
        };
        let marginal = Marginal::of(&unknown);
        assert_eq!(marginal.prior.len(), BARS);
        for (share, prior) in marginal.shares.iter().zip(&marginal.prior) {
            assert!((share - prior).abs() < 1e-3, "{share} {prior}");
        }
        let bare = Marginal::of(&Unknown { prior: Vec::new(), ..unknown });
        assert!(bare.prior.is_empty() && (bare.shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
}
