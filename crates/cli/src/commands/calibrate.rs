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
mod residuals;
mod sampling;
mod sbc;
mod study;
mod unknowns;
mod verdict;

use std::time::Instant;

use serde_json::Value;
use surrogate_meter::{EnergyReport, Meter};
use surrogate_run::RunDirectory;

use crate::electricity::Electricity;
use crate::energy;
use crate::failure::Failure;
use crate::footprint::{self, Work};
use crate::interrupts::{self, INTERRUPTED};
use crate::progress::parse_energy;
use crate::terminal::Terminal;
use crate::trained::{self, Trained};

use arguments::Calibrate;
use found::Found;
use model::measured;
use outputs::Units;
use place::Place;
use plan::Plan;
use sampling::Settings;
use study::Study;

/// Exit code of a posterior that is not to be trusted, under `--strict`.
const UNTRUSTED: u8 = 3;
/// Least points that a curve may be thinned to.
const LEAST_POINTS: usize = 2;

/// Runs the command.
pub fn run(arguments: &Calibrate, terminal: &Terminal) -> Result<u8, Failure> {
    let begun = Instant::now();
    let limit_j = limit(arguments)?;
    let trained = Trained::open(&arguments.run)?;
    let fit = trained::caution(&trained.run, terminal)?;
    let plan = Plan::read(arguments, &trained.problem)?;
    let electricity = arguments.electricity.or_of(&trained.run)?;
    electricity.check()?;
    let meter = arguments.counters.meter()?;
    let stage = meter.stage("calibrate.prepare");
    let study = Study::read(&plan, trained, arguments, terminal)?;
    let place = Place::open(arguments, &plan, &study.trained.run, &study.curves)?;
    drop(stage);
    interrupts::watch()?;
    let inferred = match arguments.sbc {
        Some(count) => {
            let Study { prepared, curves, .. } = &study;
            let _stage = meter.stage("calibrate.sbc");
            let verified = sbc::run(arguments, count, prepared, curves, &place, &meter, terminal)?;
            (!verified.interrupted).then_some(Inferred::Verified(verified))
        }
        None => infer(arguments, &study, &place, limit_j, &meter, terminal)?
            .map(|found| Inferred::Found(Box::new(found))),
    };
    let Some(inferred) = inferred else { return Ok(stopped(&place, terminal)) };
    let report = meter.stop();
    let (summary, trusted) = match inferred {
        Inferred::Verified(verified) => (counted(verified.summary, &report, begun), verified.even),
        Inferred::Found(found) => {
            let mut summary = counted(found.summary(arguments, &report), &report, begun);
            if let Some(repaid) = found.repaid(&study.trained.run, &report) {
                terminal.say(format!("energy    {}", repaid.words()));
                summary["payback"] = repaid.json();
            }
            summary["fit"] = fit;
            found.write(&place, &study.trained.problem, &summary)?;
            (summary, found.judged.word() == "certified")
        }
    };
    close(&report, &electricity, &place, terminal)?;
    draw(&place, &study.trained.run, terminal)?;
    terminal.json(&summary);
    Ok(if arguments.strict && !trusted { UNTRUSTED } else { 0 })
}

/// What came of it.
enum Inferred<'a> {
    /// A posterior.
    Found(Box<Found<'a>>),
    /// Ranks of invented truths.
    Verified(sbc::Verified),
}

/// Draws, certifies and judges; nothing after Ctrl-C.
fn infer<'a>(
    arguments: &Calibrate,
    study: &'a Study,
    place: &Place,
    limit_j: Option<f64>,
    meter: &Meter,
    terminal: &Terminal,
) -> Result<Option<Found<'a>>, Failure> {
    let Study { prepared, curves, output, unknowns, .. } = study;
    let models = prepared.models(&measured(curves))?;
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
        sampling::draw(&settings, &models, density, limit_j, meter, terminal)
    })?;
    drop(stage);
    if interrupts::asked() {
        return Ok(None);
    }
    let _stage = meter.stage("calibrate.certify");
    let certified = match drawn.exact {
        Some(_) => None,
        None => certify::certify(&models, &drawn.draws, arguments.certify)?,
    };
    let seed = arguments.seed;
    let mut judged = verdict::judge(&models, &drawn, certified.as_ref(), seed)?;
    let fits = predictive::fits(&models, &judged, curves, seed)?;
    let residuals = residuals::of(&models, &judged, curves, &fits);
    residuals::judge(&mut judged, &residuals, models.scatter, output, &study.time());
    let predictions = predictive::of_held_out(&models, &judged, study, seed)?;
    let units = Units::new(&study.trained.problem, output, unknowns, &models);
    let found =
        Found { models, drawn, certified, judged, fits, predictions, residuals, units, study };
    found.say(terminal);
    Ok(Some(found))
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

/// Says and keeps what all took.
fn close(
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
    Ok(())
}

/// The page of the calibration and, where it lies in its run, that of the run.
fn draw(place: &Place, run: &RunDirectory, terminal: &Terminal) -> Result<(), Failure> {
    let own = surrogate_report::calibration(&place.folder)?;
    let files = match place.in_run {
        true => surrogate_report::report(run.path())?,
        false => own,
    };
    files.warnings.iter().for_each(|warning| terminal.warn(warning));
    terminal.say(format!("report    {}", files.page.display()));
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
