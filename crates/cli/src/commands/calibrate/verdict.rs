//! Are the draws to be believed, and what do they say?

use surrogate_calibrate::diagnostics::{Summary, e_bfmi, summary};
use surrogate_calibrate::{
    CalibrateError, Chain, Draws, FACE_MASS_LIMIT, Faces, Identification, Parameter, faces, stream,
};

use super::certify::Certified;
use super::model::Models;
use super::sampling::Drawn;
use crate::failure::Failure;

/// Greatest R-hat of draws that are believed.
const MOST_R_HAT: f64 = 1.01;
/// Least effective sample size of draws that are believed.
const LEAST_ESS: f64 = 400.0;
/// E-BFMI from which it is spoken of.
const LOW_E_BFMI: f64 = 0.3;
/// Contraction below which the data have said nothing of a parameter.
const UNTOLD: f64 = 0.1;
/// Draws of the prior that those of the posterior are compared with.
const PRIOR_DRAWS: usize = 2000;
/// Stream of random numbers of those draws.
const PRIOR_STREAM: u64 = 1 << 41;

/// What the draws say of one unknown, SI.
pub struct Line {
    /// Name.
    pub name: String,
    /// Of its draws.
    pub summary: Summary,
    /// Share of the prior's variance that the data removed.
    pub contraction: f64,
    /// Mass at the ends of its box.
    pub faces: Faces,
    /// Mean and standard deviation of the surrogate's draws, where the reference solver moved them.
    pub before: Option<(f64, f64)>,
}

/// The judgement.
pub struct Judged {
    /// Unknown parameters, then those of the noise.
    pub lines: Vec<Line>,
    /// Draws that the lines are of, SI.
    pub draws: Draws,
    /// Draws of the prior, SI.
    pub prior: Draws,
    /// Directions of the unknown parameters that the data inform.
    pub informed: usize,
    /// Divergent trajectories.
    pub divergences: usize,
    /// The least over chains; `None` for samplers without energies.
    pub e_bfmi: Option<f64>,
    /// Why intervals are not to be trusted; empty if they are.
    pub reasons: Vec<String>,
    /// What else is worth saying.
    pub remarks: Vec<String>,
    /// Whether the reference solver stands behind the draws.
    pub certified: bool,
}

impl Judged {
    /// In one word: `certified`, `uncertified` (nothing to certify with), `refused`.
    pub fn word(&self) -> &'static str {
        match (self.reasons.is_empty(), self.certified) {
            (false, _) => "refused",
            (true, true) => "certified",
            (true, false) => "uncertified",
        }
    }

    /// The least bulk effective sample size of an unknown parameter.
    pub fn least_ess(&self, unknowns: usize) -> f64 {
        self.lines[..unknowns].iter().map(|l| l.summary.ess_bulk).fold(f64::INFINITY, f64::min)
    }
}

/// Judges draws.
///
/// # Errors
/// A prior without mass in its box.
pub fn judge(
    models: &Models<'_>,
    drawn: &Drawn,
    certified: Option<&Certified>,
    seed: u64,
) -> Result<Judged, Failure> {
    let posterior = &models.surrogate;
    let corrected = certified.and_then(|c| c.corrected.as_ref());
    let draws = posterior.parameters_of(corrected.unwrap_or(&drawn.draws));
    let prior = prior_draws(models, seed)?;
    let contraction = Identification::new(&draws, &prior)?.contraction;
    let p = models.unknowns;
    let informed = Identification::new(&first(&draws, p), &first(&prior, p))?.informed();
    let faces = faces(&draws, &posterior.parameters);
    let before = corrected.map(|_| {
        let raw = posterior.parameters_of(&drawn.draws);
        (raw.means(), raw.covariance())
    });
    let moments = |k: usize| {
        let of = |(means, covariance): &(Vec<f64>, Vec<f64>)| {
            (means[k], covariance[k * (means.len() + 1)].sqrt())
        };
        before.as_ref().map(of)
    };
    let line = |(k, parameter): (usize, &Parameter)| Line {
        name: parameter.name.clone(),
        summary: summary(&draws.coordinate(k)),
        contraction: contraction[k],
        faces: faces[k],
        before: moments(k),
    };
    let lines: Vec<Line> = posterior.parameters.iter().enumerate().map(line).collect();
    let energies = drawn.draws.chains.iter().filter(|c| !c.stats.energy.is_empty());
    let e_bfmi = energies.map(|c| e_bfmi(&c.stats.energy)).reduce(f64::min);
    let divergences = drawn.draws.divergences();
    let reasons = reasons(&lines, p, certified, drawn);
    let mut remarks = remarks(&lines[..p], informed, divergences, e_bfmi);
    if drawn.modes > 1 && reasons.is_empty() {
        remarks
            .push(format!("{} modes, from each of which the chains find the others", drawn.modes));
    }
    let certified = certified.is_some_and(|c| c.corrected.is_some()) || drawn.exact.is_some();
    Ok(Judged { lines, draws, prior, informed, divergences, e_bfmi, reasons, remarks, certified })
}

