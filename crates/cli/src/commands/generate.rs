//! `surrogate generate`: crystal structures that fit a powder pattern and a formula.

mod arguments;
mod chemistry;
mod conditions;
mod givens;
mod page;
mod posterior;

use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use surrogate_crystal::Structure;
use surrogate_crystal::cif::{self, Uncertainties};
use surrogate_crystal::refine::{RankingOptions, RefineError, Solution, Trial, rank_measured};
use surrogate_crystal::retrieve::{Candidate, Library, SearchOptions, search};
use surrogate_meter::Meter;
use surrogate_run::{Column, Table};

pub use arguments::Generate;
use arguments::Proposer;
use givens::Givens;
use posterior::Posterior;

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
    solution: Solution,
    structure: Structure,
    prototype: String,
}

/// What CIF files say beside the structures.
struct Extras<'a> {
    /// Of the first structures; nothing where they are not believed.
    uncertainties: &'a [Option<Uncertainties>],
    /// What the search took, where it was metered.
    energy_j: Option<f64>,
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
            givens.way_out(),
        ));
    }
    let found = &found[..found.len().min(arguments.count)];
    let uncertainties = posteriors(found, &givens, arguments, terminal, meter.as_ref())?;
    let extras = Extras {
        uncertainties: &uncertainties,
        energy_j: meter.as_ref().map(Meter::energy_so_far_j),
    };
    let fits = found.iter().filter_map(|f| f.solution.fit.as_ref());
    let least = fits.map(|fit| fit.unexplained).fold(f64::INFINITY, f64::min);
    if least <= POOR {
        terminal.say(format!(
            "fit       the best leaves {:.0} % of the peaks unexplained (root of squares, noise left aside); \
             right structures leave a few per cent of calculated patterns, {:.0} to {:.0} % of laboratory \
             ones",
            100.0 * least,
            100.0 * USUAL.0,
            100.0 * USUAL.1
        ));
    } else {
        terminal.warn(format!(
            "no structure reproduces the pattern: the best leaves {:.0} % of its peaks unexplained (root of squares). {}",
            100.0 * least,
            givens.way_out()
        ));
    }
    let table = write(found, &givens, &extras, &arguments.out)?;
    let page = page::write(found, candidates, &givens, arguments)?;
    terminal.say(format!(
        "{candidates} candidates, {} written to {}; {}",
        found.len(),
        arguments.out.display(),
        page.display()
    ));
    terminal.data(&table.to_csv());
    let mut object = json!({
        "folder": arguments.out,
        "candidates": candidates,
        "found": found.iter().map(|f| json!({
            "formula": givens.formula_of(&f.structure),
            "space_group": f.solution.structure.group.symbol,
            "space_group_number": f.solution.structure.group.number,
            "atoms": f.structure.sites.len(),
            "weighted_r_wp": f.solution.fit.as_ref().map(|fit| fit.r_wp),
            "unexplained": f.solution.fit.as_ref().map(|fit| fit.unexplained),
            "free_parameters": f.solution.structure.degrees_of_freedom(),
            "r_wp": f.solution.r_wp,
            "count": f.solution.count,
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
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::helped(
            format!("{} is not empty", folder.display()),
            "--out DIR names a new or an empty folder",
        ));
    }
    made(folder.to_path_buf()).map(drop)
}

/// Part of the peaks that may stay unexplained where a pattern is reproduced.
const POOR: f64 = 0.5;

/// What eleven right structures leave of their laboratory patterns.
const USUAL: (f64, f64) = (0.09, 0.38);

/// Proposals that are refined to the end, at least.
const LOOKED_AT: usize = 20;

/// How far the search goes.
fn options(arguments: &Generate) -> SearchOptions {
    let usual = SearchOptions::default();
    let direct = crystal::direct(arguments.direct_choices());
    if arguments.proposer == Proposer::Direct {
        return SearchOptions { coarse: 0, attempts: 0, direct, ..usual };
    }
    // how many are written does not decide what is looked at
    let looked_at = LOOKED_AT.max(arguments.count);
    SearchOptions {
        coarse: usual.coarse.max(looked_at),
        fine: usual.fine.max(looked_at),
        direct,
        ..usual
    }
}

/// Searches every number of formula units and ranks what is found on the measured points; also the
/// number of candidates before equal ones were merged.
fn candidates(givens: &Givens, arguments: &Generate) -> Result<(Vec<Found>, usize), Failure> {
    let failed = |e: RefineError| Failure::user(e.to_string());
    let options = options(arguments);
    let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
    let mut all: Vec<Candidate> = Vec::new();
    let mut origins: Vec<String> = Vec::new();
    for query in &givens.queries {
        let libraries = givens.proposed(query, arguments.samples, &mut rng);
        let libraries: Vec<&Library> = libraries.iter().map(AsRef::as_ref).collect();
        let mut found = search(&libraries, query, options, &mut rng).map_err(failed)?;
        found.retain(|c| givens.conditions.hold_for(&c.structure));
        let origin = |c: &Candidate| match &c.origin {
            Some(o) => libraries[o.library].prototypes()[o.proposal.prototype].id.clone(),
            None => "none".to_string(),
        };
        origins.extend(found.iter().map(origin));
        all.extend(found);
    }
    // a candidate without R_wp could not be refined to the end
    let trial = |(origin, c): (usize, &Candidate)| {
        let (structure, example) = (c.structure.clone(), c.example.clone());
        Some(Trial { structure, example, r_wp: c.r_wp?, origin })
    };
    let trials: Vec<Trial> = all.iter().enumerate().filter_map(trial).collect();
    // a group that was given is kept
    let symmetrised = givens.conditions.group.is_none();
    let ranking = RankingOptions { symmetrised, ..RankingOptions::default() };
    let count = trials.len();
    let ranked = rank_measured(&givens.pattern, &givens.instruments, trials, ranking);
    let found = |solution: Solution| {
        let structure = solution.structure.primitive().ok()?;
        let prototype = origins[solution.origin].clone();
        Some(Found { solution, structure, prototype })
    };
    Ok((ranked.map_err(failed)?.into_iter().filter_map(found).collect(), count))
}

/// Folder of what is told of the structure at place `k` besides its CIF file: the first has that of the search.
pub fn own_folder(out: &Path, k: usize) -> PathBuf {
    if k == 0 { out.to_path_buf() } else { out.join((k + 1).to_string()) }
}

/// Draws around the fits of the first crystals, as many as asked for, and writes them; uncertainties of each.
fn posteriors(
    found: &[Found],
    givens: &Givens,
    arguments: &Generate,
    terminal: &Terminal,
    meter: Option<&Meter>,
) -> Result<Vec<Option<Uncertainties>>, Failure> {
    let count = arguments.posterior.unwrap_or(0);
    let _stage = meter.filter(|_| count > 0).map(|meter| meter.stage("posterior"));
    let mut all = Vec::new();
    for (k, found) in found.iter().enumerate().take(count) {
        let Some(fit) = &found.solution.fit else {
            all.push(None);
            continue;
        };
        let posterior = match Posterior::draw(&givens.pattern, fit, arguments.seed) {
            Ok(posterior) => posterior,
            // the search is not lost for it
            Err(Failure::User { message, .. }) => {
                terminal.warn(format!("structure {}: {message}", k + 1));
                all.push(None);
                continue;
            }
            Err(other) => return Err(other),
        };
        posterior.write(&made(own_folder(&arguments.out, k))?)?;
        let doubt = posterior.doubt();
        if let Some(doubt) = &doubt {
            terminal.warn(format!("structure {}: no uncertainties in the CIF: {doubt}", k + 1));
        }
        all.push(doubt.is_none().then_some(posterior.uncertainties));
    }
    Ok(all)
}

/// A folder, made if it is not there.
pub fn made(folder: PathBuf) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(&folder).map_err(|e| {
        Failure::user(format!("cannot make {}: {}", folder.display(), surrogate_run::words(&e)))
    })?;
    Ok(folder)
}

/// Writes one CIF file for each crystal and the table, which comes back.
fn write(
    found: &[Found],
    givens: &Givens,
    extras: &Extras<'_>,
    folder: &Path,
) -> Result<Table, Failure> {
    let digits = found.len().to_string().len().max(2);
    let mut files = Vec::new();
    for (k, f) in found.iter().enumerate() {
        let formula = givens.formula_of(&f.structure);
        let group = f.solution.structure.group;
        let name = format!("{:0digits$}-{formula}-{}", k + 1, group.number);
        let file = format!("{name}.cif");
        let text = cif_of(&name, k, f, givens, extras)?;
        surrogate_run::write_atomic(&folder.join(&file), text.as_bytes())?;
        files.push(file);
    }
    let words = |of: &dyn Fn(&Found) -> String| found.iter().map(of).collect::<Vec<String>>();
    let numbers = |of: &dyn Fn(&Found) -> f64| found.iter().map(of).collect::<Vec<f64>>();
    let rounded = |v: f64| (v * 1e6).round() / 1e6;
    let group = |f: &Found| f.solution.structure.group;
    let weighted = |f: &Found| f.solution.fit.as_ref().map_or(f64::NAN, |fit| rounded(fit.r_wp));
    let free = |f: &Found| f.solution.structure.degrees_of_freedom() as f64;
    let table = Table::new(vec![
        Column::numbers("rank", "", (1..=found.len()).map(|k| k as f64).collect()),
        Column::words("formula", words(&|f| givens.formula_of(&f.structure))),
        Column::words("space_group", words(&|f| group(f).symbol.to_string())),
        Column::numbers("number", "", numbers(&|f| f64::from(group(f).number))),
        Column::numbers("atoms", "", numbers(&|f| f.structure.sites.len() as f64)),
        Column::numbers("weighted_r_wp", "", numbers(&weighted)),
        Column::numbers("free_parameters", "", numbers(&free)),
        Column::numbers("r_wp", "", numbers(&|f| rounded(f.solution.r_wp))),
        Column::numbers("candidates", "", numbers(&|f| f.solution.count as f64)),
        Column::numbers("volume_per_atom", "angstrom3", numbers(&|f| rounded(volume_per_atom(f)))),
        Column::words("prototype", words(&|f| f.prototype.clone())),
        Column::words("file", files),
    ]);
    table.write_csv(&folder.join(TABLE))?;
    Ok(table)
}

fn volume_per_atom(f: &Found) -> f64 {
    f.structure.lattice.volume() / f.structure.sites.len() as f64
}

/// The CIF file of a crystal, place `k` in the ranking.
fn cif_of(
    name: &str,
    k: usize,
    f: &Found,
    givens: &Givens,
    extras: &Extras<'_>,
) -> Result<String, Failure> {
    let mut items = vec![
        ("_surrogate_rank", (k + 1).to_string()),
        ("_surrogate_r_wp", format!("{:.6}", f.solution.r_wp)),
        ("_surrogate_candidates", f.solution.count.to_string()),
        ("_surrogate_version", env!("CARGO_PKG_VERSION").to_string()),
        ("_surrogate_seed", givens.seed.to_string()),
        ("_surrogate_prototype", f.prototype.clone()),
    ];
    if let Some(source) = &givens.source {
        items.push(("_surrogate_library_origin", source.origin.clone()));
        items.push(("_surrogate_library_licence", source.licence.clone()));
    }
    if let Some(generator) = &givens.generator {
        items.push(("_surrogate_model", generator.name.clone()));
    }
    let fit = f.solution.fit.as_ref();
    if let Some(fit) = fit {
        items.push(("_pd_proc_ls_prof_wR_factor", format!("{:.6}", fit.r_wp)));
    }
    if let Some(joules) = extras.energy_j {
        items.push(("_surrogate_search_energy_J", format!("{joules:.3}")));
    }
    let none = Uncertainties::default();
    let own = extras.uncertainties.get(k).and_then(Option::as_ref);
    let uncertainties = own.unwrap_or(&none);
    let items: Vec<_> = items.into_iter().map(|(tag, value)| (tag.to_string(), value)).collect();
    let (crystal, b_iso) = (&f.solution.structure, fit.map(|fit| fit.b_iso));
    cif::write_symmetric(name, crystal, b_iso, uncertainties, &items)
        .map_err(|e| Failure::Internal(e.to_string()))
}
