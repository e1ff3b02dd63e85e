//! A picture of a cell with its atoms, seen obliquely without perspective.

use surrogate_run::{Column, Table};

use crate::figure::colour::{GREY, series};
use crate::figure::{Axis, Dash, Figure, Key, Mark, Panel, Shape, Swatch};
use crate::figures::Drawn;

/// Most atoms that are drawn.
const MOST: usize = 2_000;

/// Height of the panel, and its width by and large, px.
const HEIGHT: f64 = 360.0;
const WIDTH: f64 = 640.0;

/// Angles of the view: turned about the vertical, then tilted, in degrees.
const TURN: f64 = 22.0;
const TILT: f64 = 14.0;

/// The figure, from the atoms in angstrom; rows without an element are ends of the edges of the cell, two
/// for each.
pub(crate) fn draw(name: &str, atoms: &Table) -> Option<Drawn> {
    let elements = atoms.words("element")?;
    let column = |name: &str| atoms.numbers(name);
    let (x, y, z) = (column("x_angstrom")?, column("y_angstrom")?, column("z_angstrom")?);
    if elements.is_empty() || elements.len() > MOST {
        return None;
    }
    let seen: Vec<[f64; 3]> = (0..elements.len()).map(|k| view([x[k], y[k], z[k]])).collect();
    let mut names: Vec<&String> = Vec::new();
    for element in elements.iter().filter(|e| !e.is_empty()) {
        if !names.contains(&element) {
            names.push(element);
        }
    }
    // the same colours in all pictures of a search
    names.sort_unstable();
    let mut marks = Vec::new();
    let edges: Vec<usize> = (0..elements.len()).filter(|&k| elements[k].is_empty()).collect();
    for pair in edges.chunks_exact(2) {
        let points = pair.iter().map(|&k| (seen[k][0], seen[k][1])).collect();
        marks.push(Mark::Line { points, colour: GREY.to_owned(), width: 1.0, dash: Dash::Solid });
    }
    let mut order: Vec<usize> = (0..elements.len()).filter(|&k| !elements[k].is_empty()).collect();
    // the nearest last, so that they hide the others
    order.sort_by(|&i, &j| seen[i][2].total_cmp(&seen[j][2]));
    let reach = |axis: usize| {
        let values = || seen.iter().map(|p| p[axis]);
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    };
    let ((left, right), (low, high)) = (reach(0), reach(1));
    // the same scale on both axes
    let scale = ((right - left) / WIDTH).max((high - low) / HEIGHT).max(1e-6) * 1.15;
    let around = |a: f64, b: f64, pixels: f64| {
        let middle = f64::midpoint(a, b);
        [middle - 0.5 * scale * pixels, middle + 0.5 * scale * pixels]
    };
    let radius = (0.45 / scale).clamp(3.0, 16.0);
    for k in order {
        let kind = names.iter().position(|n| *n == &elements[k]).unwrap_or(0);
        let points = vec![(seen[k][0], seen[k][1])];
        let outline = Mark::Dots {
            points: points.clone(),
            colour: "#ffffff".to_owned(),
            radius: radius + 1.0,
            shape: Shape::Disc,
        };
        let colour = series(kind).to_owned();
        marks.extend([outline, Mark::Dots { points, colour, radius, shape: Shape::Disc }]);
    }
    let across = Axis::linear("Across", "Å", around(left, right, WIDTH), 0.0);
    let up = Axis::linear("Up", "Å", around(low, high, HEIGHT), 0.0);
    let mut panel = Panel::new(0, 0, across, up);
    panel.marks = marks;
    let alt = format!("unit cell with {} atoms and their images on its faces", elements.len());
    let mut figure = Figure::new(name, alt, vec![HEIGHT]);
    let key =
        |(k, name): (usize, &&String)| Key::new(Swatch::Dot(Shape::Disc), series(k), name.as_str());
    figure.legend = names.iter().enumerate().map(key).collect();
    figure.panels = vec![panel];
    let table = Table::new(vec![
        Column::words("element", elements.to_vec()),
        Column::numbers("across", "angstrom", seen.iter().map(|p| p[0]).collect()),
        Column::numbers("up", "angstrom", seen.iter().map(|p| p[1]).collect()),
        Column::numbers("depth", "angstrom", seen.iter().map(|p| p[2]).collect()),
    ]);
    let caption = "Conventional cell with its atoms, those on its faces repeated, projected without \
                   perspective from a direction between the axes; distances in the plane of the picture.";
    let (title, caption) = ("Structure".to_owned(), caption.to_owned());
    Some(Drawn { figure, table, title, caption })
}

/// Across, up and towards the eye; c points up.
fn view([x, y, z]: [f64; 3]) -> [f64; 3] {
    let (sin, cos) = TURN.to_radians().sin_cos();
    let (across, away) = (cos * y - sin * x, cos * x + sin * y);
    let (sin, cos) = TILT.to_radians().sin_cos();
    [across, cos * z - sin * away, cos * away + sin * z]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_keeps_lengths() {
        let [a, b, c] = view([1.0, 2.0, 3.0]);
        assert!((a * a + b * b + c * c - 14.0).abs() < 1e-12);
    }
}
