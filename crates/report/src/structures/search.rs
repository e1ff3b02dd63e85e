//! The page of `surrogate generate`.

use std::path::Path;

use minijinja::context;
use serde::Deserialize;
use surrogate_run::{Column, Table, read_json, write_atomic};

use super::picture;
use crate::error::ReportError;
use crate::figure::colour::{BLUE, GREY, INK, ORANGE, VERMILION};
use crate::figure::{Axis, Dash, Figure, Key, Mark, Panel, Shape, Swatch};
use crate::figures::Drawn;
use crate::page::{ReportFiles, Section, TableView, render, write_figures};

/// R-hat beyond which no interval is shown.
const MOST_R_HAT: f64 = 1.02;

/// `search.json`
#[derive(Debug, Deserialize)]
struct Search {
    formula: String,
    pattern: String,
    /// Steps of the search with the number of structures that are left.
    funnel: Vec<(String, usize)>,
    /// Further facts, by name.
    facts: Vec<(String, String)>,
    /// Structures that are shown in full, the first first: folder of their tables, and name.
    shown: Vec<(String, String)>,
}

/// Writes `report.html` and `figures/` into the folder of a search for structures.
///
/// A missing table drops its figures and is named in [`ReportFiles::warnings`].
///
/// # Errors
/// [`ReportError::Run`] if `search.json` cannot be read or a file cannot be written.
pub fn structure_search(folder: &Path) -> Result<ReportFiles, ReportError> {
    let search: Search = read_json(&folder.join("search.json"))?;
    let mut warnings = Vec::new();
    let mut table = |name: &str| {
        let read = Table::read_csv(&folder.join(name));
        read.map_err(|why| warnings.push(why.to_string())).ok()
    };
    let candidates = table("candidates.csv");
    let mut sections = Vec::new();
    let mut figures = Vec::new();
    for (k, (place, name)) in search.shown.iter().enumerate() {
        let (section, drawn) = structure(k, &folder.join(place), name, &mut warnings);
        figures.extend(drawn.iter().map(|d| d.figure.name.clone()));
        sections.push(Section { figures: write_figures(folder, drawn)?, ..section });
    }
    let mut all = Section { title: "Candidates".to_owned(), ..Section::default() };
    all.notes.push(
        "Ranked by n ln(R_wp²) + k ln(n) with the weighted R_wp of a fit of the measured points, k free \
         parameters and n independent observations; those without a fit behind, by the R_wp of the \
         search. A low R_wp is no proof."
            .to_owned(),
    );
    all.tables.extend(candidates.as_ref().map(listed));
    let mut others: Vec<Drawn> = candidates.as_ref().and_then(cells).into_iter().collect();
    others.extend(funnel(&search));
    figures.extend(others.iter().map(|d| d.figure.name.clone()));
    all.figures = write_figures(folder, others)?;
    let facts = Section {
        title: "Reproduce".to_owned(),
        tables: vec![TableView {
            headers: vec!["What".to_owned(), "Value".to_owned()],
            rows: search
                .facts
                .iter()
                .map(|(name, value)| vec![name.clone(), value.clone()])
                .collect(),
        }],
        ..Section::default()
    };
    let context = context! {
        title => format!("{} from a powder pattern", search.formula),
        line => search.pattern,
        warnings => warnings.clone(),
        sections => [sections, vec![all, facts]].concat(),
        files => vec![
            ("candidates.csv", "all candidates"),
            ("pattern.csv", "the fitted pattern of the first"),
            ("reflections.csv", "its reflections"),
            ("atoms.csv", "the atoms of its picture"),
            ("2/", "the same of the second, and so on"),
        ],
    };
    let page = folder.join("report.html");
    write_atomic(&page, render("structures.html", context)?.as_bytes())?;
    Ok(ReportFiles { page, figures, warnings })
}

/// What is shown of the structure at place `k` from the tables of its folder.
fn structure(
    k: usize,
    folder: &Path,
    name: &str,
    warnings: &mut Vec<String>,
) -> (Section, Vec<Drawn>) {
    let mut table = |file: &str| {
        let path = folder.join(file);
        let read = path.is_file().then(|| Table::read_csv(&path)).transpose();
        read.map_err(|why| warnings.push(why.to_string())).ok().flatten()
    };
    let title = match k {
        0 => format!("First structure: {name}"),
        _ => format!("Structure {}: {name}", k + 1),
    };
    let mut section = Section { title, ..Section::default() };
    let (pattern, reflections) = (table("pattern.csv"), table("reflections.csv"));
    if pattern.is_none() {
        section.notes.push("It has no fit to the measured points.".to_owned());
    }
    if let Some(posterior) = table("posterior.csv") {
        match doubt(&posterior) {
            Some(doubt) => section.alerts.push(doubt),
            None => section.tables.extend(intervals(&posterior)),
        }
    }
    let mut drawn: Vec<Drawn> = Vec::new();
    drawn.extend(pattern.as_ref().and_then(|p| profile(p, reflections.as_ref())));
    drawn.extend(table("atoms.csv").as_ref().and_then(|a| picture::draw("structure", a)));
    if k > 0 {
        for one in &mut drawn {
            one.figure.name = format!("{}-{}", one.figure.name, k + 1);
        }
    }
    (section, drawn)
}

