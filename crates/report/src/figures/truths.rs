//! `sbc-ranks`, `sbc-ecdf`: ranks of invented truths among the draws inferred from their data.
//!
//! Source: Talts, Betancourt, Simpson, Vehtari and Gelman (2018); Sailynoja, Bürkner and Vehtari
//! (2022) for the difference of distribution functions and its band.

use surrogate_run::{Column, Table};

use super::Drawn;
use super::chains::{reach, steps};
use crate::calibration::Check;
use crate::figure::colour::{BLUE, GREY, SKY};
use crate::figure::{Axis, Dash, Figure, Key, Mark, Panel, Shape, Swatch};

/// Bars of a histogram.
const BARS: usize = 10;
/// Draws among which a truth is ranked: ranks are 0 to this number.
const RANKED: usize = 99;
/// Most unknowns of a figure.
const MOST: usize = 12;

fn grid(name: &str, alt: String, count: usize) -> Figure {
    let mut figure = Figure::new(name, alt, vec![104.0; count.div_ceil(2)]);
    figure.columns = count.min(2);
    figure
}

fn panel(k: usize, count: usize, x: Axis, y: Axis, title: &str) -> Panel {
    let mut panel = Panel::new(k / 2, k % 2, x, y);
    panel.title = title.to_owned();
    panel.x_labels = k + 2 >= count;
    panel
}

/// Histograms of the ranks.
pub(crate) fn ranks(check: &Check) -> Option<Drawn> {
    let names = check.names();
    let names = &names[..names.len().min(MOST)];
    let total = check.ranks.len();
    if names.is_empty() || total == 0 || check.ranks.iter().any(|r| r.len() < names.len()) {
        return None;
    }
    let even = total as f64 / BARS as f64;
    let half = reach(BARS) * (even * (1.0 - 1.0 / BARS as f64)).sqrt();
    let ends = ((even - half).max(0.0), even + half);
    let alt = format!("histograms of the ranks of {total} truths, for {} unknowns", names.len());
    let mut figure = grid("sbc-ranks", alt, names.len());
    figure.legend = vec![
        Key::new(Swatch::Line(Dash::Solid), BLUE, "truths"),
        Key::new(Swatch::Fill, "#dedede", "where even ranks stay"),
    ];
    let (mut words, mut from, mut counted) = (vec![], vec![], vec![]);
    for (k, name) in names.iter().enumerate() {
        let mut counts = vec![0.0; BARS];
        check.ranks.iter().for_each(|r| counts[(r[k] * BARS / (RANKED + 1)).min(BARS - 1)] += 1.0);
        let x = Axis::linear("Rank of the truth among draws", "", [0.0, 1.0], 0.0);
        let y = Axis::from_zero("Data sets", "", counts.iter().copied().chain([ends.1]));
        let mut panel = panel(k, names.len(), x, y, name);
        let points = vec![(0.0, ends.0, ends.1), (1.0, ends.0, ends.1)];
        panel.marks.push(Mark::Area { points, colour: GREY.to_owned() });
        let (points, colour, dash) = (steps(&counts), BLUE.to_owned(), Dash::Solid);
        panel.marks.push(Mark::Line { points, colour, width: 1.6, dash });
        figure.panels.push(panel);
        words.extend(vec![name.clone(); BARS]);
        from.extend((0..BARS).map(|b| b as f64 / BARS as f64));
        counted.extend(counts);
    }
    let rows = words.len();
    let table = Table::new(vec![
        Column::words("unknown", words),
        Column::numbers("rank_from", "", from),
        Column::numbers("data_sets", "", counted),
        Column::numbers("band_low", "", vec![ends.0; rows]),
        Column::numbers("band_high", "", vec![ends.1; rows]),
    ]);
    let caption = format!(
        "Ranks of the truths of {total} invented data sets among the draws inferred from each. Where \
         posteriors are right the histogram is even: it stays in the grey band with a probability of \
         about 95 %. A hump in the middle is a posterior too wide, heaps at both ends one too narrow, \
         a slope one that is off to a side."
    );
    Some(Drawn { figure, table, title: "Ranks of the truths".to_owned(), caption })
}

/// Distribution function of the ranks less that of even ones.
pub(crate) fn ecdf(check: &Check) -> Option<Drawn> {
    let table = check.counts.as_ref()?;
    let names = check.names();
    let names = &names[..names.len().min(MOST)];
    let sets = check.summary.data_sets as f64;
    let (at, low, high) = (table.numbers("rank")?, table.numbers("low")?, table.numbers("high")?);
    if names.is_empty() || sets == 0.0 {
        return None;
    }
    let less =
        |counts: &[f64]| -> Vec<f64> { counts.iter().zip(at).map(|(c, z)| c / sets - z).collect() };
    let (low, high) = (less(low), less(high));
    let alt = format!("distribution of the ranks less the even one, for {} unknowns", names.len());
    let mut figure = grid("sbc-ecdf", alt, names.len());
    figure.legend = vec![
        Key::new(Swatch::Dot(Shape::Disc), BLUE, "truths"),
        Key::new(Swatch::Fill, "#d0e9f7", "simultaneous band"),
    ];
    let mut columns = vec![
        Column::numbers("rank", "", at.to_vec()),
        Column::numbers("low", "", low.clone()),
        Column::numbers("high", "", high.clone()),
    ];
    for (k, name) in names.iter().enumerate() {
        let off = less(table.numbers(name)?);
        let x = Axis::linear("Rank of the truth among draws", "", [0.0, 1.0], 0.0);
        let all = low.iter().chain(&high).chain(&off).copied();
        let mut panel = panel(k, names.len(), x, Axis::linear("Difference", "", all, 0.08), name);
        let band = at.iter().zip(low.iter().zip(&high)).map(|(z, (l, h))| (*z, *l, *h));
        let points = std::iter::once((0.0, 0.0, 0.0)).chain(band).collect();
        panel.marks.push(Mark::Area { points, colour: SKY.to_owned() });
        let points: Vec<(f64, f64)> = at.iter().copied().zip(off.iter().copied()).collect();
        let (colour, dash) = (BLUE.to_owned(), Dash::Solid);
        let line = std::iter::once((0.0, 0.0)).chain(points.clone()).collect();
        panel.marks.push(Mark::Line { points: line, colour, width: 1.0, dash });
        let (colour, shape) = (BLUE.to_owned(), Shape::Disc);
        panel.marks.push(Mark::Dots { points, colour, radius: 2.6, shape });
        figure.panels.push(panel);
        columns.push(Column::numbers(name, "", off));
    }
    let probability = check
        .summary
        .band_probability
        .map_or(String::new(), |p| format!(" with a probability of {:.1} %", 100.0 * p));
    let caption = format!(
        "Share of truths up to a rank, less the rank. The ranks of right posteriors stay in the band \
         at all places at once{probability}."
    );
    let (title, table) = ("Ranks against even ones".to_owned(), Table::new(columns));
    Some(Drawn { figure, table, title, caption })
}
