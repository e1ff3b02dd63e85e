//! From a figure to SVG: layout, axes, marks.

use std::fmt::Write as _;

use super::axis::{Axis, Spread, Ticks};
use super::colour::{GREY, INK, sequential};
use super::text::{escape, width};
use super::{Dash, Figure, Key, Mark, Panel, Shape, Side, Swatch};

const TICK_SIZE: f64 = 11.0;
const LABEL_SIZE: f64 = 12.0;
const TICK: f64 = 4.0;
/// Width of panels whose ticks stand closer together, px.
const NARROW: f64 = 210.0;
const FONT: &str = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";

/// A rectangle, px.
#[derive(Debug, Clone, Copy)]
struct Frame {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Frame {
    fn right(&self) -> f64 {
        self.left + self.width
    }

    fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// Collects elements; writing to a `String` does not fail.
struct Canvas(String);

impl Canvas {
    fn line(&mut self, from: (f64, f64), to: (f64, f64), style: &str) {
        let _ = write!(
            self.0,
            r#"<line x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}" {style}/>"#,
            from.0, from.1, to.0, to.1
        );
    }

    fn text(&mut self, at: (f64, f64), anchor: &str, size: f64, colour: &str, text: &str) {
        let _ = write!(
            self.0,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{}</text>"#,
            at.0,
            at.1,
            escape(text)
        );
    }

    fn upright_text(&mut self, at: (f64, f64), text: &str) {
        let _ = write!(
            self.0,
            r#"<text transform="translate({:.1} {:.1}) rotate(-90)" text-anchor="middle" font-size="{LABEL_SIZE}" fill="{INK}">{}</text>"#,
            at.0,
            at.1,
            escape(text)
        );
    }

    fn rect(&mut self, x: f64, y: f64, w: f64, h: f64, style: &str) {
        let _ = write!(
            self.0,
            r#"<rect x="{x:.2}" y="{y:.2}" width="{w:.2}" height="{h:.2}" {style}/>"#
        );
    }