/// Measured and calculated pattern, ticks of the reflections, and the difference.
fn profile(pattern: &Table, reflections: Option<&Table>) -> Option<Drawn> {
    let column = |name: &str| pattern.numbers(name);
    let (angle, measured) = (column("two_theta_deg")?, column("measured")?);
    let (calculated, background) = (column("calculated")?, column("background")?);
    let points = |values: &[f64]| -> Vec<(f64, f64)> {
        angle.iter().copied().zip(values.iter().copied()).collect()
    };
    let name = "Angle 2θ";
    let x = Axis::linear(name, "°", angle.iter().copied(), 0.01);
    let values = measured.iter().chain(calculated).copied();
    let mut upper = Panel::new(0, 0, x.clone(), Axis::linear("Intensity", "", values, 0.05));
    upper.x_labels = false;
    let line = |values: &[f64], colour: &str, dash: Dash| Mark::Line {
        points: points(values),
        colour: colour.to_owned(),
        width: 1.1,
        dash,
    };
    upper.marks = vec![
        Mark::Specks { points: points(measured), colour: INK.to_owned(), size: 2.4 },
        line(background, GREY, Dash::Dashed),
        line(calculated, BLUE, Dash::Solid),
    ];
    let mut ticks = Panel::new(1, 0, x.clone(), Axis::linear("", "", [0.0, 1.0], 0.0));
    (ticks.x_labels, ticks.y_labels, ticks.y_ticks) = (false, false, false);
    if let Some(places) = reflections.and_then(|r| r.numbers("two_theta_deg")) {
        let tick = |&place: &f64| Mark::Line {
            points: vec![(place, 0.1), (place, 0.9)],
            colour: VERMILION.to_owned(),
            width: 0.9,
            dash: Dash::Solid,
        };
        ticks.marks = places.iter().map(tick).collect();
    }
    let off: Vec<f64> = measured.iter().zip(calculated).map(|(m, c)| m - c).collect();
    let y = Axis::linear("Difference", "", off.iter().copied().chain([0.0]), 0.08);
    let mut lower = Panel::new(2, 0, x, y);
    lower.marks.push(line(&off, INK, Dash::Solid));
    let alt =
        "measured and calculated powder pattern, reflections, and their difference".to_owned();
    let mut figure = Figure::new("profile", alt, vec![230.0, 18.0, 90.0]);
    figure.legend = vec![
        Key::new(Swatch::Dot(Shape::Disc), INK, "measured"),
        Key::new(Swatch::Line(Dash::Solid), BLUE, "calculated"),
        Key::new(Swatch::Line(Dash::Dashed), GREY, "background"),
        Key::new(Swatch::Line(Dash::Solid), VERMILION, "reflections"),
    ];
    figure.panels = vec![upper, ticks, lower];
    let table = Table::new(vec![
        Column::numbers("two_theta_deg", "", angle.to_vec()),
        Column::numbers("measured", "", measured.to_vec()),
        Column::numbers("calculated", "", calculated.to_vec()),
        Column::numbers("difference", "", off),
    ]);
    let caption = "Intensity as the file has it (neighbouring points taken together where there are \
                   many), the fit of the structure with diffractometer and background, the angles \
                   of its reflections, and below measured less calculated.";
    let (title, caption) = ("Pattern".to_owned(), caption.to_owned());
    Some(Drawn { figure, table, title, caption })
}

