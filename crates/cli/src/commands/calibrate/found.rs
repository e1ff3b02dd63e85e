//! All that a calibration found: on the terminal, on stdout, on disk.

use serde_json::{Value, json};
use surrogate_meter::EnergyReport;
use surrogate_problem::Problem;
use surrogate_run::RunDirectory;

use super::arguments::Calibrate;
use super::certify::Certified;
use super::experiment::Experiment;
use super::model::Models;
use super::outputs::{self, Units};
use super::place::Place;
use super::predictive::Fit;
use super::repaid::Repaid;
use super::residuals::Residuals;
use super::sampling::Drawn;
use super::study::Study;
use super::verdict::Judged;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Energy of sampling and of the certificate, J.
fn own_j(report: &EnergyReport) -> (f64, f64) {
    let stage_j = |name: &str| report.inclusive_uj(name) as f64 * 1e-6;
    (stage_j("calibrate.sample"), stage_j("calibrate.certify"))
}

/// All that a calibration found.
pub struct Found<'a> {
    /// What was sampled.
    pub models: Models<'a>,
    /// The draws.
    pub drawn: Drawn,
    /// What the reference solver says of them.
    pub certified: Option<Certified>,
    /// Whether to believe them.
    pub judged: Judged,
    /// How they lie to the data.
    pub fits: Vec<Fit>,
    /// How they lie to the curves held out.
    pub predictions: Vec<Fit>,
    /// What their residuals are.
    pub residuals: Vec<Residuals>,
    /// Units of the unknowns.
    pub units: Units,
    /// What was asked.
    pub study: &'a Study,
}

impl Found<'_> {
    /// The table, the fits and the verdict, for people.
    pub fn say(&self, terminal: &Terminal) {
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
        self.fits.iter().for_each(|fit| self.say_fit("fit", fit, terminal));
        self.predictions.iter().for_each(|fit| self.say_fit("predicted", fit, terminal));
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

    fn say_fit(&self, what: &str, fit: &Fit, terminal: &Terminal) {
        terminal.say(format!(
            "{what:9} {}: rms {:.3e} {}, {:.0} % within the predicted 90 %, neighbours correlate {:.2}",
            fit.name,
            fit.rms / self.study.output.unit.factor,
            self.study.output.unit.text,
            100.0 * fit.coverage_90,
            fit.autocorrelation
        ));
        if fit.failed > 0 {
            let (failed, name) = (fit.failed, &fit.name);
            terminal.warn(format!("{failed} draws give no curve to hold against {name}"));
        }
    }

    /// `summary.json`, which is also the object on stdout.
    pub fn summary(&self, arguments: &Calibrate, report: &EnergyReport) -> Value {
        let p = self.models.unknowns;
        let (sampling_j, certify_j) = own_j(report);
        let ess = self.judged.least_ess(p);
        let (problem, time) = (&self.study.trained.problem, self.study.time());
        json!({
            "run": self.study.trained.run.name(),
            "title": problem.title,
            "parameters": outputs::parameters(self, 0..p),
            "noise": outputs::parameters(self, p..self.judged.lines.len()),
            "k_hat": self.certified.as_ref().map(|c| c.k_hat),
            "verdict": self.judged.word(),
            "observed": {
                "name": self.study.output.name,
                "unit": crate::record::unit(&self.study.output.unit.text),
                "time_unit": time.text,
            },
            "reasons": self.judged.reasons,
            "remarks": self.judged.remarks,
            "fits": outputs::fits(&self.fits, &self.study.output),
            "predictions": outputs::fits(&self.predictions, &self.study.output),
            "residuals": self.residuals.iter().map(|r| r.json(&self.study.output, &time)).collect::<Value>(),
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
            "independent_shares": self.models.shares,
            "surrogate_error_rms": self.models.error.map(|e| e.rms() / self.study.output.unit.factor),
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

    /// What the evaluations would have taken by the reference solver; `None` where training has not
    /// measured it.
    pub fn repaid(&self, run: &RunDirectory, report: &EnergyReport) -> Option<Repaid> {
        let (sampling_j, certify_j) = own_j(report);
        let evaluations = self.drawn.draws.gradients();
        Repaid::of(run, evaluations, self.study.curves.len(), sampling_j + certify_j)
    }

    /// Writes all files of the calibration.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn write(&self, place: &Place, problem: &Problem, summary: &Value) -> Result<(), Failure> {
        let (folder, study) = (&place.folder, self.study);
        outputs::posterior_nc(folder, problem, self)?;
        outputs::draws_csv(folder, &self.judged, &self.units)?;
        outputs::prior_csv(folder, self)?;
        let curves = |name: &str, curves: &[Experiment], fits: &[Fit]| {
            outputs::curves_csv(&folder.join(name), problem, &study.output, curves, fits)
        };
        curves("fit.csv", &study.curves, &self.fits)?;
        if let Some(held_out) = &study.held_out {
            curves("predict.csv", &held_out.curves, &self.predictions)?;
        }
        surrogate_run::write_json(&folder.join("summary.json"), summary)?;
        place.finish()
    }
}