    fn dot(&mut self, at: (f64, f64), radius: f64, colour: &str, shape: Shape) {
        let style = match shape {
            Shape::Ring => format!(r##"fill="#ffffff" stroke="{colour}" stroke-width="1.3""##),
            Shape::Disc => format!(r##"fill="{colour}" stroke="#ffffff" stroke-width="0.6""##),
        };
        let _ =
            write!(self.0, r#"<circle cx="{:.1}" cy="{:.1}" r="{radius}" {style}/>"#, at.0, at.1);
    }
}

fn dash_style(dash: Dash) -> &'static str {
    match dash {
        Dash::Solid => "",
        Dash::Dashed => r#" stroke-dasharray="6 3""#,
    }
}

struct Placed<'a> {
    panel: &'a Panel,
    frame: Frame,
    x: Ticks,
    y: Ticks,
}

pub(super) fn svg(figure: &Figure) -> String {
    let legend_rows = legend_rows(figure);
    let (placed, height) = layout(figure, legend_rows.len());
    let mut canvas = Canvas(String::with_capacity(16_384));
    let _ = write!(
        canvas.0,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {height:.0}" width="{w}" height="{height:.0}" role="img" aria-label="{alt}" font-family="{FONT}"><title>{alt}</title><rect width="100%" height="100%" fill="#ffffff"/>"##,
        w = figure.width,
        alt = escape(&figure.alt),
    );
    for (row, keys) in legend_rows.iter().enumerate() {
        let y = 18.0 + 19.0 * row as f64;
        for (x, key) in keys {
            draw_key(&mut canvas, *x, y, key);
        }
    }
    for (index, placed) in placed.iter().enumerate() {
        draw_panel(&mut canvas, placed, &format!("{}-{index}", figure.name));
        canvas.0.push('\n');
    }
    if let Some(axis) = &figure.colour_bar {
        let top = placed.iter().map(|p| p.frame.top).fold(f64::INFINITY, f64::min);
        let bottom = placed.iter().map(|p| p.frame.bottom()).fold(0.0, f64::max);
        let right = placed.iter().map(|p| p.frame.right()).fold(0.0, f64::max);
        let height = (bottom - top).min(280.0);
        draw_colour_bar(&mut canvas, axis, Frame { left: right + 22.0, top, width: 14.0, height });
    }
    canvas.0.push_str("</svg>\n");
    canvas.0
}

/// Rows of legend entries with their left edges.
fn legend_rows(figure: &Figure) -> Vec<Vec<(f64, &Key)>> {
    let mut rows: Vec<Vec<(f64, &Key)>> = Vec::new();
    let start = 16.0;
    let mut x = f64::INFINITY;
    for key in &figure.legend {
        let wide = sign_width(&key.swatch) + 6.0 + width(&key.label, LABEL_SIZE) + 14.0;
        if x + wide > figure.width {
            rows.push(Vec::new());
            x = start;
        }
        if let Some(row) = rows.last_mut() {
            row.push((x, key));
        }
        x += wide;
    }
    rows
}

fn sign_width(swatch: &Swatch) -> f64 {
    match swatch {
        Swatch::Line(_) => 24.0,
        Swatch::Dot(_) => 9.0,
        Swatch::Fill => 12.0,
    }
}

fn most_ticks(length: f64, room: f64) -> usize {
    (length / room).round().max(2.0) as usize
}

fn layout(figure: &Figure, legend_rows: usize) -> (Vec<Placed<'_>>, f64) {
    let columns = figure.columns.max(1);
    let y_ticks = |panel: &Panel| {
        if !panel.y_ticks {
            return Ticks { major: Vec::new(), minor: Vec::new(), label: panel.y.name.clone() };
        }
        let height = figure.rows.get(panel.row).copied().unwrap_or(200.0);
        panel.y.ticks(most_ticks(height, 40.0).max(4))
    };
    let left = |column: usize| -> f64 {
        let of_panel = |panel: &Panel| {
            let ticks = y_ticks(panel);
            let widths = ticks.major.iter().map(|(_, text)| width(text, TICK_SIZE));
            let height = figure.rows.get(panel.row).copied().unwrap_or(200.0);
            let name = match wrapped(&ticks.label, height).len() {
                0 => 4.0,
                lines => 11.0 + 15.0 * lines as f64,
            };
            if panel.y_labels { widths.fold(0.0, f64::max) + TICK + 4.0 + name } else { 14.0 }
        };
        let panels = figure.panels.iter().filter(|p| p.column == column);
        panels.map(of_panel).fold(14.0, f64::max)
    };
    let lefts: Vec<f64> = (0..columns).map(left).collect();
    let bar = if figure.colour_bar.is_some() { 96.0 } else { 0.0 };
    let free = figure.width - bar - 18.0 - lefts.iter().sum::<f64>() - 10.0 * (columns - 1) as f64;
    let panel_width = free / columns as f64;

    let mut top = if legend_rows > 0 { 14.0 + 19.0 * legend_rows as f64 } else { 8.0 };
    let mut placed = Vec::new();
    for (row, &height) in figure.rows.iter().enumerate() {
        let in_row = || figure.panels.iter().filter(move |p| p.row == row);
        top += if in_row().any(|p| !p.title.is_empty()) { 22.0 } else { 8.0 };
        if in_row().any(has_labels_on_top) {
            top += 12.0;
        }
        for panel in in_row() {
            let before: f64 = lefts[..panel.column].iter().sum();
            let column = panel.column as f64;
            let left = before + lefts[panel.column] + column * (panel_width + 10.0);
            let frame = Frame { left, top, width: panel_width, height };
            let room = if panel_width < NARROW { 40.0 } else { 82.0 };
            let x = panel.x.ticks(most_ticks(panel_width, room));
            placed.push(Placed { panel, frame, x, y: y_ticks(panel) });
        }
        top += height + if in_row().any(|p| p.x_labels) { 44.0 } else { 6.0 };
    }
    (placed, top + 2.0)
}

/// A label in one line, or in two where one is longer than the axis; the break stands before the
/// unit if that is enough.
fn wrapped(label: &str, length: f64) -> Vec<String> {
    if label.is_empty() {
        return Vec::new();
    }
    if width(label, LABEL_SIZE) <= length + 8.0 {
        return vec![label.to_owned()];
    }
    let split = |at: usize| vec![label[..at].to_owned(), label[at + 1..].to_owned()];
    if let Some(at) = label.rfind(" (").filter(|&at| width(&label[..at], LABEL_SIZE) <= length) {
        return split(at);
    }
    let spaces = label.match_indices(' ').map(|(at, _)| at);
    let uneven = |at: &usize| (2 * at).abs_diff(label.len());
    spaces.min_by_key(uneven).map_or_else(|| vec![label.to_owned()], split)
}

fn has_labels_on_top(panel: &Panel) -> bool {
    panel.marks.iter().any(|mark| match mark {
        Mark::Band { label, .. } | Mark::Upright { label, .. } => !label.is_empty(),
        _ => false,
    })
}

fn draw_key(canvas: &mut Canvas, x: f64, y: f64, key: &Key) {
    let colour = &key.colour;
    let middle = y - 4.0;
    match &key.swatch {
        Swatch::Line(dash) => {
            let dash = dash_style(*dash);
            let style = format!(r#"stroke="{colour}" stroke-width="1.8"{dash}"#);
            canvas.line((x, middle), (x + 24.0, middle), &style);
        }
        Swatch::Dot(shape) => canvas.dot((x + 4.5, middle), 3.6, colour, *shape),
        Swatch::Fill => {
            canvas.rect(x, middle - 6.0, 12.0, 12.0, &format!(r#"fill="{colour}""#));
        }
    }
    let left = x + sign_width(&key.swatch) + 6.0;
    canvas.text((left, y), "start", LABEL_SIZE, INK, &key.label);
}

fn draw_panel(canvas: &mut Canvas, placed: &Placed<'_>, id: &str) {
    let Placed { panel, frame, .. } = placed;
    let _ = write!(
        canvas.0,
        r#"<clipPath id="{id}"><rect x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}"/></clipPath>"#,
        frame.left, frame.top, frame.width, frame.height
    );
    // Bands lie under the grid, everything else above it.
    draw_grid(canvas, placed);
    let _ = write!(canvas.0, r#"<g clip-path="url(#{id})">"#);
    for mark in &panel.marks {
        draw_clipped(canvas, panel, frame, mark);
    }
    canvas.0.push_str("</g>");
    let mut name_end = frame.left - 10.0;
    for mark in &panel.marks {
        draw_unclipped(canvas, panel, frame, mark, &mut name_end);
    }
    draw_axes(canvas, placed);
}

fn draw_grid(canvas: &mut Canvas, placed: &Placed<'_>) {
    let Placed { panel, frame, y, x } = placed;
    let style = r##"stroke="#ececec" stroke-width="1""##;
    if panel.y.categories.is_empty() {
        for (value, _) in &y.major {
            if let Some(at) = place_y(panel, frame, *value) {
                canvas.line((frame.left, at), (frame.right(), at), style);
            }
        }
    } else {
        for (value, _) in &x.major {
            if let Some(at) = place_x(panel, frame, *value) {
                canvas.line((at, frame.top), (at, frame.bottom()), style);
            }
        }
    }
}

fn place_x(panel: &Panel, frame: &Frame, value: f64) -> Option<f64> {
    Some(frame.left + panel.x.fraction(value)? * frame.width)
}

fn place_y(panel: &Panel, frame: &Frame, value: f64) -> Option<f64> {
    Some(frame.bottom() - panel.y.fraction(value)? * frame.height)
}

fn place(panel: &Panel, frame: &Frame, point: (f64, f64)) -> Option<(f64, f64)> {
    let at = (place_x(panel, frame, point.0)?, place_y(panel, frame, point.1)?);
    // Far outside is as good as just outside, and keeps the file small.
    Some((at.0.clamp(-1e4, 1e4), at.1.clamp(-1e4, 1e4)))
}

fn draw_specks(
    canvas: &mut Canvas,
    panel: &Panel,
    frame: &Frame,
    points: &[(f64, f64)],
    colour: &str,
    size: f64,
) {
    let mut path = String::new();
    for (x, y) in points.iter().filter_map(|&point| place(panel, frame, point)) {
        let _ = write!(path, "M{x:.1} {y:.1}h0");
    }
    let _ = write!(
        canvas.0,
        r#"<path d="{path}" fill="none" stroke="{colour}" stroke-opacity="0.45" stroke-width="{size}" stroke-linecap="round"/>"#
    );
}

fn draw_area(
    canvas: &mut Canvas,
    panel: &Panel,
    frame: &Frame,
    points: &[(f64, f64, f64)],
    colour: &str,
) {
    let ends = |end: fn(&(f64, f64, f64)) -> f64| {
        points.iter().filter_map(move |p| place(panel, frame, (p.0, end(p))))
    };
    let upper = ends(|p| p.2);
    let lower: Vec<(f64, f64)> = ends(|p| p.1).collect();
    let outline = upper.chain(lower.into_iter().rev());
    let corners: Vec<String> = outline.map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    if !corners.is_empty() {
        let path = corners.join("L");
        let _ = write!(canvas.0, r#"<path d="M{path}Z" fill="{colour}" fill-opacity="0.22"/>"#);
    }
}

fn draw_clipped(canvas: &mut Canvas, panel: &Panel, frame: &Frame, mark: &Mark) {
    match mark {
        Mark::Line { points, colour, width, dash } => {
            let mut path = String::new();
            let mut pen_down = false;
            for &point in points {
                match place(panel, frame, point) {
                    Some((x, y)) => {
                        let _ = write!(path, "{}{x:.1} {y:.1}", if pen_down { "L" } else { "M" });
                        pen_down = true;
                    }
                    None => pen_down = false,
                }
            }
            let _ = write!(
                canvas.0,
                r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round"{}/>"#,
                dash_style(*dash)
            );
        }
        Mark::Cell { x, y, colour } => {
            let corners = (place(panel, frame, (x.0, y.0)), place(panel, frame, (x.1, y.1)));
            if let (Some(a), Some(b)) = corners {
                // A hair wider, so that no seam shows between neighbours.
                let style = format!(r#"fill="{colour}""#);
                let (w, h) = ((b.0 - a.0).abs() + 0.4, (b.1 - a.1).abs() + 0.4);
                canvas.rect(a.0.min(b.0), a.1.min(b.1), w, h, &style);
            }
        }
        Mark::Specks { points, colour, size } => {
            draw_specks(canvas, panel, frame, points, colour, *size);
        }
        Mark::Area { points, colour } => draw_area(canvas, panel, frame, points, colour),
        Mark::Band { x, colour, .. } => {
            if let (Some(a), Some(b)) = (place_x(panel, frame, x.0), place_x(panel, frame, x.1)) {
                let style = format!(r#"fill="{colour}" fill-opacity="0.13""#);
                canvas.rect(a, frame.top, (b - a).max(0.0), frame.height, &style);
            }
        }
        Mark::Upright { x, .. } => {
            if let Some(at) = place_x(panel, frame, *x) {
                let style = format!(r#"stroke="{GREY}" stroke-width="0.9" stroke-dasharray="2 3""#);
                canvas.line((at, frame.top), (at, frame.bottom()), &style);
            }
        }
        Mark::Level { y, .. } => {
            if let Some(at) = place_y(panel, frame, *y) {
                let style = format!(r#"stroke="{GREY}" stroke-width="0.9" stroke-dasharray="2 3""#);
                canvas.line((frame.left, at), (frame.right(), at), &style);
            }
        }
        Mark::Bar { row, value, colour, .. } => {
            let ends = (place(panel, frame, (0.0, *row as f64)), place_x(panel, frame, *value));
            if let (Some((left, y)), Some(right)) = ends {
                let half = 0.34 * frame.height / panel.y.categories.len().max(1) as f64;
                let half = half.min(11.0);
                let style = format!(r#"fill="{colour}""#);
                canvas.rect(left, y - half, (right - left).max(0.8), 2.0 * half, &style);
            }
        }
        Mark::Dots { .. } | Mark::Note { .. } => {}
    }
}

fn draw_unclipped(
    canvas: &mut Canvas,
    panel: &Panel,
    frame: &Frame,
    mark: &Mark,
    name_end: &mut f64,
) {
    match mark {
        Mark::Dots { points, colour, radius, shape } => {
            let inside = |at: &(f64, f64)| {
                at.0 >= frame.left - 1.0
                    && at.0 <= frame.right() + 1.0
                    && at.1 >= frame.top - 1.0
                    && at.1 <= frame.bottom() + 1.0
            };
            let places = points.iter().filter_map(|&point| place(panel, frame, point));
            for at in places.filter(inside) {
                canvas.dot(at, *radius, colour, *shape);
            }
        }
        Mark::Band { x, label, .. } => name_on_top(canvas, panel, frame, x.0, label, name_end),
        Mark::Upright { x, label } => name_on_top(canvas, panel, frame, *x, label, name_end),
        Mark::Level { y, label } => {
            if let Some(at) = place_y(panel, frame, *y) {
                canvas.text((frame.left + 6.0, at - 5.0), "start", TICK_SIZE, GREY, label);
            }
        }
        Mark::Bar { row, value, sigma, label, .. } => {
            let Some((mut x, y)) = place(panel, frame, (*value, *row as f64)) else { return };
            if let Some(sigma) = sigma.filter(|sigma| *sigma > 0.0) {
                let ends = (
                    place_x(panel, frame, (value - sigma).max(0.0)),
                    place_x(panel, frame, value + sigma),
                );
                if let (Some(low), Some(high)) = ends {
                    let style = format!(r#"stroke="{INK}" stroke-width="1""#);
                    canvas.line((low, y), (high, y), &style);
                    canvas.line((low, y - 3.0), (low, y + 3.0), &style);
                    canvas.line((high, y - 3.0), (high, y + 3.0), &style);
                    x = x.max(high);
                }
            }
            canvas.text((x + 6.0, y + 4.0), "start", TICK_SIZE, INK, label);
        }
        Mark::Note { x, y, text, side } => {
            if let Some(at) = place(panel, frame, (*x, *y)) {
                let (shift, anchor) = match side {
                    Side::Right => ((8.0, 4.0), "start"),
                    Side::Left => ((-8.0, 4.0), "end"),
                    Side::Above => ((0.0, -9.0), "middle"),
                    Side::AboveLeft => ((4.0, -11.0), "end"),
                    Side::BelowRight => ((6.0, 18.0), "start"),
                    Side::Centre => ((0.0, 4.0), "middle"),
                };
                // A white halo keeps the text readable where it crosses a line.
                let _ = write!(
                    canvas.0,
                    r##"<text x="{:.1}" y="{:.1}" text-anchor="{anchor}" font-size="{TICK_SIZE}" fill="{INK}" stroke="#ffffff" stroke-width="3" paint-order="stroke">{}</text>"##,
                    at.0 + shift.0,
                    at.1 + shift.1,
                    escape(text)
                );
            }
        }
        Mark::Line { .. } | Mark::Cell { .. } | Mark::Specks { .. } | Mark::Area { .. } => {}
    }
}

/// A name above the frame, unless it would run into the one before; minus infinity is the left
/// edge.
fn name_on_top(
    canvas: &mut Canvas,
    panel: &Panel,
    frame: &Frame,
    value: f64,
    label: &str,
    name_end: &mut f64,
) {
    let at =
        if value == f64::NEG_INFINITY { Some(frame.left) } else { place_x(panel, frame, value) };
    let Some(x) = at.map(|x| x.max(frame.left)) else { return };
    let end = x + width(label, TICK_SIZE);
    if label.is_empty() || x < *name_end + 6.0 || end > frame.right() + 14.0 {
        return;
    }
    *name_end = end;
    canvas.text((x, frame.top - 5.0), "start", TICK_SIZE, GREY, label);
}

fn draw_axes(canvas: &mut Canvas, placed: &Placed<'_>) {
    let Placed { panel, frame, x, y } = placed;
    let style = format!(r#"stroke="{INK}" stroke-width="1""#);
    let (left, bottom) = (frame.left, frame.bottom());
    canvas.line((left, bottom), (frame.right(), bottom), &style);
    canvas.line((left, frame.top), (left, bottom), &style);
    let inside = |at: f64, low: f64, high: f64| at >= low - 0.6 && at <= high + 0.6;
    let ticks = |ticks: &Ticks| -> Vec<(f64, Option<String>)> {
        let major = ticks.major.iter().map(|(value, text)| (*value, Some(text.clone())));
        major.chain(ticks.minor.iter().map(|&value| (value, None))).collect()
    };
    for (value, text) in ticks(x) {
        let Some(at) = place_x(panel, frame, value) else { continue };
        if !inside(at, left, frame.right()) {
            continue;
        }
        let length = if text.is_some() { TICK } else { TICK * 0.55 };
        canvas.line((at, bottom), (at, bottom + length), &style);
        if let Some(text) = text.filter(|_| panel.x_labels) {
            canvas.text((at, bottom + TICK + 12.0), "middle", TICK_SIZE, INK, &text);
        }
    }
    for (value, text) in ticks(y) {
        let Some(at) = place_y(panel, frame, value) else { continue };
        if !inside(at, frame.top, bottom) {
            continue;
        }
        let length = if text.is_some() { TICK } else { TICK * 0.55 };
        if panel.y.categories.is_empty() {
            canvas.line((left - length, at), (left, at), &style);
        }
        if let Some(text) = text.filter(|_| panel.y_labels) {
            canvas.text((left - TICK - 4.0, at + 4.0), "end", TICK_SIZE, INK, &text);
        }
    }
    if panel.x_labels {
        let middle = (left + frame.right()) / 2.0;
        canvas.text((middle, bottom + 36.0), "middle", LABEL_SIZE, INK, &x.label);
    }
    if panel.y_labels && !y.label.is_empty() {
        let widest = y.major.iter().map(|(_, text)| width(text, TICK_SIZE)).fold(0.0, f64::max);
        let at = left - TICK - 4.0 - widest - 9.0;
        let middle = (frame.top + bottom) / 2.0;
        for (line, text) in wrapped(&y.label, frame.height).iter().rev().enumerate() {
            canvas.upright_text((at - 15.0 * line as f64, middle), text);
        }
    }
    if !panel.title.is_empty() {
        let _ = write!(
            canvas.0,
            r#"<text x="{left:.1}" y="{:.1}" font-size="{LABEL_SIZE}" font-weight="600" fill="{INK}">{}</text>"#,
            frame.top - if has_labels_on_top(panel) { 20.0 } else { 7.0 },
            escape(&panel.title)
        );
    }
}

fn draw_colour_bar(canvas: &mut Canvas, axis: &Axis, frame: Frame) {
    let steps = 64;
    let high = frame.height / f64::from(steps);
    for step in 0..steps {
        let fraction = (f64::from(step) + 0.5) / f64::from(steps);
        let y = frame.bottom() - f64::from(step + 1) * high;
        let style = format!(r#"fill="{}""#, sequential(fraction));
        canvas.rect(frame.left, y, frame.width, high + 0.4, &style);
    }
    let style = format!(r#"stroke="{INK}" stroke-width="1""#);
    let ticks = axis.ticks(most_ticks(frame.height, 42.0));
    let mut widest = 0.0_f64;
    for (value, text) in &ticks.major {
        let Some(fraction) = axis.fraction(*value).filter(|f| (-1e-9..=1.0 + 1e-9).contains(f))
        else {
            continue;
        };
        let y = frame.bottom() - fraction * frame.height;
        canvas.line((frame.right(), y), (frame.right() + TICK, y), &style);
        canvas.text((frame.right() + TICK + 4.0, y + 4.0), "start", TICK_SIZE, INK, text);
        widest = widest.max(width(text, TICK_SIZE));
    }
    debug_assert!(matches!(axis.spread, Spread::Linear | Spread::Log));
    let x = frame.right() + TICK + 4.0 + widest + 16.0;
    canvas.upright_text((x, (frame.top + frame.bottom()) / 2.0), &ticks.label);
}
