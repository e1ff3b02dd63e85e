//! The page of `surrogate evaluate --structures`.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::context;
use serde::Deserialize;
use surrogate_run::{Column, Table, read_json, write_atomic};

use crate::error::ReportError;
use crate::figure::colour::series;
use crate::figure::{Axis, Dash, Figure, Key, Mark, Panel, Shape, Swatch};
use crate::figures::Drawn;
use crate::page::{ReportFiles, Section, TableView, render, write_figures};

/// Height of a line of a figure, px.
const LINE: f64 = 17.0;

#[derive(Debug, Deserialize)]
struct Scores {
    /// What was evaluated on what, by name.
    #[serde(default)]
    given: Vec<(String, String)>,
    methods: Vec<Method>,
    #[serde(default)]
    differences: Vec<Difference>,
}

#[derive(Debug, Deserialize)]
struct Method {
    method: String,
    energy_j_per_strict_match: Option<f64>,
    slices: BTreeMap<String, SliceScores>,
}

#[derive(Debug, Deserialize)]
struct SliceScores {
    cases: usize,
    failures: usize,
    strict_1: Share,
    strict_20: Share,
    loose_1: Share,
    loose_20: Share,
    mean_rms: Option<f64>,
    mean_r_wp: Option<f64>,
    median_wasserstein_per_angstrom: Option<f64>,
    valid: Share,
    #[serde(rename = "r_wp_below_0.01")]
    promised: Share,
    strict_of_these: Share,
    cpu_seconds_mean: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Share {
    value: Option<f64>,
    of: usize,
    interval_95: [f64; 2],
}

#[derive(Debug, Deserialize)]
struct Difference {
    first: String,
    second: String,
    only_first: usize,
    only_second: usize,
    difference: Option<f64>,
    interval_95: [f64; 2],
    p_value: f64,
}

/// Slices in the order of the page.
const SLICES: [&str; 7] = [
    "all",
    "1-5 atoms",
    "6-10 atoms",
    "11-20 atoms",
    "more than 20 atoms",
    "seen in training",
    "not seen in training",
];

/// Writes `report.html` and `figures/` into a folder of scores of methods that find structures.
///
/// # Errors
/// [`ReportError::Run`] if `scores.json` cannot be read or a file cannot be written.
pub fn structure_scores(folder: &Path) -> Result<ReportFiles, ReportError> {
    Ok(write_page(folder)?.1)
}

/// The page of a folder of scores, and what stands on it as a section for other pages.
pub(crate) fn write_page(folder: &Path) -> Result<(Section, ReportFiles), ReportError> {
    let scores: Scores = read_json(&folder.join("scores.json"))?;
    let mut warnings = Vec::new();
    let mut section = Section { title: "Matches".to_owned(), ..Section::default() };
    section.notes = vec![
        "Known crystals, each given as its clean pattern, its composition and the atoms of its \
         primitive cell. A match is judged by the rules of pymatgen's StructureMatcher, strict: \
         (0.2, 0.3, 5), loose: (0.3, 0.5, 10), with or without a search for smaller cells. A crystal \
         without an answer is a failure and stays in every denominator; intervals are Wilson's of \
         95 %."
            .to_owned(),
    ];
    section.notes.extend(scores.given.iter().map(|(name, value)| format!("{name}: {value}.")));
    section.tables = vec![whole(&scores), patterns(&scores), slices(&scores)];
    if !scores.differences.is_empty() {
        section.tables.push(differences(&scores));
    }
    let mut drawn: Vec<Drawn> = matches(&scores).into_iter().collect();
    match Table::read_csv(&folder.join("cases.csv")) {
        Ok(table) => drawn.extend(cumulated(&table)),
        Err(why) => warnings.push(why.to_string()),
    }
    let figures = drawn.iter().map(|d| d.figure.name.clone()).collect();
    section.figures = write_figures(folder, drawn)?;
    let cases = scores.methods.first().and_then(|m| m.slices.get("all")).map_or(0, |s| s.cases);
    let context = context! {
        title => "Structures from powder patterns: scores",
        line => format!("{cases} crystals, {} methods", scores.methods.len()),
        warnings => warnings.clone(),
        sections => vec![section.clone()],
        files => vec![
            ("scores.json", "all numbers of this page"),
            ("cases.csv", "every case"),
            ("energy.json", "what it took"),
        ],
    };
    let page = folder.join("report.html");
    write_atomic(&page, render("structures.html", context)?.as_bytes())?;
    Ok((section, ReportFiles { page, figures, warnings }))
}

fn headers(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// `85.2 (81.8 to 88.0)`
fn percent(share: &Share) -> String {
    let [low, high] = share.interval_95.map(|v| 100.0 * v);
    share
        .value
        .map_or("none".to_owned(), |value| format!("{:.1} ({low:.1} to {high:.1})", 100.0 * value))
}

fn digits(value: Option<f64>, digits: usize) -> String {
    value.map_or("none".to_owned(), |value| format!("{value:.digits$}"))
}

fn whole(scores: &Scores) -> TableView {
    let row = |m: &Method| {
        let s = m.slices.get("all")?;
        Some(vec![
            m.method.clone(),
            percent(&s.strict_1),
            percent(&s.strict_20),
            percent(&s.loose_1),
            percent(&s.loose_20),
            s.failures.to_string(),
            digits(s.cpu_seconds_mean, 4),
            digits(m.energy_j_per_strict_match, 2),
        ])
    };
    TableView {
        headers: headers(&[
            "Method",
            "Strict @1, %",
            "Strict @20, %",
            "Loose @1, %",
            "Loose @20, %",
            "Failures",
            "CPU s each",
            "J per strict match",
        ]),
        rows: scores.methods.iter().filter_map(row).collect(),
    }
}

/// Patterns and checks of the first structures.
fn patterns(scores: &Scores) -> TableView {
    let row = |m: &Method| {
        let s = m.slices.get("all")?;
        Some(vec![
            m.method.clone(),
            digits(s.mean_rms, 4),
            digits(s.mean_r_wp, 3),
            digits(s.median_wasserstein_per_angstrom, 4),
            percent(&s.valid),
            percent(&s.promised),
            format!("{} of {}", percent(&s.strict_of_these), s.strict_of_these.of),
        ])
    };
    TableView {
        headers: headers(&[
            "First structures",
            "Mean rms of loose @1",
            "Mean R_wp (failures 1)",
            "Median Wasserstein, 1/Å",
            "Valid, %",
            "R_wp < 0.01, %",
            "Strict of these, %",
        ]),
        rows: scores.methods.iter().filter_map(row).collect(),
    }
}

/// Strict matches of the first structures, a column a slice.
fn slices(scores: &Scores) -> TableView {
    let cases = |name: &str| {
        scores
            .methods
            .iter()
            .find_map(|m| m.slices.get(name))
            .map(|s| format!("{name} ({})", s.cases))
    };
    let named: Vec<(&str, String)> =
        SLICES.iter().skip(1).filter_map(|name| Some((*name, cases(name)?))).collect();
    let row = |m: &Method| {
        let share =
            |name: &str| m.slices.get(name).map_or("none".to_owned(), |s| percent(&s.strict_1));
        let shares = named.iter().map(|(name, _)| share(name));
        std::iter::once(m.method.clone()).chain(shares).collect()
    };
    let shown = named.iter().map(|(_, shown)| shown.clone());
    TableView {
        headers: std::iter::once("Strict @1, %, of slices".to_owned()).chain(shown).collect(),
        rows: scores.methods.iter().map(row).collect(),
    }
}

fn differences(scores: &Scores) -> TableView {
    let row = |d: &Difference| {
        let points = d.difference.map(|v| 100.0 * v);
        let [low, high] = d.interval_95.map(|v| 100.0 * v);
        vec![
            format!("{} less {}", d.first, d.second),
            format!("{} ({low:.1} to {high:.1})", digits(points, 1)),
            d.only_first.to_string(),
            d.only_second.to_string(),
            format!("{:.1e}", d.p_value),
        ]
    };
    TableView {
        headers: headers(&[
            "Strict @1, same crystals",
            "Points (95 %)",
            "Only the first",
            "Only the second",
            "McNemar's p, exact",
        ]),
        rows: scores.differences.iter().map(row).collect(),
    }
}

/// Shares of strict matches with their intervals, method by method in each slice.
fn matches(scores: &Scores) -> Option<Drawn> {
    let mut labels = Vec::new();
    let mut marks = Vec::new();
    let (mut names, mut slices, mut values, mut lows, mut highs) =
        (vec![], vec![], vec![], vec![], vec![]);
    for name in SLICES {
        for (k, method) in scores.methods.iter().enumerate() {
            let Some(s) = method.slices.get(name) else { continue };
            let Some(value) = s.strict_1.value else { continue };
            let row = labels.len() as f64;
            labels.push(if k == 0 { format!("{name} ({})", s.cases) } else { String::new() });
            let [low, high] = s.strict_1.interval_95.map(|v| 100.0 * v);
            let colour = series(k).to_owned();
            let points = vec![(low, row), (high, row)];
            marks.push(Mark::Line {
                points,
                colour: colour.clone(),
                width: 2.0,
                dash: Dash::Solid,
            });
            let points = vec![(100.0 * value, row)];
            marks.push(Mark::Dots { points, colour, radius: 3.2, shape: Shape::Disc });
            names.push(method.method.clone());
            slices.push(name.to_owned());
            values.push(100.0 * value);
            lows.push(low);
            highs.push(high);
        }
    }
    if labels.is_empty() {
        return None;
    }
    let alt = format!("shares of strict matches of {} methods", scores.methods.len());
    let mut figure = Figure::new("matches", alt, vec![LINE * labels.len() as f64 + 8.0]);
    let key = |(k, m): (usize, &Method)| Key::new(Swatch::Dot(Shape::Disc), series(k), &*m.method);
    figure.legend = scores.methods.iter().enumerate().map(key).collect();
    let x = Axis::linear("Strict match of the first structure", "%", [0.0, 100.0], 0.0);
    let mut panel = Panel::new(0, 0, x, Axis::categories(labels));
    panel.marks = marks;
    figure.panels = vec![panel];
    let table = Table::new(vec![
        Column::words("slice", slices),
        Column::words("method", names),
        Column::numbers("strict_1", "%", values),
        Column::numbers("low", "%", lows),
        Column::numbers("high", "%", highs),
    ]);
    let caption = "Share of crystals whose first structure matches strictly (dots) and Wilson's \
                   interval of 95 % (bars), of all and in slices by the atoms of the primitive cell \
                   and by whether the prototype was seen in training; in brackets the number of \
                   crystals.";
    let (title, caption) = ("Matches".to_owned(), caption.to_owned());
    Some(Drawn { figure, table, title, caption })
}

/// Share of the crystals whose first structure has an `R_wp` of at most so much.
fn cumulated(table: &Table) -> Option<Drawn> {
    const LEAST: f64 = 1e-4;
    let (methods, r_wp) = (table.words("method")?, table.numbers("r_wp")?);
    let mut names: Vec<&String> = Vec::new();
    for name in methods {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut figure = Figure::new("r_wp", "share of crystals against R_wp".to_owned(), vec![230.0]);
    let x = Axis::log("R_wp of the first structure", "", [LEAST, 1.0]);
    let y = Axis::linear("Crystals at or below", "%", [0.0, 100.0], 0.0);
    let mut panel = Panel::new(0, 0, x, y);
    panel.marks.push(Mark::Upright { x: 0.01, label: "promise".to_owned() });
    let (mut words, mut places, mut shares) = (vec![], vec![], vec![]);
    for (k, name) in names.iter().enumerate() {
        let own = methods.iter().zip(r_wp).filter(|(m, _)| m == name).map(|(_, r)| *r);
        // not a number is a failure: behind all others
        let mut own: Vec<f64> = own.map(|r| if r.is_nan() { f64::INFINITY } else { r }).collect();
        own.sort_by(f64::total_cmp);
        let n = own.len() as f64;
        let at = |(i, r): (usize, &f64)| (r.max(LEAST), 100.0 * (i + 1) as f64 / n);
        let points: Vec<(f64, f64)> =
            own.iter().enumerate().map(at).filter(|p| p.0.is_finite() && p.0 <= 2.0).collect();
        for (place, share) in &points {
            words.push((*name).clone());
            places.push(*place);
            shares.push(*share);
        }
        let colour = series(k).to_owned();
        panel.marks.push(Mark::Line { points, colour, width: 1.6, dash: Dash::Solid });
        figure.legend.push(Key::new(Swatch::Line(Dash::Solid), series(k), (*name).clone()));
    }
    figure.panels = vec![panel];
    let table = Table::new(vec![
        Column::words("method", words),
        Column::numbers("r_wp", "", places),
        Column::numbers("share", "%", shares),
    ]);
    let caption = "Share of all crystals whose first structure has at most this disagreement of \
                   patterns, on the scoring grid (values below 10⁻⁴ are drawn there); crystals \
                   without an answer never come.";
    let (title, caption) = ("Disagreement of patterns".to_owned(), caption.to_owned());
    Some(Drawn { figure, table, title, caption })
}
