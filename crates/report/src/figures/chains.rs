//! `trace` and `ranks`: have the chains of a calibration found the same posterior?
//!
//! Source: Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021) for ranks in place of values.

use surrogate_run::{Column, Table};

use super::Drawn;
use crate::calibration::{Unknown, label};
use crate::figure::colour::{GREY, series};
use crate::figure::text::pretty_unit;
use crate::figure::{Axis, Dash, Figure, Key, Mark, Panel, Swatch, sampled};

/// Most chains that are drawn.
const MOST_CHAINS: usize = 6;
/// Most unknowns of a figure.
const MOST_UNKNOWNS: usize = 12;
/// Points of a chain in the trace.
const TRACE_POINTS: usize = 400;
/// Bars of a histogram of ranks.
const BARS: usize = 20;
/// Probability that all counts of even ranks lie in their band.
const BAND: f64 = 0.95;

/// At most [`MOST_CHAINS`] chains, evenly chosen, with their numbers.
pub(super) fn chosen(unknown: &Unknown) -> Vec<usize> {
    let count = unknown.chains.len();
    let most = count.min(MOST_CHAINS);
    (0..most).map(|k| k * count / most.max(1)).collect()
}

fn legend(unknown: &Unknown) -> Vec<Key> {
    let key = |(place, chain): (usize, usize)| {
        Key::new(Swatch::Line(Dash::Solid), series(place), format!("chain {}", chain + 1))
    };
    chosen(unknown).into_iter().enumerate().map(key).collect()
}

/// ` (6 of 64 chains)` where not all are drawn.
fn left_out(unknown: &Unknown) -> String {
    let (shown, all) = (chosen(unknown).len(), unknown.chains.len());
    if shown < all { format!(" ({shown} of {all} chains, evenly chosen)") } else { String::new() }
}

fn drawable(unknowns: &[Unknown]) -> Vec<&Unknown> {
    let some = |u: &&Unknown| u.chains.iter().all(|c| c.len() > 1) && !u.chains.is_empty();
    unknowns.iter().filter(some).take(MOST_UNKNOWNS).collect()
}

/// Draws of each unknown in their order, chains over one another.
pub(crate) fn trace(unknowns: &[Unknown]) -> Option<Drawn> {
    let list = drawable(unknowns);
    let first = list.first()?;
    let draws = first.chains[0].len();
    let alt = format!("draws of {} unknowns in their order, chains over one another", list.len());
    let mut figure = Figure::new("trace", alt, vec![78.0; list.len()]);
    figure.legend = legend(first);
    let x = Axis::linear("Draw", "", [0.0, draws as f64], 0.0);
    for (row, unknown) in list.iter().enumerate() {
        let unit = pretty_unit(&unknown.estimate.unit);
        let all = chosen(unknown).into_iter().flat_map(|c| unknown.chains[c].iter().copied());
        let mut panel =
            Panel::new(row, 0, x.clone(), Axis::linear(&unknown.name, &unit, all, 0.03));
        panel.x_labels = row + 1 == list.len();
        for (place, chain) in chosen(unknown).into_iter().enumerate() {
            let values = unknown.chains[chain].iter().enumerate();
            let points: Vec<(f64, f64)> = values.map(|(k, v)| (k as f64, *v)).collect();
            let points = sampled(&points, TRACE_POINTS, 0.0);
            let (colour, dash) = (series(place).to_owned(), Dash::Solid);
            panel.marks.push(Mark::Line { points, colour, width: 0.7, dash });
        }
        figure.panels.push(panel);
    }
    let caption = format!(
        "Draws in their order{}{}. Chains that mix lie on one another and look alike from beginning \
         to end.",
        left_out(first),
        if draws > TRACE_POINTS {
            format!(", {TRACE_POINTS} of {draws} a chain")
        } else {
            String::new()
        }
    );
    let table = trace_table(&list, draws);
    Some(Drawn { figure, table, title: "Traces".to_owned(), caption })
}

/// One row a draw of the chains drawn.
fn trace_table(list: &[&Unknown], draws: usize) -> Table {
    let chains = chosen(list[0]);
    let each = |f: &dyn Fn(usize, usize) -> f64| {
        chains.iter().flat_map(|&c| (0..draws).map(move |d| (c, d))).map(|(c, d)| f(c, d)).collect()
    };
    let mut columns = vec![
        Column::numbers("chain", "", each(&|c, _| c as f64)),
        Column::numbers("draw", "", each(&|_, d| d as f64)),
    ];
    for unknown in list {
        let value = |c: usize, d: usize| {
            unknown.chains.get(c).and_then(|chain| chain.get(d)).copied().unwrap_or(f64::NAN)
        };
        columns.push(Column::numbers(&unknown.name, &unknown.estimate.unit, each(&value)));
    }
    Table::new(columns)
}

