//! `profiles-NAME`: a field over a place at several times, surrogate against reference, and the
//! difference below.

use surrogate_run::schema::{Evaluation, FieldErrors};
use surrogate_run::{Column, Table};

use super::{Drawn, capital, file_stem, parameter_text, point_parameters, shown};
use crate::figure::colour::{GREY, LIGHT_GREY, sequential};
use crate::figure::text::{number, pretty_unit, quantity, scaled_unit};
use crate::figure::{Axis, Dash, Figure, Key, Mark, Panel, Shape, Swatch, sampled, thinned};

/// Most times of one figure.
const MOST_TIMES: usize = 5;

/// Distance of neighbours over those beside it that is a gap.
const GAP: f64 = 2.0;
/// Part of the last time below which a time is the start.
const START: f64 = 1e-6;

struct Profile {
    time: f64,
    surrogate: Vec<(f64, f64)>,
    reference: Vec<(f64, f64)>,
}

/// One figure for each field that `profiles.csv` holds.
pub(crate) fn draw(evaluation: &Evaluation, table: &Table) -> Vec<Drawn> {
    let draw = |(name, field): (&String, &FieldErrors)| draw_field(evaluation, table, name, field);
    evaluation.fields.iter().filter_map(draw).collect()
}

fn draw_field(
    evaluation: &Evaluation,
    table: &Table,
    name: &str,
    field: &FieldErrors,
) -> Option<Drawn> {
    let fields = table.words("field")?;
    let points = table.numbers("point")?;
    let rows: Vec<usize> = (0..table.rows()).filter(|&row| fields[row] == name).collect();
    let point = chosen_point(evaluation, points, &rows)?;
    let rows: Vec<usize> = rows.into_iter().filter(|&row| points[row] == point).collect();
    let first = *rows.first()?;
    let profiles = chosen_times(profiles_of(table, &rows)?);
    let has_reference = profiles.iter().any(|profile| !profile.reference.is_empty());

    let last = profiles.last().map_or(0.0, |profile| profile.time);
    let unit = &field.errors.unit;
    let shown_name = shown(&field.errors.long_name, name);
    let places = || profiles.iter().flat_map(|p| p.surrogate.iter().map(|q| q.0));
    let reach = places().filter(|x| x.is_finite()).fold(0.0_f64, |m, x| m.max(x.abs()));
    let (stretch, place_unit) = scaled_unit(&field.place.unit, reach);
    let x = Axis::linear(&field.place.name, &place_unit, places().map(|x| x * stretch), 0.01);
    let values = profiles.iter().flat_map(|p| p.surrogate.iter().chain(&p.reference));
    let values = values.map(|point| point.1);
    let y = Axis::linear(&shown_name, &pretty_unit(unit), values, 0.05);
    let mut upper = Panel::new(0, 0, x.clone(), y);
    let mut legend = Vec::new();
    if has_reference {
        legend.push(Key::new(Swatch::Line(Dash::Solid), GREY, "reference"));
        legend.push(Key::new(Swatch::Dot(Shape::Ring), GREY, "surrogate"));
    }
    let stretched = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
        points.iter().map(|&(x, y)| (x * stretch, y)).collect()
    };
    for (k, profile) in profiles.iter().enumerate() {
        let colour = time_colour(k, profiles.len());
        let line = if has_reference { &profile.reference } else { &profile.surrogate };
        let (width, dash) = (1.6, Dash::Solid);
        for part in parts(&stretched(line)) {
            let points = thinned(part, 600);
            upper.marks.push(Mark::Line { points, colour: colour.clone(), width, dash });
        }
        if has_reference {
            let shift = (k as f64 + 0.5) / profiles.len() as f64;
            let points = sampled(&stretched(&profile.surrogate), 14, shift);
            let (radius, shape) = (2.9, Shape::Ring);
            upper.marks.push(Mark::Dots { points, colour: colour.clone(), radius, shape });
        }
        if profile.time.is_finite() {
            // fractions of the first moment of a long curve tell nothing
            let time = if profile.time < START * last { 0.0 } else { profile.time };
            let time = format!("t = {}", time_text(time, &evaluation.axis.unit));
            legend.push(Key::new(Swatch::Fill, &colour, time));
        }
    }
    upper.marks.sort_by_key(|mark| matches!(mark, Mark::Dots { .. }));

    let rows = if has_reference { vec![220.0, 96.0] } else { vec![240.0] };
    let alt = format!(
        "{shown_name} over {} at {} times{}",
        field.place.name,
        profiles.len(),
        if has_reference { ", surrogate and reference, with their difference below" } else { "" }
    );
    let mut figure = Figure::new(format!("profiles-{}", file_stem(name)), alt, rows);
    figure.legend = legend;
    if has_reference {
        upper.x_labels = false;
        figure.panels.push(upper);
        figure.panels.push(difference_panel(&profiles, x, stretch, unit));
    } else {
        figure.panels.push(upper);
    }
    let values = point_parameters(evaluation, table, point as usize, first);
    let at = parameter_text(&evaluation.parameters, &values);
    let caption = caption(field, &shown_name, &place_unit, &at, has_reference);
    let table = shown_table(&profiles, field, name);
    // what comes after a comma explains
    let short = shown_name.split([',', ';']).next().unwrap_or(&shown_name);
    let title = format!("{short}, profiles");
    Some(Drawn { figure, table, title: capital(&title), caption })
}

