//! `energy-by-stage`, `power-over-time` and `payback`.

use std::collections::BTreeSet;

use surrogate_run::schema::{Energy, Payback, PowerLine};
use surrogate_run::{Column, Table};

use super::Drawn;
use crate::figure::colour::{BLUE, GREEN, LIGHT_GREY, ORANGE, PURPLE, SKY, VERMILION, series};
use crate::figure::text::{count, number, quantity, scaled_unit};
use crate::figure::{Axis, Dash, Figure, Key, Mark, Panel, Shape, Side, Swatch, thinned};
use crate::metrics::{self, PaybackCount, Uncertain};

/// Most stages with a bar of their own.
const MOST_STAGES: usize = 12;

/// Energy of each stage as bars, the greatest first, and what belongs to no stage.
pub(crate) fn by_stage(energy: &Energy) -> Option<Drawn> {
    if energy.total_uj == 0 {
        return None;
    }
    let total = energy.total_j();
    let relative = energy.sigma_uj.map(|sigma| sigma * 1e-6 / total);
    let mut stages: Vec<_> = energy.stages.iter().collect();
    stages.sort_by_key(|stage| std::cmp::Reverse(stage.energy_uj));
    let rest: u64 = stages.iter().skip(MOST_STAGES).map(|stage| stage.energy_uj).sum();
    let mut bars: Vec<(String, f64, &str)> = stages
        .iter()
        .take(MOST_STAGES)
        .map(|stage| (stage.path.replace('/', " › "), stage.energy_uj as f64 * 1e-6, BLUE))
        .collect();
    if rest > 0 {
        bars.push(("all other stages".to_owned(), rest as f64 * 1e-6, SKY));
    }
    let outside = energy.unattributed_uj as f64 * 1e-6;
    bars.push(("outside stages".to_owned(), outside, LIGHT_GREY));
    let greatest = bars.iter().map(|bar| bar.1).fold(0.0, f64::max);
    let (factor, unit) = scaled_unit("J", greatest);
    let reach = greatest * (1.0 + relative.unwrap_or(0.0)); // to the end of its whisker
    let mut x = Axis::from_zero("Energy", &unit, [reach * factor]);
    x.range.1 *= 1.42; // room for the numbers at the ends of the bars
    let y = Axis::categories(bars.iter().map(|bar| bar.0.clone()).collect());
    let mut panel = Panel::new(0, 0, x, y);
    for (row, (_, joules, colour)) in bars.iter().enumerate() {
        let label = format!("{} ({})", quantity(*joules, "J", 3), percent(joules / total));
        panel.marks.push(Mark::Bar {
            row,
            value: joules * factor,
            // The uncertainty of the total, shared in proportion.
            sigma: relative.map(|relative| relative * joules * factor),
            colour: (*colour).to_owned(),
            label,
        });
    }
    let alt = format!("energy of {} stages as bars", bars.len());
    let mut figure = Figure::new("energy-by-stage", alt, vec![28.0 * bars.len() as f64 + 12.0]);
    figure.panels.push(panel);
    let mut caption = format!(
        "Energy by stage ({unit}), {}; stages and what lies outside them add up to the total of {}",
        if energy.provenance.is_empty() { "of unknown origin" } else { &energy.provenance },
        quantity(total, "J", 3)
    );
    if relative.is_some() {
        caption.push_str(", whiskers are the standard uncertainty");
    }
    caption.push('.');
    let all = || energy.stages.iter();
    let mut paths: Vec<String> = all().map(|stage| stage.path.clone()).collect();
    paths.push("outside stages".to_owned());
    let mut joules: Vec<f64> = all().map(|stage| stage.energy_uj as f64 * 1e-6).collect();
    joules.push(outside);
    let or_nan = |mut values: Vec<f64>| {
        values.push(f64::NAN);
        values
    };
    let table = Table::new(vec![
        Column::words("stage", paths),
        Column::numbers("energy", "J", joules),
        Column::numbers("calls", "", or_nan(all().map(|stage| stage.calls as f64).collect())),
        Column::numbers("wall", "s", or_nan(all().map(|stage| stage.wall_s).collect())),
        Column::numbers("cpu", "s", or_nan(all().map(|stage| stage.cpu_s).collect())),
    ]);
    Some(Drawn { figure, table, title: "Energy by stage".to_owned(), caption })
}

fn percent(part: f64) -> String {
    if part < 0.001 { "< 0.1 %".to_owned() } else { format!("{:.1} %", part * 100.0) }
}

