//! `surrogate generate`: crystal structures that fit a powder pattern and a formula.

mod arguments;
mod givens;

use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use surrogate_crystal::matching::{Reduced, StructureMatcher};
use surrogate_crystal::retrieve::{Candidate, SearchOptions, search};
use surrogate_crystal::{Structure, cif};
use surrogate_run::{Column, Table};

pub use arguments::Generate;
use givens::Givens;

use crate::crystal;
use crate::failure::Failure;
use crate::footprint::{self, Work};
use crate::terminal::Terminal;

/// Table of the candidates in the folder of results.
const TABLE: &str = "candidates.csv";

/// Most candidates.
const MOST: usize = 1000;

/// A structure that was found.
struct Found {
    structure: Structure,
    group: String,
    group_number: u16,
    prototype: String,
    r_wp: f64,
    /// Candidates that are this crystal.
    count: usize,
    reduced: Reduced,
}

/// Runs the command.
pub fn run(arguments: &Generate, terminal: &Terminal) -> Result<u8, Failure> {
    if !(1..=MOST).contains(&arguments.count) {
        return Err(Failure::user(format!("-n {}: between 1 and {MOST}", arguments.count)));
    }
    arguments.electricity.check()?;
    let givens = Givens::read(arguments, terminal)?;
    prepare(&arguments.out)?;
    let meter = if arguments.footprint { Some(arguments.counters.meter()?) } else { None };
    let stage = meter.as_ref().map(|meter| meter.stage("search"));
    let (found, candidates) = candidates(&givens, arguments)?;
    drop(stage);
    if found.is_empty() {
        return Err(Failure::helped(
            "no candidate could be refined against the pattern",
            "check --formula and --wavelength, or raise --max-atoms",
        ));
    }
    let found = &found[..found.len().min(arguments.count)];
    let table = write(found, &givens, &arguments.out)?;
    terminal.say(format!(
        "{candidates} candidates, {} written to {}",
        found.len(),
        arguments.out.display()
    ));
    terminal.data(&table.to_csv());
    let mut object = json!({
        "folder": arguments.out,
        "candidates": candidates,
        "found": found.iter().map(|f| json!({
            "formula": givens.formula_of(&f.structure),
            "space_group": f.group,
            "space_group_number": f.group_number,
            "atoms": f.structure.sites.len(),
            "r_wp": f.r_wp,
            "count": f.count,
            "prototype": f.prototype,
        })).collect::<Vec<_>>(),
    });
    if let Some(meter) = meter {
        let report = meter.stop();
        let options = arguments.electricity.options(&report, terminal)?;
        let work = Work::prediction("structure search", 1, "search", &report);
        let account = footprint::account(&report, &options, &work);
        footprint::say(terminal, &report, &account);
        object["energy"] = json!(account);
    }
    terminal.json(&object);
    Ok(0)
}

/// Makes the folder of results; an older one is not written over.
pub fn prepare(folder: &Path) -> Result<(), Failure> {
    let failed = |e: &std::io::Error| {
        Failure::user(format!("cannot make {}: {}", folder.display(), surrogate_run::words(e)))
    };
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::helped(
            format!("{} is not empty", folder.display()),
            "--out DIR names a new or an empty folder",
        ));
    }
    std::fs::create_dir_all(folder).map_err(|e| failed(&e))
}

