//! `surrogate evaluate`: errors at random parameter points, and what finding them took; of known
//! crystals, scores of methods that find structures.

mod known;
pub mod scoring;
pub mod structures;

use serde_json::{Map, Value, json};
use surrogate_meter::Meter;
use surrogate_problem::Problem;

use super::payback::curve_words;
use super::train::{Evidence, errors_json, goal_words, judge};
use crate::args::Evaluate;
use crate::cell::{Currents, Ends};
use crate::electricity::Electricity;
use crate::failure::Failure;
use crate::footprint::{self, Work};
use crate::surrogate::Surrogate;
use crate::terminal::Terminal;
use crate::trained::Trained;
use crate::{compare, inverse};

/// What the last evaluation took, in the run directory. Not on stdout, which is the same for the
/// same run and points.
const ACCOUNT: &str = "evaluate-energy.json";
/// Most parameter points of one comparison; each is a solve.
const MOST_POINTS: usize = 100_000;

/// Runs the command.
pub fn run(arguments: &Evaluate, terminal: &Terminal) -> Result<u8, Failure> {
    if arguments.structures.structures.is_some() || arguments.structures.split.is_some() {
        return structures::run(arguments, terminal);
    }
    let Some(run) = &arguments.run else {
        return Err(Failure::user("name a run directory, or known crystals with --structures"));
    };
    if arguments.points == 0 {
        return Err(Failure::user("--points must be at least 1"));
    }
    if arguments.points > MOST_POINTS {
        return Err(Failure::user(format!("--points must be at most {MOST_POINTS}")));
    }
    let mut trained = Trained::open(run)?;
    let electricity = arguments.electricity.or_of(&trained.run)?;
    electricity.check()?;
    let meter = arguments.counters.meter()?;
    let stage = meter.stage("solve");
    let mut truth = compare::truth(&trained.problem, arguments.points, arguments.seed, true)?;
    truth.keep_given(&trained.problem, &trained.surrogate);
    drop(stage);
    let stage = meter.stage("evaluate");
    let found = compare::errors(&trained.problem, &mut trained.surrogate, &truth)?;
    drop(stage);
    let manifest = trained.run.manifest()?;
    let ends = ends(&trained.problem, &trained.surrogate, &truth, &found);
    let goals = crate::record::goals(&trained.problem, &truth, &found, ends.as_ref());
    let mut judged = manifest.clone();
    judged.goals = goals;
    judged.judge_goals();
    judged.errors = crate::record::error_entries(&truth, &found);
    let evidence = Evidence {
        held_out: None,
        unchecked: &compare::unchecked(&trained.problem, &truth),
        doubts: &[],
        undetermined: !inverse::undetermined(&trained.problem).is_empty(),
    };
    let own = judge(&judged, &evidence);
    // what training doubted beside these errors counts on
    let before = manifest.verdict.clone().filter(|_| own.word == "good");
    judged.verdict = before.or(Some(own));
    let all = errors_json(&truth, &found);
    let pick = |output: bool| -> Map<String, Value> {
        let names = truth.targets.iter().filter(|t| t.output == output).map(|t| &t.name);
        names.filter_map(|n| Some((n.clone(), all.get(n)?.clone()))).collect()
    };
    for (t, e) in truth.targets.iter().zip(&found) {
        terminal.say(format!(
            "{:16} rms {:.3e} {u}   max {:.3e} {u}   relative L2 {:.2e}",
            t.name,
            e.rms / t.unit.factor,
            e.max / t.unit.factor,
            e.relative_l2,
            u = t.unit.text
        ));
    }
    ends.iter().flat_map(Ends::words).for_each(|line| terminal.say(line));
    let stage = meter.stage("solve");
    let currents = currents(&trained.problem, &trained.surrogate, arguments.seed);
    drop(stage);
    currents.iter().flat_map(Currents::words).for_each(|line| terminal.say(line));
    judged.goals.iter().for_each(|goal| terminal.say(goal_words(goal)));
    if let Some(words) = judged.caution() {
        terminal.warn(format!("this surrogate is {words}"));
    }
    terminal.say(format!("reference: {} ({})", truth.kind, truth.how));
    say_cost(&trained, truth.parameters.len(), meter, &electricity, terminal)?;
    let own: Map<String, Value> = truth
        .own_error
        .iter()
        .filter_map(|(n, e)| {
            let t = truth.targets.iter().find(|t| t.name == *n)?;
            Some((n.clone(), json!(e / t.unit.factor)))
        })
        .collect();
    terminal.json(&json!({
        "run": trained.run.path(),
        "status": manifest.status.word(),
        "goal_reached": judged.goal_reached,
        "fit": { "verdict": judged.verdict.as_ref().map(|v| &v.word), "caution": judged.caution() },
        "seconds": manifest.seconds,
        "energy_j": manifest.energy.as_ref().map(|e| e.energy_j),
        "energy_provenance": manifest.energy.as_ref().map(|e| e.provenance.clone()),
        "errors": if truth.targets.iter().any(|t| t.output) { pick(true) } else { pick(false) },
        "fields": pick(false),
        "worst": worst(&trained.problem, &truth, &found),
        "discharge": ends.map(|ends| ends.json()),
        "any_current": currents.map(|currents| currents.json()),
        "goals": judged.goals,
        "points": truth.parameters.len(),
        "reference": { "kind": truth.kind, "how": truth.how, "own_error": own },
    }));
    Ok(0)
}

/// How the curves of a cell end, and what they are before it.
pub fn ends(
    problem: &Problem,
    surrogate: &Surrogate,
    truth: &compare::Truth,
    found: &[compare::Errors],
) -> Option<Ends> {
    match surrogate {
        Surrogate::Cell(cell) => Ends::new(problem, cell, truth, found),
        Surrogate::Networks(_) => None,
    }
}

/// How a cell follows currents that were held out, where it was trained for any.
pub fn currents(problem: &Problem, surrogate: &Surrogate, seed: u64) -> Option<Currents> {
    match surrogate {
        Surrogate::Cell(cell) => Currents::new(problem, cell, seed),
        Surrogate::Networks(_) => None,
    }
}

/// The parameter point with the largest error of the first output.
fn worst(problem: &Problem, truth: &compare::Truth, found: &[compare::Errors]) -> Option<Value> {
    truth.targets.first().zip(found.first()).map(|(target, e)| {
        let (k, rms) = e
            .rms_by_point
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .map_or((0, 0.0), |(k, r)| (k, *r));
        let parameters: Map<String, Value> = problem
            .parameters
            .iter()
            .zip(&truth.parameters[k])
            .map(|(p, v)| (p.name.clone(), json!(v / p.unit.factor)))
            .collect();
        json!({
            "output": target.name,
            "rmse": rms / target.unit.factor,
            "unit": target.unit.text,
            "parameters": parameters,
        })
    })
}

/// Says what the evaluation took, and keeps it.
fn say_cost(
    trained: &Trained,
    points: usize,
    meter: Meter,
    electricity: &Electricity,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let outputs = &trained.problem.outputs;
    let report = meter.stop();
    let options = electricity.options(&report, terminal)?;
    let unit = outputs.first().map_or("prediction".to_string(), curve_words);
    let work = Work::prediction(&unit, points, "evaluate", &report);
    let account = footprint::account(&report, &options, &work);
    footprint::say(terminal, &report, &account);
    // a run on a read-only disk can be evaluated all the same
    if let Err(why) = surrogate_run::write_json(&trained.run.file(ACCOUNT), &account) {
        terminal.warn(format!("the energy of this evaluation is not kept: {why}"));
    }
    Ok(())
}