/// Power of each channel over time, with the stages as bands.
pub(crate) fn power(lines: &[PowerLine]) -> Option<Drawn> {
    if lines.len() < 2 {
        return None;
    }
    let channels: BTreeSet<String> = lines.iter().flat_map(|l| l.watts.keys().cloned()).collect();
    let channels: Vec<String> = channels.into_iter().collect();
    let watts =
        |line: &PowerLine, channel: &str| line.watts.get(channel).copied().unwrap_or(f64::NAN);
    let times = || lines.iter().map(|line| line.time_s);
    let all = lines.iter().flat_map(|line| line.watts.values().copied());
    let x = Axis::linear("Time since start", "s", times().chain([0.0]), 0.01);
    let mut panel = Panel::new(0, 0, x, Axis::from_zero("Power", "W", all));
    panel.marks = bands(lines);
    let banded = !panel.marks.is_empty();
    let mut legend = Vec::new();
    for (k, channel) in channels.iter().enumerate() {
        // Each line holds the mean power since the line before: a step that ends at its time.
        let mut points = Vec::with_capacity(2 * lines.len());
        let mut before = 0.0;
        for line in lines {
            points.push((before, watts(line, channel)));
            points.push((line.time_s, watts(line, channel)));
            before = line.time_s;
        }
        let (points, colour) = (thinned(&points, 1200), series(k).to_owned());
        panel.marks.push(Mark::Line { points, colour, width: 1.6, dash: Dash::Solid });
        legend.push(Key::new(Swatch::Line(Dash::Solid), series(k), channel.as_str()));
    }
    let alt = format!("power of {} channels over time", channels.len());
    let mut figure = Figure::new("power-over-time", alt, vec![220.0]);
    figure.legend = legend;
    figure.panels.push(panel);
    let caption = format!(
        "Mean power (W) by channel between samples, against the time since the start (s){}.",
        if banded { "; shaded bands are the stages" } else { "" }
    );
    let mut columns = vec![Column::numbers("time", "s", times().collect())];
    for channel in &channels {
        let values = lines.iter().map(|line| watts(line, channel)).collect();
        columns.push(Column::numbers(channel, "W", values));
    }
    let stage = |line: &PowerLine| line.stage.clone().unwrap_or_default();
    columns.push(Column::words("stage", lines.iter().map(stage).collect()));
    let title = "Power over time".to_owned();
    Some(Drawn { figure, table: Table::new(columns), title, caption })
}

/// A band for each stretch of one stage, coloured by stage.
fn bands(lines: &[PowerLine]) -> Vec<Mark> {
    let colours = [SKY, ORANGE, GREEN, PURPLE, VERMILION, BLUE];
    let mut seen: Vec<&str> = Vec::new();
    let mut stretches: Vec<(&str, f64, f64)> = Vec::new();
    let mut before = 0.0;
    for line in lines {
        let stage = line.stage.as_deref().unwrap_or_default();
        match stretches.last_mut() {
            Some(last) if last.0 == stage => last.2 = line.time_s,
            _ => stretches.push((stage, before, line.time_s)),
        }
        before = line.time_s;
    }
    let mut marks = Vec::new();
    for (stage, start, end) in stretches.into_iter().filter(|stretch| !stretch.0.is_empty()) {
        let place = seen.iter().position(|name| *name == stage).unwrap_or_else(|| {
            seen.push(stage);
            seen.len() - 1
        });
        let colour = colours[place % colours.len()].to_owned();
        let label = stage.rsplit('/').next().unwrap_or(stage).to_owned();
        marks.push(Mark::Band { x: (start, end), colour, label });
    }
    marks
}

/// In words, after how many solver calls training is repaid.
pub(crate) fn payback_sentence(payback: &Payback) -> String {
    let solve = quantity(payback.energy_per_solve_j, "J", 3);
    let curve = quantity(payback.energy_per_curve_j, "J", 3);
    let training = quantity(payback.energy_training_j, "J", 3);
    let whole = |calls: f64| if calls < 1e9 { count(calls as u64) } else { number(calls, 3) };
    match payback.calls() {
        Some(calls) => {
            let interval = interval_of(payback).map_or_else(String::new, |found| {
                let end = |n: Option<f64>| n.map_or_else(|| "never".to_owned(), whole);
                format!(" ({} to {})", end(found.low), end(found.high))
            });
            format!(
                "Training took {training}; a reference solve takes {solve}, a surrogate curve \
                    {curve}: the training is repaid after {}{interval} solver calls.",
                whole(calls)
            )
        }
        None => format!(
            "Training took {training}; a surrogate curve takes {curve}, no less than a reference \
                solve ({solve}): the training is never repaid."
        ),
    }
}