/// Histograms of the ranks that each chain's draws have among all draws.
pub(crate) fn ranks(unknowns: &[Unknown]) -> Option<Drawn> {
    let list: Vec<&Unknown> =
        drawable(unknowns).into_iter().filter(|u| u.chains.len() > 1).collect();
    let first = list.first()?;
    let alt = format!("histograms of the ranks of {} unknowns, chain by chain", list.len());
    let rows = list.len().div_ceil(2);
    let mut figure = Figure::new("ranks", alt, vec![96.0; rows]);
    figure.columns = list.len().min(2);
    figure.legend = legend(first);
    figure.legend.push(Key::new(Swatch::Fill, "#dedede", "where even ranks stay"));
    let (mut names, mut numbers, mut bars, mut counted) = (vec![], vec![], vec![], vec![]);
    let (mut low, mut high) = (vec![], vec![]);
    for (k, unknown) in list.iter().enumerate() {
        let counts = rank_counts(&unknown.chains);
        let (even, half) = band(unknown);
        let shown = chosen(unknown);
        let most = shown.iter().flat_map(|&c| &counts[c]).copied().chain([even + half]);
        let x = Axis::linear("Rank among all draws", "", [0.0, 1.0], 0.0);
        let mut panel = Panel::new(k / 2, k % 2, x, Axis::from_zero("Draws", "", most));
        panel.title = label(unknown);
        panel.x_labels = k + 2 >= list.len();
        let ends = ((even - half).max(0.0), even + half);
        let points = vec![(0.0, ends.0, ends.1), (1.0, ends.0, ends.1)];
        panel.marks.push(Mark::Area { points, colour: GREY.to_owned() });
        for (place, &chain) in shown.iter().enumerate() {
            let (points, dash) = (steps(&counts[chain]), Dash::Solid);
            let colour = series(place).to_owned();
            panel.marks.push(Mark::Line { points, colour, width: 1.3, dash });
            for (bar, count) in counts[chain].iter().enumerate() {
                names.push(unknown.name.clone());
                numbers.push(chain as f64);
                bars.push(bar as f64 / BARS as f64);
                counted.push(*count);
                low.push(ends.0);
                high.push(ends.1);
            }
        }
        figure.panels.push(panel);
    }
    let caption = format!(
        "How each chain's draws rank among those of all chains{}. Chains that found the same \
         posterior have even histograms, which stay in the grey band all over with a probability of \
         about {:.0} %, for as many draws as they are worth (bulk ESS). Bars above or below it on \
         one side are chains that sit elsewhere.",
        left_out(first),
        100.0 * BAND
    );
    let table = Table::new(vec![
        Column::words("unknown", names),
        Column::numbers("chain", "", numbers),
        Column::numbers("rank_from", "", bars),
        Column::numbers("draws", "", counted),
        Column::numbers("band_low", "", low),
        Column::numbers("band_high", "", high),
    ]);
    Some(Drawn { figure, table, title: "Ranks".to_owned(), caption })
}

/// Counts of each chain's draws by their rank among all, `[chain][bar]`.
fn rank_counts(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let values = chains.iter().enumerate();
    let mut all: Vec<(f64, usize)> =
        values.flat_map(|(c, chain)| chain.iter().map(move |v| (*v, c))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut counts = vec![vec![0.0; BARS]; chains.len()];
    for (rank, (_, chain)) in all.iter().enumerate() {
        counts[*chain][rank * BARS / all.len()] += 1.0;
    }
    counts
}

/// Count that is expected of a bar, and half the width of the band around it: counts of a chain's
/// draws are hypergeometric, and correlated draws count for fewer than they are.
fn band(unknown: &Unknown) -> (f64, f64) {
    let chains = unknown.chains.len() as f64;
    let draws = unknown.chains[0].len() as f64;
    let worth = unknown.estimate.ess_bulk.filter(|e| *e > 0.0).unwrap_or(chains * draws);
    let repeats = (chains * draws / worth).max(1.0);
    let share = 1.0 / BARS as f64;
    let variance = draws * share * (1.0 - share) * (1.0 - 1.0 / chains) * repeats;
    (draws * share, reach(BARS * unknown.chains.len()) * variance.sqrt())
}

/// Standard deviations within which `count` normal numbers stay all together with probability
/// [`BAND`] or a little more: each may leave with an equal part of the rest, and the tail of a
/// normal beyond `z` is below `exp(-z²/2) / (z sqrt(2 pi))`.
pub(super) fn reach(count: usize) -> f64 {
    let each = (1.0 - BAND) / count.max(1) as f64;
    let tail = |z: f64| 2.0 * (-0.5 * z * z).exp() / (z * std::f64::consts::TAU.sqrt());
    let (mut low, mut high) = (0.5, 12.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if tail(middle) > each { low = middle } else { high = middle }
    }
    high
}

/// Corners of a histogram over 0 to 1.
pub(super) fn steps(counts: &[f64]) -> Vec<(f64, f64)> {
    let at = |k: usize| k as f64 / counts.len() as f64;
    counts.iter().enumerate().flat_map(|(k, &c)| [(at(k), c), (at(k + 1), c)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_that_sits_elsewhere_leaves_the_band_and_even_ones_do_not() {
        let chain = |shift: f64| -> Vec<f64> {
            (0..1000).map(|k| ((k * 7919) % 1000) as f64 / 1000.0 + shift).collect()
        };
        let unknown = |chains: Vec<Vec<f64>>| Unknown {
            name: "D".into(),
            estimate: crate::calibration::Estimate::default(),
            of_noise: false,
            chains,
            prior: Vec::new(),
        };
        let leaves = |u: &Unknown| {
            let (even, half) = band(u);
            rank_counts(&u.chains).concat().iter().any(|c| (c - even).abs() > half)
        };
        assert!(!leaves(&unknown(vec![chain(0.0), chain(1e-4), chain(2e-4), chain(3e-4)])));
        assert!(leaves(&unknown(vec![chain(0.0), chain(1e-4), chain(2e-4), chain(0.1)])));
    }

    #[test]
    fn the_reach_is_that_of_a_normal() {
        // 0.05 of one normal number lie beyond 1.96, a twentieth of it in each of two tails beyond 3.02
        assert!((reach(1) - 1.96).abs() < 0.11, "{}", reach(1));
        assert!((reach(20) - 3.023).abs() < 0.04, "{}", reach(20));
    }
}