/// Why intervals are not to be trusted.
fn reasons(
    lines: &[Line],
    unknowns: usize,
    certified: Option<&Certified>,
    drawn: &Drawn,
) -> Vec<String> {
    let mut out = Vec::new();
    let names = |bad: &dyn Fn(&Line) -> Option<String>| {
        lines.iter().filter_map(bad).collect::<Vec<_>>().join(", ")
    };
    let mut add = |what: String, list: String| {
        if !list.is_empty() {
            out.push(format!("{what}: {list}"));
        }
    };
    let good = |r_hat: f64| r_hat <= MOST_R_HAT;
    let r_hat =
        |l: &Line| (!good(l.summary.r_hat)).then(|| format!("{} {:.3}", l.name, l.summary.r_hat));
    add(
        format!("R-hat is not below {MOST_R_HAT} (several chains, more --tune and --draws)"),
        names(&r_hat),
    );
    let ess = |l: &Line| {
        let least = l.summary.ess_bulk.min(l.summary.ess_tail);
        (least.is_nan() || least < LEAST_ESS).then(|| format!("{} {least:.0}", l.name))
    };
    add(format!("fewer than {LEAST_ESS} effective draws (more --draws)"), names(&ess));
    let leaning = lines[..unknowns].iter().filter(|l| l.faces.leaning()).map(|l| {
        let end = if l.faces.high > FACE_MASS_LIMIT { "upper" } else { "lower" };
        format!("{} at its {end} end", l.name)
    });
    let leaning = leaning.collect::<Vec<_>>().join(", ");
    add("the box, not the data, bounds (train over a larger one)".to_string(), leaning);
    let scarce = |c: &&Certified| {
        // the shift by the weights has an error of its own, beside that of the chains
        let error = 1.0 / c.effective - 1.0 / c.solved as f64;
        c.corrected.is_some() && error > 1.0 / LEAST_ESS
    };
    if let Some(c) = certified.filter(scarce) {
        out.push(format!(
            "the weights of the reference solver leave {:.0} effective draws of {} (more --certify, \
             or train the surrogate further)",
            c.effective, c.solved
        ));
    }
    if let Some(c) = certified.filter(|c| c.corrected.is_none()) {
        out.push(format!(
            "the reference solver contradicts the surrogate: k-hat {:.2} is above {:.2} \
             (--sampler delayed draws exactly; or train the surrogate further)",
            c.k_hat, c.limit
        ));
    }
    let met =
        lines.iter().all(|l| good(l.summary.r_hat)) && drawn.modes <= drawn.draws.chains.len();
    if drawn.modes > 1 && drawn.log_evidence.is_none() && !met {
        out.push(format!(
            "{} modes, between which the chains do not pass (--sampler smc weighs them)",
            drawn.modes
        ));
    }
    out
}

/// What else is worth saying.
fn remarks(
    lines: &[Line],
    informed: usize,
    divergences: usize,
    e_bfmi: Option<f64>,
) -> Vec<String> {
    let mut out = Vec::new();
    let untold: Vec<&str> =
        lines.iter().filter(|l| l.contraction < UNTOLD).map(|l| l.name.as_str()).collect();
    if !untold.is_empty() {
        out.push(format!("the data say next to nothing of {}", untold.join(", ")));
    }
    if informed < lines.len() {
        out.push(format!("the data inform {informed} of {} directions", lines.len()));
    }
    if divergences > 0 {
        out.push(format!("{divergences} divergent trajectories: the draws may miss a region"));
    }
    if let Some(low) = e_bfmi.filter(|e| *e < LOW_E_BFMI) {
        out.push(format!("E-BFMI {low:.2} is below {LOW_E_BFMI}: heavy tails are explored slowly"));
    }
    out
}

/// Draws of the prior, SI.
fn prior_draws(models: &Models<'_>, seed: u64) -> Result<Draws, Failure> {
    let mut rng = stream(seed, PRIOR_STREAM);
    let mut positions = Vec::new();
    for _ in 0..PRIOR_DRAWS {
        positions.extend(models.surrogate.sample_prior(&mut rng).map_err(CalibrateError::from)?);
    }
    let dim = models.surrogate.parameters.len();
    Ok(Draws { dim, chains: vec![Chain { positions, ..Chain::default() }], stopped: false })
}

/// The first `p` coordinates.
fn first(draws: &Draws, p: usize) -> Draws {
    let cut = |c: &Chain| {
        let positions = c.positions.chunks_exact(draws.dim).flat_map(|x| &x[..p]).copied();
        Chain { positions: positions.collect(), ..Chain::default() }
    };
    Draws { dim: p, chains: draws.chains.iter().map(cut).collect(), stopped: draws.stopped }
}