/// The count beside another solver, where the problem names one.
pub(crate) fn other_sentence(payback: &Payback) -> Option<String> {
    let other = payback.other.as_ref()?;
    let solves = number(other.solves, 3);
    let beside = format!(
        "Beside {}, a run of which is stated to take as much as {solves} reference solves",
        other.name
    );
    let scaled = Payback {
        energy_per_solve_j: other.solves * payback.energy_per_solve_j,
        sigma_per_solve_j: payback.sigma_per_solve_j.map(|s| other.solves * s),
        ..payback.clone()
    };
    let whole = |calls: f64| if calls < 1e9 { count(calls as u64) } else { number(calls, 3) };
    let end = |n: Option<f64>| n.map_or_else(|| "never".to_owned(), whole);
    let interval = interval_of(&scaled)
        .map_or_else(String::new, |found| format!(" ({} to {})", end(found.low), end(found.high)));
    Some(match payback.calls_of_other() {
        Some(calls) => {
            format!(
                "{beside}, the training is repaid after {}{interval} of its runs.",
                whole(calls)
            )
        }
        None => format!("{beside}, the training is never repaid."),
    })
}

/// The payback count with its interval; `None` if the file holds no uncertainties.
fn interval_of(payback: &Payback) -> Option<PaybackCount> {
    Some(metrics::payback(
        Uncertain::new(payback.energy_training_j, payback.sigma_training_j?),
        Uncertain::new(payback.energy_per_solve_j, payback.sigma_per_solve_j?),
        Uncertain::new(payback.energy_per_curve_j, payback.sigma_per_curve_j?),
    ))
}

/// Energy of the solver and of the surrogate, training included, against the number of curves.
pub(crate) fn payback(payback: &Payback) -> Option<Drawn> {
    let energies =
        [payback.energy_per_solve_j, payback.energy_per_curve_j, payback.energy_training_j];
    if !energies.iter().all(|energy| energy.is_finite() && *energy > 0.0) {
        return None;
    }
    let repaid = payback.calls();
    let most = repaid.unwrap_or(payback.energy_training_j / payback.energy_per_solve_j).max(10.0);
    let decades = most.log10().ceil() + 1.5;
    let counts: Vec<f64> = (0..=120).map(|k| 10_f64.powf(decades * f64::from(k) / 120.0)).collect();
    let solver: Vec<_> = counts.iter().map(|n| (*n, n * payback.energy_per_solve_j)).collect();
    let curve = |n: &f64| (*n, payback.energy_training_j + n * payback.energy_per_curve_j);
    let surrogate: Vec<_> = counts.iter().map(curve).collect();
    let both = || solver.iter().chain(&surrogate);
    let x = Axis::log("Number of curves", "", both().map(|p| p.0));
    let y = Axis::log("Energy", "J", both().map(|p| p.1));
    let mut panel = Panel::new(0, 0, x, y);
    let (width, dash) = (1.8, Dash::Solid);
    let line = |points: &[(f64, f64)], colour: &str| Mark::Line {
        points: points.to_vec(),
        colour: colour.to_owned(),
        width,
        dash,
    };
    panel.marks.push(line(&solver, VERMILION));
    panel.marks.push(line(&surrogate, BLUE));
    if let Some(calls) = repaid {
        let point = (calls, calls * payback.energy_per_solve_j);
        let (points, colour) = (vec![point], "#1a1a1a".to_owned());
        panel.marks.push(Mark::Dots { points, colour, radius: 4.5, shape: Shape::Disc });
        let text = format!("repaid after {} curves", count(calls as u64));
        panel.marks.push(Mark::Note { x: point.0, y: point.1, text, side: Side::BelowRight });
    }
    let alt = "energy of solver and surrogate against the number of curves, both logarithmic";
    let mut figure = Figure::new("payback", alt, vec![230.0]);
    figure.legend = vec![
        Key::new(Swatch::Line(dash), VERMILION, "reference solver"),
        Key::new(Swatch::Line(dash), BLUE, "surrogate, training included"),
    ];
    figure.panels.push(panel);
    let caption =
        "Total energy (J) against the number of curves computed, both logarithmic.".to_owned();
    let table = Table::new(vec![
        Column::numbers("curves", "", counts),
        Column::numbers("solver", "J", solver.iter().map(|p| p.1).collect()),
        Column::numbers("surrogate", "J", surrogate.iter().map(|p| p.1).collect()),
    ]);
    Some(Drawn { figure, table, title: "Payback".to_owned(), caption })
}
