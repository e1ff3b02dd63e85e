//! `surrogate calibrate`: measured curves in, a posterior out, and whether to believe it.

pub mod arguments;
mod certify;
mod curves;
mod experiment;
mod model;
mod outputs;
mod place;
mod predictive;
mod sampling;
mod unknowns;
mod verdict;

use std::time::Instant;

use serde_json::{Value, json};
use surrogate_meter::EnergyReport;
use surrogate_problem::Problem;
use surrogate_problem::model::Output;
use surrogate_run::Attribute;

use crate::energy;
use crate::failure::Failure;
use crate::footprint::{self, Work};
use crate::interrupts::{self, INTERRUPTED};
use crate::places::time_coordinate;
use crate::progress::parse_energy;
use crate::terminal::Terminal;
use crate::trained::Trained;

use arguments::Calibrate;
use certify::Certified;
use experiment::Experiment;
use model::Models;
use outputs::Units;
use place::Place;
use predictive::Fit;
use sampling::Drawn;
use unknowns::Unknowns;
use verdict::Judged;

/// Exit code of a posterior that is not to be trusted, under `--strict`.
const UNTRUSTED: u8 = 3;
/// Least points that a curve may be thinned to.
const LEAST_POINTS: usize = 2;

/// Runs the command.
pub fn run(arguments: &Calibrate, terminal: &Terminal) -> Result<u8, Failure> {
    let begun = Instant::now();
    let limit_j = limit(arguments)?;
    let mut trained = Trained::open(&arguments.run)?;
    let electricity = arguments.electricity.or_of(&trained.run)?;
    electricity.check()?;
    let meter = arguments.counters.meter()?;
    let stage = meter.stage("calibrate.prepare");
    let output = observed(&trained.problem, arguments.observe.as_deref())?;
    let curves = read_curves(arguments, &trained.problem, &output, terminal)?;
    let unknowns = Unknowns::choose(&arguments.parameters, &trained.problem, &curves)?;
    announce(&unknowns, &trained.problem, &curves, terminal);
    let models = model::prepare(arguments, &mut trained, &output, &unknowns, &curves, terminal)?;
    let place = Place::open(arguments, &trained.run, &curves)?;
    drop(stage);

    interrupts::watch()?;
    let stage = meter.stage("calibrate.sample");
    let drawn = place.remembering(&models.surrogate, |density| {
        sampling::draw(arguments, &models, density, limit_j, &meter, terminal)
    })?;
    drop(stage);
    if interrupts::asked() {
        terminal.say(format!(
            "stopped   go on with the same command, --out {} and --resume",
            place.shown()
        ));
        return Ok(INTERRUPTED);
    }
    let stage = meter.stage("calibrate.certify");
    let certified = match drawn.exact {
        Some(_) => None,
        None => certify::certify(&models, &drawn.draws, arguments.certify)?,
    };
    let judged = verdict::judge(&models, &drawn, certified.as_ref(), arguments.seed)?;
    let fits = predictive::fits(&models, &judged.draws, &curves, judged.certified)?;
    drop(stage);

    let units = Units::new(&trained.problem, &output, &unknowns, &models);
    let report = meter.stop();
    let found = Found { models, drawn, certified, judged, fits, units, output, curves };
    found.say(terminal);
    let options = electricity.options(&report, terminal)?;
    let account = footprint::account(&report, &options, &Work::default());
    footprint::say(terminal, &report, &account);
    let summary = found.summary(arguments, &report, begun.elapsed().as_secs_f64());
    surrogate_run::write_json(&place.folder.join("energy.json"), &account)?;
    found.write(&place, &trained.problem, &summary)?;
    terminal.say(format!("written   {}", place.shown()));
    terminal.json(&summary);
    Ok(if arguments.strict && found.judged.word() != "certified" { UNTRUSTED } else { 0 })
}

