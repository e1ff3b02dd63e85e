//! The end of `train`: comparison with the reference, report, manifest, last words.

use serde_json::json;
use surrogate_meter::EnergyReport;
use surrogate_problem::Problem;
use surrogate_run::schema::{Detail, Energy, Payback, PowerLine};
use surrogate_run::{Goal, Manifest, RunDirectory, RunError, Status};

use super::CHECK_SEED;
use super::found::{account, with_found};
use super::green::Green;
use super::session::{Learned, Outcome, Session};
use super::verdict::{Evidence, judge, relative};
use crate::args::Train;
use crate::cell::{Currents, Ends};
use crate::commands::evaluate;
use crate::commands::payback::payback;
use crate::failure::Failure;
use crate::footprint::{self, Work};
use crate::generator::Generator;
use crate::progress::duration;
use crate::surrogate::Surrogate;
use crate::terminal::{Terminal, shell_word};
use crate::{compare, energy, interrupts, inverse, record};

/// Parameter points of the comparison after training.
const CHECK_POINTS: usize = 32;
/// The same of a cell, whose reference takes milliseconds: rare points decide whether goals hold, and the ends of
/// 99 of 100 say something only where a few are left over.
const CELL_POINTS: usize = 512;

impl Session<'_> {
    /// Evaluation, report, manifest, last words.
    pub fn close(
        mut self,
        problem: &Problem,
        outcome: Result<Outcome, Failure>,
        arguments: &Train,
    ) -> Result<u8, Failure> {
        interrupts::end_at_once();
        let failure = match outcome {
            Ok(outcome) => match self.finish(problem, outcome, arguments) {
                Ok(code) => return Ok(code),
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        self.manifest.reason = Some(failure.to_string());
        self.manifest.end(Status::Failed, jiff::Timestamp::now());
        // what stopped the run may stop this too; it then reads as interrupted
        let _ = self.run.write_manifest(&self.manifest);
        if let Failure::Run(error @ RunError::DiskFull { .. }) = &failure {
            let go_on = format!("surrogate train --resume {}", shell_word(self.run.path()));
            return Err(Failure::helped(
                error.to_string(),
                format!("make room, then go on from the last checkpoint with `{go_on}`"),
            ));
        }
        Err(failure)
    }

    fn finish(
        &mut self,
        problem: &Problem,
        mut outcome: Outcome,
        arguments: &Train,
    ) -> Result<u8, Failure> {
        let header = json!({
            "iterations": outcome.iterations,
            "held_out": outcome.held_out,
            "fields": self.fields,
        });
        if let Some(learned) = &outcome.learned {
            let best = match learned {
                Learned::Surrogate(surrogate) => surrogate.checkpoint(header),
                Learned::Generator(generator) => generator.checkpoint(header),
            };
            let hash = surrogate_run::hash_hex(&best.to_bytes());
            self.manifest.hashes.insert("weights".to_string(), hash);
            self.run.write_checkpoint("best", &best)?;
        }
        let mut errors = serde_json::Map::new();
        let held_out = outcome.held_out.iter().copied().reduce(f64::max).map(f64::sqrt);
        match (outcome.status, outcome.learned.take()) {
            (Status::Finished, Some(Learned::Surrogate(mut surrogate))) => {
                self.evaluate(problem, &mut surrogate, &mut outcome, held_out, &mut errors)?;
            }
            (Status::Finished, Some(Learned::Generator(generator))) => {
                return self.finish_generator(*generator, &outcome);
            }
            _ => {}
        }
        if outcome.status == Status::Finished {
            let Outcome { unchecked, doubts, undetermined, .. } = &outcome;
            let evidence = Evidence { held_out, unchecked, doubts, undetermined: *undetermined };
            self.manifest.verdict = Some(judge(&self.manifest, &evidence));
        }
        let (report, account) = self.account(&outcome)?;
        done(self.terminal, &self.manifest, &outcome);
        footprint::say(self.terminal, &report, &account);
        if let Some(green) = &self.green {
            self.terminal.say(format!("green     {}", green.words()));
        }
        last_words(self.terminal, &self.run, &self.manifest, &outcome, held_out);
        self.terminal.json(&json!({
            "run": self.run.path(),
            "status": outcome.status.word(),
            "reason": outcome.reason,
            "goal_reached": self.manifest.goal_reached,
            "verdict": self.manifest.verdict.as_ref().map(|v| &v.word),
            "held_out_residual": held_out,
            "seconds": self.manifest.seconds,
            "energy_j": report.total_uj as f64 * 1e-6,
            "energy_provenance": energy::word(&report),
            "footprint": account.footprint,
            "green": self.green.as_ref().map(Green::json),
            "errors": errors,
        }));
        let missed = self.manifest.goal_reached == Some(false);
        Ok(match outcome.status {
            Status::Interrupted if outcome.too_short => 1,
            Status::Interrupted => interrupts::INTERRUPTED,
            _ if arguments.strict && missed => 3,
            _ => 0,
        })
    }

    /// Judges a generator on crystals that it was not trained on; account and last words.
    fn finish_generator(&mut self, generator: Generator, outcome: &Outcome) -> Result<u8, Failure> {
        let scores = {
            let _stage = self.meter.stage("evaluate");
            let count = generator.judged();
            self.terminal.say(format!(
                "judging   on {count} crystals kept out of training; the time for training is over"
            ));
            let scores = generator.judge(self.manifest.seed.unwrap_or(0));
            scores.write(&self.run)?;
            scores
        };
        let (report, account) = self.account(outcome)?;
        done(self.terminal, &self.manifest, outcome);
        footprint::say(self.terminal, &report, &account);
        self.terminal.say(scores.words());
        let path = shell_word(self.run.path());
        let further = if outcome.resumable {
            format!(", or train on: surrogate train --resume {path}")
        } else {
            String::new()
        };
        self.terminal.say(format!(
            "next      surrogate generate --proposer both --model {path} --pxrd FILE --formula \
             FORMULA{further}"
        ));
        self.terminal.json(&json!({
            "run": self.run.path(),
            "status": outcome.status.word(),
            "reason": outcome.reason,
            "seconds": self.manifest.seconds,
            "energy_j": report.total_uj as f64 * 1e-6,
            "energy_provenance": energy::word(&report),
            "footprint": account.footprint,
            "structures": scores,
        }));
        Ok(0)
    }

    /// Files of energy, the report, the manifest.
    fn account(&mut self, outcome: &Outcome) -> Result<(EnergyReport, Energy), Failure> {
        let report = self.meter.report();
        self.write_power(&report)?;
        let mut options = self.electricity.options(&report, self.terminal)?;
        if let Some(green) = &self.green {
            options.intensity = green.intensity();
            surrogate_run::write_json(&self.run.file("green.json"), &green.json())?;
        }
        let work = Work::training(outcome.status == Status::Finished, outcome.payback.as_ref());
        let peak = self.peak_memory_bytes();
        let account_of = |report: &EnergyReport| Energy {
            peak_memory_bytes: peak,
            ..footprint::account(report, &options, &work)
        };
        surrogate_run::write_json(&self.run.file("energy.json"), &account_of(&report))?;
        self.manifest.reason = Some(outcome.reason.clone());
        self.manifest.seconds = Some(self.watch.seconds());
        self.manifest.energy = Some(energy::summary(&report));
        self.manifest.end(outcome.status, jiff::Timestamp::now());
        self.run.write_manifest(&self.manifest)?;
        if outcome.status == Status::Finished {
            let _stage = self.meter.stage("report");
            surrogate_report::report(self.run.path())?;
        }
        let report = self.meter.report();
        let account = account_of(&report);
        surrogate_run::write_json(&self.run.file("energy.json"), &account)?;
        self.manifest.energy = Some(energy::summary(&report));
        self.run.write_manifest(&self.manifest)?;
        if outcome.resumable {
            self.account_for_the_end()?;
        }
        Ok((report, account))
    }

    fn evaluate(
        &mut self,
        problem: &Problem,
        surrogate: &mut Surrogate,
        outcome: &mut Outcome,
        held_out: Option<f64>,
        errors: &mut serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), Failure> {
        let solved = with_found(&self.run, surrogate)?;
        let problem = solved.as_ref().unwrap_or(problem);
        {
            let _stage = self.meter.stage("evaluate");
            account(self.terminal, problem, surrogate, outcome, &self.run)?;
        }
        let mut truth = {
            let _stage = self.meter.stage("solve");
            let points = if problem.cell.is_some() { CELL_POINTS } else { CHECK_POINTS };
            if problem.cell.is_some() {
                self.terminal.say(format!(
                    "judging   against the solver at {points} points; the time for training is over"
                ));
            }
            match compare::truth(problem, points, CHECK_SEED, true) {
                Ok(truth) => truth,
                Err(failure) => {
                    let reason = format!("the reference solver failed: {failure}");
                    self.terminal.warn(&reason);
                    compare::nothing(&reason)
                }
            }
        };
        outcome.unchecked = compare::unchecked(problem, &truth);
        truth.keep_given(problem, surrogate);
        let found = {
            let _stage = self.meter.stage("evaluate");
            compare::errors(problem, surrogate, &truth)?
        };
        let ends = evaluate::ends(problem, surrogate, &truth, &found);
        let currents = {
            let _stage = self.meter.stage("solve");
            evaluate::currents(problem, surrogate, CHECK_SEED)
        };
        let mut details: Vec<Detail> = ends.iter().flat_map(Ends::details).collect();
        details.extend(currents.iter().flat_map(Currents::details));
        outcome.remarks.extend(ends.iter().flat_map(Ends::words));
        outcome.remarks.extend(currents.iter().flat_map(Currents::words));
        let tables = self.meter.stage("tables");
        let more = (held_out, details);
        self.manifest.goals = record::goals(problem, &truth, &found, ends.as_ref());
        record::write(&self.run, problem, &truth, &found, more, &mut self.manifest)?;
        drop(tables);
        errors.extend(errors_json(&truth, &found));
        outcome.payback = payback(&self.run, problem, surrogate, &self.meter)?;
        outcome.undetermined = !inverse::undetermined(problem).is_empty();
        outcome.no_reference = truth.targets.is_empty().then_some(truth.how);
        Ok(())
    }

    fn write_power(&self, report: &EnergyReport) -> Result<(), Failure> {
        let mut power = self.run.power()?;
        for sample in &report.samples {
            let names = report.channels.iter().map(|c| c.name.clone());
            let watts = names.zip(sample.watts.iter().copied()).collect();
            power.write(&PowerLine { time_s: sample.time_s, watts, stage: None })?;
        }
        Ok(power.sync()?)
    }
}

/// Errors for `--json`.
pub fn errors_json(
    truth: &compare::Truth,
    found: &[compare::Errors],
) -> serde_json::Map<String, serde_json::Value> {
    let entry = |(t, e): (&compare::Target, &compare::Errors)| {
        let value = json!({
            "rmse": e.rms / t.unit.factor,
            "max": e.max / t.unit.factor,
            "relative_l2": e.relative_l2,
            "unit": t.unit.text,
        });
        (t.name.clone(), value)
    };
    truth.targets.iter().zip(found).map(entry).collect()
}

/// Whether a goal is reached, for people.
pub fn goal_words(goal: &Goal) -> String {
    let word = match goal.reached() {
        Some(true) => "reached",
        Some(false) => "MISSED",
        None => "not checked",
    };
    format!("goal      {} {} {:.2e} {}: {word}", goal.output, goal.measure, goal.limit, goal.unit)
}

fn done(terminal: &Terminal, manifest: &Manifest, outcome: &Outcome) {
    let seconds = manifest.seconds.unwrap_or(0.0);
    let energy = manifest.energy.as_ref();
    terminal.say(format!(
        "done      {} ({})   {} iterations   {:.1} J {}",
        duration(seconds),
        outcome.reason,
        outcome.iterations,
        energy.map_or(0.0, |e| e.energy_j),
        energy.map_or("", |e| e.provenance.as_str()),
    ));
}

/// After how many curves training is repaid, beside the reference solver and another one.
fn repaid(payback: &Payback, poor: bool) -> String {
    let words = |calls: Option<f64>| calls.map_or("never".to_string(), |n| format!("after {n:.0}"));
    let mut text = format!("payback   {} solves of the reference", words(payback.calls()));
    if let Some(other) = &payback.other {
        let calls = words(payback.calls_of_other());
        text += &format!("; {calls} runs of {}, each taken as {} solves", other.name, other.solves);
    }
    if poor {
        text += "; if its errors do no harm: the fit is poor";
    }
    text
}

fn last_words(
    terminal: &Terminal,
    run: &RunDirectory,
    manifest: &Manifest,
    outcome: &Outcome,
    held_out: Option<f64>,
) {
    for e in &manifest.errors {
        if let (Some(rms), Some(max)) = (e.rms, e.max) {
            let relative = relative(e);
            terminal.say(format!(
                "error     {}: rms {rms:.2e} {u}, max {max:.2e} {u}{relative}",
                e.output,
                u = e.unit
            ));
        }
    }
    outcome.remarks.iter().for_each(|words| terminal.say(format!("          {words}")));
    if outcome.too_short {
        terminal.say(
            "error     none: the limit ended training before there was anything to predict with",
        );
    } else if outcome.status != Status::Finished {
        terminal.say("error     not measured yet: training has not come to its end");
    } else if manifest.errors.is_empty() {
        let why = outcome.no_reference.as_deref().map_or(String::new(), |w| format!(": {w}"));
        terminal.say(format!("error     not known, there is no reference{why}"));
    }
    if let Some(residual) = held_out {
        terminal.say(if residual.is_infinite() {
            "residual  not known: training ended before any weights were held against points never trained on"
                .to_string()
        } else {
            format!("residual  {residual:.1e} of its starting size, at points never trained on")
        });
    }
    if let Some(payback) = &outcome.payback {
        terminal.say(repaid(payback, manifest.is_poor()));
    }
    manifest.goals.iter().for_each(|goal| terminal.say(goal_words(goal)));
    if !outcome.unchecked.is_empty() && !manifest.errors.is_empty() {
        terminal.say(format!("unchecked {}: no reference", outcome.unchecked.join(", ")));
    }
    outcome.doubts.iter().for_each(|d| terminal.warn(d));
    match manifest.verdict.as_ref().and_then(|v| Some((v.word.as_str(), v.caution.as_ref()?))) {
        Some(("unverified", words)) if !outcome.undetermined => {
            terminal.say(format!("verdict   {words}"));
        }
        Some((_, words)) => terminal.warn(format!("this surrogate is {words}")),
        None => {}
    }
    let path = shell_word(run.path());
    match outcome.status {
        Status::Finished if outcome.resumable => terminal.say(format!(
            "next      surrogate report {path} --open, or train on: surrogate train --resume {path}"
        )),
        Status::Interrupted if outcome.too_short => terminal.say(format!(
            "next      surrogate train --resume {path}, with a larger limit (--max-time, --max-energy, --max-carbon)"
        )),
        Status::Interrupted => terminal.say(format!("next      surrogate train --resume {path}")),
        _ => terminal.say(format!("next      surrogate report {path} --open")),
    }
}
