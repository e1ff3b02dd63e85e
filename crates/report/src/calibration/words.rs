//! Tables and sentences on calibrations.

use surrogate_run::schema::Energy;

use super::inputs::{Check, Contents, Posterior, Summary, Unknown};
use crate::energy_section::with_interval;
use crate::figure::text::{duration, number, pretty_unit, quantity, scaled_unit, with_unit};
use crate::figures::capital;
use crate::page::{FactView, TableView};

/// `D_n (m²/s)`.
pub(crate) fn label(unknown: &Unknown) -> String {
    with_unit(&unknown.name, &pretty_unit(&unknown.estimate.unit))
}

/// Factor and unit in which the mean of an unknown is readable.
fn shown_unit(unknown: &Unknown) -> (f64, String) {
    let estimate = &unknown.estimate;
    match estimate.mean.map(f64::abs) {
        Some(size) if !(1e-2..1e4).contains(&size) => scaled_unit(&estimate.unit, size),
        _ => (1.0, pretty_unit(&estimate.unit)),
    }
}

fn told(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |v| number(v, digits))
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |s| format!("{:.0} %", 100.0 * s).replace('-', "−"))
}

fn joules(value: Option<f64>) -> String {
    value.map_or_else(|| "an unknown energy".to_owned(), |j| quantity(j, "J", 3))
}

fn view(headers: &[&str], rows: Vec<Vec<String>>) -> TableView {
    TableView { headers: headers.iter().map(|h| (*h).to_owned()).collect(), rows }
}

/// Why there are no intervals; empty where there are.
pub(super) fn refusal(p: &Posterior) -> Vec<String> {
    if p.trusted() {
        return Vec::new();
    }
    let first = match p.summary.verdict.as_str() {
        "refused" => "Refused: this posterior is not to be trusted, and no intervals are shown.",
        _ => "The verdict is not known, and no intervals are shown.",
    };
    let mut out = vec![first.to_owned()];
    out.extend(p.summary.reasons.iter().map(|reason| format!("{}.", capital(reason))));
    out
}

/// What was drawn, what stands behind it, what it took.
pub(super) fn notes(p: &Posterior) -> Vec<String> {
    let s = &p.summary;
    let mut out = Vec::new();
    match s.verdict.as_str() {
        "certified" => out.push(
            "Certified: the reference solver stands behind these draws.".to_owned(),
        ),
        "uncertified" => out.push(
            "Uncertified: no reference solver has checked the draws; the intervals are those of the \
             surrogate."
                .to_owned(),
        ),
        _ => {}
    }
    out.extend(certificate(s));
    out.push(format!(
        "Drawn by {}: {} chains of {} draws, seed {}; likelihood {}.",
        s.sampler, s.chains, s.draws, s.seed, s.likelihood
    ));
    if let Some(error) = s.surrogate_error_rms {
        let rms = quantity(error, &s.observed.unit, 2);
        out.push(format!(
            "The surrogate's own error ({rms} rms over its box) is in the likelihood."
        ));
    }
    if let Some((value, se)) = s.log_evidence.as_ref().and_then(|e| Some((e.value?, e.se?))) {
        out.push(format!("Logarithm of the evidence: {value:.2} ± {se:.2}."));
    }
    for (fit, share) in s.fits.iter().zip(&s.independent_shares).filter(|(_, s)| **s < 1.0) {
        let (alone, curve) = (share * fit.points as f64, &fit.curve);
        out.push(format!(
            "The residuals of {curve} are a misfit rather than noise: its {} points count as {} \
             independent ones.",
            fit.points,
            number(alone, 2)
        ));
    }
    for fit in s.fits.iter().chain(&s.predictions).filter(|fit| fit.draws_without_curve > 0) {
        let (count, curve) = (fit.draws_without_curve, &fit.curve);
        out.push(format!(
            "{count} draws give no curve to hold against {curve}: they are left out."
        ));
    }
    out.extend(s.remarks.iter().map(|remark| format!("{}.", capital(remark))));
    out.extend(energy(s));
    out
}

fn certificate(s: &Summary) -> Option<String> {
    if let Some(acceptance) = s.acceptance {
        let share = percent(Some(acceptance));
        return Some(format!("The reference solver decided on every draw and accepted {share}."));
    }
    let reference = s.reference.as_ref()?;
    let (k_hat, limit) = (s.k_hat, reference.k_hat_limit);
    let tail = match (k_hat, limit) {
        (Some(k_hat), Some(limit)) if k_hat <= limit => format!(
            "the draws were moved and stretched by their weights, a mean by {} sd at most",
            reference.greatest_shift_sd.map_or("–".to_owned(), |shift| format!("{shift:.2}"))
        ),
        _ => "too much for their weights to be trusted: the draws are those of the surrogate"
            .to_owned(),
    };
    Some(format!(
        "{} of the draws were solved by the reference solver. Its weights have k-hat {} (at most {}) \
         and leave {} effective draws; {tail}.",
        reference.draws,
        k_hat.map_or_else(|| "unknown".to_owned(), |k| format!("{k:.2}").replace('-', "−")),
        told(limit, 2),
        told(reference.effective_draws.map(f64::round), 3),
    ))
}

