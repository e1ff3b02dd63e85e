//! Figures as plain values, and their SVG.
//!
//! A small writer of our own: panels of one column share their left edge, difference panels stand
//! under their curves, legends stand above the data and never on it, ticks are equally precise,
//! and the text is text. Everything is drawn in dark ink on a white card, so that it reads the
//! same on a light page, on a dark page and in print.

pub(crate) mod axis;
pub(crate) mod colour;
mod draw;
pub(crate) mod text;

pub(crate) use axis::Axis;

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dash {
    /// Without gaps.
    Solid,
    /// With gaps.
    Dashed,
}

/// Shape of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Circle with a white inside.
    Ring,
    /// Filled circle.
    Disc,
}

/// Where a label stands, seen from its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// To the right.
    Right,
    /// To the left.
    Left,
    /// Above.
    Above,
    /// Above and to the left.
    AboveLeft,
    /// Below and to the right.
    BelowRight,
    /// On it.
    Centre,
}

/// Something drawn in a panel, in the units of its axes.
#[derive(Debug, Clone)]
pub(crate) enum Mark {
    /// A line through points; it is broken at points that are not numbers.
    Line { points: Vec<(f64, f64)>, colour: String, width: f64, dash: Dash },
    /// Markers at points.
    Dots { points: Vec<(f64, f64)>, colour: String, radius: f64, shape: Shape },
    /// A filled rectangle.
    Cell { x: (f64, f64), y: (f64, f64), colour: String },
    /// Many small points, of this size (px), that shine through each other.
    Specks { points: Vec<(f64, f64)>, colour: String, size: f64 },
    /// A pale area between two lines: place, lower and upper end.
    Area { points: Vec<(f64, f64, f64)>, colour: String },
    /// A vertical band over the whole height with a name at the top.
    Band { x: (f64, f64), colour: String, label: String },
    /// A vertical line over the whole height with a name at the top; at minus infinity the name
    /// stands at the left edge without a line.
    Upright { x: f64, label: String },
    /// A horizontal line over the whole width with a name at the left end.
    Level { y: f64, label: String },
    /// A horizontal bar from zero at category `row`, its standard uncertainty, and a label.
    Bar { row: usize, value: f64, sigma: Option<f64>, colour: String, label: String },
    /// Text beside a place.
    Note { x: f64, y: f64, text: String, side: Side },
}

/// A plot area with its axes.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    /// Row of the figure, from the top.
    pub row: usize,
    /// Column of the figure, from the left.
    pub column: usize,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Contents, the first at the back.
    pub marks: Vec<Mark>,
    /// Short title above the panel; empty for none.
    pub title: String,
    /// Whether the horizontal axis has numbers and a label.
    pub x_labels: bool,
    /// Whether the vertical axis has numbers and a label.
    pub y_labels: bool,
    /// Whether the vertical axis has ticks and grid lines.
    pub y_ticks: bool,
}

impl Panel {
    /// A panel with labels on both axes.
    pub(crate) fn new(row: usize, column: usize, x: Axis, y: Axis) -> Self {
        let title = String::new();
        let (x_labels, y_labels, y_ticks) = (true, true, true);
        Self { row, column, x, y, marks: Vec::new(), title, x_labels, y_labels, y_ticks }
    }
}

/// How an entry of the legend looks.
#[derive(Debug, Clone)]
pub(crate) enum Swatch {
    /// A line.
    Line(Dash),
    /// A marker.
    Dot(Shape),
    /// A filled square.
    Fill,
}

/// An entry of the legend.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// Sign.
    pub swatch: Swatch,
    /// Colour.
    pub colour: String,
    /// Text.
    pub label: String,
}

impl Key {
    /// An entry of the legend.
    pub(crate) fn new(swatch: Swatch, colour: &str, label: impl Into<String>) -> Self {
        Self { swatch, colour: colour.to_owned(), label: label.into() }
    }
}

/// A figure.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// Name of its files, such as `voltage-curve`.
    pub name: String,
    /// Text for those who cannot see it.
    pub alt: String,
    /// Width, px.
    pub width: f64,
    /// Heights of the rows of panels, px.
    pub rows: Vec<f64>,
    /// Number of columns of panels.
    pub columns: usize,
    /// The panels.
    pub panels: Vec<Panel>,
    /// The legend.
    pub legend: Vec<Key>,
    /// Axis of the colour bar at the right.
    pub colour_bar: Option<Axis>,
}

impl Figure {
    /// Width of a figure over the whole page, px.
    pub(crate) const WIDTH: f64 = 720.0;

    /// A figure over the whole width with one column.
    pub(crate) fn new(name: impl Into<String>, alt: impl Into<String>, rows: Vec<f64>) -> Self {
        Self {
            name: name.into(),
            alt: alt.into(),
            width: Self::WIDTH,
            rows,
            columns: 1,
            panels: Vec::new(),
            legend: Vec::new(),
            colour_bar: None,
        }
    }

    /// The SVG text.
    pub(crate) fn svg(&self) -> String {
        draw::svg(self)
    }
}

/// At most about `most` points that keep the least and the greatest value of each stretch.
pub(crate) fn thinned(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if points.len() <= most {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil((most / 2).max(1));
    let mut kept = Vec::with_capacity(most + 2);
    kept.push(points[0]);
    for part in points.chunks(stretch) {
        let by = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        if let (Some(low), Some(high)) = (part.iter().min_by(by), part.iter().max_by(by)) {
            let (first, second) = if low.0 <= high.0 { (low, high) } else { (high, low) };
            kept.push(*first);
            kept.push(*second);
        }
    }
    kept.push(points[points.len() - 1]);
    kept.dedup();
    kept
}

/// About `count` points, evenly spread by index and shifted by `shift` (a part of the distance).
pub(crate) fn sampled(points: &[(f64, f64)], count: usize, shift: f64) -> Vec<(f64, f64)> {
    if points.len() <= count || count == 0 {
        return points.to_vec();
    }
    let distance = (points.len() - 1) as f64 / count as f64;
    (0..count).map(|k| points[((k as f64 + shift) * distance).round() as usize]).collect()
}
