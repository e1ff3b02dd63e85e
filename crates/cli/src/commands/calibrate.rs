//! `surrogate calibrate`: measured curves in, a posterior out, and whether to believe it.

pub mod arguments;
mod certify;
mod curves;
mod experiment;
mod found;
mod model;
mod outputs;
mod place;
pub mod plan;
mod predictive;
mod priors;
mod repaid;
mod sampling;
mod sbc;
mod unknowns;
mod verdict;

use std::time::Instant;

use serde_json::Value;
use surrogate_meter::EnergyReport;
use surrogate_problem::Problem;
use surrogate_problem::model::Output;

use crate::electricity::Electricity;
use crate::energy;
use crate::failure::Failure;
use crate::footprint::{self, Work};
use crate::interrupts::{self, INTERRUPTED};
use crate::places::time_coordinate;
use crate::progress::parse_energy;
use crate::terminal::Terminal;
use crate::trained::Trained;

use arguments::Calibrate;
use experiment::Experiment;
use found::Found;
use model::{Prepared, measured};
use outputs::Units;
use place::Place;
use plan::Plan;
use sampling::Settings;
use unknowns::Unknowns;

/// Exit code of a posterior that is not to be trusted, under `--strict`.
const UNTRUSTED: u8 = 3;
/// Least points that a curve may be thinned to.
const LEAST_POINTS: usize = 2;

/// Runs the command.
pub fn run(arguments: &Calibrate, terminal: &Terminal) -> Result<u8, Failure> {
    let begun = Instant::now();
    let limit_j = limit(arguments)?;
    let mut trained = Trained::open(&arguments.run)?;
    let plan = Plan::read(arguments, &trained.problem)?;
    let electricity = arguments.electricity.or_of(&trained.run)?;
    electricity.check()?;
    let meter = arguments.counters.meter()?;
    let stage = meter.stage("calibrate.prepare");
    let output = observed(&trained.problem, plan.observe.as_deref())?;
    let curves = read_curves(&plan, arguments.points, &trained.problem, &output, terminal)?;
    let unknowns = Unknowns::choose(&plan.parameters, &trained.problem, &curves)?;
    announce(&unknowns, &trained.problem, &curves, terminal);
    let prepared = Prepared::new(&plan, &mut trained, &output, &unknowns, &curves, terminal)?;
    let place = Place::open(arguments, &plan, &trained.run, &curves)?;
    drop(stage);
    interrupts::watch()?;
    if let Some(count) = arguments.sbc {
        let stage = meter.stage("calibrate.sbc");
        let verified = sbc::run(arguments, count, &prepared, &curves, &place, &meter, terminal)?;
        drop(stage);
        if verified.interrupted {
            return Ok(stopped(&place, terminal));
        }
        let report = meter.stop();
        let summary = counted(verified.summary, &report, begun);
        close(&summary, &report, &electricity, &place, terminal)?;
        return Ok(if arguments.strict && !verified.even { UNTRUSTED } else { 0 });
    }
    let models = prepared.models(&measured(&curves))?;
    for (curve, share) in curves.iter().zip(&models.shares).filter(|(_, share)| **share < 1.0) {
        let (name, all) = (&curve.name, curve.times.len());
        let alone = share * all as f64;
        terminal.say(format!(
            "misfit    {name}: {all} points say as much as {alone:.1} independent ones"
        ));
    }
    let stage = meter.stage("calibrate.sample");
    let settings = Settings::of(arguments);
    let drawn = place.remembering(&models.surrogate, |density| {
        sampling::draw(&settings, &models, density, limit_j, &meter, terminal)
    })?;
    drop(stage);
    if interrupts::asked() {
        return Ok(stopped(&place, terminal));
    }
    let stage = meter.stage("calibrate.certify");
    let certified = match drawn.exact {
        Some(_) => None,
        None => certify::certify(&models, &drawn.draws, arguments.certify)?,
    };
    let judged = verdict::judge(&models, &drawn, certified.as_ref(), arguments.seed)?;
    let (exact, seed) = (judged.certified, arguments.seed);
    let fits = predictive::fits(&models, &judged.draws, &curves, exact, seed)?;
    drop(stage);
    let units = Units::new(&trained.problem, &output, &unknowns, &models);
    let found = Found { models, drawn, certified, judged, fits, units, output, curves };
    found.say(terminal);
    let report = meter.stop();
    let mut summary = counted(found.summary(arguments, &report), &report, begun);
    if let Some(repaid) = found.repaid(&trained.run, &report) {
        terminal.say(format!("energy    {}", repaid.words()));
        summary["payback"] = repaid.json();
    }
    found.write(&place, &trained.problem, &summary)?;
    close(&summary, &report, &electricity, &place, terminal)?;
    Ok(if arguments.strict && found.judged.word() != "certified" { UNTRUSTED } else { 0 })
}