/// Volume per atom of the candidates against their disagreement.
fn cells(candidates: &Table) -> Option<Drawn> {
    let (volume, r_wp) =
        (candidates.numbers("volume_per_atom_angstrom3")?, candidates.numbers("weighted_r_wp")?);
    let atoms = candidates.numbers("atoms")?;
    let points: Vec<(f64, f64)> = volume
        .iter()
        .copied()
        .zip(r_wp.iter().copied())
        .filter(|(v, r)| v.is_finite() && r.is_finite())
        .collect();
    if points.is_empty() {
        return None;
    }
    let alt = format!("volume per atom and weighted R_wp of {} candidates", points.len());
    let mut figure = Figure::new("cells", alt, vec![220.0]);
    let x = Axis::linear("Volume per atom", "Å³", points.iter().map(|p| p.0), 0.06);
    let y = Axis::from_zero("Weighted R_wp", "", points.iter().map(|p| p.1));
    let mut panel = Panel::new(0, 0, x, y);
    let dots = |points: Vec<(f64, f64)>, colour: &str, radius: f64| Mark::Dots {
        points,
        colour: colour.to_owned(),
        radius,
        shape: Shape::Disc,
    };
    panel.marks = vec![dots(points.clone(), BLUE, 3.0), dots(points[..1].to_vec(), ORANGE, 4.5)];
    figure.panels = vec![panel];
    figure.legend = vec![
        Key::new(Swatch::Dot(Shape::Disc), ORANGE, "first"),
        Key::new(Swatch::Dot(Shape::Disc), BLUE, "others with a fit"),
    ];
    let table = Table::new(vec![
        Column::numbers("volume_per_atom", "angstrom^3", volume.to_vec()),
        Column::numbers("weighted_r_wp", "", r_wp.to_vec()),
        Column::numbers("atoms", "", atoms.to_vec()),
    ]);
    let caption = "Each candidate by the volume of its cell per atom and the weighted disagreement of its \
                   fit: cells that explain the same peaks agree in volume.";
    let (title, caption) = ("Cells".to_owned(), caption.to_owned());
    Some(Drawn { figure, table, title, caption })
}

/// What is left after each step.
fn funnel(search: &Search) -> Option<Drawn> {
    let caption = "Structures after each step: what was refined, what of it was fitted to the measured \
                   points, how many different crystals these are, and how many of the listed pass each \
                   check.";
    super::funnel::draw(&search.funnel, caption)
}

/// The candidates as the page shows them.
fn listed(candidates: &Table) -> TableView {
    const COLUMNS: [(&str, &str, usize); 8] = [
        ("rank", "Rank", 0),
        ("formula", "Cell", 0),
        ("space_group", "Space group", 0),
        ("atoms", "Atoms", 0),
        ("weighted_r_wp", "Weighted R_wp", 4),
        ("free_parameters", "Free parameters", 0),
        ("r_wp", "R_wp of the search", 4),
        ("prototype", "Prototype", 0),
    ];
    let cell = |name: &str, digits: usize, row: usize| {
        if let Some(words) = candidates.words(name) {
            return words[row].clone();
        }
        match candidates.numbers(name).map(|values| values[row]) {
            Some(value) if value.is_finite() => format!("{value:.digits$}"),
            _ => "none".to_owned(),
        }
    };
    let row =
        |row: usize| COLUMNS.iter().map(|(name, _, digits)| cell(name, *digits, row)).collect();
    TableView {
        headers: COLUMNS.iter().map(|(_, shown, _)| (*shown).to_owned()).collect(),
        rows: (0..candidates.rows()).map(row).collect(),
    }
}

/// Why draws are not to be believed, if they are not.
fn doubt(posterior: &Table) -> Option<String> {
    let r_hat = posterior.numbers("r_hat")?.iter().copied().fold(0.0, f64::max);
    (r_hat.is_nan() || r_hat > MOST_R_HAT).then(|| {
        format!(
            "Its draws have not come together (R-hat reaches {r_hat:.3}): no intervals are shown."
        )
    })
}

/// Intervals of the parameters of a structure.
fn intervals(posterior: &Table) -> Option<TableView> {
    let (names, units) = (posterior.words("parameter")?, posterior.words("unit")?);
    let column = |name: &str| posterior.numbers(name);
    let (mean, sd) = (column("mean")?, column("sd")?);
    let (low, high, r_hat) = (column("q5")?, column("q95")?, column("r_hat")?);
    let row = |k: usize| {
        let unit = if units[k].is_empty() { String::new() } else { format!(" ({})", units[k]) };
        vec![
            format!("{}{unit}", names[k]),
            format!("{:.6}", mean[k]),
            format!("{:.1e}", sd[k]),
            format!("{:.6} to {:.6}", low[k], high[k]),
            format!("{:.3}", r_hat[k]),
        ]
    };
    let headers = ["Parameter", "Mean", "Deviation", "Central 90 %", "R-hat"];
    Some(TableView {
        headers: headers.map(str::to_owned).to_vec(),
        rows: (0..names.len()).map(row).collect(),
    })
}
