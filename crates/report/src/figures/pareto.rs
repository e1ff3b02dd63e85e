//! `pareto-error-energy`: several runs by error and energy.

use surrogate_run::{Column, Table};

use super::Drawn;
use crate::figure::colour::{LIGHT_GREY, series};
use crate::figure::text::{pretty_unit, scaled_unit};
use crate::figure::{Axis, Dash, Figure, Mark, Panel, Shape, Side};

/// A run as a point.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub label: String,
    /// Energy, J.
    pub energy_j: f64,
    /// Standard uncertainty, J.
    pub sigma_j: Option<f64>,
    /// Error, in the unit of the figure.
    pub error: f64,
    /// Standard uncertainty of the error, in its unit; 0 if not known.
    pub error_sigma: f64,
}

/// Indices of the runs that no other beats in both error and energy, by energy.
pub(crate) fn front(places: &[Place]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|&a, &b| {
        let by_energy = places[a].energy_j.total_cmp(&places[b].energy_j);
        by_energy.then(places[a].error.total_cmp(&places[b].error))
    });
    let mut least = f64::INFINITY;
    order.retain(|&k| {
        let better = places[k].error < least;
        least = least.min(places[k].error);
        better
    });
    order
}

/// The figure, if at least two runs have both numbers.
pub(crate) fn draw(places: &[Place], measure: &str, unit: &str) -> Option<Drawn> {
    let good = |p: &&Place| p.energy_j > 0.0 && p.error > 0.0 && p.error.is_finite();
    let mut places: Vec<Place> = places.iter().filter(good).cloned().collect();
    if places.len() < 2 {
        return None;
    }
    let least = places.iter().map(|p| p.error).fold(f64::INFINITY, f64::min);
    let (factor, unit_shown) = match scaled_unit(unit, least) {
        (_, scaled) if scaled.starts_with("10") => (1.0, pretty_unit(unit)),
        scaled => scaled,
    };
    for place in &mut places {
        place.error *= factor;
        place.error_sigma *= factor;
    }
    let ends = |p: &Place| {
        let sigma = p.sigma_j.unwrap_or(0.0).min(0.95 * p.energy_j);
        [p.energy_j - sigma, p.energy_j + sigma]
    };
    let heights = |p: &Place| {
        let sigma = p.error_sigma.min(0.95 * p.error);
        [p.error - sigma, p.error + sigma]
    };
    let x = Axis::log("Energy", "J", places.iter().flat_map(ends));
    let y = Axis::log(measure, &unit_shown, places.iter().flat_map(heights));
    let mut panel = Panel::new(0, 0, x, y);
    let front = front(&places);
    let mut steps = Vec::new();
    for (place, &k) in front.iter().enumerate() {
        if place > 0 {
            steps.push((places[k].energy_j, places[front[place - 1]].error));
        }
        steps.push((places[k].energy_j, places[k].error));
    }
    let (colour, dash) = (LIGHT_GREY.to_owned(), Dash::Dashed);
    panel.marks.push(Mark::Line { points: steps, colour, width: 1.4, dash });
    for (k, p) in places.iter().enumerate() {
        let colour = series(k).to_owned();
        let points = ends(p).map(|energy| (energy, p.error)).to_vec();
        let upright = heights(p).map(|error| (p.energy_j, error)).to_vec();
        for points in [points, upright] {
            let (line, dash) = (colour.clone(), Dash::Solid);
            panel.marks.push(Mark::Line { points, colour: line, width: 1.2, dash });
        }
        let (points, radius, shape) = (vec![(p.energy_j, p.error)], 5.0, Shape::Disc);
        panel.marks.push(Mark::Dots { points, colour, radius, shape });
        let side = Side::Above; // clear of the whisker
        let (x, y, text) = (p.energy_j, p.error, p.label.clone());
        panel.marks.push(Mark::Note { x, y, text, side });
    }
    let alt = format!("{measure} against energy of {} runs, both logarithmic", places.len());
    let mut figure = Figure::new("pareto-error-energy", alt, vec![320.0]);
    figure.panels.push(panel);
    let bracket = if unit_shown.is_empty() { String::new() } else { format!(" ({unit_shown})") };
    let caption = format!(
        "{measure}{bracket} against energy (J), both logarithmic; no run lies below and left of \
            the dashed front. Bars: one sigma."
    );
    let table = Table::new(vec![
        Column::words("run", places.iter().map(|p| p.label.clone()).collect()),
        Column::numbers("energy", "J", places.iter().map(|p| p.energy_j).collect()),
        Column::numbers("error", unit, places.iter().map(|p| p.error / factor).collect()),
        Column::numbers("sigma", unit, places.iter().map(|p| p.error_sigma / factor).collect()),
    ]);
    let title = "Error against energy".to_owned();
    Some(Drawn { figure, table, title, caption })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_holds_what_nothing_beats() {
        let place = |energy_j, error| Place {
            label: String::new(),
            energy_j,
            sigma_j: None,
            error,
            error_sigma: 0.0,
        };
        let places = [place(3.0, 1.0), place(1.0, 5.0), place(2.0, 6.0), place(2.0, 2.0)];
        assert_eq!(front(&places), [1, 3, 0]);
    }
}
