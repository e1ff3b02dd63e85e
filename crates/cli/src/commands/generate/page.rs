//! What the page of a search is made from, and the page.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use surrogate_crystal::diffraction::{Instrument, peaks};
use surrogate_crystal::pattern::Pattern;
use surrogate_crystal::refine::MeasuredFit;
use surrogate_crystal::score::Validity;
use surrogate_run::{Column, Table};

use super::arguments::Generate;
use super::givens::Givens;
use super::{Found, made, own_folder};
use crate::crystal::picture::atoms;
use crate::failure::Failure;

/// Version of `search.json`.
const FORMAT: u32 = 2;

/// Structures that are shown in full.
const SHOWN: usize = 3;

/// Writes `search.json` and the tables of the first structures, and the page.
pub fn write(
    found: &[Found],
    candidates: usize,
    givens: &Givens,
    arguments: &Generate,
) -> Result<PathBuf, Failure> {
    let folder = &arguments.out;
    let mut shown = Vec::new();
    // those behind the first without a fit have nothing to show but their atoms
    let whole = |(k, f): &(usize, &Found)| *k == 0 || f.solution.fit.is_some();
    for (k, one) in found.iter().enumerate().take(SHOWN).filter(whole) {
        let own = made(own_folder(folder, k))?;
        if let Some(fit) = &one.solution.fit {
            profile(&givens.pattern, fit).write_csv(&own.join("pattern.csv"))?;
            reflections(one, &givens.pattern, fit)?.write_csv(&own.join("reflections.csv"))?;
        }
        let crystal = &one.solution.structure;
        atoms(crystal)?.write_csv(&own.join("atoms.csv"))?;
        let name = format!("{} in {}", givens.formula_of(&one.structure), crystal.group.symbol);
        let place = if k == 0 { String::new() } else { (k + 1).to_string() };
        shown.push((place, name));
    }
    let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
    let mut facts = vec![
        ("pattern", name(&arguments.pxrd).unwrap_or_default()),
        ("composition", givens.name.clone()),
        ("most atoms", arguments.max_atoms.to_string()),
        ("seed", arguments.seed.to_string()),
        ("version", env!("CARGO_PKG_VERSION").to_string()),
    ];
    if let Some(group) = givens.conditions.group {
        facts.push(("space group, given", format!("{} ({})", group.symbol, group.number)));
    }
    if !arguments.cell.is_empty() {
        let numbers: Vec<String> = arguments.cell.iter().map(f64::to_string).collect();
        facts.push(("cell, given", numbers.join(", ")));
    }
    if let Some(source) = &givens.source {
        facts.push(("library, origin", source.origin.clone()));
        facts.push(("library, licence", source.licence.clone()));
    }
    if let Some(generator) = &givens.generator {
        facts.push(("generator", generator.name.clone()));
    }
    let object = json!({
        "format": FORMAT,
        "formula": givens.name,
        "pattern": format!(
            "{}, {} points fitted, {candidates} candidates",
            name(&arguments.pxrd).unwrap_or_default(),
            givens.pattern.intensity.len()
        ),
        "funnel": funnel(found, candidates),
        "facts": facts,
        "shown": shown,
    });
    surrogate_run::write_json(&folder.join("search.json"), &object)?;
    Ok(surrogate_report::structure_search(folder)?.page)
}

/// How many structures are left after each step.
fn funnel(found: &[Found], candidates: usize) -> Vec<(&'static str, usize)> {
    let checked: Vec<Validity> = found.iter().map(checks).collect();
    let count = |is: &dyn Fn(&Validity) -> bool| checked.iter().filter(|v| is(v)).count();
    vec![
        ("refined", candidates),
        ("different, listed", found.len()),
        ("fitted to the points", found.iter().filter(|f| f.solution.fit.is_some()).count()),
        ("no two atoms in one place", count(&|v| v.multiplicities)),
        ("bonds as radii ask for", count(&|v| v.bonds)),
        ("group as declared", count(&|v| v.group)),
        ("all checks", count(&|v| v.all())),
    ]
}

/// Checks of a structure; its formula is that of its search.
fn checks(found: &Found) -> Validity {
    let mut composition = BTreeMap::new();
    for site in &found.structure.sites {
        *composition.entry(site.element).or_insert(0) += 1;
    }
    Validity::of(&found.solution.structure, &composition)
}

/// Measured and calculated points.
fn profile(pattern: &Pattern, fit: &MeasuredFit) -> Table {
    let background = fit.instrument.pattern(&pattern.two_theta_deg, &[], &[]);
    Table::new(vec![
        Column::numbers("two_theta_deg", "", pattern.two_theta_deg.clone()),
        Column::numbers("measured", "", pattern.intensity.clone()),
        Column::numbers("calculated", "", fit.calculated.clone()),
        Column::numbers("background", "", background),
    ])
}

/// Peaks of the first structure where they are measured.
fn reflections(found: &Found, pattern: &Pattern, fit: &MeasuredFit) -> Result<Table, Failure> {
    let angles = &pattern.two_theta_deg;
    let ends = [angles.first(), angles.last()].map(|t| t.copied().unwrap_or(0.0));
    let Instrument { radiation, zero_shift_deg, .. } = &fit.instrument;
    let range = [(ends[0] - zero_shift_deg).max(0.0), ends[1] - zero_shift_deg];
    let all =
        peaks(&found.structure, radiation, range).map_err(|e| Failure::user(e.to_string()))?;
    let strongest = all.iter().map(|p| p.intensity).fold(f64::MIN_POSITIVE, f64::max);
    let index = |k: usize| {
        all.iter().map(|p| p.hkl.first().map_or(f64::NAN, |hkl| f64::from(hkl[k]))).collect()
    };
    Ok(Table::new(vec![
        Column::numbers("h", "", index(0)),
        Column::numbers("k", "", index(1)),
        Column::numbers("l", "", index(2)),
        Column::numbers(
            "two_theta_deg",
            "",
            all.iter().map(|p| p.two_theta_deg + zero_shift_deg).collect(),
        ),
        Column::numbers("d", "angstrom", all.iter().map(|p| p.d).collect()),
        Column::numbers(
            "intensity",
            "",
            all.iter().map(|p| 100.0 * p.intensity / strongest).collect(),
        ),
    ]))
}