fn energy(s: &Summary) -> Option<String> {
    let each = s.j_per_effective_draw?;
    let origin = match s.energy_provenance.as_str() {
        "" => String::new(),
        origin => format!(" ({origin})"),
    };
    let mut text = format!(
        "Sampling took {} and the certificate {}{origin}: {} for an effective draw.",
        joules(s.sampling_j),
        joules(s.certify_j),
        joules(Some(each))
    );
    if let Some(payback) = &s.payback {
        let (solver, training) = (joules(payback.by_solver_j), joules(payback.training_j));
        let when = match payback.calibrations {
            Some(n) => format!("is paid back after {} calibrations", number(n, 2)),
            None => "is never paid back".to_owned(),
        };
        text.push_str(&format!(
            " The same evaluations by the reference solver would take {solver}; training \
             ({training}) {when}."
        ));
    }
    Some(text)
}

/// What the draws say of each unknown; without intervals where these are refused.
pub(super) fn estimates(p: &Posterior) -> TableView {
    let trusted = p.trusted();
    let row = |u: &Unknown| {
        let (e, (factor, unit)) = (&u.estimate, shown_unit(u));
        let value = |v: Option<f64>, digits| told(v.map(|v| v * factor), digits);
        let mut row = vec![with_unit(&u.name, &unit), value(e.mean, 4)];
        if trusted {
            row.push(value(e.sd, 2));
            row.extend([e.q5, e.q50, e.q95].map(|v| value(v, 4)));
        }
        row.push(e.r_hat.map_or_else(|| "–".to_owned(), |r| format!("{r:.3}")));
        row.extend(
            [e.ess_bulk, e.ess_tail].map(|n| n.map_or("–".to_owned(), |n| format!("{n:.0}"))),
        );
        row.push(percent(e.contraction));
        row
    };
    let rows = p.unknowns.iter().map(row).collect();
    let tail = ["R-hat", "ESS bulk", "ESS tail", "Contraction"];
    let head: &[&str] = match trusted {
        true => &["Unknown", "Mean", "Sd", "5 %", "50 %", "95 %"],
        false => &["Unknown", "Mean"],
    };
    view(&[head, &tail].concat(), rows)
}

/// The surrogate's draws beside those that the weights of the reference solver made of them.
pub(super) fn moved(p: &Posterior) -> Option<TableView> {
    let trusted = p.trusted();
    let row = |u: &Unknown| {
        let (e, before) = (&u.estimate, u.estimate.before_weights?);
        let shift = (e.mean? - before.mean?) / before.sd?;
        let (factor, unit) = shown_unit(u);
        let mut row = vec![with_unit(&u.name, &unit)];
        row.extend([before.mean, e.mean].map(|m| told(m.map(|m| m * factor), 4)));
        let small = shift.abs() < 0.005;
        row.push(if small {
            "0.00".to_owned()
        } else {
            format!("{shift:+.2}").replace('-', "−")
        });
        if trusted {
            row.push(number(e.sd? / before.sd?, 3));
        }
        Some(row)
    };
    let rows: Vec<Vec<String>> = p.unknowns.iter().filter_map(row).collect();
    let mut headers = vec!["Unknown", "Mean by the surrogate", "By the reference", "Shift (sd)"];
    if trusted {
        headers.push("Ratio of sds");
    }
    (!rows.is_empty()).then(|| view(&headers, rows))
}

/// How the draws lie to curves, fitted and held out.
pub(super) fn fits(p: &Posterior) -> TableView {
    let s = &p.summary;
    let fitted = s.fits.iter().map(|fit| (fit, "fitted"));
    let all = fitted.chain(s.predictions.iter().map(|fit| (fit, "held out")));
    let row = |(fit, what): (&super::Fit, &str)| {
        let rms = fit.rms.map_or("–".to_owned(), |v| quantity(v, &s.observed.unit, 3));
        let (name, points) = (fit.curve.clone(), fit.points.to_string());
        let neighbours = told(fit.autocorrelation, 2);
        vec![name, what.to_owned(), points, rms, percent(fit.coverage_90), neighbours]
    };
    let headers =
        ["Curve", "What", "Points", "Rms residual", "Within 90 %", "Correlation of neighbours"];
    view(&headers, all.map(row).collect())
}