fn limit(arguments: &Calibrate) -> Result<Option<f64>, Failure> {
    if arguments.points < LEAST_POINTS {
        return Err(Failure::user(format!("--points must be at least {LEAST_POINTS}")));
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
    arguments: &Calibrate,
    problem: &Problem,
    output: &Output,
    terminal: &Terminal,
) -> Result<Vec<Experiment>, Failure> {
    let mut curves = Vec::new();
    for text in &arguments.data {
        let curve = Experiment::read(text, problem, output, arguments.points)?;
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

/// All that a calibration found.
struct Found {
    models: Models,
    drawn: Drawn,
    certified: Option<Certified>,
    judged: Judged,
    fits: Vec<Fit>,
    units: Units,
    output: Output,
    curves: Vec<Experiment>,
}

impl Found {
    /// The table, the fits and the verdict, for people.
    fn say(&self, terminal: &Terminal) {
        let trusted = self.judged.reasons.is_empty();
        let head = match trusted {
            true => format!("{:>12} {:>12} {:>12}", "sd", "5 %", "95 %"),
            false => String::new(),
        };
        terminal
            .say(format!("{:20} {:>12} {head:38}  {:>6} {:>6}   told", "", "mean", "R-hat", "ESS"));
        for (k, line) in self.judged.lines.iter().enumerate() {
            let ((unit, f), s) = (self.units.of(k), &line.summary);
            let interval = match trusted {
                true => format!("{:>12.5e} {:>12.5e} {:>12.5e}", s.sd / f, s.q5 / f, s.q95 / f),
                false => "no interval: see below".to_string(),
            };
            terminal.say(format!(
                "{:<20} {:>12.5e} {interval:>38}  {:>6.3} {:>6.0}  {:>3.0} % {unit}",
                line.name,
                s.mean / f,
                s.r_hat,
                s.ess_bulk.min(s.ess_tail),
                100.0 * line.contraction,
            ));
        }
        let (f, unit) = (self.output.unit.factor, &self.output.unit.text);
        for fit in &self.fits {
            terminal.say(format!(
                "fit       {}: rms {:.3e} {unit}, {:.0} % within the predicted 90 %, neighbours correlate {:.2}",
                fit.name,
                fit.rms / f,
                100.0 * fit.coverage_90,
                fit.autocorrelation
            ));
        }
        if let Some(c) = &self.certified {
            terminal.say(format!(
                "reference {} draws solved: k-hat {:.2} (at most {:.2}), greatest shift {:.2} sd, {:.0} effective",
                c.solved, c.k_hat, c.limit, c.shift, c.effective
            ));
        }
        if let Some(acceptance) = self.drawn.exact {
            terminal.say(format!(
                "reference decided on every draw: {:.0} % accepted",
                100.0 * acceptance
            ));
        }
        self.judged.remarks.iter().for_each(|remark| terminal.say(format!("note      {remark}")));
        self.judged.reasons.iter().for_each(|reason| terminal.warn(reason));
        terminal.say(format!("verdict   {}", self.judged.word()));
    }

    /// `summary.json`, which is also the object on stdout.
    fn summary(&self, arguments: &Calibrate, report: &EnergyReport, seconds: f64) -> Value {
        let p = self.models.unknowns;
        let stage_j = |name: &str| report.inclusive_uj(name) as f64 * 1e-6;
        let (sampling_j, certify_j) = (stage_j("calibrate.sample"), stage_j("calibrate.certify"));
        let ess = self.judged.least_ess(p);
        json!({
            "parameters": outputs::parameters(&self.judged, &self.units, 0..p),
            "noise": outputs::parameters(&self.judged, &self.units, p..self.judged.lines.len()),
            "k_hat": self.certified.as_ref().map(|c| c.k_hat),
            "energy_j": report.total_uj as f64 * 1e-6,
            "energy_provenance": energy::word(report),
            "seconds": seconds,
            "verdict": self.judged.word(),
            "reasons": self.judged.reasons,
            "remarks": self.judged.remarks,
            "fits": outputs::fits(&self.fits, &self.output),
            "informed_directions": self.judged.informed,
            "divergences": self.judged.divergences,
            "e_bfmi": self.judged.e_bfmi,
            "modes": self.drawn.modes,
            "log_evidence": self.drawn.log_evidence.map(|(log, se)| json!({ "value": log, "se": se })),
            "reference": self.certified.as_ref().map(|c| json!({
                "draws": c.solved, "effective_draws": c.effective, "k_hat_limit": c.limit,
                "greatest_shift_sd": c.shift,
            })),
            "acceptance": self.drawn.exact,
            "surrogate_error_rms": self.models.error_rms.map(|e| e / self.output.unit.factor),
            "gradients": self.drawn.draws.gradients(),
            "sampling_j": sampling_j,
            "certify_j": certify_j,
            "j_per_effective_draw": (sampling_j + certify_j) / ess,
            "sampler": arguments.sampler.word(),
            "likelihood": self.models.scatter.word(),
            "chains": self.drawn.draws.chains.len(),
            "draws": self.drawn.draws.draws(),
            "seed": arguments.seed,
        })
    }

    fn write(&self, place: &Place, problem: &Problem, summary: &Value) -> Result<(), Failure> {
        let folder = &place.folder;
        let text = |name: &str, value: &str| (name.to_string(), Attribute::from(value));
        let attributes = vec![
            text("inference_library", "surrogate"),
            text("inference_library_version", env!("CARGO_PKG_VERSION")),
            text("title", &problem.title),
            text("verdict", self.judged.word()),
        ];
        let (judged, units) = (&self.judged, &self.units);
        outputs::posterior_nc(folder, judged, &self.drawn, &self.models, units, attributes)?;
        outputs::draws_csv(folder, judged, units)?;
        outputs::fit_csv(folder, problem, &self.output, &self.curves, &self.fits)?;
        surrogate_run::write_json(&folder.join("summary.json"), summary)?;
        place.finish()
    }
}
