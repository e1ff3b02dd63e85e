//! How well the measured points determine a crystal: draws of everything that was fitted.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use surrogate_calibrate::diagnostics::{Summary, summary};
use surrogate_calibrate::{CalibrateError, Draws, Fatal, LogDensity, Nuts, Options};
use surrogate_crystal::cif::Uncertainties;
use surrogate_crystal::pattern::Pattern;
use surrogate_crystal::refine::{MeasuredFit, MeasuredLikelihood};
use surrogate_run::{
    Column, Dimension, InferenceData, InferenceGroup, Labels, Numbers, Table, Variable,
};

use crate::failure::Failure;

/// Chains, draws that tune and draws that are kept of each.
const CHAINS: usize = 4;
const TUNE: usize = 200;
const DRAWS: usize = 300;

/// Threads that draw.
const THREADS: usize = 2;

/// Beyond these no interval is given.
const MOST_R_HAT: f64 = 1.02;
const LEAST_EFFECTIVE: f64 = 300.0;

/// Draws around a fit.
pub struct Posterior {
    names: Vec<String>,
    /// Values at the fit.
    fitted: Vec<f64>,
    draws: Draws,
    /// The draws in the parameters themselves, chain after chain.
    points: Vec<Vec<f64>>,
    summaries: Vec<Summary>,
    /// Standard deviations as a CIF has them.
    pub uncertainties: Uncertainties,
}

impl Posterior {
    /// Draws what the points leave open around a fit. The prior is flat within the bounds of fits.
    pub fn draw(pattern: &Pattern, fit: &MeasuredFit, seed: u64) -> Result<Self, Failure> {
        let failed = |e: surrogate_crystal::refine::RefineError| Failure::user(e.to_string());
        let mut likelihood = MeasuredLikelihood::new(pattern, fit).map_err(failed)?;
        let whitening = likelihood.whitening().ok_or_else(|| {
            Failure::user("no posterior: the pattern does not determine the parameters")
        })?;
        let names: Vec<String> = likelihood.names().into_iter().map(str::to_string).collect();
        let fitted = likelihood.at_fit();
        let density = Whitened {
            fit,
            pattern,
            fitted: fitted.clone(),
            whitening: whitening.row_iter().map(|r| r.iter().copied().collect()).collect(),
            idle: Mutex::new(vec![likelihood]),
        };
        let nuts = Nuts {
            chains: CHAINS,
            tune: TUNE,
            draws: DRAWS,
            seed,
            threads: THREADS,
            ..Nuts::default()
        };
        let starts = density.starts(seed)?;
        let options = Options { starts: Some(&starts), ..Options::default() };
        let draws = nuts.sample_with(&density, options)?;
        let points: Vec<Vec<f64>> = draws.positions().map(|z| density.point(z)).collect();
        let of = |k: usize| -> Vec<Vec<f64>> {
            let chain = |part: &[Vec<f64>]| part.iter().map(|p| p[k]).collect();
            points.chunks(draws.draws().max(1)).map(chain).collect()
        };
        let summaries = (0..names.len()).map(|k| summary(&of(k))).collect();
        let uncertainties = density.uncertainties(&points)?;
        Ok(Self { names, fitted, draws, points, summaries, uncertainties })
    }

    /// Why the draws are not to be believed, if they are not.
    pub fn doubt(&self) -> Option<String> {
        let worst = self.summaries.iter().map(|s| s.r_hat).fold(0.0, f64::max);
        let least = self.summaries.iter().map(|s| s.ess_bulk).fold(f64::INFINITY, f64::min);
        let doubtful = !(worst <= MOST_R_HAT && least >= LEAST_EFFECTIVE);
        doubtful
            .then(|| format!("R-hat reaches {worst:.3}, effective draws are {least:.0} at least"))
    }

    /// Writes `posterior.csv` and `posterior.nc`.
    pub fn write(&self, folder: &Path) -> Result<(), Failure> {
        let numbers = |name: &str, of: &dyn Fn(&Summary) -> f64| {
            Column::numbers(name, "", self.summaries.iter().map(of).collect())
        };
        let table = Table::new(vec![
            Column::words("parameter", self.names.clone()),
            Column::words("unit", self.names.iter().map(|n| unit(n).to_string()).collect()),
            Column::numbers("fit", "", self.fitted.clone()),
            numbers("mean", &|s| s.mean),
            numbers("sd", &|s| s.sd),
            numbers("q5", &|s| s.q5),
            numbers("q50", &|s| s.q50),
            numbers("q95", &|s| s.q95),
            numbers("r_hat", &|s| s.r_hat),
            numbers("ess_bulk", &|s| s.ess_bulk),
        ]);
        table.write_csv(&folder.join("posterior.csv"))?;
        let text = |name: &str, value: &str| (name.to_string(), value.into());
        let attributes = vec![
            text("inference_library", "surrogate"),
            text("inference_library_version", env!("CARGO_PKG_VERSION")),
        ];
        let groups = vec![self.posterior_group(), self.statistics_group()];
        Ok(InferenceData { attributes, groups }.write(&folder.join("posterior.nc"))?)
    }