/// Says how an interrupted calibration goes on.
fn stopped(place: &Place, terminal: &Terminal) -> u8 {
    let shown = place.shown();
    terminal.say(format!("stopped   the same command with --out {shown} --resume goes on"));
    INTERRUPTED
}

/// A summary with what it took.
fn counted(mut summary: Value, report: &EnergyReport, begun: Instant) -> Value {
    summary["energy_j"] = (report.total_uj as f64 * 1e-6).into();
    summary["energy_provenance"] = energy::word(report).into();
    summary["seconds"] = begun.elapsed().as_secs_f64().into();
    summary
}

/// Says and keeps what all took, and prints the summary.
fn close(
    summary: &Value,
    report: &EnergyReport,
    electricity: &Electricity,
    place: &Place,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let options = electricity.options(report, terminal)?;
    let account = footprint::account(report, &options, &Work::default());
    footprint::say(terminal, report, &account);
    surrogate_run::write_json(&place.folder.join("energy.json"), &account)?;
    terminal.say(format!("written   {}", place.shown()));
    terminal.json(summary);
    Ok(())
}

/// The limit of energy, J; refuses numbers that are too small.
fn limit(arguments: &Calibrate) -> Result<Option<f64>, Failure> {
    if arguments.points < LEAST_POINTS {
        return Err(Failure::user(format!("--points must be at least {LEAST_POINTS}")));
    }
    if arguments.sbc == Some(0) {
        return Err(Failure::user("--sbc must be at least 1"));
    }
    let Some(text) = &arguments.max_energy else { return Ok(None) };
    let wrong = || {
        let help = "--max-energy 500J or 5Wh";
        Failure::helped(format!("`{text}` is not a positive energy"), help)
    };
    parse_energy(text).map(Some).ok_or_else(wrong)
}

/// The output that was measured: the one named, the one in V, or the only curve there is.
fn observed(problem: &Problem, name: Option<&str>) -> Result<Output, Failure> {
    let time = time_coordinate(problem);
    let curve = |o: &&Output| time.is_some() && o.coordinates.iter().all(|&c| Some(c) == time);
    let curves: Vec<&Output> = problem.outputs.iter().filter(curve).collect();
    let names = || curves.iter().map(|o| o.name.as_str()).collect::<Vec<_>>().join(", ");
    let volts: Vec<&&Output> = curves.iter().filter(|o| o.unit.text == "V").collect();
    let found = match (name, volts.as_slice(), curves.as_slice()) {
        (Some(name), _, _) => curves.iter().find(|o| o.name == name).copied(),
        (None, [only], _) => Some(**only),
        (None, _, [only]) => Some(*only),
        _ => None,
    };
    found.cloned().ok_or_else(|| {
        if curves.is_empty() {
            return Failure::helped(
                "this surrogate has no output along time",
                "state one under [outputs] of the problem file and train anew",
            );
        }
        let message = match name {
            Some(name) => format!("the surrogate has no curve `{name}`"),
            None => "which output was measured?".to_string(),
        };
        Failure::helped(message, format!("--observe one of: {}", names()))
    })
}

fn read_curves(
    plan: &Plan,
    most: usize,
    problem: &Problem,
    output: &Output,
    terminal: &Terminal,
) -> Result<Vec<Experiment>, Failure> {
    let mut curves = Vec::new();
    for request in &plan.curves {
        let curve = Experiment::read(request, problem, output, &plan.of_current, most)?;
        let stated = problem.parameters.iter().zip(&curve.stated);
        let stated: Vec<String> = stated
            .filter_map(|(p, v)| Some(format!("{} = {}", p.name, (*v)? / p.unit.factor)))
            .collect();
        terminal.say(format!(
            "curve     {}: {} points  {}",
            curve.name,
            curve.times.len(),
            stated.join(", ")
        ));
        curve.notes.iter().for_each(|note| terminal.say(format!("          {note}")));
        curves.push(curve);
    }
    Ok(curves)
}

fn announce(unknowns: &Unknowns, problem: &Problem, curves: &[Experiment], terminal: &Terminal) {
    let names: Vec<&str> =
        unknowns.list.iter().map(|&k| problem.parameters[k].name.as_str()).collect();
    terminal.say(format!("unknown   {}", names.join(", ")));
    let nominal = unknowns.nominal(problem, curves);
    if !nominal.is_empty() {
        terminal.say(format!("nominal   {}", nominal.join(", ")));
    }
}
