//! The loss of a generator, and patterns of examples.

use surrogate_run::schema::MetricsLine;
use surrogate_run::{Column, Table};

use super::VALIDATION;
use crate::figure::colour::{BLUE, INK, ORANGE, VERMILION};
use crate::figure::{Axis, Dash, Figure, Key, Mark, Panel, Swatch, thinned};
use crate::figures::Drawn;

/// Most points of a line.
const MOST: usize = 900;

/// Loss of training and of held-out crystals against steps. `tokens` of a held-out crystal bring both to nat
/// a token.
pub(super) fn loss(metrics: &[MetricsLine], tokens: Option<f64>) -> Option<Drawn> {
    let line = |of: &dyn Fn(&MetricsLine) -> Option<f64>| -> Vec<(f64, f64)> {
        let point = |line: &MetricsLine| Some((line.step as f64, of(line)?));
        metrics.iter().filter_map(point).filter(|p| p.1.is_finite()).collect()
    };
    let train = line(&|line| Some(line.loss));
    let crystal = line(&|line| line.validation.get(VALIDATION).copied());
    let token: Vec<(f64, f64)> =
        tokens.iter().flat_map(|n| crystal.iter().map(move |p| (p.0, p.1 / n))).collect();
    if train.is_empty() && crystal.is_empty() {
        return None;
    }
    let steps = || train.iter().chain(&crystal).map(|p| p.0);
    let x = || Axis::linear("Step", "", steps(), 0.01);
    let mark = |points: &[(f64, f64)], colour: &str, width: f64| Mark::Line {
        points: thinned(points, MOST),
        colour: colour.to_owned(),
        width,
        dash: Dash::Solid,
    };
    let values = train.iter().chain(&token).map(|p| p.1);
    let mut upper = Panel::new(0, 0, x(), Axis::linear("Loss", "nat a token", values, 0.05));
    upper.marks = vec![mark(&train, BLUE, 0.9), mark(&token, VERMILION, 1.6)];
    upper.x_labels = crystal.is_empty();
    let heights = if crystal.is_empty() { vec![220.0] } else { vec![220.0, 150.0] };
    let alt = "loss of training and of held-out crystals against steps".to_owned();
    let mut figure = Figure::new("loss", alt, heights);
    figure.panels.push(upper);
    figure.legend.push(Key::new(Swatch::Line(Dash::Solid), BLUE, "examples of training"));
    if !crystal.is_empty() {
        figure.legend.push(Key::new(Swatch::Line(Dash::Solid), VERMILION, "held-out crystals"));
        let y = Axis::linear("Loss", "nat a crystal", crystal.iter().map(|p| p.1), 0.05);
        let mut lower = Panel::new(1, 0, x(), y);
        lower.marks = vec![mark(&crystal, VERMILION, 1.6)];
        figure.panels.push(lower);
    }
    let words = |points: &[(f64, f64)], part: &str| vec![part.to_owned(); points.len()];
    let (train_words, crystal_words) = (words(&train, "training"), words(&crystal, "held out"));
    let per_token = |n: usize| token.get(n).map_or(f64::NAN, |p| p.1);
    let table = Table::new(vec![
        Column::words("of", [train_words, crystal_words].concat()),
        Column::numbers("step", "", steps().collect()),
        Column::numbers(
            "loss",
            "nat/token",
            train.iter().map(|p| p.1).chain((0..crystal.len()).map(per_token)).collect(),
        ),
        Column::numbers(
            "loss_of_a_crystal",
            "nat",
            train.iter().map(|_| f64::NAN).chain(crystal.iter().map(|p| p.1)).collect(),
        ),
    ]);
    let caption = "Negative log-likelihood (natural logarithm) of what was to be predicted, for a token and \
                   below for a whole held-out crystal. Examples of training are changed at random, some as a \
                   laboratory would measure them; held-out crystals come with clean patterns, so that their \
                   loss may be the smaller."
        .to_owned();
    Some(Drawn { figure, table, title: "Loss".to_owned(), caption })
}

/// Patterns of a held-out crystal and of what was found, and their difference.
pub(super) fn example(number: usize, words: &str, table: &Table) -> Option<Drawn> {
    let (q, known) = (table.numbers("q_1_per_angstrom")?, table.numbers("known")?);
    let found = table.numbers("found");
    let points = |values: &[f64]| -> Vec<(f64, f64)> {
        q.iter().copied().zip(values.iter().copied()).collect()
    };
    let x = Axis::linear("Q", "1/Å", q.iter().copied(), 0.01);
    let line = |values: &[f64], colour: &str, width: f64| Mark::Line {
        points: points(values),
        colour: colour.to_owned(),
        width,
        dash: Dash::Solid,
    };
    let mut upper = Panel::new(0, 0, x.clone(), Axis::from_zero("Intensity", "", known.to_vec()));
    upper.marks.push(line(known, INK, 1.8));
    let alt = format!("patterns of example {number}");
    let heights = if found.is_some() { vec![160.0, 70.0] } else { vec![160.0] };
    let mut figure = Figure::new(format!("example-{number}"), alt, heights);
    figure.legend.push(Key::new(Swatch::Line(Dash::Solid), INK, "held-out crystal"));
    let mut panels = Vec::new();
    if let Some(found) = found {
        upper.x_labels = false;
        upper.marks.push(line(found, ORANGE, 1.0));
        figure.legend.push(Key::new(Swatch::Line(Dash::Solid), ORANGE, "what was found first"));
        let off: Vec<f64> = known.iter().zip(found).map(|(k, f)| k - f).collect();
        let y = Axis::linear("Difference", "", off.iter().copied().chain([-5.0, 5.0]), 0.08);
        let mut lower = Panel::new(1, 0, x, y);
        lower.marks.push(line(&off, INK, 1.0));
        panels.push(lower);
    }
    figure.panels = [vec![upper], panels].concat();
    let caption = "Clean patterns with peaks of one width (0.05 1/Å), the highest at 100; the crystal is one \
                   of the first held out, whatever was found."
        .to_owned();
    let title = format!("Example {number}: {words}");
    Some(Drawn { figure, table: table.clone(), title, caption })
}