    fn group(&self, name: &str, variables: Vec<Variable>) -> InferenceGroup {
        let count = |name: &str, n| Dimension { name: name.to_string(), labels: Labels::count(n) };
        let dimensions =
            vec![count("chain", self.draws.chains.len()), count("draw", self.draws.draws())];
        InferenceGroup { name: name.to_string(), dimensions, variables, attributes: Vec::new() }
    }

    fn posterior_group(&self) -> InferenceGroup {
        let one = |(k, name): (usize, &String)| {
            let values = self.points.iter().map(|p| p[k]).collect();
            variable(name, unit(name), Numbers::Floats(values))
        };
        self.group("posterior", self.names.iter().enumerate().map(one).collect())
    }

    fn statistics_group(&self) -> InferenceGroup {
        let chains = &self.draws.chains;
        let lp = chains.iter().flat_map(|c| c.stats.lp.iter().copied()).collect();
        let energy = chains.iter().flat_map(|c| c.stats.energy.iter().copied()).collect();
        let diverging = chains.iter().flat_map(|c| c.stats.diverging.iter().copied()).collect();
        let variables = vec![
            variable("lp", "", Numbers::Floats(lp)),
            variable("energy", "", Numbers::Floats(energy)),
            variable("diverging", "", Numbers::Flags(diverging)),
        ];
        self.group("sample_stats", variables)
    }
}

fn variable(name: &str, unit: &str, values: Numbers) -> Variable {
    let dimensions = vec!["chain".to_string(), "draw".to_string()];
    Variable { name: name.replace(' ', "_"), unit: unit.to_string(), dimensions, values }
}

/// Unit of a parameter by its name.
fn unit(name: &str) -> &'static str {
    match name {
        "a" | "b" | "c" => "angstrom",
        "alpha" | "beta" | "gamma" | "zero shift" | "X" => "degree",
        "B" => "angstrom^2",
        "U" | "V" | "W" => "degree^2",
        _ => "",
    }
}

/// The likelihood in coordinates in which it is nearly a standard normal distribution.
struct Whitened<'a> {
    pattern: &'a Pattern,
    fit: &'a MeasuredFit,
    fitted: Vec<f64>,
    /// Rows: changes of a parameter by the coordinates.
    whitening: Vec<Vec<f64>>,
    /// Likelihoods that no thread uses.
    idle: Mutex<Vec<MeasuredLikelihood<'a>>>,
}

impl<'a> Whitened<'a> {
    fn point(&self, z: &[f64]) -> Vec<f64> {
        let moved =
            |(x, row): (&f64, &Vec<f64>)| x + row.iter().zip(z).map(|(w, z)| w * z).sum::<f64>();
        self.fitted.iter().zip(&self.whitening).map(moved).collect()
    }

