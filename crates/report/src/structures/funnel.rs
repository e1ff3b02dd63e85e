//! Structures that are left after each step.

use surrogate_run::{Column, Table};

use crate::figure::colour::BLUE;
use crate::figure::{Axis, Figure, Mark, Panel};
use crate::figures::Drawn;

/// Height of a bar, px.
const LINE: f64 = 24.0;

/// A bar a step; nothing if there are none.
pub(crate) fn draw(steps: &[(String, usize)], caption: &str) -> Option<Drawn> {
    if steps.is_empty() {
        return None;
    }
    let names: Vec<String> = steps.iter().map(|(name, _)| name.clone()).collect();
    let counts: Vec<f64> = steps.iter().map(|(_, count)| *count as f64).collect();
    let alt = "number of structures after each step".to_owned();
    let mut figure = Figure::new("funnel", alt, vec![LINE * names.len() as f64 + 8.0]);
    let x = Axis::from_zero("Structures", "", counts.iter().map(|c| c * 1.1));
    let mut panel = Panel::new(0, 0, x, Axis::categories(names.clone()));
    let bar = |(row, &value): (usize, &f64)| Mark::Bar {
        row,
        value,
        sigma: None,
        colour: BLUE.to_owned(),
        label: format!("{value}"),
    };
    panel.marks = counts.iter().enumerate().map(bar).collect();
    figure.panels = vec![panel];
    let table =
        Table::new(vec![Column::words("step", names), Column::numbers("structures", "", counts)]);
    let (title, caption) = ("Validity".to_owned(), caption.to_owned());
    Some(Drawn { figure, table, title, caption })
}