/// Parts of a profile between gaps: places that lie much farther apart than those on both sides, as of a
/// quantity that a layer in the middle does not have.
fn parts(points: &[(f64, f64)]) -> Vec<&[(f64, f64)]> {
    let apart: Vec<f64> = points.windows(2).map(|pair| (pair[1].0 - pair[0].0).abs()).collect();
    let gap = |k: &usize| {
        let next = |other: Option<usize>| other.and_then(|k| apart.get(k)).copied();
        match (next(k.checked_sub(1)), next(Some(k + 1))) {
            (Some(before), Some(after)) => apart[*k] > GAP * before.max(after),
            _ => false,
        }
    };
    let mut all = Vec::new();
    let mut start = 0;
    for k in (0..apart.len()).filter(gap) {
        all.push(&points[start..=k]);
        start = k + 1;
    }
    all.push(&points[start..]);
    all
}

fn time_text(time: f64, unit: &str) -> String {
    if time == 0.0 {
        format!("0\u{a0}{unit}")
    } else if unit == "s" && time >= 1.0 {
        format!("{}\u{a0}s", number(time, if time >= 100.0 { 4 } else { 3 }))
    } else {
        quantity(time, unit, 3)
    }
}

/// Dark to light, without the yellow end, which is too pale for lines.
fn time_colour(index: usize, count: usize) -> String {
    sequential(0.02 + 0.8 * index as f64 / (count.max(2) - 1) as f64)
}

/// The worst point if its profiles are there, else the first point of the rows.
fn chosen_point(evaluation: &Evaluation, points: &[f64], rows: &[usize]) -> Option<f64> {
    let worst = evaluation.worst.as_ref().map(|worst| worst.point as f64);
    worst
        .filter(|worst| rows.iter().any(|&row| points[row] == *worst))
        .or_else(|| rows.first().map(|&row| points[row]))
}

fn profiles_of(table: &Table, rows: &[usize]) -> Option<Vec<Profile>> {
    let times = table.numbers("time_s");
    let places = table.numbers("place")?;
    let values = table.numbers("value")?;
    let reference = table.numbers("reference");
    let mut profiles: Vec<Profile> = Vec::new();
    for &row in rows {
        let time = times.map_or(f64::NAN, |times| times[row]);
        let same = |p: &Profile| p.time == time || (p.time.is_nan() && time.is_nan());
        if !profiles.last().is_some_and(same) {
            profiles.push(Profile { time, surrogate: Vec::new(), reference: Vec::new() });
        }
        let Some(profile) = profiles.last_mut() else { continue };
        profile.surrogate.push((places[row], values[row]));
        if let Some(reference) = reference.filter(|reference| reference[row].is_finite()) {
            profile.reference.push((places[row], reference[row]));
        }
    }
    (!profiles.is_empty()).then_some(profiles)
}