    /// A likelihood for this thread.
    fn borrowed(&self) -> Result<MeasuredLikelihood<'a>, Fatal> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(likelihood) => Ok(likelihood),
            None => Ok(MeasuredLikelihood::new(self.pattern, self.fit)?),
        }
    }

    fn returned(&self, likelihood: MeasuredLikelihood<'a>) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(likelihood);
    }

    /// One start a chain, near the fit and within the bounds.
    fn starts(&self, seed: u64) -> Result<Vec<f64>, CalibrateError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let d = self.dim();
        let mut starts = Vec::with_capacity(CHAINS * d);
        for _ in 0..CHAINS {
            let mut start: Vec<f64> = (0..d).map(|_| rng.random_range(-1.0..1.0)).collect();
            let (mut logp, mut gradient) = ([0.0], vec![0.0; d]);
            for _ in 0..10 {
                self.logp_grad_batch(&start, &mut logp, &mut gradient)?;
                if logp[0].is_finite() {
                    break;
                }
                start.iter_mut().for_each(|z| *z *= 0.3);
            }
            starts.extend(start);
        }
        Ok(starts)
    }

    /// Standard deviations of what a CIF lists.
    fn uncertainties(&self, points: &[Vec<f64>]) -> Result<Uncertainties, CalibrateError> {
        let likelihood = self.borrowed()?;
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for point in points {
            let (crystal, b_iso) = likelihood.crystal(point);
            let cell = crystal.cell_parameters();
            let mut row = [&cell.lengths[..], &cell.angles_deg[..], &[b_iso]].concat();
            for orbit in &crystal.orbits {
                row.extend(crystal.wyckoff(orbit).position(&orbit.parameters).iter());
            }
            rows.push(row);
        }
        self.returned(likelihood);
        let count = rows.first().map_or(0, Vec::len);
        let deviation = |k: usize| {
            let n = rows.len() as f64;
            let mean = rows.iter().map(|r| r[k]).sum::<f64>() / n;
            (rows.iter().map(|r| (r[k] - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
        };
        let all: Vec<f64> = (0..count).map(deviation).collect();
        Ok(Uncertainties {
            lengths: [all[0], all[1], all[2]],
            angles_deg: [all[3], all[4], all[5]],
            b_iso: all[6],
            coordinates: all[7..].chunks_exact(3).map(|x| [x[0], x[1], x[2]]).collect(),
        })
    }
}

impl LogDensity for Whitened<'_> {
    fn dim(&self) -> usize {
        self.fitted.len()
    }

    fn logp_grad_batch(
        &self,
        points: &[f64],
        logp: &mut [f64],
        gradient: &mut [f64],
    ) -> Result<(), Fatal> {
        let d = self.dim();
        let mut likelihood = self.borrowed()?;
        let mut slopes = vec![0.0; d];
        let each = points.chunks_exact(d).zip(logp).zip(gradient.chunks_exact_mut(d));
        for ((z, logp), gradient) in each {
            slopes.fill(0.0);
            let value = likelihood.logarithm(&self.point(z), &mut slopes);
            *logp = value.unwrap_or(f64::NEG_INFINITY);
            for (j, slope) in gradient.iter_mut().enumerate() {
                *slope = self.whitening.iter().zip(&slopes).map(|(row, s)| row[j] * s).sum();
            }
        }
        self.returned(likelihood);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;
    use surrogate_crystal::cif;
    use surrogate_crystal::diffraction::{Instrument, PowderModel, Radiation};
    use surrogate_crystal::refine::fit_measured;
    use surrogate_crystal::symmetry::analyse;

    use super::*;

    /// A normal number, from twelve even ones.
    fn normal(rng: &mut impl Rng) -> f64 {
        (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0
    }

    #[test]
    fn intervals_cover_the_truth_of_simulated_counts_as_often_as_they_say() {
        let text = "data_rutile\n_cell_length_a 4.594\n_cell_length_b 4.594\n_cell_length_c 2.959\n\
                    _cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n\
                    _space_group_name_H-M_alt 'P 42/m n m'\n\
                    loop_\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n\
                    _atom_site_fract_z\nTi 0 0 0\nO 0.305 0.305 0\n";
        let rutile = cif::read(text).unwrap().remove(0).structure;
        let truth = analyse(&rutile, 0.01).unwrap().canonical();
        let instrument = Instrument {
            radiation: Radiation::parse("CuKa12").unwrap(),
            zero_shift_deg: 0.03,
            caglioti: [0.02, -0.01, 0.02],
            size_deg: 0.05,
            eta: 0.5,
            background: vec![300.0, -40.0],
        };
        let mut model = PowderModel::new(&truth, 1.54056, 6.0, 0.05).unwrap();
        let mut parameters = model.parameters().to_vec();
        *parameters.last_mut().unwrap() = 0.6;
        model.evaluate(&parameters, 6.0, &mut []).unwrap();
        let intensity: Vec<f64> = model.intensity().iter().map(|i| i * 0.02).collect();
        let angles: Vec<f64> = (0..600).map(|k| 20.0 + 0.12 * f64::from(k)).collect();
        let clean = instrument.pattern(&angles, model.q(), &intensity);
        let x = truth.orbits.iter().find_map(|o| o.parameters.first()).copied().unwrap();
        let known = [("a", truth.cell[0]), ("c", truth.cell[1]), ("x(O1)", x), ("B", 0.6)];
        let more = [("zero shift", 0.03), ("background 0", 300.0), ("scale", 0.02)];
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let (mut inside, mut of) = (0, 0);
        for seed in 0..8 {
            let counts = clean.iter().map(|y| (y + y.sqrt() * normal(&mut rng)).round());
            let pattern = Pattern {
                two_theta_deg: angles.clone(),
                intensity: counts.collect(),
                sigma: None,
                radiation: instrument.radiation.clone(),
            };
            let fit = fit_measured(&pattern, &truth, &instrument).unwrap();
            let posterior = Posterior::draw(&pattern, &fit, seed).unwrap();
            assert_eq!(posterior.doubt(), None);
            for (name, value) in known.iter().chain(&more) {
                let k = posterior
                    .names
                    .iter()
                    .position(|n| n == name)
                    .unwrap_or_else(|| panic!("{name} is not among {:?}", posterior.names));
                let s = &posterior.summaries[k];
                inside += usize::from(s.q5 <= *value && *value <= s.q95);
                of += 1;
            }
            let u = &posterior.uncertainties;
            assert!(u.lengths[0] > 0.0 && u.lengths[0] < 1e-2 && u.angles_deg == [0.0; 3]);
            assert!((u.lengths[0] - u.lengths[1]).abs() < 1e-12);
        }
        // 90 % of 56, and three standard deviations of a binomial that counts correlated parameters
        assert_eq!(of, 56);
        assert!((42..=56).contains(&inside), "{inside} of {of}");
    }
}