/// Searches every number of formula units, merges equal crystals and ranks them; also the number of
/// candidates before the merging.
fn candidates(givens: &Givens, arguments: &Generate) -> Result<(Vec<Found>, usize), Failure> {
    let usual = SearchOptions::default();
    let options = SearchOptions {
        coarse: usual.coarse.max(arguments.count),
        fine: usual.fine.max(arguments.count),
        ..usual
    };
    let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
    let mut all: Vec<Candidate> = Vec::new();
    for query in &givens.queries {
        let found = search(&givens.library, query, options, &mut rng);
        all.extend(found.map_err(|e| Failure::user(e.to_string()))?);
    }
    // a candidate without R_wp could not be refined to the end
    all.retain(|c| c.r_wp.is_some());
    let r_wp = |c: &Candidate| c.r_wp.unwrap_or(f64::INFINITY);
    all.sort_by(|a, b| r_wp(a).total_cmp(&r_wp(b)).then(a.misfit.total_cmp(&b.misfit)));
    let mut merged: Vec<Found> = Vec::new();
    for candidate in &all {
        let Some(found) = finding(givens, candidate) else { continue };
        let same =
            |known: &&mut Found| StructureMatcher::STRICT.fits(&known.reduced, &found.reduced);
        match merged.iter_mut().find(same) {
            Some(known) => known.count += 1,
            None => merged.push(found),
        }
    }
    Ok((merged, all.len()))
}

/// A candidate as it is written. None if its cell or symmetry cannot be had.
fn finding(givens: &Givens, candidate: &Candidate) -> Option<Found> {
    let structure = candidate.structure.primitive().ok()?;
    let reduced = Reduced::primitive(&structure).ok()?;
    // a refinement may have ended in a more symmetric crystal; the atoms written are the refined ones
    let symmetric = crystal::symmetry(&structure).unwrap_or_else(|_| candidate.structure.clone());
    Some(Found {
        structure,
        group: symmetric.group.symbol.to_string(),
        group_number: symmetric.group.number,
        prototype: givens.library.prototypes()[candidate.proposal.prototype].id.clone(),
        r_wp: candidate.r_wp?,
        count: 1,
        reduced,
    })
}

/// Writes one CIF file for each crystal and the table, which comes back.
fn write(found: &[Found], givens: &Givens, folder: &Path) -> Result<Table, Failure> {
    let digits = found.len().to_string().len().max(2);
    let mut files = Vec::new();
    for (k, f) in found.iter().enumerate() {
        let formula = givens.formula_of(&f.structure);
        let name = format!("{:0digits$}-{formula}-{}", k + 1, f.group_number);
        let items = [
            ("_surrogate_rank", (k + 1).to_string()),
            ("_surrogate_r_wp", format!("{:.6}", f.r_wp)),
            ("_surrogate_candidates", f.count.to_string()),
            ("_surrogate_space_group_found", format!("{} ({})", f.group, f.group_number)),
            ("_surrogate_prototype", f.prototype.clone()),
            ("_surrogate_library_origin", givens.source.origin.clone()),
            ("_surrogate_library_licence", givens.source.licence.clone()),
        ];
        let items = items.map(|(tag, value)| (tag.to_string(), value));
        let file = format!("{name}.cif");
        let text = cif::write(&name, &f.structure, &items);
        surrogate_run::write_atomic(&folder.join(&file), text.as_bytes())?;
        files.push(file);
    }
    let words = |of: &dyn Fn(&Found) -> String| found.iter().map(of).collect::<Vec<String>>();
    let numbers = |of: &dyn Fn(&Found) -> f64| found.iter().map(of).collect::<Vec<f64>>();
    let table = Table::new(vec![
        Column::numbers("rank", "", (1..=found.len()).map(|k| k as f64).collect()),
        Column::words("formula", words(&|f| givens.formula_of(&f.structure))),
        Column::words("space_group", words(&|f| f.group.clone())),
        Column::numbers("number", "", numbers(&|f| f64::from(f.group_number))),
        Column::numbers("atoms", "", numbers(&|f| f.structure.sites.len() as f64)),
        Column::numbers("r_wp", "", numbers(&|f| (f.r_wp * 1e6).round() / 1e6)),
        Column::numbers("candidates", "", numbers(&|f| f.count as f64)),
        Column::words("prototype", words(&|f| f.prototype.clone())),
        Column::words("file", files),
    ]);
    table.write_csv(&folder.join(TABLE))?;
    Ok(table)
}