fn chosen_times(profiles: Vec<Profile>) -> Vec<Profile> {
    let count = profiles.len();
    if count <= MOST_TIMES {
        return profiles;
    }
    let wanted = |k: usize| (k * (count - 1)) as f64 / (MOST_TIMES - 1) as f64;
    let wanted: Vec<usize> = (0..MOST_TIMES).map(|k| wanted(k).round() as usize).collect();
    let kept = |(k, profile)| wanted.contains(&k).then_some(profile);
    profiles.into_iter().enumerate().filter_map(kept).collect()
}

fn differences(profile: &Profile) -> impl Iterator<Item = (f64, f64)> {
    profile.surrogate.iter().zip(&profile.reference).map(|(s, r)| (s.0, s.1 - r.1))
}

fn difference_panel(profiles: &[Profile], x: Axis, stretch: f64, unit: &str) -> Panel {
    let all = || profiles.iter().flat_map(differences).map(|point| point.1);
    let largest = all().filter(|d| d.is_finite()).fold(0.0_f64, |m, d| m.max(d.abs()));
    let (factor, unit) = scaled_unit(unit, largest);
    let values = all().map(|d| d * factor).chain([0.0]);
    let mut panel = Panel::new(1, 0, x, Axis::linear("Difference", &unit, values, 0.10));
    let (low, high) = panel.x.range;
    let (colour, dash) = (LIGHT_GREY.to_owned(), Dash::Solid);
    let points = vec![(low, 0.0), (high, 0.0)];
    panel.marks.push(Mark::Line { points, colour, width: 1.0, dash });
    for (k, profile) in profiles.iter().enumerate() {
        let scaled: Vec<_> = differences(profile).map(|(x, d)| (x * stretch, d * factor)).collect();
        for part in parts(&scaled) {
            let (points, colour) = (thinned(part, 600), time_colour(k, profiles.len()));
            panel.marks.push(Mark::Line { points, colour, width: 1.4, dash });
        }
    }
    panel
}

fn caption(
    field: &FieldErrors,
    shown_name: &str,
    place_unit: &str,
    at: &str,
    has_reference: bool,
) -> String {
    let unit = pretty_unit(&field.errors.unit);
    let bracket = |unit: &str| if unit.is_empty() { String::new() } else { format!(" ({unit})") };
    let mut text = format!(
        "{shown_name}{} over {}{} at the times given",
        bracket(&unit),
        field.place.name,
        bracket(place_unit)
    );
    if !at.is_empty() {
        text.push_str(&format!(", at {at}"));
    }
    if has_reference {
        text.push_str("; reference as lines, surrogate as rings, below their difference");
    }
    text.push('.');
    text
}

fn shown_table(profiles: &[Profile], field: &FieldErrors, name: &str) -> Table {
    let unit = &field.errors.unit;
    let rows = || profiles.iter().flat_map(|p| p.surrogate.iter().map(move |q| (p.time, q.0, q.1)));
    let mut columns = vec![
        Column::numbers("time", "s", rows().map(|row| row.0).collect()),
        Column::numbers(&field.place.name, &field.place.unit, rows().map(|row| row.1).collect()),
        Column::numbers(name, unit, rows().map(|row| row.2).collect()),
    ];
    let reference: Vec<f64> =
        profiles.iter().flat_map(|p| p.reference.iter().map(|q| q.1)).collect();
    if reference.len() == rows().count() {
        columns.push(Column::reference(name, unit, reference));
    }
    Table::new(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_without_values_is_not_drawn_through() {
        let line = |places: &[f64]| places.iter().map(|x| (*x, 0.0)).collect::<Vec<_>>();
        let electrodes =
            line(&[0.0, 4.0, 20.0, 60.0, 81.0, 85.0, 97.0, 101.0, 130.0, 168.0, 172.0]);
        let lengths =
            |points: &[(f64, f64)]| parts(points).iter().map(|p| p.len()).collect::<Vec<_>>();
        assert_eq!(lengths(&electrodes), [6, 5]);
        // elements that share a node, and even places, have no gap
        assert_eq!(lengths(&line(&[0.0, 4.0, 20.0, 60.0, 81.0, 85.0, 91.0, 97.0, 101.0])), [9]);
        assert_eq!(lengths(&line(&[0.0, 1.0, 2.0, 3.0])), [4]);
    }
}