fn fact(name: &str, value: String) -> FactView {
    FactView { name: name.to_owned(), value }
}

/// Energy and carbon of all, for the foot of the page.
pub(super) fn spent(energy: Option<&Energy>) -> Vec<FactView> {
    let Some(energy) = energy else { return Vec::new() };
    let joules = quantity(energy.total_j(), "J", 3);
    let mut out = vec![fact("Energy", format!("{joules} ({})", energy.provenance))];
    let carbon = energy.footprint.as_ref().map(|f| with_interval(&f.carbon));
    out.extend(carbon.map(|carbon| fact("Carbon", carbon)));
    out
}

/// How it was drawn, for the foot of the page.
pub(super) fn facts(s: &Summary) -> Vec<FactView> {
    let curves = |fits: &[super::Fit]| {
        fits.iter().map(|fit| fit.curve.as_str()).collect::<Vec<_>>().join(", ")
    };
    let list = vec![
        fact("Run", s.run.clone()),
        fact("Observed", with_unit(&s.observed.name, &pretty_unit(&s.observed.unit))),
        fact("Fitted curves", curves(&s.fits)),
        fact("Held-out curves", curves(&s.predictions)),
        fact("Sampler", format!("{}, {} chains of {} draws", s.sampler, s.chains, s.draws)),
        fact("Likelihood", s.likelihood.clone()),
        fact("Seed", s.seed.to_string()),
        fact("Time", s.seconds.map_or_else(String::new, duration)),
    ];
    list.into_iter().filter(|fact| !fact.value.is_empty()).collect()
}

/// A line of the table of calibrations that are not shown in full.
pub(super) fn row(number: u64, contents: &Contents) -> Vec<String> {
    let mut row = vec![number.to_string()];
    row.extend(match contents {
        Contents::Posterior(p) => {
            let names: Vec<&str> = p.parameters().map(|u| u.name.as_str()).collect();
            let curves: Vec<&str> = p.summary.fits.iter().map(|f| f.curve.as_str()).collect();
            let verdict = p.summary.verdict.clone();
            ["posterior".to_owned(), verdict, names.join(", "), curves.join(", ")]
        }
        Contents::Check(check) => {
            let sets = format!("{} invented", check.summary.data_sets);
            let what = "simulation-based check".to_owned();
            [what, check.summary.verdict.clone(), check.names().join(", "), sets]
        }
        Contents::Unfinished => ["not finished", "–", "–", "–"].map(str::to_owned),
    });
    row
}

/// That ranks leave their band, where they do.
pub(super) fn uneven(check: &Check) -> Vec<String> {
    let outside = check.summary.unknowns.iter().filter(|(_, of)| !of.in_band);
    let names: Vec<&str> = outside.map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "Uneven: the ranks of {} leave their band, intervals of such posteriors are not to be trusted \
         (train the surrogate further, or draw more and longer chains).",
        names.join(", ")
    )]
}

pub(super) fn check_notes(check: &Check) -> Vec<String> {
    let s = &check.summary;
    let mut out = Vec::new();
    if s.verdict == "even" {
        out.push("Even: the ranks of all truths stay in their band.".to_owned());
    }
    out.push(format!(
        "{} data sets were invented from the priors by the reference solver and inferred from by the \
         surrogate; {} of these posteriors would be refused.",
        s.data_sets, s.refused
    ));
    if s.data_sets > 0 {
        let chance = |p: f64| 100.0 * (p * (1.0 - p) / s.data_sets as f64).sqrt();
        out.push(format!(
            "With so many data sets coverage scatters by chance: 50 ± {:.1} % and 90 ± {:.1} % \
             (standard deviations).",
            chance(0.5),
            chance(0.9)
        ));
    }
    if check.counts.is_none() || check.ranks.is_empty() {
        out.push("No sbc.csv or sbc.jsonl: some ranks are not drawn.".to_owned());
    }
    out
}

/// How often intervals cover the truth.
pub(super) fn coverage(check: &Check) -> TableView {
    let rows = check.names().into_iter().filter_map(|name| {
        let of = check.summary.unknowns.get(&name)?;
        let ranks = if of.in_band { "stay in" } else { "leave" }.to_owned();
        Some(vec![name, percent(of.coverage_50), percent(of.coverage_90), ranks])
    });
    let headers = ["Unknown", "Covered by 50 %", "Covered by 90 %", "Ranks and band"];
    view(&headers, rows.collect())
}
